#!/usr/bin/env python3
"""What is exposed, and what senders reach, through real rules."""
import contextlib
import mmap
import os
import pathlib
import subprocess
import tempfile

from harness import (case, child, expect, expect_equal, hark, listen, main, needs_real_root, udp,
                     world)

ETH = ("link add eth0 type veth peer name out", "link set out up", "link set eth0 up",
       "addr add 192.168.1.241/24 dev eth0", "addr add 2001:db8::241/64 dev eth0",
       "route add default via 192.168.1.1", "route add ::/0 via 2001:db8::1 dev eth0")
ADDRESSES = {"eth0": ["192.168.1.241", "2001:db8::241"]}
RULES = """
table ip filter {
    chain input {
        type filter hook input priority 0; policy drop;
        iifname "lo" accept
        tcp dport 22 accept
        ip saddr 10.0.0.0/8 tcp dport 5432 accept
    }
}
"""
NOBODY = 65534


@contextlib.contextmanager
def behind(rules):
    """Listeners behind the rules: 22, 5432, 8125 of loopback alone, and 161 of UDP."""
    with world(*ETH, addresses=ADDRESSES), listen("::", 22, v6only=False), \
            listen("::", 5432, v6only=False), listen("127.0.0.1", 8125), udp("0.0.0.0", 161):
        if rules:
            subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
        yield


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def words(answer):
    """Protocol, port and class of each row of exposed --json."""
    return [(row["protocol"], row["port"], row["class"], row["from"]["ipv4"], row["from"]["ipv6"])
            for row in answer.document["exposed"]]


@case
def exposed():
    """worst first: the dual-stack port that rules for IPv4 alone leave open"""
    with behind(RULES):
        answer = hark("exposed", "--json")
        expect_equal(answer.status, 0, answer)
        expect_equal(words(answer), [("tcp", 5432, "wider", "10.0.0.0/8", "everyone"),
                                     ("tcp", 22, "everyone", "private", "everyone")], answer)
        table = hark("exposed")
        expect("tcp 5432: IPv6 is open to everyone, IPv4 only to 10.0.0.0/8.\n" in table.out, table)
        expect("routers and cloud rules are outside of it" in table.out, table)
        expect_equal(len(hark("exposed", "--ndjson").out.splitlines()), 2)
        expect_equal(words(hark("exposed", "--json", "22")), words(answer)[1:])
        listed = hark("5432").out
        expect(" 10.0.0.0/8 | IPv6: everyone!  " in listed, listed)


@case
def nothing():
    """nothing that others get through to: said so, with status 1; so is a selector that is wrong"""
    with behind("table inet f { chain i { type filter hook input priority 0; policy drop; }; }"):
        answer = hark("exposed")
        expect_equal((answer.status, answer.err), (1, ""), answer)
        expect("No other host gets through to anything here." in answer.out, answer)
        expect(" nobody " in hark("22").out, hark("22"))
        wrong = hark("exposed", "1-")
        expect_equal((wrong.status, wrong.out), (2, ""), wrong)


@case
def unruled():
    """without rules the addresses alone decide; with --no-firewall they do not pretend to"""
    with behind(None):
        expect(" private | everyone " in hark("22").out, hark("22"))
        expect(" this host " in hark("8125").out, hark("8125"))
        plain = hark("--no-firewall", "22")
        expect(" private? | public? " in plain.out, plain)
        expect_equal((plain.status, plain.err), (0, ""), plain)
        document = hark("--no-firewall", "--json", "22").document
        expect_equal((document["sockets"][0]["firewall"], document["published"]), (None, None))


@case
def unread():
    """whoever may not read the rules is told so: nothing is called open, nor closed"""
    needs_real_root()
    with behind(RULES):
        answer = hark("exposed", preexec_fn=become_nobody)
        expect_equal(answer.status, 3, answer)
        expect("private? | public?" in answer.out, answer)
        expect("rules" in answer.err, answer)
        listed = hark("--json", "22", preexec_fn=become_nobody)
        expect_equal(listed.status, 0, listed)
        expect_equal(listed.sockets[0]["firewall"], None, listed)
        expect("firewall" in {note["what"] for note in listed.document["notes"]}, listed)
        expect_equal(hark("reach", "10.0.0.1", preexec_fn=become_nobody).status, 3)


@case
def reach():
    """what an address, a prefix and an interface's callers get through to, and by which rule"""
    def reached(*arguments, status=0):
        answer = hark("reach", "--json", *arguments)
        expect_equal(answer.status, status, answer)
        return [(answer.sockets[row["socket"]]["local"]["port"], row["verdict"], row["all"],
                 row["rules"][0]["text"] if row["rules"] else None)
                for row in answer.document["reached"]]

    with behind(RULES):
        ssh = (22, "accept", True, "tcp dport 22 accept")
        expect_equal(reached("10.1.2.3"),
                     [ssh, (5432, "accept", True, "ip saddr 10.0.0.0/8 tcp dport 5432 accept")])
        expect_equal(reached("203.0.113.5"), [ssh])
        expect_equal(reached("203.0.113.5", "--to", "5432", status=1), [])
        expect_equal([row[:3] for row in reached("10.0.0.0/7", "--to", "5432", "--all")],
                     [(5432, "accept", False), (5432, "drop", False)])
        expect_equal(reached("2001:db8::5", "--to", "5432"), [(5432, "accept", True, None)])
        expect((5432, "accept", False) in [row[:3] for row in reached("eth0")], reached("eth0"))
        expect(8125 in {row[0] for row in reached("127.0.0.1")}, reached("127.0.0.1"))
        table = hark("reach", "203.0.113.5", "--all", "--to", "5432")
        expect("drop " in table.out and "nft ip filter input: policy drop" in table.out, table)


@case
def reach_usage():
    """who asks wrongly is told what is wanted"""
    with behind(None):
        for arguments, told in ((("reach",), "reach from where?"),
                                (("reach", "10.0.0.1", "22"), "stands behind --to"),
                                (("reach", "10.0.0.0/33"), "no address, prefix"),
                                (("reach", "eth9"), "no address, prefix"),
                                (("reach", "::1", "--to", "1-"), "1-")):
            answer = hark(*arguments)
            expect_equal((answer.status, answer.out), (2, ""), answer)
            expect(told in answer.err, answer)


def over_ipv4(answer, port):
    """Verdicts of what others than this host send to the listener, and on what they depend."""
    row = next(row for row in answer.sockets if row["local"]["port"] == port)
    return {(part["verdict"], *part["depends_on"]) for entry in row["firewall"]
            if entry["family"] == "ipv4" and entry["interface"] == "eth0"
            for part in entry["sources"]}


@case
def wrappers():
    """who gets through may still be refused by hosts.deny, where the listener asks it"""
    with behind(None), tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder, "libwrap.so.0")
        library.write_bytes(bytes(mmap.PAGESIZE))

        def serve():
            with open(library, "r+b") as file:
                return mmap.mmap(file.fileno(), 0), listen("0.0.0.0", 2323)
        with child(serve), listen("0.0.0.0", 2424):
            for rules, wanted in (("# ALL: ALL", ("accept",)),
                                  ("ALL: ALL", ("depends", "tcp-wrappers"))):
                script = f"mount -t tmpfs none /etc; echo '{rules}' >/etc/hosts.deny"
                answer = hark("--json", prefix=("unshare", "--mount", "sh", "-ec",
                                                f'{script}; exec "$@"', "sh"))
                expect_equal(over_ipv4(answer, 2323), {wanted}, answer)
                expect_equal(over_ipv4(answer, 2424), {("accept",)}, answer)


if __name__ == "__main__":
    main()
