"""Random tables of nf_tables: sets, chains, statements; conditions are in generate_nft.py."""
import values
from generate_nft import COMMON, REJECTS, TRACKED, Conditions, Rule
from values import ELSEWHERE, MARKS, PORTS, TCP_PORTS

# (type, hook, priorities, how often)
BASES = (
    ("filter", "input", (0, 0, 0, 0, -10, 10, -20, 20, -150, 50, 100, 101), 40),
    ("filter", "prerouting", (-300, -300, -250, -201, -200, -199, -150, -101, -99, 0, 10), 18),
    ("nat", "prerouting", (-100, -100, -100, -110, -90, 0), 12),
    ("filter", "output", (0, 0, -300, -150, 50), 5),
    ("filter", "postrouting", (0, -150, 150), 2),
    ("nat", "input", (100, 90), 2),
    ("nat", "postrouting", (100,), 3),
    ("filter", "forward", (0, -10), 2),
    ("filter", "ingress", (0, -500, 10), 3),
    ("route", "output", (0, -150), 1),
)
VERSIONS = {"inet": (4, 6), "ip": (4,), "ip6": (6,), "netdev": (4, 6)}


class Table:
    """One table; str() is its text."""

    def __init__(self, rng, family, name):
        self.rng, self.family, self.name = rng, family, name
        self.versions = VERSIONS[family]
        self.conditions = Conditions(rng, self)
        self.sets = {v: [f"plain{v}", f"spans{v}", f"empty{v}", f"going{v}"] for v in (4, 6)}
        self.concatenations = {v: [f"pairs{v}", f"pairspans{v}"] for v in (4, 6)}
        self.dynamic = {v: f"seen{v}" for v in (4, 6)}
        self.chains = []
        self.is_sub = True

    # --- sets ---

    def _set(self, name, kind, flags, found, keyword="set", more=""):
        text = f"  {keyword} {name} {{\n    type {kind}\n"
        text += f"    flags {','.join(flags)}\n" if flags else ""
        text += f"    {more}\n" if more else ""
        if found:
            text += f"    elements = {{ {', '.join(found)} }}\n"
        return text + "  }\n"

    def _sets_of(self, version):
        rng, kind = self.rng, "ipv4_addr" if version == 4 else "ipv6_addr"
        yield self._set(f"plain{version}", kind, [], values.elements(rng, version, intervals=False))
        spans = values.elements(rng, version, 8)
        more = "auto-merge" if rng.random() < 0.3 else ""
        yield self._set(f"spans{version}", kind, ["interval"], spans, more=more)
        yield self._set(f"empty{version}", kind, ["interval"] if rng.random() < 0.5 else [], [])
        lasting = [e + " timeout 1h" if rng.random() < 0.5 else e
                   for e in values.elements(rng, version, intervals=False)]
        yield self._set(f"going{version}", kind, ["timeout"], lasting)
        yield self._set(self.dynamic[version], kind, ["dynamic", "timeout"],
                        values.elements(rng, version, 3, intervals=False), more="timeout 1h; size 65535")
        ends = values.elements(rng, version, 4, intervals=False)
        yield self._set(f"pairs{version}", f"{kind} . inet_service", [],
                        [f"{e} . {values.port(rng)}" for e in ends])
        ends = values.elements(rng, version, 5)
        yield self._set(f"pairspans{version}", f"{kind} . inet_service", ["interval"],
                        [f"{e} . {rng.choice(values.port_elements(rng))}" for e in ends])
        marked = [f"{e} : {rng.choice(MARKS)}" for e in values.elements(rng, version, 5)]
        yield self._set(f"marks{version}", f"{kind} : mark", ["interval"], marked, "map")

    def _verdict_maps(self):
        rng = self.rng
        for version in self.versions:
            kind = "ipv4_addr" if version == 4 else "ipv6_addr"
            found = [f"{e} : {self._target()}" for e in values.elements(rng, version, 6)]
            if rng.random() < 0.3:
                found.append(f"* : {self._target()}")
            yield self._set(f"ways{version}", f"{kind} : verdict", ["interval"], found, "map")
            found = [f"{e} . {p} : {self._target()}" for e, p in zip(
                values.elements(rng, version, 4), values.port_elements(rng, 4))]
            if rng.random() < 0.3:
                found.append(f"* : {self._target()}")
            yield self._set(f"pairways{version}", f"{kind} . inet_service : verdict", ["interval"],
                            found, "map")
        found = [f"{p} : {self._target()}" for p in values.port_elements(rng, 5)]
        yield self._set("portways", "inet_service : verdict", ["interval"], found, "map")

    def _target(self):
        ways = ["accept", "drop", "continue", "return"]
        ways += [f"{self.rng.choice(('jump', 'goto'))} {chain}" for chain in self.chains]
        return self.rng.choice(ways)

    # --- rules ---

    def _conditions(self, rule, count, is_tracked):
        pool = COMMON + TRACKED if is_tracked else COMMON
        names, weights = zip(*pool)
        for name in self.rng.choices(names, weights, k=count):
            kept = rule.version, rule.protocol, list(rule.words)
            words = getattr(self.conditions, name)(rule)
            if words is None:
                rule.version, rule.protocol, rule.words = kept
            else:
                rule.words.append(words)

    def _decide(self, rule, kind, chains):
        """A vmap, or a verdict with what is done before it."""
        rng, reply = self.rng, rule.hook in ("output", "postrouting")
        if kind == "nat":
            return self._translate(rule)
        if rng.random() < 0.15 and not reply:
            return self._vmap(rule, chains)
        words = []
        if rng.random() < 0.2:
            words.append(self._statement(rule))
        ways = ["accept"] * 5 + ["drop"] * 5 + ["return", "continue", ""]
        ways += [f"{rng.choice(('jump', 'goto'))} {c}" for c in rng.sample(chains, min(2, len(chains)))] * 3
        if rule.hook in ("input", "forward", "output", "prerouting"):
            ways += ["reject"] * (2 if rule.hook == "input" else 1)
            if rule.protocol == "tcp":
                ways += ["reject with tcp reset"] * 2
            if rule.version or self.family == "inet":
                kinds = REJECTS[rule.version or 0]
                ways.append(f"reject with {rng.choice(kinds)}")
        return " ".join(words + [rng.choice(ways)])

    def _statement(self, rule):
        rng = self.rng
        version = rule.version or rng.choice(rule.families)
        ip = "ip" if version == 4 else "ip6"
        known = ["meta mark set " + rng.choice((*MARKS, "mark and 0xfe", "mark or 0x2", "mark xor 0x3"))] * 5
        known += ["counter", 'log prefix "x"', "meta priority set 1:2"]
        if rule.hook != "ingress":
            known += ["ct mark set " + rng.choice((*MARKS, "mark"))] * 2 + ["meta mark set ct mark"]
        if rule.hook == "prerouting":
            known += ["notrack"] * 2
        if rule.wants(version):
            known += [f"meta mark set {ip} saddr map @marks{version}"] * 2
            known += [f"add @{self.dynamic[version]} {{ {ip} saddr }}",
                      f"update @{self.dynamic[version]} {{ {ip} saddr limit rate 10/second }}"]
            known += [f"{ip} dscp set cs1"]
            if rng.random() < 0.05:
                known += [f"{ip} saddr set {values.host(rng, version)}"]
        return rng.choice(known)

    def _translate(self, rule):
        rng = self.rng
        if rule.hook == "postrouting":
            return rng.choice(("masquerade", "accept", "return", "drop" if rng.random() < 0.2 else "accept"))
        if rule.hook == "input":
            return rng.choice(("accept", "return"))
        if rule.protocol not in ("tcp", "udp"):
            if rule.protocol is not None:
                return rng.choice(("accept", "return", "redirect"))
            rule.words.append("meta l4proto { tcp, udp }")
        version = rule.version or rng.choice(rule.families)
        ways = [f"redirect to :{rng.choice(PORTS)}"] * 4 + ["accept", "return", "redirect"]
        if rule.wants(version):
            family = {4: "ip", 6: "ip6"}[version] if self.family == "inet" else ""
            mine = values.MINE[version]
            brackets = (lambda a: f"[{a}]") if version == 6 else str
            ways += [f"dnat {family} to {brackets(rng.choice(mine))}:{rng.choice(PORTS)}"] * 3
            ways += [f"dnat {family} to {brackets(ELSEWHERE[version])}:{rng.choice(PORTS)}"] * 2
            ways += [f"dnat {family} to {rng.choice(mine)}", f"dnat {family} to {ELSEWHERE[version]}"]
            if rule.protocol in ("tcp", "udp"):
                pairs = ", ".join(f"{p} : {rng.choice(PORTS)}" for p in rng.sample(PORTS, 3))
                ways += [f"redirect to :{rule.protocol} dport map {{ {pairs} }}"]
                pairs = ", ".join(f"{p} : {rng.choice(mine)} . {rng.choice(PORTS)}"
                                  for p in rng.sample(PORTS, 3))
                ways += [f"dnat {family} to {rule.protocol} dport map {{ {pairs} }}"]
        return rng.choice(ways)

    def _vmap(self, rule, chains):
        rng = self.rng
        kept, self.chains = self.chains, chains
        version = rng.choice([v for v in rule.families if rule.version in (None, v)])
        ip = "ip" if version == 4 else "ip6"
        target = self._target
        ways = [lambda: "ct state vmap { new : " + target() + ", established : accept, invalid : drop }"
                if rule.hook != "ingress" else None,
                lambda: 'iifname vmap { "eth0" : ' + target() + ', "eth1" : ' + target() + ' }',
                lambda: "meta mark vmap { 0x0 : " + target() + ", 0x1-0x2 : " + target() + " }"]
        if rule.protocol is None:
            ways += [lambda: "meta l4proto vmap { tcp : " + target() + ", udp : " + target() + " }"]
        if rule.protocol in (None, "tcp"):
            ways += [lambda: "tcp dport vmap { " + ", ".join(
                f"{p} : {target()}" for p in values.port_elements(rng)) + " }",
                lambda: "tcp dport vmap { " + ", ".join(f"{p} : {target()}" for p in TCP_PORTS[:3])
                + f", * : {target()} }}",
                lambda: "tcp sport vmap { 1-1023 : " + target() + ", 1024-65535 : " + target() + " }"]
        if rule.wants(version):
            ways += [lambda: f"{ip} saddr vmap {{ " + ", ".join(
                f"{a} : {target()}" for a in values.elements(rng, version)) + " }"] * 4
            ways += [lambda: f"{ip} saddr vmap {{ " + ", ".join(
                f"{a} : {target()}" for a in values.elements(rng, version)) + f", * : {target()} }}"]
            if rule.protocol in (None, "tcp"):
                ways += [lambda: f"{ip} saddr . tcp dport vmap {{ " + ", ".join(
                    f"{a} . {p} : {target()}" for a, p in zip(
                        values.elements(rng, version, 3), values.port_elements(rng, 3))) + " }"]
        if not self.is_sub:  # else a chain could lead to itself
            ways += self._named(rule, ip, version)
        words = rng.choice(ways)()
        self.chains = kept
        return words or "counter"

    @staticmethod
    def _named(rule, ip, version):
        ways = []
        if rule.protocol in (None, "tcp"):
            ways += [lambda: "tcp dport vmap @portways"] * 2
            if rule.version == version:
                ways += [lambda: f"{ip} saddr . tcp dport vmap @pairways{version}"] * 3
        if rule.version == version:
            ways += [lambda: f"{ip} saddr vmap @ways{version}"] * 3
        return ways

    def rule(self, kind, hook, priority, chains):
        rule = Rule(self.versions, hook, kind == "nat")
        is_tracked = hook != "ingress" and self.family != "netdev"
        count = self.rng.choice((0, 1, 1, 1, 2, 2, 3) if kind != "nat" else (0, 1, 1, 2))
        self._conditions(rule, count, is_tracked)
        decided = self._decide(rule, kind, chains)
        text = " ".join(rule.words + [decided]).strip() or "counter"
        if self.rng.random() < 0.03:
            text += ' comment "one of many"'
        return "    " + text + "\n"

    def base(self, n):
        rng = self.rng
        fit = [b for b in BASES if (self.family == "netdev") == (b[1] == "ingress") or
               b[1] == "ingress" and self.family == "inet"]
        kind, hook, priorities, _ = rng.choices(fit, [b[3] for b in fit])[0]
        priority = rng.choice(priorities)
        policy = "drop" if kind == "filter" and hook in ("input", "prerouting") and \
            rng.random() < 0.25 else "accept"
        device = ""
        if hook == "ingress":
            device = rng.choice(('device "eth0" ', 'device "eth1" ', 'devices = { "eth0", "eth1" } '))
        chains = [] if kind == "nat" or hook in ("ingress", "output", "postrouting") else self.chains
        most = 8 if hook == "input" else 4
        return (f"  chain base{n} {{\n    type {kind} hook {hook} {device}priority {priority};"
                f" policy {policy};\n"
                + "".join(self.rule(kind, hook, priority, chains) for _ in range(rng.randint(1, most)))
                + "  }\n")

    def __str__(self):
        rng = self.rng
        text = f"table {self.family} {self.name} {{\n"
        if rng.random() < 0.03:
            text += "  flags dormant\n"
        text += "  counter seen { }\n"
        for version in self.versions:
            text += "".join(self._sets_of(version))
        text += self._set("ports", "inet_service", ["interval"], values.port_elements(rng))
        kept = []
        if self.family != "netdev":
            for n in range(rng.choice((0, 1, 2, 3))):
                self.chains = list(kept)
                text += f"  chain sub{n} {{\n" + "".join(
                    self.rule("filter", rng.choice(("input", "input", "")), 0, kept)
                    for _ in range(rng.randint(1, 4))) + "  }\n"
                kept.append(f"sub{n}")
        self.chains, self.is_sub = kept, False
        text += "".join(self._verdict_maps())
        for n in range(rng.randint(1, 3)):
            text += self.base(n)
        return text + "}\n"


def ruleset(rng):
    """Tables of any family, mostly few."""
    text = ""
    for n in range(rng.choice((1, 1, 2, 2, 3))):
        family = rng.choices(("inet", "ip", "ip6", "netdev"), (10, 4, 4, 1))[0]
        text += str(Table(rng, family, f"t{n}"))
    return text
