/* SPDX-License-Identifier: MIT */
#include "call.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_WAIT_MS  50 /* for the server to accept() what the kernel has accepted */
#define LAST_PACKETS_MS 5

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t length;
};

static struct address address_of(const struct hark_addr *addr, uint16_t port)
{
	struct address address = { .length = sizeof(struct sockaddr_in6) };

	if (hark_addr_is_ipv4(addr)) {
		address.length = sizeof(struct sockaddr_in);
		address.in.sin_family = AF_INET;
		address.in.sin_port = htons(port);
		memcpy(&address.in.sin_addr, addr->bytes + 12, 4);
	} else {
		address.in6.sin6_family = AF_INET6;
		address.in6.sin6_port = htons(port);
		address.in6.sin6_scope_id = addr->scope_id;
		memcpy(&address.in6.sin6_addr, addr->bytes, 16);
	}
	return address;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int open_socket(const struct call *call, const struct peer *peer, int type)
{
	int af = call->family == HARK_FAMILY_INET ? AF_INET : AF_INET6, fd;

	type |= SOCK_NONBLOCK | SOCK_CLOEXEC;
	if (peer)
		return peer_socket(peer, af, type);
	fd = socket(af, type, 0);
	return fd < 0 ? -errno : fd;
}

static int connect_to(int fd, const struct call *call)
{
	struct address to = address_of(&call->target, call->port);

	return connect(fd, &to.any, to.length) < 0 ? -errno : 0;
}

static int take_source(int fd, struct call *call)
{
	struct address own = { .length = sizeof(struct sockaddr_in6) };

	if (getsockname(fd, &own.any, &own.length) < 0)
		return -errno;
	if (own.any.sa_family == AF_INET) {
		call->source = hark_addr_from_ipv4(&own.in.sin_addr);
		call->source_port = ntohs(own.in.sin_port);
	} else {
		call->source = hark_addr_from_ipv6(&own.in6.sin6_addr, own.in6.sin6_scope_id);
		call->source_port = ntohs(own.in6.sin6_port);
	}
	return 0;
}

/* As whom we call: the peer, or what this host's routing chooses, as it would for anybody. */
static int choose_source(struct call *call, const struct peer *peer)
{
	int fd, r;

	if (peer) {
		call->source = peer->addresses[call->family];
		return peer->errors[call->family];
	}
	/* Sends nothing. */
	fd = open_socket(call, NULL, SOCK_DGRAM);
	if (fd < 0)
		return fd;
	r = connect_to(fd, call);
	if (r == 0)
		r = take_source(fd, call);
	close(fd);
	return r;
}

static int bind_source(struct call *call, const struct peer *peer)
{
	struct address source;
	int r = choose_source(call, peer);

	if (r < 0)
		return r;
	call->fd = open_socket(call, peer,
			       call->protocol == HARK_PROTOCOL_TCP ? SOCK_STREAM : SOCK_DGRAM);
	if (call->fd < 0)
		return call->fd;
	source = address_of(&call->source, 0);
	if (bind(call->fd, &source.any, source.length) < 0)
		return -errno;
	return take_source(call->fd, call);
}

/* The interface that the call goes over. */
static uint32_t wire_of(const struct peer *peer)
{
	return peer ? peer->ifindex : if_nametoindex("lo");
}

/*
 * What this host sends to itself goes over lo, and yet sockets are looked up for the interface that
 * has the address: ip_route_output_key_hash_rcu() in net/ipv4/route.c, and ipv6_rcv() in
 * net/ipv6/ip6_input.c, see to that.
 */
static struct hark_packet packet_of(const struct call *call, const struct peer *peer)
{
	return (struct hark_packet){
		.to = call->target,
		.from = call->source,
		.ifindex = peer ? peer->ifindex : call->ifindex,
		.to_port = call->port,
		.from_port = call->source_port,
		.protocol = call->protocol,
		.family = call->family,
	};
}

static void conclude(struct call *call, int error)
{
	call->elapsed_ns = clock_ns() - call->began_ns;
	call->error = error;
	switch (-error) {
	case 0:
		call->outcome = call->protocol == HARK_PROTOCOL_TCP ? CALL_ACCEPTED : CALL_ANSWERED;
		break;
	case ECONNREFUSED:
		call->outcome = CALL_REFUSED;
		break;
	case ETIMEDOUT:
		call->outcome = CALL_TIMED_OUT;
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EACCES: /* ICMPv6: administratively prohibited, reject route */
	case ENOPROTOOPT:
		call->outcome = CALL_UNREACHABLE;
		break;
	default:
		call->outcome = CALL_FAILED;
		break;
	}
}

static void send_payload(struct call *call, const struct call_options *options)
{
	call->is_sent = true;
	if (send(call->fd, options->payload, options->n_payload, MSG_NOSIGNAL) < 0)
		conclude(call, -errno);
}

static void begin(struct call *call, const struct call_options *options)
{
	struct peer *peer = options->peer;
	struct hark_packet packet;
	int r = peer ? peer_route(peer, &call->target) : 0;

	call->fd = call->capture.fd = -1;
	call->end_error = -ENOENT;
	call->capture_error = -ENODATA;
	call->began_ns = clock_ns();
	if (r == 0)
		r = bind_source(call, peer);
	if (r < 0) {
		conclude(call, r);
		return;
	}
	packet = packet_of(call, peer);
	call->taker_error = hark_packet_taker(&packet, &call->taker);
	call->capture_error = capture_open(&call->capture, wire_of(peer),
					   (enum hark_protocol)call->protocol, &call->source,
					   call->source_port);
	call->began_ns = clock_ns();
	r = connect_to(call->fd, call);
	if (r < 0 && r != -EINPROGRESS)
		conclude(call, r);
	else if (call->protocol == HARK_PROTOCOL_UDP)
		send_payload(call, options);
}

static void take_reply(struct call *call)
{
	char bytes[65536];
	ssize_t n = recv(call->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && !call->has_reply && call->protocol == HARK_PROTOCOL_UDP) {
		conclude(call, -errno);
		return;
	}
	call->has_reply = true;
	call->n_reply = n < 0 ? 0 : (uint32_t)n;
	memcpy(call->reply, bytes,
	       call->n_reply < CALL_REPLY_KEPT ? call->n_reply : CALL_REPLY_KEPT);
	if (call->protocol == HARK_PROTOCOL_UDP)
		conclude(call, 0);
}

/* Whether there is more to wait for; a reply of a connection does not change what it came to. */
static bool is_waiting(const struct call *call, const struct call_options *options)
{
	if (call->outcome == CALL_PENDING)
		return true;
	return call->outcome == CALL_ACCEPTED && options->wants_reply && !call->has_reply;
}

static void hear(struct call *call, const struct call_options *options)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (call->protocol == HARK_PROTOCOL_UDP || call->outcome == CALL_ACCEPTED) {
		take_reply(call);
		return;
	}
	if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	conclude(call, -error);
	if (call->outcome == CALL_ACCEPTED && options->wants_reply)
		send_payload(call, options);
}

static int wait_for_all(struct call *calls, uint32_t n, const struct call_options *options)
{
	uint64_t deadline_ns = clock_ns() + (uint64_t)(options->timeout * 1e9);
	struct pollfd *polls = calloc(n, sizeof(*polls));

	if (!polls)
		return -ENOMEM;
	for (;;) {
		uint64_t now_ns = clock_ns();
		struct timespec left = { 0 };
		bool any = false;

		for (uint32_t i = 0; i < n; i++) {
			bool is_connecting = calls[i].protocol == HARK_PROTOCOL_TCP &&
					     calls[i].outcome == CALL_PENDING;
			bool waits = is_waiting(&calls[i], options);

			polls[i] = (struct pollfd){ .fd = waits ? calls[i].fd : -1,
						    .events = is_connecting ? POLLOUT : POLLIN };
			any |= waits;
			capture_take(&calls[i].capture);
		}
		if (!any || now_ns >= deadline_ns)
			break;
		left.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000);
		left.tv_nsec = (long)((deadline_ns - now_ns) % 1000000000);
		if (ppoll(polls, n, &left, NULL) <= 0)
			continue;
		for (uint32_t i = 0; i < n; i++)
			if (polls[i].revents)
				hear(&calls[i], options);
	}
	free(polls);
	for (uint32_t i = 0; i < n; i++)
		if (calls[i].outcome == CALL_PENDING)
			conclude(&calls[i], -ETIMEDOUT);
	return 0;
}

/* Whether the server has closed the connection: then it takes it no more. */
static bool is_hung_up(const struct call *call)
{
	struct pollfd pollfd = { .fd = call->fd, .events = POLLRDHUP };

	return poll(&pollfd, 1, 0) > 0;
}

/* The server's end; after a moment for the server to take it from the kernel. */
static void find_end(struct call *call, const struct peer *peer)
{
	struct hark_packet packet = packet_of(call, peer);

	for (int i = 0; i < ACCEPT_WAIT_MS; i++) {
		call->end_error = hark_packet_taker(&packet, &call->end);
		if (call->end_error == 0 && !call->end.is_connected)
			call->end_error = -ENOENT;
		if (call->end_error || call->end.inode || is_hung_up(call))
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

int calls_make(struct call *calls, uint32_t n, const struct call_options *options)
{
	int r;

	for (uint32_t i = 0; i < n; i++)
		begin(&calls[i], options);
	r = wait_for_all(calls, n, options);
	for (uint32_t i = 0; i < n; i++)
		if (calls[i].outcome == CALL_ACCEPTED)
			find_end(&calls[i], options->peer);
	return r;
}

int calls_end(struct call *calls, uint32_t n)
{
	/* A reset: no TIME_WAIT stays behind. */
	const struct linger reset = { .l_onoff = 1 };
	int r = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (calls[i].fd < 0)
			continue;
		if (calls[i].protocol == HARK_PROTOCOL_TCP)
			setsockopt(calls[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(calls[i].fd);
		calls[i].fd = -1;
	}
	nanosleep(&(struct timespec){ .tv_nsec = LAST_PACKETS_MS * 1000000 }, NULL);
	for (uint32_t i = 0; i < n && r == 0; i++)
		if (calls[i].capture.fd >= 0)
			r = capture_take(&calls[i].capture);
	return r;
}
