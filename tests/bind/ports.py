"""Sockets that may be in the way of a bind, each from a plain description, and how to be rid of them."""
import contextlib
import errno
import os
import select
import socket
import struct
import time

SO_COOKIE = 57
SO_REUSEPORT = 15
NETLINK_SOCK_DIAG = 4
SOCK_DESTROY = 21
TCP_FIN_WAIT2 = 5
HELPER_PORT = 9  # where connections go to
CLIENTS = 4

KINDS = {
    "tcp": ("listener", "listener", "listener", "bound", "outgoing", "accepted", "orphan", "time-wait",
            "fin-wait-2"),
    "udp": ("listener", "listener", "outgoing"),
}
REMAINS = ("orphan", "time-wait", "fin-wait-2")


@contextlib.contextmanager
def user(uid):
    """The sockets made meanwhile are of that user, and nothing is privileged."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def make(spec, port):
    """socket(), the options of a description, bind(): a socket, or OSError."""
    kind = socket.SOCK_STREAM if spec["protocol"] == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(family_of(spec["address"]), kind)
    try:
        if spec["reuseaddr"]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if spec["reuseport"]:
            sock.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
        if spec["v6only"]:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if spec["device"]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, spec["device"].encode())
        sock.bind((spec["address"], port))
    except OSError:
        sock.close()
        raise
    return sock


def attempt(spec, port):
    """What a program would meet with: 0 or an errno."""
    with user(spec["uid"]):
        try:
            with make(spec, port) as sock:
                if spec["protocol"] == "tcp":
                    sock.listen(1)
        except OSError as error:
            return error.errno
    return 0


def cookie_of(sock):
    return struct.unpack("=Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


class Helper:
    """Listens on all addresses, so that connections can be made."""

    def __init__(self):
        self.tcp = socket.create_server(("::", HELPER_PORT), family=socket.AF_INET6,
                                        dualstack_ipv6=True, backlog=64)
        self.tcp.setblocking(False)

    def connect(self, sock, address):
        """Connects to us; the other end of it.

        On lo all of the handshake is over when connect() returns, if it is to be at all: where
        remains of another connection have the same addresses and ports it is not.
        """
        sock.setblocking(False)
        sock.connect_ex((address, HELPER_PORT))
        sock.getpeername()
        if sock.type == socket.SOCK_DGRAM:
            return None
        while True:
            other, peer = self.tcp.accept()
            if peer[1] == sock.getsockname()[1]:
                return other
            other.close()


def destroy(address, port, device, cookie):
    """Ends a connection to the helper, whether a descriptor refers to it or not."""
    family = family_of(address)
    packed = socket.inet_pton(family, address).ljust(16, b"\0")
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xffffffff)
    request += struct.pack("!HH", port, HELPER_PORT) + packed + packed
    # Without the cookie a listener of the port would be next.
    request += struct.pack("=III", socket.if_nametoindex(device) if device else 0, cookie & 0xffffffff, cookie >> 32)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diag:
        error = 0
        while error == 0:
            diag.send(struct.pack("=IHHII", 16 + len(request), SOCK_DESTROY, 0x5, 0, 0) + request)
            error = -struct.unpack_from("=i", diag.recv(4096), 16)[0]
    if error not in (errno.ENOENT, errno.ESTALE):
        raise OSError(error, f"SOCK_DESTROY: {os.strerror(error)}")


def reset(sock):
    """Closes it so that nothing is left of it."""
    if sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Thing:
    """One entry of a world: what has the port, and what else has to be kept open for it."""

    def __init__(self, spec, port, sock, others=(), cookie=None):
        self.spec, self.port, self.sock, self.others = spec, port, sock, list(others)
        self.cookie = cookie or cookie_of(sock)


def remove(things):
    """Nothing of them has the port when this returns."""
    for thing in things:
        for sock in [thing.sock, *thing.others]:
            if sock is not None and sock.fileno() >= 0:
                reset(sock)
    for thing in things:
        if thing.spec["kind"] in REMAINS:
            destroy(target_of(thing.spec), thing.port, thing.spec["device"], thing.cookie)


def target_of(spec):
    address = spec["address"]
    return {"0.0.0.0": "127.0.0.1", "::": "::1",
            "::ffff:0.0.0.0": "::ffff:127.0.0.1"}.get(address, address)


def build(spec, port, helper):
    """The thing of a description, or None where it cannot have its port."""
    try:
        with user(spec["uid"]):
            sock = make(spec, port)
            kind = spec["kind"]
            if spec["protocol"] == "tcp" and kind in ("listener", "accepted"):
                sock.listen(64)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            raise
        return None
    if kind in ("listener", "bound"):
        return Thing(spec, port, sock)
    try:
        if kind == "accepted":
            return accepted(spec, sock, port)
        return connected(spec, port, sock, helper)
    except OSError:
        reset(sock)
        return None


def accepted(spec, listener, port):
    """A connection that outlives its listener: with its port, and its options."""
    listener.setblocking(False)
    for _ in range(CLIENTS):
        client = socket.socket(listener.family, socket.SOCK_STREAM)
        client.setblocking(False)
        # On lo all of the handshake is over when this returns; of listeners that share the port by
        # SO_REUSEPORT another may have got it.
        client.connect_ex((target_of(spec), port))
        try:
            sock, _ = listener.accept()
        except OSError:
            reset(client)
            continue
        listener.close()
        return Thing(spec, port, sock, [client])
    raise ConnectionError("nobody got through to it")


def connected(spec, port, sock, helper):
    """From the port to elsewhere; and what is left of it when this side, or neither, has closed."""
    kind = spec["kind"]
    other = helper.connect(sock, target_of(spec))
    cookie = cookie_of(sock)
    if kind == "outgoing":
        return Thing(spec, port, sock, [other])
    if kind == "fin-wait-2":
        # The descriptor stays: an orphan in FIN_WAIT_2 is but a timewait socket soon.
        sock.shutdown(socket.SHUT_WR)
        return Thing(spec, port, sock, [other])
    sock.shutdown(socket.SHUT_WR)
    select.select([other], [], [], 5)
    # The ACK of a FIN waits for 40 ms, and what is closed before it comes is still of its user.
    other.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    until = time.monotonic() + 5
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != TCP_FIN_WAIT2:
        if time.monotonic() > until:
            raise TimeoutError("a FIN is not answered")
    sock.close()
    if kind == "orphan":
        return Thing(spec, port, None, [other], cookie)
    other.close()
    return Thing(spec, port, None, [], cookie)
