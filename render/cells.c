/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <stddef.h>

#include "text.h"

/* So many commands, or units, of a row are told; who wants all asks for -o pid,command. */
#define MAX_NAMES        8u
#define CONTAINER_DIGITS 12u
#define SERVICE          ".service"
#define MANAGER          "systemd"
#define UUID_LENGTH      36u

static void write_times(struct view *view, struct out *out, uint32_t n)
{
	if (n < 2)
		return;
	out_text(out, view->escape == ESCAPE_ASCII ? " x" : " ×");
	out_u64(out, n);
}

void cell_write_interface(struct view *view, struct out *out, uint32_t netns, uint32_t ifindex)
{
	const char *name = hark_snapshot_interface_name(view->snapshot, netns, ifindex);

	if (name)
		escape_text(out, view->escape, name);
	else
		out_u64(out, ifindex);
}

void cell_write_addr(struct view *view, struct out *out, const struct hark_socket *socket,
		     const struct hark_addr *addr, uint32_t device)
{
	char *to = out_begin(out, HARK_ADDR_TEXT_SIZE);

	if (to)
		out_end(out, text_put_addr(to, addr));
	if (!device)
		device = addr->scope_id;
	if (device) {
		out_char(out, '%');
		cell_write_interface(view, out, socket->netns, device);
	}
}

static const char *protocol_of_ip(unsigned int number)
{
	static const struct {
		unsigned int number;
		const char *name;
	} names[] = {
		{ 1, "icmp" },  { 2, "igmp" },  { 6, "tcp" },    { 17, "udp" },    { 41, "ipv6" },
		{ 47, "gre" },  { 50, "esp" },  { 51, "ah" },    { 58, "icmpv6" }, { 88, "eigrp" },
		{ 89, "ospf" }, { 103, "pim" }, { 112, "vrrp" }, { 115, "l2tp" },  { 132, "sctp" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

void cell_write_port(struct view *view, struct out *out, const struct hark_socket *socket,
		     uint16_t port)
{
	bool is_protocol = socket->protocol == HARK_PROTOCOL_RAW && view->escape != ESCAPE_CSV;
	const char *name = is_protocol ? protocol_of_ip(port) : NULL;

	if (name)
		out_text(out, name);
	else
		out_u64(out, port);
}

static void write_end(struct view *view, struct out *out, const struct hark_socket *socket,
		      const struct hark_addr *addr, uint32_t device, uint16_t port)
{
	bool is_ipv4 = hark_addr_is_ipv4(addr);

	if (!is_ipv4)
		out_char(out, '[');
	cell_write_addr(view, out, socket, addr, device);
	if (!is_ipv4)
		out_char(out, ']');
	out_char(out, ':');
	cell_write_port(view, out, socket, port);
}

void cell_write_local(struct view *view, struct out *out, const struct hark_socket *socket)
{
	write_end(view, out, socket, &socket->local, socket->device, socket->local_port);
}

void cell_write_remote(struct view *view, struct out *out, const struct hark_socket *socket)
{
	write_end(view, out, socket, &socket->remote, 0, socket->remote_port);
}

/* The address that a listener is bound to, as one of its own family, or how else it serves IPv4. */
static void write_bound(struct view *view, struct out *out, const struct hark_socket *socket,
			enum hark_family family)
{
	bool is_own = socket_is_bound_in(socket, family);
	bool is_mapped = family == HARK_FAMILY_INET && socket->family == HARK_FAMILY_INET6;

	if (!is_own)
		out_text(out, "via ");
	cell_write_addr(view, out, socket, &socket->local, socket->device);
	if (is_own && is_mapped)
		out_text(out, " via v6");
}

enum style cell_write_family(struct view *view, const struct row *row, struct out *out,
			     enum hark_family family)
{
	const struct hark_socket *socket = view_socket(view, row->by_family[family]);
	const struct hark_listener *listener = view_listener(view, socket);
	bool is_own = socket_is_bound_in(socket, family);
	const struct hark_answer *answer;
	enum style style;

	if (!listener)
		return STYLE_PLAIN;
	answer = &listener->answers[family];
	style = answer->via == HARK_VIA_MAPPED ? STYLE_NOTICE : STYLE_PLAIN;
	switch ((enum hark_verdict)answer->verdict) {
	case HARK_VERDICT_ALL:
		write_bound(view, out, socket, family);
		break;
	case HARK_VERDICT_SOME:
		write_bound(view, out, socket, family);
		if (hark_addr_is_any(&socket->local)) {
			out_text(out, " (some)");
			style = STYLE_WARNING;
		}
		break;
	case HARK_VERDICT_NONE:
		style = STYLE_WEAK;
		if (!is_own && listener->is_answered_elsewhere[family])
			break;
		out_char(out, '-');
		if (is_own) {
			out_text(out, " (");
			write_bound(view, out, socket, family);
			out_char(out, ')');
		}
		break;
	case HARK_VERDICT_UNKNOWN:
	case HARK_VERDICT_N_:
		style = STYLE_WARNING;
		if (is_own) {
			write_bound(view, out, socket, family);
			out_char(out, ' ');
		}
		out_char(out, '?');
		break;
	}
	if (is_own)
		write_times(view, out, row->n[family]);
	return style;
}

/* What there is to say where no holder is known. */
static enum style write_no_holder(struct view *view, const struct row *row, struct out *out)
{
	const struct hark_socket *socket = view_first(view, row);
	bool is_hidden = !socket->holders_complete || socket->holders == HARK_DENIED;
	const struct hark_process *origin;

	if (!socket->inode && !socket->is_listener)
		return STYLE_WEAK; /* the kernel's alone: orphaned, or TIME_WAIT */
	if (socket->is_kernel) {
		out_text(out, "kernel");
	} else if (socket->holders == HARK_UNSUPPORTED) {
		out_char(out, '?');
	} else if (!is_hidden) {
		out_text(out, "(no process)");
	} else {
		out_text(out, "(not permitted");
		origin = hark_snapshot_socket_origin(view->snapshot, row->first);
		if (!origin || (!origin->unit && !origin->container)) {
			out_text(out, ", uid ");
			out_u64(out, socket->uid);
		}
		out_char(out, ')');
	}
	return STYLE_WEAK;
}

void cell_write_container(struct view *view, struct out *out, const struct hark_process *process)
{
	const char *id = process->container;
	size_t n = id ? strlen(id) : 0;

	if (process->container_name) {
		escape_text(out, view->escape, process->container_name);
	} else if (id) {
		/* 64 hexadecimal digits are known by their first 12; a name is told whole. */
		if (n == 64 && strspn(id, "0123456789abcdef") == n)
			n = CONTAINER_DIGITS;
		escape_bytes(out, view->escape, id, n);
	}
}

void cell_write_pod(struct view *view, struct out *out, const struct hark_process *process)
{
	if (process->pod_name && process->pod_namespace) {
		escape_text(out, view->escape, process->pod_namespace);
		out_char(out, '/');
	}
	if (process->pod_name)
		escape_text(out, view->escape, process->pod_name);
	else if (process->pod)
		escape_text(out, view->escape, process->pod);
}

static void write_command(struct view *view, struct out *out, const struct hark_process *process)
{
	if (process->command)
		escape_text(out, view->escape, process->command);
	else
		out_char(out, '?');
	out_char(out, ' ');
	out_u64(out, process->pid);
}

void cell_write_arrow(const struct view *view, struct out *out)
{
	bool is_ascii = view->escape == ESCAPE_ASCII || view->escape == ESCAPE_CSV;

	out_text(out, is_ascii ? " -> " : " → ");
}

void cell_write_activation(struct view *view, struct out *out,
			   const struct hark_activation *activation)
{
	escape_text(out, view->escape, activation->unit);
	if (!activation->service)
		return;
	cell_write_arrow(view, out);
	escape_text(out, view->escape, activation->service);
}

/* The manager that keeps the socket; beside others, which are of the service as a rule. */
static void write_manager(struct view *view, struct out *out, const struct hark_process *process,
			  const struct hark_activation *activation, bool is_alone)
{
	out_text(out, MANAGER);
	if (process->pid != 1) {
		out_char(out, ' ');
		out_u64(out, process->pid);
	}
	out_text(out, " (");
	if (is_alone)
		cell_write_activation(view, out, activation);
	else
		escape_text(out, view->escape, activation->unit);
	out_char(out, ')');
}

struct names {
	const char *items[MAX_NAMES];
	const struct hark_process *first[MAX_NAMES];
	const struct hark_process *fronted[MAX_NAMES]; /* the container that it stands for */
	uint32_t counts[MAX_NAMES];
	uint32_t n;
	uint32_t n_more; /* of those that came when the list was full */
};

static bool is_same_container(const struct hark_process *a, const struct hark_process *b)
{
	return a == b || (a && b && !strcmp(a->container, b->container));
}

static void begin_names(struct names *names)
{
	names->n = names->n_more = 0;
}

static void count_name(struct names *names, const char *name, const struct hark_process *process,
		       const struct hark_process *fronted)
{
	for (uint32_t i = 0; i < names->n; i++) {
		if (!strcmp(names->items[i], name) &&
		    is_same_container(names->fronted[i], fronted)) {
			names->counts[i]++;
			return;
		}
	}
	if (names->n == MAX_NAMES) {
		names->n_more++;
		return;
	}
	names->items[names->n] = name;
	names->first[names->n] = process;
	names->fronted[names->n] = fronted;
	names->counts[names->n++] = 1;
}

static void write_more(struct out *out, const struct names *names)
{
	if (!names->n_more)
		return;
	out_text(out, ", and ");
	out_u64(out, names->n_more);
	out_text(out, " more");
}

/* Some sockets of the row have a holder that is known: what there is to say of those without. */
static void write_unheld(struct view *view, const struct row *row, struct out *out)
{
	bool is_hidden = false, is_kernel = false;

	for (uint32_t i = row->first; i != HARK_NONE; i = view_next(view, i)) {
		const struct hark_socket *socket = view_socket(view, i);

		is_kernel |= socket->is_kernel;
		is_hidden |= !socket->n_holders && !socket->holders_complete;
	}
	if (is_kernel)
		out_text(out, ", kernel");
	if (is_hidden)
		out_text(out, ", ?");
}

enum style cell_write_holders(struct view *view, const struct row *row, struct out *out)
{
	const struct hark_activation *activation = view_activation(view, view_first(view, row));
	struct names names;
	uint32_t n, is_init_first;

	begin_names(&names);
	view_find_processes(view, row);
	if (!view->n_processes)
		return write_no_holder(view, row, out);
	n = view->n_processes;
	is_init_first = view_process(view, 0)->pid == 1;
	/* The service manager, first by its pid, only keeps the socket for who comes next. */
	for (uint32_t i = 0; i < n; i++) {
		const struct hark_process *process = view_process(view, (i + is_init_first) % n);

		count_name(&names, process->command ? process->command : "", process,
			   view_fronted(view, row, process));
	}
	for (uint32_t i = 0; i < names.n; i++) {
		if (i)
			out_text(out, ", ");
		if (activation && !strcmp(names.items[i], MANAGER))
			write_manager(view, out, names.first[i], activation, names.n == 1);
		else
			write_command(view, out, names.first[i]);
		if (names.counts[i] > 1) {
			out_text(out, " +");
			out_u64(out, names.counts[i] - 1);
		}
		if (names.fronted[i]) {
			cell_write_arrow(view, out);
			cell_write_container(view, out, names.fronted[i]);
		}
	}
	write_more(out, &names);
	write_unheld(view, row, out);
	return STYLE_PLAIN;
}

static bool is_of_init(const struct hark_process *process)
{
	return process->unit && !strcmp(process->unit, "init.scope");
}

static void write_belonging(struct view *view, struct out *out, const struct hark_process *process)
{
	size_t n;

	if (!process->container) {
		n = strlen(process->unit);
		if (view->is_short && n > strlen(SERVICE) &&
		    !strcmp(process->unit + n - strlen(SERVICE), SERVICE))
			n -= strlen(SERVICE); /* systemctl takes the rest for the whole */
		escape_bytes(out, view->escape, process->unit, n);
		return;
	}
	if (process->pod_name) {
		out_text(out, "pod ");
		cell_write_pod(view, out, process);
		out_char(out, ' ');
	} else if (process->runtime) {
		escape_text(out, view->escape, process->runtime);
		out_char(out, ' ');
	}
	cell_write_container(view, out, process);
}

static void count_belonging(struct names *names, const struct hark_process *process)
{
	const char *name = process->container ? process->container : process->unit;

	if (name)
		count_name(names, name, process, NULL);
}

enum style cell_write_unit(struct view *view, const struct row *row, struct out *out)
{
	const struct hark_activation *activation = view_activation(view, view_first(view, row));
	const struct hark_process *init = NULL, *origin;
	struct names names;

	begin_names(&names);
	view_find_processes(view, row);
	for (uint32_t i = 0; i < view->n_processes; i++) {
		const struct hark_process *process = view_process(view, i);

		/* It keeps the sockets of its services: no news that it does. */
		if (is_of_init(process))
			init = process;
		else
			count_belonging(&names, process);
	}
	if (!names.n && activation) {
		escape_text(out, view->escape, activation->unit);
		return STYLE_WEAK;
	}
	origin = names.n ? NULL : hark_snapshot_socket_origin(view->snapshot, row->first);
	if (origin && !is_of_init(origin))
		count_belonging(&names, origin);
	if (!names.n && (init || origin))
		count_belonging(&names, init ? init : origin);
	for (uint32_t i = 0; i < names.n; i++) {
		if (i)
			out_text(out, ", ");
		write_belonging(view, out, names.first[i]);
	}
	write_more(out, &names);
	return STYLE_WEAK;
}

/* "cni-6f2c7c2e-...", "netns-...": what made it named it, and no person goes by that. */
static bool is_machine_made(const char *name)
{
	size_t n = strlen(name);
	const char *uuid = n >= UUID_LENGTH ? name + n - UUID_LENGTH : NULL;

	return uuid && strspn(uuid, "0123456789abcdef-") == UUID_LENGTH && uuid[8] == '-' &&
	       uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-';
}

enum style cell_write_namespace(struct view *view, const struct row *row, struct out *out)
{
	return cell_write_netns(view, out, view_first(view, row)->netns);
}

enum style cell_write_netns(struct view *view, struct out *out, uint32_t netns)
{
	const struct hark_namespace *namespace = hark_snapshot_namespace(view->snapshot, netns);
	const struct hark_process *origin = hark_snapshot_namespace_origin(view->snapshot, netns);

	if (!namespace)
		return STYLE_PLAIN;
	if (namespace->name && !(origin && is_machine_made(namespace->name))) {
		escape_text(out, view->escape, namespace->name);
	} else if (origin && origin->pod) {
		out_text(out, "pod ");
		cell_write_pod(view, out, origin);
	} else if (origin && origin->container) {
		write_belonging(view, out, origin);
	} else if (namespace->name || namespace->mount) {
		escape_text(out, view->escape,
			    namespace->name ? namespace->name : namespace->mount);
	} else if (netns == 0) {
		out_text(out, "(here)");
		return STYLE_WEAK;
	} else if (namespace->inode) {
		out_u64(out, namespace->inode);
	}
	return STYLE_PLAIN;
}

enum style cell_write_transport(struct view *view, const struct row *row, struct out *out)
{
	const struct hark_socket *socket = view_first(view, row);
	char label[HARK_LABEL_SIZE];

	out_text(out, hark_socket_label(view->snapshot, socket, label));
	if (!socket->is_mapped)
		return STYLE_PLAIN;
	out_text(out, " via v6");
	return STYLE_NOTICE;
}
