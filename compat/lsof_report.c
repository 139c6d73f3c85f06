/* SPDX-License-Identifier: MIT */
/* What was asked for and not found: the exit status, and with -V a line for each. */
#include "lsof.h"

#include <string.h>

struct report {
	const struct lsof *lsof;
	struct out *out;
	bool is_missing;
};

static void tell(struct report *report, const char *what, const char *text)
{
	report->is_missing = true;
	if (!report->lsof->is_verbose)
		return;
	lsof_text_put(report->out, report->lsof->name);
	out_text(report->out, what);
	lsof_text_put(report->out, text);
	out_char(report->out, '\n');
}

static void tell_number(struct report *report, const char *what, uint32_t number)
{
	report->is_missing = true;
	if (!report->lsof->is_verbose)
		return;
	lsof_text_put(report->out, report->lsof->name);
	out_text(report->out, what);
	out_u64(report->out, number);
	out_char(report->out, '\n');
}

/* Names that are to be left out are never found either: that is how lsof counts. */
static void check_commands(struct report *report)
{
	const struct lsof *lsof = report->lsof;

	for (uint32_t i = lsof->commands.n; i-- > 0;) {
		const struct lsof_command *command = &lsof->commands.items[i];

		if (!command->is_regex && !command->is_found)
			tell(report, ": command not located: ", command->text);
	}
	for (uint32_t i = 0; i < lsof->commands.n; i++) {
		const struct lsof_command *command = &lsof->commands.items[i];

		if (command->is_regex && !command->is_found)
			tell(report, ": no command found for regex: ", command->text);
	}
}

/* What was found for one is found for all that were given in the same words. */
static bool is_address_found(const struct lsof *lsof, const char *text)
{
	bool is_found = false;

	for (uint32_t i = 0; i < lsof->addresses.n; i++)
		is_found |= lsof->addresses.items[i].is_found &&
			    strcmp(lsof->addresses.items[i].text, text) == 0;
	return is_found;
}

static void check_addresses(struct report *report)
{
	const struct lsof *lsof = report->lsof;

	for (uint32_t i = lsof->addresses.n; i-- > 0;) {
		const char *text = lsof->addresses.items[i].text;
		bool is_told = false;

		for (uint32_t k = lsof->addresses.n; k-- > i + 1;)
			is_told |= strcmp(lsof->addresses.items[k].text, text) == 0;
		if (!is_told && !is_address_found(lsof, text))
			tell(report, ": Internet address not located: ", text);
	}
}

static void check_ids(struct report *report, const struct lsof_ids *ids, const char *what)
{
	for (uint32_t i = 0; i < ids->list.n; i++)
		if (!ids->list.items[i].is_found && !ids->list.items[i].is_excluded)
			tell_number(report, what, ids->list.items[i].id);
}

static void check_users(struct report *report)
{
	const struct lsof_ids *users = &report->lsof->users;

	for (uint32_t i = 0; i < users->list.n; i++) {
		const struct lsof_id *user = &users->list.items[i];
		char what[64];

		if (user->is_found || user->is_excluded)
			continue;
		snprintf(what, sizeof(what), ": login name (UID %u) not located: ", user->id);
		if (user->login)
			tell(report, what, user->login);
		else
			tell_number(report, ": user ID not located: ", user->id);
	}
}

static bool misses(const struct lsof_ids *ids)
{
	for (uint32_t i = 0; i < ids->list.n; i++)
		if (!ids->list.items[i].is_found && !ids->list.items[i].is_excluded)
			return true;
	return false;
}

bool lsof_misses_processes(const struct lsof *lsof)
{
	for (uint32_t i = 0; i < lsof->commands.n; i++)
		if (!lsof->commands.items[i].is_found && !lsof->commands.items[i].is_excluded)
			return true;
	return misses(&lsof->pids) || misses(&lsof->groups) || misses(&lsof->users);
}

int lsof_report(const struct lsof *lsof, struct out *out)
{
	struct report report = { .lsof = lsof, .out = out };

	check_commands(&report);
	check_addresses(&report);
	if (lsof->has_net && !lsof->is_net_found)
		tell(&report, ": no Internet files located", "");
	for (unsigned int i = 0; i < LSOF_N_STATES; i++)
		if (lsof->states[i] == LSOF_STATE_INCLUDED)
			tell(&report, ": TCP state not located: ", lsof_state_name(i));
	check_ids(&report, &lsof->pids, ": process ID not located: ");
	if (lsof->criteria & LSOF_TASK && !lsof->are_tasks_found)
		tell(&report, ": no tasks located", "");
	check_ids(&report, &lsof->groups, ": process group ID not located: ");
	check_users(&report);
	return report.is_missing && !lsof->is_content;
}
