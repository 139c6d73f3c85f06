/* SPDX-License-Identifier: MIT */
/* How cells are set out on a narrow screen, and prose broken into lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grid.h"
#include "render.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const char *const cells[][4] = {
	{ "22", "0.0.0.0", "sshd 842", "ssh.service" },
	{ "80", "2001:db8:feed:1:3a9c:12ff:fe01:9d20", "apache2 2533 +5", "apache2.service" },
	{ "443", "", "", "" },
};

static enum style write_cell(void *context, uint32_t row, uint32_t column, struct out *out)
{
	(void)context;
	out_text(out, cells[row][column]);
	return column ? STYLE_PLAIN : STYLE_STRONG;
}

static const struct grid_column columns[] = {
	{ .header = "PORT", .is_right = true },
	{ .header = "ADDRESS", .give_way = GIVE_WAY_SPILL, .least_width = 8 },
	{ .header = "HELD BY", .give_way = GIVE_WAY_CUT, .least_width = 8 },
	{ .header = "UNIT", .give_way = GIVE_WAY_CUT, .least_width = 8 },
};

static void check_grid(unsigned int width, const char *expected)
{
	struct grid grid = {
		.columns = columns,
		.n_columns = N_ELEMENTS(columns),
		.n_rows = N_ELEMENTS(cells),
		.write_cell = write_cell,
		.width = width,
		.has_header = true,
		.utf8 = false,
	};
	struct out out;

	out_init(&out, -1);
	assert_int_equal(grid_write(&grid, &out), 0);
	out_char(&out, '\0');
	assert_string_equal(out.bytes, expected);
	out_fini(&out);
}

static void test_uncut(void **state)
{
	(void)state;
	check_grid(0,
		   "PORT  ADDRESS                              HELD BY          UNIT\n"
		   "  22  0.0.0.0                              sshd 842         ssh.service\n"
		   "  80  2001:db8:feed:1:3a9c:12ff:fe01:9d20  apache2 2533 +5  apache2.service\n"
		   " 443\n");
}

/* One long address does not push what stands in other rows. */
static void test_spill(void **state)
{
	(void)state;
	check_grid(60, "PORT  ADDRESS               HELD BY          UNIT\n"
		       "  22  0.0.0.0               sshd 842         ssh.service\n"
		       "  80  2001:db8:feed:1:3a9c:12ff:fe01:9d20  apache2~  apache~\n"
		       " 443\n");
}

/* The last column gives way first. */
static void test_cut(void **state)
{
	(void)state;
	check_grid(42, "PORT  ADDRESS   HELD BY          UNIT\n"
		       "  22  0.0.0.0   sshd 842         ssh.serv~\n"
		       "  80  2001:db8:feed:1:3a9c:12ff:fe01:9d20  apache2~  apache2~\n"
		       " 443\n");
	check_grid(34, "PORT  ADDRESS   HELD BY   UNIT\n"
		       "  22  0.0.0.0   sshd 842  ssh.ser~\n"
		       "  80  2001:db8:feed:1:3a9c:12ff:fe01:9d20  apache2~  apache2~\n"
		       " 443\n");
}

/* Narrower still, it goes altogether, and the others have its room. */
static void test_vanish(void **state)
{
	(void)state;
	check_grid(30, "PORT  ADDRESS   HELD BY\n"
		       "  22  0.0.0.0   sshd 842\n"
		       "  80  2001:db8:feed:1:3a9c:12ff:fe01:9d20  apache2~\n"
		       " 443\n");
	check_grid(10, "PORT  ADDRESS\n"
		       "  22  0.0.0.0\n"
		       "  80  2001:db8:feed:1:3a9c:12ff:fe01:9d20\n"
		       " 443\n");
}

/* In the place of the judge's: what is rendered here was made up here. */
static const struct hark_finding *findings;
static uint32_t n_findings;

const struct hark_finding *hark_explanation_finding(const struct hark_explanation *explanation,
						    uint32_t i)
{
	(void)explanation;
	return i < n_findings ? &findings[i] : NULL;
}

static void check_prose(const struct hark_finding *given, uint32_t n,
			const struct render_options *options, const char *expected)
{
	struct out out;

	findings = given;
	n_findings = n;
	out_init(&out, -1);
	assert_int_equal(render_explanation(&out, NULL, options), 0);
	out_char(&out, '\0');
	assert_string_equal(out.bytes, expected);
	out_fini(&out);
}

static void check_sentence(const char *text, const char *evidence, unsigned int width,
			   const char *expected)
{
	const struct hark_finding finding = { .text = text, .evidence = evidence };
	const struct render_options options = { .width = width, .evidence = true };

	check_prose(&finding, 1, &options, expected);
}

static void test_sentences(void **state)
{
	static const char words[] =
		"It serves IPv4 through its IPv6 socket: one socket, both families, "
		"all of its addresses, day and night.";

	(void)state;
	check_sentence(
		words, NULL, 0,
		"It serves IPv4 through its IPv6 socket: one socket, both families, all of its "
		"addresses, day and night.\n");
	check_sentence(words, "sock_diag: inode 12, cookie 00000000000012, v6only 0", 45,
		       "It serves IPv4 through its IPv6 socket: one\n"
		       "socket, both families, all of its addresses,\n"
		       "day and night.\n"
		       "    sock_diag: inode 12, cookie\n"
		       "    00000000000012, v6only 0\n");
	/* Neither narrower than 40 columns nor wider than 100. */
	check_sentence(words, NULL, 3,
		       "It serves IPv4 through its IPv6 socket:\n"
		       "one socket, both families, all of its\n"
		       "addresses, day and night.\n");
	check_sentence(
		words, NULL, 1000,
		"It serves IPv4 through its IPv6 socket: one socket, both families, all of its "
		"addresses, day and\nnight.\n");
	/* Words that are longer than a line stay whole. */
	check_sentence(
		"2001:db8:feed:1:3a9c:12ff:fe01:9d20-2001:db8:feed:1:3a9c:12ff:fe01:9d24 and on",
		NULL, 40,
		"2001:db8:feed:1:3a9c:12ff:fe01:9d20-2001:db8:feed:1:3a9c:12ff:fe01:9d24\n"
		"and on\n");
	check_sentence("a\033b\n", NULL, 40, "a\\x1bb\\x0a\n");
	check_sentence("", NULL, 40, "");
}

/* What is about a thing stands below it; ports, and what is about none, stand apart. */
static void test_nesting(void **state)
{
	static const struct hark_finding nested[] = {
		{ .text = "a port", .socket = 0, .depth = HARK_FINDING_HEADLINE },
		{ .text = "a socket", .evidence = "its row", .depth = HARK_FINDING_PART },
		{ .text = "a detail", .evidence = "an answer", .depth = HARK_FINDING_DETAIL },
		{ .text = "a port", .socket = 1, .depth = HARK_FINDING_HEADLINE },
		{ .text = "the host", .socket = HARK_NONE, .depth = HARK_FINDING_HEADLINE },
	};

	(void)state;
	check_prose(nested, 5, &(struct render_options){ .width = 80, .evidence = true },
		    "a port\n"
		    "  a socket\n"
		    "      its row\n"
		    "    a detail\n"
		    "        an answer\n"
		    "\na port\n"
		    "\nthe host\n");
	check_prose(nested, 5, &(struct render_options){ .color = true, .evidence = true },
		    "\033[1ma port\033[0m\n"
		    "  a socket\n"
		    "      \033[2mits row\033[0m\n"
		    "    a detail\n"
		    "        \033[2man answer\033[0m\n"
		    "\n\033[1ma port\033[0m\n"
		    "\nthe host\n");
	/* What they rest on is told to those who ask. */
	check_prose(nested, 3, &(struct render_options){ .width = 80 },
		    "a port\n"
		    "  a socket\n"
		    "    a detail\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uncut),     cmocka_unit_test(test_spill),
		cmocka_unit_test(test_cut),       cmocka_unit_test(test_vanish),
		cmocka_unit_test(test_sentences), cmocka_unit_test(test_nesting),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
