"""Worlds of rules: 1,000 listeners of TCP behind a firewall, in a network namespace of the runner's."""

import ctypes
import os
import resource
import socket
import subprocess

import worlds

LISTENERS = 1000
FIRST_PORT = 20000
CLONE_NEWNET = 0x40000000
SYSTEM = """\
link add eth0 type veth peer name peer0
link set lo up
link set eth0 up
link set peer0 up
addr add 203.0.113.9/24 dev eth0
addr add 2001:db8::9/64 dev eth0 nodad
route add default via 203.0.113.1 dev eth0
route add default via 2001:db8::1 dev eth0
"""
CHAIN = """\
table inet filter {{
{sets}  chain input {{
    type filter hook input priority 0; policy {policy};
    iif lo accept
    ct state established,related accept
{rules}
  }}
}}
"""


def address(i, is_ipv6):
    if is_ipv6:
        return f"2001:db8:{i >> 8:x}:{i & 255:x}::/64"
    return f"{11 + i // 62500}.{i // 250 % 250}.{i % 250}.0/24"


def rule(i):
    """Accepts by sender and port, every tenth by port alone; half of the ports are listened at."""
    port = FIRST_PORT + i // 2 % (2 * LISTENERS)
    if i % 10 == 9:
        return f"tcp dport {port} accept"
    return f"{'ip6' if i % 2 else 'ip'} saddr {address(i, i % 2)} tcp dport {port} accept"


def cut(i):
    return f"{'ip6' if i % 2 else 'ip'} saddr {address(i, i % 2)} drop"


def element_set(name, kind, is_ipv6, n):
    elements = ",".join(address(2 * i, is_ipv6) for i in range(n))
    return f"  set {name} {{ type {kind}; flags interval; elements = {{ {elements} }} }}\n"


def ruleset(name):
    if name == "open":
        return None
    if name == "sets":
        return CHAIN.format(sets=element_set("s4", "ipv4_addr", False, 100_000)
                            + element_set("s6", "ipv6_addr", True, 100_000), policy="accept",
                            rules="    ip saddr @s4 drop\n    ip6 saddr @s6 drop")
    make = rule if name == "rules" else cut
    return CHAIN.format(sets="", policy="drop" if name == "rules" else "accept",
                        rules="\n".join(f"    {make(i)}" for i in range(10_000)))


DESCRIPTIONS = {
    "open": "no rule at all",
    "rules": "10,000 rules of nf_tables that each let in a port, most of them from a prefix alone",
    "cuts": "10,000 rules of nf_tables that each refuse a prefix of senders",
    "sets": "two sets of nf_tables, of 100,000 prefixes each, whose senders are refused",
}


class Ruled:
    """While it is open, the runner and all it starts are in a namespace with these rules."""

    def __init__(self, name):
        self.name = name
        self.home = -1
        self.sockets = []
        self.facts = {"ruled": DESCRIPTIONS[name], "tcp_listeners": LISTENERS, "udp": 0,
                      "tcp_listener_holders": LISTENERS, "established": 0}

    def __enter__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise worlds.WorldError(f"unshare: {os.strerror(ctypes.get_errno())}")
        try:
            self.fill()
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            self.__exit__()
            raise worlds.WorldError(str(error)) from error
        return self

    def fill(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, LISTENERS + 200), most))
        self.facts["namespaces"] = [os.stat("/proc/self/ns/net").st_ino]
        subprocess.run(("ip", "-batch", "-"), input=SYSTEM.encode(), check=True)
        text = ruleset(self.name)
        if text:
            subprocess.run(("nft", "-f", "-"), input=text.encode(), check=True)
        for i in range(LISTENERS):
            listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            self.sockets.append(listener)
            listener.bind(("::", FIRST_PORT + i))
            listener.listen()

    def __exit__(self, *_):
        for listener in self.sockets:
            listener.close()
        worlds.enter_network_namespace(self.home)
        os.close(self.home)
