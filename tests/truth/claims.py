"""What hark claims, against who really got what."""

import ipaddress
import json
import subprocess

from calls import NOBODY, bare
from plan import REACHES

LISTENING = ("listen", "unconnected")
SECONDS = 60


def run_hark(program, box, *options):
    """The document that hark prints inside the box."""
    with box:
        done = subprocess.run([program, *options, "--json"], capture_output=True, text=True,
                              timeout=SECONDS, check=False)
    # 1 is "nothing matched": a world may have come out empty
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"hark exited {done.returncode}: {done.stderr.strip()}")
    if "Sanitizer" in done.stderr or "runtime error" in done.stderr:
        raise RuntimeError(f"hark: {done.stderr.strip()}")
    return json.loads(done.stdout)


def unmapped(address):
    ip = ipaddress.ip_address(bare(address))
    return getattr(ip, "ipv4_mapped", None) or ip


def space(protocol):
    """Protocols that compete for the same ports: MPTCP is TCP as far as a port goes."""
    return "tcp" if protocol == "mptcp" else protocol


def takes_v4(m):
    """Can this AF_INET6 socket take IPv4? A specific IPv6 bind sets IPV6_V6ONLY, but with MPTCP
    only that of the inner TCP socket."""
    address = ipaddress.ip_address(m["address"])
    return not m["v6only"] and (address.is_unspecified or address.ipv4_mapped is not None)


def can_take(m, version):
    """Whether its family, IPV6_V6ONLY and the bound address leave anything of an IP version; the
    kernel need not be asked where they do not."""
    if version == 6:
        return m["family"] == "inet6" and unmapped(m["address"]).version == 6
    return m["family"] == "inet" or takes_v4(m)


class Claims:
    """The sockets of one namespace: what the helper made of each, and what hark says of it."""

    def __init__(self, document, netns, made):
        self.made = {m["made"]: m for m in made}
        self.rows = {number: [] for number in self.made}
        self.strangers = []
        self._learnt = {}
        by_inode = {m["inode"]: m["made"] for m in made}
        for row in document["sockets"]:
            if row["netns"] != netns:
                continue
            number = by_inode.get(row["inode"])
            # a MPTCP listener has an inner TCP one, which shows the same inode
            if number is None:
                self.strangers.append(row)
            else:
                self.rows[number].append(row)
        self._named = {(m["port"], space(m["protocol"]), unmapped(m["address"]))
                       for m in made if m["state"] in LISTENING}

    def group(self, number):
        """Those that share what one of them gets: its SO_REUSEPORT group, or it alone.

        They are alike, but not all that are alike are one group. A UDP socket that joins looks for
        any socket of its address, and where that is a wildcard one which connect() has given the
        address, and taken out of its own group, the two found a new group, and those that were
        there before get nothing more. So what the calls showed comes first: see learn_group().
        """
        def key(m):
            return [m[k] for k in ("port", "state", "family", "interface", "uid", "address")] + [
                space(m["protocol"]), m["family"] == "inet6" and takes_v4(m)]
        if number in self._learnt:
            return self._learnt[number]
        one = self.made[number]
        if not one["reuseport"] or one["state"] not in LISTENING:
            return {number}
        return {n for n, m in self.made.items() if m["reuseport"] and key(m) == key(one)}

    def learn_group(self, alike, seen):
        """Of sockets that are alike only these got anything, however often they were called."""
        for number in alike:
            self._learnt[number] = seen if number in seen else {number}

    def spaces(self):
        return sorted({(space(m["protocol"]), m["port"]) for m in self.made.values()})

    def bound_to_device(self, protocol, port):
        return any(m["interface"] for m in self.made.values()
                   if (space(m["protocol"]), m["port"]) == (protocol, port))

    def claims(self, number, target, rows=any):
        """Whether any of its rows claims the target, or all of them do."""
        m = self.made[number]
        # "for a socket bound to an interface, for that interface's addresses alone"
        if m["interface"] not in (None, target.interface):
            return False
        return rows(self.row_claims(row, m, target) for row in self.rows[number])

    def row_claims(self, row, m, target):
        if not row["answers"]:
            return False
        answer = row["answers"][f"ipv{target.ip.version}"]
        if answer["verdict"] == "all":
            return True
        listed = answer.get("addresses", []) if answer["verdict"] == "some" else []
        if target.name in listed:
            return True
        if (m["port"], space(m["protocol"]), target.ip) in self._named:
            return False
        return any("/" in a and target.ip in ipaddress.ip_network(a) for a in listed)

    def claimants(self, protocol, port, target):
        return {n for n, m in self.made.items()
                if (space(m["protocol"]), m["port"]) == (protocol, port)
                and self.claims(n, target)}

    def text(self, number):
        m = self.made[number]
        flags = " ".join(k for k in ("v6only", "reuseaddr", "reuseport") if m[k])
        line = (f"[{number}] {m['protocol']} {m['family']} {m['address']} port {m['port']}"
                f" dev {m['interface']} uid {m['uid']} {m['state']} {flags}")
        for row in self.rows[number]:
            line += f"\n      {row['protocol']}: {json.dumps(row['answers'])}"
        return line


def judge_call(claims, protocol, port, target, winner):
    """What is wrong with the claims about one call, or None."""
    claimants = claims.claimants(protocol, port, target)
    if winner is NOBODY:
        return f"nobody got it, claimed by {sorted(claimants)}" if claimants else None
    if winner not in claimants:
        return f"[{winner}] got it, claimed by {sorted(claimants)}"
    others = claimants - claims.group(winner)
    if others:
        return f"[{winner}] got it, also claimed by {sorted(others)}, not of its group"
    if not claims.claims(winner, target, rows=all):
        return f"[{winner}] got it, not claimed in each of its rows"
    return None


def judge_verdicts(claims, targets, results):
    """`all`, `some` and `none` must be what came of all calls: a list of complaints."""
    wrong = []
    for number, m in claims.made.items():
        for row in claims.rows[number]:
            if m["state"] not in LISTENING:
                if row["answers"] is not None:
                    wrong.append(f"[{number}] is no listener and has answers")
                continue
            wrong += _judge_row(claims, m, row, targets, results)
    return wrong


def _judge_row(claims, m, row, targets, results):
    for version in (4, 6):
        mine = [t for t in targets if t.ip.version == version and t.local
                and m["interface"] in (None, t.interface)]
        group = claims.group(m["made"])
        won = [t for t in mine if results[space(m["protocol"]), m["port"], t] in group]
        expected = "none" if not won else "all" if len(won) == len(mine) else "some"
        answer = row["answers"][f"ipv{version}"]
        who = f"[{m['made']}] ipv{version}"
        if answer["verdict"] != expected:
            yield f"{who}: verdict {answer['verdict']}, but it is {expected}"
            continue
        for t in mine:
            if claims.row_claims(row, m, t) != (t in won):
                yield f"{who}: {t.name} is {'not ' if t in won else ''}claimed, wrongly"
        if row["protocol"] in ("tcp", "udp") and mine and can_take(m, version):
            # What is bound to no local address needs no question.
            if answer.get("decided_by") != "kernel" and answer.get("why") != "not-local":
                yield f"{who}: decided by {answer.get('decided_by')}"
        via = "mapped" if version == 4 and m["family"] == "inet6" else "native"
        if won and answer.get("via") != via:
            yield f"{who}: via {answer.get('via')}, but it is {via}"
        reach = REACHES[max(t.reach for t in won)] if won else None
        if row["reach"][f"ipv{version}"] != reach:
            yield f"{who}: reach {row['reach'][f'ipv{version}']}, but it is {reach}"
        names = {t.name for t in targets}
        for address in answer.get("addresses") or []:
            if "/" not in address and address not in names:
                yield f"{who}: claims {address}, which nobody here has"


def judge_facts(claims):
    """The plain facts of each row against what the helper made."""
    for row in claims.strangers:
        yield f"a socket that nobody made: {json.dumps(row)}"
    for number, m in claims.made.items():
        rows = claims.rows[number]
        # Linux 6.18's dump of MPTCP leaves out some of those that share a hash bucket: of three
        # listeners in one group it tells two, of six three. All show as TCP, by the inner socket.
        if m["state"] in LISTENING and m["protocol"] not in {row["protocol"] for row in rows}:
            yield f"[{number}] is not listed as {m['protocol']}"
        for row in rows:
            yield from _judge_fact(m, row)


def _judge_fact(m, row):
    seen = {
        "family": row["family"], "port": row["local"]["port"], "state": row["state"],
        "interface": row["local"]["interface"], "uid": row["uid"],
        "address": str(unmapped(row["local"]["address"])),
        "holders": sorted({h["pid"] for h in row["holders"]}),
    }
    made = {**m, "address": str(unmapped(m["address"])), "holders": sorted(m["holders"])}
    # Linux 6.18's dump leaves out MPTCP listeners that share a bucket of its hash; those are known
    # by the TCP socket within, and their own cookie is not.
    if row["cookie"] is not None or row["protocol"] != "mptcp":
        seen["cookie"] = row["cookie"]
    if row["protocol"] == "mptcp":  # which does not hear what a specific bind did to the inner
        del seen["interface"]
    elif m["family"] == "inet6":
        seen["v6only"] = row["v6only"]
        made["v6only"] = not takes_v4(m)
    for name, value in seen.items():
        if value != made[name]:
            yield f"[{m['made']}] {row['protocol']}: {name} {value}, but it is {made[name]}"
