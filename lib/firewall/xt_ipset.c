/* SPDX-License-Identifier: MIT */
/*
 * Membership in ipsets, as ip_set_test() of net/netfilter/ipset has it.
 *
 * A set's type names what its elements are made of: "hash:ip,port,net" is an address, a port and a
 * prefix. A rule says for each of them whether it is the packet's source or destination. What is of
 * the sender's address makes ranges of senders; the rest is a fact that an element shares.
 *
 * Of prefixes the longest decides, and it may be an exception ("nomatch"): so they are laid one
 * upon another, from the shortest on.
 */
#include "xt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARPHRD_ETHER 1
#define PARTS_MAX    3
#define NAME_SIZE    16

enum part {
	PART_IP,
	PART_NET,
	PART_PORT,
	PART_MAC,
	PART_MARK,
	PART_IFACE,
	PART_SET,
	PART_N_,
};

struct lookup {
	const struct packet *packet;
	const struct packet_state *state;
	const struct ipset *set;
	uint8_t flags;
	bool is_bitmap;
	bool is_ipv6;
	bool has_order; /* exceptions, or interfaces: the longer prefix goes first */
	uint8_t parts[PARTS_MAX], n_parts;
};

/* What an element does to those senders that it is about. */
enum layer {
	LAYER_HIDES,   /* what shorter prefixes say */
	LAYER_EXCEPTS, /* takes them out */
	LAYER_MATCHES,
	LAYER_N_,
};

struct layered {
	uint16_t order; /* lengths of its prefixes */
	uint8_t layer;  /* enum layer */
	bool is_sure;
	u128 first, last;
};

/* What a set of addresses says of all senders, by whether its exceptions are asked for. */
struct cached {
	struct condition members[2];
	bool is_done[2];
};

struct ipset_cache {
	const struct ruleset *ruleset;
	struct cached *sets; /* beside ruleset->ipsets */
};

int ipset_cache_new(const struct ruleset *ruleset, struct ipset_cache **ret)
{
	struct ipset_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->ruleset = ruleset;
	cache->sets = calloc(ruleset->ipsets.n + 1u, sizeof(*cache->sets));
	if (!cache->sets) {
		free(cache);
		return -ENOMEM;
	}
	*ret = cache;
	return 0;
}

void ipset_cache_free(struct ipset_cache *cache)
{
	if (!cache)
		return;
	for (uint32_t i = 0; i < cache->ruleset->ipsets.n; i++)
		for (int k = 0; k < 2; k++)
			condition_fini(&cache->sets[i].members[k]);
	free(cache->sets);
	free(cache);
}

static bool find_part(const char *name, size_t length, uint8_t *ret)
{
	static const char *const names[] = { "ip", "net", "port", "mac", "mark", "iface", "set" };

	_Static_assert(sizeof(names) / sizeof(names[0]) == PART_N_, "a name each");
	for (uint8_t i = 0; i < PART_N_; i++)
		if (strlen(names[i]) == length && !strncmp(names[i], name, length)) {
			*ret = i;
			return true;
		}
	return false;
}

/* "hash:ip,port,net" */
static bool read_type(struct lookup *lookup)
{
	const char *at = strchr(lookup->set->type, ':');
	size_t length;

	lookup->is_bitmap = !strncmp(lookup->set->type, "bitmap:", 7);
	lookup->n_parts = 0;
	if (!at)
		return false;
	do {
		length = strcspn(++at, ",");
		if (lookup->n_parts == PARTS_MAX ||
		    !find_part(at, length, &lookup->parts[lookup->n_parts]))
			return false;
		lookup->n_parts++;
		at += length;
	} while (*at);
	return true;
}

static bool has_part(const struct lookup *lookup, enum part part)
{
	return memchr(lookup->parts, (int)part, lookup->n_parts) != NULL;
}

static struct fact fact_port(const struct lookup *lookup, const struct ipset_element *element,
			     bool is_source)
{
	uint8_t protocol = lookup->packet->question->protocol;
	struct packet_port port = packet_port(lookup->packet, lookup->state, is_source);

	if (lookup->is_bitmap) {
		if (protocol != RULE_PROTOCOL_TCP && protocol != RULE_PROTOCOL_UDP)
			return fact_of(false);
	} else if (protocol != element->protocol) {
		return fact_of(false);
	}
	switch (protocol) {
	case RULE_PROTOCOL_TCP:
	case RULE_PROTOCOL_UDP:
	case RULE_PROTOCOL_UDPLITE:
	case RULE_PROTOCOL_SCTP:
		return fact_port_between(port, element->port, element->port);
	case RULE_PROTOCOL_ICMP:
	case RULE_PROTOCOL_ICMPV6:
		return fact_unknown(DOUBT(SENDER));
	default:
		return fact_of(element->port == 0);
	}
}

/* Only what comes in has a frame; hash:mac and its like want one of Ethernet. */
static struct fact fact_mac(const struct lookup *lookup, const struct ipset_element *element)
{
	const struct rule_interface *in = lookup->packet->in;

	if (lookup->packet->is_reply)
		return fact_of(false);
	if (in && in->type == ARPHRD_ETHER && !element->has_mac)
		return fact_of(true);
	if (in && in->type != ARPHRD_ETHER && !lookup->is_bitmap)
		return fact_of(false);
	return fact_unknown(DOUBT(SENDER));
}

static struct fact fact_iface(const struct lookup *lookup, const struct ipset_element *element,
			      bool is_source)
{
	const struct packet *packet = lookup->packet;
	const struct rule_interface *interface = is_source ? packet->in : packet->out;
	bool can_have = is_source ? packet_has_in(packet) : packet_has_out(packet);
	size_t length = strlen(element->interface);

	if (!can_have)
		return fact_of(false);
	if (!element->is_wildcard)
		length++;
	return fact_interface(packet, interface, can_have, element->interface,
			      (uint8_t)(length < NAME_SIZE ? length : NAME_SIZE));
}

/* One part of an element: narrows the senders, or tells what holds for all of them. */
static struct fact fact_part(const struct lookup *lookup, const struct ipset_element *element,
			     uint8_t i, bool is_second, struct layered *ret)
{
	bool is_source = lookup->flags & XT_SET_FIRST_SOURCE << i;
	struct address_test test;

	switch (lookup->parts[i]) {
	case PART_PORT:
		return fact_port(lookup, element, is_source);
	case PART_MAC:
		return fact_mac(lookup, element);
	case PART_MARK:
		return fact_mark(&lookup->state->mark, element->mark, lookup->set->mark_mask);
	case PART_IFACE:
		return fact_iface(lookup, element, is_source);
	default:
		test = (struct address_test){
			.first = ranges_from_bytes(is_second ? element->first2 : element->first,
						   lookup->is_ipv6),
			.last = ranges_from_bytes(is_second ? element->last2 : element->last,
						  lookup->is_ipv6),
		};
		if (!packet_is_senders(lookup->packet, is_source))
			return fact_own_address(lookup->packet, lookup->state, &test);
		if (test.first > ret->first)
			ret->first = test.first;
		if (test.last < ret->last)
			ret->last = test.last;
		return fact_of(ret->first <= ret->last);
	}
}

/* What the element says of whom; false: nothing. */
static bool judge_element(const struct lookup *lookup, const struct ipset_element *element,
			  struct layered *ret, uint32_t *doubts)
{
	struct fact fact = element->has_timeout ? fact_unknown(DOUBT(SET)) : fact_of(true);
	struct fact iface = fact_of(true);
	bool is_second = false, excepts = element->is_nomatch;

	*ret = (struct layered){ .last = lookup->is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4 };
	if (lookup->has_order)
		ret->order = (uint16_t)(element->bits << 8 | element->bits2);
	for (uint8_t i = 0; i < lookup->n_parts && fact.may; i++) {
		struct fact part = fact_part(lookup, element, i, is_second, ret);

		if (lookup->parts[i] == PART_IFACE)
			iface = part;
		else
			fact = fact_and(fact, part);
		if (lookup->parts[i] <= PART_NET)
			is_second = true;
	}
	/* The search ends at a prefix of another interface (IP_SET_HASH_WITH_MULTI). */
	ret->layer = LAYER_HIDES;
	if (iface.may) {
		fact = fact_and(fact, iface);
		/* --return-nomatch: the exceptions are what matches. */
		if (lookup->flags & XT_SET_RETURN_NOMATCH && lookup->has_order)
			excepts = !excepts;
		ret->layer = excepts ? LAYER_EXCEPTS : LAYER_MATCHES;
	}
	ret->is_sure = fact.must;
	*doubts |= fact.doubts;
	return fact.may;
}

static int compare_order(const void *a, const void *b)
{
	return ((const struct layered *)a)->order - ((const struct layered *)b)->order;
}

/* Of one order: what a layer says for sure, and what it may say, upon what is below. */
static int lay(const struct lookup *lookup, struct condition *ret, enum layer layer,
	       const struct ranges *sure, const struct ranges *unsure)
{
	int error;

	if (layer == LAYER_MATCHES) {
		/* Of another interface, it would hide the shorter ones. */
		error = has_part(lookup, PART_IFACE) ? ranges_subtract(&ret->must, unsure) : 0;
		if (!error)
			error = ranges_unite(&ret->may, sure);
		if (!error)
			error = ranges_unite(&ret->may, unsure);
		return error ? error : ranges_unite(&ret->must, sure);
	}
	error = ranges_subtract(&ret->may, sure);
	if (!error)
		error = ranges_subtract(&ret->must, sure);
	return error ? error : ranges_subtract(&ret->must, unsure);
}

/* Items that have the same order, one layer after the other. */
static int lay_equals(const struct lookup *lookup, struct condition *ret,
		      const struct layered *items, uint32_t n)
{
	struct ranges sure = { 0 }, unsure = { 0 };
	int error = 0;

	for (int layer = 0; !error && layer < LAYER_N_; layer++) {
		sure.n = unsure.n = 0;
		for (uint32_t i = 0; !error && i < n; i++)
			if (items[i].layer == layer)
				error = ranges_push(items[i].is_sure ? &sure : &unsure,
						    items[i].first, items[i].last);
		ranges_normalize(&sure);
		ranges_normalize(&unsure);
		if (!error)
			error = lay(lookup, ret, (enum layer)layer, &sure, &unsure);
	}
	ranges_fini(&sure);
	ranges_fini(&unsure);
	return error;
}

/* What the elements say of all senders there are. */
static int look_up_all(const struct lookup *lookup, struct condition *ret)
{
	const struct ruleset *ruleset = lookup->packet->ruleset;
	const struct ipset *set = lookup->set;
	struct layered *items = calloc(set->n_elements + 1u, sizeof(*items));
	uint32_t n = 0, end, doubts = 0;
	int error = condition_of_none(ret);

	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n_elements; i++)
		if (judge_element(lookup, &ruleset->ipset_elements.items[set->first_element + i],
				  &items[n], &doubts))
			n++;
	if (lookup->has_order)
		qsort(items, n, sizeof(*items), compare_order);
	for (uint32_t i = 0; !error && i < n; i = end) {
		end = i + 1;
		while (end < n && items[end].order == items[i].order)
			end++;
		error = lay_equals(lookup, ret, items + i, end - i);
	}
	free(items);
	ret->doubts = ranges_equal(&ret->may, &ret->must) ? 0 : doubts;
	return error;
}

/* Of a set that is about the senders' addresses alone, whoever asks is told the same. */
static int look_up_cached(const struct lookup *lookup, const struct condition **ret)
{
	uint32_t index = (uint32_t)(lookup->set - lookup->packet->ruleset->ipsets.items);
	struct cached *cached = &lookup->packet->ipsets->sets[index];
	bool is_exception = lookup->flags & XT_SET_RETURN_NOMATCH;
	int error = 0;

	if (!cached->is_done[is_exception])
		error = look_up_all(lookup, &cached->members[is_exception]);
	cached->is_done[is_exception] = !error;
	*ret = &cached->members[is_exception];
	return error;
}

static int look_up(const struct lookup *lookup, struct condition *ret)
{
	const struct ranges *sources = &lookup->state->sources;
	const struct condition *all = NULL;
	struct condition must = { 0 };
	int error;

	if (!lookup->packet->ipsets || lookup->n_parts != 1 || lookup->parts[0] > PART_NET ||
	    !packet_is_senders(lookup->packet, lookup->flags & XT_SET_FIRST_SOURCE)) {
		error = look_up_all(lookup, ret);
		if (!error)
			error = ranges_intersect(&ret->may, sources);
		return error ? error : ranges_intersect(&ret->must, sources);
	}
	error = look_up_cached(lookup, &all);
	if (!error)
		error = condition_of_set(ret, sources, &all->may);
	if (error || !all->doubts)
		return error;
	error = condition_of_set(&must, sources, &all->must);
	if (!error)
		error = ranges_copy(&ret->must, &must.must);
	ret->doubts = all->doubts;
	condition_fini(&must);
	return error;
}

/* Rules that add what comes by to the set, or take it from there, make it depend on that. */
static int doubt_changes(const struct ipset *set, const struct ranges *sources,
			 struct condition *ret)
{
	if (set->is_taken_from)
		ret->must.n = 0;
	if (ret->may.n || set->is_added_to)
		ret->doubts |= set->is_added_to || set->is_taken_from ? DOUBT(SET) : 0;
	return set->is_added_to ? ranges_copy(&ret->may, sources) : 0;
}

static int match_set(const struct packet *packet, const struct packet_state *state, uint32_t index,
		     uint8_t dimensions, uint8_t flags, bool is_member, struct condition *ret);

/* A list matches where any of its sets does. */
static int match_list(const struct packet *packet, const struct packet_state *state,
		      const struct ipset *list, uint8_t dimensions, uint8_t flags,
		      struct condition *ret)
{
	struct condition member = { 0 };
	int error = condition_of_none(ret);

	for (uint32_t i = 0; !error && i < list->n_elements; i++) {
		const struct ipset_element *element =
			&packet->ruleset->ipset_elements.items[list->first_element + i];

		error = match_set(packet, state, element->set, dimensions, flags, true, &member);
		if (!error && element->has_timeout && member.may.n) {
			member.must.n = 0;
			member.doubts |= DOUBT(SET);
		}
		if (!error)
			error = condition_or(ret, &member);
	}
	condition_fini(&member);
	return error;
}

static int match_set(const struct packet *packet, const struct packet_state *state, uint32_t index,
		     uint8_t dimensions, uint8_t flags, bool is_member, struct condition *ret)
{
	struct lookup lookup = { .packet = packet, .state = state, .flags = flags };
	int error;

	if (index >= packet->ruleset->ipsets.n)
		return condition_of_some(ret, &state->sources, DOUBT(SET));
	lookup.set = &packet->ruleset->ipsets.items[index];
	/* No list has lists in it. */
	if (!lookup.set->is_known || !read_type(&lookup) ||
	    (is_member && has_part(&lookup, PART_SET)))
		return condition_of_some(ret, &state->sources, DOUBT(SET));
	lookup.is_ipv6 = packet->question->family == HARK_FAMILY_INET6;
	lookup.has_order = has_part(&lookup, PART_NET);
	/* Too few dimensions, or the other family, and it is not even looked into. */
	if (dimensions < lookup.n_parts || (lookup.set->is_ipv6 != lookup.is_ipv6 &&
					    (lookup.has_order || has_part(&lookup, PART_IP))))
		return condition_of_none(ret);
	if (has_part(&lookup, PART_SET))
		error = match_list(packet, state, lookup.set, dimensions, flags, ret);
	else
		error = look_up(&lookup, ret);
	return error ? error : doubt_changes(lookup.set, &state->sources, ret);
}

int ipset_match(const struct packet *packet, const struct packet_state *state, uint32_t set,
		uint8_t dimensions, uint8_t flags, struct condition *ret)
{
	int error = match_set(packet, state, set, dimensions, flags, false, ret);

	if (!error && flags & XT_SET_INVERTED)
		error = condition_not(ret, &state->sources);
	return error;
}
