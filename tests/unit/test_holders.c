/* SPDX-License-Identifier: MIT */
/* Who holds which socket, from trees of files that stand in for /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bed.h"
#include "collect.h"
#include "fixture.h"
#include "process.h"

#define NOBODY 65534

static uint32_t add_socket(struct bed *bed, uint32_t inode)
{
	struct hark_socket *socket = array_push(&bed->snapshot->sockets);

	assert_non_null(socket);
	socket->inode = inode;
	return bed->snapshot->sockets.n - 1;
}

static void add_process(struct bed *bed, uint32_t pid, const char *comm)
{
	char path[64];

	snprintf(path, sizeof(path), "%u/comm", pid);
	fixture_write(bed->proc, path, comm);
	snprintf(path, sizeof(path), "%u/fd", pid);
	assert_int_equal(mkdirat(bed->proc, path, 0755), 0);
}

/* `where` is "PID/fd" or "PID/task/TID/fd". */
static void add_fd(struct bed *bed, const char *where, const char *fd, const char *target)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", where, fd);
	fixture_link(bed->proc, path, target);
}

static void collect(struct bed *bed, uint32_t details)
{
	assert_int_equal(
		holders_collect(&bed->source, bed->snapshot, details, HARK_HOLDERS_AUTO, NULL), 0);
}

/* Checks a socket's holders against "PID:FD PID:FD ..." */
static void check_holders(const struct bed *bed, uint32_t socket, const char *wanted)
{
	const struct hark_socket *row = &bed->snapshot->sockets.items[socket];
	char text[1024] = "", *end = text;

	for (uint32_t i = 0; i < row->n_holders; i++) {
		const struct hark_holder *holder =
			&bed->snapshot->holders.items[row->first_holder + i];

		assert_int_equal(holder->socket, socket);
		end += snprintf(end, (size_t)(text + sizeof(text) - end), "%s%u:%u", i ? " " : "",
				bed->snapshot->processes.items[holder->process].pid, holder->fd);
	}
	assert_string_equal(text, wanted);
	if (row->n_holders)
		assert_int_equal(row->holders, HARK_KNOWN);
}

static const struct hark_process *process_of(const struct bed *bed, uint32_t pid)
{
	for (uint32_t i = 0; i < bed->snapshot->processes.n; i++)
		if (bed->snapshot->processes.items[i].pid == pid)
			return &bed->snapshot->processes.items[i];
	fail_msg("no row of process %u", pid);
	return NULL;
}

static void check_note(const struct bed *bed, enum hark_note_why why, uint32_t count)
{
	assert_int_equal(bed->snapshot->notes.n, 1);
	assert_int_equal(bed->snapshot->notes.items[0].what, HARK_NOTE_HOLDERS);
	assert_int_equal(bed->snapshot->notes.items[0].why, why);
	assert_int_equal(bed->snapshot->notes.items[0].count, count);
}

static void test_kernel(void **state)
{
	static const struct {
		const char *name;
		uint32_t inode;
		bool is_listener, is_told, is_kernel;
	} cases[] = {
		{ "a listener without a file", 0, true, false, true },
		{ "a connection without a file is an orphan", 0, false, false, false },
		{ "a listener with a holder", 70, true, false, false },
		{ "a listener that nobody has open may be on its way", 71, true, false, false },
		{ "what another way of looking knew stays", 72, true, true, true },
	};
	struct bed *bed = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t socket = add_socket(bed, cases[i].inode);

		bed->snapshot->sockets.items[socket].is_listener = cases[i].is_listener;
		bed->snapshot->sockets.items[socket].is_kernel = cases[i].is_told;
	}
	add_process(bed, 200, "b\n");
	add_fd(bed, "200/fd", "10", "socket:[70]");
	collect(bed, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct hark_socket *socket = &bed->snapshot->sockets.items[i];

		if (socket->is_kernel != cases[i].is_kernel)
			fail_msg("%s", cases[i].name);
		assert_true(socket->holders_complete);
	}
}

/* What has no file is known to be the kernel's even where /proc tells nothing. */
static void test_kernel_without_proc(void **state)
{
	struct bed *bed = *state;
	struct hark_socket *sockets;

	add_socket(bed, 0);
	add_socket(bed, 70);
	sockets = bed->snapshot->sockets.items;
	sockets[0].is_listener = sockets[1].is_listener = true;
	bed->source.proc_fd = -1;
	collect(bed, 0);
	assert_true(sockets[0].is_kernel);
	assert_true(sockets[0].holders_complete);
	assert_false(sockets[1].is_kernel);
	assert_false(sockets[1].holders_complete);
}

static void test_join(void **state)
{
	struct bed *bed = *state;
	uint32_t shared = add_socket(bed, 70), none = add_socket(bed, 0),
		 twin = add_socket(bed, 70);
	uint32_t alone = add_socket(bed, 4294967295u), unheld = add_socket(bed, 71);

	add_process(bed, 200, "b\n");
	add_process(bed, 30, "a\n");
	add_process(bed, 4000, "unrelated\n");
	add_fd(bed, "200/fd", "10", "socket:[70]");
	add_fd(bed, "200/fd", "9", "socket:[70]");
	add_fd(bed, "30/fd", "3", "socket:[70]");
	add_fd(bed, "30/fd", "4", "socket:[4294967295]");
	add_fd(bed, "4000/fd", "0", "socket:[72]");
	add_fd(bed, "4000/fd", "1", "pipe:[70]");
	add_fd(bed, "4000/fd", "2", "socket:[70]x");
	add_fd(bed, "4000/fd", "3", "socket:[70");
	add_fd(bed, "4000/fd", "4", "socket:[4294967366]"); /* 70 in 32 bits */
	add_fd(bed, "4000/fd", "5", "/socket:[70]");
	add_fd(bed, "4000/fd", "6", "socket:[]");
	add_fd(bed, "4000/fd", "7", "socket:[70] (deleted)");
	add_fd(bed, "4000/fd", "x8", "socket:[70]");
	add_fd(bed, "4000/fd", "4294967296", "socket:[70]");
	fixture_write(bed->proc, "4000/fd/9", "no link");
	fixture_write(bed->proc, "5/comm", "no fd\n");
	fixture_write(bed->proc, "6", "no directory");
	fixture_write(bed->proc, "net/tcp", "");
	collect(bed, 0);

	check_holders(bed, shared, "30:3 200:9 200:10");
	check_holders(bed, twin, "30:3 200:9 200:10");
	check_holders(bed, alone, "30:4");
	check_holders(bed, unheld, "");
	check_holders(bed, none, "");
	assert_int_equal(bed->snapshot->sockets.items[unheld].holders, HARK_ABSENT);
	assert_int_equal(bed->snapshot->sockets.items[none].holders, HARK_ABSENT);
	for (uint32_t i = 0; i < bed->snapshot->sockets.n; i++)
		assert_true(bed->snapshot->sockets.items[i].holders_complete);
	assert_int_equal(bed->snapshot->processes.n, 2);
	assert_string_equal(process_of(bed, 30)->command, "a");
	assert_null(process_of(bed, 30)->cgroup);
	assert_null(process_of(bed, 30)->executable);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void write_bytes(int dir_fd, const char *path, const char *bytes, size_t length)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static void test_details(void **state)
{
	static const char arguments[] = "nginx:\0-g\0daemon off;\0\0";
	struct bed *bed = *state;
	const struct hark_process *process;

	add_socket(bed, 70);
	add_process(bed, 7, "a) R 1\n(b\n\n");
	add_fd(bed, "7/fd", "3", "socket:[70]");
	write_bytes(bed->proc, "7/cmdline", arguments, sizeof(arguments));
	fixture_link(bed->proc, "7/exe", "/usr/sbin/nginx (deleted)");
	fixture_write(bed->proc, "7/status",
		      "Name:\ta) R 1\\n(b\\n\nUmask:\t0022\nUid:\t33\t34\t35\t36\n");
	fixture_write(bed->proc, "7/stat",
		      "7 (a) R 1\n(b\n) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 "
		      "987654321 5 6 7\n");
	fixture_write(bed->proc, "7/cgroup",
		      "0::/system.slice/docker-"
		      "4f1d2a0c7b6e9d8835a1c0ffee00112233445566778899aabbccddeeff001122.scope\n");
	collect(bed, HARK_DETAIL_ALL);

	process = process_of(bed, 7);
	assert_string_equal(process->command, "a) R 1\n(b\n");
	assert_string_equal(process->command_line, "nginx: -g daemon off;");
	assert_int_equal(process->argument0_length, strlen("nginx:"));
	assert_string_equal(process->executable, "/usr/sbin/nginx (deleted)");
	assert_int_equal(process->uid, 34);
	assert_int_equal(process->start_ticks, 987654321);
	assert_string_equal(process->runtime, "docker");
	assert_string_equal(process->container,
			    "4f1d2a0c7b6e9d8835a1c0ffee00112233445566778899aabbccddeeff001122");
	assert_null(process->pod);
}

static void test_only_details_asked(void **state)
{
	struct bed *bed = *state;

	add_socket(bed, 70);
	add_process(bed, 7, "a\n");
	add_fd(bed, "7/fd", "3", "socket:[70]");
	fixture_write(bed->proc, "7/cmdline", "a");
	fixture_write(bed->proc, "7/status", "Name:\ta\nUid:\t1\t1\t1\t1\n");
	fixture_write(bed->proc, "7/cgroup", "0::/system.slice/a.service\n");
	collect(bed, HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP);
	assert_string_equal(process_of(bed, 7)->unit, "a.service");
	assert_null(process_of(bed, 7)->command_line);
	assert_int_equal(process_of(bed, 7)->uid, HARK_NONE);
}

static void test_odd_details(void **state)
{
	static const char *const stats[] = { "",
					     "7",
					     "7 (a",
					     "7 (a)",
					     "7 (a) S 1 2 3",
					     "7 (a) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 -" };
	static const char *const statuses[] = { "",
						"Name:\ta\n",
						"\nUid:",
						"\nUid:\t",
						"\nUid:\t1",
						"\nUid:\t1\tx",
						"\nUid:\t1\t99999999999\n" };
	struct bed *bed = *state;
	char *line = malloc(3 * PROCESS_COMMAND_LINE_MAX);

	assert_non_null(line);
	add_socket(bed, 70);
	for (uint32_t i = 0; i < 7; i++) {
		char where[32], path[64];

		add_process(bed, 100 + i, "");
		snprintf(where, sizeof(where), "%u/fd", 100 + i);
		add_fd(bed, where, "3", "socket:[70]");
		snprintf(path, sizeof(path), "%u/status", 100 + i);
		fixture_write(bed->proc, path, statuses[i]);
		snprintf(path, sizeof(path), "%u/stat", 100 + i);
		fixture_write(bed->proc, path, stats[i % 6]);
		snprintf(path, sizeof(path), "%u/cgroup", 100 + i);
		fixture_write(bed->proc, path, i % 2 ? "0::" : "");
		snprintf(path, sizeof(path), "%u/cmdline", 100 + i);
		memset(line, 'x', 3 * PROCESS_COMMAND_LINE_MAX);
		write_bytes(bed->proc, path, line, i ? 0 : 3 * PROCESS_COMMAND_LINE_MAX);
	}
	free(line);
	collect(bed, HARK_DETAIL_ALL);
	for (uint32_t i = 0; i < 7; i++) {
		const struct hark_process *process = process_of(bed, 100 + i);

		assert_string_equal(process->command, "");
		assert_int_equal(process->uid, HARK_NONE);
		assert_int_equal(process->start_ticks, 0);
		assert_null(process->executable);
		assert_null(process->cgroup);
		assert_null(process->unit);
	}
	assert_int_equal(strlen(process_of(bed, 100)->command_line), PROCESS_COMMAND_LINE_MAX);
	assert_null(process_of(bed, 101)->command_line);
}

/* Neighbours that share a cgroup, and others between them. */
static void test_cgroups_of_neighbours(void **state)
{
	static const char *const units[] = { "a", "a", "ab", "a", "a", "b" };
	struct bed *bed = *state;

	add_socket(bed, 70);
	for (uint32_t i = 0; i < 6; i++) {
		char text[64];

		add_process(bed, 10 + i, "x\n");
		snprintf(text, sizeof(text), "%u/fd", 10 + i);
		add_fd(bed, text, "3", "socket:[70]");
		snprintf(text, sizeof(text), "0::/system.slice/%s.service\n", units[i]);
		char path[32];
		snprintf(path, sizeof(path), "%u/cgroup", 10 + i);
		fixture_write(bed->proc, path, text);
	}
	collect(bed, HARK_DETAIL_CGROUP);
	for (uint32_t i = 0; i < 6; i++) {
		char unit[32];

		snprintf(unit, sizeof(unit), "%s.service", units[i]);
		assert_string_equal(process_of(bed, 10 + i)->unit, unit);
	}
}

/* A process whose command is gone has gone itself: no error, no row. */
static void test_vanished(void **state)
{
	struct bed *bed = *state;
	uint32_t a = add_socket(bed, 70), b = add_socket(bed, 71);

	fixture_link(bed->proc, "7/fd/3", "socket:[70]");
	add_process(bed, 8, "b\n");
	add_fd(bed, "8/fd", "3", "socket:[71]");
	collect(bed, HARK_DETAIL_ALL);
	check_holders(bed, a, "");
	check_holders(bed, b, "8:3");
	assert_int_equal(bed->snapshot->sockets.items[a].holders, HARK_ABSENT);
	assert_int_equal(bed->snapshot->processes.n, 1);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_denied(void **state)
{
	struct bed *bed = *state;
	uint32_t seen = add_socket(bed, 70), unseen = add_socket(bed, 71),
		 none = add_socket(bed, 0);
	uid_t uid = geteuid();

	add_process(bed, 7, "open\n");
	add_fd(bed, "7/fd", "3", "socket:[70]");
	add_process(bed, 2, "kthreadd\n");
	fixture_write(bed->proc, "2/statm", "0 0 0 0 0 0 0\n");
	add_process(bed, 100, "closed\n");
	fixture_write(bed->proc, "100/statm", "5 4 3 2 1 0 0\n");
	/* Its leader has gone, its threads have not. */
	add_process(bed, 101, "headless\n");
	fixture_write(bed->proc, "101/statm", "0 0 0 0 0 0 0\n");
	fixture_write(bed->proc, "101/task/101/comm", "");
	fixture_write(bed->proc, "101/task/102/fd/x", "");
	assert_int_equal(fchmodat(bed->proc, "2/fd", 0, 0), 0);
	assert_int_equal(fchmodat(bed->proc, "100/fd", 0, 0), 0);
	assert_int_equal(fchmodat(bed->proc, "101/fd", 0, 0), 0);
	assert_int_equal(fchmodat(bed->proc, "101/task/102/fd", 0, 0), 0);
	assert_int_equal(fchmod(bed->proc, 0755), 0);
	if (uid == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	collect(bed, HARK_DETAIL_ALL);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(fchmodat(bed->proc, "2/fd", 0700, 0), 0);
	assert_int_equal(fchmodat(bed->proc, "100/fd", 0700, 0), 0);
	assert_int_equal(fchmodat(bed->proc, "101/fd", 0700, 0), 0);
	assert_int_equal(fchmodat(bed->proc, "101/task/102/fd", 0700, 0), 0);

	check_holders(bed, seen, "7:3");
	check_holders(bed, unseen, "");
	assert_int_equal(bed->snapshot->sockets.items[unseen].holders, HARK_DENIED);
	assert_int_equal(bed->snapshot->sockets.items[none].holders, HARK_ABSENT);
	assert_false(bed->snapshot->sockets.items[seen].holders_complete);
	assert_false(bed->snapshot->sockets.items[unseen].holders_complete);
	assert_true(bed->snapshot->sockets.items[none].holders_complete);
	check_note(bed, HARK_NOTE_PERMISSION, 2);
	assert_non_null(strstr(bed->snapshot->notes.items[0].detail, "run as root"));
}

static void check_unsupported(struct bed *bed)
{
	uint32_t wanted = add_socket(bed, 70), none = add_socket(bed, 0);

	collect(bed, HARK_DETAIL_ALL);
	assert_int_equal(bed->snapshot->sockets.items[wanted].holders, HARK_UNSUPPORTED);
	assert_false(bed->snapshot->sockets.items[wanted].holders_complete);
	assert_int_equal(bed->snapshot->sockets.items[none].holders, HARK_ABSENT);
	check_note(bed, HARK_NOTE_UNSUPPORTED, 1);
}

static void test_no_proc(void **state)
{
	struct bed *bed = *state;

	bed->source.proc_fd = -1;
	check_unsupported(bed);
}

static void test_empty_proc(void **state)
{
	struct bed *bed = *state;

	fixture_write(bed->proc, "version", "Linux\n");
	check_unsupported(bed);
}

/* Without an inode to look for, not even the lack of a /proc is noticed. */
static void test_nothing_wanted(void **state)
{
	struct bed *bed = *state;

	bed->source.proc_fd = -1;
	collect(bed, HARK_DETAIL_ALL);
	add_socket(bed, 0);
	collect(bed, HARK_DETAIL_ALL);
	assert_int_equal(bed->snapshot->sockets.items[0].holders, HARK_ABSENT);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_no_descriptors_left(void **state)
{
	struct bed *bed = *state;
	uint32_t socket = add_socket(bed, 70);
	struct rlimit before, none;

	add_process(bed, 7, "a\n");
	add_fd(bed, "7/fd", "3", "socket:[70]");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	collect(bed, HARK_DETAIL_ALL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(bed->snapshot->sockets.items[socket].holders, HARK_UNSUPPORTED);
	check_note(bed, HARK_NOTE_FAILED, 1);
	assert_int_equal(bed->snapshot->notes.items[0].error, -EMFILE);
}

/* Tables of threads are looked at only for sockets that nobody else holds. */
static void test_tables_of_threads(void **state)
{
	struct bed *bed = *state;
	uint32_t leader = add_socket(bed, 70), thread = add_socket(bed, 71),
		 nobody = add_socket(bed, 72);

	add_process(bed, 300, "a\n");
	add_fd(bed, "300/fd", "3", "socket:[70]");
	add_fd(bed, "300/task/300/fd", "3", "socket:[70]");
	add_fd(bed, "300/task/301/fd", "7", "socket:[71]");
	add_fd(bed, "300/task/301/fd", "8", "socket:[70]");
	add_fd(bed, "300/task/302/fd", "7", "socket:[71]");
	/* A single thread: its table is the process's, whatever stands here. */
	add_process(bed, 310, "b\n");
	add_fd(bed, "310/task/310/fd", "3", "socket:[72]");
	collect(bed, 0);
	check_holders(bed, leader, "300:3");
	check_holders(bed, thread, "300:7");
	check_holders(bed, nobody, "");
	assert_int_equal(bed->snapshot->processes.n, 1);
	assert_string_equal(bed->snapshot->processes.items[0].command, "a");
}

/* Enough for several threads to be started, and for each to come often. */
static void test_many(void **state)
{
	enum {
		PROCESSES = 250,
		EACH = 8
	};
	struct bed *bed = *state;

	for (uint32_t i = 0; i < PROCESSES; i++)
		for (uint32_t k = 0; k < EACH; k++)
			add_socket(bed, 1000 + i * EACH + k);
	for (uint32_t i = 0; i < PROCESSES; i++) {
		char where[32], fd[16], target[32];

		snprintf(where, sizeof(where), "p%u\n", 7000 - i);
		add_process(bed, 7000 - i, where);
		snprintf(where, sizeof(where), "%u/fd", 7000 - i);
		for (uint32_t k = 0; k < EACH; k++) {
			snprintf(fd, sizeof(fd), "%u", k);
			snprintf(target, sizeof(target), "socket:[%u]", 1000 + i * EACH + k);
			add_fd(bed, where, fd, target);
		}
		/* All share the first one too. */
		add_fd(bed, where, "99", "socket:[1000]");
	}
	collect(bed, 0);
	assert_int_equal(bed->snapshot->processes.n, PROCESSES);
	assert_int_equal(bed->snapshot->holders.n, PROCESSES * (EACH + 1));
	for (uint32_t i = 0; i < bed->snapshot->holders.n; i++) {
		const struct hark_holder *holder = &bed->snapshot->holders.items[i];
		const struct hark_process *process =
			&bed->snapshot->processes.items[holder->process];
		char command[16];

		snprintf(command, sizeof(command), "p%u", process->pid);
		assert_string_equal(process->command, command);
		if (holder->fd != 99) {
			assert_int_equal(holder->socket, (7000 - process->pid) * EACH + holder->fd);
			continue;
		}
		assert_int_equal(holder->socket, 0);
	}
	assert_int_equal(bed->snapshot->sockets.items[0].n_holders, PROCESSES + 1);
	for (uint32_t i = 0; i + 1 < PROCESSES; i++)
		assert_true(bed->snapshot->processes.items[i].pid <
			    bed->snapshot->processes.items[i + 1].pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_join, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_kernel, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_kernel_without_proc, bed_set_up,
						bed_tear_down),
		cmocka_unit_test_setup_teardown(test_details, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_only_details_asked, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_odd_details, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_cgroups_of_neighbours, bed_set_up,
						bed_tear_down),
		cmocka_unit_test_setup_teardown(test_vanished, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_denied, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_no_proc, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_empty_proc, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_wanted, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_no_descriptors_left, bed_set_up,
						bed_tear_down),
		cmocka_unit_test_setup_teardown(test_tables_of_threads, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_many, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("holders", tests, NULL, NULL);
}
