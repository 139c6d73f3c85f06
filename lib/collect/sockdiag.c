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
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collect.h"
#include "nl.h"

#define STATE_NEW_SYN_RECV   12 /* include/net/tcp_states.h; not in the uapi headers */
#define STATE_BOUND_INACTIVE 13 /* Linux 6.8 */

#define LISTENING   (1u << TCP_LISTEN)
#define UNCONNECTED (1u << TCP_CLOSE)
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

struct dump {
	struct hark_snapshot *snapshot;
	const struct collect_filter *filter;
	bool has_mptcp;          /* some TCP listener has MPTCP as its upper layer */
	uint32_t first;          /* row that this dump began with */
	uint32_t first_listener; /* likewise */
	int open_error;          /* of the sock_diag socket */
	int error;               /* of a table that there is, but that could not be read; 0: none */
	uint8_t protocol;
	uint8_t family;
};

static void forget_rows(void *data)
{
	struct dump *dump = data;

	dump->snapshot->sockets.n = dump->first;
	dump->snapshot->listeners.n = dump->first_listener;
}

static uint8_t state_of(uint8_t protocol, uint8_t state)
{
	static const uint8_t tcp_states[] = {
		[TCP_ESTABLISHED] = HARK_STATE_ESTABLISHED,
		[TCP_SYN_SENT] = HARK_STATE_SYN_SENT,
		[TCP_SYN_RECV] = HARK_STATE_SYN_RECV,
		[TCP_FIN_WAIT1] = HARK_STATE_FIN_WAIT_1,
		[TCP_FIN_WAIT2] = HARK_STATE_FIN_WAIT_2,
		[TCP_TIME_WAIT] = HARK_STATE_TIME_WAIT,
		[TCP_CLOSE] = HARK_STATE_BOUND,
		[TCP_CLOSE_WAIT] = HARK_STATE_CLOSE_WAIT,
		[TCP_LAST_ACK] = HARK_STATE_LAST_ACK,
		[TCP_LISTEN] = HARK_STATE_LISTEN,
		[TCP_CLOSING] = HARK_STATE_CLOSING,
		[STATE_NEW_SYN_RECV] = HARK_STATE_SYN_RECV,
		[STATE_BOUND_INACTIVE] = HARK_STATE_BOUND,
	};
	bool is_stream = diag_protocols[protocol].listener_states == LISTENING;

	if (!is_stream)
		return state == TCP_ESTABLISHED ? HARK_STATE_ESTABLISHED : HARK_STATE_UNCONNECTED;
	return state && state < sizeof(tcp_states) ? tcp_states[state] : HARK_STATE_BOUND;
}

static struct hark_addr addr_of(uint8_t family, const __be32 *words, uint32_t device)
{
	struct hark_addr addr;

	if (family == HARK_FAMILY_INET)
		return hark_addr_from_ipv4(words);
	addr = hark_addr_from_ipv6(words, 0);
	if (hark_addr_is_link_local(&addr) && !hark_addr_is_ipv4(&addr))
		addr.scope_id = device;
	return addr;
}

static void fill_fixed(struct hark_socket *socket, const struct inet_diag_msg *message)
{
	socket->family = message->idiag_family == AF_INET6 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	socket->state = state_of(socket->protocol, message->idiag_state);
	socket->device = message->id.idiag_if;
	socket->local = addr_of(socket->family, message->id.idiag_src, socket->device);
	socket->remote = addr_of(socket->family, message->id.idiag_dst, socket->device);
	socket->local_port = ntohs(message->id.idiag_sport);
	socket->remote_port = ntohs(message->id.idiag_dport);
	socket->cookie = (uint64_t)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0];
	socket->inode = message->idiag_inode;
	socket->uid = message->idiag_uid;
	socket->timer = message->idiag_timer;
	socket->retransmits = message->idiag_retrans;
	socket->expires_ms = message->idiag_expires;
	socket->has_queues = true;
	socket->v6only = socket->family == HARK_FAMILY_INET ? HARK_NO : HARK_UNKNOWN;
	if (socket->state != HARK_STATE_LISTEN) {
		socket->receive_bytes = message->idiag_rqueue;
		socket->send_bytes = message->idiag_wqueue;
	}
}

static void fill_listener(struct dump *dump, const struct hark_socket *socket,
			  const struct inet_diag_msg *message, bool is_subflow)
{
	struct hark_listener *listener = snapshot_listener(dump->snapshot, socket);

	if (socket->state == HARK_STATE_LISTEN) {
		listener->backlog = message->idiag_rqueue;
		listener->backlog_max = message->idiag_wqueue;
	}
	if (is_subflow) {
		listener->subflow_cookie = socket->cookie;
		dump->has_mptcp = true;
	}
}

/* Gives a socket that was copied a listener's row of its own. */
static int copy_listener(struct hark_snapshot *snapshot, struct hark_socket *socket)
{
	struct hark_listener *listener;

	if (!socket->is_listener)
		return 0;
	listener = array_push(&snapshot->listeners);
	if (!listener)
		return -ENOMEM;
	*listener = *snapshot_listener(snapshot, socket);
	socket->listener = snapshot->listeners.n - 1;
	return 0;
}

/* An SCTP endpoint that is bound to several addresses is a row for each (INET_DIAG_LOCALS). */
static int take_locals(struct dump *dump, const struct nlattr *locals)
{
	const uint8_t *payload = mnl_attr_get_payload(locals);
	struct sockaddr_storage addr;
	size_t n = mnl_attr_get_payload_len(locals) / sizeof(addr);
	struct hark_socket row = dump->snapshot->sockets.items[dump->snapshot->sockets.n - 1];

	for (size_t i = 0; i < n; i++) {
		struct hark_socket *socket;
		int r;

		/*
		 * An attribute is aligned to four bytes, which is less than a sockaddr_storage
		 * wants.
		 */
		memcpy(&addr, payload + i * sizeof(addr), sizeof(addr));
		if (addr.ss_family == AF_INET)
			row.local = hark_addr_from_ipv4(&((struct sockaddr_in *)&addr)->sin_addr);
		else if (addr.ss_family == AF_INET6)
			row.local = addr_of(HARK_FAMILY_INET6,
					    ((struct sockaddr_in6 *)&addr)->sin6_addr.s6_addr32,
					    row.device);
		else
			continue;
		if (i == 0) {
			dump->snapshot->sockets.items[dump->snapshot->sockets.n - 1] = row;
			continue;
		}
		socket = array_push(&dump->snapshot->sockets);
		if (!socket)
			return -ENOMEM;
		*socket = row;
		r = copy_listener(dump->snapshot, socket);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A TCP socket beneath an MPTCP one has that as its upper layer. */
static bool is_mptcp(const struct nlattr *upper_layer)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, upper_layer)
		if (mnl_attr_get_type(attr) == INET_ULP_INFO_NAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			return !strcmp(mnl_attr_get_str(attr), "mptcp");
	return false;
}

static int take_socket(const struct nlmsghdr *header, void *data)
{
	struct dump *dump = data;
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attr, *locals = NULL;
	struct hark_socket *socket;
	bool is_subflow = false;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(header) < sizeof(*message))
		return -EBADMSG;
	if (dump->snapshot->sockets.n >= ROWS_MAX)
		return -E2BIG;
	socket = array_push(&dump->snapshot->sockets);
	if (!socket)
		return -ENOMEM;
	socket->netns = snapshot_netns(dump->snapshot);
	socket->protocol = dump->protocol;
	fill_fixed(socket, message);
	if (snapshot_classify(dump->snapshot, socket) < 0)
		return -ENOMEM;
	mnl_attr_for_each(attr, header, sizeof(*message)) {
		const void *value = mnl_attr_get_payload(attr);

		switch (mnl_attr_get_type(attr)) {
		case INET_DIAG_SKV6ONLY:
			if (mnl_attr_validate(attr, MNL_TYPE_U8) == 0)
				socket->v6only = *(const uint8_t *)value ? HARK_YES : HARK_NO;
			break;
		case INET_DIAG_MARK:
			if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0) {
				socket->mark = *(const uint32_t *)value;
				socket->has_mark = true;
			}
			break;
		case INET_DIAG_CGROUP_ID:
			if (mnl_attr_validate(attr, MNL_TYPE_U64) == 0)
				memcpy(&socket->cgroup_id, value, sizeof(socket->cgroup_id));
			break;
		case INET_DIAG_ULP_INFO:
			is_subflow = is_mptcp(attr);
			break;
		case INET_DIAG_LOCALS:
			locals = attr;
			break;
		default:
			break;
		}
	}
	if (!dump->filter->all_states && !socket->is_listener) {
		dump->snapshot->sockets.n--;
		return 0;
	}
	if (socket->is_listener)
		fill_listener(dump, socket, message, is_subflow);
	return dump->protocol == HARK_PROTOCOL_SCTP && locals ? take_locals(dump, locals) : 0;
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

/*
 * Whether the dump is to tell the upper layer of TCP sockets, which comes only with a tcp_info: of
 * a listener that is little, of a connection it takes the lock of the socket.
 */
static bool tells_upper_layer(const struct dump *dump)
{
	return dump->protocol == HARK_PROTOCOL_TCP && !dump->filter->all_states;
}

static struct nlmsghdr *build_request(void *buffer, const struct dump *dump)
{
	uint16_t number = diag_protocols[dump->protocol].number;
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
	request->sdiag_family = dump->family == HARK_FAMILY_INET ? AF_INET : AF_INET6;
	/*
	 * A protocol above 255 (MPTCP) goes into an attribute; older kernels then know no protocol
	 * 0.
	 */
	request->sdiag_protocol = number <= UINT8_MAX ? (uint8_t)number : 0;
	if (tells_upper_layer(dump))
		request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	request->idiag_states = dump->filter->all_states ?
					diag_protocols[dump->protocol].all_states :
					diag_protocols[dump->protocol].listener_states;
	if (number > UINT8_MAX)
		mnl_attr_put_u32(header, INET_DIAG_REQ_PROTOCOL, number);
	if (dump->filter->n_ports && dump->filter->n_ports <= MAX_PORT_RANGES &&
	    dump->protocol != HARK_PROTOCOL_RAW && dump->protocol != HARK_PROTOCOL_SCTP) {
		struct port_code code;
		uint16_t length = build_port_code(&code, dump->filter);

		mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, length, &code);
	}
	return header;
}

static int dump_sockets(struct nl *nl, struct dump *dump)
{
	union {
		struct nlmsghdr header;
		unsigned char bytes[sizeof(struct nlmsghdr) + sizeof(struct inet_diag_req_v2) +
				    sizeof(struct port_code) + 64];
	} request;
	bool interrupted;
	int r = nl_dump(nl, build_request(&request, dump), take_socket, forget_rows, dump,
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
 * Whether a table that could not be read may be taken for one that the kernel does not have. TCP
 * and UDP are in every kernel; of the rest both ways in must say that there is none.
 */
static bool is_absent(struct hark_source *source, const struct nl *nl, const struct dump *dump,
		      int diag_error, int text_error)
{
	bool is_certain = dump->protocol == HARK_PROTOCOL_TCP ||
			  dump->protocol == HARK_PROTOCOL_UDP;

	if (text_error != -ENOENT)
		return false;
	if (dump->family == HARK_FAMILY_INET6 &&
	    snapshot_namespace(dump->snapshot)->ipv6_disabled == HARK_YES)
		return true;
	if (is_certain)
		return false;
	if (nl->handle >= 0)
		return diag_error == -ENOENT || diag_error == -EPROTONOSUPPORT ||
		       diag_error == -EAFNOSUPPORT || diag_error == -EOPNOTSUPP;
	return source_net_fd(source) >= 0 && faccessat(source_net_fd(source), "net", F_OK, 0) == 0;
}

static int note_unread(struct hark_source *source, const struct nl *nl, struct dump *dump,
		       int diag_error, int text_error)
{
	struct hark_snapshot *snapshot = dump->snapshot;
	const char *protocol = hark_protocol_name((enum hark_protocol)dump->protocol);
	const char *family = hark_family_name((enum hark_family)dump->family);
	bool absent = is_absent(source, nl, dump, diag_error, text_error);
	const char *detail = arena_printf(&snapshot->arena,
					  absent ? "this kernel has no %s sockets of family %s" :
						   "%s sockets of family %s could not be read",
					  protocol, family);

	if (!detail)
		return -ENOMEM;
	if (absent)
		return snapshot_note_debug(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_UNSUPPORTED,
					   diag_error, detail);
	dump->error = diag_error;
	return snapshot_note(snapshot, HARK_NOTE_SOCKETS,
			     diag_error == -EPERM || diag_error == -EACCES ? HARK_NOTE_PERMISSION :
									     HARK_NOTE_FAILED,
			     diag_error, detail);
}

/*
 * One table, by sock_diag if it is open and has a handler, else by /proc/net. What the kernel does
 * not have at all is no gap.
 */
static int read_table(struct hark_source *source, struct nl *nl, struct dump *dump)
{
	struct hark_snapshot *snapshot = dump->snapshot;
	uint8_t *origin = &snapshot->origin[dump->protocol][dump->family];
	int diag_error = dump->open_error < 0 ? dump->open_error : -EPROTONOSUPPORT, r;

	dump->first = snapshot->sockets.n;
	dump->first_listener = snapshot->listeners.n;
	if (nl->handle >= 0 && diag_protocols[dump->protocol].number)
		diag_error = dump_sockets(nl, dump);
	if (diag_error == 0)
		*origin = ROWS_BY_SOCK_DIAG;
	if (diag_error == 0 || diag_error == -ENOMEM)
		return diag_error;
	forget_rows(dump);
	r = procnet_read(source, snapshot, (enum hark_protocol)dump->protocol,
			 (enum hark_family)dump->family, dump->filter);
	if (r == 0)
		*origin = ROWS_BY_PROC_NET;
	return r == 0 || r == -ENOMEM ? r : note_unread(source, nl, dump, diag_error, r);
}

static int tell_gaps(const struct dump *dump, struct hark_error *reterr)
{
	struct hark_snapshot *snapshot = dump->snapshot;
	bool by_text = false, by_any = false;

	for (int protocol = 0; protocol < HARK_PROTOCOL_N_; protocol++) {
		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			by_any |= snapshot->origin[protocol][family] != ROWS_NOT_READ;
			by_text |= snapshot->origin[protocol][family] == ROWS_BY_PROC_NET &&
				   (protocol == HARK_PROTOCOL_TCP || protocol == HARK_PROTOCOL_UDP);
		}
	}
	if (!by_any && dump->error < 0) {
		reterr->error = dump->error;
		snprintf(
			reterr->text, sizeof(reterr->text),
			"no socket table can be read: sock_diag says \"%s\", and /proc/net is not there",
			strerror(-reterr->error));
		return reterr->error;
	}
	if (by_text)
		return snapshot_note(
			snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_FALLBACK, dump->open_error,
			"sock_diag cannot be used here: read from /proc/net, which tells neither "
			"IPV6_V6ONLY nor SO_BINDTODEVICE, and the kernel could not be asked who "
			"answers");
	return 0;
}

/*
 * The dump of MPTCP listeners locks every bucket of the hash of listeners, in use or not. It is
 * spared where the TCP listeners were read and none has MPTCP as its upper layer.
 */
static bool is_without_mptcp(const struct dump *dump)
{
	const uint8_t *tcp = dump->snapshot->origin[HARK_PROTOCOL_TCP];
	uint8_t *mptcp = dump->snapshot->origin[HARK_PROTOCOL_MPTCP];

	if (dump->filter->all_states || dump->has_mptcp || tcp[0] != ROWS_BY_SOCK_DIAG ||
	    tcp[1] != ROWS_BY_SOCK_DIAG)
		return false;
	mptcp[0] = mptcp[1] = ROWS_BY_SOCK_DIAG;
	return true;
}

int collect_sockets(struct hark_source *source, struct hark_snapshot *snapshot,
		    const struct collect_filter *filter, struct hark_error *reterr)
{
	struct dump dump = { .snapshot = snapshot, .filter = filter };
	uint32_t protocols = protocols_in_use(source, filter->protocols);
	struct nl nl;
	int r = 0;

	dump.open_error = nl_open(&nl, source, NETLINK_SOCK_DIAG);
	if (dump.open_error == -ENOMEM)
		return dump.open_error;
	for (dump.protocol = 0; dump.protocol < HARK_PROTOCOL_N_ && r == 0; dump.protocol++) {
		if (!(protocols & 1u << dump.protocol))
			continue;
		if (dump.protocol == HARK_PROTOCOL_MPTCP && is_without_mptcp(&dump))
			continue;
		for (dump.family = 0; dump.family < HARK_FAMILY_N_ && r == 0; dump.family++)
			r = read_table(source, &nl, &dump);
	}
	nl_close(&nl);
	if (r == 0)
		r = mptcp_fold(snapshot);
	if (r == 0)
		r = tell_gaps(&dump, reterr);
	return r;
}
