/* SPDX-License-Identifier: MIT */
/* Which network namespaces there are, as far as the text and the links of /proc tell. */
#include "namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"
#include "process.h"
#include "text.h"

/* Fields of a line of mountinfo before those that may be there or not. */
enum {
	FIELD_ROOT = 3,
	FIELD_PATH = 4,
	N_FIELDS = 6
};

/* Undoes the kernel's seq_path(): "\040" is a space. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		bool is_octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
				from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
				from[3] <= '7';

		*to = is_octal ?
			      (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0')) :
			      *from;
		from += is_octal ? 4 : 1;
	}
	*to = '\0';
}

/* "120 25 0:4 net:[4026532345] /run/netns/blue rw shared:49 - nsfs nsfs rw" */
static int take_mount(struct netns_table *table, char *line)
{
	char *fields[N_FIELDS], *save = NULL;
	uint64_t inode;

	if (!strstr(line, " - nsfs "))
		return 0;
	for (int i = 0; i < N_FIELDS; i++) {
		fields[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!fields[i])
			return 0;
	}
	if (!netns_parse(fields[FIELD_ROOT], &inode))
		return 0;
	unescape(fields[FIELD_PATH]);
	return fields[FIELD_PATH][0] == '/' ? netns_add_mount(table, inode, fields[FIELD_PATH]) : 0;
}

int netns_find_mounts(struct hark_source *source, struct netns_table *table)
{
	struct lines lines;
	char *line;
	int r = 1;

	if (lines_open(&lines, source->proc_fd, "self/mountinfo") < 0)
		return 0;
	while (r > 0 && lines_next(&lines, &line) > 0)
		r = take_mount(table, line) < 0 ? -ENOMEM : 1;
	lines_close(&lines);
	return r < 0 ? r : 0;
}

/* Where a link leads, if that is a namespace: 1, 0 or -errno. */
static int read_link(int dir_fd, const char *path, uint64_t *ret_inode)
{
	char target[32];
	ssize_t length = readlinkat(dir_fd, path, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = '\0';
	return netns_parse(target, ret_inode);
}

/* A thread may be in another namespace than the first one of its process. */
static int find_threads(struct hark_source *source, struct netns_table *table, uint32_t pid,
			uint64_t first)
{
	uint32_t *tids = NULL, n_tids = 0;
	struct stat status;
	char path[48];
	uint64_t inode;
	int fd, r = 0;

	snprintf(path, sizeof(path), "%u/task", pid);
	if (fstatat(source->proc_fd, path, &status, 0) < 0 ||
	    status.st_nlink == PROCESS_LINKS_OF_ONE_TASK)
		return 0;
	fd = source_open_directory(source->proc_fd, path);
	if (fd < 0)
		return 0;
	r = process_list(fd, &tids, &n_tids);
	for (uint32_t i = 0; i < n_tids && r != -ENOMEM; i++) {
		snprintf(path, sizeof(path), "%u/ns/net", tids[i]);
		r = tids[i] == pid ? 0 : read_link(fd, path, &inode);
		/* By its number alone it is found below /proc, too. */
		if (r > 0 && inode != first)
			r = netns_add_process(table, inode, tids[i]);
	}
	free(tids);
	close(fd);
	return r == -ENOMEM ? r : 0;
}

int netns_find_processes(struct hark_source *source, struct netns_table *table, bool with_threads)
{
	uint32_t *pids = NULL, n_pids = 0;
	char path[32];
	uint64_t inode;
	int r = process_list(source->proc_fd, &pids, &n_pids);

	for (uint32_t i = 0; i < n_pids && r != -ENOMEM; i++) {
		snprintf(path, sizeof(path), "%u/ns/net", pids[i]);
		inode = 0;
		r = read_link(source->proc_fd, path, &inode);
		if (r == -EACCES || r == -EPERM) {
			table->n_denied++;
			continue;
		}
		if (r > 0)
			r = netns_add_process(table, inode, pids[i]);
		/* Also where the first thread has ended, and is in none any more. */
		if (r != -ENOMEM && with_threads)
			r = find_threads(source, table, pids[i], inode);
	}
	free(pids);
	return r == -ENOMEM ? r : 0;
}

static int take_descriptors(struct netns_table *table, int dir_fd, uint32_t pid)
{
	_Alignas(struct dirent64) char entries[32768];
	ssize_t length;
	int r = 0;

	while (r != -ENOMEM && (length = getdents64(dir_fd, entries, sizeof(entries))) > 0) {
		const struct dirent64 *entry;

		for (ssize_t at = 0; at < length && r != -ENOMEM; at += entry->d_reclen) {
			uint64_t inode, fd;

			entry = (const void *)(entries + at);
			if (!text_to_u64(entry->d_name, UINT32_MAX, &fd))
				continue;
			r = read_link(dir_fd, entry->d_name, &inode);
			if (r == -EACCES || r == -EPERM)
				return 0;
			if (r > 0)
				r = netns_add_descriptor(table, inode, pid, (uint32_t)fd);
		}
	}
	return r == -ENOMEM ? r : 0;
}

int netns_find_descriptors(struct hark_source *source, struct netns_table *table)
{
	uint32_t *pids = NULL, n_pids = 0;
	char path[32];
	int r = process_list(source->proc_fd, &pids, &n_pids);

	for (uint32_t i = 0; i < n_pids && r != -ENOMEM; i++) {
		int fd;

		snprintf(path, sizeof(path), "%u/fd", pids[i]);
		fd = openat(source->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		r = take_descriptors(table, fd, pids[i]);
		close(fd);
	}
	free(pids);
	return r == -ENOMEM ? r : 0;
}

int netns_read_member(int dir_fd, const char *up, uint64_t *ret_inode)
{
	char path[32];

	snprintf(path, sizeof(path), "%s/ns/net", up);
	return read_link(dir_fd, path, ret_inode) > 0;
}

/* "TCP: inuse 5 orphan 0 ...": whether some protocol has any. FRAG counts no sockets. */
static bool counts_sockets(char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *at = strstr(line, ": inuse ");
		uint64_t n;

		if (!at || !strncmp(line, "FRAG", 4))
			continue;
		at += strlen(": inuse ");
		if (text_take_u64(&at, 10, UINT64_MAX, &n) && n)
			return true;
	}
	return false;
}

static bool has_sockets(int proc_fd, uint32_t pid)
{
	static const char *const names[] = { "sockstat", "sockstat6" };
	char path[48], text[1024];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%u/net/%s", pid, names[i]);
		if (source_read_file(proc_fd, path, text, sizeof(text)) > 0 && counts_sockets(text))
			return true;
	}
	return false;
}

static int compare_members(const void *left, const void *right)
{
	const struct netns_member *a = left, *b = right;

	return (a->inode > b->inode) - (a->inode < b->inode);
}

void namespaces_count_members(struct hark_source *source, struct hark_snapshot *snapshot,
			      struct netns_member *members, uint32_t n)
{
	uint64_t own = snapshot->namespaces.items[0].inode;
	uint32_t n_namespaces = 0;

	if (n)
		qsort(members, n, sizeof(*members), compare_members);
	for (uint32_t i = 0; i < n; i++)
		if (members[i].inode != own && (!i || members[i].inode != members[i - 1].inode))
			n_namespaces += has_sockets(source->proc_fd, members[i].pid);
	snapshot->elsewhere =
		(struct hark_elsewhere){ .n_namespaces = n_namespaces, .n_listeners = HARK_NONE };
}
