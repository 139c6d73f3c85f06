/* SPDX-License-Identifier: MIT */
#include "fakekernel.h"

#include <arpa/inet.h>
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DATAGRAM_SIZE 8192
#define MESSAGE_ROOM  512 /* no message of ours is larger */

/* One reply to a dump, under construction. */
struct reply {
	struct fake_kernel *kernel;
	const struct nlmsghdr *request;
	struct datagram datagram;
};

static struct datagram new_datagram(struct fake_kernel *kernel)
{
	struct datagram datagram = { .bytes = arena_alloc(&kernel->arena, DATAGRAM_SIZE) };

	if (!datagram.bytes)
		err(1, "datagram");
	return datagram;
}

static void queue_datagram(struct fake_kernel *kernel, const struct datagram *datagram)
{
	struct datagram *queued = array_push(&kernel->queue);

	if (!queued)
		err(1, "queue");
	*queued = *datagram;
}

static void flush(struct reply *reply)
{
	if (reply->datagram.length == 0)
		return;
	if (reply->kernel->mangle)
		reply->kernel->mangle(reply->kernel, reply->request, &reply->datagram);
	queue_datagram(reply->kernel, &reply->datagram);
	reply->datagram = new_datagram(reply->kernel);
}

static struct nlmsghdr *begin(struct reply *reply, uint16_t type)
{
	struct nlmsghdr *message;

	if (reply->datagram.length + MESSAGE_ROOM > DATAGRAM_SIZE)
		flush(reply);
	message = mnl_nlmsg_put_header(reply->datagram.bytes + reply->datagram.length);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_MULTI;
	message->nlmsg_seq = reply->request->nlmsg_seq;
	return message;
}

static void end(struct reply *reply, const struct nlmsghdr *message)
{
	assert(message->nlmsg_len <= MESSAGE_ROOM);
	reply->datagram.length += NLMSG_ALIGN(message->nlmsg_len);
}

/* Bytes of an address in the form of a family: its length. */
static size_t address_bytes(const char *text, uint8_t af, unsigned char bytes[16])
{
	memset(bytes, 0, 16);
	if (text && inet_pton(af, text, bytes) != 1)
		errx(1, "not an address: %s", text);
	return af == AF_INET ? 4 : 16;
}

static uint8_t family_of_text(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static void fill_socket(const struct fake_kernel *kernel, struct nlmsghdr *header,
			const struct fake_socket *socket)
{
	struct inet_diag_msg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	struct inet_diag_sockopt options = { 0 };
	unsigned char bytes[16];

	message->idiag_family = socket->af;
	message->idiag_state = socket->state;
	memcpy(message->id.idiag_src, bytes, address_bytes(socket->local, socket->af, bytes));
	memcpy(message->id.idiag_dst, bytes, address_bytes(socket->remote, socket->af, bytes));
	message->id.idiag_sport = htons(socket->port);
	message->id.idiag_dport = htons(socket->remote_port);
	message->id.idiag_if = socket->device;
	message->id.idiag_cookie[0] = socket->inode;
	message->idiag_inode = socket->inode;
	mnl_attr_put_u8(header, INET_DIAG_SHUTDOWN, 0);
	if (!kernel->is_unprivileged)
		mnl_attr_put_u32(header, INET_DIAG_MARK, 0);
	if (!kernel->is_old) {
		mnl_attr_put_u64(header, INET_DIAG_CGROUP_ID, 1);
		mnl_attr_put(header, INET_DIAG_SOCKOPT, sizeof(options), &options);
	}
	if (socket->af == AF_INET6 && !kernel->is_old && !kernel->hides_v6only)
		mnl_attr_put_u8(header, INET_DIAG_SKV6ONLY, socket->is_v6only);
}

bool fake_is_old(const struct nlmsghdr *request)
{
	return request->nlmsg_type == TCPDIAG_GETSOCK &&
	       mnl_nlmsg_get_payload_len(request) >= sizeof(struct inet_diag_req);
}

uint16_t fake_protocol_of(const struct nlmsghdr *request)
{
	const struct inet_diag_req_v2 *diag = mnl_nlmsg_get_payload(request);
	const struct nlattr *attr;

	if (fake_is_old(request))
		return IPPROTO_TCP;
	if (request->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return 0;
	mnl_attr_for_each(attr, request, sizeof(*diag))
		if (mnl_attr_get_type(attr) == INET_DIAG_REQ_PROTOCOL)
			return (uint16_t)mnl_attr_get_u32(attr);
	return diag->sdiag_protocol;
}

uint8_t fake_family_of(const struct nlmsghdr *request)
{
	const struct inet_diag_req_v2 *diag = mnl_nlmsg_get_payload(request);

	return request->nlmsg_type == SOCK_DIAG_BY_FAMILY ? diag->sdiag_family : 0;
}

static uint32_t states_of(const struct nlmsghdr *request)
{
	const struct inet_diag_req *old = mnl_nlmsg_get_payload(request);
	const struct inet_diag_req_v2 *diag = mnl_nlmsg_get_payload(request);

	return fake_is_old(request) ? old->idiag_states : diag->idiag_states;
}

static void dump_sockets(struct reply *reply)
{
	uint16_t type = reply->request->nlmsg_type, protocol = fake_protocol_of(reply->request);
	uint8_t family = fake_family_of(reply->request);
	uint32_t states = states_of(reply->request);

	for (uint32_t i = 0; i < reply->kernel->tables.n_sockets; i++) {
		const struct fake_socket *socket = &reply->kernel->tables.sockets[i];

		if (socket->protocol == protocol && (socket->af == family || !family) &&
		    states & 1u << socket->state) {
			struct nlmsghdr *message = begin(reply, type);

			fill_socket(reply->kernel, message, socket);
			end(reply, message);
		}
	}
}

static void dump_links(struct reply *reply)
{
	for (uint32_t i = 0; i < reply->kernel->tables.n_links; i++) {
		const struct fake_link *link = &reply->kernel->tables.links[i];
		struct nlmsghdr *message = begin(reply, RTM_NEWLINK);
		struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

		info->ifi_index = (int)link->ifindex;
		info->ifi_flags = link->is_up ? IFF_UP : 0;
		mnl_attr_put_strz(message, IFLA_IFNAME, link->name);
		if (link->vrf_table) {
			struct nlattr *outer = mnl_attr_nest_start(message, IFLA_LINKINFO), *inner;

			mnl_attr_put_strz(message, IFLA_INFO_KIND, "vrf");
			inner = mnl_attr_nest_start(message, IFLA_INFO_DATA);
			mnl_attr_put_u32(message, IFLA_VRF_TABLE, link->vrf_table);
			mnl_attr_nest_end(message, inner);
			mnl_attr_nest_end(message, outer);
		}
		end(reply, message);
	}
}

static void dump_addresses(struct reply *reply)
{
	const struct ifaddrmsg *wanted = mnl_nlmsg_get_payload(reply->request);

	for (uint32_t i = 0; i < reply->kernel->tables.n_addresses; i++) {
		const struct fake_address *address = &reply->kernel->tables.addresses[i];
		uint8_t af = family_of_text(address->addr);
		unsigned char bytes[16];
		struct nlmsghdr *message;
		struct ifaddrmsg *ifa;
		size_t length;

		if (af != wanted->ifa_family)
			continue;
		message = begin(reply, RTM_NEWADDR);
		ifa = mnl_nlmsg_put_extra_header(message, sizeof(*ifa));
		ifa->ifa_family = af;
		ifa->ifa_index = address->ifindex;
		ifa->ifa_flags = (uint8_t)address->flags;
		if (address->peer || af == AF_INET6) {
			length = address_bytes(address->peer ? address->peer : address->addr, af,
					       bytes);
			mnl_attr_put(message, IFA_ADDRESS, length, bytes);
		}
		if (address->peer || af == AF_INET) {
			length = address_bytes(address->addr, af, bytes);
			mnl_attr_put(message, IFA_LOCAL, length, bytes);
		}
		mnl_attr_put_u32(message, IFA_FLAGS, address->flags);
		end(reply, message);
	}
}

static void put_route(struct reply *reply, const char *prefix, uint8_t af,
		      const struct fake_route *route)
{
	struct nlmsghdr *message = begin(reply, RTM_NEWROUTE);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(message, sizeof(*rtm));
	const char *slash = strchr(prefix, '/');
	char *addr = strndup(prefix, slash ? (size_t)(slash - prefix) : strlen(prefix));
	unsigned char bytes[16];
	size_t length = address_bytes(addr, af, bytes);

	free(addr);
	rtm->rtm_family = af;
	rtm->rtm_dst_len = (uint8_t)(slash ? (size_t)atoi(slash + 1) : length * 8);
	rtm->rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_COMPAT;
	rtm->rtm_type = route->type;
	mnl_attr_put_u32(message, RTA_TABLE, route->table);
	if (rtm->rtm_dst_len)
		mnl_attr_put(message, RTA_DST, length, bytes);
	mnl_attr_put_u32(message, RTA_OIF, route->ifindex);
	end(reply, message);
}

static void dump_routes(struct reply *reply)
{
	const struct rtmsg *wanted = mnl_nlmsg_get_payload(reply->request);
	uint32_t table = wanted->rtm_table;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, reply->request, sizeof(*wanted))
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			table = mnl_attr_get_u32(attr);
	for (uint32_t i = 0; i < reply->kernel->tables.n_routes; i++) {
		const struct fake_route *route = &reply->kernel->tables.routes[i];
		uint8_t af = family_of_text(route->prefix);

		if (af == wanted->rtm_family &&
		    (reply->kernel->has_no_strict ||
		     (route->table == table && route->type == wanted->rtm_type)))
			put_route(reply, route->prefix, af, route);
	}
}

static void answer_dump(struct fake_kernel *kernel, const struct nlmsghdr *request)
{
	struct reply reply = { .kernel = kernel,
			       .request = request,
			       .datagram = new_datagram(kernel) };
	struct nlmsghdr *done;
	int error = kernel->refuse ? kernel->refuse(kernel, request) : 0;

	kernel->n_dumps++;
	switch (error ? NLMSG_NOOP : request->nlmsg_type) {
	case NLMSG_NOOP:
		break;
	case SOCK_DIAG_BY_FAMILY:
		dump_sockets(&reply);
		break;
	case RTM_GETLINK:
		(fake_is_old(request) ? dump_sockets : dump_links)(&reply);
		break;
	case RTM_GETADDR:
		dump_addresses(&reply);
		break;
	case RTM_GETROUTE:
		dump_routes(&reply);
		break;
	default:
		error = -EOPNOTSUPP;
	}
	flush(&reply);
	done = begin(&reply, NLMSG_DONE);
	memcpy(mnl_nlmsg_put_extra_header(done, sizeof(error)), &error, sizeof(error));
	end(&reply, done);
	flush(&reply);
}

/*
 * How well a socket fits a packet; -1: not at all. As in net/ipv4/inet_hashtables.c, without
 * groups.
 */
static int score(const struct fake_socket *socket, uint8_t af, const void *addr, uint16_t port,
		 uint32_t device)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned char wanted[16] = { 0 }, bound[16];
	bool is_any;

	if (socket->port != port || (socket->device && socket->device != device) ||
	    (socket->state != TCP_LISTEN && socket->state != TCP_CLOSE) ||
	    (af == AF_INET6 && socket->af == AF_INET))
		return -1;
	is_any = socket->local == NULL || !strcmp(socket->local, "::") ||
		 !strcmp(socket->local, "0.0.0.0");
	if (is_any && af == AF_INET && socket->af == AF_INET6 && socket->is_v6only)
		return -1;
	if (!is_any) {
		if (af == AF_INET && socket->af == AF_INET6)
			memcpy(wanted, mapped, sizeof(mapped));
		memcpy(wanted + (af == AF_INET && socket->af == AF_INET6 ? 12 : 0), addr,
		       af == AF_INET ? 4 : 16);
		address_bytes(socket->local, socket->af, bound);
		if (memcmp(wanted, bound, socket->af == AF_INET ? 4 : 16))
			return -1;
	}
	return 4 * !is_any + 2 * !!socket->device + (socket->af == af);
}

static void answer_lookup(struct fake_kernel *kernel, const struct nlmsghdr *request)
{
	const struct inet_diag_req_v2 *diag = mnl_nlmsg_get_payload(request);
	uint16_t protocol = fake_protocol_of(request);
	bool is_udp = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
	const void *addr = is_udp ? diag->id.idiag_dst : diag->id.idiag_src;
	uint16_t port = ntohs(is_udp ? diag->id.idiag_dport : diag->id.idiag_sport);
	struct datagram datagram = new_datagram(kernel);
	struct nlmsghdr *message = mnl_nlmsg_put_header(datagram.bytes);
	const struct fake_socket *winner = NULL;
	int best = -1, refused = kernel->refuse ? kernel->refuse(kernel, request) : 0;

	for (uint32_t i = 0; i < kernel->tables.n_sockets && !refused; i++) {
		const struct fake_socket *socket = &kernel->tables.sockets[i];
		int points = socket->protocol == protocol ? score(socket, diag->sdiag_family, addr,
								  port, diag->id.idiag_if) :
							    -1;

		if (points > best) {
			best = points;
			winner = socket;
		}
	}
	kernel->n_lookups++;
	message->nlmsg_seq = request->nlmsg_seq;
	if (winner) {
		message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
		fill_socket(kernel, message, winner);
	} else {
		struct nlmsgerr *error = mnl_nlmsg_put_extra_header(message, sizeof(*error));

		message->nlmsg_type = NLMSG_ERROR;
		error->error = refused ? refused : -ENOENT;
		error->msg = *request;
	}
	datagram.length = message->nlmsg_len;
	queue_datagram(kernel, &datagram);
}

static int fake_nl_open(struct hark_source *source, int protocol)
{
	return ((struct fake_kernel *)source)->open_error[protocol];
}

static int fake_nl_send(struct hark_source *source, int handle, const void *bytes, size_t length)
{
	struct fake_kernel *kernel = (struct fake_kernel *)source;
	const struct nlmsghdr *request = bytes;
	int left = (int)length;

	(void)handle;
	for (; mnl_nlmsg_ok(request, left); request = mnl_nlmsg_next(request, &left)) {
		if (request->nlmsg_flags & NLM_F_DUMP)
			answer_dump(kernel, request);
		else
			answer_lookup(kernel, request);
	}
	return left ? -EINVAL : 0;
}

static ssize_t fake_nl_receive(struct hark_source *source, int handle, void *buffer, size_t size)
{
	struct fake_kernel *kernel = (struct fake_kernel *)source;
	const struct datagram *datagram;

	(void)handle;
	if (kernel->is_endless && kernel->n_received && kernel->n_received == kernel->queue.n)
		kernel->n_received--;
	if (kernel->n_received == kernel->queue.n)
		return -ETIMEDOUT;
	datagram = &kernel->queue.items[kernel->n_received++];
	if (!datagram->bytes)
		return datagram->result;
	if (datagram->length > size)
		return -EMSGSIZE;
	memcpy(buffer, datagram->bytes, datagram->length);
	return (ssize_t)datagram->length;
}

/* What was not received is gone with its socket; one is open at a time. */
static void fake_nl_close(struct hark_source *source, int handle)
{
	struct fake_kernel *kernel = (struct fake_kernel *)source;

	(void)handle;
	kernel->n_received = kernel->queue.n;
}

/* The first namespace of that path and inode. */
static int fake_enter(struct hark_source *source, const char *path, uint64_t inode)
{
	struct fake_kernel *kernel = (struct fake_kernel *)source;

	for (uint32_t i = 0; i < kernel->n_netns; i++) {
		const struct fake_netns *netns = &kernel->netns[i];

		if (strcmp(netns->path, path) || netns->inode != inode)
			continue;
		if (netns->error)
			return netns->error;
		kernel->own = kernel->tables;
		kernel->tables = netns->tables;
		kernel->n_entered++;
		source->is_elsewhere = true;
		source->thread_fd = -1;
		return 0;
	}
	return -ENOENT;
}

static void fake_leave(struct hark_source *source)
{
	struct fake_kernel *kernel = (struct fake_kernel *)source;

	kernel->tables = kernel->own;
	source->is_elsewhere = false;
}

static int64_t fake_time(struct hark_source *source)
{
	(void)source;
	return 1700000000;
}

static const struct source_ops fake_ops = {
	.nl_open = fake_nl_open,
	.nl_send = fake_nl_send,
	.nl_receive = fake_nl_receive,
	.nl_close = fake_nl_close,
	.enter = fake_enter,
	.leave = fake_leave,
	.time = fake_time,
};

void fake_init(struct fake_kernel *kernel)
{
	*kernel =
		(struct fake_kernel){ .source = { .ops = &fake_ops, .proc_fd = -1, .sys_fd = -1 } };
}

void fake_fini(struct fake_kernel *kernel)
{
	array_fini(&kernel->queue);
	arena_fini(&kernel->arena);
}
