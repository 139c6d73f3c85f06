/* SPDX-License-Identifier: MIT */
/* The demo's private network namespace: a few servers with real sockets, and a client. */
#ifndef DEMO_WORLD_H
#define DEMO_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * IPv4 address of the founding story, given to the namespace's loopback interface; and an IPv6 one.
 */
#define DEMO_IPV4 "192.168.1.241"
#define DEMO_IPV6 "fd00:241::1"

struct demo_socket {
	const char *address; /* bound to */
	uint16_t port;
	bool is_udp;
	bool v6only; /* what IPV6_V6ONLY is set to, for an IPv6 address */
};

/* A process that holds one or two of the sockets; it ends with its parent. */
struct demo_server {
	const char *name;
	struct demo_socket sockets[2];
	size_t n_sockets;
};

extern const struct demo_server demo_servers[];
extern const size_t demo_n_servers;

/*
 * Moves this process into a network namespace of its own (inside a user namespace where it is not
 * root), with addresses on its loopback interface. 0, or -errno (-EPERM: the system forbids it).
 */
int demo_enter(void);

/* Starts the servers; returns when all of them answer. 0, or -errno. */
int demo_start(void);

/* Ends the servers and waits for them. */
void demo_stop(void);

/*
 * Connects, or sends a datagram, to the address and port, and reads what the server says: the
 * address by which it sees us. 0; -ECONNREFUSED and the like.
 */
int demo_call(const char *address, uint16_t port, bool is_udp, char *ret_seen, size_t size);

#endif
