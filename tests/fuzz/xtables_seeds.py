#!/usr/bin/env python3
"""Writes seeds of the targets xt and xtables, from tables of a network namespace of its own.

    tests/fuzz/xtables_seeds.py

As root; it wants iptables-legacy, ip6tables-legacy and ipset. Tables: one of each, with all matches
and targets of every_xt.py. Matches and targets: each of theirs, without what the kernel wiped out.
"""
import ctypes
import os
import pathlib
import socket
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "firewall"))
import every_xt  # noqa: E402 (the path comes first)

CLONE_NEWNET = 0x40000000
GET_INFO, GET_ENTRIES = 64, 65
INFO_SIZE = 84
# By family: that of sockets, the level of its options, the size of an entry, where offsets are.
FORMS = {4: (socket.AF_INET, 0, 112, 88), 6: (socket.AF_INET6, 41, 168, 140)}
libc = ctypes.CDLL(None, use_errno=True)


def get_option(version, option, content):
    family, level = FORMS[version][:2]
    buffer, size = ctypes.create_string_buffer(content, len(content)), ctypes.c_uint(len(content))
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if libc.getsockopt(sock.fileno(), level, option, buffer, ctypes.byref(size)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return buffer.raw


def load(version):
    tool = {4: "iptables-legacy", 6: "ip6tables-legacy"}[version]
    subprocess.run(["ipset", "create", f"set{version}", "hash:ip", "family",
                    {4: "inet", 6: "inet6"}[version], "skbinfo", "counters"], check=True)
    subprocess.run([tool, "-N", "user"], check=True)
    for table, chain, words in every_xt.rules(version):
        subprocess.run([tool, "-t", table, "-A", chain, *words], check=True,
                       stderr=subprocess.DEVNULL)


def seed(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def extensions(version, entries):
    """Yields (is a target, name, revision, blob) of each entry."""
    size, offsets = FORMS[version][2:]
    at = 0
    while at < len(entries):
        target, end = struct.unpack_from("=HH", entries, at + offsets)
        where = size
        while where <= target:
            length, name, revision = struct.unpack_from("=H29sB", entries, at + where)
            blob = entries[at + where + 32:at + where + length]
            yield where == target, name.split(b"\0")[0], revision, blob
            where += length
        at += end


def write(version, seen):
    with open(f"/proc/net/ip{'6' * (version == 6)}_tables_names", encoding="ascii") as names:
        tables = names.read().split()
    for table in tables:
        name = table.encode().ljust(32, b"\0")
        info = get_option(version, GET_INFO, name.ljust(INFO_SIZE, b"\0"))
        size, = struct.unpack_from("=I", info, INFO_SIZE - 4)
        entries = get_option(version, GET_ENTRIES,
                             struct.pack("=32sI4x", name, size).ljust(40 + size, b"\0"))[40:]
        seed("xtables", f"{table}{version}", bytes([version == 6]) + info + entries)
        for is_target, extension, revision, blob in extensions(version, entries):
            key = is_target, extension, revision, len(blob)
            if key not in seen:
                kind = "target" if is_target else "match"
                seed("xt", f"{kind}-{extension.decode()}-{revision}-{version}",
                     bytes([is_target, version == 6, revision]) + extension + b"\0" + blob)
            seen.add(key)


def main():
    if libc.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "a network namespace")
    seen = set()
    for version in (4, 6):
        load(version)
        write(version, seen)


if __name__ == "__main__":
    main()
