/* SPDX-License-Identifier: MIT */
/*
 * ruleset: tells what is read of nf_tables in the current network namespace, a line for each thing,
 * for comparison with what nft says. ruleset -q: the counts alone.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"

static const char *const ops[] = {
	"unknown",   "payload", "meta",     "ct",        "rt",        "fib",   "socket",
	"exthdr",    "numgen",  "hash",     "osf",       "tunnel",    "xfrm",  "cmp",
	"range",     "lookup",  "bitwise",  "byteorder", "immediate", "limit", "quota",
	"connlimit", "dynset",  "objref",   "payload",   "meta",      "ct",    "exthdr",
	"counter",   "last",    "log",      "notrack",   "reject",    "nat",   "masq",
	"redir",     "tproxy",  "synproxy", "queue",     "dup",       "fwd",   "flow_offload",
	"xt",        "match",   "target",
};
_Static_assert(sizeof(ops) / sizeof(ops[0]) == RULE_OP_N_, "a name for each");

static void print_bytes(const struct ruleset *ruleset, uint32_t at, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		printf("%02x", ruleset_bytes(ruleset, at)[i]);
}

static void print_verdict(const struct ruleset *ruleset, uint8_t verdict, uint32_t chain)
{
	static const char *const names[] = { "continue", "accept", "drop",   "return", "jump",
					     "goto",     "queue",  "stolen", "unknown" };

	printf(" %s", names[verdict]);
	if (chain != RULESET_NONE)
		printf(" %s", ruleset->chains.items[chain].name);
}

static void print_expression(const struct ruleset *ruleset, const struct rule_expression *e,
			     const char *indent)
{
	printf("%s%s", indent, ops[e->op]);
	if (e->op == RULE_OP_UNKNOWN || e->op == RULE_OP_OBJREF || e->op == RULE_OP_LOG ||
	    e->op == RULE_OP_XT_MATCH || e->op == RULE_OP_XT_TARGET)
		printf(" %s", e->name ? e->name : "-");
	if (e->xt != RULESET_NONE)
		printf(" revision %u kind %u", ruleset->xts.items[e->xt].revision,
		       ruleset->xts.items[e->xt].kind);
	printf(" dreg %u sreg %u %u %u %u length %u key %u family %u compare %u arithmetic %u "
	       "size %u base %u type %u inverted %d flags %u offset %u modulus %u rate %llu "
	       "unit %llu burst %u",
	       e->dreg, e->sreg, e->sreg2, e->sreg3, e->sreg4, e->length, e->key, e->family,
	       e->compare, e->arithmetic, e->size, e->base, e->type, e->is_inverted, e->flags,
	       e->offset, e->modulus, (unsigned long long)e->rate, (unsigned long long)e->unit,
	       e->burst);
	if (e->dreg == RULE_REG_VERDICT && e->op == RULE_OP_IMMEDIATE)
		print_verdict(ruleset, e->verdict, e->chain);
	if (e->set != RULESET_NONE)
		printf(" set %s", ruleset->sets.items[e->set].name);
	if (e->data.length) {
		printf(" data ");
		print_bytes(ruleset, e->data.at, e->data.length);
	}
	if (e->data2.length) {
		printf(" data2 ");
		print_bytes(ruleset, e->data2.at, e->data2.length);
	}
	printf("\n");
	for (uint32_t i = 0; i < e->n_inner; i++)
		print_expression(ruleset, &ruleset->expressions.items[e->first_inner + i], "   ");
}

static void print_table(const struct ruleset *ruleset, uint32_t i)
{
	printf(" %u %s", ruleset->tables.items[i].family, ruleset->tables.items[i].name);
}

static void print_chain(const struct ruleset *ruleset, const struct rule_chain *chain)
{
	printf("chain");
	print_table(ruleset, chain->table);
	printf(" %s handle %llu rules %u", chain->name, (unsigned long long)chain->handle,
	       chain->n_rules);
	if (chain->is_base)
		printf(" type %s hook %u priority %d policy %u", chain->type, chain->hook,
		       chain->priority, chain->policy);
	for (uint32_t i = 0; i < chain->n_devices; i++)
		printf(" %s", ruleset->devices.items[chain->first_device + i]);
	printf("\n");
	for (uint32_t i = 0; i < chain->n_rules; i++) {
		const struct rule *rule = &ruleset->rules.items[chain->first_rule + i];

		printf(" rule handle %llu expressions %u comment %s\n",
		       (unsigned long long)rule->handle, rule->n_expressions,
		       rule->comment ? rule->comment : "-");
		for (uint32_t k = 0; k < rule->n_expressions; k++)
			print_expression(ruleset,
					 &ruleset->expressions.items[rule->first_expression + k],
					 "  ");
	}
}

static void print_set(const struct ruleset *ruleset, const struct rule_set *set)
{
	printf("set");
	print_table(ruleset, set->table);
	printf(" %s flags %u key %u bytes of type %u data %u of type %u object %u known %d "
	       "elements %u fields",
	       set->name, set->flags, set->key_length, set->key_type, set->data_length,
	       set->data_type, set->object_type, set->is_known, set->n_elements);
	for (uint32_t i = 0; i < set->n_fields; i++)
		printf(" %u", set->fields[i]);
	printf("\n");
	for (uint32_t i = 0; i < set->n_elements; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];

		printf(" element ");
		if (element->is_catchall) {
			printf("*");
		} else {
			print_bytes(ruleset, element->first, set->key_length);
			printf("-");
			print_bytes(ruleset, element->last, set->key_length);
		}
		if (element->data != RULESET_NONE) {
			printf(" data ");
			print_bytes(ruleset, element->data, set->data_length);
		}
		if (set->has_verdicts)
			print_verdict(ruleset, element->verdict, element->chain);
		printf("%s%s\n", element->has_timeout ? " timeout" : "",
		       element->has_stateful ? " stateful" : "");
	}
}

int main(int argc, char **argv)
{
	struct ruleset *ruleset = ruleset_new();
	struct hark_source live;
	bool interrupted;
	int r;

	source_open_live(&live);
	r = ruleset ? nftables_read(&live, ruleset, &interrupted) : -1;
	if (r < 0)
		errx(1, "%s", strerror(-r));
	printf("presence %u error %d interrupted %d generation %u\n", ruleset->nftables,
	       ruleset->nftables_error, interrupted, ruleset->generation);
	printf("tables %u chains %u rules %u expressions %u sets %u elements %u\n",
	       ruleset->tables.n, ruleset->chains.n, ruleset->rules.n, ruleset->expressions.n,
	       ruleset->sets.n, ruleset->elements.n);
	if (argc > 1 && !strcmp(argv[1], "-q"))
		goto out;
	for (uint32_t i = 0; i < ruleset->tables.n; i++) {
		printf("table");
		print_table(ruleset, i);
		printf(" flags %u handle %llu\n", ruleset->tables.items[i].flags,
		       (unsigned long long)ruleset->tables.items[i].handle);
	}
	for (uint32_t i = 0; i < ruleset->chains.n; i++)
		print_chain(ruleset, &ruleset->chains.items[i]);
	for (uint32_t i = 0; i < ruleset->sets.n; i++)
		print_set(ruleset, &ruleset->sets.items[i]);
out:
	ruleset_free(ruleset);
	source_close_live(&live);
	return 0;
}
