/* SPDX-License-Identifier: MIT */
/* What is known of a packet at one point of its way: the domain of the interpreter. */
#ifndef PACKET_H
#define PACKET_H

#include "firewall.h"

/*
 * A number of which some bits are known. `doubts` tells why the others are not.
 */
struct bits {
	uint32_t known; /* mask */
	uint32_t value; /* where known */
	uint32_t doubts;
};

/* XT_CONNTRACK_STATE_* without INVALID's shift: what conntrack says of the packet. */
enum packet_ct {
	PACKET_CT_NONE,      /* not looked at yet, or not at all */
	PACKET_CT_UNTRACKED, /* by notrack */
	PACKET_CT_NEW,
	PACKET_CT_ESTABLISHED, /* the reply */
};

/* One of the states at a point: sources that may be here, and what is known of their packets. */
struct packet_state {
	struct ranges sources;
	struct bits mark, ct_mark;
	uint8_t ct;           /* enum packet_ct */
	bool is_dnat;         /* IPS_DST_NAT: the destination was changed */
	bool is_dnat_known;
	struct hark_addr to;  /* destination as it is now */
	uint16_t port;        /* host order */
	bool is_to_known;     /* false: it was changed to one of many */
	uint32_t doubts;      /* of the way here that some sources may not have taken */
};

/* The packet itself, the same for all states of a run. */
struct packet {
	const struct firewall_question *question;
	const struct ruleset *ruleset;
	const struct rule_interface *in; /* NULL: not known, or on the way out */
	const struct rule_interface *out; /* of output, postrouting, forward; NULL: not known */
	uint8_t hook;                    /* enum rule_hook */
	bool is_reply; /* then the sources are destinations, and question->to is the source */
	bool is_first; /* conntrack has not seen it yet, priority below -200 */
};

/* For which sources of a state something holds. */
struct condition {
	struct ranges may;  /* it may hold: all others it does not */
	struct ranges must; /* it holds for sure; part of `may` */
	uint32_t doubts;    /* why the two differ */
};

/* All zero is "for none". */
void condition_fini(struct condition *condition);

/* These write in place of what was there: 0 or -ENOMEM. */
int condition_of_all(struct condition *condition, const struct ranges *sources);
int condition_of_none(struct condition *condition);
int condition_of_some(struct condition *condition, const struct ranges *sources, uint32_t doubts);
/* Those of `sources` that are in `set`, exactly. */
int condition_of_set(struct condition *condition, const struct ranges *sources,
		     const struct ranges *set);
/* Holds where both do; where either does. */
int condition_and(struct condition *condition, const struct condition *other);
int condition_or(struct condition *condition, const struct condition *other);
/* Turned about, within `sources`. */
int condition_not(struct condition *condition, const struct ranges *sources);

/* xt_match.c: a match of x_tables, and the part of an entry that is no match (xt kind XT_IP). */
int xt_match(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
	     struct condition *ret);

/* xt_ipset.c */
int ipset_match(const struct packet *packet, const struct packet_state *state, uint32_t set,
		uint8_t dimensions, uint8_t flags, struct condition *ret);

/*
 * fib.c: routing as the kernel does it, for all sources at once. Each source gets what its own
 * look-up would say.
 */
struct fib_result {
	struct ranges sources;
	uint8_t type;     /* RTN_*; 0: no route at all */
	uint32_t oif;     /* 0: none */
	uint32_t doubts;  /* several next hops, or something that is not modelled: type and oif may differ */
};

struct fib_question {
	uint8_t family;     /* enum hark_family */
	bool is_to_sources; /* the sources are where it goes; else `addr` is, from the sources */
	struct hark_addr addr; /* the other end; any: not given */
	uint32_t iif, oif;  /* 0: none */
	struct bits mark;
};

/* A partition of `sources`; *ret is malloc'd, to be freed by fib_free(): 0 or -ENOMEM. */
int fib_ask(const struct ruleset *ruleset, const struct fib_question *question,
	    const struct ranges *sources, struct fib_result **ret, uint32_t *ret_n);
void fib_free(struct fib_result *results, uint32_t n);

/* Those that the reverse path filter of the interface, or martian checks, let in. */
int fib_admits(const struct ruleset *ruleset, const struct rule_interface *in,
	       const struct firewall_question *question, const struct packet_state *state,
	       struct condition *ret_rp_filter, struct condition *ret_martian);

#endif
