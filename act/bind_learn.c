/* SPDX-License-Identifier: MIT */
/* What sock_diag does not tell of other sockets: SO_REUSEADDR and SO_REUSEPORT. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bind_try.h"

/* A duplicate of a process's descriptor: -1 where it may not be had, or is another file by now. */
static int duplicate(uint32_t pid, uint32_t fd, uint32_t inode)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), copy;
	struct stat status;

	if (pidfd < 0)
		return -1;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	if (copy >= 0 && (fstat(copy, &status) < 0 || status.st_ino != inode)) {
		close(copy);
		return -1;
	}
	return copy;
}

static uint8_t read_option(int fd, int option)
{
	socklen_t length = sizeof(int);
	int value;

	if (getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0)
		return HARK_UNKNOWN;
	return value ? HARK_YES : HARK_NO;
}

static bool learn_from_descriptor(const struct hark_snapshot *snapshot, uint32_t i,
				  struct hark_bind_flags *flags)
{
	const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);

	/* Of MPTCP it is the socket above the one that has the port. */
	for (uint32_t k = 0; k < socket->n_holders && socket->protocol != HARK_PROTOCOL_MPTCP;
	     k++) {
		const struct hark_holder *holder =
			hark_snapshot_holder(snapshot, socket->first_holder + k);
		int fd = duplicate(hark_snapshot_process(snapshot, holder->process)->pid,
				   holder->fd, socket->inode);

		if (fd < 0)
			continue;
		flags->reuseaddr = read_option(fd, SO_REUSEADDR);
		flags->reuseport = read_option(fd, SO_REUSEPORT);
		close(fd);
		return true;
	}
	return false;
}

/*
 * TCP with SO_REUSEPORT is left out: such a try would leave a trace (see change_wish() in bind.c).
 * And one without it makes TCP forget whom it lets in by SO_REUSEPORT unlooked at, so that a wish
 * with it could fail that would not have.
 */
static bool learn_by_trying(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
			    const struct bind_user *user, uint32_t i, struct hark_bind_flags *flags)
{
	const struct {
		enum hark_bind_option option;
		uint8_t *flag;
	} wanted[] = {
		{ HARK_BIND_REUSEADDR, &flags[i].reuseaddr },
		{ HARK_BIND_REUSEPORT, &flags[i].reuseport },
	};
	size_t n = wish->protocol == HARK_PROTOCOL_UDP ? 2 : wish->reuseport ? 0 : 1;
	bool has_learned = false;

	for (size_t w = 0; w < n; w++) {
		struct hark_bind_wish narrow;
		struct hark_bind_trial trial;

		if (*wanted[w].flag != HARK_UNKNOWN ||
		    !hark_bind_isolate(snapshot, wish, flags, i, wanted[w].option, &narrow) ||
		    bind_try(&narrow, user, false, &trial) < 0)
			continue;
		if (trial.step == HARK_BIND_DONE)
			*wanted[w].flag = HARK_YES;
		else if (trial.step == HARK_BIND_BIND && trial.error == -EADDRINUSE)
			*wanted[w].flag = HARK_NO;
		has_learned |= *wanted[w].flag != HARK_UNKNOWN;
	}
	return has_learned;
}

bool bind_learn(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
		const struct bind_user *user, const struct hark_bind_verdict *verdict,
		struct hark_bind_flags *flags)
{
	const struct hark_obstacle *obstacle;
	bool has_learned = false;

	for (uint32_t k = 0; (obstacle = hark_bind_obstacle(verdict, k)); k++) {
		uint32_t i = obstacle->socket;

		if (i == HARK_NONE || obstacle->certainty != HARK_UNKNOWN ||
		    flags[i].reuseaddr != HARK_UNKNOWN || flags[i].reuseport != HARK_UNKNOWN)
			continue;
		has_learned |= learn_from_descriptor(snapshot, i, &flags[i]) ||
			       learn_by_trying(snapshot, wish, user, i, flags);
	}
	return has_learned;
}
