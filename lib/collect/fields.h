/* SPDX-License-Identifier: MIT */
/* The columns of a line of /proc/net. */
#ifndef FIELDS_H
#define FIELDS_H

#include <string.h>

#include "text.h"

static inline void skip_spaces(const char **at)
{
	*at += strspn(*at, " ");
}

static inline bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

/* A number after spaces. */
static inline bool take_number(const char **at, unsigned int base, uint64_t max, uint64_t *ret)
{
	skip_spaces(at);
	return text_take_u64(at, base, max, ret);
}

#endif
