/* SPDX-License-Identifier: MIT */
#include "bed.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

static int open_root(struct hark_source *source)
{
	/* The source is the first member. */
	int fd = dup(((struct bed *)source)->root);

	if (fd < 0)
		err(1, "dup");
	return fd;
}

int bed_set_up(void **state)
{
	static const struct source_ops ops = { .open_root = open_root };
	struct bed *bed = calloc(1, sizeof(*bed));

	if (!bed)
		err(1, "calloc");
	bed->proc = fixture_open();
	bed->sys = fixture_open();
	bed->root = fixture_open();
	bed->source = (struct hark_source){ .ops = &ops, .proc_fd = bed->proc, .sys_fd = bed->sys };
	bed->snapshot = snapshot_new();
	if (!bed->snapshot)
		err(1, "snapshot_new");
	*state = bed;
	return 0;
}

int bed_tear_down(void **state)
{
	struct bed *bed = *state;

	hark_snapshot_free(bed->snapshot);
	fixture_close(bed->proc);
	fixture_close(bed->sys);
	fixture_close(bed->root);
	free(bed);
	return 0;
}

struct hark_process *bed_add_process(struct bed *bed, const char *cgroup)
{
	struct hark_process *process = array_push(&bed->snapshot->processes);

	if (!process ||
	    process_set_cgroup(process, &bed->snapshot->arena, cgroup, strlen(cgroup)) < 0)
		err(1, "%s", cgroup);
	process->pid = bed->snapshot->processes.n;
	return process;
}
