/* SPDX-License-Identifier: MIT */
/* What is known of a packet at one point of its way: the domain of the interpreter. */
#ifndef PACKET_H
#define PACKET_H

#include "firewall.h"
#include "ruleset_names.h"

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
	PACKET_CT_RELATED,     /* a refusal */
};

/* What goes back. */
enum packet_answer {
	PACKET_SYN_ACK,
	PACKET_RESET, /* of TCP */
	PACKET_ICMP,  /* an error: then the question's protocol is that of ICMP */
};

/* One of the states at a point: sources that may be here, and what is known of their packets. */
struct packet_state {
	struct ranges sources;
	struct bits mark, ct_mark;
	uint8_t ct;   /* enum packet_ct */
	bool is_dnat; /* IPS_DST_NAT: the destination was changed */
	bool is_dnat_known;
	bool is_translated;       /* nat chains have had their say at this hook */
	struct hark_addr to;      /* destination as it is now */
	uint16_t port;            /* host order */
	bool is_to_known;         /* false: it was changed to one of many, from `to` ... */
	struct hark_addr to_last; /* ... to this */
	bool is_port_known;       /* false: likewise, nothing is known of it */
	bool has_connection;      /* conntrack has seen it */
	bool is_rewritten;        /* what was sent is no longer known, but addresses and ports */
	uint32_t doubts;          /* of the way here that some sources may not have taken */
};

/* The packet itself, the same for all states of a run. */
struct packet {
	const struct firewall_question *question;
	const struct ruleset *ruleset;
	struct fib *fib;                  /* of the same ruleset */
	struct ipset_cache *ipsets;       /* likewise; NULL: none */
	const struct rule_interface *in;  /* NULL: not known, or on the way out */
	const struct rule_interface *out; /* of output, postrouting, forward; NULL: not known */
	bool has_in, has_out;             /* there is one, known or not */
	uint8_t hook;                     /* enum rule_hook */
	uint8_t answer;                   /* enum packet_answer, where is_reply */
	bool is_reply; /* then the sources are destinations, and question->to is the source */
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

/*
 * xt_ipset.c. The cache keeps what sets of nothing but addresses say of all senders, so that a
 * large one is worked out once for all questions; 0 or -ENOMEM.
 */
struct ipset_cache;
int ipset_cache_new(const struct ruleset *ruleset, struct ipset_cache **ret);
void ipset_cache_free(struct ipset_cache *cache); /* NULL is fine */

int ipset_match(const struct packet *packet, const struct packet_state *state, uint32_t set,
		uint8_t dimensions, uint8_t flags, struct condition *ret);

/*
 * fib.c: routing as the kernel does it, for all sources at once. Each source gets what its own
 * look-up would say.
 */
struct fib;

/* Sorts the routes of a ruleset, which stays as it is until fib_free(): 0 or -ENOMEM. */
int fib_new(const struct ruleset *ruleset, struct fib **ret);
void fib_free(struct fib *fib); /* NULL is fine */

struct fib_result {
	struct ranges sources;
	uint8_t type;     /* enum rule_route_type; 0: no route at all */
	bool has_several; /* `oif` is that of one of several next hops, any of which may be taken */
	bool uses_dev;    /* one of them leads to the `dev` of the question */
	uint32_t oif;     /* 0: none */
	uint32_t doubts;  /* for what is not modelled: all of it may be otherwise */
};

struct fib_question {
	uint8_t family;        /* enum hark_family */
	bool is_to_sources;    /* the sources are where it goes; else `addr` is, from the sources */
	struct hark_addr addr; /* the other end; any: not given */
	uint32_t iif, oif;     /* 0: none; without `iif`, it is this host that sends */
	uint32_t dev;          /* see struct fib_result */
	struct bits mark;
	uint8_t protocol;      /* IPPROTO_*; 0: not given */
	bool has_any_tos;      /* the sender chooses it; else it is 0 */
	bool ignores_linkdown; /* routes without a carrier count, whatever the settings say */
	/*
	 * IPv6: routes must lead to `oif`, which else is but preferred; and those of one prefix are
	 * gone through as ip6_route_lookup() does, not as for a packet.
	 */
	bool is_strict, is_lookup;
};

/* A partition of `sources`; *ret is malloc'd, to be freed by fib_results_free(): 0 or -ENOMEM. */
int fib_ask(struct fib *fib, const struct fib_question *question, const struct ranges *sources,
	    struct fib_result **ret, uint32_t *ret_n);
void fib_results_free(struct fib_result *results, uint32_t n); /* NULL is fine */

/*
 * fib_match.c: what asks routes. In all of them packet->fib is asked, for a packet of `state`.
 *
 * On the way in, before the packet is given to a socket or sent on (`oif`: by that interface; 0: it
 * is for this host): the sources that the reverse path filter of packet->in refuses, and those that
 * may not come in by it for other reasons (martians). Nothing is refused on lo.
 */
int fib_refuses(const struct packet *packet, const struct packet_state *state, uint32_t oif,
		struct condition *ret_rp_filter, struct condition *ret_martian);

/*
 * Where the packet goes that came in by packet->in, to state->to: a partition of the state's
 * sources. RULE_ROUTE_LOCAL: to this host; RULE_ROUTE_UNICAST: it is sent on by `oif`, if
 * ruleset->forwarding says so; any other: it is dropped.
 */
int fib_deliver(const struct packet *packet, const struct packet_state *state,
		struct fib_result **ret, uint32_t *ret_n);

/*
 * The way of the reply to the sources, from `from` and with the mark of the replying socket. It
 * is sent where the type is unicast, local or broadcast; else no answer comes back.
 */
int fib_reply(const struct packet *packet, const struct packet_state *state,
	      const struct hark_addr *from, struct bits mark, struct fib_result **ret,
	      uint32_t *ret_n);

/* Whether something was sent, for the last. */
static inline bool fib_is_way(const struct fib_result *result)
{
	return result->type >= RULE_ROUTE_UNICAST && result->type <= RULE_ROUTE_MULTICAST;
}

/*
 * `fib` of nf_tables: for RULE_FIB_OIF and RULE_FIB_OIFNAME the interface is `oif` of the result
 * (0: none, or ""), with RULE_FIB_PRESENT it is 1 or 0; for RULE_FIB_ADDRTYPE the value is `type`.
 * It never breaks the rule.
 */
int fib_expression(const struct packet *packet, const struct packet_state *state,
		   const struct rule_expression *expression, struct fib_result **ret,
		   uint32_t *ret_n);

/* The matches rpfilter and addrtype of x_tables, decoded in `xt`. */
int fib_rpfilter(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
		 struct condition *ret);
int fib_addrtype(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
		 struct condition *ret);

/*
 * Addresses that no stranger can send from: of no or any network, multicast, broadcast, loopback,
 * this host's own.
 */
int fib_nobody(const struct ruleset *ruleset, enum hark_family family, struct ranges *ret);

#endif
