#!/usr/bin/env python3
"""The real netstat and lsof, and ours, on the same command lines in the same quiet worlds.

    compat.py PROGRAM WORLD [WORD]      PROGRAM: netstat, lsof; WORD: only lines that hold it

Each line of PROGRAM.lines is run as root and as a user without capabilities. What must be equal:
the exit status, standard output and standard error, byte for byte, but for
  * the order of rows below a header of netstat's: the reference's is that of hash tables;
  * what a timer of netstat's has left (`-o`): it must lie between what the reference tells before
    and after;
  * lsof's warnings that it may not stat() a file system: ours asks for none;
  * lines that are wrong (below [wrong] in PROGRAM.lines): the reference prints a page of help where
    ours says in a line what is wrong, so that standard error must only not be empty.
Ours is run between two runs of the reference, until those agree: a world may still be settling.
Further differences are deliberate, and are in differences.py, each with its reason.
"""
import difflib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests/cli")]
import differences  # noqa: E402 (the path comes first)
import harness  # noqa: E402
import worlds  # noqa: E402

ATTEMPTS = 20
SECONDS = 60  # for one run
PROGRAMS = pathlib.Path("/run/programs")
HEADER = re.compile(rb"(Active |Proto |COMMAND )")
TIMER = re.compile(rb"\((-?\d+\.\d\d)(?=/)")
STAT_WARNING = re.compile(rb"lsof: WARNING: can't stat\(\).*\n(?: +Output information may be incomplete\.\n)?")
SHOWN_LINES = 30
ROUNDING = 0.02  # seconds
WRONG_WORLD = "states"
REFERENCE = {name: shutil.which(name) for name in ("netstat", "lsof")}
USERS = {
    "root": (),
    "user": ("setpriv", f"--reuid={worlds.USER}", f"--regid={worlds.USER}", "--clear-groups",
             "--inh-caps=-all", "--bounding-set=-all"),
}


class Outcome:
    """What a program said, and what of it can be compared."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.figures = {}  # row without what timers have left: that
        self.rows = out

    def sort(self):
        result, rows = [], []
        for line in self.out.splitlines(True):
            bare = TIMER.sub(b"(", line)
            self.figures.setdefault(bare, []).extend(map(float, TIMER.findall(line)))
            if HEADER.match(line):
                result += [*sorted(rows), line]
                rows = []
            else:
                rows.append(bare)
        self.rows = b"".join(result + sorted(rows))

    def told(self):
        return self.status, self.rows, STAT_WARNING.sub(b"", self.err)

    def __repr__(self):
        out, err = ([repr(line)[2:-1] for line in text.splitlines()] for text in (self.rows, self.err))
        return "\n".join([f"status {self.status}", *out, "--- standard error:", *err])


def run(name, path, words, prefix):
    done = subprocess.run([*prefix, str(path), *words], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=SECONDS, check=False, cwd="/",
                          env=harness.clean_environment(LC_ALL="C.UTF-8"))
    texts = {"out": done.stdout, "err": done.stderr}
    if path == REFERENCE[name]:
        texts = differences.expected(name, words, texts)
    outcome = Outcome(done.returncode, **texts)
    if b"Sanitizer" in done.stderr or b"runtime error" in done.stderr:
        raise AssertionError(outcome)
    if name == "netstat":
        outcome.sort()
    return outcome


def run_between(name, words, prefix):
    """Ours, and the reference before and after, which agree."""
    for _ in range(ATTEMPTS):
        before, ours, after = (run(name, path, words, prefix)
                               for path in (REFERENCE[name], PROGRAMS / name, REFERENCE[name]))
        has_rung = any(later > sooner for row in before.figures.keys() & after.figures.keys()
                       for sooner, later in zip(sorted(before.figures[row]), sorted(after.figures[row])))
        if before.told() == after.told() and not has_rung:
            return before, ours, after
    raise AssertionError(f"the reference does not stand still:\n{before}\nand then\n{after}")


def difference(reference, ours):
    lines = [repr(outcome).splitlines() for outcome in (reference, ours)]
    text = list(difflib.unified_diff(*lines, "reference", "ours", n=0, lineterm=""))
    return "\n".join(["", *text[:SHOWN_LINES], *(["..."] if len(text) > SHOWN_LINES else [])])


def check_figures(before, ours, after):
    for row, figures in ours.figures.items():
        low, high = (sorted(outcome.figures[row]) for outcome in (after, before))
        for least, figure, most in zip(low, sorted(figures), high):
            harness.expect(least - ROUNDING <= figure <= most + ROUNDING,
                           f"{figure} is not from {least} to {most}: {row!r}")


def check_same(name, words, prefix):
    before, ours, after = run_between(name, words, prefix)
    if before.told() != ours.told():
        raise AssertionError(difference(before, ours))
    check_figures(before, ours, after)


def check_wrong(name, words, prefix, must_say):
    before, ours, _ = run_between(name, words, prefix)
    harness.expect_equal(ours.status, before.status, f"exit status\n{before}\n{ours}")
    harness.expect_equal(ours.out, before.out, "standard output")
    harness.expect(must_say.encode() in ours.err and ours.err, f"no word of {must_say!r}: {ours}")


class Stage:
    """The world that stands, made again when it is too old."""

    def __init__(self, name):
        self.name = name
        self.made = None
        self.world = None

    def words(self, line):
        age = time.monotonic() - self.made if self.made else None
        if age is None or age > worlds.LASTS_SECONDS.get(self.name, age):
            self.end()
            self.context = worlds.make(self.name)
            self.world = self.context.__enter__()
            self.made = time.monotonic()
        return [word.format_map(self.world.words) for word in shlex.split(line)]

    def end(self):
        if self.world:
            self.world = None
            self.context.__exit__(None, None, None)


def read_lines(name):
    """(line, what its message must say or None) of each line of the table."""
    is_wrong = False
    for line in (HERE / f"{name}.lines").read_text().splitlines():
        if line.startswith("["):
            is_wrong = line == "[wrong]"
        elif line and not line.startswith("#"):
            words, _, message = line.partition("  # ")
            yield words.rstrip(), message if is_wrong else None


def add_case(stage, name, line, message, user, prefix):
    def check():
        if prefix:
            harness.needs_real_root()
        words = stage.words(line)
        if message is None:
            check_same(name, words, prefix)
        else:
            check_wrong(name, words, prefix, message)

    check.__doc__ = f"{name} {line}, {user}, {stage.name}".replace("#", "+")
    harness.case(check)


def install_ours():
    """Ours by the names of both, where every user may run it."""
    PROGRAMS.mkdir()
    (PROGRAMS / "hark").touch()
    subprocess.run(["mount", "--bind", harness.HARK, PROGRAMS / "hark"], check=True)
    for name in REFERENCE:
        (PROGRAMS / name).symlink_to("hark")


def main():
    name, world, *only = (word for word in sys.argv[1:] if word != worlds.PADDING)
    if "HARK_TEST_IS_PRIVATE" in os.environ:
        worlds.hide_files()
        install_ours()
    else:
        sys.argv.append(worlds.PADDING)
    if not REFERENCE[name]:
        print(f"1..0 # SKIP {name} is not installed")
        return
    stage = Stage(world)
    for line, message in read_lines(name):
        if all(word in line for word in only) and (message is None or world == WRONG_WORLD):
            for user, prefix in USERS.items():
                add_case(stage, name, line, message, user, prefix)
    harness.main()


if __name__ == "__main__":
    main()
