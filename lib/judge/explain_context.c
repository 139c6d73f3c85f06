/* SPDX-License-Identifier: MIT */
/* Who holds a listener, and how its server is told what to serve. */
#include <string.h>
#include <unistd.h>

#include "explanation.h"
#include "hints.h"
#include "text.h"

#define SHORT_ID 12 /* digits of a container's id that people go by */

const char *command_of(const struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);

	if (!socket->n_holders)
		return socket->is_kernel ? "the kernel" : NULL;
	return x->snapshot->processes
		.items[x->snapshot->holders.items[socket->first_holder].process]
		.command;
}

static const struct hark_process *process_of(const struct hark_explanation *x, uint32_t holder)
{
	return &x->snapshot->processes.items[x->snapshot->holders.items[holder].process];
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Processes that are told of together: a pool of workers. */
static bool is_same_pool(const struct hark_process *a, const struct hark_process *b)
{
	return a == b || (a->command && is_same(a->command, b->command) &&
			  is_same(a->unit, b->unit) && is_same(a->container, b->container));
}

const char *origin_text(struct hark_explanation *x, const struct hark_process *process)
{
	if (!process)
		return NULL;
	if (process->pod_name && process->pod_namespace)
		return say(x, "%s%spod %s/%s",
			   process->container_name ? process->container_name : "",
			   process->container_name ? " of " : "", process->pod_namespace,
			   process->pod_name);
	if (process->container_name)
		return say(x, "%s container %s", process->runtime ? process->runtime : "the",
			   process->container_name);
	if (process->container)
		return say(x, "%s container %.*s", process->runtime ? process->runtime : "the",
			   SHORT_ID, process->container);
	return process->unit;
}

/* One pool in the words of a list. */
static const char *pool_text(struct hark_explanation *x, const struct hark_process *process,
			     uint32_t n_others)
{
	const char *origin = origin_text(x, process);
	const char *others = n_others ? say(x, " and %u more", n_others) : "";

	return say(x, "%s (pid %u%s%s%s)", process->command ? process->command : "a process",
		   process->pid, others, origin ? ", " : "", origin ? origin : "");
}

/* The holders of sockets that follow one another do so as well. */
struct holder_range {
	uint32_t first, end;
};

static struct holder_range holders_of(const struct hark_explanation *x, const struct alike *alike)
{
	struct holder_range range = { 0, 0 };

	for (uint32_t i = alike->first; i < alike->first + alike->n; i++) {
		const struct hark_socket *socket = socket_at(x, i);

		if (!socket->n_holders)
			continue;
		if (range.first == range.end)
			range.first = socket->first_holder;
		range.end = socket->first_holder + socket->n_holders;
	}
	return range;
}

static bool is_first_of_pool(const struct hark_explanation *x, struct holder_range range,
			     uint32_t h)
{
	for (uint32_t i = range.first; i < h; i++)
		if (is_same_pool(process_of(x, i), process_of(x, h)))
			return false;
	return true;
}

static uint32_t count_others(const struct hark_explanation *x, struct holder_range range,
			     uint32_t h)
{
	const struct hark_process *process = process_of(x, h);
	uint32_t n = 0;

	for (uint32_t i = h + 1; i < range.end; i++) {
		bool is_new = process_of(x, i) != process &&
			      is_same_pool(process_of(x, i), process);

		/* One process may hold several descriptors, and several sockets. */
		for (uint32_t j = h + 1; j < i && is_new; j++)
			is_new = process_of(x, j) != process_of(x, i);
		n += is_new;
	}
	return n;
}

/* "systemd (pid 1, init.scope), rpcbind (pid 610, rpcbind.service)" */
static const char *list_holders(struct hark_explanation *x, struct holder_range range)
{
	uint32_t n_listed = 0, n_left = 0;
	const char *list = NULL;

	for (uint32_t h = range.first; h < range.end; h++) {
		if (!is_first_of_pool(x, range, h))
			continue;
		if (n_listed == MAX_LISTED) {
			n_left++;
			continue;
		}
		list = append_text(x, list, ", ",
				   pool_text(x, process_of(x, h), count_others(x, range, h)));
		n_listed++;
	}
	return n_left ? say(x, "%s and %u more", list ? list : "", n_left) : list;
}

static void tell_known_holders(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_holder *holder;
	struct holder_range range = holders_of(x, alike);
	uint32_t n_unheld = 0;
	bool is_complete = true;

	for (uint32_t i = alike->first; i < alike->first + alike->n; i++) {
		is_complete &= socket_at(x, i)->holders_complete;
		n_unheld += !socket_at(x, i)->n_holders;
	}
	holder = &x->snapshot->holders.items[range.first];
	add_finding(x, HARK_FINDING_DETAIL, "holders", alike->first,
		    say(x, "Held by %s.%s%s", list_holders(x, range),
			is_complete ?
				"" :
				" There may be other holders, which cannot be seen from here.",
			n_unheld ? say(x, " Of the sockets, %u %s no holder that can be seen.",
				       n_unheld, n_unheld == 1 ? "has" : "have") :
				   ""),
		    say(x, "/proc/%u/fd/%u is socket:[%u]", process_of(x, range.first)->pid,
			holder->fd, socket_at(x, holder->socket)->inode));
}

/* "11 hours", in the largest unit of which there is one. */
static const char *duration_text(struct hark_explanation *x, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	size_t i = 0;
	int64_t n;

	while (i < sizeof(units) / sizeof(units[0]) - 1 && seconds < units[i].seconds)
		i++;
	n = seconds / units[i].seconds;
	return say(x, "%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
}

/* The holder that has run for longest; of sockets the kernel keeps no time. */
static void tell_since(struct hark_explanation *x, struct holder_range range)
{
	int64_t boot_time = x->snapshot->boot_time, began;
	const struct hark_process *oldest = NULL;
	char text[TEXT_TIME_SIZE];
	uint32_t holder = range.first;

	for (uint32_t h = range.first; h < range.end; h++) {
		uint64_t ticks = process_of(x, h)->start_ticks;

		if (!ticks || (oldest && oldest->start_ticks <= ticks))
			continue;
		oldest = process_of(x, h);
		holder = h;
	}
	if (!oldest || !boot_time)
		return;
	began = boot_time + (int64_t)(oldest->start_ticks / (uint64_t)sysconf(_SC_CLK_TCK));
	add_finding(
		x, HARK_FINDING_DETAIL, "since", x->snapshot->holders.items[holder].socket,
		say(x, "%s (pid %u) has run since %s%s%s.",
		    oldest->command ? oldest->command : "A process", oldest->pid,
		    text_time(began, text), x->snapshot->time > began ? ", for " : "",
		    x->snapshot->time > began ? duration_text(x, x->snapshot->time - began) : ""),
		say(x,
		    "/proc/%u/stat: started %llu clock ticks after boot; of a socket the kernel "
		    "keeps no time",
		    oldest->pid, (unsigned long long)oldest->start_ticks));
}

/* "docker-proxy" and the like: for which container they hold it. */
static void tell_fronted(struct hark_explanation *x, struct holder_range range)
{
	for (uint32_t h = range.first; h < range.end; h++) {
		const struct hark_holder *holder = &x->snapshot->holders.items[h];
		const struct hark_process *process = process_of(x, h);
		const struct hark_process *fronted = hark_snapshot_fronted(x->snapshot, holder);

		if (!fronted || !is_first_of_pool(x, range, h))
			continue;
		add_finding(x, HARK_FINDING_DETAIL, "fronts", holder->socket,
			    say(x, "%s (pid %u) holds it for %s.",
				process->command ? process->command : "A process", process->pid,
				origin_text(x, fronted)),
			    say(x, "/proc/%u, and what %s has on disk of its containers",
				process->pid, fronted->runtime));
	}
}

static bool is_held_by_unit(const struct hark_explanation *x, struct holder_range range,
			    const char *unit)
{
	for (uint32_t h = range.first; h < range.end; h++)
		if (is_same(process_of(x, h)->unit, unit))
			return true;
	return false;
}

static void tell_activation(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_process *origin = hark_snapshot_socket_origin(x->snapshot, alike->first);
	const struct hark_activation *activation = activation_at(x, alike->first);
	const char *packet = packet_text(socket_at(x, alike->first)), *unit, *service;
	const char *what = "", *why = "";
	bool is_by_cgroup;

	if (!activation)
		return;
	unit = activation->unit;
	service = activation->service;
	is_by_cgroup = origin && is_same(origin->unit, unit);
	if (service && activation->accept == HARK_YES) {
		what = say(x, ", and starts an instance of %s for each %s", service, packet);
		why = say(x, "; D-Bus: Accept of %s is on", unit);
	} else if (service) {
		what = is_held_by_unit(x, holders_of(x, alike), service) ?
			       say(x, ", and has handed it to %s", service) :
			       say(x, ", and starts %s when a %s comes", service, packet);
		why = say(x, "; D-Bus: %s triggers %s", unit, service);
	}
	add_finding(x, HARK_FINDING_DETAIL, "activation", alike->first,
		    say(x, "systemd opened it for %s%s.", unit, what),
		    is_by_cgroup ? say(x, "INET_DIAG_CGROUP_ID: the cgroup of %s%s", unit, why) :
				   say(x, "D-Bus: %s listens there%s", unit, why));
}

/* What the kernel is used for at a port, by registration or by custom. */
static const char *kernel_service(const struct hark_socket *socket)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
		const char *name;
	} services[] = {
		{ HARK_PROTOCOL_TCP, 2049, "NFS" },
		{ HARK_PROTOCOL_UDP, 2049, "NFS" },
		{ HARK_PROTOCOL_UDP, 2152, "GTP-U" },
		{ HARK_PROTOCOL_UDP, 4789, "VXLAN" },
		{ HARK_PROTOCOL_UDP, 4791, "RoCEv2" },
		{ HARK_PROTOCOL_UDP, 6081, "Geneve" },
		{ HARK_PROTOCOL_UDP, 8472, "VXLAN" },
		{ HARK_PROTOCOL_UDP, 7001, "AFS" },
		{ HARK_PROTOCOL_TCP, 445, "SMB (ksmbd)" },
		{ HARK_PROTOCOL_UDP, 51820, "WireGuard" },
	};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (services[i].protocol == socket->protocol &&
		    services[i].port == socket->local_port)
			return services[i].name;
	return NULL;
}

static void tell_kernel(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *service = kernel_service(socket);

	add_finding(x, HARK_FINDING_DETAIL, "kernel", alike->first,
		    say(x, "The kernel itself holds it, and no process does%s%s.",
			service ? ": the port is usual for " : "", service ? service : ""),
		    socket->inode ? "no file stands for the socket" :
				    "sock_diag: inode 0, so no file stands for the socket");
}

void tell_holders(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	struct holder_range range = holders_of(x, alike);
	const char *origin = origin_text(x, hark_snapshot_socket_origin(x->snapshot, alike->first));

	if (range.first < range.end) {
		tell_known_holders(x, alike);
		tell_since(x, range);
		tell_activation(x, alike);
		tell_fronted(x, range);
		return;
	}
	if (socket->is_kernel) {
		tell_kernel(x, alike);
		return;
	}
	switch ((enum hark_presence)socket->holders) {
	case HARK_DENIED:
		add_finding(
			x, HARK_FINDING_DETAIL, "holders-denied", alike->first,
			say(x,
			    "Which process holds it cannot be seen from here. The user with id %u "
			    "opened it%s%s.",
			    socket->uid, origin ? ", in " : "", origin ? origin : ""),
			origin ?
				"/proc/PID/fd is denied; idiag_uid and INET_DIAG_CGROUP_ID are not" :
				"/proc/PID/fd is denied; the socket's uid is not");
		break;
	case HARK_ABSENT:
		add_finding(
			x, HARK_FINDING_DETAIL, "no-holder", alike->first,
			"No process has it open. Either it belongs to the kernel (as those of NFS and "
			"WireGuard do), or its descriptor is on its way from one process to another, or "
			"in an io_uring.",
			"every /proc/PID/fd was read");
		break;
	case HARK_UNSUPPORTED:
		add_finding(
			x, HARK_FINDING_DETAIL, "holders-unknown", alike->first,
			say(x,
			    "Which process holds it is not known. The user with id %u opened it.",
			    socket->uid),
			"/proc could not be read");
		break;
	case HARK_KNOWN:
		break;
	}
}

/* A server is told of once, however many ports it has. */
bool is_first_hint(struct hark_explanation *x, const char *code)
{
	const char **hint;

	for (uint32_t i = 0; i < x->hints.n; i++)
		if (!strcmp(x->hints.items[i], code))
			return false;
	hint = array_push(&x->hints);
	x->has_failed |= !hint;
	if (hint)
		*hint = code;
	return hint;
}

void tell_hints(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct alike port = { first, n };
	const struct holder_range range = holders_of(x, &port);

	if (is_copied_to(socket_at(x, first)))
		return;
	for (uint32_t h = range.first; h < range.end; h++) {
		const struct server_hint *hint = server_hint_for(process_of(x, h));

		if (hint && is_first_hint(x, hint->code))
			add_finding(x, HARK_FINDING_PART, hint->code,
				    x->snapshot->holders.items[h].socket,
				    say(x, "To change it for %s: %s", hint->server, hint->text),
				    say(x, "/proc/%u/comm is %s", process_of(x, h)->pid,
					process_of(x, h)->command));
	}
}
