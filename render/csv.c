/* SPDX-License-Identifier: MIT */
/*
 * CSV as RFC 4180 has it, but for the ends of lines, which are those of this system: a header, and
 * one line a socket. Hidden characters are escaped, and backslashes doubled (escape.h), so that a
 * field never holds a line of its own and the bytes can be had back.
 */
#include "render.h"

/* Of a field that is not empty. */
static bool needs_quotes(const char *field, size_t n)
{
	return memchr(field, ',', n) || memchr(field, '"', n) || field[0] == ' ' ||
	       field[n - 1] == ' ';
}

static void write_field(struct out *out, const struct out *cell)
{
	const char *from = cell->bytes, *quote;
	size_t n = cell->n;

	if (!needs_quotes(from, n)) {
		out_bytes(out, from, n);
		return;
	}
	out_char(out, '"');
	while ((quote = memchr(from, '"', n))) {
		size_t length = (size_t)(quote - from) + 1;

		out_bytes(out, from, length);
		out_char(out, '"');
		from += length;
		n -= length;
	}
	out_bytes(out, from, n);
	out_char(out, '"');
}

/* The columns by their rows of the table. */
struct chosen {
	const struct column *items[COLUMNS_MAX];
	uint32_t n;
};

static void choose_columns(struct chosen *chosen, const struct columns *columns)
{
	struct columns defaults;

	if (!columns) {
		columns_default_csv(&defaults);
		columns = &defaults;
	}
	chosen->n = columns->n;
	for (uint32_t i = 0; i < chosen->n; i++)
		chosen->items[i] = column_at(columns->items[i]);
}

static void write_header(struct out *out, const struct chosen *columns)
{
	for (uint32_t i = 0; i < columns->n; i++) {
		if (i)
			out_char(out, ',');
		out_text(out, columns->items[i]->name);
	}
	out_char(out, '\n');
}

static void write_line(struct out *out, struct out *cell, struct view *view, const struct row *row,
		       const struct chosen *columns)
{
	for (uint32_t i = 0; i < columns->n; i++) {
		if (i)
			out_char(out, ',');
		out_clear(cell);
		columns->items[i]->write(view, row, cell);
		if (cell->n && !columns->items[i]->is_number)
			write_field(out, cell);
		else if (cell->n)
			out_bytes(out, cell->bytes, cell->n);
	}
	out_char(out, '\n');
}

int render_csv(struct out *out, const struct hark_snapshot *snapshot,
	       const struct render_options *options)
{
	struct chosen columns;
	struct view view;
	struct out cell;

	choose_columns(&columns, options->columns);
	view_init(&view, snapshot, ESCAPE_CSV);
	out_init(&cell, -1);
	if (!options->no_header)
		write_header(out, &columns);
	for (uint32_t i = 0; i < view.n_rows && !out->error; i++) {
		struct row row = view_row(&view, i);

		write_line(out, &cell, &view, &row, &columns);
	}
	if (!out->error)
		out->error = view_error(&view) ? view_error(&view) : cell.error;
	out_fini(&cell);
	view_fini(&view);
	return out_flush(out);
}
