#!/usr/bin/env python3
"""What hark lists: selectors, families, states and formats, over real sockets."""
import contextlib
import csv
import io
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import harness
from harness import (case, child, clean_environment, expect, expect_equal, find, hark, listen, main,
                     udp, world)

ETH_ADDRESSES = {"eth0": ["10.0.0.7/24", "2001:db8::7/64"]}
ETH = ("link add eth0 type veth peer name eth1", "addr add 10.0.0.7/24 dev eth0",
       "addr add 2001:db8::7/64 dev eth0 nodad", "link set eth0 up", "link set eth1 up")


@contextlib.contextmanager
def sockets():
    """A handful of listeners, each on a port of its own."""
    with world(*ETH, addresses=ETH_ADDRESSES):
        made = [listen("::", 4001, v6only=False), listen("0.0.0.0", 4002), listen("::", 4003, v6only=True),
                listen("127.0.0.1", 4004), listen("10.0.0.7", 4005), listen("2001:db8::7", 4006),
                udp("0.0.0.0", 4007), udp("::", 4008, v6only=False), listen("::ffff:10.0.0.7", 4009)]
        try:
            yield
        finally:
            for sock in made:
                sock.close()


@contextlib.contextmanager
def connected(server_address, client_address, port, family=socket.AF_INET6):
    """A connection: both of its ends, and the listener."""
    server = socket.socket(family)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind((server_address, port))
    server.listen(4)
    client = socket.create_connection((client_address, port))
    accepted, _ = server.accept()
    try:
        yield client.getsockname()[1]
    finally:
        for sock in (client, accepted, server):
            sock.close()


@case
def families():
    """-4 and -6 keep what each family reaches, dual-stack sockets in both"""
    with sockets():
        expect_equal(find("-4"), [4001, 4002, 4004, 4005, 4007, 4008, 4009])
        expect_equal(find("-6"), [4001, 4003, 4006, 4008])
        expect_equal(find("-46"), [4001, 4002, 4003, 4004, 4005, 4006, 4007, 4008, 4009])
        expect_equal(find("-4", "-t"), [4001, 4002, 4004, 4005, 4009])


@case
def muscle_memory():
    """-tulpn and its like list what they list elsewhere"""
    with sockets():
        everything = find()
        for words in (("-tulpn",), ("-tulwnpS",), ("-l",), ("-nlp", "-t", "-u"), ("-n",)):
            expect_equal(find(*words), everything, words)
        expect_equal(find("-t"), [4001, 4002, 4003, 4004, 4005, 4006, 4009])
        expect_equal(find("-u"), [4007, 4008])
        expect_equal(find("-w"), [])
        answer = hark("-tulpn")
        expect_equal(answer.status, 0, answer)
        for port in everything:
            expect(f" {port} " in answer.out, answer)


@case
def selectors():
    """selectors of each kind find the sockets that they mean"""
    me = str(os.getpid())
    name = open("/proc/self/comm", encoding="utf-8").read().strip()
    every = [4001, 4002, 4003, 4004, 4005, 4006, 4007, 4008, 4009]
    with sockets() as _:
        inode = hark("--json", "4002").sockets[0]["inode"]
        cookie = hark("--json", "4003").sockets[0]["cookie"]
        netns = hark("--json", "4002").sockets[0]["netns"]
        for words, wanted in (
                (("4001",), [4001]), ((":4002",), [4002]), (("4003-4005",), [4003, 4004, 4005]),
                (("4001,4007",), [4001, 4007]), (("4001-4008", "udp"), [4007, 4008]),
                (("4007/udp,4007/tcp",), [4007]), (("udp",), [4007, 4008]),
                (("tcp46",), [4001]), (("tcp4",), [4002, 4004, 4005, 4009]), (("tcp6",), [4003, 4006]),
                (("udp46,tcp6",), [4003, 4006, 4008]), (("raw",), []),
                (("listen",), [4001, 4002, 4003, 4004, 4005, 4006, 4009]),
                (("10.0.0.7",), [4001, 4002, 4005, 4007, 4008, 4009]),
                (("10.0.0.7:4001",), [4001]), (("10.0.0.7:4003",), []),
                (("127.0.0.1",), [4001, 4002, 4004, 4007, 4008]),
                (("127.1.2.3",), [4001, 4002, 4007, 4008]),
                (("10.0.0.0/8", "tcp"), [4001, 4002, 4005, 4009]), (("192.0.2.1",), []),
                (("::1",), [4001, 4003, 4008]), (("[2001:db8::7]:4006",), [4006]),
                (("2001:db8::/32",), [4001, 4003, 4006, 4008]),
                (("0.0.0.0",), [4002, 4007]), (("::",), [4001, 4003, 4008]),
                ((f"pid={me}",), every), ((f"pid=1,{me}", "4004"), [4004]), (("pid=999999",), []),
                ((name,), every), ((f"{name[:3]}*", "4005"), [4005]), (("command=nobody",), []),
                (("user=0",), every), (("user=12345",), []), ((f"inode={inode}",), [4002]),
                ((f"cookie={cookie}",), [4003]), ((f"netns={netns}",), every), (("netns=4294967295",), []),
                (("state=listen", "proto=tcp", "port=4001"), [4001])):
            expect_equal(find(*words), wanted, words)


@case
def ports_apart():
    """two ports that no socket has both of get a hint at the comma"""
    with world():
        socks = [listen("127.0.0.1", port) for port in (4001, 4002)]
        answer = hark("4001", "4002")
        expect_equal(answer.status, 1, answer)
        expect("put commas between" in answer.err, answer)
        expect_equal(find("4001,4002"), [4001, 4002])
        expect("commas" not in hark("4001", "udp").err, "one port alone")
        for sock in socks:
            sock.close()


@case
def halves():
    """a half of a split pair that was selected is not told as the whole"""
    with world():
        socks = [listen("0.0.0.0", 4001), listen("::", 4001, v6only=True), listen("::", 4002, v6only=True)]
        for words in (("-6", "4001"), ("[::1]:4001",), ("tcp6", "4001")):
            expect("-" not in hark("-H", *words).out, words)
            expect("does not answer" not in on_terminal(words, {}), words)
            expect_equal(hark("--json", *words).sockets[0]["answers"]["ipv4"]["verdict"], "none")
        for words in (("-6", "4002"), ("[::1]:4002",), ("4002",)):
            expect("-" in hark("-H", *words).out, words)
            expect("tcp 4002 does not answer IPv4" in on_terminal(words, {}), words)
        expect("-" not in hark("-H", "4001").out, "both halves")
        for sock in socks:
            sock.close()


@case
def devices():
    """dev= finds what is bound to an interface"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("0.0.0.0", 4001, device="eth0"), listen("0.0.0.0", 4002)]
        expect_equal(find("dev=eth0"), [4001])
        expect_equal(find("dev=eth*"), [4001])
        expect_equal(find("dev=eth1"), [])
        expect_equal(find("10.0.0.7", "4001-4002"), [4001, 4002])
        expect_equal(find("127.0.0.1", "4001-4002"), [4002])
        for sock in socks:
            sock.close()


@case
def connections():
    """-a lists connections; a mapped peer is IPv4, whatever the socket is"""
    with world(*ETH, addresses=ETH_ADDRESSES), connected("::", "10.0.0.7", 4001) as client_port:
        expect_equal(find(), [4001])
        expect_equal(find("-a"), [4001, 4001, client_port])
        expect_equal(find("established"), [4001, client_port])
        expect_equal(find("-a", "4001"), [4001, 4001, client_port])
        expect_equal(find("-a", "listen"), [4001])
        expect_equal(find("-a4", "established"), [4001, client_port])
        expect_equal(find("-a6", "established"), [])
        expect_equal(find("-a", f"10.0.0.7:{client_port}"), [4001, client_port])
        expect_equal(find("-a", "10.0.0.0/24", "established"), [4001, client_port])
        mapped = [s for s in hark("--json", "established", "4001").sockets if s["family"] == "inet6"]
        expect_equal(len(mapped), 1)
        expect_equal((mapped[0]["mapped"], mapped[0]["label"], mapped[0]["local"]["address"],
                      mapped[0]["remote"]), (True, "tcp4", "10.0.0.7",
                                             {"address": "10.0.0.7", "port": client_port}))
        expect_equal(mapped[0]["answers"], None)


@case
def statuses():
    """the exit status tells whether anything matched"""
    with world():
        expect_equal(hark().status, 1)
        sock = listen("127.0.0.1", 4001)
        expect_equal(hark().status, 0)
        expect_equal(hark("4001").status, 0)
        expect_equal(hark("4002").status, 1)
        expect_equal(hark("--strict", "4001").status, 0)
        expect_equal(hark("--csv", "4002").status, 1)
        sock.close()


@case
def json_formats():
    """--json is a document of schema 1 and --ndjson a socket a line, with the same sockets"""
    with sockets():
        answer = hark("--json")
        document = answer.document
        expect_equal((document["schema"], document["complete"], document["notes"]), (1, True, []), answer)
        for key in ("host", "kernel", "time", "namespaces", "sockets"):
            expect(key in document, key)
        lines = [json.loads(line) for line in hark("--ndjson").out.splitlines()]
        expect_equal(len(lines), len(document["sockets"]))
        for of_line, of_document in zip(lines, document["sockets"]):
            expect_equal({k: of_line[k] for k in of_document}, of_document)
        by_port = {s["local"]["port"]: s for s in document["sockets"]}
        expect_equal(by_port[4001]["answers"], {
            "ipv4": {"verdict": "all", "via": "mapped", "decided_by": "kernel"},
            "ipv6": {"verdict": "all", "via": "native", "decided_by": "kernel"}})
        expect_equal(by_port[4001]["holders"][0]["pid"], os.getpid())
        expect_equal(by_port[4005]["answers"]["ipv4"]["addresses"], ["10.0.0.7"])
        expect_equal(hark("--json", "5999").sockets, [])


@case
def csv_format():
    """--csv has a line of headers and a line for each socket; -o chooses its columns"""
    with sockets():
        rows = list(csv.DictReader(io.StringIO(hark("--csv").out)))
        expect_equal(sorted(int(row["port"]) for row in rows), find())
        expect_equal(hark("--csv", "-o", "port,label", "4001").out, "port,label\n4001,tcp46\n")
        expect_equal(hark("--csv", "-H", "-o", "port,label", "4001").out, "4001,tcp46\n")


@case
def columns():
    """-o picks and adds columns, -o help describes each, -e and -H do what they say"""
    with sockets():
        expect_equal(hark("-o", "port,label,v6only", "4003").out, "PORT  LABEL  V6ONLY\n4003  tcp6   yes\n")
        expect_equal(hark("-H", "-o", "port,label", "4001").out, "4001  tcp46\n")
        described = [line.split()[0]
                     for line in hark("-o", "help").out.partition("\n\n")[0].splitlines()]
        expect_equal(hark("list", "-o", "help").out, hark("-o", "help").out)
        expect(len(described) > 20 and len(set(described)) == len(described), described)
        for name in described:
            answer = hark("-o", name, "4001")
            expect_equal((answer.status, answer.err), (0, ""), answer)
            expect_equal(hark("--csv", "-o", name, "4001").out.splitlines()[0], name)
        headers = hark("4001").out.splitlines()[0].split()
        extended = hark("-e", "4001").out.splitlines()[0].split()
        expect_equal(extended[-3:], ["USER", "INODE", "COOKIE"])
        expect(len(extended) >= len(headers) + 3, extended)
        expect(hark("-o", "+inode", "4001").out.splitlines()[0].endswith("INODE"), "+inode")
        expect_equal(hark("-o", "+inode,+uid", "4001").out, hark("-o", "+inode,uid", "4001").out)


@case
def without_holders():
    """--no-holders looks for none, and does not tell that there are none"""
    with sockets():
        for words in (("--no-holders",), ("--holders", "none"), ("--holders=none",)):
            answer = hark("--json", *words)
            expect_equal(answer.ports, find(), words)
            for sock in answer.sockets:
                expect(sock["holders"] in (None, []) and not sock["holders_complete"], sock)
            expect_equal(answer.sockets[0]["answers"]["ipv4"]["decided_by"], "kernel")
        expect("HELD BY" not in hark("--no-holders").out, "no such column")
        # a selector that rests on them finds them all the same
        expect_equal(find("--no-holders", f"pid={os.getpid()}", "4001"), [4001])
        expect_equal(find("--holders", "proc"), find())


@case
def prefork_pools():
    """all holders of a socket are listed"""
    with world():
        sock = listen("0.0.0.0", 4001)
        with child(lambda: sock) as first, child(lambda: sock) as second:
            pids = [holder["pid"] for holder in hark("--json", "4001").sockets[0]["holders"]]
            expect_equal(sorted(pids), sorted([os.getpid(), first, second]))
            expect_equal(find(f"pid={second}"), [4001])
        sock.close()


@case
def explaining():
    """explain tells of what listens, and says so where nothing does"""
    with sockets():
        answer = hark("explain", "4001")
        expect_equal((answer.status, answer.err), (0, ""), answer)
        expect(answer.out.startswith("TCP port 4001 answers IPv4 and IPv6"), answer)
        expect("4002" not in answer.out, answer)
        expect_equal(hark("explain", "-t", "tcp46", "4001").out, answer.out)
        nothing = hark("explain", "5999")
        expect_equal((nothing.status, nothing.out),
                     (1, 'Nothing listens there: no listener matches "5999".\n'
                      "  Who connects there by TCP is refused with a reset, and who sends UDP gets an ICMP "
                      "error back, over IPv4 and IPv6 alike, unless a firewall drops the packet before.\n"),
                     nothing)
        server = listen("127.0.0.1", 5999)
        client = socket.create_connection(("127.0.0.1", 5999))
        accepted, _ = server.accept()
        server.close()
        nothing = hark("explain", "5999")
        expect_equal(nothing.status, 1, nothing)
        expect("\nTCP port 5999 has 1 socket that does not listen.\n" in nothing.out, nothing)
        expect(" is in state established." in nothing.out, nothing)
        client.close()
        accepted.close()


@case
def colors():
    """colours are for terminals, unless NO_COLOR or --color says otherwise"""
    with sockets():
        expect("\033[" not in hark().out, "colour in a file")
        expect("\033[" in hark("--color", "always").out, "no colour")
        expect("\033[" in hark("--color=always", env={"NO_COLOR": "1"}).out, "no colour")
        for env, wanted in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                            ({"TERM": "xterm", "NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
            expect_equal("\033[" in on_terminal(["-t"], env), wanted, env)
        expect("\033[" not in on_terminal(["--color", "never"], {"TERM": "xterm"}), "colour")


def on_terminal(words, env):
    """What hark writes to a terminal."""
    reader, terminal = pty.openpty()
    with subprocess.Popen([harness.HARK, *words], stdin=terminal, stdout=terminal,
                          stderr=subprocess.DEVNULL, env=clean_environment(**env)) as process:
        os.close(terminal)
        text = b""
        with contextlib.suppress(OSError):  # EIO: the last writer is gone
            while part := os.read(reader, 65536):
                text += part
        expect(process.wait(60) in (0, 1), "on a terminal")
    os.close(reader)
    return text.decode()


def read_until(stream, condition, seconds=30):
    """Reads lines until one meets the condition."""
    deadline, text = time.monotonic() + seconds, b""
    while not condition(text.decode()):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            raise TimeoutError(text)
        text += os.read(stream.fileno(), 65536)
    return text.decode()


@case
def watching():
    """-c answers again and again, sees what comes, clears no file, and ends when interrupted"""
    with world():
        first = listen("127.0.0.1", 4001)
        command = [harness.HARK, "--watch=0.05", "-o", "port,label"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment()) as process:
            read_until(process.stdout, lambda text: text.count("4001") >= 3)
            second = listen("127.0.0.1", 4002)
            text = read_until(process.stdout, lambda text: text.count("4002") >= 2)
            process.send_signal(signal.SIGINT)
            expect_equal(process.wait(30), -signal.SIGINT)
            expect("\033" not in text, text)
        first.close()
        second.close()
        csv_command = [harness.HARK, "-c", "--watch=0.05", "--csv", "-o", "port,label"]
        third = listen("127.0.0.1", 4003)
        with subprocess.Popen(csv_command, stdout=subprocess.PIPE,
                              env=clean_environment()) as process:
            text = read_until(process.stdout, lambda text: text.count("4003") >= 3)
            process.kill()
            expect_equal(text.count("port"), 1, text)
        third.close()


@case
def times():
    """--debug tells where the time went; the parts make up the whole"""
    with sockets():
        line = next(line for line in hark("--debug").err.splitlines() if "time in ms" in line)
        parts = {name: float(ms) for name, ms in re.findall(r"([a-z ]+) ([0-9.]+)(?:,|$)",
                                                            line.split(":", 2)[2])}
        whole = parts.pop(" in all")
        expect_equal([name.strip() for name in parts],
                     ["namespaces", "sockets", "addresses", "answers", "firewall", "holders",
                      "units", "selection", "printing"], line)
        expect(abs(sum(parts.values()) - whole) < 0.01 and parts[" sockets"] > 0, line)
        expect("time in ms" not in hark().err, "told without --debug")


if __name__ == "__main__":
    main()
