"""A rule for each match and each target of x_tables that iptables can write, by family and table.

Each is (family: 4, 6 or 46; table; chain; what `iptables -A CHAIN` is given). In what both families
have, NET and HOST stand for addresses.
"""
import shlex

ADDRESSES = {4: {"NET": "10.0.0.0/8", "HOST": "192.0.2.1", "LAST": "192.0.2.9"},
             6: {"NET": "2001:db8::/32", "HOST": "2001:db8::1", "LAST": "2001:db8::9"}}
RULES = [
    # The part that is no match.
    (46, "filter", "INPUT", "-s NET -j ACCEPT"),
    (46, "filter", "INPUT", "! -s NET -d HOST -j DROP"),
    (46, "filter", "INPUT", "-i eth0 ! -p tcp -j user"),
    (46, "filter", "INPUT", "-i eth+ -g user"),
    (46, "filter", "OUTPUT", "! -o lo -p udp"),
    (46, "filter", "user", "-p tcp -j RETURN"),
    (4, "filter", "INPUT", "-f -j DROP"),
    (4, "filter", "INPUT", "! -f -j DROP"),
    (4, "filter", "INPUT", "-s 10.0.3.0/255.0.255.0 -j DROP"),
    (46, "filter", "INPUT", "-i a-name-of-15-ch -j DROP"),
    (46, "filter", "INPUT", ""),
    # Matches.
    (4, "filter", "INPUT", "-m addrtype --src-type LOCAL ! --dst-type BROADCAST"),
    (46, "filter", "INPUT", "-m addrtype --dst-type LOCAL --limit-iface-in"),
    (4, "filter", "INPUT", "-p ah -m ah --ahspi 5"),
    (6, "filter", "INPUT", "-m ah --ahspi 5"),
    (46, "filter", "INPUT", "-m bpf --bytecode '1,6 0 0 1'"),
    (46, "filter", "OUTPUT", "-m cgroup --cgroup 1"),
    (46, "filter", "INPUT", "-m cluster --cluster-total-nodes 2 --cluster-local-node 1 "
     "--cluster-hash-seed 7"),
    (46, "filter", "INPUT", "-m comment --comment word"),
    (46, "filter", "INPUT", "-m connbytes --connbytes 5:9 --connbytes-dir both --connbytes-mode "
     "packets"),
    (46, "filter", "INPUT", "-m connlabel --label 5 --set"),
    (46, "filter", "INPUT", "-p tcp -m connlimit --connlimit-above 3 --connlimit-mask 16"),
    (46, "filter", "INPUT", "-m connmark ! --mark 0x7/0xff"),
    (46, "filter", "INPUT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
    (46, "filter", "INPUT", "-m conntrack ! --ctstate INVALID,UNTRACKED --ctstatus ASSURED "
     "--ctexpire 5:9 "
     "--ctdir REPLY --ctproto tcp ! --ctorigsrc NET --ctrepldst HOST --ctorigdstport 7:9 "
     "--ctreplsrcport 5"),
    (46, "filter", "INPUT", "-m conntrack --ctstate SNAT,DNAT,NEW"),
    (46, "filter", "INPUT", "-m cpu ! --cpu 1"),
    (46, "filter", "INPUT", "-p dccp -m dccp --sport 5 ! --dport 7:9"),
    (46, "filter", "INPUT", "-p dccp -m dccp --dccp-types REQUEST"),
    (46, "filter", "FORWARD", "-m devgroup --src-group 0x1/0xf ! --dst-group 7"),
    (46, "filter", "INPUT", "-m dscp --dscp 0x2e"),
    (46, "filter", "INPUT", "-p tcp -m ecn --ecn-tcp-cwr"),
    (46, "filter", "INPUT", "-p esp -m esp --espspi 5:9"),
    (6, "filter", "INPUT", "-m eui64"),
    (6, "filter", "INPUT", "-m frag --fragid 5"),
    (46, "filter", "INPUT", "-m hashlimit --hashlimit-upto 3/sec --hashlimit-name h "
     "--hashlimit-mode srcip"),
    (46, "filter", "INPUT", "-m hashlimit --hashlimit-above 3kb/s --hashlimit-name g"),
    (6, "filter", "INPUT", "-m hbh --hbh-len 5"),
    (6, "filter", "INPUT", "-m dst --dst-len 5"),
    (46, "filter", "INPUT", "-m helper --helper ftp"),
    (6, "filter", "INPUT", "-m hl --hl-eq 64"),
    (4, "filter", "INPUT", "-p icmp -m icmp --icmp-type 8"),
    (6, "filter", "INPUT", "-p icmpv6 -m icmp6 --icmpv6-type 128"),
    (46, "filter", "INPUT", "-p ipcomp -m ipcomp --ipcompspi 5"),
    (46, "filter", "INPUT", "-m iprange --src-range HOST-LAST ! --dst-range HOST-LAST"),
    (6, "filter", "INPUT", "-m ipv6header --header hop --soft"),
    (46, "filter", "INPUT", "-m length --length 5:9"),
    (46, "filter", "INPUT", "-m limit --limit 3/min --limit-burst 7"),
    (46, "filter", "INPUT", "-m mac --mac-source 02:00:00:00:00:01"),
    (46, "filter", "INPUT", "-m mark ! --mark 0x7/0xff"),
    (6, "filter", "INPUT", "-p mh -m mh --mh-type 5"),
    (46, "filter", "INPUT", "-p tcp -m multiport --sports 5,7:9"),
    (46, "filter", "INPUT", "-p udp -m multiport ! --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"),
    (46, "filter", "INPUT", "-p tcp -m multiport --ports 5:7,9"),
    (4, "filter", "INPUT", "-p tcp -m osf --genre Linux"),
    (46, "filter", "OUTPUT", "-m owner --uid-owner 0-99 ! --gid-owner 5"),
    (46, "filter", "INPUT", "-m physdev --physdev-in eth0"),
    (46, "filter", "INPUT", "-m pkttype ! --pkt-type broadcast"),
    (46, "filter", "INPUT", "-m policy --dir in --pol ipsec"),
    (46, "filter", "INPUT", "-m quota --quota 500"),
    (46, "filter", "INPUT", "-m rateest --rateest r --rateest-gt --rateest-bps 5kbit"),
    (4, "filter", "INPUT", "-m realm --realm 5"),
    (46, "filter", "INPUT", "-m recent --name seen --set"),
    (46, "filter", "INPUT", "-m recent --name seen --update --seconds 5 --hitcount 3"),
    (46, "raw", "PREROUTING", "-m rpfilter --loose --invert"),
    (6, "filter", "INPUT", "-m rt --rt-type 0"),
    (46, "filter", "INPUT", "-p sctp -m sctp ! --sport 5 --dport 7:9"),
    (46, "filter", "INPUT", "-p sctp -m sctp --chunk-types any INIT"),
    (46, "filter", "INPUT", "-m set --match-set MYSET src"),
    (46, "filter", "INPUT", "-m set ! --match-set MYSET dst --return-nomatch --packets-gt 5"),
    (46, "mangle", "PREROUTING", "-m socket --transparent --nowildcard"),
    (6, "filter", "INPUT", "-m srh --srh-next-hdr 17"),
    (46, "filter", "INPUT", "-m state --state NEW,UNTRACKED"),
    (46, "filter", "INPUT", "-m statistic --mode random --probability 0.25"),
    (46, "filter", "INPUT", "-m string --string GET --algo bm"),
    (46, "filter", "INPUT", "-p tcp -m tcp ! --sport 5 --dport 7:9 --tcp-flags SYN,ACK SYN ! "
     "--tcp-option 5"),
    (46, "filter", "INPUT", "-p tcp -m tcpmss --mss 5:9"),
    (46, "filter", "INPUT", "-m time --timestart 08:00 --timestop 17:00 --weekdays Mon,Tue"),
    (46, "filter", "INPUT", "-m tos --tos 0x10/0xff"),
    (4, "filter", "INPUT", "-m ttl --ttl-lt 5"),
    (46, "filter", "INPUT", "-m u32 --u32 6&0xff=1"),
    (46, "filter", "INPUT", "-p udp -m udp --sport 5 ! --dport 7:9"),
    # Targets.
    (46, "filter", "INPUT", "-j AUDIT --type accept"),
    (46, "mangle", "PREROUTING", "-j CHECKSUM --checksum-fill"),
    (46, "mangle", "POSTROUTING", "-j CLASSIFY --set-class 1:2"),
    (46, "mangle", "PREROUTING", "-j CONNMARK --set-xmark 0x5/0xf"),
    (46, "mangle", "PREROUTING", "-j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff"),
    (46, "mangle", "PREROUTING", "-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xff"),
    (46, "mangle", "PREROUTING", "-j CONNMARK --restore-mark --right-shift-mark 4"),
    (46, "security", "INPUT", "-j CONNSECMARK --save"),
    (46, "raw", "PREROUTING", "-j CT --notrack"),
    (46, "raw", "PREROUTING", "-j CT --zone 5"),
    (46, "raw", "PREROUTING", "-p tcp -j CT --ctevents new"),
    (46, "nat", "PREROUTING", "-p tcp -j DNAT --to-destination HOST"),
    (4, "nat", "PREROUTING", "-p tcp -j DNAT --to-destination 192.0.2.1-192.0.2.9:5-9 --random "
     "--persistent"),
    (6, "nat", "PREROUTING", "-p tcp -j DNAT --to-destination [2001:db8::1]:5"),
    (6, "mangle", "PREROUTING", "-j DNPT --src-pfx fd00::/64 --dst-pfx 2001:db8::/64"),
    (6, "mangle", "POSTROUTING", "-j SNPT --src-pfx fd00::/64 --dst-pfx 2001:db8::/64"),
    (46, "mangle", "PREROUTING", "-j DSCP --set-dscp 0x2e"),
    (4, "mangle", "PREROUTING", "-p tcp -j ECN --ecn-tcp-remove"),
    (6, "mangle", "PREROUTING", "-j HL --hl-set 64"),
    (46, "mangle", "PREROUTING", "-j HMARK --hmark-tuple src,dst --hmark-mod 5 --hmark-rnd 1 "
     "--hmark-offset 2"),
    (46, "filter", "INPUT", "-j IDLETIMER --timeout 5 --label VERSION"),
    (46, "filter", "INPUT", "-j LOG --log-prefix word"),
    (46, "mangle", "PREROUTING", "-j MARK --set-xmark 0x5/0xf"),
    (46, "mangle", "PREROUTING", "-j MARK --or-mark 0x5"),
    (46, "nat", "POSTROUTING", "-p tcp -j MASQUERADE --to-ports 5-9"),
    (46, "nat", "PREROUTING", "-j NETMAP --to NET"),
    (46, "filter", "INPUT", "-j NFLOG --nflog-group 5"),
    (46, "filter", "INPUT", "-j NFQUEUE --queue-num 5"),
    (46, "filter", "INPUT", "-j NFQUEUE --queue-balance 5:7 --queue-bypass"),
    (46, "raw", "PREROUTING", "-j NOTRACK"),
    (46, "mangle", "PREROUTING", "-j RATEEST --rateest-name r --rateest-interval 250ms "
     "--rateest-ewmalog 500ms"),
    (46, "nat", "PREROUTING", "-p tcp -j REDIRECT --to-ports 5-9"),
    (46, "filter", "INPUT", "-j REJECT"),
    (46, "filter", "INPUT", "-p tcp -j REJECT --reject-with tcp-reset"),
    (46, "mangle", "PREROUTING", "-j SET --add-set MYSET src --exist"),
    (46, "mangle", "PREROUTING", "-j SET --map-set MYSET src --map-mark"),
    (46, "nat", "POSTROUTING", "-p tcp -j SNAT --to-source HOST"),
    (46, "filter", "INPUT", "-p tcp -j SYNPROXY --mss 1460"),
    (46, "mangle", "FORWARD", "-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu"),
    (46, "mangle", "PREROUTING", "-p tcp -j TCPOPTSTRIP --strip-options 5"),
    (46, "mangle", "PREROUTING", "-j TEE --gateway HOST"),
    (46, "mangle", "PREROUTING", "-j TOS --set-tos 0x10/0xff"),
    (46, "mangle", "PREROUTING", "-p tcp -j TPROXY --on-port 5 --on-ip HOST --tproxy-mark 0x1/0x1"),
    (46, "raw", "PREROUTING", "-j TRACE"),
    (4, "mangle", "PREROUTING", "-j TTL --ttl-dec 1"),
]


def rules(version):
    """Yields (table, chain, words) of a family, in order; RATEEST comes before who asks for it."""
    words = {**ADDRESSES[version], "MYSET": f"set{version}", "VERSION": f"v{version}"}
    chosen = [rule for rule in RULES if str(version) in str(rule[0])]
    for _, table, chain, text in sorted(chosen, key=lambda rule: "-j RATEEST" not in rule[3]):
        for name, value in words.items():
            text = text.replace(name, value) if name != "NET" else text
        yield table, chain, [words["NET"] if word == "NET" else word for word in shlex.split(text)]
