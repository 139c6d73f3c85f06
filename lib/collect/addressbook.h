/* SPDX-License-Identifier: MIT */
/* What was read of a namespace's addresses, before it becomes places. */
#ifndef ADDRESSBOOK_H
#define ADDRESSBOOK_H

#include "rows.h"
#include "source.h"

#define LOOPBACK_IFINDEX 1 /* in every namespace: include/net/flow.h */

/* An address of an interface. */
struct own_address {
	struct hark_addr addr;
	uint32_t ifindex;
	bool is_usable; /* its duplicate address detection is over, and found none */
};

struct address_book {
	ARRAY(struct own_address) addresses;
	ARRAY(struct hark_place)
	routes; /* those of type local: what the kernel takes for its own */
};

/*
 * The same, as far as the text of /proc/net/fib_trie and if_inet6 goes: which interface has an IPv4
 * address is not told (ifindex 0), nor which interfaces are without an IPv6 address. 0, -ENOENT if
 * there is neither, -ENOMEM.
 */
int addressbook_read_text(struct hark_source *source, struct hark_snapshot *snapshot,
			  struct address_book *book);

/* net/ipv6/addrconf.c (if6_seq_show): address, index, prefix length, scope, flags in hex; name. */
bool if_inet6_parse(const char *line, struct hark_ipv6_address *ret, const char **ret_name);

#endif
