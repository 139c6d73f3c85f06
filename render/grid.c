/* SPDX-License-Identifier: MIT */
/* Cells are asked for twice, to measure and to write: no row is kept, be there a million. */
#include "grid.h"

#include <assert.h>
#include <errno.h>

#include "utf8.h"

#define GAP    2u
#define HEADER UINT32_MAX /* as a row */

static const char *const style_codes[] = {
	[STYLE_PLAIN] = "",          [STYLE_STRONG] = "\033[1m", [STYLE_WEAK] = "\033[2m",
	[STYLE_NOTICE] = "\033[36m", [STYLE_GOOD] = "\033[32m",  [STYLE_WARNING] = "\033[33m",
	[STYLE_ALARM] = "\033[31m",
};

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

void grid_write_styled(struct out *out, bool color, enum style style, const char *bytes, size_t n)
{
	color = color && style != STYLE_PLAIN && n;
	if (color)
		out_text(out, style_codes[style]);
	out_bytes(out, bytes, n);
	if (color)
		out_text(out, "\033[0m");
}

static void measure(const struct grid *grid, struct out *cell, size_t *widths)
{
	for (uint32_t column = 0; column < grid->n_columns; column++)
		widths[column] = 0;
	for (uint32_t row = 0; row < grid->n_rows; row++) {
		for (uint32_t column = 0; column < grid->n_columns; column++) {
			size_t width;

			out_clear(cell);
			grid->write_cell(grid->context, row, column, cell);
			width = utf8_width(cell->bytes, cell->n);
			if (width > widths[column])
				widths[column] = width;
		}
	}
	for (uint32_t column = 0; column < grid->n_columns && grid->has_header; column++) {
		size_t width = strlen(grid->columns[column].header);

		if (width > widths[column] && (widths[column] || !grid->columns[column].may_vanish))
			widths[column] = width;
	}
}

static size_t sum_widths(const struct grid *grid, const size_t *widths)
{
	size_t sum = 0;

	for (uint32_t column = 0; column < grid->n_columns; column++)
		if (widths[column])
			sum += widths[column] + (sum ? GAP : 0);
	return sum;
}

/* Takes from the columns that give way in that manner, the last one first. */
static void narrow(const struct grid *grid, size_t *widths, enum give_way give_way)
{
	for (uint32_t column = grid->n_columns; column--;) {
		const struct grid_column *c = &grid->columns[column];
		size_t sum = sum_widths(grid, widths), least = c->least_width;

		if (sum <= grid->width)
			return;
		if (c->give_way == give_way && widths[column] > least)
			widths[column] -= min(sum - grid->width, widths[column] - least);
	}
}

/* What is cut may vanish, the last column first, where the rest fits then. */
static void fit(const struct grid *grid, size_t *widths)
{
	size_t natural[GRID_MAX_COLUMNS];
	uint32_t n = grid->n_columns;

	memcpy(natural, widths, n * sizeof(*widths));
	for (;;) {
		narrow(grid, widths, GIVE_WAY_SPILL);
		narrow(grid, widths, GIVE_WAY_CUT);
		if (sum_widths(grid, widths) <= grid->width)
			return;
		while (n && (!natural[n - 1] || grid->columns[n - 1].give_way != GIVE_WAY_CUT))
			n--;
		if (n < 2)
			return;
		natural[--n] = 0;
		memcpy(widths, natural, grid->n_columns * sizeof(*widths));
	}
}

/* Where a row is: what has been written, and where the column should begin. */
struct cursor {
	size_t position;
	size_t start;
};

static size_t room_of(const struct grid *grid, const struct grid_column *column, size_t begin,
		      size_t end)
{
	size_t room = end > begin + column->least_width ? end - begin : column->least_width;

	return begin + room > grid->width && grid->width > begin + 1 ? grid->width - begin : room;
}

/* As much as there is room for. Returns its width. */
static size_t write_cut(const struct grid *grid, struct out *out, const struct out *cell,
			enum style style, size_t room)
{
	size_t width = utf8_width(cell->bytes, cell->n), n = cell->n;

	if (width > room) {
		n = utf8_fit(cell->bytes, cell->n, room - 1);
		width = utf8_width(cell->bytes, n) + 1;
	}
	grid_write_styled(out, grid->color, style, cell->bytes, n);
	if (n < cell->n)
		out_text(out, grid->utf8 ? "…" : "~");
	return width;
}

static void write_fitted(const struct grid *grid, struct out *out, const struct out *cell,
			 enum style style, uint32_t column, size_t width, struct cursor *cursor)
{
	const struct grid_column *c = &grid->columns[column];
	size_t cell_width, begin = cursor->start, end = cursor->start + width;

	cursor->start = end + GAP;
	if (!cell->n)
		return;
	cell_width = utf8_width(cell->bytes, cell->n);
	if (c->is_right && cell_width < width)
		begin = end - cell_width;
	/* A cell before this one may have spilled over. */
	if (cursor->position && begin < cursor->position + GAP)
		begin = cursor->position + GAP;
	out_pad(out, begin - cursor->position);
	if (c->give_way == GIVE_WAY_CUT && grid->width)
		cell_width = write_cut(grid, out, cell, style, room_of(grid, c, begin, end));
	else
		grid_write_styled(out, grid->color, style, cell->bytes, cell->n);
	cursor->position = begin + cell_width;
}

static void write_row(const struct grid *grid, struct out *out, struct out *cell, uint32_t row,
		      const size_t *widths)
{
	struct cursor cursor = { .position = 0 };

	for (uint32_t column = 0; column < grid->n_columns; column++) {
		enum style style = STYLE_WEAK;

		if (!widths[column])
			continue;
		out_clear(cell);
		if (row == HEADER)
			out_text(cell, grid->columns[column].header);
		else
			style = grid->write_cell(grid->context, row, column, cell);
		write_fitted(grid, out, cell, style, column, widths[column], &cursor);
	}
	out_char(out, '\n');
}

int grid_write(const struct grid *grid, struct out *out)
{
	size_t widths[GRID_MAX_COLUMNS];
	struct out cell;
	int r;

	static_assert(sizeof(style_codes) / sizeof(style_codes[0]) == STYLE_N_, "a code each");
	assert(grid->n_columns <= GRID_MAX_COLUMNS);
	out_init(&cell, -1);
	measure(grid, &cell, widths);
	if (grid->width && sum_widths(grid, widths) > grid->width) {
		if (grid->shorten) {
			grid->shorten(grid->context);
			measure(grid, &cell, widths);
		}
		fit(grid, widths);
	}
	if (grid->has_header)
		write_row(grid, out, &cell, HEADER, widths);
	for (uint32_t row = 0; row < grid->n_rows && !out->error; row++)
		write_row(grid, out, &cell, row, widths);
	r = cell.error;
	out_fini(&cell);
	return r;
}
