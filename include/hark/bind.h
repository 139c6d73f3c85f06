/* SPDX-License-Identifier: MIT */
/* Whether a program could bind a socket to an address and port now, and what is in the way. */
#ifndef HARK_BIND_H
#define HARK_BIND_H

#include <hark/snapshot.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What a program would do: socket(), these options, bind(), and for TCP listen(). */
struct hark_bind_wish {
	struct hark_addr addr; /* an IPv4 address with HARK_FAMILY_INET6 is ::ffff:a.b.c.d */
	const char *device; /* SO_BINDTODEVICE, and the scope of a link-local address; NULL: none */
	uint32_t uid;       /* whose socket it is; that of hark_socket.uid */
	uint16_t port;
	uint8_t protocol; /* enum hark_protocol: TCP or UDP */
	uint8_t family;   /* enum hark_family */
	uint8_t v6only;   /* enum hark_tristate; HARK_UNKNOWN: not set, so as bindv6only says */
	uint8_t is_privileged; /* enum hark_tristate: CAP_NET_BIND_SERVICE */
	bool reuseaddr;
	bool reuseport;
};

/* Options of a socket of the snapshot, which sock_diag does not tell: enum hark_tristate. */
struct hark_bind_flags {
	uint8_t reuseaddr;
	uint8_t reuseport;
};

/* How far a real try came. */
enum hark_bind_step {
	HARK_BIND_NOT_TRIED,
	HARK_BIND_USER, /* becoming the user */
	HARK_BIND_SOCKET,
	HARK_BIND_OPTIONS,
	HARK_BIND_BIND,
	HARK_BIND_LISTEN,
	HARK_BIND_DONE,
	HARK_BIND_STEP_N_
};

/* "socket", "bind", "listen" and so on; NULL out of range. */
const char *hark_bind_step_name(enum hark_bind_step step);

enum hark_bind_option {
	HARK_BIND_REUSEADDR = 1 << 0,
	HARK_BIND_REUSEPORT = 1 << 1,
	HARK_BIND_V6ONLY = 1 << 2,
};

/* What really happened. */
struct hark_bind_trial {
	uint8_t step;        /* enum hark_bind_step: the one that failed, or HARK_BIND_DONE */
	bool is_moved;       /* it was bound, but not where it was to be */
	int32_t error;       /* negative errno of that step, or 0 */
	uint32_t helps;      /* enum hark_bind_option: with any one of them it went */
	struct hark_addr to; /* is_moved: where */
	uint16_t to_port;
};

/* Something in the way of it, or (a warning) that may be one day. */
struct hark_obstacle {
	const char *code;     /* stable, for scripts: "listener", "time-wait", "privileged-port" */
	const char *text;     /* a few sentences */
	const char *evidence; /* what it rests on; NULL: follows from the try */
	const char *help;     /* what would remove it: one clause, or NULL */
	uint32_t socket;      /* the hark_socket that is in the way, or HARK_NONE */
	int32_t error;        /* negative errno that it makes bind(2) fail with, or 0 */
	uint8_t certainty;    /* HARK_YES: it is in the way; HARK_UNKNOWN: perhaps */
	bool is_warning;      /* it is not in the way, or not today */
};

struct hark_bind_verdict;

/*
 * Judges by the kernel's rules what a bind would meet with in the namespace that the snapshot was
 * taken in; it must hold the sockets of that port, all states, with HARK_DETAIL_PORTS. `flags` has
 * a row for each socket of the snapshot (NULL: nothing is known of any), `trial` what a real try
 * found (NULL: there was none). 0 or -ENOMEM; freed by hark_bind_verdict_free().
 */
int hark_bind_judge(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
		    const struct hark_bind_flags *flags, const struct hark_bind_trial *trial,
		    struct hark_bind_verdict **ret);
void hark_bind_verdict_free(struct hark_bind_verdict *verdict); /* NULL is fine */

/* By reasoning alone: it can, it cannot (*ret_error says why), or that is not to be known. */
enum hark_tristate hark_bind_reasoned(const struct hark_bind_verdict *verdict, int *ret_error);

/* The try decides, where there was one. */
enum hark_tristate hark_bind_can(const struct hark_bind_verdict *verdict, int *ret_error);

/* Whether reasoning and the try contradict each other. */
bool hark_bind_disagrees(const struct hark_bind_verdict *verdict);

/* NULL past the last; warnings come last. */
const struct hark_obstacle *hark_bind_obstacle(const struct hark_bind_verdict *verdict, uint32_t i);

/* What would help, in one sentence; NULL: nothing is in the way, or nothing is known. */
const char *hark_bind_help(const struct hark_bind_verdict *verdict);

/*
 * A wish that is met by `socket` alone, of all that are in the snapshot, so that trying it tells
 * whether that one has the option set (REUSEADDR or REUSEPORT). False: there is none.
 */
bool hark_bind_isolate(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
		       const struct hark_bind_flags *flags, uint32_t socket,
		       enum hark_bind_option option, struct hark_bind_wish *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
