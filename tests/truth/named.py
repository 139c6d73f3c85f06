"""The named situations of tests/tools/situation, and the claims that are expected of each."""

# Surprises, all found by asking Linux 6.18 with real sockets before any of this was written:
#
# * A specific IPv6 bind sets IPV6_V6ONLY by itself ([::1]:5432 reports it); a mapped one does not.
# * ::ffff:0.0.0.0 (shown as the 0.0.0.0 it is) can be bound, and makes an AF_INET6 socket that
#   takes all of IPv4 and no IPv6. Beside it, [::] with IPV6_V6ONLY=1 fits on the same port.
# * Two wildcard TCP listeners with SO_REUSEPORT, one of them bound to a device, are not one group,
#   and the device does not win: whichever was made last gets everything that it may get. The
#   first, if it is bound to the device, gets nothing at all. UDP is the same with SO_REUSEPORT;
#   with SO_REUSEADDR it prefers the device, in either order.
# * 0.0.0.0 takes all of IPv4 from [::] when both are there, however they were ordered.
# * Of two UDP sockets with SO_REUSEADDR the one that was bound last gets everything.
# * A UDP socket that is connected between two others may part their group: see Claims.group().
# * A program of a SO_REUSEPORT group chooses the member; the group as a whole answers.
#
# A title is the name of a situation, and what is special about the namespace after "with".
EXPECTED = {
    "founding": """
    tcp4 0.0.0.0:22: ipv4 all native; ipv6 none
    tcp6 [::]:22: ipv4 none; ipv6 all native
    tcp46 [::]:80: ipv4 all mapped; ipv6 all native
    """,
    "founding with bindv6only": """
    tcp4 0.0.0.0:22: ipv4 all native; ipv6 none
    tcp6 [::]:22: ipv4 none; ipv6 all native
    tcp46 [::]:80: ipv4 all mapped; ipv6 all native
    """,
    "founding with ipv6 disabled": """
    tcp4 0.0.0.0:22: ipv4 all native; ipv6 none
    tcp6 [::]:22: ipv4 none; ipv6 none
    tcp4 [::]:80: ipv4 all mapped; ipv6 none
    """,
    "default-v6only": """
    tcp46 [::]:8084: ipv4 all mapped; ipv6 all native
    tcp46 [::]:8085: ipv4 all mapped; ipv6 all native
    """,
    "default-v6only with bindv6only": """
    tcp6 [::]:8084: ipv4 none; ipv6 all native
    tcp46 [::]:8085: ipv4 all mapped; ipv6 all native
    """,
    "v6only": """
    tcp6 [::]:8084: ipv4 none; ipv6 all native
    udp6 [::]:8084: ipv4 none; ipv6 all native
    """,
    "mapped": """
    tcp4 127.0.0.1:8005: ipv4 some mapped 127.0.0.1; ipv6 none
    udp4 10.9.0.1:8005: ipv4 some mapped 10.9.0.1; ipv6 none
    """,
    "mapped-any": """
    tcp6 [::]:8006: ipv4 none; ipv6 all native
    tcp4 0.0.0.0:8006: ipv4 all mapped; ipv6 none
    """,
    "loopback": """
    tcp4 127.0.0.1:5432: ipv4 some native 127.0.0.1; ipv6 none
    tcp6 [::1]:5432: ipv4 none; ipv6 some native ::1
    """,
    "shadow": """
    tcp4 127.0.0.1:80: ipv4 some native 127.0.0.1; ipv6 none
    tcp46 [::]:80: ipv4 some mapped 10.9.0.1 10.9.1.1 127.0.0.0/8; ipv6 all native
    """,
    "shadow with anyip": """
    tcp4 127.0.0.1:80: ipv4 some native 127.0.0.1; ipv6 none
    tcp46 [::]:80: ipv4 some mapped 10.1.0.0/16 10.9.0.1 10.9.1.1 127.0.0.0/8; ipv6 all native
    """,
    "anyip with anyip": """
    tcp4 10.1.2.3:80: ipv4 some native 10.1.2.3; ipv6 none
    tcp4 0.0.0.0:80: ipv4 some native 10.1.0.0/16 10.9.0.1 10.9.1.1 127.0.0.0/8 127.0.0.1; ipv6 none
    """,
    "eclipse": """
    tcp4 0.0.0.0:80: ipv4 all native; ipv6 none
    tcp6 [::]:80: ipv4 none; ipv6 all native
    """,
    "bound": """
    tcp 0.0.0.0:7000 bound
    tcp [::]:7001 bound
    """,
    "device-first": """
    tcp4 0.0.0.0:80: ipv4 all native; ipv6 none
    tcp4 0.0.0.0:80 on eth0: ipv4 none; ipv6 none
    """,
    "device-last": """
    tcp4 0.0.0.0:80: ipv4 some native 10.9.1.1 127.0.0.0/8 127.0.0.1; ipv6 none
    tcp4 0.0.0.0:80 on eth0: ipv4 all native; ipv6 none
    """,
    "udp-device": """
    udp4 0.0.0.0:53: ipv4 some native 10.9.1.1 127.0.0.0/8 127.0.0.1; ipv6 none
    udp4 0.0.0.0:53 on eth0: ipv4 all native; ipv6 none
    """,
    "udp-pair": """
    udp4 0.0.0.0:53: ipv4 all native; ipv6 none
    udp4 0.0.0.0:53: ipv4 none; ipv6 none
    """,
    "udp-connected": """
    udp4 0.0.0.0:53: ipv4 all native; ipv6 none
    udp 10.9.0.1:53 established
    """,
    "udp-split-group": """
    udp4 10.9.0.1:53: ipv4 none; ipv6 none
    udp4 10.9.0.1:53: ipv4 some native 10.9.0.1; ipv6 none
    """,
    "reuseport-group": """
    tcp46 [::]:80: ipv4 all mapped; ipv6 all native
    tcp46 [::]:80: ipv4 all mapped; ipv6 all native
    tcp46 [::]:80: ipv4 all mapped; ipv6 all native
    """,
    "reuseport-program": """
    tcp4 0.0.0.0:80: ipv4 all native; ipv6 none
    tcp4 0.0.0.0:80: ipv4 all native; ipv6 none
    """,
    "steered": """
    tcp4 0.0.0.0:80: ipv4 none; ipv6 none
    tcp4 127.0.0.2:80: ipv4 all native; ipv6 none
    """,
    "freebind": """
    tcp4 203.0.113.5:80: ipv4 none; ipv6 none
    udp6 [2001:db8::5]:80: ipv4 none; ipv6 none
    """,
}

OPTIONS = {"bound": ["-a"], "udp-connected": ["-a"]}

# the members that the program never chooses would be waited for in vain
UNCALLED = {"reuseport-program"}

NEED_PRIVILEGE = {"steered"}


def _claim(family, answer):
    words = [family, answer["verdict"]]
    if answer["verdict"] in ("all", "some"):
        words += [answer["via"], *sorted(answer.get("addresses") or [])]
    return " ".join(words)


def describe(row):
    """One socket on one line."""
    local = row["local"]
    address = f"[{local['address']}]" if ":" in local["address"] else local["address"]
    text = f"{address}:{local['port']}"
    if local["interface"]:
        text += f" on {local['interface']}"
    if row["answers"] is None:
        return f"{row['protocol']} {text} {row['state']}"
    claims = "; ".join(_claim(family, row["answers"][family]) for family in ("ipv4", "ipv6"))
    return f"{row['label']} {text}: {claims}"


def compare(document, netns, expected):
    """The lines that differ, as a list of complaints."""
    want = sorted(line.strip() for line in expected.strip().splitlines())
    have = sorted(describe(row) for row in document["sockets"] if row["netns"] == netns)
    if want == have:
        return []
    return ["expected"] + ["  " + line for line in want] + ["hark says"] + ["  " + h for h in have]
