/* SPDX-License-Identifier: MIT */
/* What a probe found, as JSON. */
#include "probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void write_key(struct out *out, const char *key)
{
	out_char(out, '"');
	out_text(out, key);
	out_text(out, "\":");
}

static void write_text(struct out *out, const char *text)
{
	if (!text) {
		out_text(out, "null");
		return;
	}
	out_char(out, '"');
	escape_text(out, ESCAPE_JSON, text);
	out_char(out, '"');
}

static void write_ms(struct out *out, uint64_t ns)
{
	char text[40];

	snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
	out_text(out, text);
}

static void write_addr(struct out *out, const struct hark_addr *addr, uint16_t port, bool is_mapped)
{
	char text[HARK_ADDR_TEXT_SIZE];

	out_text(out, "{\"address\":\"");
	out_text(out, is_mapped && hark_addr_is_ipv4(addr) ? "::ffff:" : "");
	out_text(out, hark_addr_format(addr, text));
	out_text(out, "\",\"port\":");
	out_u64(out, port);
	out_char(out, '}');
}

static void write_holders(struct out *out, const struct hark_snapshot *snapshot,
			  const struct hark_socket *socket)
{
	out_text(out, "\"holders\":[");
	for (uint32_t i = 0; i < socket->n_holders; i++) {
		const struct hark_holder *holder =
			hark_snapshot_holder(snapshot, socket->first_holder + i);
		const struct hark_process *process =
			hark_snapshot_process(snapshot, holder->process);

		out_text(out, i ? ",{\"pid\":" : "{\"pid\":");
		out_u64(out, process->pid);
		out_text(out, ",\"fd\":");
		out_u64(out, holder->fd);
		out_text(out, ",\"command\":");
		write_text(out, process->command);
		out_char(out, '}');
	}
	out_text(out, "],\"holders_complete\":");
	out_text(out, socket->holders_complete ? "true" : "false");
}

/* `is_end`: of a connection, as the program sees it: mapped addresses stay what they are to it. */
static void write_socket(struct out *out, const struct hark_snapshot *snapshot, uint32_t i,
			 bool is_end)
{
	const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
	bool is_mapped = is_end && socket && socket->is_mapped;

	if (!socket) {
		out_text(out, "null");
		return;
	}
	out_text(out, "{\"protocol\":");
	write_text(out, hark_protocol_name((enum hark_protocol)socket->protocol));
	out_text(out, socket->family == HARK_FAMILY_INET ? ",\"family\":\"inet\"" :
							   ",\"family\":\"inet6\"");
	out_text(out, ",\"state\":");
	write_text(out, hark_state_name((enum hark_state)socket->state));
	out_text(out, ",\"local\":");
	write_addr(out, &socket->local, socket->local_port, is_mapped);
	if (is_end) {
		out_text(out, ",\"remote\":");
		write_addr(out, &socket->remote, socket->remote_port, is_mapped);
	}
	out_text(out, ",\"inode\":");
	out_u64(out, socket->inode);
	out_text(out, ",\"cookie\":\"");
	out_hex(out, socket->cookie, 16);
	out_text(out, "\",");
	write_holders(out, snapshot, socket);
	out_char(out, '}');
}

static const char *const flag_names[] = { "fin", "syn", "rst", "psh", "ack" };

static void write_packet(struct out *out, const struct captured *captured, uint64_t first_ns,
			 const char *wire)
{
	static const char *const kinds[] = { "tcp", "udp", "icmp" };
	const struct frame *frame = &captured->frame;
	bool any = false;

	out_text(out, "{\"milliseconds\":");
	write_ms(out, captured->time_ns > first_ns ? captured->time_ns - first_ns : 0);
	out_text(out, ",\"interface\":");
	write_text(out, wire);
	out_text(out, frame->family == HARK_FAMILY_INET ? ",\"family\":\"ipv4\"" :
							  ",\"family\":\"ipv6\"");
	out_text(out, ",\"protocol\":");
	write_text(out, kinds[frame->kind]);
	out_text(out, ",\"from\":");
	write_addr(out, &frame->from, frame->from_port, false);
	out_text(out, ",\"to\":");
	write_addr(out, &frame->to, frame->to_port, false);
	if (frame->kind == FRAME_TCP) {
		out_text(out, ",\"flags\":[");
		for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names); i++) {
			if (!(frame->flags & (1u << i)))
				continue;
			out_text(out, any ? "," : "");
			write_text(out, flag_names[i]);
			any = true;
		}
		out_char(out, ']');
	} else if (frame->kind == FRAME_ICMP) {
		out_text(out, ",\"type\":");
		out_u64(out, frame->icmp_type);
		out_text(out, ",\"code\":");
		out_u64(out, frame->icmp_code);
	}
	out_text(out, ",\"bytes\":");
	out_u64(out, frame->n_bytes);
	out_char(out, '}');
}

/* Null where nothing could be captured: that is not "nothing was on the wire". */
static void write_packets(struct out *out, const struct probed *probed)
{
	const struct capture *capture = &probed->call->capture;

	write_key(out, "packets");
	if (probed->call->capture_error) {
		out_text(out, "null");
		return;
	}
	out_char(out, '[');
	for (uint32_t i = 0; i < capture->n; i++) {
		out_text(out, i ? "," : "");
		write_packet(out, &capture->frames[i], capture->frames[0].time_ns, probed->wire);
	}
	out_text(out, "],\"packets_left_out\":");
	out_u64(out, capture->n_more);
}

static void write_reply(struct out *out, const struct call *call)
{
	uint32_t n = call->n_reply < CALL_REPLY_KEPT ? call->n_reply : CALL_REPLY_KEPT;

	write_key(out, "reply");
	if (!call->has_reply) {
		out_text(out, "null");
		return;
	}
	out_text(out, "{\"bytes\":");
	out_u64(out, call->n_reply);
	out_text(out, ",\"begins\":\"");
	escape_bytes(out, ESCAPE_JSON, call->reply, n);
	out_text(out, "\"}");
}

void probe_write_json(struct out *out, const struct probed *probed)
{
	const struct call *call = probed->call;
	bool is_measured = probe_is_answered(call) || call->outcome == CALL_REFUSED;

	out_text(out, "{\"protocol\":");
	write_text(out, hark_protocol_name((enum hark_protocol)call->protocol));
	out_text(out, ",\"target\":");
	write_addr(out, &call->target, call->port, false);
	out_text(out, ",\"interface\":");
	write_text(out, hark_snapshot_interface_name(probed->snapshot, 0, call->ifindex));
	out_text(out, probed->is_outside ? ",\"from\":\"outside\",\"source\":" :
					   ",\"from\":\"host\",\"source\":");
	if (call->source_port)
		write_addr(out, &call->source, call->source_port, false);
	else
		out_text(out, "null");
	out_text(out, ",\"outcome\":");
	write_text(out, probe_outcome_name(call));
	out_text(out, ",\"error\":");
	write_text(out, call->error ? strerror(-call->error) : NULL);
	out_text(out, ",\"milliseconds\":");
	if (is_measured)
		write_ms(out, call->elapsed_ns);
	else
		out_text(out, "null");
	out_text(out, ",\"listener\":");
	write_socket(out, probed->snapshot, probed->listener, false);
	out_text(out, ",\"alike\":");
	out_u64(out, probed->n_alike);
	out_text(out, ",\"connection\":");
	write_socket(out, probed->snapshot, probed->end, true);
	out_char(out, ',');
	write_reply(out, call);
	out_char(out, ',');
	write_packets(out, probed);
	out_char(out, '}');
}
