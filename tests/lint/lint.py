#!/usr/bin/env python3
"""Checks of the source itself; prints TAP. Run it by hand, or as the suite "lint"."""
import ast
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STYLED = ("act", "cli", "compat", "lib", "render", "include", "docs/examples", "tests")
OTHER = ("man", "completions", "docs", "packaging", "scripts", ".ci")
TEXTS = (".c", ".h", ".py", ".build", ".md")
SPACED = (".py", ".build")
LINES_A_FILE = 600
LINES_A_FUNCTION = 80

COLUMNS = 100

# A second net under Meson's include paths: the folders that a layer must not include from.
BARRED = {
    "lib/core": ("lib/model", "lib/collect", "lib/judge", "lib/firewall", "render", "act", "compat", "cli"),
    "lib/model": ("lib/collect", "lib/judge", "lib/firewall", "render", "act", "compat", "cli"),
    "lib/collect": ("lib/judge", "lib/firewall", "render", "act", "compat", "cli"),
    "lib/judge": ("lib/collect", "render", "act", "compat", "cli"),
    "lib/firewall": ("lib/collect", "render", "act", "compat", "cli"),
    "include": ("lib", "render", "act", "compat", "cli"),
    "render": ("lib/model", "lib/collect", "lib/judge", "lib/firewall", "act", "compat", "cli"),
    "compat": ("lib/model", "lib/collect", "lib/judge", "lib/firewall", "act", "cli"),
    "act": ("lib/model", "lib/collect", "lib/judge", "lib/firewall", "render", "compat", "cli"),
    "cli": ("lib/model", "lib/collect", "lib/judge", "lib/firewall"),
}
KERNEL = re.compile(r"<(linux|asm|libmnl)/")
MAY_SEE_KERNEL = ("lib/collect", "act")
# The library leaves errors and notes to its caller.
NOISY = re.compile(r"(?<![\w.>])(printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|syslog|"
                   r"exit|_exit|abort)\s*\(")
PROMISES = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
WORKPLACE = re.compile(r"/wor[k]/|/tmp/h[k]\b|/far[m]/|[.]librar[y]/")


def files(folders, pattern="*"):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def texts():
    """Every text of the project; recordings, fixtures and corpora, which tests have, are none."""
    top = (p for p in sorted(ROOT.iterdir()) if p.is_file())
    for path in (*top, *files(STYLED + OTHER)):
        data = path.read_bytes()
        is_script = data.startswith(b"#!")
        if path.is_relative_to(ROOT / "tests") and not is_script and path.suffix not in TEXTS:
            continue
        try:
            yield path, data.decode()
        except UnicodeDecodeError:
            yield path, None


def at(path, line, what):
    return f"{path.relative_to(ROOT)}:{line}: {what}"


def without_comments(text):
    """Blanks C comments and strings, keeping the lines."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def sources(*folders):
    return [p for p in files(folders) if p.suffix in (".c", ".h")]


def formatted():
    """C files are as .clang-format has them"""
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources(*STYLED)],
                         capture_output=True, text=True)
    found = [line for line in run.stderr.splitlines() if "error:" in line]
    return found or ([run.stderr] if run.returncode else [])


def include_direction():
    """each layer includes only what lies below it"""
    for folder, barred in BARRED.items():
        # Headers are included by their bare names, wherever the compiler finds them.
        foreign = {path.name: path.parent for path in sources(*barred) if path.suffix == ".h"}
        for path in sources(folder):
            for n, line in enumerate(path.read_text().splitlines(), 1):
                include = re.match(r'\s*#\s*include\s+(["<][^">]*)', line)
                if not include:
                    continue
                name = include[1][1:].rpartition("/")[2]
                kernel = KERNEL.match(include[1]) and folder not in MAY_SEE_KERNEL
                if kernel or (name in foreign and not include[1].startswith("<hark/")):
                    yield at(path, n, f"{folder} may not include {include[1][1:]}")


def library_is_quiet():
    """the library never prints, logs or exits"""
    for path in sources("lib"):
        for n, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            if call := NOISY.search(line):
                yield at(path, n, f"calls {call[1]}")


def no_promises():
    """nothing promises later work or names a workplace"""
    for path, text in texts():
        for n, line in enumerate((text or "").splitlines(), 1):
            for pattern in (PROMISES, WORKPLACE):
                if found := pattern.search(line):
                    yield at(path, n, found[0])


def clean_text():
    """text is as .editorconfig has it: UTF-8, its indentation, no stray blanks, a last newline"""
    for path, text in texts():
        if text is None:
            yield at(path, 1, "is not UTF-8")
            continue
        if text and not text.endswith("\n"):
            yield at(path, text.count("\n") + 1, "no newline at the end")
        for n, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield at(path, n, "blanks at the end")
            if line.startswith("\t") and path.suffix in SPACED:
                yield at(path, n, "indented by a tab")


def sizes():
    """files fit a sitting, functions a screen or so, lines 100 columns"""
    for path in (*sources(*STYLED), *files(("tests", "scripts"), "*.py")):
        lines = path.read_text().splitlines()
        if len(lines) > LINES_A_FILE:
            yield at(path, len(lines), f"more than {LINES_A_FILE} lines")
        for n, line in enumerate(lines, 1):
            columns = len(line.rstrip(" \\").expandtabs(8))
            # Text for people stays in one piece, so that it can be searched for.
            if columns > COLUMNS and not re.search(r'".*"', line):
                yield at(path, n, f"{columns} columns")
        if path.suffix == ".py":
            continue
        start = None
        for n, line in enumerate(lines, 1):
            if line == "{":
                start = n
            elif line == "}" and start:
                if n - start > LINES_A_FUNCTION:
                    yield at(path, start, f"function of {n - start - 1} lines")
                start = None


def headers_alone():
    """each header compiles alone; the public ones as C++ too"""
    include = ["-D_GNU_SOURCE"]
    layers = (p for p in (ROOT / "lib").iterdir() if p.is_dir())
    for folder in (ROOT / "include", ROOT / "render", ROOT / "act", ROOT / "compat", ROOT / "cli", ROOT / "bpf", *layers):
        include += ["-I", folder]
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    public = sources("include")
    ways = [(["clang", "-std=gnu11", "-x", "c"], public + sources("lib", "render", "act", "compat", "cli")),
            (["gcc", "-std=c11", "-x", "c"], public),
            (["clang++", "-std=c++11", "-x", "c++"], public)]
    for compiler, headers in ways:
        for path in headers:
            if path.suffix != ".h":
                continue
            code = f'#include "{path}"\n'
            run = subprocess.run([*compiler, *warnings, *include, "-"],
                                 input=code, capture_output=True, text=True)
            if run.returncode:
                yield at(path, 1, f"{compiler[0]}: {run.stderr.strip()}")


def scripts_parse():
    """scripts parse, and what is to be run can be"""
    for path, text in texts():
        shebang = (text or "").partition("\n")[0]
        if path.suffix == ".py":
            try:
                ast.parse(text)
            except SyntaxError as e:
                yield at(path, e.lineno, e.msg)
        elif re.match(r"#!.*\b(ba)?sh\b", shebang):
            run = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
            yield from run.stderr.splitlines()
        if shebang.startswith("#!") and not os.access(path, os.X_OK):
            yield at(path, 1, "has a #! but cannot be run")


CHECKS = (formatted, include_direction, library_is_quiet, no_promises, clean_text, sizes,
          headers_alone, scripts_parse)


def main():
    print(f"1..{len(CHECKS)}")
    failed = 0
    for n, check in enumerate(CHECKS, 1):
        found = list(check())
        failed += bool(found)
        print(f"{'not ' if found else ''}ok {n} - {check.__doc__}")
        for line in "\n".join(found).splitlines():
            print("#", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
