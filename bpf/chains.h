/* SPDX-License-Identifier: MIT */
/*
 * Going through the chains of the kernel's hash tables of sockets. Nothing is locked: a chain may
 * change meanwhile, and a socket that is freed and used again leads on into another chain.
 */
#ifndef HARK_BPF_CHAINS_H
#define HARK_BPF_CHAINS_H

#include "common.h"

/* Buckets of a hash table at a time. */
#define BATCH_BYTES sizeof(memory.buckets)
#define STEPS_MAX   (1 << 23)
/* Chains that are gone through again; with more, something was not seen. */
#define RETURNS_MAX 1024

/* The includer's: what to do with what hangs in a chain by this node. */
static __always_inline void visit_node(void *node);

/*
 * The includer's: sets `table`, `n`, `stride`, `first` and `has_numbers` of the next table. Zero
 * when there is none left.
 */
static __always_inline int next_table(struct bpf_chains *chains);

/* What the sockets of a guide's protocol hang in, in its network namespace. */
static __always_inline void *table_of(__u32 guide)
{
	struct file *file = own_file(memory.guides[guide & (BPF_GUIDES_MAX - 1)]);
	struct socket *socket = NULL;
	struct sock *sock = NULL;
	struct proto *proto = NULL;
	struct net *net = NULL;
	void *table = NULL;

	READ(socket, file, private_data);
	READ(sock, socket, sk);
	READ(proto, sock, __sk_common.skc_prot);
	READ(net, sock, __sk_common.skc_net.net);
	READ(table, proto, h);
	/*
	 * A network namespace may have a table of its own, of TCP since Linux 6.1, of UDP since
	 * 6.2.
	 */
	if (!table && guide == BPF_GUIDE_TCP)
		READ(table, net, ipv4.tcp_death_row.hashinfo);
	else if (!table && bpf_core_field_exists(net->ipv4.udp_table))
		READ(table, net, ipv4.udp_table);
	return table;
}

/* A chain ends with NULL, or with a number that is odd: of its bucket, where that is known. */
static __always_inline int is_end(__u64 node)
{
	return !node || node & 1;
}

static __always_inline int has_any(__u32 first, const __u32 stride)
{
	const unsigned char *buckets = memory.buckets + (first & (stride - 8));
	__u64 any = 0;

#pragma clang loop unroll(full)
	for (__u32 i = 0; i < BATCH_BYTES / stride; i++) {
		__u64 node = *(__u64 *)(buckets + i * stride);

		/* All ones where it is even. */
		any |= node & ((node & 1) - 1);
	}
	return any != 0;
}

/*
 * Whether any bucket of the batch is not empty. Most batches are, and a call for each bucket would
 * take longer than all the rest on a small host. A bucket is a pointer, and may have a lock, which
 * takes more room where the kernel was built for debugging: of that it is not known.
 */
static __always_inline int may_have_chain(const struct bpf_chains *chains)
{
	if (chains->stride == 8)
		return has_any(0, 8);
	return chains->stride != 16 || has_any(chains->first, 16);
}

/* To the next of the chain. */
static __always_inline void go_on(struct bpf_chains *chains)
{
	struct hlist_node *node = (struct hlist_node *)chains->node;
	__u64 slot = chains->n_buckets - chains->n - 1;

	READ(node, node, next);
	chains->node = (__u64)node;
	/* Where it ends as another chain, part of this one was not seen. */
	if (chains->has_numbers && chains->node & 1 && chains->node >> 1 != slot &&
	    chains->n_returns++ < RETURNS_MAX)
		bpf_probe_read_kernel(&chains->node, sizeof(chains->node),
				      (void *)chains->table + slot * chains->stride +
					      chains->first);
}

/*
 * One step: to the next node, bucket, batch of buckets or table. Loops within loops would be
 * simpler to read, but the verifier goes twice through each, and so 16 times through the inmost.
 */
static long search(__u64 i, void *data)
{
	struct bpf_chains *chains = &memory.chains;
	__u32 a_batch = chains->stride ? BATCH_BYTES / chains->stride : 0;

	if (!is_end(chains->node)) {
		visit_node((void *)chains->node);
		go_on(chains);
		return 0;
	}
	if (chains->n && chains->at <= BATCH_BYTES - 8) {
		chains->n--;
		chains->node = *(__u64 *)(memory.buckets + (chains->at & (BATCH_BYTES - 8)));
		chains->at += chains->stride;
		return 0;
	}
	if (chains->n && a_batch) {
		/* What is read beyond the end of a table is not looked at. */
		if (bpf_probe_read_kernel(memory.buckets, BATCH_BYTES,
					  (void *)chains->table +
						  (chains->n_buckets - chains->n) * chains->stride))
			return 1;
		if (may_have_chain(chains))
			chains->at = chains->first;
		else
			chains->n -= chains->n < a_batch ? chains->n : a_batch;
		return 0;
	}
	chains->at = BATCH_BYTES;
	if (!next_table(chains)) {
		chains->is_done = chains->n_returns < RETURNS_MAX;
		return 1;
	}
	chains->n_buckets = chains->n;
	return 0;
}

/* Whether all was seen. */
static __always_inline int search_tables(void)
{
	memory.chains.at = BATCH_BYTES;
	bpf_loop(STEPS_MAX, search, NULL, 0);
	return memory.chains.is_done;
}

#endif
