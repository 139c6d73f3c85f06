#!/usr/bin/env python3
"""All network namespaces of a host: how they are found, entered, told apart, and what is denied."""
import contextlib
import csv
import ctypes
import io
import os
import re
import resource
import signal
import socket
import subprocess
import threading

import harness
from harness import (case, child, expect, expect_equal, hark, listen, main, needs_real_root, udp,
                     world)
from netns import Netns

libc = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534


def own_inode(pid="self"):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


WAYS = ("auto", "none", "proc", "bpf", "bpf-marks", "bpf-tables", "bpf-files")
# The namespace that this program began in stays open, for the way back; nobody listens there.
HOME = own_inode()


def forget_namespaces_of_others():
    """Leaves no namespace of this machine mounted, and an empty /run for those of `ip netns`."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            if " - nsfs " in line:
                path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4])
                subprocess.run(["umount", "-l", path], check=False)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)


@contextlib.contextmanager
def named(name):
    """A namespace that `ip netns` made: inside of it, its inode. No process and no descriptor stays."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield os.stat(f"/run/netns/{name}").st_ino
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def inside(namespace, function):
    """What a child has to do to run the function in that namespace: a path."""
    def enter():
        fd = os.open(namespace, os.O_RDONLY)
        if libc.setns(fd, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)
        return function()
    return enter


def alone(function):
    """The same in a namespace of its own."""
    def enter():
        if libc.unshare(0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return function()
    return enter


def ports_of(answer):
    """{inode of the namespace: local ports}"""
    found = {}
    for row in answer.sockets:
        found.setdefault(row["netns"], []).append(row["local"]["port"])
    return {netns: sorted(ports) for netns, ports in found.items()}


def namespaces_of(answer):
    return [row for row in answer.document["namespaces"] if row["netns"] != HOME]


def names_of(answer):
    return {row["netns"]: row["name"] for row in namespaces_of(answer)}


@case
def processes():
    """a namespace that only a process is in is found, and read inside"""
    with world(), child(alone(lambda: [listen("127.0.0.1", 4001), udp("::", 4002)])) as pid:
        mine = listen("0.0.0.0", 4001)
        everything = {own_inode(): [4001], own_inode(pid): [4001, 4002]}
        for way in WAYS:
            answer = hark("--json", "--all-namespaces", "--holders", way)
            expect_equal(ports_of(answer), everything, answer)
            expect_equal([(n["netns"], n["read"]) for n in namespaces_of(answer)],
                         [(own_inode(), True), (own_inode(pid), True)], answer)
            # Which way may be gone is another matter.
            if not way.startswith("bpf"):
                expect(answer.document["complete"], answer)
                expect_equal(answer.err, "")
        holders = {r["netns"]: [h["pid"] for h in r["holders"]] for r in hark("--json", "-A").sockets}
        expect_equal(holders, {own_inode(): [os.getpid()], own_inode(pid): [pid]})
        expect_equal(hark("--json").ports, [4001], "without -A")
        mine.close()


@case
def threads():
    """so is one that a thread alone is in"""
    def serve():
        def enter():
            kept.extend(alone(lambda: [listen("127.0.0.1", 4020), os.stat("/proc/thread-self/ns/net").st_ino])())
            ready.set()
            signal.pause()
        kept, ready = [], threading.Event()
        threading.Thread(target=enter, daemon=True).start()
        ready.wait()
        return kept
    with world(), child(serve) as pid:
        for way in WAYS:
            answer = hark("--json", "-A", "--holders", way)
            if way == "none":
                expect_equal(ports_of(answer), {}, answer)
                continue
            expect_equal([ports for _, ports in ports_of(answer).items()], [[4020]], answer)
            expect(own_inode(pid) not in ports_of(answer), answer)


@case
def names():
    """those with a name are read without a process in them, and called by it"""
    with world(), named("blue") as blue, named("red") as red:
        with child(inside("/run/netns/red", lambda: listen("0.0.0.0", 4003))):
            answer = hark("--json", "-A")
            expect_equal(names_of(answer), {own_inode(): None, blue: "blue", red: "red"}, answer)
            expect_equal(ports_of(answer), {red: [4003]}, answer)
            table = hark("-A").out.splitlines()
            expect_equal(table[0].split()[0], "NETNS", table)
            expect_equal(table[1].split()[:3], ["red", "tcp", "4003"], table)
            rows = list(csv.DictReader(io.StringIO(hark("-A", "--csv").out)))
            expect_equal([(r["netns"], r["namespace"], r["port"]) for r in rows],
                         [(str(red), "red", "4003")])
            # The namespace that we are in has its name, too, and is read once.
            answer = hark("--json", "-A", prefix=("ip", "netns", "exec", "red"))
            expect_equal(names_of(answer)[red], "red", answer)
            expect_equal(ports_of(answer), {red: [4003]}, answer)
            expect_equal(answer.document["namespaces"][0]["netns"], red, answer)


@case
def mounts():
    """a bind mount anywhere is a way in, also where its path has strange characters"""
    with world():
        path = "/run/a b\\040\n\x1b[31m"
        with open(path, "w", encoding="ascii"):
            pass
        with child(alone(lambda: None)) as pid:
            inode = own_inode(pid)
            subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", path], check=True)
        try:
            with child(inside(path, lambda: listen("127.0.0.1", 4004))):
                answer = hark("--json", "-A", "--no-holders")
                expect_equal(ports_of(answer), {inode: [4004]}, answer)
                expect_equal(answer.document["namespaces"][1]["mount"], path, answer)
                expect("a b\\040\\x0a\\x1b[31m" in hark("-A").out, hark("-A"))
                expect_equal(ports_of(hark("--json", f"netns={path}")), {inode: [4004]})
        finally:
            subprocess.run(["umount", path], check=True)


@case
def descriptors():
    """a namespace that nothing but an open descriptor keeps is found, where holders are asked for"""
    with world():
        other = Netns()
        with other:
            kept = listen("127.0.0.1", 4005)
        for way in WAYS:
            answer = hark("--json", "-A", "--holders", way)
            if way == "none":
                expect_equal(ports_of(answer), {}, answer)
                continue
            expect_equal(ports_of(answer), {other.inode: [4005]}, (way, answer))
        expect_equal(hark("--json", "-A").sockets[0]["holders"][0]["pid"], os.getpid())
        kept.close()
        other.close()


@case
def same_everywhere():
    """sockets of the same protocol, address and port in two namespaces stay two rows with two answers"""
    def serve(address, v6only):
        return lambda: (subprocess.run(["ip", "addr", "add", address, "dev", "lo"], check=True),
                        listen("::", 4006, v6only=v6only))
    with world(), child(alone(serve("10.1.0.1/32", False))) as one, \
            child(alone(serve("10.1.0.2/32", True))) as two:
        rows = {r["netns"]: r for r in hark("--json", "-A").sockets}
        expect_equal(rows[own_inode(one)]["answers"]["ipv4"]["verdict"], "all")
        expect_equal(rows[own_inode(two)]["answers"]["ipv4"]["verdict"], "none")
        table = [line.split() for line in hark("-AH").out.splitlines()]
        expect_equal([(line[0], line[2]) for line in table],
                     sorted([(str(own_inode(one)), "4006"), (str(own_inode(two)), "4006")]), table)
        expect_equal(ports_of(hark("--json", "-A", "10.1.0.1")), {own_inode(one): [4006]})
        expect_equal(ports_of(hark("--json", "-A", "10.1.0.2")), {})
        addresses = {n["netns"]: [a["address"] for a in n["addresses"]]
                     for n in hark("--json", "-A").document["namespaces"]}
        expect("10.1.0.1" in addresses[own_inode(one)], addresses)
        expect("10.1.0.1" not in addresses[own_inode(two)], addresses)
        expect("10.1.0.1" not in addresses[own_inode()], addresses)


@case
def selectors():
    """netns= means all of them: by name, pattern, number, path and process; others are not read"""
    with world(), named("blue") as blue, named("black") as black:
        own = listen("0.0.0.0", 4007)
        with child(inside("/run/netns/blue", lambda: listen("0.0.0.0", 4007))) as pid, \
                child(inside("/run/netns/black", lambda: listen("0.0.0.0", 4008))):
            for word, wanted in (("netns=blue", [blue]), ("netns=b*", [black, blue]),
                                 ("netns=blue,black", [black, blue]), (f"netns={blue}", [blue]),
                                 ("netns=/run/netns/blue", [blue]), (f"netns={pid}", [blue]),
                                 (f"netns=/proc/{pid}/ns/net", [blue]),
                                 (f"netns={os.getpid()}", [own_inode()])):
                answer = hark("--json", word)
                expect_equal(list(ports_of(answer)), wanted, word)
                expect_equal([n["netns"] for n in namespaces_of(answer) if n["read"]], wanted, word)
            expect_equal(ports_of(hark("--json", "netns=b*", "4007")), {blue: [4007]})
            answer = hark("netns=green")
            expect_equal(answer.status, 1, answer)
            expect('no network namespace "green"' in answer.err, answer)
            answer = hark("netns=4194303")
            expect_equal(answer.status, 2, answer)
            expect("/proc/4194303/ns/net" in answer.err, answer)
            expect_equal(hark("netns=blue", "5999").err, "")
            # Whose container it is may be in any namespace.
            expect_equal(hark("--json", "container=none").document["namespaces"][1]["read"], True)
            expect_equal(hark("--json", "pod=none").document["namespaces"][1]["read"], True)
        own.close()


@case
def explained():
    """explain tells in which namespace a port is, and its settings there"""
    def serve():
        with open("/proc/sys/net/ipv6/bindv6only", "w", encoding="ascii") as setting:
            setting.write("1")
        return listen("::", 4009)
    with world(), named("blue"), child(inside("/run/netns/blue", serve)):
        own = listen("::", 4009, v6only=False)
        text = hark("explain", "-A", "4009").out
        expect("TCP port 4009 answers IPv4" in text, text)
        expect("TCP port 4009 in network namespace blue" in text, text)
        expect("net.ipv6.bindv6only is 0 here" in text, text)
        expect("net.ipv6.bindv6only is 1 in network namespace blue" in text, text)
        expect("blue" not in hark("explain", "4009").out, "without -A")
        expect("TCP port 4009 answers" not in hark("explain", "netns=blue", "4009").out, "blue alone")
        own.close()


@case
def connections():
    """-a lists the connections of each namespace once"""
    def serve():
        server = listen("127.0.0.1", 4010)
        client = socket.create_connection(("127.0.0.1", 4010))
        return server, client, server.accept()[0]
    with world(), child(alone(serve)) as one, child(alone(serve)) as two:
        rows = [(r["netns"], r["state"]) for r in hark("--json", "-aA").sockets]
        for pid in (one, two):
            expect_equal(sorted(state for netns, state in rows if netns == own_inode(pid)),
                         ["established", "established", "listen"], rows)
        expect_equal(len(rows), 6, rows)


def pair(address, port, device=None, server=None):
    """A listener, and both ends of a connection to it."""
    server = server or listen("::", port, v6only=False)
    client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if device:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    client.connect((address, port))
    return server, client, server.accept()[0]


def states():
    """Sockets in states that stand still."""
    mapped = pair("127.0.0.1", 4030)
    native = pair("::1", 4031, device="lo")
    waiting = pair("127.0.0.1", 4032)
    waiting[1].close()  # FIN_WAIT2, which nobody has open, and CLOSE_WAIT
    past = pair("::1", 4033)
    past[1].close()
    past[2].close()  # TIME_WAIT
    deferring = listen("127.0.0.1", 4034)
    deferring.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
    silent = socket.create_connection(("127.0.0.1", 4034))  # SYN_RECV, a request for the kernel
    full = listen("::1", 4035)
    full.listen(0)
    crowd = [socket.socket(socket.AF_INET6) for _ in range(3)]
    for client in crowd:
        client.setblocking(False)
        client.connect_ex(("::1", 4035))  # the last one stays in SYN_SENT
    for words in ("link add here type veth peer name there", "link set there up",
                  "link set here up", "addr add fe80::1/64 dev here nodad"):
        subprocess.run(["ip", *words.split()], check=True)
    linked = listen("::", 4036)
    local = socket.socket(socket.AF_INET6)
    local.connect(("fe80::1", 4036, 0, socket.if_nametoindex("here")))
    return [mapped, native, waiting, past, deferring, silent, full, crowd, linked, local]


def idle():
    """A socket that is bound, and no more: nothing to look up."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 4037))
    return sock, pair("127.0.0.1", 4038)


def many():
    """More than are worth a look-up each."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    server = listen("127.0.0.1", 4039)
    return server, [pair("127.0.0.1", 4039, server=server) for _ in range(900)]


@case
def the_same_connections():
    """by one walk through the kernel's tables they are those that each namespace tells, to the cookie"""
    def own_tables():
        with open("/proc/sys/net/ipv4/tcp_ehash_entries", encoding="ascii") as size:
            expect(int(size.read()) > 0, "a namespace with a table of its own")
        return states()

    def rows_of(answer):
        rows = [row for row in answer.sockets if row["netns"] != own_inode()]
        for row in rows:
            expect(row["netns"] in wanted, row)
        return sorted((str(row) for row in rows))
    with world(), child(alone(states)) as one, child(alone(idle)) as two, \
            child(alone(many)) as three, contextlib.ExitStack() as stack:
        wanted = [own_inode(pid) for pid in (one, two, three)]
        if os.path.exists("/proc/sys/net/ipv4/tcp_child_ehash_entries"):
            with open("/proc/sys/net/ipv4/tcp_child_ehash_entries", "w", encoding="ascii") as size:
                size.write("64")
            wanted.append(own_inode(stack.enter_context(child(alone(own_tables)))))
        dumped = hark("--json", "-aAt", "--holders=proc")
        found = {row["state"] for row in dumped.sockets if row["netns"] == wanted[0]}
        expect_equal(found, {"listen", "established", "fin-wait-2", "close-wait", "time-wait", "syn-recv",
                             "syn-sent"})
        expect_equal({row["state"] for row in dumped.sockets if row["netns"] == wanted[1]},
                     {"listen", "established", "bound"})
        for way in ("auto", "bpf"):
            answer = hark("--json", "-aAt", "--debug", "--holders", way)
            expect_equal(rows_of(answer), rows_of(dumped), way)
        expect("connections of other network namespaces by BPF" in answer.err or
               "no connections of other network namespaces by BPF" in answer.err, answer)


@case
def hint():
    """without -A a last line says that other namespaces have sockets; empty ones are not worth it"""
    needs_real_root()
    words = ("--holders", "proc")
    with world(), child(alone(lambda: None)):
        own = listen("0.0.0.0", 4014)
        expect_equal(hark(*words).elsewhere, "")
        expect_equal(hark("--json", *words).document["elsewhere"], None)
        with child(alone(lambda: udp("::1", 4015))):
            answer = hark("--strict", *words)
            expect_equal(answer.elsewhere, "hark: 1 other network namespace has sockets, too (hark -A)\n")
            expect_equal((answer.status, answer.err), (0, ""), answer)
            answer = hark("--json", *words)
            expect_equal(answer.document["elsewhere"], {"namespaces": 1, "listeners": None})
            expect(answer.document["complete"] and not answer.document["notes"], answer)
            expect_equal(answer.elsewhere, "")
            for more in ("-A", "4014", "-t"):
                expect_equal(hark(more, *words).elsewhere, "", more)
            with child(alone(lambda: listen("127.0.0.1", 4016))):
                expect_equal(hark(*words).elsewhere,
                             "hark: 2 other network namespaces have sockets, too (hark -A)\n")
        own.close()


@case
def unprivileged():
    """who may not look into other namespaces gets the own one, and is told what is missing"""
    needs_real_root()
    prefix = ("setpriv", f"--reuid={NOBODY}", "--clear-groups")
    with world(), named("blue") as blue, child(alone(lambda: listen("127.0.0.1", 4011))):
        own = listen("0.0.0.0", 4012)
        answer = hark("--json", "-A", prefix=prefix)
        expect_equal(answer.status, 0, answer)
        expect_equal(ports_of(answer), {own_inode(): [4012]}, answer)
        expect_equal([(n["netns"], n["read"], n["addresses"] is None)
                      for n in namespaces_of(answer)],
                     [(own_inode(), True, False), (blue, False, True)], answer)
        expect(not answer.document["complete"], answer)
        notes = [(n["why"], n["count"]) for n in answer.document["notes"] if n["what"] == "namespaces"]
        # This test, its child, and what `unshare` left of itself
        expect_equal(notes[-1], ("permission", 1), answer)
        expect_equal(len(notes), 2, answer)
        expect("one network namespace may not be entered; run as root" in answer.err, answer)
        expect_equal(hark("-A", "--strict", prefix=prefix).status, 3)
        answer = hark("netns=blue", prefix=prefix)
        expect_equal(answer.status, 3, answer)
        expect("nothing matched for certain" in answer.err, answer)
        own.close()


@case
def coming_and_going():
    """namespaces that die while they are read are no failure, and hide nothing of the others"""
    with world(), child(alone(lambda: listen("127.0.0.1", 4013))) as pid:
        churn = os.fork()
        if churn == 0:
            while True:  # ends with its parent's SIGKILL
                if libc.unshare(0x40000000) != 0:
                    os._exit(1)
        try:
            for _ in range(40):
                answer = hark("--json", "-A", "--strict")
                expect_equal(answer.status, 0, answer)
                expect_equal(ports_of(answer), {own_inode(pid): [4013]}, answer)
                expect_equal(answer.document["namespaces"][0]["netns"], own_inode(), answer)
        finally:
            os.kill(churn, signal.SIGKILL)
            os.waitpid(churn, 0)


if __name__ == "__main__":
    if "HARK_TEST_IS_PRIVATE" in os.environ:
        forget_namespaces_of_others()
    main()
