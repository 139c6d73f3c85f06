/* SPDX-License-Identifier: MIT */
/* Between the requests for sockets (sockdiag.c) and their rows (sockdiag_rows.c). */
#ifndef SOCKDIAG_H
#define SOCKDIAG_H

#include <linux/netlink.h>
#include <netinet/tcp.h>

#include "collect.h"

/* States that the uapi headers lack (include/net/tcp_states.h). */
#define STATE_NEW_SYN_RECV   12
#define STATE_BOUND_INACTIVE 13 /* Linux 6.8 */

/* As bits of a mask of states. */
#define LISTENING   (1u << TCP_LISTEN)
#define UNCONNECTED (1u << TCP_CLOSE)

/* A dump that is under way. */
struct sockdiag_dump {
	struct hark_snapshot *snapshot;
	const struct collect_filter *filter;
	uint16_t message_type;                 /* of the request, and so of the rows */
	uint8_t protocol;                      /* enum hark_protocol */
	uint8_t family;                        /* enum hark_family; HARK_FAMILY_N_: both at once */
	uint8_t extensions;                    /* mask of 1 << (INET_DIAG_* - 1) */
	uint32_t states;                       /* mask of those asked for */
	uint32_t first_socket, first_listener; /* rows that it began with */
	bool has_mptcp;                        /* some TCP listener has MPTCP as its upper layer */
	bool hides_upper_layer; /* some TCP listener came without what CAP_NET_ADMIN is told */
};

/* Takes one message (nl_take; `data` is the dump). */
int sockdiag_take(const struct nlmsghdr *header, void *data);

#endif
