"""What the kernel says of this network namespace, read without hark: /proc/net and /proc/PID.

A server that was just asked may fork or close something; `settled` reads around the program under
test until nothing moved meanwhile.
"""
import collections
import ipaddress
import os
import pathlib
import pwd
import re
import subprocess
import time

Row = collections.namedtuple("Row", "protocol family address port remote remote_port state inode")
Holder = collections.namedtuple("Holder", "pid fd command executable user")

UNCONNECTED, LISTEN = 7, 10
CONNECTED = {1: "established", 2: "syn-sent", 4: "fin-wait-1", 5: "fin-wait-2", 6: "time-wait",
             8: "close-wait", 9: "last-ack", 11: "closing"}
FILES = (("tcp", "inet"), ("tcp", "inet6"), ("udp", "inet"), ("udp", "inet6"))


def parse_address(text):
    """An address of /proc/net: 32-bit words, each as a number of this (little-endian) machine."""
    words = [bytes.fromhex(text[i:i + 8])[::-1] for i in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def rows():
    found = []
    for protocol, family in FILES:
        path = pathlib.Path("/proc/net", protocol + ("6" if family == "inet6" else ""))
        for line in path.read_text().splitlines()[1:]:
            words = line.split()
            local, port = words[1].split(":")
            remote, remote_port = words[2].split(":")
            found.append(Row(protocol, family, str(parse_address(local)), int(port, 16),
                             str(parse_address(remote)), int(remote_port, 16), int(words[3], 16),
                             int(words[9])))
    return found


def is_listener(row):
    return row.state == LISTEN if row.protocol == "tcp" else (
        row.state == UNCONNECTED and row.remote_port == 0)


def listeners():
    """inode: row"""
    return {row.inode: row for row in rows() if is_listener(row)}


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def describe(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    uid = int(re.search(r"^Uid:\s+\d+\s+(\d+)", status, re.M)[1])
    return (pathlib.Path(f"/proc/{pid}/comm").read_text().rstrip("\n"),
            os.readlink(f"/proc/{pid}/exe"), user_name(uid))


def holders():
    """inode: set of Holder"""
    found = collections.defaultdict(set)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if target.startswith("socket:["):
                    found[int(target[8:-1])].add(Holder(int(pid), int(fd), *describe(pid)))
        except FileNotFoundError:
            continue    # it went away, or closed that descriptor
    return found


def state():
    """The listeners with those who hold them: {inode: (row, frozenset of holders)}."""
    held = holders()
    return {inode: (row, frozenset(held[inode])) for inode, row in listeners().items()}


def settled(read, seconds=30):
    """(what `read` returns, the state before and after it), which are the same."""
    deadline = time.monotonic() + seconds
    while True:
        before = state()
        value = read()
        if state() == before:
            return value, before
        if time.monotonic() > deadline:
            raise TimeoutError(f"the listeners changed for {seconds} seconds")


def v6only():
    """inode: IPV6_V6ONLY of each AF_INET6 listener, as ss has it."""
    found = {}
    output = subprocess.run(["ss", "-HtulneO"], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        flag, inode = re.search(r"\bv6only:([01])", line), re.search(r"\bino:(\d+)", line)
        if flag and inode:
            found[int(inode[1])] = flag[1] == "1"
    return found


def netstat_inet():
    """The TCP ports that `netstat -A inet` lists as listening."""
    output = subprocess.run(["netstat", "-A", "inet", "-tln"], check=True, capture_output=True,
                            text=True).stdout
    return {int(line.split()[3].rpartition(":")[2]) for line in output.splitlines()
            if line.startswith("tcp")}
