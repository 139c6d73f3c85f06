/* SPDX-License-Identifier: MIT */
/* The text of rules that no program makes, or none that is at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "firewall.h"
#include "print.h"

static const struct rule_expression nothing = {
	.dreg = RULE_REG_NONE,
	.sreg = RULE_REG_NONE,
	.sreg2 = RULE_REG_NONE,
	.sreg3 = RULE_REG_NONE,
	.sreg4 = RULE_REG_NONE,
	.chain = RULESET_NONE,
	.set = RULESET_NONE,
	.xt = RULESET_NONE,
};

/* A table of nft with one chain and one rule, still empty. */
static struct ruleset *begin(uint8_t family)
{
	struct ruleset *ruleset = ruleset_new();

	assert_non_null(ruleset);
	*array_push(&ruleset->tables) = (struct rule_table){ .name = "t", .family = family };
	*array_push(&ruleset->chains) = (struct rule_chain){ .name = "c", .n_rules = 1 };
	array_push(&ruleset->rules);
	return ruleset;
}

static struct rule_expression *add(struct ruleset *ruleset, enum rule_op op)
{
	struct rule_expression *expression = array_push(&ruleset->expressions);

	assert_non_null(expression);
	*expression = nothing;
	expression->op = op;
	ruleset->rules.items[0].n_expressions++;
	return expression;
}

static struct rule_bytes keep(struct ruleset *ruleset, const void *bytes, uint32_t length)
{
	return (struct rule_bytes){ .at = ruleset_keep(ruleset, bytes, length), .length = length };
}

static void load(struct ruleset *ruleset, uint8_t base, uint32_t offset, uint8_t length)
{
	struct rule_expression *payload = add(ruleset, RULE_OP_PAYLOAD);

	payload->base = base;
	payload->offset = offset;
	payload->length = length;
	payload->dreg = 0;
}

static void compare(struct ruleset *ruleset, uint8_t how, const void *bytes, uint8_t length)
{
	struct rule_expression *cmp = add(ruleset, RULE_OP_CMP);

	cmp->sreg = 0;
	cmp->compare = how;
	cmp->length = length;
	cmp->data = keep(ruleset, bytes, length);
}

static void assert_text(struct ruleset *ruleset, const char *expected)
{
	char *text = firewall_rule_text(ruleset, 0);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	ruleset_free(ruleset);
}

static void test_parts_of_a_load(void **state)
{
	struct ruleset *ruleset = begin(RULE_FAMILY_IPV4);

	(void)state;
	/* Two addresses at once; one to three bytes of one; what is no field */
	load(ruleset, RULE_PAYLOAD_NETWORK, 12, 8);
	compare(ruleset, RULE_EQ, "\xc0\x00\x02\x01\x0a\x00\x00\x01", 8);
	load(ruleset, RULE_PAYLOAD_NETWORK, 12, 3);
	compare(ruleset, RULE_NEQ, "\x0a\x01\x02", 3);
	load(ruleset, RULE_PAYLOAD_NETWORK, 14, 4);
	compare(ruleset, RULE_EQ, "\x00\x00\x00\x07", 4);
	add(ruleset, RULE_OP_IMMEDIATE)->dreg = RULE_REG_VERDICT;
	ruleset->expressions.items[ruleset->expressions.n - 1].verdict = RULE_DROP;
	assert_text(ruleset, "ip saddr 192.0.2.1 ip daddr 10.0.0.1 ip saddr != 10.1.2.0/24 "
			     "@nh,112,32 0x7 drop");
}

static void test_registers(void **state)
{
	struct ruleset *ruleset = begin(RULE_FAMILY_INET);
	struct rule_expression *bitwise;

	(void)state;
	/* Nothing was loaded; a register that there is not */
	compare(ruleset, RULE_EQ, "\x00\x00\x00\x01", 4);
	add(ruleset, RULE_OP_CMP)->sreg = 251;
	/* Bits of two registers, which no nft of today writes */
	load(ruleset, RULE_PAYLOAD_NETWORK, 12, 4);
	bitwise = add(ruleset, RULE_OP_BITWISE);
	bitwise->sreg = 0;
	bitwise->sreg2 = 4;
	bitwise->dreg = 0;
	bitwise->length = 4;
	bitwise->arithmetic = RULE_OR;
	compare(ruleset, RULE_GT, "\x00\x00\x00\x01", 4);
	assert_text(ruleset, "[register 0] 0x1 [register 62]  @nh,96,32 | [register 1] > 0x1");
}

static void test_unknown(void **state)
{
	struct ruleset *ruleset = begin(RULE_FAMILY_INET);
	struct rule_expression *expression;

	(void)state;
	add(ruleset, RULE_OP_UNKNOWN)->name = "inner";
	expression = add(ruleset, RULE_OP_META);
	expression->key = 200;
	expression->dreg = 0;
	compare(ruleset, RULE_EQ, "\x01", 1);
	expression = add(ruleset, RULE_OP_LOOKUP);
	expression->sreg = 0;
	expression->is_inverted = true;
	expression = add(ruleset, RULE_OP_IMMEDIATE);
	expression->dreg = RULE_REG_VERDICT;
	expression->verdict = RULE_VERDICT_UNKNOWN;
	ruleset->rules.items[0].comment = "it is \"so\"";
	assert_text(ruleset, "[unknown expression inner] meta [unknown key 200] 0x1 "
			     "meta [unknown key 200] != [unknown set] [unknown verdict] "
			     "comment \"it is \"so\"\"");
}

static void test_queue(void **state)
{
	struct ruleset *ruleset = begin(RULE_FAMILY_IPV4);
	struct rule_expression *queue = add(ruleset, RULE_OP_QUEUE);

	(void)state;
	queue->modulus = 1;
	queue->burst = 3;
	queue->flags = 3;
	add(ruleset, RULE_OP_QUEUE);
	assert_text(ruleset, "queue flags bypass,fanout to 1-3 queue to 0");
}

static void test_long_set(void **state)
{
	struct ruleset *ruleset = begin(RULE_FAMILY_IPV4);
	struct rule_set *set = array_push(&ruleset->sets);

	(void)state;
	*set = (struct rule_set){ .name = "__set0",
				  .flags = RULE_SET_ANONYMOUS,
				  .key_length = 2,
				  .is_known = true,
				  .n_elements = 1000 };
	/* The last come first, as a hash may have them. */
	for (uint32_t i = 1000; i > 0; i--) {
		uint8_t port[2] = { (uint8_t)(i >> 8), (uint8_t)i };
		uint32_t at = ruleset_keep(ruleset, port, sizeof(port));
		struct rule_element *element = array_push(&ruleset->elements);

		*element = (struct rule_element){
			.first = at, .last = at, .data = RULESET_NONE, .chain = RULESET_NONE
		};
	}
	load(ruleset, RULE_PAYLOAD_TRANSPORT, 2, 2);
	add(ruleset, RULE_OP_LOOKUP)->sreg = 0;
	ruleset->expressions.items[1].set = 0;
	assert_text(ruleset, "th dport { 1, 2, 3, 4, 5, 6, 7, 8, ... 992 more }");
}

/* Of what is too long the beginning is written. */
static void test_bounds(void **state)
{
	struct ruleset *ruleset = begin(RULE_FAMILY_IPV4);
	char *text;

	(void)state;
	for (int i = 0; i < 5000; i++)
		add(ruleset, RULE_OP_COUNTER);
	text = firewall_rule_text(ruleset, 0);
	assert_non_null(text);
	assert_in_range(strlen(text), 4000, 4200);
	assert_string_equal(text + strlen(text) - 4, " ...");
	assert_memory_equal(text, "counter counter ", 16);
	free(text);
	ruleset_free(ruleset);
}

static void test_chains(void **state)
{
	static const struct {
		uint8_t family;
		bool is_xtables;
		const char *text;
	} cases[] = {
		{ RULE_FAMILY_INET, false, "nft inet t c" },
		{ RULE_FAMILY_IPV6, false, "nft ip6 t c" },
		{ RULE_FAMILY_IPV4, true, "iptables t c" },
		{ RULE_FAMILY_IPV6, true, "ip6tables t c" },
		{ 99, false, "nft ? t c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ruleset *ruleset = begin(cases[i].family);
		char *text;

		ruleset->tables.items[0].is_xtables = cases[i].is_xtables;
		text = firewall_chain_text(ruleset, 0);
		assert_string_equal(text, cases[i].text);
		free(text);
		ruleset_free(ruleset);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(rule_hook_name(RULE_HOOK_EGRESS), "egress");
	assert_null(rule_hook_name(RULE_HOOK_N_));
	assert_string_equal(rule_ct_state_name(RULE_CT_STATE_NEW), "new");
	assert_null(rule_ct_state_name(0x80));
	assert_string_equal(rule_route_type_name(RULE_ROUTE_LOCAL), "local");
	assert_null(rule_family_name(0));
	assert_null(rule_verdict_name(RULE_VERDICT_UNKNOWN));
	assert_string_equal(rule_protocol_name(6), "tcp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_of_a_load), cmocka_unit_test(test_registers),
		cmocka_unit_test(test_unknown),         cmocka_unit_test(test_queue),
		cmocka_unit_test(test_long_set),        cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_chains),          cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
