/* SPDX-License-Identifier: MIT */
/*
 * record [-a|-x] DIRECTORY: takes a snapshot of the current network namespace and keeps what the
 * kernel said, so that the same snapshot can be taken again anywhere: the netlink traffic in
 * DIRECTORY/netlink, and below DIRECTORY/proc the files that were read. -a: connections too; -x: as
 * netstat -ax asks, sockets of AF_UNIX too, in the kernel's order, and no answers.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "record.h"
#include "take.h"

static const char *const files[] = {
	"net/tcp",
	"net/tcp6",
	"net/udp",
	"net/udp6",
	"net/udplite",
	"net/udplite6",
	"net/raw",
	"net/raw6",
	"net/icmp",
	"net/icmp6",
	"net/fib_trie",
	"net/protocols",
	"net/if_inet6",
	"net/sctp/eps",
	"net/unix",
	"sys/net/ipv6/bindv6only",
	"sys/net/ipv6/conf/all/disable_ipv6",
	"sys/kernel/hostname",
	"sys/kernel/osrelease",
};

static void copy_file(int proc_fd, int to_fd, const char *path)
{
	static char text[1 << 20];
	ssize_t length = source_read_file(proc_fd, path, text, sizeof(text));

	if (length == -ENOENT)
		return;
	if (length < 0 || (size_t)length == sizeof(text) - 1)
		errx(1, "/proc/%s: %s", path, length < 0 ? strerror((int)-length) : "too long");
	fixture_write(to_fd, path, text);
}

static void copy_proc(int proc_fd, int to_fd)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(proc_fd, "self/ns/net", target, sizeof(target) - 1);

	if (length < 0)
		err(1, "/proc/self/ns/net");
	target[length] = '\0';
	fixture_link(to_fd, "self/ns/net", target);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		copy_file(proc_fd, to_fd, files[i]);
}

static int make_folder(int dir_fd, const char *path)
{
	int fd;

	if (mkdirat(dir_fd, path, 0777) < 0 && errno != EEXIST)
		err(1, "%s", path);
	fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int main(int argc, char **argv)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	struct recording recording = { 0 };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	struct hark_source live;
	struct recorder recorder;
	int dir_fd, r;

	query.all_states = argc > 2 && (!strcmp(argv[1], "-a") || !strcmp(argv[1], "-x"));
	if (argc != 2 + query.all_states)
		errx(2, "usage: record [-a|-x] DIRECTORY");
	if (query.all_states && argv[1][1] == 'x') {
		query.details = 0;
		query.kernel_order = true;
		query.tables = HARK_TABLE_INTERNET | HARK_TABLE_UNIX;
	}
	dir_fd = make_folder(AT_FDCWD, argv[argc - 1]);
	source_open_live(&live);
	recorder_init(&recorder, &live, &recording);
	if (snapshot_take_from(&recorder.source, &query, &snapshot, &error) < 0)
		errx(1, "%s", error.text);
	r = recorder.error < 0 ? recorder.error : recording_save(&recording, dir_fd, "netlink");
	if (r < 0)
		errx(1, "netlink: %s", strerror(-r));
	copy_proc(live.proc_fd, make_folder(dir_fd, "proc"));
	printf("%u sockets, %u frames\n", hark_snapshot_n_sockets(snapshot), recording.frames.n);
	hark_snapshot_free(snapshot);
	recorder_fini(&recorder);
	recording_fini(&recording);
	source_close_live(&live);
	return 0;
}
