"""Known rulesets of nft, by the numbers of the study that found them hard."""
from known import chain, inet, known, table

JUMPS = [chain("deep15", "ip saddr 8.0.0.0/8 drop", name="deep15")] + [
    chain("", f"jump deep{n + 1}", name=f"deep{n}") for n in reversed(range(1, 15))]

CASES = [
    known("empty", [], """
        tcp 8.8.8.8 22 accept
        tcp 2600::1 22@eth1 accept
        udp 8.8.8.8 53 accept"""),
    known("all sorts of conditions in one table", table(
        "inet",
        "set bad { type ipv4_addr; flags interval; elements = { 203.0.113.0/24, 198.51.100.7 } }",
        "set bad6 { type ipv6_addr; flags interval; elements = { 2001:db8:bad::/48 } }",
        "map ways { type inet_service : verdict; elements = { 80 : accept, 443 : goto web } }",
        chain("", "ip saddr 10.0.0.0/8 accept", "ip6 saddr fd00::/8 accept", "drop", name="web"),
        chain("closed", 'iif "lo" accept', "ct state vmap { established : accept, related : accept,"
              " invalid : drop }", "ip saddr @bad drop", "ip6 saddr @bad6 drop", "tcp dport vmap @ways",
              'iifname "eth1" tcp dport { 22, 2222 } accept', "udp dport 53 counter accept",
              "ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.4/30 . 8080 } accept",
              "tcp dport 2222 reject with tcp reset")), """
        tcp 8.8.8.8 80 accept
        tcp 203.0.113.9 80 drop
        tcp 2001:db8:bad::1 80 drop
        tcp 10.1.2.3 443 accept
        tcp 11.1.2.3 443 drop
        tcp fd00::1 443 accept
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 22@eth1 accept
        tcp 192.0.2.1 22 accept
        tcp 192.0.2.7 8080 accept
        tcp 192.0.2.8 8080 drop
        tcp 8.8.8.8 2222 reject tcp-reset
        udp 8.8.8.8 53 accept
        udp 2600::1 161 drop"""),
    known("a policy for IPv4 leaves the dual-stack listener open", table(
        "ip", chain("closed", "tcp dport 22 accept")), """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 80 drop
        tcp 2600::1 80 accept"""),
    known("a hole for IPv6 alone", inet("closed", "meta nfproto ipv6 accept"), """
        tcp 8.8.8.8 22 drop
        tcp 2600::1 22 accept
        udp 2600::1 53 accept"""),
    known("an accept ends its own table only",
          table("inet", "chain a {", "type filter hook input priority -10; policy accept;", "accept", "}")
          + table("inet", "chain b {", "type filter hook input priority 10; policy accept;",
                  "ip saddr 8.0.0.0/8 drop", "}", name="u"), """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 accept"""),
    known("of equal priorities the latest comes first",
          [("nft", "add table inet a\nadd table inet b\n"
            "add chain inet b c { type filter hook input priority 0; }\n"
            "add chain inet a c { type filter hook input priority 0; }\n"
            "add rule inet b c tcp dport 22 drop\nadd rule inet a c tcp dport 22 reject\n")], """
        tcp 8.8.8.8 22 *
        tcp 8.8.8.8 80 accept""", definite=0),
    known("before conntrack every packet is invalid", inet("raw", "ct state invalid drop"), """
        tcp 8.8.8.8 22 drop
        udp 2600::1 53 drop"""),
    known("notrack in raw, and who accepts only new ones", table(
        "inet", chain("raw", "tcp dport 22 notrack"),
        chain("closed", "ct state new tcp dport { 22, 80 } accept", "ct state untracked ip saddr"
              " 10.0.0.0/8 accept")), """
        tcp 8.8.8.8 22 drop
        tcp 10.1.1.1 22 accept
        tcp 8.8.8.8 80 accept"""),
    known("notrack after conntrack does nothing", table(
        "inet", chain("late", "notrack"), chain("closed", "ct state new accept")), """
        tcp 8.8.8.8 22 accept
        tcp 2600::1 22 accept"""),
    known("what is not tracked is not translated", table(
        "inet", chain("raw", "ip saddr 8.0.0.0/8 notrack"), chain("nat", "tcp dport 22 redirect to :80"),
        chain("closed", "tcp dport 22 accept")), """
        tcp 8.8.8.8 22 accept
        tcp 9.8.8.8 22 drop"""),
    known("in raw an untracked packet is untracked", table(
        "inet", chain("raw", "ip saddr 8.0.0.0/8 notrack", "ct state untracked drop",
                      "ct state new accept", "ip saddr 9.0.0.0/8 ct state invalid drop")), """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 drop
        tcp 10.8.8.8 22 accept"""),
    known("a redirect around a port that is dropped", table(
        "inet", chain("raw", "tcp dport 22 drop"), chain("nat", "tcp dport 2222 redirect to :22"),
        chain("closed", "tcp dport 22 accept")), """
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 2222 accept 22"""),
    known("a redirect that changes nothing is no translation", table(
        "inet", chain("nat", "tcp dport 22 redirect to :22"),
        chain("closed", "ct status dnat drop", "tcp dport 22 accept")), """
        tcp 8.8.8.8 22 accept"""),
    known("a redirect leads to the oldest address of IPv4, and to the newest of IPv6", table(
        "inet", chain("nat", "tcp dport 22 redirect"),
        chain("input", "ip daddr 192.0.2.11 drop", "ip6 daddr 2001:db8::10 drop")), """
        tcp 8.8.8.8 22 accept
        tcp 2600::1 22 accept"""),
    known("a redirect that changes something is one", table(
        "inet", chain("nat", "tcp dport 22 redirect to :80"),
        chain("input", "ip saddr 8.0.0.0/8 ct status dnat drop")), """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 accept 80"""),
    known("translation to elsewhere, and by maps", table(
        "ip", chain("nat", "tcp dport 22 dnat to 172.31.0.2:80", "tcp dport 80 dnat to 198.18.0.10:443",
                    "udp dport 53 dnat to udp dport map { 53 : 172.31.0.2 . 5353 }")), """
        tcp 8.8.8.8 22 diverted 172.31.0.2:80
        tcp 8.8.8.8 80 accept 443
        udp 8.8.8.8 53 diverted 172.31.0.2:5353"""),
    known("bogus and documentation ranges", table(
        "inet", "set bogus { type ipv4_addr; flags interval; elements = { 0.0.0.0/8, 10.0.0.0/8,"
        " 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 240.0.0.0/4 } }",
        chain("input", "ip saddr @bogus drop")), """
        tcp 198.51.100.7 22 drop
        tcp 8.8.8.8 22 accept
        tcp 240.0.0.1 22 drop"""),
    known("half of the world", table(
        "inet", "set geo { type ipv4_addr; flags interval; elements = { 1.0.0.0-100.255.255.255 } }",
        chain("closed", "ip saddr @geo tcp dport 22 accept")), """
        tcp 1.0.0.0 22 accept
        tcp 100.255.255.255 22 accept
        tcp 101.0.0.0 22 drop
        tcp 2600::1 22 drop"""),
    known("ports of clients", inet(
        "closed", "udp sport 53 accept", "tcp sport 1024-65535 tcp dport 22 accept",
        "meta l4proto udp ct original proto-src 67 accept"), """
        tcp 8.8.8.8 22 accept
        udp 8.8.8.8 161 drop
        udp 2600::1 53 drop"""),
    known("the header that follows is the sender's choice", table(
        "ip6", chain("input", "ip6 nexthdr tcp drop")), """
        tcp 2600::1 22 drop
        tcp 8.8.8.8 22 accept
        udp 2600::1 53 accept"""),
    known("prefixes by bytes, and masks with gaps", table(
        "ip", chain("closed", "ip saddr 10.0.0.0/8 accept", "ip saddr 11.0.0.0/9 accept",
                    "ip saddr 12.0.0.0/31 accept", "ip saddr & 255.0.255.0 == 13.0.3.0 accept",
                    "ip saddr & 0.0.0.1 == 0.0.0.1 ip saddr 14.0.0.0/8 accept",
                    "ip saddr 15.1.2.3 ip daddr 192.0.2.10 accept",
                    "@nh,96,32 & 0xff000000 == 0x10000000 accept")), """
        tcp 10.255.0.0 22 accept
        tcp 11.127.0.0 22 accept
        tcp 11.128.0.0 22 drop
        tcp 12.0.0.1 22 accept
        tcp 12.0.0.2 22 drop
        tcp 13.9.3.9 22 accept
        tcp 13.9.4.9 22 drop
        tcp 14.0.0.1 22 accept; source-pattern
        tcp 14.0.0.2 22 drop; source-pattern
        tcp 15.1.2.3 22 accept
        tcp 15.1.2.3 22@eth1 drop
        tcp 16.9.9.9 22 accept""", definite=90),
    known("sets at both ends of the space, and what is in none", table(
        "inet", "set ends { type ipv4_addr; flags interval; elements = { 0.0.0.0-9.255.255.255,"
        " 10.0.0.0/16, 10.1.0.0/16, 250.0.0.0-255.255.255.255 } }",
        "map every { type ipv6_addr : verdict; flags interval; elements = { 2000::/3 : accept, * : drop } }",
        chain("closed", "ip saddr @ends accept", "ip6 saddr vmap @every")), """
        tcp 9.255.255.255 22 accept
        tcp 10.1.255.255 22 accept
        tcp 10.2.0.0 22 drop
        tcp 250.0.0.0 22 accept
        tcp 249.255.255.255 22 drop
        tcp 3fff:: 22 accept
        tcp 4000:: 22 drop"""),
    known("elements that go, and limits of their own", table(
        "ip", "set going { type ipv4_addr; flags timeout; elements = { 8.8.8.8 timeout 1h, 9.9.9.9 } }",
        "set few { type ipv4_addr; limit rate 10/second; elements = { 10.1.2.3 limit rate 1/hour } }",
        "set counted { type ipv4_addr; counter; elements = { 10.1.2.4 } }",
        chain("closed", "ip saddr @going accept", "ip saddr @few accept", "ip saddr @counted accept")), """
        tcp 8.8.8.8 22 accept
        tcp 9.9.9.9 22 accept
        tcp 10.1.2.3 22 *; rate
        tcp 10.1.2.4 22 accept
        tcp 10.1.2.5 22 drop""", definite=80),
    known("concatenations, maps of verdicts, and none of them", table(
        "ip", "set pairs { type ipv4_addr . inet_service; flags interval;"
        " elements = { 10.0.0.0/8 . 20-30, 8.8.8.8-8.8.8.9 . 443 } }",
        "set nobody { type ipv4_addr; }",
        chain("", "tcp dport 80 return", "ip saddr 11.0.0.0/9 drop", name="sub"),
        chain("", "tcp dport 8080 accept", name="last"),
        chain("input", "ip saddr @nobody drop", "ip saddr != { 8.0.0.0/7, 10.0.0.0/7, 12.0.0.0/8 } drop",
              "ip saddr vmap { 11.0.0.0/8 : jump sub, 12.0.0.0/8 : goto last }",
              "ip saddr . tcp dport @pairs reject with icmp admin-prohibited", "ip saddr 12.0.0.0/8 drop")),
          """
        tcp 10.1.2.3 22 reject icmp-admin-prohibited
        tcp 10.1.2.3 80 accept
        tcp 8.8.8.9 443 reject icmp-admin-prohibited
        tcp 11.1.2.3 22 drop
        tcp 11.1.2.3 80 accept
        tcp 11.128.2.3 22 accept
        tcp 12.1.2.3 22 accept
        tcp 13.0.0.0 22 drop"""),
    known("marks that tell who it was", table(
        "inet", chain("mangle", "ip saddr 8.0.0.0/8 meta mark set 7", "ip saddr 9.0.0.0/8 meta mark set 0x17",
                      "ip6 saddr 2600::/16 ct mark set 3"),
        chain("closed", "meta mark 7 accept", "meta mark & 0x10 == 0x10 tcp dport 22 accept",
              "ct mark 3 tcp dport 80 accept")), """
        tcp 8.8.8.8 22 accept
        tcp 9.8.8.8 22 accept
        tcp 9.8.8.8 80 drop
        tcp 10.8.8.8 22 drop
        tcp 2600::1 80 accept
        tcp 2601::1 80 drop"""),
    known("a mark from a map, and one that is changed", table(
        "ip", "map marks { type ipv4_addr : mark; flags interval; elements = { 8.0.0.0/8 : 1, 9.0.0.0/8 : 6 } }",
        chain("mangle", "meta mark set ip saddr map @marks", "meta mark set mark xor 0x2"),
        chain("closed", "meta mark 3 accept", "meta mark 4 tcp dport 22 accept", "meta mark 2 tcp dport 80"
              " accept")), """
        tcp 8.8.8.8 443 accept
        tcp 9.8.8.8 22 accept
        tcp 9.8.8.8 80 drop
        tcp 10.8.8.8 80 accept
        tcp 10.8.8.8 22 drop"""),
    known("jumps as deep as may be", table("inet", *JUMPS, chain("input", "jump deep1", "tcp dport 80 drop")),
          """
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 accept
        tcp 9.8.8.8 80 drop"""),
    known("a goto does not come back, and a chain that nobody calls", table(
        "inet", chain("", "tcp dport 80 accept", name="sub"), chain("", "drop", name="unused"),
        chain("", "goto sub", name="other"),
        chain("closed", "jump other", "ip saddr 8.0.0.0/8 goto sub", "tcp dport 22 accept")), """
        tcp 8.8.8.8 80 accept
        tcp 8.8.8.8 22 drop
        tcp 9.8.8.8 22 accept"""),
    known("what is left by return goes on with the rest", table(
        "ip", chain("", "limit rate over 5/second return", "meta mark set 1", name="sub"),
        chain("input", "jump sub", "meta mark 0 drop")), """
        tcp 8.8.8.8 22 *; rate""", definite=0),
    known("limits, quotas, numbers by chance", table(
        "inet", "quota much { 1 mbytes }",
        chain("closed", "tcp dport 22 limit rate 10/second accept", "tcp dport 80 limit rate over 1/day"
              " drop", "tcp dport 443 numgen random mod 2 0 accept", "tcp dport 80 accept",
              'tcp dport 2222 quota name "much" drop', "udp dport 53 ct count over 100 drop",
              "udp dport 53 accept", "udp dport 161 limit rate 1/second")), """
        tcp 8.8.8.8 22 *; rate
        tcp 8.8.8.8 80 *; rate
        tcp 8.8.8.8 443 *; chance
        tcp 8.8.8.8 2222 drop
        udp 8.8.8.8 53 *; rate
        udp 8.8.8.8 161 drop""", definite=0),
    known("names of interfaces and their patterns", inet(
        "closed", 'iifname "eth*" tcp dport 22 accept', 'iifname "eth\\*" tcp dport 80 accept',
        'iif "eth1" tcp dport 443 accept', 'iifname != "lo" udp dport 53 accept',
        'iifname { "eth0", "wlan*" } tcp dport 2222 accept'), """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 80 drop
        tcp 8.8.8.8 443 drop
        tcp 8.8.8.8 443@eth1 accept
        tcp 8.8.8.8 2222 accept
        tcp 8.8.8.8 2222@eth1 drop
        udp 2600::1 53 accept"""),
    known("a dormant table sleeps", [("nft", "add table inet t { flags dormant; }\nadd chain inet t c"
                                      " { type filter hook input priority 0; policy drop; }\n")], """
        tcp 8.8.8.8 22 accept"""),
    known("ingress of one device, in two families",
          table("netdev", "chain g {", "type filter hook ingress device eth0 priority 0;",
                "tcp dport 22 drop", "}") + table("inet", "chain g {",
                "type filter hook ingress device eth1 priority 0;", "ip saddr 8.0.0.0/8 drop", "}"), """
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 80 accept
        tcp 2600::1 22 drop
        tcp 9.8.8.8 22@eth1 accept
        tcp 8.8.8.8 22@eth1 drop"""),
    known("an output chain that drops the answer", inet("output", "tcp sport 22 drop", "udp sport 53 drop"), """
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 80 accept
        udp 8.8.8.8 53 accept"""),
    known("fib: what is local, and the way back", table(
        "inet", chain("closed", "fib daddr type != local drop", "fib saddr . iif oif missing drop",
                      "tcp dport 22 accept", 'fib saddr oifname "eth0" tcp dport 80 accept')), """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 22@eth1 drop
        tcp 8.8.8.8 80 accept"""),
    known("sets that rules fill", table(
        "ip", "set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; }",
        chain("input", "ip saddr @seen drop", "tcp dport 80 add @seen { ip saddr }")), """
        tcp 8.8.8.8 22 accept; set""", definite=0),
    known("by chance to one port or another: no single listener", table(
        "inet", chain("nat", "meta random < 2000000000 tcp dport 22 dnat ip to 198.18.0.10",
                      "tcp dport 22 dnat ip to 198.18.0.10:80")), """
        tcp 8.8.8.8 22 *; chance
        tcp 8.8.8.8 80 accept""", definite=0),
    known("continue goes on with the rest of its own rule", inet(
        "input", "tcp dport vmap { 22 : accept, 80 : continue } drop", "tcp dport 443 continue drop"), """
        tcp 8.8.8.8 22 accept
        tcp 8.8.8.8 80 drop
        tcp 8.8.8.8 443 drop
        tcp 8.8.8.8 2222 accept"""),
    known("zones of conntrack that rules choose", table(
        "inet", chain("raw", "tcp dport 22 ct zone set 5"),
        chain("closed", "ct zone 5 accept", "tcp dport 80 accept")), """
        tcp 8.8.8.8 22 *; mark
        tcp 8.8.8.8 80 accept
        udp 8.8.8.8 53 *; mark""", definite=0),
    known("limits of a catch-all element", table(
        "ip", "set s { type ipv4_addr; limit rate 1/day burst 1 packets; flags interval;"
        " elements = { 8.0.0.0/8, * } }", chain("closed", "ip saddr @s accept")), """
        tcp 8.8.8.8 22 *; rate
        tcp 9.8.8.8 22 *; rate""", definite=0),
    known("a set that is full takes no more", table(
        "ip", "set m { type ipv4_addr; size 1; flags dynamic; elements = { 1.1.1.1 } }",
        chain("closed", "tcp dport 22 add @m { ip saddr } accept", "tcp dport 80 accept")), """
        tcp 8.8.8.8 22 *; set
        tcp 8.8.8.8 80 accept""", definite=0),
    known("what goes out by a device", table(
        "netdev", chain("", "type filter hook egress device eth0 priority 0;", "tcp sport 22 drop",
                        "udp sport 53 drop", name="e")), """
        tcp 8.8.8.8 22 drop
        tcp 8.8.8.8 80 accept
        tcp 8.8.8.8 22@eth1 drop
        udp 8.8.8.8 53 accept"""),
    known("a chain at the priority of address translation", table(
        "inet", chain("nat", "tcp dport 22 redirect to :80"), chain(
            "", "type filter hook prerouting priority -100;", "tcp dport 22 drop", name="beside")), """
        tcp 8.8.8.8 22 *; order
        tcp 8.8.8.8 80 accept""", definite=80),
    known("one of several addresses, some of this host", table(
        "ip", chain("nat", "tcp dport 22 dnat to 192.0.2.9-192.0.2.12",
                    "tcp dport 80 dnat to 192.0.2.10-192.0.2.11", "udp dport 53 dnat to ip saddr"),
        chain("input", "tcp dport 80 drop")), """
        tcp 8.8.8.8 22 *; routing
        tcp 8.8.8.8 80 drop
        udp 8.8.8.8 161 accept""", definite=0),
]
