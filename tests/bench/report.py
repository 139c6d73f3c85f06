"""What was measured, as Markdown: the same text for the terminal and for docs/benchmarks.md."""

import dataclasses
import os
import pathlib
import platform
import statistics


@dataclasses.dataclass(frozen=True)
class Goal:
    """What `ours` is to reach against `theirs`, by world; nowhere: it is for information."""

    ours: str
    theirs: str
    times_as_fast: dict = dataclasses.field(default_factory=dict)
    times_as_long: dict = dataclasses.field(default_factory=dict)  # at most
    is_smaller: bool = False  # in memory, wherever times_as_fast has a figure
    mib: dict = dataclasses.field(default_factory=dict)  # peak memory: below


# What stands in for another program never takes longer than that.
NO_SLOWER = {"idle": 1, "small": 1, "medium": 1, "large": 1}

GOALS = (
    Goal("hark", "ss -tulnp", {"idle": 2, "small": 4, "medium": 40, "large": 80},
         is_smaller=True, mib={"large": 8}),
    Goal("hark -at", "ss -tanp", {"idle": 2, "small": 3, "medium": 12, "large": 50},
         is_smaller=True),
    Goal("hark", "netstat -tulnp", {"large": 120}),
    Goal("hark", "lsof -nP -i", {"large": 120}),
    Goal("hark -A", "hark", times_as_long={"large": 1.6}),
    Goal("hark -atA", "hark -at"),
    Goal("hark --holders=proc", "ss -tulnp", {"small": 1.8, "medium": 2, "large": 2},
         is_smaller=True),
    Goal("hark --holders=bpf", "ss -tulnp"),
    Goal("hark --no-holders", "ss -tuln", {"small": 2, "medium": 5, "large": 10}, is_smaller=True),
    Goal("hark -a --no-holders", "ss -tuna"),
    Goal("hark netstat -tlnp", "netstat -tlnp", NO_SLOWER | {"large": 60}),
    Goal("HARK_HOLDERS=proc hark netstat -tlnp", "netstat -tlnp", NO_SLOWER),
    Goal("hark -tn", "nft list ruleset", {"sets": 1}, times_as_long={"rules": 4, "cuts": 4},
         mib={"rules": 64, "cuts": 64, "sets": 64}),
    Goal("hark -tn", "hark -tn --no-firewall", times_as_long={"open": 1.05}),
    Goal("hark lsof -nP -i", "lsof -nP -i", NO_SLOWER | {"large": 20}),
    Goal("HARK_HOLDERS=proc hark lsof -nP -i", "lsof -nP -i", NO_SLOWER),
)

INTRODUCTION = """\
# Benchmarks

Written by `tests/bench/bench.py`, which `make bench` runs (as root: the worlds are network
namespaces). `hark` and the programs it is compared with take turns in each round, in an order drawn
anew for each (seed {seed}). Time is from before the fork until the exit was seen, output goes to
`/dev/null`; figures are medians over the rounds, the peak resident set (RSS) is the largest seen,
ratios are between medians. The first round is not counted. User and system time are the kernel's
estimate of a sum that it counts exactly. Who takes more than a second takes part in fewer rounds,
spread over all of them. Rows and holders are what the command listed, and are compared with what
the world holds. Where the time goes is what `--debug` tells, in ms: medians of runs of their own.
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
    if "ruled" in facts:
        return f"{facts['tcp_listeners']:,} dual-stack listeners of TCP behind {facts['ruled']}"
    if facts["sockets"] == 1:
        return "The machine as it is, and one listener in a network namespace of its own"
    return (f"{facts['processes']:,} processes, {facts['descriptors']:,} descriptors, "
            f"{facts['sockets']:,} sockets of which {facts['established']:,} are established TCP, "
            f"{facts['tcp_listeners']:,} listen and {facts['udp']:,} are UDP, and {elsewhere(facts)}")


def elsewhere(facts):
    return (f"in {len(facts['namespaces']) - 1} further network namespaces "
            f"{facts['established_elsewhere']:,} more are established and "
            f"{facts['listeners_elsewhere']:,} more listen")


def milliseconds(runs, field):
    return statistics.median(getattr(run, field) for run in runs)


def peak_mib(runs):
    return max(run.rss_kib for run in runs) / 1024


def measured_table(measured):
    rows = []
    for name, lister in measured.items():
        walls = sorted(run.wall_ms for run in lister.runs)
        quarter = len(walls) // 4
        rows.append([f"`{name}`", f"{len(walls)}", f"{statistics.median(walls):.2f}",
                     f"{walls[0]:.2f}", f"{walls[quarter]:.2f} - {walls[-1 - quarter]:.2f}",
                     f"{milliseconds(lister.runs, 'user_ms'):.1f}",
                     f"{milliseconds(lister.runs, 'system_ms'):.1f}",
                     f"{peak_mib(lister.runs):.1f}", found(lister)])
    return table(["command", "runs", "wall ms", "least", "quartiles", "user ms", "system ms", "RSS MiB",
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


def goal_rows(world, measured, absent):
    for goal in GOALS:
        names = f"`{goal.ours}` against `{goal.theirs}`"
        if not {goal.ours, goal.theirs} <= measured.keys() | absent.keys():
            continue
        why_not = absent[goal.ours] or absent[goal.theirs]
        if why_not:
            yield [names, "", "", "", f"not measured: {why_not}"]
            continue
        ours, theirs = measured[goal.ours].runs, measured[goal.theirs].runs
        cpu_share = milliseconds(ours, "cpu_ms") / milliseconds(theirs, "cpu_ms")
        yield [names, *compare_times(goal, world, ours, theirs, f"{cpu_share:.0%} of theirs")]
        yield from memory_rows(goal, world, ours, theirs)


def compare_times(goal, world, ours, theirs, cpu):
    """What was measured, the processors' time, what is asked, the verdict."""
    ratio = milliseconds(theirs, "wall_ms") / milliseconds(ours, "wall_ms")
    if world in goal.times_as_long:
        most = goal.times_as_long[world]
        return [f"{1 / ratio:.2f} times as long", cpu, f"at most {most} times", verdict(1 / ratio <= most)]
    if world in goal.times_as_fast:
        least = goal.times_as_fast[world]
        return [f"{ratio:.2f} times as fast", cpu, f"{least} times as fast", verdict(ratio >= least)]
    return [f"{ratio:.2f} times as fast", cpu, "for information", ""]


def memory_rows(goal, world, ours, theirs):
    our_mib, their_mib = peak_mib(ours), peak_mib(theirs)
    if goal.is_smaller and world in goal.times_as_fast:
        yield [f"memory of `{goal.ours}` against `{goal.theirs}`",
               f"{our_mib:.1f} to {their_mib:.1f} MiB", "", "below", verdict(our_mib < their_mib)]
    if world in goal.mib:
        yield [f"memory of `{goal.ours}`", f"{our_mib:.1f} MiB", "", f"below {goal.mib[world]} MiB",
               verdict(our_mib < goal.mib[world])]


def stage_table(measured):
    """Nothing where hark tells of no stages."""
    told = {name: one.stages for name, one in measured.items() if one.stages}
    names = list(next(iter(told.values()), {}))
    return table(["where the time goes", *names],
                 [[f"`{command}`", *(f"{stages.get(name, 0):.2f}" for name in names)]
                  for command, stages in told.items()]) if told else []


def world_lines(name, facts, noise, measured, absent):
    yield f"## {name}"
    yield ""
    yield f"{describe_world(facts)}. {noise}"
    yield ""
    yield from measured_table(measured)
    yield ""
    yield from table(["compared", "measured", "CPU time", "goal", ""],
                     list(goal_rows(name, measured, absent)))
    yield ""
    yield from stage_table(measured)
    yield ""


def skipped_lines(name, reason):
    yield f"## {name}"
    yield ""
    yield f"Not measured: {reason}"
    yield ""
