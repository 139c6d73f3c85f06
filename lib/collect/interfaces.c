/* SPDX-License-Identifier: MIT */
/*
 * Interfaces, as far as packets that come in by one depend on it.
 *
 * The dump of links carries each interface's own settings, as arrays (IFLA_AF_SPEC). Most count
 * together with that of "all" (include/linux/inetdevice.h: IN_DEV_ORCONF(), IN_DEV_MAXCONF()),
 * which has no link and is read from /proc/sys/net, files that are about the thread's namespace.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "routing.h"

#define INTERFACES_MAX (1u << 20)

static void forget_interfaces(void *data)
{
	struct ruleset *ruleset = data;

	ruleset->interfaces.n = 0;
}

/* A number of an array of them; `otherwise` where this kernel's array is shorter. */
static uint32_t setting(const struct nlattr *array, unsigned int i, uint32_t otherwise)
{
	uint32_t value;

	if (mnl_attr_get_payload_len(array) < (i + 1) * sizeof(value))
		return otherwise;
	memcpy(&value, (const char *)mnl_attr_get_payload(array) + i * sizeof(value),
	       sizeof(value));
	return value;
}

/* IFLA_INET_CONF begins with number 1. */
static void take_ipv4_settings(struct rule_interface *interface, const struct nlattr *array)
{
	interface->has_settings = mnl_attr_get_payload_len(array) >=
				  IPV4_DEVCONF_ROUTE_LOCALNET * sizeof(uint32_t);
	interface->forwards[HARK_FAMILY_INET] = setting(array, IPV4_DEVCONF_FORWARDING - 1, 0);
	interface->rp_filter = (uint8_t)setting(array, IPV4_DEVCONF_RP_FILTER - 1, 0);
	interface->accept_local = setting(array, IPV4_DEVCONF_ACCEPT_LOCAL - 1, 0);
	interface->route_localnet = setting(array, IPV4_DEVCONF_ROUTE_LOCALNET - 1, 0);
	interface->src_valid_mark = setting(array, IPV4_DEVCONF_SRC_VMARK - 1, 0);
	interface->ignores_linkdown[HARK_FAMILY_INET] =
		setting(array, IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN - 1, 0);
}

static void take_settings(struct rule_interface *interface, const struct nlattr *families)
{
	const struct nlattr *family, *attr;

	mnl_attr_for_each_nested(family, families) {
		mnl_attr_for_each_nested(attr, family) {
			if (mnl_attr_get_type(family) == AF_INET &&
			    mnl_attr_get_type(attr) == IFLA_INET_CONF)
				take_ipv4_settings(interface, attr);
			if (mnl_attr_get_type(family) == AF_INET6 &&
			    mnl_attr_get_type(attr) == IFLA_INET6_CONF)
				interface->ignores_linkdown[HARK_FAMILY_INET6] =
					setting(attr, DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, 0);
		}
	}
}

static int take_kind(struct ruleset *ruleset, struct rule_interface *interface,
		     const struct nlattr *link_info)
{
	const struct nlattr *attr, *inner, *info = NULL;

	mnl_attr_for_each_nested(attr, link_info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			info = attr;
		if (mnl_attr_get_type(attr) != IFLA_INFO_KIND)
			continue;
		interface->kind = routing_keep_text(ruleset, attr);
		if (!interface->kind)
			return -ENOMEM;
	}
	if (!info || !interface->kind || strcmp(interface->kind, "vrf"))
		return 0;
	mnl_attr_for_each_nested(inner, info)
		if (mnl_attr_get_type(inner) == IFLA_VRF_TABLE)
			routing_copy(inner, &interface->vrf_table, sizeof(interface->vrf_table));
	return 0;
}

static void take_xdp(struct rule_interface *interface, const struct nlattr *xdp)
{
	const struct nlattr *attr;
	uint8_t attached = XDP_ATTACHED_NONE;

	mnl_attr_for_each_nested(attr, xdp) {
		if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
			routing_copy(attr, &attached, sizeof(attached));
		if (mnl_attr_get_type(attr) == IFLA_XDP_PROG_ID)
			routing_copy(attr, &interface->xdp, sizeof(interface->xdp));
	}
	interface->has_xdp = attached != XDP_ATTACHED_NONE;
}

static int take_attribute(struct ruleset *ruleset, struct rule_interface *interface,
			  const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		interface->name = routing_keep_text(ruleset, attr);
		return interface->name ? 0 : -ENOMEM;
	case IFLA_MASTER:
		routing_copy(attr, &interface->master, sizeof(interface->master));
		return 0;
	case IFLA_GROUP:
		routing_copy(attr, &interface->group, sizeof(interface->group));
		return 0;
	case IFLA_LINKINFO:
		return take_kind(ruleset, interface, attr);
	case IFLA_XDP:
		take_xdp(interface, attr);
		return 0;
	case IFLA_AF_SPEC:
		take_settings(interface, attr);
		return 0;
	default:
		return 0;
	}
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct ruleset *ruleset = data;
	struct rule_interface *interface;
	const struct nlattr *attr;
	int r = 0;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return 0;
	if (ruleset->interfaces.n >= INTERFACES_MAX)
		return -E2BIG;
	interface = array_push(&ruleset->interfaces);
	if (!interface)
		return -ENOMEM;
	interface->ifindex = (uint32_t)link->ifi_index;
	interface->type = link->ifi_type;
	interface->is_up = link->ifi_flags & IFF_UP;
	interface->is_loopback = link->ifi_flags & IFF_LOOPBACK;
	interface->name = "";
	mnl_attr_for_each(attr, message, sizeof(*link)) {
		r = take_attribute(ruleset, interface, attr);
		if (r < 0)
			break;
	}
	return r;
}

/* One digit, as most of these files have; `otherwise` where it cannot be read. */
static uint8_t read_number(struct hark_source *source, const char *path, uint8_t otherwise)
{
	char text[16];

	if (source_read_file(source->proc_fd, path, text, sizeof(text)) < 1 || text[0] < '0' ||
	    text[0] > '9')
		return otherwise;
	return (uint8_t)(text[0] - '0');
}

/* In place of "all", what most hosts have: the kernel's defaults. */
static void join_settings(struct hark_source *source, struct ruleset *ruleset)
{
	uint8_t rp_filter = read_number(source, "sys/net/ipv4/conf/all/rp_filter", 0);
	bool accept_local = read_number(source, "sys/net/ipv4/conf/all/accept_local", 0);
	bool route_localnet = read_number(source, "sys/net/ipv4/conf/all/route_localnet", 0);
	bool src_valid_mark = read_number(source, "sys/net/ipv4/conf/all/src_valid_mark", 0);
	bool forwarding = read_number(source, "sys/net/ipv6/conf/all/forwarding", 0);

	for (uint32_t i = 0; i < ruleset->interfaces.n; i++) {
		struct rule_interface *interface = &ruleset->interfaces.items[i];

		if (interface->rp_filter < rp_filter)
			interface->rp_filter = rp_filter;
		interface->accept_local |= accept_local;
		interface->route_localnet |= route_localnet;
		interface->src_valid_mark |= src_valid_mark;
		interface->forwards[HARK_FAMILY_INET6] = forwarding;
		for (int family = 0; family < HARK_FAMILY_N_; family++)
			if (interface->forwards[family])
				ruleset->forwarding[family] = HARK_YES;
			else if (ruleset->forwarding[family] == HARK_UNKNOWN)
				ruleset->forwarding[family] = HARK_NO;
	}
}

static bool has_bridge(const struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->interfaces.n; i++)
		if (ruleset->interfaces.items[i].kind &&
		    !strcmp(ruleset->interfaces.items[i].kind, "bridge"))
			return true;
	return false;
}

static int compare_interfaces(const void *left, const void *right)
{
	const struct rule_interface *a = left, *b = right;

	return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

int interfaces_read(struct hark_source *source, struct nl *nl, struct ruleset *ruleset)
{
	union {
		struct nlmsghdr header;
		unsigned char
			bytes[sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg) + NLA_HDRLEN + 4];
	} request;
	struct nlmsghdr *header = mnl_nlmsg_put_header(&request);
	bool interrupted;
	int r;

	header->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_dump(nl, header, take_link, forget_interfaces, ruleset, &interrupted);
	if (r < 0)
		return r;
	if (ruleset->interfaces.n)
		qsort(ruleset->interfaces.items, ruleset->interfaces.n,
		      sizeof(*ruleset->interfaces.items), compare_interfaces);
	join_settings(source, ruleset);
	if (has_bridge(ruleset)) {
		ruleset->bridge_calls_ip[HARK_FAMILY_INET] =
			read_number(source, "sys/net/bridge/bridge-nf-call-iptables", 0);
		ruleset->bridge_calls_ip[HARK_FAMILY_INET6] =
			read_number(source, "sys/net/bridge/bridge-nf-call-ip6tables", 0);
	}
	return 0;
}
