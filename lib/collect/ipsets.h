/* SPDX-License-Identifier: MIT */
/* What a message about an ipset says: for ipsets.c alone. */
#ifndef IPSETS_H
#define IPSETS_H

#include "nftables.h"

/* The head of the set whose elements are being read. */
struct ipset_header {
	bool has_type;
	bool has_address, has_second, has_port, has_mark, has_mac, has_interface, has_member;
	bool is_net, is_second_net; /* prefixes, rather than single addresses */
	bool is_bitmap, is_ipv6;
	uint8_t netmask; /* how much of a single address counts */
};

/* Takes the head out of the attributes of the first message; 0 or an errno: not understood. */
int ipset_take_header(struct arena *arena, const struct nlattr **attributes,
		      struct ipset_header *ret, struct ipset *set);

/* Likewise an element; of a list, *ret_member is the name of the set that it has. */
int ipset_take_element(struct arena *arena, const struct ipset_header *header,
		       const struct nlattr *nest, struct ipset_element *ret,
		       struct nft_text *ret_member);

#endif
