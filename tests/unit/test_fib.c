/* SPDX-License-Identifier: MIT */
/* Routes for all sources at once, reverse path filter, and what rules ask; and tcp wrappers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "packet.h"
#include "rules.h"

enum {
	LO = 1,
	ETH0,
	ETH1
};

struct bed {
	struct ruleset *ruleset;
	struct fib *fib;
};

static void add_route(struct ruleset *ruleset, const char *to, uint32_t table, uint8_t type,
		      uint32_t oif)
{
	struct rule_route *route = array_push(&ruleset->routes);

	assert_non_null(route);
	assert_int_equal(hark_prefix_parse(to, &route->to), 0);
	route->family = strchr(to, ':') ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	route->table = table;
	route->type = type;
	route->oif = oif;
}

static struct rule_policy *add_policy(struct ruleset *ruleset, uint8_t family, uint32_t priority,
				      uint8_t action, uint32_t table)
{
	struct rule_policy *policy = array_push(&ruleset->policies);

	assert_non_null(policy);
	hark_prefix_parse(family == HARK_FAMILY_INET ? "0.0.0.0/0" : "::/0", &policy->from);
	policy->to = policy->from;
	policy->family = family;
	policy->priority = priority;
	policy->action = action;
	policy->table = table;
	policy->suppress_prefix = -1;
	return policy;
}

static struct ruleset *new_ruleset(void)
{
	static const char *const names[] = { "lo", "eth0", "eth1" };
	struct ruleset *ruleset = ruleset_new();
	struct rule_address *address;

	assert_non_null(ruleset);
	ruleset->routing = HARK_KNOWN;
	for (uint32_t i = 0; i < 3; i++) {
		struct rule_interface *interface = array_push(&ruleset->interfaces);

		assert_non_null(interface);
		interface->name = names[i];
		interface->ifindex = i + 1;
		interface->is_up = interface->has_settings = true;
		interface->is_loopback = i == 0;
	}
	address = array_push(&ruleset->addresses);
	assert_non_null(address);
	address->ifindex = ETH0;
	hark_addr_parse("10.0.0.1", &address->addr);
	add_route(ruleset, "127.0.0.0/8", 255, RULE_ROUTE_LOCAL, LO);
	add_route(ruleset, "10.0.0.1/32", 255, RULE_ROUTE_LOCAL, ETH0);
	add_route(ruleset, "10.0.0.255/32", 255, RULE_ROUTE_BROADCAST, ETH0);
	add_route(ruleset, "10.0.0.0/24", 254, RULE_ROUTE_UNICAST, ETH0);
	add_route(ruleset, "10.8.0.0/16", 254, RULE_ROUTE_UNICAST, ETH1);
	add_route(ruleset, "10.8.8.0/24", 254, RULE_ROUTE_BLACKHOLE, 0);
	return ruleset;
}

static void add_own_policies(struct ruleset *ruleset)
{
	for (uint8_t family = 0; family < HARK_FAMILY_N_; family++) {
		add_policy(ruleset, family, 0, RULE_POLICY_TABLE, 255);
		add_policy(ruleset, family, 32766, RULE_POLICY_TABLE, 254);
	}
}

static void open_bed(struct bed *bed, struct ruleset *ruleset)
{
	bed->ruleset = ruleset;
	assert_int_equal(fib_new(ruleset, &bed->fib), 0);
}

static void close_bed(struct bed *bed)
{
	fib_free(bed->fib);
	ruleset_free(bed->ruleset);
}

struct expectation {
	const char *to;
	uint8_t type;
	uint32_t oif;
};

/* What goes out to an address, as the partition of all has it. */
static void expect_way(struct bed *bed, const char *from, uint32_t mark,
		       const struct expectation *expected)
{
	struct fib_question question = { .is_to_sources = true,
					 .mark = { .known = UINT32_MAX, .value = mark } };
	struct ranges all = { 0 };
	struct fib_result *results;
	struct hark_addr to;
	uint32_t n, n_found = 0;

	assert_int_equal(hark_addr_parse(expected->to, &to), 0);
	assert_int_equal(hark_addr_parse(from, &question.addr), 0);
	question.family = hark_addr_is_ipv4(&to) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	ranges_set(&all, 0,
		   question.family == HARK_FAMILY_INET ? RANGES_MAX_IPV4 : RANGES_MAX_IPV6);
	assert_int_equal(fib_ask(bed->fib, &question, &all, &results, &n), 0);
	for (uint32_t i = 0; i < n; i++) {
		if (!ranges_contain(&results[i].sources, ranges_number(&to)))
			continue;
		n_found++;
		assert_int_equal(results[i].type, expected->type);
		assert_int_equal(results[i].oif, expected->oif);
		assert_int_equal(results[i].doubts, 0);
	}
	assert_int_equal(n_found, 1);
	fib_results_free(results, n);
	ranges_fini(&all);
}

static void longest_prefix_decides(void **state)
{
	static const struct expectation expected[] = {
		{ "10.0.0.1", RULE_ROUTE_LOCAL, ETH0 },
		{ "10.0.0.2", RULE_ROUTE_UNICAST, ETH0 },
		{ "10.0.0.255", RULE_ROUTE_BROADCAST, ETH0 },
		{ "10.0.1.0", RULE_ROUTE_NONE, 0 },
		{ "10.8.7.255", RULE_ROUTE_UNICAST, ETH1 },
		{ "10.8.8.0", RULE_ROUTE_BLACKHOLE, 0 },
		{ "10.8.8.255", RULE_ROUTE_BLACKHOLE, 0 },
		{ "10.8.9.0", RULE_ROUTE_UNICAST, ETH1 },
		{ "255.255.255.255", RULE_ROUTE_NONE, 0 },
		{ "2001:db8::1", RULE_ROUTE_NONE, 0 },
	};
	struct ruleset *ruleset = new_ruleset();
	struct bed bed;

	(void)state;
	add_own_policies(ruleset);
	open_bed(&bed, ruleset);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		expect_way(&bed, "0.0.0.0", 0, &expected[i]);
	close_bed(&bed);
}

static void rules_choose_tables(void **state)
{
	struct ruleset *ruleset = new_ruleset();
	struct rule_policy *policy;
	struct bed bed;

	(void)state;
	add_route(ruleset, "0.0.0.0/0", 100, RULE_ROUTE_UNICAST, ETH1);
	add_policy(ruleset, HARK_FAMILY_INET, 0, RULE_POLICY_TABLE, 255);
	policy = add_policy(ruleset, HARK_FAMILY_INET, 10, RULE_POLICY_TABLE, 254);
	policy->suppress_prefix = 16;
	policy = add_policy(ruleset, HARK_FAMILY_INET, 20, RULE_POLICY_GOTO, 0);
	hark_prefix_parse("10.8.0.0/15", &policy->to);
	policy->go_to = 40;
	policy = add_policy(ruleset, HARK_FAMILY_INET, 30, RULE_POLICY_PROHIBIT, 0);
	policy->mark = policy->mask = 1;
	add_policy(ruleset, HARK_FAMILY_INET, 40, RULE_POLICY_TABLE, 100);
	open_bed(&bed, ruleset);
	expect_way(&bed, "0.0.0.0", 0, &(struct expectation){ "10.0.0.9", 1, ETH0 });
	expect_way(&bed, "0.0.0.0", 1, &(struct expectation){ "10.0.0.9", 1, ETH0 });
	expect_way(&bed, "0.0.0.0", 1, &(struct expectation){ "10.8.0.0", 1, ETH1 });
	expect_way(&bed, "0.0.0.0", 0, &(struct expectation){ "11.0.0.0", 1, ETH1 });
	expect_way(&bed, "0.0.0.0", 1, &(struct expectation){ "11.0.0.0", RULE_ROUTE_PROHIBIT, 0 });
	expect_way(&bed, "0.0.0.0", 0,
		   &(struct expectation){ "10.8.8.8", RULE_ROUTE_BLACKHOLE, 0 });
	close_bed(&bed);
}

/* Whether a source is refused: by the filter 1, as a martian 2, by neither 0. */
static int refused(struct bed *bed, const char *from)
{
	struct firewall_question question = { .family = HARK_FAMILY_INET, .is_canonical = true };
	struct packet packet = { .question = &question,
				 .ruleset = bed->ruleset,
				 .fib = bed->fib,
				 .in = ruleset_interface(bed->ruleset, ETH0) };
	struct packet_state state = { .is_to_known = true, .mark = { .known = UINT32_MAX } };
	struct condition filter = { 0 }, martian = { 0 };
	struct hark_addr addr;
	int found;

	hark_addr_parse("10.0.0.1", &state.to);
	assert_int_equal(hark_addr_parse(from, &addr), 0);
	ranges_set(&state.sources, 0, RANGES_MAX_IPV4);
	assert_int_equal(fib_refuses(&packet, &state, 0, &filter, &martian), 0);
	assert_true(ranges_equal(&filter.may, &filter.must));
	assert_true(ranges_equal(&martian.may, &martian.must));
	found = ranges_contain(&filter.must, ranges_number(&addr))  ? 1 :
		ranges_contain(&martian.must, ranges_number(&addr)) ? 2 :
								      0;
	condition_fini(&filter);
	condition_fini(&martian);
	ranges_fini(&state.sources);
	return found;
}

static void sources_are_validated(void **state)
{
	static const struct {
		const char *from;
		int by[3]; /* with rp_filter 0, 1, 2 */
	} expected[] = {
		{ "10.0.0.2", { 0, 0, 0 } },  { "10.8.0.1", { 0, 1, 0 } },
		{ "10.8.8.1", { 0, 1, 1 } },  { "9.9.9.9", { 0, 1, 1 } },
		{ "10.0.0.1", { 2, 2, 2 } },  { "127.0.0.5", { 2, 2, 2 } },
		{ "224.0.0.1", { 2, 2, 2 } }, { "0.1.2.3", { 2, 2, 2 } },
	};
	struct ruleset *ruleset = new_ruleset();
	struct bed bed;

	(void)state;
	add_own_policies(ruleset);
	open_bed(&bed, ruleset);
	for (uint8_t mode = 0; mode < 3; mode++) {
		ruleset->interfaces.items[ETH0 - 1].rp_filter = mode;
		for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
			assert_int_equal(refused(&bed, expected[i].from), expected[i].by[mode]);
	}
	close_bed(&bed);
}

static void unread_routes_are_in_doubt(void **state)
{
	const struct fib_question question = { .family = HARK_FAMILY_INET, .is_to_sources = true };
	struct ruleset *ruleset = new_ruleset();
	struct ranges all = { 0 };
	struct fib_result *results;
	struct bed bed;
	uint32_t n;

	(void)state;
	add_own_policies(ruleset);
	ruleset->routing = HARK_UNSUPPORTED;
	open_bed(&bed, ruleset);
	ranges_set(&all, 0, RANGES_MAX_IPV4);
	assert_int_equal(fib_ask(bed.fib, &question, &all, &results, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(results[0].doubts, DOUBT(ROUTING));
	fib_results_free(results, n);
	ranges_fini(&all);
	close_bed(&bed);
}

static int open_fixture(struct hark_source *source)
{
	return dup(source->sys_fd);
}

static void wrappers_are_found(void **state)
{
	static const struct source_ops ops = { .open_root = open_fixture };
	int fixture = fixture_open();
	struct hark_source source = { .ops = &ops, .proc_fd = fixture, .sys_fd = fixture };

	(void)state;
	assert_false(wrappers_has_rules(&source));
	fixture_write(fixture, "etc/hosts.allow", "# nothing\n\n  \t\n");
	assert_false(wrappers_has_rules(&source));
	fixture_write(fixture, "etc/hosts.deny", "# all\n sshd: ALL\n");
	assert_true(wrappers_has_rules(&source));
	assert_int_equal(wrappers_is_used(&source, 7), HARK_UNKNOWN);
	fixture_write(fixture, "7/maps", "7f0-7f1 r-xp 0 08:01 7 /usr/lib/libc.so.6\n");
	assert_int_equal(wrappers_is_used(&source, 7), HARK_NO);
	fixture_write(fixture, "8/maps",
		      "7f0-7f1 r-xp 0 08:01 7 /usr/lib/libc.so.6\n"
		      "7f2-7f3 r-xp 0 08:01 8 /usr/lib/x86_64-linux-gnu/libwrap.so.0.7.6\n");
	assert_int_equal(wrappers_is_used(&source, 8), HARK_YES);
	fixture_close(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_prefix_decides),
		cmocka_unit_test(rules_choose_tables),
		cmocka_unit_test(sources_are_validated),
		cmocka_unit_test(unread_routes_are_in_doubt),
		cmocka_unit_test(wrappers_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
