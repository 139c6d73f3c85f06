/* SPDX-License-Identifier: MIT */
/* What /proc tells of one process. */
#ifndef PROCESS_H
#define PROCESS_H

#include "rows.h"

/* Bytes of long texts of all processes of a snapshot. */
#define PROCESS_TEXT_BUDGET (64u << 20)
/* What is in no other place than /proc/PID. */
#define PROCESS_DETAILS (HARK_DETAIL_PROCESS | HARK_DETAIL_COMMAND_LINE | HARK_DETAIL_OWNER)
/* Longest command line that is kept. */
#define PROCESS_COMMAND_LINE_MAX 4096

/*
 * Links of /proc/PID/task with a single one below it: itself, its parent's entry, the child's "..".
 */
#define PROCESS_LINKS_OF_ONE_TASK 3

/* What the readings of one thread share. */
struct process_reader {
	struct arena *arena;      /* where texts go */
	uint32_t details;         /* of enum hark_detail */
	size_t budget;            /* bytes of long texts that may still be kept */
	bool hit_budget;          /* some were left out */
	struct hark_process last; /* whose cgroup was read last: neighbours tend to share it */
	char text[16384];
};

/*
 * Reads the process whose /proc/PID is open as `dir_fd`: command always, the rest as details ask.
 * All comes through this one descriptor, which a reused pid does not revive. -ESRCH when the
 * process is gone, -ENOMEM; what could not be read stays NULL.
 */
int process_read(struct process_reader *reader, int dir_fd, uint32_t pid, struct hark_process *ret);

/*
 * All pids that /proc lists, or all tids of a directory of tasks, to be freed: 0; -ENOENT without a
 * /proc; another -errno.
 */
int process_list(int proc_fd, uint32_t **ret_pids, uint32_t *ret_n);

/* Sets cgroup, unit, container, runtime and pod from a path. 0 or -ENOMEM. */
int process_set_cgroup(struct hark_process *process, struct arena *arena, const char *path,
		       size_t length);

/*
 * Whether the pids of this /proc are those of our own PID namespace, and not of a fixture or
 * another.
 */
bool process_numbers_are_ours(int proc_fd);

/* Whether we are in a PID namespace within another: /proc does not list every process then. */
bool process_is_inner(int proc_fd);

#endif
