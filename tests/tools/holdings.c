/*
 * holdings: listeners that are held in ways that are hard to see, for tests of finding the holders.
 *
 *	holdings WORLD
 *
 * Opens a network namespace of its own with some listeners and the processes that hold them, prints
 * one line of JSON that says who holds which by which descriptors, and keeps it until standard
 * input ends; then a second line tells how many processes came and went meanwhile. Every process
 * dies with the first one, however that ends, and nothing stays behind.
 *
 * Exit status 77, and the reason on standard error, where the machine does not allow such a world.
 */
#include "holdings.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	/* All below 32768, where the ports of passing sockets begin. */
	FIRST_PORT = 2001,
	MAX_LISTENERS = 8,
	MAX_HOLDERS = 16,
	MAX_CHILDREN = 32,
};

struct holder {
	pid_t pid;
	int fd;
};

static struct listener {
	uint16_t port;
	unsigned long long inode;
	unsigned int n_holders;
	struct holder holders[MAX_HOLDERS];
} listeners[MAX_LISTENERS];
static unsigned int n_listeners;

static pid_t children[MAX_CHILDREN];
static unsigned int n_children;

struct self self;

void die(int status, const char *fmt, ...)
{
	int error = errno;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "%s: %s\n", text, strerror(error));
	_exit(status);
}

void check(bool done, const char *what)
{
	if (!done)
		die(EXIT_FAILURE, "holdings: %s", what);
}

int open_listener(uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 8) == 0,
	      "listening");
	return fd;
}

int listen_here(void)
{
	struct listener *listener = &listeners[n_listeners];
	struct stat status;
	int fd;

	listener->port = FIRST_PORT + n_listeners++;
	fd = open_listener(listener->port);
	check(fstat(fd, &status) == 0, "fstat");
	listener->inode = status.st_ino;
	return fd;
}

void is_held(pid_t pid, int fd)
{
	struct listener *listener = &listeners[n_listeners - 1];

	listener->holders[listener->n_holders++] = (struct holder){ pid, fd };
}

void stand(void)
{
	check(write(self.ready, "", 1) == 1, "a pipe to the first process");
	close(self.ready);
}

pid_t start(void (*body)(int fd), int fd, int flags)
{
	const pid_t parent = getpid();
	int ends[2];
	char byte;
	pid_t pid;

	check(pipe(ends) == 0, "pipe");
	pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		die(flags ? CANNOT : EXIT_FAILURE, "a process");
	if (pid == 0) {
		/* In a PID namespace of its own it has no parent. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent && getppid() != 0)
			_exit(EXIT_FAILURE);
		close(ends[0]);
		self.ready = ends[1];
		body(fd);
		for (;;)
			pause();
	}
	children[n_children++] = pid;
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		int status = 0;

		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) :
								 EXIT_FAILURE);
	}
	close(ends[0]);
	return pid;
}

void just_stand(int fd)
{
	(void)fd;
	stand();
}

void start_thread(void *(*body)(void *), void *data)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32768);
	pthread_attr_setguardsize(&attributes, 0);
	errno = pthread_create(&thread, &attributes, body, data);
	if (errno)
		die(CANNOT, "a thread");
	pthread_attr_destroy(&attributes);
}

void *idle(void *data)
{
	for (;;)
		pause();
	return data;
}

static void print_world(const char *name)
{
	printf("{ \"world\": \"%s\", \"pid\": %d, \"listeners\": [", name, getpid());
	for (unsigned int i = 0; i < n_listeners; i++) {
		const struct listener *listener = &listeners[i];

		printf("%s{ \"port\": %u, \"inode\": %llu, \"holders\": [", i ? ", " : "",
		       listener->port, listener->inode);
		for (unsigned int k = 0; k < listener->n_holders; k++)
			printf("%s[%d, %d]", k ? ", " : "", listener->holders[k].pid,
			       listener->holders[k].fd);
		printf("] }");
	}
	printf("] }\n");
	fflush(stdout);
}

static void keep(const char *name)
{
	char bytes[64];

	print_world(name);
	while (read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
		;
	for (unsigned int i = 0; i < n_children; i++)
		kill(children[i], SIGKILL);
	if (self.guard)
		close(self.guard);
	while (wait(NULL) > 0)
		;
	printf("{ \"forks\": %lu }\n", *self.n_forks);
}

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; argc == 2 && i < holding_n_worlds; i++) {
		if (strcmp(argv[1], holding_worlds[i].name) != 0)
			continue;
		close_range(STDERR_FILENO + 1, ~0U, 0);
		if (unshare(CLONE_NEWNET) < 0)
			die(CANNOT, "a network namespace");
		self.n_forks = mmap(NULL, sizeof(*self.n_forks), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		check(self.n_forks != MAP_FAILED, "shared memory");
		holding_worlds[i].make();
		keep(argv[1]);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: holdings WORLD, which is one of:");
	for (size_t i = 0; i < holding_n_worlds; i++)
		fprintf(stderr, " %s", holding_worlds[i].name);
	fprintf(stderr, "\n");
	return 2;
}
