/* SPDX-License-Identifier: MIT */
/* Which ports are meant, where there are several; and why none is, where no listener matches. */
#include "explanation.h"
#include "select.h"

#define MAX_PORTS 16

/* 'matches "80" "nginx"', with what options ask for. */
static const char *wanted_text(struct hark_explanation *x)
{
	const struct hark_selection *selection = x->selection;
	const char *words = NULL, *family = "";

	for (uint32_t i = 0; i < selection->words.n; i++)
		words = append_text(x, words, " ", say(x, "\"%s\"", selection->words.items[i]));
	for (int f = 0; f < HARK_FAMILY_N_; f++)
		if (selection->families == 1u << f)
			family = say(x, " that %s reaches", family_text(f));
	return say(x, "%s matches %s", family, words ? words : "the options");
}

/* The first listener that is meant, or HARK_NONE. */
static uint32_t find_meant(const struct hark_explanation *x, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		if (socket_at(x, i)->is_listener && is_meant(x, i))
			return i;
	return HARK_NONE;
}

void tell_overview(struct hark_explanation *x)
{
	uint32_t n_ports = 0, n_listed = 0;
	const char *list = NULL;

	for (uint32_t i = 0, n; x->selection && i < x->snapshot->sockets.n; i += n) {
		const char *command;
		uint32_t meant;

		n = count_port(x, i);
		meant = find_meant(x, i, n);
		if (meant == HARK_NONE || ++n_ports > MAX_LISTED)
			continue;
		command = command_of(x, meant);
		list = append_text(x, list, ", ",
				   say(x, "%s%s%s%s", port_text(x, socket_at(x, i)),
				       command ? " (" : "", command ? command : "",
				       command ? ")" : ""));
		n_listed++;
	}
	if (n_ports < 2)
		return;
	add_finding(x, HARK_FINDING_HEADLINE, "overview", HARK_NONE,
		    say(x, "%u ports are meant: %s%s.", n_ports, list ? list : "",
			n_ports > n_listed ? say(x, " and %u more", n_ports - n_listed) : ""),
		    "sock_diag: the listeners that match");
}

bool is_near(const struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	struct port_range ports[MAX_PORTS];
	uint32_t n = selection_ports(x->selection, ports, MAX_PORTS);
	uint32_t protocols = selection_protocols(x->selection);

	if (!socket->is_listener || is_copied_to(socket) ||
	    (protocols && !(protocols & 1u << socket->protocol)))
		return false;
	for (uint32_t p = 0; p < n; p++)
		if (socket->local_port >= ports[p].low && socket->local_port <= ports[p].high)
			return true;
	return false;
}

/* Of the addresses that were asked about, those that no namespace has. */
static bool is_local(const struct hark_explanation *x, const struct hark_addr *addr)
{
	bool is_known = true;

	for (uint32_t i = 0; i < x->snapshot->namespaces.n; i++) {
		const struct hark_namespace *namespace = &x->snapshot->namespaces.items[i];

		is_known &= namespace->places_presence == HARK_KNOWN;
		for (uint32_t p = 0; p < namespace->n_places; p++)
			if (hark_prefix_contains(
				    &x->snapshot->places.items[namespace->first_place + p].prefix,
				    addr))
				return true;
	}
	return !is_known;
}

/* Whether some address was asked about that is not of this host. */
static bool tell_foreign(struct hark_explanation *x)
{
	bool is_any = false;

	for (uint32_t t = 0; t < x->selection->terms.n; t++) {
		const struct term *term = &x->selection->terms.items[t];
		char text[HARK_ADDR_TEXT_SIZE];

		if (term->kind != TERM_ADDRESS || term->prefix.bits != 128 ||
		    hark_addr_is_any(&term->prefix.addr) || is_local(x, &term->prefix.addr))
			continue;
		hark_addr_format(&term->prefix.addr, text);
		add_finding(
			x, HARK_FINDING_PART, "not-local", HARK_NONE,
			say(x,
			    "%s is no address of this host: what is sent there does not come to "
			    "any socket here.",
			    text),
			say(x, "rtnetlink: nothing in the local table holds %s", text));
		is_any = true;
	}
	return is_any;
}

/* Who holds them may not be seen, and the selection goes by that. */
static uint32_t count_hidden(const struct hark_explanation *x)
{
	uint32_t n = 0;

	if (!(selection_details(x->selection) & HARK_DETAIL_HOLDERS))
		return 0;
	for (uint32_t i = 0; i < x->snapshot->sockets.n; i++)
		n += socket_at(x, i)->is_listener && socket_at(x, i)->holders == HARK_DENIED &&
		     selection_matches_early(x->selection, x->snapshot, i);
	return n;
}

/* Whether a table of sockets is not there as a whole: what is missing may be what was asked for. */
static bool lacks_sockets(const struct hark_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->notes.n; i++) {
		const struct hark_note *note = &snapshot->notes.items[i];

		if (note->what == HARK_NOTE_SOCKETS && !note->is_debug &&
		    note->why != HARK_NOTE_FALLBACK && note->why != HARK_NOTE_METHOD)
			return true;
	}
	return false;
}

/* What becomes of packets to the port; where it is open to others, that is told with it. */
static void tell_refusal(struct hark_explanation *x)
{
	struct port_range ports[MAX_PORTS];

	if (x->is_near || !selection_ports(x->selection, ports, MAX_PORTS))
		return;
	add_finding(
		x, HARK_FINDING_PART, "refused", HARK_NONE,
		"Who connects there by TCP is refused with a reset, and who sends UDP gets an ICMP "
		"error back, over IPv4 and IPv6 alike, unless a firewall drops the packet before.",
		"sock_diag: no listener has the port, whatever its address");
}

static void tell_elsewhere(struct hark_explanation *x)
{
	const struct hark_elsewhere *elsewhere = hark_snapshot_elsewhere(x->snapshot);

	if (!elsewhere || !elsewhere->n_namespaces)
		return;
	add_finding(
		x, HARK_FINDING_PART, "namespaces-unread", HARK_NONE,
		say(x,
		    "%u other network %s%s, which %s not looked into: hark explain -A does, and "
		    "takes root.",
		    elsewhere->n_namespaces,
		    elsewhere->n_namespaces == 1 ? "namespace is there" : "namespaces are there",
		    elsewhere->n_listeners == HARK_NONE ?
			    "" :
			    say(x, ", with %u listener%s", elsewhere->n_listeners,
				elsewhere->n_listeners == 1 ? "" : "s"),
		    elsewhere->n_namespaces == 1 ? "was" : "were"),
		"a BPF iterator over the tasks of the host");
}

void tell_nothing(struct hark_explanation *x)
{
	bool is_short = lacks_sockets(x->snapshot);
	uint32_t n_hidden;

	if (!x->selection || selection_takes_all(x->selection, UINT32_MAX) ||
	    hark_selection_names_connections(x->selection) ||
	    find_meant(x, 0, x->snapshot->sockets.n) != HARK_NONE)
		return;
	for (uint32_t i = 0; i < x->snapshot->sockets.n; i++)
		x->is_near |= is_near(x, i);
	n_hidden = count_hidden(x);
	if (is_short)
		add_finding(
			x, HARK_FINDING_HEADLINE, "undecided", HARK_NONE,
			say(x,
			    "Whether anything listens there is not certain: no listener that was "
			    "read%s, but not all sockets could be read.",
			    wanted_text(x)),
			"the notes on what could not be read");
	else if (n_hidden)
		add_finding(
			x, HARK_FINDING_HEADLINE, "undecided", HARK_NONE,
			say(x,
			    "Whether anything listens there is not certain: no listener that can be "
			    "looked into%s, but who holds %u of them may not be seen.",
			    wanted_text(x), n_hidden),
			"/proc/PID/fd is denied");
	else
		add_finding(x, HARK_FINDING_HEADLINE, "nothing-listens", HARK_NONE,
			    say(x, "Nothing listens there: no listener%s.", wanted_text(x)),
			    "sock_diag: none of the listeners that it tells of matches");
	if (!tell_published(x) && !tell_foreign(x) && !is_short)
		tell_refusal(x);
	if (x->is_near)
		add_finding(
			x, HARK_FINDING_PART, "near-miss", HARK_NONE,
			"The port is open all the same, but not to what was asked for: what listens "
			"there is told of below.",
			"sock_diag: a listener has the port");
	tell_elsewhere(x);
}
