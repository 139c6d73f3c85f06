/* SPDX-License-Identifier: MIT */
/* The registers of a rule, and what is stored there and changed. */
#include "engine.h"

#include <string.h>

int universe(bool is_ipv6, struct ranges *ret)
{
	return ranges_set(ret, 0, is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4);
}

struct cell cell_known(uint8_t value)
{
	return (struct cell){ .known = 0xff, .value = value };
}

struct cell cell_unknown(uint32_t doubts)
{
	return (struct cell){ .doubts = (uint16_t)doubts };
}

struct cell cell_of_source(uint8_t byte)
{
	return (struct cell){ .source = 0xff, .byte = byte };
}

void registers_init(struct registers *registers, bool is_ipv6)
{
	registers->is_ipv6 = is_ipv6;
	for (unsigned int i = 0; i < RULE_REGISTERS; i++)
		registers->cells[i] = cell_unknown(DOUBT(UNDECODED));
}

bool registers_hold(uint8_t reg, uint32_t length)
{
	return length && reg < RULE_REGISTERS && length + reg <= RULE_REGISTERS;
}

static void pad(struct registers *registers, uint8_t reg, uint32_t length)
{
	for (uint32_t at = reg + length; at % 4 && at < RULE_REGISTERS; at++)
		registers->cells[at] = cell_known(0);
}

void registers_store(struct registers *registers, uint8_t reg, const void *bytes, uint32_t length)
{
	if (!registers_hold(reg, length))
		return;
	for (uint32_t i = 0; i < length; i++)
		registers->cells[reg + i] = cell_known(((const uint8_t *)bytes)[i]);
	pad(registers, reg, length);
}

void registers_store_unknown(struct registers *registers, uint8_t reg, uint32_t length,
			     uint32_t doubts)
{
	if (reg >= RULE_REGISTERS)
		return;
	/* Who does not know how much is loaded says more than there is room for. */
	if (length > RULE_REGISTERS - (uint32_t)reg)
		length = RULE_REGISTERS - (uint32_t)reg;
	for (uint32_t i = 0; i < length; i++)
		registers->cells[reg + i] = cell_unknown(doubts);
	pad(registers, reg, length);
}

void registers_store_bits(struct registers *registers, uint8_t reg, const struct bits *bits)
{
	uint8_t known[4], value[4];

	if (!registers_hold(reg, 4))
		return;
	memcpy(known, &bits->known, 4);
	memcpy(value, &bits->value, 4);
	for (unsigned int i = 0; i < 4; i++)
		registers->cells[reg + i] = (struct cell){ .known = known[i],
							   .value = value[i] & known[i],
							   .doubts = (uint16_t)bits->doubts };
}

static uint32_t doubts_of(const struct cell *cells, uint32_t length)
{
	uint32_t doubts = 0;

	for (uint32_t i = 0; i < length; i++) {
		if ((cells[i].known | cells[i].source) != 0xff)
			doubts |= cells[i].doubts;
		if (cells[i].source)
			doubts |= DOUBT(SOURCE);
	}
	return doubts;
}

struct bits registers_bits(const struct registers *registers, uint8_t reg)
{
	struct bits bits = { .doubts = DOUBT(UNDECODED) };
	uint8_t known[4], value[4];

	if (!registers_hold(reg, 4))
		return bits;
	for (unsigned int i = 0; i < 4; i++) {
		known[i] = registers->cells[reg + i].known;
		value[i] = registers->cells[reg + i].value & known[i];
	}
	memcpy(&bits.known, known, 4);
	memcpy(&bits.value, value, 4);
	bits.doubts = bits.known == UINT32_MAX ? 0 : doubts_of(registers->cells + reg, 4);
	return bits;
}

bool registers_known(const struct registers *registers, uint8_t reg, uint32_t length,
		     uint8_t *bytes)
{
	if (!registers_hold(reg, length))
		return false;
	for (uint32_t i = 0; i < length; i++) {
		if (registers->cells[reg + i].known != 0xff)
			return false;
		bytes[i] = registers->cells[reg + i].value;
	}
	return true;
}

bool registers_are_source(const struct registers *registers, uint8_t reg, uint32_t length)
{
	if (length != (registers->is_ipv6 ? 16 : 4) || !registers_hold(reg, length))
		return false;
	for (uint32_t i = 0; i < length; i++) {
		const struct cell *cell = &registers->cells[reg + i];

		if (cell->source != 0xff || cell->byte != i || cell->value)
			return false;
	}
	return true;
}

/* --- Arithmetic --- */

static struct cell mask_and_xor(struct cell cell, uint8_t mask, uint8_t xor)
{
	cell.known |= (uint8_t)~mask;
	cell.source &= mask;
	cell.value = (uint8_t)(((cell.value & mask) ^ xor) & (cell.known | cell.source));
	return cell;
}

static void shift(struct registers *registers, const struct rule_expression *e, uint32_t by)
{
	uint32_t n = (e->length + 3u) / 4, words[RULE_REGISTERS / 4];
	bool is_left = e->arithmetic == RULE_LSHIFT;

	if (!registers_known(registers, e->sreg, n * 4, (uint8_t *)words) || !by || by > 31) {
		uint32_t doubts = registers_hold(e->sreg, e->length) ?
					  doubts_of(registers->cells + e->sreg, e->length) :
					  0;

		registers_store_unknown(registers, e->dreg, e->length,
					doubts ? doubts : DOUBT(UNDECODED));
		return;
	}
	/* nft_bitwise.c: words of the host's order, the first of them the highest */
	for (uint32_t carry = 0, i = 0; i < n; i++) {
		uint32_t at = is_left ? n - 1 - i : i, word = words[at];

		words[at] = (is_left ? word << by : word >> by) | carry;
		carry = is_left ? word >> (32 - by) : word << (32 - by);
	}
	registers_store(registers, e->dreg, words, n * 4);
}

/* With known bytes: AND, OR and XOR are masks and exclusive ors. */
static void combine(struct registers *registers, const struct rule_expression *e,
		    const uint8_t *bytes)
{
	struct cell cells[RULE_REGISTERS];

	for (uint32_t i = 0; i < e->length; i++) {
		struct cell cell = registers->cells[e->sreg + i];

		if (e->arithmetic == RULE_AND)
			cell = mask_and_xor(cell, bytes[i], 0);
		else if (e->arithmetic == RULE_OR)
			cell = mask_and_xor(cell, (uint8_t)~bytes[i], bytes[i]);
		else
			cell = mask_and_xor(cell, 0xff, bytes[i]);
		cells[i] = cell;
	}
	memcpy(registers->cells + e->dreg, cells, e->length * sizeof(*cells));
}

static bool has_bytes(const struct rule_bytes *data, uint32_t length)
{
	return data->length >= length;
}

void registers_bitwise(struct registers *registers, const struct ruleset *ruleset,
		       const struct rule_expression *e)
{
	const uint8_t *data = ruleset_bytes(ruleset, e->data.at);
	const uint8_t *data2 = ruleset_bytes(ruleset, e->data2.at);
	uint8_t known[RULE_REGISTERS];
	uint32_t by;

	if (!registers_hold(e->sreg, e->length) || !registers_hold(e->dreg, e->length)) {
		registers_store_unknown(registers, e->dreg, e->length, DOUBT(UNDECODED));
		return;
	}
	if (e->arithmetic == RULE_MASK_XOR && has_bytes(&e->data, e->length) &&
	    has_bytes(&e->data2, e->length)) {
		struct cell cells[RULE_REGISTERS];

		for (uint32_t i = 0; i < e->length; i++)
			cells[i] = mask_and_xor(registers->cells[e->sreg + i], data[i], data2[i]);
		memcpy(registers->cells + e->dreg, cells, e->length * sizeof(*cells));
	} else if ((e->arithmetic == RULE_LSHIFT || e->arithmetic == RULE_RSHIFT) &&
		   has_bytes(&e->data, 4)) {
		memcpy(&by, data, 4);
		shift(registers, e, by);
	} else if (e->arithmetic >= RULE_AND && registers_hold(e->sreg2, e->length) &&
		   registers_known(registers, e->sreg2, e->length, known)) {
		combine(registers, e, known);
	} else if (e->arithmetic >= RULE_AND && e->sreg2 == RULE_REG_NONE &&
		   has_bytes(&e->data, e->length)) {
		combine(registers, e, data);
	} else {
		registers_store_unknown(registers, e->dreg, e->length, DOUBT(UNDECODED));
	}
}

void registers_byteorder(struct registers *registers, const struct rule_expression *e)
{
	struct cell cells[RULE_REGISTERS];
	uint32_t size = e->size;

	if (!registers_hold(e->sreg, e->length) || !registers_hold(e->dreg, e->length)) {
		registers_store_unknown(registers, e->dreg, e->length, DOUBT(UNDECODED));
		return;
	}
	if ((size != 2 && size != 4 && size != 8) || e->length % size) {
		registers_store_unknown(registers, e->dreg, e->length, DOUBT(UNDECODED));
		return;
	}
	for (uint32_t i = 0; i < e->length; i++) {
		uint32_t from = i;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		from = i / size * size + (size - 1 - i % size);
#endif
		cells[i] = registers->cells[e->sreg + from];
	}
	memcpy(registers->cells + e->dreg, cells, e->length * sizeof(*cells));
}
