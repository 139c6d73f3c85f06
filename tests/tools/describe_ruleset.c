/* SPDX-License-Identifier: MIT */
#include "describe_ruleset.h"
#include "firewall.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void print_bytes(FILE *out, const struct ruleset *ruleset, uint32_t at, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		fprintf(out, "%02x", ruleset_bytes(ruleset, at)[i]);
}

static void print_verdict(FILE *out, const struct ruleset *ruleset, uint8_t verdict, uint32_t chain)
{
	static const char *const names[] = { "continue", "accept", "drop",   "return", "jump",
					     "goto",     "queue",  "stolen", "unknown" };

	fprintf(out, " %s", names[verdict]);
	if (chain != RULESET_NONE)
		fprintf(out, " %s", ruleset->chains.items[chain].name);
}

#define FIELD(member, without)                                                 \
	{                                                                      \
#member, offsetof(struct rule_expression, member),             \
			sizeof(((struct rule_expression *)0)->member), without \
	}

/* Numbers of an expression, and what they are where they are of no account. */
static const struct field {
	const char *name;
	size_t at, size;
	uint64_t without;
} fields[] = {
	FIELD(dreg, RULE_REG_NONE),
	FIELD(sreg, RULE_REG_NONE),
	FIELD(sreg2, RULE_REG_NONE),
	FIELD(sreg3, RULE_REG_NONE),
	FIELD(sreg4, RULE_REG_NONE),
	FIELD(length, 0),
	FIELD(key, 0),
	FIELD(family, 0),
	FIELD(compare, 0),
	FIELD(arithmetic, 0),
	FIELD(size, 0),
	FIELD(base, 0),
	FIELD(type, 0),
	FIELD(is_inverted, 0),
	FIELD(is_bytes, 0),
	FIELD(flags, 0),
	FIELD(offset, 0),
	FIELD(modulus, 0),
	FIELD(rate, 0),
	FIELD(unit, 0),
	FIELD(burst, 0),
};

static void print_field(FILE *out, const struct field *field, const struct rule_expression *e)
{
	uint64_t number = 0;

	memcpy(&number, (const char *)e + field->at,
	       field->size); /* little-endian, as the tests are */
	if (number != field->without)
		fprintf(out, " %s %" PRIu64, field->name, number);
}

static void print_expression(FILE *out, const struct ruleset *ruleset,
			     const struct rule_expression *e, const char *indent)
{
	fprintf(out, "%s%s", indent, ops[e->op]);
	if (e->op == RULE_OP_UNKNOWN || e->op == RULE_OP_OBJREF || e->op == RULE_OP_LOG ||
	    e->op == RULE_OP_XT_MATCH || e->op == RULE_OP_XT_TARGET)
		fprintf(out, " %s", e->name ? e->name : "-");
	if (e->xt != RULESET_NONE)
		fprintf(out, " revision %u", ruleset->xts.items[e->xt].revision);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		print_field(out, &fields[i], e);
	if (e->dreg == RULE_REG_VERDICT && e->op == RULE_OP_IMMEDIATE)
		print_verdict(out, ruleset, e->verdict, e->chain);
	if (e->set != RULESET_NONE)
		fprintf(out, " set %s", ruleset->sets.items[e->set].name);
	if (e->data.length) {
		fprintf(out, " data ");
		print_bytes(out, ruleset, e->data.at, e->data.length);
	}
	if (e->data2.length) {
		fprintf(out, " data2 ");
		print_bytes(out, ruleset, e->data2.at, e->data2.length);
	}
	fprintf(out, "\n");
	for (uint32_t i = 0; i < e->n_inner; i++)
		print_expression(out, ruleset, &ruleset->expressions.items[e->first_inner + i],
				 "   ");
}

static void print_table(FILE *out, const struct ruleset *ruleset, uint32_t i)
{
	fprintf(out, " %u %s", ruleset->tables.items[i].family, ruleset->tables.items[i].name);
}

static void print_chain(FILE *out, const struct ruleset *ruleset, const struct rule_chain *chain)
{
	fprintf(out, "chain");
	print_table(out, ruleset, chain->table);
	fprintf(out, " %s handle %llu rules %u", chain->name, (unsigned long long)chain->handle,
		chain->n_rules);
	if (chain->is_base)
		fprintf(out, " type %s hook %u priority %d policy %u", chain->type, chain->hook,
			chain->priority, chain->policy);
	for (uint32_t i = 0; i < chain->n_devices; i++)
		fprintf(out, " %s", ruleset->devices.items[chain->first_device + i]);
	fprintf(out, "\n");
	for (uint32_t i = 0; i < chain->n_rules; i++) {
		const struct rule *rule = &ruleset->rules.items[chain->first_rule + i];

		fprintf(out, " rule handle %llu expressions %u comment %s\n",
			(unsigned long long)rule->handle, rule->n_expressions,
			rule->comment ? rule->comment : "-");
		for (uint32_t k = 0; k < rule->n_expressions; k++)
			print_expression(out, ruleset,
					 &ruleset->expressions.items[rule->first_expression + k],
					 "  ");
	}
}

static void print_set(FILE *out, const struct ruleset *ruleset, const struct rule_set *set)
{
	fprintf(out, "set");
	print_table(out, ruleset, set->table);
	fprintf(out,
		" %s flags %u key %u bytes of type %u data %u of type %u object %u known %d "
		"elements %u fields",
		set->name, set->flags, set->key_length, set->key_type, set->data_length,
		set->data_type, set->object_type, set->is_known, set->n_elements);
	for (uint32_t i = 0; i < set->n_fields; i++)
		fprintf(out, " %u", set->fields[i]);
	fprintf(out, "\n");
	for (uint32_t i = 0; i < set->n_elements; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];

		fprintf(out, " element ");
		if (element->is_catchall) {
			fprintf(out, "*");
		} else {
			print_bytes(out, ruleset, element->first, set->key_length);
			fprintf(out, "-");
			print_bytes(out, ruleset, element->last, set->key_length);
		}
		if (element->data != RULESET_NONE) {
			fprintf(out, " data ");
			print_bytes(out, ruleset, element->data, set->data_length);
		}
		if (set->has_verdicts)
			print_verdict(out, ruleset, element->verdict, element->chain);
		fprintf(out, "%s%s\n", element->has_timeout ? " timeout" : "",
			element->has_stateful ? " stateful" : "");
	}
}

char *describe_ruleset(const struct ruleset *ruleset)
{
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fprintf(out, "presence %u error %d generation %u\n", ruleset->nftables,
		ruleset->nftables_error, ruleset->generation);
	fprintf(out, "tables %u chains %u rules %u expressions %u sets %u elements %u\n",
		ruleset->tables.n, ruleset->chains.n, ruleset->rules.n, ruleset->expressions.n,
		ruleset->sets.n, ruleset->elements.n);
	for (uint32_t i = 0; i < ruleset->tables.n; i++) {
		fprintf(out, "table");
		print_table(out, ruleset, i);
		fprintf(out, " flags %u handle %" PRIu64 "\n", ruleset->tables.items[i].flags,
			ruleset->tables.items[i].handle);
	}
	for (uint32_t i = 0; i < ruleset->chains.n; i++)
		print_chain(out, ruleset, &ruleset->chains.items[i]);
	for (uint32_t i = 0; i < ruleset->sets.n; i++)
		print_set(out, ruleset, &ruleset->sets.items[i]);
	fclose(out);
	return text;
}

static bool is_within(uint32_t first, uint32_t n, uint32_t all)
{
	return first <= all && n <= all - first;
}

static bool is_index(uint32_t index, uint32_t all)
{
	return index == RULESET_NONE || index < all;
}

static bool is_register(uint8_t at, uint32_t length)
{
	return at == RULE_REG_NONE || at == RULE_REG_VERDICT || at + length <= RULE_REGISTERS;
}

static bool is_bytes(const struct ruleset *ruleset, const struct rule_bytes *bytes)
{
	return !bytes->length || is_within(bytes->at, bytes->length, ruleset->bytes.n);
}

static bool is_sound_expression(const struct ruleset *ruleset, const struct rule_expression *e)
{
	return e->op < RULE_OP_N_ && is_index(e->chain, ruleset->chains.n) &&
	       is_index(e->set, ruleset->sets.n) && is_index(e->xt, ruleset->xts.n) &&
	       is_bytes(ruleset, &e->data) && is_bytes(ruleset, &e->data2) &&
	       e->verdict <= RULE_VERDICT_UNKNOWN && is_register(e->dreg, e->length) &&
	       is_register(e->sreg, e->length) &&
	       is_within(e->first_inner, e->n_inner, ruleset->expressions.n) &&
	       ((e->verdict != RULE_JUMP && e->verdict != RULE_GOTO) || e->chain != RULESET_NONE) &&
	       (e->op != RULE_OP_UNKNOWN || e->name);
}

static bool is_sound_set(const struct ruleset *ruleset, const struct rule_set *set)
{
	uint32_t n_bytes = ruleset->bytes.n, sum = 0;

	for (uint32_t i = 0; i < set->n_fields; i++)
		sum += (set->fields[i] + 3) & ~3u;
	if (!set->name || set->table >= ruleset->tables.n || set->n_fields > RULE_FIELDS_MAX ||
	    (set->n_fields && sum != set->key_length) ||
	    !is_within(set->first_element, set->n_elements, ruleset->elements.n))
		return false;
	for (uint32_t i = 0; i < set->n_elements; i++) {
		const struct rule_element *e = &ruleset->elements.items[set->first_element + i];

		if ((!e->is_catchall && (!is_within(e->first, set->key_length, n_bytes) ||
					 !is_within(e->last, set->key_length, n_bytes))) ||
		    (e->data != RULESET_NONE && !is_within(e->data, set->data_length, n_bytes)) ||
		    !is_index(e->chain, ruleset->chains.n) || e->verdict > RULE_VERDICT_UNKNOWN)
			return false;
		if (!e->is_catchall && set->n_fields < 2 && set->flags & RULE_SET_INTERVAL &&
		    e->last != e->first &&
		    memcmp(ruleset_bytes(ruleset, e->first), ruleset_bytes(ruleset, e->last),
			   set->key_length) > 0)
			return false;
	}
	return true;
}

static bool is_sound_chain(const struct ruleset *ruleset, uint32_t index)
{
	const struct rule_chain *chain = &ruleset->chains.items[index];

	if (!chain->name || chain->table >= ruleset->tables.n || chain->hook >= RULE_HOOK_N_ ||
	    chain->is_base != (chain->type != NULL) ||
	    !is_within(chain->first_device, chain->n_devices, ruleset->devices.n) ||
	    !is_within(chain->first_rule, chain->n_rules, ruleset->rules.n))
		return false;
	for (uint32_t i = 0; i < chain->n_rules; i++)
		if (ruleset->rules.items[chain->first_rule + i].chain != index)
			return false;
	return true;
}

bool is_sound_ruleset(const struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->tables.n; i++)
		if (!ruleset->tables.items[i].name)
			return false;
	for (uint32_t i = 0; i < ruleset->chains.n; i++)
		if (!is_sound_chain(ruleset, i))
			return false;
	for (uint32_t i = 0; i < ruleset->rules.n; i++)
		if (!is_within(ruleset->rules.items[i].first_expression,
			       ruleset->rules.items[i].n_expressions, ruleset->expressions.n))
			return false;
	for (uint32_t i = 0; i < ruleset->expressions.n; i++)
		if (!is_sound_expression(ruleset, &ruleset->expressions.items[i]))
			return false;
	for (uint32_t i = 0; i < ruleset->sets.n; i++)
		if (!is_sound_set(ruleset, &ruleset->sets.items[i]))
			return false;
	return true;
}

void write_all_rules(const struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->rules.n; i++)
		free(firewall_rule_text(ruleset, i));
	for (uint32_t i = 0; i < ruleset->chains.n; i++)
		free(firewall_chain_text(ruleset, i));
}
