#!/usr/bin/env python3
"""The lab itself: rulesets whose outcomes are known beforehand."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import case, expect_equal, main  # noqa: E402 (the path comes first)
from frames import DESTINATION, HOP_BY_HOP  # noqa: E402
from lab import ELSEWHERE, Lab, Probe  # noqa: E402

TO = {"eth0": {4: "192.0.2.10", 6: "2001:db8::10"}, "eth1": {4: "198.18.0.10", 6: "2001:db8:1::10"}}
BASE = {
    "input": "type filter hook input priority 0; policy accept;",
    "output": "type filter hook output priority 0; policy accept;",
    "nat": "type nat hook prerouting priority -100; policy accept;",
}
_labs = []


def lab():
    """One for all of them."""
    if not _labs:
        _labs.append(Lab([22, 80], [53]))
    return _labs[0]


def nft(base, *rules, family="inet"):
    return [("nft", "\n".join([f"table {family} t {{", "chain c {", BASE[base], *rules, "}", "}"]))]


def told(ruleset, probes, **crafted):
    """The outcomes of (protocol, source, port), or (..., interface)."""
    lab().clear()
    lab().load(ruleset)
    found = lab().probe([Probe(i, p, s, TO[i][6 if ":" in s else 4], port)
                         for p, s, port, i in ((*probe, "eth0")[:4] for probe in probes)], **crafted)
    expect_equal(lab().lost(), 0, "frames that no capture had room for")
    expect_equal(lab().strays, [], "answers to nothing that was sent")
    return [outcome if outcome != f"accept {probe[2]}" else "accept"
            for outcome, probe in zip(found, probes)]


@case
def open_host():
    """an open host answers, and refuses where nobody listens"""
    probes = [(p, s, port, i) for i in TO for p, port in (("tcp", 22), ("udp", 53))
              for s in ("8.8.8.8", "10.1.2.3", "2600::1", "fd00::5")]
    expect_equal(told([], probes), ["accept"] * len(probes))
    expect_equal(told([], [("tcp", "8.8.8.8", 23), ("tcp", "2600::1", 23), ("udp", "8.8.8.8", 54),
                           ("udp", "2600::1", 54)]),
                 ["reject tcp-reset"] * 2 + ["reject icmp-port-unreachable", "reject icmp6-port-unreachable"])


@case
def drops():
    """what is dropped for some is silence for them"""
    expect_equal(told(nft("input", "ip saddr 8.0.0.0/8 drop", "ip6 saddr 2600::/16 drop"),
                      [(p, s, port) for p, port in (("tcp", 22), ("udp", 53))
                       for s in ("8.8.8.8", "9.8.8.8", "2600::1", "2601::1")]),
                 ["drop", "accept", "drop", "accept"] * 2)


@case
def rejects():
    """each way of refusing is told from the others"""
    ways = {"tcp-reset": "tcp reset"}
    ways |= {f"icmp-{way}": f"icmp {way}" for way in (
        "net-unreachable", "host-unreachable", "port-unreachable", "net-prohibited",
        "host-prohibited", "admin-prohibited")} | {"icmp-proto-unreachable": "icmp prot-unreachable"}
    for how, way in ways.items():
        expect_equal(told(nft("input", f"tcp dport 22 reject with {way}", family="ip"),
                          [("tcp", "8.8.8.8", 22), ("tcp", "8.8.8.8", 80)]), [f"reject {how}", "accept"])
    for way in ("no-route", "admin-prohibited", "addr-unreachable", "port-unreachable"):
        expect_equal(told(nft("input", f"udp dport 53 reject with icmpv6 {way}", family="ip6"),
                          [("udp", "2600::1", 53)]), [f"reject icmp6-{way}"])


@case
def translations():
    """a redirect leads to another listener, and a translation elsewhere"""
    rules = ("tcp dport 2222 redirect to :22", "tcp dport 2223 redirect to :23",
             f"meta nfproto ipv4 tcp dport 81 dnat ip to {ELSEWHERE[0]}:80",
             f"meta nfproto ipv6 udp dport 81 dnat ip6 to [{ELSEWHERE[1]}]:80")
    expect_equal(told(nft("nat", *rules), [
        ("tcp", "8.8.8.8", 2222), ("tcp", "2600::1", 2222), ("tcp", "8.8.8.8", 2223),
        ("tcp", "8.8.8.8", 81), ("udp", "2600::1", 81)]),
        ["accept 22", "accept 22", "reject tcp-reset", "diverted 172.31.0.2:80",
         "diverted [fd31::2]:80"])


@case
def replies():
    """without an answer a SYN is lost, but a datagram has arrived"""
    expect_equal(told(nft("output", "drop"), [("tcp", "8.8.8.8", 22), ("udp", "8.8.8.8", 53)]),
                 ["drop", "accept"])


@case
def legacy():
    """the older tables are loaded, and emptied again"""
    rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 8.0.0.0/8 -j REJECT\nCOMMIT\n"
    probes = [("tcp", "8.8.8.8", 22), ("tcp", "9.8.8.8", 22), ("tcp", "2600::1", 22)]
    expect_equal(told([("iptables-legacy-restore", rules)], probes),
                 ["reject icmp-port-unreachable", "drop", "accept"])
    expect_equal(told([], probes), ["accept"] * 3)


@case
def routing():
    """routes and the reverse path filter are changed, and as before afterwards"""
    probes = [("tcp", "8.8.8.8", 22), ("tcp", "9.8.8.8", 22), ("tcp", "9.8.8.8", 22, "eth1")]
    for ruleset, outcomes in (
            ([("ip", "route add blackhole 8.0.0.0/8")], ["drop", "accept", "accept"]),
            ([("sysctl", "ipv4/conf/eth1/rp_filter=1")], ["accept", "accept", "drop"]),
            ([("ip", "route add default dev eth2 table 100\n"
                       "rule add from 192.0.2.10 lookup 100")],
             ["drop", "drop", "accept"])):
        expect_equal(told(ruleset, probes), outcomes)
        expect_equal(told([], probes), ["accept"] * 3)


@case
def crafted():
    """crafted packets arrive: extension headers, options, fragments, other ports"""
    six, four = [("tcp", "2600::1", 22), ("udp", "2600::1", 53)], [("tcp", "8.8.8.8", 22),
                                                                  ("udp", "8.8.8.8", 53)]
    closed = nft("input", "ip6 nexthdr { tcp, udp } drop")
    expect_equal(told(closed, six), ["drop", "drop"])
    expect_equal(told(closed, six, extensions=(HOP_BY_HOP, DESTINATION)), ["accept"] * 2)
    closed = nft("input", "exthdr frag missing meta nfproto ipv6 drop", "ip hdrlength 5 drop")
    expect_equal(told(closed, six + four), ["drop"] * 4)
    # Whoever puts fragments together for connections hides them: nobody does so here.
    expect_equal(told(closed, six, fragments="atomic"), ["accept"] * 2)
    expect_equal(told([], six + four, fragments=True), ["accept"] * 4)
    expect_equal(told(closed, four, options=b"\1\1\1\1"), ["accept"] * 2)
    closed = nft("input", "th sport != 53 drop", "ip ttl < 10 drop", "ip6 hoplimit < 10 drop")
    expect_equal(told(closed, six + four, sport=53), ["accept"] * 4)
    expect_equal(told(closed, six + four, sport=53, ttl=9), ["drop"] * 4)


@case
def many():
    """a thousand of them, answered and not, and none is lost or mistaken for another"""
    probes = [("tcp", f"{a}.{b}.7.7", 22) for a in (8, 9) for b in range(250)]
    probes += [("udp", source, 53) for _, source, _ in probes]
    expect_equal(told(nft("input", "ip saddr & 0.1.0.0 == 0.0.0.0 drop"), probes),
                 ["accept" if int(s.split(".")[1]) & 1 else "drop" for _, s, _ in probes])


main()
