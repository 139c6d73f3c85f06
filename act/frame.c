/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <netinet/in.h>

#define ETHERNET_SIZE 14
#define ETHERTYPE_4   0x0800
#define ETHERTYPE_6   0x86dd
#define IPV6_SIZE     40

/* What is left to read. */
struct bytes {
	const uint8_t *at;
	size_t n;
};

static bool skip(struct bytes *bytes, size_t n)
{
	if (n > bytes->n)
		return false;
	bytes->at += n;
	bytes->n -= n;
	return true;
}

static uint16_t get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Reads the IP header; *ret_n_bytes is what it says that follows. */
static bool parse_ipv4(struct bytes *bytes, struct frame *frame, uint8_t *ret_protocol)
{
	const uint8_t *at = bytes->at;
	uint32_t size, total;

	if (bytes->n < 20 || at[0] >> 4 != 4)
		return false;
	size = (at[0] & 15u) * 4;
	total = get_u16(at + 2);
	/* Of a fragment that is not the first the ports are elsewhere. */
	if (size < 20 || total < size || get_u16(at + 6) & 0x1fff)
		return false;
	*ret_protocol = at[9];
	frame->family = HARK_FAMILY_INET;
	frame->from = hark_addr_from_ipv4(at + 12);
	frame->to = hark_addr_from_ipv4(at + 16);
	frame->n_bytes = total - size;
	return skip(bytes, size);
}

static bool parse_ipv6(struct bytes *bytes, struct frame *frame, uint8_t *ret_protocol)
{
	const uint8_t *at = bytes->at;

	if (bytes->n < IPV6_SIZE || at[0] >> 4 != 6)
		return false;
	*ret_protocol = at[6];
	frame->family = HARK_FAMILY_INET6;
	frame->from = hark_addr_from_ipv6(at + 8, 0);
	frame->to = hark_addr_from_ipv6(at + 24, 0);
	frame->n_bytes = get_u16(at + 4);
	return skip(bytes, IPV6_SIZE);
}

static bool parse_ip(struct bytes *bytes, struct frame *frame, uint8_t *ret_protocol)
{
	if (!bytes->n)
		return false;
	return bytes->at[0] >> 4 == 4 ? parse_ipv4(bytes, frame, ret_protocol) :
					parse_ipv6(bytes, frame, ret_protocol);
}

/* The ports, with which TCP and UDP both begin. */
static bool parse_ports(const struct bytes *bytes, struct frame *frame)
{
	if (bytes->n < 4)
		return false;
	frame->from_port = get_u16(bytes->at);
	frame->to_port = get_u16(bytes->at + 2);
	return true;
}

static bool parse_tcp(const struct bytes *bytes, struct frame *frame)
{
	uint32_t size;

	if (bytes->n < 20 || !parse_ports(bytes, frame))
		return false;
	size = (bytes->at[12] >> 4) * 4u;
	if (size < 20 || size > frame->n_bytes)
		return false;
	frame->kind = FRAME_TCP;
	frame->flags = bytes->at[13] & 31;
	frame->n_bytes -= size;
	return true;
}

static bool parse_udp(const struct bytes *bytes, struct frame *frame)
{
	if (bytes->n < 8 || frame->n_bytes < 8 || !parse_ports(bytes, frame))
		return false;
	frame->kind = FRAME_UDP;
	frame->n_bytes -= 8;
	return true;
}

/* Errors alone; behind their 8 bytes is the beginning of the packet that they are about. */
static bool parse_icmp(struct bytes *bytes, struct frame *frame)
{
	static const uint8_t errors4[] = { 3, 5, 11, 12 };
	struct frame about = { .family = 0 };
	uint8_t protocol;
	bool is_error = false;

	if (bytes->n < 8)
		return false;
	frame->kind = FRAME_ICMP;
	frame->icmp_type = bytes->at[0];
	frame->icmp_code = bytes->at[1];
	for (size_t i = 0; i < sizeof(errors4); i++)
		is_error |= frame->icmp_type == errors4[i];
	if (frame->family == HARK_FAMILY_INET6)
		is_error = frame->icmp_type < 128;
	if (!is_error || !skip(bytes, 8) || !parse_ip(bytes, &about, &protocol) ||
	    about.family != frame->family || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
	    !parse_ports(bytes, &about))
		return false;
	frame->from_port = about.to_port;
	frame->to_port = about.from_port;
	frame->n_bytes = 0;
	return true;
}

bool frame_parse(const uint8_t *data, size_t n, struct frame *ret)
{
	struct bytes bytes = { data, n };
	uint8_t protocol;
	uint16_t type;

	*ret = (struct frame){ .family = 0 };
	if (n < ETHERNET_SIZE)
		return false;
	type = get_u16(data + 12);
	skip(&bytes, ETHERNET_SIZE);
	if ((type != ETHERTYPE_4 && type != ETHERTYPE_6) || !parse_ip(&bytes, ret, &protocol) ||
	    (type == ETHERTYPE_4) != (ret->family == HARK_FAMILY_INET))
		return false;
	if (protocol == IPPROTO_TCP)
		return parse_tcp(&bytes, ret);
	if (protocol == IPPROTO_UDP)
		return parse_udp(&bytes, ret);
	if (protocol == (ret->family == HARK_FAMILY_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return parse_icmp(&bytes, ret);
	return false;
}

const char *frame_icmp_name(const struct frame *frame)
{
	static const struct {
		uint8_t family, type, code;
		const char *name;
	} names[] = {
		{ HARK_FAMILY_INET, 3, 0, "network unreachable" },
		{ HARK_FAMILY_INET, 3, 1, "host unreachable" },
		{ HARK_FAMILY_INET, 3, 2, "protocol unreachable" },
		{ HARK_FAMILY_INET, 3, 3, "port unreachable" },
		{ HARK_FAMILY_INET, 3, 9, "network prohibited" },
		{ HARK_FAMILY_INET, 3, 10, "host prohibited" },
		{ HARK_FAMILY_INET, 3, 13, "administratively prohibited" },
		{ HARK_FAMILY_INET6, 1, 0, "no route" },
		{ HARK_FAMILY_INET6, 1, 1, "administratively prohibited" },
		{ HARK_FAMILY_INET6, 1, 3, "address unreachable" },
		{ HARK_FAMILY_INET6, 1, 4, "port unreachable" },
		{ HARK_FAMILY_INET6, 1, 5, "policy fail" },
		{ HARK_FAMILY_INET6, 1, 6, "reject route" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].family == frame->family && names[i].type == frame->icmp_type &&
		    names[i].code == frame->icmp_code)
			return names[i].name;
	return NULL;
}
