/* SPDX-License-Identifier: MIT */
/* Telling, by little, whether a snapshot would be another one than the last. */
#ifndef HARK_GLANCE_H
#define HARK_GLANCE_H

#include <hark/snapshot.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The sockets that a query may be about. */
struct hark_glance {
	/*
	 * How many; 0: a snapshot would have none. More than the selection keeps, where that asks
	 * for answers or holders.
	 */
	uint32_t n_sockets;
	uint64_t digest; /* of who they are; another one: they are others */
};

/*
 * Reads the sockets of the current network namespace and nothing else: not who holds them, what
 * they answer or which addresses there are, although a change of these may change a snapshot. 0;
 * -EOPNOTSUPP where the query is about other network namespaces too; else as hark_snapshot_take().
 */
int hark_glance(const struct hark_query *query, struct hark_glance *ret, struct hark_error *reterr);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
