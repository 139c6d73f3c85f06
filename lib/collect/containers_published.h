/* SPDX-License-Identifier: MIT */
/* The ports of the host that docker passes on to its containers. */
#ifndef CONTAINERS_PUBLISHED_H
#define CONTAINERS_PUBLISHED_H

#include "containers.h"

/* All zero: nothing was read yet. */
struct published {
	ARRAY(uint32_t) users; /* whose ports were read */
	ARRAY(struct published_container) containers;
	ARRAY(struct published_port) ports; /* by user, protocol and port of the host */
	ARRAY(struct hark_addr) addresses;
};

struct published_key {
	uint32_t user; /* HARK_NONE: the system's */
	uint8_t protocol;
	uint16_t host_port;
	const struct hark_addr *outer; /* address of the host; NULL: any */
	const struct hark_addr *inner; /* the container's own, with its port; NULL: any */
	uint16_t port;
};

void published_fini(struct published *published);

/*
 * The row (of hark_snapshot.fronted) of the container for which a port is published; *ret stays as
 * it is where there is none. 0 or -ENOMEM.
 */
int published_find(struct containers *all, struct published *published,
		   const struct published_key *key, uint32_t *ret);

#endif
