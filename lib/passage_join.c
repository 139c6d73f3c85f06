/* SPDX-License-Identifier: MIT */
/*
 * Doors that lead into another namespace which was read, too: who gets through the door meets that
 * namespace's rules next. The sender is taken to arrive there with the address that it came with,
 * which holds unless the host masquerades what it sends on.
 */
#include <errno.h>

#include "passage.h"

static bool is_place_of(const struct hark_snapshot *snapshot, uint32_t netns,
			const struct hark_addr *addr)
{
	const struct hark_namespace *namespace = &snapshot->namespaces.items[netns];

	for (uint32_t i = 0; i < namespace->n_places; i++) {
		const struct hark_place *place =
			&snapshot->places.items[namespace->first_place + i];

		if (place->prefix.bits == 128 && is_same_addr(&place->prefix.addr, addr))
			return true;
	}
	return false;
}

/* The entry of the listener for that address, or HARK_NONE. */
static uint32_t find_entry(const struct hark_snapshot *snapshot,
			   const struct hark_listener *listener, const struct hark_addr *addr)
{
	for (uint32_t i = 0; i < listener->n_entries; i++) {
		const struct hark_firewall_entry *entry =
			&snapshot->firewall_entries.items[listener->first_entry + i];

		const struct hark_place *places = &snapshot->places.items[entry->first_place];

		for (uint32_t k = 0; k < entry->n_places; k++)
			if (is_same_addr(&places[k].prefix.addr, addr))
				return listener->first_entry + i;
	}
	return HARK_NONE;
}

/* The listener elsewhere that answers there, and its entry for the address. */
static uint32_t find_target(const struct hark_snapshot *snapshot, const struct hark_door *door,
			    uint32_t *ret_entry)
{
	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];
		const struct hark_listener *listener;

		if (!socket->is_listener || socket->netns == door->netns ||
		    socket->local_port != door->target_port ||
		    (socket->protocol != door->protocol &&
		     (socket->protocol != HARK_PROTOCOL_MPTCP ||
		      door->protocol != HARK_PROTOCOL_TCP)) ||
		    !is_place_of(snapshot, socket->netns, &door->target))
			continue;
		listener = &snapshot->listeners.items[socket->listener];
		if (listener->firewall != HARK_KNOWN)
			continue;
		*ret_entry = find_entry(snapshot, listener, &door->target);
		if (*ret_entry != HARK_NONE)
			return i;
	}
	return HARK_NONE;
}

static int load(const struct hark_snapshot *snapshot, const struct hark_firewall_piece *piece,
		struct ranges *ret)
{
	int r = 0;

	ret->n = 0;
	for (uint32_t i = 0; i < piece->n_ranges && r == 0; i++) {
		const struct hark_range *range = &snapshot->ranges.items[piece->first_range + i];

		r = ranges_add(ret, ranges_number(&range->first), ranges_number(&range->last));
	}
	return r;
}

static int store(struct hark_snapshot *snapshot, const struct hark_firewall_piece *like,
		 const struct ranges *set, bool is_ipv6)
{
	struct hark_firewall_piece *new;

	if (ranges_are_empty(set))
		return 0;
	if (array_reserve(&snapshot->firewall_pieces, 1u) < 0 ||
	    array_reserve(&snapshot->ranges, set->n) < 0)
		return -ENOMEM;
	new = &snapshot->firewall_pieces.items[snapshot->firewall_pieces.n++];
	*new = *like;
	new->first_range = snapshot->ranges.n;
	new->n_ranges = set->n;
	for (uint32_t i = 0; i < set->n; i++)
		snapshot->ranges.items[snapshot->ranges.n++] =
			(struct hark_range){ .first = ranges_addr(set->items[i].first, is_ipv6),
					     .last = ranges_addr(set->items[i].last, is_ipv6) };
	return 0;
}

struct joint {
	struct ranges left, right, both;
};

/* A piece that gets through the door, parted by what the other namespace makes of it. */
static int part_piece(struct hark_snapshot *snapshot, const struct hark_firewall_piece *piece,
		      const struct hark_firewall_entry *beyond, struct joint *joint)
{
	bool is_ipv6 = beyond->family == HARK_FAMILY_INET6;
	int r = load(snapshot, piece, &joint->left);

	for (uint32_t i = 0; i < beyond->n_pieces && r == 0; i++) {
		struct hark_firewall_piece other =
			snapshot->firewall_pieces.items[beyond->first_piece + i];

		r = load(snapshot, &other, &joint->right);
		if (r == 0)
			r = ranges_copy(&joint->both, &joint->left);
		if (r == 0)
			r = ranges_intersect(&joint->both, &joint->right);
		if (r == 0)
			r = store(snapshot, other.verdict == HARK_FIREWALL_ACCEPT ? piece : &other,
				  &joint->both, is_ipv6);
		if (r == 0)
			r = ranges_subtract(&joint->left, &joint->right);
	}
	return r < 0 ? r : store(snapshot, piece, &joint->left, is_ipv6);
}

static int join_entry(struct hark_snapshot *snapshot, uint32_t entry,
		      const struct hark_firewall_entry *beyond, struct joint *joint)
{
	struct hark_firewall_entry *door_entry = &snapshot->firewall_entries.items[entry];
	uint32_t first = door_entry->first_piece, n = door_entry->n_pieces;
	uint32_t begin = snapshot->firewall_pieces.n;
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct hark_firewall_piece piece = snapshot->firewall_pieces.items[first + i];

		if (piece.verdict == HARK_FIREWALL_ACCEPT) {
			r = part_piece(snapshot, &piece, beyond, joint);
			continue;
		}
		r = array_reserve(&snapshot->firewall_pieces, 1u);
		if (r == 0)
			snapshot->firewall_pieces.items[snapshot->firewall_pieces.n++] = piece;
	}
	door_entry->first_piece = begin;
	door_entry->n_pieces = snapshot->firewall_pieces.n - begin;
	return r;
}

int passage_join(struct hark_snapshot *snapshot)
{
	struct joint joint = { .left = { .n = 0 } };
	int r = 0;

	for (uint32_t i = 0; i < snapshot->doors.n && r == 0; i++) {
		struct hark_door *door = &snapshot->doors.items[i];
		struct hark_firewall_entry beyond;
		uint32_t entry;

		if (!door->leads_to || door->socket != HARK_NONE)
			continue;
		door->socket = find_target(snapshot, door, &entry);
		if (door->socket == HARK_NONE)
			continue;
		door->is_joined = true;
		beyond = snapshot->firewall_entries.items[entry];
		for (uint32_t k = 0; k < door->n_entries && r == 0; k++)
			r = join_entry(snapshot, door->first_entry + k, &beyond, &joint);
	}
	ranges_fini(&joint.left);
	ranges_fini(&joint.right);
	ranges_fini(&joint.both);
	return r;
}
