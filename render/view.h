/* SPDX-License-Identifier: MIT */
/* What all views of a snapshot share: rows, for one socket or for several, and their holders. */
#ifndef VIEW_H
#define VIEW_H

#include <hark/exposure.h>
#include <hark/snapshot.h>

#include "escape.h"
#include "users.h"

/*
 * One socket; or several that are told together: the members of a SO_REUSEPORT group, and the
 * halves of a split pair (0.0.0.0:22 and [::]:22).
 */
struct row {
	uint32_t first;                     /* index of its first socket */
	uint32_t by_family[HARK_FAMILY_N_]; /* socket that stands for the family */
	uint32_t n[HARK_FAMILY_N_];         /* how many sockets are like that one */
};

struct view {
	const struct hark_snapshot *snapshot;
	enum escape escape;
	bool is_short; /* cells are to say less */
	struct users users;
	uint32_t *next;   /* by socket: the next of its row, or HARK_NONE; NULL: rows are sockets */
	struct row *rows; /* merged; NULL: rows are sockets */
	uint32_t n_rows;
	/* The processes of a row, each once, by pid: (pid << 32 | index of the process). */
	uint64_t *processes;
	uint32_t n_processes;
	uint32_t max_processes;
	struct hark_exposures *exposures; /* NULL: not needed so far */
	uint32_t processes_of; /* first socket of the row that they are of, or HARK_NONE */
	int error;             /* -ENOMEM: a row is short of something */
};

void view_init(struct view *view, const struct hark_snapshot *snapshot, enum escape escape);
void view_fini(struct view *view);

/* Why something is missing from what was written, or 0. */
static inline int view_error(const struct view *view)
{
	return view->error ? view->error : view->users.error;
}

/* Puts listeners together where a reader is better off with one row. 0 or -ENOMEM. */
int view_merge(struct view *view);

/* Who gets through to whom, worked out when it is first asked for; NULL: memory ran out. */
const struct hark_exposures *view_exposures(struct view *view);

struct row view_row(const struct view *view, uint32_t i);

/* Fills view->processes. */
void view_find_processes(struct view *view, const struct row *row);
const struct hark_process *view_process(const struct view *view, uint32_t i);
/* The first container for which a process holds a socket of the row, or NULL. */
const struct hark_process *view_fronted(const struct view *view, const struct row *row,
					const struct hark_process *process);

static inline const struct hark_socket *view_socket(const struct view *view, uint32_t i)
{
	return hark_snapshot_socket(view->snapshot, i);
}

/* NULL unless the socket is a listener. */
static inline const struct hark_listener *view_listener(const struct view *view,
							const struct hark_socket *socket)
{
	return hark_snapshot_listener(view->snapshot, socket->listener);
}

static inline const struct hark_socket *view_first(const struct view *view, const struct row *row)
{
	return view_socket(view, row->first);
}

/* How systemd uses the socket, or NULL; all of a row are alike in that. */
static inline const struct hark_activation *view_activation(const struct view *view,
							    const struct hark_socket *socket)
{
	const struct hark_listener *listener =
		hark_snapshot_listener(view->snapshot, socket->listener);

	return listener ? hark_snapshot_activation(view->snapshot, listener->activation) : NULL;
}

/* The next socket of the row, or HARK_NONE. */
static inline uint32_t view_next(const struct view *view, uint32_t socket)
{
	return view->next ? view->next[socket] : HARK_NONE;
}

/*
 * Whether the socket's own family of addresses is this one: a socket bound to ::ffff:10.0.0.7 is
 * IPv4's.
 */
bool socket_is_bound_in(const struct hark_socket *socket, enum hark_family family);

/*
 * Whether it listens and the limit of its backlog is known: like the cookie, /proc/net does not
 * tell it.
 */
bool socket_has_backlog_max(const struct hark_socket *socket);

/* Seconds since 1970 of clock ticks since boot, or 0 where that is not known. */
int64_t view_time_of_ticks(const struct view *view, uint64_t ticks);

#endif
