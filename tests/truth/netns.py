"""Network namespaces that nobody has to clean up, and a peer behind two veth pairs."""

import ctypes
import os
import select
import socket
import struct
import subprocess

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def become_root():
    """Root in a user namespace of our own, where we are not root already. OSError if forbidden."""
    if os.geteuid() == 0:
        return
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as out:
            out.write(text)


class Netns:
    """A namespace without a name: it is gone when this process is, however it ends.

    `with ns:` moves the process into it and back. Sockets made and children started inside stay
    inside.
    """

    def __init__(self):
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _call("unshare", CLONE_NEWNET)
        self._fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self._fd).st_ino
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        _call("setns", self._home, CLONE_NEWNET)

    def __enter__(self):
        _call("setns", self._fd, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        _call("setns", self._home, CLONE_NEWNET)

    def close(self):
        os.close(self._fd)
        os.close(self._home)

    def ip(self, lines):
        """Runs lines of `ip -batch` inside."""
        with self:
            done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                                  capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ip -batch: {done.stderr.strip()}\n" + "\n".join(lines))

    def sysctl(self, settings):
        """Sets those that this kernel has."""
        with self:
            for name, value in settings.items():
                try:
                    with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as out:
                        out.write(str(value))
                except FileNotFoundError:
                    pass

    def watch_links(self):
        """A netlink socket that hears of links coming up; subscribe before they do."""
        with self:
            watcher = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            watcher.bind((0, 1))  # RTMGRP_LINK
        return watcher


def _links_up(message):
    """Names of links whose operational state is said to be up in a datagram of RTM_NEWLINK."""
    while len(message) >= 32:
        length, kind = struct.unpack_from("=IH", message)
        attributes, name, state = message[32:length], None, None
        while len(attributes) >= 4:
            size, attribute = struct.unpack_from("=HH", attributes)
            if attribute == 3:  # IFLA_IFNAME
                name = attributes[4:size].rstrip(b"\0").decode()
            elif attribute == 16:  # IFLA_OPERSTATE
                state = attributes[4]
            attributes = attributes[(size + 3) & ~3:]
        if kind == 16 and state == 6:  # RTM_NEWLINK, IF_OPER_UP
            yield name
        message = message[(length + 3) & ~3:]


def wait_for_links(watcher, names, seconds=10):
    """Returns when all are up. IPv6 routes exist by then: addrconf hears of it before we do."""
    missing = set(names)
    while missing:
        if not select.select([watcher], [], [], seconds)[0]:
            raise TimeoutError(f"links {missing} did not come up")
        missing -= set(_links_up(watcher.recv(65536)))
    watcher.close()


# No DAD and no autoconfiguration, so that addresses can be used at once; no reverse path filter;
# refusals unlimited: the masks name the types that are limited, and so also take "unreachable" out
# of the limit of 50 at once that IPv4 and IPv6 share, which older kernels set for the host alone.
SETTINGS = {
    "ipv4/icmp_ratelimit": 0,
    "ipv4/icmp_ratemask": 0,
    "ipv6/icmp/ratelimit": 0,
    "ipv6/icmp/ratemask": 0,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/router_solicitations": 0,
}

# The box is where the sockets are; its eth0 and eth1 lead to the peer's p0 and p1. Both of the
# box's interfaces have the same link-local address on purpose: only the scope tells them apart.
LINKS = (("eth0", "p0", "02:00:00:00:00:01", "02:00:00:00:00:0a"),
         ("eth1", "p1", "02:00:00:00:01:01", "02:00:00:00:01:0a"))
PEER = {
    "p0": ["10.9.0.100/24", "fd00:9::100/64", "fe80::a/64"],
    "p1": ["10.9.1.100/24", "fd00:9:1::100/64", "fe80::b/64"],
}


def _neighbours(local, remote_mac, prefixed):
    return [f"neigh replace {address.split('/')[0]} lladdr {remote_mac} dev {local} nud permanent"
            for address in prefixed]


class Pair:
    """A box with the addresses of a plan, and its peer."""

    def __init__(self, plan):
        self.box, self.peer = Netns(), Netns()
        self.box.sysctl(SETTINGS | plan.box_settings)
        self.peer.sysctl(SETTINGS)
        watchers = [(self.box.watch_links(), [l[0] for l in LINKS]),
                    (self.peer.watch_links(), [l[1] for l in LINKS])]
        self.box.ip(["link set lo up"] + [
            f"link add {local} address {mac} type veth"
            f" peer name {remote} address {remote_mac} netns {self.peer.path}"
            for local, remote, mac, remote_mac in LINKS])
        self.box.sysctl(plan.link_settings)
        self._populate(plan)
        for watcher, names in watchers:
            wait_for_links(watcher, names)

    def _populate(self, plan):
        box, peer = [], ["link set lo up"]
        for local, remote, mac, remote_mac in LINKS:
            box += [f"link set {local} up"]
            box += [f"addr add {a} dev {local}" + (" nodad" if ":" in a else "")
                    for a in plan.addresses[local]]
            peer += [f"link set {remote} up"]
            peer += [f"addr add {a} dev {remote}" + (" nodad" if ":" in a else "")
                     for a in PEER[remote]]
            v6 = any(":" in a for a in plan.addresses[local])
            box += _neighbours(local, remote_mac, [a for a in PEER[remote] if v6 or ":" not in a])
            peer += _neighbours(remote, mac, plan.addresses[local])
        self.box.ip(box + plan.box_lines)
        self.peer.ip(peer + plan.peer_lines)

    def close(self):
        self.box.close()
        self.peer.close()
