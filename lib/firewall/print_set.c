/* SPDX-License-Identifier: MIT */
/* Sets and maps within a rule of nf_tables: "tcp dport { 22, 80 }", "ip saddr @open". */
#include "printer.h"

/* Of an anonymous set so many are written. */
#define ELEMENTS_MAX 8

/* Operands that follow one another from `reg`, as far as `length` goes; each takes whole words. */
static uint32_t key_operands(struct nft_printer *printer, uint8_t reg, uint32_t length,
			     struct operand *operands[RULE_FIELDS_MAX])
{
	uint32_t n = 0, at = reg;

	do {
		struct operand *operand = operand_get(printer, (uint8_t)at);

		operands[n++] = operand;
		at += operand->length ? (operand->length + 3u) & ~3u : 4;
	} while (n < RULE_FIELDS_MAX && at < reg + length && at < RULE_REGISTERS);
	return n;
}

void key_resolve(struct nft_printer *printer, uint8_t reg, uint32_t length)
{
	struct operand *operands[RULE_FIELDS_MAX];
	uint32_t n = key_operands(printer, reg, length, operands);

	for (uint32_t i = 0; i < n; i++)
		operand_resolve(printer, operands[i]);
}

uint32_t put_key(struct nft_printer *printer, struct sink *sink, uint8_t reg, uint32_t length,
		 struct value fields[RULE_FIELDS_MAX])
{
	struct operand *operands[RULE_FIELDS_MAX];
	uint32_t n = key_operands(printer, reg, length, operands);

	for (uint32_t i = 0; i < n; i++) {
		put(sink, i ? " . " : "");
		put_operand_text(printer, sink, operands[i]);
		fields[i] = (struct value){
			.length = operands[i]->length,
			.type = operands[i]->type,
			.is_host_order = operands[i]->is_host_order,
			.shift = operands[i]->shift,
			.bits = operands[i]->bits,
		};
	}
	return n;
}

/* Fields of a value, each from a word on. */
static void put_fields(struct sink *sink, const struct ruleset *ruleset, uint32_t first,
		       uint32_t last, uint32_t length, const struct value *fields, uint32_t n)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n && at < length; i++) {
		struct value left = fields[i], right;

		if (n == 1 || left.length > length - at)
			left.length = length - at;
		left.bytes = ruleset_bytes(ruleset, first) + at;
		right = left;
		right.bytes = ruleset_bytes(ruleset, last) + at;
		put(sink, i ? " . " : "");
		put_range(sink, ruleset, &left, &right);
		at += (left.length + 3) & ~3u;
	}
}

/* What a map gives, by nft's own number of its kind: six bits for each field. */
static uint32_t data_fields(const struct rule_set *set, struct value fields[RULE_FIELDS_MAX])
{
	uint32_t n = 0, at = 0;

	for (int shift = 30; shift >= 0; shift -= 6) {
		uint8_t type = set->data_type >> shift & 0x3f;

		if (type == TYPE_NONE && n == 0)
			continue;
		fields[n++] = (struct value){
			.type = type == TYPE_NONE ? TYPE_HEX : type,
			.length = type_length(type) ? type_length(type) : 4,
			.is_host_order = type_is_host_order(type) || type == TYPE_INTEGER,
		};
		at += (fields[n - 1].length + 3) & ~3u;
	}
	if (n == 0 || set->data_type >> 30 == 3 ||
	    (n > 1 && at != set->data_length && 2 * at != set->data_length)) {
		fields[0] = (struct value){ .type = TYPE_HEX, .length = set->data_length };
		n = 1;
	}
	return n;
}

static void put_data(struct sink *sink, const struct ruleset *ruleset, const struct rule_set *set,
		     const struct rule_element *element)
{
	struct value fields[RULE_FIELDS_MAX];
	uint32_t n, whole = 0;

	if (set->has_verdicts) {
		put_verdict(sink, ruleset, element->verdict, element->chain);
		return;
	}
	if (element->data == RULESET_NONE) {
		put(sink, "[object]");
		return;
	}
	n = data_fields(set, fields);
	for (uint32_t i = 0; i < n; i++)
		whole += (fields[i].length + 3) & ~3u;
	/* A map to ranges gives first and last behind one another. */
	if (set->data_length == 2 * whole && fields[0].type != TYPE_HEX)
		put_fields(sink, ruleset, element->data, element->data + whole, whole, fields, n);
	else
		put_fields(sink, ruleset, element->data, element->data, set->data_length, fields,
			   n);
}

/* As nft sorts: by the number that a key is, and of several fields together from their end. */
static bool is_before(const struct ruleset *ruleset, const struct rule_set *set,
		      const struct value *fields, uint32_t n_fields, const struct rule_element *a,
		      const struct rule_element *b)
{
	const uint8_t *left, *right;

	if (a->is_catchall || b->is_catchall)
		return b->is_catchall && !a->is_catchall;
	left = ruleset_bytes(ruleset, a->first);
	right = ruleset_bytes(ruleset, b->first);
	if (n_fields == 1 && !fields[0].is_host_order)
		return memcmp(left, right, set->key_length) < 0;
	for (uint32_t i = set->key_length; i > 0; i--) {
		if (left[i - 1] != right[i - 1])
			return left[i - 1] < right[i - 1];
	}
	return false;
}

/* The first of a set in nft's order. */
static uint32_t first_elements(const struct ruleset *ruleset, const struct rule_set *set,
			       const struct value *fields, uint32_t n_fields,
			       const struct rule_element *first[ELEMENTS_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n_elements; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];
		uint32_t at = n;

		while (at > 0 &&
		       is_before(ruleset, set, fields, n_fields, element, first[at - 1])) {
			if (at < ELEMENTS_MAX)
				first[at] = first[at - 1];
			at--;
		}
		if (at < ELEMENTS_MAX)
			first[at] = element;
		if (n < ELEMENTS_MAX)
			n++;
	}
	return n;
}

void put_set(struct sink *sink, const struct ruleset *ruleset, uint32_t index,
	     const struct value *fields, uint32_t n_fields)
{
	const struct rule_element *first[ELEMENTS_MAX];
	const struct rule_set *set;
	uint32_t n;

	if (index == RULESET_NONE) {
		put(sink, "[unknown set]");
		return;
	}
	set = &ruleset->sets.items[index];
	if (!(set->flags & RULE_SET_ANONYMOUS)) {
		PUT(sink, "@", set->name);
		return;
	}
	if (!set->is_known) {
		put(sink, "{ [elements not read] }");
		return;
	}
	n = first_elements(ruleset, set, fields, n_fields, first);
	put(sink, "{ ");
	for (uint32_t i = 0; i < n; i++) {
		put(sink, i ? ", " : "");
		if (first[i]->is_catchall)
			put(sink, "*");
		else
			put_fields(sink, ruleset, first[i]->first, first[i]->last, set->key_length,
				   fields, n_fields);
		if (set->flags & RULE_SET_MAP) {
			put(sink, " : ");
			put_data(sink, ruleset, set, first[i]);
		}
	}
	if (set->n_elements > n) {
		put(sink, ", ... ");
		put_number(sink, set->n_elements - n);
		put(sink, " more");
	}
	put(sink, " }");
}

/* The type of ICMP that "icmp type { ... }" tells first is the one that later fields are of. */
static void learn_icmp(struct nft_printer *printer, const struct rule_expression *lookup,
		       const struct operand *operand)
{
	const struct ruleset *ruleset = printer->ruleset;
	const struct rule_element *first[ELEMENTS_MAX];
	const struct rule_set *set;
	struct value field = { .length = 1 };

	if (lookup->set == RULESET_NONE || !operand->field || !operand->field->is_protocol ||
	    (operand->header != HEADER_ICMP && operand->header != HEADER_ICMPV6))
		return;
	set = &ruleset->sets.items[lookup->set];
	if ((set->flags & RULE_SET_ANONYMOUS) && set->key_length == 1 &&
	    first_elements(ruleset, set, &field, 1, first) > 0 && !first[0]->is_catchall)
		printer->icmp =
			icmp_question(operand->header, *ruleset_bytes(ruleset, first[0]->first));
}

/* What a map gives, as an operand. */
static void map_result(struct nft_printer *printer, const struct rule_expression *lookup,
		       const struct rule_set *set, uint32_t at)
{
	struct value fields[RULE_FIELDS_MAX];
	struct operand *operand;
	uint32_t n = set ? data_fields(set, fields) : 0;

	operand =
		operand_set(printer, lookup->dreg, set && set->data_length ? set->data_length : 4);
	operand->kind = OPERAND_TEXT;
	operand->at = at;
	operand->n = printer->texts.n - at;
	operand->type = n == 1 ? fields[0].type : TYPE_HEX;
	operand->is_host_order = n == 1 && fields[0].is_host_order;
}

/* A map that gives ports to a translation: nft leaves what it depends on as it is. */
static bool is_of_ports(const struct nft_printer *printer, const struct rule_expression *lookup)
{
	const struct rule_expression *end = printer->ruleset->expressions.items +
					    printer->rule->first_expression +
					    printer->rule->n_expressions;

	for (const struct rule_expression *next = lookup + 1; next < end; next++) {
		if (next->op == RULE_OP_NAT || next->op == RULE_OP_MASQ ||
		    next->op == RULE_OP_REDIR)
			return next->sreg2 == lookup->dreg;
	}
	return false;
}

/* Then nft writes "==". */
static bool is_computed(const struct operand *operand)
{
	return operand->mask || operand->precedence;
}

void print_lookup(struct nft_printer *printer, const struct rule_expression *lookup)
{
	const struct rule_set *set =
		lookup->set == RULESET_NONE ? NULL : &printer->ruleset->sets.items[lookup->set];
	bool is_map = lookup->dreg != RULE_REG_NONE;
	bool gives_verdict = lookup->dreg == RULE_REG_VERDICT;
	uint32_t length = set ? set->key_length : 4, at, n;
	struct value fields[RULE_FIELDS_MAX];
	struct sink *sink;

	if (is_map && is_of_ports(printer, lookup))
		dependencies_forget(printer);
	key_resolve(printer, lookup->sreg, length);
	learn_icmp(printer, lookup, operand_get(printer, lookup->sreg));
	at = printer->texts.n;
	sink = is_map && !gives_verdict ? &printer->texts : piece_begin(printer);
	n = put_key(printer, sink, lookup->sreg, length, fields);
	if (is_map)
		put(sink, gives_verdict ? " vmap " : " map ");
	else if (lookup->is_inverted)
		put(sink, " != ");
	else
		put(sink, n == 1 && is_computed(operand_get(printer, lookup->sreg)) ? " == " : " ");
	put_set(sink, printer->ruleset, lookup->set, fields, n);
	if (sink == &printer->texts) {
		map_result(printer, lookup, set, at);
		return;
	}
	piece_end(printer);
}
