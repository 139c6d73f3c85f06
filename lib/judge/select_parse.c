/* SPDX-License-Identifier: MIT */
/*
 * Reading selectors. A selector is a list of items between commas, any of which may match; each
 * item becomes one term, or a few. An item without "KEY=" is what it looks like, the first of: a
 * protocol or label, a state, a port, an address, a word. A word is a command's name, and if there
 * is a service of that name, its port as well: "ssh" finds who listens on port 22, and ssh's own
 * forwardings.
 */
#include "select_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hark/snapshot.h>

#include "suggest.h"
#include "text.h"

#define DIGITS   "0123456789"
#define MAX_PORT 65535u
/* PID_MAX_LIMIT of the kernel's threads.h; the least inode of a namespace is 0xeffffff7. */
#define MAX_PID (4u * 1024 * 1024)
/* Beyond what anybody writes; a limit on what a program may make of us. */
#define MAX_TERMS 100000u
/* Room for the name of any protocol or state. */
#define NAME_SIZE 16u

int reader_complain(struct reader *reader, const char *format, ...)
{
	va_list args;

	if (reader->reterr) {
		reader->reterr->error = -EINVAL;
		va_start(args, format);
		vsnprintf(reader->reterr->text, sizeof(reader->reterr->text), format, args);
		va_end(args);
	}
	return -EINVAL;
}

int reader_add(struct reader *reader, const struct term *term)
{
	struct term *added;

	if (reader->selection->terms.n >= MAX_TERMS)
		return reader_complain(reader, "more than %u selectors", MAX_TERMS);
	added = array_push(&reader->selection->terms);
	if (!added)
		return -ENOMEM;
	*added = *term;
	return 1;
}

static int add_text(struct reader *reader, enum term_kind kind, const char *text, uint64_t number)
{
	struct term term = { .kind = kind, .number = number };

	term.text = arena_strdup(&reader->selection->arena, text);
	return term.text ? reader_add(reader, &term) : -ENOMEM;
}

static const char *did_you_mean(const struct suggestion *suggestion, const char *tail,
				char text[64])
{
	text[0] = '\0';
	if (suggestion->best)
		snprintf(text, 64, ": did you mean \"%s%s\"?", suggestion->best, tail);
	return text;
}

static int unknown_protocol(struct reader *reader, const char *text)
{
	struct suggestion suggestion = { .word = text };
	char hint[64];

	for (int i = 0; i < HARK_PROTOCOL_N_; i++)
		suggest_offer(&suggestion, hark_protocol_name(i));
	return reader_complain(reader, "unknown protocol \"%.60s\"%s", text,
			       did_you_mean(&suggestion, "", hint));
}

/* Protocols and states may be written in capitals, as lsof and netstat do. */
static bool lower(const char *text, char ret[NAME_SIZE])
{
	for (size_t i = 0; i < NAME_SIZE; i++) {
		ret[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
		if (!text[i])
			return true;
	}
	return false;
}

static int protocol_from_name(const char *text)
{
	char name[NAME_SIZE];

	return lower(text, name) ? hark_protocol_from_name(name) : -1;
}

/* "tcp", or a label: "tcp4", "tcp6", "tcp46". */
static int read_protocol(struct reader *reader, const char *text)
{
	static const char *const families[] = { "46", "4", "6" };
	int protocol = protocol_from_name(text);
	size_t length = strlen(text);

	if (protocol >= 0)
		return reader_add(reader, &(struct term){ .kind = TERM_PROTOCOL,
							  .protocols = 1u << protocol });
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		size_t tail = strlen(families[i]);
		char name[HARK_LABEL_SIZE];

		if (length <= tail || length >= sizeof(name) ||
		    strcmp(text + length - tail, families[i]) != 0)
			continue;
		memcpy(name, text, length - tail);
		name[length - tail] = '\0';
		protocol = protocol_from_name(name);
		if (protocol >= 0)
			return reader_add(reader, &(struct term){ .kind = TERM_LABEL,
								  .protocols = 1u << protocol,
								  .text = families[i] });
	}
	return 0;
}

static int read_protocol_value(struct reader *reader, const char *text)
{
	int r = read_protocol(reader, text);

	return r ? r : unknown_protocol(reader, text);
}

/* Our names; with '_', as netstat and the kernel write them, too; and two words of ss's. */
static int read_state(struct reader *reader, const char *text)
{
	static const struct {
		const char *name;
		enum hark_state state;
	} others[] = {
		{ "listening", HARK_STATE_LISTEN },
		{ "estab", HARK_STATE_ESTABLISHED },
		{ "unconn", HARK_STATE_UNCONNECTED },
	};
	char name[NAME_SIZE];
	int state;

	if (!lower(text, name))
		return 0;
	for (char *at = name; (at = strchr(at, '_'));)
		*at = '-';
	state = hark_state_from_name(name);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(name, others[i].name) == 0)
			state = (int)others[i].state;
	if (state < 0)
		return 0;
	return reader_add(reader, &(struct term){ .kind = TERM_STATE, .number = (uint64_t)state });
}

static int read_state_value(struct reader *reader, const char *text)
{
	struct suggestion suggestion = { .word = text };
	char hint[64];
	int r = read_state(reader, text);

	if (r)
		return r;
	for (int i = 0; i < HARK_STATE_N_; i++)
		suggest_offer(&suggestion, hark_state_name(i));
	return reader_complain(reader, "unknown state \"%.60s\"%s", text,
			       did_you_mean(&suggestion, "", hint));
}

/* Digits alone, of any length: UINT64_MAX stands for too many. */
static uint64_t take_digits(const char **text)
{
	const char *end = *text + strspn(*text, DIGITS);
	uint64_t number;

	if (!text_take_u64(text, 10, UINT64_MAX - 1, &number))
		number = UINT64_MAX;
	*text = end;
	return number;
}

static int check_port(struct reader *reader, const char *digits, uint64_t port)
{
	if (port > MAX_PORT)
		return reader_complain(reader, "port %.*s is above %u",
				       (int)(strspn(digits, DIGITS) & 63), digits, MAX_PORT);
	return 0;
}

/* "80", "8000-8999". */
static int parse_numeric_ports(struct reader *reader, const char *text, struct port_range *ret)
{
	const char *at = text, *second = NULL;
	uint64_t low = take_digits(&at), high = low;

	if (*at == '-' && at[1] >= '0' && at[1] <= '9') {
		second = ++at;
		high = take_digits(&at);
	}
	if (*at)
		return reader_complain(
			reader, "\"%.60s\" is no range of ports: a range is \"8000-8999\"", text);
	if (check_port(reader, text, low) < 0 || (second && check_port(reader, second, high) < 0))
		return -EINVAL;
	if (low > high)
		return reader_complain(reader,
				       "the range %s runs backwards: did you mean \"%u-%u\"?", text,
				       (unsigned int)high, (unsigned int)low);
	if (!high)
		return reader_complain(reader, "there is no port 0: nothing can be bound to it");
	/* Without a peer the remote port is 0. */
	*ret = (struct port_range){ .low = low ? (uint16_t)low : 1, .high = (uint16_t)high };
	return 1;
}

static bool is_service(const char *name, uint16_t *ret)
{
	struct servent entry, *found = NULL;
	char buffer[4096];

	if (getservbyname_r(name, NULL, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return false;
	*ret = ntohs((uint16_t)found->s_port);
	return *ret != 0;
}

static bool is_numeric(const char *text)
{
	return text[0] >= '0' && text[0] <= '9' && !text[strspn(text, DIGITS "-")];
}

int reader_ports(struct reader *reader, const char *text, bool takes_names, struct term *term)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char ports[64];
	uint16_t port;
	int protocol;

	if (length >= sizeof(ports))
		return 0;
	memcpy(ports, text, length);
	ports[length] = '\0';
	if (is_numeric(ports)) {
		if (parse_numeric_ports(reader, ports, &term->ports) < 0)
			return -EINVAL;
	} else if (takes_names && is_service(ports, &port)) {
		term->ports = (struct port_range){ .low = port, .high = port };
	} else {
		return 0;
	}
	if (!slash)
		return 1;
	protocol = protocol_from_name(slash + 1);
	if (protocol < 0)
		return unknown_protocol(reader, slash + 1);
	term->protocols = 1u << protocol;
	return 1;
}

int reader_no_port(struct reader *reader, const char *text)
{
	if (!*text)
		return reader_complain(reader, "a port is missing behind \":\"");
	return reader_complain(reader, "\"%.60s\" is neither a port nor the name of a service",
			       text);
}

/* "80", "80/tcp", ":80", ":http", "*:80"; "http" is left to others. */
static int read_port(struct reader *reader, const char *text)
{
	struct term term = { .kind = TERM_PORT };
	bool has_colon = text[0] == ':' && text[1] != ':';
	int r;

	if (strncmp(text, "*:", 2) == 0) {
		has_colon = true;
		text++;
	}
	if (has_colon)
		text++;
	r = reader_ports(reader, text, has_colon || strchr(text, '/'), &term);
	if (r > 0)
		return reader_add(reader, &term);
	return r == 0 && has_colon ? reader_no_port(reader, text) : r;
}

static int read_port_value(struct reader *reader, const char *text)
{
	struct term term = { .kind = TERM_PORT };
	int r = reader_ports(reader, text[0] == ':' ? text + 1 : text, true, &term);

	if (r > 0)
		return reader_add(reader, &term);
	return r < 0 ? r : reader_no_port(reader, text);
}

static int read_command(struct reader *reader, const char *text)
{
	return add_text(reader, TERM_COMMAND, text, 0);
}

static int read_word(struct reader *reader, const char *text)
{
	uint16_t port;

	/* As the table names who holds it: no pattern, and no command=. */
	if (!strcmp(text, "kernel")) {
		int r = reader_add(reader, &(struct term){ .kind = TERM_KERNEL });

		if (r < 0)
			return r;
	}
	if (is_service(text, &port)) {
		struct term term = { .kind = TERM_PORT, .ports = { .low = port, .high = port } };
		int r = reader_add(reader, &term);

		if (r < 0)
			return r;
	}
	return read_command(reader, text);
}

static int read_bare(struct reader *reader, const char *text)
{
	static int (*const ways[])(struct reader *, const char *) = { read_protocol, read_state,
								      read_port, reader_address };
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(ways) / sizeof(*ways); i++)
		r = ways[i](reader, text);
	return r ? r : read_word(reader, text);
}

static int read_address_value(struct reader *reader, const char *text)
{
	int r = reader_address(reader, text);

	return r ? r :
		   reader_complain(reader, "\"%.60s\" is no address; names are not looked up",
				   text);
}

static int read_number(struct reader *reader, enum term_kind kind, const char *text,
		       const char *what)
{
	struct term term = { .kind = kind };

	if (!text_to_u64(text, UINT32_MAX, &term.number))
		return reader_complain(reader, "\"%.60s\" is no %s", text, what);
	return reader_add(reader, &term);
}

static int read_pid(struct reader *reader, const char *text)
{
	return read_number(reader, TERM_PID, text, "process id");
}

static int read_inode(struct reader *reader, const char *text)
{
	return read_number(reader, TERM_INODE, text, "inode number");
}

static int read_user(struct reader *reader, const char *text)
{
	struct term term = { .kind = TERM_USER };
	struct passwd entry, *found = NULL;
	char buffer[16384];

	if (!text_to_u64(text, UINT32_MAX - 1, &term.number)) {
		getpwnam_r(text, &entry, buffer, sizeof(buffer), &found);
		if (!found)
			return reader_complain(reader, "there is no user \"%.60s\"", text);
		term.number = found->pw_uid;
	}
	return reader_add(reader, &term);
}

static int read_cookie(struct reader *reader, const char *text)
{
	struct term term = { .kind = TERM_COOKIE };
	const char *at = text;

	if (!text_take_u64(&at, 16, UINT64_MAX, &term.number) || *at)
		return reader_complain(
			reader, "\"%.60s\" is no cookie: a cookie is 16 hexadecimal digits", text);
	return reader_add(reader, &term);
}

static int read_unit(struct reader *reader, const char *text)
{
	return add_text(reader, TERM_UNIT, text, 0);
}

static int read_container(struct reader *reader, const char *text)
{
	return add_text(reader, TERM_CONTAINER, text, 0);
}

static int read_pod(struct reader *reader, const char *text)
{
	return add_text(reader, TERM_POD, text, 0);
}

static int read_numbered(struct reader *reader, enum term_kind kind, const char *text)
{
	uint64_t number;

	return add_text(reader, kind, text, text_to_u64(text, UINT64_MAX, &number) ? number : 0);
}

/*
 * A name, a number, or what stands for one: the file that a namespace is mounted on, or a process
 * (inodes of namespaces begin far above the pids). The number is looked up at once, as that of a
 * user is.
 */
static int read_netns(struct reader *reader, const char *text)
{
	char process[32];
	const char *path = text;
	struct stat status;
	uint64_t pid;

	if (text_to_u64(text, MAX_PID, &pid)) {
		snprintf(process, sizeof(process), "/proc/%u/ns/net", (unsigned int)pid);
		path = process;
	}
	if (path[0] != '/')
		return read_numbered(reader, TERM_NETNS, text);
	if (stat(path, &status) < 0)
		return reader_complain(reader, "there is no network namespace at %.60s: %s", path,
				       strerror(errno));
	return add_text(reader, TERM_NETNS, text, status.st_ino);
}

static int read_device(struct reader *reader, const char *text)
{
	return read_numbered(reader, TERM_DEVICE, text);
}

/* The first of those that read alike is listed; the first of those equally close is suggested. */
static const struct key {
	const char *name;
	int (*read)(struct reader *reader, const char *text);
} keys[] = {
	{ "proto", read_protocol_value },
	{ "protocol", read_protocol_value },
	{ "label", read_protocol_value },
	{ "port", read_port_value },
	{ "state", read_state_value },
	{ "address", read_address_value },
	{ "addr", read_address_value },
	{ "command", read_command },
	{ "comm", read_command },
	{ "pid", read_pid },
	{ "user", read_user },
	{ "uid", read_user },
	{ "unit", read_unit },
	{ "container", read_container },
	{ "pod", read_pod },
	{ "netns", read_netns },
	{ "dev", read_device },
	{ "inode", read_inode },
	{ "cookie", read_cookie },
};

#define N_KEYS (sizeof(keys) / sizeof(*keys))

static int find_key(struct reader *reader, const char *name, const struct key **ret)
{
	struct suggestion suggestion = { .word = name };
	char text[64], list[160] = "";

	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, name) == 0) {
			*ret = &keys[i];
			return 0;
		}
		suggest_offer(&suggestion, keys[i].name);
		if (!i || keys[i].read != keys[i - 1].read)
			snprintf(list + strlen(list), sizeof(list) - strlen(list),
				 "%s%s=", i ? " " : "", keys[i].name);
	}
	if (suggestion.best)
		return reader_complain(reader, "unknown key \"%.60s\"%s", name,
				       did_you_mean(&suggestion, "=", text));
	return reader_complain(reader, "unknown key \"%.60s\": there are %s", name, list);
}

/* A key holds for the items behind it that have none of their own: "pid=1,42". */
static int read_item(struct reader *reader, const struct key **key, char *item, const char *whole)
{
	char *equals = strchr(item, '=');

	if (equals) {
		int r;

		*equals = '\0';
		r = find_key(reader, item, key);
		if (r < 0)
			return r;
		item = equals + 1;
		if (!*item)
			return reader_complain(reader, "nothing stands behind \"%s=\"",
					       (*key)->name);
	}
	if (!*item)
		return reader_complain(reader,
				       *whole ? "an item is empty in \"%.100s\"" :
						"a selector is empty%.0s",
				       whole);
	return *key ? (*key)->read(reader, item) : read_bare(reader, item);
}

static int keep_word(struct hark_selection *selection, const char *text)
{
	const char *kept = arena_strdup(&selection->arena, text), **word;

	word = kept ? array_push(&selection->words) : NULL;
	if (word)
		*word = kept;
	return word ? 0 : -ENOMEM;
}

int hark_selection_add(struct hark_selection *selection, const char *text,
		       struct hark_error *reterr)
{
	struct reader reader = { .selection = selection, .reterr = reterr };
	uint32_t n_before = selection->terms.n;
	const struct key *key = NULL;
	char *copy = strdup(text), *rest = copy, *item;
	int r = copy ? 0 : -ENOMEM;

	while (r >= 0 && (item = strsep(&rest, ",")))
		r = read_item(&reader, &key, item, text);
	if (r >= 0)
		r = keep_word(selection, text);
	free(copy);
	if (r < 0) {
		selection->terms.n = n_before;
		if (r == -ENOMEM && reterr)
			*reterr = (struct hark_error){ .error = r, .text = "memory ran out" };
		return r;
	}
	selection->terms.items[selection->terms.n - 1].is_last = true;
	return 0;
}
