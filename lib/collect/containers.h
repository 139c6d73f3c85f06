/* SPDX-License-Identifier: MIT */
/* Between the rows that are in containers, and the ways to find what those are called. */
#ifndef CONTAINERS_H
#define CONTAINERS_H

#include "collect.h"
#include "container_json.h"

/* A row that is in a container. */
struct container_row {
	struct hark_process *process;
	uint32_t user; /* whose container it is; HARK_NONE: the system's */
};

/* All rows of one container. */
struct container_group {
	const char *id;
	const char *runtime; /* NULL: its cgroup does not tell */
	uint32_t user;  /* whose says so: another's rows with that id are a group of their own */
	uint32_t first; /* index of the first row */
	uint32_t n;
	bool is_named;
};

#define CONTAINER_STORE_DIRS 64
/* A file about one container is no longer. */
#define CONTAINER_FILE_MAX ((size_t)1 << 20)

/* What one runtime keeps for one user, or for the system. */
struct container_store {
	const struct container_runtime *runtime;
	uint32_t user;
	uint32_t n_dirs;
	bool has_named; /* its lists were read */
	int error;      /* why a directory could not be opened, or a list not be read */
	int dirs[CONTAINER_STORE_DIRS];
};

struct containers {
	struct hark_source *source;
	struct hark_snapshot *snapshot;
	int root_fd;                           /* -1: not opened yet */
	char *passwd;                          /* text of /etc/passwd; NULL: not read yet */
	ARRAY(uint32_t) fronted_users;         /* beside hark_snapshot.fronted: whose they are */
	ARRAY(struct container_row) rows;      /* by container and user */
	ARRAY(struct container_group) groups;  /* likewise */
	ARRAY(struct hark_process *) pod_rows; /* by pod */
	ARRAY(struct container_store) stores;
};

/* The group of a user's container, or NULL. */
struct container_group *containers_find(const struct containers *all, const char *id,
					uint32_t user);

/* Gives what is told to all rows of a group that do not have it yet. 0 or -ENOMEM. */
int containers_name(struct containers *all, struct container_group *group,
		    const struct container_facts *facts);

/*
 * Opens a directory below the root, or below a user's home (`user` is not HARK_NONE): a descriptor
 * or -errno.
 */
int containers_open_dir(struct containers *all, uint32_t user, const char *path);

/*
 * What a runtime keeps for a user, or HARK_NONE, the system; opened once. NULL with *reterr where
 * memory ran out.
 */
struct container_store *containers_store(struct containers *all, const char *runtime, uint32_t user,
					 int *reterr);

/* A new row of hark_snapshot.fronted, for a user's container: its index. 0 or -ENOMEM. */
int containers_add_fronted(struct containers *all, const char *id, const char *runtime,
			   uint32_t user, uint32_t *ret);

/* For which containers others hold sockets: rows of hark_snapshot.fronted. 0 or -ENOMEM. */
int containers_find_fronts(struct containers *all);

/* What the runtimes' own files tell of the groups. 0 or -ENOMEM. */
int containers_ask_runtimes(struct containers *all);

/* What the kubelet's logs are called: pods, and their containers. 0 or -ENOMEM. */
int containers_ask_kubelet(struct containers *all);

#endif
