"""Random rulesets, by a seed: of nft, iptables-nft, iptables-legacy, and mixed, with routes."""
import random

import generate_tables
import generate_xt
import values

KINDS = (("nft", 10), ("iptables-nft", 4), ("legacy", 4), ("mixed", 5))


def _routing(rng):
    """Lines of ip, and switches: what becomes of answers, and who is let in."""
    for version, kind in ((4, "ip"), (6, "ip6")):
        lines = []
        if rng.random() < 0.5:
            how = rng.choice(("blackhole", "unreachable", "prohibit"))
            lines.append(f"route add {how} {values.prefix(rng, version)}")
        if rng.random() < 0.4:
            gateway = "198.18.0.1" if version == 4 else "2001:db8:1::1"
            lines.append(f"route add {values.prefix(rng, version)} via {gateway} dev eth1 onlink")
        if rng.random() < 0.4:
            lines.append(f"rule add {rng.choice(('from', 'to'))} {values.prefix(rng, version)} "
                         + rng.choice(("blackhole", "lookup 100", "prohibit", "unreachable")))
        if rng.random() < 0.1:
            lines += [f"rule add from {values.MINE[version][0]} lookup 101",
                      f"route add default via {values.ELSEWHERE[version]} dev eth2 onlink table 101"]
        if lines:
            yield kind, "\n".join(lines)
    if rng.random() < 0.5:
        name = rng.choice(("all", "eth0", "eth1"))
        yield "sysctl", f"ipv4/conf/{name}/rp_filter={rng.choice((1, 1, 2))}"


def generate(seed):
    """(kind, [(kind of text, text)])"""
    rng = random.Random(seed)
    kind = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
    found = []
    if kind in ("nft", "mixed"):
        found.append(("nft", generate_tables.ruleset(rng)))
    backend = {"iptables-nft": "nft", "legacy": "legacy", "mixed": rng.choice(("nft", "legacy"))}.get(kind)
    if backend:
        found += generate_xt.ruleset(rng, backend, with_sets=rng.random() < 0.4)
    if rng.random() < 0.15:
        found += _routing(rng)
    return kind, found
