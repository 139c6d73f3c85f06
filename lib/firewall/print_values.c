/* SPDX-License-Identifier: MIT */
/* Constants of rules, each as nft writes one of its kind. */
#include "printer.h"
#include "text.h"

struct name {
	uint64_t value;
	const char *name;
};

static const struct name nfprotos[] = { { 2, "ipv4" }, { 10, "ipv6" }, { 0, NULL } };
/* As on the wire. */
static const struct name ethertypes[] = {
	{ 0x0800, "ip" },    { 0x0806, "arp" },    { 0x86dd, "ip6" },
	{ 0x8100, "8021q" }, { 0x88a8, "8021ad" }, { 0, NULL },
};
static const struct name arp_operations[] = {
	{ 1, "request" },   { 2, "reply" },   { 3, "rrequest" }, { 4, "rreply" },
	{ 8, "inrequest" }, { 9, "inreply" }, { 10, "nak" },     { 0, NULL },
};
static const struct name icmp_types[] = {
	{ 0, "echo-reply" },           { 3, "destination-unreachable" },
	{ 4, "source-quench" },        { 5, "redirect" },
	{ 8, "echo-request" },         { 9, "router-advertisement" },
	{ 10, "router-solicitation" }, { 11, "time-exceeded" },
	{ 12, "parameter-problem" },   { 13, "timestamp-request" },
	{ 14, "timestamp-reply" },     { 15, "info-request" },
	{ 16, "info-reply" },          { 17, "address-mask-request" },
	{ 18, "address-mask-reply" },  { 0, NULL },
};
static const struct name icmpv6_types[] = {
	{ 1, "destination-unreachable" },
	{ 2, "packet-too-big" },
	{ 3, "time-exceeded" },
	{ 4, "parameter-problem" },
	{ 128, "echo-request" },
	{ 129, "echo-reply" },
	{ 130, "mld-listener-query" },
	{ 131, "mld-listener-report" },
	{ 132, "mld-listener-done" },
	{ 133, "nd-router-solicit" },
	{ 134, "nd-router-advert" },
	{ 135, "nd-neighbor-solicit" },
	{ 136, "nd-neighbor-advert" },
	{ 137, "nd-redirect" },
	{ 138, "router-renumbering" },
	{ 141, "ind-neighbor-solicit" },
	{ 142, "ind-neighbor-advert" },
	{ 143, "mld2-listener-report" },
	{ 0, NULL },
};
static const struct name igmp_types[] = {
	{ 0x11, "membership-query" },     { 0x12, "membership-report-v1" },
	{ 0x16, "membership-report-v2" }, { 0x22, "membership-report-v3" },
	{ 0x17, "leave-group" },          { 0, NULL },
};
static const struct name tcp_flags[] = {
	{ 0x01, "fin" }, { 0x02, "syn" }, { 0x04, "rst" }, { 0x08, "psh" }, { 0x10, "ack" },
	{ 0x20, "urg" }, { 0x40, "ecn" }, { 0x80, "cwr" }, { 0, NULL },
};
static const struct name dccp_types[] = {
	{ 0, "request" }, { 1, "response" }, { 2, "data" },  { 3, "ack" },
	{ 4, "dataack" }, { 5, "closereq" }, { 6, "close" }, { 7, "reset" },
	{ 8, "sync" },    { 9, "syncack" },  { 0, NULL },
};
static const struct name mh_types[] = {
	{ 0, "binding-refresh-request" },
	{ 1, "home-test-init" },
	{ 2, "careof-test-init" },
	{ 3, "home-test" },
	{ 4, "careof-test" },
	{ 5, "binding-update" },
	{ 6, "binding-acknowledgement" },
	{ 7, "binding-error" },
	{ 8, "fast-binding-update" },
	{ 9, "fast-binding-acknowledgement" },
	{ 10, "fast-binding-advertisement" },
	{ 11, "experimental-mobility-header" },
	{ 12, "home-agent-switch-message" },
	{ 0, NULL },
};
static const struct name arphrds[] = {
	{ 1, "ether" },      { 512, "ppp" }, { 768, "ipip" },  { 769, "ipip6" },
	{ 772, "loopback" }, { 776, "sit" }, { 778, "ipgre" }, { 0, NULL },
};
static const struct name ct_states[] = {
	{ RULE_CT_STATE_INVALID, "invalid" },     { RULE_CT_STATE_ESTABLISHED, "established" },
	{ RULE_CT_STATE_RELATED, "related" },     { RULE_CT_STATE_NEW, "new" },
	{ RULE_CT_STATE_UNTRACKED, "untracked" }, { 0, NULL },
};
static const struct name ct_directions[] = { { 0, "original" }, { 1, "reply" }, { 0, NULL } };
static const struct name ct_statuses[] = {
	{ RULE_CT_EXPECTED, "expected" },
	{ RULE_CT_SEEN_REPLY, "seen-reply" },
	{ RULE_CT_ASSURED, "assured" },
	{ RULE_CT_CONFIRMED, "confirmed" },
	{ RULE_CT_SRC_NAT, "snat" },
	{ RULE_CT_DST_NAT, "dnat" },
	{ 0x200, "dying" },
	{ 0, NULL },
};
static const struct name ct_events[] = {
	{ 1, "new" },      { 2, "related" },    { 4, "destroy" },  { 8, "reply" },
	{ 16, "assured" }, { 32, "protoinfo" }, { 64, "helper" },  { 128, "mark" },
	{ 256, "seqadj" }, { 512, "secmark" },  { 1024, "label" }, { 0, NULL },
};
static const struct name packet_types[] = {
	{ 0, "host" }, { 1, "broadcast" }, { 2, "multicast" }, { 3, "other" }, { 0, NULL },
};
static const struct name dscps[] = {
	{ 0x00, "cs0" },  { 0x08, "cs1" },  { 0x10, "cs2" },  { 0x18, "cs3" },   { 0x20, "cs4" },
	{ 0x28, "cs5" },  { 0x30, "cs6" },  { 0x38, "cs7" },  { 0x01, "lephb" }, { 0x0a, "af11" },
	{ 0x0c, "af12" }, { 0x0e, "af13" }, { 0x12, "af21" }, { 0x14, "af22" },  { 0x16, "af23" },
	{ 0x1a, "af31" }, { 0x1c, "af32" }, { 0x1e, "af33" }, { 0x22, "af41" },  { 0x24, "af42" },
	{ 0x26, "af43" }, { 0x2c, "va" },   { 0x2e, "ef" },   { 0, NULL },
};
static const struct name ecns[] = {
	{ 0, "not-ect" }, { 1, "ect1" }, { 2, "ect0" }, { 3, "ce" }, { 0, NULL },
};
static const struct name booleans[] = { { 1, "exists" }, { 0, "missing" }, { 0, NULL } };
static const struct name days[] = {
	{ 0, "\"Sunday\"" },   { 1, "\"Monday\"" }, { 2, "\"Tuesday\"" },  { 3, "\"Wednesday\"" },
	{ 4, "\"Thursday\"" }, { 5, "\"Friday\"" }, { 6, "\"Saturday\"" }, { 0, NULL },
};
static const struct name protocols[] = {
	{ 0, "ip" },
	{ 1, "icmp" },
	{ 2, "igmp" },
	{ 4, "ipencap" },
	{ 6, "tcp" },
	{ 8, "egp" },
	{ 9, "igp" },
	{ 17, "udp" },
	{ 33, "dccp" },
	{ 41, "ipv6" },
	{ 43, "ipv6-route" },
	{ 44, "ipv6-frag" },
	{ 46, "rsvp" },
	{ 47, "gre" },
	{ 50, "esp" },
	{ 51, "ah" },
	{ 58, "ipv6-icmp" },
	{ 59, "ipv6-nonxt" },
	{ 60, "ipv6-opts" },
	{ 88, "eigrp" },
	{ 89, "ospf" },
	{ 94, "ipip" },
	{ 97, "etherip" },
	{ 98, "encap" },
	{ 103, "pim" },
	{ 108, "ipcomp" },
	{ 112, "vrrp" },
	{ 115, "l2tp" },
	{ 132, "sctp" },
	{ 133, "fc" },
	{ 135, "mobility-header" },
	{ 136, "udplite" },
	{ 137, "mpls-in-ip" },
	{ 139, "hip" },
	{ 140, "shim6" },
	{ 0, NULL },
};

/* How a kind of value is written. */
static const struct type {
	const struct name *names;
	uint8_t length; /* bytes in a concatenation; 0: no fixed one */
	uint8_t digits; /* of a hexadecimal number, 0: decimal */
	bool is_host_order, is_bitmask, is_string, has_prefixes;
} types[TYPE_N_] = {
	[TYPE_NFPROTO] = { .names = nfprotos, .length = 1, .is_host_order = true },
	[TYPE_BITMASK] = { .digits = 1, .is_bitmask = true },
	[TYPE_STRING] = { .is_string = true, .is_host_order = true },
	[TYPE_IPADDR] = { .length = 4, .has_prefixes = true },
	[TYPE_IP6ADDR] = { .length = 16, .has_prefixes = true },
	[TYPE_ETHERADDR] = { .length = 6 },
	[TYPE_ETHERTYPE] = { .names = ethertypes, .length = 2, .digits = 4 },
	[TYPE_ARPOP] = { .names = arp_operations, .length = 2 },
	[TYPE_PROTOCOL] = { .names = protocols, .length = 1 },
	[TYPE_SERVICE] = { .length = 2 },
	[TYPE_ICMP_TYPE] = { .names = icmp_types, .length = 1 },
	[TYPE_TCP_FLAG] = { .names = tcp_flags, .length = 1, .digits = 1, .is_bitmask = true },
	[TYPE_DCCP_TYPE] = { .names = dccp_types, .length = 1 },
	[TYPE_MH_TYPE] = { .names = mh_types, .length = 1 },
	[TYPE_TIME] = { .length = 8, .is_host_order = true },
	[TYPE_MARK] = { .length = 4, .digits = 8, .is_host_order = true, .has_prefixes = true },
	[TYPE_IFINDEX] = { .length = 4, .is_host_order = true },
	[TYPE_ARPHRD] = { .names = arphrds, .length = 2, .is_host_order = true },
	[TYPE_REALM] = { .length = 4, .is_host_order = true, .has_prefixes = true },
	[TYPE_CLASSID] = { .length = 4, .is_host_order = true },
	[TYPE_UID] = { .length = 4, .is_host_order = true },
	[TYPE_GID] = { .length = 4, .is_host_order = true },
	[TYPE_CT_STATE] = { .names = ct_states,
			    .length = 4,
			    .digits = 1,
			    .is_host_order = true,
			    .is_bitmask = true },
	[TYPE_CT_DIR] = { .names = ct_directions, .length = 1 },
	[TYPE_CT_STATUS] = { .names = ct_statuses,
			     .length = 4,
			     .digits = 1,
			     .is_host_order = true,
			     .is_bitmask = true },
	[TYPE_ICMP6_TYPE] = { .names = icmpv6_types, .length = 1 },
	[TYPE_CT_LABEL] = { .length = 16, .digits = 1, .is_host_order = true, .is_bitmask = true },
	[TYPE_PKTTYPE] = { .names = packet_types, .length = 1, .is_host_order = true },
	[TYPE_ICMP_CODE] = { .length = 1 },
	[TYPE_ICMPV6_CODE] = { .length = 1 },
	[TYPE_ICMPX_CODE] = { .length = 1 },
	[TYPE_DEVGROUP] = { .length = 4, .is_host_order = true, .has_prefixes = true },
	[TYPE_DSCP] = { .names = dscps, .length = 1, .digits = 2 },
	[TYPE_ECN] = { .names = ecns, .length = 1, .digits = 1 },
	[TYPE_FIB_ADDR] = { .length = 4, .is_host_order = true },
	[TYPE_BOOLEAN] = { .names = booleans, .length = 1, .is_host_order = true },
	[TYPE_CT_EVENT] = { .names = ct_events,
			    .length = 4,
			    .digits = 1,
			    .is_host_order = true,
			    .is_bitmask = true },
	[TYPE_IFNAME] = { .length = 16, .is_host_order = true, .is_string = true },
	[TYPE_IGMP_TYPE] = { .names = igmp_types, .length = 1 },
	[TYPE_TIME_DATE] = { .length = 8, .is_host_order = true },
	[TYPE_TIME_HOUR] = { .length = 4, .is_host_order = true },
	[TYPE_TIME_DAY] = { .names = days, .length = 1, .is_host_order = true },
	[TYPE_CGROUPV2] = { .length = 8, .is_host_order = true },
	[TYPE_HEX] = { .digits = 1 },
};

static const struct type *type_of(uint8_t type)
{
	return &types[type < TYPE_N_ ? type : TYPE_NONE];
}

bool type_is_host_order(uint8_t type)
{
	return type_of(type)->is_host_order;
}

bool type_is_bitmask(uint8_t type)
{
	return type_of(type)->is_bitmask;
}

bool type_names_bits(uint8_t type)
{
	return type_of(type)->is_bitmask && type_of(type)->names;
}

bool type_is_string(uint8_t type)
{
	return type_of(type)->is_string;
}

bool type_has_prefixes(uint8_t type)
{
	return type_of(type)->has_prefixes;
}

uint32_t type_length(uint8_t type)
{
	return type_of(type)->length;
}

static const char *name_of(const struct name *names, uint64_t value)
{
	for (; names && names->name; names++) {
		if (names->value == value)
			return names->name;
	}
	return NULL;
}

const char *rule_ct_state_name(uint32_t bit)
{
	return name_of(ct_states, bit);
}

const char *rule_ct_status_name(uint32_t bit)
{
	return name_of(ct_statuses, bit);
}

const char *rule_protocol_name(uint8_t protocol)
{
	return name_of(protocols, protocol);
}

/* Byte `i` from the least of the number. */
static uint8_t byte_from_least(const struct value *value, uint32_t i)
{
	return value->bytes[value->is_host_order ? i : value->length - 1 - i];
}

uint64_t value_number(const struct value *value)
{
	uint32_t length = value->length < 8 ? value->length : 8;
	uint64_t number = 0;

	for (uint32_t i = 0; i < length; i++)
		number |= (uint64_t)byte_from_least(value, i) << (8 * i);
	number >>= value->shift & 63;
	if (value->bits && value->bits < 64)
		number &= (1ULL << value->bits) - 1;
	return number;
}

static void put_hex_bytes(struct sink *sink, const struct value *value)
{
	uint32_t i = value->length;

	put(sink, "0x");
	while (i > 1 && byte_from_least(value, i - 1) == 0)
		i--;
	put_hex(sink, byte_from_least(value, i - 1), 1);
	while (--i > 0)
		put_hex(sink, byte_from_least(value, i - 1), 2);
}

static void put_integer(struct sink *sink, const struct value *value, uint8_t digits)
{
	if (value->length > 8) {
		put_hex_bytes(sink, value);
	} else if (digits) {
		put(sink, "0x");
		put_hex(sink, value_number(value), digits);
	} else {
		put_number(sink, value_number(value));
	}
}

/*
 * A string, which ends with a NUL where it is whole. One that does not is compared as far as it
 * goes, which nft writes with a '*'; a '*' that is meant gets a backslash.
 */
static void put_string(struct sink *sink, const struct value *value)
{
	const char *text = (const char *)value->bytes;
	size_t length = strnlen(text, value->length);

	put(sink, "\"");
	if (length == value->length) {
		put_bytes(sink, text, length);
		put(sink, "*");
	} else if (length && text[length - 1] == '*') {
		put_bytes(sink, text, length - 1);
		put(sink, "\\*");
	} else {
		put_bytes(sink, text, length);
	}
	put(sink, "\"");
}

void put_milliseconds(struct sink *sink, uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *name;
	} units[] = {
		{ 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t n = ms / units[i].ms;

		ms %= units[i].ms;
		if (n) {
			put_number(sink, n);
			put(sink, units[i].name);
		}
	}
}

static void put_two(struct sink *sink, uint64_t number)
{
	if (number < 10)
		put(sink, "0");
	put_number(sink, number);
}

/* Both are in UTC, where nft turns them to its own time zone: so they say. */
static void put_hour(struct sink *sink, uint64_t seconds)
{
	put(sink, "\"");
	put_two(sink, seconds / 3600);
	put(sink, ":");
	put_two(sink, seconds / 60 % 60);
	if (seconds % 60) {
		put(sink, ":");
		put_two(sink, seconds % 60);
	}
	put(sink, "\"");
}

static void put_date(struct sink *sink, uint64_t ns)
{
	char text[TEXT_TIME_SIZE];

	PUT(sink, "\"", text_time((int64_t)(ns / 1000000000), text), "\"");
}

static void put_interface(struct sink *sink, const struct ruleset *ruleset, uint64_t ifindex)
{
	for (uint32_t i = 0; i < ruleset->interfaces.n; i++) {
		if (ruleset->interfaces.items[i].ifindex == ifindex) {
			PUT(sink, "\"", ruleset->interfaces.items[i].name, "\"");
			return;
		}
	}
	put_number(sink, ifindex);
}

static void put_ether(struct sink *sink, const struct value *value)
{
	for (uint32_t i = 0; i < value->length; i++) {
		if (i)
			put(sink, ":");
		put_hex(sink, value->bytes[i], 2);
	}
}

static void put_classid(struct sink *sink, uint64_t handle)
{
	if (handle == UINT32_MAX) {
		put(sink, "root");
	} else if (handle == 0) {
		put(sink, "none");
	} else {
		put_hex(sink, handle >> 16 & 0xffff, 1);
		put(sink, ":");
		put_hex(sink, handle & 0xffff, 1);
	}
}

/* One of 128 bits, by its number. */
static bool put_label(struct sink *sink, const struct value *value)
{
	int found = -1;

	for (uint32_t i = 0; i < 8 * value->length; i++) {
		if (!(byte_from_least(value, i / 8) >> (i % 8) & 1))
			continue;
		if (found >= 0)
			return false;
		found = (int)i;
	}
	if (found >= 0)
		put_number(sink, (uint64_t)found);
	return found >= 0;
}

void put_bits(struct sink *sink, const struct value *value, const char *delimiter)
{
	const struct type *type = type_of(value->type);
	uint64_t number = value_number(value);
	const char *before = "";

	if (value->type == TYPE_CT_LABEL && put_label(sink, value))
		return;
	if (value->length > 8 || number == 0 || !type->names) {
		put_integer(sink, value, type->digits);
		return;
	}
	for (uint32_t bit = 0; bit < 64; bit++) {
		const char *name = name_of(type->names, 1ULL << bit);

		if (!(number >> bit & 1))
			continue;
		put(sink, before);
		if (name) {
			put(sink, name);
		} else {
			put(sink, "0x");
			put_hex(sink, 1ULL << bit, 1);
		}
		before = delimiter;
	}
}

/* Those whose names depend on more than a table; whether it was one. */
static bool put_special(struct sink *sink, const struct ruleset *ruleset, const struct value *value)
{
	const char *name = NULL;
	uint64_t number = value_number(value);

	switch (value->type) {
	case TYPE_IPADDR:
		if (value->length != 4)
			return false;
		put_ipv4(sink, value->bytes);
		return true;
	case TYPE_IP6ADDR:
		if (value->length != 16)
			return false;
		put_ipv6(sink, value->bytes);
		return true;
	case TYPE_ETHERADDR:
	case TYPE_LLADDR:
		put_ether(sink, value);
		return true;
	case TYPE_TIME:
		put_milliseconds(sink, number);
		return true;
	case TYPE_IFINDEX:
		put_interface(sink, ruleset, number);
		return true;
	case TYPE_CLASSID:
		put_classid(sink, number);
		return true;
	case TYPE_TIME_DATE:
		put_date(sink, number);
		return true;
	case TYPE_TIME_HOUR:
		put_hour(sink, number);
		return true;
	case TYPE_DEVGROUP:
		name = number == 0 ? "\"default\"" : NULL;
		break;
	case TYPE_FIB_ADDR:
		name = number <= RULE_ROUTE_PROHIBIT ? rule_route_type_name((uint8_t)number) : NULL;
		break;
	case TYPE_ICMP_CODE:
		name = number < 256 ? rule_reject_icmp_name((uint8_t)number) : NULL;
		break;
	case TYPE_ICMPV6_CODE:
		name = number < 256 ? rule_reject_icmpv6_name((uint8_t)number) : NULL;
		break;
	case TYPE_ICMPX_CODE:
		name = number < 256 ? rule_reject_icmpx_name((uint8_t)number) : NULL;
		break;
	default:
		break;
	}
	if (name)
		put(sink, name);
	return name != NULL;
}

void put_value(struct sink *sink, const struct ruleset *ruleset, const struct value *value)
{
	const struct type *type = type_of(value->type);
	const char *name;

	if (value->length == 0)
		return;
	if (type->is_string) {
		put_string(sink, value);
		return;
	}
	if (put_special(sink, ruleset, value))
		return;
	if (type->is_bitmask) {
		put_bits(sink, value, " | ");
		return;
	}
	name = value->length <= 8 ? name_of(type->names, value_number(value)) : NULL;
	if (name)
		put(sink, name);
	else
		put_integer(sink, value, type->digits);
}

int mask_prefix(const struct value *mask)
{
	uint32_t bits = 8 * mask->length, n = 0;

	while (n < bits && byte_from_least(mask, (bits - 1 - n) / 8) >> ((bits - 1 - n) % 8) & 1)
		n++;
	for (uint32_t i = n; i < bits; i++) {
		if (byte_from_least(mask, (bits - 1 - i) / 8) >> ((bits - 1 - i) % 8) & 1)
			return -1;
	}
	return (int)n;
}

/* The length of the prefix that two ends make, or -1. */
static int range_prefix(const struct value *first, const struct value *last)
{
	uint32_t bits = 8 * first->length, n = 0;

#define BIT(value, i) (byte_from_least(value, (bits - 1 - (i)) / 8) >> ((bits - 1 - (i)) % 8) & 1)
	while (n < bits && BIT(first, n) == BIT(last, n))
		n++;
	for (uint32_t i = n; i < bits; i++) {
		if (BIT(first, i) || !BIT(last, i))
			return -1;
	}
#undef BIT
	return (int)n;
}

/* Interface names that begin alike: "eth*" as a range of bytes. */
static bool put_string_prefix(struct sink *sink, const struct value *first,
			      const struct value *last)
{
	struct value begin = *first;

	begin.length = 0;
	while (begin.length < first->length &&
	       first->bytes[begin.length] == last->bytes[begin.length])
		begin.length++;
	for (uint32_t i = begin.length; i < first->length; i++) {
		if (first->bytes[i] != 0 || last->bytes[i] != 0xff)
			return false;
	}
	put_string(sink, &begin);
	return true;
}

void put_span(struct sink *sink, const struct ruleset *ruleset, const struct value *first,
	      const struct value *last)
{
	struct value left = *first, right = *last;

	if (first->type == TYPE_TIME) {
		put_number(sink, value_number(first) / 1000);
		put(sink, "s-");
		put_number(sink, value_number(last) / 1000);
		put(sink, "s");
		return;
	}
	if ((type_of(first->type)->names && !type_is_bitmask(first->type)) ||
	    first->type == TYPE_ICMP_CODE || first->type == TYPE_ICMPV6_CODE)
		left.type = right.type = TYPE_INTEGER;
	put_value(sink, ruleset, &left);
	put(sink, "-");
	put_value(sink, ruleset, &right);
}

void put_range(struct sink *sink, const struct ruleset *ruleset, const struct value *first,
	       const struct value *last)
{
	int prefix;

	if (memcmp(first->bytes, last->bytes, first->length) == 0) {
		put_value(sink, ruleset, first);
		return;
	}
	if (type_is_string(first->type) && put_string_prefix(sink, first, last))
		return;
	prefix = type_has_prefixes(first->type) ? range_prefix(first, last) : -1;
	if (prefix >= 0) {
		put_value(sink, ruleset, first);
		put(sink, "/");
		put_number(sink, (uint64_t)prefix);
		return;
	}
	put_span(sink, ruleset, first, last);
}
