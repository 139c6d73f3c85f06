/* SPDX-License-Identifier: MIT */
/* hark explain: why a port is, or is not, reachable. */
#include "cli.h"

#include <string.h>
#include <unistd.h>

#include <hark/explain.h>

#include "escape.h"
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

/* Sockets that match and do not listen: connections, and those that are bound and idle. */
static uint32_t count_others(const struct options *options, const struct hark_selection *selection)
{
	struct hark_query query = { .all_states = true,
				    .selection = selection,
				    .all_namespaces = options->all_namespaces };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	uint32_t n;

	if (options->all_states || hark_snapshot_take(&query, &snapshot, &error) < 0)
		return 0;
	n = hark_snapshot_n_sockets(snapshot);
	hark_snapshot_free(snapshot);
	return n;
}

static void write_words(struct out *out, const struct options *options, bool utf8)
{
	for (uint32_t i = 0; i < options->n_words; i++) {
		out_char(out, ' ');
		escape_text(out, utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, options->words[i]);
	}
}

static int explain_nothing(struct out *out, const struct options *options,
			   const struct hark_selection *selection, bool utf8)
{
	uint32_t n = count_others(options, selection);

	out_text(out, options->all_states ? "No socket matches" :
					    "Nothing listens there: no listener matches");
	write_words(out, options, utf8);
	out_text(out, ".\n");
	if (n > 0) {
		out_u64(out, n);
		out_text(out, n == 1 ? " socket matches but does not listen" :
				       " sockets match but do not listen");
		out_text(out, " (connected, or bound and idle): hark -a");
		write_words(out, options, utf8);
		out_char(out, '\n');
	}
	return out_flush(out);
}

static int explain(const struct options *options, const struct hark_selection *selection)
{
	/* The other sockets of a port belong to its story: nothing is left out here. */
	struct hark_query query = { .details = HARK_DETAIL_ALL | HARK_DETAIL_LOOKUPS,
				    .all_states = options->all_states,
				    .all_namespaces = options->all_namespaces };
	struct render_options render = screen_options(STDOUT_FILENO, options);
	struct hark_explanation *explanation = NULL;
	struct hark_snapshot *snapshot;
	struct hark_error error;
	struct out out;
	uint64_t began_ns = query_clock_ns();
	uint32_t n;
	int r;

	if (hark_snapshot_take(&query, &snapshot, &error) < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	n = count_matches(selection, snapshot);
	out_init(&out, STDOUT_FILENO);
	r = hark_explain(snapshot, selection, &explanation);
	if (r == 0)
		r = n ? render_explanation(&out, explanation, &render) :
			explain_nothing(&out, options, selection, render.utf8);
	hark_explanation_free(explanation);
	out_fini(&out);
	r = status_of_writing(r);
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
