/* SPDX-License-Identifier: MIT */
/*
 * One table of routes: the longest prefix with a route that will do decides (net/ipv4/fib_trie.c:
 * fib_table_lookup(); net/ipv6/route.c: fib6_table_lookup(), ip6_pol_route_lookup()).
 *
 * Routes are sorted by table and prefix; those of one prefix are a node, and nodes know the next
 * prefix around them. For all destinations at once the nodes are gone through in order, with a
 * stack of those that are open: each stretch between two ends has the outcome of the innermost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fib.h"
#include "hash.h"

/* Prefixes inside of one another: 0 to 128 bits. */
#define DEPTH_MAX 129

/* What the partitions that are kept may have together, of intervals. */
#define KEPT_MAX 400000u

struct sort_key {
	u128 first;
	uint32_t table; /* as it is looked up */
	uint32_t route;
	uint8_t family, bits;
	bool is_local; /* of the table local */
};

static int compare_keys(const void *left, const void *right)
{
	const struct sort_key *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	if (a->is_local != b->is_local)
		return a->is_local ? -1 : 1;
	return a->route < b->route ? -1 : a->route > b->route;
}

static unsigned int width(uint8_t family)
{
	return family == HARK_FAMILY_INET ? 32 : 128;
}

/* All ones below so many leading bits. */
static u128 host_mask(uint8_t family, unsigned int bits)
{
	return bits >= width(family) ? 0 : RANGES_MAX_IPV6 >> (128 - width(family) + bits);
}

static struct sort_key key_of(const struct fib *fib, uint32_t i)
{
	const struct rule_route *route = &fib->ruleset->routes.items[i];
	bool is_ipv6 = route->family == HARK_FAMILY_INET6;
	struct sort_key key = {
		.table = route->table,
		.route = i,
		.family = route->family,
		.bits = (uint8_t)(route->to.bits - (is_ipv6 ? 0 : 96)),
		.is_local = route->table == RULE_TABLE_LOCAL,
	};

	key.first = ranges_from_bytes(route->to.addr.bytes + (is_ipv6 ? 0 : 12), is_ipv6) &
		    ~host_mask(key.family, key.bits);
	if (fib->is_merged && !is_ipv6 && key.is_local)
		key.table = RULE_TABLE_MAIN;
	return key;
}

/* Whether a node is inside of a prefix of the table local, where both tables are one. */
static bool is_hidden(const struct fib *fib, const struct fib_node *node)
{
	const struct rule_route *routes = fib->ruleset->routes.items;

	if (!fib->is_merged || routes[fib->order[node->first_route]].family != HARK_FAMILY_INET ||
	    routes[fib->order[node->first_route]].table != RULE_TABLE_MAIN ||
	    node->parent == UINT32_MAX)
		return false;
	node = &fib->nodes[node->parent];
	return node->is_hidden || routes[fib->order[node->first_route]].table == RULE_TABLE_LOCAL;
}

static void add_nodes(struct fib *fib, const struct sort_key *keys)
{
	const struct sort_key *before = NULL;
	struct fib_table *table = NULL;
	uint32_t parent = UINT32_MAX;

	for (uint32_t i = 0; i < fib->n_routes; before = &keys[i++]) {
		const struct sort_key *key = &keys[i];
		struct fib_node *node = &fib->nodes[fib->n_nodes];
		u128 last = key->first | host_mask(key->family, key->bits);

		fib->order[i] = key->route;
		if (!before || before->family != key->family || before->table != key->table) {
			table = &fib->tables[fib->n_tables++];
			*table = (struct fib_table){ .family = key->family,
						     .id = key->table,
						     .first_node = fib->n_nodes };
			before = NULL;
			parent = UINT32_MAX;
		}
		if (before && before->first == key->first && before->bits == key->bits) {
			node[-1].n_routes++;
			continue;
		}
		while (parent != UINT32_MAX && fib->nodes[parent].last < key->first)
			parent = fib->nodes[parent].parent;
		*node = (struct fib_node){ .first = key->first,
					   .last = last,
					   .parent = parent,
					   .first_route = i,
					   .n_routes = 1 };
		node->is_hidden = is_hidden(fib, node);
		parent = fib->n_nodes++;
		table->n_nodes++;
	}
}

int fib_index(struct fib *fib)
{
	struct sort_key *keys;

	fib->n_routes = fib->ruleset->routes.n;
	if (fib->n_routes == 0)
		return 0;
	keys = calloc(fib->n_routes, sizeof(*keys));
	fib->order = calloc(fib->n_routes, sizeof(*fib->order));
	fib->nodes = calloc(fib->n_routes, sizeof(*fib->nodes));
	fib->tables = calloc(fib->n_routes, sizeof(*fib->tables));
	if (!keys || !fib->order || !fib->nodes || !fib->tables) {
		free(keys);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < fib->n_routes; i++)
		keys[i] = key_of(fib, i);
	qsort(keys, fib->n_routes, sizeof(*keys), compare_keys);
	add_nodes(fib, keys);
	free(keys);
	return 0;
}

uint32_t fib_find_table(const struct fib *fib, uint8_t family, uint32_t id)
{
	uint32_t low = 0, high = fib->n_tables;

	if (fib->is_merged && family == HARK_FAMILY_INET && id == RULE_TABLE_LOCAL)
		id = RULE_TABLE_MAIN;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct fib_table *table = &fib->tables[middle];

		if (table->family == family && table->id == id)
			return middle;
		if (table->family < family || (table->family == family && table->id < id))
			low = middle + 1;
		else
			high = middle;
	}
	return UINT32_MAX;
}

const struct rule_interface *fib_vrf(const struct ruleset *ruleset, uint32_t ifindex)
{
	const struct rule_interface *interface = ruleset_interface(ruleset, ifindex);

	if (interface && !interface->vrf_table && interface->master)
		interface = ruleset_interface(ruleset, interface->master);
	return interface && interface->vrf_table ? interface : NULL;
}

static bool is_refusal(uint8_t type)
{
	return type >= RULE_ROUTE_BLACKHOLE && type <= RULE_ROUTE_PROHIBIT;
}

/* --- One route --- */

static uint32_t count_hops(const struct rule_route *route)
{
	return route->n_hops ? route->n_hops : 1;
}

static struct rule_hop hop_of(const struct fib *fib, const struct rule_route *route, uint32_t i)
{
	if (route->n_hops)
		return fib->ruleset->hops.items[route->first_hop + i];
	return (struct rule_hop){ .oif = route->oif, .is_linkdown = route->is_linkdown };
}

static bool is_alive(const struct fib *fib, const struct fib_look *look, const struct rule_hop *hop)
{
	const struct rule_interface *interface;

	if (hop->is_dead)
		return false;
	if (!hop->is_linkdown || look->ignores_linkdown || look->is_lookup)
		return true;
	interface = ruleset_interface(fib->ruleset, hop->oif);
	return !interface || !interface->ignores_linkdown[look->family];
}

static bool uses(const struct fib *fib, const struct rule_route *route, uint32_t dev)
{
	for (uint32_t i = 0; dev && i < count_hops(route); i++) {
		struct rule_hop hop = hop_of(fib, route, i);
		const struct rule_interface *vrf;

		if (hop.oif == dev)
			return true;
		vrf = fib_vrf(fib->ruleset, hop.oif);
		if (vrf && vrf->ifindex == dev)
			return true;
	}
	return false;
}

/*
 * The route by those of its next hops that are alive, and lead to `oif` unless that is 0: false
 * where none does.
 */
static bool take_hops(const struct fib *fib, const struct fib_look *look,
		      const struct rule_route *route, uint32_t oif, struct fib_outcome *ret)
{
	bool has_any = false;

	*ret = (struct fib_outcome){ .type = route->type };
	for (uint32_t i = 0; i < count_hops(route); i++) {
		struct rule_hop hop = hop_of(fib, route, i);

		if (!is_alive(fib, look, &hop) || (oif && oif != hop.oif))
			continue;
		if (!has_any)
			ret->oif = hop.oif;
		else if (ret->oif != hop.oif)
			ret->has_several = true;
		has_any = true;
	}
	ret->uses_dev = uses(fib, route, look->dev);
	if (route->has_rest)
		ret->doubts = DOUBT(ROUTING);
	return has_any;
}

/* --- The routes of one prefix --- */

static const struct rule_route *route_of(const struct fib *fib, const struct fib_node *node,
					 uint32_t i)
{
	return &fib->ruleset->routes.items[fib->order[node->first_route + i]];
}

/* fib_table_lookup(): the first that will do. */
static bool select_ipv4(const struct fib *fib, const struct fib_look *look,
			const struct fib_node *node, struct fib_outcome *ret)
{
	uint32_t doubts = node->is_hidden ? DOUBT(ROUTING) : 0;

	for (uint32_t i = 0; i < node->n_routes; i++) {
		const struct rule_route *route = route_of(fib, node, i);

		if (route->tos && !look->has_any_tos)
			continue;
		if (is_refusal(route->type) || route->type == RULE_ROUTE_THROW)
			*ret = (struct fib_outcome){ .type = route->type };
		else if (!take_hops(fib, look, route, look->oif, ret))
			continue;
		/* With a TOS it is for some packets; what the others get is not followed. */
		ret->doubts |= doubts | (route->tos ? DOUBT(SENDER) : 0);
		return true;
	}
	return false;
}

static bool has_address(const struct ruleset *ruleset, const uint8_t *bytes, uint32_t ifindex)
{
	for (uint32_t i = 0; i < ruleset->addresses.n; i++)
		if (ruleset->addresses.items[i].ifindex == ifindex &&
		    !memcmp(ruleset->addresses.items[i].addr.bytes, bytes, 16))
			return true;
	return false;
}

/* Whether a next hop leads to the interface that is wanted, or has the source (ipv6_chk_addr()). */
static bool matches_device(const struct fib *fib, const struct fib_look *look,
			   const struct rule_route *route)
{
	for (uint32_t i = 0; i < count_hops(route); i++) {
		struct rule_hop hop = hop_of(fib, route, i);

		if (hop.is_dead)
			continue;
		if (look->oif ? hop.oif == look->oif :
				has_address(fib->ruleset, look->from, hop.oif))
			return true;
	}
	return false;
}

/* rt6_device_match(), and fib6_select_path(): the interface matters more than the metric. */
static bool look_ipv6(const struct fib *fib, const struct fib_look *look,
		      const struct fib_node *node, struct fib_outcome *ret)
{
	static const uint8_t none[16];
	bool is_picky = look->oif || memcmp(look->from, none, sizeof(none));

	for (uint32_t i = 0; i < node->n_routes && is_picky; i++)
		if (matches_device(fib, look, route_of(fib, node, i)))
			return take_hops(fib, look, route_of(fib, node, i), look->oif, ret);
	if ((look->oif && look->is_strict) || !take_hops(fib, look, route_of(fib, node, 0), 0, ret))
		return false;
	ret->has_several &= !look->oif;
	return true;
}

/*
 * rt6_select(): the best of the lowest metric that has any. Which of several routers answers is not
 * asked; they are as good as one another.
 */
static bool select_ipv6(const struct fib *fib, const struct fib_look *look,
			const struct fib_node *node, struct fib_outcome *ret)
{
	const struct rule_route *best = NULL;
	bool is_wanted = false;

	for (uint32_t i = 0; i < node->n_routes; i++) {
		const struct rule_route *route = route_of(fib, node, i);
		struct fib_outcome found, ignored;
		bool is_right;

		if (best && route->metric != best->metric)
			break;
		if (!take_hops(fib, look, route, look->is_strict ? look->oif : 0, &found))
			continue;
		is_right = look->oif && take_hops(fib, look, route, look->oif, &ignored);
		if (!best || (is_right && !is_wanted)) {
			*ret = found;
			best = route;
			is_wanted = is_right;
		} else if (is_right == is_wanted &&
			   (found.oif != ret->oif || found.type != ret->type)) {
			ret->has_several = true;
			ret->uses_dev |= found.uses_dev;
			ret->doubts |= found.type != ret->type ? DOUBT(ROUTING) : 0;
		}
	}
	return best;
}

static bool select_route(const struct fib *fib, const struct fib_look *look,
			 const struct fib_node *node, struct fib_outcome *ret)
{
	struct fib_outcome found;
	unsigned int bits = width(look->family);
	u128 size = node->last - node->first;

	if (look->family == HARK_FAMILY_INET ? !select_ipv4(fib, look, node, &found) :
	    look->is_lookup                  ? !look_ipv6(fib, look, node, &found) :
					       !select_ipv6(fib, look, node, &found))
		return false;
	for (; size; size >>= 1)
		bits--;
	*ret = found;
	if ((look->passes_refusals && is_refusal(found.type)) ||
	    (!is_refusal(found.type) && (int32_t)bits <= look->suppress_prefix))
		*ret = (struct fib_outcome){ .doubts = found.doubts };
	else if (found.type == RULE_ROUTE_THROW)
		ret->type = RULE_ROUTE_NONE;
	if (is_refusal(ret->type) || ret->type == RULE_ROUTE_NONE) {
		ret->oif = 0;
		ret->has_several = ret->uses_dev = false;
	}
	return true;
}

struct fib_outcome fib_look_up(const struct fib *fib, uint32_t table, const struct fib_look *look,
			       u128 destination)
{
	uint32_t low = fib->tables[table].first_node, high = low + fib->tables[table].n_nodes;
	struct fib_outcome found = { .type = RULE_ROUTE_NONE };
	uint32_t first = low;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (fib->nodes[middle].first <= destination)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t at = low > first ? low - 1 : UINT32_MAX; at != UINT32_MAX;
	     at = fib->nodes[at].parent)
		if (fib->nodes[at].last >= destination &&
		    select_route(fib, look, &fib->nodes[at], &found))
			break;
	return found;
}

/* --- All destinations --- */

struct parting {
	struct fib_partition *partition;
	struct hash by_outcome;
	uint32_t capacity;
	u128 next; /* all before are told */
	bool is_over;
};

/* The place of an outcome, new or not; UINT32_MAX when memory ran out. */
static uint32_t place_of(struct parting *parting, const struct fib_outcome *outcome)
{
	struct fib_partition *partition = parting->partition;
	uint64_t key = (uint64_t)outcome->oif << 32 | (uint64_t)(outcome->doubts & 0xffffff) << 8 |
		       (uint64_t)outcome->has_several << 7 | (uint64_t)outcome->uses_dev << 6 |
		       outcome->type;
	uint32_t i;

	if (partition->n == parting->capacity) {
		uint32_t capacity = 2 * parting->capacity + 4;
		struct fib_outcome *outcomes =
			reallocarray(partition->outcomes, capacity, sizeof(*outcomes));
		struct ranges *destinations;

		if (!outcomes)
			return UINT32_MAX;
		partition->outcomes = outcomes;
		destinations =
			reallocarray(partition->destinations, capacity, sizeof(*destinations));
		if (!destinations)
			return UINT32_MAX;
		partition->destinations = destinations;
		parting->capacity = capacity;
	}
	if (hash_add(&parting->by_outcome, key, partition->n, &i) < 0)
		return UINT32_MAX;
	if (i == partition->n) {
		partition->outcomes[i] = *outcome;
		partition->destinations[i] = (struct ranges){ 0 };
		partition->n++;
	}
	return i;
}

/* All that are left as far as `last` have that outcome. */
static int tell(struct parting *parting, u128 last, const struct fib_outcome *outcome)
{
	uint32_t place;
	int r;

	if (parting->is_over || parting->next > last)
		return 0;
	place = place_of(parting, outcome);
	if (place == UINT32_MAX)
		return -ENOMEM;
	r = ranges_add(&parting->partition->destinations[place], parting->next, last);
	parting->is_over = last == RANGES_MAX_IPV6;
	parting->next = last + 1;
	return r;
}

static int part(const struct fib *fib, struct parting *parting)
{
	const struct fib_table *table = &fib->tables[parting->partition->table];
	const struct fib_look *look = &parting->partition->look;
	struct {
		u128 last;
		struct fib_outcome outcome;
	} stack[DEPTH_MAX + 1] = { { .last = look->family == HARK_FAMILY_INET ? RANGES_MAX_IPV4 :
										RANGES_MAX_IPV6 } };
	uint32_t depth = 1;
	int r = 0;

	for (uint32_t i = 0; i < table->n_nodes && r == 0; i++) {
		const struct fib_node *node = &fib->nodes[table->first_node + i];

		for (; r == 0 && depth > 1 && stack[depth - 1].last < node->first; depth--)
			r = tell(parting, stack[depth - 1].last, &stack[depth - 1].outcome);
		if (r == 0 && node->first > 0)
			r = tell(parting, node->first - 1, &stack[depth - 1].outcome);
		stack[depth].last = node->last;
		if (!select_route(fib, look, node, &stack[depth].outcome))
			stack[depth].outcome = stack[depth - 1].outcome;
		depth++;
	}
	for (; r == 0 && depth > 0; depth--)
		r = tell(parting, stack[depth - 1].last, &stack[depth - 1].outcome);
	return r;
}

static void partition_fini(struct fib_partition *partition)
{
	for (uint32_t i = 0; i < partition->n; i++)
		ranges_fini(&partition->destinations[i]);
	free(partition->outcomes);
	free(partition->destinations);
	*partition = (struct fib_partition){ 0 };
}

void fib_forget(struct fib *fib)
{
	for (uint32_t i = 0; i < FIB_PARTITIONS; i++)
		partition_fini(&fib->partitions[i]);
	free(fib->order);
	free(fib->nodes);
	free(fib->tables);
}

/* Drops what was used longest ago until there is a free place, and room; that place. */
static struct fib_partition *make_room(struct fib *fib)
{
	for (;;) {
		struct fib_partition *oldest = NULL, *unused = NULL;
		uint64_t n_kept = 0;

		for (uint32_t i = 0; i < FIB_PARTITIONS; i++) {
			struct fib_partition *partition = &fib->partitions[i];

			for (uint32_t k = 0; k < partition->n; k++)
				n_kept += partition->destinations[k].n;
			if (!partition->used)
				unused = partition;
			else if (!oldest || partition->used < oldest->used)
				oldest = partition;
		}
		if (unused && (n_kept <= KEPT_MAX || !oldest))
			return unused;
		partition_fini(oldest);
	}
}

const struct fib_partition *fib_partition(struct fib *fib, uint32_t table,
					  const struct fib_look *look)
{
	struct parting parting = { .next = 0 };
	struct fib_partition *partition;

	for (uint32_t i = 0; i < FIB_PARTITIONS; i++) {
		partition = &fib->partitions[i];
		if (partition->used && partition->table == table &&
		    !memcmp(&partition->look, look, sizeof(*look))) {
			partition->used = ++fib->clock;
			return partition;
		}
	}
	partition = make_room(fib);
	partition->table = table;
	memcpy(&partition->look, look, sizeof(*look));
	partition->used = ++fib->clock;
	parting.partition = partition;
	if (part(fib, &parting) < 0) {
		partition_fini(partition);
		partition = NULL;
	}
	hash_fini(&parting.by_outcome);
	return partition;
}
