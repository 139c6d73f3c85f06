/* SPDX-License-Identifier: MIT */
#include "columns.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cells.h"
#include "doors.h"
#include "text.h"
#include "suggest.h"

#define WRITER(name)                                                                             \
	static enum style name(struct view *view __attribute__((unused)), const struct row *row, \
			       struct out *out)

#define NUMBER_WRITER(name, has, value)                              \
	WRITER(name)                                                 \
	{                                                            \
		const struct hark_socket *s = view_first(view, row); \
                                                                     \
		if (has)                                             \
			out_u64(out, value);                         \
		return STYLE_PLAIN;                                  \
	}

#define NAME_WRITER(name, value)                                     \
	WRITER(name)                                                 \
	{                                                            \
		const struct hark_socket *s = view_first(view, row); \
		const char *text = value;                            \
                                                                     \
		if (text)                                            \
			out_text(out, text);                         \
		return STYLE_PLAIN;                                  \
	}

#define ANSWER_WRITER(name, family, value)                                    \
	WRITER(name)                                                          \
	{                                                                     \
		const struct hark_socket *s = view_first(view, row);          \
		const struct hark_listener *l = view_listener(view, s);       \
		const struct hark_answer *a = l ? &l->answers[family] : NULL; \
		const char *text = a ? value : NULL;                          \
                                                                              \
		if (text)                                                     \
			out_text(out, text);                                  \
		return STYLE_PLAIN;                                           \
	}

NAME_WRITER(write_protocol, hark_protocol_name((enum hark_protocol)s->protocol))
NAME_WRITER(write_family, hark_family_name((enum hark_family)s->family))
NAME_WRITER(write_state, hark_state_name((enum hark_state)s->state))
NAME_WRITER(write_v6only, s->v6only == HARK_YES ? "yes" : s->v6only == HARK_NO ? "no" : NULL)
NAME_WRITER(write_mapped, s->is_mapped ? "yes" : "no")

ANSWER_WRITER(write_answers4, HARK_FAMILY_INET, hark_verdict_name((enum hark_verdict)a->verdict))
ANSWER_WRITER(write_answers6, HARK_FAMILY_INET6, hark_verdict_name((enum hark_verdict)a->verdict))
ANSWER_WRITER(write_via4, HARK_FAMILY_INET, hark_via_name((enum hark_via)a->via))
ANSWER_WRITER(write_via6, HARK_FAMILY_INET6, hark_via_name((enum hark_via)a->via))
ANSWER_WRITER(write_decided4, HARK_FAMILY_INET,
	      hark_decided_by_name((enum hark_decided_by)a->decided_by))
ANSWER_WRITER(write_decided6, HARK_FAMILY_INET6,
	      hark_decided_by_name((enum hark_decided_by)a->decided_by))
ANSWER_WRITER(write_why4, HARK_FAMILY_INET, hark_why_name((enum hark_why)a->why))
ANSWER_WRITER(write_why6, HARK_FAMILY_INET6, hark_why_name((enum hark_why)a->why))
ANSWER_WRITER(write_reach4, HARK_FAMILY_INET, hark_reach_name((enum hark_reach)a->reach))
ANSWER_WRITER(write_reach6, HARK_FAMILY_INET6, hark_reach_name((enum hark_reach)a->reach))

NUMBER_WRITER(write_uid, true, s->uid)
NUMBER_WRITER(write_inode, true, s->inode)
NUMBER_WRITER(write_mark, s->has_mark, s->mark)
NUMBER_WRITER(write_receive, s->has_queues && !s->is_listener, s->receive_bytes)
NUMBER_WRITER(write_send, s->has_queues && !s->is_listener, s->send_bytes)
NUMBER_WRITER(write_backlog, s->has_queues && s->state == HARK_STATE_LISTEN,
	      view_listener(view, s)->backlog)
NUMBER_WRITER(write_backlog_max, socket_has_backlog_max(s), view_listener(view, s)->backlog_max)
NUMBER_WRITER(write_timer, s->expires_ms, s->expires_ms)
NUMBER_WRITER(write_retransmits, !s->is_listener, s->retransmits)

WRITER(write_label)
{
	char label[HARK_LABEL_SIZE];

	out_text(out, hark_socket_label(view->snapshot, view_first(view, row), label));
	return STYLE_PLAIN;
}

WRITER(write_port)
{
	const struct hark_socket *socket = view_first(view, row);

	cell_write_port(view, out, socket, socket->local_port);
	return STYLE_STRONG;
}

WRITER(write_local)
{
	cell_write_local(view, out, view_first(view, row));
	return STYLE_PLAIN;
}

WRITER(write_address)
{
	const struct hark_socket *socket = view_first(view, row);

	cell_write_addr(view, out, socket, &socket->local, 0);
	return STYLE_PLAIN;
}

WRITER(write_peer)
{
	const struct hark_socket *socket = view_first(view, row);

	if (socket->remote_port || !hark_addr_is_any(&socket->remote))
		cell_write_remote(view, out, socket);
	return STYLE_PLAIN;
}

WRITER(write_ipv4)
{
	return cell_write_family(view, row, out, HARK_FAMILY_INET);
}

WRITER(write_ipv6)
{
	return cell_write_family(view, row, out, HARK_FAMILY_INET6);
}

WRITER(write_from4)
{
	return cell_write_from(view, row, out, HARK_FAMILY_INET);
}

WRITER(write_from6)
{
	return cell_write_from(view, row, out, HARK_FAMILY_INET6);
}

/* The family that is open further than the other one. */
WRITER(write_wider)
{
	const struct hark_exposure *inet = row_exposure(view, row, HARK_FAMILY_INET);
	const struct hark_exposure *inet6 = row_exposure(view, row, HARK_FAMILY_INET6);

	if (inet && inet->is_wider)
		out_text(out, "ipv4");
	if (inet6 && inet6->is_wider)
		out_text(out, "ipv6");
	return STYLE_ALARM;
}

WRITER(write_device)
{
	const struct hark_socket *socket = view_first(view, row);

	if (socket->device)
		cell_write_interface(view, out, socket->netns, socket->device);
	return STYLE_PLAIN;
}

WRITER(write_pids)
{
	view_find_processes(view, row);
	for (uint32_t i = 0; i < view->n_processes; i++) {
		if (i)
			out_char(out, ',');
		out_u64(out, view_process(view, i)->pid);
	}
	return STYLE_PLAIN;
}

/* A process with the text by which it is sorted. */
struct told {
	const char *text;
	const struct hark_process *process;
};

static int compare_texts(const void *left, const void *right)
{
	return strcmp(((const struct told *)left)->text, ((const struct told *)right)->text);
}

/* The text of a member, as it stands or by a writer of its own. */
typedef void (*write_told)(struct view *view, struct out *out, const struct hark_process *process);

static void write_one(struct view *view, struct out *out, const struct told *told, write_told write)
{
	if (write)
		write(view, out, told->process);
	else
		escape_text(out, view->escape, told->text);
}

static struct told told_of(const struct hark_process *process, size_t member)
{
	return (struct told){ *(const char *const *)((const char *)process + member), process };
}

/* What several holders have there, each text once. */
static void write_of_many(struct view *view, struct out *out, size_t member, write_told write)
{
	struct told *texts = malloc(view->n_processes * sizeof(*texts)), *last = NULL;
	uint32_t n = 0;

	if (!texts) {
		view->error = -ENOMEM;
		return;
	}
	for (uint32_t i = 0; i < view->n_processes; i++) {
		texts[n] = told_of(view_process(view, i), member);
		n += !!texts[n].text;
	}
	qsort(texts, n, sizeof(*texts), compare_texts);
	for (uint32_t i = 0; i < n; i++) {
		if (last && !strcmp(last->text, texts[i].text))
			continue;
		if (last)
			out_char(out, ',');
		last = &texts[i];
		write_one(view, out, last, write);
	}
	free(texts);
}

/* What the holders have there; without any, what the socket's own cgroup tells. */
static enum style write_of_holders(struct view *view, const struct row *row, struct out *out,
				   size_t member, write_told write)
{
	const struct hark_process *process;
	struct told told;

	view_find_processes(view, row);
	if (view->n_processes > 1) {
		write_of_many(view, out, member, write);
		return STYLE_PLAIN;
	}
	process = view->n_processes ? view_process(view, 0) :
				      hark_snapshot_socket_origin(view->snapshot, row->first);
	if (!process)
		return STYLE_PLAIN;
	told = told_of(process, member);
	if (told.text)
		write_one(view, out, &told, write);
	return STYLE_PLAIN;
}

#define HOLDERS_WRITER(name, member, write)                                                    \
	WRITER(name)                                                                           \
	{                                                                                      \
		return write_of_holders(view, row, out, offsetof(struct hark_process, member), \
					write);                                                \
	}

HOLDERS_WRITER(write_command, command, NULL)
HOLDERS_WRITER(write_executable, executable, NULL)
HOLDERS_WRITER(write_command_line, command_line, NULL)
HOLDERS_WRITER(write_unit, unit, NULL)
HOLDERS_WRITER(write_container, container, cell_write_container)
HOLDERS_WRITER(write_container_id, container, NULL)
HOLDERS_WRITER(write_image, image, NULL)
HOLDERS_WRITER(write_runtime, runtime, NULL)
HOLDERS_WRITER(write_pod, pod, cell_write_pod)
HOLDERS_WRITER(write_pod_uid, pod, NULL)
HOLDERS_WRITER(write_cgroup, cgroup, NULL)

WRITER(write_user)
{
	uint32_t uid = view_first(view, row)->uid;
	const char *name = users_name(&view->users, uid);

	if (name)
		escape_text(out, view->escape, name);
	else
		out_u64(out, uid);
	return STYLE_PLAIN;
}

/* When the first of the holders began. */
WRITER(write_started)
{
	char text[TEXT_TIME_SIZE];
	uint64_t ticks = 0;

	view_find_processes(view, row);
	for (uint32_t i = 0; i < view->n_processes; i++) {
		uint64_t its_ticks = view_process(view, i)->start_ticks;

		if (its_ticks && (!ticks || its_ticks < ticks))
			ticks = its_ticks;
	}
	if (view_time_of_ticks(view, ticks))
		out_text(out, text_time(view_time_of_ticks(view, ticks), text));
	return STYLE_PLAIN;
}

WRITER(write_activation)
{
	const struct hark_activation *activation = view_activation(view, view_first(view, row));

	if (activation)
		cell_write_activation(view, out, activation);
	return STYLE_PLAIN;
}

WRITER(write_cookie)
{
	const struct hark_socket *socket = view_first(view, row);

	if (socket->cookie)
		out_hex(out, socket->cookie, 16);
	return STYLE_PLAIN;
}

WRITER(write_netns)
{
	const struct hark_namespace *namespace =
		hark_snapshot_namespace(view->snapshot, view_first(view, row)->netns);

	if (namespace)
		out_u64(out, namespace->inode);
	return STYLE_PLAIN;
}

/* Bytes of a connection, or the backlog of a listener: what waits of what may wait. */
WRITER(write_queue)
{
	const struct hark_socket *s = view_first(view, row);
	const struct hark_listener *listener =
		s->state == HARK_STATE_LISTEN ? view_listener(view, s) : NULL;

	if (!s->has_queues)
		return STYLE_PLAIN;
	out_u64(out, listener ? listener->backlog : s->receive_bytes);
	out_char(out, '/');
	if (listener && !socket_has_backlog_max(s)) {
		out_char(out, '?');
		return STYLE_PLAIN;
	}
	out_u64(out, listener ? listener->backlog_max : s->send_bytes);
	return listener && listener->backlog > listener->backlog_max ? STYLE_ALARM : STYLE_PLAIN;
}

#define ANSWERS HARK_DETAIL_ANSWERS
#define HOLDERS HARK_DETAIL_HOLDERS
#define THROUGH (HARK_DETAIL_ANSWERS | HARK_DETAIL_FIREWALL)
#define PROCESS (HARK_DETAIL_HOLDERS | HARK_DETAIL_PROCESS)
#define CGROUP  (HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP)

#define CUT          .give_way = GIVE_WAY_CUT, .least_width = 8
#define SPILL(least) .give_way = GIVE_WAY_SPILL, .least_width = (least)

static const struct column columns[] = {
	{ "proto", "protocol: tcp, udp, ...", write_protocol, .in_csv = true,
	  .write_door = door_write_protocol },
	{ "label", "protocol and the families that it answers, or uses: tcp4, tcp46, tcp?6",
	  write_label, ANSWERS, .in_csv = true, .write_door = door_write_label },
	{ "transport", "the label; \"via v6\" for IPv4 through an IPv6 socket",
	  cell_write_transport, ANSWERS, .header = "PROTO", .write_door = door_write_label },
	{ "family", "family of the socket, whatever it answers: inet, inet6", write_family,
	  .in_csv = true },
	{ "state", "listen, established, ...", write_state, .in_csv = true,
	  .write_door = door_write_state },
	{ "port", "local port; raw sockets: the IP protocol", write_port, .is_number = true,
	  .in_csv = true, .write_door = door_write_port },
	{ "local", "local address and port", write_local, SPILL(21),
	  .write_door = door_write_local },
	{ "address", "local address, as it is bound", write_address, SPILL(17), .in_csv = true,
	  .write_door = door_write_address },
	{ "peer", "remote address and port", write_peer, SPILL(21), .in_csv = true },
	{ "ipv4", "what answers IPv4; see below", write_ipv4, ANSWERS, SPILL(17), .header = "IPv4",
	  .write_door = door_write_ipv4 },
	{ "ipv6", "what answers IPv6; see below", write_ipv6, ANSWERS, SPILL(17), .header = "IPv6",
	  .write_door = door_write_ipv6 },
	{ "reach", "who can reach it; see below", cell_write_reach, THROUGH, SPILL(16),
	  .write_door = door_write_reach },
	{ "reach4", "how far away IPv4 callers can be by address: host, link, private, public",
	  write_reach4, ANSWERS, .in_csv = true },
	{ "reach6", "the same over IPv6", write_reach6, ANSWERS, .in_csv = true },
	{ "answers4", "how many IPv4 addresses it answers at: all, some, none, unknown",
	  write_answers4, ANSWERS, .in_csv = true },
	{ "answers6", "how many IPv6 addresses it answers at", write_answers6, ANSWERS,
	  .in_csv = true },
	{ "via4", "native, or mapped: through an IPv6 socket", write_via4, ANSWERS,
	  .in_csv = true },
	{ "via6", "native, where it answers IPv6", write_via6, ANSWERS },
	{ "decided4", "who decided answers4: kernel, flags, inferred", write_decided4, ANSWERS,
	  .in_csv = true },
	{ "decided6", "who decided answers6", write_decided6, ANSWERS, .in_csv = true },
	{ "why4", "why answers4 is not all: v6only, shadowed, ...", write_why4, ANSWERS,
	  .in_csv = true },
	{ "why6", "why answers6 is not all", write_why6, ANSWERS, .in_csv = true },
	{ "v6only", "IPV6_V6ONLY: yes, no", write_v6only, .in_csv = true },
	{ "mapped", "an IPv4 connection through an IPv6 socket: yes, no", write_mapped,
	  .in_csv = true },
	{ "device", "interface that it is bound to", write_device, .in_csv = true },
	{ "holders", "who has it open: command, pid, +N others of that command", cell_write_holders,
	  CGROUP, CUT, .header = "HELD BY", .write_door = door_write_target },
	{ "pid", "pids of all holders", write_pids, HOLDERS, .in_csv = true },
	{ "command", "their commands", write_command, HOLDERS, CUT, .in_csv = true },
	{ "exe", "their executables", write_executable, PROCESS, CUT, .in_csv = true },
	{ "cmdline", "their command lines", write_command_line, PROCESS, CUT },
	{ "started", "when the first of them began, UTC", write_started, PROCESS },
	{ "user", "owner of the socket", write_user, .in_csv = true },
	{ "uid", "owner of the socket, by number", write_uid, .is_number = true, .in_csv = true },
	{ "unit", "systemd unit", write_unit, CGROUP, CUT, .in_csv = true },
	{ "within", "unit or container of the holders", cell_write_unit, CGROUP, CUT,
	  .header = "UNIT" },
	{ "container", "container's name, else the first digits of its id", write_container, CGROUP,
	  CUT, .in_csv = true },
	{ "container-id", "container's whole id", write_container_id, CGROUP, CUT, .in_csv = true },
	{ "image", "container's image", write_image, CGROUP, CUT },
	{ "activation", "by which .socket unit systemd holds it, and which service that starts",
	  write_activation, CGROUP, CUT },
	{ "runtime", "what runs the container: docker, podman, ...", write_runtime, CGROUP,
	  .in_csv = true },
	{ "pod", "Kubernetes pod: NAMESPACE/NAME, else its uid", write_pod, CGROUP, CUT,
	  .in_csv = true },
	{ "pod-uid", "uid of the pod", write_pod_uid, CGROUP, CUT, .in_csv = true },
	{ "cgroup", "control group", write_cgroup, CGROUP, CUT },
	{ "inode", "the socket's inode, as in /proc/PID/fd; 0: out of processes' reach",
	  write_inode, .is_number = true, .in_csv = true },
	{ "cookie", "the kernel's identity of the socket", write_cookie, .in_csv = true },
	{ "netns", "network namespace, by inode", write_netns, .is_number = true, .in_csv = true },
	{ "namespace", "network namespace: its name, pod or container, else its number",
	  cell_write_namespace, HARK_DETAIL_CGROUP, .give_way = GIVE_WAY_CUT, .least_width = 12,
	  .header = "NETNS", .in_csv = true, .write_door = door_write_namespace },
	{ "queue", "listening: backlog/its limit; else bytes to read/to be sent", write_queue },
	{ "recv-q", "bytes that wait to be read", write_receive, .is_number = true,
	  .in_csv = true },
	{ "send-q", "bytes that were not yet acknowledged", write_send, .is_number = true,
	  .in_csv = true },
	{ "backlog", "connections that wait to be accepted", write_backlog, .is_number = true,
	  .in_csv = true },
	{ "backlog-max", "how many may wait", write_backlog_max, .is_number = true,
	  .in_csv = true },
	{ "mark", "SO_MARK, told to root alone", write_mark, .is_number = true },
	{ "timer", "milliseconds until its timer runs out", write_timer, .is_number = true },
	{ "retrans", "retransmissions of what was sent last", write_retransmits,
	  .is_number = true },
	{ "from4", "who gets to it over IPv4, by its addresses and the firewall; as reach",
	  write_from4, THROUGH, SPILL(16), .in_csv = true },
	{ "from6", "who gets to it over IPv6", write_from6, THROUGH, SPILL(16), .in_csv = true },
	{ "wider", "the family that the firewall leaves open further: ipv4, ipv6", write_wider,
	  THROUGH, .in_csv = true },
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
static_assert(N_COLUMNS <= COLUMNS_MAX, "a choice has room for each");

const struct column *column_at(size_t i)
{
	return i < N_COLUMNS ? &columns[i] : NULL;
}

static int find_column(const char *name, size_t length)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (!strncmp(columns[i].name, name, length) && !columns[i].name[length])
			return (int)i;
	return -1;
}

static int refuse(const char *name, size_t length, struct hark_error *reterr)
{
	char word[32];
	struct suggestion suggestion = { .word = word };
	int shown = length < sizeof(word) - 1 ? (int)length : (int)sizeof(word) - 1;

	snprintf(word, sizeof(word), "%.*s", shown, name);
	for (size_t i = 0; i < N_COLUMNS; i++)
		suggest_offer(&suggestion, columns[i].name);
	reterr->error = -EINVAL;
	if (suggestion.best)
		snprintf(reterr->text, sizeof(reterr->text),
			 "no column is called \"%s\": did you mean \"%s\"?", word, suggestion.best);
	else
		snprintf(reterr->text, sizeof(reterr->text),
			 "no column is called \"%s\": see them all with -o help", word);
	return -EINVAL;
}

/* Where columns are added, each may have its own '+'. */
static int add_columns(struct columns *to, const char *list, bool is_added,
		       struct hark_error *reterr)
{
	for (;;) {
		size_t length;
		int i;

		list += is_added && *list == '+';
		length = strcspn(list, ",");
		i = find_column(list, length);
		if (i < 0)
			return refuse(list, length, reterr);
		if (to->n == COLUMNS_MAX) {
			reterr->error = -EINVAL;
			snprintf(reterr->text, sizeof(reterr->text), "more than %u columns",
				 COLUMNS_MAX);
			return -EINVAL;
		}
		to->items[to->n++] = (uint8_t)i;
		if (!list[length])
			return 0;
		list += length + 1;
	}
}

int columns_parse(const char *list, struct contents contents, struct columns *ret,
		  struct hark_error *reterr)
{
	struct columns chosen = { .n = 0 };
	bool is_added = *list == '+';
	int r;

	if (is_added)
		columns_default(contents, &chosen);
	r = add_columns(&chosen, list, is_added, reterr);
	if (!r)
		*ret = chosen;
	return r;
}

void columns_default(struct contents contents, struct columns *ret)
{
	const char *list = contents.all_states ? "transport,local,peer,state,holders,within" :
						 "proto,port,ipv4,ipv6,reach,holders,within";
	struct hark_error error;
	int r = 0;

	ret->n = 0;
	if (contents.namespaces)
		r = add_columns(ret, "namespace", false, &error);
	assert(!r);
	r = add_columns(ret, list, false, &error);
	assert(!r);
	(void)r;
}

void columns_default_csv(struct columns *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (columns[i].in_csv)
			ret->items[ret->n++] = (uint8_t)i;
}

uint32_t columns_details(const struct columns *chosen)
{
	uint32_t details = 0;

	for (uint32_t i = 0; i < chosen->n; i++)
		details |= columns[chosen->items[i]].details;
	return details;
}
