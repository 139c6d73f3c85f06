"""What `hark --json` says of a ruleset, against what the kernel does.

Each listener's answer is a partition of all senders. Senders from the edges of every part of it,
from the edges of every address that the ruleset names, and some others are tried.
"""
import collections
import functools
import ipaddress
import random
import re

from harness import hark
from lab import Probe, is_sendable

MAX = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
NAMED = re.compile(r"(?<![\w.:])((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]*:[0-9a-f]*)"
                   r"(?:/(\d+)(?![\d.])|-((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]*:[0-9a-f:]*))?")
DEFINITE = ("accept", "drop", "reject", "diverted")
TRIED = 48  # senders of an entry: edges first

Entry = collections.namedtuple("Entry", "protocol port family interface addresses parts")
Part = collections.namedtuple("Part", "ranges verdict how depends_on rules")
Wrong = collections.namedtuple("Wrong", "probe said found rules")


@functools.lru_cache(65536)
def number(text):
    return int(ipaddress.ip_address(text))


def span(text):
    """(first, last) of what a range is written as."""
    if "/" in text:
        net = ipaddress.ip_network(text)
        return int(net[0]), int(net[-1])
    first, _, last = text.partition("-")
    return number(first), number(last or first)


def _text(value, version):
    return str(ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value))


def edges_named(ruleset):
    """{version: numbers} of first and last addresses that texts name, and those beside them."""
    found = {4: set(), 6: set()}
    for _, text in ruleset:
        for first, bits, last in NAMED.findall(text):
            try:
                if bits:
                    net = ipaddress.ip_network(f"{first}/{bits}", strict=False)
                    ends, version = (int(net[0]), int(net[-1])), net.version
                else:
                    version = ipaddress.ip_address(first).version
                    ends = number(first), number(last or first)
            except ValueError:
                continue
            found[version] |= {ends[0] - 1, ends[0], ends[1], ends[1] + 1}
    return found


def entries(document):
    """What is said of each listener, for interfaces that a packet can be sent to."""
    for sock in document["sockets"]:
        if sock["firewall"] is None:
            raise AssertionError(f"no firewall for {sock['local']}; {document['notes']}")
        for entry in sock["firewall"]:
            parts = [Part([span(r) for r in s["from"]], s["verdict"], s["how"], s["depends_on"],
                          s["rules"]) for s in entry["sources"]]
            yield Entry(sock["protocol"], sock["local"]["port"], 4 if entry["family"] == "ipv4" else 6,
                        entry["interface"], entry["addresses"], parts)


def part_of(entry, value):
    for part in entry.parts:
        if any(first <= value <= last for first, last in part.ranges):
            return part
    raise AssertionError(f"{_text(value, entry.family)} is in no part of {entry}")


def said_of(told, probe):
    """The part of the entries that a packet is in."""
    for entry in told:
        if (entry.protocol, entry.port, entry.interface) == (
                probe.protocol, probe.port, probe.interface) and probe.target in entry.addresses:
            return part_of(entry, number(probe.source))
    raise AssertionError(f"nothing is said of {probe}")


def senders(entry, named, rng, tried=TRIED):
    """Addresses to try: of each part some from its edges, then what the ruleset names."""
    top, groups = MAX[entry.family], []
    for part in entry.parts:
        ranges = part.ranges if len(part.ranges) <= 16 else rng.sample(part.ranges, 16)
        found = []
        for first, last in ranges:
            found += [first, last, first - 1, last + 1, rng.randint(first, last)]
        groups.append(found)
    other = sorted(named[entry.family])
    groups.append(rng.sample(other, min(len(other), tried)))
    groups.append([rng.randint(0, top) for _ in range(4)])
    share = max(4, tried // len(groups))
    chosen, rest = [], []
    for found in groups:
        rng.shuffle(found)
        chosen += found[:share]
        rest += found[share:]
    rng.shuffle(rest)
    unique = dict.fromkeys(v for v in chosen + rest if 0 <= v <= top)
    usable = [a for a in (_text(v, entry.family) for v in unique) if is_sendable(a)]
    return usable[:tried]


def filters_forwarded(ruleset):
    return any(f"hook {hook} " in text for _, text in ruleset for hook in ("forward", "postrouting"))


WAY = re.compile(r"\[?([0-9a-f.:]+?)(?:-([0-9a-f.:]+?))?\]?(?::(\d+))?$")


def leads_to(how, kind, detail, listeners):
    """Whether a packet went where it is said to: to one of the addresses, and that port, if any."""
    if "." not in how and "[" not in how:  # of IPv6 without a port
        how = f"[{how}]"
    first, last, port = WAY.fullmatch(how).groups()
    if kind == "accept":
        return port in (None, detail)
    if kind in ("reject", "drop"):  # nobody listens there, and who says so may find no way back
        return port is None or int(port) not in listeners
    if kind == "diverted":
        address, _, found = detail.rpartition(":")
        return port in (None, found) and \
            number(first) <= number(address.strip("[]")) <= number(last or first)
    return False


def agrees(part, outcome, port, listeners, is_filtered):
    """Whether what was found is what was said. What is said to depend may be anything.

    Where something is diverted to is told without a look at whether it is let through from there:
    `is_filtered` tells that it may not be.
    """
    kind, _, detail = outcome.partition(" ")
    if part.verdict == "depends":
        return True
    if part.verdict == "accept":
        return outcome == f"accept {port}"
    if part.verdict == "drop":
        return outcome == "drop"
    if part.verdict == "reject":
        return kind == "reject" and part.how in (None, detail)
    if part.verdict == "diverted":
        if is_filtered and kind in ("drop", "reject"):
            return True
        return leads_to(part.how, kind, detail, listeners)
    return False


class Checker:
    """Counts what it compares, over many rulesets."""

    def __init__(self, lab, arguments=("--json", "--no-holders")):
        self.lab, self.arguments = lab, arguments
        self._is_filtered = False
        self.count = collections.Counter()
        self.doubts = collections.Counter()

    def ask(self):
        with self.lab.box:
            answer = hark(*self.arguments)
        if answer.status != 0:
            raise AssertionError(answer)
        return answer.document

    def _probes(self, document, ruleset, seed, tried):
        rng, named = random.Random(seed), edges_named(ruleset)
        for entry in entries(document):
            if entry.interface not in ("eth0", "eth1"):
                continue
            target = rng.choice(entry.addresses)
            for source in senders(entry, named, rng, tried):
                yield Probe(entry.interface, entry.protocol, source, target, entry.port), \
                    part_of(entry, number(source))

    def compare(self, ruleset, seed=0, tried=TRIED, is_filtered=None):
        """The ruleset is loaded: [Wrong], each found twice, with connections of its own."""
        self._is_filtered = filters_forwarded(ruleset) if is_filtered is None else is_filtered
        return self._compare(list(self._probes(self.ask(), ruleset, seed, tried)), is_counted=True)

    def compare_some(self, ruleset, probes):
        """The same for these packets alone, and not counted."""
        self._is_filtered = filters_forwarded(ruleset)
        told = list(entries(self.ask()))
        return self._compare([(probe, said_of(told, probe)) for probe in probes], is_counted=False)

    def _compare(self, asked, is_counted):
        wrong = self._differing(asked)
        if wrong:
            self.lab.forget()
            again = self._differing([asked[n] for n in wrong])
            wrong = {n: again[m] for m, n in enumerate(wrong) if m in again}
        if self.lab.lost():
            raise AssertionError("frames were lost")
        if is_counted:
            self._count(part for _, part in asked)
        return [Wrong(asked[n][0], _said(asked[n][1]), found, asked[n][1].rules)
                for n, found in wrong.items()]

    def _differing(self, asked):
        found = self.lab.probe([probe for probe, _ in asked])
        listeners = {"tcp": self.lab.tcp, "udp": self.lab.udp}
        return {n: outcome for n, ((probe, part), outcome) in enumerate(zip(asked, found))
                if not agrees(part, outcome, probe.port, listeners[probe.protocol],
                              self._is_filtered)}

    def _count(self, parts):
        for part in parts:
            self.count["all"] += 1
            self.count[part.verdict] += 1
            self.count["definite"] += part.verdict in DEFINITE
            self.doubts.update(part.depends_on)

    def definite(self):
        """In hundredths."""
        return 100 * self.count["definite"] / max(1, self.count["all"])

    def summary(self):
        told = ", ".join(f"{self.count[v]} {v}" for v in (*DEFINITE, "depends", "unknown"))
        why = ", ".join(f"{n} {what}" for what, n in self.doubts.most_common())
        return f"{self.count['all']} compared: {told}; {self.definite():.1f} % definite; {why}"


def _said(part):
    return " ".join(filter(None, (part.verdict, part.how, *part.depends_on)))


def tell(wrong, most=8):
    """Lines about what is wrong."""
    for w in wrong[:most]:
        yield f"{' '.join(map(str, w.probe))}: said {w.said}, found {w.found}"
        yield from (f"    {r['where']} {r['handle']}: {r['text']}" for r in w.rules[:6])
    if len(wrong) > most:
        yield f"and {len(wrong) - most} more"
