/* SPDX-License-Identifier: MIT */
/* Heads and elements of ipsets, as the types' own files, ip_set_hash_*.c and others, put them. */
#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <net/if.h>

#include "ipsets.h"

/* Since Linux 6.3: a mask of addresses that need be no prefix. */
#define ATTR_BITMASK 12

/* Flags of an element and of a set that are understood, or do not matter. */
#define ELEMENT_FLAGS (IPSET_FLAG_NOMATCH | IPSET_FLAG_IFACE_WILDCARD)

/* The parts that a type's name lists behind its colon. */
static bool take_parts(const char *parts, struct ipset_header *ret)
{
	size_t length;

	do {
		bool is_net = false;

		length = strcspn(parts, ",");
		if (length == 3 && !memcmp(parts, "net", 3))
			is_net = true;
		if (is_net || (length == 2 && !memcmp(parts, "ip", 2))) {
			if (ret->has_second)
				return false;
			*(ret->has_address ? &ret->is_second_net : &ret->is_net) = is_net;
			*(ret->has_address ? &ret->has_second : &ret->has_address) = true;
		} else if (length == 4 && !memcmp(parts, "port", 4)) {
			ret->has_port = true;
		} else if (length == 4 && !memcmp(parts, "mark", 4)) {
			ret->has_mark = true;
		} else if (length == 3 && !memcmp(parts, "mac", 3)) {
			ret->has_mac = true;
		} else if (length == 5 && !memcmp(parts, "iface", 5)) {
			ret->has_interface = true;
		} else if (length == 3 && !memcmp(parts, "set", 3)) {
			ret->has_member = true;
		} else {
			return false;
		}
		parts += length;
	} while (*parts++ == ',');
	return true;
}

static int take_type(const char *type, struct ipset_header *ret)
{
	ret->is_bitmap = !strncmp(type, "bitmap:", 7);
	if (!ret->is_bitmap && strncmp(type, "hash:", 5) != 0 && strcmp(type, "list:set") != 0)
		return -EOPNOTSUPP;
	return take_parts(strchr(type, ':') + 1, ret) ? 0 : -EOPNOTSUPP;
}

int ipset_take_header(struct arena *arena, const struct nlattr **attributes,
		      struct ipset_header *ret, struct ipset *set)
{
	const struct nlattr *data[IPSET_ATTR_CREATE_MAX + 1];
	struct nft_text type;
	uint8_t family;
	int r;

	*ret = (struct ipset_header){ 0 };
	if (!nft_text(attributes[IPSET_ATTR_TYPENAME], &type) ||
	    !nft_u8(attributes[IPSET_ATTR_FAMILY], &family) ||
	    !nft_nested(data, IPSET_ATTR_CREATE_MAX + 1, attributes[IPSET_ATTR_DATA]))
		return -EBADMSG;
	set->type = arena_memdup(arena, type.at, type.length);
	if (!set->type)
		return -ENOMEM;
	ret->is_ipv6 = set->is_ipv6 = family == RULE_FAMILY_IPV6;
	set->mark_mask = UINT32_MAX;
	r = take_type(set->type, ret);
	if (r < 0)
		return r;
	/* The one number that is not in network order (mtype_head()). */
	if (data[IPSET_ATTR_MARKMASK] &&
	    mnl_attr_get_payload_len(data[IPSET_ATTR_MARKMASK]) >= sizeof(uint32_t))
		memcpy(&set->mark_mask, mnl_attr_get_payload(data[IPSET_ATTR_MARKMASK]),
		       sizeof(set->mark_mask));
	ret->netmask = ret->is_ipv6 ? 128 : 32;
	if (data[IPSET_ATTR_NETMASK] && !nft_u8(data[IPSET_ATTR_NETMASK], &ret->netmask))
		return -EBADMSG;
	/* With prefixes, a mask of the whole set is another matter. */
	if (data[ATTR_BITMASK] || ret->netmask > (ret->is_ipv6 ? 128 : 32) ||
	    (data[IPSET_ATTR_NETMASK] && (ret->is_net || ret->has_second)))
		return -EOPNOTSUPP;
	ret->has_type = true;
	return 0;
}

/* An address of the set's family. */
static bool take_address(const struct ipset_header *header, const struct nlattr *nest,
			 uint8_t ret[16])
{
	const struct nlattr *attributes[IPSET_ATTR_IPADDR_MAX + 1], *address;
	size_t size = header->is_ipv6 ? 16 : 4;

	if (!nest || !nft_nested(attributes, IPSET_ATTR_IPADDR_MAX + 1, nest))
		return false;
	address = attributes[header->is_ipv6 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4];
	if (!address || mnl_attr_get_payload_len(address) < size)
		return false;
	memcpy(ret, mnl_attr_get_payload(address), size);
	return true;
}

/* From the first to the last address of its prefix. */
static void set_range(uint8_t first[16], uint8_t last[16], uint8_t bits, size_t size)
{
	memcpy(last, first, size);
	for (size_t i = 0; i < size; i++) {
		unsigned int kept = bits > 8 * i ? (unsigned int)(bits - 8 * i) : 0;
		uint8_t free = kept < 8 ? (uint8_t)(0xff >> kept) : 0;

		first[i] &= (uint8_t)~free;
		last[i] |= free;
	}
}

static bool take_range(const struct ipset_header *header, const struct nlattr *ip,
		       const struct nlattr *cidr, bool is_net, uint8_t first[16], uint8_t last[16],
		       uint8_t *ret_bits)
{
	uint8_t max = header->is_ipv6 ? 128 : 32, bits = is_net ? max : header->netmask;

	if (!take_address(header, ip, first))
		return false;
	if (cidr && (!is_net || !nft_u8(cidr, &bits) || bits > max))
		return false;
	set_range(first, last, bits, header->is_ipv6 ? 16 : 4);
	*ret_bits = bits;
	return true;
}

static bool take_addresses(const struct ipset_header *header, const struct nlattr **attributes,
			   struct ipset_element *ret)
{
	/* The kernel takes ranges apart. */
	if (attributes[IPSET_ATTR_IP_TO] || attributes[IPSET_ATTR_IP2_TO] ||
	    attributes[IPSET_ATTR_PORT_TO])
		return false;
	if (header->has_address &&
	    !take_range(header, attributes[IPSET_ATTR_IP], attributes[IPSET_ATTR_CIDR],
			header->is_net, ret->first, ret->last, &ret->bits))
		return false;
	return !header->has_second ||
	       take_range(header, attributes[IPSET_ATTR_IP2], attributes[IPSET_ATTR_CIDR2],
			  header->is_second_net, ret->first2, ret->last2, &ret->bits2);
}

static bool take_flags(const struct nlattr *attribute, struct ipset_element *ret)
{
	uint32_t flags = 0;

	if (attribute && !nft_be32(attribute, &flags))
		return false;
	ret->is_nomatch = flags & IPSET_FLAG_NOMATCH;
	ret->is_wildcard = flags & IPSET_FLAG_IFACE_WILDCARD;
	return !(flags & ~(uint32_t)ELEMENT_FLAGS);
}

static int take_interface(struct arena *arena, const struct nlattr *attribute,
			  struct ipset_element *ret)
{
	struct nft_text name;

	if (!nft_text(attribute, &name) || name.length >= IF_NAMESIZE)
		return -EBADMSG;
	ret->interface = arena_memdup(arena, name.at, name.length);
	return ret->interface ? 0 : -ENOMEM;
}

int ipset_take_element(struct arena *arena, const struct ipset_header *header,
		       const struct nlattr *nest, struct ipset_element *ret,
		       struct nft_text *ret_member)
{
	const struct nlattr *attributes[IPSET_ATTR_ADT_MAX + 1];
	uint32_t timeout = 0;

	*ret_member = (struct nft_text){ 0 };
	if (!nft_nested(attributes, IPSET_ATTR_ADT_MAX + 1, nest) ||
	    !take_addresses(header, attributes, ret) ||
	    !take_flags(attributes[IPSET_ATTR_CADT_FLAGS], ret))
		return -EBADMSG;
	if (header->has_port &&
	    (!nft_be16(attributes[IPSET_ATTR_PORT], &ret->port) ||
	     (!header->is_bitmap && !nft_u8(attributes[IPSET_ATTR_PROTO], &ret->protocol))))
		return -EBADMSG;
	if (header->has_mark && !nft_be32(attributes[IPSET_ATTR_MARK], &ret->mark))
		return -EBADMSG;
	ret->has_mac = attributes[IPSET_ATTR_ETHER] != NULL;
	if (header->has_mac && !header->is_bitmap && !ret->has_mac)
		return -EBADMSG;
	/* Of 0 seconds it stays for ever, in a set whose elements else go. */
	if (attributes[IPSET_ATTR_TIMEOUT] && !nft_be32(attributes[IPSET_ATTR_TIMEOUT], &timeout))
		return -EBADMSG;
	ret->has_timeout = timeout != 0;
	if (header->has_member && !nft_text(attributes[IPSET_ATTR_NAME], ret_member))
		return -EBADMSG;
	return header->has_interface ? take_interface(arena, attributes[IPSET_ATTR_IFACE], ret) : 0;
}
