/* SPDX-License-Identifier: MIT */
/*
 * What a packet meets in one network namespace on its way to a socket: rules of nf_tables and of
 * the older x_tables in one form, sets, routes, settings of interfaces, BPF programs. Read by
 * collect, judged by firewall, printed by firewall. Plain arrays that refer to one another by
 * index; strings and bytes are foreign.
 *
 * Numbers that the kernel's interfaces define (meta keys, conntrack states, hooks' priorities) are
 * kept as they are; whoever may not see kernel headers finds them in "ruleset_names.h".
 */
#ifndef RULESET_H
#define RULESET_H

#include <hark/model.h>

#include "arena.h"
#include "hash.h"
#include "ruleset_xt.h"

/* NFPROTO_*: what a table is for. */
enum rule_family {
	RULE_FAMILY_INET = 1,
	RULE_FAMILY_IPV4 = 2,
	RULE_FAMILY_ARP = 3,
	RULE_FAMILY_NETDEV = 5,
	RULE_FAMILY_BRIDGE = 7,
	RULE_FAMILY_IPV6 = 10,
};

/* Where a base chain hangs. */
enum rule_hook {
	RULE_HOOK_PREROUTING, /* to POSTROUTING: NF_INET_*, and NF_BR_* alike */
	RULE_HOOK_INPUT,
	RULE_HOOK_FORWARD,
	RULE_HOOK_OUTPUT,
	RULE_HOOK_POSTROUTING,
	RULE_HOOK_INGRESS, /* of netdev, and of inet */
	RULE_HOOK_EGRESS,
	RULE_HOOK_N_,
};

enum rule_verdict {
	RULE_CONTINUE,
	RULE_ACCEPT,
	RULE_DROP,
	RULE_RETURN,
	RULE_JUMP,
	RULE_GOTO,
	RULE_QUEUE,
	RULE_STOLEN,
	RULE_VERDICT_UNKNOWN, /* a code that nobody here knows */
};

struct rule_table {
	const char *name;
	uint8_t family;  /* enum rule_family */
	bool is_xtables; /* of the older ip_tables or ip6_tables, not of nf_tables */
	bool is_dormant; /* NFT_TABLE_F_DORMANT: its base chains are not called */
	uint32_t flags;  /* NFTA_TABLE_FLAGS */
	uint64_t handle; /* NFTA_TABLE_HANDLE */
};

struct rule_chain {
	const char *name;
	const char *type; /* "filter", "nat", "route"; NULL: no base chain */
	uint32_t table;
	uint64_t handle;
	bool is_base;
	uint8_t hook;   /* enum rule_hook */
	uint8_t policy; /* RULE_ACCEPT or RULE_DROP, of a base chain */
	int32_t priority;
	uint32_t first_rule; /* its rules stand together, in order */
	uint32_t n_rules;
	uint32_t first_device; /* of ingress and egress: names in `devices`; "eth*" ends with '*' */
	uint32_t n_devices;
};

struct rule {
	uint32_t chain;
	uint32_t first_expression; /* they stand together, in order */
	uint32_t n_expressions;
	/* NFTA_RULE_HANDLE; of x_tables the number of the rule in its chain, from 1 */
	uint64_t handle;
	const char *comment; /* NFTA_RULE_USERDATA's comment, or that of xt_comment; NULL: none */
};

enum rule_op {
	RULE_OP_UNKNOWN, /* `name` tells what the kernel calls it, or why it could not be taken */
	/* Matches and loads */
	RULE_OP_PAYLOAD,   /* packet to dreg */
	RULE_OP_META,      /* `key` to dreg */
	RULE_OP_CT,        /* `key` to dreg */
	RULE_OP_RT,        /* `key` to dreg */
	RULE_OP_FIB,       /* `key` (result), `flags`, to dreg */
	RULE_OP_SOCKET,    /* `key` to dreg */
	RULE_OP_EXTHDR,    /* to dreg */
	RULE_OP_NUMGEN,    /* to dreg */
	RULE_OP_HASH,      /* of sreg, or symmetric, to dreg */
	RULE_OP_OSF,       /* to dreg */
	RULE_OP_TUNNEL,    /* to dreg */
	RULE_OP_XFRM,      /* to dreg */
	RULE_OP_CMP,       /* sreg, `compare`, `data` */
	RULE_OP_RANGE,     /* sreg, `compare` EQ or NEQ, `data` to `data2` */
	RULE_OP_LOOKUP,    /* sreg in `set`, `is_inverted`; a map's data to dreg */
	RULE_OP_BITWISE,   /* sreg to dreg: `arithmetic` */
	RULE_OP_BYTEORDER, /* sreg to dreg */
	RULE_OP_IMMEDIATE, /* `data`, or `verdict` and `chain`, to dreg */
	RULE_OP_LIMIT,
	RULE_OP_QUOTA,
	RULE_OP_CONNLIMIT,
	RULE_OP_DYNSET, /* update of `set`; matches unless the set is full */
	RULE_OP_OBJREF, /* `key`: NFT_OBJECT_*, by `name`, or by sreg in `set` */
	/* Statements */
	RULE_OP_PAYLOAD_SET,
	RULE_OP_META_SET, /* sreg to `key` */
	RULE_OP_CT_SET,   /* sreg to `key` */
	RULE_OP_EXTHDR_SET,
	RULE_OP_COUNTER,
	RULE_OP_LAST,
	RULE_OP_LOG,
	RULE_OP_NOTRACK,
	RULE_OP_REJECT,
	RULE_OP_NAT, /* `key`: NFT_NAT_SNAT or NFT_NAT_DNAT */
	RULE_OP_MASQ,
	RULE_OP_REDIR,
	RULE_OP_TPROXY,
	RULE_OP_SYNPROXY,
	RULE_OP_QUEUE,
	RULE_OP_DUP,
	RULE_OP_FWD,
	RULE_OP_FLOW_OFFLOAD,
	/* x_tables, alone or in nf_tables (NFT_MSG_..."match", "target") */
	RULE_OP_XT_IP,    /* the part of an entry that is no match: struct xt_ip */
	RULE_OP_XT_MATCH, /* `xt` */
	RULE_OP_XT_TARGET,
	RULE_OP_N_,
};

/* NFT_CMP_* in its order. */
enum rule_compare {
	RULE_EQ,
	RULE_NEQ,
	RULE_LT,
	RULE_LTE,
	RULE_GT,
	RULE_GTE,
};

/* NFT_BITWISE_* in its order. */
enum rule_arithmetic {
	RULE_MASK_XOR, /* (sreg & data) ^ data2 */
	RULE_LSHIFT,   /* by the first four bytes of data, in host order */
	RULE_RSHIFT,
	RULE_AND, /* sreg with sreg2, or with data */
	RULE_OR,
	RULE_XOR,
};

/*
 * A register is the offset of its first byte in a file of 64 bytes (NFT_REG_1: 0, NFT_REG32_01: 4).
 * What is compared with it is in its order of bytes: that of the network for what comes from a
 * packet, for ports and addresses of conntrack; this machine's for other numbers of meta, ct, fib
 * (marks, states, interfaces), unless RULE_OP_BYTEORDER turned them round, as it does before they
 * are looked up in intervals. Names of interfaces are 16 bytes, zeros behind.
 */
#define RULE_REGISTERS   64
#define RULE_REG_NONE    0xfe
#define RULE_REG_VERDICT 0xff

struct rule_expression {
	uint8_t op;   /* enum rule_op */
	uint8_t dreg; /* RULE_REG_NONE, RULE_REG_VERDICT, or an offset */
	uint8_t sreg; /* RULE_REG_NONE or an offset */
	/* bitwise; NAT, masquerade, redirect, tproxy: first port; dynset: data; dup, fwd: device,
	 * their address is in sreg */
	uint8_t sreg2;
	uint8_t sreg3;  /* NAT: last address */
	uint8_t sreg4;  /* NAT, masquerade, redirect: last port */
	uint8_t length; /* bytes that are loaded, compared, changed */
	/* see enum rule_op; reject: NFT_REJECT_*; NAT: type; log: level; hash: NFT_HASH_*;
	 * dynset: NFT_DYNSET_OP_*; xfrm: NFT_XFRM_KEY_* */
	uint8_t key;
	uint8_t family;     /* NAT, tproxy, fwd: enum rule_family of its addresses */
	uint8_t compare;    /* enum rule_compare */
	uint8_t arithmetic; /* enum rule_arithmetic; byteorder: NFT_BYTEORDER_*; numgen: NFT_NG_* */
	/* byteorder: 2, 4 or 8; ct: direction + 1, 0: none; log: 1 where it has a group; hash: 1
	 * where it has a seed; synproxy: window scale */
	uint8_t size;
	uint8_t base;     /* payload: NFT_PAYLOAD_*; exthdr: NFT_EXTHDR_OP_*; xfrm: direction */
	uint8_t type;     /* exthdr: header or option; reject: ICMP code; osf: TTL */
	uint8_t verdict;  /* immediate: enum rule_verdict */
	bool is_inverted; /* lookup; limit: over; quota: over; connlimit: over */
	/* fib: NFTA_FIB_F_*; NAT: NF_NAT_RANGE_*; exthdr: NFT_EXTHDR_F_*; log: NF_LOG_*; queue:
	 * NFT_QUEUE_FLAG_*; synproxy: NF_SYNPROXY_OPT_*; osf: NFT_OSF_F_* */
	uint16_t flags;
	/* payload, exthdr: bytes; numgen, hash: offset; log: bytes of the packet; socket: level of
	 * the cgroup; xfrm: number of the policy */
	uint32_t offset;
	uint32_t chain; /* immediate: of jump and goto */
	uint32_t set;   /* lookup, dynset, objref; RULESET_NONE: not to be found */
	uint32_t xt;    /* index of `xts` */
	/* numgen, hash; queue: first number; log: group; synproxy: maximum segment size */
	uint32_t modulus;
	uint64_t rate; /* limit: so many ... */
	/* limit: in so many seconds; quota: bytes; connlimit: connections; dynset: timeout, ms */
	uint64_t unit;
	/* limit; queue: how many; log: queue threshold; hash: seed */
	uint32_t burst;
	bool is_bytes; /* limit: of bytes, not packets */
	struct rule_bytes data, data2;
	/* unknown: the kernel's; log: prefix; objref: the object's; flow offload: the flow table's;
	 * NULL: none */
	const char *name;
	/* dynset: what its elements come with, in `expressions` where no rule has them */
	uint32_t first_inner, n_inner;
};

/* RULE_SET_* are NFT_SET_* where they have the same name. */
enum rule_set_flag {
	RULE_SET_ANONYMOUS = 0x1,
	RULE_SET_CONSTANT = 0x2,
	RULE_SET_INTERVAL = 0x4,
	RULE_SET_MAP = 0x8,
	RULE_SET_TIMEOUT = 0x10,
	RULE_SET_EVAL = 0x20,
	RULE_SET_OBJECT = 0x40,
	RULE_SET_CONCAT = 0x80,
	RULE_SET_EXPR = 0x100,
};

#define RULE_FIELDS_MAX 16

struct rule_set {
	const char *name; /* "__set0" and the like where it is anonymous */
	uint32_t table;
	uint32_t id;                  /* NFTA_SET_ID, or 0 */
	uint32_t flags;               /* enum rule_set_flag */
	uint32_t key_type, data_type; /* NFTA_SET_KEY_TYPE, NFTA_SET_DATA_TYPE: nft's own numbers */
	uint16_t key_length;          /* bytes; a field takes a multiple of four of them */
	uint16_t data_length;         /* of a map that has no verdicts */
	bool has_verdicts;            /* NFT_DATA_VERDICT */
	bool is_known;                /* the elements were all read */
	uint8_t object_type;          /* of a map to objects: NFT_OBJECT_*; 0: none */
	uint8_t n_fields;             /* of a concatenation; 0 or 1: none */
	uint8_t fields[RULE_FIELDS_MAX]; /* bytes of each as they are compared: 4, 2, 1, 16 */
	uint32_t first_element;          /* they stand together */
	uint32_t n_elements;
};

/*
 * One element: every key from `first` to `last`, both with it; of a concatenation, each field
 * between those of `first` and `last`, compared as bytes. The reader has made that out of whatever
 * the kernel sends; ranges ascend where the set has intervals and no concatenation.
 */
struct rule_element {
	uint32_t first;    /* in `bytes`, as long as the set's key */
	uint32_t last;     /* likewise; may be the same place */
	uint32_t data;     /* in `bytes`, as long as the set's data; RULESET_NONE: none */
	uint32_t chain;    /* of jump and goto */
	uint8_t verdict;   /* enum rule_verdict */
	bool is_catchall;  /* matches where no other does; has no key */
	bool has_timeout;  /* goes by itself */
	bool has_stateful; /* expressions of its own that may say no: limit, quota, connlimit */
};

/* An element of an ipset: a range of each that the set's type has. */
struct ipset_element {
	uint8_t first[16], last[16];   /* address, network order; IPv4 in the first four */
	uint8_t first2[16], last2[16]; /* second address, as of hash:net,net */
	uint16_t port;                 /* host order */
	uint8_t protocol;              /* bitmap:port has none */
	bool is_nomatch;               /* an exception in a net set */
	bool has_timeout;
	bool has_mac;        /* for one link-layer address alone, which is not kept */
	bool is_wildcard;    /* any interface whose name begins with that */
	uint8_t bits, bits2; /* length of the prefix, for net sets: longer goes first */
	uint32_t mark;
	uint32_t set;          /* list:set: index of `ipsets`, or RULESET_NONE */
	const char *interface; /* hash:net,iface */
};

struct ipset {
	const char *name;
	const char *type; /* "hash:net" */
	bool is_ipv6;
	bool is_known;                   /* all elements were read, and its type is understood */
	bool is_added_to, is_taken_from; /* by rules: what comes by changes it */
	uint32_t mark_mask;
	uint32_t first_element, n_elements;
};

/* --- Routes --- */

/* A next hop of a route that has several. */
struct rule_hop {
	uint32_t oif;
	bool is_dead;     /* RTNH_F_DEAD */
	bool is_linkdown; /* RTNH_F_LINKDOWN: its interface has no carrier */
};

/* A route as RTM_GETROUTE tells it, in the order in which the kernel has those of one prefix. */
struct rule_route {
	struct hark_prefix to;
	uint32_t table;
	uint32_t metric;    /* RTA_PRIORITY */
	uint32_t oif;       /* 0: several (first_hop), or none */
	uint32_t first_hop; /* of `hops` */
	uint16_t n_hops;
	uint8_t family; /* enum hark_family */
	uint8_t type;   /* enum rule_route_type */
	uint8_t tos;    /* of packets that it is for; 0: all */
	bool is_linkdown;
	bool has_gateway;
	bool has_rest; /* for some sources alone, or its next hop is not told: not modelled */
};

/* A rule of policy routing (RTM_GETRULE), in order of priority. */
struct rule_policy {
	struct hark_prefix from, to; /* 0 bits: any */
	const char *iif, *oif;       /* NULL: any */
	uint32_t priority, table, mark, mask;
	uint32_t go_to;   /* priority of the rule that it goes to; 0: none */
	uint8_t action;   /* enum rule_policy_action */
	uint8_t family;   /* enum hark_family */
	uint8_t tos;      /* 0: any */
	uint8_t protocol; /* IPPROTO_*, 0: any */
	bool is_inverted, is_l3mdev;
	bool has_rest;           /* ports, users, tunnels, groups: what is not modelled */
	int32_t suppress_prefix; /* FRA_SUPPRESS_PREFIXLEN, -1: none */
};

/* An address of an interface, in the kernel's order: the first is what a redirect leads to. */
struct rule_address {
	struct hark_addr addr;
	uint32_t ifindex;
	uint8_t scope;  /* RT_SCOPE_* */
	bool is_usable; /* neither tentative nor a duplicate */
};

/* An interface, as far as packets that come in by it depend on that. */
struct rule_interface {
	const char *name;
	uint32_t ifindex;
	uint32_t master;    /* IFLA_MASTER, 0: none */
	uint32_t group;     /* IFLA_GROUP */
	uint32_t vrf_table; /* IFLA_VRF_TABLE, of a VRF */
	const char *kind;   /* IFLA_INFO_KIND: "bridge", "veth", "vrf"; NULL: none */
	uint16_t type;      /* ARPHRD_* */
	bool is_up;
	bool is_loopback;  /* IFF_LOOPBACK */
	bool has_settings; /* those of IPv4 that follow were read */
	uint8_t rp_filter; /* with that of "all": 0 no, 1 strict, 2 loose */
	bool accept_local; /* likewise, as all of these */
	bool route_localnet;
	bool src_valid_mark; /* the mark counts for the reverse path filter */
	/* Routes without a carrier are left out (ignore_routes_with_linkdown). */
	bool ignores_linkdown[HARK_FAMILY_N_];
	bool forwards[HARK_FAMILY_N_]; /* what comes in by it; of IPv6 that of "all" */
	uint8_t has_tc;                /* enum hark_tristate: programs or actions on its way in */
	uint32_t xdp;                  /* IFLA_XDP: id of a program, or 0 */
	bool has_xdp;
};

/* A BPF program that sees packets on their way in, by its place. */
enum rule_program_kind {
	RULE_PROGRAM_XDP,
	RULE_PROGRAM_TC,
	RULE_PROGRAM_NETFILTER,
	RULE_PROGRAM_CGROUP, /* ingress of sockets */
};

struct rule_program {
	uint8_t kind;       /* enum rule_program_kind */
	uint8_t family;     /* netfilter: enum rule_family */
	uint8_t hook;       /* netfilter: enum rule_hook */
	int32_t priority;   /* netfilter */
	uint32_t ifindex;   /* XDP, tc */
	uint32_t id;        /* of the program; 0: not known */
	uint64_t cgroup_id; /* cgroup: of the sockets that it concerns; 0: not known */
	const char *name;   /* of the program, or NULL */
};

struct ruleset {
	struct arena arena; /* names */
	ARRAY(uint8_t) bytes;
	ARRAY(struct rule_table) tables;
	ARRAY(struct rule_chain) chains;
	ARRAY(struct rule) rules;
	ARRAY(struct rule_expression) expressions;
	ARRAY(struct rule_set) sets;
	ARRAY(struct rule_element) elements;
	ARRAY(struct xt) xts;
	ARRAY(const char *) devices;
	ARRAY(struct ipset) ipsets;
	ARRAY(struct ipset_element) ipset_elements;
	ARRAY(struct rule_route) routes; /* all: those that are local, too */
	ARRAY(struct rule_hop) hops;
	ARRAY(struct rule_policy) policies;
	ARRAY(struct rule_interface) interfaces; /* by ifindex */
	ARRAY(struct rule_address) addresses;
	ARRAY(struct rule_program) programs;
	/* Local addresses, and prefixes that are local: RTN_LOCAL of all tables; RTN_BROADCAST. */
	ARRAY(struct hark_place) locals, broadcasts;
	/* enum hark_presence: HARK_ABSENT where the kernel has none of it, or none is in use */
	uint8_t nftables, xtables[HARK_FAMILY_N_], ipset_presence, routing, program_presence;
	uint8_t cgroup_programs; /* enum hark_tristate: whether programs for cgroups are loaded */
	/* IPv4: somebody else than the kernel has made routes of type local. */
	bool has_added_locals;
	bool has_conntrack[HARK_FAMILY_N_];   /* something here has the kernel track connections */
	uint8_t forwarding[HARK_FAMILY_N_];   /* enum hark_tristate: of any interface */
	bool bridge_calls_ip[HARK_FAMILY_N_]; /* bridged frames run through iptables */
	uint32_t generation;                  /* NFTA_GEN_ID */
	/* errno of why it is HARK_UNSUPPORTED; E2BIG: more than is read; 0: none */
	int nftables_error;
};

struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset *ruleset); /* NULL is fine */

/* Keeps bytes; their place, or RULESET_NONE when memory ran out. */
uint32_t ruleset_keep(struct ruleset *ruleset, const void *bytes, uint32_t length);

static inline const uint8_t *ruleset_bytes(const struct ruleset *ruleset, uint32_t at)
{
	return ruleset->bytes.items + at;
}

/* NULL: there is none. */
const struct rule_interface *ruleset_interface(const struct ruleset *ruleset, uint32_t ifindex);

/*
 * At the end of reading: has_conntrack, and comments of rules that have theirs as a match.
 */
void ruleset_find_conntrack(struct ruleset *ruleset);
void ruleset_find_comments(struct ruleset *ruleset);

#endif
