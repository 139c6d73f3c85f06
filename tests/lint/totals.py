#!/usr/bin/env python3
"""tests/run.py counts every way in which a test program can end; prints TAP."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import run  # noqa: E402

# what, output, result as Meson tells it, return code; passed, names of the failed, of the skipped
CASES = (
    ("a clean run", "1..2\nok 1 - a\nok 2 - b\n", "OK", 0, 2, [], []),
    ("a plan at the end", "ok 1 - a\nok 2\n1..2\n", "OK", 0, 2, [], []),
    ("a failure", "1..2\nok 1 - a\nnot ok 2 - b\n# why\n", "FAIL", 0, 1, ["b"], []),
    ("cmocka's failure and skip",
     "1..2\nnot ok 1 - a\n# why\n# no root\nnot ok 2 # SKIP b\n# not ok - all\n",
     "ERROR", 1, 0, ["a"], ["b"]),
    ("cmocka's skip without a reason", "1..2\n# why\nok 1 - a\nnot ok 2 # SKIP b\n# ok - all\n",
     "FAIL", 0, 1, ["b"], []),
    ("a failure that is excused", "1..1\nnot ok 1 - a # TO" "DO later\n", "OK", 0, 0,
     ["a # TO" "DO later"], []),
    ("a skip", "1..2\nok 1 - a\nok 2 - b # SKIP no root\n", "OK", 0, 1, [], ["b"]),
    ("a skip without a reason", "1..1\nok 1 - a # SKIP\n", "OK", 0, 0, ["a"], []),
    ("all skipped", "1..0 # SKIP no Java\n", "SKIP", 0, 0, [], ["all"]),
    ("all skipped without a reason", "1..0\n", "SKIP", 0, 0, ["all"], []),
    ("nothing at all", "", "SKIP", 0, 0, ["0 plans, exit status 0"], []),
    ("no plan", "ok 1 - a\n", "OK", 0, 1, ["0 plans, exit status 0"], []),
    ("two plans", "1..1\nok 1 - a\n1..1\nok 1 - b\n", "ERROR", 0, 2,
     ["2 plans, exit status 0"], []),
    ("fewer tests than planned", "1..3\nok 1 - a\n", "ERROR", 0, 1, ["planned 3 tests, ran 1"], []),
    ("a crash", "1..2\nok 1 - a\n", "ERROR", -11, 1, ["killed by signal 11"], []),
    ("a crash at the very end", "1..1\nok 1 - a\n", "ERROR", -6, 1, ["killed by signal 6"], []),
    ("a leak", "1..1\nok 1 - a\n", "ERROR", 23, 1, ["all well, but ended with status 23"], []),
    ("a time-out", "1..2\nok 1 - a\n", "TIMEOUT", -15, 1, ["timed out"], []),
    ("a bail-out", "1..1\nBail out! no network\n", "ERROR", 1, 0, ["Bail out! no network"], []),
)


def main():
    print(f"1..{len(CASES)}")
    failed = 0
    for n, (what, stdout, result, status, *expected) in enumerate(CASES, 1):
        program = run.Program({"stdout": stdout, "result": result, "returncode": status})
        got = [program.passed, [name for name, _ in program.failed],
               [name for name, _ in program.skipped]]
        failed += got != expected
        print(f"{'' if got == expected else 'not '}ok {n} - {what}")
        if got != expected:
            print(f"# expected {expected}\n# got      {got}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
