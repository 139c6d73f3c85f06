/* SPDX-License-Identifier: MIT */
/* The snapshot's storage, its order, and the public way to read it. */
#include "rows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct hark_socket) == 112, "a host may have millions of connections");

struct hark_snapshot *snapshot_new(void)
{
	return calloc(1, sizeof(struct hark_snapshot));
}

void hark_snapshot_free(struct hark_snapshot *snapshot)
{
	if (!snapshot)
		return;
	array_fini(&snapshot->sockets);
	array_fini(&snapshot->listeners);
	array_fini(&snapshot->unix_sockets);
	array_fini(&snapshot->holders);
	array_fini(&snapshot->processes);
	array_fini(&snapshot->tasks);
	array_fini(&snapshot->places);
	array_fini(&snapshot->interfaces);
	array_fini(&snapshot->broadcasts);
	array_fini(&snapshot->namespaces);
	array_fini(&snapshot->namespace_origins);
	array_fini(&snapshot->lookups);
	array_fini(&snapshot->firewall_entries);
	array_fini(&snapshot->firewall_pieces);
	array_fini(&snapshot->firewall_rules);
	array_fini(&snapshot->firewall_steps);
	array_fini(&snapshot->ranges);
	array_fini(&snapshot->doors);
	array_fini(&snapshot->notes);
	array_fini(&snapshot->activations);
	array_fini(&snapshot->origins);
	hash_fini(&snapshot->origin_by_cgroup);
	array_fini(&snapshot->fronted);
	hash_fini(&snapshot->fronted_by_holder);
	arena_fini(&snapshot->arena);
	free(snapshot);
}

static int add_note(struct hark_snapshot *snapshot, struct hark_note new)
{
	struct hark_note *note;

	for (uint32_t i = 0; i < snapshot->notes.n; i++) {
		note = &snapshot->notes.items[i];
		if (note->what == new.what && note->why == new.why &&
		    note->is_debug == new.is_debug && !strcmp(note->detail, new.detail)) {
			note->count += new.count;
			return 0;
		}
	}
	note = array_push(&snapshot->notes);
	if (!note)
		return -ENOMEM;
	*note = new;
	return 0;
}

int snapshot_note(struct hark_snapshot *snapshot, enum hark_note_what what, enum hark_note_why why,
		  int error, const char *detail)
{
	return add_note(
		snapshot,
		(struct hark_note){
			.what = what, .why = why, .error = error, .count = 1, .detail = detail });
}

int snapshot_note_debug(struct hark_snapshot *snapshot, enum hark_note_what what,
			enum hark_note_why why, int error, const char *detail)
{
	return add_note(snapshot, (struct hark_note){ .what = what,
						      .why = why,
						      .is_debug = true,
						      .error = error,
						      .count = 1,
						      .detail = detail });
}

int snapshot_note_things(struct hark_snapshot *snapshot, enum hark_note_what what,
			 enum hark_note_why why, int error, uint32_t n, const char *one,
			 const char *many)
{
	const char *detail = n == 1 ? one : arena_printf(&snapshot->arena, "%u %s", n, many);

	if (!n)
		return 0;
	return detail ? add_note(snapshot, (struct hark_note){ .what = what,
							       .why = why,
							       .error = error,
							       .count = n,
							       .detail = detail }) :
			-ENOMEM;
}

struct hark_namespace *snapshot_begin_namespace(struct hark_snapshot *snapshot)
{
	struct hark_namespace *namespace;

	if (array_reserve(&snapshot->namespace_origins, 1u) < 0)
		return NULL;
	namespace = array_push(&snapshot->namespaces);
	if (!namespace)
		return NULL;
	snapshot->namespace_origins.items[snapshot->namespace_origins.n++] = HARK_NONE;
	snapshot->first_socket = snapshot->sockets.n;
	memset(snapshot->origin, ROWS_NOT_READ, sizeof(snapshot->origin));
	snapshot->broadcasts.n = 0;
	namespace->places_presence = HARK_UNSUPPORTED; /* until collect_places() was asked */
	return namespace;
}

const struct hark_interface *snapshot_find_interface(const struct hark_snapshot *snapshot,
						     uint32_t netns, uint32_t ifindex)
{
	for (uint32_t i = 0; i < snapshot->interfaces.n; i++) {
		const struct hark_interface *interface = &snapshot->interfaces.items[i];

		if (interface->netns == netns && interface->ifindex == ifindex)
			return interface;
	}
	return NULL;
}

int snapshot_classify(struct hark_snapshot *snapshot, struct hark_socket *socket)
{
	bool has_peer = !hark_addr_is_any(&socket->remote) || socket->remote_port;
	struct hark_listener *listener;

	socket->is_listener = socket->state == HARK_STATE_LISTEN ||
			      (socket->state == HARK_STATE_UNCONNECTED && !has_peer);
	socket->is_mapped =
		!socket->is_listener && has_peer && socket->family == HARK_FAMILY_INET6 &&
		hark_addr_is_ipv4(&socket->remote) && !hark_addr_is_any(&socket->remote);
	socket->listener = HARK_NONE;
	if (!socket->is_listener)
		return 0;
	listener = array_push(&snapshot->listeners);
	if (!listener)
		return -ENOMEM;
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		listener->answers[family] = (struct hark_answer){
			.verdict = HARK_VERDICT_UNKNOWN,
			.decided_by = HARK_DECIDED_BY_FLAGS,
			.reach = -1,
			.shadowed_by = HARK_NONE,
		};
	listener->activation = HARK_NONE;
	listener->firewall = HARK_UNSUPPORTED;
	socket->listener = snapshot->listeners.n - 1;
	return 0;
}

/* Moves the holders of a row forward, to where the last moved ones end. */
static void move_holders(struct hark_snapshot *snapshot, uint32_t *first, uint32_t n,
			 uint32_t *n_holders, uint32_t socket)
{
	for (uint32_t h = 0; h < n; h++) {
		struct hark_holder *holder = &snapshot->holders.items[*n_holders + h];

		*holder = snapshot->holders.items[*first + h];
		holder->socket = socket;
	}
	*first = *n_holders;
	*n_holders += n;
}

void snapshot_keep_sockets(struct hark_snapshot *snapshot, uint32_t *index)
{
	struct hark_socket *sockets = snapshot->sockets.items;
	uint32_t n = 0, n_holders = 0;

	for (uint32_t i = 0; i < snapshot->sockets.n; i++)
		if (index[i] != HARK_NONE)
			index[i] = n++;
	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		struct hark_socket socket = sockets[i];

		if (index[i] == HARK_NONE)
			continue;
		/* Holders are sorted by socket, so they only move forward, as the sockets do. */
		move_holders(snapshot, &socket.first_holder, socket.n_holders, &n_holders,
			     index[i]);
		sockets[index[i]] = socket;
	}
	for (uint32_t i = 0; i < snapshot->unix_sockets.n; i++) {
		struct hark_unix_socket *socket = &snapshot->unix_sockets.items[i];

		move_holders(snapshot, &socket->first_holder, socket->n_holders, &n_holders,
			     HARK_NONE);
	}
	for (uint32_t i = 0; i < snapshot->listeners.n; i++) {
		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			uint32_t *shadow =
				&snapshot->listeners.items[i].answers[family].shadowed_by;

			if (*shadow < snapshot->sockets.n)
				*shadow = index[*shadow];
		}
	}
	for (uint32_t i = 0; i < snapshot->lookups.n; i++) {
		uint32_t *winner = &snapshot->lookups.items[i].socket;

		if (*winner < snapshot->sockets.n)
			*winner = index[*winner];
	}
	for (uint32_t i = 0; i < snapshot->doors.n; i++) {
		uint32_t *target = &snapshot->doors.items[i].socket;

		if (*target < snapshot->sockets.n)
			*target = index[*target];
	}
	snapshot->sockets.n = n;
	snapshot->holders.n = n_holders;
}

#define ROW_AT(array, i) ((i) < (array).n ? &(array).items[i] : NULL)

uint32_t hark_snapshot_n_sockets(const struct hark_snapshot *snapshot)
{
	return snapshot->sockets.n;
}

const struct hark_socket *hark_snapshot_socket(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->sockets, i);
}

const struct hark_listener *hark_snapshot_listener(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->listeners, i);
}

uint32_t hark_snapshot_n_unix_sockets(const struct hark_snapshot *snapshot)
{
	return snapshot->unix_sockets.n;
}

const struct hark_unix_socket *hark_snapshot_unix_socket(const struct hark_snapshot *snapshot,
							 uint32_t i)
{
	return ROW_AT(snapshot->unix_sockets, i);
}

bool hark_snapshot_saw_socket(const struct hark_snapshot *snapshot)
{
	return snapshot->saw_socket || snapshot->holders.n;
}

uint32_t hark_snapshot_n_undecided(const struct hark_snapshot *snapshot)
{
	return snapshot->n_undecided;
}

uint32_t hark_snapshot_n_processes(const struct hark_snapshot *snapshot)
{
	return snapshot->processes.n;
}

const struct hark_process *hark_snapshot_process(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->processes, i);
}

const struct hark_holder *hark_snapshot_holder(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->holders, i);
}

const struct hark_task *hark_snapshot_task(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->tasks, i);
}

const struct hark_place *hark_snapshot_place(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->places, i);
}

uint32_t hark_snapshot_n_namespaces(const struct hark_snapshot *snapshot)
{
	return snapshot->namespaces.n;
}

const struct hark_namespace *hark_snapshot_namespace(const struct hark_snapshot *snapshot,
						     uint32_t i)
{
	return ROW_AT(snapshot->namespaces, i);
}

const struct hark_process *hark_snapshot_namespace_origin(const struct hark_snapshot *snapshot,
							  uint32_t netns)
{
	const uint32_t *origin = ROW_AT(snapshot->namespace_origins, netns);

	return origin ? ROW_AT(snapshot->origins, *origin) : NULL;
}

const struct hark_activation *hark_snapshot_activation(const struct hark_snapshot *snapshot,
						       uint32_t i)
{
	return ROW_AT(snapshot->activations, i);
}

uint32_t hark_snapshot_n_lookups(const struct hark_snapshot *snapshot)
{
	return snapshot->lookups.n;
}

const struct hark_lookup *hark_snapshot_lookup(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->lookups, i);
}

const struct hark_firewall_entry *hark_snapshot_firewall_entry(const struct hark_snapshot *snapshot,
							       uint32_t i)
{
	return ROW_AT(snapshot->firewall_entries, i);
}

const struct hark_firewall_piece *hark_snapshot_firewall_piece(const struct hark_snapshot *snapshot,
							       uint32_t i)
{
	return ROW_AT(snapshot->firewall_pieces, i);
}

const struct hark_firewall_rule *hark_snapshot_firewall_rule(const struct hark_snapshot *snapshot,
							     uint32_t i)
{
	return ROW_AT(snapshot->firewall_rules, i);
}

const struct hark_firewall_step *hark_snapshot_firewall_step(const struct hark_snapshot *snapshot,
							     uint32_t i)
{
	return ROW_AT(snapshot->firewall_steps, i);
}

const struct hark_range *hark_snapshot_range(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->ranges, i);
}

uint32_t hark_snapshot_n_doors(const struct hark_snapshot *snapshot)
{
	return snapshot->doors.n;
}

const struct hark_door *hark_snapshot_door(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->doors, i);
}

uint32_t hark_snapshot_n_notes(const struct hark_snapshot *snapshot)
{
	return snapshot->notes.n;
}

const struct hark_note *hark_snapshot_note(const struct hark_snapshot *snapshot, uint32_t i)
{
	return ROW_AT(snapshot->notes, i);
}

const struct hark_elsewhere *hark_snapshot_elsewhere(const struct hark_snapshot *snapshot)
{
	return snapshot->elsewhere.n_namespaces ? &snapshot->elsewhere : NULL;
}

bool hark_snapshot_is_complete(const struct hark_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->notes.n; i++)
		if (!snapshot->notes.items[i].is_debug)
			return false;
	return true;
}

const struct hark_port_settings *hark_snapshot_ports(const struct hark_snapshot *snapshot)
{
	return snapshot->ports;
}

const char *hark_snapshot_interface_name(const struct hark_snapshot *snapshot, uint32_t netns,
					 uint32_t ifindex)
{
	const struct hark_interface *interface = snapshot_find_interface(snapshot, netns, ifindex);

	return interface ? interface->name : NULL;
}

const struct hark_process *hark_snapshot_socket_origin(const struct hark_snapshot *snapshot,
						       uint32_t socket)
{
	uint32_t i;

	if (socket >= snapshot->sockets.n || !snapshot->sockets.items[socket].cgroup_id)
		return NULL;
	i = hash_get(&snapshot->origin_by_cgroup, snapshot->sockets.items[socket].cgroup_id);
	return ROW_AT(snapshot->origins, i);
}

const struct hark_process *hark_snapshot_fronted(const struct hark_snapshot *snapshot,
						 const struct hark_holder *holder)
{
	const struct hark_process *process = &snapshot->processes.items[holder->process];
	const struct hark_socket *socket = ROW_AT(snapshot->sockets, holder->socket);

	if (!process->fronts || !socket)
		return NULL;
	return ROW_AT(snapshot->fronted,
		      hash_get(&snapshot->fronted_by_holder, rows_holder_key(socket, process)));
}

const char *hark_snapshot_host(const struct hark_snapshot *snapshot)
{
	return snapshot->host;
}

const char *hark_snapshot_kernel(const struct hark_snapshot *snapshot)
{
	return snapshot->kernel;
}

int64_t hark_snapshot_boot_time(const struct hark_snapshot *snapshot)
{
	return snapshot->boot_time;
}

int64_t hark_snapshot_time(const struct hark_snapshot *snapshot)
{
	return snapshot->time;
}

uint64_t hark_snapshot_stage_ns(const struct hark_snapshot *snapshot, enum hark_stage stage)
{
	return (unsigned int)stage < HARK_STAGE_N_ ? snapshot->stage_ns[stage] : 0;
}

/* What the label says of one family of a listener: '4', '6', '?' or nothing (0). */
static char digit_of_verdict(const struct hark_answer *answer, char digit)
{
	switch ((enum hark_verdict)answer->verdict) {
	case HARK_VERDICT_ALL:
	case HARK_VERDICT_SOME:
		return digit;
	case HARK_VERDICT_UNKNOWN:
		return '?';
	case HARK_VERDICT_NONE:
	case HARK_VERDICT_N_:
		break;
	}
	return 0;
}

/* The same by what the socket was made for. */
static char digit_of_flags(const struct hark_socket *socket, int family)
{
	bool bound_to_ipv4 = hark_addr_is_ipv4(&socket->local);

	if (family == HARK_FAMILY_INET6)
		return socket->family == HARK_FAMILY_INET6 && !bound_to_ipv4 ? '6' : 0;
	if (bound_to_ipv4)
		return '4';
	if (socket->protocol == HARK_PROTOCOL_RAW || socket->protocol == HARK_PROTOCOL_ICMP)
		return 0;
	if (!hark_addr_is_any(&socket->local) || socket->v6only == HARK_YES)
		return 0;
	return socket->v6only == HARK_NO ? '4' : '?';
}

static bool answers_nothing(const struct hark_answer *answers)
{
	return answers[0].verdict == HARK_VERDICT_NONE && answers[1].verdict == HARK_VERDICT_NONE;
}

char *hark_socket_label(const struct hark_snapshot *snapshot, const struct hark_socket *socket,
			char text[HARK_LABEL_SIZE])
{
	const struct hark_listener *listener = hark_snapshot_listener(snapshot, socket->listener);
	char *end = stpcpy(text, hark_protocol_name((enum hark_protocol)socket->protocol));

	if (!listener)
		*end++ = socket->family == HARK_FAMILY_INET || socket->is_mapped ||
					 hark_addr_is_ipv4(&socket->local) ?
				 '4' :
				 '6';
	for (int family = 0; family < HARK_FAMILY_N_ && listener; family++) {
		char digit = answers_nothing(listener->answers) ?
				     digit_of_flags(socket, family) :
				     digit_of_verdict(&listener->answers[family], "46"[family]);

		if (digit)
			*end++ = digit;
	}
	*end = '\0';
	return text;
}

bool hark_socket_serves(const struct hark_snapshot *snapshot, const struct hark_socket *socket,
			enum hark_family family)
{
	const struct hark_listener *listener = hark_snapshot_listener(snapshot, socket->listener);

	if (!listener)
		return family == HARK_FAMILY_INET ?
			       socket->family == HARK_FAMILY_INET || socket->is_mapped :
			       socket->family == HARK_FAMILY_INET6 && !socket->is_mapped;
	if (listener->answers[family].verdict != HARK_VERDICT_NONE)
		return true;
	/*
	 * It answers nothing now, shadowed or without an address: what it was made for still
	 * counts.
	 */
	if (answers_nothing(listener->answers))
		return digit_of_flags(socket, family) != 0;
	return (enum hark_family)socket->family == family && family == HARK_FAMILY_INET;
}
