"""One round: start the servers, ask every port for real, and compare what hark says with that."""
import collections
import json
import os
import re
import subprocess

import kernel
import servers
import world

NOBODY = 65534

# What became of one real attempt. `family` is that of the server's end of a TCP connection.
Truth = collections.namedtuple("Truth", "origin address error family reply")


def digit(address):
    return "6" if ":" in address else "4"


def answers_of(socket, address):
    return socket["answers"]["ipv" + digit(address)]


def claims(socket, address):
    """Does hark say that this socket gets what is sent to the address?"""
    answers = answers_of(socket, address)
    if answers["verdict"] == "some":
        return address in {a.partition("%")[0] for a in answers["addresses"]}
    return answers["verdict"] == "all"


def end_of(end):
    return end["address"].partition("%")[0], end["port"]


def is_idle(socket):
    return all(answers["verdict"] == "none" for answers in socket["answers"].values())


def name_of(socket):
    return f"{socket['label']} {socket['local']['address']}"


class Checks:
    def __init__(self, name, program, here):
        self.name = name
        self.program = program
        self.here = here
        self.expected = {}      # (protocol, port): (command, greeting)
        self.truth = {}         # (protocol, port): [Truth]
        self.sockets = []       # hark's listeners of our namespace
        self.state = {}         # the kernel's: inode: (row, holders)

    def report(self, name, problems, notes=()):
        problems = list(problems)
        print(f"{'not ok' if problems else 'ok'} - {self.name}: {name}", flush=True)
        for line in (*problems, *notes):
            print("#   " + str(line).replace("\n", "\n#   "), flush=True)

    def hark(self, *arguments, **options):
        """Exit status and, where there is any, the document."""
        run = subprocess.run([self.program, "--json", *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, **options)
        if run.returncode not in (0, 1):
            raise RuntimeError(f"hark {arguments} ended with {run.returncode}: {run.stderr}")
        return run.returncode, json.loads(run.stdout) if run.stdout else None

    def ours(self, document):
        netns = os.stat("/proc/self/ns/net").st_ino
        return [s for s in document["sockets"]
                if s["netns"] == netns and s["protocol"] in ("tcp", "udp")]

    def run(self, present):
        self.start(present)
        (_, document), self.state = kernel.settled(self.hark)
        self.sockets = self.ours(document)
        self.ask_all(present)
        self.check_namespace(document)
        self.check_list()
        for key in sorted(self.truth):
            self.check_port(*key)
        self.check_families()
        self.check_netstat()
        self.check_stranger()

    # Starting

    def start(self, present):
        for is_later in (False, True):
            running = [(server, server.start(self.here)) for server in present
                       if bool(server.after) == is_later]
            for server, process in running:
                self.expected.update(server.ports)
                try:
                    world.wait_until(server.name, lambda: self.ready(server, process))
                    problems = []
                except (TimeoutError, ChildProcessError, subprocess.CalledProcessError) as error:
                    problems = [error, self.here.log(server.name)]
                self.report(f"{server.name} runs", problems)

    def ready(self, server, process):
        if process.poll() is not None:
            raise ChildProcessError(f"{server.name} ended with {process.returncode}")
        if server.found:
            return server.found()
        items = [self.item(*key, "127.0.0.1", greet=False)
                 for key in server.ports if key[0] == "tcp"]
        return not any(result["error"] for result in self.here.askers[0].ask(items))

    # Asking

    def item(self, protocol, port, address, greet=True):
        _, greeting = self.expected.get((protocol, port), (None, servers.UNKNOWN[protocol]))
        interface = self.here.addresses[address]
        return {"protocol": protocol, "port": port, "address": address, "scope": interface,
                "send": greeting.send.hex() if greet else "",
                "expect": greeting.expect.hex() if greet else "", "closed": self.closed_port()}

    def closed_port(self):
        taken = {row.port for row, _ in self.state.values()}
        return next(port for port in range(1, 65536) if port not in taken)

    def ask_all(self, present):
        for server in present:
            if server.found:
                self.expected.update(server.found())
        keys = {(row.protocol, row.port) for row, _ in self.state.values()} | set(self.expected)
        keys |= {(s["protocol"], s["local"]["port"]) for s in self.sockets}
        self.truth = {key: [] for key in keys}
        for asker in self.here.askers:
            addresses = [a for a, interface in self.here.addresses.items()
                         if asker.origin == "here" or interface != "lo"]
            items = [self.item(*key, address) for key in sorted(keys) for address in addresses]
            if asker.origin == "peer":
                items = [{**item, "scope": world.PEER} for item in items]
            results = asker.ask(items)
            connections = kernel.rows()
            self.check_connections(asker.origin, connections)
            for item, result in zip(items, results):
                self.truth[item["protocol"], item["port"]].append(
                    self.conclude(asker.origin, item, result, connections))
            asker.ask([])

    def conclude(self, origin, item, result, connections):
        """Finds the server's end of a connection: its family tells which socket it came through."""
        families = {row.family for row in connections
                    if row.protocol == "tcp" == item["protocol"] and not result["error"]
                    and (row.address, row.port) == (item["address"], item["port"])
                    and row.remote_port == result["port"]
                    and (row.remote in self.here.addresses) == (origin == "here")}
        return Truth(origin, item["address"], result["error"],
                     families.pop() if len(families) == 1 else None, bytes.fromhex(result["reply"]))

    # Checking

    def check_namespace(self, document):
        netns = os.stat("/proc/self/ns/net").st_ino
        said = next((n for n in document["namespaces"] if n["netns"] == netns), None)
        problems = [] if said else [f"namespace {netns} is not listed"]
        if said:
            real = {"bindv6only": self.here.bindv6only, "ipv6_disabled": not self.here.ipv6}
            problems += [f"{key}: {said[key]}, really {value}" for key, value in real.items()
                         if said[key] != value]
            addresses = {a["address"].partition("%")[0] for a in said["addresses"]}
            # whole prefixes are local besides, as 127.0.0.0/8 is
            wrong = {a for a in addresses if "/" not in a} ^ set(self.here.local)
            if wrong:
                problems.append(f"addresses: {sorted(addresses)}, not right: {sorted(wrong)}")
        if not document["complete"]:
            problems.append(f"not complete: {document['notes']}")
        self.report("the namespace is described", problems)

    def check_list(self):
        """Every listener once, none besides, each with its address, family and flag."""
        said = collections.Counter((s["protocol"], s["family"], s["local"]["address"],
                                    s["local"]["port"], s["inode"]) for s in self.sockets)
        real = collections.Counter((row.protocol, row.family, row.address, row.port, row.inode)
                                   for row, _ in self.state.values())
        problems = [f"not listed: {row}" for row in real - said]
        problems += [f"listed, not there: {row}" for row in said - real]
        flags = kernel.v6only()
        for socket in self.sockets:
            if socket["v6only"] != flags.get(socket["inode"], False):
                problems.append(f"{name_of(socket)}: v6only {socket['v6only']}, "
                                f"ss has {flags.get(socket['inode'])}")
        self.report("every listener is listed, once", problems)

    def check_connections(self, origin, before):
        """Each connection in its true family, whatever socket it came through."""
        _, document = self.hark("-a")
        there = collections.defaultdict(list)
        for s in self.ours(document):
            if s["remote"] and s["protocol"] == "tcp":
                there[(*end_of(s["local"]), *end_of(s["remote"]))].append(s)
        problems = []
        # those that were there before hark looked, and after
        rows = [row for row in set(before) & set(kernel.rows())
                if row.protocol == "tcp" and row.state in kernel.CONNECTED]
        for row in rows:
            found = there[row.address, row.port, row.remote, row.remote_port]
            real = (row.family, row.family == "inet6" and digit(row.address) == "4", row.inode,
                    kernel.CONNECTED[row.state])
            said = [(s["family"], s["mapped"], s["inode"], s["state"]) for s in found]
            if said != [real]:
                problems.append(f"{row}: really {real}, hark: {said}")
        if not rows:
            problems.append("no connection was there")
        self.report(f"connections from {origin} in their true family", problems,
                    [f"{len(rows)} connections, "
                     f"{sum(row.family == 'inet6' and digit(row.address) == '4' for row in rows)}"
                     " of them mapped"])

    def check_port(self, protocol, port):
        command, greeting = self.expected.get((protocol, port), (None, None))
        sockets = [s for s in self.sockets
                   if (s["protocol"], s["local"]["port"]) == (protocol, port)]
        truth = self.truth[protocol, port]
        commands = sorted({h["command"] for s in sockets for h in s["holders"]})
        title = f"{protocol} {port} ({command or ' '.join(commands)})"
        self.report(f"{title} answers as said", self.wrong_answers(sockets, truth, protocol),
                    self.story(sockets, truth))
        self.report(f"{title} is labelled so", self.wrong_labels(sockets, truth))
        self.report(f"{title} is held as said", self.wrong_holders(sockets, command))
        self.report(f"{title} is found by address", self.wrong_selections(protocol, port, truth))
        if greeting and any(not t.error for t in truth):
            problems = [f"{t.address} said {t.reply}" for t in truth
                         if not t.error and not t.reply.startswith(greeting.expect)]
            self.report(f"{title} is who answers", problems)

    @staticmethod
    def story(sockets, truth):
        """What the daemon did, for who reads along."""
        def how(t):
            if t.error:
                return t.error
            return "mapped" if t.family == "inet6" and digit(t.address) == "4" else "reached"

        yield ", ".join(f"{name_of(s)} v6only={s['v6only']}" for s in sockets) or "no socket"
        for origin in ("here", "peer"):
            yield f"from {origin}: " + " ".join(f"{t.address}={how(t)}" for t in truth
                                                if t.origin == origin)

    @staticmethod
    def wrong_answers(sockets, truth, protocol):
        for t in truth:
            who = [s for s in sockets if claims(s, t.address)]
            where = f"{t.address} from {t.origin}"
            if bool(who) == bool(t.error):
                yield f"{where}: {t.error or 'reached'}; hark: {[name_of(s) for s in who]}"
            elif who and protocol == "tcp" and {s["family"] for s in who} != {t.family}:
                yield f"{where}: came through {t.family}; hark: {[name_of(s) for s in who]}"
            for s in who:
                mapped = s["family"] == "inet6" and digit(t.address) == "4"
                if answers_of(s, t.address)["via"] != ("mapped" if mapped else "native"):
                    yield f"{where}: {name_of(s)} via {answers_of(s, t.address)['via']}"
        for s in sockets:
            for family in ("ipv4", "ipv6"):
                answers = s["answers"][family]
                # that an AF_INET socket gets no IPv6 is no question for the kernel
                if (answers["decided_by"] != "kernel" and answers["verdict"] != "none"
                        or answers["verdict"] == "unknown"):
                    yield f"{name_of(s)}: {family} {answers}"

    @staticmethod
    def wrong_labels(sockets, truth):
        for s in sockets:
            digits = {digit(t.address) for t in truth if not t.error and claims(s, t.address)}
            own = "6" if s["family"] == "inet6" else "4"
            label = s["protocol"] + ("".join(sorted(digits)) or own)
            if s["label"] != label:
                yield f"{s['label']}, really {label}"
            for family in ("ipv4", "ipv6"):
                reach = s["reach"][family]
                possible = ("private", "host") if family[-1] in digits else (None,)
                if reach not in possible:
                    yield f"{name_of(s)}: reach of {family} is {reach}"

    def wrong_holders(self, sockets, command):
        for s in sockets:
            said = {kernel.Holder(*(h[key] for key in kernel.Holder._fields)) for h in s["holders"]}
            real = self.state.get(s["inode"], (None, frozenset()))[1]
            for holder in said ^ real:
                yield f"{name_of(s)}: {'wrongly' if holder in said else 'not'} said: {holder}"
            if not s["holders_complete"]:
                yield f"{name_of(s)}: holders not complete"
            if command and command not in {h["command"] for h in s["holders"]}:
                yield f"{name_of(s)}: not held by {command}: {s['holders']}"
        if command and not sockets:
            yield f"no socket of {command}"

    def wrong_selections(self, protocol, port, truth):
        reached = {}
        for t in truth:
            if not t.address.startswith("fe80:"):
                reached[t.address] = reached.get(t.address, False) or not t.error
        for address, is_reached in reached.items():
            selector = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            status, _ = self.hark(protocol, selector)
            if status != (0 if is_reached else 1):
                really = "reached" if is_reached else "not reached"
                yield f"hark {protocol} {selector}: exit {status}, really {really}"

    def reached_over(self, version):
        return {key for key, truth in self.truth.items()
                if any(not t.error and digit(t.address) == version for t in truth)}

    def check_families(self):
        for version in "46":
            _, document = self.hark("-" + version)
            # One that nothing reaches now still goes by its family: it is listed somewhere.
            said = {(s["protocol"], s["local"]["port"]) for s in self.ours(document)
                    if not (is_idle(s) and s["label"] == s["protocol"] + version)}
            real = self.reached_over(version)
            problems = [f"-{version} does not show {key}" for key in sorted(real - said)]
            problems += [f"-{version} shows {key}" for key in sorted(said - real)]
            self.report(f"-{version} shows what IPv{version} reaches", problems)

    def check_stranger(self):
        """A user without any privilege learns all of it but the holders, and learns that."""
        _, document = self.hark(user=NOBODY, group=NOBODY, extra_groups=[])
        told = ("protocol", "family", "label", "local", "v6only", "answers", "reach")
        said = {s["inode"]: s for s in self.ours(document)}
        problems = []
        for socket in self.sockets:
            other = said.get(socket["inode"])
            if not other or any(other[key] != socket[key] for key in told):
                problems.append(f"root is told {socket}, nobody {other}")
            elif other["holders"] or other["holders_complete"]:
                problems.append(f"{name_of(socket)}: nobody sees all holders: {other['holders']}")
        if document["complete"] or not document["notes"]:
            problems.append(f"nobody is told all: {document['notes']}")
        self.report("a user without privilege is told the same", problems)

    def check_netstat(self):
        """The founding riddle: ports that IPv4 reaches and `netstat -A inet` leaves out."""
        name = "netstat -A inet hides what comes through IPv6 sockets"
        if not servers.find("netstat"):
            print(f"ok - {self.name}: {name} # SKIP netstat is not installed")
            return
        reached = {port for protocol, port in self.reached_over("4") if protocol == "tcp"}
        hidden = reached - kernel.netstat_inet()
        mapped = {port for (_, port), truth in self.truth.items() for t in truth
                  if t.family == "inet6" and digit(t.address) == "4"}
        problems = [] if hidden == mapped else [f"hidden {sorted(hidden)}, mapped {sorted(mapped)}"]
        for port in sorted(hidden):
            run = subprocess.run([self.program, "explain", "tcp", str(port)], capture_output=True,
                                 stdin=subprocess.DEVNULL, text=True)
            if run.returncode or not re.search('"netstat [^"]*-A inet".* hide it', run.stdout):
                problems.append(f"hark explain tcp {port}: {run.returncode} {run.stdout}"
                                f"{run.stderr}")
        self.report(name, problems, [f"hidden: {sorted(hidden)}"])
