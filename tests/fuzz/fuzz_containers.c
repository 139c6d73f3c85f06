/* SPDX-License-Identifier: MIT */
/* Any text as a state file of a container runtime. The first byte chooses which one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "container_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char text[CONTAINER_TEXT_SIZE])
{
	require(strnlen(text, CONTAINER_TEXT_SIZE) < CONTAINER_TEXT_SIZE);
}

static void check_facts(const struct container_facts *facts)
{
	check_text(facts->id);
	check_text(facts->name);
	check_text(facts->image);
	check_text(facts->pod_name);
	check_text(facts->pod_namespace);
}

static int take_stored(void *data, const struct container_facts *facts)
{
	unsigned int *n = data;

	check_facts(facts);
	return ++*n == 1000 ? 7 : 0;
}

static void read_docker(const char *text, size_t length)
{
	static struct container_net net;
	struct container_facts facts, alone;
	bool is_object = container_json_docker(text, length, &facts, &net);

	require(is_object == container_json_docker(text, length, &alone, NULL));
	if (!is_object)
		return;
	check_facts(&facts);
	require(!strcmp(facts.name, alone.name));
	require(net.n_ports <= CONTAINER_PORTS_MAX && net.n_addresses <= CONTAINER_ADDRESSES_MAX);
	for (uint32_t i = 0; i < net.n_ports; i++)
		require(net.ports[i].port && net.ports[i].host_port);
}

static void read_storage(const char *text, size_t length)
{
	unsigned int n = 0;
	int r = container_json_storage(text, length, take_stored, &n);

	require(r == 7 ? n == 1000 : r <= 0);
}

static void read_text(uint8_t which, const char *text, size_t length)
{
	char path[CONTAINER_TEXT_SIZE];
	struct container_facts facts;

	switch (which % 6) {
	case 0:
		read_docker(text, length);
		break;
	case 1:
		if (container_json_oci(text, length, &facts))
			check_facts(&facts);
		break;
	case 2:
		read_storage(text, length);
		break;
	case 3:
		require(container_json_netns(text, length, path) == (path[0] != '\0'));
		check_text(path);
		break;
	case 4:
		strcpy(path, "/");
		container_toml_graph_root(text, path);
		check_text(path);
		require(path[0] == '/');
		break;
	default:
		container_json_docker_root(text, length, path);
		check_text(path);
		require(!path[0] || path[0] == '/');
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size ? malloc(size) : NULL;

	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	read_text(data[0], text, size - 1);
	free(text);
	return 0;
}
