/* SPDX-License-Identifier: MIT */
/* The requests to rtnetlink by which a peer is made; descriptors are of NETLINK_ROUTE. */
#ifndef RTNL_H
#define RTNL_H

#include <hark/model.h>

/* Of the current network namespace: a descriptor or -errno. */
int rtnl_open(void);

/* All return 0 or a negative errno. */

/* Both ends of a veth pair get the same hardware address; the other one is put elsewhere. */
int rtnl_add_veth(int fd, const char *name, const char *other_name, int other_netns_fd,
		  const uint8_t mac[6]);
/* Up; no IPv6 address of its own making. */
int rtnl_set_up(int fd, uint32_t ifindex);
int rtnl_delete_link(int fd, const char *name);
int rtnl_get_link(int fd, const char *name, uint32_t *ret_ifindex, bool *ret_is_running);
int rtnl_add_address(int fd, uint32_t ifindex, const struct hark_addr *addr);
/* To one address, or (NULL) by default; `source`: as which this host sends there, or NULL. */
int rtnl_set_route(int fd, enum hark_family family, uint32_t ifindex, const struct hark_addr *to,
		   const struct hark_addr *source);
/* How long the prefix is of the route to an address, and whether that is local. */
int rtnl_get_route(int fd, const struct hark_addr *to, uint8_t *ret_bits, bool *ret_is_local);

#endif
