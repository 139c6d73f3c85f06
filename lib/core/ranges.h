/* SPDX-License-Identifier: MIT */
/* Sets of numbers, such as addresses of one family, as sorted closed intervals. */
#ifndef RANGES_H
#define RANGES_H

#include <stdbool.h>

#include <hark/addr.h>

/* An IPv6 address in host order, or an IPv4 address in the low 32 bits. */
__extension__ typedef unsigned __int128 u128;

#define RANGES_MAX_IPV4 ((u128)UINT32_MAX)
#define RANGES_MAX_IPV6 (~(u128)0)

struct range {
	u128 first, last; /* both belong to it */
};

/* All zero is the empty set. Intervals ascend, and neither overlap nor touch. */
struct ranges {
	struct range *items;
	uint32_t n;
	uint32_t capacity;
};

void ranges_fini(struct ranges *set);

/* Gives back what it does not need, before it is kept for long. */
void ranges_trim(struct ranges *set);

/* Makes it the one interval, in place of what it had: 0 or -ENOMEM. */
int ranges_set(struct ranges *set, u128 first, u128 last);
int ranges_copy(struct ranges *to, const struct ranges *from);

/* In place: 0 or -ENOMEM, the set as it was then. Fast where intervals come in order. */
int ranges_add(struct ranges *set, u128 first, u128 last);
int ranges_cut(struct ranges *set, u128 first, u128 last);

/*
 * In place, with another set: 0 or -ENOMEM, the set as it was then. Linear in both; where one has
 * much less, little more than a memmove of the larger.
 */
int ranges_unite(struct ranges *set, const struct ranges *other);
int ranges_subtract(struct ranges *set, const struct ranges *other);
int ranges_intersect(struct ranges *set, const struct ranges *other);
/* All from 0 to `max` that were not in it: 0 or -ENOMEM likewise. */
int ranges_invert(struct ranges *set, u128 max);

/* At the end, whatever is there: then it is to be normalized. 0 or -ENOMEM. */
int ranges_push(struct ranges *set, u128 first, u128 last);

/*
 * Brings intervals in any order, overlapping or not, into the order of a set: for those who fill
 * it with ranges_push(). What ends before it begins is left out.
 */
void ranges_normalize(struct ranges *set);

bool ranges_contain(const struct ranges *set, u128 number);
bool ranges_contain_all(const struct ranges *set, const struct ranges *other);
bool ranges_meet(const struct ranges *a, const struct ranges *b);
bool ranges_equal(const struct ranges *a, const struct ranges *b);

static inline bool ranges_are_empty(const struct ranges *set)
{
	return set->n == 0;
}

/* An address as such a number, and back. The bytes are in network order, four or sixteen. */
u128 ranges_from_bytes(const uint8_t *bytes, bool is_ipv6);
u128 ranges_number(const struct hark_addr *addr);
struct hark_addr ranges_addr(u128 number, bool is_ipv6);

#endif
