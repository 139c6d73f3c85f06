"""Where ours is meant to differ from the reference: a short list, each entry with its reason.

An entry changes what the reference said into what ours is to say; all else is compared as it is.
"""
import re

# A line break in a name, of those that the worlds use: what follows it is no row of its own.
BROKEN_NAME = re.compile(rb"(?<=\bnew)\n(?=line)")
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")


def escape(match):
    return b"\\x%02x" % match[0][0]


# program, pattern of the command lines, function of what the reference wrote, reason
DIFFERENCES = (
    ("netstat", ".", lambda out: CONTROL.sub(escape, BROKEN_NAME.sub(escape, out)),
     "netstat writes control characters of names as they are, which a terminal obeys"),
)


def expected(program, words, out):
    """What ours is to write, where the reference wrote `out`."""
    line = " ".join(words)
    for name, lines, change, _ in DIFFERENCES:
        if name == program and re.search(lines, line):
            out = change(out)
    return out
