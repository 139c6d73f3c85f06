/* SPDX-License-Identifier: MIT */
/* Targets of x_tables, as iptables-save writes them. */
#include "printer.h"

void put_ipset(struct sink *sink, const struct ruleset *ruleset, uint32_t set)
{
	put(sink, set < ruleset->ipsets.n && ruleset->ipsets.items[set].name ?
			  ruleset->ipsets.items[set].name :
			  "[unknown set]");
}

static void put_reject_with(struct sink *sink, uint8_t with, bool is_ipv6)
{
	static const char *const ipv4[] = {
		"icmp-net-unreachable",
		"icmp-host-unreachable",
		"icmp-proto-unreachable",
		"icmp-port-unreachable",
		"echo-reply",
		"icmp-net-prohibited",
		"icmp-host-prohibited",
		"tcp-reset",
		"icmp-admin-prohibited",
	};
	static const char *const ipv6[] = {
		"icmp6-no-route",
		"icmp6-adm-prohibited",
		"icmp6-not-neighbour",
		"icmp6-addr-unreachable",
		"icmp6-port-unreachable",
		"echo-reply",
		"tcp-reset",
		"icmp6-policy-fail",
		"icmp6-reject-route",
	};

	PUT(sink, " --reject-with ", with > 8 ? "?" : is_ipv6 ? ipv6[with] : ipv4[with]);
}

static void put_addr(struct sink *sink, const uint8_t *bytes, bool is_ipv6)
{
	if (is_ipv6)
		put_ipv6(sink, bytes);
	else
		put_ipv4(sink, bytes);
}

/* "10.0.0.1-10.0.0.9:80-90"; of a target that has ports alone without the colon. */
static void put_nat_range(struct sink *sink, const struct xt_nat *nat, bool is_ipv6,
			  bool has_ports_alone)
{
	bool has_ports = nat->flags & RULE_NAT_PROTO_SPECIFIED;
	bool is_enclosed = is_ipv6 && has_ports && nat->flags & RULE_NAT_MAP_IPS;

	if (nat->flags & RULE_NAT_MAP_IPS) {
		put(sink, is_enclosed ? "[" : "");
		put_addr(sink, nat->first, is_ipv6);
		if (memcmp(nat->first, nat->last, is_ipv6 ? 16 : 4) != 0) {
			put(sink, "-");
			put_addr(sink, nat->last, is_ipv6);
		}
		put(sink, is_enclosed ? "]" : "");
	}
	if (!has_ports)
		return;
	put(sink, has_ports_alone && !(nat->flags & RULE_NAT_MAP_IPS) ? "" : ":");
	put_number(sink, nat->first_port);
	if (nat->last_port != nat->first_port) {
		put(sink, "-");
		put_number(sink, nat->last_port);
	}
	if (nat->flags & RULE_NAT_PROTO_OFFSET) {
		put(sink, "/");
		put_number(sink, nat->base_port);
	}
}

static void put_netmap(struct sink *sink, const struct xt_nat *nat, bool is_ipv6)
{
	uint8_t mask[16];

	for (int i = 0; i < 16; i++)
		mask[i] = (uint8_t) ~(nat->first[i] ^ nat->last[i]);
	put(sink, " --to ");
	put_xt_address(sink, nat->first, mask, is_ipv6);
}

static void put_nat_target(struct sink *sink, const struct xt *xt, bool is_ipv6)
{
	const struct xt_nat *nat = &xt->u.nat;
	bool has_ports_alone = nat->is_redirect || strcmp(xt->name, "MASQUERADE") == 0;

	if (nat->is_netmap) {
		put_netmap(sink, nat, is_ipv6);
		return;
	}
	if (nat->flags & (RULE_NAT_MAP_IPS | RULE_NAT_PROTO_SPECIFIED)) {
		put(sink, has_ports_alone     ? " --to-ports " :
			  xt->kind == XT_DNAT ? " --to-destination " :
						" --to-source ");
		put_nat_range(sink, nat, is_ipv6, has_ports_alone);
	}
	put(sink, nat->flags & RULE_NAT_PROTO_RANDOM ? " --random" : "");
	put(sink, nat->flags & RULE_NAT_PROTO_RANDOM_FULLY ? " --random-fully" : "");
	put(sink, nat->flags & RULE_NAT_PERSISTENT ? " --persistent" : "");
}

static void put_option_hex(struct sink *sink, const char *option, uint32_t number)
{
	put(sink, option);
	put_hex(sink, number, 1);
}

static void put_connmark_target(struct sink *sink, const struct xt_mark *mark)
{
	if (mark->mode == 0) {
		put_option_hex(sink, " --set-xmark 0x", mark->mark);
		put_option_hex(sink, "/0x", mark->ct_mask);
	} else {
		put(sink, mark->mode == 1 ? " --save-mark" : " --restore-mark");
		put_option_hex(sink, " --nfmask 0x", mark->packet_mask);
		put_option_hex(sink, " --ctmask 0x", mark->ct_mask);
	}
	if (mark->shift_left || mark->shift_right) {
		put(sink, mark->shift_left ? " --left-shift-mark " : " --right-shift-mark ");
		put_number(sink, mark->shift_left ? mark->shift_left : mark->shift_right);
	}
}

static void put_log_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	static const char *const options[] = { " --log-tcp-sequence",
					       " --log-tcp-options",
					       " --log-ip-options",
					       " --log-uid",
					       NULL,
					       " --log-macdecode" };
	uint8_t level = xt_u8(ruleset, xt, 0), flags = xt_u8(ruleset, xt, 1);
	char prefix[31];

	if (*xt_text(ruleset, xt, 2, 30, prefix)) {
		put(sink, " --log-prefix ");
		put_xt_word(sink, prefix);
	}
	if (level != 4) {
		put(sink, " --log-level ");
		put_number(sink, level);
	}
	for (int i = 0; i < 6; i++)
		put(sink, flags >> i & 1 && options[i] ? options[i] : "");
}

static void put_nflog_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint32_t length = xt_u32(ruleset, xt, 0);
	uint16_t group = xt_u16(ruleset, xt, 4), threshold = xt_u16(ruleset, xt, 6);
	bool is_size = xt_u16(ruleset, xt, 8) & 1;
	char prefix[65];

	if (*xt_text(ruleset, xt, 12, 64, prefix)) {
		put(sink, " --nflog-prefix ");
		put_xt_word(sink, prefix);
	}
	if (group) {
		put(sink, " --nflog-group ");
		put_number(sink, group);
	}
	if (is_size || length) {
		put(sink, is_size ? " --nflog-size " : " --nflog-range ");
		put_number(sink, length);
	}
	if (threshold) {
		put(sink, " --nflog-threshold ");
		put_number(sink, threshold);
	}
}

static void put_mss_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint16_t mss = xt_u16(ruleset, xt, 0);

	if (mss == UINT16_MAX) {
		put(sink, " --clamp-mss-to-pmtu");
	} else {
		put(sink, " --set-mss ");
		put_number(sink, mss);
	}
}

/* NFQUEUE: of all revisions but the first the second number says how many queues there are. */
static void put_queue_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint16_t first = xt->u.queue.queue, n = xt->revision ? xt_u16(ruleset, xt, 2) : 1;

	put(sink, n > 1 ? " --queue-balance " : " --queue-num ");
	put_number(sink, first);
	if (n > 1) {
		put(sink, ":");
		put_number(sink, (uint64_t)first + n - 1);
	}
	put(sink, xt->u.queue.bypass ? " --queue-bypass" : "");
	put(sink, xt->revision >= 3 && xt_u16(ruleset, xt, 4) & 2 ? " --queue-cpu-fanout" : "");
}

static void put_tproxy_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
			      bool is_ipv6)
{
	bool is_first = xt->revision == 0;
	uint32_t port_at = is_first ? 12 : 24;
	uint8_t address[16] = { 0 };

	for (uint32_t i = 0; i < (is_first ? 4 : sizeof(address)); i++)
		address[i] = xt_u8(ruleset, xt, 8 + i);
	put(sink, " --on-port ");
	put_number(sink,
		   (uint64_t)xt_u8(ruleset, xt, port_at) << 8 | xt_u8(ruleset, xt, port_at + 1));
	put(sink, " --on-ip ");
	put_addr(sink, address, is_ipv6);
	put_option_hex(sink, " --tproxy-mark 0x", xt_u32(ruleset, xt, 4));
	put_option_hex(sink, "/0x", xt_u32(ruleset, xt, 0));
}

/* XT_CT_*: what else it may do is told by one word. */
static void put_ct_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	char helper[17];

	if (strcmp(xt->name, "CT") != 0)
		return;
	put(sink, xt->u.ct.is_notrack ? " --notrack" : "");
	if (*xt_text(ruleset, xt, 12, 16, helper))
		PUT(sink, " --helper ", helper);
	if (xt_u16(ruleset, xt, 2)) {
		put(sink, " --zone ");
		put_number(sink, xt_u16(ruleset, xt, 2));
	}
	if (xt_u32(ruleset, xt, 4) || xt_u32(ruleset, xt, 8))
		put(sink, " [events not decoded]");
}

static const struct {
	const char *name;
	void (*put)(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt);
} by_blob[] = {
	{ "LOG", put_log_target },
	{ "NFLOG", put_nflog_target },
	{ "TCPMSS", put_mss_target },
};

static void put_other_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	for (size_t i = 0; i < sizeof(by_blob) / sizeof(by_blob[0]); i++) {
		if (xt->kind == XT_NOTHING && strcmp(xt->name, by_blob[i].name) == 0) {
			by_blob[i].put(sink, ruleset, xt);
			return;
		}
	}
	put(sink, xt->kind == XT_NOTHING && xt->blob.length == 0 ? "" : " [not decoded]");
}

/* Where struct xt_set_info stands: how it looks up, with a flag for each dimension. */
static void put_changed_set(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
			    const char *option, uint32_t set, uint32_t at)
{
	uint8_t dimensions = xt_u8(ruleset, xt, at + 2), flags = xt_u8(ruleset, xt, at + 3);

	if (set == RULESET_NONE)
		return;
	put(sink, option);
	put_ipset(sink, ruleset, set);
	for (uint32_t i = 1; i <= dimensions && i < 8 && xt->revision; i++)
		PUT(sink, i == 1 ? " " : ",", flags >> i & 1 ? "src" : "dst");
}

static void put_change_sets(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint32_t flags_at = xt->revision == 2 ? 8 : 12;

	put_changed_set(sink, ruleset, xt, " --add-set ", xt->u.sets.add, 0);
	if (xt->revision >= 2) {
		put(sink, xt_u32(ruleset, xt, flags_at) & 1 ? " --exist" : "");
		if (xt_u32(ruleset, xt, flags_at + 4) != UINT32_MAX) {
			put(sink, " --timeout ");
			put_number(sink, xt_u32(ruleset, xt, flags_at + 4));
		}
	}
	put_changed_set(sink, ruleset, xt, " --del-set ", xt->u.sets.del, 4);
}

#define CT_NOTRACK_ALIAS 0x2

static void put_target(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
		       bool is_ipv6)
{
	/* NOTRACK is another name of CT's. */
	bool is_notrack = xt->kind == XT_CT && strcmp(xt->name, "CT") == 0 &&
			  xt_u16(ruleset, xt, 0) & CT_NOTRACK_ALIAS;

	PUT(sink, "-j ", is_notrack ? "NOTRACK" : xt->name);
	if (is_notrack)
		return;
	switch (xt->kind) {
	case XT_REJECT:
		put_reject_with(sink, xt->u.reject.with, is_ipv6);
		break;
	case XT_DNAT:
	case XT_SNAT:
		put_nat_target(sink, xt, is_ipv6);
		break;
	case XT_SET_MARK:
		put_option_hex(sink, " --set-xmark 0x", xt->u.mark.mark);
		put_option_hex(sink, "/0x", xt->u.mark.mask);
		break;
	case XT_SET_CONNMARK:
		put_connmark_target(sink, &xt->u.mark);
		break;
	case XT_CT:
		put_ct_target(sink, ruleset, xt);
		break;
	case XT_TPROXY:
		put_tproxy_target(sink, ruleset, xt, is_ipv6);
		break;
	case XT_QUEUE:
		put_queue_target(sink, ruleset, xt);
		break;
	case XT_CHANGE_SETS:
		put_change_sets(sink, ruleset, xt);
		break;
	default:
		put_other_target(sink, ruleset, xt);
		break;
	}
}

void put_xt(struct sink *sink, const struct ruleset *ruleset, const struct rule *rule,
	    const struct xt *xt, bool is_target)
{
	const struct rule_table *table =
		&ruleset->tables.items[ruleset->chains.items[rule->chain].table];
	bool is_ipv6 = table->family == RULE_FAMILY_IPV6;

	if (!is_target)
		put_xt_match(sink, ruleset, xt, is_ipv6);
	else if (xt->kind == XT_VERDICT)
		put_xt_verdict(sink, ruleset, xt->u.verdict.verdict, xt->u.verdict.chain);
	else
		put_target(sink, ruleset, xt, is_ipv6);
}
