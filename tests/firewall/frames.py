"""Packets by hand: SYNs and datagrams of any sender, and what comes back for them.

Each carries a number: a SYN as its sequence number, a datagram as its payload. An answer repeats
it, and so does what an ICMP error quotes; so neither address translation nor the order of answers
matters.
"""
import functools
import ipaddress
import struct

TCP, UDP = 6, 17
CANONICAL_PORT = 40000
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60

# As hark calls the codes of ICMP's and ICMPv6's "destination unreachable".
UNREACHABLE = {
    4: {0: "icmp-net-unreachable", 1: "icmp-host-unreachable", 2: "icmp-proto-unreachable",
        3: "icmp-port-unreachable", 9: "icmp-net-prohibited", 10: "icmp-host-prohibited",
        13: "icmp-admin-prohibited"},
    6: {0: "icmp6-no-route", 1: "icmp6-admin-prohibited", 3: "icmp6-addr-unreachable",
        4: "icmp6-port-unreachable", 5: "icmp6-policy-fail", 6: "icmp6-reject-route"},
}


@functools.lru_cache(65536)
def packed(address):
    return ipaddress.ip_address(address).packed


def checksum(data):
    """Of an even number of bytes: a sum in ones' complement is a remainder."""
    return 0xffff - int.from_bytes(data, "big") % 0xffff


def _transport(protocol, source, target, number, sport, dport, filler=b""):
    if protocol == TCP:
        text = struct.pack("!HHIIBBHHH", sport, dport, number, 0, 0x50, 2, 64240, 0, 0) + filler
        at = 16
    else:
        text = struct.pack("!HHHHI", sport, dport, 12 + len(filler), 0, number) + filler
        at = 6
    total = checksum(source + target + struct.pack("!II", len(text), protocol) + text)
    return text[:at] + struct.pack("!H", total or 0xffff) + text[at + 2:]


def _ipv4(source, target, protocol, payload, *, ttl, options, number, offset=0, more=False, tos=0):
    flags = (0x2000 if more else 0) | offset // 8
    head = struct.pack("!BBHHHBBH", 0x40 | 5 + len(options) // 4, tos,
                       20 + len(options) + len(payload), number & 0xffff, flags, ttl, protocol, 0)
    head += source + target + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def _ipv6(source, target, following, payload, ttl, tos):
    head = struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), following, ttl)
    return head + source + target + payload


def packets(protocol, source, target, number, dport, *, sport=CANONICAL_PORT, ttl=64, options=b"",
            extensions=(), fragments=False, tos=0):
    """The packet, or its fragments: one SYN or datagram of that number.

    `options` of IPv4; `extensions` of IPv6, types of headers in order; `fragments`: in two, the
    first of which has the ports; for IPv6 also "atomic": in one.
    """
    source, target = packed(source), packed(target)
    # Since Linux 5.11 a first fragment of IPv6 has to have all of TCP's header.
    filler = bytes(12) if fragments is True and len(source) == 16 else b""
    text = _transport(protocol, source, target, number, sport, dport, filler)
    if len(source) == 4:
        kept = {"ttl": ttl, "options": options, "number": number, "tos": tos}
        if not fragments:
            return [_ipv4(source, target, protocol, text, **kept)]
        return [_ipv4(source, target, protocol, text[:8], more=True, **kept),
                _ipv4(source, target, protocol, text[8:], offset=8, **kept)]
    following = protocol
    for kind in reversed(extensions):
        if kind == ROUTING:  # type 0 with no segments left
            text = struct.pack("!BBBBI", following, 0, 0, 0, 0) + text
        else:  # filled up by PadN
            text = struct.pack("!BBBB4x", following, 0, 1, 4) + text
        following = kind
    if not fragments:
        return [_ipv6(source, target, following, text, ttl, tos)]

    def part(offset, payload, more):
        head = struct.pack("!BBHI", following, 0, offset | more, number)
        return _ipv6(source, target, FRAGMENT, head + payload, ttl, tos)
    if fragments == "atomic":
        return [part(0, text, 0)]
    cut = len(text) - 8
    return [part(0, text[:cut], 1), part(cut, text[cut:], 0)]


def _number(protocol, text):
    """Of what was sent: a SYN, a datagram."""
    if protocol == TCP and len(text) >= 8:
        return int.from_bytes(text[4:8], "big")
    if protocol == UDP and len(text) >= 12:
        return int.from_bytes(text[8:12], "big")
    return None


def split(packet):
    """(version, protocol, transport) of a packet without extension headers, or None."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        return 4, packet[9], packet[(packet[0] & 15) * 4:]
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        following, text = packet[6], packet[40:]
        while following in (HOP_BY_HOP, ROUTING, DESTINATION, FRAGMENT) and len(text) >= 8:
            size = 8 if following == FRAGMENT else 8 + text[1] * 8
            following, text = text[0], text[size:]
        return 6, following, text
    return None


def sent(packet):
    """The number of a packet of ours that arrived, or None."""
    parts = split(packet)
    return _number(*parts[1:]) if parts else None


def target(packet):
    """Where a packet goes, as "10.0.0.2:80" or "[fd31::2]:80"."""
    version, _, text = split(packet)
    address = ipaddress.ip_address(packet[16:20] if version == 4 else packet[24:40])
    port = int.from_bytes(text[2:4], "big")
    return f"{address}:{port}" if version == 4 else f"[{address}]:{port}"


def _segment_size(text):
    """What a SYN offers."""
    options = text[20:(text[12] >> 4) * 4]
    while options:
        if options[0] == 2:
            return int.from_bytes(options[2:4], "big")
        options = options[1 if options[0] == 1 else max(2, options[1]):]
    return 0


def answer(packet):
    """What a packet says of which number: (number, "reject HOW" or the size of segments), or None."""
    parts = split(packet)
    if not parts:
        return None
    version, protocol, text = parts
    if protocol == TCP and len(text) >= 20:
        number, flags = (int.from_bytes(text[8:12], "big") - 1) & 0xffffffff, text[13]
        if flags & 4:
            return number, "reject tcp-reset"
        return (number, _segment_size(text)) if flags & 0x12 == 0x12 else None
    unreachable = {1: (4, 3), 58: (6, 1)}.get(protocol)
    if unreachable and unreachable[0] == version and text[0] == unreachable[1]:
        number = sent(text[8:])
        how = UNREACHABLE[version].get(text[1], f"code {text[1]}")
        return (number, f"reject {how}") if number is not None else None
    return None
