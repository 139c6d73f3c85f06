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
FAMILY_AND_PROTOCOL = re.compile(r"(?i)(-i ?[46])(tcp|udp)(?=[ :@]|$)")


def escape_byte(match):
    return b"\\x%02x" % match[0][0]


def escape(text):
    """As render/escape.h says: of hostile text, nothing reaches a terminal as it is."""
    text = BROKEN_NAME.sub(escape_byte, text)
    text = CONTROL.sub(escape_byte, text).decode("utf-8", "backslashreplace")
    return HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def spell_hidden(out):
    """As lsof spells what it does not write as it is."""
    text = out.decode("utf-8", "surrogateescape")
    return HIDDEN.sub(lambda match: "".join(f"\\x{byte:02x}" for byte in match[0].encode()),
                      text).encode("utf-8", "surrogateescape")


def forget(pattern):
    return lambda text: re.sub(pattern, b"", text)


def of(family, protocol):
    """What lsof lists of one kind; other rows may have made its columns wider."""
    family, protocol = (b" %s " % word.encode() for word in (f"IPv{family}", protocol.upper()))

    def keep(text):
        rows = [re.sub(b" +", b" ", row) for row in text.splitlines(True)]
        kept = [row for row in rows if family in row and protocol in row]
        return b"".join(rows[:1] + kept if kept else [])

    return keep


def same(value, *_):
    return value


@dataclasses.dataclass(frozen=True)
class Difference:
    program: str
    lines: str                      # pattern of the command lines
    reason: str
    ask: typing.Callable = same     # the line that the reference is given instead
    out: typing.Callable = same     # what is to be expected of its standard output
    status: typing.Callable = same  # and of its exit status, of which that is told, too
    both: typing.Callable = same    # what of the standard output of both is compared
    err: typing.Callable = same     # and of standard error


DIFFERENCES = (
    Difference("netstat", ".", "names are written with control characters, which a terminal obeys",
               out=escape),
    Difference("netstat", ".", "a line break in a path is no error of the kernel's",
               err=forget(rb"warning, got bogus unix line\.\n")),
    Difference("lsof", "-[nP]*F", "fields have characters that turn the direction of text",
               out=spell_hidden),
    Difference("lsof", ".", "ours stat()s no file systems, so it has no warnings that it may not",
               err=forget(rb"lsof: WARNING: can't stat\(\).*\n"
                          rb"(?: +Output information may be incomplete\.\n)?")),
    Difference("lsof", ".", "of a user without a name it is told for each process, listed or not",
               err=forget(rb"lsof: no pwd entry for UID \d+\n")),
    *(Difference("lsof", rf"(?i)-i ?{family}{protocol}([ :@]|$)",
                 "-i4TCP and -i4:80 list IPv6 sockets, -i6UDP hides some; -i4 does what its manual says",
                 ask=lambda line: FAMILY_AND_PROTOCOL.sub(r"\1", line), both=of(family, protocol),
                 status=lambda status, out, rows=of(family, protocol): 0 if rows(out) else 1)
      for family in (4, 6) for protocol in ("tcp", "udp")),
)


def applying(program, line):
    """Those that apply to a command line."""
    return [entry for entry in DIFFERENCES
            if entry.program == program and re.search(entry.lines, line)]
