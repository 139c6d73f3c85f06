/* SPDX-License-Identifier: MIT */
/*
 * Matches of x_tables: for which sources one holds, as the kernel's net/netfilter/xt_*.c have it.
 *
 * Nearly all of them say the same for all sources of a state: a fact, of three values. Few are
 * about addresses, and only one of the two addresses of a packet is that of the senders.
 */
#include "xt.h"

#include <string.h>

#define NAME_SIZE      16
#define ARPHRD_ETHER   1
#define IP6T_F_PROTO   0x01
#define IPT_F_FRAGMENT 0x01

/* IFNAMSIZ bytes of a name are compared, those after its end are zero. */
static bool name_matches(const char *pattern, uint8_t length, const char *name)
{
	char padded[NAME_SIZE] = { 0 };

	memcpy(padded, name, strnlen(name, NAME_SIZE - 1));
	return !memcmp(padded, pattern, length < NAME_SIZE ? length : NAME_SIZE);
}

struct fact fact_interface(const struct packet *packet, const struct rule_interface *interface,
			   bool can_have, const char *pattern, uint8_t length)
{
	const struct rule_interface *master;
	bool matches;

	if (!length)
		return fact_of(true);
	if (!can_have)
		return fact_of(name_matches(pattern, length, ""));
	if (!interface)
		return fact_unknown(DOUBT(ROUTING));
	matches = name_matches(pattern, length, interface->name);
	/* What comes by a port of a VRF is seen by that name, and again by that of the VRF. */
	master = ruleset_interface(packet->ruleset, interface->master);
	if (master && master->kind && !strcmp(master->kind, "vrf") &&
	    name_matches(pattern, length, master->name) != matches)
		return fact_unknown(DOUBT(ROUTING));
	return fact_of(matches);
}

bool packet_has_in(const struct packet *packet)
{
	return packet->hook != RULE_HOOK_OUTPUT && !packet->is_reply;
}

bool packet_has_out(const struct packet *packet)
{
	return packet->hook == RULE_HOOK_FORWARD || packet->hook == RULE_HOOK_OUTPUT ||
	       packet->hook == RULE_HOOK_POSTROUTING;
}

static struct fact fact_in(const struct packet *packet, const struct xt_ip *ip)
{
	struct fact fact =
		fact_interface(packet, packet->in, packet_has_in(packet), ip->in, ip->in_length);

	/* What is sent on has it there since Linux 5.7 alone. */
	if (packet->hook == RULE_HOOK_POSTROUTING && packet_has_in(packet) && ip->in_length)
		fact = fact_unknown(DOUBT(ROUTING));
	return fact_turn(fact, ip->inverted & XT_INVERT_IN);
}

static struct fact fact_out(const struct packet *packet, const struct xt_ip *ip)
{
	return fact_turn(fact_interface(packet, packet->out, packet_has_out(packet), ip->out,
					ip->out_length),
			 ip->inverted & XT_INVERT_OUT);
}

/* Behind extension headers, too. Protocol 0 is any, and for IPv6 even where it is inverted. */
static struct fact fact_protocol(const struct packet *packet, const struct xt_ip *ip)
{
	if (!ip->protocol || (ip->is_ipv6 && !(ip->flags & IP6T_F_PROTO)))
		return fact_of(true);
	return fact_turn(fact_of(packet->question->protocol == ip->protocol),
			 ip->inverted & XT_INVERT_PROTOCOL);
}

/*
 * A later fragment never: who sends fragments needs to get the first of them through as well, and
 * that one fares as the whole packet would.
 */
static struct fact fact_fragment(const struct xt_ip *ip)
{
	if (ip->is_ipv6 || !(ip->flags & IPT_F_FRAGMENT))
		return fact_of(!(ip->inverted & XT_INVERT_FRAGMENT) || ip->is_ipv6);
	return fact_of(ip->inverted & XT_INVERT_FRAGMENT);
}

static struct address_test masked(const struct xt_ip *ip, bool is_source)
{
	const uint8_t *value = is_source ? ip->source : ip->destination;
	const uint8_t *mask = is_source ? ip->source_mask : ip->destination_mask;

	struct address_test test = {
		.value = ranges_from_bytes(value, ip->is_ipv6),
		.mask = ranges_from_bytes(mask, ip->is_ipv6),
		.has_mask = true,
		.is_inverted = ip->inverted &
			       (is_source ? XT_INVERT_SOURCE : XT_INVERT_DESTINATION),
	};

	/* IPv4 compares with all of the value: bits beyond the mask make that never equal. */
	if (ip->is_ipv6)
		test.value &= test.mask;
	return test;
}

int xt_match_ip(const struct packet *packet, const struct packet_state *state,
		const struct xt_ip *ip, struct condition *ret)
{
	bool are_sources = packet_is_senders(packet, true);
	struct address_test own = masked(ip, !are_sources), senders = masked(ip, are_sources);
	struct fact fact = fact_fragment(ip);
	int error;

	fact = fact_and(fact, fact_protocol(packet, ip));
	fact = fact_and(fact, fact_in(packet, ip));
	fact = fact_and(fact, fact_out(packet, ip));
	fact = fact_and(fact, fact_own_address(packet, state, &own));
	if (!fact.may)
		return condition_of_none(ret);
	if (!senders.mask && !senders.value)
		return condition_of_fact(ret, &state->sources,
					 senders.is_inverted ? fact_of(false) : fact);
	error = xt_sources(packet, &state->sources, &senders, ret);
	return error ? error : condition_and_fact(ret, fact);
}

static int match_iprange(const struct packet *packet, const struct packet_state *state,
			 const struct xt_iprange *info, struct condition *ret)
{
	bool is_ipv6 = packet->question->family == HARK_FAMILY_INET6;
	const struct address_test source = {
		.first = ranges_from_bytes(info->source_first, is_ipv6),
		.last = ranges_from_bytes(info->source_last, is_ipv6),
		.is_inverted = info->flags & XT_IPRANGE_NOT_SOURCE,
	};
	const struct address_test destination = {
		.first = ranges_from_bytes(info->first, is_ipv6),
		.last = ranges_from_bytes(info->last, is_ipv6),
		.is_inverted = info->flags & XT_IPRANGE_NOT_DESTINATION,
	};
	bool are_sources = packet_is_senders(packet, true);
	struct fact fact = fact_of(true);
	int error;

	if (info->flags & (are_sources ? XT_IPRANGE_DESTINATION : XT_IPRANGE_SOURCE))
		fact = fact_own_address(packet, state, are_sources ? &destination : &source);
	if (!(info->flags & (are_sources ? XT_IPRANGE_SOURCE : XT_IPRANGE_DESTINATION)))
		return condition_of_fact(ret, &state->sources, fact);
	error = xt_sources(packet, &state->sources, are_sources ? &source : &destination, ret);
	return error ? error : condition_and_fact(ret, fact);
}

static struct fact fact_connmark(const struct packet *packet, const struct packet_state *state,
				 const struct xt_mark *info)
{
	enum packet_ct ct = xt_packet_ct(packet, state);

	/* Without a connection it does not match, be it inverted or not. */
	if (ct == PACKET_CT_NONE || ct == PACKET_CT_UNTRACKED)
		return fact_of(false);
	return fact_turn(fact_mark(&state->ct_mark, info->mark, info->mask), info->is_inverted);
}

static bool is_broadcast(const struct ruleset *ruleset, const struct hark_addr *addr)
{
	static const uint8_t ones[4] = { 255, 255, 255, 255 };

	if (hark_addr_is_ipv4(addr) && !memcmp(addr->bytes + 12, ones, sizeof(ones)))
		return true;
	for (uint32_t i = 0; i < ruleset->broadcasts.n; i++)
		if (hark_prefix_contains(&ruleset->broadcasts.items[i].prefix, addr))
			return true;
	return false;
}

/* To whom the frame was addressed, that had the packet. */
static struct fact fact_pkttype(const struct packet *packet, uint16_t type)
{
	const struct hark_addr *to = &packet->question->to;

	if (packet->is_reply || packet->question->protocol == RULE_PROTOCOL_TCP)
		return fact_of(type == RULE_PACKET_HOST);
	/* UDP is taken out of a broadcast, too, that a neighbour may send to one address. */
	if (!packet->question->is_canonical)
		return fact_unknown(DOUBT(SENDER));
	if (!hark_addr_is_multicast(to) && !is_broadcast(packet->ruleset, to))
		return fact_of(type == RULE_PACKET_HOST);
	/* Where there are no frames, or they never left the host, it is otherwise. */
	if (!packet->in || packet->in->type != ARPHRD_ETHER)
		return fact_unknown(DOUBT(UNDECODED));
	return fact_of(type == (hark_addr_is_multicast(to) ? RULE_PACKET_MULTICAST :
							     RULE_PACKET_BROADCAST));
}

static struct fact fact_group(const struct rule_interface *interface, uint32_t group, uint32_t mask,
			      bool is_inverted)
{
	if (!interface)
		return fact_unknown(DOUBT(ROUTING));
	return fact_turn(fact_of(!((interface->group ^ group) & mask)), is_inverted);
}

static struct fact fact_devgroup(const struct packet *packet, const struct xt *xt)
{
	uint8_t flags = xt->u.devgroup.flags;
	struct fact fact = fact_of(true);

	if (flags & XT_DEVGROUP_IN)
		fact = fact_group(packet->in, xt->u.devgroup.source, xt->u.devgroup.source_mask,
				  flags & XT_DEVGROUP_NOT_IN);
	if (flags & XT_DEVGROUP_OUT)
		fact = fact_and(fact, fact_group(packet->out, xt->u.devgroup.destination,
						 xt->u.devgroup.destination_mask,
						 flags & XT_DEVGROUP_NOT_OUT));
	return fact;
}

/* Of the sender, or of the router that it comes by: nobody can tell here. */
static struct fact fact_mac(const struct packet *packet)
{
	if (packet->in && packet->in->type != ARPHRD_ETHER)
		return fact_of(false);
	return fact_unknown(DOUBT(SENDER));
}

static struct fact fact_icmp(const struct packet *packet)
{
	uint8_t protocol = packet->question->protocol;

	if (protocol == RULE_PROTOCOL_ICMP || protocol == RULE_PROTOCOL_ICMPV6)
		return fact_unknown(DOUBT(SENDER));
	return fact_of(false);
}

/* What counters an element needs besides, only the kernel knows. */
static int match_set(const struct packet *packet, const struct packet_state *state,
		     const struct xt *xt, struct condition *ret)
{
	uint8_t flags = xt->u.set.flags, dimensions = xt->u.set.dimensions;
	int error;

	if (!xt->u.set.has_counters)
		return ipset_match(packet, state, xt->u.set.set, dimensions, flags, ret);
	if (flags & XT_SET_INVERTED)
		return condition_of_some(ret, &state->sources, DOUBT(RATE));
	error = ipset_match(packet, state, xt->u.set.set, dimensions, flags, ret);
	return error ? error : condition_and_fact(ret, fact_unknown(DOUBT(RATE)));
}

static struct fact fact_of_kind(const struct packet *packet, const struct packet_state *state,
				const struct xt *xt)
{
	switch (xt->kind) {
	case XT_ALWAYS:
		return fact_of(true);
	case XT_PORTS:
		return fact_ports(packet, state, &xt->u.ports);
	case XT_MULTIPORT:
		return fact_multiport(packet, state, &xt->u.multiport);
	case XT_MARK:
		return fact_turn(fact_mark(&state->mark, xt->u.mark.mark, xt->u.mark.mask),
				 xt->u.mark.is_inverted);
	case XT_CONNMARK:
		return fact_connmark(packet, state, &xt->u.mark);
	case XT_PKTTYPE:
		return fact_turn(fact_pkttype(packet, xt->u.pkttype.type),
				 xt->u.pkttype.is_inverted);
	case XT_ICMP:
		return fact_icmp(packet);
	case XT_DEVGROUP:
		return fact_devgroup(packet, xt);
	case XT_MAC:
		return fact_mac(packet);
	case XT_TIME:
		return fact_unknown(DOUBT(TIME));
	case XT_SOCKET:
		return fact_unknown(DOUBT(SOCKET));
	case XT_BPF:
		return fact_unknown(DOUBT(BPF));
	default:
		return fact_blob(packet, xt);
	}
}

int xt_match(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
	     struct condition *ret)
{
	switch (xt->kind) {
	case XT_IP:
		return xt_match_ip(packet, state, &xt->u.ip, ret);
	case XT_CONNTRACK:
		return xt_match_conntrack(packet, state, &xt->u.conntrack, ret);
	case XT_ADDRTYPE:
		return fib_addrtype(packet, state, xt, ret);
	case XT_RPFILTER:
		return fib_rpfilter(packet, state, xt, ret);
	case XT_IPRANGE:
		return match_iprange(packet, state, &xt->u.iprange, ret);
	case XT_SET:
		return match_set(packet, state, xt, ret);
	default:
		return condition_of_fact(ret, &state->sources, fact_of_kind(packet, state, xt));
	}
}
