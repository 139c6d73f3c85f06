/* SPDX-License-Identifier: MIT */
/* Headers of packets and their fields, by nft's names: bytes of a payload back to "tcp dport". */
#include "printer.h"

/* Fields of a header ascend; those of ICMP that share a place are each of one message. */
static const struct field ether[] = {
	{ "daddr", 0, 48, TYPE_ETHERADDR, 0, false },
	{ "saddr", 48, 48, TYPE_ETHERADDR, 0, false },
	{ "type", 96, 16, TYPE_ETHERTYPE, 0, true },
	{ 0 },
};
static const struct field vlan[] = {
	{ "pcp", 0, 3, TYPE_INTEGER, 0, false },
	{ "dei", 3, 1, TYPE_INTEGER, 0, false },
	{ "id", 4, 12, TYPE_INTEGER, 0, false },
	{ "type", 16, 16, TYPE_ETHERTYPE, 0, true },
	{ 0 },
};
static const struct field arp[] = {
	{ "htype", 0, 16, TYPE_INTEGER, 0, false },
	{ "ptype", 16, 16, TYPE_ETHERTYPE, 0, false },
	{ "hlen", 32, 8, TYPE_INTEGER, 0, false },
	{ "plen", 40, 8, TYPE_INTEGER, 0, false },
	{ "operation", 48, 16, TYPE_ARPOP, 0, false },
	{ "saddr ether", 64, 48, TYPE_ETHERADDR, 0, false },
	{ "saddr ip", 112, 32, TYPE_IPADDR, 0, false },
	{ "daddr ether", 144, 48, TYPE_ETHERADDR, 0, false },
	{ "daddr ip", 192, 32, TYPE_IPADDR, 0, false },
	{ 0 },
};
static const struct field ip[] = {
	{ "version", 0, 4, TYPE_INTEGER, 0, false },
	{ "hdrlength", 4, 4, TYPE_INTEGER, 0, false },
	{ "dscp", 8, 6, TYPE_DSCP, 0, false },
	{ "ecn", 14, 2, TYPE_ECN, 0, false },
	{ "length", 16, 16, TYPE_INTEGER, 0, false },
	{ "id", 32, 16, TYPE_INTEGER, 0, false },
	{ "frag-off", 48, 16, TYPE_INTEGER, 0, false },
	{ "ttl", 64, 8, TYPE_INTEGER, 0, false },
	{ "protocol", 72, 8, TYPE_PROTOCOL, 0, true },
	{ "checksum", 80, 16, TYPE_INTEGER, 0, false },
	{ "saddr", 96, 32, TYPE_IPADDR, 0, false },
	{ "daddr", 128, 32, TYPE_IPADDR, 0, false },
	{ 0 },
};
static const struct field ip6[] = {
	{ "version", 0, 4, TYPE_INTEGER, 0, false },
	{ "dscp", 4, 6, TYPE_DSCP, 0, false },
	{ "ecn", 10, 2, TYPE_ECN, 0, false },
	{ "flowlabel", 12, 20, TYPE_INTEGER, 0, false },
	{ "length", 32, 16, TYPE_INTEGER, 0, false },
	{ "nexthdr", 48, 8, TYPE_PROTOCOL, 0, true },
	{ "hoplimit", 56, 8, TYPE_INTEGER, 0, false },
	{ "saddr", 64, 128, TYPE_IP6ADDR, 0, false },
	{ "daddr", 192, 128, TYPE_IP6ADDR, 0, false },
	{ 0 },
};
static const struct field icmp[] = {
	{ "type", 0, 8, TYPE_ICMP_TYPE, FIELD_ANY, true },
	{ "code", 8, 8, TYPE_ICMP_CODE, FIELD_ANY, false },
	{ "checksum", 16, 16, TYPE_INTEGER, FIELD_ANY, false },
	{ "id", 32, 16, TYPE_INTEGER, 8, false },
	{ "sequence", 48, 16, TYPE_INTEGER, 8, false },
	{ "gateway", 32, 32, TYPE_INTEGER, 5, false },
	{ "mtu", 48, 16, TYPE_INTEGER, 3, false },
	{ 0 },
};
static const struct field icmpv6[] = {
	{ "type", 0, 8, TYPE_ICMP6_TYPE, FIELD_ANY, true },
	{ "code", 8, 8, TYPE_ICMPV6_CODE, FIELD_ANY, false },
	{ "checksum", 16, 16, TYPE_INTEGER, FIELD_ANY, false },
	{ "parameter-problem", 32, 32, TYPE_INTEGER, 4, false },
	{ "mtu", 32, 32, TYPE_INTEGER, 2, false },
	{ "id", 32, 16, TYPE_INTEGER, 128, false },
	{ "sequence", 48, 16, TYPE_INTEGER, 128, false },
	{ "max-delay", 32, 16, TYPE_INTEGER, 130, false },
	{ 0 },
};
static const struct field igmp[] = {
	{ "type", 0, 8, TYPE_IGMP_TYPE, 0, false },
	{ "mrt", 8, 8, TYPE_INTEGER, 0, false },
	{ "checksum", 16, 16, TYPE_INTEGER, 0, false },
	{ "group", 32, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field tcp[] = {
	{ "sport", 0, 16, TYPE_SERVICE, 0, false },
	{ "dport", 16, 16, TYPE_SERVICE, 0, false },
	{ "sequence", 32, 32, TYPE_INTEGER, 0, false },
	{ "ackseq", 64, 32, TYPE_INTEGER, 0, false },
	{ "doff", 96, 4, TYPE_INTEGER, 0, false },
	{ "reserved", 100, 4, TYPE_INTEGER, 0, false },
	{ "flags", 104, 8, TYPE_TCP_FLAG, 0, false },
	{ "window", 112, 16, TYPE_INTEGER, 0, false },
	{ "checksum", 128, 16, TYPE_INTEGER, 0, false },
	{ "urgptr", 144, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field udp[] = {
	{ "sport", 0, 16, TYPE_SERVICE, 0, false },
	{ "dport", 16, 16, TYPE_SERVICE, 0, false },
	{ "length", 32, 16, TYPE_INTEGER, 0, false },
	{ "checksum", 48, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field udplite[] = {
	{ "sport", 0, 16, TYPE_SERVICE, 0, false },
	{ "dport", 16, 16, TYPE_SERVICE, 0, false },
	{ "csumcov", 32, 16, TYPE_INTEGER, 0, false },
	{ "checksum", 48, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field sctp[] = {
	{ "sport", 0, 16, TYPE_SERVICE, 0, false },
	{ "dport", 16, 16, TYPE_SERVICE, 0, false },
	{ "vtag", 32, 32, TYPE_INTEGER, 0, false },
	{ "checksum", 64, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field dccp[] = {
	{ "sport", 0, 16, TYPE_SERVICE, 0, false },
	{ "dport", 16, 16, TYPE_SERVICE, 0, false },
	{ "type", 67, 4, TYPE_DCCP_TYPE, 0, false },
	{ 0 },
};
static const struct field ah[] = {
	{ "nexthdr", 0, 8, TYPE_PROTOCOL, 0, true },
	{ "hdrlength", 8, 8, TYPE_INTEGER, 0, false },
	{ "reserved", 16, 16, TYPE_INTEGER, 0, false },
	{ "spi", 32, 32, TYPE_INTEGER, 0, false },
	{ "sequence", 64, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field esp[] = {
	{ "spi", 0, 32, TYPE_INTEGER, 0, false },
	{ "sequence", 32, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field comp[] = {
	{ "nexthdr", 0, 8, TYPE_PROTOCOL, 0, true },
	{ "flags", 8, 8, TYPE_BITMASK, 0, false },
	{ "cpi", 16, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field th[] = {
	{ "sport", 0, 16, TYPE_SERVICE, 0, false },
	{ "dport", 16, 16, TYPE_SERVICE, 0, false },
	{ 0 },
};

static const struct {
	const char *name;
	const struct field *fields;
} headers[HEADER_N_] = {
	[HEADER_ETHER] = { "ether", ether },
	[HEADER_VLAN] = { "vlan", vlan },
	[HEADER_ARP] = { "arp", arp },
	[HEADER_IP] = { "ip", ip },
	[HEADER_IP6] = { "ip6", ip6 },
	[HEADER_ICMP] = { "icmp", icmp },
	[HEADER_ICMPV6] = { "icmpv6", icmpv6 },
	[HEADER_IGMP] = { "igmp", igmp },
	[HEADER_TCP] = { "tcp", tcp },
	[HEADER_UDP] = { "udp", udp },
	[HEADER_UDPLITE] = { "udplite", udplite },
	[HEADER_SCTP] = { "sctp", sctp },
	[HEADER_DCCP] = { "dccp", dccp },
	[HEADER_AH] = { "ah", ah },
	[HEADER_ESP] = { "esp", esp },
	[HEADER_COMP] = { "comp", comp },
	[HEADER_TH] = { "th", th },
};

const char *header_name(uint8_t header)
{
	return headers[header].name;
}

const struct field *header_field(uint8_t header, uint32_t at, uint8_t type)
{
	bool is_icmp = header == HEADER_ICMP || header == HEADER_ICMPV6;

	for (const struct field *field = headers[header].fields; field && field->name; field++) {
		if (field->at == at && (!is_icmp || field->icmp_type == FIELD_ANY ||
					type == FIELD_ANY || field->icmp_type == type))
			return field;
	}
	return NULL;
}

uint8_t header_of_protocol(uint32_t protocol)
{
	static const struct {
		uint8_t protocol, header;
	} known[] = {
		{ 1, HEADER_ICMP },   { 2, HEADER_IGMP },      { 6, HEADER_TCP },
		{ 17, HEADER_UDP },   { 33, HEADER_DCCP },     { 50, HEADER_ESP },
		{ 51, HEADER_AH },    { 58, HEADER_ICMPV6 },   { 108, HEADER_COMP },
		{ 132, HEADER_SCTP }, { 136, HEADER_UDPLITE },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].protocol == protocol)
			return known[i].header;
	}
	return HEADER_NONE;
}

uint8_t header_of_ethertype(uint32_t type)
{
	switch (type) {
	case 0x0800:
		return HEADER_IP;
	case 0x86dd:
		return HEADER_IP6;
	case 0x0806:
		return HEADER_ARP;
	default:
		return HEADER_NONE;
	}
}

/* --- Extension headers and options --- */

struct option {
	uint8_t type;
	const char *name;
	const struct field *fields;
};

static const struct field hop_fields[] = {
	{ "nexthdr", 0, 8, TYPE_PROTOCOL, 0, false },
	{ "hdrlength", 8, 8, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field rt_fields[] = {
	{ "nexthdr", 0, 8, TYPE_PROTOCOL, 0, false },
	{ "hdrlength", 8, 8, TYPE_INTEGER, 0, false },
	{ "type", 16, 8, TYPE_INTEGER, 0, false },
	{ "seg-left", 24, 8, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field frag_fields[] = {
	{ "nexthdr", 0, 8, TYPE_PROTOCOL, 0, false },
	{ "reserved", 8, 8, TYPE_INTEGER, 0, false },
	{ "frag-off", 16, 13, TYPE_INTEGER, 0, false },
	{ "reserved2", 29, 2, TYPE_INTEGER, 0, false },
	{ "more-fragments", 31, 1, TYPE_INTEGER, 0, false },
	{ "id", 32, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field mh_fields[] = {
	{ "nexthdr", 0, 8, TYPE_PROTOCOL, 0, false },
	{ "hdrlength", 8, 8, TYPE_INTEGER, 0, false },
	{ "type", 16, 8, TYPE_MH_TYPE, 0, false },
	{ "reserved", 24, 8, TYPE_INTEGER, 0, false },
	{ "checksum", 32, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct option ipv6_headers[] = {
	{ 0, "hbh", hop_fields },  { 43, "rt", rt_fields },  { 44, "frag", frag_fields },
	{ 60, "dst", hop_fields }, { 135, "mh", mh_fields }, { 0 },
};

#define OPTION_BEGIN                                   \
	{ "kind", 0, 8, TYPE_INTEGER, 0, false },      \
	{                                              \
		"length", 8, 8, TYPE_INTEGER, 0, false \
	}
static const struct field plain_fields[] = { OPTION_BEGIN, { 0 } };
static const struct field maxseg_fields[] = {
	OPTION_BEGIN,
	{ "size", 16, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field window_fields[] = {
	OPTION_BEGIN,
	{ "count", 16, 8, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field sack_fields[] = {
	OPTION_BEGIN,
	{ "left", 16, 32, TYPE_INTEGER, 0, false },
	{ "right", 48, 32, TYPE_INTEGER, 0, false },
	{ "1 left", 80, 32, TYPE_INTEGER, 0, false },
	{ "1 right", 112, 32, TYPE_INTEGER, 0, false },
	{ "2 left", 144, 32, TYPE_INTEGER, 0, false },
	{ "2 right", 176, 32, TYPE_INTEGER, 0, false },
	{ "3 left", 208, 32, TYPE_INTEGER, 0, false },
	{ "3 right", 240, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field timestamp_fields[] = {
	OPTION_BEGIN,
	{ "tsval", 16, 32, TYPE_INTEGER, 0, false },
	{ "tsecr", 48, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field mptcp_fields[] = {
	OPTION_BEGIN,
	{ "subtype", 16, 4, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct option tcp_options[] = {
	{ 0, "eol", plain_fields },
	{ 1, "nop", plain_fields },
	{ 2, "maxseg", maxseg_fields },
	{ 3, "window", window_fields },
	{ 4, "sack-perm", plain_fields },
	{ 5, "sack", sack_fields },
	{ 8, "timestamp", timestamp_fields },
	{ 19, "md5sig", plain_fields },
	{ 30, "mptcp", mptcp_fields },
	{ 34, "fastopen", plain_fields },
	{ 0 },
};

static const struct field route_fields[] = {
	{ "type", 0, 8, TYPE_INTEGER, 0, false },
	{ "length", 8, 8, TYPE_INTEGER, 0, false },
	{ "ptr", 16, 8, TYPE_INTEGER, 0, false },
	{ "addr", 24, 32, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct field alert_fields[] = {
	{ "type", 0, 8, TYPE_INTEGER, 0, false },
	{ "length", 8, 8, TYPE_INTEGER, 0, false },
	{ "value", 16, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct option ip_options[] = {
	{ 131, "lsrr", route_fields },
	{ 7, "rr", route_fields },
	{ 137, "ssrr", route_fields },
	{ 148, "ra", alert_fields },
	{ 0 },
};

static const struct field chunk_fields[] = {
	{ "type", 0, 8, TYPE_INTEGER, 0, false },
	{ "flags", 8, 8, TYPE_INTEGER, 0, false },
	{ "length", 16, 16, TYPE_INTEGER, 0, false },
	{ 0 },
};
static const struct option sctp_chunks[] = {
	{ 0, "data", chunk_fields },
	{ 1, "init", chunk_fields },
	{ 2, "init-ack", chunk_fields },
	{ 3, "sack", chunk_fields },
	{ 4, "heartbeat", chunk_fields },
	{ 5, "heartbeat-ack", chunk_fields },
	{ 6, "abort", chunk_fields },
	{ 7, "shutdown", chunk_fields },
	{ 8, "shutdown-ack", chunk_fields },
	{ 9, "error", chunk_fields },
	{ 10, "cookie-echo", chunk_fields },
	{ 11, "cookie-ack", chunk_fields },
	{ 12, "ecne", chunk_fields },
	{ 13, "cwr", chunk_fields },
	{ 14, "shutdown-complete", chunk_fields },
	{ 128, "asconf-ack", chunk_fields },
	{ 192, "forward-tsn", chunk_fields },
	{ 193, "asconf", chunk_fields },
	{ 0 },
};

static const struct {
	const char *begin;   /* what stands before the option's name ... */
	const char *present; /* ... and where its being there is asked */
	const struct option *options;
} exthdrs[] = {
	[RULE_EXTHDR_IPV6] = { "", "exthdr ", ipv6_headers },
	[RULE_EXTHDR_TCP_OPTION] = { "tcp option ", "tcp option ", tcp_options },
	[RULE_EXTHDR_IPV4_OPTION] = { "ip option ", "ip option ", ip_options },
	[RULE_EXTHDR_SCTP] = { "sctp chunk ", "sctp chunk ", sctp_chunks },
	[RULE_EXTHDR_DCCP] = { "dccp option ", "dccp option ", NULL },
};

/* The field that is so many bytes of an option, or the bits of them that the mask leaves. */
static const struct field *find_field(const struct option *option,
				      const struct rule_expression *load, const uint8_t *mask,
				      uint8_t *ret_shift)
{
	uint32_t at = 8 * load->offset, bits = 8u * load->length;
	struct value value = { .bytes = mask, .length = load->length };
	uint64_t number = mask && load->length <= 8 ? value_number(&value) : 0;

	for (const struct field *field = option->fields; field && field->name; field++) {
		if (!mask && field->at == at && field->bits == bits) {
			*ret_shift = 0;
			return field;
		}
		if (number && field->at >= at && field->at + field->bits <= at + bits) {
			uint8_t shift = (uint8_t)(at + bits - field->at - field->bits);

			if (number == ((1ULL << field->bits) - 1) << shift) {
				*ret_shift = shift;
				return field;
			}
		}
	}
	return NULL;
}

/*
 * Where the mask makes a field of it, *ret_bits is its length; where that is 0 the mask is not
 * written yet.
 */
uint8_t put_exthdr(struct sink *sink, const struct rule_expression *load, const uint8_t *mask,
		   uint8_t *ret_shift, uint8_t *ret_bits)
{
	const struct option *option;
	const struct field *field;
	bool is_present = load->flags & RULE_EXTHDR_PRESENT;

	*ret_shift = *ret_bits = 0;
	if (load->base >= sizeof(exthdrs) / sizeof(exthdrs[0])) {
		put(sink, "[unknown extension header]");
		return TYPE_HEX;
	}
	put(sink, is_present ? exthdrs[load->base].present : exthdrs[load->base].begin);
	for (option = exthdrs[load->base].options; option && option->name; option++) {
		if (option->type == load->type)
			break;
	}
	if (option && option->name)
		put(sink, option->name);
	if (is_present) {
		if (!option || !option->name)
			put_number(sink, load->type);
		return TYPE_BOOLEAN;
	}
	field = option && option->name ? find_field(option, load, mask, ret_shift) : NULL;
	if (field) {
		*ret_bits = mask ? (uint8_t)field->bits : 0;
		PUT(sink, field->name[0] >= '0' && field->name[0] <= '9' ? "" : " ", field->name);
		return field->type;
	}
	PUT(sink, option && option->name ? " " : "", "@");
	put_number(sink, load->type);
	put(sink, ",");
	put_number(sink, 8 * load->offset);
	put(sink, ",");
	put_number(sink, 8u * load->length);
	return load->base == RULE_EXTHDR_TCP_OPTION ? TYPE_INTEGER : TYPE_HEX;
}
