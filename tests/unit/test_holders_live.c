/* SPDX-License-Identifier: MIT */
/*
 * Who holds which socket, of real processes: whatever this machine lets us see of our own
 * children.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect.h"

#define NOBODY 65534
#define CANNOT 77 /* exit status: the machine does not allow what the test needs */

struct bed {
	struct hark_source source;
	struct hark_snapshot *snapshot;
};

static int set_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	source_open_live(&bed->source);
	bed->snapshot = snapshot_new();
	assert_non_null(bed->snapshot);
	*state = bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	hark_snapshot_free(bed->snapshot);
	source_close_live(&bed->source);
	free(bed);
	return 0;
}

static uint32_t inode_of(int fd)
{
	struct stat stat;

	assert_int_equal(fstat(fd, &stat), 0);
	return (uint32_t)stat.st_ino;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static const struct hark_socket *collect(struct bed *bed, uint32_t inode, uint32_t details)
{
	struct hark_socket *socket = array_push(&bed->snapshot->sockets);

	assert_non_null(socket);
	socket->inode = inode;
	assert_int_equal(
		holders_collect(&bed->source, bed->snapshot, details, HARK_HOLDERS_PROC, NULL), 0);
	return &bed->snapshot->sockets.items[bed->snapshot->sockets.n - 1];
}

static bool is_held(const struct bed *bed, const struct hark_socket *socket, pid_t pid, int fd)
{
	for (uint32_t i = 0; i < socket->n_holders; i++) {
		const struct hark_holder *holder =
			&bed->snapshot->holders.items[socket->first_holder + i];

		if (bed->snapshot->processes.items[holder->process].pid == (uint32_t)pid &&
		    holder->fd == (uint32_t)fd)
			return true;
	}
	return false;
}

/*
 * A child that runs `body`, says so by a byte, and stays until it is ended. What it opened
 * besides, it sends as an inode.
 */
struct child {
	pid_t pid;
	uint32_t inode;
	int fd; /* the child's number of it */
};

struct message {
	uint32_t inode;
	int fd;
};

static struct child start(void (*body)(int report), int flags)
{
	struct child child = { 0 };
	struct message message;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child.pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body(ends[1]);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &message, sizeof(message)), sizeof(message));
	close(ends[0]);
	close(ends[1]);
	child.inode = message.inode;
	child.fd = message.fd;
	return child;
}

static void end(const struct child *child)
{
	assert_int_equal(kill(child->pid, SIGKILL), 0);
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
}

static void tell(int report, int fd)
{
	struct stat stat = { 0 };
	struct message message = { .fd = fd };

	if (fd >= 0 && fstat(fd, &stat) < 0)
		_exit(1);
	message.inode = (uint32_t)stat.st_ino;
	if (write(report, &message, sizeof(message)) != sizeof(message))
		_exit(1);
}

static void just_stay(int report)
{
	tell(report, -1);
}

/* That it is this program's, of which the kernel keeps 15 bytes. */
static void check_command(const struct hark_process *process)
{
	char name[16];

	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_string_equal(process->command, name);
}

static void test_self(void **state)
{
	struct bed *bed = *state;
	int fd = new_socket(), copy = dup(fd);
	const struct hark_socket *socket = collect(bed, inode_of(fd), HARK_DETAIL_ALL);
	const struct hark_process *process;
	char executable[4096], stat[1024];
	ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable));
	unsigned long long start_ticks;

	assert_int_equal(socket->holders, HARK_KNOWN);
	assert_int_equal(socket->n_holders, 2);
	assert_true(is_held(bed, socket, getpid(), fd));
	assert_true(is_held(bed, socket, getpid(), copy));
	assert_int_equal(bed->snapshot->processes.n, 1);
	process = &bed->snapshot->processes.items[0];
	assert_int_equal(process->uid, geteuid());
	check_command(process);
	assert_int_equal(strlen(process->executable), length);
	assert_memory_equal(process->executable, executable, length);
	assert_non_null(strstr(process->command_line, program_invocation_short_name));
	assert_true(source_read_file(bed->source.proc_fd, "self/stat", stat, sizeof(stat)) > 0);
	assert_int_equal(sscanf(strrchr(stat, ')') + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
				"%*d %*d %*d %llu",
				&start_ticks),
			 1);
	assert_int_equal(process->start_ticks, start_ticks);
	close(fd);
	close(copy);
}

static void test_shared_with_children(void **state)
{
	struct bed *bed = *state;
	int fd = new_socket();
	struct child forked = start(just_stay, 0), sharing = start(just_stay, CLONE_FILES);
	const struct hark_socket *socket = collect(bed, inode_of(fd), 0);

	end(&forked);
	end(&sharing);
	assert_int_equal(socket->n_holders, 3);
	assert_true(is_held(bed, socket, getpid(), fd));
	assert_true(is_held(bed, socket, forked.pid, fd));
	assert_true(is_held(bed, socket, sharing.pid, fd));
	close(fd);
}

static void set_odd_name(int report)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	prctl(PR_SET_NAME, "a) \n(b\n");
	tell(report, fd);
}

static void test_odd_name(void **state)
{
	struct bed *bed = *state;
	struct child child = start(set_odd_name, 0);
	const struct hark_socket *socket = collect(bed, child.inode, HARK_DETAIL_ALL);

	end(&child);
	assert_int_equal(socket->n_holders, 1);
	assert_true(is_held(bed, socket, child.pid, child.fd));
	assert_string_equal(bed->snapshot->processes.items[0].command, "a) \n(b\n");
	assert_int_equal(bed->snapshot->processes.items[0].uid, geteuid());
	assert_true(bed->snapshot->processes.items[0].start_ticks > 0);
}

/* A socket in flight is open, and yet nobody's descriptor. */
static void test_in_flight(void **state)
{
	struct bed *bed = *state;
	int fd = new_socket(), pair[2];
	uint32_t inode = inode_of(fd);
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	const struct hark_socket *socket;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	assert_int_equal(sendmsg(pair[0], &message, 0), 1);
	close(fd);
	socket = collect(bed, inode, 0);
	assert_int_equal(socket->n_holders, 0);
	assert_int_equal(socket->holders, socket->holders_complete ? HARK_ABSENT : HARK_DENIED);
	assert_true(socket->holders_complete || bed->snapshot->notes.n);
	close(pair[0]);
	close(pair[1]);
}

static void *open_in_own_table(void *data)
{
	int *report = data;

	if (unshare(CLONE_FILES) < 0)
		_exit(1);
	tell(*report, socket(AF_UNIX, SOCK_STREAM, 0));
	for (;;)
		pause();
	return NULL;
}

/* Five threads share the table, a sixth has its own. */
static void start_thread_with_own_table(int report)
{
	static int static_report;
	pthread_t thread;

	static_report = report;
	for (int i = 0; i < 5; i++)
		if (pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))pause, NULL))
			_exit(1);
	if (pthread_create(&thread, NULL, open_in_own_table, &static_report))
		_exit(1);
}

static void test_thread_with_own_table(void **state)
{
	struct bed *bed = *state;
	struct child child = start(start_thread_with_own_table, 0);
	const struct hark_socket *socket = collect(bed, child.inode, HARK_DETAIL_ALL);

	end(&child);
	assert_int_equal(socket->n_holders, 1);
	assert_true(is_held(bed, socket, child.pid, child.fd));
	check_command(&bed->snapshot->processes.items[0]);
}

static void *outlive_leader(void *data)
{
	int *report = data;
	char path[64], text[1024];

	/* The leader has left once its table has gone; no event tells of that. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), *report);
	while (readlink(path, text, sizeof(text)) >= 0)
		sched_yield();
	tell(*report, socket(AF_UNIX, SOCK_STREAM, 0));
	for (;;)
		pause();
	return NULL;
}

static void leave_to_thread(int report)
{
	static int static_report;
	pthread_t thread;

	static_report = report;
	if (pthread_create(&thread, NULL, outlive_leader, &static_report))
		_exit(1);
	syscall(SYS_exit, 0);
}

static void test_leader_gone(void **state)
{
	struct bed *bed = *state;
	struct child child = start(leave_to_thread, 0);
	const struct hark_socket *socket = collect(bed, child.inode, 0);

	end(&child);
	assert_int_equal(socket->n_holders, 1);
	assert_true(is_held(bed, socket, child.pid, child.fd));
}

static void test_many_descriptors(void **state)
{
	struct bed *bed = *state;
	struct rlimit before, more;
	int fd = new_socket(), n = 0, last = fd;
	const struct hark_socket *socket;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	more = before;
	more.rlim_cur = more.rlim_max < 20100 ? more.rlim_max : 20100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	while (n < 20000 && n < (int)more.rlim_cur - 100) {
		last = dup(fd);
		assert_true(last >= 0);
		n++;
	}
	print_message("# %d descriptors\n", n);
	socket = collect(bed, inode_of(fd), 0);
	assert_int_equal(socket->n_holders, n + 1);
	assert_true(is_held(bed, socket, getpid(), last));
	for (uint32_t i = 1; i < socket->n_holders; i++)
		assert_true(bed->snapshot->holders.items[i - 1].fd <
			    bed->snapshot->holders.items[i].fd);
	assert_int_equal(close_range((unsigned int)fd, (unsigned int)last, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* Processes that come and go all the time are no error, and hide nobody. */
static void test_churn(void **state)
{
	struct bed *bed = *state;
	int fd = new_socket();
	pid_t churner = fork();

	assert_true(churner >= 0);
	if (churner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			if (pid > 0)
				waitpid(pid, NULL, 0);
		}
	}
	for (int i = 0; i < 50; i++) {
		const struct hark_socket *socket = collect(bed, inode_of(fd), HARK_DETAIL_ALL);

		assert_true(is_held(bed, socket, getpid(), fd));
		assert_true(is_held(bed, socket, churner, fd));
		for (uint32_t k = 0; k < bed->snapshot->processes.n; k++)
			assert_non_null(bed->snapshot->processes.items[k].command);
		for (uint32_t k = 0; k < bed->snapshot->notes.n; k++)
			assert_int_not_equal(bed->snapshot->notes.items[k].why, HARK_NOTE_FAILED);
		hark_snapshot_free(bed->snapshot);
		bed->snapshot = snapshot_new();
		assert_non_null(bed->snapshot);
	}
	kill(churner, SIGKILL);
	waitpid(churner, NULL, 0);
	close(fd);
}

/* Runs in a child that has become nobody; its own exit status is what it saw. */
static int see_as_nobody(struct bed *bed, uint32_t hidden)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat stat;
	struct hark_socket *sockets;
	bool says_hidden = false;

	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || fstat(fd, &stat) < 0 ||
	    array_reserve(&bed->snapshot->sockets, 2u) < 0)
		return 10;
	sockets = bed->snapshot->sockets.items;
	sockets[0] = (struct hark_socket){ .inode = (uint32_t)stat.st_ino };
	sockets[1] = (struct hark_socket){ .inode = hidden };
	bed->snapshot->sockets.n = 2;
	if (holders_collect(&bed->source, bed->snapshot, 0, HARK_HOLDERS_PROC, NULL) != 0)
		return 11;
	for (uint32_t i = 0; i < bed->snapshot->notes.n; i++)
		says_hidden |= strstr(bed->snapshot->notes.items[i].detail, "hidepid") &&
			       bed->snapshot->notes.items[i].why == HARK_NOTE_PERMISSION;
	if (!is_held(bed, &sockets[0], getpid(), fd))
		return 12;
	if (sockets[1].n_holders || sockets[1].holders != HARK_DENIED ||
	    sockets[1].holders_complete)
		return 13;
	return says_hidden ? 1 : 0;
}

static int run_as_nobody(struct bed *bed)
{
	struct child holder = { .pid = fork() };
	int fd, status;
	pid_t pid;

	assert_true(holder.pid >= 0);
	if (holder.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	fd = new_socket();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		uint32_t hidden = inode_of(fd);

		close(fd);
		_exit(see_as_nobody(bed, hidden));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	end(&holder);
	close(fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_unprivileged(void **state)
{
	if (geteuid() != 0) {
		print_message("# needs root, to become somebody else\n");
		skip();
	}
	assert_int_equal(run_as_nobody(*state), 0);
}

/* A new mount of /proc, which belongs to the caller's PID namespace; -1 where that cannot be. */
static int mount_proc(const char *hidepid)
{
	int context = fsopen("proc", FSOPEN_CLOEXEC), fd = -1;

	if (context < 0)
		return -1;
	if (fsconfig(context, FSCONFIG_SET_STRING, "hidepid", hidepid, 0) == 0 &&
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return fd;
}

/* With hidepid=2 the processes of others are not even listed; that must not look like nobody. */
static void test_hidden_processes(void **state)
{
	struct bed *bed = *state;
	int hiding = mount_proc("2");

	if (hiding < 0) {
		print_message("# needs root and Linux 5.8, for a /proc with hidepid\n");
		skip();
		return;
	}
	close(bed->source.proc_fd);
	bed->source.proc_fd = hiding;
	assert_int_equal(run_as_nobody(bed), 1);
}

/* Runs as the first process of a PID namespace. `unheld` is open, but not in here. */
static int see_from_inside(struct bed *bed, uint32_t unheld)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat stat;
	struct hark_socket *sockets;

	bed->source.proc_fd = mount_proc("0");
	if (bed->source.proc_fd < 0)
		return CANNOT;
	if (fstat(fd, &stat) < 0 || array_reserve(&bed->snapshot->sockets, 2u) < 0)
		return 10;
	sockets = bed->snapshot->sockets.items;
	sockets[0] = (struct hark_socket){ .inode = (uint32_t)stat.st_ino };
	sockets[1] = (struct hark_socket){ .inode = unheld };
	bed->snapshot->sockets.n = 2;
	if (holders_collect(&bed->source, bed->snapshot, 0, HARK_HOLDERS_PROC, NULL) != 0)
		return 11;
	if (!is_held(bed, &sockets[0], 1, fd) || !sockets[0].holders_complete)
		return 12;
	if (sockets[1].n_holders || sockets[1].holders != HARK_DENIED ||
	    sockets[1].holders_complete)
		return 13;
	if (bed->snapshot->notes.n != 1 ||
	    bed->snapshot->notes.items[0].why != HARK_NOTE_PERMISSION)
		return 14;
	return 0;
}

/* Holders outside of the PID namespace are out of sight: "nobody" would be a lie. */
static void test_inner_pid_namespace(void **state)
{
	struct bed *bed = *state;
	int fd = new_socket(), status;
	pid_t outer;

	outer = fork();
	assert_true(outer >= 0);
	if (outer == 0) {
		uint32_t unheld = inode_of(fd);
		pid_t inner;

		if (unshare(CLONE_NEWPID) < 0)
			_exit(CANNOT);
		inner = fork();
		if (inner == 0) {
			close(fd);
			_exit(see_from_inside(bed, unheld));
		}
		if (inner < 0 || waitpid(inner, &status, 0) != inner || !WIFEXITED(status))
			_exit(21);
		_exit(WEXITSTATUS(status));
	}
	assert_int_equal(waitpid(outer, &status, 0), outer);
	close(fd);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT) {
		print_message("# needs root and Linux 5.8, for a PID namespace and its /proc\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_self, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared_with_children, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_odd_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_in_flight, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thread_with_own_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leader_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_churn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unprivileged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hidden_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inner_pid_namespace, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("holders_live", tests, NULL, NULL);
}
