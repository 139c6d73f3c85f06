/* SPDX-License-Identifier: MIT */
/*
 * The story of a port, as findings: which sockets there are, what each family gets, who holds them, why
 * other tools show or hide them, which settings are behind it. Pure: everything is in the snapshot.
 */
#include <hark/explain.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hints.h"
#include "rows.h"

#define MAX_LISTED 6 /* addresses or processes in one sentence */

struct hark_explanation {
	struct arena arena;
	ARRAY(struct hark_finding) findings;
	const struct hark_snapshot *snapshot;
	bool has_failed;
};

/* The members of a port that differ in nothing that a person would see: a SO_REUSEPORT group is one. */
struct alike {
	uint32_t first, n;
};

static void add(struct hark_explanation *x, const char *code, uint32_t socket, const char *text,
		const char *evidence)
{
	struct hark_finding *finding = array_push(&x->findings);

	if (!finding || !text) {
		x->has_failed = true;
		x->findings.n -= finding ? 1 : 0;
		return;
	}
	*finding = (struct hark_finding){
		.code = code, .text = text, .evidence = evidence, .socket = socket
	};
}

static const struct hark_socket *socket_at(const struct hark_explanation *x, uint32_t i)
{
	return &x->snapshot->sockets.items[i];
}

static const char *family_text(int family)
{
	return family == HARK_FAMILY_INET ? "IPv4" : "IPv6";
}

/* "0.0.0.0:80", "[::]:80", "[fe80::1%eth0]:80". */
static const char *endpoint(struct hark_explanation *x, const struct hark_addr *addr, uint16_t port,
			    uint8_t family)
{
	const char *scope = addr->scope_id ?
				    hark_snapshot_interface_name(x->snapshot, 0, addr->scope_id) :
				    NULL;
	char text[HARK_ADDR_TEXT_SIZE];

	hark_addr_format(addr, text);
	if (family == HARK_FAMILY_INET)
		return arena_printf(&x->arena, "%s:%u", text, port);
	return arena_printf(&x->arena, "[%s%s%s%s]:%u", hark_addr_is_ipv4(addr) ? "::ffff:" : "",
			    text, scope ? "%" : "", scope ? scope : "", port);
}

static const char *name_of_port(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *protocol = hark_protocol_name((enum hark_protocol)socket->protocol);
	char upper[16] = "";

	for (size_t i = 0; protocol[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(protocol[i] >= 'a' && protocol[i] <= 'z' ?
					  protocol[i] - 'a' + 'A' :
					  protocol[i]);
	if (socket->protocol == HARK_PROTOCOL_RAW)
		return arena_printf(&x->arena, "raw sockets of IP protocol %u", socket->local_port);
	return arena_printf(&x->arena, "%s port %u", upper, socket->local_port);
}

static bool is_stream(const struct hark_socket *socket)
{
	return socket->state == HARK_STATE_LISTEN;
}

/* Appends to a list: "a, b and 3 more" is made of its parts by the caller. */
static const char *append(struct hark_explanation *x, const char *list, const char *separator,
			  const char *item)
{
	if (!list || !item)
		return item;
	return arena_printf(&x->arena, "%s%s%s", list, separator, item);
}

/* An address within a prefix that is local as a whole (127.0.0.1 in 127.0.0.0/8) says nothing more. */
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
		list = append(x, list, ", ", arena_strdup(&x->arena, text));
		listed++;
	}
	if (all > listed)
		list = arena_printf(&x->arena, "%s and %u more", list ? list : "", all - listed);
	return list;
}

static const char *v6only_text(const struct hark_socket *socket)
{
	switch ((enum hark_tristate)socket->v6only) {
	case HARK_YES:
		return "INET_DIAG_SKV6ONLY 1";
	case HARK_NO:
		return "INET_DIAG_SKV6ONLY 0";
	case HARK_UNKNOWN:
		break;
	}
	return "INET_DIAG_SKV6ONLY not told";
}

static const char *socket_evidence(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *where = endpoint(x, &socket->local, socket->local_port, socket->family);

	if (!socket->cookie)
		return arena_printf(&x->arena, "/proc/net/%s%s: %s, inode %u",
				    hark_protocol_name((enum hark_protocol)socket->protocol),
				    socket->family == HARK_FAMILY_INET6 ? "6" : "", where,
				    socket->inode);
	return arena_printf(&x->arena, "sock_diag: %s %s%s%s, inode %u, cookie %016llx",
			    socket->family == HARK_FAMILY_INET ? "AF_INET" : "AF_INET6", where,
			    socket->family == HARK_FAMILY_INET ? "" : ", ",
			    socket->family == HARK_FAMILY_INET ? "" : v6only_text(socket),
			    socket->inode, (unsigned long long)socket->cookie);
}

/* Which sockets there are, and of which kind. */
static void tell_socket(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *where = endpoint(x, &socket->local, socket->local_port, socket->family);
	const char *device =
		socket->device ?
			hark_snapshot_interface_name(x->snapshot, socket->netns, socket->device) :
			NULL;
	const char *count = alike->n == 1 ? "One" : arena_printf(&x->arena, "%u", alike->n);
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
	add(x, code, alike->first,
	    arena_printf(&x->arena, "%s %s %s at %s%s%s. %s", count, noun,
			 is_stream(socket) ? (alike->n == 1 ? "listens" : "listen") :
					     (alike->n == 1 ? "receives" : "receive"),
			 where, device ? ", bound to interface " : "", device ? device : "", kind),
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
				endpoint(x, &lookup->addr, lookup->port, lookup->family),
				interface ? interface : "any interface",
				lookup->error ? strerror(-lookup->error) :
						"a socket that came since");
		return arena_printf(
			&x->arena,
			"the kernel's socket look-up for %s on %s named cookie %016llx (asked once for %u %s)",
			endpoint(x, &lookup->addr, lookup->port, lookup->family),
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
			    endpoint(x, &shadow->local, shadow->local_port, shadow->family));
}

static void tell_answer(struct hark_explanation *x, const struct alike *alike, int family)
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
	const char *evidence = answer->decided_by == HARK_DECIDED_BY_KERNEL ?
				       lookup_evidence(x, alike->first, family) :
			       answer->decided_by == HARK_DECIDED_BY_FLAGS ?
				       "the socket's family, address and flags" :
				       hark_why_text((enum hark_why)answer->why);

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
	add(x,
	    codes[answer->verdict < HARK_VERDICT_N_ ? answer->verdict : HARK_VERDICT_UNKNOWN]
		 [family],
	    alike->first, text, evidence);
}

/* "apache2 (pid 2533) and 5 more", of the distinct processes of the sockets alike. */
static void tell_holders(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_snapshot *snapshot = x->snapshot;
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *list = NULL, *unit = NULL, *evidence = NULL;
	uint32_t n_listed = 0, n = 0, last = HARK_NONE;

	for (uint32_t i = alike->first; i < alike->first + alike->n; i++) {
		socket = socket_at(x, i);
		for (uint32_t h = socket->first_holder;
		     h < socket->first_holder + socket->n_holders; h++) {
			const struct hark_holder *holder = &snapshot->holders.items[h];
			const struct hark_process *process =
				&snapshot->processes.items[holder->process];

			if (holder->process == last)
				continue;
			last = holder->process;
			if (++n > MAX_LISTED)
				continue;
			n_listed++;
			list = append(x, list, ", ",
				      arena_printf(&x->arena, "%s (pid %u)",
						   process->command ? process->command : "?",
						   process->pid));
			if (!evidence)
				evidence = arena_printf(&x->arena, "/proc/%u/fd/%u is socket:[%u]",
							process->pid, holder->fd, socket->inode);
			if (!unit)
				unit = process->container ? process->container : process->unit;
		}
	}
	if (n) {
		add(x, "holders", alike->first,
		    arena_printf(
			    &x->arena, "Held by %s%s%s%s%s%s.%s", list, n > n_listed ? " and " : "",
			    n > n_listed ? arena_printf(&x->arena, "%u more", n - n_listed) : "",
			    unit ? " of " : "", unit ? unit : "", "",
			    socket->holders_complete ?
				    "" :
				    " There may be others, which may not be seen."),
		    evidence);
	} else if (socket->holders == HARK_DENIED) {
		const struct hark_process *origin =
			hark_snapshot_socket_origin(snapshot, alike->first);

		add(x, "holders-denied", alike->first,
		    arena_printf(
			    &x->arena,
			    "Who holds it may not be seen without privilege; user id %u made it%s%s.",
			    socket->uid, origin && origin->unit ? ", in " : "",
			    origin && origin->unit ? origin->unit : ""),
		    origin && origin->unit ?
			    "idiag_uid, and the socket's own cgroup (INET_DIAG_CGROUP_ID)" :
			    "idiag_uid");
	} else if (socket->holders == HARK_ABSENT) {
		add(x, "no-holder", alike->first,
		    "No process holds it: it belongs to the kernel, or to no descriptor (in flight, or in an "
		    "io_uring table).",
		    "every /proc/PID/fd was read");
	}
}

/* Why the tools that people know show the socket as they do. */
static void tell_tools(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *protocol = hark_protocol_name((enum hark_protocol)socket->protocol);
	const char *option = socket->protocol == HARK_PROTOCOL_TCP ? "t" :
			     socket->protocol == HARK_PROTOCOL_UDP ? "u" :
								     "";
	char address[HARK_ADDR_TEXT_SIZE];
	bool serves_ipv4 = hark_socket_serves(socket, HARK_FAMILY_INET);

	if (!*option)
		return;
	hark_addr_format(&socket->local, address);
	if (socket->family == HARK_FAMILY_INET) {
		add(x, "shown-as-ipv4", alike->first,
		    arena_printf(
			    &x->arena,
			    "\"netstat -A inet\", \"netstat -4\", \"ss -4\" and \"lsof -i4\" show it (netstat as "
			    "\"%s %s:%u\"): it is an IPv4 socket.",
			    protocol, address, socket->local_port),
		    arena_printf(&x->arena, "it stands in /proc/net/%s", protocol));
		return;
	}
	if (serves_ipv4) {
		add(x, "hidden-from-ipv4", alike->first,
		    arena_printf(
			    &x->arena,
			    "\"netstat -A inet\", \"netstat -4\", \"ss -4\" and \"lsof -i4\" leave it out, although "
			    "it serves IPv4: they go by the family of the socket, which is IPv6. \"netstat "
			    "-l%sn\" shows it as \"%s6 %s:%u\", the same as it would an IPv6-only one.",
			    option, protocol, address, socket->local_port),
		    arena_printf(&x->arena,
				 "it stands in /proc/net/%s6, which does not tell IPV6_V6ONLY",
				 protocol));
		return;
	}
	add(x, "not-ipv4", alike->first,
	    arena_printf(
		    &x->arena,
		    "\"netstat -A inet\", \"netstat -4\", \"ss -4\" and \"lsof -i4\" leave it out, and rightly "
		    "so. But \"netstat -l%sn\" shows it as \"%s6 %s:%u\", the same as it would one that "
		    "serves IPv4.",
		    option, protocol, address, socket->local_port),
	    arena_printf(&x->arena, "it stands in /proc/net/%s6, which does not tell IPV6_V6ONLY",
			 protocol));
}

static void tell_hints(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);

	for (uint32_t h = socket->first_holder; h < socket->first_holder + socket->n_holders; h++) {
		const struct hark_process *process =
			&x->snapshot->processes.items[x->snapshot->holders.items[h].process];
		const struct server_hint *hint = server_hint_for(process);
		bool is_told = false;

		if (!hint)
			continue;
		for (uint32_t i = 0; i < x->findings.n; i++)
			is_told |= !strcmp(x->findings.items[i].code, hint->code);
		if (!is_told)
			add(x, hint->code, alike->first,
			    arena_printf(&x->arena, "To change it. %s", hint->text), NULL);
		return;
	}
}

/* bindv6only and disable_ipv6: once, where an IPv6 socket was told of. */
static void tell_settings(struct hark_explanation *x, uint32_t netns, bool has_wildcard)
{
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[netns];

	if (namespace->ipv6_disabled == HARK_YES)
		add(x, "ipv6-disabled", HARK_NONE,
		    "IPv6 is disabled here. That takes the IPv6 addresses away, not the sockets: an IPv6 socket "
		    "with IPV6_V6ONLY off goes on serving IPv4, and netstat goes on calling it \"tcp6\"; one with "
		    "IPV6_V6ONLY on gets nothing.",
		    "/proc/sys/net/ipv6/conf/all/disable_ipv6 is 1, or there is no /proc/sys/net/ipv6");
	if (!has_wildcard || namespace->bindv6only == HARK_UNKNOWN)
		return;
	add(x, namespace->bindv6only == HARK_YES ? "bindv6only-on" : "bindv6only-off", HARK_NONE,
	    namespace->bindv6only == HARK_YES ?
		    "net.ipv6.bindv6only is 1 here: a new IPv6 socket begins with IPV6_V6ONLY on. That is only "
		    "the default: a program's own setsockopt(IPV6_V6ONLY) overrides it, and sockets that are "
		    "there already keep what they have." :
		    "net.ipv6.bindv6only is 0 here: a new IPv6 socket begins with IPV6_V6ONLY off, that is, "
		    "dual-stack. That is only the default: a program's own setsockopt(IPV6_V6ONLY) overrides "
		    "it, and sockets that are there already keep what they have.",
	    namespace->bindv6only == HARK_YES ? "/proc/sys/net/ipv6/bindv6only is 1" :
						"/proc/sys/net/ipv6/bindv6only is 0");
}

static bool are_alike(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol &&
	       a->local_port == b->local_port && a->family == b->family && a->v6only == b->v6only &&
	       a->device == b->device && a->uid == b->uid &&
	       !hark_addr_compare(&a->local, &b->local) &&
	       a->answers[0].verdict == b->answers[0].verdict &&
	       a->answers[1].verdict == b->answers[1].verdict;
}

static bool is_same_port(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol &&
	       a->local_port == b->local_port && a->is_listener == b->is_listener;
}

static void tell_headline(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct hark_socket *socket = socket_at(x, first);
	bool serves[HARK_FAMILY_N_] = { false, false }, is_unknown = false, is_mapped = false;
	const char *families;

	for (uint32_t i = first; i < first + n; i++) {
		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			const struct hark_answer *answer = &socket_at(x, i)->answers[family];

			serves[family] |= answer->verdict == HARK_VERDICT_ALL ||
					  answer->verdict == HARK_VERDICT_SOME;
			is_unknown |= answer->verdict == HARK_VERDICT_UNKNOWN;
			is_mapped |= answer->via == HARK_VIA_MAPPED;
		}
	}
	families = serves[0] && serves[1] && is_mapped ?
			   "answers IPv4 and IPv6, IPv4 through an IPv6 socket" :
		   serves[0] && serves[1] ? "answers IPv4 and IPv6" :
		   serves[0] && is_mapped ? "answers IPv4, through an IPv6 socket" :
		   serves[0]              ? "answers IPv4" :
		   serves[1]              ? "answers IPv6" :
		   is_unknown             ? "may answer" :
					    "answers nothing";
	add(x, "port", first,
	    arena_printf(&x->arena, "%s %s%s.", name_of_port(x, socket), families,
			 is_unknown && (serves[0] || serves[1]) ? "; the rest is not known" :
			 serves[0] && serves[1]                 ? "" :
			 is_unknown                             ? "; it is not known" :
			 serves[0]                              ? ", not IPv6" :
			 serves[1]                              ? ", not IPv4" :
								  ""),
	    NULL);
}

static void tell_connection(struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);

	add(x, socket->is_mapped ? "mapped-connection" : "connection", i,
	    arena_printf(&x->arena, "%s to %s is %s.%s",
			 endpoint(x, &socket->local, socket->local_port, socket->family),
			 endpoint(x, &socket->remote, socket->remote_port, socket->family),
			 hark_state_name((enum hark_state)socket->state),
			 socket->is_mapped ? " It is IPv4 on the wire: an IPv6 socket carries it." :
					     ""),
	    socket_evidence(x, socket));
}

static void explain_port(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	bool has_wildcard = false, has_ipv6 = false;
	struct alike alike;

	if (!socket_at(x, first)->is_listener) {
		for (uint32_t i = first; i < first + n; i++)
			tell_connection(x, i);
		return;
	}
	tell_headline(x, first, n);
	for (uint32_t i = first; i < first + n; i += alike.n) {
		const struct hark_socket *socket = socket_at(x, i);

		for (alike = (struct alike){ i, 1 }; i + alike.n < first + n; alike.n++)
			if (!are_alike(socket, socket_at(x, i + alike.n)))
				break;
		tell_socket(x, &alike);
		tell_answer(x, &alike, HARK_FAMILY_INET);
		tell_answer(x, &alike, HARK_FAMILY_INET6);
		tell_holders(x, &alike);
		tell_tools(x, &alike);
		has_ipv6 |= socket->family == HARK_FAMILY_INET6;
		has_wildcard |= socket->family == HARK_FAMILY_INET6 &&
				hark_addr_is_any(&socket->local);
		tell_hints(x, &alike);
	}
	if (has_ipv6)
		tell_settings(x, socket_at(x, first)->netns, has_wildcard);
}

int hark_explain(const struct hark_snapshot *snapshot, const struct hark_selection *selection,
		 struct hark_explanation **ret)
{
	struct hark_explanation *x = calloc(1, sizeof(*x));
	uint32_t n;

	if (!x)
		return -ENOMEM;
	x->snapshot = snapshot;
	for (uint32_t i = 0; i < snapshot->sockets.n; i += n) {
		bool is_meant = false;

		for (n = 0; i + n < snapshot->sockets.n; n++) {
			if (!is_same_port(socket_at(x, i), socket_at(x, i + n)))
				break;
			is_meant |= !selection ||
				    hark_selection_matches(selection, snapshot, i + n);
		}
		if (is_meant)
			explain_port(x, i, n);
	}
	if (x->has_failed) {
		hark_explanation_free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

void hark_explanation_free(struct hark_explanation *explanation)
{
	if (!explanation)
		return;
	array_fini(&explanation->findings);
	arena_fini(&explanation->arena);
	free(explanation);
}

uint32_t hark_explanation_n_findings(const struct hark_explanation *explanation)
{
	return explanation->findings.n;
}

const struct hark_finding *hark_explanation_finding(const struct hark_explanation *explanation,
						    uint32_t i)
{
	return i < explanation->findings.n ? &explanation->findings.items[i] : NULL;
}
