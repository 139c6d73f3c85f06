/* SPDX-License-Identifier: MIT */
/* What containers and pods are called, from trees of files that stand in for the root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "containers_bed.h"

#define POD_SLICE                                                                 \
	"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod6a35f2a4" \
	"_c0de_4a11_8888_0123456789ab.slice"

static void write_docker(const struct bed *bed, const char *root, const char *id, const char *name)
{
	char path[512], text[1024];

	snprintf(path, sizeof(path), "%s/containers/%s/config.v2.json", root, id);
	snprintf(text, sizeof(text),
		 "{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Pid\":4242},\"ID\":\"%s\","
		 "\"Config\":{\"Hostname\":\"3f2a9c1b7d5e\",\"Image\":\"nginx:1.25\","
		 "\"Labels\":{\"com.docker.compose.service\":\"web\"}},"
		 "\"Name\":\"/%s\",\"MountPoints\":{}}",
		 id, name);
	fixture_write(bed->root, path, text);
}

static void test_docker(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/system.slice/docker-" WEB ".scope");
	uint32_t worker = add(bed, "/docker/" WEB);
	uint32_t db = add(bed, "/system.slice/docker-" DB ".scope");
	uint32_t none = add(bed, "/system.slice/ssh.service");

	write_docker(bed, "var/lib/docker", WEB, "shop-web-1");
	write_docker(bed, "var/lib/docker", DB, "db");
	collect(bed);
	assert_text(row(bed, web)->container_name, "shop-web-1");
	assert_text(row(bed, web)->image, "nginx:1.25");
	assert_text(row(bed, web)->pod_name, NULL);
	assert_text(row(bed, web)->container, WEB);
	assert_text(row(bed, worker)->container_name, "shop-web-1");
	assert_text(row(bed, db)->container_name, "db");
	assert_text(row(bed, none)->container_name, NULL);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_docker_elsewhere(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/docker/" WEB);

	fixture_write(bed->root, "etc/docker/daemon.json", "{\"data-root\": \"/srv/docker\"}");
	fixture_link(bed->root, "srv", "/mnt/disk");
	write_docker(bed, "mnt/disk/docker", WEB, "moved");
	write_docker(bed, "var/lib/docker", WEB, "stale");
	collect(bed);
	assert_text(row(bed, web)->container_name, "moved");
}

static void test_docker_of_snap(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/docker/" WEB), db = add(bed, "/docker/" DB);

	fixture_link(bed->root, "var/snap/docker/current", "2963");
	write_docker(bed, "var/snap/docker/common/var-lib-docker", WEB, "snapped");
	write_docker(bed, "var/lib/docker", DB, "db");
	collect(bed);
	assert_text(row(bed, web)->container_name, "snapped");
	assert_text(row(bed, db)->container_name, "db");
}

static void test_docker_remapped(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/docker/" WEB);

	write_docker(bed, "var/lib/docker/100000.100000", WEB, "remapped");
	collect(bed);
	assert_text(row(bed, web)->container_name, "remapped");
}

static void test_docker_of_user(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed,
			   "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" WEB
			   ".scope");
	uint32_t db = add(bed, "/docker/" DB);

	fixture_write(bed->root, "etc/passwd",
		      "root:x:0:0:root:/root:/bin/bash\nbroken:line\n:::::::\n"
		      "ann:x:10000:1000:Ann:/home/wrong:/bin/sh\n"
		      "ann:x:1000:1000:Ann:/home/ann:/bin/sh\n");
	write_docker(bed, "home/ann/.local/share/docker", WEB, "anns");
	write_docker(bed, "home/ann/.local/share/docker", DB, "not-the-systems");
	collect(bed);
	assert_text(row(bed, web)->container_name, "anns");
	assert_text(row(bed, db)->container_name, NULL);
	assert_note(bed, HARK_NOTE_UNSUPPORTED, true, 1, "docker's");
}

#define STORED                                                                                   \
	"[{\"id\":\"" WEB "\",\"names\":[\"web\"],\"image\":\"aa\",\"layer\":\"bb\","            \
	"\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/nginx:latest\\\","             \
	"\\\"image-id\\\":\\\"aa\\\",\\\"name\\\":\\\"old\\\",\\\"created-at\\\":1700000000}\"," \
	"\"created\":\"2026-11-22T10:00:00Z\",\"flags\":{\"MountLabel\":\"\"}},\n"               \
	" {\"id\":\"" CACHE "\",\"names\":[\"cache\"]}]"

static void test_podman(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/machine.slice/libpod-" WEB ".scope/container");
	uint32_t db = add(bed, "/machine.slice/libpod-" DB ".scope");

	fixture_write(bed->root, "var/lib/containers/storage/overlay-containers/containers.json",
		      STORED);
	fixture_write(bed->root,
		      "var/lib/containers/storage/overlay-containers/volatile-containers.json",
		      "[ {\"id\":\"" DB "\",\"names\":[\"db\"],\"metadata\":\"no json\"} ]\n");
	collect(bed);
	assert_text(row(bed, web)->container_name, "web");
	assert_text(row(bed, web)->image, "docker.io/library/nginx:latest");
	assert_text(row(bed, db)->container_name, "db");
	assert_text(row(bed, db)->image, NULL);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_podman_elsewhere(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/machine.slice/libpod-" WEB ".scope");

	fixture_write(bed->root, "usr/share/containers/storage.conf",
		      "[storage]\ngraphroot = \"/srv/hidden\"\n");
	fixture_write(bed->root, "etc/containers/storage.conf",
		      "[storage]\n# graphroot = \"/srv/comment\"\ndriver = \"overlay\"\n"
		      "graphrootx = \"/srv/other\"\n  graphroot=\"/srv/pods\" # here\n"
		      "graphroot = \"relative\"\ngraphroot = \"/open");
	fixture_write(bed->root, "srv/pods/overlay-containers/containers.json", STORED);
	collect(bed);
	assert_text(row(bed, web)->container_name, "web");
}

static void test_podman_of_user(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed,
			   "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" WEB
			   ".scope/container");
	uint32_t cache = add(bed, "/machine.slice/libpod-" CACHE ".scope");

	fixture_write(bed->root, "etc/passwd", "ann:x:1000:1000:Ann:/home/ann:/bin/sh\n");
	fixture_write(bed->root,
		      "home/ann/.local/share/containers/storage/vfs-containers/containers.json",
		      STORED);
	collect(bed);
	assert_text(row(bed, web)->container_name, "web");
	/* Ann may write what she likes: it is her containers that she names. */
	assert_text(row(bed, cache)->container_name, NULL);
}

static void test_containerd(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, POD_SLICE "/cri-containerd-" WEB ".scope");
	uint32_t sandbox = add(bed, POD_SLICE "/cri-containerd-" DB ".scope");
	uint32_t nerd = add(bed, "/system.slice/nerdctl-" CACHE ".scope");
	uint32_t ctr = add(bed, "/default/mine");

	fixture_write(bed->root,
		      "run/containerd/io.containerd.runtime.v2.task/k8s.io/" WEB "/config.json",
		      "{\"ociVersion\":\"1.2.0\",\"process\":{\"rlimits\":[{\"type\":"
		      "\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,\"soft\":1024}]},"
		      "\"annotations\":{\"io.kubernetes.cri.container-name\":\"nginx\","
		      "\"io.kubernetes.cri.container-type\":\"container\","
		      "\"io.kubernetes.cri.image-name\":\"docker.io/library/nginx:latest\","
		      "\"io.kubernetes.cri.sandbox-name\":\"web-0\","
		      "\"io.kubernetes.cri.sandbox-namespace\":\"shop\","
		      "\"io.kubernetes.cri.sandbox-uid\":\"" POD "\"}}");
	fixture_write(bed->root,
		      "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" DB "/config.json",
		      "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
		      "\"io.kubernetes.cri.sandbox-name\":\"web-0\","
		      "\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}");
	fixture_write(bed->root,
		      "run/containerd/io.containerd.runtime.v2.task/default/" CACHE "/config.json",
		      "{\"annotations\":{\"nerdctl/name\":\"cache\",\"nerdctl/namespace\":"
		      "\"default\"}}");
	fixture_write(bed->root,
		      "run/containerd/io.containerd.runtime.v2.task/default/mine/config.json",
		      "{\"annotations\":null}");
	collect(bed);
	assert_text(row(bed, web)->container_name, "nginx");
	assert_text(row(bed, web)->pod_name, "web-0");
	assert_text(row(bed, web)->pod_namespace, "shop");
	assert_text(row(bed, web)->image, "docker.io/library/nginx:latest");
	assert_text(row(bed, sandbox)->container_name, NULL);
	assert_text(row(bed, sandbox)->pod_name, "web-0");
	assert_text(row(bed, nerd)->container_name, "cache");
	assert_text(row(bed, ctr)->container_name, NULL);
}

static void test_nerdctl_of_user(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed,
			   "/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-" WEB
			   ".scope");
	uint32_t db = add(bed, "/system.slice/nerdctl-" DB ".scope");

	fixture_write(bed->root, "etc/passwd", "ann:x:1000:1000:Ann:/home/ann:/bin/sh\n");
	fixture_write(bed->root, "home/ann/.local/share/nerdctl/1935db59/names/default/web", WEB);
	fixture_write(bed->root, "home/ann/.local/share/nerdctl/1935db59/names/default/db", DB);
	fixture_write(bed->root, "home/ann/.local/share/nerdctl/1935db59/names/default/none", "");
	fixture_write(bed->root, "home/ann/.local/share/nerdctl/1935db59/names/file", WEB);
	collect(bed);
	assert_text(row(bed, web)->container_name, "web");
	assert_text(row(bed, db)->container_name, NULL);
}

static void test_crio(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, POD_SLICE "/crio-" WEB ".scope/container");

	fixture_write(
		bed->root, "run/containers/storage/overlay-containers/" WEB "/userdata/config.json",
		"{\"annotations\":{\"io.kubernetes.container.name\":\"nginx\","
		"\"io.kubernetes.cri-o.Name\":\"k8s_nginx_web-0_shop_" POD "_0\","
		"\"io.kubernetes.cri-o.ImageName\":\"docker.io/library/nginx:latest\","
		"\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\""
		"}}");
	collect(bed);
	assert_text(row(bed, web)->container_name, "nginx");
	assert_text(row(bed, web)->pod_name, "web-0");
	assert_text(row(bed, web)->pod_namespace, "shop");
	assert_text(row(bed, web)->image, "docker.io/library/nginx:latest");
}

static void test_kubelet(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/kubepods/burstable/pod" POD "/" WEB);
	uint32_t pause = add(bed, POD_SLICE "/cri-containerd-" DB ".scope");
	uint32_t fixed = add(bed, "/kubepods/pod00112233445566778899aabbccddeeff/" CACHE);
	uint32_t docker = add(bed, "/docker/" DB);

	fixture_link(bed->root, "var/log/containers/web-0_shop_ngi-nx-" WEB ".log",
		     "/var/log/pods/shop_web-0_" POD "/ngi-nx/0.log");
	fixture_link(bed->root, "var/log/containers/x-" WEB ".log", "x");
	fixture_link(bed->root, "var/log/containers/a_b_c.log", "x");
	fixture_link(bed->root, "var/log/containers/a_b_-" CACHE "xlog", "x");
	fixture_link(bed->root, "var/log/containers/__-" CACHE ".log", "x");
	fixture_write(bed->root, "var/log/pods/shop_web-0_" POD "/ngi-nx/0.log", "");
	fixture_write(bed->root,
		      "var/log/pods/kube-system_etcd-a_00112233445566778899aabbccddeeff/etcd/0.log",
		      "");
	fixture_write(bed->root, "var/log/pods/nonsense/0.log", "");
	fixture_write(bed->root, "var/log/pods/_/0.log", "");
	collect(bed);
	assert_text(row(bed, web)->container_name, "ngi-nx");
	assert_text(row(bed, web)->pod_name, "web-0");
	assert_text(row(bed, web)->pod_namespace, "shop");
	assert_text(row(bed, pause)->container_name, NULL);
	assert_text(row(bed, pause)->pod_name, "web-0");
	assert_text(row(bed, fixed)->pod_name, "etcd-a");
	assert_text(row(bed, fixed)->pod_namespace, "kube-system");
	assert_text(row(bed, fixed)->container_name, NULL);
	assert_text(row(bed, docker)->pod_name, NULL);
}

static void test_names_already(void **state)
{
	struct bed *bed = *state;
	uint32_t lxc = add(bed, "/lxc.payload.web");
	uint32_t nspawn = add(bed, "/machine.slice/machine-de\\x2db.scope");

	collect(bed);
	assert_text(row(bed, lxc)->container_name, "web");
	assert_text(row(bed, nspawn)->container_name, "de-b");
	assert_int_equal(bed->snapshot->notes.n, 0);
}

#define N_FILES  200
#define N_STORED 10000

static void test_many(void **state)
{
	struct bed *bed = *state;
	char id[128], name[32];

	for (int i = 0; i < N_FILES; i++) {
		snprintf(id, sizeof(id), "/docker/%064x", i * 7919);
		add(bed, id);
		add(bed, id);
		snprintf(name, sizeof(name), "web-%d", i);
		write_docker(bed, "var/lib/docker", id + strlen("/docker/"), name);
	}
	collect(bed);
	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "web-%d", i);
		assert_text(row(bed, (uint32_t)i * 2)->container_name, name);
		/* They share the text. */
		assert_ptr_equal(row(bed, (uint32_t)i * 2)->container_name,
				 row(bed, (uint32_t)i * 2 + 1)->container_name);
	}
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_many_in_a_list(void **state)
{
	struct bed *bed = *state;
	char id[128], name[32], *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (int i = 0; i < N_STORED; i++) {
		snprintf(id, sizeof(id), "/machine.slice/libpod-%064x.scope", i * 7919);
		add(bed, id);
		fprintf(out,
			"%s{\"id\":\"%064x\",\"names\":[\"web-%d\"],\"metadata\":\"{\\\"image-name\\\":"
			"\\\"nginx\\\"}\",\"flags\":{\"MountLabel\":\"\",\"ProcessLabel\":\"\"}}",
			i ? "," : "[", i * 7919, i);
	}
	fputs("]\n", out);
	fclose(out);
	fixture_write(bed->root, "var/lib/containers/storage/overlay-containers/containers.json",
		      text);
	free(text);
	collect(bed);
	for (int i = 0; i < N_STORED; i++) {
		snprintf(name, sizeof(name), "web-%d", i);
		assert_text(row(bed, (uint32_t)i)->container_name, name);
	}
	assert_int_equal(bed->snapshot->notes.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_docker, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_docker_elsewhere, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_docker_of_snap, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_docker_remapped, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_docker_of_user, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_podman, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_podman_elsewhere, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_podman_of_user, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_containerd, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_nerdctl_of_user, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_crio, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_kubelet, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_names_already, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_many, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_many_in_a_list, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}
