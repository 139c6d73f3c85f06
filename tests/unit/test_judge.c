/* SPDX-License-Identifier: MIT */
/*
 * The judge on rows built by hand. A case is sockets and addresses in words, and for each socket
 * what it gets. The "kernel" that is asked prefers an exact address, then AF_INET, then the last
 * that was made; sockets marked "group" are picked from by the peer's port, as SO_REUSEPORT does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

#define MAX_SOCKETS   48
#define MAX_PLACES    8
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

enum how {
	BY_KERNEL,
	BY_TEXT,
	BY_UNTOLD_PLACES
};

struct wanted_socket {
	const char *protocol;
	int family;
	const char *address;
	uint16_t port;
	const char *flags; /* of "v6only", "unknown" (v6only untold), "eth0", "group", "uid" */
	const char *ipv4, *ipv6;
};

struct judged_case {
	const char *name;
	enum how how;
	struct wanted_socket sockets[8];
	const char *places
		/* on eth0 (2), those of 127/8 and ::1 on lo (1); NULL: the usual ones */
		[MAX_PLACES];
};

static const char *const usual_places[MAX_PLACES] = {
	"127.0.0.0/8", "127.0.0.1", "192.168.1.241", "::1", "fd00::1", "fe80::1",
};

static const struct judged_case cases[] = {
	{ "dual-stack",
	  BY_KERNEL,
	  { { "tcp", 6, "::", 80, "", "all mapped kernel private", "all native kernel private" } },
	  { NULL } },
	{ "IPv6 only",
	  BY_KERNEL,
	  { { "tcp", 6, "::", 80, "v6only", "none - kernel - v6only",
	      "all native kernel private" } },
	  { NULL } },
	{ "split pair",
	  BY_KERNEL,
	  { { "tcp", 4, "0.0.0.0", 22, "", "all native kernel private", "none - flags - family" },
	    { "tcp", 6, "::", 22, "v6only", "none - kernel - v6only",
	      "all native kernel private" } },
	  { NULL } },
	{ "one IPv4 address",
	  BY_KERNEL,
	  { { "tcp", 4, "192.168.1.241", 80, "", "some native kernel private bound 192.168.1.241",
	      "none - flags - family" } },
	  { NULL } },
	{ "mapped bind",
	  BY_KERNEL,
	  { { "tcp", 6, "127.0.0.1", 80, "", "some mapped kernel host bound 127.0.0.1",
	      "none - flags - bound" } },
	  { NULL } },
	{ "a name in front of a wildcard",
	  BY_KERNEL,
	  { { "tcp", 4, "127.0.0.1", 80, "", "some native kernel host bound 127.0.0.1",
	      "none - flags - family" },
	    { "tcp", 6, "::", 80, "",
	      "some mapped kernel private shadowed 127.0.0.0/8 192.168.1.241",
	      "all native kernel private" } },
	  { NULL } },
	{ "a name takes the only private address",
	  BY_KERNEL,
	  { { "tcp", 4, "192.168.1.241", 80, "", "some native kernel private bound 192.168.1.241",
	      "none - flags - family" },
	    { "tcp", 4, "0.0.0.0", 80, "", "some native kernel host shadowed 127.0.0.0/8 127.0.0.1",
	      "none - flags - family" } },
	  { NULL } },
	{ "a name within a local prefix",
	  BY_KERNEL,
	  { { "tcp", 4, "127.0.0.53", 53, "", "some native kernel host bound 127.0.0.53",
	      "none - flags - family" } },
	  { NULL } },
	{ "an address that is not local",
	  BY_KERNEL,
	  { { "tcp", 4, "10.9.9.9", 80, "", "none - flags - not-local", "none - flags - family" } },
	  { NULL } },
	{ "multicast and broadcast",
	  BY_KERNEL,
	  { { "udp", 4, "224.0.0.251", 5353, "", "none - flags - multicast",
	      "none - flags - family" },
	    { "udp", 4, "255.255.255.255", 67, "", "none - flags - broadcast",
	      "none - flags - family" } },
	  { NULL } },
	{ "a subnet's broadcast address",
	  BY_KERNEL,
	  { { "udp", 4, "192.168.1.255", 137, "", "none - flags - broadcast",
	      "none - flags - family" } },
	  { NULL } },
	{ "no IPv6 address",
	  BY_KERNEL,
	  { { "tcp", 6, "::", 80, "", "all mapped kernel public", "none - flags - no-address" } },
	  { "127.0.0.1", "8.8.8.8" } },
	{ "bound to an interface",
	  BY_KERNEL,
	  { { "tcp", 4, "0.0.0.0", 80, "eth0", "all native kernel private",
	      "none - flags - family" } },
	  { NULL } },
	{ "an interface in front of a wildcard",
	  BY_KERNEL,
	  { { "udp", 4, "0.0.0.0", 67, "", "some native kernel host shadowed 127.0.0.0/8 127.0.0.1",
	      "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 67, "eth0", "all native kernel private",
	      "none - flags - family" } },
	  { NULL } },
	{ "UDP rivals by SO_REUSEADDR: one gets everything",
	  BY_KERNEL,
	  { { "udp", 4, "0.0.0.0", 53, "", "none - kernel - shadowed", "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 53, "", "all native kernel private", "none - flags - family" } },
	  { NULL } },
	{ "UDP group: all of it answers",
	  BY_KERNEL,
	  { { "udp", 4, "0.0.0.0", 53, "group", "all native kernel private",
	      "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 53, "group", "all native kernel private",
	      "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 53, "group", "all native kernel private",
	      "none - flags - family" } },
	  { NULL } },
	{ "UDP group beside a rival",
	  BY_KERNEL,
	  { { "udp", 4, "0.0.0.0", 53, "", "none - kernel - shadowed", "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 53, "group", "all native kernel private",
	      "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 53, "group", "all native kernel private",
	      "none - flags - family" } },
	  { NULL } },
	{ "TCP group: all of it answers",
	  BY_KERNEL,
	  { { "tcp", 6, "::", 80, "group", "all mapped kernel private",
	      "all native kernel private" },
	    { "tcp", 6, "::", 80, "group", "all mapped kernel private",
	      "all native kernel private" } },
	  { NULL } },
	{ "raw sockets: each gets a copy, IPv6 ones no IPv4",
	  BY_KERNEL,
	  { { "raw", 4, "0.0.0.0", 1, "", "all native flags private", "none - flags - family" },
	    { "raw", 4, "127.0.0.1", 1, "", "some native flags host bound 127.0.0.1",
	      "none - flags - family" },
	    { "raw", 6, "::", 58, "", "none - flags - family", "all native flags private" } },
	  { NULL } },
	{ "SCTP by flags",
	  BY_KERNEL,
	  { { "sctp", 6, "::", 80, "", "all mapped flags private", "all native flags private" } },
	  { NULL } },
	{ "text: V6ONLY untold",
	  BY_TEXT,
	  { { "tcp", 6, "::", 80, "unknown", "unknown - flags - v6only-untold",
	      "all native flags private" } },
	  { NULL } },
	{ "text: an IPv4 listener settles it",
	  BY_TEXT,
	  { { "tcp", 4, "0.0.0.0", 22, "", "all native flags private", "none - flags - family" },
	    { "tcp", 6, "::", 22, "unknown", "none - inferred - inet-listener",
	      "all native flags private" } },
	  { NULL } },
	{ "text: an IPv4 name settles its own address alone",
	  BY_TEXT,
	  { { "tcp", 4, "127.0.0.1", 22, "", "some native flags host bound 127.0.0.1",
	      "none - flags - family" },
	    { "tcp", 6, "::", 22, "unknown", "unknown - inferred - v6only-untold",
	      "all native flags private" } },
	  { NULL } },
	{ "text: UDP rivals cannot be told apart",
	  BY_TEXT,
	  { { "udp", 4, "0.0.0.0", 53, "", "unknown - flags - rivals", "none - flags - family" },
	    { "udp", 4, "0.0.0.0", 53, "", "unknown - flags - rivals", "none - flags - family" } },
	  { NULL } },
	{ "addresses untold: reach is not known",
	  BY_UNTOLD_PLACES,
	  { { "tcp", 6, "::", 80, "", "all mapped kernel -", "all native kernel -" },
	    { "tcp", 4, "127.0.0.1", 81, "", "some native kernel host bound 127.0.0.1",
	      "none - flags - family" } },
	  { NULL } },
	{ "addresses untold: nor is it what an interface has",
	  BY_UNTOLD_PLACES,
	  { { "tcp", 4, "0.0.0.0", 80, "eth0", "unknown - flags - addresses-untold",
	      "none - flags - family" },
	    { "tcp", 4, "10.0.0.1", 82, "eth0", "unknown - flags - addresses-untold",
	      "none - flags - family" },
	    { "tcp", 6, "::", 81, "v6only eth0", "none - flags - v6only",
	      "unknown - flags - addresses-untold" } },
	  { NULL } },
	{ "a prefix that is private in part",
	  BY_KERNEL,
	  { { "tcp", 4, "0.0.0.0", 80, "", "all native kernel public", "none - flags - family" } },
	  { "10.0.0.0/7" } },
};

struct world {
	struct hark_snapshot *snapshot;
	bool is_group[MAX_SOCKETS];
	uint32_t n_asked;
};

static bool has_flag(const char *flags, const char *flag)
{
	return strstr(flags, flag) != NULL;
}

static void add_socket(struct world *world, const struct wanted_socket *wanted, uint32_t cookie)
{
	struct hark_socket *socket = array_push(&world->snapshot->sockets);

	assert_non_null(socket);
	socket->protocol = (uint8_t)hark_protocol_from_name(wanted->protocol);
	socket->family = wanted->family == 4 ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	assert_int_equal(hark_addr_parse(wanted->address, &socket->local), 0);
	socket->remote = socket->family == HARK_FAMILY_INET ? hark_addr_from_ipv4("\0\0\0\0") :
							      (struct hark_addr){ .scope_id = 0 };
	socket->local_port = wanted->port;
	socket->cookie = cookie;
	socket->device = has_flag(wanted->flags, "eth0") ? 2 : 0;
	socket->uid = has_flag(wanted->flags, "uid") ? 1000 : 0;
	socket->v6only = has_flag(wanted->flags, "v6only")  ? HARK_YES :
			 has_flag(wanted->flags, "unknown") ? HARK_UNKNOWN :
							      HARK_NO;
	socket->state = socket->protocol == HARK_PROTOCOL_TCP ||
					socket->protocol == HARK_PROTOCOL_SCTP ?
				HARK_STATE_LISTEN :
				HARK_STATE_UNCONNECTED;
	assert_int_equal(snapshot_classify(world->snapshot, socket), 0);
	assert_true(socket->is_listener);
	world->is_group[cookie] = has_flag(wanted->flags, "group");
}

static void add_place(struct hark_snapshot *snapshot, const char *text)
{
	struct hark_place *place = array_push(&snapshot->places);

	assert_non_null(place);
	assert_int_equal(hark_prefix_parse(text, &place->prefix), 0);
	place->ifindex = hark_addr_is_loopback(&place->prefix.addr) ? 1 : 2;
	snapshot->namespaces.items[0].n_places++;
}

static void build(struct world *world, const struct judged_case *judged)
{
	const char *const *places = judged->places[0] ? judged->places : usual_places;
	struct hark_namespace *namespace;
	struct hark_addr *broadcast;

	*world = (struct world){ .snapshot = snapshot_new() };
	assert_non_null(world->snapshot);
	namespace = array_push(&world->snapshot->namespaces);
	assert_non_null(namespace);
	namespace->sk_lookup = HARK_NO;
	namespace->places_presence = judged->how == BY_UNTOLD_PLACES ? HARK_DENIED : HARK_KNOWN;
	for (int i = 0; judged->how != BY_UNTOLD_PLACES && i < MAX_PLACES && places[i]; i++)
		add_place(world->snapshot, places[i]);
	for (int protocol = 0; protocol < HARK_PROTOCOL_N_; protocol++)
		for (int family = 0; family < HARK_FAMILY_N_; family++)
			world->snapshot->origin[protocol][family] =
				judged->how == BY_TEXT ? ROWS_BY_PROC_NET : ROWS_BY_SOCK_DIAG;
	broadcast = array_push(&world->snapshot->broadcasts);
	assert_non_null(broadcast);
	assert_int_equal(hark_addr_parse("192.168.1.255", broadcast), 0);
	for (uint32_t i = 0; i < 8 && judged->sockets[i].protocol; i++)
		add_socket(world, &judged->sockets[i], i + 1);
}

/* Whether a socket takes such a packet; an independent reading of net/ipv4 and net/ipv6. */
static bool takes(const struct hark_socket *socket, const struct question *question)
{
	if (socket->protocol != question->protocol || socket->local_port != question->port ||
	    (socket->device && socket->device != question->ifindex))
		return false;
	if (question->family == HARK_FAMILY_INET6 && socket->family == HARK_FAMILY_INET)
		return false;
	if (!hark_addr_is_any(&socket->local))
		return !memcmp(socket->local.bytes, question->addr.bytes, 16);
	if (question->family == HARK_FAMILY_INET)
		return socket->family == HARK_FAMILY_INET || socket->v6only == HARK_NO;
	return !hark_addr_is_ipv4(&socket->local);
}

static void answer(struct world *world, struct question *question)
{
	const struct hark_socket *sockets = world->snapshot->sockets.items;
	uint32_t best = HARK_NONE, n_members = 0, pick;
	int best_score = -1;

	world->n_asked++;
	for (uint32_t i = 0; i < world->snapshot->sockets.n; i++) {
		int score = (hark_addr_is_any(&sockets[i].local) ? 0 : 8) +
			    (sockets[i].device ? 4 : 0) +
			    (sockets[i].family == HARK_FAMILY_INET ? 2 : 0);

		if (takes(&sockets[i], question) && score >= best_score) {
			best = i;
			best_score = score;
		}
	}
	question->error = best == HARK_NONE ? -ENOENT : 0;
	if (best == HARK_NONE)
		return;
	question->cookie = sockets[best].cookie;
	if (!world->is_group[sockets[best].cookie])
		return;
	for (uint32_t i = 0; i < world->snapshot->sockets.n; i++)
		n_members += world->is_group[sockets[i].cookie] && takes(&sockets[i], question);
	pick = (question->peer_port * 2654435761u >> 16) % n_members;
	for (uint32_t i = 0; i < world->snapshot->sockets.n; i++)
		if (world->is_group[sockets[i].cookie] && takes(&sockets[i], question) &&
		    pick-- == 0)
			question->cookie = sockets[i].cookie;
}

static void run_judge(struct world *world)
{
	struct question *questions;
	struct judge *judge;
	uint32_t n;

	assert_int_equal(judge_begin(&judge, world->snapshot, 0), 0);
	for (;;) {
		assert_int_equal(judge_ask(judge, &questions, &n), 0);
		if (n == 0)
			break;
		for (uint32_t i = 0; i < n; i++)
			answer(world, &questions[i]);
	}
	assert_int_equal(judge_conclude(judge, true), 0);
	judge_free(judge);
}

/* "some native kernel host bound 127.0.0.1" */
static void describe_answer(const struct hark_snapshot *snapshot, const struct hark_answer *answer,
			    char *text)
{
	const char *via = hark_via_name((enum hark_via)answer->via);
	char address[HARK_ADDR_TEXT_SIZE];

	text += sprintf(text, "%s %s %s %s", hark_verdict_name((enum hark_verdict)answer->verdict),
			via ? via : "-",
			hark_decided_by_name((enum hark_decided_by)answer->decided_by),
			answer->reach < 0 ? "-" : hark_reach_name((enum hark_reach)answer->reach));
	if (answer->why)
		text += sprintf(text, " %s", hark_why_name((enum hark_why)answer->why));
	for (uint32_t i = 0; i < answer->n_addresses; i++) {
		const struct hark_place *place =
			hark_snapshot_place(snapshot, answer->first_address + i);

		text += sprintf(text, " %s",
				place->prefix.bits == 128 ?
					hark_addr_format(&place->prefix.addr, address) :
					hark_prefix_format(&place->prefix, address));
	}
}

static const struct hark_answer *answer_at(const struct world *world, uint32_t i, int family)
{
	return snapshot_answer(world->snapshot, &world->snapshot->sockets.items[i], family);
}

static void check_case(void **state)
{
	const struct judged_case *judged = *state;
	struct world world;
	char text[512];

	build(&world, judged);
	run_judge(&world);
	for (uint32_t i = 0; i < world.snapshot->sockets.n; i++) {
		describe_answer(world.snapshot, answer_at(&world, i, HARK_FAMILY_INET), text);
		assert_string_equal(text, judged->sockets[i].ipv4);
		describe_answer(world.snapshot, answer_at(&world, i, HARK_FAMILY_INET6), text);
		assert_string_equal(text, judged->sockets[i].ipv6);
	}
	hark_snapshot_free(world.snapshot);
}

/* One question a class: many addresses and listeners must not multiply. */
static void asks_once_a_class(void **state)
{
	const struct judged_case empty = { "many", BY_KERNEL, { { 0 } }, { "127.0.0.1" } };
	struct world world;

	(void)state;
	build(&world, &empty);
	for (int i = 0; i < 10000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%d.%d", i / 250, i % 250 + 1);
		add_place(world.snapshot, text);
	}
	for (uint16_t port = 1; port <= 40; port++)
		add_socket(&world, &(struct wanted_socket){ "tcp", 4, "0.0.0.0", port, "", "", "" },
			   port);
	add_socket(&world, &(struct wanted_socket){ "tcp", 4, "10.0.3.7", 40, "", "", "" }, 41);
	run_judge(&world);
	/* A rest for each port, and the one name. */
	assert_int_equal(world.n_asked, 41);
	assert_int_equal(answer_at(&world, 39, 0)->verdict, HARK_VERDICT_SOME);
	assert_int_equal(answer_at(&world, 39, 0)->n_addresses, 10000);
	assert_int_equal(answer_at(&world, 39, 0)->shadowed_by, 40);
	hark_snapshot_free(world.snapshot);
}

/* A BPF sk_lookup program may decide by the address: then each is asked for. */
static void asks_each_address_of_a_program(void **state)
{
	const struct judged_case one = {
		"program", BY_KERNEL, { { "tcp", 4, "0.0.0.0", 80, "", "", "" } }, { NULL }
	};
	struct world world;

	(void)state;
	build(&world, &one);
	world.snapshot->namespaces.items[0].sk_lookup = HARK_YES;
	run_judge(&world);
	/* 127.0.0.1, 192.168.1.241, and the rest of 127.0.0.0/8. */
	assert_int_equal(world.n_asked, 3);
	assert_int_equal(answer_at(&world, 0, 0)->verdict, HARK_VERDICT_ALL);
	hark_snapshot_free(world.snapshot);
}

/* It may also give addresses to a socket that is bound to another: unless there is none, ask. */
static void asks_for_more_than_names(void **state)
{
	static const struct {
		enum hark_tristate sk_lookup;
		uint32_t n_asked;
	} programs[] = { { HARK_NO, 1 }, { HARK_UNKNOWN, 2 } };
	const struct judged_case one = {
		"name", BY_KERNEL, { { "tcp", 4, "192.168.1.241", 80, "", "", "" } }, { NULL }
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(programs); i++) {
		struct world world;

		build(&world, &one);
		world.snapshot->namespaces.items[0].sk_lookup = (uint8_t)programs[i].sk_lookup;
		run_judge(&world);
		assert_int_equal(world.n_asked, programs[i].n_asked);
		hark_snapshot_free(world.snapshot);
	}
}

/* What comes through a VRF: not asked, and not for everybody. */
static void tells_vrfs_apart(void **state)
{
	enum {
		PORT_OF_VRF = 4,
		VRF = 5
	};
	static const struct {
		uint8_t accept, verdict, why;
		uint32_t n_addresses;
	} switches[] = {
		{ HARK_NO, HARK_VERDICT_SOME, HARK_WHY_VRF, 3 },
		{ HARK_YES, HARK_VERDICT_ALL, HARK_WHY_NOTHING, 0 },
		{ HARK_UNKNOWN, HARK_VERDICT_UNKNOWN, HARK_WHY_VRF, 0 },
	};
	const struct judged_case two = { "VRF",
					 BY_KERNEL,
					 { { "tcp", 4, "0.0.0.0", 80, "", "", "" },
					   { "tcp", 4, "0.0.0.0", 81, "", "", "" } },
					 { NULL } };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(switches); i++) {
		const struct hark_answer *unbound, *bound;
		struct hark_interface *interface;
		struct world world;

		build(&world, &two);
		add_place(world.snapshot, "10.9.0.1");
		world.snapshot->places.items[world.snapshot->places.n - 1].ifindex = PORT_OF_VRF;
		interface = array_push(&world.snapshot->interfaces);
		assert_non_null(interface);
		*interface = (struct hark_interface){ .ifindex = PORT_OF_VRF, .vrf = VRF };
		world.snapshot->namespaces.items[0].tcp_l3mdev_accept = switches[i].accept;
		world.snapshot->sockets.items[1].device = VRF;
		run_judge(&world);
		unbound = answer_at(&world, 0, HARK_FAMILY_INET);
		bound = answer_at(&world, 1, HARK_FAMILY_INET);
		assert_int_equal(unbound->verdict, switches[i].verdict);
		assert_int_equal(unbound->why, switches[i].why);
		assert_int_equal(unbound->n_addresses, switches[i].n_addresses);
		assert_int_equal(bound->verdict, HARK_VERDICT_ALL);
		assert_int_equal(bound->decided_by, HARK_DECIDED_BY_FLAGS);
		hark_snapshot_free(world.snapshot);
	}
}

/* A reply that names a socket which is no row of ours, or none at all, gives nobody the address. */
static void takes_strange_replies(void **state)
{
	static const struct {
		int error;
		uint64_t cookie;
		uint8_t verdict, why;
	} replies[] = {
		{ 0, 999, HARK_VERDICT_NONE, HARK_WHY_SHADOWED },
		{ -ENOENT, 0, HARK_VERDICT_NONE, HARK_WHY_CHANGED },
		{ -EOPNOTSUPP, 0, HARK_VERDICT_ALL, HARK_WHY_NOTHING },
	};
	const struct judged_case one = {
		"strange", BY_KERNEL, { { "tcp", 4, "0.0.0.0", 80, "", "", "" } }, { NULL }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		const struct hark_answer *answer;
		struct question *questions;
		struct judge *judge;
		struct world world;
		uint32_t n;

		build(&world, &one);
		assert_int_equal(judge_begin(&judge, world.snapshot, 0), 0);
		assert_int_equal(judge_ask(judge, &questions, &n), 0);
		assert_int_equal(n, 1);
		questions[0].error = replies[i].error;
		questions[0].cookie = replies[i].cookie;
		assert_int_equal(judge_ask(judge, &questions, &n), 0);
		assert_int_equal(n, 0);
		assert_int_equal(judge_conclude(judge, true), 0);
		judge_free(judge);
		answer = answer_at(&world, 0, HARK_FAMILY_INET);
		assert_int_equal(answer->verdict, replies[i].verdict);
		assert_int_equal(answer->why, replies[i].why);
		assert_int_equal(answer->shadowed_by, HARK_NONE);
		hark_snapshot_free(world.snapshot);
	}
}

int main(void)
{
	enum {
		N_CASES = sizeof(cases) / sizeof(cases[0]),
		N_OTHERS = 5
	};
	struct CMUnitTest tests[N_CASES + N_OTHERS] = {
		cmocka_unit_test(asks_once_a_class),
		cmocka_unit_test(asks_each_address_of_a_program),
		cmocka_unit_test(asks_for_more_than_names),
		cmocka_unit_test(takes_strange_replies),
		cmocka_unit_test(tells_vrfs_apart),
	};

	for (size_t i = 0; i < N_CASES; i++)
		tests[N_OTHERS + i] = (struct CMUnitTest){ .name = cases[i].name,
							   .test_func = check_case,
							   .initial_state = (void *)&cases[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
