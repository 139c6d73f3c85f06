/* SPDX-License-Identifier: MIT */
/* Whether the options go together, and what they come to. */
#include "lsof.h"

#include <string.h>

void lsof_refuse(struct lsof *lsof, const char *what)
{
	if (!lsof->refused)
		lsof->refused = what;
}

static void check_commands(struct lsof *lsof)
{
	for (uint32_t i = 0; i < lsof->commands.n; i++) {
		const struct lsof_command *a = &lsof->commands.items[i], *b;

		for (uint32_t k = 0; k < lsof->commands.n && a->is_excluded; k++) {
			b = &lsof->commands.items[k];
			if (!b->is_excluded && !b->is_regex && strcmp(a->text, b->text) == 0)
				lsof_complain(lsof, "-c^%s and -c%s conflict.", a->text, b->text);
		}
	}
}

static void check_fields(struct lsof *lsof)
{
	if (lsof->is_terse)
		lsof_complain(lsof, "-F and -t are mutually exclusive");
	for (const char *at = lsof->marker; at && (at = strchr(at, '%')) && at[1]; at += 2)
		if (at[1] == 'n') {
			lsof_complain(lsof,
				      "%%n illegal in -r m<fmt> when -F has been specified: \"%s\"",
				      lsof->marker);
			break;
		}
}

static void choose_criteria(struct lsof *lsof)
{
	for (uint32_t i = 0; i < lsof->commands.n; i++)
		if (!lsof->commands.items[i].is_excluded)
			lsof->criteria |= LSOF_COMMAND;
	if (lsof->fds.n)
		lsof->criteria |= LSOF_FD;
	if (lsof->has_net)
		lsof->criteria |= LSOF_NET;
	if (lsof->pids.n_included)
		lsof->criteria |= LSOF_PID;
	if (lsof->groups.n_included)
		lsof->criteria |= LSOF_GROUP;
	if (lsof->users.n_included)
		lsof->criteria |= LSOF_USER;
	if (lsof->addresses.n)
		lsof->criteria |= LSOF_ADDRESS;
}

void lsof_check(struct lsof *lsof)
{
	check_commands(lsof);
	if (lsof->tells_size && lsof->tells_offset)
		lsof_complain(lsof, "-o and -s are mutually exclusive");
	if (lsof->has_fields)
		check_fields(lsof);
	choose_criteria(lsof);
	if (lsof->has_failed || lsof->refused)
		return;
	if (!lsof->criteria && lsof->is_and)
		lsof_complain(lsof, "no select options to AND via -a");
	else if (lsof->is_unidentified && (lsof->has_net || lsof->addresses.n))
		lsof_complain(lsof, "-i is useless when -X is specified.");
	else if (!(lsof->criteria & LSOF_OF_SOCKETS))
		lsof_refuse(lsof,
			    "all files of processes; add -i or -U, and -a where there is a choice");
	else if (!lsof->is_and && lsof->criteria & ~LSOF_OF_SOCKETS)
		lsof_refuse(lsof, "all files of processes; add -a, for sockets of theirs alone");
}
