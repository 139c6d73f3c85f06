/* SPDX-License-Identifier: MIT */
/* Strings and small things that live as long as their snapshot, and arrays that grow. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena_block;

/* All zero is an empty arena. What it gave out never moves, and goes with arena_fini(). */
struct arena {
	struct arena_block *blocks;
};

void arena_fini(struct arena *arena);

/* `size` bytes, zeroed and aligned for any type; NULL when memory ran out. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of `length` bytes and a NUL behind them. */
char *arena_memdup(struct arena *arena, const char *bytes, size_t length);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Moves all that `from` gave out to `to`, and leaves `from` empty. */
void arena_absorb(struct arena *to, struct arena *from);

/*
 * An array of `type` that grows by doubling; all zero is an empty one. Rows refer to one another by
 * index because growing moves them.
 */
#define ARRAY(type)                \
	struct {                   \
		type *items;       \
		uint32_t n;        \
		uint32_t capacity; \
	}

int array_grow(void **items, uint32_t *capacity, uint32_t n_wanted, size_t size);

/* Makes room for `extra` more: 0 or -ENOMEM. */
#define array_reserve(array, extra)                                                             \
	((array)->capacity - (array)->n >= (extra) ?                                            \
		 0 :                                                                            \
		 array_grow((void **)&(array)->items, &(array)->capacity, (array)->n + (extra), \
			    sizeof(*(array)->items)))

/* A new zeroed item at the end, or NULL when memory ran out. */
#define array_push(array)                                                             \
	(array_reserve(array, 1u) < 0 ?                                               \
		 NULL :                                                               \
		 (__typeof__((array)->items))memset(&(array)->items[(array)->n++], 0, \
						    sizeof(*(array)->items)))

#define array_fini(array) array_free((void **)&(array)->items, &(array)->n, &(array)->capacity)
void array_free(void **items, uint32_t *n, uint32_t *capacity);

#endif
