/* SPDX-License-Identifier: MIT */
/*
 * Reading the network namespaces of a host. A thread enters one after the other by setns() and
 * opens netlink sockets there; the caller waits. It must not be the caller's own thread: that would
 * have to find its way back, and /proc/self/net is about the first thread of a process.
 *
 * What is below /proc/thread-self/net is looked up anew after setns() since Linux 5.1 (fs/proc/
 * generic.c, pde_force_lookup), and by the long-term kernels before.
 */
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect.h"
#include "process.h"
#include "text.h"
#include "thread.h"

#define NAMESPACES_MAX (1u << 16)
/* Where `ip netns` mounts them; what else stands there is called by its name, too. */
#define NAMED "/run/netns/"
/* Once, and again where some were gone: others may have come, and those be reached otherwise. */
#define MAX_ROUNDS 2

bool netns_parse(const char *target, uint64_t *ret_inode)
{
	static const char prefix[] = "net:[";
	const char *at = target + strlen(prefix);

	return !strncmp(target, prefix, strlen(prefix)) &&
	       text_take_u64(&at, 10, UINT64_MAX, ret_inode) && !strcmp(at, "]");
}

void netns_table_fini(struct netns_table *table)
{
	array_fini(&table->items);
	hash_fini(&table->by_inode);
	arena_fini(&table->arena);
}

/* The row of a namespace, new or not: 1; 0: it is not to be kept; or -ENOMEM. */
static int find_row(struct netns_table *table, uint64_t inode, struct netns **ret)
{
	uint32_t i;

	if (!inode || inode == table->own)
		return 0;
	i = hash_get(&table->by_inode, inode);
	if (i == UINT32_MAX) {
		if (table->items.n >= NAMESPACES_MAX) {
			table->hit_limit = true;
			return 0;
		}
		i = table->items.n;
		if (array_reserve(&table->items, 1u) < 0 ||
		    hash_put(&table->by_inode, inode, i) < 0)
			return -ENOMEM;
		table->items.items[table->items.n++] = (struct netns){ .inode = inode };
	}
	*ret = &table->items.items[i];
	return 1;
}

int netns_add(struct netns_table *table, uint64_t inode)
{
	struct netns *netns;
	int r = find_row(table, inode, &netns);

	if (r > 0)
		netns->has_file = true;
	return r < 0 ? r : 0;
}

int netns_add_listener(struct netns_table *table, uint64_t inode)
{
	struct netns *netns;
	int r = find_row(table, inode, &netns);

	if (r > 0)
		netns->has_listeners = true;
	return r < 0 ? r : 0;
}

bool netns_has_way(const struct netns *netns)
{
	return netns->mount || netns->n_pids || netns->fd_pid;
}

int netns_add_process(struct netns_table *table, uint64_t inode, uint32_t pid)
{
	struct netns *netns;
	int r = find_row(table, inode, &netns);

	if (r > 0 && netns->n_pids < NETNS_PIDS)
		netns->pids[netns->n_pids++] = pid;
	return r < 0 ? r : 0;
}

int netns_add_mount(struct netns_table *table, uint64_t inode, const char *path)
{
	struct netns *netns;
	int r = find_row(table, inode, &netns);

	if (r <= 0)
		return r;
	if (netns->mount &&
	    (strncmp(path, NAMED, strlen(NAMED)) || !strncmp(netns->mount, NAMED, strlen(NAMED))))
		return 0;
	netns->mount = arena_strdup(&table->arena, path);
	return netns->mount ? 0 : -ENOMEM;
}

int netns_add_descriptor(struct netns_table *table, uint64_t inode, uint32_t pid, uint32_t fd)
{
	struct netns *netns;
	int r = find_row(table, inode, &netns);

	if (r > 0 && !netns->fd_pid) {
		netns->fd_pid = pid;
		netns->fd = fd;
	}
	return r < 0 ? r : 0;
}

struct visit {
	struct hark_source *source;
	struct hark_snapshot *snapshot;
	const struct namespaces_question *question;
	struct netns_table table;
	struct process_reader reader;
	uint32_t n_denied, n_failed; /* namespaces */
	uint32_t n_unreached;        /* with listeners in them */
	cpu_set_t cpus;              /* that we may run on; none: not known */
	bool is_again, has_walked;
	int error; /* -ENOMEM: stop */
};

/* Tries every way in: 0, or the errno that tells most. */
static int enter(struct visit *visit, const struct netns *netns)
{
	struct hark_source *source = visit->source;
	uint32_t n_ways = netns->n_pids + 2;
	char path[64];
	int told = -ENOENT;

	for (uint32_t i = 0; i < n_ways; i++) {
		const char *mount = NULL;
		int r;

		if (i == 0 && !netns->mount)
			continue;
		if (i == 0)
			mount = arena_printf(&visit->table.arena, "self/root%s", netns->mount);
		else if (i <= netns->n_pids)
			snprintf(path, sizeof(path), "%u/ns/net", netns->pids[i - 1]);
		else if (netns->fd_pid)
			snprintf(path, sizeof(path), "%u/fd/%u", netns->fd_pid, netns->fd);
		else
			continue;
		if (i == 0 && !mount)
			return -ENOMEM;
		r = source->ops->enter(source, mount ? mount : path, netns->inode);
		if (r == 0)
			return 0;
		if (r != -ENOENT && r != -ESRCH && r != -ESTALE && r != -ENOTDIR)
			told = r;
	}
	return told;
}

/* What one of the processes in it belongs to. */
static int read_origin(struct visit *visit, const struct netns *netns)
{
	struct hark_snapshot *snapshot = visit->snapshot;
	struct hark_process process;
	char path[16];
	int fd = -1, r = 0;

	if (!(visit->question->details & HARK_DETAIL_CGROUP))
		return 0;
	for (uint32_t i = 0; i < netns->n_pids && r >= 0; i++) {
		snprintf(path, sizeof(path), "%u", netns->pids[i]);
		fd = openat(visit->source->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		r = process_read(&visit->reader, fd, netns->pids[i], &process);
		close(fd);
		if (r == 0)
			break;
		r = r == -ENOMEM ? r : 0;
		fd = -1;
	}
	if (r < 0 || fd < 0)
		return r;
	if (array_reserve(&snapshot->origins, 1u) < 0)
		return -ENOMEM;
	snapshot->namespace_origins.items[snapshot_netns(snapshot)] = snapshot->origins.n;
	snapshot->origins.items[snapshot->origins.n++] = process;
	return 0;
}

/* The row of a namespace that was entered, or cannot be. */
static struct hark_namespace *begin_row(struct visit *visit, const struct netns *netns,
					const struct hark_namespace *row)
{
	struct arena *arena = &visit->snapshot->arena;
	struct hark_namespace *added = snapshot_begin_namespace(visit->snapshot);

	if (!added)
		return NULL;
	added->inode = row->inode;
	added->pid = row->pid;
	added->name = row->name ? arena_strdup(arena, row->name) : NULL;
	added->mount = row->mount ? arena_strdup(arena, row->mount) : NULL;
	if (!added->name != !row->name || !added->mount != !row->mount)
		return NULL;
	return read_origin(visit, netns) < 0 ? NULL : added;
}

static int note_unentered(struct visit *visit, struct netns *netns,
			  const struct hark_namespace *row, int error)
{
	bool is_denied = error == -EPERM || error == -EACCES;
	struct hark_namespace *added;

	if (error == -ENOMEM)
		return error;
	if (error == -ENOENT && !netns_has_way(netns)) {
		netns->is_done = true;
		visit->n_unreached += netns->has_listeners;
		return 0;
	}
	netns->is_gone = error == -ENOENT;
	netns->is_done = !netns->is_gone;
	if (netns->is_gone)
		return 0;
	visit->n_denied += is_denied;
	visit->n_failed += !is_denied;
	added = begin_row(visit, netns, row);
	if (!added)
		return -ENOMEM;
	added->presence = added->places_presence = is_denied ? HARK_DENIED : HARK_UNSUPPORTED;
	return 0;
}

static int visit_one(struct visit *visit, struct netns *netns)
{
	const struct namespaces_question *question = visit->question;
	struct hark_source *source = visit->source;
	struct hark_namespace *added,
		row = { .inode = netns->inode, .pid = netns->n_pids ? netns->pids[0] : 0 };
	int r;

	if (netns->mount && !strncmp(netns->mount, NAMED, strlen(NAMED)))
		row.name = netns->mount + strlen(NAMED);
	else
		row.mount = netns->mount;
	netns->is_done = !question->is_wanted(question->data, &row);
	if (netns->is_done)
		return 0;
	r = source->ops->enter ? enter(visit, netns) : -EOPNOTSUPP;
	if (r < 0)
		return note_unentered(visit, netns, &row, r);
	netns->is_done = true;
	added = begin_row(visit, netns, &row);
	if (added && !question->only_counts)
		collect_switches(source, added);
	r = added ? question->read(question->data) : -ENOMEM;
	source->ops->leave(source);
	if (r < 0 && r != -ENOMEM) {
		snapshot_namespace(visit->snapshot)->presence = HARK_UNSUPPORTED;
		visit->n_failed++;
	}
	return r == -ENOMEM ? r : 0;
}

/* Those with a name first, by it; then as they were made. */
static int compare_netns(const void *left, const void *right)
{
	const struct netns *a = *(const struct netns *const *)left;
	const struct netns *b = *(const struct netns *const *)right;

	if (!a->mount != !b->mount)
		return a->mount ? -1 : 1;
	if (a->mount && strcmp(a->mount, b->mount))
		return strcmp(a->mount, b->mount);
	return (a->inode > b->inode) - (a->inode < b->inode);
}

static void *visit_all(void *data)
{
	struct visit *visit = data;
	uint32_t n = visit->table.items.n;
	struct netns **order = reallocarray(NULL, n + 1, sizeof(struct netns *));

	visit->error = order ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < n && order; i++)
		order[i] = &visit->table.items.items[i];
	if (order)
		qsort(order, n, sizeof(struct netns *), compare_netns);
	for (uint32_t i = 0; i < n && visit->error == 0; i++)
		if (!order[i]->is_done)
			visit->error = visit_one(visit, order[i]);
	free(order);
	return NULL;
}

/*
 * Keeps the calling thread, and one that it makes, on the processor that it is on: as the one waits
 * for the other, nothing is gained from waking another, which takes up to a millisecond.
 */
static void stay_here(cpu_set_t *ret_before)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	CPU_ZERO(&here);
	if (cpu >= 0 && cpu < CPU_SETSIZE)
		CPU_SET(cpu, &here);
	if (sched_getaffinity(0, sizeof(*ret_before), ret_before) < 0 ||
	    sched_setaffinity(0, sizeof(here), &here) < 0)
		CPU_ZERO(ret_before);
}

static void leave_here(const cpu_set_t *before)
{
	if (CPU_COUNT(before))
		(void)sched_setaffinity(0, sizeof(*before), before);
}

static void *start(void *data)
{
	struct visit *visit = data;

	leave_here(&visit->cpus);
	return visit_all(visit);
}

static int run_thread(struct visit *visit)
{
	pthread_t thread;
	int r;

	stay_here(&visit->cpus);
	r = thread_start(&thread, start, visit);
	leave_here(&visit->cpus);
	if (r < 0)
		return r;
	pthread_join(thread, NULL);
	return visit->error;
}

static int find_all(struct visit *visit)
{
	struct netns_table *table = &visit->table;
	bool with_all;
	int r = 0;

	table->n_denied = 0;
	if (!visit->question->only_counts)
		r = netns_find_mounts(visit->source, table);
	/* What has changed since the walk is only seen by looking anew. */
	if (r == 0 && visit->question->walk && !visit->is_again) {
		r = netns_find_by_walk(visit->source, visit->question->walk, table);
		visit->has_walked = r == 0;
		if (r == 0 || r == -ENOMEM)
			return r;
		r = 0;
	}
	/*
	 * Who spares the holders for the sake of time means to spare these, which take more; and to
	 * look anew for one that is gone is not worth it.
	 */
	with_all = visit->question->details & HARK_DETAIL_HOLDERS && !visit->has_walked;
	if (r == 0)
		r = netns_find_processes(visit->source, table, with_all);
	if (r == 0 && with_all)
		r = netns_find_descriptors(visit->source, table);
	return r;
}

/* How many were gone; the ways that led nowhere are forgotten. */
static uint32_t forget_ways(struct netns_table *table)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->items.n; i++) {
		struct netns *netns = &table->items.items[i];

		n += netns->is_gone;
		if (netns->is_gone)
			*netns = (struct netns){ .inode = netns->inode };
	}
	return n;
}

static int note_visit(struct visit *visit, uint32_t n_gone)
{
	struct hark_snapshot *snapshot = visit->snapshot;
	bool is_root = geteuid() == 0;
	int r = snapshot_note_things(
		snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_PERMISSION, -EACCES,
		visit->table.n_denied,
		is_root ?
			"the network namespace of one process may not be seen, not even as root" :
			"the network namespace of one process may not be seen; run as root to see them all",
		is_root ?
			"processes' network namespaces may not be seen, not even as root" :
			"processes' network namespaces may not be seen; run as root to see them all");

	if (r == 0)
		r = snapshot_note_things(
			snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_PERMISSION, -EPERM,
			visit->n_denied,
			is_root ?
				"one network namespace may not be entered, not even as root" :
				"one network namespace may not be entered; run as root to see its sockets",
			is_root ?
				"network namespaces may not be entered, not even as root" :
				"network namespaces may not be entered; run as root to see their sockets");
	if (r == 0)
		r = snapshot_note_things(snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_FAILED, 0,
					 visit->n_failed, "one network namespace could not be read",
					 "network namespaces could not be read");
	/* From within a PID namespace all those of others are such. */
	if (r == 0 && !process_is_inner(visit->source->proc_fd))
		r = snapshot_note_things(
			snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_UNSUPPORTED, 0,
			visit->n_unreached,
			"nothing leads into one network namespace that has listeners: "
			"only sockets keep it, or a mount that is out of sight",
			"network namespaces have listeners, but nothing leads into them: "
			"only sockets keep them, or mounts that are out of sight");
	if (r == 0 && visit->table.hit_limit)
		r = snapshot_note(snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_LIMIT, 0,
				  "there are more network namespaces than are read");
	if (r == 0 && n_gone)
		r = snapshot_note_debug(snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_FAILED, -ENOENT,
					"a network namespace was gone before it could be read");
	return r;
}

int namespaces_collect(struct hark_source *source, struct hark_snapshot *snapshot,
		       const struct namespaces_question *question)
{
	struct visit *visit = calloc(1, sizeof(*visit));
	uint32_t n_gone = 1;
	int r = 0;

	if (!visit)
		return -ENOMEM;
	visit->source = source;
	visit->snapshot = snapshot;
	visit->question = question;
	visit->table.own = snapshot->namespaces.items[0].inode;
	visit->reader.arena = &snapshot->arena;
	visit->reader.details = HARK_DETAIL_CGROUP;
	visit->reader.budget = PROCESS_TEXT_BUDGET;
	for (int i = 0; i < MAX_ROUNDS && n_gone && r == 0; i++) {
		visit->is_again = i > 0;
		r = find_all(visit);
		if (r == 0 && visit->table.items.n)
			r = run_thread(visit);
		n_gone = forget_ways(&visit->table);
	}
	if (r == 0)
		r = note_visit(visit, n_gone);
	else if (r != -ENOMEM)
		r = snapshot_note(snapshot, HARK_NOTE_NAMESPACES, HARK_NOTE_FAILED, r,
				  "the other network namespaces could not be read");
	netns_table_fini(&visit->table);
	free(visit);
	return r;
}
