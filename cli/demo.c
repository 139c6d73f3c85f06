/* SPDX-License-Identifier: MIT */
/* hark demo: the founding riddle with real sockets in a private namespace, and its solution. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hark/snapshot.h>

#include "demo_world.h"
#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"

static const char *const sentences[] = {
	"1. demo-web has one socket, an IPv6 one at [::]:80, and it answered IPv4 all the same: that socket is "
	"dual-stack.",
	"2. netstat -A inet leaves port 80 out, because it goes by the family of the socket, not by that of the "
	"service.",
	"3. demo-ssh has two sockets, one a family; its IPv6 one has IPV6_V6ONLY set, or the two could not share "
	"the port.",
	"4. demo-modern set IPV6_V6ONLY and has no second socket: IPv4 is refused, and netstat prints it just like "
	"port 80.",
	"5. hark did not guess: it asked the kernel's own socket look-up who would get a packet, and the calls "
	"above agree.",
};

static void title(struct out *out, const struct render_options *render, const char *text)
{
	out_text(out, render->color ? "\n\033[1m" : "\n");
	out_text(out, text);
	out_text(out, render->color ? "\033[0m\n" : "\n");
}

static __attribute__((format(printf, 2, 3))) void format_out(struct out *out, const char *format,
							     ...)
{
	char line[160];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	out_text(out, line);
}

/* What /proc/net/tcp and udp hold, which is all that netstat -A inet reads, laid out as it does. */
static void tell_netstat(struct out *out, const struct hark_snapshot *snapshot)
{
	out_text(out,
		 "Proto Recv-Q Send-Q Local Address           Foreign Address         State\n");
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
		char local[HARK_ADDR_TEXT_SIZE], port[8];

		if (socket->family != HARK_FAMILY_INET)
			continue;
		hark_addr_format(&socket->local, local);
		snprintf(port, sizeof(port), ":%u", socket->local_port);
		strcat(local, port);
		format_out(out, "%-5s %6d %6d %-23s %-23s %s\n",
			   hark_protocol_name((enum hark_protocol)socket->protocol), 0, 0, local,
			   "0.0.0.0:*", socket->state == HARK_STATE_LISTEN ? "LISTEN" : "");
	}
}

/* Whether the snapshot says that a listener of the port answers at the address. */
static bool is_claimed(const struct hark_snapshot *snapshot, const char *address, uint16_t port,
		       bool is_udp)
{
	struct hark_prefix wanted;
	enum hark_family family;

	hark_prefix_parse(address, &wanted);
	family = hark_addr_is_ipv4(&wanted.addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
		const struct hark_listener *listener =
			hark_snapshot_listener(snapshot, socket->listener);
		const struct hark_answer *answer;

		if (!listener || socket->local_port != port ||
		    (socket->protocol == HARK_PROTOCOL_UDP) != is_udp)
			continue;
		answer = &listener->answers[family];
		if (answer->verdict == HARK_VERDICT_ALL)
			return true;
		for (uint32_t j = 0; j < answer->n_addresses; j++)
			if (hark_prefix_contains(&hark_snapshot_place(snapshot,
								      answer->first_address + j)
							  ->prefix,
						 &wanted.addr))
				return true;
	}
	return false;
}

/* Calls every server over both families. Returns how often hark's claim was wrong. */
static unsigned int call_all(struct out *out, const struct hark_snapshot *snapshot)
{
	static const char *const addresses[] = { DEMO_IPV4, DEMO_IPV6, "127.0.0.1", "::1" };
	unsigned int n_wrong = 0;

	for (size_t i = 0; i < demo_n_servers; i++) {
		const struct demo_socket *socket = &demo_servers[i].sockets[0];

		for (size_t a = 0; a < sizeof(addresses) / sizeof(*addresses); a++) {
			bool is_ipv6 = strchr(addresses[a], ':');
			char seen[64], target[64];
			int r;

			/*
			 * Two addresses a server tell enough: its loopback ones where it has no
			 * others.
			 */
			if ((a >= 2) != (demo_servers[i].sockets[0].address[0] == '1'))
				continue;
			r = demo_call(addresses[a], socket->port, socket->is_udp, seen,
				      sizeof(seen));
			snprintf(target, sizeof(target), is_ipv6 ? "[%s]:%u" : "%s:%u",
				 addresses[a], socket->port);
			format_out(out, "%-4s %-4s %-20s ", is_ipv6 ? "IPv6" : "IPv4",
				   socket->is_udp ? "udp" : "tcp", target);
			if (r == 0)
				format_out(out, "answers: %s sees us as %s\n", demo_servers[i].name,
					   seen);
			else
				format_out(out, "%s\n", strerror(-r));
			if ((r == 0) !=
			    is_claimed(snapshot, addresses[a], socket->port, socket->is_udp)) {
				out_text(out, "          ^ hark's table says otherwise\n");
				n_wrong++;
			}
		}
	}
	return n_wrong;
}

static int tell(const struct options *options, const struct hark_snapshot *snapshot)
{
	struct render_options render = screen_options(STDOUT_FILENO, options);
	unsigned int n_wrong;
	struct out out;
	int r;

	out_init(&out, STDOUT_FILENO);
	out_text(
		&out,
		"A private network namespace, with real sockets in it, that nobody else can reach. Its "
		"address is " DEMO_IPV4 ".\n");
	title(&out, &render, "What netstat -A inet shows: no port 80");
	tell_netstat(&out, snapshot);
	title(&out, &render, "What hark shows");
	render.summary = false;
	render_table(&out, snapshot, &render);
	title(&out, &render, "What really answers");
	n_wrong = call_all(&out, snapshot);
	title(&out, &render, "Why");
	for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++) {
		out_text(&out, sentences[i]);
		out_char(&out, '\n');
	}
	r = out_flush(&out);
	out_fini(&out);
	if (r == 0 && n_wrong) {
		complain("%u of the calls did not go as the table says: please report this",
			 n_wrong);
		return STATUS_FAILED;
	}
	return status_of_writing(r);
}

int demo_run(const struct options *options)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS | HARK_DETAIL_HOLDERS };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	int r = demo_enter();

	if (r < 0) {
		complain(
			"this system does not allow a private network namespace here (%s): try it as root, or "
			"see user.max_user_namespaces and, on Ubuntu, "
			"kernel.apparmor_restrict_unprivileged_userns",
			strerror(-r));
		return STATUS_FAILED;
	}
	r = demo_start();
	if (r < 0) {
		demo_stop();
		complain("the demo's servers could not be started: %s", strerror(-r));
		return STATUS_FAILED;
	}
	if (hark_snapshot_take(&query, &snapshot, &error) < 0) {
		complain("%s", error.text);
		r = STATUS_FAILED;
	} else {
		r = tell(options, snapshot);
		hark_snapshot_free(snapshot);
	}
	demo_stop();
	return r;
}
