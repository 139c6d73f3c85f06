"""The commands that are measured, and what each must list: none is to be fast by not working."""

import collections
import dataclasses
import json
import os
import re
import shutil
import subprocess
import time

Listed = collections.namedtuple("Listed", "rows holders")
NOTHING = Listed(None, None)


@dataclasses.dataclass(frozen=True)
class Lister:
    """A command line; `count` reads from its output (or that of `shown_by`) how much it lists."""

    words: tuple
    count: object = None
    shown_by: tuple = ()
    all_states: bool = False
    udp: bool = True
    everywhere: bool = False  # the further namespaces, too
    rows: bool = True
    holders: bool = False
    by: str = ""  # HARK_HOLDERS for a personality, which has no option for it
    ruled: bool = False  # for worlds of rules alone

    @property
    def name(self):
        return " ".join((("HARK_HOLDERS=" + self.by,) if self.by else ())
                        + ("hark" if is_hark(self.words[0]) else os.path.basename(self.words[0]),)
                        + self.words[1:])

    @property
    def environment(self):
        return {**os.environ, "HARK_HOLDERS": self.by}

    @property
    def tells_stages(self):
        return is_hark(self.words[0]) and self.words[1:2] not in (("netstat",), ("lsof",))

    def why_not(self):
        """Why it cannot be measured here, or None."""
        if shutil.which(self.words[0]) is None:
            return f"no {self.words[0]}"
        if not is_hark(self.words[0]):
            return None
        done = run(self.words, self.environment)
        if done.returncode in (0, 1):
            return None
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"status {done.returncode}"

    def expected(self, facts):
        holders = facts["tcp_listener_holders"]
        rows = facts["tcp_listeners"]
        connections = facts["established"]
        udp = facts["udp"] if self.udp else 0
        if self.everywhere:
            rows += facts["listeners_elsewhere"]
            holders += facts["listeners_elsewhere"]
            connections += facts["established_elsewhere"]
        if not self.all_states:
            connections = 0
        return Listed(rows + udp + connections if self.rows else None,
                      holders + udp + connections if self.holders else None)

    def listed(self, facts):
        """What one run lists, as far as it can be told from its output, and how long it took."""
        began = time.monotonic()
        with subprocess.Popen(self.shown_by or self.words, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              encoding="utf-8", errors="replace", env=self.environment) as process:
            namespaces = facts["namespaces"] if self.everywhere else facts["namespaces"][:1]
            seen = self.count(process.stdout, namespaces) if self.count else NOTHING
        return Listed(seen.rows if self.rows else None,
                      seen.holders if self.holders else None), time.monotonic() - began


def run(words, environment=None):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, env=environment)


def hark_path():
    return os.environ.get("HARK", "build/hark")


def is_hark(word):
    return word == hark_path()


def count_ss(lines, _):
    rows = holders = 0
    for line in lines:
        rows += 1
        holders += line.count("pid=")
    return Listed(rows - 1, holders)


def count_netstat(lines, _):
    return Listed(sum(line.startswith(("tcp", "udp")) for line in lines), None)


def count_lsof(lines, _):
    """A line for each descriptor; those of connections end in another state."""
    words = (line.split() for line in lines)
    return Listed(None, sum(w[-1] == "(LISTEN)" or w[7] == "UDP" for w in words if w[0] != "COMMAND"))


def count_hark(lines, namespaces):
    rows = holders = 0
    for line in lines:
        row = json.loads(line)
        if row["netns"] in namespaces and row["protocol"] in ("tcp", "udp"):
            rows += 1
            holders += len(row["holders"] or ())
    return Listed(rows, holders)


def listers():
    hark = hark_path()

    def of_hark(*words, **more):
        return Lister((hark,) + words, count_hark, (hark,) + words + ("--ndjson",), **more)

    def of_netstat(*words, by=""):
        return Lister(words + ("netstat", "-tlnp"), count_netstat, udp=False, by=by)

    def of_lsof(*words, by=""):
        return Lister(words + ("lsof", "-nP", "-i"), count_lsof, rows=False, holders=True, by=by)

    return [
        Lister(("/bin/true",), rows=False),
        of_hark("-tn", udp=False, holders=True, ruled=True),
        of_hark("-tn", "--no-firewall", udp=False, holders=True, ruled=True),
        Lister(("nft", "list", "ruleset"), rows=False, ruled=True),
        of_hark(holders=True),
        of_hark("--holders=proc", holders=True),
        of_hark("--holders=bpf", holders=True),
        of_hark("--no-holders"),
        of_hark("-A", everywhere=True, holders=True),
        of_hark("-at", all_states=True, udp=False, holders=True),
        of_hark("-atA", everywhere=True, all_states=True, udp=False, holders=True),
        of_hark("-a", "--no-holders", all_states=True),
        Lister(("ss", "-tulnp"), count_ss, holders=True),
        Lister(("ss", "-tuln"), count_ss),
        Lister(("ss", "-tanp"), count_ss, all_states=True, udp=False, holders=True),
        Lister(("ss", "-tuna"), count_ss, all_states=True),
        Lister(("netstat", "-tulnp"), count_netstat),
        of_netstat(),
        of_netstat(hark),
        of_netstat(hark, by="proc"),
        of_lsof(),
        of_lsof(hark),
        of_lsof(hark, by="proc"),
    ]


def stage_times(words):
    """{stage: ms}, in order, as --debug tells them."""
    text = run((*words, "--debug")).stderr.decode(errors="replace")
    line = re.search(r"^hark: time in ms: (.*)$", text, re.M)
    return {name: float(ms) for name, ms in re.findall(r"([a-z ]+) ([0-9.]+)(?:, |$)",
                                                       line[1] if line else "")}


def first_line(*words):
    """The line of a program's version text that tells the version, or None."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    except OSError:
        return None
    lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines()]
    return next((line for line in lines if any(c.isdigit() for c in line)), None)


def versions():
    asked = {"hark": (hark_path(), "--version"), "ss": ("ss", "-V"),
             "netstat": ("netstat", "-V"), "lsof": ("lsof", "-v"), "nft": ("nft", "--version")}
    return {name: first_line(*words) for name, words in asked.items()}
