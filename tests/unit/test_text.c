/* SPDX-License-Identifier: MIT */
/* Numbers out of text, and numbers and addresses into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "text.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static void test_whole_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool is_number;
		uint64_t value;
	} cases[] = {
		{ "0", 0, true, 0 },
		{ "00080", 65535, true, 80 },
		{ "65535", 65535, true, 65535 },
		{ "65536", 65535, false, 0 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "99999999999999999999999", UINT64_MAX, false, 0 },
		{ "7", 6, false, 0 },
		{ "", 10, false, 0 },
		{ " 1", 10, false, 0 },
		{ "1 ", 10, false, 0 },
		{ "-1", 10, false, 0 },
		{ "+1", 10, false, 0 },
		{ "0x1", 10, false, 0 },
		{ "a", 10, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		uint64_t value = 4711;

		if (text_to_u64(cases[i].text, cases[i].max, &value) != cases[i].is_number ||
		    value != (cases[i].is_number ? cases[i].value : 4711))
			fail_msg("\"%s\"", cases[i].text);
	}
}

static void test_take(void **state)
{
	static const char text[] = "fF:12g";
	const char *at = text;
	uint64_t value;

	(void)state;
	assert_true(text_take_u64(&at, 16, UINT8_MAX, &value));
	assert_int_equal(value, 255);
	assert_ptr_equal(at, text + 2);
	assert_false(text_take_u64(&at, 16, UINT8_MAX, &value));
	assert_ptr_equal(at, text + 2);
	at++;
	assert_false(text_take_u64(&at, 10, 11, &value));
	assert_ptr_equal(at, text + 3);
	assert_int_equal(value, 255);
	assert_true(text_take_u64(&at, 10, 12, &value));
	assert_int_equal(value, 12);
	assert_string_equal(at, "g");
}

/* Numbers of every length, and those next to where it changes. */
static void test_put_numbers(void **state)
{
	char expected[TEXT_U64_SIZE + 1], found[TEXT_U64_SIZE + 1];

	(void)state;
	for (uint64_t power = 1, last = 0; power > last; last = power, power *= 10) {
		const uint64_t values[] = { power, power - 1, power * 7 + 5, UINT64_MAX - power };

		for (size_t i = 0; i < N_ELEMENTS(values); i++) {
			snprintf(expected, sizeof(expected), "%" PRIu64, values[i]);
			*text_put_u64(found, values[i]) = '\0';
			assert_string_equal(found, expected);
		}
	}
}

/* Random addresses, most of whose words are the odd ones. */
static void test_put_addresses(void **state)
{
	static const uint16_t odd_words[] = { 0, 0, 0, 0xffff, 1, 0x100, 0xfe80 };
	const char *wanted = getenv("SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
	char expected[INET6_ADDRSTRLEN], found[TEXT_IPV6_SIZE + 1];

	(void)state;
	print_message("# SEED=%" PRIu64 "\n", seed);
	srandom((unsigned int)seed);
	for (int i = 0; i < 200000; i++) {
		uint8_t bytes[16];

		for (int word = 0; word < 8; word++) {
			long draw = random();
			uint16_t value = draw & 1 ? odd_words[(draw >> 1) % 7] :
						    (uint16_t)(draw >> 1);

			bytes[2 * word] = (uint8_t)(value >> 8);
			bytes[2 * word + 1] = (uint8_t)value;
		}
		assert_non_null(inet_ntop(AF_INET6, bytes, expected, sizeof(expected)));
		*text_put_ipv6(found, bytes) = '\0';
		assert_string_equal(found, expected);
		assert_non_null(inet_ntop(AF_INET, bytes, expected, sizeof(expected)));
		*text_put_ipv4(found, bytes) = '\0';
		assert_string_equal(found, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_numbers),
		cmocka_unit_test(test_put_addresses),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
