/* The worlds of holdings, by name. */
#include "holdings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FORKS_A_SECOND = 500,
	FORKS_AT_ONCE = 8,
	SOCKETS_A_FORK = 800,
	SOCKETS_AT_ONCE = 100,
	MANY_DESCRIPTORS = 20000,
	DESCRIPTORS_TO_GROW = 1000,
	MANY_THREADS = 15000,
};

static char cgroup[128]; /* its folder */

/* plain: a process each, and none besides. */
static void make_plain(void)
{
	int fd = listen_here();

	is_held(start(just_stand, fd, 0), fd);
	close(fd);
}

static void hold_often(int fd)
{
	check(dup2(fd, 50) >= 0 && dup2(fd, 51) >= 0 && dup2(fd, 700) >= 0, "dup2");
	stand();
}

static void hold_high(int fd)
{
	check(dup2(fd, 1500) >= 0 && dup2(fd, 3000) >= 0, "dup2");
	close(fd);
	stand();
}

/* shared: by several processes, by several descriptors of one, by numbers above 1024. */
static void make_shared(void)
{
	pid_t pid;
	int fd;

	make_plain();
	fd = listen_here();
	for (int i = 0; i < 5; i++)
		is_held(start(just_stand, fd, 0), fd);
	close(fd);
	fd = listen_here();
	pid = start(hold_often, fd, 0);
	is_held(pid, fd);
	is_held(pid, 50);
	is_held(pid, 51);
	is_held(pid, 700);
	close(fd);
	fd = listen_here();
	pid = start(hold_high, fd, 0);
	is_held(pid, 1500);
	is_held(pid, 3000);
	close(fd);
}

__attribute__((noreturn)) static void open_and_close(void)
{
	int fds[SOCKETS_AT_ONCE];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < SOCKETS_A_FORK; i += SOCKETS_AT_ONCE) {
		for (int k = 0; k < SOCKETS_AT_ONCE; k++)
			fds[k] = open_listener(0);
		for (int k = 0; k < SOCKETS_AT_ONCE; k++)
			close(fds[k]);
	}
	_exit(EXIT_SUCCESS);
}

/* As many forks a second as the machine can do, 500 at most. */
static void fork_on(int unused)
{
	const struct itimerspec pace = {
		.it_interval.tv_nsec = 1000000000 / FORKS_A_SECOND,
		.it_value.tv_nsec = 1,
	};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t n_due;

	(void)unused;
	check(timer >= 0 && timerfd_settime(timer, 0, &pace, NULL) == 0, "a timer");
	stand();
	for (int n_running = 0;;) {
		pid_t pid;

		while (n_running && waitpid(-1, NULL, n_running < FORKS_AT_ONCE ? WNOHANG : 0) > 0)
			n_running--;
		check(read(timer, &n_due, sizeof(n_due)) == sizeof(n_due), "a timer");
		pid = fork();
		check(pid >= 0, "fork");
		if (pid == 0)
			open_and_close();
		n_running++;
		++*self.n_forks;
	}
}

/* churn: the same beside processes that come and go, with many sockets. */
static void make_churn(void)
{
	make_shared();
	start(fork_on, -1, 0);
}

/* As many descriptors as one process may have, up to what is of use here. */
static int allow_descriptors(void)
{
	struct rlimit files;

	check(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
	if (files.rlim_max > 4 * MANY_DESCRIPTORS)
		files.rlim_max = 4 * MANY_DESCRIPTORS;
	files.rlim_cur = files.rlim_max;
	check(setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
	if (files.rlim_max < 4 * DESCRIPTORS_TO_GROW) {
		errno = EMFILE;
		die(CANNOT, "a process may have %lu descriptors", (unsigned long)files.rlim_max);
	}
	return (int)files.rlim_max;
}

static int n_descriptors(void)
{
	int most = allow_descriptors() - DESCRIPTORS_TO_GROW;

	return most < MANY_DESCRIPTORS ? most : MANY_DESCRIPTORS;
}

/* To ever higher numbers, and down again. */
static void *dup_upwards(void *data)
{
	int n = n_descriptors(), limit = allow_descriptors();

	for (;;)
		for (int fd = n; fd < limit; fd++)
			if (dup2(STDERR_FILENO, fd) >= 0)
				close(fd);
	return data;
}

static void hold_among_many(int fd)
{
	int n = n_descriptors();

	for (int i = STDERR_FILENO + 1; i < n - 1; i++)
		check(i == fd || i == self.ready || dup2(STDERR_FILENO, i) >= 0, "dup2");
	check(dup2(fd, n - 1) >= 0, "dup2");
	start_thread(dup_upwards, NULL);
	stand();
}

/* Tables do not shrink: each process that is to grow one is a new one. */
static void grow_on(int unused)
{
	int limit = allow_descriptors();

	(void)unused;
	stand();
	for (;; ++*self.n_forks) {
		pid_t pid = fork();

		check(pid >= 0, "fork");
		if (pid == 0) {
			int fd = open_listener(0);

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (int to = 64; to < limit; to *= 2)
				dup2(fd, to);
			_exit(EXIT_SUCCESS);
		}
		waitpid(pid, NULL, 0);
	}
}

/* growing: 20,000 descriptors in one process, and tables that grow meanwhile. */
static void make_growing(void)
{
	int fd = listen_here();
	pid_t pid = start(hold_among_many, fd, 0);

	is_held(pid, fd);
	is_held(pid, n_descriptors() - 1);
	close(fd);
	start(grow_on, -1, 0);
}

static void hold_with_threads(int unused)
{
	(void)unused;
	for (int i = 0; i < MANY_THREADS; i++)
		start_thread(idle, NULL);
	stand();
}

/* threads: 15,000 of them. */
static void make_threads(void)
{
	int fd = listen_here();

	is_held(start(hold_with_threads, fd, 0), fd);
	close(fd);
}

/* nested: in two PID namespaces of their own, in each of which the holder is process 1. */
static void make_nested(void)
{
	int fd = listen_here();

	is_held(start(just_stand, fd, CLONE_NEWPID), fd);
	is_held(start(just_stand, fd, CLONE_NEWPID), fd);
	close(fd);
}

static void leave_zombie(int unused)
{
	stand();
	_exit(unused < 0);
}

static void *outlive_leader(void *data)
{
	char path[64], text[64];
	int fd = *(int *)data;

	/* The leader has left once its table has gone; no event tells of that. */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	while (readlink(path, text, sizeof(text)) >= 0)
		sched_yield();
	stand();
	return idle(NULL);
}

static void leave_to_thread(int fd)
{
	static int kept;

	kept = fd;
	start_thread(outlive_leader, &kept);
	start_thread(idle, NULL);
	syscall(SYS_exit, 0);
}

/* leaderless: the leader has left, its threads have not; and a zombie holds nothing. */
static void make_leaderless(void)
{
	int fd = listen_here();

	is_held(start(leave_to_thread, fd, 0), fd);
	close(fd);
	start(leave_zombie, 0, 0);
}

static void *move_to_own_table(void *data)
{
	int *fds = data;

	check(unshare(CLONE_FILES) == 0 && dup2(fds[0], 77) >= 0, "a table of its own");
	close(fds[0]);
	check(write(fds[1], "", 1) == 1, "a pipe");
	return idle(NULL);
}

static void hold_by_thread(int fd)
{
	static int fds[2];
	int ends[2];
	char byte;

	check(pipe(ends) == 0, "pipe");
	fds[0] = fd;
	fds[1] = ends[1];
	start_thread(idle, NULL);
	start_thread(move_to_own_table, fds);
	check(read(ends[0], &byte, 1) == 1, "a pipe");
	close(fd);
	stand();
}

/* owntable: by a thread that has a table of its own, not by the others; by a process besides. */
static void make_owntable(void)
{
	int fd = listen_here();

	is_held(start(hold_by_thread, fd, 0), 77);
	close(fd);
	fd = listen_here();
	is_held(start(hold_by_thread, fd, 0), 77);
	is_held(start(just_stand, fd, 0), fd);
	close(fd);
}

static void send_off(int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	check(sendmsg(pair[0], &message, 0) == 1, "sendmsg");
	close(fd);
	stand();
}

/* flight: sent by SCM_RIGHTS and not received: nobody has a descriptor. */
static void make_flight(void)
{
	int fd = listen_here();

	start(send_off, fd, 0);
	close(fd);
}

static void give_to_ring(int fd)
{
	struct io_uring_params params = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (ring < 0)
		die(CANNOT, "io_uring");
	check(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) == 0,
	      "a fixed table");
	close(fd);
	stand();
}

/* fixed: in the fixed table of an io_uring alone. */
static void make_fixed(void)
{
	int fd = listen_here();

	start(give_to_ring, fd, 0);
	close(fd);
}

static void write_cgroup(const char *name, const char *text)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
	close(fd);
}

/* Until cgroup.events has this line. */
static void await_cgroup(const char *line)
{
	struct pollfd events = { .events = POLLPRI };
	char path[192], text[256];

	snprintf(path, sizeof(path), "%s/cgroup.events", cgroup);
	events.fd = open(path, O_RDONLY | O_CLOEXEC);
	check(events.fd >= 0, path);
	for (;;) {
		ssize_t n = pread(events.fd, text, sizeof(text) - 1, 0);

		check(n >= 0, path);
		text[n] = '\0';
		if (strstr(text, line))
			break;
		poll(&events, 1, -1);
	}
	close(events.fd);
}

/* It alone outlives the first process, to take the cgroup away. */
static void start_guardian(void)
{
	int ends[2];
	char byte;
	pid_t pid;

	check(pipe(ends) == 0, "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	self.guard = ends[1];
	if (pid) {
		close(ends[0]);
		return;
	}
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	dup2(ends[0], STDIN_FILENO);
	close_range(STDIN_FILENO + 1, ~0U, 0);
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		;
	await_cgroup("populated 0");
	_exit(rmdir(cgroup) < 0);
}

static void make_cgroup(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *mount;

	check(mounts, "/proc/self/mounts");
	while (!cgroup[0] && (mount = getmntent(mounts)))
		if (!strcmp(mount->mnt_type, "cgroup2"))
			snprintf(cgroup, sizeof(cgroup), "%s/hark-test-XXXXXX", mount->mnt_dir);
	endmntent(mounts);
	errno = ENOENT;
	if (!cgroup[0] || !mkdtemp(cgroup))
		die(CANNOT, "a cgroup (v2)");
	start_guardian();
}

static void hold_when_frozen(int unused)
{
	(void)unused;
	close(self.guard);
	stand();
}

/* frozen: by a process that cannot do anything any more, not even die by most signals. */
static void make_frozen(void)
{
	char pid_text[16];
	pid_t pid;
	int fd;

	make_cgroup();
	fd = listen_here();
	pid = start(hold_when_frozen, fd, 0);
	is_held(pid, fd);
	close(fd);
	snprintf(pid_text, sizeof(pid_text), "%d", pid);
	write_cgroup("cgroup.procs", pid_text);
	write_cgroup("cgroup.freeze", "1");
	await_cgroup("frozen 1");
}

const struct world holding_worlds[] = {
	{ "plain", make_plain },       { "shared", make_shared },
	{ "churn", make_churn },       { "growing", make_growing },
	{ "threads", make_threads },   { "nested", make_nested },
	{ "frozen", make_frozen },     { "leaderless", make_leaderless },
	{ "owntable", make_owntable }, { "flight", make_flight },
	{ "fixed", make_fixed },
};
const size_t holding_n_worlds = sizeof(holding_worlds) / sizeof(holding_worlds[0]);
