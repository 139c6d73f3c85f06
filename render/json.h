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

/* A place that is no single address is written with its bits: "10.1.0.0/16". */
void json_write_place(struct out *out, const struct hark_snapshot *snapshot,
		      const struct hark_place *place);
void json_write_cookie(struct out *out, uint64_t cookie);

/* What the firewall makes of packets to the socket: members of its object, from the comma on. */
void json_write_firewall(struct view *view, struct out *out, const struct hark_socket *socket);
/* Both families in a few words, for those who need no more. */
void json_write_who(struct view *view, struct out *out, const struct hark_exposure *inet,
		    const struct hark_exposure *inet6);
void json_write_rules(struct out *out, const struct hark_snapshot *snapshot, uint32_t first,
		      uint32_t n);
void json_write_doubts(struct out *out, uint32_t doubts);
/* Ranges that an accessor finds. */
void json_write_ranges(struct out *out, const struct hark_range *(*at)(const void *, uint32_t),
		       const void *of, uint32_t first, uint32_t n);
/* A door; and all of them, as a member of the document. */
void json_write_door(struct view *view, struct out *out, uint32_t i);
void json_write_published(struct out *out, const struct hark_snapshot *snapshot,
			  const struct render_options *options);

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
