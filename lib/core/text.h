/* SPDX-License-Identifier: MIT */
/* Reading numbers out of text. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* A whole decimal number without sign or space, up to `max`; false for anything else. */
bool text_to_u64(const char *text, uint64_t max, uint64_t *ret);

/*
 * Takes digits of a base (10 or 16) off the front of *text, up to `max`; false (and nothing taken)
 * when there is none or the number is larger.
 */
bool text_take_u64(const char **text, unsigned int base, uint64_t max, uint64_t *ret);

#endif
