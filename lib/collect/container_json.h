/* SPDX-License-Identifier: MIT */
/*
 * What the state files of container runtimes say. Each reader takes the text of a file, with a NUL
 * behind it, whoever may have written it: what is missing, of another type or too long is as if it
 * were not there.
 */
#ifndef CONTAINER_JSON_H
#define CONTAINER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/addr.h>

/* Names are at most this long; longer ones are none. */
#define CONTAINER_TEXT_SIZE 512

/* Of one container. Empty: not told. */
struct container_facts {
	char id[CONTAINER_TEXT_SIZE];
	char name[CONTAINER_TEXT_SIZE];
	char image[CONTAINER_TEXT_SIZE];
	char pod_name[CONTAINER_TEXT_SIZE];
	char pod_namespace[CONTAINER_TEXT_SIZE];
};

/* A port of the host that docker passes on to a container. */
struct container_port {
	struct hark_addr host; /* 0.0.0.0 or :: for all; see has_host */
	bool has_host;
	uint16_t host_port;
	uint16_t port;
	uint8_t protocol; /* enum hark_protocol */
};

/* How many ports and addresses of a container count. */
#define CONTAINER_PORTS_MAX     1024
#define CONTAINER_ADDRESSES_MAX 64

struct container_net {
	uint32_t n_ports, n_addresses;
	struct container_port ports[CONTAINER_PORTS_MAX];
	struct hark_addr addresses[CONTAINER_ADDRESSES_MAX];
};

/*
 * docker's config.v2.json (moby, daemon/container/container.go); with `net`, its ports too. False
 * where the text is no JSON object.
 */
bool container_json_docker(const char *text, size_t length, struct container_facts *ret,
			   struct container_net *ret_net);

/*
 * An OCI runtime's config.json: annotations of containerd's CRI plugin (containerd,
 * internal/cri/annotations), nerdctl (pkg/labels) and CRI-O (internal/annotations).
 */
bool container_json_oci(const char *text, size_t length, struct container_facts *ret);

/*
 * The containers.json of podman and CRI-O (containers/storage, containers.go), one container after
 * the other: calls `take` for each until that is not 0, and returns what that returned; -EINVAL
 * where the text is no JSON array, or from some place on is none.
 */
int container_json_storage(const char *text, size_t length,
			   int (*take)(void *data, const struct container_facts *facts),
			   void *data);

/* The path of the network namespace of an OCI runtime's config.json, "" where it has none. */
bool container_json_netns(const char *text, size_t length, char ret[CONTAINER_TEXT_SIZE]);

/* docker's daemon.json: where it keeps its state, "" where that is not told (or is no path). */
bool container_json_docker_root(const char *text, size_t length, char ret[CONTAINER_TEXT_SIZE]);

/*
 * The graph root of a storage.conf (containers/storage, docs/containers-storage.conf.5.md); `root`
 * stays as it is where there is none.
 */
void container_toml_graph_root(const char *text, char root[CONTAINER_TEXT_SIZE]);

#endif
