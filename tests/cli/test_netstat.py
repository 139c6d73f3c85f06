#!/usr/bin/env python3
"""hark netstat where it is meant to differ from netstat: refusals, --truth, odd names.

What must be the same is compared by the suite "compat".
"""
import os
import pathlib
import re
import socket
import subprocess
import tempfile

import harness
from harness import (ROOT, case, child, dual, expect, expect_equal, hark, listen, main,
                     told_on_a_terminal, udp, world)

REFUSED = (
    (("-rn",), "hark shows sockets; for routes: ip route"),
    (("-ie",), "hark shows sockets; for interfaces: ip -s link"),
    (("-g",), "hark shows sockets; for multicast groups: ip maddress"),
    (("-st",), "hark shows sockets; for statistics: nstat -az"),
    (("-M",), "hark shows sockets; for masqueraded connections: conntrack -L"),
    (("-g", "--route"), "hark shows sockets; for routes: ip route"),
)
# The first line of what is said.
WRONG = (
    (("-y",), 3, "netstat: invalid option -- 'y'"),
    (("--al=1",), 3, "netstat: option '--all' doesn't allow an argument"),
    (("-ri",), 3, "netstat: see netstat --help, or hark-netstat(1)"),
    (("-A", "inet,x\033[1m"), 1,
     r'netstat: unknown address family "x\x1b[1m": it may be inet, inet6 or unix'),
    (("-A", ""), 1, 'netstat: unknown address family "": it may be inet, inet6 or unix'),
    (("--ipx",), 1, "netstat: no support for `AF IPX' on this system."),
)


def netstat(*words, status=0, **options):
    answer = hark("netstat", *words, **options)
    expect_equal(answer.status, status, answer)
    return answer


def rows(answer):
    """The cells of each row of the internet's."""
    return [line.split() for line in answer.out.splitlines() if re.match("tcp|udp|raw", line)]


@case
def refusals():
    """what is not about sockets is refused in one line that names who does it, with status 2"""
    for words, wanted in REFUSED:
        answer = netstat(*words, status=2)
        expect_equal((answer.out, answer.err), ("", f"netstat: {wanted}\n"), words)


@case
def wrong():
    """what is wrong on the command line is said, with the reference's status"""
    for words, status, wanted in WRONG:
        answer = netstat(*words, status=status)
        expect_equal(answer.out, "", words)
        expect_equal(answer.err.splitlines()[0], wanted, words)
    answer = hark("-t", "netstat")
    expect_equal((answer.status, answer.err),
                 (2, "hark: netstat has options of its own, and comes first: hark netstat ...\n"))


@case
def help_and_manual():
    """the help tells each option once, and the manual has them all"""
    answer = netstat("--help")
    expect_equal(answer.err, "")
    names = re.findall(r"^  (?:(-\w),)? +(--[\w-]+)", answer.out, re.M)
    expect_equal(len(names), len(set(names)), names)
    expect_equal(len(names), len(re.findall(r" --[a-z]", answer.out)), answer)
    text = (ROOT / "man/hark-netstat.1.scd").read_text(encoding="utf-8")
    for pair in names:
        for name in filter(None, pair):
            expect(f"*{name}*" in text or f"*{name}=" in text, f"{name} is not in the manual")
    expect_equal(hark("help", "netstat").out, answer.out)
    expect(re.fullmatch(r"net-tools 2\.10, as hark \d\S* shows it\n", netstat("-V").out), "version")


@case
def truth():
    """--truth and HARK_TRUTH=1: what IPv4 reaches, with the families that a listener answers"""
    with dual():
        for words, env in ((("--truth",), {}), ((), {"HARK_TRUTH": "1"})):
            found = rows(netstat("-an4", *words, env=env))
            expect_equal([(row[0], row[3]) for row in found if row[-1] == "LISTEN"],
                         [("tcp46", ":::80"), ("tcp4", "127.0.0.1:82")])
            expect_equal([row[0] for row in found if row[-1] == "ESTABLISHED"], ["tcp4", "tcp4"])
        expect_equal([(row[0], row[3]) for row in rows(netstat("-ln6", "--truth"))],
                     [("tcp46", ":::80"), ("tcp6", ":::81")])
        expect_equal(netstat("-an4", env={"HARK_TRUTH": "0"}).out, netstat("-an4").out)


@case
def all_of_the_holders():
    """--truth names all holders and cuts neither names nor addresses"""
    address, name = "fd00:1111:2222:3333:4444:5555:6666:7777", "a name of more than nineteen" + " and of 511" * 50
    with world(settings={"ipv6/ip_nonlocal_bind": 1}), listen(address, 8080) as sock:
        os.set_inheritable(sock.fileno(), True)
        with subprocess.Popen([name], executable="/bin/cat", stdin=subprocess.PIPE,
                              close_fds=False) as holder, child(lambda: None) as pid:
            whole = netstat("-tlnp", "--truth").out
            cut = netstat("-tlnp").out
            wide = netstat("-tlnpW").out
            holder.stdin.close()
    holders = whole.splitlines()[-1].partition(f"{address}:8080 ")[2]
    expect_equal([int(n) for n in re.findall(r"(\d+)/", holders)], [os.getpid(), holder.pid, pid], whole)
    expect(f",{holder.pid}/{name}," in holders, whole)
    expect(f" {address[:18]}:8080 " in cut and re.search(rf" {os.getpid()}/\S+ *\n\Z", cut), cut)
    expect(f" {address}:8080 " in wide, wide)


@case
def left_out():
    """a person is told what -4 left out, by one line on a terminal"""
    with dual():
        two = "2 IPv6 sockets not shown also answer IPv4: hark netstat --truth "
        one = "1 IPv6 socket not shown also answers IPv4: hark netstat --truth "
        for words, wanted in (
            (("-planA", "inet"), two + "-planA inet\n"),
            (("-ln4",), one + "-ln4\n"),
            (("--inet", "-n"), one + "--inet -n\n"),
            (("-ln4u",), ""),
            (("-ln46",), ""),
            (("-ln6",), ""),
            (("-ln",), ""),
            (("-ln4", "--truth"), ""),
        ):
            expect_equal(told_on_a_terminal("netstat", *words), wanted, words)
        expect_equal(told_on_a_terminal("netstat", "-ln4", env={"HARK_TRUTH": "1"}), "")
        expect_equal(netstat("-ln4").err, "", "no terminal")


@case
def odd_names():
    """what a terminal obeys is spelled, in commands and paths"""
    for name, spelled in (("a\033[31m", r"a\x1b[31m"), ("a\nb", r"a\x0ab"), ("/x/y\r", r"y\x0d"),
                          ("\u202e", r"\u202e"), ("é", "é"), ("/", ""), ("a b", "a b")):
        with world(), listen("127.0.0.1", 83) as sock:
            os.set_inheritable(sock.fileno(), True)
            with subprocess.Popen([name], executable="/bin/cat", stdin=subprocess.PIPE,
                                  close_fds=False) as holder:
                sock.close()
                answer = netstat("-tlnp")
                holder.stdin.close()
            expect(f" {holder.pid}/{spelled} " in answer.out, (name, answer))
    for path, cut, whole in (("\0a b", "@a", "@a b"), ("\0a\033[1m", r"@a\x1b[1m", r"@a\x1b[1m"),
                             ("\0a\nb", "@a", r"@a\x0ab")):
        with world(), socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            found, told = (netstat("-xan", *words).out.splitlines()[-1] for words in ((), ("--truth",)))
            expect(found.endswith(f" {cut}") and told.endswith(f" {whole}"), (found, told))


@case
def continuous():
    """-c lists again and again"""
    with world(), udp("127.0.0.1", 85):
        once = netstat("-un", "-l").out
        with subprocess.Popen([harness.HARK, "netstat", "-ulnc"], stdout=subprocess.PIPE,
                              env=harness.clean_environment(), text=True) as process:
            found = "".join(process.stdout.readline() for _ in range(2 * once.count("\n")))
            process.kill()
        expect_equal(found, 2 * once)
        netstat("-uc", "--ipx", status=1)  # a list that ends early ends it all


@case
def by_the_name_of_netstat():
    """hark is netstat by the name of a symlink"""
    with world(), udp("127.0.0.1", 87), tempfile.TemporaryDirectory() as folder:
        ours = pathlib.Path(folder, "netstat")
        ours.symlink_to(harness.HARK)
        done = subprocess.run([ours, "-an"], capture_output=True, text=True, timeout=60, check=True)
        expect_equal(done.stdout, netstat("-an").out)
        done = subprocess.run([ours, "-y"], capture_output=True, text=True, timeout=60, check=False)
        expect_equal(done.stderr.splitlines()[0], f"{ours}: invalid option -- 'y'")


if __name__ == "__main__":
    main()
