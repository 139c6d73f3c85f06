/* SPDX-License-Identifier: MIT */
#include "users.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* An entry longer than this is no entry. */
#define LONGEST_ENTRY 16384

struct user {
	uint32_t uid;
	char *name; /* NULL: there is none */
};

void users_fini(struct users *users)
{
	for (size_t i = 0; i < users->n; i++)
		free(users->items[i].name);
	free(users->items);
	*users = (struct users){ 0 };
}

static char *look_up(struct users *users, uint32_t uid)
{
	char buffer[LONGEST_ENTRY];
	struct passwd entry, *found = NULL;
	char *name;
	int r;

	do
		r = getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found);
	while (r == EINTR);
	name = found ? strdup(found->pw_name) : NULL;
	if (found && !name)
		users->error = -ENOMEM;
	return name;
}

static size_t find_place(const struct users *users, uint32_t uid)
{
	size_t low = 0, high = users->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (users->items[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *users_name(struct users *users, uint32_t uid)
{
	size_t i = find_place(users, uid);

	if (i < users->n && users->items[i].uid == uid)
		return users->items[i].name;
	if (users->n == users->capacity) {
		size_t capacity = users->capacity ? users->capacity * 2 : 16;
		struct user *items = realloc(users->items, capacity * sizeof(*items));

		if (!items) {
			users->error = -ENOMEM;
			return NULL;
		}
		users->items = items;
		users->capacity = capacity;
	}
	memmove(&users->items[i + 1], &users->items[i], (users->n - i) * sizeof(*users->items));
	users->items[i] = (struct user){ .uid = uid, .name = look_up(users, uid) };
	users->n++;
	return users->items[i].name;
}
