/* SPDX-License-Identifier: MIT */
/*
 * Interfaces and local addresses.
 *
 * What is local is not decided by the list of addresses but by the routes of type local, which the
 * kernel keeps for it in the table `local` (and in the table of a VRF for the interfaces that
 * belong to it): an address of an interface that was never up has none (an IPv4 one keeps it when
 * the interface goes down again), and a whole prefix may have one (`ip route add local 10.1.0.0/16
 * dev lo`). The list of addresses adds which interface has the address, because for IPv6 the route
 * of older kernels names `lo` (before Linux 4.18, net/ipv6/route.c), and which ones are still
 * tentative.
 *
 * Kernels since 4.20 are asked with NETLINK_GET_STRICT_CHK (the live source sets it) and then
 * choose by table and type themselves, which spares us a million routes; others send all, so both
 * are looked at here again.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "addressbook.h"
#include "collect.h"
#include "nl.h"

struct reading {
	struct hark_snapshot *snapshot;
	struct address_book *book;
	ARRAY(uint32_t) tables; /* of routes: the local one, and those of the VRFs */
	uint32_t table;         /* asked for now */
	uint8_t af;             /* asked for now */
	uint32_t first;         /* how many rows there were when the dump now under way began */
};

/* Copies what fits; false where the attribute is shorter than `size`. */
static bool copy_attr(const struct nlattr *attr, void *to, size_t size)
{
	if (mnl_attr_get_payload_len(attr) < size)
		return false;
	memcpy(to, mnl_attr_get_payload(attr), size);
	return true;
}

static bool copy_addr(const struct nlattr *attr, uint8_t af, struct hark_addr *addr)
{
	uint8_t bytes[16];

	if (!copy_attr(attr, bytes, af == AF_INET ? 4 : 16))
		return false;
	*addr = af == AF_INET ? hark_addr_from_ipv4(bytes) : hark_addr_from_ipv6(bytes, 0);
	return true;
}

static void set_scope(struct hark_addr *addr, uint32_t ifindex)
{
	if (hark_addr_is_link_local(addr) && !hark_addr_is_ipv4(addr))
		addr->scope_id = ifindex;
}

static void forget_interfaces(void *data)
{
	struct reading *reading = data;

	reading->snapshot->interfaces.n = reading->first;
	reading->tables.n = 0;
}

static bool is_vrf(const struct nlattr *kind)
{
	return mnl_attr_get_payload_len(kind) >= 3 && !memcmp(mnl_attr_get_payload(kind), "vrf", 3);
}

/* Whether an interface is enslaved to a VRF: IFLA_LINKINFO { IFLA_INFO_SLAVE_KIND "vrf" }. */
static bool is_vrf_port(const struct nlattr *link_info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, link_info)
		if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
			return is_vrf(attr);
	return false;
}

/* The table of a VRF: IFLA_LINKINFO { IFLA_INFO_KIND "vrf", IFLA_INFO_DATA { IFLA_VRF_TABLE } }. */
static int take_vrf_table(struct reading *reading, const struct nlattr *link_info)
{
	const struct nlattr *attr, *inner, *info = NULL;
	uint32_t table, *pushed;
	bool is_right_kind = false;

	mnl_attr_for_each_nested(attr, link_info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			is_right_kind = is_vrf(attr);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			info = attr;
	}
	if (!is_right_kind || !info)
		return 0;
	mnl_attr_for_each_nested(inner, info) {
		if (mnl_attr_get_type(inner) != IFLA_VRF_TABLE ||
		    !copy_attr(inner, &table, sizeof(table)))
			continue;
		pushed = array_push(&reading->tables);
		if (!pushed)
			return -ENOMEM;
		*pushed = table;
	}
	return 0;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct hark_snapshot *snapshot = reading->snapshot;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct hark_interface *interface;
	const struct nlattr *attr;
	bool is_in_vrf = false;
	uint32_t master = 0;
	int r = 0;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return 0;
	if (snapshot->interfaces.n >= ROWS_MAX)
		return -E2BIG;
	interface = array_push(&snapshot->interfaces);
	if (!interface)
		return -ENOMEM;
	interface->netns = snapshot_netns(snapshot);
	interface->ifindex = (uint32_t)link->ifi_index;
	interface->is_up = link->ifi_flags & IFF_UP;
	mnl_attr_for_each(attr, message, sizeof(*link)) {
		const char *text = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == IFLA_IFNAME) {
			interface->name =
				arena_memdup(&snapshot->arena, text,
					     strnlen(text, mnl_attr_get_payload_len(attr)));
			r = interface->name ? 0 : -ENOMEM;
		} else if (mnl_attr_get_type(attr) == IFLA_LINKINFO) {
			is_in_vrf = is_vrf_port(attr);
			r = take_vrf_table(reading, attr);
		} else if (mnl_attr_get_type(attr) == IFLA_MASTER) {
			copy_attr(attr, &master, sizeof(master));
		}
		if (r < 0)
			return r;
	}
	interface->vrf = is_in_vrf ? master : 0;
	return 0;
}

static void forget_addresses(void *data)
{
	struct reading *reading = data;

	reading->book->addresses.n = reading->first;
}

/* Kept for sockets that are bound to one; twice does no harm. */
static int push_broadcast(struct reading *reading, const struct hark_addr *addr)
{
	struct hark_addr *added;

	if (reading->snapshot->broadcasts.n >= ROWS_MAX)
		return -E2BIG;
	added = array_push(&reading->snapshot->broadcasts);
	if (!added)
		return -ENOMEM;
	*added = *addr;
	return 0;
}

/* The last address of a subnet is one, whether it is told or not (net/ipv4/fib_frontend.c). */
static int push_subnet_broadcast(struct reading *reading, const struct own_address *own,
				 uint8_t prefix_length)
{
	const struct hark_interface *interface = snapshot_find_interface(
		reading->snapshot, snapshot_netns(reading->snapshot), own->ifindex);
	struct hark_addr last = own->addr;

	if (reading->af != AF_INET || prefix_length > 30 || !interface || !interface->is_up)
		return 0;
	for (unsigned int bit = prefix_length; bit < 32; bit++)
		last.bytes[12 + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return push_broadcast(reading, &last);
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	struct own_address found = { .is_usable = true }, *added;
	bool has_addr = false, has_local = false;
	struct hark_addr broadcast;
	const struct nlattr *attr;
	uint32_t flags;
	int r;

	/* A kernel without IPv6 answers for all families that it has. */
	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*ifa) || ifa->ifa_family != reading->af)
		return 0;
	flags = ifa->ifa_flags;
	mnl_attr_for_each(attr, message, sizeof(*ifa)) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL:
			/* On a point-to-point link IFA_ADDRESS is the peer's. */
			has_local = copy_addr(attr, reading->af, &found.addr);
			break;
		case IFA_ADDRESS:
			if (!has_local)
				has_addr = copy_addr(attr, reading->af, &found.addr);
			break;
		case IFA_BROADCAST:
			r = copy_addr(attr, reading->af, &broadcast) ?
				    push_broadcast(reading, &broadcast) :
				    0;
			if (r < 0)
				return r;
			break;
		case IFA_FLAGS:
			copy_attr(attr, &flags, sizeof(flags));
			break;
		default:
			break;
		}
	}
	if (!has_addr && !has_local)
		return 0;
	found.ifindex = ifa->ifa_index;
	r = push_subnet_broadcast(reading, &found, ifa->ifa_prefixlen);
	if (r < 0)
		return r;
	if (flags & IFA_F_DADFAILED || (flags & IFA_F_TENTATIVE && !(flags & IFA_F_OPTIMISTIC)))
		found.is_usable = false;
	set_scope(&found.addr, found.ifindex);
	if (reading->book->addresses.n >= ROWS_MAX)
		return -E2BIG;
	added = array_push(&reading->book->addresses);
	if (!added)
		return -ENOMEM;
	*added = found;
	return 0;
}

static void forget_routes(void *data)
{
	struct reading *reading = data;

	reading->book->routes.n = reading->first;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	static const uint8_t zero[16];
	struct hark_place found = { 0 }, *added;
	uint32_t table, skipped = reading->af == AF_INET ? 96 : 0;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*route) ||
	    route->rtm_family != reading->af || route->rtm_type != RTN_LOCAL ||
	    route->rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD) || route->rtm_dst_len > 128 - skipped)
		return 0;
	table = route->rtm_table;
	found.prefix.bits = (uint8_t)(route->rtm_dst_len + skipped);
	found.prefix.addr = reading->af == AF_INET ? hark_addr_from_ipv4(zero) :
						     hark_addr_from_ipv6(zero, 0);
	mnl_attr_for_each(attr, message, sizeof(*route)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			if (!copy_addr(attr, reading->af, &found.prefix.addr))
				return 0;
			break;
		case RTA_OIF:
			copy_attr(attr, &found.ifindex, sizeof(found.ifindex));
			break;
		case RTA_TABLE:
			copy_attr(attr, &table, sizeof(table));
			break;
		default:
			break;
		}
	}
	if (table != reading->table)
		return 0;
	if (reading->book->routes.n >= ROWS_MAX)
		return -E2BIG;
	added = array_push(&reading->book->routes);
	if (!added)
		return -ENOMEM;
	*added = found;
	return 0;
}

/* One dump: 0 or -errno; what merely makes it incomplete is noted. */
static int dump(struct reading *reading, struct nl *nl, struct nlmsghdr *request, nl_take take,
		void (*forget)(void *data), uint32_t first)
{
	bool interrupted;
	int r;

	reading->first = first;
	r = nl_dump(nl, request, take, forget, reading, &interrupted);
	if (r == -E2BIG)
		return snapshot_note(reading->snapshot, HARK_NOTE_ADDRESSES, HARK_NOTE_LIMIT, r,
				     "more interfaces, addresses or local routes than are kept");
	if (r == 0 && interrupted)
		return snapshot_note(reading->snapshot, HARK_NOTE_ADDRESSES, HARK_NOTE_INTERRUPTED,
				     0, "the addresses changed while they were read");
	return r;
}

/* A buffer for one request: the header, the largest fixed part, two attributes of four bytes. */
union request {
	struct nlmsghdr header;
	unsigned char
		bytes[sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg) + 2 * (NLA_HDRLEN + 4)];
};

static struct nlmsghdr *put_header(union request *request, uint16_t type)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);

	header->nlmsg_type = type;
	return header;
}

static int dump_links(struct reading *reading, struct nl *nl)
{
	union request request;
	struct nlmsghdr *header = put_header(&request, RTM_GETLINK);

	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return dump(reading, nl, header, take_link, forget_interfaces,
		    reading->snapshot->interfaces.n);
}

static int dump_addresses(struct reading *reading, struct nl *nl)
{
	union request request;
	struct nlmsghdr *header = put_header(&request, RTM_GETADDR);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(header, sizeof(*ifa));

	ifa->ifa_family = reading->af;
	return dump(reading, nl, header, take_address, forget_addresses,
		    reading->book->addresses.n);
}

static int dump_routes(struct reading *reading, struct nl *nl, uint32_t table)
{
	union request request;
	struct nlmsghdr *header = put_header(&request, RTM_GETROUTE);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
	int r;

	reading->table = table;
	route->rtm_family = reading->af;
	route->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(header, RTA_TABLE, table);
	r = dump(reading, nl, header, take_route, forget_routes, reading->book->routes.n);
	/* A table comes to be with its first route: "FIB table does not exist". */
	return r == -ENOENT ? 0 : r;
}

static int dump_family(struct reading *reading, struct nl *nl, uint8_t af)
{
	int r;

	reading->af = af;
	r = dump_addresses(reading, nl);
	if (r < 0)
		return r;
	r = dump_routes(reading, nl, RT_TABLE_LOCAL);
	for (uint32_t i = 0; i < reading->tables.n && r == 0; i++)
		r = dump_routes(reading, nl, reading->tables.items[i]);
	return r;
}

static int read_rtnetlink(struct hark_source *source, struct hark_snapshot *snapshot,
			  struct address_book *book)
{
	struct reading reading = { .snapshot = snapshot, .book = book };
	struct nl nl;
	int r;

	r = nl_open(&nl, source, NETLINK_ROUTE);
	if (r < 0)
		return r;
	r = dump_links(&reading, &nl);
	if (r == 0)
		r = dump_family(&reading, &nl, AF_INET);
	if (r == 0) {
		r = dump_family(&reading, &nl, AF_INET6);
		if (r < 0 && snapshot_namespace(snapshot)->ipv6_disabled == HARK_YES)
			r = 0;
	}
	nl_close(&nl);
	array_fini(&reading.tables);
	return r;
}

static int compare_addresses(const void *left, const void *right)
{
	const struct own_address *a = left, *b = right;

	return memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
}

/* By interface, IPv4 first, then by address, wide before narrow. */
static int compare_places(const void *left, const void *right)
{
	const struct hark_place *a = left, *b = right;
	bool a_ipv4 = hark_addr_is_ipv4(&a->prefix.addr),
	     b_ipv4 = hark_addr_is_ipv4(&b->prefix.addr);
	int order;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a_ipv4 != b_ipv4)
		return a_ipv4 ? -1 : 1;
	order = hark_addr_compare(&a->prefix.addr, &b->prefix.addr);
	return order ? order :
		       (a->prefix.bits > b->prefix.bits) - (a->prefix.bits < b->prefix.bits);
}

static int push_place(struct hark_snapshot *snapshot, struct hark_place place)
{
	struct hark_place *added = array_push(&snapshot->places);

	if (!added)
		return -ENOMEM;
	place.netns = snapshot_netns(snapshot);
	set_scope(&place.prefix.addr, place.ifindex);
	*added = place;
	return 0;
}

/* The first of the sorted addresses with these bytes, or the number of all. */
static uint32_t find_address(const struct address_book *book, const struct hark_addr *addr)
{
	uint32_t low = 0, high = book->addresses.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const uint8_t *bytes = book->addresses.items[middle].addr.bytes;

		if (memcmp(bytes, addr->bytes, sizeof(addr->bytes)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * A route to one address stands for the interfaces' address that it was made for, if there is one.
 */
static int push_single(struct hark_snapshot *snapshot, const struct address_book *book,
		       const struct hark_place *route)
{
	bool may_name_lo = !hark_addr_is_ipv4(&route->prefix.addr) &&
			   route->ifindex == LOOPBACK_IFINDEX;
	bool is_an_address = false;
	int r = 0;

	for (uint32_t i = find_address(book, &route->prefix.addr); i < book->addresses.n && r == 0;
	     i++) {
		const struct own_address *own = &book->addresses.items[i];

		if (memcmp(own->addr.bytes, route->prefix.addr.bytes, sizeof(own->addr.bytes)))
			break;
		if (own->ifindex != route->ifindex && !may_name_lo)
			continue;
		is_an_address = true;
		if (own->is_usable)
			r = push_place(snapshot, (struct hark_place){ .prefix = { own->addr, 128 },
								      .ifindex = own->ifindex });
	}
	return is_an_address ? r : push_place(snapshot, *route);
}

/*
 * A family without a single local route while it has addresses on interfaces that are up: an
 * emulation that has no local table (gVisor). The addresses stand for themselves.
 */
static int push_unrouted(struct hark_snapshot *snapshot, const struct address_book *book,
			 bool is_ipv4)
{
	int r = 0;

	for (uint32_t i = 0; i < book->routes.n; i++)
		if (hark_addr_is_ipv4(&book->routes.items[i].prefix.addr) == is_ipv4)
			return 0;
	for (uint32_t i = 0; i < book->addresses.n && r == 0; i++) {
		const struct own_address *own = &book->addresses.items[i];
		const struct hark_interface *interface =
			snapshot_find_interface(snapshot, snapshot_netns(snapshot), own->ifindex);

		if (hark_addr_is_ipv4(&own->addr) == is_ipv4 && own->is_usable && interface &&
		    interface->is_up)
			r = push_place(snapshot, (struct hark_place){ .prefix = { own->addr, 128 },
								      .ifindex = own->ifindex });
	}
	return r;
}

static int push_places(struct hark_snapshot *snapshot, struct address_book *book)
{
	uint32_t first = snapshot->places.n, kept = first;
	int r = 0;

	if (book->addresses.n)
		qsort(book->addresses.items, book->addresses.n, sizeof(*book->addresses.items),
		      compare_addresses);
	for (uint32_t i = 0; i < book->routes.n && r == 0; i++) {
		const struct hark_place *route = &book->routes.items[i];

		r = route->prefix.bits == 128 ? push_single(snapshot, book, route) :
						push_place(snapshot, *route);
	}
	for (int is_ipv4 = 0; is_ipv4 < 2 && r == 0; is_ipv4++)
		r = push_unrouted(snapshot, book, is_ipv4);
	if (r < 0)
		return r;
	if (snapshot->places.n > first)
		qsort(snapshot->places.items + first, snapshot->places.n - first,
		      sizeof(*snapshot->places.items), compare_places);
	for (uint32_t i = first; i < snapshot->places.n; i++) {
		struct hark_place *place = &snapshot->places.items[i];

		if (kept == first || compare_places(place - (i - kept) - 1, place))
			snapshot->places.items[kept++] = *place;
	}
	snapshot->places.n = kept;
	return 0;
}

/* What a failure of rtnetlink means, after the text was tried too. */
static int note_failure(struct hark_snapshot *snapshot, int error, bool has_text)
{
	bool is_denied = error == -EPERM || error == -EACCES;

	if (has_text)
		return snapshot_note(
			snapshot, HARK_NOTE_ADDRESSES, HARK_NOTE_FALLBACK, error,
			"rtnetlink cannot be used here: addresses read from /proc/net, which "
			"does not tell the interface of an IPv4 address");
	snapshot_namespace(snapshot)->places_presence = is_denied ? HARK_DENIED : HARK_UNSUPPORTED;
	return snapshot_note(snapshot, HARK_NOTE_ADDRESSES,
			     is_denied ? HARK_NOTE_PERMISSION : HARK_NOTE_UNSUPPORTED, error,
			     "the addresses of this namespace cannot be read: rtnetlink refused");
}

int collect_places(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct hark_namespace *namespace = snapshot_namespace(snapshot);
	struct address_book book = { 0 };
	uint32_t first = snapshot->places.n;
	int text, r;

	namespace->places_presence = HARK_KNOWN;
	r = read_rtnetlink(source, snapshot, &book);
	if (r < 0 && r != -ENOMEM) {
		book.addresses.n = book.routes.n = 0;
		text = addressbook_read_text(source, snapshot, &book);
		r = text == -ENOMEM ? text : note_failure(snapshot, r, text == 0);
	}
	if (r == 0)
		r = push_places(snapshot, &book);
	array_fini(&book.addresses);
	array_fini(&book.routes);
	if (r == 0) {
		namespace->first_place = first;
		namespace->n_places = snapshot->places.n - first;
		collect_vrf_settings(source, snapshot);
	}
	return r;
}
