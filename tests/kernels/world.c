/* SPDX-License-Identifier: MIT */
/*
 * world: sockets of every kind and state, in the network namespace that it is started in.
 *
 *	world [idle]
 *
 * Ends as soon as all of them are there, and leaves two processes behind that hold them. What the
 * kernel does not have is left out, and told. With `idle` there are also sockets that are bound and
 * do nothing, which no look-up of a connection finds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum what {
	BOUND,   /* and listens, where it can */
	IDLE,    /* bound; only when asked for */
	CONNECT, /* a listener, and a connection to it: both its ends */
	LEAVE,   /* a connection that its client has closed: TIME_WAIT */
	DEFER,   /* one that says nothing to a listener that waits for it to: SYN_RECV */
};

static const struct {
	enum what what;
	int family;
	int type;
	int protocol;
	const char *address;
	uint16_t port;
	bool v6only;
} sockets[] = {
	{ BOUND, AF_INET, SOCK_STREAM, IPPROTO_TCP, "0.0.0.0", 22 },
	{ BOUND, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::", 22, true },
	{ BOUND, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::", 80 },
	{ BOUND, AF_INET, SOCK_STREAM, IPPROTO_TCP, "127.0.0.1", 5432 },
	{ BOUND, AF_INET6, SOCK_STREAM, IPPROTO_MPTCP, "::", 443 },
	{ BOUND, AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1", 444 },
	{ BOUND, AF_INET, SOCK_DGRAM, IPPROTO_UDP, "0.0.0.0", 53 },
	{ BOUND, AF_INET6, SOCK_DGRAM, IPPROTO_UDP, "::", 123 },
	{ BOUND, AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE, "::", 7000 },
	{ BOUND, AF_INET, SOCK_RAW, IPPROTO_ICMP, "127.0.0.1", 0 },
	{ BOUND, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, "::", 0 },
	{ BOUND, AF_INET6, SOCK_STREAM, IPPROTO_SCTP, "::", 3868 },
	{ BOUND, AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, "127.0.0.1", 3869 },
	{ CONNECT, AF_INET, SOCK_STREAM, IPPROTO_TCP, "127.0.0.1", 9001 },
	{ CONNECT, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::1", 9002 },
	{ CONNECT, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::ffff:127.0.0.1", 9003 },
	{ CONNECT, AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1", 9004 },
	{ CONNECT, AF_INET, SOCK_STREAM, IPPROTO_SCTP, "127.0.0.1", 9005 },
	{ CONNECT, AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP, "::1", 9013 },
	{ CONNECT, AF_INET, SOCK_DGRAM, IPPROTO_UDP, "127.0.0.1", 9006 },
	{ LEAVE, AF_INET, SOCK_STREAM, IPPROTO_TCP, "127.0.0.1", 9007 },
	{ LEAVE, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::1", 9008 },
	{ DEFER, AF_INET, SOCK_STREAM, IPPROTO_TCP, "127.0.0.1", 9009 },
	{ DEFER, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::1", 9010 },
	{ IDLE, AF_INET, SOCK_STREAM, IPPROTO_TCP, "127.0.0.1", 9011 },
	{ IDLE, AF_INET6, SOCK_STREAM, IPPROTO_TCP, "::1", 9012 },
};

static void check(bool done, const char *what, int i)
{
	if (done)
		return;
	fprintf(stderr, "world: socket %d, port %u: %s: %s\n", i, sockets[i].port, what,
		strerror(errno));
	exit(EXIT_FAILURE);
}

static socklen_t fill(struct sockaddr_storage *address, int i)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;

	*address = (struct sockaddr_storage){ .ss_family = (sa_family_t)sockets[i].family };
	/* At the same place in both. */
	v4->sin_port = htons(sockets[i].port);
	if (sockets[i].family == AF_INET)
		inet_pton(AF_INET, sockets[i].address, &v4->sin_addr);
	else
		inet_pton(AF_INET6, sockets[i].address, &v6->sin6_addr);
	return sockets[i].family == AF_INET ? sizeof(*v4) : sizeof(*v6);
}

static int open_one(int i)
{
	return socket(sockets[i].family, sockets[i].type, sockets[i].protocol);
}

static void make_connection(int i, int listener)
{
	struct sockaddr_storage address;
	socklen_t length = fill(&address, i);
	int client = open_one(i), server;

	check(client >= 0 && connect(client, (void *)&address, length) == 0, "connect", i);
	if (sockets[i].what == DEFER || sockets[i].type != SOCK_STREAM)
		return;
	server = accept(listener, NULL, NULL);
	check(server >= 0, "accept", i);
	if (sockets[i].what == LEAVE) {
		close(client);
		close(server);
	}
}

static void make(int i)
{
	const int seconds = 200, v6only = sockets[i].v6only;
	struct sockaddr_storage address;
	socklen_t length = fill(&address, i);
	int fd = open_one(i);

	if (fd < 0) {
		printf("no socket of protocol %d: %s\n", sockets[i].protocol, strerror(errno));
		return;
	}
	if (v6only)
		check(!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)),
		      "IPV6_V6ONLY", i);
	if (sockets[i].what == DEFER)
		check(!setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)),
		      "TCP_DEFER_ACCEPT", i);
	check(bind(fd, (void *)&address, length) == 0, "bind", i);
	if (sockets[i].what == IDLE || sockets[i].type == SOCK_RAW)
		return;
	if (sockets[i].type != SOCK_DGRAM)
		check(listen(fd, 8) == 0, "listen", i);
	if (sockets[i].what != BOUND)
		make_connection(i, fd);
}

int main(int argc, char **argv)
{
	const bool has_idle = argc > 1 && !strcmp(argv[1], "idle");

	for (int i = 0; i < (int)ARRAY_SIZE(sockets); i++)
		if (has_idle || sockets[i].what != IDLE)
			make(i);
	fflush(stdout);
	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			for (;;)
				pause();
	return 0;
}
