#!/usr/bin/env python3
"""What it costs to render 10,000 rows, in instructions that callgrind counts.

    cost.py ROWS COMPILER

Fails where a format takes more than 1.1 times what is written in `kept`. Instructions, unlike time,
are the same on a busy machine; but another compiler or C library makes others, so the file names
them, and where they differ the test is skipped. HARK_BLESS=1 (make bless) writes it anew: look at
what `git diff` says then. Prints TAP.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

KEPT = pathlib.Path(__file__).resolve().parent / "kept"
BLESS = os.environ.get("HARK_BLESS") == "1"
FORMATS = ("table", "listeners", "json", "csv")
BOUND = 1.1
ROWS = 10_000


def count(program, form, rows=ROWS):
    """The instructions within measured()."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         "--toggle-collect=measured", program, form, str(rows)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        check=False)
    found = re.search(r"Collected\s*: (\d+)", done.stderr)
    if done.returncode or not found or not int(found[1]):
        raise RuntimeError(f"{form}: status {done.returncode}\n{done.stderr}")
    return int(found[1])


def read_kept():
    """What was kept: where (compiler and library), and the number of each format."""
    where, *lines = KEPT.read_text(encoding="ascii").splitlines()
    return where, {name: int(number) for name, number in (line.split() for line in lines)}


def check(number, is_good, name):
    print(f"{'ok' if is_good else 'not ok'} {number} - {name}", flush=True)
    return not is_good


def main():
    program, compiler = sys.argv[1:]
    where = f"{compiler}, {os.confstr('CS_GNU_LIBC_VERSION')}, {os.uname().machine}"
    if not shutil.which("valgrind"):
        print("1..0 # SKIP valgrind is missing")
        return 0
    if BLESS:
        found = {form: count(program, form) for form in FORMATS}
        KEPT.write_text("\n".join([where, *(f"{form} {n}" for form, n in found.items())]) + "\n",
                        encoding="ascii")
    kept_where, kept = read_kept()
    if kept_where != where:
        print(f"1..0 # SKIP kept for {kept_where}; this is {where}")
        return 0
    print(f"1..{len(FORMATS) + 1}")
    failed = 0
    for number, form in enumerate(FORMATS, 1):
        instructions = count(program, form)
        print(f"# {form}: {instructions / ROWS:.0f} instructions a row, "
              f"{instructions / kept[form]:.3f} times what is kept")
        if instructions * BOUND < kept[form]:
            print("# it has become cheaper: keep that, by make bless")
        failed += check(number, instructions <= BOUND * kept[form], f"{form} within {BOUND}")
    slower = count(program, FORMATS[0], ROWS * 115 // 100)
    failed += check(len(FORMATS) + 1, slower > BOUND * kept[FORMATS[0]],
                    "15 % more work is noticed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
