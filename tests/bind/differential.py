#!/usr/bin/env python3
"""`hark bind` against bind(2) and listen(2), over random pairs of existing sockets and a wish.

    differential.py [--pairs N] [--seed N] [--only SEED]

Each pair is made from a seed of its own, on a port of its own. What hark reasons, and what it says
in the end, must be what a program meets with; and where the address is in use, the sockets that
hark names must be guilty: once they are gone the bind succeeds, and with one of them it fails.
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
TWINS = 5
GROUPS = 20  # tests that the pairs are summed in
# Of pairs that reasoning may leave open: what nobody may look into, and what chance decides.
MOST_OPEN = 0.1
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

    def __init__(self, seed):
        self.seed = seed
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
        things = [ports.build(spec, port, self.helper) for spec in specs]
        return [thing for thing in things if thing]

    def check(self, pair, port):
        """The complaints about one pair."""
        # The truth is found in the same world elsewhere, which hark has not touched.
        for _ in range(TWINS):
            untouched = self.build(pair.things, port + ELSEWHERE)
            error = ports.attempt(pair.wish, port + ELSEWHERE)
            ports.remove(untouched)
            things = self.build(pair.things, port)
            if [t.spec for t in things] == [t.spec for t in untouched]:
                break
            ports.remove(things)  # a handshake was not over at once
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
        complaints = self.keep_one(pair, port + 2 * ELSEWHERE, sure) if sure else []
        ports.remove(sure)
        error = ports.attempt(pair.wish, port)
        if error and unsure:
            ports.remove(unsure)
            error = ports.attempt(pair.wish, port)
        if error:
            complaints.append(f"once the guilty are gone it still fails: {name_of(error)}")
        return complaints

    def keep_one(self, pair, port, sure):
        """The same world elsewhere, with one of the guilty alone: it must be in the way."""
        spec = random.Random(pair.seed).choice(sure).spec
        things = self.build([spec], port)
        error = ports.attempt(pair.wish, port) if things else errno.EADDRINUSE
        ports.remove(things)
        return [] if error == errno.EADDRINUSE else [f"{spec} alone is not in the way"]


def run(options):
    harness.needs_real_root()
    seeds = [options.only] if options.only is not None else \
        [options.seed * 1000003 + n for n in range(options.pairs)]
    groups = min(GROUPS, len(seeds))
    print(f"1..{groups + 1}\n# seed {options.seed}, {len(seeds)} pairs", flush=True)
    wrong = 0
    with harness.world(*LINES, addresses=OF_DEVICES):
        tester = Tester(ports.Helper())
        for group in range(groups):
            complaints = []
            for n in range(group, len(seeds), groups):
                pair = Pair(seeds[n])
                port = FIRST_PORT + n
                found = tester.check(pair, port)
                if found:
                    complaints += [f"--only {pair.seed}", f"  wish {pair.wish}",
                                   *(f"  {thing}" for thing in pair.things), *(f"  {c}" for c in found)]
            wrong += bool(complaints)
            print(f"{'not ok' if complaints else 'ok'} {group + 1} - pairs {group} and every {groups}th after")
            print(*(f"# {line}" for line in complaints), sep="\n" if complaints else "", flush=True)
    for what, count in sorted(tester.seen.items()):
        print(f"# {count:6} {what}")
    is_open = tester.seen["left open by reasoning"] > MOST_OPEN * len(seeds) and len(seeds) > 1
    print(f"{'not ok' if is_open else 'ok'} {groups + 1} - reasoning leaves few pairs open")
    return wrong or is_open


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    try:
        sys.exit(1 if run(options) else 0)
    except harness.Skip as reason:
        print(f"1..0 # SKIP {reason}")


if __name__ == "__main__":
    main()
