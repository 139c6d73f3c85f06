/* SPDX-License-Identifier: MIT */
/* The reader of nf_tables, against a kernel that says what a test wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "fakenftables.h"
#include "fixture.h"
#include "rules.h"

static void assert_unread(const struct ruleset *ruleset, enum hark_presence presence, int error)
{
	assert_int_equal(ruleset->nftables, presence);
	assert_int_equal(ruleset->nftables_error, error);
	assert_int_equal(ruleset->tables.n, 0);
	assert_int_equal(ruleset->chains.n, 0);
	assert_int_equal(ruleset->rules.n, 0);
}

static void test_nothing(void **state)
{
	struct fakenft *world = *state;

	assert_unread(fakenft_read(world), HARK_ABSENT, 0);
	assert_int_equal(world->n_requests, 1);
}

/* Nothing is asked that would load a module. */
static void test_modules(void **state)
{
	struct fakenft *world = *state;

	fakenft_add_table(world, "t", 0);
	world->source.proc_fd = fixture_open();
	world->source.sys_fd = fixture_open();
	assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN); /* the kernel has no modules */
	fixture_write(world->source.proc_fd, "modules", "");
	assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN); /* nobody can tell */
	fixture_write(world->source.proc_fd, "net/netlink",
		      "sk               Eth Pid\n0000000096685bd2 0   12\n");
	world->n_opened = 0;
	assert_unread(fakenft_read(world), HARK_ABSENT, 0);
	assert_int_equal(world->n_opened, 0);
	fixture_write(world->source.sys_fd, "module/nf_tables/refcnt", "0\n");
	assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN);
	fixture_close(world->source.sys_fd);
	world->source.sys_fd = -1;
	assert_unread(fakenft_read(world), HARK_ABSENT, 0);
	fixture_write(world->source.proc_fd, "net/netlink",
		      "sk               Eth Pid\n0000000096685bd2 0   0\n00000000231bc7c8 12  0\n");
	assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN);
	fixture_close(world->source.proc_fd);
}

static void test_refusals(void **state)
{
	struct fakenft *world = *state;

	world->scripts[NFT_MSG_GETTABLE].error = -EPERM;
	assert_unread(fakenft_read(world), HARK_DENIED, 0);
	world->scripts[NFT_MSG_GETTABLE].error = -EINVAL;
	assert_unread(fakenft_read(world), HARK_ABSENT, 0);
	world->scripts[NFT_MSG_GETTABLE].error = -EIO;
	assert_unread(fakenft_read(world), HARK_UNSUPPORTED, EIO);
	world->open_error = -EPROTONOSUPPORT;
	assert_unread(fakenft_read(world), HARK_ABSENT, 0);
	assert_false(world->interrupted);
}

/* That it has tables was seen, so that nothing of what comes later says that there are none. */
static void test_refused_later(void **state)
{
	struct fakenft *world = *state;

	fakenft_add_table(world, "t", 0);
	world->scripts[NFT_MSG_GETRULE].error = -EINVAL;
	assert_unread(fakenft_read(world), HARK_UNSUPPORTED, EINVAL);
}

static void test_tables(void **state)
{
	struct fakenft *world = *state;
	const struct ruleset *ruleset;

	fakenft_add_table(world, "a", NFT_TABLE_F_DORMANT);
	fakenft_add_table(world, "t", NFT_TABLE_F_OWNER);
	world->family = NFPROTO_ARP;
	fakenft_add_table(world, "t", 0);
	world->family = NFPROTO_IPV6;
	fakenft_add_table(world, "t", 0);
	fakenft_add_base(world, "c", NF_INET_LOCAL_IN, NF_DROP);
	ruleset = fakenft_read(world);
	assert_int_equal(ruleset->nftables, HARK_KNOWN);
	assert_int_equal(ruleset->generation, 70000);
	assert_int_equal(ruleset->tables.n, 3);
	assert_true(ruleset->tables.items[0].is_dormant);
	assert_false(ruleset->tables.items[1].is_dormant);
	assert_int_equal(ruleset->chains.n, 1);
	assert_int_equal(ruleset->chains.items[0].table, 2);
	assert_int_equal(ruleset->chains.items[0].priority, -300);
	assert_int_equal(ruleset->chains.items[0].policy, RULE_DROP);
	assert_int_equal(ruleset->chains.items[0].hook, RULE_HOOK_INPUT);
}

/* A list, a name that is a prefix (Linux 6.16), and one that says so (6.17). */
static void test_devices(void **state)
{
	struct fakenft *world = *state;
	const struct ruleset *ruleset;
	struct nlattr *nest, *list;
	struct nlmsghdr *message;

	world->family = NFPROTO_NETDEV;
	fakenft_add_table(world, "t", 0);
	message = fakenft_begin_base(world, "c", NF_NETDEV_INGRESS, NF_DROP, &nest);
	mnl_attr_put_strz(message, NFTA_HOOK_DEV, "eth0");
	list = mnl_attr_nest_start(message, NFTA_HOOK_DEVS);
	mnl_attr_put_strz(message, NFTA_DEVICE_NAME, "eth0");
	mnl_attr_put_str(message, NFTA_DEVICE_NAME, "veth");
	mnl_attr_put_strz(message, 2, "wg");
	mnl_attr_nest_end(message, list);
	mnl_attr_nest_end(message, nest);
	fakenft_end(world, NFT_MSG_GETCHAIN, message);
	message = fakenft_begin_base(world, "d", NF_NETDEV_EGRESS, NF_DROP, &nest);
	mnl_attr_put_strz(message, NFTA_HOOK_DEV, "eth1");
	mnl_attr_nest_end(message, nest);
	fakenft_end(world, NFT_MSG_GETCHAIN, message);
	ruleset = fakenft_read(world);
	assert_int_equal(ruleset->chains.n, 2);
	assert_int_equal(ruleset->chains.items[0].hook, RULE_HOOK_INGRESS);
	assert_int_equal(ruleset->chains.items[0].n_devices, 3);
	assert_string_equal(ruleset->devices.items[0], "eth0");
	assert_string_equal(ruleset->devices.items[1], "veth*");
	assert_string_equal(ruleset->devices.items[2], "wg*");
	assert_int_equal(ruleset->chains.items[1].hook, RULE_HOOK_EGRESS);
	assert_string_equal(ruleset->devices.items[ruleset->chains.items[1].first_device], "eth1");
}

static void test_odd_hook(void **state)
{
	struct fakenft *world = *state;

	fakenft_add_table(world, "t", 0);
	fakenft_add_base(world, "c", 6, NF_DROP);
	assert_unread(fakenft_read(world), HARK_UNSUPPORTED, EBADMSG);
}

static void add_verdicts(struct fakenft *world)
{
	static const struct {
		int32_t code;
		const char *chain;
	} verdicts[] = {
		{ NF_DROP, NULL },       { NF_ACCEPT, NULL },   { NFT_CONTINUE, NULL },
		{ NFT_RETURN, NULL },    { NFT_JUMP, "other" }, { NFT_GOTO, "other" },
		{ NFT_JUMP, "nowhere" }, { NFT_BREAK, NULL },   { NF_QUEUE | 3 << 16, NULL },
		{ NF_REPEAT, NULL }
	};
	struct nlmsghdr *message;
	struct nlattr *nest;

	fakenft_add_table(world, "t", 0);
	fakenft_add_base(world, "c", NF_INET_LOCAL_IN, NF_ACCEPT);
	fakenft_add_chain(world, "other");
	message = fakenft_begin_rule(world, "c", &nest);
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		fakenft_put_immediate(message, verdicts[i].code, verdicts[i].chain);
	fakenft_end_rule(world, message, nest);
}

static void test_verdicts(void **state)
{
	static const uint8_t expected[] = {
		RULE_DROP,  RULE_ACCEPT,         RULE_CONTINUE,        RULE_RETURN,
		RULE_JUMP,  RULE_GOTO,           RULE_VERDICT_UNKNOWN, RULE_VERDICT_UNKNOWN,
		RULE_QUEUE, RULE_VERDICT_UNKNOWN
	};
	struct fakenft *world = *state;
	const struct ruleset *ruleset;

	add_verdicts(world);
	ruleset = fakenft_read(world);
	assert_int_equal(ruleset->rules.n, 1);
	assert_int_equal(ruleset->rules.items[0].handle, 77);
	assert_int_equal(ruleset->expressions.n, sizeof(expected));
	for (uint32_t i = 0; i < sizeof(expected); i++) {
		const struct rule_expression *e = &ruleset->expressions.items[i];

		assert_int_equal(e->op, RULE_OP_IMMEDIATE);
		assert_int_equal(e->dreg, RULE_REG_VERDICT);
		assert_int_equal(e->verdict, expected[i]);
		assert_int_equal(e->chain, i == 4 || i == 5 ? 1 : RULESET_NONE);
	}
}

struct bitwise {
	uint32_t dreg, sreg, sreg2, op; /* a second register of 0 is none */
	const char *more;               /* "mask": that and xor; "data" */
	uint16_t newer;                 /* an attribute that nobody knows yet; 0: none */
	bool is_known;
};

static void put_bitwise(struct nlmsghdr *message, const struct bitwise *bitwise)
{
	struct fakenft_expression expression = fakenft_begin_expression(message, "bitwise");

	fakenft_put_be32(message, NFTA_BITWISE_SREG, bitwise->sreg);
	fakenft_put_be32(message, NFTA_BITWISE_DREG, bitwise->dreg);
	fakenft_put_be32(message, NFTA_BITWISE_LEN, 4);
	fakenft_put_be32(message, NFTA_BITWISE_OP, bitwise->op);
	if (bitwise->sreg2)
		fakenft_put_be32(message, 8, bitwise->sreg2);
	if (!strcmp(bitwise->more, "mask")) {
		fakenft_put_value(message, NFTA_BITWISE_MASK, "abcd", 4);
		fakenft_put_value(message, NFTA_BITWISE_XOR, "efgh", 4);
	} else if (!strcmp(bitwise->more, "data")) {
		fakenft_put_value(message, NFTA_BITWISE_DATA, "ijkl", 4);
	}
	if (bitwise->newer)
		fakenft_put_be32(message, bitwise->newer, 1);
	fakenft_end_expression(message, expression);
}

/* Also what registers are called, and that a new attribute makes an old expression unknown. */
static void test_bitwise(void **state)
{
	static const struct bitwise cases[] = {
		{ NFT_REG_1, NFT_REG_4, 0, RULE_MASK_XOR, "mask", 0, true },
		{ NFT_REG32_00, NFT_REG32_15, 0, RULE_LSHIFT, "data", 0, true },
		{ NFT_REG_1, NFT_REG_2, NFT_REG32_01, RULE_AND, "", 0, true },
		{ NFT_REG_1, NFT_REG_2, 0, RULE_XOR, "data", 0, true },
		{ NFT_REG_1, NFT_REG_2, 0, RULE_AND, "", 0, false },
		{ NFT_REG_1, NFT_REG_2, NFT_REG_3, RULE_MASK_XOR, "mask", 0, false },
		{ NFT_REG_1, NFT_REG_2, 0, 6, "data", 0, false },
		{ NFT_REG_1, NFT_REG_VERDICT, 0, RULE_MASK_XOR, "mask", 0, false },
		{ NFT_REG_1, 24, 0, RULE_MASK_XOR, "mask", 0, false },
		{ NFT_REG_1, 5, 0, RULE_MASK_XOR, "mask", 0, false },
		{ NFT_REG_1, NFT_REG_2, 0, RULE_MASK_XOR, "mask", 9, false },
		{ NFT_REG_1, NFT_REG_2, 0, RULE_MASK_XOR, "mask", 99, false },
	};
	struct fakenft *world = *state;
	const struct ruleset *ruleset;
	const struct rule_expression *e;
	struct nlmsghdr *message;
	struct nlattr *nest;

	fakenft_add_table(world, "t", 0);
	fakenft_add_chain(world, "c");
	message = fakenft_begin_rule(world, "c", &nest);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		put_bitwise(message, &cases[i]);
	fakenft_end_rule(world, message, nest);
	ruleset = fakenft_read(world);
	assert_int_equal(ruleset->rules.items[0].n_expressions, sizeof(cases) / sizeof(cases[0]));
	e = ruleset->expressions.items;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(e[i].op, cases[i].is_known ? RULE_OP_BITWISE : RULE_OP_UNKNOWN);
		if (!cases[i].is_known)
			assert_string_equal(e[i].name, "bitwise");
	}
	assert_int_equal(e[0].sreg, 48);
	assert_memory_equal(ruleset_bytes(ruleset, e[0].data.at), "abcd", 4);
	assert_memory_equal(ruleset_bytes(ruleset, e[0].data2.at), "efgh", 4);
	assert_int_equal(e[1].dreg, 0);
	assert_int_equal(e[1].sreg, 60);
	assert_int_equal(e[2].sreg2, 4);
	assert_int_equal(e[3].sreg2, RULE_REG_NONE);
}

/* A name that nobody knows, values too long, what reaches beyond the registers. */
static void test_unknown(void **state)
{
	static const uint8_t long_value[65];
	struct fakenft *world = *state;
	const struct ruleset *ruleset;
	struct fakenft_expression expression;
	struct nlmsghdr *message;
	struct nlattr *nest;

	fakenft_add_table(world, "t", 0);
	fakenft_add_chain(world, "c");
	message = fakenft_begin_rule(world, "c", &nest);
	expression = fakenft_begin_expression(message, "inner");
	fakenft_end_expression(message, expression);
	expression = fakenft_begin_expression(message, "cmp");
	fakenft_put_be32(message, NFTA_CMP_SREG, NFT_REG_1);
	fakenft_put_be32(message, NFTA_CMP_OP, NFT_CMP_EQ);
	fakenft_put_value(message, NFTA_CMP_DATA, long_value, sizeof(long_value));
	fakenft_end_expression(message, expression);
	expression = fakenft_begin_expression(message, "payload");
	fakenft_put_be32(message, NFTA_PAYLOAD_DREG, NFT_REG_4);
	fakenft_put_be32(message, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	fakenft_put_be32(message, NFTA_PAYLOAD_OFFSET, 12);
	fakenft_put_be32(message, NFTA_PAYLOAD_LEN, 17);
	fakenft_end_expression(message, expression);
	expression = fakenft_begin_expression(message, "meta");
	fakenft_put_be32(message, NFTA_META_DREG, NFT_REG_1);
	fakenft_put_be32(message, NFTA_META_KEY, 200);
	fakenft_end_expression(message, expression);
	fakenft_put_lookup(message, "missing", false);
	mnl_attr_put_u32(message, NFTA_LIST_ELEM, 0);
	fakenft_end_rule(world, message, nest);
	ruleset = fakenft_read(world);
	assert_int_equal(ruleset->rules.items[0].n_expressions, 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(ruleset->expressions.items[i].op,
				 i == 4 ? RULE_OP_LOOKUP : RULE_OP_UNKNOWN);
	assert_string_equal(ruleset->expressions.items[0].name, "inner");
	assert_string_equal(ruleset->expressions.items[3].name, "meta");
	assert_int_equal(ruleset->expressions.items[4].set, RULESET_NONE);
	assert_string_equal(ruleset->expressions.items[5].name, "?");
}

static void test_comment(void **state)
{
	static const char userdata[] = "\x02\x01x\x00\x06hello";
	struct fakenft *world = *state;
	const struct ruleset *ruleset;
	struct nlmsghdr *message;
	struct nlattr *nest;

	fakenft_add_table(world, "t", 0);
	fakenft_add_chain(world, "c");
	message = fakenft_begin_rule(world, "c", &nest);
	mnl_attr_nest_end(message, nest);
	mnl_attr_put(message, NFTA_RULE_USERDATA, sizeof(userdata), userdata);
	fakenft_end(world, NFT_MSG_GETRULE, message);
	message = fakenft_begin_rule(world, "c", &nest);
	mnl_attr_nest_end(message, nest);
	mnl_attr_put(message, NFTA_RULE_USERDATA, 6, userdata);
	fakenft_end(world, NFT_MSG_GETRULE, message);
	ruleset = fakenft_read(world);
	assert_int_equal(ruleset->rules.n, 2);
	assert_string_equal(ruleset->rules.items[0].comment, "hello");
	assert_null(ruleset->rules.items[1].comment);
}

/* No kernel sends that: the rules of a chain would not stand together. */
static void test_scattered(void **state)
{
	static const char *const chains[] = { "a", "b", "a" };
	struct fakenft *world = *state;
	struct nlmsghdr *message;
	struct nlattr *nest;

	fakenft_add_table(world, "t", 0);
	fakenft_add_chain(world, "a");
	fakenft_add_chain(world, "b");
	for (size_t i = 0; i < 3; i++) {
		message = fakenft_begin_rule(world, chains[i], &nest);
		fakenft_end_rule(world, message, nest);
	}
	assert_unread(fakenft_read(world), HARK_UNSUPPORTED, EBADMSG);
}

/* A change before each of the requests in turn: all is read again, and is of one piece. */
static void test_changes(void **state)
{
	static const struct fakenft_element elements[] = { { 0, 7, 0, -1 } };
	struct fakenft *world = *state;

	fakenft_add_lookup(world, false);
	fakenft_add_set(world, 0, 4, NULL);
	FAKENFT_ELEMENTS(world, elements, false);
	for (uint32_t at = 2; at <= 6; at++) {
		world->n_requests = 0;
		world->changes_at = at;
		world->changes = 1;
		assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN);
		assert_false(world->interrupted);
		assert_int_equal(world->changes, 0);
		assert_int_equal(world->n_requests, at + 6);
		assert_int_equal(world->ruleset->generation, world->generation);
		assert_int_equal(world->ruleset->tables.n, 1);
		assert_int_equal(world->ruleset->elements.n, 1);
		assert_int_equal(world->ruleset->expressions.n, 1);
	}
}

/* Again and again: the last of it stands, and that is said. */
static void test_restless(void **state)
{
	struct fakenft *world = *state;

	add_verdicts(world);
	world->changes_at = 2;
	world->changes = UINT32_MAX;
	assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN);
	assert_true(world->interrupted);
	assert_int_equal(world->ruleset->rules.n, 1);
}

static void test_interrupted(void **state)
{
	struct fakenft *world = *state;

	add_verdicts(world);
	world->interrupted_type = NFT_MSG_GETRULE;
	assert_int_equal(fakenft_read(world)->nftables, HARK_KNOWN);
	assert_true(world->interrupted);
	assert_int_equal(world->ruleset->rules.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_modules, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_refused_later, fakenft_setup,
						fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_tables, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_devices, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_odd_hook, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_verdicts, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_bitwise, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_unknown, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_comment, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_scattered, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_changes, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_restless, fakenft_setup, fakenft_teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, fakenft_setup, fakenft_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
