/* SPDX-License-Identifier: MIT */
/*
 * Types of addresses, as tables of routes tell them: inet_dev_addr_type(), __nft_fib6_eval_type().
 */
#include "fib_types.h"

#include <errno.h>
#include <stdlib.h>

struct fib_end fib_end(const struct packet *packet, const struct packet_state *state,
		       bool is_source)
{
	return (struct fib_end){
		.packet = packet,
		.state = state,
		.is_set = is_source != packet->is_reply,
		.addr = packet->is_reply ? packet->question->to : state->to,
		.is_addr_known = packet->is_reply || state->is_to_known,
	};
}

int fib_one_result(const struct ranges *sources, const struct fib_result *result,
		   struct fib_result **ret, uint32_t *ret_n)
{
	struct fib_result *results = malloc(sizeof(*results));

	if (!results)
		return -ENOMEM;
	*results = *result;
	results->sources = (struct ranges){ 0 };
	if (ranges_copy(&results->sources, sources) < 0) {
		free(results);
		return -ENOMEM;
	}
	*ret = results;
	*ret_n = 1;
	return 0;
}

/* --- Types of addresses --- */

/* Those of `from` between two addresses leave it for a result of their own. */
static int split_block(struct ranges *from, u128 first, u128 last, struct fib_result *result)
{
	int r = ranges_set(&result->sources, first, last);

	if (r == 0)
		r = ranges_intersect(&result->sources, from);
	return r < 0 ? r : ranges_subtract(from, &result->sources);
}

/* The type of one address as the table of local addresses has it. */
static uint8_t type_ipv4(const struct fib_end *end, const struct fib_outcome *outcome)
{
	if (!fib_is_way(&(struct fib_result){ .type = outcome->type }) ||
	    (end->dev && outcome->oif != end->dev->ifindex))
		return RULE_ROUTE_UNICAST;
	return outcome->type;
}

static uint32_t local_table(const struct fib_end *end)
{
	const struct rule_interface *vrf =
		end->dev ? fib_vrf(end->packet->ruleset, end->dev->ifindex) : NULL;

	return fib_find_table(end->packet->fib, HARK_FAMILY_INET,
			      vrf ? vrf->vrf_table : RULE_TABLE_LOCAL);
}

#define TYPES_IPV4 (RULE_ROUTE_MULTICAST + 2) /* the last: it is not known */

/* inet_dev_addr_type() of all sources: results by type. */
static int types_of_set(const struct fib_end *end, struct fib_result *results)
{
	const struct fib_look look = { .suppress_prefix = -1 };
	uint32_t table = local_table(end);
	const struct fib_partition *partition = NULL;
	struct ranges left = { 0 }, part = { 0 };
	int r = ranges_copy(&left, &end->state->sources);

	if (r == 0)
		r = split_block(&left, 0xe0000000, 0xefffffff, &results[RULE_ROUTE_MULTICAST]);
	if (r == 0)
		r = split_block(&left, 0, 0xffffff, &results[RULE_ROUTE_BROADCAST]);
	if (r == 0)
		r = split_block(&left, RANGES_MAX_IPV4, RANGES_MAX_IPV4, &results[0]);
	if (r == 0)
		r = ranges_unite(&results[RULE_ROUTE_BROADCAST].sources, &results[0].sources);
	results[0].sources.n = 0;
	if (r == 0 && table != UINT32_MAX) {
		partition = fib_partition(end->packet->fib, table, &look);
		r = partition ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; r == 0 && partition && i < partition->n; i++) {
		uint8_t type = partition->outcomes[i].doubts ?
				       TYPES_IPV4 - 1 :
				       type_ipv4(end, &partition->outcomes[i]);

		r = ranges_copy(&part, &left);
		if (r == 0)
			r = ranges_intersect(&part, &partition->destinations[i]);
		if (r == 0)
			r = ranges_unite(&results[type].sources, &part);
	}
	if (r == 0 && !partition)
		r = ranges_unite(&results[RULE_ROUTE_UNICAST].sources, &left);
	ranges_fini(&left);
	ranges_fini(&part);
	return r;
}

static uint8_t type_of_addr(const struct fib_end *end, uint32_t *ret_doubts)
{
	const struct fib_look look = { .suppress_prefix = -1 };
	u128 number = ranges_number(&end->addr);
	uint32_t table = local_table(end);
	struct fib_outcome outcome;

	*ret_doubts = end->is_addr_known ? 0 : DOUBT(ROUTING);
	if (fib_is_zeronet(number) || fib_is_limited_broadcast(number))
		return RULE_ROUTE_BROADCAST;
	if (fib_is_multicast_ipv4(number))
		return RULE_ROUTE_MULTICAST;
	if (table == UINT32_MAX)
		return RULE_ROUTE_UNICAST;
	outcome = fib_look_up(end->packet->fib, table, &look, number);
	*ret_doubts |= outcome.doubts;
	return type_ipv4(end, &outcome);
}

static int find_types_ipv4(const struct fib_end *end, struct fib_result **ret, uint32_t *ret_n)
{
	struct fib_result *results, one = { 0 };
	uint32_t n = 0;
	int r;

	if (end->packet->ruleset->routing != HARK_KNOWN)
		one.doubts = DOUBT(ROUTING);
	else if (!end->is_set)
		one.type = type_of_addr(end, &one.doubts);
	if (!end->is_set || one.doubts)
		return fib_one_result(&end->state->sources, &one, ret, ret_n);
	results = calloc(TYPES_IPV4, sizeof(*results));
	if (!results)
		return -ENOMEM;
	r = types_of_set(end, results);
	for (uint8_t type = 0; type < TYPES_IPV4; type++) {
		results[type].type = type < TYPES_IPV4 - 1 ? type : 0;
		results[type].doubts = type < TYPES_IPV4 - 1 ? 0 : DOUBT(ROUTING);
		if (ranges_are_empty(&results[type].sources))
			ranges_fini(&results[type].sources);
		else
			results[n++] = results[type];
	}
	if (r < 0) {
		fib_results_free(results, n);
		return r;
	}
	*ret = results;
	*ret_n = n;
	return 0;
}

/* What a route of IPv6 makes of an address that it leads to (__nft_fib6_eval_type()). */
static void set_type_ipv6(const struct fib_end *end, struct fib_result *result)
{
	if (!fib_is_way(result))
		result->type = result->type ? result->type : RULE_ROUTE_UNREACHABLE;
	else if (result->type == RULE_ROUTE_LOCAL && end->dev)
		result->type = RULE_ROUTE_UNICAST; /* where it is the interface's own, see below */
	result->oif = 0;
	result->has_several = false;
}

/* Sources of `from` that are in `set` get a result of that type; others of it may go on. */
static int split_result(struct fib_result **results, uint32_t *n, uint32_t from,
			const struct ranges *set, uint8_t type, uint32_t doubts)
{
	struct fib_result added = { .type = type, .doubts = doubts }, *all;
	int r = ranges_copy(&added.sources, set);

	if (r == 0)
		r = ranges_intersect(&added.sources, &(*results)[from].sources);
	if (r == 0 && !ranges_are_empty(&added.sources))
		r = ranges_subtract(&(*results)[from].sources, &added.sources);
	all = r == 0 ? reallocarray(*results, *n + 1, sizeof(*all)) : NULL;
	if (!all) {
		ranges_fini(&added.sources);
		return -ENOMEM;
	}
	*results = all;
	all[(*n)++] = added;
	return 0;
}

/* Addresses of an interface, or of no use to a sender: sets of IPv6 with a type of their own. */
struct special {
	struct ranges own;     /* of the interface that the question is limited to */
	struct ranges anycast; /* of a subnet's routers: the first address of a prefix on a link */
	struct ranges no_unicast;
};

static void special_fini(struct special *special)
{
	ranges_fini(&special->own);
	ranges_fini(&special->anycast);
	ranges_fini(&special->no_unicast);
}

static int special_init(struct special *special, const struct fib_end *end)
{
	const struct ruleset *ruleset = end->packet->ruleset;
	u128 mapped = (u128)0xffff << 32;
	int r = ranges_add(&special->no_unicast, 0, 0);

	if (r == 0)
		r = ranges_add(&special->no_unicast, mapped, mapped | RANGES_MAX_IPV4);
	for (uint32_t i = 0; end->dev && i < ruleset->addresses.n && r == 0; i++) {
		const struct rule_address *address = &ruleset->addresses.items[i];
		u128 number = fib_number(&address->addr, HARK_FAMILY_INET6);

		if (address->ifindex == end->dev->ifindex && !hark_addr_is_ipv4(&address->addr))
			r = ranges_add(&special->own, number, number);
	}
	for (uint32_t i = 0; i < ruleset->routes.n && r == 0; i++) {
		const struct rule_route *route = &ruleset->routes.items[i];
		struct range range;

		if (route->family != HARK_FAMILY_INET6 || route->to.bits >= 127 ||
		    route->has_gateway || route->type != RULE_ROUTE_UNICAST)
			continue;
		range = fib_range(&route->to, HARK_FAMILY_INET6);
		r = ranges_add(&special->anycast, range.first, range.first);
	}
	return r;
}

/* The kinds of address that no route tells, for results that were got of routes. */
static int tell_special(const struct fib_end *end, struct fib_result **results, uint32_t *n)
{
	struct special special = { 0 };
	struct range multicast = { (u128)0xff << 120, RANGES_MAX_IPV6 };
	struct ranges all_multicast = { .items = &multicast, .n = 1 };
	uint32_t n_before = *n;
	int r = special_init(&special, end);

	for (uint32_t i = 0; i < n_before && r == 0; i++) {
		bool is_unicast = (*results)[i].type == RULE_ROUTE_UNICAST;

		if ((*results)[i].doubts || !fib_is_way(&(*results)[i]) ||
		    (*results)[i].type == RULE_ROUTE_ANYCAST)
			continue;
		/* Which of two routes to a prefix it came by is not told. */
		if (is_unicast)
			r = split_result(results, n, i, &special.anycast, 0, DOUBT(ROUTING));
		if (r == 0 && end->dev)
			r = split_result(results, n, i, &special.own, RULE_ROUTE_LOCAL, 0);
		if (r == 0 && is_unicast)
			r = split_result(results, n, i, &all_multicast, RULE_ROUTE_MULTICAST, 0);
		if (r == 0 && is_unicast)
			r = split_result(results, n, i, &special.no_unicast, 0, 0);
	}
	special_fini(&special);
	return r;
}

/* The types of addresses of IPv6, by a look-up as for a packet that this host sends there. */
static int find_types_ipv6(const struct fib_end *end, const struct fib_manner *manner,
			   struct fib_result **ret, uint32_t *ret_n)
{
	struct ranges destination = { 0 };
	const struct fib_question question = {
		.family = HARK_FAMILY_INET6,
		.is_to_sources = true,
		.addr = manner->other,
		.oif = manner->oif,
		.mark = manner->mark,
	};
	u128 number = fib_number(&end->addr, HARK_FAMILY_INET6);
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int r = end->is_set ? ranges_copy(&destination, &end->state->sources) :
			      ranges_set(&destination, number, number);

	if (r == 0)
		r = fib_ask_by_link(end->packet->fib, &question, manner->link, &destination,
				    &results, &n);
	for (uint32_t i = 0; i < n && r == 0; i++)
		set_type_ipv6(end, &results[i]);
	if (r == 0)
		r = tell_special(end, &results, &n);
	ranges_fini(&destination);
	/* One address: the result that has it is that of all sources. */
	for (uint32_t i = 0; i < n && r == 0 && !end->is_set; i++) {
		struct fib_result found = results[i];

		if (ranges_are_empty(&results[i].sources))
			continue;
		found.doubts |= end->is_addr_known ? 0 : DOUBT(ROUTING);
		fib_results_free(results, n);
		return fib_one_result(&end->state->sources, &found, ret, ret_n);
	}
	if (r < 0) {
		fib_results_free(results, n);
		return r;
	}
	*ret = results;
	*ret_n = n;
	return 0;
}

int fib_types(const struct fib_end *end, const struct fib_manner *manner, struct fib_result **ret,
	      uint32_t *ret_n)
{
	return end->packet->question->family == HARK_FAMILY_INET ?
		       find_types_ipv4(end, ret, ret_n) :
		       find_types_ipv6(end, manner, ret, ret_n);
}
