/* SPDX-License-Identifier: MIT */
/* What paths of cgroups, as each runtime really makes them, are understood to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define ID_1        "4f1d2a0c7b6e9d8835a1c0ffee00112233445566778899aabbccddeeff001122"
#define ID_2        "a3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define UID_1       "0f8fad5b-d9cb-469f-a165-70867728950e"
#define UID_1_SLICE "0f8fad5b_d9cb_469f_a165_70867728950e"
#define STATIC_UID  "c0ffee00112233445566778899aabbcc"
#define TEN         "0123456789"
#define HUNDRED     TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *path;
	const char *unit, *container, *runtime, *pod; /* NULL: not told */
} paths[] = {
	/* systemd */
	{ "/" },
	{ "" },
	{ "/init.scope", "init.scope" },
	{ "/system.slice/ssh.service", "ssh.service" },
	{ "/system.slice/system-postgresql.slice/postgresql@15-main.service",
	  "postgresql@15-main.service" },
	{ "/system.slice/apache2.service/workers/3", "apache2.service" },
	{ "/system.slice/rpcbind.socket", "rpcbind.socket" },
	{ "/system.slice/system-getty.slice" },
	{ "/-.slice" },
	{ "/system.slice/.service" },
	{ "/system.slice/_cpu.service", "cpu.service" },
	{ "/system.slice/__x.service", "_x.service" },
	{ "/user.slice/user-1000.slice/session-3.scope", "session-3.scope" },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service/bar.scope",
	  "foo.service" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox\\x2desr-811.scope",
	  "app-firefox\\x2desr-811.scope" },
	{ "/user.slice/user-1000.slice/user@1000.service", "user@1000.service" },
	/*
	 * docker, with its systemd and its cgroupfs driver, rootless, and with a parent of one's
	 * own
	 */
	{ "/system.slice/docker-" ID_1 ".scope", "docker-" ID_1 ".scope", ID_1, "docker" },
	{ "/docker/" ID_1, NULL, ID_1, "docker" },
	{ "/docker/" ID_1 "/system.slice/nginx.service", "nginx.service", ID_1, "docker" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID_1 ".scope",
	  "docker-" ID_1 ".scope", ID_1, "docker" },
	{ "/mine/" ID_1, NULL, ID_1, NULL },
	{ "/docker/" ID_1 "/docker/" ID_2, NULL, ID_2, "docker" },
	{ "/system.slice/docker.service", "docker.service" },
	/* podman */
	{ "/machine.slice/libpod-" ID_1 ".scope", "libpod-" ID_1 ".scope", ID_1, "podman" },
	{ "/machine.slice/libpod-" ID_1 ".scope/container", "libpod-" ID_1 ".scope", ID_1,
	  "podman" },
	{ "/machine.slice/libpod-conmon-" ID_1 ".scope", "libpod-conmon-" ID_1 ".scope" },
	{ "/libpod_parent/libpod-" ID_1, NULL, ID_1, "podman" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_1
	  ".scope/container",
	  "libpod-" ID_1 ".scope", ID_1, "podman" },
	{ "/system.slice/web.service/libpod-payload-" ID_1, "web.service", ID_1, "podman" },
	{ "/machine.slice/machine-libpod_pod_" ID_2 ".slice/libpod-" ID_1 ".scope",
	  "libpod-" ID_1 ".scope", ID_1, "podman" },
	/* Kubernetes over containerd, CRI-O and docker */
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_1_SLICE
	  ".slice/cri-containerd-" ID_1 ".scope",
	  "cri-containerd-" ID_1 ".scope", ID_1, "containerd", UID_1 },
	{ "/kubepods.slice/kubepods-pod" UID_1_SLICE ".slice/crio-" ID_1 ".scope",
	  "crio-" ID_1 ".scope", ID_1, "cri-o", UID_1 },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_1_SLICE
	  ".slice/crio-" ID_1 ".scope/container",
	  "crio-" ID_1 ".scope", ID_1, "cri-o", UID_1 },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_1_SLICE
	  ".slice/crio-conmon-" ID_1 ".scope",
	  "crio-conmon-" ID_1 ".scope", NULL, NULL, UID_1 },
	{ "/kubepods/besteffort/pod" UID_1 "/crio-" ID_1, NULL, ID_1, "cri-o", UID_1 },
	{ "/kubepods/besteffort/pod" UID_1 "/" ID_1, NULL, ID_1, NULL, UID_1 },
	{ "/kubepods/pod" UID_1 "/" ID_1, NULL, ID_1, NULL, UID_1 },
	{ "/kubepods/burstable/pod" STATIC_UID "/" ID_1, NULL, ID_1, NULL, STATIC_UID },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_1_SLICE
	  ".slice/docker-" ID_1 ".scope",
	  "docker-" ID_1 ".scope", ID_1, "docker", UID_1 },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_1_SLICE
	  ".slice/cri-containerd-" ID_1 ".scope",
	  "cri-containerd-" ID_1 ".scope", ID_1, "containerd", UID_1 },
	{ "/system.slice/containerd.service/kubepods/burstable/pod" UID_1 "/" ID_1,
	  "containerd.service", ID_1, NULL, UID_1 },
	/* containerd by itself, and ECS */
	{ "/default/redis", NULL, "redis", "containerd" },
	{ "/k8s.io/" ID_1, NULL, ID_1, "containerd" },
	{ "/mine/default/redis" },
	{ "/system.slice/nerdctl-" ID_1 ".scope", "nerdctl-" ID_1 ".scope", ID_1, "containerd" },
	{ "/ecs/0f8fad5bd9cb469fa16570867728950e/" ID_1, NULL, ID_1, NULL },
	{ "/buildkit/h3k2x0b9" },
	{ "/garden/0f8fad5b-d9cb-469f-a165-70867728950e" },
	/* LXC, LXD, Incus */
	{ "/lxc.payload.web", NULL, "web", "lxc" },
	{ "/lxc.payload.web/system.slice/ssh.service", "ssh.service", "web", "lxc" },
	{ "/lxc.payload/web/init.scope", "init.scope", "web", "lxc" },
	{ "/lxc/web", NULL, "web", "lxc" },
	{ "/lxc/101/ns", NULL, "101", "lxc" },
	{ "/lxc.monitor.web" },
	{ "/lxc.monitor/web" },
	/* systemd-machined */
	{ "/machine.slice/systemd-nspawn@web.service", "systemd-nspawn@web.service", "web",
	  "nspawn" },
	{ "/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/nginx.service",
	  "systemd-nspawn@web\\x2d1.service", "web-1", "nspawn" },
	{ "/machine.slice/machine-web\\x2d1.scope/payload", "machine-web\\x2d1.scope", "web-1",
	  "nspawn" },
	{ "/machine.slice/machine-qemu\\x2d2\\x2ddebian.scope",
	  "machine-qemu\\x2d2\\x2ddebian.scope" },
	{ "/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope", "machine-lxc\\x2d4711\\x2dweb.scope",
	  "4711-web", "lxc" },
	/* seen from another cgroup namespace */
	{ "/../../system.slice/ssh.service", "ssh.service" },
	{ "/../docker-" ID_1 ".scope", "docker-" ID_1 ".scope", ID_1, "docker" },
	{ "/.." },
	{ "/./.././default/redis", NULL, "redis", "containerd" },
	/* hostile, truncated, odd */
	{ "////system.slice////ssh.service//", "ssh.service" },
	{ "system.slice/ssh.service", "ssh.service" },
	{ "/system.slice/a b.service" },
	{ "/system.slice/\033[31mred.service" },
	{ "/system.slice/\xff\xfe.service" },
	{ "/system.slice/docker-4f1d2a0c.scope", "docker-4f1d2a0c.scope" },
	{ "/docker/4f1d2a0c" },
	{ "/docker/" ID_1 "0" },
	{ "/docker/g" ID_1 },
	{ "/lxc.payload." },
	{ "/lxc.payload.\033]0;x\007", NULL, "\033]0;x\007", "lxc" },
	{ "/machine.slice/machine-.scope", "machine-.scope" },
	{ "/machine.slice/systemd-nspawn@\\x00\\x2.service", "systemd-nspawn@\\x00\\x2.service",
	  "\\x00\\x2", "nspawn" },
	{ "/kubepods/pod0f8fad5b-d9cb-469f-a165-7086772895" },
	{ "/kubepods/pod" UID_1 "0" },
	{ "/kubepods/podXf8fad5b-d9cb-469f-a165-70867728950e" },
	{ "/system.slice/" HUNDRED HUNDRED TEN TEN TEN TEN "01234567.service" /* 256 bytes */ },
};

static void check(size_t i, const char *what, const char *got, const char *wanted)
{
	if (strcmp(got ? got : "", wanted ? wanted : ""))
		fail_msg("path %zu: %s is \"%s\", should be \"%s\"", i, what, got, wanted);
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
		size_t length = strlen(paths[i].path);
		/* No byte behind it may be looked at: a sanitizer would tell. */
		char *exact = malloc(length + 1);
		struct cgroup_names names;

		assert_non_null(exact);
		exact = realloc(memcpy(exact, paths[i].path, length), length ? length : 1);
		assert_non_null(exact);
		cgroup_parse(exact, length, &names);
		free(exact);
		check(i, "unit", names.unit, paths[i].unit);
		check(i, "container", names.container, paths[i].container);
		check(i, "runtime", names.runtime, paths[i].runtime);
		check(i, "pod", names.pod, paths[i].pod);
	}
}

static void test_long_names_fit(void **state)
{
	char path[] = "/lxc/" HUNDRED HUNDRED HUNDRED;
	struct cgroup_names names;

	(void)state;
	cgroup_parse(path, strlen(path), &names);
	assert_int_equal(strlen(names.container), CGROUP_NAME_SIZE - 1);
	assert_memory_equal(names.container, path + strlen("/lxc/"), CGROUP_NAME_SIZE - 1);
}

/* No directory has a NUL in its name: such a part says nothing, the others do. */
static void test_nul_in_path(void **state)
{
	static const char path[] =
		"/system.slice/a.service\0b.service/lxc.payload.\0x/lxc.payload.web";
	struct cgroup_names names;

	(void)state;
	cgroup_parse(path, sizeof(path) - 1, &names);
	assert_string_equal(names.unit, "");
	assert_string_equal(names.container, "web");
}

static const struct {
	const char *text;
	const char *path; /* NULL: none */
} files[] = {
	{ "", NULL },
	{ "\n", NULL },
	{ "nonsense\n", NULL },
	{ "0:", NULL },
	{ "0::", NULL },
	{ "0::relative\n", NULL },
	{ "0::/system.slice/ssh.service\n", "/system.slice/ssh.service" },
	{ "0::/system.slice/ssh.service", "/system.slice/ssh.service" },
	{ "0::/\n", "/" },
	{ "0::/a:b/c.service\n", "/a:b/c.service" },
	{ "0::/system.slice/ssh.service (deleted)\n", "/system.slice/ssh.service" },
	/* hybrid: both say the same, or but one of them does */
	{ "2:cpu:/x\n1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n",
	  "/system.slice/b.service" },
	{ "9:name=systemd:/\n4:memory:/some/where\n0::/\n", "/" },
	{ "1:name=systemd:/system.slice/a.service\n0::/\n", "/system.slice/a.service" },
	{ "0::/\n1:name=systemd:/system.slice/a.service\n", "/system.slice/a.service" },
	/* v1 without systemd: only containers are worth it */
	{ "5:cpu,cpuacct:/some/where\n1:name=openrc:/sshd\n", NULL },
	{ "5:cpu,cpuacct:/docker/" ID_1 "\n1:name=systemd:/\n0::/\n", "/docker/" ID_1 },
	{ "5:cpu:/docker/" ID_1 "\n1:name=systemd:/system.slice/a.service\n",
	  "/system.slice/a.service" },
	{ "1:name=systemd2:/system.slice/a.service\n", NULL },
};

static void test_choice_of_hierarchy(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		const char *path = NULL;
		size_t length = 0;
		bool found = cgroup_choose(files[i].text, &path, &length);

		if (found != (files[i].path != NULL))
			fail_msg("file %zu: %sfound", i, found ? "" : "not ");
		if (!found)
			continue;
		if (length != strlen(files[i].path) || memcmp(path, files[i].path, length))
			fail_msg("file %zu: %.*s", i, (int)length, path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_long_names_fit),
		cmocka_unit_test(test_nul_in_path),
		cmocka_unit_test(test_choice_of_hierarchy),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
