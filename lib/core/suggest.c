/* SPDX-License-Identifier: MIT */
#include "suggest.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 31u

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static int is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau and Levenshtein's distance, where no letter is edited twice. */
static unsigned int distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned int rows[3][LONGEST + 1]; /* the row of a's letter i is rows[i % 3] */

	for (size_t i = 0; i <= a_length; i++) {
		unsigned int *row = rows[i % 3];
		const unsigned int *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];

		for (size_t j = 0; j <= b_length; j++) {
			if (!i || !j) {
				row[j] = (unsigned int)(i + j);
				continue;
			}
			row[j] = smaller(above[j], row[j - 1]) + 1;
			row[j] = smaller(row[j], above[j - 1] + !is_same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
			    is_same(a[i - 2], b[j - 1]))
				row[j] = smaller(row[j], second[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

void suggest_offer(struct suggestion *suggestion, const char *name)
{
	size_t word_length = strlen(suggestion->word), name_length = strlen(name);
	unsigned int d;

	if (word_length > LONGEST || name_length > LONGEST)
		return;
	d = distance(suggestion->word, word_length, name, name_length);
	if (d > (word_length > name_length ? word_length : name_length) / 3)
		return;
	if (suggestion->best && suggestion->distance <= d)
		return;
	suggestion->best = name;
	suggestion->distance = d;
}
