"""What the tests of the command line share: a private world, running hark in it, and TAP.

A test program runs again inside of its own mount, pid and network namespaces: /proc holds nothing
but its own processes, so that what hark finds is known, and all of it is gone when it ends. One
that wants the pids of the machine has to see to the latter.
"""
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/truth"))
from netns import Netns, wait_until_usable  # noqa: E402 (the path comes first)

HARK = os.path.abspath(os.environ.get("HARK", ROOT / "build/hark"))
libc = ctypes.CDLL(None, use_errno=True)

_cases = []


class Skip(Exception):
    """Why a case cannot be checked here."""


def case(function):
    """A test: its docstring is its name. It may fail by any exception."""
    _cases.append(function)
    return function


def needs_real_root():
    """Other users exist, and may be become."""
    with open("/proc/self/uid_map", encoding="ascii") as mapping:
        if int(mapping.read().split()[2]) < 65536:
            raise Skip("needs root, to become another user")


class Answer:
    """What hark said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n{self.out}--- standard error:\n{self.err}"

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def sockets(self):
        return self.document["sockets"]

    @property
    def ports(self):
        return sorted(s["local"]["port"] for s in self.sockets)


def clean_environment(**variables):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "TERM")}
    return {**env, **{k: v for k, v in variables.items() if v is not None}}


def split_elsewhere(errors):
    """The line about other namespaces, or "", apart from what else was told."""
    lines = errors.splitlines(keepends=True)
    mine = [line for line in lines if line.endswith(" (hark -A)\n")]
    return "".join(line for line in lines if line not in mine), "".join(mine)


def hark(*arguments, env=None, prefix=(), **options):
    """Runs hark, after the words of `prefix`. Bytes that are no UTF-8 come as surrogates."""
    done = subprocess.run([*prefix, HARK, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, env=clean_environment(**(env or {})),
                          encoding="utf-8", errors="surrogateescape", check=False, **options)
    # AddressSanitizer warns where there is no /proc to read
    errors = re.sub(r"^==\d+==WARNING: reading executable name failed.*\n", "", done.stderr, flags=re.M)
    # What other namespaces have is no matter of the test's, unless it asks.
    errors, elsewhere = split_elsewhere(errors)
    if "Sanitizer" in errors or "runtime error" in errors:
        raise AssertionError(errors)
    answer = Answer(done.returncode, done.stdout, errors)
    answer.elsewhere = elsewhere
    return answer


def told_on_a_terminal(*words, env=None):
    """What hark writes to a standard error that is a terminal."""
    reader, terminal = pty.openpty()
    text = b""
    with subprocess.Popen([HARK, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=terminal, env=clean_environment(**(env or {}))) as process:
        os.close(terminal)
        try:
            while part := os.read(reader, 65536):
                text += part
        except OSError as error:  # the last writer is gone
            expect_equal(error.errno, errno.EIO)
        process.wait(60)
    os.close(reader)
    return text.decode().replace("\r\n", "\n")


def timeless(text):
    """An explanation but for how long a process has run."""
    return re.sub(r"(has\s+run\s+since\s+\S+Z),\s+for\s+\d+\s+\w+", r"\1", text)


def find(*selectors, **options):
    """The local ports of what hark lists as JSON, or its answer where it lists nothing."""
    answer = hark("--json", *selectors, **options)
    if answer.status not in (0, 1):
        raise AssertionError(answer)
    expect(answer.status == (0 if answer.sockets else 1), answer)
    return answer.ports


def expect(truth, what):
    if not truth:
        raise AssertionError(what)


def expect_equal(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}\nfound:  {found!r}\nwanted: {wanted!r}")


@contextlib.contextmanager
def world(*lines, settings=None, addresses=None):
    """A network namespace with `lo` up and what lines of `ip -batch` add; the process is in it.

    `addresses`, {interface: [address]}, are waited for until they can be used.
    """
    netns = Netns()
    try:
        netns.sysctl({"ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0,
                      "ipv6/conf/default/addr_gen_mode": 1, "ipv6/bindv6only": 0,
                      **(settings or {})})
        watcher = netns.watch()
        netns.ip(["link set lo up", *lines])
        wait_until_usable(netns, watcher, addresses or {})
        with netns:
            yield netns
    finally:
        netns.close()


def listen(address, port, kind=socket.SOCK_STREAM, v6only=None, device=None, reuseport=False):
    """A socket that listens, or is bound (UDP)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(reuseport))
    if v6only is not None:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.bind((address, port))
    if kind == socket.SOCK_STREAM:
        sock.listen(8)
    return sock


def udp(address, port, **options):
    return listen(address, port, socket.SOCK_DGRAM, **options)


@contextlib.contextmanager
def dual():
    """A dual-stack listener at port 80 with a connection of IPv4, and one of each family alone."""
    with world(), listen("::", 80, v6only=False) as both, listen("::", 81, v6only=True), \
            listen("127.0.0.1", 82), socket.create_connection(("127.0.0.1", 80)):
        accepted, _ = both.accept()
        with accepted:
            yield


@contextlib.contextmanager
def child(function):
    """A process that runs function(), tells that it is there, and waits for its end: its pid."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ready)
            kept = function()  # sockets live as long as this name
            os.write(tell, b"x")
            signal.pause()
            del kept
        finally:
            os._exit(1)
    os.close(tell)
    try:
        if os.read(ready, 1) != b"x":
            raise RuntimeError("the child did not get ready")
        yield pid
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def rename(name):
    """Renames this process, as PR_SET_NAME lets everybody do."""
    libc.prctl(15, ctypes.c_char_p(name), 0, 0, 0)


def _run_case(number, function):
    try:
        function()
        print(f"ok {number} - {function.__doc__}", flush=True)
    except Skip as reason:
        print(f"ok {number} - {function.__doc__} # SKIP {reason}", flush=True)
    except Exception:  # whatever it is, the other cases are to be run
        print(f"not ok {number} - {function.__doc__}")
        text = traceback.format_exc().encode("utf-8", "backslashreplace").decode()
        print(*(f"# {line}" for line in text.splitlines()), sep="\n", flush=True)
        return 1
    return 0


def _enter_private_world(own_pids):
    words = ["unshare", "--mount", "--net", "--uts"]
    if own_pids:
        words += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    probe = subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=False)
    if probe.returncode:
        print(f"1..0 # SKIP no private namespaces: {probe.stderr.strip()}")
        sys.exit(0)
    os.environ["HARK_TEST_IS_PRIVATE"] = "1"
    os.execvp("unshare", [*words, sys.executable, *sys.argv])


def main(own_pids=True):
    if "HARK_TEST_IS_PRIVATE" not in os.environ:
        _enter_private_world(own_pids)
    print(f"1..{len(_cases)}", flush=True)
    failed = sum([_run_case(n, function) for n, function in enumerate(_cases, 1)])
    sys.exit(1 if failed else 0)
