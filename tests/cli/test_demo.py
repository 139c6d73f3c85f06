#!/usr/bin/env python3
"""hark demo: the riddle shown, solved, and nothing left behind."""
import errno
import os
import pathlib
import re
import signal
import subprocess

import harness
from harness import (ROOT, Skip, case, clean_environment, expect, expect_equal, hark, libc, main,
                     needs_real_root)

WITHOUT = os.environ.get("WITHOUT", str(ROOT / "build-asan/tests/tools/without"))
NOBODY = 65534
CALLS = {  # what is called: whether it answers, and how the server sees an IPv4 caller
    "192.168.1.241:80": "demo-web sees us as ::ffff:192.168.1.241",
    "[fd00:241::1]:80": "demo-web sees us as fd00:241::1",
    "192.168.1.241:22": "demo-ssh sees us as 192.168.1.241",
    "[fd00:241::1]:22": "demo-ssh sees us as fd00:241::1",
    "192.168.1.241:8084": "Connection refused",
    "[fd00:241::1]:8084": "demo-modern sees us as fd00:241::1",
    "127.0.0.1:5432": "demo-database sees us as 127.0.0.1",
    "[::1]:5432": "demo-database sees us as ::1",
    "192.168.1.241:53": "demo-names sees us as ::ffff:192.168.1.241",
    "[fd00:241::1]:53": "demo-names sees us as fd00:241::1",
    "192.168.1.241:123": "demo-clock sees us as 192.168.1.241",
    "[fd00:241::1]:123": "Connection refused",
}


def servers():
    """Processes of the demo: it names them so."""
    names = []
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            names.append(path.read_text(encoding="ascii", errors="replace").strip())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return [name for name in names if name.startswith("demo-")]


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def check_story(answer):
    expect_equal((answer.status, answer.err), (0, ""), answer)
    netstat, table, calls, why = re.split(r"\n\n.*\n", answer.out.split("\n", 2)[2].split("\n", 1)[1])
    expect("0.0.0.0:22" in netstat and ":80 " not in netstat, netstat)
    expect(re.search(r"^tcp +80 +via :: +:: +private\?? +demo-web \d+$", table, re.M), table)
    expect(re.search(r"^tcp +22 +0\.0\.0\.0 +:: +private\?? +demo-ssh \d+$", table, re.M), table)
    expect(re.search(r"^tcp +8084 +- +:: ", table, re.M), table)
    expect(re.search(r"^tcp +5432 +127\.0\.0\.1 +::1 +this host ", table, re.M), table)
    for target, outcome in CALLS.items():
        line = next(line for line in calls.splitlines() if f" {target} " in line)
        expect(line.endswith(outcome), line)
    expect_equal(len(calls.splitlines()), len(CALLS), calls)
    expect_equal(len(why.splitlines()), 5, why)


@case
def story():
    """netstat's view, hark's, real calls over both families, and five sentences"""
    check_story(hark("demo"))
    expect_equal(servers(), [])


@case
def ordinary_user():
    """it needs no root where user namespaces are allowed"""
    needs_real_root()
    allowed = subprocess.run(["unshare", "--user", "true"], preexec_fn=become_nobody,
                             capture_output=True, check=False)
    if allowed.returncode:
        raise Skip(f"they are not, {allowed.stderr.decode().strip()}")
    check_story(hark("demo", preexec_fn=become_nobody))
    expect_equal(servers(), [])


@case
def forbidden():
    """a clear word, and status 3, where the system forbids it"""
    answer = hark("demo", prefix=(WITHOUT, f"unshare={errno.EPERM}"))
    expect_equal((answer.status, answer.out), (3, ""))
    expect("does not allow a private network namespace" in answer.err, answer)
    expect_equal(len(answer.err.splitlines()), 1, answer)


@case
def killed():
    """its servers end with it, however it ends"""
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        reader, writer = os.pipe()
        # A pipe that nobody reads: the demo is in its story when it is killed.
        with subprocess.Popen([harness.HARK, "demo", "--color", "always"], stdout=writer,
                              stderr=subprocess.DEVNULL, env=clean_environment()) as process:
            os.close(writer)
            os.read(reader, 1)
            process.send_signal(number)
            process.wait()
        os.close(reader)
        # Those that are being killed are waited for by us, who took them over.
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
        expect_equal(servers(), [], number)


if __name__ == "__main__":
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    main()
