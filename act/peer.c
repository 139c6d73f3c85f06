/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rtnl.h"

#define INSIDE_NAME "peer"
#define MAX_TRIES   32   /* for addresses that nobody uses */
#define WAIT_MS     3000 /* for what the kernel does in workers of its own */

/*
 * Work that is done inside. Each takes a thread of its own that ends: this one stays where it is.
 */
struct errand {
	int netns_fd; /* -1: a new namespace */
	int af, type; /* of the socket that is wanted */
	int fd;       /* result: the socket, or -errno */
};

static void *run_errand(void *data)
{
	struct errand *errand = data;

	if (errand->netns_fd < 0 ? unshare(CLONE_NEWNET) < 0 :
				   setns(errand->netns_fd, CLONE_NEWNET) < 0) {
		errand->fd = -errno;
		return NULL;
	}
	if (errand->netns_fd < 0) {
		errand->netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		errand->fd = errand->netns_fd < 0 ? -errno : rtnl_open();
		return NULL;
	}
	errand->fd = socket(errand->af, errand->type | SOCK_CLOEXEC, 0);
	if (errand->fd < 0)
		errand->fd = -errno;
	return NULL;
}

static int do_inside(struct errand *errand)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run_errand, errand);

	if (r)
		return -r;
	pthread_join(thread, NULL);
	return errand->fd;
}

int peer_socket(const struct peer *peer, int af, int type)
{
	struct errand errand = { .netns_fd = peer->netns_fd, .af = af, .type = type };

	return do_inside(&errand);
}

/* Nothing that is open in us may stay open in the keeper: somebody may wait for its end. */
static void keep(int fd, const char *name)
{
	char byte;

	dup2(fd, STDIN_FILENO);
	close_range(STDIN_FILENO + 1, UINT_MAX, 0);
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		continue;
	rtnl_delete_link(rtnl_open(), name);
	_exit(0);
}

static int start_keeper(struct peer *peer)
{
	sigset_t all, before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	peer->keeper_fd = ends[1];
	peer->keeper = fork();
	if (peer->keeper == 0)
		keep(ends[0], peer->name);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	return peer->keeper < 0 ? -errno : 0;
}

/* What nobody routes anywhere but by default is nobody's: so it is with these prefixes. */
static bool is_unused(int fd, const struct hark_addr *addr)
{
	uint8_t bits;
	bool is_local;
	int r = rtnl_get_route(fd, addr, &bits, &is_local);

	return r < 0 || (bits == 0 && !is_local);
}

/* RFC 5737 and RFC 3849. */
static int choose_address(int fd, enum hark_family family, struct hark_addr *ret)
{
	static const uint8_t prefixes4[][3] = { { 192, 0, 2 }, { 198, 51, 100 }, { 203, 0, 113 } };
	uint8_t bytes[16];

	for (int i = 0; i < MAX_TRIES; i++) {
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return -EIO;
		if (family == HARK_FAMILY_INET) {
			memcpy(bytes, prefixes4[i % 3], 3);
			bytes[3] = (uint8_t)(1 + bytes[3] % 254);
			*ret = hark_addr_from_ipv4(bytes);
		} else {
			memcpy(bytes, (const uint8_t[]){ 0x20, 0x01, 0x0d, 0xb8 }, 4);
			*ret = hark_addr_from_ipv6(bytes, 0);
		}
		if (is_unused(fd, ret))
			return 0;
	}
	return -EADDRINUSE;
}

static void wait_a_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* A link that is up takes packets only after a worker of the kernel has seen its carrier. */
static int wait_until_running(int fd, const char *name)
{
	uint32_t ifindex;
	bool is_running = false;
	int r = 0;

	for (int i = 0; i < WAIT_MS && r == 0 && !is_running; i++) {
		if (i)
			wait_a_moment();
		r = rtnl_get_link(fd, name, &ifindex, &is_running);
	}
	return r < 0 ? r : is_running ? 0 : -ETIMEDOUT;
}

/* So with an IPv6 address and its local route (addrconf_dad_work() in net/ipv6/addrconf.c). */
static int wait_until_local(int fd, const struct hark_addr *addr)
{
	bool is_local = false;
	uint8_t bits;

	for (int i = 0; i < WAIT_MS && !is_local; i++) {
		if (i)
			wait_a_moment();
		if (rtnl_get_route(fd, addr, &bits, &is_local) < 0)
			is_local = false;
	}
	return is_local ? 0 : -ETIMEDOUT;
}

/* One of the host's families may be switched off: the peer does without it then. */
static int set_up_family(struct peer *peer, enum hark_family family, uint32_t inside_ifindex)
{
	struct hark_addr *addr = &peer->addresses[family];
	int r = choose_address(peer->host_fd, family, addr);

	if (r == 0)
		r = rtnl_add_address(peer->inside_fd, inside_ifindex, addr);
	if (r == 0)
		r = rtnl_set_route(peer->inside_fd, family, inside_ifindex, NULL, NULL);
	if (r == 0)
		r = rtnl_set_route(peer->host_fd, family, peer->ifindex, addr, NULL);
	if (r == 0)
		r = wait_until_local(peer->inside_fd, addr);
	return r;
}

/*
 * Neither end asks who has an address (IFF_NOARP): it sends to its own hardware address, and the
 * other end has the same. The peer's loopback interface stays down, so that even what is addressed
 * to 127.0.0.1 goes over the pair.
 */
static int set_up(struct peer *peer, const uint8_t mac[6])
{
	uint32_t inside_ifindex;
	bool is_running;
	int r;

	r = rtnl_add_veth(peer->host_fd, peer->name, INSIDE_NAME, peer->netns_fd, mac);
	if (r == 0)
		r = rtnl_get_link(peer->host_fd, peer->name, &peer->ifindex, &is_running);
	if (r == 0)
		r = rtnl_get_link(peer->inside_fd, INSIDE_NAME, &inside_ifindex, &is_running);
	if (r == 0)
		r = rtnl_set_up(peer->inside_fd, inside_ifindex);
	if (r == 0)
		r = rtnl_set_up(peer->host_fd, peer->ifindex);
	for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
		peer->errors[family] =
			set_up_family(peer, (enum hark_family)family, inside_ifindex);
	if (r == 0)
		r = wait_until_running(peer->host_fd, peer->name);
	if (r == 0)
		r = wait_until_running(peer->inside_fd, INSIDE_NAME);
	return r;
}

static int open_all(struct peer *peer)
{
	struct errand errand = { .netns_fd = -1 };
	uint8_t random[10];
	int r;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	random[0] = 2; /* a hardware address of local making, of one station */
	snprintf(peer->name, sizeof(peer->name), "hark-%02x%02x%02x%02x", random[6], random[7],
		 random[8], random[9]);
	r = start_keeper(peer);
	if (r == 0)
		r = do_inside(&errand);
	peer->netns_fd = errand.netns_fd;
	if (r < 0)
		return r;
	peer->inside_fd = r;
	peer->host_fd = rtnl_open();
	return peer->host_fd < 0 ? peer->host_fd : set_up(peer, random);
}

int peer_open(struct peer *ret, struct hark_error *reterr)
{
	int r;

	*ret = PEER_NONE;
	r = open_all(ret);
	if (r == 0)
		return 0;
	peer_close(ret);
	reterr->error = r;
	snprintf(reterr->text, sizeof(reterr->text),
		 "a network namespace to call from cannot be made and joined to this one: %s%s",
		 strerror(-r), r == -EPERM ? " (it takes root)" : "");
	return r;
}

void peer_close(struct peer *peer)
{
	const int fds[] = { peer->host_fd, peer->inside_fd, peer->netns_fd, peer->keeper_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	while (peer->keeper > 0 && waitpid(peer->keeper, NULL, 0) < 0 && errno == EINTR)
		continue;
	*peer = PEER_NONE;
}

int peer_route(struct peer *peer, const struct hark_addr *target)
{
	enum hark_family family = hark_addr_is_ipv4(target) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	int r = peer->errors[family];

	if (r == 0)
		r = rtnl_set_route(peer->host_fd, family, peer->ifindex, &peer->addresses[family],
				   target);
	/* An IPv6 prefix that is local as a whole has no address that could be a source. */
	if (r == -EINVAL)
		r = rtnl_set_route(peer->host_fd, family, peer->ifindex, &peer->addresses[family],
				   NULL);
	return r;
}
