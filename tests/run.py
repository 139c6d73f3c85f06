#!/usr/bin/env python3
"""Runs the tests of some build directories and sums their subtests.

    tests/run.py BUILD[:SUITE,SUITE...] ...

Meson schedules the test programs; the TAP that they print is counted here, from Meson's log,
because Meson's own totals count programs. Everything that is not a clean run is a failure: a
program that died, timed out, broke its plan, or tested nothing without saying why. Ends with the
line "N passed, N failed", and ", N skipped" if any; exits 0 only if something passed and nothing
failed.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

LINE = re.compile(r"(?P<failed>not )?ok\b\s*(?P<number>\d+)?(?:\s*-)?\s*(?P<name>.*?)"
                  r"(?:\s*#\s*(?P<skip>skip)\S*\s*(?P<reason>.*))?$", re.I)
PLAN = re.compile(r"1\.\.(?P<count>\d+)(?:\s*#\s*skip\S*\s*(?P<reason>.*))?$", re.I)
STDERR_LINES = 60


class Program:
    """What one test program printed, and how it ended."""

    def __init__(self, record):
        self.record = record
        self.passed = 0
        self.skipped = []   # (name, reason)
        self.failed = []    # (name, lines of diagnostics)
        self.plans = []
        diagnostics, comment = [], None
        for line in record.get("stdout", "").splitlines():
            if plan := PLAN.match(line):
                self.plans.append(plan)
            elif result := LINE.match(line):
                diagnostics, comment = self.count(result, comment), None
            elif line.startswith("Bail out!"):
                diagnostics = []
                self.failed.append((line, diagnostics))
            elif line.startswith("#"):
                diagnostics.append(line)
                comment = line.lstrip("# ")
        self.check_end()

    def count(self, result, comment):
        """Counts one result; the list returned takes the diagnostics that follow it."""
        name = result["name"] or result["number"] or ""
        diagnostics = []
        if result["skip"] and result["failed"]:
            # cmocka's way: the name stands where the reason should, which was a comment before
            self.skip(result["reason"], comment)
        elif result["skip"]:
            self.skip(name, result["reason"])
        elif result["failed"]:
            self.failed.append((name, diagnostics))
        else:
            self.passed += 1
        return diagnostics

    def skip(self, name, reason):
        if reason:
            self.skipped.append((name, reason))
        else:
            self.failed.append((name, ["# skipped without a reason"]))

    def check_end(self):
        ran = self.passed + len(self.skipped) + len(self.failed)
        problem = None
        if self.record["result"] == "TIMEOUT":
            problem = "timed out"
        elif self.record["returncode"] < 0:
            problem = f"killed by signal {-self.record['returncode']}"
        elif len(self.plans) != 1:
            problem = f"{len(self.plans)} plans, exit status {self.record['returncode']}"
        elif int(self.plans[0]["count"]) != ran:
            problem = f"planned {self.plans[0]['count']} tests, ran {ran}"
        elif ran == 0:
            self.skip("all", self.plans[0]["reason"])
        elif not self.failed and (self.record["returncode"] or self.record["result"] == "ERROR"):
            problem = f"all well, but ended with status {self.record['returncode']}"
        if problem:
            self.failed.append((problem, []))
        if self.failed:
            stderr = self.record.get("stderr", "").splitlines()[-STDERR_LINES:]
            self.failed[-1][1].extend("  " + line for line in stderr if line)


def failure(what):
    return {"name": "build", "result": "ERROR", "returncode": 1, "stdout": f"1..1\nnot ok 1 - {what}"}


def run(build, suites):
    """Builds, and yields (title, Program) for each test program of a build directory."""
    # Left to itself, meson test builds only what the tests name as theirs.
    if subprocess.run(["meson", "compile", "-C", build], stdin=subprocess.DEVNULL).returncode:
        yield "build", Program(failure("it does not compile"))
        return
    log = pathlib.Path(build, "meson-logs", "testlog.json")
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", build, "--no-rebuild"]
    for suite in suites:
        command += ["--suite", suite]
    subprocess.run(command, stdin=subprocess.DEVNULL)
    records = [json.loads(line) for line in log.open()] if log.exists() else []
    for record in records or [failure("no test ran")]:
        yield record["name"], Program(record)


def main(arguments):
    totals = collections.defaultdict(lambda: [0, 0, 0])
    failures, skips = [], []
    for argument in arguments:
        build, _, suites = argument.partition(":")
        for title, program in run(build, [s for s in suites.split(",") if s]):
            # Meson puts "PROJECT:SUITE / " before the name of a program
            suite = title.partition(" / ")[0].partition(":")[2] or "-"
            where = f"{build}: {title.rpartition(' / ')[2]}"
            total = totals[f"{build} {suite}"]
            for i, n in enumerate((program.passed, len(program.failed), len(program.skipped))):
                total[i] += n
            failures += [(where, *failure) for failure in program.failed]
            skips += [(where, *skip) for skip in program.skipped]

    print()
    for where, name, reason in skips:
        print(f"skipped: {where}: {name}: {reason}")
    for where, name, diagnostics in failures:
        print(f"FAILED: {where}: {name}", *("    " + line for line in diagnostics), sep="\n")
    print()
    for title, (passed, failed, skipped) in totals.items():
        print(f"{title:<24} {passed:6} passed {failed:4} failed {skipped:4} skipped")
    passed, failed, skipped = (sum(column) for column in zip(*totals.values()))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
