/* SPDX-License-Identifier: MIT */
/* Sockets of AF_UNIX: the reader of /proc/net/unix, their holders, and those of this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bed.h"
#include "collect.h"
#include "fixture.h"

#define HEADER            "Num       RefCount Protocol Flags    Type St Inode Path\n"
#define LINE(inode, rest) "000000001a2b3c4d: 00000002 00000000 00010000 0001 01 " inode rest "\n"
#define TEN               "0123456789"
#define N108              TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "12345678"

static int read_text(struct bed *bed, const char *text)
{
	fixture_write(bed->proc, "net/unix", text);
	return procunix_read(&bed->source, bed->snapshot);
}

static const struct hark_unix_socket *row(const struct bed *bed, uint32_t i)
{
	const struct hark_unix_socket *socket = hark_snapshot_unix_socket(bed->snapshot, i);

	assert_non_null(socket);
	return socket;
}

static void check_note(const struct bed *bed, enum hark_note_why why, uint32_t count, bool is_debug)
{
	const struct hark_note *note = hark_snapshot_note(bed->snapshot, 0);

	assert_int_equal(hark_snapshot_n_notes(bed->snapshot), 1);
	assert_int_equal(note->what, HARK_NOTE_SOCKETS);
	assert_int_equal(note->why, why);
	assert_int_equal(note->count, count);
	assert_int_equal(note->is_debug, is_debug);
}

/* What Linux 6.18 writes, a line before the first random bytes, and one of a 32-bit kernel. */
static void test_lines(void **state)
{
	struct bed *bed = *state;
	const struct hark_unix_socket *socket;

	assert_int_equal(read_text(bed, HEADER
				   "00000000eee1e722: 00000003 00000000 00000000 0001 03   504\n"
				   "ffff8881a2b3c4d5: 00000002 00000000 00010000 0005 01 "
				   "289249429 /run/a b.sock\n"
				   "(____ptrval____): 0000000A 00000001 00000000 0002 04     0 "
				   "@abstract@@x\n"
				   "c1a2b3c4: 00000002 00000000 00010000 0001 02 4294967295 @\n"),
			 0);
	assert_int_equal(hark_snapshot_n_unix_sockets(bed->snapshot), 4);
	assert_int_equal(hark_snapshot_n_notes(bed->snapshot), 0);
	assert_null(hark_snapshot_unix_socket(bed->snapshot, 4));
	socket = row(bed, 0);
	assert_int_equal(socket->address, 0xeee1e722);
	assert_int_equal(socket->references, 3);
	assert_int_equal(socket->protocol, 0);
	assert_int_equal(socket->flags, 0);
	assert_int_equal(socket->type, SOCK_STREAM);
	assert_int_equal(socket->state, 3);
	assert_int_equal(socket->inode, 504);
	assert_null(socket->path);
	assert_int_equal(socket->holders, HARK_UNSUPPORTED);
	socket = row(bed, 1);
	assert_true(socket->address == 0xffff8881a2b3c4d5);
	assert_int_equal(socket->flags, 0x10000);
	assert_int_equal(socket->type, SOCK_SEQPACKET);
	assert_string_equal(socket->path, "/run/a b.sock");
	socket = row(bed, 2);
	assert_int_equal(socket->address, 0);
	assert_int_equal(socket->references, 10);
	assert_int_equal(socket->protocol, 1);
	assert_int_equal(socket->inode, 0);
	assert_string_equal(socket->path, "@abstract@@x");
	socket = row(bed, 3);
	assert_int_equal(socket->inode, UINT32_MAX);
	assert_string_equal(socket->path, "@");
}

/* Names as they are bound, whatever the kernel makes of them. */
static void test_names(void **state)
{
	static const struct {
		const char *rest, *path;
	} cases[] = {
		{ "  leading", " leading" },
		{ " trailing ", "trailing " },
		{ " ", "" },
		{ " a\nb", "a\nb" },
		{ " \n\na\n\n", "\n\na\n\n" },
		{ " a\n00000000: 1 2", "a\n00000000: 1 2" },
		{ " \033[31m\t\r\x80\xff", "\033[31m\t\r\x80\xff" },
		{ " " N108, N108 },
		{ " a\n" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "123456",
		  "a\n" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "123456" },
		{ "", NULL },
	};
	struct bed *bed = *state;
	char text[4096] = HEADER;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *end = text + strlen(text);

		snprintf(end, (size_t)(text + sizeof(text) - end), LINE("%zu", "%s"), i + 1,
			 cases[i].rest);
	}
	assert_int_equal(read_text(bed, text), 0);
	assert_int_equal(hark_snapshot_n_notes(bed->snapshot), 0);
	assert_int_equal(hark_snapshot_n_unix_sockets(bed->snapshot),
			 sizeof(cases) / sizeof(cases[0]));
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(row(bed, i)->inode, i + 1);
		if (cases[i].path)
			assert_string_equal(row(bed, i)->path, cases[i].path);
		else
			assert_null(row(bed, i)->path);
	}
}

/* What is no kernel's line, between two that are. */
static void test_odd_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"something else\n",
		"00000000: 00000002 00000000 00010000 0001 01\n",
		"00000000 00000002 00000000 00010000 0001 01 5\n",
		"1ffffffffffffffff: 00000002 00000000 00010000 0001 01 5\n",
		"00000000: 100000000 00000000 00010000 0001 01 5\n",
		"00000000: 00000002 00000000 00010000 10000 01 5\n",
		"00000000: 00000002 00000000 00010000 0001 100 5\n",
		"00000000: 00000002 00000000 00010000 0001 01 4294967296\n",
		"00000000: 00000002 00000000 00010000 0001 01 5x\n",
		"(____ptrval____ 00000002 00000000 00010000 0001 01 5\n",
		"00000000: -0000002 00000000 00010000 0001 01 5\n",
		LINE("5", " " N108 "9"),
	};
	struct bed *bed = *state;
	char text[1024];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bool is_odd = lines[i][0];

		snprintf(text, sizeof(text), "%s%s%s%s", HEADER, LINE("1", ""), lines[i],
			 LINE("2", " /x"));
		assert_int_equal(read_text(bed, text), 0);
		if (hark_snapshot_n_unix_sockets(bed->snapshot) != 2)
			fail_msg("%s", lines[i]);
		assert_int_equal(row(bed, 0)->inode, 1);
		assert_int_equal(row(bed, 1)->inode, 2);
		assert_string_equal(row(bed, 1)->path, "/x");
		assert_int_equal(hark_snapshot_n_notes(bed->snapshot), is_odd);
		if (is_odd)
			check_note(bed, HARK_NOTE_FAILED, 1, false);
		bed->snapshot->unix_sockets.n = 0;
		bed->snapshot->notes.n = 0;
	}
}

/* The rest of a name that would be longer than any is not put behind it, nor what follows. */
static void test_long_rest(void **state)
{
	struct bed *bed = *state;
	char *text = malloc(200000);

	assert_non_null(text);
	sprintf(text, "%s%s", HEADER, LINE("1", " a"));
	memset(text + strlen(text), 'b', 100000);
	strcpy(text + strlen(HEADER LINE("1", " a")) + 100000, "\nc\n" LINE("2", ""));
	assert_int_equal(read_text(bed, text), 0);
	assert_int_equal(hark_snapshot_n_unix_sockets(bed->snapshot), 2);
	assert_string_equal(row(bed, 0)->path, "a");
	check_note(bed, HARK_NOTE_FAILED, 2, false);
	free(text);
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "Num", HEADER };
	struct bed *bed = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(read_text(bed, texts[i]), 0);
	assert_int_equal(hark_snapshot_n_unix_sockets(bed->snapshot), 0);
	assert_int_equal(hark_snapshot_n_notes(bed->snapshot), 0);
}

static void test_kernel_without(void **state)
{
	struct bed *bed = *state;

	fixture_write(bed->proc, "net/tcp", "");
	assert_int_equal(procunix_read(&bed->source, bed->snapshot), 0);
	check_note(bed, HARK_NOTE_UNSUPPORTED, 1, true);
}

static void test_no_proc(void **state)
{
	struct bed *bed = *state;

	bed->source.proc_fd = -1;
	assert_int_equal(procunix_read(&bed->source, bed->snapshot), -ENOENT);
	check_note(bed, HARK_NOTE_FAILED, 1, false);
}

static void add_process(struct bed *bed, const char *pid, const char *fd, const char *target)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/comm", pid);
	fixture_write(bed->proc, path, "holder\n");
	snprintf(path, sizeof(path), "%s/fd/%s", pid, fd);
	fixture_write(bed->proc, path, "");
	unlinkat(bed->proc, path, 0);
	fixture_link(bed->proc, path, target);
}

static void collect(struct bed *bed)
{
	assert_int_equal(holders_collect(&bed->source, bed->snapshot, 0, HARK_HOLDERS_AUTO, NULL),
			 0);
}

static void check_holder(const struct bed *bed, uint32_t i, uint32_t pid, uint32_t fd)
{
	const struct hark_unix_socket *socket = row(bed, i);
	const struct hark_holder *holder =
		hark_snapshot_holder(bed->snapshot, socket->first_holder);

	assert_int_equal(socket->holders, HARK_KNOWN);
	assert_int_equal(socket->n_holders, 1);
	assert_int_equal(holder->socket, HARK_NONE);
	assert_int_equal(holder->unix_socket, i);
	assert_int_equal(holder->fd, fd);
	assert_int_equal(hark_snapshot_process(bed->snapshot, holder->process)->pid, pid);
	assert_null(hark_snapshot_fronted(bed->snapshot, holder));
}

/* In one pass with the others, and still right when some of those are left out. */
static void test_holders(void **state)
{
	struct bed *bed = *state;
	uint32_t index[] = { HARK_NONE, 1 };

	for (uint32_t i = 0; i < 2; i++)
		array_push(&bed->snapshot->sockets)->inode = 100 + i;
	assert_int_equal(read_text(bed, HEADER LINE("200", " /a") LINE("0", " /a") LINE("201", "")
						LINE("202", "")),
			 0);
	add_process(bed, "7", "3", "socket:[100]");
	add_process(bed, "8", "4", "socket:[101]");
	add_process(bed, "8", "5", "socket:[202]");
	add_process(bed, "9", "6", "socket:[200]");
	collect(bed);
	for (int kept = 0; kept < 2; kept++) {
		check_holder(bed, 0, 9, 6);
		assert_int_equal(row(bed, 1)->holders, HARK_ABSENT);
		assert_true(row(bed, 1)->holders_complete);
		assert_int_equal(row(bed, 2)->holders, HARK_ABSENT);
		assert_int_equal(row(bed, 2)->n_holders, 0);
		check_holder(bed, 3, 8, 5);
		if (!kept)
			snapshot_keep_sockets(bed->snapshot, index);
	}
	assert_int_equal(bed->snapshot->sockets.n, 1);
	assert_int_equal(bed->snapshot->holders.n, 3);
	assert_int_equal(bed->snapshot->holders.items[0].socket, 0);
	assert_int_equal(bed->snapshot->holders.items[0].unix_socket, HARK_NONE);
}

static void test_unknown_holders(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(read_text(bed, HEADER LINE("200", " /a") LINE("0", " /a")), 0);
	bed->source.proc_fd = -1;
	collect(bed);
	assert_int_equal(row(bed, 0)->holders, HARK_UNSUPPORTED);
	assert_false(row(bed, 0)->holders_complete);
	assert_int_equal(row(bed, 1)->holders, HARK_ABSENT);
}

static const struct hark_unix_socket *find(const struct hark_snapshot *snapshot, int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	for (uint32_t i = 0; i < hark_snapshot_n_unix_sockets(snapshot); i++)
		if (hark_snapshot_unix_socket(snapshot, i)->inode == status.st_ino)
			return hark_snapshot_unix_socket(snapshot, i);
	return NULL;
}

static bool is_held(const struct hark_snapshot *snapshot, const struct hark_unix_socket *socket,
		    int fd)
{
	for (uint32_t i = 0; i < socket->n_holders; i++) {
		const struct hark_holder *holder =
			hark_snapshot_holder(snapshot, socket->first_holder + i);

		if (holder->fd == (uint32_t)fd &&
		    hark_snapshot_process(snapshot, holder->process)->pid == (uint32_t)getpid())
			return true;
	}
	return false;
}

/* Real ones, in every way of finding holders that this machine allows. */
static void test_live(void **state)
{
	static const char name[] = "\0a\nb\0c";
	struct hark_query query = { .details = HARK_DETAIL_HOLDERS, .tables = HARK_TABLE_UNIX };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct hark_unix_socket *socket;
	char expected[64], suffix[16];
	struct hark_snapshot *snapshot;
	struct hark_error error;
	size_t length;

	(void)state;
	memcpy(addr.sun_path, name, sizeof(name) - 1);
	length = (size_t)snprintf(suffix, sizeof(suffix), "%d", getpid());
	memcpy(addr.sun_path + sizeof(name) - 1, suffix, length);
	snprintf(expected, sizeof(expected), "@a\nb@c%s", suffix);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name) -
					  1 + length)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	for (query.holders_way = HARK_HOLDERS_AUTO; query.holders_way <= HARK_HOLDERS_BPF;
	     query.holders_way++) {
		assert_int_equal(hark_snapshot_take(&query, &snapshot, &error), 0);
		assert_int_equal(hark_snapshot_n_sockets(snapshot), 0);
		socket = find(snapshot, fd);
		assert_non_null(socket);
		assert_int_equal(socket->type, SOCK_SEQPACKET);
		assert_int_equal(socket->flags, 0x10000);
		assert_int_equal(socket->state, 1);
		assert_string_equal(socket->path, expected);
		if (query.holders_way == HARK_HOLDERS_BPF && socket->holders != HARK_KNOWN)
			printf("# holders by BPF are not to be had here\n");
		else
			assert_true(is_held(snapshot, socket, fd));
		hark_snapshot_free(snapshot);
	}
	close(fd);
}

/* Of the sockets that the search for holders needs itself, beside the reading, none is listed. */
static void test_alone(void **state)
{
	struct hark_query query = { .details = HARK_DETAIL_HOLDERS,
				    .tables = HARK_TABLE_INTERNET | HARK_TABLE_UNIX,
				    .all_states = true,
				    .kernel_order = true };
	struct hark_snapshot *snapshot;
	struct hark_error error;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		printf("# SKIP no network namespace of its own: %s\n", strerror(errno));
		skip();
	}
	for (int i = 0; i < 30; i++) {
		assert_int_equal(hark_snapshot_take(&query, &snapshot, &error), 0);
		assert_int_equal(hark_snapshot_n_unix_sockets(snapshot), 0);
		assert_int_equal(hark_snapshot_n_sockets(snapshot), 0);
		hark_snapshot_free(snapshot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_names, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_odd_lines, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_long_rest, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_empty, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_kernel_without, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_no_proc, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_holders, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_holders, bed_set_up, bed_tear_down),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests_name("unix", tests, NULL, NULL);
}
