/* SPDX-License-Identifier: MIT */
/* A listener's kind, what it gets of each family, and who gets the rest. */
#include <errno.h>
#include <string.h>

#include "classes.h"
#include "explanation.h"

/* The first words on sockets: how many there are, and where. */
static const char *subject_text(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *name = name_of(x, socket), *family = family_text(socket->family);
	bool gets_some = false;

	if (socket->protocol == HARK_PROTOCOL_RAW)
		return say(x, "%s raw %s %s bound to %s",
			   alike->n == 1 ? "A" : say(x, "%u", alike->n), family,
			   alike->n == 1 ? "socket is" : "sockets are", name);
	if (alike->n == 1)
		return say(x, "%s is an %s %ssocket", name, family,
			   socket->protocol == HARK_PROTOCOL_ICMP ? "ping " : "");
	for (int f = 0; f < HARK_FAMILY_N_; f++)
		gets_some |= answer_at(x, alike->first, f)->verdict == HARK_VERDICT_ALL ||
			     answer_at(x, alike->first, f)->verdict == HARK_VERDICT_SOME;
	/* Sockets of one address that all get packets can only share by this. */
	if (gets_some && !is_copied_to(socket))
		return say(
			x,
			"%s is shared by %u %s sockets (SO_REUSEPORT: each %s goes to one of them)",
			name, alike->n, family, packet_text(socket));
	return say(x, "%s has %u %s sockets", name, alike->n, family);
}

/* It takes IPv4 too, or would, where another socket did not come before it. */
static const char *dual_stack_text(struct hark_explanation *x, const struct alike *alike)
{
	bool is_one = alike->n == 1;
	const char *takes = is_one ? "it takes" : "they take";

	if (answer_at(x, alike->first, HARK_FAMILY_INET)->verdict == HARK_VERDICT_NONE)
		takes = is_one ? "it would take" : "they would take";
	return say(
		x,
		", and dual-stack: %s option IPV6_V6ONLY is off, so %s IPv4 as well, from clients "
		"that %s as ::ffff:a.b.c.d.",
		is_one ? "its" : "the", takes, is_one ? "it sees" : "they see");
}

static void tell_device(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *device =
		hark_snapshot_interface_name(x->snapshot, socket->netns, socket->device);

	/* A link-local address is of an interface anyway. */
	if (!socket->device || socket->device == socket->local.scope_id)
		return;
	add_finding(x, HARK_FINDING_DETAIL, "bound-device", alike->first,
		    say(x, "%s bound to %s (SO_BINDTODEVICE), and %s only what arrives there.",
			alike->n == 1 ? "It is" : "They are",
			device ? device : "an interface that is gone",
			alike->n == 1 ? "gets" : "get"),
		    say(x, "sock_diag: idiag_if %u%s%s", socket->device, device ? " is " : "",
			device ? device : ""));
}

void tell_kind(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	bool is_one = alike->n == 1;
	char address[HARK_ADDR_TEXT_SIZE];
	const char *code, *kind;

	if (is_copied_to(socket)) {
		code = socket->protocol == HARK_PROTOCOL_RAW ? "raw" : "ping";
		kind = ". Others may get the same packets.";
	} else if (socket->family == HARK_FAMILY_INET) {
		code = "ipv4-socket";
		kind = ", so for IPv4 only.";
	} else if (hark_addr_is_ipv4(&socket->local)) {
		code = "mapped-bind";
		kind = say(x,
			   ", but bound to an IPv4 address (written ::ffff:%s), so for IPv4 only.",
			   hark_addr_format(&socket->local, address));
	} else if (!hark_addr_is_any(&socket->local)) {
		code = "ipv6-address";
		kind = ", bound to one IPv6 address, so for IPv6 only.";
	} else if (socket->v6only == HARK_YES) {
		code = "v6only";
		kind = is_one ? ", and its option IPV6_V6ONLY is on, so it is for IPv6 only." :
				", and the option IPV6_V6ONLY is on, so they are for IPv6 only.";
	} else if (socket->v6only == HARK_NO) {
		code = "dual-stack";
		kind = dual_stack_text(x, alike);
	} else {
		code = "v6only-unknown";
		kind = ". Whether it takes IPv4 as well depends on its option IPV6_V6ONLY, which cannot be "
		       "read here.";
	}
	add_finding(x, HARK_FINDING_PART, code, alike->first,
		    say(x, "%s%s", subject_text(x, alike), kind), socket_evidence(x, socket));
	tell_device(x, alike);
}

/* An address within a prefix that is local as a whole (127.0.0.1 in 127.0.0.0/8) says no more. */
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

		if (hark_addr_is_ipv4(&place->prefix.addr) != (family == HARK_FAMILY_INET))
			continue;
		if (n <= 64 && is_covered(x, first, n, i))
			continue;
		if (++all > MAX_LISTED)
			continue;
		list = append_text(x, list, ", ", place_text(x, place));
		listed++;
	}
	if (all > listed)
		list = say(x, "%s and %u more", list ? list : "", all - listed);
	return list;
}

static bool is_among(const struct alike *alike, uint32_t i)
{
	return i >= alike->first && i < alike->first + alike->n;
}

/* Whether what arrives there may come to a socket bound to the interface (or VRF). */
static bool is_on(const struct hark_explanation *x, const struct hark_lookup *lookup,
		  uint32_t device)
{
	const struct hark_interface *interface =
		snapshot_find_interface(x->snapshot, lookup->netns, lookup->ifindex);

	return !device || lookup->ifindex == device || (interface && interface->vrf == device);
}

/* Whether a look-up is about packets that the socket might get. */
static bool concerns(const struct hark_explanation *x, const struct hark_lookup *lookup,
		     const struct hark_socket *socket, int family)
{
	return lookup->netns == socket->netns && lookup->port == socket->local_port &&
	       lookup->family == family && lookup->protocol == asked_protocol(socket) &&
	       is_on(x, lookup, socket->device) &&
	       (hark_addr_is_any(&socket->local) ||
		!memcmp(socket->local.bytes, lookup->addr.bytes, sizeof(lookup->addr.bytes)));
}

const char *lookup_text(struct hark_explanation *x, const struct hark_lookup *lookup)
{
	const char *interface =
		hark_snapshot_interface_name(x->snapshot, lookup->netns, lookup->ifindex);
	const struct hark_socket *winner =
		lookup->socket == HARK_NONE ? NULL : socket_at(x, lookup->socket);
	const char *who = lookup->error == -ENOENT ? "no socket" :
			  lookup->error            ? strerror(-lookup->error) :
						     "a socket that is not listed here";

	if (winner)
		who = say(x, "%s, cookie %016llx", name_of(x, winner),
			  (unsigned long long)winner->cookie);
	return say(x, "the kernel's look-up for %s on %s: %s%s",
		   endpoint_text(x, lookup->netns, &lookup->addr, lookup->port),
		   interface ? interface : "any interface", who,
		   lookup->n_places < 2 ? "" :
					  say(x, " (one question for %u addresses that fare alike)",
					      lookup->n_places));
}

/* The look-up that named one of these (`is_theirs`), or that named none of them; NULL: no such. */
static const char *lookup_evidence(struct hark_explanation *x, const struct alike *alike,
				   int family, bool is_theirs)
{
	const struct hark_socket *socket = socket_at(x, alike->first);

	for (uint32_t l = 0; l < x->snapshot->lookups.n; l++) {
		const struct hark_lookup *lookup = &x->snapshot->lookups.items[l];

		if (concerns(x, lookup, socket, family) &&
		    is_among(alike, lookup->socket) == is_theirs)
			return lookup_text(x, lookup);
	}
	return NULL;
}

const char *port_evidence(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const char *list = NULL;

	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		for (uint32_t l = 0; l < x->snapshot->lookups.n; l++) {
			const struct hark_lookup *lookup = &x->snapshot->lookups.items[l];

			if (lookup->socket == HARK_NONE || lookup->socket < first ||
			    lookup->socket >= first + n || lookup->family != family)
				continue;
			list = append_text(x, list, "; ", lookup_text(x, lookup));
			break;
		}
	}
	return list ? list : socket_evidence(x, socket_at(x, first));
}

/* The sockets that get what these might: by name, and by whom they are held. */
struct rivals {
	const char *list;
	uint32_t sockets[MAX_LISTED];
	uint32_t n;
};

static void add_rival(struct hark_explanation *x, struct rivals *rivals, uint32_t i,
		      const struct hark_socket *socket)
{
	const struct hark_socket *rival = socket_at(x, i);
	bool is_namesake = rival->device == socket->device &&
			   !hark_addr_compare(&rival->local, &socket->local);
	const char *name = name_of(x, rival), *command = command_of(x, i);

	for (uint32_t r = 0; r < rivals->n; r++)
		if (rivals->sockets[r] == i)
			return;
	if (rivals->n == MAX_LISTED)
		return;
	rivals->sockets[rivals->n++] = i;
	name = say(x, "%s%s%s%s%s", is_namesake ? "another socket at " : "", name,
		   command ? " (" : "", command ? command : "", command ? ")" : "");
	rivals->list = append_text(x, rivals->list, ", ", name);
}

static struct rivals find_rivals(struct hark_explanation *x, const struct alike *alike,
				 enum hark_family family)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	uint32_t shadow = answer_at(x, alike->first, family)->shadowed_by;
	struct rivals rivals = { .n = 0 };

	for (uint32_t l = 0; l < x->snapshot->lookups.n; l++) {
		const struct hark_lookup *lookup = &x->snapshot->lookups.items[l];

		if (lookup->socket != HARK_NONE && concerns(x, lookup, socket, family) &&
		    !is_among(alike, lookup->socket))
			add_rival(x, &rivals, lookup->socket, socket);
	}
	if (!rivals.n && shadow != HARK_NONE)
		add_rival(x, &rivals, shadow, socket);
	return rivals;
}

/* Why the kernel prefers the rival; net/ipv4/inet_hashtables.c and udp.c: compute_score(). */
static const char *preference_text(const struct hark_explanation *x,
				   const struct hark_socket *rival,
				   const struct hark_socket *socket)
{
	if (x->snapshot->namespaces.items[socket->netns].sk_lookup == HARK_YES)
		return "a BPF sk_lookup program is attached here, and may choose so";
	if (!hark_addr_is_any(&rival->local) && hark_addr_is_any(&socket->local))
		return "a socket that is bound to one address comes before one that is bound to all";
	if (rival->device && !socket->device)
		return "a socket that is bound to an interface comes before one that is not";
	if (rival->family == HARK_FAMILY_INET && socket->family == HARK_FAMILY_INET6)
		return "for IPv4, an IPv4 socket comes before an IPv6 one";
	return "several sockets fit, and the kernel gives everything to one of them";
}

static void tell_shadow(struct hark_explanation *x, const struct alike *alike,
			enum hark_family family)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	bool gets_some = answer_at(x, alike->first, family)->verdict == HARK_VERDICT_SOME;
	struct rivals rivals = find_rivals(x, alike, family);
	const char *evidence = lookup_evidence(x, alike, family, false);
	const char *what = gets_some ? "The rest of" : "All of", *text;

	if (rivals.n)
		text = say(x, "%s %s goes to %s: %s.", what, family_text(family), rivals.list,
			   preference_text(x, socket_at(x, rivals.sockets[0]), socket));
	else
		text = say(
			x,
			"%s %s goes to a socket that is not listed here: one that was opened just "
			"now, or one that a BPF sk_lookup program chooses.",
			what, family_text(family));
	add_finding(x, HARK_FINDING_DETAIL, "shadowed", alike->first, text,
		    evidence ? evidence :
		    rivals.n ? socket_evidence(x, socket_at(x, rivals.sockets[0])) :
			       "the kernel's look-up named no socket of the list");
}

/* What the socket gets where it gets none of what is sent to this host, and why. */
static const char *nothing_text(struct hark_explanation *x, const struct alike *alike,
				enum hark_family family)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const struct hark_answer *answer = answer_at(x, alike->first, family);
	const char *nothing =
		say(x, "%s no %ss", alike->n == 1 ? "it gets" : "they get", packet_text(socket));
	struct rivals rivals;

	if (answer->why == HARK_WHY_NOTHING || answer->why == HARK_WHY_SHADOWED)
		return nothing;
	if (answer->why == HARK_WHY_NO_ADDRESS)
		return say(x, "%s, as %s has no %s address", nothing,
			   socket->device ? "that interface" : host_text(socket->netns),
			   family_text(family));
	if (answer->why == HARK_WHY_MULTICAST || answer->why == HARK_WHY_BROADCAST)
		return say(x, "%s that are sent to %s itself, only those to its %s", nothing,
			   host_text(socket->netns),
			   answer->why == HARK_WHY_MULTICAST ? "multicast group" :
							       "broadcast address");
	if (answer->why != HARK_WHY_V6ONLY)
		return say(x, "%s: %s", nothing, hark_why_text((enum hark_why)answer->why));
	rivals = find_rivals(x, alike, family);
	if (rivals.n)
		return say(x, "%s; they go to %s", nothing, rivals.list);
	return say(x, "%s%s", nothing,
		   answer->decided_by == HARK_DECIDED_BY_KERNEL ? ", nor does any other socket" :
								  "");
}

static const char *answer_evidence(struct hark_explanation *x, const struct alike *alike,
				   enum hark_family family)
{
	const struct hark_answer *answer = answer_at(x, alike->first, family);
	bool is_theirs = answer->verdict != HARK_VERDICT_NONE;
	const char *lookup;

	if (answer->why == HARK_WHY_NO_ADDRESS)
		return "the kernel's table of local addresses";
	if (answer->why == HARK_WHY_V6ONLY_UNTOLD)
		return "/proc/net does not tell IPV6_V6ONLY; sock_diag does, but cannot be used here";
	if (answer->verdict == HARK_VERDICT_UNKNOWN)
		return "the kernel was not asked, or gave no answer";
	switch ((enum hark_decided_by)answer->decided_by) {
	case HARK_DECIDED_BY_KERNEL:
		lookup = lookup_evidence(x, alike, family, is_theirs);
		return lookup ? lookup : socket_evidence(x, socket_at(x, alike->first));
	case HARK_DECIDED_BY_INFERENCE:
		return "inferred, for IPV6_V6ONLY cannot be read here";
	case HARK_DECIDED_BY_FLAGS:
	case HARK_DECIDED_BY_N_:
		break;
	}
	return "by the socket's family, address and options; the kernel was not asked";
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
	const struct hark_answer *answer = answer_at(x, alike->first, family);
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[socket->netns];
	const char *gets = alike->n == 1 ? "it gets" : "they get", *packet = packet_text(socket);
	const char *places, *text = NULL;

	/* What the socket's kind leaves out was told with it. */
	if (answer->verdict == HARK_VERDICT_NONE &&
	    (answer->why == HARK_WHY_FAMILY || answer->why == HARK_WHY_BOUND))
		return;
	switch ((enum hark_verdict)answer->verdict) {
	case HARK_VERDICT_ALL:
		places = socket->device ? NULL :
					  list_places(x, namespace->first_place,
						      namespace->n_places, family);
		text = say(x, "%s every %s%s to %s%s%s%s%s", gets,
			   is_copied_to(socket) ? "such " : "", packet, host_text(socket->netns),
			   socket->device ? " that arrives on that interface" : "",
			   places ? " (" : "", places ? places : "", places ? ")" : "");
		break;
	case HARK_VERDICT_SOME:
		places = list_places(x, answer->first_address, answer->n_addresses, family);
		text = say(x, "%s %ss to %s%s%s%s", gets, packet,
			   places ? places : "some addresses",
			   answer->why == HARK_WHY_SHADOWED ? "" : " only",
			   answer->why == HARK_WHY_VRF ? ": " : "",
			   answer->why == HARK_WHY_VRF ? hark_why_text(HARK_WHY_VRF) : "");
		break;
	case HARK_VERDICT_NONE:
		text = nothing_text(x, alike, family);
		break;
	case HARK_VERDICT_UNKNOWN:
	case HARK_VERDICT_N_:
		text = say(x, "it is not known what %s: %s", gets,
			   answer->why ? hark_why_text((enum hark_why)answer->why) :
					 "the kernel was not asked");
		break;
	}
	add_finding(x, HARK_FINDING_DETAIL, codes[answer->verdict][family], alike->first,
		    say(x, "%s: %s.", family_text(family), text),
		    answer_evidence(x, alike, family));
	if (answer->why == HARK_WHY_SHADOWED)
		tell_shadow(x, alike, family);
}
