/* SPDX-License-Identifier: MIT */
/* Sentences on a terminal. */
#ifndef PROSE_H
#define PROSE_H

#include "grid.h"
#include "render.h"

/*
 * A paragraph of what was not escaped yet, broken into lines behind an indent; for a file it is
 * one. `words` is a writer into memory, to be used again and again.
 */
void prose_write(struct out *out, struct out *words, const char *text, size_t indent,
		 enum style style, const struct render_options *options);

#endif
