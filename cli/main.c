/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "escape.h"
#include "options.h"

static const struct command commands[] = {
	{ "list", list_run, NULL, FOR_LIST, "[OPTIONS] [SELECTOR...]",
	  "the listeners of this host, and who answers what" },
	{ "explain", explain_run, NULL, FOR_EXPLAIN, "[OPTIONS] SELECTOR...",
	  "why a port is, or is not, reachable, in plain words" },
	{ "exposed", exposed_run, NULL, FOR_EXPOSED, "[OPTIONS] [SELECTOR...]",
	  "what other hosts can reach through this host's firewall, worst first" },
	{ "reach", reach_run, NULL, FOR_REACH, "[OPTIONS] FROM",
	  "what an address, a prefix, or an interface's callers get through to here" },
	{ "probe", probe_run, NULL, FOR_PROBE, "[OPTIONS] [tcp|udp] [ADDRESS:]PORT...",
	  "really connect or send, and show who got it and what was on the wire" },
	{ "bind", bind_run, NULL, FOR_BIND, "[tcp|udp] [OPTIONS] ADDRESS:PORT",
	  "whether a program could bind that now; if not, what is in the way" },
	{ "wait", wait_run, NULL, FOR_WAIT, "[OPTIONS] SELECTOR... [-- COMMAND...]",
	  "return when it answers, or no longer does; then run a command" },
	{ "demo", demo_run, NULL, FOR_DEMO, "",
	  "the riddle that hark was made for, with real sockets, and solved" },
	{ "help", help_run, NULL, FOR_HELP, "[COMMAND]", "help on a command" },
	{ "version", version_run, NULL, FOR_VERSION, "", "the version" },
	{ .name = "netstat",
	  .personality = netstat_main,
	  .help = "sockets as netstat shows them, by netstat's options" },
	{ .name = "lsof",
	  .personality = lsof_main,
	  .help = "open sockets as lsof shows them, by lsof's options" },
	/* Names that no version may take for those of processes. */
	{ .name = "top" },
	{ .name = "watch" },
	{ .name = "kill" },
	{ .name = "ss" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

const struct command *command_at(size_t i)
{
	return i < N_COMMANDS ? &commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	escape_complaint("hark", format, args);
	va_end(args);
}

int status_of_writing(int error)
{
	if (error == 0)
		return STATUS_MATCHED;
	complain("cannot write the answer: %s", strerror(-error));
	return STATUS_FAILED;
}

/*
 * A file that we open must never become standard output: with it closed, that would be a netlink
 * socket. Reading alone is allowed on what takes its place, so that writing to it fails as it
 * should.
 */
static void open_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* The program that we are to be: by the name that we were called by, or by the first word. */
static const struct command *find_personality(const char *word)
{
	const char *slash = strrchr(word, '/');
	const struct command *command = command_find(slash ? slash + 1 : word);

	return command && command->personality ? command : NULL;
}

int main(int argc, char **argv)
{
	const struct command *personality;
	struct options options;
	struct hark_error error;

	open_standard_files();
	/* A reader that went away (`hark | head -1`) is nobody's error, whoever started us. */
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 2 && i < argc; i++) {
		personality = find_personality(argv[i]);
		if (personality)
			return personality->personality(argc - i, argv + i);
	}
	if (options_parse(argc, argv, &options, &error) < 0) {
		complain("%s", error.text);
		return STATUS_USAGE;
	}
	if (options.command->personality) {
		complain("%s has options of its own, and comes first: hark %s ...",
			 options.command->name, options.command->name);
		return STATUS_USAGE;
	}
	if (!options.command->run) {
		complain("this version has no command \"%s\" (a process of that name: command=%s)",
			 options.command->name, options.command->name);
		return STATUS_USAGE;
	}
	if (options.version)
		return version_run(&options);
	if (options.help)
		return help_print(options.is_command_named ? options.command : NULL);
	return options.command->run(&options);
}
