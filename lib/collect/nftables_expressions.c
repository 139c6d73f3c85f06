/* SPDX-License-Identifier: MIT */
/*
 * Expressions of nf_tables: a table (nftables_kinds.c) tells for each kind which attributes it has
 * and where they go.
 * An attribute that is not in it, one that is missing, or a number that does not fit makes it
 * RULE_OP_UNKNOWN: newer kernels say with new attributes what older ones could not, as bitwise did
 * with its second register (Linux 6.13).
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>

#include "nftables_kinds.h"

static bool take_register(const struct nlattr *attribute, bool may_be_verdict, uint8_t *ret)
{
	uint32_t number;

	if (!nft_be32(attribute, &number))
		return false;
	if (number == NFT_REG_VERDICT) {
		*ret = RULE_REG_VERDICT;
		return may_be_verdict;
	}
	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		*ret = (uint8_t)((number - NFT_REG_1) * NFT_REG_SIZE);
	else if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		*ret = (uint8_t)((number - NFT_REG32_00) * NFT_REG32_SIZE);
	else
		return false;
	return true;
}

bool nft_take_value(struct nft_reading *reading, const struct nlattr *data, struct rule_bytes *ret)
{
	const void *bytes;

	if (!nft_value(data, &bytes, &ret->length))
		return false;
	ret->at = ruleset_keep(reading->nft->ruleset, bytes, ret->length);
	if (ret->at == RULESET_NONE)
		reading->error = -ENOMEM;
	return true;
}

bool nft_take_name(struct nft_reading *reading, const struct nlattr *attribute, const char **ret)
{
	struct nft_text text;

	/* An empty prefix of a log is none. */
	if (!nft_text(attribute, &text))
		return true;
	*ret = nft_keep(reading->nft, &text);
	if (!*ret)
		reading->error = -ENOMEM;
	return true;
}

/* A number of 32 bits into a member that may be shorter. */
static bool take_short(const struct nlattr *attribute, uint32_t max, void *ret)
{
	uint32_t number;
	uint16_t number16;
	uint8_t number8;

	if (!nft_be32(attribute, &number) || number > max)
		return false;
	number16 = (uint16_t)number;
	number8 = (uint8_t)number;
	if (max == UINT8_MAX)
		memcpy(ret, &number8, sizeof(number8));
	else
		memcpy(ret, &number16, sizeof(number16));
	return true;
}

static bool take_long(const struct nlattr *attribute, void *ret)
{
	uint64_t wide;
	uint32_t number;

	if (!nft_be32(attribute, &number))
		return false;
	wide = number;
	memcpy(ret, &wide, sizeof(wide));
	return true;
}

static bool take_queue(const struct nlattr *attribute, void *ret)
{
	uint16_t number;
	uint32_t wide;

	if (!nft_be16(attribute, &number))
		return false;
	wide = number;
	memcpy(ret, &wide, sizeof(wide));
	return true;
}

static bool take_field(struct nft_reading *reading, const struct nft_field *field,
		       const struct nlattr *attribute, struct rule_expression *e)
{
	void *at = (uint8_t *)e + field->at;

	switch ((enum nft_how)field->how) {
	case HOW_UNKNOWN:
		return false;
	case HOW_NOTHING:
		return true;
	case HOW_REGISTER:
		return take_register(attribute, false, at);
	case HOW_TARGET:
		return take_register(attribute, true, at);
	case HOW_U8:
		return nft_u8(attribute, at);
	case HOW_BE16:
		return nft_be16(attribute, at);
	case HOW_BE16_TO_32:
		return take_queue(attribute, at);
	case HOW_BE32:
		return nft_be32(attribute, at);
	case HOW_BE32_TO_8:
		return take_short(attribute, UINT8_MAX, at);
	case HOW_BE32_TO_16:
		return take_short(attribute, UINT16_MAX, at);
	case HOW_BE32_TO_64:
		return take_long(attribute, at);
	case HOW_BE64:
		return nft_be64(attribute, at);
	case HOW_VALUE:
		return nft_take_value(reading, attribute, at);
	case HOW_NAME:
		return nft_take_name(reading, attribute, at);
	}
	return false;
}

/* Whether there is an attribute that the table has no place for. */
static bool has_newer(const struct nlattr *data)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, data) {
		if (mnl_attr_get_type(attribute) >= NFT_ATTRIBUTES)
			return true;
	}
	return false;
}

static bool take_known(struct nft_reading *reading, const struct nft_expression *kind,
		       const struct nlattr *data, struct rule_expression *e)
{
	e->op = kind->op;
	if (!nft_nested(reading->attributes, NFT_ATTRIBUTES, data) || (data && has_newer(data)))
		return false;
	for (uint32_t i = 0; i < NFT_ATTRIBUTES; i++) {
		const struct nft_field *field = &kind->fields[i];

		if (reading->attributes[i] ?
			    !take_field(reading, field, reading->attributes[i], e) :
			    field->is_needed)
			return false;
	}
	return reading->error < 0 || !kind->finish || kind->finish(reading, e);
}

static const struct rule_expression nothing = {
	.dreg = RULE_REG_NONE,
	.sreg = RULE_REG_NONE,
	.sreg2 = RULE_REG_NONE,
	.sreg3 = RULE_REG_NONE,
	.sreg4 = RULE_REG_NONE,
	.chain = RULESET_NONE,
	.set = RULESET_NONE,
	.xt = RULESET_NONE,
};

static int take_expression(struct nftables *nft, uint32_t table, const struct nlattr *expression)
{
	struct ruleset *ruleset = nft->ruleset;
	const struct nlattr *attributes[NFTA_EXPR_MAX + 1];
	struct nft_reading reading = { .nft = nft, .table = table };
	struct nft_text name = { "?", 1 };
	const struct nft_expression *kind = NULL;
	struct rule_expression e = nothing;

	if (nft_nested(attributes, NFTA_EXPR_MAX + 1, expression) &&
	    nft_text(attributes[NFTA_EXPR_NAME], &name))
		kind = nft_find_expression(&name);
	if (!kind || !take_known(&reading, kind, attributes[NFTA_EXPR_DATA], &e)) {
		e = nothing;
		e.name = nft_keep(nft, &name);
		if (!e.name)
			return -ENOMEM;
	}
	if (reading.error < 0)
		return reading.error;
	if (ruleset->expressions.n >= NFT_MAX_EXPRESSIONS || ruleset->bytes.n >= NFT_MAX_BYTES)
		return -E2BIG;
	if (array_reserve(&ruleset->expressions, 1) < 0)
		return -ENOMEM;
	ruleset->expressions.items[ruleset->expressions.n++] = e;
	return 0;
}

static int take_list(struct nftables *nft, uint32_t table, const struct nlattr *list)
{
	const struct nlattr *each;
	int r = 0;

	mnl_attr_for_each_nested(each, list) {
		r = take_expression(nft, table, each);
		if (r < 0)
			break;
	}
	return r;
}

/* What the elements of a dynset come with: one, or a list since Linux 5.11. */
static int take_inner(struct nftables *nft, uint32_t table, const struct nlattr *expression,
		      uint32_t index)
{
	struct ruleset *ruleset = nft->ruleset;
	const struct nlattr *outer[NFTA_EXPR_MAX + 1], *attributes[NFTA_DYNSET_MAX + 1];
	uint32_t first = ruleset->expressions.n;
	int r = 0;

	(void)nft_nested(outer, NFTA_EXPR_MAX + 1, expression);
	(void)nft_nested(attributes, NFTA_DYNSET_MAX + 1, outer[NFTA_EXPR_DATA]);
	if (attributes[NFTA_DYNSET_EXPR])
		r = take_expression(nft, table, attributes[NFTA_DYNSET_EXPR]);
	else if (attributes[NFTA_DYNSET_EXPRESSIONS])
		r = take_list(nft, table, attributes[NFTA_DYNSET_EXPRESSIONS]);
	ruleset->expressions.items[index].first_inner = first;
	ruleset->expressions.items[index].n_inner = ruleset->expressions.n - first;
	return r;
}

/* Those of a rule stand together, so what is inside of them comes behind. */
int nft_take_expressions(struct nftables *nft, uint32_t table, const struct nlattr *list,
			 struct rule *rule)
{
	struct ruleset *ruleset = nft->ruleset;
	uint32_t first = ruleset->expressions.n, i = 0;
	const struct nlattr *each;
	int r = 0;

	rule->first_expression = first;
	if (list)
		r = take_list(nft, table, list);
	rule->n_expressions = ruleset->expressions.n - first;
	if (r < 0 || !rule->n_expressions)
		return r;
	mnl_attr_for_each_nested(each, list) {
		if (r == 0 && ruleset->expressions.items[first + i].op == RULE_OP_DYNSET)
			r = take_inner(nft, table, each, first + i);
		i++;
	}
	return r;
}
