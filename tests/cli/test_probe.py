#!/usr/bin/env python3
"""hark probe: what came of real calls, who took them, what was on the wire, nothing left behind."""
import contextlib
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import harness
from harness import (Skip, case, child, clean_environment, expect, expect_equal, hark, libc, listen,
                     main, needs_real_root, udp, world)

NOBODY = 65534
SEED = int(os.environ.get("SEED", "5"))
KILLS = 40
LINES = ("link add d0 type veth peer name d1", "link set d0 up", "link set d1 up",
         "addr add 10.9.0.1/24 dev d0", "addr add fd00:9::1/64 dev d0 nodad",
         "addr add fe80::1/64 dev d0 nodad")
ADDRESSES = {"d0": ["fd00:9::1", "fe80::1"]}
REACHABLE = ["10.9.0.1", "fd00:9::1"]


def here():
    return world(*LINES, addresses=ADDRESSES)


def probe(*arguments, **options):
    """The probes of the JSON, by target; checks that the status says what they do."""
    answer = hark("probe", "--json", *arguments, **options)
    expect(answer.status in (0, 1), answer)
    found = {(p["target"]["address"], p["protocol"]): p for p in answer.document["probes"]}
    any_answer = any(p["outcome"] in ("accepted", "answered") for p in found.values())
    expect_equal(answer.status, 0 if any_answer else 1, answer)
    return found


def only(*arguments, **options):
    found = probe(*arguments, **options)
    expect_equal(len(found), 1, found)
    return next(iter(found.values()))


@contextlib.contextmanager
def server(serve, *sockets):
    """A process that serves; the sockets are its alone from then on."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(tell, b"x")
            serve(*sockets)
        finally:
            os._exit(1)
    os.read(ready, 1)
    os.close(ready)
    os.close(tell)
    for sock in sockets:
        sock.close()
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def accept_all(sock):
    kept = []
    while True:
        kept.append(sock.accept())


def greet_all(sock):
    while True:
        connection = sock.accept()[0]
        connection.send(b"heard " + connection.recv(100))


def echo_all(sock):
    while True:
        data, peer = sock.recvfrom(100)
        sock.sendto(b"\x1b" + data, peer)


def inode(sock):
    return os.fstat(sock.fileno()).st_ino


def flags(probed):
    return [set(p["flags"]) for p in probed["packets"]]


@case
def riddle():
    """IPv4 on the wire, ::ffff: at the server's socket, side by side"""
    with here():
        sock = listen("::", 80, v6only=False)
        with server(accept_all, sock) as pid:
            answer = hark("probe", "10.9.0.1:80")
            expect_equal((answer.status, answer.err), (0, ""), answer)
            lines = answer.out.splitlines()
            expect(re.fullmatch(r"tcp 10\.9\.0\.1:80  accepted in \d+\.\d{3} ms by \[::\]:80 of "
                                rf"python3 {pid}", lines[0]), answer)
            expect(re.fullmatch(r" +on the wire: IPv4 +at the server's socket: IPv6", lines[1]), answer)
            expect(re.fullmatch(r" +10\.9\.0\.1:(\d+) > 10\.9\.0\.1:80 +"
                                r"\[::ffff:10\.9\.0\.1\]:\1 > \[::ffff:10\.9\.0\.1\]:80", lines[2]),
                   answer)
            expect_equal(lines[1].index("at the"), lines[2].index("[::ffff"), answer)
            expect(all("  IPv4  " in line for line in lines[3:]), answer)
            found = only("10.9.0.1:80")
            expect_equal(found["connection"]["local"], {"address": "::ffff:10.9.0.1", "port": 80})
            expect_equal(found["connection"]["family"], "inet6")
            expect_equal([h["pid"] for h in found["connection"]["holders"]], [pid])
            expect_equal(flags(found)[:3], [{"syn"}, {"syn", "ack"}, {"ack"}])
            expect("rst" in flags(found)[-1], found)
            expect_equal({p["interface"] for p in found["packets"]}, {"lo"})
            answer = hark("probe", "[fd00:9::1]:80")
            expect("at the server's socket" not in answer.out, answer)


@case
def everywhere():
    """a port alone: every local address in both families, and those of lo that somebody listens at"""
    with here():
        socks = [listen("127.0.0.2", 80), listen("fd00:9::1", 80)]
        wanted = {"127.0.0.1": "refused", "127.0.0.2": "accepted", "10.9.0.1": "refused",
                  "::1": "refused", "fd00:9::1": "accepted", "fe80::1": "refused"}
        for words in (("80",), (":80",), ("tcp", "80"), ("-t", "80")):
            found = probe(*words)
            expect_equal({a: p["outcome"] for (a, _), p in found.items()}, wanted, words)
        expect_equal(found["127.0.0.2", "tcp"]["listener"]["inode"], inode(socks[0]))
        expect_equal(found["fd00:9::1", "tcp"]["listener"]["inode"], inode(socks[1]))
        expect_equal(found["::1", "tcp"]["listener"], None)
        expect_equal(flags(found["::1", "tcp"]), [{"syn"}, {"rst", "ack"}])
        for words in (("-4", "80"), ("0.0.0.0:80",)):
            expect_equal({a for a, _ in probe(*words)}, {a for a in wanted if ":" not in a}, words)
        for words in (("-6", "80"), ("[::]:80",)):
            expect_equal({a for a, _ in probe(*words)}, {a for a in wanted if ":" in a}, words)
        expect_equal(len(probe("-tu", "80", "--timeout", "0.1")), 2 * len(wanted))
        expect_equal(set(probe("10.9.0.1:80", "[::1]:81")), {("10.9.0.1", "tcp"), ("::1", "tcp")})
        del socks


@case
def not_ours():
    """other hosts' addresses, names and nonsense are refused in one line, and nothing is sent"""
    with here():
        watcher = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        watcher.setblocking(False)
        for word in ("10.9.0.2:80", "8.8.8.8:80", "[fd00:9::2]:80", "[fe80::2%d0]:80",
                     "[fe80::1%d1]:80", "224.0.0.1:80", "10.9.0.255:80", "[ff02::1]:80",
                     "255.255.255.255:80"):
            answer = hark("probe", word)
            expect_equal((answer.status, answer.out), (2, ""), answer)
            expect_equal(answer.err, f"hark: {word} is no address of this host (of this network "
                         "namespace), and probe calls no other\n")
        for word in ("localhost:80", "fd00:9::1:80", "10.9.0.1", "80/tcp", "0", "65536", "", "[::1]",
                     "[::1:80", "10.9.0.1:", "[fe80::1%nothing]:80", "-1", "a\x1b:80"):
            answer = hark("probe", "--", word)
            expect_equal((answer.status, answer.out, answer.err.count("\n")), (2, "", 1), answer)
            expect("\x1b" not in answer.err, answer)
        for words in ((), ("udp",)):
            expect_equal(hark("probe", *words).status, 2)
        sent = []
        with contextlib.suppress(BlockingIOError):
            while True:
                sent.append(watcher.recvfrom(2000)[0])
        expect_equal([f for f in sent if f[12:14] in (b"\x08\0", b"\x86\xdd") and f[20] not in (0, 58)], [])  # MLD, NDP
        subprocess.run(["ip", "addr", "add", "fe80::1/64", "dev", "d1", "nodad"], check=True)
        wait_until(lambda: "several interfaces" in hark("probe", "[fe80::1]:80").err)
        expect_equal(hark("probe", "[fe80::1]:80").status, 2)
        expect_equal(only("[fe80::1%d1]:80")["interface"], "d1")


@case
def datagrams():
    """UDP: an answer with its payload, a refusal with its ICMP error, silence with who would get it"""
    with here():
        silent, sock = udp("10.9.0.1", 54), udp("0.0.0.0", 53)
        number = inode(sock)
        with server(echo_all, sock) as pid:
            found = probe("udp", "53", "--send", "abc")
            for address in ("127.0.0.1", "10.9.0.1"):
                one = found[address, "udp"]
                expect_equal(one["outcome"], "answered")
                expect_equal(one["reply"], {"bytes": 4, "begins": "\x1babc"})
                expect_equal((one["listener"]["inode"], one["connection"]), (number, None))
                expect_equal([h["pid"] for h in one["listener"]["holders"]], [pid])
                expect_equal([(p["protocol"], p["bytes"]) for p in one["packets"]],
                             [("udp", 3), ("udp", 4)])
            one = found["fd00:9::1", "udp"]
            expect_equal((one["outcome"], one["listener"]), ("refused", None))
            expect_equal([(p["protocol"], p.get("type"), p.get("code")) for p in one["packets"]],
                         [("udp", None, None), ("icmp", 1, 4)])
            text = hark("probe", "-u", "10.9.0.1:53", "--send", "abc").out
            expect("4 bytes came back: \\x1babc" in text, text)
        one = only("udp", "10.9.0.1:54", "--timeout", "0.1")
        expect_equal((one["outcome"], one["milliseconds"]), ("timed-out", None))
        expect_equal(one["listener"]["inode"], inode(silent))
        expect_equal(silent.recv(100), b"")


@case
def replies():
    """--send over TCP is sent once accepted, and what comes back is told"""
    with here():
        sock = listen("10.9.0.1", 80)
        with server(greet_all, sock):
            one = only("10.9.0.1:80", "--send", "you")
            expect_equal(one["reply"], {"bytes": 9, "begins": "heard you"})
            expect_equal(only("10.9.0.1:80")["reply"], None)


@case
def takers():
    """the member of a SO_REUSEPORT group that accepts is named, with its process"""
    with here(), contextlib.ExitStack() as stack:
        pids = {}
        for _ in range(4):
            sock = listen("::", 80, reuseport=True)
            number = inode(sock)
            pids[number] = stack.enter_context(server(accept_all, sock))
        seen = set()
        while len(seen) < len(pids):  # a member is missed n times with probability 0.75^n
            for one in probe("80").values():
                expect_equal(one["alike"], len(pids))
                expect_equal([h["pid"] for h in one["connection"]["holders"]],
                             [pids[one["listener"]["inode"]]], one)
                seen.add(one["listener"]["inode"])


@case
def waiting():
    """what the program has not taken yet, or has closed already, is told"""
    with here():
        sock = listen("127.0.0.1", 80)
        answer = hark("probe", "127.0.0.1:80")
        expect("; the program has not taken it yet\n" in answer.out, answer)
        one = only("127.0.0.1:80")
        expect_equal((one["connection"]["inode"], one["connection"]["state"]), (0, "established"))
        expect_equal((one["listener"]["inode"], one["connection"]["holders"]), (inode(sock), []))

        def close_all(listener):
            while True:
                listener.accept()[0].close()
        with server(close_all, listen("127.0.0.1", 81)) as pid:
            answer = hark("probe", "127.0.0.1:81")
            expect(f"by 127.0.0.1:81 of python3 {pid}; the program has closed it already\n"
                   in answer.out, answer)


@case
def handed_on():
    """a connection that another process has got is told with that process"""
    with here():
        def hand_on(sock):
            connection = sock.accept()[0]
            if os.fork() == 0:
                sock.close()
                libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
                harness.rename(b"worker")
                signal.pause()
            connection.close()
            signal.pause()
        with server(hand_on, listen("127.0.0.1", 80)) as pid:
            answer = hark("probe", "127.0.0.1:80")
            expect(re.search(rf"by 127\.0\.0\.1:80 of python3 {pid}; the connection is held by "
                             r"worker \d+\n", answer.out), answer)
    os.wait()  # the worker, which is ours now


@case
def dropped():
    """no answer in time although a socket would get it; the time-out is kept"""
    with here():
        sock = listen("127.0.0.1", 80)
        nothing = struct.pack("HBBI", 6, 0, 0, 0)  # a filter that returns 0: the SYN is dropped
        buffer = libc_buffer(nothing)
        sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxQ", 1, buffer[1]))
        began = time.monotonic()
        answer = hark("probe", "127.0.0.1:80", "--timeout", "0.3")
        expect(0.3 <= time.monotonic() - began < 20, "time")
        expect_equal(answer.status, 1, answer)
        expect("no answer in 0.3 s, although it would go to 127.0.0.1:80 of" in answer.out, answer)
        one = only("127.0.0.1:80", "--timeout", "0.1")
        expect_equal((one["outcome"], one["listener"]["inode"]), ("timed-out", inode(sock)))
        expect_equal(flags(one)[0], {"syn"})


def libc_buffer(data):
    import ctypes
    buffer = ctypes.create_string_buffer(data, len(data))
    return buffer, ctypes.addressof(buffer)


def read_pcap(path):
    """The frames of a file, by its own rules: (seconds, bytes)."""
    data = pathlib.Path(path).read_bytes()
    magic, major, minor, _, _, _, link = struct.unpack_from("=IHHIIII", data)
    expect_equal((magic, major, minor, link), (0xa1b23c4d, 2, 4, 1))
    at, frames = 24, []
    while at < len(data):
        seconds, ns, kept, length = struct.unpack_from("=IIII", data, at)
        expect(kept <= length and ns < 1000000000, (kept, length, ns))
        frames.append((seconds + ns / 1e9, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    expect_equal(at, len(data))
    return frames


@case
def pcap():
    """--pcap: the packets that are told, with the times of now, as tcpdump reads them"""
    with here(), tempfile.TemporaryDirectory() as folder:
        path = folder + "/a.pcap"
        with server(greet_all, listen("::", 80)):
            found = probe("-t", "10.9.0.1:80", "[fd00:9::1]:80", "127.0.0.1:81", "--pcap", path,
                          "--send", "you")
            outside = folder + "/b.pcap"
            probe("10.9.0.1:80", "--pcap", outside, "--from-outside")
        packets = [p for one in found.values() for p in one["packets"]]
        frames = read_pcap(path)
        expect_equal(len(frames), len(packets))
        now = time.time()
        expect(all(now - 60 < t <= now for t, _ in frames), frames)
        expect_equal([f[12:14] == b"\x08\0" for _, f in frames],
                     [p["family"] == "ipv4" for p in packets])
        expect(len(read_pcap(outside)) >= 4, outside)
        answer = hark("probe", "80", "--pcap", folder + "/none/a.pcap")
        expect_equal((answer.status, answer.out), (3, ""), answer)
        expect_equal(hark("probe", "127.0.0.1:81", "--pcap", "/dev/full").status, 3)
        if not shutil.which("tcpdump", path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise Skip("no tcpdump; the file was read by the test's own reader")
        lines = tcpdump(path)
        expect_equal(len(lines), len(packets), lines)
        for line, packet in zip(lines, packets):
            end = "{address}.{port}".format(**packet["from"])
            expect(re.match(rf"\d+\.\d{{9}} IP6? {re.escape(end)} > ", line), (line, packet))
            expect(f"length {packet['bytes']}" in line, (line, packet))
            letters = re.search(r"Flags \[([^]]*)\]", line)[1]
            names = {"S": "syn", "F": "fin", "R": "rst", "P": "psh", ".": "ack"}
            expect_equal({names[letter] for letter in letters}, set(packet["flags"]), line)
        expect(" 10.9.0.1.80: Flags [S]" in tcpdump(outside)[0], tcpdump(outside))


def tcpdump(path):
    done = subprocess.run(["tcpdump", "--nano", "-nnttr", path], capture_output=True, text=True, check=False,
                          env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
    expect_equal(done.returncode, 0, done.stderr)
    expect("EN10MB" in done.stderr, done.stderr)
    return done.stdout.splitlines()


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


@case
def ordinary_user():
    """without privilege the call is made and the listener told; the wire, and the peer, take root"""
    needs_real_root()
    with here():
        with server(accept_all, listen("127.0.0.1", 80)):
            answer = hark("probe", "127.0.0.1:80", preexec_fn=become_nobody)
            expect_equal(answer.status, 0, answer)
            expect("by 127.0.0.1:80 of a process that may not be seen\n" in answer.out, answer)
            expect("could not be captured: Operation not permitted" in answer.err, answer)
            expect_equal(len(answer.out.splitlines()), 1, answer)
            one = only("127.0.0.1:80", preexec_fn=become_nobody)
            expect_equal(one["packets"], None)
            expect_equal(one["listener"]["holders_complete"], False)
            answer = hark("probe", "127.0.0.1:80", "--strict", preexec_fn=become_nobody)
            expect_equal(answer.status, 3, answer)
            answer = hark("probe", "80", "--from-outside", preexec_fn=become_nobody)
            expect_equal((answer.status, answer.out), (3, ""), answer)
            expect("Operation not permitted (it takes root)" in answer.err, answer)


@case
def from_outside():
    """from a peer: its packets cross an interface, and what is bound to lo does not answer"""
    with here():
        socks = [listen("::", 80), udp("0.0.0.0", 53), listen("0.0.0.0", 81, device="lo"),
                 listen("0.0.0.0", 82, device="d0")]
        number = inode(socks[1])
        answer = hark("probe", "80", "--from-outside")
        expect_equal(answer.status, 0, answer)
        expect("3 of the addresses are left out" in answer.err, answer)
        found = probe("80", "--from-outside")
        expect_equal([a for a, _ in found], REACHABLE)
        for one in found.values():
            expect_equal((one["outcome"], one["from"]), ("accepted", "outside"))
            expect_equal(one["listener"]["inode"], inode(socks[0]))
            source = one["source"]["address"]
            expect(source.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")), one)
            expect(one["connection"]["remote"]["address"] in (source, "::ffff:" + source), one)
            expect(all(p["interface"].startswith("hark-") for p in one["packets"]), one)
            expect_equal(flags(one)[:2], [{"syn"}, {"syn", "ack"}])
        for word, outcome in (("127.0.0.1:81", "accepted"), ("10.9.0.1:82", "accepted"),
                              ("10.9.0.1:81", "refused")):
            expect_equal(only(word)["outcome"], outcome, word)
        for word in ("10.9.0.1:81", "10.9.0.1:82"):
            one = only(word, "--from-outside")
            expect_equal((one["outcome"], one["listener"]), ("refused", None), word)
        with server(echo_all, socks[1]):
            one = only("udp", "10.9.0.1:53", "--send", "a", "--from-outside")
            expect_equal((one["outcome"], one["listener"]["inode"]), ("answered", number))
        one = only("127.0.0.1:80", "--from-outside", "--timeout", "0.1")
        expect_equal(one["outcome"], "timed-out")
        answer = hark("probe", "[fe80::1]:80", "--from-outside")
        expect_equal(answer.status, 2, answer)


@case
def firewall():
    """from a peer the firewall's input path is crossed: what it drops and rejects does not answer"""
    if not shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin"):
        raise Skip("no nft")
    rules = """add table inet t
        add chain inet t c { type filter hook input priority 0; }
        add rule inet t c iifname lo accept
        add rule inet t c tcp dport 80 drop
        add rule inet t c tcp dport 81 reject with icmpx type admin-prohibited
        """
    with here():
        done = subprocess.run(["nft", "add", "table", "inet", "t"], text=True, capture_output=True,
                              check=False)
        if done.returncode:
            raise Skip(f"no nftables in this kernel: {done.stderr.strip()}")
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
        socks = [listen("::", 80), listen("::", 81)]
        for one in probe("80").values():
            expect_equal(one["outcome"], "accepted")
        for one in probe("80", "--from-outside", "--timeout", "0.2").values():
            expect_equal((one["outcome"], one["listener"]["inode"]), ("timed-out", inode(socks[0])))
        for one in probe("81", "--from-outside").values():
            expect_equal((one["outcome"], one["packets"][-1]["protocol"]), ("unreachable", "icmp"))


def network():
    """All that the namespace is set to: links, addresses, routes, neighbours."""
    commands = ("link", "addr", "route show table all", "-6 route show table all", "neigh", "rule")
    text = "".join(subprocess.run(["ip", "-o", *c.split()], capture_output=True, text=True,
                                  check=True).stdout for c in commands)
    # Life times run, and hints of what was routed come and go
    return sorted({re.sub(r" (expires|valid_lft|preferred_lft) \w+", "", line)
                   for line in text.splitlines()})


@case
def additions():
    """a peer adds an interface without an address and a route for each family, till it is gone"""
    with here():
        before = network()
        with subprocess.Popen([harness.HARK, "probe", "127.0.0.1:80", "--from-outside", "--timeout",
                               "60"], stdout=subprocess.DEVNULL, env=clean_environment()) as process:
            wait_until(lambda: any("192.0.2." in line or "198.51.100." in line or "203.0.113." in line
                                   for line in network()) and
                       any("src 127.0.0.1" in line for line in network()))
            added = [line for line in network() if line not in before]
            process.kill()
            process.wait()
            os.wait()
        kinds = sorted(re.sub(r"^\d+: ", "", line).split()[0] for line in added)
        links = [line for line in added if re.match(r"\d+: hark-[0-9a-f]{8}@", line)]
        expect_equal(len(links), 1, added)
        name = re.match(r"\d+: (hark-\w+)", links[0])[1]
        others = [line for line in added if line not in links]
        expect(all(f"dev {name} " in line for line in others), (kinds, added))
        expect(not any(re.match(rf"\d+: {name} +inet", line) for line in added), added)
        mine = [line for line in others if not line.startswith(("multicast", "ff00::"))]
        expect_equal(len(mine), 2, others)
        wait_until(lambda: network() == before)
        expect_equal(hark("probe", "10.9.0.1:80", "--from-outside").status, 1)
        expect_equal(network(), before)


def wait_until(holds, seconds=20):
    """By looking again after whatever the kernel has to tell of links, or a hundredth."""
    watcher = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    watcher.bind((0, 0x451))  # links, IPv4 routes, IPv6 routes
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it never came to hold")
        select.select([watcher], [], [], 0.01)
        with contextlib.suppress(BlockingIOError):
            watcher.recv(65536, socket.MSG_DONTWAIT)
    watcher.close()


def links():
    return [name for _, name in socket.if_nameindex()]


@case
def interrupted():
    """SIGINT and SIGKILL at random moments leave no link, route, namespace or process behind"""
    rng = random.Random(SEED)
    print(f"# seed {SEED}", flush=True)
    with here():
        before, sock = network(), listen("0.0.0.0", 80)
        command = [harness.HARK, "probe", "80", "--from-outside"]
        began = time.monotonic()
        hark("probe", "80", "--from-outside")
        seconds = time.monotonic() - began
        ended = 0
        for i in range(KILLS):
            number = signal.SIGKILL if i % 2 else signal.SIGINT
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env=clean_environment()) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(rng.uniform(0, seconds))  # the random moment
                process.send_signal(number)
                ended += process.wait() == -number
            while children():  # who deletes the link when its parent cannot
                os.wait()
        expect(ended > KILLS / 3, f"only {ended} were interrupted")
        # The peer's end of a pair is in the namespace: the pair is gone when that is
        wait_until(lambda: not any(name.startswith("hark-") for name in links()))
        wait_until(lambda: network() == before)
        sock.close()


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return file.read().split()


@case
def text_and_json():
    """both tell the same, and colour is for terminals or on demand"""
    with here():
        with server(accept_all, listen("::", 80)), child(lambda: udp("::", 53)):
            for words in (("80",), ("81",), ("-u", "53", "--timeout", "0.1")):
                answer, found = hark("probe", *words), probe(*words)
                heads = [line for line in answer.out.splitlines() if not line.startswith(" ")]
                expect_equal(len(heads), len(found), answer)
                for head, ((address, protocol), one) in zip(heads, found.items()):
                    text = f"[{address}" if ":" in address else address
                    expect(head.startswith(f"{protocol} {text}"), (head, one))
                    outcome = {"timed-out": "no answer in"}.get(one["outcome"], one["outcome"])
                    expect(f"  {outcome}" in head, (head, one))
            expect("\033[32maccepted" in hark("probe", "80", "--color", "always").out, "colour")
            expect("\033" not in hark("probe", "80").out, "no colour")


if __name__ == "__main__":
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    main()
