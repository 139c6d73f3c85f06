/* SPDX-License-Identifier: MIT */
/* For which containers docker-proxy and the like hold sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bed.h"
#include "collect.h"
#include "fixture.h"

#define WEB   "3f2a9c1b7d5e00112233445566778899aabbccddeeff00112233445566778899"
#define DB    "0a1b2c3d4e5f00112233445566778899aabbccddeeff00112233445566778899"
#define CACHE "77778888999900112233445566778899aabbccddeeff00112233445566778899"

#define OF_ANN "/user.slice/user-1000.slice/user@1000.service/app.slice/"

static const char passwd[] = "ann:x:1000:1000:Ann:/home/ann:/bin/sh\n";

/* A process, with a command line of arguments that end with NULs. Its pid is its number from 1. */
static uint32_t add_process(struct bed *bed, const char *command, const char *cgroup,
			    const char *arguments, size_t length)
{
	struct hark_process *process = bed_add_process(bed, cgroup);
	char path[64];

	process->command = command;
	snprintf(path, sizeof(path), "%u/cmdline", process->pid);
	fixture_write_bytes(bed->proc, path, arguments, length);
	snprintf(path, sizeof(path), "%u/comm", process->pid);
	fixture_write(bed->proc, path, command);
	return bed->snapshot->processes.n - 1;
}

#define PROCESS(bed, command, cgroup, arguments) \
	add_process(bed, command, cgroup, arguments, sizeof(arguments))

/* A socket that the process holds: the index of its holder. */
static uint32_t add_socket(struct bed *bed, uint32_t process, enum hark_protocol protocol,
			   const char *address, uint16_t port)
{
	struct hark_socket *socket = array_push(&bed->snapshot->sockets);
	struct hark_holder *holder = array_push(&bed->snapshot->holders);

	assert_non_null(socket);
	assert_non_null(holder);
	socket->inode = 5000 + bed->snapshot->sockets.n;
	socket->protocol = (uint8_t)protocol;
	socket->local_port = port;
	assert_int_equal(hark_addr_parse(address, &socket->local), 0);
	socket->first_holder = bed->snapshot->holders.n - 1;
	socket->n_holders = 1;
	holder->socket = bed->snapshot->sockets.n - 1;
	holder->process = process;
	return bed->snapshot->holders.n - 1;
}

static uint32_t add_listener(struct bed *bed, uint32_t process)
{
	return add_socket(bed, process, HARK_PROTOCOL_TCP, "0.0.0.0", 8080);
}

/* A process without a slice is root's where its directory in /proc is. */
static void needs_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: needs root, to make files of others\n");
	skip();
}

static void collect(struct bed *bed)
{
	assert_int_equal(collect_containers(&bed->source, bed->snapshot), 0);
}

/* `name` NULL: it has none; `id` NULL: the holder stands for no container. */
static void assert_fronts(const struct bed *bed, uint32_t holder, const char *id, const char *name)
{
	const struct hark_process *fronted =
		hark_snapshot_fronted(bed->snapshot, &bed->snapshot->holders.items[holder]);

	if (!id) {
		assert_null(fronted);
		return;
	}
	assert_non_null(fronted);
	assert_string_equal(fronted->container, id);
	if (name) {
		assert_non_null(fronted->container_name);
		assert_string_equal(fronted->container_name, name);
	} else {
		assert_null(fronted->container_name);
	}
}

/* docker's file of a container with what it publishes. */
static void write_docker(const struct bed *bed, const char *root, const char *id, const char *name,
			 const char *ports, const char *address)
{
	char path[512], text[2048];

	snprintf(path, sizeof(path), "%s/containers/%s/config.v2.json", root, id);
	snprintf(
		text, sizeof(text),
		"{\"ID\":\"%s\",\"Config\":{\"Image\":\"nginx\"},\"Name\":\"/%s\","
		"\"NetworkSettings\":{\"Bridge\":\"\",\"Networks\":{\"bridge\":{\"IPAMConfig\":null,"
		"\"IPAddress\":\"%s\",\"IPPrefixLen\":16,\"GlobalIPv6Address\":\"fd00::2\"}},"
		"\"Ports\":{\"443/tcp\":null,%s}}}",
		id, name, address, ports);
	fixture_write(bed->root, path, text);
}

#define PUBLISHED(inner, host, outer) \
	"\"" inner "\":[{\"HostIp\":\"" host "\",\"HostPort\":\"" outer "\"}]"

static void test_docker_proxy(void **state)
{
	struct bed *bed = *state;
	uint32_t proxy = PROCESS(bed, "docker-proxy", "/system.slice/docker.service",
				 "/usr/bin/docker-proxy\0-proto\0tcp\0-host-ip\0"
				 "0.0.0.0\0-host-port\08080\0-container-ip\0"
				 "172.17.0.2\0-container-port\080\0-use-listen-fd");
	uint32_t proxy6 = PROCESS(bed, "docker-proxy", "/system.slice/docker.service",
				  "docker-proxy\0-proto\0udp\0-host-ip\0::\0-host-port\0"
				  "53\0-container-ip\0fd00::2\0-container-port\0"
				  "5353");
	uint32_t other_port = PROCESS(bed, "docker-proxy", "/system.slice/docker.service",
				      "docker-proxy\0-proto\0tcp\0-host-ip\0::\0-host-port\0"
				      "8080\0-container-ip\0"
				      "172.17.0.2\0-container-port\0"
				      "81");
	uint32_t other_address = PROCESS(bed, "docker-proxy", "/system.slice/docker.service",
					 "docker-proxy\0-proto\0tcp\0-host-ip\0::\0-host-port\0"
					 "8080\0-container-ip\0"
					 "172.17.0.9\0-container-port\0"
					 "80");
	uint32_t of_ann = PROCESS(bed, "docker-proxy", OF_ANN "evil.service",
				  "docker-proxy\0-proto\0tcp\0-host-ip\0::\0-host-port\0"
				  "8080\0-container-ip\0"
				  "172.17.0.2\0-container-port\0"
				  "80");
	uint32_t cut = PROCESS(bed, "docker-proxy", "/", "docker-proxy\0-container-ip");
	uint32_t nginx = PROCESS(bed, "nginx", "/", "nginx");
	uint32_t gone = PROCESS(bed, "docker-proxy", "/", "-proto\0tcp");
	uint32_t holders[8];

	needs_root();
	fixture_write(bed->proc, "8/comm", "bash\n");
	holders[0] = add_listener(bed, proxy);
	holders[1] = add_listener(bed, proxy6);
	holders[2] = add_listener(bed, other_port);
	holders[3] = add_listener(bed, other_address);
	holders[4] = add_listener(bed, of_ann);
	holders[5] = add_listener(bed, cut);
	holders[6] = add_listener(bed, nginx);
	holders[7] = add_listener(bed, gone);
	write_docker(bed, "var/lib/docker", WEB, "web",
		     PUBLISHED("80/tcp", "0.0.0.0", "8080") "," PUBLISHED("5353/udp", "::", "53"),
		     "172.17.0.2");
	write_docker(bed, "var/lib/docker", DB, "db", PUBLISHED("80/tcp", "0.0.0.0", "8081"),
		     "172.17.0.3");
	collect(bed);
	assert_fronts(bed, holders[0], WEB, "web");
	assert_fronts(bed, holders[1], WEB, "web");
	for (int i = 2; i < 8; i++)
		assert_fronts(bed, holders[i], NULL, NULL);
	assert_string_equal(bed->snapshot->fronted.items[0].image, "nginx");
	assert_string_equal(bed->snapshot->fronted.items[0].runtime, "docker");
}

/* The container's own rows are called the same, though their file is not read again. */
static void test_shared_name(void **state)
{
	struct bed *bed = *state;
	uint32_t proxy = PROCESS(bed, "docker-proxy", "/system.slice/docker.service",
				 "docker-proxy\0-proto\0tcp\0-host-ip\0"
				 "0.0.0.0\0-host-port\08080\0-container-ip\0"
				 "172.17.0.2\0-container-port\080");
	uint32_t inner = PROCESS(bed, "nginx", "/docker/" WEB, "nginx");

	needs_root();
	add_listener(bed, proxy);
	write_docker(bed, "var/lib/docker", WEB, "web", PUBLISHED("80/tcp", "0.0.0.0", "8080"),
		     "172.17.0.2");
	collect(bed);
	assert_string_equal(bed->snapshot->processes.items[inner].container_name, "web");
	assert_string_equal(bed->snapshot->processes.items[inner].image, "nginx");
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_rootlesskit(void **state)
{
	struct bed *bed = *state;
	uint32_t kit = PROCESS(bed, "rootlesskit", OF_ANN "docker.service", "rootlesskit");
	uint32_t web, db, none, udp, elsewhere;

	web = add_socket(bed, kit, HARK_PROTOCOL_MPTCP, "0.0.0.0", 8080);
	db = add_socket(bed, kit, HARK_PROTOCOL_TCP, "127.0.0.1", 5432);
	none = add_socket(bed, kit, HARK_PROTOCOL_TCP, "0.0.0.0", 99);
	udp = add_socket(bed, kit, HARK_PROTOCOL_UDP, "0.0.0.0", 8080);
	elsewhere = add_socket(bed, kit, HARK_PROTOCOL_TCP, "127.0.0.2", 5432);
	fixture_write(bed->root, "etc/passwd", passwd);
	write_docker(bed, "home/ann/.local/share/docker", WEB, "web",
		     PUBLISHED("80/tcp", "0.0.0.0", "8080"), "172.17.0.2");
	write_docker(bed, "home/ann/.local/share/docker", DB, "db",
		     PUBLISHED("5432/tcp", "127.0.0.1", "5432"), "172.17.0.3");
	collect(bed);
	assert_fronts(bed, web, WEB, "web");
	assert_fronts(bed, db, DB, "db");
	assert_fronts(bed, none, NULL, NULL);
	assert_fronts(bed, udp, NULL, NULL);
	assert_fronts(bed, elsewhere, NULL, NULL);
}

static void write_podman(const struct bed *bed, const char *root)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/overlay-containers/containers.json", root);
	fixture_write(bed->root, path, "[{\"id\":\"" WEB "\",\"names\":[\"web\"]}]");
}

static void test_conmon(void **state)
{
	struct bed *bed = *state;
	uint32_t known = PROCESS(bed, "conmon", "/machine.slice/libpod-conmon-" WEB ".scope",
				 "/usr/bin/conmon\0--api-version\0001\0-c\0" WEB "\0-u\0" WEB
				 "\0-n\0old");
	uint32_t unknown = PROCESS(bed, "conmon", "/", "conmon\0-c\0" DB "\0-n\0lie");
	uint32_t bad = PROCESS(bed, "conmon", "/", "conmon\0-c\0../../etc");
	uint32_t holders[3];

	needs_root();
	holders[0] = add_listener(bed, known);
	holders[1] = add_listener(bed, unknown);
	holders[2] = add_listener(bed, bad);
	write_podman(bed, "var/lib/containers/storage");
	collect(bed);
	assert_fronts(bed, holders[0], WEB, "web");
	assert_fronts(bed, holders[1], DB, NULL);
	assert_fronts(bed, holders[2], NULL, NULL);
}

/* Whose containers it may speak of is told by its user where no slice tells. */
static void test_user_without_slice(void **state)
{
	struct bed *bed = *state;
	uint32_t conmon = PROCESS(bed, "conmon", "/", "conmon\0-c\0" WEB);
	uint32_t holder = add_listener(bed, conmon);

	needs_root();
	assert_int_equal(fchownat(bed->proc, "1", 1000, 1000, 0), 0);
	fixture_write(bed->root, "etc/passwd", passwd);
	write_podman(bed, "home/ann/.local/share/containers/storage");
	collect(bed);
	assert_fronts(bed, holder, WEB, "web");
}

/* Ann says that she stands for a container of root's, and has a name for it. */
static void test_usurper(void **state)
{
	struct bed *bed = *state;
	uint32_t conmon = PROCESS(bed, "conmon", OF_ANN "x.scope", "conmon\0-c\0" DB);
	uint32_t holder = add_listener(bed, conmon);
	uint32_t inner = PROCESS(bed, "postgres", "/machine.slice/libpod-" DB ".scope", "");

	fixture_write(bed->root, "etc/passwd", passwd);
	fixture_write(bed->root,
		      "home/ann/.local/share/containers/storage/overlay-containers/containers.json",
		      "[{\"id\":\"" DB "\",\"names\":[\"anns\"]}]");
	fixture_write(bed->root, "var/lib/containers/storage/overlay-containers/containers.json",
		      "[{\"id\":\"" DB "\",\"names\":[\"db\"]}]");
	collect(bed);
	assert_fronts(bed, holder, DB, "anns");
	assert_string_equal(bed->snapshot->processes.items[inner].container_name, "db");
}

static void test_rootlessport(void **state)
{
	struct bed *bed = *state;
	uint32_t port = PROCESS(bed, "rootlessport", OF_ANN "x.scope", "rootlessport");
	uint32_t none = PROCESS(bed, "rootlessport", OF_ANN "x.scope", "rootlessport");
	uint32_t holders[2];

	holders[0] = add_listener(bed, port);
	holders[1] = add_listener(bed, none);
	fixture_link(bed->proc, "1/fd/0", "/dev/null");
	fixture_link(bed->proc, "1/fd/7", "socket:[4711]");
	fixture_link(bed->proc, "1/fd/8", "socket:[4712]");
	fixture_link(bed->proc, "2/fd/7", "socket:[4713]");
	for (int pid = 1; pid <= 2; pid++) {
		char path[32];

		snprintf(path, sizeof(path), "%d/net/unix", pid);
		fixture_write(bed->proc, path,
			      "Num       RefCount Protocol Flags    Type St Inode Path\n"
			      "0000000000000000: 00000002 00000000 00010000 0005 01  4710 "
			      "/proc/self/fd/9/" DB "\n"
			      "0000000000000000: 00000003 00000000 00000000 0001 03  4711\n"
			      "0000000000000000: 00000002 00000000 00010000 0005 01  4712 "
			      "/proc/self/fd/9/" WEB "\n"
			      "0000000000000000: 00000002 00000000 00010000 0005 01  4713 @/x\n");
	}
	fixture_write(bed->root, "etc/passwd", passwd);
	write_podman(bed, "home/ann/.local/share/containers/storage");
	collect(bed);
	assert_fronts(bed, holders[0], WEB, "web");
	assert_fronts(bed, holders[1], NULL, NULL);
}

/* Without a bridge it has no such socket: but the other end of a pipe is in conmon. */
static void test_rootlessport_by_pipe(void **state)
{
	static const char run[] = "run/user/1000/containers/overlay-containers/";
	struct bed *bed = *state;
	uint32_t port = PROCESS(bed, "rootlessport", OF_ANN "x.scope", "rootlessport");
	uint32_t none = PROCESS(bed, "rootlessport", OF_ANN "x.scope", "rootlessport");
	uint32_t holders[2];
	char path[512];

	holders[0] = add_listener(bed, port);
	holders[1] = add_listener(bed, none);
	fixture_link(bed->proc, "1/fd/0", "pipe:[1]");
	fixture_link(bed->proc, "1/fd/3", "pipe:[4711]");
	fixture_link(bed->proc, "2/fd/3", "pipe:[4712]");
	fixture_write(bed->proc, "1/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n");
	fixture_write(bed->proc, "50/comm", "conmon\n");
	fixture_link(bed->proc, "50/fd/9", "pipe:[4711]");
	/* conmon of the other has ended, and its pid is another's. */
	fixture_write(bed->proc, "51/comm", "bash\n");
	fixture_link(bed->proc, "51/fd/9", "pipe:[4712]");
	snprintf(path, sizeof(path), "%s" WEB "/userdata/conmon.pid", run);
	fixture_write(bed->root, path, "50");
	snprintf(path, sizeof(path), "%s" DB "/userdata/conmon.pid", run);
	fixture_write(bed->root, path, "51");
	snprintf(path, sizeof(path), "%s" CACHE "/userdata/conmon.pid", run);
	fixture_write(bed->root, path, "../50");
	fixture_write(bed->root, "etc/passwd", passwd);
	write_podman(bed, "home/ann/.local/share/containers/storage");
	collect(bed);
	assert_fronts(bed, holders[0], WEB, "web");
	assert_fronts(bed, holders[1], NULL, NULL);
}

static void test_pasta(void **state)
{
	struct bed *bed = *state;
	uint32_t known = PROCESS(bed, "pasta.avx2", OF_ANN "x.scope",
				 "/usr/bin/pasta\0--config-net\0-t\08080-8080:80-80\0--netns\0"
				 "/run/user/1000/netns/netns-1\0--map-guest-addr\0"
				 "169.254.1.2");
	uint32_t unknown = PROCESS(bed, "pasta", OF_ANN "x.scope",
				   "pasta\0--netns\0/run/user/1000/netns/netns-2");
	uint32_t bare = PROCESS(bed, "pasta", OF_ANN "x.scope", "pasta\0--netns");
	uint32_t holders[3];

	holders[0] = add_listener(bed, known);
	holders[1] = add_listener(bed, unknown);
	holders[2] = add_listener(bed, bare);
	fixture_write(bed->root, "etc/passwd", passwd);
	write_podman(bed, "home/ann/.local/share/containers/storage");
	fixture_write(bed->root,
		      "home/ann/.local/share/containers/storage/overlay-containers/" WEB
		      "/userdata/config.json",
		      "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\","
		      "\"path\":\"/run/user/1000/netns/netns-1\"},{\"type\":\"mount\"}]}}");
	fixture_write(bed->root,
		      "home/ann/.local/share/containers/storage/overlay-containers/" DB
		      "/userdata/config.json",
		      "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":7}]}}");
	collect(bed);
	assert_fronts(bed, holders[0], WEB, "web");
	assert_fronts(bed, holders[1], NULL, NULL);
	assert_fronts(bed, holders[2], NULL, NULL);
}

/* Nobody writes to it, and nobody waits for it. */
static void test_fifo(void **state)
{
	struct bed *bed = *state;
	uint32_t proxy = PROCESS(bed, "docker-proxy", "/", "docker-proxy");
	uint32_t holder = add_listener(bed, proxy), kit;

	assert_int_equal(unlinkat(bed->proc, "1/cmdline", 0), 0);
	assert_int_equal(mkfifoat(bed->proc, "1/cmdline", 0600), 0);
	kit = PROCESS(bed, "rootlessport", "/", "rootlessport");
	add_listener(bed, kit);
	fixture_link(bed->proc, "2/fd/7", "socket:[4711]");
	assert_int_equal(mkdirat(bed->proc, "2/net", 0700), 0);
	assert_int_equal(mkfifoat(bed->proc, "2/net/unix", 0600), 0);
	collect(bed);
	assert_fronts(bed, holder, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_docker_proxy, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_shared_name, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_rootlesskit, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_conmon, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_user_without_slice, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_usurper, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_rootlessport, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_rootlessport_by_pipe, bed_set_up,
						bed_tear_down),
		cmocka_unit_test_setup_teardown(test_pasta, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_fifo, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("fronts", tests, NULL, NULL);
}
