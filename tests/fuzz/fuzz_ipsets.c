/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what the kernel says of ipsets, and then who is in them. The input is a sequence of
 * datagrams, each behind two bytes of its length; their sequence numbers are made to fit.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void fit_sequence(uint32_t seq, uint8_t *datagram, size_t length)
{
	struct nlmsghdr header;

	for (size_t at = 0; length - at >= sizeof(header); at += NLMSG_ALIGN(header.nlmsg_len)) {
		memcpy(&header, datagram + at, sizeof(header));
		header.nlmsg_seq = seq;
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

	(void)handle;
	if (left < 2)
		return -ETIMEDOUT;
	length = fuzzed->at[0] | (size_t)fuzzed->at[1] << 8;
	fuzzed->at += 2;
	if (length > left - 2)
		length = left - 2;
	if (length > size)
		return -EMSGSIZE;
	memcpy(buffer, fuzzed->at, length);
	fuzzed->at += length;
	fit_sequence(fuzzed->seq, buffer, length);
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

static void judge_all(const struct ruleset *ruleset, bool is_ipv6, bool is_reply)
{
	const struct rule_interface interface = { .name = "eth0", .ifindex = 2, .type = 1 };
	const struct firewall_question question = {
		.family = is_ipv6 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET,
		.protocol = RULE_PROTOCOL_TCP,
		.port = 22,
		.is_canonical = is_reply,
	};
	struct packet packet = { .question = &question, .ruleset = ruleset, .is_reply = is_reply };
	struct packet_state state = { .is_to_known = true, .port = 22 };
	struct condition condition = { 0 };

	packet.hook = is_reply ? RULE_HOOK_OUTPUT : RULE_HOOK_INPUT;
	packet.in = is_reply ? NULL : &interface;
	packet.out = is_reply ? &interface : NULL;
	if (ipset_cache_new(ruleset, &packet.ipsets) < 0 ||
	    ranges_set(&state.sources, 0, is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4) < 0)
		abort();
	for (uint32_t i = 0; i < ruleset->ipsets.n; i++) {
		for (unsigned int flags = 0; flags < 256; flags += 7)
			if (ipset_match(&packet, &state, i, 3, (uint8_t)flags, &condition) == 0 &&
			    (!ranges_contain_all(&condition.may, &condition.must) ||
			     !ranges_contain_all(&state.sources, &condition.may)))
				abort();
	}
	condition_fini(&condition);
	ranges_fini(&state.sources);
	ipset_cache_free(packet.ipsets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzzed fuzzed = {
		.source = { .ops = &fuzz_ops, .proc_fd = -1, .sys_fd = -1 },
		.at = data,
		.end = data + size,
	};
	struct ruleset *ruleset = ruleset_new();

	if (!ruleset)
		return 0;
	for (uint32_t i = 0; i < 4; i++) {
		struct xt *xt = array_push(&ruleset->xts);

		if (!xt)
			abort();
		xt->kind = i < 3 ? XT_SET : XT_CHANGE_SETS;
		if (i < 3) {
			xt->u.set.set = i;
		} else {
			xt->u.sets.add = 2;
			xt->u.sets.del = RULESET_NONE;
		}
	}
	if (ipsets_read(&fuzzed.source, ruleset) == 0)
		for (int i = 0; i < 4; i++)
			judge_all(ruleset, i & 1, i & 2);
	ruleset_free(ruleset);
	return 0;
}
