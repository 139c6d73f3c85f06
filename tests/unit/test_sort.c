/* SPDX-License-Identifier: MIT */
/* The order of sockets, against rows that are compared member by member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rows.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static int compare(const struct hark_socket *a, const struct hark_socket *b)
{
	int order;

#define THEN(x, y)      \
	if ((x) != (y)) \
	return (x) < (y) ? -1 : 1
	THEN(b->is_listener, a->is_listener);
	THEN(a->protocol, b->protocol);
	THEN(a->local_port, b->local_port);
	THEN(a->family, b->family);
	order = hark_addr_compare(&a->local, &b->local);
	THEN(order, 0);
	THEN(a->device, b->device);
	THEN(a->remote_port, b->remote_port);
	order = hark_addr_compare(&a->remote, &b->remote);
	THEN(order, 0);
	THEN(a->cookie, b->cookie);
	THEN(a->inode, b->inode);
#undef THEN
	return 0;
}

static struct hark_addr random_addr(uint32_t n_ends)
{
	static const char *const texts[] = { "0.0.0.0", "::",          "10.0.0.7", "127.0.0.1",
					     "fe80::1", "2001:db8::7", "10.0.0.8", "::1" };
	struct hark_addr addr;

	assert_int_equal(hark_addr_parse(texts[random() % (long)N_ELEMENTS(texts)], &addr), 0);
	if (hark_addr_is_link_local(&addr))
		addr.scope_id = (uint32_t)random() % 3;
	if (n_ends > N_ELEMENTS(texts))
		memcpy(addr.bytes + 12, &(uint32_t){ (uint32_t)random() % n_ends }, 4);
	return addr;
}

/* Few values for each member, so that many rows differ in the last one alone. */
static void add_rows(struct hark_snapshot *snapshot, uint32_t n, uint32_t n_ends)
{
	static const uint16_t ports[] = { 0, 1, 0xff, 0x100, 0xffff, 443, 8443 };
	static const uint32_t numbers[] = { 0, 1, UINT32_MAX, 1u << 31 };

	for (uint32_t i = 0; i < n; i++) {
		struct hark_socket *row = array_push(&snapshot->sockets);

		assert_non_null(row);
		row->local = random_addr(n_ends);
		row->remote = random_addr(0);
		row->local_port = ports[random() % (long)N_ELEMENTS(ports)];
		row->remote_port = ports[random() % (long)N_ELEMENTS(ports)];
		row->device = numbers[random() % (long)N_ELEMENTS(numbers)];
		row->cookie = (uint64_t)numbers[random() % (long)N_ELEMENTS(numbers)] << 32 | 7;
		row->inode = (uint32_t)random() % 5;
		row->protocol = (uint8_t)(random() % HARK_PROTOCOL_N_);
		row->family = (uint8_t)(random() % HARK_FAMILY_N_);
		row->is_listener = random() % 2;
		row->mark = i; /* to know it again */
	}
}

static void check_order(uint32_t n, uint32_t n_ends)
{
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_socket *before = calloc(n + 3, sizeof(*before)), *rows;

	add_rows(snapshot, n + 3, n_ends);
	rows = snapshot->sockets.items;
	memcpy(before, rows, (n + 3) * sizeof(*before));
	snapshot->first_socket = 3;
	assert_int_equal(snapshot_sort_sockets(snapshot), 0);
	/* Those of the namespaces before stay where they are. */
	assert_memory_equal(rows, before, 3 * sizeof(*rows));
	for (uint32_t i = 3; i < n + 3; i++) {
		assert_true(i == 3 || compare(&rows[i - 1], &rows[i]) <= 0);
		assert_memory_equal(&rows[i], &before[rows[i].mark], sizeof(*rows));
		before[rows[i].mark].mark = UINT32_MAX; /* each once */
	}
	free(before);
	hark_snapshot_free(snapshot);
}

static void sorts_by_each_member(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 2, 3, 10, 100, 1000, 20000 };
	const char *wanted = getenv("SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);

	(void)state;
	print_message("# SEED=%" PRIu64 "\n", seed);
	srandom((unsigned int)seed);
	for (int again = 0; again < 5; again++) {
		for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
			check_order(sizes[i], 0);
			check_order(sizes[i], sizes[i] + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sorts_by_each_member) };

	return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
