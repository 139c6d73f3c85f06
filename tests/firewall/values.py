"""What random rulesets are about: addresses, ports, interfaces."""
import ipaddress

TCP_PORTS = (22, 80, 443, 2222, 8080)
UDP_PORTS = (53, 161, 5353)
PORTS = TCP_PORTS + UDP_PORTS
MARKS = ("0x0", "0x1", "0x2", "0x3", "0x10", "0xff")
# Elements of one set must not overlap: each is from below another of these.
FIRST4 = (1, 8, 10, 64, 100, 128, 172, 192, 198, 203, 223, 240)
FIRST6 = (0x2001, 0x2003, 0x2400, 0x2600, 0x2a00, 0x3fff, 0xfc00, 0xfd00)
KNOWN = {
    4: ("0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "10.128.0.0/9", "172.16.0.0/12", "8.8.8.8",
        "192.168.0.0/16", "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "100.64.0.0/10",
        "224.0.0.0/3", "192.168.1.4/31", "9.0.0.0/8", "198.18.0.0/15", "8.8.8.0/25"),
    6: ("2000::/3", "2001:db8::/32", "2600::/12", "fd00::/8", "8000::/1", "2001:db8:aaaa::/48",
        "2a00:1450:4001:800::200e", "2001::/23", "fc00::/7", "2001:db8:0:f0::/60", "2600::1"),
}
ELSEWHERE = {4: "172.31.0.2", 6: "fd31::2"}
MINE = {4: ("192.0.2.10", "192.0.2.11", "198.18.0.10"), 6: ("2001:db8::10", "2001:db8:1::10")}


def _host(rng, version, first=None):
    """A number, whose first part is given or among those that others have, too."""
    if version == 4:
        return (first or rng.choice(FIRST4)) << 24 | rng.choice((
            rng.getrandbits(24), rng.getrandbits(8), rng.getrandbits(16) << 8, 0xffffff, 0))
    return (first or rng.choice(FIRST6)) << 112 | rng.choice((
        rng.getrandbits(112), rng.getrandbits(16), rng.getrandbits(48) << 64, (1 << 112) - 1, 0))


def _text(number, version):
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def host(rng, version):
    return _text(_host(rng, version), version)


def prefix(rng, version):
    """A prefix, one that is often used or any, or an address."""
    if rng.random() < 0.6:
        return rng.choice(KNOWN[version])
    bits = rng.choice((1, 4, 7, 8, 9, 12, 15, 16, 17, 23, 24, 25, 30, 31, 32) if version == 4 else
                      (3, 8, 12, 16, 20, 32, 33, 47, 48, 56, 63, 64, 65, 96, 127, 128))
    return str(ipaddress.ip_network((_host(rng, version), bits), strict=False))


def span(rng, version):
    """A range that is no prefix, but by chance."""
    first = _host(rng, version)
    size = rng.choice((1, 2, 100, 256, 65536, 1 << 20) if version == 4 else
                      (1, 2, 1 << 16, 1 << 64, 1 << 80, 1 << 100))
    last = min(first + rng.randint(1, size), (1 << (32 if version == 4 else 128)) - 1)
    return f"{_text(first, version)}-{_text(last, version)}" if first < last else _text(first, version)


def elements(rng, version, most=5, *, intervals=True, forms="aps"):
    """Disjoint ones: addresses, prefixes, ranges."""
    found = []
    pool = FIRST4 if version == 4 else FIRST6
    for first in rng.sample(pool, rng.randint(1, min(most, len(pool)))):
        form = rng.choice(forms) if intervals else "a"
        number, width = _host(rng, version, first), 32 if version == 4 else 128
        if form == "a":
            found.append(_text(number, version))
        elif form == "p":
            bits = rng.randint(8 if version == 4 else 16, width)
            found.append(str(ipaddress.ip_network((number, bits), strict=False)))
        else:
            top = (first + 1 << (width - (8 if version == 4 else 16))) - 1
            last = min(top, number + rng.choice((1, 7, 255, 65536)))
            found.append(f"{_text(number, version)}-{_text(last, version)}" if last > number
                         else _text(number, version))
    return found


def port(rng):
    return rng.choice(PORTS)


def port_range(rng):
    return f"{rng.choice((1, 20, 22, 50, 80))}-{rng.choice((100, 443, 2222, 5000, 65535))}"


def port_elements(rng, most=4):
    """Disjoint ports and ranges of ports."""
    pool = ["22", "53", "80", "161", "400-443", "1000-2222", "5353", "8000-8080", "23-52", "9000-65535"]
    return rng.sample(pool, rng.randint(1, most))
