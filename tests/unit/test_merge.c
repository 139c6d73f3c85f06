/* SPDX-License-Identifier: MIT */
/* Which sockets the table tells as one row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rows.h"
#include "view.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define SEED          20261122u
#define V4            HARK_FAMILY_INET
#define V6            HARK_FAMILY_INET6

/* A listener: its address, what it answers (verdict of IPv4, of IPv6) and who holds it. */
struct given {
	const char *addr; /* NULL: the end */
	uint8_t family;
	char answers[3]; /* 'a' all, 's' some, 'n' none, 'x' none as another gets it, '?' unknown */
	/* a letter each: a process; "-": hidden, of uid 0; "+": hidden, of uid 33; "k": kernel */
	const char *holders;
	uint32_t device;
};

static const struct {
	const char *name;
	struct given sockets[7];
	const char *rows; /* the sockets of each row by number, rows apart by blanks */
} cases[] = {
	{ "a split pair", { { "0.0.0.0", V4, "an", "a" }, { "::", V6, "na", "a" } }, "01" },
	{ "others hold the other half",
	  { { "0.0.0.0", V4, "an", "a" }, { "::", V6, "na", "b" } },
	  "0 1" },
	{ "dual-stack is whole by itself",
	  { { "0.0.0.0", V4, "xn", "a" }, { "::", V6, "aa", "a" } },
	  "0 1" },
	{ "loopback of both families",
	  { { "127.0.0.1", V4, "sn", "a" }, { "::1", V6, "ns", "a" } },
	  "01" },
	{ "a wildcard and loopback are no pair",
	  { { "0.0.0.0", V4, "an", "a" }, { "::1", V6, "ns", "a" } },
	  "0 1" },
	{ "reaching unequally far is no pair",
	  { { "10.0.0.1", V4, "sn", "a" }, { "2001:db8::1", V6, "ns", "a" } },
	  "0 1" },
	{ "a mapped address is IPv4's half",
	  { { "::1", V6, "ns", "a" }, { "::ffff:127.0.0.1", V6, "sn", "a" } },
	  "01" },
	{ "each half has one partner",
	  { { "10.0.0.1", V4, "sn", "a" },
	    { "10.0.0.2", V4, "sn", "a" },
	    { "fd00::1", V6, "ns", "a" },
	    { "fd00::2", V6, "ns", "a" },
	    { "fd00::3", V6, "ns", "a" } },
	  "02 13 4" },
	{ "a SO_REUSEPORT group",
	  { { "0.0.0.0", V4, "an", "a" },
	    { "0.0.0.0", V4, "an", "b" },
	    { "0.0.0.0", V4, "an", "ab" } },
	  "012" },
	{ "two groups are a pair, whoever holds which member",
	  { { "0.0.0.0", V4, "an", "a" },
	    { "0.0.0.0", V4, "an", "b" },
	    { "::", V6, "na", "b" },
	    { "::", V6, "na", "a" } },
	  "0123" },
	{ "who fares differently is told apart",
	  { { "0.0.0.0", V4, "an", "a" },
	    { "0.0.0.0", V4, "xn", "b" },
	    { "0.0.0.0", V4, "xn", "c" } },
	  "0 12" },
	{ "bound to interfaces",
	  { { "0.0.0.0", V4, "an", "a", 2 },
	    { "0.0.0.0", V4, "an", "a", 3 },
	    { "::", V6, "na", "a", 3 } },
	  "0 12" },
	{ "a half that another shadows stands alone",
	  { { "0.0.0.0", V4, "an", "a" }, { "::", V6, "nx", "a" } },
	  "0 1" },
	{ "hidden holders, one owner",
	  { { "0.0.0.0", V4, "an", "-" }, { "::", V6, "na", "-" } },
	  "01" },
	{ "hidden holders, two owners",
	  { { "0.0.0.0", V4, "an", "-" }, { "::", V6, "na", "+" } },
	  "0 1" },
	{ "the kernel's own", { { "0.0.0.0", V4, "an", "k" }, { "::", V6, "na", "k" } }, "01" },
	{ "the kernel's own is not hidden",
	  { { "0.0.0.0", V4, "an", "k" }, { "::", V6, "na", "-" } },
	  "0 1" },
	{ "hidden is not held", { { "0.0.0.0", V4, "an", "-" }, { "::", V6, "na", "a" } }, "0 1" },
	{ "unknown is shown by its own half",
	  { { "0.0.0.0", V4, "?n", "a" }, { "::", V6, "na", "a" } },
	  "01" },
	{ "an IPv6 listener that may be dual-stack is no half",
	  { { "0.0.0.0", V4, "an", "a" }, { "::", V6, "?a", "a" } },
	  "0 1" },
};

static struct hark_answer answer_of(char letter, const struct hark_addr *addr)
{
	struct hark_answer answer = { .reach = -1, .shadowed_by = HARK_NONE };

	switch (letter) {
	case 'a':
		answer.verdict = HARK_VERDICT_ALL;
		answer.reach = HARK_REACH_PUBLIC;
		break;
	case 's':
		answer.verdict = HARK_VERDICT_SOME;
		answer.reach = (int8_t)hark_addr_reach(addr);
		break;
	case '?':
		answer.verdict = HARK_VERDICT_UNKNOWN;
		break;
	case 'x':
		answer.why = HARK_WHY_SHADOWED;
		/* fall through */
	default:
		answer.verdict = HARK_VERDICT_NONE;
	}
	return answer;
}

static void add(struct hark_snapshot *snapshot, const struct given *given, uint16_t port)
{
	struct hark_socket *socket = array_push(&snapshot->sockets);

	*socket = (struct hark_socket){
		.protocol = HARK_PROTOCOL_TCP,
		.family = given->family,
		.state = HARK_STATE_LISTEN,
		.local_port = port,
		.device = given->device,
		.first_holder = snapshot->holders.n,
		.holders = HARK_KNOWN,
		.inode = snapshot->sockets.n,
		.uid = *given->holders == '+' ? 33 : 0,
	};
	assert_int_equal(hark_addr_parse(given->addr, &socket->local), 0);
	assert_int_equal(snapshot_classify(snapshot, socket), 0);
	for (int f = 0; f < HARK_FAMILY_N_; f++)
		snapshot_listener(snapshot, socket)->answers[f] =
			answer_of(given->answers[f], &socket->local);
	socket->is_kernel = *given->holders == 'k';
	if (strchr("-+k", *given->holders)) {
		socket->holders = HARK_DENIED;
		return;
	}
	for (const char *letter = given->holders; *letter; letter++) {
		*array_push(&snapshot->holders) =
			(struct hark_holder){ .socket = snapshot->sockets.n - 1,
					      .process = (uint32_t)(*letter - 'a') };
		socket->n_holders++;
	}
}

static struct hark_snapshot *begin(void)
{
	struct hark_snapshot *snapshot = snapshot_new();

	/* Pids run the other way than indexes do. */
	for (uint32_t i = 0; i < 4; i++)
		*array_push(&snapshot->processes) = (struct hark_process){ .pid = 100 - i };
	return snapshot;
}

/* The sockets of each row as `cases` has them. */
static char *describe(const struct view *view, char *text)
{
	char *to = text;

	for (uint32_t i = 0; i < view->n_rows; i++) {
		struct row row = view_row(view, i);

		if (i)
			*to++ = ' ';
		for (uint32_t j = row.first; j != HARK_NONE; j = view_next(view, j))
			*to++ = (char)('0' + j);
	}
	*to = '\0';
	return text;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_snapshot *snapshot = begin();
		struct view view;
		char text[64];

		for (const struct given *given = cases[i].sockets; given->addr; given++)
			add(snapshot, given, 80);
		view_init(&view, snapshot, ESCAPE_UTF8);
		assert_int_equal(view_merge(&view), 0);
		if (strcmp(describe(&view, text), cases[i].rows))
			fail_msg("%s: rows are \"%s\", not \"%s\"", cases[i].name, text,
				 cases[i].rows);
		view_fini(&view);
		hark_snapshot_free(snapshot);
	}
}

/* A family's cell tells of a socket of the row, and there are as many like it as the row says. */
static void check_row(const struct view *view, const struct row *row, uint8_t *seen)
{
	const struct hark_socket *first = view_first(view, row);
	bool has[HARK_FAMILY_N_] = { false };
	uint32_t n = 0;

	for (uint32_t j = row->first; j != HARK_NONE; j = view_next(view, j)) {
		const struct hark_socket *socket = view_socket(view, j);

		assert_int_equal(seen[j]++, 0);
		assert_int_equal(socket->local_port, first->local_port);
		for (int f = 0; f < HARK_FAMILY_N_; f++)
			has[f] = has[f] || row->by_family[f] == j;
		n++;
	}
	assert_true(has[V4] && has[V6]);
	assert_int_equal(n, row->by_family[V4] == row->by_family[V6] ? row->n[V4] :
								       row->n[V4] + row->n[V6]);
}

static void test_every_socket_once(void **state)
{
	static const char *const addrs[HARK_FAMILY_N_][4] = {
		{ "0.0.0.0", "127.0.0.1", "10.0.0.1", "10.0.0.2" },
		{ "::", "::1", "::ffff:10.0.0.1", "fd00::1" },
	};
	static const char *const answers[] = { "an", "na", "aa", "sn", "ns",
					       "nn", "xn", "nx", "?a", "?n" };
	static const char *const holders[] = { "a", "b", "ab", "abcd", "-", "+" };

	(void)state;
	print_message("# seed %u\n", SEED);
	srandom(SEED);
	for (uint32_t round = 0; round < 300; round++) {
		struct hark_snapshot *snapshot = begin();
		uint32_t n = (uint32_t)random() % 60;
		uint8_t seen[60] = { 0 };
		struct view view;

		for (uint32_t i = 0; i < n; i++) {
			struct given given = { .family = (uint8_t)(random() % 2) };

			given.addr = addrs[given.family][random() % 4];
			memcpy(given.answers, answers[random() % 10], 3);
			given.holders = holders[random() % 6];
			given.device = random() % 4 == 0 ? 2 : 0;
			add(snapshot, &given, (uint16_t)(80 + random() % 3));
		}
		assert_int_equal(snapshot_sort_sockets(snapshot), 0);
		view_init(&view, snapshot, ESCAPE_UTF8);
		assert_int_equal(view_merge(&view), 0);
		for (uint32_t i = 0; i < view.n_rows; i++) {
			struct row row = view_row(&view, i);

			check_row(&view, &row, seen);
		}
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(seen[i], 1);
		view_fini(&view);
		hark_snapshot_free(snapshot);
	}
}

/* One port at 20,000 addresses, as name servers bind it, is no matter of minutes. */
static void test_many_addresses(void **state)
{
	struct hark_snapshot *snapshot = begin();
	struct given given = {
		.addr = "10.0.0.1", .family = V4, .answers = "sn", .holders = "abcd"
	};
	struct view view;
	clock_t start;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		struct hark_socket *socket;

		if (i == 10000)
			given = (struct given){ "fd00::1", V6, "ns", "abcd", 0 };
		add(snapshot, &given, 53);
		socket = &snapshot->sockets.items[i];
		socket->local.bytes[14] = (uint8_t)(i >> 8);
		socket->local.bytes[15] = (uint8_t)i;
	}
	start = clock();
	view_init(&view, snapshot, ESCAPE_UTF8);
	assert_int_equal(view_merge(&view), 0);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
	assert_int_equal(view.n_rows, 20000 - 1024);
	view_fini(&view);
	hark_snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_socket_once),
		cmocka_unit_test(test_many_addresses),
	};

	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
