/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "source.h"
#include "text.h"

/* The inode of the first PID namespace: PROC_PID_INIT_INO of the kernel's proc_ns.h. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"
/* Fields of /proc/PID/stat behind the command's ')': the state is the first. */
#define STAT_PARENT 2
#define STAT_GROUP  3
#define STAT_START  20

/* A copy of a long text while the budget lasts; *ret stays NULL beyond it. 0 or -ENOMEM. */
static int keep(struct process_reader *reader, size_t length, const char **ret)
{
	if (length >= reader->budget) {
		reader->hit_budget = true;
		return 0;
	}
	reader->budget -= length + 1;
	*ret = arena_memdup(reader->arena, reader->text, length);
	return *ret ? 0 : -ENOMEM;
}

static int read_command(struct process_reader *reader, int dir_fd, struct hark_process *process)
{
	ssize_t length = source_read_file(dir_fd, "comm", reader->text, sizeof(reader->text));

	if (length == -ENOENT || length == -ESRCH)
		return -ESRCH;
	if (length < 0)
		return 0;
	/* The kernel ends it with a newline; any before is the process's own. */
	if (length && reader->text[length - 1] == '\n')
		length--;
	process->command =
		arena_memdup(reader->arena, reader->text, strnlen(reader->text, (size_t)length));
	return process->command ? 0 : -ENOMEM;
}

static int optional(const char *text, struct arena *arena, const char **ret)
{
	if (!text[0])
		return 0;
	*ret = arena_strdup(arena, text);
	return *ret ? 0 : -ENOMEM;
}

int process_set_cgroup(struct hark_process *process, struct arena *arena, const char *path,
		       size_t length)
{
	struct cgroup_names names;
	int r;

	cgroup_parse(path, length, &names);
	process->runtime = names.runtime;
	process->cgroup = arena_memdup(arena, path, length);
	if (!process->cgroup)
		return -ENOMEM;
	r = optional(names.unit, arena, &process->unit);
	if (r >= 0)
		r = optional(names.container, arena, &process->container);
	if (r >= 0)
		r = optional(names.pod, arena, &process->pod);
	return r;
}

static int read_cgroup(struct process_reader *reader, int dir_fd, struct hark_process *process)
{
	struct hark_process *last = &reader->last;
	const char *path;
	size_t length;
	int r;

	if (source_read_file(dir_fd, "cgroup", reader->text, sizeof(reader->text)) < 0 ||
	    !cgroup_choose(reader->text, &path, &length))
		return 0;
	if (!last->cgroup || strlen(last->cgroup) != length || memcmp(last->cgroup, path, length)) {
		if (length >= reader->budget) {
			reader->hit_budget = true;
			return 0;
		}
		reader->budget -= length + 1;
		*last = (struct hark_process){ 0 };
		r = process_set_cgroup(last, reader->arena, path, length);
		if (r < 0)
			return r;
	}
	process->cgroup = last->cgroup;
	process->unit = last->unit;
	process->container = last->container;
	process->runtime = last->runtime;
	process->pod = last->pod;
	return 0;
}

static int read_command_line(struct process_reader *reader, int dir_fd,
			     struct hark_process *process)
{
	ssize_t length =
		source_read_file(dir_fd, "cmdline", reader->text, PROCESS_COMMAND_LINE_MAX + 1);
	uint32_t argument0_length;
	int r;

	while (length > 0 && !reader->text[length - 1])
		length--;
	if (length <= 0)
		return 0;
	argument0_length = (uint32_t)strnlen(reader->text, (size_t)length);
	for (char *c = reader->text; (c = memchr(c, '\0', (size_t)(reader->text + length - c)));)
		*c = ' ';
	r = keep(reader, (size_t)length, &process->command_line);
	process->argument0_length = process->command_line ? argument0_length : 0;
	return r;
}

static int read_executable(struct process_reader *reader, int dir_fd, struct hark_process *process)
{
	ssize_t length = readlinkat(dir_fd, "exe", reader->text, sizeof(reader->text));

	return length > 0 ? keep(reader, (size_t)length, &process->executable) : 0;
}

/* "Uid:" of status: real, effective, saved and file system's. */
static void read_uid(struct process_reader *reader, int dir_fd, struct hark_process *process)
{
	const char *at;
	uint64_t uid;

	if (source_read_file(dir_fd, "status", reader->text, sizeof(reader->text)) < 0)
		return;
	at = strstr(reader->text, "\nUid:");
	if (!at)
		return;
	at += strlen("\nUid:");
	at += strspn(at, " \t");
	at += strspn(at, "0123456789");
	at += strspn(at, " \t");
	if (text_take_u64(&at, 10, UINT32_MAX, &uid))
		process->uid = (uint32_t)uid;
}

static void read_stat(struct process_reader *reader, int dir_fd, struct hark_process *process)
{
	uint64_t fields[STAT_START + 1] = { 0 };
	const char *at;

	if (source_read_file(dir_fd, "stat", reader->text, sizeof(reader->text)) < 0)
		return;
	/*
	 * The command stands in brackets and may hold brackets itself: only the last one ends it.
	 */
	at = strrchr(reader->text, ')');
	for (int i = 1; at && i <= STAT_START; i++) {
		at = strchr(at, ' ');
		if (!at)
			break;
		at++;
		(void)text_take_u64(&at, 10, UINT64_MAX, &fields[i]);
	}
	process->parent = (uint32_t)fields[STAT_PARENT];
	process->group = (uint32_t)fields[STAT_GROUP];
	process->start_ticks = fields[STAT_START];
}

static void read_owner(int dir_fd, struct hark_process *process)
{
	struct stat status;

	if (fstat(dir_fd, &status) == 0)
		process->owner = status.st_uid;
}

int process_read(struct process_reader *reader, int dir_fd, uint32_t pid, struct hark_process *ret)
{
	struct hark_process process = { .pid = pid, .uid = HARK_NONE, .owner = HARK_NONE };
	int r = read_command(reader, dir_fd, &process);

	if (r >= 0 && reader->details & HARK_DETAIL_CGROUP)
		r = read_cgroup(reader, dir_fd, &process);
	if (r >= 0 && reader->details & HARK_DETAIL_PROCESS) {
		read_uid(reader, dir_fd, &process);
		read_stat(reader, dir_fd, &process);
		r = read_executable(reader, dir_fd, &process);
	}
	if (reader->details & (HARK_DETAIL_PROCESS | HARK_DETAIL_OWNER))
		read_owner(dir_fd, &process);
	if (r >= 0 && reader->details & (HARK_DETAIL_PROCESS | HARK_DETAIL_COMMAND_LINE))
		r = read_command_line(reader, dir_fd, &process);
	if (r >= 0)
		*ret = process;
	return r;
}

int process_list(int proc_fd, uint32_t **ret_pids, uint32_t *ret_n)
{
	ARRAY(uint32_t) pids = { 0 };
	_Alignas(struct dirent64) char entries[16384];
	int fd = proc_fd < 0 ? -1 : openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t length;
	int r = 0;

	if (fd < 0)
		return proc_fd < 0 ? -ENOENT : -errno;
	while ((length = getdents64(fd, entries, sizeof(entries))) > 0 && r >= 0) {
		const struct dirent64 *entry;

		for (ssize_t at = 0; at < length && r >= 0; at += entry->d_reclen) {
			uint64_t pid;

			entry = (const void *)(entries + at);
			if (!text_to_u64(entry->d_name, INT32_MAX, &pid) || !pid)
				continue;
			r = array_reserve(&pids, 1u);
			if (r >= 0)
				pids.items[pids.n++] = (uint32_t)pid;
		}
	}
	if (length < 0)
		r = -errno;
	else if (r >= 0 && !pids.n)
		r = -ENOENT;
	close(fd);
	if (r < 0) {
		array_fini(&pids);
		return r;
	}
	*ret_pids = pids.items;
	*ret_n = pids.n;
	return 0;
}

bool process_numbers_are_ours(int proc_fd)
{
	char target[16];
	ssize_t length = readlinkat(proc_fd, "self", target, sizeof(target) - 1);
	uint64_t pid;

	if (length <= 0)
		return false;
	target[length] = '\0';
	return text_to_u64(target, INT32_MAX, &pid) && pid == (uint64_t)getpid();
}

bool process_is_inner(int proc_fd)
{
	char target[sizeof(FIRST_PID_NAMESPACE)];
	ssize_t length = readlinkat(proc_fd, "self/ns/pid", target, sizeof(target));

	return length > 0 && ((size_t)length != strlen(FIRST_PID_NAMESPACE) ||
			      memcmp(target, FIRST_PID_NAMESPACE, (size_t)length));
}
