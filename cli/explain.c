/* SPDX-License-Identifier: MIT */
/* hark explain: why a port is, or is not, reachable. */
#include "cli.h"

#include <string.h>
#include <unistd.h>

#include <hark/explain.h>

#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"

static uint32_t count_matches(const struct hark_selection *selection,
			      const struct hark_snapshot *snapshot)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++)
		n += hark_selection_matches(selection, snapshot, i);
	return n;
}

static int explain(const struct options *options, const struct hark_selection *selection)
{
	/* The other sockets of a port belong to its story: nothing is left out here. */
	struct hark_query query = { .details = HARK_DETAIL_ALL, .all_states = options->all_states };
	struct render_options render = screen_options(STDOUT_FILENO, options);
	struct hark_explanation *explanation = NULL;
	struct hark_snapshot *snapshot;
	struct hark_error error;
	struct out out;
	int r;

	if (hark_snapshot_take(&query, &snapshot, &error) < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	out_init(&out, STDOUT_FILENO);
	r = hark_explain(snapshot, selection, &explanation);
	if (r == 0)
		r = render_explanation(&out, explanation, &render);
	hark_explanation_free(explanation);
	out_fini(&out);
	r = status_of_writing(r);
	query_tell_notes(snapshot, options);
	if (r == STATUS_MATCHED)
		r = query_status(snapshot, options, count_matches(selection, snapshot));
	hark_snapshot_free(snapshot);
	return r;
}

int explain_run(const struct options *given)
{
	struct options options = *given;
	struct hark_selection *selection = NULL;
	int r;

	if (!options.n_words) {
		complain("explain what? A port, say: hark explain 80");
		return STATUS_USAGE;
	}
	r = query_select(&options, &selection);
	if (r == 0)
		r = explain(&options, selection);
	hark_selection_free(selection);
	return r;
}
