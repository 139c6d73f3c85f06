/* SPDX-License-Identifier: MIT */
/* What an Ethernet frame says, as far as a probe is about it. */
#ifndef FRAME_H
#define FRAME_H

#include <hark/model.h>

enum frame_flag { /* TCP's, as on the wire */
	FRAME_FIN = 1 << 0,
	FRAME_SYN = 1 << 1,
	FRAME_RST = 1 << 2,
	FRAME_PSH = 1 << 3,
	FRAME_ACK = 1 << 4,
};

enum frame_kind {
	FRAME_TCP,
	FRAME_UDP,
	FRAME_ICMP, /* of either family: an error about a packet of TCP or UDP */
};

struct frame {
	struct hark_addr from, to;
	/* Host order; of an ICMP error those of the packet that it is about, turned round. */
	uint16_t from_port, to_port;
	uint32_t n_bytes; /* of payload, by the headers */
	uint8_t kind;     /* enum frame_kind */
	uint8_t family;   /* enum hark_family */
	uint8_t flags;    /* TCP: mask of enum frame_flag */
	uint8_t icmp_type, icmp_code;
};

/* False where the bytes are nothing of that, or are cut too short to tell. */
bool frame_parse(const uint8_t *bytes, size_t n, struct frame *ret);

/* "destination port unreachable" and the like; NULL: no common one. */
const char *frame_icmp_name(const struct frame *frame);

#endif
