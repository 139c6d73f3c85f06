/* SPDX-License-Identifier: MIT */
/* Between the join of sockets and holders, and the ways to find who has which descriptor open. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include "hash.h"
#include "rows.h"
#include "source.h"

struct holders_question {
	struct hark_source *source;
	const struct hash *inodes; /* inode of a wanted socket to its number, below n_inodes */
	uint32_t n_inodes;
	uint32_t details;
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
	struct arena arena;                   /* their texts */
	uint32_t n_denied;                    /* of them, those that may not be looked into */
	uint32_t n_failed;                    /* those that could not, for other reasons */
	int error;                            /* why, of one of them */
	bool hides_others;                    /* processes of other users are not even listed */
	bool hit_limit;                       /* finds were left out */
	bool hit_budget;                      /* texts were left out */
};

void holders_found_fini(struct holders_found *found);

/* By /proc/PID/fd. -ENOENT without a /proc, the errno of reading it, or -ENOMEM. */
int holders_by_proc(const struct holders_question *question, struct holders_found *ret);

#endif
