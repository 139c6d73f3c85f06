/* SPDX-License-Identifier: MIT */
/*
 * A host of its own to call from: a fresh network namespace, joined to this one by a veth pair.
 *
 * The namespace has no name and no process in it: a descriptor of ours is all that keeps it. So the
 * kernel takes it away when we end, however that happens, and with it the pair and what is routed
 * to it. It does that when it comes to it: on a host where many namespaces end, minutes may pass.
 * So a child of ours, which no signal of the terminal reaches, waits for our end and deletes the
 * pair at once. Of this host's side nothing changes but that there is one more interface, without
 * any address, and a route to each of the peer's two addresses, which are of prefixes for
 * documentation that this host has no route to.
 */
#ifndef PEER_H
#define PEER_H

#include <sys/types.h>

#include <hark/error.h>
#include <hark/model.h>

struct peer {
	char name[16]; /* of our end */
	pid_t keeper;  /* the child; 0: none */
	int keeper_fd; /* which it waits for the end of */
	int netns_fd;  /* the namespace */
	int host_fd;   /* rtnetlink of this host, and of the peer */
	int inside_fd;
	uint32_t ifindex; /* of our end */
	struct hark_addr addresses[HARK_FAMILY_N_];
	int errors[HARK_FAMILY_N_]; /* negative errno why it has none of that family, or 0 */
};

#define PEER_NONE ((struct peer){ "", 0, -1, -1, -1, -1 })

/* 0, or a negative errno: -EPERM without CAP_NET_ADMIN and CAP_SYS_ADMIN. */
int peer_open(struct peer *ret, struct hark_error *reterr);
void peer_close(struct peer *peer);

/* Lets this host answer the peer from that address, as it would answer on its own link. */
int peer_route(struct peer *peer, const struct hark_addr *target);

/* A socket of the peer's: a descriptor, or -errno. */
int peer_socket(const struct peer *peer, int af, int type);

#endif
