/* SPDX-License-Identifier: MIT */
/*
 * Any text as one of the files that hark reads where netlink is forbidden. The first byte chooses
 * which one; the others are not there.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "describe.h"
#include "fixture.h"
#include "source.h"
#include "take.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {
	"net/tcp",
	"net/tcp6",
	"net/udp",
	"net/udp6",
	"net/raw",
	"net/raw6",
	"net/icmp",
	"net/sctp/eps",
	"net/fib_trie",
	"net/if_inet6",
	"sys/net/ipv6/bindv6only",
	"sys/kernel/hostname",
	"net/netstat",
	"self/mountinfo",
	"7/net/sockstat",
};

#define N_FILES (sizeof(files) / sizeof(files[0]))

static int refuse_open(struct hark_source *source, int protocol)
{
	(void)source;
	(void)protocol;
	return -EPERM;
}

static int64_t no_time(struct hark_source *source)
{
	(void)source;
	return 0;
}

static int refuse_enter(struct hark_source *source, const char *path, uint64_t inode)
{
	(void)source;
	(void)path;
	(void)inode;
	return -EPERM;
}

static const struct source_ops refusing_ops = { .nl_open = refuse_open,
						.enter = refuse_enter,
						.time = no_time };

/* A tree for each file, in which a link leads to the file in memory that holds the input. */
static int trees[N_FILES], input_fd;

static void remove_trees(void)
{
	for (size_t i = 0; i < N_FILES; i++)
		fixture_close(trees[i]);
}

/* What there has to be for the files that tell of other network namespaces to be read. */
static void add_namespaces(void)
{
	for (size_t i = N_FILES - 2; i < N_FILES; i++) {
		fixture_write(trees[i], "net/tcp",
			      "  sl\n   0: 00000000:0050 00000000:0000 0A 00000000:00000000 "
			      "00:00000000 00000000 0 0 5 1 0 0\n");
		fixture_link(trees[i], "self/ns/net", "net:[4026531840]");
		fixture_link(trees[i], "7/ns/net", "net:[4026531841]");
		fixture_link(trees[i], "7/fd/3", "socket:[5]");
		fixture_write(trees[i], "7/comm", "seven\n");
	}
}

static void make_trees(void)
{
	char target[64];

	input_fd = memfd_create("input", MFD_CLOEXEC);
	if (input_fd < 0)
		err(1, "memfd_create");
	snprintf(target, sizeof(target), "/proc/self/fd/%d", input_fd);
	for (size_t i = 0; i < N_FILES; i++) {
		trees[i] = fixture_open();
		fixture_link(trees[i], files[i], target);
		/* An empty table, so that there is a snapshot of the rest. */
		if (i >= 2)
			fixture_write(trees[i], files[0], "  sl\n");
	}
	add_namespaces();
	atexit(remove_trees);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS | HARK_DETAIL_DROPS,
				    .all_states = true };
	struct hark_source source = { .ops = &refusing_ops, .sys_fd = -1 };
	struct hark_snapshot *snapshot;
	struct hark_error error;

	if (input_fd == 0)
		make_trees();
	if (size == 0)
		return 0;
	source.proc_fd = trees[data[0] % N_FILES];
	query.all_namespaces = data[0] % N_FILES == N_FILES - 2;
	if (data[0] % N_FILES >= N_FILES - 2)
		query.details |= HARK_DETAIL_HOLDERS;
	if (ftruncate(input_fd, 0) < 0 ||
	    pwrite(input_fd, data + 1, size - 1, 0) != (ssize_t)(size - 1))
		err(1, "input");
	if (snapshot_take_from(&source, &query, &snapshot, &error) < 0)
		return 0;
	free(describe(snapshot));
	hark_snapshot_free(snapshot);
	return 0;
}
