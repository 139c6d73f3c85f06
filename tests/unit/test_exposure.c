/* SPDX-License-Identifier: MIT */
/* Who gets through, joined; what senders reach; which doors are meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hark/exposure.h>

#include "rows.h"
#include "stories.h"

#define V4               HARK_FAMILY_INET
#define V6               HARK_FAMILY_INET6
#define N_ELEMENTS(list) (sizeof(list) / sizeof((list)[0]))

static struct hark_snapshot *world(const char *addr, uint8_t family, const char *answers,
				   const char *firewall)
{
	struct hark_snapshot *snapshot = story_begin(NULL);

	story_add(snapshot, &(struct given){ "tcp", addr, family, 80, answers, "", "", firewall });
	return snapshot;
}

/* The words of each family, and how far open both are together. */
static void words_are_those_of_the_partitions(void **state)
{
	static const struct {
		const char *firewall, *inet, *inet6;
		enum hark_exposed exposed;
	} cases[] = {
		{ "4accept 6accept", "private", "everyone", HARK_EXPOSED_EVERYONE },
		{ "4accept:10.0.0.0/8 4drop 6drop", "10.0.0.0/8", "this host", HARK_EXPOSED_SOME },
		{ "4accept:10.0.0.0/8 4drop 6accept", "10.0.0.0/8", "everyone",
		  HARK_EXPOSED_WIDER },
		{ "4drop:10.0.0.0/8 4accept 6drop", "all but 10.0.0.0/8", "this host",
		  HARK_EXPOSED_SOME },
		{ "4accept:10.0.0.0/8,192.0.2.0/24,198.51.100.7 4reject 6drop", "3 ranges",
		  "this host", HARK_EXPOSED_SOME },
		{ "4drop:10.0.0.0/8,192.0.2.0/24 4accept 6drop", "all but 2 ranges", "this host",
		  HARK_EXPOSED_SOME },
		{ "4depends 6drop", "depends", "this host", HARK_EXPOSED_WIDER },
		{ "4accept:10.0.0.0/8 4depends 6reject", "10.0.0.0/8 + depends", "this host",
		  HARK_EXPOSED_WIDER },
		{ "4unknown 6accept", "unknown", "everyone", HARK_EXPOSED_EVERYONE },
		{ "4drop 6reject", "this host", "this host", HARK_EXPOSED_NOT },
		{ "4diverted 6drop", "this host", "this host", HARK_EXPOSED_NOT },
		{ "4drop 6drop 6crafted", "this host", "this host + crafted",
		  HARK_EXPOSED_DEPENDS },
		{ "4drop 4lo:drop 6drop", "nobody", "this host", HARK_EXPOSED_NOT },
		/* What nobody can send from makes no difference. */
		{ "4drop:127.0.0.0/8,224.0.0.0/4 4accept 6drop", "private", "this host",
		  HARK_EXPOSED_WIDER },
		{ "denied", "private?", "public?", HARK_EXPOSED_UNKNOWN },
		{ NULL, "private?", "public?", HARK_EXPOSED_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_snapshot *snapshot = world("::", V6, "aa", cases[i].firewall);
		const struct hark_exposure *inet, *inet6;
		struct hark_exposures *exposures;
		char text[HARK_EXPOSURE_TEXT_SIZE];

		snapshot->listeners.items[0].answers[V4].reach = HARK_REACH_PRIVATE;
		assert_int_equal(hark_exposures_new(snapshot, &exposures), 0);
		inet = hark_exposures_listener(exposures, 0, V4);
		inet6 = hark_exposures_listener(exposures, 0, V6);
		assert_string_equal(hark_exposure_format(exposures, inet, text), cases[i].inet);
		assert_string_equal(hark_exposure_format(exposures, inet6, text), cases[i].inet6);
		if (hark_exposed_of(inet, inet6) != cases[i].exposed)
			fail_msg("%s is %s", cases[i].firewall,
				 hark_exposed_name(hark_exposed_of(inet, inet6)));
		hark_exposures_free(exposures);
		hark_snapshot_free(snapshot);
	}
}

/* The address alone keeps others away, whatever the rules are. */
static void loopback_is_of_this_host(void **state)
{
	static const char *const firewalls[] = { NULL, "denied", "4accept" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(firewalls); i++) {
		struct hark_snapshot *snapshot = world("127.0.0.1", V4, "sn", firewalls[i]);
		struct hark_exposures *exposures;

		assert_int_equal(hark_exposures_new(snapshot, &exposures), 0);
		assert_int_equal(hark_exposures_listener(exposures, 0, V4)->who, HARK_WHO_HOST);
		assert_int_equal(hark_exposures_listener(exposures, 0, V6)->who, HARK_WHO_UNSERVED);
		hark_exposures_free(exposures);
		hark_snapshot_free(snapshot);
	}
}

/* A socket for each family is one port all the same. */
static void families_of_a_port_are_compared(void **state)
{
	static const struct given sockets[] = {
		{ "tcp", "0.0.0.0", V4, 80, "an", "", "", "4drop" },
		{ "tcp", "::", V6, 80, "va", "v6only", "", "6accept" },
		{ "udp", "0.0.0.0", V4, 80, "an", "", "", "4accept" },
	};
	struct hark_snapshot *snapshot = story_begin(NULL);
	struct hark_exposures *exposures;
	char text[HARK_EXPOSED_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(sockets); i++)
		story_add(snapshot, &sockets[i]);
	snapshot->listeners.items[0].answers[V4].reach = HARK_REACH_PRIVATE;
	assert_int_equal(hark_exposures_new(snapshot, &exposures), 0);
	assert_true(hark_exposures_listener(exposures, 1, V6)->is_wider);
	assert_false(hark_exposures_listener(exposures, 0, V4)->is_wider);
	assert_false(hark_exposures_listener(exposures, 2, V4)->is_wider);
	assert_string_equal(hark_exposed_format(exposures,
						hark_exposures_listener(exposures, 0, V4),
						hark_exposures_listener(exposures, 1, V6), text),
			    "IPv6 is open to everyone, IPv4 is kept to this host");
	assert_null(hark_exposures_listener(exposures, 3, V4));
	assert_null(hark_exposures_door(exposures, 0));
	hark_exposures_free(exposures);
	hark_snapshot_free(snapshot);
}

/* What is meant, as "FIRST-LAST %IFINDEX"; the error where it is nothing. */
static void senders_are_read(void **state)
{
	static const struct {
		const char *text, *meant;
	} cases[] = {
		{ "10.0.0.5", "10.0.0.5-10.0.0.5 %0" },
		{ "10.1.2.3/8", "10.0.0.0-10.255.255.255 %0" },
		{ "0.0.0.0/0", "0.0.0.0-255.255.255.255 %0" },
		{ "10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9 %0" },
		{ "2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff %0" },
		{ "fe80::1%eth0", "fe80::1-fe80::1 %2" },
		{ "eth0", "anyone %2" },
		{ "lo", "anyone %1" },
		{ "eth1", "no" },
		{ "fe80::1%eth1", "no" },
		{ "10.0.0.9-10.0.0.1", "no" },
		{ "10.0.0.1-::1", "no" },
		{ "10.0.0.0/33", "no" },
		{ "10.0.0.1-", "no" },
		{ "-10.0.0.1", "no" },
		{ "", "no" },
		{ "%eth0", "no" },
	};
	struct hark_snapshot *snapshot = story_begin(NULL);

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char first[HARK_ADDR_TEXT_SIZE], last[HARK_ADDR_TEXT_SIZE], text[200] = "no";
		struct hark_error error = { .text = "" };
		struct hark_senders from;
		int r = hark_senders_parse(snapshot, cases[i].text, &from, &error);

		if (r == 0 && from.is_anyone)
			snprintf(text, sizeof(text), "anyone %%%u", from.ifindex);
		else if (r == 0)
			snprintf(text, sizeof(text), "%s-%s %%%u",
				 hark_addr_format(&from.range.first, first),
				 hark_addr_format(&from.range.last, last), from.ifindex);
		assert_string_equal(text, cases[i].meant);
		assert_true(r == 0 || error.text[0]);
	}
	hark_snapshot_free(snapshot);
}

/* "accept all", "drop 11.0.0.0/8", ... of each passage in turn. */
static void check_passages(const char *senders, const char *expected)
{
	struct hark_snapshot *snapshot = world("::", V6, "aa", "4accept:10.0.0.0/8 4drop 6accept");
	char told[512] = "", text[HARK_RANGE_TEXT_SIZE];
	const struct hark_passage *passage;
	struct hark_passages *passages;
	struct hark_senders from;
	struct hark_error error;

	assert_int_equal(hark_senders_parse(snapshot, senders, &from, &error), 0);
	assert_int_equal(hark_passages_new(snapshot, NULL, &from, &passages), 0);
	for (uint32_t i = 0; (passage = hark_passages_at(passages, i)); i++) {
		size_t n = strlen(told);

		snprintf(told + n, sizeof(told) - n, "%s%s", n ? ", " : "",
			 hark_firewall_verdict_name((enum hark_firewall_verdict)passage->verdict));
		for (uint32_t k = 0; k < passage->n_ranges && !passage->is_all; k++) {
			n = strlen(told);
			snprintf(told + n, sizeof(told) - n, " %s",
				 hark_range_format(hark_passages_range(passages,
								       passage->first_range + k),
						   text));
		}
	}
	assert_string_equal(told, expected);
	hark_passages_free(passages);
	hark_snapshot_free(snapshot);
}

static void senders_fare_as_their_parts(void **state)
{
	(void)state;
	check_passages("10.0.0.5", "accept");
	check_passages("8.8.8.8", "drop");
	check_passages("10.0.0.0/7", "accept 10.0.0.0/8, drop 11.0.0.0/8");
	check_passages("9.0.0.0-10.0.0.255", "accept 10.0.0.0/24, drop 9.0.0.0/8");
	check_passages("2001:db8::1", "accept");
	/* This host comes by lo, of which nothing is known here. */
	check_passages("192.168.1.241", "");
	check_passages("127.0.0.1", "");
	check_passages("lo", "");
	check_passages("eth0",
		       "accept 10.0.0.0/8, drop 0.0.0.0-9.255.255.255 11.0.0.0-255.255.255.255, "
		       "accept ::/0");
}

static void doors_are_selected(void **state)
{
	static const struct {
		const char *selector;
		bool entry, published;
	} cases[] = {
		{ "2222", true, false },
		{ "8080", false, true },
		{ "tcp", true, true },
		{ "udp", false, false },
		{ "tcp6", false, false },
		{ "8000-9000", false, true },
		{ "8080/udp", false, false },
		{ "22", true, false },
		{ "10.1.2.3", true, true },
		{ "10.1.2.3:8080", false, true },
		{ "sshd", true, false },
		{ "::1", false, false },
		{ "netns=4026531840", true, true },
		{ "established", false, false },
	};
	struct hark_snapshot *snapshot = story_begin(NULL);

	(void)state;
	story_add(snapshot, &(struct given){ "tcp", "0.0.0.0", V4, 22, "an", "", "s", "4drop" });
	story_add_doors(snapshot, "entry-port published");
	assert_int_equal(hark_snapshot_n_doors(snapshot), 2);
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct hark_selection *selection;
		struct hark_error error;

		assert_int_equal(hark_selection_new(&selection), 0);
		assert_int_equal(hark_selection_add(selection, cases[i].selector, &error), 0);
		if (hark_selection_matches_door(selection, snapshot, 0) != cases[i].entry ||
		    hark_selection_matches_door(selection, snapshot, 1) != cases[i].published)
			fail_msg("%s", cases[i].selector);
		hark_selection_free(selection);
	}
	assert_true(hark_selection_matches_door(NULL, snapshot, 0));
	assert_false(hark_selection_matches_door(NULL, snapshot, 2));
	hark_snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_those_of_the_partitions),
		cmocka_unit_test(loopback_is_of_this_host),
		cmocka_unit_test(families_of_a_port_are_compared),
		cmocka_unit_test(senders_are_read),
		cmocka_unit_test(senders_fare_as_their_parts),
		cmocka_unit_test(doors_are_selected),
	};

	return cmocka_run_group_tests_name("exposure", tests, NULL, NULL);
}
