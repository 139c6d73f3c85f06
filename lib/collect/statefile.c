/* SPDX-License-Identifier: MIT */
#include "statefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Before Linux 5.6, or where openat2 is forbidden: step by step, and through no link. */
static int open_step_by_step(int dir_fd, const char *path, int flags)
{
	char step[STATEFILE_PATH_SIZE];
	int fd = -1, next;

	do {
		size_t length = strcspn(path, "/");
		const char *rest = path + length + strspn(path + length, "/");
		int how = *rest ? O_PATH | O_DIRECTORY | O_CLOEXEC : flags;

		if (!length || length >= sizeof(step)) {
			next = -EINVAL;
		} else {
			memcpy(step, path, length);
			step[length] = '\0';
			next = openat(fd < 0 ? dir_fd : fd, step, how | O_NOFOLLOW);
			if (next < 0)
				next = -errno;
			if (!strcmp(step, "..") && next >= 0) {
				close(next);
				next = -EXDEV;
			}
		}
		if (fd >= 0)
			close(fd);
		fd = next;
		path = rest;
	} while (fd >= 0 && *path);
	return fd;
}

static int open_below(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = resolve };
	int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	if (fd >= 0)
		return fd;
	if (errno == ENOSYS || errno == EPERM)
		return open_step_by_step(dir_fd, path, flags);
	return -errno;
}

int statefile_open_dir(int root_fd, const char *path)
{
	path += strspn(path, "/");
	return open_below(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Of what grows meanwhile, what there was. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size && (got = read(fd, text + length, size - length))) {
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			length += (size_t)got;
	}
	text[length] = '\0';
	return (ssize_t)length;
}

ssize_t statefile_read(int dir_fd, const char *path, size_t max, char **ret)
{
	int fd = open_below(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	ssize_t length = fd < 0 ? fd : 0;
	char *text = NULL;
	struct stat stat;

	if (length >= 0 && fstat(fd, &stat) < 0)
		length = -errno;
	if (length >= 0 && !S_ISREG(stat.st_mode))
		length = -EINVAL;
	if (length >= 0 && (uint64_t)stat.st_size > max)
		length = -EFBIG;
	if (length >= 0) {
		text = malloc((size_t)stat.st_size + 1);
		length = text ? read_all(fd, text, (size_t)stat.st_size) : -ENOMEM;
	}
	if (fd >= 0)
		close(fd);
	if (length < 0)
		free(text);
	else
		*ret = text;
	return length;
}

int statefile_list(int dir_fd, int (*take)(void *data, const char *name), void *data)
{
	_Alignas(struct dirent64) char entries[32768];
	ssize_t length;
	int r = 0;

	while (!r && (length = getdents64(dir_fd, entries, sizeof(entries))) > 0) {
		const struct dirent64 *entry;

		for (ssize_t at = 0; at < length && !r; at += entry->d_reclen) {
			entry = (const void *)(entries + at);
			if (entry->d_name[0] != '.')
				r = take(data, entry->d_name);
		}
	}
	return r || length >= 0 ? r : -errno;
}
