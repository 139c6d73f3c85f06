"""Random rulesets in the language of iptables-restore, and ipsets."""
import values
from values import MINE, PORTS, TCP_PORTS

NETS = {v: [a for a in values.KNOWN[v] if "-" not in a] for v in (4, 6)}
ELSEWHERE = {4: "172.31.0.2", 6: "[fd31::2]"}
OUTBOUND = ("OUTPUT", "POSTROUTING")
REJECTS = {
    4: ("icmp-net-unreachable", "icmp-host-unreachable", "icmp-port-unreachable",
        "icmp-proto-unreachable", "icmp-net-prohibited", "icmp-host-prohibited",
        "icmp-admin-prohibited"),
    6: ("icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable",
        "icmp6-policy-fail", "icmp6-reject-route"),
}
SETS = (
    ("hosts", "hash:ip", "src"), ("nets", "hash:net", "src"), ("ipports", "hash:ip,port", "src,dst"),
    ("netports", "hash:net,port", "src,dst"), ("netifaces", "hash:net,iface", "src,src"),
    ("triples", "hash:ip,port,ip", "src,dst,dst"), ("portnets", "hash:ip,port,net", "dst,dst,src"),
    ("ports", "bitmap:port", "dst"), ("lists", "list:set", "src"), ("marked", "bitmap:ip", "src"),
)


def ipsets(rng, version):
    """Lines of `ipset restore`; their names end in the version."""
    family = "inet" if version == 4 else "inet6"
    bits = 32 if version == 4 else 128
    lines = []
    for name, kind, _ in SETS:
        full = f"{name}{version}"
        lasting = " timeout 3600" if rng.random() < 0.15 and kind != "list:set" else ""
        if kind == "bitmap:port":
            lines.append(f"create {full} bitmap:port range 0-10000{lasting}")
            lines += [f"add {full} {p}" for p in rng.sample(("22", "80", "53", "400-443", "8000-9000"), 3)]
            continue
        if kind == "bitmap:ip":
            if version == 4:
                lines.append(f"create {full} bitmap:ip range 10.1.0.0/16{lasting}")
                lines += [f"add {full} 10.1.2.0/24", f"add {full} 10.1.{rng.randrange(256)}.7"]
            continue
        if kind == "list:set":
            lines += [f"create {full} list:set", f"add {full} hosts{version}", f"add {full} nets{version}"]
            continue
        lines.append(f"create {full} {kind} family {family}{lasting}"
                     + (" counters" if rng.random() < 0.2 else ""))
        for host in values.elements(rng, version, 5, intervals=False):
            net = f"{host}/{rng.randint(8 if version == 4 else 16, bits)}"
            port = f"{rng.choice(('tcp', 'udp'))}:{rng.choice(PORTS)}"
            lines.append(f"add {full} " + {
                "hash:ip": host, "hash:net": net + (" nomatch" if rng.random() < 0.2 else ""),
                "hash:ip,port": f"{host},{port}", "hash:net,port": f"{net},{port}",
                "hash:net,iface": f"{net},{rng.choice(('eth0', 'eth1'))}",
                "hash:ip,port,ip": f"{host},{port},{rng.choice(MINE[version])}",
                "hash:ip,port,net": f"{rng.choice(MINE[version])},{port},{net}"}[kind])
    return "\n".join(lines) + "\n"


class Tables:
    """The tables of one family."""

    def __init__(self, rng, version, *, with_sets):
        self.rng, self.version, self.with_sets, self.table = rng, version, with_sets, None

    def _source(self, hook):
        flag = "-d" if hook in OUTBOUND else "-s"
        net = self.rng.choice((self.rng.choice(NETS[self.version]),
                               values.prefix(self.rng, self.version)))
        if self.version == 4 and self.rng.random() < 0.1:
            net = self.rng.choice(("10.0.3.0/255.0.255.0", "0.0.0.1/0.0.0.1", "8.0.8.8/255.0.255.255"))
        return f"{self._not(0.2)}{flag} {net}"

    def _not(self, often=0.25):
        return "! " if self.rng.random() < often else ""

    def _protocol(self, hook):
        rng = self.rng
        ports = "--sport" if hook in OUTBOUND else "--dport"
        return rng.choice((
            f"-p tcp {self._not()}{ports} {rng.choice(TCP_PORTS)}", f"-p tcp {ports} 1:100",
            f"-p udp {self._not()}{ports} {rng.choice(PORTS)}", f"-p udp {ports} 53:161", "-p tcp", "-p udp",
            "-p tcp --syn", "-p tcp ! --syn", "-p tcp --tcp-flags SYN,RST RST", "! -p tcp", "! -p udp",
            "-p tcp --tcp-flags ALL SYN", "-p tcp --tcp-option 2", "-p udp --sport 53",
            "-p tcp --sport 1024:65535", "-p udp ! --sport 0:1023", "-p icmp" if self.version == 4 else
            "-p ipv6-icmp", f"-p tcp {ports} :{rng.choice(TCP_PORTS)}",
            f"-p tcp -m multiport {self._not()}{ports}s 22,80,3000:4000",
            f"-p tcp -m multiport --ports {rng.choice(TCP_PORTS)},5000:6000",
            "-p udp -m multiport --sports 53,1000:2000", f"-p udp -m multiport {ports}s 53,161",
            f"-p tcp -m multiport {self._not()}{ports}s {rng.choice(TCP_PORTS)}"))

    def _conntrack(self, _):
        rng, v = self.rng, self.version
        return f"-m conntrack " + rng.choice((
            f"{self._not()}--ctstate " + rng.choice((
                "NEW", "RELATED,ESTABLISHED", "INVALID", "NEW,UNTRACKED", "DNAT", "ESTABLISHED", "SNAT",
                "NEW,DNAT")),
            f"{self._not()}--ctorigsrc {rng.choice(NETS[v])}", f"{self._not()}--ctproto tcp",
            f"--ctorigdst {rng.choice(MINE[v])}", f"{self._not()}--ctorigdstport {rng.choice(PORTS)}",
            f"--ctstate NEW --ctorigdstport {rng.choice(PORTS)}:{65535}", "--ctdir ORIGINAL",
            "--ctdir REPLY", f"{self._not()}--ctreplsrc {rng.choice(MINE[v])}",
            f"--ctstatus {rng.choice(('NONE', 'CONFIRMED', 'SEEN_REPLY', 'ASSURED'))}",
            f"--ctreplsrcport {rng.choice(PORTS)}", f"--ctstate NEW --ctorigsrc {rng.choice(NETS[v])}"))

    def _set(self, _):
        choices = [s for s in SETS if self.version == 4 or s[1] != "bitmap:ip"]
        name, _, directions = self.rng.choice(choices)
        return f"-m set {self._not()}--match-set {name}{self.version} {directions}"

    def _span(self, _):
        pools = {4: ("10.1.0.0-10.1.255.255", "8.8.8.0-8.8.8.9", "0.0.0.0-9.255.255.255"),
                 6: ("2001:db8::-2001:db8::ffff", "2600::-2600:ffff::", "::-2a00::")}
        return f"-m iprange {self._not()}--src-range {self.rng.choice(pools[self.version])}"

    def _addrtype(self, hook):
        return "-m addrtype " + self.rng.choice((
            "--dst-type UNICAST", "! --dst-type LOCAL") if hook in OUTBOUND else (
            f"{self._not()}--dst-type LOCAL", "! --src-type LOCAL", "--src-type UNICAST",
            "--dst-type LOCAL --limit-iface-in", "--dst-type UNICAST", "--dst-type BROADCAST,LOCAL"
            if self.version == 4 else "--dst-type LOCAL,UNICAST", "--src-type UNICAST --dst-type LOCAL"))

    def _other(self, hook):
        """What has no say, or is the sender's choice, or a circumstance."""
        rng, v = self.rng, self.version
        known = ['-m comment --comment "hi there"'] * 4
        known += ["-m pkttype --pkt-type unicast", "-m length --length 40:1500", "-m dscp --dscp 0",
                  "-m limit --limit 100/sec", "-m statistic --mode random --probability 0.5",
                  "-m statistic --mode nth --every 3 --packet 0", "-m recent --name r --rcheck --seconds 1",
                  "-m connlimit --connlimit-above 3", "-m quota --quota 1000", "-m time --timestart 08:00",
                  "-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name h",
                  "-m cpu --cpu 0", "-m mac --mac-source 02:00:00:00:00:02", "-m socket --transparent",
                  "-m devgroup --src-group 0x0", "-m policy --dir in --pol none", "-m tos --tos 0",
                  "-m u32 --u32 0>>22&0x3C@0>>16=22", "-m string --algo bm --string x",
                  "-m connmark --mark 0x1", f"-m connmark {self._not()}--mark 0x0/0x3",
                  "-m conntrack --ctexpire 1:100", "-m connbytes --connbytes 0:100 --connbytes-dir both"
                  " --connbytes-mode packets", "-m recent --name s --set", "-m helper --helper ftp",
                  "-m physdev --physdev-in eth0", '-m bpf --bytecode "2,48 0 0 0,6 0 0 65535"']
        if hook == "PREROUTING" and self.table != "nat":
            known += ["-m rpfilter", "-m rpfilter --invert", "-m rpfilter --loose"] * 3
        if v == 4:
            known += ["-m ttl --ttl-gt 10", "-f", "! -f", "-m ecn --ecn-ip-ect 0"]
        else:
            known += ["-m hl --hl-eq 64", "-m rt --rt-type 0", "-m frag --fragmore", "-m dst --dst-len 8",
                      "-m ipv6header --header dst --soft", "-m hbh"]
        return rng.choice(known)

    def _interface(self, hook):
        flag = "-o" if hook in OUTBOUND else "-i"
        return f"{self._not(0.3)}{flag} {self.rng.choice(('eth0', 'eth1', 'eth+', 'lo', 'e+', '+'))}"

    def _target_address(self, hook):
        flag = "-s" if hook in OUTBOUND else "-d"
        pool = (MINE[self.version][0], MINE[self.version][-1],
                "192.0.2.0/24" if self.version == 4 else "2001:db8::/64")
        return f"{self._not(0.2)}{flag} {self.rng.choice(pool)}"

    def _mark(self, _):
        return f"-m mark {self._not()}--mark {self.rng.choice(('0x1', '0x2/0x2', '0x0', '0x3', '0x0/0x1'))}"

    def conditions(self, hook):
        """Words: none of a kind twice, for iptables would refuse that."""
        rng = self.rng
        kinds = [(self._source, 8), (self._protocol, 9), (self._interface, 4),
                 (self._target_address, 2), (self._mark, 3),
                 (self._span, 2), (self._addrtype, 2), (self._other, 2.5)]
        if self.table != "raw":
            kinds.append((self._conntrack, 6))
        if self.with_sets and hook not in OUTBOUND:
            kinds.append((self._set, 6))
        picked = []
        count = rng.choice((0, 1, 1, 2, 2, 3))
        for make in rng.choices([k for k, _ in kinds], [w for _, w in kinds], k=count):
            if make not in [m for m, _ in picked]:
                picked.append((make, make(hook)))
        return " ".join(words for _, words in sorted(picked, key=lambda p: p[0] != self._protocol))

    # --- chains ---

    def _jump(self, words, chains, table, hook):
        rng = self.rng
        ways = ["-j ACCEPT"] * 5 + ["-j DROP"] * 4 + ["-j RETURN", "-j LOG", "", "-j NFLOG"]
        ways += [f"{rng.choice(('-j', '-g'))} {c}" for c in rng.sample(chains, min(2, len(chains)))] * 3
        if table == "filter":
            ways += ["-j REJECT"] * 2 + [f"-j REJECT --reject-with {rng.choice(REJECTS[self.version])}"]
            if words.startswith("-p tcp"):
                ways += ["-j REJECT --reject-with tcp-reset"] * 2
        if table == "mangle":
            ways = [f"-j MARK {m}" for m in (
                "--set-mark 0x1", "--set-xmark 0x2/0x2", "--set-xmark 0x1/0x0", "--or-mark 0x10",
                "--and-mark 0xfe", "--xor-mark 0x3")] * 2 + ["-j ACCEPT", "-j DROP", "-j RETURN"]
            ways += ["-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j CONNMARK --set-mark 0x1",
                     "-j CONNMARK --set-xmark 0x3/0x1", "-j TRACE" if rng.random() < 0.2 else "-j LOG",
                     "-j DSCP --set-dscp 1", "-j CLASSIFY --set-class 1:2" if hook == "POSTROUTING" else ""]
        if table == "raw":
            ways = ["-j CT --notrack"] * 2 + ["-j ACCEPT", "-j DROP", "-j RETURN", "-j NOTRACK", "-j LOG"]
        if table == "nat":
            ways = ["-j ACCEPT", "-j RETURN"]
            if words.startswith(("-p tcp", "-p udp")) and hook == "PREROUTING":
                mine = rng.choice(MINE[self.version])
                mine = mine if self.version == 4 else f"[{mine}]"
                ways += [f"-j REDIRECT --to-ports {rng.choice(PORTS)}"] * 4 + ["-j REDIRECT"]
                ways += [f"-j DNAT --to-destination {mine}:{rng.choice(PORTS)}"] * 2
                ways += [f"-j DNAT --to-destination {ELSEWHERE[self.version]}:{rng.choice(PORTS)}"] * 2
            elif hook == "PREROUTING":
                ways += [f"-j DNAT --to-destination {rng.choice(MINE[self.version])}"]
            if hook == "POSTROUTING":
                ways += ["-j MASQUERADE"]
        return rng.choice(ways)

    def _rules(self, chain, hook, table, chains, count):
        text, self.table = "", table
        for _ in range(count):
            words = self.conditions(hook)
            text += f"-A {chain} {words} {self._jump(words, chains, table, hook)}\n"
        return text

    def _filter(self):
        rng = self.rng
        subs = [f"SUB{n}" for n in range(rng.choice((0, 2, 3)))]
        text = "*filter\n:INPUT " + rng.choice(("ACCEPT", "ACCEPT", "DROP")) + " [0:0]\n:FORWARD ACCEPT [0:0]\n"
        text += ":OUTPUT ACCEPT [0:0]\n" + "".join(f":{s} - [0:0]\n" for s in subs)
        text += self._rules("INPUT", "INPUT", "filter", subs, rng.randint(2, 8))
        if rng.random() < 0.15:
            text += self._rules("OUTPUT", "OUTPUT", "filter", [], rng.randint(1, 2))
        for n, sub in enumerate(subs):
            text += self._rules(sub, "INPUT", "filter", subs[n + 1:], rng.randint(1, 4))
        return text + "COMMIT\n"

    def _small(self, table, chains):
        rng = self.rng
        text = f"*{table}\n" + "".join(f":{c} ACCEPT [0:0]\n" for c in chains)
        subs = ["WAY0"] if rng.random() < 0.3 and table != "nat" else []
        text += "".join(f":{s} - [0:0]\n" for s in subs)
        for chain in chains:
            text += self._rules(chain, chain, table, subs, rng.randint(1, 3))
        for sub in subs:
            text += self._rules(sub, chains[0], table, [], 2)
        return text + "COMMIT\n"

    def __str__(self):
        rng = self.rng
        text = self._filter()
        if rng.random() < 0.4:
            text += self._small("mangle", rng.sample(("PREROUTING", "INPUT"), rng.randint(1, 2)))
        if rng.random() < 0.45:
            text += self._small("nat", ["PREROUTING"] + (["POSTROUTING"] if rng.random() < 0.2 else []))
        if rng.random() < 0.3:
            text += self._small("raw", ["PREROUTING"])
        if rng.random() < 0.05:
            text += "*security\n:INPUT ACCEPT [0:0]\n" + self._rules(
                "INPUT", "INPUT", "security", [], 2) + "COMMIT\n"
        return text


def ruleset(rng, backend, *, with_sets):
    """[(kind, text)] of both families, for "nft" or "legacy"."""
    found = []
    for version, name in ((4, "iptables"), (6, "ip6tables")):
        if with_sets:
            found.append(("ipset", ipsets(rng, version)))
        found.append((f"{name}-{backend}-restore", str(Tables(rng, version, with_sets=with_sets))))
    return found
