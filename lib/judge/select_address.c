/* SPDX-License-Identifier: MIT */
/* Reading the addresses among selectors. */
#include "select_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define DIGITS "0123456789"

/* An address, cut out of what was written. */
struct parts {
	char *address; /* "ADDRESS" or "ADDRESS/BITS" */
	char *scope;   /* NULL: none */
	char *ports;   /* NULL: none */
};

/* "[ADDRESS]", "[ADDRESS]/BITS", "[ADDRESS]:PORT", "[ADDRESS]/BITS:PORT". */
static int cut_brackets(struct reader *reader, char *text, struct parts *parts)
{
	char *end = strchr(text, ']');
	char *colon;

	if (!end)
		return reader_complain(reader, "\"%.60s\" has \"[\" without \"]\"", text);
	if (end[1] && end[1] != '/' && end[1] != ':')
		return reader_complain(reader, "\"%.60s\": behind \"]\" comes \":\" and the port",
				       text);
	colon = strchr(end, ':');
	if (colon) {
		*colon = '\0';
		parts->ports = colon + 1;
	}
	memmove(end, end + 1, strlen(end + 1) + 1);
	parts->address = text + 1;
	return 0;
}

/* Takes "%SCOPE" out of the address. */
static bool cut_scope(struct arena *arena, struct parts *parts)
{
	char *percent = strchr(parts->address, '%');
	size_t length;

	if (!percent)
		return true;
	length = strcspn(percent, "/");
	parts->scope = arena_memdup(arena, percent + 1, length - 1);
	memmove(percent, percent + length, strlen(percent + length) + 1);
	return parts->scope;
}

static bool has_slash_behind_address(const char *text)
{
	struct hark_addr addr;
	const char *slash = strchr(text, '/');
	char copy[HARK_ADDR_TEXT_SIZE];

	if (!slash || (size_t)(slash - text) >= sizeof(copy))
		return false;
	memcpy(copy, text, (size_t)(slash - text));
	copy[slash - text] = '\0';
	return hark_addr_parse(copy, &addr) == 0;
}

static int complain_of_address(struct reader *reader, const char *address)
{
	bool is_ipv6 = strchr(address, ':');

	if (has_slash_behind_address(address))
		return reader_complain(
			reader, "\"%.60s\" is no prefix: behind \"/\" comes a number up to %s",
			address, is_ipv6 ? "128" : "32");
	if (strchr(address, ']'))
		return reader_complain(reader, "\"%.60s\" has \"]\" without \"[\"", address);
	if (is_ipv6)
		return reader_complain(reader, "\"%.60s\" is no IPv6 address", address);
	if (address[strspn(address, DIGITS "./")])
		return reader_complain(reader, "\"%.60s\" is no address; names are not looked up",
				       address);
	for (const char *at = address; at; at = strchr(at, '.')) {
		at += *at == '.';
		if (strtoul(at, NULL, 10) > 255)
			return reader_complain(reader, "\"%.60s\" is no address: %.*s is above 255",
					       address, (int)(strspn(at, DIGITS) & 63), at);
	}
	return reader_complain(reader, "\"%.60s\" is no address: IPv4 has four numbers", address);
}

/* Whoever wrote it had an address in mind, not the name of a command. */
static bool is_meant_as_address(const char *text)
{
	return strchr(text, ':') || has_slash_behind_address(text) ||
	       (*text && strchr(DIGITS, *text) && strchr(text, '.') &&
		!text[strspn(text, DIGITS "./")]);
}

static int add_localhost(struct reader *reader, struct term *term)
{
	int r = hark_prefix_parse("127.0.0.1", &term->prefix);

	r = r < 0 ? r : reader_add(reader, term);
	r = r < 0 ? r : hark_prefix_parse("::1", &term->prefix);
	return r < 0 ? r : reader_add(reader, term);
}

int reader_address(struct reader *reader, const char *text)
{
	struct term term = { .kind = TERM_ADDRESS };
	struct arena *arena = &reader->selection->arena;
	char *copy = arena_strdup(arena, text);
	struct parts parts = { .address = copy };
	char *colon;
	int r;

	if (!copy)
		return -ENOMEM;
	colon = strchr(copy, ':');
	if (copy[0] == '[' && strpbrk(copy, ":.")) {
		r = cut_brackets(reader, copy, &parts);
		if (r < 0)
			return r;
	} else if (colon && colon == strrchr(copy, ':')) {
		*colon = '\0';
		parts.ports = colon + 1;
	}
	if (!cut_scope(arena, &parts))
		return -ENOMEM;
	term.text = parts.scope;
	if (parts.scope)
		text_to_u64(parts.scope, UINT32_MAX, &term.number);
	if (parts.ports) {
		r = reader_ports(reader, parts.ports, true, &term);
		if (r <= 0)
			return r < 0 ? r : reader_no_port(reader, parts.ports);
	}
	if (strcmp(parts.address, "localhost") == 0)
		return add_localhost(reader, &term);
	if (hark_prefix_parse(parts.address, &term.prefix) < 0)
		return is_meant_as_address(text) ? complain_of_address(reader, parts.address) : 0;
	return reader_add(reader, &term);
}
