/* SPDX-License-Identifier: MIT */
/*
 * Reading what container runtimes keep on disk: files of root, or of any user who runs containers
 * of his own. Nothing leads out of the tree, and nothing that is opened can block or act: what a
 * user may have put there in place of a file is refused.
 */
#ifndef STATEFILE_H
#define STATEFILE_H

#include <stddef.h>
#include <sys/types.h>

/* Longest path of a state file. */
#define STATEFILE_PATH_SIZE 512

/*
 * Opens a directory below `root_fd` for reading: a descriptor or -errno. Symbolic links on the way
 * (administrators move /var/lib/docker) count as if `root_fd` were the root.
 */
int statefile_open_dir(int root_fd, const char *path);

/*
 * Reads a regular file below `dir_fd` through no symbolic link at all. The length of *ret, which is
 * NUL-terminated and the caller's to free; or -errno (-EFBIG: more than `max` bytes, -ELOOP or
 * -EINVAL: it is no regular file).
 */
ssize_t statefile_read(int dir_fd, const char *path, size_t max, char **ret);

/* Calls `take` for each name in a directory until that is not 0. 0, its answer, or -errno. */
int statefile_list(int dir_fd, int (*take)(void *data, const char *name), void *data);

#endif
