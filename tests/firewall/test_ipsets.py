#!/usr/bin/env python3
"""Random ipsets: who is in them, as hark reads and judges them, and as the kernel says."""
import ipaddress
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import Netns, Skip, case, clean_environment, expect_equal, main  # noqa: E402

MATCHES = os.path.abspath(os.environ.get("MATCHES", "build/tests/tools/matches"))
TO = {4: "10.0.0.1", 6: "fd00::1"}
PORTS = {"src": 40000, "dst": 22}
INTERFACES = {"src": "eth0", "dst": None}
SETS, ELEMENTS = 12, 24


def run(words, text=None, check=True):
    return subprocess.run(words, input=text, text=True, capture_output=True, check=check,
                          env=clean_environment(), timeout=60)


class Generator:
    """Elements of few addresses, so that they overlap, and prefixes lie in one another."""

    def __init__(self, version, seed):
        self.version, self.rng = version, random.Random(seed)
        self.base = int(ipaddress.ip_address(TO[version])) & ~0xff
        self.bits = 32 if version == 4 else 128

    def host(self):
        return str(ipaddress.ip_address(self.base + self.rng.randrange(48)))

    def net(self):
        bits = self.bits - self.rng.choice((0, 0, 1, 2, 3, 4, 5, 8))
        return str(ipaddress.ip_network(f"{self.host()}/{bits}", strict=False))

    def part(self, name):
        return {"ip": self.host, "net": self.net,
                "port": lambda: self.rng.choice(("tcp:22", "tcp:22", "udp:22", "tcp:40000", "tcp:80")),
                "iface": lambda: self.rng.choice(("eth0", "eth0", "eth1"))}[name]()

    def create(self, name, kind):
        parts = kind.split(":")[1].split(",")
        if kind == "bitmap:port":
            head = "range 20-50000"
            elements = [str(self.rng.choice((22, 40000, 80, 8080))) for _ in range(2)]
        else:
            head = "range 10.0.0.0/24" if kind == "bitmap:ip" else \
                f"family {'inet' if self.version == 4 else 'inet6'}"
            if kind in ("bitmap:ip", "hash:ip") and self.rng.random() < 0.3:
                head += f" netmask {self.bits - self.rng.choice((1, 3))}"
            elements = [",".join(map(self.part, parts)) for _ in range(self.rng.randrange(ELEMENTS))]
        if "net" in parts:
            elements = [e + self.rng.choice(("", "", " nomatch")) for e in elements]
        return [f"create {name} {kind} {head}"] + [f"add {name} {e}" for e in dict.fromkeys(elements)]


def sources(version):
    base = int(ipaddress.ip_address(TO[version])) & ~0xff
    return [str(ipaddress.ip_address(base + n)) for n in range(-1, 66)]


def asked(kind, directions, source, version):
    """What `ipset test` is asked about a packet from that source."""
    words = []
    for part, direction in zip(kind.split(":")[1].split(","), directions):
        words.append({"ip": {"src": source, "dst": TO[version]}, "net": {"src": source, "dst": TO[version]},
                      "port": {k: f"tcp:{v}" for k, v in PORTS.items()}, "iface": INTERFACES}[part][direction])
    return str(PORTS[directions[0]]) if kind == "bitmap:port" else ",".join(words)


def members(name, kind, directions, version):
    if "iface" in kind and directions[1] == "dst":
        return set()  # on the way in, there is no such interface
    tests = "".join(f"test {name} {asked(kind, directions, source, version)}\n"
                    for source in sources(version))
    said = [line for line in run(["ipset", "-"], tests, check=False).stderr.splitlines() if line]
    expect_equal(len(said), len(sources(version)), "answers of ipset")
    return {source for source, line in zip(sources(version), said) if " is in set " in line}


def ranges(words):
    def numbers(word):
        if "-" in word:
            return tuple(int(ipaddress.ip_address(end)) for end in word.split("-"))
        net = ipaddress.ip_network(word)
        return int(net[0]), int(net[-1])
    return [numbers(word) for word in words]


def judged(version):
    """Of each rule: those for whom it must match, and those for whom it may."""
    found = []
    for line in run([MATCHES, str(version), "tcp", TO[version], "22", "eth0"]).stdout.splitlines():
        words = line.split()[1:]
        at = words.index("?")
        found.append(tuple({s for s in sources(version)
                            if any(first <= int(ipaddress.ip_address(s)) <= last
                                   for first, last in ranges(part))}
                           for part in (words[:at], words[at + 1:])))
    return found


def compare(kind, versions=(4, 6)):
    for version in versions:
        iptables = "iptables" if version == 4 else "ip6tables"
        rules = []
        for seed in range(SETS):
            generator = Generator(version, seed)
            name = f"s{version}{seed}"
            lines = generator.create(name, kind)
            made = run(["ipset", "restore", "-exist"], "\n".join(lines) + "\n", check=False)
            if "not supported" in made.stderr:
                raise Skip(f"this kernel has no {kind}")
            expect_equal(made.returncode, 0, made.stderr)
            n_parts = len(kind.split(","))
            directions = [generator.rng.choice(("src", "src", "dst")) for _ in range(n_parts)]
            inverted = generator.rng.choice(([], ["!"]))
            run([iptables, "-A", "INPUT", "-m", "set", *inverted, "--match-set", name,
                 ",".join(directions)])
            rules.append((name, directions, inverted, lines))
        found = judged(version)
        expect_equal(len(found), len(rules), "matches that were read")
        for (name, directions, inverted, lines), (must, may) in zip(rules, found):
            wanted = members(name, kind, directions, version)
            if inverted:
                wanted = set(sources(version)) - wanted
            what = f"seed {name[2:]}, IPv{version}, {inverted}{directions}:\n" + "\n".join(lines)
            expect_equal(sorted(must), sorted(wanted), what)
            expect_equal(sorted(may), sorted(wanted), what)


def prepare():
    for line in ("link add eth0 type veth peer name eth1", "link set eth0 up",
                 f"addr add {TO[4]}/24 dev eth0", f"addr add {TO[6]}/64 dev eth0 nodad"):
        run(["ip", *line.split()])


def add_case(kind, versions=(4, 6)):
    def function():
        with Netns():
            prepare()
            compare(kind, versions)
    function.__doc__ = f"{kind} has whom the kernel says"
    case(function)


for one in ("hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:ip,port,ip",
            "hash:ip,port,net", "hash:net,iface", "hash:net,net", "hash:net,port,net", "bitmap:port"):
    add_case(one)
add_case("bitmap:ip", (4,))


if __name__ == "__main__":
    main()
