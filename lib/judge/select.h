/* SPDX-License-Identifier: MIT */
/*
 * Selections inside of the library: what they are made of, and what can be told of them before
 * everything is known about a socket.
 */
#ifndef SELECT_H
#define SELECT_H

#include <hark/select.h>

#include "arena.h"
#include "question.h"

enum term_kind {
	TERM_PROTOCOL,
	TERM_LABEL,
	TERM_STATE,
	TERM_PORT,
	TERM_ADDRESS,
	TERM_COMMAND,
	TERM_PID,
	TERM_USER,
	TERM_UNIT,
	TERM_CONTAINER,
	TERM_POD,
	TERM_NETNS,
	TERM_DEVICE,
	TERM_INODE,
	TERM_COOKIE,
	TERM_KERNEL, /* the kernel's own */
};

/* One alternative of a selector. */
struct term {
	enum term_kind kind;
	bool is_last;              /* the next term begins another selector */
	uint32_t protocols;        /* these alone; 0: any */
	struct port_range ports;   /* high is 0: any */
	struct hark_prefix prefix; /* address */
	uint64_t number;  /* state, pid, user id, inode or cookie; netns and dev: 0 or a number */
	const char *text; /* pattern or name; address: its scope or NULL; label: "4", "6" or "46" */
};

struct hark_selection {
	struct arena arena;
	ARRAY(struct term) terms;
	ARRAY(const char *) words; /* the selectors, as they were written */
	uint32_t families;         /* 1 << enum hark_family */
	uint32_t protocols;        /* 1 << enum hark_protocol, 0: all */
};

/* All that follows takes NULL for a selection that everything matches. */

/* The details (enum hark_detail) that hark_selection_matches() rests on. */
uint32_t selection_details(const struct hark_selection *selection);

/* Whether all sockets of these protocols (mask of 1 << enum hark_protocol) match. */
bool selection_takes_all(const struct hark_selection *selection, uint32_t protocols);

/* Whether all listeners of TCP and UDP match. */
bool selection_is_wide(const struct hark_selection *selection);

/*
 * False where no socket of the namespace will match. Needs its inode, name and mount alone.
 */
bool selection_wants_namespace(const struct hark_selection *selection,
			       const struct hark_namespace *namespace);

/* By its number, name or mount: of a term of TERM_NETNS. */
bool term_is_namespace(const struct term *term, const struct hark_namespace *namespace);

/*
 * False where the socket will not match, whatever is found out of answers, holders and cgroups.
 * Needs the socket's own row alone, and its namespace's and interface's if there are.
 */
bool selection_matches_early(const struct hark_selection *selection,
			     const struct hark_snapshot *snapshot, uint32_t socket);

/*
 * Ranges of which one holds the local or the remote port of all that match, at most `max`: how
 * many, 0: no restriction.
 */
uint32_t selection_ports(const struct hark_selection *selection, struct port_range *ret,
			 uint32_t max);

/* Whether it asks for containers or pods. */
bool selection_names_containers(const struct hark_selection *selection);

/* The protocols of all that match, a bit mask of 1 << enum hark_protocol; 0: no restriction. */
uint32_t selection_protocols(const struct hark_selection *selection);

#endif
