/* SPDX-License-Identifier: MIT */
/*
 * What netstat (net-tools 2.10), ss (iproute2 6.1) and lsof (4.95) show of a socket, and why. All
 * three go by the family of the socket; of IPV6_V6ONLY only ss knows.
 */
#include <stdio.h>
#include <string.h>

#include "explanation.h"

#define NETSTAT_COLUMNS 23u /* an address with its port that is longer is cut, without -W */

/* How the tools list a protocol; NULL: they do not. */
struct listing {
	const char *label;   /* netstat's, before the "6" */
	const char *netstat; /* commands: all of them; -W is for long addresses */
	const char *netstat_inet;
	const char *ss;
	const char *ss_inet;
	const char *lsof; /* and a colon, and the port */
	bool is_in_ss;    /* with its address, by which it tells whether it is dual-stack */
};

static const struct listing *listing_of(const struct hark_socket *socket)
{
	static const struct listing tcp = {
		"tcp",      "netstat -tulpn", "netstat -tlpn -A inet",
		"ss -tlnp", "ss -tlnp -4",    "lsof -nP -iTCP",
		true,
	};
	static const struct listing udp = {
		"udp",      "netstat -tulpn", "netstat -ulpn -A inet",
		"ss -ulnp", "ss -ulnp -4",    "lsof -nP -iUDP",
		true,
	};
	static const struct listing udplite = {
		"udpl", "netstat -lUpn", "netstat -lUpn -A inet", NULL, NULL, NULL, false,
	};
	static const struct listing raw = {
		"raw", "netstat -lwpn", "netstat -lwpn -A inet", "ss -lwnp", "ss -lwnp -4",
		NULL,  false,
	};

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

/* Of the finding that was added last. */
static void add_tool(struct hark_explanation *x, const char *command, enum hark_tristate shows,
		     const char *as)
{
	struct hark_tool *tool = command ? array_push(&x->tools) : NULL;

	if (!command)
		return;
	x->has_failed |= !tool;
	if (!tool || !x->findings.n)
		return;
	*tool = (struct hark_tool){ .command = command, .shows = (uint8_t)shows, .as = as };
	x->findings.items[x->findings.n - 1].n_tools++;
}

static bool is_ipv6_wildcard(const struct hark_socket *socket)
{
	return socket->family == HARK_FAMILY_INET6 && hark_addr_is_any(&socket->local) &&
	       !hark_addr_is_ipv4(&socket->local);
}

/* "tcp6 :::80" */
static const char *netstat_row(struct hark_explanation *x, const struct hark_socket *socket,
			       const struct listing *listing)
{
	char address[HARK_ADDR_TEXT_SIZE];

	return say(x, "%s%s %s:%u", listing->label, socket->family == HARK_FAMILY_INET6 ? "6" : "",
		   hark_addr_format(&socket->local, address), socket->local_port);
}

/* "*:80" for dual-stack, "[::]:80" for IPv6 only; NULL: what it shows is not known. */
static const char *ss_row(struct hark_explanation *x, const struct hark_socket *socket,
			  const struct listing *listing)
{
	const char *device =
		hark_snapshot_interface_name(x->snapshot, socket->netns, socket->device);
	bool is_wildcard = is_ipv6_wildcard(socket);
	bool is_bare = socket->family == HARK_FAMILY_INET;
	char address[HARK_ADDR_TEXT_SIZE];

	if (!listing->is_in_ss || (is_wildcard && socket->v6only == HARK_UNKNOWN) ||
	    (socket->device && !device))
		return NULL;
	hark_addr_format(&socket->local, address);
	if (is_wildcard && socket->v6only == HARK_NO)
		return say(x, "*%s%s:%u", device ? "%" : "", device ? device : "",
			   socket->local_port);
	return say(x, "%s%s%s%s%s%s:%u", is_bare ? "" : "[",
		   !is_bare && hark_addr_is_ipv4(&socket->local) ? "::ffff:" : "", address,
		   is_bare ? "" : "]", device ? "%" : "", device ? device : "", socket->local_port);
}

/* "IPv6 TCP *:80" */
static const char *lsof_row(struct hark_explanation *x, const struct hark_socket *socket)
{
	bool is_bare = socket->family == HARK_FAMILY_INET || hark_addr_is_ipv4(&socket->local);
	char address[HARK_ADDR_TEXT_SIZE];

	hark_addr_format(&socket->local, address);
	if (hark_addr_is_any(&socket->local))
		snprintf(address, sizeof(address), "*");
	return say(x, "%s %s %s%s%s:%u", family_text(socket->family),
		   socket->protocol == HARK_PROTOCOL_UDP ? "UDP" : "TCP",
		   is_bare || *address == '*' ? "" : "[", address,
		   is_bare || *address == '*' ? "" : "]", socket->local_port);
}

/* lsof goes by processes: it shows nothing that none holds. */
static enum hark_tristate is_in_lsof(const struct hark_socket *socket)
{
	if (socket->n_holders)
		return HARK_YES;
	return socket->is_kernel || socket->holders == HARK_ABSENT ? HARK_NO : HARK_UNKNOWN;
}

/* They know of no namespace but the one that they run in. */
static const char *inside_text(const struct hark_socket *socket)
{
	return socket->netns ? "Inside that namespace, " : "";
}

/* What else netstat shows in the same way, and who tells the two apart. */
static const char *confusion_text(struct hark_explanation *x, const struct hark_socket *socket,
				  const struct listing *listing)
{
	bool is_dual_stack = socket->v6only == HARK_NO;
	const char *other = is_dual_stack ? "for IPv6 only" : "dual-stack";
	const char *tells = "";

	if (socket->family == HARK_FAMILY_INET6 && hark_addr_is_ipv4(&socket->local))
		return " That is an IPv4 address in a row of IPv6.";
	if (!is_ipv6_wildcard(socket) || is_copied_to(socket))
		return "";
	if (socket->v6only == HARK_UNKNOWN)
		return " netstat shows it so in either case.";
	if (listing->is_in_ss)
		tells = say(x, "; of the three only ss tells: that would be \"%s:%u\"",
			    is_dual_stack ? "[::]" : "*", socket->local_port);
	return say(x, " netstat shows one that is %s just the same%s.", other, tells);
}

/* What they show of it: "netstat -tulpn" as "tcp6 :::80" ... */
static void tell_rows(struct hark_explanation *x, const struct alike *alike,
		      const struct listing *listing)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	const char *row = netstat_row(x, socket, listing), *it = alike->n == 1 ? "it" : "them";
	const char *netstat = say(x, "%s%s", listing->netstat,
				  row && strlen(strchr(row, ' ') + 1) > NETSTAT_COLUMNS ? "W" : "");
	const char *ss = ss_row(x, socket, listing), *lsof = NULL, *list;
	enum hark_tristate is_held = is_in_lsof(socket);

	list = say(x, "\"%s\" shows %s as \"%s\"%s", netstat, it, row,
		   socket->device ? " (without the interface)" : "");
	if (ss)
		list = append_text(x, list, ", ", say(x, "\"%s\" as \"%s\"", listing->ss, ss));
	if (listing->lsof && is_held != HARK_UNKNOWN)
		lsof = say(x, "%s:%u", listing->lsof, socket->local_port);
	if (lsof && is_held == HARK_YES)
		list = append_text(x, list, ", ",
				   say(x, "\"%s\" as \"%s\"", lsof, lsof_row(x, socket)));
	else if (lsof)
		list = append_text(x, list, "; ",
				   say(x, "\"%s\" hides %s, for no process holds %s", lsof, it,
				       it));
	add_finding(x, HARK_FINDING_DETAIL, "shown-by", alike->first,
		    say(x, "%s%s.%s", inside_text(socket), list,
			confusion_text(x, socket, listing)),
		    say(x, "/proc/net/%s%s lists %s%s",
			socket->protocol == HARK_PROTOCOL_MPTCP ?
				"tcp" :
				hark_protocol_name((enum hark_protocol)socket->protocol),
			socket->family == HARK_FAMILY_INET6 ? "6" : "", it,
			is_ipv6_wildcard(socket) && !is_copied_to(socket) ?
				", and has no column for IPV6_V6ONLY" :
				""));
	add_tool(x, netstat, HARK_YES, row);
	add_tool(x, listing->ss, HARK_YES, ss);
	add_tool(x, lsof, is_held, is_held == HARK_YES ? lsof_row(x, socket) : NULL);
}

static const char *why_hidden(struct hark_explanation *x, const struct hark_answer *ipv4,
			      const char *it)
{
	if (ipv4->verdict == HARK_VERDICT_NONE)
		return say(x, "and rightly so: IPv4 does not reach %s", it);
	return say(x, "%sIPv4 reaches %s%s: they go by the family of the socket, which is IPv6",
		   ipv4->verdict == HARK_VERDICT_UNKNOWN ? "whether " : "although ", it,
		   ipv4->verdict == HARK_VERDICT_UNKNOWN ? " or not" : "");
}

/* What becomes of it where they are asked for IPv4. */
static void tell_filters(struct hark_explanation *x, const struct alike *alike,
			 const struct listing *listing)
{
	static const char *const codes[HARK_VERDICT_N_] = {
		[HARK_VERDICT_ALL] = "hidden-from-ipv4",
		[HARK_VERDICT_SOME] = "hidden-from-ipv4",
		[HARK_VERDICT_NONE] = "not-ipv4",
		[HARK_VERDICT_UNKNOWN] = "maybe-hidden",
	};
	const struct hark_socket *socket = socket_at(x, alike->first);
	const struct hark_answer *ipv4 = answer_at(x, alike->first, HARK_FAMILY_INET);
	const char *it = alike->n == 1 ? "it" : "them";
	bool is_shown = socket->family == HARK_FAMILY_INET;
	const char *lsof = listing->lsof && (!is_shown || is_in_lsof(socket) == HARK_YES) ?
				   "lsof -nP -i4" :
				   NULL;
	const char *list = say(x, "\"%s\"", listing->netstat_inet);

	if (listing->ss_inet)
		list = append_text(x, list, lsof ? ", " : " and ",
				   say(x, "\"%s\"", listing->ss_inet));
	if (lsof)
		list = append_text(x, list, " and ", say(x, "\"%s\"", lsof));
	add_finding(x, HARK_FINDING_DETAIL, is_shown ? "shown-as-ipv4" : codes[ipv4->verdict],
		    alike->first,
		    is_shown ?
			    say(x, "%s%s %s %s.", inside_text(socket), list,
				listing->ss_inet ? "show" : "shows", it) :
			    say(x, "%s%s %s %s, %s.", inside_text(socket), list,
				listing->ss_inet ? "hide" : "hides", it, why_hidden(x, ipv4, it)),
		    say(x, "sock_diag: idiag_family %s", is_shown ? "AF_INET" : "AF_INET6"));
	add_tool(x, listing->netstat_inet, is_shown ? HARK_YES : HARK_NO, NULL);
	add_tool(x, listing->ss_inet, is_shown ? HARK_YES : HARK_NO, NULL);
	add_tool(x, lsof, is_shown ? HARK_YES : HARK_NO, NULL);
}

void tell_tools(struct hark_explanation *x, const struct alike *alike)
{
	const struct listing *listing = listing_of(socket_at(x, alike->first));

	if (!listing)
		return;
	tell_rows(x, alike, listing);
	tell_filters(x, alike, listing);
}
