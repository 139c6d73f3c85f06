/* SPDX-License-Identifier: MIT */
/* A tree of small files that stands in for /proc or /sys. */
#ifndef FIXTURE_H
#define FIXTURE_H

/*
 * A new empty directory below $TMPDIR (or /tmp), as a descriptor; ends the program when that fails.
 */
int fixture_open(void);

/* Writes a file, and the folders on the way to it. */
void fixture_write(int fixture, const char *path, const char *text);

/* The same for a symbolic link. */
void fixture_link(int fixture, const char *path, const char *target);

/* Removes the directory with all that is in it. */
void fixture_close(int fixture);

#endif
