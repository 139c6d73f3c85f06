#!/usr/bin/env python3
"""hark without memory: each allocation fails once, and nothing is made up, lost or left.

SCARCE names a hark whose allocations fail as tests/tools/scarce.c says.
"""
import contextlib
import os
import tempfile

import harness
from bus import SYSTEM_BUS, Bus, systemd
from containers import DB, ETCD, POD, WEB, host, listener, proxy, write_docker, write_pod
from harness import case, child, expect, hark, listen, main, timeless, udp, world

harness.HARK = os.environ.get("SCARCE", str(harness.ROOT / "build/tests/cli/hark-scarce"))
FAILED = 3
USER = "/user.slice/user-1000.slice/user@1000.service/user.slice"


def starve(*arguments, place=world):
    """What is printed must be the same, or said to be wanting."""
    with place(), tempfile.NamedTemporaryFile("r", encoding="ascii") as count:
        made = [listen("::", 80, v6only=False), listen("127.0.0.1", 25), listen("::1", 25),
                udp("127.0.0.1", 53), udp("::", 53, v6only=False),
                udp("0.0.0.0", 67, reuseport=True), udp("0.0.0.0", 67, reuseport=True),
                udp("0.0.0.0", 68, device="lo")]
        whole = hark(*arguments, env={"SCARCE_COUNT": count.name})
        n = int(count.read())
        expect(n > 5 and whole.status == 0, whole)
        for i in range(1, n + 1):
            answer = hark(*arguments, env={"SCARCE_AT": str(i)})
            expect(answer.status == FAILED or timeless(answer.out) == timeless(whole.out),
                   (i, answer, whole))
            expect(answer.status == FAILED or answer.status == whole.status, (i, answer))
            expect(answer.status != FAILED or answer.err, (i, answer))
        for sock in made:
            sock.close()


@case
def the_table():
    """a table is whole, or is said not to be"""
    starve()


@case
def ndjson():
    """so are lines of JSON"""
    starve("--ndjson")


@case
def csv():
    """so is CSV"""
    starve("--csv")


@case
def selectors():
    """so is what selectors choose"""
    starve("--ndjson", "udp,tcp", ":20-70", "127.0.0.0/8,::1", "uid=0")


@case
def explanation():
    """so is an explanation"""
    starve("explain", "tcp,udp")


@case
def a_bind():
    """so is what hark bind tells"""
    starve("bind", "udp", "0.0.0.0:67", "--reuseport", "--json")


@case
def a_wait():
    """so is who was waited for"""
    starve("wait", "80,67")
    starve("wait", "--gone", "4000", "--stable", "10ms")


@contextlib.contextmanager
def two_namespaces():
    """A world, and a listener in another namespace."""
    def serve():
        harness.libc.unshare(0x40000000)
        return listen("0.0.0.0", 80)
    with world(), child(serve):
        yield


@case
def namespaces():
    """so is what other namespaces have"""
    starve("-A", "--holders", "proc", place=two_namespaces)


@contextlib.contextmanager
def docker():
    """A host with docker's, a pod's and a user's containers, and docker-proxy for one of them."""
    with host():
        write_docker(WEB, "web", 8080, "172.17.0.2")
        write_pod("shop", "web-0", "nginx", DB)
        with proxy(8080, "172.17.0.2"), \
                listener(8081, "nginx", cgroup=f"/system.slice/docker-{WEB}.scope"), \
                listener(8082, "nginx", cgroup=f"/kubepods/pod{POD}/{DB}"), \
                listener(8083, "nginx", cgroup=f"{USER}/docker-{ETCD}.scope"):
            yield


@case
def containers():
    """so is what containers are called"""
    starve("--ndjson", "--holders", "proc", place=docker)


@case
def activation():
    """so is what systemd tells"""
    units = {"http.socket": {"Listen": [("Stream", "[::]:80")], "Triggers": ["http.service"],
                             "Accept": False},
             "dns.socket": {"Listen": [("Datagram", "[::]:53")], "Triggers": [], "Accept": True}}
    with systemd(), Bus(SYSTEM_BUS, units):
        starve("--ndjson", place=contextlib.nullcontext)


if __name__ == "__main__":
    main()
