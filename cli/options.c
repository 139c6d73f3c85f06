/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/model.h>

#include "cli.h"
#include "suggest.h"

#define AT(member)     offsetof(struct options, member)
#define PROTOCOL(name) (1u << HARK_PROTOCOL_##name)
#define FOR_SOCKETS    (FOR_LIST | FOR_EXPLAIN | FOR_WAIT | FOR_EXPOSED | FOR_REACH)
#define MAX_SECONDS    86400.0

static const char *const whens[] = { "auto", "always", "never", NULL };
static const char *const ways[] = { "auto",      "proc",       "none",      "bpf",
				    "bpf-marks", "bpf-tables", "bpf-files", NULL };

static const struct option_row rows[] = {
	{ 't', OPTION_BITS, "tcp", NULL, AT(protocols), PROTOCOL(TCP) | PROTOCOL(MPTCP),
	  FOR_SOCKETS | FOR_PROBE, NULL, "TCP and MPTCP" },
	{ 'u', OPTION_BITS, "udp", NULL, AT(protocols), PROTOCOL(UDP) | PROTOCOL(UDPLITE),
	  FOR_SOCKETS | FOR_PROBE, NULL, "UDP and UDP-Lite" },
	{ 'w', OPTION_BITS, "raw", NULL, AT(protocols), PROTOCOL(RAW) | PROTOCOL(ICMP), FOR_SOCKETS,
	  NULL, "raw and ICMP (ping)" },
	{ 'S', OPTION_BITS, "sctp", NULL, AT(protocols), PROTOCOL(SCTP), FOR_SOCKETS, NULL,
	  "SCTP" },
	{ 'l', OPTION_FLAG, "listening", NULL, AT(ignored), 0, FOR_SOCKETS, NULL,
	  "listeners alone: the default" },
	{ 'a', OPTION_FLAG, "all", NULL, AT(all_states), 0, FOR_LIST | FOR_EXPLAIN | FOR_REACH,
	  NULL, "connections too; of reach what is refused, too" },
	{ 'A', OPTION_FLAG, "all-namespaces", NULL, AT(all_namespaces), 0, FOR_SOCKETS, NULL,
	  "of every network namespace of the host, not of this one alone" },
	{ '4', OPTION_BITS, "ipv4", NULL, AT(families), 1u << HARK_FAMILY_INET,
	  FOR_SOCKETS | FOR_PROBE, NULL, "all that IPv4 reaches, dual-stack sockets too" },
	{ '6', OPTION_BITS, "ipv6", NULL, AT(families), 1u << HARK_FAMILY_INET6,
	  FOR_SOCKETS | FOR_PROBE, NULL, "all that IPv6 reaches" },
	{ 'n', OPTION_FLAG, "numeric", NULL, AT(ignored), 0, FOR_SOCKETS, NULL,
	  "nothing: numbers always are" },
	{ 'p', OPTION_FLAG, "processes", NULL, AT(ignored), 0, FOR_SOCKETS, NULL,
	  "nothing: holders are shown anyway" },
	{ 'e', OPTION_FLAG, "extend", NULL, AT(extended), 0, FOR_LIST, NULL,
	  "also user, inode and cookie" },
	{ 'o', OPTION_TEXT, "columns", "COLUMNS", AT(columns), 0, FOR_LIST, NULL,
	  "these columns: NAME,NAME, or +NAME to add; \"help\" tells them" },
	{ 'H', OPTION_FLAG, "no-header", NULL, AT(no_header), 0, FOR_LIST | FOR_EXPOSED | FOR_REACH,
	  NULL, "no line of headers" },
	{ 'c', OPTION_SECONDS, "watch", "[SECONDS]", AT(watch_seconds), 1, FOR_LIST, NULL,
	  "again every second, or every so many, till interrupted" },
	{ 0, OPTION_FLAG, "evidence", NULL, AT(evidence), 0, FOR_EXPLAIN, NULL,
	  "what each sentence rests on: the netlink answer, sysctl or file" },
	{ 0, OPTION_VALUE, "json", NULL, AT(format), FORMAT_JSON,
	  FOR_LIST | FOR_EXPLAIN | FOR_PROBE | FOR_BIND | FOR_WAIT | FOR_EXPOSED | FOR_REACH, NULL,
	  "one JSON document" },
	{ 0, OPTION_VALUE, "ndjson", NULL, AT(format), FORMAT_NDJSON, FOR_LIST | FOR_EXPOSED, NULL,
	  "JSON, one socket a line" },
	{ 0, OPTION_TEXT, "to", "SELECTOR", AT(to), 0, FOR_REACH, NULL,
	  "to what alone: a port, address, process, ... as the selectors of list" },
	{ 0, OPTION_VALUE, "csv", NULL, AT(format), FORMAT_CSV, FOR_LIST, NULL,
	  "comma-separated values" },
	{ 0, OPTION_CHOICE, "color", "WHEN", AT(color), 0,
	  FOR_SOCKETS | FOR_DEMO | FOR_PROBE | FOR_BIND, whens,
	  "auto (on a terminal, unless NO_COLOR is set), always, never" },
	{ 0, OPTION_CHOICE, "holders", "HOW", AT(holders), 0,
	  FOR_LIST | FOR_WAIT | FOR_EXPOSED | FOR_REACH, ways,
	  "how to find the holders: auto, bpf, proc (/proc), none" },
	{ 0, OPTION_VALUE, "no-holders", NULL, AT(holders), HOLDERS_NONE,
	  FOR_LIST | FOR_WAIT | FOR_EXPOSED | FOR_REACH, NULL,
	  "do not look for them: much faster" },
	{ 0, OPTION_FLAG, "no-firewall", NULL, AT(no_firewall), 0, FOR_LIST | FOR_EXPLAIN, NULL,
	  "do not read its rules: how far away callers are by address alone" },
	{ 0, OPTION_FLAG, "strict", NULL, AT(strict), 0, FOR_SOCKETS | FOR_PROBE, NULL,
	  "exit with 3 if anything could not be read" },
	{ 0, OPTION_FLAG, "debug", NULL, AT(debug), 0, FOR_SOCKETS | FOR_PROBE | FOR_BIND, NULL,
	  "tell how it was read" },
	{ 0, OPTION_TEXT, "send", "TEXT", AT(send), 0, FOR_PROBE, NULL,
	  "send this, and wait for what comes back" },
	{ 0, OPTION_FLAG, "from-outside", NULL, AT(from_outside), 0, FOR_PROBE, NULL,
	  "call from a host made for it, over a network interface (root)" },
	{ 0, OPTION_TEXT, "pcap", "FILE", AT(pcap), 0, FOR_PROBE, NULL,
	  "write the packets there, for tcpdump and Wireshark" },
	{ 0, OPTION_SECONDS, "timeout", "SECONDS", AT(timeout_seconds), 0, FOR_PROBE | FOR_WAIT,
	  NULL, "give up after so long: probe each answer (2), wait all of it (30)" },
	{ 0, OPTION_SECONDS, "stable", "SECONDS", AT(stable_seconds), 0, FOR_WAIT, NULL,
	  "only once the same socket has answered for so long" },
	{ 0, OPTION_FLAG, "gone", NULL, AT(gone), 0, FOR_WAIT, NULL,
	  "wait until nothing answers any more" },
	{ 0, OPTION_FLAG, "reuseaddr", NULL, AT(reuseaddr), 0, FOR_BIND, NULL,
	  "with SO_REUSEADDR" },
	{ 0, OPTION_FLAG, "reuseport", NULL, AT(reuseport), 0, FOR_BIND, NULL,
	  "with SO_REUSEPORT" },
	{ 0, OPTION_FLAG, "v6only", NULL, AT(v6only), 0, FOR_BIND, NULL, "with IPV6_V6ONLY" },
	{ 0, OPTION_TEXT, "device", "INTERFACE", AT(device), 0, FOR_BIND, NULL,
	  "bound to that interface (SO_BINDTODEVICE)" },
	{ 0, OPTION_TEXT, "user", "USER", AT(user), 0, FOR_BIND, NULL,
	  "as that user, by name or number, without privileges" },
	{ 'h', OPTION_FLAG, "help", NULL, AT(help), 0, FOR_ALL, NULL, "this help" },
	{ 'V', OPTION_FLAG, "version", NULL, AT(version), 0, FOR_ALL, NULL, "the version" },
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

const struct option_row *option_at(size_t i)
{
	return i < N_ROWS ? &rows[i] : NULL;
}

struct parser {
	struct options *options;
	struct hark_error *reterr;
	char **argv;
	int argc;
	int next; /* the argument to read next */
	bool is_given[N_ROWS];
};

__attribute__((format(printf, 2, 3))) static int refuse(struct parser *parser, const char *format,
							...)
{
	va_list args;

	parser->reterr->error = -EINVAL;
	va_start(args, format);
	vsnprintf(parser->reterr->text, sizeof(parser->reterr->text), format, args);
	va_end(args);
	return -EINVAL;
}

static int set_choice(struct parser *parser, const struct option_row *row, const char *argument)
{
	struct suggestion suggestion = { .word = argument };
	char list[80] = "";

	for (uint32_t i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], argument) == 0) {
			*(uint32_t *)((char *)parser->options + row->member) = i;
			return 0;
		}
		suggest_offer(&suggestion, row->choices[i]);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 row->choices[i]);
	}
	if (suggestion.best)
		return refuse(parser, "--%s cannot be \"%.60s\": did you mean \"%s\"?",
			      row->long_name, argument, suggestion.best);
	return refuse(parser, "--%s cannot be \"%.60s\": it is one of %s", row->long_name, argument,
		      list);
}

/* "30", "0.5", and with a unit: "30s", "500ms", "2m", "24h". NAN: it is no time. */
static double parse_seconds(const char *text)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "m", 60 }, { "h", 3600 } };
	size_t length = strspn(text, "0123456789.");
	char *end;
	double number = strtod(text, &end);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (length && end == text + length && !strcmp(end, units[i].unit))
			return number * units[i].seconds;
	return NAN;
}

static int set_seconds(struct parser *parser, const struct option_row *row, const char *argument)
{
	double *seconds = (double *)((char *)parser->options + row->member);

	*seconds = argument ? parse_seconds(argument) : row->value;
	if (!(*seconds >= 0.01 && *seconds <= MAX_SECONDS))
		return refuse(parser,
			      "--%s wants seconds, from 0.01 to %.0f, or as in 500ms, 2m, 24h, not "
			      "\"%.60s\"",
			      row->long_name, MAX_SECONDS, argument);
	return 0;
}

static int set(struct parser *parser, const struct option_row *row, const char *argument)
{
	char *member = (char *)parser->options + row->member;

	parser->is_given[row - rows] = true;
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return 0;
	case OPTION_BITS:
		*(uint32_t *)member |= row->value;
		return 0;
	case OPTION_VALUE:
		*(uint32_t *)member = row->value;
		return 0;
	case OPTION_CHOICE:
		return set_choice(parser, row, argument);
	case OPTION_TEXT:
		*(const char **)member = argument;
		return 0;
	case OPTION_SECONDS:
		return set_seconds(parser, row, argument);
	}
	return 0;
}

static bool must_have_argument(const struct option_row *row)
{
	return row->argument && row->argument[0] != '[';
}

/* Sets an option whose argument may be the next word. */
static int set_with_next(struct parser *parser, const struct option_row *row, const char *name)
{
	if (!must_have_argument(row))
		return set(parser, row, NULL);
	if (parser->next < parser->argc)
		return set(parser, row, parser->argv[parser->next++]);
	if (row->member == AT(columns))
		return refuse(parser, "%s wants %s: \"%s help\" tells them", name, row->argument,
			      name);
	return refuse(parser, "%s wants %s: %s", name, row->argument, row->help);
}

static int refuse_long(struct parser *parser, const char *text, size_t length)
{
	char word[64];
	struct suggestion suggestion = { .word = word };

	snprintf(word, sizeof(word), "%.*s", (int)(length & 0x7fff), text);
	for (size_t i = 0; i < N_ROWS; i++)
		suggest_offer(&suggestion, rows[i].long_name);
	if (suggestion.best)
		return refuse(parser, "unknown option \"--%s\": did you mean \"--%s\"?", word,
			      suggestion.best);
	return refuse(parser, "unknown option \"--%s\": hark --help tells them all", word);
}

/* "--name", "--name=argument"; the beginning of a name is enough where no other begins so. */
static int parse_long(struct parser *parser, const char *text)
{
	size_t length = strcspn(text, "=");
	const struct option_row *found = NULL;
	bool is_whole = false;
	char name[32];

	for (size_t i = 0; i < N_ROWS && !is_whole; i++) {
		if (strncmp(rows[i].long_name, text, length) != 0)
			continue;
		is_whole = !rows[i].long_name[length];
		if (found && !is_whole)
			return refuse(parser, "\"--%.*s\" may be \"--%s\" or \"--%s\"",
				      (int)(length & 63), text, found->long_name,
				      rows[i].long_name);
		found = &rows[i];
	}
	if (!found || !length)
		return refuse_long(parser, text, length);
	snprintf(name, sizeof(name), "--%s", found->long_name);
	if (!text[length])
		return set_with_next(parser, found, name);
	if (!found->argument)
		return refuse(parser, "%s takes no argument", name);
	return set(parser, found, text + length + 1);
}

/* Letters behind one '-'; the argument of the last may follow at once. */
static int parse_short(struct parser *parser, const char *text)
{
	for (; *text; text++) {
		const struct option_row *row = rows;
		int r;

		while (row < rows + N_ROWS && row->short_name != *text)
			row++;
		if (row == rows + N_ROWS)
			return refuse(parser,
				      "unknown option \"-%.*s\": hark --help tells them all",
				      (unsigned char)*text < 0x80 ? 1 : 8, text);
		if (must_have_argument(row) && text[1])
			return set(parser, row, text + 1);
		r = set_with_next(parser, row, (char[3]){ '-', *text });
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_command(struct parser *parser)
{
	const struct command *command = parser->options->command;

	if (!*command->arguments && parser->options->n_words)
		return refuse(parser, "%s takes nothing but options, not \"%.60s\"", command->name,
			      parser->options->words[0]);
	for (size_t i = 0; i < N_ROWS; i++)
		if (parser->is_given[i] && !(rows[i].commands & command->bit))
			return refuse(parser, "%s has no option --%s", command->name,
				      rows[i].long_name);
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct hark_error *reterr)
{
	struct parser parser = {
		.options = ret, .reterr = reterr, .argv = argv, .argc = argc, .next = 1
	};
	bool is_over = false; /* "--" was seen */
	int r = 0;

	*ret = (struct options){ .command = command_find("list"), .words = argv };
	while (parser.next < argc && r == 0) {
		char *text = argv[parser.next++];

		if (!is_over && text[0] == '-' && text[1] == '-') {
			is_over = !text[2];
			r = is_over ? 0 : parse_long(&parser, text + 2);
			/* A command that runs another leaves it alone. */
			if (is_over && ret->command->bit == FOR_WAIT) {
				ret->then = argv + parser.next;
				break;
			}
		} else if (!is_over && text[0] == '-' && text[1]) {
			r = parse_short(&parser, text + 1);
		} else if (!is_over && !ret->n_words && !ret->is_command_named &&
			   command_find(text)) {
			ret->command = command_find(text);
			ret->is_command_named = true;
		} else {
			ret->words[ret->n_words++] = text;
		}
	}
	if (r < 0)
		return r;
	return ret->command->run ? check_command(&parser) : 0;
}
