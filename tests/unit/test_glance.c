/* SPDX-License-Identifier: MIT */
/* What a glance asks of the kernel, and when it shows another picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "fakekernel.h"
#include "fixture.h"
#include "take.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* The first two are of port 80. */
static const struct fake_socket sockets[] = {
	{ IPPROTO_TCP, AF_INET6, TCP_LISTEN, "::", 80, .inode = 11 },
	{ IPPROTO_TCP, AF_INET, TCP_LISTEN, "127.0.0.1", 80, .inode = 12 },
	{ IPPROTO_TCP, AF_INET, TCP_LISTEN, "127.0.0.1", 81, .inode = 13 },
	{ IPPROTO_UDP, AF_INET, TCP_CLOSE, "127.0.0.1", 80, .inode = 14 },
};

static int setup(void **state)
{
	struct fake_kernel *kernel = calloc(1, sizeof(*kernel));

	fake_init(kernel);
	kernel->source.proc_fd = fixture_open();
	*state = kernel;
	return 0;
}

static int teardown(void **state)
{
	struct fake_kernel *kernel = *state;

	fixture_close(kernel->source.proc_fd);
	fake_fini(kernel);
	free(kernel);
	return 0;
}

static struct hark_selection *select_word(const char *word)
{
	struct hark_selection *selection;
	struct hark_error error;

	assert_int_equal(hark_selection_new(&selection), 0);
	assert_int_equal(hark_selection_add(selection, word, &error), 0);
	return selection;
}

/* At `n` sockets from `first` on. */
static struct hark_glance glance(struct fake_kernel *kernel, const struct hark_selection *selection,
				 uint32_t first, uint32_t n)
{
	const struct hark_query query = { .details = HARK_DETAIL_ALL, .selection = selection };
	struct hark_glance glance;
	struct hark_error error;

	kernel->tables.sockets = sockets + first;
	kernel->tables.n_sockets = n;
	assert_int_equal(glance_from(&kernel->source, &query, &glance, &error), 0);
	return glance;
}

/* One dump for TCP of both families; nobody is asked who answers, or what is local. */
static void test_cost(void **state)
{
	struct fake_kernel *kernel = *state;
	struct hark_selection *selection = select_word("80/tcp");

	hark_selection_add_family(selection, HARK_FAMILY_INET);
	kernel->open_error[NETLINK_ROUTE] = -EPERM;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t n_dumps = kernel->n_dumps;

		assert_int_equal(glance(kernel, selection, 0, 2).n_sockets, 2);
		assert_int_equal(kernel->n_dumps - n_dumps, 1);
	}
	assert_int_equal(kernel->n_lookups, 0);
	hark_selection_free(selection);
}

static void test_change(void **state)
{
	struct fake_kernel *kernel = *state;
	struct hark_selection *selection = select_word("80");
	struct hark_glance none = glance(kernel, selection, 2, 1), first, second, both;

	assert_int_equal(none.n_sockets, 0);
	first = glance(kernel, selection, 0, 1);
	second = glance(kernel, selection, 1, 1);
	both = glance(kernel, selection, 0, 2);
	assert_int_equal(first.n_sockets, 1);
	assert_int_equal(both.n_sockets, 2);
	assert_true(first.digest != second.digest);
	/* Whatever comes first. */
	assert_true(both.digest == first.digest + second.digest);
	assert_true(glance(kernel, selection, 0, 2).digest == both.digest);
	/* A socket that is not meant changes nothing, one of UDP does. */
	assert_true(glance(kernel, selection, 0, 3).digest == both.digest);
	assert_int_equal(glance(kernel, selection, 0, 4).n_sockets, 3);
	hark_selection_free(selection);
}

static void test_refusals(void **state)
{
	struct fake_kernel *kernel = *state;
	struct hark_selection *selection = select_word("netns=blue");
	struct hark_query query = { .selection = selection };
	struct hark_glance glance;
	struct hark_error error;

	assert_int_equal(glance_from(&kernel->source, &query, &glance, &error), -EOPNOTSUPP);
	hark_selection_free(selection);
	query = (struct hark_query){ .all_namespaces = true };
	assert_int_equal(glance_from(&kernel->source, &query, &glance, &error), -EOPNOTSUPP);
	query.all_namespaces = false;
	kernel->open_error[NETLINK_SOCK_DIAG] = -EACCES;
	assert_int_equal(glance_from(&kernel->source, &query, &glance, &error), -EACCES);
	assert_int_equal(error.error, -EACCES);
	assert_non_null(strstr(error.text, "no socket table can be read"));
}

static void test_families(void **state)
{
	static const uint32_t inet = 1u << HARK_FAMILY_INET, inet6 = 1u << HARK_FAMILY_INET6;
	static const struct {
		const char *word;
		uint32_t families;
	} cases[] = {
		{ "80", inet | inet6 },
		{ "nginx", inet | inet6 },
		{ "10.0.0.7", inet },
		{ "10.0.0.0/8:80", inet },
		{ "[::1]:80", inet6 },
		{ "::1,127.0.0.1", inet | inet6 },
		{ "127.0.0.1,80", inet | inet6 },
		{ "0.0.0.0", inet | inet6 },
		{ "[::]:80", inet | inet6 },
		{ "localhost", inet | inet6 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_selection *selection = select_word(cases[i].word);
		struct hark_error error;

		assert_int_equal(hark_selection_families(selection), cases[i].families);
		/* What says nothing of families leaves them as they are. */
		assert_int_equal(hark_selection_add(selection, "443", &error), 0);
		assert_int_equal(hark_selection_families(selection), cases[i].families);
		hark_selection_free(selection);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
