"""What was measured, as Markdown: the same text for the terminal and for docs/benchmarks.md."""

import os
import pathlib
import platform
import statistics

# (ours, theirs, how many times as fast in which world); no figure means: for information.
GOALS = (
    ("hark", "ss -tulnp", {"small": 1.8, "medium": 2, "large": 2}),
    ("hark --no-holders", "ss -tuln", {"small": 2, "medium": 5, "large": 10}),
    ("hark", "netstat -tulnp", {}),
    ("hark", "lsof -nP -i", {}),
    ("hark -a --no-holders", "ss -tuna", {}),
)

INTRODUCTION = """\
# Benchmarks

Written by `tests/bench/bench.py`, which `make bench` runs (as root: the worlds are network
namespaces). `hark` and the programs it is compared with take turns in each round, in an order drawn
anew for each (seed {seed}). Time is from before the fork until the exit was seen, output goes to
`/dev/null`; figures are medians over the rounds, the peak resident set (RSS) is the largest seen,
ratios are between medians. The first round is not counted. User and system time are the kernel's
estimate of a sum that it counts exactly. Rows and holders are what the command listed, and are
compared with what the world holds.
"""

REALTIME = """\
All commands ran at real-time priority (SCHED_RR), so that others on this machine waited for them.
"""


def machine_lines(versions):
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield f"* Machine: {model}, {os.cpu_count()} CPUs, {memory:.0f} GiB of memory"
    yield f"* Kernel: {platform.system()} {platform.release()} {platform.machine()}"
    for name, version in versions.items():
        yield f"* {name}: {version or 'not there, so not measured'}"


def table(header, rows):
    """A Markdown table whose columns also stand straight in a terminal."""
    cells = [header] + rows
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:]


def describe_world(facts):
    if facts["sockets"] == 1:
        return "The machine as it is, and one listener in a network namespace of its own"
    return (f"{facts['processes']:,} processes, {facts['descriptors']:,} descriptors, "
            f"{facts['sockets']:,} sockets of which {facts['established']:,} are established TCP, "
            f"{facts['tcp_listeners']:,} listen and {facts['udp']:,} are UDP")


def milliseconds(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def peak_mib(runs):
    return max(run.rss_kib for run in runs) / 1024


def measured_table(measured):
    rows = []
    for name, lister in measured.items():
        walls = sorted(run.wall_ms for run in lister.runs)
        quarter = len(walls) // 4
        rows.append([f"`{name}`", f"{statistics.median(walls):.2f}",
                     f"{walls[0]:.2f}", f"{walls[quarter]:.2f} - {walls[-1 - quarter]:.2f}",
                     f"{milliseconds(lister.runs, 'user_ms'):.1f}",
                     f"{milliseconds(lister.runs, 'system_ms'):.1f}",
                     f"{peak_mib(lister.runs):.1f}", found(lister)])
    return table(["command", "wall ms", "least", "quartiles", "user ms", "system ms", "RSS MiB",
                  "listed"], rows)


def found(lister):
    def text(what, seen, expected):
        if expected is None:
            return []
        return [f"{seen:,} {what}" + ("" if seen == expected else f", EXPECTED {expected:,}")]

    return ", ".join(text("rows", lister.seen.rows, lister.expected.rows)
                     + text("holders", lister.seen.holders, lister.expected.holders))


def is_right(lister):
    return lister.seen == lister.expected


def verdict(is_met):
    return "met" if is_met else "MISSED"


def goal_rows(world, measured):
    for ours, theirs, wanted in GOALS:
        absent = [name for name in (ours, theirs) if name not in measured]
        goal = wanted.get(world)
        asked = f"{goal} times as fast" if goal else "for information"
        if absent:
            yield [f"`{ours}` against `{theirs}`", "", "", asked, f"not measured: no {absent[0]}"]
            continue
        our_runs, their_runs = measured[ours].runs, measured[theirs].runs
        ratio = milliseconds(their_runs, "wall_ms") / milliseconds(our_runs, "wall_ms")
        cpu_share = milliseconds(our_runs, "cpu_ms") / milliseconds(their_runs, "cpu_ms")
        yield [f"`{ours}` against `{theirs}`", f"{ratio:.2f} times as fast", f"{cpu_share:.0%} of theirs",
               asked,
               verdict(ratio >= goal) if goal else ""]
        if goal:
            yield [f"memory of `{ours}` against `{theirs}`",
                   f"{peak_mib(our_runs):.1f} to {peak_mib(their_runs):.1f} MiB", "", "below",
                   verdict(peak_mib(our_runs) < peak_mib(their_runs))]


def world_lines(name, facts, noise, n_rounds, measured):
    yield f"## {name}"
    yield ""
    yield f"{describe_world(facts)}; {n_rounds} rounds. {noise}"
    yield ""
    yield from measured_table(measured)
    yield ""
    yield from table(["compared", "measured", "CPU time", "goal", ""], list(goal_rows(name, measured)))
    yield ""


def skipped_lines(name, reason):
    yield f"## {name}"
    yield ""
    yield f"Not measured: {reason}"
    yield ""
