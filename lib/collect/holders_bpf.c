/* SPDX-License-Identifier: MIT */
/*
 * Who holds a socket, by what a BPF program found in the kernel: one pass for all processes and all
 * network namespaces, a fiftieth of the time that /proc takes on a large host, and no inode is made
 * for any descriptor. It wants CAP_BPF, CAP_PERFMON and BTF.
 */
#include "holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

struct scan {
	const struct holders_question *question;
	struct holders_found *found;
	struct process_reader reader;
	struct hash groups; /* bpf_task.cgroups to an index of `members` */
	ARRAY(struct hark_process) members;
	bool *is_settled; /* by number of inode: held, looked for, or the kernel's */
	uint32_t n_settled;
	bool has_walked_1;
	bool has_proc; /* whose numbers are ours */
};

/* The inodes that are still looked for. */
static void fill_filter(const struct scan *scan, struct bpf_filter *filter)
{
	const struct holders_question *question = scan->question;

	*filter = (struct bpf_filter){ 0 };
	for (uint32_t i = 0; i < question->inodes->n; i++)
		if (!scan->is_settled[i])
			walk_want(filter, question->list[i].inode);
}

/* Whether the task in the process whose /proc/PID is open still has what the program found. */
static bool still_holds(int dir_fd, const struct bpf_task *task, const struct bpf_find *find)
{
	char path[48], target[32], expected[32];
	ssize_t length;

	snprintf(path, sizeof(path), "task/%u/fd/%u", task->tid, find->fd);
	length = readlinkat(dir_fd, path, target, sizeof(target) - 1);
	if (length < 0)
		return errno != ENOENT;
	target[length] = '\0';
	snprintf(expected, sizeof(expected), "socket:[%u]", find->inode);
	return !strcmp(target, expected);
}

/* Reads what /proc tells of a task; -ESRCH when that is another process by now. */
static int read_process(struct scan *scan, const struct bpf_task *task, const struct bpf_find *find,
			struct hark_process *ret)
{
	char path[16];
	int fd, r;

	if (!scan->has_proc)
		return -EACCES;
	snprintf(path, sizeof(path), "%u", task->pid);
	fd = source_open_directory(scan->question->source->proc_fd, path);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	r = process_read(&scan->reader, fd, task->pid, ret);
	if (r == 0 && !still_holds(fd, task, find))
		r = -ESRCH;
	close(fd);
	return r;
}

/*
 * The units and containers of a process are those of any other that shares its cgroups, so that
 * one of them is read.
 */
static int take_cgroup(struct scan *scan, const struct bpf_task *task, const struct bpf_find *find,
		       struct hark_process *process)
{
	uint32_t i = hash_get(&scan->groups, task->cgroups);
	const struct hark_process *member;
	struct hark_process read;
	int r = 0;

	if (i == UINT32_MAX) {
		r = read_process(scan, task, find, &read);
		if (r == -ENOMEM || r == -ESRCH)
			return r;
		if (r < 0)
			return 0;
		r = array_reserve(&scan->members, 1u);
		if (r < 0)
			return r;
		i = scan->members.n++;
		scan->members.items[i] = read;
		r = hash_put(&scan->groups, task->cgroups, i);
	}
	member = &scan->members.items[i];
	process->cgroup = member->cgroup;
	process->unit = member->unit;
	process->container = member->container;
	process->runtime = member->runtime;
	process->pod = member->pod;
	return r;
}

static int take_process(struct scan *scan, const struct bpf_task *task, const struct bpf_find *find)
{
	struct hark_process process = { .pid = task->pid, .uid = HARK_NONE, .owner = HARK_NONE };
	int r;

	if (scan->question->details & PROCESS_DETAILS) {
		r = read_process(scan, task, find, &process);
		if (r == -ENOMEM || r == -ESRCH)
			return r;
	} else if (scan->question->details & HARK_DETAIL_CGROUP) {
		r = take_cgroup(scan, task, find, &process);
		if (r < 0)
			return r;
	}
	if (!process.command)
		process.command = arena_memdup(&scan->found->arena, task->command,
					       strnlen(task->command, sizeof(task->command)));
	r = process.command ? array_reserve(&scan->found->processes, 1u) : -ENOMEM;
	if (r == 0)
		scan->found->processes.items[scan->found->processes.n++] = process;
	return r;
}

static int take_find(struct scan *scan, uint32_t number, uint32_t fd)
{
	struct holders_found *found = scan->found;

	if (found->finds.n >= ROWS_MAX) {
		found->hit_limit = true;
		return 0;
	}
	if (array_reserve(&found->finds, 1u) < 0)
		return -ENOMEM;
	found->finds.items[found->finds.n++] =
		(struct holders_find){ .inode = number, .process = found->processes.n, .fd = fd };
	scan->n_settled += !scan->is_settled[number];
	scan->is_settled[number] = true;
	return 0;
}

/* One task's finds, those of inodes that only look wanted left out. */
static int take_task(struct scan *scan, const struct bpf_task *task, const struct bpf_find *finds,
		     uint32_t n)
{
	struct holders_found *found = scan->found;
	uint32_t before = found->finds.n;
	const struct bpf_find *one = NULL;
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; i++) {
		uint32_t number = finds[i].fd == BPF_FIND_NAMESPACE ?
					  UINT32_MAX :
					  hash_get(scan->question->inodes, finds[i].inode);

		if (number == UINT32_MAX)
			continue;
		one = &finds[i];
		r = take_find(scan, number, finds[i].fd);
	}
	if (r == 0 && found->finds.n > before)
		r = take_process(scan, task, one);
	if (r == -ESRCH) {
		found->finds.n = before;
		r = 0;
	}
	return r;
}

/* What is known of a socket beside its holders. */
static int take_fact(struct scan *scan, const struct bpf_find *find)
{
	bool is_kernel = find->fd == BPF_FIND_KERNEL;
	uint32_t number = is_kernel || find->fd == BPF_FIND_MARKED ?
				  hash_get(scan->question->inodes, find->inode) :
				  UINT32_MAX;

	/* An MPTCP listener's inode is also that of the TCP socket beneath it. */
	if (number == UINT32_MAX || scan->is_settled[number] ||
	    (is_kernel && scan->question->list[number].is_mptcp))
		return 0;
	if (is_kernel && array_reserve(&scan->found->kernel, 1u) < 0)
		return -ENOMEM;
	if (is_kernel)
		scan->found->kernel.items[scan->found->kernel.n++] = number;
	scan->is_settled[number] = true;
	scan->n_settled++;
	return 0;
}

static int take_all(struct scan *scan, const struct walk *walk)
{
	const struct bpf_task *task;
	const struct bpf_find *finds;
	uint32_t n;
	int r = 0;

	for (uint32_t i = 0; r == 0 && walk_task(walk, i, &task, &finds, &n); i++) {
		for (uint32_t k = 0; !task && k < n && r == 0; k++)
			r = take_fact(scan, &finds[k]);
		if (task)
			r = take_task(scan, task, finds, n);
	}
	scan->has_walked_1 |= walk_memory(walk)->has_walked_1;
	return r;
}

static int take_walk(struct scan *scan, struct walk *walk, const struct bpf_filter *wanted)
{
	int r = walk ? walk_wait(walk, wanted) : -ENOMEM, told;

	if (r == -ENOMEM)
		return r;
	told = walk_tell(walk, scan->question->snapshot, HARK_NOTE_HOLDERS, "holders");
	if (r == 0)
		r = take_all(scan, walk);
	return told < 0 ? told : r;
}

/*
 * `marks` does not find what hangs in no table of listeners, or in one of a namespace of its own;
 * the others do not know what no file refers to; and what was opened after the walk is not in it.
 */
static int look_again(struct scan *scan, bool had_marks, struct bpf_filter *wanted)
{
	const struct walk_question question = { .first = had_marks ? WALK_TABLES : WALK_MARKS,
						.is_only = !had_marks,
						.example = -1 };
	struct walk *walk;
	int r;

	fill_filter(scan, wanted);
	walk = walk_begin(scan->question->source, &question, false);
	r = take_walk(scan, walk, wanted);
	walk_free(walk);
	/* Without `marks` no more is missing than which sockets are the kernel's. */
	return had_marks || r == -ENOMEM ? r : 0;
}

static void settle_found(struct scan *scan)
{
	for (uint32_t i = 0; i < scan->found->finds.n; i++) {
		bool *is_settled = &scan->is_settled[scan->found->finds.items[i].inode];

		scan->n_settled += !*is_settled;
		*is_settled = true;
	}
}

/* Of those `marks` knows nothing. */
static void settle_unix(struct scan *scan)
{
	for (uint32_t i = 0; i < scan->question->inodes->n; i++) {
		bool is_unsettled = scan->question->list[i].is_unix && !scan->is_settled[i];

		scan->n_settled += is_unsettled;
		scan->is_settled[i] |= is_unsettled;
	}
}

static int look(struct scan *scan, struct walk *walk, struct bpf_filter *wanted)
{
	const struct holders_question *question = scan->question;
	bool had_marks = false;
	int r = 0;

	if (walk && scan->n_settled < question->inodes->n) {
		fill_filter(scan, wanted);
		r = take_walk(scan, walk, wanted);
		had_marks = r == 0 && walk_ran(walk) == WALK_MARKS;
	}
	if (!had_marks)
		settle_unix(scan);
	if (r < 0 || scan->n_settled == question->inodes->n)
		return r;
	scan->found->is_partial = question->is_only_program && had_marks;
	return question->is_only_program ? 0 : look_again(scan, had_marks, wanted);
}

int holders_by_walk(const struct holders_question *question, struct walk *walk,
		    struct holders_found *ret)
{
	struct scan scan = {
		.question = question,
		.found = ret,
		.is_settled = calloc(question->inodes->n, sizeof(*scan.is_settled)),
		.has_proc = process_numbers_are_ours(question->source->proc_fd),
		.reader = { .arena = &ret->arena,
			    .details = question->details,
			    .budget = PROCESS_TEXT_BUDGET },
	};
	struct bpf_filter *wanted = malloc(sizeof(*wanted));
	int r = -ENOMEM;

	if (scan.is_settled && wanted) {
		settle_found(&scan);
		r = look(&scan, walk, wanted);
	}
	ret->hides_1 = !scan.has_walked_1;
	ret->hit_budget |= scan.reader.hit_budget;
	hash_fini(&scan.groups);
	array_fini(&scan.members);
	free(scan.is_settled);
	free(wanted);
	return r;
}
