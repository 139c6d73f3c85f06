/* SPDX-License-Identifier: MIT */
/* The parts of an explanation: what tells of a port, of its sockets, and of what is around them. */
#ifndef EXPLANATION_H
#define EXPLANATION_H

#include <hark/explain.h>
#include <hark/exposure.h>

#include "rows.h"

#define MAX_LISTED 6u /* addresses, sockets or processes in one sentence */

struct hark_explanation {
	struct arena arena;
	ARRAY(struct hark_finding) findings;
	ARRAY(struct hark_tool) tools;
	ARRAY(uint32_t) sockets;   /* that are told of */
	ARRAY(const char *) hints; /* codes of those that were given */
	const struct hark_snapshot *snapshot;
	const struct hark_selection *selection; /* NULL: everything is meant */
	struct hark_exposures *exposures;       /* NULL: memory ran out */
	uint32_t netns;                         /* that is told of */
	uint32_t exception; /* a socket told of whose IPV6_V6ONLY is not bindv6only, or HARK_NONE */
	bool has_listener;  /* one was told of */
	bool has_backlog;   /* one that takes connections, in this namespace */
	bool has_ipv6;      /* an IPv6 one */
	bool has_wildcard;  /* one bound to ::, which IPV6_V6ONLY makes a difference to */
	bool is_near;       /* no listener is meant, but some that have the port are told of */
	bool has_failed;    /* memory ran out */
};

/* The members of a port that differ in nothing a person would see: a SO_REUSEPORT group is one. */
struct alike {
	uint32_t first, n;
};

/* Text that lives as long as the explanation; NULL, and has_failed, where memory ran out. */
#define say(x, ...) said(x, arena_printf(&(x)->arena, __VA_ARGS__))

static inline const char *said(struct hark_explanation *x, const char *text)
{
	x->has_failed |= !text;
	return text;
}

/* About a socket, those that are like it, or (HARK_NONE) the namespace that is told of. */
struct hark_finding *add_finding(struct hark_explanation *x, enum hark_finding_depth depth,
				 const char *code, uint32_t socket, const char *text,
				 const char *evidence);

static inline const struct hark_socket *socket_at(const struct hark_explanation *x, uint32_t i)
{
	return &x->snapshot->sockets.items[i];
}

/* Of a listener. */
static inline const struct hark_answer *answer_at(const struct hark_explanation *x, uint32_t i,
						  int family)
{
	return snapshot_answer(x->snapshot, socket_at(x, i), family);
}

static inline const struct hark_listener *listener_at(const struct hark_explanation *x, uint32_t i)
{
	return hark_snapshot_listener(x->snapshot, socket_at(x, i)->listener);
}

/* NULL: none is known. */
static inline const struct hark_activation *activation_at(const struct hark_explanation *x,
							  uint32_t i)
{
	const struct hark_listener *listener =
		hark_snapshot_listener(x->snapshot, socket_at(x, i)->listener);

	return listener ? hark_snapshot_activation(x->snapshot, listener->activation) : NULL;
}

static inline bool is_copied_to(const struct hark_socket *socket)
{
	return socket->protocol == HARK_PROTOCOL_RAW || socket->protocol == HARK_PROTOCOL_ICMP;
}

static inline const char *family_text(int family)
{
	return family == HARK_FAMILY_INET ? "IPv4" : "IPv6";
}

/* "0.0.0.0:80", "[fe80::1%eth0]:80"; a mapped address is the IPv4 one that it is. */
const char *endpoint_text(struct hark_explanation *x, uint32_t netns, const struct hark_addr *addr,
			  uint16_t port);

/* Where it listens: "0.0.0.0:80", "[::]:80 on eth0"; of a raw socket the address alone. */
const char *name_of(struct hark_explanation *x, const struct hark_socket *socket);

/* "192.168.1.241", "fe80::1%eth0", "127.0.0.0/8" */
const char *place_text(struct hark_explanation *x, const struct hark_place *place);

/* What arrives at it, in the singular: "connection", "datagram", "packet". */
const char *packet_text(const struct hark_socket *socket);

/* The item behind the list (NULL: there is none yet). */
const char *append_text(struct hark_explanation *x, const char *list, const char *separator,
			const char *item);

/* What a row of the snapshot rests on. */
const char *socket_evidence(struct hark_explanation *x, const struct hark_socket *socket);

/* Puts a socket on the list of those that are told of. */
void tell_of(struct hark_explanation *x, uint32_t socket);

/* What the kernel said when it was asked. */
const char *lookup_text(struct hark_explanation *x, const struct hark_lookup *lookup);

/* What the kernel said of the port when asked, a look-up for each family; else its sockets. */
const char *port_evidence(struct hark_explanation *x, uint32_t first, uint32_t n);

/* "nginx": who holds the socket, or the kernel; NULL: not known. */
const char *command_of(const struct hark_explanation *x, uint32_t socket);

/* "TCP port 80", "UDP port 53 in network namespace blue" */
const char *port_text(struct hark_explanation *x, const struct hark_socket *socket);

static inline bool is_served(const struct hark_answer *answer)
{
	return answer->verdict == HARK_VERDICT_ALL || answer->verdict == HARK_VERDICT_SOME;
}

/* All listeners of a port. */
void tell_port(struct hark_explanation *x, uint32_t first, uint32_t n);

/* The port as a whole, in one sentence; and how its sockets share the work, where that puzzles. */
void tell_headline(struct hark_explanation *x, uint32_t first, uint32_t n);
void tell_pair(struct hark_explanation *x, uint32_t first, uint32_t n);

/* How far away senders may be; and who gets what is sent to the addresses that were asked about. */
void tell_reach(struct hark_explanation *x, uint32_t first, uint32_t n);
void tell_addresses(struct hark_explanation *x, uint32_t first, uint32_t n);

/* What waits for the socket's holder, and what was dropped; and that of the whole namespace. */
void tell_load(struct hark_explanation *x, const struct alike *alike);
void tell_overflows(struct hark_explanation *x, uint32_t netns);

/* Which ports are meant, where there are several. */
void tell_overview(struct hark_explanation *x);

/* Why nothing that listens is meant; sets is_near. */
void tell_nothing(struct hark_explanation *x);

/* Whether a socket listens at a port that was asked for, whatever else was asked for. */
bool is_near(const struct hark_explanation *x, uint32_t socket);

/* Sockets that do not listen. */
void tell_others(struct hark_explanation *x, uint32_t first, uint32_t n);

/* Which sockets there are, and of which kind. */
void tell_kind(struct hark_explanation *x, const struct alike *alike);

/* What they get of a family, and who gets the rest. */
void tell_answer(struct hark_explanation *x, const struct alike *alike, enum hark_family family);

void tell_holders(struct hark_explanation *x, const struct alike *alike);

/* Why the tools that people know show the socket as they do. */
void tell_tools(struct hark_explanation *x, const struct alike *alike);

/* How the well-known servers that hold a port's sockets are told which families to serve. */
void tell_hints(struct hark_explanation *x, uint32_t first, uint32_t n);

/* "in network namespace blue"; NULL for our own. */
const char *in_namespace_text(struct hark_explanation *x, uint32_t netns);

static inline const char *host_text(uint32_t netns)
{
	return netns ? "that namespace" : "this host";
}

/* "apache2.service", "docker container 3f2a9c1b7d5e"; NULL: neither is known. */
const char *origin_text(struct hark_explanation *x, const struct hark_process *process);

static inline bool is_meant(const struct hark_explanation *x, uint32_t i)
{
	return !x->selection || hark_selection_matches(x->selection, x->snapshot, i);
}

/* The sockets from `first` on that are of one port, and listen all or none: how many. */
uint32_t count_port(const struct hark_explanation *x, uint32_t first);

/* Whether a hint with that code is given for the first time. */
bool is_first_hint(struct hark_explanation *x, const char *code);

/*
 * bindv6only, disable_ipv6 and the like: behind all ports of the namespace, as far as they matter,
 * and were not told before.
 */
void tell_settings(struct hark_explanation *x, uint32_t netns);

/* What was not looked at: at the end. */
void tell_unread(struct hark_explanation *x);
void tell_firewall_view(struct hark_explanation *x);

/* What the firewall makes of packets to them, address by address and sender by sender. */
void tell_firewall(struct hark_explanation *x, const struct alike *alike);

/* Of a port: that one family is open further; by which other ports one gets there. */
void tell_wider(struct hark_explanation *x, uint32_t first, uint32_t n);
void tell_entry_ports(struct hark_explanation *x, uint32_t first, uint32_t n);

/* Doors that are meant, where nothing listens: whether there are any. */
bool tell_published(struct hark_explanation *x);

#endif
