"""The worlds in which programs are compared: each a function that opens sockets in processes.

Each is entered in a network namespace of its own, with a link that leads nowhere. Files that say
what names are (hosts, users, services) are ours: nothing of the machine can be seen in an answer,
and no name server is asked.
"""
import contextlib
import ctypes
import os
import pathlib
import pwd
import socket
import subprocess
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/compat"), str(ROOT / "tests/cli")]
import harness  # noqa: E402 (the path comes first)
import real  # noqa: E402
import segments  # noqa: E402
from netns import Netns, wait_until_usable  # noqa: E402

LINK, OUR_MAC, PEER_MAC = "ours0", "02:00:00:00:00:01", "02:00:00:00:00:09"
OURS4, OURS6 = "10.77.0.1", "fd00:77::1"
PEER4, PEER6 = "10.77.0.9", "fd00:77::9"
LINK_LOCAL, PEER_LINK_LOCAL = "fe80::77", "fe80::99"
SECOND4, UNNAMED4 = "10.77.0.10", "10.77.0.11"
USER, NAMELESS = 4711, 4712
PR_SET_DUMPABLE = 4
USER_NAME = "a_user_with_quite_a_long_name"
FILES = {
    "/etc/hosts": f"""127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
{OURS4} ours.example.org ours
{OURS6} ours6.example.org
{PEER4} peer.with-a-name-that-is-much-too-long-for-any-column.example.org peer
{PEER6} peer6.with-a-name-that-is-much-too-long-for-any-column.example.org peer6
{SECOND4} p2
{LINK_LOCAL} linklocal
""",
    "/etc/resolv.conf": "",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nnetworks: files\n"
                          "protocols: files\nservices: files\n",
    "/etc/services": """ssh 22/tcp
smtp 25/tcp mail
domain 53/tcp
domain 53/udp
http 80/tcp www
sunrpc 111/tcp portmapper
sunrpc 111/udp portmapper
ntp 123/udp
https 443/tcp
onlytcp 4001/tcp
onlyudp 4001/udp
finishing 4501/tcp
a-service-with-a-long-name 4002/tcp
a-service-with-a-long-name 4002/udp
""",
}
PADDING = "-" * 240  # an argument, where a process may write what it wants to be called


def hide_files():
    """The machine's names are hidden; to be called in a mount namespace."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    users = "".join(pathlib.Path("/etc/passwd").read_text(errors="replace").splitlines(True))
    files = {**FILES, "/etc/passwd": users + f"{USER_NAME}:x:{USER}:{USER}::/:/bin/false\n"}
    for path, text in files.items():
        if not os.path.exists(path):
            raise harness.Skip(f"no {path} to be replaced")
        mine = pathlib.Path("/run", os.path.basename(path))
        mine.write_text(text)
        subprocess.run(["mount", "--bind", mine, os.path.realpath(path)], check=True)


def retitle(title):
    """What /proc/PID/cmdline says, as long as there is room for it."""
    stat = pathlib.Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(stat[45]), int(stat[46])
    if len(title) >= end - start:
        raise ValueError(f"no room for {title!r}")
    ctypes.memmove(start, title.ljust(end - start, b"\0"), end - start)


class World:
    """What a world is made with, and the words that stand for its parts in command lines."""

    def __init__(self, stack):
        self.stack = stack
        self.port = 10000
        self.words = {"ours4": OURS4, "ours6": OURS6, "peer4": PEER4, "peer6": PEER6, "link": LINK,
                      "linklocal": LINK_LOCAL, "user": USER_NAME, "uid": USER,
                      "nameless": NAMELESS, "nobody": pwd.getpwuid(65534).pw_name}
        self.pids = []

    def holder(self, function, name=b"holder", title=None, uid=None):
        """A process of this name that holds the sockets which function() returns."""
        def run():
            try:
                kept = function()
            except Exception:
                traceback.print_exc()
                raise
            retitle(name if title is None else title)
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                harness.libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # or its /proc/PID were root's
            harness.rename(name)
            return kept

        self.pids.append(self.stack.enter_context(harness.child(run)))
        return self.pids[-1]

    def finish(self):
        self.words |= {"pid": self.pids[0], "otherpid": self.pids[-1],
                       "pgid": os.getpgid(self.pids[0]), "nopid": 4194303}
        # Where a user of -u has no process, lsof 4.95 was seen to end with 0 and with 1.
        for uid in (USER, 65534):
            self.holder(list, b"idle", uid=uid)


def tcp(address, port=0, backlog=8, **options):
    sock = harness.listen(address, port, **options)
    sock.listen(backlog)
    return sock


def dial(address, port, local=None, kind=socket.SOCK_STREAM):
    """A socket that is connected, or on its way."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    if local:
        sock.bind(local)
    sock.setblocking(False)
    sock.connect_ex((address, port) if "%" not in address else
                    (address.partition("%")[0], port, 0, socket.if_nametoindex(LINK)))
    return sock


def accepted(listener, address=None):
    """Both ends of a connection to a listener, at its own address or another of its."""
    where = listener.getsockname()
    if address:
        where = (address, where[1])
    client = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET)
    client.connect(where)
    return client, listener.accept()[0]


def states(world):
    """TCP: every state, both families, mapped and link-local, timers, queues"""
    def held():
        kept = []
        for i, (ours, peer) in enumerate(((OURS4, PEER4), (OURS6, PEER6),
                                          (segments.MAPPED + OURS4, segments.MAPPED + PEER4))):
            kept += segments.each_state(ours, peer, 4500 + 100 * i)
            kept.append(dial(peer, 443, (ours, 4590 + 100 * i)))  # SYN_SENT
        return kept

    def listeners():
        kept = [tcp("0.0.0.0", 22), tcp("::", 22, v6only=True), tcp("::", 80),
                tcp(OURS4, 4001, backlog=0), tcp(OURS6, 4002), tcp("127.0.0.1", 25)]
        for source, listener in ((PEER4, kept[3]), (PEER6, kept[4])):
            segments.ask_to_connect((source, 5000), listener.getsockname()[:2])
        segments.ask_to_connect((PEER4, 5001), (OURS4, 80))
        local = socket.socket(socket.AF_INET6)
        local.bind((LINK_LOCAL, 4003, 0, socket.if_nametoindex(LINK)))
        local.listen()
        kept += [local, *accepted(local), *accepted(kept[2], "127.0.0.1"),
                 *accepted(kept[2], "::1"), *accepted(kept[0], OURS4)]
        # in the listener's queue, not accepted
        return kept + [dial("127.0.0.1", 25), dial("::1", 80)]

    def timers():
        alive = segments.Connection((OURS4, 4400), (PEER4, 80))
        alive.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        probing = segments.Connection((OURS6, 4401), (PEER6, 80), window=0).send(b"no room")
        return [alive.socket, probing.socket]

    world.holder(held, b"held")
    world.holder(listeners, b"listeners")
    world.holder(timers, b"timers", uid=USER)
    world.words |= {"port": 22, "service": "ssh", "name": "listeners", "range": "4500-4599"}


def addresses(world):
    """addresses of every length, scopes, ports without and with names, UDP connected and not"""
    def held():
        kept = []
        for i, text in enumerate(lengths()):
            kept.append(segments.Connection((OURS6, 6000 + i), (text, 60000 + i)).socket)
            bound = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            bound.setsockopt(socket.SOL_IP, 15, 1)
            bound.bind((text, 100 * i + 7))
            kept.append(bound)
        for i, text in enumerate(("1.2.3.4", "10.200.30.4", "198.51.100.200", "255.255.255.254")):
            kept.append(segments.Connection((OURS4, 7000 + i), (text, 1 + 10 ** i)).socket)
        return kept

    def datagrams():
        kept = [harness.udp("0.0.0.0", 53), harness.udp("::", 123), harness.udp("::1", 4001),
                harness.udp(OURS4, 4002), harness.udp("::", 53, v6only=True)]
        kept += [dial(PEER4, 53, kind=socket.SOCK_DGRAM), dial(PEER6, 53, kind=socket.SOCK_DGRAM),
                 dial(segments.MAPPED + PEER4, 53, kind=socket.SOCK_DGRAM),
                 dial(PEER_LINK_LOCAL + "%", 53, kind=socket.SOCK_DGRAM)]
        # one datagram waits, one is dropped
        kept[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for size in (100, 1000, 1000, 1000):
            sender.sendto(b"x" * size, ("127.0.0.1", 53))
        with contextlib.suppress(OSError):  # kernels may be without
            lite = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
            lite.bind(("0.0.0.0", 5001))
            kept.append(lite)
            lite = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, 136)
            lite.bind(("::", 5002))
            kept.append(lite)
        with contextlib.suppress(OSError):
            sctp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
            sctp.bind(("0.0.0.0", 5003))
            sctp.listen()
            kept.append(sctp)
        return kept + [sender]

    def raws():
        pings = [(socket.AF_INET, socket.IPPROTO_ICMP, "127.0.0.1"),
                 (socket.AF_INET6, socket.IPPROTO_ICMPV6, "::1")]
        kept = []
        for family, protocol, address in pings:
            kept.append(socket.socket(family, socket.SOCK_RAW, protocol))
            connected = socket.socket(family, socket.SOCK_RAW, 253)
            connected.bind((address, 0))
            connected.connect((address, 0))
            ping = socket.socket(family, socket.SOCK_DGRAM, protocol)
            ping.bind((address, 77))
            kept += [connected, ping]
        kept.append(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
        kept.append(socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP))
        return kept

    world.holder(held, b"held")
    world.holder(raws, b"raws")
    world.holder(datagrams, b"datagrams")
    world.words |= {"port": 53, "service": "domain", "name": "datagrams", "range": "6000-6020"}


def lengths():
    """IPv6 addresses as text of every length from 4 to 39 characters."""
    for n in range(4, 40):
        middle = min((n - 4) // 5, 5) if n < 33 else 6
        ends = n - 5 * middle - (2 if n < 33 else 1)
        first = min(4, ends - 1)
        groups = ["2001"[:first], *["aaaa"] * middle]
        yield ":".join(groups) + ("::" if n < 33 else ":") + "b" * (ends - first)


def unix(world):
    """unix sockets: kinds, states, odd names"""
    folder = pathlib.Path("/run/unix")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    names = [b"plain", b"with space", b" leading", b"trailing ", b"new\nline", b"tab\there",
             b"escape\x1b[31m", b"back\\slash", b"@at", b"not\xffutf8", "ümlaut".encode(),
             b"type=STREAM", b"->INO=1", b"x" * 80]
    abstract = [b"plain", b"", b"with space", b"nul\0inside", b"\0\0", b"new\nline", b"bell\7",
                b"\xff\xfe", b"@at", b"/path/like", b"y" * 107, b"trailing\0"]

    def bound(kind, name):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind(name)
        return sock

    def held():
        kept = []
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)
        for i, name in enumerate(names):
            kept.append(bound(kinds[i % 3], bytes(folder) + b"/" + name))
        for i, name in enumerate(abstract):
            kept.append(bound(kinds[i % 3], b"\0" + name))
        for i, sock in enumerate(kept):
            if i % 2 and sock.type != socket.SOCK_DGRAM:
                sock.listen(i)
        for kind in kinds:
            kept += socket.socketpair(socket.AF_UNIX, kind)
            kept.append(socket.socket(socket.AF_UNIX, kind))
        gone = bound(socket.SOCK_STREAM, str(folder / "gone"))
        os.unlink(folder / "gone")
        return kept + [gone]

    def talking():
        kept = []
        for name in (str(folder / "talk"), b"\0talk"):
            listener = bound(socket.SOCK_STREAM, name)
            listener.listen(1)
            for _ in range(2):
                client = socket.socket(socket.AF_UNIX)
                client.setblocking(False)
                client.connect_ex(name)
                kept.append(client)
            kept += [listener, listener.accept()[0]]
        dgram = bound(socket.SOCK_DGRAM, str(folder / "log"))
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.connect(str(folder / "log"))
        sender.send(b"waits")
        relative = socket.socket(socket.AF_UNIX)
        os.chdir(folder)
        relative.bind("relative")
        os.chdir("/")
        return kept + [dgram, sender, relative, tcp("127.0.0.1", 80)]

    world.holder(held, b"held")
    world.holder(talking, b"talking", uid=USER)
    world.words |= {"port": 80, "service": "http", "name": "talking", "range": "80-90"}


def processes(world):
    """holders: prefork pools, odd names, users without a name, many descriptors of one socket"""
    pool = [tcp("::", 80), tcp("0.0.0.0", 8080), harness.udp("0.0.0.0", 53)]
    for name in (b"apache", b"apache", b"apache"):
        world.holder(lambda: pool, name)
    for sock in pool:
        sock.close()

    names = [b"two words", b"(sd-pam)", b"a (b) c", b"new\nline", b"tab\tbed",
             b"esc\x1b[31mred", b"\x01\x7f", b"\xff\xfe", "ümläut".encode(), b" lead", b"trail ",
             b"back\\slash", b"fifteen-letters", b"-dash", b"a/b", b"^caret", b"%s%n", b"1",
             "c\u009b2J".encode(), "\u202eabc".encode()]
    for i, name in enumerate(names):
        world.holder(lambda i=i: [tcp("0.0.0.0", 5000 + i), tcp("::1", 5100 + i)], name)
    titles = [b"", b"/usr/sbin/daemon", b"nginx: master process /usr/sbin/nginx", b"sshd: [listener]",
              b"a-program-name-longer-than-the-column", b"/path/with space/prog -x", b"/ends/with/",
              b"java\0-jar\0x.jar", b"e\x1b[31mred", b"tab\there", b"\xff\xfe", b"-bash", b"new\nline"]
    for i, title in enumerate(titles):
        world.holder(lambda i=i: [tcp("0.0.0.0", 5200 + i), harness.udp("0.0.0.0", 5200 + i)],
                     b"titled", title)
    world.holder(lambda: [tcp("127.0.0.1", 5300)], b"nameless", uid=NAMELESS)
    world.holder(lambda: [tcp("127.0.0.1", 5301)], b"user", uid=USER)
    world.holder(lambda: [tcp("127.0.0.1", 5302)], b"nobody", uid=65534)

    def many():
        sock = tcp("127.0.0.1", 5303)
        copies = [sock.dup() for _ in range(12)]
        same = [tcp("0.0.0.0", 5304, reuseport=True) for _ in range(3)]
        return [sock, *copies, *same, *accepted(sock), *accepted(sock)]

    world.holder(many, b"many", uid=USER)
    world.words |= {"port": 80, "service": "http", "name": "apache", "range": "5000-5019"}


def many(world):
    """2,000 rows"""
    def connections():
        return [segments.Connection((OURS4, 10000 + i), (f"10.78.{i // 200}.{i % 200 + 1}", 443)).socket
                for i in range(900)]

    def others():
        listener = tcp("::", 80, backlog=1000)
        kept = [listener]
        for _ in range(250):
            kept += accepted(listener, "::1")
        kept += [harness.udp("127.0.0.1", 20000 + i) for i in range(300)]
        return kept + [tcp(f"127.0.1.{i + 1}", 22) for i in range(200)]

    world.holder(connections, b"connections")
    world.holder(others, b"others", uid=USER)
    world.words |= {"port": 22, "service": "ssh", "name": "others", "range": "20000-20099"}


def empty(world):
    """nothing at all"""
    world.holder(lambda: [], b"nothing")
    world.words |= {"port": 22, "service": "ssh", "name": "nothing", "range": "1-1024"}


def daemons(world):
    """the daemons of tests/daemons that are installed"""
    real.start(world)


WORLDS = {world.__name__: world
          for world in (states, addresses, unix, processes, many, empty, daemons)}
# states that the kernel ends by itself; the world is made again when it is older
LASTS_SECONDS = {"states": 40}


SETTINGS = {
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/ping_group_range": "0 2147483647",
    "ipv4/tcp_synack_retries": 15,
    "ipv4/tcp_syn_retries": 15,
    "ipv4/tcp_orphan_retries": 15,
}


def connect_link(box, abyss):
    """Links the box with a namespace that is deaf and dumb, where everything may be sent to."""
    ours = (f"{OURS4}/8", f"{SECOND4}/8", f"{UNNAMED4}/8", f"{OURS6}/64", f"{LINK_LOCAL}/64")
    watcher = box.watch()
    abyss.sysctl({"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1})
    box.ip([f"link add {LINK} address {OUR_MAC} type veth peer name deaf0 netns {abyss.path}"])
    abyss.ip(["link set deaf0 up"])
    box.ip([f"link set {LINK} up"] +
           [f"addr add {a} dev {LINK}" + (" nodad" if ":" in a else "") for a in ours] +
           [f"neigh replace {peer} lladdr {PEER_MAC} dev {LINK} nud permanent"
            for peer in (PEER4, PEER6, PEER_LINK_LOCAL)] +
           [f"route add {prefix} dev {LINK}" for prefix in ("0.0.0.0/0", "::/0")])
    wait_until_usable(box, watcher, {LINK: ours})


@contextlib.contextmanager
def make(name):
    """A world of this name; the calling process is in its network."""
    with contextlib.ExitStack() as stack:
        abyss = Netns()
        stack.callback(abyss.close)
        box = stack.enter_context(harness.world(settings=SETTINGS))
        connect_link(box, abyss)
        stack.enter_context(box)  # what configured it left it
        world = World(stack)
        WORLDS[name](world)
        world.finish()
        yield world
