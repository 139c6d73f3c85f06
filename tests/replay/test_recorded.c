/* SPDX-License-Identifier: MIT */
/* Recordings of a real kernel, as they are and with something missing. See tests/replay/record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "describe.h"
#include "fixture.h"
#include "record.h"
#include "take.h"

static const char *folder = "tests/replay"; /* of the recordings */

struct playing {
	struct recording recording;
	struct replayer replayer;
	int proc_fd;
};

static void start(struct playing *playing, const char *name)
{
	int dir_fd, folder_fd = open(folder, O_RDONLY | O_DIRECTORY);

	*playing = (struct playing){ 0 };
	assert_true(folder_fd >= 0);
	dir_fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY);
	assert_true(dir_fd >= 0);
	assert_int_equal(recording_load(&playing->recording, dir_fd, "netlink"), 0);
	playing->proc_fd = openat(dir_fd, "proc", O_RDONLY | O_DIRECTORY);
	assert_true(playing->proc_fd >= 0);
	replayer_init(&playing->replayer, &playing->recording, playing->proc_fd, -1);
	close(dir_fd);
	close(folder_fd);
}

static void stop(struct playing *playing)
{
	replayer_fini(&playing->replayer);
	recording_fini(&playing->recording);
	close(playing->proc_fd);
}

/* What the snapshot looks like; to be freed. NULL: none could be taken. */
static char *take_from(struct hark_source *source, bool all_states)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS, .all_states = all_states };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	char *text;

	if (snapshot_take_from(source, &query, &snapshot, &error) < 0) {
		assert_true(error.error < 0);
		assert_string_not_equal(error.text, "");
		return NULL;
	}
	text = describe(snapshot);
	assert_string_equal(hark_snapshot_host(snapshot), "web1");
	assert_true(hark_snapshot_namespace(snapshot, 0)->inode > 0xf0000000);
	hark_snapshot_free(snapshot);
	return text;
}

static char *take(struct playing *playing, bool all_states)
{
	return take_from(&playing->replayer.source, all_states);
}

static void assert_snapshot(struct playing *playing, bool all_states, const char *expected)
{
	char *text = take(playing, all_states);

	assert_non_null(text);
	if (playing->replayer.problem)
		fail_msg("%s: record again with tests/replay/record", playing->replayer.problem);
	assert_string_equal(text, expected);
	free(text);
}

static void test_founding(void **state)
{
	struct playing playing;

	(void)state;
	start(&playing, "founding");
	assert_snapshot(
		&playing, false,
		"tcp4 listen [0.0.0.0]:22 v6only=no ipv4=all/native/kernel ipv6=none/-/flags(family)\n"
		"tcp6 listen [::]:22 v6only=yes ipv4=none/-/kernel(v6only) ipv6=all/native/kernel\n"
		"tcp46 listen [::]:80 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel\n"
		"tcp4 listen [127.0.0.1]:5432 v6only=no ipv4=some/native/kernel(bound)"
		" ipv6=none/-/flags(family)\n"
		"tcp6 listen [::]:8084 v6only=yes ipv4=none/-/kernel(v6only) ipv6=all/native/kernel\n"
		"udp46 unconnected [::]:111 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel\n");
	stop(&playing);
}

static void test_states(void **state)
{
	struct playing playing;

	(void)state;
	start(&playing, "states");
	assert_snapshot(
		&playing, true,
		"tcp4 listen [0.0.0.0]:22 v6only=no ipv4=all/native/kernel ipv6=none/-/flags(family)\n"
		"tcp6 listen [::]:22 v6only=yes ipv4=none/-/kernel(v6only) ipv6=all/native/kernel\n"
		"tcp46 listen [::]:80 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel\n"
		"mptcp46 listen [::]:8443 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel\n"
		"tcp4 bound [0.0.0.0]:7000 v6only=no\n"
		"udp4 established [192.168.1.241]:53 to [192.168.1.7]:999 v6only=no\n");
	stop(&playing);
}

static int refuse_open(struct hark_source *source, int protocol)
{
	(void)source;
	(void)protocol;
	return -EPERM;
}

static struct hark_snapshot *take_plain(struct hark_source *source)
{
	static const struct hark_query query = { .all_states = true,
						 .kernel_order = true,
						 .tables = HARK_TABLE_INTERNET | HARK_TABLE_UNIX };
	struct hark_snapshot *snapshot;
	struct hark_error error;

	assert_int_equal(snapshot_take_from(source, &query, &snapshot, &error), 0);
	return snapshot;
}

/* "tcp:22 tcp:80 udp:111 ", of one family and in order. */
static void list_ports(const struct hark_snapshot *snapshot, enum hark_family family,
		       char text[256])
{
	char *end = text;

	*text = '\0';
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);

		if ((enum hark_family)socket->family == family)
			end += snprintf(end, (size_t)(text + 256 - end), "%s:%u ",
					hark_protocol_name((enum hark_protocol)socket->protocol),
					socket->local_port);
	}
}

/*
 * As netstat -ax asks: neither addresses nor answers, and just what the files of /proc/net have, in
 * their order, which differs from one boot to the next.
 */
static void test_kernel_order(void **state)
{
	struct playing playing;
	struct source_ops ops;
	struct hark_snapshot *by_netlink, *by_text;
	char expected[256], seen[256];

	(void)state;
	start(&playing, "unix");
	by_netlink = take_plain(&playing.replayer.source);
	if (playing.replayer.problem)
		fail_msg("%s: record again with tests/replay/record", playing.replayer.problem);
	ops = *playing.replayer.source.ops;
	ops.nl_open = refuse_open;
	playing.replayer.source.ops = &ops;
	by_text = take_plain(&playing.replayer.source);
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		list_ports(by_text, (enum hark_family)family, expected);
		list_ports(by_netlink, (enum hark_family)family, seen);
		assert_string_equal(seen, expected);
	}
	assert_int_equal(hark_snapshot_n_sockets(by_netlink), 6);
	assert_null(hark_snapshot_place(by_netlink, 0));
	assert_int_equal(hark_snapshot_namespace(by_netlink, 0)->places_presence, HARK_UNSUPPORTED);
	hark_snapshot_free(by_netlink);
	hark_snapshot_free(by_text);
	stop(&playing);
}

static void test_unix(void **state)
{
	static const char *const expected[] = {
		"unix type=1 state=1 flags=10000 references=2 @listener\n",
		"unix type=1 state=2 flags=0 references=3 @listener\n",
		"unix type=1 state=3 flags=0 references=3\n",
		"unix type=2 state=1 flags=0 references=2 @two~lines@\n",
		"unix type=2 state=3 flags=0 references=3\n",
		"unix type=5 state=1 flags=10000 references=2 @a b \n",
	};
	struct playing playing;
	struct hark_snapshot *snapshot;
	char *text;

	(void)state;
	start(&playing, "unix");
	snapshot = take_plain(&playing.replayer.source);
	text = describe(snapshot);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (!strstr(text, expected[i]))
			fail_msg("no %sin %s", expected[i], text);
	assert_int_equal(hark_snapshot_n_unix_sockets(snapshot), 7);
	assert_null(strstr(text, "note"));
	free(text);
	hark_snapshot_free(snapshot);
	stop(&playing);
}

/* The attribute is given another number, one that nobody knows. */
static void strip_attribute(struct recording *recording, uint16_t type)
{
	for (uint32_t i = 0; i < recording->frames.n; i++) {
		struct frame *frame = &recording->frames.items[i];
		int length = (int)frame->header.length;
		struct nlmsghdr *message = (struct nlmsghdr *)frame->bytes;

		if (frame->header.kind != FRAME_RECEIVE)
			continue;
		for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
			struct nlattr *attr;

			if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY ||
			    message->nlmsg_type == TCPDIAG_GETSOCK)
				mnl_attr_for_each(attr, message, sizeof(struct inet_diag_msg))
					if (mnl_attr_get_type(attr) == type)
						attr->nla_type = 2000;
		}
	}
}

/* Kernels before 3.4: the look-up tells the two kinds of [::] apart all the same. */
static void test_without_v6only(void **state)
{
	struct playing playing;

	(void)state;
	start(&playing, "founding");
	strip_attribute(&playing.recording, INET_DIAG_SKV6ONLY);
	assert_snapshot(
		&playing, false,
		"tcp4 listen [0.0.0.0]:22 v6only=no ipv4=all/native/kernel ipv6=none/-/flags(family)\n"
		"tcp6 listen [::]:22 v6only=? ipv4=none/-/kernel ipv6=all/native/kernel\n"
		"tcp46 listen [::]:80 v6only=? ipv4=all/mapped/kernel ipv6=all/native/kernel\n"
		"tcp4 listen [127.0.0.1]:5432 v6only=no ipv4=some/native/kernel(bound)"
		" ipv6=none/-/flags(family)\n"
		"tcp6 listen [::]:8084 v6only=? ipv4=none/-/kernel ipv6=all/native/kernel\n"
		"udp46 unconnected [::]:111 v6only=? ipv4=all/mapped/kernel ipv6=all/native/kernel\n");
	stop(&playing);
}

/*
 * A recording that ends early, or has a datagram that does: some answer, or a sentence, and no
 * crash.
 */
static void test_cut_anywhere(void **state)
{
	struct playing playing;
	uint32_t n_frames;

	(void)state;
	start(&playing, "founding");
	n_frames = playing.recording.frames.n;
	for (uint32_t i = 0; i < n_frames; i++) {
		playing.recording.frames.n = i;
		free(take(&playing, false));
		assert_non_null(playing.replayer.problem);
		replayer_fini(&playing.replayer);
		replayer_init(&playing.replayer, &playing.recording, playing.proc_fd, -1);
	}
	playing.recording.frames.n = n_frames;
	for (uint32_t i = 0; i < n_frames; i++) {
		struct frame *frame = &playing.recording.frames.items[i];
		uint32_t whole = frame->header.length;

		for (uint32_t length = 0; frame->header.kind == FRAME_RECEIVE && length < whole;
		     length += 4) {
			frame->header.length = length;
			free(take(&playing, false));
			replayer_fini(&playing.replayer);
			replayer_init(&playing.replayer, &playing.recording, playing.proc_fd, -1);
		}
		frame->header.length = whole;
	}
	stop(&playing);
}

static void test_damaged_anywhere(void **state)
{
	const char *wanted = getenv("SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
	struct playing playing;

	(void)state;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	srandom((unsigned int)seed);
	start(&playing, "founding");
	for (int i = 0; i < 1000; i++) {
		uint32_t n = (uint32_t)random() % playing.recording.frames.n;
		struct frame *frame = &playing.recording.frames.items[n];
		uint32_t at = frame->header.length ? (uint32_t)random() % frame->header.length : 0;
		uint8_t before;

		if (frame->header.kind != FRAME_RECEIVE || frame->header.length == 0)
			continue;
		before = frame->bytes[at];
		frame->bytes[at] = (uint8_t)random();
		free(take(&playing, false));
		frame->bytes[at] = before;
		replayer_fini(&playing.replayer);
		replayer_init(&playing.replayer, &playing.recording, playing.proc_fd, -1);
	}
	stop(&playing);
}

/* What is recorded, saved and loaded gives the same snapshot again. */
static void test_round_trip(void **state)
{
	struct recording again = { 0 };
	struct playing playing;
	struct recorder recorder;
	struct replayer replayer;
	int dir_fd = fixture_open();
	char *first, *second;

	(void)state;
	start(&playing, "states");
	recorder_init(&recorder, &playing.replayer.source, &again);
	first = take_from(&recorder.source, true);
	assert_int_equal(recorder.error, 0);
	assert_int_equal(recording_save(&again, dir_fd, "netlink"), 0);
	recorder_fini(&recorder);
	recording_fini(&again);
	again = (struct recording){ 0 };
	assert_int_equal(recording_load(&again, dir_fd, "netlink"), 0);
	assert_int_equal(again.frames.n, playing.recording.frames.n);
	replayer_init(&replayer, &again, playing.proc_fd, -1);
	second = take_from(&replayer.source, true);
	assert_null(replayer.problem);
	assert_string_equal(first, second);
	free(first);
	free(second);
	replayer_fini(&replayer);
	recording_fini(&again);
	fixture_close(dir_fd);
	stop(&playing);
}

/* Another request than the recorded one is refused, and the test that plays it can tell. */
static void test_other_request(void **state)
{
	struct playing playing;
	char *text;

	(void)state;
	start(&playing, "founding");
	text = take(&playing, true);
	assert_string_equal(playing.replayer.problem, "the request differs from the recorded one");
	free(text);
	stop(&playing);
}

/* A clock that goes on by a second each time somebody looks. */
static uint64_t tick(struct hark_source *source)
{
	static uint64_t now_ns;

	(void)source;
	return now_ns += 1000000000;
}

/* Without a clock, as all recordings are played, no time passes. */
static void test_stages(void **state)
{
	static const struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	struct playing playing;
	struct source_ops ops;
	struct hark_snapshot *snapshot;
	struct hark_error error;

	(void)state;
	for (int has_clock = 0; has_clock < 2; has_clock++) {
		start(&playing, "founding");
		ops = *playing.replayer.source.ops;
		ops.clock_ns = has_clock ? tick : NULL;
		playing.replayer.source.ops = &ops;
		assert_int_equal(
			snapshot_take_from(&playing.replayer.source, &query, &snapshot, &error), 0);
		for (int stage = 0; stage < HARK_STAGE_N_; stage++) {
			uint64_t ns = hark_snapshot_stage_ns(snapshot, (enum hark_stage)stage);

			assert_non_null(hark_stage_name((enum hark_stage)stage));
			assert_int_equal(ns % 1000000000, 0);
			assert_int_equal(ns > 0, has_clock);
		}
		assert_null(hark_stage_name(HARK_STAGE_N_));
		assert_int_equal(hark_snapshot_stage_ns(snapshot, HARK_STAGE_N_), 0);
		hark_snapshot_free(snapshot);
		stop(&playing);
	}
}

static void assert_loads(int dir_fd, const char *bytes, size_t length, int expected)
{
	struct recording recording = { 0 };
	int fd = openat(dir_fd, "netlink", O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
	assert_int_equal(recording_load(&recording, dir_fd, "netlink"), expected);
	recording_fini(&recording);
}

static void test_file_format(void **state)
{
	struct frame_header header = { FRAME_TIME, 0, 0, 8 };
	char bytes[sizeof(RECORDING_MAGIC) - 1 + sizeof(header) + 8] = RECORDING_MAGIC;
	int dir_fd = fixture_open();

	(void)state;
	assert_loads(dir_fd, "", 0, -EBADMSG);
	assert_loads(dir_fd, "something else entirely", 23, -EBADMSG);
	assert_loads(dir_fd, bytes, sizeof(RECORDING_MAGIC) - 1, 0);
	assert_loads(dir_fd, bytes, sizeof(RECORDING_MAGIC), -EBADMSG);
	memcpy(bytes + sizeof(RECORDING_MAGIC) - 1, &header, sizeof(header));
	assert_loads(dir_fd, bytes, sizeof(bytes), 0);
	assert_loads(dir_fd, bytes, sizeof(bytes) - 1, -EBADMSG);
	header.length = UINT32_MAX;
	memcpy(bytes + sizeof(RECORDING_MAGIC) - 1, &header, sizeof(header));
	assert_loads(dir_fd, bytes, sizeof(bytes), -EBADMSG);
	header = (struct frame_header){ FRAME_KIND_N_, 0, 0, 8 };
	memcpy(bytes + sizeof(RECORDING_MAGIC) - 1, &header, sizeof(header));
	assert_loads(dir_fd, bytes, sizeof(bytes), -EBADMSG);
	fixture_close(dir_fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_founding),         cmocka_unit_test(test_states),
		cmocka_unit_test(test_without_v6only),   cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_damaged_anywhere), cmocka_unit_test(test_other_request),
		cmocka_unit_test(test_file_format),      cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_stages),           cmocka_unit_test(test_unix),
		cmocka_unit_test(test_kernel_order),
	};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	puts("1..0 # SKIP the recordings are a little-endian machine's");
	return 0;
#endif
	if (argc > 1)
		folder = argv[1];
	return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
