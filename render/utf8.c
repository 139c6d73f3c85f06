/* SPDX-License-Identifier: MIT */
/*
 * The locale's functions (mbrtowc, wcwidth) need a locale that may not be there, take their time to
 * load it, and know what their C library knows: tables would line up on one machine and not on the
 * next.
 */
#include "utf8.h"

#include "utf8_tables.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Default_Ignorable_Code_Point of Unicode 14; controls, separators, what is no character. */
static const struct range hidden[] = {
	{ 0x00, 0x1f },       { 0x7f, 0x9f },     { 0xad, 0xad },       { 0x34f, 0x34f },
	{ 0x61c, 0x61c },     { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
	{ 0x200b, 0x200f },   { 0x2028, 0x202e }, { 0x2060, 0x206f },   { 0x3164, 0x3164 },
	{ 0xfdd0, 0xfdef },   { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb },   { 0xfffe, 0xffff }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

static bool is_in(const struct range *ranges, size_t n, uint32_t code)
{
	size_t low = 0;

	while (n) {
		size_t half = n / 2;

		if (code > ranges[low + half].last) {
			low += half + 1;
			n -= half + 1;
		} else if (code < ranges[low + half].first) {
			n = half;
		} else {
			return true;
		}
	}
	return false;
}

unsigned int utf8_decode(const char *bytes, size_t n, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code = n ? (uint8_t)bytes[0] : 0x80;
	unsigned int length;

	if (code < 0x80) {
		*ret_code = code;
		return 1;
	}
	if (code < 0xc2 || code > 0xf4)
		return 0;
	length = code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
	if (n < length)
		return 0;
	code &= 0x7f >> length;
	for (unsigned int i = 1; i < length; i++) {
		if (((uint8_t)bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

bool utf8_is_hidden(uint32_t code)
{
	return is_in(hidden, N_OF(hidden), code) || (code & 0xfffe) == 0xfffe;
}

static unsigned int width_of(uint32_t code)
{
	if (code < zero_width[0].first)
		return 1;
	if (is_in(zero_width, N_OF(zero_width), code))
		return 0;
	return is_in(wide, N_OF(wide), code) ? 2 : 1;
}

size_t utf8_width_slowly(const char *bytes, size_t n)
{
	size_t width = 0;
	uint32_t code = 0;

	while (n) {
		unsigned int length = utf8_decode(bytes, n, &code);

		width += length ? width_of(code) : 1;
		length += !length;
		bytes += length;
		n -= length;
	}
	return width;
}

size_t utf8_fit(const char *bytes, size_t n, size_t n_columns)
{
	size_t fits = 0, width = 0;
	uint32_t code = 0;

	while (fits < n) {
		unsigned int length = utf8_decode(bytes + fits, n - fits, &code);

		width += length ? width_of(code) : 1;
		if (width > n_columns)
			break;
		fits += length + !length;
	}
	return fits;
}
