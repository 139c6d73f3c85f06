/* SPDX-License-Identifier: MIT */
/* The values of -c -d -g -p -s -u: lists, in which '^' leaves out. */
#include "lsof.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>

#include "text.h"

/* The kernel keeps no more of a command; utmp keeps no more of a name. */
#define COMMAND_MAX 15
#define LOGIN_MAX   32

static const char *const states[LSOF_N_STATES] = {
	"CLOSED",    "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
	"TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
};

const char *lsof_state_name(unsigned int state)
{
	return state < LSOF_N_STATES ? states[state] : NULL;
}

/* The flags behind the expression of -c /.../: 0, or those of regcomp(), or -1 when told wrong. */
static int regex_flags(struct lsof *lsof, const char *value, const char *letters)
{
	int flags = REG_NOSUB | REG_EXTENDED;
	bool is_wrong = false, is_basic = strchr(letters, 'b'), is_extended = strchr(letters, 'x');

	for (; *letters; letters++) {
		if (!strchr("bix", *letters)) {
			lsof_complain(lsof, "invalid regexp modifier: %c", *letters);
			is_wrong = true;
		} else if (strchr(letters + 1, *letters)) {
			lsof_complain(lsof, "%c regexp modifier already used: %s", *letters, value);
			is_wrong = true;
		}
		if (*letters == 'i')
			flags |= REG_ICASE;
	}
	if (is_basic && is_extended) {
		lsof_complain(lsof, "b and x regexp modifiers conflict: %s", value);
		is_wrong = true;
	}
	if (is_basic)
		flags &= ~REG_EXTENDED;
	return is_wrong ? -1 : flags;
}

static int add_regex(struct lsof *lsof, const char *value)
{
	const char *end = strchr(value + 1, '/');
	struct lsof_command command = { .is_regex = true };
	struct lsof_command *added;
	char text[256];
	int flags, r;

	if (!end) {
		lsof_complain(lsof, "regexp doesn't end with '/': %s", value);
		return 0;
	}
	flags = regex_flags(lsof, value, end + 1);
	if (flags < 0)
		return 0;
	command.text = arena_memdup(&lsof->arena, value + 1, (size_t)(end - value - 1));
	added = command.text ? array_push(&lsof->commands) : NULL;
	if (!added)
		return -ENOMEM;
	r = regcomp(&command.regex, command.text, flags);
	if (r != 0) {
		regerror(r, &command.regex, text, sizeof(text));
		lsof_complain(lsof, "regexp error: %s: %s", value, text);
		lsof->commands.n--;
		return 0;
	}
	*added = command;
	return 0;
}

int lsof_add_command(struct lsof *lsof, const char *value)
{
	struct lsof_command *command;
	bool is_excluded = value && *value == '^';

	if (!value || *value == '-' || *value == '+') {
		lsof_complain(lsof, "missing -c option value");
		return 0;
	}
	if (*value == '/')
		return add_regex(lsof, value);
	value += is_excluded;
	if (strlen(value) > COMMAND_MAX) {
		lsof_complain(lsof, "\"-c %s\" length (%zu) > what system provides (%d)", value,
			      strlen(value), COMMAND_MAX);
		return 0;
	}
	command = array_push(&lsof->commands);
	if (!command)
		return -ENOMEM;
	*command = (struct lsof_command){ .text = value,
					  .length = strlen(value),
					  .is_excluded = is_excluded };
	return 0;
}

/* Numbers wrap, as lsof has them. */
static uint32_t take_number(const char **at)
{
	uint32_t number = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		number = number * 10 + (uint32_t)(**at - '0');
	return number;
}

/* One of a list between commas: 0, or -EINVAL when told wrong, or -ENOMEM. */
static int add_fd(struct lsof *lsof, const char *item, const char *end)
{
	bool is_excluded = *item == '^';
	const char *at = item += is_excluded;
	struct lsof_range range, *added;

	if (at == end)
		return 0;
	if (lsof->fds.n && lsof->are_fds_excluded != is_excluded) {
		lsof_complain(lsof, "%s in an %s -d list: %s%.*s",
			      is_excluded ? "exclude" : "include",
			      is_excluded ? "include" : "exclude", is_excluded ? "^" : "",
			      (int)(end - item), item);
		return -EINVAL;
	}
	range.low = range.high = take_number(&at);
	if (*at == '-' && at > item) {
		at++;
		range.high = take_number(&at);
		if (at != end || range.low >= range.high) {
			lsof_complain(lsof, "illegal FD range for -d: %.*s", (int)(end - item),
				      item);
			return -EINVAL;
		}
	} else if (end - item == 2 && memcmp(item, "fd", 2) == 0) {
		range = (struct lsof_range){ 0, UINT32_MAX };
	} else if (at != end) {
		/* "cwd", "txt" and their like are none of a socket. */
		range = (struct lsof_range){ 1, 0 };
	}
	added = array_push(&lsof->fds);
	if (!added)
		return -ENOMEM;
	*added = range;
	lsof->are_fds_excluded = is_excluded;
	return 0;
}

int lsof_add_fds(struct lsof *lsof, const char *value)
{
	if (!value || !*value) {
		lsof_complain(lsof, "no file descriptor specified");
		return 0;
	}
	for (;;) {
		const char *end = strchrnul(value, ',');
		int r = add_fd(lsof, value, end);

		if (r == -ENOMEM)
			return r;
		if (!*end)
			return 0;
		value = end + 1;
	}
}

static int add_id(struct lsof *lsof, struct lsof_ids *ids, const struct lsof_id *id,
		  const char *letter)
{
	struct lsof_id *added;

	for (uint32_t i = 0; i < ids->list.n; i++) {
		if (ids->list.items[i].id != id->id)
			continue;
		if (ids->list.items[i].is_excluded != id->is_excluded)
			lsof_complain(lsof, "%sID %u has been included and excluded.", letter,
				      id->id);
		return 0;
	}
	added = array_push(&ids->list);
	if (!added)
		return -ENOMEM;
	*added = *id;
	if (id->is_excluded)
		ids->n_excluded++;
	else
		ids->n_included++;
	return 0;
}

int lsof_add_ids(struct lsof *lsof, struct lsof_ids *ids, const char *kind, const char *letter,
		 const char *value)
{
	const char *at = value;
	int r = 0;

	if (!value) {
		lsof_complain(lsof, "no %s ID specified", kind);
		return 0;
	}
	while (r == 0 && *at) {
		struct lsof_id id = { .is_excluded = *at == '^' };

		at += id.is_excluded;
		id.id = take_number(&at);
		if (*at && *at != ',') {
			lsof_complain(lsof, "illegal %s ID: %s", kind, value);
			return 0;
		}
		at += *at == ',';
		r = add_id(lsof, ids, &id, letter);
	}
	return r;
}

/* A user's number or name: 0, -ENOENT when told that there is none, or -ENOMEM. */
static int find_user(struct lsof *lsof, const char *name, struct lsof_id *ret)
{
	const struct passwd *entry;
	const char *at = name;

	ret->id = take_number(&at);
	if (!*at)
		return 0;
	entry = getpwnam(name);
	if (!entry) {
		lsof_complain(lsof, "can't get UID for %s", name);
		return -ENOENT;
	}
	ret->id = entry->pw_uid;
	ret->login = arena_strdup(&lsof->arena, name);
	return ret->login ? 0 : -ENOMEM;
}

int lsof_add_users(struct lsof *lsof, const char *value)
{
	if (!value) {
		lsof_complain(lsof, "no UIDs specified");
		return 0;
	}
	while (*value) {
		struct lsof_id id = { .is_excluded = *value == '^' };
		size_t length = strcspn(value += id.is_excluded, ",");
		char name[LOGIN_MAX + 1];
		int r = -EINVAL;

		if (length > LOGIN_MAX) {
			lsof_complain(lsof, "-u login name > %d characters: %.*s", LOGIN_MAX,
				      (int)length, value);
		} else {
			memcpy(name, value, length);
			name[length] = '\0';
			r = find_user(lsof, name, &id);
		}
		if (r == 0)
			r = add_id(lsof, &lsof->users, &id, "U");
		if (r == -ENOMEM)
			return r;
		value += length;
		value += *value == ',';
	}
	return 0;
}

static void add_state(struct lsof *lsof, const char *name, size_t length, bool is_excluded)
{
	uint8_t wish = is_excluded ? LSOF_STATE_EXCLUDED : LSOF_STATE_INCLUDED;

	for (unsigned int i = 0; i < LSOF_N_STATES; i++) {
		if (strlen(states[i]) != length || strncasecmp(states[i], name, length) != 0)
			continue;
		if (lsof->states[i] == wish)
			lsof_complain(lsof, "duplicate TCP %sclusion: %.*s",
				      is_excluded ? "ex" : "in", (int)length, name);
		else if (lsof->states[i] != LSOF_STATE_UNNAMED)
			lsof_complain(lsof, "can't include and exclude TCP state: %s", states[i]);
		else if (is_excluded)
			lsof->n_states_excluded++;
		else
			lsof->n_states_included++;
		lsof->states[i] = wish;
		return;
	}
	lsof_complain(lsof, "unknown TCP state name: %.*s", (int)length, name);
}

int lsof_add_states(struct lsof *lsof, const char *value)
{
	const char *at = value + strlen("tcp:");
	bool is_udp = strncasecmp(value, "udp:", strlen("udp:")) == 0;

	if (!is_udp && strncasecmp(value, "tcp:", strlen("tcp:")) != 0) {
		lsof_complain(lsof, "unknown -s protocol: \"%s\"", value);
		return 0;
	}
	if (!*at) {
		lsof_complain(lsof, "no %s state names in: %s", is_udp ? "UDP" : "TCP", value);
		return 0;
	}
	if (is_udp) {
		lsof_complain(lsof, "no UDP state names available: %s", value);
		return 0;
	}
	while (*at) {
		bool is_excluded = *at == '^';
		size_t length = strcspn(at += is_excluded, ",");

		if (length)
			add_state(lsof, at, length, is_excluded);
		else
			lsof_complain(lsof, "NULL TCP state name in: %s", value);
		at += length;
		at += *at == ',';
	}
	return 0;
}
