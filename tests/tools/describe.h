/* SPDX-License-Identifier: MIT */
/* A snapshot as text, for tests to compare. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include <hark/snapshot.h>

/*
 * A line for each socket,
 *
 *	tcp46 listen [::]:80 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel
 *
 * with the reason in brackets behind a verdict that has one, one for each of AF_UNIX, "unix type=1
 * state=1 flags=10000 references=2 /run/a", with a '~' for each newline in its name, and one for
 * each note that is not for debugging alone, "note sockets fallback x1". The caller frees it.
 */
char *describe(const struct hark_snapshot *snapshot);

#endif
