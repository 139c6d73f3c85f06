/* SPDX-License-Identifier: MIT */
/* Parts of the reader of routes. */
#ifndef ROUTING_H
#define ROUTING_H

#include <libmnl/libmnl.h>
#include <string.h>

#include "nl.h"
#include "ruleset.h"

/* Copies what fits; false where the attribute is shorter than `size`. */
static inline bool routing_copy(const struct nlattr *attr, void *to, size_t size)
{
	if (mnl_attr_get_payload_len(attr) < size)
		return false;
	memcpy(to, mnl_attr_get_payload(attr), size);
	return true;
}

/* The text of an attribute, as far as its NUL, kept; NULL when memory ran out. */
static inline const char *routing_keep_text(struct ruleset *ruleset, const struct nlattr *attr)
{
	const char *text = mnl_attr_get_payload(attr);

	return arena_memdup(&ruleset->arena, text, strnlen(text, mnl_attr_get_payload_len(attr)));
}

/* Reads ruleset->interfaces, with their settings: 0 or -errno. */
int interfaces_read(struct hark_source *source, struct nl *nl, struct ruleset *ruleset);

#endif
