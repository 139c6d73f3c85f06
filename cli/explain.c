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

static int render(const struct options *options, const struct hark_snapshot *snapshot,
		  const struct hark_explanation *explanation)
{
	struct render_options render = screen_options(STDOUT_FILENO, options);
	struct out out;
	int r;

	out_init(&out, STDOUT_FILENO);
	r = options->format == FORMAT_JSON ? render_findings(&out, snapshot, explanation, &render) :
					     render_explanation(&out, explanation, &render);
	out_fini(&out);
	return r;
}

static bool is_undecided(const struct hark_explanation *explanation)
{
	const struct hark_finding *finding;

	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++)
		if (!strcmp(finding->code, "undecided"))
			return true;
	return false;
}

static int tell(const struct options *options, const struct hark_selection *selection,
		const struct hark_snapshot *snapshot, uint32_t n_matched)
{
	struct hark_explanation *explanation = NULL;
	int r = hark_explain(snapshot, selection, &explanation), status;

	if (r == 0)
		r = render(options, snapshot, explanation);
	status = status_of_writing(r);
	if (status == STATUS_MATCHED && !n_matched && is_undecided(explanation))
		status = STATUS_FAILED;
	hark_explanation_free(explanation);
	return status;
}

/*
 * The other sockets of a port belong to its story, so nothing is selected here. Where no listener
 * is meant, what merely has the port, or is connected from it, is the story.
 */
static int take(const struct options *options, const struct hark_selection *selection,
		struct hark_snapshot **ret, uint32_t *ret_n)
{
	const uint32_t details = HARK_DETAIL_ALL | HARK_DETAIL_LOOKUPS | HARK_DETAIL_DROPS |
				 HARK_DETAIL_FIREWALL | HARK_DETAIL_RULES | HARK_DETAIL_PATH |
				 HARK_DETAIL_DOORS | HARK_DETAIL_CRAFTED;
	struct hark_query query = {
		.details = query_details(options, details),
		.all_states = options->all_states,
		.all_namespaces = options->all_namespaces,
	};
	struct hark_snapshot *listeners;
	struct hark_error error;
	int r = hark_snapshot_take(&query, ret, &error);

	*ret_n = r < 0 ? 0 : count_matches(selection, *ret);
	if (r == 0 && !*ret_n && !query.all_states) {
		listeners = *ret;
		query.all_states = true;
		r = hark_snapshot_take(&query, ret, &error);
		hark_snapshot_free(listeners);
	}
	if (r < 0)
		complain("%s", error.text);
	return r;
}

static int explain(const struct options *options, const struct hark_selection *selection)
{
	uint64_t began_ns = query_clock_ns();
	struct hark_snapshot *snapshot;
	uint32_t n;
	int r;

	if (take(options, selection, &snapshot, &n) < 0)
		return STATUS_FAILED;
	r = tell(options, selection, snapshot, n);
	query_tell_times(snapshot, options, began_ns);
	query_tell_notes(snapshot, options);
	if (r == STATUS_MATCHED)
		r = query_status(snapshot, options, n);
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
