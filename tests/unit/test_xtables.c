/* SPDX-License-Identifier: MIT */
/* Reading ip_tables: tables that are built here, and a kernel that answers in odd ways. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "xtables.h"

#include <linux/netfilter_ipv4/ip_tables.h>

#define ACCEPT (-2)
#define DROP   (-1)

/* A table as it grows. */
struct block {
	struct xtables_info info;
	_Alignas(8) unsigned char bytes[8192];
};

/* What the kernel is made to do. */
struct kernel {
	struct hark_source source;
	struct block *table;
	int error;              /* of all */
	int entries_error;      /* of GET_ENTRIES ... */
	unsigned int n_errors;  /* ... so often */
	unsigned int n_changes; /* so often the table is another after its entries were told */
	unsigned int n_asked;
};

static struct kernel kernel;

static int get_option(struct hark_source *source, int family, int option, void *buffer,
		      uint32_t *size)
{
	struct xtables_info *info = buffer;

	assert_ptr_equal(source, &kernel.source);
	assert_int_equal(family, AF_INET);
	assert_string_equal(info->name, kernel.table->info.name);
	kernel.n_asked++;
	if (kernel.error)
		return kernel.error;
	if (option == IPT_SO_GET_INFO) {
		assert_int_equal(*size, sizeof(*info));
		*info = kernel.table->info;
		return 0;
	}
	assert_int_equal(option, IPT_SO_GET_ENTRIES);
	assert_int_equal(*size, sizeof(struct ipt_get_entries) + kernel.table->info.size);
	if (kernel.n_errors) {
		kernel.n_errors--;
		return kernel.entries_error;
	}
	if (kernel.n_changes) {
		kernel.n_changes--;
		kernel.table->info.num_entries++;
	}
	memcpy((unsigned char *)buffer + sizeof(struct ipt_get_entries), kernel.table->bytes,
	       kernel.table->info.size);
	return 0;
}

/* An entry with a target, and before it a match of that name, if any. Its place. */
static uint32_t add(struct block *block, const struct ipt_ip *ip, const char *match,
		    const char *target, const void *info, size_t size)
{
	uint32_t at = block->info.size, before = match ? sizeof(struct xt_entry_match) + 8 : 0;
	struct ipt_entry *entry = (struct ipt_entry *)(block->bytes + at);
	struct xt_entry_match *is = (struct xt_entry_match *)entry->elems;
	struct xt_entry_target *to = (struct xt_entry_target *)(entry->elems + before);
	uint16_t length = (uint16_t)(sizeof(*to) + XT_ALIGN(size));

	memset(entry, 0, sizeof(*entry) + before + length);
	if (ip)
		entry->ip = *ip;
	entry->target_offset = (uint16_t)(sizeof(*entry) + before);
	entry->next_offset = (uint16_t)(entry->target_offset + length);
	if (match) {
		is->u.user.match_size = (uint16_t)before;
		strcpy(is->u.user.name, match);
	}
	to->u.target_size = length;
	strcpy(to->u.user.name, target);
	memcpy(to->data, info, size);
	block->info.size += entry->next_offset;
	block->info.num_entries++;
	return at;
}

static uint32_t add_verdict(struct block *block, int verdict)
{
	return add(block, NULL, NULL, "", &verdict, sizeof(verdict));
}

static uint32_t add_head(struct block *block, const char *name)
{
	char text[XT_FUNCTION_MAXNAMELEN] = { 0 };

	strcpy(text, name);
	return add(block, NULL, NULL, "ERROR", text, sizeof(text));
}

static struct block *begin(const char *name, uint32_t hooks)
{
	static struct block block;

	memset(&block, 0, sizeof(block));
	strcpy(block.info.name, name);
	block.info.valid_hooks = hooks;
	return &block;
}

/*
 * The table "filter" with a policy that drops in INPUT, and rules there that jump to the chain
 * "user", go to it, say nothing at all, and match. Its head is at *ret.
 */
static struct block *filter(uint32_t *ret)
{
	struct block *block = begin("filter", 1 << RULE_HOOK_INPUT | 1 << RULE_HOOK_OUTPUT);
	struct ipt_ip from = { .smsk = { UINT32_MAX }, .invflags = IPT_INV_SRCIP };
	struct ipt_ip to = { .flags = IPT_F_GOTO,
			     .iniface = "eth+",
			     .iniface_mask = "\xff\xff\xff" };
	int user, verdict = 0;
	uint32_t jump, go, next;

	jump = block->info.hook_entry[RULE_HOOK_INPUT] =
		add(block, &from, NULL, "", &verdict, sizeof(verdict));
	go = add(block, &to, NULL, "", &verdict, sizeof(verdict));
	next = add_verdict(block, 0);
	add(block, NULL, "udp-or-so", "LOG", "", 0);
	block->info.underflow[RULE_HOOK_INPUT] = add_verdict(block, DROP);
	block->info.hook_entry[RULE_HOOK_OUTPUT] = block->info.underflow[RULE_HOOK_OUTPUT] =
		add_verdict(block, ACCEPT);
	*ret = add_head(block, "user");
	user = (int)add_verdict(block, ACCEPT);
	add_verdict(block, XT_RETURN);
	add_head(block, "ERROR");
	memcpy(block->bytes + jump + 144, &user, sizeof(user));
	memcpy(block->bytes + go + 144, &user, sizeof(user));
	user = (int)next + 152;
	memcpy(block->bytes + next + 144, &user, sizeof(user));
	return block;
}

static const struct source_ops ops = { .get_option = get_option };

static struct ruleset *read_kernel(void)
{
	struct ruleset *ruleset = ruleset_new();

	assert_non_null(ruleset);
	kernel.n_asked = 0;
	assert_int_equal(xtables_read(&kernel.source, ruleset), 0);
	return ruleset;
}

/* Reads, and tells nothing but what came of it. */
static uint8_t presence(void)
{
	struct ruleset *ruleset = read_kernel();
	uint8_t is = ruleset->xtables[HARK_FAMILY_INET];

	assert_true(is == HARK_KNOWN || ruleset->tables.n == 0);
	assert_true(is == HARK_KNOWN || ruleset->chains.n == 0);
	ruleset_free(ruleset);
	return is;
}

static int begin_kernel(void **state)
{
	uint32_t user;

	(void)state;
	kernel = (struct kernel){ .source = { .ops = &ops, .sys_fd = -1 }, .table = filter(&user) };
	kernel.source.proc_fd = fixture_open();
	fixture_write(kernel.source.proc_fd, "net/ip_tables_names", "filter\n");
	return 0;
}

static int end_kernel(void **state)
{
	(void)state;
	fixture_close(kernel.source.proc_fd);
	return 0;
}

static const struct xt *xt_of(const struct ruleset *ruleset, uint32_t rule, uint32_t number)
{
	const struct rule *is = &ruleset->rules.items[rule];

	assert_true(number < is->n_expressions);
	return &ruleset->xts.items[ruleset->expressions.items[is->first_expression + number].xt];
}

static void test_chains(void **state)
{
	struct ruleset *ruleset = read_kernel();
	const struct rule_chain *chains = ruleset->chains.items;

	(void)state;
	assert_int_equal(ruleset->xtables[HARK_FAMILY_INET], HARK_KNOWN);
	assert_int_equal(ruleset->xtables[HARK_FAMILY_INET6], HARK_ABSENT);
	assert_int_equal(ruleset->tables.n, 1);
	assert_true(ruleset->tables.items[0].is_xtables);
	assert_int_equal(ruleset->chains.n, 3);
	assert_string_equal(chains[0].name, "INPUT");
	assert_int_equal(chains[0].policy, RULE_DROP);
	assert_int_equal(chains[0].n_rules, 4);
	assert_string_equal(chains[1].name, "OUTPUT");
	assert_int_equal(chains[1].hook, RULE_HOOK_OUTPUT);
	assert_int_equal(chains[1].policy, RULE_ACCEPT);
	assert_int_equal(chains[1].n_rules, 0);
	assert_string_equal(chains[2].name, "user");
	assert_false(chains[2].is_base);
	assert_int_equal(chains[2].first_rule, 4);
	assert_int_equal(chains[2].n_rules, 1);
	ruleset_free(ruleset);
}

static void test_rules(void **state)
{
	struct ruleset *ruleset = read_kernel();

	(void)state;
	/* ! -s 0.0.0.0 -j user */
	assert_int_equal(ruleset->rules.items[0].n_expressions, 2);
	assert_int_equal(xt_of(ruleset, 0, 0)->u.ip.inverted, XT_INVERT_SOURCE);
	assert_int_equal(xt_of(ruleset, 0, 1)->u.verdict.verdict, RULE_JUMP);
	assert_int_equal(xt_of(ruleset, 0, 1)->u.verdict.chain, 2);
	/* -i eth+ -g user */
	assert_int_equal(xt_of(ruleset, 1, 0)->u.ip.in_length, 3);
	assert_int_equal(xt_of(ruleset, 1, 0)->u.ip.out_length, 0);
	assert_int_equal(xt_of(ruleset, 1, 1)->u.verdict.verdict, RULE_GOTO);
	/* Nothing. */
	assert_int_equal(ruleset->rules.items[2].n_expressions, 0);
	/* -m udp-or-so -j LOG, which has not the size of LOG. */
	assert_int_equal(ruleset->rules.items[3].n_expressions, 2);
	assert_int_equal(ruleset->rules.items[3].handle, 4);
	assert_string_equal(xt_of(ruleset, 3, 0)->name, "udp-or-so");
	assert_int_equal(xt_of(ruleset, 3, 0)->kind, XT_UNKNOWN);
	assert_int_equal(xt_of(ruleset, 3, 1)->kind, XT_UNKNOWN);
	assert_int_equal(xt_of(ruleset, 4, 0)->u.verdict.verdict, RULE_ACCEPT);
	ruleset_free(ruleset);
}

/* A jump to the middle of a chain, and to one of a hook, is none that we could follow. */
static void test_jumps(void **state)
{
	static const int32_t targets[] = { 152, 0, 1, INT32_MAX };
	uint32_t user;

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		struct ruleset *ruleset;

		kernel.table = filter(&user);
		memcpy(kernel.table->bytes + 152 + 144, &targets[i], sizeof(targets[i]));
		ruleset = read_kernel();
		assert_int_equal(ruleset->xtables[HARK_FAMILY_INET], HARK_KNOWN);
		assert_int_equal(xt_of(ruleset, 1, 1)->u.verdict.verdict, RULE_VERDICT_UNKNOWN);
		ruleset_free(ruleset);
	}
}

static void test_interfaces(void **state)
{
	struct ipt_entry *entry = (struct ipt_entry *)(kernel.table->bytes + 152);
	struct ruleset *ruleset;

	(void)state;
	/* A mask with holes, and a name of which all bytes count and none is NUL. */
	entry->ip.iniface_mask[5] = 1;
	ruleset = read_kernel();
	assert_int_equal(xt_of(ruleset, 1, 0)->kind, XT_UNKNOWN);
	ruleset_free(ruleset);
	memset(entry->ip.iniface, 'x', sizeof(entry->ip.iniface));
	memset(entry->ip.iniface_mask, 255, sizeof(entry->ip.iniface_mask));
	ruleset = read_kernel();
	assert_int_equal(xt_of(ruleset, 1, 0)->kind, XT_UNKNOWN);
	ruleset_free(ruleset);
}

static void test_names(void **state)
{
	int proc = kernel.source.proc_fd;

	(void)state;
	assert_int_equal(presence(), HARK_KNOWN);
	assert_int_equal(kernel.n_asked, 3);
	/* None is in use; the kernel has none of it; nobody can tell. Nothing is asked for. */
	fixture_write(proc, "net/ip_tables_names", "");
	assert_int_equal(presence(), HARK_ABSENT);
	assert_int_equal(unlinkat(proc, "net/ip_tables_names", 0), 0);
	assert_int_equal(presence(), HARK_ABSENT);
	assert_int_equal(unlinkat(proc, "net", AT_REMOVEDIR), 0);
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	kernel.source.proc_fd = -1;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	kernel.source.proc_fd = proc;
	assert_int_equal(kernel.n_asked, 0);
	fixture_write(proc, "net/ip_tables_names", "filter\n");
	kernel.source.ops = &(struct source_ops){ .time = NULL };
	assert_int_equal(presence(), HARK_UNSUPPORTED);
}

static void test_errors(void **state)
{
	(void)state;
	kernel.error = -EPERM;
	assert_int_equal(presence(), HARK_DENIED);
	kernel.error = -ENOENT;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	kernel.error = 0;
	kernel.table->info.size = 65u << 20;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	assert_int_equal(kernel.n_asked, 1);
}

static void test_changes(void **state)
{
	(void)state;
	/* Another of the same size, or of another, and one that does not come to rest. */
	kernel.n_changes = 3;
	assert_int_equal(presence(), HARK_KNOWN);
	assert_int_equal(kernel.n_asked, 4 * 3);
	kernel.entries_error = -EAGAIN;
	kernel.n_errors = 3;
	assert_int_equal(presence(), HARK_KNOWN);
	assert_int_equal(kernel.n_asked, 3 * 2 + 3);
	kernel.n_errors = 1000;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	kernel.n_errors = 0;
	kernel.n_changes = 1000;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
}

/* Each entry's offsets, lengths and names, one byte after another made wrong. */
static void test_layouts(void **state)
{
	uint32_t user, n_unsupported = 0;

	(void)state;
	for (uint32_t at = 0; at < 152 * 4; at++) {
		kernel.table = filter(&user);
		kernel.table->bytes[at] ^= 0x40;
		n_unsupported += presence() == HARK_UNSUPPORTED;
	}
	assert_true(n_unsupported > 16);
	/* A user's chain that ends with no RETURN, and none that has a head. */
	kernel.table = filter(&user);
	kernel.table->bytes[user + 176 + 152 + 144] = 0xfe;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	/* No end. */
	kernel.table = filter(&user);
	kernel.table->info.size -= 176;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	/* Two hooks in one place, a hook nowhere, a hook that there is not. */
	kernel.table = filter(&user);
	kernel.table->info.hook_entry[RULE_HOOK_OUTPUT] = 0;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	kernel.table->info.hook_entry[RULE_HOOK_OUTPUT] = 8;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	kernel.table = filter(&user);
	kernel.table->info.valid_hooks |= 1u << 7;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	/* An underflow that is not the end of its chain. */
	kernel.table = filter(&user);
	kernel.table->info.underflow[RULE_HOOK_INPUT] -= 152;
	assert_int_equal(presence(), HARK_UNSUPPORTED);
	/* A table that nobody knows. */
	kernel.table = filter(&user);
	strcpy(kernel.table->info.name, "rawpost");
	fixture_write(kernel.source.proc_fd, "net/ip_tables_names", "rawpost\n");
	assert_int_equal(presence(), HARK_UNSUPPORTED);
}

/* Only what needs it has connections tracked: an empty table "nat" does not. */
static void test_conntrack(void **state)
{
	static const struct xt_standard_target none;
	struct block *block = begin("nat", 1 << RULE_HOOK_PREROUTING);
	struct ruleset *ruleset;

	(void)state;
	kernel.table = block;
	fixture_write(kernel.source.proc_fd, "net/ip_tables_names", "nat\n");
	block->info.underflow[RULE_HOOK_PREROUTING] = add_verdict(block, ACCEPT);
	add_head(block, "ERROR");
	ruleset = read_kernel();
	assert_string_equal(ruleset->chains.items[0].type, "nat");
	assert_int_equal(ruleset->chains.items[0].priority, -100);
	ruleset_find_conntrack(ruleset);
	assert_false(ruleset->has_conntrack[HARK_FAMILY_INET]);
	ruleset_free(ruleset);

	block = begin("raw", 1 << RULE_HOOK_PREROUTING);
	fixture_write(kernel.source.proc_fd, "net/ip_tables_names", "raw\n");
	add(block, NULL, "state", "", &none.verdict, sizeof(none.verdict));
	memcpy(block->bytes + 112 + 40 + 32, "\xfe\xff\xff\xff", 4);
	block->info.underflow[RULE_HOOK_PREROUTING] = add_verdict(block, ACCEPT);
	add_head(block, "ERROR");
	ruleset = read_kernel();
	assert_int_equal(ruleset->chains.items[0].priority, -300);
	ruleset_find_conntrack(ruleset);
	assert_true(ruleset->has_conntrack[HARK_FAMILY_INET]);
	assert_false(ruleset->has_conntrack[HARK_FAMILY_INET6]);
	ruleset_free(ruleset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chains, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_rules, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_jumps, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_interfaces, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_names, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_errors, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_changes, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_layouts, begin_kernel, end_kernel),
		cmocka_unit_test_setup_teardown(test_conntrack, begin_kernel, end_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
