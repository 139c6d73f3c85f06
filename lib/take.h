/* SPDX-License-Identifier: MIT */
/* Taking a snapshot, or a glance, from any source: this machine, or a recording. */
#ifndef TAKE_H
#define TAKE_H

#include <hark/glance.h>
#include <hark/snapshot.h>

#include "source.h"

int snapshot_take_from(struct hark_source *source, const struct hark_query *query,
		       struct hark_snapshot **ret, struct hark_error *reterr);

int glance_from(struct hark_source *source, const struct hark_query *query, struct hark_glance *ret,
		struct hark_error *reterr);

#endif
