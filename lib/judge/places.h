/* SPDX-License-Identifier: MIT */
/* The local addresses of a namespace and family, arranged for the planning of questions. */
#ifndef PLACES_H
#define PLACES_H

#include "rows.h"

/* How many addresses of each reach. */
struct reach_counts {
	uint32_t n[HARK_REACH_N_];
};

struct place_device {
	uint32_t ifindex;
	uint32_t first, n; /* in place_index.by_device */
	struct reach_counts reaches;
};

struct place_index {
	const struct hark_snapshot *snapshot;
	ARRAY(uint32_t) by_addr;   /* places that are one address, by address */
	ARRAY(uint32_t) by_device; /* the same, by interface, then address */
	ARRAY(uint32_t) prefixes;  /* places that are more than one address */
	ARRAY(struct place_device) devices;
	struct reach_counts reaches; /* of all in by_addr */
	bool lacks_interfaces;       /* of some place it is not told which interface has it */
	bool untold;                 /* the addresses are not known: one prefix stands for all */
};

/* Arranges the places of a namespace. 0 or -ENOMEM; place_index_fini() in either case. */
int place_index_init(struct place_index *index, struct hark_snapshot *snapshot, uint32_t netns,
		     enum hark_family family);
void place_index_fini(struct place_index *index);

/*
 * The run of `by_addr` whose bytes are this address: returns how many, *ret_first where it begins.
 */
uint32_t place_index_find(const struct place_index *index, const struct hark_addr *addr,
			  uint32_t *ret_first);

/* The longest prefix that holds the address, or HARK_NONE: an index of snapshot->places. */
uint32_t place_index_find_prefix(const struct place_index *index, const struct hark_addr *addr);

const struct place_device *place_index_device(const struct place_index *index, uint32_t ifindex);

#endif
