/* SPDX-License-Identifier: MIT */
/*
 * The order of the sockets.
 *
 * A host may have a million of them, and to compare rows of two cache lines each in the random
 * order of the kernel's hash takes longer than to dump them. So each row becomes a key of 64 bits,
 * and those are sorted by their bytes (least significant first, bytes that are all alike left out).
 * What is too wide for a key, the local address with its interface, has few values on any host:
 * its rank among them takes its place. Rows whose keys are alike, which have the local end and the
 * remote port in common, are compared as a whole.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* A local address and the interface that the socket is bound to. */
struct end {
	struct hark_addr addr;
	uint32_t device;
};

struct ranked_end {
	struct end end;
	uint32_t i; /* in the order in which they were found */
};

struct item {
	uint64_t key;
	uint32_t row;
};

struct sorting {
	struct hark_socket *rows;
	uint32_t n;
	struct item *items, *spare;
	ARRAY(struct ranked_end) ends;
	struct hash by_end; /* to index of ends */
	uint32_t *ranks;    /* by index of ends */
};

/* Of a key, from its least significant bit on: */
enum {
	REMOTE_PORT_BITS = 16,
	END_BITS = 26,
	FAMILY_BITS = 1,
	LOCAL_PORT_BITS = 16,
	PROTOCOL_BITS = 4,
	END_SHIFT = REMOTE_PORT_BITS,
	FAMILY_SHIFT = END_SHIFT + END_BITS,
	LOCAL_PORT_SHIFT = FAMILY_SHIFT + FAMILY_BITS,
	PROTOCOL_SHIFT = LOCAL_PORT_SHIFT + LOCAL_PORT_BITS,
	OTHER_SHIFT = PROTOCOL_SHIFT + PROTOCOL_BITS, /* it is no listener */
	N_BYTES = sizeof(uint64_t),
};

#define AHEAD 6 /* rows */

static_assert(OTHER_SHIFT == 63, "a key is full");
static_assert(HARK_PROTOCOL_N_ <= 1 << PROTOCOL_BITS && HARK_FAMILY_N_ <= 1 << FAMILY_BITS,
	      "all fit into a key");
static_assert(ROWS_MAX <= 1u << END_BITS, "an end for each row fits into a key");

static int compare_ends(const void *left, const void *right)
{
	const struct ranked_end *a = left, *b = right;
	int order = hark_addr_compare(&a->end.addr, &b->end.addr);

	return order ? order : (a->end.device > b->end.device) - (a->end.device < b->end.device);
}

/* Whole rows of one namespace, whose keys are alike. */
static int compare_rows(const void *left, const void *right, void *data)
{
	const struct hark_socket *rows = data;
	const struct hark_socket *a = &rows[((const struct item *)left)->row];
	const struct hark_socket *b = &rows[((const struct item *)right)->row];
	int order = hark_addr_compare(&a->remote, &b->remote);

	if (order)
		return order;
	if (a->cookie != b->cookie)
		return a->cookie < b->cookie ? -1 : 1;
	return (a->inode > b->inode) - (a->inode < b->inode);
}

static uint64_t fingerprint(const struct end *end)
{
	uint64_t words[3];

	static_assert(sizeof(words) == sizeof(*end), "an end has no holes");
	memcpy(words, end, sizeof(words));
	words[0] = (words[0] ^ words[2] << 29) * 0x9e3779b97f4a7c15u;
	return words[0] ^ words[0] >> 32 ^ words[1];
}

/* The index of a local end, new or not, or HARK_NONE when memory ran out. */
static uint32_t find_end(struct sorting *sorting, const struct hark_socket *row)
{
	struct end end = { row->local, row->device };
	uint64_t key = fingerprint(&end);
	struct ranked_end *added;
	uint32_t i;

	/* What has the fingerprint of another one is next to it. */
	while ((i = hash_get(&sorting->by_end, key)) != HARK_NONE) {
		if (!memcmp(&sorting->ends.items[i].end, &end, sizeof(end)))
			return i;
		key++;
	}
	i = sorting->ends.n;
	added = array_push(&sorting->ends);
	if (!added || hash_put(&sorting->by_end, key, i) < 0)
		return HARK_NONE;
	*added = (struct ranked_end){ end, i };
	return i;
}

/* Keys with the index of the local end in the place of its rank. */
static int begin_keys(struct sorting *sorting)
{
	for (uint32_t i = 0; i < sorting->n; i++) {
		const struct hark_socket *row = &sorting->rows[i];
		uint32_t end = find_end(sorting, row);

		if (end == HARK_NONE)
			return -ENOMEM;
		sorting->items[i] = (struct item){
			.key = (uint64_t)!row->is_listener << OTHER_SHIFT |
			       (uint64_t)row->protocol << PROTOCOL_SHIFT |
			       (uint64_t)row->local_port << LOCAL_PORT_SHIFT |
			       (uint64_t)row->family << FAMILY_SHIFT | (uint64_t)end << END_SHIFT |
			       row->remote_port,
			.row = i,
		};
	}
	return 0;
}

static int rank_ends(struct sorting *sorting)
{
	const uint64_t mask = (((uint64_t)1 << END_BITS) - 1) << END_SHIFT;

	sorting->ranks = malloc(sorting->ends.n * sizeof(*sorting->ranks));
	if (!sorting->ranks)
		return -ENOMEM;
	qsort(sorting->ends.items, sorting->ends.n, sizeof(*sorting->ends.items), compare_ends);
	for (uint32_t i = 0; i < sorting->ends.n; i++)
		sorting->ranks[sorting->ends.items[i].i] = i;
	for (uint32_t i = 0; i < sorting->n; i++) {
		uint64_t key = sorting->items[i].key;
		uint64_t rank = sorting->ranks[(key & mask) >> END_SHIFT];

		sorting->items[i].key = (key & ~mask) | rank << END_SHIFT;
	}
	return 0;
}

static unsigned int byte_of(uint64_t key, unsigned int byte)
{
	return key >> 8 * byte & 0xff;
}

static void sort_keys(struct sorting *sorting)
{
	uint32_t counts[N_BYTES][256] = { { 0 } };

	for (uint32_t i = 0; i < sorting->n; i++)
		for (unsigned int byte = 0; byte < N_BYTES; byte++)
			counts[byte][byte_of(sorting->items[i].key, byte)]++;
	for (unsigned int byte = 0; byte < N_BYTES; byte++) {
		uint32_t *at = counts[byte], sum = 0;
		struct item *sorted = sorting->spare;

		if (at[byte_of(sorting->items[0].key, byte)] == sorting->n)
			continue;
		for (unsigned int value = 0; value < 256; value++) {
			uint32_t n = at[value];

			at[value] = sum;
			sum += n;
		}
		for (uint32_t i = 0; i < sorting->n; i++)
			sorted[at[byte_of(sorting->items[i].key, byte)]++] = sorting->items[i];
		sorting->spare = sorting->items;
		sorting->items = sorted;
	}
}

static void sort_ties(struct sorting *sorting)
{
	struct item *items = sorting->items;

	for (uint32_t begin = 0, end; begin < sorting->n; begin = end) {
		for (end = begin + 1; end < sorting->n && items[end].key == items[begin].key;)
			end++;
		if (end - begin > 1)
			qsort_r(&items[begin], end - begin, sizeof(*items), compare_rows,
				sorting->rows);
	}
}

/*
 * Rows are far apart, and each would be waited for: the processor is told of those that come next.
 */
static uint32_t fetch_next(const struct sorting *sorting, uint32_t at)
{
	uint32_t next = sorting->items[at].row;

	__builtin_prefetch(&sorting->rows[next]);
	__builtin_prefetch((const char *)&sorting->rows[next] + 64);
	return next;
}

/* Puts each row where it belongs: round each cycle of rows that take one another's places. */
static void move_rows(struct sorting *sorting)
{
	struct item *items = sorting->items;

	for (uint32_t begin = 0; begin < sorting->n; begin++) {
		struct hark_socket first = sorting->rows[begin];
		uint32_t to = begin, from, ahead;

		if (items[begin].row == begin)
			continue;
		ahead = begin;
		for (int i = 0; i < AHEAD; i++)
			ahead = fetch_next(sorting, ahead);
		while ((from = items[to].row) != begin) {
			ahead = fetch_next(sorting, ahead);
			sorting->rows[to] = sorting->rows[from];
			items[to].row = to;
			to = from;
		}
		sorting->rows[to] = first;
		items[to].row = to;
	}
}

int snapshot_sort_sockets(struct hark_snapshot *snapshot)
{
	struct sorting sorting = { .n = snapshot->sockets.n - snapshot->first_socket };
	struct item *items;
	int r;

	if (sorting.n < 2)
		return 0;
	sorting.rows = snapshot->sockets.items + snapshot->first_socket;
	items = malloc(2 * (size_t)sorting.n * sizeof(*items));
	if (!items)
		return -ENOMEM;
	sorting.items = items;
	sorting.spare = items + sorting.n;
	r = begin_keys(&sorting);
	if (r == 0)
		r = rank_ends(&sorting);
	if (r == 0) {
		sort_keys(&sorting);
		sort_ties(&sorting);
		move_rows(&sorting);
	}
	array_fini(&sorting.ends);
	hash_fini(&sorting.by_end);
	free(sorting.ranks);
	free(items);
	return r;
}
