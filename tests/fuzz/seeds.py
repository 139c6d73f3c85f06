#!/usr/bin/env python3
"""Writes seeds for the fuzzers from the recordings and from what people type.

    tests/fuzz/seeds.py

Seeds of the targets netlink and nftables: the datagrams of each recording of tests/replay, as the
target reads them (fuzz_netlink.c). Of the others: each file and selector.
"""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
RECORDINGS = HERE.parent / "replay"
MAGIC = b"hark-netlink-1\n\0"
FRAME = struct.Struct("=IIiI")
RECEIVE = 2
ALL_STATES = 4
# The first byte of an input of the proc target is the place of its file in this list.
PROC_FILES = ["net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/raw", "net/raw6", "net/icmp",
              "net/sctp/eps", "net/fib_trie", "net/if_inet6", "sys/net/ipv6/bindv6only",
              "sys/kernel/hostname", "net/netstat", "self/mountinfo", "7/net/sockstat"]
SCTP = b""" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS
0000000012345678 00000000abcdef01 2   10  9    9899    33 2001 192.0.2.7 10.0.0.7
(____ptrval____) (____ptrval____) 2   10  9    9900    33 2002 \
0000:0000:0000:0000:0000:0000:0000:0001
"""
MOUNTINFO = rb"""22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw
120 25 0:4 net:[4026532345] /run/netns/blue rw shared:49 - nsfs nsfs rw
121 25 0:4 net:[4026532346] /srv/a\040b\134\012 rw - nsfs nsfs rw
122 25 0:4 mnt:[4026532347] /run/x rw - nsfs nsfs rw
123 25 0:4 net:[4026532345] /run/docker/netns/default rw shared:1 master:2 - nsfs nsfs rw
124 25 0:4 net:[40265 x rw - nsfs nsfs rw
"""
NETSTAT = b"""TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits
TcpExt: 0 12 15 1234567
IpExt: InNoRoutes
IpExt: 0
"""
SOCKSTAT = b"""sockets: used 12
TCP: inuse 5 orphan 0 tw 0 alloc 6 mem 1
FRAG: inuse 7 memory 0
"""
UNIX = b"""Num       RefCount Protocol Flags    Type St Inode Path
(____ptrval____): 00000002 00000000 00010000 0001 01   123 /run/a b

 c
ffff8881a2b3c4d5: 00000003 00000000 00000000 0005 03 4294967295
00000000: 00000002 00000000 00010000 0002 01 7 """ + b"x" * 108 + b"\n\n00000000: 00000002 @y"
# What the first byte of an input of the containers target chooses, with a file of that kind.
STATE_FILES = [
    {"ID": "3f2a", "Name": "/web", "Config": {"Image": "nginx", "Labels": {
        "io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop"}},
     "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2",
                                                 "GlobalIPv6Address": "fd00::2"}},
                         "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
                                   "53/udp": None}}},
    {"annotations": {"io.kubernetes.cri.container-name": "nginx", "nerdctl/name": "x",
                     "io.kubernetes.cri.sandbox-name": "web-0",
                     "io.kubernetes.pod.namespace": "shop"}},
    [{"id": "3f2a", "names": ["web"], "metadata": '{"image-name": "nginx"}'}, 7],
    {"linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/x"}]}},
    '[storage]\ndriver = "overlay"\n graphroot="/srv/pods"\n',
    {"data-root": "/srv/docker"},
]
SELECTORS = ["80", ":80", "8000-8999", "80/tcp,53/udp", "http", "tcp", "tcp46,udp6", "10.0.0.7",
             "10.0.0.0/8", "::1", "fe80::1%eth0", "10.0.0.7:80", "[::1]:80", "[::]:8000-8999",
             "localhost:80", "listen\nestablished", "pid=1,42", "user=root", "unit=ssh*",
             "netns=blue", "container=0123456789ab", "dev=eth0", "inode=11657",
             "cookie=000000000000000f", "port=80\nproto=tcp", "state=listen", "address=::",
             "command='python3*'", "[a-z]*,!x", "=,,=", "10.0.0.0/33", "65536", "90-80", "[::1", "%"]

# Frames: a SYN of IPv4, one of IPv6, and the ICMP errors about a datagram, as a probe sees them.
FRAMES = {
    "tcp4": "00" * 12 + "0800" "4500002800004000400600007f0000017f000001"
            "9c400050" "0000000000000000" "5002010000000000",
    "tcp6": "00" * 12 + "86dd" "6000000000140640" + ("00" * 15 + "01") * 2 +
            "9c400050" "0000000000000000" "5002010000000000",
    "icmp4": "00" * 12 + "0800" "4500003800000000400100007f0000017f000001" "0303000000000000"
             "4500001d00000000401100007f0000017f000001" "9c400035" "00090000",
    "icmp6": "00" * 12 + "86dd" "6000000000383a40" + ("00" * 15 + "01") * 2 + "0104000000000000"
             "6000000000091140" + ("00" * 15 + "01") * 2 + "9c400035" "00090000",
}


def datagrams(recording):
    """Yields the datagrams of a recording, in order."""
    data = recording.read_bytes()
    if not data.startswith(MAGIC):
        raise ValueError(f"{recording}: no recording")
    at = len(MAGIC)
    while at < len(data):
        kind, _, result, length = FRAME.unpack_from(data, at)
        at += FRAME.size
        if kind == RECEIVE and result == 0:
            yield data[at:at + length]
        at += length


def attribute(kind, value):
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def message(kind, body, *attributes):
    content = body + b"".join(attributes)
    return struct.pack("=IHHII", len(content) + 16, kind, 2, 0, 0) + content


def made_up():
    """Yields the datagrams of a host with what the recordings lack: SCTP that is bound to several
    addresses (INET_DIAG_LOCALS), and a VRF."""
    done = message(3, bytes(4))
    socket = struct.pack("=BBBBHH32xIIIIIIII", 10, 10, 0, 0, 0x8022, 0, 0, 7, 0, 0, 0, 5, 0, 99)
    addresses = [struct.pack("=H2x4s120x", 2, bytes((10, 0, 0, 7))),
                 struct.pack("=H6x16s104x", 10, bytes((0xfe, 0x80)) + bytes(13) + b"\x01")]
    vrf = attribute(18, attribute(1, b"vrf\0") + attribute(2, attribute(1, struct.pack("=I", 4000))))
    link = message(16, struct.pack("=BxHiII", 0, 1, 5, 1, 0), attribute(3, b"blue\0"), vrf)
    address = message(20, struct.pack("=BBBBI", 2, 32, 0, 0, 6), attribute(2, bytes((10, 0, 0, 7))),
                      attribute(8, struct.pack("=I", 0x80)))
    route = message(24, struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 252, 0, 0, 2, 0),
                    attribute(1, bytes((10, 0, 0, 7))), attribute(4, struct.pack("=I", 6)),
                    attribute(15, struct.pack("=I", 4000)))
    yield from [done] * 8
    yield message(20, socket, attribute(11, b"\0"), attribute(12, b"".join(addresses))) + done
    yield from [done] * 2
    yield link + done
    yield address + done
    yield from [done, route + done] + [done] * 3


def netlink_seed(name, flags, content, target="netlink"):
    seed(target, name, b"".join(struct.pack("<BH", flags, len(datagram)) + datagram
                                for datagram in content))


def seed(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def main():
    for recording in sorted(RECORDINGS.glob("*/netlink")):
        flags = ALL_STATES if recording.parent.name == "states" else 0
        netlink_seed(recording.parent.name, flags, datagrams(recording))
        for number, path in enumerate(PROC_FILES):
            file = recording.parent / "proc" / path
            if file.exists():
                name = f"{recording.parent.name}-{file.name}"
                seed("proc", name, bytes([number]) + file.read_bytes())
    for file in sorted(RECORDINGS.glob("*/proc/net/unix")):
        seed("unix", file.parts[-4], file.read_bytes())
    netlink_seed("made-up", 0, made_up())
    for recording in sorted(RECORDINGS.glob("rulesets/*/netlink")):
        netlink_seed(recording.parent.name, 0, datagrams(recording), "nftables")
    seed("unix", "made-up", UNIX)
    seed("proc", "sctp-eps", bytes([PROC_FILES.index("net/sctp/eps")]) + SCTP)
    for name, content in (("net/netstat", NETSTAT), ("self/mountinfo", MOUNTINFO), ("7/net/sockstat", SOCKSTAT)):
        seed("proc", name.split("/")[-1], bytes([PROC_FILES.index(name)]) + content)
    for number, content in enumerate(STATE_FILES):
        seed("containers", f"{number}", bytes([number]) +
             (content if isinstance(content, str) else json.dumps(content)).encode())
    for name, content in FRAMES.items():
        seed("frame", name, bytes.fromhex(content))
    for number, selector in enumerate(SELECTORS):
        seed("select", f"{number:02}", selector.encode())


if __name__ == "__main__":
    main()
