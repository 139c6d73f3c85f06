/* SPDX-License-Identifier: MIT */
/* The .socket units of a systemd manager, and which of them opened a socket. */
#ifndef SOCKET_UNIT_H
#define SOCKET_UNIT_H

#include <hark/model.h>

#include "arena.h"

/* An address that a unit listens at. */
struct unit_listen {
	struct hark_addr addr;
	uint32_t protocols; /* any of them, a bit mask of 1 << enum hark_protocol */
	uint16_t port;
	uint8_t family; /* enum hark_family */
};

struct socket_unit {
	const char *name;    /* "ssh.socket" */
	const char *service; /* that it starts, or NULL */
	uint8_t accept;      /* enum hark_tristate */
	bool is_wanted;      /* it is one that opened a socket */
	ARRAY(struct unit_listen) listens;
};

/* Their texts belong to an arena. */
struct socket_units {
	ARRAY(struct socket_unit) units;
};

void socket_units_fini(struct socket_units *units);

/* The index of the unit, which is added where it is new; HARK_NONE when memory ran out. */
uint32_t socket_units_add(struct socket_units *units, struct arena *arena, const char *name);

/*
 * From an item of the property Listen: ("Stream", "[::]:22"), ("Datagram", "127.0.0.1:53"),
 * ("Stream", "[fe80::1]:22%eth0"). False for what is of no family or protocol of ours.
 */
bool unit_listen_parse(const char *type, const char *address, struct unit_listen *ret);

/*
 * The unit that listens where the socket is bound; HARK_NONE where there is none, or more than one
 * (BindToDevice= and BindIPv6Only= would tell those apart).
 */
uint32_t socket_units_match(const struct socket_units *units, const struct hark_socket *socket);

#endif
