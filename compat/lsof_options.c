/* SPDX-License-Identifier: MIT */
/*
 * The command line as lsof takes it apart: a word of options begins with '-' or '+', which some
 * options tell apart; values are optional as a rule, and one that begins with '-' or '+' is not a
 * value but the next word of options.
 */
#include "lsof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define REPEAT_SECONDS 15
#define COMMAND_WIDTH  9
/* The kernel keeps no more of a command. */
#define COMMAND_MAX 15

#define ALL_FIELDS "acCdDfFGgiKkLlmMnNoPpRsStTu"
#define FIELDS     ALL_FIELDS "rzZ0"

struct scan {
	int argc;
	char **argv;
	int word;
	size_t at; /* in the word; 0: it is yet to begin */
	int back_word;
	size_t back_at; /* where the value begins, to be looked at again */
	char sign;      /* '-' or '+' */
	char letter;
	char *value; /* what may be the option's value, or NULL */
};

static bool is_sign(char c)
{
	return c == '-' || c == '+';
}

/* The value, or NULL: what stands there are options, to be looked at next. */
static char *optional_value(struct scan *scan)
{
	if (!scan->value || !is_sign(*scan->value))
		return scan->value;
	scan->word = scan->back_word;
	scan->at = scan->back_at;
	return NULL;
}

/*
 * The digits that the value begins with; what follows them are options again. False: there are
 * none.
 */
static bool optional_number(struct scan *scan, uint32_t *ret)
{
	const char *value = optional_value(scan);
	size_t n = value ? strspn(value, "0123456789") : 0;

	if (!value)
		return false;
	if (n)
		*ret = (uint32_t)strtoul(value, NULL, 10);
	if (value[n]) {
		scan->word = scan->back_word;
		scan->at = scan->back_at + n;
	}
	return n > 0;
}

static int take_command(struct lsof *lsof, struct scan *scan)
{
	if (scan->sign == '-')
		return lsof_add_command(lsof, scan->value);
	if (!optional_value(scan) || *scan->value < '0' || *scan->value > '9') {
		lsof_complain(lsof, "+c not followed by width number: %s",
			      scan->value ? scan->value : "");
		return 0;
	}
	lsof->command_width = (uint32_t)strtoul(scan->value, NULL, 10);
	if (lsof->command_width > COMMAND_MAX)
		lsof_complain(lsof, "+c %u > what system provides (%d)", lsof->command_width,
			      COMMAND_MAX);
	return 0;
}

static int take_fds(struct lsof *lsof, struct scan *scan)
{
	if (scan->sign == '-')
		return lsof_add_fds(lsof, scan->value);
	lsof_refuse(lsof, "directories (+d)");
	return 0;
}

static int take_tree(struct lsof *lsof, struct scan *scan)
{
	if (scan->sign == '+')
		lsof_refuse(lsof, "directories (+D)");
	else
		lsof_complain(lsof, "unsupported option: -D");
	return 0;
}

static int take_exempt(struct lsof *lsof, struct scan *scan)
{
	if (!scan->value || *scan->value != '/')
		lsof_complain(lsof, "-e not followed by a file system path: \"%s\"",
			      scan->value ? scan->value : "");
	return 0;
}

static int take_flags(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	for (; value && *value; value++) {
		if (!strchr("gG", *value))
			lsof_complain(lsof, "unknown file struct option: %c", *value);
		else if (scan->sign == '-')
			lsof->flags = LSOF_FLAGS_NONE;
		else
			lsof->flags = *value == 'G' ? LSOF_FLAGS_HEX : LSOF_FLAGS_NAMES;
	}
	return 0;
}

static void choose_field(struct lsof *lsof, char letter)
{
	lsof->fields[(unsigned char)letter] = true;
	switch (letter) {
	case 'g':
		lsof->tells_group = true;
		break;
	case 'G':
		lsof->flags = LSOF_FLAGS_HEX;
		break;
	case 'k':
		lsof->tells_links = true;
		break;
	case 'R':
		lsof->tells_parent = true;
		break;
	case 'T':
		lsof->tell = LSOF_TELL_ALL;
		break;
	default:
		break;
	}
}

static int take_fields(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	if (value && strcmp(value, "?") == 0) {
		lsof->wants_fields_help = true;
		return 0;
	}
	lsof->has_fields = true;
	if (!value || strcmp(value, "0") == 0)
		for (const char *letter = ALL_FIELDS; *letter; letter++)
			choose_field(lsof, *letter);
	for (; value && *value; value++) {
		if (!strchr(FIELDS, *value))
			lsof_complain(lsof, "unknown field: %c", *value);
		else if (*value == '0')
			lsof->terminator = '\0';
		else
			choose_field(lsof, *value);
		if (*value == 'o')
			lsof->tells_offset = true;
	}
	return 0;
}

static int take_groups(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	lsof->tells_group = true;
	return value ? lsof_add_ids(lsof, &lsof->groups, "process group", "PG", value) : 0;
}

static int take_address(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	if (value)
		return lsof_add_address(lsof, value);
	lsof->has_net = true;
	lsof->net_version = 0;
	return 0;
}

static int take_tasks(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	if (!value) {
		lsof->ignores_tasks = false;
		lsof->criteria |= LSOF_TASK;
	} else if (strcasecmp(value, "i") == 0) {
		lsof->ignores_tasks = true;
		lsof->criteria &= ~(uint32_t)LSOF_TASK;
	} else {
		lsof_complain(lsof, "-K not followed by i (but by %s)", value);
	}
	return 0;
}

static int take_links(struct lsof *lsof, struct scan *scan)
{
	uint32_t number;

	lsof->tells_links = scan->sign == '+';
	if (!optional_number(scan, &number))
		return 0;
	if (scan->sign == '+')
		lsof_refuse(lsof, "files by their links (+L)");
	else
		lsof_complain(lsof, "no number may follow -L");
	return 0;
}

static int take_mounts(struct lsof *lsof, struct scan *scan)
{
	if (scan->sign == '+')
		lsof_refuse(lsof, "mounts (+m)");
	else
		lsof_complain(lsof, "-m not supported");
	return 0;
}

static int take_pids(struct lsof *lsof, struct scan *scan)
{
	return lsof_add_ids(lsof, &lsof->pids, "process", "P", scan->value);
}

static int take_offset(struct lsof *lsof, struct scan *scan)
{
	uint32_t digits;

	/* An offset of a socket is 0, whatever digits it may have. */
	if (!optional_number(scan, &digits))
		lsof->tells_offset = true;
	return 0;
}

static void check_marker(struct lsof *lsof)
{
	char text[1024];
	time_t now = time(NULL);
	struct tm tm;

	if (!*lsof->marker || !localtime_r(&now, &tm) ||
	    !strftime(text, sizeof(text), lsof->marker, &tm))
		lsof_complain(lsof, "illegal <fmt>: \"%s\"", lsof->marker);
}

/* [SECONDS][cCOUNT][mFORMAT] */
static int take_repeat(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);
	size_t n = value ? strspn(value, "0123456789") : 0;
	char *at;

	lsof->ends_when_empty |= scan->sign == '+';
	lsof->repeat_seconds = n ? (uint32_t)strtoul(value, NULL, 10) : REPEAT_SECONDS;
	if (!value)
		return 0;
	at = scan->value + n;
	at += strspn(at, " ");
	if (*at == 'c')
		lsof->repeat_count = (uint32_t)strtoul(at + 1, &at, 10);
	if (*at == 'm') {
		lsof->marker = at + 1;
		check_marker(lsof);
	} else if (*at) {
		scan->word = scan->back_word;
		scan->at = scan->back_at + n;
	}
	return 0;
}

static int take_states(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	if (value)
		return lsof_add_states(lsof, value);
	lsof->tells_size = true;
	return 0;
}

static int take_timeout(struct lsof *lsof, struct scan *scan)
{
	uint32_t seconds;

	/* Nothing that is done here can block, so that nothing is to be given up. */
	(void)lsof;
	(void)optional_number(scan, &seconds);
	return 0;
}

static int take_tell(struct lsof *lsof, struct scan *scan)
{
	const char *value = optional_value(scan);

	lsof->tell = !value && scan->sign == '+' ? LSOF_TELL_STATE : 0;
	for (; value && *value; value++) {
		if (*value == 'f')
			lsof->tell |= LSOF_TELL_FLAGS;
		else if (*value == 'q')
			lsof->tell |= LSOF_TELL_QUEUES;
		else if (*value == 's')
			lsof->tell |= LSOF_TELL_STATE;
		else
			lsof_complain(lsof, "unsupported TCP/TPI info selection: %c", *value);
	}
	return 0;
}

static int take_users(struct lsof *lsof, struct scan *scan)
{
	return lsof_add_users(lsof, scan->value);
}

static int take_crossing(struct lsof *lsof, struct scan *scan)
{
	(void)optional_value(scan);
	lsof_complain(lsof, "-x must accompany +d or +D");
	return 0;
}

static int take_switch(struct lsof *lsof, struct scan *scan)
{
	bool is_minus = scan->sign == '-';

	switch (scan->letter) {
	case 'a':
		lsof->is_and = true;
		break;
	case 'E':
		lsof_refuse(lsof, "the other ends of local sockets (-E)");
		break;
	case 'h':
	case '?':
		lsof->wants_help = true;
		break;
	case 'l':
		lsof->is_numeric_user = true;
		break;
	case 'M':
		if (!is_minus)
			lsof_refuse(lsof, "the port mapper's names (+M)");
		break;
	case 'n':
		lsof->is_numeric_host = is_minus;
		break;
	case 'N':
		lsof_refuse(lsof, "files of NFS (-N)");
		break;
	case 'P':
		lsof->is_numeric_port = is_minus;
		break;
	case 'Q':
		lsof->is_content = true;
		break;
	case 'R':
		lsof->tells_parent = true;
		break;
	case 't':
		lsof->is_terse = lsof->is_quiet = true;
		break;
	case 'U':
		lsof->criteria |= LSOF_UNIX;
		break;
	case 'v':
		lsof->wants_version = true;
		break;
	case 'V':
		lsof->is_verbose = true;
		break;
	case 'w':
		lsof->is_quiet = is_minus;
		break;
	case 'X':
		lsof->is_unidentified = !lsof->is_unidentified;
		break;
	default: /* -b -O: nothing here blocks, or forks */
		break;
	}
	return 0;
}

static int take_context(struct lsof *lsof, struct scan *scan)
{
	(void)optional_value(scan);
	lsof_refuse(lsof, "SELinux contexts (-Z)");
	return 0;
}

static const struct option {
	char letter;
	bool has_value;
	int (*take)(struct lsof *lsof, struct scan *scan);
} options[] = {
	{ '?', false, take_switch },  { 'a', false, take_switch }, { 'b', false, take_switch },
	{ 'c', true, take_command },  { 'D', true, take_tree },    { 'd', true, take_fds },
	{ 'e', true, take_exempt },   { 'E', false, take_switch }, { 'f', true, take_flags },
	{ 'F', true, take_fields },   { 'g', true, take_groups },  { 'h', false, take_switch },
	{ 'i', true, take_address },  { 'K', true, take_tasks },   { 'l', false, take_switch },
	{ 'L', true, take_links },    { 'm', true, take_mounts },  { 'M', false, take_switch },
	{ 'n', false, take_switch },  { 'N', false, take_switch }, { 'o', true, take_offset },
	{ 'O', false, take_switch },  { 'p', true, take_pids },    { 'P', false, take_switch },
	{ 'Q', false, take_switch },  { 'r', true, take_repeat },  { 'R', false, take_switch },
	{ 's', true, take_states },   { 'S', true, take_timeout }, { 't', false, take_switch },
	{ 'T', true, take_tell },     { 'u', true, take_users },   { 'U', false, take_switch },
	{ 'v', false, take_switch },  { 'V', false, take_switch }, { 'w', false, take_switch },
	{ 'x', true, take_crossing }, { 'X', false, take_switch }, { 'Z', true, take_context },
};

static const struct option *find_option(char letter)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static void end_letter(struct scan *scan)
{
	if (!scan->argv[scan->word][++scan->at]) {
		scan->word++;
		scan->at = 0;
	}
}

static void find_value(struct scan *scan)
{
	char *rest = scan->argv[scan->word] + scan->at + 1;

	scan->value = NULL;
	if (*rest) {
		scan->back_word = scan->word++;
		scan->back_at = scan->at + 1;
		scan->value = rest;
	} else if (++scan->word < scan->argc && strcmp(scan->argv[scan->word], "--") != 0) {
		scan->back_word = scan->word;
		scan->back_at = 0;
		scan->value = scan->argv[scan->word++];
	}
	scan->at = 0;
}

/* One letter of the options; false behind the last. */
static bool next_letter(struct scan *scan)
{
	const char *word = scan->word < scan->argc ? scan->argv[scan->word] : "";

	if (scan->at == 0) {
		if (!is_sign(word[0]) || !word[1])
			return false;
		if (strcmp(word, "--") == 0 || strcmp(word, "++") == 0) {
			scan->word++;
			return false;
		}
		scan->sign = word[0];
		scan->at = 1;
	}
	scan->letter = word[scan->at];
	return true;
}

static int scan_options(struct lsof *lsof, struct scan *scan)
{
	int r = 0;

	while (r == 0 && next_letter(scan)) {
		const struct option *option = find_option(scan->letter);

		if (!option) {
			if (scan->letter == ':')
				lsof_complain(lsof, "colon is an illegal option character.");
			else
				lsof_complain(lsof, "illegal option character: %c", scan->letter);
			end_letter(scan);
			continue;
		}
		if (option->has_value)
			find_value(scan);
		else
			end_letter(scan);
		r = option->take(lsof, scan);
	}
	for (int i = scan->word; r == 0 && i < scan->argc; i++)
		if (access(scan->argv[i], F_OK) < 0 && errno == ENOENT)
			lsof_complain(lsof, "status error on %s: %s", scan->argv[i],
				      strerror(errno));
	if (r == 0 && scan->word < scan->argc)
		lsof_refuse(lsof, "files by their names");
	return r;
}

int lsof_parse(struct lsof *lsof, int argc, char **argv)
{
	struct scan scan = { .argc = 1 };
	const char *truth = getenv("HARK_TRUTH");
	bool has_ended = false;
	int r;

	lsof->is_truth = truth && strcmp(truth, "1") == 0;
	lsof->command_width = COMMAND_WIDTH;
	lsof->tell = LSOF_TELL_STATE;
	lsof->terminator = '\n';
	/* Ours is taken out first. lsof would not know it. */
	scan.argv = arena_alloc(&lsof->arena, ((size_t)argc + 1) * sizeof(*argv));
	if (!scan.argv)
		return -ENOMEM;
	for (int i = 1; i < argc; i++) {
		has_ended |= strcmp(argv[i], "--") == 0;
		if (!has_ended && strcmp(argv[i], "--truth") == 0)
			lsof->is_truth = true;
		else
			scan.argv[scan.argc++] = argv[i];
	}
	scan.word = 1;
	r = scan_options(lsof, &scan);
	if (lsof->is_truth)
		lsof->command_width = 0;
	if (r == 0)
		lsof_check(lsof);
	return r;
}
