/* SPDX-License-Identifier: MIT */
/* The arena, growing arrays, and the hash table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "hash.h"

#define N_PIECES 2000u

static void test_arena_keeps_all(void **state)
{
	struct arena arena = { 0 };
	unsigned char *pieces[N_PIECES];

	(void)state;
	/* Sizes around those of blocks, each piece filled with a value of its own. */
	for (uint32_t i = 0; i < N_PIECES; i++) {
		size_t size = i * 7 % 5000;

		pieces[i] = arena_alloc(&arena, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)(i % 251), size);
	}
	for (uint32_t i = 0; i < N_PIECES; i++)
		for (size_t j = 0; j < i * 7 % 5000; j++)
			assert_int_equal(pieces[i][j], i % 251);
	arena_fini(&arena);
	assert_null(arena.blocks);
}

static void test_arena_text(void **state)
{
	struct arena arena = { 0 };
	char large[100000], *text;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	text = arena_memdup(&arena, "a\0b", 3);
	assert_memory_equal(text, "a\0b", 4);
	assert_string_equal(arena_strdup(&arena, ""), "");
	assert_string_equal(arena_strdup(&arena, large), large);
	assert_string_equal(arena_printf(&arena, "%s-%d", "n", 42), "n-42");
	assert_string_equal(arena_printf(&arena, "%s", large), large);
	assert_memory_equal(text, "a\0b", 4);
	/* More than there can be is refused, and does no harm. */
	assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
	assert_non_null(arena_alloc(&arena, 1));
	arena_fini(&arena);
}

static void test_array_grows(void **state)
{
	ARRAY(uint64_t) array = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t *item = array_push(&array);

		assert_non_null(item);
		assert_int_equal(*item, 0);
		*item = ~i;
	}
	assert_int_equal(array.n, 10000);
	for (uint64_t i = 0; i < 10000; i++)
		assert_true(array.items[i] == ~i);
	assert_int_equal(array_reserve(&array, 100000), 0);
	assert_true(array.capacity >= 110000);
	assert_true(array.items[9999] == ~(uint64_t)9999);
	array_fini(&array);
	assert_null(array.items);
	assert_int_equal(array.n + array.capacity, 0);
}

static void test_hash_keeps_keys_apart(void **state)
{
	/* Neighbours, cookies that differ in the upper half alone, and both ends. */
	static const uint64_t bases[] = { 0, 1ull << 32, UINT64_MAX - 5000 };
	struct hash hash = { 0 };

	(void)state;
	assert_int_equal(hash_get(&hash, 0), UINT32_MAX);
	for (uint32_t b = 0; b < 3; b++)
		for (uint32_t i = 0; i < 5000; i++)
			assert_int_equal(hash_put(&hash, bases[b] + i, b * 5000 + i), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(hash_put(&hash, i << 40, (uint32_t)i), 0);
	assert_int_equal(hash.n, 16000);
	for (uint32_t b = 0; b < 3; b++)
		for (uint32_t i = 0; i < 5000; i++)
			assert_int_equal(hash_get(&hash, bases[b] + i), b * 5000 + i);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(hash_get(&hash, i << 40), i);
	assert_int_equal(hash_get(&hash, 5000), UINT32_MAX);
	assert_int_equal(hash_get(&hash, 1ull << 63), UINT32_MAX);
	hash_fini(&hash);
	assert_int_equal(hash_get(&hash, 0), UINT32_MAX);
}

static void test_hash_replaces(void **state)
{
	struct hash hash = { 0 };

	(void)state;
	assert_int_equal(hash_reserve(&hash, 100), 0);
	for (uint32_t round = 0; round < 3; round++)
		for (uint64_t key = 0; key < 100; key++)
			assert_int_equal(hash_put(&hash, key, round), 0);
	assert_int_equal(hash.n, 100);
	for (uint64_t key = 0; key < 100; key++)
		assert_int_equal(hash_get(&hash, key), 2);
	hash_fini(&hash);
}

static void test_hash_adds(void **state)
{
	struct hash hash = { 0 };
	uint32_t value;

	(void)state;
	for (int again = 0; again < 2; again++) {
		for (uint32_t i = 0; i < 1000; i++) {
			assert_int_equal(hash_add(&hash, i * 7, again ? 4711 : i, &value), 0);
			assert_int_equal(value, i);
		}
	}
	assert_int_equal(hash.n, 1000);
	hash_fini(&hash);
}

/* Any number of keys, filled up to where no more fit without growing. */
static void test_hash_fills_up(void **state)
{
	(void)state;
	for (uint32_t n = 1; n < 300; n++) {
		struct hash hash = { 0 };
		uint32_t size;

		assert_int_equal(hash_reserve(&hash, n), 0);
		size = hash.size;
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(hash_put(&hash, (uint64_t)i * i << 7, i), 0);
		assert_int_equal(hash.size, size);
		assert_true(n < 16 || size <= n * 5 / 4 + 1);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(hash_get(&hash, (uint64_t)i * i << 7), i);
		assert_int_equal(hash_get(&hash, 1), UINT32_MAX);
		hash_fini(&hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_keeps_all),
		cmocka_unit_test(test_arena_text),
		cmocka_unit_test(test_array_grows),
		cmocka_unit_test(test_hash_keeps_keys_apart),
		cmocka_unit_test(test_hash_replaces),
		cmocka_unit_test(test_hash_adds),
		cmocka_unit_test(test_hash_fills_up),
	};

	return cmocka_run_group_tests_name("arena_hash", tests, NULL, NULL);
}
