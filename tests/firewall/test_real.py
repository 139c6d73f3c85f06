#!/usr/bin/env python3
"""Rulesets of real programs: what hark says of them, against the kernel."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import case, expect, expect_equal, main  # noqa: E402 (the path comes first)
import judged  # noqa: E402
import known_real  # noqa: E402
from known import known  # noqa: E402
from programs import firewalld, needs, ufw  # noqa: E402

UFW = ("default deny incoming", "allow 22/tcp", "limit 2222/tcp", "reject 8080/tcp", "deny 161",
       "allow from 10.0.0.0/8 to any port 443 proto tcp", "allow in on eth0 to any port 53",
       "logging medium")
UFW6 = ("allow from 2001:db8::/32 to any port 80 proto tcp",)
UFW_EXPECTED = """
    tcp 8.8.8.8 22 accept
    tcp 8.8.8.8 80 drop
    tcp 8.8.8.8 2222 *; rate
    tcp 8.8.8.8 8080 reject tcp-reset
    tcp 10.1.2.3 443 accept
    tcp 11.1.2.3 443 drop
    udp 8.8.8.8 53 accept
    udp 8.8.8.8 53@eth1 drop
    udp 8.8.8.8 161 drop"""
UFW6_EXPECTED = UFW_EXPECTED + """
    tcp 2600::1 22 accept
    tcp 2600::1 2222 *; rate
    tcp 2600::1 8080 reject tcp-reset
    tcp 2001:db8::99 80 accept
    tcp 2600::1 80 drop
    udp 2600::1 53 accept"""


def partitions(document):
    """What is said, without the rules that decide."""
    return {(s["protocol"], s["local"]["port"], e["family"], e["interface"], tuple(e["addresses"])):
            [(p["from"], p["verdict"], p["how"], p["depends_on"]) for p in e["sources"]]
            for s in document["sockets"] for e in s["firewall"]}


def loaded(expected, definite, **options):
    """What a program has loaded by now."""
    judged.check(known("real", [], expected, definite), **options)


@case
def ufw_with_both():
    """ufw: allow, limit, reject, with IPv6; the same in the older tables"""
    this = judged.checker()
    this.lab.clear()
    with ufw(this.lab, *UFW, *UFW6):
        # A limit depends on what came before; all else of it is definite
        loaded(UFW6_EXPECTED, 84)
        said = partitions(this.ask())
        texts = [("legacy", this.lab.run([f"{name}-nft-save"]), name) for name in ("iptables", "ip6tables")]
        this.lab.clear()
        this.lab.load([(f"{name}-legacy-restore", text) for _, text, name in texts])
        loaded(UFW6_EXPECTED, 84)
        expect_equal(partitions(this.ask()), said, "not as it is of nf_tables")


@case
def ufw_as_it_comes():
    """ufw as it comes, with one port allowed"""
    this = judged.checker()
    this.lab.clear()
    with ufw(this.lab, "allow 22/tcp"):
        loaded("tcp 8.8.8.8 22 accept\ntcp 2600::1 22 accept\ntcp 2600::1 80 drop\nudp 8.8.8.8 53 drop", 94)


@case
def ufw_with_one():
    """ufw without IPv6 closes all of that"""
    this = judged.checker()
    this.lab.clear()
    with ufw(this.lab, *UFW, ipv6=False):
        loaded(UFW_EXPECTED + "\n    tcp 2600::1 22 drop\n    udp 2600::1 53 drop", 84)


@case
def ufw_and_docker():
    """ufw beside what Docker loads: what is published goes around INPUT, and is not forwarded"""
    this = judged.checker()
    this.lab.clear()
    with ufw(this.lab, *UFW):
        this.lab.load(known_real.DOCKER_NFT)
        loaded("tcp 8.8.8.8 8080 drop\ntcp 8.8.8.8 22 accept\ntcp 8.8.8.8 80 drop", 80, is_filtered=True)


FIREWALLD_EXPECTED = """
    tcp 8.8.8.8 22 accept
    tcp 203.0.113.5 22 reject icmp-port-unreachable
    tcp 198.51.100.5 22 drop
    tcp 8.8.8.8 443 reject HOW
    tcp 10.1.2.3 443 accept
    tcp 2600::1 443 accept
    tcp 8.8.8.8 80 accept
    tcp 8.8.8.8 8080 accept
    tcp 8.8.8.8 2222 accept 22
    tcp 203.0.113.5 2222 accept 22
    tcp 8.8.8.8 443@eth1 accept
    udp 8.8.8.8 53 accept
    udp 8.8.8.8 161 reject HOW"""


def _firewalld(backend, how):
    this = judged.checker()
    this.lab.clear()
    with firewalld(this.lab, backend):
        loaded(FIREWALLD_EXPECTED.replace("HOW", how), 94)


@case
def firewalld_nftables():
    """firewalld by nf_tables"""
    _firewalld("nftables", "icmp-admin-prohibited")


@case
def firewalld_iptables():
    """firewalld by iptables"""
    _firewalld("iptables", "icmp-port-unreachable")


for _known in known_real.CASES:
    def _check(known=_known):
        if any(kind == "ipset" for kind, _ in known.ruleset):
            needs("ipset")
        judged.run(known)
    _check.__doc__ = _known.name
    case(_check)

expect(known_real.CASES, "there are some")
main()
