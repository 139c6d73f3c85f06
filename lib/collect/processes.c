/* SPDX-License-Identifier: MIT */
/* All processes that /proc lists, for who wants to know whether there is one of some kind. */
#include "collect.h"
#include "hash.h"
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What has ended, and merely waits for its parent, is none. */
static bool has_ended(struct process_reader *reader, int dir_fd)
{
	const char *at;

	if (source_read_file(dir_fd, "stat", reader->text, sizeof(reader->text)) < 0)
		return false;
	at = strrchr(reader->text, ')');
	return at && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X');
}

static int add(struct process_reader *reader, struct hark_source *source,
	       struct hark_snapshot *snapshot, uint32_t pid)
{
	struct hark_process *process;
	char path[16];
	int fd, r = 0;

	snprintf(path, sizeof(path), "%u", pid);
	fd = source_open_directory(source->proc_fd, path);
	if (fd < 0)
		return 0;
	if (!has_ended(reader, fd)) {
		process = array_push(&snapshot->processes);
		r = process ? process_read(reader, fd, pid, process) : -ENOMEM;
		if (r < 0 && process)
			snapshot->processes.n--;
	}
	close(fd);
	return r == -ENOMEM ? r : 0;
}

int processes_collect(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t details)
{
	struct process_reader *reader = calloc(1, sizeof(*reader));
	struct hash known = { 0 };
	uint32_t *pids = NULL, n = 0;
	int r = reader ? process_list(source->proc_fd, &pids, &n) : -ENOMEM;

	for (uint32_t i = 0; i < snapshot->processes.n && r >= 0; i++)
		r = hash_put(&known, snapshot->processes.items[i].pid, i);
	if (r >= 0) {
		reader->arena = &snapshot->arena;
		reader->details = details;
		reader->budget = PROCESS_TEXT_BUDGET;
	}
	for (uint32_t i = 0; i < n && r >= 0; i++)
		if (hash_get(&known, pids[i]) == UINT32_MAX)
			r = add(reader, source, snapshot, pids[i]);
	hash_fini(&known);
	free(pids);
	free(reader);
	if (r >= 0 || r == -ENOMEM)
		return r < 0 ? r : 0;
	return snapshot_note(snapshot, HARK_NOTE_HOLDERS, HARK_NOTE_UNSUPPORTED, r,
			     "there is no /proc that lists processes");
}
