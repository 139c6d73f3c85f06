/* SPDX-License-Identifier: MIT */
#include "rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_S   2
#define BUFFER_SIZE 16384 /* a reply about a link with all that it tells takes 2 KiB */

union request {
	struct nlmsghdr header;
	unsigned char bytes[1024];
};

int rtnl_open(void)
{
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void *begin(union request *request, uint16_t type, uint16_t flags, size_t size)
{
	memset(request, 0, sizeof(*request));
	mnl_nlmsg_put_header(request);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | flags;
	request->header.nlmsg_seq = 1;
	return mnl_nlmsg_put_extra_header(&request->header, size);
}

/* Sends the request, and reads its one reply into `reply`, of BUFFER_SIZE bytes. */
static int ask(int fd, const union request *request, void *reply)
{
	const struct nlmsghdr *header = reply;
	struct sockaddr_nl from = { 0 };
	socklen_t from_size;
	ssize_t length;

	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	do {
		from_size = sizeof(from);
		length = recvfrom(fd, reply, BUFFER_SIZE, 0, (struct sockaddr *)&from, &from_size);
		if (length < 0 && errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	} while (length < 0 || from.nl_pid != 0); /* any process may send to our socket */
	if (!mnl_nlmsg_ok(header, (int)length))
		return -EBADMSG;
	if (header->nlmsg_type != NLMSG_ERROR)
		return 0;
	return mnl_nlmsg_get_payload_len(header) < sizeof(int) ?
		       -EBADMSG :
		       *(const int *)mnl_nlmsg_get_payload(header);
}

/* What is only done has an empty error for a reply. */
static int change(int fd, union request *request)
{
	char reply[BUFFER_SIZE];

	request->header.nlmsg_flags |= NLM_F_ACK;
	return ask(fd, request, reply);
}

static uint8_t af_of(enum hark_family family)
{
	return family == HARK_FAMILY_INET ? AF_INET : AF_INET6;
}

static enum hark_family family_of(const struct hark_addr *addr)
{
	return hark_addr_is_ipv4(addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
}

static uint8_t bits_of(const struct hark_addr *addr)
{
	return hark_addr_is_ipv4(addr) ? 32 : 128;
}

static void put_addr(union request *request, uint16_t type, const struct hark_addr *addr)
{
	if (hark_addr_is_ipv4(addr))
		mnl_attr_put(&request->header, type, 4, addr->bytes + 12);
	else
		mnl_attr_put(&request->header, type, 16, addr->bytes);
}

int rtnl_add_veth(int fd, const char *name, const char *other_name, int other_netns_fd,
		  const uint8_t mac[6])
{
	union request request;
	struct nlmsghdr *header = &request.header;
	struct ifinfomsg *link =
		begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	struct nlattr *info, *data, *peer;

	link->ifi_flags = link->ifi_change = IFF_NOARP;
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	mnl_attr_put(header, IFLA_ADDRESS, 6, mac);
	info = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(header, VETH_INFO_PEER);
	link = mnl_nlmsg_put_extra_header(header, sizeof(*link));
	link->ifi_flags = link->ifi_change = IFF_NOARP;
	mnl_attr_put_strz(header, IFLA_IFNAME, other_name);
	mnl_attr_put(header, IFLA_ADDRESS, 6, mac);
	mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)other_netns_fd);
	mnl_attr_nest_end(header, peer);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, info);
	return change(fd, &request);
}

int rtnl_set_up(int fd, uint32_t ifindex)
{
	union request request;
	struct nlmsghdr *header = &request.header;
	struct ifinfomsg *link = begin(&request, RTM_NEWLINK, 0, sizeof(*link));
	struct nlattr *families, *inet6;
	int r;

	link->ifi_index = (int)ifindex;
	families = mnl_attr_nest_start(header, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(header, AF_INET6);
	mnl_attr_put_u8(header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(header, inet6);
	mnl_attr_nest_end(header, families);
	r = change(fd, &request);
	if (r < 0 && r != -EAFNOSUPPORT && r != -EINVAL) /* there may be no IPv6 */
		return r;
	link = begin(&request, RTM_NEWLINK, 0, sizeof(*link));
	link->ifi_index = (int)ifindex;
	link->ifi_flags = link->ifi_change = IFF_UP;
	return change(fd, &request);
}

int rtnl_delete_link(int fd, const char *name)
{
	union request request;

	begin(&request, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, name);
	return change(fd, &request);
}

int rtnl_get_link(int fd, const char *name, uint32_t *ret_ifindex, bool *ret_is_running)
{
	char reply[BUFFER_SIZE];
	union request request;
	const struct nlattr *attr;
	const struct ifinfomsg *link;
	int r;

	begin(&request, RTM_GETLINK, 0, sizeof(*link));
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, name);
	r = ask(fd, &request, reply);
	if (r < 0)
		return r;
	link = mnl_nlmsg_get_payload((struct nlmsghdr *)reply);
	*ret_ifindex = (uint32_t)link->ifi_index;
	*ret_is_running = false;
	mnl_attr_for_each(attr, (struct nlmsghdr *)reply, sizeof(*link))
		if (mnl_attr_get_type(attr) == IFLA_OPERSTATE)
			*ret_is_running = mnl_attr_get_u8(attr) == IF_OPER_UP;
	return 0;
}

int rtnl_add_address(int fd, uint32_t ifindex, const struct hark_addr *addr)
{
	union request request;
	struct ifaddrmsg *ifa =
		begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*ifa));

	ifa->ifa_family = af_of(family_of(addr));
	ifa->ifa_prefixlen = bits_of(addr);
	ifa->ifa_flags = IFA_F_NODAD;
	ifa->ifa_index = ifindex;
	put_addr(&request, IFA_LOCAL, addr);
	put_addr(&request, IFA_ADDRESS, addr);
	return change(fd, &request);
}

int rtnl_set_route(int fd, enum hark_family family, uint32_t ifindex, const struct hark_addr *to,
		   const struct hark_addr *source)
{
	union request request;
	struct rtmsg *route =
		begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*route));

	route->rtm_family = af_of(family);
	route->rtm_dst_len = to ? bits_of(to) : 0;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = RT_SCOPE_LINK;
	route->rtm_type = RTN_UNICAST;
	if (to)
		put_addr(&request, RTA_DST, to);
	if (source)
		put_addr(&request, RTA_PREFSRC, source);
	mnl_attr_put_u32(&request.header, RTA_OIF, ifindex);
	return change(fd, &request);
}

int rtnl_get_route(int fd, const struct hark_addr *to, uint8_t *ret_bits, bool *ret_is_local)
{
	char reply[BUFFER_SIZE];
	union request request;
	struct rtmsg *route = begin(&request, RTM_GETROUTE, 0, sizeof(*route));
	int r;

	route->rtm_family = af_of(family_of(to));
	route->rtm_dst_len = bits_of(to);
	route->rtm_flags = RTM_F_FIB_MATCH;
	put_addr(&request, RTA_DST, to);
	r = ask(fd, &request, reply);
	if (r < 0)
		return r;
	route = mnl_nlmsg_get_payload((struct nlmsghdr *)reply);
	*ret_bits = route->rtm_dst_len;
	*ret_is_local = route->rtm_type == RTN_LOCAL;
	return 0;
}
