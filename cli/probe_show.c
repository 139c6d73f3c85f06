/* SPDX-License-Identifier: MIT */
/* What a probe found, for people and for scripts. */
#include "probe.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const outcomes[] = {
	[CALL_PENDING] = "pending",     [CALL_ACCEPTED] = "accepted",
	[CALL_ANSWERED] = "answered",   [CALL_REFUSED] = "refused",
	[CALL_TIMED_OUT] = "timed-out", [CALL_UNREACHABLE] = "unreachable",
	[CALL_FAILED] = "failed",
};

const char *probe_outcome_name(const struct call *call)
{
	return outcomes[call->outcome];
}

bool probe_is_answered(const struct call *call)
{
	return call->outcome == CALL_ACCEPTED || call->outcome == CALL_ANSWERED;
}

__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	out_text(out, text);
}

static void write_end(struct out *out, const struct hark_addr *addr, uint16_t port)
{
	char text[HARK_ADDR_TEXT_SIZE], name[IF_NAMESIZE];
	bool is_ipv4 = hark_addr_is_ipv4(addr);

	hark_addr_format(addr, text);
	out_text(out, is_ipv4 ? "" : "[");
	out_text(out, text);
	if (addr->scope_id && if_indextoname(addr->scope_id, name)) {
		out_char(out, '%');
		escape_text(out, ESCAPE_ASCII, name);
	}
	put(out, "%s:%u", is_ipv4 ? "" : "]", port);
}

/* As an AF_INET6 socket sees it. */
static void write_mapped(struct out *out, const struct hark_addr *addr, uint16_t port)
{
	char text[HARK_ADDR_TEXT_SIZE];

	put(out, "[%s%s]:%u", hark_addr_is_ipv4(addr) ? "::ffff:" : "",
	    hark_addr_format(addr, text), port);
}

static void write_holders(struct out *out, const struct probed *probed,
			  const struct hark_socket *socket, enum escape escape)
{
	const struct hark_holder *holder =
		hark_snapshot_holder(probed->snapshot, socket->first_holder);
	const struct hark_process *process;

	if (!socket->n_holders) {
		out_text(out, socket->is_kernel        ? "the kernel" :
			      socket->holders_complete ? "nobody" :
							 "a process that may not be seen");
		return;
	}
	process = hark_snapshot_process(probed->snapshot, holder->process);
	escape_text(out, escape, process->command ? process->command : "?");
	put(out, " %u", process->pid);
	if (socket->n_holders > 1)
		put(out, " +%u", socket->n_holders - 1);
}

static void write_listener(struct out *out, const struct probed *probed, enum escape escape)
{
	const struct hark_socket *listener =
		hark_snapshot_socket(probed->snapshot, probed->listener);
	char name[IF_NAMESIZE];

	if (!listener) {
		out_text(out, "a socket that is gone by now");
		return;
	}
	write_end(out, &listener->local, listener->local_port);
	if (listener->device && if_indextoname(listener->device, name)) {
		out_text(out, " on ");
		escape_text(out, escape, name);
	}
	if (probed->n_alike > 1)
		put(out, " (one of %u that share it)", probed->n_alike);
	out_text(out, " of ");
	write_holders(out, probed, listener, escape);
}

static bool shares_holder(const struct probed *probed, const struct hark_socket *end)
{
	const struct hark_socket *listener =
		hark_snapshot_socket(probed->snapshot, probed->listener);

	for (uint32_t i = 0; listener && i < listener->n_holders; i++)
		for (uint32_t j = 0; j < end->n_holders; j++)
			if (hark_snapshot_holder(probed->snapshot, listener->first_holder + i)
				    ->process ==
			    hark_snapshot_holder(probed->snapshot, end->first_holder + j)->process)
				return true;
	return false;
}

static void write_accepted(struct out *out, const struct probed *probed, enum escape escape)
{
	const struct hark_socket *end = hark_snapshot_socket(probed->snapshot, probed->end);

	if (probed->call->end_error == -ENOENT) {
		out_text(
			out,
			", but by no socket of this network namespace: it is sent on, as NAT does, "
			"or the server has closed it already");
		return;
	}
	if (probed->call->end_error) {
		out_text(out, "; by whom cannot be asked here");
		return;
	}
	out_text(out, " by ");
	write_listener(out, probed, escape);
	if (!end || !end->inode) {
		out_text(out, end && end->state == HARK_STATE_ESTABLISHED ?
				      "; the program has not taken it yet" :
				      "; the program has closed it already");
	} else if (end->n_holders && !shares_holder(probed, end)) {
		out_text(out, "; the connection is held by ");
		write_holders(out, probed, end, escape);
	}
}

/* What the kernel would do says where it went wrong when it does not. */
static void write_missed(struct out *out, const struct probed *probed, enum escape escape)
{
	const struct call *call = probed->call;
	bool is_tcp = call->protocol == HARK_PROTOCOL_TCP;

	if (call->taker_error == -ENOENT) {
		out_text(out, ": no socket would get it");
		return;
	}
	if (call->taker_error)
		return;
	if (probed->is_outside && hark_addr_is_loopback(&call->target)) {
		out_text(out, ": what comes from outside for a loopback address is dropped");
		return;
	}
	out_text(out, call->outcome == CALL_TIMED_OUT && !is_tcp ? ": it would go to " :
								   ", although it would go to ");
	write_listener(out, probed, escape);
	if (call->outcome == CALL_TIMED_OUT)
		out_text(out, is_tcp ? ": a firewall may drop it, or the backlog be full" :
				       ", which may have nothing to say to it");
	else
		out_text(out, ": a firewall may reject it");
}

static void write_outcome(struct out *out, const struct probed *probed, bool color,
			  enum escape escape)
{
	const struct call *call = probed->call;
	double ms = (double)call->elapsed_ns / 1e6;
	bool is_good = probe_is_answered(call);

	if (color)
		out_text(out, is_good ? "\033[32m" : "\033[31m");
	switch ((enum call_outcome)call->outcome) {
	case CALL_ACCEPTED:
	case CALL_ANSWERED:
	case CALL_REFUSED:
		put(out, "%s in %.3f ms", probe_outcome_name(call), ms);
		break;
	case CALL_TIMED_OUT:
		put(out, "no answer in %g s", probed->timeout);
		break;
	case CALL_UNREACHABLE:
	case CALL_FAILED:
	case CALL_PENDING:
		put(out, "%s (%s)", probe_outcome_name(call), strerror(-call->error));
		break;
	}
	out_text(out, color ? "\033[0m" : "");
	if (call->outcome == CALL_ACCEPTED) {
		write_accepted(out, probed, escape);
	} else if (call->outcome == CALL_ANSWERED && call->taker_error == 0) {
		out_text(out, " by ");
		write_listener(out, probed, escape);
	} else if (!is_good) {
		write_missed(out, probed, escape);
	}
	out_char(out, '\n');
}

/* The riddle: IPv4 here, and IPv6 there. */
static void write_both_ends(struct out *out, const struct probed *probed)
{
	const struct hark_socket *end = hark_snapshot_socket(probed->snapshot, probed->end);
	const struct call *call = probed->call;
	struct out left;

	if (!end || !end->is_mapped)
		return;
	out_init(&left, -1);
	write_end(&left, &call->source, call->source_port);
	out_text(&left, " > ");
	write_end(&left, &call->target, call->port);
	out_text(out, "    on the wire: IPv4");
	out_pad(out, left.n > 17 ? left.n - 17 + 3 : 3);
	out_text(out, "at the server's socket: IPv6\n    ");
	out_bytes(out, left.bytes, left.n);
	out_pad(out, left.n > 17 ? 3 : 3 + 17 - left.n);
	write_mapped(out, &end->remote, end->remote_port);
	out_text(out, " > ");
	write_mapped(out, &end->local, end->local_port);
	out_char(out, '\n');
	out_fini(&left);
}

static const char *const flag_names[] = { "FIN", "SYN", "RST", "PSH", "ACK" };

static void write_packet(struct out *out, const struct captured *captured, uint64_t first_ns,
			 const char *wire)
{
	const struct frame *frame = &captured->frame;
	const char *name;

	put(out, "    %9.3f ms  ", (double)(captured->time_ns - first_ns) / 1e6);
	escape_text(out, ESCAPE_ASCII, wire);
	out_text(out, frame->family == HARK_FAMILY_INET ? "  IPv4  " : "  IPv6  ");
	write_end(out, &frame->from, frame->from_port);
	out_text(out, " > ");
	write_end(out, &frame->to, frame->to_port);
	switch ((enum frame_kind)frame->kind) {
	case FRAME_TCP:
		out_text(out, "  TCP");
		for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names); i++)
			if (frame->flags & (1u << i))
				put(out, " %s", flag_names[i]);
		break;
	case FRAME_UDP:
		out_text(out, "  UDP");
		break;
	case FRAME_ICMP:
		name = frame_icmp_name(frame);
		put(out, "  ICMP %s", name ? name : "error");
		if (!name)
			put(out, " type %u code %u", frame->icmp_type, frame->icmp_code);
		break;
	}
	if (frame->n_bytes || frame->kind == FRAME_UDP)
		put(out, "  %" PRIu32 " bytes", frame->n_bytes);
	out_char(out, '\n');
}

static void write_reply(struct out *out, const struct call *call, enum escape escape)
{
	if (!call->has_reply)
		return;
	put(out, "    %" PRIu32 " bytes came back", call->n_reply);
	if (call->n_reply) {
		out_text(out, ": ");
		escape_bytes(out, escape, call->reply,
			     call->n_reply < CALL_REPLY_KEPT ? call->n_reply : CALL_REPLY_KEPT);
		out_text(out, call->n_reply > CALL_REPLY_KEPT ? " ..." : "");
	}
	out_char(out, '\n');
}

void probe_write_text(struct out *out, const struct probed *probed, bool color, enum escape escape)
{
	const struct call *call = probed->call;
	const struct capture *capture = &call->capture;

	put(out, "%s ", hark_protocol_name((enum hark_protocol)call->protocol));
	write_end(out, &call->target, call->port);
	out_text(out, "  ");
	write_outcome(out, probed, color, escape);
	write_both_ends(out, probed);
	write_reply(out, call, escape);
	for (uint32_t i = 0; i < capture->n; i++)
		write_packet(out, &capture->frames[i], capture->frames[0].time_ns, probed->wire);
	if (capture->n_more)
		put(out, "    and %" PRIu32 " packets more\n", capture->n_more);
}
