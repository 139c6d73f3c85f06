/* SPDX-License-Identifier: MIT */
/* Which chains the answers of this host pass. */
#include "engine.h"

static void mark_target(const struct ruleset *ruleset, bool *is_outgoing, uint32_t chain,
			bool *ret_changed)
{
	if (chain >= ruleset->chains.n || is_outgoing[chain])
		return;
	is_outgoing[chain] = true;
	*ret_changed = true;
}

static void mark_targets(const struct ruleset *ruleset, bool *is_outgoing,
			 const struct rule_chain *chain, bool *ret_changed)
{
	for (uint32_t i = 0; i < chain->n_rules; i++) {
		const struct rule *rule = &ruleset->rules.items[chain->first_rule + i];

		for (uint32_t k = 0; k < rule->n_expressions; k++) {
			const struct rule_expression *e =
				&ruleset->expressions.items[rule->first_expression + k];
			const struct rule_set *set;

			if (e->op == RULE_OP_IMMEDIATE)
				mark_target(ruleset, is_outgoing, e->chain, ret_changed);
			if (e->op == RULE_OP_XT_TARGET &&
			    ruleset->xts.items[e->xt].kind == XT_VERDICT)
				mark_target(ruleset, is_outgoing,
					    ruleset->xts.items[e->xt].u.verdict.chain, ret_changed);
			if (e->op != RULE_OP_LOOKUP || e->set == RULESET_NONE)
				continue;
			set = &ruleset->sets.items[e->set];
			for (uint32_t n = 0; n < set->n_elements; n++)
				mark_target(ruleset, is_outgoing,
					    ruleset->elements.items[set->first_element + n].chain,
					    ret_changed);
		}
	}
}

void chains_find_outgoing(const struct ruleset *ruleset, bool *is_outgoing)
{
	bool has_changed = true;

	for (uint32_t i = 0; i < ruleset->chains.n; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];

		is_outgoing[i] = chain->is_base && (chain->hook == RULE_HOOK_OUTPUT ||
						    chain->hook == RULE_HOOK_POSTROUTING ||
						    chain->hook == RULE_HOOK_EGRESS);
	}
	for (int depth = 0; has_changed && depth < 32; depth++) {
		has_changed = false;
		for (uint32_t i = 0; i < ruleset->chains.n; i++)
			if (is_outgoing[i])
				mark_targets(ruleset, is_outgoing, &ruleset->chains.items[i],
					     &has_changed);
	}
	/* Deeper than any ruleset may be: all chains count. */
	for (uint32_t i = 0; has_changed && i < ruleset->chains.n; i++)
		is_outgoing[i] = true;
}
