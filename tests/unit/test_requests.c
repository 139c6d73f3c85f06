/* SPDX-License-Identifier: MIT */
/* The user of connections that are no sockets yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bed.h"
#include "collect.h"

static void add(struct bed *bed, enum hark_state state, enum hark_family family, const char *addr,
		uint16_t port, uint32_t uid)
{
	struct hark_socket *socket = array_push(&bed->snapshot->sockets);

	assert_non_null(socket);
	socket->state = (uint8_t)state;
	socket->family = (uint8_t)family;
	socket->local_port = port;
	socket->uid = uid;
	socket->inode = state == HARK_STATE_SYN_RECV ? 0 : bed->snapshot->sockets.n;
	assert_int_equal(hark_addr_parse(addr, &socket->local), 0);
}

static void test_users(void **state)
{
	static const struct {
		enum hark_family family;
		const char *addr;
		uint16_t port;
		uint32_t uid;
	} listeners[] = {
		{ HARK_FAMILY_INET, "0.0.0.0", 80, 1 },   { HARK_FAMILY_INET, "10.0.0.1", 80, 2 },
		{ HARK_FAMILY_INET6, "::", 80, 3 },       { HARK_FAMILY_INET6, "::1", 81, 4 },
		{ HARK_FAMILY_INET, "10.0.0.1", 443, 5 }, { HARK_FAMILY_INET, "10.0.0.2", 443, 6 },
	}, requests[] = {
		{ HARK_FAMILY_INET, "10.0.0.1", 80, 2 },  { HARK_FAMILY_INET, "10.0.0.2", 80, 1 },
		{ HARK_FAMILY_INET6, "10.0.0.1", 80, 3 }, { HARK_FAMILY_INET6, "2001:db8::1", 80, 3 },
		{ HARK_FAMILY_INET6, "::1", 81, 4 },      { HARK_FAMILY_INET6, "::2", 81, 0 },
		{ HARK_FAMILY_INET, "10.0.0.2", 443, 6 }, { HARK_FAMILY_INET, "10.0.0.2", 65535, 0 },
	};
	struct bed *bed = *state;

	/* Another namespace's stands before ours. */
	add(bed, HARK_STATE_LISTEN, HARK_FAMILY_INET, "0.0.0.0", 65535, 99);
	bed->snapshot->first_socket = 1;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		add(bed, HARK_STATE_SYN_RECV, requests[i].family, requests[i].addr,
		    requests[i].port, 0);
	for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++)
		add(bed, HARK_STATE_LISTEN, listeners[i].family, listeners[i].addr,
		    listeners[i].port, listeners[i].uid);
	add(bed, HARK_STATE_ESTABLISHED, HARK_FAMILY_INET, "10.0.0.1", 80, 7);
	assert_int_equal(requests_take_users(bed->snapshot), 0);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (bed->snapshot->sockets.items[1 + i].uid != requests[i].uid)
			fail_msg("%s:%u is user %u's", requests[i].addr, requests[i].port,
				 bed->snapshot->sockets.items[1 + i].uid);
	assert_int_equal(bed->snapshot->sockets.items[bed->snapshot->sockets.n - 1].uid, 7);
}

static void test_none(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(requests_take_users(bed->snapshot), 0);
	add(bed, HARK_STATE_LISTEN, HARK_FAMILY_INET, "0.0.0.0", 80, 1);
	assert_int_equal(requests_take_users(bed->snapshot), 0);
	assert_int_equal(bed->snapshot->sockets.items[0].uid, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_users, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_none, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
