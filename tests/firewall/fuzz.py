#!/usr/bin/env python3
"""Random rulesets: what hark says of each, against the kernel.

    tests/firewall/fuzz.py [--seeds FIRST-LAST] [--reduce SECONDS] [--definite PERCENT]

Output is TAP. HARK names the program, if it is not where the build puts it.
"""
import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import case, main  # noqa: E402 (the path comes first)
from check import Checker, tell  # noqa: E402
from generator import generate  # noqa: E402
from lab import Lab, LoadError  # noqa: E402
from reduce import reduce  # noqa: E402
from values import TCP_PORTS, UDP_PORTS  # noqa: E402

GROUP = 10  # seeds a test
REDUCED_BY = 6  # of the packets that were judged wrong
REFUSED = 10  # hundredths of the seeds that may not load


class Run:
    """All seeds in one lab."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.refused = self.loaded = 0
        self.failed = []
        self._kept = None

    @property
    def checker(self):
        if not self._kept:
            cpus = sorted(os.sched_getaffinity(0))
            cpu = cpus[self.arguments.first // GROUP % len(cpus)]
            self._kept = Checker(Lab(TCP_PORTS, UDP_PORTS, cpu))
        return self._kept

    def load(self, ruleset):
        self.checker.lab.clear()
        self.checker.lab.load(ruleset)

    def check(self, seed):
        kind, ruleset = generate(seed)
        try:
            self.load(ruleset)
        except LoadError:
            self.refused += 1
            return []
        self.loaded += 1
        try:
            wrong = self.checker.compare(ruleset, seed)
        except Exception as error:  # the other seeds are to be tried
            self.failed.append(seed)
            return [f"seed {seed}: {kind}", *str(error).splitlines()]
        if not wrong:
            return []
        self.failed.append(seed)
        return [f"seed {seed}: {kind}", *tell(wrong), *self.smallest(ruleset, wrong)]

    def smallest(self, ruleset, wrong):
        """The ruleset as lines, reduced if there is time for it."""
        probes = [w.probe for w in wrong[:REDUCED_BY]]

        def again(candidate):
            self.load(candidate)
            return self.checker.compare_some(candidate, probes)
        if self.arguments.reduce:
            ruleset = reduce(ruleset, again, self.arguments.reduce)
            yield "reduced:"
            yield from tell(again(ruleset), 2)
        for kind, text in ruleset:
            yield f"--- {kind}"
            yield from (f"|{line}" for line in text.splitlines())


def add_cases(run):
    first, last = run.arguments.first, run.arguments.last
    for start in range(first, last + 1, GROUP):
        seeds = range(start, min(start + GROUP, last + 1))

        def check(seeds=seeds):
            complaints = [line for seed in seeds for line in run.check(seed)]
            if complaints:
                raise AssertionError("\n".join(complaints))
        check.__doc__ = f"seeds {seeds[0]} to {seeds[-1]}"
        case(check)

    def total():
        told = run.checker.summary()
        print(f"# {run.loaded} rulesets, {run.refused} more that a tool refused; {told}")
        print(f"# seeds that failed: {run.failed}")
        if run.refused * 100 > REFUSED * (run.loaded + run.refused):
            raise AssertionError("too many rulesets are refused")
        if run.checker.definite() < run.arguments.definite:
            raise AssertionError(f"less than {run.arguments.definite} % definite")
    total.__doc__ = f"at least {run.arguments.definite} % of the answers are definite"
    case(total)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0-149", help="FIRST-LAST")
    parser.add_argument("--reduce", type=float, default=20, help="seconds, for each that is wrong")
    parser.add_argument("--definite", type=float, default=85, help="percent of answers, at least")
    arguments = parser.parse_args()
    arguments.first, _, last = arguments.seeds.partition("-")
    arguments.first, arguments.last = int(arguments.first), int(last or arguments.first)
    return arguments


add_cases(Run(parse()))
main()
