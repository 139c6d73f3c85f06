/* SPDX-License-Identifier: MIT */
/* Names of hosts, services and users, in the way and the order in which lsof looks them up. */
#include "lsof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat.h"
#include "text.h"

#define N_PORTS 65536
/* So many services are looked up one by one; then the whole list is read. */
#define SINGLE_LOOK_UPS 10
/* utmp keeps no more of a name. */
#define LOGIN_MAX 32

struct lsof_host {
	uint8_t bytes[16];
	uint8_t family;
	const char *name; /* NULL: it has none */
};

void lsof_names_init(struct lsof_names *names, const struct lsof *lsof)
{
	*names = (struct lsof_names){ .lsof = lsof };
}

void lsof_names_fini(struct lsof_names *names)
{
	users_fini(&names->users);
	hash_fini(&names->hosts);
	array_fini(&names->host_list);
	for (int i = 0; i < 2; i++)
		free(names->services[i]);
	arena_fini(&names->arena);
}

/* Two addresses may have one key: who has another is asked for again each time. */
static uint64_t host_key(const struct lsof_end *end)
{
	uint64_t halves[2] = { 0, 0 };

	memcpy(halves, end->bytes, end->family == AF_INET ? 4 : 16);
	return halves[0] ^ (halves[1] << 1 | halves[1] >> 63) ^ end->family;
}

static const char *ask_host(struct lsof_names *names, const struct lsof_end *end)
{
	const struct hostent *entry =
		gethostbyaddr(end->bytes, end->family == AF_INET ? 4 : 16, end->family);

	return entry && entry->h_name ? arena_strdup(&names->arena, entry->h_name) : NULL;
}

static const char *host_name(struct lsof_names *names, const struct lsof_end *end)
{
	size_t length = end->family == AF_INET ? 4 : 16;
	uint64_t key = host_key(end);
	struct lsof_host *host;
	uint32_t i;

	if (names->lsof->is_numeric_host)
		return NULL;
	i = hash_get(&names->hosts, key);
	if (i != UINT32_MAX) {
		host = &names->host_list.items[i];
		if (host->family == end->family && memcmp(host->bytes, end->bytes, length) == 0)
			return host->name;
		return ask_host(names, end);
	}
	host = array_push(&names->host_list);
	if (!host)
		return NULL;
	memcpy(host->bytes, end->bytes, length);
	host->family = end->family;
	host->name = ask_host(names, end);
	hash_put(&names->hosts, key, names->host_list.n - 1);
	return host->name;
}

static void keep_service(struct lsof_names *names, int protocol, uint16_t port, const char *name)
{
	if (!names->services[protocol])
		names->services[protocol] = calloc(N_PORTS, sizeof(*names->services[protocol]));
	if (names->services[protocol] && !names->services[protocol][port])
		names->services[protocol][port] = arena_strdup(&names->arena, name);
}

static void read_all_services(struct lsof_names *names)
{
	const struct servent *entry;

	names->has_all_services = true;
	setservent(1);
	while ((entry = getservent())) {
		bool is_tcp = strcasecmp(entry->s_proto, "tcp") == 0;

		if (is_tcp || strcasecmp(entry->s_proto, "udp") == 0)
			keep_service(names, !is_tcp, ntohs((uint16_t)entry->s_port), entry->s_name);
	}
	endservent();
}

/*
 * A port that has no name with one protocol is not looked up for the other: that is lsof's way,
 * too, until it reads the list.
 */
static const char *service_name(struct lsof_names *names, int protocol, uint16_t port)
{
	const char **services = names->services[protocol];
	const struct servent *entry;

	if (services && services[port])
		return services[port];
	if (names->has_all_services)
		return NULL;
	if (names->n_looked_up == SINGLE_LOOK_UPS) {
		read_all_services(names);
		return service_name(names, protocol, port);
	}
	for (uint32_t i = 0; i < names->n_missing; i++)
		if (names->missing[i] == port)
			return NULL;
	names->n_looked_up++;
	entry = getservbyport(htons(port), protocol ? "udp" : "tcp");
	if (entry)
		keep_service(names, protocol, port, entry->s_name);
	else
		names->missing[names->n_missing++] = port;
	services = names->services[protocol];
	return services ? services[port] : NULL;
}

static void put_host(struct lsof_names *names, struct out *out, const struct lsof_end *end)
{
	static const uint8_t any[16];
	char text[TEXT_IPV6_SIZE];
	const char *name;

	if (memcmp(end->bytes, any, end->family == AF_INET ? 4 : 16) == 0) {
		out_char(out, '*');
		return;
	}
	name = host_name(names, end);
	if (name) {
		lsof_text_put(out, name);
	} else if (end->family == AF_INET) {
		out_bytes(out, text, (size_t)(text_put_ipv4(text, end->bytes) - text));
	} else {
		out_char(out, '[');
		out_bytes(out, text, (size_t)(text_put_ipv6(text, end->bytes) - text));
		out_char(out, ']');
	}
}

static void put_port(struct lsof_names *names, struct out *out, const struct lsof_end *end)
{
	const char *name = NULL;

	out_char(out, ':');
	if (!end->port) {
		out_char(out, '*');
		return;
	}
	if (!names->lsof->is_numeric_port && strcmp(end->protocol, "UDPLITE") != 0)
		name = service_name(names, strcmp(end->protocol, "UDP") == 0, end->port);
	if (name)
		lsof_text_put(out, name);
	else
		out_u64(out, end->port);
}

void lsof_put_name(struct lsof_names *names, struct out *out, const struct hark_socket *socket)
{
	for (int i = 0; i < 2; i++) {
		struct lsof_end end;

		if (!lsof_socket_end(socket, i, &end))
			continue;
		if (i)
			out_text(out, "->");
		put_host(names, out, &end);
		put_port(names, out, &end);
	}
}

const char *lsof_login(struct lsof_names *names, uint32_t uid)
{
	const char *name = names->lsof->is_numeric_user ? NULL : users_name(&names->users, uid);

	/* Each time, as lsof does. */
	if (!name && !names->lsof->is_numeric_user && !names->lsof->is_quiet)
		compat_complain(names->lsof->name, "no pwd entry for UID %u", uid);
	return name;
}
