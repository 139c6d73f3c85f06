/* SPDX-License-Identifier: MIT */
/* What waits for those who hold a listener, and what was dropped because they were late. */
#include "explanation.h"

/* As the kernel sees it, it is full when more wait than that: sk_acceptq_is_full(). */
static void tell_backlog(struct hark_explanation *x, const struct alike *alike, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	const struct hark_listener *listener = listener_at(x, i);
	const char *whose = alike->n == 1 ? "Its backlog is" : "The fullest of their backlogs is";
	const char *evidence, *text;
	bool is_at_limit = socket->cookie && listener->backlog >= listener->backlog_max;
	uint32_t n = listener->backlog;

	if (!n)
		return;
	if (is_at_limit)
		text = say(
			x,
			"%s %s: %u %s to be accepted, where %u may. %s are dropped until %s accepts "
			"some, and clients see that as a delay, or no answer at all.",
			whose, n > listener->backlog_max ? "full" : "at its limit", n,
			n == 1 ? "connection waits" : "connections wait", listener->backlog_max,
			n > listener->backlog_max ? "New ones" : "All but one new one",
			command_of(x, i) ? command_of(x, i) : "its holder");
	else
		text = say(x, "%u %s to be accepted%s.", n,
			   n == 1 ? "connection waits" : "connections wait",
			   socket->cookie ? say(x, ", of %u that may", listener->backlog_max) : "");
	evidence = socket->cookie ? say(x,
					"sock_diag: idiag_rqueue %u, idiag_wqueue %u (Recv-Q and "
					"Send-Q of \"ss -tln\")",
					n, listener->backlog_max) :
				    say(x, "/proc/net/tcp: rx_queue %u", n);
	add_finding(x, HARK_FINDING_DETAIL, is_at_limit ? "backlog-full" : "backlog-waiting",
		    alike->first, text, evidence);
}

/* A datagram is dropped where it would not fit: the last ninth may be too small for any. */
static void tell_queue(struct hark_explanation *x, const struct alike *alike, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	const struct hark_listener *listener = listener_at(x, i);
	uint32_t n = socket->receive_bytes, max = listener->receive_max;
	bool is_full = listener->has_meminfo && n >= max - max / 9;

	if (!n)
		return;
	add_finding(
		x, HARK_FINDING_DETAIL, is_full ? "queue-full" : "queue-waiting", alike->first,
		is_full ?
			say(x,
			    "%s receive queue is full: %u of %u bytes. What comes is dropped until "
			    "%s reads some.",
			    alike->n == 1 ? "Its" : "The fullest", n, max,
			    command_of(x, i) ? command_of(x, i) : "its holder") :
			say(x, "%u bytes wait to be read%s.", n,
			    listener->has_meminfo ? say(x, ", of %u that may", max) : ""),
		say(x, "sock_diag: idiag_rqueue %u%s (Recv-Q of \"ss -uln\")", n,
		    listener->has_meminfo ? say(x, ", SK_MEMINFO_RCVBUF %u", max) : ""));
}

static void tell_drops(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_socket *socket = socket_at(x, alike->first);
	bool takes_connections = socket->state == HARK_STATE_LISTEN;
	uint64_t n = 0;

	for (uint32_t i = alike->first; i < alike->first + alike->n; i++)
		n += listener_at(x, i)->drops;
	if (!n)
		return;
	add_finding(x, HARK_FINDING_DETAIL, "drops", alike->first,
		    say(x, "%llu %s%s dropped here since %s opened: %s.", (unsigned long long)n,
			takes_connections ? "packet" : "datagram", n == 1 ? " was" : "s were",
			alike->n == 1 ? "it was" : "they were",
			takes_connections ? "attempts to connect while the backlog was full or "
					    "memory short, or what belongs to no connection, as "
					    "late resets do" :
					    "the receive queue was full, they were damaged, or a "
					    "filter of the program's refused them"),
		    say(x, "sock_diag: INET_DIAG_SKMEMINFO, SK_MEMINFO_DROPS %llu",
			(unsigned long long)n));
}

/* How full it is, in parts of 2^16. */
static uint64_t fullness(const struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	const struct hark_listener *listener = listener_at(x, i);
	bool is_listening = socket->state == HARK_STATE_LISTEN;
	uint64_t n = is_listening ? listener->backlog : socket->receive_bytes;
	uint64_t max = is_listening ? listener->backlog_max : listener->receive_max;

	return (n << 16) / (max + 1);
}

void tell_load(struct hark_explanation *x, const struct alike *alike)
{
	uint32_t fullest = alike->first;

	if (is_copied_to(socket_at(x, alike->first)))
		return;
	for (uint32_t i = alike->first; i < alike->first + alike->n; i++)
		if (fullness(x, i) > fullness(x, fullest))
			fullest = i;
	if (socket_at(x, fullest)->state == HARK_STATE_LISTEN)
		tell_backlog(x, alike, fullest);
	else
		tell_queue(x, alike, fullest);
	tell_drops(x, alike);
}

void tell_overflows(struct hark_explanation *x, uint32_t netns)
{
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[netns];
	const char *here = in_namespace_text(x, netns);

	if (!x->has_backlog || !namespace->has_counters || !namespace->listen_overflows)
		return;
	add_finding(
		x, HARK_FINDING_HEADLINE, "listen-overflows", HARK_NONE,
		say(x,
		    "Connections found a backlog full %llu times %s, and %llu were dropped, since "
		    "the network namespace began. The kernel counts that for all of its listeners "
		    "together: which ones it was is not told by it.",
		    (unsigned long long)namespace->listen_overflows, here ? here : "here",
		    (unsigned long long)namespace->listen_drops),
		say(x, "/proc/net/netstat: TcpExt ListenOverflows %llu, ListenDrops %llu",
		    (unsigned long long)namespace->listen_overflows,
		    (unsigned long long)namespace->listen_drops));
}
