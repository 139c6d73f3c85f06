/* SPDX-License-Identifier: MIT */
/*
 * Who holds a socket, by reading every link of every /proc/PID/fd: the kernel keeps no way back
 * from a socket to its descriptors. Half of the time goes into listing a directory, for which the
 * kernel makes an inode for each descriptor, and half into reading the link; nothing but more
 * threads makes it faster.
 *
 * The threads of a process share one table as a rule. A second pass looks for those that have a
 * table of their own (unshare(CLONE_FILES)), or whose leader has gone before them: where the kernel
 * tells which share one; else it has to read them all, and does so for sockets alone that had no
 * holder in the end.
 */
#include "holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"
#include "text.h"
#include "thread.h"

#define THREADS_MAX 8
/* Entries that the first thread reads alone: what they cost (0.5 ms) is worth starting others. */
#define ENTRIES_ALONE 300
/* What the reading of a directory costs, in entries. */
#define ENTRIES_A_DIRECTORY 4

/* The same for one without any descriptor: itself, "." and "..". */
#define ENTRIES_OF_NONE (ENTRIES_A_DIRECTORY + 2)

struct pass;

struct worker {
	struct pass *pass;
	struct holders_found found;
	struct process_reader reader;
	uint32_t n_entries; /* seen so far, for ENTRIES_ALONE */
	int error;          /* -ENOMEM: stop */
	pthread_t thread;
	bool is_running; /* beside the first */
	_Alignas(struct dirent64) char tasks[4096];
	_Alignas(struct dirent64) char entries[65536];
};

struct pass {
	const struct holders_question *question;
	int proc_fd;
	void (*visit)(struct worker *worker, uint32_t *pid);
	uint32_t *pids; /* 0: gone or closed to us, not to be tried again */
	uint32_t n_pids;
	const bool *is_held; /* by number of inode: not looked for any more; NULL: look for all */
	uint32_t finds_max;  /* a thread */
	bool may_compare;    /* the kernel tells which tasks share a table */
	bool wants_members;  /* which namespaces processes are in */
	struct worker *workers[THREADS_MAX]; /* the first is this thread's own */
	uint32_t n_allowed;                  /* threads in all */
	bool has_started;                    /* the others */
	_Atomic uint32_t next;
};

static bool take_inode(const char *target, ssize_t length, uint64_t *ret)
{
	static const char prefix[] = "socket:[";
	const char *at = target + strlen(prefix);

	return length > (ssize_t)strlen(prefix) && !memcmp(target, prefix, strlen(prefix)) &&
	       text_take_u64(&at, 10, UINT32_MAX, ret) && !strcmp(at, "]");
}

/* Looks at one link: 0, or -errno when nothing of this directory can be had any more. */
static int take_link(struct worker *worker, int dir_fd, const char *name)
{
	const struct pass *pass = worker->pass;
	char target[32];
	ssize_t length = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	uint64_t inode, fd;
	uint32_t number;
	struct holders_find *find;

	if (length < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : -errno;
	target[length] = '\0';
	if (!take_inode(target, length, &inode) || !text_to_u64(name, UINT32_MAX, &fd))
		return 0;
	worker->found.saw_socket = true;
	number = hash_get(pass->question->inodes, inode);
	if (number == UINT32_MAX || (pass->is_held && pass->is_held[number]))
		return 0;
	if (worker->found.finds.n >= pass->finds_max) {
		worker->found.hit_limit = true;
		return 0;
	}
	find = array_push(&worker->found.finds);
	if (!find)
		return -ENOMEM;
	*find = (struct holders_find){ .inode = number,
				       .process = worker->found.processes.n,
				       .fd = (uint32_t)fd };
	return 0;
}

static int take_links(struct worker *worker, int dir_fd)
{
	ssize_t length;

	worker->n_entries += ENTRIES_A_DIRECTORY;
	while ((length = getdents64(dir_fd, worker->entries, sizeof(worker->entries))) > 0) {
		for (ssize_t at = 0; at < length;) {
			const struct dirent64 *entry = (const void *)(worker->entries + at);
			int r = entry->d_name[0] == '.' ? 0 :
							  take_link(worker, dir_fd, entry->d_name);

			if (r < 0)
				return r;
			at += entry->d_reclen;
			worker->n_entries++;
		}
	}
	return length < 0 ? -errno : 0;
}

/*
 * The row of the process whose finds were the last: /proc/PID is `up` from the open directory, so
 * that it is the same process and no later one of that pid. When it has gone, so have its
 * descriptors.
 */
static int take_process(struct worker *worker, int dir_fd, const char *up, uint32_t pid,
			uint32_t first_find)
{
	struct hark_process process;
	int fd, r;

	if (worker->found.finds.n == first_find)
		return 0;
	fd = openat(dir_fd, up, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : process_read(&worker->reader, fd, pid, &process);
	if (fd >= 0)
		close(fd);
	if (r >= 0) {
		r = array_reserve(&worker->found.processes, 1u);
		if (r >= 0)
			worker->found.processes.items[worker->found.processes.n++] = process;
	}
	if (r < 0)
		worker->found.finds.n = first_find;
	return r;
}

/* As kernel threads and zombies have none. */
static bool has_no_memory(int proc_fd, uint32_t pid)
{
	char path[32], text[4];

	snprintf(path, sizeof(path), "%u/statm", pid);
	return source_read_file(proc_fd, path, text, sizeof(text)) > 0 && !memcmp(text, "0 ", 2);
}

/* Sorts out why a process could not be read to its end; it is not tried again. */
static void take_failure(struct worker *worker, uint32_t *pid, int error)
{
	switch (error) {
	case -ENOMEM:
		worker->error = error;
		break;
	case -ENOENT:
	case -ESRCH:
	case -ENOTDIR:
		break;
	case -EACCES:
	case -EPERM:
		worker->found.n_denied++;
		break;
	default:
		worker->found.n_failed++;
		worker->found.error = error;
		break;
	}
	*pid = 0;
}

/* Whether two tasks have one table; false also where the kernel does not say. */
static bool share_table(uint32_t a, uint32_t b)
{
	return syscall(SYS_kcmp, a, b, KCMP_FILES, 0, 0) == 0;
}

/*
 * Second pass: /proc/PID/task/TID/fd of those threads whose table is neither the leader's nor the
 * last's.
 */
static int visit_tasks_of(struct worker *worker, uint32_t pid, int tasks_fd)
{
	bool may_compare = worker->pass->may_compare;
	uint64_t tid;
	uint32_t last = 0;
	ssize_t length;
	char path[32];

	while ((length = getdents64(tasks_fd, worker->tasks, sizeof(worker->tasks))) > 0) {
		const struct dirent64 *entry;

		for (ssize_t at = 0; at < length; at += entry->d_reclen) {
			int fd, r;

			entry = (const void *)(worker->tasks + at);
			if (!text_to_u64(entry->d_name, INT32_MAX, &tid) || tid == pid ||
			    (may_compare && (share_table(pid, (uint32_t)tid) ||
					     (last && share_table(last, (uint32_t)tid)))))
				continue;
			last = (uint32_t)tid;
			snprintf(path, sizeof(path), "%u/fd", last);
			fd = source_open_directory(tasks_fd, path);
			r = fd < 0 ? fd : take_links(worker, fd);
			if (fd >= 0)
				close(fd);
			if (r < 0 && r != -ENOENT && r != -ESRCH)
				return r;
		}
	}
	return length < 0 ? -errno : 0;
}

static void visit_tasks(struct worker *worker, uint32_t *pid)
{
	uint32_t first_find = worker->found.finds.n;
	struct stat task;
	char path[32];
	int fd, r;

	worker->n_entries++;
	snprintf(path, sizeof(path), "%u/task", *pid);
	if (fstatat(worker->pass->proc_fd, path, &task, 0) < 0 ||
	    task.st_nlink == PROCESS_LINKS_OF_ONE_TASK)
		return;
	fd = source_open_directory(worker->pass->proc_fd, path);
	r = fd < 0 ? fd : visit_tasks_of(worker, *pid, fd);
	if (fd >= 0) {
		int read = take_process(worker, fd, "..", *pid, first_find);

		r = read < 0 ? read : r;
		close(fd);
	}
	if (r < 0)
		take_failure(worker, pid, r);
}

/*
 * Which namespace a process is in that has descriptors, for whom it may interest that there are
 * others: 1 us for each, where the descriptors of a few take ten times that.
 */
static int take_member(struct worker *worker, int dir_fd, uint32_t pid)
{
	struct netns_member member = { .pid = pid }, *added;

	if (!netns_read_member(dir_fd, "..", &member.inode))
		return 0;
	added = array_push(&worker->found.members);
	if (!added)
		return -ENOMEM;
	*added = member;
	return 0;
}

/* First pass: /proc/PID/fd. */
static void visit_process(struct worker *worker, uint32_t *pid)
{
	uint32_t first_find = worker->found.finds.n, n_before = worker->n_entries;
	char path[32];
	int fd, r;

	snprintf(path, sizeof(path), "%u/fd", *pid);
	fd = source_open_directory(worker->pass->proc_fd, path);
	r = fd < 0 ? fd : take_links(worker, fd);
	if (fd >= 0) {
		int read = take_process(worker, fd, "..", *pid, first_find);

		if (read >= 0 && worker->pass->wants_members &&
		    worker->n_entries > n_before + ENTRIES_OF_NONE)
			read = take_member(worker, fd, *pid);
		r = read < 0 ? read : r;
		close(fd);
	}
	if ((r == -EACCES || r == -EPERM) && has_no_memory(worker->pass->proc_fd, *pid)) {
		/* A leader that left before its threads belongs to root, unlike those. */
		visit_tasks(worker, pid);
		*pid = 0;
	} else if (r < 0) {
		worker->found.was_shut |= fd == -EACCES;
		take_failure(worker, pid, r);
	}
}

static void start_others(struct pass *pass);

static void *work(void *data)
{
	struct worker *worker = data;
	struct pass *pass = worker->pass;
	uint32_t i;

	while (worker->error >= 0 && (i = atomic_fetch_add(&pass->next, 1)) < pass->n_pids) {
		if (!pass->pids[i])
			continue;
		pass->visit(worker, &pass->pids[i]);
		if (worker == pass->workers[0] && !pass->has_started &&
		    worker->n_entries > ENTRIES_ALONE)
			start_others(pass);
	}
	return NULL;
}

static struct worker *new_worker(struct pass *pass)
{
	struct worker *worker = malloc(sizeof(*worker));

	if (!worker)
		return NULL;
	/* All but the buffers, which would be 80 KiB to clear. */
	memset(worker, 0, offsetof(struct worker, tasks));
	worker->pass = pass;
	worker->reader.details = pass->question->details;
	worker->reader.arena = &worker->found.arena;
	worker->reader.budget = PROCESS_TEXT_BUDGET / pass->n_allowed;
	return worker;
}

/* As many of them as there can be: with fewer it merely takes longer. */
static void start_others(struct pass *pass)
{
	pass->has_started = true;
	for (uint32_t i = 1; i < pass->n_allowed; i++) {
		if (!pass->workers[i])
			pass->workers[i] = new_worker(pass);
		if (!pass->workers[i] ||
		    thread_start(&pass->workers[i]->thread, work, pass->workers[i]) < 0)
			break;
		pass->workers[i]->is_running = true;
	}
}

/* Visits all pids once. */
static int run(struct pass *pass, void (*visit)(struct worker *worker, uint32_t *pid))
{
	int error = 0;

	pass->visit = visit;
	pass->has_started = pass->n_allowed < 2;
	atomic_store(&pass->next, 0);
	pass->workers[0]->n_entries = 0;
	work(pass->workers[0]);
	for (uint32_t i = 0; i < pass->n_allowed && pass->workers[i]; i++) {
		struct worker *worker = pass->workers[i];

		if (worker->is_running)
			pthread_join(worker->thread, NULL);
		worker->is_running = false;
		if (worker->error < 0)
			error = worker->error;
	}
	return error;
}

static int run_for_threads(struct pass *pass)
{
	const struct holders_question *question = pass->question;
	bool *is_held;
	uint32_t n_held = 0;
	int r = 0;

	if (pass->may_compare)
		return run(pass, visit_tasks);
	is_held = calloc(question->inodes->n, sizeof(*is_held));
	if (!is_held)
		return -ENOMEM;
	for (uint32_t i = 0; i < pass->n_allowed && pass->workers[i]; i++) {
		const struct holders_found *found = &pass->workers[i]->found;

		for (uint32_t k = 0; k < found->finds.n; k++) {
			bool *held = &is_held[found->finds.items[k].inode];

			n_held += !*held;
			*held = true;
		}
	}
	if (n_held < question->inodes->n) {
		pass->is_held = is_held;
		r = run(pass, visit_tasks);
		pass->is_held = NULL;
	}
	free(is_held);
	return r;
}

/* Adds what one thread found to the whole. */
static int merge(struct holders_found *whole, struct holders_found *part)
{
	if (array_reserve(&whole->finds, part->finds.n) < 0 ||
	    array_reserve(&whole->processes, part->processes.n) < 0 ||
	    array_reserve(&whole->members, part->members.n) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < part->finds.n; i++) {
		struct holders_find *find = &whole->finds.items[whole->finds.n++];

		*find = part->finds.items[i];
		find->process += whole->processes.n;
	}
	for (uint32_t i = 0; i < part->processes.n; i++)
		whole->processes.items[whole->processes.n++] = part->processes.items[i];
	for (uint32_t i = 0; i < part->members.n; i++)
		whole->members.items[whole->members.n++] = part->members.items[i];
	arena_absorb(&whole->arena, &part->arena);
	whole->n_denied += part->n_denied;
	whole->n_failed += part->n_failed;
	if (part->error)
		whole->error = part->error;
	whole->hit_limit |= part->hit_limit;
	whole->was_shut |= part->was_shut;
	whole->saw_socket |= part->saw_socket;
	return 0;
}

static bool lists(const struct pass *pass, uint32_t pid)
{
	for (uint32_t i = 0; i < pass->n_pids; i++)
		if (pass->pids[i] == pid)
			return true;
	return false;
}

static uint32_t count_cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);

	return n > THREADS_MAX ? THREADS_MAX : (uint32_t)n;
}

/* Only root may enter other namespaces, and has something of it when told of them. */
static bool may_tell_elsewhere(const struct hark_snapshot *snapshot)
{
	return snapshot->wants_elsewhere && snapshot->namespaces.n &&
	       snapshot->namespaces.items[0].inode && geteuid() == 0;
}

int holders_by_proc(const struct holders_question *question, struct holders_found *ret)
{
	struct pass pass = { .question = question,
			     .proc_fd = question->source->proc_fd,
			     .n_allowed = count_cpus() };
	uint32_t only_pid = question->only_pid;
	bool has_our_numbers;
	int r = 0;

	if (only_pid) {
		pass.pids = &only_pid;
		pass.n_pids = 1;
	} else {
		r = process_list(pass.proc_fd, &pass.pids, &pass.n_pids);
	}
	if (r < 0)
		return r;
	pass.wants_members = !only_pid && may_tell_elsewhere(question->snapshot);
	pass.finds_max = ROWS_MAX / pass.n_allowed;
	has_our_numbers = process_numbers_are_ours(pass.proc_fd);
	pass.may_compare = has_our_numbers && share_table((uint32_t)getpid(), (uint32_t)getpid());
	/* A PID namespace always has a process 1. */
	ret->hides_others = has_our_numbers && !lists(&pass, 1);
	pass.workers[0] = new_worker(&pass);
	r = pass.workers[0] ? run(&pass, visit_process) : -ENOMEM;
	if (r >= 0)
		r = run_for_threads(&pass);
	for (uint32_t i = 0; i < pass.n_allowed && pass.workers[i]; i++) {
		struct worker *worker = pass.workers[i];

		if (r >= 0)
			r = merge(ret, &worker->found);
		ret->hit_budget |= worker->reader.hit_budget;
		holders_found_fini(&worker->found);
		free(worker);
	}
	if (pass.pids != &only_pid)
		free(pass.pids);
	if (r >= 0 && pass.wants_members)
		namespaces_count_members(question->source, question->snapshot, ret->members.items,
					 ret->members.n);
	return r;
}
