/* SPDX-License-Identifier: MIT */
/* Between making calls (probe.c) and telling of them. */
#ifndef PROBE_H
#define PROBE_H

#include <hark/snapshot.h>

#include "call.h"
#include "escape.h"

/* A call, and the sockets of the snapshot that had to do with it. */
struct probed {
	const struct call *call;
	const struct hark_snapshot *snapshot;
	const char *wire;  /* the interface that was captured on */
	bool is_outside;   /* the call came from a peer, not from this host */
	double timeout;    /* seconds that were waited at most */
	uint32_t end;      /* the server's end of the connection, or HARK_NONE */
	uint32_t listener; /* who accepted it, or would get it; HARK_NONE: nobody, or not known */
	uint32_t n_alike;  /* how many sockets share that place: a SO_REUSEPORT group */
};

/* What CONTRACT calls "accepted", "answered", "refused", "timed-out", "unreachable", "failed". */
const char *probe_outcome_name(const struct call *call);

/* Whether somebody answered. */
bool probe_is_answered(const struct call *call);

void probe_write_text(struct out *out, const struct probed *probed, bool color, enum escape escape);
void probe_write_json(struct out *out, const struct probed *probed);

#endif
