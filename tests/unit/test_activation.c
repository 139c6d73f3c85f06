/* SPDX-License-Identifier: MIT */
/* Which .socket unit a listener of systemd's belongs to; tests/cli/test_activation.py has a bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hark/select.h>

#include "collect.h"
#include "socket_unit.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define SCTP          (1u << HARK_PROTOCOL_SCTP)
#define STREAM        (1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_MPTCP | SCTP)
#define DATAGRAM      (1u << HARK_PROTOCOL_UDP | 1u << HARK_PROTOCOL_UDPLITE)
#define V4            HARK_FAMILY_INET
#define V6            HARK_FAMILY_INET6

static void test_listen(void **state)
{
	static const struct {
		const char *type, *address;
		uint32_t protocols; /* 0: none of ours */
		const char *addr;
		uint16_t port;
		uint8_t family;
	} cases[] = {
		{ "Stream", "[::]:22", STREAM, "::", 22, V6 },
		{ "Stream", "0.0.0.0:80", STREAM, "0.0.0.0", 80, V4 },
		{ "Datagram", "127.0.0.1:53", DATAGRAM, "127.0.0.1", 53, V4 },
		{ "SequentialPacket", "[::1]:9899", SCTP, "::1", 9899, V6 },
		{ "Stream", "[fe80::1]:22%eth0", STREAM, "fe80::1", 22, V6 },
		{ "Stream", "[::ffff:10.0.0.7]:65535", STREAM, "::ffff:10.0.0.7", 65535, V6 },
		{ "Stream", "/run/dbus/system_bus_socket", 0 },
		{ "Stream", "/run/odd:80", 0 },
		{ "Stream", "@abstract:80", 0 },
		{ "Stream", "vsock:2:80", 0 },
		{ "Stream", "::1:80", 0 },
		{ "Stream", "10.0.0.7", 0 },
		{ "Stream", "10.0.0.7:", 0 },
		{ "Stream", "10.0.0.7:65536", 0 },
		{ "Stream", "10.0.0.7:80x", 0 },
		{ "Stream", "[::1]", 0 },
		{ "Stream", "[::1]80", 0 },
		{ "Stream", "[::1:80", 0 },
		{ "Stream", "[10.0.0.300]:80", 0 },
		{ "Stream", "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:80", 0 },
		{ "Stream", "", 0 },
		{ "Netlink", "kobject-uevent 1", 0 },
		{ "FIFO", "10.0.0.7:80", 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct unit_listen listen;
		struct hark_addr addr;

		if (unit_listen_parse(cases[i].type, cases[i].address, &listen) !=
		    !!cases[i].protocols)
			fail_msg("%s %s", cases[i].type, cases[i].address);
		if (!cases[i].protocols)
			continue;
		assert_int_equal(hark_addr_parse(cases[i].addr, &addr), 0);
		assert_memory_equal(listen.addr.bytes, addr.bytes, sizeof(addr.bytes));
		assert_int_equal(listen.protocols, cases[i].protocols);
		assert_int_equal(listen.port, cases[i].port);
		assert_int_equal(listen.family, cases[i].family);
	}
}

static void add_unit(struct socket_units *units, struct arena *arena, const char *name,
		     const char *type, const char *address)
{
	uint32_t i = socket_units_add(units, arena, name);

	assert_int_not_equal(i, HARK_NONE);
	assert_true(unit_listen_parse(type, address, array_push(&units->units.items[i].listens)));
}

static void test_match(void **state)
{
	static const struct {
		uint8_t protocol, family;
		const char *addr;
		uint16_t port;
		const char *unit; /* NULL: none */
	} cases[] = {
		{ HARK_PROTOCOL_TCP, V6, "::", 22, "ssh.socket" },
		{ HARK_PROTOCOL_MPTCP, V6, "::", 22, "ssh.socket" },
		{ HARK_PROTOCOL_TCP, V4, "0.0.0.0", 22, NULL },
		{ HARK_PROTOCOL_UDP, V6, "::", 22, NULL },
		{ HARK_PROTOCOL_TCP, V6, "::", 23, NULL },
		{ HARK_PROTOCOL_TCP, V6, "::1", 22, NULL },
		{ HARK_PROTOCOL_TCP, V4, "127.0.0.1", 24, "ssh.socket" },
		/* The address alone does not tell these apart. */
		{ HARK_PROTOCOL_TCP, V4, "0.0.0.0", 80, NULL },
		/* That one lists it twice is no doubt. */
		{ HARK_PROTOCOL_UDP, V4, "0.0.0.0", 53, "dns.socket" },
	};
	struct socket_units units = { .units = { 0 } };
	struct arena arena = { 0 };

	(void)state;
	add_unit(&units, &arena, "ssh.socket", "Stream", "[::]:22");
	add_unit(&units, &arena, "ssh.socket", "Stream", "127.0.0.1:24");
	add_unit(&units, &arena, "a.socket", "Stream", "0.0.0.0:80");
	add_unit(&units, &arena, "b.socket", "Stream", "0.0.0.0:80");
	add_unit(&units, &arena, "dns.socket", "Datagram", "0.0.0.0:53");
	add_unit(&units, &arena, "dns.socket", "Datagram", "0.0.0.0:53");
	assert_int_equal(units.units.n, 4);
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_socket socket = { .protocol = cases[i].protocol,
					      .family = cases[i].family,
					      .local_port = cases[i].port };
		uint32_t unit;

		assert_int_equal(hark_addr_parse(cases[i].addr, &socket.local), 0);
		unit = socket_units_match(&units, &socket);
		if (!cases[i].unit != (unit == HARK_NONE) ||
		    (cases[i].unit && strcmp(cases[i].unit, units.units.items[unit].name)))
			fail_msg("%s:%u", cases[i].addr, cases[i].port);
	}
	socket_units_fini(&units);
	arena_fini(&arena);
}

/* A machine whose systemd can be asked nothing. */
struct bed {
	struct hark_source source;
	struct hark_snapshot *snapshot;
	char paths[256]; /* that were connected to */
};

static struct bed *bed_of_source;

static int refuse(struct hark_source *source, const char *path)
{
	(void)source;
	strcat(bed_of_source->paths, " ");
	strcat(bed_of_source->paths, path);
	return -ENOENT;
}

static int set_up(void **state)
{
	static const struct source_ops ops = { .connect = refuse };
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	bed->source = (struct hark_source){ .ops = &ops, .proc_fd = -1, .sys_fd = -1 };
	bed->snapshot = snapshot_new();
	assert_non_null(bed->snapshot);
	assert_non_null(array_push(&bed->snapshot->namespaces));
	bed_of_source = bed;
	*state = bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	hark_snapshot_free(bed->snapshot);
	free(bed);
	return 0;
}

static void add_process(struct bed *bed, uint32_t pid, const char *command, const char *cgroup)
{
	*array_push(&bed->snapshot->processes) =
		(struct hark_process){ .pid = pid, .command = command, .cgroup = cgroup };
}

/* A listener at 0.0.0.0 that these processes (by index; HARK_NONE: none) hold, of that cgroup. */
static struct hark_socket *add_listener(struct bed *bed, uint16_t port, uint32_t a, uint32_t b,
					const char *unit)
{
	struct hark_snapshot *s = bed->snapshot;
	struct hark_socket *socket = array_push(&s->sockets);

	assert_non_null(socket);
	socket->state = HARK_STATE_LISTEN;
	socket->local_port = port;
	assert_int_equal(hark_addr_parse("0.0.0.0", &socket->local), 0);
	assert_int_equal(hark_addr_parse("0.0.0.0", &socket->remote), 0);
	assert_int_equal(snapshot_classify(s, socket), 0);
	socket->first_holder = s->holders.n;
	for (uint32_t holder = a; holder != HARK_NONE; holder = holder == a ? b : HARK_NONE) {
		*array_push(&s->holders) =
			(struct hark_holder){ .socket = s->sockets.n - 1, .process = holder };
		socket->n_holders++;
	}
	if (unit) {
		socket->cgroup_id = s->origins.n + 1;
		assert_int_equal(hash_put(&s->origin_by_cgroup, socket->cgroup_id, s->origins.n),
				 0);
		*array_push(&s->origins) = (struct hark_process){ .unit = unit };
	}
	return socket;
}

static const struct hark_activation *activation_of(const struct bed *bed, uint32_t i)
{
	const struct hark_socket *socket = &bed->snapshot->sockets.items[i];

	return hark_snapshot_activation(
		bed->snapshot, hark_snapshot_listener(bed->snapshot, socket->listener)->activation);
}

static void expect_note(const struct bed *bed, uint32_t i, bool is_debug, uint32_t count)
{
	const struct hark_note *note = &bed->snapshot->notes.items[i];

	assert_true(i < bed->snapshot->notes.n);
	assert_int_equal(note->what, HARK_NOTE_UNITS);
	assert_int_equal(note->is_debug, is_debug);
	assert_int_equal(note->count, count);
}

/* Without a bus the cgroup tells the unit, and what is not known is noted. */
static void test_by_cgroup(void **state)
{
	struct bed *bed = *state;

	add_process(bed, 1, "systemd", "/init.scope");
	add_process(bed, 22, "sshd", "/system.slice/ssh.service");
	add_listener(bed, 22, 0, 1, "ssh.socket");
	add_listener(bed, 23, 0, HARK_NONE, "ssh.socket");
	add_listener(bed, 24, 1, HARK_NONE, "ssh.socket"); /* systemd has let it go */
	add_listener(bed, 25, 0, HARK_NONE, "init.scope");
	add_listener(bed, 26, 0, HARK_NONE, NULL);
	add_listener(bed, 27, HARK_NONE, HARK_NONE, "other.socket");
	assert_int_equal(collect_activations(&bed->source, bed->snapshot), 0);

	assert_non_null(activation_of(bed, 0));
	assert_string_equal(activation_of(bed, 0)->unit, "ssh.socket");
	assert_null(activation_of(bed, 0)->service);
	assert_int_equal(activation_of(bed, 0)->accept, HARK_UNKNOWN);
	assert_ptr_equal(activation_of(bed, 1), activation_of(bed, 0));
	for (uint32_t i = 2; i < bed->snapshot->sockets.n; i++)
		assert_null(activation_of(bed, i));
	if (HAVE_SD_BUS)
		assert_string_equal(bed->paths,
				    " /run/systemd/private /run/dbus/system_bus_socket");
	assert_int_equal(bed->snapshot->notes.n, 2);
	expect_note(bed, 0, true, 2);
	expect_note(bed, 1, false, 2);
}

static void test_nobody_is_asked(void **state)
{
	struct bed *bed = *state;
	struct hark_socket *socket;

	add_process(bed, 1, "init", "/");
	add_process(bed, 50, "systemd", "/system.slice/liar.service");
	add_process(bed, 60, "systemd", "/init.scope");
	add_listener(bed, 22, 0, HARK_NONE, "ssh.socket");
	add_listener(bed, 23, 1, HARK_NONE, "ssh.socket");
	socket = add_listener(bed, 24, 2, HARK_NONE, "ssh.socket");
	socket->is_listener = false; /* a connection */
	assert_int_equal(collect_activations(&bed->source, bed->snapshot), 0);
	assert_string_equal(bed->paths, "");
	assert_int_equal(bed->snapshot->activations.n, 0);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

/* The manager of a user is asked by that user alone. */
static void test_managers_of_users(void **state)
{
	struct bed *bed = *state;
	char own[80], other[80], path[80];

	snprintf(own, sizeof(own), "/user.slice/user-1.slice/user@%u.service/init.scope",
		 geteuid());
	snprintf(other, sizeof(other), "/user.slice/user-1.slice/user@%u.service/init.scope",
		 geteuid() + 1);
	snprintf(path, sizeof(path), " /run/user/%u/systemd/private", geteuid());
	add_process(bed, 1000, "systemd", own);
	add_process(bed, 2000, "systemd", other);
	add_listener(bed, 22, 0, HARK_NONE, NULL);
	add_listener(bed, 23, 1, HARK_NONE, NULL);
	assert_int_equal(collect_activations(&bed->source, bed->snapshot), 0);
	assert_string_equal(bed->paths, HAVE_SD_BUS ? path : "");
	assert_int_equal(bed->snapshot->activations.n, 0);
	assert_int_equal(bed->snapshot->notes.n, 2);
	expect_note(bed, 0, false, 1);
	expect_note(bed, 1, false, 1);
	assert_int_equal(bed->snapshot->notes.items[0].error, HAVE_SD_BUS ? -ENOENT : -EOPNOTSUPP);
	assert_int_equal(bed->snapshot->notes.items[1].error, -EACCES);
}

static void expect_matches(const struct bed *bed, const char *selector, const char *wanted)
{
	struct hark_selection *selection;
	char found[32] = "";

	assert_int_equal(hark_selection_new(&selection), 0);
	assert_int_equal(hark_selection_add(selection, selector, NULL), 0);
	for (uint32_t i = 0; i < bed->snapshot->sockets.n; i++)
		if (hark_selection_matches(selection, bed->snapshot, i))
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%u", i);
	hark_selection_free(selection);
	if (strcmp(found, wanted))
		fail_msg("%s finds \"%s\", not \"%s\"", selector, found, wanted);
}

static void test_selection(void **state)
{
	struct bed *bed = *state;
	struct hark_snapshot *s = bed->snapshot;

	add_process(bed, 1, "systemd", "/init.scope");
	s->processes.items[0].unit = "init.scope";
	add_process(bed, 22, "kernel", "/");
	add_listener(bed, 22, 0, HARK_NONE, NULL);
	add_listener(bed, 23, 0, HARK_NONE, NULL);
	add_listener(bed, 24, HARK_NONE, HARK_NONE, NULL)->is_kernel = true;
	add_listener(bed, 25, 1, HARK_NONE, NULL);
	*array_push(&s->activations) =
		(struct hark_activation){ .unit = "sshd.socket", .service = "ssh.service" };
	*array_push(&s->activations) = (struct hark_activation){ .unit = "echo.socket" };
	s->listeners.items[0].activation = 0;
	s->listeners.items[1].activation = 1;
	expect_matches(bed, "unit=sshd.socket", "0");
	expect_matches(bed, "unit=ssh.service", "0");
	expect_matches(bed, "unit=ssh", "0");
	expect_matches(bed, "unit=*.socket", "01");
	expect_matches(bed, "unit=echo.service", "");
	expect_matches(bed, "unit=init.scope", "01");
	expect_matches(bed, "ssh.service", "");
	expect_matches(bed, "kernel", "23");
	expect_matches(bed, "command=kernel", "3");
	expect_matches(bed, "kern*", "3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_match),
		cmocka_unit_test_setup_teardown(test_by_cgroup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_is_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_managers_of_users, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_selection, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
