/* SPDX-License-Identifier: MIT */
/*
 * Who gets through, joined over the addresses and interfaces of a listener or door. Those of one
 * scope are joined first: whoever gets through to any public address is let in from afar, and that
 * everybody gets through to a link-local one is no news for those who are not on the wire. So the
 * answer is the widest scope that is open to everybody, and besides who gets through to addresses
 * of wider scopes.
 */
#include "exposure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Who gets through to addresses of one scope. */
struct join {
	struct ranges certain, maybe, unknown;
	uint32_t depends_on;
	bool is_there;
};

struct joins {
	struct join scopes[HARK_REACH_N_]; /* HARK_REACH_HOST: what this host sends itself */
	bool has_crafted;
};

/* Where the exposure of those entries was worked out already. */
struct known {
	uint32_t first_entry, n_entries;
	uint8_t family;
	int8_t reach;
	struct hark_exposure exposure;
};

int ranges_of(const struct hark_snapshot *snapshot, uint32_t first, uint32_t n, struct ranges *to)
{
	int r = 0;

	for (uint32_t i = first; r == 0 && i < first + n; i++) {
		const struct hark_range *range = hark_snapshot_range(snapshot, i);

		if (range)
			r = ranges_add(to, ranges_number(&range->first),
				       ranges_number(&range->last));
	}
	return r;
}

enum hark_reach entry_scope(const struct hark_snapshot *snapshot,
			    const struct hark_firewall_entry *entry, int reach)
{
	enum hark_reach scope = HARK_REACH_HOST;

	if (entry->ifindex == LOOPBACK_IFINDEX)
		return HARK_REACH_HOST;
	for (uint32_t i = 0; i < entry->n_places; i++) {
		const struct hark_place *place =
			hark_snapshot_place(snapshot, entry->first_place + i);

		if (place && hark_prefix_reach(&place->prefix) > scope)
			scope = hark_prefix_reach(&place->prefix);
	}
	/* Where it is not told which addresses they are, the widest is meant. */
	return entry->n_places || reach < 0 ? scope : (enum hark_reach)reach;
}

static bool lets_through(const struct hark_firewall_piece *piece)
{
	return piece->verdict == HARK_FIREWALL_ACCEPT || piece->verdict == HARK_FIREWALL_UNKNOWN ||
	       (piece->verdict == HARK_FIREWALL_DEPENDS &&
		(!piece->possible || piece->possible & (1u << HARK_FIREWALL_ACCEPT)));
}

static int add_piece(struct join *join, const struct hark_snapshot *snapshot,
		     const struct hark_firewall_piece *piece)
{
	struct ranges ranges = { .n = 0 };
	struct ranges *to = &join->certain;
	int r;

	if (!lets_through(piece))
		return 0;
	if (piece->verdict == HARK_FIREWALL_UNKNOWN)
		to = &join->unknown;
	else if (piece->verdict == HARK_FIREWALL_DEPENDS)
		to = &join->maybe;
	if (to == &join->maybe)
		join->depends_on |= piece->depends_on;
	r = ranges_of(snapshot, piece->first_range, piece->n_ranges, &ranges);
	if (r == 0)
		r = ranges_unite(to, &ranges);
	ranges_fini(&ranges);
	return r;
}

static int add_entry(struct joins *joins, const struct hark_snapshot *snapshot,
		     const struct hark_firewall_entry *entry, int reach)
{
	enum hark_reach scope = entry_scope(snapshot, entry, reach);
	struct join *join = &joins->scopes[scope];
	int r = 0;

	join->is_there = true;
	joins->has_crafted |= entry->n_crafted && scope != HARK_REACH_HOST;
	for (uint32_t i = 0; r == 0 && i < entry->n_pieces; i++)
		r = add_piece(join, snapshot,
			      hark_snapshot_firewall_piece(snapshot, entry->first_piece + i));
	return r;
}

/* What nobody can send from may be on either side of a rule, and makes no difference. */
static int cut_unsendable(struct ranges *set, int family)
{
	int r;

	if (family == HARK_FAMILY_INET6) {
		r = ranges_cut(set, 0, 1);
		return r < 0 ? r : ranges_cut(set, (u128)0xff << 120, RANGES_MAX_IPV6);
	}
	r = ranges_cut(set, 0, 0x00ffffff);
	if (r == 0)
		r = ranges_cut(set, 0x7f000000, 0x7fffffff);
	return r < 0 ? r : ranges_cut(set, 0xe0000000, 0xefffffff);
}

/* Those who are in none of the sets. */
static int find_others(const struct ranges *certain, const struct ranges *maybe, int family,
		       struct ranges *others)
{
	int r = ranges_copy(others, certain);

	if (r == 0 && maybe)
		r = ranges_unite(others, maybe);
	if (r == 0)
		r = ranges_invert(others,
				  family == HARK_FAMILY_INET ? RANGES_MAX_IPV4 : RANGES_MAX_IPV6);
	return r;
}

/* Those on the wire, who alone are meant by link-local addresses. */
static int keep_on_link(struct ranges *set, int family)
{
	struct ranges link = { .n = 0 };
	u128 fe80 = (u128)0xfe80 << 112;
	int r = family == HARK_FAMILY_INET ? ranges_set(&link, 0xa9fe0000, 0xa9feffff) :
					     ranges_set(&link, fe80, fe80 | UINT64_MAX);

	if (r == 0)
		r = ranges_intersect(set, &link);
	ranges_fini(&link);
	return r;
}

static int is_everybody(const struct ranges *certain, int family, int scope, bool *ret)
{
	struct ranges others = { .n = 0 };
	int r = find_others(certain, NULL, family, &others);

	if (r == 0)
		r = cut_unsendable(&others, family);
	if (r == 0 && scope == HARK_REACH_LINK)
		r = keep_on_link(&others, family);
	*ret = ranges_are_empty(&others);
	ranges_fini(&others);
	return r;
}

static int keep(struct hark_exposures *exposures, const struct ranges *set, int family,
		uint32_t *ret_first, uint32_t *ret_n)
{
	*ret_first = exposures->ranges.n;
	*ret_n = set->n;
	for (uint32_t i = 0; i < set->n; i++) {
		struct hark_range *range = array_push(&exposures->ranges);

		if (!range)
			return -ENOMEM;
		range->first = ranges_addr(set->items[i].first, family == HARK_FAMILY_INET6);
		range->last = ranges_addr(set->items[i].last, family == HARK_FAMILY_INET6);
	}
	return 0;
}

/* Whether this host gets through to itself; where that was not asked, it is taken for granted. */
static enum hark_who own_view(const struct join *own)
{
	bool is_let = !ranges_are_empty(&own->certain) || !ranges_are_empty(&own->maybe) ||
		      !ranges_are_empty(&own->unknown);

	return own->is_there && !is_let ? HARK_WHO_NOBODY : HARK_WHO_HOST;
}

/* Puts what addresses of wider scopes than `open` let through into one. */
static int unite_wider(struct joins *joins, int open, struct join *all)
{
	int r = 0;

	for (int scope = open + 1; r == 0 && scope < HARK_REACH_N_; scope++) {
		const struct join *join = &joins->scopes[scope];

		if (scope == HARK_REACH_HOST || !join->is_there)
			continue;
		r = ranges_unite(&all->certain, &join->certain);
		if (r == 0)
			r = ranges_unite(&all->maybe, &join->maybe);
		if (r == 0)
			r = ranges_unite(&all->unknown, &join->unknown);
		all->depends_on |= join->depends_on;
		all->is_there = true;
	}
	if (r == 0)
		r = ranges_unite(&all->maybe, &all->unknown);
	return r < 0 ? r : ranges_subtract(&all->maybe, &all->certain);
}

static int conclude(struct hark_exposures *exposures, struct joins *joins, int family,
		    struct hark_exposure *e)
{
	struct join all = { .is_there = false };
	struct ranges others = { .n = 0 };
	bool is_open = false;
	int r = 0;

	for (int scope = HARK_REACH_PUBLIC; r == 0 && scope > HARK_REACH_HOST; scope--) {
		if (!joins->scopes[scope].is_there)
			continue;
		r = is_everybody(&joins->scopes[scope].certain, family, scope, &is_open);
		if (is_open) {
			e->open = (int8_t)scope;
			break;
		}
	}
	if (r == 0)
		r = unite_wider(joins, e->open, &all);
	if (r == 0)
		r = find_others(&all.certain, &all.maybe, family, &others);
	if (r == 0)
		r = cut_unsendable(&others, family);
	if (r == 0)
		r = keep(exposures, &all.certain, family, &e->first_range, &e->n_ranges);
	if (r == 0)
		r = keep(exposures, &all.maybe, family, &e->first_maybe, &e->n_maybe);
	if (r == 0 && all.is_there)
		r = keep(exposures, &others, family, &e->first_other, &e->n_others);
	e->depends_on = e->n_maybe ? all.depends_on : 0;
	if (!ranges_are_empty(&all.unknown))
		e->who = HARK_WHO_UNKNOWN;
	else if (e->n_maybe)
		e->who = HARK_WHO_DEPENDS;
	else if (e->n_ranges)
		e->who = HARK_WHO_SOME;
	else
		e->who = e->open >= 0 ? HARK_WHO_OPEN : own_view(&joins->scopes[HARK_REACH_HOST]);
	ranges_fini(&all.certain);
	ranges_fini(&all.maybe);
	ranges_fini(&all.unknown);
	ranges_fini(&others);
	return r;
}

/* Several listeners may have the very same answers; whoever asks for the rows shares them. */
static const struct known *find_known(const struct hark_exposures *exposures, uint32_t first,
				      uint32_t n, int family, int reach)
{
	const struct hark_snapshot *snapshot = exposures->snapshot;
	const struct hark_firewall_entry *a, *b;

	for (uint32_t k = exposures->known.n; k > 0 && k + 8 > exposures->known.n; k--) {
		const struct known *known = &exposures->known.items[k - 1];
		uint32_t i = 0;

		if (known->n_entries != n || known->family != family || known->reach != reach)
			continue;
		for (; i < n; i++) {
			a = hark_snapshot_firewall_entry(snapshot, first + i);
			b = hark_snapshot_firewall_entry(snapshot, known->first_entry + i);
			if (a->family != b->family || a->ifindex != b->ifindex ||
			    a->first_place != b->first_place || a->n_places != b->n_places ||
			    a->first_piece != b->first_piece || a->n_pieces != b->n_pieces ||
			    a->n_crafted != b->n_crafted)
				break;
		}
		if (i == n)
			return known;
	}
	return NULL;
}

static int work_out(struct hark_exposures *exposures, uint32_t first, uint32_t n, int family,
		    struct hark_exposure *e)
{
	struct joins joins = { .has_crafted = false };
	const struct known *known = find_known(exposures, first, n, family, e->reach);
	bool is_asked = false; /* about addresses that others can send to */
	struct known *new;
	int r = 0;

	if (known) {
		*e = known->exposure;
		return 0;
	}
	for (uint32_t i = first; r == 0 && i < first + n; i++) {
		const struct hark_firewall_entry *entry =
			hark_snapshot_firewall_entry(exposures->snapshot, i);

		if (!entry || entry->family != family)
			continue;
		is_asked |= entry_scope(exposures->snapshot, entry, e->reach) > HARK_REACH_HOST;
		r = add_entry(&joins, exposures->snapshot, entry, e->reach);
	}
	e->has_crafted = joins.has_crafted;
	if (is_asked && r == 0)
		r = conclude(exposures, &joins, family, e);
	for (int scope = 0; scope < HARK_REACH_N_; scope++) {
		ranges_fini(&joins.scopes[scope].certain);
		ranges_fini(&joins.scopes[scope].maybe);
		ranges_fini(&joins.scopes[scope].unknown);
	}
	new = r == 0 ? array_push(&exposures->known) : NULL;
	if (new)
		*new = (struct known){ first, n, (uint8_t)family, e->reach, *e };
	return new ? 0 : -ENOMEM;
}

static int add_listener(struct hark_exposures *exposures, const struct hark_listener *listener,
			int family, struct hark_exposure *e)
{
	const struct hark_answer *answer = &listener->answers[family];

	*e = (struct hark_exposure){ .who = HARK_WHO_UNKNOWN,
				     .firewall = listener->firewall,
				     .reach = answer->reach,
				     .open = -1 };
	if (answer->verdict == HARK_VERDICT_NONE)
		e->who = HARK_WHO_UNSERVED;
	if (answer->verdict == HARK_VERDICT_NONE || answer->verdict == HARK_VERDICT_UNKNOWN)
		return 0;
	/* What comes in by lo alone needs no firewall to be safe from others. */
	if (answer->reach == HARK_REACH_HOST)
		e->who = HARK_WHO_HOST;
	if (answer->reach == HARK_REACH_HOST || listener->firewall != HARK_KNOWN)
		return 0;
	return work_out(exposures, listener->first_entry, listener->n_entries, family, e);
}

static int add_door(struct hark_exposures *exposures, const struct hark_door *door,
		    struct hark_exposure *e)
{
	*e = (struct hark_exposure){ .who = HARK_WHO_UNKNOWN,
				     .firewall = HARK_KNOWN,
				     .reach = (int8_t)door->reach,
				     .open = -1 };
	return work_out(exposures, door->first_entry, door->n_entries, door->family, e);
}

/* 3: everybody gets through, 2: may, 1: nobody does but some; 0: it makes no sense to compare. */
static int breadth(const struct hark_exposure *e)
{
	switch ((enum hark_who)e->who) {
	case HARK_WHO_OPEN:
		return e->open == e->reach ? 3 : 1;
	case HARK_WHO_DEPENDS:
		return e->n_others ? 1 : 2;
	case HARK_WHO_SOME:
	case HARK_WHO_HOST:
	case HARK_WHO_NOBODY:
		return e->reach > HARK_REACH_HOST;
	case HARK_WHO_UNSERVED:
	case HARK_WHO_UNKNOWN:
	case HARK_WHO_N_:
		break;
	}
	return 0;
}

/*
 * Marks what is wider than the narrowest of the other family: a program may have a socket for each
 * family, so all listeners of a port are held against one another.
 */
static void compare_port(struct hark_exposures *exposures, uint32_t begin, uint32_t end)
{
	int narrowest[HARK_FAMILY_N_] = { 0, 0 };

	for (uint32_t i = begin; i < end; i++) {
		uint32_t listener = hark_snapshot_socket(exposures->snapshot, i)->listener;

		for (int family = 0; family < HARK_FAMILY_N_ && listener != HARK_NONE; family++) {
			int is = breadth(&exposures->listeners.items[2 * listener + family]);

			if (is && (!narrowest[family] || is < narrowest[family]))
				narrowest[family] = is;
		}
	}
	for (uint32_t i = begin; i < end; i++) {
		uint32_t listener = hark_snapshot_socket(exposures->snapshot, i)->listener;

		for (int family = 0; family < HARK_FAMILY_N_ && listener != HARK_NONE; family++) {
			struct hark_exposure *e =
				&exposures->listeners.items[2 * listener + family];

			e->is_wider = narrowest[!family] && breadth(e) > narrowest[!family];
		}
	}
}

static bool is_same_port(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol && a->local_port == b->local_port;
}

/* Sockets of one protocol and port stand together. */
static void compare_families(struct hark_exposures *exposures)
{
	uint32_t n = hark_snapshot_n_sockets(exposures->snapshot);

	for (uint32_t begin = 0, end; begin < n; begin = end) {
		const struct hark_socket *first = hark_snapshot_socket(exposures->snapshot, begin);

		for (end = begin + 1; end < n; end++)
			if (!is_same_port(first, hark_snapshot_socket(exposures->snapshot, end)))
				break;
		compare_port(exposures, begin, end);
	}
}

int hark_exposures_new(const struct hark_snapshot *snapshot, struct hark_exposures **ret)
{
	struct hark_exposures *exposures = calloc(1, sizeof(*exposures));
	const struct hark_listener *listener;
	const struct hark_door *door;
	int r = exposures ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	exposures->snapshot = snapshot;
	for (uint32_t i = 0; r == 0 && (listener = hark_snapshot_listener(snapshot, i)); i++) {
		for (int family = 0; r == 0 && family < HARK_FAMILY_N_; family++) {
			struct hark_exposure e;

			r = add_listener(exposures, listener, family, &e);
			if (r == 0)
				r = array_reserve(&exposures->listeners, 1u);
			if (r == 0)
				exposures->listeners.items[exposures->listeners.n++] = e;
		}
	}
	for (uint32_t i = 0; r == 0 && (door = hark_snapshot_door(snapshot, i)); i++) {
		struct hark_exposure e;

		r = add_door(exposures, door, &e);
		if (r == 0)
			r = array_reserve(&exposures->doors, 1u);
		if (r == 0)
			exposures->doors.items[exposures->doors.n++] = e;
	}
	if (r < 0) {
		hark_exposures_free(exposures);
		return r;
	}
	compare_families(exposures);
	*ret = exposures;
	return 0;
}

void hark_exposures_free(struct hark_exposures *exposures)
{
	if (!exposures)
		return;
	array_fini(&exposures->listeners);
	array_fini(&exposures->doors);
	array_fini(&exposures->ranges);
	array_fini(&exposures->known);
	free(exposures);
}

const struct hark_exposure *hark_exposures_listener(const struct hark_exposures *exposures,
						    uint32_t listener, enum hark_family family)
{
	if (listener >= exposures->listeners.n / HARK_FAMILY_N_ || family >= HARK_FAMILY_N_)
		return NULL;
	return &exposures->listeners.items[HARK_FAMILY_N_ * listener + family];
}

const struct hark_exposure *hark_exposures_door(const struct hark_exposures *exposures,
						uint32_t door)
{
	return door < exposures->doors.n ? &exposures->doors.items[door] : NULL;
}

const struct hark_range *hark_exposures_range(const struct hark_exposures *exposures, uint32_t i)
{
	return i < exposures->ranges.n ? &exposures->ranges.items[i] : NULL;
}
