/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
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

static int refuse(struct hark_error *reterr, int error, const char *what)
{
	reterr->error = error;
	snprintf(reterr->text, sizeof(reterr->text), "%s: %s%s", what, strerror(-error),
		 error == -EPERM ? " (it takes root)" : "");
	return error;
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
static int set_up(struct peer *peer)
{
	uint8_t random[9];
	uint32_t inside_ifindex;
	bool is_running;
	int r;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	random[0] = 2; /* a hardware address of local making, of one station */
	snprintf(peer->name, sizeof(peer->name), "hark-%02x%02x%02x%02x", random[5], random[6],
		 random[7], random[8]);
	r = rtnl_add_veth(peer->host_fd, peer->name, INSIDE_NAME, peer->netns_fd, random);
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

int peer_open(struct peer *ret, struct hark_error *reterr)
{
	struct errand errand = { .netns_fd = -1 };
	int r = do_inside(&errand);

	*ret = (struct peer){ .netns_fd = errand.netns_fd, .host_fd = -1, .inside_fd = errand.fd };
	if (r < 0) {
		peer_close(ret);
		return refuse(reterr, r, "a network namespace to call from cannot be made");
	}
	ret->host_fd = r = rtnl_open();
	if (r >= 0)
		r = set_up(ret);
	if (r < 0) {
		peer_close(ret);
		return refuse(reterr, r, "a peer cannot be joined to this network namespace");
	}
	return 0;
}

void peer_close(struct peer *peer)
{
	/* It would go with the namespace as well, but a little later. */
	if (peer->ifindex)
		rtnl_delete_link(peer->host_fd, peer->ifindex);
	if (peer->host_fd >= 0)
		close(peer->host_fd);
	if (peer->inside_fd >= 0)
		close(peer->inside_fd);
	if (peer->netns_fd >= 0)
		close(peer->netns_fd);
	*peer = (struct peer){ .netns_fd = -1, .host_fd = -1, .inside_fd = -1 };
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
