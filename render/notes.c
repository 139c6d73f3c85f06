/* SPDX-License-Identifier: MIT */
/* What is missing, and findings: sentences for a person. */
#include "render.h"

#include <errno.h>

#include "escape.h"
#include "grid.h"
#include "utf8.h"

#define INDENT 4u
/* Lines of prose longer than this are hard to read, be the terminal as wide as it may. */
#define WIDEST_PROSE 100u

static enum escape escape_for(const struct render_options *options)
{
	return options->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII;
}

/* What a note counts. */
static void write_count(struct out *out, const struct hark_note *note)
{
	bool is_of_processes = note->what == HARK_NOTE_HOLDERS && note->why == HARK_NOTE_PERMISSION;

	if (!is_of_processes && note->count < 2)
		return;
	out_text(out, " (");
	out_u64(out, note->count);
	if (is_of_processes)
		out_text(out, note->count == 1 ? " process)" : " processes)");
	else
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

/* Writes words, broken into lines of that width behind an indent; 0: one line. */
static void write_wrapped(struct out *out, const char *text, size_t n, size_t indent, size_t width,
			  enum style style, bool color)
{
	size_t at = 0;

	while (at < n) {
		size_t end = n, fits;

		if (width > indent) {
			fits = utf8_fit(text + at, n - at, width - indent);
			end = at + fits;
			if (end < n) {
				size_t blank = end;

				while (blank > at && text[blank] != ' ')
					blank--;
				/* A word that is longer than the line stays whole. */
				if (blank == at)
					for (blank = end; blank < n && text[blank] != ' ';)
						blank++;
				end = blank;
			}
		}
		out_pad(out, indent);
		grid_write_styled(out, color, style, text + at, end - at);
		out_char(out, '\n');
		for (at = end; at < n && text[at] == ' ';)
			at++;
	}
}

static void write_paragraph(struct out *out, const char *text, size_t indent, enum style style,
			    const struct render_options *options)
{
	size_t width = options->width > WIDEST_PROSE ? WIDEST_PROSE : options->width;
	struct out escaped;

	out_init(&escaped, -1);
	escape_text(&escaped, escape_for(options), text);
	write_wrapped(out, escaped.bytes, escaped.n, indent, width, style, options->color);
	if (escaped.error && !out->error)
		out->error = escaped.error;
	out_fini(&escaped);
}

int render_explanation(struct out *out, const struct hark_explanation *explanation,
		       const struct render_options *options)
{
	const struct hark_finding *finding;

	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++) {
		write_paragraph(out, finding->text, 0, STYLE_PLAIN, options);
		if (finding->evidence)
			write_paragraph(out, finding->evidence, INDENT, STYLE_WEAK, options);
	}
	return out_flush(out);
}
