#!/usr/bin/env python3
"""Rulesets that are huge, odd or changing, and readers who may not read: honest answers, in bounds."""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import HARK, ROOT, Skip, case, expect  # noqa: E402 (the path comes first)
from harness import expect_equal, hark, main, needs_real_root  # noqa: E402
import judged  # noqa: E402
import nfnl  # noqa: E402
from check import DEFINITE, entries, said_of, tell  # noqa: E402
from known import expectation, inet, restore, table, chain  # noqa: E402

MEBIBYTE = 1 << 20
MOST = 64 * MEBIBYTE
MOST_OF_ELEMENTS = 192 * MEBIBYTE  # some 200,000 ranges in each of several answers
SECONDS = 60
WRITTEN = 20  # times that hark reads while a writer writes
ME = "--reuid=65534", "--regid=65534", "--clear-groups"
ADMIN = ME + ("--inh-caps=+net_admin", "--ambient-caps=+net_admin")


def compared(lab, ruleset, *lines):
    """Loads it, compares it with the kernel, and what is said of some with what is expected."""
    this = judged.checker()
    lab.clear()
    lab.load(ruleset)
    this.arguments = ("--json", "--no-holders", ":22")
    try:
        wrong = this.compare(ruleset)
        told = list(entries(this.ask()))
    finally:
        this.arguments = ("--json", "--no-holders")
    expect(not wrong, "\n".join(tell(wrong)))
    for one in map(expectation, lines):
        part = said_of(told, one.probe)
        expect_equal((part.verdict, part.depends_on), (one.outcome.split()[0], one.doubts),
                     one.probe)
    return this


def unsanitized():
    """A program whose memory is its own: that of a plain build."""
    for program in (HARK, ROOT / "build-clang/hark", ROOT / "build/hark"):
        if os.access(program, os.X_OK):
            with open(program, "rb") as file:
                if b"__asan_init" not in file.read():
                    return str(program)
    return None


# Of a small process: what the one that starts a program has in memory counts as the program's.
MEASURE = """import os, sys
pid = os.fork()
if pid == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


def in_bounds(lab, most=MOST):
    """Time and memory of one run."""
    program, start = unsanitized(), time.monotonic()
    if not program:
        print("# memory is not measured: there is no build without sanitizers")
        return
    with lab.box:
        done = subprocess.run([sys.executable, "-S", "-c", MEASURE, program, "--json", ":22"], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=True)
    status, kibibytes = map(int, done.stdout.split())
    took, peak = time.monotonic() - start, kibibytes * 1024
    print(f"# {took:.2f} s, {peak / MEBIBYTE:.1f} MiB")
    expect_equal(status, 0)
    expect(took < SECONDS, f"took {took} s")
    expect(peak < most, f"{peak / MEBIBYTE} MiB")


@case
def many_rules():
    """10,000 rules that each cut the senders"""
    lab = judged.checker().lab
    rules = [f"ip saddr {1 + n % 200}.{n // 200}.{n % 7}.0/25 drop" for n in range(9000)]
    rules += [f"ip6 saddr 2600:{n:x}::/33 drop" for n in range(1000)]
    compared(lab, inet("input", *rules), "tcp 1.0.0.5 22 drop", "tcp 1.0.0.128 22 accept",
             "tcp 2600:3e7::1 22 drop", "tcp 2600:3e8::1 22 accept")
    in_bounds(lab)


@case
def many_legacy_rules():
    """10,000 of the older rules"""
    lab = judged.checker().lab
    rules = [f"-A INPUT -s {1 + n % 200}.{n // 200}.{n % 7}.0/25 -j DROP" for n in range(10000)]
    compared(lab, restore("legacy", ":INPUT ACCEPT [0:0]", *rules), "tcp 1.0.0.5 22 drop",
             "tcp 1.0.0.128 22 accept")
    in_bounds(lab)


@case
def many_elements():
    """two sets of 100,000 elements, one of intervals"""
    lab = judged.checker().lab
    plain = ", ".join(f"{1 + n % 100}.{n // 25600}.{n // 100 % 256}.{n % 7 + 1}" for n in range(100000))
    spans = ", ".join(f"{101 + n % 100}.{n // 25600}.{n // 100 % 256}.0-{101 + n % 100}.{n // 25600}."
                      f"{n // 100 % 256}.{n % 99}" for n in range(100000))
    compared(lab, table("inet", f"set plain {{ type ipv4_addr; elements = {{ {plain} }}\n }}",
                        f"set spans {{ type ipv4_addr; flags interval; elements = {{ {spans} }}\n }}",
                        chain("input", "ip saddr @plain drop", "ip saddr @spans reject")),
             "tcp 1.0.0.1 22 drop", "tcp 1.0.0.2 22 accept", "tcp 8.8.8.8 22 accept")
    in_bounds(lab, MOST_OF_ELEMENTS)


@case
def scattered():
    """patterns of addresses that no list could hold"""
    lab = judged.checker().lab
    rules = [f"ip saddr & {1 << n % 24} == {1 << n % 24} meta mark set mark xor {n + 1}" for n in range(64)]
    rules = [r.replace(f"& {1 << n % 24} == {1 << n % 24}", "& 0.{0}.{1}.{2} == 0.{0}.{1}.{2}".format(
        *(1 << n % 24).to_bytes(3, "big"))) for n, r in enumerate(rules)]
    compared(lab, inet("input", *rules, "meta mark & 0x1 == 0x1 drop"))
    in_bounds(lab)


@case
def newer_than_the_tool():
    """a rule that the tool at hand dies of"""
    lab = judged.checker().lab
    lab.clear()
    lab.load(inet("input"))
    try:
        with lab.box:
            nfnl.add_rule("t", "input", nfnl.is_ipv4(), nfnl.load_source(nfnl.R1),
                          nfnl.value(nfnl.R2, b"\xff\0\0\1"), nfnl.both(nfnl.R3, nfnl.R1, nfnl.R2),
                          nfnl.equal(nfnl.R3, b"\x0a\0\0\1"), nfnl.drop())
    except OSError as error:
        raise Skip(f"this kernel does not take it: {error}") from error
    this = judged.checker()
    probes = [expectation(line).probe for line in (
        "tcp 10.0.0.1 22 drop", "tcp 10.0.0.2 22 accept", "tcp 11.0.0.1 22 accept", "tcp 2600::1 22 accept")]
    expect_equal(lab.probe(probes), ["drop", "accept 22", "accept 22", "accept 22"])
    wrong = this.compare([])
    expect(not wrong, "\n".join(tell(wrong)))
    expect_equal(said_of(list(entries(this.ask())), probes[3]).verdict, "accept")


@case
def unheard_of():
    """a rule with an expression that hark does not know"""
    lab = judged.checker().lab
    lab.clear()
    lab.load(inet("input", "ip saddr 8.0.0.0/8 accept"))
    try:
        with lab.box:
            nfnl.add_rule("t", "input", nfnl.is_ipv4(), nfnl.in_tunnel(
                "meta", nfnl.attribute(1, nfnl.R2), nfnl.attribute(2, 16)), nfnl.equal(nfnl.R2, b"\6\0\0\0"),
                nfnl.drop())
    except OSError as error:
        raise Skip(f"this kernel does not take it: {error}") from error
    this = judged.checker()
    wrong = this.compare([])
    expect(not wrong, "\n".join(tell(wrong)))
    told = list(entries(this.ask()))
    for line in ("tcp 8.8.8.8 22 accept", "tcp 2600::1 22 accept", "tcp 9.8.8.8 22 depends; undecoded"):
        one = expectation(line)
        part = said_of(told, one.probe)
        expect_equal((part.verdict, part.depends_on), (one.outcome.split()[0], one.doubts),
                     one.probe)


@contextlib.contextmanager
def swapping(lab, texts):
    """A process that loads one after the other, until the end."""
    with tempfile.TemporaryDirectory() as folder:
        for n, text in enumerate(texts):
            pathlib.Path(folder, str(n)).write_text(text)
        with lab.box, subprocess.Popen(["sh", "-ec", "while :; do nft -f 0; nft -f 1; done"],
                                       cwd=folder) as process:
            try:
                yield
            finally:
                process.kill()


@case
def changing():
    """a ruleset that changes while it is read: one or the other, or not known"""
    lab = judged.checker().lab
    lab.clear()
    filler = "\n".join(f"ip saddr 1.{n // 250}.{n % 250}.0/24 tcp dport {n + 9000} drop" for n in range(1500))
    texts = []
    for mine, other in (("8", "9"), ("9", "8")):
        texts.append(f"table inet t\ndelete table inet t\ntable inet t {{\nchain c {{\n type filter hook input"
                     f" priority 0\nip saddr {mine}.0.0.0/8 drop\n{filler}\nip saddr {other}.0.0.0/8 accept\n"
                     f"ip saddr {mine}.0.0.0/8 accept\nip saddr {other}.0.0.0/8 reject\n}}\n}}\n")
    lab.load([("nft", texts[0])])
    seen = set()
    with swapping(lab, texts):
        for _ in range(WRITTEN):
            told = list(entries(judged.checker().ask()))
            verdicts = tuple(said_of(told, expectation(f"tcp {n}.1.1.1 22 drop").probe).verdict for n in (8, 9))
            seen.add(verdicts)
            expect(verdicts in (("drop", "accept"), ("accept", "drop")) or
                   not set(verdicts) & set(DEFINITE), f"half of each: {verdicts}")
    print(f"# {seen}")


@case
def unprivileged():
    """who may not read it knows nothing"""
    needs_real_root()
    lab = judged.checker().lab
    lab.clear()
    lab.load(inet("closed"))
    for words in (ME, ("--bounding-set=-net_admin", "--inh-caps=-net_admin")):
        with lab.box:
            answer = hark("--json", prefix=("setpriv", *words))
        expect_equal(answer.status, 0)
        said = {p["verdict"] for s in answer.sockets for e in s["firewall"] or () for p in e["sources"]}
        expect(not said & set(DEFINITE), said)
        expect(any(n["what"] == "firewall" for n in answer.document["notes"]), answer.document["notes"])


@case
def privileged_a_little():
    """CAP_NET_ADMIN alone reads nf_tables, but not which of the older tables there are"""
    needs_real_root()
    lab = judged.checker().lab
    for ruleset in (inet("closed", "tcp dport 22 accept"), restore("legacy", ":INPUT DROP [0:0]")):
        lab.clear()
        lab.load(ruleset)
        with lab.box:
            answer = hark("--json", prefix=("setpriv", *ADMIN))
        said = {p["verdict"] for s in answer.sockets for e in s["firewall"] or () for p in e["sources"]
                if e["interface"] != "lo"}
        # Whoever cannot see all rules may be sure of a drop alone.
        expect(said <= {"drop", "depends", "unknown"}, said)
        expect(any(n["what"] == "firewall" for n in answer.document["notes"]), answer.document["notes"])


main()
