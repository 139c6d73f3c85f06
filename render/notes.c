/* SPDX-License-Identifier: MIT */
/* What is missing from a snapshot: sentences for a person. */
#include "render.h"

#include <errno.h>

#include "escape.h"

static enum escape escape_for(const struct render_options *options)
{
	return options->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII;
}

/* How often it befell; of holders the sentence itself says how many. */
static void write_count(struct out *out, const struct hark_note *note)
{
	if (note->what == HARK_NOTE_HOLDERS || note->count < 2)
		return;
	out_text(out, " (");
	out_u64(out, note->count);
	out_text(out, " times)");
}

int render_notes(struct out *out, const struct hark_snapshot *snapshot,
		 const struct render_options *options)
{
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
	return out_flush(out);
}
