/* SPDX-License-Identifier: MIT */
/* Names of hosts and ports, as netstat finds them: each looked up once. */
#ifndef NETSTAT_NAMES_H
#define NETSTAT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/addr.h>
#include <hark/model.h>

#include "hash.h"

/* Where the names of a port are looked for. */
enum netstat_services {
	SERVICES_TCP,
	SERVICES_UDP,
	SERVICES_RAW, /* protocols, rather than ports */
	SERVICES_NONE,
};

#define NETSTAT_HOST_SIZE 128
#define NETSTAT_PORT_SIZE 64

struct netstat_host;

/* All zero is an empty cache. */
struct netstat_names {
	struct netstat_host *hosts;
	uint32_t n_hosts, capacity;
	struct hash by_addr;            /* to index of hosts */
	char **services[SERVICES_NONE]; /* by port; NULL: not read */
};

void netstat_names_fini(struct netstat_names *names);

/*
 * A socket's address in that family: its name, or numbers. `text` is the caller's, of
 * NETSTAT_HOST_SIZE bytes; returned for convenience.
 */
char *netstat_host(struct netstat_names *names, enum hark_family family,
		   const struct hark_addr *addr, bool is_numeric, char *text);

/* A port: "*" for 0. `text` is the caller's, of NETSTAT_PORT_SIZE bytes; returned. */
char *netstat_port(struct netstat_names *names, enum netstat_services services, uint16_t port,
		   bool is_numeric, char *text);

#endif
