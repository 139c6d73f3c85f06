/* SPDX-License-Identifier: MIT */
#include "demo_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_S 2

const struct demo_server demo_servers[] = {
	{ "demo-web", { { "::", 80, false, false } }, 1 },
	{ "demo-ssh", { { "0.0.0.0", 22, false, false }, { "::", 22, false, true } }, 2 },
	{ "demo-modern", { { "::", 8084, false, true } }, 1 },
	{ "demo-database",
	  { { "127.0.0.1", 5432, false, false }, { "::1", 5432, false, true } },
	  2 },
	{ "demo-names", { { "::", 53, true, false } }, 1 },
	{ "demo-clock", { { "0.0.0.0", 123, true, false } }, 1 },
};
const size_t demo_n_servers = sizeof(demo_servers) / sizeof(*demo_servers);

static pid_t server_pids[sizeof(demo_servers) / sizeof(*demo_servers)];

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t length;
};

static struct address address_of(const char *text, uint16_t port)
{
	struct address address = { .in = { .sin_family = AF_INET, .sin_port = htons(port) },
				   .length = sizeof(struct sockaddr_in) };

	if (inet_pton(AF_INET, text, &address.in.sin_addr) == 1)
		return address;
	address = (struct address){ .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) },
				    .length = sizeof(struct sockaddr_in6) };
	inet_pton(AF_INET6, text, &address.in6.sin6_addr);
	return address;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/*
 * Root of a user namespace of our own is what it takes to make a network namespace without being
 * root.
 */
static int become_root_inside(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	/* Kernels before 3.19 have no setgroups file, and need none. */
	r = write_file("/proc/self/setgroups", "deny");
	if (r < 0 && r != -ENOENT)
		return r;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)uid);
	r = write_file("/proc/self/uid_map", map);
	if (r < 0)
		return r;
	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)gid);
	return write_file("/proc/self/gid_map", map);
}

/*
 * The kernel makes an IPv6 address local in a worker of its own (addrconf_dad_work in
 * net/ipv6/addrconf.c), a moment after it was set. From then on a datagram to oneself arrives.
 */
static void wait_until_local(int fd, struct address address)
{
	struct address self = address_of("::", 0);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	if (bind(fd, &self.any, self.length) < 0 || getsockname(fd, &self.any, &self.length) < 0)
		return;
	address.in6.sin6_port = self.in6.sin6_port;
	for (int i = 0; i < 100; i++) {
		sendto(fd, "?", 1, 0, &address.any, address.length);
		if (poll(&pollfd, 1, 10) > 0)
			return;
	}
}

static int configure_loopback(void)
{
	/* struct in6_ifreq of <linux/ipv6.h>, which this layer leaves alone. */
	struct {
		struct in6_addr address;
		uint32_t prefix_length;
		int ifindex;
	} in6_request = { .prefix_length = 64, .ifindex = (int)if_nametoindex("lo") };
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct address ipv4 = address_of(DEMO_IPV4, 0), ipv6 = address_of(DEMO_IPV6, 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		r = -errno;
	/* An address of its own for the founding story, as an alias beside 127.0.0.1. */
	snprintf(request.ifr_name, sizeof(request.ifr_name), "lo:1");
	memcpy(&request.ifr_addr, &ipv4.any, sizeof(request.ifr_addr));
	if (r == 0 && ioctl(fd, SIOCSIFADDR, &request) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return r;
	/* Without IPv6 in the kernel the demo goes on with IPv4. */
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	in6_request.address = ipv6.in6.sin6_addr;
	if (ioctl(fd, SIOCSIFADDR, &in6_request) < 0 && errno != EEXIST && errno != EACCES)
		r = -errno;
	else
		wait_until_local(fd, ipv6);
	close(fd);
	return r;
}

int demo_enter(void)
{
	int r = geteuid() == 0 ? 0 : become_root_inside();

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	/* The move took away our right to look into our own processes below /proc. */
	prctl(PR_SET_DUMPABLE, 1);
	return configure_loopback();
}

static int open_socket(const struct demo_socket *wanted)
{
	struct address address = address_of(wanted->address, wanted->port);
	int fd = socket(address.any.sa_family,
			(wanted->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int v6only = wanted->v6only, on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, &address.any, address.length) < 0 || (!wanted->is_udp && listen(fd, 16) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void format_peer(const struct address *peer, char *text, socklen_t size)
{
	const void *bytes = peer->any.sa_family == AF_INET6 ? (const void *)&peer->in6.sin6_addr :
							      (const void *)&peer->in.sin_addr;

	if (!inet_ntop(peer->any.sa_family, bytes, text, size))
		text[0] = '\0';
}

/* Tells one caller the address by which we see it. */
static void serve_one(int fd, bool is_udp)
{
	struct address peer = { .length = sizeof(struct sockaddr_in6) };
	char text[INET6_ADDRSTRLEN], byte;
	int connection = -1;

	if (is_udp) {
		if (recvfrom(fd, &byte, 1, 0, &peer.any, &peer.length) < 0)
			return;
		format_peer(&peer, text, sizeof(text));
		(void)!sendto(fd, text, strlen(text), 0, &peer.any, peer.length);
		return;
	}
	connection = accept4(fd, &peer.any, &peer.length, SOCK_CLOEXEC);
	if (connection < 0)
		return;
	format_peer(&peer, text, sizeof(text));
	(void)!send(connection, text, strlen(text), MSG_NOSIGNAL);
	close(connection);
}

static void serve(const struct demo_server *server, int ready_fd, pid_t parent)
{
	struct pollfd polls[2];
	char failed = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, server->name);
	prctl(PR_SET_DUMPABLE, 1);
	for (size_t i = 0; i < server->n_sockets; i++) {
		polls[i] =
			(struct pollfd){ .fd = open_socket(&server->sockets[i]), .events = POLLIN };
		failed |= polls[i].fd < 0;
	}
	(void)!write(ready_fd, &failed, 1);
	close(ready_fd);
	while (poll(polls, server->n_sockets, -1) > 0)
		for (size_t i = 0; i < server->n_sockets; i++)
			if (polls[i].revents)
				serve_one(polls[i].fd, server->sockets[i].is_udp);
	_exit(0);
}

int demo_start(void)
{
	pid_t parent = getpid();
	int ready[2], r = 0;
	char failed;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	for (size_t i = 0; i < demo_n_servers && r == 0; i++) {
		server_pids[i] = fork();
		if (server_pids[i] == 0) {
			close(ready[0]);
			serve(&demo_servers[i], ready[1], parent);
		}
		if (server_pids[i] < 0)
			r = -errno;
	}
	close(ready[1]);
	for (size_t i = 0; i < demo_n_servers && r == 0; i++)
		if (read(ready[0], &failed, 1) != 1 || failed)
			r = -EADDRNOTAVAIL;
	close(ready[0]);
	return r;
}

void demo_stop(void)
{
	for (size_t i = 0; i < demo_n_servers; i++) {
		if (server_pids[i] <= 0)
			continue;
		kill(server_pids[i], SIGKILL);
		waitpid(server_pids[i], NULL, 0);
		server_pids[i] = 0;
	}
}

int demo_call(const char *text, uint16_t port, bool is_udp, char *ret_seen, size_t size)
{
	struct address address = address_of(text, port);
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = socket(address.any.sa_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
			0);
	ssize_t length = -1;
	int r = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, &address.any, address.length) < 0 || (is_udp && send(fd, "?", 1, 0) < 0))
		r = -errno;
	if (r == 0)
		length = recv(fd, ret_seen, size - 1, 0);
	if (r == 0 && length < 0)
		r = -errno;
	if (r == 0)
		ret_seen[length] = '\0';
	close(fd);
	return r;
}
