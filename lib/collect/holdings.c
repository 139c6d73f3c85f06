/* SPDX-License-Identifier: MIT */
/* What is to be known of holders beside that they are: the flags of their descriptors, threads. */
#include "collect.h"
#include "process.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t inode_of(const struct hark_snapshot *snapshot, const struct hark_holder *holder)
{
	return holder->socket == HARK_NONE ?
		       snapshot->unix_sockets.items[holder->unix_socket].inode :
		       snapshot->sockets.items[holder->socket].inode;
}

/* The number behind a word at the beginning of a line. */
static bool find_number(const char *text, const char *word, unsigned int base, uint64_t *ret)
{
	const char *at = strstr(text, word);

	if (!at)
		return false;
	at += strlen(word);
	at += strspn(at, " \t");
	return text_take_u64(&at, base, UINT32_MAX - 1, ret);
}

/* Since Linux 5.14 the inode is there too, and tells a descriptor that is another's by now. */
static void read_flags(struct hark_source *source, const struct hark_snapshot *snapshot,
		       struct hark_holder *holder)
{
	const struct hark_process *process = &snapshot->processes.items[holder->process];
	char path[48], text[512];
	uint64_t flags, inode;

	snprintf(path, sizeof(path), "%u/fdinfo/%u", process->pid, holder->fd);
	if (source_read_file(source->proc_fd, path, text, sizeof(text)) <= 0 ||
	    !find_number(text, "flags:", 8, &flags))
		return;
	if (!find_number(text, "\nino:", 10, &inode) || inode == inode_of(snapshot, holder))
		holder->flags = (uint32_t)flags;
}

static int add_task(struct hark_snapshot *snapshot, int tasks_fd, uint32_t process, uint32_t tid)
{
	char path[32], command[64];
	struct hark_task *task;
	ssize_t length;

	if (snapshot->tasks.n >= ROWS_MAX)
		return 0;
	task = array_push(&snapshot->tasks);
	if (!task)
		return -ENOMEM;
	*task = (struct hark_task){ .process = process, .tid = tid };
	snprintf(path, sizeof(path), "%u/comm", tid);
	length = source_read_file(tasks_fd, path, command, sizeof(command));
	/* The kernel ends it with a newline; any before is the thread's own. */
	if (length > 0 && command[length - 1] == '\n')
		length--;
	if (length < 0)
		return 0;
	task->command = arena_memdup(&snapshot->arena, command, strnlen(command, (size_t)length));
	return task->command ? 0 : -ENOMEM;
}

static int read_tasks(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t i)
{
	struct hark_process *process = &snapshot->processes.items[i];
	uint32_t *tids, n;
	char path[32];
	int fd, r;

	snprintf(path, sizeof(path), "%u/task", process->pid);
	fd = source_open_directory(source->proc_fd, path);
	if (fd < 0)
		return 0;
	r = process_list(fd, &tids, &n);
	if (r < 0) {
		close(fd);
		return r == -ENOMEM ? r : 0;
	}
	process->first_task = snapshot->tasks.n;
	for (uint32_t k = 0; k < n && r == 0; k++)
		if (tids[k] != process->pid)
			r = add_task(snapshot, fd, i, tids[k]);
	process->n_tasks = snapshot->tasks.n - process->first_task;
	free(tids);
	close(fd);
	return r;
}

int holdings_collect(struct hark_source *source, struct hark_snapshot *snapshot, uint32_t details)
{
	int r = 0;

	for (uint32_t i = 0; details & HARK_DETAIL_FLAGS && i < snapshot->holders.n; i++)
		read_flags(source, snapshot, &snapshot->holders.items[i]);
	for (uint32_t i = 0; details & HARK_DETAIL_TASKS && i < snapshot->processes.n && r == 0;
	     i++)
		r = read_tasks(source, snapshot, i);
	return r;
}
