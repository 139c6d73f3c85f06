/* SPDX-License-Identifier: MIT */
/* The columns: one table that -o, --csv, their headers, their help and the completions read. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <hark/error.h>

#include "grid.h"
#include "view.h"

/* Written for one row of a view; values that are not known, or do not apply, stay empty. */
struct column {
	const char *name; /* as -o and the header of CSV have it */
	const char *help; /* one line */
	enum style (*write)(struct view *view, const struct row *row, struct out *out);
	uint32_t details;   /* of enum hark_detail: what the snapshot has to be asked for */
	const char *header; /* in tables; NULL: the name in capitals */
	bool is_number;     /* set to the right */
	uint8_t give_way;   /* enum give_way */
	uint8_t least_width;
	bool in_csv; /* --csv has it without -o */
	/* Of a door, where it has the like; NULL: it has not. */
	enum style (*write_door)(struct view *view, uint32_t door, struct out *out);
};

#define COLUMNS_MAX 64u

/* A choice of columns, by index. */
struct columns {
	uint8_t items[COLUMNS_MAX];
	uint32_t n;
};

/* Columns by index, NULL past the last. */
const struct column *column_at(size_t i);

/* What a table is made of, for the choice of its columns. */
struct contents {
	bool all_states; /* connections, too */
	bool namespaces; /* more than one network namespace */
};

/*
 * Reads "NAME,NAME" or, to add to what is shown without it, "+NAME,NAME". -EINVAL: *reterr says
 * which name is wrong, and what may have been meant.
 */
int columns_parse(const char *list, struct contents contents, struct columns *ret,
		  struct hark_error *reterr);

/* Those of a table of single sockets, and those of CSV, where nobody chose. */
void columns_default(struct contents contents, struct columns *ret);
void columns_default_csv(struct columns *ret);

/* What a snapshot has to be asked for to fill them (enum hark_detail). */
uint32_t columns_details(const struct columns *columns);

#endif
