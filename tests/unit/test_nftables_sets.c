/* SPDX-License-Identifier: MIT */
/* Sets of nf_tables and their elements, against a kernel that says what a test wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "fakenftables.h"
#include "rules.h"

#define END NFT_SET_ELEM_INTERVAL_END

static uint32_t key_at(const struct ruleset *ruleset, uint32_t at)
{
	uint32_t key;

	memcpy(&key, ruleset_bytes(ruleset, at), sizeof(key));
	return ntohl(key);
}

static void assert_ranges(const struct ruleset *ruleset, const uint32_t (*ranges)[2], uint32_t n)
{
	const struct rule_set *set = &ruleset->sets.items[0];

	assert_true(set->is_known);
	assert_int_equal(set->n_elements, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];

		assert_int_equal(key_at(ruleset, element->first), ranges[i][0]);
		assert_int_equal(key_at(ruleset, element->last), ranges[i][1]);
	}
}

/* From the highest key down, as the kernel has them: with an end that is not there. */
static void test_intervals(void **state)
{
	static const struct fakenft_element descending[] = {
		{ 0, 0xe0000000, 0, -1 }, { END, 0xc0000210, 0, -1 }, { 0, 0xc0000201, 0, -1 },
		{ 0, 100, 0, -1 },        { END, 100, 0, -1 },        { 0, 99, 0, -1 },
		{ END, 51, 0, -1 },       { 0, 20, 0, -1 },           { 0, 10, 0, -1 },
		{ END, 0, 0, -1 },
	};
	static const uint32_t expected[][2] = { { 10, 19 },
						{ 20, 50 },
						{ 99, 99 },
						{ 100, 0xc0000200 },
						{ 0xc0000201, 0xc000020f },
						{ 0xe0000000, 0xffffffff } };
	enum {
		N = sizeof(descending) / sizeof(descending[0])
	};
	struct fakenft_element mixed[N];
	struct fakenft *world = *state;

	fakenft_add_lookup(world, false);
	fakenft_add_set(world, NFT_SET_INTERVAL, 4, NULL);
	for (int order = 0; order < 3; order++) {
		for (size_t i = 0; i < N; i++)
			mixed[i] = order == 0 ? descending[i] :
				   order == 1 ? descending[N - 1 - i] :
						descending[(i * 7 + 3) % N];
		world->scripts[NFT_MSG_GETSETELEM].length = 0;
		fakenft_add_elements(world, mixed, N, false);
		assert_ranges(fakenft_read(world), expected, 6);
	}
}

/* One that timed out is not there, and hides what it would have ended. */
static void test_timeouts(void **state)
{
	static const struct fakenft_element elements[] = {
		{ END, 60, 0, -1 }, { 0, 50, 0, 0 }, { 0, 40, 0, 1000 },
		{ END, 30, 0, -1 }, { 0, 20, 0, 0 },
	};
	static const uint32_t expected[][2] = { { 40, 49 } };
	struct fakenft *world = *state;

	fakenft_add_lookup(world, false);
	fakenft_add_set(world, NFT_SET_INTERVAL | NFT_SET_TIMEOUT, 4, NULL);
	FAKENFT_ELEMENTS(world, elements, false);
	assert_ranges(fakenft_read(world), expected, 1);
	assert_true(world->ruleset->elements.items[0].has_timeout);
}

static void test_hashed(void **state)
{
	static const struct fakenft_element elements[] = {
		{ 0, 7, 0, -1, 0, NULL, "counter" },
		{ 0, 5, 0, 0 },
		{ 0, 6, 0, 1, 0, NULL, "limit" },
	};
	static const uint32_t expected[][2] = { { 7, 7 }, { 6, 6 } };
	struct fakenft *world = *state;

	fakenft_add_lookup(world, false);
	fakenft_add_set(world, NFT_SET_TIMEOUT, 4, NULL);
	FAKENFT_ELEMENTS(world, elements, false);
	assert_ranges(fakenft_read(world), expected, 2);
	assert_false(world->ruleset->elements.items[0].has_timeout);
	assert_false(world->ruleset->elements.items[0].has_stateful);
	assert_true(world->ruleset->elements.items[1].has_timeout);
	assert_true(world->ruleset->elements.items[1].has_stateful);
}

/* Two fields of two bytes would take eight: of one and three they take as much. */
static void test_fields(void **state)
{
	static const struct fakenft_element elements[] = { { 0, 0x01000000, 0x05000000, -1 },
							   { 0, 0x09000000, 0, -1 } };
	static const uint32_t expected[][2] = { { 0x01000000, 0x05000000 },
						{ 0x09000000, 0x09000000 } };
	static const uint8_t fields[] = { 1, 0 }, wrong[] = { 2, 2, 0 };
	struct fakenft *world = *state;

	fakenft_add_lookup(world, false);
	fakenft_add_set(world, NFT_SET_INTERVAL | NFT_SET_CONCAT, 4, fields);
	FAKENFT_ELEMENTS(world, elements, false);
	/* With one field alone it is no concatenation, and marks are what they are. */
	world->scripts[NFT_MSG_GETSETELEM].length = 0;
	FAKENFT_ELEMENTS(world, elements, false);
	assert_int_equal(fakenft_read(world)->sets.items[0].n_fields, 1);
	world->scripts[NFT_MSG_GETSET].length = 0;
	fakenft_add_set(world, NFT_SET_CONCAT, 4, NULL);
	assert_ranges(fakenft_read(world), expected, 2);
	world->scripts[NFT_MSG_GETSET].length = 0;
	fakenft_add_set(world, NFT_SET_INTERVAL | NFT_SET_CONCAT, 4, wrong);
	assert_int_equal(fakenft_read(world)->nftables, HARK_UNSUPPORTED);
	assert_int_equal(world->ruleset->tables.n, 0);
}

static void test_verdict_map(void **state)
{
	static const struct fakenft_element elements[] = {
		{ NFT_SET_ELEM_CATCHALL, 0, 0, -1, NF_DROP },
		{ END, 81, 0, -1 },
		{ 0, 80, 0, -1, NFT_JUMP, "other" },
		{ END, 23, 0, -1 },
		{ 0, 22, 0, -1, NF_ACCEPT },
	};
	static const uint32_t expected[][2] = { { 22, 22 }, { 80, 80 } };
	struct fakenft *world = *state;
	const struct rule_element *read;

	fakenft_add_lookup(world, true);
	fakenft_add_set(world, NFT_SET_INTERVAL | NFT_SET_MAP, 4, NULL);
	FAKENFT_ELEMENTS(world, elements, true);
	read = fakenft_read(world)->elements.items;
	assert_int_equal(world->ruleset->elements.n, 3);
	assert_true(read[2].is_catchall);
	assert_int_equal(read[2].verdict, RULE_DROP);
	assert_int_equal(read[1].verdict, RULE_JUMP);
	assert_int_equal(read[1].chain, 1);
	assert_int_equal(read[0].verdict, RULE_ACCEPT);
	world->ruleset->sets.items[0].n_elements = 2;
	assert_ranges(world->ruleset, expected, 2);
}

/* What is wrong with one set is told of it; the rest stands. */
static void test_odd_elements(void **state)
{
	static const struct fakenft_element twice[] = { { 0, 20, 0, -1 }, { 0, 20, 0, -1 } };
	static const struct fakenft_element flagged[] = { { 0, 20, 0, -1 }, { 4, 21, 0, -1 } };
	struct fakenft *world = *state;
	const struct ruleset *ruleset;

	fakenft_add_lookup(world, false);
	fakenft_add_set(world, NFT_SET_INTERVAL, 4, NULL);
	FAKENFT_ELEMENTS(world, twice, false);
	for (int i = 0; i < 3; i++) {
		ruleset = fakenft_read(world);
		assert_int_equal(ruleset->nftables, HARK_KNOWN);
		assert_int_equal(ruleset->rules.n, 1);
		assert_false(ruleset->sets.items[0].is_known);
		assert_int_equal(ruleset->sets.items[0].n_elements, 0);
		assert_int_equal(ruleset->elements.n, 0);
		world->scripts[NFT_MSG_GETSETELEM].length = 0;
		if (i == 0) {
			FAKENFT_ELEMENTS(world, flagged, false);
		} else {
			world->scripts[NFT_MSG_GETSET].length = 0;
			fakenft_add_set(world, NFT_SET_INTERVAL, 8, NULL);
			fakenft_add_elements(world, twice, 1, false);
		}
	}
}

/* Nobody looks into it: so nor does the reader. */
static void test_unwanted(void **state)
{
	struct fakenft *world = *state;

	fakenft_add_table(world, "t", 0);
	fakenft_add_chain(world, "c");
	fakenft_add_set(world, 0, 4, NULL);
	assert_int_equal(fakenft_read(world)->sets.n, 1);
	assert_false(world->ruleset->sets.items[0].is_known);
	assert_int_equal(world->n_requests, 5); /* four dumps, and the generation */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_intervals, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_timeouts, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_hashed, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_fields, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_verdict_map, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_odd_elements, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_unwanted, fakenft_setup, fakenft_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
