/* SPDX-License-Identifier: MIT */
/* Selectors: what each form finds in a small world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <netdb.h>

#include "rows.h"
#include "select.h"

#define LO   1
#define ETH0 2
#define ETH1 3

enum {
	APACHE,
	SSHD4,
	SSHD6,
	POSTGRES,
	RESOLVED,
	MAPPED,
	LOOPED,
	RAW6,
	UNTOLD,
	FOREIGN,
	TIMEWAIT,
	LINK
};

static struct hark_addr addr_of(const char *text)
{
	struct hark_addr addr;

	assert_int_equal(hark_addr_parse(text, &addr), 0);
	return addr;
}

static void add_place(struct hark_snapshot *s, const char *text, uint32_t ifindex)
{
	struct hark_place *place = array_push(&s->places);

	assert_int_equal(hark_prefix_parse(text, &place->prefix), 0);
	place->ifindex = ifindex;
}

static void add_interface(struct hark_snapshot *s, const char *name, uint32_t ifindex)
{
	*array_push(&s->interfaces) = (struct hark_interface){ .ifindex = ifindex, .name = name };
}

static void hold(struct hark_snapshot *s, uint32_t socket, uint32_t process)
{
	struct hark_socket *row = &s->sockets.items[socket];

	if (!row->n_holders++)
		row->first_holder = s->holders.n;
	*array_push(&s->holders) =
		(struct hark_holder){ .socket = socket, .process = process, .fd = 3 };
}

static const struct hark_answer nothing = { .verdict = HARK_VERDICT_NONE };
static const struct hark_answer everything = { .verdict = HARK_VERDICT_ALL };
static const struct hark_answer unknown = { .verdict = HARK_VERDICT_UNKNOWN };

static struct hark_answer some(uint32_t place)
{
	return (struct hark_answer){ .verdict = HARK_VERDICT_SOME,
				     .first_address = place,
				     .n_addresses = 1 };
}

static void add_socket(struct hark_snapshot *s, struct hark_socket row, const char *local,
		       struct hark_answer ipv4, struct hark_answer ipv6)
{
	row.local = addr_of(local);
	row.local.scope_id = hark_addr_is_link_local(&row.local) ? ETH0 : 0;
	if (hark_addr_is_any(&row.remote))
		row.remote = addr_of(row.family == HARK_FAMILY_INET ? "0.0.0.0" : "::");
	row.cookie = 0x10 + s->sockets.n;
	if (row.state != HARK_STATE_TIME_WAIT)
		row.inode = 1000 + s->sockets.n;
	snapshot_classify(s, &row);
	if (row.is_listener)
		memcpy(snapshot_listener(s, &row)->answers, ((struct hark_answer[]){ ipv4, ipv6 }),
		       2 * sizeof(ipv4));
	*array_push(&s->sockets) = row;
}

static void add_sockets(struct hark_snapshot *s)
{
	struct hark_socket tcp4 = { .protocol = HARK_PROTOCOL_TCP, .state = HARK_STATE_LISTEN };
	struct hark_socket tcp6 = tcp4, udp4, row;

	tcp6.family = HARK_FAMILY_INET6;
	udp4 = (struct hark_socket){ .protocol = HARK_PROTOCOL_UDP,
				     .state = HARK_STATE_UNCONNECTED };

	row = tcp6, row.local_port = 80, row.v6only = HARK_NO;
	add_socket(s, row, "::", everything, everything);
	row = tcp4, row.local_port = 22;
	add_socket(s, row, "0.0.0.0", everything, nothing);
	row = tcp6, row.local_port = 22, row.v6only = HARK_YES;
	add_socket(s, row, "::", nothing, everything);
	row = tcp4, row.local_port = 5432, row.uid = 70;
	add_socket(s, row, "127.0.0.1", some(6), nothing);
	row = udp4, row.local_port = 53, row.device = ETH0;
	add_socket(s, row, "0.0.0.0", everything, nothing);

	row = tcp6, row.state = HARK_STATE_ESTABLISHED, row.local_port = 80,
	row.remote_port = 40000;
	row.remote = addr_of("192.0.2.9");
	add_socket(s, row, "10.0.0.7", nothing, nothing);
	row = tcp4, row.state = HARK_STATE_ESTABLISHED, row.local_port = 40001,
	row.remote_port = 5432;
	row.remote = addr_of("127.0.0.1");
	add_socket(s, row, "127.0.0.1", nothing, nothing);

	row = (struct hark_socket){ .protocol = HARK_PROTOCOL_RAW,
				    .family = HARK_FAMILY_INET6,
				    .state = HARK_STATE_UNCONNECTED,
				    .local_port = 58 };
	add_socket(s, row, "::", nothing, everything);
	row = tcp6, row.local_port = 8084, row.v6only = HARK_UNKNOWN;
	add_socket(s, row, "::", unknown, everything);
	row = udp4, row.local_port = 500;
	add_socket(s, row, "198.51.100.1", nothing, nothing);
	row = tcp4, row.state = HARK_STATE_TIME_WAIT, row.local_port = 80, row.remote_port = 40005;
	row.remote = addr_of("10.0.0.9");
	add_socket(s, row, "10.0.0.7", nothing, nothing);
	row = tcp6, row.local_port = 9000;
	add_socket(s, row, "fe80::1", nothing, some(7));
}

static void add_processes(struct hark_snapshot *s)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	*array_push(&s->processes) = (struct hark_process){
		.pid = 100, .uid = 33, .command = "apache2", .unit = "apache2.service"
	};
	*array_push(&s->processes) =
		(struct hark_process){ .pid = 200, .command = "sshd", .unit = "ssh.service" };
	*array_push(&s->processes) = (struct hark_process){
		.pid = 300, .uid = 70, .command = "postgres", .container = id, .runtime = "docker"
	};
	*array_push(&s->processes) = (struct hark_process){
		.pid = 400, .uid = HARK_NONE, .command = "systemd-resolve", .pod = "6a35f2a4-c0de"
	};
	hold(s, APACHE, 0);
	hold(s, SSHD4, 1);
	hold(s, SSHD6, 1);
	hold(s, POSTGRES, 2);
	hold(s, RESOLVED, 3);
	*array_push(&s->origins) = (struct hark_process){ .unit = "charon@home.service" };
	s->sockets.items[RAW6].is_kernel = true;
	s->sockets.items[FOREIGN].cgroup_id = 77;
	assert_int_equal(hash_put(&s->origin_by_cgroup, 77, 0), 0);
}

static int set_up(void **state)
{
	struct hark_snapshot *s = snapshot_new();

	*array_push(&s->namespaces) = (struct hark_namespace){
		.inode = 4026531840, .name = "blue", .n_places = 6, .places_presence = HARK_KNOWN
	};
	add_interface(s, "lo", LO);
	add_interface(s, "eth0", ETH0);
	add_interface(s, "eth1", ETH1);
	add_place(s, "127.0.0.0/8", LO);
	add_place(s, "::1", LO);
	add_place(s, "10.0.0.7", ETH0);
	add_place(s, "2001:db8::7", ETH0);
	add_place(s, "fe80::1", ETH0);
	add_place(s, "192.168.1.1", ETH1);
	add_place(s, "127.0.0.1", LO);
	add_place(s, "fe80::1", ETH0);
	add_sockets(s);
	add_processes(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	hark_snapshot_free(*state);
	return 0;
}

static const char *const names[] = {
	[APACHE] = "apache",     [SSHD4] = "sshd4",       [SSHD6] = "sshd6",
	[POSTGRES] = "postgres", [RESOLVED] = "resolved", [MAPPED] = "mapped",
	[LOOPED] = "looped",     [RAW6] = "raw6",         [UNTOLD] = "untold",
	[FOREIGN] = "foreign",   [TIMEWAIT] = "timewait", [LINK] = "link",
};

/* Whatever matches must have passed the early match and the restrictions. */
static void check_restrictions(const struct hark_selection *selection,
			       const struct hark_snapshot *s, uint32_t i)
{
	const struct hark_socket *row = &s->sockets.items[i];
	uint32_t protocols = selection_protocols(selection);
	struct port_range ranges[4];
	uint32_t n = selection_ports(selection, ranges, 4);
	bool is_held = n == 0;

	assert_true(selection_matches_early(selection, s, i));
	assert_true(!protocols || (protocols & (1u << row->protocol)));
	for (uint32_t k = 0; k < n; k++)
		if ((row->local_port >= ranges[k].low && row->local_port <= ranges[k].high) ||
		    (row->remote_port >= ranges[k].low && row->remote_port <= ranges[k].high))
			is_held = true;
	assert_true(is_held);
}

static void list_matches(const struct hark_selection *selection, const struct hark_snapshot *s,
			 char *found)
{
	found[0] = '\0';
	for (uint32_t i = 0; i < s->sockets.n; i++) {
		if (!hark_selection_matches(selection, s, i))
			continue;
		check_restrictions(selection, s, i);
		sprintf(found + strlen(found), "%s%s", *found ? " " : "", names[i]);
	}
}

/* Selectors are separated by blanks. */
static struct hark_selection *select_words(const char *words)
{
	struct hark_selection *selection;
	struct hark_error error = { .error = 0 };
	char copy[200], *rest = copy, *word;

	assert_int_equal(hark_selection_new(&selection), 0);
	assert_true(strlen(words) < sizeof(copy));
	strcpy(copy, words);
	while (*words && (word = strsep(&rest, " ")))
		if (hark_selection_add(selection, word, &error) < 0)
			fail_msg("%s: %s", word, error.text);
	return selection;
}

static void expect(const struct hark_snapshot *s, const char *words, const char *expected)
{
	struct hark_selection *selection = select_words(words);
	char found[200];

	list_matches(selection, s, found);
	if (strcmp(found, expected) != 0)
		fail_msg("%s: found \"%s\", not \"%s\"", words, found, expected);
	hark_selection_free(selection);
}

struct expectation {
	const char *words, *expected;
};

static void expect_all(void **state, const struct expectation *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect(*state, table[i].words, table[i].expected);
}

#define EXPECT(table) expect_all(state, table, sizeof(table) / sizeof(*(table)))

static void test_nothing_selects_everything(void **state)
{
	char all[200] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		sprintf(all + strlen(all), "%s%s", *all ? " " : "", names[i]);
	expect(*state, "", all);
	assert_true(hark_selection_matches(NULL, *state, 0));
	assert_true(selection_matches_early(NULL, *state, 0));
	assert_int_equal(selection_details(NULL), 0);
	assert_false(hark_selection_names_connections(NULL));
	assert_int_equal(selection_ports(NULL, NULL, 0), 0);
	assert_int_equal(selection_protocols(NULL), 0);
}

static void test_ports(void **state)
{
	static const struct expectation table[] = {
		{ "80", "apache mapped timewait" },
		{ ":80", "apache mapped timewait" },
		{ "*:80", "apache mapped timewait" },
		{ "port=80", "apache mapped timewait" },
		{ "port=:80", "apache mapped timewait" },
		{ "80/tcp", "apache mapped timewait" },
		{ "53/tcp", "" },
		{ "53/udp", "resolved" },
		{ "5432", "postgres looped" },
		{ "0-79", "sshd4 sshd6 resolved" },
		{ "40000-40001", "mapped looped" },
		{ "22,53,9000-9001", "sshd4 sshd6 resolved link" },
		{ "port=22,53", "sshd4 sshd6 resolved" },
		/* a raw socket's "port" is its IP protocol */
		{ "58", "" },
		{ "65535", "" },
	};

	EXPECT(table);
}

static void test_protocols_and_states(void **state)
{
	static const struct expectation table[] = {
		{ "udp", "resolved foreign" },
		{ "raw", "raw6" },
		{ "proto=udp", "resolved foreign" },
		{ "protocol=udp,raw", "resolved raw6 foreign" },
		{ "udp 53", "resolved" },
		{ "tcp udp", "" },
		{ "tcp46", "apache untold" },
		{ "tcp4", "sshd4 postgres mapped looped timewait" },
		{ "tcp6", "sshd6 untold link" },
		{ "label=tcp6", "sshd6 untold link" },
		{ "udp46", "" },
		{ "TCP46", "apache untold" },
		{ "UDP", "resolved foreign" },
		{ "53/UDP", "resolved" },
		{ "proto=Raw", "raw6" },
		{ "listen", "apache sshd4 sshd6 postgres untold link" },
		{ "LISTENING", "apache sshd4 sshd6 postgres untold link" },
		{ "established", "mapped looped" },
		{ "ESTAB", "mapped looped" },
		{ "TIME_WAIT", "timewait" },
		{ "state=time-wait,unconnected", "resolved raw6 foreign timewait" },
	};

	EXPECT(table);
}

static void test_addresses(void **state)
{
	static const struct expectation table[] = {
		/* who answers there, or is connected from or to there */
		{ "10.0.0.7", "apache sshd4 resolved mapped untold timewait" },
		{ "10.0.0.7:80", "apache mapped timewait" },
		{ "10.0.0.7:80/udp", "" },
		{ "192.168.1.1", "apache sshd4 untold" },
		{ "127.0.0.1:5432", "postgres looped" },
		{ "127.0.0.53", "apache sshd4 untold" },
		{ "10.0.0.0/8", "apache sshd4 resolved mapped untold timewait" },
		{ "10.0.0.0/8:80", "apache mapped timewait" },
		{ "0.0.0.0/0:22", "sshd4" },
		{ "[::]/0:22", "sshd6" },
		{ "[::/0]:22", "sshd6" },
		{ "::1", "apache sshd6 raw6 untold" },
		{ "[::1]:80", "apache" },
		{ "[2001:db8::7]:22", "sshd6" },
		{ "2001:db8::/32", "apache sshd6 raw6 untold" },
		/* both ends of a connection have ports of their own */
		{ "192.0.2.9", "mapped" },
		{ "192.0.2.9:40000", "mapped" },
		{ "192.0.2.9:80", "" },
		/* not local: by name alone */
		{ "198.51.100.1", "foreign" },
		{ "198.51.100.1:500", "foreign" },
		{ "203.0.113.1", "" },
		/* as bound */
		{ "0.0.0.0", "sshd4 resolved" },
		{ "::", "apache sshd6 raw6 untold" },
		{ "[::]:80", "apache" },
		{ "::ffff:10.0.0.7", "apache sshd4 resolved mapped untold timewait" },
		{ "fe80::1", "apache sshd6 raw6 untold link" },
		{ "fe80::1%eth0", "apache sshd6 raw6 untold link" },
		{ "[fe80::1%2]:9000", "link" },
		{ "[fe80::1%eth1]:9000", "" },
		{ "fe80::%eth0/10 9000", "link" },
		{ "localhost:5432", "postgres looped" },
		{ "localhost:22", "sshd4 sshd6" },
		{ "address=10.0.0.7:80", "apache mapped timewait" },
		{ "addr=::1,192.0.2.9 80", "apache mapped" },
	};

	EXPECT(table);
}

static void test_odd_addresses(void **state)
{
	struct hark_snapshot *s = *state;
	struct hark_socket *rows = s->sockets.items;

	/* of a VRF's port; of a list that was left out */
	rows[SSHD4].device = s->interfaces.items[1].vrf = 9;
	snapshot_listener(s, &rows[APACHE])->answers[0].verdict = HARK_VERDICT_SOME;
	expect(s, "10.0.0.7 22,80 listen", "apache sshd4");
	expect(s, "192.168.1.1 22,80 listen", "apache");
	s->namespaces.items[0].places_presence = HARK_DENIED;
	s->namespaces.items[0].n_places = 0;
	snapshot_listener(s, &rows[APACHE])->answers[0].verdict = HARK_VERDICT_UNKNOWN;
	snapshot_listener(s, &rows[POSTGRES])->answers[0].verdict = HARK_VERDICT_UNKNOWN;
	expect(s, "10.9.9.9 listen", "apache untold");
}

static void test_holders(void **state)
{
	static const struct expectation table[] = {
		{ "sshd", "sshd4 sshd6" },
		{ "ssh[d]", "sshd4 sshd6" },
		{ "[a-s]*", "apache sshd4 sshd6 postgres resolved" },
		{ "command=ssh", "" },
		{ "comm=ssh?", "sshd4 sshd6" },
		{ "systemd-resolve", "resolved" },
		{ "systemd-resolved", "resolved" },
		{ "systemd-networkd", "" },
		{ "pid=100", "apache" },
		{ "pid=100,300", "apache postgres" },
		{ "kernel,sshd", "sshd4 sshd6 raw6" },
		{ "pid=100,port=22", "apache sshd4 sshd6" },
		{ "80,sshd,raw", "apache sshd4 sshd6 mapped raw6 timewait" },
		{ "user=33", "apache" },
		{ "uid=70", "postgres" },
		/* sockets of root's; those without a file have no owner */
		{ "user=root tcp", "apache sshd4 sshd6 mapped looped untold link" },
		{ "unit=ssh", "sshd4 sshd6" },
		{ "unit=ssh.service", "sshd4 sshd6" },
		{ "unit=*.service", "apache sshd4 sshd6 foreign" },
		{ "unit=charon@*", "foreign" },
		{ "unit=ssh.servic", "" },
		{ "container=0123456789ab", "postgres" },
		{ "container=*", "postgres" },
		{ "container=0123456789a", "" },
		{ "pod=6a35f2a4", "resolved" },
		{ "netns=blue",
		  "apache sshd4 sshd6 postgres resolved mapped looped raw6 untold foreign "
		  "timewait link" },
		{ "netns=4026531840 udp", "resolved foreign" },
		{ "netns=red", "" },
		{ "dev=eth0", "resolved link" },
		{ "dev=eth*", "resolved link" },
		{ "dev=2", "resolved link" },
		{ "dev=eth1", "" },
		{ "inode=1001", "sshd4" },
		{ "cookie=0000000000000011", "sshd4" },
	};

	EXPECT(table);
}

/* Whatever the system's database says of these names. */
static void test_services(void **state)
{
	struct hark_error error;
	struct hark_selection *selection = select_words("ssh");
	struct servent *service = getservbyname("ssh", NULL);
	char found[200];

	list_matches(selection, *state, found);
	assert_string_equal(found, service ? "sshd4 sshd6" : "");
	assert_int_equal(selection_ports(selection, (struct port_range[1]){ { 0, 0 } }, 1), 0);
	assert_int_equal(hark_selection_add(selection, ":ssh", &error), service ? 0 : -EINVAL);
	assert_int_equal(hark_selection_add(selection, "10.0.0.7:ssh", &error),
			 service ? 0 : -EINVAL);
	hark_selection_free(selection);
}

static void test_families(void **state)
{
	static const char ipv4[] =
		"apache sshd4 postgres resolved mapped looped untold foreign timewait";
	static const char ipv6[] = "apache sshd6 raw6 untold link";
	struct hark_selection *selection = select_words("");
	char found[200];

	hark_selection_add_family(selection, HARK_FAMILY_INET);
	assert_int_equal(selection_details(selection), HARK_DETAIL_ANSWERS);
	/* the verdicts of listeners are not known yet */
	assert_true(selection_matches_early(selection, *state, SSHD6));
	list_matches(selection, *state, found);
	assert_string_equal(found, ipv4);
	hark_selection_add_family(selection, HARK_FAMILY_INET6);
	assert_true(hark_selection_matches(selection, *state, APACHE));
	assert_true(hark_selection_matches(selection, *state, FOREIGN));
	hark_selection_free(selection);

	selection = select_words("");
	hark_selection_add_family(selection, HARK_FAMILY_INET6);
	list_matches(selection, *state, found);
	assert_string_equal(found, ipv6);
	hark_selection_free(selection);
}

static void test_protocol_mask(void **state)
{
	struct hark_selection *selection = select_words("80,53/udp");
	char found[200];

	hark_selection_set_protocols(selection, 1u << HARK_PROTOCOL_UDP);
	list_matches(selection, *state, found);
	assert_string_equal(found, "resolved");
	hark_selection_free(selection);
}

static void test_restrictions(void **state)
{
	struct hark_selection *selection =
		select_words("tcp,udp tcp4,80/udp sshd,22 80,100-200 apache2");
	struct port_range ranges[2] = { 0 };

	(void)state;
	assert_int_equal(selection_ports(selection, ranges, 2), 2);
	assert_int_equal(ranges[0].low, 80);
	assert_int_equal(ranges[1].high, 200);
	assert_int_equal(selection_ports(selection, ranges, 1), 0);
	assert_int_equal(selection_protocols(selection),
			 1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_UDP);
	assert_int_equal(selection_details(selection), HARK_DETAIL_ANSWERS | HARK_DETAIL_HOLDERS);
	hark_selection_free(selection);

	selection = select_words("10.0.0.7:80 user=0 unit=x");
	assert_int_equal(selection_ports(selection, ranges, 2), 1);
	assert_int_equal(selection_details(selection), HARK_DETAIL_ALL);
	assert_int_equal(selection_protocols(selection), 0);
	hark_selection_free(selection);
}

static void test_early(void **state)
{
	static const struct expectation kept[] = {
		{ "80", "apache mapped timewait" },   { "80 apache2", "apache mapped timewait" },
		{ "10.0.0.7:22", "sshd4 sshd6" },     { "established nginx", "mapped looped" },
		{ "udp unit=x", "resolved foreign" },
	};
	char found[200];

	for (size_t k = 0; k < sizeof(kept) / sizeof(*kept); k++) {
		struct hark_selection *selection = select_words(kept[k].words);

		found[0] = '\0';
		for (uint32_t i = 0; i < hark_snapshot_n_sockets(*state); i++)
			if (selection_matches_early(selection, *state, i))
				sprintf(found + strlen(found), "%s%s", *found ? " " : "", names[i]);
		assert_string_equal(found, kept[k].expected);
		hark_selection_free(selection);
	}
}

static void test_early_without_interfaces(void **state)
{
	struct hark_snapshot *s = *state;
	struct hark_selection *selection = select_words("dev=eth0");

	s->interfaces.n = 0;
	assert_true(selection_matches_early(selection, s, RESOLVED));
	assert_false(selection_matches_early(selection, s, APACHE));
	assert_false(hark_selection_matches(selection, s, RESOLVED));
	hark_selection_free(selection);
}

static void test_names_connections(void **state)
{
	static const struct {
		const char *words;
		bool expected;
	} table[] = {
		{ "", false },           { "80 udp", false },
		{ "listen", false },     { "unconnected", false },
		{ "established", true }, { "listen,time-wait", true },
		{ "state=bound", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct hark_selection *selection = select_words(table[i].words);

		assert_int_equal(hark_selection_names_connections(selection), table[i].expected);
		hark_selection_free(selection);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_selects_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_protocols_and_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_odd_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_holders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_services, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_families, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_protocol_mask, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_early, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_early_without_interfaces, set_up, tear_down),
		cmocka_unit_test(test_restrictions),
		cmocka_unit_test(test_names_connections),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
