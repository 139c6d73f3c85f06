/* SPDX-License-Identifier: MIT */
/* The table of listeners and doors, for those who choose which, and in which order. */
#ifndef TABLE_H
#define TABLE_H

#include "render.h"
#include "view.h"

struct listed {
	uint32_t index; /* of the view's rows, or of the doors */
	bool is_door;
};

/* NULL: all rows of the view, then the doors, as far as there are `n`. 0 or -ENOMEM. */
int table_write(struct out *out, struct view *view, const struct listed *items, uint32_t n,
		const struct render_options *options);

#endif
