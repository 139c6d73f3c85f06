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

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hark/explain.h>

#include "hints.h"
#include "rows.h"
#include "stories.h"

#define V4            HARK_FAMILY_INET
#define V6            HARK_FAMILY_INET6
#define MAX_STORIES   100
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

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
		if (strstr(finding->text, words) || strstr(finding->evidence, words))
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
			    (finding->socket == HARK_NONE && depth != HARK_FINDING_DETAIL));
		assert_int_equal(finding->text[length - 1], '.');
		assert_null(strstr(finding->text, "  "));
		assert_null(strstr(finding->text, "(null)"));
		assert_null(strstr(finding->evidence, "(null)"));
		assert_null(strchr(finding->evidence, '\n'));
	}
}

static void check_story(void **state)
{
	const struct story *story = *state;
	struct hark_snapshot *snapshot = story_snapshot(story);
	struct hark_selection *selection = story_selection(story);
	struct hark_explanation *explanation = NULL;

	assert_int_equal(hark_explain(snapshot, selection, &explanation), 0);
	check_form(explanation, snapshot);
	for (size_t i = 0; i < N_ELEMENTS(story->words) && story->words[i]; i++)
		if (!is_said(explanation, story->words[i]))
			fail_msg("nothing says: %s", story->words[i]);
	hark_explanation_free(explanation);
	hark_selection_free(selection);
	hark_snapshot_free(snapshot);
}

static bool has_code(const struct story *story, const char *code)
{
	struct hark_snapshot *snapshot = story_snapshot(story);
	struct hark_selection *selection = story_selection(story);
	struct hark_explanation *explanation;
	const struct hark_finding *finding;
	bool has = false;

	assert_int_equal(hark_explain(snapshot, selection, &explanation), 0);
	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++)
		has |= !strcmp(finding->code, code);
	hark_explanation_free(explanation);
	hark_selection_free(selection);
	hark_snapshot_free(snapshot);
	return has;
}

/*
 * What is told always, or never, is no finding: each code is in the story that stands beside it,
 * and not in the other. All codes that there are stand here, and in the manual.
 */
static const struct {
	const char *code, *with, *without;
} codes[] = {
	{ "overview", "process", "unit" },
	{ "port", "founding", "nothing-listens" },
	{ "reach", "founding", "foreign-address" },
	{ "address", "address-and-port", "founding" },
	{ "address-none", "address-of-nobody", "address-and-port" },
	{ "split-pair", "split-pair", "founding" },
	{ "ipv4-socket", "split-pair", "founding" },
	{ "mapped-bind", "mapped-bind", "founding" },
	{ "ipv6-address", "hidden-holders", "founding" },
	{ "v6only", "bindv6only", "founding" },
	{ "dual-stack", "founding", "bindv6only" },
	{ "v6only-unknown", "without-sock-diag", "founding" },
	{ "raw", "raw", "founding" },
	{ "ping", "raw", "founding" },
	{ "bound-device", "bound-device", "founding" },
	{ "ipv4-all", "founding", "bindv6only" },
	{ "ipv4-some", "nginx-before-apache", "founding" },
	{ "ipv4-none", "bindv6only", "founding" },
	{ "ipv4-unknown", "without-sock-diag", "founding" },
	{ "ipv6-all", "founding", "ipv6-disabled" },
	{ "ipv6-some", "hidden-holders", "founding" },
	{ "ipv6-none", "ipv6-disabled", "founding" },
	{ "ipv6-unknown", "udp-rivals-unknown", "founding" },
	{ "shadowed", "nginx-before-apache", "founding" },
	{ "backlog-waiting", "backlog-full", "founding" },
	{ "backlog-full", "backlog-full", "udp-queue-full" },
	{ "queue-waiting", "udp-queue-full", "udp" },
	{ "queue-full", "udp-queue-full", "udp" },
	{ "drops", "backlog-full", "founding" },
	{ "holders", "founding", "hidden-holders" },
	{ "since", "founding", "udp" },
	{ "activation", "activation", "activation-hints" },
	{ "fronts", "fronted", "founding" },
	{ "holders-denied", "hidden-holders", "founding" },
	{ "no-holder", "ipv6-disabled", "founding" },
	{ "holders-unknown", "not-local", "founding" },
	{ "kernel", "kernel", "founding" },
	{ "shown-by", "founding", "nothing-listens" },
	{ "shown-as-ipv4", "split-pair", "founding" },
	{ "hidden-from-ipv4", "founding", "bindv6only" },
	{ "not-ipv4", "bindv6only", "founding" },
	{ "maybe-hidden", "without-sock-diag", "founding" },
	{ "hint-apache", "founding", "split-pair" },
	{ "bound", "bound-not-listening", "many-connections" },
	{ "connection", "not-listening", "bound-not-listening" },
	{ "mapped-connection", "not-listening", "many-connections" },
	{ "more", "many-connections", "not-listening" },
	{ "nothing-listens", "nothing-listens", "undecided" },
	{ "undecided", "undecided", "nothing-listens" },
	{ "not-local", "foreign-address", "other-address" },
	{ "refused", "nothing-listens", "unread-sockets" },
	{ "near-miss", "other-address", "nothing-listens" },
	{ "namespaces-unread", "nothing-listens", "bound-not-listening" },
	{ "ipv6-disabled", "ipv6-disabled", "ipv6-disabled-ipv4" },
	{ "bindv6only-off", "founding", "bindv6only" },
	{ "bindv6only-on", "bindv6only", "founding" },
	{ "sk-lookup", "sk-lookup", "founding" },
	{ "listen-overflows", "backlog-full", "udp-queue-full" },
	{ "firewall-unread", "founding", "raw" },
	{ "firewall-own-view", "firewall-wider", "founding" },
	{ "firewall-open", "firewall-wider", "firewall-limits" },
	{ "firewall-lets", "firewall-wider", "firewall-limits" },
	{ "firewall-drops", "firewall-wider", "firewall-limits" },
	{ "firewall-rejects", "firewall-limits", "firewall-wider" },
	{ "firewall-diverts", "firewall-diverted", "firewall-wider" },
	{ "firewall-depends", "firewall-limits", "firewall-wider" },
	{ "firewall-unknown", "firewall-diverted", "firewall-denied" },
	{ "firewall-path", "firewall-limits", "firewall-wider" },
	{ "firewall-crafted-sender", "firewall-crafted", "firewall-wider" },
	{ "firewall-wider-family", "firewall-wider", "firewall-crafted" },
	{ "firewall-entry-port", "firewall-entry-port", "firewall-published" },
	{ "firewall-published", "firewall-published", "firewall-entry-port" },
};

static const struct story *story_of(const char *name)
{
	for (size_t i = 0; i < n_stories; i++)
		if (!strcmp(stories[i].name, name))
			return &stories[i];
	fail_msg("no story is called %s", name);
	return NULL;
}

static void every_code_tells_something(void **state)
{
	(void)state;
	for (size_t c = 0; c < N_ELEMENTS(codes); c++) {
		if (!has_code(story_of(codes[c].with), codes[c].code))
			fail_msg("%s is not in %s", codes[c].code, codes[c].with);
		if (has_code(story_of(codes[c].without), codes[c].code))
			fail_msg("%s is in %s", codes[c].code, codes[c].without);
	}
}

/* No story has a code that is not on the list; hints are as many as there are servers. */
static void every_code_is_listed(void **state)
{
	(void)state;
	for (size_t s = 0; s < n_stories; s++) {
		struct hark_snapshot *snapshot = story_snapshot(&stories[s]);
		struct hark_explanation *explanation;
		const struct hark_finding *finding;

		assert_int_equal(hark_explain(snapshot, NULL, &explanation), 0);
		for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++) {
			size_t c = 0;

			while (c < N_ELEMENTS(codes) && strcmp(codes[c].code, finding->code))
				c++;
			if (c == N_ELEMENTS(codes) && strncmp(finding->code, "hint-", 5))
				fail_msg("%s of %s", finding->code, stories[s].name);
		}
		hark_explanation_free(explanation);
		hark_snapshot_free(snapshot);
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
	struct hark_snapshot *snapshot = story_begin(NULL);
	struct hark_explanation *explanation;
	char told[1024];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(sockets); i++)
		story_add(snapshot, &sockets[i]);
	explanation = explain_process(snapshot, "pid=80");
	write_codes(explanation, told, sizeof(told));
	assert_string_equal(
		told, "port reach split-pair ipv4-socket ipv4-all holders since shown-by "
		      "shown-as-ipv4 v6only ipv4-none ipv6-all holders since shown-by not-ipv4 "
		      "hint-sshd hint-apache bindv6only-off firewall-unread");
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
	struct hark_snapshot *snapshot = story_begin(NULL);
	struct hark_explanation *explanation;
	char told[1024];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(sockets); i++)
		story_add(snapshot, &sockets[i]);
	explanation = explain_process(snapshot, "pid=80");
	write_codes(explanation, told, sizeof(told));
	assert_string_equal(told, "nothing-listens port connection holders since");
	assert_true(is_said(explanation, "TCP port 80 has 1 socket that does not listen."));
	assert_true(is_said(explanation, "Held by apache2 (pid 80, apache2.service)."));
	hark_explanation_free(explanation);
	hark_snapshot_free(snapshot);
}

static void tells_nothing_of_nothing(void **state)
{
	struct hark_snapshot *snapshot = story_begin(NULL);
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
	struct hark_snapshot *snapshot = story_begin(NULL);
	struct hark_explanation *explanation;
	char commands[10][2] = { "a" };

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		story_add_place(snapshot, "10.0.0.1", 2);
	snapshot->namespaces.items[0].n_places = snapshot->places.n;
	story_add(snapshot, &given);
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
	const struct CMUnitTest others[] = {
		cmocka_unit_test(every_code_tells_something),
		cmocka_unit_test(every_code_is_listed),
		cmocka_unit_test(tells_of_whole_ports),
		cmocka_unit_test(tells_of_meant_connections),
		cmocka_unit_test(tells_nothing_of_nothing),
		cmocka_unit_test(cuts_long_lists),
		cmocka_unit_test(finds_the_hint_for_a_server),
	};
	struct CMUnitTest tests[N_ELEMENTS(others) + MAX_STORIES];
	size_t n = N_ELEMENTS(others);

	memcpy(tests, others, sizeof(others));
	assert(n_stories <= MAX_STORIES);
	for (size_t i = 0; i < n_stories; i++)
		tests[n++] = (struct CMUnitTest){ .name = stories[i].name,
						  .test_func = check_story,
						  .initial_state = (void *)&stories[i] };
	return _cmocka_run_group_tests("explain", tests, n, NULL, NULL);
}
