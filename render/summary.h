/* SPDX-License-Identifier: MIT */
/* The last line of a table on a terminal. */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "render.h"
#include "view.h"

/* How many there are, and the fact that one should not miss, with the command to explain it. */
void summary_write(struct view *view, struct out *out, const struct render_options *options);

#endif
