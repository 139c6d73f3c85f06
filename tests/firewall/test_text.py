#!/usr/bin/env python3
"""The text of rules, against nft and iptables-save."""
import os
import pathlib
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import ROOT, case, expect, main  # noqa: E402 (the path comes first)
import every_xt  # noqa: E402
import generator  # noqa: E402
import known_real  # noqa: E402
import texts  # noqa: E402
from lab import Lab, LoadError  # noqa: E402
from programs import firewalld, ufw  # noqa: E402
from text_rules import BRIDGE, INET, IPV4, IPV6  # noqa: E402

TOOL = os.path.abspath(os.environ.get("RULETEXT", ROOT / "build/tests/tools/ruletext"))
_lab = []


def lab():
    if not _lab:
        _lab.append(Lab())
    _lab[0].clear()
    return _lab[0]


def compare(box, least):
    """At least so many rules are there, and hark writes each as its own program does."""
    by_handle, by_number = texts.told(box.run([TOOL]))
    wrong, n = [], 0
    listed = [(texts.nft_rules(box.run(["nft", "-a", "list", "ruleset"])), by_handle)]
    listed += [(texts.iptables_rules(program, box.run([program])), by_number)
               for program in texts.PLACES]
    for rules, ours in listed:
        n += len(rules)
        wrong += [f"{place[0]}\n  {text}\n  {ours.get(place)}" for place, text in rules.items()
                  if ours.get(place) != text and not texts.BEYOND.search(text)]
    expect(n >= least, f"only {n} rules")
    expect(not wrong, f"{len(wrong)} of {n} rules differ:\n" + "\n".join(wrong[:20]))
    print(f"# {n} rules")


def add(box, family, chain, rules):
    """How many of them this kernel takes."""
    begin = f"table {family} t {{\nchain c {{\n{chain}\n}}\n}}\n"
    taken = 0
    for rule in rules:
        try:
            box.run(["nft", "-f", "-"], f"{begin}add rule {family} t c {rule}\n")
            taken += 1
        except LoadError as error:
            expect(" Could not process rule" in str(error), str(error))
            print(f"# not taken by this kernel: {rule}")
    expect(taken > 0.9 * len(rules), "most are")
    return taken


@case
def native():
    """rules of nft's manual and beyond: of IPv4, IPv6, both and a bridge"""
    box = lab()
    n = add(box, "ip", "type filter hook input priority 0", IPV4)
    n += add(box, "ip6", "type filter hook input priority 0", IPV6)
    box.run(["nft", "-f", "-"], "table inet t {\n set named { type ipv4_addr . inet_service; }\n"
            " set seen { type ipv4_addr; size 128; flags dynamic,timeout; }\n"
            " map to { type inet_service : ipv4_addr; }\n counter hits { }\n chain d { }\n chain e { }\n}\n")
    n += add(box, "inet", "type filter hook input priority 0", INET)
    n += add(box, "bridge", "type filter hook input priority 0", BRIDGE)
    compare(box, n)


@case
def translations():
    """what translates, in its own chains"""
    box = lab()
    rules = ["dnat ip to 10.0.0.1", "dnat ip to 10.0.0.1-10.0.0.9", "tcp dport 80 dnat ip to 10.0.0.1:8080",
             "meta l4proto tcp dnat ip6 to [2001:db8::1]:80", "tcp dport 2222 redirect to :22", "redirect",
             "dnat ip to tcp dport map { 80 : 10.0.0.1, 443 : 10.0.0.2 }",
             "dnat ip to tcp dport map { 80 : 10.0.0.1 . 8080 }",
             "dnat ip to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 } persistent",
             "ip daddr 192.0.2.10 tcp dport 1024-2000 redirect to :5000-6000 random"]
    n = add(box, "inet", "type nat hook prerouting priority -100", rules)
    n += add(box, "ip", "type nat hook postrouting priority 100",
        ["masquerade", "meta l4proto tcp masquerade to :1024-65535 fully-random", "snat to 192.0.2.10",
         "ip saddr 10.0.0.0/8 oifname \"eth0\" snat to 192.0.2.10-192.0.2.11 random",
         "snat to ip saddr map { 10.0.0.0/24 : 192.0.2.10 }"])
    compare(box, n)


@case
def of_ufw():
    """ufw"""
    box = lab()
    with ufw(box, "default deny incoming", "allow 22/tcp", "limit 2222/tcp", "reject 8080/tcp", "deny 161",
             "allow from 10.0.0.0/8 to any port 443 proto tcp", "allow in on eth0 to any port 53",
             "allow from 2001:db8::/32 to any port 80 proto tcp", "logging medium"):
        compare(box, 150)


@case
def of_firewalld_nft():
    """firewalld with nft"""
    box = lab()
    with firewalld(box, "nftables"):
        compare(box, 150)


@case
def of_firewalld_iptables():
    """firewalld with iptables"""
    box = lab()
    with firewalld(box, "iptables"):
        compare(box, 400)


@case
def of_every_match():
    """every match and target of iptables, in nf_tables and in its own tables"""
    for backend in ("nft", "legacy"):
        box = lab()
        box.load([("ipset", "create set4 hash:net family inet\ncreate set6 hash:net family inet6")])
        n = 0
        for version, name in ((4, "iptables"), (6, "ip6tables")):
            box.load([(f"{name}-{backend}-restore", "")])  # what it has made is then cleared, too
            for table in sorted({table for table, _, _ in every_xt.rules(version)}):
                try:
                    box.run([f"{name}-{backend}", "-t", table, "-N", "user"])
                except LoadError as error:
                    print(f"# {error}")
            for table, chain, words in every_xt.rules(version):
                try:
                    box.run([f"{name}-{backend}", "-t", table, "-A", chain, *words])
                    n += 1
                except LoadError as error:
                    print(f"# not taken: {shlex.join(words)}: {str(error).splitlines()[0][-60:]}")
        compare(box, n)


@case
def of_containers():
    """rulesets in the style of Docker's"""
    for ruleset in (known_real.DOCKER_SET + known_real.restore("nft", tables=known_real.DOCKER),
                    known_real.DOCKER_SET + known_real.restore("legacy", tables=known_real.DOCKER),
                    known_real.DOCKER_NFT):
        box = lab()
        box.load(ruleset)
        compare(box, 10)


@case
def of_chance():
    """random rulesets"""
    for seed in range(1, 41):
        box = lab()
        _, ruleset = generator.generate(seed)
        try:
            box.load(ruleset)
            compare(box, 0)
        except LoadError as error:
            print(f"# seed {seed} is not taken by this kernel: {error}")
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


if __name__ == "__main__":
    main()
