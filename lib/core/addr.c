/* SPDX-License-Identifier: MIT */
/* Addresses of both families in one type. */
#include <hark/addr.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "text.h"

static_assert(sizeof(struct hark_addr) == 20, "rows are compact and part of the ABI");

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* What of the public space is not public; the first row that holds an address decides. */
static const struct {
	uint8_t bytes[16];
	uint8_t bits;
	uint8_t reach;
} narrow[] = {
	{ { [10] = 0xff, 0xff, 127 }, 96 + 8, HARK_REACH_HOST },
	{ { [10] = 0xff, 0xff, 169, 254 }, 96 + 16, HARK_REACH_LINK },
	{ { [10] = 0xff, 0xff, 10 }, 96 + 8, HARK_REACH_PRIVATE },
	{ { [10] = 0xff, 0xff, 172, 16 }, 96 + 12, HARK_REACH_PRIVATE },
	{ { [10] = 0xff, 0xff, 192, 168 }, 96 + 16, HARK_REACH_PRIVATE },
	{ { [10] = 0xff, 0xff, 100, 64 }, 96 + 10, HARK_REACH_PRIVATE },
	{ { [15] = 1 }, 128, HARK_REACH_HOST },
	{ { 0xfe, 0x80 }, 10, HARK_REACH_LINK },
	{ { 0xfe, 0xc0 }, 10, HARK_REACH_PRIVATE },
	{ { 0xfc }, 7, HARK_REACH_PRIVATE },
};

struct hark_addr hark_addr_from_ipv4(const void *four_bytes)
{
	struct hark_addr addr = { .scope_id = 0 };

	memcpy(addr.bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(addr.bytes + sizeof(mapped_prefix), four_bytes, 4);
	return addr;
}

struct hark_addr hark_addr_from_ipv6(const void *sixteen_bytes, uint32_t scope_id)
{
	struct hark_addr addr = { .scope_id = scope_id };

	memcpy(addr.bytes, sixteen_bytes, sizeof(addr.bytes));
	return addr;
}

bool hark_addr_is_ipv4(const struct hark_addr *addr)
{
	return !memcmp(addr->bytes, mapped_prefix, sizeof(mapped_prefix));
}

bool hark_addr_is_any(const struct hark_addr *addr)
{
	static const uint8_t zero[16];

	if (hark_addr_is_ipv4(addr))
		return !memcmp(addr->bytes + 12, zero, 4);
	return !memcmp(addr->bytes, zero, sizeof(zero));
}

bool hark_addr_is_loopback(const struct hark_addr *addr)
{
	return hark_addr_reach(addr) == HARK_REACH_HOST;
}

bool hark_addr_is_multicast(const struct hark_addr *addr)
{
	if (hark_addr_is_ipv4(addr))
		return (addr->bytes[12] & 0xf0) == 0xe0;
	return addr->bytes[0] == 0xff;
}

bool hark_addr_is_link_local(const struct hark_addr *addr)
{
	if (hark_addr_is_ipv4(addr))
		return addr->bytes[12] == 169 && addr->bytes[13] == 254;
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

int hark_addr_compare(const struct hark_addr *a, const struct hark_addr *b)
{
	int order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));

	if (order)
		return order;
	return (a->scope_id > b->scope_id) - (a->scope_id < b->scope_id);
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

static enum hark_reach reach_of(const struct hark_addr *addr, unsigned int bits)
{
	for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++)
		if (narrow[i].bits <= bits &&
		    bits_equal(addr->bytes, narrow[i].bytes, narrow[i].bits))
			return (enum hark_reach)narrow[i].reach;
	return HARK_REACH_PUBLIC;
}

enum hark_reach hark_addr_reach(const struct hark_addr *addr)
{
	return reach_of(addr, 128);
}

enum hark_reach hark_prefix_reach(const struct hark_prefix *prefix)
{
	/* What is wider than a row of the table has public neighbours in it. */
	return reach_of(&prefix->addr, prefix->bits);
}

const char *hark_reach_name(enum hark_reach reach)
{
	static const char *const names[] = { "host", "link", "private", "public" };

	static_assert(sizeof(names) / sizeof(names[0]) == HARK_REACH_N_, "a name each");
	return (unsigned int)reach < HARK_REACH_N_ ? names[reach] : NULL;
}

int hark_addr_parse(const char *text, struct hark_addr *ret)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret = hark_addr_from_ipv4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret = hark_addr_from_ipv6(bytes, 0);
	else
		return -EINVAL;
	return 0;
}

char *hark_addr_format(const struct hark_addr *addr, char *text)
{
	*text_put_addr(text, addr) = '\0';
	return text;
}

int hark_prefix_parse(const char *text, struct hark_prefix *ret)
{
	const char *slash = strchr(text, '/');
	char addr_text[HARK_ADDR_TEXT_SIZE];
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct hark_prefix prefix = { .bits = 128 };
	uint64_t bits;

	if (length >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, length);
	addr_text[length] = '\0';
	if (hark_addr_parse(addr_text, &prefix.addr) < 0)
		return -EINVAL;
	if (slash) {
		unsigned int skipped = hark_addr_is_ipv4(&prefix.addr) && strchr(addr_text, '.') &&
						       !strchr(addr_text, ':') ?
					       96 :
					       0;

		if (!text_to_u64(slash + 1, 128 - skipped, &bits))
			return -EINVAL;
		prefix.bits = (uint8_t)(bits + skipped);
	}
	*ret = prefix;
	return 0;
}

bool hark_prefix_contains(const struct hark_prefix *prefix, const struct hark_addr *addr)
{
	return bits_equal(prefix->addr.bytes, addr->bytes, prefix->bits);
}

char *hark_prefix_format(const struct hark_prefix *prefix, char *text)
{
	/* What reaches beyond the mapped addresses is of IPv6, whatever it begins with. */
	bool is_ipv4 = prefix->bits >= 96 && hark_addr_is_ipv4(&prefix->addr);
	char *end = is_ipv4 ? text_put_ipv4(text, prefix->addr.bytes + 12) :
			      text_put_ipv6(text, prefix->addr.bytes);

	*end++ = '/';
	*text_put_u64(end, prefix->bits - (is_ipv4 ? 96u : 0u)) = '\0';
	return text;
}
