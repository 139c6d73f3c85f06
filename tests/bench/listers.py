"""The commands that are measured, and what each must list: none is to be fast by not working."""

import collections
import dataclasses
import json
import os
import shutil
import subprocess

Listed = collections.namedtuple("Listed", "rows holders")


@dataclasses.dataclass(frozen=True)
class Lister:
    """A command line; `count` reads from its output (or that of `shown_by`) how much it lists."""

    words: tuple
    count: object = None
    shown_by: tuple = ()
    all_states: bool = False
    rows: bool = True
    holders: bool = False

    @property
    def name(self):
        return " ".join(("hark" if is_hark(self.words[0]) else os.path.basename(self.words[0]),)
                        + self.words[1:])

    def is_installed(self):
        return shutil.which(self.words[0]) is not None

    def expected(self, facts):
        rows = facts["tcp_listeners"] + facts["udp"]
        if self.all_states:
            rows += facts["established"]
        holders = facts["tcp_listener_holders"] + facts["udp"]
        return Listed(rows if self.rows else None, holders if self.holders else None)

    def listed(self):
        """What one run lists, as far as it can be told from its output."""
        done = subprocess.run(self.shown_by or self.words, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        seen = self.count(done.stdout.decode(errors="replace"))
        return Listed(seen.rows if self.rows else None, seen.holders if self.holders else None)


def hark_path():
    return os.environ.get("HARK", "build/hark")


def is_hark(word):
    return word == hark_path()


def count_ss(text):
    return Listed(len(text.splitlines()) - 1, text.count("pid="))


def count_netstat(text):
    return Listed(sum(line.startswith(("tcp", "udp")) for line in text.splitlines()), None)


def count_lsof(text):
    """A line for each descriptor; those of connections end in another state."""
    lines = [line.split() for line in text.splitlines()[1:]]
    return Listed(None, sum(words[-1] == "(LISTEN)" or words[7] == "UDP" for words in lines))


def count_hark(text):
    try:
        sockets = json.loads(text)["sockets"]
    except (ValueError, KeyError):
        return Listed(0, 0)
    inode = os.stat("/proc/self/ns/net").st_ino
    rows = [row for row in sockets
            if row["netns"] == inode and row["protocol"] in ("tcp", "udp")]
    return Listed(len(rows), sum(len(row["holders"] or ()) for row in rows))


def listers():
    hark = hark_path()

    def of_hark(*words, **more):
        return Lister((hark,) + words, count_hark, (hark,) + words + ("--json",), **more)

    return [
        Lister(("/bin/true",), rows=False),
        of_hark(holders=True),
        of_hark("--no-holders"),
        of_hark("-a", "--no-holders", all_states=True),
        Lister(("ss", "-tulnp"), count_ss, holders=True),
        Lister(("ss", "-tuln"), count_ss),
        Lister(("ss", "-tuna"), count_ss, all_states=True),
        Lister(("netstat", "-tulnp"), count_netstat),
        Lister(("lsof", "-nP", "-i"), count_lsof, rows=False, holders=True),
    ]


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
             "netstat": ("netstat", "-V"), "lsof": ("lsof", "-v")}
    return {name: first_line(*words) for name, words in asked.items()}
