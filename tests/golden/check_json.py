#!/usr/bin/env python3
"""JSON and CSV against what the contract promises: read with Python's parsers, key by key. Prints TAP.

    check_json.py SHOW
"""
import csv
import io
import ipaddress
import json
import re
import subprocess
import sys

from golden import Tap

TRI = (bool, type(None))
TEXT = (str, type(None))
NUMBER = (int, type(None))
VERDICTS = {"all", "some", "none", "unknown"}
REACHES = {"host", "link", "private", "public", None}
STATES = {"listen", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "close-wait",
          "last-ack", "closing", "time-wait", "bound", "unconnected"}

# The keys of the contract, in its order; what is added comes after them, or stands in EXTRA.
DOCUMENT = ["schema", "host", "kernel", "time", "complete", "notes", "namespaces", "sockets"]
SOCKET = {"netns": NUMBER, "protocol": str, "family": str, "label": str, "state": str, "local": dict,
          "remote": (dict, type(None)), "v6only": TRI, "mapped": bool, "answers": (dict, type(None)),
          "reach": (dict, type(None)), "inode": int, "cookie": TEXT, "uid": int, "user": TEXT,
          "queue": (dict, type(None)), "holders": (list, type(None)), "holders_complete": bool}
HOLDER = {"pid": int, "fd": int, "command": TEXT, "executable": TEXT, "user": TEXT, "unit": TEXT,
          "container": TEXT}
NOTE = {"what": str, "why": str, "count": int}
NAMESPACE = {"netns": NUMBER, "name": TEXT, "bindv6only": TRI, "ipv6_disabled": TRI,
             "addresses": (list, type(None)), "read": bool, "mount": TEXT, "pid": NUMBER,
             "origin": (dict, type(None))}
ADDRESS = {"address": str, "interface": TEXT, "scope": str}
ANSWER_MORE = ["why", "addresses", "shadowed_by"]
ENTRY = {"family": str, "interface": TEXT, "addresses": list, "sources": list}
SOURCE = {"from": list, "verdict": str, "how": TEXT, "depends_on": list, "rules": list}
RULE = {"where": TEXT, "handle": NUMBER, "text": TEXT}
DOOR = {"netns": NUMBER, "protocol": str, "family": str, "port": int, "address": TEXT, "leads_to": TEXT,
        "listener": (dict, type(None)), "rule": (dict, type(None)), "firewall": list, "from": TEXT}
EXPOSED = {"class": str, "protocol": str, "port": int, "from": dict, "wider": TEXT, "crafted": bool,
           "text": str, "sockets": list, "published": NUMBER}
REACHED = {"socket": NUMBER, "published": NUMBER, "addresses": list, "verdict": str, "how": TEXT,
           "depends_on": list, "all": bool, "from": (list, type(None)), "rules": list}
PASSAGES = {"accept", "drop", "reject", "diverted", "depends", "unknown"}
CLASSES = ["wider", "everyone", "depends", "unknown", "ranges", "private", "link"]


def object_problems(where, value, keys):
    """The keys come first, in that order, each of its type."""
    if list(value)[:len(keys)] != list(keys):
        yield f"{where}: keys are {list(value)}"
        return
    for key, types in keys.items():
        if not isinstance(value[key], types) or (types is int and isinstance(value[key], bool)):
            yield f"{where}: {key} is {value[key]!r}"


def answer_problems(where, answer):
    keys = list(answer)
    if keys[:3] != ["verdict", "via", "decided_by"] or keys[3:] != [k for k in ANSWER_MORE if k in keys]:
        yield f"{where}: keys are {keys}"
        return
    if answer["verdict"] not in VERDICTS or answer["decided_by"] not in {"kernel", "flags", "inferred"}:
        yield f"{where}: {answer}"
    if (answer["via"] is None) != (answer["verdict"] in ("none", "unknown")):
        yield f"{where}: via {answer['via']} with {answer['verdict']}"
    if ("addresses" in answer) != (answer["verdict"] == "some"):
        yield f"{where}: addresses with {answer['verdict']}"
    if answer["verdict"] == "unknown" and "why" not in answer:
        yield f"{where}: unknown, and no why"


def listener_problems(where, socket):
    if (socket["answers"] is None) != (socket["reach"] is None):
        yield f"{where}: answers and reach are not null together"
    if socket["answers"] is None:
        return
    if list(socket["answers"]) != ["ipv4", "ipv6"] or list(socket["reach"]) != ["ipv4", "ipv6"]:
        yield f"{where}: {socket['answers']} {socket['reach']}"
        return
    for family, answer in socket["answers"].items():
        yield from answer_problems(f"{where}: {family}", answer)
        if socket["reach"][family] not in REACHES:
            yield f"{where}: reach {socket['reach'][family]}"
        if answer["verdict"] in ("none", "unknown") and socket["reach"][family] is not None:
            yield f"{where}: reaches though it does not answer"


def interval(text):
    """The numbers of the first and last address of a prefix or range."""
    if "-" in text:
        first, last = map(ipaddress.ip_address, text.split("-"))
        yield from () if first < last else [f"{text} is no range"]
        return int(first), int(last)
    network = ipaddress.ip_network(text)
    if "/" in text and network.num_addresses == 1:
        yield f"{text} is an address"
    return int(network.network_address), int(network.broadcast_address)


def holds(text, other):
    """Whether the first address of another prefix or range is in it."""
    first, last = exhaust(interval(text))
    return first <= exhaust(interval(other))[0] <= last


def exhaust(generator):
    """What it returns."""
    try:
        while True:
            next(generator)
    except StopIteration as stop:
        return stop.value


def covered(sources, last):
    """Whether the sources, in their order, leave no address out, and each adds some."""
    left = [(0, last)]
    for source in sources:
        before = left
        for text in source["from"]:
            first, end = yield from interval(text)
            left = [(begin, stop) for a, b in left
                    for begin, stop in ((a, min(b, first - 1)), (max(a, end + 1), b))
                    if begin <= stop]
        if left == before:
            yield f"nobody is left for {source['from']}"
    if left:
        yield f"{left} fares in no way"


def source_problems(where, sources):
    for source in sources:
        yield from object_problems(where, source, SOURCE)
        if source["verdict"] not in PASSAGES:
            yield f"{where}: verdict {source['verdict']}"
        if (source["verdict"] == "depends") != bool(source["depends_on"]):
            yield f"{where}: {source['verdict']} on {source['depends_on']}"
        if source["verdict"] in ("reject", "diverted") and not source["how"]:
            yield f"{where}: {source['verdict']}, and not how"
        for rule in source["rules"]:
            yield from object_problems(f"{where}: rule", rule, RULE)


def entries_problems(where, entries):
    for entry in entries:
        here = f"{where}: {entry.get('family')} {entry.get('addresses')}"
        yield from object_problems(here, entry, ENTRY)
        yield from source_problems(here, entry["sources"])
        bits = 32 if entry["family"] == "ipv4" else 128
        yield from (f"{here}: {problem}" for problem in covered(entry["sources"], 2 ** bits - 1))
        for address in entry["addresses"]:
            if (":" in address) != (entry["family"] == "ipv6"):
                yield f"{here}: of another family"


def firewall_problems(where, socket):
    if (socket["firewall"] is None) != (socket["findings"] is None) or "from" not in socket:
        yield f"{where}: firewall, from and findings are not null together"
    if socket["firewall"] is None:
        return
    yield from entries_problems(where, socket["firewall"])
    for family, who in socket["from"].items():
        if (who is None) != (socket["answers"][family]["verdict"] == "none"):
            yield f"{where}: {family} is open to {who}"
    for finding in socket["findings"]:
        if finding["code"] == "firewall-crafted-sender":
            yield from source_problems(f"{where}: crafted", finding["sources"])
        elif finding["code"] != "firewall-wider-family" or not finding["text"]:
            yield f"{where}: {finding}"


def socket_problems(where, socket):
    yield from object_problems(where, socket, SOCKET)
    if socket["state"] not in STATES or socket["family"] not in ("inet", "inet6"):
        yield f"{where}: {socket['state']} {socket['family']}"
    if list(socket["local"]) != ["address", "port", "interface"]:
        yield f"{where}: local is {socket['local']}"
    if socket["remote"] is not None and list(socket["remote"]) != ["address", "port"]:
        yield f"{where}: remote is {socket['remote']}"
    if socket["cookie"] is not None and not re.fullmatch("[0-9a-f]{16}", socket["cookie"]):
        yield f"{where}: cookie is {socket['cookie']}"
    if socket["queue"] is not None:
        keys = dict.fromkeys(["receive", "send", "backlog"], int) | {"backlog_max": NUMBER}
        yield from object_problems(f"{where}: queue", socket["queue"], keys)
    if socket["mapped"] and "::ffff" in json.dumps([socket["local"], socket["remote"]]):
        yield f"{where}: a mapped address is not plain IPv4"
    yield from listener_problems(where, socket)
    yield from firewall_problems(where, socket)
    for holder in socket["holders"] or []:
        yield from object_problems(f"{where}: holder", holder, HOLDER)


def document_problems(document):
    if list(document)[:len(DOCUMENT)] != DOCUMENT or document["schema"] != 1:
        yield f"keys are {list(document)}"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["time"]):
        yield f"time is {document['time']}"
    if document["complete"] != (not document["notes"]):
        yield f"complete is {document['complete']} with {len(document['notes'])} notes"
    for note in document["notes"]:
        yield from object_problems("note", note, NOTE)
    for namespace in document["namespaces"]:
        yield from object_problems("namespace", namespace, NAMESPACE)
        for address in namespace["addresses"] or []:
            yield from object_problems("address", address, ADDRESS)
    for i, socket in enumerate(document["sockets"]):
        yield from socket_problems(f"socket {i}", socket)
    for i, door in enumerate(document["published"] or []):
        yield from object_problems(f"published {i}", door, DOOR)
        yield from entries_problems(f"published {i}", door["firewall"])


def original(text):
    """The bytes that a string of JSON was made of: as escape.h tells."""
    return b"".join(bytes([ord(c) - 0xef00]) if 0xef80 <= ord(c) <= 0xefff else c.encode()
                    for c in text)


def from_csv(text):
    """The bytes that a field of CSV was made of."""
    def unescape(match):
        what = match[1]
        if what == "\\":
            return b"\\"
        return bytes([int(what[1:], 16)]) if what[0] == "x" else chr(int(what[1:], 16)).encode()
    pattern = r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    parts = re.split(pattern, text)
    matches = [unescape(m) for m in re.finditer(pattern, text)]
    plain = [part.encode() for part in parts[::2]]
    return b"".join(a + b for a, b in zip(plain, matches + [b""]))


HOSTILE = {
    6000: {"command": b"\033[31mred\n\t\"\\,\b", "unit": b"evil\xff\xfe@\xe2\x80\xae.service",
           "command_line": b"x\x01\x7f\xc2\x9b31m \xef\xbe\x80 \xee\xbe\x80 =1+1"},
    6001: {"command": "日本語サーバ".encode(), "unit": b"caf\xc3\xa9.service"},
    6002: {"command": b"cafe\xcc\x81\xf0\x9f\x90\x9f", "unit": b"a\\x2db.service"},
}
CSV_NAMES = {"command_line": "cmdline"}


def check_lossless(output):
    """names are had back from JSON and CSV byte by byte"""
    sockets = {s["local"]["port"]: s for s in json.loads(output("rich json"))["sockets"]}
    columns = "port,command,unit,cmdline"
    rows = {int(row["port"]): row for row in
            csv.DictReader(io.StringIO(output("rich csv columns=" + columns).decode(), newline=""))
            if row["port"].isdigit()}
    for port, names in HOSTILE.items():
        for key, expected in names.items():
            got = original(sockets[port]["holders"][0][key])
            if got != expected:
                yield f"JSON: {got} for {expected}"
            got = from_csv(rows[port][CSV_NAMES.get(key, key)])
            if got != expected:
                yield f"CSV: {got} for {expected}"


def check_exposed(output):
    """what is exposed stands in the order of its class, and names what it is about"""
    document = json.loads(output("firewall exposed-json"))
    lines = [json.loads(line) for line in output("firewall exposed-ndjson").splitlines()]
    order = [CLASSES.index(row["class"]) for row in document["exposed"]]
    if order != sorted(order) or set(order) != set(range(6)):
        yield f"classes are {order}"
    for row, line in zip(document["exposed"], lines, strict=True):
        yield from object_problems("exposed", row, EXPOSED)
        if row["sockets"]:
            sockets = [document["sockets"][i] for i in row["sockets"]]
            if sockets != line["sockets"] or {s["local"]["port"] for s in sockets} != {row["port"]}:
                yield f"{row} is about {sockets}"
        elif document["published"][row["published"]] != line["published"]:
            yield f"{row} is about {line['published']}"
        if (row["class"] == "wider") != (row["wider"] is not None) or line["view"] != "this host":
            yield f"{row}"
    named = [i for row in document["exposed"] for i in row["sockets"]]
    if named != list(range(len(document["sockets"]))):
        yield f"sockets named are {named}"


def check_reached(output):
    """what senders reach is what the partitions say of them"""
    asked = ipaddress.ip_network("10.0.0.0/7")
    document = json.loads(output(f"firewall reached-json from={asked} all"))
    for row in document["reached"]:
        yield from object_problems("reached", row, REACHED)
        if row["socket"] is None:
            continue
        socket = document["sockets"][row["socket"]]
        if row["from"] is None:
            if socket["firewall"] is not None:
                yield f"{row} is unread"
            continue
        entry = next(e for e in socket["firewall"] if e["addresses"][0] == row["addresses"][0])
        for text in row["from"]:
            source = next(s for s in entry["sources"] for part in s["from"] if holds(part, text))
            if source["verdict"] != row["verdict"] or source["rules"] != row["rules"]:
                yield f"{row} for {source}"


def check_ndjson(output):
    """a line of ndjson is a socket of the document"""
    for name in ("founding", "rich", "connections all", "empty", "firewall"):
        snapshot, *options = name.split(" ")
        lines = output(" ".join([snapshot, "ndjson", *options])).decode().split("\n")
        sockets = json.loads(output(" ".join([snapshot, "json", *options])))["sockets"]
        if lines.pop() or [json.loads(line) for line in lines] != sockets:
            yield f"{name} differs"


def check_csv(output):
    """CSV is read back whole, a row a socket"""
    for name in ("founding", "rich", "connections", "hidden"):
        rows = list(csv.reader(io.StringIO(output(name + " csv").decode(), newline="")))
        n = len(json.loads(output(name + " json"))["sockets"])
        if len(rows) != n + 1 or len({len(row) for row in rows}) != 1:
            yield f"{name}: {len(rows)} rows for {n} sockets"


def check_values(output):
    """the founding case says what its story says"""
    document = json.loads(output("founding json"))
    apache = next(s for s in document["sockets"] if s["local"]["port"] == 80)
    wanted = {"label": "tcp46", "family": "inet6", "v6only": False, "remote": None,
              "answers": {"ipv4": {"verdict": "all", "via": "mapped", "decided_by": "kernel"},
                          "ipv6": {"verdict": "all", "via": "native", "decided_by": "kernel"}},
              "reach": {"ipv4": "private", "ipv6": "public"},
              "local": {"address": "::", "port": 80, "interface": None}}
    for key, value in wanted.items():
        if apache[key] != value:
            yield f"{key} is {apache[key]}"
    if [h["pid"] for h in apache["holders"]] != [2533, 2537, 2538, 2539, 2540, 2541]:
        yield f"holders are {apache['holders']}"
    mapped = [s for s in json.loads(output("connections json all"))["sockets"] if s["mapped"]]
    if {s["remote"]["address"] for s in mapped} != {"192.168.1.10"} or len(mapped) != 2:
        yield f"mapped are {mapped}"
    scoped = [s for s in json.loads(output("connections json all"))["sockets"]
              if s["local"]["interface"]]
    ends = [(s["local"]["address"], s["local"]["interface"], s["remote"]["address"]) for s in scoped]
    if ends != [("fe80::241%eth0", "eth0", "fe80::1%eth0")]:
        yield f"link-local ends are {ends}"
    hidden = json.loads(output("hidden json"))
    if [s["holders_complete"] for s in hidden["sockets"]] != [False] * 5:
        yield "hidden holders look complete"


def check_documents(output):
    """every document keeps the contract"""
    for arguments in ("founding json", "rich json", "connections json all", "hidden json",
                      "empty json", "many json", "firewall json", "firewall exposed-json",
                      "firewall reached-json from=10.0.0.0/7", "founding exposed-json"):
        for problem in list(document_problems(json.loads(output(arguments))))[:10]:
            yield f"{arguments}: {problem}"


CHECKS = (check_documents, check_values, check_exposed, check_reached, check_ndjson, check_csv,
          check_lossless)


def main(show):
    def output(arguments):
        return subprocess.run([show, *arguments.split(" ")], stdout=subprocess.PIPE, check=True).stdout

    tap = Tap(len(CHECKS))
    for check in CHECKS:
        tap.check(check.__doc__, list(check(output)))
    return 1 if tap.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
