/* SPDX-License-Identifier: MIT */
/* The judge on as many listeners as a host may have: it must not look at all pairs of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "judge.h"

/*
 * A name server may listen on each address by itself. That all of them are compared with all took
 * 0.8 seconds for 10,000, and 13 for these.
 */
static void bears_many_names(void **state)
{
	enum {
		N = 40000
	};
	const struct hark_socket *sockets;
	struct question *questions;
	struct judge *judge;
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_place *place;
	uint32_t n;

	*array_push(&snapshot->namespaces) = (struct hark_namespace){ .places_presence = HARK_KNOWN,
								      .sk_lookup = HARK_NO,
								      .n_places = 1 };
	place = array_push(&snapshot->places);
	assert_int_equal(hark_prefix_parse("10.0.0.0/8", &place->prefix), 0);
	place->ifindex = 1;
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		snapshot->origin[HARK_PROTOCOL_UDP][family] = ROWS_BY_SOCK_DIAG;
	for (uint32_t i = 0; i < N; i++) {
		struct hark_socket *socket = array_push(&snapshot->sockets);

		assert_non_null(socket);
		*socket = (struct hark_socket){
			.local = hark_addr_from_ipv4((uint8_t[]){ 10, 1, i >> 8, i & 0xff }),
			.remote = hark_addr_from_ipv4((uint8_t[]){ 0, 0, 0, 0 }),
			.cookie = i + 1,
			.local_port = 53,
			.protocol = HARK_PROTOCOL_UDP,
			.state = HARK_STATE_UNCONNECTED,
		};
		assert_int_equal(snapshot_classify(snapshot, socket), 0);
	}
	assert_int_equal(judge_begin(&judge, snapshot, 0), 0);
	while (judge_ask(judge, &questions, &n) == 0 && n)
		for (uint32_t i = 0; i < n; i++) {
			const uint8_t *bytes = questions[i].addr.bytes;

			/* Every other reply is not to be had: there the flags decide. */
			questions[i].error = i % 2 ? -ETIMEDOUT : 0;
			questions[i].cookie = bytes[14] * 256u + bytes[15] + 1;
		}
	assert_int_equal(judge_conclude(judge, false), 0);
	judge_free(judge);
	sockets = snapshot->sockets.items;
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(snapshot_answer(snapshot, &sockets[i], HARK_FAMILY_INET)->verdict,
				 HARK_VERDICT_SOME);
	/* Of the processor, so that a busy machine does not count. */
	assert_true(clock() < 5 * CLOCKS_PER_SEC);
	hark_snapshot_free(snapshot);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bears_many_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
