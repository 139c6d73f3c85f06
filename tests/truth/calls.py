"""Real connections and datagrams, and which socket got each."""

import errno
import itertools
import json
import os
import select
import socket
import subprocess
import time

TYPES = {"tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP), "udp": (socket.SOCK_DGRAM, 17),
         "udplite": (socket.SOCK_DGRAM, 136)}
NOBODY = None
AT_ONCE = 100
SECONDS = 20


def bare(address):
    return address.split("%")[0]


class Situation:
    """The process of tests/tools/situation: the sockets that it made, and who got what."""

    def __init__(self, program, box, arguments):
        with box:
            self._process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE)
        self._rest = b""
        self.made, self.failed = [], []
        self.connections, self.datagrams = {}, {}
        os.set_blocking(self.fileno(), False)
        self._ready = False
        deadline = time.monotonic() + SECONDS
        while not self._ready:
            if not select.select([self], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError("situation made nothing")
            self.read()

    def fileno(self):
        return self._process.stdout.fileno()

    def read(self):
        data = os.read(self.fileno(), 1 << 20)
        if not data:
            raise RuntimeError("situation ended too early")
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, event):
        if "made" in event:
            self.made.append(event)
        elif "failed" in event:
            self.failed.append(event)
        elif "text" in event:
            self.datagrams[event["text"]] = event["got"]
        elif "got" in event:
            key = (event["from"], event["from_port"], event["to"], event["to_port"])
            self.connections[key] = event["got"]
        else:
            self._ready = True

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Call:
    """One connection, or one datagram, on its way."""

    _numbers = itertools.count()

    def __init__(self, protocol, target, port):
        family = socket.AF_INET if target.ip.version == 4 else socket.AF_INET6
        self.stream = protocol == "tcp"
        self.answer = None  # (number of the socket,), (NOBODY,) or an errno
        self.socket = socket.socket(family, *TYPES[protocol])
        self.socket.setblocking(False)
        scope = socket.if_nametoindex(target.peer) if target.link_local else 0
        where = (target.address, port) + ((0, scope) if target.ip.version == 6 else ())
        try:
            if target.peer is None:
                # A listener that is bound to lo answers a caller whose own address is on another
                # interface by routing to it over lo, and never succeeds: the call would hang.
                self.socket.bind(("127.0.0.1" if target.ip.version == 4 else "::1", 0))
            error = self.socket.connect_ex(where)
        except OSError as failed:
            error = failed.errno
        if error not in (0, errno.EINPROGRESS):
            self._conclude(error)
        elif self.stream:
            source, source_port = self.socket.getsockname()[:2]
            self.key = (bare(source), source_port, target.address, port)
        else:
            self.key = str(next(self._numbers))
            self.socket.send(self.key.encode())

    def look(self, situation):
        """Has anything come of it?"""
        got = situation.connections if self.stream else situation.datagrams
        if self.answer is None and self.key in got:
            self.answer = (got.pop(self.key),)

    def heard(self):
        """The client's side has news: a refusal, or the handshake is through."""
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error and self.answer is None:
            self._conclude(error)

    def _conclude(self, error):
        # Where there is no such address at all, nobody gets it either
        refused = (errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.ENETUNREACH)
        self.answer = (NOBODY,) if error in refused else error

    def close(self):
        if self.stream:  # a reset leaves no TIME_WAIT behind
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Caller:
    """Calls from where the target is to be called from, and tells who answered."""

    def __init__(self, pair, situation):
        self._pair = pair
        self._situation = situation
        self.count = 0

    def call(self, wanted):
        """For each (protocol, target, port): the number of the socket that got it, or NOBODY."""
        answers = []
        for start in range(0, len(wanted), AT_ONCE):
            answers += self._batch(wanted[start:start + AT_ONCE])
        self.count += len(wanted)
        return answers

    def _batch(self, wanted):
        calls = [None] * len(wanted)
        for inside, namespace in ((True, self._pair.box), (False, self._pair.peer)):
            with namespace:
                for i, one in enumerate(wanted):
                    if (one[1].peer is None) == inside:
                        calls[i] = Call(*one)
        try:
            self._wait(calls)
            for call, one in zip(calls, wanted):
                if not isinstance(call.answer, tuple):
                    what = "nothing" if call.answer is None else os.strerror(call.answer)
                    raise RuntimeError(f"calling {one[0]} {one[1]} port {one[2]}: {what}")
            return [call.answer[0] for call in calls]
        finally:
            for call in calls:
                call.close()

    def _wait(self, calls):
        poller = select.epoll()
        poller.register(self._situation, select.EPOLLIN)
        by_fd = {call.socket.fileno(): call for call in calls}
        for fd, call in by_fd.items():
            poller.register(fd, (select.EPOLLOUT if call.stream else 0) | select.EPOLLONESHOT)
        deadline = time.monotonic() + SECONDS
        waiting = [call for call in calls if call.answer is None]
        while waiting and time.monotonic() < deadline:
            for fd, _ in poller.poll(1):
                if fd in by_fd:
                    by_fd[fd].heard()
                else:
                    self._situation.read()
            for call in waiting:
                call.look(self._situation)
            waiting = [call for call in waiting if call.answer is None]
        poller.close()
