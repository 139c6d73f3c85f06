"""The private world of one round: its namespaces, mounts, network, processes and deadlines.

Everything is inside a network, mount, pid and UTS namespace of its own. However its first process
ends, the kernel then kills the daemons and drops the mounts: nothing is there to tidy.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
HOST = "daemons"
DIRECTORY = pathlib.Path("/run/daemons")
# Where the daemons keep what they know, and where a person may have told them something else.
HIDDEN = ("/run", "/var/lib/nfs", "/var/lib/rabbitmq", "/var/log/rabbitmq", "/etc/rabbitmq")
EMPTIED = ("/etc/hosts.allow", "/etc/hosts.deny", "/etc/default/rpcbind", "/etc/nfs.conf")

PEER = "theirs0"
OURS = {"192.168.1.241": "ours0", "fd00:241::1": "ours0"}
PEERS = ("192.168.1.1/24", "fd00:241::2/64")


def run(*command):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE).stdout


def sysctl(name, value):
    pathlib.Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")


def wait_until(what, condition, seconds=40):
    """Polls until the condition holds; its last false value says why it does not."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not in {seconds} seconds")
        time.sleep(0.05)


class Asker:
    """A process that connects: here, or from a network namespace of its own behind a veth pair."""

    def __init__(self, origin, *prefix):
        self.origin = origin
        self.process = subprocess.Popen([*prefix, sys.executable, str(HERE / "asker.py")],
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the asker {origin} did not start")

    def ask(self, items):
        self.process.stdin.write(json.dumps(items) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class World:
    def __init__(self, ipv6=True, bindv6only=False):
        self.ipv6 = ipv6
        self.bindv6only = bindv6only
        self.hide_files()
        self.configure_network()
        self.askers = self.connect_peer()
        self.local = self.read_addresses()
        # what would be local but for the lack of IPv6 is asked too
        self.addresses = {**OURS, "::1": "lo", **self.local}

    @staticmethod
    def hide_files():
        for path in HIDDEN:
            if os.path.isdir(path):
                run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
        DIRECTORY.mkdir()
        (DIRECTORY / "empty").touch()
        (DIRECTORY / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {HOST}\n"
                                          "::1 localhost ip6-localhost ip6-loopback\n")
        for path in EMPTIED:
            if os.path.exists(path):
                run("mount", "--bind", str(DIRECTORY / "empty"), path)
        run("mount", "--bind", str(DIRECTORY / "hosts"), "/etc/hosts")
        socket.sethostname(HOST)

    def configure_network(self):
        sysctl("net.ipv6.bindv6only", int(self.bindv6only))
        for which in ("all", "default"):
            sysctl(f"net.ipv6.conf.{which}.accept_dad", 0)
            sysctl(f"net.ipv6.conf.{which}.disable_ipv6", int(not self.ipv6))
        run("ip", "link", "set", "lo", "up")

    def connect_peer(self):
        here, peer = Asker("here"), Asker("peer", "unshare", "--net")
        run("ip", "link", "add", "ours0", "type", "veth", "peer", "name", PEER,
            "netns", str(peer.process.pid))
        inside = ("nsenter", f"--net=/proc/{peer.process.pid}/ns/net")
        for address in OURS:
            if self.ipv6 or ":" not in address:
                length = 64 if ":" in address else 24
                run("ip", "address", "add", f"{address}/{length}", "dev", "ours0")
        for address in PEERS:
            nodad = ["nodad"] if ":" in address else []
            run(*inside, "ip", "address", "add", address, "dev", PEER, *nodad)
        run(*inside, "ip", "link", "set", "lo", "up")
        run("ip", "link", "set", "ours0", "up")
        run(*inside, "ip", "link", "set", PEER, "up")
        # An interface gives itself a link-local address when both ends are up, in its own time.
        wait_until("the peer's address", lambda: "fe80:" in run(*inside, "ip", "address"))
        wait_until("our address", lambda: not self.ipv6 or "fe80:" in run("ip", "address"))
        return here, peer

    @staticmethod
    def read_addresses():
        """address: interface"""
        return {info["local"]: link["ifname"] for link in json.loads(run("ip", "-json", "address"))
                for info in link["addr_info"]}

    @staticmethod
    def reachable(program):
        """The program, with what lies beside it, where every user may run it."""
        directory, name = os.path.split(program)
        (DIRECTORY / "build").mkdir()
        run("mount", "--bind", directory, str(DIRECTORY / "build"))
        return str(DIRECTORY / "build" / name)

    def directory(self, name, owner=None, mode=0o755):
        path = DIRECTORY / name
        path.mkdir()
        path.chmod(mode)
        if owner:
            os.chown(path, *owner)
        return path

    def start(self, name, *command, environment=None, **options):
        with (DIRECTORY / f"{name}.log").open("w") as output:
            return subprocess.Popen([str(word) for word in command], cwd="/",
                                    env={**ENVIRONMENT, **(environment or {})},
                                    stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, **options)

    @staticmethod
    def log(name, lines=30):
        text = (DIRECTORY / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


# Nothing of a person's environment may change what a daemon does.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LC_ALL": "C.UTF-8", "HOME": str(DIRECTORY), "TMPDIR": str(DIRECTORY)}
