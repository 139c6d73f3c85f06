/* SPDX-License-Identifier: MIT */
/*
 * xtables: tells what is read of ip_tables and ip6_tables in the current network namespace.
 *
 * A line for each chain: family, table, name, number of rules, and of a hook its number, priority
 * and policy. And for each rule: family, table, chain, number, then each match as name/kind and the
 * target likewise; of a verdict its kind is followed by it and the chain.
 * xtables names: a line for each match and target that is known, with revision and families.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "xt_decode.h"

static void print_rows(const char *what, const struct xt_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned int k = rows[i].first_revision; k <= rows[i].last_revision; k++)
			printf("%s '%s' %u %u\n", what, rows[i].name, k, rows[i].families);
}

static void print_rule(const struct ruleset *ruleset, const struct rule *rule)
{
	const struct rule_chain *chain = &ruleset->chains.items[rule->chain];
	const struct rule_table *table = &ruleset->tables.items[chain->table];

	printf("rule %u %s %s %llu", table->family, table->name, chain->name,
	       (unsigned long long)rule->handle);
	for (uint32_t i = 0; i < rule->n_expressions; i++) {
		const struct rule_expression *expression =
			&ruleset->expressions.items[rule->first_expression + i];
		const struct xt *xt = &ruleset->xts.items[expression->xt];

		if (expression->op == RULE_OP_XT_IP) {
			printf(" ip");
			continue;
		}
		printf(" %s:%s/%u", expression->op == RULE_OP_XT_MATCH ? "m" : "j", xt->name,
		       xt->kind);
		if (xt->kind == XT_VERDICT)
			printf("/%u/%s", xt->u.verdict.verdict,
			       xt->u.verdict.chain == RULESET_NONE ?
				       "" :
				       ruleset->chains.items[xt->u.verdict.chain].name);
	}
	printf("%s%s\n", rule->comment ? " # " : "", rule->comment ? rule->comment : "");
}

static void print_chain(const struct ruleset *ruleset, const struct rule_chain *chain)
{
	const struct rule_table *table = &ruleset->tables.items[chain->table];

	printf("chain %u %s %s %u", table->family, table->name, chain->name, chain->n_rules);
	if (chain->is_base)
		printf(" %u %d %u", chain->hook, chain->priority, chain->policy);
	printf("\n");
	for (uint32_t i = 0; i < chain->n_rules; i++)
		print_rule(ruleset, &ruleset->rules.items[chain->first_rule + i]);
}

int main(int argc, char **argv)
{
	struct ruleset *ruleset = ruleset_new();
	struct hark_source live;
	int r;

	if (argc > 1 && strcmp(argv[1], "names") == 0) {
		print_rows("match", xt_matches, xt_n_matches);
		print_rows("target", xt_targets, xt_n_targets);
		ruleset_free(ruleset);
		return 0;
	}
	source_open_live(&live);
	r = ruleset ? xtables_read(&live, ruleset) : -1;
	if (r < 0)
		errx(1, "%s", strerror(-r));
	ruleset_find_conntrack(ruleset);
	ruleset_find_comments(ruleset);
	printf("presence %u %u\n", ruleset->xtables[HARK_FAMILY_INET],
	       ruleset->xtables[HARK_FAMILY_INET6]);
	printf("conntrack %d %d\n", ruleset->has_conntrack[HARK_FAMILY_INET],
	       ruleset->has_conntrack[HARK_FAMILY_INET6]);
	for (uint32_t i = 0; i < ruleset->chains.n && argc == 1; i++)
		print_chain(ruleset, &ruleset->chains.items[i]);
	ruleset_free(ruleset);
	source_close_live(&live);
	return 0;
}
