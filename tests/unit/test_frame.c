/* SPDX-License-Identifier: MIT */
/* Frames off the wire: what they say, and that none is read beyond its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "frame.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define LINK4           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00
#define LINK6           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd
#define CLIENT4         10, 0, 0, 1
#define SERVER4         10, 0, 0, 2
#define CLIENT6         0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define SERVER6         0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define PORTS           0x9c, 0x40, 0, 80 /* 40000 to 80 */
#define REST_TCP(flags) 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0

static const uint8_t tcp4[] = { LINK4, 0x45, 0, 0, 43,      0,       0,     0x40,           0,
				64,    6,    0, 0, CLIENT4, SERVER4, PORTS, REST_TCP(0x18), 'a',
				'b',   'c' };
static const uint8_t tcp6[] = { LINK6, 0x60,          0, 0, 0, 0, 20, 6, 64, CLIENT6, SERVER6,
				PORTS, REST_TCP(0x02) };
/* With an option of four bytes in the IPv4 header, and padded to 60 bytes. */
static const uint8_t udp4[] = { LINK4,   0x46,    0, 0, 33, 0, 0,     0, 0, 64, 17, 0,   0,
				CLIENT4, SERVER4, 1, 1, 1,  1, PORTS, 0, 9, 0,  0,  'x', 0,
				0,       0,       0, 0, 0,  0, 0,     0, 0, 0,  0,  0 };
static const uint8_t icmp4[] = { LINK4, 0x45, 0,  0,       56,      0,       0,       0,    0, 64,
				 1,     0,    0,  SERVER4, CLIENT4, 3,       3,       0,    0, 0,
				 0,     0,    0,  0x45,    0,       0,       29,      0,    0, 0,
				 0,     64,   17, 0,       0,       CLIENT4, SERVER4, PORTS };
static const uint8_t icmp6[] = { LINK6,   0x60, 0, 0, 0,  0, 56, 58,      64,      SERVER6,
				 CLIENT6, 1,    1, 0, 0,  0, 0,  0,       0,       0x60,
				 0,       0,    0, 0, 20, 6, 64, CLIENT6, SERVER6, PORTS };

static const struct {
	const uint8_t *bytes;
	size_t n;
	size_t needed; /* fewer bytes tell too little */
	struct frame frame;
	const char *icmp_name;
} cases[] = {
	{ tcp4,
	  sizeof(tcp4),
	  54,
	  { .kind = FRAME_TCP,
	    .family = HARK_FAMILY_INET,
	    .flags = FRAME_PSH | FRAME_ACK,
	    .n_bytes = 3 },
	  NULL },
	{ tcp6,
	  sizeof(tcp6),
	  74,
	  { .kind = FRAME_TCP, .family = HARK_FAMILY_INET6, .flags = FRAME_SYN },
	  NULL },
	{ udp4,
	  sizeof(udp4),
	  46,
	  { .kind = FRAME_UDP, .family = HARK_FAMILY_INET, .n_bytes = 1 },
	  NULL },
	{ icmp4,
	  sizeof(icmp4),
	  sizeof(icmp4),
	  { .kind = FRAME_ICMP, .family = HARK_FAMILY_INET, .icmp_type = 3, .icmp_code = 3 },
	  "port unreachable" },
	{ icmp6,
	  sizeof(icmp6),
	  sizeof(icmp6),
	  { .kind = FRAME_ICMP, .family = HARK_FAMILY_INET6, .icmp_type = 1, .icmp_code = 1 },
	  "administratively prohibited" },
};

/* Parses a copy that ends where the bytes do, so that a sanitizer sees what reads beyond. */
static bool parse(const uint8_t *bytes, size_t n, struct frame *ret)
{
	uint8_t *copy = malloc(n ? n : 1);
	bool is_parsed;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	is_parsed = frame_parse(copy, n, ret);
	free(copy);
	return is_parsed;
}

static void test_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const struct frame *wanted = &cases[i].frame;
		bool is_reply = wanted->kind == FRAME_ICMP;
		struct frame frame;
		uint8_t last;

		assert_true(parse(cases[i].bytes, cases[i].n, &frame));
		assert_int_equal(frame.kind, wanted->kind);
		assert_int_equal(frame.family, wanted->family);
		assert_int_equal(frame.flags, wanted->flags);
		assert_int_equal(frame.n_bytes, wanted->n_bytes);
		assert_int_equal(frame.icmp_type, wanted->icmp_type);
		assert_int_equal(frame.icmp_code, wanted->icmp_code);
		assert_int_equal(frame.from_port, is_reply ? 80 : 40000);
		assert_int_equal(frame.to_port, is_reply ? 40000 : 80);
		last = frame.from.bytes[15];
		assert_int_equal(last, is_reply ? 2 : 1);
		assert_int_equal(frame.to.bytes[15], is_reply ? 1 : 2);
		assert_int_equal(hark_addr_is_ipv4(&frame.from),
				 wanted->family == HARK_FAMILY_INET);
		if (is_reply)
			assert_string_equal(frame_icmp_name(&frame), cases[i].icmp_name);
	}
}

static void test_cut(void **state)
{
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		for (size_t n = 0; n <= cases[i].n; n++)
			assert_int_equal(parse(cases[i].bytes, n, &frame), n >= cases[i].needed);
}

static void test_strange(void **state)
{
	/* { of which frame, which byte, becomes what } */
	static const struct {
		size_t frame, at;
		uint8_t byte;
	} strange[] = {
		{ 0, 13, 6 },    /* ARP */
		{ 0, 13, 0xdd }, /* of IPv6, it says outside */
		{ 0, 14, 0x65 }, /* of IPv6, it says inside */
		{ 0, 14, 0x44 }, /* a header too short to be one */
		{ 0, 14, 0x4f }, /* one longer than what is there */
		{ 0, 17, 19 },   /* a length below that of the header */
		{ 0, 17, 39 },   /* and below that of TCP's */
		{ 0, 21, 1 },    /* a later fragment */
		{ 0, 23, 132 },  /* SCTP */
		{ 0, 23, 58 },   /* ICMPv6 in IPv4 */
		{ 0, 46, 0x40 }, /* TCP's header too short */
		{ 2, 17, 31 },   /* UDP's too short */
		{ 3, 34, 8 },    /* an echo request */
		{ 3, 51, 1 },    /* an error about ICMP */
		{ 4, 54, 128 },  /* an echo request */
		{ 4, 62, 0x45 }, /* an error about IPv4 in one of IPv6 */
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(strange); i++) {
		size_t n = cases[strange[i].frame].n;
		uint8_t bytes[128];
		struct frame frame;

		memcpy(bytes, cases[strange[i].frame].bytes, n);
		assert_int_not_equal(bytes[strange[i].at], strange[i].byte);
		bytes[strange[i].at] = strange[i].byte;
		if (parse(bytes, n, &frame))
			fail_msg("%zu was taken", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_strange),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
