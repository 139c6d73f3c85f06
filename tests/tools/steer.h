/* SPDX-License-Identifier: MIT */
/* steer: let the kernel hand a port's connections to a socket of our choice. */
#ifndef TESTS_STEER_H
#define TESTS_STEER_H

/*
 * From now on whatever comes for port, over the protocol (IPPROTO_TCP or IPPROTO_UDP), to any
 * address of the current network namespace goes to the socket fd, which must be bound to
 * something, and if TCP be listening. It lasts as long as this process: the descriptors that keep
 * it are left open on purpose. Returns 0, or -1 with errno set. Wants CAP_BPF, CAP_NET_ADMIN and
 * Linux 5.9.
 */
int steer_port(int fd, int protocol, int port);

#endif
