/* SPDX-License-Identifier: MIT */
/*
 * What the BPF programs and lib/collect/holders_bpf.c tell one another, in maps that both have in
 * their memory.
 */
#ifndef HARK_BPF_SHARED_H
#define HARK_BPF_SHARED_H

/*
 * A filter: a bit for each hash of a number. What was added is always found, and some of what was
 * not. 16 KiB stay in the processor's nearest cache.
 */
#define BPF_FILTER_BITS 17
#define BPF_FILTER_HASH(number)                                                 \
	((unsigned int)(((unsigned long long)(number)*0x9E3779B97F4A7C15ull) >> \
			(64 - BPF_FILTER_BITS)))

struct bpf_filter {
	unsigned long long words[1 << (BPF_FILTER_BITS - 6)];
};

/* A descriptor of a socket, or what else was found. */
struct bpf_find {
	unsigned int inode;
	unsigned int fd;
};

/* Instead of a descriptor: what the inode is. */
enum bpf_find_kind {
	BPF_FIND_KERNEL = 0x7fffffff,    /* a socket that no file refers to */
	BPF_FIND_MARKED = 0x7ffffffc,    /* a socket whose file is looked for in all tables */
	BPF_FIND_NAMESPACE = 0x7ffffffe, /* a network namespace beside the reader's own */
	BPF_FIND_LISTENER = 0x7ffffffd,  /* the same, and it has a listener */
};

/* A task with such descriptors. */
struct bpf_task {
	unsigned long long cgroups; /* the same for tasks that share those of all hierarchies */
	unsigned int pid;        /* of its thread group, as the reader's PID namespace numbers it */
	unsigned int tid;        /* its own */
	unsigned int first_find; /* its finds go on to the next task's first */
	char command[16];        /* of its thread group's leader */
};

/* A connection, or another socket of TCP that has a peer; of a network namespace beside our own. */
struct bpf_connection {
	unsigned int netns;    /* inode */
	unsigned int device;   /* interface that it is bound to, 0: none */
	unsigned short family; /* AF_INET, AF_INET6; 0: the namespace must be dumped */
	unsigned short
		local_port; /* host order, and the other network order, as the kernel has them */
	unsigned short remote_port;
	unsigned short unused;
	unsigned char local[16], remote[16]; /* the first four bytes of IPv4 */
};

/*
 * Sockets of the reader's own that show the way to the kernel's tables. A raw one would, too,
 * but it stands in that table itself from the beginning, for everybody to see.
 */
enum bpf_guide {
	BPF_GUIDE_TCP,
	BPF_GUIDE_UDP,
	BPF_GUIDE_N_,
};
#define BPF_GUIDES_MAX 2 /* a power of two, so that an index is easily held within it */

/* Where a search is that goes through hash tables of chains of sockets. */
struct bpf_chains {
	unsigned long long table; /* the first of its buckets */
	unsigned long long node;  /* the next of the chain at hand */
	unsigned long long inner; /* the next of a chain that hangs in a node of this one */
	unsigned int guide;       /* of the table that comes next */
	unsigned int n_buckets;   /* of the table */
	unsigned int n;           /* that are left */
	unsigned int stride;      /* bytes of a bucket */
	unsigned int first;       /* where in a bucket its chain begins */
	unsigned int at;          /* the next of the batch at hand */
	unsigned int has_numbers; /* a chain ends with the number of its bucket */
	unsigned int n_returns;   /* chains that were gone through again */
	unsigned int is_done;     /* all tables were seen to their end */
};

/* Where the walk is: in a descriptor table. */
struct bpf_walk {
	unsigned long long array; /* of files */
	unsigned long long open;  /* of bits */
	unsigned int base;        /* descriptor of the first slot at hand */
};

/*
 * The memory of a program. What loops go by is here as well: of this the verifier knows nothing and
 * so has nothing to follow, while variables on the stack make it go through a loop again and again.
 */
struct bpf_memory {
	/* In */
	int guides[BPF_GUIDES_MAX]; /* descriptors; -1: its table need not be searched */
	int example;                /* descriptor of a file like those that are wanted */
	struct bpf_filter wanted;   /* inodes */
	/* Out */
	unsigned int n_finds; /* all that there were: beyond the size of their map they are lost */
	unsigned int n_tasks;
	unsigned int n_walked;     /* descriptor tables */
	unsigned int has_walked_1; /* that of process 1, which some kernels hide */
	/* The program's own */
	unsigned int has_begun;
	unsigned int n_marked;  /* files */
	const void *operations; /* f_op of the example */
	const void *own_net;
	struct bpf_filter files;
	struct bpf_filter namespaces;
	void *last_table, *last_group; /* of the task before */
	unsigned int has_task;         /* it is in the map of tasks */
	struct bpf_chains chains;
	struct bpf_walk walk;
	void *slots[64];
	unsigned char buckets[512];
};

#endif
