/* SPDX-License-Identifier: MIT */
/*
 * The text of rules and chains, as their own program would write it. A rule of a table that
 * iptables made is written as iptables-save does, be it kept by the old ip_tables or by nf_tables,
 * and one of any other as nft does. A match of x_tables within the latter is written as iptables
 * has it, "-m conntrack --ctstate NEW", for nft has no words for most of them.
 */
#include "print.h"

#include <stdlib.h>

#include "printer.h"
#include "text.h"

void put_bytes(struct sink *sink, const char *bytes, size_t length)
{
	size_t room = sink->size - sink->n;

	if (length > room) {
		length = room;
		sink->is_cut = true;
	}
	memcpy(sink->to + sink->n, bytes, length);
	sink->n += (uint32_t)length;
}

void put(struct sink *sink, const char *text)
{
	put_bytes(sink, text, strlen(text));
}

void put_all(struct sink *sink, const char *const *texts)
{
	for (; *texts; texts++)
		put(sink, *texts);
}

void put_number(struct sink *sink, uint64_t number)
{
	char text[TEXT_U64_SIZE];

	put_bytes(sink, text, (size_t)(text_put_u64(text, number) - text));
}

void put_hex(struct sink *sink, uint64_t number, int digits)
{
	char text[16];
	int n = 16;

	do {
		text[--n] = "0123456789abcdef"[number & 15];
		number >>= 4;
	} while (n > 0 && (number || 16 - n < digits));
	put_bytes(sink, text + n, (size_t)(16 - n));
}

void put_ipv4(struct sink *sink, const uint8_t *bytes)
{
	char text[TEXT_IPV4_SIZE];

	put_bytes(sink, text, (size_t)(text_put_ipv4(text, bytes) - text));
}

void put_ipv6(struct sink *sink, const uint8_t *bytes)
{
	char text[TEXT_IPV6_SIZE];

	put_bytes(sink, text, (size_t)(text_put_ipv6(text, bytes) - text));
}

#define NAME_OF(names, index) \
	((size_t)(index) < sizeof(names) / sizeof((names)[0]) ? (names)[index] : NULL)

const char *rule_family_name(uint8_t family)
{
	static const char *const names[] = {
		[RULE_FAMILY_INET] = "inet",     [RULE_FAMILY_IPV4] = "ip",
		[RULE_FAMILY_ARP] = "arp",       [RULE_FAMILY_NETDEV] = "netdev",
		[RULE_FAMILY_BRIDGE] = "bridge", [RULE_FAMILY_IPV6] = "ip6",
	};

	return NAME_OF(names, family);
}

const char *rule_hook_name(enum rule_hook hook)
{
	static const char *const names[] = {
		[RULE_HOOK_PREROUTING] = "prerouting",   [RULE_HOOK_INPUT] = "input",
		[RULE_HOOK_FORWARD] = "forward",         [RULE_HOOK_OUTPUT] = "output",
		[RULE_HOOK_POSTROUTING] = "postrouting", [RULE_HOOK_INGRESS] = "ingress",
		[RULE_HOOK_EGRESS] = "egress",
	};

	return NAME_OF(names, hook);
}

const char *rule_verdict_name(uint8_t verdict)
{
	static const char *const names[] = {
		[RULE_CONTINUE] = "continue", [RULE_ACCEPT] = "accept", [RULE_DROP] = "drop",
		[RULE_RETURN] = "return",     [RULE_JUMP] = "jump",     [RULE_GOTO] = "goto",
		[RULE_QUEUE] = "queue",       [RULE_STOLEN] = "stolen",
	};

	return NAME_OF(names, verdict);
}

const char *rule_route_type_name(uint8_t type)
{
	static const char *const names[] = {
		[RULE_ROUTE_NONE] = "unspec",         [RULE_ROUTE_UNICAST] = "unicast",
		[RULE_ROUTE_LOCAL] = "local",         [RULE_ROUTE_BROADCAST] = "broadcast",
		[RULE_ROUTE_ANYCAST] = "anycast",     [RULE_ROUTE_MULTICAST] = "multicast",
		[RULE_ROUTE_BLACKHOLE] = "blackhole", [RULE_ROUTE_UNREACHABLE] = "unreachable",
		[RULE_ROUTE_PROHIBIT] = "prohibit",   [RULE_ROUTE_THROW] = "throw",
	};

	return NAME_OF(names, type);
}

const char *rule_reject_icmp_name(uint8_t code)
{
	static const char *const names[] = {
		[0] = "net-unreachable",  [1] = "host-unreachable",  [2] = "prot-unreachable",
		[3] = "port-unreachable", [4] = "frag-needed",       [9] = "net-prohibited",
		[10] = "host-prohibited", [13] = "admin-prohibited",
	};

	return NAME_OF(names, code);
}

const char *rule_reject_icmpv6_name(uint8_t code)
{
	static const char *const names[] = {
		[0] = "no-route",         [1] = "admin-prohibited", [3] = "addr-unreachable",
		[4] = "port-unreachable", [5] = "policy-fail",      [6] = "reject-route",
	};

	return NAME_OF(names, code);
}

const char *rule_reject_icmpx_name(uint8_t code)
{
	static const char *const names[] = {
		[RULE_ICMPX_NO_ROUTE] = "no-route",
		[RULE_ICMPX_PORT_UNREACHABLE] = "port-unreachable",
		[RULE_ICMPX_HOST_UNREACHABLE] = "host-unreachable",
		[RULE_ICMPX_ADMIN_PROHIBITED] = "admin-prohibited",
	};

	return NAME_OF(names, code);
}

static bool is_iptables_name(const char *name)
{
	static const char *const names[] = { "filter", "nat", "mangle", "raw", "security" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/*
 * iptables names its tables and base chains in one way alone, and those who write for nft do not
 * write INPUT. The first base chain tells for all of them.
 */
bool rule_table_is_of_iptables(const struct ruleset *ruleset, uint32_t table)
{
	const struct rule_table *is = &ruleset->tables.items[table];

	if (is->is_xtables)
		return true;
	if ((is->family != RULE_FAMILY_IPV4 && is->family != RULE_FAMILY_IPV6) ||
	    !is_iptables_name(is->name))
		return false;
	for (uint32_t i = 0; i < ruleset->chains.n; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];
		static const char *const names[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
						     "POSTROUTING" };

		if (chain->table == table && chain->is_base)
			return chain->hook <= RULE_HOOK_POSTROUTING &&
			       strcmp(chain->name, names[chain->hook]) == 0;
	}
	return false;
}

static char *copy(const struct sink *sink)
{
	static const char more[] = " ...";
	char *text = malloc(sink->n + sizeof(more));

	if (!text)
		return NULL;
	memcpy(text, sink->to, sink->n);
	if (sink->is_cut)
		memcpy(text + sink->n, more, sizeof(more));
	else
		text[sink->n] = '\0';
	return text;
}

char *firewall_rule_text(const struct ruleset *ruleset, uint32_t rule)
{
	char text[PRINT_MAX];
	struct sink sink = { .to = text, .size = sizeof(text) };
	const struct rule *is = &ruleset->rules.items[rule];
	uint32_t table = ruleset->chains.items[is->chain].table;

	if (rule_table_is_of_iptables(ruleset, table) && print_xt_rule(ruleset, is, &sink))
		return copy(&sink);
	sink.n = 0;
	sink.is_cut = false;
	print_nft_rule(ruleset, is, &sink);
	return copy(&sink);
}

char *firewall_chain_text(const struct ruleset *ruleset, uint32_t chain)
{
	const struct rule_chain *is = &ruleset->chains.items[chain];
	const struct rule_table *table = &ruleset->tables.items[is->table];
	const char *family = rule_family_name(table->family);
	char text[PRINT_MAX];
	struct sink sink = { .to = text, .size = sizeof(text) };

	if (table->is_xtables)
		PUT(&sink, table->family == RULE_FAMILY_IPV6 ? "ip6tables " : "iptables ");
	else
		PUT(&sink, "nft ", family ? family : "?", " ");
	PUT(&sink, table->name, " ", is->name);
	return copy(&sink);
}
