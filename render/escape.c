/* SPDX-License-Identifier: MIT */
#include "escape.h"

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
