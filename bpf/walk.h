/* SPDX-License-Identifier: MIT */
/*
 * Walking the descriptor tables of all tasks: what both programs share.
 *
 * Nothing is locked and no reference is taken. A descriptor table that is replaced while it is read
 * stays readable (RCU); one that goes with its task may be anything, so the task is asked again
 * afterwards whether it was its own all the while, and what was found in vain is taken back.
 * bpf_probe_read_kernel() may be given any address. It also spares the verifier the search through
 * the kernel's type information that it makes for each pointer read through a trusted one
 * (btf_nested_type_is_trusted), three quarters of the time of loading.
 */
#ifndef HARK_BPF_WALK_H
#define HARK_BPF_WALK_H

#include "common.h"

#define BITS_OF_A_WORD 64

/* Of those that no task is in, only what has a file may be reached by a descriptor or a mount. */
static long visit_namespace(__u64 i, void *data)
{
	struct net **net = data;
	void *stashed = NULL;

	*net = next_net(*net);
	if (*net == memory.own_net)
		return 1;
	READ(stashed, *net, ns.stashed);
	if (stashed && is_net(*net))
		take_net(*net, BPF_FIND_NAMESPACE);
	return 0;
}

static __always_inline void take_namespaces(void)
{
	struct net *net = (struct net *)memory.own_net;

	if (HAS_OPTION(namespaces))
		bpf_loop(NAMESPACES_MAX, visit_namespace, &net, 0);
}

/*
 * Whether the table is one that another thread of the process stands for: its leader, or where that
 * has gone before the others, the thread that came last.
 */
static __always_inline int is_shared(struct task_struct *task, struct files_struct *files)
{
	struct task_struct *leader = NULL;
	struct files_struct *theirs = NULL;

	if (task->pid == task->tgid)
		return 0;
	READ(leader, task, group_leader);
	READ(theirs, leader, files);
	return theirs == files || (memory.last_table == files && memory.last_group == leader);
}

/* What a program does with slot `i` of memory.slots. */
static long visit_slot(__u64 i, void *data);

static long visit_word(__u64 i, void *data)
{
	struct bpf_walk *walk = &memory.walk;
	unsigned long open = 0;

	if (bpf_probe_read_kernel(&open, sizeof(open), (unsigned long *)walk->open + i))
		return 1;
	if (!open)
		return 0;
	if (bpf_probe_read_kernel(memory.slots, sizeof(memory.slots),
				  (struct file **)walk->array + i * BITS_OF_A_WORD))
		return 1;
	walk->base = i * BITS_OF_A_WORD;
	bpf_loop(BITS_OF_A_WORD, visit_slot, NULL, 0);
	return 0;
}

static __always_inline void walk_task(struct task_struct *task)
{
	struct files_struct *files = NULL, *after = NULL;
	struct fdtable *table = NULL;
	__u32 first_find;
	unsigned int n = 0;

	READ(files, task, files);
	if (!files)
		return;
	/* Threads share a table as a rule, and may be in another namespace all the same. */
	take_namespace(task);
	if (is_shared(task, files))
		return;
	take_walked(task);
	memory.last_table = files;
	READ(memory.last_group, task, group_leader);
	first_find = memory.n_finds;
	READ(table, files, fdt);
	READ(memory.walk.array, table, fd);
	READ(memory.walk.open, table, open_fds);
	READ(n, table, max_fds);
	bpf_loop((n + BITS_OF_A_WORD - 1) / BITS_OF_A_WORD, visit_word, NULL, 0);
	if (memory.n_finds == first_find)
		return;
	READ(after, task, files);
	if (after == files)
		take_task(task, first_find);
	else
		memory.n_finds = first_find;
}

#endif
