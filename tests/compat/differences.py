"""Where ours is meant to differ from the reference: a short list, each entry with its reason.

An entry changes what the reference said into what ours is to say; all else is compared as it is.
"""
import re

# A line break in a name, of those that the worlds use: what follows it is no row of its own.
BROKEN_NAME = re.compile(rb"(?<=\bnew)\n(?=line)")
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
# Characters of the worlds' names that cannot be seen.
HIDDEN = re.compile("[\u0080-\u009f\u202e]")


def escape_byte(match):
    return b"\\x%02x" % match[0][0]


def escape(out):
    """As render/escape.h says: of hostile text, nothing reaches a terminal as it is."""
    out = CONTROL.sub(escape_byte, BROKEN_NAME.sub(escape_byte, out))
    text = out.decode("utf-8", "backslashreplace")
    return HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def forget_lines(*lines):
    return lambda err: b"".join(line for line in err.splitlines(True) if line not in lines)


# program, pattern of the command lines, "out" or "err", function of what the reference wrote, reason
DIFFERENCES = (
    ("netstat", ".", "out", escape,
     "netstat writes control characters of names as they are, which a terminal obeys"),
    ("netstat", ".", "err", forget_lines(b"warning, got bogus unix line.\n"),
     "a line break in a path is no error of the kernel's"),
)


def expected(program, words, outcome):
    """What ours is to write as "out" and "err", where the reference wrote this."""
    line = " ".join(words)
    outcome = dict(outcome)
    for name, lines, stream, change, _ in DIFFERENCES:
        if name == program and re.search(lines, line):
            outcome[stream] = change(outcome[stream])
    return outcome
