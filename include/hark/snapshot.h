/* SPDX-License-Identifier: MIT */
/* Taking a snapshot of a host's sockets, and reading it. */
#ifndef HARK_SNAPSHOT_H
#define HARK_SNAPSHOT_H

#include <hark/error.h>
#include <hark/firewall.h>
#include <hark/model.h>
#include <hark/select.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What to find out; each costs time. */
enum hark_detail {
	/* struct hark_listener.answers */
	HARK_DETAIL_ANSWERS = 1 << 0,
	/* holders with pid, descriptor and command */
	HARK_DETAIL_HOLDERS = 1 << 1,
	/* unit, container, pod and their names: of the processes, and of the sockets */
	HARK_DETAIL_CGROUP = 1 << 2,
	/* uid, executable, command line, start time, parent and so on of the processes */
	HARK_DETAIL_PROCESS = 1 << 3,
	HARK_DETAIL_ALL = (1 << 4) - 1,
	/* the questions to the kernel that the answers rest on: not part of ALL */
	HARK_DETAIL_LOOKUPS = 1 << 4,
	/* of PROCESS the command line, or the owner, alone, which takes less: not part of ALL */
	HARK_DETAIL_COMMAND_LINE = 1 << 5,
	HARK_DETAIL_OWNER = 1 << 6,
	/* of holders the flags of their descriptors, of processes their threads: not part of ALL */
	HARK_DETAIL_FLAGS = 1 << 7,
	HARK_DETAIL_TASKS = 1 << 8,
	/* of HOLDERS what may not be looked into, even where no socket has a holder to be found */
	HARK_DETAIL_DENIALS = 1 << 9,
	/* struct hark_port_settings: not part of ALL */
	HARK_DETAIL_PORTS = 1 << 10,
	/* of listeners what they dropped, of namespaces how often a backlog was full: not of ALL */
	HARK_DETAIL_DROPS = 1 << 11,
	/* who gets through the firewall: struct hark_listener.first_entry; of ANSWERS */
	HARK_DETAIL_FIREWALL = 1 << 12,
	/* of FIREWALL the texts of rules, the path of packets, and doors: not part of ALL */
	HARK_DETAIL_RULES = 1 << 13,
	HARK_DETAIL_PATH = 1 << 14,
	HARK_DETAIL_DOORS = 1 << 15,
	/* and what a sender gets that is no ordinary client: hark_firewall_entry.first_crafted */
	HARK_DETAIL_CRAFTED = 1 << 16,
};

/* Which tables of the kernel to read. */
enum hark_table {
	HARK_TABLE_INTERNET = 1 << 0, /* struct hark_socket */
	HARK_TABLE_UNIX = 1 << 1,     /* struct hark_unix_socket */
	/* struct hark_process: all that /proc lists, not holders alone; what has ended apart */
	HARK_TABLE_PROCESSES = 1 << 2,
};

/* The steps of taking a snapshot. */
enum hark_stage {
	HARK_STAGE_NAMESPACES, /* what there is, and its settings */
	HARK_STAGE_SOCKETS,    /* the dump, sorted */
	HARK_STAGE_ADDRESSES,  /* what is local */
	HARK_STAGE_ANSWERS,    /* asking, and concluding */
	HARK_STAGE_FIREWALL,   /* reading the rules, and judging */
	HARK_STAGE_HOLDERS,
	HARK_STAGE_UNITS,     /* of sockets whose holders may not be seen; containers' names */
	HARK_STAGE_SELECTION, /* dropping what does not match */
	HARK_STAGE_N_
};

/* "namespaces", "sockets", and so on; NULL out of range. */
const char *hark_stage_name(enum hark_stage stage);

/* How to find holders. */
enum hark_holders_way {
	HARK_HOLDERS_AUTO,       /* by BPF where it may be used and is faster, else by /proc */
	HARK_HOLDERS_PROC,       /* by /proc/PID/fd */
	HARK_HOLDERS_BPF,        /* by BPF programs, which want CAP_BPF and CAP_PERFMON */
	HARK_HOLDERS_BPF_MARKS,  /* by one of them alone: listeners of TCP, sockets of UDP */
	HARK_HOLDERS_BPF_TABLES, /* any socket (Linux 5.17) */
	HARK_HOLDERS_BPF_FILES,  /* any socket (Linux 5.8) */
};

/* Zero is the default for all: the listeners of all protocols, without any detail. */
struct hark_query {
	uint32_t details; /* of enum hark_detail */
	bool all_states;  /* connections too, not the listeners alone */
	const struct hark_selection
		*selection; /* keep what matches; NULL: everything. The caller's */
	/*
	 * Every network namespace of the host, as far as it may be entered (CAP_SYS_ADMIN), not the
	 * current one alone. A selector that is about namespaces or containers means it anyway.
	 */
	bool all_namespaces;
	enum hark_holders_way holders_way;
	/*
	 * Sockets as /proc/net has them: in the kernel's own order, that of its hash tables, by
	 * protocol and else unsorted; without those that are merely bound (HARK_STATE_BOUND), and
	 * of MPTCP the TCP sockets beneath. Places and interfaces are not read then, nor is there a
	 * look at other namespaces (hark_snapshot_elsewhere()). Without effect where answers are
	 * asked for, which rest on all that; not for a selection by address or interface.
	 */
	bool kernel_order;
	/*
	 * Of enum hark_table; 0: the internet's. The selection, and the choice of listeners or
	 * connections, is of the internet's alone: sockets of AF_UNIX are all there or not at all.
	 */
	uint32_t tables;
};

struct hark_snapshot;

/*
 * Reads the current network namespace, or all of them. The others are entered by a thread that ends
 * before this returns; the caller's stays where it is. The snapshot is the caller's, to be freed by
 * hark_snapshot_free(); it does not change after that and may be read by several threads.
 *
 * 0 also when some of it could not be had: hark_snapshot_note() tells. -ENOMEM; or the errno of the
 * last way tried when no socket table could be read at all (*reterr says which).
 */
int hark_snapshot_take(const struct hark_query *query, struct hark_snapshot **ret,
		       struct hark_error *reterr);
void hark_snapshot_free(struct hark_snapshot *snapshot); /* NULL is fine */

/*
 * Rows by index, in this order: sockets by namespace, protocol, port, address (unless the query
 * wants the kernel's order); namespaces with the current one first, then those with a name; sockets
 * of AF_UNIX by namespace, as the kernel tells them; NULL past the last. They live as long as the
 * snapshot.
 */
uint32_t hark_snapshot_n_sockets(const struct hark_snapshot *snapshot);
const struct hark_socket *hark_snapshot_socket(const struct hark_snapshot *snapshot, uint32_t i);

uint32_t hark_snapshot_n_unix_sockets(const struct hark_snapshot *snapshot);
const struct hark_unix_socket *hark_snapshot_unix_socket(const struct hark_snapshot *snapshot,
							 uint32_t i);

/*
 * How many sockets were left out although they may match the query's selection: it asks for
 * something of their holders (a command, a pid, a unit), and who holds them may not be seen.
 */
uint32_t hark_snapshot_n_undecided(const struct hark_snapshot *snapshot);

/*
 * Whether the search for holders came upon any process that has a socket open, be it one of no
 * interest here. Where it did not, and was denied something, nothing could be looked into at all.
 */
bool hark_snapshot_saw_socket(const struct hark_snapshot *snapshot);

/* By struct hark_socket.listener: NULL for HARK_NONE. */
const struct hark_listener *hark_snapshot_listener(const struct hark_snapshot *snapshot,
						   uint32_t i);
uint32_t hark_snapshot_n_processes(const struct hark_snapshot *snapshot);
const struct hark_process *hark_snapshot_process(const struct hark_snapshot *snapshot, uint32_t i);
const struct hark_holder *hark_snapshot_holder(const struct hark_snapshot *snapshot, uint32_t i);
const struct hark_task *hark_snapshot_task(const struct hark_snapshot *snapshot, uint32_t i);
const struct hark_place *hark_snapshot_place(const struct hark_snapshot *snapshot, uint32_t i);
uint32_t hark_snapshot_n_namespaces(const struct hark_snapshot *snapshot);
const struct hark_namespace *hark_snapshot_namespace(const struct hark_snapshot *snapshot,
						     uint32_t i);

/*
 * What a process in that namespace belongs to: a process row of which only pid, cgroup, unit,
 * container, runtime and pod mean anything. NULL where that is not known, or nobody asked
 * (HARK_DETAIL_CGROUP).
 */
const struct hark_process *hark_snapshot_namespace_origin(const struct hark_snapshot *snapshot,
							  uint32_t netns);

/* Who may bind what in the caller's namespace; NULL where nobody asked (HARK_DETAIL_PORTS). */
const struct hark_port_settings *hark_snapshot_ports(const struct hark_snapshot *snapshot);
const struct hark_activation *hark_snapshot_activation(const struct hark_snapshot *snapshot,
						       uint32_t i);
uint32_t hark_snapshot_n_lookups(const struct hark_snapshot *snapshot);
const struct hark_lookup *hark_snapshot_lookup(const struct hark_snapshot *snapshot, uint32_t i);

/* What the firewall makes of packets; NULL past the last. */
const struct hark_firewall_entry *hark_snapshot_firewall_entry(const struct hark_snapshot *snapshot,
							       uint32_t i);
const struct hark_firewall_piece *hark_snapshot_firewall_piece(const struct hark_snapshot *snapshot,
							       uint32_t i);
const struct hark_firewall_rule *hark_snapshot_firewall_rule(const struct hark_snapshot *snapshot,
							     uint32_t i);
const struct hark_firewall_step *hark_snapshot_firewall_step(const struct hark_snapshot *snapshot,
							     uint32_t i);
const struct hark_range *hark_snapshot_range(const struct hark_snapshot *snapshot, uint32_t i);
uint32_t hark_snapshot_n_doors(const struct hark_snapshot *snapshot);
const struct hark_door *hark_snapshot_door(const struct hark_snapshot *snapshot, uint32_t i);

uint32_t hark_snapshot_n_notes(const struct hark_snapshot *snapshot);
const struct hark_note *hark_snapshot_note(const struct hark_snapshot *snapshot, uint32_t i);

/*
 * What the namespaces that nobody asked for have, as far as it came to light by the way; NULL where
 * they have nothing, or it did not.
 */
const struct hark_elsewhere *hark_snapshot_elsewhere(const struct hark_snapshot *snapshot);

/* True where no note tells of something missing (those for debugging apart). */
bool hark_snapshot_is_complete(const struct hark_snapshot *snapshot);

/* Name of an interface, or NULL. */
const char *hark_snapshot_interface_name(const struct hark_snapshot *snapshot, uint32_t netns,
					 uint32_t ifindex);

/*
 * The unit and container that a socket belongs to by its own cgroup (INET_DIAG_CGROUP_ID), which
 * needs no privilege: a process row of which only cgroup, unit, runtime and the members of the
 * container and the pod mean anything. NULL where that is not known.
 */
const struct hark_process *hark_snapshot_socket_origin(const struct hark_snapshot *snapshot,
						       uint32_t socket);

/*
 * The container that a holder (docker-proxy, rootlesskit, rootlessport, conmon) has the socket open
 * for: a process row of which only container, runtime, container_name, image and the pod's members
 * mean anything. NULL where there is none, or that is not known.
 */
const struct hark_process *hark_snapshot_fronted(const struct hark_snapshot *snapshot,
						 const struct hark_holder *holder);

/* Nodename, kernel release, and seconds since 1970 (UTC) at the start of the snapshot. */
const char *hark_snapshot_host(const struct hark_snapshot *snapshot);
const char *hark_snapshot_kernel(const struct hark_snapshot *snapshot);
int64_t hark_snapshot_time(const struct hark_snapshot *snapshot);

/*
 * When the clock ticks of struct hark_process.start_ticks began, in seconds since 1970: the same
 * each time but for a step of the clock. 0: not known.
 */
int64_t hark_snapshot_boot_time(const struct hark_snapshot *snapshot);

/* Nanoseconds that a step took (CLOCK_MONOTONIC). */
uint64_t hark_snapshot_stage_ns(const struct hark_snapshot *snapshot, enum hark_stage stage);

/* Long enough for any label. */
#define HARK_LABEL_SIZE 16

/*
 * The protocol with the families that the snapshot's socket answers (or that a connection uses):
 * "tcp4", "tcp6", "tcp46". A family that could not be determined is a '?': "tcp?6". A listener that
 * answers nothing now is labelled by its family and IPV6_V6ONLY. `text` is the caller's; returned
 * for convenience.
 */
char *hark_socket_label(const struct hark_snapshot *snapshot, const struct hark_socket *socket,
			char text[HARK_LABEL_SIZE]);

/* Whether that family reaches the socket, as `-4` and `-6` understand it; unknown counts as yes. */
bool hark_socket_serves(const struct hark_snapshot *snapshot, const struct hark_socket *socket,
			enum hark_family family);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
