/* SPDX-License-Identifier: MIT */
/* "Did you mean ...?" */
#ifndef SUGGEST_H
#define SUGGEST_H

/* All zero but for `word` to begin with; `best` is NULL while nothing comes close. */
struct suggestion {
	const char *word;
	const char *best;
	unsigned int distance;
};

/*
 * Offers a name that may have been meant. It comes close when few letters were left out, added,
 * changed or swapped, the more of them the longer the word is; the first of the closest wins. Case
 * is ignored.
 */
void suggest_offer(struct suggestion *suggestion, const char *name);

#endif
