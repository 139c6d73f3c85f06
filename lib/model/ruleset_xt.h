/* SPDX-License-Identifier: MIT */
/* Matches and targets of x_tables, alone or within nf_tables: a part of ruleset.h. */
#ifndef RULESET_XT_H
#define RULESET_XT_H

#include <stdbool.h>
#include <stdint.h>

#define RULESET_NONE UINT32_MAX

/* Bytes in `bytes` of the ruleset. */
struct rule_bytes {
	uint32_t at;
	uint32_t length;
};

/* Of struct ipt_ip and struct ip6t_ip6. Addresses in network order, IPv4 in the first four. */
enum xt_invert {
	XT_INVERT_IN = 0x01,
	XT_INVERT_OUT = 0x02,
	XT_INVERT_TOS = 0x04,
	XT_INVERT_SOURCE = 0x08,
	XT_INVERT_DESTINATION = 0x10,
	XT_INVERT_FRAGMENT = 0x20,
	XT_INVERT_PROTOCOL = 0x40,
};

/* How a match or target is modelled; the rest is known by name alone. */
enum xt_kind {
	XT_UNKNOWN, /* a name, or a revision, that nobody here knows */
	XT_IP,
	/* Matches */
	XT_PORTS,     /* tcp, udp, udplite, sctp, dccp */
	XT_MULTIPORT, /* .. */
	XT_CONNTRACK, /* conntrack and state */
	XT_ADDRTYPE,
	XT_MARK,
	XT_CONNMARK,
	XT_IPRANGE,
	XT_PKTTYPE,
	XT_SET,
	XT_RPFILTER,
	XT_ICMP,   /* icmp and icmp6: never of TCP or UDP */
	XT_ALWAYS, /* comment and what else has no say */
	/* Matches that rest on what the sender writes into a packet: ttl, hl, length, tos, ... */
	XT_SENDER,
	/* on how much came before: limit, hashlimit, recent, connlimit, quota, statistic, ... */
	XT_RATE,
	XT_TIME,
	XT_OWNER, /* owner, cgroup: of the sending socket, on the way out alone */
	XT_PHYSDEV,
	XT_SOCKET,
	XT_DEVGROUP,
	XT_POLICY, /* IPsec */
	XT_MAC,
	XT_BPF,
	/* Targets */
	XT_VERDICT, /* standard */
	XT_ERROR,
	XT_REJECT,
	XT_DNAT, /* DNAT and REDIRECT, NETMAP */
	XT_SNAT, /* SNAT and MASQUERADE: nothing for who comes in */
	XT_SET_MARK,
	XT_SET_CONNMARK,
	XT_CT, /* CT and NOTRACK */
	XT_TPROXY,
	XT_QUEUE,
	XT_SYNPROXY,
	XT_CHANGE_SETS, /* SET: goes on, and adds to ipsets or takes from them what comes by */
	XT_NOTHING, /* goes on, and changes nothing that matters here: LOG, TRACE, TCPMSS, ... */
	/* Goes on, and changes only what the sender chose before: TOS, DSCP, TTL, HL, ECN */
	XT_CHANGE,
};

struct xt_ports {
	uint16_t source_first, source_last, first, last; /* host order */
	uint8_t flag_mask, flag_compare;                 /* tcp */
	uint8_t option;                                  /* tcp; 0: none */
	bool not_source, not_destination, not_flags, not_option;
	uint8_t protocol; /* IPPROTO_*, that of the match */
};

struct xt_multiport {
	uint8_t where; /* 0 source, 1 destination, 2 either */
	uint8_t n;
	bool is_inverted;
	struct {
		uint16_t first, last; /* host order */
	} ports[15];
};

struct xt_addresses {
	uint8_t addr[16], mask[16];
};

/* struct xt_conntrack_mtinfo3, of which the other revisions are parts. */
struct xt_conntrack {
	struct xt_addresses original_source, original_destination, reply_source, reply_destination;
	uint32_t expires_first, expires_last;
	uint16_t protocol;
	/* host order; of the original and the reply direction */
	uint16_t original_source_port[2], original_destination_port[2], reply_source_port[2],
		reply_destination_port[2];
	uint16_t match, invert;  /* XT_CONNTRACK_* */
	uint16_t states, status; /* XT_CONNTRACK_STATE_*, IPS_* */
};

struct xt_mark {
	uint32_t mark, mask; /* of MARK and CONNMARK: xor (set) and clear */
	bool is_inverted;
	uint8_t mode;                    /* CONNMARK: 0 set, 1 save, 2 restore */
	uint32_t ct_mask, packet_mask;   /* CONNMARK: of save and restore */
	uint8_t shift_left, shift_right; /* CONNMARK rev 2, bits */
};

struct xt_iprange {
	uint8_t source_first[16], source_last[16], first[16], last[16]; /* network order */
	uint8_t flags;                                                  /* IPRANGE_* */
};

struct xt_ip {
	uint8_t source[16], source_mask[16], destination[16], destination_mask[16];
	char in[16], out[16];          /* NUL-terminated names ... */
	uint8_t in_length, out_length; /* ... of which so many bytes count; 0: any */
	uint16_t protocol;             /* 0: any */
	uint8_t flags;    /* IPT_F_FRAG 1, IPT_F_GOTO 2; IP6T_F_PROTO 1, TOS 2, GOTO 4 */
	uint8_t inverted; /* enum xt_invert */
	uint8_t tos;
	bool is_ipv6;
};

struct xt_nat {
	uint32_t flags;                 /* NF_NAT_RANGE_* */
	uint8_t first[16], last[16];    /* network order */
	uint16_t first_port, last_port; /* host order */
	uint16_t base_port;
	bool is_redirect; /* to an address of the interface */
	bool is_netmap;
};

struct xt {
	const char *name; /* "conntrack", "DNAT" */
	uint8_t revision;
	uint8_t kind; /* enum xt_kind */
	bool tracks;  /* as long as it is there the kernel tracks connections (nf_ct_netns_get()) */
	/* As the kernel had it, for what is not decoded; zero where it keeps things of its own. */
	struct rule_bytes blob;
	union {
		struct xt_ip ip;
		struct xt_ports ports;
		struct xt_multiport multiport;
		struct xt_conntrack conntrack;
		struct xt_mark mark;
		struct xt_iprange iprange;
		struct xt_nat nat;
		struct {
			uint16_t source, destination; /* masks of 1 << RTN_* */
			uint32_t flags; /* XT_ADDRTYPE_*: 1, 2 invert; 4, 8 of the interface */
		} addrtype;
		struct {
			uint16_t type; /* PACKET_* */
			bool is_inverted;
		} pkttype;
		struct {
			uint32_t set; /* index of `ipsets`; RULESET_NONE: not to be found */
			uint8_t dimensions;
			uint8_t flags;     /* 1 << dimension: by source; bit 0: inverted */
			bool has_counters; /* conditions on counters besides */
		} set;
		struct {
			uint32_t add, del; /* XT_CHANGE_SETS, as `set.set`; RULESET_NONE: none */
		} sets;
		struct {
			const char *text; /* XT_ALWAYS: of "comment"; NULL: another match */
		} comment;
		struct {
			uint8_t flags; /* XT_RPFILTER_* */
		} rpfilter;
		struct {
			uint8_t verdict; /* enum rule_verdict; standard */
			uint32_t chain;
		} verdict;
		struct {
			uint8_t with; /* IPT_*, IP6T_*: of its own family's enumeration */
		} reject;
		struct {
			bool is_notrack;
		} ct;
		struct {
			uint16_t queue;
			bool bypass;
		} queue;
		struct {
			uint32_t source, source_mask, destination, destination_mask;
			uint8_t flags; /* XT_DEVGROUP_* */
		} devgroup;
	} u;
};

#endif
