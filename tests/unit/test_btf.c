/* SPDX-License-Identifier: MIT */
/* Types as the kernel tells of them: built here by hand, and whole, cut and wrong. */
#include <errno.h>
#include <linux/btf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "btf.h"

#define KIND(kind, n) ((uint32_t)BTF_KIND_##kind << 24 | (n))

/*
 * 1 int; 2 a union without a name { int inner; int other; }; 3 struct twice { int first; };
 * 4 struct twice { int first; union 2 at 4; int last; int bits : 3; }; 5 a function of nothing;
 * 6 the function twice; 7 struct lone {}
 */
static const uint32_t types[] = {
	1,
	KIND(INT, 0),
	4,
	BTF_INT_SIGNED << 24 | 32,
	0,
	KIND(UNION, 2),
	4,
	5,
	1,
	0,
	11,
	1,
	0,
	17,
	KIND(STRUCT, 1),
	4,
	23,
	1,
	0,
	17,
	KIND(STRUCT, 4) | 1u << 31,
	16,
	23,
	1,
	0,
	0,
	2,
	32,
	29,
	1,
	64,
	34,
	1,
	3u << 24 | 96,
	0,
	KIND(FUNC_PROTO, 0),
	1,
	17,
	KIND(FUNC, 0),
	5,
	39,
	KIND(STRUCT, 0),
	0,
};
static const char strings[] = "\0int\0inner\0other\0twice\0first\0last\0bits\0lone";

static unsigned char bytes[sizeof(struct btf_header) + sizeof(types) + sizeof(strings)];

static void build(struct btf *btf)
{
	const struct btf_header header = { .magic = BTF_MAGIC,
					   .version = BTF_VERSION,
					   .hdr_len = sizeof(header),
					   .type_len = sizeof(types),
					   .str_off = sizeof(types),
					   .str_len = sizeof(strings) };

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), types, sizeof(types));
	memcpy(bytes + sizeof(header) + sizeof(types), strings, sizeof(strings));
	assert_int_equal(btf_open_bytes(btf, bytes, sizeof(bytes)), 0);
}

static void test_members(void **state)
{
	struct btf_name names[] = { { .name = "twice" },
				    { .name = "twice", .is_function = true },
				    { .name = "lone" } };
	struct btf *btf = malloc(sizeof(*btf));
	uint32_t offset;

	(void)state;
	build(btf);
	assert_int_equal(btf_find(btf, names, 3, true), 0);
	assert_int_equal(names[0].n, 2);
	assert_int_equal(names[0].id, 3);
	assert_int_equal(names[1].n, 1);
	assert_int_equal(names[1].id, 6);
	assert_int_equal(names[2].n, 1);
	assert_int_equal(btf_size(btf, names[0].at[0]), 4);
	assert_int_equal(btf_size(btf, names[0].at[1]), 16);
	assert_int_equal(btf_member(btf, names[0].at[0], "inner", &offset), -ENOENT);
	assert_int_equal(btf_member(btf, names[0].at[1], "first", &offset), 0);
	assert_int_equal(offset, 0);
	assert_int_equal(btf_member(btf, names[0].at[1], "other", &offset), 0);
	assert_int_equal(offset, 4);
	assert_int_equal(btf_member(btf, names[0].at[1], "last", &offset), 0);
	assert_int_equal(offset, 8);
	assert_int_equal(btf_member(btf, names[0].at[1], "bits", &offset), -EOPNOTSUPP);
	assert_int_equal(btf_member(btf, names[2].at[0], "first", &offset), -ENOENT);
	free(btf);
}

/* Without namesakes the search is over with the last name that was missing. */
static void test_early_end(void **state)
{
	struct btf_name names[] = { { .name = "twice" } }, missing[] = { { .name = "thrice" } };
	struct btf *btf = malloc(sizeof(*btf));

	(void)state;
	build(btf);
	assert_int_equal(btf_find(btf, names, 1, false), 0);
	assert_int_equal(names[0].n, 1);
	assert_int_equal(btf->n_types, 3);
	assert_int_equal(btf_find(btf, missing, 1, false), -ENOENT);
	assert_int_equal(btf->n_types, 7);
	free(btf);
}

/* Cut anywhere, it is refused or lacks something: never is anything read beyond the cut. */
static void test_cut(void **state)
{
	struct btf *btf = malloc(sizeof(*btf));

	(void)state;
	build(btf);
	for (size_t size = 0; size < sizeof(bytes); size++) {
		unsigned char *cut = malloc(size + 1);

		memcpy(cut, bytes, size);
		assert_int_equal(btf_open_bytes(btf, cut, size), -EBADMSG);
		free(cut);
	}
	for (uint32_t length = 0; length < sizeof(types); length += 4) {
		struct btf_name names[] = { { .name = "lone" } };

		((struct btf_header *)bytes)->type_len = length;
		assert_int_equal(btf_open_bytes(btf, bytes, sizeof(bytes)), 0);
		assert_true(btf_find(btf, names, 1, false) < 0);
	}
	free(btf);
}

static void test_wrong(void **state)
{
	struct btf_header *header = (struct btf_header *)bytes;
	struct btf *btf = malloc(sizeof(*btf));
	struct btf_name names[] = { { .name = "lone" } };

	(void)state;
	build(btf);
	header->magic = 0;
	assert_int_equal(btf_open_bytes(btf, bytes, sizeof(bytes)), -EBADMSG);
	build(btf);
	header->str_off = UINT32_MAX;
	assert_int_equal(btf_open_bytes(btf, bytes, sizeof(bytes)), -EBADMSG);
	build(btf);
	header->str_len = 0;
	assert_int_equal(btf_open_bytes(btf, bytes, sizeof(bytes)), -EBADMSG);
	build(btf);
	/* A kind that nobody knows yet ends the search: what comes after cannot be told. */
	((uint32_t *)(bytes + sizeof(*header)))[1] = 31u << 24;
	assert_int_equal(btf_find(btf, names, 1, false), -EBADMSG);
	free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_early_end),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
