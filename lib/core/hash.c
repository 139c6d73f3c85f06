/* SPDX-License-Identifier: MIT */
/*
 * Open addressing, linear probing, at most four fifths full. Keys from the kernel (inodes, cookies)
 * are mixed. The keys stand apart from the values, so that a slot takes 12 bytes, and a table may
 * have any number of slots: one that is reserved takes 15 bytes a key.
 */
#include "hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY    UINT32_MAX
#define LEAST    16u
#define MOST     (1u << 31)
#define FILLED_5 4u /* fifths of the slots */

void hash_fini(struct hash *hash)
{
	free(hash->keys);
	*hash = (struct hash){ 0 };
}

/* The slot of a key, or the one where it belongs. */
static uint32_t find(const struct hash *hash, uint64_t key)
{
	uint64_t mixed = (key ^ key >> 32) * 0x9e3779b97f4a7c15u;
	uint32_t i = (uint32_t)((mixed >> 32) * hash->size >> 32);

	while (hash->values[i] != EMPTY && hash->keys[i] != key)
		if (++i == hash->size)
			i = 0;
	return i;
}

static int resize(struct hash *hash, uint32_t size)
{
	struct hash larger = { .n = hash->n, .size = size };

	larger.keys = reallocarray(NULL, size, sizeof(*larger.keys) + sizeof(*larger.values));
	if (!larger.keys)
		return -ENOMEM;
	larger.values = (uint32_t *)(larger.keys + size);
	memset(larger.values, 0xff, (size_t)size * sizeof(*larger.values));
	for (uint32_t i = 0; i < hash->size; i++) {
		uint32_t slot;

		if (hash->values[i] == EMPTY)
			continue;
		slot = find(&larger, hash->keys[i]);
		larger.keys[slot] = hash->keys[i];
		larger.values[slot] = hash->values[i];
	}
	free(hash->keys);
	*hash = larger;
	return 0;
}

static bool has_room(const struct hash *hash, uint32_t n)
{
	return n <= (uint64_t)hash->size * FILLED_5 / 5;
}

int hash_reserve(struct hash *hash, uint32_t n)
{
	uint64_t size = (uint64_t)n * 5 / FILLED_5 + 1;

	if (has_room(hash, n))
		return 0;
	if (size > MOST)
		return -ENOMEM;
	return resize(hash, size < LEAST ? LEAST : (uint32_t)size);
}

static int make_room(struct hash *hash)
{
	return has_room(hash, hash->n + 1) ? 0 : hash_reserve(hash, hash->n + hash->n / 2 + 1);
}

int hash_add(struct hash *hash, uint64_t key, uint32_t value, uint32_t *ret)
{
	uint32_t slot;
	int r = make_room(hash);

	if (r < 0)
		return r;
	slot = find(hash, key);
	if (hash->values[slot] == EMPTY) {
		hash->keys[slot] = key;
		hash->values[slot] = value;
		hash->n++;
	}
	*ret = hash->values[slot];
	return 0;
}

int hash_put(struct hash *hash, uint64_t key, uint32_t value)
{
	uint32_t slot;
	int r = make_room(hash);

	if (r < 0)
		return r;
	slot = find(hash, key);
	hash->n += hash->values[slot] == EMPTY;
	hash->keys[slot] = key;
	hash->values[slot] = value;
	return 0;
}

uint32_t hash_get(const struct hash *hash, uint64_t key)
{
	return hash->size ? hash->values[find(hash, key)] : EMPTY;
}
