/* SPDX-License-Identifier: MIT */
/*
 * Sockets from the text of /proc/net, for systems without sock_diag. It is poorer: no cookie, no
 * IPV6_V6ONLY, no bound interface, no scope of link-local addresses.
 *
 * All files but SCTP's have the columns of net/ipv4/tcp_ipv4.c (tcp4_seq_show):
 *
 *     sl local rem st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
 *
 * Addresses are 32-bit words as the kernel has them in memory, in hexadecimal; ports are host
 * order.
 */
#include "collect.h"
#include "fields.h"
#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* struct hark_socket.timer */
#define TIMER_KEEPALIVE 2
#define TIMER_PROBE     4

static const char *const paths[HARK_PROTOCOL_N_][HARK_FAMILY_N_] = {
	[HARK_PROTOCOL_TCP] = { "net/tcp", "net/tcp6" },
	[HARK_PROTOCOL_UDP] = { "net/udp", "net/udp6" },
	[HARK_PROTOCOL_UDPLITE] = { "net/udplite", "net/udplite6" },
	[HARK_PROTOCOL_RAW] = { "net/raw", "net/raw6" },
	[HARK_PROTOCOL_ICMP] = { "net/icmp", "net/icmp6" },
	[HARK_PROTOCOL_SCTP] = { "net/sctp/eps", "net/sctp/eps" },
};

/* Two hexadecimal numbers with a colon between them. */
static bool take_pair(const char **at, uint64_t max, uint64_t *ret_first, uint64_t *ret_second)
{
	return take_number(at, 16, max, ret_first) && take_char(at, ':') &&
	       text_take_u64(at, 16, UINT64_MAX, ret_second);
}

static bool take_endpoint(const char **at, enum hark_family family, struct hark_addr *ret_addr,
			  uint16_t *ret_port)
{
	uint32_t words[4];
	size_t n_words = family == HARK_FAMILY_INET ? 1 : 4;
	uint64_t value;

	skip_spaces(at);
	for (size_t i = 0; i < n_words; i++) {
		char digits[9] = { 0 };
		const char *end = digits;

		if (strnlen(*at, 8) < 8)
			return false;
		memcpy(digits, *at, 8);
		if (!text_take_u64(&end, 16, UINT32_MAX, &value) || *end)
			return false;
		words[i] = (uint32_t)value;
		*at += 8;
	}
	if (!take_char(at, ':') || !text_take_u64(at, 16, UINT16_MAX, &value))
		return false;
	*ret_addr = family == HARK_FAMILY_INET ? hark_addr_from_ipv4(words) :
						 hark_addr_from_ipv6(words, 0);
	*ret_port = (uint16_t)value;
	return true;
}

static bool set_state(struct hark_socket *row, uint64_t kernel_state)
{
	/* TCP_ESTABLISHED and so on, of include/net/tcp_states.h, which all protocols share */
	static const uint8_t states[] = {
		[1] = HARK_STATE_ESTABLISHED, [2] = HARK_STATE_SYN_SENT,
		[3] = HARK_STATE_SYN_RECV,    [4] = HARK_STATE_FIN_WAIT_1,
		[5] = HARK_STATE_FIN_WAIT_2,  [6] = HARK_STATE_TIME_WAIT,
		[7] = HARK_STATE_UNCONNECTED, [8] = HARK_STATE_CLOSE_WAIT,
		[9] = HARK_STATE_LAST_ACK,    [10] = HARK_STATE_LISTEN,
		[11] = HARK_STATE_CLOSING,    [12] = HARK_STATE_SYN_RECV,
	};

	if (kernel_state == 0 || kernel_state >= sizeof(states))
		return false;
	row->state = states[kernel_state];
	if (row->state == HARK_STATE_UNCONNECTED &&
	    (row->protocol == HARK_PROTOCOL_TCP || row->protocol == HARK_PROTOCOL_SCTP))
		row->state = HARK_STATE_BOUND;
	return true;
}

static uint32_t clamp(uint64_t value, uint64_t max)
{
	return (uint32_t)(value < max ? value : max);
}

/* False where the line is not one of the kernel's. */
static bool parse_line(const char *line, struct hark_socket *row, uint32_t *ret_backlog)
{
	uint64_t state, tx_queue, rx_queue, timer, expires, retransmits, probes, uid, ignored,
		inode;
	long ticks_per_second = sysconf(_SC_CLK_TCK);

	if (!take_number(&line, 10, UINT64_MAX, &ignored) || !take_char(&line, ':') ||
	    !take_endpoint(&line, row->family, &row->local, &row->local_port) ||
	    !take_endpoint(&line, row->family, &row->remote, &row->remote_port) ||
	    !take_number(&line, 16, UINT8_MAX, &state) || !set_state(row, state) ||
	    !take_pair(&line, UINT32_MAX, &tx_queue, &rx_queue) ||
	    !take_pair(&line, UINT8_MAX, &timer, &expires) ||
	    !take_number(&line, 16, UINT32_MAX, &retransmits) ||
	    !take_number(&line, 10, UINT32_MAX, &uid) ||
	    !take_number(&line, 10, UINT32_MAX, &probes) ||
	    !take_number(&line, 10, UINT32_MAX, &inode))
		return false;

	if (row->state == HARK_STATE_LISTEN) {
		*ret_backlog = clamp(rx_queue, UINT32_MAX);
	} else {
		row->receive_bytes = clamp(rx_queue, UINT32_MAX);
		row->send_bytes = (uint32_t)tx_queue;
	}
	row->has_queues = true;
	row->timer = (uint8_t)timer;
	if (timer && ticks_per_second > 0)
		row->expires_ms = clamp(clamp(expires, UINT32_MAX) * (uint64_t)1000 /
						(uint64_t)ticks_per_second,
					UINT32_MAX);
	/* What has not been answered, by the timer that runs (net/ipv4/inet_diag.c has it so). */
	row->retransmits = (uint8_t)clamp(
		timer == TIMER_KEEPALIVE || timer == TIMER_PROBE ? probes : retransmits, UINT8_MAX);
	row->uid = (uint32_t)uid;
	row->inode = (uint32_t)inode;
	return true;
}

/*
 * A line of net/sctp/proc.c (sctp_eps_seq_show): endpoint, socket, style, state, bucket, port, uid,
 * inode, addresses, of which the first is taken. The family of the socket is not told, only that of
 * the address.
 */
static bool parse_sctp_line(const char *line, struct hark_socket *row)
{
	char address[HARK_ADDR_TEXT_SIZE] = "";
	uint64_t ignored, state, port, uid, inode;
	size_t length;

	for (int pointers = 0; pointers < 2; pointers++) {
		skip_spaces(&line);
		line += strcspn(line, " ");
	}
	if (!take_number(&line, 10, UINT32_MAX, &ignored) ||
	    !take_number(&line, 10, UINT8_MAX, &state) || !set_state(row, state) ||
	    !take_number(&line, 10, UINT32_MAX, &ignored) ||
	    !take_number(&line, 10, UINT16_MAX, &port) ||
	    !take_number(&line, 10, UINT32_MAX, &uid) ||
	    !take_number(&line, 10, UINT32_MAX, &inode))
		return false;
	skip_spaces(&line);
	length = strcspn(line, " ");
	if (length >= sizeof(address))
		return false;
	memcpy(address, line, length);
	if (hark_addr_parse(address, &row->local) < 0)
		return false;
	row->family = hark_addr_is_ipv4(&row->local) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	row->local_port = (uint16_t)port;
	row->uid = (uint32_t)uid;
	row->inode = (uint32_t)inode;
	return true;
}

static bool is_wanted(const struct hark_socket *row, const struct collect_filter *filter)
{
	if (!filter->all_states && !row->is_listener)
		return false;
	if (filter->n_ports == 0)
		return true;
	for (uint32_t i = 0; i < filter->n_ports; i++) {
		const struct port_range *range = &filter->ports[i];

		if ((row->local_port >= range->low && row->local_port <= range->high) ||
		    (row->remote_port >= range->low && row->remote_port <= range->high))
			return true;
	}
	return false;
}

/* 0, or -errno; -E2BIG: no more rows are kept. */
static int add_line(struct hark_snapshot *snapshot, const char *line, enum hark_protocol protocol,
		    enum hark_family family, const struct collect_filter *filter)
{
	struct hark_socket row = { .netns = snapshot_netns(snapshot),
				   .protocol = (uint8_t)protocol,
				   .family = (uint8_t)family,
				   .holders = HARK_UNSUPPORTED };
	struct hark_socket *added;
	uint32_t backlog = 0;

	if (!(protocol == HARK_PROTOCOL_SCTP ? parse_sctp_line(line, &row) :
					       parse_line(line, &row, &backlog)))
		return snapshot_note(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_FAILED, 0,
				     "lines of /proc/net that could not be understood");
	if (row.family != family)
		return 0;
	row.v6only = family == HARK_FAMILY_INET ? HARK_NO : HARK_UNKNOWN;
	if (snapshot_classify(snapshot, &row) < 0)
		return -ENOMEM;
	if (!is_wanted(&row, filter))
		return 0;
	if (snapshot->sockets.n >= ROWS_MAX)
		return -E2BIG;
	added = array_push(&snapshot->sockets);
	if (!added)
		return -ENOMEM;
	if (row.is_listener)
		snapshot_listener(snapshot, &row)->backlog = backlog;
	*added = row;
	return 0;
}

int procnet_read(struct hark_source *source, struct hark_snapshot *snapshot,
		 enum hark_protocol protocol, enum hark_family family,
		 const struct collect_filter *filter)
{
	const char *path = paths[protocol][family];
	struct lines lines;
	char *line;
	int r;

	r = path ? lines_open(&lines, source_net_fd(source), path) : -ENOENT;
	if (r < 0)
		return r;
	r = lines_next(&lines, &line); /* the names of the columns */
	for (uint32_t n = 0; r > 0; n++) {
		r = lines_next(&lines, &line);
		if (r <= 0)
			break;
		r = n < ROWS_MAX ? add_line(snapshot, line, protocol, family, filter) : -E2BIG;
		if (r == 0)
			r = 1;
	}
	lines_close(&lines);
	if (r == -E2BIG)
		r = snapshot_note(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_LIMIT, 0,
				  "more lines in /proc/net than are kept");
	return r;
}
