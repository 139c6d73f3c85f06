#!/usr/bin/env python3
"""Bad input and bad luck: what is missing is said, and nothing is lost."""
import errno
import os
import pathlib
import signal
import socket
import subprocess

import harness
from harness import (ROOT, Skip, case, child, clean_environment, expect, expect_equal, find, hark,
                     libc, listen, main, needs_real_root, rename, udp, world)

WITHOUT = os.environ.get("WITHOUT", str(ROOT / "build-asan/tests/tools/without"))
NOBODY = 65534


def by_port(answer):
    return {s["local"]["port"]: s for s in answer.sockets}


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: who changes its user may not be looked at


@case
def reader_goes_away():
    """hark | head -1 is quiet, also for those who ignore SIGPIPE"""
    with world(*(f"addr add 10.1.{i // 250}.{i % 250 + 1}/32 dev lo" for i in range(300))):
        socks = [listen(f"10.1.{i // 250}.{i % 250 + 1}", 4001) for i in range(300)]
        for ignored in (False, True):
            reader, writer = os.pipe()
            with subprocess.Popen([harness.HARK, "--json"], stdout=writer, stderr=subprocess.PIPE,
                                  env=clean_environment(), restore_signals=False,
                                  preexec_fn=lambda ignored=ignored: signal.signal(
                                      signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL)
                                  ) as process:
                os.close(writer)
                os.read(reader, 10)
                os.close(reader)
                errors = process.stderr.read()
            expect_equal((process.returncode, errors), (-signal.SIGPIPE, b""), ignored)
        for sock in socks:
            sock.close()


@case
def full_disk():
    """a full disk is a clear error with exit status 3, in every format"""
    with world():
        sock = listen("127.0.0.1", 4001)
        for words in ((), ("--json",), ("--ndjson",), ("--csv",), ("--help",), ("-V",), ("-o", "help"),
                      ("explain", "4001")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([harness.HARK, *words], stdout=full, stderr=subprocess.PIPE,
                                      env=clean_environment(), text=True, check=False)
            expect_equal((done.returncode, done.stderr),
                         (3, "hark: cannot write the answer: No space left on device\n"), words)
        sock.close()


@case
def closed_files():
    """a standard output that is closed is an error, and a closed input or error output is none"""
    with world():
        sock = listen("127.0.0.1", 4001)
        for closed, status in (((1,), 3), ((0,), 0), ((0, 2), 0), ((0, 1, 2), 3)):
            command = "exec " + " ".join(f"{fd}>&-" for fd in closed) + '; exec "$@"'
            done = subprocess.run(["sh", "-c", command, "sh", harness.HARK, "-o", "port"],
                                  capture_output=True, env=clean_environment(), text=True,
                                  check=False)
            expect_equal(done.returncode, status, closed)
            expect_equal(done.stdout, "" if 1 in closed else "PORT\n4001\n", closed)
            if closed == (1,):
                expect_equal(done.stderr, "hark: cannot write the answer: Bad file descriptor\n")
        sock.close()


@case
def hostile_names():
    """control characters in a command's name reach no terminal, and JSON has them all"""
    names = (b"\033[2J\033[31mred", b"new\nline\ttab", b"\xff\xfe\x80", "\u202egnp.exe".encode(),
             b'"quote\\', b"{}<>&'`$(x)")

    with world():
        for port, name in enumerate(names, 4001):
            def make(port=port, name=name):
                rename(name)
                return listen("127.0.0.1", port)
            with child(make) as pid:
                comm = pathlib.Path(f"/proc/{pid}/comm").read_bytes()[:-1]
                expect_equal(comm, name[:15])
                for words in ((), ("-a",), ("-o", "command,holders"), ("--csv",), ("explain",),
                              ("--color=never", "-e")):
                    for env in ({"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}):
                        answer = hark(*words, str(port), env=env)
                        bad = [c for c in answer.out + answer.err if c != "\n" and not c.isprintable()]
                        expect_equal(bad, [], answer)
                    expect_equal(answer.status, 0, answer)
                table = hark("-H", str(port), env={"LC_ALL": "C"}).out
                expect_equal(table.count("\n"), 1, table)
                holder = by_port(hark("--json", str(port)))[port]["holders"][0]
                expect_equal(holder["pid"], pid)
                if name.isascii():
                    expect_equal(holder["command"].encode(), comm)
                expect_equal(len(hark("--ndjson", str(port)).out.splitlines()), 1)


@case
def unprivileged():
    """without privilege one's own holders are seen, the others are denied and counted"""
    needs_real_root()

    def as_nobody():
        sock.close()
        become_nobody()
        return listen("127.0.0.1", 4002)
    with world():
        sock = listen("127.0.0.1", 4001)
        with child(as_nobody) as pid:
            answer = hark("--json", preexec_fn=become_nobody)
            expect_equal(answer.status, 0, answer)
            ours, theirs = by_port(answer)[4001], by_port(answer)[4002]
            expect_equal((ours["holders"], ours["holders_complete"]), ([], False))
            expect_equal((theirs["holders"][0]["pid"], theirs["user"]), (pid, "nobody"))
            expect_equal(answer.document["complete"], False)
            notes = answer.document["notes"]
            # the firewall's rules may not be read, either
            expect({n["what"] for n in notes} == {"holders", "firewall"} and
                   all(n["why"] == "permission" and n["count"] > 0 for n in notes), answer)
            expect(answer.err.startswith("hark: "), answer)
            table = hark(preexec_fn=become_nobody)
            expect_equal(table.err, answer.err)
            expect("python" not in next(li for li in table.out.splitlines() if " 4001 " in li), table)
            # what may not be seen is not what is not there: the user learns why nothing matches
            nothing = hark("4001", f"pid={os.getpid()}", preexec_fn=become_nobody)
            expect_equal(nothing.status, 3, nothing)
            expect("nothing matched for certain" in nothing.err, nothing)
            expect_equal(hark("4002", "no-such-command", preexec_fn=become_nobody).status, 1)
            expect_equal(hark("4003", preexec_fn=become_nobody).status, 1)
            expect_equal(hark("--strict", "4001", preexec_fn=become_nobody).status, 3)
            expect_equal(hark("--strict", "--no-holders", "--no-firewall",
                              preexec_fn=become_nobody).status, 0)
        sock.close()


def in_mounts(script):
    """Words that run a program in a mount namespace of its own after a script."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh"]


# Nothing is at /proc but what tells LeakSanitizer, which cannot work so, to keep quiet.
NO_PROC = ("mount -t tmpfs none /proc; mkdir /proc/self; "
           "printf 'ASAN_OPTIONS=detect_leaks=0\\0' >/proc/self/environ")


@case
def empty_proc():
    """with nothing at /proc the sockets are listed, and the missing holders are told"""
    with world():
        sock = listen("127.0.0.1", 4001)
        prefix = in_mounts(NO_PROC)
        answer = hark("--json", prefix=prefix)
        expect_equal((answer.status, answer.ports), (0, [4001]), answer)
        expect_equal(answer.document["complete"], False, answer)
        expect_equal((by_port(answer)[4001]["holders"], by_port(answer)[4001]["holders_complete"]),
                     (None, False), answer)
        expect(answer.err.startswith("hark: "), answer)
        expect_equal(by_port(answer)[4001]["answers"]["ipv4"]["decided_by"], "kernel")
        expect_equal(hark("--strict", prefix=prefix).status, 3)
        sock.close()


@case
def hidden_proc():
    """with hidepid one's own holders are seen, and that others are hidden is told"""
    needs_real_root()

    def as_nobody():
        sock.close()
        become_nobody()
        return listen("127.0.0.1", 4002)
    setpriv = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    with world():
        sock = listen("127.0.0.1", 4001)
        with child(as_nobody) as pid:
            answer = hark("--json", prefix=in_mounts("mount -t proc -o hidepid=2 proc /proc") + setpriv)
            expect_equal((answer.status, answer.ports), (0, [4001, 4002]), answer)
            expect_equal(by_port(answer)[4002]["holders"][0]["pid"], pid)
            expect_equal(by_port(answer)[4001]["holders_complete"], False, answer)
            expect_equal(by_port(answer)[4001]["holders"], [], answer)
            expect_equal(answer.document["complete"], False, answer)
            expect(answer.err.startswith("hark: "), answer)
        sock.close()


@case
def without_sock_diag():
    """without sock_diag /proc/net is read, and what it does not tell is unknown"""
    with world():
        socks = [listen("::", 4001, v6only=False), listen("::", 4002, v6only=True),
                 listen("0.0.0.0", 4002), listen("127.0.0.1", 4003), udp("0.0.0.0", 4004)]
        for error in (errno.EPROTONOSUPPORT, errno.EPERM, errno.EACCES):
            answer = hark("--json", prefix=[WITHOUT, f"sockdiag={error}"])
            expect_equal((answer.status, answer.ports), (0, [4001, 4002, 4002, 4003, 4004]), answer)
            expect_equal(answer.document["complete"], False)
            expect("/proc/net" in answer.err, answer)
            sockets = by_port(answer)
            expect_equal(sockets[4001]["v6only"], None)
            expect_equal(sockets[4001]["queue"]["backlog_max"], None)
            verdict = sockets[4001]["answers"]["ipv4"]
            # a wildcard of the other family on the port proves V6ONLY; here there is none
            expect_equal(verdict["verdict"], "unknown", answer)
            expect_equal(sockets[4003]["answers"]["ipv4"]["verdict"], "some")
            six = next(s for s in answer.sockets
                       if s["family"] == "inet6" and s["local"]["port"] == 4002)
            expect_equal((six["answers"]["ipv4"]["verdict"], six["answers"]["ipv4"]["decided_by"]),
                         ("none", "inferred"))
            expect_equal(sockets[4001]["holders"][0]["pid"], os.getpid())
            # unknown is no "no"
            expect_equal(find("-4", "4001", prefix=[WITHOUT, f"sockdiag={error}"]), [4001])
        for sock in socks:
            sock.close()


@case
def without_netlink():
    """without any netlink the sockets are listed all the same"""
    with world():
        socks = [listen("0.0.0.0", 4001), listen("::1", 4002)]
        for error in (errno.EPROTONOSUPPORT, errno.EPERM):
            answer = hark("--json", prefix=[WITHOUT, f"netlink={error}"])
            expect_equal((answer.status, answer.ports), (0, [4001, 4002]), answer)
            expect_equal(answer.document["complete"], False)
            expect(answer.err.count("hark: ") >= 2, answer)
        answer = hark("--json", prefix=[WITHOUT, f"route={errno.EPERM}"])
        expect_equal((answer.status, answer.ports), (0, [4001, 4002]), answer)
        expect_equal(by_port(answer)[4001]["answers"]["ipv4"]["verdict"], "all")
        for sock in socks:
            sock.close()


@case
def without_anything():
    """with neither netlink nor /proc there is no answer: exit status 3 and one clear line"""
    with world():
        sock = listen("127.0.0.1", 4001)
        prefix = in_mounts(NO_PROC) + [WITHOUT, f"netlink={errno.EPERM}"]
        for words in ((), ("--json",), ("explain", "4001")):
            answer = hark(*words, prefix=prefix)
            expect_equal((answer.status, answer.out), (3, ""), answer)
            expect(answer.err.startswith("hark: ") and answer.err.count("\n") == 1, answer)
        sock.close()


@case
def many_addresses():
    """10,000 addresses are no trouble, and one of them selects who answers there"""
    lines = [f"addr add 10.2.{i // 250}.{i % 250 + 1}/32 dev lo" for i in range(10000)]
    with world(*lines):
        socks = [listen("0.0.0.0", 4001), listen("10.2.20.20", 4002), listen("::", 4003, v6only=False),
                 listen("0.0.0.0", 4004, reuseport=True), listen("10.2.20.20", 4004, reuseport=True)]
        answer = hark("--json", "-t")
        expect_equal((answer.status, answer.err), (0, ""), answer.err)
        expect_equal(len([a for a in answer.document["namespaces"][0]["addresses"]
                          if a["address"].startswith("10.2.")]), 10000)
        wildcard = next(s for s in answer.sockets
                        if s["local"] == {"address": "0.0.0.0", "port": 4004, "interface": None})
        expect_equal(wildcard["answers"]["ipv4"]["verdict"], "some")
        expect_equal(len(wildcard["answers"]["ipv4"]["addresses"]) >= 9999, True)
        expect("10.2.20.20" not in wildcard["answers"]["ipv4"]["addresses"], "shadowed there")
        expect_equal(find("10.2.20.20"), [4001, 4002, 4003, 4004])
        expect_equal(hark("--json", "10.2.20.20:4004").sockets[0]["local"]["address"], "10.2.20.20")
        expect_equal(find("10.2.39.250"), [4001, 4003, 4004])
        expect(all(len(line) < 200 for line in hark().out.splitlines()), "addresses in the table")
        for sock in socks:
            sock.close()


@case
def ipv6_disabled():
    """with IPv6 disabled a dual-stack socket answers IPv4 alone, and that is known"""
    with world(settings={"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1}):
        socks = [listen("::", 4001, v6only=False), listen("0.0.0.0", 4002),
                 listen("::", 4003, v6only=True)]
        answer = hark("--json")
        expect_equal((answer.status, answer.err, answer.ports), (0, "", [4001, 4002, 4003]), answer)
        sockets = by_port(answer)
        expect_equal(answer.document["namespaces"][0]["ipv6_disabled"], True)
        expect_equal((sockets[4001]["label"], sockets[4001]["answers"]["ipv4"]["verdict"],
                      sockets[4001]["answers"]["ipv6"]["verdict"]), ("tcp4", "all", "none"))
        expect_equal(sockets[4003]["answers"]["ipv4"]["verdict"], "none")
        expect_equal(find("-4"), [4001, 4002])
        expect_equal(find("-6"), [4003])
        for sock in socks:
            sock.close()


@case
def vanishing_processes():
    """processes that come and go while they are read are no trouble"""
    with world():
        sock = listen("127.0.0.1", 4001)
        churn = os.fork()
        if churn == 0:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
            while True:
                if (pid := os.fork()) == 0:
                    os._exit(0)
                os.waitpid(pid, 0)
        try:
            for _ in range(20):
                answer = hark("--json", "4001")
                expect_equal((answer.status, answer.err, answer.ports), (0, "", [4001]), answer)
                expect(os.getpid() in [h["pid"] for h in answer.sockets[0]["holders"]], answer)
        finally:
            os.kill(churn, signal.SIGTERM)
            os.waitpid(churn, 0)
        sock.close()


@case
def orphans():
    """a socket that no descriptor table holds has no holder, and is listed"""
    with world():
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock = listen("127.0.0.1", 4001)
        socket.send_fds(ours, [b"x"], [sock.fileno()])
        sock.close()
        answer = hark("--json", "4001")
        expect_equal((answer.status, answer.ports), (0, [4001]), answer)
        # it might be held outside of this PID namespace, for all that can be known in it
        expect_equal((answer.sockets[0]["holders"], answer.sockets[0]["holders_complete"]), ([], False))
        expect("PID namespace" in answer.err and answer.err.count("\n") == 1, answer)
        ours.close()
        theirs.close()


@case
def unknown_users():
    """a user without a name is told by number"""
    needs_real_root()
    with world():
        def as_stranger():
            os.setresuid(54321, 54321, 54321)
            return listen("127.0.0.1", 4001)
        with child(as_stranger):
            sock = hark("--json", "4001").sockets[0]
            expect_equal((sock["uid"], sock["user"]), (54321, None))
            expect_equal(find("user=54321"), [4001])
            expect_equal(hark("-H", "-o", "user", "4001").out, "54321\n")


if __name__ == "__main__":
    main()
