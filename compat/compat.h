/* SPDX-License-Identifier: MIT */
/* The personalities: what hark stands in for other programs with, in their options and words. */
#ifndef COMPAT_H
#define COMPAT_H

#include <hark/snapshot.h>

/* Like main() of that program; argv[0] is its name, as it was called. Returns its exit status. */
int netstat_main(int argc, char **argv);
int lsof_main(int argc, char **argv);

/* The exit status of what a personality does not do. */
#define COMPAT_REFUSED 2

/* How to find holders: HARK_HOLDERS in the environment, "proc" or "bpf"; otherwise as hark does. */
enum hark_holders_way compat_holders_way(void);

/* "NAME: ..." on standard error, escaped. */
void compat_complain(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
