/*
 * worldgen: a made-up host of a known size, for measuring programs that list sockets.
 *
 *	worldgen idle|small|medium|large
 *
 * Opens a network namespace of its own with so many processes, descriptors and sockets, and
 * further ones with a few; prints one line of JSON that says what it made, and keeps it until
 * standard input ends or SIGINT, SIGTERM or SIGHUP comes. Every process dies with the generator,
 * however that ends, and nothing stays behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	WORKERS_A_SHARED_SOCKET = 8,
	MEMBERS_A_GROUP = 4,
	LISTENERS_A_NAMESPACE = 20, /* of the further ones, which have a process each */
	CONNECTIONS_A_NAMESPACE = 5,
	/* All below 32768, where ephemeral ports begin: no connection takes a listener's port. */
	PORT_SHARED = 1000,
	PORT_PRIVATE = 3000,
	PORT_GROUP = 5000,
	PORT_UDP = 7000,
	PORT_SERVER = 9000,
};

struct world {
	const char *name;
	unsigned int processes;
	unsigned int descriptors; /* of all processes together, the generator's own left out */
	unsigned int listeners;   /* TCP, the servers' own left out */
	unsigned int servers;     /* processes that hold the connections, and a listener each */
	unsigned int connections; /* within the namespace: each has two established sockets */
	unsigned int udp;
	unsigned int unix_pairs;
	unsigned int namespaces; /* further ones: of all the above they have nothing */
};

static const struct world worlds[] = {
	{ "idle", 1, 4, 1, 0, 0, 0, 0, 0 },
	{ "small", 50, 2000, 20, 5, 250, 10, 33, 3 },
	{ "medium", 2000, 130000, 200, 20, 10000, 50, 365, 10 },
	{ "large", 10000, 1100000, 1000, 40, 100000, 100, 2430, 50 },
};

/* The ways in which programs bind; the namespace has these addresses on lo. */
static const struct form {
	int family;
	bool v6only;
	const char *address;
} forms[] = {
	{ AF_INET, false, "0.0.0.0" },   { AF_INET6, false, "::" },
	{ AF_INET6, true, "::" },        { AF_INET, false, "127.0.0.1" },
	{ AF_INET, false, "192.0.2.1" }, { AF_INET6, true, "2001:db8::1" },
	{ AF_INET6, true, "::1" },
};

/* The first of these forms. */
enum {
	FORM_ANY4,
	FORM_DUAL,
	FORM_ONLY6
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* How the sockets and descriptors of a world are dealt out. */
struct plan {
	struct world world;
	unsigned int shared;  /* listeners that WORKERS_A_SHARED_SOCKET processes each hold */
	unsigned int grouped; /* members of SO_REUSEPORT groups */
	unsigned int private;
	unsigned int fillers;
	unsigned int n_processes; /* those of the further namespaces come last */
};

/* Standard input, output and error, and a socket at each end of a connection. */
static const unsigned int descriptors_a_namespace =
	3 + LISTENERS_A_NAMESPACE + 2 * CONNECTIONS_A_NAMESPACE;

struct limit {
	const char *path;
	unsigned long need;
	unsigned long old; /* 0: left as it was */
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "worldgen: %s\n", text);
	_exit(EXIT_FAILURE);
}

static socklen_t fill_address(const char *text, int family, uint16_t port,
			      union address *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->any.sa_family = family;
	if (family == AF_INET) {
		ret_address->v4.sin_port = htons(port);
		inet_pton(family, text, &ret_address->v4.sin_addr);
		return sizeof(ret_address->v4);
	}
	ret_address->v6.sin6_port = htons(port);
	inet_pton(family, text, &ret_address->v6.sin6_addr);
	return sizeof(ret_address->v6);
}

/*
 * By rtnetlink, for its IFA_F_NODAD: without it an IPv6 address is tentative, and cannot be bound
 * to, until a worker thread of the kernel has run, even on lo.
 */
static void add_address(int family, const char *text)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg body;
		struct rtattr attribute;
		unsigned char address[sizeof(struct in6_addr)];
	} request = {
		.header = { .nlmsg_type = RTM_NEWADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.body = { .ifa_family = family,
			  .ifa_prefixlen = family == AF_INET ? 32 : 128,
			  .ifa_flags = IFA_F_NODAD,
			  .ifa_index = if_nametoindex("lo") },
		.attribute = { .rta_type = IFA_LOCAL },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr body;
	} reply = { .body = { .error = -EIO } };
	size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	inet_pton(family, text, request.address);
	request.attribute.rta_len = RTA_LENGTH(size);
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof(request.body)) + RTA_SPACE(size);
	if (fd < 0 || send(fd, &request, request.header.nlmsg_len, 0) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) < 0)
		die("address %s: %s", text, strerror(errno));
	if (reply.body.error)
		die("address %s: %s", text, strerror(-reply.body.error));
	close(fd);
}

static void enter_new_namespace(void)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		die("a network namespace of its own: %s (CAP_SYS_ADMIN is needed)",
		    strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) < 0)
		die("lo cannot be set up: %s", strerror(errno));
	close(fd);
	add_address(AF_INET, "192.0.2.1");
	add_address(AF_INET6, "2001:db8::1");
}

static int open_bound(const struct form *form, int type, uint16_t port, bool in_group)
{
	union address address;
	socklen_t length;
	int one = 1, v6only = form->v6only;
	int fd = socket(form->family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	length = fill_address(form->address, form->family, port, &address);
	if (form->family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
		die("IPV6_V6ONLY: %s", strerror(errno));
	if (in_group && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
		die("SO_REUSEPORT: %s", strerror(errno));
	if (bind(fd, &address.any, length) < 0)
		die("bind to %s port %u: %s", form->address, port, strerror(errno));
	if (type == SOCK_STREAM && listen(fd, 511) < 0)
		die("listen on %s port %u: %s", form->address, port, strerror(errno));
	return fd;
}

/*
 * A server and its clients in one process. Servers differ in the kind of connection: IPv4, IPv4
 * into an IPv6 socket (whose peer is then mapped), IPv6.
 */
static void open_connections(unsigned int server, unsigned int n_connections)
{
	static const struct {
		int listens;
		int family;
		const char *to;
	} kinds[] = {
		{ FORM_ANY4, AF_INET, "127.0.0.1" },
		{ FORM_DUAL, AF_INET, "127.0.0.1" },
		{ FORM_ONLY6, AF_INET6, "::1" },
	};
	unsigned int kind = server % ARRAY_SIZE(kinds);
	uint16_t port = PORT_SERVER + server;
	union address address;
	socklen_t length;
	int listener = open_bound(&forms[kinds[kind].listens], SOCK_STREAM, port, false);

	length = fill_address(kinds[kind].to, kinds[kind].family, port, &address);
	for (unsigned int i = 0; i < n_connections; i++) {
		int fd = socket(kinds[kind].family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			die("socket: %s", strerror(errno));
		if (connect(fd, &address.any, length) < 0)
			die("connect to %s port %u: %s", kinds[kind].to, port, strerror(errno));
		if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
			die("accept: %s", strerror(errno));
	}
}

/*
 * One file for all processes would have its inode in the cache as no real host has. It never has a
 * name that could stay behind.
 */
static void open_own_file(char *ret_path, size_t size)
{
	int fd = open(P_tmpdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = memfd_create("filler", MFD_CLOEXEC);
	if (fd < 0)
		die("a file of no name: %s", strerror(errno));
	snprintf(ret_path, size, "/proc/self/fd/%d", fd);
}

/* Of ten descriptors that are no sockets: five regular files, four ends of pipes, one eventfd. */
static void open_fillers(unsigned int n)
{
	char path[32];
	int ends[2], fd = 0;

	if (n == 0)
		return;
	open_own_file(path, sizeof(path));
	for (unsigned int i = 1; i < n && fd >= 0; i++) {
		unsigned int kind = i % 10;

		if (kind < 5) {
			fd = open(path, O_RDONLY | O_CLOEXEC);
		} else if (kind < 9 && i + 1 < n) {
			fd = pipe2(ends, O_CLOEXEC);
			i++;
		} else {
			fd = eventfd(0, EFD_CLOEXEC);
		}
	}
	if (fd < 0)
		die("filler descriptors: %s", strerror(errno));
}

static unsigned int share(unsigned int total, unsigned int parts, unsigned int index)
{
	return total / parts + (index < total % parts);
}

static void open_sockets(const struct plan *plan, unsigned int index)
{
	const struct world *world = &plan->world;
	unsigned int step = world->processes;
	int pair[2];

	for (unsigned int i = index; i < plan->private; i += step)
		open_bound(&forms[i % ARRAY_SIZE(forms)], SOCK_STREAM, PORT_PRIVATE + i, false);
	for (unsigned int i = index; i < plan->grouped; i += step) {
		unsigned int group = i / MEMBERS_A_GROUP;

		open_bound(&forms[group % 2 ? FORM_DUAL : FORM_ANY4], SOCK_STREAM,
			   PORT_GROUP + group, true);
	}
	for (unsigned int i = index; i < world->udp; i += step)
		open_bound(&forms[i % ARRAY_SIZE(forms)], SOCK_DGRAM, PORT_UDP + i, false);
	if (index < world->servers)
		open_connections(index, share(world->connections, world->servers, index));
	for (unsigned int i = index; i < world->unix_pairs; i += step)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			die("socketpair: %s", strerror(errno));
}

static void open_namespace(unsigned int number)
{
	enter_new_namespace();
	for (unsigned int i = 0; i < LISTENERS_A_NAMESPACE - 1; i++)
		open_bound(&forms[i % ARRAY_SIZE(forms)], SOCK_STREAM, PORT_PRIVATE + i, false);
	open_connections(number, CONNECTIONS_A_NAMESPACE);
}

__attribute__((noreturn)) static void run_process(const struct plan *plan, unsigned int index,
						  pid_t generator, int ready, int shared)
{
	const int first_free = STDERR_FILENO + 1;
	char name[20];
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != generator)
		_exit(EXIT_FAILURE);
	snprintf(name, sizeof(name), "world-%u", index);
	prctl(PR_SET_NAME, name);
	dup2(ready, STDOUT_FILENO);
	if (shared >= 0)
		dup2(shared, first_free);
	close_range(first_free + (shared >= 0), ~0U, 0);
	if (index < plan->world.processes) {
		open_sockets(plan, index);
		open_fillers(share(plan->fillers, plan->world.processes, index));
	} else {
		open_namespace(index - plan->world.processes);
	}

	if (write(STDOUT_FILENO, "", 1) != 1)
		die("a pipe to the generator: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
	for (;;)
		pause();
}

static struct plan make_plan(const struct world *world)
{
	struct plan plan = { .world = *world };
	unsigned int taken;

	plan.shared = world->listeners / 10;
	plan.grouped = world->listeners * 3 / 10 / MEMBERS_A_GROUP * MEMBERS_A_GROUP;
	plan.private = world->listeners - plan.shared - plan.grouped;
	taken = 3 * world->processes + plan.shared * WORKERS_A_SHARED_SOCKET + plan.grouped +
		plan.private + world->udp + world->servers + 2 * world->connections +
		2 * world->unix_pairs;
	if (taken > world->descriptors)
		die("the world %s needs %u descriptors", world->name, taken);
	plan.fillers = world->descriptors - taken;
	plan.n_processes = world->processes + world->namespaces;
	return plan;
}

static bool write_number(const char *path, unsigned long number)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && dprintf(fd, "%lu\n", number) > 0;

	if (fd >= 0)
		close(fd);
	return written;
}

static unsigned long read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long number = 0;

	if (!file || fscanf(file, "%lu", &number) != 1)
		die("%s: cannot be read", path);
	fclose(file);
	return number;
}

static void raise_limit(struct limit *limit)
{
	unsigned long now = read_number(limit->path);

	if (now >= limit->need)
		return;
	if (!write_number(limit->path, limit->need))
		die("%s is %lu, this world needs %lu, and it cannot be raised: %s", limit->path,
		    now, limit->need, strerror(errno));
	limit->old = now;
}

static void raise_limits(const struct world *world, struct limit *limits, size_t n_limits)
{
	unsigned long servers = world->servers ? world->servers : 1;
	unsigned long per_process =
		2 * (world->connections / servers) + world->descriptors / world->processes + 100;
	struct rlimit files;
	struct sysinfo info;

	sysinfo(&info);
	limits[0].need = read_number("/proc/sys/fs/file-nr") + world->descriptors + 10000;
	limits[1].need = per_process;
	limits[2].need = world->processes + info.procs + 5000;
	limits[3].need = world->processes + info.procs + 5000;
	for (size_t i = 0; i < n_limits; i++)
		raise_limit(&limits[i]);

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur >= per_process)
		return;
	files.rlim_cur = per_process;
	if (files.rlim_max < per_process)
		files.rlim_max = per_process;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("a process of this world needs %lu descriptors (RLIMIT_NOFILE): %s",
		    per_process, strerror(errno));
}

/* A socket that workers share is open here just while these workers are forked. */
static void start_processes(const struct plan *plan, const sigset_t *child_signals, int ready,
			    pid_t *ret_pids)
{
	pid_t generator = getpid();
	int shared = -1;

	for (unsigned int i = 0; i < plan->n_processes; i++) {
		unsigned int socket_index = i / WORKERS_A_SHARED_SOCKET;

		if (i % WORKERS_A_SHARED_SOCKET == 0 && shared >= 0) {
			close(shared);
			shared = -1;
		}
		if (i % WORKERS_A_SHARED_SOCKET == 0 && socket_index < plan->shared)
			shared = open_bound(&forms[socket_index % 2 ? FORM_DUAL : FORM_ANY4],
					    SOCK_STREAM, PORT_SHARED + socket_index, false);
		ret_pids[i] = fork();
		if (ret_pids[i] < 0)
			die("process %u of %u: %s (RLIMIT_NPROC, or pids.max of the cgroup)", i + 1,
			    plan->n_processes, strerror(errno));
		if (ret_pids[i] == 0) {
			sigprocmask(SIG_SETMASK, child_signals, NULL);
			run_process(plan, i, generator, ready, shared);
		}
	}
	if (shared >= 0)
		close(shared);
}

/*
 * Returns what read() says, or 0 at a signal to stop. A dead process makes the world another than
 * was said: then all ends.
 */
static ssize_t read_unless_broken(int fd, int signals, void *ret_buffer, size_t size)
{
	struct pollfd wait_for[] = { { .fd = fd, .events = POLLIN },
				     { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;

	while (poll(wait_for, ARRAY_SIZE(wait_for), -1) < 0)
		if (errno != EINTR)
			die("poll: %s", strerror(errno));
	if (!wait_for[1].revents)
		return read(fd, ret_buffer, size);
	if (read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGCHLD)
		die("process %u of this world has died", info.ssi_pid);
	return 0;
}

/* The inode of a process' network namespace. */
static unsigned long long namespace_of(pid_t pid)
{
	char path[32];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &status) < 0)
		die("%s: %s", path, strerror(errno));
	return status.st_ino;
}

/* "tcp_listeners" to "established" are of the generator's own namespace. */
static void print_world(const struct plan *plan, const pid_t *pids)
{
	const struct world *world = &plan->world;
	unsigned int listeners = world->listeners + world->servers;
	unsigned int elsewhere = LISTENERS_A_NAMESPACE + 2 * CONNECTIONS_A_NAMESPACE;

	printf("{ \"world\": \"%s\", \"pid\": %d, \"processes\": %u, \"descriptors\": %u, "
	       "\"sockets\": %u, \"tcp_listeners\": %u, \"tcp_listener_holders\": %u, \"udp\": %u, "
	       "\"established\": %u, \"unix\": %u, \"listeners_elsewhere\": %u, "
	       "\"established_elsewhere\": %u, \"namespaces\": [%llu",
	       world->name, getpid(), plan->n_processes,
	       world->descriptors + world->namespaces * descriptors_a_namespace,
	       listeners + world->udp + 2 * world->connections + 2 * world->unix_pairs +
		       world->namespaces * elsewhere,
	       listeners, listeners + plan->shared * (WORKERS_A_SHARED_SOCKET - 1), world->udp,
	       2 * world->connections, 2 * world->unix_pairs,
	       world->namespaces * LISTENERS_A_NAMESPACE,
	       world->namespaces * 2 * CONNECTIONS_A_NAMESPACE, namespace_of(getpid()));
	for (unsigned int i = world->processes; i < plan->n_processes; i++)
		printf(", %llu", namespace_of(pids[i]));
	printf("] }\n");
	fflush(stdout);
}

/* Until all processes stand; false if a signal or the end of standard input said to stop. */
static bool wait_until_ready(const struct plan *plan, int ready, int signals)
{
	char bytes[4096];

	for (unsigned int n_ready = 0; n_ready < plan->n_processes;) {
		ssize_t n = read_unless_broken(ready, signals, bytes, sizeof(bytes));

		if (n <= 0)
			return false;
		n_ready += n;
	}
	return true;
}

static void keep(const struct plan *plan)
{
	struct limit limits[] = {
		{ "/proc/sys/fs/file-max", 0, 0 },
		{ "/proc/sys/fs/nr_open", 0, 0 },
		{ "/proc/sys/kernel/pid_max", 0, 0 },
		{ "/proc/sys/kernel/threads-max", 0, 0 },
	};
	unsigned int n_processes = plan->n_processes;
	pid_t *pids = calloc(n_processes, sizeof(*pids));
	sigset_t watched, before;
	int signals, ready[2];
	char byte;

	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	sigaddset(&watched, SIGHUP);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGTERM);
	sigprocmask(SIG_BLOCK, &watched, &before);
	signals = signalfd(-1, &watched, SFD_CLOEXEC);
	if (!pids || signals < 0 || pipe2(ready, O_CLOEXEC) < 0)
		die("%s", strerror(errno));

	raise_limits(&plan->world, limits, ARRAY_SIZE(limits));
	enter_new_namespace();
	start_processes(plan, &before, ready[1], pids);
	if (wait_until_ready(plan, ready[0], signals)) {
		print_world(plan, pids);
		while (read_unless_broken(STDIN_FILENO, signals, &byte, 1) > 0)
			;
	}

	for (unsigned int i = 0; i < n_processes; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i].old)
			write_number(limits[i].path, limits[i].old);
	free(pids);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(worlds); i++) {
		if (!strcmp(argv[1], worlds[i].name)) {
			struct plan plan = make_plan(&worlds[i]);

			close_range(STDERR_FILENO + 1, ~0U, 0);
			keep(&plan);
			return EXIT_SUCCESS;
		}
	}
	fprintf(stderr, "usage: worldgen idle|small|medium|large\n");
	return 2;
}
