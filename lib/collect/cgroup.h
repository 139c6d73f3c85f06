/* SPDX-License-Identifier: MIT */
/* What the path of a cgroup says of the processes in it. Pure: text in, text out. */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name of a unit or a directory, and a NUL. */
#define CGROUP_NAME_SIZE 256
#define CGROUP_POD_SIZE  37

/* "" and NULL: the path does not say. */
struct cgroup_names {
	char unit[CGROUP_NAME_SIZE];
	char container[CGROUP_NAME_SIZE]; /* of containers within containers the innermost */
	char pod[CGROUP_POD_SIZE];
	const char *runtime; /* a literal; NULL also where several runtimes make that path */
};

/* Takes apart a path such as "/system.slice/ssh.service", any bytes. */
void cgroup_parse(const char *path, size_t length, struct cgroup_names *ret);

/* Whose slice ("user-1000.slice") a path begins with, or UINT32_MAX: nobody's. */
uint32_t cgroup_user(const char *path);

/*
 * Finds in the text of a /proc/PID/cgroup the path that says most: that of the unified hierarchy,
 * else of systemd's own, else of any that names a container. False when there is none.
 */
bool cgroup_choose(const char *text, const char **ret_path, size_t *ret_length);

#endif
