/* SPDX-License-Identifier: MIT */
/* What registers hold in a rule of nf_tables: loads, and what is done to them. */
#include "printer.h"

struct operand *operand_set(struct nft_printer *printer, uint8_t reg, uint32_t length)
{
	uint32_t first = reg / 4u, n = (length + 3) / 4;
	struct operand *operand;

	if (reg >= RULE_REGISTERS || reg % 4) {
		operand = &printer->operands[OPERANDS];
		memset(operand, 0, sizeof(*operand));
	} else {
		operand = &printer->operands[first];
		n = n == 0 ? 1 : n > OPERANDS - first ? OPERANDS - first : n;
		memset(operand, 0, n * sizeof(*operand));
	}
	operand->length = (uint8_t)(length < RULE_REGISTERS ? length : RULE_REGISTERS);
	return operand;
}

struct operand *operand_get(struct nft_printer *printer, uint8_t reg)
{
	bool is_known = reg < RULE_REGISTERS && reg % 4 == 0;
	struct operand *operand = &printer->operands[is_known ? reg / 4 : OPERANDS];

	if (operand->kind == OPERAND_NONE || !is_known) {
		struct sink *sink;

		operand = operand_set(printer, reg, 4);
		sink = operand_begin(printer, operand);
		put(sink, "[register ");
		put_number(sink, reg / 4u);
		put(sink, "]");
		operand_end(printer, operand);
		operand->type = TYPE_HEX;
	}
	return operand;
}

struct sink *operand_begin(struct nft_printer *printer, struct operand *operand)
{
	operand->kind = OPERAND_TEXT;
	operand->at = printer->texts.n;
	return &printer->texts;
}

void operand_end(struct nft_printer *printer, struct operand *operand)
{
	operand->n = printer->texts.n - operand->at;
}

static struct value immediate_of(const struct nft_printer *printer, const struct operand *operand,
				 uint8_t type, bool is_host_order)
{
	return (struct value){
		.bytes = ruleset_bytes(printer->ruleset, operand->load->data.at),
		.length = operand->load->data.length,
		.type = type,
		.is_host_order = is_host_order,
	};
}

static void exthdr_resolve(struct nft_printer *printer, struct operand *operand)
{
	static const uint8_t bases[] = {
		[RULE_EXTHDR_IPV6] = RULE_PAYLOAD_NETWORK,
		[RULE_EXTHDR_TCP_OPTION] = RULE_PAYLOAD_TRANSPORT,
		[RULE_EXTHDR_IPV4_OPTION] = RULE_PAYLOAD_NETWORK,
	};
	const struct rule_expression *load = operand->load;
	uint8_t shift, bits;

	operand->type =
		put_exthdr(operand_begin(printer, operand), load, operand->mask, &shift, &bits);
	operand_end(printer, operand);
	if (bits) {
		operand->mask = NULL;
		operand->bits = bits;
		operand->shift = operand->shifted == shift ? 0 : shift;
	}
	operand->is_host_order = operand->type == TYPE_BOOLEAN;
	if (load->base < sizeof(bases))
		dependency_use(printer, bases[load->base]);
}

void operand_resolve(struct nft_printer *printer, struct operand *operand)
{
	struct value value;

	switch ((enum operand_kind)operand->kind) {
	case OPERAND_PAYLOAD:
		if (operand->load->op == RULE_OP_EXTHDR || operand->load->op == RULE_OP_EXTHDR_SET)
			exthdr_resolve(printer, operand);
		else
			payload_resolve(printer, operand);
		break;
	case OPERAND_VALUE:
		value = immediate_of(printer, operand, TYPE_HEX, false);
		put_value(operand_begin(printer, operand), printer->ruleset, &value);
		operand_end(printer, operand);
		break;
	case OPERAND_TEXT:
	case OPERAND_NONE:
		break;
	}
}

void put_written(struct nft_printer *printer, struct sink *sink, const struct operand *operand)
{
	/* `texts` may be the sink itself, and it never moves. */
	put_bytes(sink, printer->texts.to + operand->at, operand->n);
}

enum precedence {
	PRECEDENCE_SHIFT = 1,
	PRECEDENCE_AND,
	PRECEDENCE_XOR,
	PRECEDENCE_OR,
};

/* "a & ", with parentheses where nft has them. */
static void put_left(struct nft_printer *printer, struct sink *sink, const struct operand *operand,
		     enum precedence precedence, const char *operator)
{
	bool is_enclosed = precedence < operand->precedence;

	put(sink, is_enclosed ? "(" : "");
	put_written(printer, sink, operand);
	PUT(sink, is_enclosed ? ")" : "", operator);
}

/* Several flags are added up: in parentheses. */
static void put_mask(struct sink *sink, const struct ruleset *ruleset, const struct value *mask)
{
	uint64_t number = value_number(mask);
	bool is_sum = type_is_bitmask(mask->type) && (number & (number - 1)) != 0;

	put(sink, is_sum ? "(" : "");
	put_value(sink, ruleset, mask);
	put(sink, is_sum ? ")" : "");
}

void put_operand_text(struct nft_printer *printer, struct sink *sink, const struct operand *operand)
{
	struct value mask = {
		.bytes = operand->mask,
		.length = operand->length,
		.type = operand->type,
		.is_host_order = operand->is_host_order,
	};

	if (!operand->mask) {
		put_written(printer, sink, operand);
		return;
	}
	put_left(printer, sink, operand, PRECEDENCE_AND, " & ");
	put_mask(sink, printer->ruleset, &mask);
}

void put_operand(struct nft_printer *printer, struct sink *sink, uint8_t reg, uint8_t type,
		 bool is_host_order)
{
	struct operand *operand = operand_get(printer, reg);
	struct value value;

	if (operand->kind == OPERAND_VALUE && type != TYPE_NONE) {
		value = immediate_of(printer, operand, type, is_host_order);
		put_value(sink, printer->ruleset, &value);
		return;
	}
	operand_resolve(printer, operand);
	put_operand_text(printer, sink, operand);
}

/* --- What is done to an operand --- */

static bool is_all(const uint8_t *bytes, uint32_t length, uint8_t byte)
{
	for (uint32_t i = 0; i < length; i++) {
		if (bytes[i] != byte)
			return false;
	}
	return true;
}

/* Writes " & mask ^ xor | or" behind it, of which the kernel has only the first two. */
static void write_bits(struct nft_printer *printer, struct operand *operand, const uint8_t *mask,
		       const uint8_t * xor)
{
	uint8_t and_bits[RULE_REGISTERS], xor_bits[RULE_REGISTERS], or_bits[RULE_REGISTERS];
	uint32_t n = operand->length;
	const struct {
		const char *operator;
		const uint8_t *bytes;
		uint8_t identity;
		enum precedence precedence;
	} steps[] = {
		{ " & ", and_bits, 0xff, PRECEDENCE_AND },
		{ " ^ ", xor_bits, 0, PRECEDENCE_XOR },
		{ " | ", or_bits, 0, PRECEDENCE_OR },
	};

	for (uint32_t i = 0; i < n; i++) {
		or_bits[i] = (uint8_t)(xor[i] & ~mask[i]);
		xor_bits[i] = xor[i] & mask[i];
		and_bits[i] = mask[i] | or_bits[i];
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct value value = {
			.bytes = steps[i].bytes,
			.length = n,
			.type = operand->type,
			.is_host_order = operand->is_host_order,
		};
		struct operand before = *operand;
		struct sink *sink;

		if (is_all(steps[i].bytes, n, steps[i].identity))
			continue;
		sink = operand_begin(printer, operand);
		put_left(printer, sink, &before, steps[i].precedence, steps[i].operator);
		put_value(sink, printer->ruleset, &value);
		operand_end(printer, operand);
		operand->precedence = steps[i].precedence;
	}
}

/* The mask that was put off. */
static void write_mask(struct nft_printer *printer, struct operand *operand)
{
	static const uint8_t none[RULE_REGISTERS];
	const uint8_t *mask = operand->mask;

	operand_resolve(printer, operand);
	if (operand->mask)
		write_bits(printer, operand, mask, none);
	operand->mask = NULL;
}

static void mask_xor(struct nft_printer *printer, struct operand *operand,
		     const struct rule_expression *bitwise)
{
	const uint8_t *mask = ruleset_bytes(printer->ruleset, bitwise->data.at);
	const uint8_t * xor = ruleset_bytes(printer->ruleset, bitwise->data2.at);

	if (bitwise->data.length < operand->length)
		operand->length = (uint8_t)bitwise->data.length;
	if (bitwise->data2.length < operand->length)
		operand->length = (uint8_t)bitwise->data2.length;
	operand->change = operand->kind == OPERAND_PAYLOAD && !operand->mask ? bitwise : NULL;
	if (is_all(xor, operand->length, 0) && !operand->mask && operand->precedence == 0 &&
	    operand->shifted == 0) {
		if (!is_all(mask, operand->length, 0xff))
			operand->mask = mask;
		return;
	}
	write_mask(printer, operand);
	write_bits(printer, operand, mask, xor);
}

static void shift(struct nft_printer *printer, struct operand *operand,
		  const struct rule_expression *bitwise)
{
	bool is_left = bitwise->arithmetic == RULE_LSHIFT;
	struct value by = {
		.bytes = ruleset_bytes(printer->ruleset, bitwise->data.at),
		.length = bitwise->data.length < 4 ? bitwise->data.length : 4,
		.is_host_order = true,
	};
	struct operand before;
	struct sink *sink;

	operand->change = NULL;
	/* That of a field which is a part of a byte is nft's own doing. */
	if (operand->kind == OPERAND_PAYLOAD && operand->mask && !is_left &&
	    value_number(&by) < 256) {
		operand->shifted = (uint8_t)value_number(&by);
		operand_resolve(printer, operand);
		if (!operand->mask && operand->shift == 0) {
			operand->bits = 0;
			return;
		}
	}
	write_mask(printer, operand);
	before = *operand;
	sink = operand_begin(printer, operand);
	put_left(printer, sink, &before, PRECEDENCE_SHIFT, is_left ? " << " : " >> ");
	put_number(sink, value_number(&by));
	operand_end(printer, operand);
	operand->precedence = PRECEDENCE_SHIFT;
	operand->shifted = 0;
}

static void combine(struct nft_printer *printer, struct operand *operand,
		    const struct rule_expression *bitwise)
{
	static const struct {
		const char *operator;
		enum precedence precedence;
	} operators[] = {
		[RULE_AND] = { " & ", PRECEDENCE_AND },
		[RULE_OR] = { " | ", PRECEDENCE_OR },
		[RULE_XOR] = { " ^ ", PRECEDENCE_XOR },
	};
	enum precedence precedence = operators[bitwise->arithmetic].precedence;
	struct operand before, *right = NULL;
	struct sink *sink;

	operand->change = NULL;
	write_mask(printer, operand);
	if (bitwise->sreg2 != RULE_REG_NONE) {
		right = operand_get(printer, bitwise->sreg2);
		write_mask(printer, right);
	}
	before = *operand;
	sink = operand_begin(printer, operand);
	put_left(printer, sink, &before, precedence, operators[bitwise->arithmetic].operator);
	if (right) {
		put_left(printer, sink, right, precedence, "");
	} else {
		struct value value = {
			.bytes = ruleset_bytes(printer->ruleset, bitwise->data.at),
			.length = bitwise->data.length,
			.type = operand->type,
			.is_host_order = operand->is_host_order,
		};

		put_value(sink, printer->ruleset, &value);
	}
	operand_end(printer, operand);
	operand->precedence = precedence;
}

void print_bitwise(struct nft_printer *printer, const struct rule_expression *bitwise)
{
	struct operand operand = *operand_get(printer, bitwise->sreg);

	if (bitwise->length && bitwise->length < operand.length)
		operand.length = bitwise->length;
	switch ((enum rule_arithmetic)bitwise->arithmetic) {
	case RULE_MASK_XOR:
		mask_xor(printer, &operand, bitwise);
		break;
	case RULE_LSHIFT:
	case RULE_RSHIFT:
		shift(printer, &operand, bitwise);
		break;
	case RULE_AND:
	case RULE_OR:
	case RULE_XOR:
		combine(printer, &operand, bitwise);
		break;
	}
	*operand_set(printer, bitwise->dreg, operand.length) = operand;
}
