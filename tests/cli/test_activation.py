#!/usr/bin/env python3
"""Listeners that systemd keeps: their .socket unit, and the service that it starts, over D-Bus.

This process is the first of its PID namespace, so that it can be "systemd"; bus.py stands in for
the bus and for the manager's own socket.
"""
import contextlib
import os
import socket
import time

from bus import PRIVATE, SYSTEM_BUS, Bus, systemd
from harness import (Skip, case, child, expect, expect_equal, find, hark, listen, main,
                     needs_real_root, rename, udp)

NOBODY = 65534
HAS_SD_BUS = os.environ.get("SD_BUS", "1") == "1"
# What hark waits for systemd is a quarter of a second; the rest is a busy machine's.
PATIENCE_S = 10

UNITS = {
    "ssh.socket": {"Listen": [("Stream", "[::]:4022"), ("Stream", "/run/ssh")],
                   "Triggers": ["ssh.target", "ssh.service"], "Accept": False},
    "dns-2.socket": {"Listen": [("Stream", "127.0.0.1:4053"), ("Datagram", "127.0.0.1:4053")],
                     "Triggers": ["dns@2.service"], "Accept": False},
    "echo.socket": {"Listen": [("Stream", "127.0.0.1:4007")],
                    "Triggers": ["echo@4-127.0.0.1.service"], "Accept": True},
    "unix.socket": {"Listen": [("Stream", "/run/unix"), ("FIFO", "/run/fifo")],
                    "Triggers": ["unix.service"], "Accept": False},
}
SSH = {"unit": "ssh.socket", "service": "ssh.service", "accept": False}
DNS = {"unit": "dns-2.socket", "service": "dns@2.service", "accept": False}
ECHO = {"unit": "echo.socket", "service": "echo@.service", "accept": True}


def needs_sd_bus():
    if not HAS_SD_BUS:
        raise Skip("built without sd-bus")


def activations(*words, **options):
    """{port: activation} of what hark lists, and what it says on standard error."""
    answer = hark("--json", *words, **options)
    expect_equal(answer.status, 0, answer)
    found = {(s["protocol"], s["local"]["port"]): s["activation"] for s in answer.sockets}
    return found, answer.err


@contextlib.contextmanager
def listeners():
    socks = [listen("::", 4022, v6only=False), listen("127.0.0.1", 4053), udp("127.0.0.1", 4053),
             listen("127.0.0.1", 4007), listen("127.0.0.1", 4999)]
    try:
        yield
    finally:
        for sock in socks:
            sock.close()


def check_all():
    found, errors = activations()
    expect_equal(found, {("tcp", 4022): SSH, ("tcp", 4053): DNS, ("udp", 4053): DNS,
                         ("tcp", 4007): ECHO, ("tcp", 4999): None})
    expect_equal(errors, "")


@case
def over_the_bus():
    """unit, service and Accept= of each listener come over the bus; what no unit opened has none"""
    needs_sd_bus()
    with systemd(), listeners(), Bus(SYSTEM_BUS, UNITS):
        check_all()


@case
def from_the_manager():
    """the manager's own socket comes before the bus, and needs none"""
    needs_sd_bus()
    with systemd(), listeners(), Bus(PRIVATE, UNITS, is_private=True), Bus(SYSTEM_BUS, {}) as bus:
        check_all()
        expect_equal(bus.n_calls, 0)


@case
def in_the_table():
    """the table, the column, explain and the selector by unit say it"""
    needs_sd_bus()
    with systemd(), Bus(SYSTEM_BUS, UNITS):
        ssh, other = listen("::", 4022, v6only=False), listen("::", 4023)
        out = hark("-H", "4022").out
        expect("systemd (ssh.socket → ssh.service)" in out, out)
        expect_equal(out.split()[-1], "ssh.socket")
        expect_equal(hark("-H", "-o", "activation", "4022", env={"LC_ALL": "C"}).out,
                     "ssh.socket -> ssh.service\n")
        expect_equal(hark("-H", "-o", "holders", "4023").out, "systemd 1\n")
        out = hark("explain", "4022").out
        expect("for ssh.socket, and starts ssh.service when a connection comes." in out, out)
        for word in ("unit=ssh.socket", "unit=ssh.service", "unit=ssh"):
            expect_equal(find(word), [4022], word)
        ssh.close()
        other.close()


@case
def handed_over():
    """a service that holds the socket too is shown beside systemd"""
    needs_sd_bus()
    with systemd(), Bus(SYSTEM_BUS, UNITS):
        sock = listen("::", 4022, v6only=False)
        with child(lambda: rename(b"sshd")) as pid:
            out = hark("-H", "-o", "holders", "4022").out
            expect_equal(out, f"sshd {pid}, systemd (ssh.socket)\n")
        sock.close()


@case
def not_asked():
    """nobody is asked who holds no listener, is not wanted, or is not systemd"""
    with systemd(), Bus(SYSTEM_BUS, UNITS) as bus:
        sock = listen("127.0.0.1", 4022)
        with socket.create_connection(("127.0.0.1", 4022)):
            hark("--json", "4023")
            hark("--json", "--no-holders")
            hark("--json", "-a", "established")
        rename(b"init")
        hark("--json")
        expect_equal(bus.n_calls, 0)
        sock.close()


@case
def no_bus():
    """without a bus, or sd-bus, it is systemd, and that its unit is not known is told"""
    words = "systemd cannot be asked" if HAS_SD_BUS else "libsystemd is not there"
    with systemd():
        sock = listen("127.0.0.1", 4022)
        expect_equal(hark("-H", "-o", "holders").out, "systemd 1\n")
        found, errors = activations()
        expect_equal(found, {("tcp", 4022): None})
        expect(words in errors, errors)
        os.makedirs("/run/dbus")
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(SYSTEM_BUS)
        dead.close()
        found, errors = activations()
        expect_equal(found, {("tcp", 4022): None})
        expect(words in errors, errors)
        sock.close()


def check_trouble(trouble, words, path=SYSTEM_BUS):
    """Whatever the bus does, hark comes to an end soon, and says what it does not know."""
    with Bus(path, UNITS, trouble, is_private=path == PRIVATE):
        began = time.monotonic()
        found, errors = activations()
        took = time.monotonic() - began
    expect(took < PATIENCE_S, f"{trouble}: {took} s")
    expect_equal(found, {("tcp", 4022): None}, trouble)
    expect(words in errors and errors.count("\n") == 1, f"{trouble}: {errors}")


@case
def troubles():
    """a bus that closes, is silent, talks nonsense, refuses, or never ends what it says"""
    needs_sd_bus()
    with systemd():
        sock = listen("127.0.0.1", 4022)
        for path in (SYSTEM_BUS, PRIVATE):
            for trouble in ("silent", "mute", "trickle"):
                check_trouble(trouble, "in time", path)
            for trouble in ("flood", "endless"):
                check_trouble(trouble, "systemd", path)  # too much, or too late
            for trouble in ("closed", "noise", "noise later", "types", "lie"):
                check_trouble(trouble, "did not tell", path)
            check_trouble("refusal", "cannot be asked", path)
            os.unlink(path)
        sock.close()


@case
def too_many_units():
    """more units than are looked through are a limit that is told"""
    needs_sd_bus()
    many = {f"u{i}.socket": {"Listen": [], "Triggers": [], "Accept": False} for i in range(3000)}
    with systemd(), Bus(SYSTEM_BUS, many):
        sock = listen("127.0.0.1", 4022)
        found, errors = activations()
        expect_equal(found, {("tcp", 4022): None})
        expect(errors.count("\n") == 1 and "systemd" in errors, errors)
        sock.close()


@case
def ambiguous():
    """of two units that listen at one address, neither is named"""
    needs_sd_bus()
    units = {name: UNITS["ssh.socket"] for name in ("a.socket", "b.socket")}
    with systemd(), Bus(SYSTEM_BUS, units):
        sock = listen("::", 4022, v6only=False)
        expect_equal(activations()[0], {("tcp", 4022): None})
        sock.close()


@case
def not_of_root():
    """what another user listens with in place of the bus is not believed"""
    needs_real_root()
    with systemd():
        sock = listen("::", 4022, v6only=False)
        os.makedirs("/run/dbus", mode=0o777)
        os.chmod("/run/dbus", 0o777)
        os.seteuid(NOBODY)
        try:
            bus = Bus(SYSTEM_BUS, UNITS)
        finally:
            os.seteuid(0)
        with bus:
            expect_equal(activations()[0], {("tcp", 4022): None})
            expect_equal(bus.n_calls, 0)
        sock.close()


@case
def environment():
    """no variable of the environment leads elsewhere"""
    needs_sd_bus()
    with systemd(), Bus(SYSTEM_BUS, UNITS), Bus("/run/elsewhere", {}) as elsewhere:
        sock = listen("::", 4022, v6only=False)
        found, _ = activations(env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/run/elsewhere"})
        expect_equal(found, {("tcp", 4022): SSH})
        expect_equal(elsewhere.n_calls, 0)
        sock.close()


def cgroup_root():
    """Where cgroup2 is mounted, as hark looks for it."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        found = {line.split()[1] for line in mounts if line.split()[2] == "cgroup2"}
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if path in found:
            return path
    raise Skip("no cgroup2 is mounted below /sys/fs/cgroup")


def listen_in(cgroup, *where):
    """A listener that a process in that cgroup opened, as systemd has it done."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            with open(cgroup + "/cgroup.procs", "w", encoding="ascii") as procs:
                procs.write("0")
            sock = listen(*where)
            socket.send_fds(theirs, [b"x"], [sock.fileno()])
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(pid, 0)
    if not descriptors:
        raise Skip("no process can be moved to another cgroup")
    return socket.socket(fileno=descriptors[0])


@case
def by_cgroup():
    """the unit whose cgroup a socket was opened in is known for sure, even without a bus"""
    needs_real_root()
    slice_path = f"{cgroup_root()}/hark-test-{os.stat('/proc/self/ns/pid').st_ino}.slice"
    cgroup = slice_path + "/ssh.socket"
    try:
        os.makedirs(cgroup)
    except OSError as error:
        raise Skip(f"no cgroups can be made: {error}") from error
    try:
        with systemd():
            sock = listen_in(cgroup, "127.0.0.1", 4555)
            expect_equal(hark("-H", "-o", "holders").out, "systemd (ssh.socket)\n")
            found, errors = activations()
            unit = {"unit": "ssh.socket", "service": None, "accept": None}
            expect_equal(found, {("tcp", 4555): unit})
            expect_equal(errors, "", "that nobody tells the service is no news")
            with Bus(SYSTEM_BUS, UNITS):
                service = "ssh.service" if HAS_SD_BUS else None
                expect_equal(activations()[0]["tcp", 4555]["service"], service)
            sock.close()
    finally:
        os.rmdir(cgroup)
        os.rmdir(slice_path)


if __name__ == "__main__":
    main()
