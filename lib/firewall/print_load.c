/* SPDX-License-Identifier: MIT */
/* Loads of nf_tables: what a rule takes out of packet, connection, routes and the rest. */
#include "printer.h"

static void put_fib(struct sink *sink, const struct rule_expression *fib)
{
	static const char *const names[] = { "saddr", "daddr", "mark", "iif", "oif" };
	static const char *const results[] = {
		[RULE_FIB_OIF] = " oif",
		[RULE_FIB_OIFNAME] = " oifname",
		[RULE_FIB_ADDRTYPE] = " type",
	};
	const char *before = "fib ";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (fib->flags & 1u << i) {
			PUT(sink, before, names[i]);
			before = " . ";
		}
	}
	if (fib->key > RULE_FIB_NONE && fib->key <= RULE_FIB_ADDRTYPE)
		put(sink, results[fib->key]);
	else
		put(sink, " [unknown result]");
}

static uint8_t fib_type(const struct rule_expression *fib)
{
	if (fib->flags & RULE_FIB_PRESENT)
		return TYPE_BOOLEAN;
	return fib->key == RULE_FIB_OIF     ? TYPE_IFINDEX :
	       fib->key == RULE_FIB_OIFNAME ? TYPE_IFNAME :
					      TYPE_FIB_ADDR;
}

static uint8_t put_rt(struct sink *sink, const struct rule_expression *rt)
{
	static const struct {
		const char *name;
		uint8_t type;
	} keys[] = {
		[RULE_RT_CLASSID] = { "rt classid", TYPE_REALM },
		[RULE_RT_NEXTHOP4] = { "rt ip nexthop", TYPE_IPADDR },
		[RULE_RT_NEXTHOP6] = { "rt ip6 nexthop", TYPE_IP6ADDR },
		[RULE_RT_TCPMSS] = { "rt mtu", TYPE_INTEGER },
		[RULE_RT_XFRM] = { "rt ipsec", TYPE_BOOLEAN },
	};

	if (rt->key >= sizeof(keys) / sizeof(keys[0])) {
		put(sink, "rt [unknown key]");
		return TYPE_HEX;
	}
	put(sink, keys[rt->key].name);
	return keys[rt->key].type;
}

static uint8_t put_socket(struct sink *sink, const struct rule_expression *socket)
{
	static const struct {
		const char *name;
		uint8_t type;
	} keys[] = {
		[RULE_SOCKET_TRANSPARENT] = { "socket transparent", TYPE_INTEGER },
		[RULE_SOCKET_MARK] = { "socket mark", TYPE_MARK },
		[RULE_SOCKET_WILDCARD] = { "socket wildcard", TYPE_INTEGER },
		[RULE_SOCKET_CGROUPV2] = { "socket cgroupv2 level ", TYPE_CGROUPV2 },
	};

	if (socket->key >= sizeof(keys) / sizeof(keys[0])) {
		put(sink, "socket [unknown key]");
		return TYPE_HEX;
	}
	put(sink, keys[socket->key].name);
	if (socket->key == RULE_SOCKET_CGROUPV2)
		put_number(sink, socket->offset);
	return keys[socket->key].type;
}

static void put_modulus(struct sink *sink, const struct rule_expression *load)
{
	put(sink, " mod ");
	put_number(sink, load->modulus);
	if (load->op == RULE_OP_HASH && load->size) {
		put(sink, " seed 0x");
		put_hex(sink, load->burst, 1);
	}
	if (load->offset) {
		put(sink, " offset ");
		put_number(sink, load->offset);
	}
}

#define XFRM_SPI 6

static uint8_t put_xfrm(struct sink *sink, const struct rule_expression *xfrm)
{
	static const struct {
		const char *name;
		uint8_t type;
	} keys[] = {
		{ " [unknown key]", TYPE_HEX },        { " ip daddr", TYPE_IPADDR },
		{ " ip6 daddr", TYPE_IP6ADDR },        { " ip saddr", TYPE_IPADDR },
		{ " ip6 saddr", TYPE_IP6ADDR },        { " reqid", TYPE_INTEGER },
		[XFRM_SPI] = { " spi", TYPE_INTEGER },
	};
	uint8_t key = xfrm->key < sizeof(keys) / sizeof(keys[0]) ? xfrm->key : 0;

	put(sink, xfrm->base == 0 ? "ipsec in" : xfrm->base == 1 ? "ipsec out" : "ipsec ?");
	if (xfrm->offset) {
		put(sink, " spnum ");
		put_number(sink, xfrm->offset);
	}
	put(sink, keys[key].name);
	return keys[key].type;
}

/* Writes a load that no later one changes the meaning of; its type. */
static uint8_t put_load(struct sink *sink, const struct rule_expression *load, uint8_t header)
{
	static const char *const ttls[] = { "", "ttl loose ", "ttl skip " };

	switch (load->op) {
	case RULE_OP_META:
		put_meta_key(sink, load->key);
		return meta_key_type(load->key);
	case RULE_OP_CT:
		put_ct_key(sink, load, header);
		return ct_key_type(load->key, header);
	case RULE_OP_RT:
		return put_rt(sink, load);
	case RULE_OP_FIB:
		put_fib(sink, load);
		return fib_type(load);
	case RULE_OP_SOCKET:
		return put_socket(sink, load);
	case RULE_OP_NUMGEN:
		put(sink, load->arithmetic == RULE_NUMGEN_RANDOM ? "numgen random" : "numgen inc");
		put_modulus(sink, load);
		return TYPE_INTEGER;
	case RULE_OP_OSF:
		PUT(sink, "osf ", load->type < 3 ? ttls[load->type] : "",
		    load->flags & 1 ? "version" : "name");
		return TYPE_STRING;
	case RULE_OP_TUNNEL:
		put(sink, load->key == 1 ? "tunnel id" : "tunnel path");
		return load->key == 1 ? TYPE_INTEGER : TYPE_BOOLEAN;
	case RULE_OP_XFRM:
		return put_xfrm(sink, load);
	default:
		return TYPE_HEX;
	}
}

static void print_hash(struct nft_printer *printer, const struct rule_expression *hash)
{
	struct value fields[RULE_FIELDS_MAX];
	struct operand *operand;
	struct sink *sink = &printer->texts;
	bool is_symmetric = hash->key == 1;
	uint32_t at;

	if (!is_symmetric)
		key_resolve(printer, hash->sreg, hash->length);
	at = sink->n;
	put(sink, is_symmetric ? "symhash" : "jhash ");
	if (!is_symmetric)
		put_key(printer, sink, hash->sreg, hash->length, fields);
	put_modulus(sink, hash);
	operand = operand_set(printer, hash->dreg, 4);
	operand->kind = OPERAND_TEXT;
	operand->at = at;
	operand->n = sink->n - at;
	operand->type = TYPE_INTEGER;
	operand->is_host_order = true;
	operand->load = hash;
}

static void print_byteorder(struct nft_printer *printer, const struct rule_expression *byteorder)
{
	struct operand operand = *operand_get(printer, byteorder->sreg);

	/* Nothing is written: it is the same number in the other order. */
	operand.is_host_order = byteorder->arithmetic == RULE_NTOH;
	*operand_set(printer, byteorder->dreg, operand.length) = operand;
}

static uint32_t loaded_length(const struct rule_expression *load, uint8_t type)
{
	uint32_t length = load->length ? load->length : type_length(type);

	return length ? length : 4;
}

static bool is_loaded_in_host_order(const struct rule_expression *load, uint8_t type)
{
	if (load->op == RULE_OP_META)
		return meta_key_is_host_order(load->key);
	if (load->op == RULE_OP_CT)
		return ct_key_is_host_order(load->key);
	if (load->op == RULE_OP_XFRM && load->key == XFRM_SPI)
		return false;
	return type_is_host_order(type) || type == TYPE_INTEGER;
}

bool print_load(struct nft_printer *printer, const struct rule_expression *load)
{
	struct operand *operand;
	uint32_t at = printer->texts.n;
	uint8_t type;

	switch (load->op) {
	case RULE_OP_PAYLOAD:
	case RULE_OP_EXTHDR:
		operand = operand_set(printer, load->dreg, load->length);
		operand->kind = OPERAND_PAYLOAD;
		operand->load = load;
		return true;
	case RULE_OP_BITWISE:
		print_bitwise(printer, load);
		return true;
	case RULE_OP_BYTEORDER:
		print_byteorder(printer, load);
		return true;
	case RULE_OP_HASH:
		print_hash(printer, load);
		return true;
	case RULE_OP_IMMEDIATE:
		if (load->dreg == RULE_REG_VERDICT)
			return false;
		operand = operand_set(printer, load->dreg, load->data.length);
		operand->kind = OPERAND_VALUE;
		operand->load = load;
		return true;
	case RULE_OP_META:
	case RULE_OP_CT:
	case RULE_OP_RT:
	case RULE_OP_FIB:
	case RULE_OP_SOCKET:
	case RULE_OP_NUMGEN:
	case RULE_OP_OSF:
	case RULE_OP_TUNNEL:
	case RULE_OP_XFRM:
		type = put_load(&printer->texts, load, printer->headers[RULE_PAYLOAD_NETWORK]);
		operand = operand_set(printer, load->dreg, loaded_length(load, type));
		operand->kind = OPERAND_TEXT;
		operand->at = at;
		operand->n = printer->texts.n - at;
		operand->type = type;
		operand->is_host_order = is_loaded_in_host_order(load, type);
		operand->load = load;
		return true;
	default:
		return false;
	}
}
