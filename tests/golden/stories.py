#!/usr/bin/env python3
"""What hark explains of the situations of tests/tools/stories_table.c, compared with expected/stories/.

    stories.py STORY

HARK_BLESS=1 writes the files anew. Prints TAP.
"""
import json
import pathlib
import re
import subprocess
import sys

from check_json import DOCUMENT, object_problems
from golden import EXPECTED, ROOT, Tap, compare

FINDING = {"code": str, "depth": str, "text": str, "evidence": str, "netns": (int, type(None)),
           "sockets": list, "tools": list}
TOOL = {"command": str, "shows": (bool, type(None)), "as": (str, type(None))}


def run(story, *words):
    return subprocess.run([story, *words], stdout=subprocess.PIPE, check=True).stdout


def finding_problems(where, finding, n_sockets):
    yield from object_problems(where, finding, FINDING)
    if finding["depth"] not in ("headline", "part", "detail"):
        yield f"{where}: depth is {finding['depth']}"
    if any(not 0 <= i < n_sockets for i in finding["sockets"]):
        yield f"{where}: sockets are {finding['sockets']} of {n_sockets}"
    for tool in finding["tools"]:
        yield from object_problems(where, tool, TOOL)
        # of what ss shows there is nothing to say where that is not known
        is_silent = finding["code"] == "shown-by" and tool["shows"] and not tool["as"]
        if not is_silent and (f'"{tool["command"]}"' not in finding["text"] or
                              (tool["as"] or "") not in finding["text"]):
            yield f"{where}: the text does not say {tool}"


def check_data(story, names):
    """the findings as data are those of the text, each about sockets that are there"""
    for name in names:
        document = json.loads(run(story, name, "json"))
        text = run(story, name).decode()
        if list(document)[:len(DOCUMENT) + 1] != [*DOCUMENT, "findings"]:
            yield f"{name}: keys are {list(document)}"
        lines = [line.strip() for line in text.splitlines() if line]
        told = [line for finding in document["findings"] for line in (finding["text"], finding["evidence"])]
        if lines != [line.replace("\033", "\\x1b") for line in told]:
            yield f"{name}: the text has other findings"
        for finding in document["findings"]:
            where = f"{name}: {finding['code']}"
            yield from finding_problems(where, finding, len(document["sockets"]))
            if finding["depth"] == "detail" and not finding["sockets"]:
                yield f"{where}: about no socket"


def check_manual(story, names):
    """each code of a finding stands in the manual"""
    manual = (ROOT / "man/hark.1.scd").read_text(encoding="utf-8")
    codes = {finding["code"] for name in names
             for finding in json.loads(run(story, name, "json"))["findings"]}
    for code in sorted(codes):
        if not re.search(rf"\*{re.escape(code)}\*", manual) and not code.startswith("hint-"):
            yield code


def check_founding(_story, names):
    """the founding story comes first, and there are thirty at least"""
    if names[0] != "founding" or len(names) < 30 or len(set(names)) < len(names):
        yield f"{names}"


CHECKS = (check_founding, check_data, check_manual)


def main(story):
    names = run(story).decode().split()
    tap = Tap(len(names) + len(CHECKS))
    (EXPECTED / "stories").mkdir(exist_ok=True)
    for name in names:
        tap.check(name, compare(f"stories/{name}.txt", run(story, name)))
    for check in CHECKS:
        tap.check(check.__doc__, list(check(story, names)))
    return 1 if tap.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
