/* SPDX-License-Identifier: MIT */
/*
 * Connections whose handshake has not ended (SYN_RECV) are no sockets yet, and belong to nobody for
 * inet_diag (net/ipv4/inet_diag.c: inet_req_diag_fill()). Their listener's user is theirs, as
 * /proc/net/tcp has it (net/ipv4/tcp_ipv4.c: get_openreq4()).
 */
#include "collect.h"

#include <errno.h>
#include <stdlib.h>

#define N_PORTS (UINT16_MAX + 1)

struct listeners {
	uint32_t *first; /* by port: index of a socket and one more; 0: none */
	uint32_t *next;  /* beside the sockets of the namespace: the same for the next one */
};

static bool is_request(const struct hark_socket *socket)
{
	return socket->state == HARK_STATE_SYN_RECV && !socket->inode;
}

static bool has_requests(const struct hark_snapshot *snapshot)
{
	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n; i++)
		if (is_request(&snapshot->sockets.items[i]))
			return true;
	return false;
}

static void list(const struct hark_snapshot *snapshot, struct listeners *listeners)
{
	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];
		uint32_t *first = &listeners->first[socket->local_port];

		if (socket->state != HARK_STATE_LISTEN)
			continue;
		listeners->next[i - snapshot->first_socket] = *first;
		*first = i + 1;
	}
}

/* The one that is bound to the address is asked before one that is bound to none. */
static const struct hark_socket *find(const struct hark_snapshot *snapshot,
				      const struct listeners *listeners,
				      const struct hark_socket *request)
{
	const struct hark_socket *found = NULL;

	for (uint32_t i = listeners->first[request->local_port]; i;
	     i = listeners->next[i - 1 - snapshot->first_socket]) {
		const struct hark_socket *listener = &snapshot->sockets.items[i - 1];

		if (listener->protocol != request->protocol || listener->family != request->family)
			continue;
		if (hark_addr_compare(&listener->local, &request->local) == 0)
			return listener;
		if (hark_addr_is_any(&listener->local))
			found = listener;
	}
	return found;
}

int requests_take_users(struct hark_snapshot *snapshot)
{
	struct listeners listeners = { NULL, NULL };
	int r = 0;

	if (!has_requests(snapshot))
		return 0;
	listeners.first = calloc(N_PORTS, sizeof(*listeners.first));
	listeners.next =
		calloc(snapshot->sockets.n - snapshot->first_socket, sizeof(*listeners.next));
	if (!listeners.first || !listeners.next)
		r = -ENOMEM;
	else
		list(snapshot, &listeners);
	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n && r == 0; i++) {
		struct hark_socket *socket = &snapshot->sockets.items[i];
		const struct hark_socket *listener =
			is_request(socket) ? find(snapshot, &listeners, socket) : NULL;

		if (listener)
			socket->uid = listener->uid;
	}
	free(listeners.first);
	free(listeners.next);
	return r;
}
