/* SPDX-License-Identifier: MIT */
/* A port as a whole: its headline, and its sockets together. */
#include <string.h>

#include "explanation.h"

#define MAX_OTHERS 20u /* sockets of one port that do not listen */

/* What the sockets of a port come to. */
struct summary {
	bool serves[HARK_FAMILY_N_];
	bool is_unknown[HARK_FAMILY_N_];
	int reach[HARK_FAMILY_N_]; /* the widest; -1: not known */
	bool is_via[HARK_VIA_N_];  /* how IPv4 comes */
	bool is_grouped;           /* some socket is bound to a multicast group or to broadcast */
	uint32_t n_both;           /* sockets that serve both families */
	uint32_t n_one;            /* sockets that serve one of them */
};

static struct summary sum_up(const struct hark_explanation *x, uint32_t first, uint32_t n)
{
	struct summary sum = { .n_both = 0 };

	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_answer *answers = answer_at(x, i, 0);

		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			const struct hark_answer *answer = &answers[family];

			sum.is_unknown[family] |= answer->verdict == HARK_VERDICT_UNKNOWN;
			sum.is_grouped |= answer->why == HARK_WHY_MULTICAST ||
					  answer->why == HARK_WHY_BROADCAST;
			if (!is_served(answer))
				continue;
			if (!sum.serves[family] || answer->reach < 0 ||
			    (sum.reach[family] >= 0 && answer->reach > sum.reach[family]))
				sum.reach[family] = answer->reach;
			sum.serves[family] = true;
		}
		sum.is_via[answers[HARK_FAMILY_INET].via] = true;
		sum.n_both += is_served(&answers[0]) && is_served(&answers[1]);
		sum.n_one += is_served(&answers[0]) != is_served(&answers[1]);
	}
	return sum;
}

static const char *reach_text(int reach, uint32_t netns)
{
	return reach == HARK_REACH_HOST ? host_text(netns) :
	       reach == HARK_REACH_LINK ? "its own network link" :
					  NULL;
}

/* Through what IPv4 comes, where that is an IPv6 socket. */
static const char *via_text(const struct summary *sum)
{
	if (!sum->is_via[HARK_VIA_MAPPED])
		return "";
	if (!sum->serves[HARK_FAMILY_INET6])
		return ", through an IPv6 socket";
	if (sum->n_one)
		return sum->is_via[HARK_VIA_NATIVE] ? ", some of IPv4 through an IPv6 socket" :
						      ", IPv4 through an IPv6 socket";
	return sum->n_both == 1 ? ", both through one IPv6 socket" :
				  ", both through the same IPv6 sockets";
}

/* "IPv4 and IPv6, both through one IPv6 socket", "IPv4 only, from this host only" */
static const char *served_text(struct hark_explanation *x, const struct summary *sum,
			       uint32_t netns)
{
	int only = sum->serves[HARK_FAMILY_INET] ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	const char *from[HARK_FAMILY_N_], *list;

	for (int family = 0; family < HARK_FAMILY_N_; family++)
		from[family] = sum->serves[family] ? reach_text(sum->reach[family], netns) : NULL;
	if (!sum->serves[0] || !sum->serves[1]) {
		list = say(x, "%s%s%s", family_text(only), sum->is_unknown[!only] ? "" : " only",
			   via_text(sum));
		return from[only] ? append_text(x, list, ", from ", say(x, "%s only", from[only])) :
				    list;
	}
	if (from[0] == from[1])
		return say(x, "IPv4 and IPv6%s%s%s%s", via_text(sum), from[0] ? ", from " : "",
			   from[0] ? from[0] : "", from[0] ? " only" : "");
	return say(x, "IPv4%s%s%s and IPv6%s%s%s%s", from[0] ? " (from " : "",
		   from[0] ? from[0] : "", from[0] ? " only)" : "", from[1] ? " (from " : "",
		   from[1] ? from[1] : "", from[1] ? " only)" : "", via_text(sum));
}

/* " in network namespace blue", or nothing. */
static const char *where_text(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *where = in_namespace_text(x, socket->netns);

	return where ? say(x, " %s", where) : "";
}

const char *port_text(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *protocol = hark_protocol_name((enum hark_protocol)socket->protocol);
	char upper[16] = "";

	for (size_t i = 0; protocol[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(protocol[i] >= 'a' && protocol[i] <= 'z' ?
					  protocol[i] - 'a' + 'A' :
					  protocol[i]);
	return say(x, "%s port %u%s", upper, socket->local_port, where_text(x, socket));
}

/* Raw and ping sockets answer nothing: each gets a copy. */
static const char *copies_text(struct hark_explanation *x, const struct hark_socket *socket,
			       const struct summary *sum)
{
	const char *families = sum->serves[0] && sum->serves[1] ? "IPv4 and IPv6" :
			       sum->serves[0]                   ? "IPv4" :
								  "IPv6";

	if (socket->protocol == HARK_PROTOCOL_ICMP)
		return say(x, "Ping sockets%s get the %s echo replies with identifier %u.",
			   where_text(x, socket), families, socket->local_port);
	return say(x, "Raw sockets%s get a copy of each %s packet of IP protocol %u%s.",
		   where_text(x, socket), families, socket->local_port,
		   socket->local_port == 1  ? " (ICMP)" :
		   socket->local_port == 58 ? " (ICMPv6)" :
					      "");
}

void tell_headline(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct hark_socket *socket = socket_at(x, first);
	const struct summary sum = sum_up(x, first, n);
	const char *port = port_text(x, socket), *text;
	int unserved = sum.serves[HARK_FAMILY_INET] ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;

	if (is_copied_to(socket))
		text = copies_text(x, socket, &sum);
	else if (sum.serves[0] || sum.serves[1])
		text = say(x, "%s answers %s%s%s%s.", port, served_text(x, &sum, socket->netns),
			   sum.is_unknown[unserved] ? "; whether it answers " : "",
			   sum.is_unknown[unserved] ? family_text(unserved) : "",
			   sum.is_unknown[unserved] ? " is not known" : "");
	else if (sum.is_unknown[0] || sum.is_unknown[1])
		text = say(x, "What %s answers is not known.", port);
	else if (sum.is_grouped)
		text = say(x,
			   "%s gets nothing that is sent to %s itself, only multicast or "
			   "broadcast.",
			   port, host_text(socket->netns));
	else
		text = say(x, "%s is open, but answers at no address of %s.", port,
			   host_text(socket->netns));
	add_finding(x, HARK_FINDING_HEADLINE, "port", first, text, port_evidence(x, first, n));
}

/* Whether it serves the family, or would if this host had an address of it. */
static bool is_for(const struct hark_answer *answer)
{
	return is_served(answer) || answer->why == HARK_WHY_NO_ADDRESS;
}

/* The sockets of the port that are for a family; `text`: "0.0.0.0:22", "4 sockets at 0.0.0.0:22". */
struct servers {
	const char *text;
	const struct hark_socket *last;
	uint32_t n;
};

static struct servers find_servers(struct hark_explanation *x, uint32_t first, uint32_t n,
				   enum hark_family family)
{
	struct servers servers = { .n = 0 };
	bool is_one_place = true;

	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_socket *socket = socket_at(x, i);

		if (!is_for(answer_at(x, i, family)))
			continue;
		is_one_place &= !servers.last ||
				(!hark_addr_compare(&servers.last->local, &socket->local) &&
				 servers.last->device == socket->device);
		servers.last = socket;
		servers.n++;
	}
	if (servers.n == 1)
		servers.text = name_of(x, servers.last);
	else if (servers.n)
		servers.text = say(x, is_one_place ? "%u sockets at %s" : "%u sockets", servers.n,
				   is_one_place ? name_of(x, servers.last) : "");
	return servers;
}

/* Where each family has sockets of its own, people wonder at two lines for one service. */
void tell_pair(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	struct servers ipv4, ipv6;
	bool is_two;

	if (is_copied_to(socket_at(x, first)))
		return;
	for (uint32_t i = first; i < first + n; i++)
		if (is_for(answer_at(x, i, 0)) && is_for(answer_at(x, i, 1)))
			return;
	ipv4 = find_servers(x, first, n, HARK_FAMILY_INET);
	ipv6 = find_servers(x, first, n, HARK_FAMILY_INET6);
	if (!ipv4.n || !ipv6.n)
		return;
	is_two = ipv4.n + ipv6.n == 2;
	add_finding(
		x, HARK_FINDING_PART, "split-pair", first,
		say(x,
		    "%s: %s for IPv4, %s for IPv6. That is why netstat, ss and lsof show %s lines.",
		    is_two ? "Two sockets, one for each family" : "Each family has its own sockets",
		    ipv4.text, ipv6.text, is_two ? "two" : "several"),
		say(x, "%s; %s", socket_evidence(x, ipv4.last), socket_evidence(x, ipv6.last)));
}

static void tell_connection(struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	const char *mapped = "";

	if (socket->is_mapped)
		mapped = say(
			x,
			" It is IPv4 on the wire; the socket that carries it is an IPv6 one, so "
			"netstat calls it \"%s6\".",
			hark_protocol_name((enum hark_protocol)socket->protocol));
	add_finding(x, HARK_FINDING_PART, socket->is_mapped ? "mapped-connection" : "connection", i,
		    say(x, "%s to %s is in state %s.%s", name_of(x, socket),
			endpoint_text(x, socket->netns, &socket->remote, socket->remote_port),
			hark_state_name((enum hark_state)socket->state), mapped),
		    socket_evidence(x, socket));
}

static void tell_other(struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	const struct alike alike = { i, 1 };

	if (socket->state == HARK_STATE_BOUND)
		add_finding(x, HARK_FINDING_PART, "bound", i,
			    say(x, "%s is bound, but does not listen: nobody can connect to it.",
				name_of(x, socket)),
			    socket_evidence(x, socket));
	else
		tell_connection(x, i);
	/* One without a file is the kernel's: closed, or not yet accepted. */
	if (socket->inode)
		tell_holders(x, &alike);
}

void tell_others(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	uint32_t n_meant = 0, n_told = 0;

	for (uint32_t i = first; i < first + n; i++)
		n_meant += is_meant(x, i);
	add_finding(x, HARK_FINDING_HEADLINE, "port", first,
		    say(x, "%s has %u %s not listen.", port_text(x, socket_at(x, first)), n_meant,
			n_meant == 1 ? "socket that does" : "sockets that do"),
		    socket_evidence(x, socket_at(x, first)));
	for (uint32_t i = first; i < first + n && n_told < MAX_OTHERS; i++) {
		if (!is_meant(x, i))
			continue;
		tell_other(x, i);
		tell_of(x, i);
		n_told++;
	}
	if (n_meant > n_told)
		add_finding(x, HARK_FINDING_PART, "more", first,
			    say(x, "%u more are left out here: hark -a lists them.",
				n_meant - n_told),
			    socket_evidence(x, socket_at(x, first)));
}
