/* SPDX-License-Identifier: MIT */
/* hark probe: really connect, or send, to this host; who took it, and what was on the wire. */
#include "probe.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "query.h"
#include "screen.h"
#include "text.h"

#define AT_ONCE         32 /* calls */
#define MAX_CALLS       4096
#define TIMEOUT_SECONDS 2.0

struct probe {
	const struct options *options;
	struct hark_snapshot *places; /* of before: what is local, who listens */
	struct call *calls;
	uint32_t n, n_left_out;
	struct peer peer;
	struct call_options call_options;
	FILE *pcap;
	struct out out;
	uint32_t n_answered, n_written;
	int capture_error;
};

/* A word on the command line. */
struct target {
	struct hark_addr addr;
	bool has_addr;
	uint16_t port;
};

static int refuse(const char *word)
{
	complain("probe wants ADDRESS:PORT, [ADDRESS]:PORT or PORT, in numbers, not \"%s\"", word);
	return STATUS_USAGE;
}

static bool parse_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !value || value > UINT16_MAX)
		return false;
	*ret = (uint16_t)value;
	return true;
}

/* "80", ":80", "10.0.0.7:80", "[fe80::1%eth0]:80" */
static bool parse_target(const char *word, struct target *ret)
{
	const char *colon = strrchr(word, ':');
	char text[HARK_ADDR_TEXT_SIZE + IF_NAMESIZE], *percent, *end;
	size_t length = colon ? (size_t)(colon - word) : 0;

	*ret = (struct target){ .has_addr = length > 0 };
	if (!parse_port(colon ? colon + 1 : word, &ret->port) || length >= sizeof(text))
		return false;
	if (!length)
		return true;
	if (word[0] == '[') {
		if (length < 2 || word[length - 1] != ']')
			return false;
		word++;
		length -= 2;
	} else if (memchr(word, ':', length)) {
		return false;
	}
	memcpy(text, word, length);
	text[length] = '\0';
	percent = strchr(text, '%');
	if (percent)
		*percent++ = '\0';
	if (hark_addr_parse(text, &ret->addr) < 0)
		return false;
	if (percent) {
		ret->addr.scope_id = if_nametoindex(percent);
		if (!ret->addr.scope_id)
			ret->addr.scope_id = (uint32_t)strtoul(percent, &end, 10);
	}
	return !percent || ret->addr.scope_id;
}

static bool is_family_wanted(const struct probe *probe, const struct hark_addr *addr)
{
	uint32_t families = probe->options->families;

	return !families ||
	       families & (1u << (hark_addr_is_ipv4(addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6));
}

static bool is_scoped(const struct hark_addr *addr)
{
	return !hark_addr_is_ipv4(addr) && hark_addr_is_link_local(addr);
}

static int add_call(struct probe *probe, const struct hark_addr *addr, uint32_t ifindex,
		    uint16_t port, enum hark_protocol protocol)
{
	struct call *calls;

	for (uint32_t i = 0; i < probe->n; i++)
		if (!hark_addr_compare(&probe->calls[i].target, addr) &&
		    probe->calls[i].port == port && probe->calls[i].protocol == protocol)
			return 0;
	if (probe->n == MAX_CALLS) {
		probe->n_left_out++;
		return 0;
	}
	calls = reallocarray(probe->calls, probe->n + 1, sizeof(*calls));
	if (!calls)
		return -ENOMEM;
	probe->calls = calls;
	calls[probe->n++] = (struct call){
		.target = *addr,
		.ifindex = ifindex,
		.port = port,
		.protocol = (uint8_t)protocol,
		.family = hark_addr_is_ipv4(addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6,
		.fd = -1,
		.capture.fd = -1,
	};
	return 0;
}

/* By each protocol that is wanted. */
static int add_address(struct probe *probe, const struct hark_addr *addr, uint32_t ifindex,
		       uint16_t port)
{
	uint32_t protocols = probe->options->protocols;
	int r = 0;

	if (!protocols || protocols & (1u << HARK_PROTOCOL_TCP))
		r = add_call(probe, addr, ifindex, port, HARK_PROTOCOL_TCP);
	if (r == 0 && protocols & (1u << HARK_PROTOCOL_UDP))
		r = add_call(probe, addr, ifindex, port, HARK_PROTOCOL_UDP);
	return r;
}

static const struct hark_place *place_at(const struct probe *probe, uint32_t i)
{
	const struct hark_namespace *own = hark_snapshot_namespace(probe->places, 0);

	return i < own->n_places ? hark_snapshot_place(probe->places, own->first_place + i) : NULL;
}

/* The local address or prefix, single addresses first; NULL: it is not local. */
static const struct hark_place *find_place(const struct probe *probe, const struct hark_addr *addr)
{
	const struct hark_place *place, *found = NULL;

	for (uint32_t i = 0; (place = place_at(probe, i)); i++)
		if (hark_prefix_contains(&place->prefix, addr) &&
		    (!is_scoped(addr) || !addr->scope_id || addr->scope_id == place->ifindex) &&
		    (!found || place->prefix.bits > found->prefix.bits))
			found = place;
	return found;
}

/* How many interfaces have that link-local address. */
static uint32_t count_links(const struct probe *probe, const struct hark_addr *addr)
{
	const struct hark_place *place;
	uint32_t n = 0;

	for (uint32_t i = 0; (place = place_at(probe, i)); i++)
		n += !memcmp(place->prefix.addr.bytes, addr->bytes, sizeof(addr->bytes));
	return n;
}

static int add_named(struct probe *probe, const struct target *target, const char *word)
{
	const struct hark_place *place = find_place(probe, &target->addr);
	struct hark_addr addr = target->addr;

	if (!place) {
		complain(
			"%s is no address of this host (of this network namespace), and probe calls no "
			"other",
			word);
		return STATUS_USAGE;
	}
	if (is_scoped(&addr)) {
		if (!addr.scope_id && count_links(probe, &addr) > 1) {
			complain("several interfaces have %s: say which, as in [fe80::1%%eth0]:80",
				 word);
			return STATUS_USAGE;
		}
		if (probe->options->from_outside) {
			complain("%s is an address of one link, which a peer is not on", word);
			return STATUS_USAGE;
		}
		addr.scope_id = place->ifindex;
	}
	return add_address(probe, &addr, place->ifindex, target->port);
}

/* Nothing that comes from outside can be for these. */
static bool is_inside_only(const struct hark_addr *addr)
{
	return hark_addr_is_loopback(addr) || is_scoped(addr);
}

static int add_if_wanted(struct probe *probe, const struct hark_addr *addr, uint32_t ifindex,
			 uint16_t port)
{
	if (!is_family_wanted(probe, addr))
		return 0;
	if (probe->options->from_outside && is_inside_only(addr)) {
		probe->n_left_out++;
		return 0;
	}
	return add_address(probe, addr, ifindex, port);
}

/* Of a prefix that is local as a whole one address, and those that somebody listens at. */
static int add_prefix(struct probe *probe, const struct hark_place *prefix, uint16_t port)
{
	struct hark_addr first = prefix->prefix.addr;
	const struct hark_place *place;
	bool is_covered = false;
	int r = 0;

	for (uint32_t i = 0; (place = place_at(probe, i)); i++)
		is_covered |= place->prefix.bits == 128 &&
			      hark_prefix_contains(&prefix->prefix, &place->prefix.addr);
	first.bytes[15] |= 1;
	if (!is_covered)
		r = add_if_wanted(probe, &first, prefix->ifindex, port);
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(probe->places) && r == 0; i++) {
		const struct hark_socket *socket = hark_snapshot_socket(probe->places, i);

		if (socket->local_port == port && socket->netns == 0 &&
		    hark_prefix_contains(&prefix->prefix, &socket->local))
			r = add_if_wanted(probe, &socket->local, prefix->ifindex, port);
	}
	return r;
}

/* Every local address; of one family, where a wildcard of it was named. */
static int add_all(struct probe *probe, const struct target *target)
{
	const struct hark_place *place;
	int r = 0;

	for (uint32_t i = 0; (place = place_at(probe, i)) && r == 0; i++) {
		if (target->has_addr &&
		    hark_addr_is_ipv4(&target->addr) != hark_addr_is_ipv4(&place->prefix.addr))
			continue;
		if (place->prefix.bits < 128)
			r = add_prefix(probe, place, target->port);
		else
			r = add_if_wanted(probe, &place->prefix.addr, place->ifindex, target->port);
	}
	return r;
}

static int add_word(struct probe *probe, const char *word)
{
	struct target target;

	if (!parse_target(word, &target))
		return refuse(word);
	if (target.has_addr && !hark_addr_is_any(&target.addr))
		return add_named(probe, &target, word);
	return add_all(probe, &target);
}

static int add_words(struct probe *probe, char **words, uint32_t n_words)
{
	struct hark_query query = { .details = 0 };
	struct hark_error error;
	int r = hark_snapshot_take(&query, &probe->places, &error);

	if (r < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	if (hark_snapshot_namespace(probe->places, 0)->places_presence != HARK_KNOWN) {
		complain("what addresses this host has cannot be read, and probe calls no other");
		return STATUS_FAILED;
	}
	for (uint32_t i = 0; i < n_words && r == 0; i++)
		r = add_word(probe, words[i]);
	if (r < 0)
		complain("%s", strerror(-r));
	else if (r == 0 && probe->n_left_out)
		complain(
			"%u of the addresses are left out: %s", probe->n_left_out,
			probe->n < MAX_CALLS ?
				"nothing that comes from outside can be for a loopback or link-local one" :
				"they are too many");
	if (r == 0 && !probe->n) {
		complain("there is no such address to call");
		return STATUS_NOTHING;
	}
	return r < 0 ? STATUS_FAILED : r;
}

static uint32_t find_cookie(const struct hark_snapshot *snapshot, uint64_t cookie)
{
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot) && cookie; i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
		const struct hark_listener *listener =
			hark_snapshot_listener(snapshot, socket->listener);

		if (socket->cookie == cookie || (listener && listener->subflow_cookie == cookie))
			return i;
	}
	return HARK_NONE;
}

/*
 * The server's end of a connection. By its ends and not by its cookie, for it gets another one
 * where the server closes it and TIME_WAIT begins.
 */
static uint32_t find_end(const struct hark_snapshot *snapshot, const struct call *call)
{
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot) && !call->end_error; i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);

		if (socket->protocol != HARK_PROTOCOL_UDP && socket->netns == 0 &&
		    socket->local_port == call->port && socket->remote_port == call->source_port &&
		    !memcmp(socket->local.bytes, call->target.bytes, sizeof(call->target.bytes)) &&
		    !memcmp(socket->remote.bytes, call->source.bytes, sizeof(call->source.bytes)))
			return i;
	}
	return HARK_NONE;
}

static bool is_alike(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->protocol == b->protocol && a->family == b->family && a->state == b->state &&
	       a->local_port == b->local_port && a->device == b->device && a->v6only == b->v6only &&
	       !hark_addr_compare(&a->local, &b->local);
}

static bool shares_process(const struct hark_snapshot *snapshot, const struct hark_socket *a,
			   const struct hark_socket *b)
{
	for (uint32_t i = 0; i < a->n_holders; i++)
		for (uint32_t j = 0; j < b->n_holders; j++)
			if (hark_snapshot_holder(snapshot, a->first_holder + i)->process ==
			    hark_snapshot_holder(snapshot, b->first_holder + j)->process)
				return true;
	return false;
}

/*
 * Where a BPF program picks among the members of a SO_REUSEPORT group, the look-up names another
 * one than it; then who holds the connection tells which it was, if one holds no other member.
 */
static uint32_t correct_listener(struct probed *probed)
{
	const struct hark_snapshot *snapshot = probed->snapshot;
	const struct hark_socket *end = hark_snapshot_socket(snapshot, probed->end);
	const struct hark_socket *told = hark_snapshot_socket(snapshot, probed->listener);
	uint32_t found = HARK_NONE, n_found = 0;

	probed->n_alike = 0;
	for (uint32_t i = 0; told && i < hark_snapshot_n_sockets(snapshot); i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);

		if (!is_alike(socket, told))
			continue;
		probed->n_alike++;
		if (end && shares_process(snapshot, socket, end)) {
			found = i;
			n_found++;
		}
	}
	if (n_found == 1 && !shares_process(snapshot, told, end))
		return found;
	return probed->listener;
}

static struct probed look_at(const struct probe *probe, const struct call *call,
			     const struct hark_snapshot *snapshot)
{
	struct probed probed = {
		.call = call,
		.snapshot = snapshot,
		.wire = probe->options->from_outside ? probe->peer.name : "lo",
		.is_outside = probe->options->from_outside,
		.timeout = probe->call_options.timeout,
		.end = find_end(snapshot, call),
		.listener = call->taker_error ? HARK_NONE :
						find_cookie(snapshot, call->taker.cookie),
	};

	/* Accepted by none of this namespace: it was sent on, whoever listens here. */
	if (call->outcome == CALL_ACCEPTED && call->end_error)
		probed.listener = HARK_NONE;
	probed.listener = correct_listener(&probed);
	return probed;
}

/* The sockets of that port, with their holders, while the calls last. */
static struct hark_snapshot *look(uint16_t port)
{
	struct hark_query query = { .details = HARK_DETAIL_HOLDERS, .all_states = true };
	struct hark_selection *selection = NULL;
	struct hark_snapshot *snapshot = NULL;
	struct hark_error error = { .text = "memory ran out" };
	char text[16];
	int r = hark_selection_new(&selection);

	snprintf(text, sizeof(text), "port=%u", port);
	if (r == 0)
		r = hark_selection_add(selection, text, &error);
	query.selection = selection;
	if (r == 0)
		r = hark_snapshot_take(&query, &snapshot, &error);
	if (r < 0)
		complain("%s", error.text);
	hark_selection_free(selection);
	return r < 0 ? NULL : snapshot;
}

static void tell(struct probe *probe, const struct hark_snapshot *snapshot, struct call *call)
{
	struct render_options render = screen_options(STDOUT_FILENO, probe->options);
	struct probed probed = look_at(probe, call, snapshot);

	if (probe->options->format == FORMAT_JSON) {
		if (probe->n_written++)
			out_char(&probe->out, ',');
		probe_write_json(&probe->out, &probed);
	} else {
		probe_write_text(&probe->out, &probed, render.color,
				 render.utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII);
	}
	if (probe->pcap)
		pcap_write(probe->pcap, &call->capture);
	if (call->capture_error < 0 && call->capture_error != -ENODATA)
		probe->capture_error = call->capture_error;
	probe->n_answered += probe_is_answered(call);
	capture_close(&call->capture);
}

/* Calls with one port in common. */
static int make_calls(struct probe *probe, struct call *calls, uint32_t n)
{
	int r = calls_make(calls, n, &probe->call_options);
	struct hark_snapshot *snapshot = look(calls[0].port);

	if (r == 0)
		r = calls_end(calls, n);
	else
		calls_end(calls, n);
	if (snapshot)
		query_tell_notes(snapshot, probe->options);
	for (uint32_t i = 0; i < n; i++) {
		if (snapshot && r == 0)
			tell(probe, snapshot, &calls[i]);
		else
			capture_close(&calls[i].capture);
	}
	hark_snapshot_free(snapshot);
	if (r < 0)
		complain("%s", strerror(-r));
	return snapshot && r == 0 ? out_flush(&probe->out) : -EIO;
}

static int make_all(struct probe *probe)
{
	/* What goes to a peer takes a route of the target's own. */
	uint32_t at_once = probe->options->from_outside ? 1 : AT_ONCE, n;

	if (probe->options->format == FORMAT_JSON)
		out_text(&probe->out, "{\"schema\":1,\"probes\":[");
	for (uint32_t i = 0; i < probe->n; i += n) {
		for (n = 1; n < at_once && i + n < probe->n &&
			    probe->calls[i + n].port == probe->calls[i].port;)
			n++;
		if (make_calls(probe, &probe->calls[i], n) < 0)
			return STATUS_FAILED;
	}
	if (probe->options->format == FORMAT_JSON)
		out_text(&probe->out, "]}\n");
	if (probe->capture_error)
		complain("what was on the wire could not be captured: %s%s",
			 strerror(-probe->capture_error),
			 probe->capture_error == -EPERM ? " (it takes CAP_NET_RAW)" : "");
	if (status_of_writing(out_flush(&probe->out)) != STATUS_MATCHED)
		return STATUS_FAILED;
	if (probe->options->strict && probe->capture_error)
		return STATUS_FAILED;
	return probe->n_answered ? STATUS_MATCHED : STATUS_NOTHING;
}

static int open_pcap(struct probe *probe)
{
	const char *path = probe->options->pcap;

	if (!path)
		return 0;
	probe->pcap = fopen(path, "we");
	if (!probe->pcap) {
		complain("%s: %s", path, strerror(errno));
		return STATUS_FAILED;
	}
	pcap_begin(probe->pcap);
	return 0;
}

static int close_pcap(struct probe *probe)
{
	bool has_failed;

	if (!probe->pcap)
		return 0;
	has_failed = ferror(probe->pcap);
	if (fclose(probe->pcap) == 0 && !has_failed)
		return 0;
	complain("%s: it could not be written", probe->options->pcap);
	return STATUS_FAILED;
}

static int open_peer(struct probe *probe)
{
	struct hark_error error;

	if (!probe->options->from_outside)
		return 0;
	if (peer_open(&probe->peer, &error) < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	probe->call_options.peer = &probe->peer;
	return 0;
}

static int run(struct probe *probe, char **words, uint32_t n_words)
{
	int clock_fd = capture_clock_open(), r, status;

	r = add_words(probe, words, n_words);
	if (r == 0)
		r = open_pcap(probe);
	if (r == 0)
		r = open_peer(probe);
	if (r == 0)
		r = make_all(probe);
	peer_close(&probe->peer);
	status = close_pcap(probe);
	if (clock_fd >= 0)
		close(clock_fd);
	return status ? status : r;
}

int probe_run(const struct options *given)
{
	struct options options = *given;
	struct probe probe = {
		.options = &options,
		.peer = PEER_NONE,
		.call_options = { .payload = options.send ? options.send : "",
				  .n_payload = options.send ? strlen(options.send) : 0,
				  .wants_reply = options.send,
				  .timeout = options.timeout_seconds > 0 ? options.timeout_seconds :
									   TIMEOUT_SECONDS },
	};
	char **words = options.words;
	uint32_t n_words = options.n_words;
	int r;

	if (n_words && (!strcmp(words[0], "tcp") || !strcmp(words[0], "udp"))) {
		options.protocols |=
			1u << (words[0][0] == 't' ? HARK_PROTOCOL_TCP : HARK_PROTOCOL_UDP);
		words++;
		n_words--;
	}
	if (!n_words) {
		complain("probe what? A port, say, or an address and a port: hark probe 80");
		return STATUS_USAGE;
	}
	out_init(&probe.out, STDOUT_FILENO);
	r = run(&probe, words, n_words);
	out_fini(&probe.out);
	hark_snapshot_free(probe.places);
	free(probe.calls);
	return r;
}
