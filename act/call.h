/* SPDX-License-Identifier: MIT */
/*
 * Calls: a connection, or a datagram, to an address of this host, and who took it.
 *
 * The client's ends are settled first. Then the kernel is asked which socket it would give a packet
 * of these very ends, the capture begins, and the call goes out. Of a connection that was accepted
 * the server's end is looked up by the same ends: that is what was really made, by whomever.
 */
#ifndef CALL_H
#define CALL_H

#include <hark/packet.h>

#include "capture.h"
#include "peer.h"

enum call_outcome {
	CALL_PENDING,
	CALL_ACCEPTED, /* TCP: the handshake is through */
	CALL_ANSWERED, /* UDP: a datagram came back */
	CALL_REFUSED,
	CALL_TIMED_OUT,
	CALL_UNREACHABLE,
	CALL_FAILED, /* it could not be made: see `error` */
};

#define CALL_REPLY_KEPT 64

struct call {
	/* What is wanted. */
	struct hark_addr target;
	uint32_t ifindex; /* interface that has the target */
	uint16_t port;
	uint8_t protocol; /* HARK_PROTOCOL_TCP or UDP */
	uint8_t family;   /* enum hark_family */
	/* What came of it. */
	uint8_t outcome; /* enum call_outcome */
	int error;       /* negative errno behind the outcome, or 0 */
	int fd;
	struct hark_addr source;
	uint16_t source_port;
	uint64_t began_ns, elapsed_ns; /* CLOCK_MONOTONIC; till the handshake, or the reply */
	struct hark_taker taker;       /* whom the kernel would give it to, as it said before */
	int taker_error;               /* 0; -ENOENT: nobody; else it could not be asked */
	struct hark_taker end;         /* TCP, accepted: the server's end */
	int end_error;                 /* 0; -ENOENT: there is none here */
	struct capture capture;
	int capture_error; /* 0, or the negative errno why nothing was captured */
	bool has_reply;
	uint32_t n_reply; /* bytes that came back at first */
	char reply[CALL_REPLY_KEPT];
	bool is_sent;
};

struct call_options {
	struct peer *peer; /* NULL: from this host */
	const char *payload;
	size_t n_payload;
	bool wants_reply; /* a connection is to send the payload and wait for an answer as well */
	double timeout;   /* seconds */
};

/*
 * Makes the calls, all at once, and returns when each has an outcome. What was accepted stays so,
 * and the captures go on, until calls_end(). 0 or -ENOMEM.
 */
int calls_make(struct call *calls, uint32_t n, const struct call_options *options);

/* Hangs up, and takes the last packets; the captures stay the caller's, to be closed. */
int calls_end(struct call *calls, uint32_t n);

#endif
