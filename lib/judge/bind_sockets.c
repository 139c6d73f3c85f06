/* SPDX-License-Identifier: MIT */
/* The sockets that are in the way of a bind: which, why, whose, and how to be rid of them. */
#include <errno.h>
#include <string.h>

#include "bind_verdict.h"

/* UDP looks at one chain of its first hash table while that is no longer than this. */
#define SHORT_CHAIN 10

static const struct hark_bind_flags *flags_of(const struct hark_bind_verdict *verdict, uint32_t i)
{
	return verdict->flags ? &verdict->flags[i] : NULL;
}

static const char *code_of(const struct hark_bind_verdict *verdict,
			   const struct hark_socket *socket)
{
	bool is_ipv4 = hark_addr_is_ipv4(&verdict->want.wish.addr);

	if (bind_is_timewait(socket))
		return socket->state == HARK_STATE_FIN_WAIT_2 ? "fin-wait-2" : "time-wait";
	if (socket->state == HARK_STATE_FIN_WAIT_2)
		return "fin-wait-2";
	if (socket->is_kernel)
		return "kernel-socket";
	if (socket->state == HARK_STATE_BOUND)
		return "bound";
	if (!socket->is_listener)
		return "connection";
	if (is_ipv4 && bind_is_any6(socket->family, &socket->local))
		return "dual-stack";
	if (verdict->want.wish.reuseport && socket->uid != verdict->want.wish.uid)
		return "reuseport-user";
	return "listener";
}

/* "apache2 (pid 6575) and 3 more processes"; NULL: none is known. */
static const char *holders_text(struct hark_bind_verdict *verdict, const struct hark_socket *socket)
{
	struct hark_explanation *x = &verdict->words;
	const struct hark_process *first;
	uint32_t n_more = 0, pid;

	if (!socket->n_holders)
		return NULL;
	first = hark_snapshot_process(
		x->snapshot, hark_snapshot_holder(x->snapshot, socket->first_holder)->process);
	pid = first->pid;
	for (uint32_t i = 1; i < socket->n_holders; i++) {
		const struct hark_holder *holder =
			hark_snapshot_holder(x->snapshot, socket->first_holder + i);
		uint32_t next = hark_snapshot_process(x->snapshot, holder->process)->pid;

		n_more += next != pid;
		pid = next;
	}
	if (n_more)
		return say(x, "%s (pid %u) and %u more process%s",
			   first->command ? first->command : "a process", first->pid, n_more,
			   n_more > 1 ? "es" : "");
	return say(x, "%s (pid %u)", first->command ? first->command : "a process", first->pid);
}

static const char *unit_of(const struct hark_bind_verdict *verdict, uint32_t i)
{
	const struct hark_snapshot *snapshot = verdict->words.snapshot;
	const struct hark_socket *socket = &snapshot->sockets.items[i];
	const struct hark_process *origin = hark_snapshot_socket_origin(snapshot, i);
	const char *unit = NULL;

	if (socket->n_holders)
		unit = hark_snapshot_process(
			       snapshot,
			       hark_snapshot_holder(snapshot, socket->first_holder)->process)
			       ->unit;
	return unit ? unit : origin ? origin->unit : NULL;
}

/* Whose it is, as a sentence. */
static const char *whose_text(struct hark_bind_verdict *verdict, uint32_t i)
{
	struct hark_explanation *x = &verdict->words;
	const struct hark_socket *socket = socket_at(x, i);
	const char *holders = holders_text(verdict, socket), *unit = unit_of(verdict, i);

	if (holders)
		return say(x, " %s has it open%s%s.", holders, unit ? ", of " : "",
			   unit ? unit : "");
	if (socket->is_kernel)
		return " It is the kernel's own (VXLAN, WireGuard, NFS and the like have such): no process has it open.";
	if (!socket->inode)
		return " No process has it open.";
	if (unit)
		return say(x, " It is of %s; in which process may not be seen.", unit);
	if (socket->holders == HARK_DENIED || !socket->holders_complete)
		return say(x, " It is in a process that you may not see, of the user with uid %u.",
			   socket->uid);
	return " No process that could be seen has it open.";
}

static const char *seconds_text(struct hark_bind_verdict *verdict, uint32_t ms)
{
	return say(&verdict->words, "%u.%u s", ms / 1000, ms / 100 % 10);
}

/* What it is, as a sentence. */
static const char *what_text(struct hark_bind_verdict *verdict, const struct hark_socket *socket)
{
	struct hark_explanation *x = &verdict->words;
	const char *name = name_of(x, socket);
	const char *state = hark_state_name((enum hark_state)socket->state);
	const char *peer = endpoint_text(x, socket->netns, &socket->remote, socket->remote_port);

	if (bind_is_timewait(socket))
		return say(x, "What is left of a connection from %s to %s stays in %s for %s more.",
			   name, peer, state, seconds_text(verdict, socket->expires_ms));
	if (socket->state == HARK_STATE_FIN_WAIT_2 && !socket->inode)
		return say(x,
			   "A connection from %s to %s was closed here, and its peer did not yet.",
			   name, peer);
	if (socket->state == HARK_STATE_BOUND)
		return say(x,
			   "A socket is bound to %s that neither listens nor is connected: netstat "
			   "and ss -l do not show it.",
			   name);
	if (!socket->is_listener)
		return say(x, "A connection from %s to %s (%s) has the port.", name, peer, state);
	if (bind_is_any6(socket->family, &socket->local) && socket->v6only != HARK_YES)
		return say(
			x,
			"An IPv6 socket is at %s, and takes IPv4 too (IPV6_V6ONLY is off), so it "
			"has the port of both.",
			name);
	return say(x, "A socket %s at %s.",
		   socket->state == HARK_STATE_LISTEN ? "listens" :
							"is bound, and takes datagrams,",
		   name);
}

/* Why the options of the wish do not make them share, as a sentence. */
static const char *why_text(struct hark_bind_verdict *verdict, uint32_t i)
{
	const struct hark_bind_wish *wish = &verdict->want.wish;
	const struct hark_socket *socket = socket_at(&verdict->words, i);
	enum hark_tristate shares = bind_shares(&verdict->want, socket, flags_of(verdict, i));

	if (shares == HARK_YES)
		return " By its options it would share the port, but the kernel looks at one of several sockets alone.";
	if (shares == HARK_UNKNOWN)
		return " Whether it shares the port depends on its SO_REUSEADDR or SO_REUSEPORT, which cannot be read from here.";
	if (wish->reuseport && socket->uid != wish->uid && !bind_is_timewait(socket))
		return say(&verdict->words,
			   " SO_REUSEPORT is for sockets of one user, and it is of uid %u, not %u.",
			   socket->uid, wish->uid);
	if (wish->reuseaddr && socket->state == HARK_STATE_LISTEN)
		return " SO_REUSEADDR does not help beside a socket that listens.";
	if (wish->reuseaddr || wish->reuseport)
		return say(&verdict->words, " It does not have %s itself, as both would have to.",
			   wish->reuseaddr ? "SO_REUSEADDR" : "SO_REUSEPORT");
	return "";
}

static const char *help_text(struct hark_bind_verdict *verdict, uint32_t i)
{
	struct hark_explanation *x = &verdict->words;
	const struct hark_socket *socket = socket_at(x, i);
	const char *holders = holders_text(verdict, socket), *unit = unit_of(verdict, i);

	if (bind_is_timewait(socket))
		return say(x, "wait %s", seconds_text(verdict, socket->expires_ms));
	if (holders && unit)
		return say(x, "stop %s (systemctl stop %s)", holders, unit);
	if (holders)
		return say(x, "stop %s", holders);
	if (socket->is_kernel)
		return "take down what uses it in the kernel (ip -d link, wg, rpc.nfsd)";
	if (!socket->inode)
		return say(x, "wait until the connection at %s has ended", name_of(x, socket));
	if (unit)
		return say(x, "systemctl stop %s", unit);
	return say(x, "find who has %s open (hark bind as root tells), and stop it",
		   name_of(x, socket));
}

static void add_socket(struct hark_bind_verdict *verdict, uint32_t i, bool is_sure)
{
	struct hark_explanation *x = &verdict->words;
	const struct hark_socket *socket = socket_at(x, i);

	bind_add(verdict, (struct hark_obstacle){
				  .code = code_of(verdict, socket),
				  .text = say(x, "%s%s%s", what_text(verdict, socket),
					      whose_text(verdict, i), why_text(verdict, i)),
				  .evidence = socket_evidence(x, socket),
				  .help = help_text(verdict, i),
				  .socket = i,
				  .error = -EADDRINUSE,
				  .certainty = is_sure ? HARK_YES : HARK_UNKNOWN,
			  });
}

/* How many sockets of the port are for sure in the way, perhaps, and share by SO_REUSEPORT. */
struct census {
	uint32_t n_rivals, n_sure, n_open, n_grouped;
	uint32_t n_wild; /* of the sure ones, those at no address of their own */
	uint32_t n_firm; /* of the sure ones, those that TCP looks at for sure */
};

/* 0: not in the way. */
static enum hark_tristate hinders(const struct hark_bind_verdict *verdict, uint32_t i)
{
	const struct hark_socket *socket = socket_at(&verdict->words, i);
	enum hark_tristate overlaps, shares;

	if (!bind_is_rival(&verdict->want, socket))
		return HARK_NO;
	overlaps = bind_overlaps(verdict->words.snapshot, &verdict->want, socket);
	shares = bind_shares(&verdict->want, socket, flags_of(verdict, i));
	if (overlaps == HARK_NO || shares == HARK_YES)
		return HARK_NO;
	return overlaps == HARK_YES && shares == HARK_NO ? HARK_YES : HARK_UNKNOWN;
}

static bool is_grouped(const struct hark_bind_verdict *verdict, uint32_t i)
{
	const struct hark_socket *socket = socket_at(&verdict->words, i);
	const struct hark_bind_flags *flags = flags_of(verdict, i);

	return bind_is_rival(&verdict->want, socket) &&
	       bind_overlaps(verdict->words.snapshot, &verdict->want, socket) != HARK_NO &&
	       bind_option_matters(&verdict->want, socket, HARK_BIND_REUSEPORT) &&
	       !(flags && flags->reuseport == HARK_NO) &&
	       !(flags && flags->reuseaddr == HARK_YES && verdict->want.wish.reuseaddr);
}

/* Whether one that shares by SO_REUSEPORT with the wish may be beside a socket in its way. */
static bool may_be_passed_by(const struct bind_want *want, const struct hark_socket *socket)
{
	bool is_ipv4 = hark_addr_is_ipv4(&want->wish.addr);
	bool is_their_ipv4 = hark_addr_is_ipv4(&socket->local);

	if (is_ipv4)
		return !is_their_ipv4 && !bind_is_any6(socket->family, &socket->local);
	return !want->v6only && (is_their_ipv4 || socket->v6only != HARK_NO);
}

/*
 * TCP remembers of each port the user and address of the last socket bound with SO_REUSEPORT, which
 * may be gone, and lets in who is the same without a look at the others (sk_reuseport_match()), on
 * whatever interface, be it for IPv4 or not. A socket in the way rules that out if it was itself
 * bound, which made TCP forget who was before, and if none that the wish is the same as could be
 * bound beside it since. A connection that was accepted was never bound: its user is who accepted
 * it, and the one remembered is its listener's.
 */
static bool is_firm(const struct hark_bind_verdict *verdict, uint32_t i)
{
	const struct hark_socket *socket = socket_at(&verdict->words, i);
	const struct hark_bind_flags *flags = flags_of(verdict, i);
	bool lacks_reuseaddr = flags && flags->reuseaddr == HARK_NO;
	bool lacks_reuseport = flags && flags->reuseport == HARK_NO;

	if (!verdict->want.wish.reuseport)
		return true;
	if (socket->device || may_be_passed_by(&verdict->want, socket))
		return false;
	if (socket->state == HARK_STATE_LISTEN)
		return true;
	return lacks_reuseaddr && (lacks_reuseport || socket->state == HARK_STATE_BOUND);
}

static struct census count(const struct hark_bind_verdict *verdict)
{
	const struct hark_snapshot *snapshot = verdict->words.snapshot;
	struct census census = { 0 };

	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		enum hark_tristate is_in_way = hinders(verdict, i);

		census.n_rivals += bind_is_rival(&verdict->want, &snapshot->sockets.items[i]);
		census.n_sure += is_in_way == HARK_YES;
		census.n_open += is_in_way == HARK_UNKNOWN;
		census.n_grouped += is_grouped(verdict, i);
		census.n_firm += is_in_way == HARK_YES && is_firm(verdict, i);
		census.n_wild += is_in_way == HARK_YES &&
				 hark_addr_is_any(&snapshot->sockets.items[i].local);
	}
	return census;
}

/*
 * UDP is content with the first socket on its list that shares by SO_REUSEPORT, whatever comes
 * behind it, and the list begins with the newest. And where the list is long, a bind to all
 * addresses is held against such binds alone.
 */
static bool is_left_to_chance(const struct hark_bind_verdict *verdict, const struct census *census)
{
	const struct hark_bind_wish *wish = &verdict->want.wish;

	if (!census->n_sure || wish->protocol == HARK_PROTOCOL_TCP)
		return census->n_sure && !census->n_firm;
	return census->n_grouped > 0 ||
	       (hark_addr_is_any(&wish->addr) && !census->n_wild && census->n_rivals > SHORT_CHAIN);
}

enum hark_tristate bind_find_sockets(struct hark_bind_verdict *verdict)
{
	struct census census = count(verdict);
	bool is_chance = is_left_to_chance(verdict, &census);

	for (uint32_t i = 0; i < verdict->words.snapshot->sockets.n; i++) {
		enum hark_tristate is_in_way = hinders(verdict, i);

		if (is_in_way != HARK_NO)
			add_socket(verdict, i, is_in_way == HARK_YES && !is_chance);
	}
	if (is_chance)
		return HARK_UNKNOWN;
	return census.n_sure ? HARK_YES : census.n_open ? HARK_UNKNOWN : HARK_NO;
}

void bind_settle_sockets(struct hark_bind_verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->obstacles.n; i++) {
		struct hark_obstacle *obstacle = &verdict->obstacles.items[i];

		if (obstacle->socket != HARK_NONE && hinders(verdict, obstacle->socket) == HARK_YES)
			obstacle->certainty = HARK_YES;
	}
}

static bool is_alone(const struct hark_snapshot *snapshot, const struct bind_want *want,
		     const struct hark_bind_flags *flags, uint32_t socket,
		     enum hark_bind_option option)
{
	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		const struct hark_socket *other = &snapshot->sockets.items[i];

		if (i == socket || !bind_is_rival(want, other) ||
		    bind_overlaps(snapshot, want, other) == HARK_NO)
			continue;
		/* UDP is content with the first of those that share by SO_REUSEPORT. */
		if ((option == HARK_BIND_REUSEPORT && want->wish.protocol == HARK_PROTOCOL_UDP) ||
		    bind_shares(want, other, flags ? &flags[i] : NULL) != HARK_YES)
			return false;
	}
	return bind_overlaps(snapshot, want, &snapshot->sockets.items[socket]) == HARK_YES;
}

bool hark_bind_isolate(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
		       const struct hark_bind_flags *flags, uint32_t socket,
		       enum hark_bind_option option, struct hark_bind_wish *ret)
{
	const struct hark_socket *row = &snapshot->sockets.items[socket];
	/* Where no other is likely to be: one overlaps with who is at all addresses. */
	struct hark_addr loopback = hark_addr_from_ipv4((uint8_t[]){ 127, 103, 97, 1 });
	const struct hark_addr addresses[] = { row->local, loopback };

	for (size_t i = 0; i < 2; i++) {
		struct hark_bind_wish narrow = *wish;
		struct bind_want want;

		narrow.addr = addresses[i];
		narrow.family = i ? HARK_FAMILY_INET : row->family;
		narrow.device =
			row->device ? hark_snapshot_interface_name(snapshot, 0, row->device) : NULL;
		narrow.v6only = row->v6only;
		narrow.reuseaddr = option == HARK_BIND_REUSEADDR;
		narrow.reuseport = option == HARK_BIND_REUSEPORT;
		want = bind_resolve(snapshot, &narrow);
		if (want.device != row->device || !bind_option_matters(&want, row, option) ||
		    !is_alone(snapshot, &want, flags, socket, option))
			continue;
		*ret = narrow;
		return true;
	}
	return false;
}
