/* SPDX-License-Identifier: MIT */
/*
 * A walk through the descriptor tables of all tasks, or the hash of connections, by a BPF program;
 * on a thread of its own, if something else takes long enough meanwhile.
 */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>

#include <hark/model.h>

#include "program.h"
#include "shared.h"
#include "source.h"

/* Those for holders are in the order of trying. */
enum walk_program {
	/*
	 * Goes through the hash tables of listeners for their files first, and then only compares
	 * pointers: the fastest on a large host, for what hangs in these tables.
	 */
	WALK_MARKS,
	WALK_TABLES, /* looks at every file */
	WALK_FILES,  /* the same before Linux 5.17: leaves the walking to the kernel */
	/* Goes through the hash of established sockets, of all network namespaces: no tasks. */
	WALK_CONNECTIONS,
	WALK_PROGRAM_N_,
};

static inline void walk_want(struct bpf_filter *filter, uint32_t inode)
{
	uint32_t bit = BPF_FILTER_HASH(inode);

	filter->words[bit / 64] |= 1ull << bit % 64;
}

struct walk_question {
	enum walk_program first; /* those after it are tried when it cannot be had */
	bool is_only;            /* no others are tried: always so of connections */
	bool wants_namespaces;   /* every one, not those of tasks alone */
	int example; /* descriptor of a file like those to be found; -1: sockets are wanted */
};

struct hark_snapshot;
struct walk;

/* Whether there is any BPF here: built in, and this machine. */
bool walk_is_possible(const struct hark_source *source);

/*
 * Begins a walk on a thread of its own, if there is to be one; else only walk_wait() does
 * something. NULL when memory ran out.
 */
struct walk *walk_begin(struct hark_source *source, const struct walk_question *question,
			bool on_thread);

/*
 * Waits for its end. What was not begun is done now, and only for the inodes that are wanted (NULL:
 * for all). 0, -ENOSYS where BPF is not built in, -EPERM where it is not permitted, or why the last
 * program could not be loaded or run. Again: the same.
 */
int walk_wait(struct walk *walk, const struct bpf_filter *wanted);

/* The program that ran, of a walk that succeeded. */
enum walk_program walk_ran(const struct walk *walk);

/* What a walk that succeeded found: until it is freed. */
const struct bpf_memory *walk_memory(const struct walk *walk);
/*
 * The finds of task `i`; those of `i` 0 are of none. False past the last.
 */
bool walk_task(const struct walk *walk, uint32_t i, const struct bpf_task **ret,
	       const struct bpf_find **ret_finds, uint32_t *ret_n);

/* The finds of a walk through connections, which may be moved about. */
struct bpf_connection *walk_connections(const struct walk *walk, uint32_t *ret_n);

/*
 * One line for those who debug, of a walk that has ended: which program ran, and why others did
 * not. 0 or -ENOMEM.
 */
int walk_tell(const struct walk *walk, struct hark_snapshot *snapshot, enum hark_note_what what,
	      const char *subject);

void walk_free(struct walk *walk); /* waits; NULL is fine */

#endif
