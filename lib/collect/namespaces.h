/* SPDX-License-Identifier: MIT */
/*
 * The network namespaces of the host: a table that several searches fill, each with the ways in
 * that it knows of, and the reading of what is in the table, one namespace after another.
 */
#ifndef NAMESPACES_H
#define NAMESPACES_H

#include "hash.h"
#include "rows.h"
#include "source.h"

struct walk;

#define NETNS_PIDS 4 /* processes that are remembered: some may have ended when it is entered */

struct netns {
	uint64_t inode;
	const char *mount;         /* file that it is mounted on, as mountinfo has it; NULL: none */
	uint32_t pids[NETNS_PIDS]; /* processes in it */
	uint32_t n_pids;
	uint32_t fd_pid, fd; /* a descriptor that keeps it; fd_pid 0: none is known */
	bool is_done;        /* it was read, or never can be */
	bool is_gone;        /* no way led in */
	bool has_listeners;  /* it is known to */
	bool has_file;       /* some descriptor or mount keeps it, perhaps */
};

/* All zero is empty, but `own` has to be set. */
struct netns_table {
	uint64_t own; /* never among the items */
	ARRAY(struct netns) items;
	struct hash by_inode;
	struct arena arena;
	uint32_t n_denied; /* processes whose namespace may not be seen */
	bool hit_limit;
};

/* "net:[4026531840]" */
bool netns_parse(const char *target, uint64_t *ret_inode);

void netns_table_fini(struct netns_table *table);

/*
 * What a search found; each may be told any number of times, in any order. A namespace without any
 * way in may be told of by itself. 0 or -ENOMEM.
 */
int netns_add(struct netns_table *table, uint64_t inode);
int netns_add_listener(struct netns_table *table, uint64_t inode);
int netns_add_process(struct netns_table *table, uint64_t inode, uint32_t pid);
int netns_add_mount(struct netns_table *table, uint64_t inode, const char *path);
int netns_add_descriptor(struct netns_table *table, uint64_t inode, uint32_t pid, uint32_t fd);

/* Whether any way in is known. */
bool netns_has_way(const struct netns *netns);

/* The searches. What cannot be read is passed over, or counted. 0 or -ENOMEM. */
int netns_find_mounts(struct hark_source *source, struct netns_table *table);
int netns_find_processes(struct hark_source *source, struct netns_table *table, bool with_threads);
int netns_find_descriptors(struct hark_source *source, struct netns_table *table);

/*
 * All of them at once, by a walk that wanted namespaces; those in no task by another walk for the
 * descriptors that keep them. An errno of walk_wait() where the searches above must serve.
 */
int netns_find_by_walk(struct hark_source *source, struct walk *walk, struct netns_table *table);

/* A process, and the namespace that it is in. */
struct netns_member {
	uint64_t inode;
	uint32_t pid;
};

/*
 * The namespace of the process that has `up`/ns/net below a directory of its own: 1; 0: it is not
 * told.
 */
int netns_read_member(int dir_fd, const char *up, uint64_t *ret_inode);

/*
 * The same as namespaces_count(), of namespaces alone, by a process in each; sorts the members.
 */
void namespaces_count_members(struct hark_source *source, struct hark_snapshot *snapshot,
			      struct netns_member *members, uint32_t n);

/* What to do with them. */
struct namespaces_question {
	uint32_t details;  /* of enum hark_detail */
	struct walk *walk; /* that may know them; NULL: none */
	bool only_counts;  /* neither their names nor their settings are wanted */
	/* Whether to read it; its name, inode and mount are known. */
	bool (*is_wanted)(void *data, const struct hark_namespace *namespace);
	/*
	 * Reads the one that snapshot_namespace() is, inside of it. -ENOMEM ends everything; after
	 * another error it counts as not read.
	 */
	int (*read)(void *data);
	void *data;
};

/*
 * Finds and reads all namespaces but the first of the snapshot, which is our own. What could not be
 * read is noted. The thread that enters them is another one, which has ended when this returns. 0
 * or -ENOMEM.
 */
int namespaces_collect(struct hark_source *source, struct hark_snapshot *snapshot,
		       const struct namespaces_question *question);

/*
 * How many listeners there are beside those of our own namespace, as far as the walk knows, or the
 * namespaces that it knows can be entered: hark_snapshot_elsewhere(). 0 or -ENOMEM.
 */
int namespaces_count(struct hark_source *source, struct hark_snapshot *snapshot, struct walk *walk);

#endif
