"""Random rulesets in the language of nft."""
import values
from values import MARKS, MINE, PORTS, TCP_PORTS, UDP_PORTS

REJECTS = {
    0: ("icmpx port-unreachable", "icmpx admin-prohibited", "icmpx no-route", "icmpx host-unreachable"),
    4: ("icmp net-unreachable", "icmp host-unreachable", "icmp port-unreachable",
        "icmp net-prohibited", "icmp host-prohibited", "icmp admin-prohibited",
        "icmp prot-unreachable"),
    6: ("icmpv6 no-route", "icmpv6 admin-prohibited", "icmpv6 addr-unreachable",
        "icmpv6 port-unreachable", "icmpv6 policy-fail", "icmpv6 reject-route"),
}


class Rule:
    """What is settled of the packet by the conditions of one rule: nft refuses contradictions."""

    def __init__(self, families, hook, ports):
        self.version = families[0] if len(families) == 1 else None
        self.families, self.hook, self.protocol = families, hook, None
        self.ports = ports  # whether ports are of any use: translations want a protocol
        self.words = []

    def wants(self, version=None, protocol=None):
        """Whether that can be had; then it is so."""
        if version and (self.version or version) != version or version and \
                version not in self.families:
            return False
        if protocol and (self.protocol or protocol) != protocol:
            return False
        self.version, self.protocol = version or self.version, protocol or self.protocol
        return True


def neq(rng, often=0.25):
    return "!= " if rng.random() < often else ""


class Conditions:
    """Each method adds words to a rule, or returns None where it does not fit."""

    def __init__(self, rng, table):
        self.rng, self.table = rng, table

    def _address(self, rule):
        versions = [v for v in rule.families if rule.version in (None, v)]
        version = self.rng.choice(versions)
        rule.wants(version)
        end = "daddr" if rule.hook in ("output", "postrouting") else "saddr"
        return version, ("ip " if version == 4 else "ip6 ") + end

    @staticmethod
    def _either(rule):
        """So that nft takes "th" for ports."""
        if rule.protocol is None:
            rule.words.append("meta l4proto { tcp, udp }")
            rule.protocol = "any"

    def source(self, rule):
        version, field = self._address(rule)
        return f"{field} {neq(self.rng)}{values.prefix(self.rng, version)}"

    def source_span(self, rule):
        version, field = self._address(rule)
        return f"{field} {neq(self.rng)}{values.span(self.rng, version)}"

    def source_set(self, rule):
        version, field = self._address(rule)
        return f"{field} {neq(self.rng)}{{ {', '.join(values.elements(self.rng, version))} }}"

    def source_named(self, rule):
        version, field = self._address(rule)
        name = self.rng.choice(self.table.sets[version])
        return f"{field} {neq(self.rng)}@{name}"

    def source_compared(self, rule):
        version, field = self._address(rule)
        return f"{field} {self.rng.choice(('<', '<=', '>', '>='))} {values.host(self.rng, version)}"

    def source_masked(self, rule):
        version, field = self._address(rule)
        if version == 4:
            mask, value = self.rng.choice((
                ("255.0.255.0", "10.0.3.0"), ("0.0.0.1", "0.0.0.1"), ("0.0.0.1", "0.0.0.0"),
                ("192.0.0.0", "64.0.0.0"), ("255.255.255.254", "8.8.8.8"), ("0.255.0.0", "0.18.0.0"),
                ("128.0.0.128", "128.0.0.0"), ("0.0.0.3", "0.0.0.2"), ("255.0.0.1", "10.0.0.1")))
        else:
            mask, value = self.rng.choice((
                ("ffff:ffff::", "2001:db8::"), ("::1", "::1"), ("ffff:0:ffff::", "2001:0:aaaa::"),
                ("e000::", "2000::"), ("::ffff", "::1"), ("ffff::1", "2600::1")))
        return f"{field} & {mask} {self.rng.choice(('==', '!='))} {value}"

    def source_flipped(self, rule):
        version, field = self._address(rule)
        if version == 6:
            return f"{field} xor ::1 == 2600::1"
        return self.rng.choice((f"{field} & 255.255.255.0 ^ 0.0.1.0 == 8.8.9.0",
                                f"{field} | 0.0.0.255 == 8.8.8.255",
                                f"{field} ^ 0.0.0.1 == {{ 8.8.8.9, 10.1.2.3 }}"))

    def source_raw(self, rule):
        version, field = self._address(rule)
        at = {"ip saddr": 96, "ip daddr": 128, "ip6 saddr": 64, "ip6 daddr": 192}[field]
        if version == 6:
            return f"@nh,{at},16 {neq(self.rng)}{self.rng.choice((0x2001, 0x2600, 0xfd00))}"
        return self.rng.choice((
            f"@nh,{at},8 {self.rng.choice((8, 10, 192))}", f"@nh,{at},16 {neq(self.rng)}0xc0a8",
            f"@nh,{at},32 & 0xff000000 == 0x0a000000", f"@nh,{at + 8},8 != 18",
            f"@nh,{at},24 0x080808", f"@nh,{at + 24},8 < 128", f"@nh,{at},4 {self.rng.choice((0, 12))}"))

    def both_ends(self, rule):
        version, _ = self._address(rule)
        ip, mine = ("ip" if version == 4 else "ip6"), MINE[version][0]
        ends = ("daddr", "saddr") if rule.hook in ("output", "postrouting") else ("saddr", "daddr")
        return f"{ip} {ends[0]} {values.prefix(self.rng, version)} {ip} {ends[1]} {mine}"

    def target(self, rule):
        version, field = self._address(rule)
        field = field.replace("daddr", "*").replace("saddr", "daddr").replace("*", "saddr")
        return f"{field} {neq(self.rng)}" + self.rng.choice((
            self.rng.choice(MINE[version]), f"{{ {', '.join(MINE[version])} }}",
            "192.0.2.0/24" if version == 4 else "2001:db8::/64"))

    def concatenated(self, rule):
        version, field = self._address(rule)
        protocol = self.rng.choice(("tcp", "udp", "th"))
        if protocol == "th":
            self._either(rule)
        elif not rule.wants(protocol=protocol):
            return None
        port = "sport" if rule.hook in ("output", "postrouting") else "dport"
        if self.rng.random() < 0.4:
            ends = values.elements(self.rng, version, 3)
            return f"{field} . {protocol} {port} {neq(self.rng)}{{ " + ", ".join(
                f"{e} . {p}" for e, p in zip(ends, values.port_elements(self.rng, 3))) + " }"
        name = self.rng.choice(self.table.concatenations[version])
        return f"{field} . {protocol} {port} {neq(self.rng)}@{name}"

    def concatenated_interface(self, rule):
        version, field = self._address(rule)
        if rule.hook in ("output", "postrouting"):
            return None
        return f"iifname . {field} {{ " + ", ".join(
            f"{self.rng.choice(('eth0', 'eth1'))} . {e}"
            for e in values.elements(self.rng, version, 3)) + " }"

    def port(self, rule):
        protocol = self.rng.choice(("tcp", "tcp", "udp", "th"))
        if protocol == "th":
            self._either(rule)
        elif not rule.wants(protocol=protocol):
            return None
        field = "sport" if rule.hook in ("output", "postrouting") else "dport"
        known = {"tcp": TCP_PORTS, "udp": UDP_PORTS, "th": PORTS}[protocol]
        one = self.rng.choice(known)
        return f"{protocol} {field} " + self.rng.choice((
            f"{one}", f"{neq(self.rng, 0.5)}{{ {', '.join(values.port_elements(self.rng))} }}",
            f"{neq(self.rng)}{values.port_range(self.rng)}", f"!= {one}", f"< {one}", f">= {one}",
            f"{{ {', '.join(map(str, sorted(self.rng.sample(known, 2))))} }}", "@ports", "& 0x1f == 0x16",
            "& 0xff0 != 0x50"))

    def client_port(self, rule):
        protocol = self.rng.choice(("tcp", "udp"))
        if not rule.wants(protocol=protocol):
            return None
        field = "dport" if rule.hook in ("output", "postrouting") else "sport"
        return f"{protocol} {field} " + self.rng.choice((
            "1024-65535", "53", "!= 53", "< 1024", ">= 1024", "{ 53, 67, 1024-65535 }", "0-1023"))

    def transport_raw(self, rule):
        if not rule.wants(protocol=self.rng.choice(("tcp", "udp"))):
            return None
        at = 0 if rule.hook in ("output", "postrouting") else 16
        return f"meta l4proto {rule.protocol} @th,{at},16 {neq(self.rng)}{self.rng.choice(PORTS)}"

    def transport(self, rule):
        if rule.protocol:
            return f"meta l4proto {rule.protocol}" if rule.protocol != "any" else None
        protocol = self.rng.choice(("tcp", "udp"))
        rule.protocol = "tcp" if protocol == "tcp" else "udp"
        return f"meta l4proto {protocol}"

    def transport_set(self, rule):
        if rule.protocol:
            return None
        rule.protocol = "any"
        return "meta l4proto " + self.rng.choice(("{ tcp, udp }", "!= { tcp, icmp }", "!= icmp",
                                                  "{ icmp, udp }", "< 17", "!= tcp"))

    def network(self, rule):
        version = self.rng.choice(rule.families)
        if not rule.wants(version):
            return None
        if version == 4:
            return self.rng.choice(("ip protocol tcp", "ip version 4", "ip protocol != udp",
                                    "ip protocol { tcp, udp }")) if not rule.protocol else "ip version 4"
        return "ip6 version 6"

    def family(self, rule):
        version = self.rng.choice(rule.families)
        if not rule.wants(version):
            return None
        if self.table.family != "inet":
            return "meta protocol " + ("ip" if version == 4 else "ip6")
        return self.rng.choice((f"meta nfproto ipv{version}",
                                "meta protocol " + ("ip" if version == 4 else "ip6")))

    def interface(self, rule):
        if rule.hook in ("output", "postrouting"):
            return f"oifname {neq(self.rng)}" + self.rng.choice(('"eth0"', '"eth1"', '"eth*"', '"lo"'))
        return self.rng.choice((
            f'iifname {neq(self.rng)}"eth0"', f'iifname {neq(self.rng)}"eth1"', 'iifname "e*"',
            'iifname != "eth*"', 'iifname { "eth0", "lo" }', f"iif {neq(self.rng)}lo", 'iif eth0',
            'iifname "eth\\*"', "iiftype ether", "iiftype loopback", 'iifname { "eth*", "wlan0" }',
            f'meta iifgroup {self.rng.choice(("0", "1", "default"))}', "meta iifkind veth",
            f'iifname {neq(self.rng)}"nosuch0"'))

    def way_out(self, rule):
        if rule.hook in ("output", "postrouting"):
            return 'iifname "eth0"'
        return "oifname " + self.rng.choice(('"eth0"', '!= "eth0"'))

    def state(self, rule):
        return "ct state " + self.rng.choice((
            "new", "established,related", "invalid", "new,untracked", "!= new", "untracked",
            "{ new, established }", "& (established | related) == 0", "! established,related",
            "established", "!= { invalid, established }", "new,established"))

    def mark(self, _):
        return "meta mark " + self.rng.choice((
            self.rng.choice(MARKS), "& 0x3 == 0x1", "!= 0x0", "0x0-0x1", "{ 0x1, 0x10 }",
            "& 0x10 != 0x10", "> 0x1", "^ 0x1 == 0x0"))

    def ct_mark(self, _):
        return "ct mark " + self.rng.choice((self.rng.choice(MARKS), "!= 0x0", "& 0x1 == 0x1"))

    def ct_other(self, rule):
        version = self.rng.choice([v for v in rule.families if rule.version in (None, v)])
        ip = "ip" if version == 4 else "ip6"
        choice = self.rng.randrange(9)
        if choice < 2 and rule.wants(version):
            return f"ct original {ip} saddr {neq(self.rng)}{values.prefix(self.rng, version)}"
        if choice == 2 and rule.wants(version):
            return f"ct reply {ip} saddr {self.rng.choice(MINE[version])}"
        if choice == 3 and rule.wants(version):
            return f"ct original {ip} daddr {neq(self.rng)}{self.rng.choice(MINE[version])}"
        if choice in (4, 5) and rule.wants(protocol=self.rng.choice(("tcp", "udp"))):
            return f"meta l4proto {rule.protocol} " + self.rng.choice((
                f"ct original proto-dst {self.rng.choice(PORTS)}", "ct original proto-src 1-1000",
                f"ct reply proto-src {self.rng.choice(PORTS)}", "ct original proto-src 1024-65535"))
        return "ct " + self.rng.choice((
            "status dnat", "status & dnat == 0", "direction original", "direction reply",
            "status snat", "status & (seen-reply | assured) == 0", "zone 0", "zone 1",
            "id != 0", "expiration > 1s", "status != dnat"))

    def fib(self, rule):
        if rule.hook in ("output", "postrouting"):
            return "fib daddr type " + self.rng.choice(("unicast", "!= local"))
        usual = ["fib daddr type local", "fib daddr type != local", "fib saddr type != local",
                 "fib saddr type unicast", "fib daddr . iif type local", "fib daddr type { local, unicast }",
                 "fib saddr . iif type unicast", "fib daddr type broadcast"]
        if rule.hook in ("prerouting", "input"):
            usual += ["fib saddr . iif oif missing", "fib saddr . iif oif exists", 'fib saddr oifname "eth0"',
                      "fib saddr oif missing", "fib saddr . mark . iif oif missing", 'fib saddr oif eth0']
        return self.rng.choice(usual)

    def sender(self, rule):
        """What the sender chooses."""
        version = rule.version or self.rng.choice(rule.families)
        choices = [("meta length > 40", None), ("meta length < 1000", None)]
        if version == 4:
            choices += [("ip ttl 64", None), ("ip ttl < 10", None), ("ip dscp cs0", None),
                        ("ip dscp != cs1", None), ("ip frag-off & 0x1fff != 0", None),
                        ("ip hdrlength 5", None), ("ip length > 30", None), ("ip id 0", None)]
        else:
            choices += [("ip6 hoplimit 64", None), ("ip6 dscp cs0", None), ("ip6 flowlabel 0", None),
                        ("exthdr frag exists", None), ("exthdr dst missing", None),
                        ("rt type 0", None), ("ip6 nexthdr tcp", None), ("ip6 nexthdr != udp", None)]
        if rule.protocol in (None, "tcp"):
            choices += [("tcp option maxseg exists", "tcp"), ("tcp option sack-perm missing", "tcp"),
                        ("tcp window > 100", "tcp"), ("tcp sequence 1-1000", "tcp")]
        words, protocol = self.rng.choice(choices)
        if not rule.wants(version if words[:3] in ("ip ", "ip6", "exth", "rt ") else None, protocol):
            return None
        return words

    def flags(self, rule):
        if not rule.wants(protocol="tcp"):
            return None
        return "tcp flags " + self.rng.choice((
            "& (fin|syn|rst|ack) == syn", "& (fin|syn|rst|ack) != syn", "syn", "& syn == syn",
            "& (fin|syn) == fin|syn", "ack", "! syn", "syn / fin,syn,rst,ack", "== syn"))

    def circumstance(self, rule):
        """What no answer can be definite about."""
        known = ["limit rate 100/second", "limit rate over 100/second", "limit rate over 5/second",
                 "numgen random mod 4 < 2", "numgen inc mod 2 0", "quota over 10 mbytes",
                 "quota 100 bytes", "quota until 5 kbytes", "limit rate 3/minute burst 2 packets",
                 "limit rate over 1 kbytes/second",
                 "ct count over 3" if rule.hook in ("input", "prerouting") else "counter",
                 "meta cpu 0", "meta random < 100", 'meta hour "00:00"-"12:00"', "meta day 1-5",
                 "jhash ip saddr mod 4 seed 0xab < 2" if rule.version == 4 else "symhash mod 4 < 2",
                 "meta iifname . meta cpu vmap { \"eth0\" . 0 : continue }"]
        return self.rng.choice(known)

    def without_say(self, _):
        return self.rng.choice(("counter", 'log prefix "hark test"', "meta pkttype host",
                                "meta pkttype != broadcast", "counter name seen",
                                "meta nftrace set 1", "log group 5", 'log level warn flags all'))

    def socket(self, rule):
        if rule.hook not in ("prerouting", "input"):
            return None
        return self.rng.choice(("socket transparent 1", "socket wildcard 0", "socket mark 0x1"))


COMMON = (("source", 10), ("source_span", 3), ("source_set", 5), ("source_named", 6),
          ("source_compared", 2), ("source_masked", 3), ("source_flipped", 1), ("source_raw", 2),
          ("both_ends", 2), ("target", 4), ("concatenated", 5), ("concatenated_interface", 2),
          ("port", 12), ("client_port", 3), ("transport_raw", 2), ("transport", 4),
          ("transport_set", 2), ("network", 2), ("family", 3), ("interface", 6), ("way_out", 1),
          ("mark", 5), ("sender", 2), ("flags", 3), ("circumstance", 1.2), ("without_say", 4))
TRACKED = (("state", 7), ("ct_mark", 2), ("ct_other", 4), ("fib", 5), ("socket", 0.3))
