#!/usr/bin/env python3
"""The real netstat and lsof, and ours, on the same command lines in the same quiet worlds.

    compat.py PROGRAM WORLD [WORD]      PROGRAM: netstat, lsof; WORD: only lines that hold it

Each line of PROGRAM.lines is run as root and, in most worlds, as a user without capabilities, who
in one is root of a user namespace, too. What must be equal: the exit status, standard output and
standard error, byte for byte and in the same order, but for
  * what a timer of netstat's has left (`-o`): it must lie between what the reference tells before
    and after;
  * lines that are refused: the reference prints a page of help where ours says what is wrong, so
    that standard error must only be short; below [wrong] in PROGRAM.lines, name what is wrong too.
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
TIMER = re.compile(rb"\((-?\d+\.\d\d)(?=/)")
SHOWN_LINES = 30
REFUSAL_LINES = 6
HELP = b"usage:"
ROUNDING = 0.02  # seconds
WRONG_WORLD = "states"
OWN_ROOT = "root of a user namespace"
USERS_OF = {world: ("root", "user") for world in ("states", "unix", "empty")}
USERS_OF["processes"] = ("root", "user", OWN_ROOT)
REFERENCE = {name: shutil.which(name) for name in ("netstat", "lsof")}
USERS = {
    "root": (),
    "user": ("setpriv", f"--reuid={worlds.USER}", f"--regid={worlds.USER}", "--clear-groups",
             "--inh-caps=-all", "--bounding-set=-all"),
}
USERS[OWN_ROOT] = (*USERS["user"], "unshare", "--user", "--map-root-user")


class Outcome:
    """What a program said, and what of it can be compared."""

    def __init__(self, name, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.figures = {}  # row without what timers have left: that
        self.rows = out
        if name == "netstat":
            self.set_timers_apart()

    def set_timers_apart(self):
        rows = self.out.splitlines(True)
        bare = [TIMER.sub(b"(", row) for row in rows]
        for key, row in zip(bare, rows):
            self.figures.setdefault(key, []).extend(map(float, TIMER.findall(row)))
        self.rows = b"".join(bare)

    def told(self):
        return self.status, self.rows, self.err

    def __repr__(self):
        out, err = ([repr(line)[2:-1] for line in text.splitlines()]
                    for text in (self.rows, self.err))
        return "\n".join([f"status {self.status}", *out, "--- standard error:", *err])


def run(name, path, words, prefix):
    done = subprocess.run([*prefix, str(path), *words], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=SECONDS, check=False, cwd="/",
                          env=harness.clean_environment(LC_ALL="C.UTF-8"))
    return done.returncode, done.stdout, done.stderr


def run_ours(name, words, prefix):
    status, out, err = run(name, PROGRAMS / name, words, prefix)
    for entry in differences.applying(name, shlex.join(words)):
        out, err = entry.both(out), entry.err(err)
    outcome = Outcome(name, status, out, err)
    if b"Sanitizer" in err or b"runtime error" in err:
        raise AssertionError(outcome)
    return outcome


def run_reference(name, words, prefix):
    line = shlex.join(words)
    entries = differences.applying(name, line)
    asked = line
    for entry in entries:
        asked = entry.ask(asked)
    status, out, err = run(name, REFERENCE[name], shlex.split(asked), prefix)
    for entry in entries:
        out = entry.out(out)
        status, out, err = entry.status(status, out), entry.both(out), entry.err(err)
    return Outcome(name, status, out, err)


def run_between(name, words, prefix):
    """Ours, and the reference before and after, which agree."""
    for _ in range(ATTEMPTS):
        before = run_reference(name, words, prefix)
        ours = run_ours(name, words, prefix)
        after = run_reference(name, words, prefix)
        if before.told() == after.told() and not has_rung(before, after):
            return before, ours, after
    raise AssertionError(f"the reference does not stand still:\n{before}\nand then\n{after}")


def has_rung(before, after):
    """Whether a timer was set again, so that more is left of it."""
    return any(later > sooner for row, figures in before.figures.items()
               for sooner, later in zip(sorted(figures), sorted(after.figures[row])))


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
    if HELP in before.err:
        check_refused(before, ours)
        return
    if before.told() != ours.told():
        raise AssertionError(difference(before, ours))
    check_figures(before, ours, after)


def check_refused(reference, ours, must_say=""):
    harness.expect_equal(ours.status, reference.status, f"exit status\n{reference}\n{ours}")
    harness.expect_equal(ours.out, reference.out, "standard output")
    harness.expect(must_say.encode() in ours.err and ours.err, f"no word of {must_say!r}: {ours}")
    harness.expect(ours.err.count(b"\n") <= REFUSAL_LINES, f"more than a message: {ours}")


def check_wrong(name, words, prefix, must_say):
    before, ours, _ = run_between(name, words, prefix)
    check_refused(before, ours, must_say)


class Stage:
    """The world that stands, made again when it is too old."""

    def __init__(self, name):
        self.name = name
        self.made = None
        self.world = None
        self.failure = None

    def words(self, line):
        if self.failure:
            raise type(self.failure)(f"no world: {self.failure}")
        try:
            return self.words_of_world(line)
        except (Exception, harness.Skip) as failure:
            self.failure = failure
            raise

    def words_of_world(self, line):
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


def check_outside(name, words, prefix, must_say):
    """What only the reference does is refused in one line, status 2."""
    ours = run_ours(name, words, prefix)
    harness.expect(ours.status == 2 and not ours.out and ours.err.count(b"\n") == 1 and
                   must_say.encode() in ours.err, ours)


CHECKS = {"[compared]": check_same, "[wrong]": check_wrong, "[outside]": check_outside}


def read_lines(name):
    """(line, its check, what its message must say or nothing) of each line of the table."""
    check = None
    for line in (HERE / f"{name}.lines").read_text().splitlines():
        if line.startswith("["):
            check = CHECKS[line]
        elif line and not line.startswith("#"):
            words, *message = line.split("  # ")
            yield words.rstrip(), check, message


def add_case(stage, name, line, check, message, user):
    def run_check():
        if USERS[user]:
            harness.needs_real_root()
        if user == OWN_ROOT and subprocess.run([*USERS[user], "true"], check=False,
                                               stderr=subprocess.DEVNULL).returncode:
            raise harness.Skip("users may not make user namespaces")
        check(name, stage.words(line), USERS[user], *message)

    run_check.__doc__ = f"{name} {line}, {user}, {stage.name}".replace("#", "+")
    harness.case(run_check)


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
    for line, check, message in read_lines(name):
        if all(word in line for word in only) and (check is check_same or world == WRONG_WORLD):
            for user in USERS_OF.get(world, ("root",)):
                add_case(stage, name, line, check, message, user)
    harness.main()


if __name__ == "__main__":
    main()
