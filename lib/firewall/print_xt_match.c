/* SPDX-License-Identifier: MIT */
/* Options of the matches of x_tables, as iptables-save writes them. */
#include "printer.h"

void put_xt_ports_match(struct sink *sink, const struct xt_ports *ports)
{
	if (ports->source_first != 0 || ports->source_last != UINT16_MAX)
		put_xt_ports(sink, "--sport", ports->source_first, ports->source_last,
			     ports->not_source);
	if (ports->first != 0 || ports->last != UINT16_MAX)
		put_xt_ports(sink, "--dport", ports->first, ports->last, ports->not_destination);
	if (ports->option || ports->not_option)
		put_xt_option_number(sink, ports->not_option, "--tcp-option", ports->option);
	if (ports->flag_mask || ports->not_flags) {
		put_xt_option(sink, ports->not_flags, "--tcp-flags ");
		put_xt_tcp_flags(sink, ports->flag_mask);
		put(sink, " ");
		put_xt_tcp_flags(sink, ports->flag_compare);
	}
}

static void put_multiport(struct sink *sink, const struct xt_multiport *multiport)
{
	static const char *const options[] = { "--sports ", "--dports ", "--ports " };

	put_xt_option(sink, multiport->is_inverted,
		      options[multiport->where < 3 ? multiport->where : 2]);
	for (uint32_t i = 0; i < multiport->n && i < 15; i++) {
		put(sink, i ? "," : "");
		put_number(sink, multiport->ports[i].first);
		if (multiport->ports[i].first != multiport->ports[i].last) {
			put(sink, ":");
			put_number(sink, multiport->ports[i].last);
		}
	}
}

/* XT_CONNTRACK_* */
enum conntrack_part {
	PART_STATE,
	PART_PROTOCOL,
	PART_ORIGINAL_SOURCE,
	PART_ORIGINAL_DESTINATION,
	PART_REPLY_SOURCE,
	PART_REPLY_DESTINATION,
	PART_STATUS,
	PART_EXPIRES,
	PART_ORIGINAL_SOURCE_PORT,
	PART_ORIGINAL_DESTINATION_PORT,
	PART_REPLY_SOURCE_PORT,
	PART_REPLY_DESTINATION_PORT,
	PART_DIRECTION,
	PART_ALIAS, /* "-m state" */
};

struct flag {
	uint16_t bit;
	const char *name;
};

static void put_flag_names(struct sink *sink, uint16_t flags, const struct flag *names)
{
	const char *before = " ";

	for (; names->name; names++) {
		if (flags & names->bit) {
			PUT(sink, before, names->name);
			before = ",";
		}
	}
}

static void put_states(struct sink *sink, uint16_t states)
{
	static const struct flag names[] = {
		{ 0x001, "INVALID" },   { 0x008, "NEW" },
		{ 0x004, "RELATED" },   { 0x002, "ESTABLISHED" },
		{ 0x100, "UNTRACKED" }, { 0x040, "SNAT" },
		{ 0x080, "DNAT" },      { 0, NULL },
	};

	put_flag_names(sink, states, names);
}

static void put_status(struct sink *sink, uint16_t status)
{
	static const struct flag names[] = {
		{ RULE_CT_EXPECTED, "EXPECTED" },
		{ RULE_CT_SEEN_REPLY, "SEEN_REPLY" },
		{ RULE_CT_ASSURED, "ASSURED" },
		{ RULE_CT_CONFIRMED, "CONFIRMED" },
		{ 0, NULL },
	};

	if (status)
		put_flag_names(sink, status, names);
	else
		put(sink, " NONE");
}

/* A mask of all bits is left out. */
static void put_conntrack_address(struct sink *sink, const struct xt_addresses *addresses,
				  bool is_ipv6)
{
	uint8_t all[16];

	memset(all, 0xff, sizeof(all));
	put(sink, " ");
	if (memcmp(addresses->mask, all, is_ipv6 ? 16 : 4) != 0)
		put_xt_address(sink, addresses->addr, addresses->mask, is_ipv6);
	else if (is_ipv6)
		put_ipv6(sink, addresses->addr);
	else
		put_ipv4(sink, addresses->addr);
}

static void put_conntrack_addresses(struct sink *sink, const struct xt_conntrack *conntrack,
				    bool is_ipv6)
{
	const struct {
		enum conntrack_part part;
		const char *option;
		const struct xt_addresses *addresses;
	} addresses[] = {
		{ PART_ORIGINAL_SOURCE, "--ctorigsrc", &conntrack->original_source },
		{ PART_ORIGINAL_DESTINATION, "--ctorigdst", &conntrack->original_destination },
		{ PART_REPLY_SOURCE, "--ctreplsrc", &conntrack->reply_source },
		{ PART_REPLY_DESTINATION, "--ctrepldst", &conntrack->reply_destination },
	};
	const struct {
		enum conntrack_part part;
		const char *option;
		const uint16_t *ports;
	} ports[] = {
		{ PART_ORIGINAL_SOURCE_PORT, "--ctorigsrcport", conntrack->original_source_port },
		{ PART_ORIGINAL_DESTINATION_PORT, "--ctorigdstport",
		  conntrack->original_destination_port },
		{ PART_REPLY_SOURCE_PORT, "--ctreplsrcport", conntrack->reply_source_port },
		{ PART_REPLY_DESTINATION_PORT, "--ctrepldstport",
		  conntrack->reply_destination_port },
	};

	for (int i = 0; i < 4; i++) {
		if (!(conntrack->match >> addresses[i].part & 1))
			continue;
		put_xt_option(sink, conntrack->invert >> addresses[i].part & 1,
			      addresses[i].option);
		put_conntrack_address(sink, addresses[i].addresses, is_ipv6);
	}
	for (int i = 0; i < 4; i++) {
		uint16_t last = ports[i].ports[1] ? ports[i].ports[1] : ports[i].ports[0];

		if (conntrack->match >> ports[i].part & 1)
			put_xt_ports(sink, ports[i].option, ports[i].ports[0], last,
				     conntrack->invert >> ports[i].part & 1);
	}
}

static void put_conntrack(struct sink *sink, const struct xt *xt, bool is_ipv6)
{
	const struct xt_conntrack *conntrack = &xt->u.conntrack;
	uint16_t match = conntrack->match, invert = conntrack->invert;

#define HAS(part) (match >> PART_##part & 1)
#define NOT(part) (invert >> PART_##part & 1)
	if (HAS(STATE)) {
		bool is_state = HAS(ALIAS) || strcmp(xt->name, "state") == 0;

		put_xt_option(sink, NOT(STATE), is_state ? "--state" : "--ctstate");
		put_states(sink, conntrack->states);
	}
	if (HAS(PROTOCOL))
		put_xt_option_number(sink, NOT(PROTOCOL), "--ctproto", conntrack->protocol);
	put_conntrack_addresses(sink, conntrack, is_ipv6);
	if (HAS(STATUS)) {
		put_xt_option(sink, NOT(STATUS), "--ctstatus");
		put_status(sink, conntrack->status);
	}
	if (HAS(EXPIRES))
		put_xt_option_span(sink, NOT(EXPIRES), "--ctexpire", conntrack->expires_first,
				   conntrack->expires_last, ":");
	if (HAS(DIRECTION))
		put(sink, NOT(DIRECTION) ? " --ctdir REPLY" : " --ctdir ORIGINAL");
#undef HAS
#undef NOT
}

static void put_route_types(struct sink *sink, uint16_t types)
{
	static const struct flag names[] = {
		{ 1u << RULE_ROUTE_NONE, "UNSPEC" },
		{ 1u << RULE_ROUTE_UNICAST, "UNICAST" },
		{ 1u << RULE_ROUTE_LOCAL, "LOCAL" },
		{ 1u << RULE_ROUTE_BROADCAST, "BROADCAST" },
		{ 1u << RULE_ROUTE_ANYCAST, "ANYCAST" },
		{ 1u << RULE_ROUTE_MULTICAST, "MULTICAST" },
		{ 1u << RULE_ROUTE_BLACKHOLE, "BLACKHOLE" },
		{ 1u << RULE_ROUTE_UNREACHABLE, "UNREACHABLE" },
		{ 1u << RULE_ROUTE_PROHIBIT, "PROHIBIT" },
		{ 1u << RULE_ROUTE_THROW, "THROW" },
		{ 1u << 10, "NAT" },
		{ 1u << 11, "XRESOLVE" },
		{ 0, NULL },
	};

	put_flag_names(sink, types, names);
}

static void put_addrtype(struct sink *sink, const struct xt *xt)
{
	if (xt->u.addrtype.source) {
		put_xt_option(sink, xt->u.addrtype.flags & 1, "--src-type");
		put_route_types(sink, xt->u.addrtype.source);
	}
	if (xt->u.addrtype.destination) {
		put_xt_option(sink, xt->u.addrtype.flags & 2, "--dst-type");
		put_route_types(sink, xt->u.addrtype.destination);
	}
	put(sink, xt->u.addrtype.flags & 4 ? " --limit-iface-in" : "");
	put(sink, xt->u.addrtype.flags & 8 ? " --limit-iface-out" : "");
}

/* IPRANGE_* */
#define RANGE_SOURCE          0x01
#define RANGE_DESTINATION     0x02
#define RANGE_NOT_SOURCE      0x10
#define RANGE_NOT_DESTINATION 0x20

static void put_addresses(struct sink *sink, const char *option, const uint8_t *first,
			  const uint8_t *last, bool is_not, bool is_ipv6)
{
	put_xt_option(sink, is_not, option);
	put(sink, " ");
	if (is_ipv6)
		put_ipv6(sink, first);
	else
		put_ipv4(sink, first);
	put(sink, "-");
	if (is_ipv6)
		put_ipv6(sink, last);
	else
		put_ipv4(sink, last);
}

static void put_iprange(struct sink *sink, const struct xt_iprange *range, bool is_ipv6)
{
	if (range->flags & RANGE_SOURCE)
		put_addresses(sink, "--src-range", range->source_first, range->source_last,
			      range->flags & RANGE_NOT_SOURCE, is_ipv6);
	if (range->flags & RANGE_DESTINATION)
		put_addresses(sink, "--dst-range", range->first, range->last,
			      range->flags & RANGE_NOT_DESTINATION, is_ipv6);
}

static void put_set_match(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	put_xt_option(sink, xt->u.set.flags & 1, "--match-set ");
	put_ipset(sink, ruleset, xt->u.set.set);
	for (uint32_t i = 1; i <= xt->u.set.dimensions && i < 8; i++)
		PUT(sink, i == 1 ? " " : ",", xt->u.set.flags >> i & 1 ? "src" : "dst");
	put(sink, xt->u.set.has_counters ? " [counters not decoded]" : "");
}

static void put_pkttype(struct sink *sink, const struct xt *xt)
{
	static const char *const names[] = { "unicast", "broadcast", "multicast" };

	put_xt_option(sink, xt->u.pkttype.is_inverted, "--pkt-type ");
	if (xt->u.pkttype.type < 3)
		put(sink, names[xt->u.pkttype.type]);
	else
		put_number(sink, xt->u.pkttype.type);
}

/* XT_RPFILTER_* */
static void put_rpfilter(struct sink *sink, const struct xt *xt)
{
	static const char *const options[] = { " --loose", " --validmark", " --accept-local",
					       " --invert" };

	for (int i = 0; i < 4; i++)
		put(sink, xt->u.rpfilter.flags >> i & 1 ? options[i] : "");
}

static void put_group(struct sink *sink, const char *option, uint32_t group, uint32_t mask,
		      bool is_not)
{
	put_xt_option(sink, is_not, option);
	/* The one that has a name without a file that gives it. */
	if (group == 0 && mask == UINT32_MAX) {
		put(sink, " default");
		return;
	}
	put(sink, " 0x");
	put_hex(sink, group, 1);
	if (mask != UINT32_MAX) {
		put(sink, "/0x");
		put_hex(sink, mask, 1);
	}
}

/* XT_DEVGROUP_* */
static void put_devgroup(struct sink *sink, const struct xt *xt)
{
	if (xt->u.devgroup.flags & 1)
		put_group(sink, "--src-group", xt->u.devgroup.source, xt->u.devgroup.source_mask,
			  xt->u.devgroup.flags & 2);
	if (xt->u.devgroup.flags & 4)
		put_group(sink, "--dst-group", xt->u.devgroup.destination,
			  xt->u.devgroup.destination_mask, xt->u.devgroup.flags & 8);
}

void put_xt_match(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
		  bool is_ipv6)
{
	bool is_state = xt->kind == XT_CONNTRACK && xt->u.conntrack.match >> PART_ALIAS & 1;

	PUT(sink, "-m ", is_state ? "state" : xt->name);
	switch (xt->kind) {
	case XT_PORTS:
		put_xt_ports_match(sink, &xt->u.ports);
		break;
	case XT_MULTIPORT:
		put_multiport(sink, &xt->u.multiport);
		break;
	case XT_CONNTRACK:
		put_conntrack(sink, xt, is_ipv6);
		break;
	case XT_ADDRTYPE:
		put_addrtype(sink, xt);
		break;
	case XT_MARK:
	case XT_CONNMARK:
		put_xt_mark(sink, "--mark", xt->u.mark.mark, xt->u.mark.mask,
			    xt->u.mark.is_inverted);
		break;
	case XT_IPRANGE:
		put_iprange(sink, &xt->u.iprange, is_ipv6);
		break;
	case XT_PKTTYPE:
		put_pkttype(sink, xt);
		break;
	case XT_SET:
		put_set_match(sink, ruleset, xt);
		break;
	case XT_RPFILTER:
		put_rpfilter(sink, xt);
		break;
	case XT_DEVGROUP:
		put_devgroup(sink, xt);
		break;
	case XT_ALWAYS:
		if (!xt->u.comment.text)
			break;
		put(sink, " --comment ");
		put_xt_word(sink, xt->u.comment.text);
		break;
	default:
		if (!put_xt_blob_match(sink, ruleset, xt, is_ipv6))
			put(sink, " [not decoded]");
		break;
	}
}
