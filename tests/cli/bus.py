"""A stand-in for systemd on D-Bus: speaks the wire protocol on a Unix socket, rightly or wrongly.

It knows of .socket units and answers what hark asks of them: ListUnitsByPatterns, and the
properties Listen, Triggers and Accept. With a `trouble` it does something else instead: see Bus.
"""
import contextlib
import os
import random
import socket
import struct
import subprocess
import threading

from harness import rename, world

SYSTEM_BUS = "/run/dbus/system_bus_socket"
PRIVATE = "/run/systemd/private"

CALL, REPLY, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
MANAGER = "org.freedesktop.systemd1"
UNIT_PATH = "/org/freedesktop/systemd1/unit/"
WELCOME = b"OK " + b"0" * 32 + b"\r\n"
SEED = 20261122


def types_of(signature):
    """Splits a signature into its complete types."""
    at = 0
    while at < len(signature):
        end = at
        while signature[end] == "a":
            end += 1
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(signature[end], 0)
            end += 1
            if not depth:
                break
        yield signature[at:end]
        at = end


class Writer:
    """Marshals values, little-endian."""

    def __init__(self):
        self.bytes = bytearray()

    def align(self, n):
        self.bytes += bytes(-len(self.bytes) % n)

    def put(self, kind, value):
        if kind in "ub":
            self.align(4)
            self.bytes += struct.pack("<I", value)
        elif kind in "so":
            self.put("u", len(value.encode()))
            self.bytes += value.encode() + b"\0"
        elif kind == "g":
            self.bytes += bytes([len(value)]) + value.encode() + b"\0"
        elif kind == "y":
            self.bytes.append(value)
        elif kind == "v":
            self.put("g", value[0])
            self.put(*value)
        elif kind[0] == "a":
            self.put("u", 0)
            length_at = len(self.bytes) - 4
            self.align(8 if kind[1] == "(" else 4)
            begin = len(self.bytes)
            for item in value:
                self.put(kind[1:], item)
            struct.pack_into("<I", self.bytes, length_at, len(self.bytes) - begin)
        else:
            self.align(8)
            for part, item in zip(types_of(kind[1:-1]), value, strict=True):
                self.put(part, item)
        return self


def message(kind, serial, fields, signature="", values=(), length=None):
    """The bytes of a message; its header tells `length`, if that is to be a lie."""
    body = Writer()
    for part, value in zip(types_of(signature), values, strict=True):
        body.put(part, value)
    if signature:
        fields = [*fields, (SIGNATURE, ("g", signature))]
    header = Writer()
    for byte in (ord("l"), kind, 1, 1):
        header.put("y", byte)
    header.put("u", len(body.bytes) if length is None else length)
    header.put("u", serial)
    header.put("a(yv)", fields)
    header.align(8)
    return bytes(header.bytes + body.bytes)


def strings_of(body):
    """The strings that a body begins with."""
    at, found = 0, []
    while at + 4 <= len(body):
        (length,) = struct.unpack_from("<I", body, at)
        found.append(body[at + 4:at + 4 + length].decode())
        at += (4 + length + 1 + 3) & ~3
    return found


class Call:
    """A method call as it came from a stream."""

    def __init__(self, stream):
        start = stream.read(16)
        if len(start) < 16:
            raise EOFError
        self.kind = start[1]
        body_length, self.serial, length = struct.unpack("<4xIII", start)
        fields = stream.read(length + -length % 8)
        self.fields = {}
        at = 0
        while at < length:
            at += -at % 8
            code, kind = fields[at], chr(fields[at + 2])
            at += 4
            if kind == "g":
                size, at = fields[at], at + 1
            else:
                (size,), at = struct.unpack_from("<I", fields, at), at + 4
            if kind == "u":
                self.fields[code] = size
            else:
                self.fields[code] = fields[at:at + size].decode()
                at += size + 1
        self.body = stream.read(body_length)

    def __getitem__(self, code):
        return self.fields.get(code)


def label(name):
    """A name as a part of an object's path."""
    return "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)


class Bus:
    """Listens at `path` while it is a context.

    `units` is {name: {"Listen": [(type, address)], "Triggers": [name], "Accept": bool}}. As a
    trouble it is "closed", "silent" (never says a word), "mute" (no word after the handshake),
    "noise", "noise later", "refusal" (of each call), "types" (others than were asked for), "lie" (a
    body longer than D-Bus allows), "endless" (a long body that goes on and on), "trickle", or
    "flood" (of signals).
    """

    def __init__(self, path, units, trouble=None, is_private=False):
        self.units, self.trouble, self.is_private = units, trouble, is_private
        self.n_calls = 0
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(8)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, contextlib.suppress(EOFError, OSError):
                self.talk(peer)

    def talk(self, peer):
        if self.trouble == "closed":
            return
        if self.trouble == "silent":
            self.wait_for_end(peer)
        if self.trouble == "noise":
            self.send_noise(peer)
        with peer.makefile("rb") as stream:
            self.shake_hands(peer, stream)
            if self.trouble == "mute":
                self.wait_for_end(peer)
            if self.trouble == "noise later":
                self.send_noise(peer)
            while True:
                self.answer(peer, Call(stream))

    @staticmethod
    def wait_for_end(peer):
        while peer.recv(4096):
            pass
        raise EOFError

    @staticmethod
    def send_noise(peer):
        noise = random.Random(SEED)
        print(f"# seed {SEED}")
        while True:
            peer.sendall(noise.randbytes(4096))

    @staticmethod
    def shake_hands(peer, stream):
        if stream.read(1) != b"\0":
            raise EOFError
        while True:
            line = stream.readline()
            if line == b"BEGIN\r\n":
                return
            if line.startswith(b"AUTH EXTERNAL"):
                peer.sendall(b"DATA\r\n" if line == b"AUTH EXTERNAL\r\n" else WELCOME)
            elif line.startswith(b"DATA"):
                peer.sendall(WELCOME)
            elif line == b"NEGOTIATE_UNIX_FD\r\n":
                peer.sendall(b"AGREE_UNIX_FD\r\n")
            else:
                raise EOFError

    def answer(self, peer, call):
        if call.kind != CALL:
            return
        self.n_calls += 1
        if call[MEMBER] == "Hello" and not self.is_private:
            self.reply(peer, call, "s", [":1.7"])
        elif self.trouble == "refusal":
            self.send(peer, message(ERROR, 1, [
                (ERROR_NAME, ("s", "org.freedesktop.DBus.Error.AccessDenied")),
                (REPLY_SERIAL, ("u", call.serial))], "s", ["not for you"]))
        elif self.trouble == "flood":
            signal = message(SIGNAL, 1, [(PATH, ("o", "/a")), (INTERFACE, ("s", "a.b")),
                                         (MEMBER, ("s", "C"))])
            while True:
                peer.sendall(signal * 100)
        elif self.trouble == "types":
            self.reply(peer, call, "u", [7])
        elif self.trouble in ("lie", "endless"):
            length = {"lie": 0x10000000, "endless": 0x7000000}[self.trouble]
            self.send(peer, message(REPLY, 1, [(REPLY_SERIAL, ("u", call.serial)),
                                               (SIGNATURE, ("g", "ay"))], length=length))
            while True:
                peer.sendall(bytes(65536))
        else:
            self.reply(peer, call, *self.result_of(call))

    def result_of(self, call):
        """A signature and its values."""
        path, strings = call[PATH], strings_of(call.body) if call[SIGNATURE] == "ss" else []
        if (call[INTERFACE], call[MEMBER]) == (MANAGER + ".Manager", "ListUnitsByPatterns"):
            units = [(name, "", "loaded", "active", "listening", "", UNIT_PATH + label(name), 0, "",
                      "/") for name in self.units]
            return "a(ssssssouso)", [units]
        for name, unit in self.units.items():
            if call[MEMBER] == "Get" and path == UNIT_PATH + label(name):
                interface = ".Unit" if strings[1] == "Triggers" else ".Socket"
                kind = {"Listen": "a(ss)", "Triggers": "as", "Accept": "b"}[strings[1]]
                if strings[0] == MANAGER + interface:
                    return "v", [(kind, unit[strings[1]])]
        raise EOFError

    def reply(self, peer, call, signature, values):
        self.send(peer, message(REPLY, 1, [(REPLY_SERIAL, ("u", call.serial))], signature, values))

    def send(self, peer, what):
        if self.trouble != "trickle":
            peer.sendall(what)
            return
        for byte in what:
            peer.sendall(bytes([byte]))
            if self.is_over.wait(0.01):
                raise EOFError


@contextlib.contextmanager
def systemd():
    """This process is systemd, as far as /proc tells, and nobody's files are below /run."""
    with open("/proc/self/comm", "rb") as file:
        name = file.read().strip()
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    rename(b"systemd")
    try:
        with world():
            yield
    finally:
        rename(name)
        subprocess.run(["umount", "-l", "/run"], check=True)
