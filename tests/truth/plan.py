"""What a world is to be: its addresses, its routes, and the sockets that it tries to make."""

import ipaddress
import random
from dataclasses import dataclass, field

# kinds of world beside the plain one, by seed modulo 8
KINDS = {3: "bindv6only", 5: "ipv6 disabled", 6: "eth1 without IPv6"}

ETH0 = ["10.9.0.1/24", "10.9.0.2/24", "fd00:9::1/64", "fd00:9::2/64", "fe80::1/64"]
ETH1 = ["10.9.1.1/24", "10.9.1.2/24", "fd00:9:1::1/64", "fe80::1/64"]
REACHES = ("host", "link", "private", "public")
PORTS = [80, 5353, 8443]
UIDS = [0, 0, 0, 1000, 65534]


@dataclass(frozen=True)
class Target:
    """An address that a stranger may call, and the interface that has it."""

    address: str
    interface: str
    peer: str | None  # the peer's end that leads there; None: called from inside, over lo
    local: bool = True

    @property
    def name(self):
        """As JSON writes it."""
        return f"{self.address}%{self.interface}" if self.link_local else self.address

    @property
    def ip(self):
        return ipaddress.ip_address(self.address)

    @property
    def link_local(self):
        return self.ip.version == 6 and self.ip.is_link_local

    @property
    def reach(self):
        """From how far packets can be addressed to it, in the order of REACHES."""
        if self.ip.is_loopback:
            return 0
        return 1 if self.link_local else 2 if self.ip.is_private else 3

    def __str__(self):
        return f"{self.name} from {self.peer or 'inside'}"


@dataclass
class Plan:
    kind: str = "plain"
    addresses: dict = field(default_factory=lambda: {"eth0": ETH0, "eth1": ETH1})
    box_settings: dict = field(default_factory=dict)
    link_settings: dict = field(default_factory=dict)
    box_lines: list = field(default_factory=list)
    peer_lines: list = field(default_factory=list)
    targets: list = field(default_factory=list)
    roamers: list = field(default_factory=list)  # addresses of lo that the peer is routed to

    def add_routed(self, setup, route, via, addresses):
        """Addresses of lo that the peer reaches through an interface that does not have them."""
        self.box_lines.append(setup)
        self.peer_lines.append(f"route add {route} via {via}")
        self.targets += [Target(a, "lo", None) for a in addresses]
        peer = "p1" if via.startswith(("10.9.1.", "fd00:9:1:")) else "p0"
        self.roamers += [Target(a, "lo", peer) for a in addresses]

    def finish(self):
        for interface, peer in (("eth0", "p0"), ("eth1", "p1")):
            self.targets += [Target(a.split("/")[0], interface, peer)
                             for a in self.addresses[interface]]
        self.targets += [Target(a, "lo", None) for a in ("127.0.0.1", "127.0.0.2", "127.9.9.9")]
        self.targets.append(Target("::1", "lo", None, local=self.kind != "ipv6 disabled"))
        return self


def without_v6(addresses):
    return [a for a in addresses if ":" not in a]


def specialise(plan, kind):
    """Takes (some of) the IPv6 away from a plan, or changes the default of IPV6_V6ONLY."""
    if kind == "bindv6only":
        plan.box_settings["ipv6/bindv6only"] = 1
    elif kind == "ipv6 disabled":
        plan.box_settings["ipv6/conf/all/disable_ipv6"] = 1
        plan.addresses = {i: without_v6(a) for i, a in plan.addresses.items()}
    elif kind == "eth1 without IPv6":
        plan.link_settings["ipv6/conf/eth1/disable_ipv6"] = 1
        plan.addresses["eth1"] = without_v6(plan.addresses["eth1"])


def named_plan(kind):
    """The world of the named situations."""
    plan = Plan(kind=kind, addresses={"eth0": ["10.9.0.1/24", "fd00:9::1/64", "fe80::1/64"],
                                      "eth1": ["10.9.1.1/24", "fe80::1/64"]})
    if kind == "anyip":
        plan.add_routed("route add local 10.1.0.0/16 dev lo", "10.1.0.0/16", "10.9.0.1",
                        ["10.1.2.3", "10.1.200.7"])
    specialise(plan, kind)
    return plan.finish()


def random_plan(seed, rng):
    plan = Plan(kind=KINDS.get(seed % 8, "plain"))
    eth0, eth1 = list(ETH0), list(ETH1)
    if rng.random() < 0.3:
        eth0.append("10.9.0.3/24")
    if rng.random() < 0.3:
        eth1.remove("10.9.1.2/24")
    plan.addresses = {"eth0": eth0, "eth1": eth1}
    specialise(plan, plan.kind)
    if rng.random() < 0.4:
        plan.add_routed("route add local 10.1.0.0/16 dev lo", "10.1.0.0/16",
                        rng.choice(["10.9.0.1", "10.9.1.1"]), ["10.1.2.3", "10.1.200.7"])
    if plan.kind != "ipv6 disabled" and rng.random() < 0.4:
        plan.add_routed("route add local fd00:a::/64 dev lo", "fd00:a::/64", "fd00:9::1",
                        ["fd00:a::5", "fd00:a::77"])
    if rng.random() < 0.3:
        plan.add_routed("addr add 203.0.114.7/32 dev lo", "203.0.114.7",
                        rng.choice(["10.9.0.2", "10.9.1.1"]), ["203.0.114.7"])
    return plan.finish()


class SocketMaker:
    """Draws specifications for tests/tools/situation."""

    def __init__(self, plan, rng, protocols, many_uids):
        self.rng = rng
        self.protocols = protocols
        self.uids = UIDS if many_uids else [0]
        local = [t for t in plan.targets if t.local]
        self.v4 = [t.address for t in local if t.ip.version == 4]
        self.v6 = [t.name for t in local if t.ip.version == 6]

    def address(self, family):
        roll = self.rng.random()
        if family == "inet":
            if roll < 0.5:
                return "0.0.0.0"
            return "203.0.113.5" if roll > 0.97 else self.rng.choice(self.v4)
        if roll < 0.5:
            return "::"
        if roll < 0.65:
            return "::ffff:" + self.rng.choice(self.v4)
        if roll < 0.72:
            return "::ffff:0.0.0.0"
        if roll > 0.97:
            return "2001:db8::5"
        return self.rng.choice(self.v6 or ["::"])

    def sharing(self, style):
        """The words that let sockets stand on one port. Most ports are liberal, or little would
        come to be: a second TCP listener that is not of a SO_REUSEPORT set is refused."""
        roll = self.rng.random()
        if style == "reuseport":
            return ["reuseport"] if roll < 0.9 else []
        if style == "reuseaddr":
            return ["reuseaddr"] if roll < 0.9 else ["reuseaddr", "reuseport"]
        return self.rng.choice([[], [], ["reuseaddr"], ["reuseport"], ["reuseaddr", "reuseport"]])

    def draw(self, port, style, uid):
        """One specification, or several alike."""
        rng = self.rng
        protocol = rng.choice(self.protocols)
        family = rng.choice(["inet", "inet6", "inet6"])
        address = self.address(family)
        words = self.sharing(style)
        if family == "inet6" and rng.random() < 0.6:
            words.append(f"v6only={rng.choice([0, 0, 1])}")
        if "%" not in address and rng.random() < 0.2:
            words.append("dev=" + rng.choice(["eth0", "eth0", "eth1", "lo"]))
        if address in ("203.0.113.5", "2001:db8::5"):
            words.append("freebind")
        if rng.random() < 0.15:
            uid = rng.choice(self.uids)
        if uid:
            words.append(f"uid={uid}")
        if rng.random() < 0.1:
            words.append(f"holders={rng.randint(1, 3)}")
        if protocol.endswith("tcp") and rng.random() < 0.08:
            words.append("nolisten")
        if protocol.startswith("udp") and rng.random() < 0.15:
            mapped = "::ffff:" if family == "inet6" and address.startswith("::ffff:") else ""
            v4 = family == "inet" or mapped
            words.append(f"peer={mapped}10.9.0.100/999" if v4 else "peer=fd00:9::100/999")
        spec = " ".join([protocol, family, address, str(port)] + words)
        return [spec] * (rng.choice([1, 1, 2, 3]) if "reuseport" in words else 1)

    def draw_all(self):
        specs = []
        for port in PORTS:
            style = self.rng.choice(["reuseport", "reuseport", "reuseaddr", "mixed"])
            uid = self.rng.choice(self.uids)
            for _ in range(self.rng.randint(4, 14)):
                specs += self.draw(port, style, uid)
        self.rng.shuffle(specs)
        return specs


def random_world(seed, protocols, many_uids):
    """A plan and the specifications of its sockets, the same ones for the same arguments."""
    rng = random.Random(seed)
    plan = random_plan(seed, rng)
    return plan, SocketMaker(plan, rng, protocols, many_uids).draw_all()
