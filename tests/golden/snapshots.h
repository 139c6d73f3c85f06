/* SPDX-License-Identifier: MIT */
/* Snapshots made by hand, for the renderers. */
#ifndef SNAPSHOTS_H
#define SNAPSHOTS_H

#include <hark/snapshot.h>

/*
 * The snapshot of that name ("founding", "rich", "connections", "hidden", "empty", "many"), or
 * NULL.
 */
struct hark_snapshot *snapshot_by_name(const char *name);

#endif
