/* SPDX-License-Identifier: MIT */
/* The ends of packets, and their types: for what rules ask routes. */
#ifndef FIB_TYPES_H
#define FIB_TYPES_H

#include "fib.h"

/*
 * What is asked about: an end of the packet. One end is a set, that of the sources; the other is
 * one address.
 */
struct fib_end {
	const struct packet *packet;
	const struct packet_state *state;
	bool is_set;           /* it is the sources; else `addr` */
	struct hark_addr addr; /* the end that is no set */
	bool is_addr_known;
	const struct rule_interface *dev; /* to which the question is limited; NULL: none */
};

/* How addresses of IPv6 are looked up for their type. */
struct fib_manner {
	struct hark_addr other; /* the other end; any: not given */
	struct bits mark;
	uint32_t oif;  /* by which all are looked for; 0: any */
	uint32_t link; /* by which link-local ones are */
};

struct fib_end fib_end(const struct packet *packet, const struct packet_state *state,
		       bool is_source);

/* All sources have the same result: 0 or -ENOMEM. */
int fib_one_result(const struct ranges *sources, const struct fib_result *result,
		   struct fib_result **ret, uint32_t *ret_n);

/* The types of the end as results of the sources: 0 or -ENOMEM. Of IPv4, `manner` means nothing. */
int fib_types(const struct fib_end *end, const struct fib_manner *manner, struct fib_result **ret,
	      uint32_t *ret_n);

static inline uint32_t fib_ifindex(const struct rule_interface *interface)
{
	return interface ? interface->ifindex : 0;
}

#endif
