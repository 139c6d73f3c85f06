#!/usr/bin/env python3
"""Installs into a stage and uses libhark from there as a stranger would; prints TAP.

    examples.py BUILD -fsanitize=WHAT COMPILER...

Each docs/examples/*.c is compiled with the flags that pkg-config tells, and run.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Trouble(Exception):
    pass


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **options)
    if done.returncode:
        words = " ".join(map(str, command))
        raise Trouble(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Stage:
    """A DESTDIR with hark in it."""

    def __init__(self, build, compiler, folder):
        self.compiler = compiler
        self.folder = pathlib.Path(folder)
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder)
        self.library = self.find("libhark.so")
        self.pkgconfig = self.find("libhark.pc")

    def find(self, name):
        found = list(self.folder.rglob(name))
        if len(found) != 1:
            raise Trouble(f"{name}: installed {len(found)} times")
        return found[0]

    def environment(self):
        return {**os.environ, "LD_LIBRARY_PATH": str(self.library.parent),
                "PKG_CONFIG_PATH": str(self.pkgconfig.parent),
                "PKG_CONFIG_SYSROOT_DIR": str(self.folder)}

    def flags(self):
        env = self.environment()
        return run("pkg-config", "--cflags", "--libs", "libhark", env=env).split()

    def compile_and_run(self, source):
        program = self.folder / source.stem
        run(*self.compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", source, "-o", program,
            *self.flags(), env=self.environment())
        output = run(program, env=self.environment(), timeout=30)
        if not output:
            raise Trouble(f"{source.name} printed nothing")


def check_exports(stage):
    """libhark.so exports just the functions of the public headers"""
    declared = set()
    for header in (ROOT / "include").rglob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        declared |= set(re.findall(r"\b(hark_\w+)\s*\([^;{}]*\)[^;{}]*;", text))
    symbols = run("nm", "-D", "--defined-only", "--format=posix", stage.library)
    exported = {line.split()[0].partition("@")[0] for line in symbols.splitlines()}
    exported -= {"HARK_0"}
    if exported != declared:
        raise Trouble(f"not exported: {sorted(declared - exported)}\n"
                      f"not declared: {sorted(exported - declared)}")


def check_program(stage):
    """the installed program runs"""
    run(stage.find("bin/hark"), "--version")


def complete(stage, *words):
    """What bash would offer for the last word."""
    script = """
        . "$1"
        shift
        compopt() { :; }  # works only where readline called
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _hark
        echo "${COMPREPLY[*]}"
    """
    program = stage.find("bin/hark")
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    file = stage.find("bash-completion/completions/hark")
    return run("bash", "-c", script, "bash", file, "hark", *words, env=env).split()


def check_completion(stage):
    """the installed completion offers commands, options and columns"""
    for words, expected in ((("ex",), ["explain"]),
                            (("explain", "--str"), ["--strict"]),
                            (("--ndj",), ["--ndjson"]),
                            (("-o", "port,reach4,pi"), ["port,reach4,pid"]),
                            (("--color", "al"), ["always"]),
                            (("help", "lis"), ["list"])):
        offered = complete(stage, *words)
        if offered != expected:
            raise Trouble(f"for {words}: {offered}, not {expected}")


CHECKS = (check_exports, check_program, check_completion)


def main(build, sanitize, *compiler):
    if sanitize != "-fsanitize=none":
        compiler += (sanitize,)
    examples = sorted((ROOT / "docs/examples").glob("*.c"))
    print(f"1..{len(CHECKS) + 1 + len(examples)}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            stage = Stage(build, compiler, folder)
        except Trouble as e:
            print("Bail out! it cannot be installed")
            print(*(f"# {line}" for line in str(e).splitlines()), sep="\n")
            return 1
        checks = [(check.__doc__, check, stage) for check in CHECKS]
        checks += [(f"docs/examples/{e.name} compiles and runs", stage.compile_and_run, e)
                   for e in examples]
        failed = 0
        for n, (name, check, argument) in enumerate(checks, 1):
            try:
                check(argument)
                print(f"ok {n} - {name}")
            except (Trouble, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"not ok {n} - {name}")
                print(*(f"# {line}" for line in str(e).splitlines()), sep="\n")
        n = len(checks) + 1
        print(f"{'' if examples else 'not '}ok {n} - there are examples")
    return 1 if failed or not examples else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
