/* SPDX-License-Identifier: MIT */
/*
 * rows FORMAT [N]: so many made-up sockets (10,000) through a renderer, to standard output. It is
 * watched by callgrind, which counts what happens in measured(). Formats: table (connections and
 * listeners), listeners (a table of listeners alone), json, csv.
 */
#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "render.h"
#include "rows.h"

#define N_ROWS      10000u
#define N_PROCESSES 50u

/* The users of this machine are none of our costs. */
int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **ret)
{
	snprintf(buffer, size, "user%u", uid);
	*entry = (struct passwd){ .pw_name = buffer, .pw_uid = uid };
	*ret = entry;
	return 0;
}

static void *need(void *memory)
{
	if (!memory) {
		perror("rows");
		exit(1);
	}
	return memory;
}

static struct hark_addr addr_of(uint8_t family, uint32_t i)
{
	const uint8_t ipv4[4] = { 10, (uint8_t)(i >> 8), (uint8_t)(i * 7), (uint8_t)i };
	const uint8_t ipv6[16] = { 0x20,       0x01,     0x0d,      0xb8, [6] = (uint8_t)(i >> 8),
				   (uint8_t)i, [14] = 7, (uint8_t)i };

	return family == HARK_FAMILY_INET ? hark_addr_from_ipv4(ipv4) :
					    hark_addr_from_ipv6(ipv6, 0);
}

static struct hark_addr any(uint8_t family)
{
	static const uint8_t zero[16];

	return family == HARK_FAMILY_INET ? hark_addr_from_ipv4(zero) :
					    hark_addr_from_ipv6(zero, 0);
}

static void answer(struct hark_listener *listener, const struct hark_socket *socket)
{
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		bool is_own = socket->family == family;
		bool is_mapped = !is_own && family == HARK_FAMILY_INET && socket->v6only == HARK_NO;

		listener->answers[family] = (struct hark_answer){
			.verdict = is_own || is_mapped ? HARK_VERDICT_ALL : HARK_VERDICT_NONE,
			.via = is_own    ? HARK_VIA_NATIVE :
			       is_mapped ? HARK_VIA_MAPPED :
					   HARK_VIA_NONE,
			.why = is_own || is_mapped ? HARK_WHY_NOTHING : HARK_WHY_FAMILY,
			.reach = is_own || is_mapped ? HARK_REACH_PUBLIC : -1,
			.shadowed_by = HARK_NONE,
		};
	}
	listener->backlog_max = 511;
}

/* Of either family; a quarter of the listeners are dual-stack, a quarter of the peers mapped. */
static void add_socket(struct hark_snapshot *snapshot, uint32_t i, bool is_listener)
{
	struct hark_socket *socket = need(array_push(&snapshot->sockets));
	struct hark_holder *holder = need(array_push(&snapshot->holders));

	socket->family = i % 2 ? HARK_FAMILY_INET6 : HARK_FAMILY_INET;
	socket->v6only = socket->family == HARK_FAMILY_INET6 && i % 4 == 3 ? HARK_YES : HARK_NO;
	socket->state = is_listener ? HARK_STATE_LISTEN : HARK_STATE_ESTABLISHED;
	socket->local = is_listener ? any(socket->family) : addr_of(socket->family, i);
	socket->remote = is_listener ? any(socket->family) :
				       addr_of(i % 4 == 3 ? HARK_FAMILY_INET : socket->family, i);
	socket->local_port = (uint16_t)(is_listener ? i / 2 : i % 40 + 8000);
	socket->remote_port = (uint16_t)(is_listener ? 0 : i * 31);
	socket->inode = 100000 + i;
	socket->cookie = 0x1000 + i;
	socket->uid = i % 5;
	socket->send_bytes = i % 7 ? 0 : i;
	socket->has_queues = true;
	socket->holders = HARK_KNOWN;
	socket->holders_complete = true;
	socket->first_holder = snapshot->holders.n - 1;
	socket->n_holders = 1;
	if (snapshot_classify(snapshot, socket) < 0)
		need(NULL);
	if (is_listener)
		answer(snapshot_listener(snapshot, socket), socket);
	*holder = (struct hark_holder){ .socket = i, .process = i % N_PROCESSES, .fd = i % 1000 };
}

static struct hark_snapshot *make_snapshot(uint32_t n, bool is_listeners)
{
	struct hark_snapshot *snapshot = need(snapshot_new());
	struct hark_namespace *namespace = need(array_push(&snapshot->namespaces));

	snapshot->host = snapshot->kernel = "any";
	snapshot->boot_time = 1795300000;
	namespace->inode = 4026531840;
	for (uint32_t i = 0; i < N_PROCESSES; i++) {
		struct hark_process *process = need(array_push(&snapshot->processes));

		*process = (struct hark_process){
			.pid = 1000 + i,
			.uid = i % 5,
			.start_ticks = 1000 * i,
			.command = need(arena_printf(&snapshot->arena, "server%u", i)),
			.executable = "/usr/sbin/server",
			.command_line = "/usr/sbin/server --foreground",
			.unit = need(arena_printf(&snapshot->arena, "server%u.service", i)),
		};
	}
	for (uint32_t i = 0; i < n; i++)
		add_socket(snapshot, i, is_listeners || i < n / 10);
	return snapshot;
}

static const struct {
	const char *name;
	int (*render)(struct out *, const struct hark_snapshot *, const struct render_options *);
	bool all_states;
} formats[] = {
	{ "table", render_table, true },
	{ "listeners", render_table, false },
	{ "json", render_json, true },
	{ "csv", render_csv, true },
};

int measured(size_t i, struct out *out, const struct hark_snapshot *snapshot);

__attribute__((noinline)) int measured(size_t i, struct out *out,
				       const struct hark_snapshot *snapshot)
{
	const struct render_options options = { .utf8 = true,
						.all_states = formats[i].all_states,
						.summary = true };

	return formats[i].render(out, snapshot, &options);
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 2 ? (uint32_t)atoi(argv[2]) : N_ROWS;

	for (size_t i = 0; argc > 1 && i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct hark_snapshot *snapshot;
		struct out out;
		int r;

		if (strcmp(formats[i].name, argv[1]))
			continue;
		snapshot = make_snapshot(n, !formats[i].all_states);
		out_init(&out, STDOUT_FILENO);
		r = measured(i, &out, snapshot);
		out_fini(&out);
		hark_snapshot_free(snapshot);
		return r ? 1 : 0;
	}
	return 2;
}
