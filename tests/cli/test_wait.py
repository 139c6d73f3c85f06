#!/usr/bin/env python3
"""Waiting for real servers. Times are printed; none but the least that is promised decides."""
import contextlib
import errno
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import threading
import time

import harness
from harness import (ROOT, case, child, clean_environment, expect, expect_equal, hark, listen, main,
                     rename, udp, world)

WITHOUT = os.environ.get("WITHOUT", str(ROOT / "build-asan/tests/tools/without"))
# What is to come true comes true far earlier, on whatever machine.
LONG = "50s"
PORT = 4001


def wait(*words, status=0, **options):
    answer = hark("wait", *words, **options)
    expect_equal(answer.status, status, answer)
    return answer


@contextlib.contextmanager
def waiting(*words, prefix=()):
    """A `hark wait` that goes on meanwhile; what it wrote is in .out and .err after finish()."""
    process = subprocess.Popen([*prefix, harness.HARK, "wait", *words], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=clean_environment())
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process):
    out, err = process.communicate(timeout=60)
    expect("Sanitizer" not in err and "runtime error" not in err, err)
    return harness.Answer(process.returncode, out, err)


def expect_running(process):
    expect(process.poll() is None, process)


def until(truth, what):
    """Waits for what another process does and tells nobody of."""
    deadline = time.monotonic() + 30
    while not truth():
        expect(time.monotonic() < deadline, what)
        os.sched_yield()


def status_of(pid, name):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return text.partition(f"\n{name}:")[2].partition("\n")[0].strip()


def has_looked(process):
    """Whether it sleeps, which it does between looks alone: so it has looked once."""
    return (os.readlink(f"/proc/{process.pid}/exe").endswith("/hark")
            and int(status_of(process.pid, "voluntary_ctxt_switches")) > 0
            and status_of(process.pid, "State").startswith("S"))


@case
def seen():
    """a server that opens after 300 ms is seen"""
    with world():
        opened = []

        def serve():
            sock = listen("::", PORT, v6only=False)
            opened.append((sock, time.monotonic()))
        took = []
        for _ in range(5):
            timer = threading.Timer(0.3, serve)
            timer.start()
            answer = wait(str(PORT), "--timeout", LONG)
            ended = time.monotonic()
            timer.join()
            expect(opened, f"it answered before anything listened\n{answer}")
            sock, began = opened.pop()
            took.append(1000 * (ended - began))
            sock.close()
            expect(f"{PORT}  via ::  ::" in answer.out and f" {os.getpid()}\n" in answer.out, answer)
        print("# from listening to the end of hark, in ms:", *(f"{ms:.1f}" for ms in took))
        expect(max(took) < 20000, took)


@case
def gentle():
    """its share of a CPU is small, and told here"""
    with world():
        def used():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime
        for words in ((), ("-t",), ("-4",)):
            before = used()
            wait(*words, str(PORT), "--timeout", "1s", status=1)
            once = used() - before
            before = used()
            wait(*words, str(PORT), "--timeout", "3s", status=1)
            print(f"# {' '.join(words) or 'all'}: {100 * (used() - before - once) / 2:.2f} % of a CPU")


@case
def timeout():
    """the time-out is kept, and told"""
    with world():
        for given, seconds in (("300ms", 0.3), ("0.2", 0.2), ("1s", 1)):
            began = time.monotonic()
            answer = wait(str(PORT), "--timeout", given, status=1)
            took = time.monotonic() - began
            print(f"# {given}: {took:.3f} s")
            expect(seconds <= took < seconds + 20, took)
            expect_equal((answer.out, answer.err),
                         ("", f"hark: time ran out: nothing answered in {seconds:g} s\n"), given)


@case
def families():
    """IPv4 is not taken for IPv6, nor IPv6 for IPv4"""
    with world():
        for address, v6only, answers in (("127.0.0.1", None, "4"), ("0.0.0.0", None, "4"),
                                         ("::1", None, "6"), ("::", True, "6"), ("::", False, "46")):
            sock = listen(address, PORT, v6only=v6only)
            for family in "46":
                does = family in answers
                answer = wait(f"-{family}", str(PORT), "--timeout", LONG if does else "50ms",
                              status=0 if does else 1)
                expect_equal(bool(answer.out), does, (address, family))
                if not does:
                    expect_equal(answer.err, "hark: time ran out: something listens there, but does not "
                                 f"answer IPv{family} (hark explain)\n", (address, family))
            both = wait("-46", str(PORT), "--timeout", "50ms", status=0 if answers == "46" else 1)
            expect_equal(bool(both.out), answers == "46", address)
            sock.close()
        # Each family by a socket of its own will do.
        socks = [listen("127.0.0.1", PORT), listen("::", PORT, v6only=True)]
        wait("-46", str(PORT), "--timeout", LONG)
        for sock in socks:
            sock.close()


@case
def addresses():
    """an address is waited for as such: what does not answer there does not count"""
    with world():
        sock = listen("127.0.0.1", PORT)
        wait(f"127.0.0.1:{PORT}", "--timeout", LONG)
        wait(f"127.0.0.2:{PORT}", "--timeout", "50ms", status=1)
        wait(f"[::1]:{PORT}", "--timeout", "50ms", status=1)
        sock.close()
        sock = listen("::", PORT, v6only=False)
        wait(f"127.0.0.2:{PORT}", "--timeout", LONG)
        wait("-4", f"[::]:{PORT}", "--timeout", LONG)
        foreign = wait(f"10.9.8.7,10.9.8.6:{PORT}", "--timeout", "20ms", status=1)
        expect("hark: that is no address of this host, and no other is waited for\n" in foreign.err, foreign)
        # Who is bound to what is no address of this host answers nobody.
        with waiting(f"10.9.8.7:{PORT}", "--timeout", LONG) as process:
            until(lambda: has_looked(process), "it did not begin to wait")
            expect_running(process)
            subprocess.run(["ip", "addr", "add", "10.9.8.7/32", "dev", "lo"], check=True)
            expect_equal(finish(process).status, 0)
        sock.close()


@case
def gone():
    """with --gone it waits for the end, and prints nothing"""
    with world():
        answer = wait("--gone", str(PORT), "--timeout", LONG)
        expect_equal((answer.out, answer.err), ("", ""), "nothing was there")
        socks = [listen("::", PORT, v6only=False)]
        answer = wait("--gone", str(PORT), "--timeout", "100ms", status=1)
        expect_equal((answer.out, answer.err),
                     ("", "hark: time ran out: it still answers after 0.1 s\n"), "it is there")
        with waiting("--gone", str(PORT), "--timeout", LONG) as process:
            until(lambda: has_looked(process), "it did not begin to wait")
            expect_running(process)
            socks.pop().close()
            expect_equal(repr(finish(process)), repr(harness.Answer(0, "", "")))
        # One family may go while the other stays.
        socks = [listen("::1", PORT)]
        wait("--gone", "-4", str(PORT), "--timeout", LONG)
        wait("--gone", "-6", str(PORT), "--timeout", "50ms", status=1)
        wait("--gone", "-46", str(PORT), "--timeout", "50ms", status=1)
        socks.pop().close()


@case
def stable():
    """with --stable one and the same socket must answer for so long"""
    with world():
        socks, began = [listen("::", PORT)], time.monotonic()
        wait(str(PORT), "--stable", "400ms", "--timeout", LONG)
        expect(time.monotonic() - began >= 0.4, "it did not wait")
        with waiting(str(PORT), "--stable", "600ms", "--timeout", LONG) as process:
            until(lambda: has_looked(process), "it did not begin to wait")
            # Another socket at once, as of a server that crashes and is started again.
            socks.pop().close()
            began = time.monotonic()
            socks.append(listen("::", PORT))
            expect_equal(finish(process).status, 0)
            expect(time.monotonic() - began >= 0.6, "another socket was taken for the same")
        answer = wait(str(PORT), "--stable", "300ms", "--timeout", "300ms", status=1)
        expect_equal(answer.err, "hark: time ran out: it answers, but not yet for 0.3 s without a break\n")
        socks.pop().close()
        began = time.monotonic()
        wait("--gone", str(PORT), "--stable", "300ms", "--timeout", LONG)
        expect(time.monotonic() - began >= 0.3, "it did not wait")


@case
def command():
    """COMMAND runs once, with the words that it was given, and its exit status is passed on"""
    with world(), tempfile.TemporaryDirectory() as folder:
        mark = pathlib.Path(folder) / "ran"
        script = f"echo ran >> {mark}; echo \"$@\"; exit 7"
        words = ("--", "sh", "-c", script, "sh", "--gone", "--", "-4 80")
        wait(str(PORT), "--timeout", "50ms", *words, status=1)
        expect(not mark.exists(), "COMMAND ran although nothing answered")
        sock = listen("127.0.0.1", PORT)
        answer = wait(str(PORT), "--timeout", LONG, *words, status=7)
        expect_equal(mark.read_text(), "ran\n")
        expect_equal(answer.out, "--gone -- -4 80\n", "standard output is COMMAND's")
        expect(f"{PORT}  127.0.0.1" in answer.err, answer)
        plain = pathlib.Path(folder) / "plain"
        plain.write_text("echo no program\n")
        for name, status, why in ((f"{folder}/none", 127, errno.ENOENT), (str(plain), 126, errno.EACCES)):
            answer = wait(str(PORT), "--", name, status=status)
            expect_equal(answer.err.splitlines()[-1], f"hark: {name}: {os.strerror(why)}", answer)
        answer = wait("--gone", "-6", str(PORT), "--", "echo", "gone")
        expect_equal((answer.out, answer.err), ("gone\n", ""), answer)
        sock.close()


@case
def signals():
    """a signal ends it like any program, and reaches COMMAND once that runs"""
    with world():
        for number in (signal.SIGINT, signal.SIGTERM):
            with waiting(str(PORT), "--timeout", LONG, "--", "echo", "ran") as process:
                until(lambda process=process: has_looked(process), "it did not begin to wait")
                process.send_signal(number)
                expect_equal(repr(finish(process)), repr(harness.Answer(-number, "", "")), number)
        sock = listen("127.0.0.1", PORT)
        with waiting(str(PORT), "--", "sh", "-c", "echo ready; exec cat") as process:
            expect_equal(process.stdout.readline(), "ready\n")
            process.terminate()
            expect_equal(finish(process).status, -signal.SIGTERM)
        sock.close()


@case
def first_process():
    """as the first process of a container it heeds signals, which the kernel spares such ones"""
    with world():
        prefix = ("unshare", "--pid", "--fork", "--kill-child")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with waiting(str(PORT), "--timeout", LONG, prefix=prefix) as process:
                children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
                until(children.read_text, "unshare made no process")
                pid = int(children.read_text())
                until(lambda pid=pid, number=number: int(status_of(pid, "SigCgt"), 16) & 1 << number - 1,
                      "it handles no signals")
                os.kill(pid, number)
                expect_equal(finish(process).status, 128 + number)


@case
def holders():
    """a selector that asks for a process waits for that process"""
    with world():
        other = listen("127.0.0.1", PORT)

        def change_name(_number, _frame):
            rename(b"renamed")
            signal.pause()

        def serve():
            other.close()
            rename(b"awaited")
            signal.signal(signal.SIGUSR1, change_name)
            return listen("::1", PORT)
        wait("awaited", "--timeout", "50ms", status=1)
        with waiting("awaited", "--timeout", LONG) as process:
            until(lambda: has_looked(process), "it did not begin to wait")
            with child(serve) as pid:
                answer = finish(process)
                expect_equal(answer.status, 0, answer)
                expect(f"awaited {pid}" in answer.out, answer)
                # Its name may change, and the socket be the same.
                with waiting(f"pid={pid}", "awaited", "--gone", "--timeout", LONG) as gone_process:
                    until(lambda: has_looked(gone_process), "it did not begin to wait")
                    os.kill(pid, signal.SIGUSR1)
                    expect_equal(finish(gone_process).status, 0)
        other.close()


@case
def unknown():
    """what cannot be known is neither taken for an answer nor for none"""
    with world():
        sock = listen("::", PORT, v6only=False)
        prefix = [WITHOUT, f"sockdiag={errno.EPROTONOSUPPORT}"]
        answer = wait("-4", str(PORT), "--timeout", "50ms", status=3, prefix=prefix)
        expect("whether what listens there answers IPv4 cannot be told" in answer.err, answer)
        answer = wait("-4", "--gone", str(PORT), "--timeout", "50ms", status=3, prefix=prefix)
        wait("-6", str(PORT), "--timeout", LONG, prefix=prefix)
        wait(f"127.0.0.1:{PORT}", "--timeout", "50ms", status=3, prefix=prefix)
        sock.close()


@case
def others():
    """UDP, JSON, other namespaces and no holders"""
    with world():
        socks = [udp("127.0.0.1", PORT), listen("::1", PORT)]
        expect("udp" in wait("-u", str(PORT), "--timeout", LONG).out, "UDP")
        wait("-u", "-6", str(PORT), "--timeout", "50ms", status=1)
        answer = wait("--json", str(PORT), "--timeout", LONG)
        expect_equal(answer.ports, [PORT, PORT])
        expect(answer.sockets[0]["holders"][0]["pid"] == os.getpid(), answer)
        expect("python3" not in wait("--no-holders", str(PORT)).out, "holders")
        expect_equal(wait("--json", "--gone", "4002").sockets, [])
        for sock in socks:
            sock.close()
        with child(lambda: udp("127.0.0.1", PORT)) as pid, world():
            expect(f" {pid}\n" in wait("-A", str(PORT), "--timeout", LONG).out, "-A")
            wait(str(PORT), "--timeout", "50ms", status=1)


if __name__ == "__main__":
    main()
