/* SPDX-License-Identifier: MIT */
/*
 * Real sockets of a network namespace of its own, read in the ways that there are: all of TCP in
 * one dump, and a dump for each family.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sockdiag.h"

#define LISTENING_PORT 4000 /* and those that follow */
#define MAX_SOCKETS    64

static const struct source_ops *live;
static int opened[MAX_SOCKETS];
static uint32_t n_opened;
static bool refuses, was_asked;

/* A kernel without TCPDIAG_GETSOCK, as far as hark can see. */
static int send_or_refuse(struct hark_source *source, int handle, const void *bytes, size_t length)
{
	const struct nlmsghdr *request = bytes;
	bool is_old = request->nlmsg_type == TCPDIAG_GETSOCK;

	was_asked |= is_old;
	return is_old && refuses ? -EOPNOTSUPP : live->nl_send(source, handle, bytes, length);
}

static int keep(int fd)
{
	assert_true(fd >= 0);
	assert_true(n_opened < MAX_SOCKETS);
	opened[n_opened++] = fd;
	return fd;
}

static socklen_t address_of(struct sockaddr_storage *to, const char *text, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

static int bound(int protocol, const char *address, uint16_t port, int v6only)
{
	struct sockaddr_storage to;
	socklen_t length = address_of(&to, address, port);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, protocol), on = 1;

	if (fd < 0 && protocol == IPPROTO_MPTCP)
		return -1;
	keep(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (to.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	assert_int_equal(bind(fd, (struct sockaddr *)&to, length), 0);
	return fd;
}

/* Both ends of a connection, or what remains of it: TIME_WAIT. */
static void connect_to(const char *address, uint16_t port, int listener, bool is_over)
{
	struct sockaddr_storage to;
	socklen_t length = address_of(&to, address, port);
	int client = keep(socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	assert_int_equal(connect(client, (struct sockaddr *)&to, length), 0);
	keep(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	for (int end = 0; end < 2 && is_over; end++)
		close(opened[--n_opened]);
}

static void open_sockets(void)
{
	static const struct {
		const char *address, *target;
		int v6only;
	} servers[] = {
		{ "0.0.0.0", "127.0.0.1", 0 },   { "::", "127.0.0.1", 0 }, { "::", "::1", 1 },
		{ "127.0.0.1", "127.0.0.1", 0 }, { "::1", "::1", 1 },
	};
	uint16_t port = LISTENING_PORT;

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++, port++) {
		int fd = bound(0, servers[i].address, port, servers[i].v6only);

		assert_int_equal(listen(fd, 8), 0);
		connect_to(servers[i].target, port, fd, false);
		connect_to(servers[i].target, port, fd, true);
	}
	for (int i = 0; i < 3; i++) {
		int fd = bound(IPPROTO_MPTCP, i ? "::" : "0.0.0.0", port, i != 0);

		if (fd >= 0)
			assert_int_equal(listen(fd, 8), 0);
	}
	bound(0, "0.0.0.0", 5000, 0);
	bound(0, "::1", 5001, 1);
}

static int set_up(void **state)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 0;
	fd = keep(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	open_sockets();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	while (n_opened)
		close(opened[--n_opened]);
	return 0;
}

static struct hark_snapshot *read_sockets(const struct collect_filter *filter, bool by_family)
{
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_source source;
	struct source_ops ops;
	struct hark_error error;

	source_open_live(&source);
	live = source.ops;
	ops = *live;
	ops.nl_send = send_or_refuse;
	source.ops = &ops;
	refuses = by_family;
	was_asked = false;
	assert_int_equal(collect_namespace(&source, snapshot), 0);
	assert_int_equal(collect_sockets(&source, snapshot, filter, &error), 0);
	assert_true(was_asked);
	assert_int_equal(snapshot_sort_sockets(snapshot), 0);
	source_close_live(&source);
	return snapshot;
}

/* All but what time changes, and where its row as a listener happens to be. */
static bool is_same(struct hark_snapshot *a, struct hark_snapshot *b, uint32_t i)
{
	struct hark_socket left = a->sockets.items[i], right = b->sockets.items[i];

	if (left.is_listener && right.is_listener &&
	    memcmp(snapshot_listener(a, &left), snapshot_listener(b, &right),
		   sizeof(struct hark_listener)))
		return false;
	left.expires_ms = right.expires_ms = 0;
	left.listener = right.listener = 0;
	return !memcmp(&left, &right, sizeof(left));
}

/* The first row that differs, or how many there are. */
static uint32_t find_difference(struct hark_snapshot *a, struct hark_snapshot *b)
{
	uint32_t i = 0;

	while (i < a->sockets.n && i < b->sockets.n && is_same(a, b, i))
		i++;
	return i;
}

/* Until nothing changes any more: connections take their time to end. */
static void expect_same(const struct collect_filter *filter, uint32_t n_least)
{
	bool is_settled = false;

	while (!is_settled) {
		struct hark_snapshot *before = read_sockets(filter, false);
		struct hark_snapshot *by_family = read_sockets(filter, true);
		struct hark_snapshot *after = read_sockets(filter, false);

		is_settled = before->sockets.n == after->sockets.n &&
			     find_difference(before, after) == after->sockets.n;
		if (is_settled) {
			assert_true(after->sockets.n >= n_least);
			assert_int_equal(by_family->sockets.n, after->sockets.n);
			assert_int_equal(find_difference(by_family, after), after->sockets.n);
			assert_memory_equal(by_family->origin, after->origin,
					    sizeof(after->origin));
		}
		hark_snapshot_free(before);
		hark_snapshot_free(by_family);
		hark_snapshot_free(after);
	}
}

static void reads_the_same_both_ways(void **state)
{
	static const struct port_range ports[] = { { LISTENING_PORT + 1, LISTENING_PORT + 2 },
						   { 5001, 5001 } };
	struct collect_filter filter = { .protocols = 1u << HARK_PROTOCOL_TCP |
						      1u << HARK_PROTOCOL_MPTCP };

	(void)state;
	if (!n_opened) {
		print_message("# no network namespace can be made here: %s\n", strerror(errno));
		skip();
	}
	expect_same(&filter, 5);
	filter.all_states = true;
	expect_same(&filter, 5 + 3 * 5);
	filter.ports = ports;
	filter.n_ports = 2;
	expect_same(&filter, 2 + 2 * 3);
	filter.all_states = false;
	expect_same(&filter, 2);
}

struct message {
	struct nlmsghdr header;
	struct inet_diag_msg body;
	struct nlattr peers; /* an association has them, an endpoint does not */
};

static void take_sctp(struct sockdiag_dump *dump, uint32_t cookie, uint8_t state, uint16_t peer,
		      bool is_association)
{
	struct message message = {
		.header = { .nlmsg_len = is_association ? sizeof(message) :
							  offsetof(struct message, peers),
			    .nlmsg_type = dump->message_type },
		.body = { .idiag_family = AF_INET,
			  .idiag_state = state,
			  .id = { .idiag_sport = htons(9),
				  .idiag_dport = htons(peer),
				  .idiag_if = is_association,
				  .idiag_cookie = { cookie } } },
		.peers = { .nla_len = sizeof(message.peers), .nla_type = INET_DIAG_PEERS },
	};

	assert_int_equal(sockdiag_take(&message.header, dump), 0);
}

/* Endpoints, once more each that has associations, and these. */
static void tells_associations_from_endpoints(void **state)
{
	static const struct collect_filter filter = { .all_states = true };
	static const uint8_t states[] = { HARK_STATE_LISTEN,      HARK_STATE_BOUND,
					  HARK_STATE_ESTABLISHED, HARK_STATE_CLOSE_WAIT,
					  HARK_STATE_SYN_SENT,    HARK_STATE_BOUND };
	struct sockdiag_dump dump = { .snapshot = snapshot_new(),
				      .filter = &filter,
				      .message_type = SOCK_DIAG_BY_FAMILY,
				      .protocol = HARK_PROTOCOL_SCTP };

	(void)state;
	assert_non_null(dump.snapshot);
	assert_non_null(snapshot_begin_namespace(dump.snapshot));
	take_sctp(&dump, 1, TCP_LISTEN, 0, false);
	take_sctp(&dump, 2, TCP_ESTABLISHED, 79, false);
	take_sctp(&dump, 3, TCP_CLOSE, 0, false);
	take_sctp(&dump, 1, TCP_LISTEN, 0, false);
	take_sctp(&dump, 1, 3, 77, true);
	take_sctp(&dump, 1, 6, 78, true);
	take_sctp(&dump, 2, TCP_ESTABLISHED, 79, false);
	take_sctp(&dump, 2, 2, 79, true);
	take_sctp(&dump, 2, TCP_LISTEN, 80, true); /* no such state */
	assert_int_equal(dump.snapshot->sockets.n, 6);
	assert_int_equal(dump.snapshot->listeners.n, 1);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(dump.snapshot->sockets.items[i].state, states[i]);
		assert_int_equal(dump.snapshot->sockets.items[i].device, 0);
	}
	hark_snapshot_free(dump.snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads_the_same_both_ways),
					    cmocka_unit_test(tells_associations_from_endpoints) };

	return cmocka_run_group_tests_name("sockdiag", tests, set_up, tear_down);
}
