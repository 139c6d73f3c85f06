/* SPDX-License-Identifier: MIT */
/*
 * Who can reach a listener through the firewall of its own host: nf_tables, ip_tables and
 * ip6_tables, address translation, routes, and what else the kernel does with a packet between the
 * wire and the socket. What routers and clouds let through is outside of this.
 */
#ifndef HARK_FIREWALL_H
#define HARK_FIREWALL_H

#include <hark/model.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum hark_firewall_verdict {
	HARK_FIREWALL_ACCEPT,   /* gets through: to the listener, or where a door leads */
	HARK_FIREWALL_DROP,     /* nothing comes back */
	HARK_FIREWALL_REJECT,   /* refused, see `how` */
	HARK_FIREWALL_DIVERTED, /* gets somewhere else, see `how` */
	HARK_FIREWALL_DEPENDS,  /* see `depends_on` */
	HARK_FIREWALL_UNKNOWN,  /* the rules could not be read */
	HARK_FIREWALL_VERDICT_N_,
};

/* On what it may depend: a mask has 1 << one of these. */
enum hark_firewall_doubt {
	HARK_DOUBT_SENDER,    /* what the sender may choose: its port, options, ... */
	HARK_DOUBT_RATE,      /* how much came before: limit, quota, connlimit, recent */
	HARK_DOUBT_TIME,      /* time of day, day of the week */
	HARK_DOUBT_CHANCE,    /* numgen random, statistic */
	HARK_DOUBT_SET,       /* elements that come and go, or could not be read */
	HARK_DOUBT_ROUTING,   /* routes that could not be read, or several at once */
	HARK_DOUBT_MARK,      /* a mark that is not known */
	HARK_DOUBT_BPF,       /* programs: XDP, tc, netfilter, cgroup */
	HARK_DOUBT_QUEUE,     /* NFQUEUE: a program in user space decides */
	HARK_DOUBT_WRAPPERS,  /* tcp wrappers: hosts.allow and hosts.deny, in the listener itself */
	HARK_DOUBT_SOCKET,    /* the state of sockets */
	HARK_DOUBT_BRIDGE,    /* the port of a bridge that it came by */
	HARK_DOUBT_SOURCE,    /* a pattern of source addresses too scattered to be listed */
	HARK_DOUBT_ORDER,     /* of chains of one priority, of several tables: nothing tells it */
	HARK_DOUBT_UNDECODED, /* a rule that hark does not understand */
	HARK_DOUBT_N_,
};

/* All addresses from `first` to `last`, both with it. */
struct hark_range {
	struct hark_addr first, last;
};

/* What decided. Strings are foreign text, except where it is no rule. */
struct hark_firewall_rule {
	const char *where; /* "nft inet filter input", "iptables filter INPUT", "kernel" */
	uint64_t handle;   /* NFTA_RULE_HANDLE; iptables: number of the rule, from 1; 0: a policy */
	/* as its own program would write it, "policy drop", "reverse path filter of eth1"; NULL:
	 * not asked for (HARK_DETAIL_RULES) */
	const char *text;
	bool is_reply; /* met by the answer on its way out */
};

/* One part of the partition of all senders. */
struct hark_firewall_piece {
	uint8_t verdict;     /* enum hark_firewall_verdict */
	uint32_t depends_on; /* mask of 1 << enum hark_firewall_doubt */
	/* depends: verdicts that are possible, mask of 1 << enum hark_firewall_verdict */
	uint32_t possible;
	const char *how;      /* "tcp-reset", "icmp-port-unreachable", "10.0.0.2:80"; NULL */
	uint32_t first_range; /* hark_snapshot_range(): ascending */
	uint32_t n_ranges;
	uint32_t first_rule; /* hark_snapshot_firewall_rule() */
	uint32_t n_rules;
	uint32_t n_more_rules; /* that had a say, too */
};

/*
 * How packets fare at some addresses of a listener (or of a door) that arrive by one interface.
 * They are of an ordinary client: a SYN or a datagram from a high port, without options.
 */
struct hark_firewall_entry {
	uint8_t family;       /* enum hark_family */
	uint32_t netns;       /* index of its hark_namespace */
	uint32_t ifindex;     /* by which they arrive */
	uint32_t first_place; /* hark_snapshot_place(): the addresses that fare alike */
	uint32_t n_places;
	uint32_t first_piece; /* hark_snapshot_firewall_piece(): a partition of all senders */
	uint32_t n_pieces;
	/*
	 * A sender that chooses what an ordinary one does not (its port, options, extension
	 * headers, fragments) gets through, or may, from these besides: pieces, of which those
	 * count that are no verdict of HARK_FIREWALL_ACCEPT in the other partition.
	 */
	uint32_t first_crafted; /* hark_snapshot_firewall_piece(): accept or depends alone */
	uint32_t n_crafted;
	uint32_t first_step; /* HARK_DETAIL_PATH: hark_snapshot_firewall_step() */
	uint32_t n_steps;
};

/* A step of the packets' path that concerned any of them. */
struct hark_firewall_step {
	uint32_t rule;        /* hark_snapshot_firewall_rule() */
	const char *hook;     /* "prerouting", "input", ... */
	const char *action;   /* "accept", "drop", "jump", "goes on", ... */
	uint32_t first_range; /* who may be concerned */
	uint32_t n_ranges;
	bool is_certain;     /* who may be is */
	uint32_t depends_on; /* where not: mask of 1 << enum hark_firewall_doubt */
};

/*
 * An address and port that leads somewhere else, or to a listener of another port: DNAT to a
 * container, a redirect, a service of Kubernetes.
 */
struct hark_door {
	uint32_t netns;
	uint8_t protocol; /* enum hark_protocol */
	uint8_t family;   /* enum hark_family */
	uint16_t port;
	struct hark_addr to;  /* what it is published at; any: every address of this host */
	const char *leads_to; /* "172.17.0.2:80"; NULL: to several, or not known */
	uint32_t socket;      /* the listener of this snapshot that it leads to, or HARK_NONE */
	uint32_t rule;        /* hark_snapshot_firewall_rule(): that translates */
	uint32_t first_entry; /* hark_snapshot_firewall_entry() */
	uint32_t n_entries;
	uint8_t reach; /* enum hark_reach of its widest address */
	/* leads_to as an address and port; any and 0 where that is NULL */
	struct hark_addr target;
	uint16_t target_port;
	/*
	 * The listener is in another namespace, whose own rules its entries take into account:
	 * pieces of the two that do not let through stand beside one another.
	 */
	bool is_joined;
};

/* Names as scripts see them; NULL outside of the enumeration. */
const char *hark_firewall_verdict_name(enum hark_firewall_verdict verdict);
const char *hark_firewall_doubt_name(enum hark_firewall_doubt doubt); /* "sender", "rate", ... */

/*
 * Text of a range: "10.0.0.0/8" where it is a prefix, "10.0.0.1-10.0.0.9" where not. `text` is the
 * caller's, of HARK_RANGE_TEXT_SIZE bytes; returned for convenience.
 */
#define HARK_RANGE_TEXT_SIZE (2 * HARK_ADDR_TEXT_SIZE)
char *hark_range_format(const struct hark_range *range, char *text);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
