#!/usr/bin/env python3
"""Who holds what, found in every way that hark has: all of them must say what is true.

    holders.py [--inner]

The worlds are made by tests/tools/holdings, which tells what is true, and by worldgen. Each way is
compared with that, and with the first way, line by line. HARK_CHURN_RUNS says how often the worlds
that do not stand still are listed (default 5). With --inner the tests run in a PID namespace of
their own, where a way may be unable to see what it needs.
"""
import contextlib
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/cli"), str(ROOT / "tests/bench")]
import harness  # noqa: E402 (the path comes first)
import worlds  # noqa: E402
from netns import Netns  # noqa: E402

# By name, the options that force each; the first is what the others are compared with.
WAYS = {
    "proc": ("--holders=proc",),
    "bpf": ("--holders=bpf",),
    "bpf-marks": ("--holders=bpf-marks",),
    "bpf-tables": ("--holders=bpf-tables",),
    "bpf-files": ("--holders=bpf-files",),
}
LISTENERS_ONLY = ("bpf-marks",)
# What is asked for: ways differ in how they find the holders of few sockets, and of all.
VIEWS = ((), ("-a",), ("2001",))
STILL = ("plain", "shared", "threads", "nested", "frozen", "leaderless", "owntable", "flight", "fixed")
RESTLESS = ("churn", "growing")
INNER = ("shared", "nested", "leaderless", "owntable", "churn")
CHURN_RUNS = int(os.environ.get("HARK_CHURN_RUNS", "5"))
WITHOUT = os.environ["WITHOUT"]
# How a program may be kept from using BPF.
REFUSALS = {
    "without CAP_BPF": ("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin"),
    "unprivileged BPF disabled, or lockdown": (WITHOUT, "bpf=1"),
    "a kernel without bpf()": (WITHOUT, "bpf=38"),
    "a verifier that refuses": (WITHOUT, "program=13"),
    "without BTF": ("unshare", "--mount", "sh", "-c",
                    'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"),
}
FIRST_PID_NAMESPACE = "pid:[4026531836]"
CANNOT = 77  # exit status of a generator


class Made(worlds.World):
    """A world of `holdings` or `worldgen`; hark runs in its network namespace."""

    def __init__(self, name, program):
        super().__init__(name, os.environ[program])
        self.last_line = ""

    def __enter__(self):
        try:
            return super().__enter__()
        except worlds.WorldError as error:
            if self.generator.returncode == CANNOT:
                raise harness.Skip(f"no such world here: {error}") from error
            raise

    def _end_generator(self):
        self.generator.stdin.close()
        self.last_line = self.generator.stdout.read().decode()
        super()._end_generator()


def why_not(way):
    """Why hark cannot go this way here, or None."""
    answer = harness.hark("--debug", *WAYS[way])
    lines = answer.err.strip().splitlines()
    if answer.status in (0, 1) and "could not be used" not in answer.err:
        return None
    return next((line for line in lines if "no holders by" in line), lines[-1])


def skip(reason):
    raise harness.Skip(reason)


def list_lines(view, way):
    """The rows as text, of a listing that must work, and whether all processes were seen."""
    answer = harness.hark("--ndjson", *view, *WAYS[way])
    harness.expect(answer.status in (0, 1), answer)
    return answer.out.splitlines(), not answer.err


def views_of(way, views):
    return [view for view in views if way not in LISTENERS_ONLY or "-a" not in view]


def of_ports(ports):
    return lambda line: json.loads(line)["local"]["port"] in ports


def of_namespaces(namespaces):
    """With -A the rest of the machine is listed, too."""
    return lambda line: json.loads(line)["netns"] in namespaces


def check_listener(listener, rows, what):
    """Exactly one row, with exactly these holders, in order."""
    mine = [row for row in rows if row["inode"] == listener["inode"]]
    harness.expect_equal(len(mine), 1, f"rows of port {listener['port']}, {what}")
    row = mine[0]
    if row["holders"] is None:
        harness.expect(not row["holders_complete"] and not listener["holders"], f"{what}: {row}")
        return
    harness.expect_equal([[holder["pid"], holder["fd"]] for holder in row["holders"]],
                         sorted(listener["holders"]), f"holders of port {listener['port']}, {what}")
    harness.expect_equal({holder["command"] for holder in row["holders"]} - {"holdings"}, set(), what)


def check_truth(listeners, lines, view, way):
    rows = [json.loads(line) for line in lines]
    for listener in listeners:
        if not view or not view[0].isdigit() or int(view[0]) == listener["port"]:
            check_listener(listener, rows, f"by {way}, {' '.join(view) or 'listeners'}")


def check_same(view, way, lines, is_whole, is_meant=lambda line: True):
    """The first way says the same, byte for byte."""
    first = next(iter(WAYS))
    if way == first:
        return
    wanted, is_first_whole = list_lines(view, first)
    wanted = [line for line in wanted if is_meant(line)]
    if is_whole != is_first_whole:
        # Only one of them was denied a process that might hold any of the sockets.
        lines, wanted = ([re.sub(r'"holders_complete": ?\w+', "", line) for line in some]
                         for some in (lines, wanted))
    for line, other in zip(lines, wanted):
        harness.expect_equal(line, other, f"by {way} and by {first}, {view}")
    harness.expect_equal(len(lines), len(wanted), f"rows by {way} and by {first}, {view}")


def check_still(name, way):
    with Made(name, "HOLDINGS") as world:
        for view in views_of(way, VIEWS):
            lines, is_whole = list_lines(view, way)
            check_truth(world.facts["listeners"], lines, view, way)
            check_same(view, way, lines, is_whole)


def check_restless(name, way):
    with Made(name, "HOLDINGS") as world:
        stands = of_ports({listener["port"] for listener in world.facts["listeners"]})
        for _ in range(CHURN_RUNS):
            for view in views_of(way, VIEWS):
                lines, is_whole = list_lines(view, way)
                lines = [line for line in lines if stands(line)]
                check_truth(world.facts["listeners"], lines, view, way)
        check_same(view, way, lines, is_whole, stands)
    n_forks = json.loads(world.last_line)["forks"]
    harness.expect(n_forks > 0, "nothing churned")
    print(f"# {name} by {way}: {CHURN_RUNS} runs beside {n_forks} processes that came and went")


def check_small(way):
    with Made("small", "WORLDGEN") as world:
        facts = world.facts
        listeners, holders = facts["tcp_listeners"], facts["tcp_listener_holders"]
        for view in views_of(way, ((), ("-a",), ("-A",), ("-A", "-a"))):
            more = facts["listeners_elsewhere"] if "-A" in view else 0
            more += facts["established"] if "-a" in view else 0
            more += facts["established_elsewhere"] if len(view) == 2 else 0
            is_own = of_namespaces(facts["namespaces"])
            lines, is_whole = list_lines(view, way)
            lines = [line for line in lines if is_own(line)]
            rows = [json.loads(line) for line in lines]
            harness.expect_equal(len(rows), listeners + facts["udp"] + more, view)
            harness.expect_equal(sum(len(row["holders"]) for row in rows),
                                 holders + facts["udp"] + more, view)
            check_same(view, way, lines, is_whole, is_own)


def check_unreachable(way):
    """A namespace that nothing but a socket keeps cannot be entered, and that is said."""
    if os.readlink("/proc/self/ns/pid") != FIRST_PID_NAMESPACE:
        raise harness.Skip("in a PID namespace those of others cannot be told from such")
    other = Netns()
    with other:
        kept = harness.listen("127.0.0.1", 4006)
    other.close()
    answer = harness.hark("--json", "-A", *WAYS[way])
    harness.expect(other.inode not in [row["netns"] for row in answer.sockets], answer)
    said = [note["detail"] for note in answer.document["notes"] if note["what"] == "namespaces"]
    harness.expect(any("nothing leads into" in text for text in said), said)
    kept.close()


@contextlib.contextmanager
def many_files():
    """More open files on this host than those below which hark does not try BPF (500)."""
    with contextlib.ExitStack() as stack:
        for _ in range(700):
            stack.enter_context(open(os.devnull, "rb"))
        yield


def check_refused(prefix):
    """Those who debug are told why BPF did not do it, and /proc has all that there is."""
    with Made("growing", "HOLDINGS") as world, many_files():
        listeners = world.facts["listeners"]
        answer = harness.hark("--ndjson", "--debug", "-a", prefix=prefix)
        harness.expect_equal(answer.status, 0, answer)
        stands = of_ports({listener["port"] for listener in listeners})
        check_truth(listeners, [line for line in answer.out.splitlines() if stands(line)], (), "auto")
    if not why_not("bpf"):
        told = [line for line in answer.err.splitlines() if "no holders by BPF" in line]
        harness.expect_equal(len(told), 1, answer)


def add_case(title, check, *arguments):
    def run():
        check(*arguments)

    run.__doc__ = title
    harness.case(run)


def main():
    is_inner = sys.argv[1:] == ["--inner"]
    where = ", in a PID namespace" if is_inner else ""
    for way in WAYS:
        if reason := why_not(way):
            add_case(f"every world, by {way}{where}", skip, reason)
            continue
        for name in INNER if is_inner else STILL + RESTLESS:
            check = check_restless if name in RESTLESS else check_still
            add_case(f"{name}, by {way}{where}", check, name, way)
        if not is_inner:
            add_case(f"worldgen small, by {way}", check_small, way)
    for way in () if is_inner else ("bpf", "bpf-marks"):
        if not why_not(way):
            add_case(f"a namespace without a way in, by {way}", check_unreachable, way)
    if not is_inner:
        for what, prefix in REFUSALS.items():
            add_case(f"{what}: /proc answers", check_refused, prefix)
    harness.main(own_pids=is_inner)


if __name__ == "__main__":
    main()
