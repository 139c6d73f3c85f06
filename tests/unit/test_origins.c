/* SPDX-License-Identifier: MIT */
/* What the cgroups of sockets are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bed.h"
#include "collect.h"
#include "fixture.h"

#define NOBODY 65534

static uint64_t id_of(int dir_fd, const char *path)
{
	struct stat stat;

	assert_int_equal(fstatat(dir_fd, path, &stat, 0), 0);
	return stat.st_ino;
}

static uint32_t add_socket(struct bed *bed, uint64_t cgroup_id)
{
	struct hark_socket *socket = array_push(&bed->snapshot->sockets);

	assert_non_null(socket);
	socket->cgroup_id = cgroup_id;
	return bed->snapshot->sockets.n - 1;
}

static void check_origin(const struct bed *bed, uint32_t socket, const char *cgroup,
			 const char *unit)
{
	const struct hark_process *origin = hark_snapshot_socket_origin(bed->snapshot, socket);

	assert_non_null(origin);
	assert_string_equal(origin->cgroup, cgroup);
	if (unit)
		assert_string_equal(origin->unit, unit);
	else
		assert_null(origin->unit);
	assert_int_equal(origin->uid, HARK_NONE);
	assert_null(origin->command);
}

static void make(const struct bed *bed, const char *path)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fixture_write(bed->sys, file, "");
}

static void test_walk(void **state)
{
	struct bed *bed = *state;
	uint32_t root, ssh, again, deep, held, none, gone;

	make(bed, "fs/cgroup/system.slice/ssh.service");
	make(bed, "fs/cgroup/system.slice/web.service");
	make(bed, "fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service");
	make(bed, "fs/cgroup/user.slice/user-1000.slice/session-3.scope");
	root = add_socket(bed, id_of(bed->sys, "fs/cgroup"));
	ssh = add_socket(bed, id_of(bed->sys, "fs/cgroup/system.slice/ssh.service"));
	again = add_socket(bed, id_of(bed->sys, "fs/cgroup/system.slice/ssh.service"));
	deep = add_socket(bed, id_of(bed->sys, "fs/cgroup/user.slice/user-1000.slice/"
					       "user@1000.service/app.slice/foo.service"));
	held = add_socket(bed, id_of(bed->sys, "fs/cgroup/system.slice/web.service"));
	bed->snapshot->sockets.items[held].n_holders = 1;
	none = add_socket(bed, 0);
	gone = add_socket(bed, UINT64_MAX);
	assert_int_equal(collect_origins(&bed->source, bed->snapshot), 0);

	check_origin(bed, root, "/", NULL);
	check_origin(bed, ssh, "/system.slice/ssh.service", "ssh.service");
	check_origin(bed, again, "/system.slice/ssh.service", "ssh.service");
	check_origin(bed, deep,
		     "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
		     "foo.service");
	assert_null(hark_snapshot_socket_origin(bed->snapshot, held));
	assert_null(hark_snapshot_socket_origin(bed->snapshot, none));
	assert_null(hark_snapshot_socket_origin(bed->snapshot, gone));
	assert_int_equal(bed->snapshot->origins.n, 3);
	assert_int_equal(bed->snapshot->notes.n, 1);
	assert_int_equal(bed->snapshot->notes.items[0].what, HARK_NOTE_UNITS);
	assert_true(bed->snapshot->notes.items[0].is_debug);
}

/* Beside version 1 hierarchies, version 2 lies one folder deeper. */
static void test_hybrid(void **state)
{
	struct bed *bed = *state;
	uint32_t socket;

	make(bed, "fs/cgroup/systemd/system.slice/ssh.service");
	make(bed, "fs/cgroup/unified/system.slice/ssh.service");
	socket = add_socket(bed, id_of(bed->sys, "fs/cgroup/unified/system.slice/ssh.service"));
	assert_int_equal(collect_origins(&bed->source, bed->snapshot), 0);
	check_origin(bed, socket, "/system.slice/ssh.service", "ssh.service");
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_wide_tree(void **state)
{
	enum {
		UNITS = 300
	};
	struct bed *bed = *state;

	for (int i = 0; i < UNITS; i++) {
		char path[128];

		snprintf(path, sizeof(path), "fs/cgroup/a.slice/b%d.slice/c.slice/d%d.service",
			 i % 10, i);
		make(bed, path);
		add_socket(bed, id_of(bed->sys, path));
	}
	assert_int_equal(collect_origins(&bed->source, bed->snapshot), 0);
	for (int i = 0; i < UNITS; i++) {
		char path[128], unit[32];

		snprintf(path, sizeof(path), "/a.slice/b%d.slice/c.slice/d%d.service", i % 10, i);
		snprintf(unit, sizeof(unit), "d%d.service", i);
		check_origin(bed, (uint32_t)i, path, unit);
	}
}

static void test_missing(void **state)
{
	struct bed *bed = *state;
	uint32_t socket = add_socket(bed, 17);

	assert_int_equal(collect_origins(&bed->source, bed->snapshot), 0);
	assert_null(hark_snapshot_socket_origin(bed->snapshot, socket));
	assert_int_equal(bed->snapshot->notes.n, 1);
	assert_int_equal(bed->snapshot->notes.items[0].why, HARK_NOTE_UNSUPPORTED);
	assert_true(hark_snapshot_is_complete(bed->snapshot));
	bed->source.sys_fd = -1;
	assert_int_equal(collect_origins(&bed->source, bed->snapshot), 0);
	assert_int_equal(bed->snapshot->notes.items[0].count, 2);
}

static void test_nothing_wanted(void **state)
{
	struct bed *bed = *state;

	add_socket(bed, 0);
	assert_int_equal(collect_origins(&bed->source, bed->snapshot), 0);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

/* Makes a cgroup below the root of cgroup2, of this path there; false where that cannot be. */
static bool make_live(char name[64], char path[128])
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	snprintf(name, 64, "/hark-test-%d.slice", getpid());
	for (int i = 0; i < 2; i++) {
		snprintf(path, 128, "%s%s", mounts[i], name);
		if (statfs(mounts[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return mkdir(path, 0755) == 0;
	}
	return false;
}

/*
 * The id of a real cgroup: by a file handle as root, by looking through the directories as
 * another.
 */
static void check_live(struct bed *bed, uid_t uid)
{
	char name[64], path[128];
	uint32_t socket;
	int r;

	if (geteuid() != 0 || !make_live(name, path)) {
		print_message(
			"# needs root, and a cgroup2 file system in which cgroups can be made\n");
		skip();
		return;
	}
	socket = add_socket(bed, id_of(AT_FDCWD, path));
	source_open_live(&bed->source);
	r = seteuid(uid);
	if (r == 0)
		r = collect_origins(&bed->source, bed->snapshot);
	if (seteuid(0) < 0 || rmdir(path) < 0)
		r = -errno;
	source_close_live(&bed->source);
	assert_int_equal(r, 0);
	check_origin(bed, socket, name, NULL);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_live_as_root(void **state)
{
	check_live(*state, 0);
}

static void test_live_as_nobody(void **state)
{
	check_live(*state, NOBODY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walk, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_hybrid, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_wide_tree, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_missing, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_wanted, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_live_as_root, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_live_as_nobody, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("origins", tests, NULL, NULL);
}
