/* SPDX-License-Identifier: MIT */
#include "container_json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include <hark/model.h>

#include "text.h"

/*
 * Numbers are of no interest, but limits of 2^64 - 1 are no int64_t; and a NUL in some label is no
 * reason to lose the name.
 */
#define FLAGS (JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL)

/* One element of a list is no longer: a tree takes up to fifty times the size of its text. */
#define ELEMENT_MAX ((size_t)1 << 20)

static json_t *load(const char *text, size_t length)
{
	json_error_t error;
	json_t *root = json_loadb(text, length, FLAGS, &error);

	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

/* A text, or "". What holds a NUL ends there. */
static void copy_text(const json_t *value, char to[CONTAINER_TEXT_SIZE])
{
	const char *text = json_string_value(value);
	size_t length = text ? strlen(text) : 0;

	if (length >= CONTAINER_TEXT_SIZE)
		length = 0;
	if (length)
		memcpy(to, text, length);
	to[length] = '\0';
}

static void take_text(const json_t *object, const char *key, char to[CONTAINER_TEXT_SIZE])
{
	copy_text(json_object_get(object, key), to);
}

/* The first of two keys that tells something. */
static void take_either(const json_t *object, const char *first, const char *second,
			char to[CONTAINER_TEXT_SIZE])
{
	take_text(object, first, to);
	if (!to[0])
		take_text(object, second, to);
}

/* "80/tcp", a key of docker's PortMap. */
static bool parse_port(const char *text, struct container_port *port)
{
	uint64_t number;
	int protocol;

	if (!text_take_u64(&text, 10, UINT16_MAX, &number) || !number || *text != '/')
		return false;
	protocol = hark_protocol_from_name(text + 1);
	port->port = (uint16_t)number;
	port->protocol = (uint8_t)protocol;
	return protocol >= 0;
}

/* One of docker's PortBindings: {"HostIp": "0.0.0.0", "HostPort": "8080"}. */
static bool take_binding(const json_t *binding, struct container_port *port)
{
	const char *host = json_string_value(json_object_get(binding, "HostIp"));
	const char *text = json_string_value(json_object_get(binding, "HostPort"));
	uint64_t number;

	if (!text || !text_to_u64(text, UINT16_MAX, &number) || !number)
		return false;
	port->host_port = (uint16_t)number;
	port->has_host = host && hark_addr_parse(host, &port->host) == 0;
	return true;
}

static void take_ports(json_t *map, struct container_net *net)
{
	const char *key;
	json_t *bindings, *binding;
	size_t i;

	json_object_foreach(map, key, bindings)
	{
		struct container_port port = { .port = 0 };

		if (!parse_port(key, &port))
			continue;
		json_array_foreach(bindings, i, binding) if (net->n_ports < CONTAINER_PORTS_MAX &&
							     take_binding(binding, &port))
			net->ports[net->n_ports++] = port;
	}
}

static void take_address(const json_t *endpoint, const char *key, struct container_net *net)
{
	const char *text = json_string_value(json_object_get(endpoint, key));

	if (text && net->n_addresses < CONTAINER_ADDRESSES_MAX &&
	    hark_addr_parse(text, &net->addresses[net->n_addresses]) == 0)
		net->n_addresses++;
}

bool container_json_docker(const char *text, size_t length, struct container_facts *ret,
			   struct container_net *ret_net)
{
	json_t *root = load(text, length), *settings, *endpoint;
	const json_t *config, *labels;
	const char *key;

	if (!root)
		return false;
	config = json_object_get(root, "Config");
	labels = json_object_get(config, "Labels");
	take_text(root, "ID", ret->id);
	take_text(root, "Name", ret->name);
	/* It stands as a path of links once did: "/web". */
	if (ret->name[0] == '/')
		memmove(ret->name, ret->name + 1, strlen(ret->name));
	take_text(config, "Image", ret->image);
	take_text(labels, "io.kubernetes.pod.name", ret->pod_name);
	take_text(labels, "io.kubernetes.pod.namespace", ret->pod_namespace);
	if (ret_net) {
		settings = json_object_get(root, "NetworkSettings");
		ret_net->n_ports = ret_net->n_addresses = 0;
		take_ports(json_object_get(settings, "Ports"), ret_net);
		json_object_foreach(json_object_get(settings, "Networks"), key, endpoint)
		{
			take_address(endpoint, "IPAddress", ret_net);
			take_address(endpoint, "GlobalIPv6Address", ret_net);
		}
	}
	json_decref(root);
	return true;
}

bool container_json_oci(const char *text, size_t length, struct container_facts *ret)
{
	json_t *root = load(text, length);
	const json_t *annotations = json_object_get(root, "annotations");

	if (!root)
		return false;
	ret->id[0] = '\0';
	/* What the kubelet labels containers with is an annotation with CRI-O. */
	take_either(annotations, "io.kubernetes.cri.container-name", "io.kubernetes.container.name",
		    ret->name);
	if (!ret->name[0])
		take_text(annotations, "nerdctl/name", ret->name);
	take_either(annotations, "io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name",
		    ret->pod_name);
	take_either(annotations, "io.kubernetes.cri.sandbox-namespace",
		    "io.kubernetes.pod.namespace", ret->pod_namespace);
	take_either(annotations, "io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName",
		    ret->image);
	json_decref(root);
	return true;
}

static void take_stored(const json_t *element, struct container_facts *facts)
{
	const json_t *names = json_object_get(element, "names");
	const char *text = json_string_value(json_object_get(element, "metadata"));
	json_t *metadata = text ? load(text, strlen(text)) : NULL;

	*facts = (struct container_facts){ 0 };
	take_text(element, "id", facts->id);
	/* `podman rename` sets the one name (libpod/runtime_ctr.go) and leaves `metadata` alone. */
	copy_text(json_array_get(names, 0), facts->name);
	/* A text of its own: libpod/storage.go, RuntimeContainerMetadata. */
	take_text(metadata, "image-name", facts->image);
	json_decref(metadata);
}

int container_json_storage(const char *text, size_t length,
			   int (*take)(void *data, const struct container_facts *facts), void *data)
{
	static const char space[] = " \t\r\n";
	const char *end = text + length;
	struct container_facts facts;
	json_error_t error;
	int r = 0;

	text += strspn(text, space);
	if (text == end || *text++ != '[')
		return -EINVAL;
	text += strspn(text, space);
	/* Element by element: the tree of all would take many times their text. */
	while (text < end && *text != ']') {
		size_t rest = (size_t)(end - text);
		json_t *element = json_loadb(text, rest < ELEMENT_MAX ? rest : ELEMENT_MAX,
					     FLAGS | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK,
					     &error);

		if (!element)
			return -EINVAL;
		take_stored(element, &facts);
		json_decref(element);
		r = take(data, &facts);
		if (r)
			return r;
		text += error.position;
		text += strspn(text, space);
		if (text < end && *text == ',')
			text++;
		else if (text < end && *text != ']')
			return -EINVAL;
		text += strspn(text, space);
	}
	return text < end ? 0 : -EINVAL;
}

bool container_json_netns(const char *text, size_t length, char ret[CONTAINER_TEXT_SIZE])
{
	json_t *root = load(text, length), *namespace;
	char type[CONTAINER_TEXT_SIZE];
	size_t i;

	ret[0] = '\0';
	json_array_foreach(json_object_get(json_object_get(root, "linux"), "namespaces"), i,
			   namespace)
	{
		take_text(namespace, "type", type);
		if (!strcmp(type, "network"))
			take_text(namespace, "path", ret);
	}
	json_decref(root);
	return ret[0];
}

bool container_json_docker_root(const char *text, size_t length, char ret[CONTAINER_TEXT_SIZE])
{
	json_t *root = load(text, length);
	bool is_object = root;

	/* Until docker 20.10 it could be called "graph" (daemon/config/config.go). */
	take_either(root, "data-root", "graph", ret);
	if (ret[0] != '/')
		ret[0] = '\0';
	json_decref(root);
	return is_object;
}

/* A line of its own, `graphroot = "/srv/containers"`: nobody writes it in another way of TOML's. */
void container_toml_graph_root(const char *text, char root[CONTAINER_TEXT_SIZE])
{
	static const char key[] = "graphroot", space[] = " \t";

	for (const char *line = text; *line; line += *line == '\n') {
		const char *at = line + strspn(line, space);
		size_t length;

		line += strcspn(line, "\n");
		if (strncmp(at, key, strlen(key)))
			continue;
		at += strlen(key);
		at += strspn(at, space);
		at += *at == '=';
		at += strspn(at, space);
		if (*at++ != '"')
			continue;
		length = strcspn(at, "\"\n");
		if (*at != '/' || length >= CONTAINER_TEXT_SIZE || at[length] != '"')
			continue;
		memcpy(root, at, length);
		root[length] = '\0';
	}
}
