/* SPDX-License-Identifier: MIT */
/* Any text as an address that a .socket unit listens at, of each type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "socket_unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What was understood listens where it says. */
static void match(const struct unit_listen *listen)
{
	struct socket_units units = { .units = { 0 } };
	struct hark_socket socket = { .local = listen->addr,
				      .local_port = listen->port,
				      .family = listen->family };
	struct arena arena = { 0 };
	uint32_t unit = socket_units_add(&units, &arena, "a.socket");

	if (unit != HARK_NONE && array_reserve(&units.units.items[unit].listens, 1u) == 0) {
		units.units.items[unit].listens.items[units.units.items[unit].listens.n++] =
			*listen;
		while (!(listen->protocols & (1u << socket.protocol)))
			socket.protocol++;
		require(socket_units_match(&units, &socket) == unit);
	}
	socket_units_fini(&units);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "Stream", "Datagram", "SequentialPacket", "Netlink" };
	char *text = malloc(size + 1);
	struct unit_listen listen;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!unit_listen_parse(types[i], text, &listen))
			continue;
		require(listen.protocols && i < 3);
		require(listen.family == HARK_FAMILY_INET6 || hark_addr_is_ipv4(&listen.addr));
		match(&listen);
	}
	free(text);
	return 0;
}
