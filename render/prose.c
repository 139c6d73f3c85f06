/* SPDX-License-Identifier: MIT */
#include "prose.h"

#include "escape.h"
#include "utf8.h"

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

void prose_write(struct out *out, struct out *words, const char *text, size_t indent,
		 enum style style, const struct render_options *options)
{
	size_t width = options->width;

	if (width)
		width = width > WIDEST ? WIDEST : width < NARROWEST ? NARROWEST : width;
	out_clear(words);
	escape_text(words, options->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, text);
	write_wrapped(out, words, indent, width, style, options->color);
}
