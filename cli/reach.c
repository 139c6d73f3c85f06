/* SPDX-License-Identifier: MIT */
/* hark reach: what an address, a prefix, or whoever comes by an interface, gets through to here. */
#include "cli.h"

#include <errno.h>
#include <unistd.h>

#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"

static int render(const struct options *options, const struct hark_snapshot *snapshot,
		  const struct render_passages *passages, struct render_exposed *ret)
{
	struct render_options render = screen_options(STDOUT_FILENO, options);
	struct out out;
	int r;

	render.published = true;
	out_init(&out, STDOUT_FILENO);
	r = render_passages(&out, snapshot, passages, options->format == FORMAT_JSON, &render, ret);
	out_fini(&out);
	return status_of_writing(r);
}

static int tell(const struct options *options, const char *from,
		const struct hark_selection *selection, const struct hark_snapshot *snapshot)
{
	struct render_exposed found = { .n_exposed = 0 };
	struct hark_passages *passages;
	struct hark_senders senders;
	struct hark_error error;
	int r;

	if (hark_senders_parse(snapshot, from, &senders, &error) < 0) {
		complain("%s", error.text);
		return STATUS_USAGE;
	}
	if (hark_passages_new(snapshot, selection, &senders, &passages) < 0)
		return status_of_writing(-ENOMEM);
	r = render(options, snapshot,
		   &(struct render_passages){ passages, from, options->all_states }, &found);
	hark_passages_free(passages);
	if (r != STATUS_MATCHED)
		return r;
	query_tell_notes(snapshot, options);
	return query_exposed_status(snapshot, options, found.n_exposed, found.n_unknown);
}

static int answer(const struct options *options, const char *from, const struct hark_query *query)
{
	struct hark_snapshot *snapshot;
	struct hark_error error;
	uint64_t began_ns = query_clock_ns();
	int r;

	if (hark_snapshot_take(query, &snapshot, &error) < 0) {
		complain("%s", error.text);
		return STATUS_FAILED;
	}
	r = tell(options, from, query->selection, snapshot);
	query_tell_times(snapshot, options, began_ns);
	hark_snapshot_free(snapshot);
	return r;
}

int reach_run(const struct options *given)
{
	struct options options = *given;
	struct hark_selection *selection = NULL;
	struct hark_query query = { .holders_way = query_holders_way(&options) };
	char *to[] = { (char *)(uintptr_t)options.to };
	const char *from;
	int r;

	if (options.n_words != 1) {
		complain(options.n_words ?
				 "reach takes one address, prefix or interface; what is to be "
				 "reached stands behind --to" :
				 "reach from where? An address, say: hark reach 203.0.113.5");
		return STATUS_USAGE;
	}
	from = options.words[0];
	options.words = to;
	options.n_words = options.to ? 1 : 0;
	r = query_select(&options, &selection);
	if (r != 0)
		return r;
	query.selection = selection;
	query.all_namespaces = options.all_namespaces;
	query.details = query_exposed_details(&options) | HARK_DETAIL_RULES;
	r = answer(&options, from, &query);
	hark_selection_free(selection);
	return r;
}
