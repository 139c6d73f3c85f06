/* SPDX-License-Identifier: MIT */
/*
 * The kernel's types as far as the programs read them. The names count, not the places: members are
 * found by the running kernel's own BTF when a program is loaded (CO-RE).
 */
#ifndef HARK_BPF_KERNEL_H
#define HARK_BPF_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;

enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY = 2,
};
#define BPF_F_MMAPABLE (1u << 10)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_node {
	struct hlist_node *next;
};
struct hlist_head {
	struct hlist_node *first;
};
struct hlist_nulls_node {
	struct hlist_nulls_node *next;
};
struct hlist_nulls_head {
	struct hlist_nulls_node *first;
};

struct inet_listen_hashbucket {
	struct hlist_nulls_head nulls_head;
};
struct inet_ehash_bucket {
	struct hlist_nulls_head chain;
};
struct inet_bind_hashbucket {
	struct hlist_head chain;
};
struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	unsigned int ehash_mask;
	unsigned int bhash_size;
	struct inet_bind_hashbucket *bhash2;
	unsigned int lhash2_mask;
	struct inet_listen_hashbucket *lhash2;
};
struct udp_hslot {
	struct hlist_head head;
};
struct udp_table {
	struct udp_hslot *hash;
	unsigned int mask;
};

struct list_head {
	struct list_head *next;
};
struct ns_common {
	void *stashed; /* the nsfs file, while it is open or mounted */
	const void *ops;
	unsigned int inum;
};
struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};
struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct udp_table *udp_table;
};
struct net {
	struct list_head list;
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

struct inode {
	unsigned long i_ino;
};
struct file {
	const void *f_op;
	struct inode *f_inode;
	void *private_data;
};
struct socket {
	struct file *file;
	struct sock *sk;
};
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

typedef struct {
	struct net *net;
} possible_net_t;
struct inet_bind2_bucket {
	possible_net_t ib_net;
	struct hlist_node node;
	struct hlist_node bhash_node; /* since Linux 6.8 */
	struct hlist_head owners;
};
struct in6_addr {
	__u8 bytes[16];
};
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	int skc_bound_dev_if;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct hlist_node skc_node;
	struct hlist_node skc_bind_node;
};
struct proto {
	union {
		struct inet_hashinfo *hashinfo;
		struct udp_table *udp_table;
	} h;
};
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *open_fds;
};
struct files_struct {
	struct fdtable *fdt;
};

struct upid {
	int nr;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct signal_struct {
	struct pid *pids[4];
};
struct nsproxy {
	struct net *net_ns;
};
struct css_set;
struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	char comm[16];
	struct css_set *cgroups;
	struct files_struct *files;
	struct signal_struct *signal;
	struct nsproxy *nsproxy;
	struct pid *thread_pid;
};

/*
 * Not the kernel's: what a program is loaded for. A member "exists" where the loader says so; the
 * rest of the code is dead then, and the verifier passes over it.
 */
struct hark_options {
	int nested;     /* the reader is in a PID namespace of its own */
	int namespaces; /* every network namespace is wanted, not those of tasks alone */
};

#pragma clang attribute pop

/* The context of a program, which is the same everywhere. */
struct bpf_iter__task {
	void *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	void *meta;
	struct task_struct *task;
	__u64 fd;
	struct file *file;
};

#endif
