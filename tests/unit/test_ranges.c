/* SPDX-License-Identifier: MIT */
/* Sets of intervals against a bitmap of 64 numbers, at both ends of the space; and conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define N_NUMBERS 64
#define N_STEPS   100000

/* Allocations that still succeed; negative: all. Linked by --wrap. */
static int n_left = -1;

void *__real_reallocarray(void *memory, size_t n, size_t size);
void *__wrap_reallocarray(void *memory, size_t n, size_t size);

void *__wrap_reallocarray(void *memory, size_t n, size_t size)
{
	if (!n_left)
		return NULL;
	n_left -= n_left > 0;
	return __real_reallocarray(memory, n, size);
}

static uint64_t random_state;

/* xorshift64 */
static uint32_t draw(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % n;
}

static uint64_t mask_of(uint32_t first, uint32_t last)
{
	return (last - first == 63 ? ~0ull : (1ull << (last - first + 1)) - 1) << first;
}

/* The set says what the bitmap does, and is in its normal form. */
static void check(const struct ranges *set, uint64_t bitmap, u128 base)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct range *range = &set->items[i];

		assert_true(range->first <= range->last);
		assert_true(range->first >= base && range->last - base < N_NUMBERS);
		assert_true(!i || range->first - set->items[i - 1].last > 1);
		assert_true(!i || range->first > set->items[i - 1].last);
		seen |= mask_of((uint32_t)(range->first - base), (uint32_t)(range->last - base));
	}
	assert_true(seen == bitmap);
	for (uint32_t i = 0; i < N_NUMBERS; i++)
		assert_int_equal(ranges_contain(set, base + i), bitmap >> i & 1);
}

/* Something is done to the set, and to its bitmap unless memory ran out. */
static int step(struct ranges *set, uint64_t *bitmap, const struct ranges *other,
		uint64_t other_bitmap, u128 base, uint32_t action)
{
	uint32_t first = draw(N_NUMBERS), last = first + draw(N_NUMBERS - first);
	uint64_t before = *bitmap;
	int error = 0;

	switch (action) {
	case 0:
		error = ranges_add(set, base + first, base + last);
		*bitmap |= mask_of(first, last);
		break;
	case 1:
		error = ranges_cut(set, base + first, base + last);
		*bitmap &= ~mask_of(first, last);
		break;
	case 2:
		error = ranges_unite(set, other);
		*bitmap |= other_bitmap;
		break;
	case 3:
		error = ranges_subtract(set, other);
		*bitmap &= ~other_bitmap;
		break;
	case 4:
		error = ranges_intersect(set, other);
		*bitmap &= other_bitmap;
		break;
	case 5:
		error = ranges_copy(set, other);
		*bitmap = other_bitmap;
		break;
	case 6:
		error = ranges_set(set, base + first, base + last);
		*bitmap = mask_of(first, last);
		break;
	default:
		/* Single numbers make for many intervals. */
		error = ranges_add(set, base + first, base + first);
		*bitmap |= mask_of(first, first);
	}
	if (error)
		*bitmap = before;
	return error;
}

/* Returns how many steps found no memory. */
static uint32_t check_steps(u128 base, bool is_scarce)
{
	struct ranges sets[2] = { { 0 } };
	uint64_t bitmaps[2] = { 0 };
	uint32_t n_errors = 0;

	random_state = 20261;
	for (uint32_t i = 0; i < N_STEPS; i++) {
		uint32_t at = draw(2);
		int error;

		/* From nothing now and then: what has room never asks for more. */
		if (i % 50 == 0) {
			ranges_fini(&sets[at]);
			bitmaps[at] = 0;
		}
		n_left = is_scarce ? (int)draw(2) : -1;
		error = step(&sets[at], &bitmaps[at], &sets[!at], bitmaps[!at], base, draw(12));
		n_left = -1;
		assert_true(error == 0 || (is_scarce && error == -ENOMEM));
		n_errors += error != 0;
		check(&sets[at], bitmaps[at], base);
		assert_int_equal(ranges_equal(&sets[0], &sets[1]), bitmaps[0] == bitmaps[1]);
		assert_int_equal(ranges_meet(&sets[0], &sets[1]), (bitmaps[0] & bitmaps[1]) != 0);
		assert_int_equal(ranges_contain_all(&sets[0], &sets[1]),
				 (bitmaps[1] & ~bitmaps[0]) == 0);
	}
	ranges_fini(&sets[0]);
	ranges_fini(&sets[1]);
	return n_errors;
}

static void test_steps(void **state)
{
	(void)state;
	check_steps(0, false);
	check_steps((u128)1 << 64, false);
	check_steps(RANGES_MAX_IPV6 - (N_NUMBERS - 1), false);
}

/* Every step may find no memory, and leaves the set as it was then. */
static void test_no_memory(void **state)
{
	(void)state;
	assert_in_range(check_steps(0, true), N_STEPS / 100, N_STEPS);
	assert_in_range(check_steps(RANGES_MAX_IPV6 - (N_NUMBERS - 1), true), N_STEPS / 100,
			N_STEPS);
}

static void test_itself(void **state)
{
	struct ranges set = { 0 };

	(void)state;
	assert_int_equal(ranges_add(&set, 1, 2), 0);
	assert_int_equal(ranges_add(&set, 4, 5), 0);
	assert_int_equal(ranges_unite(&set, &set), 0);
	assert_int_equal(ranges_intersect(&set, &set), 0);
	assert_int_equal(ranges_copy(&set, &set), 0);
	check(&set, 0x36, 0);
	assert_int_equal(ranges_subtract(&set, &set), 0);
	check(&set, 0, 0);
	ranges_fini(&set);
}

static void test_invert(void **state)
{
	struct ranges set = { 0 }, whole = { 0 };

	(void)state;
	random_state = 7;
	for (uint32_t i = 0; i < N_STEPS; i++) {
		uint32_t max = draw(N_NUMBERS);
		uint64_t bitmap = 0, unused = 0;

		set.n = 0;
		for (uint32_t j = draw(8); j; j--)
			assert_int_equal(step(&set, &bitmap, &set, unused, 0, 7 * (j & 1)), 0);
		assert_int_equal(ranges_invert(&set, max), 0);
		check(&set, ~bitmap & mask_of(0, max), 0);
	}
	set.n = 0;
	assert_int_equal(ranges_invert(&set, RANGES_MAX_IPV6), 0);
	assert_int_equal(ranges_set(&whole, 0, RANGES_MAX_IPV6), 0);
	assert_true(ranges_equal(&set, &whole));
	assert_int_equal(ranges_cut(&set, 0, 0), 0);
	assert_int_equal(ranges_cut(&set, RANGES_MAX_IPV6, RANGES_MAX_IPV6), 0);
	assert_int_equal(ranges_invert(&set, RANGES_MAX_IPV6), 0);
	assert_int_equal(set.n, 2);
	assert_true(ranges_contain(&set, 0) && ranges_contain(&set, RANGES_MAX_IPV6));
	assert_int_equal(ranges_unite(&set, &whole), 0);
	assert_true(ranges_equal(&set, &whole));
	assert_int_equal(ranges_invert(&set, RANGES_MAX_IPV6), 0);
	assert_true(ranges_are_empty(&set));
	ranges_fini(&set);
	ranges_fini(&whole);
}

static void test_normalize(void **state)
{
	struct ranges set = { 0 };

	(void)state;
	random_state = 99;
	assert_int_equal(ranges_set(&set, 0, 0), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(ranges_add(&set, 3 * i, 3 * i), 0);
	for (uint32_t i = 0; i < N_STEPS; i++) {
		uint64_t bitmap = 0;

		set.n = draw(20);
		for (uint32_t j = 0; j < set.n; j++) {
			uint32_t first = draw(N_NUMBERS), last = draw(N_NUMBERS);

			set.items[j] = (struct range){ first, last };
			if (first <= last)
				bitmap |= mask_of(first, last);
		}
		ranges_normalize(&set);
		check(&set, bitmap, 0);
	}
	ranges_fini(&set);
}

/* Many of both, so that searching goes in large steps. */
static void test_many(void **state)
{
	struct ranges even = { 0 }, odd = { 0 }, few = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		assert_int_equal(ranges_add(&even, 4 * i, 4 * i), 0);
		assert_int_equal(ranges_add(&odd, 4 * i + 2, 4 * i + 2), 0);
	}
	assert_int_equal(even.n, 100000);
	assert_false(ranges_meet(&even, &odd));
	assert_int_equal(ranges_add(&few, 17, 31), 0);
	assert_int_equal(ranges_add(&few, 399990, 500000), 0);
	assert_int_equal(ranges_subtract(&even, &few), 0);
	assert_int_equal(even.n, 100000 - 3 - 2);
	assert_int_equal(ranges_unite(&even, &odd), 0);
	assert_int_equal(even.n, 200000 - 3 - 2);
	assert_int_equal(ranges_intersect(&even, &few), 0);
	assert_int_equal(even.n, 4 + 3);
	assert_int_equal(ranges_intersect(&few, &even), 0);
	assert_true(ranges_equal(&few, &even));
	ranges_fini(&even);
	ranges_fini(&odd);
	ranges_fini(&few);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *first, *last, *text;
	} cases[] = {
		{ "0.0.0.0", "255.255.255.255", "0.0.0.0/0" },
		{ "10.0.0.0", "10.255.255.255", "10.0.0.0/8" },
		{ "10.0.0.1", "10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1", "10.0.0.2", "10.0.0.1-10.0.0.2" },
		{ "10.0.0.2", "10.0.0.3", "10.0.0.2/31" },
		{ "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0" },
		{ "::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/1" },
		{ "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::/10" },
		{ "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::", "::ffff:1.2.3.4", "::-::ffff:1.2.3.4" },
		{ "2001:db8::1", "2001:db8::1", "2001:db8::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hark_range range = { 0 };
		struct hark_addr back;
		char text[HARK_RANGE_TEXT_SIZE];

		assert_int_equal(hark_addr_parse(cases[i].first, &range.first), 0);
		assert_int_equal(hark_addr_parse(cases[i].last, &range.last), 0);
		assert_string_equal(hark_range_format(&range, text), cases[i].text);
		back = ranges_addr(ranges_number(&range.first), !hark_addr_is_ipv4(&range.first));
		assert_memory_equal(&back, &range.first, sizeof(back));
	}
	assert_true(ranges_from_bytes((const uint8_t[]){ 1, 2, 3, 4 }, false) == 0x01020304);
	assert_true(ranges_from_bytes((const uint8_t[16]){ 0x80, [15] = 5 }, true) ==
		    ((u128)1 << 127) + 5);
}

/* What may and must hold for each of 64 sources, as bitmaps. */
struct truth {
	uint64_t may, must;
};

static struct truth draw_condition(struct condition *condition, const struct ranges *sources,
				   uint64_t bitmap)
{
	struct truth truth = { 0 };

	assert_int_equal(condition_of_none(condition), 0);
	for (uint32_t i = 0; i < N_NUMBERS; i++) {
		uint32_t what = draw(3);

		if (!(bitmap >> i & 1) || !what)
			continue;
		truth.may |= 1ull << i;
		assert_int_equal(ranges_add(&condition->may, i, i), 0);
		if (what == 1)
			continue;
		truth.must |= 1ull << i;
		assert_int_equal(ranges_add(&condition->must, i, i), 0);
	}
	condition->doubts = ranges_equal(&condition->may, &condition->must) ? 0 : DOUBT(RATE);
	assert_true(ranges_contain_all(sources, &condition->may));
	return truth;
}

static void check_condition(const struct condition *condition, struct truth truth)
{
	check(&condition->may, truth.may, 0);
	check(&condition->must, truth.must, 0);
	assert_int_equal(condition->doubts != 0, truth.may != truth.must);
}

static void test_conditions(void **state)
{
	struct condition a = { 0 }, b = { 0 };
	struct ranges sources = { 0 };

	(void)state;
	random_state = 4711;
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t bitmap = 0;
		struct truth truth, other;

		sources.n = 0;
		for (uint32_t j = draw(6); j; j--)
			step(&sources, &bitmap, &sources, 0, 0, 0);
		truth = draw_condition(&a, &sources, bitmap);
		other = draw_condition(&b, &sources, bitmap);
		switch (draw(3)) {
		case 0:
			assert_int_equal(condition_and(&a, &b), 0);
			truth = (struct truth){ truth.may & other.may, truth.must & other.must };
			break;
		case 1:
			assert_int_equal(condition_or(&a, &b), 0);
			truth = (struct truth){ truth.may | other.may, truth.must | other.must };
			break;
		default:
			assert_int_equal(condition_not(&a, &sources), 0);
			truth = (struct truth){ bitmap & ~truth.must, bitmap & ~truth.may };
		}
		check_condition(&a, truth);
		assert_int_equal(condition_of_set(&a, &sources, &b.may), 0);
		check_condition(&a, (struct truth){ other.may, other.may });
		assert_int_equal(condition_of_some(&a, &sources, DOUBT(TIME)), 0);
		check_condition(&a, (struct truth){ bitmap, 0 });
		assert_int_equal(condition_of_all(&a, &sources), 0);
		check_condition(&a, (struct truth){ bitmap, bitmap });
	}
	condition_fini(&a);
	condition_fini(&b);
	ranges_fini(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),     cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_itself),    cmocka_unit_test(test_invert),
		cmocka_unit_test(test_normalize), cmocka_unit_test(test_many),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_conditions),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
