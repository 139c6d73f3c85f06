/*
 * measure: run one command and print what it took.
 *
 *	measure COMMAND [ARGUMENT...]
 *
 * Prints wall time (ns, from before the fork until the exit was seen), user and system time (us),
 * peak resident set (KiB) and exit status on one line. The command's own output goes to /dev/null.
 *
 * It is this small because the kernel counts the memory that a process had before exec, which is
 * its parent's after vfork and a copy of it after fork, as that process' own peak: run from Python,
 * /bin/true takes 10 MiB.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long microseconds(const struct timeval *time)
{
	return time->tv_sec * 1000000LL + time->tv_usec;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	long long start, wall;
	int rc, status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: measure COMMAND [ARGUMENT...]\n");
		return 2;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);

	start = nanoseconds();
	rc = posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ);
	if (rc != 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(rc));
		return EXIT_FAILURE;
	}
	if (wait4(pid, &status, 0, &usage) != pid) {
		perror("measure: wait4");
		return EXIT_FAILURE;
	}
	wall = nanoseconds() - start;
	posix_spawn_file_actions_destroy(&actions);

	printf("%lld %lld %lld %ld %d\n", wall, microseconds(&usage.ru_utime),
	       microseconds(&usage.ru_stime), usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return EXIT_SUCCESS;
}
