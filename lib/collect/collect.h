/* SPDX-License-Identifier: MIT */
/*
 * The collectors: each fills rows of a snapshot from a source. All return 0 or a negative errno.
 * What is of one namespace goes to the one that is read now (rows.h).
 */
#ifndef COLLECT_H
#define COLLECT_H

#include "question.h"
#include "rows.h"
#include "source.h"

struct connections;

/* Which sockets to read. */
struct collect_filter {
	uint32_t protocols; /* bit mask of 1 << enum hark_protocol */
	bool all_states;    /* connections too */
	bool is_plain;      /* what /proc/net has: neither MPTCP's own nor merely bound sockets */
	const struct port_range *ports; /* of the local or the remote port; none: all */
	uint32_t n_ports;
	const struct connections
		*connections; /* of another namespace than our own; NULL: not known */
	bool drops;           /* of listeners what they dropped, and how much they may queue */
};

/* The row of the namespace that this process is in, with its switches; and host, kernel, time. */
int collect_namespace(struct hark_source *source, struct hark_snapshot *snapshot);

/* What may be bound in the namespace that this process is in. */
int collect_ports(struct hark_source *source, struct hark_snapshot *snapshot);

/* Sockets by sock_diag, and where it is missing by /proc/net (lib/collect/procnet.c). */
int collect_sockets(struct hark_source *source, struct hark_snapshot *snapshot,
		    const struct collect_filter *filter, struct hark_error *reterr);

/* A table of sockets, in a bit mask. */
#define TABLE_OF(protocol, family) (1u << ((protocol)*HARK_FAMILY_N_ + (family)))

/*
 * The tables that may have sockets in the namespace; all where that is not told. What is between
 * its ports, as TIME_WAIT sockets are, is not counted. *ret_absent are those protocols that the
 * kernel does not have, 1 << enum hark_protocol.
 */
uint32_t tables_in_use(struct hark_source *source, uint32_t *ret_absent);

/* Gives connections that are no sockets yet (SYN_RECV) the user of their listener. */
int requests_take_users(struct hark_snapshot *snapshot);

/* Makes one row of each MPTCP listener. */
int mptcp_fold(struct hark_snapshot *snapshot);

/*
 * Sockets of one protocol and family from the text of /proc/net/{tcp,udp,...}[6]; -ENOENT without
 * the file. Listeners alone unless filter->all_states.
 */
int procnet_read(struct hark_source *source, struct hark_snapshot *snapshot,
		 enum hark_protocol protocol, enum hark_family family,
		 const struct collect_filter *filter);

/*
 * Sockets of AF_UNIX, by /proc/net/unix. Where they cannot be read this is noted, and why is
 * returned; what has none of them is no gap.
 */
int procunix_read(struct hark_source *source, struct hark_snapshot *snapshot);

/* The switches of a namespace: bindv6only, disable_ipv6, sk_lookup. */
void collect_switches(struct hark_source *source, struct hark_namespace *namespace);

/* How often connections found a backlog full, by /proc/net/netstat. */
void collect_drops(struct hark_source *source, struct hark_namespace *namespace);

/* How sockets and VRFs go together in it, where an interface belongs to one. */
void collect_vrf_settings(struct hark_source *source, struct hark_snapshot *snapshot);

/* Interfaces, local addresses and prefixes, by rtnetlink. */
int collect_places(struct hark_source *source, struct hark_snapshot *snapshot);

/* Puts the questions to the kernel; each gets its `reply`. */
int collect_replies(struct hark_source *source, struct question *questions, uint32_t n);

struct walk;

/* What sockets there will be, before they are read. */
struct holders_prospect {
	bool has_connections;
	bool has_unix;
	bool is_narrow;      /* a selection will leave few of them */
	bool has_namespaces; /* they are of all namespaces, which are to be found as well */
};

/*
 * Begins to look for holders while the sockets are read: NULL where nothing can be begun before
 * they are known. To be ended by holders_end().
 */
struct walk *holders_begin(struct hark_source *source, enum hark_holders_way way,
			   const struct holders_prospect *prospect);
void holders_end(struct walk *walk); /* waits; NULL is fine */

/*
 * The holders of all sockets of the snapshot that have an inode, those of AF_UNIX as well, in this
 * way, and of their processes what `details` (enum hark_detail) asks for. Fills holders, processes,
 * and each socket's first_holder, n_holders, holders, holders_complete and is_kernel. `walk` is
 * what holders_begin() returned; it stays the caller's.
 */
int holders_collect(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t details,
		    enum hark_holders_way way, struct walk *walk);

/*
 * What of holders and processes is seldom wanted, as far as `details` asks for it: flags of
 * descriptors, threads. After the holders; what cannot be read stays unknown.
 */
int holdings_collect(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t details);

/*
 * Rows of the processes that hold nothing of what was asked for; what has ended apart. After the
 * holders.
 */
int processes_collect(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t details);

/* The process (its index) of the systemd manager that holds a listener, or HARK_NONE. */
uint32_t activation_manager(const struct hark_snapshot *snapshot, const struct hark_socket *socket);

/* The activations of the listeners that systemd holds; after holders and origins. */
int collect_activations(struct hark_source *source, struct hark_snapshot *snapshot);

/* What the cgroup ids of the sockets stand for (origins), by the cgroup file systems below /sys. */
int collect_origins(struct hark_source *source, struct hark_snapshot *snapshot);

/*
 * What the containers and pods of processes and origins are called, by what their runtimes and the
 * kubelet keep on disk. Without any container no file is looked at.
 */
int collect_containers(struct hark_source *source, struct hark_snapshot *snapshot);

/* The directory of the cgroup2 file system: a descriptor, or -ENOENT. */
int cgroup_open_root(const struct hark_source *source);

/*
 * The directory below it that is the cgroup of that id: a descriptor; -ESTALE: there is none;
 * -EPERM without CAP_DAC_READ_SEARCH; or another -errno.
 */
int cgroup_open(int root_fd, uint64_t id);

#endif
