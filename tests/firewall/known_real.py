"""Rulesets in the style of Docker's and kube-proxy's: eth2 is the bridge of containers."""
from known import known, restore

DOCKER = {
    "nat": [
        ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]",
        ":POSTROUTING ACCEPT [0:0]", ":DOCKER - [0:0]",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        "-A POSTROUTING -s 172.31.0.0/24 ! -o eth2 -j MASQUERADE",
        "-A DOCKER ! -i eth2 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.31.0.2:80",
        "-A DOCKER -d 192.0.2.10/32 ! -i eth2 -p udp -m udp --dport 161 -j DNAT --to-destination"
        " 172.31.0.2:53"],
    "filter": [
        ":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]", ":DOCKER - [0:0]",
        ":DOCKER-BRIDGE - [0:0]", ":DOCKER-CT - [0:0]", ":DOCKER-FORWARD - [0:0]",
        ":DOCKER-ISOLATION-STAGE-1 - [0:0]", ":DOCKER-ISOLATION-STAGE-2 - [0:0]", ":DOCKER-USER - [0:0]",
        "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD",
        "-A DOCKER -d 172.31.0.2/32 ! -i eth2 -o eth2 -p tcp -m tcp --dport 80 -j ACCEPT",
        "-A DOCKER -d 172.31.0.2/32 ! -i eth2 -o eth2 -p udp -m udp --dport 53 -j ACCEPT",
        "-A DOCKER ! -i eth2 -o eth2 -j DROP",
        "-A DOCKER-BRIDGE -m set --match-set docker-ext-bridges-v4 dst -j DOCKER",
        "-A DOCKER-CT -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate"
        " RELATED,ESTABLISHED -j ACCEPT",
        "-A DOCKER-FORWARD -j DOCKER-CT", "-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1",
        "-A DOCKER-FORWARD -j DOCKER-BRIDGE", "-A DOCKER-FORWARD -i eth2 -j ACCEPT",
        "-A DOCKER-ISOLATION-STAGE-1 -i eth2 ! -o eth2 -j DOCKER-ISOLATION-STAGE-2",
        "-A DOCKER-ISOLATION-STAGE-2 -o eth2 -j DROP", "-A DOCKER-USER -j RETURN"],
    "raw": [
        ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]",
        "-A PREROUTING -d 172.31.0.2/32 ! -i eth2 -j DROP"],
}
DOCKER_SET = [("ipset", "create docker-ext-bridges-v4 hash:net\nadd docker-ext-bridges-v4 172.31.0.0/24\n")]
PUBLISHED = """
    tcp 8.8.8.8 8080 diverted 172.31.0.2:80
    tcp 8.8.8.8 8080@eth1 diverted 172.31.0.2:80
    udp 8.8.8.8 161 diverted 172.31.0.2:53
    udp 8.8.8.8 161@eth1 accept
    tcp 8.8.8.8 22 accept
    tcp 2600::1 8080 accept"""

DOCKER_NFT = [("nft", """
table ip docker-bridges {
    map filter-forward-in-jumps {
        type ifname : verdict
        elements = { "eth2" : jump filter-forward-in__docker0 }
    }
    map filter-forward-out-jumps {
        type ifname : verdict
        elements = { "eth2" : jump filter-forward-out__docker0 }
    }
    chain filter-FORWARD {
        type filter hook forward priority filter; policy accept;
        oifname vmap @filter-forward-in-jumps
        iifname vmap @filter-forward-out-jumps
    }
    chain filter-forward-in__docker0 {
        ct state established,related counter accept
        iifname "eth2" counter accept comment "ICC"
        ip daddr 172.31.0.2 tcp dport 80 counter accept
        ip daddr 172.31.0.2 udp dport 53 counter accept
        counter drop comment "UNPUBLISHED PORT DROP"
    }
    chain filter-forward-out__docker0 {
        ct state established,related counter accept
        counter accept comment "OUTGOING"
    }
    chain nat-OUTPUT {
        type nat hook output priority -100; policy accept;
        ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
    }
    chain nat-POSTROUTING {
        type nat hook postrouting priority srcnat; policy accept;
        oifname != "eth2" ip saddr 172.31.0.0/24 counter masquerade comment "MASQUERADE"
    }
    chain nat-PREROUTING {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local counter jump nat-prerouting-and-output
    }
    chain nat-prerouting-and-output {
        iifname != "eth2" tcp dport 8080 counter dnat to 172.31.0.2:80 comment "DNAT"
        ip daddr 192.0.2.10 iifname != "eth2" udp dport 161 counter dnat to 172.31.0.2:53
    }
    chain raw-PREROUTING {
        type filter hook prerouting priority raw; policy accept;
        ip daddr 172.31.0.2 iifname != "eth2" counter drop comment "DROP DIRECT ACCESS"
    }
}
""")]

KUBE = {
    "nat": [
        ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]",
        ":POSTROUTING ACCEPT [0:0]", ":KUBE-MARK-MASQ - [0:0]", ":KUBE-NODEPORTS - [0:0]",
        ":KUBE-POSTROUTING - [0:0]", ":KUBE-SERVICES - [0:0]", ":KUBE-SVC-WEB - [0:0]",
        ":KUBE-EXT-WEB - [0:0]", ":KUBE-SEP-ONE - [0:0]", ":KUBE-SVC-DNS - [0:0]",
        ":KUBE-EXT-DNS - [0:0]", ":KUBE-SEP-TWO - [0:0]", ":KUBE-SEP-THREE - [0:0]",
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
        "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000",
        "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
        "-A KUBE-SERVICES -m comment --comment default/web -p tcp -d 10.96.0.10 --dport 80 -j KUBE-SVC-WEB",
        "-A KUBE-SERVICES -m comment --comment nodeports -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
        "-A KUBE-NODEPORTS -p tcp -m comment --comment default/web --dport 8080 -j KUBE-EXT-WEB",
        "-A KUBE-NODEPORTS -p udp -m comment --comment default/dns --dport 5353 -j KUBE-EXT-DNS",
        "-A KUBE-EXT-WEB -j KUBE-MARK-MASQ", "-A KUBE-EXT-WEB -j KUBE-SVC-WEB",
        "-A KUBE-SVC-WEB -p tcp ! -s 10.244.0.0/16 -d 10.96.0.10 --dport 80 -j KUBE-MARK-MASQ",
        "-A KUBE-SVC-WEB -m comment --comment one -j KUBE-SEP-ONE",
        "-A KUBE-SEP-ONE -s 172.31.0.2 -j KUBE-MARK-MASQ",
        "-A KUBE-SEP-ONE -p tcp -m tcp -j DNAT --to-destination 172.31.0.2:80",
        "-A KUBE-EXT-DNS -j KUBE-MARK-MASQ", "-A KUBE-EXT-DNS -j KUBE-SVC-DNS",
        "-A KUBE-SVC-DNS -m statistic --mode random --probability 0.5 -j KUBE-SEP-TWO",
        "-A KUBE-SVC-DNS -j KUBE-SEP-THREE",
        "-A KUBE-SEP-TWO -p udp -m udp -j DNAT --to-destination 172.31.0.2:53",
        "-A KUBE-SEP-THREE -p udp -m udp -j DNAT --to-destination 172.31.0.2:54"],
    "filter": [
        ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]",
        ":KUBE-EXTERNAL-SERVICES - [0:0]", ":KUBE-FIREWALL - [0:0]", ":KUBE-FORWARD - [0:0]",
        ":KUBE-NODEPORTS - [0:0]", ":KUBE-PROXY-FIREWALL - [0:0]", ":KUBE-SERVICES - [0:0]",
        "-A INPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL", "-A INPUT -j KUBE-NODEPORTS",
        "-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES", "-A INPUT -j KUBE-FIREWALL",
        "-A FORWARD -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL", "-A FORWARD -j KUBE-FORWARD",
        "-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES", "-A OUTPUT -j KUBE-FIREWALL",
        "-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment none -m addrtype --dst-type LOCAL"
        " --dport 443 -j REJECT",
        "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate"
        " RELATED,ESTABLISHED,DNAT -j DROP",
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
        "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
}
KUBE_EXPECTED = """
    tcp 8.8.8.8 8080 diverted 172.31.0.2:80
    tcp 8.8.8.8 443 reject icmp-port-unreachable
    tcp 8.8.8.8 22 accept
    udp 8.8.8.8 5353 *
    tcp 2600::1 8080 accept"""

KUBE_NFT = [("nft", """
table ip kube-proxy {
    set cluster-ips {
        type ipv4_addr
        elements = { 10.96.0.10 }
    }
    set nodeport-ips {
        type ipv4_addr
        elements = { 192.0.2.10, 198.18.0.10 }
    }
    map no-endpoint-services {
        type ipv4_addr . inet_proto . inet_service : verdict
        elements = { 10.96.0.11 . tcp . 80 : drop }
    }
    map no-endpoint-nodeports {
        type inet_proto . inet_service : verdict
        elements = { tcp . 443 : goto reject-chain }
    }
    map firewall-ips {
        type ipv4_addr . inet_proto . inet_service : verdict
    }
    map service-ips {
        type ipv4_addr . inet_proto . inet_service : verdict
        elements = { 10.96.0.10 . tcp . 80 : goto service-web }
    }
    map service-nodeports {
        type inet_proto . inet_service : verdict
        elements = { tcp . 8080 : goto external-web, udp . 5353 : goto external-dns }
    }
    chain reject-chain {
        reject
    }
    chain filter-prerouting {
        type filter hook prerouting priority dstnat - 10; policy accept;
        ct state new jump firewall-check
    }
    chain firewall-check {
        ip daddr . meta l4proto . th dport vmap @firewall-ips
    }
    chain filter-input {
        type filter hook input priority -110; policy accept;
        ct state new jump nodeport-endpoints-check
        ct state new jump service-endpoints-check
    }
    chain nodeport-endpoints-check {
        ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
    }
    chain service-endpoints-check {
        ip daddr . meta l4proto . th dport vmap @no-endpoint-services
    }
    chain filter-forward {
        type filter hook forward priority -110; policy accept;
        ct state new jump service-endpoints-check
    }
    chain mark-for-masquerade {
        meta mark set meta mark or 0x4000
    }
    chain masquerading {
        meta mark & 0x4000 == 0 return
        meta mark set meta mark xor 0x4000
        masquerade fully-random
    }
    chain nat-prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        jump services
    }
    chain nat-postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        jump masquerading
    }
    chain services {
        ip daddr . meta l4proto . th dport vmap @service-ips
        ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
    }
    chain service-web {
        ip daddr 10.96.0.10 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
        numgen random mod 1 vmap { 0 : goto endpoint-one }
    }
    chain external-web {
        jump mark-for-masquerade
        goto service-web
    }
    chain external-dns {
        jump mark-for-masquerade
        numgen random mod 2 vmap { 0 : goto endpoint-two, 1 : goto endpoint-three }
    }
    chain endpoint-one {
        ip saddr 172.31.0.2 jump mark-for-masquerade
        meta l4proto tcp dnat to 172.31.0.2:80
    }
    chain endpoint-two {
        meta l4proto udp dnat to 172.31.0.2:53
    }
    chain endpoint-three {
        meta l4proto udp dnat to 172.31.0.2:54
    }
}
""")]

CASES = [
    *(known(f"Docker's style of iptables ({backend})",
            DOCKER_SET + restore(backend, tables=DOCKER), PUBLISHED) for backend in ("nft", "legacy")),
    known("Docker's style of nft", DOCKER_NFT, PUBLISHED),
    *(known(f"kube-proxy's style of iptables ({backend})", restore(backend, tables=KUBE), KUBE_EXPECTED,
            definite=90) for backend in ("nft", "legacy")),
    known("kube-proxy's style of nft", KUBE_NFT, KUBE_EXPECTED, definite=90),
]
