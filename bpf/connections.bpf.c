// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Which connections the other network namespaces have. Most of them share one hash table, that the
 * kernel goes through from end to end whenever one of them is dumped: here it is gone through once
 * for all. What a connection is like the kernel is asked then, for each by itself.
 */
#include "chains.h"

#define AF_INET6  10
#define TCP_CLOSE 7

#define OWNERS_MAX (1 << 20)

static __always_inline struct bpf_connection *new_connection(struct net *net)
{
	__u32 at = memory.n_finds++;
	struct bpf_connection *row = bpf_map_lookup_elem(&finds, &at);

	if (row)
		READ(row->netns, net, ns.inum);
	return row;
}

/* Of any state: what they all begin with. */
static __always_inline void visit_socket(struct sock *sock)
{
	struct bpf_connection *row;
	struct net *net = NULL;

	memory.n_walked++;
	READ(net, sock, __sk_common.skc_net.net);
	if (net == memory.own_net)
		return;
	row = new_connection(net);
	if (!row)
		return;
	READ(row->family, sock, __sk_common.skc_family);
	READ(row->device, sock, __sk_common.skc_bound_dev_if);
	READ(row->local_port, sock, __sk_common.skc_num);
	READ(row->remote_port, sock, __sk_common.skc_dport);
	if (row->family == AF_INET6 && bpf_core_field_exists(sock->__sk_common.skc_v6_daddr)) {
		READ(row->local, sock, __sk_common.skc_v6_rcv_saddr);
		READ(row->remote, sock, __sk_common.skc_v6_daddr);
	} else {
		READ(*(__be32 *)row->local, sock, __sk_common.skc_rcv_saddr);
		READ(*(__be32 *)row->remote, sock, __sk_common.skc_daddr);
	}
}

/*
 * The sockets that are bound to one port and address; one that is idle has no peer to look it up
 * by.
 */
static long visit_owner(__u64 i, void *data)
{
	struct hlist_node *node = (struct hlist_node *)memory.chains.inner;
	struct sock *sock = (void *)node - bpf_core_field_offset(struct sock_common, skc_bind_node);
	unsigned char state = 0;

	if (!node)
		return 1;
	READ(state, sock, __sk_common.skc_state);
	if (state == TCP_CLOSE) {
		new_connection(*(struct net **)data);
		return 1;
	}
	READ(node, node, next);
	memory.chains.inner = (__u64)node;
	return 0;
}

static __always_inline void visit_binding(struct inet_bind2_bucket *binding)
{
	struct net *net = NULL;

	READ(net, binding, ib_net.net);
	if (net == memory.own_net)
		return;
	READ(memory.chains.inner, binding, owners);
	bpf_loop(OWNERS_MAX, visit_owner, &net, 0);
}

static __always_inline void visit_node(void *node)
{
	if (memory.chains.has_numbers)
		visit_socket(node - bpf_core_field_offset(struct sock_common, skc_node));
	else
		visit_binding(node - bpf_core_field_offset(struct inet_bind2_bucket, node));
}

/*
 * First the established, then those that are bound: Linux tells of idle ones among them since 6.8.
 */
static __always_inline int next_table(struct bpf_chains *chains)
{
	struct inet_hashinfo *hash = table_of(BPF_GUIDE_TCP);
	__u32 guide = chains->guide++;

	if (guide == 0) {
		chains->stride = bpf_core_type_size(struct inet_ehash_bucket);
		chains->first = bpf_core_field_offset(struct inet_ehash_bucket, chain);
		chains->has_numbers = 1;
		READ(chains->n, hash, ehash_mask);
		chains->n++;
		READ(chains->table, hash, ehash);
		return 1;
	}
	if (guide == 1 && bpf_core_field_exists(((struct inet_bind2_bucket *)NULL)->bhash_node)) {
		chains->stride = bpf_core_type_size(struct inet_bind_hashbucket);
		chains->first = bpf_core_field_offset(struct inet_bind_hashbucket, chain);
		chains->has_numbers = 0;
		READ(chains->n, hash, bhash_size);
		READ(chains->table, hash, bhash2);
		return 1;
	}
	return 0;
}

/* A namespace with tables of its own, which are not gone through. */
static long visit_namespace(__u64 i, void *data)
{
	const struct net *own_net = memory.own_net;
	struct net **net = data;
	void *table = NULL, *own = NULL;

	*net = next_net(*net);
	if (*net == own_net)
		return 1;
	READ(own, own_net, ipv4.tcp_death_row.hashinfo);
	READ(table, *net, ipv4.tcp_death_row.hashinfo);
	if (table != own && is_net(*net))
		new_connection(*net);
	return 0;
}

SEC("iter/task")
int connections(struct bpf_iter__task *context)
{
	struct net *net;

	if (memory.has_begun)
		return 0;
	begin();
	net = (struct net *)memory.own_net;
	bpf_loop(NAMESPACES_MAX, visit_namespace, &net, 0);
	search_tables();
	return 0;
}
