#!/usr/bin/env python3
"""What hark explains, over real sockets; what it says of other tools is checked by running them."""
import contextlib
import errno
import fcntl
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios

import harness
from harness import (Skip, case, child, clean_environment, expect, expect_equal, hark, listen, main,
                     needs_real_root, rename, timeless, udp, world)

WITHOUT = os.environ.get("WITHOUT")
ETH = ("link add eth0 type veth peer name eth1", "addr add 192.168.1.241/24 dev eth0",
       "addr add 2001:db8::241/64 dev eth0 nodad", "link set eth0 up", "link set eth1 up")
MPTCP, UDPLITE = 262, 136
PR_SET_PDEATHSIG = 1
NOTHING = ("Nothing listens there: no listener matches {}.\n"
           "    sock_diag: none of the listeners that it tells of matches\n")
ETH_ADDRESSES = {"eth0": ["192.168.1.241/24", "2001:db8::241/64"]}


def explain(*words, status=0, **options):
    answer = hark("explain", "--evidence", *words, **options)
    expect_equal(answer.status, status, answer)
    return answer


def expect_lines(answer, *wanted):
    """Each of the lines, without its indentation, in this order; others may stand between."""
    lines = iter([line.strip() for line in answer.out.splitlines()])
    for line in wanted:
        if line not in lines:  # which takes lines until it is found
            raise AssertionError(f"not there, or not in this order: {line}\n{answer}")


def close(*socks):
    for sock in socks:
        sock.close()


@case
def dual_stack():
    """a dual-stack socket: one, for both families, hidden from who looks for IPv4"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        sock = listen("::", 80, v6only=False)
        answer = explain("80")
        expect_lines(
            answer, "TCP port 80 answers IPv4 and IPv6, both through one IPv6 socket.",
            "[::]:80 is an IPv6 socket, and dual-stack: its option IPV6_V6ONLY is off, so it takes IPv4 "
            "as well, from clients that it sees as ::ffff:a.b.c.d.",
            "IPv4: it gets every connection to this host (127.0.0.0/8, 192.168.1.241).",
            "IPv6: it gets every connection to this host (::1, 2001:db8::241).",
            "/proc/sys/net/ipv6/bindv6only is 0")
        expect(f"/proc/{os.getpid()}/fd/{sock.fileno()} is socket:[" in answer.out, answer)
        expect("although IPv4 reaches it" in answer.out, answer)
        close(sock)


@case
def split_pair():
    """a socket for each family: told as one thing, each below its own line"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("0.0.0.0", 22), listen("::", 22, v6only=True)]
        answer = explain("22")
        expect_lines(
            answer, "TCP port 22 answers IPv4 and IPv6.",
            "Two sockets, one for each family: 0.0.0.0:22 for IPv4, [::]:22 for IPv6. That is why netstat, "
            "ss and lsof show two lines.",
            "0.0.0.0:22 is an IPv4 socket, so for IPv4 only.",
            "[::]:22 is an IPv6 socket, and its option IPV6_V6ONLY is on, so it is for IPv6 only.",
            "IPv6: it gets every connection to this host (::1, 2001:db8::241).")
        expect("IPv4: it gets no connections; they go to 0.0.0.0:22 (" in answer.out, answer)
        expect("[::]:22 shows it: the option is on there all the same" in answer.out, answer)
        indents = [len(line) - len(line.lstrip()) for line in answer.out.splitlines()
                   if re.match(r" *(TCP port|Two sockets|\S*:22 is|IPv[46]:|Held by)", line)]
        expect_equal(indents, [0, 2, 2, 4, 4, 2, 4, 4, 4], answer)
        close(*socks)


@case
def ipv6_only():
    """an IPv6-only socket: nobody takes IPv4, whatever netstat looks like"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("::", 8084, v6only=True), udp("::", 8085, v6only=True)]
        expect_lines(explain("8084"), "TCP port 8084 answers IPv6 only.",
                     "IPv4: it gets no connections, nor does any other socket.")
        expect_lines(explain("8085"), "UDP port 8085 answers IPv6 only.",
                     "IPv4: it gets no datagrams, nor does any other socket.")
        close(*socks)


@case
def selecting():
    """a selector by process means its ports, with all of their listeners, and no others"""
    with world():
        def serve():
            rename(b"storied")
            return listen("::1", 4001), listen("127.0.0.1", 4002)
        with child(serve) as pid:
            # only now, for a child has what its parent had
            others = [listen("127.0.0.1", 4001), listen("127.0.0.1", 4003)]
            for words in ((f"pid={pid}",), ("storied",), ("-t", "storied", "4001-4003")):
                answer = explain(*words)
                headlines = [line for line in answer.out.splitlines()
                             if line.startswith("TCP port") or "are meant" in line]
                expect_equal(headlines,
                             ["2 ports are meant: TCP port 4001 (storied), TCP port 4002 (storied).",
                              "TCP port 4001 answers IPv4 and IPv6, from this host only.",
                              "TCP port 4002 answers IPv4 only, from this host only."], answer)
                expect("Two sockets, one for each family: 127.0.0.1:4001 for IPv4, [::1]:4001 for IPv6."
                       in answer.out, answer)
                expect(f"Held by storied (pid {pid})." in answer.out, answer)
        close(*others)
        nothing = explain("storied", status=1)
        expect_equal((nothing.out, nothing.err),
                     (NOTHING.format('"storied"'), ""), nothing)
        nothing = explain("caf\u00e9", status=1, env={"LC_ALL": "C"})
        expect_equal(nothing.out, NOTHING.format('"caf\\xc3\\xa9"'), nothing)


@case
def who_comes_first():
    """where another socket comes first, it is told which one gets what, and why"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("::", 80, v6only=False, reuseport=True),
                 listen("127.0.0.1", 80, reuseport=True),
                 udp("0.0.0.0", 53), udp("0.0.0.0", 53, device="eth0")]
        answer = explain("80")
        expect_lines(answer, "TCP port 80 answers IPv4 and IPv6, some of IPv4 through an IPv6 socket.",
                     "IPv4: it gets connections to 127.0.0.1 only.",
                     "IPv4: it gets connections to 127.0.0.0/8, 192.168.1.241.")
        expect(re.search(r"The rest of IPv4 goes to 127\.0\.0\.1:80 \(.*\): a socket that is bound to one "
                         r"address comes before one that is bound to all\.\n"
                         r" *the kernel's look-up for 127\.0\.0\.1:80 on lo: 127\.0\.0\.1:80, cookie",
                         answer.out), answer)
        answer = explain("53")
        expect_lines(answer, "IPv4: it gets datagrams to 127.0.0.0/8.",
                     "IPv4: it gets every datagram to this host that arrives on that interface.")
        expect("The rest of IPv4 goes to 0.0.0.0:53 on eth0 (" in answer.out, answer)
        expect("a socket that is bound to an interface comes before one that is not" in answer.out, answer)
        close(*socks)


@case
def groups():
    """the members of a SO_REUSEPORT group are told of together, with all of their holders"""
    with world():
        socks = [listen("127.0.0.1", 4001, reuseport=True) for _ in range(3)]
        with child(lambda: listen("127.0.0.1", 4001, reuseport=True)) as pid:
            answer = explain("4001")
            expect_equal(answer.out.count("Held by"), 1, answer)
            expect("127.0.0.1:4001 is shared by 4 IPv4 sockets (SO_REUSEPORT: each connection goes to one "
                   "of them)" in answer.out, answer)
            expect(re.search(rf"Held by .*pid ({os.getpid()}|{pid}) and 1 more", answer.out), answer)
        close(*socks)


@case
def without_ipv6():
    """with IPv6 disabled a dual-stack socket serves IPv4 still, and that is said"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("::", 80, v6only=False), listen("0.0.0.0", 22), listen("::", 22, v6only=True)]
        pathlib.Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="ascii")
        answer = explain("80")
        expect_lines(answer, "TCP port 80 answers IPv4 only, through an IPv6 socket.",
                     "IPv6: it gets no connections, as this host has no IPv6 address.",
                     "/proc/sys/net/ipv6/conf/all/disable_ipv6 is 1")
        expect("IPv6 is disabled here. That takes away the IPv6 addresses, not the IPv6 sockets"
               in answer.out, answer)
        expect_lines(explain("22"), "TCP port 22 answers IPv4 only.",
                     "Two sockets, one for each family: 0.0.0.0:22 for IPv4, [::]:22 for IPv6. That is why "
                     "netstat, ss and lsof show two lines.")
        close(*socks)


@case
def bindv6only():
    """bindv6only is told as the default that it is, and who does not follow it"""
    with world(settings={"ipv6/bindv6only": 1}):
        socks = [listen("::", 4001), listen("::", 4002, v6only=False)]
        answer = explain("4001")
        expect("TCP port 4001 answers IPv6 only" in answer.out, answer)
        expect("net.ipv6.bindv6only is 1 here: a new IPv6 socket begins with IPV6_V6ONLY on, for IPv6 only. "
               "That is only the default" in answer.out, answer)
        expect("all the same" not in answer.out, answer)
        expect("[::]:4002 shows it: the option is off there all the same" in explain("4002").out, "4002")
        close(*socks)


@case
def without_sock_diag():
    """without sock_diag it is said what is not known, and why"""
    if not WITHOUT:
        raise Skip("the environment variable WITHOUT names no program")
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("::", 80, v6only=False), listen("0.0.0.0", 22), listen("::", 22, v6only=True)]
        prefix = [WITHOUT, f"sockdiag={errno.EPROTONOSUPPORT}"]
        answer = explain("80", prefix=prefix)
        expect_lines(answer, "TCP port 80 answers IPv6; whether it answers IPv4 is not known.",
                     "IPv4: it is not known what it gets: whether IPV6_V6ONLY is set cannot be read here.",
                     "/proc/net does not tell IPV6_V6ONLY; sock_diag does, but cannot be used here")
        expect("hide it, whether IPv4 reaches it or not" in answer.out, answer)
        expect_lines(explain("22", prefix=prefix), "TCP port 22 answers IPv4 and IPv6.",
                     "IPv4: it gets no connections: an IPv4 listener on this port takes IPv4, whatever "
                     "IPV6_V6ONLY is.")
        close(*socks)


@case
def hidden_holders():
    """holders that may not be seen are not told as none"""
    needs_real_root()
    with world():
        sock = listen("127.0.0.1", 4001)
        prefix = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all"]
        answer = explain("4001", prefix=prefix)
        expect_lines(answer, "Which process holds it cannot be seen from here. The user with id 0 opened it.")
        expect("Held by" not in answer.out and "No process" not in answer.out, answer)
        close(sock)


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, env=clean_environment(LC_ALL="C"))
    return done.stdout


def lists_ipv4(program, words, port):
    """Whether a program that is asked for IPv4 shows the port."""
    if program == "lsof":
        return re.search(rf":{port}\b", run(program, *words)) is not None
    rows = [line.split() for line in run(program, *words).splitlines()]
    return any(row[3].endswith(f":{port}") for row in rows if len(row) > 3)


def netstat_rows(options):
    rows = [line.split() for line in run("netstat", options).splitlines()]
    return [f"{row[0]} {row[3]}" for row in rows if len(row) > 4]


def ss_rows(options):
    return [line.split()[3] for line in run("ss", "-H", options).splitlines()]


def lsof_rows(what):
    """The family, protocol and name of each line."""
    rows = [line.split() for line in run("lsof", *what.split()).splitlines()[1:]]
    return [f"{row[4]} {row[7]} {row[8]}" for row in rows]


def shows(tool, port):
    """Whether the program shows the port, as it was said to (where that was said)."""
    program, *words = tool["command"].split(" ")
    if words[-1] in ("inet", "-4", "-i4"):
        expect_equal(tool["as"], None, tool)
        return lists_ipv4(program, words, port)
    rows = {"netstat": lambda: netstat_rows(words[0]), "ss": lambda: ss_rows(words[0]),
            "lsof": lambda: lsof_rows(" ".join(words))}[program]()
    if tool["as"]:
        return tool["as"] in rows
    return any(row.endswith(f":{port}") for row in rows)


def check_tools(port, document):
    """Each claim about another program, against that program: how many there were."""
    tools = [tool for finding in document["findings"] for tool in finding["tools"]]
    for tool in tools:
        expect_equal(shows(tool, port), tool["shows"], f"port {port}: {tool}")
    return len(tools)


def rare_sockets():
    """An MPTCP and a UDP-Lite one, where the kernel has them."""
    for kind, protocol in ((socket.SOCK_STREAM, MPTCP), (socket.SOCK_DGRAM, UDPLITE)):
        try:
            sock = socket.socket(socket.AF_INET6, kind, protocol)
        except OSError as error:
            if error.errno not in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT):
                raise
            print(f"# {error.strerror}: protocol {protocol}")
            continue
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::1", 4000 + protocol))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        yield sock


@case
def other_tools():
    """what is said of netstat, ss and lsof is what they show"""
    missing = [tool for tool in ("netstat", "ss", "lsof") if not shutil.which(tool)]
    if missing:
        raise Skip(f"not installed: {', '.join(missing)}")
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("::", 4001, v6only=False), listen("::", 4002, v6only=True), listen("0.0.0.0", 4003),
                 listen("::ffff:127.0.0.1", 4004), listen("::ffff:0.0.0.0", 4005), listen("::1", 4006),
                 udp("::", 4007, v6only=False), udp("::", 4008, v6only=True), udp("127.0.0.1", 4009),
                 listen("2001:db8::241", 40010), listen("::", 4011, v6only=False, device="eth0"),
                 udp("0.0.0.0", 4012, device="eth0"),
                 *rare_sockets()]
        counts = {sock.getsockname()[1]: check_tools(sock.getsockname()[1],
                                                     explain("--json", str(sock.getsockname()[1])).document)
                  for sock in socks}
        # of UDP-Lite netstat alone knows
        expect_equal(counts, {s.getsockname()[1]: 2 if s.proto == UDPLITE else 6 for s in socks})
        close(*socks)


def on_terminal(columns, *words, **env):
    """What hark writes to a terminal so wide."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    text = b""
    with subprocess.Popen([harness.HARK, *words], stdin=terminal, stdout=terminal,
                          stderr=subprocess.DEVNULL, env=clean_environment(**env)) as process:
        os.close(terminal)
        try:
            while part := os.read(reader, 65536):
                text += part
        except OSError as error:  # the last writer is gone
            expect_equal(error.errno, errno.EIO)
        expect_equal(process.wait(60), 0)
    os.close(reader)
    return text.decode().replace("\r\n", "\n")


def workers(n):
    """A server of which n more processes have the socket: it, and its pid."""
    def serve():
        rename(b"apache2")
        sock = listen("::", 80, v6only=False)
        for _ in range(n):
            if os.fork() == 0:
                harness.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                signal.pause()
        return sock
    return child(serve)


def impersonal(text):
    """The words of a story but for pids, times and durations."""
    text = " ".join(timeless(text).split())
    return re.sub(r"\(pid \d+", "(pid N", re.sub(r"since \S+Z", "since T", text))


@case
def readme():
    """the founding story is in the README as the program prints it"""
    text = (harness.ROOT / "README.md").read_text(encoding="utf-8")
    story = re.search(r"^\$ hark explain 80\n(.*?)^```", text, re.M | re.S)
    routes = [f"route add default via {gateway} dev eth0" for gateway in ("192.168.1.1", "2001:db8::1")]
    with world(*ETH, *routes, addresses=ETH_ADDRESSES), workers(5):
        shown = on_terminal(100, "explain", "80", TERM="xterm", NO_COLOR="1")
        expect(story, shown)
        story = story[1]
        expect_equal(impersonal(story), impersonal(shown), shown)
        expect(max(len(line) for line in story.splitlines()) <= 100, "lines of the README")


def connect(port):
    """A connection that is begun, and nobody waits for."""
    sock = socket.socket()
    sock.setblocking(False)
    expect(sock.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS), port)
    return sock


@case
def full_backlog():
    """a backlog that overflows is told, of the socket and, for all of them, of the namespace"""
    with world():
        sock, idle = listen("127.0.0.1", 4001), listen("127.0.0.1", 4002)
        sock.listen(1)
        codes = [f["code"] for f in explain("--json", "4001").document["findings"]]
        expect(not {"backlog-full", "backlog-waiting", "drops", "listen-overflows"} & set(codes), codes)
        waiting = [connect(4001) for _ in range(2)]  # lo delivers at once
        answer = explain("4001")
        expect_lines(answer, "Its backlog is full: 2 connections wait to be accepted, where 1 may. New ones are "
                     "dropped until python3 accepts some, and clients see that as a delay, or no answer at "
                     "all.", 'sock_diag: idiag_rqueue 2, idiag_wqueue 1 (Recv-Q and Send-Q of "ss -tln")')
        expect("dropped here since it was opened" not in answer.out, answer)
        waiting += [connect(4001) for _ in range(3)]
        document = explain("--json", "4001").document
        drops, overflows = document["sockets"][0]["queue"]["drops"], document["namespaces"][0]["listen_overflows"]
        expect(drops >= 3 and overflows >= 3, document)
        answer = explain("4002")  # the namespace's, as is said
        expect("The kernel counts that for all of its listeners together" in answer.out, answer)
        expect("backlog is" not in answer.out and "dropped here" not in answer.out, answer)
        close(sock, idle, *waiting)


@case
def full_queue():
    """so are datagrams that wait, and those that found no room"""
    with world():
        sock, other = udp("127.0.0.1", 4001), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        other.sendto(b"x", ("127.0.0.1", 4001))
        answer = explain("4001")
        expect(re.search(rf"^ *\d+ bytes wait to be read, of {size} that may\.$", answer.out, re.M), answer)
        expect("dropped here" not in answer.out, answer)
        for _ in range(100):
            other.sendto(b"x", ("127.0.0.1", 4001))
        answer = explain("4001")
        expect(re.search(rf"Its receive queue is full: \d+ of {size} bytes\.", answer.out), answer)
        n_drops = int(re.search(r"(\d+) datagrams were dropped here", answer.out)[1])
        n_read = 0
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while sock.recv(10):
                n_read += 1
        expect_equal(n_drops + n_read, 101, answer)
        close(sock, other)


@case
def address_and_port():
    """an address with its port is told of, and what listens at another one is"""
    with world(*ETH, addresses=ETH_ADDRESSES):
        socks = [listen("::", 80, v6only=False, reuseport=True), listen("127.0.0.1", 80, reuseport=True),
                 listen("127.0.0.1", 4001)]
        expect_lines(explain("192.168.1.241:80"), "What is sent to 192.168.1.241:80 goes to [::]:80 (python3).")
        expect_lines(explain("127.0.0.1:80"), "What is sent to 127.0.0.1:80 goes to 127.0.0.1:80 (python3).")
        expect_lines(explain("[2001:db8::241]:80"),
                     "What is sent to [2001:db8::241]:80 goes to [::]:80 (python3).")
        answer = explain("192.168.1.241:4001", status=1)
        expect_lines(answer, 'Nothing listens there: no listener matches "192.168.1.241:4001".',
                     "The port is open all the same, but not to what was asked for: what listens there is told "
                     "of below.", "TCP port 4001 answers IPv4 only, from this host only.")
        expect_lines(explain("192.0.2.77:80", status=1), "192.0.2.77 is no address of this host: what is sent "
                     "there does not come to any socket here.")
        close(*socks)


@case
def bound_alone():
    """what is bound and does not listen is told where nothing listens"""
    with world():
        sock = socket.socket()
        sock.bind(("127.0.0.1", 4001))
        answer = explain("4001", status=1)
        expect(answer.out.startswith('Nothing listens there: no listener matches "4001".\n'), answer)
        if " is bound, but does not listen" not in answer.out:
            raise Skip("this kernel does not tell of sockets that are bound alone (Linux 6.8 does)")
        expect_lines(answer, "127.0.0.1:4001 is bound, but does not listen: nobody can connect to it.")
        close(sock)


@case
def hidden_process():
    """a process that may not be seen is not said to listen nowhere"""
    needs_real_root()
    with world():
        sock = listen("127.0.0.1", 4001)
        prefix = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all"]
        answer = explain("nginx", prefix=prefix, status=3)
        expect(answer.out.startswith("Whether anything listens there is not certain"), answer)
        close(sock)


@case
def views():
    """a terminal gets lines of its width and styles; a file gets a finding on each line"""
    with world():
        sock = listen("::", 4001, v6only=False)
        plain = explain("4001").out
        expect("\033" not in plain, plain)
        for columns, limit in ((60, 60), (20, 40), (200, 100)):
            text = on_terminal(columns, "explain", "--evidence", "4001", TERM="xterm")
            bare = re.sub(r"\033\[\d*m", "", text)
            expect_equal(timeless(bare).split(), timeless(plain).split(), columns)
            longest = max(len(line) for line in bare.splitlines() if " " in line.strip())
            expect(limit - 15 < longest <= limit, f"{columns} columns: {longest}\n{bare}")
            expect(text.startswith("\033[1mTCP port 4001 answers"), text)
            expect("\033[2msock_diag:" in text, text)
        expect("\033" not in on_terminal(80, "explain", "4001", TERM="xterm", NO_COLOR="1"), "NO_COLOR")
        paragraphs = plain.split("\n\n")
        expect_equal([p.partition(" ")[0] for p in paragraphs], ["TCP", "net.ipv6.bindv6only", "That"], plain)
        close(sock)


if __name__ == "__main__":
    main()
