#!/usr/bin/env python3
"""hark bind: each thing that may be in the way of a bind, and that it is not named where it is not.

That it is right about any sockets is tested by tests/bind.
"""
import contextlib
import os
import socket
import struct

from harness import (case, expect, expect_equal, hark, listen, main, needs_real_root, udp,
                     world)

PORT = 4100
LOW = 81
SINGLE = "127.0.0.1"


def bind(*words, **options):
    """What hark bind says as JSON, whose verdicts agree unless `agree` is False."""
    agree = options.pop("agree", True)
    answer = hark("bind", *words, "--json", **options)
    document = answer.document
    expect_equal(answer.status, {True: 0, False: 1, None: 3}[document["can"]], answer)
    if agree:
        expect(document["agree"] in (True, None), answer)
    return document


def codes(document):
    return [obstacle["code"] for obstacle in document["obstacles"]]


def warnings(document):
    return [warning["code"] for warning in document["warnings"]]


def expect_refused(document, error, *wanted):
    expect_equal((document["can"], document["error"], codes(document)), (False, error, list(wanted)),
                 document)
    expect(document["help"], document)
    return document["obstacles"][0]


def expect_free(*words, **options):
    document = bind(*words, **options)
    expect_equal((document["can"], document["error"], document["obstacles"], document["help"]),
                 (True, None, [], None), document)
    return document


@contextlib.contextmanager
def connection(port, address=SINGLE):
    """From a port to a listener at another: both ends."""
    with listen(address, port + 1) as listener:
        client = socket.socket()
        client.bind((address, port))
        client.connect((address, port + 1))
        other, _ = listener.accept()
    with client, other:
        yield client, other


def become_remains(client, other):
    client.close()
    other.recv(1)
    other.close()


@case
def free():
    """a free port can be bound, with nothing in the way and nothing left behind"""
    with world() as netns:
        for words in ((f"{SINGLE}:{PORT}",), ("udp", f"0.0.0.0:{PORT}"), ("tcp", f"[::]:{PORT}"),
                      (str(PORT),), (f"*:{PORT}",), (f"[::1]:{PORT}", "--reuseaddr"),
                      (f"[::]:{PORT}", "--v6only"), (f"{SINGLE}:{PORT}", "--device", "lo"),
                      (f"[::ffff:127.0.0.1]:{PORT}",), (f"0.0.0.0:{PORT}", "--reuseport")):
            expect_free(*words)
        expect_equal(hark("--json", "-a", str(PORT)).sockets, [])
        del netns


@case
def the_listener():
    """a listener is named with its holder, and without it the port is free"""
    with world():
        with listen(SINGLE, PORT):
            document = bind(f"{SINGLE}:{PORT}")
            obstacle = expect_refused(document, "EADDRINUSE", "listener")
            expect_equal([h["pid"] for h in obstacle["socket"]["holders"]], [os.getpid()])
            expect(f"stop python3 (pid {os.getpid()})" in document["help"], document)
            expect_free(f"127.0.0.2:{PORT}")
            expect_free("udp", f"{SINGLE}:{PORT}")
        expect_free(f"{SINGLE}:{PORT}")


@case
def dual_stack():
    """a dual-stack listener has the IPv4 port, one with IPV6_V6ONLY does not"""
    with world():
        with listen("::", PORT, v6only=False):
            expect_refused(bind(f"{SINGLE}:{PORT}"), "EADDRINUSE", "dual-stack")
            expect_refused(bind(f"0.0.0.0:{PORT}", "--reuseaddr"), "EADDRINUSE", "dual-stack")
            expect_refused(bind(f"[::]:{PORT}"), "EADDRINUSE", "listener")
        with listen("::", PORT, v6only=True):
            expect_free(f"{SINGLE}:{PORT}")


@case
def v6only_helps():
    """where IPv4 alone is taken, IPV6_V6ONLY is told to help, and helps"""
    with world(), listen("0.0.0.0", PORT):
        document = bind(f"[::]:{PORT}")
        expect_refused(document, "EADDRINUSE", "listener")
        expect(document["tried"]["with_v6only"], document)
        expect(document["help"].startswith("set IPV6_V6ONLY"), document)
        expect_free(f"[::]:{PORT}", "--v6only")


@case
def bindv6only():
    """the sysctl is the default of IPV6_V6ONLY"""
    with world(settings={"ipv6/bindv6only": 1}), listen("0.0.0.0", PORT):
        expect_free(f"[::]:{PORT}")


@case
def bound():
    """a socket that is bound and does nothing is found, which netstat does not show"""
    with world(), socket.socket() as sock:
        sock.bind((SINGLE, PORT))
        obstacle = expect_refused(bind(f"{SINGLE}:{PORT}"), "EADDRINUSE", "bound")
        expect("netstat" in obstacle["text"], obstacle)


@case
def time_wait():
    """TIME_WAIT is told with its remaining time, and that SO_REUSEADDR would not have minded"""
    with world():
        with connection(PORT) as (client, other):
            become_remains(client, other)
        obstacle = expect_refused(bind(f"{SINGLE}:{PORT}"), "EADDRINUSE", "time-wait")
        expect(0 < obstacle["expires_ms"] <= 60000, obstacle)
        expect(obstacle["help"].startswith("wait "), obstacle)
        expect("No process has it open" in obstacle["text"], obstacle)
        # Its own side did not have the option, and both sides must.
        expect_refused(bind(f"{SINGLE}:{PORT}", "--reuseaddr"), "EADDRINUSE", "time-wait")


@case
def time_wait_reused():
    """what is left of a server with SO_REUSEADDR is no obstacle with it, and that is what helps"""
    with world():
        with listen(SINGLE, PORT) as listener, socket.socket() as client:
            client.connect((SINGLE, PORT))
            served, _ = listener.accept()
            become_remains(served, client)
        document = bind(f"{SINGLE}:{PORT}")
        expect_refused(document, "EADDRINUSE", "time-wait")
        expect(document["help"].startswith("set SO_REUSEADDR (tried: then it can)"), document)
        expect_free(f"{SINGLE}:{PORT}", "--reuseaddr")


@case
def fin_wait_2():
    """a connection that its peer did not close is told as FIN_WAIT_2"""
    with world(), connection(PORT) as (client, _):
        client.close()
        obstacle = None
        for _ in range(100):  # the peer's ACK may take 40 ms
            obstacle = bind(f"{SINGLE}:{PORT}")["obstacles"][0]
            if obstacle["socket"]["state"] == "fin-wait-2":
                break
        expect_equal(obstacle["code"], "fin-wait-2")


@case
def outgoing():
    """an outgoing connection has its port"""
    with world(), connection(PORT):
        obstacle = expect_refused(bind(f"0.0.0.0:{PORT}"), "EADDRINUSE", "connection")
        expect(f"127.0.0.1:{PORT + 1}" in obstacle["text"], obstacle)


@case
def reuseport():
    """a SO_REUSEPORT group takes in its own user alone"""
    needs_real_root()
    with world(), listen("0.0.0.0", PORT, reuseport=True), listen("0.0.0.0", PORT, reuseport=True):
        expect_free(f"0.0.0.0:{PORT}", "--reuseport")
        document = bind(f"0.0.0.0:{PORT}", "--reuseport", "--user", "1000")
        expect_refused(document, "EADDRINUSE", "reuseport-user", "reuseport-user")
        document = bind(f"0.0.0.0:{PORT}")
        expect_refused(document, "EADDRINUSE", "listener", "listener")
        expect(document["tried"]["with_reuseport"], document)


@case
def udp_reuseaddr():
    """UDP shares by SO_REUSEADDR if both have it"""
    with world(), udp("0.0.0.0", PORT):
        expect_free("udp", f"0.0.0.0:{PORT}", "--reuseaddr")
        document = bind("udp", f"0.0.0.0:{PORT}")
        expect_refused(document, "EADDRINUSE", "listener")
        expect("SO_REUSEADDR" in document["help"], document)


@case
def hidden():
    """a socket of another user's process is in the way, though its holder may not be seen"""
    needs_real_root()
    with world(), listen(SINGLE, PORT):
        document = bind(f"{SINGLE}:{PORT}", prefix=("setpriv", "--reuid=1000", "--clear-groups"))
        obstacle = expect_refused(document, "EADDRINUSE", "listener")
        expect("may not see" in obstacle["text"], obstacle)
        expect_equal(obstacle["socket"]["holders"], [])


@case
def devices():
    """interfaces keep listeners apart, and one that is not there is told"""
    with world("link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up"), \
            listen("0.0.0.0", PORT, device="eth0"):
        expect_free(f"0.0.0.0:{PORT}", "--device", "eth1")
        expect_refused(bind(f"0.0.0.0:{PORT}", "--device", "eth0"), "EADDRINUSE", "listener")
        expect_refused(bind(f"0.0.0.0:{PORT}"), "EADDRINUSE", "listener")
        expect_refused(bind(f"0.0.0.0:{PORT}", "--device", "eth7"), "ENODEV", "no-device")


@case
def not_local():
    """an address that is not local is told, unless ip_nonlocal_bind lets it be bound"""
    with world("addr add 10.1.0.1/24 dev lo"):
        expect_refused(bind(f"10.9.9.9:{PORT}"), "EADDRNOTAVAIL", "not-local")
        expect_refused(bind(f"[fd00::9]:{PORT}"), "EADDRNOTAVAIL", "not-local")
        for address in ("10.1.0.1", "10.1.0.255", "127.1.2.3"):
            expect_free(f"{address}:{PORT}")
        expect_free("udp", f"224.0.0.251:{PORT}")
    with world(settings={"ipv4/ip_nonlocal_bind": 1, "ipv6/ip_nonlocal_bind": 1}):
        expect_free(f"10.9.9.9:{PORT}")
        expect_free(f"[fd00::9]:{PORT}")


@case
def tentative():
    """an IPv6 address under duplicate address detection is told to be tentative"""
    # Detection waits a second for each of its probes.
    with world("link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up",
               "addr add fd00::1/64 dev eth0", "addr add fd00::2/64 dev eth0 nodad",
               settings={"ipv6/conf/all/accept_dad": 1, "ipv6/conf/default/accept_dad": 1,
                         "ipv6/conf/default/dad_transmits": 60}):
        expect_refused(bind(f"[fd00::1]:{PORT}"), "EADDRNOTAVAIL", "tentative")
        expect_free(f"[fd00::2]:{PORT}")


@case
def link_local():
    """a link-local address wants its interface"""
    with world("link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up",
               "addr add fe80::5/64 dev eth0 nodad"):
        obstacle = expect_refused(bind(f"[fe80::5]:{PORT}"), "EINVAL", "no-scope")
        expect("interface" in obstacle["help"], obstacle)
        expect_free(f"[fe80::5%eth0]:{PORT}")
        expect_refused(bind(f"[fe80::5%eth1]:{PORT}"), "EADDRNOTAVAIL", "not-local")


@case
def odd_addresses():
    """what no IPv6 socket may be bound to is told"""
    with world():
        expect_refused(bind(f"[::ffff:127.0.0.1]:{PORT}", "--v6only"), "EINVAL", "mapped-v6only")
        expect_refused(bind(f"[ff05::1]:{PORT}"), "EINVAL", "multicast")
        expect_free("udp", f"[ff05::1]:{PORT}")


@case
def privileged():
    """a privileged port is told to who has no capability, unless the range was changed"""
    needs_real_root()
    with world():
        expect_free(f"{SINGLE}:{LOW}")
        document = bind(f"{SINGLE}:{LOW}", "--user", "nobody")
        obstacle = expect_refused(document, "EACCES", "privileged-port")
        expect("ip_unprivileged_port_start" in obstacle["evidence"], obstacle)
        prefix = ("setpriv", "--inh-caps=-net_bind_service", "--bounding-set=-net_bind_service")
        expect_refused(bind(f"{SINGLE}:{LOW}", prefix=prefix), "EACCES", "privileged-port")
        with listen(SINGLE, LOW):
            expect_refused(bind(f"{SINGLE}:{LOW}", "--user", "nobody"), "EACCES",
                           "privileged-port", "listener")
    with world(settings={"ipv4/ip_unprivileged_port_start": LOW}):
        expect_free(f"{SINGLE}:{LOW}", "--user", "nobody")


@case
def other_userns():
    """capabilities of another user namespace do not count"""
    needs_real_root()
    with world():
        prefix = ("setpriv", "--reuid=1000", "--clear-groups", "unshare", "--user", "--map-root-user")
        expect_refused(bind(f"{SINGLE}:{LOW}", prefix=prefix), "EACCES", "privileged-port")


@case
def ephemeral():
    """a port that outgoing connections may have is warned of, unless it is reserved"""
    with world(settings={"ipv4/ip_local_port_range": "40000 50000",
                         "ipv4/ip_local_reserved_ports": "40010,41000-41010"}):
        expect_equal(warnings(expect_free(f"{SINGLE}:40001")), ["ephemeral-port"])
        expect_equal(warnings(expect_free(f"{SINGLE}:40010")), ["reserved-port"])
        expect_equal(warnings(expect_free(f"{SINGLE}:41005")), ["reserved-port"])
        expect_equal(warnings(expect_free(f"{SINGLE}:39999")), [])
        expect_equal(warnings(expect_free(f"{SINGLE}:50001")), [])


@case
def denied():
    """a refusal that nothing explains is laid to security modules and BPF, and the two disagree"""
    with world():
        prefix = (os.environ["WITHOUT"], "listen=1")
        document = bind(f"{SINGLE}:{PORT}", prefix=prefix, agree=False)
        expect_refused(document, "EPERM", "lsm-or-bpf")
        expect_equal((document["agree"], document["tried"]["step"]), (False, "listen"))
        expect_free("udp", f"{SINGLE}:{PORT}", prefix=prefix)
        answer = hark("bind", f"{SINGLE}:{PORT}", prefix=prefix)
        expect("The two disagree" in answer.out, answer)


@case
def as_another_without_root():
    """who may not become the user is told so, and the reasoning stands"""
    needs_real_root()
    with world():
        document = bind(f"{SINGLE}:{PORT}", "--user", "root",
                        prefix=("setpriv", "--reuid=1000", "--clear-groups"))
        expect_equal((document["can"], document["tried"], codes(document)),
                     (True, None, ["user-denied"]))


@case
def text():
    """sentences: the verdict first, what would help last"""
    with world():
        with listen("::", PORT, v6only=False):
            answer = hark("bind", f"0.0.0.0:{PORT}")
            lines = answer.out.splitlines()
            expect_equal(answer.status, 1)
            expect(lines[0].startswith(f"TCP 0.0.0.0:{PORT} cannot be bound by "), answer)
            expect("EADDRINUSE" in lines[0] and "reasoned, and tried" in lines[0], answer)
            expect(lines[-1].startswith("What would help: stop python3"), answer)
        answer = hark("bind", f"0.0.0.0:{PORT}")
        expect_equal((answer.status, len(answer.out.splitlines())), (0, 1), answer)


@case
def usage():
    """what is no address and port is refused"""
    for words in ((), ("tcp",), ("70000",), ("0",), ("1.2.3:80",), ("localhost:80",), ("::1:80",),
                  ("127.0.0.1:80", "x"), ("127.0.0.1:80", "--v6only"), ("127.0.0.1",),
                  ("[fe80::1%eth0]:80", "--device", "lo"), ("127.0.0.1:80", "--user", "no-such-user"),
                  ("127.0.0.1:80", "--device", "a-name-that-is-too-long"), ("[::1:80",)):
        answer = hark("bind", *words)
        expect_equal((answer.status, answer.out), (2, ""), (words, answer))
        expect_equal(len(answer.err.splitlines()), 1, answer)


@case
def no_answer_meanwhile():
    """a try leaves no connection: who calls a port that is tried is never answered by hark"""
    with world():
        for _ in range(20):
            expect_free(f"{SINGLE}:{PORT}")
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                expect(client.connect_ex((SINGLE, PORT)) != 0, "somebody answers")


if __name__ == "__main__":
    main()
