/* SPDX-License-Identifier: MIT */
/*
 * The one seam between hark and the kernel: a netlink transport, /proc and /sys as descriptors, a
 * clock. The live source talks to this machine; a recording or a fixture tree stands in for it in
 * tests.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hark_source;
union bpf_attr;

struct source_ops {
	/*
	 * Opens a netlink socket of `protocol` (NETLINK_SOCK_DIAG, NETLINK_ROUTE): a handle or
	 * -errno.
	 */
	int (*nl_open)(struct hark_source *source, int protocol);
	/* Sends one buffer of whole requests: 0 or -errno. */
	int (*nl_send)(struct hark_source *source, int handle, const void *bytes, size_t length);
	/*
	 * Receives one datagram into `buffer`; waits for it, at most two seconds: its length, or
	 * -errno (-EMSGSIZE: it was longer than the buffer; -ETIMEDOUT; -ENOBUFS: replies were
	 * lost).
	 */
	ssize_t (*nl_receive)(struct hark_source *source, int handle, void *buffer, size_t size);
	void (*nl_close)(struct hark_source *source, int handle);
	/*
	 * getsockopt(2) on a socket of AF_INET or AF_INET6, of the calling thread's namespace, at
	 * the level of IP (SOL_IP, SOL_IPV6): 0 and *size, or -errno. NULL: there is none.
	 */
	int (*get_option)(struct hark_source *source, int family, int option, void *buffer,
			  uint32_t *size);
	/*
	 * How many BPF sk_lookup programs are attached to the current network namespace
	 * (BPF_PROG_QUERY), or -errno: -EPERM without CAP_NET_ADMIN, -EINVAL before Linux 5.9.
	 * NULL: nobody can tell.
	 */
	int (*count_sk_lookups)(struct hark_source *source);
	/*
	 * Moves the calling thread into the network namespace that a file below /proc stands for
	 * ("self/root/run/netns/blue", "12/ns/net", "12/fd/7"), if it is the one of that inode: what
	 * is opened by the source from then on is of there. It ends with leave(), and is for a
	 * thread that ends thereafter too, for that one stays where it is. 0; -ESTALE: the file
	 * stands for something else; -EPERM without CAP_SYS_ADMIN; another -errno. NULL: cannot.
	 */
	int (*enter)(struct hark_source *source, const char *path, uint64_t inode);
	void (*leave)(struct hark_source *source);
	/*
	 * Opens the directory below which other programs keep their state: "/", or a fixture of it;
	 * a descriptor that is the caller's, or -errno. NULL: there is none.
	 */
	int (*open_root)(struct hark_source *source);
	/*
	 * bpf(2): a descriptor, 0, or -errno. NULL: there is none, as where /proc is a fixture,
	 * whose processes are not those that a program would see.
	 */
	int (*bpf)(struct hark_source *source, int command, union bpf_attr *attr, uint32_t size);
	/*
	 * A stream to who listens at a path of AF_UNIX, if that is root or our own user: a
	 * descriptor, which does not block, or -errno. NULL: nobody listens anywhere.
	 */
	int (*connect)(struct hark_source *source, const char *path);
	/* Seconds since 1970. */
	int64_t (*time)(struct hark_source *source);
	/* When clock ticks began, in seconds since 1970; 0, or NULL: nobody can tell. */
	int64_t (*boot_time)(struct hark_source *source);
	/* CLOCK_MONOTONIC in nanoseconds. NULL: nothing is timed, so that it is always the same. */
	uint64_t (*clock_ns)(struct hark_source *source);
};

struct hark_source {
	const struct source_ops *ops;
	int proc_fd; /* directory: /proc, or a fixture of it; -1: there is none */
	int sys_fd;  /* directory: /sys, likewise */
	/* Between enter() and leave(): */
	bool is_elsewhere;
	int thread_fd; /* directory: /proc/thread-self, whose "net" is that namespace's */
	int netns_fd;  /* the namespace */
};

/* This machine. A directory that cannot be opened is -1, and netlink works all the same. */
void source_open_live(struct hark_source *ret);
void source_close_live(struct hark_source *source);

/* Opens a directory below another: a descriptor or -errno. */
int source_open_directory(int dir_fd, const char *path);

/*
 * The directory below which "net" is found. It is not /proc where a thread reads another namespace:
 * /proc/net, that is /proc/self/net, is about the process, which is the namespace of its first
 * thread. (What is below /proc/sys/net is about the thread that opens it.)
 */
static inline int source_net_fd(const struct hark_source *source)
{
	return source->is_elsewhere ? source->thread_fd : source->proc_fd;
}

/*
 * Reads a whole small file below a directory descriptor (-1: ENOENT) into `buffer`, NUL-terminated;
 * what is longer is cut. Nothing is waited for: a FIFO is empty. The length, or -errno.
 */
ssize_t source_read_file(int dir_fd, const char *path, char *buffer, size_t size);

#endif
