/* SPDX-License-Identifier: MIT */
/*
 * Joins what was found open with the sockets. One inode may stand for several sockets (rows), and
 * many descriptors for one inode, so the finds are grouped by inode first and then copied to each
 * socket's row.
 */
#include "holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect.h"
#include "process.h"
#include "text.h"

void holders_found_fini(struct holders_found *found)
{
	array_fini(&found->finds);
	array_fini(&found->processes);
	array_fini(&found->members);
	array_fini(&found->kernel);
	arena_fini(&found->arena);
}

/*
 * sock_i_ino() is 0 without a struct socket, and so without a file. A process that closes its
 * listener loses that only when the listener is off the lists (net/core/sock.c:
 * sk_common_release(), net/ipv4/tcp.c: __tcp_close()). The TCP socket beneath an MPTCP one has the
 * inode of that (net/mptcp/subflow.c: mptcp_subflow_create_socket()).
 */
static bool is_without_file(const struct hark_socket *socket)
{
	return socket->is_listener && !socket->inode;
}

/* What is read and written here of a row, of whichever table it is. */
struct row {
	uint32_t inode;
	uint32_t first_holder;
	uint32_t n_holders;
	uint8_t holders;
	bool holders_complete;
	bool is_kernel;
};

/* Sockets, then those of AF_UNIX. */
static uint32_t count_rows(const struct hark_snapshot *snapshot)
{
	return snapshot->sockets.n + snapshot->unix_sockets.n;
}

static struct row get_row(const struct hark_snapshot *snapshot, uint32_t i)
{
	const struct hark_unix_socket *unix_socket;

	if (i < snapshot->sockets.n) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];

		return (struct row){ .inode = socket->inode,
				     .first_holder = socket->first_holder,
				     .is_kernel = socket->is_kernel || is_without_file(socket) };
	}
	unix_socket = &snapshot->unix_sockets.items[i - snapshot->sockets.n];
	return (struct row){ .inode = unix_socket->inode,
			     .first_holder = unix_socket->first_holder };
}

static void set_row(struct hark_snapshot *snapshot, uint32_t i, const struct row *row)
{
	struct hark_unix_socket *unix_socket;

	if (i < snapshot->sockets.n) {
		struct hark_socket *socket = &snapshot->sockets.items[i];

		socket->first_holder = row->first_holder;
		socket->n_holders = row->n_holders;
		socket->holders = row->holders;
		socket->holders_complete = row->holders_complete;
		socket->is_kernel = row->is_kernel;
		return;
	}
	unix_socket = &snapshot->unix_sockets.items[i - snapshot->sockets.n];
	unix_socket->first_holder = row->first_holder;
	unix_socket->n_holders = row->n_holders;
	unix_socket->holders = row->holders;
	unix_socket->holders_complete = row->holders_complete;
}

/* The wanted sockets' inodes. */
struct wanted {
	struct hash inodes;
	ARRAY(struct holders_wanted) list;
};

static void wanted_fini(struct wanted *wanted)
{
	hash_fini(&wanted->inodes);
	array_fini(&wanted->list);
}

/* Until the join, first_holder of a socket is the number of its inode. */
static int list_wanted(struct hark_snapshot *snapshot, struct wanted *wanted)
{
	if (hash_reserve(&wanted->inodes, count_rows(snapshot)) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < count_rows(snapshot); i++) {
		struct row row = get_row(snapshot, i);
		uint32_t number, next = wanted->list.n;

		if (!row.inode)
			continue;
		if (hash_add(&wanted->inodes, row.inode, next, &number) < 0 ||
		    array_reserve(&wanted->list, 1u) < 0)
			return -ENOMEM;
		if (number == next)
			wanted->list.items[wanted->list.n++] =
				(struct holders_wanted){ .inode = row.inode,
							 .is_unix = i >= snapshot->sockets.n };
		if (i < snapshot->sockets.n)
			wanted->list.items[number].is_mptcp |=
				snapshot->sockets.items[i].protocol == HARK_PROTOCOL_MPTCP;
		row.first_holder = number;
		set_row(snapshot, i, &row);
	}
	return 0;
}

struct pid_order {
	uint32_t pid;
	uint32_t old; /* index before sorting */
};

static int compare_pids(const void *left, const void *right)
{
	const struct pid_order *a = left, *b = right;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

/* Moves the processes to the snapshot, by pid and each once; the finds follow. */
static int move_processes(struct hark_snapshot *snapshot, struct holders_found *found)
{
	uint32_t n = found->processes.n;
	struct pid_order *order = reallocarray(NULL, n + 1, sizeof(*order));
	uint32_t *moved_to = reallocarray(NULL, n + 1, sizeof(*moved_to));
	int r = order && moved_to ? array_reserve(&snapshot->processes, n) : -ENOMEM;

	if (r < 0)
		goto out;
	for (uint32_t i = 0; i < n; i++)
		order[i] = (struct pid_order){ .pid = found->processes.items[i].pid, .old = i };
	qsort(order, n, sizeof(*order), compare_pids);
	for (uint32_t i = 0; i < n; i++) {
		if (!i || order[i].pid != order[i - 1].pid)
			snapshot->processes.items[snapshot->processes.n++] =
				found->processes.items[order[i].old];
		moved_to[order[i].old] = snapshot->processes.n - 1;
	}
	for (uint32_t i = 0; i < found->finds.n; i++)
		found->finds.items[i].process = moved_to[found->finds.items[i].process];
	arena_absorb(&snapshot->arena, &found->arena);
out:
	free(order);
	free(moved_to);
	return r;
}

/* Of one inode. */
static int compare_finds(const void *left, const void *right)
{
	const struct holders_find *a = left, *b = right;

	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return (a->fd > b->fd) - (a->fd < b->fd);
}

/* Drops doubles (two threads' tables) among the finds, which are in order. */
static void drop_doubles(struct holders_found *found, uint32_t *first_of, uint32_t n_inodes)
{
	struct holders_find *finds = found->finds.items;
	uint32_t n = 0, begin = 0;

	for (uint32_t inode = 0; inode < n_inodes; inode++) {
		uint32_t end = first_of[inode + 1];

		first_of[inode] = n;
		for (uint32_t i = begin; i < end; i++)
			if (i == begin || compare_finds(&finds[i - 1], &finds[i]))
				finds[n++] = finds[i];
		begin = end;
	}
	first_of[n_inodes] = n;
	found->finds.n = n;
}

/*
 * Sorts the finds, and tells where each inode's begin. Their inodes are numbers, of which there are
 * about as many: so each goes straight to where its own are, and they have no room but their own.
 */
static int group_finds(struct holders_found *found, uint32_t *first_of, uint32_t n_inodes)
{
	struct holders_find *finds = found->finds.items;
	uint32_t *next = reallocarray(NULL, n_inodes + 1, sizeof(*next)), sum = 0;

	if (!next)
		return -ENOMEM;
	memset(next, 0, (n_inodes + 1) * sizeof(*next));
	for (uint32_t i = 0; i < found->finds.n; i++)
		next[finds[i].inode]++;
	for (uint32_t inode = 0; inode <= n_inodes; inode++) {
		uint32_t n = next[inode];

		first_of[inode] = next[inode] = sum;
		sum += n;
	}
	for (uint32_t inode = 0; inode < n_inodes; inode++) {
		uint32_t n = first_of[inode + 1] - first_of[inode];

		while (next[inode] < first_of[inode + 1]) {
			struct holders_find *here = &finds[next[inode]];
			struct holders_find *there = &finds[next[here->inode]++], find = *there;

			*there = *here;
			if (here != there)
				*here = find;
		}
		if (n > 1)
			qsort(&finds[first_of[inode]], n, sizeof(*finds), compare_finds);
	}
	free(next);
	drop_doubles(found, first_of, n_inodes);
	return 0;
}

static int note_things(struct hark_snapshot *snapshot, uint32_t n, enum hark_note_why why,
		       int error, const char *one, const char *many)
{
	return snapshot_note_things(snapshot, HARK_NOTE_HOLDERS, why, error, n, one, many);
}

/* -EPERM where links alone were denied, as they are to a root without CAP_SYS_PTRACE. */
static int note_denied(struct hark_snapshot *snapshot, const struct holders_found *found)
{
	int error = found->was_shut ? -EACCES : -EPERM;

	if (geteuid() == 0)
		return note_things(snapshot, found->n_denied, HARK_NOTE_PERMISSION, error,
				   "one process could not be looked into, not even as root",
				   "processes could not be looked into, not even as root");
	return note_things(snapshot, found->n_denied, HARK_NOTE_PERMISSION, error,
			   "one process may not be looked into; run as root to see every holder",
			   "processes may not be looked into; run as root to see every holder");
}

static int note_found(struct hark_snapshot *snapshot, const struct holders_found *found)
{
	int r = note_denied(snapshot, found);

	if (r >= 0 && found->hides_others)
		r = snapshot_note(snapshot, HARK_NOTE_HOLDERS, HARK_NOTE_PERMISSION, 0,
				  "/proc does not list the processes of others (hidepid); "
				  "run as root to see every holder");
	if (r >= 0)
		r = note_things(snapshot, found->n_failed, HARK_NOTE_FAILED, found->error,
				"one process could not be looked into",
				"processes could not be looked into");
	if (r >= 0 && found->is_partial)
		r = snapshot_note(snapshot, HARK_NOTE_HOLDERS, HARK_NOTE_UNSUPPORTED, 0,
				  "the chosen program finds the holders of listeners alone");
	if (r >= 0 && found->hit_limit)
		r = snapshot_note(snapshot, HARK_NOTE_HOLDERS, HARK_NOTE_LIMIT, 0,
				  "more descriptors hold sockets than are kept");
	if (r >= 0 && found->hit_budget)
		r = snapshot_note(
			snapshot, HARK_NOTE_HOLDERS, HARK_NOTE_LIMIT, 0,
			"command lines, paths and cgroups were left out, for there are too many");
	return r;
}

/* What may be hidden from the search as a whole. */
struct blind_spots {
	bool is_complete;         /* all processes of this /proc were looked into */
	bool has_outer_processes; /* but there may be others */
	uint32_t n_unheld;        /* sockets that those may hold */
	bool *is_kernel;          /* by number of inode: no file refers to it */
};

/* The finds of a row's inode, as holders. */
static int add_holders(struct hark_snapshot *snapshot, const struct holders_found *found,
		       uint32_t first_find, uint32_t n, uint32_t i)
{
	uint32_t n_sockets = snapshot->sockets.n;

	if (array_reserve(&snapshot->holders, n) < 0)
		return -ENOMEM;
	for (uint32_t k = first_find; k < first_find + n; k++)
		snapshot->holders.items[snapshot->holders.n++] = (struct hark_holder){
			.socket = i < n_sockets ? i : HARK_NONE,
			.process = found->finds.items[k].process,
			.fd = found->finds.items[k].fd,
			.unix_socket = i < n_sockets ? HARK_NONE : i - n_sockets,
			.flags = HARK_NONE,
		};
	return 0;
}

/* Copies the finds of a row's inode to it. */
static int join_row(struct hark_snapshot *snapshot, struct holders_found *found,
		    const uint32_t *first_of, struct blind_spots *blind, uint32_t i)
{
	struct row row = get_row(snapshot, i);
	uint32_t inode = row.first_holder, n;

	row.holders = HARK_ABSENT;
	row.holders_complete = true;
	if (row.inode) {
		n = first_of[inode + 1] - first_of[inode];
		if (n > ROWS_MAX - snapshot->holders.n) {
			n = ROWS_MAX - snapshot->holders.n;
			found->hit_limit = true;
			blind->is_complete = false;
		}
		row.first_holder = snapshot->holders.n;
		row.n_holders = n;
		if (add_holders(snapshot, found, first_of[inode], n, i) < 0)
			return -ENOMEM;
		row.is_kernel |= !n && blind->is_kernel[inode];
	}
	if (row.inode && !row.is_kernel) {
		row.holders_complete = blind->is_complete && (n || !blind->has_outer_processes);
		if (n)
			row.holders = HARK_KNOWN;
		else if (!row.holders_complete)
			row.holders = HARK_DENIED;
		blind->n_unheld += !n;
	}
	set_row(snapshot, i, &row);
	return 0;
}

static int join(struct hark_snapshot *snapshot, struct holders_found *found,
		const uint32_t *first_of, struct blind_spots *blind)
{
	int r = 0;

	for (uint32_t i = 0; i < count_rows(snapshot) && r == 0; i++)
		r = join_row(snapshot, found, first_of, blind, i);
	return r;
}

static int join_found(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t n_inodes,
		      struct holders_found *found)
{
	struct blind_spots blind = {
		.is_complete = !found->n_denied && !found->n_failed && !found->hides_others &&
			       !found->hit_limit && !found->is_partial,
		.has_outer_processes = process_is_inner(source->proc_fd),
	};
	uint32_t *first_of = reallocarray(NULL, n_inodes + 1, sizeof(*first_of));
	int r;

	blind.is_kernel = calloc(n_inodes + 1, sizeof(*blind.is_kernel));
	r = first_of && blind.is_kernel ? move_processes(snapshot, found) : -ENOMEM;
	if (r >= 0) {
		for (uint32_t i = 0; i < found->kernel.n; i++)
			blind.is_kernel[found->kernel.items[i]] = true;
		r = group_finds(found, first_of, n_inodes);
	}
	if (r >= 0)
		r = join(snapshot, found, first_of, &blind);
	if (r >= 0)
		r = note_found(snapshot, found);
	snapshot->saw_socket = found->saw_socket;
	if (r >= 0 && blind.is_complete && blind.has_outer_processes)
		r = note_things(snapshot, blind.n_unheld, HARK_NOTE_PERMISSION, 0,
				"one socket is held by nobody in this PID namespace, and processes "
				"outside of it cannot be seen",
				"sockets are held by nobody in this PID namespace, and processes "
				"outside of it cannot be seen");
	free(first_of);
	free(blind.is_kernel);
	return r;
}

static int leave_unknown(struct hark_snapshot *snapshot, enum hark_holders_way way, int error)
{
	bool is_denied = error == -EACCES || error == -EPERM;

	for (uint32_t i = 0; i < count_rows(snapshot); i++) {
		struct row row = get_row(snapshot, i);

		row.first_holder = 0;
		row.holders = HARK_ABSENT;
		row.holders_complete = !row.inode;
		if (row.inode)
			row.holders = is_denied ? HARK_DENIED : HARK_UNSUPPORTED;
		set_row(snapshot, i, &row);
	}
	if (way >= HARK_HOLDERS_BPF)
		return snapshot_note(snapshot, HARK_NOTE_HOLDERS,
				     is_denied ? HARK_NOTE_PERMISSION : HARK_NOTE_UNSUPPORTED,
				     error, "BPF could not be used (--debug tells why)");
	if (error == -ENOENT)
		return snapshot_note(snapshot, HARK_NOTE_HOLDERS, HARK_NOTE_UNSUPPORTED, error,
				     "there is no /proc that lists processes");
	return snapshot_note(snapshot, HARK_NOTE_HOLDERS,
			     is_denied ? HARK_NOTE_PERMISSION : HARK_NOTE_FAILED, error,
			     "/proc could not be read");
}

static int by_proc(struct holders_question *question, uint32_t only_pid,
		   struct holders_found *found)
{
	question->only_pid = only_pid;
	return holders_by_proc(question, found);
}

/* Whether process 1 may be looked into, as far as one link tells, which is quickly had. */
static bool may_see_1(const struct hark_source *source)
{
	char target[1];

	return readlinkat(source->proc_fd, "1/fd/0", target, sizeof(target)) >= 0 ||
	       errno == ENOENT;
}

/* Process 1, which some kernels hide from programs, /proc may still show. */
static int by_walk(struct holders_question *question, struct walk *walk,
		   struct holders_found *found)
{
	int r = holders_by_walk(question, walk, found);

	if (r < 0 || !found->hides_1)
		return r;
	if (question->source->proc_fd >= 0 && may_see_1(question->source))
		return by_proc(question, 1, found);
	found->n_denied++;
	return 0;
}

/*
 * Open files of the whole host below which /proc is as fast as a program that must be loaded first,
 * and those below which the longer loading of the larger program (0.8 ms) is not made up for by
 * the faster walk (45 ns a file). docs/benchmarks.md has the measurement.
 */
#define FILES_WORTH_A_PROGRAM 500
#define FILES_WORTH_MARKS     20000
/* And those of a host whose dump of connections is likely to be long. */
#define FILES_WORTH_A_THREAD 20000

static uint64_t count_files(const struct hark_source *source)
{
	char text[64];
	const char *at = text;
	uint64_t n = UINT64_MAX;

	/* The first number is that of the open files. */
	if (source_read_file(source->proc_fd, "sys/fs/file-nr", text, sizeof(text)) > 0)
		(void)text_take_u64(&at, 10, UINT64_MAX, &n);
	return n;
}

/* A /proc of another PID namespace numbers processes in another way than a program does. */
static bool may_use_bpf(const struct hark_source *source)
{
	return walk_is_possible(source) && process_numbers_are_ours(source->proc_fd);
}

struct walk *holders_begin(struct hark_source *source, enum hark_holders_way way,
			   const struct holders_prospect *prospect)
{
	struct walk_question question = { .example = -1,
					  .wants_namespaces = prospect->has_namespaces };
	uint64_t n_files = count_files(source);

	if (way == HARK_HOLDERS_PROC)
		return NULL;
	if (way == HARK_HOLDERS_AUTO && (!may_use_bpf(source) || (n_files < FILES_WORTH_A_PROGRAM &&
								  !prospect->has_namespaces)))
		return NULL;
	/* Only `marks` sees listeners in a namespace that cannot be entered. */
	question.first =
		prospect->has_connections || prospect->has_unix ||
				(n_files < FILES_WORTH_MARKS && !prospect->has_namespaces) ?
			WALK_TABLES :
			WALK_MARKS;
	if (way > HARK_HOLDERS_BPF) {
		question.first = WALK_MARKS + (way - HARK_HOLDERS_BPF_MARKS);
		question.is_only = true;
	}
	/*
	 * A thread is worth it beside a long dump of connections, unless few of them are wanted in
	 * the end: to wake another processor, and then this one, takes longer than a short dump.
	 */
	return walk_begin(source, &question,
			  prospect->has_connections && !prospect->is_narrow &&
				  n_files >= FILES_WORTH_A_THREAD);
}

void holders_end(struct walk *walk)
{
	walk_free(walk);
}

/* What nobody seems to hold may be the kernel's own, which only a program can tell. */
static int settle_unheld(struct holders_question *question, struct holders_found *found)
{
	int r = may_use_bpf(question->source) ? holders_by_walk(question, NULL, found) : 0;

	found->hides_1 = false; /* /proc was asked */
	return r == -ENOMEM ? r : 0;
}

static int find(struct holders_question *question, enum hark_holders_way way, struct walk *walk,
		struct holders_found *found)
{
	int r;

	if (!walk && way > HARK_HOLDERS_PROC)
		return -ENOMEM;
	if (!walk) {
		r = by_proc(question, 0, found);
		return r == 0 && way == HARK_HOLDERS_AUTO ? settle_unheld(question, found) : r;
	}
	question->is_only_program = way > HARK_HOLDERS_BPF;
	r = by_walk(question, walk, found);
	if (r < 0 && r != -ENOMEM && way == HARK_HOLDERS_AUTO) {
		holders_found_fini(found);
		*found = (struct holders_found){ 0 };
		r = by_proc(question, 0, found);
	}
	return r;
}

int holders_collect(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t details,
		    enum hark_holders_way way, struct walk *walk)
{
	struct wanted wanted = { 0 };
	struct holders_found found = { 0 };
	int r = list_wanted(snapshot, &wanted);
	uint32_t n_inodes = wanted.list.n;

	if (r >= 0 && (n_inodes || details & HARK_DETAIL_DENIALS)) {
		struct holders_question question = { .source = source,
						     .snapshot = snapshot,
						     .inodes = &wanted.inodes,
						     .list = wanted.list.items,
						     .details = details };

		/* A program would find nothing, and so never say that it may not be used. */
		r = n_inodes ? find(&question, way, walk, &found) : by_proc(&question, 0, &found);
	}
	wanted_fini(&wanted); /* room for the join */
	if (r >= 0)
		r = join_found(source, snapshot, n_inodes, &found);
	else if (r != -ENOMEM)
		r = leave_unknown(snapshot, way, r);
	holders_found_fini(&found);
	return r;
}
