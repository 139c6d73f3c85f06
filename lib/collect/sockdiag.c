/* SPDX-License-Identifier: MIT */
/*
 * Sockets by sock_diag.
 *
 * The state mask decides what a dump costs. The kernel (net/ipv4/inet_diag.c) walks the hash of
 * established sockets, hundreds of thousands of buckets on a large machine, as soon as the mask
 * holds any state but LISTEN; so listeners are asked for with exactly that state. Port conditions
 * go along as bytecode (INET_DIAG_REQ_BYTECODE), which spares the copying of rows, not the walk.
 *
 * A protocol without a handler is told by the payload of NLMSG_DONE alone (-ENOENT), by NLMSG_ERROR
 * where the whole inet_diag module is missing. Then /proc/net serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections.h"
#include "nl.h"
#include "sockdiag.h"

/* Bound and idle sockets of TCP hang in another hash; a kernel before 6.8 ignores the bit. */
#define EVERY_TCP_STATE (((1u << STATE_NEW_SYN_RECV) - 2) | 1u << STATE_BOUND_INACTIVE)

#define MAX_PORT_RANGES 16

static const struct {
	uint16_t number;
	uint32_t listener_states;
	uint32_t all_states;
} diag_protocols[HARK_PROTOCOL_N_] = {
	[HARK_PROTOCOL_TCP] = { IPPROTO_TCP, LISTENING, EVERY_TCP_STATE },
	[HARK_PROTOCOL_MPTCP] = { IPPROTO_MPTCP, LISTENING, EVERY_TCP_STATE },
	[HARK_PROTOCOL_UDP] = { IPPROTO_UDP, UNCONNECTED, UINT32_MAX },
	[HARK_PROTOCOL_UDPLITE] = { IPPROTO_UDPLITE, UNCONNECTED, UINT32_MAX },
	[HARK_PROTOCOL_RAW] = { IPPROTO_RAW, UNCONNECTED, UINT32_MAX },
	[HARK_PROTOCOL_ICMP] = { 0, 0, 0 }, /* no handler exists: /proc/net/icmp */
	[HARK_PROTOCOL_SCTP] = { IPPROTO_SCTP, LISTENING, EVERY_TCP_STATE },
	[HARK_PROTOCOL_DCCP] = { IPPROTO_DCCP, LISTENING, EVERY_TCP_STATE },
};

/* A socket of NETLINK_SOCK_DIAG, and what became of it. */
struct tables {
	struct hark_source *source;
	struct nl nl;
	int open_error;
	int error;       /* of a table that there is, but that could not be read; 0: none */
	uint32_t in_use; /* TABLE_OF() */
	struct sockdiag_dump dump;
};

static void forget_rows(void *data)
{
	struct sockdiag_dump *dump = data;

	dump->snapshot->sockets.n = dump->first_socket;
	dump->snapshot->listeners.n = dump->first_listener;
}

/*
 * One range of ports as bytecode: GE falls through or jumps behind the range, LE likewise, and the
 * jump at its end leaves for the end of the program, which means yes. `yes` distances are a byte,
 * so the long way is always a `no`.
 */
struct range_code {
	struct inet_diag_bc_op at_least, low;
	struct inet_diag_bc_op at_most, high;
	struct inet_diag_bc_op accept;
};

struct port_code {
	struct range_code ranges[2 * MAX_PORT_RANGES];
	struct inet_diag_bc_op reject; /* behind the last range in use */
};

static uint16_t build_port_code(struct port_code *code, const struct collect_filter *filter)
{
	uint32_t n_sides = filter->all_states ? 2 : 1, n = filter->n_ports * n_sides;
	const uint16_t op = sizeof(struct inet_diag_bc_op);
	uint16_t length = (uint16_t)(n * sizeof(struct range_code) + op);
	struct inet_diag_bc_op *reject = (struct inet_diag_bc_op *)&code->ranges[n];

	for (uint32_t i = 0; i < n; i++) {
		const struct port_range *ports = &filter->ports[i / n_sides];
		bool is_remote = i % n_sides;

		code->ranges[i] = (struct range_code){
			.at_least = { is_remote ? INET_DIAG_BC_D_GE : INET_DIAG_BC_S_GE, 2 * op,
				      5 * op },
			.low = { .no = ports->low },
			.at_most = { is_remote ? INET_DIAG_BC_D_LE : INET_DIAG_BC_S_LE, 2 * op,
				     3 * op },
			.high = { .no = ports->high },
			.accept = { INET_DIAG_BC_JMP, op,
				    (uint16_t)(length - i * sizeof(struct range_code) - 4 * op) },
		};
	}
	/* Beyond the end by one operation: no. */
	*reject = (struct inet_diag_bc_op){ INET_DIAG_BC_JMP, op, 2 * op };
	return length;
}

/* Bytes of requests, all that may be in one included. */
union request {
	struct nlmsghdr header;
	unsigned char bytes[sizeof(struct nlmsghdr) + sizeof(struct inet_diag_req_v2) +
			    sizeof(struct port_code) + 64];
};

/*
 * Of both families at once, which SOCK_DIAG_BY_FAMILY does not know. TCPDIAG_GETSOCK, its
 * predecessor since Linux 2.6.14, takes no family (inet_diag_dump_compat), and walks the hash once
 * instead of twice.
 */
static void put_old_request(struct nlmsghdr *header, const struct sockdiag_dump *dump)
{
	struct inet_diag_req *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));

	request->idiag_states = dump->states;
	request->idiag_ext = dump->extensions;
}

static void put_request(struct nlmsghdr *header, const struct sockdiag_dump *dump)
{
	uint16_t number = diag_protocols[dump->protocol].number;
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));

	request->sdiag_family = dump->family == HARK_FAMILY_INET ? AF_INET : AF_INET6;
	request->idiag_states = dump->states;
	request->idiag_ext = dump->extensions;
	/*
	 * A protocol above 255 (MPTCP) goes into an attribute; older kernels then know no protocol
	 * 0.
	 */
	if (number > UINT8_MAX)
		mnl_attr_put_u32(header, INET_DIAG_REQ_PROTOCOL, number);
	else
		request->sdiag_protocol = (uint8_t)number;
}

static struct nlmsghdr *build_request(union request *buffer, const struct sockdiag_dump *dump)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = dump->message_type;
	if (dump->message_type == TCPDIAG_GETSOCK)
		put_old_request(header, dump);
	else
		put_request(header, dump);
	if (dump->filter->n_ports && dump->filter->n_ports <= MAX_PORT_RANGES &&
	    dump->protocol != HARK_PROTOCOL_RAW && dump->protocol != HARK_PROTOCOL_SCTP) {
		struct port_code code;
		uint16_t length = build_port_code(&code, dump->filter);

		mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, length, &code);
	}
	return header;
}

static int dump_states(struct nl *nl, struct sockdiag_dump *dump, uint32_t states)
{
	union request request;
	bool interrupted;
	int r;

	dump->states = states;
	dump->first_socket = dump->snapshot->sockets.n;
	dump->first_listener = dump->snapshot->listeners.n;
	r = nl_dump(nl, build_request(&request, dump), sockdiag_take, forget_rows, dump,
		    &interrupted);
	if (r < 0 && r != -E2BIG)
		return r;
	if (r == -E2BIG)
		return snapshot_note(dump->snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_LIMIT, r,
				     "more sockets than are kept");
	if (interrupted)
		return snapshot_note(dump->snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_INTERRUPTED, 0,
				     "the list of sockets changed while it was read");
	return 0;
}

/*
 * The dump of MPTCP listeners locks every bucket of the hash of listeners, in use or not. It is
 * spared where the TCP listeners told their upper layer, and none of them has MPTCP. (Before Linux
 * 6.15 they tell it to CAP_NET_ADMIN alone.)
 */
static bool is_without_mptcp(const struct sockdiag_dump *dump)
{
	const uint8_t *tcp = dump->snapshot->origin[HARK_PROTOCOL_TCP];

	return tcp[0] == ROWS_BY_SOCK_DIAG && tcp[1] == ROWS_BY_SOCK_DIAG && !dump->has_mptcp &&
	       !dump->hides_upper_layer;
}

/*
 * One dump; of TCP two, if there is more than listeners to read: the upper layer comes only with a
 * tcp_info, which of a listener is little, but of a connection takes the lock of the socket.
 */
static int dump_table(struct nl *nl, struct sockdiag_dump *dump)
{
	uint32_t states = dump->filter->all_states ? diag_protocols[dump->protocol].all_states :
						     diag_protocols[dump->protocol].listener_states;
	int r = 0;

	if (dump->filter->is_plain)
		states &= ~(1u << STATE_BOUND_INACTIVE);
	dump->message_type = dump->family == HARK_FAMILY_N_ ? TCPDIAG_GETSOCK : SOCK_DIAG_BY_FAMILY;
	dump->extensions = dump->filter->drops ? 1 << (INET_DIAG_SKMEMINFO - 1) : 0;
	if (dump->protocol == HARK_PROTOCOL_TCP) {
		dump->extensions |= 1 << (INET_DIAG_INFO - 1);
		r = dump_states(nl, dump, LISTENING);
		dump->extensions = 0;
		states &= ~LISTENING;
		if (r == 0 && states && dump->filter->connections && dump->family == HARK_FAMILY_N_)
			r = connections_take(dump->filter->connections, nl, dump);
		states = r > 0 ? 0 : states;
		r = r > 0 ? 0 : r;
	} else if (dump->protocol == HARK_PROTOCOL_MPTCP && is_without_mptcp(dump)) {
		states &= ~LISTENING;
	}
	return r == 0 && states ? dump_states(nl, dump, states) : r;
}

/*
 * Whether a table that could not be read may be taken for one that the kernel does not have. TCP
 * and UDP are in every kernel; of the rest both ways in must say that there is none.
 */
static bool is_absent(const struct tables *tables, int diag_error, int text_error)
{
	const struct sockdiag_dump *dump = &tables->dump;
	int net_fd = source_net_fd(tables->source);
	bool is_certain = dump->protocol == HARK_PROTOCOL_TCP ||
			  dump->protocol == HARK_PROTOCOL_UDP;

	if (text_error != -ENOENT)
		return false;
	if (dump->family == HARK_FAMILY_INET6 &&
	    snapshot_namespace(dump->snapshot)->ipv6_disabled == HARK_YES)
		return true;
	if (is_certain)
		return false;
	if (tables->nl.handle >= 0)
		return diag_error == -ENOENT || diag_error == -EPROTONOSUPPORT ||
		       diag_error == -EAFNOSUPPORT || diag_error == -EOPNOTSUPP;
	return net_fd >= 0 && faccessat(net_fd, "net", F_OK, 0) == 0;
}

static int note_unread(struct tables *tables, int diag_error, int text_error)
{
	struct hark_snapshot *snapshot = tables->dump.snapshot;
	const char *protocol = hark_protocol_name((enum hark_protocol)tables->dump.protocol);
	const char *family = hark_family_name((enum hark_family)tables->dump.family);
	bool absent = is_absent(tables, diag_error, text_error);
	const char *detail = arena_printf(&snapshot->arena,
					  absent ? "this kernel has no %s sockets of family %s" :
						   "%s sockets of family %s could not be read",
					  protocol, family);

	if (!detail)
		return -ENOMEM;
	if (absent)
		return snapshot_note_debug(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_UNSUPPORTED,
					   diag_error, detail);
	tables->error = diag_error;
	return snapshot_note(snapshot, HARK_NOTE_SOCKETS,
			     diag_error == -EPERM || diag_error == -EACCES ? HARK_NOTE_PERMISSION :
									     HARK_NOTE_FAILED,
			     diag_error, detail);
}

/* By sock_diag, if it is open and has a handler: 0, or an errno, without any rows. */
static int read_by_diag(struct tables *tables)
{
	struct sockdiag_dump *dump = &tables->dump;
	struct hark_snapshot *snapshot = dump->snapshot;
	uint32_t n_sockets = snapshot->sockets.n, n_listeners = snapshot->listeners.n;
	int r;

	if (tables->open_error < 0)
		return tables->open_error;
	if (!diag_protocols[dump->protocol].number)
		return -EPROTONOSUPPORT;
	r = dump_table(&tables->nl, dump);
	for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
		if (dump->family == family || dump->family == HARK_FAMILY_N_)
			snapshot->origin[dump->protocol][family] = ROWS_BY_SOCK_DIAG;
	if (r < 0) {
		snapshot->sockets.n = n_sockets;
		snapshot->listeners.n = n_listeners;
	}
	return r;
}

/* One table, else by /proc/net. What the kernel does not have at all is no gap. */
static int read_table(struct tables *tables)
{
	struct sockdiag_dump *dump = &tables->dump;
	int diag_error = read_by_diag(tables), r;

	if (diag_error == 0 || diag_error == -ENOMEM)
		return diag_error;
	r = procnet_read(tables->source, dump->snapshot, (enum hark_protocol)dump->protocol,
			 (enum hark_family)dump->family, dump->filter);
	if (r == 0)
		dump->snapshot->origin[dump->protocol][dump->family] = ROWS_BY_PROC_NET;
	return r == 0 || r == -ENOMEM ? r : note_unread(tables, diag_error, r);
}

static int read_protocol(struct tables *tables)
{
	struct sockdiag_dump *dump = &tables->dump;
	uint8_t *origin = dump->snapshot->origin[dump->protocol];
	int r = -EPROTONOSUPPORT;

	if (dump->protocol == HARK_PROTOCOL_TCP) {
		dump->family = HARK_FAMILY_N_;
		r = read_by_diag(tables);
	}
	if (r == 0 || r == -ENOMEM)
		return r;
	r = 0;
	for (dump->family = 0; dump->family < HARK_FAMILY_N_ && r == 0; dump->family++)
		if (tables->in_use & TABLE_OF(dump->protocol, dump->family))
			r = read_table(tables);
	/* An empty table is as good as one that was read as the other was. */
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (!(tables->in_use & TABLE_OF(dump->protocol, family)))
			origin[family] = origin[!family];
	return r;
}

static int tell_gaps(const struct tables *tables, struct hark_error *reterr)
{
	struct hark_snapshot *snapshot = tables->dump.snapshot;
	bool by_text = false, by_any = false;

	for (int protocol = 0; protocol < HARK_PROTOCOL_N_; protocol++) {
		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			by_any |= snapshot->origin[protocol][family] != ROWS_NOT_READ;
			by_text |= snapshot->origin[protocol][family] == ROWS_BY_PROC_NET &&
				   (protocol == HARK_PROTOCOL_TCP || protocol == HARK_PROTOCOL_UDP);
		}
	}
	if (!by_any && tables->error < 0) {
		reterr->error = tables->error;
		snprintf(
			reterr->text, sizeof(reterr->text),
			"no socket table can be read: sock_diag says \"%s\", and /proc/net is not there",
			strerror(-reterr->error));
		return reterr->error;
	}
	if (by_text)
		return snapshot_note(
			snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_FALLBACK, tables->open_error,
			"sock_diag cannot be used here: read from /proc/net, which tells neither "
			"IPV6_V6ONLY nor SO_BINDTODEVICE, and the kernel could not be asked who "
			"answers");
	return 0;
}

int collect_sockets(struct hark_source *source, struct hark_snapshot *snapshot,
		    const struct collect_filter *filter, struct hark_error *reterr)
{
	struct tables tables = { .source = source,
				 .in_use = UINT32_MAX,
				 .dump = { .snapshot = snapshot, .filter = filter } };
	int r = 0;

	if (filter->protocols & ~(1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_MPTCP))
		tables.in_use =
			tables_in_use(source, &snapshot_namespace(snapshot)->absent_protocols);
	tables.open_error = nl_open(&tables.nl, source, NETLINK_SOCK_DIAG);
	if (tables.open_error == -ENOMEM)
		return tables.open_error;
	for (int protocol = 0; protocol < HARK_PROTOCOL_N_ && r == 0; protocol++) {
		uint32_t n = snapshot->sockets.n;

		tables.dump.protocol = (uint8_t)protocol;
		if (filter->protocols & 1u << protocol)
			r = read_protocol(&tables);
		if (snapshot->sockets.n > n)
			snapshot->protocols |= 1u << protocol;
	}
	nl_close(&tables.nl);
	if (r == 0)
		r = requests_take_users(snapshot);
	if (r == 0 && !filter->is_plain && !is_without_mptcp(&tables.dump)) {
		snapshot->protocols |= 1u << HARK_PROTOCOL_MPTCP;
		r = mptcp_fold(snapshot);
	}
	if (r == 0)
		r = tell_gaps(&tables, reterr);
	return r;
}
