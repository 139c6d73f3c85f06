/* SPDX-License-Identifier: MIT */
/* What strangers can reach, worst first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cells.h"
#include "doors.h"
#include "json.h"
#include "prose.h"
#include "table.h"

static const char own_view[] =
	"This is what this host's own firewall lets in: routers and cloud rules are outside of it.";

struct exposed {
	struct listed at;
	enum hark_exposed exposed;
	int reach; /* of the widest address that is served */
};

struct list {
	struct exposed *items;
	uint32_t n;
};

/* Of a door the other family is none. */
static void find_exposures(struct view *view, struct listed at, const struct hark_exposure *ret[2])
{
	const struct hark_exposures *exposures = view_exposures(view);
	struct row row;

	ret[0] = ret[1] = NULL;
	if (at.is_door && exposures) {
		const struct hark_door *door = hark_snapshot_door(view->snapshot, at.index);

		ret[door->family] = hark_exposures_door(exposures, at.index);
	} else if (!at.is_door) {
		row = view_row(view, at.index);
		ret[0] = row_exposure(view, &row, HARK_FAMILY_INET);
		ret[1] = row_exposure(view, &row, HARK_FAMILY_INET6);
	}
}

static int widest_reach(const struct hark_exposure *const both[2])
{
	int reach = -1;

	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (both[family] && both[family]->reach > reach)
			reach = both[family]->reach;
	return reach;
}

static int compare_exposed(const void *left, const void *right)
{
	const struct exposed *a = left, *b = right;

	if (a->exposed != b->exposed)
		return a->exposed > b->exposed ? -1 : 1;
	if (a->reach != b->reach)
		return a->reach > b->reach ? -1 : 1;
	if (a->at.is_door != b->at.is_door)
		return a->at.is_door ? 1 : -1;
	return (a->at.index > b->at.index) - (a->at.index < b->at.index);
}

/* 0 or -ENOMEM. */
static int find_exposed(struct view *view, struct list *list)
{
	uint32_t n_doors = hark_snapshot_n_doors(view->snapshot);

	list->n = 0;
	list->items = calloc((size_t)view->n_rows + n_doors + 1, sizeof(*list->items));
	if (!list->items)
		return -ENOMEM;
	for (uint32_t i = 0; i < view->n_rows + n_doors; i++) {
		struct listed at = { i < view->n_rows ? i : i - view->n_rows, i >= view->n_rows };
		const struct hark_exposure *both[HARK_FAMILY_N_];
		struct exposed item = { .at = at };

		find_exposures(view, at, both);
		item.exposed = hark_exposed_of(both[0], both[1]);
		item.reach = widest_reach(both);
		if (item.exposed != HARK_EXPOSED_NOT)
			list->items[list->n++] = item;
	}
	qsort(list->items, list->n, sizeof(*list->items), compare_exposed);
	return view_error(view);
}

static void count(const struct list *list, struct render_exposed *ret)
{
	*ret = (struct render_exposed){ .n_exposed = 0 };
	for (uint32_t i = 0; i < list->n; i++)
		if (list->items[i].exposed == HARK_EXPOSED_UNKNOWN)
			ret->n_unknown++;
		else
			ret->n_exposed++;
}

static void write_name(struct view *view, struct out *out, struct listed at)
{
	struct row row;

	if (at.is_door) {
		door_write_protocol(view, at.index, out);
		out_char(out, ' ');
		door_write_port(view, at.index, out);
		return;
	}
	row = view_row(view, at.index);
	out_text(out, hark_protocol_name((enum hark_protocol)view_first(view, &row)->protocol));
	out_char(out, ' ');
	cell_write_port(view, out, view_first(view, &row), view_first(view, &row)->local_port);
}

static bool has_crafted(const struct hark_exposure *const both[2])
{
	return (both[0] && both[0]->has_crafted) || (both[1] && both[1]->has_crafted);
}

static void write_sentence(struct view *view, struct out *out, struct out *words, struct listed at,
			   const char *text, enum style style, const struct render_options *options)
{
	struct out line;

	out_init(&line, -1);
	write_name(view, &line, at);
	out_text(&line, ": ");
	out_text(&line, text);
	out_bytes(&line, ".", sizeof("."));
	if (!line.error)
		prose_write(out, words, line.bytes, 0, style, options);
	out_fini(&line);
}

/* Why it stands so far above, where the table does not show it at a glance. */
static void write_reason(struct view *view, struct out *out, struct out *words,
			 const struct exposed *item, const struct render_options *options)
{
	const struct hark_exposure *both[HARK_FAMILY_N_];
	char text[HARK_EXPOSED_TEXT_SIZE];

	find_exposures(view, item->at, both);
	if (item->exposed == HARK_EXPOSED_WIDER)
		write_sentence(view, out, words, item->at,
			       hark_exposed_format(view_exposures(view), both[0], both[1], text),
			       STYLE_ALARM, options);
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		if (!both[family] || !both[family]->has_crafted)
			continue;
		snprintf(
			text, sizeof(text),
			"over %s some get through, or may, who choose a source port, an option or a "
			"header that no ordinary client sends with",
			family == HARK_FAMILY_INET ? "IPv4" : "IPv6");
		write_sentence(view, out, words, item->at, text, STYLE_WARNING, options);
	}
}

static int write_table(struct out *out, struct view *view, const struct list *list,
		       const struct render_options *options)
{
	struct listed *items = calloc(list->n + 1, sizeof(*items));
	struct out words;
	int r = 0;

	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < list->n; i++)
		items[i] = list->items[i].at;
	if (list->n)
		r = table_write(out, view, items, list->n, options);
	free(items);
	out_init(&words, -1);
	for (uint32_t i = 0; i < list->n; i++)
		write_reason(view, out, &words, &list->items[i], options);
	if (!list->n)
		prose_write(out, &words, "No other host gets through to anything here.", 0,
			    STYLE_GOOD, options);
	prose_write(out, &words, own_view, 0, STYLE_WEAK, options);
	out_fini(&words);
	return r;
}

/* What a line has, and an item of the document: it names sockets and doors by place, or whole. */
static void write_item(struct view *view, struct out *out, const struct exposed *item)
{
	const struct hark_exposure *both[HARK_FAMILY_N_];
	char text[HARK_EXPOSED_TEXT_SIZE];
	const struct hark_door *door = NULL;
	struct row row;
	uint32_t protocol, port;

	find_exposures(view, item->at, both);
	if (item->at.is_door) {
		door = hark_snapshot_door(view->snapshot, item->at.index);
		protocol = door->protocol;
		port = door->port;
	} else {
		row = view_row(view, item->at.index);
		protocol = view_first(view, &row)->protocol;
		port = view_first(view, &row)->local_port;
	}
	LITERAL(out, "{\"class\":");
	write_string(out, hark_exposed_name(item->exposed));
	LITERAL(out, ",\"protocol\":");
	write_string(out, hark_protocol_name((enum hark_protocol)protocol));
	LITERAL(out, ",\"port\":");
	out_u64(out, port);
	LITERAL(out, ",\"from\":");
	json_write_who(view, out, both[0], both[1]);
	LITERAL(out, ",\"wider\":");
	write_string(out, both[0] && both[0]->is_wider ? "ipv4" :
			  both[1] && both[1]->is_wider ? "ipv6" :
							 NULL);
	LITERAL(out, ",\"crafted\":");
	write_bool(out, has_crafted(both));
	LITERAL(out, ",\"text\":");
	write_string(out, hark_exposed_format(view_exposures(view), both[0], both[1], text));
}

static void write_line(struct view *view, struct out *out, const struct exposed *item)
{
	const char *between = "";
	struct row row;

	write_item(view, out, item);
	LITERAL(out, ",\"sockets\":[");
	if (!item->at.is_door) {
		row = view_row(view, item->at.index);
		for (uint32_t i = row.first; i != HARK_NONE; i = view_next(view, i)) {
			out_text(out, between);
			json_write_socket(view, out, i);
			between = ",";
		}
	}
	LITERAL(out, "],\"published\":");
	if (item->at.is_door)
		json_write_door(view, out, item->at.index);
	else
		LITERAL(out, "null");
	LITERAL(out, ",\"view\":\"this host\"}\n");
}

static uint32_t count_sockets(const struct view *view, struct listed at)
{
	struct row row;
	uint32_t n = 0;

	if (at.is_door)
		return 0;
	row = view_row(view, at.index);
	for (uint32_t i = row.first; i != HARK_NONE; i = view_next(view, i))
		n++;
	return n;
}

/* The sockets of all items, in their order. */
static void write_sockets(struct view *view, struct out *out, const struct list *list)
{
	const char *between = "";

	for (uint32_t k = 0; k < list->n; k++) {
		struct row row;

		if (list->items[k].at.is_door)
			continue;
		row = view_row(view, list->items[k].at.index);
		for (uint32_t i = row.first; i != HARK_NONE; i = view_next(view, i)) {
			out_text(out, between);
			json_write_socket(view, out, i);
			between = ",\n";
		}
	}
}

static void write_document(struct view *view, struct out *out, const struct list *list,
			   const struct render_options *options)
{
	uint32_t next = 0;

	json_write_head(out, view->snapshot, options);
	write_sockets(view, out, list);
	LITERAL(out, "],\n\"exposed\":[");
	for (uint32_t k = 0; k < list->n; k++) {
		const struct exposed *item = &list->items[k];
		uint32_t n = count_sockets(view, item->at);

		out_text(out, k ? ",\n" : "\n");
		write_item(view, out, item);
		LITERAL(out, ",\"sockets\":[");
		for (uint32_t i = 0; i < n; i++) {
			out_text(out, i ? "," : "");
			out_u64(out, next++);
		}
		LITERAL(out, "],\"published\":");
		write_number(out, item->at.is_door, item->at.index);
		out_char(out, '}');
	}
	LITERAL(out, "],\n\"view\":\"this host\"");
	json_write_published(out, view->snapshot, options);
	LITERAL(out, "}\n");
}

int render_exposed(struct out *out, const struct hark_snapshot *snapshot,
		   enum render_exposed_format format, const struct render_options *options,
		   struct render_exposed *ret)
{
	bool is_table = format == RENDER_EXPOSED_TABLE;
	struct list list = { .items = NULL };
	struct view view;
	int r;

	view_init(&view, snapshot,
		  !is_table     ? ESCAPE_JSON :
		  options->utf8 ? ESCAPE_UTF8 :
				  ESCAPE_ASCII);
	r = view_merge(&view);
	if (!r)
		r = find_exposed(&view, &list);
	if (!r)
		count(&list, ret);
	if (!r && is_table)
		r = write_table(out, &view, &list, options);
	if (!r && format == RENDER_EXPOSED_JSON)
		write_document(&view, out, &list, options);
	for (uint32_t i = 0; !r && format == RENDER_EXPOSED_NDJSON && i < list.n; i++)
		write_line(&view, out, &list.items[i]);
	if (!r)
		r = view_error(&view);
	free(list.items);
	view_fini(&view);
	if (r && !out->error)
		out->error = r;
	return out_flush(out);
}
