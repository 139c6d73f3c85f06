/* SPDX-License-Identifier: MIT */
/* What the commands share. */
#ifndef CLI_H
#define CLI_H

#include <stddef.h>

struct options;

/* The exit statuses that CONTRACT promises. */
enum {
	STATUS_MATCHED = 0,
	STATUS_NOTHING = 1,
	STATUS_USAGE = 2,
	STATUS_FAILED = 3,
	/* As shells have it, of a command that was to be run: */
	STATUS_NO_PROGRAM = 126,
	STATUS_NO_COMMAND = 127
};

/* Bits for the rows of the option table: whose option it is. */
enum {
	FOR_LIST = 1 << 0,
	FOR_EXPLAIN = 1 << 1,
	FOR_DEMO = 1 << 2,
	FOR_HELP = 1 << 3,
	FOR_VERSION = 1 << 4,
	FOR_PROBE = 1 << 5,
	FOR_BIND = 1 << 6,
	FOR_WAIT = 1 << 7,
	FOR_EXPOSED = 1 << 8,
	FOR_REACH = 1 << 9,
	FOR_ALL = (1 << 10) - 1,
};

struct command {
	const char *name;
	int (*run)(const struct options *options); /* returns a status; NULL: not in this version */
	/* Reads its own command line instead: see compat/compat.h. */
	int (*personality)(int argc, char **argv);
	unsigned int bit; /* FOR_... */
	const char *arguments;
	const char *help; /* one line */
};

/* Commands by index, NULL past the last; those of other versions are among them. */
const struct command *command_at(size_t i);
const struct command *command_find(const char *name);

int list_run(const struct options *options);
int explain_run(const struct options *options);
int exposed_run(const struct options *options);
int reach_run(const struct options *options);
int probe_run(const struct options *options);
int bind_run(const struct options *options);
int wait_run(const struct options *options);
int demo_run(const struct options *options);
int help_run(const struct options *options);
int version_run(const struct options *options);

/* Help on a command, or on the program (NULL). */
int help_print(const struct command *command);

/* "hark: ..." on standard error. What a user or program chose is escaped there. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Complains where writing the answer failed (a negative errno), and returns the status. */
int status_of_writing(int error);

#endif
