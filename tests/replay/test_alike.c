/* SPDX-License-Identifier: MIT */
/* Questions that are taken for one another: each, asked alone, has the very same answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "record.h"
#include "rules.h"

enum {
	LO = 1,
	ETH0
};

static const char *folder = "tests/replay"; /* above "rulesets" */

static void add_address(struct ruleset *ruleset, const char *text, uint32_t ifindex)
{
	struct rule_address *address = array_push(&ruleset->addresses);
	struct hark_place *local = array_push(&ruleset->locals);
	struct rule_route *route = array_push(&ruleset->routes);

	assert_non_null(address);
	assert_non_null(local);
	assert_non_null(route);
	assert_int_equal(hark_addr_parse(text, &address->addr), 0);
	address->ifindex = ifindex;
	address->is_usable = true;
	local->prefix = (struct hark_prefix){ address->addr, 128 };
	local->ifindex = ifindex;
	route->to = local->prefix;
	route->family = strchr(text, ':') ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	route->table = RULE_TABLE_LOCAL;
	route->type = RULE_ROUTE_LOCAL;
	route->oif = ifindex;
}

static void add_default(struct ruleset *ruleset, const char *to, uint8_t family)
{
	static const uint32_t tables[] = { RULE_TABLE_LOCAL, RULE_TABLE_MAIN };
	struct rule_route *route = array_push(&ruleset->routes);

	assert_non_null(route);
	assert_int_equal(hark_prefix_parse(to, &route->to), 0);
	route->family = family;
	route->table = RULE_TABLE_MAIN;
	route->type = RULE_ROUTE_UNICAST;
	route->oif = ETH0;
	for (uint32_t i = 0; i < 2; i++) {
		struct rule_policy *policy = array_push(&ruleset->policies);

		assert_non_null(policy);
		policy->from = policy->to = route->to;
		policy->family = family;
		policy->priority = i * 32766;
		policy->action = RULE_POLICY_TABLE;
		policy->table = tables[i];
		policy->suppress_prefix = -1;
	}
}

static void add_host(struct ruleset *ruleset)
{
	static const char *const names[] = { "lo", "eth0" };

	ruleset->nftables = ruleset->routing = HARK_KNOWN;
	ruleset->xtables[HARK_FAMILY_INET] = ruleset->xtables[HARK_FAMILY_INET6] = HARK_ABSENT;
	for (uint32_t i = 0; i < 2; i++) {
		struct rule_interface *interface = array_push(&ruleset->interfaces);

		assert_non_null(interface);
		interface->name = names[i];
		interface->ifindex = i + 1;
		interface->is_up = interface->has_settings = true;
		interface->is_loopback = i == 0;
	}
	add_address(ruleset, "127.0.0.1", LO);
	add_address(ruleset, "127.0.0.2", LO);
	add_address(ruleset, "192.0.2.10", ETH0);
	add_address(ruleset, "192.0.2.11", ETH0);
	add_address(ruleset, "2001:db8::10", ETH0);
	add_address(ruleset, "2001:db8::11", ETH0);
	add_default(ruleset, "0.0.0.0/0", HARK_FAMILY_INET);
	add_default(ruleset, "::/0", HARK_FAMILY_INET6);
	ruleset_find_conntrack(ruleset);
}

static bool is_same_piece(const struct firewall_piece *a, const struct firewall_piece *b)
{
	return a->verdict == b->verdict && a->doubts == b->doubts && a->outcomes == b->outcomes &&
	       a->how.kind == b->how.kind && a->how.port == b->how.port &&
	       !hark_addr_compare(&a->how.first, &b->how.first) &&
	       ranges_equal(&a->sources, &b->sources);
}

static void assert_alike(struct firewall *firewall, const struct firewall_question *question)
{
	struct firewall_answer alone = { 0 };
	const struct firewall_answer *kept;
	bool is_same;

	assert_int_equal(firewall_ask(firewall, question, &kept), 0);
	assert_int_equal(firewall_ask_alone(firewall, question, &alone), 0);
	assert_int_not_equal(alone.pieces[0].verdict, HARK_FIREWALL_UNKNOWN);
	is_same = kept->n_pieces == alone.n_pieces;
	for (uint32_t i = 0; is_same && i < alone.n_pieces; i++)
		is_same = is_same_piece(&kept->pieces[i], &alone.pieces[i]);
	if (!is_same)
		fail_msg("protocol %u, port %u, interface %u", question->protocol, question->port,
			 question->ifindex);
	answer_fini(&alone);
}

static void ask_all(struct ruleset *ruleset)
{
	static const uint16_t ports[] = { 1,    21,   22,   23,   53,   79,   80,    81,
					  90,   91,   443,  444,  1023, 1024, 2222,  5353,
					  8079, 8080, 8081, 9000, 9090, 9091, 32768, 65535 };
	struct firewall *firewall;

	assert_int_equal(firewall_new(ruleset, &firewall), 0);
	for (uint32_t i = 0; i < ruleset->addresses.n; i++) {
		const struct rule_address *address = &ruleset->addresses.items[i];
		bool is_ipv4 = hark_addr_is_ipv4(&address->addr);

		for (uint32_t k = 0; k < 4 * sizeof(ports) / sizeof(*ports); k++) {
			struct firewall_question question = {
				.family = is_ipv4 ? HARK_FAMILY_INET : HARK_FAMILY_INET6,
				.protocol = k % 2 ? RULE_PROTOCOL_UDP : RULE_PROTOCOL_TCP,
				.ifindex = address->ifindex,
				.to = address->addr,
				.port = ports[k / 4],
				.is_canonical = true,
				.uid = k / 2 % 2 ? 1000 : HARK_NONE,
			};

			assert_alike(firewall, &question);
		}
	}
	firewall_free(firewall);
}

/* --- Recordings --- */

static void ask_recording(const char *name)
{
	struct recording recording = { 0 };
	struct ruleset *ruleset = ruleset_new();
	struct replayer replayer;
	bool interrupted;
	char path[4096];
	int dir_fd;

	snprintf(path, sizeof(path), "%s/rulesets/%s", folder, name);
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	assert_int_equal(recording_load(&recording, dir_fd, "netlink"), 0);
	replayer_init(&replayer, &recording, -1, -1);
	assert_int_equal(nftables_read(&replayer.source, ruleset, &interrupted), 0);
	replayer_fini(&replayer);
	add_host(ruleset);
	ask_all(ruleset);
	ruleset_free(ruleset);
	recording_fini(&recording);
	close(dir_fd);
}

static void asks_everything(void **state)
{
	(void)state;
	ask_recording("everything");
}

static void asks_ufw(void **state)
{
	(void)state;
	ask_recording("ufw");
}

static void asks_firewalld(void **state)
{
	(void)state;
	ask_recording("firewalld");
}

/* --- By hand --- */

static void add_chain(struct ruleset *ruleset, const char *type, uint8_t hook, uint8_t policy)
{
	struct rule_table *table = ruleset->tables.n ? NULL : array_push(&ruleset->tables);
	struct rule_chain *chain = array_push(&ruleset->chains);

	assert_non_null(chain);
	if (table)
		*table = (struct rule_table){ .name = "t", .family = RULE_FAMILY_IPV4 };
	*chain = (struct rule_chain){ .name = "c",
				      .type = type,
				      .is_base = true,
				      .hook = hook,
				      .policy = policy,
				      .priority = type[0] == 'n' ? -100 : 0,
				      .first_rule = ruleset->rules.n };
}

/* Register 0 stands for none. */
static void add_rule(struct ruleset *ruleset, const struct rule_expression *expressions, uint32_t n)
{
	struct rule *rule = array_push(&ruleset->rules);

	assert_non_null(rule);
	*rule = (struct rule){ .chain = ruleset->chains.n - 1,
			       .first_expression = ruleset->expressions.n,
			       .n_expressions = n };
	for (uint32_t i = 0; i < n; i++) {
		struct rule_expression *e = array_push(&ruleset->expressions);

		assert_non_null(e);
		*e = expressions[i];
		e->dreg = e->dreg ? e->dreg : RULE_REG_NONE;
		e->sreg = e->sreg ? e->sreg : RULE_REG_NONE;
		e->sreg2 = e->sreg2 ? e->sreg2 : RULE_REG_NONE;
		e->sreg3 = RULE_REG_NONE;
		e->sreg4 = e->sreg4 ? e->sreg4 : RULE_REG_NONE;
	}
	ruleset->chains.items[ruleset->chains.n - 1].n_rules++;
}

static struct rule_bytes keep(struct ruleset *ruleset, const void *bytes, uint16_t length)
{
	return (struct rule_bytes){ .at = ruleset_keep(ruleset, bytes, length), .length = length };
}

/* "redirect to :FIRST-LAST", then "ct status dnat accept" under a policy that drops. */
static void asks_redirect(void **state)
{
	static const uint8_t first[2] = { 0, 80 }, last[2] = { 0, 90 };
	static const uint32_t mask = RULE_CT_DST_NAT, zero;
	struct ruleset *ruleset = ruleset_new();

	(void)state;
	add_chain(ruleset, "nat", RULE_HOOK_PREROUTING, RULE_ACCEPT);
	add_rule(ruleset,
		 (struct rule_expression[]){
			 { .op = RULE_OP_IMMEDIATE, .dreg = 8, .data = keep(ruleset, first, 2) },
			 { .op = RULE_OP_IMMEDIATE, .dreg = 12, .data = keep(ruleset, last, 2) },
			 { .op = RULE_OP_REDIR, .sreg2 = 8, .sreg4 = 12 } },
		 3);
	add_chain(ruleset, "filter", RULE_HOOK_INPUT, RULE_DROP);
	add_rule(
		ruleset,
		(struct rule_expression[]){ { .op = RULE_OP_CT, .dreg = 16, .key = RULE_CT_STATUS },
					    { .op = RULE_OP_BITWISE,
					      .sreg = 16,
					      .dreg = 16,
					      .length = 4,
					      .data = keep(ruleset, &mask, 4),
					      .data2 = keep(ruleset, &zero, 4) },
					    { .op = RULE_OP_CMP,
					      .sreg = 16,
					      .length = 4,
					      .compare = RULE_NEQ,
					      .data = keep(ruleset, &zero, 4) },
					    { .op = RULE_OP_IMMEDIATE,
					      .dreg = RULE_REG_VERDICT,
					      .verdict = RULE_ACCEPT } },
		4);
	add_host(ruleset);
	ask_all(ruleset);
	ruleset_free(ruleset);
}

/* Bytes of the header from the `offset`th on, and the verdict where they are these. */
static void ask_header(uint8_t hook, uint32_t offset, const uint8_t *bytes, uint8_t length)
{
	struct ruleset *ruleset = ruleset_new();

	add_chain(ruleset, "filter", hook, RULE_ACCEPT);
	add_rule(ruleset,
		 (struct rule_expression[]){ { .op = RULE_OP_PAYLOAD,
					       .dreg = 16,
					       .base = RULE_PAYLOAD_NETWORK,
					       .offset = offset,
					       .length = length },
					     { .op = RULE_OP_CMP,
					       .sreg = 16,
					       .length = length,
					       .compare = RULE_NEQ,
					       .data = keep(ruleset, bytes, length) },
					     { .op = RULE_OP_IMMEDIATE,
					       .dreg = RULE_REG_VERDICT,
					       .verdict = RULE_DROP } },
		 3);
	add_host(ruleset);
	ask_all(ruleset);
	ruleset_free(ruleset);
}

static void asks_addresses(void **state)
{
	static const uint8_t local[] = { 127, 0, 0, 2 };
	static const uint8_t both[] = { 8, 8, 8, 8, 192, 0, 2, 11, 156, 64, 0, 22 };

	(void)state;
	ask_header(RULE_HOOK_INPUT, 12, local, 4); /* of answers that come in on lo */
	ask_header(RULE_HOOK_OUTPUT, 12, local, 4);
	ask_header(RULE_HOOK_INPUT, 16, both + 4, 4);
	ask_header(RULE_HOOK_INPUT, 12, both, 8); /* more than the source */
	ask_header(RULE_HOOK_INPUT, 12, both, 12);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_everything), cmocka_unit_test(asks_ufw),
		cmocka_unit_test(asks_firewalld),  cmocka_unit_test(asks_redirect),
		cmocka_unit_test(asks_addresses),
	};

	if (argc > 1)
		folder = argv[1];
	return cmocka_run_group_tests_name("alike", tests, NULL, NULL);
}
