/* SPDX-License-Identifier: MIT */
/*
 * The verdicts of a ruleset. Pure: a ruleset and a question in, a partition of all senders out.
 *
 * The rules are run once for all source addresses together. At each point there are some states: a
 * set of sources that may be here, and what is known of packet and connection (packet.h). A rule
 * tells for a state which sources it may match, and which it must; what it decides takes the first,
 * what goes on loses the second. In the end each source is in as many outcomes as it may meet: one
 * is a verdict, several are "it depends", and on what is told by the rules that left it open.
 */
#ifndef FIREWALL_H
#define FIREWALL_H

#include <hark/firewall.h>

#include "ranges.h"
#include "ruleset.h"

/* One of enum hark_firewall_doubt in a mask. */
#define DOUBT(name) (1u << HARK_DOUBT_##name)

/* What of the ruleset decided. */
enum firewall_decider {
	FIREWALL_RULE,      /* `index` of rules */
	FIREWALL_POLICY,    /* of a base chain: `index` of chains */
	FIREWALL_NO_ROUTE,  /* no way back to the sender, or a route that says so */
	FIREWALL_RP_FILTER, /* reverse path filter of the interface: `index` of interfaces */
	FIREWALL_MARTIAN,   /* not an address that may come in by this interface */
	FIREWALL_PROGRAM,   /* `index` of programs */
	FIREWALL_NOT_LOCAL, /* the destination is not this host's, and it does not forward */
	FIREWALL_NOT_READ,  /* some rules could not be read */
};

struct firewall_witness {
	uint8_t decider; /* enum firewall_decider */
	uint8_t stage;   /* enum rule_hook */
	bool is_reply;   /* met by what goes back */
	uint32_t index;
};

/* How it is refused, or where it goes. */
struct firewall_how {
	uint8_t kind;  /* 0: none; reject: enum firewall_reject; diverted: FIREWALL_HOW_ADDRESS */
	uint16_t port; /* host order; 0: as it was */
	bool is_any_address; /* one of several: first to last */
	bool is_local;       /* all of them are this host's own */
	struct hark_addr first, last;
};

enum firewall_reject {
	FIREWALL_HOW_NOTHING,
	FIREWALL_TCP_RESET,
	FIREWALL_NET_UNREACHABLE,  /* ICMP; of IPv6 no-route */
	FIREWALL_HOST_UNREACHABLE, /* ICMP; of IPv6 address unreachable */
	FIREWALL_PROTOCOL_UNREACHABLE,
	FIREWALL_PORT_UNREACHABLE,
	FIREWALL_NET_PROHIBITED,
	FIREWALL_HOST_PROHIBITED,
	FIREWALL_ADMIN_PROHIBITED,
	FIREWALL_POLICY_FAIL,
	FIREWALL_REJECT_ROUTE,
	FIREWALL_HOW_ADDRESS,
	FIREWALL_HOW_N_,
};

/* A part of the partition. */
struct firewall_piece {
	struct ranges sources;
	uint8_t verdict;   /* enum hark_firewall_verdict */
	uint32_t doubts;   /* depends: mask of DOUBT() */
	uint32_t outcomes; /* depends: mask of 1 << enum hark_firewall_verdict that compete */
	struct firewall_how how;
	struct firewall_witness *witnesses; /* in the packet's order, each once ... */
	uint32_t n_witnesses;               /* ... FIREWALL_WITNESSES_MAX at most */
	uint32_t n_more;                    /* that were left out */
};

#define FIREWALL_WITNESSES_MAX 32

struct firewall_question {
	uint8_t family;   /* enum hark_family */
	uint8_t protocol; /* IPPROTO_* */
	uint32_t ifindex; /* by which it arrives; that of lo: sent by this host itself */
	struct hark_addr to;
	uint16_t port; /* host order; 0 where the protocol has none */
	/*
	 * An ordinary client: a SYN or a datagram from port 40000, no options of IP, no extension
	 * headers, no fragment. Else the sender may choose all that.
	 */
	bool is_canonical;
	/* Where it is sent on to another host: go on through forward, and say accept with `how` */
	bool follows;
	uint64_t cgroup_id; /* the listener's, for programs of cgroups; 0: not known */
	uint32_t uid;       /* of the socket, for rules about who replies; HARK_NONE: not known */
};

/*
 * A partition of all sources, in the order in which a reader would have them: the widest last.
 * Addresses that none can send from (multicast, 0.0.0.0/8, loopback, this host's own) are in
 * whichever piece is shortest with them.
 */
struct firewall_answer {
	struct firewall_piece *pieces;
	uint32_t n_pieces;
	/* After address translation: where it is delivered. As it was asked for, else. */
	bool is_translated;
};

/* A step on the path, for explanations. */
struct firewall_step {
	uint8_t hook; /* enum rule_hook */
	bool is_reply;
	uint32_t chain; /* index, or RULESET_NONE: no chain (routing) */
	uint32_t rule;  /* index, or RULESET_NONE: the chain's policy */
	uint8_t action; /* enum rule_verdict, as far as it is one; RULE_CONTINUE: a statement */
	const struct ranges *may, *must; /* the sources that it may and must match; lent */
	uint32_t doubts;
};

typedef void (*firewall_tell)(void *data, const struct firewall_step *step);

/* What is worked out of a ruleset once for all questions. Several threads may not share it. */
struct firewall;

/* 0 or -ENOMEM. The ruleset stays the caller's, and as it is. */
int firewall_new(const struct ruleset *ruleset, struct firewall **ret);
void firewall_free(struct firewall *firewall);

/*
 * The answer is the firewall's and stays until it is freed: questions that must fare alike get the
 * same one. 0; -ENOMEM; -E2BIG: more than the engine's caps, to be told as unknown.
 */
int firewall_ask(struct firewall *firewall, const struct firewall_question *question,
		 const struct firewall_answer **ret);

/* The same, uncached, telling each step that matches anything. */
int firewall_trace(struct firewall *firewall, const struct firewall_question *question,
		   firewall_tell tell, void *data);

/* A door: a destination that address translation changes, as far as rules name it. */
struct firewall_door {
	uint8_t family;      /* enum hark_family */
	uint8_t protocol;    /* IPPROTO_* */
	bool is_any_address; /* of this host */
	struct hark_addr to;
	uint16_t port;
	uint32_t rule; /* that translates, for instance */
};

/* Those that nat rules in prerouting name, FIREWALL_DOORS_MAX at most: 0 or -ENOMEM. */
#define FIREWALL_DOORS_MAX 4096
int firewall_doors(struct firewall *firewall, const struct firewall_door **ret, uint32_t *ret_n,
		   bool *ret_is_all);

/* "tcp-reset", "icmp-port-unreachable", ..., "10.0.0.2:80": needs HARK_ADDR_TEXT_SIZE + 64 bytes. */
#define FIREWALL_HOW_SIZE (2 * HARK_ADDR_TEXT_SIZE + 32)
char *firewall_how_text(const struct firewall_how *how, enum hark_family family, char *text);

/* The rule as nft or iptables would write it, foreign text and all; malloc'd, or NULL. */
char *firewall_rule_text(const struct ruleset *ruleset, uint32_t rule);
/* "nft inet filter input", "iptables filter INPUT", "ip6tables ..."; malloc'd, or NULL. */
char *firewall_chain_text(const struct ruleset *ruleset, uint32_t chain);

#endif
