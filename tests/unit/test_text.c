/* SPDX-License-Identifier: MIT */
/* Numbers out of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
