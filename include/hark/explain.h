/* SPDX-License-Identifier: MIT */
/* Why a port is, or is not, reachable: findings in plain sentences, each with what it rests on. */
#ifndef HARK_EXPLAIN_H
#define HARK_EXPLAIN_H

#include <hark/snapshot.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What a finding is about; each is of the last one above it with a lower value. */
enum hark_finding_depth {
	/* a port, or (without a socket) the host, what was looked at, or what was looked for */
	HARK_FINDING_HEADLINE,
	/* of that: one of its sockets, how they go together, how to change it */
	HARK_FINDING_PART,
	/* that socket */
	HARK_FINDING_DETAIL,
};

struct hark_finding {
	const char *code;     /* stable, for scripts: "dual-stack", "v6only", "shadowed" ... */
	const char *text;     /* a few sentences */
	const char *evidence; /* what it rests on: the netlink answer, sysctl or file */
	uint32_t socket;      /* the hark_socket that it is about, or HARK_NONE */
	uint8_t depth;        /* enum hark_finding_depth */
	uint32_t n_sockets;   /* so many from `socket` on: a SO_REUSEPORT group is told of once */
	uint32_t netns;       /* the hark_namespace that it is about, or HARK_NONE */
	uint32_t first_tool;  /* what other programs make of it: hark_explanation_tool() */
	uint32_t n_tools;
};

/* What another program shows of a socket. */
struct hark_tool {
	const char *command; /* as one types it: "ss -tlnp" */
	uint8_t shows;       /* enum hark_tristate */
	const char *as; /* how it shows it: "tcp6 :::80"; NULL: it does not, or that is not known */
};

struct hark_explanation;

/*
 * Explains the sockets of the snapshot that match the selection (NULL: all of them), in the order
 * that a person asks; the other listeners of their ports are explained with them. Where no listener
 * matches, what stands in the way is told. The snapshot should have been taken with HARK_DETAIL_ALL
 * | HARK_DETAIL_LOOKUPS | HARK_DETAIL_DROPS, and of the firewall's details with all, and with a
 * query that did not leave those out. 0 or -ENOMEM; freed by hark_explanation_free().
 */
int hark_explain(const struct hark_snapshot *snapshot, const struct hark_selection *selection,
		 struct hark_explanation **ret);
void hark_explanation_free(struct hark_explanation *explanation);

uint32_t hark_explanation_n_findings(const struct hark_explanation *explanation);
const struct hark_finding *hark_explanation_finding(const struct hark_explanation *explanation,
						    uint32_t i);
const struct hark_tool *hark_explanation_tool(const struct hark_explanation *explanation,
					      uint32_t i);

/*
 * The sockets that are told of, as indexes of hark_snapshot_socket(), in their order; HARK_NONE
 * past the last.
 */
uint32_t hark_explanation_socket(const struct hark_explanation *explanation, uint32_t i);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
