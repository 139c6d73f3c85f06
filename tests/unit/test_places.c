/* SPDX-License-Identifier: MIT */
/* Local addresses out of links, addresses and routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "fakekernel.h"
#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

enum {
	LO = 1,
	ETH0,
	ETH1,
	VRF,
	TENANT
};

static const struct fake_link links[] = {
	{ LO, "lo", true, 0 },
	{ ETH0, "eth0", true, 0 },
	{ ETH1, "eth1", false, 0 },
};
static const struct fake_address addresses[] = {
	{ "127.0.0.1", LO, IFA_F_PERMANENT, NULL },
	{ "10.0.0.7", ETH0, IFA_F_PERMANENT, NULL },
	{ "10.0.0.8", ETH0, IFA_F_SECONDARY, NULL },
	{ "10.99.0.1", ETH1, IFA_F_PERMANENT, NULL }, /* it never was up: no route */
	{ "192.0.2.1", ETH0, IFA_F_PERMANENT, "192.0.2.2" },
	{ "::1", LO, IFA_F_PERMANENT, NULL },
	{ "fe80::1", ETH0, IFA_F_PERMANENT, NULL },
	{ "fe80::1", ETH1, IFA_F_PERMANENT, NULL },
	{ "2001:db8::1", ETH0, IFA_F_TENTATIVE, NULL },
	{ "2001:db8::2", ETH0, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, NULL },
	{ "2001:db8::3", ETH0, IFA_F_DADFAILED | IFA_F_PERMANENT, NULL },
};
static const struct fake_route routes[] = {
	{ "127.0.0.0/8", LO, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "127.0.0.1", LO, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "127.255.255.255", LO, RTN_BROADCAST, RT_TABLE_LOCAL },
	{ "10.0.0.7", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "10.0.0.8", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "10.0.0.255", ETH0, RTN_BROADCAST, RT_TABLE_LOCAL },
	{ "10.1.0.0/16", LO, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "10.9.9.9", LO, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "192.0.2.1", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "0.0.0.0/0", LO, RTN_LOCAL, 100 }, /* a transparent proxy's */
	{ "0.0.0.0/0", ETH0, RTN_UNICAST, RT_TABLE_MAIN },
	{ "::1", LO, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "fe80::", ETH0, RTN_ANYCAST, RT_TABLE_LOCAL },
	{ "fe80::1", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "2001:db8::1", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "2001:db8::2", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "2001:db8::3", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "ff00::/8", ETH0, RTN_MULTICAST, RT_TABLE_LOCAL },
	{ "2001:db8:5::/48", LO, RTN_LOCAL, RT_TABLE_LOCAL },
};
static const char places[] = "127.0.0.0/8 1 0\n127.0.0.1/32 1 0\n10.1.0.0/16 1 0\n10.9.9.9/32 1 0\n"
			     "::1/128 1 0\n2001:db8:5::/48 1 0\n"
			     "10.0.0.7/32 2 0\n10.0.0.8/32 2 0\n192.0.2.1/32 2 0\n"
			     "2001:db8::2/128 2 0\nfe80::1/128 2 2\n";

struct world {
	struct fake_kernel kernel;
	struct hark_snapshot *snapshot;
};

static void set_up_world(struct world *world)
{
	fake_init(&world->kernel);
	world->kernel.tables.links = links;
	world->kernel.tables.n_links = N_ELEMENTS(links);
	world->kernel.tables.addresses = addresses;
	world->kernel.tables.n_addresses = N_ELEMENTS(addresses);
	world->kernel.tables.routes = routes;
	world->kernel.tables.n_routes = N_ELEMENTS(routes);
	world->snapshot = snapshot_new();
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	set_up_world(world);
	assert_int_equal(collect_namespace(&world->kernel.source, world->snapshot), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	fake_fini(&world->kernel);
	hark_snapshot_free(world->snapshot);
	free(world);
	return 0;
}

static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Both lists are sorted, so that the order of the places is not a matter here. */
static void sort_lines(char *text)
{
	char *copy = strdup(text), *rest = copy, *lines[64];
	size_t n = 0;

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		lines[n++] = line;
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	*text = '\0';
	for (size_t i = 0; i < n; i++)
		text = stpcpy(stpcpy(text, lines[i]), "\n");
	free(copy);
}

static void assert_places(struct world *world, const char *expected)
{
	const struct hark_namespace *namespace = &world->snapshot->namespaces.items[0];
	char found[4096] = "", wanted[4096], line[128], text[HARK_ADDR_TEXT_SIZE];

	for (uint32_t i = 0; i < namespace->n_places; i++) {
		const struct hark_place *place =
			hark_snapshot_place(world->snapshot, namespace->first_place + i);

		assert_non_null(place);
		snprintf(line, sizeof(line), "%s %u %u\n", hark_prefix_format(&place->prefix, text),
			 place->ifindex, place->prefix.addr.scope_id);
		strcat(found, line);
	}
	snprintf(wanted, sizeof(wanted), "%s", expected);
	sort_lines(found);
	sort_lines(wanted);
	assert_string_equal(found, wanted);
}

static void test_rtnetlink(void **state)
{
	struct world *world = *state;

	assert_int_equal(world->snapshot->namespaces.items[0].places_presence, HARK_UNSUPPORTED);
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	assert_places(world, places);
	assert_int_equal(world->snapshot->namespaces.items[0].places_presence, HARK_KNOWN);
	assert_int_equal(world->snapshot->notes.n, 0);
	assert_int_equal(world->snapshot->interfaces.n, 3);
	assert_string_equal(hark_snapshot_interface_name(world->snapshot, 0, ETH0), "eth0");
	assert_true(snapshot_find_interface(world->snapshot, 0, ETH0)->is_up);
	assert_false(snapshot_find_interface(world->snapshot, 0, ETH1)->is_up);
}

/* A kernel before 4.20 ignores which table and type were asked for. */
static void test_without_strict_checking(void **state)
{
	struct world *world = *state;

	world->kernel.has_no_strict = true;
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	assert_places(world, places);
}

/* Before 4.18 the local routes of IPv6 all named lo. */
static void test_routes_that_name_lo(void **state)
{
	static const struct fake_route old[] = {
		{ "10.0.0.7", ETH0, RTN_LOCAL, RT_TABLE_LOCAL },
		{ "10.0.0.7", LO, RTN_LOCAL, RT_TABLE_LOCAL },
		{ "::1", LO, RTN_LOCAL, RT_TABLE_LOCAL },
		{ "fe80::1", LO, RTN_LOCAL, RT_TABLE_LOCAL },
		{ "2001:db8::1", LO, RTN_LOCAL, RT_TABLE_LOCAL },
		{ "2001:db8::7", LO, RTN_LOCAL, RT_TABLE_LOCAL },
	};
	struct world *world = *state;

	world->kernel.tables.routes = old;
	world->kernel.tables.n_routes = N_ELEMENTS(old);
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	assert_places(world, "10.0.0.7/32 2 0\n10.0.0.7/32 1 0\n::1/128 1 0\nfe80::1/128 2 2\n"
			     "fe80::1/128 3 3\n2001:db8::7/128 1 0\n");
}

static void test_vrf(void **state)
{
	static const struct fake_link with_vrf[] = {
		{ LO, "lo", true, 0 },
		{ VRF, "blue", true, 4000 },
		{ TENANT, "eth2", true, 0 },
	};
	static const struct fake_address enslaved[] = {
		{ "10.5.0.1", TENANT, IFA_F_PERMANENT, NULL },
		{ "2001:db8:9::1", TENANT, IFA_F_PERMANENT, NULL },
	};
	static const struct fake_route in_table[] = {
		{ "10.5.0.1", TENANT, RTN_LOCAL, 4000 },
		{ "2001:db8:9::1", TENANT, RTN_LOCAL, 4000 },
		{ "10.6.0.1", TENANT, RTN_LOCAL, 4001 },
	};
	struct world *world = *state;

	world->kernel.tables.links = with_vrf;
	world->kernel.tables.n_links = N_ELEMENTS(with_vrf);
	world->kernel.tables.addresses = enslaved;
	world->kernel.tables.n_addresses = N_ELEMENTS(enslaved);
	world->kernel.tables.routes = in_table;
	world->kernel.tables.n_routes = N_ELEMENTS(in_table);
	for (int strict = 0; strict < 2; strict++) {
		world->kernel.has_no_strict = !strict;
		world->snapshot->places.n = 0;
		assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
		assert_places(world, "10.5.0.1/32 5 0\n2001:db8:9::1/128 5 0\n");
	}
}

/* An emulated network without a local table. */
static void test_no_routes_at_all(void **state)
{
	struct world *world = *state;

	world->kernel.tables.n_routes = 0;
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	assert_places(world,
		      "127.0.0.1/32 1 0\n10.0.0.7/32 2 0\n10.0.0.8/32 2 0\n192.0.2.1/32 2 0\n"
		      "::1/128 1 0\nfe80::1/128 2 2\n2001:db8::2/128 2 0\n");
}

/* A table comes to be with its first route; before that the kernel says ENOENT. */
static int refuse_routes(const struct fake_kernel *kernel, const struct nlmsghdr *request)
{
	(void)kernel;
	return request->nlmsg_type == RTM_GETROUTE ? -ENOENT : 0;
}

static void test_table_that_is_not_there(void **state)
{
	struct world *world = *state;

	world->kernel.refuse = refuse_routes;
	world->kernel.tables.n_routes = 0;
	world->kernel.tables.n_addresses = 0;
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	assert_places(world, "");
	assert_int_equal(world->snapshot->namespaces.items[0].places_presence, HARK_KNOWN);
	assert_int_equal(world->snapshot->notes.n, 0);
}

static void test_refused(void **state)
{
	static const struct {
		int error;
		uint8_t presence, why;
	} cases[] = {
		{ -EPERM, HARK_DENIED, HARK_NOTE_PERMISSION },
		{ -EACCES, HARK_DENIED, HARK_NOTE_PERMISSION },
		{ -EPROTONOSUPPORT, HARK_UNSUPPORTED, HARK_NOTE_UNSUPPORTED },
	};
	struct world *world = *state;

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		world->kernel.open_error[NETLINK_ROUTE] = cases[i].error;
		world->snapshot->notes.n = 0;
		assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
		assert_places(world, "");
		assert_int_equal(world->snapshot->namespaces.items[0].places_presence,
				 cases[i].presence);
		assert_int_equal(world->snapshot->notes.n, 1);
		assert_int_equal(world->snapshot->notes.items[0].what, HARK_NOTE_ADDRESSES);
		assert_int_equal(world->snapshot->notes.items[0].why, cases[i].why);
		assert_int_equal(world->snapshot->notes.items[0].error, cases[i].error);
	}
}

#define FIB_TRIE                                                                                 \
	"Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.99\n        /32 host LOCAL\n"            \
	"Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"         \
	"     +-- 127.0.0.0/8 2 0 2\n        +-- 127.0.0.0/31 1 0 0\n           |-- 127.0.0.0\n" \
	"              /8 host LOCAL\n           |-- 127.0.0.1\n              /32 host LOCAL\n"  \
	"        |-- 127.255.255.255\n           /32 link BROADCAST\n     |-- 10.0.0.7\n"        \
	"        /32 host LOCAL\n     |-- 10.1.0.0\n        /16 host LOCAL\n"                    \
	"Id 100:\n  |-- 0.0.0.0\n     /0 host LOCAL\n"
#define IF_INET6                                                                  \
	"fe80000000000000000000000000000a 02 40 20 80     eth0\n"                 \
	"00000000000000000000000000000001 01 80 10 80       lo\n"                 \
	"20010db8000000000000000000000001 02 40 00 c0     eth0\n" /* tentative */ \
	"20010db8000000000000000000000002 02 40 00 80     eth0\n"                 \
	"20010db80000000000000000000000 02 40 00 80     eth0\n"                   \
	"2001zdb8000000000000000000000002 02 40 00 80     eth0\n"                 \
	"20010db8000000000000000000000003 02 40\n"

static void test_text(void **state)
{
	struct world *world = *state;
	int proc_fd = fixture_open();

	fixture_write(proc_fd, "net/fib_trie", FIB_TRIE);
	fixture_write(proc_fd, "net/if_inet6", IF_INET6);
	world->kernel.source.proc_fd = proc_fd;
	world->kernel.open_error[NETLINK_ROUTE] = -EPERM;
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	fixture_close(proc_fd);
	assert_places(world, "127.0.0.0/8 1 0\n127.0.0.1/32 1 0\n10.0.0.7/32 0 0\n10.1.0.0/16 0 0\n"
			     "::1/128 1 0\nfe80::a/128 2 2\n2001:db8::2/128 2 0\n");
	assert_int_equal(world->snapshot->namespaces.items[0].places_presence, HARK_KNOWN);
	assert_string_equal(hark_snapshot_interface_name(world->snapshot, 0, ETH0), "eth0");
	assert_int_equal(world->snapshot->notes.n, 1);
	assert_int_equal(world->snapshot->notes.items[0].why, HARK_NOTE_FALLBACK);
}

/*
 * Ten thousand addresses: each found again, which a search from the front would take seconds for.
 */
static void test_many_addresses(void **state)
{
	const uint32_t n = 10000;
	struct world *world = *state;
	struct fake_address *many = calloc(n, sizeof(*many));
	struct fake_route *made = calloc(n, sizeof(*made));
	char(*texts)[16] = calloc(n, sizeof(*texts));

	for (uint32_t i = 0; i < n; i++) {
		/* not in order */
		uint32_t number = i * 7919u % n;

		snprintf(texts[i], sizeof(texts[i]), "10.%u.%u.%u", number % 4, number / 4 % 50,
			 number / 200);
		many[i] = (struct fake_address){ texts[i], ETH0, IFA_F_PERMANENT, NULL };
		made[n - 1 - i] = (struct fake_route){ texts[i], ETH0, RTN_LOCAL, RT_TABLE_LOCAL };
	}
	world->kernel.tables.addresses = many;
	world->kernel.tables.n_addresses = n;
	world->kernel.tables.routes = made;
	world->kernel.tables.n_routes = n;
	assert_int_equal(collect_places(&world->kernel.source, world->snapshot), 0);
	assert_int_equal(world->snapshot->namespaces.items[0].n_places, n);
	for (uint32_t i = 1; i < n; i++)
		assert_true(hark_addr_compare(&world->snapshot->places.items[i - 1].prefix.addr,
					      &world->snapshot->places.items[i].prefix.addr) < 0);
	free(texts);
	free(made);
	free(many);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rtnetlink),
		TEST(test_without_strict_checking),
		TEST(test_routes_that_name_lo),
		TEST(test_vrf),
		TEST(test_no_routes_at_all),
		TEST(test_table_that_is_not_there),
		TEST(test_refused),
		TEST(test_text),
		TEST(test_many_addresses),
	};

	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
