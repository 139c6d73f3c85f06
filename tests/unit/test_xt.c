/* SPDX-License-Identifier: MIT */
/* Matches and targets of x_tables, as structs that are filled in here. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xt_decode.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

static struct ruleset *ruleset;
static struct xt xt;

static int make_ruleset(void **state)
{
	(void)state;
	ruleset = ruleset_new();
	return ruleset ? 0 : -1;
}

static int free_ruleset(void **state)
{
	(void)state;
	ruleset_free(ruleset);
	return 0;
}

/* With the padding that the kernel has behind it. */
static void decode(const char *name, uint8_t revision, bool is_target, uint8_t family,
		   const void *info, size_t size)
{
	unsigned char *blob = calloc(1, XT_ALIGN(size) + 1);

	assert_non_null(blob);
	if (size)
		memcpy(blob, info, size);
	/* Where nothing is aligned */
	memmove(blob + 1, blob, size);
	assert_int_equal(xt_decode(ruleset, name, revision, is_target, family, blob + 1,
				   (uint32_t)XT_ALIGN(size), &xt),
			 0);
	free(blob);
	assert_string_equal(xt.name, name);
	assert_int_equal(xt.revision, revision);
}

#define MATCH(name, revision, info) \
	decode(name, revision, false, RULE_FAMILY_IPV4, &(info), sizeof(info))
#define TARGET(name, revision, info) \
	decode(name, revision, true, RULE_FAMILY_IPV4, &(info), sizeof(info))
#define TARGET6(name, revision, info) \
	decode(name, revision, true, RULE_FAMILY_IPV6, &(info), sizeof(info))

static void check_table(const struct xt_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || strcmp(rows[i - 1].name, rows[i].name) <= 0);
		assert_true(!rows[i].decode || rows[i].size <= XT_DECODED_MAX);
		assert_true(rows[i].own < rows[i].size || rows[i].own == 0);
		assert_true(rows[i].first_revision <= rows[i].last_revision);
		assert_true(strlen(rows[i].name) < XT_EXTENSION_MAXNAMELEN);
		/* No two are the same. */
		for (size_t k = 0; k < i; k++)
			assert_false(strcmp(rows[k].name, rows[i].name) == 0 &&
				     rows[k].families & rows[i].families &&
				     rows[k].first_revision <= rows[i].last_revision &&
				     rows[i].first_revision <= rows[k].last_revision);
	}
}

static void test_tables(void **state)
{
	(void)state;
	check_table(xt_matches, xt_n_matches);
	check_table(xt_targets, xt_n_targets);
}

static void test_unknown(void **state)
{
	struct xt_tcp tcp = { .dpts = { 22, 22 } };

	(void)state;
	MATCH("nothing", 0, tcp);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	assert_int_equal(xt.blob.length, sizeof(tcp) + 4);
	MATCH("tcp", 1, tcp);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	/* As a target, of bridges, and cut. */
	TARGET("tcp", 0, tcp);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	decode("tcp", 0, false, RULE_FAMILY_BRIDGE, &tcp, sizeof(tcp));
	assert_int_equal(xt.kind, XT_UNKNOWN);
	decode("tcp", 0, false, RULE_FAMILY_IPV4, &tcp, 8);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	decode("tcp", 0, false, RULE_FAMILY_IPV4, &tcp, 0);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	tcp.invflags = 0x10;
	MATCH("tcp", 0, tcp);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	assert_int_equal(xt.u.ports.first, 0);
}

static void test_ports(void **state)
{
	struct xt_tcp tcp = { .spts = { 0, 65535 },
			      .dpts = { 22, 25 },
			      .flg_mask = 0x12,
			      .flg_cmp = 2,
			      .option = 5,
			      .invflags = XT_TCP_INV_SRCPT | XT_TCP_INV_OPTION };
	struct xt_udp udp = { .spts = { 53, 53 },
			      .dpts = { 0, 65535 },
			      .invflags = XT_UDP_INV_DSTPT };
	struct xt_sctp_info sctp = { .dpts = { 7, 9 },
				     .flags = XT_SCTP_DEST_PORTS,
				     .invflags = XT_SCTP_DEST_PORTS };

	(void)state;
	MATCH("tcp", 0, tcp);
	assert_int_equal(xt.kind, XT_PORTS);
	assert_int_equal(xt.u.ports.protocol, 6);
	assert_int_equal(xt.u.ports.first, 22);
	assert_int_equal(xt.u.ports.last, 25);
	assert_int_equal(xt.u.ports.source_last, 65535);
	assert_int_equal(xt.u.ports.flag_mask, 0x12);
	assert_int_equal(xt.u.ports.flag_compare, 2);
	assert_int_equal(xt.u.ports.option, 5);
	assert_true(xt.u.ports.not_source && xt.u.ports.not_option);
	assert_false(xt.u.ports.not_destination || xt.u.ports.not_flags);
	MATCH("udp", 0, udp);
	assert_int_equal(xt.u.ports.protocol, 17);
	assert_int_equal(xt.u.ports.source_first, 53);
	assert_true(xt.u.ports.not_destination && !xt.u.ports.not_source);
	MATCH("udplite", 0, udp);
	assert_int_equal(xt.u.ports.protocol, 136);
	/* A port without its flag is any. */
	MATCH("sctp", 0, sctp);
	assert_int_equal(xt.kind, XT_PORTS);
	assert_int_equal(xt.u.ports.protocol, 132);
	assert_int_equal(xt.u.ports.first, 7);
	assert_int_equal(xt.u.ports.source_first, 0);
	assert_int_equal(xt.u.ports.source_last, 65535);
	assert_true(xt.u.ports.not_destination && !xt.u.ports.not_source);
	sctp.flags |= XT_SCTP_CHUNK_TYPES;
	MATCH("sctp", 0, sctp);
	assert_int_equal(xt.kind, XT_SENDER);
}

/* struct xt_multiport_v1, whose header has a name of ours. */
struct multiport {
	uint8_t flags, count;
	uint16_t ports[15];
	uint8_t ranges[15];
	uint8_t invert;
};

static void test_multiport(void **state)
{
	struct multiport multiport = {
		.flags = 1, .count = 4, .ports = { 5, 7, 9, 80 }, .ranges = { 0, 1 }, .invert = 1
	};

	(void)state;
	MATCH("multiport", 1, multiport);
	assert_int_equal(xt.kind, XT_MULTIPORT);
	assert_int_equal(xt.u.multiport.n, 3);
	assert_int_equal(xt.u.multiport.where, 1);
	assert_true(xt.u.multiport.is_inverted);
	assert_int_equal(xt.u.multiport.ports[0].last, 5);
	assert_int_equal(xt.u.multiport.ports[1].first, 7);
	assert_int_equal(xt.u.multiport.ports[1].last, 9);
	assert_int_equal(xt.u.multiport.ports[2].first, 80);
	/* A range whose end would be beyond, and more ports than there are. */
	multiport.ranges[3] = 1;
	MATCH("multiport", 1, multiport);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	multiport.ranges[3] = 0;
	multiport.count = 16;
	MATCH("multiport", 1, multiport);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	multiport.count = 15;
	decode("multiport", 0, false, RULE_FAMILY_IPV6, &multiport, 32);
	assert_int_equal(xt.kind, XT_MULTIPORT);
	assert_int_equal(xt.u.multiport.n, 15);
	assert_int_equal(xt.u.multiport.ports[3].last, 80);
}

static void test_conntrack(void **state)
{
	struct xt_conntrack_mtinfo1 one = { .origsrc_port = htons(7),
					    .match_flags = 0x1fff,
					    .invert_flags = 0x40,
					    .state_mask = 0x42,
					    .status_mask = 8,
					    .l4proto = 6 };
	struct xt_conntrack_mtinfo2 two = { .repldst_port = htons(9),
					    .state_mask = 0x108,
					    .status_mask = 0x200 };
	struct xt_conntrack_mtinfo3 three = {
		.origdst_port = 7, .origdst_port_high = 9, .state_mask = 0x100, .expires_max = 5
	};

	(void)state;
	one.replsrc_addr.ip = htonl(0x0a000001);
	one.replsrc_mask.ip = htonl(0xff000000);
	MATCH("conntrack", 1, one);
	assert_int_equal(xt.kind, XT_CONNTRACK);
	assert_true(xt.tracks);
	assert_int_equal(xt.u.conntrack.original_source_port[0], 7);
	assert_int_equal(xt.u.conntrack.original_source_port[1], 7);
	assert_int_equal(xt.u.conntrack.match, 0x1fff);
	assert_int_equal(xt.u.conntrack.invert, 0x40);
	assert_int_equal(xt.u.conntrack.states, 0x42);
	assert_int_equal(xt.u.conntrack.status, 8);
	assert_int_equal(xt.u.conntrack.protocol, 6);
	assert_memory_equal(xt.u.conntrack.reply_source.addr, "\x0a\0\0\x01", 4);
	assert_memory_equal(xt.u.conntrack.reply_source.mask, "\xff\0\0\0", 4);
	MATCH("conntrack", 2, two);
	assert_int_equal(xt.u.conntrack.reply_destination_port[1], 9);
	assert_int_equal(xt.u.conntrack.states, 0x108);
	assert_int_equal(xt.u.conntrack.status, 0x200);
	MATCH("conntrack", 3, three);
	assert_int_equal(xt.u.conntrack.original_destination_port[0], 7);
	assert_int_equal(xt.u.conntrack.original_destination_port[1], 9);
	assert_int_equal(xt.u.conntrack.expires_last, 5);
	assert_int_equal(xt.u.conntrack.states, XT_CONNTRACK_STATE_UNTRACKED);
}

/* "state" has untracked where conntrack has SNAT. */
static void test_state(void **state)
{
	struct xt_state_info info = { .statemask = XT_STATE_UNTRACKED | 8 };

	(void)state;
	MATCH("state", 0, info);
	assert_int_equal(xt.kind, XT_CONNTRACK);
	assert_true(xt.tracks);
	assert_int_equal(xt.u.conntrack.match, XT_CONNTRACK_STATE);
	assert_int_equal(xt.u.conntrack.states, XT_CONNTRACK_STATE_UNTRACKED | 8);
}

static void test_simple(void **state)
{
	struct xt_addrtype_info type0 = { .source = 4, .dest = 8, .invert_dest = 1 };
	struct xt_addrtype_info_v1 type1 = { .dest = 4, .flags = XT_ADDRTYPE_LIMIT_IFACE_IN };
	struct xt_mark_mtinfo1 mark = { .mark = 5, .mask = 15, .invert = 1 };
	struct xt_iprange_mtinfo range = { .flags = IPRANGE_SRC | IPRANGE_SRC_INV };
	struct xt_pkttype_info packet = { .pkttype = 1, .invert = 1 };

	(void)state;
	MATCH("addrtype", 0, type0);
	assert_int_equal(xt.u.addrtype.source, 4);
	assert_int_equal(xt.u.addrtype.destination, 8);
	assert_int_equal(xt.u.addrtype.flags, XT_ADDRTYPE_INVERT_DEST);
	MATCH("addrtype", 1, type1);
	assert_int_equal(xt.u.addrtype.flags, XT_ADDRTYPE_LIMIT_IFACE_IN);
	MATCH("mark", 1, mark);
	assert_int_equal(xt.kind, XT_MARK);
	assert_false(xt.tracks);
	MATCH("connmark", 1, mark);
	assert_int_equal(xt.kind, XT_CONNMARK);
	assert_int_equal(xt.u.mark.mark, 5);
	assert_int_equal(xt.u.mark.mask, 15);
	assert_true(xt.u.mark.is_inverted && xt.tracks);
	range.src_max.ip = htonl(9);
	range.dst_min.ip = htonl(7);
	MATCH("iprange", 1, range);
	assert_memory_equal(xt.u.iprange.source_last, "\0\0\0\x09", 4);
	assert_memory_equal(xt.u.iprange.first, "\0\0\0\x07", 4);
	assert_int_equal(xt.u.iprange.flags, IPRANGE_SRC | IPRANGE_SRC_INV);
	MATCH("pkttype", 0, packet);
	assert_int_equal(xt.u.pkttype.type, 1);
	assert_true(xt.u.pkttype.is_inverted);
	/* Of bridges another struct has that name, and that size. */
	decode("pkttype", 0, false, RULE_FAMILY_BRIDGE, &packet, sizeof(packet));
	assert_int_equal(xt.kind, XT_UNKNOWN);
}

static void test_sets(void **state)
{
	struct xt_set_info_match_v0 zero = { .match_set = { .index = 3 } };
	struct xt_set_info_match_v1 one = { .match_set = { .index = 7, .dim = 2, .flags = 5 } };
	struct xt_set_info_match_v4 four = { .match_set = { .index = 9, .dim = 1, .flags = 2 },
					     .bytes = { .op = IPSET_COUNTER_GT, .value = 5 },
					     .flags = IPSET_FLAG_RETURN_NOMATCH };
	struct xt_set_info_target_v3 change = { .add_set = { .index = 4 },
						.del_set = { .index = IPSET_INVALID_ID },
						.map_set = { .index = IPSET_INVALID_ID } };

	(void)state;
	zero.match_set.u.compat.dim = 1;
	zero.match_set.u.compat.flags = 3;
	MATCH("set", 0, zero);
	assert_int_equal(xt.u.set.set, 3);
	assert_int_equal(xt.u.set.dimensions, 1);
	assert_int_equal(xt.u.set.flags, 3);
	MATCH("set", 2, one);
	assert_int_equal(xt.kind, XT_SET);
	assert_int_equal(xt.u.set.set, 7);
	assert_int_equal(xt.u.set.dimensions, 2);
	assert_int_equal(xt.u.set.flags, 5);
	assert_false(xt.u.set.has_counters);
	MATCH("set", 4, four);
	assert_int_equal(xt.u.set.flags, 2 | IPSET_RETURN_NOMATCH);
	assert_true(xt.u.set.has_counters);
	TARGET("SET", 3, change);
	assert_int_equal(xt.kind, XT_CHANGE_SETS);
	assert_int_equal(xt.u.sets.add, 4);
	assert_int_equal(xt.u.sets.del, RULESET_NONE);
	change.map_set.index = 4;
	change.flags = IPSET_FLAG_MAP_SKBMARK;
	TARGET("SET", 3, change);
	assert_int_equal(xt.kind, XT_UNKNOWN);
}

static void test_verdicts(void **state)
{
	static const struct {
		int verdict;
		uint8_t is;
	} verdicts[] = { { -1, RULE_DROP },   { -2, RULE_ACCEPT }, { -3, RULE_STOLEN },
			 { -4, RULE_QUEUE },  { -5, RULE_RETURN }, { -6, RULE_VERDICT_UNKNOWN },
			 { 1000, RULE_JUMP }, { 0, RULE_JUMP } };
	struct ipt_reject_info reject = { .with = IPT_TCP_RESET };
	struct ip6t_reject_info reject6 = { .with = IP6T_ICMP6_POLICY_FAIL };

	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		TARGET("", 0, verdicts[i].verdict);
		assert_int_equal(xt.kind, XT_VERDICT);
		assert_int_equal(xt.u.verdict.verdict, verdicts[i].is);
		assert_int_equal(xt.u.verdict.chain, RULESET_NONE);
	}
	TARGET("REJECT", 0, reject);
	assert_int_equal(xt.u.reject.with, IPT_TCP_RESET);
	TARGET6("REJECT", 0, reject6);
	assert_int_equal(xt.u.reject.with, IP6T_ICMP6_POLICY_FAIL);
	reject.with = 77;
	TARGET("REJECT", 0, reject);
	assert_int_equal(xt.kind, XT_UNKNOWN);
}

static void test_nat(void **state)
{
	struct nf_nat_ipv4_multi_range_compat list = {
		.rangesize = 1, .range = { { .flags = 3, .min_ip = htonl(7), .max_ip = htonl(9) } }
	};
	struct nf_nat_range2 range = { .flags = NF_NAT_RANGE_PROTO_SPECIFIED |
						NF_NAT_RANGE_PROTO_OFFSET };

	(void)state;
	list.range[0].min.all = htons(80);
	list.range[0].max.all = htons(81);
	TARGET("DNAT", 0, list);
	assert_int_equal(xt.kind, XT_DNAT);
	assert_true(xt.tracks);
	assert_int_equal(xt.u.nat.flags, 3);
	assert_memory_equal(xt.u.nat.first, "\0\0\0\x07", 4);
	assert_memory_equal(xt.u.nat.last, "\0\0\0\x09", 4);
	assert_int_equal(xt.u.nat.first_port, 80);
	assert_int_equal(xt.u.nat.last_port, 81);
	TARGET("REDIRECT", 0, list);
	assert_true(xt.u.nat.is_redirect && !xt.u.nat.is_netmap);
	TARGET("NETMAP", 0, list);
	assert_true(xt.u.nat.is_netmap && !xt.u.nat.is_redirect);
	TARGET("MASQUERADE", 0, list);
	assert_int_equal(xt.kind, XT_SNAT);
	list.rangesize = 2;
	TARGET("SNAT", 0, list);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	range.min_addr.ip6[3] = htonl(5);
	range.max_proto.all = htons(90);
	range.base_proto.all = htons(5000);
	TARGET6("DNAT", 2, range);
	assert_int_equal(xt.kind, XT_DNAT);
	assert_int_equal(xt.u.nat.first[15], 5);
	assert_int_equal(xt.u.nat.last_port, 90);
	assert_int_equal(xt.u.nat.base_port, 5000);
	range.flags |= 1u << 20;
	TARGET6("DNAT", 2, range);
	assert_int_equal(xt.kind, XT_UNKNOWN);
}

static void test_marks(void **state)
{
	struct xt_mark_tginfo2 mark = { .mark = 5, .mask = 15 };
	struct xt_connmark_tginfo2 connmark = { .ctmark = 5,
						.ctmask = 15,
						.nfmask = 255,
						.shift_dir = D_SHIFT_RIGHT,
						.shift_bits = 4,
						.mode = XT_CONNMARK_RESTORE };

	(void)state;
	TARGET("MARK", 2, mark);
	assert_int_equal(xt.kind, XT_SET_MARK);
	assert_int_equal(xt.u.mark.mark, 5);
	assert_int_equal(xt.u.mark.mask, 15);
	TARGET("CONNMARK", 2, connmark);
	assert_int_equal(xt.kind, XT_SET_CONNMARK);
	assert_int_equal(xt.u.mark.mode, XT_CONNMARK_RESTORE);
	assert_int_equal(xt.u.mark.ct_mask, 15);
	assert_int_equal(xt.u.mark.packet_mask, 255);
	assert_int_equal(xt.u.mark.shift_right, 4);
	assert_int_equal(xt.u.mark.shift_left, 0);
	connmark.shift_bits = 32;
	TARGET("CONNMARK", 2, connmark);
	assert_int_equal(xt.kind, XT_UNKNOWN);
	connmark.shift_bits = 0;
	connmark.mode = 3;
	TARGET("CONNMARK", 2, connmark);
	assert_int_equal(xt.kind, XT_UNKNOWN);
}

/* Only who is to be tracked has the kernel track. */
static void test_ct(void **state)
{
	struct xt_ct_target_info_v1 ct = { .flags = XT_CT_NOTRACK };
	struct xt_NFQ_info_v3 queue = { .queuenum = 5,
					.queues_total = 1,
					.flags = NFQ_FLAG_BYPASS };

	(void)state;
	TARGET("CT", 2, ct);
	assert_int_equal(xt.kind, XT_CT);
	assert_true(xt.u.ct.is_notrack && !xt.tracks);
	ct.flags = 0;
	TARGET("CT", 2, ct);
	assert_true(!xt.u.ct.is_notrack && xt.tracks);
	decode("NOTRACK", 0, true, RULE_FAMILY_IPV6, NULL, 0);
	assert_int_equal(xt.kind, XT_CT);
	assert_true(xt.u.ct.is_notrack && !xt.tracks);
	TARGET("NFQUEUE", 3, queue);
	assert_int_equal(xt.u.queue.queue, 5);
	assert_true(xt.u.queue.bypass);
	decode("NFQUEUE", 0, true, RULE_FAMILY_IPV4, &queue, 2);
	assert_int_equal(xt.kind, XT_QUEUE);
	assert_false(xt.u.queue.bypass);
}

static void test_blob(void **state)
{
	struct xt_bpf_info_v1 bpf = { .mode = XT_BPF_MODE_FD_PINNED, .path = "/x" };
	struct xt_ct_target_info_v1 ct = { .zone = 5 };
	char comment[256];

	(void)state;
	/* What old kernels leak. */
	bpf.filter = (void *)(uintptr_t)0x1234567;
	ct.ct = (void *)(uintptr_t)0x1234567;
	MATCH("bpf", 1, bpf);
	bpf.filter = NULL;
	assert_int_equal(xt.kind, XT_BPF);
	assert_int_equal(xt.blob.length, sizeof(bpf));
	assert_memory_equal(ruleset_bytes(ruleset, xt.blob.at), &bpf, sizeof(bpf));
	TARGET("CT", 2, ct);
	ct.ct = NULL;
	assert_memory_equal(ruleset_bytes(ruleset, xt.blob.at), &ct, sizeof(ct));
	/* A comment may be as long as there is room, without a NUL. */
	memset(comment, 'x', sizeof(comment));
	MATCH("comment", 0, comment);
	assert_int_equal(xt.kind, XT_ALWAYS);
	assert_int_equal(strlen(xt.u.comment.text), sizeof(comment));
	assert_int_equal(xt.blob.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),    cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_ports),     cmocka_unit_test(test_multiport),
		cmocka_unit_test(test_conntrack), cmocka_unit_test(test_state),
		cmocka_unit_test(test_simple),    cmocka_unit_test(test_sets),
		cmocka_unit_test(test_verdicts),  cmocka_unit_test(test_nat),
		cmocka_unit_test(test_marks),     cmocka_unit_test(test_ct),
		cmocka_unit_test(test_blob),
	};

	return cmocka_run_group_tests(tests, make_ruleset, free_ruleset);
}
