/* SPDX-License-Identifier: MIT */
/* The columns, each as wide as the widest that stands in it. */
#include "lsof.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

/* utmp keeps no more of a name. */
#define LOGIN_MAX 32

enum column {
	COLUMN_COMMAND, /* these two stand to the left, and may be cut */
	COLUMN_PID,
	COLUMN_TID,
	COLUMN_TASK,
	COLUMN_PARENT,
	COLUMN_GROUP,
	COLUMN_USER,
	COLUMN_FD,
	COLUMN_TYPE,
	COLUMN_FLAGS,
	COLUMN_DEVICE,
	COLUMN_SIZE,
	COLUMN_LINKS,
	COLUMN_NODE,
	N_COLUMNS,
};

struct table {
	struct lsof *lsof;
	const struct lsof_files *files;
	struct lsof_names *names;
	struct out *out;
	const char *titles[N_COLUMNS];
	size_t widths[N_COLUMNS];
	bool has_column[N_COLUMNS];
};

/* Room for what stands in a cell. */
#define CELL_SIZE 128

static const char *number(char cell[CELL_SIZE], uint64_t value)
{
	*text_put_u64(cell, value) = '\0';
	return cell;
}

/* A number stands in eight columns, at least. */
static const char *user_cell(struct table *table, uint32_t uid, char cell[CELL_SIZE])
{
	const char *login = lsof_login(table->names, uid);

	if (login)
		*stpncpy(cell, login, LOGIN_MAX) = '\0';
	else
		snprintf(cell, CELL_SIZE, "%8u", uid);
	return cell;
}

/* What stands in a cell that is neither cut nor spelled. */
static const char *cell_text(struct table *table, const struct lsof_row *row, enum column column,
			     char cell[CELL_SIZE])
{
	switch (column) {
	case COLUMN_PID:
		return number(cell, row->file->pid);
	case COLUMN_TID:
		return row->file->tid ? number(cell, row->file->tid) : "";
	case COLUMN_PARENT:
		return number(cell, row->process->parent);
	case COLUMN_GROUP:
		return number(cell, row->process->group);
	case COLUMN_USER:
		return user_cell(table, row->process->owner, cell);
	case COLUMN_FD:
		strcpy(stpcpy(cell, row->fd), "u ");
		return cell;
	case COLUMN_TYPE:
		return row->type;
	case COLUMN_FLAGS:
		return lsof_row_flags(table->lsof, row, cell, CELL_SIZE);
	case COLUMN_DEVICE:
		return row->device;
	case COLUMN_SIZE:
		return table->lsof->tells_size ? "" : "0t0";
	case COLUMN_NODE:
		return row->node;
	case COLUMN_LINKS:
	case COLUMN_COMMAND:
	case COLUMN_TASK:
	case N_COLUMNS:
		break;
	}
	return "";
}

/* The text of the columns that are cut, or NULL. */
static const char *cut_text(const struct lsof_row *row, enum column column)
{
	if (column == COLUMN_COMMAND)
		return row->command;
	if (column == COLUMN_TASK)
		return row->task ? row->task : "";
	return NULL;
}

static void measure(struct table *table, const struct lsof_row *row)
{
	uint32_t limit = table->lsof->command_width;

	table->has_column[COLUMN_TID] |= row->file->tid != 0;
	table->has_column[COLUMN_TASK] |= row->task != NULL;
	for (enum column i = 0; i < N_COLUMNS; i++) {
		char cell[CELL_SIZE];
		const char *cut;
		size_t width;

		if (!table->has_column[i])
			continue;
		cut = cut_text(row, i);
		width = cut ? lsof_text_width(cut) : strlen(cell_text(table, row, i, cell));
		if (cut && limit && width > limit)
			width = limit;
		if (width > table->widths[i])
			table->widths[i] = width;
	}
}

static void put_right(struct out *out, const char *text, size_t width)
{
	size_t length = strlen(text);

	out_pad(out, width > length ? width - length : 0);
	out_bytes(out, text, length);
}

static void put_header(struct table *table)
{
	for (enum column i = 0; i < N_COLUMNS; i++) {
		if (!table->has_column[i])
			continue;
		if (i)
			out_char(table->out, ' ');
		if (i == COLUMN_COMMAND || i == COLUMN_TASK) {
			out_text(table->out, table->titles[i]);
			out_pad(table->out, table->widths[i] - strlen(table->titles[i]));
		} else {
			put_right(table->out, table->titles[i], table->widths[i]);
		}
	}
	out_text(table->out, " NAME\n");
}

static void put_row(struct table *table, const struct lsof_row *row)
{
	for (enum column i = 0; i < N_COLUMNS; i++) {
		char cell[CELL_SIZE];
		const char *cut;

		if (!table->has_column[i])
			continue;
		if (i)
			out_char(table->out, ' ');
		cut = cut_text(row, i);
		if (cut)
			lsof_text_put_padded(table->out, cut, table->widths[i]);
		else
			put_right(table->out, cell_text(table, row, i, cell), table->widths[i]);
	}
	out_char(table->out, ' ');
	lsof_put_file_name(table->names, table->out, row);
	if (table->lsof->tell) {
		const char *state = table->lsof->tell & LSOF_TELL_STATE ? lsof_row_state(row) :
									  NULL;
		uint64_t receive, send;
		bool has_queues = table->lsof->tell & LSOF_TELL_QUEUES &&
				  lsof_row_queues(row, &receive, &send);

		out_char(table->out, ' ');
		if (state || has_queues)
			out_char(table->out, '(');
		if (state)
			out_text(table->out, state);
		if (has_queues) {
			out_text(table->out, state ? " QR=" : "QR=");
			out_u64(table->out, receive);
			out_text(table->out, " QS=");
			out_u64(table->out, send);
		}
		if (state || has_queues)
			out_char(table->out, ')');
	}
	out_char(table->out, '\n');
}

static void choose_columns(struct table *table)
{
	static const char *const titles[N_COLUMNS] = {
		"COMMAND", "PID",  "TID",       "TASKCMD", "PPID",     "PGID",  "USER",
		"FD  ",    "TYPE", "FILE-FLAG", "DEVICE",  "SIZE/OFF", "NLINK", "NODE",
	};
	const struct lsof *lsof = table->lsof;

	memcpy(table->titles, titles, sizeof(titles));
	if (lsof->tells_offset)
		table->titles[COLUMN_SIZE] = "OFFSET";
	else if (lsof->tells_size)
		table->titles[COLUMN_SIZE] = "SIZE";
	memset(table->has_column, true, sizeof(table->has_column));
	table->has_column[COLUMN_TID] = false;
	table->has_column[COLUMN_TASK] = false;
	table->has_column[COLUMN_PARENT] = lsof->tells_parent;
	table->has_column[COLUMN_GROUP] = lsof->tells_group;
	table->has_column[COLUMN_FLAGS] = lsof->flags != LSOF_FLAGS_NONE;
	table->has_column[COLUMN_LINKS] = lsof->tells_links;
	for (enum column i = 0; i < N_COLUMNS; i++)
		table->widths[i] = strlen(table->titles[i]);
}

void lsof_print_table(struct lsof *lsof, const struct lsof_files *files, struct lsof_names *names,
		      struct out *out)
{
	struct table table = { .lsof = lsof, .files = files, .names = names, .out = out };
	struct lsof_row row;

	if (!files->list.n)
		return;
	choose_columns(&table);
	for (uint32_t i = 0; i < files->list.n; i++) {
		lsof_row_fill(lsof, files, i, &row);
		measure(&table, &row);
	}
	put_header(&table);
	for (uint32_t i = 0; i < files->list.n; i++) {
		lsof_row_fill(lsof, files, i, &row);
		put_row(&table, &row);
	}
}

void lsof_print_pids(const struct lsof_files *files, struct out *out)
{
	for (uint32_t i = 0; i < files->list.n; i++) {
		if (i && files->list.items[i].pid == files->list.items[i - 1].pid)
			continue;
		out_u64(out, files->list.items[i].pid);
		out_char(out, '\n');
	}
}
