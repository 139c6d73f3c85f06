/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int lines_open(struct lines *lines, int dir_fd, const char *path)
{
	if (dir_fd < 0)
		return -ENOENT;
	lines->fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (lines->fd < 0)
		return -errno;
	lines->is_cut = false;
	lines->start = 0;
	lines->end = 0;
	return 0;
}

void lines_close(struct lines *lines)
{
	close(lines->fd);
}

/* Moves what is left to the front and reads behind it: 1, 0 at the end of the file, or -errno. */
static int refill(struct lines *lines)
{
	size_t left = lines->end - lines->start;
	ssize_t n;

	memmove(lines->bytes, lines->bytes + lines->start, left);
	lines->start = 0;
	lines->end = left;
	n = read(lines->fd, lines->bytes + left, sizeof(lines->bytes) - 1 - left);
	if (n < 0)
		return -errno;
	lines->end += (size_t)n;
	return n > 0;
}

int lines_next(struct lines *lines, char **ret)
{
	for (;;) {
		char *line = lines->bytes + lines->start;
		size_t length = lines->end - lines->start;
		char *newline = memchr(line, '\n', length);
		bool is_rest = lines->is_cut;
		int r = 1;

		if (!newline && length < sizeof(lines->bytes) - 1) {
			r = refill(lines);
			if (r > 0)
				continue;
			if (r < 0 || lines->start == lines->end)
				return r;
			line = lines->bytes;
		}
		lines->is_cut = !newline && r > 0;
		if (!newline)
			newline = lines->bytes + lines->end;
		*newline = '\0';
		lines->start = (size_t)(newline - lines->bytes) + 1;
		if (lines->start > lines->end)
			lines->start = lines->end;
		if (!is_rest) {
			*ret = line;
			return 1;
		}
	}
}
