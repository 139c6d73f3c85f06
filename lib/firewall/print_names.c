/* SPDX-License-Identifier: MIT */
/* Names of values, and how nft writes each kind of them. */
#include "printer.h"

static const struct value_name nfprotos[] = { { 2, "ipv4" }, { 10, "ipv6" }, { 0, NULL } };
/* As on the wire. */
static const struct value_name ethertypes[] = {
	{ 0x0800, "ip" },    { 0x0806, "arp" },    { 0x86dd, "ip6" },
	{ 0x8100, "8021q" }, { 0x88a8, "8021ad" }, { 0, NULL },
};
static const struct value_name arp_operations[] = {
	{ 1, "request" },   { 2, "reply" },   { 3, "rrequest" }, { 4, "rreply" },
	{ 8, "inrequest" }, { 9, "inreply" }, { 10, "nak" },     { 0, NULL },
};
static const struct value_name icmp_types[] = {
	{ 0, "echo-reply" },           { 3, "destination-unreachable" },
	{ 4, "source-quench" },        { 5, "redirect" },
	{ 8, "echo-request" },         { 9, "router-advertisement" },
	{ 10, "router-solicitation" }, { 11, "time-exceeded" },
	{ 12, "parameter-problem" },   { 13, "timestamp-request" },
	{ 14, "timestamp-reply" },     { 15, "info-request" },
	{ 16, "info-reply" },          { 17, "address-mask-request" },
	{ 18, "address-mask-reply" },  { 0, NULL },
};
static const struct value_name icmpv6_types[] = {
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
static const struct value_name igmp_types[] = {
	{ 0x11, "membership-query" },     { 0x12, "membership-report-v1" },
	{ 0x16, "membership-report-v2" }, { 0x22, "membership-report-v3" },
	{ 0x17, "leave-group" },          { 0, NULL },
};
static const struct value_name tcp_flags[] = {
	{ 0x01, "fin" }, { 0x02, "syn" }, { 0x04, "rst" }, { 0x08, "psh" }, { 0x10, "ack" },
	{ 0x20, "urg" }, { 0x40, "ecn" }, { 0x80, "cwr" }, { 0, NULL },
};
static const struct value_name dccp_types[] = {
	{ 0, "request" }, { 1, "response" }, { 2, "data" },  { 3, "ack" },
	{ 4, "dataack" }, { 5, "closereq" }, { 6, "close" }, { 7, "reset" },
	{ 8, "sync" },    { 9, "syncack" },  { 0, NULL },
};
static const struct value_name mh_types[] = {
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
static const struct value_name arphrds[] = {
	{ 1, "ether" },      { 512, "ppp" }, { 768, "ipip" },  { 769, "ipip6" },
	{ 772, "loopback" }, { 776, "sit" }, { 778, "ipgre" }, { 0, NULL },
};
static const struct value_name ct_states[] = {
	{ RULE_CT_STATE_INVALID, "invalid" },     { RULE_CT_STATE_ESTABLISHED, "established" },
	{ RULE_CT_STATE_RELATED, "related" },     { RULE_CT_STATE_NEW, "new" },
	{ RULE_CT_STATE_UNTRACKED, "untracked" }, { 0, NULL },
};
static const struct value_name ct_directions[] = { { 0, "original" }, { 1, "reply" }, { 0, NULL } };
static const struct value_name ct_statuses[] = {
	{ RULE_CT_EXPECTED, "expected" },
	{ RULE_CT_SEEN_REPLY, "seen-reply" },
	{ RULE_CT_ASSURED, "assured" },
	{ RULE_CT_CONFIRMED, "confirmed" },
	{ RULE_CT_SRC_NAT, "snat" },
	{ RULE_CT_DST_NAT, "dnat" },
	{ 0x200, "dying" },
	{ 0, NULL },
};
static const struct value_name ct_events[] = {
	{ 1, "new" },      { 2, "related" },    { 4, "destroy" },  { 8, "reply" },
	{ 16, "assured" }, { 32, "protoinfo" }, { 64, "helper" },  { 128, "mark" },
	{ 256, "seqadj" }, { 512, "secmark" },  { 1024, "label" }, { 0, NULL },
};
static const struct value_name packet_types[] = {
	{ 0, "host" }, { 1, "broadcast" }, { 2, "multicast" }, { 3, "other" }, { 0, NULL },
};
static const struct value_name dscps[] = {
	{ 0x00, "cs0" },  { 0x08, "cs1" },  { 0x10, "cs2" },  { 0x18, "cs3" },   { 0x20, "cs4" },
	{ 0x28, "cs5" },  { 0x30, "cs6" },  { 0x38, "cs7" },  { 0x01, "lephb" }, { 0x0a, "af11" },
	{ 0x0c, "af12" }, { 0x0e, "af13" }, { 0x12, "af21" }, { 0x14, "af22" },  { 0x16, "af23" },
	{ 0x1a, "af31" }, { 0x1c, "af32" }, { 0x1e, "af33" }, { 0x22, "af41" },  { 0x24, "af42" },
	{ 0x26, "af43" }, { 0x2c, "va" },   { 0x2e, "ef" },   { 0, NULL },
};
static const struct value_name ecns[] = {
	{ 0, "not-ect" }, { 1, "ect1" }, { 2, "ect0" }, { 3, "ce" }, { 0, NULL },
};
static const struct value_name booleans[] = { { 1, "exists" }, { 0, "missing" }, { 0, NULL } };
static const struct value_name days[] = {
	{ 0, "\"Sunday\"" },   { 1, "\"Monday\"" }, { 2, "\"Tuesday\"" },  { 3, "\"Wednesday\"" },
	{ 4, "\"Thursday\"" }, { 5, "\"Friday\"" }, { 6, "\"Saturday\"" }, { 0, NULL },
};
static const struct value_name protocols[] = {
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

const struct value_kind value_kinds[TYPE_N_] = {
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

const char *value_name(const struct value_name *names, uint64_t value)
{
	for (; names && names->name; names++) {
		if (names->value == value)
			return names->name;
	}
	return NULL;
}

const char *rule_ct_state_name(uint32_t bit)
{
	return value_name(ct_states, bit);
}

const char *rule_protocol_name(uint8_t protocol)
{
	return value_name(protocols, protocol);
}
