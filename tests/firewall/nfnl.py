"""Rules of nf_tables by hand, for what the tool at hand has no words for."""
import os
import socket
import struct

NETLINK_NETFILTER = 12
NFT_NEWTABLE, NFT_NEWCHAIN, NFT_NEWRULE = 0xa00, 0xa03, 0xa06
BATCH_BEGIN, BATCH_END = 0x10, 0x11
REQUEST, ACK, CREATE, APPEND = 1, 4, 0x400, 0x800
INET = 1
R1, R2, R3 = 8, 12, 16  # NFT_REG32_00, _04, _08


def attribute(kind, data):
    if isinstance(data, str):
        data = data.encode() + b"\0"
    elif isinstance(data, int):
        data = struct.pack("!I", data)
    elif isinstance(data, list):
        data, kind = b"".join(data), kind | 0x8000
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def expression(name, *attributes):
    return attribute(1, [attribute(1, name), attribute(2, list(attributes))])


def load_source(register):
    """The sender's IPv4 address."""
    return expression("payload", attribute(1, register), attribute(2, 1), attribute(3, 12),
                      attribute(4, 4))


def value(register, data):
    return expression("immediate", attribute(1, register), attribute(2, [attribute(1, data)]))


def both(to, one, other):
    """Their bits in common: NFT_BITWISE_AND of two registers, since Linux 6.13."""
    return expression("bitwise", attribute(1, one), attribute(2, to), attribute(3, 4), attribute(6, 3),
                      attribute(8, other))


def equal(register, data):
    return expression("cmp", attribute(1, register), attribute(2, 0), attribute(3, [attribute(1, data)]))


def is_ipv4():
    return expression("meta", attribute(1, R1), attribute(2, 15)) + equal(R1, b"\2")


def in_tunnel(*inner):
    """What is inside of VXLAN: an expression that tests a packet that ours is not."""
    return expression("inner", attribute(1, 0), attribute(2, 1), attribute(3, 0xf), attribute(4, 8),
                      attribute(5, [attribute(1, inner[0]), attribute(2, list(inner[1:]))]))


def drop():
    return expression("immediate", attribute(1, 0), attribute(2, [attribute(2, [attribute(1, 0)])]))


def _message(kind, flags, sequence, family, *attributes):
    body = struct.pack("=BBH", family, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def _batch(kind, sequence):
    return struct.pack("=IHHIIBBH", 20, kind, REQUEST, sequence, 0, 0, 0, 0x0a00)


def add_rule(table, chain, *expressions):
    """To a table of both families, in the namespace of the thread."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        sock.send(_batch(BATCH_BEGIN, 1) + _message(
            NFT_NEWRULE, REQUEST | ACK | CREATE | APPEND, 2, INET, attribute(1, table),
            attribute(2, chain), attribute(4, list(expressions))) + _batch(BATCH_END, 3))
        error = struct.unpack_from("=i", sock.recv(65536), 16)[0]
        if error:
            raise OSError(-error, os.strerror(-error))
