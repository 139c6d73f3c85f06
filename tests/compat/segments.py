"""TCP connections in any state, whose peer exists only on paper.

TCP_REPAIR makes a connection without a handshake; what its peer "sends" is written as raw packets,
and what is sent to the peer goes into a link that nobody reads. So a state stands still for as
long as the kernel's timers let it, and none needs a second program to behave.
"""
import socket
import struct

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_REPAIR_WINDOW = 19, 20, 21, 29
RECEIVE_QUEUE, SEND_QUEUE = 1, 2
REPAIR_OFF_WITHOUT_PROBE = -1
FIN, SYN, ACK = 0x01, 0x02, 0x10
OURS, THEIRS = 1000, 5000  # the next sequence numbers
WINDOW = 60000
MAPPED = "::ffff:"


def _checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def inject(source, target, seq, ack, flags, data=b""):
    """Lets a segment arrive at `target`, (address, port), as if `source` had sent it."""
    is_v6 = ":" in source[0]
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    sender, receiver = (socket.inet_pton(family, end[0]) for end in (source, target))

    def segment(checksum):
        return struct.pack("!HHIIBBHHH", source[1], target[1], seq, ack, 5 << 4, flags, WINDOW,
                           checksum, 0) + data

    length = len(segment(0))
    pseudo = sender + receiver + struct.pack("!IxxxB" if is_v6 else "!xBH",
                                             *((length, 6) if is_v6 else (6, length)))
    if is_v6:
        header = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_TCP, 64)
    else:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_TCP, 0)
    packet = header + sender + receiver + segment(_checksum(pseudo + segment(0)))
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (target[0], 0))


class Connection:
    """An established connection from `local` to `remote`, both (address, port)."""

    def __init__(self, local, remote, window=WINDOW):
        self.local, self.remote = local, remote
        self.acked = OURS
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self._set(TCP_REPAIR, 1)
        for queue, number in ((SEND_QUEUE, OURS), (RECEIVE_QUEUE, THEIRS)):
            self._set(TCP_REPAIR_QUEUE, queue)
            self._set(TCP_QUEUE_SEQ, number)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND, for IPv6 as well
        self.socket.bind(local)
        self.socket.connect(remote)
        self._set(TCP_REPAIR_WINDOW, struct.pack("5I", THEIRS - 1, window, WINDOW, WINDOW, THEIRS))
        self._set(TCP_REPAIR, REPAIR_OFF_WITHOUT_PROBE)

    def _set(self, option, value):
        self.socket.setsockopt(socket.IPPROTO_TCP, option, value)

    def hear(self, flags, data=b""):
        """The peer sends this, and acknowledges what `self.acked` says."""
        source, target = ((address.removeprefix(MAPPED), port)
                          for address, port in (self.remote, self.local))
        inject(source, target, THEIRS, self.acked, flags | ACK, data)
        return self

    def finish(self, acknowledged=False):
        """Our side says that it ends; the peer acknowledges that, or does not."""
        self.socket.shutdown(socket.SHUT_WR)
        if acknowledged:
            self.acked += 1
            self.hear(ACK)
        return self

    def send(self, data):
        self.socket.send(data)
        return self

    def close(self):
        self.socket.close()


def ask_to_connect(source, target):
    """A SYN whose answer nobody will take: SYN_RECV at the listener `target`."""
    inject(source, target, THEIRS, 0, SYN)


def each_state(local, remote, port):
    """A connection in each state that has one, from `port` on; the sockets that are held."""
    connections = []

    def one():
        connections.append(Connection((local, port + len(connections)), (remote, 80)))
        return connections[-1]

    one()                                       # ESTABLISHED
    one().finish()                              # FIN_WAIT1
    one().finish(acknowledged=True)             # FIN_WAIT2
    one().hear(FIN)                             # CLOSE_WAIT
    one().hear(FIN).finish()                    # LAST_ACK, held
    one().hear(FIN).close()                     # LAST_ACK, nobody's
    one().finish().hear(FIN)                    # CLOSING
    one().finish(acknowledged=True).hear(FIN)   # TIME_WAIT
    one().send(b"not acknowledged")             # ESTABLISHED, to be sent again
    one().hear(0, b"not read")                  # ESTABLISHED, with something to read
    return [connection.socket for connection in connections]
