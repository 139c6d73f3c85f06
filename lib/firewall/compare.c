/* SPDX-License-Identifier: MIT */
/*
 * For which sources a register lies between two values.
 *
 * Its bits may be known, of the source address, or neither. The values between two others are those
 * that begin like the one or the other up to some byte, and differ there: a handful of demands on
 * single bits. What a demand leaves of the source address are intervals, one for each choice of the
 * bits above the lowest that is demanded.
 */
#include "engine.h"

#include <assert.h>
#include <string.h>

/* Intervals of one demand; more are not listed. */
#define INTERVALS_MAX 4096

struct demand {
	u128 mask, value; /* of the source address */
	bool is_never, is_unsure;
};

struct comparison {
	const struct cell *cells;
	uint32_t length;
	bool is_ipv6;
	uint32_t doubts;
	struct ranges may, must;
	int error;
};

static void demand_bits(struct demand *demand, const struct cell *cell, bool is_ipv6, uint8_t mask,
			uint8_t value)
{
	uint8_t own = mask & cell->source;
	unsigned int shift = 8u * ((is_ipv6 ? 15u : 3u) - cell->byte);
	u128 bits = (u128)own << (own ? shift : 0);
	u128 wanted = (u128)(uint8_t)((value ^ cell->value) & own) << (own ? shift : 0);

	if ((cell->value ^ value) & cell->known & mask ||
	    (demand->value ^ wanted) & demand->mask & bits)
		demand->is_never = true;
	if (mask & ~(cell->known | cell->source))
		demand->is_unsure = true;
	demand->mask |= bits;
	demand->value |= wanted;
}

static unsigned int lowest_bit(u128 number)
{
	uint64_t low = (uint64_t)number;

	return low ? (unsigned int)__builtin_ctzll(low) :
		     64u + (unsigned int)__builtin_ctzll((uint64_t)(number >> 64));
}

/* Those of the demand, unsorted. False: too many. */
static bool list_demand(struct ranges *list, const struct demand *demand, bool is_ipv6, int *error)
{
	u128 max = is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4, low, free_bits, choice = 0;
	unsigned int n = 0;

	if (!demand->mask) {
		*error = ranges_add(list, 0, max);
		return true;
	}
	low = ((u128)1 << lowest_bit(demand->mask)) - 1;
	free_bits = max & ~demand->mask & ~low;
	for (u128 rest = free_bits; rest; rest &= rest - 1)
		n++;
	if (n > 12)
		return false;
	static_assert(INTERVALS_MAX == 1 << 12, "as many as the free bits make");
	do {
		*error = ranges_add(list, demand->value | choice, demand->value | choice | low);
		choice = (choice - free_bits) & free_bits;
	} while (choice && !*error);
	return true;
}

/* Those that begin with the bytes, and have these bits in the next. */
static void add_demand(struct comparison *c, const uint8_t *bytes, uint32_t n, uint8_t mask,
		       uint8_t value)
{
	struct demand demand = { 0 };

	for (uint32_t i = 0; i < n && !demand.is_never; i++)
		demand_bits(&demand, &c->cells[i], c->is_ipv6, 0xff, bytes[i]);
	if (n < c->length)
		demand_bits(&demand, &c->cells[n], c->is_ipv6, mask, value);
	if (demand.is_never || c->error)
		return;
	if (!list_demand(&c->may, &demand, c->is_ipv6, &c->error)) {
		c->doubts |= DOUBT(SOURCE);
		if (!c->error)
			c->error = universe(c->is_ipv6, &c->may);
	} else if (!demand.is_unsure && !c->error) {
		list_demand(&c->must, &demand, c->is_ipv6, &c->error);
	}
}

/* The next byte lies between two values: in blocks as of prefixes. */
static void add_interval(struct comparison *c, const uint8_t *bytes, uint32_t n, unsigned int first,
			 unsigned int last)
{
	while (first <= last) {
		unsigned int size = first ? first & -first : 256;

		while (first + size - 1 > last)
			size /= 2;
		add_demand(c, bytes, n, (uint8_t) ~(size - 1), (uint8_t)first);
		first += size;
	}
}

static void add_between(struct comparison *c, const uint8_t *first, const uint8_t *last)
{
	uint32_t same = 0;

	while (same < c->length && first[same] == last[same])
		same++;
	if (same == c->length) {
		add_demand(c, first, c->length, 0, 0);
		return;
	}
	if (first[same] + 1 <= last[same] - 1)
		add_interval(c, first, same, first[same] + 1u, last[same] - 1u);
	for (uint32_t i = same + 1; i < c->length; i++) {
		if (first[i] < 255)
			add_interval(c, first, i, first[i] + 1u, 255);
		if (last[i] > 0)
			add_interval(c, last, i, 0, last[i] - 1u);
	}
	add_demand(c, first, c->length, 0, 0);
	add_demand(c, last, c->length, 0, 0);
}

/* The least and the greatest that it may be, where nothing is of the source address. */
static int bounded(struct comparison *c, const uint8_t *first, const uint8_t *last,
		   const struct ranges *all, struct condition *ret)
{
	uint8_t least[RULE_REGISTERS], most[RULE_REGISTERS];
	bool is_never = false;

	for (uint32_t i = 0; i < c->length; i++) {
		const struct cell *cell = &c->cells[i];

		least[i] = cell->value & cell->known;
		most[i] = (uint8_t)(least[i] | ~cell->known);
		if (first[i] == last[i] && !memcmp(first, last, c->length) &&
		    (cell->value ^ first[i]) & cell->known)
			is_never = true;
	}
	if (is_never || memcmp(most, first, c->length) < 0 || memcmp(least, last, c->length) > 0)
		return condition_of_none(ret);
	if (memcmp(least, first, c->length) >= 0 && memcmp(most, last, c->length) <= 0)
		return condition_of_all(ret, all);
	return condition_of_some(ret, all, c->doubts);
}

/* How many bytes are the first ones of the source address, and nothing else is there. */
static bool is_prefix(const struct comparison *c)
{
	for (uint32_t i = 0; i < c->length; i++) {
		if (c->cells[i].source != 0xff || c->cells[i].byte != i || c->cells[i].value)
			return false;
	}
	return true;
}

static int compare_prefix(const struct comparison *c, const uint8_t *first, const uint8_t *last,
			  struct condition *ret)
{
	u128 from = 0, to = 0;
	int error;

	for (uint32_t i = 0; i < (c->is_ipv6 ? 16u : 4u); i++) {
		from = from << 8 | (i < c->length ? first[i] : 0);
		to = to << 8 | (i < c->length ? last[i] : 0xff);
	}
	error = ranges_set(&ret->may, from, to);
	ret->doubts = 0;
	return error ? error : ranges_set(&ret->must, from, to);
}

static int between(struct comparison *c, const uint8_t *first, const uint8_t *last,
		   struct condition *ret)
{
	struct ranges all = { 0 };
	bool has_source = false;
	int error;

	for (uint32_t i = 0; i < c->length; i++) {
		has_source |= c->cells[i].source != 0;
		if ((c->cells[i].known | c->cells[i].source) != 0xff)
			c->doubts |= c->cells[i].doubts ? c->cells[i].doubts : DOUBT(UNDECODED);
	}
	if (!has_source) {
		error = universe(c->is_ipv6, &all);
		if (!error)
			error = bounded(c, first, last, &all, ret);
		ranges_fini(&all);
		return error;
	}
	if (is_prefix(c))
		return compare_prefix(c, first, last, ret);
	add_between(c, first, last);
	condition_fini(ret);
	*ret = (struct condition){ c->may, c->must, c->doubts };
	if (ranges_equal(&ret->may, &ret->must))
		ret->doubts = 0;
	return c->error;
}

int registers_between(const struct registers *registers, uint8_t reg, uint32_t length,
		      const uint8_t *first, const uint8_t *last, struct condition *ret)
{
	struct comparison comparison = { .cells = registers->cells + reg,
					 .length = length,
					 .is_ipv6 = registers->is_ipv6 };
	struct ranges all = { 0 };
	int error;

	if (registers_hold(reg, length) && memcmp(first, last, length) <= 0)
		return between(&comparison, first, last, ret);
	if (registers_hold(reg, length))
		return condition_of_none(ret);
	error = universe(registers->is_ipv6, &all);
	if (!error)
		error = condition_of_some(ret, &all, DOUBT(UNDECODED));
	ranges_fini(&all);
	return error;
}

static int undecoded(const struct registers *registers, struct condition *ret)
{
	static const uint8_t nothing[1];

	return registers_between(registers, RULE_REG_NONE, 1, nothing, nothing, ret);
}

static int negate(const struct registers *registers, struct condition *condition)
{
	struct ranges all = { 0 };
	int error = universe(registers->is_ipv6, &all);

	if (!error)
		error = condition_not(condition, &all);
	ranges_fini(&all);
	return error;
}

int registers_compare(const struct registers *registers, const struct ruleset *ruleset,
		      const struct rule_expression *e, struct condition *ret)
{
	uint8_t least[RULE_REGISTERS] = { 0 }, most[RULE_REGISTERS];
	const uint8_t *data = ruleset_bytes(ruleset, e->data.at);
	const uint8_t *data2 = ruleset_bytes(ruleset, e->data2.at);
	bool is_negated = e->compare == RULE_NEQ || e->compare == RULE_LT || e->compare == RULE_GT;
	int error;

	memset(most, 0xff, sizeof(most));
	if (!registers_hold(e->sreg, e->length) || e->data.length < e->length ||
	    e->compare > RULE_GTE)
		return undecoded(registers, ret);
	if (e->op == RULE_OP_RANGE) {
		if (e->data2.length < e->length)
			return undecoded(registers, ret);
		error = registers_between(registers, e->sreg, e->length, data, data2, ret);
	} else if (e->compare == RULE_EQ || e->compare == RULE_NEQ) {
		error = registers_between(registers, e->sreg, e->length, data, data, ret);
	} else if (e->compare == RULE_LTE || e->compare == RULE_GT) {
		error = registers_between(registers, e->sreg, e->length, least, data, ret);
	} else {
		error = registers_between(registers, e->sreg, e->length, data, most, ret);
	}
	return error || !is_negated ? error : negate(registers, ret);
}
