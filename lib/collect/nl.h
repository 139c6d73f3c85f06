/* SPDX-License-Identifier: MIT */
/* One receive loop for all netlink dumps, live or recorded. */
#ifndef NL_H
#define NL_H

#include <linux/netlink.h>

#include "source.h"

/*
 * A dump's datagram is never above 32,364 bytes (net/netlink/af_netlink.c); larger buffers buy
 * nothing.
 */
#define NL_BUFFER_SIZE 32768

struct nl {
	struct hark_source *source;
	int handle;
	uint32_t seq;
	unsigned char *buffer;
};

/* Takes one message of a dump: 0, or a negative errno, which ends the dump. */
typedef int (*nl_take)(const struct nlmsghdr *message, void *data);

int nl_open(struct nl *ret, struct hark_source *source, int protocol);
void nl_close(struct nl *nl); /* all zero but handle -1 is fine */

/*
 * Whether a whole message lies in the `length` bytes from here on: mnl_nlmsg_ok(), which in libmnl
 * 1.0.4 and 1.0.5 says yes to a message that claims more than INT_MAX bytes.
 */
bool nl_has_message(const struct nlmsghdr *message, int length);

/*
 * Sends the request with NLM_F_REQUEST | NLM_F_DUMP and hands each answer to take(). A dump that
 * the kernel marks as interrupted (NLM_F_DUMP_INTR) is done again, after restart(data), three times
 * at most: then *ret_interrupted is true and the last rows stand. 0, or the errno of the send, of
 * NLMSG_ERROR, of NLMSG_DONE (the only place where a missing handler of a protocol shows), or of
 * take().
 */
int nl_dump(struct nl *nl, struct nlmsghdr *request, nl_take take, void (*restart)(void *data),
	    void *data, bool *ret_interrupted);

/* Each reply is a datagram of its own, and 166 fit into a receive buffer of the usual size. */
#define NL_QUESTIONS_MAX 128

/* Takes the reply to question `i`: 0, or a negative errno, which ends it all. */
typedef int (*nl_take_reply)(const struct nlmsghdr *reply, uint32_t i, void *data);

/*
 * Sends NL_QUESTIONS_MAX requests at most, each of `size` bytes, and takes a reply to each. 0,
 * -EBADMSG where something else comes, or an errno of sending, receiving or taking.
 */
int nl_ask(struct nl *nl, void *requests, size_t size, uint32_t n, nl_take_reply take, void *data);

#endif
