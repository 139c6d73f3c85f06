/* SPDX-License-Identifier: MIT */
/* Constants of rules, each as nft writes one of its kind. */
#include "printer.h"
#include "text.h"

static const struct value_kind *type_of(uint8_t type)
{
	return &value_kinds[type < TYPE_N_ ? type : TYPE_NONE];
}

bool type_is_host_order(uint8_t type)
{
	return type_of(type)->is_host_order;
}

bool type_is_bitmask(uint8_t type)
{
	return type_of(type)->is_bitmask;
}

bool type_names_bits(uint8_t type)
{
	return type_of(type)->is_bitmask && type_of(type)->names;
}

bool type_is_string(uint8_t type)
{
	return type_of(type)->is_string;
}

bool type_has_prefixes(uint8_t type)
{
	return type_of(type)->has_prefixes;
}

uint32_t type_length(uint8_t type)
{
	return type_of(type)->length;
}

/* Byte `i` from the least of the number. */
static uint8_t byte_from_least(const struct value *value, uint32_t i)
{
	return value->bytes[value->is_host_order ? i : value->length - 1 - i];
}

uint64_t value_number(const struct value *value)
{
	uint32_t length = value->length < 8 ? value->length : 8;
	uint64_t number = 0;

	for (uint32_t i = 0; i < length; i++)
		number |= (uint64_t)byte_from_least(value, i) << (8 * i);
	number >>= value->shift & 63;
	if (value->bits && value->bits < 64)
		number &= (1ULL << value->bits) - 1;
	return number;
}

static void put_hex_bytes(struct sink *sink, const struct value *value)
{
	uint32_t i = value->length;

	put(sink, "0x");
	while (i > 1 && byte_from_least(value, i - 1) == 0)
		i--;
	put_hex(sink, byte_from_least(value, i - 1), 1);
	while (--i > 0)
		put_hex(sink, byte_from_least(value, i - 1), 2);
}

static void put_integer(struct sink *sink, const struct value *value, uint8_t digits)
{
	if (value->length > 8) {
		put_hex_bytes(sink, value);
	} else if (digits) {
		put(sink, "0x");
		put_hex(sink, value_number(value), digits);
	} else {
		put_number(sink, value_number(value));
	}
}

/*
 * A string, which ends with a NUL where it is whole. One that does not is compared as far as it
 * goes, which nft writes with a '*'; a '*' that is meant gets a backslash.
 */
static void put_string(struct sink *sink, const struct value *value)
{
	const char *text = (const char *)value->bytes;
	size_t length = strnlen(text, value->length);

	put(sink, "\"");
	if (length == value->length) {
		put_bytes(sink, text, length);
		put(sink, "*");
	} else if (length && text[length - 1] == '*') {
		put_bytes(sink, text, length - 1);
		put(sink, "\\*");
	} else {
		put_bytes(sink, text, length);
	}
	put(sink, "\"");
}

void put_milliseconds(struct sink *sink, uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *name;
	} units[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t n = ms / units[i].ms;

		ms %= units[i].ms;
		if (n) {
			put_number(sink, n);
			put(sink, units[i].name);
		}
	}
}

static void put_two(struct sink *sink, uint64_t number)
{
	if (number < 10)
		put(sink, "0");
	put_number(sink, number);
}

/* Both are in UTC, where nft turns them to its own time zone: so they say. */
static void put_hour(struct sink *sink, uint64_t seconds)
{
	put(sink, "\"");
	put_two(sink, seconds / 3600);
	put(sink, ":");
	put_two(sink, seconds / 60 % 60);
	if (seconds % 60) {
		put(sink, ":");
		put_two(sink, seconds % 60);
	}
	put(sink, "\"");
}

static void put_date(struct sink *sink, uint64_t ns)
{
	char text[TEXT_TIME_SIZE];

	PUT(sink, "\"", text_time((int64_t)(ns / 1000000000), text), "\"");
}

static void put_interface(struct sink *sink, const struct ruleset *ruleset, uint64_t ifindex)
{
	for (uint32_t i = 0; i < ruleset->interfaces.n; i++) {
		if (ruleset->interfaces.items[i].ifindex == ifindex) {
			PUT(sink, "\"", ruleset->interfaces.items[i].name, "\"");
			return;
		}
	}
	put_number(sink, ifindex);
}

static void put_ether(struct sink *sink, const struct value *value)
{
	for (uint32_t i = 0; i < value->length; i++) {
		if (i)
			put(sink, ":");
		put_hex(sink, value->bytes[i], 2);
	}
}

static void put_classid(struct sink *sink, uint64_t handle)
{
	if (handle == UINT32_MAX) {
		put(sink, "root");
	} else if (handle == 0) {
		put(sink, "none");
	} else {
		put_hex(sink, handle >> 16 & 0xffff, 1);
		put(sink, ":");
		put_hex(sink, handle & 0xffff, 1);
	}
}

/* One of 128 bits, by its number. */
static bool put_label(struct sink *sink, const struct value *value)
{
	int found = -1;

	for (uint32_t i = 0; i < 8 * value->length; i++) {
		if (!(byte_from_least(value, i / 8) >> (i % 8) & 1))
			continue;
		if (found >= 0)
			return false;
		found = (int)i;
	}
	if (found >= 0)
		put_number(sink, (uint64_t)found);
	return found >= 0;
}

void put_bits(struct sink *sink, const struct value *value, const char *delimiter)
{
	const struct value_kind *type = type_of(value->type);
	uint64_t number = value_number(value);
	const char *before = "";

	if (value->type == TYPE_CT_LABEL && put_label(sink, value))
		return;
	if (value->length > 8 || number == 0 || !type->names) {
		put_integer(sink, value, type->digits);
		return;
	}
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *name = value_name(type->names, 1ULL << bit);

		if (!(number >> bit & 1))
			continue;
		put(sink, before);
		if (name) {
			put(sink, name);
		} else {
			put(sink, "0x");
			put_hex(sink, 1ULL << bit, 1);
		}
		before = delimiter;
	}
}

/* Those whose names depend on more than a table; whether it was one. */
static bool put_special(struct sink *sink, const struct ruleset *ruleset, const struct value *value)
{
	const char *name = NULL;
	uint64_t number = value_number(value);

	switch (value->type) {
	case TYPE_IPADDR:
		if (value->length != 4)
			return false;
		put_ipv4(sink, value->bytes);
		return true;
	case TYPE_IP6ADDR:
		if (value->length != 16)
			return false;
		put_ipv6(sink, value->bytes);
		return true;
	case TYPE_ETHERADDR:
	case TYPE_LLADDR:
		put_ether(sink, value);
		return true;
	case TYPE_TIME:
		put_milliseconds(sink, number);
		return true;
	case TYPE_IFINDEX:
		put_interface(sink, ruleset, number);
		return true;
	case TYPE_CLASSID:
		put_classid(sink, number);
		return true;
	case TYPE_TIME_DATE:
		put_date(sink, number);
		return true;
	case TYPE_TIME_HOUR:
		put_hour(sink, number);
		return true;
	case TYPE_DEVGROUP:
		name = number == 0 ? "\"default\"" : NULL;
		break;
	case TYPE_FIB_ADDR:
		name = number <= RULE_ROUTE_PROHIBIT ? rule_route_type_name((uint8_t)number) : NULL;
		break;
	case TYPE_ICMP_CODE:
		name = number < 256 ? rule_reject_icmp_name((uint8_t)number) : NULL;
		break;
	case TYPE_ICMPV6_CODE:
		name = number < 256 ? rule_reject_icmpv6_name((uint8_t)number) : NULL;
		break;
	case TYPE_ICMPX_CODE:
		name = number < 256 ? rule_reject_icmpx_name((uint8_t)number) : NULL;
		break;
	default:
		break;
	}
	if (name)
		put(sink, name);
	return name != NULL;
}

void put_value(struct sink *sink, const struct ruleset *ruleset, const struct value *value)
{
	const struct value_kind *type = type_of(value->type);
	const char *name;

	if (value->length == 0)
		return;
	if (type->is_string) {
		put_string(sink, value);
		return;
	}
	if (put_special(sink, ruleset, value))
		return;
	if (type->is_bitmask) {
		put_bits(sink, value, " | ");
		return;
	}
	name = value->length <= 8 ? value_name(type->names, value_number(value)) : NULL;
	if (name)
		put(sink, name);
	else
		put_integer(sink, value, type->digits);
}

int mask_prefix(const struct value *mask)
{
	uint32_t bits = 8 * mask->length, n = 0;

	while (n < bits && byte_from_least(mask, (bits - 1 - n) / 8) >> ((bits - 1 - n) % 8) & 1)
		n++;
	for (uint32_t i = n; i < bits; i++) {
		if (byte_from_least(mask, (bits - 1 - i) / 8) >> ((bits - 1 - i) % 8) & 1)
			return -1;
	}
	return (int)n;
}

/* The length of the prefix that two ends make, or -1. */
static int range_prefix(const struct value *first, const struct value *last)
{
	uint32_t bits = 8 * first->length, n = 0;

#define BIT(value, i) (byte_from_least(value, (bits - 1 - (i)) / 8) >> ((bits - 1 - (i)) % 8) & 1)
	while (n < bits && BIT(first, n) == BIT(last, n))
		n++;
	for (uint32_t i = n; i < bits; i++) {
		if (BIT(first, i) || !BIT(last, i))
			return -1;
	}
#undef BIT
	return (int)n;
}

/* Interface names that begin alike: "eth*" as a range of bytes. */
static bool put_string_prefix(struct sink *sink, const struct value *first,
			      const struct value *last)
{
	struct value begin = *first;

	begin.length = 0;
	while (begin.length < first->length &&
	       first->bytes[begin.length] == last->bytes[begin.length])
		begin.length++;
	for (uint32_t i = begin.length; i < first->length; i++) {
		if (first->bytes[i] != 0 || last->bytes[i] != 0xff)
			return false;
	}
	put_string(sink, &begin);
	return true;
}

void put_span(struct sink *sink, const struct ruleset *ruleset, const struct value *first,
	      const struct value *last)
{
	struct value left = *first, right = *last;

	if (first->type == TYPE_TIME) {
		put_number(sink, value_number(first) / 1000);
		put(sink, "s-");
		put_number(sink, value_number(last) / 1000);
		put(sink, "s");
		return;
	}
	if ((type_of(first->type)->names && !type_is_bitmask(first->type)) ||
	    first->type == TYPE_ICMP_CODE || first->type == TYPE_ICMPV6_CODE)
		left.type = right.type = TYPE_INTEGER;
	put_value(sink, ruleset, &left);
	put(sink, "-");
	put_value(sink, ruleset, &right);
}

void put_range(struct sink *sink, const struct ruleset *ruleset, const struct value *first,
	       const struct value *last)
{
	int prefix;

	if (memcmp(first->bytes, last->bytes, first->length) == 0) {
		put_value(sink, ruleset, first);
		return;
	}
	if (type_is_string(first->type) && put_string_prefix(sink, first, last))
		return;
	prefix = type_has_prefixes(first->type) ? range_prefix(first, last) : -1;
	if (prefix >= 0) {
		put_value(sink, ruleset, first);
		put(sink, "/");
		put_number(sink, (uint64_t)prefix);
		return;
	}
	put_span(sink, ruleset, first, last);
}
