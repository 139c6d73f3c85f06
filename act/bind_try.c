/* SPDX-License-Identifier: MIT */
#include "bind_try.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static socklen_t put_address(const struct hark_bind_wish *wish, union address *ret)
{
	*ret = (union address){ .any.sa_family = AF_UNSPEC };
	if (wish->family == HARK_FAMILY_INET) {
		ret->ipv4.sin_family = AF_INET;
		ret->ipv4.sin_port = htons(wish->port);
		memcpy(&ret->ipv4.sin_addr, wish->addr.bytes + 12, 4);
		return sizeof(ret->ipv4);
	}
	ret->ipv6.sin6_family = AF_INET6;
	ret->ipv6.sin6_port = htons(wish->port);
	memcpy(&ret->ipv6.sin6_addr, wish->addr.bytes, 16);
	if (wish->device && hark_addr_is_link_local(&wish->addr))
		ret->ipv6.sin6_scope_id = if_nametoindex(wish->device);
	return sizeof(ret->ipv6);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What arrives while the port is ours is dropped as if it was lost on its way, and comes again. */
static int drop_everything(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &drop };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int set_options(int fd, const struct hark_bind_wish *wish)
{
	/* A kernel without socket filters is one that answers for the moment. */
	(void)drop_everything(fd);
	if (wish->reuseaddr && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return -errno;
	if (wish->reuseport && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
		return -errno;
	if (wish->family == HARK_FAMILY_INET6 && wish->v6only != HARK_UNKNOWN &&
	    set(fd, IPPROTO_IPV6, IPV6_V6ONLY, wish->v6only == HARK_YES) < 0)
		return -errno;
	if (wish->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, wish->device,
				       (socklen_t)strlen(wish->device)) < 0)
		return -errno;
	return 0;
}

/* A BPF program of the control group may have chosen another place. */
static void look_where(int fd, const struct hark_bind_wish *wish, struct hark_bind_trial *trial)
{
	union address address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return;
	if (address.any.sa_family == AF_INET) {
		trial->to = hark_addr_from_ipv4(&address.ipv4.sin_addr);
		trial->to_port = ntohs(address.ipv4.sin_port);
	} else {
		trial->to = hark_addr_from_ipv6(&address.ipv6.sin6_addr, 0);
		trial->to_port = ntohs(address.ipv6.sin6_port);
	}
	trial->is_moved = trial->to_port != wish->port ||
			  memcmp(trial->to.bytes, wish->addr.bytes, sizeof(wish->addr.bytes)) != 0;
}

static int become(const struct bind_user *user)
{
	if (!user->is_other)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

static void fail(struct hark_bind_trial *trial, enum hark_bind_step step, int error)
{
	trial->step = (uint8_t)step;
	trial->error = error;
}

static void run_steps(const struct hark_bind_wish *wish, const struct bind_user *user, bool listens,
		      struct hark_bind_trial *trial)
{
	bool is_tcp = wish->protocol == HARK_PROTOCOL_TCP;
	union address address;
	socklen_t length;
	int fd, r = become(user);

	if (r < 0) {
		fail(trial, HARK_BIND_USER, r);
		return;
	}
	fd = socket(wish->family == HARK_FAMILY_INET ? AF_INET : AF_INET6,
		    (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		fail(trial, HARK_BIND_SOCKET, -errno);
		return;
	}
	r = set_options(fd, wish);
	length = put_address(wish, &address);
	if (r < 0)
		fail(trial, HARK_BIND_OPTIONS, r);
	else if (bind(fd, &address.any, length) < 0)
		fail(trial, HARK_BIND_BIND, -errno);
	else if (is_tcp && listens && listen(fd, 1) < 0)
		fail(trial, HARK_BIND_LISTEN, -errno);
	else
		fail(trial, HARK_BIND_DONE, 0);
	if (trial->step == HARK_BIND_DONE)
		look_where(fd, wish, trial);
	close(fd);
}

int bind_try(const struct hark_bind_wish *wish, const struct bind_user *user, bool listens,
	     struct hark_bind_trial *ret)
{
	struct hark_bind_trial trial = { .step = HARK_BIND_NOT_TRIED };
	int pipe_fds[2], status, r = 0;
	ssize_t length;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		r = -errno;
	if (pid == 0) {
		run_steps(wish, user, listens, &trial);
		length = write(pipe_fds[1], &trial, sizeof(trial));
		_exit(length == (ssize_t)sizeof(trial) ? 0 : 1);
	}
	close(pipe_fds[1]);
	if (pid > 0) {
		length = read(pipe_fds[0], &trial, sizeof(trial));
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (length != (ssize_t)sizeof(trial))
			r = -EIO;
	}
	close(pipe_fds[0]);
	if (r == 0)
		*ret = trial;
	return r;
}
