/* SPDX-License-Identifier: MIT */
/*
 * situation: make real sockets, tell what was made, then tell which of them gets what.
 *
 *	situation NAME | 'SPECIFICATION'...
 *	situation --list
 *
 * An argument with a blank in it is the specification of one socket, any other the name of a
 * situation in the table below. All sockets are made in the current network namespace, in the
 * order given, for the order decides who shadows whom. Standard output is JSON, a line each:
 *
 *	{"made": 0, "protocol": ..., "inode": ..., "cookie": ..., "holders": [PID...]}
 *	{"failed": 1, "step": "bind", "errno": 98, "error": "..."}
 *	{"ready": true, "netns": INODE}
 *	{"got": 0, "from": ..., "from_port": ..., "to": ..., "to_port": ...}
 *	{"got": 2, "text": "..."}
 *
 * the last two being a connection and a datagram, and the number the socket's place on the command
 * line. A socket that cannot be made is reported and left out: a random world is expected to
 * collide. It ends when standard input does, or when its parent dies, however that happens.
 *
 * A specification is "PROTOCOL FAMILY ADDRESS PORT [WORD...]": protocol tcp, mptcp, udp or
 * udplite; family inet or inet6; link-local addresses with %INTERFACE; port 0 for any. Words:
 *	reuseaddr reuseport freebind	the socket options
 *	v6only=0|1			IPV6_V6ONLY; unsaid, it is what bindv6only says
 *	dev=NAME			SO_BINDTODEVICE
 *	uid=N				made with this file system uid, which becomes the socket's
 *	peer=ADDRESS/PORT		connect() it (UDP)
 *	nolisten			leave a TCP socket bound but idle
 *	holders=N			N more processes have it open
 *	cbpf=N				SO_ATTACH_REUSEPORT_CBPF with a program that returns N
 *	steer=PORT			an sk_lookup program sends all that comes for PORT here
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer.h"

#define MAX_SOCKETS 512
#define MAX_HOLDERS 16
#define BACKLOG     1024

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct spec {
	const struct protocol *protocol;
	int family;
	union address address;
	union address peer; /* family 0: not connected */
	char dev[IFNAMSIZ];
	int reuseaddr;
	int reuseport;
	int freebind;
	int nolisten;
	int v6only; /* the rest: -1 is "not said" */
	int uid;
	int cbpf;
	int steer;
	int holders;
};

static const struct protocol {
	const char *name;
	int type;
	int number;
} protocols[] = {
	{ "tcp", SOCK_STREAM, IPPROTO_TCP },
	{ "mptcp", SOCK_STREAM, IPPROTO_MPTCP },
	{ "udp", SOCK_DGRAM, IPPROTO_UDP },
	{ "udplite", SOCK_DGRAM, IPPROTO_UDPLITE },
};

/* Words without a value set 1. */
static const struct word {
	const char *name;
	size_t offset;
} words[] = {
	{ "reuseaddr", offsetof(struct spec, reuseaddr) },
	{ "reuseport", offsetof(struct spec, reuseport) },
	{ "freebind", offsetof(struct spec, freebind) },
	{ "nolisten", offsetof(struct spec, nolisten) },
	{ "v6only", offsetof(struct spec, v6only) },
	{ "uid", offsetof(struct spec, uid) },
	{ "cbpf", offsetof(struct spec, cbpf) },
	{ "steer", offsetof(struct spec, steer) },
	{ "holders", offsetof(struct spec, holders) },
};

/* Those that name addresses want 10.9.0.1 on eth0, and eth1, in the namespace. */
static const struct situation {
	const char *name;
	const char *specs[6];
} situations[] = {
	{ "founding",
	  { "tcp inet6 :: 80 v6only=0 holders=5", "tcp inet 0.0.0.0 22",
	    "tcp inet6 :: 22 v6only=1" } },
	{ "v6only", { "tcp inet6 :: 8084 v6only=1", "udp inet6 :: 8084 v6only=1" } },
	{ "default-v6only", { "tcp inet6 :: 8084", "tcp inet6 :: 8085 v6only=0" } },
	{ "mapped", { "tcp inet6 ::ffff:127.0.0.1 8005", "udp inet6 ::ffff:10.9.0.1 8005" } },
	{ "mapped-any", { "tcp inet6 ::ffff:0.0.0.0 8006", "tcp inet6 :: 8006 v6only=1" } },
	{ "loopback", { "tcp inet 127.0.0.1 5432", "tcp inet6 ::1 5432" } },
	{ "shadow", { "tcp inet6 :: 80 v6only=0 reuseport", "tcp inet 127.0.0.1 80 reuseport" } },
	{ "anyip", { "tcp inet 0.0.0.0 80 reuseport", "tcp inet 10.1.2.3 80 reuseport freebind" } },
	{ "eclipse", { "tcp inet6 :: 80 v6only=0 reuseport", "tcp inet 0.0.0.0 80 reuseport" } },
	{ "bound", { "tcp inet 0.0.0.0 7000 nolisten", "tcp inet6 :: 7001 nolisten" } },
	{ "device-first",
	  { "tcp inet 0.0.0.0 80 reuseport dev=eth0", "tcp inet 0.0.0.0 80 reuseport" } },
	{ "device-last",
	  { "tcp inet 0.0.0.0 80 reuseport", "tcp inet 0.0.0.0 80 reuseport dev=eth0" } },
	{ "udp-device",
	  { "udp inet 0.0.0.0 53 reuseaddr dev=eth0", "udp inet 0.0.0.0 53 reuseaddr" } },
	{ "udp-pair", { "udp inet 0.0.0.0 53 reuseaddr", "udp inet 0.0.0.0 53 reuseaddr" } },
	{ "udp-connected",
	  { "udp inet 0.0.0.0 53 reuseaddr",
	    "udp inet 10.9.0.1 53 reuseaddr peer=10.9.0.100/999" } },
	{ "udp-split-group",
	  { "udp inet 10.9.0.1 53 reuseport", "udp inet 0.0.0.0 53 reuseport peer=10.9.0.100/999",
	    "udp inet 10.9.0.1 53 reuseport" } },
	{ "reuseport-group",
	  { "tcp inet6 :: 80 reuseport", "tcp inet6 :: 80 reuseport",
	    "tcp inet6 :: 80 reuseport" } },
	{ "reuseport-program",
	  { "tcp inet 0.0.0.0 80 reuseport", "tcp inet 0.0.0.0 80 reuseport cbpf=1" } },
	{ "steered",
	  { "tcp inet 0.0.0.0 80 reuseport", "tcp inet 127.0.0.2 80 reuseport steer=80" } },
	{ "freebind", { "tcp inet 203.0.113.5 80 freebind", "udp inet6 2001:db8::5 80 freebind" } },
};

static void die(const char *what)
{
	fprintf(stderr, "situation: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(const char *complaint, const char *word)
{
	fprintf(stderr, "situation: %s '%s'\n", complaint, word);
	exit(2);
}

static void parse_address(union address *address, int family, const char *text, const char *port)
{
	char bare[INET6_ADDRSTRLEN + IFNAMSIZ];
	char *scope;

	snprintf(bare, sizeof(bare), "%s", text);
	scope = strchr(bare, '%');
	if (scope)
		*scope++ = '\0';
	address->any.sa_family = family;
	if (family == AF_INET) {
		address->v4.sin_port = htons(atoi(port));
		if (inet_pton(family, bare, &address->v4.sin_addr) != 1)
			usage("bad address", text);
		return;
	}
	address->v6.sin6_port = htons(atoi(port));
	if (inet_pton(family, bare, &address->v6.sin6_addr) != 1)
		usage("bad address", text);
	if (scope) {
		address->v6.sin6_scope_id = if_nametoindex(scope);
		if (!address->v6.sin6_scope_id)
			usage("no interface for", text);
	}
}

static void parse_word(struct spec *spec, char *word)
{
	char *value = strchr(word, '=');
	char *port;

	if (value)
		*value++ = '\0';
	if (value && !strcmp(word, "dev")) {
		snprintf(spec->dev, sizeof(spec->dev), "%s", value);
		return;
	}
	if (value && !strcmp(word, "peer")) {
		port = strchr(value, '/');
		if (!port)
			usage("no port in peer", value);
		*port++ = '\0';
		parse_address(&spec->peer, spec->family, value, port);
		return;
	}
	for (size_t i = 0; i < N_ELEMENTS(words); i++) {
		if (strcmp(word, words[i].name))
			continue;
		*(int *)((char *)spec + words[i].offset) = value ? atoi(value) : 1;
		return;
	}
	usage("unknown word", word);
}

static void parse_spec(struct spec *spec, const char *text)
{
	char copy[256];
	char *field[4];
	char *save = NULL;
	char *word;

	*spec = (struct spec){ .v6only = -1, .uid = -1, .cbpf = -1, .steer = -1 };
	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		usage("too long", text);
	for (int i = 0; i < 4; i++) {
		field[i] = strtok_r(i ? NULL : copy, " ", &save);
		if (!field[i])
			usage("want PROTOCOL FAMILY ADDRESS PORT, not", text);
	}
	for (size_t i = 0; i < N_ELEMENTS(protocols); i++)
		if (!strcmp(field[0], protocols[i].name))
			spec->protocol = &protocols[i];
	if (!spec->protocol)
		usage("unknown protocol", field[0]);
	if (strcmp(field[1], "inet") && strcmp(field[1], "inet6"))
		usage("unknown family", field[1]);
	spec->family = strcmp(field[1], "inet") ? AF_INET6 : AF_INET;
	parse_address(&spec->address, spec->family, field[2], field[3]);
	while ((word = strtok_r(NULL, " ", &save)))
		parse_word(spec, word);
	if (spec->holders < 0 || spec->holders > MAX_HOLDERS)
		usage("too many holders", text);
}

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool attach_cbpf(int fd, int value)
{
	struct sock_filter code = { .code = BPF_RET | BPF_K, .k = (uint32_t)value };
	struct sock_fprog program = { .len = 1, .filter = &code };

	return !setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}

/* NULL, or the step that failed, errno being set. */
static const char *prepare_socket(const struct spec *spec, int fd)
{
	const socklen_t size = spec->family == AF_INET ? sizeof(spec->address.v4) :
							 sizeof(spec->address.v6);

	if (spec->reuseaddr && !set(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return "reuseaddr";
	if (spec->reuseport && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1))
		return "reuseport";
	if (spec->freebind && !set(fd, IPPROTO_IP, IP_FREEBIND, 1))
		return "freebind";
	if (spec->v6only >= 0 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec->v6only))
		return "v6only";
	if (spec->dev[0] &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, spec->dev, strlen(spec->dev)))
		return "dev";
	if (bind(fd, &spec->address.any, size))
		return "bind";
	if (spec->protocol->type == SOCK_STREAM && !spec->nolisten && listen(fd, BACKLOG))
		return "listen";
	if (spec->cbpf >= 0 && !attach_cbpf(fd, spec->cbpf))
		return "cbpf";
	if (spec->steer >= 0 && steer_port(fd, spec->protocol->number, spec->steer))
		return "steer";
	if (spec->peer.any.sa_family && connect(fd, &spec->peer.any, size))
		return "connect";
	return NULL;
}

static int get(int fd, int level, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, option, &value, &size) ? -1 : value;
}

static void print_address(const char *name, const char *port_name, const union address *address,
			  bool unmap)
{
	const struct in6_addr *v6 = &address->v6.sin6_addr;
	char text[INET6_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof(text));
	else if (unmap && IN6_IS_ADDR_V4MAPPED(v6))
		inet_ntop(AF_INET, &v6->s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, v6, text, sizeof(text));
	/* sin_port and sin6_port are at the same place */
	printf(", \"%s\": \"%s\", \"%s\": %u", name, text, port_name, ntohs(address->v4.sin_port));
}

static const char *state_of(const struct spec *spec)
{
	if (spec->protocol->type == SOCK_STREAM)
		return spec->nolisten ? "bound" : "listen";
	return spec->peer.any.sa_family ? "established" : "unconnected";
}

static void print_flag(const char *name, int value)
{
	printf(", \"%s\": %s", name, value ? "true" : "false");
}

static void describe(int number, const struct spec *spec, int fd, const pid_t *holders)
{
	union address address = { 0 };
	socklen_t size = sizeof(address);
	uint64_t cookie = 0;
	socklen_t cookie_size = sizeof(cookie);
	char dev[IFNAMSIZ] = "";
	socklen_t dev_size = sizeof(dev);
	struct stat status;

	/* a link-local bind binds to its scope's device; with MPTCP that is the inner socket's */
	if (getsockname(fd, &address.any, &size) || fstat(fd, &status) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_size) ||
	    getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, &dev_size))
		die("describe");
	if (!dev[0] && spec->family == AF_INET6 && spec->address.v6.sin6_scope_id)
		if_indextoname(spec->address.v6.sin6_scope_id, dev);
	printf("{\"made\": %d, \"protocol\": \"%s\", \"family\": \"%s\"", number,
	       spec->protocol->name, spec->family == AF_INET ? "inet" : "inet6");
	print_address("address", "port", &address, false);
	if (dev[0])
		printf(", \"interface\": \"%s\"", dev);
	else
		printf(", \"interface\": null");
	printf(", \"state\": \"%s\"", state_of(spec));
	print_flag("v6only", spec->family == AF_INET6 && get(fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0);
	print_flag("reuseaddr", get(fd, SOL_SOCKET, SO_REUSEADDR) > 0);
	print_flag("reuseport", get(fd, SOL_SOCKET, SO_REUSEPORT) > 0);
	printf(", \"uid\": %u, \"inode\": %llu, \"cookie\": \"%016llx\", \"holders\": [%d",
	       status.st_uid, (unsigned long long)status.st_ino, (unsigned long long)cookie,
	       getpid());
	for (int i = 0; i < spec->holders; i++)
		printf(", %d", holders[i]);
	printf("]}\n");
}

/*
 * A process that has the socket open, and nothing else of ours, until we die. We wait for the end
 * of a pipe that it closes with all the rest, so that nobody sees it with more.
 */
static pid_t fork_holder(int fd)
{
	const pid_t parent = getpid();
	int closed[2];
	pid_t pid;
	char none;

	fflush(stdout);
	if (pipe2(closed, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid) {
		close(closed[1]);
		if (read(closed[0], &none, 1) != 0)
			die("holder");
		close(closed[0]);
		return pid;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	if (dup2(fd, 0) < 0 || close_range(1, ~0U, 0))
		_exit(1);
	for (;;)
		pause();
}

/* The descriptor, or -1 after the failure was printed. */
static int make(int number, const struct spec *spec)
{
	pid_t holders[MAX_HOLDERS];
	const char *failed = "socket";
	int fd;

	if (spec->uid >= 0)
		setfsuid((uid_t)spec->uid);
	/* bind and listen as well: a MPTCP socket makes its inner TCP socket only then */
	fd = socket(spec->family, spec->protocol->type | SOCK_NONBLOCK, spec->protocol->number);
	if (fd >= 0)
		failed = prepare_socket(spec, fd);
	setfsuid(0);
	if (failed) {
		printf("{\"failed\": %d, \"step\": \"%s\", \"errno\": %d, \"error\": \"%s\"}\n",
		       number, failed, errno, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	for (int i = 0; i < spec->holders; i++)
		holders[i] = fork_holder(fd);
	describe(number, spec, fd, holders);
	return fd;
}

static void report_connections(int number, int fd)
{
	union address from, to;
	socklen_t from_size = sizeof(from), to_size = sizeof(to);
	int accepted;

	while ((accepted = accept(fd, &from.any, &from_size)) >= 0) {
		if (getsockname(accepted, &to.any, &to_size))
			die("getsockname");
		printf("{\"got\": %d", number);
		print_address("from", "from_port", &from, true);
		print_address("to", "to_port", &to, true);
		printf("}\n");
		close(accepted);
		from_size = sizeof(from);
		to_size = sizeof(to);
	}
	if (errno != EAGAIN)
		die("accept");
}

static void report_datagrams(int number, int fd)
{
	char text[64];
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		/* it goes into JSON: a number or a plain word */
		if (strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz-") != (size_t)n)
			text[0] = '\0';
		printf("{\"got\": %d, \"text\": \"%s\"}\n", number, text);
	}
	if (errno != EAGAIN && errno != ECONNREFUSED)
		die("recv");
}

static void serve(int epoll, const struct spec *specs, const int *fds)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = -1 };
	char rest[64];

	/* a regular file or /dev/null cannot be polled, and is at its end anyway */
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event))
		return;
	for (;;) {
		if (epoll_wait(epoll, &event, 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			die("epoll_wait");
		}
		if (event.data.fd >= 0) {
			const int number = event.data.fd;

			if (specs[number].protocol->type == SOCK_STREAM)
				report_connections(number, fds[number]);
			else
				report_datagrams(number, fds[number]);
			fflush(stdout);
		} else if (read(0, rest, sizeof(rest)) <= 0) {
			return;
		}
	}
}

static const char *const *find_situation(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(situations); i++)
		if (!strcmp(situations[i].name, name))
			return situations[i].specs;
	usage("no such situation (see --list):", name);
	return NULL;
}

static int collect_specs(struct spec *specs, int argc, char **argv)
{
	const char *const *named;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		const char *single[] = { argv[i], NULL };

		named = strchr(argv[i], ' ') ? single : find_situation(argv[i]);
		for (; *named; named++) {
			if (n == MAX_SOCKETS)
				usage("too many sockets at", *named);
			parse_spec(&specs[n++], *named);
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct spec specs[MAX_SOCKETS];
	static int fds[MAX_SOCKETS];
	const pid_t parent = getppid();
	struct stat netns;
	int epoll, n;

	if (argc < 2)
		usage("no situation and no specification in", "arguments");
	if (!strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < N_ELEMENTS(situations); i++)
			printf("%s\n", situations[i].name);
		return 0;
	}
	n = collect_specs(specs, argc, argv);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || stat("/proc/self/ns/net", &netns))
		die("start");
	for (int i = 0; i < n; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = i };

		fds[i] = make(i, &specs[i]);
		if (fds[i] >= 0 && !specs[i].nolisten &&
		    epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event))
			die("epoll_ctl");
	}
	/* only now, for a change of the file system uid takes both away */
	if (prctl(PR_SET_DUMPABLE, 1) || prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		die("parent");
	printf("{\"ready\": true, \"netns\": %llu}\n", (unsigned long long)netns.st_ino);
	fflush(stdout);
	serve(epoll, specs, fds);
	return 0;
}
