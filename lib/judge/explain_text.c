/* SPDX-License-Identifier: MIT */
/* The words that findings share: names of sockets and addresses, and what a row rests on. */
#include <string.h>

#include "explanation.h"

static const char *scope_text(const struct hark_explanation *x, uint32_t netns,
			      const struct hark_addr *addr, uint32_t ifindex)
{
	const char *name = hark_addr_is_link_local(addr) && !hark_addr_is_ipv4(addr) ?
				   hark_snapshot_interface_name(x->snapshot, netns, ifindex) :
				   NULL;

	return name ? name : "";
}

const char *endpoint_text(struct hark_explanation *x, uint32_t netns, const struct hark_addr *addr,
			  uint16_t port)
{
	const char *scope = scope_text(x, netns, addr, addr->scope_id);
	char text[HARK_ADDR_TEXT_SIZE];

	hark_addr_format(addr, text);
	if (hark_addr_is_ipv4(addr))
		return say(x, "%s:%u", text, port);
	return say(x, "[%s%s%s]:%u", text, *scope ? "%" : "", scope, port);
}

const char *name_of(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *device =
		socket->device ?
			hark_snapshot_interface_name(x->snapshot, socket->netns, socket->device) :
			NULL;
	char text[HARK_ADDR_TEXT_SIZE];
	const char *where;

	if (socket->protocol == HARK_PROTOCOL_RAW)
		where = arena_strdup(&x->arena, hark_addr_format(&socket->local, text));
	else
		where = endpoint_text(x, socket->netns, &socket->local, socket->local_port);
	if (!where || !socket->device || socket->device == socket->local.scope_id)
		return where;
	return say(x, "%s on %s", where, device ? device : "an interface that is gone");
}

const char *place_text(struct hark_explanation *x, const struct hark_place *place)
{
	const struct hark_addr *addr = &place->prefix.addr;
	const char *scope = scope_text(x, place->netns, addr, place->ifindex);
	char text[HARK_ADDR_TEXT_SIZE];

	if (place->prefix.bits == 128)
		hark_addr_format(addr, text);
	else
		hark_prefix_format(&place->prefix, text);
	return say(x, "%s%s%s", text, *scope ? "%" : "", scope);
}

const char *packet_text(const struct hark_socket *socket)
{
	if (is_copied_to(socket))
		return "packet";
	return socket->state == HARK_STATE_UNCONNECTED ? "datagram" : "connection";
}

const char *append_text(struct hark_explanation *x, const char *list, const char *separator,
			const char *item)
{
	if (!list || !item)
		return item;
	return say(x, "%s%s%s", list, separator, item);
}

static const char *v6only_text(const struct hark_socket *socket)
{
	switch ((enum hark_tristate)socket->v6only) {
	case HARK_YES:
		return ", INET_DIAG_SKV6ONLY 1";
	case HARK_NO:
		return ", INET_DIAG_SKV6ONLY 0";
	case HARK_UNKNOWN:
		break;
	}
	return "";
}

/* What stands where a port does. */
static const char *port_word(const struct hark_socket *socket)
{
	return socket->protocol == HARK_PROTOCOL_RAW  ? "protocol" :
	       socket->protocol == HARK_PROTOCOL_ICMP ? "identifier" :
							"port";
}

const char *socket_evidence(struct hark_explanation *x, const struct hark_socket *socket)
{
	bool is_inet = socket->family == HARK_FAMILY_INET;
	bool is_mapped = !is_inet && hark_addr_is_ipv4(&socket->local);
	char text[HARK_ADDR_TEXT_SIZE];
	const char *where;

	hark_addr_format(&socket->local, text);
	where = say(x, "%s%s %s %u", is_mapped ? "::ffff:" : "", text, port_word(socket),
		    socket->local_port);
	if (!socket->cookie)
		return say(x, "/proc/net/%s%s: %s, inode %u",
			   hark_protocol_name((enum hark_protocol)socket->protocol),
			   is_inet ? "" : "6", where, socket->inode);
	return say(x, "sock_diag: %s, %s%s, inode %u, cookie %016llx",
		   is_inet ? "AF_INET" : "AF_INET6", where, is_inet ? "" : v6only_text(socket),
		   socket->inode, (unsigned long long)socket->cookie);
}
