/* SPDX-License-Identifier: MIT */
/* Reading numbers out of text, and writing numbers and addresses into it. */
#ifndef TEXT_H
#define TEXT_H

#include <hark/addr.h>

/* A whole decimal number without sign or space, up to `max`; false for anything else. */
bool text_to_u64(const char *text, uint64_t max, uint64_t *ret);

/*
 * Takes digits of a base (8, 10 or 16) off the front of *text, up to `max`; false (and nothing
 * taken) when there is none or the number is larger.
 */
bool text_take_u64(const char **text, unsigned int base, uint64_t max, uint64_t *ret);

/* Each of these writes as many bytes at most, no NUL, and returns the end of what it wrote. */
#define TEXT_U64_SIZE  20
#define TEXT_IPV4_SIZE 16
#define TEXT_IPV6_SIZE 48

char *text_put_u64(char *to, uint64_t value);

/* As people, and inet_ntop(), write them: dotted; RFC 5952. */
char *text_put_ipv4(char *to, const uint8_t bytes[4]);
char *text_put_ipv6(char *to, const uint8_t bytes[16]);
char *text_put_addr(char *to, const struct hark_addr *addr); /* mapped: as IPv4 */

#define TEXT_TIME_SIZE 32

/* Seconds since 1970 as RFC 3339 in UTC, NUL-terminated; returns `text`. */
char *text_time(int64_t seconds, char text[TEXT_TIME_SIZE]);

#endif
