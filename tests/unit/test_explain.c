/* SPDX-License-Identifier: MIT */
/*
 * The explanation of situations that are written down as the judge would conclude them. A case
 * lists all codes in their order, so that what must not be told is not; and words that must be
 * there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hark/explain.h>

#include "explain_cases.h"
#include "hints.h"
#include "rows.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static bool has(const char *list, const char *word)
{
	return list && strstr(list, word);
}

static void add_place(struct hark_snapshot *snapshot, const char *text, uint32_t ifindex)
{
	struct hark_place *place = array_push(&snapshot->places);

	assert_non_null(place);
	assert_int_equal(hark_prefix_parse(text, &place->prefix), 0);
	place->ifindex = ifindex;
}

static struct hark_snapshot *begin(const char *settings)
{
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_namespace *namespace;

	assert_non_null(snapshot);
	namespace = array_push(&snapshot->namespaces);
	*namespace = (struct hark_namespace){
		.places_presence = HARK_KNOWN,
		.bindv6only = has(settings, "bindv6only") ? HARK_YES : HARK_NO,
		.ipv6_disabled = has(settings, "disabled") ? HARK_YES : HARK_NO,
		.sk_lookup = has(settings, "sk_lookup") ? HARK_YES : HARK_NO,
	};
	*array_push(&snapshot->interfaces) = (struct hark_interface){ .ifindex = 1, .name = "lo" };
	*array_push(&snapshot->interfaces) =
		(struct hark_interface){ .ifindex = 2, .name = "eth0" };
	add_place(snapshot, "127.0.0.0/8", 1);
	add_place(snapshot, "192.168.1.241/32", 2);
	if (!has(settings, "disabled")) {
		add_place(snapshot, "::1/128", 1);
		add_place(snapshot, "2001:db8::241/128", 2);
	}
	namespace->n_places = snapshot->places.n;
	for (size_t i = 0; i < N_ELEMENTS(processes); i++)
		*array_push(&snapshot->processes) = processes[i].process;
	return snapshot;
}

/* A question about the first address of the family, and who got it. */
static void add_lookup(struct hark_snapshot *snapshot, const struct hark_socket *socket, int family,
		       uint32_t winner)
{
	struct hark_lookup *lookup = array_push(&snapshot->lookups);

	*lookup = (struct hark_lookup){ .ifindex = socket->device ? socket->device : 1,
					.n_places = 2,
					.socket = winner,
					.error = winner == HARK_NONE ? -ENOENT : 0,
					.port = socket->local_port,
					.protocol = socket->protocol,
					.family = (uint8_t)family };
	hark_addr_parse(family == V4 ? "127.0.0.1" : "::1", &lookup->addr);
	if (!hark_addr_is_any(&socket->local))
		lookup->addr = socket->local;
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
			add_lookup(snapshot, socket, family, HARK_NONE);
		return;
	}
	answer->verdict = letter == 'a' ? HARK_VERDICT_ALL : HARK_VERDICT_SOME;
	answer->via = family == V4 && socket->family == V6 ? HARK_VIA_MAPPED : HARK_VIA_NATIVE;
	answer->reach = letter == 's' ? (int8_t)hark_addr_reach(&socket->local) : HARK_REACH_PUBLIC;
	add_lookup(snapshot, socket, family, i);
	if (letter == 'a')
		return;
	answer->why = letter == 'p' ? HARK_WHY_SHADOWED : HARK_WHY_BOUND;
	answer->shadowed_by = letter == 'p' ? i - 1 : HARK_NONE;
	answer->first_address = snapshot->places.n;
	answer->n_addresses = 1;
	add_place(snapshot, "192.168.1.241", 2);
	if (letter == 's') {
		snapshot->places.items[answer->first_address].prefix.addr = socket->local;
		snapshot->places.items[answer->first_address].prefix.bits = 128;
	}
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
	for (uint32_t a = 0; a < N_ELEMENTS(activations); a++) {
		if (!has(given->flags, activations[a].flag))
			continue;
		snapshot_listener(snapshot, socket)->activation = snapshot->activations.n;
		*array_push(&snapshot->activations) = activations[a].activation;
	}
	for (const char *letter = given->holders; *letter; letter++)
		for (uint32_t p = 0; p < N_ELEMENTS(processes); p++)
			if (processes[p].letter == *letter)
				*array_push(&snapshot->holders) =
					(struct hark_holder){ .socket = i, .process = p, .fd = 3 };
}

static void add(struct hark_snapshot *snapshot, const struct given *given)
{
	struct hark_socket *socket = array_push(&snapshot->sockets);
	uint32_t i = snapshot->sockets.n - 1;
	bool is_datagram = !strcmp(given->protocol, "udp") || !strcmp(given->protocol, "udplite");

	assert_non_null(socket);
	socket->protocol = (uint8_t)hark_protocol_from_name(given->protocol);
	socket->family = given->family;
	socket->local_port = given->port;
	assert_int_equal(hark_addr_parse(given->addr, &socket->local), 0);
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
	assert_int_equal(snapshot_classify(snapshot, socket), 0);
	add_holders(snapshot, i, given);
	for (int family = 0; family < HARK_FAMILY_N_ && socket->is_listener; family++)
		conclude(snapshot, i, family, given->answers[family]);
}

static void write_codes(const struct hark_explanation *explanation, char *text, size_t size)
{
	const struct hark_finding *finding;
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " " : "", finding->code);
	assert_true(n < size);
}

static bool is_said(const struct hark_explanation *explanation, const char *words)
{
	const struct hark_finding *finding;

	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++)
		if (strstr(finding->text, words) || has(finding->evidence, words))
			return true;
	return false;
}

/* Details follow parts, parts follow headlines, and each is about a socket that there is. */
static void check_form(const struct hark_explanation *explanation,
		       const struct hark_snapshot *snapshot)
{
	const struct hark_finding *finding;
	int depth = HARK_FINDING_HEADLINE - 1;

	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++) {
		size_t length = strlen(finding->text);

		assert_true(finding->depth <= depth + 1);
		depth = finding->depth;
		assert_true(finding->socket < snapshot->sockets.n ||
			    (finding->socket == HARK_NONE && depth == HARK_FINDING_HEADLINE));
		assert_int_equal(finding->text[length - 1], '.');
		assert_null(strstr(finding->text, "  "));
		assert_null(strstr(finding->text, "(null)"));
		assert_false(has(finding->evidence, "(null)"));
		assert_false(has(finding->evidence, "\n"));
	}
}

static void check_case(void **state)
{
	const struct explained *explained = *state;
	struct hark_snapshot *snapshot = begin(explained->settings);
	struct hark_explanation *explanation = NULL;
	char codes[1024];

	for (size_t i = 0; i < N_ELEMENTS(explained->sockets) && explained->sockets[i].protocol;
	     i++)
		add(snapshot, &explained->sockets[i]);
	assert_int_equal(hark_explain(snapshot, NULL, &explanation), 0);
	check_form(explanation, snapshot);
	write_codes(explanation, codes, sizeof(codes));
	assert_string_equal(codes, explained->codes);
	for (size_t i = 0; i < N_ELEMENTS(explained->words) && explained->words[i]; i++)
		if (!is_said(explanation, explained->words[i]))
			fail_msg("nothing says: %s", explained->words[i]);
	hark_explanation_free(explanation);
	hark_snapshot_free(snapshot);
}

/* What is told always, or never, is no finding: each code is in one case and not in another. */
static void every_code_tells_something(void **state)
{
	static const char *const codes[] = {
		"port",
		"split-pair",
		"ipv4-socket",
		"mapped-bind",
		"ipv6-address",
		"v6only",
		"dual-stack",
		"v6only-unknown",
		"raw",
		"ping",
		"ipv4-all",
		"ipv4-some",
		"ipv4-none",
		"ipv4-unknown",
		"ipv6-all",
		"ipv6-some",
		"ipv6-none",
		"ipv6-unknown",
		"shadowed",
		"holders",
		"holders-denied",
		"no-holder",
		"holders-unknown",
		"shown-as-ipv4",
		"hidden-from-ipv4",
		"not-ipv4",
		"maybe-hidden",
		"bound",
		"connection",
		"mapped-connection",
		"ipv6-disabled",
		"bindv6only-off",
		"bindv6only-on",
		"sk-lookup",
		"firewall-unread",
	};

	(void)state;
	for (size_t c = 0; c < N_ELEMENTS(codes); c++) {
		size_t n_with = 0;
		char word[32];

		snprintf(word, sizeof(word), " %s ", codes[c]);
		for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
			char list[1024];

			snprintf(list, sizeof(list), " %s ", cases[i].codes);
			n_with += strstr(list, word) != NULL;
		}
		if (n_with == 0 || (n_with == N_ELEMENTS(cases) && strcmp(codes[c], "port")))
			fail_msg("%s: in %zu of the cases", codes[c], n_with);
	}
}

static struct hark_explanation *explain_process(struct hark_snapshot *snapshot,
						const char *selector)
{
	struct hark_selection *selection;
	struct hark_explanation *explanation = NULL;
	struct hark_error error;

	assert_int_equal(hark_selection_new(&selection), 0);
	assert_int_equal(hark_selection_add(selection, selector, &error), 0);
	assert_int_equal(hark_explain(snapshot, selection, &explanation), 0);
	hark_selection_free(selection);
	return explanation;
}

/* A selection means ports: all listeners of a port belong to its story, its neighbours do not. */
static void tells_of_whole_ports(void **state)
{
	static const struct given sockets[] = {
		{ "tcp", "0.0.0.0", V4, 22, "an", "", "s" },
		{ "tcp", "0.0.0.0", V4, 80, "an", "", "s" },
		{ "tcp", "::", V6, 80, "va", "v6only", "a" },
		{ "udp", "0.0.0.0", V4, 80, "an", "", "s" },
	};
	struct hark_snapshot *snapshot = begin(NULL);
	struct hark_explanation *explanation;
	char codes[1024];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(sockets); i++)
		add(snapshot, &sockets[i]);
	explanation = explain_process(snapshot, "pid=80");
	write_codes(explanation, codes, sizeof(codes));
	assert_string_equal(
		codes, "port split-pair ipv4-socket ipv4-all holders shown-as-ipv4 v6only "
		       "ipv4-none ipv6-all holders not-ipv4 hint-sshd hint-apache bindv6only-off "
		       "firewall-unread");
	hark_explanation_free(explanation);
	hark_snapshot_free(snapshot);
}

/* Connections of one port have nothing to do with one another: those alone that were asked for. */
static void tells_of_meant_connections(void **state)
{
	static const struct given sockets[] = {
		{ "tcp", "192.168.1.241", V4, 80, "nn", "connected", "a" },
		{ "tcp", "192.168.1.241", V4, 80, "nn", "connected", "s" },
	};
	struct hark_snapshot *snapshot = begin(NULL);
	struct hark_explanation *explanation;
	char codes[1024];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(sockets); i++)
		add(snapshot, &sockets[i]);
	explanation = explain_process(snapshot, "pid=80");
	write_codes(explanation, codes, sizeof(codes));
	assert_string_equal(codes, "port connection holders");
	assert_true(is_said(explanation, "TCP port 80 has 1 socket that does not listen."));
	assert_true(is_said(explanation, "Held by apache2 (pid 80, apache2.service)."));
	hark_explanation_free(explanation);
	hark_snapshot_free(snapshot);
}

static void tells_nothing_of_nothing(void **state)
{
	struct hark_snapshot *snapshot = begin(NULL);
	struct hark_explanation *explanation;

	(void)state;
	assert_int_equal(hark_explain(snapshot, NULL, &explanation), 0);
	assert_int_equal(hark_explanation_n_findings(explanation), 0);
	assert_null(hark_explanation_finding(explanation, 0));
	hark_explanation_free(explanation);
	hark_explanation_free(NULL);
	hark_snapshot_free(snapshot);
}

/* Long lists are cut, and say how much was left out. */
static void cuts_long_lists(void **state)
{
	const struct given given = { "tcp", "0.0.0.0", V4, 80, "an", "", "" };
	struct hark_snapshot *snapshot = begin(NULL);
	struct hark_explanation *explanation;
	char commands[10][2] = { "a" };

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		add_place(snapshot, "10.0.0.1", 2);
	snapshot->namespaces.items[0].n_places = snapshot->places.n;
	add(snapshot, &given);
	snapshot->sockets.items[0].n_holders = 10;
	for (uint32_t i = 0; i < 10; i++) {
		commands[i][0] = (char)('a' + i);
		*array_push(&snapshot->holders) =
			(struct hark_holder){ .process = snapshot->processes.n, .fd = 3 };
		*array_push(&snapshot->processes) =
			(struct hark_process){ .pid = 100 + i, .command = commands[i] };
	}
	assert_int_equal(hark_explain(snapshot, NULL, &explanation), 0);
	assert_true(is_said(explanation, "10.0.0.1 and 96 more)"));
	assert_true(is_said(explanation, "f (pid 105) and 4 more."));
	hark_explanation_free(explanation);
	hark_snapshot_free(snapshot);
}

static void finds_the_hint_for_a_server(void **state)
{
	static const struct {
		const char *command, *line, *code;
	} servers[] = {
		{ "apache2", "/usr/sbin/apache2 -k start", "hint-apache" },
		{ "httpd", NULL, "hint-apache" },
		{ "nginx", "nginx: master process", "hint-nginx" },
		{ "sshd", NULL, "hint-sshd" },
		{ "java", "/usr/bin/java -cp /usr/share/elasticsearch/lib/*",
		  "hint-elasticsearch" },
		{ "java", "java Listen", "hint-java" },
		{ "java", NULL, "hint-java" },
		{ "beam.smp", "/usr/lib/erlang/bin/beam.smp -- -root rabbitmq", "hint-rabbitmq" },
		{ "beam.smp", "beam.smp -sname ejabberd", "hint-erlang" },
		{ "mysqld", NULL, "hint-mysql" },
		{ "mariadbd", NULL, "hint-mariadb" },
		{ "systemd", NULL, "hint-systemd" },
		{ "systemd-resolve", NULL, NULL },
		{ "nginx-debug", NULL, NULL },
		{ "", NULL, NULL },
		{ NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(servers); i++) {
		const struct hark_process process = { .command = servers[i].command,
						      .command_line = servers[i].line };
		const struct server_hint *hint = server_hint_for(&process);

		if (servers[i].code)
			assert_string_equal(hint ? hint->code : "none", servers[i].code);
		else
			assert_null(hint);
	}
}

int main(void)
{
	enum {
		N_CASES = N_ELEMENTS(cases),
		N_OTHERS = 6,
	};
	struct CMUnitTest tests[N_OTHERS + N_CASES] = {
		cmocka_unit_test(every_code_tells_something),
		cmocka_unit_test(tells_of_whole_ports),
		cmocka_unit_test(tells_of_meant_connections),
		cmocka_unit_test(tells_nothing_of_nothing),
		cmocka_unit_test(cuts_long_lists),
		cmocka_unit_test(finds_the_hint_for_a_server),
	};

	for (size_t i = 0; i < N_CASES; i++)
		tests[N_OTHERS + i] = (struct CMUnitTest){ .name = cases[i].name,
							   .test_func = check_case,
							   .initial_state = (void *)&cases[i] };
	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
