/* SPDX-License-Identifier: MIT */
/* Tables of routes, indexed: what fib.c and its neighbours share. */
#ifndef FIB_H
#define FIB_H

#include <assert.h>

#include "packet.h"

/* What a look-up in one table says. */
struct fib_outcome {
	uint8_t type; /* enum rule_route_type; NONE or THROW: not in this table */
	bool has_several, uses_dev;
	uint32_t oif;
	uint32_t doubts;
};

/*
 * What a look-up depends on besides the destination. Without padding, for it is compared as bytes.
 */
struct fib_look {
	uint32_t oif, dev;
	uint8_t from[16];        /* IPv6: a link-local source; else zero */
	int16_t suppress_prefix; /* longest that does not count, or -1 */
	uint8_t family;          /* enum hark_family */
	bool has_any_tos, ignores_linkdown, is_strict, is_lookup;
	bool passes_refusals; /* what refuses is as if there were nothing */
};

static_assert(sizeof(struct fib_look) == 32, "compared as bytes");

/* All routes to one prefix in one table, in the kernel's order. */
struct fib_node {
	u128 first, last;
	uint32_t parent; /* node of the next shorter prefix around it, or UINT32_MAX */
	uint32_t first_route, n_routes; /* of `order` */
	bool is_hidden; /* in the table main, inside of a prefix of the table local */
};

struct fib_table {
	uint8_t family;
	uint32_t id;
	uint32_t first_node, n_nodes;
};

/* A table taken apart, for all destinations: a partition of them. */
struct fib_partition {
	uint32_t table; /* index */
	struct fib_look look;
	struct fib_outcome *outcomes;
	struct ranges *destinations; /* beside them */
	uint32_t n;
	uint64_t used; /* when it was, by `fib.clock` */
};

#define FIB_PARTITIONS 12

/* What a rule of policy routing refers to; UINT32_MAX: there is no such thing. */
struct fib_policy {
	uint32_t iif, oif;
	uint32_t go_to; /* index of the rule */
};

struct fib {
	const struct ruleset *ruleset;
	uint32_t *order; /* of routes */
	struct fib_node *nodes;
	struct fib_table *tables; /* by family and id */
	uint32_t n_routes, n_nodes, n_tables;
	struct fib_policy *policies; /* beside those of the ruleset */
	/*
	 * IPv4: without rules other than the kernel's own, the tables local and main are one
	 * (net/ipv4/fib_trie.c), so that the longest prefix of either decides.
	 */
	bool is_merged;
	struct fib_partition partitions[FIB_PARTITIONS];
	uint64_t clock;
};

/* The index of a table, or UINT32_MAX. */
uint32_t fib_find_table(const struct fib *fib, uint8_t family, uint32_t id);

/* A look-up for one destination. */
struct fib_outcome fib_look_up(const struct fib *fib, uint32_t table, const struct fib_look *look,
			       u128 destination);

/* For all, worked out once: kept until others take its place. NULL when memory ran out. */
const struct fib_partition *fib_partition(struct fib *fib, uint32_t table,
					  const struct fib_look *look);

/* What fib_new() and fib_free() do for tables. */
int fib_index(struct fib *fib);
void fib_forget(struct fib *fib);

/* The parts of a rule and of a packet that are addresses, as numbers and intervals. */
u128 fib_number(const struct hark_addr *addr, uint8_t family);
struct range fib_range(const struct hark_prefix *prefix, uint8_t family);

/*
 * Adds sources that something holds for, and must hold for unless there are doubts: 0 or -ENOMEM.
 */
int fib_add(struct condition *condition, const struct ranges *sources, uint32_t doubts);

/* IPv4: 0.0.0.0/8, 127.0.0.0/8, ...: the first and last of well-known blocks. */
bool fib_is_zeronet(u128 number);
bool fib_is_limited_broadcast(u128 number);
bool fib_is_multicast_ipv4(u128 number);
bool fib_is_local_multicast(u128 number);

/* fe80::/10 */
struct range fib_link_local(void);

/*
 * fib_ask() for a question whose sources are the destinations of IPv6, of which link-local ones
 * must be reached by `ifindex`; of IPv4 no more than that. Results are added to `results`.
 */
int fib_ask_by_link(struct fib *fib, const struct fib_question *question, uint32_t ifindex,
		    const struct ranges *sources, struct fib_result **ret, uint32_t *ret_n);

/* The VRF that an interface belongs to, or is; NULL: none. */
const struct rule_interface *fib_vrf(const struct ruleset *ruleset, uint32_t ifindex);

#endif
