/* SPDX-License-Identifier: MIT */
/*
 * Matching sockets against a selection, twice: early, when no more than the sockets' own rows are
 * known, so that nobody looks for the holders of what nobody asked for; and whole. The early match
 * may only err on the side of keeping.
 */
#include "select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <hark/snapshot.h>

#include "rows.h"

/* The command name of a process is no longer. */
#define COMMAND_LENGTH 15u
/* What docker and the like show of an id; what stands before the first '-' of a uid. */
#define CONTAINER_DIGITS 12
#define POD_DIGITS       8

int hark_selection_new(struct hark_selection **ret)
{
	struct hark_selection *selection = calloc(1, sizeof(*selection));

	if (!selection)
		return -ENOMEM;
	*ret = selection;
	return 0;
}

void hark_selection_free(struct hark_selection *selection)
{
	if (!selection)
		return;
	array_fini(&selection->terms);
	array_fini(&selection->words);
	arena_fini(&selection->arena);
	free(selection);
}

void hark_selection_add_family(struct hark_selection *selection, enum hark_family family)
{
	selection->families |= 1u << family;
}

void hark_selection_set_protocols(struct hark_selection *selection, uint32_t protocols)
{
	selection->protocols = protocols;
}

bool hark_selection_names_connections(const struct hark_selection *selection)
{
	for (uint32_t i = 0; selection && i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		if (term->kind == TERM_STATE && term->number != HARK_STATE_LISTEN &&
		    term->number != HARK_STATE_UNCONNECTED)
			return true;
	}
	return false;
}

bool hark_selection_names_namespaces(const struct hark_selection *selection)
{
	for (uint32_t i = 0; selection && i < selection->terms.n; i++) {
		enum term_kind kind = selection->terms.items[i].kind;

		if (kind == TERM_NETNS || kind == TERM_CONTAINER || kind == TERM_POD)
			return true;
	}
	return false;
}

bool selection_names_containers(const struct hark_selection *selection)
{
	for (uint32_t i = 0; selection && i < selection->terms.n; i++)
		if (selection->terms.items[i].kind == TERM_CONTAINER ||
		    selection->terms.items[i].kind == TERM_POD)
			return true;
	return false;
}

/* What a term is held against. */
struct subject {
	const struct hark_snapshot *snapshot;
	const struct hark_socket *socket;
	uint32_t i;
	bool is_early;
};

static bool holds_port(const struct term *term, uint16_t port)
{
	return !term->ports.high || (port >= term->ports.low && port <= term->ports.high);
}

/* The "port" of a raw socket is its IP protocol, that of an ICMP socket its identifier. */
static bool has_ports(const struct hark_socket *socket)
{
	return socket->protocol != HARK_PROTOCOL_RAW && socket->protocol != HARK_PROTOCOL_ICMP;
}

/* ::/0 holds the mapped addresses, but who writes it does not mean IPv4. */
static bool is_ipv4_prefix(const struct hark_prefix *prefix)
{
	return prefix->bits >= 96 && hark_addr_is_ipv4(&prefix->addr);
}

static bool prefix_holds(const struct hark_prefix *prefix, const struct hark_addr *addr)
{
	return is_ipv4_prefix(prefix) == hark_addr_is_ipv4(addr) &&
	       hark_prefix_contains(prefix, addr);
}

static bool is_interface(const struct subject *subject, const char *pattern, uint64_t number,
			 uint32_t ifindex)
{
	const char *name;

	if (!ifindex)
		return false;
	if (number == ifindex)
		return true;
	name = hark_snapshot_interface_name(subject->snapshot, subject->socket->netns, ifindex);
	return name ? fnmatch(pattern, name, 0) == 0 : subject->is_early;
}

static bool holds_scope(const struct subject *subject, const struct term *term, uint32_t ifindex)
{
	return !term->text || is_interface(subject, term->text, term->number, ifindex);
}

static bool is_at_place(const struct subject *subject, const struct term *term,
			const struct hark_place *place)
{
	const struct hark_prefix *prefix = &term->prefix;

	if (is_ipv4_prefix(prefix) != is_ipv4_prefix(&place->prefix) ||
	    !holds_scope(subject, term, place->ifindex))
		return false;
	return hark_prefix_contains(prefix, &place->prefix.addr) ||
	       hark_prefix_contains(&place->prefix, &prefix->addr);
}

/* Whether the place may be one that the socket is asked about: its interface's, or its VRF's. */
static bool is_of_device(const struct subject *subject, const struct hark_place *place)
{
	uint32_t device = subject->socket->device;
	const struct hark_interface *interface;

	if (!device || !place->ifindex || place->ifindex == device)
		return true;
	interface = snapshot_find_interface(subject->snapshot, place->netns, place->ifindex);
	return interface && interface->vrf == device;
}

/* Whether a listener gets what is sent to the term's address, or to one in its prefix. */
static bool answers_at(const struct subject *subject, const struct term *term)
{
	const struct hark_socket *socket = subject->socket;
	const struct hark_answer *answer = snapshot_answer(
		subject->snapshot, socket,
		is_ipv4_prefix(&term->prefix) ? HARK_FAMILY_INET : HARK_FAMILY_INET6);
	const struct hark_namespace *netns =
		hark_snapshot_namespace(subject->snapshot, socket->netns);
	uint32_t first = answer->first_address, n = answer->n_addresses;
	bool is_listed = n > 0;

	switch ((enum hark_verdict)answer->verdict) {
	case HARK_VERDICT_NONE:
	case HARK_VERDICT_N_:
		return false;
	case HARK_VERDICT_UNKNOWN:
		/* Unknown is no "no": it may answer where it is bound. */
		if (!hark_addr_is_any(&socket->local))
			return false;
		if (!netns || netns->places_presence != HARK_KNOWN)
			return true;
		break;
	case HARK_VERDICT_ALL:
	case HARK_VERDICT_SOME:
		break;
	}
	/* The list of a verdict `some` is left out where there are too many. */
	if (!is_listed) {
		first = netns ? netns->first_place : 0;
		n = netns ? netns->n_places : 0;
	}
	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_place *place = hark_snapshot_place(subject->snapshot, i);

		if ((is_listed || is_of_device(subject, place)) &&
		    is_at_place(subject, term, place))
			return true;
	}
	return false;
}

static bool matches_address(const struct subject *subject, const struct term *term)
{
	const struct hark_socket *socket = subject->socket;
	bool is_near = holds_port(term, socket->local_port) &&
		       prefix_holds(&term->prefix, &socket->local) &&
		       holds_scope(subject, term, socket->local.scope_id);
	bool is_far = holds_port(term, socket->remote_port) && !hark_addr_is_any(&socket->remote) &&
		      prefix_holds(&term->prefix, &socket->remote) &&
		      holds_scope(subject, term, socket->remote.scope_id);

	if (term->ports.high && !has_ports(socket))
		return false;
	if (is_near || is_far)
		return true;
	if (!socket->is_listener || !holds_port(term, socket->local_port))
		return false;
	return subject->is_early || answers_at(subject, term);
}

/* A remote port of 0, which is none, is in no range. */
static bool matches_port(const struct hark_socket *socket, const struct term *term)
{
	return has_ports(socket) &&
	       (holds_port(term, socket->local_port) || holds_port(term, socket->remote_port));
}

/* A '?' in the label may be its family, or nothing. */
static bool fits_families(const char *label, const char *wanted)
{
	if (*label == '?')
		return fits_families(label + 1, wanted) ||
		       (*wanted && fits_families(label + 1, wanted + 1));
	return *label == *wanted && (!*label || fits_families(label + 1, wanted + 1));
}

static bool matches_label(const struct subject *subject, const struct term *term)
{
	char label[HARK_LABEL_SIZE];

	if (subject->is_early && subject->socket->is_listener)
		return true;
	hark_socket_label(subject->snapshot, subject->socket, label);
	return fits_families(label + strlen(hark_protocol_name(subject->socket->protocol)),
			     term->text);
}

bool term_is_namespace(const struct term *term, const struct hark_namespace *namespace)
{
	return (term->number && term->number == namespace->inode) ||
	       (namespace->name && fnmatch(term->text, namespace->name, 0) == 0) ||
	       (namespace->mount && fnmatch(term->text, namespace->mount, 0) == 0);
}

static bool matches_netns(const struct subject *subject, const struct term *term)
{
	const struct hark_namespace *netns =
		hark_snapshot_namespace(subject->snapshot, subject->socket->netns);

	return netns && term_is_namespace(term, netns);
}

static bool matches_device(const struct subject *subject, const struct term *term)
{
	const struct hark_socket *socket = subject->socket;

	return is_interface(subject, term->text, term->number, socket->device) ||
	       is_interface(subject, term->text, term->number, socket->local.scope_id);
}

static bool is_command(const char *pattern, const char *command)
{
	if (!command)
		return false;
	if (fnmatch(pattern, command, 0) == 0)
		return true;
	/* The kernel cuts names off: "systemd-resolved" is "systemd-resolve" there. */
	return strlen(command) == COMMAND_LENGTH && strncmp(pattern, command, COMMAND_LENGTH) == 0;
}

static bool is_unit(const char *pattern, const char *unit)
{
	static const char suffix[] = ".service";
	size_t length = unit ? strlen(unit) : 0;
	char name[256];

	if (!unit || fnmatch(pattern, unit, 0) == 0)
		return unit;
	if (length < sizeof(suffix) || length >= sizeof(name) ||
	    strcmp(unit + length - strlen(suffix), suffix) != 0)
		return false;
	memcpy(name, unit, length - strlen(suffix));
	name[length - strlen(suffix)] = '\0';
	return fnmatch(pattern, name, 0) == 0;
}

/* By a pattern, or by so many of the first digits that they are no name. */
static bool is_id(const char *pattern, const char *id, size_t n_digits)
{
	return id && (fnmatch(pattern, id, 0) == 0 ||
		      (strlen(pattern) >= n_digits && strncmp(id, pattern, strlen(pattern)) == 0));
}

static bool is_name(const char *pattern, const char *name)
{
	return name && fnmatch(pattern, name, 0) == 0;
}

/* "NAMESPACE/NAME", each a pattern. */
static bool is_pod(const char *pattern, const struct hark_process *process)
{
	const char *name = strchr(pattern, '/');
	char namespace[64];

	/* A label of DNS is no longer, and a pattern need not be. */
	if (!name || !process->pod_namespace || (size_t)(name - pattern) >= sizeof(namespace))
		return false;
	memcpy(namespace, pattern, (size_t)(name - pattern));
	namespace[name - pattern] = '\0';
	return is_name(namespace, process->pod_namespace) && is_name(name + 1, process->pod_name);
}

/* Holds a term against a process, or against what the socket's own cgroup tells. */
static bool matches_process(const struct term *term, const struct hark_process *process)
{
	switch (term->kind) {
	case TERM_COMMAND:
		return is_command(term->text, process->command);
	case TERM_PID:
		return process->pid == term->number;
	case TERM_USER:
		return process->uid == term->number;
	case TERM_UNIT:
		return is_unit(term->text, process->unit);
	case TERM_CONTAINER:
		return is_id(term->text, process->container, CONTAINER_DIGITS) ||
		       is_name(term->text, process->container_name);
	case TERM_POD:
		return is_id(term->text, process->pod, POD_DIGITS) ||
		       is_name(term->text, process->pod_name) || is_pod(term->text, process);
	case TERM_PROTOCOL:
	case TERM_LABEL:
	case TERM_STATE:
	case TERM_PORT:
	case TERM_ADDRESS:
	case TERM_NETNS:
	case TERM_DEVICE:
	case TERM_INODE:
	case TERM_COOKIE:
	case TERM_KERNEL:
		break;
	}
	return false;
}

static bool matches_holder(const struct subject *subject, const struct term *term)
{
	const struct hark_socket *socket = subject->socket;

	if (subject->is_early)
		return true;
	for (uint32_t i = 0; i < socket->n_holders; i++) {
		const struct hark_holder *holder =
			hark_snapshot_holder(subject->snapshot, socket->first_holder + i);

		const struct hark_process *fronted =
			hark_snapshot_fronted(subject->snapshot, holder);

		if (matches_process(term,
				    hark_snapshot_process(subject->snapshot, holder->process)))
			return true;
		/* Of a container that is fronted, nothing is told that is its processes' alone. */
		if (fronted && (term->kind == TERM_CONTAINER || term->kind == TERM_POD) &&
		    matches_process(term, fronted))
			return true;
	}
	return false;
}

/* What systemd keeps belongs to the unit that opened it, and to what that starts. */
static bool matches_activation(const struct subject *subject, const struct term *term)
{
	const struct hark_listener *listener =
		hark_snapshot_listener(subject->snapshot, subject->socket->listener);
	const struct hark_activation *activation =
		listener ? hark_snapshot_activation(subject->snapshot, listener->activation) : NULL;

	return activation && term->kind == TERM_UNIT &&
	       (is_unit(term->text, activation->unit) || is_unit(term->text, activation->service));
}

static bool matches_cgroup(const struct subject *subject, const struct term *term)
{
	const struct hark_process *origin;

	if (matches_holder(subject, term) || matches_activation(subject, term))
		return true;
	origin = hark_snapshot_socket_origin(subject->snapshot, subject->i);
	return origin && matches_process(term, origin);
}

static bool matches_term(const struct subject *subject, const struct term *term)
{
	const struct hark_socket *socket = subject->socket;

	if (term->protocols && !(term->protocols & (1u << socket->protocol)))
		return false;
	switch (term->kind) {
	case TERM_PROTOCOL:
		return true;
	case TERM_LABEL:
		return matches_label(subject, term);
	case TERM_STATE:
		return socket->state == term->number;
	case TERM_PORT:
		return matches_port(socket, term);
	case TERM_ADDRESS:
		return matches_address(subject, term);
	case TERM_USER:
		/* Without a file there is no owner either, and the kernel says 0. */
		return (socket->inode && socket->uid == term->number) ||
		       matches_holder(subject, term);
	case TERM_COMMAND:
	case TERM_PID:
		return matches_holder(subject, term);
	case TERM_UNIT:
	case TERM_CONTAINER:
	case TERM_POD:
		return matches_cgroup(subject, term);
	case TERM_NETNS:
		return matches_netns(subject, term);
	case TERM_DEVICE:
		return matches_device(subject, term);
	case TERM_INODE:
		return socket->inode == term->number;
	case TERM_COOKIE:
		return socket->cookie == term->number;
	case TERM_KERNEL:
		return subject->is_early || socket->is_kernel;
	}
	return false;
}

static bool serves_families(const struct subject *subject, uint32_t families)
{
	bool is_told = !subject->is_early || !subject->socket->is_listener;

	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (families == 1u << family && is_told)
			return hark_socket_serves(subject->snapshot, subject->socket,
						  (enum hark_family)family);
	return true;
}

static bool matches(const struct hark_selection *selection, const struct subject *subject)
{
	bool is_matched = false;

	if (selection->protocols && !(selection->protocols & (1u << subject->socket->protocol)))
		return false;
	if (!serves_families(subject, selection->families))
		return false;
	for (uint32_t i = 0; i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		is_matched = is_matched || matches_term(subject, term);
		if (term->is_last && !is_matched)
			return false;
		if (term->is_last)
			is_matched = false;
	}
	return true;
}

bool selection_takes_all(const struct hark_selection *selection, uint32_t protocols)
{
	return !selection || (!selection->terms.n && !selection->families &&
			      (!selection->protocols || !(protocols & ~selection->protocols)));
}

bool selection_is_wide(const struct hark_selection *selection)
{
	const uint32_t families = (1u << HARK_FAMILY_N_) - 1;
	const uint32_t protocols = 1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_UDP;

	return !selection ||
	       (!selection->terms.n && (!selection->families || selection->families == families) &&
		(!selection->protocols || (selection->protocols & protocols) == protocols));
}

bool selection_wants_namespace(const struct hark_selection *selection,
			       const struct hark_namespace *namespace)
{
	bool is_wanted = false;

	for (uint32_t i = 0; selection && i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		is_wanted = is_wanted || term->kind != TERM_NETNS ||
			    term_is_namespace(term, namespace);
		if (term->is_last && !is_wanted)
			return false;
		if (term->is_last)
			is_wanted = false;
	}
	return true;
}

bool hark_selection_matches(const struct hark_selection *selection,
			    const struct hark_snapshot *snapshot, uint32_t socket)
{
	struct subject subject = { .snapshot = snapshot, .i = socket };

	subject.socket = hark_snapshot_socket(snapshot, socket);
	return subject.socket && (!selection || matches(selection, &subject));
}

bool selection_matches_early(const struct hark_selection *selection,
			     const struct hark_snapshot *snapshot, uint32_t socket)
{
	struct subject subject = { .snapshot = snapshot, .i = socket, .is_early = true };

	subject.socket = hark_snapshot_socket(snapshot, socket);
	return subject.socket && (!selection || matches(selection, &subject));
}

uint32_t selection_details(const struct hark_selection *selection)
{
	uint32_t details = selection && selection->families ? HARK_DETAIL_ANSWERS : 0;

	for (uint32_t i = 0; selection && i < selection->terms.n; i++) {
		switch (selection->terms.items[i].kind) {
		case TERM_ADDRESS:
		case TERM_LABEL:
			details |= HARK_DETAIL_ANSWERS;
			break;
		case TERM_COMMAND:
		case TERM_PID:
		case TERM_KERNEL:
			details |= HARK_DETAIL_HOLDERS;
			break;
		case TERM_USER:
			details |= HARK_DETAIL_HOLDERS | HARK_DETAIL_PROCESS;
			break;
		case TERM_UNIT:
		case TERM_CONTAINER:
		case TERM_POD:
			details |= HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP;
			break;
		case TERM_PROTOCOL:
		case TERM_STATE:
		case TERM_PORT:
		case TERM_NETNS:
		case TERM_DEVICE:
		case TERM_INODE:
		case TERM_COOKIE:
			break;
		}
	}
	return details;
}

/* One selector whose terms all name ports is a restriction; more of them need not be looked for. */
uint32_t selection_ports(const struct hark_selection *selection, struct port_range *ret,
			 uint32_t max)
{
	bool is_restricted = true;
	uint32_t n = 0;

	for (uint32_t i = 0; selection && i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		is_restricted = is_restricted && term->ports.high && n < max;
		if (is_restricted)
			ret[n++] = term->ports;
		if (!term->is_last)
			continue;
		if (is_restricted)
			return n;
		is_restricted = true;
		n = 0;
	}
	return 0;
}

uint32_t selection_protocols(const struct hark_selection *selection)
{
	uint32_t mask = selection && selection->protocols ? selection->protocols : UINT32_MAX;
	uint32_t alternatives = 0;

	for (uint32_t i = 0; selection && i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		alternatives |= term->protocols ? term->protocols : UINT32_MAX;
		if (!term->is_last)
			continue;
		mask &= alternatives;
		alternatives = 0;
	}
	return mask == UINT32_MAX ? 0 : mask;
}
