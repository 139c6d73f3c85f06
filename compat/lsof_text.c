/* SPDX-License-Identifier: MIT */
/*
 * lsof's spelling: "\b\f\n\r\t" and "\\" as in C, other controls as "^X", all else that cannot be
 * printed as "\xff". What a column is wide is counted as lsof counts it, two for each byte beyond
 * ASCII, although four are written.
 */
#include "lsof.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "utf8.h"

#define LONGEST_UNIT 4

static bool is_plain(char c, bool are_blanks_plain)
{
	return c > ' ' ? c < 0x7f && c != '\\' : c == ' ' && are_blanks_plain;
}

/* Writes one byte; returns how many that makes. */
static size_t spell(char c, char text[LONGEST_UNIT])
{
	static const char letters[] = "\b\f\n\r\t\\", spelled[] = "bfnrt\\";
	const char *letter = c ? strchr(letters, c) : NULL;

	if (letter) {
		text[0] = '\\';
		text[1] = spelled[letter - letters];
		return 2;
	}
	if ((unsigned char)c < ' ') {
		text[0] = '^';
		text[1] = (char)(c + '@');
		return 2;
	}
	text[0] = '\\';
	text[1] = 'x';
	text[2] = "0123456789abcdef"[(unsigned char)c >> 4];
	text[3] = "0123456789abcdef"[c & 0xf];
	return 4;
}

static bool locale_is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is_utf8;

	if (!locale)
		return false;
	is_utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return is_utf8;
}

void lsof_text_put(struct out *out, const char *text)
{
	const char *end = text + strlen(text);
	bool is_utf8 = !utf8_is_ascii(text, (size_t)(end - text)) && locale_is_utf8();

	while (text < end) {
		char unit[LONGEST_UNIT];
		uint32_t code;
		unsigned int n =
			is_utf8 && *text < 0 ? utf8_decode(text, (size_t)(end - text), &code) : 0;

		if (n && !utf8_is_hidden(code)) {
			out_bytes(out, text, n);
			text += n;
		} else if (is_plain(*text, true)) {
			out_char(out, *text++);
		} else {
			out_bytes(out, unit, spell(*text, unit));
			text++;
		}
	}
}

size_t lsof_text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++) {
		bool is_short = (signed char)*text < ' ' || *text == '\\';

		width += is_plain(*text, false) ? 1 : is_short ? 2 : LONGEST_UNIT;
	}
	return width;
}

void lsof_text_put_padded(struct out *out, const char *text, size_t width)
{
	size_t n = 0;

	while (*text && n < width) {
		char unit[LONGEST_UNIT] = { *text };
		size_t length = is_plain(*text, false) ? 1 : spell(*text, unit);

		if (n + length > width)
			break;
		out_bytes(out, unit, length);
		n += length;
		text++;
	}
	out_pad(out, width - n);
}
