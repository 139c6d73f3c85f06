/* SPDX-License-Identifier: MIT */
/* All network namespaces: found in a fixture of /proc, entered, and what may go wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fakekernel.h"
#include "fixture.h"
#include "namespaces.h"
#include "take.h"

#define N_ELEMENTS(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

#define OWN  4026531840u
#define BLUE 4026532001u
#define RED  4026532002u
#define GREY 4026532003u

static const struct fake_link links[] = { { 1, "lo", true, 0 }, { 2, "eth0", true, 0 } };

static const struct fake_socket own_sockets[] = {
	{ .protocol = IPPROTO_TCP,
	  .af = AF_INET,
	  .state = TCP_LISTEN,
	  .local = "0.0.0.0",
	  .port = 80,
	  .inode = 1 },
};
static const struct fake_address own_addresses[] = { { .addr = "10.0.0.1", .ifindex = 2 } };
static const struct fake_route own_routes[] = { { "10.0.0.1", 2, RTN_LOCAL, RT_TABLE_LOCAL } };

/* The same port as in our own, and an address that only this one has. */
static const struct fake_socket blue_sockets[] = {
	{ .protocol = IPPROTO_TCP,
	  .af = AF_INET,
	  .state = TCP_LISTEN,
	  .local = "0.0.0.0",
	  .port = 80,
	  .inode = 2 },
	{ .protocol = IPPROTO_TCP,
	  .af = AF_INET,
	  .state = TCP_LISTEN,
	  .local = "10.0.0.1",
	  .port = 81,
	  .inode = 3 },
};
static const struct fake_address blue_addresses[] = { { .addr = "10.0.0.2", .ifindex = 2 } };
static const struct fake_route blue_routes[] = { { "10.0.0.2", 2, RTN_LOCAL, RT_TABLE_LOCAL } };

#define BLUE_TABLES                                                                             \
	{                                                                                       \
		.sockets = blue_sockets, .n_sockets = N_ELEMENTS(blue_sockets), .links = links, \
		.n_links = N_ELEMENTS(links), .addresses = blue_addresses,                      \
		.n_addresses = N_ELEMENTS(blue_addresses), .routes = blue_routes,               \
		.n_routes = N_ELEMENTS(blue_routes),                                            \
	}

static int setup(void **state)
{
	struct fake_kernel *kernel = calloc(1, sizeof(*kernel));

	fake_init(kernel);
	kernel->tables = (struct fake_tables){
		.sockets = own_sockets,
		.n_sockets = N_ELEMENTS(own_sockets),
		.links = links,
		.n_links = N_ELEMENTS(links),
		.addresses = own_addresses,
		.n_addresses = N_ELEMENTS(own_addresses),
		.routes = own_routes,
		.n_routes = N_ELEMENTS(own_routes),
	};
	kernel->source.proc_fd = fixture_open();
	fixture_link(kernel->source.proc_fd, "self/ns/net", "net:[4026531840]");
	fixture_link(kernel->source.proc_fd, "1/ns/net", "net:[4026531840]");
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

static struct hark_snapshot *take(struct fake_kernel *kernel, uint32_t details,
				  const struct hark_selection *selection)
{
	const struct hark_query query = { .details = details,
					  .all_namespaces = !selection,
					  .selection = selection };
	struct hark_snapshot *snapshot;
	struct hark_error error;

	assert_int_equal(snapshot_take_from(&kernel->source, &query, &snapshot, &error), 0);
	assert_false(kernel->source.is_elsewhere);
	return snapshot;
}

/* The notes about namespaces that are no mere debugging; the only one, if there is any. */
static const struct hark_note *find_note(const struct hark_snapshot *snapshot)
{
	const struct hark_note *note, *found = NULL;

	for (uint32_t i = 0; (note = hark_snapshot_note(snapshot, i)); i++) {
		if (note->what != HARK_NOTE_NAMESPACES || note->is_debug)
			continue;
		assert_null(found);
		found = note;
	}
	return found;
}

static void assert_inodes(const struct hark_snapshot *snapshot, uint32_t n, const uint64_t *inodes)
{
	assert_int_equal(hark_snapshot_n_namespaces(snapshot), n);
	for (uint32_t i = 0; i < n; i++)
		assert_true(hark_snapshot_namespace(snapshot, i)->inode == inodes[i]);
}

static void test_parse(void **state)
{
	static const char *const wrong[] = {
		"",         "net:",    "net:[",    "net:[]",    "net:[1",
		"net:[1]x", "mnt:[1]", "net:[-1]", "net:[0x1]", "net:[99999999999999999999]"
	};
	uint64_t inode = 0;

	(void)state;
	assert_true(netns_parse("net:[4026531840]", &inode));
	assert_true(inode == OWN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(netns_parse(wrong[i], &inode));
}

static void test_mounts(void **state)
{
	static const char mountinfo[] =
		"22 28 0:20 / /sys rw - sysfs sysfs rw\n"
		"1 25 0:4 net:[4026532001] /run/docker/netns/0123 rw shared:1 - nsfs nsfs rw\n"
		"2 25 0:4 net:[4026532001] /run/netns/blue rw shared:1 master:2 - nsfs nsfs rw\n"
		"3 25 0:4 net:[4026532001] /run/netns/second rw - nsfs nsfs rw\n"
		"4 25 0:4 net:[4026532002] /srv/a\\040b\\134\\012\\400 rw - nsfs nsfs rw\n"
		"5 25 0:4 mnt:[4026532009] /run/mnt rw - nsfs nsfs rw\n"
		"6 25 0:4 net:[4026531840] /run/netns/own rw - nsfs nsfs rw\n"
		"7 25 0:4 net:[4026532010] relative rw - nsfs nsfs rw\n"
		"8 25 0:4 / /mnt/net:[4026532011] rw - ext4 /dev/sda rw\n"
		"9 25 0:4 net:[4026532012] - nsfs nsfs rw\n"
		"10 25\n";
	struct fake_kernel *kernel = *state;
	struct netns_table table = { .own = OWN };

	fixture_write(kernel->source.proc_fd, "self/mountinfo", mountinfo);
	assert_int_equal(netns_find_mounts(&kernel->source, &table), 0);
	assert_int_equal(table.items.n, 2);
	assert_true(table.items.items[0].inode == BLUE);
	assert_string_equal(table.items.items[0].mount, "/run/netns/blue");
	assert_true(table.items.items[1].inode == RED);
	assert_string_equal(table.items.items[1].mount, "/srv/a b\\\n\\400");
	netns_table_fini(&table);
}

static void test_processes(void **state)
{
	struct fake_kernel *kernel = *state;
	struct netns_table table = { .own = OWN };

	for (int pid = 2; pid < 9; pid++) {
		char path[32];

		snprintf(path, sizeof(path), "%d/ns/net", pid);
		fixture_link(kernel->source.proc_fd, path,
			     pid % 2 ? "net:[4026532001]" : "net:[4026531840]");
	}
	fixture_link(kernel->source.proc_fd, "10/ns/net", "net:[4026532002]");
	fixture_link(kernel->source.proc_fd, "11/ns/net", "mnt:[4026532003]");
	fixture_write(kernel->source.proc_fd, "12/comm", "no link\n");
	fixture_link(kernel->source.proc_fd, "net/ns/net", "net:[4026532004]");
	/* Threads that are elsewhere than the first one, which may have ended. */
	fixture_link(kernel->source.proc_fd, "20/ns/net", "net:[4026531840]");
	fixture_link(kernel->source.proc_fd, "20/task/20/ns/net", "net:[4026531840]");
	fixture_link(kernel->source.proc_fd, "20/task/21/ns/net", "net:[4026531840]");
	fixture_link(kernel->source.proc_fd, "20/task/22/ns/net", "net:[4026532003]");
	fixture_link(kernel->source.proc_fd, "30/task/31/ns/net", "net:[4026532005]");
	fixture_link(kernel->source.proc_fd, "30/task/32/ns/net", "net:[4026532005]");
	assert_int_equal(netns_find_processes(&kernel->source, &table, false), 0);
	assert_int_equal(table.items.n, 2);
	netns_table_fini(&table);
	table = (struct netns_table){ .own = OWN };
	assert_int_equal(netns_find_processes(&kernel->source, &table, true), 0);
	assert_int_equal(table.items.n, 4);
	assert_int_equal(table.n_denied, 0);
	for (uint32_t i = 0; i < 4; i++) {
		const struct netns *netns = &table.items.items[i];

		assert_int_equal(netns->n_pids, netns->inode == BLUE       ? 3 :
						netns->inode == 4026532005 ? 2 :
									     1);
		if (netns->inode == GREY)
			assert_int_equal(netns->pids[0], 22);
	}
	netns_table_fini(&table);
}

static void test_descriptors(void **state)
{
	struct fake_kernel *kernel = *state;
	struct netns_table table = { .own = OWN };

	fixture_link(kernel->source.proc_fd, "5/fd/0", "/dev/null");
	fixture_link(kernel->source.proc_fd, "5/fd/7", "net:[4026532001]");
	fixture_link(kernel->source.proc_fd, "5/fd/8", "net:[4026531840]");
	fixture_link(kernel->source.proc_fd, "5/fd/x", "net:[4026532002]");
	fixture_link(kernel->source.proc_fd, "6/fd/9", "net:[4026532001]");
	assert_int_equal(netns_find_descriptors(&kernel->source, &table), 0);
	assert_int_equal(table.items.n, 1);
	assert_true(table.items.items[0].inode == BLUE);
	assert_true((table.items.items[0].fd_pid == 5 && table.items.items[0].fd == 7) ||
		    (table.items.items[0].fd_pid == 6 && table.items.items[0].fd == 9));
	netns_table_fini(&table);
}

/* Each is judged by its own addresses; rows of all stand by namespace, our own first. */
static void test_read(void **state)
{
	static const struct fake_netns others[] = {
		{ .path = "self/root/run/netns/blue", .inode = BLUE, .tables = BLUE_TABLES },
		{ .path = "7/ns/net", .inode = RED },
		{ .path = "8/fd/3", .inode = GREY },
	};
	struct fake_kernel *kernel = *state;
	struct hark_snapshot *snapshot;

	kernel->netns = others;
	kernel->n_netns = N_ELEMENTS(others);
	fixture_write(kernel->source.proc_fd, "self/mountinfo",
		      "1 2 0:4 net:[4026532001] /run/netns/blue rw - nsfs nsfs rw\n");
	fixture_link(kernel->source.proc_fd, "7/ns/net", "net:[4026532002]");
	fixture_link(kernel->source.proc_fd, "8/ns/net", "net:[4026532001]");
	fixture_link(kernel->source.proc_fd, "8/fd/3", "net:[4026532003]");
	fixture_write(kernel->source.proc_fd, "7/comm", "seven\n");
	fixture_write(kernel->source.proc_fd, "7/cgroup",
		      "0::/system.slice/docker-"
		      "3f2a9c1b7d5e00112233445566778899aabbccddeeff00112233445566778899.scope\n");
	snapshot =
		take(kernel, HARK_DETAIL_ANSWERS | HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP, NULL);
	assert_null(find_note(snapshot));
	assert_int_equal(kernel->n_entered, 3);
	assert_inodes(snapshot, 4, (uint64_t[]){ OWN, BLUE, RED, GREY });
	assert_string_equal(hark_snapshot_namespace(snapshot, 1)->name, "blue");
	assert_int_equal(hark_snapshot_namespace(snapshot, 1)->pid, 8);
	assert_null(hark_snapshot_namespace(snapshot, 2)->name);
	assert_null(hark_snapshot_namespace_origin(snapshot, 0));
	assert_string_equal(hark_snapshot_namespace_origin(snapshot, 2)->runtime, "docker");
	assert_int_equal(hark_snapshot_n_sockets(snapshot), 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
		const struct hark_answer *ipv4 =
			&hark_snapshot_listener(snapshot, socket->listener)->answers[0];

		assert_int_equal(socket->netns, i > 0);
		assert_int_equal(socket->inode, i + 1);
		assert_int_equal(ipv4->verdict, i < 2 ? HARK_VERDICT_ALL : HARK_VERDICT_NONE);
		assert_int_equal(ipv4->why, i < 2 ? HARK_WHY_NOTHING : HARK_WHY_NOT_LOCAL);
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct hark_namespace *namespace = hark_snapshot_namespace(snapshot, i);

		assert_int_equal(namespace->n_places, 1);
		assert_int_equal(hark_snapshot_place(snapshot, namespace->first_place)->netns, i);
		assert_string_equal(hark_snapshot_interface_name(snapshot, i, 2), "eth0");
	}
	assert_null(hark_snapshot_interface_name(snapshot, 2, 2));
	hark_snapshot_free(snapshot);
}

/* A process may be gone, or elsewhere by now: the next one is in it still. */
static void test_ways(void **state)
{
	static const struct fake_netns others[] = {
		{ .path = "5/ns/net", .inode = BLUE, .error = -ESTALE },
		{ .path = "6/ns/net", .inode = BLUE, .error = -ESRCH },
		{ .path = "7/ns/net", .inode = BLUE, .tables = BLUE_TABLES },
	};
	struct fake_kernel *kernel = *state;
	struct hark_snapshot *snapshot;

	kernel->netns = others;
	kernel->n_netns = N_ELEMENTS(others);
	fixture_write(kernel->source.proc_fd, "self/mountinfo",
		      "1 2 0:4 net:[4026532001] /run/netns/gone rw - nsfs nsfs rw\n");
	for (int pid = 5; pid < 8; pid++) {
		char path[32];

		snprintf(path, sizeof(path), "%d/ns/net", pid);
		fixture_link(kernel->source.proc_fd, path, "net:[4026532001]");
	}
	snapshot = take(kernel, 0, NULL);
	assert_null(find_note(snapshot));
	assert_inodes(snapshot, 2, (uint64_t[]){ OWN, BLUE });
	assert_int_equal(hark_snapshot_n_sockets(snapshot), 3);
	hark_snapshot_free(snapshot);
}

static void test_gone(void **state)
{
	struct fake_kernel *kernel = *state;
	struct hark_snapshot *snapshot;
	bool is_told = false;

	fixture_link(kernel->source.proc_fd, "7/ns/net", "net:[4026532001]");
	snapshot = take(kernel, 0, NULL);
	assert_true(hark_snapshot_is_complete(snapshot));
	assert_inodes(snapshot, 1, (uint64_t[]){ OWN });
	for (uint32_t i = 0; i < hark_snapshot_n_notes(snapshot); i++)
		is_told |= hark_snapshot_note(snapshot, i)->what == HARK_NOTE_NAMESPACES;
	assert_true(is_told);
	hark_snapshot_free(snapshot);
}

static void test_denied(void **state)
{
	static const struct {
		int error;
		uint8_t why, presence;
	} cases[] = {
		{ -EPERM, HARK_NOTE_PERMISSION, HARK_DENIED },
		{ -EACCES, HARK_NOTE_PERMISSION, HARK_DENIED },
		{ -EMFILE, HARK_NOTE_FAILED, HARK_UNSUPPORTED },
	};
	struct fake_kernel *kernel = *state;

	fixture_link(kernel->source.proc_fd, "7/ns/net", "net:[4026532001]");
	fixture_link(kernel->source.proc_fd, "8/ns/net", "net:[4026532002]");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct fake_netns others[] = {
			{ .path = "7/ns/net", .inode = BLUE, .error = cases[i].error },
			{ .path = "8/ns/net", .inode = RED, .tables = BLUE_TABLES },
		};
		struct hark_snapshot *snapshot;

		kernel->netns = others;
		kernel->n_netns = N_ELEMENTS(others);
		snapshot = take(kernel, 0, NULL);
		assert_int_equal(find_note(snapshot)->why, cases[i].why);
		assert_int_equal(find_note(snapshot)->count, 1);
		assert_inodes(snapshot, 3, (uint64_t[]){ OWN, BLUE, RED });
		assert_int_equal(hark_snapshot_namespace(snapshot, 1)->presence, cases[i].presence);
		assert_int_equal(hark_snapshot_namespace(snapshot, 1)->places_presence,
				 cases[i].presence);
		assert_int_equal(hark_snapshot_namespace(snapshot, 2)->presence, HARK_KNOWN);
		assert_int_equal(hark_snapshot_n_sockets(snapshot), 3);
		hark_snapshot_free(snapshot);
	}
}

/* A kernel that tells nothing inside of one is no reason to tell nothing at all. */
static void test_unreadable(void **state)
{
	static const struct fake_netns others[] = {
		{ .path = "7/ns/net", .inode = BLUE, .tables = BLUE_TABLES },
	};
	struct fake_kernel *kernel = *state;
	struct hark_snapshot *snapshot;
	struct hark_error error;
	const struct hark_query query = { .all_namespaces = true };

	kernel->netns = others;
	kernel->n_netns = N_ELEMENTS(others);
	kernel->source.thread_fd = -1;
	fixture_link(kernel->source.proc_fd, "7/ns/net", "net:[4026532001]");
	/* Our own is read by text, which the other has none of. */
	kernel->open_error[4 /* NETLINK_SOCK_DIAG */] = -EPERM;
	fixture_write(kernel->source.proc_fd, "net/tcp",
		      "  sl\n   0: 00000000:0050 00000000:0000 0A 00000000:00000000 "
		      "00:00000000 00000000 0 0 5 1 0 0\n");
	assert_int_equal(snapshot_take_from(&kernel->source, &query, &snapshot, &error), 0);
	assert_int_equal(hark_snapshot_n_sockets(snapshot), 1);
	assert_int_equal(hark_snapshot_namespace(snapshot, 1)->presence, HARK_UNSUPPORTED);
	assert_int_equal(find_note(snapshot)->why, HARK_NOTE_FAILED);
	hark_snapshot_free(snapshot);
}

/* What is not meant is not entered. */
static void test_wanted(void **state)
{
	static const struct fake_netns others[] = {
		{ .path = "self/root/run/netns/blue", .inode = BLUE, .tables = BLUE_TABLES },
		{ .path = "8/ns/net", .inode = RED, .tables = BLUE_TABLES },
	};
	static const struct {
		const char *text;
		uint32_t n_entered, n_sockets;
		bool own;
	} cases[] = {
		{ "netns=blue", 1, 2, false },
		{ "netns=b*,zzz", 1, 2, false },
		{ "netns=zzz", 0, 0, false },
		{ "netns=4026532002", 1, 2, false },
		{ "netns=4026531840", 0, 1, true },
		{ "container=x", 2, 0, true },
		{ "pod=x", 2, 0, true },
	};
	struct fake_kernel *kernel = *state;

	kernel->netns = others;
	kernel->n_netns = N_ELEMENTS(others);
	fixture_write(kernel->source.proc_fd, "self/mountinfo",
		      "1 2 0:4 net:[4026532001] /run/netns/blue rw - nsfs nsfs rw\n");
	fixture_link(kernel->source.proc_fd, "8/ns/net", "net:[4026532002]");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hark_selection *selection;
		struct hark_snapshot *snapshot;

		kernel->n_entered = 0;
		assert_int_equal(hark_selection_new(&selection), 0);
		assert_int_equal(hark_selection_add(selection, cases[i].text, NULL), 0);
		snapshot = take(kernel, 0, selection);
		assert_int_equal(kernel->n_entered, cases[i].n_entered);
		assert_int_equal(hark_snapshot_n_sockets(snapshot), cases[i].n_sockets);
		assert_int_equal(hark_snapshot_namespace(snapshot, 0)->presence,
				 cases[i].own ? HARK_KNOWN : HARK_UNSUPPORTED);
		hark_snapshot_free(snapshot);
		hark_selection_free(selection);
	}
}

/* A source that cannot enter, as a recording is. */
static void test_no_way(void **state)
{
	struct fake_kernel *kernel = *state;
	struct source_ops ops = *kernel->source.ops;
	struct hark_snapshot *snapshot;

	ops.enter = NULL;
	kernel->source.ops = &ops;
	fixture_link(kernel->source.proc_fd, "7/ns/net", "net:[4026532001]");
	snapshot = take(kernel, 0, NULL);
	assert_int_equal(find_note(snapshot)->why, HARK_NOTE_FAILED);
	assert_int_equal(hark_snapshot_n_sockets(snapshot), 1);
	hark_snapshot_free(snapshot);
}

/* By the counters of a process in each; what counts none has nothing to tell of. */
static void test_elsewhere(void **state)
{
	struct fake_kernel *kernel = *state;
	int proc_fd = kernel->source.proc_fd;
	struct hark_snapshot *snapshot = snapshot_new();
	struct netns_member members[] = { { GREY, 9 }, { OWN, 1 },  { BLUE, 7 },
					  { RED, 8 },  { BLUE, 6 }, { 1, 10 } };

	snapshot_begin_namespace(snapshot)->inode = OWN;
	fixture_write(proc_fd, "1/net/sockstat", "TCP: inuse 5 orphan 0\n");
	for (int pid = 6; pid < 8; pid++) {
		char path[32];

		snprintf(path, sizeof(path), "%d/net/sockstat", pid);
		fixture_write(proc_fd, path, "sockets: used 3\nTCP: inuse 1 orphan 0\n");
	}
	fixture_write(proc_fd, "8/net/sockstat", "sockets: used 3\nTCP: inuse 0\nFRAG: inuse 4\n");
	fixture_write(proc_fd, "8/net/sockstat6", "TCP6: inuse 0\nUDP6: inuse x\nFRAG6: inuse 1\n");
	fixture_write(proc_fd, "9/net/sockstat", "TCP: inuse 0\n");
	fixture_write(proc_fd, "9/net/sockstat6", "UDP6: inuse 1\n");
	assert_null(hark_snapshot_elsewhere(snapshot));
	namespaces_count_members(&kernel->source, snapshot, members, N_ELEMENTS(members));
	assert_int_equal(hark_snapshot_elsewhere(snapshot)->n_namespaces, 2);
	assert_int_equal(hark_snapshot_elsewhere(snapshot)->n_listeners, HARK_NONE);
	hark_snapshot_free(snapshot);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_parse),       CASE(test_mounts), CASE(test_processes),
		CASE(test_descriptors), CASE(test_read),   CASE(test_ways),
		CASE(test_gone),        CASE(test_denied), CASE(test_unreadable),
		CASE(test_wanted),      CASE(test_no_way), CASE(test_elsewhere),
	};

	return cmocka_run_group_tests_name("namespaces", tests, NULL, NULL);
}
