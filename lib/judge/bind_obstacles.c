/* SPDX-License-Identifier: MIT */
/* What is in the way of a bind besides other sockets: the interface, the address, the port. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bind_verdict.h"
#include "text.h"

/* <linux/if_addr.h> */
#define TENTATIVE  0x40u
#define OPTIMISTIC 0x04u
#define DAD_FAILED 0x08u

static const char *address_text(struct hark_bind_verdict *verdict)
{
	char text[HARK_ADDR_TEXT_SIZE];

	return say(&verdict->words, "%s", hark_addr_format(&verdict->want.wish.addr, text));
}

static const char *ipv6_switch_evidence(const struct hark_bind_verdict *verdict)
{
	return verdict->words.snapshot->ports->ipv6_presence == HARK_ABSENT ?
		       "there is no /proc/net/if_inet6" :
		       NULL;
}

static void check_family(struct hark_bind_verdict *verdict)
{
	const struct hark_port_settings *ports = verdict->words.snapshot->ports;

	if (verdict->want.wish.family != HARK_FAMILY_INET6 || ports->ipv6_presence != HARK_ABSENT)
		return;
	bind_add(verdict, (struct hark_obstacle){
				  .code = "no-ipv6",
				  .text = "This kernel has no IPv6, or it was started with "
					  "ipv6.disable=1.",
				  .evidence = ipv6_switch_evidence(verdict),
				  .help = "an IPv4 address",
				  .socket = HARK_NONE,
				  .error = -EAFNOSUPPORT,
				  .certainty = HARK_YES,
			  });
}

static void check_device(struct hark_bind_verdict *verdict)
{
	struct hark_explanation *x = &verdict->words;

	if (verdict->want.has_device)
		return;
	bind_add(verdict, (struct hark_obstacle){
				  .code = "no-device",
				  .text = say(x, "There is no interface %s here.",
					      verdict->want.wish.device),
				  .evidence = "rtnetlink: RTM_GETLINK",
				  .help = "the name of an interface that is there (ip link)",
				  .socket = HARK_NONE,
				  .error = -ENODEV,
				  .certainty = HARK_YES,
			  });
}

/* What an AF_INET6 socket may not be bound to at all. */
static void check_form(struct hark_bind_verdict *verdict)
{
	const struct hark_bind_wish *wish = &verdict->want.wish;
	const struct hark_addr *addr = &wish->addr;
	struct hark_obstacle obstacle = { .socket = HARK_NONE,
					  .error = -EINVAL,
					  .certainty = HARK_YES };

	if (wish->family != HARK_FAMILY_INET6)
		return;
	if (hark_addr_is_ipv4(addr) && verdict->want.v6only) {
		obstacle.code = "mapped-v6only";
		obstacle.text =
			"An IPv6 socket with IPV6_V6ONLY cannot be bound to an IPv4 address "
			"(::ffff:...).";
		obstacle.help = "IPV6_V6ONLY off, or an IPv4 socket";
	} else if (hark_addr_is_ipv4(addr)) {
		return;
	} else if (hark_addr_is_multicast(addr) && wish->protocol == HARK_PROTOCOL_TCP) {
		obstacle.code = "multicast";
		obstacle.text = "TCP cannot be bound to an IPv6 multicast address.";
		obstacle.help = "an address of an interface, or UDP";
	} else if ((hark_addr_is_link_local(addr) ||
		    (hark_addr_is_multicast(addr) && (addr->bytes[1] & 0xf) == 2)) &&
		   !wish->device) {
		obstacle.code = "no-scope";
		obstacle.text = "A link-local address means nothing without its interface.";
		obstacle.help =
			"the interface behind the address ([fe80::1%eth0]:80), that is sin6_scope_id";
	} else {
		return;
	}
	bind_add(verdict, obstacle);
}

static bool is_same_vrf(const struct hark_bind_verdict *verdict, uint32_t ifindex)
{
	return bind_vrf_of(verdict->words.snapshot, ifindex) == verdict->want.vrf;
}

/* inet_addr_type(): what is local, or broadcast, or multicast may be bound. */
static bool is_local_ipv4(const struct hark_bind_verdict *verdict)
{
	const struct hark_snapshot *snapshot = verdict->words.snapshot;
	const struct hark_namespace *namespace = &snapshot->namespaces.items[0];
	const struct hark_addr *addr = &verdict->want.wish.addr;
	static const uint8_t limited[4] = { 255, 255, 255, 255 };

	if (addr->bytes[12] == 0 || hark_addr_is_multicast(addr) ||
	    !memcmp(addr->bytes + 12, limited, sizeof(limited)))
		return true;
	for (uint32_t i = 0; i < snapshot->broadcasts.n; i++)
		if (!memcmp(snapshot->broadcasts.items[i].bytes, addr->bytes, sizeof(addr->bytes)))
			return true;
	for (uint32_t i = 0; i < namespace->n_places; i++) {
		const struct hark_place *place =
			&snapshot->places.items[namespace->first_place + i];

		if (hark_prefix_contains(&place->prefix, addr) &&
		    is_same_vrf(verdict, place->ifindex))
			return true;
	}
	return false;
}

/* The row that makes an IPv6 address local, be it usable or not (ipv6_chk_addr()); or NULL. */
static const struct hark_ipv6_address *find_ipv6(const struct hark_bind_verdict *verdict)
{
	const struct hark_port_settings *ports = verdict->words.snapshot->ports;
	const struct hark_addr *addr = &verdict->want.wish.addr;
	const struct hark_ipv6_address *unusable = NULL;

	for (uint32_t i = 0; i < ports->n_ipv6; i++) {
		const struct hark_ipv6_address *found = &ports->ipv6[i];

		if (memcmp(found->addr.bytes, addr->bytes, sizeof(addr->bytes)) != 0 ||
		    (verdict->want.device && !is_same_vrf(verdict, found->ifindex)))
			continue;
		/* Those of one link, or of the host alone, are of their interface alone. */
		if (verdict->want.device && verdict->want.device != found->ifindex &&
		    (hark_addr_is_link_local(addr) || hark_addr_is_loopback(addr)))
			continue;
		if (!(found->flags & TENTATIVE) || found->flags & OPTIMISTIC)
			return found;
		unusable = found;
	}
	return unusable;
}

static const char *interface_text(const struct hark_bind_verdict *verdict, uint32_t ifindex)
{
	const char *name = hark_snapshot_interface_name(verdict->words.snapshot, 0, ifindex);

	return name ? name : "an interface";
}

static void add_tentative(struct hark_bind_verdict *verdict, const struct hark_ipv6_address *found)
{
	bool is_failed = found->flags & DAD_FAILED;
	struct hark_explanation *x = &verdict->words;

	bind_add(
		verdict,
		(struct hark_obstacle){
			.code = is_failed ? "dad-failed" : "tentative",
			.text = is_failed ?
					say(x,
					    "%s is on %s, but another host answered that it has it: "
					    "duplicate address detection failed.",
					    address_text(verdict),
					    interface_text(verdict, found->ifindex)) :
					say(x,
					    "%s is on %s, but tentative: duplicate address detection is "
					    "still under way, which takes a second or two once the link "
					    "is up.",
					    address_text(verdict),
					    interface_text(verdict, found->ifindex)),
			.evidence = say(x, "/proc/net/if_inet6: flags %02x", found->flags),
			.help = is_failed ?
					"another address, or the end of the other host's use of it" :
					"wait for the address (ip -6 address show tentative), or IPV6_FREEBIND",
			.socket = HARK_NONE,
			.error = -EADDRNOTAVAIL,
			.certainty = HARK_YES,
		});
}

static void add_not_local(struct hark_bind_verdict *verdict, bool is_sure)
{
	struct hark_explanation *x = &verdict->words;
	bool is_ipv4 = hark_addr_is_ipv4(&verdict->want.wish.addr);

	bind_add(verdict,
		 (struct hark_obstacle){
			 .code = "not-local",
			 .text = say(x, "%s is no address of this host%s%s%s.",
				     address_text(verdict),
				     verdict->want.vrf ? " in the VRF of " : "",
				     verdict->want.vrf ? verdict->want.wish.device : "",
				     is_sure ? "" : ", as far as its addresses could be read"),
			 .evidence = say(
				 x, "%s; ip_nonlocal_bind is off",
				 is_ipv4 ? "rtnetlink: no route of type local or broadcast for it" :
					   "/proc/net/if_inet6 does not have it"),
			 .help = say(x,
				     "an address of this host (ip address), or %s or "
				     "net.%s.ip_nonlocal_bind=1 where it is to come later",
				     is_ipv4 ? "IP_FREEBIND" : "IPV6_FREEBIND",
				     is_ipv4 ? "ipv4" : "ipv6"),
			 .socket = HARK_NONE,
			 .error = -EADDRNOTAVAIL,
			 .certainty = is_sure ? HARK_YES : HARK_UNKNOWN,
		 });
}

static void check_address(struct hark_bind_verdict *verdict)
{
	const struct hark_snapshot *snapshot = verdict->words.snapshot;
	const struct hark_addr *addr = &verdict->want.wish.addr;
	bool is_ipv4 = hark_addr_is_ipv4(addr);
	const struct hark_ipv6_address *found;

	if (hark_addr_is_any(addr) || !verdict->want.has_device ||
	    snapshot->ports->nonlocal[is_ipv4 ? HARK_FAMILY_INET : HARK_FAMILY_INET6] == HARK_YES)
		return;
	if (is_ipv4) {
		if (!is_local_ipv4(verdict))
			add_not_local(verdict,
				      snapshot->namespaces.items[0].places_presence == HARK_KNOWN);
		return;
	}
	if (hark_addr_is_multicast(addr) || snapshot->ports->ipv6_presence == HARK_ABSENT)
		return;
	found = find_ipv6(verdict);
	if (!found)
		add_not_local(verdict, snapshot->ports->ipv6_presence == HARK_KNOWN);
	else if (found->flags & TENTATIVE && !(found->flags & OPTIMISTIC))
		add_tentative(verdict, found);
}

static void check_port(struct hark_bind_verdict *verdict)
{
	const struct hark_bind_wish *wish = &verdict->want.wish;
	uint32_t start = verdict->words.snapshot->ports->unprivileged_start;
	struct hark_explanation *x = &verdict->words;
	/* Linux 4.11 brought the switch; before, it was 1024 for all. */
	uint32_t first = start == HARK_NONE ? 1024 : start;

	if (wish->is_privileged == HARK_YES || wish->port >= first)
		return;
	bind_add(verdict,
		 (struct hark_obstacle){
			 .code = "privileged-port",
			 .text = say(x,
				     "Ports below %u are privileged, and uid %u lacks "
				     "CAP_NET_BIND_SERVICE over this network namespace.",
				     first, wish->uid),
			 .evidence =
				 start == HARK_NONE ?
					 "/proc/self/status: CapEff" :
					 say(x,
					     "/proc/sys/net/ipv4/ip_unprivileged_port_start: %u; "
					     "/proc/self/status: CapEff",
					     start),
			 .help = say(
				 x,
				 "CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=, else setcap "
				 "cap_net_bind_service=ep PROGRAM), socket activation, or sysctl "
				 "net.ipv4.ip_unprivileged_port_start=%u",
				 wish->port),
			 .socket = HARK_NONE,
			 .error = -EACCES,
			 .certainty = wish->is_privileged == HARK_NO && start != HARK_NONE ?
					      HARK_YES :
					      HARK_UNKNOWN,
		 });
}

/* "8080,9000-9010" */
static bool is_reserved(const char *list, uint16_t port)
{
	while (list && *list) {
		uint64_t first, last;

		if (!text_take_u64(&list, 10, UINT16_MAX, &first))
			return false;
		last = first;
		if (*list == '-') {
			list++;
			if (!text_take_u64(&list, 10, UINT16_MAX, &last))
				return false;
		}
		if (port >= first && port <= last)
			return true;
		list += strspn(list, ", \t");
	}
	return false;
}

void bind_find_obstacles(struct hark_bind_verdict *verdict)
{
	check_family(verdict);
	check_device(verdict);
	check_form(verdict);
	check_address(verdict);
	check_port(verdict);
}

void bind_find_warnings(struct hark_bind_verdict *verdict)
{
	const struct hark_port_settings *ports = verdict->words.snapshot->ports;
	uint16_t port = verdict->want.wish.port;
	struct hark_explanation *x = &verdict->words;
	struct hark_obstacle warning = { .socket = HARK_NONE,
					 .certainty = HARK_YES,
					 .is_warning = true };
	bool is_kept = is_reserved(ports->reserved, port);

	if (ports->ephemeral_first == HARK_NONE || port < ports->ephemeral_first ||
	    port > ports->ephemeral_last)
		return;
	warning.evidence = say(x, "/proc/sys/net/ipv4/ip_local_port_range: %u to %u%s",
			       ports->ephemeral_first, ports->ephemeral_last,
			       is_kept ? "; ip_local_reserved_ports has it" : "");
	if (is_kept) {
		warning.code = "reserved-port";
		warning.text =
			say(x, "The port is in the range of outgoing connections, but reserved: "
			       "they do not get it, and only who asks for it by number does.");
	} else {
		warning.code = "ephemeral-port";
		warning.text =
			say(x,
			    "The port is in the range of outgoing connections (%u to %u): any of "
			    "them may have it tomorrow when the program starts. sysctl "
			    "net.ipv4.ip_local_reserved_ports=%u keeps it free.",
			    ports->ephemeral_first, ports->ephemeral_last, port);
	}
	bind_add(verdict, warning);
}
