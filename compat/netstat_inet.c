/* SPDX-License-Identifier: MIT */
/* Internet sockets, as netstat lists them. */
#include "netstat.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

/* What an address and its port may take, the colon apart, and what is left of a name then. */
#define END_MAX     22
#define PORT_MAX    (END_MAX - 4)
#define END_WIDTH   23
#define STATE_WIDTH 11
#define QUEUE_WIDTH 6
/* An SCTP endpoint's address stands where both ends of a connection would. */
#define ENDPOINT_WIDTH 47
/* SCTP: what stands before the addresses of a line, and then below it. */
#define BEFORE_ADDRESSES 20

static const struct {
	const char *name;
	uint8_t protocol;
	uint8_t services; /* enum netstat_services */
} tables[] = {
	[NETSTAT_TCP] = { "tcp", HARK_PROTOCOL_TCP, SERVICES_TCP },
	[NETSTAT_SCTP] = { "sctp", HARK_PROTOCOL_SCTP, SERVICES_NONE },
	[NETSTAT_UDP] = { "udp", HARK_PROTOCOL_UDP, SERVICES_UDP },
	[NETSTAT_UDPLITE] = { "udpl", HARK_PROTOCOL_UDPLITE, SERVICES_UDP },
	[NETSTAT_RAW] = { "raw", HARK_PROTOCOL_RAW, SERVICES_RAW },
};

static const char *const state_names[HARK_STATE_N_] = {
	[HARK_STATE_ESTABLISHED] = "ESTABLISHED",
	[HARK_STATE_SYN_SENT] = "SYN_SENT",
	[HARK_STATE_SYN_RECV] = "SYN_RECV",
	[HARK_STATE_FIN_WAIT_1] = "FIN_WAIT1",
	[HARK_STATE_FIN_WAIT_2] = "FIN_WAIT2",
	[HARK_STATE_TIME_WAIT] = "TIME_WAIT",
	[HARK_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
	[HARK_STATE_LAST_ACK] = "LAST_ACK",
	[HARK_STATE_CLOSING] = "CLOSING",
	[HARK_STATE_LISTEN] = "LISTEN",
	[HARK_STATE_BOUND] = "CLOSE",
	[HARK_STATE_UNCONNECTED] = "",
};

/* What /proc/net calls the states of raw sockets, which are shown as they stand there. */
#define RAW_ESTABLISHED 1
#define RAW_CLOSE       7

/* How a row says that a timer runs: enum of hark_socket.timer. */
static const char *const timer_names[] = { "off", "on", "keepalive", "timewait", "probe" };

void netstat_print_what(struct netstat *netstat)
{
	out_text(&netstat->out, netstat->options->all       ? "(servers and established)" :
				netstat->options->listening ? "(only servers)" :
							      "(w/o servers)");
}

void netstat_print_heading(struct netstat *netstat)
{
	struct out *out = &netstat->out;

	out_text(out, "Active Internet connections ");
	netstat_print_what(netstat);
	out_text(out, "\nProto Recv-Q Send-Q Local Address           Foreign Address         "
		      "State      ");
	if (netstat->options->extended)
		out_text(out, " User       Inode     ");
	if (netstat->options->programs)
		out_text(out, " PID/Program name    ");
	if (netstat->options->timers)
		out_text(out, " Timer");
	out_char(out, '\n');
}

bool netstat_shows_state(const struct netstat_options *options, const struct hark_socket *socket)
{
	bool has_peer = !hark_addr_is_any(&socket->remote);

	if (socket->protocol == HARK_PROTOCOL_TCP || socket->protocol == HARK_PROTOCOL_MPTCP) {
		/* Those that are merely bound are in no file of /proc/net. */
		if (socket->state == HARK_STATE_BOUND)
			return false;
		has_peer = socket->remote_port != 0;
	} else if (socket->protocol == HARK_PROTOCOL_SCTP) {
		has_peer = !socket->is_listener && socket->state != HARK_STATE_BOUND;
	}
	return options->all || options->listening != has_peer;
}

static bool is_of_table(const struct hark_socket *socket, enum netstat_table table)
{
	/* Of MPTCP the file of TCP has the sockets beneath, which stand for a listener's row. */
	if (table == NETSTAT_TCP && socket->protocol == HARK_PROTOCOL_MPTCP)
		return socket->is_listener;
	return socket->protocol == tables[table].protocol;
}

static bool is_shown(const struct netstat *netstat, const struct hark_socket *socket,
		     enum netstat_table table)
{
	return is_of_table(socket, table) && netstat_shows_state(netstat->options, socket);
}

/* Whether one of the families that are asked for reaches the socket. */
static bool serves(const struct netstat *netstat, const struct hark_socket *socket)
{
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (netstat->options->families & 1u << family &&
		    hark_socket_serves(netstat->snapshot, socket, family))
			return true;
	return false;
}

/* One end of a socket, cut where it is too long for its column unless nothing is to be. */
static void print_end(struct netstat *netstat, enum netstat_table table,
		      const struct hark_socket *socket, const struct hark_addr *addr,
		      uint16_t number)
{
	const struct netstat_options *options = netstat->options;
	bool is_numeric_host = options->numeric_hosts;
	/* The address is IPv4's, in truth; the reference asks for a name of the mapped one. */
	enum hark_family family = options->truth && hark_addr_is_ipv4(addr) ? HARK_FAMILY_INET :
									      socket->family;
	char host[NETSTAT_HOST_SIZE], port[NETSTAT_PORT_SIZE];
	size_t host_length, port_length, used;
	size_t width = table == NETSTAT_SCTP && socket->is_listener ? ENDPOINT_WIDTH : END_WIDTH;

	if (table == NETSTAT_SCTP)
		is_numeric_host |= options->numeric_ports || options->numeric_users ||
				   options->symbolic;
	netstat_host(&netstat->names, family, addr, is_numeric_host, host);
	netstat_port(&netstat->names, tables[table].services, number, options->numeric_ports, port);
	host_length = strlen(host);
	port_length = strlen(port);
	if (table != NETSTAT_SCTP && !options->wide && host_length + port_length > END_MAX) {
		if (port_length > PORT_MAX)
			port_length = PORT_MAX;
		host_length = strnlen(host, END_MAX - port_length);
	}
	used = host_length + strlen(":");
	netstat_print_text(&netstat->out, host, host_length, 0);
	out_char(&netstat->out, ':');
	netstat_print_text(&netstat->out, port, port_length, used < width ? width - used : 0);
}

static void print_protocol(struct netstat *netstat, enum netstat_table table,
			   const struct hark_socket *socket)
{
	char label[HARK_LABEL_SIZE];
	size_t length;

	if (netstat->options->truth)
		hark_socket_label(netstat->snapshot, socket, label);
	else
		strcpy(label, tables[table].name);
	length = strlen(label);
	if (!netstat->options->truth && socket->family == HARK_FAMILY_INET6 &&
	    table != NETSTAT_SCTP)
		label[length++] = '6';
	netstat_print_text(&netstat->out, label, length, 6);
}

/*
 * Of what waits to be accepted the kernel tells a listener's; of the limit beside it /proc/net says
 * nothing, and so has 0.
 */
static void print_queues(struct netstat *netstat, const struct hark_socket *socket)
{
	const struct hark_listener *listener =
		socket->state == HARK_STATE_LISTEN ?
			hark_snapshot_listener(netstat->snapshot, socket->listener) :
			NULL;

	netstat_print_right(&netstat->out, listener ? listener->backlog : socket->receive_bytes,
			    QUEUE_WIDTH);
	out_char(&netstat->out, ' ');
	netstat_print_right(&netstat->out, socket->send_bytes, QUEUE_WIDTH);
	out_char(&netstat->out, ' ');
}

static void print_owner(struct netstat *netstat, const struct hark_socket *socket)
{
	struct out *out = &netstat->out;
	const char *user =
		netstat->options->numeric_users ? NULL : users_name(&netstat->users, socket->uid);

	out_char(out, ' ');
	if (user)
		netstat_print_text(out, user, strlen(user), 10);
	else
		netstat_print_left(out, (int32_t)socket->uid, 10);
	out_char(out, ' ');
	netstat_print_left(out, socket->inode, 10);
}

/*
 * The kernel has a count for what is sent again and one for probes, and of both tells that of the
 * timer that runs.
 */
static void print_timer(struct netstat *netstat, const struct hark_socket *socket)
{
	const size_t n_names = sizeof(timer_names) / sizeof(*timer_names);
	bool is_tcp = socket->protocol == HARK_PROTOCOL_TCP ||
		      socket->protocol == HARK_PROTOCOL_MPTCP;
	uint8_t timer = is_tcp && socket->timer < n_names ? socket->timer : 0;
	uint32_t ticks = timer ? socket->expires_ms / 10 : 0;
	bool is_sent_again = timer == 1;
	uint8_t count = timer == 3 || !is_tcp ? 0 : socket->retransmits;
	char text[64];

	snprintf(text, sizeof(text), " %s (%u.%02u/%u/%u)", timer_names[timer], ticks / 100,
		 ticks % 100, is_sent_again ? count : 0, is_sent_again ? 0 : count);
	out_text(&netstat->out, text);
}

static void print_rest(struct netstat *netstat, const struct hark_socket *socket)
{
	if (netstat->options->extended)
		print_owner(netstat, socket);
	if (netstat->options->programs)
		netstat_print_programs(netstat, socket->first_holder, socket->n_holders);
	if (netstat->options->timers && socket->protocol == HARK_PROTOCOL_SCTP)
		out_char(&netstat->out, ' ');
	else if (netstat->options->timers)
		print_timer(netstat, socket);
	out_char(&netstat->out, '\n');
}

static void print_state(struct netstat *netstat, enum netstat_table table,
			const struct hark_socket *socket)
{
	const char *name = state_names[socket->state];

	out_char(&netstat->out, ' ');
	if (table == NETSTAT_RAW)
		netstat_print_left(&netstat->out,
				   socket->state == HARK_STATE_ESTABLISHED ? RAW_ESTABLISHED :
									     RAW_CLOSE,
				   STATE_WIDTH);
	else
		netstat_print_text(&netstat->out, name, strlen(name), STATE_WIDTH);
}

static void print_socket(struct netstat *netstat, enum netstat_table table,
			 const struct hark_socket *socket)
{
	print_protocol(netstat, table, socket);
	print_queues(netstat, socket);
	print_end(netstat, table, socket, &socket->local, socket->local_port);
	out_char(&netstat->out, ' ');
	print_end(netstat, table, socket, &socket->remote, socket->remote_port);
	print_state(netstat, table, socket);
	print_rest(netstat, socket);
}

static void print_family(struct netstat *netstat, enum netstat_table table, int family)
{
	const struct hark_socket *socket;

	for (uint32_t i = 0; (socket = hark_snapshot_socket(netstat->snapshot, i)); i++)
		if (socket->family == family && is_shown(netstat, socket, table))
			print_socket(netstat, table, socket);
}

void netstat_print_internet(struct netstat *netstat, enum netstat_table table)
{
	const struct netstat_options *options = netstat->options;
	const struct hark_socket *socket;

	if (options->truth) {
		for (uint32_t i = 0; (socket = hark_snapshot_socket(netstat->snapshot, i)); i++)
			if (is_shown(netstat, socket, table) && serves(netstat, socket))
				print_socket(netstat, table, socket);
		return;
	}
	/* The file of IPv4, then that of IPv6, as far as they are asked for. */
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (options->families & 1u << family)
			print_family(netstat, table, family);
}
