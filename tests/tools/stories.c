/* SPDX-License-Identifier: MIT */
#include "stories.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

#define V4 HARK_FAMILY_INET
#define V6 HARK_FAMILY_INET6

/* Asserted whatever the build: a story that is written wrongly is none. */
static void must(bool truth)
{
	if (!truth)
		abort();
}

static bool has(const char *list, const char *word)
{
	return list && strstr(list, word);
}

void story_add_place(struct hark_snapshot *snapshot, const char *text, uint32_t ifindex)
{
	struct hark_place *place = array_push(&snapshot->places);

	must(place);
	must(hark_prefix_parse(text, &place->prefix) == 0);
	place->ifindex = ifindex;
}

struct hark_snapshot *story_begin(const char *settings)
{
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_namespace *namespace;

	must(snapshot);
	snapshot->host = "web1";
	snapshot->kernel = "6.18.44";
	snapshot->time = 1795341600; /* 2026-11-22T10:00:00Z */
	snapshot->boot_time = 1795300000;
	namespace = array_push(&snapshot->namespaces);
	*namespace = (struct hark_namespace){
		.inode = 4026531840,
		.places_presence = HARK_KNOWN,
		.has_counters = true,
		.listen_overflows = has(settings, "overflows") ? 12 : 0,
		.listen_drops = has(settings, "overflows") ? 15 : 0,
		.bindv6only = has(settings, "bindv6only") ? HARK_YES : HARK_NO,
		.ipv6_disabled = has(settings, "disabled") ? HARK_YES : HARK_NO,
		.sk_lookup = has(settings, "sk_lookup") ? HARK_YES : HARK_NO,
	};
	*array_push(&snapshot->interfaces) = (struct hark_interface){ .ifindex = 1, .name = "lo" };
	*array_push(&snapshot->interfaces) =
		(struct hark_interface){ .ifindex = 2, .name = "eth0" };
	story_add_place(snapshot, "127.0.0.0/8", 1);
	story_add_place(snapshot, "192.168.1.241/32", 2);
	if (!has(settings, "disabled")) {
		story_add_place(snapshot, "::1/128", 1);
		story_add_place(snapshot, "2001:db8::241/128", 2);
	}
	namespace->n_places = snapshot->places.n;
	for (size_t i = 0; i < n_story_processes; i++)
		*array_push(&snapshot->processes) = story_processes[i].process;
	if (has(settings, "unread-sockets"))
		must(snapshot_note(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_FAILED, -EIO,
				   "tcp sockets of family inet could not be read") == 0);
	if (has(settings, "elsewhere"))
		snapshot->elsewhere = (struct hark_elsewhere){ 3, 12 };
	return snapshot;
}

/* A question about an address of lo or eth0, and who got it. */
static struct hark_lookup *add_lookup(struct hark_snapshot *snapshot,
				      const struct hark_socket *socket, int family,
				      uint32_t ifindex, uint32_t winner)
{
	static const char *const addresses[][HARK_FAMILY_N_] = {
		[1] = { "127.0.0.1", "::1" },
		[2] = { "192.168.1.241", "2001:db8::241" },
	};
	struct hark_lookup *lookup = array_push(&snapshot->lookups);

	*lookup = (struct hark_lookup){ .ifindex = ifindex,
					.n_places = 2,
					.socket = winner,
					.error = winner == HARK_NONE ? -ENOENT : 0,
					.port = socket->local_port,
					.protocol = socket->protocol,
					.family = (uint8_t)family };
	hark_addr_parse(addresses[ifindex][family], &lookup->addr);
	if (!hark_addr_is_any(&socket->local)) {
		lookup->addr = socket->local;
		lookup->n_places = 1;
	}
	return lookup;
}

/* What it gets where it gets some: its own address; with one in front of it, the rest. */
static void conclude_some(struct hark_snapshot *snapshot, uint32_t i, struct hark_answer *answer,
			  char letter)
{
	answer->why = letter == 's' ? HARK_WHY_BOUND : HARK_WHY_SHADOWED;
	answer->shadowed_by = letter == 's' ? HARK_NONE : i - 1;
	answer->first_address = snapshot->places.n;
	answer->n_addresses = letter == 'p' ? 2 : 1;
	story_add_place(snapshot, "127.0.0.0/8", 1);
	if (letter == 'p')
		story_add_place(snapshot, "192.168.1.241/32", 2);
	if (letter != 's')
		return;
	snapshot->places.items[answer->first_address] = (struct hark_place){
		.prefix = { .addr = snapshot->sockets.items[i].local, .bits = 128 },
		.ifindex = hark_addr_is_loopback(&snapshot->sockets.items[i].local) ? 1 : 2,
	};
}

static void conclude(struct hark_snapshot *snapshot, uint32_t i, int family, char letter)
{
	static const char letters[] = "nvxX-lmbi?r";
	static const enum hark_why whys[] = {
		HARK_WHY_BOUND,         HARK_WHY_V6ONLY,     HARK_WHY_SHADOWED,
		HARK_WHY_SHADOWED,      HARK_WHY_NO_ADDRESS, HARK_WHY_NOT_LOCAL,
		HARK_WHY_MULTICAST,     HARK_WHY_BROADCAST,  HARK_WHY_INET_LISTENER,
		HARK_WHY_V6ONLY_UNTOLD, HARK_WHY_RIVALS,
	};
	struct hark_socket *socket = &snapshot->sockets.items[i];
	struct hark_answer *answer = &snapshot_listener(snapshot, socket)->answers[family];
	bool is_copied = socket->protocol == HARK_PROTOCOL_RAW ||
			 socket->protocol == HARK_PROTOCOL_ICMP;
	const char *at = strchr(letters, letter);

	*answer = (struct hark_answer){ .verdict = HARK_VERDICT_NONE,
					.reach = -1,
					.shadowed_by = HARK_NONE };
	if (at) {
		answer->why = (uint8_t)whys[at - letters];
		answer->verdict = letter == '?' || letter == 'r' ? HARK_VERDICT_UNKNOWN :
								   HARK_VERDICT_NONE;
		if (letter == 'i')
			answer->decided_by = HARK_DECIDED_BY_INFERENCE;
		if (letter == 'x')
			answer->shadowed_by = i - 1;
		/* The one above has asked already. */
		if (letter == 'v' &&
		    (i == 0 || snapshot->sockets.items[i - 1].local_port != socket->local_port))
			add_lookup(snapshot, socket, family, 1, HARK_NONE);
		if (letter == 'X')
			add_lookup(snapshot, socket, family, 1, HARK_NONE)->error = 0;
		return;
	}
	answer->verdict = letter == 'a' ? HARK_VERDICT_ALL : HARK_VERDICT_SOME;
	answer->via = family == V4 && socket->family == V6 ? HARK_VIA_MAPPED : HARK_VIA_NATIVE;
	answer->reach = letter == 's' ? (int8_t)hark_addr_reach(&socket->local) : HARK_REACH_PUBLIC;
	if (is_copied)
		answer->decided_by = HARK_DECIDED_BY_FLAGS;
	else
		add_lookup(snapshot, socket, family, socket->device || letter == 'p' ? 2 : 1, i);
	if (letter != 'a')
		conclude_some(snapshot, i, answer, letter);
}

static void add_queues(struct hark_snapshot *snapshot, struct hark_socket *socket,
		       const char *flags)
{
	struct hark_listener *listener = snapshot_listener(snapshot, socket);

	socket->has_queues = true;
	socket->receive_bytes = has(flags, "queued") ? 2304 : has(flags, "choked") ? 212480 : 0;
	listener->has_meminfo = true;
	listener->receive_max = 212992;
	listener->drops = has(flags, "drops") ? 7 : 0;
	if (socket->state != HARK_STATE_LISTEN)
		return;
	listener->backlog_max = 128;
	listener->backlog = has(flags, "full")    ? 129 :
			    has(flags, "limit")   ? 128 :
			    has(flags, "waiting") ? 3 :
						    0;
}

static void add_holder(struct hark_snapshot *snapshot, uint32_t socket, uint32_t process)
{
	const struct hark_process *fronted = &story_processes[process].fronted;
	struct hark_process *holder = &snapshot->processes.items[process];

	*array_push(&snapshot->holders) =
		(struct hark_holder){ .socket = socket, .process = process, .fd = 3 };
	if (!fronted->runtime)
		return;
	holder->fronts = true;
	must(hash_put(&snapshot->fronted_by_holder,
		      rows_holder_key(&snapshot->sockets.items[socket], holder),
		      snapshot->fronted.n) == 0);
	*array_push(&snapshot->fronted) = *fronted;
}

static void add_holders(struct hark_snapshot *snapshot, uint32_t i, const struct given *given)
{
	struct hark_socket *socket = &snapshot->sockets.items[i];

	socket->first_holder = snapshot->holders.n;
	socket->n_holders = (uint32_t)strlen(given->holders);
	socket->holders = socket->n_holders           ? HARK_KNOWN :
			  has(given->flags, "denied") ? HARK_DENIED :
			  has(given->flags, "unread") ? HARK_UNSUPPORTED :
							HARK_ABSENT;
	socket->holders_complete = !has(given->flags, "denied");
	socket->is_kernel = has(given->flags, "kernel");
	for (uint32_t a = 0; a < n_story_activations; a++) {
		if (!has(given->flags, story_activations[a].flag))
			continue;
		snapshot_listener(snapshot, socket)->activation = snapshot->activations.n;
		*array_push(&snapshot->activations) = story_activations[a].activation;
	}
	for (const char *letter = given->holders; *letter; letter++)
		for (uint32_t p = 0; p < n_story_processes; p++)
			if (story_processes[p].letter == *letter)
				add_holder(snapshot, i, p);
}

void story_add(struct hark_snapshot *snapshot, const struct given *given)
{
	struct hark_socket *socket = array_push(&snapshot->sockets);
	uint32_t i = snapshot->sockets.n - 1;
	bool is_datagram = !strcmp(given->protocol, "udp") || !strcmp(given->protocol, "udplite");

	must(socket);
	socket->protocol = (uint8_t)hark_protocol_from_name(given->protocol);
	socket->family = given->family;
	socket->local_port = given->port;
	must(hark_addr_parse(given->addr, &socket->local) == 0);
	hark_addr_parse(given->family == V4 ? "0.0.0.0" : "::", &socket->remote);
	socket->v6only = has(given->flags, "v6only")  ? HARK_YES :
			 has(given->flags, "unknown") ? HARK_UNKNOWN :
							HARK_NO;
	socket->device = has(given->flags, "eth0") ? 2 : 0;
	socket->local.scope_id = hark_addr_is_link_local(&socket->local) ? socket->device : 0;
	socket->inode = 1000 + i;
	socket->cookie = i + 1;
	socket->uid = 1000;
	socket->state = has(given->flags, "connected") ? HARK_STATE_ESTABLISHED :
			has(given->flags, "bound")     ? HARK_STATE_BOUND :
			is_datagram || socket->protocol == HARK_PROTOCOL_RAW ||
					socket->protocol == HARK_PROTOCOL_ICMP ?
						     HARK_STATE_UNCONNECTED :
						     HARK_STATE_LISTEN;
	if (has(given->flags, "connected")) {
		hark_addr_parse("192.168.1.10", &socket->remote);
		socket->remote_port = 50000;
	}
	must(snapshot_classify(snapshot, socket) == 0);
	add_holders(snapshot, i, given);
	if (socket->is_listener)
		add_queues(snapshot, socket, given->flags);
	for (int family = 0; family < HARK_FAMILY_N_ && socket->is_listener; family++)
		conclude(snapshot, i, family, given->answers[family]);
	if (given->firewall)
		story_add_firewall(snapshot, given->firewall);
}

struct hark_snapshot *story_snapshot(const struct story *story)
{
	struct hark_snapshot *snapshot = story_begin(story->settings);

	for (size_t i = 0;
	     i < sizeof(story->sockets) / sizeof(story->sockets[0]) && story->sockets[i].protocol;
	     i++)
		for (int n = has(story->sockets[i].flags, "crowd") ? 30 : 1; n > 0; n--)
			story_add(snapshot, &story->sockets[i]);
	story_add_doors(snapshot, story->settings);
	return snapshot;
}

struct hark_selection *story_selection(const struct story *story)
{
	char *copy, *rest, *word;
	struct hark_selection *selection;
	struct hark_error error;

	if (!story->selectors)
		return NULL;
	must(hark_selection_new(&selection) == 0);
	copy = rest = strdup(story->selectors);
	must(copy != NULL);
	while ((word = strsep(&rest, " "))) {
		if (!strcmp(word, "-4"))
			hark_selection_add_family(selection, HARK_FAMILY_INET);
		else
			must(hark_selection_add(selection, word, &error) == 0);
	}
	free(copy);
	return selection;
}
