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

static void check_prose(const char *text, const char *evidence, unsigned int width,
			const char *expected)
{
	const struct hark_finding finding = { .code = "test", .text = text, .evidence = evidence };
	struct render_options options = { .width = width };
	struct out out;

	findings = &finding;
	n_findings = 1;
	out_init(&out, -1);
	assert_int_equal(render_explanation(&out, NULL, &options), 0);
	out_char(&out, '\0');
	assert_string_equal(out.bytes, expected);
	out_fini(&out);
}

static void test_prose(void **state)
{
	(void)state;
	check_prose("It serves IPv4 through its IPv6 socket.", NULL, 0,
		    "It serves IPv4 through its IPv6 socket.\n");
	check_prose("It serves IPv4 through its IPv6 socket.", "sock_diag: v6only 0", 20,
		    "It serves IPv4\nthrough its IPv6\nsocket.\n"
		    "    sock_diag:\n    v6only 0\n");
	check_prose("exactly so", NULL, 10, "exactly so\n");
	check_prose("exactly so", NULL, 9, "exactly\nso\n");
	/* Words that are longer than a line stay whole. */
	check_prose("2001:db8:feed:1:3a9c:12ff:fe01:9d20 and on", NULL, 10,
		    "2001:db8:feed:1:3a9c:12ff:fe01:9d20\nand on\n");
	check_prose("a\033b", NULL, 10, "a\\x1bb\n");
	check_prose("", NULL, 10, "");
	check_prose("too narrow", "by far", 3, "too\nnarrow\n    by far\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uncut), cmocka_unit_test(test_spill),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_vanish),
		cmocka_unit_test(test_prose),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
