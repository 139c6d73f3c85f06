/* SPDX-License-Identifier: MIT */
/* Lists of addresses in JSON, where the golden snapshots have nothing odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "render.h"
#include "rows.h"

/* The part of a socket's line that lists where it answers IPv4, with these places. */
static void expect_list(const char *const *places, const uint32_t *interfaces, uint32_t n,
			const char *wanted)
{
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_socket *socket = array_push(&snapshot->sockets);
	struct render_options options = { .width = 0 };
	struct out out;
	char key[160];

	*array_push(&snapshot->namespaces) = (struct hark_namespace){ .inode = 1 };
	socket->state = HARK_STATE_LISTEN;
	assert_int_equal(snapshot_classify(snapshot, socket), 0);
	snapshot->listeners.items[0].answers[HARK_FAMILY_INET] = (struct hark_answer){
		.verdict = HARK_VERDICT_SOME, .via = HARK_VIA_NATIVE, .n_addresses = n
	};
	for (uint32_t i = 0; i < n; i++) {
		struct hark_place *place = array_push(&snapshot->places);

		assert_int_equal(hark_prefix_parse(places[i], &place->prefix), 0);
		place->ifindex = interfaces[i];
	}
	out_init(&out, -1);
	assert_int_equal(render_ndjson(&out, snapshot, &options), 0);
	out_char(&out, '\0');
	snprintf(key, sizeof(key), "\"addresses\":%s}", wanted);
	if (!strstr(out.bytes, key))
		fail_msg("no %s in %s", key, out.bytes);
	out_fini(&out);
	hark_snapshot_free(snapshot);
}

static void tells_an_address_of_two_interfaces_once(void **state)
{
	static const char *const places[] = { "10.0.0.0/8", "10.0.0.0", "10.0.0.0", "10.0.0.1" };
	static const uint32_t interfaces[] = { 1, 2, 3, 3 };

	(void)state;
	expect_list(places, interfaces, 4, "[\"10.0.0.0/8\",\"10.0.0.0\",\"10.0.0.1\"]");
}

/* Not "[]": it answers somewhere. */
static void tells_that_a_list_was_left_out(void **state)
{
	(void)state;
	expect_list(NULL, NULL, 0, "null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_an_address_of_two_interfaces_once),
		cmocka_unit_test(tells_that_a_list_was_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
