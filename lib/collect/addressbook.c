/* SPDX-License-Identifier: MIT */
/* Local addresses from the text of /proc/net, for systems that forbid rtnetlink. */
#include <errno.h>
#include <linux/if_addr.h>
#include <string.h>

#include "addressbook.h"
#include "lines.h"
#include "text.h"

static int push_route(struct address_book *book, const struct hark_addr *addr, uint8_t bits,
		      uint32_t ifindex)
{
	struct hark_place *route;

	if (book->routes.n >= ROWS_MAX)
		return 0;
	route = array_push(&book->routes);
	if (!route)
		return -ENOMEM;
	*route = (struct hark_place){ .prefix = { *addr, bits }, .ifindex = ifindex };
	return 0;
}

/*
 * net/ipv4/fib_trie.c (fib_trie_seq_show): "Local:" begins the table, "|-- 10.1.0.0" names an
 * address, and "/16 host LOCAL" below it is a route. Where `local` and `main` are one trie, both
 * headings list it.
 */
static int read_fib_trie(struct hark_source *source, struct address_book *book)
{
	struct hark_addr addr = { 0 };
	bool is_local_table = false;
	struct lines lines;
	char *line;
	int r;

	r = lines_open(&lines, source_net_fd(source), "net/fib_trie");
	if (r < 0)
		return r;
	for (r = lines_next(&lines, &line); r > 0; r = lines_next(&lines, &line)) {
		const char *at = line + strspn(line, " ");
		size_t length = strlen(at);
		uint64_t bits;

		if (at == line)
			is_local_table = !strcmp(line, "Local:");
		if (!is_local_table)
			continue;
		if (!strncmp(at, "|-- ", 4)) {
			if (hark_addr_parse(at + 4, &addr) < 0 || !hark_addr_is_ipv4(&addr))
				is_local_table = false;
		} else if (*at++ == '/' && text_take_u64(&at, 10, 32, &bits) && length > 6 &&
			   !strcmp(at + strlen(at) - 6, " LOCAL")) {
			r = push_route(book, &addr, (uint8_t)(96 + bits),
				       hark_addr_is_loopback(&addr) ? LOOPBACK_IFINDEX : 0);
			if (r < 0)
				break;
		}
	}
	lines_close(&lines);
	return r;
}

/* The name of an interface, if it is not there yet. */
static int add_interface(struct hark_snapshot *snapshot, uint32_t ifindex, const char *name)
{
	struct hark_interface *interface;

	uint32_t netns = snapshot_netns(snapshot);

	if (snapshot_find_interface(snapshot, netns, ifindex) || snapshot->interfaces.n >= ROWS_MAX)
		return 0;
	interface = array_push(&snapshot->interfaces);
	if (!interface)
		return -ENOMEM;
	interface->netns = netns;
	interface->ifindex = ifindex;
	interface->is_up = true; /* or its IPv6 addresses would be gone (net/ipv6/addrconf.c) */
	interface->name = arena_strdup(&snapshot->arena, name);
	return interface->name ? 0 : -ENOMEM;
}

bool if_inet6_parse(const char *line, struct hark_ipv6_address *ret, const char **ret_name)
{
	uint64_t value, fields[4];
	uint8_t bytes[16];

	if (strnlen(line, 32) < 32)
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		char digits[3] = { line[2 * i], line[2 * i + 1] };
		const char *end = digits;

		if (!text_take_u64(&end, 16, UINT8_MAX, &value) || *end)
			return false;
		bytes[i] = (uint8_t)value;
	}
	line += 32;
	for (size_t i = 0; i < 4; i++) {
		line += strspn(line, " ");
		if (!text_take_u64(&line, 16, UINT32_MAX, &fields[i]))
			return false;
	}
	*ret_name = line + strspn(line, " ");
	ret->addr = hark_addr_from_ipv6(bytes, 0);
	ret->ifindex = (uint32_t)fields[0];
	ret->flags = (uint32_t)fields[3];
	return true;
}

static int take_inet6_line(const char *line, struct hark_snapshot *snapshot,
			   struct address_book *book)
{
	struct hark_ipv6_address address;
	const char *name;
	int r;

	if (!if_inet6_parse(line, &address, &name))
		return 0;
	r = add_interface(snapshot, address.ifindex, name);
	if (r < 0 || address.flags & IFA_F_DADFAILED ||
	    (address.flags & IFA_F_TENTATIVE && !(address.flags & IFA_F_OPTIMISTIC)))
		return r;
	return push_route(book, &address.addr, 128, address.ifindex);
}

static int read_if_inet6(struct hark_source *source, struct hark_snapshot *snapshot,
			 struct address_book *book)
{
	struct lines lines;
	char *line;
	int r;

	r = lines_open(&lines, source_net_fd(source), "net/if_inet6");
	if (r < 0)
		return r;
	for (r = lines_next(&lines, &line); r > 0; r = lines_next(&lines, &line)) {
		r = take_inet6_line(line, snapshot, book);
		if (r < 0)
			break;
	}
	lines_close(&lines);
	return r;
}

int addressbook_read_text(struct hark_source *source, struct hark_snapshot *snapshot,
			  struct address_book *book)
{
	int inet = read_fib_trie(source, book), inet6 = read_if_inet6(source, snapshot, book);

	if (inet == -ENOMEM || inet6 == -ENOMEM)
		return -ENOMEM;
	/* Without IPv6 there is no if_inet6; a trie that cannot be read leaves IPv4 unknown. */
	return inet;
}
