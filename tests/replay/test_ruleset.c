/* SPDX-License-Identifier: MIT */
/* Recordings of real nf_tables, as they are and damaged. See tests/replay/rulesets/record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "describe_ruleset.h"
#include "fixture.h"
#include "record.h"
#include "rules.h"

#define N_FLIPS 1500

static const char *folder = "tests/replay"; /* above "rulesets" */

static int open_folder(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/rulesets/%s", folder, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct ruleset *replay(const struct recording *recording)
{
	struct ruleset *ruleset = ruleset_new();
	struct replayer replayer;
	bool interrupted;

	replayer_init(&replayer, recording, -1, -1);
	assert_int_equal(nftables_read(&replayer.source, ruleset, &interrupted), 0);
	replayer_fini(&replayer);
	return ruleset;
}

static void assert_recording(const char *name)
{
	static char expected[1 << 20];
	struct recording recording = { 0 };
	int dir_fd = open_folder(name);
	struct ruleset *ruleset;
	char *text;

	assert_int_equal(recording_load(&recording, dir_fd, "netlink"), 0);
	ruleset = replay(&recording);
	assert_true(is_sound_ruleset(ruleset));
	text = describe_ruleset(ruleset);
	if (getenv("HARK_BLESS"))
		fixture_write(dir_fd, "text", text);
	assert_true(source_read_file(dir_fd, "text", expected, sizeof(expected)) > 0);
	assert_string_equal(text, expected);
	free(text);
	ruleset_free(ruleset);
	recording_fini(&recording);
	close(dir_fd);
}

static void reads_everything(void **state)
{
	(void)state;
	assert_recording("everything");
}

static void reads_ufw(void **state)
{
	(void)state;
	assert_recording("ufw");
}

static void reads_firewalld(void **state)
{
	(void)state;
	assert_recording("firewalld");
}

/* Whatever the kernel says, nothing that is read refers to what is not there. */
static void assert_sound(const struct recording *recording)
{
	struct ruleset *ruleset = replay(recording);

	assert_true(is_sound_ruleset(ruleset));
	if (ruleset->nftables != HARK_KNOWN)
		assert_int_equal(ruleset->tables.n + ruleset->chains.n + ruleset->rules.n, 0);
	free(describe_ruleset(ruleset));
	ruleset_free(ruleset);
}

/* A datagram that ends too early is no ruleset with less in it. */
static void bears_cuts(void **state)
{
	struct recording recording = { 0 };
	int dir_fd = open_folder("everything");

	(void)state;
	assert_int_equal(recording_load(&recording, dir_fd, "netlink"), 0);
	close(dir_fd);
	for (uint32_t i = 0; i < recording.frames.n; i++) {
		struct frame_header *header = &recording.frames.items[i].header;
		uint32_t length = header->length;
		struct ruleset *ruleset;

		if (header->kind != FRAME_RECEIVE)
			continue;
		header->length = length - 4;
		ruleset = replay(&recording);
		assert_int_equal(ruleset->nftables, HARK_UNSUPPORTED);
		ruleset_free(ruleset);
		for (uint32_t cut = 0; cut < length && cut < 2000; cut += 97) {
			header->length = cut;
			assert_sound(&recording);
		}
		header->length = length;
	}
	recording_fini(&recording);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* One byte, or a length, is another. */
static void bears_flips(void **state)
{
	struct recording recording = { 0 };
	int dir_fd = open_folder("everything");
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(recording_load(&recording, dir_fd, "netlink"), 0);
	close(dir_fd);
	print_message("seed %u, %d flips\n", seed, N_FLIPS);
	for (int i = 0; i < N_FLIPS; i++) {
		struct frame *frame =
			&recording.frames.items[next_random(&seed) % recording.frames.n];
		uint32_t at;
		uint8_t kept;

		if (frame->header.kind != FRAME_RECEIVE || !frame->header.length)
			continue;
		at = next_random(&seed) % frame->header.length;
		kept = frame->bytes[at];
		frame->bytes[at] = (uint8_t)(i % 4 ? next_random(&seed) : kept + 4u);
		assert_sound(&recording);
		frame->bytes[at] = kept;
	}
	recording_fini(&recording);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_everything), cmocka_unit_test(reads_ufw),
		cmocka_unit_test(reads_firewalld),  cmocka_unit_test(bears_cuts),
		cmocka_unit_test(bears_flips),
	};

	if (argc > 1)
		folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
