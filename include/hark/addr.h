/* SPDX-License-Identifier: MIT */
/* Addresses, prefixes and how far an address reaches. */
#ifndef HARK_ADDR_H
#define HARK_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Long enough for any address, a '%' and a scope in digits, and the final NUL. */
#define HARK_ADDR_TEXT_SIZE 64

/*
 * One type for both families: IPv4 is kept as its IPv4-mapped IPv6 address (::ffff:a.b.c.d), in
 * network byte order. The family that the kernel gave for a socket is kept beside it (struct
 * hark_socket), so that "::" (AF_INET6) and "0.0.0.0" (AF_INET, here ::ffff:0.0.0.0) stay apart.
 */
struct hark_addr {
	uint8_t bytes[16];
	uint32_t scope_id; /* interface index of a link-local address, else 0 */
};

/* An address and the number of leading bits that count, 0 to 128 (an IPv4 /24 is 96 + 24 = 120). */
struct hark_prefix {
	struct hark_addr addr;
	uint8_t bits;
};

/* The widest class of place whose packets can be addressed to an address; wider is greater. */
enum hark_reach {
	HARK_REACH_HOST,    /* 127.0.0.0/8, ::1 */
	HARK_REACH_LINK,    /* 169.254.0.0/16, fe80::/10 */
	HARK_REACH_PRIVATE, /* RFC 1918, 100.64.0.0/10 (RFC 6598), fc00::/7, fec0::/10 */
	HARK_REACH_PUBLIC,  /* all others */
	HARK_REACH_N_,
};

/* Builds the address from four bytes (IPv4) or sixteen (IPv6), both in network byte order. */
struct hark_addr hark_addr_from_ipv4(const void *four_bytes);
struct hark_addr hark_addr_from_ipv6(const void *sixteen_bytes, uint32_t scope_id);

bool hark_addr_is_ipv4(const struct hark_addr *addr);      /* ::ffff:0:0/96 */
bool hark_addr_is_any(const struct hark_addr *addr);       /* :: or 0.0.0.0 */
bool hark_addr_is_loopback(const struct hark_addr *addr);  /* 127.0.0.0/8 or ::1 */
bool hark_addr_is_multicast(const struct hark_addr *addr); /* 224.0.0.0/4 or ff00::/8 */
bool hark_addr_is_link_local(const struct hark_addr *addr);

/* Orders by bytes, then by scope: below 0, 0, above 0. */
int hark_addr_compare(const struct hark_addr *a, const struct hark_addr *b);

enum hark_reach hark_addr_reach(const struct hark_addr *addr);

/* "host", "link", "private" or "public"; NULL outside of the enumeration. */
const char *hark_reach_name(enum hark_reach reach);

/*
 * Reads a numeric IPv4 or IPv6 address, brackets and scope not included.
 * 0, or -EINVAL (*ret unchanged).
 */
int hark_addr_parse(const char *text, struct hark_addr *ret);

/*
 * Writes the address as people write it: dotted for IPv4, RFC 5952 for IPv6, no scope. `text` is
 * the caller's, of HARK_ADDR_TEXT_SIZE bytes; returned for convenience.
 */
char *hark_addr_format(const struct hark_addr *addr, char *text);

/* Reads "ADDRESS" or "ADDRESS/BITS" (bits as written for its family). 0, or -EINVAL. */
int hark_prefix_parse(const char *text, struct hark_prefix *ret);

/* The reach of the widest of its addresses. */
enum hark_reach hark_prefix_reach(const struct hark_prefix *prefix);

bool hark_prefix_contains(const struct hark_prefix *prefix, const struct hark_addr *addr);

/* "ADDRESS/BITS", the bits as written for the family. */
char *hark_prefix_format(const struct hark_prefix *prefix, char *text);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
