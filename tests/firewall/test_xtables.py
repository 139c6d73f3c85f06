#!/usr/bin/env python3
"""What is read of ip_tables, held against what iptables says and what the kernel knows."""
import ctypes
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import Netns, case, expect, expect_equal, main, needs_real_root  # noqa: E402
import every_xt  # noqa: E402

XTABLES, RULETEXT = os.environ["XTABLES"], os.environ["RULETEXT"]
TOOLS = {4: "iptables-legacy", 6: "ip6tables-legacy"}
FAMILIES = {4: 2, 6: 10}
HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
DROP, ACCEPT, RETURN, JUMP, GOTO = 2, 1, 3, 4, 5
UNKNOWN = 0
# iptables writes the former for the latter.
ALIASES = {"NOTRACK": "CT", "state": "conntrack"}
libc = ctypes.CDLL(None, use_errno=True)


def run(*words, **options):
    done = subprocess.run(words, text=True, capture_output=True, check=False, **options)
    expect_equal(done.returncode, 0, f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def read(*words, **options):
    """Lines of the tool, by their first word."""
    lines = {}
    for line in run(XTABLES, *words, **options).splitlines():
        kind, _, rest = line.partition(" ")
        lines.setdefault(kind, []).append(rest)
    return lines


def load_every(version):
    run("ipset", "create", f"set{version}", "hash:ip", "family", {4: "inet", 6: "inet6"}[version],
        "skbinfo", "counters")
    run(TOOLS[version], "-N", "user")
    run(TOOLS[version], "-P", "FORWARD", "DROP")
    for table, chain, words in every_xt.rules(version):
        run(TOOLS[version], "-t", table, "-A", chain, *words)


def saved(version):
    """Chains and rules as iptables-save has them, in the form of the tool without kinds."""
    table, chains, rules = None, {}, {}
    for line in run(f"{TOOLS[version]}-save").splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[table, name] = policy
        elif line.startswith("-A "):
            name = line.split()[1]
            rules.setdefault((table, name), []).append(line)
    return chains, rules


def signature(line, chains, table):
    """The matches and the target of a line of iptables-save: ([name], (kind, name))."""
    bare = re.sub(r'"[^"]*"', "word", line)
    matches = [ALIASES.get(name, name) for name in re.findall(r" -m (\S+)", bare)]
    target = re.search(r" -([jg]) (\S+)", bare)
    if not target:
        return matches, None
    name = ALIASES.get(target[2], target[2])
    if (table, name) in chains:
        return matches, (GOTO if target[1] == "g" else JUMP, name)
    verdict = {"DROP": DROP, "ACCEPT": ACCEPT, "RETURN": RETURN}.get(name)
    return matches, (verdict, "") if verdict else name


def told(line):
    """The same of a line of the tool."""
    matches = [item[2:].split("/")[0] for item in line.split() if item.startswith("m:")]
    target = [item[2:].split("/") for item in line.split() if item.startswith("j:")]
    if not target:
        return matches, None
    name, _, *verdict = target[0]
    return matches, (int(verdict[0]), verdict[1]) if verdict else name


def priority(table, hook):
    if table == "nat":
        return -100 if hook in ("PREROUTING", "OUTPUT") else 100
    return PRIORITIES[table]


def compare(version, lines):
    chains, rules = saved(version)
    family = str(FAMILIES[version])
    found = {tuple(line.split()[1:3]): line.split()[3:] for line in lines["chain"]
             if line.split()[0] == family}
    expect_equal(sorted(found), sorted(chains), "chains")
    for (table, name), policy in chains.items():
        wanted = [str(len(rules.get((table, name), [])))]
        if policy != "-":
            wanted += [str(HOOKS.index(name)), str(priority(table, name)),
                       str({"ACCEPT": ACCEPT, "DROP": DROP}[policy])]
        expect_equal(found[table, name], wanted, f"chain {table} {name}")
    here = {}
    for line in lines["rule"]:
        if line.split()[0] == family:
            here.setdefault(tuple(line.split()[1:3]), []).append(line.partition(" # ")[0])
    for place, wanted in rules.items():
        for number, (line, mine) in enumerate(zip(wanted, here[place], strict=True), 1):
            expect_equal(int(mine.split()[3]), number, "numbers of rules")
            expect_equal(told(mine), signature(line, chains, place[0]), line)


@case
def every_match():
    """chains, policies and rules are those of iptables-save, each match and target is known"""
    with Netns() as ns:
        for version in (4, 6):
            load_every(version)
        lines = read()
        expect_equal(lines["presence"], ["0 0"], "presence")
        expect_equal(lines["conntrack"], ["1 1"], "conntrack")
        for version in (4, 6):
            compare(version, lines)
        unknown = {item for line in lines["rule"] for item in line.partition(" # ")[0].split()
                   if item.startswith(("m:", "j:")) and item.split("/")[1] == str(UNKNOWN)}
        expect_equal(sorted(unknown), ["j:DNPT/0", "j:HMARK/0", "j:SET/0", "j:SNPT/0",
                                       "m:cluster/0", "m:realm/0"], "not understood")
        expect_equal([line.partition(" # ")[2] for line in lines["rule"] if "m:comment" in line],
                     ["word", "word"], "comments")
    ns.close()


def written(version):
    """Rules as hark writes them, by table and chain."""
    rules = {}
    for line in run(RULETEXT).splitlines():
        where, _, text = line.split("\t")
        tool, table, chain = where.split()
        if tool == {4: "iptables", 6: "ip6tables"}[version]:
            rules.setdefault((table, chain), []).append(text)
    return rules


@case
def same_text():
    """what is read is what was loaded: rules are written as iptables-save does"""
    n = 0
    with Netns() as ns:
        for version in (4, 6):
            load_every(version)
            mine = written(version)
            for place, lines in saved(version)[1].items():
                for line, text in zip(lines, mine[place], strict=True):
                    if "not decoded" not in text and "-j SET" not in text:
                        expect_equal(*(words.replace("-j CT --notrack", "-j NOTRACK") for words in
                                       (text, line.removeprefix(f"-A {place[1]}").strip())), line)
                        n += 1
        expect(n > 100, f"{n} rules are compared")
    ns.close()


def names(version):
    with open(f"/proc/net/ip{'6' * (version == 6)}_tables_names", encoding="ascii") as tables:
        return tables.read().split()


@case
def makes_nothing():
    """a table that was not there is not there after reading"""
    with Netns() as ns:
        expect_equal(read()["presence"], ["1 1"], "of a new namespace")
        expect_equal((names(4), names(6)), ([], []), "tables of a new namespace")
        run("iptables-legacy", "-A", "INPUT", "-j", "ACCEPT")
        lines = read()
        expect_equal(lines["presence"], ["0 1"], "with filter of IPv4")
        expect_equal(lines["conntrack"], ["0 0"], "with filter of IPv4")
        expect_equal((names(4), names(6)), (["filter"], []), "tables after reading")
    ns.close()


@case
def privileges():
    """without privileges it is denied, and with CAP_NET_ADMIN alone, too"""
    needs_real_root()
    with Netns() as ns:
        run("iptables-legacy", "-A", "INPUT", "-j", "ACCEPT")
        expect_equal(read(user=65534, group=65534, extra_groups=[])["presence"], ["2 2"], "nobody")
        expect_equal(read(user=65534, group=0, extra_groups=[])["presence"], ["2 1"],
                     "who may read the names alone")
    ns.close()


def supports(version, kind, name, revision):
    """IPT_SO_GET_REVISION_MATCH and _TARGET."""
    family, level, option = {4: (socket.AF_INET, 0, 66), 6: (socket.AF_INET6, 41, 68)}[version]
    buffer = ctypes.create_string_buffer(struct.pack("29sB", name.encode(), revision), 30)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        return libc.getsockopt(sock.fileno(), level, option + (kind == "target"), buffer,
                               ctypes.byref(ctypes.c_uint(30))) >= 0


@case
def all_revisions():
    """whatever this kernel registers by name and revision is known"""
    lines = read("names")
    known = {(kind, *re.fullmatch(r"'(.*)' (\d+) (\d+)", line).groups())
             for kind in ("match", "target") for line in lines[kind]}
    with Netns() as ns:
        for version in (4, 6):
            for table in ("filter", "nat", "mangle", "raw", "security"):
                run(TOOLS[version], "-t", table, "-L", "-n")
            prefix = f"/proc/net/ip{'6' * (version == 6)}_tables_"
            for kind, file in (("match", "matches"), ("target", "targets")):
                with open(prefix + file, encoding="ascii") as text:
                    registered = text.read().split()
                expect(len(registered) > 10, f"{prefix}{file} is read")
                for name in registered:
                    for revision in range(8):
                        if supports(version, kind, name, revision):
                            bit = {4: 1, 6: 2}[version]
                            expect(any((kind, name, str(revision), str(families)) in known
                                       for families in range(1, 8) if families & bit),
                                   f"{kind} {name} revision {revision} of IPv{version} is known")
    ns.close()


@case
def while_it_changes():
    """a table that is replaced again and again is read as one or the other"""
    rules = {verdict: "*filter\n" + f"-A INPUT -p tcp -j {verdict}\n" * 200 + "COMMIT\n"
             for verdict in ("ACCEPT", "DROP")}
    with Netns() as ns:
        run("iptables-legacy-restore", input=rules["DROP"])
        files = {verdict: os.memfd_create(verdict) for verdict in rules}
        for verdict, file in files.items():
            os.write(file, rules[verdict].encode())
        replace = "".join(f"iptables-legacy-restore </proc/{os.getpid()}/fd/{file} || exit 1; "
                          for file in files.values())
        with subprocess.Popen(["sh", "-c", f"while :; do {replace} done"]) as writer:
            seen = []
            while len(seen) < 20 or len(set(seen)) < len(rules):
                expect(len(seen) < 2000, f"both are seen: {set(seen)}")
                lines = read()
                expect_equal(lines["presence"], ["0 1"], "presence")
                verdicts = {line.rsplit("/", 2)[1] for line in lines["rule"]}
                expect_equal((len(lines["rule"]), len(verdicts)), (200, 1), "rules of one table")
                seen += verdicts
            expect_equal(writer.poll(), None, "iptables-restore failed")
            writer.kill()
        for file in files.values():
            os.close(file)
    ns.close()


main()
