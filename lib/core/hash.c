/* SPDX-License-Identifier: MIT */
/*
 * Open addressing, linear probing, at most half full. Keys from the kernel (inodes, cookies) are
 * mixed.
 */
#include "hash.h"

#include <errno.h>
#include <stdlib.h>

#define EMPTY UINT32_MAX

struct hash_slot {
	uint64_t key;
	uint32_t value;
};

void hash_fini(struct hash *hash)
{
	free(hash->slots);
	*hash = (struct hash){ 0 };
}

static uint32_t first_slot(const struct hash *hash, uint64_t key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(key >> 32) & hash->mask;
}

static struct hash_slot *find(const struct hash *hash, uint64_t key)
{
	uint32_t i = first_slot(hash, key);

	while (hash->slots[i].value != EMPTY && hash->slots[i].key != key)
		i = (i + 1) & hash->mask;
	return &hash->slots[i];
}

int hash_reserve(struct hash *hash, uint32_t n)
{
	struct hash larger = { .n = hash->n, .mask = 15 };

	if (hash->slots && n <= hash->mask / 2)
		return 0;
	while (larger.mask / 2 < n) {
		if (larger.mask > UINT32_MAX / 4)
			return -ENOMEM;
		larger.mask = larger.mask * 2 + 1;
	}
	larger.slots = reallocarray(NULL, (size_t)larger.mask + 1, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i <= larger.mask; i++)
		larger.slots[i].value = EMPTY;
	for (uint32_t i = 0; hash->slots && i <= hash->mask; i++)
		if (hash->slots[i].value != EMPTY)
			*find(&larger, hash->slots[i].key) = hash->slots[i];
	free(hash->slots);
	*hash = larger;
	return 0;
}

int hash_put(struct hash *hash, uint64_t key, uint32_t value)
{
	struct hash_slot *slot;
	int r = hash_reserve(hash, hash->n + 1);

	if (r < 0)
		return r;
	slot = find(hash, key);
	if (slot->value == EMPTY)
		hash->n++;
	*slot = (struct hash_slot){ .key = key, .value = value };
	return 0;
}

uint32_t hash_get(const struct hash *hash, uint64_t key)
{
	return hash->slots ? find(hash, key)->value : EMPTY;
}
