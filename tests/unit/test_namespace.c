/* SPDX-License-Identifier: MIT */
/* The namespace's row, out of fixture trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "collect.h"
#include "fakekernel.h"
#include "fixture.h"

struct world {
	struct fake_kernel kernel;
	struct hark_snapshot *snapshot;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	fake_init(&world->kernel);
	world->kernel.source.proc_fd = fixture_open();
	world->snapshot = snapshot_new();
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	fixture_close(world->kernel.source.proc_fd);
	fake_fini(&world->kernel);
	hark_snapshot_free(world->snapshot);
	free(world);
	return 0;
}

static const struct hark_namespace *collect(struct world *world)
{
	assert_int_equal(collect_namespace(&world->kernel.source, world->snapshot), 0);
	assert_int_equal(world->snapshot->notes.n, 0);
	return &world->snapshot->namespaces.items[world->snapshot->namespaces.n - 1];
}

static void write_usual(int proc_fd)
{
	fixture_link(proc_fd, "self/ns/net", "net:[4026531840]");
	fixture_write(proc_fd, "net/if_inet6", "");
	fixture_write(proc_fd, "sys/net/ipv6/bindv6only", "0\n");
	fixture_write(proc_fd, "sys/net/ipv6/conf/all/disable_ipv6", "0\n");
	fixture_write(proc_fd, "sys/kernel/hostname", "web1\n");
	fixture_write(proc_fd, "sys/kernel/osrelease", "6.18.44\n");
}

static void test_usual(void **state)
{
	struct world *world = *state;
	const struct hark_namespace *namespace;

	write_usual(world->kernel.source.proc_fd);
	namespace = collect(world);
	assert_true(namespace->inode == 4026531840);
	assert_null(namespace->name);
	assert_int_equal(namespace->bindv6only, HARK_NO);
	assert_int_equal(namespace->ipv6_disabled, HARK_NO);
	assert_string_equal(hark_snapshot_host(world->snapshot), "web1");
	assert_string_equal(hark_snapshot_kernel(world->snapshot), "6.18.44");
	assert_int_equal(hark_snapshot_time(world->snapshot), 1700000000);
}

static void test_switches(void **state)
{
	struct world *world = *state;
	int proc_fd = world->kernel.source.proc_fd;
	const struct hark_namespace *namespace;

	write_usual(proc_fd);
	fixture_write(proc_fd, "sys/net/ipv6/bindv6only", "1\n");
	fixture_write(proc_fd, "sys/net/ipv6/conf/all/disable_ipv6", "1\n");
	namespace = collect(world);
	assert_int_equal(namespace->bindv6only, HARK_YES);
	assert_int_equal(namespace->ipv6_disabled, HARK_YES);
	fixture_write(proc_fd, "sys/net/ipv6/bindv6only", "");
	fixture_write(proc_fd, "sys/net/ipv6/conf/all/disable_ipv6", "");
	namespace = collect(world);
	assert_int_equal(namespace->bindv6only, HARK_UNKNOWN);
	assert_int_equal(namespace->ipv6_disabled, HARK_UNKNOWN);
}

/* Without IPv6 in the kernel there is neither; an emulation may lack the switches alone. */
static void test_no_ipv6(void **state)
{
	struct world *world = *state;
	int proc_fd = world->kernel.source.proc_fd;

	fixture_write(proc_fd, "sys/net/core/somaxconn", "4096\n");
	fixture_write(proc_fd, "net/tcp", "");
	assert_int_equal(collect(world)->ipv6_disabled, HARK_YES);
	fixture_write(proc_fd, "net/if_inet6", "");
	assert_int_equal(collect(world)->ipv6_disabled, HARK_UNKNOWN);
}

static void test_nothing(void **state)
{
	struct world *world = *state;
	int proc_fd = world->kernel.source.proc_fd;
	const struct hark_namespace *namespace;

	for (int i = 0; i < 2; i++) {
		namespace = collect(world);
		assert_int_equal(namespace->inode, 0);
		assert_int_equal(namespace->bindv6only, HARK_UNKNOWN);
		assert_int_equal(namespace->ipv6_disabled, HARK_UNKNOWN);
		assert_null(hark_snapshot_host(world->snapshot));
		assert_null(hark_snapshot_kernel(world->snapshot));
		world->kernel.source.proc_fd = -1;
	}
	world->kernel.source.proc_fd = proc_fd;
}

static void test_bad_links(void **state)
{
	static const char *const targets[] = { "net:[",
					       "net:[]",
					       "net:[1",
					       "net:[1]x",
					       "mnt:[1]",
					       "net:[-1]",
					       "net:[99999999999999999999]" };
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		int proc_fd = world->kernel.source.proc_fd;
		int other_fd = fixture_open();

		fixture_link(other_fd, "self/ns/net", targets[i]);
		world->kernel.source.proc_fd = other_fd;
		assert_int_equal(collect(world)->inode, 0);
		world->kernel.source.proc_fd = proc_fd;
		fixture_close(other_fd);
	}
}

/* Any file serves as a namespace here: what counts is that the numbers agree. */
static void test_name(void **state)
{
	struct world *world = *state;
	int proc_fd = world->kernel.source.proc_fd;
	struct stat status;
	char target[64];

	fixture_write(proc_fd, "self/root/run/netns/green", "");
	fixture_write(proc_fd, "self/root/run/netns/blue", "");
	fixture_write(proc_fd, "self/root/run/netns/.hidden", "");
	assert_int_equal(fstatat(proc_fd, "self/root/run/netns/blue", &status, 0), 0);
	snprintf(target, sizeof(target), "net:[%llu]", (unsigned long long)status.st_ino);
	fixture_link(proc_fd, "self/ns/net", target);
	assert_string_equal(collect(world)->name, "blue");
}

/* "12 15", or "unknown", of what stands in /proc/net/netstat. */
static void check_drops(struct world *world, const char *text, const char *expected)
{
	struct hark_namespace namespace = { .has_counters = false };
	char told[64] = "unknown";

	fixture_write(world->kernel.source.proc_fd, "net/netstat", text);
	collect_drops(&world->kernel.source, &namespace);
	if (namespace.has_counters)
		snprintf(told, sizeof(told), "%llu %llu",
			 (unsigned long long)namespace.listen_overflows,
			 (unsigned long long)namespace.listen_drops);
	assert_string_equal(told, expected);
}

/* Values by the names above them, wherever they stand; a file that is cut or odd tells nothing. */
static void test_drops(void **state)
{
	struct world *world = *state;
	struct hark_namespace namespace = { .has_counters = false };

	collect_drops(&world->kernel.source, &namespace);
	assert_false(namespace.has_counters);
	check_drops(world, "TcpExt: A ListenOverflows ListenDrops B\nTcpExt: 1 12 15 2\n", "12 15");
	check_drops(world, "TcpExt: ListenDrops ListenOverflows\nTcpExt: 15 12", "12 15");
	check_drops(world,
		    "Other: ListenDrops\nOther: 7\nTcpExt: ListenOverflows ListenDrops\n"
		    "TcpExt: 0 18446744073709551615\nTcpExt: 9 9\n",
		    "0 18446744073709551615");
	check_drops(world, "", "unknown");
	check_drops(world, "TcpExt: ListenOverflows ListenDrops\n", "unknown");
	check_drops(world, "TcpExt: ListenOverflows ListenDrops\nTcpExt: 12", "unknown");
	check_drops(world, "TcpExt: ListenOverflows ListenDrops\nTcpExt: 12 \n", "unknown");
	check_drops(world, "TcpExt: ListenOverflows\nTcpExt: 12 15\n", "unknown");
	check_drops(world, "TcpExt: ListenOverflow ListenDropsX\nTcpExt: 12 15\n", "unknown");
	check_drops(world, "TcpExt: ListenOverflows ListenDrops\nTcpExt: 12 -1\n", "unknown");
	check_drops(world, "TcpExt: ListenOverflows ListenDrops\nTcpExt: 12 18446744073709551616\n",
		    "unknown");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_usual),     TEST(test_switches), TEST(test_no_ipv6), TEST(test_nothing),
		TEST(test_bad_links), TEST(test_name),     TEST(test_drops),
	};

	return cmocka_run_group_tests_name("namespace", tests, NULL, NULL);
}
