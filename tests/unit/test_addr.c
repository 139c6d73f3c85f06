/* SPDX-License-Identifier: MIT */
/* Addresses and prefixes: reading, writing, and which place they belong to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <hark/addr.h>
#include <string.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static struct hark_addr addr_of(const char *text)
{
	struct hark_addr addr;

	if (hark_addr_parse(text, &addr) < 0)
		fail_msg("not an address: %s", text);
	return addr;
}

static void test_parse_and_format(void **state)
{
	static const struct {
		const char *text, *canonical;
		bool is_ipv4;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.0", true },
		{ "255.255.255.255", "255.255.255.255", true },
		{ "10.0.0.7", "10.0.0.7", true },
		{ "::ffff:10.0.0.7", "10.0.0.7", true },
		{ "::ffff:a00:7", "10.0.0.7", true },
		{ "::", "::", false },
		{ "::1", "::1", false },
		{ "FE80::0001", "fe80::1", false },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", false },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
	};
	char text[HARK_ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_addr addr = addr_of(cases[i].text);

		assert_ptr_equal(hark_addr_format(&addr, text), text);
		assert_string_equal(text, cases[i].canonical);
		assert_int_equal(hark_addr_is_ipv4(&addr), cases[i].is_ipv4);
		assert_int_equal(addr.scope_id, 0);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const texts[] = { "",           "1",         "1.2.3",    "1.2.3.4.5",
					     "256.0.0.1",  "01.2.3.4",  "1.2.3.4 ", " 1.2.3.4",
					     "1.2.3.4/8",  ":",         ":::",      "1::2::3",
					     "fe80::1%1",  "[::1]",     "g::",      "0:0:0:0:0:0",
					     "10.0.0.0/8", "localhost", "0x7f.1" };
	struct hark_addr addr, before;

	(void)state;
	memset(&addr, 0xa5, sizeof(addr));
	before = addr;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		if (hark_addr_parse(texts[i], &addr) != -EINVAL)
			fail_msg("taken for an address: \"%s\"", texts[i]);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		bool is_any, is_loopback, is_multicast, is_link_local;
	} cases[] = {
		{ "0.0.0.0", true, false, false, false },
		{ "::", true, false, false, false },
		{ "::ffff:0.0.0.0", true, false, false, false },
		{ "127.0.0.1", false, true, false, false },
		{ "127.255.255.254", false, true, false, false },
		{ "128.0.0.1", false, false, false, false },
		{ "::1", false, true, false, false },
		{ "::2", false, false, false, false },
		{ "224.0.0.251", false, false, true, false },
		{ "239.255.255.255", false, false, true, false },
		{ "240.0.0.1", false, false, false, false },
		{ "ff02::fb", false, false, true, false },
		{ "169.254.1.1", false, false, false, true },
		{ "169.255.1.1", false, false, false, false },
		{ "fe80::1", false, false, false, true },
		{ "febf::1", false, false, false, true },
		{ "fec0::1", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_addr addr = addr_of(cases[i].text);

		if (hark_addr_is_any(&addr) != cases[i].is_any ||
		    hark_addr_is_loopback(&addr) != cases[i].is_loopback ||
		    hark_addr_is_multicast(&addr) != cases[i].is_multicast ||
		    hark_addr_is_link_local(&addr) != cases[i].is_link_local)
			fail_msg("%s", cases[i].text);
	}
}

/* The first and last address of each range, and their neighbours outside. */
static void test_reach(void **state)
{
	static const struct {
		const char *text, *reach;
	} cases[] = {
		{ "126.255.255.255", "public" },
		{ "127.0.0.0", "host" },
		{ "127.255.255.255", "host" },
		{ "128.0.0.0", "public" },
		{ "::1", "host" },
		{ "::2", "public" },
		{ "169.253.255.255", "public" },
		{ "169.254.0.0", "link" },
		{ "169.254.255.255", "link" },
		{ "169.255.0.0", "public" },
		{ "fe7f:ffff::", "public" },
		{ "fe80::", "link" },
		{ "febf:ffff::", "link" },
		{ "fec0::", "private" },
		{ "feff:ffff::", "private" },
		{ "ff00::", "public" },
		{ "9.255.255.255", "public" },
		{ "10.0.0.0", "private" },
		{ "10.255.255.255", "private" },
		{ "11.0.0.0", "public" },
		{ "172.15.255.255", "public" },
		{ "172.16.0.0", "private" },
		{ "172.31.255.255", "private" },
		{ "172.32.0.0", "public" },
		{ "192.167.255.255", "public" },
		{ "192.168.0.0", "private" },
		{ "192.168.255.255", "private" },
		{ "192.169.0.0", "public" },
		{ "100.63.255.255", "public" },
		{ "100.64.0.0", "private" },
		{ "100.127.255.255", "private" },
		{ "100.128.0.0", "public" },
		{ "fbff:ffff::", "public" },
		{ "fc00::", "private" },
		{ "fdff:ffff::", "private" },
		{ "fe00::", "public" },
		{ "2001:db8::1", "public" },
	};
	/* As wide as its widest address. */
	static const struct {
		const char *text, *reach;
	} prefixes[] = {
		{ "10.0.0.0/8", "private" }, { "10.0.0.0/7", "public" }, { "10.0.0.7", "private" },
		{ "127.0.0.0/8", "host" },   { "0.0.0.0/0", "public" },  { "::1", "host" },
		{ "::1/127", "public" },     { "fe80::/64", "link" },    { "fc00::/6", "public" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_addr addr = addr_of(cases[i].text);
		const char *reach = hark_reach_name(hark_addr_reach(&addr));

		if (strcmp(reach, cases[i].reach))
			fail_msg("%s: %s", cases[i].text, reach);
	}
	for (size_t i = 0; i < N_ELEMENTS(prefixes); i++) {
		struct hark_prefix prefix;

		assert_int_equal(hark_prefix_parse(prefixes[i].text, &prefix), 0);
		assert_string_equal(hark_reach_name(hark_prefix_reach(&prefix)), prefixes[i].reach);
	}
	assert_null(hark_reach_name(HARK_REACH_N_));
	assert_null(hark_reach_name((enum hark_reach) - 1));
}

static void test_compare(void **state)
{
	struct hark_addr a = addr_of("fe80::1"), b = addr_of("fe80::1");

	(void)state;
	assert_int_equal(hark_addr_compare(&a, &b), 0);
	b.scope_id = 2;
	assert_true(hark_addr_compare(&a, &b) < 0);
	a.scope_id = UINT32_MAX;
	assert_true(hark_addr_compare(&a, &b) > 0);
	a = addr_of("10.0.0.200");
	b = addr_of("10.0.1.100");
	assert_true(hark_addr_compare(&a, &b) < 0);
}

static void test_prefix(void **state)
{
	static const struct {
		const char *prefix, *canonical, *inside, *outside;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
		{ "0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", "::1" },
		{ "::/0", "::/0", "10.0.0.1", NULL },
		{ "::ffff:10.0.0.0/104", "10.0.0.0/8", "10.1.2.3", "11.0.0.0" },
		{ "192.0.2.8/29", "192.0.2.8/29", "192.0.2.15", "192.0.2.16" },
		{ "192.0.2.8", "192.0.2.8/32", "192.0.2.8", "192.0.2.9" },
		{ "2001:db8::/33", "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
		{ "::1", "::1/128", "::1", "::2" },
		{ "fe80::/10", "fe80::/10", "febf::", "fec0::" },
	};
	char text[HARK_ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_prefix prefix;
		struct hark_addr inside = addr_of(cases[i].inside);

		assert_int_equal(hark_prefix_parse(cases[i].prefix, &prefix), 0);
		assert_string_equal(hark_prefix_format(&prefix, text), cases[i].canonical);
		assert_true(hark_prefix_contains(&prefix, &inside));
		if (cases[i].outside) {
			struct hark_addr outside = addr_of(cases[i].outside);

			assert_false(hark_prefix_contains(&prefix, &outside));
		}
	}
}

static void test_prefix_refuses(void **state)
{
	static const char *const texts[] = {
		"",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8 ",
		"10.0.0.0/8/8",
		"::/129",
		"::/4294967296",
		"::/18446744073709551616",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8"
	};
	struct hark_prefix prefix;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++)
		if (hark_prefix_parse(texts[i], &prefix) != -EINVAL)
			fail_msg("taken for a prefix: \"%s\"", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_format),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_prefix_refuses),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
