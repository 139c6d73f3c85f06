/* SPDX-License-Identifier: MIT */
/*
 * What rules ask routes: `fib` of nf_tables (net/ipv4/netfilter/nft_fib_ipv4.c, nft_fib_ipv6.c),
 * and the matches rpfilter (ipt_rpfilter.c, ip6t_rpfilter.c) and addrtype
 * (net/netfilter/xt_addrtype.c).
 */
#include "fib_types.h"

static uint8_t family_of(const struct fib_end *end)
{
	return end->packet->question->family;
}

/* The interface that the expression names; *ret_is_wanted: it names one. */
static const struct rule_interface *find_dev(const struct packet *packet, uint16_t flags,
					     bool *ret_is_wanted)
{
	*ret_is_wanted = flags & (RULE_FIB_IIF | RULE_FIB_OIF_GIVEN);
	if (flags & RULE_FIB_IIF)
		return packet->in;
	return flags & RULE_FIB_OIF_GIVEN ? packet->out : NULL;
}

static int in_doubt(const struct packet_state *state, struct fib_result **ret, uint32_t *ret_n)
{
	const struct fib_result result = { .doubts = DOUBT(ROUTING) };

	return fib_one_result(&state->sources, &result, ret, ret_n);
}

/* The interface of link-local addresses where none is named: skb->dev. */
static uint32_t link_of(const struct packet *packet, const struct rule_interface *dev)
{
	return fib_ifindex(dev ? dev : packet->in ? packet->in : packet->out);
}

static int find_types(const struct packet *packet, const struct packet_state *state,
		      const struct rule_expression *expression, struct fib_result **ret,
		      uint32_t *ret_n)
{
	struct fib_end end = fib_end(packet, state, expression->flags & RULE_FIB_SADDR);
	struct fib_manner manner = { .mark = { .known = UINT32_MAX } };
	bool is_wanted;

	end.dev = find_dev(packet, expression->flags, &is_wanted);
	if (is_wanted && !end.dev)
		return in_doubt(state, ret, ret_n);
	/* Of one address from all sources, rules of policy routing see but those to it. */
	if (end.is_set)
		manner.other = end.addr;
	if (expression->flags & RULE_FIB_MARK)
		manner.mark = state->mark;
	manner.link = link_of(packet, end.dev);
	return fib_types(&end, &manner, ret, ret_n);
}

/* What nft_fib4_eval() and nft_fib6_eval() make of a route. */
static void set_oif(const struct packet *packet, const struct rule_interface *dev, uint16_t flags,
		    struct fib_result *result)
{
	bool is_ipv4 = packet->question->family == HARK_FAMILY_INET;
	uint8_t type = result->type;

	if (!fib_is_way(result) || type == RULE_ROUTE_LOCAL ||
	    (type == RULE_ROUTE_ANYCAST && !is_ipv4))
		result->oif = 0;
	else if (dev && (!result->uses_dev || is_ipv4 || !result->has_several))
		result->oif = result->uses_dev ? dev->ifindex : 0;
	else if (!is_ipv4 && result->has_several)
		result->doubts |= DOUBT(ROUTING); /* by a hash of the packet's ends */
	if (flags & RULE_FIB_PRESENT)
		result->oif = result->oif != 0;
	result->type = 0;
	result->has_several = false;
}

/* Sources from which nobody looks for a route (get_saddr()). */
static struct hark_addr own_addr(const struct fib_end *end)
{
	static const uint8_t zero[4];
	u128 number = ranges_number(&end->addr);

	if (family_of(end) == HARK_FAMILY_INET &&
	    (fib_is_multicast_ipv4(number) || fib_is_limited_broadcast(number) ||
	     fib_is_zeronet(number)))
		return hark_addr_from_ipv4(zero);
	return end->addr;
}

static int find_oif(const struct packet *packet, const struct packet_state *state,
		    const struct rule_expression *expression, struct fib_result **ret,
		    uint32_t *ret_n)
{
	bool is_ipv4 = packet->question->family == HARK_FAMILY_INET, is_wanted;
	const struct rule_interface *dev = find_dev(packet, expression->flags, &is_wanted);
	struct fib_end end = fib_end(packet, state, expression->flags & RULE_FIB_SADDR);
	struct fib_question question = {
		.family = packet->question->family,
		.is_to_sources = end.is_set,
		.addr = own_addr(&end),
		.dev = fib_ifindex(dev),
		.mark = { .known = UINT32_MAX },
		.protocol = is_ipv4 ? 0 : packet->question->protocol,
		.has_any_tos = !packet->question->is_canonical,
		.ignores_linkdown = true,
		.is_lookup = true,
	};
	bool is_link_local = !is_ipv4 && hark_addr_is_link_local(&end.addr);
	int r;

	if ((is_wanted && !dev) || !end.is_addr_known)
		return in_doubt(state, ret, ret_n);
	if (expression->flags & RULE_FIB_MARK)
		question.mark = state->mark;
	if (is_ipv4 && packet->hook == RULE_HOOK_FORWARD && expression->flags & RULE_FIB_IIF &&
	    expression->flags & RULE_FIB_SADDR)
		question.iif = fib_ifindex(packet->out);
	if (!end.is_set && is_link_local) {
		question.is_strict = true;
		question.oif = link_of(packet, dev);
	}
	r = end.is_set ? fib_ask_by_link(packet->fib, &question, link_of(packet, dev),
					 &state->sources, ret, ret_n) :
			 fib_ask(packet->fib, &question, &state->sources, ret, ret_n);
	for (uint32_t i = 0; r == 0 && i < *ret_n; i++)
		set_oif(packet, dev, expression->flags, &(*ret)[i]);
	return r;
}

int fib_expression(const struct packet *packet, const struct packet_state *state,
		   const struct rule_expression *expression, struct fib_result **ret,
		   uint32_t *ret_n)
{
	struct fib_result result = { 0 };

	if (expression->key == RULE_FIB_ADDRTYPE)
		return find_types(packet, state, expression, ret, ret_n);
	if (expression->key != RULE_FIB_OIF && expression->key != RULE_FIB_OIFNAME)
		return in_doubt(state, ret, ret_n);
	if (!packet->in || !packet->in->is_loopback ||
	    (packet->hook != RULE_HOOK_PREROUTING && packet->hook != RULE_HOOK_INGRESS &&
	     packet->hook != RULE_HOOK_INPUT))
		return find_oif(packet, state, expression, ret, ret_n);
	/* On lo nothing is looked for; in the hook input that is so since Linux 6.16 alone. */
	result.oif = expression->flags & RULE_FIB_PRESENT ? 1 : packet->in->ifindex;
	if (packet->hook == RULE_HOOK_INPUT)
		result.doubts = DOUBT(ROUTING);
	return fib_one_result(&state->sources, &result, ret, ret_n);
}

/* --- x_tables --- */

static bool passes_rpfilter(const struct packet *packet, const struct fib_result *result,
			    uint8_t flags)
{
	bool is_ipv4 = packet->question->family == HARK_FAMILY_INET;

	if (!fib_is_way(result))
		return false;
	if (result->type == RULE_ROUTE_LOCAL && !is_ipv4)
		return flags & RULE_RPFILTER_ACCEPT_LOCAL;
	if (result->type != RULE_ROUTE_UNICAST && is_ipv4 &&
	    (result->type != RULE_ROUTE_LOCAL || !(flags & RULE_RPFILTER_ACCEPT_LOCAL)))
		return false;
	if (result->type == RULE_ROUTE_ANYCAST)
		return false;
	return result->uses_dev || flags & RULE_RPFILTER_LOOSE;
}

static int ask_rpfilter(const struct packet *packet, const struct packet_state *state,
			uint8_t flags, struct condition *ret)
{
	const struct fib_end end = fib_end(packet, state, true);
	bool is_ipv4 = packet->question->family == HARK_FAMILY_INET;
	uint32_t dev = packet->in->ifindex;
	const struct fib_question question = {
		.family = packet->question->family,
		.is_to_sources = true,
		.addr = own_addr(&end),
		.oif = is_ipv4 || flags & RULE_RPFILTER_LOOSE ? 0 : dev,
		.dev = dev,
		.mark = flags & RULE_RPFILTER_VALID_MARK ? state->mark :
							   (struct bits){ .known = UINT32_MAX },
		.protocol = is_ipv4 ? 0 : packet->question->protocol,
		.has_any_tos = !packet->question->is_canonical,
		.ignores_linkdown = true,
		.is_lookup = true,
	};
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int r = fib_ask_by_link(packet->fib, &question, dev, &state->sources, &results, &n);

	for (uint32_t i = 0; i < n && r == 0; i++)
		if (results[i].doubts || passes_rpfilter(packet, &results[i], flags))
			r = fib_add(ret, &results[i].sources, results[i].doubts);
	fib_results_free(results, n);
	return r;
}

int fib_rpfilter(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
		 struct condition *ret)
{
	uint8_t flags = xt->u.rpfilter.flags;
	struct ranges any = { 0 };
	int r;

	if (!packet->in || !state->is_to_known || packet->is_reply)
		return condition_of_some(ret, &state->sources, DOUBT(ROUTING));
	if (packet->in->is_loopback)
		return flags & RULE_RPFILTER_INVERT ? condition_of_none(ret) :
						      condition_of_all(ret, &state->sources);
	condition_of_none(ret);
	r = ask_rpfilter(packet, state, flags, ret);
	/* IPv6 leaves the address :: to others. */
	if (r == 0 && packet->question->family == HARK_FAMILY_INET6 &&
	    ranges_contain(&state->sources, 0)) {
		r = ranges_set(&any, 0, 0);
		if (r == 0)
			r = fib_add(ret, &any, 0);
		ranges_fini(&any);
	}
	return r == 0 && flags & RULE_RPFILTER_INVERT ? condition_not(ret, &state->sources) : r;
}

/* Whether a type of IPv6 is among those that routes tell, of a mask of XT_ADDRTYPE_*. */
static bool is_of_types_ipv6(uint16_t mask, const struct fib_result *result)
{
	if (!fib_is_way(result) && result->type)
		return mask & 1 << RULE_ROUTE_UNREACHABLE;
	return mask & 1 << result->type & (1 << RULE_ROUTE_LOCAL | 1 << RULE_ROUTE_ANYCAST);
}

/* Those that are plainly of one of the types that an address of IPv6 tells by itself. */
static int limit_ipv6(const struct fib_end *end, uint16_t mask, struct condition *condition)
{
	struct range multicast = { (u128)0xff << 120, RANGES_MAX_IPV6 }, zero = { 0, 0 };
	struct range mapped = { (u128)0xffff << 32, (u128)0xffff << 32 | RANGES_MAX_IPV4 };
	u128 number = fib_number(&end->addr, HARK_FAMILY_INET6);
	struct {
		struct range range;
		bool is_kept, is_cut;
	} limits[] = {
		{ multicast, mask & 1 << RULE_ROUTE_MULTICAST, mask & 1 << RULE_ROUTE_UNICAST },
		{ zero, mask & 1 << RULE_ROUTE_NONE, mask & 1 << RULE_ROUTE_UNICAST },
		{ mapped, false, mask & 1 << RULE_ROUTE_UNICAST },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits) && r == 0; i++) {
		struct ranges set = { .items = &limits[i].range, .n = 1 };
		bool is_in = ranges_contain(&set, number);

		if (!end->is_set) {
			if ((limits[i].is_kept && !is_in) || (limits[i].is_cut && is_in))
				condition_of_none(condition);
			continue;
		}
		if (limits[i].is_kept)
			r = ranges_intersect(&condition->may, &set);
		if (r == 0 && limits[i].is_kept)
			r = ranges_intersect(&condition->must, &set);
		if (r == 0 && limits[i].is_cut)
			r = ranges_subtract(&condition->may, &set);
		if (r == 0 && limits[i].is_cut)
			r = ranges_subtract(&condition->must, &set);
	}
	return r;
}

/* match_type(), match_type6() */
static int match_types(const struct fib_end *end, uint16_t mask, struct condition *ret)
{
	const uint16_t of_routes = 1 << RULE_ROUTE_LOCAL | 1 << RULE_ROUTE_ANYCAST |
				   1 << RULE_ROUTE_UNREACHABLE;
	const struct fib_manner manner = { .mark = { .known = UINT32_MAX },
					   .oif = fib_ifindex(end->dev),
					   .link = fib_ifindex(end->dev) };
	bool is_ipv4 = family_of(end) == HARK_FAMILY_INET;
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int r;

	condition_of_none(ret);
	if (!is_ipv4 && !(mask & of_routes))
		r = end->is_addr_known || end->is_set ?
			    condition_of_all(ret, &end->state->sources) :
			    condition_of_some(ret, &end->state->sources, DOUBT(ROUTING));
	else
		r = fib_types(end, &manner, &results, &n);
	for (uint32_t i = 0; i < n && r == 0; i++)
		if (results[i].doubts ||
		    (is_ipv4 ? mask & 1 << results[i].type : is_of_types_ipv6(mask, &results[i])))
			r = fib_add(ret, &results[i].sources, results[i].doubts);
	fib_results_free(results, n);
	return r < 0 || is_ipv4 ? r : limit_ipv6(end, mask, ret);
}

int fib_addrtype(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
		 struct condition *ret)
{
	uint32_t flags = xt->u.addrtype.flags;
	struct fib_end source = fib_end(packet, state, true),
		       destination = fib_end(packet, state, false);
	struct condition other = { 0 };
	int r = condition_of_all(ret, &state->sources);

	source.dev = flags & RULE_ADDRTYPE_IN  ? packet->in :
		     flags & RULE_ADDRTYPE_OUT ? packet->out :
						 NULL;
	destination.dev = source.dev;
	if (flags & (RULE_ADDRTYPE_IN | RULE_ADDRTYPE_OUT) && !source.dev)
		return condition_of_some(ret, &state->sources, DOUBT(ROUTING));
	if (xt->u.addrtype.source && r == 0)
		r = match_types(&source, xt->u.addrtype.source, ret);
	if (xt->u.addrtype.source && r == 0 && flags & RULE_ADDRTYPE_INVERT_SOURCE)
		r = condition_not(ret, &state->sources);
	if (xt->u.addrtype.destination && r == 0)
		r = match_types(&destination, xt->u.addrtype.destination, &other);
	if (xt->u.addrtype.destination && r == 0 && flags & RULE_ADDRTYPE_INVERT_DESTINATION)
		r = condition_not(&other, &state->sources);
	if (xt->u.addrtype.destination && r == 0)
		r = condition_and(ret, &other);
	condition_fini(&other);
	return r;
}
