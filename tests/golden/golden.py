#!/usr/bin/env python3
"""Hand-made snapshots through every renderer, compared with files in expected/.

    golden.py SHOW

HARK_BLESS=1 writes the files anew: look at what `git diff` says then. Prints TAP.
"""
import difflib
import os
import pathlib
import subprocess
import sys
import unicodedata

EXPECTED = pathlib.Path(__file__).resolve().parent / "expected"
ROOT = EXPECTED.parents[2]
BLESS = os.environ.get("HARK_BLESS") == "1"
DIFF_LINES = 60

# Name of the file: snapshot, format, options of `show`.
CASES = {
    "founding": "founding table",
    "founding-80": "founding table width=80 summary",
    "founding-132": "founding table width=132 summary",
    "founding-color": "founding table width=100 summary color",
    "founding-ascii": "founding table width=80 summary ascii",
    "founding-columns": "founding table columns=label,port,v6only,answers4,via4,decided4,why4,pid",
    "founding-added": "founding table columns=+user,inode width=120 no-header",
    "founding.json": "founding json",
    "founding.ndjson": "founding ndjson",
    "founding.csv": "founding csv",
    "founding-columns.csv": "founding csv columns=port,holders,cmdline,started",
    "rich": "rich table",
    "rich-80": "rich table width=80 summary",
    "rich-40": "rich table width=40 summary",
    "rich-20": "rich table width=20 summary color",
    "rich-color": "rich table width=160 summary color",
    "rich-ascii": "rich table ascii",
    "rich-columns": "rich table columns=port,command,cmdline,unit,container,runtime,device,why4,why6,queue",
    "rich.json": "rich json",
    "rich.csv": "rich csv",
    "connections": "connections table all",
    "connections-80": "connections table all width=80 summary",
    "connections-color": "connections table all width=132 color summary",
    "connections-columns": "connections table all columns=+recv-q,send-q,mapped",
    "connections.ndjson": "connections ndjson all",
    "connections.csv": "connections csv all",
    "hidden": "hidden table",
    "hidden-80": "hidden table width=80 summary",
    "hidden.json": "hidden json",
    "hidden-debug.json": "hidden json debug",
    "hidden-notes": "hidden notes",
    "hidden-notes-debug": "hidden notes debug ascii",
    "founding-explain": "founding explain",
    "founding-explain-80": "founding explain width=80 color",
    "founding-evidence": "founding explain evidence",
    "founding-evidence-80": "founding explain evidence width=80 color",
    "founding-findings.json": "founding findings",
    "rich-explain": "rich explain evidence ascii",
    "rich-explain-80": "rich explain width=80 color",
    "connections-explain": "connections explain width=100",
    "everywhere": "everywhere table",
    "everywhere-80": "everywhere table width=80 summary",
    "everywhere-color": "everywhere table width=120 color summary",
    "everywhere-all": "everywhere table all",
    "everywhere-columns": "everywhere table columns=+netns,port width=120",
    "everywhere.json": "everywhere json",
    "everywhere.csv": "everywhere csv",
    "everywhere-notes": "everywhere notes",
    "everywhere-explain": "everywhere explain width=100",
    "firewall": "firewall table",
    "firewall-80": "firewall table width=80 summary ascii",
    "firewall-color": "firewall table width=132 summary color",
    "firewall-all": "firewall table all",
    "firewall-columns": "firewall table columns=port,from4,from6,wider,reach4,reach6",
    "firewall.json": "firewall json",
    "firewall.ndjson": "firewall ndjson",
    "firewall.csv": "firewall csv",
    "firewall-notes": "firewall notes",
    "firewall-exposed": "firewall exposed",
    "firewall-exposed-80": "firewall exposed width=80 color",
    "firewall-exposed.json": "firewall exposed-json",
    "firewall-exposed.ndjson": "firewall exposed-ndjson",
    "firewall-reached": "firewall reached from=10.0.0.0/7",
    "firewall-reached-80": "firewall reached from=10.1.2.3 width=80 color",
    "firewall-reached-all": "firewall reached from=2001:db8:1::5 all ascii",
    "firewall-reached-own": "firewall reached from=127.0.0.1",
    "firewall-reached-eth0": "firewall reached from=eth0",
    "firewall-reached.json": "firewall reached-json from=10.0.0.0/7",
    "founding-exposed": "founding exposed",
    "founding-reached": "founding reached from=203.0.113.5-203.0.113.9",
    "empty-exposed": "empty exposed",
    "elsewhere.json": "elsewhere json",
    "elsewhere-notes": "elsewhere notes",
    "empty": "empty table width=80 summary",
    "empty.json": "empty json",
    "empty.ndjson": "empty ndjson",
    "empty.csv": "empty csv",
    "columns": "columns",
}

# Mistakes: what is told on standard error, with exit status 2.
MISTAKES = {
    "a column misspelt": ("founding table columns=port,adress",
                          'no column is called "adress": did you mean "address"?'),
    "a column unheard of": ("founding table columns=zzz",
                            'no column is called "zzz": see them all with -o help'),
    "no column at all": ("founding csv columns=", 'no column is called "": see them all with -o help'),
    "an empty name": ("founding csv columns=port,", 'no column is called "": see them all with -o help'),
    "a name that goes on for long": ("founding csv columns=" + "port" * 2000,
                                     'no column is called "portportportportportportportpor": '
                                     'see them all with -o help'),
    "more columns than there is room for": ("founding csv columns=" + ",".join(["port"] * 65),
                                            "more than 64 columns"),
}


class Tap:
    def __init__(self, planned):
        self.n = self.failed = 0
        print(f"1..{planned}")

    def check(self, name, problems):
        self.n += 1
        self.failed += bool(problems)
        print(f"{'not ' if problems else ''}ok {self.n} - {name}")
        for line in problems:
            print("#", line.rstrip("\n"))


def run(show, arguments, **how):
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.run([show, *arguments.split(" ")], **how)


def compare(name, got):
    path = EXPECTED / (name if "." in name else name + ".txt")
    if BLESS:
        path.write_bytes(got)
        return []
    expected = path.read_bytes() if path.exists() else b""
    # The difference is shown, so that nothing of it may steer a terminal.
    lines = [[ascii(line)[1:-1] for line in text.decode(errors="surrogateescape").splitlines()]
             for text in (expected, got)]
    diff = list(difflib.unified_diff(*lines, "expected", "printed", lineterm=""))
    return diff[:DIFF_LINES] or ([] if got == expected else ["only the ends of lines differ"])


def check_case(show, name, arguments):
    done = run(show, arguments)
    if done.returncode or done.stderr:
        return [f"status {done.returncode}", *done.stderr.decode(errors="replace").splitlines()]
    return compare(name, done.stdout)


def check_mistake(show, arguments, message):
    done = run(show, arguments)
    got = (done.returncode, done.stdout, done.stderr)
    return [] if got == (2, b"", message.encode() + b"\n") else [f"got {got}"]


def check_full_disk(show):
    with open("/dev/full", "wb") as full:
        done = run(show, "many json", stdout=full)
    got = (done.returncode, done.stderr)
    return [] if got == (1, b"No space left on device\n") else [f"got {got}"]


def check_reader_gone(show):
    """A reader that takes a little and goes."""
    read_end, write_end = os.pipe()
    ignore = ["python3", "-c", "import os, signal, sys; signal.signal(signal.SIGPIPE, signal.SIG_IGN); "
              "os.execv(sys.argv[1], sys.argv[1:])", show, "many", "table"]
    process = subprocess.Popen(ignore, stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    os.read(read_end, 10)
    os.close(read_end)
    got = (process.communicate()[1], process.returncode)
    return [] if got == (b"Broken pipe\n", 1) else [f"got {got}"]


def check_slow_reader(show):
    """A pipe that is non-blocking and full for a while loses nothing."""
    whole = run(show, "many csv").stdout
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    process = subprocess.Popen([show, "many", "csv"], stdout=write_end)
    os.close(write_end)
    with open(read_end, "rb") as reader:
        got = reader.read()
    process.wait()
    return [] if (got, process.returncode) == (whole, 0) else [f"{len(got)} of {len(whole)} bytes"]


def check_escapes(show):
    """No control, no invalid byte and no hidden character gets out but for our own colours."""
    problems = []
    for arguments in ("rich table", "rich table ascii", "rich csv", "rich json", "rich ndjson",
                      "rich table columns=command,cmdline,unit", "rich explain evidence", "rich explain evidence ascii", "rich findings",
                      "firewall table", "firewall json", "firewall exposed", "firewall reached all"):
        text = run(show, arguments).stdout
        if arguments.endswith("ascii") and not text.isascii():
            problems.append(f"{arguments}: not ASCII")
        for char in set(text.decode()) - {"\n"}:
            if not char.isprintable() and unicodedata.category(char) != "Co":  # private
                problems.append(f"{arguments}: {ascii(char)}")
    return problems


def check_wrapping(show):
    """An explanation keeps to the screen, and says the same words on every one."""
    problems, words = [], run(show, "rich explain evidence").stdout.split()
    for width in (1, 20, 40, 41, 57, 80, 100, 101, 300):
        text = run(show, f"rich explain evidence width={width}").stdout.decode()
        if text.encode().split() != words:
            problems.append(f"width {width}: other words")
        limit = min(max(width, 40), 100)
        problems += [f"width {width}: {ascii(line)}" for line in text.splitlines()
                     if len(line) > limit and len(line.split()) > 1]
    return problems


def main(show):
    behaviours = {"a full disk is told": check_full_disk,
                  "a reader that goes away is told": check_reader_gone,
                  "a slow reader gets everything": check_slow_reader,
                  "nothing hidden gets out": check_escapes,
                  "an explanation is wrapped": check_wrapping}
    tap = Tap(len(CASES) + len(MISTAKES) + len(behaviours))
    for name, arguments in CASES.items():
        tap.check(f"{name}: {arguments}", check_case(show, name, arguments))
    for name, (arguments, message) in MISTAKES.items():
        tap.check(name, check_mistake(show, arguments, message))
    for name, check in behaviours.items():
        tap.check(name, check(show))
    return 1 if tap.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
