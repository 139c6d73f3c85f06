/* SPDX-License-Identifier: MIT */
/* The tables of matches and targets of x_tables that are known by name: for xt_decode.c alone. */
#ifndef XT_DECODE_H
#define XT_DECODE_H

#include "rules.h"

/* For which families a match or target is registered. */
#define XT_FOR_IPV4 1
#define XT_FOR_IPV6 2
#define XT_FOR_REST 4 /* inet, bridge, arp, through nf_tables */
#define XT_FOR_BOTH (XT_FOR_IPV4 | XT_FOR_IPV6)
#define XT_FOR_ANY  (XT_FOR_BOTH | XT_FOR_REST)

/* The most that any decoder is given. */
#define XT_DECODED_MAX 512

struct xt_row;

/*
 * Fills in ret->u, and ret->kind where the row's is not right. The blob is aligned and as long as
 * the row says. False: what it says is nothing that the kernel would take, or do alike.
 */
typedef bool (*xt_decoder)(const struct xt_row *row, const void *blob, struct xt *ret);

struct xt_row {
	const char *name;
	uint8_t first_revision, last_revision;
	uint8_t families;  /* XT_FOR_* */
	uint8_t kind;      /* enum xt_kind */
	bool tracks;       /* its checkentry calls nf_ct_netns_get() */
	uint8_t protocol;  /* XT_PORTS: IPPROTO_* */
	uint16_t size;     /* of its struct: what the kernel calls matchsize or targetsize */
	uint16_t own;      /* where the struct goes on with what is the kernel's own; 0: nowhere */
	xt_decoder decode; /* NULL: its kind is all there is to tell */
};

/* In order of their names. */
extern const struct xt_row xt_matches[];
extern const size_t xt_n_matches;
extern const struct xt_row xt_targets[];
extern const size_t xt_n_targets;

#endif
