/* SPDX-License-Identifier: MIT */
#include "containers_published.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "statefile.h"

struct published_container {
	const char *id, *name, *image; /* the snapshot's */
	uint32_t user;
	uint32_t first_address, n_addresses;
	uint32_t fronted; /* its row of the snapshot, or HARK_NONE */
};

struct published_port {
	struct container_port port;
	uint32_t user;
	uint32_t container; /* index of its published_container */
};

/* What is read of one user's. */
struct reading {
	struct containers *all;
	struct published *published;
	uint32_t user;
	int dir_fd;
	struct container_net net; /* of the container that is read */
};

void published_fini(struct published *published)
{
	array_fini(&published->users);
	array_fini(&published->containers);
	array_fini(&published->ports);
	array_fini(&published->addresses);
}

static int compare_with_key(const struct published_port *port, const struct published_key *key)
{
	if (port->user != key->user)
		return port->user < key->user ? -1 : 1;
	if (port->port.protocol != key->protocol)
		return port->port.protocol < key->protocol ? -1 : 1;
	if (port->port.host_port != key->host_port)
		return port->port.host_port < key->host_port ? -1 : 1;
	return 0;
}

static int compare_ports(const void *left, const void *right)
{
	const struct published_port *b = right;
	const struct published_key key = { .user = b->user,
					   .protocol = b->port.protocol,
					   .host_port = b->port.host_port };

	return compare_with_key(left, &key);
}

static int keep(struct reading *reading, const char *text, const char **ret)
{
	if (!text[0])
		return 0;
	*ret = arena_strdup(&reading->all->snapshot->arena, text);
	return *ret ? 0 : -ENOMEM;
}

/* Keeps what a container has published. */
static int add_container(struct reading *reading, const char *id,
			 const struct container_facts *facts)
{
	struct published *published = reading->published;
	const struct container_net *net = &reading->net;
	struct published_container *container = array_push(&published->containers);

	if (!container || array_reserve(&published->addresses, net->n_addresses) < 0 ||
	    array_reserve(&published->ports, net->n_ports) < 0 ||
	    keep(reading, id, &container->id) < 0 ||
	    keep(reading, facts->name, &container->name) < 0 ||
	    keep(reading, facts->image, &container->image) < 0)
		return -ENOMEM;
	container->user = reading->user;
	container->fronted = HARK_NONE;
	container->first_address = published->addresses.n;
	container->n_addresses = net->n_addresses;
	for (uint32_t i = 0; i < net->n_addresses; i++)
		published->addresses.items[published->addresses.n++] = net->addresses[i];
	for (uint32_t i = 0; i < net->n_ports; i++)
		published->ports.items[published->ports.n++] =
			(struct published_port){ .port = net->ports[i],
						 .user = reading->user,
						 .container = published->containers.n - 1 };
	return 0;
}

static int take_container(void *data, const char *id)
{
	struct container_facts facts = { .name = "" };
	char path[STATEFILE_PATH_SIZE], *text = NULL;
	struct reading *reading = data;
	ssize_t length;
	int r = 0;

	snprintf(path, sizeof(path), "%s/config.v2.json", id);
	length = statefile_read(reading->dir_fd, path, CONTAINER_FILE_MAX, &text);
	/* Of all that were ever made, few run, and fewer have published ports. */
	if (length > 0 && strstr(text, "\"HostPort\"") &&
	    container_json_docker(text, (size_t)length, &facts, &reading->net) &&
	    reading->net.n_ports)
		r = add_container(reading, id, &facts);
	free(text);
	return length == -ENOMEM ? -ENOMEM : r;
}

/* Reads what docker has published for a user, once. */
static int read_user(struct containers *all, struct published *published, uint32_t user)
{
	struct reading reading = { .all = all, .published = published, .user = user };
	struct container_store *store;
	int r = 0;

	for (uint32_t i = 0; i < published->users.n; i++)
		if (published->users.items[i] == user)
			return 0;
	if (array_reserve(&published->users, 1u) < 0)
		return -ENOMEM;
	published->users.items[published->users.n++] = user;
	store = containers_store(all, "docker", user, &r);
	for (uint32_t i = 0; store && i < store->n_dirs && r >= 0; i++) {
		reading.dir_fd = store->dirs[i];
		r = statefile_list(reading.dir_fd, take_container, &reading) == -ENOMEM ? -ENOMEM :
											  0;
	}
	if (r >= 0 && store && !store->n_dirs && store->error == -EACCES)
		r = snapshot_note(all->snapshot, HARK_NOTE_CONTAINERS, HARK_NOTE_PERMISSION,
				  store->error,
				  "docker's state may not be read: for which containers ports of "
				  "the host are held is not told");
	if (published->ports.n)
		qsort(published->ports.items, published->ports.n, sizeof(*published->ports.items),
		      compare_ports);
	return r;
}

/* The first port that is not before the key. */
static uint32_t first_port(const struct published *published, const struct published_key *key)
{
	uint32_t low = 0, high = published->ports.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare_with_key(&published->ports.items[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_it(const struct published *published, const struct published_port *port,
		  const struct published_key *key)
{
	const struct published_container *container = &published->containers.items[port->container];
	const struct hark_addr *addresses = published->addresses.items + container->first_address;

	if (key->outer && port->port.has_host && !hark_addr_is_any(&port->port.host) &&
	    hark_addr_compare(&port->port.host, key->outer))
		return false;
	if (!key->inner)
		return true;
	for (uint32_t i = 0; i < container->n_addresses && port->port.port == key->port; i++)
		if (!hark_addr_compare(&addresses[i], key->inner))
			return true;
	return false;
}

static int set_fronted(struct containers *all, struct published_container *container, uint32_t *ret)
{
	struct hark_process *row;

	if (container->fronted == HARK_NONE) {
		int r = containers_add_fronted(all, container->id, "docker", container->user,
					       &container->fronted);

		if (r < 0)
			return r;
		row = &all->snapshot->fronted.items[container->fronted];
		row->container_name = container->name;
		row->image = container->image;
	}
	*ret = container->fronted;
	return 0;
}

int published_find(struct containers *all, struct published *published,
		   const struct published_key *key, uint32_t *ret)
{
	int r = read_user(all, published, key->user);

	if (r < 0)
		return r;
	for (uint32_t i = first_port(published, key); i < published->ports.n; i++) {
		const struct published_port *port = &published->ports.items[i];

		if (compare_with_key(port, key))
			break;
		if (is_it(published, port, key))
			return set_fronted(all, &published->containers.items[port->container], ret);
	}
	return 0;
}
