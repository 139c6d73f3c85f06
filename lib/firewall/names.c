/* SPDX-License-Identifier: MIT */
#include "firewall.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const icmp_names[] = {
	[FIREWALL_HOW_NOTHING] = "",
	[FIREWALL_TCP_RESET] = "tcp-reset",
	[FIREWALL_NET_UNREACHABLE] = "icmp-net-unreachable",
	[FIREWALL_HOST_UNREACHABLE] = "icmp-host-unreachable",
	[FIREWALL_PROTOCOL_UNREACHABLE] = "icmp-proto-unreachable",
	[FIREWALL_PORT_UNREACHABLE] = "icmp-port-unreachable",
	[FIREWALL_NET_PROHIBITED] = "icmp-net-prohibited",
	[FIREWALL_HOST_PROHIBITED] = "icmp-host-prohibited",
	[FIREWALL_ADMIN_PROHIBITED] = "icmp-admin-prohibited",
	[FIREWALL_POLICY_FAIL] = "icmp-policy-fail",
	[FIREWALL_REJECT_ROUTE] = "icmp-reject-route",
	[FIREWALL_HOW_ADDRESS] = "",
};

static const char *const icmp6_names[] = {
	[FIREWALL_HOW_NOTHING] = "",
	[FIREWALL_TCP_RESET] = "tcp-reset",
	[FIREWALL_NET_UNREACHABLE] = "icmp6-no-route",
	[FIREWALL_HOST_UNREACHABLE] = "icmp6-addr-unreachable",
	[FIREWALL_PROTOCOL_UNREACHABLE] = "icmp6-proto-unreachable",
	[FIREWALL_PORT_UNREACHABLE] = "icmp6-port-unreachable",
	[FIREWALL_NET_PROHIBITED] = "icmp6-net-prohibited",
	[FIREWALL_HOST_PROHIBITED] = "icmp6-host-prohibited",
	[FIREWALL_ADMIN_PROHIBITED] = "icmp6-admin-prohibited",
	[FIREWALL_POLICY_FAIL] = "icmp6-policy-fail",
	[FIREWALL_REJECT_ROUTE] = "icmp6-reject-route",
	[FIREWALL_HOW_ADDRESS] = "",
};

static_assert(sizeof(icmp_names) / sizeof(icmp_names[0]) == FIREWALL_HOW_N_, "a name for each");
static_assert(sizeof(icmp6_names) / sizeof(icmp6_names[0]) == FIREWALL_HOW_N_, "a name for each");

static void put_address(const struct firewall_how *how, char *text)
{
	char first[HARK_ADDR_TEXT_SIZE], last[HARK_ADDR_TEXT_SIZE] = "", port[8] = "";
	bool is_ipv6 = !hark_addr_is_ipv4(&how->first);
	bool has_last = how->is_any_address && hark_addr_compare(&how->first, &how->last) != 0;

	hark_addr_format(&how->first, first);
	if (has_last)
		hark_addr_format(&how->last, last);
	if (how->port)
		snprintf(port, sizeof(port), ":%u", how->port);
	snprintf(text, FIREWALL_HOW_SIZE, "%s%s%s%s%s%s", is_ipv6 && how->port ? "[" : "", first,
		 has_last ? "-" : "", last, is_ipv6 && how->port ? "]" : "", port);
}

char *firewall_how_text(const struct firewall_how *how, enum hark_family family, char *text)
{
	*text = '\0';
	if (how->kind == FIREWALL_HOW_ADDRESS)
		put_address(how, text);
	else if (how->kind < FIREWALL_HOW_N_)
		snprintf(text, FIREWALL_HOW_SIZE, "%s",
			 family == HARK_FAMILY_INET6 ? icmp6_names[how->kind] :
						       icmp_names[how->kind]);
	return text;
}
