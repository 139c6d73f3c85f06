/* SPDX-License-Identifier: MIT */
#include "nl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>

#define MAX_TRIES     3
#define MAX_ERRNO     4095       /* include/linux/err.h; INT_MIN cannot even be turned round */
#define MAX_DATAGRAMS (1u << 22) /* a dump that never ends is no dump */

int nl_open(struct nl *ret, struct hark_source *source, int protocol)
{
	struct nl nl = { .source = source, .buffer = malloc(NL_BUFFER_SIZE) };

	if (!nl.buffer) {
		*ret = (struct nl){ .handle = -1 };
		return -ENOMEM;
	}
	nl.handle = source->ops->nl_open(source, protocol);
	if (nl.handle < 0) {
		free(nl.buffer);
		nl.buffer = NULL;
	}
	*ret = nl;
	return nl.handle < 0 ? nl.handle : 0;
}

void nl_close(struct nl *nl)
{
	if (nl->handle >= 0)
		nl->source->ops->nl_close(nl->source, nl->handle);
	free(nl->buffer);
	*nl = (struct nl){ .handle = -1 };
}

bool nl_has_message(const struct nlmsghdr *message, int length)
{
	return mnl_nlmsg_ok(message, length) && message->nlmsg_len <= (uint32_t)length;
}

/* NLMSG_ERROR and NLMSG_DONE both begin with an int; one without it says no more than "ended". */
static int payload_error(const struct nlmsghdr *message)
{
	int error;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
		return message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	error = *(const int *)mnl_nlmsg_get_payload(message);
	return error > 0 || error < -MAX_ERRNO ? -EBADMSG : error;
}

/* One datagram of a dump: 1 when it was the last, 0 when more come, or -errno. */
static int take_datagram(struct nl *nl, int length, nl_take take, void *data, bool *interrupted)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)nl->buffer;
	int r;

	for (; nl_has_message(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_seq != nl->seq)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
			r = payload_error(message);
			return r < 0 ? r : 1;
		}
		if (message->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		r = take(message, data);
		if (r < 0)
			return r;
	}
	return length ? -EBADMSG : 0;
}

static int dump_once(struct nl *nl, struct nlmsghdr *request, nl_take take, void *data,
		     bool *interrupted)
{
	const struct source_ops *ops = nl->source->ops;
	int r;

	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = ++nl->seq;
	request->nlmsg_pid = 0;
	r = ops->nl_send(nl->source, nl->handle, request, request->nlmsg_len);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < MAX_DATAGRAMS; i++) {
		ssize_t length =
			ops->nl_receive(nl->source, nl->handle, nl->buffer, NL_BUFFER_SIZE);

		if (length <= 0)
			return length ? (int)length : -EBADMSG;
		r = take_datagram(nl, (int)length, take, data, interrupted);
		if (r)
			return r < 0 ? r : 0;
	}
	return -EOVERFLOW;
}

int nl_dump(struct nl *nl, struct nlmsghdr *request, nl_take take, void (*restart)(void *data),
	    void *data, bool *ret_interrupted)
{
	bool interrupted = false;
	int r = 0;

	for (int i = 0; i < MAX_TRIES; i++) {
		interrupted = false;
		restart(data);
		r = dump_once(nl, request, take, data, &interrupted);
		if (r < 0 || !interrupted)
			break;
	}
	*ret_interrupted = interrupted;
	return r;
}

/* The replies that came with one datagram; *n_left tells how many are still to come. */
static int take_replies(struct nl *nl, int length, bool *is_answered, uint32_t n, uint32_t *n_left,
			nl_take_reply take, void *data)
{
	const struct nlmsghdr *reply = (const struct nlmsghdr *)nl->buffer;
	uint32_t before = *n_left;
	int r = 0;

	for (; r == 0 && nl_has_message(reply, length); reply = mnl_nlmsg_next(reply, &length)) {
		uint32_t i = reply->nlmsg_seq - (nl->seq - n + 1);

		if (i >= n || is_answered[i])
			continue;
		is_answered[i] = true;
		--*n_left;
		r = take(reply, i, data);
	}
	/* A stray one would be from earlier questions, whose replies were all read. */
	return r == 0 && *n_left == before ? -EBADMSG : r;
}

int nl_ask(struct nl *nl, void *requests, size_t size, uint32_t n, nl_take_reply take, void *data)
{
	const struct source_ops *ops = nl->source->ops;
	bool is_answered[NL_QUESTIONS_MAX] = { false };
	uint32_t n_left = n;
	int r;

	for (uint32_t i = 0; i < n; i++)
		((struct nlmsghdr *)((char *)requests + i * size))->nlmsg_seq = ++nl->seq;
	r = ops->nl_send(nl->source, nl->handle, requests, n * size);
	while (r == 0 && n_left) {
		ssize_t length =
			ops->nl_receive(nl->source, nl->handle, nl->buffer, NL_BUFFER_SIZE);

		r = length < 0 ? (int)length :
				 take_replies(nl, (int)length, is_answered, n, &n_left, take, data);
	}
	return r;
}
