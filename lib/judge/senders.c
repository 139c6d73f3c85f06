/* SPDX-License-Identifier: MIT */
/* What some senders reach: the parts of each partition that they are in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/select.h>

#include "exposure.h"
#include "rows.h"

struct hark_passages {
	const struct hark_snapshot *snapshot;
	ARRAY(struct hark_passage) items;
	ARRAY(struct hark_range) ranges;
	/* What was asked. */
	const struct hark_senders *from;
	bool is_own; /* this host itself sends */
};

static int refuse(struct hark_error *reterr, const char *format, const char *word)
{
	reterr->error = -EINVAL;
	snprintf(reterr->text, sizeof(reterr->text), format, word);
	return -EINVAL;
}

/* An interface by its name; the first namespace that has one counts. */
static bool find_interface(const struct hark_snapshot *snapshot, const char *name,
			   struct hark_senders *ret)
{
	for (uint32_t i = 0; i < snapshot->interfaces.n; i++) {
		const struct hark_interface *interface = &snapshot->interfaces.items[i];

		if (!interface->name || strcmp(interface->name, name))
			continue;
		ret->netns = interface->netns;
		ret->ifindex = interface->ifindex;
		return true;
	}
	return false;
}

static bool is_same_family(const struct hark_addr *a, const struct hark_addr *b)
{
	return hark_addr_is_ipv4(a) == hark_addr_is_ipv4(b);
}

/* All addresses of a prefix, whatever stands behind its bits. */
static struct hark_range range_of(const struct hark_prefix *prefix)
{
	struct hark_range range = { prefix->addr, prefix->addr };

	for (uint32_t bit = prefix->bits; bit < 128; bit++) {
		range.first.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
		range.last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
	return range;
}

static bool parse_range(const char *text, struct hark_range *ret)
{
	char first[HARK_ADDR_TEXT_SIZE];
	const char *dash = strchr(text, '-');
	struct hark_prefix prefix;

	if (hark_prefix_parse(text, &prefix) == 0) {
		*ret = range_of(&prefix);
		return true;
	}
	if (!dash || (size_t)(dash - text) >= sizeof(first))
		return false;
	snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	return hark_addr_parse(first, &ret->first) == 0 &&
	       hark_addr_parse(dash + 1, &ret->last) == 0 &&
	       is_same_family(&ret->first, &ret->last) &&
	       hark_addr_compare(&ret->first, &ret->last) <= 0;
}

int hark_senders_parse(const struct hark_snapshot *snapshot, const char *text,
		       struct hark_senders *ret, struct hark_error *reterr)
{
	struct hark_senders senders = { .is_anyone = false };
	char address[2 * HARK_ADDR_TEXT_SIZE];
	const char *percent = strchr(text, '%');
	int length = percent ? (int)(percent - text) : (int)strlen(text);

	if (find_interface(snapshot, text, &senders)) {
		senders.is_anyone = true;
		*ret = senders;
		return 0;
	}
	if (percent && !find_interface(snapshot, percent + 1, &senders))
		return refuse(reterr, "there is no interface \"%.60s\"", percent + 1);
	if (length >= (int)sizeof(address))
		return refuse(reterr, "\"%.60s\" is no address, prefix, range or interface", text);
	snprintf(address, sizeof(address), "%.*s", length, text);
	if (!parse_range(address, &senders.range))
		return refuse(reterr,
			      "\"%.60s\" is no address, prefix (10.0.0.0/8), range "
			      "(10.0.0.1-10.0.0.9) or interface",
			      text);
	*ret = senders;
	return 0;
}

/* Whether it is an address of this host, or one that never leaves it. */
static bool is_own_sender(const struct hark_snapshot *snapshot, const struct hark_senders *from)
{
	if (from->is_anyone)
		return from->ifindex == LOOPBACK_IFINDEX;
	if (hark_addr_is_loopback(&from->range.first) && hark_addr_is_loopback(&from->range.last))
		return true;
	if (hark_addr_compare(&from->range.first, &from->range.last))
		return false;
	for (uint32_t i = 0; i < snapshot->places.n; i++)
		if (hark_prefix_contains(&snapshot->places.items[i].prefix, &from->range.first))
			return true;
	return false;
}

static struct hark_passage *add_passage(struct hark_passages *passages, uint32_t socket,
					uint32_t door, enum hark_firewall_verdict verdict)
{
	struct hark_passage *passage = array_push(&passages->items);

	if (passage)
		*passage = (struct hark_passage){ .socket = socket,
						  .door = door,
						  .entry = HARK_NONE,
						  .piece = HARK_NONE,
						  .verdict = (uint8_t)verdict,
						  .is_all = true,
						  .first_range = passages->ranges.n };
	return passage;
}

/* The part of a piece that the senders are in: 0 or -ENOMEM. */
static int find_part(const struct hark_passages *passages, const struct hark_firewall_piece *piece,
		     struct ranges *part, bool *ret_is_all)
{
	const struct hark_range *wanted = &passages->from->range;
	struct ranges asked = { .n = 0 };
	int r = ranges_of(passages->snapshot, piece->first_range, piece->n_ranges, part);

	*ret_is_all = false;
	if (r < 0 || passages->from->is_anyone)
		return r;
	r = ranges_set(&asked, ranges_number(&wanted->first), ranges_number(&wanted->last));
	if (r == 0)
		r = ranges_intersect(part, &asked);
	*ret_is_all = r == 0 && ranges_equal(part, &asked);
	ranges_fini(&asked);
	return r;
}

static int keep_part(struct hark_passages *passages, const struct ranges *part, bool is_ipv6)
{
	if (array_reserve(&passages->ranges, part->n) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < part->n; i++)
		passages->ranges.items[passages->ranges.n++] =
			(struct hark_range){ ranges_addr(part->items[i].first, is_ipv6),
					     ranges_addr(part->items[i].last, is_ipv6) };
	return 0;
}

static int add_piece(struct hark_passages *passages, struct hark_passage about, uint32_t i,
		     bool is_ipv6)
{
	const struct hark_firewall_piece *piece =
		hark_snapshot_firewall_piece(passages->snapshot, i);
	struct ranges part = { .n = 0 };
	struct hark_passage *passage;
	bool is_all;
	int r = find_part(passages, piece, &part, &is_all);

	if (r == 0 && !ranges_are_empty(&part)) {
		passage = add_passage(passages, about.socket, about.door,
				      (enum hark_firewall_verdict)piece->verdict);
		if (passage) {
			passage->entry = about.entry;
			passage->piece = i;
			passage->is_all = is_all;
			passage->n_ranges = part.n;
		}
		r = passage ? keep_part(passages, &part, is_ipv6) : -ENOMEM;
	}
	ranges_fini(&part);
	return r;
}

static bool is_met(const struct hark_passages *passages, const struct hark_firewall_entry *entry)
{
	const struct hark_senders *from = passages->from;
	bool is_ipv4 = entry->family == HARK_FAMILY_INET;
	/* Whatever this host sends itself comes by lo, and nothing else does. */
	bool is_own = entry->ifindex == LOOPBACK_IFINDEX;

	if (from->ifindex && (from->ifindex != entry->ifindex || from->netns != entry->netns))
		return false;
	if (!from->is_anyone && hark_addr_is_ipv4(&from->range.first) != is_ipv4)
		return false;
	return from->ifindex || is_own == passages->is_own;
}

static int add_entries(struct hark_passages *passages, struct hark_passage about, uint32_t first,
		       uint32_t n)
{
	int r = 0;

	for (uint32_t i = first; r == 0 && i < first + n; i++) {
		const struct hark_firewall_entry *entry =
			hark_snapshot_firewall_entry(passages->snapshot, i);

		if (!entry || !is_met(passages, entry))
			continue;
		about.entry = i;
		for (uint32_t k = 0; r == 0 && k < entry->n_pieces; k++)
			r = add_piece(passages, about, entry->first_piece + k,
				      entry->family == HARK_FAMILY_INET6);
	}
	return r;
}

/* Where the rules were not read, whether they get there is not known, unless they cannot at all. */
static int add_unread(struct hark_passages *passages, uint32_t i,
		      const struct hark_listener *listener)
{
	const struct hark_senders *from = passages->from;
	bool may_reach = false;

	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		const struct hark_answer *answer = &listener->answers[family];

		if (answer->verdict == HARK_VERDICT_NONE ||
		    (!from->is_anyone &&
		     hark_addr_is_ipv4(&from->range.first) != (family == HARK_FAMILY_INET)))
			continue;
		may_reach |= answer->reach != HARK_REACH_HOST || passages->is_own;
	}
	if (!may_reach)
		return 0;
	return add_passage(passages, i, HARK_NONE, HARK_FIREWALL_UNKNOWN) ? 0 : -ENOMEM;
}

static int add_all(struct hark_passages *passages, const struct hark_selection *selection)
{
	const struct hark_snapshot *snapshot = passages->snapshot;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < snapshot->sockets.n; i++) {
		const struct hark_listener *listener =
			hark_snapshot_listener(snapshot, snapshot->sockets.items[i].listener);
		struct hark_passage about = { .socket = i, .door = HARK_NONE };

		if (!listener || !hark_selection_matches(selection, snapshot, i))
			continue;
		if (listener->firewall == HARK_KNOWN)
			r = add_entries(passages, about, listener->first_entry,
					listener->n_entries);
		else
			r = add_unread(passages, i, listener);
	}
	for (uint32_t i = 0; r == 0 && i < snapshot->doors.n; i++) {
		const struct hark_door *door = &snapshot->doors.items[i];
		struct hark_passage about = { .socket = HARK_NONE, .door = i };

		if (hark_selection_matches_door(selection, snapshot, i))
			r = add_entries(passages, about, door->first_entry, door->n_entries);
	}
	return r;
}

int hark_passages_new(const struct hark_snapshot *snapshot, const struct hark_selection *selection,
		      const struct hark_senders *from, struct hark_passages **ret)
{
	struct hark_passages *passages = calloc(1, sizeof(*passages));
	int r;

	if (!passages)
		return -ENOMEM;
	passages->snapshot = snapshot;
	passages->from = from;
	passages->is_own = is_own_sender(snapshot, from);
	r = add_all(passages, selection);
	passages->from = NULL;
	if (r < 0)
		hark_passages_free(passages);
	else
		*ret = passages;
	return r;
}

void hark_passages_free(struct hark_passages *passages)
{
	if (!passages)
		return;
	array_fini(&passages->items);
	array_fini(&passages->ranges);
	free(passages);
}

const struct hark_passage *hark_passages_at(const struct hark_passages *passages, uint32_t i)
{
	return i < passages->items.n ? &passages->items.items[i] : NULL;
}

const struct hark_range *hark_passages_range(const struct hark_passages *passages, uint32_t i)
{
	return i < passages->ranges.n ? &passages->ranges.items[i] : NULL;
}
