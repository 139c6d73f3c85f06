/* SPDX-License-Identifier: MIT */
/* What hark tells about itself. */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "out.h"
#include "suggest.h"

static const char selectors[] =
	"Selectors, all of which must match (a comma inside one means \"or\"):\n"
	"  80  :80  8000-8999  80/tcp   local or remote port\n"
	"  tcp  udp  tcp46  listen  established\n"
	"                               protocol, label (families that it answers), state\n"
	"  10.0.0.7  10.0.0.0/8  [::1]:80\n"
	"                               who answers there, or is connected from or to there\n"
	"  nginx  'python3*'            command of a holder; ssh: or the port of that service\n"
	"  pid=1  user=root  unit=ssh  container=NAME  pod=NAME  dev=eth0  netns=NAME\n"
	"  inode=N  cookie=HEX          and to be explicit: port= proto= state= address= command=\n";

static const char statuses[] =
	"Exit status: 0 matched, answered, can be bound; 1 not, or not in time; 2 usage; 3 unreadable\n";

static void write_padded(struct out *out, const char *text, size_t width)
{
	out_text(out, text);
	out_pad(out, strlen(text) < width ? width - strlen(text) : 1);
}

static void write_options(struct out *out, unsigned int commands)
{
	const struct option_row *row;

	for (size_t i = 0; (row = option_at(i)); i++) {
		char text[40];
		const char *argument = row->argument ? row->argument : "";
		bool may_lack = argument[0] == '[';

		if (!(row->commands & commands))
			continue;
		snprintf(text, sizeof(text), "  %c%c%c --%s%s%s", row->short_name ? '-' : ' ',
			 row->short_name ? row->short_name : ' ', row->short_name ? ',' : ' ',
			 row->long_name,
			 may_lack  ? "[=" :
			 *argument ? " " :
				     "",
			 argument + may_lack);
		write_padded(out, text, 27);
		out_text(out, row->help);
		out_char(out, '\n');
	}
}

static void write_commands(struct out *out)
{
	const struct command *command;

	out_text(out, "Commands:\n");
	for (size_t i = 0; (command = command_at(i)); i++) {
		if (!command->help)
			continue;
		out_text(out, "  ");
		write_padded(out, command->name, 10);
		out_text(out, command->help);
		out_char(out, '\n');
	}
}

int help_print(const struct command *command)
{
	const struct command *list = command_find("list");
	struct out out;
	int r;

	out_init(&out, STDOUT_FILENO);
	if (!command) {
		out_text(
			&out,
			"hark tells who listens on this host, and on which addresses each really answers.\n\n"
			"hark [COMMAND] [OPTIONS] [SELECTOR...]      (no command: list)\n\n");
		write_commands(&out);
		command = list;
	} else {
		out_text(&out, "hark ");
		out_text(&out, command->name);
		out_text(&out, *command->arguments ? " " : "");
		out_text(&out, command->arguments);
		out_char(&out, '\n');
		out_text(&out, command->help);
		out_char(&out, '\n');
	}
	if (command->bit & (FOR_LIST | FOR_EXPLAIN | FOR_WAIT | FOR_EXPOSED)) {
		out_char(&out, '\n');
		out_text(&out, selectors);
	}
	out_text(&out, "\nOptions:\n");
	write_options(&out, command->bit);
	out_char(&out, '\n');
	out_text(&out, statuses);
	r = out_flush(&out);
	out_fini(&out);
	return status_of_writing(r);
}

int help_run(const struct options *options)
{
	struct suggestion suggestion = { .word = options->n_words ? options->words[0] : "" };
	const struct command *command = options->n_words ? command_find(options->words[0]) : NULL;

	if (command && command->personality)
		return command->personality(2, (char *[]){ options->words[0], (char[]){ "--help" },
							   NULL });
	if (!options->n_words || (command && command->run))
		return help_print(command);
	for (size_t i = 0; (command = command_at(i)); i++)
		if (command->help)
			suggest_offer(&suggestion, command->name);
	if (suggestion.best)
		complain("there is no command \"%s\": did you mean \"%s\"?", suggestion.word,
			 suggestion.best);
	else
		complain("there is no command \"%s\"", suggestion.word);
	return STATUS_USAGE;
}

int version_run(const struct options *options)
{
	struct out out;
	int r;

	(void)options;
	out_init(&out, STDOUT_FILENO);
	out_text(&out, "hark " HARK_VERSION "\n");
	r = out_flush(&out);
	out_fini(&out);
	return status_of_writing(r);
}
