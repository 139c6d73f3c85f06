/* SPDX-License-Identifier: MIT */
/* The network namespaces in an explanation: what they are called, and their settings. */
#include "explanation.h"

/* Whose namespace it is: "docker container 3f2a9c1b7d5e", "pod 6a35...", or NULL. */
static const char *owner_text(struct hark_explanation *x, uint32_t netns)
{
	const struct hark_process *origin = hark_snapshot_namespace_origin(x->snapshot, netns);

	if (origin && origin->pod)
		return say(x, "pod %s", origin->pod_name ? origin->pod_name : origin->pod);
	return origin && origin->container ? origin_text(x, origin) : NULL;
}

const char *in_namespace_text(struct hark_explanation *x, uint32_t netns)
{
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[netns];
	const char *name = namespace->name ? namespace->name : namespace->mount;
	const char *owner;

	if (netns == 0)
		return NULL;
	owner = owner_text(x, netns);
	if (name)
		return say(x, "in network namespace %s%s%s%s", name, owner ? " (" : "",
			   owner ? owner : "", owner ? ")" : "");
	if (owner)
		return say(x, "in the network namespace of %s", owner);
	if (namespace->pid)
		return say(x, "in network namespace %llu (of process %u)",
			   (unsigned long long)namespace->inode, namespace->pid);
	return say(x, "in network namespace %llu", (unsigned long long)namespace->inode);
}

static void tell_bindv6only(struct hark_explanation *x, const struct hark_namespace *namespace,
			    const char *here)
{
	bool is_on = namespace->bindv6only == HARK_YES;
	const char *code = is_on ? "bindv6only-on" : "bindv6only-off", *exception = "";

	if (x->exception != HARK_NONE)
		exception = say(x, " %s shows it: the option is %s there all the same.",
				name_of(x, socket_at(x, x->exception)), is_on ? "off" : "on");
	if (!is_first_hint(x, code))
		return;
	add_finding(
		x, HARK_FINDING_HEADLINE, code, HARK_NONE,
		say(x,
		    "net.ipv6.bindv6only is %u %s: a new IPv6 socket begins with IPV6_V6ONLY %s. That "
		    "is only the default, which a program overrides for its own sockets by "
		    "setsockopt().%s Sockets that exist keep what they have when it is changed.",
		    is_on, here, is_on ? "on, for IPv6 only" : "off, as dual-stack", exception),
		is_on ? "/proc/sys/net/ipv6/bindv6only is 1" :
			"/proc/sys/net/ipv6/bindv6only is 0");
}

void tell_settings(struct hark_explanation *x, uint32_t netns)
{
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[netns];
	const char *here = in_namespace_text(x, netns);

	here = here ? here : "here";
	if (x->has_ipv6 && namespace->ipv6_disabled == HARK_YES &&
	    is_first_hint(x, "ipv6-disabled"))
		add_finding(
			x, HARK_FINDING_HEADLINE, "ipv6-disabled", HARK_NONE,
			say(x,
			    "IPv6 is disabled %s. That takes away the IPv6 addresses, not the IPv6 sockets: "
			    "one that is dual-stack goes on serving IPv4, and netstat goes on calling it "
			    "\"tcp6\" or \"udp6\"; one that is for IPv6 only gets nothing.",
			    here),
			"/proc/sys/net/ipv6/conf/all/disable_ipv6 is 1");
	if (x->has_wildcard && namespace->bindv6only != HARK_UNKNOWN)
		tell_bindv6only(x, namespace, here);
	if (x->has_listener && namespace->sk_lookup == HARK_YES)
		add_finding(
			x, HARK_FINDING_HEADLINE, "sk-lookup", HARK_NONE,
			say(x,
			    "A BPF sk_lookup program is attached %s. It can hand a packet to a socket of "
			    "another address or port, before the kernel looks for one; what the kernel "
			    "answered above takes it into account.",
			    here),
			"BPF_PROG_QUERY tells of a program in this network namespace");
	tell_overflows(x, netns);
	x->has_ipv6 = x->has_wildcard = x->has_backlog = false;
	x->exception = HARK_NONE;
}

void tell_unread(struct hark_explanation *x)
{
	if (x->has_listener)
		tell_firewall_view(x);
}
