/* SPDX-License-Identifier: MIT */
/* Arena of blocks that double in size, and the growing of arrays. */
#include "arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK   4096u
#define LARGEST_BLOCK (1u << 20)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) unsigned char bytes[];
};

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}

void arena_absorb(struct arena *to, struct arena *from)
{
	/* Behind the first block of `to`, which may have room left. */
	struct arena_block **at = to->blocks ? &to->blocks->next : &to->blocks;
	struct arena_block *rest = *at;

	*at = from->blocks;
	while (*at)
		at = &(*at)->next;
	*at = rest;
	from->blocks = NULL;
}

static void *take(struct arena *arena, size_t size, size_t alignment)
{
	struct arena_block *block = arena->blocks;
	size_t at = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;

	if (!block || at > block->size || block->size - at < size) {
		size_t wanted = block ? block->size * 2 : FIRST_BLOCK;

		if (wanted > LARGEST_BLOCK)
			wanted = LARGEST_BLOCK;
		if (wanted < size)
			wanted = size;
		if (wanted > SIZE_MAX / 2)
			return NULL;
		block = malloc(sizeof(*block) + wanted);
		if (!block)
			return NULL;
		block->next = arena->blocks;
		block->size = wanted;
		arena->blocks = block;
		at = 0;
	}
	block->used = at + size;
	return block->bytes + at;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *memory = take(arena, size, _Alignof(max_align_t));

	return memory ? memset(memory, 0, size) : NULL;
}

char *arena_memdup(struct arena *arena, const char *bytes, size_t length)
{
	char *copy = take(arena, length + 1, 1);

	if (!copy)
		return NULL;
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_memdup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return NULL;
	text = take(arena, (size_t)length + 1, 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	return text;
}

int array_grow(void **items, uint32_t *capacity, uint32_t n_wanted, size_t size)
{
	uint32_t larger = *capacity ? *capacity : 8;
	void *moved;

	while (larger < n_wanted) {
		if (larger > UINT32_MAX / 2)
			return -ENOMEM;
		larger *= 2;
	}
	moved = reallocarray(*items, larger, size);
	if (!moved)
		return -ENOMEM;
	*items = moved;
	*capacity = larger;
	return 0;
}

void array_free(void **items, uint32_t *n, uint32_t *capacity)
{
	free(*items);
	*items = NULL;
	*n = 0;
	*capacity = 0;
}
