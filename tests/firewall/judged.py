"""Known rulesets: what the kernel does, and what hark says of it."""
from harness import expect, expect_equal
from check import DEFINITE, Checker, entries, said_of, tell
from lab import Lab
from values import TCP_PORTS, UDP_PORTS

_checkers = []


def checker():
    """One for all of them, which starts to count again."""
    if not _checkers:
        _checkers.append(Checker(Lab(TCP_PORTS, UDP_PORTS)))
    _checkers[0].count.clear()
    _checkers[0].doubts.clear()
    return _checkers[0]


def _what_the_kernel_does(lab, known):
    lab.forget()
    found = lab.probe([e.probe for e in known.expected])
    for expected, outcome in zip(known.expected, found):
        if expected.outcome != "*":
            expect_equal(outcome, expected.outcome, f"the kernel, of {expected.probe}")
    lab.forget()


def _what_hark_says(document, known):
    told = list(entries(document))
    for expected in known.expected:
        part = said_of(told, expected.probe)
        expect(set(expected.doubts) <= set(part.depends_on), f"{expected.probe}: {part}")
        if expected.outcome != "*" and not expected.doubts:
            expect(part.verdict in DEFINITE, f"{expected.probe} is {expected.outcome}: {part}")


def check(known, **options):
    """Its ruleset is loaded."""
    this = checker()
    _what_the_kernel_does(this.lab, known)
    wrong = this.compare(known.ruleset, **options)
    expect(not wrong, "\n".join(tell(wrong)))
    _what_hark_says(this.ask(), known)
    expect(this.definite() >= known.definite, this.summary())
    print(f"# {this.summary()}")


def run(known):
    lab = checker().lab
    lab.clear()
    lab.load(known.ruleset)
    check(known)
