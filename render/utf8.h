/* SPDX-License-Identifier: MIT */
/* UTF-8 and how wide it stands on a screen, whatever the locale is. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads one character of n bytes. Returns its length, 1 to 4; or 0 for what is no UTF-8 (cut short,
 * too long a form, a surrogate, beyond U+10FFFF).
 */
unsigned int utf8_decode(const char *bytes, size_t n, uint32_t *ret_code);

/*
 * A character that can change what a reader sees of others: controls, those that set the direction
 * of text, blanks without width, line separators, and all else that shows nothing.
 */
bool utf8_is_hidden(uint32_t code);

/* Columns that printable text takes: of valid UTF-8 without hidden characters. */
size_t utf8_width(const char *bytes, size_t n);

/* The number of bytes, whole characters with their accents, that fit into so many columns. */
size_t utf8_fit(const char *bytes, size_t n, size_t n_columns);

#endif
