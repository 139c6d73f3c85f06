/* SPDX-License-Identifier: MIT */
/* Who holds a listener, what other tools make of it, and which settings are behind it. */
#include <string.h>

#include "explanation.h"
#include "hints.h"

static const struct hark_process *holder_process(const struct hark_explanation *x, uint32_t holder)
{
	return &x->snapshot->processes.items[x->snapshot->holders.items[holder].process];
}

static bool is_same_command(const struct hark_process *a, const struct hark_process *b)
{
	return a->command && b->command && !strcmp(a->command, b->command);
}

/* "apache2 (pid 2533 and 5 more), haproxy (pid 12)": the distinct processes that hold a socket. */
static const char *list_holders(struct hark_explanation *x, const struct hark_socket *socket)
{
	uint32_t end = socket->first_holder + socket->n_holders, n_listed = 0, n_left = 0;
	const char *list = NULL;

	for (uint32_t h = socket->first_holder; h < end; h++) {
		const struct hark_process *process = holder_process(x, h), *last = process;
		uint32_t n_others = 0;
		bool is_told = false;

		for (uint32_t i = socket->first_holder; i < h && !is_told; i++)
			is_told = is_same_command(holder_process(x, i), process) ||
				  holder_process(x, i) == process;
		if (is_told)
			continue;
		if (n_listed == MAX_LISTED) {
			n_left++;
			continue;
		}
		/* The descriptors of one process follow one another. */
		for (uint32_t i = h + 1; i < end; i++) {
			const struct hark_process *other = holder_process(x, i);

			n_others += other != last && is_same_command(other, process);
			last = other;
		}
		list = append_text(x, list, ", ",
				   n_others ?
					   arena_printf(&x->arena, "%s (pid %u and %u more)",
							process->command, process->pid, n_others) :
					   arena_printf(&x->arena, "%s (pid %u)",
							process->command ? process->command : "?",
							process->pid));
		n_listed++;
	}
	return n_left ? arena_printf(&x->arena, "%s and %u more", list ? list : "", n_left) : list;
}

static void tell_holders_of(struct hark_explanation *x, uint32_t i)
{
	const struct hark_snapshot *snapshot = x->snapshot;
	const struct hark_socket *socket = socket_at(x, i);
	const struct hark_process *origin = hark_snapshot_socket_origin(snapshot, i);
	const char *of = origin && origin->unit ? origin->unit : NULL;

	if (socket->n_holders) {
		const struct hark_holder *holder = &snapshot->holders.items[socket->first_holder];
		const struct hark_process *process = &snapshot->processes.items[holder->process];

		of = process->container ? process->container : process->unit;
		add_finding(x, "holders", i,
			    arena_printf(&x->arena, "Held by %s%s%s.%s", list_holders(x, socket),
					 of ? " of " : "", of ? of : "",
					 socket->holders_complete ?
						 "" :
						 " There may be others, which may not be seen."),
			    arena_printf(&x->arena, "/proc/%u/fd/%u is socket:[%u]", process->pid,
					 holder->fd, socket->inode));
	} else if (socket->holders == HARK_DENIED) {
		add_finding(
			x, "holders-denied", i,
			arena_printf(
				&x->arena,
				"Who holds it may not be seen without privilege; user id %u made it%s%s.",
				socket->uid, of ? ", in " : "", of ? of : ""),
			of ? "idiag_uid, and the socket's own cgroup (INET_DIAG_CGROUP_ID)" :
			     "idiag_uid");
	} else if (socket->holders == HARK_ABSENT) {
		add_finding(
			x, "no-holder", i,
			"No process holds it: it belongs to the kernel, or to no descriptor (in flight, or in an "
			"io_uring table).",
			"every /proc/PID/fd was read");
	}
}

/* Of a SO_REUSEPORT group each member has a holder of its own. */
void tell_holders(struct hark_explanation *x, const struct alike *alike)
{
	for (uint32_t i = 0; i < alike->n && i < MAX_LISTED; i++)
		tell_holders_of(x, alike->first + i);
}

void tell_tools(struct hark_explanation *x, const struct alike *alike)
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
		add_finding(
			x, "shown-as-ipv4", alike->first,
			arena_printf(
				&x->arena,
				"\"netstat -A inet\", \"netstat -4\", \"ss -4\" and \"lsof -i4\" show it (netstat as "
				"\"%s %s:%u\"): it is an IPv4 socket.",
				protocol, address, socket->local_port),
			arena_printf(&x->arena, "it stands in /proc/net/%s", protocol));
		return;
	}
	if (serves_ipv4) {
		add_finding(
			x, "hidden-from-ipv4", alike->first,
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
	add_finding(
		x, "not-ipv4", alike->first,
		arena_printf(
			&x->arena,
			"\"netstat -A inet\", \"netstat -4\", \"ss -4\" and \"lsof -i4\" leave it out, and rightly "
			"so. But \"netstat -l%sn\" shows it as \"%s6 %s:%u\", the same as it would one that "
			"serves IPv4.",
			option, protocol, address, socket->local_port),
		arena_printf(&x->arena,
			     "it stands in /proc/net/%s6, which does not tell IPV6_V6ONLY",
			     protocol));
}

void tell_hints(struct hark_explanation *x, const struct alike *alike)
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
			add_finding(x, hint->code, alike->first,
				    arena_printf(&x->arena, "To change it. %s", hint->text), NULL);
		return;
	}
}

void tell_settings(struct hark_explanation *x, uint32_t netns)
{
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[netns];

	if (namespace->ipv6_disabled == HARK_YES)
		add_finding(
			x, "ipv6-disabled", HARK_NONE,
			"IPv6 is disabled here. That takes the IPv6 addresses away, not the sockets: an IPv6 socket "
			"with IPV6_V6ONLY off goes on serving IPv4, and netstat goes on calling it \"tcp6\"; one with "
			"IPV6_V6ONLY on gets nothing.",
			"/proc/sys/net/ipv6/conf/all/disable_ipv6 is 1, or there is no /proc/sys/net/ipv6");
	if (!x->has_wildcard || namespace->bindv6only == HARK_UNKNOWN)
		return;
	add_finding(
		x, namespace->bindv6only == HARK_YES ? "bindv6only-on" : "bindv6only-off",
		HARK_NONE,
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
