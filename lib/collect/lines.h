/* SPDX-License-Identifier: MIT */
/* The lines of a text file of any length, through a buffer that does not grow. */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
	int fd;
	bool is_cut; /* the rest of the line given out last is still to be passed over */
	size_t start;
	size_t end;
	char bytes[32 * 1024];
};

/* Opens a file below a directory descriptor (-1: ENOENT): 0 or -errno. */
int lines_open(struct lines *lines, int dir_fd, const char *path);
void lines_close(struct lines *lines);

/*
 * 1 and the next line, NUL-terminated and without its newline, to be used before the next call; one
 * that is longer than the buffer is cut. 0 at the end, or -errno.
 */
int lines_next(struct lines *lines, char **ret);

#endif
