/* SPDX-License-Identifier: MIT */
#include "socket_unit.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

void socket_units_fini(struct socket_units *units)
{
	for (uint32_t i = 0; i < units->units.n; i++)
		array_fini(&units->units.items[i].listens);
	array_fini(&units->units);
}

uint32_t socket_units_add(struct socket_units *units, struct arena *arena, const char *name)
{
	struct socket_unit *unit;

	for (uint32_t i = 0; i < units->units.n; i++)
		if (!strcmp(units->units.items[i].name, name))
			return i;
	unit = array_push(&units->units);
	if (!unit)
		return HARK_NONE;
	unit->name = arena_strdup(arena, name);
	if (!unit->name) {
		units->units.n--;
		return HARK_NONE;
	}
	return units->units.n - 1;
}

/* The types are those of systemd's socket_port_type_to_string(). */
static uint32_t protocols_of(const char *type)
{
	if (!strcmp(type, "Stream"))
		return 1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_MPTCP |
		       1u << HARK_PROTOCOL_SCTP;
	if (!strcmp(type, "Datagram"))
		return 1u << HARK_PROTOCOL_UDP | 1u << HARK_PROTOCOL_UDPLITE;
	if (!strcmp(type, "SequentialPacket"))
		return 1u << HARK_PROTOCOL_SCTP;
	return 0;
}

bool unit_listen_parse(const char *type, const char *address, struct unit_listen *ret)
{
	struct unit_listen listen = { .protocols = protocols_of(type) };
	bool has_brackets = address[0] == '[';
	const char *host = address + has_brackets;
	const char *end = has_brackets ? strchr(host, ']') : strrchr(host, ':');
	char text[HARK_ADDR_TEXT_SIZE];
	uint64_t port;

	if (!listen.protocols || !end || (size_t)(end - host) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)(end - host), host);
	end += has_brackets;
	if (hark_addr_parse(text, &listen.addr) < 0 || *end++ != ':' ||
	    !text_take_u64(&end, 10, UINT16_MAX, &port) || (*end && *end != '%'))
		return false;
	/* A mapped address in brackets is one of an IPv6 socket. */
	if (!has_brackets && !hark_addr_is_ipv4(&listen.addr))
		return false;
	listen.family = has_brackets ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	listen.port = (uint16_t)port;
	*ret = listen;
	return true;
}

static bool listens_at(const struct socket_unit *unit, const struct hark_socket *socket)
{
	for (uint32_t i = 0; i < unit->listens.n; i++) {
		const struct unit_listen *listen = &unit->listens.items[i];

		if (listen->port == socket->local_port && listen->family == socket->family &&
		    listen->protocols & (1u << socket->protocol) &&
		    !memcmp(listen->addr.bytes, socket->local.bytes, sizeof(listen->addr.bytes)))
			return true;
	}
	return false;
}

uint32_t socket_units_match(const struct socket_units *units, const struct hark_socket *socket)
{
	uint32_t found = HARK_NONE;

	for (uint32_t i = 0; i < units->units.n; i++) {
		if (!listens_at(&units->units.items[i], socket))
			continue;
		if (found != HARK_NONE)
			return HARK_NONE;
		found = i;
	}
	return found;
}
