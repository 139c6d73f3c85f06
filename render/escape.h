/* SPDX-License-Identifier: MIT */
/*
 * The one way of names, paths and all else that a program or user chose to a terminal, a file or
 * JSON.
 *
 * Hidden characters (utf8_is_hidden()) and bytes that are no UTF-8 never pass as they are:
 *
 *   ESCAPE_UTF8   "\x1b" for a byte or an ASCII control, "\u202e" or "\U000e0001" for another character
 *   ESCAPE_ASCII  the same, and every byte beyond ASCII as "\xc3"
 *   ESCAPE_CSV    as ESCAPE_UTF8 with backslashes doubled, so that the text can be had back
 *   ESCAPE_JSON   JSON's own escapes ("\u001b", "\"", "\\"). JSON has none for bytes, and its parsers
 *                 refuse lone surrogates, so a byte that is no UTF-8 becomes "\uef00" + byte, a private
 *                 character; a real character from U+EF80 to U+EFFF is written as its bytes in that
 *                 way: what was read is known exactly.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stdarg.h>

#include "out.h"

enum escape {
	ESCAPE_UTF8,
	ESCAPE_ASCII,
	ESCAPE_CSV,
	ESCAPE_JSON,
};

void escape_bytes(struct out *out, enum escape escape, const char *bytes, size_t n);

static inline void escape_text(struct out *out, enum escape escape, const char *text)
{
	escape_bytes(out, escape, text, strlen(text));
}

/* "NAME: ..." and a line break on standard error, all of it escaped. */
void escape_complaint(const char *name, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#endif
