/* SPDX-License-Identifier: MIT */
#include "text.h"

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
