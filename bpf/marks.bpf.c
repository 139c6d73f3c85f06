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
#define CHAIN_MAX   (1 << 20)

/* skc_state; sockets of UDP have one of TCP's, too. */
#define TCP_CLOSE  7
#define TCP_LISTEN 10

/* A hash table of sockets. */
struct chains {
	__u64 buckets;
	__u32 stride; /* bytes of a bucket */
	__u32 first;  /* where in a bucket its chain begins */
	__u64 node;   /* the next of the chain */
};

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

	if (memory.wants_namespaces)
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

static long visit_node(__u64 i, void *data)
{
	struct chains *chains = data;
	struct hlist_node *node = (struct hlist_node *)chains->node, *next = NULL;

	/* A chain ends with NULL, or with a number that is odd. */
	if (!node || (__u64)node & 1)
		return 1;
	mark((void *)node - bpf_core_field_offset(struct sock_common, skc_node));
	READ(next, node, next);
	chains->node = (__u64)next;
	return 0;
}

static long visit_bucket(__u64 i, void *data)
{
	struct chains *chains = data;
	__u32 at = i * chains->stride + chains->first;

	if (at > BATCH_BYTES - 8)
		return 1;
	chains->node = *(__u64 *)(memory.buckets + (at & (BATCH_BYTES - 8)));
	if (chains->node && !(chains->node & 1))
		bpf_loop(CHAIN_MAX, visit_node, chains, 0);
	return 0;
}

static long visit_batch(__u64 i, void *data)
{
	struct chains *chains = data;

	if (!chains->stride ||
	    bpf_probe_read_kernel(memory.buckets, BATCH_BYTES, (void *)chains->buckets))
		return 1;
	bpf_loop(BATCH_BYTES / chains->stride, visit_bucket, chains, 0);
	chains->buckets += BATCH_BYTES / chains->stride * chains->stride;
	return 0;
}

/* Where the table is that sockets like the guide hang in, and how many buckets it has. */
static __always_inline __u32 find_chains(__u32 guide, int fd, struct chains *chains)
{
	struct file *file = own_file(fd);
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

static long mark_table(__u64 guide, void *data)
{
	struct chains chains = {};
	int fd = memory.guides[guide & (BPF_GUIDES_MAX - 1)];
	__u32 n, a_batch;

	if (fd < 0)
		return 0;
	n = find_chains(guide, fd, &chains);
	if (!chains.stride || chains.stride > BATCH_BYTES || !chains.buckets)
		return 0;
	a_batch = BATCH_BYTES / chains.stride;
	bpf_loop((n + a_batch - 1) / a_batch, visit_batch, &chains, 0);
	return 0;
}

static long visit_slot(__u64 i, void *data)
{
	struct walk *walk = data;
	struct file *file = memory.slots[i & (BITS_OF_A_WORD - 1)];
	struct inode *node = NULL;
	unsigned long inode = 0;

	if (!may_have(&memory.files, (__u64)file) || !file)
		return 0;
	/* Another file may have taken its place since. */
	READ(node, file, f_inode);
	READ(inode, node, i_ino);
	if (may_have(&memory.wanted, inode))
		take_find(inode, walk->base + i);
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
		bpf_loop(BPF_GUIDE_N_, mark_table, NULL, 0);
	}
	if (memory.n_marked)
		walk_task(task);
	return 0;
}
