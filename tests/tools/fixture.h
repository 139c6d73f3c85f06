/* SPDX-License-Identifier: MIT */
/* A tree of small files that stands in for /proc, /sys or the root. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stddef.h>

/*
 * A new empty directory below $TMPDIR (or /tmp), as a descriptor; ends the program when that fails.
 */
int fixture_open(void);

/* Writes a file, and the folders on the way to it. */
void fixture_write(int fixture, const char *path, const char *text);
void fixture_write_bytes(int fixture, const char *path, const void *bytes, size_t length);

/* The same for a symbolic link. */
void fixture_link(int fixture, const char *path, const char *target);

/* Removes the directory with all that is in it. */
void fixture_close(int fixture);

#endif
