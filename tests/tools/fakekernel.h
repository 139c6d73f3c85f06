/* SPDX-License-Identifier: MIT */
/*
 * A small kernel: answers sock_diag and rtnetlink requests about the sockets and addresses that a
 * test gives it, and then, if the test wants, answers them wrongly.
 */
#ifndef FAKEKERNEL_H
#define FAKEKERNEL_H

#include <linux/netlink.h>
#include <stdbool.h>

#include "arena.h"
#include "source.h"

struct fake_socket {
	uint16_t protocol; /* IPPROTO_TCP ... */
	uint8_t af;
	uint8_t state; /* TCP_LISTEN, TCP_CLOSE ... */
	const char *local;
	uint16_t port;
	const char *remote; /* NULL: none */
	uint16_t remote_port;
	bool is_v6only;
	uint32_t device;
	uint32_t inode; /* the cookie is the same number */
};

struct fake_link {
	uint32_t ifindex;
	const char *name;
	bool is_up;
	uint32_t vrf_table; /* 0: it is no VRF */
};

struct fake_address {
	const char *addr;
	uint32_t ifindex;
	uint32_t flags;   /* IFA_F_TENTATIVE ... */
	const char *peer; /* IFA_ADDRESS, if it is not the address itself */
};

struct fake_route {
	const char *prefix;
	uint32_t ifindex;
	uint8_t type; /* RTN_LOCAL ... */
	uint32_t table;
};

/* What there is in a network namespace. */
struct fake_tables {
	const struct fake_socket *sockets;
	const struct fake_link *links;
	const struct fake_address *addresses;
	const struct fake_route *routes;
	uint32_t n_sockets, n_links, n_addresses, n_routes;
};

/* Another network namespace, and a way into it. */
struct fake_netns {
	const char *path; /* below /proc */
	uint64_t inode;
	int error; /* of entering it: 0 or -errno */
	struct fake_tables tables;
};

struct datagram {
	unsigned char *bytes; /* NULL: `result` */
	size_t length;
	int result; /* -errno of the receive */
};

struct fake_kernel {
	struct hark_source source; /* proc_fd and sys_fd are the test's, -1 after fake_init() */
	struct fake_tables tables; /* of the namespace that the thread is in */
	const struct fake_netns *netns; /* the others; none: they cannot be entered at all */
	uint32_t n_netns;
	uint32_t n_entered;   /* so far; each was left again */
	bool is_old;          /* no INET_DIAG_SKV6ONLY, INET_DIAG_CGROUP_ID, INET_DIAG_SOCKOPT */
	bool hides_v6only;    /* no INET_DIAG_SKV6ONLY alone */
	bool has_no_strict;   /* sends all routes whatever table and type are asked for */
	bool is_unprivileged; /* tells no INET_DIAG_MARK */
	bool is_endless;      /* repeats the last datagram for ever */
	int open_error[32];   /* by netlink protocol: 0, or -errno of socket() */

	/*
	 * -errno for the payload of NLMSG_DONE (and no rows), or a look-up's NLMSG_ERROR; 0: go on.
	 */
	int (*refuse)(const struct fake_kernel *kernel, const struct nlmsghdr *request);
	/* May change each datagram of a dump, that of NLMSG_DONE included. */
	void (*mangle)(struct fake_kernel *kernel, const struct nlmsghdr *request,
		       struct datagram *datagram);
	int nonsense;                /* for mangle(): what to do */
	uint32_t n_dumps, n_lookups; /* so far */

	struct fake_tables own; /* while the tables are another's */
	struct arena arena;
	ARRAY(struct datagram) queue;
	uint32_t n_received; /* of the queue */
};

void fake_init(struct fake_kernel *kernel);
void fake_fini(struct fake_kernel *kernel);

/* Whether it is TCPDIAG_GETSOCK, whose number RTM_GETLINK has too. */
bool fake_is_old(const struct nlmsghdr *request);

/*
 * Protocol and family that a sock_diag request is about; 0 for those of rtnetlink, and the family
 * of TCPDIAG_GETSOCK, which is about both.
 */
uint16_t fake_protocol_of(const struct nlmsghdr *request);
uint8_t fake_family_of(const struct nlmsghdr *request);

#endif
