/* SPDX-License-Identifier: MIT */
/* What some senders reach here: a row for each listener or door and each way to fare. */
#include <errno.h>
#include <stdlib.h>

#include "cells.h"
#include "doors.h"
#include "json.h"
#include "prose.h"

/* Passages that differ in the address alone. */
struct group {
	uint32_t first, last;
};

struct shown {
	struct view view;
	const struct render_passages *asked;
	struct group *groups;
	uint32_t n;
	uint32_t *next; /* by passage: the next of its group, or HARK_NONE */
};

static const struct hark_passage *passage_at(const struct shown *shown, uint32_t i)
{
	return hark_passages_at(shown->asked->passages, i);
}

static const struct hark_passage *first_of(const struct shown *shown, uint32_t group)
{
	return passage_at(shown, shown->groups[group].first);
}

static bool is_let(const struct hark_passage *passage)
{
	return passage->verdict == HARK_FIREWALL_ACCEPT ||
	       passage->verdict == HARK_FIREWALL_DEPENDS ||
	       passage->verdict == HARK_FIREWALL_UNKNOWN;
}

/* Of one listener or door, and one family, as their pieces tell. */
static bool is_together(const struct shown *shown, const struct hark_passage *a,
			const struct hark_passage *b)
{
	return a->piece != HARK_NONE && b->piece != HARK_NONE &&
	       hark_firewall_pieces_alike(shown->view.snapshot, a->piece, b->piece);
}

/* The group that the passage belongs to, of those of its listener or door, which come last. */
static uint32_t find_group(const struct shown *shown, const struct hark_passage *passage)
{
	for (uint32_t g = shown->n; g > 0; g--) {
		const struct hark_passage *other = first_of(shown, g - 1);

		if (other->socket != passage->socket || other->door != passage->door)
			break;
		if (is_together(shown, other, passage))
			return g - 1;
	}
	return shown->n;
}

static void add_passage(struct shown *shown, uint32_t i)
{
	uint32_t g = find_group(shown, passage_at(shown, i));

	shown->next[i] = HARK_NONE;
	if (g == shown->n)
		shown->groups[shown->n++] = (struct group){ i, i };
	else
		shown->next[shown->groups[g].last] = i;
	shown->groups[g].last = i;
}

static int find_groups(struct shown *shown, struct render_exposed *ret)
{
	const struct hark_passage *passage;
	uint32_t n = 0;

	while (passage_at(shown, n))
		n++;
	shown->groups = calloc(n + 1, sizeof(*shown->groups));
	shown->next = calloc(n + 1, sizeof(*shown->next));
	if (!shown->groups || !shown->next)
		return -ENOMEM;
	*ret = (struct render_exposed){ .n_exposed = 0 };
	for (uint32_t i = 0; i < n; i++) {
		passage = passage_at(shown, i);
		if (passage->verdict == HARK_FIREWALL_UNKNOWN)
			ret->n_unknown++;
		else if (is_let(passage))
			ret->n_exposed++;
		if (is_let(passage) || shown->asked->all)
			add_passage(shown, i);
	}
	return 0;
}

static const struct hark_firewall_piece *piece_of(const struct shown *shown,
						  const struct hark_passage *passage)
{
	return hark_snapshot_firewall_piece(shown->view.snapshot, passage->piece);
}

/*
 * The rule that matters most. What came before the last let go on, unless that is what is not
 * certain; where the packet was let in, it is none that its answer met.
 */
static const struct hark_firewall_rule *rule_of(const struct shown *shown,
						const struct hark_passage *passage)
{
	const struct hark_firewall_piece *piece = piece_of(shown, passage);
	bool is_doubtful = passage->verdict == HARK_FIREWALL_DEPENDS;
	const struct hark_firewall_rule *rule, *found = NULL;

	for (uint32_t i = 0; piece && i < piece->n_rules; i++) {
		rule = hark_snapshot_firewall_rule(shown->view.snapshot, piece->first_rule + i);
		if (!rule || (rule->is_reply && passage->verdict == HARK_FIREWALL_ACCEPT))
			continue;
		found = rule;
		if (is_doubtful && rule->handle)
			break;
	}
	return found;
}

static enum style write_verdict(const struct shown *shown, const struct hark_passage *passage,
				struct out *out)
{
	const struct hark_firewall_piece *piece = piece_of(shown, passage);
	const char *separator = " (";

	out_text(out, hark_firewall_verdict_name((enum hark_firewall_verdict)passage->verdict));
	if (piece && piece->how) {
		out_char(out, ' ');
		escape_text(out, shown->view.escape, piece->how);
	}
	for (int doubt = 0; piece && doubt < HARK_DOUBT_N_; doubt++) {
		if (!(piece->depends_on & (1u << doubt)))
			continue;
		out_text(out, separator);
		out_text(out, hark_firewall_doubt_name((enum hark_firewall_doubt)doubt));
		separator = ", ";
	}
	if (*separator == ',')
		out_char(out, ')');
	return passage->verdict == HARK_FIREWALL_ACCEPT ? STYLE_ALARM :
	       is_let(passage)                          ? STYLE_WARNING :
							  STYLE_GOOD;
}

/* "10.1.0.0/16", or "3 ranges"; all of them need no words. */
static enum style write_part(const struct shown *shown, const struct hark_passage *passage,
			     struct out *out)
{
	const struct hark_range *range =
		hark_passages_range(shown->asked->passages, passage->first_range);
	char text[HARK_RANGE_TEXT_SIZE];

	if (passage->is_all) {
		out_text(out, "all");
	} else if (passage->n_ranges == 1 && range) {
		out_text(out, hark_range_format(range, text));
	} else {
		out_u64(out, passage->n_ranges);
		out_text(out, " ranges");
	}
	return STYLE_PLAIN;
}

static void write_addr(struct view *view, struct out *out, const struct hark_place *place)
{
	char text[HARK_ADDR_TEXT_SIZE];

	if (place->prefix.bits < 128)
		hark_prefix_format(&place->prefix, text);
	else
		hark_addr_format(&place->prefix.addr, text);
	out_text(out, text);
	if (!hark_addr_is_ipv4(&place->prefix.addr) &&
	    hark_addr_is_link_local(&place->prefix.addr)) {
		out_char(out, '%');
		cell_write_interface(view, out, place->netns, place->ifindex);
	}
}

/* "192.168.1.241", "192.168.1.241 +2" */
static enum style write_where(struct shown *shown, uint32_t group, struct out *out)
{
	const struct hark_snapshot *snapshot = shown->view.snapshot;
	uint32_t n = 0;

	for (uint32_t i = shown->groups[group].first; i != HARK_NONE; i = shown->next[i]) {
		const struct hark_firewall_entry *entry =
			hark_snapshot_firewall_entry(snapshot, passage_at(shown, i)->entry);

		for (uint32_t k = 0; entry && k < entry->n_places; k++)
			if (n++ == 0)
				write_addr(&shown->view, out,
					   hark_snapshot_place(snapshot, entry->first_place + k));
	}
	if (n > 1) {
		out_text(out, " +");
		out_u64(out, n - 1);
	}
	return STYLE_PLAIN;
}

/* "nft inet filter input 12: tcp dport 22 accept" */
static enum style write_rule(const struct shown *shown, const struct hark_passage *passage,
			     struct out *out)
{
	const struct hark_firewall_rule *rule = rule_of(shown, passage);

	if (!rule) {
		out_text(out, passage->piece == HARK_NONE ? "" : "(no rule)");
		return STYLE_WEAK;
	}
	if (rule->where)
		escape_text(out, shown->view.escape, rule->where);
	if (rule->handle) {
		out_char(out, ' ');
		out_u64(out, rule->handle);
	}
	if (rule->text) {
		out_text(out, ": ");
		escape_text(out, shown->view.escape, rule->text);
	}
	return STYLE_WEAK;
}

enum {
	CELL_PROTOCOL,
	CELL_PORT,
	CELL_WHERE,
	CELL_VERDICT,
	CELL_PART,
	CELL_HOLDERS,
	CELL_RULE,
	CELL_N_
};

static enum style write_cell(void *context, uint32_t i, uint32_t column, struct out *out)
{
	struct shown *shown = context;
	struct view *view = &shown->view;
	const struct hark_passage *passage = first_of(shown, i);
	bool is_door = passage->door != HARK_NONE;
	const struct hark_socket *socket = is_door ? NULL : view_socket(view, passage->socket);
	struct row row = { .first = passage->socket };

	switch (column) {
	case CELL_PROTOCOL:
		if (is_door)
			return door_write_protocol(view, passage->door, out);
		out_text(out, hark_protocol_name((enum hark_protocol)socket->protocol));
		return STYLE_PLAIN;
	case CELL_PORT:
		if (is_door)
			return door_write_port(view, passage->door, out);
		cell_write_port(view, out, socket, socket->local_port);
		return STYLE_STRONG;
	case CELL_WHERE:
		return write_where(shown, i, out);
	case CELL_VERDICT:
		return write_verdict(shown, passage, out);
	case CELL_PART:
		return write_part(shown, passage, out);
	case CELL_HOLDERS:
		return is_door ? door_write_target(view, passage->door, out) :
				 cell_write_holders(view, &row, out);
	default:
		return write_rule(shown, passage, out);
	}
}

static int write_table(struct shown *shown, struct out *out, const struct render_options *options)
{
	static const struct grid_column columns[CELL_N_] = {
		[CELL_PROTOCOL] = { .header = "" },
		[CELL_PORT] = { .header = "PORT", .is_right = true },
		[CELL_WHERE] = { .header = "AT", .give_way = GIVE_WAY_SPILL, .least_width = 15 },
		[CELL_VERDICT] = { .header = "VERDICT",
				   .give_way = GIVE_WAY_SPILL,
				   .least_width = 7 },
		[CELL_PART] = { .header = "WHO", .give_way = GIVE_WAY_SPILL, .least_width = 10 },
		[CELL_HOLDERS] = { .header = "HELD BY", .give_way = GIVE_WAY_CUT, .least_width = 8 },
		[CELL_RULE] = { .header = "RULE", .give_way = GIVE_WAY_CUT, .least_width = 12 },
	};
	struct grid grid = {
		.columns = columns,
		.n_columns = CELL_N_,
		.n_rows = shown->n,
		.write_cell = write_cell,
		.context = shown,
		.width = options->width,
		.has_header = !options->no_header,
		.color = options->color,
		.utf8 = options->utf8,
	};
	struct out words;
	int r = shown->n ? grid_write(&grid, out) : 0;

	out_init(&words, -1);
	if (!shown->n)
		prose_write(out, &words, "Nothing here lets them in.", 0, STYLE_GOOD, options);
	prose_write(out, &words,
		    "By this host's own firewall: routers and cloud rules are outside of it.", 0,
		    STYLE_WEAK, options);
	out_fini(&words);
	return r;
}

static const struct hark_range *range_at(const void *passages, uint32_t i)
{
	return hark_passages_range(passages, i);
}

static void write_addresses(struct shown *shown, struct out *out, uint32_t group)
{
	const struct hark_snapshot *snapshot = shown->view.snapshot;
	const char *between = "";

	LITERAL(out, ",\"addresses\":[");
	for (uint32_t i = shown->groups[group].first; i != HARK_NONE; i = shown->next[i]) {
		const struct hark_firewall_entry *entry =
			hark_snapshot_firewall_entry(snapshot, passage_at(shown, i)->entry);

		for (uint32_t k = 0; entry && k < entry->n_places; k++) {
			out_text(out, between);
			json_write_place(out, snapshot,
					 hark_snapshot_place(snapshot, entry->first_place + k));
			between = ",";
		}
	}
	out_char(out, ']');
}

static void write_item(struct shown *shown, struct out *out, uint32_t group, uint32_t socket)
{
	const struct hark_snapshot *snapshot = shown->view.snapshot;
	const struct hark_passage *passage = first_of(shown, group);
	const struct hark_firewall_piece *piece = piece_of(shown, passage);

	LITERAL(out, "{\"socket\":");
	write_number(out, passage->socket != HARK_NONE, socket);
	LITERAL(out, ",\"published\":");
	write_number(out, passage->door != HARK_NONE, passage->door);
	write_addresses(shown, out, group);
	LITERAL(out, ",\"verdict\":");
	write_string(out, hark_firewall_verdict_name((enum hark_firewall_verdict)passage->verdict));
	LITERAL(out, ",\"how\":");
	write_string(out, piece ? piece->how : NULL);
	LITERAL(out, ",\"depends_on\":");
	json_write_doubts(out, piece ? piece->depends_on : 0);
	LITERAL(out, ",\"all\":");
	write_bool(out, passage->is_all);
	LITERAL(out, ",\"from\":");
	if (piece)
		json_write_ranges(out, range_at, shown->asked->passages, passage->first_range,
				  passage->n_ranges);
	else
		LITERAL(out, "null");
	LITERAL(out, ",\"rules\":");
	json_write_rules(out, snapshot, piece ? piece->first_rule : 0, piece ? piece->n_rules : 0);
	out_char(out, '}');
}

/* Each socket once: passages of one stand together. */
static void write_sockets(struct shown *shown, struct out *out)
{
	uint32_t last = HARK_NONE;

	for (uint32_t g = 0; g < shown->n; g++) {
		uint32_t socket = first_of(shown, g)->socket;

		if (socket == HARK_NONE || socket == last)
			continue;
		out_text(out, last == HARK_NONE ? "" : ",\n");
		json_write_socket(&shown->view, out, socket);
		last = socket;
	}
}

static void write_document(struct shown *shown, struct out *out,
			   const struct render_options *options)
{
	uint32_t last = HARK_NONE, place = HARK_NONE;

	json_write_head(out, shown->view.snapshot, options);
	write_sockets(shown, out);
	LITERAL(out, "],\n\"asked\":");
	write_string(out, shown->asked->from);
	LITERAL(out, ",\n\"reached\":[");
	for (uint32_t g = 0; g < shown->n; g++) {
		uint32_t socket = first_of(shown, g)->socket;

		if (socket != HARK_NONE && socket != last) {
			place++; /* from HARK_NONE to 0 */
			last = socket;
		}
		out_text(out, g ? ",\n" : "\n");
		write_item(shown, out, g, place);
	}
	LITERAL(out, "],\n\"view\":\"this host\"");
	json_write_published(out, shown->view.snapshot, options);
	LITERAL(out, "}\n");
}

int render_passages(struct out *out, const struct hark_snapshot *snapshot,
		    const struct render_passages *passages, bool is_json,
		    const struct render_options *options, struct render_exposed *ret)
{
	struct shown shown = { .asked = passages };
	int r;

	view_init(&shown.view, snapshot,
		  is_json       ? ESCAPE_JSON :
		  options->utf8 ? ESCAPE_UTF8 :
				  ESCAPE_ASCII);
	r = find_groups(&shown, ret);
	if (!r && is_json)
		write_document(&shown, out, options);
	else if (!r)
		r = write_table(&shown, out, options);
	if (!r)
		r = view_error(&shown.view);
	free(shown.groups);
	free(shown.next);
	view_fini(&shown.view);
	if (r && !out->error)
		out->error = r;
	return out_flush(out);
}
