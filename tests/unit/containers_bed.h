/* SPDX-License-Identifier: MIT */
/* What the tests of containers' names share; cmocka and its headers come first. */
#ifndef CONTAINERS_BED_H
#define CONTAINERS_BED_H

#include <string.h>

#include "bed.h"
#include "collect.h"
#include "fixture.h"

#define WEB   "3f2a9c1b7d5e00112233445566778899aabbccddeeff00112233445566778899"
#define DB    "0a1b2c3d4e5f00112233445566778899aabbccddeeff00112233445566778899"
#define CACHE "77778888999900112233445566778899aabbccddeeff00112233445566778899"
#define POD   "6a35f2a4-c0de-4a11-8888-0123456789ab"

/* A process in a cgroup: its index. */
static inline uint32_t add(struct bed *bed, const char *cgroup)
{
	return bed_add_process(bed, cgroup)->pid - 1;
}

static inline const struct hark_process *row(const struct bed *bed, uint32_t i)
{
	return &bed->snapshot->processes.items[i];
}

static inline void collect(struct bed *bed)
{
	assert_int_equal(collect_containers(&bed->source, bed->snapshot), 0);
}

static inline void assert_text(const char *text, const char *expected)
{
	if (expected) {
		assert_non_null(text);
		assert_string_equal(text, expected);
	} else {
		assert_null(text);
	}
}

static inline void assert_note(const struct bed *bed, enum hark_note_why why, bool is_debug,
			       uint32_t count, const char *detail)
{
	const struct hark_note *note = &bed->snapshot->notes.items[0];

	assert_int_equal(bed->snapshot->notes.n, 1);
	assert_int_equal(note->what, HARK_NOTE_CONTAINERS);
	assert_int_equal(note->why, why);
	assert_int_equal(note->is_debug, is_debug);
	assert_int_equal(note->count, count);
	assert_non_null(strstr(note->detail, detail));
}

#endif
