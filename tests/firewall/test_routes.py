#!/usr/bin/env python3
"""Random routes and rules of policy routing: what the library makes of them for all addresses at
once, against what the kernel says for the first and the last address of each piece.

    test_routes.py [--worlds N] [--seed S]
"""
import argparse
import errno
import ipaddress
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/truth"))
from netns import Netns, become_root, wait_until_usable  # noqa: E402 (the path comes first)

ROUTES = os.path.abspath(os.environ.get("ROUTES", ROOT / "build/tests/tools/routes"))
TYPES = {1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast"}
REFUSALS = {"none", "blackhole", "unreachable", "prohibit", "martian", "filtered"}
LINKS = ("veth0", "veth1", "veth2")
TABLES = ("main", "main", "local", "100", "101", "102")


class Kernel:
    """RTM_GETROUTE for one packet after the other."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.sequence = 0

    def ask(self, to, source=None, iif=0, mark=0):
        """(type, interface), or the name of an errno."""
        family = socket.AF_INET if to.version == 4 else socket.AF_INET6
        attributes = [(1, to.packed)]
        if source is not None:
            attributes.append((2, source.packed))
        if iif:
            attributes.append((3, struct.pack("=I", iif)))
        attributes.append((16, struct.pack("=I", mark)))
        bits = len(to.packed) * 8
        body = struct.pack("=BBBBBBBBI", family, bits, bits if source is not None else 0, 0,
                           0, 0, 0, 0, 0)
        for kind, value in attributes:
            body += struct.pack("=HH", 4 + len(value), kind) + value.ljust((len(value) + 3) & ~3,
                                                                           b"\0")
        self.sequence += 1
        self.socket.send(struct.pack("=IHHII", 16 + len(body), 26, 1, self.sequence, 0) + body)
        reply = self.socket.recv(65536)
        kind = struct.unpack_from("=H", reply, 4)[0]
        if kind == 2:
            return errno.errorcode[-struct.unpack_from("=i", reply, 16)[0]], None
        at, oif = 28, None
        while at + 4 <= len(reply):
            length, attribute = struct.unpack_from("=HH", reply, at)
            if attribute == 4:
                oif = struct.unpack_from("=I", reply, at + 4)[0]
            at += max((length + 3) & ~3, 4)
        return TYPES.get(reply[23], str(reply[23])), oif


class Library:
    """The program `routes`, in a namespace."""

    def __init__(self, namespace):
        with namespace:
            self.process = subprocess.Popen([ROUTES], stdin=subprocess.PIPE, text=True,
                                            stdout=subprocess.PIPE)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        found = []
        for answer in iter(self.process.stdout.readline, "\n"):
            if not answer:
                raise RuntimeError(f"routes ended at: {line}")
            first, last, kind, oif, several, doubts = answer.split()
            found.append((ipaddress.ip_address(first), ipaddress.ip_address(last), kind,
                          int(oif), several == "1", int(doubts)))
        return found

    def close(self):
        self.process.stdin.close()
        if self.process.wait(30):
            raise RuntimeError("routes failed")


def prefix(random_, version):
    """Out of few bytes, so that prefixes are inside of one another."""
    if version == 4:
        address = [10, *(random_.choice((0, 1, 7, 64, 128, 255)) for _ in range(3))]
        bits = random_.choice((0, 8, 9, 12, 16, 20, 24, 25, 30, 31, 32))
        return ipaddress.ip_network((bytes(address), bits), strict=False)
    words = [0x2001, 0xdb8, *(random_.choice((0, 1, 0x8000, 0xffff)) for _ in range(6))]
    bits = random_.choice((0, 3, 32, 33, 48, 64, 96, 112, 127, 128))
    return ipaddress.ip_network((struct.pack(">8H", *words), bits), strict=False)


def random_route(random_, version):
    kind = random_.choices(("unicast", "local", "blackhole", "unreachable", "prohibit", "throw"),
                           (70, 6, 6, 6, 6, 6))[0]
    table = "local" if kind == "local" and random_.random() < .7 else random_.choice(TABLES)
    words = ["route", "add" if random_.random() < .5 else "append", kind,
             str(prefix(random_, version)), "table", table]
    if random_.random() < .3:
        words += ["metric", str(random_.choice((1, 50, 300)))]
    if version == 4 and random_.random() < .05:
        words += ["tos", "0x10"]
    if kind == "unicast" and random_.random() < .15:
        for link in random_.sample(LINKS, 2):
            words += ["nexthop", "dev", link]
    elif kind in ("unicast", "local"):
        words += ["dev", random_.choice(LINKS)]
    return " ".join(words)


def random_rule(random_, version):
    words = ["rule", "add"]
    if random_.random() < .1:
        words.append("not")
    if random_.random() < .4:
        words += ["from", str(prefix(random_, version))]
    if random_.random() < .3:
        words += ["to", str(prefix(random_, version))]
    if random_.random() < .2:
        words += ["iif", random_.choice((*LINKS, "lo", "gone"))]
    if random_.random() < .1:
        words += ["oif", random_.choice(LINKS)]
    if random_.random() < .3:
        words += ["fwmark", random_.choice(("1", "2/3", "0/1"))]
    if random_.random() < .05:
        words += ["ipproto", random_.choice(("tcp", "udp"))]
    if "from" not in words and "to" not in words and "fwmark" not in words:
        words += ["from", "all"]
    preference = random_.choice((0, 10, 100, 1000, 32766, 40000)) + random_.randrange(50)
    words += ["pref", str(preference)]
    action = random_.random()
    if action < .65:
        words += ["table", random_.choice(TABLES)]
        if random_.random() < .2:
            words += ["suppress_prefixlength", str(random_.choice((0, 8, 16, 64)))]
    elif action < .8:
        words += ["goto", str(preference + random_.choice((1, 90, 900, 32000)))]
    else:
        words.append(random_.choice(("blackhole", "unreachable", "prohibit", "nop")))
    return " ".join(words)


SETTINGS = {
    "ipv6/conf/default/accept_dad": 0, "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/addr_gen_mode": 1, "ipv6/conf/default/autoconf": 0, "ipv6/conf/default/accept_ra": 0,
    "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/forwarding": 1, "ipv6/conf/all/forwarding": 1,
}


def try_ip(namespace, version, lines):
    """Some contradict one another; the kernel knows which."""
    with namespace:
        subprocess.run(["ip", f"-{version}", "-force", "-batch", "-"], text=True, check=False,
                       input="\n".join(lines) + "\n", stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


class World:
    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.lines = []
        self.settings = {}
        self.namespace = Netns()
        self.own = {4: [], 6: []}
        self.make()

    def ip(self, version, lines):
        self.lines += [f"ip -{version} {line}" for line in lines]
        try_ip(self.namespace, version, lines)

    def make(self):
        random_ = self.random
        self.namespace.sysctl(SETTINGS)
        self.namespace.ip(["link set lo up"] +
                          [f"link add {link} type veth peer name peer{link}"
                           for link in LINKS])
        self.add_addresses()
        with self.namespace:
            self.links = {name: socket.if_nametoindex(name) for name in LINKS}
            self.kernel = Kernel()
        for link in LINKS:
            self.settings[f"ipv4/conf/{link}/rp_filter"] = random_.choice((0, 0, 1, 2))
            self.settings[f"ipv4/conf/{link}/accept_local"] = random_.choice((0, 0, 0, 1))
            self.settings[f"ipv4/conf/{link}/route_localnet"] = random_.choice((0, 0, 1))
            self.settings[f"ipv4/conf/{link}/src_valid_mark"] = random_.choice((0, 1))
            for family in "ipv4", "ipv6":
                self.settings[f"{family}/conf/{link}/ignore_routes_with_linkdown"] = (
                    random_.choice((0, 1)))
        self.namespace.sysctl(self.settings)
        for version in 4, 6:
            self.ip(version, [random_route(random_, version)
                              for _ in range(random_.randrange(40))])
            if random_.random() < .6:
                self.ip(version, [random_rule(random_, version)
                                  for _ in range(random_.randrange(8))])

    def add_addresses(self):
        """One interface may have no carrier, one no address."""
        random_ = self.random
        connected = LINKS[random_.random() < .4:]
        addressed = LINKS[:2 + (random_.random() < .7)]
        wanted = {}
        for number, link in enumerate(LINKS):
            if link in addressed:
                wanted[link] = [f"10.{number}.7.1/24"]
            if link in addressed and link in connected:
                wanted[link] += [f"2001:db8:{number + 1}::1/64", f"fe80::{number + 1}/64"]
        watcher = self.namespace.watch()
        for link, addresses in wanted.items():
            for address in addresses:
                version = 6 if ":" in address else 4
                self.own[version].append(ipaddress.ip_interface(address).ip)
                self.ip(version, [f"address add {address} dev {link}" +
                                  (" nodad" if version == 6 else "")])
        self.namespace.ip([f"link set {link} up" for link in LINKS] +
                          [f"link set peer{link} up" for link in connected])
        wait_until_usable(self.namespace, watcher,
                          {link: wanted[link] for link in wanted if link in connected})

    def close(self):
        self.kernel.socket.close()
        self.namespace.close()

    def describe(self):
        return "\n".join(f"# {line}" for line in
                         [f"seed {self.seed}", *self.lines,
                          *(f"{name}={value}" for name, value in self.settings.items())])


def is_plain(address):
    """Addresses that the kernel sends to, or takes, like any other."""
    return not (address.is_multicast or address.is_loopback or address.is_unspecified or
                (address.version == 4 and int(address) >= 0xffffffff) or
                (address.version == 4 and int(address) < 1 << 24) or
                (address.version == 6 and address.ipv4_mapped))


def edges(random_, pieces, at_most):
    found = [(address, piece) for piece in pieces for address in {piece[0], piece[1]}
             if is_plain(address)]
    return random_.sample(found, min(len(found), at_most))


def agrees(piece, answer, is_reply):
    _, _, kind, oif, several, doubts = piece
    verdict, way = answer
    if doubts:
        return True
    if kind in REFUSALS:
        return verdict not in TYPES.values()
    if verdict != kind:
        return False
    # What is local goes out by lo, whatever interface its route names.
    return several or kind in ("local", "anycast") or not is_reply or way == oif


def check_world(world, tally):
    """Compares; what differs as text."""
    library = Library(world.namespace)
    library.ask("read 4 0.0.0.0 0")
    wrong = []
    for version in 4, 6:
        any_address = ipaddress.ip_address("0.0.0.0" if version == 4 else "::")
        for source in (any_address, *world.own[version]):
            mark = world.random.choice((0, 0, 1, 2, 3))
            pieces = library.ask(f"out {version} {source} {mark}")
            for address, piece in edges(world.random, pieces, 60):
                answer = world.kernel.ask(address, None if source == any_address else source, 0,
                                          mark)
                tally["out", piece[2] if not piece[5] else "doubt"] += 1
                if not agrees(piece, answer, True):
                    wrong.append(f"out to {address} from {source} mark {mark}: {piece[2:]}, "
                                 f"but {answer}")
        targets = [*world.own[version], prefix(world.random, version).network_address]
        for target in targets:
            link = world.random.choice(LINKS)
            mark = world.random.choice((0, 0, 1, 2, 3))
            if not is_plain(target):
                continue
            pieces = library.ask(f"in {version} {target} {world.links[link]} {mark}")
            for address, piece in edges(world.random, pieces, 60):
                answer = world.kernel.ask(target, address, world.links[link], mark)
                tally["in", piece[2] if not piece[5] else "doubt"] += 1
                if not agrees(piece, answer, False):
                    wrong.append(f"in to {target} from {address} by {link} mark {mark}: "
                                 f"{piece[2:]}, but {answer}")
    library.close()
    return wrong


class Tally(dict):
    def __missing__(self, key):
        return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        become_root()
    except OSError as error:
        print(f"1..0 # SKIP needs network namespaces: {error}")
        return 0
    print(f"1..{options.worlds}")
    tally = Tally()
    for number, seed in enumerate(range(options.seed, options.seed + options.worlds), 1):
        world = World(seed)
        try:
            wrong = check_world(world, tally)
        finally:
            world.close()
        print(f"{'not ok' if wrong else 'ok'} {number} - seed {seed}", flush=True)
        if wrong:
            print(world.describe())
            print("\n".join(f"# {line}" for line in wrong[:20]))
    for key in sorted(tally):
        print(f"# {' '.join(key)}: {tally[key]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
