/* SPDX-License-Identifier: MIT */
/*
 * CSV as RFC 4180 has it, but for the ends of lines, which are those of this system: a header, and
 * one line a socket. Hidden characters are escaped, and backslashes doubled (escape.h), so that a
 * field never holds a line of its own and the bytes can be had back.
 */
#include "render.h"

static void write_field(struct out *out, const struct out *cell)
{
	const char *from = cell->bytes, *quote;
	size_t n = cell->n;

	if (!n || (!memchr(from, ',', n) && !memchr(from, '"', n) && from[0] != ' ' &&
		   from[n - 1] != ' ')) {
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

static void write_header(struct out *out, const struct columns *columns)
{
	for (uint32_t i = 0; i < columns->n; i++) {
		if (i)
			out_char(out, ',');
		out_text(out, column_at(columns->items[i])->name);
	}
	out_char(out, '\n');
}

int render_csv(struct out *out, const struct hark_snapshot *snapshot,
	       const struct render_options *options)
{
	struct columns columns;
	struct view view;
	struct out cell;

	if (options->columns)
		columns = *options->columns;
	else
		columns_default_csv(&columns);
	view_init(&view, snapshot, ESCAPE_CSV);
	view.boot_time = options->boot_time;
	out_init(&cell, -1);
	if (!options->no_header)
		write_header(out, &columns);
	for (uint32_t i = 0; i < view.n_rows && !out->error; i++) {
		struct row row = view_row(&view, i);

		for (uint32_t column = 0; column < columns.n; column++) {
			if (column)
				out_char(out, ',');
			out_clear(&cell);
			column_at(columns.items[column])->write(&view, &row, &cell);
			write_field(out, &cell);
		}
		out_char(out, '\n');
	}
	if (!out->error)
		out->error = view_error(&view) ? view_error(&view) : cell.error;
	out_fini(&cell);
	view_fini(&view);
	return out_flush(out);
}
