/* SPDX-License-Identifier: MIT */
/*
 * The founding case (an Apache that is dual-stack, an sshd that is not), and one of each thing
 * that is hard to show. What answers what is written down here as the judge would conclude it.
 */
#include "snapshots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

#define V4 HARK_FAMILY_INET
#define V6 HARK_FAMILY_INET6

struct hark_snapshot *begin(void)
{
	static const struct {
		const char *addr;
		uint32_t bits, ifindex;
	} places[] = {
		{ "127.0.0.0", 104, 1 },     { "192.168.1.241", 128, 2 }, { "::1", 128, 1 },
		{ "2001:db8::241", 128, 2 }, { "fe80::241", 128, 2 },
	};
	struct hark_snapshot *snapshot = snapshot_new();
	struct hark_namespace *namespace = array_push(&snapshot->namespaces);

	snapshot->host = "web1";
	snapshot->kernel = "6.18.44";
	snapshot->time = 1795341600; /* 2026-11-22T10:00:00Z */
	snapshot->boot_time = 1795300000;
	*namespace = (struct hark_namespace){ .inode = 4026531840,
					      .bindv6only = HARK_NO,
					      .ipv6_disabled = HARK_NO,
					      .places_presence = HARK_KNOWN };
	*array_push(&snapshot->interfaces) =
		(struct hark_interface){ .ifindex = 1, .name = "lo", .is_up = true };
	*array_push(&snapshot->interfaces) =
		(struct hark_interface){ .ifindex = 2, .name = "eth0", .is_up = true };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct hark_place *place = array_push(&snapshot->places);

		hark_addr_parse(places[i].addr, &place->prefix.addr);
		place->prefix.bits = (uint8_t)places[i].bits;
		place->ifindex = places[i].ifindex;
	}
	namespace->n_places = snapshot->places.n;
	return snapshot;
}

static struct hark_answer *answer_of(struct hark_snapshot *s, const struct hark_socket *socket,
				     int family)
{
	return &snapshot_listener(s, socket)->answers[family];
}

static void refuse(struct hark_snapshot *s, struct hark_socket *socket, enum hark_family family,
		   enum hark_why why)
{
	*answer_of(s, socket, family) = (struct hark_answer){ .verdict = HARK_VERDICT_NONE,
							      .why = (uint8_t)why,
							      .reach = -1,
							      .shadowed_by = HARK_NONE };
}

static struct hark_socket *add(struct hark_snapshot *snapshot, enum hark_protocol protocol,
			       enum hark_family family, const char *addr, uint16_t port)
{
	struct hark_socket *socket = array_push(&snapshot->sockets);
	uint32_t n = snapshot->sockets.n;

	socket->protocol = (uint8_t)protocol;
	socket->family = (uint8_t)family;
	socket->state = protocol == HARK_PROTOCOL_TCP ? HARK_STATE_LISTEN : HARK_STATE_UNCONNECTED;
	socket->v6only = HARK_NO;
	socket->local_port = port;
	socket->inode = 10000 + n;
	socket->cookie = n;
	socket->first_holder = snapshot->holders.n;
	socket->holders = HARK_ABSENT;
	socket->holders_complete = true;
	socket->has_queues = true;
	assert(!hark_addr_parse(addr, &socket->local));
	hark_addr_parse(family == V4 ? "0.0.0.0" : "::", &socket->remote);
	snapshot_classify(snapshot, socket);
	snapshot_listener(snapshot, socket)->backlog_max = protocol == HARK_PROTOCOL_TCP ? 511 : 0;
	refuse(snapshot, socket, V4, HARK_WHY_NOTHING);
	refuse(snapshot, socket, V6, family == V4 ? HARK_WHY_FAMILY : HARK_WHY_NOTHING);
	return socket;
}

struct hark_socket *tcp(struct hark_snapshot *snapshot, enum hark_family family, const char *addr,
			uint16_t port)
{
	return add(snapshot, HARK_PROTOCOL_TCP, family, addr, port);
}

struct hark_socket *udp(struct hark_snapshot *snapshot, enum hark_family family, const char *addr,
			uint16_t port)
{
	return add(snapshot, HARK_PROTOCOL_UDP, family, addr, port);
}

struct hark_answer *answer(struct hark_snapshot *s, struct hark_socket *socket,
			   enum hark_family family, int reach)
{
	struct hark_answer *a = answer_of(s, socket, family);

	a->verdict = hark_addr_is_any(&socket->local) ? HARK_VERDICT_ALL : HARK_VERDICT_SOME;
	a->via = socket->family == V6 && family == V4 ? HARK_VIA_MAPPED : HARK_VIA_NATIVE;
	a->reach = (int8_t)reach;
	a->why = a->verdict == HARK_VERDICT_SOME ? HARK_WHY_BOUND : HARK_WHY_NOTHING;
	return a;
}

/* What it answers of a family that it is bound to one address of. */
static void answer_place(struct hark_snapshot *s, struct hark_socket *socket,
			 enum hark_family family, uint32_t place, int reach)
{
	struct hark_answer *a = answer(s, socket, family, reach);

	a->first_address = place;
	a->n_addresses = 1;
}

static void doubt(struct hark_snapshot *s, struct hark_socket *socket, enum hark_family family,
		  enum hark_why why)
{
	answer_of(s, socket, family)->verdict = HARK_VERDICT_UNKNOWN;
	answer_of(s, socket, family)->decided_by = HARK_DECIDED_BY_INFERENCE;
	answer_of(s, socket, family)->why = (uint8_t)why;
}

void dual_stack(struct hark_snapshot *s, struct hark_socket *socket)
{
	answer(s, socket, V4, HARK_REACH_PRIVATE);
	answer(s, socket, V6, HARK_REACH_PUBLIC);
}

static void v6only(struct hark_snapshot *s, struct hark_socket *socket)
{
	socket->v6only = HARK_YES;
	answer(s, socket, V6, HARK_REACH_PUBLIC);
	refuse(s, socket, V4, HARK_WHY_V6ONLY);
}

uint32_t process(struct hark_snapshot *snapshot, uint32_t pid, uint32_t uid, const char *command,
		 const char *unit)
{
	struct hark_process *new = array_push(&snapshot->processes);

	*new = (struct hark_process){
		.pid = pid, .uid = uid, .start_ticks = pid * 100, .command = command, .unit = unit
	};
	return snapshot->processes.n - 1;
}

/* The last socket is held by that process too. */
void hold(struct hark_snapshot *snapshot, uint32_t process_index, uint32_t fd)
{
	struct hark_socket *socket = &snapshot->sockets.items[snapshot->sockets.n - 1];

	*array_push(&snapshot->holders) = (struct hark_holder){ .socket = snapshot->sockets.n - 1,
								.process = process_index,
								.fd = fd };
	socket->n_holders++;
	socket->holders = HARK_KNOWN;
}

/* The questions to the kernel: who gets the first address of each family that one answers. */
static void ask(struct hark_snapshot *snapshot)
{
	static const char *const first_places[] = { "127.0.0.1", "::1" };

	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];

		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			struct hark_lookup *lookup;

			if (!socket->is_listener ||
			    answer_of(snapshot, socket, family)->verdict != HARK_VERDICT_ALL)
				continue;
			lookup = array_push(&snapshot->lookups);
			*lookup = (struct hark_lookup){ .ifindex = 1,
							.n_places = family == V4 ? 2 : 3,
							.socket = i,
							.port = socket->local_port,
							.protocol = socket->protocol,
							.family = (uint8_t)family };
			hark_addr_parse(first_places[family], &lookup->addr);
		}
	}
}

/* The machine of the ServerFault question. */
static struct hark_snapshot *founding(void)
{
	struct hark_snapshot *s = begin();
	uint32_t sshd = process(s, 842, 0, "sshd", "ssh.service");
	uint32_t java = process(s, 1204, 113, "java", "elasticsearch.service");
	uint32_t beam = process(s, 1330, 114, "beam.smp", "rabbitmq-server.service");
	uint32_t epmd = process(s, 1298, 114, "epmd", "epmd.service");
	uint32_t init = process(s, 1, 0, "systemd", "init.scope");
	uint32_t rpcbind = process(s, 610, 105, "rpcbind", "rpcbind.service");
	uint32_t statd = process(s, 655, 106, "rpc.statd", "rpc-statd.service");
	uint32_t apache[6];

	for (uint32_t i = 0; i < 6; i++)
		apache[i] = process(s, 2533 + (i ? 3 + i : 0), i ? 33 : 0, "apache2",
				    "apache2.service");
	s->processes.items[sshd].executable = "/usr/sbin/sshd";
	s->processes.items[sshd].command_line =
		"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups";
	s->processes.items[apache[0]].executable = "/usr/sbin/apache2";

	answer(s, tcp(s, V4, "0.0.0.0", 22), V4, HARK_REACH_PRIVATE);
	hold(s, sshd, 3);
	v6only(s, tcp(s, V6, "::", 22));
	hold(s, sshd, 4);
	dual_stack(s, tcp(s, V6, "::", 80));
	for (uint32_t i = 0; i < 6; i++)
		hold(s, apache[i], 4);
	answer(s, tcp(s, V4, "0.0.0.0", 111), V4, HARK_REACH_PRIVATE);
	hold(s, init, 41);
	hold(s, rpcbind, 4);
	v6only(s, tcp(s, V6, "::", 111));
	hold(s, init, 43);
	hold(s, rpcbind, 6);
	dual_stack(s, tcp(s, V6, "::", 4369));
	hold(s, epmd, 3);
	dual_stack(s, tcp(s, V6, "::", 5672));
	hold(s, beam, 30);
	answer_place(s, tcp(s, V6, "::ffff:127.0.0.1", 9200), V4, 0, HARK_REACH_HOST);
	refuse(s, &s->sockets.items[s->sockets.n - 1], V6, HARK_WHY_BOUND);
	hold(s, java, 210);
	answer_place(s, tcp(s, V6, "::1", 9200), V6, 2, HARK_REACH_HOST);
	refuse(s, &s->sockets.items[s->sockets.n - 1], V4, HARK_WHY_BOUND);
	hold(s, java, 211);
	dual_stack(s, tcp(s, V6, "::", 9300));
	hold(s, java, 188);
	answer(s, tcp(s, V4, "0.0.0.0", 25672), V4, HARK_REACH_PRIVATE);
	hold(s, beam, 18);
	answer(s, tcp(s, V4, "0.0.0.0", 34795), V4, HARK_REACH_PRIVATE);
	hold(s, statd, 9);
	v6only(s, tcp(s, V6, "::", 38121));
	hold(s, statd, 11);
	answer(s, udp(s, V4, "0.0.0.0", 111), V4, HARK_REACH_PRIVATE);
	hold(s, init, 42);
	hold(s, rpcbind, 5);
	v6only(s, udp(s, V6, "::", 111));
	hold(s, init, 44);
	hold(s, rpcbind, 7);
	ask(s);
	return s;
}

static void connect_to(struct hark_snapshot *snapshot, enum hark_family family, const char *local,
		       uint16_t port, const char *remote, uint16_t remote_port,
		       enum hark_state state)
{
	struct hark_socket *socket = tcp(snapshot, family, local, port);

	assert(!hark_addr_parse(remote, &socket->remote));
	socket->remote_port = remote_port;
	socket->state = (uint8_t)state;
	socket->receive_bytes = 5;
	socket->send_bytes = 36;
	snapshot_classify(snapshot, socket);
	if (state != HARK_STATE_TIME_WAIT)
		return;
	socket->inode = 0;
	socket->uid = 0;
}

static struct hark_snapshot *connections(void)
{
	struct hark_snapshot *s = founding();
	uint32_t sshd = process(s, 9001, 0, "sshd", "session-7.scope");
	uint32_t curl = process(s, 9100, 1000, "curl", "session-7.scope");

	connect_to(s, V4, "192.168.1.241", 22, "192.168.1.10", 50112, HARK_STATE_ESTABLISHED);
	hold(s, sshd, 4);
	connect_to(s, V6, "::ffff:192.168.1.241", 80, "::ffff:192.168.1.10", 50230,
		   HARK_STATE_ESTABLISHED);
	hold(s, 8, 12);
	connect_to(s, V6, "::ffff:192.168.1.241", 80, "::ffff:192.168.1.10", 50228,
		   HARK_STATE_TIME_WAIT);
	connect_to(s, V6, "2001:db8::241", 80, "2001:db8:feed:1:3a9c:12ff:fe01:9d20", 61000,
		   HARK_STATE_FIN_WAIT_2);
	connect_to(s, V6, "fe80::241", 41220, "fe80::1", 443, HARK_STATE_SYN_SENT);
	s->sockets.items[s->sockets.n - 1].local.scope_id = 2;
	s->sockets.items[s->sockets.n - 1].remote.scope_id = 2;
	hold(s, curl, 5);
	connect_to(s, V4, "0.0.0.0", 8888, "0.0.0.0", 0, HARK_STATE_BOUND);
	return s;
}

static void origin(struct hark_snapshot *s, const char *unit, const char *container,
		   const char *runtime)
{
	struct hark_socket *socket = &s->sockets.items[s->sockets.n - 1];

	socket->cgroup_id = 7000 + s->origins.n;
	hash_put(&s->origin_by_cgroup, socket->cgroup_id, s->origins.n);
	*array_push(&s->origins) =
		(struct hark_process){ .unit = unit, .container = container, .runtime = runtime };
}

static void deny(struct hark_snapshot *s, uint32_t uid)
{
	struct hark_socket *socket = &s->sockets.items[s->sockets.n - 1];

	socket->uid = uid;
	socket->holders = HARK_DENIED;
	socket->holders_complete = false;
}

/* What someone without privilege sees. */
static struct hark_snapshot *hidden(void)
{
	struct hark_snapshot *s = begin();
	uint32_t own = process(s, 4242, 1000, "python3", "user@1000.service");

	answer(s, tcp(s, V4, "0.0.0.0", 22), V4, HARK_REACH_PRIVATE);
	deny(s, 0);
	origin(s, "ssh.service", NULL, NULL);
	v6only(s, tcp(s, V6, "::", 22));
	deny(s, 0);
	origin(s, "ssh.service", NULL, NULL);
	dual_stack(s, tcp(s, V6, "::", 80));
	deny(s, 33);
	answer(s, tcp(s, V4, "0.0.0.0", 2049), V4, HARK_REACH_PRIVATE);
	s->sockets.items[s->sockets.n - 1].holders_complete = false;
	answer(s, tcp(s, V4, "0.0.0.0", 8000), V4, HARK_REACH_PRIVATE);
	hold(s, own, 3);
	s->sockets.items[s->sockets.n - 1].uid = 1000;
	s->sockets.items[s->sockets.n - 1].holders_complete = false;
	*array_push(&s->notes) = (struct hark_note){
		.what = HARK_NOTE_HOLDERS,
		.why = HARK_NOTE_PERMISSION,
		.count = 12,
		.detail = "12 processes may not be looked into; run as root to see every holder",
	};
	*array_push(&s->notes) = (struct hark_note){
		.what = HARK_NOTE_ADDRESSES,
		.why = HARK_NOTE_FAILED,
		.count = 1,
		.error = -1,
		.detail = "the addresses of interfaces could not be read",
	};
	*array_push(&s->notes) = (struct hark_note){
		.what = HARK_NOTE_SOCKETS,
		.why = HARK_NOTE_UNSUPPORTED,
		.is_debug = true,
		.count = 2,
		.detail = "this kernel has no DCCP",
	};
	return s;
}

static void add_hostile(struct hark_snapshot *s)
{
	uint32_t red =
		process(s, 666, 0, "\033[31mred\n\t\"\\,\b", "evil\xff\xfe@\xe2\x80\xae.service");
	uint32_t wide = process(s, 777, 0, "日本語サーバ", "caf\xc3\xa9.service");
	uint32_t accent = process(s, 778, 0, "cafe\xcc\x81\xf0\x9f\x90\x9f", "a\\x2db.service");

	s->processes.items[red].command_line = "x\x01\x7f\xc2\x9b"
					       "31m \xef\xbe\x80 \xee\xbe\x80 =1+1";
	dual_stack(s, tcp(s, V6, "::", 6000));
	hold(s, red, 3);
	answer_place(s, tcp(s, V4, "127.0.0.1", 6001), V4, 0, HARK_REACH_HOST);
	hold(s, wide, 3);
	answer_place(s, tcp(s, V6, "fe80::241", 6002), V6, 4, HARK_REACH_LINK);
	s->sockets.items[s->sockets.n - 1].local.scope_id = 2;
	refuse(s, &s->sockets.items[s->sockets.n - 1], V4, HARK_WHY_BOUND);
	hold(s, accent, 3);
}

static void add_reuseport(struct hark_snapshot *s)
{
	uint32_t nginx[4];

	for (uint32_t i = 0; i < 4; i++) {
		nginx[i] = process(s, 1201 + i, 33, "nginx", NULL);
		s->processes.items[nginx[i]].container =
			"3f2a9c1b7d5e00112233445566778899aabbccddeeff00112233445566778899";
		s->processes.items[nginx[i]].runtime = "docker";
	}
	for (uint32_t i = 0; i < 4; i++) {
		answer(s, tcp(s, V4, "0.0.0.0", 8084), V4, HARK_REACH_PRIVATE);
		hold(s, nginx[3 - i], 6 + i);
	}
	for (uint32_t i = 0; i < 4; i++) {
		v6only(s, tcp(s, V6, "::", 8084));
		hold(s, nginx[i], 6 + i);
	}
}

static void add_shadowed(struct hark_snapshot *s)
{
	uint32_t new = process(s, 3001, 0, "haproxy", "haproxy.service");
	uint32_t old = process(s, 2001, 0, "lighttpd", "lighttpd.service");
	struct hark_answer *a;

	answer_place(s, tcp(s, V4, "127.0.0.1", 8090), V4, 0, HARK_REACH_HOST);
	hold(s, new, 5);
	a = answer(s, tcp(s, V4, "0.0.0.0", 8090), V4, HARK_REACH_PRIVATE);
	*a = (struct hark_answer){ .verdict = HARK_VERDICT_SOME,
				   .via = HARK_VIA_NATIVE,
				   .why = HARK_WHY_SHADOWED,
				   .reach = HARK_REACH_PRIVATE,
				   .first_address = 1,
				   .n_addresses = 1,
				   .shadowed_by = s->sockets.n - 2 };
	hold(s, old, 5);
	answer(s, tcp(s, V6, "::", 8090), V6, HARK_REACH_PUBLIC);
	refuse(s, &s->sockets.items[s->sockets.n - 1], V4, HARK_WHY_SHADOWED);
	answer_of(s, &s->sockets.items[s->sockets.n - 1], V4)->shadowed_by = s->sockets.n - 2;
	hold(s, new, 6);
	refuse(s, tcp(s, V4, "203.0.113.9", 8091), V4, HARK_WHY_NOT_LOCAL);
	hold(s, new, 7);
	refuse(s, tcp(s, V6, "::ffff:203.0.113.9", 8091), V4, HARK_WHY_NOT_LOCAL);
	refuse(s, &s->sockets.items[s->sockets.n - 1], V6, HARK_WHY_BOUND);
	hold(s, old, 7);
	dual_stack(s, tcp(s, V6, "::", 8092));
	refuse(s, &s->sockets.items[s->sockets.n - 1], V6, HARK_WHY_NO_ADDRESS);
	hold(s, new, 8);
}

static void add_activated(struct hark_snapshot *s)
{
	struct hark_activation activation = { "evil\033[31m\".socket", "echo@.service", HARK_YES };

	*array_push(&s->activations) = activation;
	dual_stack(s, tcp(s, V6, "::", 8100));
	hold(s, process(s, 1, 0, "systemd", "init.scope"), 41);
	snapshot_listener(s, &s->sockets.items[s->sockets.n - 1])->activation = 0;
}

static void add_unknown(struct hark_snapshot *s)
{
	uint32_t guest = process(s, 5001, 0, "sentry", "gvisor.service");

	answer(s, tcp(s, V6, "::", 9000), V6, HARK_REACH_PUBLIC);
	s->sockets.items[s->sockets.n - 1].v6only = HARK_UNKNOWN;
	s->sockets.items[s->sockets.n - 1].cookie = 0;
	doubt(s, &s->sockets.items[s->sockets.n - 1], V4, HARK_WHY_V6ONLY_UNTOLD);
	hold(s, guest, 3);
	doubt(s, tcp(s, V4, "0.0.0.0", 9001), V4, HARK_WHY_RIVALS);
	s->sockets.items[s->sockets.n - 1].has_queues = false;
	hold(s, guest, 4);
	dual_stack(s, tcp(s, V6, "::", 9002));
	s->sockets.items[s->sockets.n - 1].holders = HARK_UNSUPPORTED;
	s->sockets.items[s->sockets.n - 1].holders_complete = false;
}

static void add_datagrams(struct hark_snapshot *s)
{
	uint32_t avahi = process(s, 510, 107, "avahi-daemon", "avahi-daemon.service");
	uint32_t dhclient = process(s, 480, 0, "dhclient", "ifup@eth0.service");
	uint32_t ping = process(s, 8800, 1000, "ping", "session-7.scope");

	answer(s, udp(s, V4, "0.0.0.0", 68), V4, HARK_REACH_PRIVATE);
	s->sockets.items[s->sockets.n - 1].device = 2;
	hold(s, dhclient, 6);
	dual_stack(s, udp(s, V6, "::", 111));
	origin(s, "systemd-networkd.socket", NULL, NULL);
	refuse(s, udp(s, V4, "224.0.0.251", 5353), V4, HARK_WHY_MULTICAST);
	hold(s, avahi, 12);
	v6only(s, udp(s, V6, "::", 51820));
	s->sockets.items[s->sockets.n - 1].is_kernel = true;
	answer(s, add(s, HARK_PROTOCOL_RAW, V4, "0.0.0.0", 1), V4, HARK_REACH_PRIVATE);
	hold(s, ping, 3);
	v6only(s, add(s, HARK_PROTOCOL_RAW, V6, "::", 58));
	hold(s, ping, 4);
	answer(s, add(s, HARK_PROTOCOL_RAW, V4, "0.0.0.0", 253), V4, HARK_REACH_PRIVATE);
	hold(s, ping, 5);
	answer(s, add(s, HARK_PROTOCOL_ICMP, V4, "0.0.0.0", 17), V4, HARK_REACH_PRIVATE);
	hold(s, ping, 6);
}

/* One of each thing that is hard to show. */
static struct hark_snapshot *rich(void)
{
	struct hark_snapshot *s = begin();
	uint32_t many[10];

	for (uint32_t i = 0; i < 10; i++)
		many[i] = process(s, 100 + i, 0,
				  (const char *[]){ "a", "b", "c", "d", "e", "f", "g", "h", "i",
						    "j" }[i],
				  "many.service");
	dual_stack(s, tcp(s, V6, "::", 5000));
	for (uint32_t i = 0; i < 10; i++)
		hold(s, many[i], 3);
	add_hostile(s);
	add_reuseport(s);
	add_shadowed(s);
	add_activated(s);
	add_unknown(s);
	add_datagrams(s);
	return s;
}

/* A namespace of a kind, with a listener at ports that others have, too. */
static void add_namespace(struct hark_snapshot *s, struct hark_namespace row,
			  struct hark_process origin)
{
	struct hark_namespace *namespace = snapshot_begin_namespace(s);
	struct hark_socket *socket;

	*namespace = row;
	namespace->inode = 4026532200 + s->namespaces.n;
	namespace->places_presence = row.presence;
	if (origin.cgroup) {
		s->namespace_origins.items[s->namespace_origins.n - 1] = s->origins.n;
		*array_push(&s->origins) = origin;
	}
	if (row.presence != HARK_KNOWN)
		return;
	socket = tcp(s, V4, "0.0.0.0", 80);
	socket->netns = snapshot_netns(s);
	answer(s, socket, V4, HARK_REACH_PRIVATE);
	hold(s, process(s, 5000 + s->namespaces.n, 0, "nginx", NULL), 6);
}

/* The whole host. */
static struct hark_snapshot *everywhere(void)
{
	static const char container[] =
		"3f2a9c1b7d5e00112233445566778899aabbccddeeff00112233445566778899";
	static const char pod[] = "6a35b5a1-3f0c-4c62-9d1e-0c8b5a1e2f3d";
	struct hark_snapshot *s = begin();

	s->namespace_origins.n = 0;
	*array_push(&s->namespace_origins) = HARK_NONE;
	answer(s, tcp(s, V4, "0.0.0.0", 80), V4, HARK_REACH_PRIVATE);
	hold(s, process(s, 842, 0, "nginx", "nginx.service"), 6);
	add_namespace(s, (struct hark_namespace){ .name = "blue", .bindv6only = HARK_YES },
		      (struct hark_process){ .uid = HARK_NONE });
	add_namespace(s,
		      (struct hark_namespace){ .name = "cni-0f3b8f2e-7f5d-4a7e-9a53-1b9d3c5e7f90",
					       .pid = 4711 },
		      (struct hark_process){ .cgroup = "/kubepods", .pod = pod });
	add_namespace(s, (struct hark_namespace){ .mount = "/srv/evil \x1b[31m\n", .pid = 4712 },
		      (struct hark_process){ .cgroup = "/user.slice" });
	add_namespace(s,
		      (struct hark_namespace){ .mount = "/run/docker/netns/3f2a9c1b7d5e",
					       .pid = 4713 },
		      (struct hark_process){
			      .cgroup = "/docker", .container = container, .runtime = "docker" });
	add_namespace(s, (struct hark_namespace){ .pid = 4714 }, (struct hark_process){ .uid = 0 });
	add_namespace(s, (struct hark_namespace){ .name = "secret", .presence = HARK_DENIED },
		      (struct hark_process){ .uid = 0 });
	snapshot_note_things(s, HARK_NOTE_NAMESPACES, HARK_NOTE_PERMISSION, -EPERM, 1,
			     "one network namespace may not be entered, not even as root", NULL);
	return s;
}

static struct hark_snapshot *many(void)
{
	struct hark_snapshot *s = begin();

	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t holder = process(s, 1000 + i, 0, "worker", "worker@12.service");

		dual_stack(s, tcp(s, V6, "::", (uint16_t)(1024 + i)));
		hold(s, holder, 3);
	}
	return s;
}

struct hark_snapshot *snapshot_by_name(const char *name)
{
	if (!strcmp(name, "founding"))
		return founding();
	if (!strcmp(name, "connections"))
		return connections();
	if (!strcmp(name, "hidden"))
		return hidden();
	if (!strcmp(name, "rich"))
		return rich();
	if (!strcmp(name, "everywhere"))
		return everywhere();
	if (!strcmp(name, "elsewhere")) {
		struct hark_snapshot *s = founding();

		s->elsewhere = (struct hark_elsewhere){ .n_namespaces = 3, .n_listeners = 12 };
		return s;
	}
	if (!strcmp(name, "many"))
		return many();
	if (!strcmp(name, "firewall"))
		return firewall();
	return strcmp(name, "empty") ? NULL : begin();
}
