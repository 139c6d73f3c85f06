#!/usr/bin/env python3
"""JSON and CSV against what the contract promises: read with Python's parsers, key by key. Prints TAP.

    check_json.py SHOW
"""
import csv
import io
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


def check_ndjson(output):
    """a line of ndjson is a socket of the document"""
    for name in ("founding", "rich", "connections all", "empty"):
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
                      "empty json", "many json"):
        for problem in list(document_problems(json.loads(output(arguments))))[:10]:
            yield f"{arguments}: {problem}"


CHECKS = (check_documents, check_values, check_ndjson, check_csv, check_lossless)


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
