#!/usr/bin/env python3
"""Real daemons in private namespaces; every port asked for real, and compared with what hark says.

Three rounds: as installed; with IPv6 disabled; with bindv6only=1. Needs root, or a user that may
map a range of ids (newuidmap). Daemons that are not installed are skipped, and so counted;
tests/daemons/install is how CI gets them. Prints TAP.
"""
import os
import pathlib
import subprocess
import sys
import threading

import checks
import servers
import world

ROUNDS = {
    "default": {},
    "no IPv6": {"ipv6": False},
    "bindv6only": {"bindv6only": True},
}
SECONDS_A_ROUND = 120
NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc",
              "--propagation", "private")
# The kernel ends a round's namespaces with this process, however it ends.
TIED = ("setpriv", "--pdeathsig", "KILL", "unshare")
# The first process of a pid namespace has to wait for those that lost their parents.
INIT = ("sh", "-c", '"$@"; exit $?', "init")
MAPPED = ("--user", "--map-root-user", "--map-auto")


def hark():
    root = pathlib.Path(__file__).resolve().parents[2]
    return os.path.abspath(os.environ.get("HARK") or root / "build" / "hark")


def namespaces():
    """The command that enters new namespaces, or why there is none."""
    if not os.path.exists("/proc/sys/net/ipv6"):
        return None, "this kernel runs without IPv6"
    command = [*TIED, *(MAPPED if os.geteuid() else ()), *NAMESPACES, *INIT]
    try:
        attempt = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True)
    except FileNotFoundError as error:
        return None, f"{error.filename} is not installed"
    if attempt.returncode:
        return None, "no namespaces: " + " ".join(attempt.stderr.split())
    return command, None


class Tap:
    """Numbers the results of the rounds, which print none."""

    def __init__(self):
        self.count = self.failed = 0

    def line(self, line):
        for word in ("ok", "not ok"):
            if line.startswith(f"{word} - "):
                self.count += 1
                self.failed += word != "ok"
                line = line.replace(word, f"{word} {self.count}", 1)
        print(line, flush=True)

    def run_round(self, command, name):
        child = subprocess.Popen([*command, sys.executable, __file__, "--round", name, hark()],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        too_long = threading.Timer(SECONDS_A_ROUND, child.kill)
        too_long.daemon = True
        too_long.start()
        for line in child.stdout:
            self.line(line.rstrip("\n"))
        status = child.wait()
        too_long.cancel()
        self.line(f"{'not ok' if status else 'ok'} - {name}: the round ended well")
        if status:
            self.line(f"# status {status}, within {SECONDS_A_ROUND} seconds or killed")


def one_round(name, program):
    here = world.World(**ROUNDS[name])
    present = []
    for server in servers.SERVERS:
        missing = server.missing()
        if missing:
            print(f"ok - {name}: {server.name} # SKIP {missing}")
        else:
            present.append(server)
    if present:
        checks.Checks(name, here.reachable(program), here).run(present)


def main():
    if sys.argv[1:2] == ["--round"]:
        one_round(*sys.argv[2:])
        return 0
    tap = Tap()
    command, missing = namespaces()
    for name in ROUNDS:
        if command:
            tap.run_round(command, name)
        else:
            for server in servers.SERVERS:
                tap.line(f"ok - {name}: {server.name} # SKIP {missing}")
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
