// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Who holds these listeners. Their files are marked first, by way of the hash tables that
 * listeners hang in; then the slots of all descriptor tables are compared with the marks, as
 * pointers: nothing that they point to is touched but for a hit, which is what makes this three
 * times as fast as looking at each file.
 */
#include "chains.h"
#include "walk.h"

/* skc_state; sockets of UDP have one of TCP's, too. */
#define TCP_CLOSE  7
#define TCP_LISTEN 10

/* A listener of another namespace is counted there. */
static __always_inline void count_elsewhere(struct sock *sock)
{
	struct net *net = NULL;
	unsigned char state = 0;

	READ(net, sock, __sk_common.skc_net.net);
	READ(state, sock, __sk_common.skc_state);
	if (net != memory.own_net && (state == TCP_LISTEN || state == TCP_CLOSE))
		take_net(net, BPF_FIND_LISTENER);
}

static __always_inline void visit_node(void *node)
{
	struct sock *sock = node - bpf_core_field_offset(struct sock_common, skc_node);
	struct socket *socket = NULL;
	struct file *file = NULL;
	unsigned long inode = 0;

	count_elsewhere(sock);
	READ(socket, sock, sk_socket);
	if (!socket)
		return;
	bpf_probe_read_kernel(&inode, sizeof(inode),
			      (void *)socket +
				      bpf_core_field_offset(struct socket_alloc, vfs_inode) +
				      bpf_core_field_offset(struct inode, i_ino));
	if (!may_have(&memory.wanted, inode))
		return;
	READ(file, socket, file);
	take_find(inode, file ? BPF_FIND_MARKED : BPF_FIND_KERNEL);
	if (!file)
		return;
	add(&memory.files, (__u64)file);
	memory.n_marked++;
}

/* The tables that sockets like the guides hang in. */
static __always_inline int next_table(struct bpf_chains *chains)
{
	__u32 guide = chains->guide++;
	unsigned int mask = 0;
	void *table;

	if (guide >= BPF_GUIDE_N_)
		return 0;
	table = table_of(guide);
	if (guide == BPF_GUIDE_TCP) {
		chains->stride = bpf_core_type_size(struct inet_listen_hashbucket);
		chains->first = bpf_core_field_offset(struct inet_listen_hashbucket, nulls_head);
		READ(mask, (struct inet_hashinfo *)table, lhash2_mask);
		READ(chains->table, (struct inet_hashinfo *)table, lhash2);
	} else {
		chains->stride = bpf_core_type_size(struct udp_hslot);
		chains->first = bpf_core_field_offset(struct udp_hslot, head);
		READ(mask, (struct udp_table *)table, mask);
		READ(chains->table, (struct udp_table *)table, hash);
	}
	chains->n = chains->table ? mask + 1 : 0;
	return 1;
}

static long visit_slot(__u64 i, void *data)
{
	struct file *file = memory.slots[i & (BITS_OF_A_WORD - 1)];

	/* Many files have a mark's hash, and another may have taken a marked one's place since. */
	if (may_have(&memory.files, (__u64)file))
		visit_file(file, memory.walk.base + i);
	return 0;
}

SEC("iter/task")
int marks(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;

	if (!task)
		return 0;
	if (begin()) {
		take_namespaces();
		search_tables();
	}
	if (memory.n_marked)
		walk_task(task);
	return 0;
}
