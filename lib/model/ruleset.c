/* SPDX-License-Identifier: MIT */
#include "ruleset.h"

#include "ruleset_names.h"

#include <stdlib.h>

struct ruleset *ruleset_new(void)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));

	if (!ruleset)
		return NULL;
	ruleset->nftables = HARK_UNSUPPORTED;
	ruleset->xtables[HARK_FAMILY_INET] = HARK_UNSUPPORTED;
	ruleset->xtables[HARK_FAMILY_INET6] = HARK_UNSUPPORTED;
	ruleset->ipset_presence = HARK_ABSENT;
	ruleset->routing = HARK_UNSUPPORTED;
	ruleset->program_presence = HARK_UNSUPPORTED;
	return ruleset;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	arena_fini(&ruleset->arena);
	array_fini(&ruleset->bytes);
	array_fini(&ruleset->tables);
	array_fini(&ruleset->chains);
	array_fini(&ruleset->rules);
	array_fini(&ruleset->expressions);
	array_fini(&ruleset->sets);
	array_fini(&ruleset->elements);
	array_fini(&ruleset->xts);
	array_fini(&ruleset->devices);
	array_fini(&ruleset->ipsets);
	array_fini(&ruleset->ipset_elements);
	array_fini(&ruleset->routes);
	array_fini(&ruleset->hops);
	array_fini(&ruleset->policies);
	array_fini(&ruleset->interfaces);
	array_fini(&ruleset->addresses);
	array_fini(&ruleset->programs);
	array_fini(&ruleset->locals);
	array_fini(&ruleset->broadcasts);
	free(ruleset);
}

uint32_t ruleset_keep(struct ruleset *ruleset, const void *bytes, uint32_t length)
{
	uint32_t at = ruleset->bytes.n;

	if (length > RULESET_NONE - 1 - at || array_reserve(&ruleset->bytes, length) < 0)
		return RULESET_NONE;
	if (length)
		memcpy(ruleset->bytes.items + at, bytes, length);
	ruleset->bytes.n += length;
	return at;
}

const struct rule_interface *ruleset_interface(const struct ruleset *ruleset, uint32_t ifindex)
{
	uint32_t low = 0, high = ruleset->interfaces.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct rule_interface *interface = &ruleset->interfaces.items[middle];

		if (interface->ifindex == ifindex)
			return interface;
		if (interface->ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Which families an expression of a chain of that family has tracked, as nf_ct_netns_get() does. */
static void track(struct ruleset *ruleset, uint8_t family)
{
	if (family != RULE_FAMILY_IPV6)
		ruleset->has_conntrack[HARK_FAMILY_INET] = true;
	if (family != RULE_FAMILY_IPV4)
		ruleset->has_conntrack[HARK_FAMILY_INET6] = true;
}

/* Where the kernel calls nf_ct_netns_get(): init of an expression, checkentry of a match. */
static bool is_tracked_by(const struct ruleset *ruleset, const struct rule_expression *expression)
{
	static const bool ops[RULE_OP_N_] = {
		[RULE_OP_CT] = true,        [RULE_OP_CT_SET] = true,
		[RULE_OP_CONNLIMIT] = true, [RULE_OP_NAT] = true,
		[RULE_OP_MASQ] = true,      [RULE_OP_REDIR] = true,
		[RULE_OP_SYNPROXY] = true,  [RULE_OP_FLOW_OFFLOAD] = true,
	};
	static const bool objects[RULE_OBJECT_N_] = {
		[RULE_OBJECT_CT_HELPER] = true, [RULE_OBJECT_CT_TIMEOUT] = true,
		[RULE_OBJECT_CT_EXPECT] = true, [RULE_OBJECT_CONNLIMIT] = true,
		[RULE_OBJECT_SYNPROXY] = true,
	};

	if (expression->op == RULE_OP_XT_MATCH || expression->op == RULE_OP_XT_TARGET)
		return ruleset->xts.items[expression->xt].tracks;
	if (expression->op == RULE_OP_OBJREF)
		return expression->key < RULE_OBJECT_N_ && objects[expression->key];
	return ops[expression->op];
}

void ruleset_find_conntrack(struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		const struct rule *rule = &ruleset->rules.items[i];
		const struct rule_chain *chain = &ruleset->chains.items[rule->chain];
		uint8_t family = ruleset->tables.items[chain->table].family;

		for (uint32_t k = 0; k < rule->n_expressions; k++) {
			const struct rule_expression *expression =
				&ruleset->expressions.items[rule->first_expression + k];

			/* Only nat has a family of its own: dnat ip, in a table of inet. */
			if (is_tracked_by(ruleset, expression))
				track(ruleset,
				      expression->op == RULE_OP_NAT ? expression->family : family);
		}
	}
}

void ruleset_find_comments(struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		struct rule *rule = &ruleset->rules.items[i];

		for (uint32_t k = 0; k < rule->n_expressions && !rule->comment; k++) {
			const struct rule_expression *expression =
				&ruleset->expressions.items[rule->first_expression + k];
			const struct xt *xt = expression->op == RULE_OP_XT_MATCH ?
						      &ruleset->xts.items[expression->xt] :
						      NULL;

			if (xt && xt->kind == XT_ALWAYS)
				rule->comment = xt->u.comment.text;
		}
	}
}
