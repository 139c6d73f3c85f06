/* SPDX-License-Identifier: MIT */
/*
 * A rule of nf_tables as nft writes it. The kernel keeps a program: load this, mask it, compare
 * that. It is read in order; a register's content stays unwritten until something takes it, for a
 * load of eight bytes may be two addresses, and one of one byte may be a prefix. What nft puts into
 * a rule by itself ("meta l4proto tcp" before "tcp dport") is left out as nft does: where a
 * later match implies it, and no statement stands between.
 */
#include "printer.h"

struct sink *piece_begin(struct nft_printer *printer)
{
	if (printer->n_pieces == PRINT_PIECES) {
		put(&printer->out, " ");
	} else {
		printer->pieces[printer->n_pieces++] =
			(struct piece){ .at = printer->out.n, .end = printer->out.n };
	}
	return &printer->out;
}

void piece_end(struct nft_printer *printer)
{
	printer->pieces[printer->n_pieces - 1].end = printer->out.n;
}

/* --- Protocols, and what need not be said of them --- */

void dependencies_forget(struct nft_printer *printer)
{
	for (int i = 0; i < 4; i++)
		printer->dependencies[i].piece = RULESET_NONE;
}

static void dependency_drop(struct nft_printer *printer, uint32_t layer)
{
	struct dependency *dependency = &printer->dependencies[layer];

	printer->pieces[dependency->piece].is_dropped = true;
	dependency->piece = RULESET_NONE;
}

/* The layer at which something tells of this one; of transport also what is within. */
static bool find_dependency(const struct nft_printer *printer, uint8_t base, uint32_t *ret)
{
	*ret = base;
	if (base > RULE_PAYLOAD_TRANSPORT)
		return false;
	if (printer->dependencies[base].piece != RULESET_NONE)
		return true;
	*ret = 3;
	return base == RULE_PAYLOAD_TRANSPORT && printer->dependencies[3].piece != RULESET_NONE;
}

void dependency_use(struct nft_printer *printer, uint8_t base)
{
	uint32_t layer;

	if (find_dependency(printer, base, &layer))
		dependency_drop(printer, layer);
}

static bool is_mixed_family(uint8_t family)
{
	return family == RULE_FAMILY_INET || family == RULE_FAMILY_BRIDGE ||
	       family == RULE_FAMILY_NETDEV;
}

static bool may_drop(const struct nft_printer *printer, const struct dependency *dependency,
		     uint8_t base, uint8_t header, const struct field *field)
{
	bool is_icmp = dependency->is_payload &&
		       (dependency->header == HEADER_ICMP || dependency->header == HEADER_ICMPV6);

	if (is_mixed_family(printer->family) && dependency->is_payload) {
		/* "ip protocol tcp" says that it is IPv4, too */
		if (dependency->base == RULE_PAYLOAD_NETWORK && base == RULE_PAYLOAD_TRANSPORT &&
		    (dependency->header == HEADER_IP || dependency->header == HEADER_IP6))
			return false;
		if (dependency->base == base && field && field->is_protocol)
			return false;
		if (dependency->base == base && base == RULE_PAYLOAD_LINK)
			return dependency->header == HEADER_ETHER && dependency->value == 0x8100;
	}
	if (base != RULE_PAYLOAD_TRANSPORT || !is_icmp)
		return true;
	return field && field->icmp_type != FIELD_ANY && dependency->header == header &&
	       printer->icmp_kept == field->icmp_type;
}

static void drop_implied(struct nft_printer *printer, uint8_t base, uint8_t header,
			 const struct field *field)
{
	uint32_t layer;

	if (find_dependency(printer, base, &layer) &&
	    may_drop(printer, &printer->dependencies[layer], base, header, field))
		dependency_drop(printer, layer);
}

/* The last piece tells what is at this layer. */
static void depend(struct nft_printer *printer, uint32_t layer, const struct dependency *dependency)
{
	printer->dependencies[layer] = *dependency;
	printer->dependencies[layer].piece = printer->n_pieces - 1;
}

uint8_t icmp_question(uint8_t header, uint32_t type)
{
	if (header == HEADER_ICMP && type == 0)
		return 8;
	return header == HEADER_ICMPV6 && type == 129 ? 128 : (uint8_t)type;
}

/* A field that tells of the next header was found to have this value. */
static void learn_payload(struct nft_printer *printer, uint8_t base, uint8_t header,
			  const struct field *field, uint32_t value)
{
	struct dependency dependency = {
		.is_payload = true,
		.base = base,
		.header = header,
		.value = value,
		.is_ethertype = field->type == TYPE_ETHERTYPE,
	};

	if (!field->is_protocol)
		return;
	if (header == HEADER_ETHER || header == HEADER_VLAN) {
		if (value == 0x8100 || value == 0x88a8)
			printer->headers[RULE_PAYLOAD_LINK] = HEADER_VLAN;
		else
			printer->headers[RULE_PAYLOAD_NETWORK] = header_of_ethertype(value);
		/* A tag of a VLAN is on the same layer still. */
		if (printer->headers[RULE_PAYLOAD_LINK] == HEADER_VLAN && header == HEADER_ETHER) {
			depend(printer, base, &dependency);
			return;
		}
	} else if (header == HEADER_IP || header == HEADER_IP6) {
		printer->headers[RULE_PAYLOAD_TRANSPORT] = header_of_protocol(value);
	} else if (header == HEADER_ICMP || header == HEADER_ICMPV6) {
		printer->icmp = printer->icmp_kept = icmp_question(header, value);
		if (header == HEADER_ICMP ? printer->icmp == 8 : printer->icmp == 128)
			return;
	}
	depend(printer, base + 1u, &dependency);
}

/* Likewise of meta and ct, which nft adds, too. */
static bool is_implied_by(const struct nft_printer *printer, uint8_t key, uint32_t value)
{
	const struct dependency *dependency = &printer->dependencies[RULE_PAYLOAD_NETWORK];
	uint8_t header = HEADER_NONE;

	if (dependency->is_nfproto)
		header = dependency->value == RULE_FAMILY_IPV4 ? HEADER_IP :
			 dependency->value == RULE_FAMILY_IPV6 ? HEADER_IP6 :
								 HEADER_NONE;
	else if (dependency->is_ethertype)
		header = header_of_ethertype(dependency->value);
	else
		return true;
	if (!is_mixed_family(printer->family))
		return header == (printer->family == RULE_FAMILY_IPV4 ? HEADER_IP : HEADER_IP6);
	if (key != RULE_META_L4PROTO)
		return true;
	return (value == 1 && header == HEADER_IP) || (value == 58 && header == HEADER_IP6);
}

static void learn_meta(struct nft_printer *printer, uint8_t key, uint32_t value)
{
	struct dependency dependency = { .value = value };

	switch (key) {
	case RULE_META_IIFTYPE:
		if (value == 1)
			printer->headers[RULE_PAYLOAD_LINK] = HEADER_ETHER;
		depend(printer, RULE_PAYLOAD_LINK, &dependency);
		break;
	case RULE_META_NFPROTO:
		printer->headers[RULE_PAYLOAD_NETWORK] = value == RULE_FAMILY_IPV4 ? HEADER_IP :
							 value == RULE_FAMILY_IPV6 ? HEADER_IP6 :
										     HEADER_NONE;
		dependency.is_nfproto = true;
		depend(printer, RULE_PAYLOAD_NETWORK, &dependency);
		break;
	case RULE_META_PROTOCOL:
		printer->headers[RULE_PAYLOAD_NETWORK] = header_of_ethertype(value);
		dependency.is_ethertype = true;
		depend(printer, RULE_PAYLOAD_NETWORK, &dependency);
		break;
	case RULE_META_L4PROTO:
		printer->headers[RULE_PAYLOAD_TRANSPORT] = header_of_protocol(value);
		if (printer->dependencies[RULE_PAYLOAD_NETWORK].piece != RULESET_NONE &&
		    is_implied_by(printer, key, value))
			dependency_drop(printer, RULE_PAYLOAD_NETWORK);
		depend(printer, RULE_PAYLOAD_TRANSPORT, &dependency);
		break;
	default:
		break;
	}
}

static void learn_ct(struct nft_printer *printer, uint8_t key, uint32_t value)
{
	struct dependency *dependency = &printer->dependencies[RULE_PAYLOAD_NETWORK];

	if (key == RULE_CT_PROTOCOL)
		printer->headers[RULE_PAYLOAD_TRANSPORT] = header_of_protocol(value);
	else if ((key == RULE_CT_SRC || key == RULE_CT_DST) && dependency->piece != RULESET_NONE &&
		 is_implied_by(printer, RULE_META_N_, value))
		dependency_drop(printer, RULE_PAYLOAD_NETWORK);
}

/* The header that a load of this base sees at this bit, and the bit within that. */
static uint8_t header_at(const struct nft_printer *printer, uint8_t base, uint32_t *at)
{
	uint8_t header;

	if (base > RULE_PAYLOAD_TRANSPORT)
		return HEADER_NONE;
	header = printer->headers[base];
	if (base == RULE_PAYLOAD_LINK && header == HEADER_VLAN) {
		if (*at < 112)
			return HEADER_ETHER;
		*at -= 112;
	}
	if (base == RULE_PAYLOAD_TRANSPORT && header == HEADER_NONE)
		return HEADER_TH;
	return header;
}

/* --- Comparisons --- */

static const char *const comparisons[] = {
	[RULE_EQ] = "== ",  [RULE_NEQ] = "!= ", [RULE_LT] = "< ",
	[RULE_LTE] = "<= ", [RULE_GT] = "> ",   [RULE_GTE] = ">= ",
};

static void put_comparison(struct sink *sink, uint8_t compare, bool is_explicit)
{
	if (compare >= sizeof(comparisons) / sizeof(comparisons[0]))
		put(sink, "[unknown comparison] ");
	else if (compare != RULE_EQ || is_explicit)
		put(sink, comparisons[compare]);
}

static void put_raw_payload(struct sink *sink, uint8_t base, uint32_t at, uint32_t bits)
{
	static const char *const bases[] = { "@ll,", "@nh,", "@th,", "@ih,", "@th," };

	put(sink, base < sizeof(bases) / sizeof(bases[0]) ? bases[base] : "@[unknown base],");
	put_number(sink, at);
	put(sink, ",");
	put_number(sink, bits);
}

/* A part of what was compared, as the field that it is; its bits, 0: there is no such field. */
static uint32_t compare_field(struct nft_printer *printer, const struct rule_expression *compare,
			      uint8_t base, uint32_t at, uint32_t done, uint32_t left)
{
	const uint8_t *bytes = ruleset_bytes(printer->ruleset, compare->data.at) + done / 8;
	uint8_t header = header_at(printer, base, &at);
	const struct field *field = header_field(header, at, printer->icmp);
	uint32_t bits, begin = done % 8;
	struct value value = { .bytes = bytes };
	uint8_t padded[16] = { 0 };
	struct sink *sink;

	if (!field || (field->bits > left && (left % 8 || field->bits > 8 * sizeof(padded))))
		return 0;
	bits = field->bits < left ? field->bits : left;
	value.type = field->type;
	if (begin || bits % 8) {
		value.length = (begin + bits + 7) / 8;
		value.shift = (uint8_t)(8 * value.length - begin - bits);
		value.bits = (uint8_t)bits;
	} else if (field->bits > left) {
		memcpy(padded, bytes, left / 8);
		value.bytes = padded;
		value.length = field->bits / 8u;
	} else {
		value.length = bits / 8;
	}
	sink = piece_begin(printer);
	PUT(sink, header_name(header), " ", field->name, " ");
	put_comparison(sink, compare->compare, type_names_bits(field->type));
	put_value(sink, printer->ruleset, &value);
	if (field->bits > left) {
		put(sink, "/");
		put_number(sink, left);
	}
	piece_end(printer);
	drop_implied(printer, base, header, field);
	if (compare->compare == RULE_EQ)
		learn_payload(printer, base, header, field, (uint32_t)value_number(&value));
	return bits;
}

/* Bytes that were loaded at once are compared field by field, as before nft joined them. */
static void compare_payload(struct nft_printer *printer, const struct operand *operand,
			    const struct rule_expression *compare)
{
	const struct rule_expression *load = operand->load;
	uint32_t length = compare->data.length < operand->length ? compare->data.length :
								   operand->length;
	uint32_t left = 8 * length, done = 0;

	while (left > 0) {
		uint32_t at = 8 * load->offset + done;
		uint32_t bits = compare_field(printer, compare, load->base, at, done, left);

		if (bits == 0) {
			struct value value = {
				.bytes = ruleset_bytes(printer->ruleset, compare->data.at) +
					 done / 8,
				.length = left / 8 + (left % 8 != 0),
				.type = TYPE_HEX,
				.bits = left < 64 ? (uint8_t)left : 0,
			};
			struct sink *sink = piece_begin(printer);

			put_raw_payload(sink, load->base, at, left);
			put(sink, " ");
			put_comparison(sink, compare->compare, false);
			put_value(sink, printer->ruleset, &value);
			piece_end(printer);
			return;
		}
		done += bits;
		left -= bits;
	}
}

/* Whether the mask leaves just the bits of a field: then it is that field. */
static const struct field *masked_field(const struct nft_printer *printer, uint8_t header,
					uint32_t at, const struct operand *operand,
					uint8_t *ret_shift)
{
	struct value mask = { .bytes = operand->mask, .length = operand->length };
	uint64_t number;
	uint32_t bits = 8u * operand->length;

	if (operand->length > 8)
		return NULL;
	number = value_number(&mask);
	for (uint32_t i = 0; number && i < bits; i++) {
		const struct field *field = header_field(header, at + i, printer->icmp);

		if (field && i + field->bits <= bits && field->bits < 64 &&
		    number == ((1ULL << field->bits) - 1) << (bits - i - field->bits)) {
			*ret_shift = (uint8_t)(bits - i - field->bits);
			return field;
		}
	}
	return NULL;
}

/* Writes what was loaded of the packet as one field, or as raw bytes. */
void payload_resolve(struct nft_printer *printer, struct operand *operand)
{
	const struct rule_expression *load = operand->load;
	uint32_t at = 8 * load->offset;
	uint8_t header = header_at(printer, load->base, &at);
	const struct field *field = header_field(header, at, printer->icmp);
	struct sink *sink = operand_begin(printer, operand);
	uint8_t shift = 0;

	if (field && field->bits != 8u * operand->length)
		field = NULL;
	if (operand->mask && !field) {
		field = masked_field(printer, header, at, operand, &shift);
		if (field) {
			operand->mask = NULL;
			operand->bits = (uint8_t)field->bits;
			operand->shift = operand->shifted == shift ? 0 : shift;
		}
	}
	if (field) {
		PUT(sink, header_name(header), " ", field->name);
		operand->type = field->type;
		operand->header = header;
		operand->field = field;
		drop_implied(printer, load->base, header, field);
	} else {
		put_raw_payload(sink, load->base, 8 * load->offset, 8u * operand->length);
		operand->type = TYPE_HEX;
	}
	operand_end(printer, operand);
}

static struct value value_of(const struct nft_printer *printer, const struct operand *operand,
			     struct rule_bytes bytes)
{
	return (struct value){
		.bytes = ruleset_bytes(printer->ruleset, bytes.at),
		.length = bytes.length,
		.type = operand->type,
		.is_host_order = operand->is_host_order,
		.shift = operand->shift,
		.bits = operand->bits,
	};
}

static bool is_zero(const struct value *value)
{
	for (uint32_t i = 0; i < value->length; i++) {
		if (value->bytes[i])
			return false;
	}
	return true;
}

/* "tcp flags syn / fin,syn,rst", "ct state established,related": what a mask of flags means. */
static void put_flags(struct nft_printer *printer, struct sink *sink, const struct operand *operand,
		      const struct rule_expression *compare)
{
	struct value value = value_of(printer, operand, compare->data), mask = value;
	bool is_equal = compare->compare == RULE_EQ;

	mask.bytes = operand->mask;
	mask.length = operand->length;
	put_written(printer, sink, operand);
	if (is_zero(&value)) {
		put(sink, is_equal ? " ! " : " ");
		put_bits(sink, &mask, ",");
	} else if (value_number(&value) == value_number(&mask) &&
		   (value_number(&mask) & (value_number(&mask) - 1)) == 0) {
		put(sink, " & ");
		put_bits(sink, &mask, "");
		put(sink, is_equal ? " == " : " != ");
		put_bits(sink, &value, "");
	} else {
		put(sink, is_equal ? " " : " != ");
		put_bits(sink, &value, ",");
		put(sink, " / ");
		put_bits(sink, &mask, ",");
	}
}

/*
 * The length of the prefix that is compared: by a mask, or because fewer bytes are compared than an
 * address has. -1: it is none.
 */
static int compared_prefix(const struct operand *operand, struct value *value, uint8_t padded[16])
{
	uint32_t whole = type_length(operand->type);
	struct value mask = *value;

	if (!type_has_prefixes(operand->type) || operand->precedence)
		return -1;
	if (operand->mask) {
		mask.bytes = operand->mask;
		mask.length = operand->length;
		return mask_prefix(&mask);
	}
	if (value->length >= whole || value->is_host_order)
		return -1;
	memset(padded, 0, 16);
	memcpy(padded, value->bytes, value->length);
	value->bytes = padded;
	value->length = whole;
	return (int)(8 * mask.length);
}

static void put_compared(struct nft_printer *printer, struct sink *sink,
			 const struct operand *operand, const struct rule_expression *compare)
{
	struct value value = value_of(printer, operand, compare->data);
	bool is_equality = compare->compare == RULE_EQ || compare->compare == RULE_NEQ;
	uint8_t padded[16];
	int prefix;

	if (operand->mask && type_is_bitmask(operand->type) && is_equality) {
		put_flags(printer, sink, operand, compare);
		return;
	}
	prefix = is_equality ? compared_prefix(operand, &value, padded) : -1;
	if (prefix >= 0)
		put_written(printer, sink, operand);
	else
		put_operand_text(printer, sink, operand);
	put(sink, " ");
	put_comparison(sink, compare->compare,
		       prefix < 0 && (operand->mask || operand->precedence ||
				      type_names_bits(operand->type)));
	put_value(sink, printer->ruleset, &value);
	if (prefix >= 0) {
		put(sink, "/");
		put_number(sink, (uint64_t)prefix);
	}
}

/* ">= a" and "<= b" of one register are a range. */
static bool begins_range(const struct rule_expression *compare, uint32_t n_more)
{
	return n_more > 0 && compare->compare == RULE_GTE && compare[1].op == RULE_OP_CMP &&
	       compare[1].compare == RULE_LTE && compare[1].sreg == compare->sreg &&
	       compare[1].data.length == compare->data.length;
}

static void put_between(struct nft_printer *printer, const struct operand *operand,
			struct rule_bytes from, struct rule_bytes to, bool is_inverted)
{
	struct value first = value_of(printer, operand, from);
	struct value last = value_of(printer, operand, to);
	struct sink *sink = piece_begin(printer);

	put_operand_text(printer, sink, operand);
	put(sink, is_inverted ? " != " : " ");
	put_span(sink, printer->ruleset, &first, &last);
	piece_end(printer);
}

uint32_t print_compare(struct nft_printer *printer, const struct rule_expression *compare,
		       uint32_t n_more)
{
	struct operand *operand = operand_get(printer, compare->sreg);
	const struct rule_expression *load = operand->load;
	struct value value;

	if (operand->kind == OPERAND_PAYLOAD && load->op == RULE_OP_PAYLOAD && !operand->mask &&
	    (compare->compare == RULE_EQ || compare->compare == RULE_NEQ)) {
		compare_payload(printer, operand, compare);
		return 1;
	}
	operand_resolve(printer, operand);
	if (begins_range(compare, n_more)) {
		put_between(printer, operand, compare->data, compare[1].data, false);
		return 2;
	}
	put_compared(printer, piece_begin(printer), operand, compare);
	piece_end(printer);
	if (load && compare->compare == RULE_EQ && !operand->mask && operand->precedence == 0) {
		value = value_of(printer, operand, compare->data);
		if (load->op == RULE_OP_CT)
			learn_ct(printer, load->key, (uint32_t)value_number(&value));
		else if (load->op == RULE_OP_META)
			learn_meta(printer, load->key, (uint32_t)value_number(&value));
		else if (load->op == RULE_OP_PAYLOAD && operand->field)
			learn_payload(printer, load->base, operand->header, operand->field,
				      (uint32_t)value_number(&value));
	}
	return 1;
}

void print_range(struct nft_printer *printer, const struct rule_expression *range)
{
	struct operand *operand = operand_get(printer, range->sreg);

	operand_resolve(printer, operand);
	put_between(printer, operand, range->data, range->data2, range->compare == RULE_NEQ);
}
