#!/usr/bin/env python3
"""Measure hark against ss, netstat and lsof in worlds of known size.

Timings decide nothing: a goal that was missed is printed as MISSED and the exit status is 0. It is
1 when a command did not list what the world holds, or when no world could be made.
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import listers
import report
import rules
import worlds

TESTS = pathlib.Path(__file__).resolve().parent.parent
LEAST_ROUNDS = 5
USUAL_ROUNDS = {"idle": 41, "small": 41, "medium": 21, "large": 15,
                "open": 41, "rules": 15, "cuts": 15, "sets": 9}
SLOW_S = 1  # who takes longer takes part in the least number of rounds, spread over all of them
STAGE_RUNS = 7
SLOW_STAGE_RUNS = 3
NOISY_LOAD = 0.5
NOISY_BUSY = 0.1

Run = collections.namedtuple("Run", "wall_ms user_ms system_ms cpu_ms rss_kib")


@dataclasses.dataclass
class Measured:
    """One command in one world."""

    runs: list
    seen: listers.Listed
    expected: listers.Listed
    is_slow: bool
    stages: dict = dataclasses.field(default_factory=dict)  # medians, in ms


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", action="append", choices=worlds.NAMES + worlds.RULED,
                        help="may be given more than once (default: all)")
    parser.add_argument("--rounds", type=int, default=0,
                        help=f"at least {LEAST_ROUNDS} are run")
    parser.add_argument("--seed", type=int, default=1, help="of the order within the rounds")
    parser.add_argument("--realtime", action="store_true",
                        help="run the commands before all others, for a machine that has others")
    parser.add_argument("--out", type=pathlib.Path, help="write the report to this file, too")
    return parser.parse_args()


def build_tools(folder):
    """Compiled here, so that any build folder can be measured, one without tests as well."""
    compiler = os.environ.get("CC", "cc").split()
    for source in (TESTS / "tools/worldgen.c", TESTS / "bench/measure.c"):
        subprocess.run(compiler + ["-std=gnu11", "-O2", "-D_GNU_SOURCE", source, "-o",
                                   f"{folder}/{source.stem}"], check=True)


def busy_share():
    """How much of this machine's processors others use, 0 to 1, watched for a second."""
    def ticks():
        fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        numbers = [int(field) for field in fields[:8]]
        return sum(numbers), numbers[3] + numbers[4]

    total, idle = ticks()
    time.sleep(1)
    total_after, idle_after = ticks()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def describe_noise(is_first):
    """The load average holds our own last world: only before the first does it tell of others."""
    load, busy = os.getloadavg()[0], busy_share()
    text = f"Before it, the load average was {load:.2f}, the processors {busy:.0%} busy."
    if (is_first and load > NOISY_LOAD) or busy > NOISY_BUSY:
        text += " WARNING: not a quiet machine; trust the ratios, not the times."
    return text


def measure(tool, lister):
    done = subprocess.run([tool, *lister.words], stdout=subprocess.PIPE, check=True,
                          env=lister.environment)
    wall, user, system, rss, _ = (int(field) for field in done.stdout.split())
    return Run(wall / 1e6, user / 1e3, system / 1e3, (user + system) / 1e3, rss)


def measure_world(world, chosen, n_rounds, order, tool):
    measured = {}
    for lister in chosen:
        seen, took_s = lister.listed(world.facts)
        expected = lister.expected(world.facts) if lister.count else listers.NOTHING
        is_slow = took_s > SLOW_S and not lister.shown_by
        measured[lister.name] = Measured([], seen, expected, is_slow)
    for round_number in range(-1, n_rounds):
        for lister in order.sample(chosen, len(chosen)):
            one = measured[lister.name]
            if not takes_part(one, round_number, n_rounds):
                continue
            run = measure(tool, lister)
            if round_number >= 0:
                one.runs.append(run)
            else:
                one.is_slow = run.wall_ms > 1000 * SLOW_S
    for lister in chosen:
        if lister.tells_stages:
            one = measured[lister.name]
            one.stages = median_stages(lister.words, SLOW_STAGE_RUNS if one.is_slow else STAGE_RUNS)
    return measured


def takes_part(one, round_number, n_rounds):
    """The first round, -1, is not counted: listing has been as good for those found slow."""
    if not one.is_slow:
        return True
    return round_number >= 0 and round_number * LEAST_ROUNDS % n_rounds < LEAST_ROUNDS


def median_stages(words, n_runs):
    runs = [listers.stage_times(words) for _ in range(n_runs)]
    return {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}


@contextlib.contextmanager
def priority(is_realtime):
    """What is started inherits it."""
    if is_realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        if is_realtime:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def become_root():
    """Enough where no limit need be raised. The new network is there to come back to."""
    if os.geteuid() != 0:
        words = ["unshare", "--user", "--map-root-user", "--net", sys.executable, *sys.argv]
        os.execvp(words[0], words)


def main():
    arguments = parse_arguments()
    become_root()
    order = random.Random(arguments.seed)
    absent = {lister.name: lister.why_not() for lister in listers.listers()}
    chosen = [lister for lister in listers.listers() if not absent[lister.name]]
    lines = []
    n_measured = n_wrong = 0

    def say(more):
        for line in more:
            lines.append(line)
            print(line, flush=True)

    say([report.INTRODUCTION.format(seed=arguments.seed)])
    if arguments.realtime:
        say([report.REALTIME])
    say([*report.machine_lines(listers.versions()), ""])
    with tempfile.TemporaryDirectory(prefix="hark-bench-") as folder:
        build_tools(folder)
        for name in arguments.world or worlds.NAMES + worlds.RULED:
            n_rounds = max(arguments.rounds or USUAL_ROUNDS[name], LEAST_ROUNDS)
            noise = describe_noise(n_measured == 0)
            try:
                is_ruled = name in worlds.RULED
                made = rules.Ruled(name) if is_ruled else worlds.World(name, f"{folder}/worldgen")
                with made as world, priority(arguments.realtime):
                    fitting = [lister for lister in chosen if lister.ruled == is_ruled]
                    measured = measure_world(world, fitting, n_rounds, order, f"{folder}/measure")
            except worlds.WorldError as error:
                say(report.skipped_lines(name, error))
                continue
            told = {lister: why for lister, why in absent.items() if why or lister in measured}
            say(report.world_lines(name, world.facts, noise, measured, told))
            n_measured += 1
            n_wrong += sum(not report.is_right(one) for one in measured.values())
    if arguments.out:
        arguments.out.write_text("\n".join(lines))
    if n_wrong:
        print(f"{n_wrong} commands did not list what the world holds", file=sys.stderr)
    return 1 if n_wrong or not n_measured else 0


if __name__ == "__main__":
    sys.exit(main())
