"""Known rulesets of iptables, of routing, and of two worlds at once."""
from known import chain, inet, known, restore, table

BOTH = (4, 6)


def everywhere(name, rules, expected, definite=100, version=4, tables=None):
    """The same by the older tables and by nf_tables."""
    return [known(f"{name} ({backend})", restore(backend, *rules, version=version, tables=tables),
                  expected, definite) for backend in ("nft", "legacy")]


CASES = [
    *everywhere("policies, states, ports", [
        ":INPUT DROP [0:0]", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -m conntrack --ctstate INVALID -j DROP", "-A INPUT -p tcp --dport 22 --syn -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 80,400:500 -s 10.0.0.0/9 -j ACCEPT",
        "-A INPUT ! -s 8.0.0.0/8 -p udp -m comment --comment hi -j REJECT"], """
        tcp 8.8.8.8 22 accept
        tcp 10.1.2.3 443 accept
        tcp 10.128.0.0 443 drop
        udp 8.8.8.8 53 drop
        udp 9.0.0.0 53 reject icmp-port-unreachable
        tcp 2600::1 80 accept"""),
    *everywhere("a base chain left by goto and return ends in its policy", [
        ":INPUT DROP [0:0]", ":SUB - [0:0]", "-A INPUT -s 8.0.0.0/8 -g SUB", "-A INPUT -s 9.0.0.0/8 -j RETURN",
        "-A INPUT -s 10.0.0.0/8 -j SUB", "-A INPUT -j ACCEPT", "-A SUB -p udp -j ACCEPT", "-A SUB -p tcp"
        " --dport 80 -j RETURN"], """
        tcp 8.8.8.8 22 drop
        udp 8.8.8.8 53 accept
        tcp 8.8.8.8 80 drop
        tcp 9.8.8.8 22 drop
        tcp 10.8.8.8 22 accept
        tcp 11.8.8.8 22 accept"""),
    *everywhere("ways of refusing", [
        ":INPUT ACCEPT [0:0]", *(f"-A INPUT -s {n}.0.0.0/8 -p tcp -j REJECT --reject-with {how}"
                                 for n, how in enumerate((
                                     "icmp-net-unreachable", "icmp-host-unreachable", "icmp-port-unreachable",
                                     "icmp-proto-unreachable", "icmp-net-prohibited", "icmp-host-prohibited",
                                     "icmp-admin-prohibited", "tcp-reset"), 20))], """
        tcp 20.1.1.1 22 reject icmp-net-unreachable
        tcp 21.1.1.1 22 reject icmp-host-unreachable
        tcp 22.1.1.1 22 reject icmp-port-unreachable
        tcp 23.1.1.1 22 reject icmp-proto-unreachable
        tcp 24.1.1.1 22 reject icmp-net-prohibited
        tcp 25.1.1.1 22 reject icmp-host-prohibited
        tcp 26.1.1.1 22 reject icmp-admin-prohibited
        tcp 27.1.1.1 22 reject tcp-reset
        udp 27.1.1.1 53 accept"""),
    *everywhere("ways of refusing IPv6", [
        ":INPUT ACCEPT [0:0]", "-A INPUT -s 2600::/16 -j REJECT --reject-with icmp6-no-route",
        "-A INPUT -s 2601::/16 -j REJECT --reject-with icmp6-adm-prohibited",
        "-A INPUT -s 2602::/16 -j REJECT --reject-with icmp6-addr-unreachable",
        "-A INPUT -s 2603::/16 -j REJECT", "-A INPUT -s 2604::/16 -p tcp -j REJECT --reject-with tcp-reset",
        "-A INPUT -m rt --rt-type 0 -j DROP"], """
        tcp 2600::1 22 reject icmp6-no-route
        tcp 2601::1 22 reject icmp6-admin-prohibited
        udp 2602::1 53 reject icmp6-addr-unreachable
        udp 2603::1 53 reject icmp6-port-unreachable
        tcp 2604::1 22 reject tcp-reset
        tcp 2605::1 22 accept
        tcp 8.8.8.8 22 accept""", version=6),
    *everywhere("translated, and asked whether it was", [], """
        tcp 8.8.8.8 80 accept 22
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 443 diverted 172.31.0.2:443
        tcp 9.8.8.8 2222 drop
        udp 8.8.8.8 161 accept 53""", tables={
            "nat": [":PREROUTING ACCEPT [0:0]", "-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 22",
                    "-A PREROUTING -p tcp --dport 2222 -j REDIRECT --to-ports 2222",
                    "-A PREROUTING -p tcp --dport 443 -j DNAT --to-destination 172.31.0.2",
                    "-A PREROUTING -p udp --dport 161 -j DNAT --to-destination 192.0.2.10:53"],
            "filter": [":INPUT ACCEPT [0:0]", "-A INPUT -p tcp -m conntrack ! --ctstate DNAT -j DROP"]}),
    *everywhere("untracked by raw, marked by mangle", [], """
        tcp 8.8.8.8 22 accept
        tcp 9.8.8.8 22 drop
        tcp 10.1.2.3 22 reject icmp-port-unreachable
        tcp 10.1.2.3 80 accept""", tables={
            "raw": [":PREROUTING ACCEPT [0:0]", "-A PREROUTING -s 8.0.0.0/8 -j CT --notrack"],
            "mangle": [":PREROUTING ACCEPT [0:0]", "-A PREROUTING -s 10.0.0.0/8 -p tcp --dport 22 -j MARK"
                       " --set-xmark 0x5/0x7", "-A PREROUTING -j CONNMARK --save-mark",
                       "-A PREROUTING -s 10.0.0.0/8 -p tcp --dport 80 -j CONNMARK --set-mark 0x9"],
            "filter": [":INPUT DROP [0:0]", "-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT",
                       "-A INPUT -m mark --mark 0x1/0x1 -m connmark --mark 0x5 -j REJECT",
                       "-A INPUT -m connmark --mark 0x8/0x8 -j ACCEPT"]}),
    *everywhere("limits, recent, quota, chance, time", [
        ":INPUT DROP [0:0]", "-A INPUT -p tcp --dport 22 -m limit --limit 100/sec -j ACCEPT",
        "-A INPUT -p tcp --dport 80 -m recent --name a --rcheck --seconds 60 -j ACCEPT",
        "-A INPUT -p tcp --dport 443 -m statistic --mode random --probability 0.5 -j ACCEPT",
        "-A INPUT -p udp --dport 53 -m connlimit --connlimit-upto 1 -j ACCEPT",
        "-A INPUT -p udp --dport 161 -m hashlimit --hashlimit-upto 1/sec --hashlimit-name b -j ACCEPT",
        "-A INPUT -p udp --dport 5353 -m time --timestart 08:00 --timestop 09:00 -j ACCEPT"], """
        tcp 8.8.8.8 22 *; rate
        tcp 8.8.8.8 80 *; rate
        tcp 8.8.8.8 443 *
        udp 8.8.8.8 53 *; rate
        udp 8.8.8.8 161 *; rate
        udp 8.8.8.8 5353 *; time
        tcp 8.8.8.8 2222 drop
        tcp 2600::1 2222 accept""", definite=0),
    *everywhere("interfaces by patterns", [
        ":INPUT DROP [0:0]", "-A INPUT -i eth+ -p tcp --dport 22 -j ACCEPT", "-A INPUT ! -i lo -p tcp --dport"
        " 80 -j ACCEPT", "-A INPUT -i eth1 -j ACCEPT", "-A INPUT -i eth -j ACCEPT", "-A INPUT ! -i e+ -j"
        " ACCEPT"], """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 80 accept
        tcp 8.8.8.8 443 drop
        tcp 8.8.8.8 443@eth1 accept"""),
    *everywhere("ranges, kinds of addresses, masks with gaps", [
        ":INPUT ACCEPT [0:0]", "-A INPUT -m iprange --src-range 8.8.8.9-8.8.9.3 -j DROP",
        "-A INPUT -s 10.0.3.0/255.0.255.0 -j DROP", "-A INPUT -m addrtype ! --dst-type LOCAL -j DROP",
        "-A INPUT -m pkttype ! --pkt-type unicast -j DROP", "-A INPUT -m addrtype --src-type UNICAST -s"
        " 11.0.0.0/8 -j REJECT"], """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.9 22 drop
        tcp 8.8.9.3 22 drop
        tcp 8.8.9.4 22 accept
        tcp 10.77.3.9 22 drop
        tcp 10.77.4.9 22 accept
        tcp 11.0.0.1 22 reject icmp-port-unreachable"""),
    *[known(f"ipsets of many types ({backend})", [
        ("ipset", "create nets hash:net\nadd nets 8.0.0.0/8\nadd nets 8.8.0.0/16 nomatch\n"
         "create pairs hash:ip,port\nadd pairs 9.9.9.9,tcp:80\n"
         "create lists list:set\nadd lists nets\ncreate ports bitmap:port range 0-1024\nadd ports 443\n"
         "create nets6 hash:net family inet6\nadd nets6 2600::/16\n"),
        *restore(backend, ":INPUT ACCEPT [0:0]", "-A INPUT -p tcp --dport 22 -m set --match-set nets src -j DROP",
                 "-A INPUT -m set --match-set pairs src,dst -j DROP", "-A INPUT -p udp -m set ! --match-set"
                 " lists src -j DROP", "-A INPUT -p tcp -m set --match-set ports dst -j REJECT"),
        *restore(backend, ":INPUT ACCEPT [0:0]", "-A INPUT -m set ! --match-set nets6 src -j DROP", version=6)],
        """
        tcp 8.1.1.1 22 drop
        tcp 8.8.1.1 22 accept
        tcp 9.9.9.9 80 drop
        tcp 9.9.9.9 22 accept
        udp 9.9.9.9 53 drop
        udp 8.1.1.1 53 accept
        tcp 9.9.9.9 443 reject icmp-port-unreachable
        tcp 2600::1 22 accept
        tcp 2601::1 22 drop""") for backend in ("nft", "legacy")],
    known("the older DROP behind an accept of nft", inet("input", "accept") + restore(
        "legacy", ":INPUT ACCEPT [0:0]", "-A INPUT -s 8.0.0.0/8 -j DROP"), """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 accept"""),
    known("a drop of nft behind the older ACCEPT", inet("input", "ip saddr 8.0.0.0/8 drop") + restore(
        "legacy", ":INPUT ACCEPT [0:0]", "-A INPUT -j ACCEPT"), """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 accept"""),
    known("strict reverse path filter on the other way in", [
        ("sysctl", "ipv4/conf/eth1/rp_filter=1"),
        ("ip", "route add 7.0.0.0/8 via 198.18.0.1 dev eth1 onlink")], """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 22@eth1 drop
        tcp 7.8.8.8 22@eth1 accept
        tcp 2600::1 22@eth1 accept"""),
    known("a loose one", [("sysctl", "ipv4/conf/all/rp_filter=2"), ("ip", "route add blackhole 8.0.0.0/8")], """
        tcp 9.8.8.8 22 accept
        tcp 9.8.8.8 22@eth1 accept
        tcp 8.8.8.8 22@eth1 drop"""),
    known("the rpfilter match, strict and loose", restore("legacy", tables={
        "raw": [":PREROUTING ACCEPT [0:0]", "-A PREROUTING -p tcp -m rpfilter --invert -j DROP",
                "-A PREROUTING -p udp -m rpfilter --loose --invert -j DROP"]}), """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 22@eth1 drop
        udp 8.8.8.8 53@eth1 accept"""),
    known("a policy rule that throws senders away protects nothing", [
        ("ip", "rule add from 8.0.0.0/8 blackhole")], """
        tcp 8.8.8.8 22 accept"""),
    known("routes without a way back", [
        ("ip", "route add blackhole 8.0.0.0/8\nroute add unreachable 9.0.0.0/8\nroute add prohibit 10.0.0.0/8"),
        ("ip6", "route add blackhole 2600::/16")], """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 drop
        tcp 10.8.8.8 22 drop
        tcp 11.8.8.8 22 accept
        tcp 2600::1 22 drop
        tcp 2601::1 22 accept"""),
    known("a policy rule before the table of what is local", [
        ("sh", "ip route add blackhole default table 100\nip rule add pref 10 lookup local\n"
         "ip rule del pref 0\nip rule add pref 0 to 192.0.2.10 lookup 100\n")], """
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 22@eth1 accept
        tcp 2600::1 22 accept"""),
    known("translation of one family only, in a table of both", table(
        "inet", chain("nat", "meta nfproto ipv6 tcp dport 22 redirect to :80"),
        chain("closed", "tcp dport 22 accept")), """
        tcp 8.8.8.8 22 accept
        tcp 2600::1 22 drop"""),
    *everywhere("ports by chance", [], """
        tcp 8.8.8.8 22 *; chance
        tcp 8.8.8.8 443 accept""", 0, 4, {
            "nat": ["-A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 80-90 --random"],
            "filter": ["-A INPUT -p tcp --dport 85:443 -j ACCEPT", "-A INPUT -p tcp -j DROP"]}),
    *everywhere("a reset is no answer to a SYN", [
        "-A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset",
        "-A INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset",
        "-A OUTPUT -p tcp --sport 22 --tcp-flags RST RST -j DROP",
        "-A OUTPUT -p tcp --sport 80 --tcp-flags SYN SYN -j DROP"], """
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 80 reject tcp-reset
        tcp 8.8.8.8 443 accept"""),
]
