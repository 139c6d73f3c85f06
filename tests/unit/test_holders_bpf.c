/* SPDX-License-Identifier: MIT */
/* Holders by programs in the kernel, on one that does not run all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect.h"

static struct hark_source live;
static int n_programs;

static int refuse_second(struct hark_source *source, int command, union bpf_attr *attr,
			 uint32_t size)
{
	if (command == BPF_PROG_LOAD && attr->prog_type == BPF_PROG_TYPE_TRACING &&
	    n_programs++ == 1)
		return -EINVAL;
	return live.ops->bpf(source, command, attr, size);
}

static int open_socket(struct hark_socket *ret)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat stat;

	assert_int_equal(fstat(fd, &stat), 0);
	*ret = (struct hark_socket){ .inode = (uint32_t)stat.st_ino };
	return fd;
}

/* The second looks for what nobody holds; what the first has found stands without it. */
static void test_second_refused(void **state)
{
	const struct holders_prospect prospect = { .has_connections = true };
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_source source;
	struct hark_socket *sockets;
	struct source_ops ops;
	struct walk *walk;
	int fd, r;

	(void)state;
	source_open_live(&live);
	source = live;
	ops = *live.ops;
	ops.bpf = refuse_second;
	source.ops = &ops;
	assert_non_null(snapshot);
	assert_int_equal(array_reserve(&snapshot->sockets, 2u), 0);
	sockets = snapshot->sockets.items;
	snapshot->sockets.n = 2;
	fd = open_socket(&sockets[0]);
	close(open_socket(&sockets[1]));
	walk = holders_begin(&source, HARK_HOLDERS_BPF, &prospect);
	assert_non_null(walk);
	r = holders_collect(&source, snapshot, 0, HARK_HOLDERS_BPF, walk);
	holders_end(walk);
	source_close_live(&live);
	if (n_programs < 2) {
		print_message("# needs CAP_BPF, and a kernel whose tasks a program may walk\n");
		hark_snapshot_free(snapshot);
		skip();
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(n_programs, 2);
	assert_int_equal(sockets[0].n_holders, 1);
	assert_int_equal(snapshot->holders.items[sockets[0].first_holder].fd, fd);
	assert_int_equal(sockets[1].n_holders, 0);
	hark_snapshot_free(snapshot);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_refused),
	};

	return cmocka_run_group_tests_name("holders_bpf", tests, NULL, NULL);
}
