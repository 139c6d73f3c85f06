/* SPDX-License-Identifier: MIT */
/*
 * Sets of numbers as sorted intervals.
 *
 * Two sets are joined in place: the one that changes is moved up in its array by as many items as
 * the other has, which is the most that it may grow by, and then copied down again in blocks, with
 * the changes between them. Both sides are searched in growing steps, so that what neither meets
 * costs no more than a memmove. Memory is claimed before anything changes.
 */
#include "ranges.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hark/firewall.h>

#include "text.h"

/* As many as it may hold: sums of two sizes stay within 32 bits. */
#define ITEMS_MAX (UINT32_MAX / 2)

static_assert(sizeof(struct range) == 2 * sizeof(u128), "compared as bytes");

void ranges_fini(struct ranges *set)
{
	free(set->items);
	*set = (struct ranges){ 0 };
}

void ranges_trim(struct ranges *set)
{
	struct range *items = set->n ? reallocarray(set->items, set->n, sizeof(*items)) : NULL;

	if (!items)
		return;
	set->items = items;
	set->capacity = set->n;
}

/* Room for so many items in all. */
static int reserve(struct ranges *set, uint32_t n)
{
	uint32_t capacity = set->capacity < ITEMS_MAX / 2 ? 2 * set->capacity : ITEMS_MAX;
	struct range *items;

	if (n <= set->capacity)
		return 0;
	if (n > ITEMS_MAX)
		return -ENOMEM;
	if (capacity < n)
		capacity = n;
	items = reallocarray(set->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	set->items = items;
	set->capacity = capacity;
	return 0;
}

static int reserve_more(struct ranges *set, uint32_t n)
{
	return n > ITEMS_MAX ? -ENOMEM : reserve(set, set->n + n);
}

static void move(struct ranges *set, uint32_t to, uint32_t from, uint32_t n)
{
	if (n && to != from)
		memmove(set->items + to, set->items + from, n * sizeof(*set->items));
}

/* Of the items from `at` to before `end`, the first that ends at the number or later. */
static uint32_t first_reaching(const struct range *items, uint32_t at, uint32_t end, u128 number)
{
	uint32_t step = 1;

	while (step < end - at && items[at + step - 1].last < number) {
		at += step;
		step *= 2;
	}
	if (step < end - at)
		end = at + step;
	while (at < end) {
		uint32_t middle = at + (end - at) / 2;

		if (items[middle].last < number)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

/* The first that begins after the number. */
static uint32_t first_beyond(const struct range *items, uint32_t at, uint32_t end, u128 number)
{
	at = first_reaching(items, at, end, number);
	return at < end && items[at].first <= number ? at + 1 : at;
}

static u128 before(u128 number)
{
	return number ? number - 1 : 0;
}

static u128 after(u128 number)
{
	return number < RANGES_MAX_IPV6 ? number + 1 : number;
}

/* Those from `at` to before `end` that overlap the interval or touch it, *ret_end behind them. */
static uint32_t find_touching(const struct range *items, uint32_t at, uint32_t end,
			      const struct range *range, uint32_t *ret_end)
{
	at = first_reaching(items, at, end, before(range->first));
	*ret_end = first_beyond(items, at, end, after(range->last));
	return at;
}

static uint32_t find_meeting(const struct range *items, uint32_t at, uint32_t end,
			     const struct range *range, uint32_t *ret_end)
{
	at = first_reaching(items, at, end, range->first);
	*ret_end = first_beyond(items, at, end, range->last);
	return at;
}

/* Where to look for it: at the end, if it comes in order. */
static uint32_t start_for(const struct ranges *set, u128 number)
{
	return set->n && set->items[set->n - 1].first <= number ? set->n - 1 : 0;
}

int ranges_set(struct ranges *set, u128 first, u128 last)
{
	int error = reserve(set, 1);

	if (error)
		return error;
	assert(first <= last);
	set->items[0] = (struct range){ first, last };
	set->n = 1;
	return 0;
}

int ranges_copy(struct ranges *to, const struct ranges *from)
{
	int error = reserve(to, from->n);

	if (error)
		return error;
	if (from->n && to != from)
		memcpy(to->items, from->items, from->n * sizeof(*to->items));
	to->n = from->n;
	return 0;
}

int ranges_add(struct ranges *set, u128 first, u128 last)
{
	struct range range = { first, last };
	uint32_t end, at;
	int error;

	assert(first <= last);
	at = find_touching(set->items, start_for(set, before(first)), set->n, &range, &end);
	if (at == end) {
		error = reserve_more(set, 1);
		if (error)
			return error;
		move(set, at + 1, at, set->n - at);
		set->n++;
	} else {
		if (set->items[at].first < first)
			range.first = set->items[at].first;
		if (set->items[end - 1].last > last)
			range.last = set->items[end - 1].last;
		move(set, at + 1, end, set->n - end);
		set->n -= end - at - 1;
	}
	set->items[at] = range;
	return 0;
}

int ranges_cut(struct ranges *set, u128 first, u128 last)
{
	struct range range = { first, last }, left, right;
	uint32_t end, at, n_kept;
	int error;

	assert(first <= last);
	at = find_meeting(set->items, start_for(set, first), set->n, &range, &end);
	if (at == end)
		return 0;
	left = set->items[at];
	right = set->items[end - 1];
	if (at + 1 == end && left.first < first && right.last > last) {
		error = reserve_more(set, 1);
		if (error)
			return error;
	}
	n_kept = (left.first < first ? 1 : 0) + (right.last > last ? 1 : 0);
	move(set, at + n_kept, end, set->n - end);
	set->n = set->n - (end - at) + n_kept;
	if (left.first < first)
		set->items[at++] = (struct range){ left.first, first - 1 };
	if (right.last > last)
		set->items[at] = (struct range){ last + 1, right.last };
	return 0;
}

/* Moves the items up by `gap`; room for them is there. */
static void open_gap(struct ranges *set, uint32_t gap)
{
	move(set, gap, 0, set->n);
}

int ranges_unite(struct ranges *set, const struct ranges *other)
{
	uint32_t at = other->n, out = 0, end, from, to;
	int error;

	if (other->n == 1)
		return ranges_add(set, other->items[0].first, other->items[0].last);
	if (!other->n || other == set)
		return 0;
	error = reserve_more(set, other->n);
	if (error)
		return error;
	open_gap(set, at);
	end = at + set->n;
	for (uint32_t i = 0; i < other->n; i++) {
		struct range range = other->items[i];

		from = find_touching(set->items, at, end, &range, &to);
		move(set, out, at, from - at);
		out += from - at;
		at = to;
		if (from < to && set->items[from].first < range.first)
			range.first = set->items[from].first;
		if (from < to && set->items[to - 1].last > range.last)
			range.last = set->items[to - 1].last;
		/* What an earlier one brought along may reach as far as this. */
		if (!out || set->items[out - 1].last < before(range.first))
			set->items[out++] = range;
		else if (set->items[out - 1].last < range.last)
			set->items[out - 1].last = range.last;
	}
	move(set, out, at, end - at);
	set->n = out + (end - at);
	return 0;
}

/* Of the other set, those that may meet this one. */
static uint32_t narrow(const struct ranges *set, const struct ranges *other, uint32_t *ret_end)
{
	struct range span;

	*ret_end = 0;
	if (!set->n)
		return 0;
	span = (struct range){ set->items[0].first, set->items[set->n - 1].last };
	return find_meeting(other->items, 0, other->n, &span, ret_end);
}

int ranges_subtract(struct ranges *set, const struct ranges *other)
{
	uint32_t i_end, i = narrow(set, other, &i_end), at = i_end - i, out = 0, end, from, to;
	int error;

	if (i == i_end)
		return 0;
	if (other == set) {
		set->n = 0;
		return 0;
	}
	if (i + 1 == i_end)
		return ranges_cut(set, other->items[i].first, other->items[i].last);
	error = reserve_more(set, at);
	if (error)
		return error;
	open_gap(set, at);
	end = at + set->n;
	while (i < i_end && at < end) {
		struct range range = other->items[i++];

		from = find_meeting(set->items, at, end, &range, &to);
		move(set, out, at, from - at);
		out += from - at;
		at = to;
		if (from < to) {
			struct range left = set->items[from];

			if (set->items[to - 1].last > range.last)
				set->items[--at].first = range.last + 1;
			if (left.first < range.first)
				set->items[out++] = (struct range){ left.first, range.first - 1 };
		}
		if (at < end)
			i = first_reaching(other->items, i, i_end, set->items[at].first);
	}
	move(set, out, at, end - at);
	set->n = out + (end - at);
	return 0;
}

int ranges_intersect(struct ranges *set, const struct ranges *other)
{
	uint32_t i_end, i = narrow(set, other, &i_end), at = i_end - i, out = 0, end, from, to;
	int error;

	if (i == i_end) {
		set->n = 0;
		return 0;
	}
	if (other == set)
		return 0;
	error = reserve_more(set, at);
	if (error)
		return error;
	open_gap(set, at);
	end = at + set->n;
	while (i < i_end && at < end) {
		struct range range = other->items[i++];

		from = find_meeting(set->items, at, end, &range, &to);
		at = to;
		if (from < to) {
			/* What reaches further may be met by the next, too. */
			if (set->items[to - 1].last > range.last)
				at--;
			move(set, out, from, to - from);
			if (set->items[out].first < range.first)
				set->items[out].first = range.first;
			out += to - from;
			if (set->items[out - 1].last > range.last)
				set->items[out - 1].last = range.last;
		}
		if (at < end)
			i = first_reaching(other->items, i, i_end, set->items[at].first);
	}
	set->n = out;
	return 0;
}

int ranges_invert(struct ranges *set, u128 max)
{
	uint32_t n = set->n;
	u128 next = 0;
	int error = reserve_more(set, 1);

	if (error)
		return error;
	set->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct range range = set->items[i];

		if (range.first > max)
			break;
		if (range.first > next)
			set->items[set->n++] = (struct range){ next, range.first - 1 };
		if (range.last >= max)
			return 0;
		next = range.last + 1;
	}
	set->items[set->n++] = (struct range){ next, max };
	return 0;
}

int ranges_push(struct ranges *set, u128 first, u128 last)
{
	int error = reserve_more(set, 1);

	if (!error)
		set->items[set->n++] = (struct range){ first, last };
	return error;
}

static int compare_first(const void *a, const void *b)
{
	const struct range *range_a = a, *range_b = b;

	return (range_a->first > range_b->first) - (range_a->first < range_b->first);
}

void ranges_normalize(struct ranges *set)
{
	uint32_t n = set->n, i = 1;

	while (i < n && set->items[i - 1].first <= set->items[i].first)
		i++;
	if (i < n)
		qsort(set->items, n, sizeof(*set->items), compare_first);
	set->n = 0;
	for (i = 0; i < n; i++) {
		struct range range = set->items[i];
		struct range *last = set->n ? &set->items[set->n - 1] : NULL;

		if (range.first > range.last)
			continue;
		if (!last || last->last < before(range.first))
			set->items[set->n++] = range;
		else if (last->last < range.last)
			last->last = range.last;
	}
}

bool ranges_contain(const struct ranges *set, u128 number)
{
	uint32_t at = first_reaching(set->items, 0, set->n, number);

	return at < set->n && set->items[at].first <= number;
}

bool ranges_contain_all(const struct ranges *set, const struct ranges *other)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < other->n; i++) {
		at = first_reaching(set->items, at, set->n, other->items[i].first);
		if (at == set->n || set->items[at].first > other->items[i].first ||
		    set->items[at].last < other->items[i].last)
			return false;
	}
	return true;
}

bool ranges_meet(const struct ranges *a, const struct ranges *b)
{
	uint32_t i = 0, j = 0;

	while (i < a->n && j < b->n) {
		if (a->items[i].last < b->items[j].first)
			i = first_reaching(a->items, i, a->n, b->items[j].first);
		else if (b->items[j].last < a->items[i].first)
			j = first_reaching(b->items, j, b->n, a->items[i].first);
		else
			return true;
	}
	return false;
}

bool ranges_equal(const struct ranges *a, const struct ranges *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->items, b->items, a->n * sizeof(*a->items)));
}

u128 ranges_from_bytes(const uint8_t *bytes, bool is_ipv6)
{
	u128 number = 0;

	for (unsigned int i = 0; i < (is_ipv6 ? 16 : 4); i++)
		number = number << 8 | bytes[i];
	return number;
}

u128 ranges_number(const struct hark_addr *addr)
{
	bool is_ipv4 = hark_addr_is_ipv4(addr);

	return ranges_from_bytes(addr->bytes + (is_ipv4 ? 12 : 0), !is_ipv4);
}

struct hark_addr ranges_addr(u128 number, bool is_ipv6)
{
	unsigned int n = is_ipv6 ? 16 : 4;
	uint8_t bytes[16];

	for (unsigned int i = 0; i < n; i++)
		bytes[n - 1 - i] = (uint8_t)(number >> 8 * i);
	return is_ipv6 ? hark_addr_from_ipv6(bytes, 0) : hark_addr_from_ipv4(bytes);
}

char *hark_range_format(const struct hark_range *range, char *text)
{
	u128 first = ranges_from_bytes(range->first.bytes, true);
	u128 last = ranges_from_bytes(range->last.bytes, true), size = last - first;
	struct hark_prefix prefix = { .addr = range->first, .bits = 128 };
	char *end;

	if (first == last)
		return hark_addr_format(&range->first, text);
	/* As many addresses as a power of two, from a multiple of it. */
	if ((size & (size + 1)) == 0 && (first & size) == 0) {
		for (; size; size >>= 1)
			prefix.bits--;
		return hark_prefix_format(&prefix, text);
	}
	/* What reaches beyond the mapped addresses is of IPv6, whatever it begins with. */
	if (hark_addr_is_ipv4(&range->first) && hark_addr_is_ipv4(&range->last)) {
		end = text_put_ipv4(text, range->first.bytes + 12);
		*end++ = '-';
		end = text_put_ipv4(end, range->last.bytes + 12);
	} else {
		end = text_put_ipv6(text, range->first.bytes);
		*end++ = '-';
		end = text_put_ipv6(end, range->last.bytes);
	}
	*end = '\0';
	return text;
}
