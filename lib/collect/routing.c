/* SPDX-License-Identifier: MIT */
/*
 * Routes, the rules that choose among tables of them, and addresses: three dumps by rtnetlink, each
 * of both families at once. Routes come last, for theirs may be left in the middle: a host with the
 * routes of the whole Internet has a million.
 */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "routing.h"
#include "ruleset_names.h"
#include "rules.h"

#define ROUTES_MAX    200000u
#define HOPS_MAX      400000u
#define POLICIES_MAX  65536u
#define ADDRESSES_MAX (1u << 20)

/* False for families that are none of ours, those of multicast routing for instance. */
static bool take_family(uint8_t af, uint8_t *ret)
{
	*ret = af == AF_INET6 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	return af == AF_INET || af == AF_INET6;
}

static bool take_addr(const struct nlattr *attr, uint8_t family, struct hark_addr *ret)
{
	uint8_t bytes[16];

	if (!routing_copy(attr, bytes, family == HARK_FAMILY_INET ? 4 : 16))
		return false;
	*ret = family == HARK_FAMILY_INET ? hark_addr_from_ipv4(bytes) :
					    hark_addr_from_ipv6(bytes, 0);
	return true;
}

/*
 * The prefix of no bits at all, and then so many; false where there are more than an address has.
 */
static bool take_bits(uint8_t family, uint8_t bits, struct hark_prefix *ret)
{
	static const uint8_t zero[16];

	if (bits > (family == HARK_FAMILY_INET ? 32 : 128))
		return false;
	*ret = (struct hark_prefix){
		.addr = family == HARK_FAMILY_INET ? hark_addr_from_ipv4(zero) :
						     hark_addr_from_ipv6(zero, 0),
		.bits = (uint8_t)(bits + (family == HARK_FAMILY_INET ? 96 : 0)),
	};
	return true;
}

static void forget_addresses(void *data)
{
	struct ruleset *ruleset = data;

	ruleset->addresses.n = 0;
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	struct ruleset *ruleset = data;
	struct rule_address found = { 0 }, *added;
	const struct nlattr *attr;
	bool has_addr = false, has_local = false;
	uint32_t flags;
	uint8_t family;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*ifa) ||
	    !take_family(ifa->ifa_family, &family))
		return 0;
	flags = ifa->ifa_flags;
	found.ifindex = ifa->ifa_index;
	found.scope = ifa->ifa_scope;
	mnl_attr_for_each(attr, message, sizeof(*ifa)) {
		/* On a point-to-point link IFA_ADDRESS is the peer's. */
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			has_local = take_addr(attr, family, &found.addr);
		else if (mnl_attr_get_type(attr) == IFA_ADDRESS && !has_local)
			has_addr = take_addr(attr, family, &found.addr);
		else if (mnl_attr_get_type(attr) == IFA_FLAGS)
			routing_copy(attr, &flags, sizeof(flags));
	}
	if (!has_addr && !has_local)
		return 0;
	found.is_usable = !(flags & IFA_F_DADFAILED) &&
			  (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC);
	if (ruleset->addresses.n >= ADDRESSES_MAX)
		return -E2BIG;
	added = array_push(&ruleset->addresses);
	if (!added)
		return -ENOMEM;
	*added = found;
	return 0;
}

static void forget_policies(void *data)
{
	struct ruleset *ruleset = data;

	ruleset->policies.n = 0;
}

/* One attribute of a rule: 0, -ENOMEM, or -EBADMSG. */
static int take_policy_attribute(struct ruleset *ruleset, struct rule_policy *policy,
				 const struct nlattr *attr)
{
	const char **name = mnl_attr_get_type(attr) == FRA_IIFNAME ? &policy->iif : &policy->oif;
	struct fib_rule_uid_range users;
	bool is_whole = true;
	uint8_t flag = 0;

	switch (mnl_attr_get_type(attr)) {
	case FRA_SRC:
		is_whole = take_addr(attr, policy->family, &policy->from.addr);
		break;
	case FRA_DST:
		is_whole = take_addr(attr, policy->family, &policy->to.addr);
		break;
	case FRA_IIFNAME:
	case FRA_OIFNAME:
		*name = routing_keep_text(ruleset, attr);
		return *name ? 0 : -ENOMEM;
	case FRA_PRIORITY:
		is_whole = routing_copy(attr, &policy->priority, 4);
		break;
	case FRA_TABLE:
		is_whole = routing_copy(attr, &policy->table, 4);
		break;
	case FRA_FWMARK:
		is_whole = routing_copy(attr, &policy->mark, 4);
		break;
	case FRA_FWMASK:
		is_whole = routing_copy(attr, &policy->mask, 4);
		break;
	case FRA_GOTO:
		is_whole = routing_copy(attr, &policy->go_to, 4);
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		is_whole = routing_copy(attr, &policy->suppress_prefix, 4);
		break;
	case FRA_L3MDEV:
		is_whole = routing_copy(attr, &flag, 1);
		policy->is_l3mdev = flag;
		break;
	case FRA_IP_PROTO:
		is_whole = routing_copy(attr, &policy->protocol, 1);
		break;
	case FRA_UID_RANGE:
		is_whole = routing_copy(attr, &users, sizeof(users));
		/* The kernel tells it of rules that have none, too: all users. */
		policy->has_rest |= is_whole && (users.start > 0 || users.end < UINT32_MAX);
		break;
	case FRA_PROTOCOL: /* who made it */
	case FRA_FLOW:
	case FRA_PAD:
		break;
	case FRA_SUPPRESS_IFGROUP:
	case FRA_TUN_ID:
	case FRA_SPORT_RANGE:
	case FRA_DPORT_RANGE:
	default:
		policy->has_rest = true;
		break;
	}
	return is_whole ? 0 : -EBADMSG;
}

static int take_policy(const struct nlmsghdr *message, void *data)
{
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(message);
	struct ruleset *ruleset = data;
	struct rule_policy *policy;
	const struct nlattr *attr;
	uint8_t family;
	int r;

	if (message->nlmsg_type != RTM_NEWRULE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*rule) ||
	    !take_family(rule->family, &family))
		return 0;
	if (ruleset->policies.n >= POLICIES_MAX)
		return -E2BIG;
	policy = array_push(&ruleset->policies);
	if (!policy)
		return -ENOMEM;
	policy->family = family;
	policy->action = rule->action;
	policy->table = rule->table;
	policy->tos = rule->tos;
	policy->is_inverted = rule->flags & FIB_RULE_INVERT;
	policy->suppress_prefix = -1;
	if (!take_bits(family, rule->src_len, &policy->from) ||
	    !take_bits(family, rule->dst_len, &policy->to))
		return -EBADMSG;
	mnl_attr_for_each(attr, message, sizeof(*rule)) {
		r = take_policy_attribute(ruleset, policy, attr);
		if (r < 0)
			return r;
	}
	return 0;
}

static void forget_routes(void *data)
{
	struct ruleset *ruleset = data;

	ruleset->routes.n = ruleset->hops.n = ruleset->locals.n = ruleset->broadcasts.n = 0;
	ruleset->has_added_locals = false;
}

static int take_hops(struct ruleset *ruleset, struct rule_route *route, const struct nlattr *attr)
{
	const char *at = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr), step;
	struct rtnexthop hop;
	struct rule_hop *added;

	route->first_hop = ruleset->hops.n;
	for (; left >= sizeof(hop); at += step, left -= step) {
		memcpy(&hop, at, sizeof(hop));
		step = (size_t)NLA_ALIGN(hop.rtnh_len);
		if (hop.rtnh_len < sizeof(hop) || step > left)
			return -EBADMSG;
		if (ruleset->hops.n >= HOPS_MAX || route->n_hops == UINT16_MAX)
			return -E2BIG;
		added = array_push(&ruleset->hops);
		if (!added)
			return -ENOMEM;
		added->oif = (uint32_t)hop.rtnh_ifindex;
		added->is_dead = hop.rtnh_flags & RTNH_F_DEAD;
		added->is_linkdown = hop.rtnh_flags & RTNH_F_LINKDOWN;
		route->n_hops++;
	}
	return 0;
}

static int take_route_attribute(struct ruleset *ruleset, struct rule_route *route, uint8_t family,
				const struct nlattr *attr)
{
	bool is_whole = true;

	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		is_whole = take_addr(attr, family, &route->to.addr);
		break;
	case RTA_TABLE:
		is_whole = routing_copy(attr, &route->table, 4);
		break;
	case RTA_PRIORITY:
		is_whole = routing_copy(attr, &route->metric, 4);
		break;
	case RTA_OIF:
		is_whole = routing_copy(attr, &route->oif, 4);
		break;
	case RTA_GATEWAY:
	case RTA_VIA:
		route->has_gateway = true;
		break;
	case RTA_MULTIPATH:
		return take_hops(ruleset, route, attr);
	default:
		break;
	}
	return is_whole ? 0 : -EBADMSG;
}

/* What is local, whatever the table. */
static int keep_place(struct ruleset *ruleset, const struct rule_route *route)
{
	struct hark_place *place;

	if (route->type == RULE_ROUTE_LOCAL)
		place = array_push(&ruleset->locals);
	else if (route->type == RULE_ROUTE_BROADCAST)
		place = array_push(&ruleset->broadcasts);
	else
		return 0;
	if (!place)
		return -ENOMEM;
	place->prefix = route->to;
	place->ifindex = route->oif;
	return 0;
}

static bool is_refusal(uint8_t type)
{
	return type >= RULE_ROUTE_BLACKHOLE && type <= RULE_ROUTE_THROW;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(message);
	struct ruleset *ruleset = data;
	struct rule_route *route;
	const struct nlattr *attr;
	uint8_t family;
	int r;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*rtm) ||
	    !take_family(rtm->rtm_family, &family) || rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	/* Dead: its interface is down. One that refuses has none. */
	if (rtm->rtm_flags & RTNH_F_DEAD && !is_refusal(rtm->rtm_type))
		return 0;
	if (ruleset->routes.n >= ROUTES_MAX)
		return -E2BIG;
	route = array_push(&ruleset->routes);
	if (!route)
		return -ENOMEM;
	if (!take_bits(family, rtm->rtm_dst_len, &route->to))
		return -EBADMSG;
	route->family = family;
	route->table = rtm->rtm_table;
	route->type = rtm->rtm_type;
	route->tos = rtm->rtm_tos;
	route->is_linkdown = rtm->rtm_flags & RTNH_F_LINKDOWN;
	mnl_attr_for_each(attr, message, sizeof(*rtm)) {
		r = take_route_attribute(ruleset, route, family, attr);
		if (r < 0)
			return r;
	}
	/* With net.ipv4.nexthop_compat_mode=0 a nexthop object is told by its id alone. */
	route->has_rest = rtm->rtm_src_len > 0 ||
			  (!route->oif && !route->n_hops && !is_refusal(route->type));
	ruleset->has_added_locals |= family == HARK_FAMILY_INET && route->type == RTN_LOCAL &&
				     rtm->rtm_protocol != RTPROT_KERNEL;
	return keep_place(ruleset, route);
}

/* A dump of both families: 0 or -errno. */
static int dump(struct nl *nl, struct ruleset *ruleset, uint16_t type, size_t size, nl_take take,
		void (*forget)(void *data))
{
	union {
		struct nlmsghdr header;
		unsigned char bytes[sizeof(struct nlmsghdr) + sizeof(struct rtmsg)];
	} request;
	struct nlmsghdr *header = mnl_nlmsg_put_header(&request);
	bool interrupted;

	header->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(header, size); /* AF_UNSPEC */
	return nl_dump(nl, header, take, forget, ruleset, &interrupted);
}

/* What a kernel without policy routing does. */
static int add_policies(struct ruleset *ruleset)
{
	bool has_any[HARK_FAMILY_N_] = { false };

	for (uint32_t i = 0; i < ruleset->policies.n; i++)
		has_any[ruleset->policies.items[i].family] = true;
	for (uint8_t family = 0; family < HARK_FAMILY_N_; family++) {
		for (int i = 0; i < 2 && !has_any[family]; i++) {
			struct rule_policy *policy = array_push(&ruleset->policies);

			if (!policy)
				return -ENOMEM;
			policy->family = family;
			policy->priority = i ? 32766 : 0;
			policy->action = RULE_POLICY_TABLE;
			policy->table = i ? RULE_TABLE_MAIN : RULE_TABLE_LOCAL;
			policy->suppress_prefix = -1;
			take_bits(family, 0, &policy->from);
			take_bits(family, 0, &policy->to);
		}
	}
	return 0;
}

static int read_all(struct hark_source *source, struct nl *nl, struct ruleset *ruleset)
{
	int r = interfaces_read(source, nl, ruleset);

	if (r == 0)
		r = dump(nl, ruleset, RTM_GETADDR, sizeof(struct ifaddrmsg), take_address,
			 forget_addresses);
	if (r == 0)
		r = dump(nl, ruleset, RTM_GETRULE, sizeof(struct fib_rule_hdr), take_policy,
			 forget_policies);
	if (r == -EOPNOTSUPP)
		r = 0;
	if (r == 0)
		r = add_policies(ruleset);
	if (r == 0)
		r = dump(nl, ruleset, RTM_GETROUTE, sizeof(struct rtmsg), take_route,
			 forget_routes);
	return r;
}

int routing_read(struct hark_source *source, struct ruleset *ruleset)
{
	struct nl nl;
	int r = nl_open(&nl, source, NETLINK_ROUTE);

	if (r == 0)
		r = read_all(source, &nl, ruleset);
	nl_close(&nl);
	if (r == -ENOMEM)
		return r;
	ruleset->routing = r == 0                      ? HARK_KNOWN :
			   r == -EPERM || r == -EACCES ? HARK_DENIED :
							 HARK_UNSUPPORTED;
	return 0;
}
