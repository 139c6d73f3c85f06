/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a match or target of x_tables: which of both, its family, its revision, its name up
 * to a NUL, and what the kernel keeps of it.
 */
#include <stdlib.h>

#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct ruleset *ruleset, const struct xt *xt, const char *name)
{
	require(strcmp(xt->name, name) == 0);
	require(xt->kind <= XT_CHANGE);
	require(xt->blob.at + xt->blob.length <= ruleset->bytes.n);
	switch (xt->kind) {
	case XT_MULTIPORT:
		require(xt->u.multiport.n <= 15 && xt->u.multiport.where <= 2);
		break;
	case XT_ALWAYS:
		require(strlen(xt->u.comment.text) <= 256);
		break;
	case XT_VERDICT:
		require(xt->u.verdict.verdict <= RULE_VERDICT_UNKNOWN);
		require(xt->u.verdict.chain == RULESET_NONE);
		break;
	case XT_SET_CONNMARK:
		require(xt->u.mark.mode <= 2);
		require(xt->u.mark.shift_left < 32 && xt->u.mark.shift_right < 32);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t families[] = { RULE_FAMILY_IPV4, RULE_FAMILY_IPV6, RULE_FAMILY_INET,
					    RULE_FAMILY_BRIDGE };
	struct ruleset *ruleset = ruleset_new();
	const uint8_t *end = size > 3 ? memchr(data + 3, 0, size - 3) : NULL;
	struct xt xt;

	if (!ruleset)
		abort();
	if (end) {
		require(xt_decode(ruleset, (const char *)data + 3, data[2], data[0] & 1,
				  families[data[1] % 4], end + 1,
				  (uint32_t)(size - (size_t)(end + 1 - data)), &xt) == 0);
		check(ruleset, &xt, (const char *)data + 3);
	}
	ruleset_free(ruleset);
	return 0;
}
