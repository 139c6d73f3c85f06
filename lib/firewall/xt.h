/* SPDX-License-Identifier: MIT */
/* What the files that judge matches of x_tables share. */
#ifndef XT_H
#define XT_H

#include "packet.h"

/* Whether something holds that is the same for all sources of a state. */
struct fact {
	bool may, must;
	uint32_t doubts; /* why, where the two differ */
};

static inline struct fact fact_of(bool holds)
{
	return (struct fact){ .may = holds, .must = holds };
}

static inline struct fact fact_unknown(uint32_t doubts)
{
	return (struct fact){ .may = true, .doubts = doubts };
}

/* Turned about, if so asked. */
static inline struct fact fact_turn(struct fact fact, bool is_inverted)
{
	if (!is_inverted)
		return fact;
	return (struct fact){ .may = !fact.must, .must = !fact.may, .doubts = fact.doubts };
}

static inline struct fact fact_and(struct fact a, struct fact b)
{
	struct fact both = { .may = a.may && b.may, .must = a.must && b.must };

	/* Of two doubts both count; what is sure has none. */
	both.doubts = both.may == both.must ? 0 : a.doubts | b.doubts;
	return both;
}

static inline struct fact fact_or(struct fact a, struct fact b)
{
	return fact_turn(fact_and(fact_turn(a, true), fact_turn(b, true)), true);
}

int condition_of_fact(struct condition *condition, const struct ranges *sources, struct fact fact);

/* A port that may not be known. */
struct packet_port {
	bool is_known;
	uint16_t port;
	uint32_t doubts;
};

/* Source or destination port of the packet as it is now. */
struct packet_port packet_port(const struct packet *packet, const struct packet_state *state,
			       bool is_source);
/* The port from which the sender sends, in whatever direction the packet goes. */
struct packet_port packet_sender_port(const struct packet *packet);
/* Whether the packet's protocol has ports, in the first four bytes of its header. */
bool packet_has_ports(const struct packet *packet);

struct fact fact_port_between(struct packet_port port, uint16_t first, uint16_t last);

/* Why our own address and port are not known, after a translation to one of many. */
uint32_t packet_to_doubts(const struct packet_state *state);

/* Is the packet's source (destination) address that of the senders, or our own? */
static inline bool packet_is_senders(const struct packet *packet, bool is_source)
{
	return is_source != packet->is_reply;
}

/* Which addresses an address test is about. */
struct address_test {
	u128 first, last; /* between these; first above last: none */
	u128 value, mask; /* where `has_mask`: those whose masked bits are these */
	bool has_mask;
	bool is_inverted;
};

/* The test on the senders' addresses; 0 or -ENOMEM. */
int xt_sources(const struct packet *packet, const struct ranges *sources,
	       const struct address_test *test, struct condition *ret);
/* On our own address in the packet as it is now, and on any. */
struct fact fact_own_address(const struct packet *packet, const struct packet_state *state,
			     const struct address_test *test);
struct fact fact_address(u128 number, const struct address_test *test);

/* Narrows a condition to where something else holds, too. */
int condition_and_fact(struct condition *condition, struct fact fact);

/* The marks: where the known bits are enough. */
struct fact fact_mark(const struct bits *bits, uint32_t mark, uint32_t mask);

/* Whether the kernel tells at this hook by which interface the packet came in, or goes out. */
bool packet_has_in(const struct packet *packet);
bool packet_has_out(const struct packet *packet);
/*
 * Whether the first `length` bytes of its name, zeros behind it, are those. Where there cannot be
 * one, `can_have` is false, and the name is empty; NULL is one that is not known.
 */
struct fact fact_interface(const struct packet *packet, const struct rule_interface *interface,
			   bool can_have, const char *pattern, uint8_t length);

/* The state of the connection as rules see it at this point: enum packet_ct. */
enum packet_ct xt_packet_ct(const struct packet *packet, const struct packet_state *state);

/* Each judges one kind. */
int xt_match_ip(const struct packet *packet, const struct packet_state *state,
		const struct xt_ip *ip, struct condition *ret);
int xt_match_conntrack(const struct packet *packet, const struct packet_state *state,
		       const struct xt_conntrack *info, struct condition *ret);
struct fact fact_ports(const struct packet *packet, const struct packet_state *state,
		       const struct xt_ports *ports);
struct fact fact_multiport(const struct packet *packet, const struct packet_state *state,
			   const struct xt_multiport *info);
/* By what the blob has, for matches that have no form of their own. */
struct fact fact_blob(const struct packet *packet, const struct xt *xt);

#endif
