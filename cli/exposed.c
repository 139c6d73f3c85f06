/* SPDX-License-Identifier: MIT */
/* hark exposed: what strangers can reach. */
#include "cli.h"

#include <unistd.h>

#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"

static int render(const struct options *options, const struct hark_snapshot *snapshot,
		  struct render_exposed *ret)
{
	struct render_options render = screen_options(STDOUT_FILENO, options);
	enum render_exposed_format format = options->format == FORMAT_JSON ? RENDER_EXPOSED_JSON :
					    options->format == FORMAT_NDJSON ?
									     RENDER_EXPOSED_NDJSON :
									     RENDER_EXPOSED_TABLE;
	struct out out;
	int r;

	render.published = true;
	out_init(&out, STDOUT_FILENO);
	r = render_exposed(&out, snapshot, format, &render, ret);
	out_fini(&out);
	return status_of_writing(r);
}

static int answer(const struct options *options, const struct hark_query *query)
{
	struct render_exposed found = { .n_exposed = 0 };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	uint64_t began_ns = query_clock_ns();
	int r;

	if (hark_snapshot_take(query, &snapshot, &error) < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	r = render(options, snapshot, &found);
	query_tell_times(snapshot, options, began_ns);
	if (r == STATUS_MATCHED) {
		query_tell_notes(snapshot, options);
		r = query_exposed_status(snapshot, options, found.n_exposed, found.n_unknown);
	}
	hark_snapshot_free(snapshot);
	return r;
}

int exposed_run(const struct options *given)
{
	struct options options = *given;
	struct hark_selection *selection = NULL;
	struct hark_query query = { .holders_way = query_holders_way(&options) };
	int r = query_select(&options, &selection);

	if (r != 0)
		return r;
	query.selection = selection;
	query.all_namespaces = options.all_namespaces;
	query.details = query_exposed_details(&options);
	r = answer(&options, &query);
	hark_selection_free(selection);
	return r;
}
