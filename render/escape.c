/* SPDX-License-Identifier: MIT */
#include "escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "utf8.h"

#define BYTES_AS_CHARACTERS 0xef00u

static void write_byte(struct out *out, enum escape escape, uint8_t byte)
{
	if (escape == ESCAPE_JSON) {
		out_text(out, "\\u");
		out_hex(out, byte < 0x80 ? byte : BYTES_AS_CHARACTERS + byte, 4);
	} else {
		out_text(out, "\\x");
		out_hex(out, byte, 2);
	}
}

static void write_code(struct out *out, enum escape escape, uint32_t code)
{
	if (code < 0x10000) {
		out_text(out, "\\u");
		out_hex(out, code, 4);
	} else if (escape == ESCAPE_JSON) {
		write_code(out, escape, 0xd800 + ((code - 0x10000) >> 10));
		write_code(out, escape, 0xdc00 + ((code - 0x10000) & 0x3ff));
	} else {
		out_text(out, "\\U");
		out_hex(out, code, 8);
	}
}

static bool is_plain(enum escape escape, char c)
{
	return c >= ' ' && c < 0x7f &&
	       (c != '\\' || escape == ESCAPE_UTF8 || escape == ESCAPE_ASCII) &&
	       (c != '"' || escape != ESCAPE_JSON);
}

#define EACH(byte) (0x0101010101010101u * (byte))

/* Whether eight bytes are all plain. A "no" may be wrong, where a neighbour's carry looks so. */
static bool is_plain_word(enum escape escape, uint64_t word)
{
	uint64_t odd = word | (word - EACH(' ')) | (word + EACH(1));

	if (escape == ESCAPE_JSON || escape == ESCAPE_CSV)
		odd |= (word ^ EACH('\\')) - EACH(1);
	if (escape == ESCAPE_JSON)
		odd |= (word ^ EACH('"')) - EACH(1);
	return !(odd & EACH(0x80));
}

/* The same of any number. The last eight may have been looked at already; fewer are filled up. */
static bool are_plain(enum escape escape, const char *bytes, size_t n)
{
	uint64_t word = EACH('x');

	if (n < sizeof(word)) {
		memcpy(&word, bytes, n);
		return is_plain_word(escape, word);
	}
	for (size_t i = 0; i + sizeof(word) < n; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		if (!is_plain_word(escape, word))
			return false;
	}
	memcpy(&word, bytes + n - sizeof(word), sizeof(word));
	return is_plain_word(escape, word);
}

/* Writes the one character that begins there. Returns its length. */
static unsigned int write_odd(struct out *out, enum escape escape, const char *bytes, size_t n)
{
	uint32_t code = 0;
	unsigned int length = utf8_decode(bytes, n, &code);
	bool as_bytes = !length || code < 0x80 || escape == ESCAPE_ASCII ||
			(escape == ESCAPE_JSON && code >= 0xef80 && code <= 0xefff);

	if (bytes[0] == '\\' || bytes[0] == '"') {
		out_char(out, '\\');
		out_char(out, bytes[0]);
		return 1;
	}
	length += !length;
	if (as_bytes) {
		for (unsigned int i = 0; i < length; i++)
			write_byte(out, escape, (uint8_t)bytes[i]);
	} else if (utf8_is_hidden(code)) {
		write_code(out, escape, code);
	} else {
		out_bytes(out, bytes, length);
	}
	return length;
}

void escape_bytes(struct out *out, enum escape escape, const char *bytes, size_t n)
{
	if (are_plain(escape, bytes, n)) {
		out_bytes(out, bytes, n);
		return;
	}
	while (n) {
		size_t length = 0;

		while (length < n && is_plain(escape, bytes[length]))
			length++;
		out_bytes(out, bytes, length);
		if (length < n)
			length += write_odd(out, escape, bytes + length, n - length);
		bytes += length;
		n -= length;
	}
}

void escape_complaint(const char *name, const char *format, va_list args)
{
	struct out out;
	char *text;
	int length = vasprintf(&text, format, args);

	if (length < 0)
		return;
	out_init(&out, STDERR_FILENO);
	escape_text(&out, ESCAPE_UTF8, name);
	out_text(&out, ": ");
	escape_bytes(&out, ESCAPE_UTF8, text, (size_t)length);
	out_char(&out, '\n');
	out_flush(&out);
	out_fini(&out);
	free(text);
}
