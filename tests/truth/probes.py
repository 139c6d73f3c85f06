#!/usr/bin/env python3
"""`hark probe` against the sockets that really got its connections and datagrams.

In each world every local address is probed on every port, from the host and from outside. The
socket that a probe names must be the one that accepted its connection, by the very ends of it, or
that read its datagram; and where a probe says that nobody got it, nobody may have.
Output is TAP. HARK and SITUATION name the programs, if they are not where the build puts them.
"""

import argparse
import itertools
import json
import os
import random
import select
import subprocess
import sys
import time
import traceback

import named
from calls import Situation, bare
from claims import space
from netns import Netns, Pair, become_root
from plan import named_plan, random_world
from truth import HARK, SITUATION, Tap, available_protocols

SECONDS = 20
KINDS = ("accepted", "datagrams", "nobody")
UDP_TARGETS = 3  # for each port: each wants a run of its own, and waits for an answer in vain
_texts = (f"probe-{n}" for n in itertools.count())


def run_probe(box, *arguments):
    with box:
        done = subprocess.run([HARK, "probe", "--json", *arguments], capture_output=True, text=True,
                              timeout=SECONDS * 3, check=False)
    if "Sanitizer" in done.stderr or "runtime error" in done.stderr or done.returncode not in (0, 1):
        raise RuntimeError(f"hark probe {arguments} exited {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)["probes"] if done.stdout else []


def wait_for(situation, holds):
    """Reads what the world tells until that holds; whether it came to."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        if not select.select([situation], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        situation.read()
    return True


class Judge:
    """Compares probes with what the world's helper saw."""

    def __init__(self, pair, situation):
        self._box, self._situation = pair.box, situation
        self._by_inode = {m["inode"]: m["made"] for m in situation.made}
        self.count = dict.fromkeys(KINDS, 0)

    def named_by(self, probe):
        listener = probe["listener"]
        return self._by_inode.get(listener["inode"], "a stranger") if listener else None

    def tcp(self, port, *options):
        for probe in run_probe(self._box, "tcp", port, "--timeout", "0.5", *options):
            source, target = probe["source"], probe["target"]
            what = f"tcp {target['address']} port {port} {probe['from']}: {probe['outcome']}"
            if probe["outcome"] != "accepted":
                self.count["nobody"] += 1
                if probe["outcome"] == "refused" and probe["listener"]:
                    yield f"{what}, and yet it is said to go to {self.named_by(probe)}"
                continue
            key = bare(source["address"]), source["port"], target["address"], target["port"]
            got = self._situation.connections
            if not wait_for(self._situation, lambda: key in got):
                yield f"{what}, but no socket of this world accepted it"
                continue
            self.count["accepted"] += 1
            if got[key] != self.named_by(probe):
                yield f"{what}: [{got[key]}] did, and [{self.named_by(probe)}] is said to"
            yield from self.ends(probe, what)

    def ends(self, probe, what):
        """What was on the wire, and what the server's socket is."""
        version = "ipv6" if ":" in probe["target"]["address"] else "ipv4"
        if {p["family"] for p in probe["packets"]} != {version}:
            yield f"{what}: packets {probe['packets']}"
        if probe["packets"][0]["flags"] != ["syn"]:
            yield f"{what}: packets {probe['packets']}"
        if not probe["connection"]:
            # This world's helper closes what it accepts at once, and then it may be gone
            if not any("fin" in p["flags"] for p in probe["packets"]):
                yield f"{what}: no connection, and nobody closed it"
            return
        mapped = probe["connection"]["remote"]["address"].startswith("::ffff:")
        if mapped != (version == "ipv4" and probe["connection"]["family"] == "inet6"):
            yield f"{what}: connection {probe['connection']}"

    def udp(self, target, port, *options):
        text = next(_texts)
        where = f"[{target}]:{port}" if ":" in target else f"{target}:{port}"
        (probe,) = run_probe(self._box, "udp", where, "--send", text, "--timeout", "0.05", *options)
        what = f"udp {where} {probe['from']}: {probe['outcome']}"
        named_socket, got = self.named_by(probe), self._situation.datagrams
        if named_socket is None:
            self.count["nobody"] += 1
            if probe["outcome"] != "refused":
                yield f"{what}, although nobody would get it"
        elif not wait_for(self._situation, lambda: text in got):
            yield f"{what}: [{named_socket}] is said to get it, and nobody did"
        else:
            self.count["datagrams"] += 1
            if got[text] != named_socket:
                yield f"{what}: [{got[text]}] got it, and [{named_socket}] is said to"
        if named_socket is None and text in got:
            yield f"{what}: [{got[text]}] got it"


def check(plan, pair, situation, rng):
    """Complaints, and how much was compared."""
    judge, complaints = Judge(pair, situation), []
    spaces = sorted({(space(m["protocol"]), m["port"]) for m in situation.made})
    for protocol, port in spaces:
        local = [t for t in plan.targets if t.local]
        for options in ([], ["--from-outside"]):
            if protocol == "tcp":
                complaints += judge.tcp(str(port), *options)
            elif protocol == "udp":
                # From outside lo and link-local addresses cannot be called
                fit = [t for t in local if not options or not (t.reach == 0 or t.link_local)]
                for target in rng.sample(fit, min(UDP_TARGETS, len(fit))):
                    complaints += judge.udp(target.name, port, *options)
    if complaints:
        complaints += [json.dumps(m) for m in situation.made]
    return complaints, judge.count


def run(tap, name, plan, specs, rng, totals):
    pair = situation = None
    try:
        pair = Pair(plan)
        situation = Situation(SITUATION, pair.box, specs)
        if situation.failed and name in named.NEED_PRIVILEGE:
            tap.skip(name, f"this system allows no {situation.failed[0]['step']}")
            return
        complaints, count = check(plan, pair, situation, rng)
        for key, number in count.items():
            totals[key] += number
        name += ", " + ", ".join(f"{number} {key}" for key, number in count.items())
    except Exception:  # a world that breaks must not take the others with it
        complaints = [traceback.format_exc()]
    finally:
        if situation:
            situation.close()
        if pair:
            pair.close()
    tap.result(name, complaints)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the first world's")
    parser.add_argument("--worlds", type=int, default=8)
    arguments = parser.parse_args()
    try:
        become_root()
        Netns().close()
    except OSError as error:
        print(f"1..0 # SKIP no network namespaces here: {error}")
        return 0
    protocols = [p for p in available_protocols() if p != "udplite"]
    titles = [t for t in named.EXPECTED if t.partition(" with ")[0] not in named.UNCALLED]
    tap, totals = Tap(len(titles) + arguments.worlds + 1), dict.fromkeys(KINDS, 0)
    for title in titles:
        situation, _, kind = title.partition(" with ")
        run(tap, title, named_plan(kind), [situation], random.Random(0), totals)
    for seed in range(arguments.seed, arguments.seed + arguments.worlds):
        plan, specs = random_world(seed, protocols, many_uids=False)
        run(tap, f"seed {seed}: {plan.kind}", plan, specs, random.Random(seed), totals)
    tap.result("something was accepted, read and got by nobody",
               [] if all(totals.values()) else [str(totals)])
    tap.note(f"{totals}, {tap.failures} of {tap.number} failed")
    return 1 if tap.failures else 0


if __name__ == "__main__":
    sys.exit(main())
