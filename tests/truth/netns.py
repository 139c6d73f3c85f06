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


def _open_own():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Netns:
    """A namespace without a name: it is gone when this process is, however it ends.

    `with ns:` moves the thread into it, and back to where it came from, which may be the same.
    Sockets made and children started inside stay inside.
    """

    def __init__(self):
        home = _open_own()
        _call("unshare", CLONE_NEWNET)
        self._fd = _open_own()
        self.inode = os.fstat(self._fd).st_ino
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        _call("setns", home, CLONE_NEWNET)
        os.close(home)
        self._left = []

    def __enter__(self):
        self._left.append(_open_own())
        _call("setns", self._fd, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        back = self._left.pop()
        _call("setns", back, CLONE_NEWNET)
        os.close(back)

    def close(self):
        os.close(self._fd)

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

    def watch(self):
        """A netlink socket that hears of links and IPv6 routes; subscribe before they come."""
        with self:
            watcher = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            watcher.bind((0, 0x401))  # RTMGRP_LINK, RTMGRP_IPV6_ROUTE
        return watcher

    def interfaces(self):
        with self:
            return dict(socket.if_nameindex())


def _attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        found[kind] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


def _news(message):
    """What of a datagram says that (interface, None) is up or (interface, address) is local."""
    while len(message) >= 16:
        length, kind = struct.unpack_from("=IH", message)
        if kind == 16:  # RTM_NEWLINK
            found = _attributes(message[32:length])
            if found.get(16) == b"\6":  # IFLA_OPERSTATE, IF_OPER_UP
                yield struct.unpack_from("=i", message, 20)[0], None
        elif kind == 24 and message[23] == 2:  # RTM_NEWROUTE, RTN_LOCAL
            found = _attributes(message[28:length])
            address = socket.inet_ntop(socket.AF_INET6, found[1].ljust(16, b"\0"))  # RTA_DST
            yield struct.unpack("=i", found[4])[0], address  # RTA_OIF
        message = message[(length + 3) & ~3:]


def wait_until_usable(namespace, watcher, addresses, seconds=10):
    """Returns when the interfaces are up and their addresses are local.

    An IPv6 address is listed at once, yet until a work queue of the kernel has run it has no route
    in the local table, and packets for it are dropped: seen in one world of 150 on a busy machine.
    """
    missing = {(name, None) for name in addresses}
    missing |= {(name, a.split("/")[0]) for name in addresses for a in addresses[name] if ":" in a}
    names = namespace.interfaces()
    while missing:
        if not select.select([watcher], [], [], seconds)[0]:
            raise TimeoutError(f"not usable: {missing}")
        missing -= {(names.get(index), address) for index, address in _news(watcher.recv(65536))}
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
        watchers = self.box.watch(), self.peer.watch()
        self.box.ip(["link set lo up"] + [
            f"link add {local} address {mac} type veth"
            f" peer name {remote} address {remote_mac} netns {self.peer.path}"
            for local, remote, mac, remote_mac in LINKS])
        self.box.sysctl(plan.link_settings)
        self._populate(plan)
        wait_until_usable(self.box, watchers[0], plan.addresses)
        wait_until_usable(self.peer, watchers[1], PEER)

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
