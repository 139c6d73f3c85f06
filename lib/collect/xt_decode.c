/* SPDX-License-Identifier: MIT */
/*
 * Matches and targets of x_tables, which are structs of C that only a name and a revision tell
 * apart. Their sizes are the kernel's business: one that is not what we know is not understood.
 */
#include "xt_decode.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>

#include <linux/netfilter/x_tables.h>

static uint8_t family_bit(uint8_t family)
{
	return family == RULE_FAMILY_IPV4 ? XT_FOR_IPV4 :
	       family == RULE_FAMILY_IPV6 ? XT_FOR_IPV6 :
					    XT_FOR_REST;
}

/* The first row of that name, or beyond the last. */
static size_t find_name(const struct xt_row *rows, size_t n, const char *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(rows[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct xt_row *find_row(const char *name, uint8_t revision, bool is_target,
				     uint8_t family)
{
	const struct xt_row *rows = is_target ? xt_targets : xt_matches;
	size_t n = is_target ? xt_n_targets : xt_n_matches;

	for (size_t i = find_name(rows, n, name); i < n && strcmp(rows[i].name, name) == 0; i++)
		if (revision >= rows[i].first_revision && revision <= rows[i].last_revision &&
		    rows[i].families & family_bit(family))
			return &rows[i];
	return NULL;
}

/* The text of a comment is kept by itself, for many a rule has one, and the blob is all padding. */
static int keep_comment(struct ruleset *ruleset, const char *comment, uint32_t length,
			struct xt *ret)
{
	ret->u.comment.text = arena_memdup(&ruleset->arena, comment, strnlen(comment, length));
	return ret->u.comment.text ? 0 : -ENOMEM;
}

static int keep_blob(struct ruleset *ruleset, const struct xt_row *row, const void *blob,
		     uint32_t length, struct xt *ret)
{
	ret->blob.at = ruleset_keep(ruleset, blob, length);
	if (ret->blob.at == RULESET_NONE)
		return -ENOMEM;
	ret->blob.length = length;
	/* Before Linux 4.11 pointers of the kernel's were not wiped out (xt_data_to_user()). */
	if (row && row->own)
		memset(ruleset->bytes.items + ret->blob.at + row->own, 0, length - row->own);
	return 0;
}

int xt_decode(struct ruleset *ruleset, const char *name, uint8_t revision, bool is_target,
	      uint8_t family, const void *blob, uint32_t length, struct xt *ret)
{
	const struct xt_row *row = find_row(name, revision, is_target, family);
	alignas(max_align_t) unsigned char copy[XT_DECODED_MAX];

	*ret = (struct xt){ .revision = revision, .kind = XT_UNKNOWN };
	if (row && length != XT_ALIGN((uint32_t)row->size))
		row = NULL;
	ret->name = row ? row->name : arena_strdup(&ruleset->arena, name);
	if (!ret->name)
		return -ENOMEM;
	if (row) {
		ret->kind = row->kind;
		ret->tracks = row->tracks;
	}
	if (row && row->kind == XT_ALWAYS)
		return keep_comment(ruleset, blob, length, ret);
	if (row && row->decode) {
		assert(row->size <= sizeof(copy));
		memcpy(copy, blob, row->size);
		if (!row->decode(row, copy, ret)) {
			memset(&ret->u, 0, sizeof(ret->u));
			ret->kind = XT_UNKNOWN;
		}
	}
	return keep_blob(ruleset, row, blob, length, ret);
}
