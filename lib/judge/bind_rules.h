/* SPDX-License-Identifier: MIT */
/* When two sockets cannot have one port: the kernel's rules, on rows. */
#ifndef BIND_RULES_H
#define BIND_RULES_H

#include <hark/bind.h>

#include "rows.h"

/* A wish with what the snapshot makes of it. */
struct bind_want {
	struct hark_bind_wish wish;
	uint32_t device; /* interface index, 0: none */
	uint32_t vrf;    /* that the interface is, or belongs to; 0: none */
	bool has_device; /* it names an interface, and that is there (or it names none) */
	bool v6only;
};

struct bind_want bind_resolve(const struct hark_snapshot *snapshot,
			      const struct hark_bind_wish *wish);

/* AF_INET6 and :: */
static inline bool bind_is_any6(uint8_t family, const struct hark_addr *addr)
{
	return family == HARK_FAMILY_INET6 && !hark_addr_is_ipv4(addr) && hark_addr_is_any(addr);
}

/* The VRF that an interface is, or belongs to; 0: none. */
uint32_t bind_vrf_of(const struct hark_snapshot *snapshot, uint32_t device);

/* Whether the socket has a port of the same table of ports, namespace and number. */
bool bind_is_rival(const struct bind_want *want, const struct hark_socket *socket);

/* Whether both are for the same address, on the same interface: if so they must share. */
enum hark_tristate bind_overlaps(const struct hark_snapshot *snapshot, const struct bind_want *want,
				 const struct hark_socket *socket);

/* Whether their options let them share a port and address. */
enum hark_tristate bind_shares(const struct bind_want *want, const struct hark_socket *socket,
			       const struct hark_bind_flags *flags);

/* Whether an option of the socket decides: the wish has it, and nothing else rules sharing out. */
bool bind_option_matters(const struct bind_want *want, const struct hark_socket *socket,
			 enum hark_bind_option option);

/* What is left of a connection that nobody holds: a "timewait" mini-socket, of either state. */
static inline bool bind_is_timewait(const struct hark_socket *socket)
{
	return socket->timer == 3 || socket->state == HARK_STATE_TIME_WAIT;
}

#endif
