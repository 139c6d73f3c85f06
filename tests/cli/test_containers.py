#!/usr/bin/env python3
"""Containers by name: the state of docker and the kubelet, over real sockets of processes that say
they are in a container, or stand for one."""
import errno
import os

import harness
from containers import (DB, ETCD, POD, WEB, host, listener, proxy, put_in_cgroup, write_docker,
                        write_pod)
from harness import case, child, expect, expect_equal, libc, listen, main, needs_real_root, rename

NOBODY = 65534
WITHOUT = os.environ.get("WITHOUT", str(harness.ROOT / "build-asan/tests/tools/without"))


def hark(*words, **options):
    """By /proc: BPF tells cgroups by their ids, and all of this is in one."""
    return harness.hark(*words, "--holders", "proc", **options)


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: who changes its user may not be looked at


def line_of(answer, port):
    return next(li for li in answer.out.splitlines() if f" {port} " in li)


@case
def proxies():
    """docker-proxy is told with the container that it stands for, which finds it"""
    with host():
        write_docker(WEB, "web", 8080, "172.17.0.2")
        write_docker(DB, "db", 5432, "172.17.0.3")
        with proxy(8080, "172.17.0.2") as pid, proxy(5432, "172.17.0.9"), \
                listener(99, "docker-proxy"):
            table = hark(env={"LC_ALL": "C.UTF-8"})
            expect(f"docker-proxy {pid} → web" in line_of(table, 8080), table)
            expect("→" not in line_of(table, 5432) + line_of(table, 99), table)
            expect(f"docker-proxy {pid} -> web" in hark(env={"LC_ALL": "C"}).out, table)
            text = harness.hark("explain", "8080").out
            expect(f"docker-proxy (pid {pid}) holds it for docker container web." in text, text)
            sockets = {s["local"]["port"]: s["holders"] for s in hark("--json").sockets}
            expect_equal(sockets[8080][0]["fronts"],
                         {"container": WEB, "runtime": "docker", "pod": None,
                          "container_name": "web", "image": "nginx:1.25", "pod_name": None,
                          "pod_namespace": None})
            expect_equal([sockets[port][0]["fronts"] for port in (5432, 99)], [None, None])
            for selector, ports in (("web", [8080]), ("w*", [8080]), (WEB, [8080]),
                                    (WEB[:12], [8080]), (WEB[:11], []), ("we", []), ("db", [])):
                answer = hark("--json", f"container={selector}")
                expect_equal((answer.ports, answer.status), (ports, 0 if ports else 1), selector)


@case
def pairs():
    """two of docker-proxy, one for each family, are one row where they stand for one container"""
    with host():
        write_docker(WEB, "web", 8080, "172.17.0.2")
        write_docker(DB, "db", 8081, "172.17.0.3")
        with proxy(8080, "172.17.0.2") as pid, proxy(8080, "172.17.0.2", "::"), \
                proxy(8081, "172.17.0.3"), proxy(8081, "172.17.0.2", "::"):
            table = hark(env={"LC_ALL": "C.UTF-8"})
            lines = table.out.splitlines()[1:]
            expect_equal(sum(" 8080 " in line for line in lines), 1, table)
            expect(f"docker-proxy {pid} +1 → web" in line_of(table, 8080), table)
            expect_equal(sum(" 8081 " in line for line in lines), 2, table)


@case
def names():
    """what is in a container is told by the container's name, and a pod's by the pod's"""
    with host():
        write_docker(WEB, "shop-web-1", 80, "172.17.0.2")
        write_pod("kube-system", "etcd-a", "etcd", ETCD)
        with listener(8080, "nginx", cgroup=f"/system.slice/docker-{WEB}.scope"), \
                listener(8081, "nginx", cgroup=f"/system.slice/docker-{DB}.scope"), \
                listener(8082, "etcd", cgroup=f"/kubepods/pod{POD}/{ETCD}"):
            table = hark()
            expect_equal(table.err, "")
            expect(line_of(table, 8080).endswith("  docker shop-web-1"), table)
            expect(line_of(table, 8082).endswith("  pod kube-system/etcd-a etcd"), table)
            expect(line_of(table, 8081).endswith(f"  docker {DB[:12]}"), table)
            columns = hark("-o", "port,container,container-id,pod,pod-uid", "8082")
            expect_equal(columns.out.splitlines()[1].split(),
                         ["8082", "etcd", ETCD, "kube-system/etcd-a", POD])
            for selector, ports in (("pod=etcd-a", [8082]), ("pod=kube-system/etcd*", [8082]),
                                    (f"pod={POD[:8]}", [8082]), ("pod=default/etcd*", []),
                                    ("container=*-web-*", [8080])):
                expect_equal(hark("--json", selector).ports, ports, selector)
            text = harness.hark("explain", "8080")
            expect("docker container shop-web-1" in text.out, text)
            text = hark("--json", "8082").sockets[0]["holders"][0]
            expect_equal([text[key] for key in ("container_name", "pod_name", "pod_namespace")],
                         ["etcd", "etcd-a", "kube-system"])


@case
def hostile_names():
    """a name cannot act on the terminal"""
    with host():
        write_docker(WEB, "\x1b[31m\u202ered\n", 8080, "172.17.0.2")
        with proxy(8080, "172.17.0.2"), \
                listener(8081, "nginx", cgroup=f"/system.slice/docker-{WEB}.scope"):
            for answer in (hark(), hark("-o", "port,container,holders"),
                           harness.hark("explain", "8081")):
                expect("red" in answer.out, answer)
                expect("\x1b" not in answer.out and "\u202e" not in answer.out, answer)
            holders = hark("--json", "8081").sockets[0]["holders"]
            expect_equal(holders[0]["container_name"], "\x1b[31m\u202ered\n")


@case
def old_kernels():
    """without openat2 names are found, though through no link"""
    with host():
        write_docker(WEB, "web", 8080, "172.17.0.2")
        with listener(8080, "nginx", cgroup=f"/system.slice/docker-{WEB}.scope"):
            for error in (errno.ENOSYS, errno.EPERM):
                prefix = [WITHOUT, f"openat2={error}"]
                expect(line_of(hark(prefix=prefix), 8080).endswith("  docker web"), error)
                for link in ("/var/lib/docker", f"/var/lib/docker/containers/{WEB}",
                             f"/var/lib/docker/containers/{WEB}/config.v2.json"):
                    os.rename(link, f"{link}.real")
                    os.symlink(f"{link}.real", link)
                    table = hark(prefix=prefix)
                    expect(line_of(table, 8080).endswith(f"  docker {WEB[:12]}"), (link, table))
                    os.unlink(link)
                    os.rename(f"{link}.real", link)
            # with it, administrators may have moved the directory
            os.rename("/var/lib/docker", "/var/lib/moved")
            os.symlink("/var/lib/moved", "/var/lib/docker")
            expect(line_of(hark(), 8080).endswith("  docker web"), hark())


@case
def denied():
    """a name that may not be read is a note, its container goes by its id, and nothing is certain"""
    needs_real_root()
    with host():
        write_docker(WEB, "web", 8080, "172.17.0.2")
        os.chmod("/var/lib/docker", 0o710)

        def nginx():
            become_nobody()
            rename(b"nginx")
            return listen("0.0.0.0", 8080)
        with child(nginx) as pid:
            put_in_cgroup(pid, f"/system.slice/docker-{WEB}.scope")
            table = hark("8080", preexec_fn=become_nobody)
            expect(line_of(table, 8080).endswith(f"  docker {WEB[:12]}"), table)
            expect("hark: docker's state may not be read: containers go by their ids\n" in table.err,
                   table)
            notes = hark("--json", "8080", preexec_fn=become_nobody).document["notes"]
            expect(("containers", "permission", 1) in
                   [(note["what"], note["why"], note["count"]) for note in notes], notes)
            nothing = hark("container=web", "8080", preexec_fn=become_nobody)
            expect_equal(nothing.status, 3, nothing)
            expect("nothing matched for certain" in nothing.err, nothing)
            found = hark("--json", f"container={WEB[:12]}", preexec_fn=become_nobody)
            expect_equal(found.ports, [8080])


if __name__ == "__main__":
    main()
