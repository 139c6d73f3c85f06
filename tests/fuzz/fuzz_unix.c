/* SPDX-License-Identifier: MIT */
/* Any text as /proc/net/unix, and what must be true of the rows. */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "collect.h"
#include "fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int tree, input_fd;

static void remove_tree(void)
{
	fixture_close(tree);
}

/* A link leads to the file in memory that holds the input. */
static void make_tree(void)
{
	char target[64];

	input_fd = memfd_create("input", MFD_CLOEXEC);
	if (input_fd < 0)
		err(1, "memfd_create");
	snprintf(target, sizeof(target), "/proc/self/fd/%d", input_fd);
	tree = fixture_open();
	fixture_link(tree, "net/unix", target);
	atexit(remove_tree);
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

/*
 * Each row has a line of its own; a name is as long as names may be, and stands in the text, unless
 * that has a NUL, which ends a line for the parser and which the kernel never writes.
 */
static void check(const struct hark_snapshot *snapshot, const uint8_t *data, size_t size)
{
	uint32_t n_lines = 1;

	for (size_t i = 0; i < size; i++)
		n_lines += data[i] == '\n';
	require(snapshot->unix_sockets.n < n_lines);
	for (uint32_t i = 0; i < snapshot->unix_sockets.n; i++) {
		const char *path = snapshot->unix_sockets.items[i].path;

		require(!path || strlen(path) <= sizeof(((struct sockaddr_un *)0)->sun_path));
		require(!path || memchr(data, 0, size) || memmem(data, size, path, strlen(path)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hark_source source = { .sys_fd = -1 };
	struct hark_snapshot *snapshot;

	if (input_fd == 0)
		make_tree();
	source.proc_fd = tree;
	if (ftruncate(input_fd, 0) < 0 || pwrite(input_fd, data, size, 0) != (ssize_t)size)
		err(1, "input");
	snapshot = snapshot_new();
	if (!snapshot)
		return 0;
	require(procunix_read(&source, snapshot) == 0);
	check(snapshot, data, size);
	hark_snapshot_free(snapshot);
	return 0;
}
