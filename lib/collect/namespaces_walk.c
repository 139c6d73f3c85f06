/* SPDX-License-Identifier: MIT */
/* Which network namespaces there are, and what they have, by what a BPF program saw. */
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "collect.h"
#include "walk.h"

static int take(struct netns_table *table, const struct bpf_task *task, const struct bpf_find *find)
{
	switch (find->fd) {
	case BPF_FIND_NAMESPACE:
		return task ? netns_add_process(table, find->inode, task->tid) :
			      netns_add(table, find->inode);
	case BPF_FIND_LISTENER:
		return netns_add_listener(table, find->inode);
	default:
		return 0;
	}
}

static int take_namespaces(struct netns_table *table, const struct walk *walk)
{
	const struct bpf_task *task;
	const struct bpf_find *finds;
	uint32_t n;
	int r = 0;

	for (uint32_t i = 0; r == 0 && walk_task(walk, i, &task, &finds, &n); i++)
		for (uint32_t k = 0; k < n && r == 0; k++)
			r = take(table, task, &finds[k]);
	return r;
}

/* Those that no way in is known of; how many. */
static uint32_t fill_filter(const struct netns_table *table, struct bpf_filter *filter)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->items.n; i++) {
		const struct netns *netns = &table->items.items[i];

		if (netns_has_way(netns) || !netns->has_file)
			continue;
		walk_want(filter, (uint32_t)netns->inode);
		n++;
	}
	return n;
}

static int take_descriptors(struct netns_table *table, const struct walk *walk)
{
	const struct bpf_task *task;
	const struct bpf_find *finds;
	uint32_t n;
	int r = 0;

	for (uint32_t i = 1; r == 0 && walk_task(walk, i, &task, &finds, &n); i++)
		for (uint32_t k = 0; k < n && r == 0; k++)
			if (hash_get(&table->by_inode, finds[k].inode) != UINT32_MAX)
				r = netns_add_descriptor(table, finds[k].inode, task->pid,
							 finds[k].fd);
	return r;
}

/* The file of a namespace is known by its operations, as a socket's is. */
static int find_descriptors(struct hark_source *source, struct netns_table *table,
			    const struct bpf_filter *filter)
{
	struct walk_question question = { .first = WALK_TABLES };
	struct walk *walk;
	int r;

	question.example = openat(source->proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC);
	if (question.example < 0)
		return 0;
	walk = walk_begin(source, &question, false);
	r = walk ? walk_wait(walk, filter) : -ENOMEM;
	if (r == 0)
		r = take_descriptors(table, walk);
	walk_free(walk);
	close(question.example);
	return r == -ENOMEM ? r : 0;
}

int netns_find_by_walk(struct hark_source *source, struct walk *walk, struct netns_table *table)
{
	struct bpf_filter *filter = calloc(1, sizeof(*filter));
	int r = filter ? walk_wait(walk, NULL) : -ENOMEM;

	/* It is brought no thread that shares a table, and no task that has nothing open. */
	if (r == 0 && walk_ran(walk) == WALK_FILES)
		r = -EOPNOTSUPP;
	if (r == 0)
		r = take_namespaces(table, walk);
	if (r == 0 && fill_filter(table, filter))
		r = find_descriptors(source, table, filter);
	free(filter);
	return r;
}

static int compare_inodes(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

/* By the hash tables of listeners, where the program went through them. */
static int count_finds(const struct walk *walk, struct hark_elsewhere *ret)
{
	ARRAY(uint32_t) inodes = { 0 };
	const struct bpf_task *task;
	const struct bpf_find *finds;
	uint32_t n;

	for (uint32_t i = 0; walk_task(walk, i, &task, &finds, &n) && !task; i++) {
		if (array_reserve(&inodes, n) < 0)
			return -ENOMEM;
		for (uint32_t k = 0; k < n; k++)
			if (finds[k].fd == BPF_FIND_LISTENER)
				inodes.items[inodes.n++] = finds[k].inode;
	}
	if (inodes.n)
		qsort(inodes.items, inodes.n, sizeof(*inodes.items), compare_inodes);
	*ret = (struct hark_elsewhere){ .n_listeners = inodes.n };
	for (uint32_t i = 0; i < inodes.n; i++)
		ret->n_namespaces += !i || inodes.items[i] != inodes.items[i - 1];
	array_fini(&inodes);
	return 0;
}

struct count {
	struct hark_source *source;
	struct hark_snapshot *snapshot; /* that they are read into, to be thrown away */
	struct hark_elsewhere elsewhere;
};

static bool wants_any(void *data, const struct hark_namespace *namespace)
{
	(void)data;
	(void)namespace;
	return true;
}

static int count_one(void *data)
{
	struct count *count = data;
	/* An MPTCP listener is one of TCP, too, and the rest is rare. */
	struct collect_filter filter = { .protocols = 1u << HARK_PROTOCOL_TCP |
						      1u << HARK_PROTOCOL_UDP };
	uint32_t before = count->snapshot->sockets.n;
	struct hark_error ignored;
	int r = collect_sockets(count->source, count->snapshot, &filter, &ignored);

	if (r == 0 && count->snapshot->sockets.n > before) {
		count->elsewhere.n_namespaces++;
		count->elsewhere.n_listeners += count->snapshot->sockets.n - before;
	}
	return r;
}

static int count_by_entering(struct hark_source *source, const struct hark_snapshot *snapshot,
			     struct walk *walk, struct hark_elsewhere *ret)
{
	struct count count = { .source = source, .snapshot = snapshot_new() };
	const struct namespaces_question question = {
		.walk = walk,
		.only_counts = true,
		.is_wanted = wants_any,
		.read = count_one,
		.data = &count,
	};
	struct hark_namespace *own;
	int r;

	own = count.snapshot ? snapshot_begin_namespace(count.snapshot) : NULL;
	if (own)
		own->inode = snapshot->namespaces.items[0].inode;
	r = own ? namespaces_collect(source, count.snapshot, &question) : -ENOMEM;
	*ret = count.elsewhere;
	hark_snapshot_free(count.snapshot);
	return r;
}

static bool has_namespaces(const struct walk *walk)
{
	const struct bpf_task *task;
	const struct bpf_find *finds;
	uint32_t n;

	for (uint32_t i = 0; walk_task(walk, i, &task, &finds, &n); i++)
		for (uint32_t k = 0; k < n; k++)
			if (finds[k].fd == BPF_FIND_NAMESPACE)
				return true;
	return false;
}

int namespaces_count(struct hark_source *source, struct hark_snapshot *snapshot, struct walk *walk)
{
	struct hark_elsewhere *elsewhere = &snapshot->elsewhere;
	int r;

	if (walk_wait(walk, NULL) < 0)
		return 0;
	r = count_finds(walk, elsewhere);
	/* Only one of the programs goes there. */
	if (r == 0 && walk_ran(walk) != WALK_MARKS && has_namespaces(walk))
		r = count_by_entering(source, snapshot, walk, elsewhere);
	return r == -ENOMEM ? r : 0;
}
