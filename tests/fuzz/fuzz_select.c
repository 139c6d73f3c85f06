/* SPDX-License-Identifier: MIT */
/* Any text as selectors, a line each, and then a few sockets matched against them. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void add_socket(struct hark_snapshot *snapshot, const char *addr, enum hark_family family,
		       enum hark_protocol protocol, enum hark_state state, uint16_t port)
{
	struct hark_socket *socket = array_push(&snapshot->sockets);

	require(socket && hark_addr_parse(addr, &socket->local) == 0);
	socket->family = (uint8_t)family;
	socket->protocol = (uint8_t)protocol;
	socket->state = (uint8_t)state;
	socket->local_port = port;
	require(snapshot_classify(snapshot, socket) == 0);
}

static struct hark_snapshot *make_snapshot(void)
{
	struct hark_snapshot *snapshot = snapshot_new();

	require(snapshot != NULL && array_push(&snapshot->namespaces) != NULL);
	add_socket(snapshot, "::", HARK_FAMILY_INET6, HARK_PROTOCOL_TCP, HARK_STATE_LISTEN, 80);
	add_socket(snapshot, "10.0.0.7", HARK_FAMILY_INET, HARK_PROTOCOL_UDP,
		   HARK_STATE_UNCONNECTED, 53);
	add_socket(snapshot, "fe80::1", HARK_FAMILY_INET6, HARK_PROTOCOL_TCP,
		   HARK_STATE_ESTABLISHED, 1024);
	return snapshot;
}

/* What is told of the selection beforehand must agree with what it then matches. */
static void check_matches(const struct hark_selection *selection,
			  const struct hark_snapshot *snapshot)
{
	struct port_range ports[4];
	uint32_t n_ports = selection_ports(selection, ports, 4);
	uint32_t protocols = selection_protocols(selection);

	require(n_ports <= 4);
	selection_details(selection);
	hark_selection_names_connections(selection);
	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];
		bool in_ports = n_ports == 0;

		if (!hark_selection_matches(selection, snapshot, i))
			continue;
		require(selection_matches_early(selection, snapshot, i));
		require(protocols == 0 || protocols & 1u << socket->protocol);
		for (uint32_t j = 0; j < n_ports; j++)
			in_ports |= (socket->local_port >= ports[j].low &&
				     socket->local_port <= ports[j].high) ||
				    (socket->remote_port >= ports[j].low &&
				     socket->remote_port <= ports[j].high);
		require(in_ports);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hark_snapshot *snapshot = make_snapshot();
	struct hark_selection *selection;
	char *text = malloc(size + 1), *rest = text, *line;

	require(text != NULL && hark_selection_new(&selection) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		struct hark_error error = { 0 };
		int r = hark_selection_add(selection, line, &error);

		require(r == 0 || (r == -EINVAL && error.text[0] &&
				   strnlen(error.text, sizeof(error.text)) < sizeof(error.text)));
	}
	check_matches(selection, snapshot);
	hark_selection_free(selection);
	hark_snapshot_free(snapshot);
	free(text);
	return 0;
}
