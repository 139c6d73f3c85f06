/* SPDX-License-Identifier: MIT */
/* A listener's kind, and what it gets of each family. */
#include <string.h>

#include "explanation.h"

static const char *family_text(int family)
{
	return family == HARK_FAMILY_INET ? "IPv4" : "IPv6";
}

static bool is_stream(const struct hark_socket *socket)
{
	return socket->state == HARK_STATE_LISTEN;
}

/*
 * An address within a prefix that is local as a whole (127.0.0.1 in 127.0.0.0/8) says nothing more.
 */
static bool is_covered(const struct hark_explanation *x, uint32_t first, uint32_t n, uint32_t i)
{
	const struct hark_place *places = x->snapshot->places.items;

	for (uint32_t j = first; j < first + n; j++)
		if (places[j].prefix.bits < places[i].prefix.bits &&
		    hark_prefix_contains(&places[j].prefix, &places[i].prefix.addr))
			return true;
	return false;
}

static const char *list_places(struct hark_explanation *x, uint32_t first, uint32_t n, int family)
{
	const char *list = NULL;
	uint32_t listed = 0, all = 0;

	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_place *place = &x->snapshot->places.items[i];
		char text[HARK_ADDR_TEXT_SIZE];

		if (hark_addr_is_ipv4(&place->prefix.addr) != (family == HARK_FAMILY_INET))
			continue;
		if (n <= 64 && is_covered(x, first, n, i))
			continue;
		if (++all > MAX_LISTED)
			continue;
		if (place->prefix.bits == 128)
			hark_addr_format(&place->prefix.addr, text);
		else
			hark_prefix_format(&place->prefix, text);
		list = append_text(x, list, ", ", arena_strdup(&x->arena, text));
		listed++;
	}
	if (all > listed)
		list = arena_printf(&x->arena, "%s and %u more", list ? list : "", all - listed);
	return list;
}

void tell_socket(struct hark_explanation *x, const struct alike *alike, bool is_first)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *where = endpoint_text(x, &socket->local, socket->local_port, socket->family);
	const char *device =
		socket->device ?
			hark_snapshot_interface_name(x->snapshot, socket->netns, socket->device) :
			NULL;
	const char *count = alike->n == 1 ? (is_first ? "One" : "Another") :
					    arena_printf(&x->arena, "%u", alike->n);
	const char *noun = alike->n == 1 ? "socket" :
					   "sockets that share by SO_REUSEPORT or SO_REUSEADDR";
	const char *code, *kind;

	if (socket->family == HARK_FAMILY_INET) {
		code = "ipv4-socket";
		kind = "It is an IPv4 socket, and takes IPv4 alone.";
	} else if (hark_addr_is_ipv4(&socket->local)) {
		code = "mapped-bind";
		kind = "It is an IPv6 socket bound to an IPv4-mapped address, so it takes IPv4 alone.";
	} else if (!hark_addr_is_any(&socket->local)) {
		code = "ipv6-address";
		kind = "It is bound to one IPv6 address, so IPv4 cannot come to it.";
	} else if (socket->v6only == HARK_YES) {
		code = "v6only";
		kind = "IPV6_V6ONLY is set on it, so it takes IPv6 alone.";
	} else if (socket->v6only == HARK_NO) {
		code = "dual-stack";
		kind = "It is dual-stack: IPV6_V6ONLY is off, so it takes IPv4 too, whose addresses it sees "
		       "as ::ffff:a.b.c.d.";
	} else {
		code = "v6only-unknown";
		kind = "Whether IPV6_V6ONLY is set on it cannot be read here.";
	}
	add_finding(x, code, alike->first,
		    arena_printf(&x->arena, "%s %s %s at %s%s%s. %s", count, noun,
				 is_stream(socket) ? (alike->n == 1 ? "listens" : "listen") :
						     (alike->n == 1 ? "receives" : "receive"),
				 where, device ? ", bound to interface " : "", device ? device : "",
				 kind),
		    socket_evidence(x, socket));
}

/* One look-up whose answer was (or, for a silent family, was not) this socket. */
static const char *lookup_evidence(struct hark_explanation *x, uint32_t i, int family)
{
	const struct hark_socket *socket = socket_at(x, i);

	for (uint32_t l = 0; l < x->snapshot->lookups.n; l++) {
		const struct hark_lookup *lookup = &x->snapshot->lookups.items[l];
		const char *interface;

		if (lookup->port != socket->local_port || lookup->family != family ||
		    (lookup->protocol != socket->protocol &&
		     !(socket->protocol == HARK_PROTOCOL_MPTCP &&
		       lookup->protocol == HARK_PROTOCOL_TCP)))
			continue;
		if (socket->answers[family].verdict != HARK_VERDICT_NONE && lookup->socket != i &&
		    (lookup->socket == HARK_NONE ||
		     socket_at(x, lookup->socket)->cookie != socket->cookie))
			continue;
		interface =
			hark_snapshot_interface_name(x->snapshot, lookup->netns, lookup->ifindex);
		if (lookup->socket == HARK_NONE)
			return arena_printf(
				&x->arena, "the kernel's socket look-up for %s on %s: %s",
				endpoint_text(x, &lookup->addr, lookup->port, lookup->family),
				interface ? interface : "any interface",
				lookup->error ? strerror(-lookup->error) :
						"a socket that came since");
		return arena_printf(
			&x->arena,
			"the kernel's socket look-up for %s on %s named cookie %016llx (asked once for %u %s)",
			endpoint_text(x, &lookup->addr, lookup->port, lookup->family),
			interface ? interface : "any interface",
			(unsigned long long)socket_at(x, lookup->socket)->cookie, lookup->n_places,
			lookup->n_places == 1 ? "address" : "addresses that fare alike");
	}
	return NULL;
}

static const char *shadow_text(struct hark_explanation *x, const struct hark_answer *answer)
{
	const struct hark_socket *shadow;

	if (answer->why != HARK_WHY_SHADOWED || answer->shadowed_by == HARK_NONE)
		return "";
	shadow = socket_at(x, answer->shadowed_by);
	return arena_printf(&x->arena, " %s is in front of it.",
			    endpoint_text(x, &shadow->local, shadow->local_port, shadow->family));
}

void tell_answer(struct hark_explanation *x, const struct alike *alike, enum hark_family family)
{
	static const char *const codes[HARK_VERDICT_N_][HARK_FAMILY_N_] = {
		[HARK_VERDICT_ALL] = { "ipv4-all", "ipv6-all" },
		[HARK_VERDICT_SOME] = { "ipv4-some", "ipv6-some" },
		[HARK_VERDICT_NONE] = { "ipv4-none", "ipv6-none" },
		[HARK_VERDICT_UNKNOWN] = { "ipv4-unknown", "ipv6-unknown" },
	};
	const struct hark_socket *socket = socket_at(x, alike->first);
	const struct hark_answer *answer = &socket->answers[family];
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[socket->netns];
	const char *what = is_stream(socket) ? "connections" : "datagrams", *places, *text = NULL;
	const char *via = answer->via == HARK_VIA_MAPPED ? ", through this IPv6 socket" : "";
	const char *evidence = NULL;

	/* What the socket's kind leaves out was told with it. */
	if (answer->verdict == HARK_VERDICT_NONE &&
	    (answer->why == HARK_WHY_FAMILY || answer->why == HARK_WHY_BOUND))
		return;
	switch ((enum hark_decided_by)answer->decided_by) {
	case HARK_DECIDED_BY_KERNEL:
		evidence = lookup_evidence(x, alike->first, family);
		break;
	case HARK_DECIDED_BY_INFERENCE:
		evidence = hark_why_text((enum hark_why)answer->why);
		break;
	case HARK_DECIDED_BY_FLAGS:
	case HARK_DECIDED_BY_N_:
		evidence = "the socket's family, address and flags";
		break;
	}
	switch ((enum hark_verdict)answer->verdict) {
	case HARK_VERDICT_ALL:
		places = socket->device ? "every address of its interface" :
					  list_places(x, namespace->first_place,
						      namespace->n_places, family);
		text = arena_printf(&x->arena, "%s: it gets all %s%s%s%s%s.", family_text(family),
				    what, via, places ? " (" : "", places ? places : "",
				    places ? ")" : "");
		break;
	case HARK_VERDICT_SOME:
		places = list_places(x, answer->first_address, answer->n_addresses, family);
		text = arena_printf(&x->arena, "%s: it gets %s to %s alone%s.%s",
				    family_text(family), what, places ? places : "some addresses",
				    via, shadow_text(x, answer));
		break;
	case HARK_VERDICT_NONE:
		text = arena_printf(&x->arena, "%s: it gets no %s: %s.%s", family_text(family),
				    what,
				    answer->why ? hark_why_text((enum hark_why)answer->why) :
						  "the kernel gives them to nobody",
				    shadow_text(x, answer));
		break;
	case HARK_VERDICT_UNKNOWN:
	case HARK_VERDICT_N_:
		text = arena_printf(&x->arena, "%s: it is not known what it gets: %s.",
				    family_text(family),
				    answer->why ? hark_why_text((enum hark_why)answer->why) :
						  "it was not asked for");
		break;
	}
	add_finding(x,
		    codes[answer->verdict < HARK_VERDICT_N_ ? answer->verdict :
							      HARK_VERDICT_UNKNOWN][family],
		    alike->first, text, evidence);
}
