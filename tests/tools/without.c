/* SPDX-License-Identifier: MIT */
/*
 * without: run a program to which the kernel refuses something, by a seccomp filter.
 *
 *	without WHAT=ERRNO... PROGRAM [ARGUMENT...]
 *
 * WHAT is what socket() refuses: "netlink" (all of AF_NETLINK), "sockdiag" (NETLINK_SOCK_DIAG alone,
 * as gVisor and WSL 1 do), "route" (NETLINK_ROUTE); or "unshare", "openat2", "listen" or "bpf", all
 * of it; or "program", BPF_PROG_LOAD alone. ERRNO is its number: 1 EPERM, 13 EACCES, 38 ENOSYS,
 * 93 EPROTONOSUPPORT. The
 * filter knows the system calls of the architecture that it was built for.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANY (-1)

/* A system call, with any arguments or with these. */
static const struct refusal {
	const char *name;
	int call;
	int first;
	int third;
} refusals[] = {
	{ "netlink", SYS_socket, AF_NETLINK, ANY },
	{ "sockdiag", SYS_socket, AF_NETLINK, NETLINK_SOCK_DIAG },
	{ "route", SYS_socket, AF_NETLINK, NETLINK_ROUTE },
	{ "unshare", SYS_unshare, ANY, ANY },
	{ "bpf", SYS_bpf, ANY, ANY },
	{ "openat2", SYS_openat2, ANY, ANY },
	{ "listen", SYS_listen, ANY, ANY },
	{ "program", SYS_bpf, BPF_PROG_LOAD, ANY },
};

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define UNLESS(value, skipped) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)(value), 0, skipped)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

static int refuse(const struct refusal *refusal, unsigned int error)
{
	const struct sock_filter go_on = BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0);
	/* The low halves of the arguments come first: these are little-endian machines. */
	struct sock_filter filter[] = {
		LOAD(nr),
		UNLESS(refusal->call, 5),
		LOAD(args[0]),
		UNLESS(refusal->first, 3),
		LOAD(args[2]),
		UNLESS(refusal->third, 1),
		RETURN(SECCOMP_RET_ERRNO | error),
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(*filter), .filter = filter };

	if (refusal->first == ANY)
		filter[3] = go_on;
	if (refusal->third == ANY)
		filter[5] = go_on;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	int at = 1;

	for (; at < argc && strchr(argv[at], '='); at++) {
		size_t length = strcspn(argv[at], "="), i = 0;
		const size_t n = sizeof(refusals) / sizeof(*refusals);
		int r;

		while (i < n && (strlen(refusals[i].name) != length ||
				 strncmp(refusals[i].name, argv[at], length) != 0))
			i++;
		if (i == n) {
			fprintf(stderr, "without: what is %s?\n", argv[at]);
			return 125;
		}
		r = refuse(&refusals[i], (unsigned int)atoi(argv[at] + length + 1));
		if (r < 0) {
			fprintf(stderr, "without: seccomp: %s\n", strerror(-r));
			return 125;
		}
	}
	if (at == argc) {
		fprintf(stderr, "usage: without WHAT=ERRNO... PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	execvp(argv[at], argv + at);
	fprintf(stderr, "without: %s: %s\n", argv[at], strerror(errno));
	return 126;
}
