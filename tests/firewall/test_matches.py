#!/usr/bin/env python3
"""Each match of x_tables: for whom it holds, as hark judges it, and as packets tell.

A rule that drops whom it matches stands alone in a host that is else open. Of whom it must match
none gets through, and of whom it may not match all do; where the match can be known at all, the two
are the same.
"""
import ipaddress
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import case, clean_environment, expect, expect_equal, main  # noqa: E402
from lab import EMPTY, Lab, Probe  # noqa: E402

MATCHES = os.path.abspath(os.environ.get("MATCHES", "build/tests/tools/matches"))
WORDS = {
    4: {"net": "10.0.0.0/8", "odd": "10.0.2.1/255.0.255.255", "wild": "10.0.0.1/255.0.0.255",
        "to": "192.0.2.10", "other": "192.0.2.11", "range": "10.0.0.1-11.0.0.0",
        "range_to": "192.0.2.1-192.0.2.20", "all": "0.0.0.0/0"},
    6: {"net": "2600::/16", "odd": "2600::1/ffff:f000:ffff:ffff:ffff:ffff:ffff:ffff",
        "wild": "2600::1/ffff::ffff", "to": "2001:db8::10", "other": "2001:db8::11",
        "range": "2600::1-2601::", "range_to": "2001:db8::1-2001:db8::20", "all": "::/0"},
}
SOURCES = {
    4: ("8.8.8.8", "10.0.0.0", "10.0.0.1", "10.1.2.1", "10.255.255.255", "9.255.255.255", "11.0.0.0",
        "11.0.0.1", "198.51.100.7"),
    6: ("2600::", "2600::1", "2600:1::1", "2600:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2601::",
        "2601::1", "2a00::1", "fd00::5"),
}
PORTS = {"tcp": 22, "udp": 53}

# Chain, matches; those after a '?' cannot be known.
ADDRESSES = """
    filter INPUT
    -s {net}
    ! -s {net}
    -s {odd}
    ! -s {odd}
    ? -s {wild}
    ? ! -s {wild}
    ! -s {all}
    -d {to}
    ! -d {to}
    -d {other}
    -s {net} -d {to}
    -s {net} ! -d {to}
    -m iprange --src-range {range}
    -m iprange ! --src-range {range}
    -m iprange --dst-range {range_to}
    -m iprange ! --dst-range {range_to}
    -m iprange --src-range {range} --dst-range {range_to}
    -m iprange ! --src-range {range} ! --dst-range {range_to}
    -m addrtype --src-type LOCAL
    -m addrtype ! --src-type LOCAL
    -m addrtype --dst-type LOCAL
    -m addrtype ! --dst-type LOCAL
    -m addrtype --dst-type LOCAL --limit-iface-in
    -m addrtype --src-type UNICAST
    -m addrtype --src-type UNICAST --dst-type LOCAL
    filter OUTPUT
    -d {net}
    ! -d {net}
    -d {odd}
    -s {to}
    ! -s {to}
    -s {to} -d {net}
    -m iprange --dst-range {range}
    -m iprange ! --src-range {range_to}
    -m addrtype --src-type LOCAL
    -m addrtype --dst-type UNICAST
    -m addrtype ! --dst-type LOCAL
    raw PREROUTING
    -s {net}
    -m rpfilter
    -m rpfilter --invert
    -m rpfilter --loose
    -m rpfilter --validmark --accept-local
"""
INTERFACES = """
    filter INPUT
    -i eth0
    ! -i eth0
    -i eth1
    ! -i eth1
    -i eth+
    ! -i eth+
    -i et+
    -i eth
    -i eth0+
    -m devgroup --src-group 0
    -m devgroup ! --src-group 0
    -m devgroup --src-group 0x1
    -m devgroup --src-group 0x1/0xfe
    -m physdev --physdev-in eth0
    -m physdev ! --physdev-in eth0
    -m physdev --physdev-is-bridged
    -m physdev ! --physdev-is-bridged
    -m physdev --physdev-is-in
    -m physdev ! --physdev-is-in ! --physdev-is-bridged
    -m physdev ! --physdev-in eth0 --physdev-is-bridged
    -m pkttype --pkt-type unicast
    -m pkttype ! --pkt-type unicast
    -m pkttype --pkt-type broadcast
    -m pkttype ! --pkt-type multicast
    ? -m mac --mac-source 02:00:00:00:00:02
    ? -m mac ! --mac-source 02:00:00:00:00:02
    filter OUTPUT
    -o eth0
    ! -o eth0
    -o eth1
    -o eth+
    -m devgroup --dst-group 0
    -m devgroup ! --dst-group 0
    -m physdev ! --physdev-is-bridged
    -m pkttype --pkt-type unicast
"""
TCP = """
    filter INPUT
    -p tcp
    ! -p tcp
    -p udp
    ! -p udp
    -p tcp --dport 22
    -p tcp ! --dport 22
    -p tcp --dport 20:30
    -p tcp --dport 23:
    -p tcp --sport 40000
    -p tcp --sport 0:1023
    -p tcp ! --sport 1024:65535
    -p tcp --syn
    -p tcp ! --syn
    -p tcp --tcp-flags ALL SYN
    -p tcp --tcp-flags ALL SYN,ACK
    -p tcp --tcp-flags ALL NONE
    -p tcp --tcp-flags FIN,RST,ACK NONE
    -p tcp ! --tcp-flags SYN,ACK SYN
    ? -p tcp --tcp-option 2
    ? -p tcp ! --tcp-option 2
    -p tcp -m multiport --dports 22,80
    -p tcp -m multiport ! --dports 22,80
    -p tcp -m multiport --dports 1:21,23:65535
    -p tcp -m multiport --sports 40000,1
    -p tcp -m multiport --ports 40000
    -p tcp -m multiport --ports 22
    -p tcp -m multiport ! --ports 22
    -p tcp -m multiport ! --ports 1:21
    -p udp --dport 53
    -p udp ! --dport 53
    -p udp --sport 1:1023
    -p udp -m multiport --dports 53
    ? -p tcp -m tcpmss --mss 1:9000
    filter OUTPUT
    -p tcp --sport 22
    -p tcp --dport 40000
    -p tcp ! --dport 40000
    -p tcp --syn
    -p tcp --tcp-flags ALL SYN,ACK
    -p tcp --tcp-flags ACK ACK
    -p tcp -m multiport --sports 22
    -p tcp -m multiport ! --dports 40000
    -p udp --sport 53
"""
CONNECTIONS = "\n".join(f"""
    filter {chain}
    -m conntrack --ctstate NEW
    -m conntrack ! --ctstate NEW
    -m conntrack --ctstate ESTABLISHED,RELATED
    -m conntrack --ctstate INVALID
    -m conntrack --ctstate NEW,UNTRACKED
    -m conntrack --ctstate DNAT
    -m conntrack ! --ctstate DNAT
    -m conntrack --ctstate SNAT
    -m conntrack ! --ctstate SNAT,DNAT
    -m conntrack --ctdir ORIGINAL
    -m conntrack --ctdir REPLY
    -m conntrack --ctstate NEW --ctdir REPLY
    -m conntrack --ctproto tcp
    -m conntrack ! --ctproto tcp
    -m conntrack --ctorigsrc {{net}}
    -m conntrack ! --ctorigsrc {{net}}
    -m conntrack --ctorigdst {{to}}
    -m conntrack ! --ctorigdst {{to}}
    -m conntrack --ctreplsrc {{to}}
    -m conntrack --ctreplsrc {{other}}
    -m conntrack --ctrepldst {{net}}
    -m conntrack ! --ctrepldst {{net}} --ctorigdst {{to}}
    -m conntrack --ctproto tcp --ctorigsrcport 40000
    -m conntrack --ctproto tcp --ctorigdstport 22
    -m conntrack --ctproto tcp ! --ctorigdstport 22
    -m conntrack --ctproto tcp --ctreplsrcport 20:30
    -m conntrack --ctproto tcp --ctrepldstport 40000
    -m conntrack --ctstatus NONE
    -m conntrack --ctstatus CONFIRMED
    -m conntrack ! --ctstatus CONFIRMED
    -m conntrack --ctstatus SEEN_REPLY
    -m conntrack --ctstatus ASSURED
    -m conntrack --ctstatus EXPECTED,ASSURED
    ? -m conntrack --ctexpire 1:10000
    -m state --state NEW
    -m state ! --state NEW
    -m connmark --mark 0
    -m connmark ! --mark 0
    -m connmark --mark 1/0xff
    -m mark --mark 0
    -m mark ! --mark 0
    -m mark --mark 0/0xf0
    -m mark --mark 1
""" for chain in ("INPUT", "OUTPUT")) + """
    raw PREROUTING
    -m conntrack --ctstate NEW
    -m conntrack --ctstate INVALID
    -m conntrack ! --ctstate INVALID
    -m conntrack --ctdir ORIGINAL
    -m conntrack --ctstate INVALID --ctdir REPLY
    -m connmark --mark 0
    -m connmark ! --mark 0
    -m state --state UNTRACKED
    mangle PREROUTING
    -m conntrack --ctstate NEW
    -m conntrack --ctreplsrc {to}
    -m conntrack --ctstatus CONFIRMED
"""
OTHERS = """
    filter INPUT
    -m comment --comment x
    -m recent --set --name a
    -m recent ! --set --name b
    ? -m recent --rcheck --name c
    ? -m limit --limit 1/hour
    ? -m statistic --mode random --probability 0.5
    ? -m time --timestart 10:00 --timestop 10:01
    ? -m length --length 40:60
    ? -m u32 --u32 "0=0"
    ? -m cpu --cpu 0
    -m dscp --dscp 0
    -m dscp ! --dscp 0
    -m dscp --dscp 1
    -m tos --tos 0
    -m tos ! --tos 0
    -m tos --tos 0x10/0x3f
    -m policy --dir in --pol none
    ? -m policy --dir in --pol ipsec
    ? -m socket
    filter OUTPUT
    ? -m owner --socket-exists
    ? -m owner ! --socket-exists
    ? -m owner --uid-owner 0
    ? -m owner ! --gid-owner 0-10
"""
ONLY = {4: """
    filter INPUT
    -f
    ! -f
    ? -m ttl --ttl-eq 64
    -p icmp --icmp-type 8
""", 6: """
    filter INPUT
    -m frag --fragmore
    -m rt --rt-type 0
    -m rt ! --rt-type 0
    -m hbh --hbh-len 8
    -m dst ! --dst-len 8
    -m ah
    ? -m hl --hl-eq 64
    -p icmpv6 --icmpv6-type 128
    -m frag ! --fragid 7
"""}
_labs = []


def lab():
    """One for all of them."""
    if not _labs:
        _labs.append(Lab([PORTS["tcp"]], [PORTS["udp"]]))
    return _labs[0]


def ranges(words):
    def numbers(word):
        if "-" in word:
            return tuple(int(ipaddress.ip_address(end)) for end in word.split("-"))
        net = ipaddress.ip_network(word)
        return int(net[0]), int(net[-1])
    return [numbers(word) for word in words]


def judged(version, protocol):
    """The only rule's must and may, of the sources that are tried."""
    words = [MATCHES, str(version), protocol, WORDS[version]["to"], str(PORTS[protocol]), "eth0"]
    with lab().box:
        said = subprocess.run(words, text=True, capture_output=True, check=True, timeout=60,
                              env=clean_environment()).stdout
    expect_equal(said.count("\n"), 1, f"rules: {said}")
    words = said.split()[1:]
    at = words.index("?")
    return [[s for s in SOURCES[version] if any(first <= int(ipaddress.ip_address(s)) <= last
                                                for first, last in ranges(part))]
            for part in (words[:at], words[at + 1:])]


def dropped(version, protocol):
    found = lab().probe([Probe("eth0", protocol, s, WORDS[version]["to"], PORTS[protocol])
                         for s in SOURCES[version]])
    expect_equal(lab().lost(), 0, "frames that no capture had room for")
    return [s for s, outcome in zip(SOURCES[version], found) if outcome == "drop"]


def specs(text):
    chain = None
    for line in filter(None, map(str.strip, text.splitlines())):
        if line[0].isalpha():
            chain = line.split()
        else:
            yield *chain, line.startswith("?"), line.lstrip("? ")


def compare(text, version):
    restore = "iptables-legacy-restore" if version == 4 else "ip6tables-legacy-restore"
    wrong = []
    for table, chain, is_unknown, match in specs(text):
        match = match.format(**WORDS[version])
        # The lab's sockets of UDP do not answer.
        for protocol in PORTS if chain != "OUTPUT" else ("tcp",):
            lab().clear()
            lab().load([(restore, f"*{table}\n{EMPTY[table]}-A {chain} {match} -j DROP\nCOMMIT")])
            must, may = judged(version, protocol)
            found = dropped(version, protocol)
            if not set(must) <= set(found) <= set(may):
                wrong.append(f"{chain} {match} ({protocol}): must {must}, may {may}, found {found}")
            elif (must != may) != is_unknown and not (must == may == [] and is_unknown):
                wrong.append(f"{chain} {match} ({protocol}): must {must}, may {may}")
    expect(not wrong, "\n".join(wrong))


def add_case(name, text, versions=(4, 6)):
    for version in versions:
        def function(version=version):
            compare(text if isinstance(text, str) else text[version], version)
        function.__doc__ = f"matches on {name} of IPv{version} hold for whom packets tell"
        case(function)


add_case("addresses", ADDRESSES)
add_case("interfaces", INTERFACES)
add_case("ports and flags", TCP)
add_case("connections and marks", CONNECTIONS)
add_case("other things", OTHERS)
add_case("what only it has", ONLY)


if __name__ == "__main__":
    main()
