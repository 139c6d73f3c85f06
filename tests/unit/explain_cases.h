/* SPDX-License-Identifier: MIT */
/* The situations of test_explain.c, in words. */
#ifndef EXPLAIN_CASES_H
#define EXPLAIN_CASES_H

#include <stdint.h>

#include <hark/model.h>

#define V4 HARK_FAMILY_INET
#define V6 HARK_FAMILY_INET6

/*
 * What a socket answers, a letter for IPv4 and one for IPv6: 'a' all; 's' its own address; 'p' all
 * places but those of the socket above it; 'n' nothing, by its kind; 'v' nothing, by IPV6_V6ONLY;
 * 'x' nothing, the socket above gets it; 'X' nothing, an unknown socket gets it; '-' there is no
 * address; 'l' bound to one that is not local; 'm', 'b' multicast, broadcast; 'i' nothing,
 * inferred; '?' IPV6_V6ONLY untold; 'r' rivals.
 */
struct given {
	const char *protocol, *addr; /* protocol NULL: the end */
	uint8_t family;
	uint16_t port;
	const char *answers;
	/*
	 * "v6only", "unknown", "eth0"; "denied", "unheld", "unread", "kernel" of holders; "connected",
	 * "bound"; of activations[] "activated", "accepted", "opened"
	 */
	const char *flags;
	const char *holders; /* a letter for each, of processes[] */
};

struct explained {
	const char *name;
	struct given sockets[5];
	const char *codes;
	const char *words[6];
	const char *settings; /* "bindv6only", "disabled", "sk_lookup" */
};

static const struct {
	char letter;
	struct hark_process process;
} processes[] = {
	{ 'a', { .pid = 80, .command = "apache2", .unit = "apache2.service" } },
	{ 'b', { .pid = 81, .command = "apache2", .unit = "apache2.service" } },
	{ 'c',
	  { .pid = 90,
	    .command = "nginx",
	    .container = "3f2a9c1b7d5e00112233445566778899",
	    .runtime = "docker" } },
	{ 'i', { .pid = 1, .command = "systemd", .unit = "init.scope" } },
	{ 's', { .pid = 22, .command = "sshd", .unit = "ssh.service" } },
	{ 'x', { .pid = 99, .command = "x\033[31m", .unit = NULL } },
	{ 'y', { .pid = 98, .command = NULL, .unit = NULL } },
};

static const struct {
	const char *flag;
	struct hark_activation activation;
} activations[] = {
	{ "activated", { .unit = "ssh.socket", .service = "ssh.service", .accept = HARK_NO } },
	{ "accepted", { .unit = "echo.socket", .service = "echo@.service", .accept = HARK_YES } },
	{ "opened", { .unit = "odd.socket" } },
};

static const struct explained cases[] = {
	{ "dual-stack",
	  { { "tcp", "::", V6, 80, "aa", "", "abb" } },
	  "port dual-stack ipv4-all ipv6-all holders hidden-from-ipv4 hint-apache bindv6only-off "
	  "firewall-unread",
	  { "TCP port 80 answers IPv4 and IPv6, both through one IPv6 socket.",
	    "[::]:80 is an IPv6 socket, and dual-stack: its option IPV6_V6ONLY is off",
	    "(127.0.0.0/8, 192.168.1.241)", "Held by apache2 (pid 80 and 1 more, apache2.service).",
	    "\"netstat -ltn\" shows it as \"tcp6 :::80\"",
	    "To change it for Apache: \"Listen 80\"" } },
	{ "split pair",
	  { { "tcp", "0.0.0.0", V4, 22, "an", "", "s" },
	    { "tcp", "::", V6, 22, "va", "v6only", "s" } },
	  "port split-pair ipv4-socket ipv4-all holders shown-as-ipv4 v6only ipv4-none ipv6-all holders "
	  "not-ipv4 hint-sshd bindv6only-off firewall-unread",
	  { "TCP port 22 answers IPv4 and IPv6.",
	    "Two sockets, one for each family: 0.0.0.0:22 for IPv4, [::]:22 for IPv6.",
	    "IPv4: it gets no connections; they go to 0.0.0.0:22 (sshd).",
	    "it shows \"[::]:22\" here, and \"*:22\" for one that is dual-stack",
	    "[::]:22 shows it: the option is on there all the same",
	    "the kernel's look-up for 127.0.0.1:22 on lo: 0.0.0.0:22, cookie" } },
	{ "IPv6 only, and bindv6only",
	  { { "tcp", "::", V6, 80, "va", "v6only", "c" } },
	  "port v6only ipv4-none ipv6-all holders not-ipv4 hint-nginx bindv6only-on firewall-unread",
	  { "TCP port 80 answers IPv6 only.",
	    "IPv4: it gets no connections, nor does any other socket.",
	    "Held by nginx (pid 90, docker container 3f2a9c1b7d5e).",
	    "begins with IPV6_V6ONLY on, for IPv6 only", "127.0.0.1:80 on lo: no socket" },
	  "bindv6only" },
	{ "IPv6 is disabled",
	  { { "tcp", "::", V6, 80, "a-", "", "" } },
	  "port dual-stack ipv4-all ipv6-none no-holder hidden-from-ipv4 ipv6-disabled bindv6only-off "
	  "firewall-unread",
	  { "TCP port 80 answers IPv4 only, through an IPv6 socket.",
	    "IPv6: it gets no connections, as this host has no IPv6 address." },
	  "disabled" },
	{ "the kernel's own",
	  { { "udp", "0.0.0.0", V4, 4789, "an", "kernel", "" },
	    { "udp", "0.0.0.0", V4, 7777, "an", "kernel", "" },
	    { "udp", "0.0.0.0", V4, 7777, "an", "", "s" } },
	  "port ipv4-socket ipv4-all kernel shown-as-ipv4 port ipv4-socket ipv4-all kernel shown-as-ipv4 "
	  "ipv4-socket ipv4-all holders shown-as-ipv4 hint-sshd firewall-unread",
	  { "The kernel itself holds it, and no process does: the port is usual for VXLAN.",
	    "The kernel itself holds it, and no process does." } },
	{ "systemd keeps it",
	  { { "tcp", "0.0.0.0", V4, 21, "an", "activated", "i" },
	    { "tcp", "0.0.0.0", V4, 22, "an", "activated", "is" },
	    { "tcp", "0.0.0.0", V4, 23, "an", "accepted", "i" },
	    { "tcp", "0.0.0.0", V4, 24, "an", "opened", "i" } },
	  "port ipv4-socket ipv4-all holders activation shown-as-ipv4 hint-systemd "
	  "port ipv4-socket ipv4-all holders activation shown-as-ipv4 hint-sshd "
	  "port ipv4-socket ipv4-all holders activation shown-as-ipv4 "
	  "port ipv4-socket ipv4-all holders activation shown-as-ipv4 firewall-unread",
	  { "systemd opened it for ssh.socket, and starts ssh.service when a connection comes.",
	    "systemd opened it for ssh.socket, and has handed it to ssh.service.",
	    "systemd opened it for echo.socket, and starts an instance of echo@.service for each "
	    "connection.",
	    "systemd opened it for odd.socket.", "D-Bus: ssh.socket listens there",
	    "D-Bus: Accept of echo.socket is on" } },
	{ "IPv6 is disabled, which changes nothing",
	  { { "tcp", "0.0.0.0", V4, 80, "an", "", "y" } },
	  "port ipv4-socket ipv4-all holders shown-as-ipv4 firewall-unread",
	  { "TCP port 80 answers IPv4 only." },
	  "disabled" },
	{ "a pair, and IPv6 is disabled",
	  { { "udp", "0.0.0.0", V4, 53, "an", "", "x" },
	    { "udp", "::", V6, 53, "v-", "v6only", "y" } },
	  "port split-pair ipv4-socket ipv4-all holders shown-as-ipv4 v6only ipv4-none ipv6-none holders "
	  "not-ipv4 ipv6-disabled bindv6only-off firewall-unread",
	  { "UDP port 53 answers IPv4 only.", "it gets no datagrams; they go to 0.0.0.0:53",
	    "Held by a process (pid 98)." },
	  "disabled" },
	{ "loopback",
	  { { "tcp", "127.0.0.1", V4, 5432, "sn", "denied", "" },
	    { "tcp", "::1", V6, 5432, "ns", "denied", "" } },
	  "port split-pair ipv4-socket ipv4-some holders-denied shown-as-ipv4 ipv6-address ipv6-some "
	  "holders-denied not-ipv4 firewall-unread",
	  { "TCP port 5432 answers IPv4 and IPv6, from this host only.",
	    "IPv4: it gets connections to 127.0.0.1 only.", "The user with id 1000 opened it.",
	    "as \"tcp6 ::1:5432\"." } },
	{ "one family from afar",
	  { { "tcp", "127.0.0.1", V4, 80, "sn", "", "a" },
	    { "tcp", "::", V6, 80, "va", "v6only", "a" } },
	  "port split-pair ipv4-socket ipv4-some holders shown-as-ipv4 v6only ipv4-none ipv6-all holders "
	  "not-ipv4 hint-apache bindv6only-off firewall-unread",
	  { "TCP port 80 answers IPv4 (from this host only) and IPv6." } },
	{ "a mapped bind",
	  { { "tcp", "::ffff:127.0.0.1", V6, 9200, "sn", "", "y" } },
	  "port mapped-bind ipv4-some holders hidden-from-ipv4 firewall-unread",
	  { "TCP port 9200 answers IPv4 only, through an IPv6 socket, from this host only.",
	    "127.0.0.1:9200 is an IPv6 socket, but bound to an IPv4 address (written ::ffff:127.0.0.1)",
	    "as \"tcp6 127.0.0.1:9200\", an IPv4 address in an IPv6 row.",
	    "AF_INET6, ::ffff:127.0.0.1 port 9200" } },
	{ "a name in front of a wildcard",
	  { { "tcp", "127.0.0.1", V4, 80, "sn", "", "s" }, { "tcp", "::", V6, 80, "pa", "", "a" } },
	  "port ipv4-socket ipv4-some holders shown-as-ipv4 dual-stack ipv4-some shadowed ipv6-all "
	  "holders hidden-from-ipv4 hint-sshd hint-apache bindv6only-off firewall-unread",
	  { "answers IPv4 and IPv6, some of IPv4 through an IPv6 socket.",
	    "IPv4: it gets connections to 192.168.1.241.",
	    "The rest of IPv4 goes to 127.0.0.1:80 (sshd): a socket that is bound to one address" } },
	{ "IPv4 in front of a dual-stack socket",
	  { { "tcp", "0.0.0.0", V4, 80, "an", "", "s" }, { "tcp", "::", V6, 80, "xa", "", "s" } },
	  "port split-pair ipv4-socket ipv4-all holders shown-as-ipv4 dual-stack ipv4-none shadowed "
	  "ipv6-all holders not-ipv4 hint-sshd bindv6only-off firewall-unread",
	  { "so it would take IPv4 as well",
	    "All of IPv4 goes to 0.0.0.0:80 (sshd): for IPv4, an IPv4 socket comes before" } },
	{ "an interface in front of a wildcard",
	  { { "udp", "0.0.0.0", V4, 67, "an", "eth0", "s" },
	    { "udp", "0.0.0.0", V4, 67, "pn", "", "s" } },
	  "port ipv4-socket ipv4-all holders shown-as-ipv4 ipv4-socket ipv4-some shadowed holders "
	  "shown-as-ipv4 hint-sshd firewall-unread",
	  { "0.0.0.0:67 on eth0 is an IPv4 socket",
	    "it gets every datagram to this host that arrives on that interface.",
	    "a socket that is bound to an interface comes before one that is not",
	    "as \"udp 0.0.0.0:67\" (without the interface)" } },
	{ "UDP rivals",
	  { { "udp", "0.0.0.0", V4, 53, "an", "", "s" },
	    { "udp", "0.0.0.0", V4, 53, "xn", "", "s" } },
	  "port ipv4-socket ipv4-all holders shown-as-ipv4 ipv4-socket ipv4-none shadowed holders "
	  "shown-as-ipv4 hint-sshd firewall-unread",
	  { "All of IPv4 goes to another socket at 0.0.0.0:53 (sshd): several sockets fit" } },
	{ "a BPF program chooses what is not listed",
	  { { "tcp", "0.0.0.0", V4, 80, "Xn", "", "s" } },
	  "port ipv4-socket ipv4-none shadowed holders shown-as-ipv4 hint-sshd sk-lookup "
	  "firewall-unread",
	  { "All of IPv4 goes to a socket that is not listed here" },
	  "sk_lookup" },
	{ "a BPF program chooses",
	  { { "tcp", "127.0.0.1", V4, 80, "an", "", "s" },
	    { "tcp", "0.0.0.0", V4, 80, "xn", "", "s" } },
	  "port ipv4-socket ipv4-all holders shown-as-ipv4 ipv4-socket ipv4-none shadowed holders "
	  "shown-as-ipv4 hint-sshd sk-lookup firewall-unread",
	  { "a BPF sk_lookup program is attached here, and may choose so" },
	  "sk_lookup" },
	{ "a group",
	  { { "tcp", "::", V6, 80, "aa", "", "a" },
	    { "tcp", "::", V6, 80, "aa", "", "b" },
	    { "tcp", "::", V6, 80, "aa", "", "" } },
	  "port dual-stack ipv4-all ipv6-all holders hidden-from-ipv4 hint-apache bindv6only-off "
	  "firewall-unread",
	  { "both through the same IPv6 sockets.",
	    "[::]:80 is shared by 3 IPv6 sockets (SO_REUSEPORT: each connection goes to one of them)",
	    "IPv4: they get every connection",
	    "Held by apache2 (pid 80 and 1 more, apache2.service). Of the sockets, 1 have no holder",
	    "leave them out, although IPv4 reaches them" } },
	{ "not local",
	  { { "tcp", "203.0.113.9", V4, 80, "ln", "unread", "" } },
	  "port ipv4-socket ipv4-none holders-unknown shown-as-ipv4 firewall-unread",
	  { "TCP port 80 is open, but answers at no address of this host.",
	    "Which process holds it is not known. The user with id 1000 opened it." } },
	{ "groups of receivers",
	  { { "udp", "224.0.0.251", V4, 5353, "mn", "", "y" },
	    { "udp", "255.255.255.255", V4, 5353, "bn", "", "y" },
	    { "udp", "ff02::fb", V6, 5353, "nm", "", "y" } },
	  "port ipv4-socket ipv4-none holders shown-as-ipv4 ipv4-socket ipv4-none holders shown-as-ipv4 "
	  "ipv6-address ipv6-none holders not-ipv4 firewall-unread",
	  { "UDP port 5353 gets nothing that is sent to this host itself",
	    "it gets no datagrams that are sent to this host itself, only those to its multicast group",
	    "only those to its broadcast address" } },
	{ "nobody tells IPV6_V6ONLY",
	  { { "tcp", "::", V6, 80, "?a", "unknown", "y" } },
	  "port v6only-unknown ipv4-unknown ipv6-all holders maybe-hidden bindv6only-off firewall-unread",
	  { "TCP port 80 answers IPv6; whether it answers IPv4 is not known.",
	    "Whether it takes IPv4 as well depends on its option IPV6_V6ONLY, which cannot be read",
	    "leave it out, whether IPv4 reaches it or not", "as \"tcp6 :::80\" in either case.",
	    "/proc/net does not tell IPV6_V6ONLY; sock_diag does" } },
	{ "an IPv4 socket settles it",
	  { { "tcp", "0.0.0.0", V4, 22, "an", "", "s" },
	    { "tcp", "::", V6, 22, "ia", "unknown", "s" } },
	  "port split-pair ipv4-socket ipv4-all holders shown-as-ipv4 v6only-unknown ipv4-none ipv6-all "
	  "holders not-ipv4 hint-sshd bindv6only-off firewall-unread",
	  { "an IPv4 listener on this port takes IPv4, whatever IPV6_V6ONLY is", "inferred" } },
	{ "rivals that nobody can tell apart",
	  { { "udp", "0.0.0.0", V4, 53, "rn", "", "y" },
	    { "udp", "::", V6, 53, "nr", "v6only", "y" } },
	  "port ipv4-socket ipv4-unknown holders shown-as-ipv4 v6only ipv6-unknown holders not-ipv4 "
	  "bindv6only-off firewall-unread",
	  { "What UDP port 53 answers is not known.", "several sockets fit equally well" } },
	{ "raw sockets and ping",
	  { { "raw", "0.0.0.0", V4, 1, "an", "", "y" },
	    { "raw", "::", V6, 58, "na", "unknown", "y" },
	    { "icmp", "0.0.0.0", V4, 7, "an", "", "y" } },
	  "port raw ipv4-all holders shown-as-ipv4 port raw ipv6-all holders not-ipv4 port ping ipv4-all "
	  "holders",
	  { "Raw sockets get a copy of each IPv4 packet of IP protocol 1 (ICMP).",
	    "\"netstat -A inet\", \"netstat -4\" and \"ss -4\" list it",
	    "A raw IPv6 socket is bound to ::.",
	    "Ping sockets get the IPv4 echo replies with identifier 7.", "protocol 58" } },
	{ "other protocols",
	  { { "mptcp", "::", V6, 80, "aa", "", "y" },
	    { "udplite", "::", V6, 80, "va", "v6only", "y" },
	    { "sctp", "::", V6, 80, "aa", "", "y" } },
	  "port dual-stack ipv4-all ipv6-all holders hidden-from-ipv4 port v6only ipv4-none ipv6-all "
	  "holders not-ipv4 port dual-stack ipv4-all ipv6-all holders bindv6only-off firewall-unread",
	  { "MPTCP port 80 answers", "/proc/net/tcp6 lists it",
	    "\"netstat -lUn\" shows it as \"udpl6 :::80\"",
	    "\"netstat -A inet\", \"netstat -4\" and \"lsof -i4\" leave it out, and rightly so" } },
	{ "a long address",
	  { { "tcp", "2001:db8:1234:5678:9abc:def0:1234:5678", V6, 8443, "ns", "", "y" } },
	  "port ipv6-address ipv6-some holders not-ipv4 firewall-unread",
	  { "\"netstat -ltnW\" shows it as \"tcp6 2001:db8:1234:5678:9abc:def0:1234:5678:8443\"" } },
	{ "a link-local address",
	  { { "tcp", "fe80::1", V6, 80, "ns", "eth0", "y" } },
	  "port ipv6-address ipv6-some holders not-ipv4 firewall-unread",
	  { "answers IPv6 only, from its own network link only",
	    "[fe80::1%eth0]:80 is an IPv6 socket" } },
	{ "socket activation: a hint for each that may be configured, once",
	  { { "tcp", "::", V6, 22, "aa", "", "is" }, { "tcp", "::", V6, 23, "aa", "", "is" } },
	  "port dual-stack ipv4-all ipv6-all holders hidden-from-ipv4 hint-systemd hint-sshd port "
	  "dual-stack ipv4-all ipv6-all holders hidden-from-ipv4 bindv6only-off firewall-unread",
	  { "Held by systemd (pid 1, init.scope), sshd (pid 22, ssh.service)." } },
	{ "what does not listen",
	  { { "tcp", "::ffff:192.168.1.241", V6, 80, "nn", "connected", "a" },
	    { "tcp", "192.168.1.241", V4, 80, "nn", "connected", "a" },
	    { "tcp", "0.0.0.0", V4, 81, "nn", "bound", "a" } },
	  "port mapped-connection holders connection holders port bound holders",
	  { "TCP port 80 has 2 sockets that do not listen.",
	    "192.168.1.241:80 to 192.168.1.10:50000 is in state established. It is IPv4 on the wire",
	    "so netstat calls it \"tcp6\"",
	    "0.0.0.0:81 is bound, but does not listen: nobody can connect to it." } },
};

#endif
