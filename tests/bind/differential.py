#!/usr/bin/env python3
"""`hark bind` against bind(2) and listen(2), over random pairs of existing sockets and a wish.

    differential.py [--pairs N] [--seed N | --random | --only SEED | --known]

Each pair is made from a seed of its own, on a port of its own; without options they are the same
each time, behind those of known.json that were once found wrong. What hark reasons, and what it
says in the end, must be what a program meets with; and where the address is in use, the sockets
that hark names must be guilty: without them the bind succeeds, and with one of them it fails.
Output is TAP. HARK names the program, if it is not where the build puts it.
"""
import argparse
import collections
import errno
import json
import os
import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/cli")]
import harness  # noqa: E402 (the path comes first)
import ports  # noqa: E402

HARK = os.path.abspath(os.environ.get("HARK", ROOT / "build/hark"))
FIRST_PORT = 2000
ELSEWHERE = 20000
MOST_PAIRS = 19000
CLIENTS = "62100 65500"  # the ports of what connects: no pair has them
KNOWN = pathlib.Path(__file__).with_name("known.json")
TWINS = 50
GROUPS = 20  # tests that the pairs are summed in
# Of pairs that reasoning may leave open: what nobody may look into, and what chance decides.
MOST_OPEN = 0.12
SOME_LEFT = 0.15  # of worlds have lost some of their sockets
DEVICES = (None,) * 6 + ("lo", "eth0", "eth1")
ADDRESSES = ("0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.2", "10.1.0.1", "10.2.0.1",
             "::", "::", "::", "::1", "fd00:1::1", "fd00:2::1",
             "::ffff:127.0.0.1", "::ffff:10.1.0.1", "::ffff:0.0.0.0")
# Of wishes alone: not local, broadcast, a group, and what the kernel takes IPv6 sockets for.
ODD = ("10.3.0.1", "10.1.0.255", "224.0.0.251", "fd00:9::9", "127.0.0.6", "ff02::fb")
USERS = (0, 0, 0, 1000, 1001)
LINES = ("link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up",
         "addr add 10.1.0.1/24 dev eth0", "addr add fd00:1::1/64 dev eth0 nodad",
         "addr add 10.2.0.1/24 dev eth1", "addr add fd00:2::1/64 dev eth1 nodad")
OF_DEVICES = {"eth0": ["fd00:1::1/64"], "eth1": ["fd00:2::1/64"]}


class Pair:
    """A world and a wish, as descriptions."""

    def __init__(self, seed, known=None):
        self.seed = seed
        if known:
            self.name, self.wish, self.things = known["why"], known["wish"], known["things"]
            return
        self.name = f"--only {seed}"
        pick = random.Random(seed)
        protocol = pick.choice(("tcp", "tcp", "udp"))
        self.wish = self.describe(pick, protocol, ADDRESSES + ODD * (pick.random() < 0.3))
        others = ADDRESSES if pick.random() < 0.5 else (self.wish["address"], "::", "0.0.0.0")
        if set(others) & set(ODD):
            others = ADDRESSES
        # Sockets that share are what is interesting: all of one mind, or each of its own.
        mind = pick.choice((None, (True, False), (False, True), (True, True)))
        self.things = [self.describe(pick, protocol, others, mind)
                       for _ in range(pick.choice((0, 1, 1, 2, 2, 3, 4, 6)))]
        # Of connections with the same ends SOCK_DESTROY would not find one that is on a device.
        devices = {}
        for thing in self.things:
            if thing["kind"] in ("outgoing", *ports.REMAINS):
                ends = ports.target_of(thing).removeprefix("::ffff:")
                thing["device"] = devices.setdefault(ends, thing["device"])
        # What is gone may have left its trace, for TCP remembers who had a port.
        has_left = pick.random() < SOME_LEFT
        for thing in self.things:
            thing["gone"] = has_left and pick.random() < 0.5

    @staticmethod
    def describe(pick, protocol, addresses, mind=None):
        address = pick.choice(addresses)
        kind = pick.choice(ports.KINDS[protocol])
        device = pick.choice(DEVICES)
        if device not in (None, "lo") and kind not in ("listener", "bound"):
            device = None  # connections of this host to itself are on lo
        return {
            "protocol": protocol,
            "kind": kind,
            "address": address,
            "device": device,
            "uid": pick.choice(USERS),
            "reuseaddr": mind[0] if mind else pick.random() < 0.4,
            "reuseport": mind[1] if mind else pick.random() < 0.4,
            "v6only": ":" in address and "ffff" not in address and pick.random() < 0.3,
        }


def words_of(wish, port):
    address = wish["address"]
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    words = ["bind", wish["protocol"], where, "--json"]
    words += [f"--{name}" for name in ("reuseaddr", "reuseport", "v6only") if wish[name]]
    words += ["--device", wish["device"]] if wish["device"] else []
    return words + (["--user", str(wish["uid"])] if wish["uid"] else [])


def ask(wish, port):
    done = subprocess.run([HARK, *words_of(wish, port)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    if "Sanitizer" in done.stderr or "runtime error" in done.stderr or not done.stdout:
        raise AssertionError(f"status {done.returncode}\n{done.stderr}")
    answer = json.loads(done.stdout)
    answer["status"] = done.returncode
    return answer


def name_of(error):
    return errno.errorcode[error] if error else None


class Tester:
    def __init__(self, helper):
        self.helper = helper
        self.seen = collections.Counter()

    def build(self, specs, port):
        """What is there, and the descriptions of all that was."""
        things = [thing for spec in specs if (thing := ports.build(spec, port, self.helper))]
        ports.remove([thing for thing in things if thing.spec["gone"]])
        return [thing for thing in things if not thing.spec["gone"]], [thing.spec for thing in things]

    def check(self, pair, port):
        """The complaints about one pair."""
        # The truth is found in the same world elsewhere, which hark has not touched.
        for _ in range(TWINS):
            untouched, were_there = self.build(pair.things, port + ELSEWHERE)
            error = ports.attempt(pair.wish, port + ELSEWHERE)
            ports.remove(untouched)
            things, are_there = self.build(pair.things, port)
            if are_there == were_there:
                break
            ports.remove(things)  # another of a SO_REUSEPORT group got a connection
        else:
            return ["a world cannot be made twice"]
        try:
            answer = ask(pair.wish, port)
            complaints = self.compare(answer, error)
            again = ports.attempt(pair.wish, port)
            if again != error:
                complaints.append(f"after hark it is {name_of(again)}, before it was {name_of(error)}")
            if not complaints and error == errno.EADDRINUSE:
                complaints = self.remove_culprits(pair, port, things, answer)
        finally:
            ports.remove(things)
        return complaints

    def compare(self, answer, error):
        complaints = []
        wanted = (error == 0, name_of(error))
        reasoned = answer["reasoned"]
        self.seen[f"{wanted[1] or 'it can'}"] += 1
        if (answer["can"], answer["error"]) != wanted:
            complaints.append(f"it says {answer['can']}, {answer['error']}; true is {wanted}")
        if answer["status"] != (1 if error else 0):
            complaints.append(f"exit status {answer['status']}")
        if reasoned["can"] is None:
            self.seen["left open by reasoning"] += 1
        elif (reasoned["can"], reasoned["error"]) != wanted:
            complaints.append(f"it reasons {reasoned}; true is {wanted}")
        if error and not answer["obstacles"]:
            complaints.append("no obstacle is named")
        if error and not answer["help"]:
            complaints.append("nothing is said to help")
        if not error and answer["obstacles"]:
            complaints.append(f"obstacles: {[o['code'] for o in answer['obstacles']]}")
        for obstacle in answer["obstacles"]:
            self.seen[f"obstacle {obstacle['code']}"] += 1
        return complaints

    def named(self, things, answer, certain):
        """Those of the things that obstacles are about."""
        cookies = {int(o["socket"]["cookie"], 16) for o in answer["obstacles"]
                   if o["socket"] and o["certain"] in certain}
        return [thing for thing in things if thing.cookie in cookies]

    def remove_culprits(self, pair, port, things, answer):
        sure = self.named(things, answer, (True,))
        unsure = self.named(things, answer, (False,))
        if any(not o["socket"] for o in answer["obstacles"] if o["error"] == "EADDRINUSE"):
            return ["a socket that no list has is said to be guilty"]
        if not sure and not unsure:
            return ["no socket of the world is said to be guilty"]
        self.seen["named for sure"] += len(sure)
        self.seen["named perhaps"] += len(unsure)
        complaints = self.keep_one(pair, port + 2 * ELSEWHERE, things, sure) if sure else []
        ports.remove(sure)
        error = ports.attempt(pair.wish, port)
        if error and unsure:
            ports.remove(unsure)
            error = ports.attempt(pair.wish, port)
        if error:
            complaints.append(f"once the guilty are gone it still fails: {name_of(error)}")
        return complaints

    def keep_one(self, pair, port, things, sure):
        """The same world elsewhere, and all but one of the guilty leave it: that is in the way.

        A world of it alone would be another: TCP remembers who had the port before.
        """
        chosen = things.index(random.Random(pair.seed).choice(sure))
        for _ in range(TWINS):
            twins, _ = self.build(pair.things, port)
            if [twin.spec for twin in twins] == [thing.spec for thing in things]:
                break
            ports.remove(twins)
        else:
            return ["a world cannot be made thrice"]
        ports.remove(twins[:chosen] + twins[chosen + 1:])
        error = ports.attempt(pair.wish, port)
        ports.remove([twins[chosen]])
        return [] if error == errno.EADDRINUSE else [f"{twins[chosen].spec} alone is not in the way"]


def choose(options):
    if options.only is not None:
        return [Pair(options.only)]
    known = [Pair(n, row) for n, row in enumerate(json.loads(KNOWN.read_text()))]
    drawn = 0 if options.known else options.pairs
    return known + [Pair(options.seed * 1000003 + n) for n in range(drawn)]


def run(options):
    harness.needs_real_root()
    pairs = choose(options)
    groups = min(GROUPS, len(pairs))
    print(f"1..{groups + 1}\n# seed {options.seed}, {len(pairs)} pairs", flush=True)
    wrong = 0
    with harness.world(*LINES, settings={"ipv4/ip_local_port_range": CLIENTS}, addresses=OF_DEVICES):
        tester = Tester(ports.Helper())
        for group in range(groups):
            complaints = []
            for n in range(group, len(pairs), groups):
                pair = pairs[n]
                port = FIRST_PORT + n
                found = tester.check(pair, port)
                if found:
                    complaints += [pair.name, f"  wish {pair.wish}",
                                   *(f"  {thing}" for thing in pair.things), *(f"  {c}" for c in found)]
            wrong += bool(complaints)
            print(f"{'not ok' if complaints else 'ok'} {group + 1} - pairs {group} and every {groups}th after")
            print(*(f"# {line}" for line in complaints), sep="\n" if complaints else "", flush=True)
    for what, count in sorted(tester.seen.items()):
        print(f"# {count:6} {what}")
    is_open = tester.seen["left open by reasoning"] > MOST_OPEN * len(pairs) and len(pairs) >= GROUPS
    print(f"{'not ok' if is_open else 'ok'} {groups + 1} - reasoning leaves few pairs open")
    return wrong or is_open


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", action="store_true", help="draw the seed")
    parser.add_argument("--only", type=int)
    parser.add_argument("--known", action="store_true", help="those of known.json alone")
    options = parser.parse_args()
    if options.pairs > MOST_PAIRS:
        parser.error(f"there are ports for {MOST_PAIRS} pairs")
    if options.random:
        options.seed = int.from_bytes(os.urandom(3), "big")
    try:
        sys.exit(1 if run(options) else 0)
    except harness.Skip as reason:
        print(f"1..0 # SKIP {reason}")


if __name__ == "__main__":
    main()
