/* SPDX-License-Identifier: MIT */
/*
 * What netstat (net-tools 2.10), ss (iproute2 6.1) and lsof (4.95) show of a socket, and why. All
 * three go by the family of the socket; of IPV6_V6ONLY only ss knows.
 */
#include <stdio.h>
#include <string.h>

#include "explanation.h"

#define NETSTAT_COLUMNS 23u /* an address with its port that is longer is cut, without -W */

/* How the tools list a protocol. */
struct listing {
	const char *label;  /* netstat's, before the "6" */
	const char *option; /* netstat's and ss's */
	const char *filter; /* those that keep to IPv4, quoted */
	bool is_in_ss;      /* with the same option, and told by it whether it is dual-stack */
};

static const struct listing *listing_of(const struct hark_socket *socket)
{
	static const char inet[] =
		"\"netstat -A inet\", \"netstat -4\", \"ss -4\" and \"lsof -i4\"";
	static const struct listing tcp = { "tcp", "t", inet, true };
	static const struct listing udp = { "udp", "u", inet, true };
	static const struct listing udplite = {
		"udpl", "U", "\"netstat -A inet\", \"netstat -4\" and \"lsof -i4\"", false
	};
	static const struct listing raw = { "raw", "w",
					    "\"netstat -A inet\", \"netstat -4\" and \"ss -4\"",
					    false };

	switch ((enum hark_protocol)socket->protocol) {
	case HARK_PROTOCOL_TCP:
	case HARK_PROTOCOL_MPTCP: /* they show the TCP socket beneath it */
		return &tcp;
	case HARK_PROTOCOL_UDP:
		return &udp;
	case HARK_PROTOCOL_UDPLITE:
		return &udplite;
	case HARK_PROTOCOL_RAW:
		return &raw;
	case HARK_PROTOCOL_ICMP:
	case HARK_PROTOCOL_SCTP:
	case HARK_PROTOCOL_DCCP:
	case HARK_PROTOCOL_N_:
		break;
	}
	return NULL;
}

/* '"netstat -ltn" shows it as "tcp6 :::80"' */
static const char *netstat_text(struct hark_explanation *x, const struct hark_socket *socket,
				const struct listing *listing, const char *it)
{
	char address[HARK_ADDR_TEXT_SIZE], where[HARK_ADDR_TEXT_SIZE + 8];

	hark_addr_format(&socket->local, address);
	snprintf(where, sizeof(where), "%s:%u", address, socket->local_port);
	return say(x, "\"netstat -l%sn%s\" shows %s as \"%s%s %s\"%s", listing->option,
		   strlen(where) > NETSTAT_COLUMNS ? "W" : "", it, listing->label,
		   socket->family == HARK_FAMILY_INET6 ? "6" : "", where,
		   socket->device ? " (without the interface)" : "");
}

/* Of MPTCP it is the TCP socket beneath that stands there. */
static const char *netstat_file(const struct hark_socket *socket)
{
	return socket->protocol == HARK_PROTOCOL_MPTCP ?
		       "tcp" :
		       hark_protocol_name((enum hark_protocol)socket->protocol);
}

/* What ss shows of a socket bound to ::, which tells what netstat does not. */
static const char *ss_text(struct hark_explanation *x, const struct hark_socket *socket,
			   const struct listing *listing)
{
	const char *dual_stack = say(x, "\"*:%u\"", socket->local_port);
	const char *v6only = say(x, "\"[::]:%u\"", socket->local_port);
	bool is_dual_stack = socket->v6only == HARK_NO;

	return say(
		x,
		" Only \"ss -l%sn\" tells the two apart: it shows %s here, and %s for one that is %s.",
		listing->option, is_dual_stack ? dual_stack : v6only,
		is_dual_stack ? v6only : dual_stack,
		is_dual_stack ? "for IPv6 only" : "dual-stack");
}

static const char *why_left_out(struct hark_explanation *x, const struct hark_answer *ipv4,
				const char *it)
{
	if (ipv4->verdict == HARK_VERDICT_NONE)
		return say(x, "and rightly so: IPv4 does not reach %s", it);
	return say(x, "%sIPv4 reaches %s%s: they go by the family of the socket, which is IPv6",
		   ipv4->verdict == HARK_VERDICT_UNKNOWN ? "whether " : "although ", it,
		   ipv4->verdict == HARK_VERDICT_UNKNOWN ? " or not" : "");
}

/* What else netstat shows in the same way. */
static const char *confusion_text(const struct hark_socket *socket)
{
	if (hark_addr_is_ipv4(&socket->local))
		return ", an IPv4 address in an IPv6 row";
	if (!hark_addr_is_any(&socket->local) || is_copied_to(socket))
		return "";
	switch ((enum hark_tristate)socket->v6only) {
	case HARK_NO:
		return ", just as it shows one for IPv6 only";
	case HARK_YES:
		return ", just as it shows one that takes IPv4 as well";
	case HARK_UNKNOWN:
		break;
	}
	return " in either case";
}

/* They know of no namespace but the one that they run in. */
static const char *inside_text(const struct hark_socket *socket)
{
	return socket->netns ? "Inside that namespace, " : "";
}

static void tell_ipv6_tools(struct hark_explanation *x, uint32_t i, const struct listing *listing,
			    const char *it)
{
	static const char *const codes[HARK_VERDICT_N_] = {
		[HARK_VERDICT_ALL] = "hidden-from-ipv4",
		[HARK_VERDICT_SOME] = "hidden-from-ipv4",
		[HARK_VERDICT_NONE] = "not-ipv4",
		[HARK_VERDICT_UNKNOWN] = "maybe-hidden",
	};
	const struct hark_socket *socket = socket_at(x, i);
	const struct hark_answer *ipv4 = answer_at(x, i, HARK_FAMILY_INET);
	bool is_wildcard = hark_addr_is_any(&socket->local) && !hark_addr_is_ipv4(&socket->local) &&
			   !is_copied_to(socket);
	bool ss_tells = is_wildcard && listing->is_in_ss && !socket->device &&
			socket->v6only != HARK_UNKNOWN;

	add_finding(x, HARK_FINDING_DETAIL, codes[ipv4->verdict], i,
		    say(x, "%s%s leave %s out, %s. %s%s.%s", inside_text(socket), listing->filter,
			it, why_left_out(x, ipv4, it), netstat_text(x, socket, listing, it),
			confusion_text(socket), ss_tells ? ss_text(x, socket, listing) : ""),
		    say(x, "/proc/net/%s6 lists %s%s", netstat_file(socket), it,
			is_wildcard ? ", and has no column for IPV6_V6ONLY" : ""));
}

void tell_tools(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const struct listing *listing = listing_of(socket);
	const char *it = alike->n == 1 ? "it" : "them";

	if (!listing)
		return;
	if (socket->family == HARK_FAMILY_INET6)
		tell_ipv6_tools(x, alike->first, listing, it);
	else
		add_finding(x, HARK_FINDING_DETAIL, "shown-as-ipv4", alike->first,
			    say(x, "%s%s list %s; %s.", inside_text(socket), listing->filter, it,
				netstat_text(x, socket, listing, it)),
			    say(x, "/proc/net/%s lists %s", netstat_file(socket), it));
}
