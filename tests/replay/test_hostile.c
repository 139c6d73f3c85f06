/* SPDX-License-Identifier: MIT */
/* Snapshots of a kernel that is old, refuses, is interrupted, or answers nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "describe.h"
#include "fakekernel.h"
#include "fixture.h"
#include "take.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const struct fake_socket sockets[] = {
	{ IPPROTO_TCP, AF_INET, TCP_LISTEN, "0.0.0.0", 22, NULL, 0, false, 0, 101 },
	{ IPPROTO_TCP, AF_INET6, TCP_LISTEN, "::", 22, NULL, 0, true, 0, 102 },
	{ IPPROTO_TCP, AF_INET6, TCP_LISTEN, "::", 80, NULL, 0, false, 0, 103 },
	{ IPPROTO_TCP, AF_INET6, TCP_LISTEN, "::", 8084, NULL, 0, true, 0, 104 },
	{ IPPROTO_UDP, AF_INET6, TCP_CLOSE, "::", 111, NULL, 0, false, 0, 105 },
};
static const struct fake_link links[] = { { 1, "lo", true, 0 }, { 2, "eth0", true, 0 } };
static const struct fake_address addresses[] = {
	{ "127.0.0.1", 1, 0, NULL },
	{ "10.0.0.7", 2, 0, NULL },
	{ "::1", 1, 0, NULL },
	{ "2001:db8::7", 2, 0, NULL },
};
static const struct fake_route routes[] = {
	{ "127.0.0.0/8", 1, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "127.0.0.1", 1, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "10.0.0.7", 2, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "::1", 1, RTN_LOCAL, RT_TABLE_LOCAL },
	{ "2001:db8::7", 2, RTN_LOCAL, RT_TABLE_LOCAL },
};

#define HEADER "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
#define ANY6   "00000000000000000000000000000000:"
#define TAIL   " 00000000:00000000 00:00000000 00000000     0        0 "

static const char *const proc_files[][2] = {
	{ "net/tcp", HEADER "   0: 00000000:0016 00000000:0000 0A" TAIL "101 1 0\n" },
	{ "net/tcp6", HEADER "   0: " ANY6 "0016 " ANY6 "0000 0A" TAIL "102 1 0\n"
			     "   1: " ANY6 "0050 " ANY6 "0000 0A" TAIL "103 1 0\n"
			     "   2: " ANY6 "1F94 " ANY6 "0000 0A" TAIL "104 1 0\n" },
	{ "net/udp", HEADER },
	{ "net/udp6", HEADER "   0: " ANY6 "006F " ANY6 "0000 07" TAIL "105 1 0\n" },
	{ "net/fib_trie", "Local:\n  |-- 127.0.0.0\n     /8 host LOCAL\n  |-- 10.0.0.7\n"
			  "     /32 host LOCAL\n" },
	{ "net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"
			  "20010db8000000000000000000000007 02 40 00 80     eth0\n" },
	{ "sys/net/ipv6/bindv6only", "0\n" },
};

static int setup(void **state)
{
	struct fake_kernel *kernel = malloc(sizeof(*kernel));

	fake_init(kernel);
	kernel->tables.sockets = sockets;
	kernel->tables.n_sockets = N_ELEMENTS(sockets);
	kernel->tables.links = links;
	kernel->tables.n_links = N_ELEMENTS(links);
	kernel->tables.addresses = addresses;
	kernel->tables.n_addresses = N_ELEMENTS(addresses);
	kernel->tables.routes = routes;
	kernel->tables.n_routes = N_ELEMENTS(routes);
	kernel->source.proc_fd = fixture_open();
	for (size_t i = 0; i < N_ELEMENTS(proc_files); i++)
		fixture_write(kernel->source.proc_fd, proc_files[i][0], proc_files[i][1]);
	*state = kernel;
	return 0;
}

static int teardown(void **state)
{
	struct fake_kernel *kernel = *state;

	if (kernel->source.proc_fd >= 0)
		fixture_close(kernel->source.proc_fd);
	fake_fini(kernel);
	free(kernel);
	return 0;
}

static void assert_snapshot(struct fake_kernel *kernel, const char *expected)
{
	const struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	char *text;

	if (snapshot_take_from(&kernel->source, &query, &snapshot, &error) < 0)
		fail_msg("%s", error.text);
	text = describe(snapshot);
	assert_string_equal(text, expected);
	free(text);
	hark_snapshot_free(snapshot);
}

#define SSH4 "tcp4 listen [0.0.0.0]:22 v6only=no ipv4=all/native/kernel ipv6=none/-/flags(family)\n"
#define TCP_WHOLE                                                                                 \
	SSH4 "tcp6 listen [::]:22 v6only=yes ipv4=none/-/kernel(v6only) ipv6=all/native/kernel\n" \
	     "tcp46 listen [::]:80 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel\n"     \
	     "tcp6 listen [::]:8084 v6only=yes ipv4=none/-/kernel(v6only) ipv6=all/native/kernel\n"
#define UDP_WHOLE \
	"udp46 unconnected [::]:111 v6only=no ipv4=all/mapped/kernel ipv6=all/native/kernel\n"
#define WHOLE TCP_WHOLE UDP_WHOLE
#define UNTOLD                                                                               \
	SSH4 "tcp6 listen [::]:22 v6only=? ipv4=none/-/kernel ipv6=all/native/kernel\n"      \
	     "tcp46 listen [::]:80 v6only=? ipv4=all/mapped/kernel ipv6=all/native/kernel\n" \
	     "tcp6 listen [::]:8084 v6only=? ipv4=none/-/kernel ipv6=all/native/kernel\n"    \
	     "udp46 unconnected [::]:111 v6only=? ipv4=all/mapped/kernel ipv6=all/native/kernel\n"

/* What the text of /proc/net gives where sock_diag fails: by it, [::]:22 must be v6only. */
#define TCP_BY_TEXT                                                                                 \
	"tcp4 listen [0.0.0.0]:22 v6only=no ipv4=all/native/flags ipv6=none/-/flags(family)\n"      \
	"tcp6 listen [::]:22 v6only=? ipv4=none/-/inferred(inet-listener) ipv6=all/native/flags\n"  \
	"tcp?6 listen [::]:80 v6only=? ipv4=unknown/-/flags(v6only-untold) ipv6=all/native/flags\n" \
	"tcp?6 listen [::]:8084 v6only=? ipv4=unknown/-/flags(v6only-untold) ipv6=all/native/flags\n"
#define UDP_BY_TEXT                                                               \
	"udp?6 unconnected [::]:111 v6only=? ipv4=unknown/-/flags(v6only-untold)" \
	" ipv6=all/native/flags\n"

static void test_honest(void **state)
{
	assert_snapshot(*state, WHOLE);
}

static void test_old_kernels(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->hides_v6only = true;
	assert_snapshot(kernel, UNTOLD);
	kernel->is_old = true;
	assert_snapshot(kernel, UNTOLD);
}

static int refuse_udp(const struct fake_kernel *kernel, const struct nlmsghdr *request)
{
	(void)kernel;
	return fake_protocol_of(request) == IPPROTO_UDP ? -ENOENT : 0;
}

/* tcp_diag is loaded, udp_diag is not: told by NLMSG_DONE alone, and a look-up says "nobody". */
static void test_no_handler(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->refuse = refuse_udp;
	assert_snapshot(kernel, TCP_WHOLE UDP_BY_TEXT "note sockets fallback x1\n");
}

/* The dump of TCP sockets that AF_INET6 ones are in; of AF_INET ones alone there is another. */
static bool is_about_tcp6(const struct nlmsghdr *request)
{
	return fake_protocol_of(request) == IPPROTO_TCP && fake_family_of(request) != AF_INET;
}

static int refuse_both(const struct fake_kernel *kernel, const struct nlmsghdr *request)
{
	(void)kernel;
	return fake_is_old(request) ? -EINVAL : 0;
}

/* Where both families are not to be had at once, each is asked for. */
static void test_one_family_a_dump(void **state)
{
	struct fake_kernel *kernel = *state;
	uint32_t n_dumps;

	assert_snapshot(kernel, WHOLE);
	n_dumps = kernel->n_dumps;
	kernel->n_dumps = 0;
	kernel->refuse = refuse_both;
	assert_snapshot(kernel, WHOLE);
	assert_int_equal(kernel->n_dumps, n_dumps + 2);
}

static void count_mptcp(struct fake_kernel *kernel, const struct nlmsghdr *request,
			struct datagram *datagram)
{
	(void)datagram;
	kernel->nonsense += fake_protocol_of(request) == IPPROTO_MPTCP;
}

/*
 * MPTCP listeners are asked for unless the TCP ones tell that there is none; without CAP_NET_ADMIN
 * they may keep silent.
 */
static void test_untold_upper_layer(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = count_mptcp;
	assert_snapshot(kernel, WHOLE);
	assert_int_equal(kernel->nonsense, 0);
	kernel->is_unprivileged = true;
	assert_snapshot(kernel, WHOLE);
	assert_int_equal(kernel->nonsense, HARK_FAMILY_N_);
}

static void interrupt(struct fake_kernel *kernel, const struct nlmsghdr *request,
		      struct datagram *datagram)
{
	static const uint32_t n_interrupted = 2;

	if (is_about_tcp6(request) && kernel->n_dumps <= n_interrupted)
		((struct nlmsghdr *)datagram->bytes)->nlmsg_flags |= NLM_F_DUMP_INTR;
}

static void interrupt_always(struct fake_kernel *kernel, const struct nlmsghdr *request,
			     struct datagram *datagram)
{
	(void)kernel;
	(void)request;
	((struct nlmsghdr *)datagram->bytes)->nlmsg_flags |= NLM_F_DUMP_INTR;
}

/* Rows of the first try must not stand beside those of the second. */
static void test_interrupted_once(void **state)
{
	struct fake_kernel *kernel = *state;
	uint32_t n_dumps;

	assert_snapshot(kernel, WHOLE);
	n_dumps = kernel->n_dumps;
	kernel->n_dumps = 0;
	kernel->mangle = interrupt;
	assert_snapshot(kernel, WHOLE);
	assert_true(kernel->n_dumps > n_dumps);
}

static void test_interrupted_always(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = interrupt_always;
	assert_snapshot(kernel,
			WHOLE "note sockets interrupted x11\nnote addresses interrupted x5\n");
}

/* What befalls the first datagram of each dump of TCP's listeners, of AF_INET6. */
enum nonsense {
	EMPTY,
	SHORT_HEADER,
	SHORT_MESSAGE,
	LONG_MESSAGE,
	HUGE_MESSAGE,
	TINY_LENGTH,
	OTHER_TYPE,
	SHORT_BODY,
	TRUNCATED,
	TIMED_OUT,
	OVERRUN,
	REFUSED,
	POSITIVE_ERROR,
	ERROR_WITHOUT_CODE,
	N_NONSENSE,
};

static void replace_with_error(struct datagram *datagram, int error, size_t size)
{
	struct nlmsghdr *message = (struct nlmsghdr *)datagram->bytes;

	message->nlmsg_type = NLMSG_ERROR;
	message->nlmsg_len = (uint32_t)(sizeof(*message) + size);
	memcpy(mnl_nlmsg_get_payload(message), &error, sizeof(error));
	datagram->length = message->nlmsg_len;
}

static void mangle(struct fake_kernel *kernel, const struct nlmsghdr *request,
		   struct datagram *datagram)
{
	struct nlmsghdr *message = (struct nlmsghdr *)datagram->bytes;

	if (!is_about_tcp6(request) || message->nlmsg_type == NLMSG_DONE)
		return;
	switch ((enum nonsense)kernel->nonsense) {
	case EMPTY:
		datagram->length = 0;
		break;
	case SHORT_HEADER:
		datagram->length = sizeof(*message) - 1;
		break;
	case SHORT_MESSAGE:
		datagram->length = message->nlmsg_len - 4;
		break;
	case LONG_MESSAGE:
		message->nlmsg_len = (uint32_t)datagram->length + 4;
		break;
	case HUGE_MESSAGE:
		message->nlmsg_len = UINT32_MAX - 3;
		break;
	case TINY_LENGTH:
		message->nlmsg_len = 0;
		break;
	case OTHER_TYPE:
		message->nlmsg_type = RTM_NEWLINK;
		break;
	case SHORT_BODY:
		message->nlmsg_len = sizeof(*message) + sizeof(struct inet_diag_msg) - 4;
		break;
	case TRUNCATED:
		*datagram = (struct datagram){ .result = -EMSGSIZE };
		break;
	case TIMED_OUT:
		*datagram = (struct datagram){ .result = -ETIMEDOUT };
		break;
	case OVERRUN:
		*datagram = (struct datagram){ .result = -ENOBUFS };
		break;
	case REFUSED:
		replace_with_error(datagram, -EPERM, sizeof(int));
		break;
	case POSITIVE_ERROR:
		replace_with_error(datagram, 42, sizeof(int));
		break;
	case ERROR_WITHOUT_CODE:
		replace_with_error(datagram, 0, 0);
		break;
	case N_NONSENSE:
		break;
	}
}

static void test_nonsense(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = mangle;
	for (kernel->nonsense = 0; kernel->nonsense < N_NONSENSE; kernel->nonsense++) {
		int proc_fd = kernel->source.proc_fd;

		assert_snapshot(kernel, TCP_BY_TEXT UDP_WHOLE "note sockets fallback x1\n");
		/* Without the text, too, the gap is told. */
		kernel->source.proc_fd = -1;
		assert_snapshot(kernel, kernel->nonsense == REFUSED ?
						SSH4 UDP_WHOLE "note sockets permission x1\n" :
						SSH4 UDP_WHOLE "note sockets failed x1\n");
		kernel->source.proc_fd = proc_fd;
	}
}

/* Messages of another conversation are passed over: here nothing else is left. */
static void disguise(struct fake_kernel *kernel, const struct nlmsghdr *request,
		     struct datagram *datagram)
{
	struct nlmsghdr *message = (struct nlmsghdr *)datagram->bytes;

	(void)kernel;
	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY && !fake_is_old(request))
		return;
	for (int left = (int)datagram->length; mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left))
		message->nlmsg_seq += 1000;
}

static void test_other_sequence(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = disguise;
	assert_snapshot(kernel, "");
}

/* Attributes that are too short, too long, or not there, of an otherwise good message. */

static void mangle_attributes(struct fake_kernel *kernel, const struct nlmsghdr *request,
			      struct datagram *datagram)
{
	struct nlmsghdr *message = (struct nlmsghdr *)datagram->bytes;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY && !fake_is_old(request))
		return;
	for (int left = (int)datagram->length; mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left)) {
		struct nlattr *attr;

		mnl_attr_for_each(attr, message, sizeof(struct inet_diag_msg)) {
			if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY)
				attr->nla_len = (uint16_t)kernel->nonsense;
		}
	}
}

static void test_bad_attributes(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = mangle_attributes;
	for (kernel->nonsense = 0; kernel->nonsense < 5; kernel->nonsense++)
		assert_snapshot(kernel, UNTOLD);
	kernel->nonsense = NLA_HDRLEN + 1;
	assert_snapshot(kernel, WHOLE);
	kernel->nonsense = UINT16_MAX;
	assert_snapshot(kernel, UNTOLD);
}

static void repeat(struct fake_kernel *kernel, const struct nlmsghdr *request,
		   struct datagram *datagram)
{
	struct nlmsghdr *message = (struct nlmsghdr *)datagram->bytes;

	if (fake_protocol_of(request) == IPPROTO_UDP && fake_family_of(request) == AF_INET6) {
		message->nlmsg_type = NLMSG_NOOP;
		kernel->is_endless = true;
	} else {
		kernel->is_endless = false;
	}
}

static void test_endless(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = repeat;
	assert_snapshot(kernel, TCP_WHOLE UDP_BY_TEXT "note sockets fallback x1\n");
}

static void test_no_netlink(void **state)
{
	static const int errors[] = { -EPERM, -EACCES, -EPROTONOSUPPORT, -EAFNOSUPPORT };
	struct fake_kernel *kernel = *state;

	for (size_t i = 0; i < N_ELEMENTS(errors); i++) {
		kernel->open_error[NETLINK_SOCK_DIAG] = errors[i];
		kernel->open_error[NETLINK_ROUTE] = errors[i];
		assert_snapshot(kernel, TCP_BY_TEXT UDP_BY_TEXT
				"note sockets fallback x1\nnote addresses fallback x1\n");
	}
}

static void test_no_sock_diag(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->open_error[NETLINK_SOCK_DIAG] = -EPROTONOSUPPORT;
	assert_snapshot(kernel, TCP_BY_TEXT UDP_BY_TEXT "note sockets fallback x1\n");
}

/* Cuts every message about an address or a route short. */
static void cut_addresses(struct fake_kernel *kernel, const struct nlmsghdr *request,
			  struct datagram *datagram)
{
	(void)kernel;
	if (request->nlmsg_type == RTM_GETADDR || request->nlmsg_type == RTM_GETROUTE)
		datagram->length -= 4;
}

static void test_bad_addresses(void **state)
{
	struct fake_kernel *kernel = *state;

	kernel->mangle = cut_addresses;
	assert_snapshot(kernel, WHOLE "note addresses fallback x1\n");
}

/* The look-up is asked about some address that stands for all that are not known. */
static void test_no_addresses(void **state)
{
	struct fake_kernel *kernel = *state;
	int proc_fd = kernel->source.proc_fd;

	kernel->source.proc_fd = -1;
	kernel->open_error[NETLINK_ROUTE] = -EACCES;
	assert_snapshot(kernel, WHOLE "note addresses permission x1\n");
	kernel->source.proc_fd = proc_fd;
}

static void test_nothing_at_all(void **state)
{
	const struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	struct fake_kernel *kernel = *state;
	struct hark_snapshot *snapshot;
	struct hark_error error;

	kernel->open_error[NETLINK_SOCK_DIAG] = -EPERM;
	kernel->open_error[NETLINK_ROUTE] = -EPERM;
	fixture_close(kernel->source.proc_fd);
	kernel->source.proc_fd = -1;
	assert_int_equal(snapshot_take_from(&kernel->source, &query, &snapshot, &error), -EPERM);
	assert_int_equal(error.error, -EPERM);
	assert_non_null(strstr(error.text, "no socket table can be read"));
	assert_non_null(strstr(error.text, strerror(EPERM)));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_honest),
		TEST(test_old_kernels),
		TEST(test_no_handler),
		TEST(test_one_family_a_dump),
		TEST(test_untold_upper_layer),
		TEST(test_interrupted_once),
		TEST(test_interrupted_always),
		TEST(test_nonsense),
		TEST(test_other_sequence),
		TEST(test_bad_attributes),
		TEST(test_endless),
		TEST(test_no_netlink),
		TEST(test_no_sock_diag),
		TEST(test_bad_addresses),
		TEST(test_no_addresses),
		TEST(test_nothing_at_all),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
