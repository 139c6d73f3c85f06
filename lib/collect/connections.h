/* SPDX-License-Identifier: MIT */
/*
 * The TCP connections of other network namespaces than our own. A dump in any of them has the
 * kernel go through the connections of all; a BPF program does so once, and tells what to look up
 * where.
 */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include "nl.h"
#include "sockdiag.h"

struct connections;

/*
 * 0 or -ENOMEM. NULL where BPF cannot be used: then each namespace is to be dumped. A note for
 * those who debug tells which.
 */
int connections_begin(struct hark_source *source, struct hark_snapshot *snapshot,
		      struct connections **ret);
void connections_end(struct connections *connections); /* NULL is fine */

/*
 * Takes the sockets of the namespace that `dump` is of, but for listeners, by look-ups: 1. 0 where
 * it must be dumped: look-ups would take longer, or it has what they do not find. -errno as
 * nl_ask().
 */
int connections_take(const struct connections *connections, struct nl *nl,
		     struct sockdiag_dump *dump);

#endif
