/* SPDX-License-Identifier: MIT */
/* Asking the kernel which socket a packet would be given to. */
#ifndef HARK_PACKET_H
#define HARK_PACKET_H

#include <hark/model.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Of TCP, UDP or UDP-Lite, as it comes in. */
struct hark_packet {
	struct hark_addr to, from;
	uint32_t ifindex; /* interface that it comes in by */
	uint16_t to_port, from_port;
	uint8_t protocol; /* enum hark_protocol */
	uint8_t family;   /* enum hark_family, of the packet */
};

/* The socket: a connection of those very ends, else the listener that the kernel picks for them. */
struct hark_taker {
	uint64_t cookie; /* as in struct hark_socket */
	uint32_t inode;  /* 0: no process can have it open, as before accept() */
	bool is_connected;
};

/*
 * Asks in the current network namespace; nothing is sent. 0; -ENOENT: no socket would get it;
 * another negative errno: it could not be asked.
 */
int hark_packet_taker(const struct hark_packet *packet, struct hark_taker *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
