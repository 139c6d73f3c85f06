/* SPDX-License-Identifier: MIT */
/* What is missing from a snapshot: sentences for a person. */
#include "render.h"

#include <errno.h>

#include "escape.h"

static enum escape escape_for(const struct render_options *options)
{
	return options->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII;
}

/* How often it befell; of holders and namespaces the sentence itself says how many. */
static void write_count(struct out *out, const struct hark_note *note)
{
	if (note->what == HARK_NOTE_HOLDERS || note->what == HARK_NOTE_NAMESPACES ||
	    note->count < 2)
		return;
	out_text(out, " (");
	out_u64(out, note->count);
	out_text(out, " times)");
}

/* "12 more listeners in 3 other network namespaces (hark -A)" */
static void write_elsewhere(struct out *out, const struct hark_elsewhere *elsewhere)
{
	bool is_one = elsewhere->n_namespaces == 1;

	out_text(out, "hark: ");
	if (elsewhere->n_listeners != HARK_NONE) {
		out_u64(out, elsewhere->n_listeners);
		out_text(out, elsewhere->n_listeners == 1 ? " more listener in " :
							    " more listeners in ");
	}
	out_u64(out, elsewhere->n_namespaces);
	out_text(out, is_one ? " other network namespace" : " other network namespaces");
	if (elsewhere->n_listeners == HARK_NONE)
		out_text(out, is_one ? " has sockets, too" : " have sockets, too");
	out_text(out, " (hark -A)\n");
}

int render_notes(struct out *out, const struct hark_snapshot *snapshot,
		 const struct render_options *options)
{
	const struct hark_elsewhere *elsewhere;
	const struct hark_note *note;

	for (uint32_t i = 0; (note = hark_snapshot_note(snapshot, i)); i++) {
		if (note->is_debug && !options->debug_notes)
			continue;
		out_text(out, "hark: ");
		escape_text(out, escape_for(options), note->detail);
		write_count(out, note);
		/* Of the rest the sentence itself tells why. */
		if (note->why == HARK_NOTE_FAILED && note->error) {
			out_text(out, ": ");
			out_text(out, strerror(-note->error));
		}
		out_char(out, '\n');
	}
	elsewhere = hark_snapshot_elsewhere(snapshot);
	if (elsewhere && options->elsewhere)
		write_elsewhere(out, elsewhere);
	return out_flush(out);
}
