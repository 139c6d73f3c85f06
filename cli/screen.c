/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What the terminal said, or 80 columns as of old. */
static unsigned int width_of(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static bool wants_color(const struct options *options, bool is_terminal)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (options->color != WHEN_AUTO)
		return options->color == WHEN_ALWAYS;
	return is_terminal && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

/* By the name: a locale that a terminal far away uses need not exist here, nor be loaded. */
static bool is_utf8(void)
{
	static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *name = getenv(variables[i]);

		if (name && *name)
			return strcasestr(name, "utf-8") || strcasestr(name, "utf8");
	}
	return false;
}

struct render_options screen_options(int fd, const struct options *options)
{
	bool is_terminal = isatty(fd);

	return (struct render_options){
		.width = is_terminal ? width_of(fd) : 0,
		.color = wants_color(options, is_terminal),
		.utf8 = is_utf8(),
		.no_header = options->no_header,
		.evidence = options->evidence,
		.all_states = options->all_states,
		.summary = is_terminal && !options->no_header,
		.debug_notes = options->debug,
	};
}
