/* SPDX-License-Identifier: MIT */
/* A hash table from 64-bit keys to 32-bit indexes. */
#ifndef HASH_H
#define HASH_H

#include <stdint.h>

/* All zero is an empty table. */
struct hash {
	uint64_t *keys;   /* of the slots in use */
	uint32_t *values; /* beside them; UINT32_MAX: the slot is free */
	uint32_t n;
	uint32_t size; /* slots */
};

void hash_fini(struct hash *hash);

/* Makes room for `n` keys at once: 0 or -ENOMEM. */
int hash_reserve(struct hash *hash, uint32_t n);

/* Sets the value of a key, new or not: 0 or -ENOMEM. The value must not be UINT32_MAX. */
int hash_put(struct hash *hash, uint64_t key, uint32_t value);

/*
 * Gives a key that is new that value. *ret is the value that the key has then: 0 or -ENOMEM.
 */
int hash_add(struct hash *hash, uint64_t key, uint32_t value, uint32_t *ret);

/* The value of a key, or UINT32_MAX. */
uint32_t hash_get(const struct hash *hash, uint64_t key);

#endif
