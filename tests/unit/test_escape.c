/* SPDX-License-Identifier: MIT */
/* How text is made safe, and how wide it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "escape.h"
#include "utf8.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *text;
	const char *utf8, *ascii, *csv, *json; /* NULL: the text itself */
} escapes[] = {
	{ "" },
	{ "/usr/sbin/sshd -D [x] {y} ~ 'z' `w` $(v)" },
	{ "say \"hi\"", NULL, NULL, NULL, "say \\\"hi\\\"" },
	{ "a\\x2db.service", NULL, NULL, "a\\\\x2db.service", "a\\\\x2db.service" },
	{ "\033[31m", "\\x1b[31m", "\\x1b[31m", "\\x1b[31m", "\\u001b[31m" },
	{ "\n\r\t\b\a\x7f", "\\x0a\\x0d\\x09\\x08\\x07\\x7f", "\\x0a\\x0d\\x09\\x08\\x07\\x7f",
	  "\\x0a\\x0d\\x09\\x08\\x07\\x7f", "\\u000a\\u000d\\u0009\\u0008\\u0007\\u007f" },
	{ "caf\xc3\xa9", NULL, "caf\\xc3\\xa9", NULL, NULL },
	{ "日本", NULL, "\\xe6\\x97\\xa5\\xe6\\x9c\\xac", NULL, NULL },
	/* C1: CSI in one character, which terminals obey */
	{ "\xc2\x9b"
	  "31m",
	  "\\u009b31m", "\\xc2\\x9b31m", "\\u009b31m", "\\u009b31m" },
	/* right-to-left override, isolate, zero-width joiner, byte order mark, soft hyphen */
	{ "\xe2\x80\xae", "\\u202e", "\\xe2\\x80\\xae", "\\u202e", "\\u202e" },
	{ "\xe2\x81\xa6\xe2\x80\x8d\xef\xbb\xbf\xc2\xad", "\\u2066\\u200d\\ufeff\\u00ad",
	  "\\xe2\\x81\\xa6\\xe2\\x80\\x8d\\xef\\xbb\\xbf\\xc2\\xad", "\\u2066\\u200d\\ufeff\\u00ad",
	  "\\u2066\\u200d\\ufeff\\u00ad" },
	/* a tag character, beyond 16 bits */
	{ "\xf3\xa0\x80\x81", "\\U000e0001", "\\xf3\\xa0\\x80\\x81", "\\U000e0001",
	  "\\udb40\\udc01" },
	/* no UTF-8: lone bytes, cut short, too long a form, a surrogate, beyond U+10FFFF */
	{ "\xff\x80", "\\xff\\x80", "\\xff\\x80", "\\xff\\x80", "\\uefff\\uef80" },
	{ "\xe6\x97", "\\xe6\\x97", "\\xe6\\x97", "\\xe6\\x97", "\\uefe6\\uef97" },
	{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\uefc0\\uefaf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80",
	  "\\uefed\\uefa0\\uef80" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80",
	  "\\xf4\\x90\\x80\\x80", "\\ueff4\\uef90\\uef80\\uef80" },
	/* the private characters that JSON's bytes become are not to be mistaken for them */
	{ "\xee\xbe\x80", NULL, "\\xee\\xbe\\x80", NULL, "\\uefee\\uefbe\\uef80" },
	{ "\xee\xbd\xbf", NULL, "\\xee\\xbd\\xbf", NULL, NULL },
};

static void check_escape(enum escape escape, const char *text, const char *expected)
{
	struct out out;

	out_init(&out, -1);
	escape_text(&out, escape, text);
	out_char(&out, '\0');
	assert_int_equal(out.error, 0);
	assert_string_equal(out.bytes, expected ? expected : text);
	out_fini(&out);
}

static void test_escapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(escapes); i++) {
		check_escape(ESCAPE_UTF8, escapes[i].text, escapes[i].utf8);
		check_escape(ESCAPE_ASCII, escapes[i].text, escapes[i].ascii);
		check_escape(ESCAPE_CSV, escapes[i].text, escapes[i].csv);
		check_escape(ESCAPE_JSON, escapes[i].text, escapes[i].json);
	}
}

/* A NUL, which ends no string that has a length. */
static void test_nul(void **state)
{
	struct out out;

	(void)state;
	out_init(&out, -1);
	escape_bytes(&out, ESCAPE_UTF8, "a\0b", 3);
	escape_bytes(&out, ESCAPE_JSON, "a\0b", 3);
	out_char(&out, '\0');
	assert_string_equal(out.bytes, "a\\x00ba\\u0000b");
	out_fini(&out);
}

/*
 * Every character but the hidden ones is had back from its own UTF-8, and no other length is
 * right.
 */
static void test_decode_all(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x110000; code++) {
		char bytes[4];
		size_t n = 0;
		uint32_t got = 0;

		if (code < 0x80) {
			bytes[n++] = (char)code;
		} else if (code < 0x800) {
			bytes[n++] = (char)(0xc0 | code >> 6);
			bytes[n++] = (char)(0x80 | (code & 0x3f));
		} else if (code < 0x10000) {
			bytes[n++] = (char)(0xe0 | code >> 12);
			bytes[n++] = (char)(0x80 | (code >> 6 & 0x3f));
			bytes[n++] = (char)(0x80 | (code & 0x3f));
		} else {
			bytes[n++] = (char)(0xf0 | code >> 18);
			bytes[n++] = (char)(0x80 | (code >> 12 & 0x3f));
			bytes[n++] = (char)(0x80 | (code >> 6 & 0x3f));
			bytes[n++] = (char)(0x80 | (code & 0x3f));
		}
		if (code >= 0xd800 && code <= 0xdfff) {
			assert_int_equal(utf8_decode(bytes, n, &got), 0);
			continue;
		}
		assert_int_equal(utf8_decode(bytes, n, &got), n);
		assert_int_equal(got, code);
		assert_int_equal(utf8_decode(bytes, n - 1, &got), 0);
	}
}

static const struct {
	const char *text;
	size_t width;
	size_t n_columns; /* to fit into */
	size_t fits;      /* bytes that fit */
} widths[] = {
	{ "", 0, 5, 0 },
	{ "sshd", 4, 3, 3 },
	{ "sshd", 4, 4, 4 },
	{ "sshd", 4, 0, 0 },
	{ "日本語", 6, 3, 3 },
	{ "日本語", 6, 4, 6 },
	{ "한국", 4, 4, 6 },
	{ "cafe\xcc\x81!", 5, 4, 6 },     /* the accent stays with its letter */
	{ "\xf0\x9f\x90\x9f!", 3, 2, 4 }, /* a fish */
	{ "ﾊﾟ", 2, 2, 6 },                /* half-width, and its mark */
	{ "×…·", 3, 2, 5 },
	{ "Ωλ", 2, 2, 4 },
};

static void test_widths(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(widths); i++) {
		const char *text = widths[i].text;

		assert_int_equal(utf8_width(text, strlen(text)), widths[i].width);
		assert_int_equal(utf8_fit(text, strlen(text), widths[i].n_columns), widths[i].fits);
	}
}

/* What grows past its first room, and what is written in pieces, is whole. */
static void test_memory_grows(void **state)
{
	struct out out;

	(void)state;
	out_init(&out, -1);
	for (uint64_t i = 0; i < 100000; i++) {
		out_u64(&out, i % 10);
		out_pad(&out, 1);
	}
	assert_int_equal(out.n, 200000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(out.bytes[2 * i], '0' + i % 10);
	assert_int_equal(out_flush(&out), 0);
	out_clear(&out);
	out_u64(&out, UINT64_MAX);
	out_hex(&out, 0xfedcba9876543210, 16);
	out_hex(&out, 0xabc, 2);
	out_char(&out, '\0');
	assert_string_equal(out.bytes, "18446744073709551615fedcba9876543210bc");
	out_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),      cmocka_unit_test(test_nul),
		cmocka_unit_test(test_decode_all),   cmocka_unit_test(test_widths),
		cmocka_unit_test(test_memory_grows),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
