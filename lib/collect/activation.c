/* SPDX-License-Identifier: MIT */
/*
 * Which .socket unit a listener that systemd holds belongs to, and the service that it starts.
 *
 * Where it can use BPF (version 235 and later), systemd opens the sockets of a unit in that unit's
 * own control group, so that the socket's cgroup names it: src/core/socket.c,
 * socket_address_listen_in_cgroup(). Else the unit is the one that listens where the socket is
 * bound. The service only the manager can tell, on its own socket where we may speak to that, as
 * systemctl does, or over the bus.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect.h"
#include "systemd.h"
#include "text.h"

/* All that one snapshot asks of managers takes no longer, whoever answers or does not. */
#define PATIENCE_MS 250

#define SOCKET_SUFFIX   ".socket"
#define ACCEPT_SUFFIX   "@.service"
#define USER_MANAGER    "/user@"
#define MANAGERS_CGROUP "/init.scope"

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = text ? strlen(text) : 0, n = strlen(suffix);

	return length > n && !strcmp(text + length - n, suffix);
}

static bool is_manager(const struct hark_process *process)
{
	return process->command && !strcmp(process->command, "systemd") &&
	       (process->pid == 1 || ends_with(process->cgroup, MANAGERS_CGROUP));
}

uint32_t activation_manager(const struct hark_snapshot *snapshot, const struct hark_socket *socket)
{
	for (uint32_t i = 0; socket->is_listener && i < socket->n_holders; i++) {
		uint32_t process = snapshot->holders.items[socket->first_holder + i].process;

		if (is_manager(&snapshot->processes.items[process]))
			return process;
	}
	return HARK_NONE;
}

/* The listeners of one manager, and its units as far as they are known. */
struct search {
	struct hark_source *source;
	struct hark_snapshot *snapshot;
	uint32_t manager; /* index of its process */
	int64_t deadline_ms;
	ARRAY(struct systemd_listener) listeners;
	ARRAY(uint32_t) sockets; /* of the listeners, by index */
	struct socket_units units;
};

static void search_fini(struct search *search)
{
	array_fini(&search->listeners);
	array_fini(&search->sockets);
	socket_units_fini(&search->units);
}

/* The network namespace of a process, by inode; 0: not known. */
static uint64_t netns_of(const struct search *search, uint32_t pid)
{
	char path[32];
	struct stat stat;

	snprintf(path, sizeof(path), "%u/ns/net", pid);
	return fstatat(search->source->proc_fd, path, &stat, 0) < 0 ? 0 : stat.st_ino;
}

/* What its cgroup names is sure. Where it listens is no sign in another network namespace. */
static int add_listener(struct search *search, uint32_t i, uint64_t netns)
{
	struct hark_snapshot *snapshot = search->snapshot;
	const struct hark_socket *socket = &snapshot->sockets.items[i];
	const struct hark_process *origin = hark_snapshot_socket_origin(snapshot, i);
	struct systemd_listener *listener;

	if (array_reserve(&search->listeners, 1u) < 0 || array_reserve(&search->sockets, 1u) < 0)
		return -ENOMEM;
	search->sockets.items[search->sockets.n++] = i;
	listener = &search->listeners.items[search->listeners.n++];
	*listener = (struct systemd_listener){ .socket = socket, .unit = HARK_NONE };
	listener->may_be_found = !netns || snapshot->namespaces.items[socket->netns].inode == netns;
	if (!origin || !ends_with(origin->unit, SOCKET_SUFFIX))
		return 0;
	listener->unit = socket_units_add(&search->units, &snapshot->arena, origin->unit);
	return listener->unit == HARK_NONE ? -ENOMEM : 0;
}

static int ask_at(struct search *search, const char *path, bool is_private)
{
	const struct systemd_question question = {
		.source = search->source,
		.path = path,
		.is_private = is_private,
		.deadline_ms = search->deadline_ms,
		.listeners = search->listeners.items,
		.n = search->listeners.n,
	};

	return systemd_ask(&question, &search->units, &search->snapshot->arena);
}

static bool is_out_of_reach(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ECONNREFUSED ||
	       error == -EACCES || error == -EPERM;
}

/*
 * No user's manager but our own: what a user may have put in its place has nothing to say to root.
 */
static int ask(struct search *search)
{
	const struct hark_process *manager = &search->snapshot->processes.items[search->manager];
	const char *user = manager->cgroup ? strstr(manager->cgroup, USER_MANAGER) : NULL;
	char path[64];
	uint64_t uid;
	int r;

	if (manager->pid == 1) {
		r = ask_at(search, "/run/systemd/private", true);
		return is_out_of_reach(r) ? ask_at(search, "/run/dbus/system_bus_socket", false) :
					    r;
	}
	user = user ? user + strlen(USER_MANAGER) : "";
	if (!text_take_u64(&user, 10, UINT32_MAX, &uid) || uid != geteuid())
		return -EACCES;
	snprintf(path, sizeof(path), "/run/user/%u/systemd/private", (uint32_t)uid);
	return ask_at(search, path, true);
}

/* Each connection has a service of its own, an instance of this template. */
static int name_template(struct socket_unit *unit, struct arena *arena)
{
	int length = (int)(strlen(unit->name) - strlen(SOCKET_SUFFIX));

	if (unit->accept != HARK_YES || !ends_with(unit->name, SOCKET_SUFFIX))
		return 0;
	unit->service = arena_printf(arena, "%.*s" ACCEPT_SUFFIX, length, unit->name);
	return unit->service ? 0 : -ENOMEM;
}

/* A row for each unit that opened one, which its listeners refer to. */
static int take_units(struct search *search)
{
	struct hark_snapshot *snapshot = search->snapshot;
	uint32_t *row_of = reallocarray(NULL, search->units.units.n + 1, sizeof(*row_of));
	int r = row_of ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < search->units.units.n && r >= 0; i++)
		row_of[i] = HARK_NONE;
	for (uint32_t i = 0; i < search->listeners.n && r >= 0; i++) {
		uint32_t unit = search->listeners.items[i].unit;
		struct hark_socket *socket = &snapshot->sockets.items[search->sockets.items[i]];

		if (unit == HARK_NONE)
			continue;
		if (row_of[unit] == HARK_NONE) {
			struct socket_unit *found = &search->units.units.items[unit];
			struct hark_activation *row = array_push(&snapshot->activations);

			r = row ? name_template(found, &snapshot->arena) : -ENOMEM;
			if (r < 0)
				break;
			*row = (struct hark_activation){ .unit = found->name,
							 .service = found->service,
							 .accept = found->accept };
			row_of[unit] = snapshot->activations.n - 1;
		}
		snapshot_listener(snapshot, socket)->activation = row_of[unit];
	}
	free(row_of);
	return r;
}

static const char *text_of_error(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return "libsystemd is not there to ask systemd for its .socket units";
	case -ETIMEDOUT:
		return "systemd did not tell of its .socket units in time";
	case -E2BIG:
		return "systemd tells more of its .socket units than is read";
	default:
		if (is_out_of_reach(error))
			return "systemd cannot be asked for its .socket units";
		return "systemd did not tell of its .socket units";
	}
}

/* What is known of no unit could be taken for having none; what a unit starts could not. */
static int note(struct search *search, int error)
{
	enum hark_note_why why = error == -EOPNOTSUPP ? HARK_NOTE_UNSUPPORTED :
				 error == -EACCES     ? HARK_NOTE_PERMISSION :
				 error == -E2BIG      ? HARK_NOTE_LIMIT :
							HARK_NOTE_FAILED;
	int r = 0;

	for (uint32_t i = 0; i < search->listeners.n && r >= 0; i++)
		r = (search->listeners.items[i].unit == HARK_NONE ? snapshot_note :
								    snapshot_note_debug)(
			search->snapshot, HARK_NOTE_UNITS, why, error, text_of_error(error));
	return r;
}

static int collect_of(struct search *search)
{
	struct hark_snapshot *snapshot = search->snapshot;
	uint64_t netns = netns_of(search, snapshot->processes.items[search->manager].pid);
	int r = 0, error;

	for (uint32_t i = 0; i < snapshot->sockets.n && r >= 0; i++)
		if (activation_manager(snapshot, &snapshot->sockets.items[i]) == search->manager)
			r = add_listener(search, i, netns);
	if (r < 0 || !search->listeners.n)
		return r;
	error = ask(search);
	if (error == -ENOMEM)
		return error;
	r = take_units(search);
	return r >= 0 && error ? note(search, error) : r;
}

int collect_activations(struct hark_source *source, struct hark_snapshot *snapshot)
{
	int64_t deadline_ms = 0;
	int r = 0;

	/* Processes are by pid, each once. */
	for (uint32_t i = 0; i < snapshot->processes.n && r >= 0; i++) {
		struct search search = { .source = source, .snapshot = snapshot, .manager = i };

		if (!is_manager(&snapshot->processes.items[i]))
			continue;
		if (!deadline_ms)
			deadline_ms = systemd_now_ms() + PATIENCE_MS;
		search.deadline_ms = deadline_ms;
		r = collect_of(&search);
		search_fini(&search);
	}
	return r;
}
