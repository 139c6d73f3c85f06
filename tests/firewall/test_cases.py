#!/usr/bin/env python3
"""Known rulesets: what the kernel does, and what hark says of it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import case, expect, expect_equal, main  # noqa: E402 (the path comes first)
import known_nft  # noqa: E402
import known_other  # noqa: E402
from check import DEFINITE, Checker, entries, number, part_of, tell  # noqa: E402
from lab import Lab  # noqa: E402
from values import TCP_PORTS, UDP_PORTS  # noqa: E402

_checkers = []


def checker():
    """One for all of them, which starts to count again."""
    if not _checkers:
        _checkers.append(Checker(Lab(TCP_PORTS, UDP_PORTS)))
    _checkers[0].count.clear()
    return _checkers[0]


def what_the_kernel_does(lab, known):
    found = lab.probe([e.probe for e in known.expected])
    for expected, outcome in zip(known.expected, found):
        if expected.outcome != "*":
            expect_equal(outcome, expected.outcome, f"the kernel, of {expected.probe}")
    lab.forget()


def said_of(told, probe):
    """What hark says of a packet."""
    for entry in told:
        if (entry.protocol, entry.port, entry.interface) == (
                probe.protocol, probe.port, probe.interface) and probe.target in entry.addresses:
            return part_of(entry, number(probe.source))
    raise AssertionError(f"nothing is said of {probe}")


def what_hark_says(document, known):
    told = list(entries(document))
    for expected in known.expected:
        part = said_of(told, expected.probe)
        expect(set(expected.doubts) <= set(part.depends_on), f"{expected.probe}: {part}")
        if expected.outcome != "*" and not expected.doubts:
            expect(part.verdict in DEFINITE, f"{expected.probe} is {expected.outcome}: {part}")


def check(known):
    this = checker()
    this.lab.clear()
    this.lab.load(known.ruleset)
    what_the_kernel_does(this.lab, known)
    wrong = this.compare(known.ruleset)
    expect(not wrong, "\n".join(tell(wrong)))
    what_hark_says(this.ask(), known)
    expect(this.definite() >= known.definite, this.summary())


for _known in known_nft.CASES + known_other.CASES:
    def _check(known=_known):
        check(known)
    _check.__doc__ = _known.name
    case(_check)

main()
