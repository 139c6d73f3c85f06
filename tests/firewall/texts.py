"""Rules as their own programs list them, to be held against what hark writes.

Where hark writes something else on purpose, what the program says is changed here to what hark is
to say; whatever else differs is wrong:
* counters, quotas and `last` without what they have counted so far;
* a set within a rule by its first eight elements; the size of a meter not at all;
* a set of concatenations with ranges in it only by its length: nft's order of them is chance;
* times in UTC, with a Z, where nft turns them to its own zone;
* names that other files give: realms, device groups, labels;
* matches and targets of x_tables that only their name tells: "[not decoded]", and what tells the
  sizes of hashlimit's tables. Of some that are told a few options are not (BEYOND).
"""
import re

PLACES = {"iptables-nft-save": "nft ip {} {}", "ip6tables-nft-save": "nft ip6 {} {}",
          "iptables-legacy-save": "iptables {} {}", "ip6tables-legacy-save": "ip6tables {} {}"}
TABLES = {"filter", "nat", "mangle", "raw", "security"}
BASES = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
ELEMENTS = 8
# Matches and targets without a word of what they do.
UNTOLD = {
    "-m": {"ah", "bpf", "cgroup", "cluster", "connbytes", "connlabel", "cpu", "dst", "ecn", "esp",
           "frag", "hbh", "helper", "ipcomp", "ipv6header", "ipvs", "l2tp", "mh", "nfacct", "osf", "policy",
           "rateest", "realm", "srh", "string", "tcpmss", "time", "tos", "u32"},
    "-j": {"AUDIT", "CHECKSUM", "CLASSIFY", "CONNSECMARK", "DNPT", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER",
           "LED", "RATEEST", "SECMARK", "SNPT", "SYNPROXY", "TCPOPTSTRIP", "TEE", "TOS", "TTL"},
}
BEYOND = re.compile(r"--dccp-types|--chunk-types|--ctevents|--hashlimit-above \d+k?b/s|--return-nomatch|--map-set")


def _cut(match):
    elements = match[1].split(", ")
    more = re.match(r"\.\.\. (\d+) more", elements[-1])
    if any(re.search(r" \. .*[-/]|[-/].* \. ", element) for element in elements):
        return f"{{ {len(elements) + (int(more[1]) - 1 if more else 0)} elements }}"
    if not more and len(elements) > ELEMENTS:
        elements[ELEMENTS:] = [f"... {len(elements) - ELEMENTS} more"]
    return "{ " + ", ".join(elements) + " }"


def short_sets(text):
    return re.sub(r"\{ ([^{}]*, [^{}]*) \}", _cut, text)


def of_nft(text):
    """A rule of `nft list ruleset`, as hark is to write it."""
    text = re.sub(r"counter packets \d+ bytes \d+", "counter", text)
    text = re.sub(r"(quota (?:over )?\d+ \w+) used \d+ \w+", r"\1", text)
    text = re.sub(r"last used (never|\w+)", "last", text)
    text = re.sub(r"(meter \S+) size \d+", r"\1", text)
    return short_sets(text)


def _untold(text):
    parts = re.split(r" (?=-[mjg] )", " " + text)
    for n, part in enumerate(parts):
        words = part.split()
        if len(words) > 1 and words[1] in UNTOLD.get(words[0], ()):
            parts[n] = f"{words[0]} {words[1]} [not decoded]"
    return " ".join(parts).strip()


def of_iptables(text):
    """A rule of iptables-save without its "-A CHAIN", likewise."""
    text = re.sub(r" --hashlimit-(htable-\w+|srcmask|dstmask) \d+", "", text)
    return _untold(text)


def nft_rules(listing):
    """{(place, handle): text} of `nft -a list ruleset`, without tables that iptables made."""
    found, table, chain, is_iptables = {}, None, None, set()
    for line in map(str.strip, listing.splitlines()):
        begun = re.match(r"(table|chain|set|map|flowtable|\w+) (.*?) \{( # handle \d+)?$", line)
        if begun and begun[1] == "table":
            table, chain = begun[2], None
        elif begun:
            chain = begun[2] if begun[1] == "chain" else None
        elif chain and line.startswith("type ") and chain in BASES \
                and table.split()[0] in ("ip", "ip6") and table.split()[1] in TABLES:
            is_iptables.add(table)
        elif chain and not line.startswith("type "):
            rule = re.match(r"(.*?) ?# handle (\d+)$", line)
            if rule:
                found[table, chain, int(rule[2])] = of_nft(rule[1])
    return {(f"nft {table} {chain}", handle): text for (table, chain, handle), text in found.items()
            if table not in is_iptables}


def iptables_rules(program, saved):
    """{(place, number in its chain): text}"""
    found, table, numbers = {}, None, {}
    for line in saved.splitlines():
        rule = re.match(r"-A (\S+) ?(.*)$", line)
        if line.startswith("*"):
            table = line[1:]
        elif rule:
            place = PLACES[program].format(table, rule[1])
            numbers[place] = numbers.get(place, 0) + 1
            found[place, numbers[place]] = of_iptables(rule[2])
    return found


def told(text):
    """({(place, handle): text}, {(place, number in its chain): text}) of what ruletext says."""
    by_handle, by_number, numbers = {}, {}, {}
    for line in text.splitlines():
        place, handle, rule = line.split("\t", 2)
        rule = short_sets(rule)
        numbers[place] = numbers.get(place, 0) + 1
        by_handle[place, int(handle)] = rule
        by_number[place, numbers[place]] = rule
    return by_handle, by_number
