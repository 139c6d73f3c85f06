/* SPDX-License-Identifier: MIT */
/* The reader of /proc/net: what kernels write, and what they never would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect.h"
#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define HEADER                                                                                \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  " \
	"timeout inode\n"

struct world {
	struct hark_source source; /* no netlink: procnet_read() must not miss it */
	struct hark_snapshot *snapshot;
	struct collect_filter filter;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->source.proc_fd = fixture_open();
	world->source.sys_fd = -1;
	world->snapshot = snapshot_new();
	world->filter.all_states = true;
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	fixture_close(world->source.proc_fd);
	hark_snapshot_free(world->snapshot);
	free(world);
	return 0;
}

static int read_text(struct world *world, const char *path, const char *text,
		     enum hark_protocol protocol, enum hark_family family)
{
	fixture_write(world->source.proc_fd, path, text);
	return procnet_read(&world->source, world->snapshot, protocol, family, &world->filter);
}

static struct hark_socket *row(struct world *world, uint32_t i)
{
	assert_true(i < world->snapshot->sockets.n);
	return &world->snapshot->sockets.items[i];
}

static void assert_addr(const struct hark_addr *addr, const char *expected)
{
	char text[HARK_ADDR_TEXT_SIZE];

	assert_string_equal(hark_addr_format(addr, text), expected);
}

/*
 * Words are written as they lie in memory: this text is a little-endian machine's, or a big-
 * endian's.
 */
static const char *words(const char *little, const char *big)
{
	const uint16_t one = 1;

	return *(const uint8_t *)&one ? little : big;
}

static void test_tcp(void **state)
{
	struct world *world = *state;
	const struct hark_socket *socket;
	char text[1024];

	snprintf(text, sizeof(text),
		 HEADER "   0: %s:0016 00000000:0000 0A 00000000:00000005 00:00000000 00000000"
			"     0        0 1192 1 0000000096cc4ec3 100 0 0 10 0\n"
			"   1: %s:D33A %s:0050 01 00000010:00000020 01:0000001E 00000003"
			"  1000        0 4294967295 4 0000000000000000 20 4 30 10 -1\n"
			"   2: %s:D33A %s:0050 06 00000000:00000000 03:00000158 00000000"
			"     0        0 0 3 000000001a2bd20a\n",
		 words("00000000", "00000000"), words("0700000A", "0A000007"),
		 words("010200C0", "C0000201"), words("0700000A", "0A000007"),
		 words("010200C0", "C0000201"));
	assert_int_equal(read_text(world, "net/tcp", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	assert_int_equal(world->snapshot->sockets.n, 3);
	assert_int_equal(world->snapshot->notes.n, 0);

	socket = row(world, 0);
	assert_addr(&socket->local, "0.0.0.0");
	assert_int_equal(socket->local_port, 22);
	assert_int_equal(socket->state, HARK_STATE_LISTEN);
	assert_int_equal(snapshot_listener(world->snapshot, socket)->backlog, 5);
	assert_int_equal(socket->receive_bytes, 0);
	assert_true(socket->has_queues);
	assert_true(socket->is_listener);
	assert_int_equal(socket->inode, 1192);
	assert_int_equal(socket->v6only, HARK_NO);
	assert_int_equal(socket->cookie, 0);

	socket = row(world, 1);
	assert_addr(&socket->local, "10.0.0.7");
	assert_addr(&socket->remote, "192.0.2.1");
	assert_int_equal(socket->remote_port, 80);
	assert_int_equal(socket->state, HARK_STATE_ESTABLISHED);
	assert_int_equal(socket->send_bytes, 0x10);
	assert_int_equal(socket->receive_bytes, 0x20);
	assert_int_equal(socket->timer, 1);
	assert_int_equal(socket->expires_ms, 0x1e * 1000 / sysconf(_SC_CLK_TCK));
	assert_int_equal(socket->retransmits, 3);
	assert_int_equal(socket->uid, 1000);
	assert_true(socket->inode == UINT32_MAX);
	assert_false(socket->is_listener);

	socket = row(world, 2);
	assert_int_equal(socket->state, HARK_STATE_TIME_WAIT);
	assert_int_equal(socket->timer, 3);
	assert_int_equal(socket->inode, 0);
}

static void test_tcp6(void **state)
{
	struct world *world = *state;
	const struct hark_socket *socket;
	char text[1024];

	snprintf(text, sizeof(text),
		 HEADER
		 "   0: 00000000000000000000000000000000:0050"
		 " 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000"
		 " 00000000    33        0 11657 1 0000000000000000 100 0 0 10 0\n"
		 "   1: 0000000000000000%s:0050 0000000000000000%s:C000 01 00000000:00000000"
		 " 02:000A8B2C 00000000    33        0 11999 2 0000000000000000 20 4 1 10 -1\n",
		 words("FFFF00000700000A", "0000FFFF0A000007"),
		 words("FFFF0000010200C0", "0000FFFFC0000201"));
	assert_int_equal(read_text(world, "net/tcp6", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET6),
			 0);
	assert_int_equal(world->snapshot->sockets.n, 2);

	socket = row(world, 0);
	assert_addr(&socket->local, "::");
	assert_int_equal(socket->family, HARK_FAMILY_INET6);
	assert_int_equal(socket->v6only, HARK_UNKNOWN);
	assert_true(socket->is_listener);

	socket = row(world, 1);
	assert_addr(&socket->local, "10.0.0.7");
	assert_addr(&socket->remote, "192.0.2.1");
	assert_true(socket->is_mapped);
	assert_int_equal(socket->timer, 2);
}

static void test_datagrams(void **state)
{
	struct world *world = *state;

	assert_int_equal(read_text(world, "net/udp",
				   HEADER " 1234: 00000000:0044 00000000:0000 07 00000000:00000300"
					  " 00:00000000 00000000     0        0 900 2 0 17\n",
				   HARK_PROTOCOL_UDP, HARK_FAMILY_INET),
			 0);
	assert_int_equal(read_text(world, "net/raw6",
				   HEADER
				   "   58: 00000000000000000000000000000000:003A"
				   " 00000000000000000000000000000000:0000 07 00000000:00000000"
				   " 00:00000000 00000000     0        0 901 2 0 0\n",
				   HARK_PROTOCOL_RAW, HARK_FAMILY_INET6),
			 0);
	assert_int_equal(read_text(world, "net/icmp",
				   HEADER "  113: 00000000:0071 00000000:0000 07 00000000:00000000"
					  " 00:00000000 00000000  1000        0 902 2 0 0\n",
				   HARK_PROTOCOL_ICMP, HARK_FAMILY_INET),
			 0);
	assert_int_equal(world->snapshot->sockets.n, 3);
	assert_int_equal(row(world, 0)->state, HARK_STATE_UNCONNECTED);
	assert_int_equal(row(world, 0)->receive_bytes, 0x300);
	assert_true(row(world, 0)->is_listener);
	assert_int_equal(row(world, 1)->local_port, 58);
	assert_int_equal(row(world, 1)->protocol, HARK_PROTOCOL_RAW);
	assert_int_equal(row(world, 2)->local_port, 0x71);
}

static void test_sctp(void **state)
{
	static const char text[] =
		" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n"
		"0000000012345678 00000000abcdef01 2   10  9    9899    33 2001 192.0.2.7 10.0.0.7 \n"
		"(____ptrval____) (____ptrval____) 2   10  9    9900    33 2002"
		" 0000:0000:0000:0000:0000:0000:0000:0000 \n"
		"       0        0 0   7   9    9901    33 2003 0.0.0.0 \n";
	struct world *world = *state;

	assert_int_equal(
		read_text(world, "net/sctp/eps", text, HARK_PROTOCOL_SCTP, HARK_FAMILY_INET), 0);
	assert_int_equal(world->snapshot->sockets.n, 2);
	assert_addr(&row(world, 0)->local, "192.0.2.7");
	assert_int_equal(row(world, 0)->local_port, 9899);
	assert_int_equal(row(world, 0)->inode, 2001);
	assert_true(row(world, 0)->is_listener);
	assert_false(row(world, 0)->has_queues);
	assert_int_equal(row(world, 1)->state, HARK_STATE_BOUND);
	assert_int_equal(
		read_text(world, "net/sctp/eps", text, HARK_PROTOCOL_SCTP, HARK_FAMILY_INET6), 0);
	assert_int_equal(world->snapshot->sockets.n, 3);
	assert_addr(&row(world, 2)->local, "::");
	assert_int_equal(row(world, 2)->v6only, HARK_UNKNOWN);
	assert_int_equal(world->snapshot->notes.n, 0);
}

#define TAIL " 00000000:00000000 00:00000000 00000000     0        0 %u 1 0 100 0 0 10 0\n"

static void test_filter(void **state)
{
	static const struct port_range range = { 80, 89 };
	struct world *world = *state;
	char text[2048];

	snprintf(text, sizeof(text),
		 HEADER "   0: 00000000:0050 00000000:0000 0A" TAIL
			"   1: 00000000:004F 00000000:0000 0A" TAIL
			"   2: 00000000:1000 00000001:0059 01" TAIL
			"   3: 00000000:1000 00000001:005A 01" TAIL,
		 1u, 2u, 3u, 4u);
	world->filter.ports = &range;
	world->filter.n_ports = 1;
	assert_int_equal(read_text(world, "net/tcp", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	assert_int_equal(world->snapshot->sockets.n, 2);
	assert_int_equal(row(world, 0)->inode, 1);
	assert_int_equal(row(world, 1)->inode, 3);
	world->filter.all_states = false;
	assert_int_equal(read_text(world, "net/tcp", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	assert_int_equal(world->snapshot->sockets.n, 3);
	assert_int_equal(row(world, 2)->inode, 1);
	world->filter.n_ports = 0;
	assert_int_equal(read_text(world, "net/tcp", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	assert_int_equal(world->snapshot->sockets.n, 5);
	assert_int_equal(world->snapshot->notes.n, 0);
}

/* Each is skipped and counted, and the good line behind them all is read. */
static void test_malformed_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"garbage",
		"   0:",
		"   0: 0000000:0050 00000000:0000 0A" TAIL,
		"   0: 000000000:0050 00000000:0000 0A" TAIL,
		"   0: 00000000:10000 00000000:0000 0A" TAIL,
		"   0: 0000000G:0050 00000000:0000 0A" TAIL,
		"   0: 00000000 0050 00000000:0000 0A" TAIL,
		"   0: 00000000:0050 00000000:0000 00" TAIL,
		"   0: 00000000:0050 00000000:0000 0D" TAIL,
		"   0: 00000000:0050 00000000:0000 100" TAIL,
		"   0: 00000000:0050 00000000:0000 0A 00000000",
		"   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0",
		"   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 -1 0 1\n",
		"   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0"
		" 4294967296 1\n",
		"   0: 00000000:0050 00000000:0000 0A 100000000:00000000 00:00000000 00000000 0 0 1 1\n",
	};
	struct world *world = *state;
	char text[8192] = HEADER, line[256];

	for (size_t i = 0; i < N_ELEMENTS(lines); i++) {
		snprintf(line, sizeof(line), lines[i], 1u);
		line[strcspn(line, "\n")] = '\0';
		strcat(strcat(text, line), "\n");
	}
	snprintf(line, sizeof(line), "   9: 00000000:0050 00000000:0000 0A" TAIL, 77u);
	line[strlen(line) - 1] = '\0'; /* the last line may lack its end */
	strcat(text, line);
	assert_int_equal(read_text(world, "net/tcp", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	assert_int_equal(world->snapshot->sockets.n, 1);
	assert_int_equal(row(world, 0)->inode, 77);
	assert_int_equal(world->snapshot->notes.n, 1);
	assert_int_equal(world->snapshot->notes.items[0].what, HARK_NOTE_SOCKETS);
	assert_int_equal(world->snapshot->notes.items[0].count, N_ELEMENTS(lines));
}

/* Lines across the ends of the buffer, and one that is far longer than it. */
static void test_long_file(void **state)
{
	const uint32_t n = 5000;
	struct world *world = *state;
	char *text = malloc(n * 200 + 200000), *at = text;

	at += sprintf(at, HEADER);
	for (uint32_t i = 0; i < n; i++) {
		at += sprintf(at, "%4u: 00000000:%04X 00000000:0000 0A" TAIL, i, i, i + 1);
		if (i == n / 2) {
			at += sprintf(at, "%4u: 00000000:0001 00000000:0000 0A" TAIL, i, 99999u) -
			      1;
			memset(at, ' ', 100000);
			at += 100000;
			at += sprintf(at, "   0: 00000000:0002 00000000:0000 0A" TAIL, 88888u);
		}
	}
	assert_int_equal(read_text(world, "net/tcp", text, HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	free(text);
	assert_int_equal(world->snapshot->sockets.n, n + 1);
	for (uint32_t i = 0; i <= n; i++) {
		uint32_t expected = i <= n / 2 ? i + 1 : i == n / 2 + 1 ? 99999 : i;

		assert_int_equal(row(world, i)->inode, expected);
	}
	assert_int_equal(world->snapshot->notes.n, 0);
}

static void test_missing(void **state)
{
	struct world *world = *state;

	assert_int_equal(procnet_read(&world->source, world->snapshot, HARK_PROTOCOL_TCP,
				      HARK_FAMILY_INET, &world->filter),
			 -ENOENT);
	assert_int_equal(procnet_read(&world->source, world->snapshot, HARK_PROTOCOL_DCCP,
				      HARK_FAMILY_INET, &world->filter),
			 -ENOENT);
	assert_int_equal(read_text(world, "net/tcp", "", HARK_PROTOCOL_TCP, HARK_FAMILY_INET), 0);
	assert_int_equal(read_text(world, "net/tcp", HEADER, HARK_PROTOCOL_TCP, HARK_FAMILY_INET),
			 0);
	assert_int_equal(world->snapshot->sockets.n + world->snapshot->notes.n, 0);
	/* A directory opens but cannot be read. */
	fixture_write(world->source.proc_fd, "net/udp/x", "");
	assert_int_equal(procnet_read(&world->source, world->snapshot, HARK_PROTOCOL_UDP,
				      HARK_FAMILY_INET, &world->filter),
			 -EISDIR);
}

#define PROTOCOLS "protocol  size sockets  memory press maxhdr  slab module     cl co di ac\n"

static void test_protocols(void **state)
{
	static const uint32_t udp4 = TABLE_OF(HARK_PROTOCOL_UDP, HARK_FAMILY_INET),
			      udp6 = TABLE_OF(HARK_PROTOCOL_UDP, HARK_FAMILY_INET6),
			      raw4 = TABLE_OF(HARK_PROTOCOL_RAW, HARK_FAMILY_INET),
			      raw6 = TABLE_OF(HARK_PROTOCOL_RAW, HARK_FAMILY_INET6),
			      sctp4 = TABLE_OF(HARK_PROTOCOL_SCTP, HARK_FAMILY_INET),
			      sctp6 = TABLE_OF(HARK_PROTOCOL_SCTP, HARK_FAMILY_INET6),
			      tcp4 = TABLE_OF(HARK_PROTOCOL_TCP, HARK_FAMILY_INET),
			      mptcp6 = TABLE_OF(HARK_PROTOCOL_MPTCP, HARK_FAMILY_INET6);
	static const uint32_t sctp = 1u << HARK_PROTOCOL_SCTP, raw = 1u << HARK_PROTOCOL_RAW;
	static const uint32_t told = udp4 | udp6 | raw4 | raw6 | sctp4 | sctp6 | tcp4 | mptcp6;
	static const struct {
		const char *text;
		uint32_t in_use; /* of those above */
		uint32_t absent; /* protocols, of SCTP and RAW */
	} cases[] = {
		{ PROTOCOLS "UDP 1344 0 0\nUDPv6 1472 1 0\nTCP 2304 0 49\nRAW 1 0 0\n",
		  udp6 | tcp4 | mptcp6, sctp },
		{ PROTOCOLS "UDP 1344 1 0\nUDPv6 1472 0 0\nRAWv6 1 2 0\nMPTCPv6 1 0 0\n",
		  udp4 | raw6 | tcp4 | mptcp6, sctp },
		/* The files of SCTP go by the address, not by the family of the socket. */
		{ PROTOCOLS "UDP 1344 0 0\nUDPv6 1472 0 0\nSCTPv6 1 1 0\nSCTP 1 0 0\n",
		  sctp4 | sctp6 | tcp4 | mptcp6, raw },
		/* No line is a zero for those alone that not every kernel has. */
		{ PROTOCOLS, udp4 | udp6 | tcp4 | mptcp6, sctp | raw },
		{ PROTOCOLS "UDP\nUDPv6 1472 -1 0\nRAW 1\nRAWv6 1 many\n",
		  udp4 | udp6 | raw6 | tcp4 | mptcp6, sctp },
		{ "UDP 1344 0 0\n", told },
		{ "", told },
	};
	struct world *world = *state;
	uint32_t absent = 1;

	assert_int_equal(tables_in_use(&world->source, &absent) & told, told);
	assert_int_equal(absent, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_write(world->source.proc_fd, "net/protocols", cases[i].text);
		assert_int_equal(tables_in_use(&world->source, &absent) & told, cases[i].in_use);
		assert_int_equal(absent & (sctp | raw), cases[i].absent);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_tcp),       TEST(test_tcp6),    TEST(test_datagrams),
		TEST(test_sctp),      TEST(test_filter),  TEST(test_malformed_lines),
		TEST(test_long_file), TEST(test_missing), TEST(test_protocols),
	};

	return cmocka_run_group_tests_name("procnet", tests, NULL, NULL);
}
