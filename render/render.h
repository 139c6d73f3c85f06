/* SPDX-License-Identifier: MIT */
/* Rendering: from a snapshot to text. */
#ifndef RENDER_H
#define RENDER_H

#include <hark/bind.h>
#include <hark/snapshot.h>
#include <hark/explain.h>
#include <hark/exposure.h>

#include "columns.h"
#include "out.h"

/* All zero: a default table for a file, ASCII alone, of the listeners. */
struct render_options {
	const struct columns *columns; /* -o: these, a row for each socket; NULL: the view's own */
	unsigned int width;            /* columns of the terminal; 0: cut nothing */
	bool color;
	bool utf8; /* the table may hold UTF-8 */
	bool no_header;
	bool all_states;  /* the snapshot holds connections: show states and peers */
	bool summary;     /* a last line for a person */
	bool debug_notes; /* tell also what is of use to those who debug */
	bool evidence;    /* tell what findings rest on */
	bool published;   /* the snapshot was asked for doors, too */
	bool elsewhere;   /* tell also what other network namespaces have */
};

/*
 * Each writes everything and flushes. 0, or the negative errno that stays in out->error; -ENOMEM
 * also where the rows could not be put together.
 */
int render_table(struct out *out, const struct hark_snapshot *snapshot,
		 const struct render_options *options);
int render_json(struct out *out, const struct hark_snapshot *snapshot,
		const struct render_options *options);
int render_ndjson(struct out *out, const struct hark_snapshot *snapshot,
		  const struct render_options *options);
int render_csv(struct out *out, const struct hark_snapshot *snapshot,
	       const struct render_options *options);

/* What `-o help` tells: each column's name, type and meaning. */
int render_columns_help(struct out *out, const struct render_options *options);

/* A line for each thing that is missing from the snapshot, for standard error: "hark: ...". */
int render_notes(struct out *out, const struct hark_snapshot *snapshot,
		 const struct render_options *options);

/* Findings as sentences; with options->evidence, what each rests on. */
int render_explanation(struct out *out, const struct hark_explanation *explanation,
		       const struct render_options *options);

/* What strangers can reach, worst first; *ret tells how much that is. */
enum render_exposed_format {
	RENDER_EXPOSED_TABLE,
	RENDER_EXPOSED_JSON,
	RENDER_EXPOSED_NDJSON,
};
struct render_exposed {
	uint32_t n_exposed;
	uint32_t n_unknown; /* that may be */
};
int render_exposed(struct out *out, const struct hark_snapshot *snapshot,
		   enum render_exposed_format format, const struct render_options *options,
		   struct render_exposed *ret);

/* What some senders reach; with `all`, also what they do not. *ret as above. */
struct render_passages {
	const struct hark_passages *passages;
	const char *from; /* as it was asked */
	bool all;
};
int render_passages(struct out *out, const struct hark_snapshot *snapshot,
		    const struct render_passages *passages, bool is_json,
		    const struct render_options *options, struct render_exposed *ret);

/* What hark bind found. */
struct render_bind {
	const struct hark_snapshot *snapshot;
	const struct hark_bind_wish *wish;
	const struct hark_bind_verdict *verdict;
	const struct hark_bind_trial *trial; /* NULL: it could not be tried */
	const char *user;                    /* whose program it would be */
};

/* As sentences, the last of which says what would help; or as one JSON document. */
int render_bind_text(struct out *out, const struct render_bind *bind,
		     const struct render_options *options);
int render_bind_json(struct out *out, const struct render_bind *bind);
/* Findings as data, with the sockets that they are about: one JSON document. */
int render_findings(struct out *out, const struct hark_snapshot *snapshot,
		    const struct hark_explanation *explanation,
		    const struct render_options *options);

#endif
