#!/usr/bin/env python3
"""Installs into a stage and uses libhark from there as a stranger would; prints TAP.

    examples.py BUILD -fsanitize=WHAT COMPILER...

Each docs/examples/*.c is compiled with the flags that pkg-config tells, and run where there is one
dual-stack listener on port 80, an IPv4 address that is private and an IPv6 one that is loopback.
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/truth"))
import netns  # noqa: E402

# Its arguments, its exit status, and what is in its output
EXAMPLES = {
    "families-differ": ([], 1, "tcp port 80: IPv4 private, IPv6 host"),
    "listeners": ([], 0, "tcp46         80  bound to ::"),
    "who-answers": (["192.168.1.241:80"], 0, f"pid {os.getpid()} ("),
}


class Trouble(Exception):
    pass


class Skip(Exception):
    pass


def run(*command, status=0, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **options)
    if done.returncode != status:
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

    def compile(self, source):
        program = self.folder / source.stem
        run(*self.compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", source, "-o", program,
            *self.flags(), env=self.environment())
        return program


class World:
    """A network namespace with the listener of the founding story, held by this process."""

    def __init__(self):
        try:
            netns.become_root()
            self.namespace = netns.Netns()
        except OSError as e:
            raise Skip(str(e)) from e
        self.namespace.ip(["link set lo up", "address add 192.168.1.241/32 dev lo"])
        with self.namespace:
            self.listener = socket.create_server(("::", 80), family=socket.AF_INET6,
                                                 dualstack_ipv6=True)

    def __enter__(self):
        return self.namespace.__enter__()

    def __exit__(self, *error):
        self.namespace.__exit__(*error)


def check_example(stage, source):
    program = stage.compile(source)
    if source.stem not in EXAMPLES:
        raise Trouble("say in tests/examples/examples.py what it prints")
    arguments, status, expected = EXAMPLES[source.stem]
    with World():
        output = run(program, *arguments, status=status, env=stage.environment(), timeout=60)
    if expected not in output:
        raise Trouble(f"no {expected!r} in what it printed:\n{output}")


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
    for words, expected in ((("ex",), ["explain", "exposed"]),
                            (("explain", "--str"), ["--strict"]),
                            (("--ndj",), ["--ndjson"]),
                            (("-o", "port,reach4,pi"), ["port,reach4,pid"]),
                            (("--color", "al"), ["always"]),
                            (("help", "lis"), ["list"])):
        offered = complete(stage, *words)
        if offered != expected:
            raise Trouble(f"for {words}: {offered}, not {expected}")


CHECKS = (check_exports, check_program, check_completion)


def cases(stage):
    for check in CHECKS:
        yield check.__doc__, check, [stage]
    for source in sorted((ROOT / "docs/examples").glob("*.c")):
        yield f"docs/examples/{source.name} compiles and runs", check_example, [stage, source]


def report(number, name, check, arguments):
    """Runs a check and prints its result; returns whether it is fine."""
    try:
        check(*arguments)
        print(f"ok {number} - {name}", flush=True)
    except Skip as e:
        print(f"ok {number} - {name} # SKIP no network namespace: {e}", flush=True)
    except (Trouble, subprocess.TimeoutExpired) as e:
        print(f"not ok {number} - {name}")
        print(*(f"# {line}" for line in str(e).splitlines()), sep="\n", flush=True)
        return False
    return True


def main(build, sanitize, *compiler):
    if sanitize != "-fsanitize=none":
        compiler += (sanitize,)
    with tempfile.TemporaryDirectory() as folder:
        try:
            stage = Stage(build, compiler, folder)
        except Trouble as e:
            print("Bail out! it cannot be installed")
            print(*(f"# {line}" for line in str(e).splitlines()), sep="\n")
            return 1
        results = [report(n, *case) for n, case in enumerate(cases(stage), 1)]
    print(f"1..{len(results)}")
    if len(results) == len(CHECKS):
        print("there are no examples in docs/examples", file=sys.stderr)
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
