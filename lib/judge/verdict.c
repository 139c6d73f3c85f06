/* SPDX-License-Identifier: MIT */
/*
 * From the winners of classes to the verdict of each listener.
 *
 * A port may have ten thousand listeners, each on an address of its own, and as many classes: no
 * pair of them is looked at that the addresses do not bring together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classes.h"

#define MAX_LISTED (1u << 20) /* addresses in all lists of verdicts together */

bool socket_can_take(const struct hark_socket *socket, enum hark_family family)
{
	if (socket->protocol == HARK_PROTOCOL_RAW || socket->protocol == HARK_PROTOCOL_ICMP)
		return socket->family == family;
	return family == HARK_FAMILY_INET || socket->family == HARK_FAMILY_INET6;
}

/* Whether the class is of those addresses that the listener is asked about: its interface's. */
static bool is_class_for(const struct class *class, const struct hark_socket *socket)
{
	return !socket->device || socket->device == class->ifindex || socket->device == class->vrf;
}

/*
 * Whether the interface that a packet arrives on suits the socket, as inet_bound_dev_eq() has it
 * (include/net/inet_sock.h): what comes through a VRF is for sockets bound to that or to its port,
 * and for those bound to nothing where a switch says so.
 */
static enum hark_tristate interface_fits(const struct judge *judge,
					 const struct hark_socket *socket,
					 const struct class *class)
{
	const struct hark_namespace *namespace = &judge->snapshot->namespaces.items[judge->netns];

	if (socket->device)
		return is_class_for(class, socket) ? HARK_YES : HARK_NO;
	if (!class->vrf)
		return HARK_YES;
	switch ((enum hark_protocol)socket->protocol) {
	case HARK_PROTOCOL_TCP:
	case HARK_PROTOCOL_MPTCP:
	case HARK_PROTOCOL_DCCP:
		return (enum hark_tristate) namespace->tcp_l3mdev_accept;
	case HARK_PROTOCOL_UDP:
	case HARK_PROTOCOL_UDPLITE:
		return (enum hark_tristate) namespace->udp_l3mdev_accept;
	case HARK_PROTOCOL_RAW:
		return (enum hark_tristate) namespace->raw_l3mdev_accept;
	case HARK_PROTOCOL_ICMP:
	case HARK_PROTOCOL_SCTP:
	case HARK_PROTOCOL_N_:
		break;
	}
	return HARK_YES;
}

/*
 * Whether a packet to the class may be for the socket, by its flags. HARK_UNKNOWN: IPV6_V6ONLY, or
 * what VRFs do to sockets of the protocol, is untold.
 */
static enum hark_tristate socket_fits(const struct judge *judge, const struct hark_socket *socket,
				      const struct class *class)
{
	enum hark_family family = (enum hark_family) class->family;
	bool bound_to_ipv4 = hark_addr_is_ipv4(&socket->local);
	enum hark_tristate suits = interface_fits(judge, socket, class);

	if (suits == HARK_NO || !socket_can_take(socket, family))
		return HARK_NO;
	if (!hark_addr_is_any(&socket->local))
		return memcmp(socket->local.bytes, class->addr.bytes, 16) ? HARK_NO : suits;
	if (family == HARK_FAMILY_INET6)
		return bound_to_ipv4 ? HARK_NO : suits;
	if (bound_to_ipv4)
		return suits;
	switch ((enum hark_tristate)socket->v6only) {
	case HARK_YES:
		return HARK_NO;
	case HARK_NO:
		return suits;
	case HARK_UNKNOWN:
		break;
	}
	return HARK_UNKNOWN;
}

/*
 * How well a socket that fits does: the kernel prefers an exact address, an interface, then
 * AF_INET.
 */
static int score(const struct hark_socket *socket)
{
	return (hark_addr_is_any(&socket->local) ? 0 : 4) + (socket->device ? 2 : 0) +
	       (socket->family == HARK_FAMILY_INET ? 1 : 0);
}

static struct tally *tally_of(struct judge *judge, enum hark_family family, uint32_t position)
{
	return &judge->tallies[family][judge->order.items[position].representative];
}

static int give(struct judge *judge, uint32_t i, uint32_t position)
{
	const struct class *class = &judge->classes.items[i];
	struct tally *tally = tally_of(judge, (enum hark_family) class->family, position);
	struct win *win = array_push(&judge->wins);

	if (!win)
		return -ENOMEM;
	*win = (struct win){ .class = i, .next = tally->has_won ? tally->first_win : HARK_NONE };
	tally->first_win = judge->wins.n - 1;
	tally->won += class->n_places;
	if (!tally->has_won || class->reach > tally->reach)
		tally->reach = class->reach;
	tally->reach_unknown |= class->reach < 0;
	tally->has_won = true;
	return 0;
}

/* What HARK_UNKNOWN of socket_fits() stands for. */
static uint8_t why_untold(const struct class *class)
{
	return class->vrf ? HARK_WHY_VRF : HARK_WHY_V6ONLY_UNTOLD;
}

/* Adds the listeners of the class's group that are bound to these bytes. */
static int add_candidates(struct judge *judge, const struct class *class,
			  const struct hark_addr *addr)
{
	const struct group *group = &judge->groups.items[class->group];
	uint32_t low = group->first, end = group->first + group->n, high = end;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(judge_socket(judge, middle)->local.bytes, addr->bytes, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < end && !memcmp(judge_socket(judge, low)->local.bytes, addr->bytes, 16);
	     low++) {
		uint32_t *position = array_push(&judge->candidates);

		if (!position)
			return -ENOMEM;
		*position = low;
	}
	return 0;
}

/* Who may get what goes to the class: those bound to its address, or to none. */
static int gather_candidates(struct judge *judge, const struct class *class)
{
	static const uint8_t zero[16];
	const struct hark_addr any[HARK_FAMILY_N_] = {
		[HARK_FAMILY_INET] = hark_addr_from_ipv4(zero),
		[HARK_FAMILY_INET6] = hark_addr_from_ipv6(zero, 0),
	};
	int r;

	judge->candidates.n = 0;
	r = add_candidates(judge, class, &class->addr);
	for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
		r = add_candidates(judge, class, &any[family]);
	return r;
}

/* All that fits, where each gets a copy (raw, ICMP). */
static int conclude_copies(struct judge *judge, uint32_t i)
{
	const struct class *class = &judge->classes.items[i];
	enum hark_family family = (enum hark_family) class->family;
	int r = 0;

	for (uint32_t k = 0; k < judge->candidates.n && r == 0; k++) {
		uint32_t p = judge->candidates.items[k];

		switch (socket_fits(judge, judge_socket(judge, p), class)) {
		case HARK_YES:
			r = give(judge, i, p);
			break;
		case HARK_UNKNOWN:
			tally_of(judge, family, p)->unknown_why = why_untold(class);
			break;
		case HARK_NO:
			break;
		}
	}
	return r;
}

/*
 * The best fit by flags. Where IPV6_V6ONLY is untold, a socket that certainly fits at least as well
 * settles it: it gets the packet whichever way the flag stands.
 */
static int conclude_by_flags(struct judge *judge, uint32_t i)
{
	struct class *class = &judge->classes.items[i];
	enum hark_family family = (enum hark_family) class->family;
	uint32_t best = HARK_NONE;
	bool is_rivalled = false, is_doubtful = false;

	for (uint32_t k = 0; k < judge->candidates.n; k++) {
		uint32_t p = judge->candidates.items[k];
		const struct hark_socket *socket = judge_socket(judge, p);

		if (socket_fits(judge, socket, class) != HARK_YES)
			continue;
		if (best == HARK_NONE || score(socket) > score(judge_socket(judge, best))) {
			best = p;
			is_rivalled = false;
		} else if (score(socket) == score(judge_socket(judge, best)) &&
			   judge->order.items[p].representative !=
				   judge->order.items[best].representative) {
			is_rivalled = true;
		}
	}
	for (uint32_t k = 0; k < judge->candidates.n; k++) {
		uint32_t p = judge->candidates.items[k];
		const struct hark_socket *socket = judge_socket(judge, p);
		enum hark_tristate fits = socket_fits(judge, socket, class);

		if (fits == HARK_UNKNOWN && best != HARK_NONE &&
		    score(socket) <= score(judge_socket(judge, best))) {
			tally_of(judge, family, p)->by_inference = true;
		} else if (fits == HARK_UNKNOWN) {
			tally_of(judge, family, p)->unknown_why = why_untold(class);
			is_doubtful = true;
		} else if (fits == HARK_YES && is_rivalled &&
			   score(socket) == score(judge_socket(judge, best))) {
			tally_of(judge, family, p)->unknown_why = HARK_WHY_RIVALS;
		}
	}
	if (best == HARK_NONE || is_rivalled)
		return 0;
	if (is_doubtful) {
		tally_of(judge, family, best)->unknown_why = HARK_WHY_RIVALS;
		return 0;
	}
	class->winner = best;
	return give(judge, i, best);
}

static bool is_answered(const struct class *class)
{
	return class->is_asked && (class->error == 0 || class->error == -ENOENT);
}

static int conclude_class(struct judge *judge, uint32_t i)
{
	const struct class *class = &judge->classes.items[i];
	uint8_t protocol = judge->groups.items[class->group].protocol;
	int r;

	if (class->is_void)
		return 0;
	if (is_answered(class))
		return class->winner == HARK_NONE ? 0 : give(judge, i, class->winner);
	r = gather_candidates(judge, class);
	if (r < 0)
		return r;
	if (protocol == HARK_PROTOCOL_RAW || protocol == HARK_PROTOCOL_ICMP)
		return conclude_copies(judge, i);
	return conclude_by_flags(judge, i);
}

/* Adds up what there is for a listener bound to that interface (NULL: for one bound to none). */
static struct reckoning reckon(const struct judge *judge, const struct group *group,
			       enum hark_family family, const struct hark_socket *bound)
{
	struct reckoning sum = { .n_places = 0 };

	for (uint32_t i = 0; i < group->n_classes[family]; i++) {
		const struct class *class = &judge->classes.items[group->first_class[family] + i];

		if (bound && !is_class_for(class, bound))
			continue;
		sum.n_places += class->n_places;
		sum.by_kernel |= is_answered(class);
		sum.by_flags |= !is_answered(class) && !class->is_void;
	}
	return sum;
}

static int list_place(struct judge *judge, uint32_t i)
{
	struct hark_place *place = array_push(&judge->snapshot->places);

	if (!place)
		return -ENOMEM;
	*place = judge->snapshot->places.items[i];
	return 0;
}

/* Writes out the addresses that a class stands for. */
static int list_class(struct judge *judge, const struct class *class)
{
	const struct group *group = &judge->groups.items[class->group];
	enum hark_family family = (enum hark_family) class->family;
	const struct place_index *index = &judge->places[family];
	struct hark_addr sample;
	int r = 0;

	if (class->place != HARK_NONE)
		return list_place(judge, class->place);
	for (uint32_t i = 0; i < index->by_device.n + index->prefixes.n && r == 0; i++) {
		uint32_t row = i < index->by_device.n ?
				       index->by_device.items[i] :
				       index->prefixes.items[i - index->by_device.n];
		const struct hark_place *place = &judge->snapshot->places.items[row];

		if (class->device ? place->ifindex != class->device :
				    group_has_device(judge, group, place->ifindex))
			continue;
		if (i < index->by_device.n ?
			    group_has_name(judge, group, family, &place->prefix.addr) :
			    !group_sample_prefix(judge, group, family, &place->prefix, &sample))
			continue;
		r = list_place(judge, row);
	}
	return r;
}

static int compare_places(const void *left, const void *right)
{
	const struct hark_place *a = left, *b = right;
	int order = hark_addr_compare(&a->prefix.addr, &b->prefix.addr);

	if (order)
		return order;
	return a->prefix.bits != b->prefix.bits ?
		       b->prefix.bits - a->prefix.bits :
		       (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

/* The list of addresses of a verdict `some`, once for all members of a SO_REUSEPORT group. */
static int list_addresses(struct judge *judge, const struct tally *tally,
			  struct hark_answer *answer)
{
	struct hark_snapshot *snapshot = judge->snapshot;
	uint32_t first = snapshot->places.n, listed = 0;
	int r = 0;

	for (uint32_t win = tally->first_win; win != HARK_NONE && r == 0;
	     win = judge->wins.items[win].next) {
		const struct class *class = &judge->classes.items[judge->wins.items[win].class];

		listed += class->n_places;
		if (first + listed > MAX_LISTED)
			return snapshot_note(
				snapshot, HARK_NOTE_ANSWERS, HARK_NOTE_LIMIT, 0,
				"lists of addresses were left out, there are too many");
		r = list_class(judge, class);
	}
	if (r < 0)
		return r;
	answer->first_address = first;
	answer->n_addresses = snapshot->places.n - first;
	qsort(&snapshot->places.items[first], answer->n_addresses, sizeof(struct hark_place),
	      compare_places);
	return 0;
}

/* A listener of :: whose IPV6_V6ONLY is set. */
static bool is_kept_from(const struct hark_socket *socket, enum hark_family family)
{
	return family == HARK_FAMILY_INET && socket->v6only == HARK_YES &&
	       hark_addr_is_any(&socket->local);
}

/* The first class that may be for the listener; of one bound to an address, that address's. */
static uint32_t first_class_for(const struct judge *judge, const struct group *group,
				enum hark_family family, const struct hark_socket *socket)
{
	uint32_t low = group->first_class[family], high = low + group->n_named[family];

	if (hark_addr_is_any(&socket->local))
		return low;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(judge->classes.items[middle].addr.bytes, socket->local.bytes, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_broadcast(const struct hark_snapshot *snapshot, const struct hark_addr *addr)
{
	for (uint32_t i = 0; i < snapshot->broadcasts.n; i++)
		if (!memcmp(snapshot->broadcasts.items[i].bytes, addr->bytes, sizeof(addr->bytes)))
			return true;
	return false;
}

/* Why a listener does not get (all of) a family that it might, and who gets it instead. */
static void tell_why(const struct judge *judge, uint32_t position, enum hark_family family,
		     uint32_t n_places, struct hark_answer *answer)
{
	const struct hark_socket *socket = judge_socket(judge, position);
	const struct group *group = &judge->groups.items[judge->order.items[position].group];
	uint32_t representative = judge->order.items[position].representative;
	uint32_t end = group->first_class[family] + group->n_classes[family];
	bool is_named = !hark_addr_is_any(&socket->local), fits_somewhere = false;

	if (n_places == 0) {
		answer->why = is_kept_from(socket, family) ? HARK_WHY_V6ONLY : HARK_WHY_NO_ADDRESS;
		return;
	}
	for (uint32_t i = first_class_for(judge, group, family, socket); i < end; i++) {
		const struct class *class = &judge->classes.items[i];

		if (is_named && memcmp(class->addr.bytes, socket->local.bytes, 16))
			break;
		if (socket_fits(judge, socket, class) != HARK_YES)
			continue;
		fits_somewhere = true;
		if (class->winner != HARK_NONE &&
		    judge->order.items[class->winner].representative != representative) {
			answer->why = HARK_WHY_SHADOWED;
			answer->shadowed_by = judge->order.items[class->winner].socket;
			return;
		}
		/*
		 * A winner that is no row of ours: it came after the dump, or sits on another port.
		 */
		if (class->winner == HARK_NONE && class->error == 0)
			answer->why = HARK_WHY_SHADOWED;
		else if (class->winner == HARK_NONE && class->error == -ENOENT)
			answer->why = HARK_WHY_CHANGED;
	}
	if (answer->why != HARK_WHY_NOTHING)
		return;
	if (is_named && !fits_somewhere)
		answer->why = is_broadcast(judge->snapshot, &socket->local) ? HARK_WHY_BROADCAST :
									      HARK_WHY_NOT_LOCAL;
	else if (is_named)
		answer->why = HARK_WHY_BOUND;
	else if (is_kept_from(socket, family))
		answer->why = HARK_WHY_V6ONLY;
	else if (!socket->device && judge->vrf_ports.n)
		answer->why = HARK_WHY_VRF;
}

/*
 * What needs no question: the socket's family and address leave nothing of this family. True if so.
 */
static bool tell_plain_none(const struct hark_socket *socket, enum hark_family family,
			    struct hark_answer *answer)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
	bool bound_to_ipv4 = hark_addr_is_ipv4(&socket->local);

	if (!socket_can_take(socket, family))
		answer->why = HARK_WHY_FAMILY;
	else if (family == HARK_FAMILY_INET6 && bound_to_ipv4)
		answer->why = HARK_WHY_BOUND;
	else if (family == HARK_FAMILY_INET && !bound_to_ipv4 && !hark_addr_is_any(&socket->local))
		answer->why = HARK_WHY_BOUND;
	else if (hark_addr_is_multicast(&socket->local))
		answer->why = HARK_WHY_MULTICAST;
	else if (bound_to_ipv4 && !memcmp(socket->local.bytes + 12, broadcast, sizeof(broadcast)))
		answer->why = HARK_WHY_BROADCAST;
	else
		return false;
	answer->decided_by = HARK_DECIDED_BY_FLAGS;
	return true;
}

/*
 * Whether a listener that is bound to an interface may get more than it was seen to: there are
 * addresses of which it is not known which interface has them.
 */
static bool may_get_more(const struct judge *judge, const struct hark_socket *socket,
			 enum hark_family family, const struct tally *tally)
{
	if (!socket->device || !judge->places[family].lacks_interfaces)
		return false;
	if (!hark_addr_is_any(&socket->local))
		return !tally->has_won;
	return !is_kept_from(socket, family);
}

static int conclude_listener(struct judge *judge, uint32_t position, enum hark_family family)
{
	struct hark_socket *socket = judge_socket(judge, position);
	const struct group *group = &judge->groups.items[judge->order.items[position].group];
	uint32_t representative = judge->order.items[position].representative;
	const struct tally *tally = &judge->tallies[family][representative];
	struct hark_answer *answer = &snapshot_listener(judge->snapshot, socket)->answers[family];
	struct reckoning there_is;

	*answer = (struct hark_answer){ .verdict = HARK_VERDICT_NONE,
					.reach = -1,
					.shadowed_by = HARK_NONE };
	if (tell_plain_none(socket, family, answer))
		return 0;
	there_is = socket->device ? reckon(judge, group, family, socket) : group->whole[family];
	/* What is weakest of all that it rests on. */
	answer->decided_by = tally->by_inference                      ? HARK_DECIDED_BY_INFERENCE :
			     there_is.by_kernel && !there_is.by_flags ? HARK_DECIDED_BY_KERNEL :
									HARK_DECIDED_BY_FLAGS;
	if (!judge->order.items[position].is_seen &&
	    judge->runs[judge->order.items[position].run].is_undecided) {
		answer->verdict = HARK_VERDICT_UNKNOWN;
		answer->why = HARK_WHY_RIVALS;
		return 0;
	}
	if (tally->unknown_why || may_get_more(judge, socket, family, tally)) {
		answer->verdict = HARK_VERDICT_UNKNOWN;
		answer->why = tally->unknown_why ? tally->unknown_why : HARK_WHY_ADDRESSES_UNTOLD;
		return 0;
	}
	if (tally->has_won) {
		answer->verdict = tally->won >= there_is.n_places ? HARK_VERDICT_ALL :
								    HARK_VERDICT_SOME;
		answer->via = family == HARK_FAMILY_INET && socket->family == HARK_FAMILY_INET6 ?
				      HARK_VIA_MAPPED :
				      HARK_VIA_NATIVE;
		answer->reach = tally->reach_unknown ? -1 : tally->reach;
	}
	if (answer->verdict != HARK_VERDICT_ALL)
		tell_why(judge, position, family, there_is.n_places, answer);
	if (answer->verdict == HARK_VERDICT_NONE && tally->by_inference &&
	    answer->why == HARK_WHY_NOTHING)
		answer->why = HARK_WHY_INET_LISTENER;
	if (answer->verdict != HARK_VERDICT_SOME)
		return 0;
	if (position != representative) {
		const struct hark_answer *shared = snapshot_answer(
			judge->snapshot, judge_socket(judge, representative), family);

		answer->first_address = shared->first_address;
		answer->n_addresses = shared->n_addresses;
		return 0;
	}
	return list_addresses(judge, tally, answer);
}

static int keep_lookup(struct judge *judge, const struct class *class)
{
	const struct group *group = &judge->groups.items[class->group];
	struct hark_lookup *lookup = array_push(&judge->snapshot->lookups);

	if (!lookup)
		return -ENOMEM;
	*lookup = (struct hark_lookup){
		.addr = class->addr,
		.netns = judge->netns,
		.ifindex = class->ifindex,
		.n_places = class->n_places,
		.socket = class->winner == HARK_NONE ? HARK_NONE :
						       judge->order.items[class->winner].socket,
		.error = class->error,
		.port = group->port,
		.protocol = group->protocol,
		.family = class->family,
	};
	return 0;
}

int judge_conclude(struct judge *judge, bool keep_lookups)
{
	int r = 0;

	if (judge->order.n == 0)
		return 0;
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		judge->tallies[family] = calloc(judge->order.n, sizeof(struct tally));
		if (!judge->tallies[family])
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < judge->classes.n && r == 0; i++)
		r = conclude_class(judge, i);
	for (uint32_t i = 0; keep_lookups && i < judge->classes.n && r == 0; i++)
		if (judge->classes.items[i].is_asked)
			r = keep_lookup(judge, &judge->classes.items[i]);
	for (uint32_t i = 0; i < judge->groups.n; i++)
		for (int family = 0; family < HARK_FAMILY_N_; family++)
			judge->groups.items[i].whole[family] = reckon(
				judge, &judge->groups.items[i], (enum hark_family)family, NULL);
	/* A representative comes before the others of its group, which take over its list. */
	for (uint32_t i = 0; i < judge->order.n && r == 0; i++)
		for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
			r = conclude_listener(judge, i, (enum hark_family)family);
	return r;
}
