// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Who holds these listeners. Their files are marked first, by way of the hash tables that
 * listeners hang in; then the slots of all descriptor tables are compared with the marks, as
 * pointers: nothing that they point to is touched but for a hit, which is what makes this three
 * times as fast as looking at each file.
 */
#include "walk.h"

/* Buckets of a hash table at a time. */
#define BATCH_BYTES sizeof(memory.buckets)
#define STEPS_MAX   (1 << 23)
/* What a bucket of both tables takes, unless the kernel was built for debugging its locks. */
#define COMMON_STRIDE 16

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

static __always_inline void mark(struct sock *sock)
{
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

/*
 * Whether any bucket of the batch is not empty. Most batches are, and a call for each bucket would
 * take longer than all the rest on a small host.
 */
static __always_inline int has_chain(__u32 first)
{
	const unsigned char *buckets = memory.buckets + (first & (COMMON_STRIDE - 8));
	__u64 any = 0;

#pragma clang loop unroll(full)
	for (__u32 i = 0; i < BATCH_BYTES / COMMON_STRIDE; i++) {
		__u64 node = *(__u64 *)(buckets + i * COMMON_STRIDE);

		/* All ones where it is even. */
		any |= node & ((node & 1) - 1);
	}
	return any != 0;
}

/* Where the table is that sockets like the guide hang in, and how many buckets it has. */
static __always_inline __u32 find_table(__u32 guide, struct bpf_chains *chains)
{
	struct file *file = own_file(memory.guides[guide & (BPF_GUIDES_MAX - 1)]);
	struct socket *socket = NULL;
	struct sock *sock = NULL;
	struct proto *proto = NULL;
	struct net *net = NULL;
	void *table = NULL;
	unsigned int mask = 0;

	READ(socket, file, private_data);
	READ(sock, socket, sk);
	READ(proto, sock, __sk_common.skc_prot);
	READ(net, sock, __sk_common.skc_net.net);
	READ(table, proto, h);
	if (guide == BPF_GUIDE_TCP) {
		chains->stride = bpf_core_type_size(struct inet_listen_hashbucket);
		chains->first = bpf_core_field_offset(struct inet_listen_hashbucket, nulls_head);
		/* Since Linux 6.1 a network namespace may have a table of its own. */
		if (!table)
			READ(table, net, ipv4.tcp_death_row.hashinfo);
		READ(mask, (struct inet_hashinfo *)table, lhash2_mask);
		READ(chains->buckets, (struct inet_hashinfo *)table, lhash2);
		return mask + 1;
	}
	chains->stride = bpf_core_type_size(struct udp_hslot);
	chains->first = bpf_core_field_offset(struct udp_hslot, head);
	/* Since Linux 6.2. */
	if (!table && bpf_core_field_exists(net->ipv4.udp_table))
		READ(table, net, ipv4.udp_table);
	READ(mask, (struct udp_table *)table, mask);
	READ(chains->buckets, (struct udp_table *)table, hash);
	return mask + 1;
}

/*
 * One step: to the next socket, bucket, batch of buckets or table. Loops within loops would be
 * simpler to read, but the verifier goes twice through each, and so 16 times through the inmost.
 */
static long search(__u64 i, void *data)
{
	struct bpf_chains *chains = &memory.chains;
	struct hlist_node *node = (struct hlist_node *)chains->node, *next = NULL;
	__u32 a_batch;

	/* A chain ends with NULL, or with a number that is odd. */
	if (node && !((__u64)node & 1)) {
		mark((void *)node - bpf_core_field_offset(struct sock_common, skc_node));
		READ(next, node, next);
		chains->node = (__u64)next;
		return 0;
	}
	if (chains->at <= BATCH_BYTES - 8) {
		chains->node = *(__u64 *)(memory.buckets + (chains->at & (BATCH_BYTES - 8)));
		chains->at += chains->stride;
		return 0;
	}
	if (chains->n) {
		chains->n--;
		if (bpf_probe_read_kernel(memory.buckets, BATCH_BYTES, (void *)chains->buckets))
			chains->n = 0;
		else if (chains->stride != COMMON_STRIDE || has_chain(chains->first))
			chains->at = chains->first;
		chains->buckets += BATCH_BYTES / chains->stride * chains->stride;
		return 0;
	}
	if (chains->guide == BPF_GUIDE_N_)
		return 1;
	chains->n = find_table(chains->guide++, chains);
	a_batch = chains->stride ? BATCH_BYTES / chains->stride : 0;
	chains->n = a_batch && chains->buckets ? (chains->n + a_batch - 1) / a_batch : 0;
	return 0;
}

static long visit_slot(__u64 i, void *data)
{
	struct file *file = memory.slots[i & (BITS_OF_A_WORD - 1)];
	struct inode *node = NULL;
	unsigned long inode = 0;

	if (!may_have(&memory.files, (__u64)file) || !file)
		return 0;
	/* Another file may have taken its place since. */
	READ(node, file, f_inode);
	READ(inode, node, i_ino);
	if (may_have(&memory.wanted, inode))
		take_find(inode, memory.walk.base + i);
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
		memory.chains.at = BATCH_BYTES;
		bpf_loop(STEPS_MAX, search, NULL, 0);
	}
	if (memory.n_marked)
		walk_task(task);
	return 0;
}
