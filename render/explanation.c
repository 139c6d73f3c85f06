/* SPDX-License-Identifier: MIT */
/*
 * An explanation as paragraphs. What belongs to a port is indented below its headline, what
 * belongs to a socket below that, and what a sentence rests on below the sentence: one sees at a
 * glance what is about what. For a file each is one line, to be searched.
 */
#include "render.h"

#include "prose.h"

#define INDENT 2u /* for each step down */

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
		prose_write(out, &words, finding->text, indent,
			    is_headline && finding->socket != HARK_NONE ? STYLE_STRONG :
									  STYLE_PLAIN,
			    options);
		if (options->evidence && finding->evidence)
			prose_write(out, &words, finding->evidence, indent + 2 * INDENT, STYLE_WEAK,
				    options);
	}
	if (words.error && !out->error)
		out->error = words.error;
	out_fini(&words);
	return out_flush(out);
}
