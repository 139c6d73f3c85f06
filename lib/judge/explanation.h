/* SPDX-License-Identifier: MIT */
/* The parts of an explanation: what tells of a socket, and what of those around it. */
#ifndef EXPLANATION_H
#define EXPLANATION_H

#include <hark/explain.h>

#include "rows.h"

#define MAX_LISTED 6 /* addresses or processes in one sentence */

struct hark_explanation {
	struct arena arena;
	ARRAY(struct hark_finding) findings;
	const struct hark_snapshot *snapshot;
	bool has_ipv6;     /* an IPv6 socket was told of */
	bool has_wildcard; /* one bound to :: */
	bool has_failed;   /* memory ran out */
};

/*
 * The members of a port that differ in nothing that a person would see: a SO_REUSEPORT group is
 * one.
 */
struct alike {
	uint32_t first, n;
};

/* `text` NULL: memory ran out. */
void add_finding(struct hark_explanation *x, const char *code, uint32_t socket, const char *text,
		 const char *evidence);

static inline const struct hark_socket *socket_at(const struct hark_explanation *x, uint32_t i)
{
	return &x->snapshot->sockets.items[i];
}

/* "0.0.0.0:80", "[::]:80", "[fe80::1%eth0]:80". */
const char *endpoint_text(struct hark_explanation *x, const struct hark_addr *addr, uint16_t port,
			  uint8_t family);

/* The item behind the list (NULL: there is none yet). */
const char *append_text(struct hark_explanation *x, const char *list, const char *separator,
			const char *item);

/* What a row of the snapshot rests on. */
const char *socket_evidence(struct hark_explanation *x, const struct hark_socket *socket);

/* Which sockets there are, and of which kind; `is_first` of its port. */
void tell_socket(struct hark_explanation *x, const struct alike *alike, bool is_first);

/* What they get of a family. */
void tell_answer(struct hark_explanation *x, const struct alike *alike, enum hark_family family);

void tell_holders(struct hark_explanation *x, const struct alike *alike);

/* Why the tools that people know show the socket as they do. */
void tell_tools(struct hark_explanation *x, const struct alike *alike);

/* How a well-known server that holds it is told which families to serve. */
void tell_hints(struct hark_explanation *x, const struct alike *alike);

/* bindv6only and disable_ipv6: once, behind all ports, where an IPv6 socket was told of. */
void tell_settings(struct hark_explanation *x, uint32_t netns);

#endif
