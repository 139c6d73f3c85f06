/* SPDX-License-Identifier: MIT */
#include "netstat_names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

#define N_PORTS 65536

struct netstat_host {
	struct hark_addr addr;
	uint8_t family;
	char *name;
};

void netstat_names_fini(struct netstat_names *names)
{
	for (uint32_t i = 0; i < names->n_hosts; i++)
		free(names->hosts[i].name);
	free(names->hosts);
	hash_fini(&names->by_addr);
	for (int services = 0; services < SERVICES_NONE; services++) {
		for (int port = 0; names->services[services] && port < N_PORTS; port++)
			free(names->services[services][port]);
		free(names->services[services]);
	}
	*names = (struct netstat_names){ 0 };
}

static void look_up(enum hark_family family, const struct hark_addr *addr, char *text)
{
	struct sockaddr_in6 socket_address = { .sin6_family = AF_INET6 };
	const struct hostent *host = NULL;

	if (family == HARK_FAMILY_INET) {
		host = gethostbyaddr(addr->bytes + 12, 4, AF_INET);
		if (host)
			snprintf(text, NETSTAT_HOST_SIZE, "%s", host->h_name);
		else
			hark_addr_format(addr, text);
		return;
	}
	memcpy(&socket_address.sin6_addr, addr->bytes, sizeof(socket_address.sin6_addr));
	if (getnameinfo((const struct sockaddr *)&socket_address, sizeof(socket_address), text,
			NETSTAT_HOST_SIZE, NULL, 0, NI_NAMEREQD))
		hark_addr_format(addr, text);
}

static uint64_t fingerprint(enum hark_family family, const struct hark_addr *addr)
{
	uint64_t words[2];

	memcpy(words, addr->bytes, sizeof(words));
	return (words[0] + family) * 0x9e3779b97f4a7c15u ^ words[1];
}

/* Keeps a name; without memory for it, it is looked up again. */
static void keep(struct netstat_names *names, uint64_t key, enum hark_family family,
		 const struct hark_addr *addr, const char *name)
{
	struct netstat_host host = { .addr = *addr, .family = family, .name = strdup(name) };

	if (host.name && names->n_hosts == names->capacity) {
		uint32_t capacity = names->capacity ? names->capacity * 2 : 16;
		struct netstat_host *hosts =
			reallocarray(names->hosts, capacity, sizeof(*names->hosts));

		if (hosts) {
			names->hosts = hosts;
			names->capacity = capacity;
		}
	}
	if (!host.name || names->n_hosts == names->capacity ||
	    hash_put(&names->by_addr, key, names->n_hosts) < 0)
		free(host.name);
	else
		names->hosts[names->n_hosts++] = host;
}

char *netstat_host(struct netstat_names *names, enum hark_family family,
		   const struct hark_addr *addr, bool is_numeric, char *text)
{
	uint64_t key = fingerprint(family, addr);
	uint32_t i;

	if (is_numeric || (hark_addr_is_any(addr) && hark_addr_is_ipv4(addr))) {
		return hark_addr_format(addr, text);
	}
	if (hark_addr_is_any(addr))
		return memcpy(text, "[::]", sizeof("[::]"));
	/* What has the fingerprint of another one is next to it. */
	while ((i = hash_get(&names->by_addr, key)) != HARK_NONE) {
		const struct netstat_host *host = &names->hosts[i];

		if (host->family == family &&
		    !memcmp(host->addr.bytes, addr->bytes, sizeof(addr->bytes)))
			return strcpy(text, host->name);
		key++;
	}
	look_up(family, addr, text);
	keep(names, key, family, addr, text);
	return text;
}

static void name_port(struct netstat_names *names, enum netstat_services services, uint16_t port,
		      const char *name)
{
	char **place = &names->services[services][port];

	/* Of several names the last one counts. */
	free(*place);
	*place = strdup(name);
}

/* All services at once: a look-up of one reads the file up to it. */
static bool read_services(struct netstat_names *names)
{
	static const char *const protocols[SERVICES_NONE] = { "tcp", "udp", "raw" };
	const struct servent *service;
	const struct protoent *protocol;

	for (int i = 0; i < SERVICES_NONE; i++) {
		if (!names->services[i])
			names->services[i] = calloc(N_PORTS, sizeof(*names->services[i]));
		if (!names->services[i])
			return false;
	}
	setservent(1);
	while ((service = getservent()))
		for (int i = 0; i < SERVICES_NONE; i++)
			if (!strcmp(service->s_proto, protocols[i]))
				name_port(names, i, ntohs((uint16_t)service->s_port),
					  service->s_name);
	endservent();
	setprotoent(1);
	while ((protocol = getprotoent()))
		name_port(names, SERVICES_RAW, (uint16_t)protocol->p_proto, protocol->p_name);
	endprotoent();
	return true;
}

char *netstat_port(struct netstat_names *names, enum netstat_services services, uint16_t port,
		   bool is_numeric, char *text)
{
	const char *name = NULL;

	if (port == 0)
		return memcpy(text, "*", sizeof("*"));
	if (!is_numeric && services != SERVICES_NONE &&
	    (names->services[SERVICES_NONE - 1] || read_services(names)))
		name = names->services[services][port];
	if (name && *name)
		snprintf(text, NETSTAT_PORT_SIZE, "%s", name);
	else
		*text_put_u64(text, port) = '\0';
	return text;
}
