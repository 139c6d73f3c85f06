"""Makes a ruleset small that is judged wrong, as long as it stays so."""
import time

from lab import LoadError


def _blocks(lines):
    """(first, past the last) of what a pair of braces over several lines holds, the largest first."""
    opened, found = [], []
    for n, line in enumerate(lines):
        if line.rstrip().endswith("{"):
            opened.append(n)
        elif line.strip() == "}" and opened:
            found.append((opened.pop(), n + 1))
    return sorted(found, key=lambda b: b[0] - b[1])


def _pieces(text):
    """What may be left out: blocks, then lines."""
    lines = text.splitlines()
    return _blocks(lines) + [(n, n + 1) for n in reversed(range(len(lines)))
                             if lines[n].strip() not in ("}", "COMMIT") and
                             not lines[n].rstrip().endswith("{")]


def _without(text, piece):
    lines = text.splitlines()
    return "\n".join(lines[:piece[0]] + lines[piece[1]:])


def reduce(ruleset, is_wrong, seconds):
    """`is_wrong` loads a ruleset and tells; LoadError counts as no."""
    deadline = time.monotonic() + seconds

    def still(candidate):
        try:
            return is_wrong(candidate)
        except LoadError:
            return False
    smaller = True
    while smaller and time.monotonic() < deadline:
        smaller = False
        for n in reversed(range(len(ruleset))):
            candidate = ruleset[:n] + ruleset[n + 1:]
            if still(candidate):
                ruleset, smaller = candidate, True
        for n, (kind, _) in enumerate(ruleset):
            at = 0
            while time.monotonic() < deadline and at < len(pieces := _pieces(ruleset[n][1])):
                candidate = list(ruleset)
                candidate[n] = kind, _without(ruleset[n][1], pieces[at])
                if still(candidate):
                    ruleset, smaller = candidate, True
                else:
                    at += 1
    return ruleset
