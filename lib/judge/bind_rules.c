/* SPDX-License-Identifier: MIT */
/*
 * The rules by which the kernel refuses a port, as of Linux 6.1 (net/ipv4/inet_connection_sock.c:
 * inet_csk_get_port(), inet_bind_conflict(), inet_rcv_saddr_equal(); net/ipv4/udp.c:
 * udp_lib_lport_inuse()). Two sockets conflict when all of this holds:
 *
 *  - They have the same port of the same protocol. For TCP sockets that belong to different VRFs by
 *    their interface have ports of their own, unless tcp_l3mdev_accept is on.
 *  - Their interfaces do not keep them apart: one is bound to none, or both to the same.
 *  - Their addresses overlap, see overlaps_if().
 *  - They do not share: both with SO_REUSEADDR (for TCP while the other does not listen), or both
 *    with SO_REUSEPORT and of one user. What is left of a connection is of no user.
 *
 * Connections count, too, for they have a port that they were accepted on, or were given.
 */
#include <string.h>

#include "bind_rules.h"

/*
 * The IPv4 address that a socket has as the kernel compares it: an AF_INET6 socket bound to a
 * native address has 127.0.0.6 there (LOOPBACK4_IPV6, include/net/ipv6.h).
 */
static uint32_t ipv4_of(uint8_t family, const struct hark_addr *addr)
{
	uint32_t value;

	if (!hark_addr_is_ipv4(addr) && family == HARK_FAMILY_INET6)
		return hark_addr_is_any(addr) ? 0 : 0x7f000006;
	value = (uint32_t)addr->bytes[12] << 24 | (uint32_t)addr->bytes[13] << 16 |
		(uint32_t)addr->bytes[14] << 8 | addr->bytes[15];
	return value;
}

/* ipv4_rcv_saddr_equal() */
static bool overlaps_as_ipv4(const struct bind_want *want, const struct hark_socket *socket,
			     bool v6only)
{
	uint32_t ours = ipv4_of(want->wish.family, &want->wish.addr);
	uint32_t theirs = ipv4_of(socket->family, &socket->local);

	if (v6only)
		return false;
	/* TCP looks for one address in its own bucket (bhash2), where no IPv6 socket is. */
	if (ours && want->wish.protocol == HARK_PROTOCOL_TCP && theirs &&
	    !hark_addr_is_ipv4(&socket->local))
		return false;
	return ours == theirs || !ours || !theirs;
}

/* inet_rcv_saddr_equal(), with the other socket's IPV6_V6ONLY as given. */
static bool overlaps_if(const struct bind_want *want, const struct hark_socket *socket, bool v6only)
{
	const struct hark_addr *ours = &want->wish.addr, *theirs = &socket->local;
	bool is_ipv4 = hark_addr_is_ipv4(ours), is_their_ipv4 = hark_addr_is_ipv4(theirs);

	if (want->wish.family == HARK_FAMILY_INET || (is_ipv4 && is_their_ipv4))
		return overlaps_as_ipv4(want, socket, v6only);
	if (bind_is_any6(socket->family, theirs) && !(v6only && is_ipv4))
		return true;
	if (bind_is_any6(want->wish.family, ours) && !(want->v6only && is_their_ipv4))
		return true;
	return socket->family == HARK_FAMILY_INET6 && !is_ipv4 &&
	       !memcmp(ours->bytes, theirs->bytes, sizeof(ours->bytes));
}

uint32_t bind_vrf_of(const struct hark_snapshot *snapshot, uint32_t device)
{
	const struct hark_interface *interface = snapshot_find_interface(snapshot, 0, device);

	if (!device || !interface || interface->vrf)
		return interface ? interface->vrf : 0;
	/* A VRF is its own. */
	for (uint32_t i = 0; i < snapshot->interfaces.n; i++)
		if (snapshot->interfaces.items[i].netns == 0 &&
		    snapshot->interfaces.items[i].vrf == device)
			return device;
	return 0;
}

static bool has_own_ports(const struct hark_snapshot *snapshot, const struct bind_want *want,
			  const struct hark_socket *socket)
{
	return want->wish.protocol == HARK_PROTOCOL_TCP &&
	       snapshot->namespaces.items[0].tcp_l3mdev_accept != HARK_YES &&
	       want->vrf != bind_vrf_of(snapshot, socket->device);
}

struct bind_want bind_resolve(const struct hark_snapshot *snapshot,
			      const struct hark_bind_wish *wish)
{
	uint8_t bindv6only = snapshot->namespaces.items[0].bindv6only;
	struct bind_want want = { .wish = *wish, .has_device = !wish->device };

	for (uint32_t i = 0; wish->device && i < snapshot->interfaces.n; i++) {
		const struct hark_interface *interface = &snapshot->interfaces.items[i];

		if (interface->netns != 0 || strcmp(interface->name, wish->device) != 0)
			continue;
		want.device = interface->ifindex;
		want.has_device = true;
	}
	want.vrf = bind_vrf_of(snapshot, want.device);
	want.v6only = (wish->v6only == HARK_UNKNOWN ? bindv6only : wish->v6only) == HARK_YES;
	return want;
}

bool bind_is_rival(const struct bind_want *want, const struct hark_socket *socket)
{
	uint8_t protocol = socket->protocol == HARK_PROTOCOL_MPTCP ? HARK_PROTOCOL_TCP :
								     socket->protocol;

	/* A request has no port of its own: its listener has. */
	return socket->netns == 0 && protocol == want->wish.protocol &&
	       socket->local_port == want->wish.port &&
	       !(socket->state == HARK_STATE_SYN_RECV && !socket->inode);
}

enum hark_tristate bind_overlaps(const struct hark_snapshot *snapshot, const struct bind_want *want,
				 const struct hark_socket *socket)
{
	bool as_v6only, as_dual;

	if (want->device && socket->device && want->device != socket->device)
		return HARK_NO;
	if (has_own_ports(snapshot, want, socket))
		return HARK_NO;
	as_v6only = overlaps_if(want, socket, true);
	as_dual = overlaps_if(want, socket, false);
	if (socket->v6only == HARK_UNKNOWN && as_v6only != as_dual)
		return HARK_UNKNOWN;
	return (socket->v6only == HARK_YES ? as_v6only : as_dual) ? HARK_YES : HARK_NO;
}

bool bind_option_matters(const struct bind_want *want, const struct hark_socket *socket,
			 enum hark_bind_option option)
{
	bool is_tcp = want->wish.protocol == HARK_PROTOCOL_TCP;

	if (option == HARK_BIND_REUSEADDR)
		return want->wish.reuseaddr && !(is_tcp && socket->state == HARK_STATE_LISTEN);
	return option == HARK_BIND_REUSEPORT && want->wish.reuseport &&
	       ((is_tcp && bind_is_timewait(socket)) || socket->uid == want->wish.uid);
}

enum hark_tristate bind_shares(const struct bind_want *want, const struct hark_socket *socket,
			       const struct hark_bind_flags *flags)
{
	enum hark_tristate shares = HARK_NO;
	const struct {
		enum hark_bind_option option;
		uint8_t value;
	} of[] = {
		{ HARK_BIND_REUSEADDR, flags ? flags->reuseaddr : HARK_UNKNOWN },
		{ HARK_BIND_REUSEPORT, flags ? flags->reuseport : HARK_UNKNOWN },
	};

	for (size_t i = 0; i < 2; i++) {
		if (!bind_option_matters(want, socket, of[i].option) || of[i].value == HARK_NO)
			continue;
		if (of[i].value == HARK_YES)
			return HARK_YES;
		shares = HARK_UNKNOWN;
	}
	return shares;
}
