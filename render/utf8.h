/* SPDX-License-Identifier: MIT */
/* UTF-8 and how wide it stands on a screen, whatever the locale is. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/*
 * Nearly all text is. Eight bytes at a time, the last of which may have been looked at already.
 */
static inline bool utf8_is_ascii(const char *bytes, size_t n)
{
	uint64_t eight, found = 0;
	uint32_t first, last;

	if (n < sizeof(first)) {
		while (n)
			found |= (uint8_t)bytes[--n];
		return found < 0x80;
	}
	if (n < sizeof(eight)) {
		memcpy(&first, bytes, sizeof(first));
		memcpy(&last, bytes + n - sizeof(last), sizeof(last));
		return !((first | last) & 0x80808080);
	}
	for (size_t i = 0; i + sizeof(eight) < n; i += sizeof(eight)) {
		memcpy(&eight, bytes + i, sizeof(eight));
		found |= eight;
	}
	memcpy(&eight, bytes + n - sizeof(eight), sizeof(eight));
	return !((found | eight) & 0x8080808080808080);
}

/* Columns that printable text takes: of valid UTF-8 without hidden characters. */
size_t utf8_width_slowly(const char *bytes, size_t n);

static inline size_t utf8_width(const char *bytes, size_t n)
{
	return utf8_is_ascii(bytes, n) ? n : utf8_width_slowly(bytes, n);
}

/* The number of bytes, whole characters with their accents, that fit into so many columns. */
size_t utf8_fit(const char *bytes, size_t n, size_t n_columns);

#endif
