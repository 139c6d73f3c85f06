#!/usr/bin/env python3
"""hark lsof where it is meant to differ from lsof: refusals, --truth, and names of processes.

What must be the same is compared by the suite "compat".
"""
import os
import pathlib
import re
import socket
import subprocess
import tempfile

import harness
from harness import (case, child, dual, expect, expect_equal, hark, listen, main, rename,
                     told_on_a_terminal, udp, world)

# What lists other files, and a word of what is said of it.
REFUSED = (
    ((), "all files"),
    (("-p", "1"), "all files"),
    (("-t", "-c", "sh"), "all files"),
    (("-i", "-p", "1"), "add -a"),
    (("-i", "-u", "root"), "add -a"),
    (("-i", "-c", "sh"), "add -a"),
    (("-i", "-g", "1"), "add -a"),
    (("-U", "-d", "3"), "add -a"),
    (("-i", "-K"), "add -a"),
    (("/",), "by their names"),
    (("-i", "-n", "/"), "by their names"),
    (("-i", "--", "/"), "by their names"),
    (("+d", "/"), "directories"),
    (("+D", "/"), "directories"),
    (("-i", "-N"), "NFS"),
    (("-i", "+L1"), "links"),
    (("-i", "+m"), "mounts"),
    (("-i", "+M"), "port mapper"),
    (("-i", "-E"), "other ends"),
    (("-U", "+E"), "other ends"),
    (("-i", "-Z"), "SELinux"),
)

# What is wrong in itself, and what is said of it.
WRONG = (
    (("-i", "-i5"), "unknown protocol name (5) in: -i 5"),
    (("-i6@127.0.0.1",), "IPv4 addresses are prohibited: -i 6@127.0.0.1"),
    (("-i4@[::1]",), "IPv6 addresses are prohibited: -i 4@[::1]"),
    (("-i6@[::ffff:1.2.3.4]",), "IPv4 addresses are prohibited: -i 6@[::ffff:1.2.3.4]"),
    (("-i@[1::" + "0" * 60 + "]",), "unacceptable Internet address in: -i @[1::" + "0" * 60 + "]"),
    (("-i:1-2-3",), "unacceptable port specification in: -i :1-2-3"),
    (("-i:",), "unacceptable port specification in: -i :"),
    (("-i:1x",), "unacceptable port specification in: -i :1x"),
    (("-i:,80",), "invalid service name: -i :,80"),
    (("-i@0.0.0.0",), "incomplete Internet address specification: -i @0.0.0.0"),
    (("-i", *[f"-i:{n}" for n in range(1, 102)]),
     "network address limit (100) exceeded: -i :101"),
    (("-a",), "no select options to AND via -a"),
    (("-i", "-X"), "-i is useless when -X is specified."),
    (("-i", "-F", "-t"), "-F and -t are mutually exclusive"),
    (("-i", "-o", "-s"), "-o and -s are mutually exclusive"),
    (("-i", "-c^sh", "-csh", "-a"), "-c^sh and -csh conflict."),
    (("-i", "-p1,^1"), "PID 1 has been included and excluded."),
    (("-i", "-c/a/bb"), "b regexp modifier already used: /a/bb"),
    (("-i", "-c/a/q"), "invalid regexp modifier: q"),
    (("-i", "-c/a"), "regexp doesn't end with '/': /a"),
    (("-i", "-c" + 16 * "a"), f'"-c {16 * "a"}" length (16) > what system provides (15)'),
    (("-i", "-u" + 33 * "a"), f"-u login name > 32 characters: {33 * 'a'}"),
    (("-i", "-sTCP:LISTEN,^LISTEN"), "can't include and exclude TCP state: LISTEN"),
    (("-i", "-sTCP:LISTEN,listen"), "duplicate TCP inclusion: listen"),
    (("-i", "-d", "1,^2"), "exclude in an include -d list: ^2"),
    (("-i", "-FX\033"), "unknown field: X"),
    (("-i", "-rm"), 'illegal <fmt>: ""'),
    (("-i", "-\033"), r"illegal option character: \x1b"),
)


def lsof(*words, status=0, **options):
    answer = hark("lsof", *words, **options)
    expect_equal(answer.status, status, answer)
    return answer


def rows(answer):
    """The cells of each row, without COMMAND, PID and USER."""
    return [line.split()[3:] for line in answer.out.splitlines()[1:]]


def names(answer, protocol="TCP"):
    """NODE and NAME of each row."""
    return [" ".join(line.split()[7:]) for line in answer.out.splitlines()[1:] if f" {protocol}" in line]


@case
def refusals():
    """what lists other files is refused in one line, with status 2"""
    for words, wanted in REFUSED:
        answer = lsof(*words, status=2)
        expect_equal(answer.out, "", words)
        expect(re.fullmatch(r"lsof: this lsof lists internet and unix sockets, not [^\n]+\n", answer.err)
               and wanted in answer.err, f"{words}: {answer}")


@case
def wrong():
    """what is wrong on the command line is said, with status 1"""
    for words, wanted in WRONG:
        answer = lsof(*words, status=1)
        expect_equal(answer.out, "", words)
        expect_equal(answer.err.splitlines()[0], f"lsof: {wanted}", words)


@case
def help_and_version():
    """-h, -v and -F? tell something on standard error, with status 0"""
    for words, wanted in ((("-h",), "usage: lsof"), (("-?",), "usage: lsof"), (("-v",), "lsof of hark"),
                          (("-F?",), "Fields of a process")):
        answer = lsof(*words)
        expect(answer.err.startswith(wanted) and not answer.out, answer)


@case
def family_as_lsof_has_it():
    """-i4 is the sockets' own family, with and without a protocol"""
    with dual():
        for words in ("-i4",), ("-i4TCP",), ("-i4:1-65535",), ("-i4", "-iTCP"):
            found = names(lsof("-nP", *words))
            expect_equal([name for name in found if "LISTEN" in name], ["TCP 127.0.0.1:82 (LISTEN)"], words)
            expect_equal(len(found), 2, f"{words}: {found}")  # the connection's client
        for words in ("-i6",), ("-i6TCP",):
            found = names(lsof("-nP", *words))
            expect_equal(found[:2], ["TCP *:80 (LISTEN)", "TCP *:81 (LISTEN)"], words)
            expect_equal(len(found), 3, f"{words}: {found}")


@case
def truth():
    """--truth and HARK_TRUTH=1: what IPv4 reaches, with the families that a listener answers"""
    with dual():
        for words, env in ((("--truth",), {}), ((), {"HARK_TRUTH": "1"})):
            for family in "-i4", "-i4TCP":
                answer = lsof("-nP", family, *words, env=env)
                listeners = [name for name in names(answer, "") if "LISTEN" in name]
                expect_equal(listeners, ["tcp46 *:80 (LISTEN)", "tcp4 127.0.0.1:82 (LISTEN)"], answer)
                types = {row[1] for row in rows(answer) if "ESTABLISHED" in row[-1]}
                expect_equal(types, {"IPv4"}, answer)
                expect_equal(len(rows(answer)), 4, answer)
        six = [name for name in names(lsof("-nP", "-i6", "--truth"), "") if "LISTEN" in name]
        expect_equal(six, ["tcp46 *:80 (LISTEN)", "tcp6 *:81 (LISTEN)"])
        expect_equal(lsof("-nP", "-i4", env={"HARK_TRUTH": "0"}).out, lsof("-nP", "-i4").out)


@case
def left_out():
    """a person is told what -i4 left out, by one line on a terminal"""
    with dual():
        two = "lsof: 2 IPv6 sockets not shown also answer IPv4: hark lsof --truth "
        one = "lsof: 1 IPv6 socket not shown also answers IPv4: hark lsof --truth "
        for words, wanted in (
            (("-nP", "-i4"), two + "-nP -i4\n"),
            (("-i4TCP:80", "-nP"), two + "-i4TCP:80 -nP\n"),
            (("-nP", "-i4", "-sTCP:LISTEN"), one + "-nP -i4 -sTCP:LISTEN\n"),
            (("-t", "-i4"), two + "-t -i4\n"),
            (("-nP", "-i4:82"), ""),
            (("-nP", "-i"), ""),
            (("-nP", "-i6"), ""),
            (("-nP", "--truth", "-i4"), ""),
            (("-nP", "-a", "-i4", "-p", "^" + str(os.getpid())), ""),
        ):
            expect_equal(told_on_a_terminal("lsof", *words), wanted, words)
        expect_equal(told_on_a_terminal("lsof", "-i4", env={"HARK_TRUTH": "1"}), "")
        expect_equal(lsof("-nP", "-i4").err, "", "no terminal")


@case
def odd_commands():
    """commands stand whole, with all brackets, and what a terminal obeys is spelled"""
    for name, spelled in ((b"a)b", "a)b"), (b"a(b", "a(b"), (b"(a", "(a"), (b") S 1 (", r")\x20S\x201\x20("),
                          (b"\033[31m", "^[[31m"), (b"a\nb\\", r"a\nb\\"), (b"", "(unknown)"),
                          (b"\xff", r"\xff"), (b"\xc2\x9b31m", r"\xc2\x9b31m")):
        def hold(name=name):
            sock = listen("127.0.0.1", 83)
            rename(name)
            return sock

        with world(), child(hold) as pid:
            answer = lsof("-nP", "--truth", "-i:83", env={"LC_ALL": "C.UTF-8"})
            # lsof counts two columns for a byte that is no ASCII, and writes four: cut they are
            if name.isascii():
                expect_equal(answer.out.splitlines()[1].split()[0], spelled, name)
            field = lsof("-Fc", "-i:83", env={"LC_ALL": "C.UTF-8"}).out.splitlines()
            expect_equal(field[:2], [f"p{pid}", "c" + spelled.replace(r"\x20", " ")], name)
            parent = lsof("-FR", "-i:83").out.splitlines()[1]
            expect_equal(parent, f"R{os.getpid()}", name)


@case
def whole_names_of_unix_sockets():
    """a path stands as lsof cuts it, and whole with --truth"""
    for path, cut, whole in (("\0a b:c", "@a", "@a b:c"), ("\0:x", "@", "@:x"), ("\0x\ty", "@x", r"@x\ty"),
                             ("\0é", "@é", "@é"), ("\0a\033[1m", "@a^[[1m", "@a^[[1m")):
        with world(), socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            found, told = (lsof(*words, "-Fn", "-a", "-U", "-p", str(os.getpid()),
                                env={"LC_ALL": "C.UTF-8"}).out.splitlines()[-1]
                           for words in ((), ("--truth",)))
            expect_equal(found, f"n{cut} type=STREAM", path)
            expect_equal(told, f"n{whole} type=STREAM", path)


@case
def found_without_sockets():
    """who was asked for is found without a socket, and missed when there is nobody"""
    me, nobody = str(os.getpid()), "4194303"
    with world(), udp("127.0.0.1", 84):
        lsof("-a", "-i", "-p", me)
        lsof("-a", "-i", "-p", me + ",1")
        answer = lsof("-V", "-a", "-i", "-p", f"{me},{nobody}", status=1)
        expect_equal(answer.out.splitlines()[-1], f"lsof: process ID not located: {nobody}")
        lsof("-Q", "-a", "-i", "-p", f"{me},{nobody}")
        lsof("-V", "-a", "-i", "-g", f"{os.getpgrp()},{nobody}", status=1)
        answer = lsof("-V", "-a", "-i", "-u", "4242", status=1)
        expect("lsof: user ID not located: 4242\n" in answer.out, answer)
        answer = lsof("-V", "-a", "-i", "-c", "nosuchthing", "-c/no such/", status=1)
        expect_equal(answer.out.splitlines()[:2], ["lsof: command not located: nosuchthing",
                                                   "lsof: no command found for regex: no such"])


@case
def repeats():
    """-r lists so many times, with a mark behind each; +r ends with the last"""
    with world(), udp("127.0.0.1", 85):
        once = lsof("-nP", "-i").out
        expect_equal(lsof("-nP", "-i", "-r1c2").out, 2 * (once + "=======\n"))
        expect_equal(lsof("-nP", "-i", "-r1c1mmark %%").out, once + "mark %\n")
        fields = lsof("-nP", "-i", "-Fn").out
        expect_equal(lsof("-nP", "-i", "-Fn", "-r1c1").out, fields + "m\n")
        expect_equal(lsof("-nP", "-i:86", "+r1", status=1).out, "")


@case
def by_the_name_of_lsof():
    """hark is lsof by the name of a symlink"""
    with world(), udp("127.0.0.1", 87):
        wanted = lsof("-nP", "-i").out
        with tempfile.TemporaryDirectory() as folder:
            ours = pathlib.Path(folder, "lsof")
            ours.symlink_to(harness.HARK)
            done = subprocess.run([ours, "-nP", "-i"], capture_output=True, text=True, timeout=60,
                                  check=True)
            expect_equal(done.stdout, wanted)
            done = subprocess.run([ours, "-y"], capture_output=True, text=True, timeout=60, check=False)
            expect_equal(done.stderr, "lsof: illegal option character: y\n")


if __name__ == "__main__":
    main()
