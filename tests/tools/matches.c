/* SPDX-License-Identifier: MIT */
/*
 * matches: judges the x_tables matches of the rules of the current network namespace, those of
 * nf_tables and of the older tables, for comparison with what becomes of real packets.
 *
 * matches FAMILY PROTOCOL TO PORT INTERFACE [crafted]
 *
 * For each rule that has a match a line: the mask of doubts, the sources for which all of its
 * matches hold for sure, and after a '?' those for which they may.
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

static bool is_match(const struct rule_expression *expression)
{
	return expression->op == RULE_OP_XT_MATCH || expression->op == RULE_OP_XT_IP;
}

static void print_rule(const struct packet *packet, const struct packet_state *state,
		       const struct rule *rule)
{
	const struct rule_expression *expressions =
		packet->ruleset->expressions.items + rule->first_expression;
	bool is_ipv6 = packet->question->family == HARK_FAMILY_INET6, has_any = false;
	struct condition all = { 0 }, one = { 0 };
	int r = condition_of_all(&all, &state->sources);

	for (uint32_t i = 0; r == 0 && i < rule->n_expressions; i++) {
		if (!is_match(&expressions[i]))
			continue;
		has_any = true;
		r = xt_match(packet, state, &packet->ruleset->xts.items[expressions[i].xt], &one);
		if (r == 0)
			r = condition_and(&all, &one);
	}
	if (r < 0)
		errx(1, "no memory");
	if (has_any) {
		printf("%x", all.doubts);
		print_ranges(&all.must, is_ipv6);
		printf(" ?");
		print_ranges(&all.may, is_ipv6);
		printf("\n");
	}
	condition_fini(&all);
	condition_fini(&one);
}

/* As a packet of the chain's hook has it: on the way in a new one, on the way out a reply. */
static void print_chain(struct packet packet, struct packet_state *state,
			const struct rule_chain *chain)
{
	const struct rule_interface *interface = packet.in;
	bool is_first = chain->is_base && chain->priority < RULE_PRIORITY_CONNTRACK;

	packet.hook = chain->is_base ? chain->hook : RULE_HOOK_INPUT;
	packet.is_reply = packet.hook == RULE_HOOK_OUTPUT || packet.hook == RULE_HOOK_POSTROUTING;
	packet.in = packet.is_reply ? NULL : interface;
	packet.out = packet.is_reply ? interface : NULL;
	state->ct = is_first        ? PACKET_CT_NONE :
		    packet.is_reply ? PACKET_CT_ESTABLISHED :
				      PACKET_CT_NEW;
	for (uint32_t i = 0; i < chain->n_rules; i++)
		print_rule(&packet, state, &packet.ruleset->rules.items[chain->first_rule + i]);
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
	source_close_live(&live);
	return ruleset;
}

int main(int argc, char **argv)
{
	struct firewall_question question = { .uid = HARK_NONE };
	struct packet_state state = { .is_to_known = true,
				      .is_port_known = true,
				      .is_dnat_known = true };
	struct packet packet = { .question = &question };
	struct ruleset *ruleset;
	bool is_ipv6;

	if (argc < 6 || hark_addr_parse(argv[3], &question.to) < 0 || !getprotobyname(argv[2]))
		errx(2, "usage: matches FAMILY PROTOCOL TO PORT INTERFACE [crafted]");
	is_ipv6 = strcmp(argv[1], "6") == 0;
	question.family = is_ipv6 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	question.protocol = (uint8_t)getprotobyname(argv[2])->p_proto;
	question.port = (uint16_t)atoi(argv[4]);
	question.ifindex = if_nametoindex(argv[5]);
	question.is_canonical = argc == 6;
	ruleset = read_rules();
	packet.ruleset = ruleset;
	packet.in = ruleset_interface(ruleset, question.ifindex);
	state.mark.known = state.ct_mark.known = UINT32_MAX;
	state.to = question.to;
	state.port = question.port;
	if (fib_new(ruleset, &packet.fib) < 0 || ipset_cache_new(ruleset, &packet.ipsets) < 0 ||
	    ranges_set(&state.sources, 0, is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4) < 0)
		errx(1, "no memory");
	for (uint32_t i = 0; i < ruleset->chains.n; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];

		if (ruleset->tables.items[chain->table].family ==
		    (is_ipv6 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4))
			print_chain(packet, &state, chain);
	}
	ranges_fini(&state.sources);
	ipset_cache_free(packet.ipsets);
	fib_free(packet.fib);
	ruleset_free(ruleset);
	return 0;
}
