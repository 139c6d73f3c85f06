/* SPDX-License-Identifier: MIT */
/*
 * The command line of netstat, read by the function that the reference reads it with, from a table
 * of the same names in the same order: what a name may be cut to, and what is said of a wrong one,
 * follow from that.
 */
#include "netstat.h"

#include <ctype.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"

/* Exit statuses of the reference. */
enum {
	STATUS_HELPED = 0,
	STATUS_UNKNOWN_FAMILY = 1,
	STATUS_WRONG_OPTION = 3,
};

/* Options without a letter. Those that are a family share one value, as in the reference. */
enum {
	FAMILY = 1,
	NUMERIC_HOSTS = '!',
	NUMERIC_PORTS = '@',
	NUMERIC_USERS = '#',
	TRUTH = 256,
};

static const struct {
	const char *name;
	int value;
	const char *help; /* NULL: not told */
} rows[] = {
	{ "ax25", FAMILY, NULL },
	{ "x25", FAMILY, NULL },
	{ "ip", FAMILY, NULL },
	{ "ipx", FAMILY, NULL },
	{ "appletalk", FAMILY, NULL },
	{ "netrom", FAMILY, NULL },
	{ "inet", FAMILY, "sockets of AF_INET: -4, -A inet" },
	{ "inet6", FAMILY, "sockets of AF_INET6: -6, -A inet6" },
	{ "ddp", FAMILY, NULL },
	{ "rose", FAMILY, NULL },
	{ "unix", FAMILY, "unix sockets: -x, -A unix" },
	{ "bluetooth", FAMILY, NULL },
	{ "tcpip", FAMILY, NULL },
	{ "version", 'V', "the version" },
	{ "interfaces", 'i', NULL },
	{ "help", 'h', "this help" },
	{ "route", 'r', NULL },
	{ "masquerade", 'M', NULL },
	{ "protocol", 'A', "of these families: inet, inet6, unix; several with commas between" },
	{ "tcp", 't', "TCP" },
	{ "sctp", 'S', "SCTP" },
	{ "udp", 'u', "UDP" },
	{ "udplite", 'U', "UDP-Lite" },
	{ "raw", 'w', "raw sockets" },
	{ "unix", 'x', NULL },
	{ "l2cap", '2', NULL },
	{ "rfcomm", 'f', NULL },
	{ "listening", 'l', "those that listen, or have no peer, alone" },
	{ "all", 'a', "these too" },
	{ "timers", 'o', "timers" },
	{ "continuous", 'c', "again every second" },
	{ "extend", 'e', "user and inode" },
	{ "programs", 'p', "the process that holds it" },
	{ "verbose", 'v', "say which families this system does not have" },
	{ "statistics", 's', NULL },
	{ "wide", 'W', "cut no address" },
	{ "numeric", 'n', "no names of hosts, ports and users" },
	{ "numeric-hosts", NUMERIC_HOSTS, "no names of hosts" },
	{ "numeric-ports", NUMERIC_PORTS, "no names of ports" },
	{ "numeric-users", NUMERIC_USERS, "no names of users" },
	{ "symbolic", 'N', NULL },
	{ "cache", 'C', NULL },
	{ "fib", 'F', NULL },
	{ "groups", 'g', NULL },
	{ "context", 'Z', NULL },
	{ "truth", TRUTH,
	  "-4 and -6 mean what is reached; labels as tcp46, all holders, nothing cut" },
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

/* What it does beside sockets, in the order in which the reference looks at it. */
static const struct {
	char letter;
	const char *what;
	const char *command;
} refused[] = {
	{ 'M', "masqueraded connections", "conntrack -L" },
	{ 's', "statistics", "nstat -az" },
	{ 'r', "routes", "ip route" },
	{ 'i', "interfaces", "ip -s link" },
	{ 'g', "multicast groups", "ip maddress" },
};

#define N_REFUSED (sizeof(refused) / sizeof(*refused))

/* What -A takes: the names of families, and what they stand for. */
static const struct {
	const char *name;
	int8_t family; /* enum hark_family, or -1 */
	int8_t table;  /* enum netstat_table, or -1; neither: it has no sockets to list */
} families[] = {
	{ "ax25", -1, NETSTAT_AX25 },
	{ "ip", HARK_FAMILY_INET, -1 },
	{ "ip6", HARK_FAMILY_INET6, -1 },
	{ "ipx", -1, NETSTAT_IPX },
	{ "rose", -1, NETSTAT_ROSE },
	{ "appletalk", -1, -1 },
	{ "netrom", -1, NETSTAT_NETROM },
	{ "inet", HARK_FAMILY_INET, -1 },
	{ "inet6", HARK_FAMILY_INET6, -1 },
	{ "ddp", -1, -1 },
	{ "unix", -1, NETSTAT_UNIX },
	{ "tcpip", HARK_FAMILY_INET, -1 },
	{ "econet", -1, -1 },
	{ "x25", -1, NETSTAT_X25 },
	{ "ash", -1, -1 },
	{ "bluetooth", -1, NETSTAT_BLUETOOTH },
};

#define N_FAMILIES (sizeof(families) / sizeof(*families))

struct parser {
	struct netstat_options *options;
	int argc;
	char **argv;
	uint32_t refused; /* by index of refused[] */
	int status;
};

static int help(struct parser *parser)
{
	struct out out;
	int r;

	out_init(&out, STDOUT_FILENO);
	out_text(&out, "netstat [OPTIONS]\nsockets as netstat of net-tools shows them, by hark\n\n"
		       "Options:\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		bool has_letter = rows[i].value < TRUTH && isalnum(rows[i].value);
		char text[40];

		if (!rows[i].help)
			continue;
		snprintf(text, sizeof(text), "  %c%c%c --%s%s", has_letter ? '-' : ' ',
			 has_letter ? rows[i].value : ' ', has_letter ? ',' : ' ', rows[i].name,
			 rows[i].value == 'A' ? " FAMILIES" : "");
		netstat_print_text(&out, text, strlen(text), 27);
		out_text(&out, rows[i].help);
		out_char(&out, '\n');
	}
	out_text(&out, "\nFor the rest of netstat:\n");
	for (size_t i = 0; i < N_REFUSED; i++) {
		char text[40];

		snprintf(text, sizeof(text), "  -%c  %s", refused[i].letter, refused[i].what);
		netstat_print_text(&out, text, strlen(text), 31);
		out_text(&out, refused[i].command);
		out_char(&out, '\n');
	}
	r = out_flush(&out);
	out_fini(&out);
	parser->status = r < 0 ? STATUS_WRONG_OPTION : STATUS_HELPED;
	return -1;
}

static int tell_version(struct parser *parser)
{
	parser->status = STATUS_HELPED;
	dprintf(STDOUT_FILENO, "net-tools 2.10, as hark " HARK_VERSION " shows it\n");
	return -1;
}

/* What is wrong was said already, by getopt_long() or us. */
static int refuse_option(struct parser *parser)
{
	compat_complain(parser->argv[0], "see netstat --help, or hark-netstat(1)");
	parser->status = STATUS_WRONG_OPTION;
	return -1;
}

static int add_family(struct parser *parser, const char *name, size_t length)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (strlen(families[i].name) != length || memcmp(families[i].name, name, length))
			continue;
		if (families[i].family >= 0)
			parser->options->families |= 1u << families[i].family;
		if (families[i].table >= 0)
			parser->options->tables |= 1u << families[i].table;
		return 0;
	}
	compat_complain("netstat", "unknown address family \"%.*s\": it may be inet, inet6 or unix",
			(int)(length & 0x7fff), name);
	parser->status = STATUS_UNKNOWN_FAMILY;
	return -1;
}

static int add_families(struct parser *parser, const char *names)
{
	int r;

	do {
		size_t length = strcspn(names, ",");

		r = add_family(parser, names, length);
		names += length;
	} while (r == 0 && *names++);
	return r;
}

/* Contexts are those of SELinux, without which the reference stops at once. */
static int refuse_contexts(struct parser *parser)
{
	bool is_enabled = access("/sys/fs/selinux/enforce", F_OK) == 0;

	compat_complain(parser->argv[0], is_enabled ? "-Z is not done by hark: use ss -Z" :
						      "SELinux is not enabled on this machine");
	parser->status = is_enabled ? COMPAT_REFUSED : STATUS_UNKNOWN_FAMILY;
	return -1;
}

#define AT(member) offsetof(struct netstat_options, member)

/* Those that merely set something. */
static const struct {
	int letter;
	size_t member;
} flags[] = {
	{ 'a', AT(all) },
	{ 'c', AT(continuous) },
	{ 'e', AT(extended) },
	{ 'l', AT(listening) },
	{ 'n', AT(numeric_hosts) },
	{ 'n', AT(numeric_ports) },
	{ 'n', AT(numeric_users) },
	{ NUMERIC_HOSTS, AT(numeric_hosts) },
	{ NUMERIC_PORTS, AT(numeric_ports) },
	{ NUMERIC_USERS, AT(numeric_users) },
	{ 'N', AT(symbolic) },
	{ 'o', AT(timers) },
	{ 'p', AT(programs) },
	{ TRUTH, AT(truth) },
	{ 'v', AT(verbose) },
	{ 'W', AT(wide) },
};

static const struct {
	char letter;
	uint8_t table; /* enum netstat_table */
} tables[] = {
	{ 't', NETSTAT_TCP },       { 'S', NETSTAT_SCTP },      { 'u', NETSTAT_UDP },
	{ 'U', NETSTAT_UDPLITE },   { 'w', NETSTAT_RAW },       { 'x', NETSTAT_UNIX },
	{ '2', NETSTAT_BLUETOOTH }, { 'f', NETSTAT_BLUETOOTH },
};

#define N_FLAGS  (sizeof(flags) / sizeof(*flags))
#define N_TABLES (sizeof(tables) / sizeof(*tables))

/* What is none of these, -C, -F and -d, makes no difference to sockets. */
static void set(struct parser *parser, int letter)
{
	for (size_t i = 0; i < N_FLAGS; i++)
		if (flags[i].letter == letter)
			*(bool *)((char *)parser->options + flags[i].member) = true;
	for (size_t i = 0; i < N_TABLES; i++)
		if (tables[i].letter == letter)
			parser->options->tables |= 1u << tables[i].table;
	for (size_t i = 0; i < N_REFUSED; i++)
		if (refused[i].letter == letter)
			parser->refused |= 1u << i;
}

/* 0, or -1 where the command line is at its end with that. */
static int take_option(struct parser *parser, int letter, const char *family)
{
	switch (letter) {
	case FAMILY:
	case 'A':
		return add_families(parser, family);
	case '4':
		return add_families(parser, "inet");
	case '6':
		return add_families(parser, "inet6");
	case 'x':
		return add_families(parser, "unix");
	case 'h':
		return help(parser);
	case 'V':
		return tell_version(parser);
	case 'Z':
		return refuse_contexts(parser);
	case '?':
		return refuse_option(parser);
	default:
		set(parser, letter);
		return 0;
	}
}

static int take_all_options(struct parser *parser)
{
	struct option options[N_ROWS + 1] = { { 0 } };
	int letter, at = 0, r = 0;

	for (size_t i = 0; i < N_ROWS; i++)
		options[i] = (struct option){ .name = rows[i].name,
					      .has_arg = rows[i].value == 'A',
					      .val = rows[i].value };
	while (r == 0 &&
	       (letter = getopt_long(parser->argc, parser->argv,
				     "A:CFMacdeghilnNoprsStuUvVWw2fx64?Z", options, &at)) != -1)
		r = take_option(parser, letter, letter == FAMILY ? rows[at].name : optarg);
	return r;
}

/* What else the reference does, and two such things it does not do at once. */
static int refuse_others(struct parser *parser)
{
	static const char exclusive[] = "Msri";
	int n = 0;

	if (!parser->refused)
		return 0;
	for (size_t i = 0; i < N_REFUSED; i++)
		n += parser->refused & 1u << i && strchr(exclusive, refused[i].letter);
	if (n > 1)
		return refuse_option(parser);
	for (size_t i = 0; i < N_REFUSED; i++) {
		if (!(parser->refused & 1u << i))
			continue;
		compat_complain(parser->argv[0], "hark shows sockets; for %s: %s", refused[i].what,
				refused[i].command);
		break;
	}
	parser->status = COMPAT_REFUSED;
	return -1;
}

/* What follows from what was asked for, as the reference has it. */
static void complete(struct netstat_options *options)
{
	const uint32_t both = 1u << HARK_FAMILY_INET | 1u << HARK_FAMILY_INET6;
	const char *truth = getenv("HARK_TRUTH");

	if (options->families && !(options->tables & NETSTAT_INTERNET)) {
		options->is_implied = true;
		options->tables |= NETSTAT_INTERNET;
	}
	if (!options->families)
		options->families = both;
	options->truth |= truth && !strcmp(truth, "1");
	options->wide |= options->truth;
}

bool netstat_parse(int argc, char **argv, struct netstat_options *ret, int *ret_status)
{
	struct parser parser = { .options = ret, .argc = argc, .argv = argv };

	*ret = (struct netstat_options){ .tables = 0 };
	if (take_all_options(&parser) < 0 || refuse_others(&parser) < 0) {
		*ret_status = parser.status;
		return true;
	}
	complete(ret);
	return false;
}
