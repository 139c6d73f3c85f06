#!/usr/bin/env python3
"""Options, commands, help and typos: what hark says to those who hold it wrong."""
import re

from harness import ROOT, case, expect, expect_equal, hark, listen, main, world

RESERVED = ("top", "watch", "kill", "ss")
# They read their own options: the suite "compat".
PERSONALITIES = ("netstat", "lsof")

# What is wrong on the command line, and the one line that is said of it.
WRONG = (
    (("--jsn",), 'unknown option "--jsn": did you mean "--json"?'),
    (("--wach=3",), 'unknown option "--wach": did you mean "--watch"?'),
    (("--frobnicate",), 'unknown option "--frobnicate": hark --help tells them all'),
    (("--n",), '"--n" may be "--numeric" or "--no-header"'),
    (("-x",), 'unknown option "-x": hark --help tells them all'),
    (("-tulxn",), 'unknown option "-x": hark --help tells them all'),
    (("-é",), 'unknown option "-é": hark --help tells them all'),
    (("--json=yes",), "--json takes no argument"),
    (("--color",), "--color wants WHEN: auto (on a terminal, unless NO_COLOR is set), always, never"),
    (("--color=alwys",), '--color cannot be "alwys": did you mean "always"?'),
    (("--color", "blue"), '--color cannot be "blue": it is one of auto, always, never'),
    (("--holders=bpff",), '--holders cannot be "bpff": did you mean "bpf"?'),
    (("--watch=soon",), '--watch wants seconds, from 0.01 to 86400, or as in 500ms, 2m, 24h, not "soon"'),
    (("--watch=nan",), '--watch wants seconds, from 0.01 to 86400, or as in 500ms, 2m, 24h, not "nan"'),
    (("--watch=0",), '--watch wants seconds, from 0.01 to 86400, or as in 500ms, 2m, 24h, not "0"'),
    (("-o",), '-o wants COLUMNS: "-o help" tells them'),
    (("-o", "prot"), 'no column is called "prot": did you mean "proto"?'),
    (("-o", "port,,pid"), 'no column is called "": see them all with -o help'),
    (("--json", "-o", "port"), "JSON holds everything: -o is for the table and --csv"),
    (("explain",), "explain what? A port, say: hark explain 80"),
    (("wait",), "wait for what? A port, say: hark wait 80"),
    (("wait", "80", "--"), "behind -- comes a command to run"),
    (("wait", "80", "443"), "no socket has all of these ports: for any of them, put commas between; for each, "
     "wait for one after the other"),
    (("wait", "established"), "wait is for listeners: nothing else answers"),
    (("wait", "-6", "127.0.0.1:80"), "what answers at these addresses is not IPv6"),
    (("wait", "-46", "[::1]:80"), "what answers at these addresses is not IPv4"),
    (("wait", "80", "--stable", "2m"), "--stable 120 s is longer than --timeout 30 s"),
    (("wait", "80", "--timeout"), "--timeout wants SECONDS: give up after so long: probe each answer (2), "
     "wait all of it (30)"),
    *((("wait", "80", "--timeout", given), "--timeout wants seconds, from 0.01 to 86400, or as in 500ms, "
       f'2m, 24h, not "{given}"')
      for given in ("", "s", "-1", "1 s", "1.2.3", "0x10", "1e2", "inf", "5ms", "25h", "3d", "3sec", "1s2")),
    (("wait", "-a", "80"), "wait has no option --all"),
    (("list", "--gone"), "list has no option --gone"),
    (("explain", "--ndjson", "80"), "explain has no option --ndjson"),
    (("--evidence", "80"), "list has no option --evidence"),
    (("demo", "80"), 'demo takes nothing but options, not "80"'),
    (("version", "-t"), "version has no option --tcp"),
    (("-t", "netstat"), "netstat has options of its own, and comes first: hark netstat ..."),
    (("help", "lst"), 'there is no command "lst": did you mean "list"?'),
    (("help", "quux"), 'there is no command "quux"'),
    (("70000",), "port 70000 is above 65535"),
    (("9000-8000",), 'the range 9000-8000 runs backwards: did you mean "8000-9000"?'),
    (("0",), "there is no port 0: nothing can be bound to it"),
    (("80,,443",), 'an item is empty in "80,,443"'),
    (("",), "a selector is empty"),
    (("prot=tcp",), 'unknown key "prot": did you mean "proto="?'),
    (("state=listn",), 'unknown state "listn": did you mean "listen"?'),
    (("10.0.0.300",), '"10.0.0.300" is no address: 300 is above 255'),
    (("10.0.0.0/33",), '"10.0.0.0/33" is no prefix: behind "/" comes a number up to 32'),
    (("[::1:80",), '"[::1:80" has "[" without "]"'),
    (("user=no-such-user-here",), 'there is no user "no-such-user-here"'),
    (("a\033[31m:80",), r'"a\x1b[31m" is no address; names are not looked up'),
)


@case
def wrong_words():
    """each wrong word gets one line that says what is meant, and exit status 2"""
    for words, line in WRONG:
        answer = hark(*words)
        expect_equal((answer.status, answer.out, answer.err), (2, "", f"hark: {line}\n"), words)


@case
def reserved_commands():
    """commands of other versions are never taken for the names of processes"""
    for name in RESERVED:
        answer = hark(name, "80")
        expect_equal(answer.status, 2, answer)
        expect(f'this version has no command "{name}"' in answer.err, answer)


@case
def slips():
    """a first word that is almost a command is a selector, and the slip is told when nothing matches"""
    with world():
        sock = listen("127.0.0.1", 4001)
        for word, line in (("lst", 'the command "list"'), ("explian", 'the command "explain"'),
                           ("estblished", 'the state "established"'), ("upd", 'the protocol "udp"')):
            answer = hark(word)
            expect_equal(answer.status, 1, answer)
            expect(f'hark: nothing matched "{word}": did you mean {line}?\n' in answer.err, answer)
        sock.close()


@case
def no_slips():
    """nothing is guessed where a word matched, or none comes close"""
    with world():
        sock = listen("127.0.0.1", 4001)
        for words in (("python*",), ("zzzzzzzz",), ("command=lst",), ("4002",)):
            answer = hark(*words)
            expect("did you mean" not in answer.err, answer)
        sock.close()


@case
def help_texts():
    """help is printed for the program and each command, and tells every option once"""
    answer = hark("--help")
    expect_equal((answer.status, answer.err), (0, ""), answer)
    expect(len(answer.out.splitlines()) <= 60, "the help is longer than a large terminal")
    expect(all(len(line) <= 96 for line in answer.out.splitlines()), answer)
    for part in ("Commands:", "Selectors", "Options:", "Exit status:"):
        expect_equal(answer.out.count(part), 1, part)
    options = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", answer.out, re.M)
    expect_equal(len(options), len(set(options)), options)
    expect_equal(hark("help").out, answer.out)
    expect_equal(hark("-h").out, answer.out)
    for command in re.findall(r"^  (\w+) ", answer.out.partition("Selectors")[0], re.M):
        if command in PERSONALITIES:
            expect_equal(hark("help", command).out, hark(command, "--help").out)
            continue
        by_word, by_option = hark("help", command), hark(command, "--help")
        expect_equal((by_word.status, by_word.err), (0, ""), by_word)
        expect(by_word.out.startswith(f"hark {command}"), by_word)
        expect(not re.search(r" $", by_word.out, re.M), by_word)
        expect_equal(by_option.out, by_word.out)


@case
def manual():
    """the manual has every option and command that the help has, and no others"""
    text = (ROOT / "man/hark.1.scd").read_text(encoding="utf-8")
    in_manual = set(re.findall(r"\*(--?\w[\w-]*)", text))
    helped = re.findall(r"^ +(?:(-\w), )?(--[\w-]+)", hark("--help").out, re.M)
    for short, long in helped:
        expect(long in in_manual or short in in_manual, f"{long} is not in the manual")
    known = {name for names in helped for name in names}
    for command in re.findall(r"^  (\w+) ", hark("--help").out.partition("Selectors")[0], re.M):
        expect(command in text, command)
        if command in PERSONALITIES:
            continue
        own = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", hark("help", command).out, re.M))
        expect_equal(own - in_manual - known, set(), command)
        known |= own
    expect_equal({name for name in in_manual if name.startswith("--")} - known, set())


@case
def version():
    """the version is one line"""
    for word in ("version", "--version", "-V"):
        answer = hark(word)
        expect_equal((answer.status, answer.err), (0, ""), answer)
        expect(re.fullmatch(r"hark \d+\.\d+\.\d+\n", answer.out), answer)


@case
def spellings():
    """combined, long, shortened and misplaced options mean the same"""
    with world():
        socks = [listen("127.0.0.1", 4001), listen("::1", 4002)]
        wanted = hark("-t", "-o", "port", "4001-4002").out
        expect_equal(wanted, "PORT\n4001\n4002\n")
        for words in (("4001-4002", "-to", "port"), ("list", "--tcp", "4001-4002", "--columns=port"),
                      ("-tnlpoport", "4001-4002"), ("-t", "list", "4001-4002", "--colu", "port"),
                      ("-oport", "--", "4001-4002"), ("--listening", "-o", "port", "4001", "4001-4009,1")):
            answer = hark(*words)
            if "4001" in words:
                expect_equal(answer.out, "PORT\n4001\n", words)
            else:
                expect_equal(answer.out, wanted, words)
        # behind "--" nothing is a command or an option
        expect_equal(hark("--", "list").status, 1)
        expect_equal(hark("--", "-t").status, 1)
        for sock in socks:
            sock.close()


if __name__ == "__main__":
    main()
