#!/usr/bin/env python3
"""Every claim of `hark` about who answers, against real connections and datagrams.

Random worlds: a network namespace full of sockets that shadow one another, and a peer that calls
every address on every port. Hosts: several worlds at once, and one `hark -A` for all of them.
Then named situations, with the text that is expected of each.
Output is TAP. HARK and SITUATION name the programs, if they are not where the build puts them.
"""

import argparse
import os
import pathlib
import random
import socket
import sys
import traceback

import named
from calls import NOBODY, Caller, Situation
from claims import Claims, judge_call, judge_facts, judge_verdicts, run_hark
from netns import Netns, Pair, become_root
from plan import named_plan, random_world

ROOT = pathlib.Path(__file__).resolve().parents[2]
HARK = os.environ.get("HARK") or str(ROOT / "build/hark")
SITUATION = os.environ.get("SITUATION") or str(ROOT / "build/tests/tools/situation")

# A group of m misses a given member in n calls with probability (1 - 1/m)^n: for 8 members and
# 800 calls that is 1e-46.
MAX_GROUP_CALLS = 800
GROUP_BATCH = 24
GROUP_TARGETS = 2
WORLDS_A_HOST = 3


class Tap:
    def __init__(self, total):
        self.number = 0
        self.failures = 0
        print(f"1..{total}", flush=True)

    def note(self, text):
        for line in text.splitlines():
            print(f"# {line}", flush=True)

    def result(self, name, complaints):
        self.number += 1
        self.failures += bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {self.number} - {name}", flush=True)
        self.note("\n".join(complaints))

    def skip(self, name, reason):
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {reason}", flush=True)


def available_protocols():
    """Those of the four that this kernel has."""
    found = []
    for name, kind, number in (("tcp", socket.SOCK_STREAM, 6), ("udp", socket.SOCK_DGRAM, 17),
                               ("udplite", socket.SOCK_DGRAM, 136),
                               ("mptcp", socket.SOCK_STREAM, 262)):
        try:
            socket.socket(socket.AF_INET, kind, number).close()
            found.append(name)
        except OSError:
            pass
    return found


def call_everyone(plan, claims, caller, results):
    """Calls every address on every port, from where a stranger would. Yields complaints."""
    targets = list(plan.targets)
    wanted = [(protocol, t, port) for protocol, port in claims.spaces()
              for t in targets + plan.roamers
              # A packet for an address of lo may come in anywhere. Claims are about lo, and hold
              # elsewhere too, but for sockets that are bound to an interface.
              if t not in plan.roamers or not claims.bound_to_device(protocol, port)]
    for (protocol, target, port), winner in zip(wanted, caller.call(wanted)):
        results[protocol, port, target] = winner
        complaint = judge_call(claims, protocol, port, target, winner)
        if complaint:
            yield f"{protocol} port {port}, {target}: {complaint}"


def call_groups(claims, caller, results, rng):
    """Calls SO_REUSEPORT groups until every member got something. Yields complaints."""
    won = {}
    for (protocol, port, target), winner in results.items():
        if winner is not NOBODY and len(claims.group(winner)) > 1:
            key = (protocol, port, target.ip.version, frozenset(claims.group(winner)))
            won.setdefault(key, []).append(target)
    for (protocol, port, _, group), targets in won.items():
        for target in rng.sample(targets, min(GROUP_TARGETS, len(targets))):
            seen, calls = set(), 0
            while not group <= seen and seen <= group and calls < MAX_GROUP_CALLS:
                seen.update(caller.call([(protocol, target, port)] * GROUP_BATCH))
                calls += GROUP_BATCH
            if seen < group:
                claims.learn_group(group, seen)
            claimants = claims.claimants(protocol, port, target)
            if seen != claimants:
                yield (f"{protocol} port {port}, {target}: the group claims it as"
                       f" {sorted(claimants)}, and {sorted(seen, key=str)} got it")


def check_world(plan, pair, situation, rng, document=None):
    """Complaints about all that hark claims of a world, and the number of calls compared."""
    claims = Claims(document or run_hark(HARK, pair.box), pair.box.inode, situation.made)
    caller = Caller(pair, situation)
    results = {}
    complaints = list(judge_facts(claims))
    complaints += call_everyone(plan, claims, caller, results)
    complaints += call_groups(claims, caller, results, rng)
    complaints += judge_verdicts(claims, plan.targets, results)
    if complaints:
        complaints += [claims.text(number) for number in claims.made]
    return complaints, caller.count


def run_world(tap, seed, protocols, totals):
    plan, specs = random_world(seed, protocols, many_uids=totals["many_uids"])
    name = f"seed {seed}: {plan.kind}"
    pair = situation = None
    try:
        pair = Pair(plan)
        situation = Situation(SITUATION, pair.box, specs)
        complaints, calls = check_world(plan, pair, situation, random.Random(seed))
        totals["sockets"] += len(situation.made)
        totals["calls"] += calls
        name += f", {len(situation.made)} sockets, {calls} calls"
    except Exception:  # a world that breaks must not take the others with it
        complaints = [traceback.format_exc()]
    finally:
        if situation:
            situation.close()
        if pair:
            pair.close()
    if complaints:
        complaints.append("again: truth.py --only worlds --worlds 1 --seed " + str(seed))
    tap.result(name, complaints)


def count_doubles(situations):
    """How many sockets have their protocol, address and port in common with one of another world."""
    worlds = [{(m["protocol"], m["address"], m["port"]) for m in s.made} for s in situations]
    return sum(len(a & b) for i, a in enumerate(worlds) for b in worlds[:i])


def check_host(worlds, seed):
    """Complaints about what one answer claims of all these worlds, and the numbers of calls."""
    document = run_hark(HARK, worlds[0][1].box, "-A")
    unread = [n for n in document["namespaces"] if not n["read"]]
    complaints, calls = [f"not read: {n}" for n in unread], 0
    for plan, pair, situation in worlds:
        if all(n["netns"] != pair.box.inode for n in document["namespaces"]):
            complaints.append(f"{pair.box.inode} is not listed")
        found, n = check_world(plan, pair, situation, random.Random(seed), document)
        complaints += [f"{plan.kind}: {text}" for text in found]
        calls += n
    return complaints, calls


def run_host(tap, seed, protocols, totals):
    """Worlds whose sockets have ports and addresses in common, which one hark tells of."""
    worlds, pairs, situations = [], [], []
    name = f"host of seed {seed}"
    try:
        for i in range(WORLDS_A_HOST):
            plan, specs = random_world(seed * WORLDS_A_HOST + i, protocols,
                                       many_uids=totals["many_uids"])
            pairs.append(Pair(plan))
            situations.append(Situation(SITUATION, pairs[-1].box, specs))
            worlds.append((plan, pairs[-1], situations[-1]))
        complaints, calls = check_host(worlds, seed)
        doubles = count_doubles(situations)
        totals["sockets"] += sum(len(s.made) for s in situations)
        totals["calls"] += calls
        totals["doubles"] += doubles
        name += f", {calls} calls, {doubles} sockets that another world has, too"
    except Exception:
        complaints = [traceback.format_exc()]
    finally:
        for thing in situations + pairs:
            thing.close()
    if complaints:
        complaints.append(f"again: truth.py --only hosts --hosts 1 --seed {seed}")
    tap.result(name, complaints)


def run_named(tap, title, expected):
    name, _, kind = title.partition(" with ")
    plan = named_plan(kind)
    pair = Pair(plan)
    situation = None
    try:
        situation = Situation(SITUATION, pair.box, [name])
        unmade = [f"{f['step']}: {f['error']}" for f in situation.failed]
        if unmade and name in named.NEED_PRIVILEGE:
            tap.skip(title, f"this system allows no {unmade[0]}")
            return
        document = run_hark(HARK, pair.box, *named.OPTIONS.get(name, []))
        complaints = unmade + named.compare(document, pair.box.inode, expected)
        if name not in named.UNCALLED:
            complaints += check_world(plan, pair, situation, random.Random(0))[0]
    except Exception:
        complaints = [traceback.format_exc()]
    finally:
        if situation:
            situation.close()
        pair.close()
    tap.result(title, complaints)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the first world's")
    parser.add_argument("--worlds", type=int, default=48)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--only", choices=("worlds", "hosts", "named"))
    arguments = parser.parse_args()
    situations = named.EXPECTED if arguments.only in (None, "named") else {}
    worlds = arguments.worlds if arguments.only in (None, "worlds") else 0
    hosts = arguments.hosts if arguments.only in (None, "hosts") else 0
    for program in (HARK, SITUATION):
        if not os.access(program, os.X_OK):
            print(f"Bail out! no program {program}")
            return 1
    many_uids = os.geteuid() == 0
    try:
        become_root()
        Netns().close()
    except OSError as error:
        print(f"1..0 # SKIP no network namespaces here: {error}")
        return 0
    tap = Tap(len(situations) + worlds + hosts + bool(hosts))
    protocols = available_protocols()
    tap.note(f"protocols {' '.join(protocols)}; uids {'many' if many_uids else 'one: not root'}")
    for title, expected in situations.items():
        run_named(tap, title, expected)
    totals = {"sockets": 0, "calls": 0, "doubles": 0, "many_uids": many_uids}
    for seed in range(arguments.seed, arguments.seed + worlds):
        run_world(tap, seed, protocols, totals)
    for seed in range(arguments.seed, arguments.seed + hosts):
        run_host(tap, seed, protocols, totals)
    if hosts:
        tap.result("some sockets of a host could be mistaken for one another",
                   [] if totals["doubles"] else ["none has anything in common with another"])
    tap.note(f"{totals['sockets']} sockets, {totals['calls']} calls compared,"
             f" {tap.failures} of {tap.number} failed")
    return 1 if tap.failures else 0


if __name__ == "__main__":
    sys.exit(main())
