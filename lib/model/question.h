/* SPDX-License-Identifier: MIT */
/* A question to the kernel's own socket look-up, and its reply. */
#ifndef QUESTION_H
#define QUESTION_H

#include <hark/model.h>

struct port_range {
	uint16_t low, high; /* both included */
};

/*
 * Who would get a packet of a stranger to this address and port that arrives on this interface? The
 * stranger's address is 0.0.0.0 or ::, to which no socket can be connected, unless one is named.
 */
struct question {
	struct hark_addr addr;
	struct hark_addr peer; /* all zero: 0.0.0.0 or :: */
	uint32_t ifindex;
	uint16_t port;
	uint16_t peer_port; /* varied to see the members of a SO_REUSEPORT group */
	uint8_t protocol;   /* enum hark_protocol: TCP, UDP, UDP-Lite or DCCP */
	uint8_t family;     /* enum hark_family, of the packet */
	int32_t error;      /* reply: 0; -ENOENT: nobody; or what went wrong */
	uint64_t cookie;    /* reply: the socket */
	uint32_t inode;     /* reply: its idiag_inode; 0: it has no file */
	bool is_connected;  /* reply: it has a peer */
};

#endif
