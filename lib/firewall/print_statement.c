/* SPDX-License-Identifier: MIT */
/* Statements of nf_tables: what a rule does with what it matched. */
#include "printer.h"

/* "25 mbytes" */
static void put_data_size(struct sink *sink, uint64_t bytes)
{
	static const char *const units[] = { " bytes", " kbytes", " mbytes" };
	int unit = 0;

	while (unit < 2 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	put_number(sink, bytes);
	put(sink, units[unit]);
}

static void put_limit(struct sink *sink, const struct rule_expression *limit)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {
		{ 1, "/second" },  { 60, "/minute" },   { 3600, "/hour" },
		{ 86400, "/day" }, { 604800, "/week" },
	};
	const char *unit = NULL;

	put(sink, limit->is_inverted ? "limit rate over " : "limit rate ");
	if (limit->is_bytes)
		put_data_size(sink, limit->rate);
	else
		put_number(sink, limit->rate);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].seconds == limit->unit)
			unit = units[i].name;
	}
	if (unit) {
		put(sink, unit);
	} else {
		put(sink, "/");
		put_number(sink, limit->unit);
		put(sink, " seconds");
	}
	if (limit->burst && (limit->is_bytes || limit->burst != 5)) {
		put(sink, " burst ");
		if (limit->is_bytes)
			put_data_size(sink, limit->burst);
		else
			put_number(sink, limit->burst);
		put(sink, limit->is_bytes ? "" : " packets");
	}
}

#define LOG_TCP_SEQUENCE 0x01
#define LOG_TCP_OPTIONS  0x02
#define LOG_IP_OPTIONS   0x04
#define LOG_UID          0x08
#define LOG_MAC          0x20
#define LOG_ALL          0x2f
#define LOG_WARNING      4

static void put_log_flags(struct sink *sink, uint16_t flags)
{
	if ((flags & LOG_ALL) == LOG_ALL) {
		put(sink, " flags all");
		return;
	}
	if (flags & (LOG_TCP_SEQUENCE | LOG_TCP_OPTIONS))
		PUT(sink, " flags tcp ", flags & LOG_TCP_SEQUENCE ? "sequence" : "",
		    (flags & LOG_TCP_SEQUENCE) && (flags & LOG_TCP_OPTIONS) ? "," : "",
		    flags & LOG_TCP_OPTIONS ? "options" : "");
	put(sink, flags & LOG_IP_OPTIONS ? " flags ip options" : "");
	put(sink, flags & LOG_UID ? " flags skuid" : "");
	put(sink, flags & LOG_MAC ? " flags ether" : "");
}

static void put_log(struct sink *sink, const struct rule_expression *log)
{
	static const char *const levels[] = { "emerg",  "alert", "crit",  "err",  "warn",
					      "notice", "info",  "debug", "audit" };

	put(sink, "log");
	if (log->name)
		PUT(sink, " prefix \"", log->name, "\"");
	if (log->size) {
		put(sink, " group ");
		put_number(sink, log->modulus);
	}
	if (log->offset) {
		put(sink, " snaplen ");
		put_number(sink, log->offset);
	}
	if (log->burst) {
		put(sink, " queue-threshold ");
		put_number(sink, log->burst);
	}
	if (!log->size && log->key != LOG_WARNING)
		PUT(sink, " level ",
		    log->key < sizeof(levels) / sizeof(levels[0]) ? levels[log->key] : "?");
	put_log_flags(sink, log->flags);
}

static void put_reject(struct nft_printer *printer, struct sink *sink,
		       const struct rule_expression *reject)
{
	bool is_inet = printer->family != RULE_FAMILY_IPV4 && printer->family != RULE_FAMILY_IPV6;
	bool is_ipv6 = printer->family == RULE_FAMILY_IPV6 ||
		       (is_inet && printer->headers[RULE_PAYLOAD_NETWORK] == HEADER_IP6);
	bool is_default = false;
	const char *name;

	put(sink, "reject");
	if (is_inet && reject->key != RULE_REJECT_ICMPX)
		dependency_use(printer, RULE_PAYLOAD_NETWORK);
	switch ((enum rule_reject)reject->key) {
	case RULE_REJECT_TCP_RESET:
		if (!is_inet)
			dependency_use(printer, RULE_PAYLOAD_TRANSPORT);
		put(sink, " with tcp reset");
		return;
	case RULE_REJECT_ICMPX:
		if (reject->type == RULE_ICMPX_PORT_UNREACHABLE)
			return;
		name = rule_reject_icmpx_name(reject->type);
		put(sink, " with icmpx ");
		break;
	case RULE_REJECT_ICMP:
		name = is_ipv6 ? rule_reject_icmpv6_name(reject->type) :
				 rule_reject_icmp_name(reject->type);
		is_default = reject->type == (is_ipv6 ? 4 : 3);
		if (is_default && !is_inet)
			return;
		put(sink, is_ipv6 ? " with icmpv6 " : " with icmp ");
		break;
	default:
		put(sink, " with [unknown]");
		return;
	}
	if (name)
		put(sink, name);
	else
		put_number(sink, reject->type);
}

static void put_nat_flags(struct sink *sink, uint16_t flags)
{
	const char *before = " ";

	if (flags & RULE_NAT_PROTO_RANDOM) {
		PUT(sink, before, "random");
		before = ",";
	}
	if (flags & RULE_NAT_PROTO_RANDOM_FULLY) {
		PUT(sink, before, "fully-random");
		before = ",";
	}
	if (flags & RULE_NAT_PERSISTENT)
		PUT(sink, before, "persistent");
}

/* "10.0.0.1-10.0.0.9", in brackets where an IPv6 address comes before a port. */
static void put_nat_address(struct nft_printer *printer, struct sink *sink,
			    const struct rule_expression *nat, uint8_t last)
{
	uint8_t type = nat->family == RULE_FAMILY_IPV6 ? TYPE_IP6ADDR : TYPE_IPADDR;
	const struct operand *left = operand_get(printer, nat->sreg);
	bool is_constant = left->kind == OPERAND_VALUE;
	bool is_range = last != RULE_REG_NONE && last != nat->sreg;
	bool is_enclosed = is_constant && type == TYPE_IP6ADDR && nat->sreg2 != RULE_REG_NONE;
	const struct operand *right = is_range ? operand_get(printer, last) : NULL;

	if (!is_enclosed && is_constant && right && right->kind == OPERAND_VALUE &&
	    left->load->data.length == right->load->data.length) {
		struct value from = {
			.bytes = ruleset_bytes(printer->ruleset, left->load->data.at),
			.length = left->load->data.length,
			.type = type,
		};
		struct value to = from;

		to.bytes = ruleset_bytes(printer->ruleset, right->load->data.at);
		put_range(sink, printer->ruleset, &from, &to);
		return;
	}
	put(sink, is_enclosed ? "[" : "");
	put_operand(printer, sink, nat->sreg, type, false);
	/* A map to ranges has both ends in one. */
	if (is_range && is_constant) {
		put(sink, is_enclosed ? "]-[" : "-");
		put_operand(printer, sink, last, type, false);
	}
	put(sink, is_enclosed ? "]" : "");
}

static void put_ports(struct nft_printer *printer, struct sink *sink, uint8_t first, uint8_t last)
{
	put(sink, ":");
	put_operand(printer, sink, first, TYPE_SERVICE, false);
	if (last != RULE_REG_NONE && last != first) {
		put(sink, "-");
		put_operand(printer, sink, last, TYPE_SERVICE, false);
	}
}

/* Whether the port comes out of the same map as the address: then that is written already. */
static bool is_of_one_map(struct nft_printer *printer, const struct rule_expression *nat)
{
	const struct operand *operand;

	if (nat->sreg == RULE_REG_NONE || nat->sreg2 == RULE_REG_NONE)
		return false;
	operand = operand_get(printer, nat->sreg);
	return operand->kind == OPERAND_TEXT &&
	       nat->sreg2 < nat->sreg + ((operand->length + 3u) & ~3u) && nat->sreg2 > nat->sreg;
}

static void put_nat(struct nft_printer *printer, struct sink *sink,
		    const struct rule_expression *nat)
{
	bool has_address = nat->sreg != RULE_REG_NONE, has_port = nat->sreg2 != RULE_REG_NONE;
	bool is_one_map = is_of_one_map(printer, nat);
	bool is_named = printer->family == RULE_FAMILY_INET || is_one_map ||
			(has_address && operand_get(printer, nat->sreg)->kind == OPERAND_TEXT &&
			 nat->sreg3 != RULE_REG_NONE && nat->sreg3 != nat->sreg);

	put(sink, nat->key == RULE_NAT_SOURCE ? "snat" : "dnat");
	if (has_address || has_port) {
		if (is_named)
			put(sink, nat->family == RULE_FAMILY_IPV4 ? " ip" :
				  nat->family == RULE_FAMILY_IPV6 ? " ip6" :
								    "");
		PUT(sink, nat->flags & RULE_NAT_NETMAP ? " prefix" : "", " to ");
	}
	if (has_address)
		put_nat_address(printer, sink, nat, nat->sreg3);
	if (has_port && !is_one_map)
		put_ports(printer, sink, nat->sreg2, nat->sreg4);
	put_nat_flags(sink, nat->flags);
}

static void put_to_ports(struct nft_printer *printer, struct sink *sink,
			 const struct rule_expression *nat)
{
	put(sink, nat->op == RULE_OP_MASQ ? "masquerade" : "redirect");
	if (nat->sreg2 != RULE_REG_NONE) {
		put(sink, " to ");
		put_ports(printer, sink, nat->sreg2, nat->sreg4);
	}
	put_nat_flags(sink, nat->flags);
}

static void put_queue(struct nft_printer *printer, struct sink *sink,
		      const struct rule_expression *queue)
{
	bool bypasses = queue->flags & 1, fans_out = queue->flags & 2;

	PUT(sink, "queue", bypasses || fans_out ? " flags " : "", bypasses ? "bypass" : "",
	    bypasses && fans_out ? "," : "", fans_out ? "fanout" : "", " to ");
	if (queue->sreg != RULE_REG_NONE) {
		put_operand(printer, sink, queue->sreg, TYPE_INTEGER, true);
		return;
	}
	put_number(sink, queue->modulus);
	if (queue->burst > 1) {
		put(sink, "-");
		put_number(sink, (uint64_t)queue->modulus + queue->burst - 1);
	}
}

static const char *nat_family_name(uint8_t family)
{
	return family == RULE_FAMILY_IPV4 ? " ip" : family == RULE_FAMILY_IPV6 ? " ip6" : "";
}

static void put_tproxy(struct nft_printer *printer, struct sink *sink,
		       const struct rule_expression *tproxy)
{
	bool is_ipv6 = tproxy->family == RULE_FAMILY_IPV6;

	PUT(sink, "tproxy",
	    printer->family == RULE_FAMILY_INET ? nat_family_name(tproxy->family) : "", " to ");
	if (tproxy->sreg != RULE_REG_NONE) {
		put(sink, is_ipv6 ? "[" : "");
		put_operand(printer, sink, tproxy->sreg, is_ipv6 ? TYPE_IP6ADDR : TYPE_IPADDR,
			    false);
		put(sink, is_ipv6 ? "]" : "");
	}
	if (tproxy->sreg2 != RULE_REG_NONE)
		put_ports(printer, sink, tproxy->sreg2, RULE_REG_NONE);
}

#define SYNPROXY_MSS       0x1
#define SYNPROXY_WSCALE    0x2
#define SYNPROXY_SACK_PERM 0x4
#define SYNPROXY_TIMESTAMP 0x8

static void put_synproxy(struct sink *sink, const struct rule_expression *synproxy)
{
	put(sink, "synproxy");
	if (synproxy->flags & SYNPROXY_MSS) {
		put(sink, " mss ");
		put_number(sink, synproxy->modulus);
	}
	if (synproxy->flags & SYNPROXY_WSCALE) {
		put(sink, " wscale ");
		put_number(sink, synproxy->size);
	}
	put(sink, synproxy->flags & SYNPROXY_TIMESTAMP ? " timestamp" : "");
	put(sink, synproxy->flags & SYNPROXY_SACK_PERM ? " sack-perm" : "");
}

static void put_dup(struct nft_printer *printer, struct sink *sink,
		    const struct rule_expression *dup)
{
	bool is_ipv6 = printer->family == RULE_FAMILY_IPV6;

	put(sink, "dup");
	if (dup->sreg != RULE_REG_NONE) {
		put(sink, " to ");
		put_operand(printer, sink, dup->sreg, is_ipv6 ? TYPE_IP6ADDR : TYPE_IPADDR, false);
	}
	if (dup->sreg2 != RULE_REG_NONE) {
		put(sink, dup->sreg != RULE_REG_NONE ? " device " : " to ");
		put_operand(printer, sink, dup->sreg2, TYPE_IFINDEX, true);
	}
}

static void put_fwd(struct nft_printer *printer, struct sink *sink,
		    const struct rule_expression *fwd)
{
	put(sink, "fwd");
	if (fwd->sreg != RULE_REG_NONE) {
		PUT(sink, nat_family_name(fwd->family), " to ");
		put_operand(printer, sink, fwd->sreg,
			    fwd->family == RULE_FAMILY_IPV6 ? TYPE_IP6ADDR : TYPE_IPADDR, false);
		put(sink, " device ");
	} else {
		put(sink, " to ");
	}
	put_operand(printer, sink, fwd->sreg2, TYPE_IFINDEX, true);
}

/* Whether it was one of these. */
static bool put_limiting(struct sink *sink, const struct rule_expression *statement)
{
	switch (statement->op) {
	case RULE_OP_COUNTER:
		put(sink, "counter");
		return true;
	case RULE_OP_LAST:
		put(sink, "last");
		return true;
	case RULE_OP_LIMIT:
		put_limit(sink, statement);
		return true;
	case RULE_OP_QUOTA:
		put(sink, statement->is_inverted ? "quota over " : "quota ");
		put_data_size(sink, statement->unit);
		return true;
	case RULE_OP_CONNLIMIT:
		put(sink, statement->is_inverted ? "ct count over " : "ct count ");
		put_number(sink, statement->unit);
		return true;
	case RULE_OP_NOTRACK:
		put(sink, "notrack");
		return true;
	case RULE_OP_LOG:
		put_log(sink, statement);
		return true;
	case RULE_OP_SYNPROXY:
		put_synproxy(sink, statement);
		return true;
	case RULE_OP_FLOW_OFFLOAD:
		PUT(sink, "flow add @", statement->name ? statement->name : "?");
		return true;
	default:
		return false;
	}
}

bool put_plain_statement(struct nft_printer *printer, struct sink *sink,
			 const struct rule_expression *statement)
{
	switch (statement->op) {
	case RULE_OP_REJECT:
		put_reject(printer, sink, statement);
		return true;
	case RULE_OP_NAT:
		put_nat(printer, sink, statement);
		return true;
	case RULE_OP_MASQ:
	case RULE_OP_REDIR:
		put_to_ports(printer, sink, statement);
		return true;
	case RULE_OP_TPROXY:
		put_tproxy(printer, sink, statement);
		return true;
	case RULE_OP_QUEUE:
		put_queue(printer, sink, statement);
		return true;
	case RULE_OP_DUP:
		put_dup(printer, sink, statement);
		return true;
	case RULE_OP_FWD:
		put_fwd(printer, sink, statement);
		return true;
	default:
		return put_limiting(sink, statement);
	}
}
