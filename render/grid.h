/* SPDX-License-Identifier: MIT */
/* Cells in rows and columns, set out for a screen or a file. */
#ifndef GRID_H
#define GRID_H

#include <stdbool.h>
#include <stdint.h>

#include "out.h"

/* What a cell says at a glance; a colour, where there are colours. */
enum style {
	STYLE_PLAIN,
	STYLE_STRONG,
	STYLE_WEAK,   /* little to see here */
	STYLE_NOTICE, /* what one may not expect */
	STYLE_GOOD,
	STYLE_WARNING,
	STYLE_ALARM,
	STYLE_N_,
};

/* What a column does where the screen is too narrow. */
enum give_way {
	GIVE_WAY_NOT,
	GIVE_WAY_SPILL, /* gets narrower; wider cells push what follows in their row */
	GIVE_WAY_CUT,   /* cells are cut, and at last the column is left out */
};

struct grid_column {
	const char *header;
	uint8_t give_way;    /* enum give_way */
	uint8_t least_width; /* a column that gives way keeps so much */
	bool is_right;       /* set to the right */
	bool may_vanish;     /* left out where every cell is empty */
};

#define GRID_MAX_COLUMNS 64u

struct grid {
	const struct grid_column *columns;
	uint32_t n_columns; /* at most GRID_MAX_COLUMNS */
	uint32_t n_rows;
	/*
	 * Appends the cell's escaped text to `out`, a buffer in memory. Asked twice for each cell.
	 */
	enum style (*write_cell)(void *context, uint32_t row, uint32_t column, struct out *out);
	/* Called where the screen is too narrow: cells say less from then on. May be NULL. */
	void (*shorten)(void *context);
	void *context;
	unsigned int width; /* of the screen; 0: cut nothing */
	bool has_header;
	bool color;
	bool utf8;
};

/* 0, or -ENOMEM; errors of writing stay in `out`. */
int grid_write(const struct grid *grid, struct out *out);

/* Text in a style. */
void grid_write_styled(struct out *out, bool color, enum style style, const char *bytes, size_t n);

#endif
