/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what nf_tables says, and what must be true of the ruleset.
 *
 * The input is a sequence of datagrams, each behind a byte of flags and two of length. Unless a
 * flag says otherwise, sequence numbers and the generation are made to fit, which a fuzzer would
 * hardly guess.
 */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "describe_ruleset.h"
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	KEEPS_SEQUENCE = 1,
	KEEPS_GENERATION = 2,
};

struct fuzzed {
	struct hark_source source;
	const uint8_t *at, *end;
	uint32_t seq;
};

static int fuzz_open(struct hark_source *source, int protocol)
{
	(void)source;
	return protocol;
}

static int fuzz_send(struct hark_source *source, int handle, const void *bytes, size_t length)
{
	(void)handle;
	(void)length;
	((struct fuzzed *)source)->seq = ((const struct nlmsghdr *)bytes)->nlmsg_seq;
	return 0;
}

static void fit(const struct fuzzed *fuzzed, uint8_t flags, uint8_t *datagram, size_t length)
{
	struct nlmsghdr header;
	struct nfgenmsg body;

	for (size_t at = 0; length - at >= sizeof(header); at += NLMSG_ALIGN(header.nlmsg_len)) {
		memcpy(&header, datagram + at, sizeof(header));
		if (!(flags & KEEPS_SEQUENCE))
			header.nlmsg_seq = fuzzed->seq;
		memcpy(datagram + at, &header, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length - at ||
		    NLMSG_ALIGN(header.nlmsg_len) > length - at)
			break;
		if (flags & KEEPS_GENERATION || header.nlmsg_len < sizeof(header) + sizeof(body) ||
		    header.nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		memcpy(&body, datagram + at + sizeof(header), sizeof(body));
		body.res_id = 0;
		memcpy(datagram + at + sizeof(header), &body, sizeof(body));
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
	if (length > size)
		length = size;
	memcpy(buffer, fuzzed->at, length);
	fuzzed->at += length;
	fit(fuzzed, flags, buffer, length);
	return (ssize_t)length;
}

static void fuzz_close(struct hark_source *source, int handle)
{
	(void)source;
	(void)handle;
}

static const struct source_ops fuzz_ops = {
	.nl_open = fuzz_open,
	.nl_send = fuzz_send,
	.nl_receive = fuzz_receive,
	.nl_close = fuzz_close,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzzed fuzzed = { .source = { .ops = &fuzz_ops, .proc_fd = -1, .sys_fd = -1 },
				 .at = data,
				 .end = data + size };
	struct ruleset *ruleset = ruleset_new();
	bool interrupted;

	if (nftables_read(&fuzzed.source, ruleset, &interrupted) < 0 || !is_sound_ruleset(ruleset))
		abort();
	free(describe_ruleset(ruleset));
	write_all_rules(ruleset);
	ruleset_free(ruleset);
	return 0;
}
