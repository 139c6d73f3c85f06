#!/usr/bin/env python3
"""Connects from where it runs, and tells what became of it.

Reads one JSON list of items on a line of standard input, answers with one JSON list of results, and
holds the connections open until the next line, so that the other side of each can be looked at.

item:   {"protocol", "address", "scope", "port", "send": hex, "expect": hex, "closed": port}
result: {"error": null or an errno's name, "port": our own port, "reply": hex}

UDP has no connection to see. A datagram that nobody takes comes back as an ICMP error, so one to a
port known to be closed ("closed") is sent behind it: when that one's error is here, ours has either
come before it or never will. Everything stays on one CPU, whose queue keeps the order.
"""
import concurrent.futures
import errno
import json
import os
import pathlib
import select
import socket
import sys

SECONDS = 15
IP_RECVERR, IPV6_RECVERR = 11, 25


def address_of(item, port):
    if ":" not in item["address"]:
        return socket.AF_INET, (item["address"], port)
    scope = socket.if_nametoindex(item["scope"]) if item["scope"] else 0
    return socket.AF_INET6, (item["address"], port, 0, scope)


def read_reply(connection, expected):
    """What the other side says, up to as many bytes as are expected; what came before an error."""
    reply = b""
    while len(reply) < len(expected):
        try:
            piece = connection.recv(len(expected) - len(reply))
        except OSError:
            break
        if not piece:
            break
        reply += piece
    return reply


def ask_tcp(item):
    family, address = address_of(item, item["port"])
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(SECONDS)
    connection.connect(address)
    port = connection.getsockname()[1]
    if item["send"]:
        connection.sendall(bytes.fromhex(item["send"]))
    reply = read_reply(connection, bytes.fromhex(item["expect"]))
    return connection, {"error": None, "port": port, "reply": reply.hex()}


def sent(family, address, data):
    datagram = socket.socket(family, socket.SOCK_DGRAM)
    # else an address that cannot be reached is no error
    option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if family == socket.AF_INET6 else (
        socket.IPPROTO_IP, IP_RECVERR)
    datagram.setsockopt(*option, 1)
    datagram.connect(address)
    datagram.send(data)
    return datagram


def ask_udp(item):
    family, address = address_of(item, item["port"])
    asked = sent(family, address, bytes.fromhex(item["send"]))
    reply = b""
    with sent(family, address_of(item, item["closed"])[1], b"?") as behind:
        waiting = select.poll()
        waiting.register(behind, 0)
        if not waiting.poll(SECONDS * 1000):
            raise TimeoutError(errno.ETIMEDOUT, "no error from a closed port")
    failed = asked.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failed:
        raise OSError(failed, os.strerror(failed))
    if item["expect"]:
        asked.settimeout(SECONDS)
        reply = asked.recv(1500)
    return asked, {"error": None, "port": asked.getsockname()[1], "reply": reply.hex()}


def ask(item):
    try:
        return {"tcp": ask_tcp, "udp": ask_udp}[item["protocol"]](item)
    except OSError as error:
        name = errno.errorcode.get(error.errno, type(error).__name__)
        return None, {"error": name, "port": None, "reply": ""}


def main():
    # An ICMP error is the only sign that nobody took a datagram, so none may be held back.
    for which in ("ipv4/icmp_ratemask", "ipv6/icmp/ratemask"):
        pathlib.Path("/proc/sys/net", which).write_text("\n" if "6" in which else "0\n")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print("ready", flush=True)
    held = []
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        for line in sys.stdin:
            for connection in held:
                connection.close()
            answers = list(pool.map(ask, json.loads(line)))
            held = [connection for connection, _ in answers if connection]
            print(json.dumps([result for _, result in answers]), flush=True)


if __name__ == "__main__":
    main()
