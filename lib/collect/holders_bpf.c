/* SPDX-License-Identifier: MIT */
/*
 * Who holds a socket, by a BPF task iterator that walks the descriptor tables in the kernel: one
 * pass for all processes and all network namespaces, a fiftieth of the time that /proc takes on a
 * large host, and no inode is made for any descriptor. It wants CAP_BPF, CAP_PERFMON and BTF.
 *
 * Three programs do it. `marks` first goes through the hash tables of listeners for their files,
 * and then only compares pointers; it finds what hangs in these tables. `tables` looks at every
 * file. `files` does too, and leaves the walking to the kernel, for those before Linux 5.17.
 */
#include "holders.h"

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../bpf/shared.h"
#include "process.h"
#include "program.h"
#include "text.h"

#if HAVE_BPF
#include "files.bpf.h"
#include "marks.bpf.h"
#include "tables.bpf.h"

static const struct program_image *const images[] = {
	[BPF_PROGRAM_MARKS] = &marks_image,
	[BPF_PROGRAM_TABLES] = &tables_image,
	[BPF_PROGRAM_FILES] = &files_image,
};
#else
static const struct program_image *const images[BPF_PROGRAM_N_];
#endif

/*
 * Open files of the whole host below which /proc is as fast as a program that must be loaded first,
 * and those below which the longer loading of the larger program (1.2 ms) is not made up for by
 * the faster walk (45 ns a file). docs/benchmarks.md has the measurement.
 */
#define FILES_WORTH_A_PROGRAM 500
#define FILES_WORTH_MARKS     30000
/* Room for so many finds and tasks at first; what is lost for want of room is fetched again. */
#define FINDS_AT_FIRST 4096
#define TASKS_AT_FIRST 1024
#define TRIES_MAX      3
/* Texts of the processes. */
#define TEXT_BUDGET (64u << 20)

struct scan {
	const struct holders_question *question;
	struct holders_found *found;
	struct process_reader reader;
	struct hash groups; /* bpf_task.cgroups to an index of `members` */
	ARRAY(struct hark_process) members;
	bool *is_settled; /* by number of inode: held, or the kernel's */
	uint32_t n_settled;
	bool has_walked_1;
	bool has_proc; /* whose numbers are ours */
};

static bool is_wanted_protocol(const struct holders_question *question, enum hark_protocol protocol)
{
	return question->protocols & 1u << protocol;
}

static void open_guides(const struct holders_question *question, struct bpf_memory *memory)
{
	static const struct {
		enum hark_protocol wanted;
		int family, type, protocol;
	} guides[BPF_GUIDE_N_] = {
		[BPF_GUIDE_TCP] = { HARK_PROTOCOL_TCP, AF_INET, SOCK_STREAM, IPPROTO_TCP },
		[BPF_GUIDE_UDP] = { HARK_PROTOCOL_UDP, AF_INET, SOCK_DGRAM, IPPROTO_UDP },
		[BPF_GUIDE_UDPLITE] = { HARK_PROTOCOL_UDPLITE, AF_INET, SOCK_DGRAM,
					IPPROTO_UDPLITE },
		[BPF_GUIDE_RAW4] = { HARK_PROTOCOL_RAW, AF_INET, SOCK_RAW, IPPROTO_RAW },
		[BPF_GUIDE_RAW6] = { HARK_PROTOCOL_RAW, AF_INET6, SOCK_RAW, IPPROTO_RAW },
	};

	memory->any_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < BPF_GUIDE_N_; i++)
		memory->guides[i] = is_wanted_protocol(question, guides[i].wanted) ?
					    socket(guides[i].family, guides[i].type | SOCK_CLOEXEC,
						   guides[i].protocol) :
					    -1;
}

static void close_guides(struct bpf_memory *memory)
{
	for (int i = 0; i < BPF_GUIDE_N_; i++)
		if (memory->guides[i] >= 0)
			close(memory->guides[i]);
	if (memory->any_socket >= 0)
		close(memory->any_socket);
}

static void fill_filter(const struct scan *scan, struct bpf_filter *filter)
{
	const struct holders_question *question = scan->question;

	for (uint32_t i = 0; i < question->inodes->n; i++) {
		uint32_t bit = BPF_FILTER_HASH(question->list[i].inode);

		if (!scan->is_settled[i])
			filter->words[bit / 64] |= 1ull << bit % 64;
	}
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
	struct hark_process process = { .pid = task->pid, .uid = HARK_NONE };
	int r;

	if (scan->question->details & HARK_DETAIL_PROCESS) {
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
		uint32_t number = hash_get(scan->question->inodes, finds[i].inode);

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

static int take_kernel_finds(struct scan *scan, const struct bpf_find *finds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = hash_get(scan->question->inodes, finds[i].inode);

		/* An MPTCP listener's inode is also that of the TCP socket beneath it. */
		if (number == UINT32_MAX || scan->is_settled[number] ||
		    scan->question->list[number].is_mptcp)
			continue;
		if (array_reserve(&scan->found->kernel, 1u) < 0)
			return -ENOMEM;
		scan->found->kernel.items[scan->found->kernel.n++] = number;
		scan->is_settled[number] = true;
		scan->n_settled++;
	}
	return 0;
}

static int take_all(struct scan *scan, const struct program *program)
{
	const struct bpf_memory *memory = program->maps[PROGRAM_MEMORY];
	const struct bpf_find *finds = program->maps[PROGRAM_FINDS];
	const struct bpf_task *tasks = program->maps[PROGRAM_TASKS];
	int r = take_kernel_finds(scan, finds, memory->n_kernel_finds);

	for (uint32_t i = 0; i < memory->n_tasks && r == 0; i++) {
		uint32_t first = tasks[i].first_find;
		uint32_t end = i + 1 < memory->n_tasks ? tasks[i + 1].first_find : memory->n_finds;

		if (first > end || end > memory->n_finds)
			return -EBADMSG;
		r = take_task(scan, &tasks[i], finds + first, end - first);
	}
	scan->has_walked_1 |= memory->has_walked_1;
	return r;
}

/* Runs a program, again with more room where it had too little: 0, or -errno. */
static int run(struct scan *scan, enum bpf_program number, struct program_failure *retfail)
{
	struct program_size sizes[PROGRAM_MAP_N_] = {
		[PROGRAM_MEMORY] = { sizeof(struct bpf_memory), 1 },
		[PROGRAM_FINDS] = { sizeof(struct bpf_find),
				    FINDS_AT_FIRST + 2 * scan->question->inodes->n },
		[PROGRAM_TASKS] = { sizeof(struct bpf_task), TASKS_AT_FIRST },
	};
	struct program program;
	bool fits = false;
	int r = 0;

	if (!images[number])
		return -ENOSYS;
	for (int i = 0; i < TRIES_MAX && !fits && r == 0; i++) {
		struct bpf_memory *memory;

		r = program_load(&program, scan->question->source, images[number], sizes, retfail);
		if (r < 0)
			return r;
		memory = program.maps[PROGRAM_MEMORY];
		retfail->step = "running the program";
		open_guides(scan->question, memory);
		fill_filter(scan, &memory->wanted);
		r = program_run(&program);
		close_guides(memory);
		fits = memory->n_finds <= sizes[PROGRAM_FINDS].n_values &&
		       memory->n_tasks <= sizes[PROGRAM_TASKS].n_values;
		if (r == 0 && fits)
			r = take_all(scan, &program);
		sizes[PROGRAM_FINDS].n_values = memory->n_finds + memory->n_finds / 4 + 64;
		sizes[PROGRAM_TASKS].n_values = memory->n_tasks + memory->n_tasks / 4 + 64;
		program_unload(&program);
	}
	return r < 0 ? r : fits ? 0 : -E2BIG;
}

static const char *const names[] = {
	[BPF_PROGRAM_MARKS] = "marks",
	[BPF_PROGRAM_TABLES] = "tables",
	[BPF_PROGRAM_FILES] = "files",
};

static int tell(struct scan *scan, enum bpf_program number, int error,
		const struct program_failure *failure)
{
	struct hark_snapshot *snapshot = scan->question->snapshot;
	const char *detail;

	if (error == 0)
		detail = arena_printf(&snapshot->arena, "holders by BPF (%s)", names[number]);
	else
		detail = arena_printf(&snapshot->arena, "no holders by BPF (%s): %s%s%s: %s",
				      names[number], failure->step, failure->what ? ", " : "",
				      failure->what ? failure->what : "",
				      error == -ENOSYS ? "built without BPF" : strerror(-error));
	if (!detail)
		return -ENOMEM;
	return snapshot_note_debug(snapshot, HARK_NOTE_HOLDERS,
				   error ? HARK_NOTE_FALLBACK : HARK_NOTE_METHOD, error, detail);
}

/* The first of the programs, from this one on, that works. */
static int run_any(struct scan *scan, enum bpf_program first)
{
	int r = -ENOSYS;

	for (enum bpf_program i = first; i < BPF_PROGRAM_N_; i++) {
		struct program_failure failure = { .step = "loading" };
		int told;

		r = run(scan, i, &failure);
		told = r == -ENOMEM ? r : tell(scan, i, r, &failure);
		if (told < 0)
			return told;
		/* What is not permitted, or not built in, is so for all of them. */
		if (r == 0 || r == -EPERM || r == -ENOSYS || scan->question->is_program_chosen)
			break;
	}
	return r;
}

enum bpf_program holders_bpf_choose(const struct holders_question *question)
{
	char text[64];
	const char *at = text;
	uint64_t n = UINT64_MAX;

	/* A /proc of another PID namespace numbers processes in another way than a program does. */
	if (!question->source->ops->bpf || !images[0] ||
	    !process_numbers_are_ours(question->source->proc_fd))
		return BPF_PROGRAM_N_;
	/* The first number is that of the open files. */
	if (source_read_file(question->source->proc_fd, "sys/fs/file-nr", text, sizeof(text)) > 0)
		(void)text_take_u64(&at, 10, UINT64_MAX, &n);
	if (n < FILES_WORTH_A_PROGRAM)
		return BPF_PROGRAM_N_;
	return question->has_connections || n < FILES_WORTH_MARKS ? BPF_PROGRAM_TABLES :
								    BPF_PROGRAM_MARKS;
}

int holders_by_bpf(const struct holders_question *question, enum bpf_program first,
		   struct holders_found *ret)
{
	struct scan scan = {
		.question = question,
		.found = ret,
		.is_settled = calloc(question->inodes->n, sizeof(*scan.is_settled)),
		.has_proc = process_numbers_are_ours(question->source->proc_fd),
		.reader = { .arena = &ret->arena,
			    .details = question->details,
			    .budget = TEXT_BUDGET },
	};
	int r = scan.is_settled ? 0 : -ENOMEM;

	if (r == 0 && !question->source->ops->bpf)
		r = -ENOSYS;
	if (r == 0)
		r = run_any(&scan, first);
	/*
	 * `marks` does not find what hangs in no table of listeners, or in one of a namespace of
	 * its own; the others do not know what no file refers to.
	 */
	ret->hides_1 = !scan.has_walked_1;
	if (r == 0 && scan.n_settled < question->inodes->n && question->is_program_chosen)
		ret->is_partial = first == BPF_PROGRAM_MARKS;
	else if (r == 0 && scan.n_settled < question->inodes->n)
		r = run_any(&scan,
			    first == BPF_PROGRAM_MARKS ? BPF_PROGRAM_TABLES : BPF_PROGRAM_MARKS);
	ret->hit_budget |= scan.reader.hit_budget;
	hash_fini(&scan.groups);
	array_fini(&scan.members);
	free(scan.is_settled);
	return r;
}
