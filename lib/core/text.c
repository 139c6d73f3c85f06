/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <string.h>
#include <time.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

bool text_take_u64(const char **text, unsigned int base, uint64_t max, uint64_t *ret)
{
	const char *at = *text;
	uint64_t value = 0;

	while (digit(*at) < (int)base) {
		uint64_t add = (uint64_t)digit(*at);

		if (add > max || value > (max - add) / base)
			return false;
		value = value * base + add;
		at++;
	}
	if (at == *text)
		return false;
	*text = at;
	*ret = value;
	return true;
}

bool text_to_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value;

	if (!text_take_u64(&text, 10, max, &value) || *text)
		return false;
	*ret = value;
	return true;
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

static char *put_pair(char *to, unsigned int below_100)
{
	memcpy(to, &pairs[2 * below_100], 2);
	return to + 2;
}

/* Below 10,000. */
static char *put_short(char *to, unsigned int value)
{
	if (value < 10) {
		*to = (char)('0' + value);
		return to + 1;
	}
	if (value < 100)
		return put_pair(to, value);
	if (value < 1000)
		*to++ = (char)('0' + value / 100);
	else
		to = put_pair(to, value / 100);
	return put_pair(to, value % 100);
}

char *text_put_u64(char *to, uint64_t value)
{
	unsigned int last;

	if (value < 10000)
		return put_short(to, (unsigned int)value);
	last = (unsigned int)(value % 10000);
	to = value < 100000000 ? put_short(to, (unsigned int)(value / 10000)) :
				 text_put_u64(to, value / 10000);
	return put_pair(put_pair(to, last / 100), last % 100);
}

/* A number of up to 16 bits in hexadecimal digits, as many as it takes. */
static char *put_hex(char *to, unsigned int value)
{
	static const char digits[] = "0123456789abcdef";

	if (value >= 0x1000)
		*to++ = digits[value >> 12];
	if (value >= 0x100)
		*to++ = digits[value >> 8 & 0xf];
	if (value >= 0x10)
		*to++ = digits[value >> 4 & 0xf];
	*to++ = digits[value & 0xf];
	return to;
}

char *text_put_ipv4(char *to, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		to = put_short(to, bytes[i]);
		*to++ = '.';
	}
	return to - 1;
}

/* The longest run of two or more words that are zero, the first of those; *ret_n 0: none. */
static unsigned int find_zeros(const unsigned int words[8], unsigned int *ret_n)
{
	unsigned int first = 0, n = 0;

	*ret_n = 1;
	for (unsigned int i = 0; i < 8; i++) {
		n = words[i] ? 0 : n + 1;
		if (n > *ret_n) {
			*ret_n = n;
			first = i + 1 - n;
		}
	}
	if (*ret_n == 1)
		*ret_n = 0;
	return first;
}

char *text_put_ipv6(char *to, const uint8_t bytes[16])
{
	unsigned int words[8], n_words = 8, zeros, n_zeros;

	for (int i = 0; i < 8; i++)
		words[i] = (unsigned int)bytes[2 * i] << 8 | bytes[2 * i + 1];
	zeros = find_zeros(words, &n_zeros);
	/* ::ffff:10.0.0.7, and ::10.0.0.7 as long as that is no ::7 */
	if (zeros == 0 && (n_zeros == 6 || (n_zeros == 5 && words[5] == 0xffff)))
		n_words = 6;
	for (unsigned int i = 0; i < n_words; i++) {
		if (n_zeros && i == zeros) {
			*to++ = ':';
			if (i == 0)
				*to++ = ':';
			i += n_zeros - 1;
			continue;
		}
		to = put_hex(to, words[i]);
		if (i < 7)
			*to++ = ':';
	}
	return n_words == 6 ? text_put_ipv4(to, bytes + 12) : to;
}

char *text_put_addr(char *to, const struct hark_addr *addr)
{
	return hark_addr_is_ipv4(addr) ? text_put_ipv4(to, addr->bytes + 12) :
					 text_put_ipv6(to, addr->bytes);
}

static char *put_two(char *to, char separator, int value)
{
	to[0] = separator;
	to[1] = (char)('0' + value / 10);
	to[2] = (char)('0' + value % 10);
	return to + 3;
}

char *text_time(int64_t seconds, char text[TEXT_TIME_SIZE])
{
	time_t time = (time_t)seconds;
	struct tm tm;
	char *to = text;

	text[0] = '\0';
	if (!gmtime_r(&time, &tm) || tm.tm_year < -1900)
		return text;
	to = text_put_u64(to, (uint64_t)(1900 + (int64_t)tm.tm_year));
	to = put_two(to, '-', tm.tm_mon + 1);
	to = put_two(to, '-', tm.tm_mday);
	to = put_two(to, 'T', tm.tm_hour);
	to = put_two(to, ':', tm.tm_min);
	to = put_two(to, ':', tm.tm_sec);
	memcpy(to, "Z", 2);
	return text;
}
