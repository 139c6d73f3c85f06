/* SPDX-License-Identifier: MIT */
/* hark list: what there is, once or again and again. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hark/snapshot.h>

#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"

/* What -e adds to the table. */
#define EXTENDED "user,inode,cookie"

struct list {
	const struct options *options;
	struct hark_query query;
	struct columns columns;
	struct render_options render;
};

static int tell_columns(void)
{
	struct render_options render = { .width = 0 };
	struct out out;
	int r;

	out_init(&out, STDOUT_FILENO);
	r = render_columns_help(&out, &render);
	out_fini(&out);
	return status_of_writing(r);
}

/* 0 or a status. */
static int choose_columns(struct list *list)
{
	const struct options *options = list->options;
	const char *chosen = options->columns ? options->columns : "";
	struct contents contents;
	struct hark_error error;
	char text[1024];

	if (!options->columns && !options->extended)
		return 0;
	if (options->format == FORMAT_JSON || options->format == FORMAT_NDJSON) {
		if (!options->columns)
			return 0;
		complain("JSON holds everything: -o is for the table and --csv");
		return STATUS_USAGE;
	}
	if (options->extended) {
		int length = snprintf(text, sizeof(text), "%s%s" EXTENDED, *chosen ? chosen : "+",
				      *chosen ? "," : "");

		chosen = length < (int)sizeof(text) ? text : chosen;
	}
	contents = (struct contents){ options->all_states, options->all_namespaces };
	if (columns_parse(chosen, contents, &list->columns, &error) < 0) {
		complain("%s", error.text);
		return STATUS_USAGE;
	}
	list->render.columns = &list->columns;
	return 0;
}

static uint32_t choose_details(const struct list *list)
{
	const struct options *options = list->options;
	uint32_t details = HARK_DETAIL_ALL | HARK_DETAIL_FIREWALL;

	if (list->render.columns)
		details = columns_details(&list->columns);
	else if (options->format == FORMAT_TABLE)
		details = HARK_DETAIL_ANSWERS | HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP |
			  HARK_DETAIL_FIREWALL | HARK_DETAIL_DOORS;
	if (options->format == FORMAT_JSON || options->format == FORMAT_NDJSON)
		details |= HARK_DETAIL_RULES | HARK_DETAIL_CRAFTED;
	if (options->format == FORMAT_JSON)
		details |= HARK_DETAIL_DOORS;
	if (options->holders == HOLDERS_NONE)
		details &= ~(HARK_DETAIL_ALL & ~HARK_DETAIL_ANSWERS);
	return query_details(options, details);
}

static int render(const struct list *list, struct out *out, const struct hark_snapshot *snapshot)
{
	switch ((enum format)list->options->format) {
	case FORMAT_TABLE:
		return render_table(out, snapshot, &list->render);
	case FORMAT_JSON:
		return render_json(out, snapshot, &list->render);
	case FORMAT_NDJSON:
		return render_ndjson(out, snapshot, &list->render);
	case FORMAT_CSV:
		return render_csv(out, snapshot, &list->render);
	}
	return -EINVAL;
}

/* One answer. `n_before` tells how many came before it. */
static int answer(const struct list *list, uint32_t n_before)
{
	struct hark_snapshot *snapshot;
	struct hark_error error;
	struct out out;
	uint64_t began_ns = query_clock_ns();
	int r;

	if (hark_snapshot_take(&list->query, &snapshot, &error) < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	out_init(&out, STDOUT_FILENO);
	if (list->options->watch_seconds > 0 && list->render.width)
		out_text(&out, "\033[H\033[2J");
	else if (n_before && list->options->format == FORMAT_TABLE)
		out_char(&out, '\n');
	r = render(list, &out, snapshot);
	out_fini(&out);
	r = status_of_writing(r);
	query_tell_times(snapshot, list->options, began_ns);
	if (r == STATUS_MATCHED)
		query_tell_notes(snapshot, list->options);
	if (r == STATUS_MATCHED)
		r = query_status(snapshot, list->options, hark_snapshot_n_sockets(snapshot));
	hark_snapshot_free(snapshot);
	return r;
}

/* Until interrupted, or until there is nobody to tell. */
static int watch(struct list *list)
{
	double seconds = list->options->watch_seconds;
	struct timespec pause = { .tv_sec = (time_t)seconds };
	int r = STATUS_NOTHING;

	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	for (uint32_t n = 0; r == STATUS_NOTHING || r == STATUS_MATCHED; n++) {
		if (n)
			nanosleep(&pause, NULL);
		r = answer(list, n);
		if (list->options->format == FORMAT_CSV)
			list->render.no_header = true;
	}
	return r;
}

int list_run(const struct options *given)
{
	struct options options = *given;
	struct list list = { .options = &options };
	struct hark_selection *selection = NULL;
	int r;

	if (options.columns && strcmp(options.columns, "help") == 0)
		return tell_columns();
	r = query_select(&options, &selection);
	if (r != 0)
		return r;
	list.render = screen_options(STDOUT_FILENO, &options);
	r = choose_columns(&list);
	if (r == 0) {
		list.query = (struct hark_query){
			.details = choose_details(&list),
			.all_states = options.all_states,
			.all_namespaces = options.all_namespaces,
			.selection = selection,
			.holders_way = query_holders_way(&options),
		};
		list.render.published = list.query.details & HARK_DETAIL_DOORS;
		r = options.watch_seconds > 0 ? watch(&list) : answer(&list, 0);
	}
	hark_selection_free(selection);
	return r;
}
