"""A box with a firewall, and what really becomes of packets that are sent to it.

The box has two interfaces, eth0 and eth1, that lead to a peer without addresses: it sends whatever
frames a test makes and reads what comes back. A third, eth2, leads elsewhere: what is translated to
an address there is seen to arrive. In the box are listeners of TCP and sockets of UDP, dual-stack.

Nothing waits for silence. The process is kept on one CPU, on which a packet through a veth pair is
worked on in the order of that CPU's queue, so that a marker that goes there and back in other
namespaces, as many hops as any answer, is back only after all answers to what was sent before it.
"""
import collections
import os
import select
import socket
import struct
import subprocess
import time

import frames
from harness import Netns, clean_environment, wait_until_usable
from netns import SETTINGS

SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
SO_RCVBUFFORCE = 33
ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
BATCH = 128
SEGMENT = 600  # the size of segments that the first listener offers: the next one's is one more
MARKS = 3
SECONDS = 20

# The prefixes are of a host, and the gateways on-link with permanent neighbours: whoever sends, the
# answer goes to the peer without that anybody is asked where that is.
ADDRESSES = {
    "eth0": ["192.0.2.10/32", "192.0.2.11/32", "2001:db8::10/128", "2001:db8::11/128"],
    "eth1": ["198.18.0.10/32", "2001:db8:1::10/128"],
    "eth2": ["172.31.0.1/32", "fd31::1/128"],
}
GATEWAYS = {"eth0": ("192.0.2.1", "2001:db8::1"), "eth1": ("198.18.0.1", "2001:db8:1::1")}
ELSEWHERE = ("172.31.0.2", "fd31::2")
ROUTES = (*(f"route replace {target} dev eth2" for target in ELSEWHERE),
          "route replace default via 192.0.2.1 dev eth0 onlink",
          "route replace default via 2001:db8::1 dev eth0 onlink")
MACS = {name: (f"02:00:00:00:0{n}:01", f"02:00:00:00:0{n}:02")
        for n, name in enumerate(("eth0", "eth1", "eth2", "mark"))}

Probe = collections.namedtuple("Probe", "interface protocol source target port")


class LoadError(Exception):
    """A tool did not take what it was given."""


def is_sendable(address):
    """Whether a stranger can send from it, and be answered: neighbours are known but of no link."""
    raw = frames.packed(address)
    if len(raw) == 4:
        return raw[0] not in (0, 127) and not 224 <= raw[0] < 240 and raw != b"\xff" * 4 \
            and address not in LOCAL and not address.startswith("172.31.0.")
    return raw[0] != 0xff and raw[0] * 256 + raw[1] & 0xffc0 != 0xfe80 and raw[:12] not in (
        bytes(12), bytes(10) + b"\xff\xff") and address not in LOCAL and raw[:8] != bytes.fromhex("fd31") + bytes(6)


LOCAL = {a.split("/")[0] for name in ADDRESSES for a in ADDRESSES[name]} | set(ELSEWHERE)


class Lab:
    """Made once for many rulesets: clear() between them."""

    def __init__(self, tcp=(), udp=(), cpu=None):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0)) if cpu is None else cpu})
        self.tcp, self.udp = list(tcp), list(udp)
        self.box, self.peer, self.elsewhere = Netns(), Netns(), Netns()
        self._number = 1
        self._legacy, self._has_sets, self._is_rerouted = set(), False, False
        self._listeners, self._datagrams = [], {}
        self.strays = []
        self._connect()
        self._routes = self._routing()
        self._open()

    def _connect(self):
        settings = {**SETTINGS, "ipv4/tcp_syncookies": 2, "ipv4/ip_forward": 1,
                    "ipv6/conf/all/forwarding": 1, "ipv6/bindv6only": 0,
                    "ipv6/conf/all/accept_dad": 0}
        watcher = self.box.watch()
        for namespace in (self.box, self.peer, self.elsewhere):
            namespace.sysctl(settings)
            namespace.ip(["link set lo up"])
        for name, end, other in (("eth0", "p0", self.peer), ("eth1", "p1", self.peer),
                                 ("eth2", "e0", self.elsewhere)):
            local, remote = MACS[name]
            self.box.ip([f"link add {name} address {local} type veth"
                         f" peer name {end} address {remote} netns {other.path}",
                         f"link set {name} up"]
                        + [f"addr add {a} dev {name}" + (" nodad" if ":" in a else "")
                           for a in ADDRESSES[name]])
            other.ip([f"link set {end} up"])
            self.box.sysctl({f"ipv4/conf/{name}/rp_filter": 0})
        local, remote = MACS["mark"]
        self.elsewhere.ip([f"link add m1 address {local} type veth peer name m0 address {remote}"
                           f" netns {self.peer.path}", "link set m1 up", "addr add 10.0.0.1/24 dev m1"])
        self.peer.ip(["link set m0 up"])
        wait_until_usable(self.box, watcher, ADDRESSES)
        neighbours = [(name, gateway) for name in GATEWAYS for gateway in GATEWAYS[name]]
        neighbours += [("eth2", target) for target in ELSEWHERE]
        self.box.ip([f"neigh replace {target} lladdr {MACS[name][1]} dev {name} nud permanent"
                     for name, target in neighbours] + list(ROUTES))

    def _open(self):
        with self.peer:
            self._wires = {name: self._capture(end) for name, end in
                           (("eth0", "p0"), ("eth1", "p1"), ("mark", "m0"))}
        with self.elsewhere:
            self._wires["eth2"] = self._capture("e0")
        self._readable = select.epoll()
        with self.box:
            for n, port in enumerate(self.tcp):
                self._listeners.append(self._dual(socket.SOCK_STREAM, port, SEGMENT + n))
            for port in self.udp:
                sock = self._dual(socket.SOCK_DGRAM, port)
                self._datagrams[sock.fileno()] = sock, port
                self._readable.register(sock.fileno(), select.EPOLLIN)
            self._conntrack = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)

    @staticmethod
    def _capture(name):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        sock.bind((name, 3))
        sock.setblocking(False)
        return sock

    @staticmethod
    def _dual(kind, port, segment=None):
        sock = socket.socket(socket.AF_INET6, kind)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", port))
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            sock.listen(4096)
        return sock

    def close(self):
        for sock in (*self._listeners, *(s for s, _ in self._datagrams.values()),
                     *self._wires.values(), self._conntrack, self._readable):
            sock.close()
        for namespace in (self.box, self.peer, self.elsewhere):
            namespace.close()

    def run(self, words, text=None, environment=None):
        """Runs a tool in the box. LoadError where it complains."""
        with self.box:
            done = subprocess.run(words, input=text, text=True, capture_output=True, timeout=120,
                                  check=False, env=clean_environment(**(environment or {})))
        if done.returncode:
            raise LoadError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def load(self, ruleset):
        """[(kind, text)]: nft, ipset, ip and ip6 (lines), sysctl (lines "name=value"), sh, or a -restore."""
        for kind, text in ruleset:
            self._is_rerouted |= kind in ("ip", "ip6", "sysctl", "sh")
            self._has_sets |= kind in ("ipset", "sh")
            if kind in ("ip", "ip6"):
                self.run(["ip", "-6" if kind == "ip6" else "-4", "-batch", "-"], text + "\n")
            elif kind == "sysctl":
                self.box.sysctl(dict(line.split("=") for line in text.split()))
            else:
                words = {"nft": ["nft", "-f", "-"], "ipset": ["ipset", "restore"],
                         "sh": ["sh", "-e"]}.get(kind, [kind])
                if kind.endswith("-legacy-restore"):
                    self._legacy.add(kind)
                self.run(words, text + "\n")

    def clear(self):
        """As it was at first: no rules, no sets, no connections."""
        self.run(["nft", "flush", "ruleset"])
        for restore in sorted(self._legacy):
            family = "ip6" if restore.startswith("ip6") else "ip"
            with self.box, open(f"/proc/net/{family}_tables_names", encoding="ascii") as names:
                tables = names.read().split()
            self.run([restore], "".join(f"*{table}\n{EMPTY[table]}COMMIT\n" for table in tables))
        self._legacy.clear()
        self._destroy_sets()
        if self._is_rerouted:
            self._reset_routing()
        self.forget()

    def _destroy_sets(self):
        """The kernel lets go of rules, and so of their ipsets, some time after they are removed."""
        deadline = time.monotonic() + SECONDS
        while self._has_sets:
            try:
                self.run(["ipset", "restore"], "flush\ndestroy\n")  # lists refer to other sets
                self._has_sets = False
            except LoadError:
                if time.monotonic() > deadline:
                    raise

    def _reset_routing(self):
        """Routes, policy rules and switches as they were."""
        for family, last in (("-4", ["rule add pref 32767 lookup default"]), ("-6", [])):
            # A flush leaves rules of preference 0
            zero = self.run(["ip", family, "rule", "show", "pref", "0"]).splitlines()
            lines = ["rule flush", *("rule del pref 0" for _ in zero), "rule add pref 0 lookup local",
                     "rule add pref 32766 lookup main", *last]
            lines += [f"route del {r}" for r in self._routing(family) if r not in self._routes]
            self.run(["ip", family, "-batch", "-"], "\n".join(lines) + "\n")
        self.box.ip(ROUTES)
        self.box.sysctl({f"ipv4/conf/{name}/rp_filter": 0 for name in ("all", "eth0", "eth1")})
        self._is_rerouted = False

    def _routing(self, *families):
        """Routes but those of the table local, as lines that `ip route del` takes."""
        return [line.strip() for family in families or ("-4", "-6")
                for line in self.run(["ip", family, "route", "show", "table", "all"]).splitlines()
                if "table local" not in line]

    def forget(self):
        """Removes what the box knows of connections (IPCTNL_MSG_CT_DELETE of all)."""
        self._conntrack.send(struct.pack("=IHHIIBBH", 20, 0x102, 5, 1, 0, 0, 0, 0))
        error = struct.unpack_from("=i", self._conntrack.recv(4096), 16)[0]
        if error:
            raise OSError(-error, "cannot flush connections")

    def send(self, interface, number, packets):
        local, remote = MACS[interface]
        head = bytes.fromhex((local + remote).replace(":", ""))
        for packet in packets:
            self._wires[interface].send(head + ETHERTYPES[packet[0] >> 4] + packet)

    def probe(self, probes, **crafted):
        """What becomes of each: "accept PORT" of the listener, "drop", "reject HOW", "diverted TO"."""
        first, found = self._number, {}
        self._collect({})
        self.strays = []
        for n, probe in enumerate(probes, first):
            self.send(probe.interface, n, frames.packets(
                frames.TCP if probe.protocol == "tcp" else frames.UDP, probe.source, probe.target,
                n, probe.port, **crafted))
            if (n - first) % BATCH == BATCH - 1:
                self._settle()
                self._collect(found)
        self._number += len(probes)
        self._settle()
        self._collect(found)
        self.strays += [found[n] for n in found if not first <= n < self._number]
        return [found.get(n, "drop") for n in range(first, self._number)]

    def _settle(self):
        """Returns when all that was sent has been worked on."""
        wire = self._wires["mark"]
        target, source = (bytes.fromhex(mac.replace(":", "")) for mac in MACS["mark"])
        request = target + source + b"\x08\x06" + struct.pack(
            "!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, source, b"\x0a\0\0\2", bytes(6), b"\x0a\0\0\1")
        for _ in range(MARKS):
            wire.send(request)
            while True:
                if not select.select([wire], [], [], SECONDS)[0]:
                    raise TimeoutError("a marker did not come back")
                frame = wire.recv(2048)
                if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2":
                    break

    def _collect(self, found):
        for name in ("eth0", "eth1", "eth2"):
            for frame in self._frames(self._wires[name]):
                if told := frames.answer(frame[14:]):
                    number, how = told
                    if isinstance(how, int):
                        how = f"accept {self.tcp[how - SEGMENT]}"
                    found.setdefault(number, how)
                elif name == "eth2" and (number := frames.sent(frame[14:])) is not None:
                    found[number] = f"diverted {frames.target(frame[14:])}"
        for fileno, _ in self._readable.poll(0):
            sock, port = self._datagrams[fileno]
            for text in self._frames(sock):
                found[int.from_bytes(text[:4], "big")] = f"accept {port}"

    @staticmethod
    def _frames(sock):
        try:
            while True:
                yield sock.recv(2048)
        except BlockingIOError:
            pass

    def lost(self):
        """How many frames no capture had room for."""
        return sum(struct.unpack("=II", wire.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
                   for wire in self._wires.values())


CHAINS = {"filter": "INPUT FORWARD OUTPUT", "nat": "PREROUTING INPUT OUTPUT POSTROUTING",
          "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING", "raw": "PREROUTING OUTPUT",
          "security": "INPUT FORWARD OUTPUT"}
EMPTY = {table: "".join(f":{chain} ACCEPT [0:0]\n" for chain in chains.split())
         for table, chains in CHAINS.items()}
