/* SPDX-License-Identifier: MIT */
/* What all programs share: their memory, and how a find goes into it. */
#ifndef HARK_BPF_COMMON_H
#define HARK_BPF_COMMON_H

#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

#define PIDTYPE_TGID 1

/* Reads a member through an untrusted pointer. */
#define READ(destination, pointer, member)                         \
	bpf_probe_read_kernel(&(destination), sizeof(destination), \
			      __builtin_preserve_access_index(&(pointer)->member))

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct bpf_memory memory;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_find);
} finds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_task);
} tasks SEC(".maps");

static __always_inline void add(struct bpf_filter *filter, __u64 number)
{
	__u32 bit = BPF_FILTER_HASH(number);

	filter->words[bit >> 6 & ((1 << (BPF_FILTER_BITS - 6)) - 1)] |= 1ull << (bit & 63);
}

static __always_inline int may_have(const struct bpf_filter *filter, __u64 number)
{
	__u32 bit = BPF_FILTER_HASH(number);

	return filter->words[bit >> 6 & ((1 << (BPF_FILTER_BITS - 6)) - 1)] >> (bit & 63) & 1;
}

static __always_inline void take_find(__u32 inode, __u32 fd)
{
	__u32 at = memory.n_finds++;
	struct bpf_find *find = bpf_map_lookup_elem(&finds, &at);

	if (!find)
		return;
	find->inode = inode;
	find->fd = fd;
}

/* The file behind a descriptor of the reader's own. */
static __always_inline struct file *own_file(int fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct files_struct *files = NULL;
	struct fdtable *table = NULL;
	struct file **array = NULL;
	struct file *file = NULL;

	READ(files, task, files);
	READ(table, files, fdt);
	READ(array, table, fd);
	if (fd >= 0)
		bpf_probe_read_kernel(&file, sizeof(file), array + fd);
	return file;
}

#define HAS_OPTION(name) bpf_core_field_exists(((struct hark_options *)0)->name)

/* A number in the reader's PID namespace, where that is not the first. */
static __always_inline __u32 number_of(struct pid *pid)
{
	struct task_struct *reader = (struct task_struct *)bpf_get_current_task();
	struct pid *readers = NULL;
	unsigned int level = 0;
	int number = 0;

	READ(readers, reader, thread_pid);
	READ(level, readers, level);
	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, nr));
	return number;
}

static __always_inline __u32 tid_of(struct task_struct *task)
{
	struct pid *pid = NULL;
	__u32 tid = 0;

	if (!HAS_OPTION(nested)) {
		READ(tid, task, pid);
		return tid;
	}
	READ(pid, task, thread_pid);
	return number_of(pid);
}

static __always_inline __u32 pid_of(struct task_struct *task)
{
	struct signal_struct *signal = NULL;
	struct pid *pid = NULL;
	__u32 number = 0;

	if (!HAS_OPTION(nested)) {
		READ(number, task, tgid);
		return number;
	}
	READ(signal, task, signal);
	bpf_probe_read_kernel(&pid, sizeof(pid),
			      (void *)signal + bpf_core_field_offset(struct signal_struct, pids) +
				      PIDTYPE_TGID * sizeof(pid));
	return number_of(pid);
}

static __always_inline void take_task(struct task_struct *task, __u32 first_find)
{
	__u32 at = memory.n_tasks++;
	struct bpf_task *row = bpf_map_lookup_elem(&tasks, &at);
	struct task_struct *leader = NULL;

	if (!row)
		return;
	row->first_find = first_find;
	row->pid = pid_of(task);
	row->tid = tid_of(task);
	READ(leader, task, group_leader);
	READ(row->command, leader, comm);
	READ(row->cgroups, task, cgroups);
}

/* Counts a task whose table is looked at. They come by their number: 1 is the first. */
static __always_inline void take_walked(struct task_struct *task)
{
	if (!memory.n_walked++)
		memory.has_walked_1 = tid_of(task) == 1;
}

static __always_inline struct net *net_of(struct task_struct *task)
{
	struct nsproxy *namespaces = NULL;
	struct net *net = NULL;

	READ(namespaces, task, nsproxy);
	READ(net, namespaces, net_ns);
	return net;
}

static __always_inline void take_net(struct net *net, __u32 kind)
{
	__u32 inode = 0;

	READ(inode, net, ns.inum);
	take_find(inode, kind);
}

#define NAMESPACES_MAX (1 << 20)

/* All network namespaces hang together in a ring. */
static __always_inline struct net *next_net(struct net *net)
{
	struct list_head *next = NULL;

	READ(next, net, list.next);
	if (!next)
		return (struct net *)memory.own_net;
	return (void *)next - bpf_core_field_offset(struct net, list);
}

/* The head of the ring is in none of them: what would be around it has other operations. */
static __always_inline int is_net(struct net *net)
{
	const struct net *own = memory.own_net;
	const void *operations = NULL, *expected = NULL;

	READ(expected, own, ns.ops);
	READ(operations, net, ns.ops);
	return operations == expected;
}

/* A network namespace that none of the tasks before was in. */
static __always_inline void take_namespace(struct task_struct *task)
{
	struct net *net = net_of(task);
	__u32 first_find = memory.n_finds;

	if (!net || net == memory.own_net || may_have(&memory.namespaces, (__u64)net))
		return;
	add(&memory.namespaces, (__u64)net);
	take_net(net, BPF_FIND_NAMESPACE);
	take_task(task, first_find);
}

/* True the first time. */
static __always_inline int begin(void)
{
	struct file *file;

	if (memory.has_begun)
		return 0;
	memory.has_begun = 1;
	memory.own_net = net_of((struct task_struct *)bpf_get_current_task());
	file = own_file(memory.example);
	READ(memory.operations, file, f_op);
	return 1;
}

/* Takes a descriptor that is a wanted socket's. */
static __always_inline void visit_file(struct file *file, __u32 fd)
{
	const void *operations = NULL;
	struct inode *node = NULL;
	unsigned long inode = 0;

	if (!file)
		return;
	READ(operations, file, f_op);
	if (operations != memory.operations)
		return;
	READ(node, file, f_inode);
	READ(inode, node, i_ino);
	if (may_have(&memory.wanted, inode))
		take_find(inode, fd);
}

#endif
