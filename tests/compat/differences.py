"""Where ours is meant to differ from the reference: a short list, each entry with its reason.

An entry changes what is asked of the reference, or what it said into what ours is to say; all
else is compared as it is.
"""
import dataclasses
import re
import typing

# A line break in a name, of those that the worlds use: what follows it is no row of its own.
BROKEN_NAME = re.compile(rb"(?<=\bnew)\n(?=line)")
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
# Characters of the worlds' names that cannot be seen.
HIDDEN = re.compile("[\u0080-\u009f\u202e]")
FAMILY_AND_PROTOCOL = re.compile(r"-i ?([46])(tcp|udp)(?=[ :@]|$)", re.I)


def escape_byte(match):
    return b"\\x%02x" % match[0][0]


def escape(_, text):
    """As render/escape.h says: of hostile text, nothing reaches a terminal as it is."""
    text = CONTROL.sub(escape_byte, BROKEN_NAME.sub(escape_byte, text)).decode("utf-8", "backslashreplace")
    return HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def forget(pattern):
    return lambda _, text: re.sub(pattern, b"", text)


def ask_family_alone(line):
    return FAMILY_AND_PROTOCOL.sub(r"-i\1", line)


def keep_protocol(line, text):
    protocol = FAMILY_AND_PROTOCOL.search(line)[2].upper().encode()
    return b"".join(row for row in text.splitlines(True)
                    if row.startswith(b"COMMAND ") or b" " + protocol + b" " in row)


def same(line, text=None):
    return line if text is None else text


@dataclasses.dataclass(frozen=True)
class Difference:
    program: str
    lines: str                      # pattern of the command lines
    reason: str
    ask: typing.Callable = same     # the line that the reference is given instead
    out: typing.Callable = same     # what is to be expected of its standard output
    err: typing.Callable = same     # and of standard error: this one for ours as well


DIFFERENCES = (
    Difference("netstat", ".", "names are written with control characters, which a terminal obeys",
               out=escape),
    Difference("netstat", ".", "a line break in a path is no error of the kernel's",
               err=forget(rb"warning, got bogus unix line\.\n")),
    Difference("lsof", ".", "ours stat()s no file systems, so it has no warnings that it may not",
               err=forget(rb"lsof: WARNING: can't stat\(\).*\n(?: +Output information may be incomplete\.\n)?")),
    Difference("lsof", ".", "a user without a name is told of once for each process, listed or not",
               err=forget(rb"lsof: no pwd entry for UID \d+\n")),
    Difference("lsof", FAMILY_AND_PROTOCOL.pattern.replace("-i", "(?i)-i"),
               "-i4TCP lists IPv6 sockets and -i6UDP hides some, while -i4 and -i6 do what the manual says",
               ask=ask_family_alone, out=keep_protocol),
)


def of(program, line):
    """Those that apply to a command line, in which each word is set apart by a blank."""
    return [entry for entry in DIFFERENCES if entry.program == program and re.search(entry.lines, line)]
