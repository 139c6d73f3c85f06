/* SPDX-License-Identifier: MIT */
/* Between the join of sockets and holders, and the ways to find who has which descriptor open. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include "hash.h"
#include "namespaces.h"
#include "rows.h"
#include "source.h"
#include "walk.h"

struct holders_wanted {
	uint32_t inode;
	bool is_mptcp; /* some socket of this inode is MPTCP's */
	bool is_unix;  /* it is one of AF_UNIX */
};

struct holders_question {
	struct hark_source *source;
	struct hark_snapshot *snapshot;    /* for notes */
	const struct hash *inodes;         /* inode of a wanted socket to its number */
	const struct holders_wanted *list; /* by number */
	uint32_t details;
	uint32_t only_pid;    /* by /proc, look at no other process; 0: at all */
	bool is_only_program; /* by BPF, look for the rest with no other program */
};

/* One descriptor. */
struct holders_find {
	uint32_t inode;   /* its number, not the inode itself */
	uint32_t process; /* index of `processes` */
	uint32_t fd;
};

/* All zero is nothing found. */
struct holders_found {
	ARRAY(struct holders_find) finds;     /* in any order */
	ARRAY(struct hark_process) processes; /* in any order; a pid may stand there twice */
	ARRAY(struct netns_member) members;   /* where processes are, if somebody is to be told */
	ARRAY(uint32_t) kernel; /* inodes, by number: sockets that no file refers to */
	struct arena arena;     /* their texts */
	uint32_t n_denied;      /* of them, those that may not be looked into */
	uint32_t n_failed;      /* those that could not, for other reasons */
	int error;              /* why, of one of them */
	bool hides_others;      /* processes of other users are not even listed */
	bool hides_1;           /* process 1 was not looked at */
	bool is_partial;        /* some kinds of sockets were not looked for */
	bool hit_limit;         /* finds were left out */
	bool was_shut;          /* by /proc: some list of descriptors could not even be opened */
	bool saw_socket;        /* by /proc: some descriptor is a socket, of whatever kind */
	bool hit_budget;        /* texts were left out */
};

void holders_found_fini(struct holders_found *found);

/* By /proc/PID/fd. -ENOENT without a /proc, the errno of reading it, or -ENOMEM. */
int holders_by_proc(const struct holders_question *question, struct holders_found *ret);

/*
 * By the finds of a walk (NULL: none was begun), which is waited for, and where they do not suffice
 * by another; what is found already is not looked for. An errno of walk_wait(), or -ENOMEM.
 */
int holders_by_walk(const struct holders_question *question, struct walk *walk,
		    struct holders_found *ret);

#endif
