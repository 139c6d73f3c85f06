/* SPDX-License-Identifier: MIT */
/* What matches of x_tables look at: addresses, ports, marks of a packet, as far as known. */
#include "xt.h"

#include <errno.h>

/* From where an ordinary client sends. */
#define ORDINARY_PORT 40000

/* A mask that leaves more bits free, above the lowest, has too many intervals to list. */
#define SCATTERED_BITS_MAX 12

int condition_of_fact(struct condition *condition, const struct ranges *sources, struct fact fact)
{
	if (fact.must)
		return condition_of_all(condition, sources);
	if (fact.may)
		return condition_of_some(condition, sources, fact.doubts);
	return condition_of_none(condition);
}

int condition_and_fact(struct condition *condition, struct fact fact)
{
	if (fact.must)
		return 0;
	if (!fact.may)
		return condition_of_none(condition);
	condition->must.n = 0;
	condition->doubts = condition->may.n ? condition->doubts | fact.doubts : 0;
	return 0;
}

uint32_t packet_to_doubts(const struct packet_state *state)
{
	return state->doubts ? state->doubts : DOUBT(CHANCE);
}

bool packet_has_ports(const struct packet *packet)
{
	switch (packet->question->protocol) {
	case RULE_PROTOCOL_TCP:
	case RULE_PROTOCOL_UDP:
	case RULE_PROTOCOL_DCCP:
	case RULE_PROTOCOL_SCTP:
	case RULE_PROTOCOL_UDPLITE:
		return true;
	default:
		return false;
	}
}

struct packet_port packet_sender_port(const struct packet *packet)
{
	if (packet->question->is_canonical)
		return (struct packet_port){ .is_known = true, .port = ORDINARY_PORT };
	return (struct packet_port){ .doubts = DOUBT(SENDER) };
}

struct packet_port packet_port(const struct packet *packet, const struct packet_state *state,
			       bool is_source)
{
	if (packet_is_senders(packet, is_source))
		return packet_sender_port(packet);
	if (!state->is_port_known)
		return (struct packet_port){ .doubts = packet_to_doubts(state) };
	return (struct packet_port){ .is_known = true, .port = state->port };
}

struct fact fact_port_between(struct packet_port port, uint16_t first, uint16_t last)
{
	if (port.is_known)
		return fact_of(port.port >= first && port.port <= last);
	if (first > last)
		return fact_of(false);
	if (first == 0 && last == UINT16_MAX)
		return fact_of(true);
	return fact_unknown(port.doubts);
}

struct fact fact_mark(const struct bits *bits, uint32_t mark, uint32_t mask)
{
	/* A mark beyond its own mask is never equal. */
	if (mark & ~mask || (bits->value ^ mark) & bits->known & mask)
		return fact_of(false);
	if ((bits->known & mask) == mask)
		return fact_of(true);
	return fact_unknown(bits->doubts ? bits->doubts : DOUBT(MARK));
}

enum packet_ct xt_packet_ct(const struct packet *packet, const struct packet_state *state)
{
	(void)packet;
	return (enum packet_ct)state->ct;
}

struct fact fact_address(u128 number, const struct address_test *test)
{
	bool holds = test->has_mask ? (number & test->mask) == test->value :
				      number >= test->first && number <= test->last;

	return fact_of(holds != test->is_inverted);
}

/* Numbers up to `max` whose masked bits are the value; *ret_fits is false where they are many. */
static int list_masked(const struct address_test *test, u128 max, struct ranges *ret,
		       bool *ret_fits)
{
	unsigned int bits[SCATTERED_BITS_MAX], n_bits = 0, n_low = 0;
	u128 mask = test->mask & max, low;

	*ret_fits = true;
	ret->n = 0;
	if (test->value & ~mask)
		return 0;
	while (n_low < 128 && max >> n_low && !(mask >> n_low & 1))
		n_low++;
	low = n_low < 128 ? ((u128)1 << n_low) - 1 : RANGES_MAX_IPV6;
	for (unsigned int i = n_low; i < 128 && max >> i; i++) {
		if (mask >> i & 1)
			continue;
		if (n_bits == SCATTERED_BITS_MAX) {
			*ret_fits = false;
			return 0;
		}
		bits[n_bits++] = i;
	}
	for (uint32_t choice = 0; choice < 1u << n_bits; choice++) {
		u128 number = test->value;
		int error;

		for (unsigned int i = 0; i < n_bits; i++)
			number |= (u128)(choice >> i & 1) << bits[i];
		error = ranges_add(ret, number, number | low);
		if (error)
			return error;
	}
	return 0;
}

int xt_sources(const struct packet *packet, const struct ranges *sources,
	       const struct address_test *test, struct condition *ret)
{
	u128 max = packet->question->family == HARK_FAMILY_INET6 ? RANGES_MAX_IPV6 :
								   RANGES_MAX_IPV4;
	struct ranges set = { 0 };
	bool fits = true;
	int error = 0;

	if (test->has_mask)
		error = list_masked(test, max, &set, &fits);
	else if (test->first <= test->last)
		error = ranges_set(&set, test->first, test->last);
	if (!error)
		error = fits ? condition_of_set(ret, sources, &set) :
			       condition_of_some(ret, sources, DOUBT(SOURCE));
	if (!error && test->is_inverted)
		error = condition_not(ret, sources);
	ranges_fini(&set);
	return error;
}

struct fact fact_own_address(const struct packet *packet, const struct packet_state *state,
			     const struct address_test *test)
{
	bool is_ipv6 = packet->question->family == HARK_FAMILY_INET6;

	if (!state->is_to_known)
		return fact_unknown(packet_to_doubts(state));
	return fact_address(ranges_from_bytes(state->to.bytes + (is_ipv6 ? 0 : 12), is_ipv6), test);
}
