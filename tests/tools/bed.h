/* SPDX-License-Identifier: MIT */
/* What a test of a collector works on: fixtures for /proc, /sys and the root, and a snapshot. */
#ifndef BED_H
#define BED_H

#include "rows.h"
#include "source.h"

struct bed {
	struct hark_source source; /* without netlink */
	int proc, sys, root;       /* the fixtures */
	struct hark_snapshot *snapshot;
};

/* For cmocka: *state is a bed. */
int bed_set_up(void **state);
int bed_tear_down(void **state);

/* A process in a cgroup; its pid is its number, from 1. The row moves when there is another. */
struct hark_process *bed_add_process(struct bed *bed, const char *cgroup);

#endif
