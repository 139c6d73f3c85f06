/* SPDX-License-Identifier: MIT */
/*
 * JSON, schema 1: the keys and their order are a contract with scripts. Written by hand and
 * straight away, so that a million sockets need no tree in memory.
 */
#include "json.h"

#include "cells.h"
#include "render.h"
#include "text.h"

static void write_user(struct view *view, struct out *out, uint32_t uid)
{
	write_string(out, uid == HARK_NONE ? NULL : users_name(&view->users, uid));
}

static void write_end(struct view *view, struct out *out, const struct hark_socket *socket,
		      bool is_local)
{
	const struct hark_addr *addr = is_local ? &socket->local : &socket->remote;
	uint32_t device = is_local && socket->device ? socket->device : addr->scope_id;

	LITERAL(out, "{\"address\":\"");
	cell_write_addr(view, out, socket, addr, 0);
	LITERAL(out, "\",\"port\":");
	out_u64(out, is_local ? socket->local_port : socket->remote_port);
	if (is_local) {
		LITERAL(out, ",\"interface\":");
		if (device) {
			out_char(out, '"');
			cell_write_interface(view, out, socket->netns, device);
			out_char(out, '"');
		} else {
			LITERAL(out, "null");
		}
	}
	out_char(out, '}');
}

/* A place that is no single address is written with its bits: "10.1.0.0/16". */
void json_write_place(struct out *out, const struct hark_snapshot *snapshot,
		      const struct hark_place *place)
{
	const struct hark_addr *addr = &place->prefix.addr;
	char text[HARK_ADDR_TEXT_SIZE];
	const char *interface;

	out_char(out, '"');
	if (place->prefix.bits < 128)
		hark_prefix_format(&place->prefix, text);
	else
		hark_addr_format(addr, text);
	out_text(out, text);
	if (place->ifindex && place->prefix.bits == 128 && !hark_addr_is_ipv4(addr) &&
	    hark_addr_is_link_local(addr)) {
		interface = hark_snapshot_interface_name(snapshot, place->netns, place->ifindex);
		out_char(out, '%');
		if (interface)
			escape_text(out, ESCAPE_JSON, interface);
		else
			out_u64(out, place->ifindex);
	}
	out_char(out, '"');
}

void json_write_cookie(struct out *out, uint64_t cookie)
{
	if (!cookie) { /* /proc/net does not tell it */
		LITERAL(out, "null");
		return;
	}
	out_char(out, '"');
	out_hex(out, cookie, 16);
	out_char(out, '"');
}

static void write_shadow(struct view *view, struct out *out, const struct hark_answer *answer)
{
	const struct hark_socket *by = view_socket(view, answer->shadowed_by);

	if (answer->why != HARK_WHY_SHADOWED || !by)
		return;
	LITERAL(out, ",\"shadowed_by\":{\"cookie\":");
	json_write_cookie(out, by->cookie);
	LITERAL(out, ",\"inode\":");
	out_u64(out, by->inode);
	out_char(out, '}');
}

/* The places of a verdict `some`; null where their list was left out, of which there is a note. */
static void write_list(struct out *out, const struct hark_snapshot *snapshot,
		       const struct hark_answer *answer)
{
	const struct hark_place *place, *last = NULL;

	LITERAL(out, ",\"addresses\":");
	if (!answer->n_addresses) {
		LITERAL(out, "null");
		return;
	}
	for (uint32_t i = 0; i < answer->n_addresses; i++, last = place) {
		place = hark_snapshot_place(snapshot, answer->first_address + i);
		/* Two interfaces may have one address. */
		if (last && last->prefix.bits == place->prefix.bits &&
		    !hark_addr_compare(&last->prefix.addr, &place->prefix.addr))
			continue;
		out_char(out, last ? ',' : '[');
		json_write_place(out, snapshot, place);
	}
	out_char(out, ']');
}

static void write_answer(struct view *view, struct out *out, const struct hark_answer *answer)
{
	const char *why = hark_why_name((enum hark_why)answer->why);

	LITERAL(out, "{\"verdict\":");
	write_string(out, hark_verdict_name((enum hark_verdict)answer->verdict));
	LITERAL(out, ",\"via\":");
	write_string(out, hark_via_name((enum hark_via)answer->via));
	LITERAL(out, ",\"decided_by\":");
	write_string(out, hark_decided_by_name((enum hark_decided_by)answer->decided_by));
	if (why) {
		LITERAL(out, ",\"why\":");
		write_string(out, why);
	}
	if (answer->verdict == HARK_VERDICT_SOME)
		write_list(out, view->snapshot, answer);
	write_shadow(view, out, answer);
	out_char(out, '}');
}

static const char *reach_name(const struct hark_answer *answer)
{
	return answer->reach < 0 ? NULL : hark_reach_name((enum hark_reach)answer->reach);
}

static void write_answers(struct view *view, struct out *out, const struct hark_socket *socket)
{
	const struct hark_listener *listener = view_listener(view, socket);
	const struct hark_answer *answers;

	if (!listener) {
		LITERAL(out, ",\"answers\":null,\"reach\":null");
		return;
	}
	answers = listener->answers;
	LITERAL(out, ",\"answers\":{\"ipv4\":");
	write_answer(view, out, &answers[HARK_FAMILY_INET]);
	LITERAL(out, ",\"ipv6\":");
	write_answer(view, out, &answers[HARK_FAMILY_INET6]);
	LITERAL(out, "},\"reach\":{\"ipv4\":");
	write_string(out, reach_name(&answers[HARK_FAMILY_INET]));
	LITERAL(out, ",\"ipv6\":");
	write_string(out, reach_name(&answers[HARK_FAMILY_INET6]));
	out_char(out, '}');
}

static void write_queue(struct view *view, struct out *out, const struct hark_socket *socket)
{
	const struct hark_listener *listener = view_listener(view, socket);

	LITERAL(out, ",\"queue\":");
	if (!socket->has_queues) {
		LITERAL(out, "null");
		return;
	}
	LITERAL(out, "{\"receive\":");
	out_u64(out, socket->receive_bytes);
	LITERAL(out, ",\"send\":");
	out_u64(out, socket->send_bytes);
	LITERAL(out, ",\"backlog\":");
	out_u64(out, listener ? listener->backlog : 0);
	LITERAL(out, ",\"backlog_max\":");
	if (socket->state == HARK_STATE_LISTEN && !socket_has_backlog_max(socket))
		LITERAL(out, "null");
	else
		out_u64(out, listener ? listener->backlog_max : 0);
	if (listener && listener->has_meminfo) {
		LITERAL(out, ",\"receive_max\":");
		out_u64(out, listener->receive_max);
		LITERAL(out, ",\"drops\":");
		out_u64(out, listener->drops);
	}
	out_char(out, '}');
}

static void write_container(struct out *out, const struct hark_process *process)
{
	LITERAL(out, "\"container\":");
	write_string(out, process->container);
	LITERAL(out, ",\"runtime\":");
	write_string(out, process->runtime);
	LITERAL(out, ",\"pod\":");
	write_string(out, process->pod);
	LITERAL(out, ",\"container_name\":");
	write_string(out, process->container_name);
	LITERAL(out, ",\"image\":");
	write_string(out, process->image);
	LITERAL(out, ",\"pod_name\":");
	write_string(out, process->pod_name);
	LITERAL(out, ",\"pod_namespace\":");
	write_string(out, process->pod_namespace);
}

/* Where a process, or a socket by its own cgroup, belongs to. */
static void write_belonging(struct out *out, const struct hark_process *process)
{
	LITERAL(out, "\"unit\":");
	write_string(out, process->unit);
	out_char(out, ',');
	write_container(out, process);
}

static void write_origin(struct out *out, const struct hark_process *origin)
{
	if (!origin) {
		LITERAL(out, "null");
		return;
	}
	out_char(out, '{');
	write_belonging(out, origin);
	out_char(out, '}');
}

static void write_holder(struct view *view, struct out *out, const struct hark_holder *holder)
{
	const struct hark_process *process = hark_snapshot_process(view->snapshot, holder->process);
	const struct hark_process *fronted = hark_snapshot_fronted(view->snapshot, holder);
	int64_t started = view_time_of_ticks(view, process->start_ticks);
	char text[TEXT_TIME_SIZE];

	LITERAL(out, "{\"pid\":");
	out_u64(out, process->pid);
	LITERAL(out, ",\"fd\":");
	out_u64(out, holder->fd);
	LITERAL(out, ",\"command\":");
	write_string(out, process->command);
	LITERAL(out, ",\"executable\":");
	write_string(out, process->executable);
	LITERAL(out, ",\"user\":");
	write_user(view, out, process->uid);
	out_char(out, ',');
	write_belonging(out, process);
	LITERAL(out, ",\"uid\":");
	write_number(out, process->uid != HARK_NONE, process->uid);
	LITERAL(out, ",\"command_line\":");
	write_string(out, process->command_line);
	LITERAL(out, ",\"started\":");
	write_string(out, started ? text_time(started, text) : NULL);
	LITERAL(out, ",\"fronts\":");
	if (fronted) {
		out_char(out, '{');
		write_container(out, fronted);
		out_char(out, '}');
	} else {
		LITERAL(out, "null");
	}
	out_char(out, '}');
}

static void write_holders(struct view *view, struct out *out, const struct hark_socket *socket,
			  uint32_t i)
{
	const struct hark_process *origin = hark_snapshot_socket_origin(view->snapshot, i);

	LITERAL(out, ",\"holders\":");
	if (socket->holders == HARK_UNSUPPORTED) {
		LITERAL(out, "null");
	} else {
		out_char(out, '[');
		for (uint32_t j = 0; j < socket->n_holders; j++) {
			if (j)
				out_char(out, ',');
			write_holder(view, out,
				     hark_snapshot_holder(view->snapshot,
							  socket->first_holder + j));
		}
		out_char(out, ']');
	}
	LITERAL(out, ",\"holders_complete\":");
	write_bool(out, socket->holders_complete);
	LITERAL(out, ",\"origin\":");
	write_origin(out, origin);
}

static void write_activation(struct out *out, const struct hark_activation *activation)
{
	LITERAL(out, ",\"activation\":");
	if (!activation) {
		LITERAL(out, "null");
		return;
	}
	LITERAL(out, "{\"unit\":");
	write_string(out, activation->unit);
	LITERAL(out, ",\"service\":");
	write_string(out, activation->service);
	LITERAL(out, ",\"accept\":");
	write_tristate(out, (enum hark_tristate)activation->accept);
	out_char(out, '}');
}

static uint64_t netns_inode(const struct view *view, uint32_t netns)
{
	const struct hark_namespace *namespace = hark_snapshot_namespace(view->snapshot, netns);

	return namespace ? namespace->inode : 0;
}

void json_write_socket(struct view *view, struct out *out, uint32_t i)
{
	const struct hark_socket *socket = view_socket(view, i);
	uint64_t netns = netns_inode(view, socket->netns);
	char label[HARK_LABEL_SIZE];

	LITERAL(out, "{\"netns\":");
	write_number(out, netns, netns);
	LITERAL(out, ",\"protocol\":");
	write_string(out, hark_protocol_name((enum hark_protocol)socket->protocol));
	LITERAL(out, ",\"family\":");
	write_string(out, hark_family_name((enum hark_family)socket->family));
	LITERAL(out, ",\"label\":");
	write_string(out, hark_socket_label(view->snapshot, socket, label));
	LITERAL(out, ",\"state\":");
	write_string(out, hark_state_name((enum hark_state)socket->state));
	LITERAL(out, ",\"local\":");
	write_end(view, out, socket, true);
	LITERAL(out, ",\"remote\":");
	if (socket->remote_port || !hark_addr_is_any(&socket->remote))
		write_end(view, out, socket, false);
	else
		LITERAL(out, "null");
	LITERAL(out, ",\"v6only\":");
	write_tristate(out, (enum hark_tristate)socket->v6only);
	LITERAL(out, ",\"mapped\":");
	write_bool(out, socket->is_mapped);
	write_answers(view, out, socket);
	LITERAL(out, ",\"inode\":");
	out_u64(out, socket->inode);
	LITERAL(out, ",\"cookie\":");
	json_write_cookie(out, socket->cookie);
	LITERAL(out, ",\"uid\":");
	out_u64(out, socket->uid);
	LITERAL(out, ",\"user\":");
	write_user(view, out, socket->uid);
	write_queue(view, out, socket);
	write_holders(view, out, socket, i);
	LITERAL(out, ",\"mark\":");
	write_number(out, socket->has_mark, socket->mark);
	LITERAL(out, ",\"kernel\":");
	write_tristate(out, socket->is_kernel ? HARK_YES :
			    socket->n_holders ? HARK_NO :
						HARK_UNKNOWN);
	write_activation(out, view_activation(view, socket));
	json_write_firewall(view, out, socket);
	out_char(out, '}');
}

static void write_notes(struct out *out, const struct hark_snapshot *snapshot, bool with_debug)
{
	const struct hark_note *note;
	bool is_first = true;

	LITERAL(out, ",\n\"notes\":[");
	for (uint32_t i = 0; (note = hark_snapshot_note(snapshot, i)); i++) {
		if (note->is_debug && !with_debug)
			continue;
		out_text(out, is_first ? "\n" : ",\n");
		is_first = false;
		LITERAL(out, "{\"what\":");
		write_string(out, hark_note_what_name((enum hark_note_what)note->what));
		LITERAL(out, ",\"why\":");
		write_string(out, hark_note_why_name((enum hark_note_why)note->why));
		LITERAL(out, ",\"count\":");
		out_u64(out, note->count);
		LITERAL(out, ",\"detail\":");
		write_string(out, note->detail);
		out_char(out, '}');
	}
	out_char(out, ']');
}

static void write_addresses(struct out *out, const struct hark_snapshot *snapshot,
			    const struct hark_namespace *namespace)
{
	out_char(out, '[');
	for (uint32_t i = 0; i < namespace->n_places; i++) {
		const struct hark_place *place =
			hark_snapshot_place(snapshot, namespace->first_place + i);

		if (i)
			out_char(out, ',');
		LITERAL(out, "{\"address\":");
		json_write_place(out, snapshot, place);
		LITERAL(out, ",\"interface\":");
		write_string(out,
			     hark_snapshot_interface_name(snapshot, place->netns, place->ifindex));
		LITERAL(out, ",\"scope\":");
		write_string(out, hark_reach_name(hark_prefix_reach(&place->prefix)));
		out_char(out, '}');
	}
	out_char(out, ']');
}

static void write_namespaces(struct out *out, const struct hark_snapshot *snapshot)
{
	const struct hark_namespace *namespace;

	LITERAL(out, ",\n\"namespaces\":[");
	for (uint32_t i = 0; (namespace = hark_snapshot_namespace(snapshot, i)); i++) {
		out_text(out, i ? ",\n{\"netns\":" : "\n{\"netns\":");
		write_number(out, namespace->inode, namespace->inode);
		LITERAL(out, ",\"name\":");
		write_string(out, namespace->name);
		LITERAL(out, ",\"bindv6only\":");
		write_tristate(out, (enum hark_tristate) namespace->bindv6only);
		LITERAL(out, ",\"ipv6_disabled\":");
		write_tristate(out, (enum hark_tristate) namespace->ipv6_disabled);
		LITERAL(out, ",\"addresses\":");
		if (namespace->places_presence == HARK_KNOWN)
			write_addresses(out, snapshot, namespace);
		else
			LITERAL(out, "null");
		LITERAL(out, ",\"read\":");
		write_bool(out, namespace->presence == HARK_KNOWN);
		LITERAL(out, ",\"mount\":");
		write_string(out, namespace->mount);
		LITERAL(out, ",\"pid\":");
		write_number(out, namespace->pid, namespace->pid);
		LITERAL(out, ",\"origin\":");
		write_origin(out, hark_snapshot_namespace_origin(snapshot, i));
		if (namespace->has_counters) {
			LITERAL(out, ",\"listen_overflows\":");
			out_u64(out, namespace->listen_overflows);
			LITERAL(out, ",\"listen_drops\":");
			out_u64(out, namespace->listen_drops);
		}
		out_char(out, '}');
	}
	out_char(out, ']');
}

void json_write_sockets(struct out *out, const struct hark_snapshot *snapshot,
			const struct hark_explanation *explanation, const char *between)
{
	struct view view;
	uint32_t socket;

	view_init(&view, snapshot, ESCAPE_JSON);
	for (uint32_t i = 0; !out->error; i++) {
		socket = explanation ? hark_explanation_socket(explanation, i) : i;
		if (socket >= view.n_rows)
			break;
		if (i)
			out_text(out, between);
		json_write_socket(&view, out, socket);
	}
	if (!out->error)
		out->error = view_error(&view);
	view_fini(&view);
}

void json_write_elsewhere(struct out *out, const struct hark_elsewhere *elsewhere)
{
	if (!elsewhere) {
		LITERAL(out, "null");
		return;
	}
	LITERAL(out, "{\"namespaces\":");
	out_u64(out, elsewhere->n_namespaces);
	LITERAL(out, ",\"listeners\":");
	write_number(out, elsewhere->n_listeners != HARK_NONE, elsewhere->n_listeners);
	out_char(out, '}');
}

void json_write_head(struct out *out, const struct hark_snapshot *snapshot,
		     const struct render_options *options)
{
	char time[TEXT_TIME_SIZE];

	LITERAL(out, "{\"schema\":1,\n\"host\":");
	write_string(out, hark_snapshot_host(snapshot));
	LITERAL(out, ",\n\"kernel\":");
	write_string(out, hark_snapshot_kernel(snapshot));
	LITERAL(out, ",\n\"time\":");
	write_string(out, text_time(hark_snapshot_time(snapshot), time));
	LITERAL(out, ",\n\"complete\":");
	write_bool(out, hark_snapshot_is_complete(snapshot));
	write_notes(out, snapshot, options->debug_notes);
	write_namespaces(out, snapshot);
	LITERAL(out, ",\n\"sockets\":[\n");
}

int render_json(struct out *out, const struct hark_snapshot *snapshot,
		const struct render_options *options)
{
	json_write_head(out, snapshot, options);
	json_write_sockets(out, snapshot, NULL, ",\n");
	LITERAL(out, "],\n\"elsewhere\":");
	json_write_elsewhere(out, hark_snapshot_elsewhere(snapshot));
	json_write_published(out, snapshot, options);
	LITERAL(out, "}\n");
	return out_flush(out);
}

int render_ndjson(struct out *out, const struct hark_snapshot *snapshot,
		  const struct render_options *options)
{
	(void)options;
	json_write_sockets(out, snapshot, NULL, "\n");
	if (hark_snapshot_n_sockets(snapshot))
		out_char(out, '\n');
	return out_flush(out);
}
