/* SPDX-License-Identifier: MIT */
/* Matches of x_tables on packets of each kind: both ways, of ordinary and of other senders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "xt.h"

/* What sort of packet a row is about. */
enum {
	REPLY = 0x001,
	CRAFTED = 0x002, /* by a sender that is not an ordinary one */
	FIRST = 0x004,   /* before conntrack */
	UNTRACKED = 0x008,
	UDP = 0x010,
	DNAT = 0x020,       /* from 10.9.9.9 port 80, to where it is now */
	TO_ONE_OF = 0x040,  /* translated to one of many */
	MARKED = 0x080,     /* 0x12, of which the low half is known */
	FORWARD = 0x100,    /* sent on by eth1 */
	BRIDGED = 0x200,    /* came in by a bridge whose frames are seen by iptables */
	NO_ETHERNET = 0x400 /* came in by a tunnel */
};

/* For a sender inside of 10.0.0.0/8 or fd00::/8, and for one outside. */
enum {
	NO,
	YES,
	MAYBE
};

struct row {
	const char *name;
	int packet;
	struct xt xt;
	int inside, outside;
	uint32_t doubts;
	bool is_ipv4_only;
};

/* Blobs of the rows that need one, at the index of blob.at. */
static const uint8_t blobs[] = {
#define DSCP_0 0
	0,    0, /* dscp 0 */
#define DSCP_NOT_0 2
	0,    1,
#define RECENT_SET 4
	0,    0, 0, 0, 0, 0, 0, 0, 2, 0,
#define RECENT_NOT_SET 14
	0,    0, 0, 0, 0, 0, 0, 0, 2, 1,
#define TOS_0 24
	0x3f, 0, 0,
};

#define TEN_8                                   \
	{                                       \
		.addr = { 10 }, .mask = { 255 } \
	}

#include "matches_rows.h"

static int judged_of(const struct condition *condition, u128 number)
{
	assert_true(ranges_contain_all(&condition->may, &condition->must));
	return ranges_contain(&condition->must, number) ? YES :
	       ranges_contain(&condition->may, number)  ? MAYBE :
							  NO;
}

static void check_row(const struct row *row, bool is_ipv6)
{
	struct rule_interface interfaces[] = {
		{ .name = "eth0",
		  .ifindex = 2,
		  .type = row->packet & NO_ETHERNET ? 65534 : 1,
		  .kind = row->packet & BRIDGED ? "bridge" : NULL },
		{ .name = "eth1", .ifindex = 3, .type = 1 },
	};
	struct ruleset ruleset = {
		.interfaces = { .items = interfaces, .n = 2 },
		.bytes = { .items = (uint8_t *)(uintptr_t)blobs, .n = sizeof(blobs) },
		.bridge_calls_ip = { true, true },
	};
	struct firewall_question question = {
		.family = is_ipv6 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET,
		.protocol = row->packet & UDP ? RULE_PROTOCOL_UDP : RULE_PROTOCOL_TCP,
		.port = row->packet & DNAT ? 80 : 22,
		.is_canonical = !(row->packet & CRAFTED),
		.uid = HARK_NONE,
	};
	struct packet packet = {
		.question = &question,
		.ruleset = &ruleset,
		.is_reply = row->packet & REPLY,
	};
	struct packet_state state = {
		.ct = row->packet & UNTRACKED ? PACKET_CT_UNTRACKED :
		      row->packet & FIRST     ? PACKET_CT_NONE :
		      row->packet & REPLY     ? PACKET_CT_ESTABLISHED :
						PACKET_CT_NEW,
		.is_dnat = row->packet & DNAT,
		.is_dnat_known = !(row->packet & TO_ONE_OF),
		.port = 22,
		.is_to_known = !(row->packet & TO_ONE_OF),
		.is_port_known = !(row->packet & TO_ONE_OF),
		.mark = { .known = row->packet & MARKED ? 0xff : ~0u, .value = 0x12 },
		.ct_mark = { .known = ~0u },
	};
	u128 inside = is_ipv6 ? (u128)0xfd << 120 | 1 : 0x0a000001;
	u128 outside = is_ipv6 ? (u128)0x2001 << 112 | 1 : 0xc0a80001;
	struct condition condition = { 0 };
	char what[96];

	packet.hook = packet.is_reply ? RULE_HOOK_OUTPUT : RULE_HOOK_INPUT;
	if (row->packet & FORWARD)
		packet.hook = RULE_HOOK_FORWARD;
	packet.in = packet.is_reply ? NULL : &interfaces[0];
	packet.out = packet.hook != RULE_HOOK_INPUT ? &interfaces[1] : NULL;
	assert_int_equal(hark_addr_parse(is_ipv6 ? "2001:db8::1" : "192.0.2.1", &state.to), 0);
	question.to = state.to;
	if (row->packet & DNAT)
		assert_int_equal(hark_addr_parse(is_ipv6 ? "fd00::9" : "10.9.9.9", &question.to),
				 0);
	assert_int_equal(ranges_set(&state.sources, 0, is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4),
			 0);
	assert_int_equal(xt_match(&packet, &state, &row->xt, &condition), 0);
	snprintf(what, sizeof(what), "%s, IPv%d: %d %d %x", row->name, is_ipv6 ? 6 : 4,
		 judged_of(&condition, inside), judged_of(&condition, outside), condition.doubts);
	if (judged_of(&condition, inside) != row->inside ||
	    judged_of(&condition, outside) != row->outside || condition.doubts != row->doubts)
		fail_msg("%s", what);
	condition_fini(&condition);
	ranges_fini(&state.sources);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].xt.kind != XT_IP || !rows[i].xt.u.ip.is_ipv6)
			check_row(&rows[i], false);
		if (!rows[i].is_ipv4_only)
			check_row(&rows[i], true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests_name("matches", tests, NULL, NULL);
}
