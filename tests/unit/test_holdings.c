/* SPDX-License-Identifier: MIT */
/* Flags of descriptors, threads, and what else of a process lsof and netstat show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bed.h"
#include "collect.h"
#include "fixture.h"
#include "process.h"

/* Process 7 holds socket 70 as descriptor 3, and 80, of AF_UNIX, as 4. */
static int set_up(void **state)
{
	struct bed *bed;

	if (bed_set_up(state) != 0)
		return -1;
	bed = *state;
	fixture_write(bed->proc, "7/comm", "seven\n");
	fixture_write(bed->proc, "7/fd/x", "");
	fixture_link(bed->proc, "7/fd/3", "socket:[70]");
	fixture_link(bed->proc, "7/fd/4", "socket:[80]");
	array_push(&bed->snapshot->sockets)->inode = 70;
	array_push(&bed->snapshot->unix_sockets)->inode = 80;
	return 0;
}

static void collect(struct bed *bed, uint32_t details)
{
	assert_int_equal(
		holders_collect(&bed->source, bed->snapshot, details, HARK_HOLDERS_PROC, NULL), 0);
	assert_int_equal(holdings_collect(&bed->source, bed->snapshot, details), 0);
	assert_int_equal(bed->snapshot->holders.n, 2);
	assert_int_equal(bed->snapshot->processes.n, 1);
}

static void test_flags(void **state)
{
	static const struct {
		const char *three, *four;
		uint32_t wanted[2];
	} cases[] = {
		{ "pos:\t0\nflags:\t02000002\nmnt_id:\t8\nino:\t70\n",
		  "pos:\t0\nflags:\t02004002\nmnt_id:\t8\nino:\t80\n",
		  { 02000002, 02004002 } },
		{ "pos:\t0\nflags:\t02\nmnt_id:\t8\n", "pos:\t0\nflags:\t02\n", { 2, 2 } },
		{ "pos:\t0\nflags:\t02\nmnt_id:\t8\nino:\t71\n", "", { HARK_NONE, HARK_NONE } },
		{ "flags:\t9", "flags:\t777777777777777777777", { HARK_NONE, HARK_NONE } },
		{ "pos:\t0", "flags", { HARK_NONE, HARK_NONE } },
	};
	struct bed *bed = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_write(bed->proc, "7/fdinfo/3", cases[i].three);
		fixture_write(bed->proc, "7/fdinfo/4", cases[i].four);
		collect(bed, HARK_DETAIL_FLAGS);
		for (uint32_t k = 0; k < 2; k++)
			if (bed->snapshot->holders.items[k].flags != cases[i].wanted[k])
				fail_msg("case %zu: %o", i, bed->snapshot->holders.items[k].flags);
		bed->snapshot->holders.n = bed->snapshot->processes.n = 0;
	}
}

static void test_tasks(void **state)
{
	struct bed *bed = *state;
	const struct hark_process *process = bed->snapshot->processes.items;

	fixture_write(bed->proc, "7/task/7/comm", "seven\n");
	fixture_write(bed->proc, "7/task/9/comm", "nine )\nx\n");
	fixture_write(bed->proc, "7/task/10/x", "");
	collect(bed, HARK_DETAIL_TASKS);
	process = hark_snapshot_process(bed->snapshot, 0);
	assert_int_equal(process->n_tasks, 2);
	assert_null(hark_snapshot_task(bed->snapshot, 2));
	for (uint32_t i = 0; i < 2; i++) {
		const struct hark_task *task =
			hark_snapshot_task(bed->snapshot, process->first_task + i);

		assert_int_equal(task->process, 0);
		if (task->tid == 9) {
			assert_string_equal(task->command, "nine )\nx");
		} else {
			assert_int_equal(task->tid, 10);
			assert_null(task->command);
		}
	}
}

static void test_nothing_asked(void **state)
{
	struct bed *bed = *state;

	fixture_write(bed->proc, "7/fdinfo/3", "flags:\t02\n");
	fixture_write(bed->proc, "7/task/9/comm", "nine\n");
	fixture_write(bed->proc, "7/cmdline", "a");
	collect(bed, 0);
	assert_int_equal(bed->snapshot->holders.items[0].flags, HARK_NONE);
	assert_int_equal(bed->snapshot->processes.items[0].n_tasks, 0);
	assert_int_equal(bed->snapshot->processes.items[0].owner, HARK_NONE);
	assert_null(bed->snapshot->processes.items[0].command_line);
}

/* What was there when its holders were found may have gone. */
static void test_gone(void **state)
{
	struct bed *bed = *state;

	collect(bed, HARK_DETAIL_FLAGS | HARK_DETAIL_TASKS);
	assert_int_equal(bed->snapshot->holders.items[0].flags, HARK_NONE);
	assert_int_equal(bed->snapshot->processes.items[0].n_tasks, 0);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

/* Those that hold nothing have rows, too; what has ended, or is gone by now, has none. */
static void test_all_processes(void **state)
{
	struct bed *bed = *state;
	const struct hark_process *process;

	fixture_write(bed->proc, "7/stat", "7 (seven) S 1 1\n");
	fixture_write(bed->proc, "8/comm", "a) Z\n");
	fixture_write(bed->proc, "8/stat", "8 (a) Z) S 1 5\n");
	fixture_write(bed->proc, "9/comm", "ended\n");
	fixture_write(bed->proc, "9/stat", "9 (ended) Z 1 1\n");
	fixture_write(bed->proc, "10/x", "");
	collect(bed, HARK_DETAIL_PROCESS);
	assert_int_equal(processes_collect(&bed->source, bed->snapshot, HARK_DETAIL_PROCESS), 0);
	assert_int_equal(hark_snapshot_n_processes(bed->snapshot), 2);
	process = hark_snapshot_process(bed->snapshot, 1);
	assert_int_equal(process->pid, 8);
	assert_string_equal(process->command, "a) Z");
	assert_int_equal(process->group, 5);
	assert_int_equal(process->owner, geteuid());
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_process(void **state)
{
	static const char arguments[] = "/bin/a b\0-c\0d e\0";
	static const struct {
		uint32_t details;
		bool has_line, has_owner, has_parent;
	} cases[] = {
		{ HARK_DETAIL_PROCESS, true, true, true },
		{ HARK_DETAIL_COMMAND_LINE, true, false, false },
		{ HARK_DETAIL_OWNER, false, true, false },
		{ HARK_DETAIL_COMMAND_LINE | HARK_DETAIL_OWNER, true, true, false },
	};
	struct bed *bed = *state;

	fixture_write_bytes(bed->proc, "7/cmdline", arguments, sizeof(arguments) - 1);
	fixture_write(bed->proc, "7/stat",
		      "7 (a) S 9 9 (b)) S 5 6 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 1000\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct hark_process *process;

		collect(bed, cases[i].details);
		process = hark_snapshot_process(bed->snapshot, 0);
		assert_string_equal(process->command, "seven");
		assert_int_equal(process->argument0_length, cases[i].has_line ? 8 : 0);
		if (cases[i].has_line)
			assert_string_equal(process->command_line, "/bin/a b -c d e");
		assert_int_equal(process->owner, cases[i].has_owner ? getuid() : HARK_NONE);
		assert_int_equal(process->parent, cases[i].has_parent ? 5 : 0);
		assert_int_equal(process->group, cases[i].has_parent ? 6 : 0);
		assert_int_equal(process->start_ticks, cases[i].has_parent ? 99 : 0);
		bed->snapshot->holders.n = bed->snapshot->processes.n = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flags, set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_tasks, set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_asked, set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_gone, set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_all_processes, set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_process, set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("holdings", tests, NULL, NULL);
}
