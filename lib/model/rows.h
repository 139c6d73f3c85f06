/* SPDX-License-Identifier: MIT */
/*
 * The snapshot: arrays of rows, filled by collect, concluded by judge, read through
 * <hark/snapshot.h>.
 */
#ifndef ROWS_H
#define ROWS_H

#include <hark/snapshot.h>

#include "arena.h"
#include "hash.h"

/* How a protocol's sockets of one namespace were read. */
enum rows_origin {
	ROWS_NOT_READ,
	ROWS_BY_SOCK_DIAG,
	ROWS_BY_PROC_NET,
};

/* No more rows of any kind than this are kept: 2^24 sockets are above what a host has had. */
#define ROWS_MAX (1u << 24)

struct hark_snapshot {
	struct arena arena;
	ARRAY(struct hark_socket) sockets;
	ARRAY(struct hark_listener) listeners; /* of the sockets, in no order */
	uint32_t protocols; /* mask of 1 << enum hark_protocol: of all sockets that were found */
	ARRAY(struct hark_unix_socket) unix_sockets;
	/* sorted by socket, those of AF_UNIX last, then pid, then descriptor */
	ARRAY(struct hark_holder) holders;
	ARRAY(struct hark_process) processes;
	ARRAY(struct hark_task) tasks; /* by process */
	ARRAY(struct hark_place)
	places; /* local addresses of the namespaces, then lists of verdicts */
	ARRAY(struct hark_interface) interfaces;
	ARRAY(struct hark_namespace) namespaces; /* the last is the one that is read now */
	ARRAY(uint32_t) namespace_origins;       /* beside namespaces: of origins, or HARK_NONE */
	ARRAY(struct hark_lookup) lookups;
	ARRAY(struct hark_note) notes;
	ARRAY(struct hark_activation) activations;
	ARRAY(struct hark_process) origins; /* what cgroups of sockets and namespaces are called */
	struct hash origin_by_cgroup;       /* cgroup id to index of origins */
	ARRAY(struct hark_process) fronted; /* containers that holders pass connections on to */
	struct hash fronted_by_holder;      /* rows_holder_key() to index of fronted */
	ARRAY(struct hark_firewall_entry) firewall_entries;
	ARRAY(struct hark_firewall_piece) firewall_pieces;
	ARRAY(struct hark_firewall_rule) firewall_rules;
	ARRAY(struct hark_firewall_step) firewall_steps;
	ARRAY(struct hark_range) ranges;
	ARRAY(struct hark_door) doors;
	/* Of the namespace that is read now: */
	uint32_t first_socket;                            /* sockets from here on are its own */
	uint8_t origin[HARK_PROTOCOL_N_][HARK_FAMILY_N_]; /* enum rows_origin */
	ARRAY(struct hark_addr) broadcasts;               /* IFA_BROADCAST, and of IPv4 subnets */
	/* And again of all: */
	struct hark_port_settings *ports; /* of the first namespace; NULL: nobody asked */
	struct hark_elsewhere elsewhere;  /* no namespaces: nothing is known */
	bool wants_elsewhere;             /* it is to be filled in, as far as that takes little */
	const char *host;
	const char *kernel;
	bool saw_socket;      /* see hark_snapshot_saw_socket() */
	uint32_t n_undecided; /* by the selection, for want of their holders */
	int64_t time;         /* seconds since 1970 */
	int64_t boot_time;    /* see hark_snapshot_boot_time() */
	uint64_t stage_ns[HARK_STAGE_N_];
};

struct hark_snapshot *snapshot_new(void);

/* What a holder is known by while the indexes of sockets and holders change. */
static inline uint64_t rows_holder_key(const struct hark_socket *socket,
				       const struct hark_process *process)
{
	return (uint64_t)socket->inode << 32 | process->pid;
}

/*
 * Counts one more thing that is missing: summed by (what, why, detail), whose text must outlive the
 * snapshot (a literal or its arena). 0 or -ENOMEM.
 */
int snapshot_note(struct hark_snapshot *snapshot, enum hark_note_what what, enum hark_note_why why,
		  int error, const char *detail);
/*
 * One note that counts `n` things and says how many they are, "one ..." or "2 ..."; none for none.
 */
int snapshot_note_things(struct hark_snapshot *snapshot, enum hark_note_what what,
			 enum hark_note_why why, int error, uint32_t n, const char *one,
			 const char *many);
/* The same for what tells nothing but to those who debug. */
int snapshot_note_debug(struct hark_snapshot *snapshot, enum hark_note_what what,
			enum hark_note_why why, int error, const char *detail);

/*
 * Begins the reading of another namespace: a new row, or NULL when memory ran out. What the
 * collectors find from then on belongs to it.
 */
struct hark_namespace *snapshot_begin_namespace(struct hark_snapshot *snapshot);

/* The namespace that is read now, and its index. */
static inline struct hark_namespace *snapshot_namespace(const struct hark_snapshot *snapshot)
{
	return &snapshot->namespaces.items[snapshot->namespaces.n - 1];
}

static inline uint32_t snapshot_netns(const struct hark_snapshot *snapshot)
{
	return snapshot->namespaces.n ? snapshot->namespaces.n - 1 : 0;
}

/* The row of an interface, or NULL. */
const struct hark_interface *snapshot_find_interface(const struct hark_snapshot *snapshot,
						     uint32_t netns, uint32_t ifindex);

/*
 * Derives is_listener and is_mapped once protocol, family, state and addresses are set, and gives a
 * listener its row, whose answers are unknown. The socket may be none of the snapshot's yet. 0 or
 * -ENOMEM.
 */
int snapshot_classify(struct hark_snapshot *snapshot, struct hark_socket *socket);

/* The row of a socket that is a listener. */
static inline struct hark_listener *snapshot_listener(struct hark_snapshot *snapshot,
						      const struct hark_socket *socket)
{
	return &snapshot->listeners.items[socket->listener];
}

static inline const struct hark_answer *snapshot_answer(const struct hark_snapshot *snapshot,
							const struct hark_socket *socket,
							int family)
{
	return &snapshot->listeners.items[socket->listener].answers[family];
}

/*
 * Sorts the sockets of the namespace that is read now: listeners first; by protocol, local port,
 * family, local address, interface, remote port and remote address. 0 or -ENOMEM.
 */
int snapshot_sort_sockets(struct hark_snapshot *snapshot);

/*
 * Drops the sockets i for which index[i] is HARK_NONE, with their holders; what referred to them
 * refers to HARK_NONE. The others' index[i] becomes their new one.
 */
void snapshot_keep_sockets(struct hark_snapshot *snapshot, uint32_t *index);

#endif
