/* SPDX-License-Identifier: MIT */
/* Names of users. To look one up reads files or asks a server: done once, when needed. */
#ifndef USERS_H
#define USERS_H

#include <stddef.h>
#include <stdint.h>

struct user;

/* All zero is an empty cache. */
struct users {
	struct user *items; /* sorted by uid */
	size_t n;
	size_t capacity;
	int error; /* -ENOMEM: some name was not told */
};

void users_fini(struct users *users);

/* The name, which lives until the next call; NULL where there is none. */
const char *users_name(struct users *users, uint32_t uid);

#endif
