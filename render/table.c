/* SPDX-License-Identifier: MIT */
/* The tables for people, and those of -o. */
#include "render.h"
#include "summary.h"
#include "table.h"

#include <ctype.h>
#include <errno.h>

#define LONGEST_HEADER 16

struct table {
	struct view *view;
	const struct column *columns[COLUMNS_MAX];
	uint32_t n_columns;
	const struct listed *items; /* NULL: all rows of the view, then the doors */
	struct row row;             /* the one that is written now */
	uint32_t row_index;
	struct grid_column grid_columns[COLUMNS_MAX];
	char headers[COLUMNS_MAX][LONGEST_HEADER];
};

static struct listed item_at(const struct table *table, uint32_t i)
{
	uint32_t n_rows = table->view->n_rows;

	if (table->items)
		return table->items[i];
	return i < n_rows ? (struct listed){ i, false } : (struct listed){ i - n_rows, true };
}

static enum style write_cell(void *context, uint32_t item_index, uint32_t column, struct out *out)
{
	struct table *table = context;
	const struct column *column_of = table->columns[column];
	struct listed item = item_at(table, item_index);
	uint32_t row_index = item.index;

	if (item.is_door)
		return column_of->write_door ? column_of->write_door(table->view, item.index, out) :
					       STYLE_PLAIN;
	if (row_index != table->row_index) {
		table->row = view_row(table->view, row_index);
		table->row_index = row_index;
	}
	return column_of->write(table->view, &table->row, out);
}

static void shorten(void *context)
{
	struct table *table = context;

	table->view->is_short = true;
}

/* Nobody asked for the holders, or no system told a unit: such a column says nothing. */
static bool has_holders(const struct hark_snapshot *snapshot)
{
	const struct hark_socket *socket;

	for (uint32_t i = 0; (socket = hark_snapshot_socket(snapshot, i)); i++)
		if (socket->holders != HARK_UNSUPPORTED)
			return true;
	return !hark_snapshot_n_sockets(snapshot);
}

/* Whose sockets are all of our own namespace needs no column for it. */
static bool has_namespaces(const struct hark_snapshot *snapshot)
{
	const struct hark_socket *socket;

	for (uint32_t i = 0; (socket = hark_snapshot_socket(snapshot, i)); i++)
		if (socket->netns)
			return true;
	return false;
}

static const char *write_header(const struct column *column, char *header)
{
	for (size_t i = 0; i <= strlen(column->name); i++)
		header[i] = (char)toupper((unsigned char)column->name[i]);
	return column->header ? column->header : header;
}

static void choose_columns(struct table *table, const struct render_options *options)
{
	bool is_chosen = options->columns != NULL;
	bool with_holders = is_chosen || has_holders(table->view->snapshot);
	struct columns all;
	uint32_t n = 0;

	if (is_chosen)
		all = *options->columns;
	else
		columns_default((struct contents){ options->all_states,
						   has_namespaces(table->view->snapshot) },
				&all);
	for (uint32_t i = 0; i < all.n; i++) {
		const struct column *column = column_at(all.items[i]);

		if (!with_holders && !strcmp(column->name, "holders"))
			continue;
		table->columns[n] = column;
		table->grid_columns[n] = (struct grid_column){
			.header = write_header(column, table->headers[n]),
			.is_right = column->is_number,
			.give_way = column->give_way,
			.least_width = column->least_width,
			.may_vanish = !is_chosen && !strcmp(column->name, "within"),
		};
		/* tcp and udp need no word above them, and the table has none to spare. */
		if (!is_chosen && !strcmp(column->name, "proto"))
			table->grid_columns[n].header = "";
		n++;
	}
	table->n_columns = n;
}

int render_table(struct out *out, const struct hark_snapshot *snapshot,
		 const struct render_options *options)
{
	struct view view;
	uint32_t n;
	int r = 0;

	view_init(&view, snapshot, options->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII);
	if (!options->columns && !options->all_states)
		r = view_merge(&view);
	n = view.n_rows;
	/* Behind the sockets; who chose the columns has asked for a row a socket. */
	if (options->published && !options->columns)
		n += hark_snapshot_n_doors(snapshot);
	if (!r)
		r = table_write(out, &view, NULL, n, options);
	if (!r && options->summary)
		summary_write(&view, out, options);
	if (!r)
		r = view_error(&view);
	view_fini(&view);
	if (r && !out->error)
		out->error = r;
	return out_flush(out);
}

int table_write(struct out *out, struct view *view, const struct listed *items, uint32_t n,
		const struct render_options *options)
{
	struct table table = { .view = view, .items = items, .row_index = HARK_NONE };
	struct grid grid = {
		.columns = table.grid_columns,
		.n_rows = n,
		.write_cell = write_cell,
		.shorten = options->columns ? NULL : shorten,
		.context = &table,
		.width = options->width,
		.has_header = !options->no_header,
		.color = options->color,
		.utf8 = options->utf8,
	};

	choose_columns(&table, options);
	grid.n_columns = table.n_columns;
	return grid_write(&grid, out);
}

static const char legend[] =
	"\nipv4 and ipv6 tell the address that a listener is bound to, where it answers:\n"
	"  via ::              through the IPv6 socket that is bound there\n"
	"  10.0.0.7 via v6     through an IPv6 socket that is bound to ::ffff:10.0.0.7\n"
	"  0.0.0.0 (some)      not at every local address: another socket gets the rest\n"
	"  0.0.0.0%eth0        only what comes in by that interface\n"
	"  0.0.0.0 x4          four sockets that share the work (SO_REUSEPORT)\n"
	"  - (203.0.113.9)     bound there, but answers nothing; reach tells why\n"
	"  -                   does not answer this family\n"
	"  (empty)             the same; another socket of the port does, which was not asked for\n"
	"  ?                   may answer: it could not be found out\n"
	"reach joins addresses and firewall, IPv4 | IPv6 where they differ:\n"
	"  everyone            no rule keeps anybody from its public addresses\n"
	"  private, link       the same, at addresses that are private (RFC 1918 and the like), or\n"
	"                      of the same wire\n"
	"  10.0.0.0/8          these alone; \"3 ranges\" and \"all but 2 ranges\": hark explain\n"
	"  this host           nobody else\n"
	"  nobody              not even this host\n"
	"  depends (rate)      a rule lets them in or not, by what it tells; \"+\": besides\n"
	"  IPv6: everyone!     wider than the other family: often forgotten\n"
	"  public?             by its addresses alone: the firewall's rules were not read\n"
	"It is this host's own firewall: routers and cloud rules are outside of it.\n";

int render_columns_help(struct out *out, const struct render_options *options)
{
	const struct column *column;

	(void)options;
	for (size_t i = 0; (column = column_at(i)); i++) {
		out_text(out, column->name);
		out_pad(out, 13 - strlen(column->name));
		out_text(out, column->help);
		out_char(out, '\n');
	}
	out_text(out, legend);
	return out_flush(out);
}
