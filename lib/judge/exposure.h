/* SPDX-License-Identifier: MIT */
/* What the parts of <hark/exposure.h> share. */
#ifndef EXPOSURE_H
#define EXPOSURE_H

#include <hark/exposure.h>

#include "arena.h"
#include "ranges.h"

/* That of lo, in every namespace: LOOPBACK_IFINDEX of the kernel. */
#define LOOPBACK_IFINDEX 1u

struct known;

struct hark_exposures {
	const struct hark_snapshot *snapshot;
	ARRAY(struct hark_exposure) listeners; /* two of each, by family */
	ARRAY(struct hark_exposure) doors;
	ARRAY(struct hark_range) ranges;
	ARRAY(struct known) known;
};

/* Adds ranges of the snapshot to a set: 0 or -ENOMEM. */
int ranges_of(const struct hark_snapshot *snapshot, uint32_t first, uint32_t n, struct ranges *to);

/*
 * How far away those are who can send to the addresses of an entry; `reach` of whom, where it does
 * not tell its addresses. HARK_REACH_HOST: this host alone.
 */
enum hark_reach entry_scope(const struct hark_snapshot *snapshot,
			    const struct hark_firewall_entry *entry, int reach);

#endif
