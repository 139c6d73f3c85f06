/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include "cells.h"
#include "utf8.h"

/* What is worth telling of a listener; the greatest of a table is told. */
enum fact {
	FACT_NOTHING,
	FACT_V6ONLY,     /* answers IPv6 alone though it is bound to :: */
	FACT_DUAL_STACK, /* answers IPv4 through its IPv6 socket */
	FACT_UNKNOWN,
	FACT_SHADOWED, /* another one gets what it seems to listen for */
	FACT_WIDER4,   /* open further over one family than over the other */
	FACT_WIDER6,
};

static enum fact fact_of(const struct hark_listener *listener)
{
	const struct hark_answer *inet = &listener->answers[HARK_FAMILY_INET];
	const struct hark_answer *inet6 = &listener->answers[HARK_FAMILY_INET6];

	if (inet->why == HARK_WHY_SHADOWED || inet6->why == HARK_WHY_SHADOWED)
		return FACT_SHADOWED;
	if (inet->verdict == HARK_VERDICT_UNKNOWN || inet6->verdict == HARK_VERDICT_UNKNOWN)
		return FACT_UNKNOWN;
	if (inet->via == HARK_VIA_MAPPED)
		return FACT_DUAL_STACK;
	return FACT_NOTHING;
}

static const char *text_of_fact(enum fact fact)
{
	switch (fact) {
	case FACT_V6ONLY:
		return " does not answer IPv4";
	case FACT_DUAL_STACK:
		return " serves IPv4 through its IPv6 socket";
	case FACT_UNKNOWN:
		return " may answer more than is known";
	case FACT_SHADOWED:
		return " is shadowed by another socket";
	case FACT_WIDER4:
		return " is open further over IPv4 than over IPv6";
	case FACT_WIDER6:
		return " is open further over IPv6 than over IPv4";
	case FACT_NOTHING:
		break;
	}
	return "";
}

/* A pair's halves are told together, so that what :: does not answer may be no news. */
static enum fact fact_of_row(struct view *view, const struct row *row)
{
	const struct hark_socket *socket = view_first(view, row);
	const struct hark_listener *listener = view_listener(view, socket);
	const struct hark_exposure *inet = row_exposure(view, row, HARK_FAMILY_INET);
	const struct hark_exposure *inet6 = row_exposure(view, row, HARK_FAMILY_INET6);
	enum fact fact = listener ? fact_of(listener) : FACT_NOTHING;

	if (inet6 && inet6->is_wider)
		return FACT_WIDER6;
	if (inet && inet->is_wider)
		return FACT_WIDER4;

	if (fact == FACT_NOTHING && listener && row->by_family[0] == row->by_family[1] &&
	    listener->answers[HARK_FAMILY_INET].why == HARK_WHY_V6ONLY &&
	    !listener->is_answered_elsewhere[HARK_FAMILY_INET] && hark_addr_is_any(&socket->local))
		return FACT_V6ONLY;
	return fact;
}

static void write_count(struct out *out, uint32_t n, const char *one, const char *many)
{
	out_u64(out, n);
	out_char(out, ' ');
	out_text(out, n == 1 ? one : many);
}

static void write_fact(struct view *view, struct out *out, enum fact fact,
		       const struct hark_socket *socket)
{
	const char *protocol = hark_protocol_name((enum hark_protocol)socket->protocol);

	out_text(out, protocol);
	out_char(out, ' ');
	cell_write_port(view, out, socket, socket->local_port);
	out_text(out, text_of_fact(fact));
	out_text(out, ": hark explain ");
	if (socket->netns)
		out_text(out, "-A ");
	if (socket->protocol != HARK_PROTOCOL_TCP) {
		out_text(out, protocol);
		out_char(out, ' ');
	}
	out_u64(out, socket->local_port);
}

/* Sockets of one namespace stand together: how many there are, where not all are in our own. */
static uint32_t count_namespaces(const struct view *view)
{
	const struct hark_socket *socket, *last = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; (socket = view_socket(view, i)); i++) {
		n += !last || last->netns != socket->netns;
		last = socket;
	}
	return last && last->netns ? n : 0;
}

/* Sockets of one protocol and port stand together, listeners first. */
static void count_listeners(const struct view *view, uint32_t *ret_listeners, uint32_t *ret_ports)
{
	const struct hark_socket *socket, *last = NULL;

	*ret_listeners = *ret_ports = 0;
	for (uint32_t i = 0; (socket = view_socket(view, i)); i++) {
		if (!socket->is_listener)
			continue;
		++*ret_listeners;
		*ret_ports += !last || last->protocol != socket->protocol ||
			      last->local_port != socket->local_port ||
			      last->netns != socket->netns;
		last = socket;
	}
}

void summary_write(struct view *view, struct out *out, const struct render_options *options)
{
	const struct hark_socket *about = NULL;
	enum fact greatest = FACT_NOTHING;
	uint32_t n_namespaces = count_namespaces(view), n_listeners, n_ports,
		 n_sockets = hark_snapshot_n_sockets(view->snapshot);
	size_t width;
	struct out line;

	for (uint32_t i = 0; i < view->n_rows; i++) {
		struct row row = view_row(view, i);
		enum fact fact = fact_of_row(view, &row);

		if (fact > greatest) {
			greatest = fact;
			about = view_first(view, &row);
		}
	}
	count_listeners(view, &n_listeners, &n_ports);
	out_init(&line, -1);
	write_count(&line, n_listeners, "listener", "listeners");
	if (n_ports != n_listeners) {
		out_text(&line, " on ");
		write_count(&line, n_ports, "port", "ports");
	}
	if (n_sockets != n_listeners) {
		out_text(&line, ", ");
		write_count(&line, n_sockets - n_listeners, "other socket", "other sockets");
	}
	if (options->published && hark_snapshot_n_doors(view->snapshot)) {
		out_text(&line, ", ");
		write_count(&line, hark_snapshot_n_doors(view->snapshot), "published port",
			    "published ports");
	}
	if (n_namespaces) {
		out_text(&line, " in ");
		write_count(&line, n_namespaces, "network namespace", "network namespaces");
	}
	if (about) {
		size_t n = line.n;

		out_text(&line, options->utf8 ? " · " : "; ");
		write_fact(view, &line, greatest, about);
		width = utf8_width(line.bytes, line.n);
		if (options->width && width > options->width) {
			out_clear(&line);
			line.n = n;
			out_char(&line, '\n');
			write_fact(view, &line, greatest, about);
		}
	}
	grid_write_styled(out, options->color, STYLE_WEAK, line.bytes, line.n);
	out_char(out, '\n');
	out_fini(&line);
}
