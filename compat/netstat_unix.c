/* SPDX-License-Identifier: MIT */
/* Unix sockets, as netstat lists them. */
#include "netstat.h"

#include <stdio.h>
#include <string.h>

/* Of hark_unix_socket.flags, which is that of struct socket (<linux/net.h>). */
enum {
	IS_LISTENING = 1 << 16,
	WAITS_FOR_DATA = 1 << 17,
	WAITS_FOR_SPACE = 1 << 18,
};

#define STATE_UNCONNECTED 1

static const char *const type_names[] = { NULL, "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET" };
static const char *const state_names[] = { "FREE", "", "CONNECTING", "CONNECTED", "DISCONNECTING" };

#define NAME_OF(names, i) \
	((i) < sizeof(names) / sizeof(*names) && (names)[i] ? (names)[i] : "UNKNOWN")

/* What ends a word for scanf(), by which the reference takes the name off the line. */
static const char blanks[] = " \t\n\v\f\r";

static bool listens(const struct hark_unix_socket *socket)
{
	return socket->state == STATE_UNCONNECTED && socket->flags & IS_LISTENING;
}

static void print_flags(struct netstat *netstat, const struct hark_unix_socket *socket)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "[ %s%s%s]",
			      socket->flags & IS_LISTENING ? "ACC " : "",
			      socket->flags & WAITS_FOR_DATA ? "W " : "",
			      socket->flags & WAITS_FOR_SPACE ? "N " : "");

	netstat_print_text(&netstat->out, text, (size_t)length, 12);
}

static void print_path(struct netstat *netstat, const char *path)
{
	bool is_cut = !netstat->options->truth;

	out_char(&netstat->out, ' ');
	if (path && is_cut)
		path += strspn(path, blanks);
	if (path)
		netstat_print_text(&netstat->out, path,
				   is_cut ? strcspn(path, blanks) : strlen(path), 0);
	out_char(&netstat->out, '\n');
}

static void print_socket(struct netstat *netstat, const struct hark_unix_socket *socket)
{
	struct out *out = &netstat->out;
	const char *type = NAME_OF(type_names, socket->type);
	const char *state = listens(socket) ? "LISTENING" : NAME_OF(state_names, socket->state);

	out_text(out, socket->protocol ? "??    " : "unix  ");
	netstat_print_left(out, socket->references, 7);
	print_flags(netstat, socket);
	netstat_print_text(out, type, strlen(type), 11);
	netstat_print_text(out, state, strlen(state), 14);
	netstat_print_left(out, socket->inode, 8);
	if (netstat->options->programs)
		netstat_print_programs(netstat, socket->first_holder, socket->n_holders);
	print_path(netstat, socket->path);
}

void netstat_print_unix(struct netstat *netstat)
{
	const struct netstat_options *options = netstat->options;
	const struct hark_unix_socket *socket;

	out_text(&netstat->out, "Active UNIX domain sockets ");
	netstat_print_what(netstat);
	out_text(&netstat->out, "\nProto RefCnt Flags       Type       State         I-Node  ");
	if (options->programs)
		out_text(&netstat->out, " PID/Program name    ");
	out_text(&netstat->out, " Path\n");
	for (uint32_t i = 0; (socket = hark_snapshot_unix_socket(netstat->snapshot, i)); i++)
		if (options->all || listens(socket) == options->listening)
			print_socket(netstat, socket);
}
