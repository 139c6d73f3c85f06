/* SPDX-License-Identifier: MIT */
/*
 * Planning the questions.
 *
 * A host may have 1,000 listeners and 10,000 addresses, so not every pair is asked. What the
 * kernel's look-up can tell apart is little: for one protocol and port, a packet's address matters
 * only where some listener is bound to that very address, and its interface only where some
 * listener is bound to that interface. Local addresses thus fall into classes: each address that
 * somebody is bound to by name; for each interface that somebody is bound to, the rest of its
 * addresses; and the rest of all others. One question settles a class.
 *
 * What comes through a VRF is looked up for two interfaces at once, the VRF and its port, which a
 * question cannot say: there the flags decide (verdict.c).
 *
 * A BPF sk_lookup program may tell every address apart: where one is attached, each is a class.
 *
 * The stranger who asks is 0.0.0.0 or ::, because a connected socket has a peer that is neither,
 * and so can never be the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classes.h"

#define MAX_NAMES (1u << 20)

#define FIRST_PEER_PORT 1024
#define MAX_DRAWS       60000 /* below the number of ports there are */

uint8_t asked_protocol(const struct hark_socket *socket)
{
	return socket->protocol == HARK_PROTOCOL_MPTCP ? HARK_PROTOCOL_TCP : socket->protocol;
}

/*
 * Orders listeners so that a group, in it those of one address, and of these those that look the
 * same, stand together.
 */
static int compare_entries(const void *left, const void *right, void *data)
{
	const struct hark_socket *sockets = ((struct judge *)data)->snapshot->sockets.items;
	const struct hark_socket *a = &sockets[((const struct entry *)left)->socket];
	const struct hark_socket *b = &sockets[((const struct entry *)right)->socket];
	int order = (int)asked_protocol(a) - asked_protocol(b);

	if (!order)
		order = (int)a->local_port - b->local_port;
	if (!order)
		order = hark_addr_compare(&a->local, &b->local);
	if (!order)
		order = (int)a->family - b->family;
	if (!order)
		order = (int)a->v6only - b->v6only;
	if (!order)
		order = (a->device > b->device) - (a->device < b->device);
	return order ? order : (a->uid > b->uid) - (a->uid < b->uid);
}

static bool is_same_group(const struct hark_socket *a, const struct hark_socket *b)
{
	return asked_protocol(a) == asked_protocol(b) && a->local_port == b->local_port;
}

bool group_has_name(const struct judge *judge, const struct group *group, enum hark_family family,
		    const struct hark_addr *addr)
{
	uint32_t low = group->first_name[family], high = low + group->n_names[family];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order =
			memcmp(judge->names.items[middle].bytes, addr->bytes, sizeof(addr->bytes));

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool group_has_device(const struct judge *judge, const struct group *group, uint32_t ifindex)
{
	for (uint32_t i = 0; i < group->n_devices; i++)
		if (judge->devices.items[group->first_device + i] == ifindex)
			return true;
	return false;
}

bool group_sample_prefix(const struct judge *judge, const struct group *group,
			 enum hark_family family, const struct hark_prefix *prefix,
			 struct hark_addr *ret)
{
	struct hark_addr addr = prefix->addr;
	uint32_t n_tries = group->n_names[family] + 2;

	/* The all-zero address of an untold family would mean "any": begin behind it. */
	for (uint32_t i = 0; i < n_tries; i++) {
		int at = 15;

		while (at >= 0 && ++addr.bytes[at] == 0)
			at--;
		if (!hark_prefix_contains(prefix, &addr))
			break;
		if (!group_has_name(judge, group, family, &addr)) {
			*ret = addr;
			return true;
		}
	}
	*ret = prefix->addr;
	return !hark_addr_is_any(ret) && !group_has_name(judge, group, family, ret);
}

static int compare_names(const void *left, const void *right)
{
	return memcmp(((const struct hark_addr *)left)->bytes,
		      ((const struct hark_addr *)right)->bytes, 16);
}

static int add_name(struct judge *judge, const struct hark_addr *addr)
{
	struct hark_addr *name = array_push(&judge->names);

	if (!name)
		return -ENOMEM;
	*name = *addr;
	return 0;
}

/* Every local address becomes a name where a BPF program may treat each in its own way. */
static int add_all_names(struct judge *judge, enum hark_family family)
{
	struct hark_snapshot *snapshot = judge->snapshot;
	const struct place_index *index = &judge->places[family];
	int r = 0;

	if (snapshot->namespaces.items[judge->netns].sk_lookup != HARK_YES)
		return 0;
	if ((uint64_t)judge->names.n + index->by_addr.n > MAX_NAMES)
		return snapshot_note(snapshot, HARK_NOTE_ANSWERS, HARK_NOTE_LIMIT, 0,
				     "a BPF sk_lookup program decides here, and there are too many "
				     "addresses to ask for each of them");
	for (uint32_t i = 0; i < index->by_addr.n && r == 0; i++)
		r = add_name(judge, &snapshot->places.items[index->by_addr.items[i]].prefix.addr);
	return r;
}

/*
 * The distinct addresses, of one family, that listeners of the group are bound to, or that have to
 * be asked for by name for another reason.
 */
static int collect_names(struct judge *judge, struct group *group, enum hark_family family)
{
	uint32_t first = judge->names.n, kept = first;
	int r = add_all_names(judge, family);

	if (r < 0)
		return r;
	group->first_name[family] = first;
	for (uint32_t i = group->first; i < group->first + group->n; i++) {
		const struct hark_addr *local = &judge_socket(judge, i)->local;

		if (hark_addr_is_any(local) ||
		    hark_addr_is_ipv4(local) != (family == HARK_FAMILY_INET))
			continue;
		r = add_name(judge, local);
		if (r < 0)
			return r;
	}
	if (judge->names.n > first)
		qsort(&judge->names.items[first], judge->names.n - first, sizeof(struct hark_addr),
		      compare_names);
	for (uint32_t i = first; i < judge->names.n; i++)
		if (kept == first ||
		    compare_names(&judge->names.items[kept - 1], &judge->names.items[i]))
			judge->names.items[kept++] = judge->names.items[i];
	judge->names.n = kept;
	group->n_names[family] = kept - first;
	return 0;
}

static int add_device(struct judge *judge, struct group *group, uint32_t device)
{
	uint32_t *slot;

	if (!device || group_has_device(judge, group, device))
		return 0;
	slot = array_push(&judge->devices);
	if (!slot)
		return -ENOMEM;
	*slot = device;
	group->n_devices++;
	return 0;
}

/* The interfaces that listeners are bound to, and those that a VRF sets apart. */
static int collect_devices(struct judge *judge, struct group *group)
{
	int r = 0;

	group->first_device = judge->devices.n;
	for (uint32_t i = group->first; i < group->first + group->n && r == 0; i++)
		r = add_device(judge, group, judge_socket(judge, i)->device);
	for (uint32_t i = 0; i < judge->vrf_ports.n && r == 0; i++)
		r = add_device(judge, group, judge->vrf_ports.items[i].ifindex);
	return r;
}

/* The VRF that an interface belongs to, or 0. */
static uint32_t vrf_of(const struct judge *judge, uint32_t ifindex)
{
	for (uint32_t i = 0; i < judge->vrf_ports.n; i++)
		if (judge->vrf_ports.items[i].ifindex == ifindex)
			return judge->vrf_ports.items[i].vrf;
	return 0;
}

static int gather_vrf_ports(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->snapshot->interfaces.n; i++) {
		const struct hark_interface *interface = &judge->snapshot->interfaces.items[i];
		struct vrf_port *port;

		if (interface->netns != judge->netns || !interface->vrf)
			continue;
		port = array_push(&judge->vrf_ports);
		if (!port)
			return -ENOMEM;
		*port = (struct vrf_port){ interface->ifindex, interface->vrf };
	}
	return 0;
}

static struct class *add_class(struct judge *judge, struct group *group, enum hark_family family)
{
	struct class *class = array_push(&judge->classes);

	if (!class)
		return NULL;
	class->group = (uint32_t)(group - judge->groups.items);
	class->family = (uint8_t)family;
	class->winner = HARK_NONE;
	class->error = -EINPROGRESS;
	group->n_classes[family]++;
	return class;
}

static int add_named(struct judge *judge, struct group *group, enum hark_family family,
		     uint32_t place)
{
	const struct hark_place *row = &judge->snapshot->places.items[place];
	struct class *class = add_class(judge, group, family);

	if (!class)
		return -ENOMEM;
	class->addr = row->prefix.addr;
	class->ifindex = row->ifindex;
	class->vrf = vrf_of(judge, row->ifindex);
	class->place = place;
	class->n_places = 1;
	class->reach = (int8_t)hark_addr_reach(&class->addr);
	return 0;
}

/*
 * One name is a class for each interface that has it, or one within a prefix; else it is not local.
 */
static int add_name_classes(struct judge *judge, struct group *group, enum hark_family family,
			    const struct hark_addr *name)
{
	const struct place_index *index = &judge->places[family];
	uint32_t first, n = place_index_find(index, name, &first), prefix;
	struct hark_place *place;
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++)
		r = add_named(judge, group, family, index->by_addr.items[first + i]);
	if (n || r < 0)
		return r;
	prefix = place_index_find_prefix(index, name);
	if (prefix == HARK_NONE || hark_addr_is_multicast(name))
		return 0;
	place = array_push(&judge->snapshot->places);
	if (!place)
		return -ENOMEM;
	*place = judge->snapshot->places.items[prefix];
	place->prefix = (struct hark_prefix){ .addr = *name, .bits = 128 };
	return add_named(judge, group, family, judge->snapshot->places.n - 1);
}

static int8_t widest(const struct reach_counts *counts)
{
	for (int reach = HARK_REACH_N_ - 1; reach >= 0; reach--)
		if (counts->n[reach])
			return (int8_t)reach;
	return -1;
}

/* Takes the named places out of the counts, of one interface (0: of all that are not bound to). */
static void subtract_named(const struct judge *judge, const struct group *group,
			   enum hark_family family, uint32_t device, struct reach_counts *counts,
			   uint32_t *n)
{
	for (uint32_t i = 0; i < group->n_classes[family]; i++) {
		const struct class *class = &judge->classes.items[group->first_class[family] + i];
		uint32_t first;

		if (class->place == HARK_NONE)
			continue;
		if (device ? class->ifindex != device :
			     group_has_device(judge, group, class->ifindex))
			continue;
		/* A name within a prefix was never counted among the addresses. */
		if (!place_index_find(&judge->places[family], &class->addr, &first))
			continue;
		counts->n[hark_addr_reach(&class->addr)]--;
		(*n)--;
	}
}

/* The first address of these that nobody is bound to by name. */
static void sample_addresses(const struct judge *judge, const struct group *group,
			     enum hark_family family, const struct place_device *device,
			     struct class *class)
{
	const struct place_index *index = &judge->places[family];
	uint32_t first = device ? device->first : 0, n = device ? device->n : index->by_device.n;

	for (uint32_t i = 0; i < n; i++) {
		const struct hark_place *place =
			&judge->snapshot->places.items[index->by_device.items[first + i]];

		if (!device && group_has_device(judge, group, place->ifindex))
			continue;
		if (group_has_name(judge, group, family, &place->prefix.addr))
			continue;
		class->addr = place->prefix.addr;
		class->ifindex = place->ifindex;
		return;
	}
}

/*
 * The rest of one interface's addresses (0: of all interfaces that nobody is bound to), and of
 * prefixes.
 */
static int add_rest(struct judge *judge, struct group *group, enum hark_family family,
		    uint32_t ifindex)
{
	const struct place_index *index = &judge->places[family];
	const struct place_device *device = ifindex ? place_index_device(index, ifindex) : NULL;
	struct reach_counts counts = device ? device->reaches : index->reaches;
	uint32_t n = device ? device->n : index->by_addr.n, n_prefixes = 0;
	struct class rest = { .device = ifindex };
	struct class *class;

	if (ifindex && !device)
		n = 0, counts = (struct reach_counts){ 0 };
	for (uint32_t i = 0; !ifindex && i < group->n_devices; i++) {
		device = place_index_device(index, judge->devices.items[group->first_device + i]);
		for (int reach = 0; device && reach < HARK_REACH_N_; reach++)
			counts.n[reach] -= device->reaches.n[reach];
		n -= device ? device->n : 0;
	}
	subtract_named(judge, group, family, ifindex, &counts, &n);
	rest.reach = widest(&counts);
	for (uint32_t i = 0; i < index->prefixes.n; i++) {
		const struct hark_place *place =
			&judge->snapshot->places.items[index->prefixes.items[i]];
		int8_t reach = index->untold ? -1 : (int8_t)hark_prefix_reach(&place->prefix);

		if (ifindex ? place->ifindex != ifindex :
			      group_has_device(judge, group, place->ifindex))
			continue;
		if (!group_sample_prefix(judge, group, family, &place->prefix, &rest.addr))
			continue;
		rest.ifindex = place->ifindex;
		rest.reach = reach > rest.reach ? reach : rest.reach;
		n_prefixes++;
	}
	if (n)
		sample_addresses(judge, group, family,
				 ifindex ? place_index_device(index, ifindex) : NULL, &rest);
	if (n + n_prefixes == 0)
		return 0;
	class = add_class(judge, group, family);
	if (!class)
		return -ENOMEM;
	class->addr = rest.addr;
	class->ifindex = rest.ifindex;
	class->vrf = vrf_of(judge, rest.ifindex);
	class->device = ifindex;
	class->place = HARK_NONE;
	class->n_places = n + n_prefixes;
	class->reach = rest.reach;
	class->is_void = !group->has_wildcard &&
			 judge->snapshot->namespaces.items[judge->netns].sk_lookup == HARK_NO;
	return 0;
}

static int plan_family(struct judge *judge, struct group *group, enum hark_family family)
{
	int r = collect_names(judge, group, family);

	group->first_class[family] = judge->classes.n;
	for (uint32_t i = 0; i < group->n_names[family] && r == 0; i++) {
		struct hark_addr name = judge->names.items[group->first_name[family] + i];

		r = add_name_classes(judge, group, family, &name);
	}
	group->n_named[family] = group->n_classes[family];
	for (uint32_t i = 0; i < group->n_devices && r == 0; i++)
		r = add_rest(judge, group, family, judge->devices.items[group->first_device + i]);
	return r < 0 ? r : add_rest(judge, group, family, 0);
}

static int plan_group(struct judge *judge, uint32_t first, uint32_t n)
{
	struct group *group = array_push(&judge->groups);
	int r;

	if (!group)
		return -ENOMEM;
	group->first = first;
	group->n = n;
	group->protocol = asked_protocol(judge_socket(judge, first));
	group->port = judge_socket(judge, first)->local_port;
	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_socket *socket = judge_socket(judge, i);
		bool is_ipv4 = hark_addr_is_ipv4(&socket->local);

		judge->order.items[i].group = judge->groups.n - 1;
		group->has_wildcard |= hark_addr_is_any(&socket->local);
		group->has_families[HARK_FAMILY_INET] |=
			socket_can_take(socket, HARK_FAMILY_INET) &&
			(is_ipv4 || hark_addr_is_any(&socket->local));
		group->has_families[HARK_FAMILY_INET6] |= !is_ipv4;
	}
	r = collect_devices(judge, group);
	for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
		if (group->has_families[family])
			r = plan_family(judge, group, (enum hark_family)family);
	return r;
}

static int gather_listeners(struct judge *judge)
{
	struct hark_snapshot *snapshot = judge->snapshot;
	int r = 0;

	/* They come first of their namespace. */
	for (uint32_t i = snapshot->first_socket;
	     i < snapshot->sockets.n && snapshot->sockets.items[i].is_listener; i++) {
		struct entry *entry = array_push(&judge->order);

		if (!entry)
			return -ENOMEM;
		entry->socket = i;
	}
	if (judge->order.n == 0)
		return 0;
	qsort_r(judge->order.items, judge->order.n, sizeof(struct entry), compare_entries, judge);
	judge->runs = calloc(judge->order.n, sizeof(*judge->runs));
	if (!judge->runs)
		return -ENOMEM;
	for (uint32_t i = 0; i < judge->order.n && r == 0; i++) {
		const struct hark_socket *socket = judge_socket(judge, i);
		uint64_t subflow = snapshot_listener(snapshot, socket)->subflow_cookie;
		uint64_t cookie = subflow ? subflow : socket->cookie;
		struct entry *entry = &judge->order.items[i];
		bool follows = i > 0 && !compare_entries(entry - 1, entry, judge);

		entry->run = follows ? entry[-1].run : i;
		entry->representative = asked_protocol(socket) == HARK_PROTOCOL_TCP ? entry->run :
										      i;
		judge->runs[entry->run].n++;
		if (cookie)
			r = hash_put(&judge->by_cookie, cookie, i);
	}
	return r;
}

int judge_begin(struct judge **ret, struct hark_snapshot *snapshot, uint32_t netns)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	int r = judge ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	judge->snapshot = snapshot;
	judge->netns = netns;
	for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
		r = place_index_init(&judge->places[family], snapshot, netns,
				     (enum hark_family)family);
	if (r == 0)
		r = gather_vrf_ports(judge);
	if (r == 0)
		r = gather_listeners(judge);
	for (uint32_t i = 0, n; i < judge->order.n && r == 0; i += n) {
		for (n = 1; i + n < judge->order.n; n++)
			if (!is_same_group(judge_socket(judge, i), judge_socket(judge, i + n)))
				break;
		r = plan_group(judge, i, n);
	}
	if (r < 0) {
		judge_free(judge);
		return r;
	}
	*ret = judge;
	return 0;
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		place_index_fini(&judge->places[family]);
		free(judge->tallies[family]);
	}
	array_fini(&judge->order);
	array_fini(&judge->groups);
	array_fini(&judge->classes);
	array_fini(&judge->names);
	array_fini(&judge->devices);
	array_fini(&judge->vrf_ports);
	array_fini(&judge->questions);
	array_fini(&judge->question_class);
	array_fini(&judge->wins);
	array_fini(&judge->candidates);
	hash_fini(&judge->by_cookie);
	free(judge->runs);
	free(judge);
}
