/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a table of ip_tables or ip6_tables: a byte that tells which, what the kernel tells
 * of the table (struct ipt_getinfo), and its entries.
 */
#include <stdlib.h>

#include "describe_ruleset.h"
#include "xtables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_expression(const struct ruleset *ruleset,
			     const struct rule_expression *expression)
{
	const struct xt *xt;

	require(expression->op >= RULE_OP_XT_IP && expression->op <= RULE_OP_XT_TARGET);
	require(expression->xt < ruleset->xts.n);
	xt = &ruleset->xts.items[expression->xt];
	require(xt->blob.at + xt->blob.length <= ruleset->bytes.n);
	if (xt->kind == XT_IP) {
		require(strnlen(xt->u.ip.in, 16) < 16 && strnlen(xt->u.ip.out, 16) < 16);
		require(xt->u.ip.in_length <= 16 && xt->u.ip.out_length <= 16);
	}
	if (xt->kind == XT_VERDICT &&
	    (xt->u.verdict.verdict == RULE_JUMP || xt->u.verdict.verdict == RULE_GOTO)) {
		require(xt->u.verdict.chain < ruleset->chains.n);
		require(!ruleset->chains.items[xt->u.verdict.chain].is_base);
	}
}

/* Each rule is one chain's, and each expression one rule's. */
static void check(const struct ruleset *ruleset)
{
	uint32_t n_rules = 0, n_expressions = 0;

	require(ruleset->tables.n == 1);
	for (uint32_t i = 0; i < ruleset->chains.n; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];

		require(chain->table == 0 && chain->first_rule == n_rules);
		require(!chain->is_base || chain->hook <= RULE_HOOK_POSTROUTING);
		require(strlen(chain->name) <= 30);
		n_rules += chain->n_rules;
	}
	require(n_rules == ruleset->rules.n);
	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		const struct rule *rule = &ruleset->rules.items[i];

		require(rule->first_expression == n_expressions);
		n_expressions += rule->n_expressions;
	}
	require(n_expressions == ruleset->expressions.n);
	for (uint32_t i = 0; i < n_expressions; i++)
		check_expression(ruleset, &ruleset->expressions.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset *ruleset = ruleset_new();
	struct xtables_info info;
	void *entries;
	int r;

	if (!ruleset)
		abort();
	if (size > 1 + sizeof(info)) {
		memcpy(&info, data + 1, sizeof(info));
		info.name[sizeof(info.name) - 1] = '\0';
		info.size = (uint32_t)(size - 1 - sizeof(info));
		/* A copy of its own is aligned, and its end is watched. */
		entries = malloc(info.size);
		if (!entries)
			abort();
		memcpy(entries, data + 1 + sizeof(info), info.size);
		r = xtables_add(ruleset, data[0] & 1 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4, &info,
				entries);
		free(entries);
		if (r == 0) {
			ruleset_find_conntrack(ruleset);
			ruleset_find_comments(ruleset);
			check(ruleset);
			write_all_rules(ruleset);
		} else {
			require(ruleset->tables.n == 0 && ruleset->rules.n == 0);
		}
	}
	ruleset_free(ruleset);
	return 0;
}
