/* SPDX-License-Identifier: MIT */
/* JSON, a value at a time. */
#ifndef JSON_H
#define JSON_H

#include <hark/model.h>

#include "escape.h"
#include "render.h"
#include "view.h"

#define LITERAL(out, text) out_bytes(out, text, sizeof(text) - 1)

static inline void write_string(struct out *out, const char *text)
{
	if (!text) {
		LITERAL(out, "null");
		return;
	}
	out_char(out, '"');
	escape_text(out, ESCAPE_JSON, text);
	out_char(out, '"');
}

static inline void write_bool(struct out *out, bool value)
{
	out_text(out, value ? "true" : "false");
}

static inline void write_tristate(struct out *out, enum hark_tristate value)
{
	out_text(out, value == HARK_YES ? "true" : value == HARK_NO ? "false" : "null");
}

/* A number, or null. */
static inline void write_number(struct out *out, bool is_known, uint64_t value)
{
	if (is_known)
		out_u64(out, value);
	else
		LITERAL(out, "null");
}

/* A socket as the list has it; of a view that escapes for JSON. */
void json_write_socket(struct view *view, struct out *out, uint32_t i);

/* From the schema to the bracket that the sockets follow. */
void json_write_head(struct out *out, const struct hark_snapshot *snapshot,
		     const struct render_options *options);

/* All sockets of the snapshot, or (not NULL) those that the explanation tells of. */
void json_write_sockets(struct out *out, const struct hark_snapshot *snapshot,
			const struct hark_explanation *explanation, const char *between);

/* What was not asked for; NULL: it is not known. */
void json_write_elsewhere(struct out *out, const struct hark_elsewhere *elsewhere);

#endif
