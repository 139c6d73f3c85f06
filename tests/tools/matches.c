/* SPDX-License-Identifier: MIT */
/*
 * matches: judges the x_tables matches of the rules of nf_tables in the current network namespace,
 * for comparison with what becomes of real packets.
 *
 * matches FAMILY PROTOCOL TO PORT INTERFACE [crafted] [reply]
 *
 * For each match a line: the rule's comment, its name, the doubts, then the sources for which it
 * must hold, and after a '?' those for which it may. A rule of several has as many lines.
 */
#include <arpa/inet.h>
#include <err.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "rules.h"

static void print_ranges(const struct ranges *ranges, bool is_ipv6)
{
	for (uint32_t i = 0; i < ranges->n; i++) {
		struct hark_range range = { ranges_addr(ranges->items[i].first, is_ipv6),
					    ranges_addr(ranges->items[i].last, is_ipv6) };
		char text[HARK_RANGE_TEXT_SIZE];

		printf(" %s", hark_range_format(&range, text));
	}
}

static void print_match(const struct packet *packet, const struct packet_state *state,
			const struct rule *rule, const struct rule_expression *expression)
{
	bool is_ipv6 = packet->question->family == HARK_FAMILY_INET6;
	const struct xt *xt = &packet->ruleset->xts.items[expression->xt];
	struct condition condition = { 0 };

	if (xt_match(packet, state, xt, &condition) < 0)
		errx(1, "no memory");
	printf("%s %s %x", rule->comment ? rule->comment : "-", xt->name, condition.doubts);
	print_ranges(&condition.must, is_ipv6);
	printf(" ?");
	print_ranges(&condition.may, is_ipv6);
	printf("\n");
	condition_fini(&condition);
}

static void print_all(const struct packet *packet, const struct packet_state *state)
{
	const struct ruleset *ruleset = packet->ruleset;

	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		const struct rule *rule = &ruleset->rules.items[i];
		uint32_t table = ruleset->chains.items[rule->chain].table;

		if (ruleset->tables.items[table].family !=
		    (packet->question->family == HARK_FAMILY_INET6 ? RULE_FAMILY_IPV6 :
								     RULE_FAMILY_IPV4))
			continue;
		for (uint32_t k = 0; k < rule->n_expressions; k++) {
			const struct rule_expression *expression =
				&ruleset->expressions.items[rule->first_expression + k];

			if (expression->op == RULE_OP_XT_MATCH || expression->op == RULE_OP_XT_IP)
				print_match(packet, state, rule, expression);
		}
	}
}

static struct ruleset *read_rules(void)
{
	struct ruleset *ruleset = ruleset_new();
	struct hark_source live;
	bool interrupted;

	if (!ruleset)
		errx(1, "no memory");
	source_open_live(&live);
	if (nftables_read(&live, ruleset, &interrupted) < 0 || xtables_read(&live, ruleset) < 0 ||
	    ipsets_read(&live, ruleset) < 0 || routing_read(&live, ruleset) < 0)
		errx(1, "no memory");
	ruleset_find_comments(ruleset);
	source_close_live(&live);
	return ruleset;
}

int main(int argc, char **argv)
{
	struct firewall_question question = { .is_canonical = true, .uid = HARK_NONE };
	struct packet_state state = { .is_to_known = true, .is_dnat_known = true };
	struct packet packet = { .question = &question, .hook = RULE_HOOK_INPUT };
	struct ruleset *ruleset;
	bool is_ipv6;

	if (argc < 6 || hark_addr_parse(argv[3], &question.to) < 0 || !getprotobyname(argv[2]))
		errx(2, "usage: matches FAMILY PROTOCOL TO PORT INTERFACE [crafted] [reply]");
	is_ipv6 = strcmp(argv[1], "6") == 0;
	question.family = is_ipv6 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	question.protocol = (uint8_t)getprotobyname(argv[2])->p_proto;
	question.port = (uint16_t)atoi(argv[4]);
	question.ifindex = if_nametoindex(argv[5]);
	ruleset = read_rules();
	packet.ruleset = ruleset;
	packet.in = ruleset_interface(ruleset, question.ifindex);
	state.ct = PACKET_CT_NEW;
	for (int i = 6; i < argc; i++) {
		if (strcmp(argv[i], "crafted") == 0)
			question.is_canonical = false;
		if (strcmp(argv[i], "reply") != 0)
			continue;
		packet.is_reply = true;
		packet.hook = RULE_HOOK_OUTPUT;
		packet.out = packet.in;
		packet.in = NULL;
		state.ct = PACKET_CT_ESTABLISHED;
	}
	state.mark.known = state.ct_mark.known = UINT32_MAX;
	state.to = question.to;
	state.port = question.port;
	if (fib_new(ruleset, &packet.fib) < 0 ||
	    ranges_set(&state.sources, 0, is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4) < 0)
		errx(1, "no memory");
	print_all(&packet, &state);
	ranges_fini(&state.sources);
	fib_free(packet.fib);
	ruleset_free(ruleset);
	return 0;
}
