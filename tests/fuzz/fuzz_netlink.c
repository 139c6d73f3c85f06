/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what the kernel says, through a whole snapshot.
 *
 * The input is a sequence of datagrams, each behind a byte of flags and two of length. Unless a
 * flag says otherwise, the sequence numbers of its messages are made to fit the requests under way,
 * which a fuzzer would hardly guess.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "source.h"
#include "take.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	KEEPS_SEQUENCE = 1,
	FAILS = 2,
	ALL_STATES = 4
};

struct fuzzed {
	struct hark_source source;
	const uint8_t *at, *end;
	uint32_t first_seq, n_requests, n_replies;
};

static int fuzz_open(struct hark_source *source, int protocol)
{
	(void)source;
	return protocol;
}

static int fuzz_send(struct hark_source *source, int handle, const void *bytes, size_t length)
{
	struct fuzzed *fuzzed = (struct fuzzed *)source;
	const struct nlmsghdr *request = bytes;

	(void)handle;
	fuzzed->first_seq = request->nlmsg_seq;
	fuzzed->n_requests = (uint32_t)(length / request->nlmsg_len);
	fuzzed->n_replies = 0;
	return 0;
}

static void fit_sequence(struct fuzzed *fuzzed, uint8_t *datagram, size_t length)
{
	struct nlmsghdr header;

	for (size_t at = 0; length - at >= sizeof(header); at += NLMSG_ALIGN(header.nlmsg_len)) {
		memcpy(&header, datagram + at, sizeof(header));
		header.nlmsg_seq = fuzzed->first_seq + fuzzed->n_replies++ % fuzzed->n_requests;
		memcpy(datagram + at, &header, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length - at ||
		    NLMSG_ALIGN(header.nlmsg_len) > length - at)
			break;
	}
}

static ssize_t fuzz_receive(struct hark_source *source, int handle, void *buffer, size_t size)
{
	struct fuzzed *fuzzed = (struct fuzzed *)source;
	size_t left = (size_t)(fuzzed->end - fuzzed->at), length;
	uint8_t flags;

	(void)handle;
	if (left < 3)
		return -ETIMEDOUT;
	flags = fuzzed->at[0];
	length = fuzzed->at[1] | (size_t)fuzzed->at[2] << 8;
	fuzzed->at += 3;
	if (length > left - 3)
		length = left - 3;
	if (flags & FAILS || length > size) {
		fuzzed->at += length;
		return flags & ALL_STATES ? -ENOBUFS : -EMSGSIZE;
	}
	memcpy(buffer, fuzzed->at, length);
	fuzzed->at += length;
	if (!(flags & KEEPS_SEQUENCE))
		fit_sequence(fuzzed, buffer, length);
	return (ssize_t)length;
}

static void fuzz_close(struct hark_source *source, int handle)
{
	(void)source;
	(void)handle;
}

static int64_t fuzz_time(struct hark_source *source)
{
	(void)source;
	return 0;
}

static const struct source_ops fuzz_ops = {
	.nl_open = fuzz_open,
	.nl_send = fuzz_send,
	.nl_receive = fuzz_receive,
	.nl_close = fuzz_close,
	.time = fuzz_time,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzzed fuzzed = { .source = { .ops = &fuzz_ops, .proc_fd = -1, .sys_fd = -1 },
				 .at = data,
				 .end = data + size };
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS,
				    .all_states = size && data[0] & ALL_STATES };
	struct hark_snapshot *snapshot;
	struct hark_error error;

	if (snapshot_take_from(&fuzzed.source, &query, &snapshot, &error) < 0)
		return 0;
	free(describe(snapshot));
	hark_snapshot_free(snapshot);
	return 0;
}
