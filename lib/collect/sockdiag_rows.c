/* SPDX-License-Identifier: MIT */
/* What the kernel says of one socket, as a row. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "sockdiag.h"

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

	switch ((enum hark_protocol)protocol) {
	case HARK_PROTOCOL_UDP:
	case HARK_PROTOCOL_UDPLITE:
	case HARK_PROTOCOL_RAW:
	case HARK_PROTOCOL_ICMP:
		return state == TCP_ESTABLISHED ? HARK_STATE_ESTABLISHED : HARK_STATE_UNCONNECTED;
	case HARK_PROTOCOL_TCP:
	case HARK_PROTOCOL_MPTCP:
	case HARK_PROTOCOL_SCTP:
	case HARK_PROTOCOL_DCCP:
	case HARK_PROTOCOL_N_:
		break;
	}
	return state && state < sizeof(tcp_states) ? tcp_states[state] : HARK_STATE_BOUND;
}

/* Their numbers are SCTP's own (include/net/sctp/constants.h: enum sctp_state). */
static uint8_t state_of_association(uint8_t state)
{
	static const uint8_t states[] = {
		HARK_STATE_BOUND,       HARK_STATE_SYN_SENT,   HARK_STATE_SYN_SENT,
		HARK_STATE_ESTABLISHED, HARK_STATE_FIN_WAIT_1, HARK_STATE_FIN_WAIT_1,
		HARK_STATE_CLOSE_WAIT,  HARK_STATE_LAST_ACK,
	};

	return state < sizeof(states) ? states[state] : HARK_STATE_BOUND;
}

static struct hark_addr addr_of(uint8_t family, const __be32 *words, uint32_t device)
{
	struct hark_addr addr;

	if (family == HARK_FAMILY_INET)
		return hark_addr_from_ipv4(words);
	addr = hark_addr_from_ipv6(words, 0);
	if (!hark_addr_is_ipv4(&addr) && hark_addr_is_link_local(&addr))
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

/* What matters of the attributes of a message. */
struct attributes {
	const struct nlattr *locals;
	const struct nlattr *meminfo;
	bool is_subflow;
	bool has_peers;
};

static void fill_listener(struct sockdiag_dump *dump, const struct hark_socket *socket,
			  const struct inet_diag_msg *message, const struct attributes *attributes)
{
	struct hark_listener *listener = snapshot_listener(dump->snapshot, socket);

	if (socket->state == HARK_STATE_LISTEN) {
		listener->backlog = message->idiag_rqueue;
		listener->backlog_max = message->idiag_wqueue;
	}
	if (attributes->meminfo) {
		const uint32_t *values = mnl_attr_get_payload(attributes->meminfo);

		listener->has_meminfo = true;
		listener->drops = values[SK_MEMINFO_DROPS];
		listener->receive_max = values[SK_MEMINFO_RCVBUF];
	}
	if (attributes->is_subflow) {
		listener->subflow_cookie = socket->cookie;
		dump->has_mptcp = true;
	} else if (!socket->has_mark) {
		dump->hides_upper_layer = true;
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
static int take_locals(struct sockdiag_dump *dump, const struct nlattr *locals)
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

/* An association of SCTP's. Its `device` is where its route leads, and not what it is bound to. */
static void take_association(struct sockdiag_dump *dump, const struct inet_diag_msg *message)
{
	struct hark_snapshot *snapshot = dump->snapshot;
	struct hark_socket *socket = &snapshot->sockets.items[snapshot->sockets.n - 1];

	/* By a number that no association has. */
	if (socket->is_listener)
		snapshot->listeners.n--;
	socket->is_listener = false;
	socket->listener = HARK_NONE;
	socket->state = state_of_association(message->idiag_state);
	socket->device = 0;
}

/*
 * Before its associations some kernels tell of an endpoint once more (net/sctp/diag.c:
 * sctp_sock_dump()); and one that has a peer is its association.
 */
static bool is_told_elsewhere(const struct sockdiag_dump *dump, const struct hark_socket *socket)
{
	const struct hark_socket *other = &dump->snapshot->sockets.items[dump->first_socket];

	while (other < socket && (other->cookie != socket->cookie || other->remote_port))
		other++;
	return other < socket || socket->remote_port;
}

static int take_endpoint(struct sockdiag_dump *dump, const struct nlattr *locals)
{
	struct hark_snapshot *snapshot = dump->snapshot;
	const struct hark_socket *socket = &snapshot->sockets.items[snapshot->sockets.n - 1];

	if (dump->filter->all_states && is_told_elsewhere(dump, socket)) {
		snapshot->listeners.n -= socket->is_listener;
		snapshot->sockets.n--;
		return 0;
	}
	return locals ? take_locals(dump, locals) : 0;
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

static void take_attribute(struct hark_socket *socket, const struct nlattr *attr,
			   struct attributes *attributes)
{
	const void *value = attr + 1;
	size_t length = attr->nla_len - sizeof(*attr);
	uint8_t byte;

	switch (attr->nla_type & NLA_TYPE_MASK) {
	case INET_DIAG_SKV6ONLY:
		if (length == sizeof(byte)) {
			memcpy(&byte, value, sizeof(byte));
			socket->v6only = byte ? HARK_YES : HARK_NO;
		}
		break;
	case INET_DIAG_MARK:
		if (length == sizeof(socket->mark)) {
			memcpy(&socket->mark, value, sizeof(socket->mark));
			socket->has_mark = true;
		}
		break;
	case INET_DIAG_CGROUP_ID:
		if (length == sizeof(socket->cgroup_id))
			memcpy(&socket->cgroup_id, value, sizeof(socket->cgroup_id));
		break;
	case INET_DIAG_ULP_INFO:
		attributes->is_subflow = is_mptcp(attr);
		break;
	case INET_DIAG_LOCALS:
		attributes->locals = attr;
		break;
	case INET_DIAG_PEERS:
		attributes->has_peers = true;
		break;
	case INET_DIAG_SKMEMINFO:
		attributes->meminfo = length > SK_MEMINFO_DROPS * sizeof(uint32_t) ? attr : NULL;
		break;
	default:
		break;
	}
}

/* By hand rather than by libmnl, whose calls take longer than all else that is done for a row. */
static struct attributes take_attributes(struct hark_socket *socket, const struct nlmsghdr *header)
{
	struct attributes attributes = { .is_subflow = false };
	const char *at = (const char *)header + NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(struct inet_diag_msg));

	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *attr = (const struct nlattr *)at;
		size_t length = attr->nla_len;

		if (length < sizeof(*attr) || length > left)
			break;
		take_attribute(socket, attr, &attributes);
		length = (length + 3) & ~(size_t)3;
		if (length > left)
			break;
		at += length;
		left -= length;
	}
	return attributes;
}

int sockdiag_take(const struct nlmsghdr *header, void *data)
{
	struct sockdiag_dump *dump = data;
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	struct attributes attributes;
	struct hark_socket *socket;

	if (header->nlmsg_type != dump->message_type ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
		return -EBADMSG;
	if (dump->snapshot->sockets.n >= ROWS_MAX)
		return -E2BIG;
	socket = array_push(&dump->snapshot->sockets);
	if (!socket)
		return -ENOMEM;
	socket->netns = snapshot_netns(dump->snapshot);
	socket->protocol = dump->protocol;
	socket->holders = HARK_UNSUPPORTED; /* until somebody looks for them */
	fill_fixed(socket, message);
	if (snapshot_classify(dump->snapshot, socket) < 0)
		return -ENOMEM;
	attributes = take_attributes(socket, header);
	if (!dump->filter->all_states && !socket->is_listener) {
		dump->snapshot->sockets.n--;
		return 0;
	}
	if (socket->is_listener)
		fill_listener(dump, socket, message, &attributes);
	if (dump->protocol == HARK_PROTOCOL_SCTP && !attributes.has_peers)
		return take_endpoint(dump, attributes.locals);
	if (dump->protocol == HARK_PROTOCOL_SCTP)
		take_association(dump, message);
	return 0;
}
