/* SPDX-License-Identifier: MIT */
/* Answers of the firewall as rows, and doors that lead into another namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "passage.h"

struct bed {
	struct hark_snapshot *snapshot;
	struct ruleset *ruleset;
	struct passage passage;
};

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	bed->snapshot = snapshot_new();
	bed->ruleset = ruleset_new();
	bed->passage = (struct passage){ .snapshot = bed->snapshot, .ruleset = bed->ruleset };
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	hash_fini(&bed->passage.number_by_answer);
	hash_fini(&bed->passage.pieces_by_answer);
	hash_fini(&bed->passage.row_by_witness);
	array_fini(&bed->passage.answers);
	array_fini(&bed->passage.pieces);
	ranges_fini(&bed->passage.rest);
	ruleset_free(bed->ruleset);
	hark_snapshot_free(bed->snapshot);
	free(bed);
	return 0;
}

static struct hark_addr addr_of(const char *text)
{
	struct hark_addr addr;

	assert_int_equal(hark_addr_parse(text, &addr), 0);
	return addr;
}

static struct ranges set_of(const char *first, const char *last)
{
	struct hark_addr from = addr_of(first), to = addr_of(last);
	struct ranges set = { .n = 0 };

	assert_int_equal(ranges_set(&set, ranges_number(&from), ranges_number(&to)), 0);
	return set;
}

static struct firewall_how to_port(const char *addr, uint16_t port)
{
	return (struct firewall_how){ .kind = FIREWALL_HOW_ADDRESS,
				      .port = port,
				      .first = addr_of(addr),
				      .last = addr_of(addr) };
}

static uint32_t give(struct bed *bed, const struct firewall_answer *answer)
{
	assert_int_equal(array_reserve(&bed->passage.answers, 1u), 0);
	bed->passage.answers.items[bed->passage.answers.n] = answer;
	return bed->passage.answers.n++;
}

static const struct hark_firewall_piece *piece_at(const struct bed *bed, uint32_t i)
{
	const struct hark_firewall_piece *piece = hark_snapshot_firewall_piece(bed->snapshot, i);

	assert_non_null(piece);
	return piece;
}

static void expect_range(const struct bed *bed, uint32_t i, const char *text)
{
	const struct hark_range *range = hark_snapshot_range(bed->snapshot, i);
	char found[HARK_RANGE_TEXT_SIZE];

	assert_non_null(range);
	assert_string_equal(hark_range_format(range, found), text);
}

/* What goes somewhere else is diverted for a listener of here, and let through for a door. */
static void test_reading(void **state)
{
	static const struct {
		enum passage_reading reading;
		uint8_t moved, stayed;
		bool tells_where;
	} cases[] = {
		{ PASSAGE_OWN, HARK_FIREWALL_ACCEPT, HARK_FIREWALL_ACCEPT, false },
		{ PASSAGE_FOREIGN, HARK_FIREWALL_DIVERTED, HARK_FIREWALL_ACCEPT, true },
		{ PASSAGE_DOOR, HARK_FIREWALL_ACCEPT, HARK_FIREWALL_DIVERTED, true },
	};
	struct bed *bed = *state;
	struct firewall_piece pieces[] = {
		{ .sources = set_of("10.0.0.0", "10.255.255.255"),
		  .verdict = HARK_FIREWALL_ACCEPT,
		  .how = to_port("10.0.0.2", 8080) },
		{ .sources = set_of("11.0.0.0", "255.255.255.255"),
		  .verdict = HARK_FIREWALL_ACCEPT },
	};
	const struct firewall_answer answer = { .pieces = pieces, .n_pieces = 2 };
	uint32_t number = give(bed, &answer);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct passage_pieces made, again;

		assert_int_equal(passage_pieces(&bed->passage, number, HARK_FAMILY_INET,
						cases[i].reading, &made),
				 0);
		assert_int_equal(made.n, 2);
		assert_int_equal(piece_at(bed, made.first)->verdict, cases[i].moved);
		assert_int_equal(piece_at(bed, made.first + 1)->verdict, cases[i].stayed);
		if (cases[i].tells_where)
			assert_string_equal(piece_at(bed, made.first)->how, "10.0.0.2:8080");
		else
			assert_null(piece_at(bed, made.first)->how);
		expect_range(bed, piece_at(bed, made.first)->first_range, "10.0.0.0/8");
		/* Made once. */
		assert_int_equal(passage_pieces(&bed->passage, number, HARK_FAMILY_INET,
						cases[i].reading, &again),
				 0);
		assert_int_equal(again.first, made.first);
	}
	for (int i = 0; i < 2; i++)
		ranges_fini(&pieces[i].sources);
}

/* Only what an ordinary client could not get counts. */
static void test_crafted(void **state)
{
	struct bed *bed = *state;
	struct firewall_piece ordinary[] = {
		{ .sources = set_of("10.0.0.0", "10.255.255.255"),
		  .verdict = HARK_FIREWALL_ACCEPT },
		{ .sources = set_of("11.0.0.0", "11.255.255.255"),
		  .verdict = HARK_FIREWALL_DEPENDS,
		  .doubts = DOUBT(RATE) },
		{ .sources = set_of("12.0.0.0", "255.255.255.255"), .verdict = HARK_FIREWALL_DROP },
	};
	struct firewall_piece chosen[] = {
		{ .sources = set_of("10.0.0.0", "12.255.255.255"),
		  .verdict = HARK_FIREWALL_DEPENDS,
		  .doubts = DOUBT(SENDER) | DOUBT(RATE),
		  .outcomes = 1u << HARK_FIREWALL_ACCEPT | 1u << HARK_FIREWALL_DROP },
		{ .sources = set_of("13.0.0.0", "13.0.0.255"),
		  .verdict = HARK_FIREWALL_DEPENDS,
		  .doubts = DOUBT(RATE),
		  .outcomes = 1u << HARK_FIREWALL_ACCEPT | 1u << HARK_FIREWALL_DROP },
		{ .sources = set_of("14.0.0.0", "255.255.255.255"), .verdict = HARK_FIREWALL_DROP },
	};
	const struct firewall_answer first = { .pieces = ordinary, .n_pieces = 3 };
	const struct firewall_answer second = { .pieces = chosen, .n_pieces = 3 };
	struct passage_pieces made;

	assert_int_equal(passage_crafted(&bed->passage, give(bed, &first), give(bed, &second),
					 HARK_FAMILY_INET, &made),
			 0);
	assert_int_equal(made.n, 1);
	assert_int_equal(piece_at(bed, made.first)->n_ranges, 1);
	expect_range(bed, piece_at(bed, made.first)->first_range, "12.0.0.0/8");
	for (int i = 0; i < 3; i++) {
		ranges_fini(&ordinary[i].sources);
		ranges_fini(&chosen[i].sources);
	}
}

/* Each decider is one row, told by its place where it is no rule. */
static void test_deciders(void **state)
{
	struct bed *bed = *state;
	const struct firewall_witness filter = { .decider = FIREWALL_RP_FILTER, .index = 0 };
	const struct firewall_witness route = { .decider = FIREWALL_NO_ROUTE };
	struct rule_interface *interface = array_push(&bed->ruleset->interfaces);
	uint32_t row;

	assert_non_null(interface);
	interface->name = "eth1";
	row = passage_rule(&bed->passage, &filter);
	assert_int_equal(passage_rule(&bed->passage, &filter), row);
	assert_int_not_equal(passage_rule(&bed->passage, &route), row);
	assert_string_equal(hark_snapshot_firewall_rule(bed->snapshot, row)->where, "kernel");
	assert_string_equal(hark_snapshot_firewall_rule(bed->snapshot, row)->text,
			    "reverse path filter (rp_filter) of eth1");
}

static uint32_t add_piece(struct bed *bed, uint8_t verdict, const char *first, const char *last)
{
	struct hark_range *range = array_push(&bed->snapshot->ranges);
	struct hark_firewall_piece *piece = array_push(&bed->snapshot->firewall_pieces);

	assert_true(range && piece);
	*range = (struct hark_range){ addr_of(first), addr_of(last) };
	piece->verdict = verdict;
	piece->first_range = bed->snapshot->ranges.n - 1;
	piece->n_ranges = 1;
	return bed->snapshot->firewall_pieces.n - 1;
}

static uint32_t add_entry(struct bed *bed, uint32_t place, uint32_t first_piece, uint32_t n_pieces)
{
	struct hark_firewall_entry *entry = array_push(&bed->snapshot->firewall_entries);

	assert_non_null(entry);
	entry->first_place = place;
	entry->n_places = 1;
	entry->first_piece = first_piece;
	entry->n_pieces = n_pieces;
	return bed->snapshot->firewall_entries.n - 1;
}

static void add_namespace(struct bed *bed, const char *addr)
{
	struct hark_namespace *namespace = snapshot_begin_namespace(bed->snapshot);
	struct hark_place *place = array_push(&bed->snapshot->places);

	assert_true(namespace && place);
	place->prefix = (struct hark_prefix){ addr_of(addr), 128 };
	place->netns = snapshot_netns(bed->snapshot);
	namespace->first_place = bed->snapshot->places.n - 1;
	namespace->n_places = 1;
}

static void add_listener(struct bed *bed, uint16_t port, uint32_t entry)
{
	struct hark_socket *socket = array_push(&bed->snapshot->sockets);
	struct hark_listener *listener;

	assert_non_null(socket);
	socket->protocol = HARK_PROTOCOL_TCP;
	socket->state = HARK_STATE_LISTEN;
	socket->local_port = port;
	socket->netns = snapshot_netns(bed->snapshot);
	assert_int_equal(snapshot_classify(bed->snapshot, socket), 0);
	listener = snapshot_listener(bed->snapshot, socket);
	listener->firewall = HARK_KNOWN;
	listener->first_entry = entry;
	listener->n_entries = 1;
}

static void add_door(struct bed *bed, uint16_t target_port, uint32_t entry)
{
	struct hark_door *door = array_push(&bed->snapshot->doors);

	assert_non_null(door);
	door->protocol = HARK_PROTOCOL_TCP;
	door->leads_to = "somewhere";
	door->target = addr_of("172.17.0.2");
	door->target_port = target_port;
	door->socket = HARK_NONE;
	door->first_entry = entry;
	door->n_entries = 1;
}

/* The host lets in 10/8 and drops the rest; the container refuses 10.1/16 of them. */
static void test_join(void **state)
{
	static const struct {
		uint8_t verdict;
		const char *range;
	} wanted[] = {
		{ HARK_FIREWALL_REJECT, "10.1.0.0/16" },
		{ HARK_FIREWALL_ACCEPT, "10.0.0.0/16" },
		{ HARK_FIREWALL_DROP, "11.0.0.0-255.255.255.255" },
	};
	struct bed *bed = *state;
	uint32_t pieces;
	const struct hark_firewall_entry *entry;

	add_namespace(bed, "192.0.2.1");
	pieces = add_piece(bed, HARK_FIREWALL_ACCEPT, "10.0.0.0", "10.255.255.255");
	add_piece(bed, HARK_FIREWALL_DROP, "11.0.0.0", "255.255.255.255");
	add_entry(bed, 0, pieces, 2);
	add_door(bed, 80, 0);
	add_entry(bed, 0, pieces, 2);
	add_door(bed, 81, 1);
	add_namespace(bed, "172.17.0.2");
	pieces = add_piece(bed, HARK_FIREWALL_REJECT, "10.1.0.0", "10.1.255.255");
	add_piece(bed, HARK_FIREWALL_ACCEPT, "0.0.0.0", "255.255.255.255");
	add_listener(bed, 80, add_entry(bed, 1, pieces, 2));

	assert_int_equal(passage_join(bed->snapshot), 0);
	assert_int_equal(hark_snapshot_door(bed->snapshot, 0)->socket, 0);
	assert_true(hark_snapshot_door(bed->snapshot, 0)->is_joined);
	entry = hark_snapshot_firewall_entry(bed->snapshot, 0);
	assert_int_equal(entry->n_pieces, 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct hark_firewall_piece *piece = piece_at(bed, entry->first_piece + i);

		assert_int_equal(piece->verdict, wanted[i].verdict);
		expect_range(bed, piece->first_range, wanted[i].range);
	}
	/* Nobody listens there: nothing is known of what is behind it. */
	assert_int_equal(hark_snapshot_door(bed->snapshot, 1)->socket, HARK_NONE);
	assert_int_equal(hark_snapshot_firewall_entry(bed->snapshot, 1)->n_pieces, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crafted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deciders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
