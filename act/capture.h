/* SPDX-License-Identifier: MIT */
/* What is on the wire: frames that an AF_PACKET socket sees, and files of them. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdio.h>

#include "frame.h"

#define CAPTURE_MAX 64 /* frames that are kept of one capture */

struct captured {
	struct frame frame;
	uint64_t time_ns; /* since 1970, by the kernel */
	uint32_t length;  /* on the wire */
	uint32_t n_bytes; /* kept */
	uint8_t *bytes;
};

struct capture {
	int fd;           /* -1: none */
	uint8_t protocol; /* enum hark_protocol: TCP or UDP */
	struct hark_addr client;
	uint16_t client_port;
	struct captured frames[CAPTURE_MAX];
	uint32_t n;
	uint32_t n_more; /* that were not kept */
};

/*
 * Has the kernel note when packets come, as long as the descriptor is open. It begins with that in
 * a worker of its own (net_enable_timestamp() in net/core/dev.c), and a packet without a time gets
 * that of its being read: so this should be opened a while before the first capture. -1: it cannot.
 */
int capture_clock_open(void);

/*
 * Listens on the interface for packets of that protocol which have the client as one of their ends,
 * and for ICMP errors about them. 0, or a negative errno: -EPERM without CAP_NET_RAW.
 */
int capture_open(struct capture *ret, uint32_t ifindex, enum hark_protocol protocol,
		 const struct hark_addr *client, uint16_t client_port);

/* Takes what has come by now: 0 or a negative errno. */
int capture_take(struct capture *capture);
void capture_close(struct capture *capture); /* the frames are gone as well */

/* pcap as libpcap writes it, in nanoseconds, of Ethernet frames. */
void pcap_begin(FILE *file);
void pcap_write(FILE *file, const struct capture *capture);

#endif
