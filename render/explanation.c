/* SPDX-License-Identifier: MIT */
/*
 * An explanation as paragraphs. What belongs to a port is indented below its headline, what
 * belongs to a socket below that, and what a sentence rests on below the sentence: one sees at a
 * glance what is about what. For a file each is one line, to be searched.
 */
#include "render.h"

#include "escape.h"
#include "grid.h"
#include "utf8.h"

#define INDENT 2u /* for each step down */
/* Lines of prose longer than this are hard to read, and shorter ones are mere ladders of words. */
#define WIDEST    100u
#define NARROWEST 40u

/* The end of the longest piece of `n` bytes that fits into the columns and ends at a blank. */
static size_t end_of_line(const char *text, size_t n, size_t n_columns)
{
	size_t end = utf8_fit(text, n, n_columns), blank = end;

	if (end == n)
		return n;
	while (blank && text[blank] != ' ')
		blank--;
	/* A word that is longer than the line stays whole. */
	if (!blank)
		for (blank = end; blank < n && text[blank] != ' ';)
			blank++;
	return blank;
}

/* Writes escaped words, broken into lines of that width behind an indent; 0: one line. */
static void write_wrapped(struct out *out, const struct out *words, size_t indent, size_t width,
			  enum style style, bool color)
{
	const char *text = words->bytes;
	size_t n = words->n;

	while (n) {
		size_t end = width ? end_of_line(text, n, width - indent) : n;

		out_pad(out, indent);
		grid_write_styled(out, color, style, text, end);
		out_char(out, '\n');
		while (end < n && text[end] == ' ')
			end++;
		text += end;
		n -= end;
	}
}

static void write_paragraph(struct out *out, struct out *words, const char *text, size_t indent,
			    enum style style, const struct render_options *options)
{
	size_t width = options->width;

	if (width)
		width = width > WIDEST ? WIDEST : width < NARROWEST ? NARROWEST : width;
	out_clear(words);
	escape_text(words, options->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, text);
	write_wrapped(out, words, indent, width, style, options->color);
}

int render_explanation(struct out *out, const struct hark_explanation *explanation,
		       const struct render_options *options)
{
	const struct hark_finding *finding;
	struct out words;

	out_init(&words, -1);
	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++) {
		bool is_headline = finding->depth == HARK_FINDING_HEADLINE;
		size_t indent = finding->depth * INDENT;

		if (is_headline && i)
			out_char(out, '\n');
		write_paragraph(out, &words, finding->text, indent,
				is_headline && finding->socket != HARK_NONE ? STYLE_STRONG :
									      STYLE_PLAIN,
				options);
		if (finding->evidence)
			write_paragraph(out, &words, finding->evidence, indent + 2 * INDENT,
					STYLE_WEAK, options);
	}
	if (words.error && !out->error)
		out->error = words.error;
	out_fini(&words);
	return out_flush(out);
}
