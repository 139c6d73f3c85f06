/* SPDX-License-Identifier: MIT */
/* Matches of x_tables on ports, flags of TCP, and what conntrack knows of the connection. */
#include "xt.h"

/* Those that a SYN may have besides, and Linux does not mind. */
#define FREE_FLAGS (RULE_TCP_PSH | RULE_TCP_URG | RULE_TCP_ECE | RULE_TCP_CWR)

/*
 * What opens a connection has SYN, neither ACK nor RST (tcp_rcv_state_process() in TCP_LISTEN), and
 * no FIN. The answer has SYN and ACK; it tells of ECN only who spoke of it.
 */
static struct fact fact_tcp_flags(const struct packet *packet, uint8_t mask, uint8_t compare)
{
	uint8_t flags = packet->is_reply ? RULE_TCP_SYN | RULE_TCP_ACK : RULE_TCP_SYN;
	uint8_t unknown = packet->is_reply ? RULE_TCP_ECE | RULE_TCP_CWR : FREE_FLAGS;

	if (packet->is_reply && packet->answer == PACKET_RESET) {
		flags = RULE_TCP_RST | RULE_TCP_ACK;
		unknown = 0;
	}
	if (packet->question->is_canonical)
		unknown = 0;
	if (compare & ~mask || (flags ^ compare) & mask & ~unknown)
		return fact_of(false);
	return mask & unknown ? fact_unknown(DOUBT(SENDER)) : fact_of(true);
}

struct fact fact_ports(const struct packet *packet, const struct packet_state *state,
		       const struct xt_ports *ports)
{
	struct fact fact;

	/* The kernel has such a match only behind its own protocol. */
	if (packet->question->protocol != ports->protocol)
		return fact_unknown(DOUBT(UNDECODED));
	fact = fact_turn(fact_port_between(packet_port(packet, state, true), ports->source_first,
					   ports->source_last),
			 ports->not_source);
	fact = fact_and(fact, fact_turn(fact_port_between(packet_port(packet, state, false),
							  ports->first, ports->last),
					ports->not_destination));
	if (ports->protocol != RULE_PROTOCOL_TCP)
		return fact;
	fact = fact_and(fact,
			fact_turn(fact_tcp_flags(packet, ports->flag_mask, ports->flag_compare),
				  ports->not_flags));
	if (ports->option)
		fact = fact_and(fact, fact_unknown(DOUBT(SENDER)));
	return fact;
}

static struct fact fact_among(struct packet_port port, const struct xt_multiport *info)
{
	struct fact fact = fact_of(false);

	for (uint8_t i = 0; i < info->n && i < sizeof(info->ports) / sizeof(info->ports[0]); i++)
		fact = fact_or(fact,
			       fact_port_between(port, info->ports[i].first, info->ports[i].last));
	return fact;
}

struct fact fact_multiport(const struct packet *packet, const struct packet_state *state,
			   const struct xt_multiport *info)
{
	enum {
		SOURCE,
		DESTINATION
	};
	struct fact fact = fact_of(false);

	if (!packet_has_ports(packet))
		return fact_unknown(DOUBT(UNDECODED));
	if (info->where != DESTINATION)
		fact = fact_among(packet_port(packet, state, true), info);
	if (info->where != SOURCE)
		fact = fact_or(fact, fact_among(packet_port(packet, state, false), info));
	return fact_turn(fact, info->is_inverted);
}

/* Whether a rule here changes the source of what comes in: the only ones are in nat's INPUT. */
static bool changes_sources(const struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->chains.n; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];

		if (chain->is_base && chain->hook == RULE_HOOK_INPUT && chain->type &&
		    chain->type[0] == 'n' && chain->n_rules)
			return true;
	}
	return false;
}

/* IPS_SRC_NAT: decided at the end of input and of postrouting, so that only replies have it. */
static struct fact fact_snat(const struct packet *packet)
{
	if (packet->is_reply && changes_sources(packet->ruleset))
		return fact_unknown(DOUBT(UNDECODED));
	return fact_of(false);
}

static struct fact fact_dnat(const struct packet_state *state)
{
	return state->is_dnat_known ? fact_of(state->is_dnat) :
				      fact_unknown(packet_to_doubts(state));
}

static struct fact fact_state(const struct packet *packet, const struct packet_state *state,
			      enum packet_ct ct, uint16_t states)
{
	static const uint16_t bits[] = {
		[PACKET_CT_NONE] = XT_CT_STATE_INVALID,
		[PACKET_CT_UNTRACKED] = XT_CT_STATE_UNTRACKED,
		[PACKET_CT_NEW] = XT_CT_STATE_NEW,
		[PACKET_CT_ESTABLISHED] = XT_CT_STATE_ESTABLISHED,
		[PACKET_CT_RELATED] = XT_CT_STATE_RELATED,
	};
	struct fact fact = fact_of(states & bits[ct]);

	if (ct == PACKET_CT_NONE || ct == PACKET_CT_UNTRACKED)
		return fact;
	if (states & XT_CT_STATE_DNAT)
		fact = fact_or(fact, fact_dnat(state));
	if (states & XT_CT_STATE_SNAT)
		fact = fact_or(fact, fact_snat(packet));
	return fact;
}

/* Any of those bits of the connection's status. */
static struct fact fact_status(const struct packet *packet, const struct packet_state *state,
			       uint16_t status)
{
	const uint16_t known = RULE_CT_EXPECTED | RULE_CT_SEEN_REPLY | RULE_CT_ASSURED |
			       RULE_CT_CONFIRMED | RULE_CT_SRC_NAT | RULE_CT_DST_NAT;
	const uint16_t of_reply = RULE_CT_SEEN_REPLY | RULE_CT_CONFIRMED;
	struct fact fact = fact_of(state->ct == PACKET_CT_ESTABLISHED && status & of_reply);

	if (status & RULE_CT_DST_NAT)
		fact = fact_or(fact, fact_dnat(state));
	if (status & RULE_CT_SRC_NAT)
		fact = fact_or(fact, fact_snat(packet));
	if (status & ~known)
		fact = fact_or(fact, fact_unknown(DOUBT(UNDECODED)));
	return fact;
}

static struct address_test masked(const struct packet *packet, const struct xt_addresses *addresses)
{
	bool is_ipv6 = packet->question->family == HARK_FAMILY_INET6;
	struct address_test test = {
		.value = ranges_from_bytes(addresses->addr, is_ipv6),
		.mask = ranges_from_bytes(addresses->mask, is_ipv6),
		.has_mask = true,
	};

	test.value &= test.mask;
	return test;
}

/* What is the same for all sources, beyond the state. */
static struct fact fact_connection(const struct packet *packet, const struct packet_state *state,
				   const struct xt_conntrack *info)
{
	const struct firewall_question *question = packet->question;
	struct packet_port own = { .is_known = state->is_port_known,
				   .port = state->port,
				   .doubts = packet_to_doubts(state) };
	struct packet_port asked = { .is_known = true, .port = question->port };
	struct packet_port senders = packet_sender_port(packet);
	struct address_test original = masked(packet, &info->original_destination);
	struct address_test reply = masked(packet, &info->reply_source);
	bool is_ipv6 = question->family == HARK_FAMILY_INET6;
	u128 to = ranges_from_bytes(question->to.bytes + (is_ipv6 ? 0 : 12), is_ipv6);
	const struct {
		uint16_t flag;
		struct fact fact;
	} parts[] = {
		{ XT_CT_PROTOCOL, fact_of(question->protocol == info->protocol) },
		{ XT_CT_DIRECTION, fact_of(!packet->is_reply) },
		{ XT_CT_ORIGINAL_DESTINATION, fact_address(to, &original) },
		{ XT_CT_REPLY_SOURCE, fact_own_address(packet, state, &reply) },
		{ XT_CT_ORIGINAL_SOURCE_PORT,
		  fact_port_between(senders, info->original_source_port[0],
				    info->original_source_port[1]) },
		{ XT_CT_ORIGINAL_DESTINATION_PORT,
		  fact_port_between(asked, info->original_destination_port[0],
				    info->original_destination_port[1]) },
		{ XT_CT_REPLY_SOURCE_PORT,
		  fact_port_between(own, info->reply_source_port[0], info->reply_source_port[1]) },
		{ XT_CT_REPLY_DESTINATION_PORT,
		  fact_port_between(senders, info->reply_destination_port[0],
				    info->reply_destination_port[1]) },
		{ XT_CT_STATUS, fact_status(packet, state, info->status) },
		{ XT_CT_EXPIRES, fact_unknown(DOUBT(TIME)) },
	};
	struct fact fact = fact_of(true);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (info->match & parts[i].flag)
			fact = fact_and(fact,
					fact_turn(parts[i].fact, info->invert & parts[i].flag));
	return fact;
}

/* The senders' addresses: source of the original direction, destination of the reply. */
static int narrow_sources(const struct packet *packet, const struct packet_state *state,
			  const struct xt_conntrack *info, struct condition *condition)
{
	const struct {
		uint16_t flag;
		const struct xt_addresses *addresses;
	} parts[] = {
		{ XT_CT_ORIGINAL_SOURCE, &info->original_source },
		{ XT_CT_REPLY_DESTINATION, &info->reply_destination },
	};
	struct condition other = { 0 };
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct address_test test;

		if (!(info->match & parts[i].flag))
			continue;
		test = masked(packet, parts[i].addresses);
		test.is_inverted = info->invert & parts[i].flag;
		error = xt_sources(packet, &state->sources, &test, &other);
		if (!error)
			error = condition_and(condition, &other);
	}
	condition_fini(&other);
	return error;
}

int xt_match_conntrack(const struct packet *packet, const struct packet_state *state,
		       const struct xt_conntrack *info, struct condition *ret)
{
	enum packet_ct ct = xt_packet_ct(packet, state);
	struct fact fact = fact_of(true);
	int error;

	if (info->match & XT_CT_STATE)
		fact = fact_turn(fact_state(packet, state, ct, info->states),
				 info->invert & XT_CT_STATE);
	/* Without a connection there is but the state; who does not ask for it never matches. */
	if (ct == PACKET_CT_NONE || ct == PACKET_CT_UNTRACKED)
		return condition_of_fact(ret, &state->sources,
					 info->match & XT_CT_STATE ? fact : fact_of(false));
	if (fact.may)
		fact = fact_and(fact, fact_connection(packet, state, info));
	error = condition_of_fact(ret, &state->sources, fact);
	if (!error && fact.may)
		error = narrow_sources(packet, state, info, ret);
	return error;
}
