"""How known rulesets are written down: the text, and what becomes of some packets.

An expectation is "PROTOCOL SOURCE PORT[@INTERFACE] OUTCOME[; DOUBT...]", of which the outcome is what
the kernel does: "accept", "accept 22" (of the listener at another port), "drop", "reject HOW",
"diverted WHERE", or "*" where that is not the same each time. After a semicolon are the names that
the answer "depends" has to have among its reasons; without one it has to be definite.
"""
import collections

from lab import Probe

TO = {"eth0": {4: "192.0.2.10", 6: "2001:db8::10"}, "eth1": {4: "198.18.0.10", 6: "2001:db8:1::10"}}
BASES = {
    "input": "type filter hook input priority 0; policy accept;",
    "closed": "type filter hook input priority 0; policy drop;",
    "raw": "type filter hook prerouting priority -300; policy accept;",
    "early": "type filter hook prerouting priority -300; policy drop;",
    "mangle": "type filter hook prerouting priority -150; policy accept;",
    "late": "type filter hook prerouting priority 10; policy accept;",
    "nat": "type nat hook prerouting priority -100; policy accept;",
    "output": "type filter hook output priority 0; policy accept;",
}

Known = collections.namedtuple("Known", "name ruleset expected definite")
Expected = collections.namedtuple("Expected", "probe outcome doubts")


def expectation(text):
    what, _, doubts = text.partition(";")
    protocol, source, port, outcome = what.split(maxsplit=3)
    port, _, interface = port.partition("@")
    interface = interface or "eth0"
    outcome = outcome.strip()
    if outcome == "accept":
        outcome = f"accept {port}"
    target = TO[interface][6 if ":" in source else 4]
    return Expected(Probe(interface, protocol, source, target, int(port)), outcome, doubts.split())


def known(name, ruleset, expected, definite=100):
    """`expected` by lines; `definite`: hundredths of the answers, at least."""
    lines = [line.strip() for line in expected.strip().splitlines() if line.strip()]
    return Known(name, ruleset, [expectation(line) for line in lines], definite)


def chain(base, *rules, name=None):
    """A base chain of BASES, or one that is jumped to."""
    head = [BASES[base]] if base in BASES else []
    return "\n".join([f"chain {name or base} {{", *head, *rules, "}"])


def table(family, *parts, name="t"):
    return [("nft", "\n".join([f"table {family} {name} {{", *parts, "}"]))]


def inet(base, *rules):
    """A table with one base chain."""
    return table("inet", chain(base, *rules))


def restore(backend, *rules, version=4, tables=None):
    """Rules of the table filter, or {table: rules}."""
    name = {4: "iptables", 6: "ip6tables"}[version]
    text = ""
    for title, lines in (tables or {"filter": rules}).items():
        text += f"*{title}\n" + "\n".join(lines) + "\nCOMMIT\n"
    return [(f"{name}-{backend}-restore", text)]
