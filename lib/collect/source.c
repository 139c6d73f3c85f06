/* SPDX-License-Identifier: MIT */
/* The live source: this machine. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_TIMEOUT_S 2

static int live_nl_open(struct hark_source *source, int protocol)
{
	struct timeval timeout = { .tv_sec = RECEIVE_TIMEOUT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), strict = 1;

	(void)source;
	if (fd < 0)
		return -errno;
	/*
	 * Since Linux 4.20: dumps of routes are filtered by the kernel; before, by places.c alone.
	 */
	if (protocol == NETLINK_ROUTE)
		(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int live_nl_send(struct hark_source *source, int handle, const void *bytes, size_t length)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	(void)source;
	do {
		sent = sendto(handle, bytes, length, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == length ? 0 : -EIO;
}

static ssize_t live_nl_receive(struct hark_source *source, int handle, void *buffer, size_t size)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { .iov_base = buffer, .iov_len = size };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t length;

	(void)source;
	/*
	 * Any process may send to our socket: what is not from the kernel (port 0) is none of ours.
	 */
	do {
		length = recvmsg(handle, &message, 0);
	} while ((length < 0 && errno == EINTR) || (length >= 0 && from.nl_pid != 0));
	if (length < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : length;
}

static void live_nl_close(struct hark_source *source, int handle)
{
	(void)source;
	close(handle);
}

/* A socket for datagrams will do, so that CAP_NET_RAW is not needed. */
static int live_get_option(struct hark_source *source, int family, int option, void *buffer,
			   uint32_t *size)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	(void)source;
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, family == AF_INET ? SOL_IP : SOL_IPV6, option, buffer, size) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int call_bpf(int command, union bpf_attr *attr, uint32_t size)
{
	int r = (int)syscall(SYS_bpf, command, attr, size);

	return r < 0 ? -errno : r;
}

/* The limit is the whole process's, so one lock is right for all sources. */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

static int call_bpf_without_limit(int command, union bpf_attr *attr, uint32_t size)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit limit;
	int r = -EPERM;

	pthread_mutex_lock(&limit_lock);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    setrlimit(RLIMIT_MEMLOCK, &none) == 0) {
		r = call_bpf(command, attr, size);
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	pthread_mutex_unlock(&limit_lock);
	return r;
}

/*
 * Before Linux 5.11 maps and programs count as locked memory, of which 64 KiB are allowed
 * (kernel/bpf/syscall.c: bpf_charge_memlock()).
 */
static int live_bpf(struct hark_source *source, int command, union bpf_attr *attr, uint32_t size)
{
	int r = call_bpf(command, attr, size);

	(void)source;
	if (r == -EPERM && (command == BPF_MAP_CREATE || command == BPF_PROG_LOAD))
		r = call_bpf_without_limit(command, attr, size);
	return r;
}

static int live_count_sk_lookups(struct hark_source *source)
{
	int fd = source->is_elsewhere ? fcntl(source->netns_fd, F_DUPFD_CLOEXEC, 0) :
		 source->proc_fd < 0  ? -1 :
					openat(source->proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC);
	union bpf_attr attr = { .query = { .target_fd = (uint32_t)fd,
					   .attach_type = BPF_SK_LOOKUP } };
	int r;

	if (fd < 0)
		return source->proc_fd < 0 ? -ENOENT : -errno;
	r = call_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	if (r >= 0)
		r = (int)attr.query.prog_cnt;
	close(fd);
	return r;
}

/*
 * A descriptor that setns() takes. A process may have put something else into that descriptor of
 * its own by now, a device that does things when root opens it: so nothing is opened before it is
 * known to be what it was.
 */
static int open_namespace(const struct hark_source *source, const char *path, uint64_t inode)
{
	int fd = openat(source->proc_fd, path, O_PATH | O_CLOEXEC), opened;
	struct statfs system;
	struct stat status;
	char link[32];

	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "thread-self/fd/%d", fd);
	if (fstat(fd, &status) < 0 || fstatfs(fd, &system) < 0)
		opened = -errno;
	else if (system.f_type != NSFS_MAGIC || status.st_ino != inode)
		opened = -ESTALE;
	else
		opened = openat(source->proc_fd, link, O_RDONLY | O_CLOEXEC);
	if (opened == -1)
		opened = -errno;
	close(fd);
	return opened;
}

static int live_enter(struct hark_source *source, const char *path, uint64_t inode)
{
	int fd = open_namespace(source, path, inode);

	if (fd < 0)
		return fd;
	if (setns(fd, CLONE_NEWNET) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	source->is_elsewhere = true;
	source->netns_fd = fd;
	source->thread_fd =
		openat(source->proc_fd, "thread-self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static void live_leave(struct hark_source *source)
{
	close(source->netns_fd);
	if (source->thread_fd >= 0)
		close(source->thread_fd);
	source->is_elsewhere = false;
}

static int live_open_root(struct hark_source *source)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)source;
	return fd < 0 ? -errno : fd;
}

static int live_connect(struct hark_source *source, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int error = 0;

	(void)source;
	if (fd < 0)
		return -errno;
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
	    (int)sizeof(address.sun_path))
		error = -ENAMETOOLONG;
	else if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		 getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		error = -errno;
	else if (peer.uid != 0 && peer.uid != geteuid())
		error = -EPERM;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* To the nearest second, so that it is the same each time but for a step of the clock. */
static int64_t live_boot_time(struct hark_source *source)
{
	struct timespec since_boot, now;

	(void)source;
	if (clock_gettime(CLOCK_BOOTTIME, &since_boot) < 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return ((int64_t)(now.tv_sec - since_boot.tv_sec) * 1000000000 + now.tv_nsec -
		since_boot.tv_nsec + 500000000) /
	       1000000000;
}

static int64_t live_time(struct hark_source *source)
{
	(void)source;
	return time(NULL);
}

static uint64_t live_clock_ns(struct hark_source *source)
{
	struct timespec now;

	(void)source;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static const struct source_ops live_ops = {
	.nl_open = live_nl_open,
	.nl_send = live_nl_send,
	.nl_receive = live_nl_receive,
	.nl_close = live_nl_close,
	.get_option = live_get_option,
	.count_sk_lookups = live_count_sk_lookups,
	.enter = live_enter,
	.leave = live_leave,
	.open_root = live_open_root,
	.bpf = live_bpf,
	.connect = live_connect,
	.time = live_time,
	.boot_time = live_boot_time,
	.clock_ns = live_clock_ns,
};

void source_open_live(struct hark_source *ret)
{
	*ret = (struct hark_source){
		.ops = &live_ops,
		.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
}

void source_close_live(struct hark_source *source)
{
	if (source->proc_fd >= 0)
		close(source->proc_fd);
	if (source->sys_fd >= 0)
		close(source->sys_fd);
	source->proc_fd = source->sys_fd = -1;
}

int source_open_directory(int dir_fd, const char *path)
{
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return dir_fd < 0 ? -ENOENT : -errno;
	return fd;
}

ssize_t source_read_file(int dir_fd, const char *path, char *buffer, size_t size)
{
	int fd = dir_fd < 0 ? -1 :
			      openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t length = 0;
	ssize_t got = 0;
	int error = 0;

	if (fd < 0)
		return dir_fd < 0 ? -ENOENT : -errno;
	while (length < size - 1) {
		got = read(fd, buffer + length, size - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	if (got < 0)
		error = -errno;
	close(fd);
	buffer[length] = '\0';
	return error ? error : (ssize_t)length;
}
