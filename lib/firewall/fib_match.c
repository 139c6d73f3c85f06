/* SPDX-License-Identifier: MIT */
/*
 * What the kernel itself asks routes on a packet's way in, and on that of its reply:
 * net/ipv4/route.c (ip_route_input_slow()), net/ipv4/fib_frontend.c (fib_validate_source()),
 * net/ipv6/ip6_input.c (ip6_rcv_core()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fib.h"

struct range fib_link_local(void)
{
	u128 first = (u128)0xfe80 << 112;

	return (struct range){ first, first | RANGES_MAX_IPV6 >> 10 };
}

bool fib_is_zeronet(u128 number)
{
	return number >> 24 == 0;
}

bool fib_is_limited_broadcast(u128 number)
{
	return number == RANGES_MAX_IPV4;
}

bool fib_is_multicast_ipv4(u128 number)
{
	return number >> 28 == 0xe;
}

bool fib_is_local_multicast(u128 number)
{
	return number >> 8 == 0xe00000;
}

static bool is_loopback_ipv4(u128 number)
{
	return number >> 24 == 127;
}

int fib_add(struct condition *condition, const struct ranges *sources, uint32_t doubts)
{
	int r = ranges_unite(&condition->may, sources);

	condition->doubts |= doubts;
	return r < 0 || doubts ? r : ranges_unite(&condition->must, sources);
}

/* Those of `sources` between two addresses, for sure. */
static int add_block(struct condition *condition, const struct ranges *sources, u128 first,
		     u128 last)
{
	struct ranges block = { 0 };
	int r = ranges_set(&block, first, last);

	if (r == 0)
		r = ranges_intersect(&block, sources);
	if (r == 0)
		r = fib_add(condition, &block, 0);
	ranges_fini(&block);
	return r;
}

/* Moves results behind others. */
static int append(struct fib_result **results, uint32_t *n, struct fib_result *more,
		  uint32_t n_more)
{
	struct fib_result *all = reallocarray(*results, *n + n_more + 1, sizeof(*all));

	if (!all) {
		fib_results_free(more, n_more);
		return -ENOMEM;
	}
	if (n_more)
		memcpy(all + *n, more, n_more * sizeof(*all));
	free(more);
	*results = all;
	*n += n_more;
	return 0;
}

/* The same question for some: added to those that there are. */
static int ask_more(struct fib *fib, const struct fib_question *question,
		    const struct ranges *sources, struct fib_result **results, uint32_t *n)
{
	struct fib_result *more = NULL;
	uint32_t n_more = 0;
	int r = fib_ask(fib, question, sources, &more, &n_more);

	return r < 0 ? r : append(results, n, more, n_more);
}

int fib_ask_by_link(struct fib *fib, const struct fib_question *question, uint32_t ifindex,
		    const struct ranges *sources, struct fib_result **ret, uint32_t *ret_n)
{
	struct fib_question strict = *question;
	struct range range = fib_link_local();
	struct ranges block = { .items = &range, .n = 1 }, part = { 0 };
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int r;

	if (question->family == HARK_FAMILY_INET)
		return fib_ask(fib, question, sources, ret, ret_n);
	strict.oif = ifindex;
	strict.is_strict = true;
	r = ranges_copy(&part, sources);
	if (r == 0)
		r = ranges_intersect(&part, &block);
	if (r == 0 && !ranges_are_empty(&part))
		r = ask_more(fib, &strict, &part, &results, &n);
	if (r == 0)
		r = ranges_copy(&part, sources);
	if (r == 0)
		r = ranges_subtract(&part, &block);
	if (r == 0 && !ranges_are_empty(&part))
		r = ask_more(fib, question, &part, &results, &n);
	ranges_fini(&part);
	if (r < 0) {
		fib_results_free(results, n);
		return r;
	}
	*ret = results;
	*ret_n = n;
	return 0;
}

/* --- Who may come in --- */

/* What no look-up is needed for. */
static int add_martians_ipv4(struct condition *martian, const struct ranges *sources,
			     const struct rule_interface *in, u128 to)
{
	bool is_for_all = fib_is_limited_broadcast(to) || fib_is_local_multicast(to);
	int r;

	if ((is_loopback_ipv4(to) && !in->route_localnet) || fib_is_zeronet(to))
		return fib_add(martian, sources, 0);
	r = add_block(martian, sources, 0xe0000000, 0xefffffff);
	if (r == 0)
		r = add_block(martian, sources, RANGES_MAX_IPV4, RANGES_MAX_IPV4);
	if (r == 0 && !is_for_all)
		r = add_block(martian, sources, 0, 0xffffff);
	if (r == 0 && !in->route_localnet)
		r = add_block(martian, sources, 0x7f000000, 0x7fffffff);
	return r;
}

/* Before prerouting, and so before any rule. */
static int add_martians_ipv6(struct condition *martian, const struct ranges *sources)
{
	int r = add_block(martian, sources, (u128)0xff << 120, RANGES_MAX_IPV6);

	if (r == 0)
		r = add_block(martian, sources, 1, 1);
	if (r == 0) /* ::ffff:0.0.0.0/96 */
		r = add_block(martian, sources, (u128)0xffff << 32,
			      (u128)0xffff << 32 | RANGES_MAX_IPV4);
	return r;
}

static bool has_ipv4(const struct ruleset *ruleset, uint32_t ifindex)
{
	for (uint32_t i = 0; i < ruleset->addresses.n; i++)
		if (ruleset->addresses.items[i].ifindex == ifindex &&
		    hark_addr_is_ipv4(&ruleset->addresses.items[i].addr))
			return true;
	return false;
}

/* inet_lookup_ifaddr_rcu(): addresses, whether there are routes to them or not. */
static int add_own(struct condition *martian, const struct ruleset *ruleset,
		   const struct ranges *sources)
{
	struct ranges own = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < ruleset->addresses.n && r == 0; i++) {
		const struct hark_addr *addr = &ruleset->addresses.items[i].addr;

		if (hark_addr_is_ipv4(addr))
			r = ranges_add(&own, ranges_number(addr), ranges_number(addr));
	}
	if (r == 0)
		r = ranges_intersect(&own, sources);
	if (r == 0)
		r = fib_add(martian, &own, 0);
	ranges_fini(&own);
	return r;
}

/* __fib_validate_source() */
static int add_by_route(const struct packet *packet, const struct packet_state *state, uint32_t oif,
			struct condition *rp_filter, struct condition *martian)
{
	const struct rule_interface *in = packet->in;
	const struct fib_question question = {
		.family = HARK_FAMILY_INET,
		.is_to_sources = true,
		.addr = state->to,
		.iif = oif,
		.dev = in->ifindex,
		.mark = in->src_valid_mark ? state->mark : (struct bits){ .known = UINT32_MAX },
		.protocol = packet->question->protocol,
		.has_any_tos = !packet->question->is_canonical,
	};
	bool has_address = has_ipv4(packet->ruleset, in->ifindex);
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int r = fib_ask(packet->fib, &question, &state->sources, &results, &n);

	for (uint32_t i = 0; i < n && r == 0; i++) {
		const struct fib_result *result = &results[i];

		if (result->doubts)
			r = fib_add(in->rp_filter ? rp_filter : martian, &result->sources,
				    result->doubts);
		else if (!fib_is_way(result))
			r = in->rp_filter ? fib_add(rp_filter, &result->sources, 0) : 0;
		else if (result->type != RULE_ROUTE_UNICAST &&
			 !(result->type == RULE_ROUTE_LOCAL && in->accept_local))
			r = fib_add(martian, &result->sources, 0);
		else if (!result->uses_dev && in->rp_filter && (in->rp_filter == 1 || !has_address))
			r = fib_add(rp_filter, &result->sources, 0);
	}
	fib_results_free(results, n);
	return r;
}

static int refuse_ipv4(const struct packet *packet, const struct packet_state *state, uint32_t oif,
		       struct condition *rp_filter, struct condition *martian)
{
	const struct rule_interface *in = packet->in;
	int r;

	if (!in->has_settings || !state->is_to_known)
		return fib_add(rp_filter, &state->sources, DOUBT(ROUTING));
	r = add_martians_ipv4(martian, &state->sources, in, ranges_number(&state->to));
	if (r < 0)
		return r;
	/* What fib_validate_source() spares itself where nothing unusual is set up. */
	if (!in->rp_filter && in->accept_local)
		return 0;
	if (!in->rp_filter && packet->fib->is_merged && !packet->ruleset->has_added_locals)
		return add_own(martian, packet->ruleset, &state->sources);
	return add_by_route(packet, state, oif, rp_filter, martian);
}

int fib_refuses(const struct packet *packet, const struct packet_state *state, uint32_t oif,
		struct condition *ret_rp_filter, struct condition *ret_martian)
{
	int r;

	condition_of_none(ret_rp_filter);
	condition_of_none(ret_martian);
	if (!packet->in)
		return fib_add(ret_rp_filter, &state->sources, DOUBT(ROUTING));
	if (packet->in->is_loopback)
		return 0;
	if (packet->question->family == HARK_FAMILY_INET6)
		return add_martians_ipv6(ret_martian, &state->sources);
	r = refuse_ipv4(packet, state, oif, ret_rp_filter, ret_martian);
	/* A martian is one whatever the filter says. */
	if (r == 0)
		r = ranges_subtract(&ret_rp_filter->may, &ret_martian->must);
	return r < 0 ? r : ranges_subtract(&ret_rp_filter->must, &ret_martian->must);
}

/* --- Where it goes, and its reply --- */

int fib_deliver(const struct packet *packet, const struct packet_state *state,
		struct fib_result **ret, uint32_t *ret_n)
{
	struct fib_question question = {
		.family = packet->question->family,
		.addr = state->to,
		.iif = packet->in ? packet->in->ifindex : 0,
		.mark = state->mark,
		.protocol = packet->question->protocol,
		.has_any_tos = !packet->question->is_canonical,
	};
	int r;

	/* rt6_need_strict() */
	question.is_strict = question.family == HARK_FAMILY_INET6 &&
			     (hark_addr_is_link_local(&state->to) ||
			      hark_addr_is_multicast(&state->to) ||
			      hark_addr_is_loopback(&state->to));
	r = fib_ask(packet->fib, &question, &state->sources, ret, ret_n);
	for (uint32_t i = 0; r == 0 && i < *ret_n && (!packet->in || !state->is_to_known); i++)
		(*ret)[i].doubts |= DOUBT(ROUTING);
	return r;
}

int fib_reply(const struct packet *packet, const struct packet_state *state,
	      const struct hark_addr *from, struct bits mark, struct fib_result **ret,
	      uint32_t *ret_n)
{
	const struct rule_interface *in = packet->in;
	const struct fib_question question = {
		.family = packet->question->family,
		.is_to_sources = true,
		.addr = *from,
		/* Within a VRF replies stay. */
		.dev = in && fib_vrf(packet->ruleset, in->ifindex) ? in->ifindex : 0,
		.mark = mark,
		.protocol = packet->question->protocol,
	};

	return fib_ask_by_link(packet->fib, &question, in ? in->ifindex : 0, &state->sources, ret,
			       ret_n);
}

static int add_places(struct ranges *set, const struct hark_place *places, uint32_t n,
		      enum hark_family family)
{
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct range range;

		if (hark_addr_is_ipv4(&places[i].prefix.addr) != (family == HARK_FAMILY_INET))
			continue;
		range = fib_range(&places[i].prefix, family);
		r = ranges_add(set, range.first, range.last);
	}
	return r;
}

int fib_nobody(const struct ruleset *ruleset, enum hark_family family, struct ranges *ret)
{
	static const struct range ipv4[] = { { 0, 0xffffff },
					     { 0x7f000000, 0x7fffffff },
					     { 0xe0000000, 0xefffffff },
					     { RANGES_MAX_IPV4, RANGES_MAX_IPV4 } };
	const struct range ipv6[] = { { 0, 1 },
				      { (u128)0xffff << 32, (u128)0xffff << 32 | RANGES_MAX_IPV4 },
				      { (u128)0xff << 120, RANGES_MAX_IPV6 } };
	bool is_ipv4 = family == HARK_FAMILY_INET;
	const struct range *blocks = is_ipv4 ? ipv4 : ipv6;
	uint32_t n = is_ipv4 ? sizeof(ipv4) / sizeof(*ipv4) : sizeof(ipv6) / sizeof(*ipv6);
	int r = 0;

	ret->n = 0;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = ranges_add(ret, blocks[i].first, blocks[i].last);
	if (r == 0)
		r = add_places(ret, ruleset->locals.items, ruleset->locals.n, family);
	if (r == 0)
		r = add_places(ret, ruleset->broadcasts.items, ruleset->broadcasts.n, family);
	return r;
}
