/* SPDX-License-Identifier: MIT */
/*
 * A rule of x_tables as iptables-save writes it, without "-A CHAIN". iptables of nf_tables makes
 * nf_tables' own expressions of most of a rule, "-s 10.0.0.0/8" and "--dport 22" among them, and
 * leaves the rest to matches of x_tables: those expressions are turned back into options. Where one
 * cannot be, the rule is not iptables' own after all, and is written as nft would.
 */
#include "printer.h"

#define IP_FRAGMENT 0x01 /* IPT_F_FRAG */

struct xt_rule {
	const struct ruleset *ruleset;
	const struct rule *rule;
	struct xt_ip ip;
	struct sink matches, target; /* each item with a space before it */
	struct xt_ports ports;       /* not written yet, of ... */
	const char *module;          /* "tcp" or the like; NULL: none */
	const struct rule_expression *load;
	const uint8_t *mask; /* of what was loaded */
	uint32_t mask_length;
};

void put_xt_word(struct sink *sink, const char *word)
{
	static const char plain[] = "_-0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (*word && word[strspn(word, plain)] == '\0') {
		put(sink, word);
		return;
	}
	put(sink, "\"");
	for (; *word; word++) {
		if (strchr("\"\\'", *word))
			put(sink, "\\");
		put_bytes(sink, word, 1);
	}
	put(sink, "\"");
}

void put_xt_verdict(struct sink *sink, const struct ruleset *ruleset, uint8_t verdict,
		    uint32_t chain)
{
	static const char *const names[] = {
		[RULE_ACCEPT] = "-j ACCEPT",   [RULE_DROP] = "-j DROP", [RULE_RETURN] = "-j RETURN",
		[RULE_JUMP] = "-j ",           [RULE_GOTO] = "-g ",     [RULE_QUEUE] = "-j QUEUE",
		[RULE_STOLEN] = "-j [stolen]",
	};

	if (verdict < sizeof(names) / sizeof(names[0]))
		put(sink, names[verdict] ? names[verdict] : "");
	else
		put(sink, "-j [unknown verdict]");
	if (verdict == RULE_JUMP || verdict == RULE_GOTO)
		put(sink,
		    chain == RULESET_NONE ? "[unknown chain]" : ruleset->chains.items[chain].name);
}

/* --- The part that is no match --- */

static int prefix_of(const uint8_t *mask, uint32_t length)
{
	struct value value = { .bytes = mask, .length = length };

	return mask_prefix(&value);
}

void put_xt_address(struct sink *sink, const uint8_t *address, const uint8_t *mask, bool is_ipv6)
{
	int prefix = prefix_of(mask, is_ipv6 ? 16 : 4);

	if (is_ipv6)
		put_ipv6(sink, address);
	else
		put_ipv4(sink, address);
	put(sink, "/");
	if (prefix >= 0)
		put_number(sink, (uint64_t)prefix);
	else if (is_ipv6)
		put_ipv6(sink, mask);
	else
		put_ipv4(sink, mask);
}

static void put_host(struct sink *sink, const struct xt_ip *ip, const char *option,
		     const uint8_t *address, const uint8_t *mask, uint8_t inverted)
{
	bool is_not = ip->inverted & inverted;
	static const uint8_t none[16];

	if (!is_not && memcmp(mask, none, ip->is_ipv6 ? 16 : 4) == 0)
		return;
	PUT(sink, is_not ? " ! " : " ", option);
	put_xt_address(sink, address, mask, ip->is_ipv6);
}

static void put_device(struct sink *sink, const struct xt_ip *ip, const char *option,
		       const char *name, uint8_t length, uint8_t inverted)
{
	size_t n = strnlen(name, length < sizeof(ip->in) ? length : sizeof(ip->in));

	if (length == 0)
		return;
	PUT(sink, ip->inverted & inverted ? " ! " : " ", option);
	put_bytes(sink, name, n);
	/* The NUL is compared where it is all of the name. */
	put(sink, n == length ? "+" : "");
}

static void put_protocol(struct sink *sink, uint16_t protocol)
{
	const char *name = protocol < 256 ? rule_protocol_name((uint8_t)protocol) : NULL;

	if (name)
		put(sink, name);
	else
		put_number(sink, protocol);
}

static void put_ip(struct sink *sink, const struct xt_ip *ip)
{
	put_host(sink, ip, "-s ", ip->source, ip->source_mask, XT_INVERT_SOURCE);
	put_host(sink, ip, "-d ", ip->destination, ip->destination_mask, XT_INVERT_DESTINATION);
	put_device(sink, ip, "-i ", ip->in, ip->in_length, XT_INVERT_IN);
	put_device(sink, ip, "-o ", ip->out, ip->out_length, XT_INVERT_OUT);
	if (ip->protocol) {
		put(sink, ip->inverted & XT_INVERT_PROTOCOL ? " ! -p " : " -p ");
		put_protocol(sink, ip->protocol);
	}
	if (!ip->is_ipv6 && ip->flags & IP_FRAGMENT)
		put(sink, ip->inverted & XT_INVERT_FRAGMENT ? " ! -f" : " -f");
}

/* --- Expressions of nf_tables back to options --- */

static const char *module_of(uint16_t protocol)
{
	switch (protocol) {
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 33:
		return "dccp";
	case 132:
		return "sctp";
	case 136:
		return "udplite";
	default:
		return NULL;
	}
}

/* Options of tcp and its like that follow one another are one match's. */
static void flush_ports(struct xt_rule *rule)
{
	if (!rule->module)
		return;
	PUT(&rule->matches, " -m ", rule->module);
	put_xt_ports_match(&rule->matches, &rule->ports);
	rule->module = NULL;
}

static void open_module(struct xt_rule *rule, const char *module)
{
	if (rule->module == module)
		return;
	flush_ports(rule);
	rule->module = module;
	rule->ports = (struct xt_ports){ .source_last = UINT16_MAX, .last = UINT16_MAX };
}

void put_xt_ports(struct sink *sink, const char *option, uint16_t first, uint16_t last, bool is_not)
{
	PUT(sink, is_not ? " ! " : " ", option, " ");
	put_number(sink, first);
	if (last != first) {
		put(sink, ":");
		put_number(sink, last);
	}
}

void put_xt_tcp_flags(struct sink *sink, uint8_t flags)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECN", "CWR"
	};
	const char *before = "";

	if ((flags & 0x3f) == 0)
		put(sink, "NONE");
	for (int i = 0; i < 6; i++) {
		if (flags >> i & 1) {
			PUT(sink, before, names[i]);
			before = ",";
		}
	}
}

static bool take_ports(struct xt_rule *rule, uint32_t at, const uint8_t *first, const uint8_t *last,
		       bool is_not)
{
	const char *module = module_of(rule->ip.protocol);
	uint16_t from, to;

	if (!module || rule->mask || (at != 0 && at != 2))
		return false;
	open_module(rule, module);
	from = (uint16_t)(first[0] << 8 | first[1]);
	to = (uint16_t)(last[0] << 8 | last[1]);
	if (at) {
		rule->ports.first = from;
		rule->ports.last = to;
		rule->ports.not_destination = is_not;
	} else {
		rule->ports.source_first = from;
		rule->ports.source_last = to;
		rule->ports.not_source = is_not;
	}
	return true;
}

static bool take_tcp_flags(struct xt_rule *rule, uint8_t flags, bool is_not)
{
	if (rule->ip.protocol != 6 || rule->load->length != 1 || !rule->mask)
		return false;
	open_module(rule, "tcp");
	rule->ports.flag_mask = rule->mask[0];
	rule->ports.flag_compare = flags;
	rule->ports.not_flags = is_not;
	return true;
}

/* A prefix is compared by as many bytes as it has, or by all of them with a mask. */
static bool take_address(struct xt_rule *rule, const struct rule_expression *compare,
			 uint8_t *address, uint8_t *mask, uint8_t inverted)
{
	uint32_t whole = rule->ip.is_ipv6 ? 16 : 4, length = compare->data.length;

	if (length > whole || length != rule->load->length ||
	    (rule->mask && rule->mask_length != length))
		return false;
	memset(mask, 0, 16);
	memset(address, 0, 16);
	memcpy(address, ruleset_bytes(rule->ruleset, compare->data.at), length);
	if (rule->mask)
		memcpy(mask, rule->mask, length);
	else
		memset(mask, 0xff, length);
	rule->ip.inverted |= compare->compare == RULE_NEQ ? inverted : 0;
	return true;
}

static bool take_protocol(struct xt_rule *rule, const struct rule_expression *compare)
{
	if (compare->data.length != 1 || rule->mask)
		return false;
	rule->ip.protocol = *ruleset_bytes(rule->ruleset, compare->data.at);
	rule->ip.inverted |= compare->compare == RULE_NEQ ? XT_INVERT_PROTOCOL : 0;
	return true;
}

static bool take_network(struct xt_rule *rule, const struct rule_expression *compare)
{
	const uint8_t *bytes = ruleset_bytes(rule->ruleset, compare->data.at);
	uint32_t at = rule->load->offset;
	bool is_ipv6 = rule->ip.is_ipv6;

	if (at == (is_ipv6 ? 8 : 12))
		return take_address(rule, compare, rule->ip.source, rule->ip.source_mask,
				    XT_INVERT_SOURCE);
	if (at == (is_ipv6 ? 24 : 16))
		return take_address(rule, compare, rule->ip.destination, rule->ip.destination_mask,
				    XT_INVERT_DESTINATION);
	if (at == (is_ipv6 ? 6 : 9) && rule->load->length == 1)
		return take_protocol(rule, compare);
	if (!is_ipv6 && at == 6 && rule->mask_length == 2 && compare->data.length == 2 &&
	    rule->mask[0] == 0x1f && rule->mask[1] == 0xff && bytes[0] == 0 && bytes[1] == 0) {
		rule->ip.flags |= IP_FRAGMENT;
		rule->ip.inverted |= compare->compare == RULE_EQ ? XT_INVERT_FRAGMENT : 0;
		return true;
	}
	return false;
}

static bool take_device(struct xt_rule *rule, const struct rule_expression *compare, char name[16],
			uint8_t *length, uint8_t inverted)
{
	if (compare->data.length > 16 || rule->mask)
		return false;
	memset(name, 0, 16);
	memcpy(name, ruleset_bytes(rule->ruleset, compare->data.at), compare->data.length);
	*length = (uint8_t)compare->data.length;
	/* No interface at all, "! -i +", is one of a name that none can have. */
	if (compare->compare == RULE_EQ && memcmp(name, "INVAL/D", 8) == 0) {
		memcpy(name, "+", 2);
		*length = 2;
		rule->ip.inverted |= inverted;
		return true;
	}
	rule->ip.inverted |= compare->compare == RULE_NEQ ? inverted : 0;
	return true;
}

void put_xt_mark(struct sink *sink, const char *option, uint32_t mark, uint32_t mask, bool is_not)
{
	PUT(sink, is_not ? " ! " : " ", option, " 0x");
	put_hex(sink, mark, 1);
	if (mask != UINT32_MAX) {
		put(sink, "/0x");
		put_hex(sink, mask, 1);
	}
}

static bool take_mark(struct xt_rule *rule, const struct rule_expression *compare)
{
	uint32_t mark, mask = UINT32_MAX;

	if (compare->data.length != sizeof(mark) ||
	    (rule->mask && rule->mask_length != sizeof(mask)))
		return false;
	memcpy(&mark, ruleset_bytes(rule->ruleset, compare->data.at), sizeof(mark));
	if (rule->mask)
		memcpy(&mask, rule->mask, sizeof(mask));
	flush_ports(rule);
	put(&rule->matches, " -m mark");
	put_xt_mark(&rule->matches, "--mark", mark, mask, compare->compare == RULE_NEQ);
	return true;
}

static bool take_meta(struct xt_rule *rule, const struct rule_expression *compare)
{
	switch (rule->load->key) {
	case RULE_META_IIFNAME:
		return take_device(rule, compare, rule->ip.in, &rule->ip.in_length, XT_INVERT_IN);
	case RULE_META_OIFNAME:
		return take_device(rule, compare, rule->ip.out, &rule->ip.out_length,
				   XT_INVERT_OUT);
	case RULE_META_L4PROTO:
		return take_protocol(rule, compare);
	case RULE_META_MARK:
		return take_mark(rule, compare);
	default:
		return false;
	}
}

/* A range of ports from the first or to the last is one comparison. */
static bool take_open_range(struct xt_rule *rule, const struct rule_expression *compare)
{
	const uint8_t *bytes = ruleset_bytes(rule->ruleset, compare->data.at);
	uint32_t first = 0, last = UINT16_MAX, port;
	uint8_t from[2], to[2];

	if (rule->load->op != RULE_OP_PAYLOAD || rule->load->base != RULE_PAYLOAD_TRANSPORT ||
	    rule->load->length != 2 || compare->data.length != 2)
		return false;
	port = (uint32_t)bytes[0] << 8 | bytes[1];
	if (compare->compare == RULE_LTE || compare->compare == RULE_LT)
		last = compare->compare == RULE_LT ? port - 1 : port;
	else
		first = compare->compare == RULE_GT ? port + 1 : port;
	if (first > UINT16_MAX || last > UINT16_MAX)
		return false;
	from[0] = (uint8_t)(first >> 8);
	from[1] = (uint8_t)first;
	to[0] = (uint8_t)(last >> 8);
	to[1] = (uint8_t)last;
	return take_ports(rule, rule->load->offset, from, to, false);
}

static bool take_compare(struct xt_rule *rule, const struct rule_expression *compare)
{
	const uint8_t *bytes = ruleset_bytes(rule->ruleset, compare->data.at);
	bool is_not = compare->compare == RULE_NEQ;

	if (!rule->load || compare->sreg != rule->load->dreg)
		return false;
	if (compare->compare != RULE_EQ && !is_not)
		return take_open_range(rule, compare);
	if (rule->load->op == RULE_OP_META)
		return take_meta(rule, compare);
	if (rule->load->base == RULE_PAYLOAD_NETWORK)
		return take_network(rule, compare);
	if (rule->load->base != RULE_PAYLOAD_TRANSPORT)
		return false;
	if (rule->load->offset == 13 && compare->data.length == 1)
		return take_tcp_flags(rule, bytes[0], is_not);
	if (rule->load->length != compare->data.length)
		return false;
	/* Both ports may be compared at once. */
	if (compare->data.length == 4 && rule->load->offset == 0 && !is_not)
		return take_ports(rule, 0, bytes, bytes, false) &&
		       take_ports(rule, 2, bytes + 2, bytes + 2, false);
	return compare->data.length == 2 &&
	       take_ports(rule, rule->load->offset, bytes, bytes, is_not);
}

static bool take_range(struct xt_rule *rule, const struct rule_expression *range)
{
	return rule->load && rule->load->op == RULE_OP_PAYLOAD &&
	       rule->load->base == RULE_PAYLOAD_TRANSPORT && range->sreg == rule->load->dreg &&
	       range->data.length == 2 && range->data2.length == 2 && rule->load->length == 2 &&
	       take_ports(rule, rule->load->offset, ruleset_bytes(rule->ruleset, range->data.at),
			  ruleset_bytes(rule->ruleset, range->data2.at),
			  range->compare == RULE_NEQ);
}

static bool take_mask(struct xt_rule *rule, const struct rule_expression *bitwise)
{
	const uint8_t * xor = ruleset_bytes(rule->ruleset, bitwise->data2.at);

	if (!rule->load || rule->mask || bitwise->sreg != rule->load->dreg ||
	    bitwise->dreg != rule->load->dreg || bitwise->arithmetic != RULE_MASK_XOR)
		return false;
	for (uint32_t i = 0; i < bitwise->data2.length; i++) {
		if (xor[i])
			return false;
	}
	rule->mask = ruleset_bytes(rule->ruleset, bitwise->data.at);
	rule->mask_length = bitwise->data.length;
	return true;
}

static bool take_limit(struct xt_rule *rule, const struct rule_expression *limit)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 1, "/sec" }, { 60, "/min" }, { 3600, "/hour" }, { 86400, "/day" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].seconds != limit->unit || limit->is_bytes || limit->is_inverted)
			continue;
		flush_ports(rule);
		put(&rule->matches, " -m limit --limit ");
		put_number(&rule->matches, limit->rate);
		put(&rule->matches, units[i].name);
		if (limit->burst != 5) {
			put(&rule->matches, " --limit-burst ");
			put_number(&rule->matches, limit->burst);
		}
		return true;
	}
	return false;
}

/* A log to a group is NFLOG's. */
static bool take_log(struct xt_rule *rule, const struct rule_expression *log)
{
	if (!log->size)
		return false;
	put(&rule->target, " -j NFLOG");
	if (log->name) {
		put(&rule->target, " --nflog-prefix ");
		put_xt_word(&rule->target, log->name);
	}
	if (log->modulus) {
		put(&rule->target, " --nflog-group ");
		put_number(&rule->target, log->modulus);
	}
	if (log->offset) {
		put(&rule->target, " --nflog-size ");
		put_number(&rule->target, log->offset);
	}
	if (log->burst > 1) {
		put(&rule->target, " --nflog-threshold ");
		put_number(&rule->target, log->burst);
	}
	return true;
}

static void take_xt(struct xt_rule *rule, const struct rule_expression *expression)
{
	const struct xt *xt = &rule->ruleset->xts.items[expression->xt];
	struct sink *sink = expression->op == RULE_OP_XT_TARGET ? &rule->target : &rule->matches;
	uint32_t before;

	if (xt->kind == XT_IP) {
		rule->ip = xt->u.ip;
		return;
	}
	flush_ports(rule);
	before = sink->n;
	put(sink, " ");
	put_xt(sink, rule->ruleset, rule->rule, xt, expression->op == RULE_OP_XT_TARGET);
	/* A rule that only counts has a target that goes on. */
	if (sink->n == before + 1)
		sink->n = before;
}

static bool take_expression(struct xt_rule *rule, const struct rule_expression *expression)
{
	switch (expression->op) {
	case RULE_OP_PAYLOAD:
	case RULE_OP_META:
		rule->load = expression;
		rule->mask = NULL;
		rule->mask_length = 0;
		return true;
	case RULE_OP_BITWISE:
		return take_mask(rule, expression);
	case RULE_OP_CMP:
		return take_compare(rule, expression);
	case RULE_OP_RANGE:
		return take_range(rule, expression);
	case RULE_OP_LIMIT:
		return take_limit(rule, expression);
	case RULE_OP_COUNTER:
		return true;
	case RULE_OP_LOG:
		return take_log(rule, expression);
	case RULE_OP_IMMEDIATE:
		if (expression->dreg != RULE_REG_VERDICT)
			return false;
		put(&rule->target, " ");
		put_xt_verdict(&rule->target, rule->ruleset, expression->verdict,
			       expression->chain);
		return true;
	case RULE_OP_META_SET:
		if (expression->key != RULE_META_NFTRACE)
			return false;
		put(&rule->target, " -j TRACE");
		return true;
	case RULE_OP_XT_IP:
	case RULE_OP_XT_MATCH:
	case RULE_OP_XT_TARGET:
		take_xt(rule, expression);
		return true;
	default:
		return false;
	}
}

/* Nothing but numbers of a trace comes through a register. */
static bool is_trace(const struct rule_expression *expression, uint32_t n_more)
{
	return expression->op == RULE_OP_IMMEDIATE && n_more > 0 &&
	       expression[1].op == RULE_OP_META_SET && expression[1].key == RULE_META_NFTRACE;
}

bool print_xt_rule(const struct ruleset *ruleset, const struct rule *rule, struct sink *sink)
{
	const struct rule_expression *expressions =
		&ruleset->expressions.items[rule->first_expression];
	const struct rule_table *table =
		&ruleset->tables.items[ruleset->chains.items[rule->chain].table];
	char head[512], matches[PRINT_MAX], target[PRINT_MAX];
	struct sink ip = { .to = head, .size = sizeof(head) };
	struct xt_rule taken = {
		.ruleset = ruleset,
		.rule = rule,
		.ip.is_ipv6 = table->family == RULE_FAMILY_IPV6,
		.matches = { .to = matches, .size = sizeof(matches) },
		.target = { .to = target, .size = sizeof(target) },
	};
	const struct sink *parts[] = { &ip, &taken.matches, &taken.target };

	for (uint32_t i = 0; i < rule->n_expressions; i++) {
		if (!is_trace(&expressions[i], rule->n_expressions - i - 1) &&
		    !take_expression(&taken, &expressions[i]))
			return false;
	}
	flush_ports(&taken);
	put_ip(&ip, &taken.ip);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		/* Each begins with a space, which the first is not to have. */
		uint32_t skip = sink->n == 0 && parts[i]->n > 0 ? 1 : 0;

		put_bytes(sink, parts[i]->to + skip, parts[i]->n - skip);
		sink->is_cut = sink->is_cut || parts[i]->is_cut;
	}
	return true;
}
