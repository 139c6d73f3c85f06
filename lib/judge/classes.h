/* SPDX-License-Identifier: MIT */
/* What plan.c works out and verdict.c concludes from; see the essay in plan.c. */
#ifndef CLASSES_H
#define CLASSES_H

#include "judge.h"
#include "places.h"

/* What there is for a listener to get. */
struct reckoning {
	uint32_t n_places;
	bool by_kernel, by_flags; /* some of it was decided so */
};

/* The listeners of one protocol and port: they compete with one another and with no others. */
struct group {
	uint32_t first, n; /* positions in judge->order */
	uint8_t protocol;  /* enum hark_protocol that the kernel is asked for */
	uint16_t port;
	bool has_families[HARK_FAMILY_N_]; /* that some listener might answer */
	bool has_wildcard;                 /* some listener is bound to no address */
	/* those of a name first, in the order of their addresses, then the rests */
	uint32_t first_class[HARK_FAMILY_N_], n_classes[HARK_FAMILY_N_], n_named[HARK_FAMILY_N_];
	uint32_t first_name[HARK_FAMILY_N_], n_names[HARK_FAMILY_N_]; /* in judge->names, sorted */
	struct reckoning whole[HARK_FAMILY_N_]; /* for those bound to no interface */
	uint32_t first_device, n_devices; /* in judge->devices: that some listener is bound to */
};

/*
 * Addresses that must fare alike: one that somebody is bound to, or the rest of an interface, or of
 * all.
 */
struct class
{
	struct hark_addr addr; /* asked for all of them */
	uint32_t ifindex;      /* asked: where the packet arrives */
	uint32_t vrf;          /* that the interface belongs to, 0: none */
	uint32_t group;
	uint32_t place; /* of an address of its own; HARK_NONE: this class is a rest */
	/* rest: of this interface; 0: of all that no listener of the group is bound to */
	uint32_t device;
	uint32_t n_places; /* how many addresses and prefixes it stands for */
	uint32_t winner;   /* position, or HARK_NONE */
	int32_t error; /* 0, -ENOENT (nobody, or nobody that we know), else it was not answered */
	int8_t reach;  /* widest of them, -1 where that is not known */
	uint8_t family;
	bool is_asked;
	bool is_void; /* all that listen are bound to other addresses: nobody gets it */
};

/* A SO_REUSEPORT group wins as one: its members share one tally, that of their representative. */
struct tally {
	uint32_t won;       /* places */
	uint32_t first_win; /* in judge->wins */
	int8_t reach;
	uint8_t unknown_why; /* enum hark_why: some class may or may not be its own */
	bool has_won, by_inference, reach_unknown;
};

struct win {
	uint32_t class;
	uint32_t next;
};

struct entry {
	uint32_t socket;
	uint32_t group;
	uint32_t run;            /* first position of those that differ in nothing we can see */
	uint32_t representative; /* position whose tally is theirs */
	bool is_seen;            /* UDP: some question was answered with it */
};

struct run {
	uint32_t n;
	uint32_t n_seen;
	uint32_t n_draws;
	uint32_t class;    /* one that it won, to draw from */
	bool is_undecided; /* too many for the draws there are: one unseen may be a member */
};

/* An interface that belongs to a VRF. */
struct vrf_port {
	uint32_t ifindex;
	uint32_t vrf;
};

struct judge {
	struct hark_snapshot *snapshot;
	uint32_t netns;
	struct place_index places[HARK_FAMILY_N_];
	ARRAY(struct entry) order;
	ARRAY(struct group) groups;
	ARRAY(struct class) classes;
	ARRAY(struct hark_addr) names;
	ARRAY(uint32_t) devices;
	ARRAY(struct question) questions;
	ARRAY(uint32_t) question_class; /* beside questions */
	ARRAY(struct win) wins;
	ARRAY(uint32_t) candidates;            /* positions: of the class that is concluded now */
	struct run *runs;                      /* by first position */
	struct tally *tallies[HARK_FAMILY_N_]; /* by position */
	ARRAY(struct vrf_port) vrf_ports;
	struct hash by_cookie; /* to position */
	enum {
		JUDGE_NOT_ASKED,
		JUDGE_FIRST_ROUND,
		JUDGE_DRAWING
	} stage;
};

static inline struct hark_socket *judge_socket(const struct judge *judge, uint32_t position)
{
	return &judge->snapshot->sockets.items[judge->order.items[position].socket];
}

/* The protocol that the kernel is asked for: an MPTCP listener answers through a TCP socket. */
uint8_t asked_protocol(const struct hark_socket *socket);

/* Whether the address is one that a listener of the group is bound to. */
bool group_has_name(const struct judge *judge, const struct group *group, enum hark_family family,
		    const struct hark_addr *addr);
bool group_has_device(const struct judge *judge, const struct group *group, uint32_t ifindex);

/*
 * An address of the prefix that no listener of the group is bound to; false when there is none left
 * among the first of them.
 */
bool group_sample_prefix(const struct judge *judge, const struct group *group,
			 enum hark_family family, const struct hark_prefix *prefix,
			 struct hark_addr *ret);

/*
 * Whether packets of the family ever come to sockets of this kind: an AF_INET6 one takes IPv4 as
 * mapped, but raw and ping sockets of the two families hang in tables of their own (net/ipv4/raw.c,
 * ping.c).
 */
bool socket_can_take(const struct hark_socket *socket, enum hark_family family);

#endif
