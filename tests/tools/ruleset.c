/* SPDX-License-Identifier: MIT */
/*
 * ruleset [DIRECTORY]: tells what is read of nf_tables in the current network namespace, a line for
 * each thing. With a directory, what the kernel said is kept there, in "netlink", and that it was
 * read, in "text".
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "describe_ruleset.h"
#include "fixture.h"
#include "record.h"
#include "rules.h"

int main(int argc, char **argv)
{
	struct recording recording = { 0 };
	struct ruleset *ruleset = ruleset_new();
	struct hark_source live;
	struct recorder recorder;
	bool interrupted;
	int dir_fd, r;
	char *text;

	source_open_live(&live);
	recorder_init(&recorder, &live, &recording);
	r = nftables_read(argc > 1 ? &recorder.source : &live, ruleset, &interrupted);
	if (r < 0 || interrupted)
		errx(1, "%s", r < 0 ? strerror(-r) : "interrupted");
	text = describe_ruleset(ruleset);
	fputs(text, stdout);
	if (argc > 1) {
		if (mkdir(argv[1], 0777) < 0 && errno != EEXIST)
			err(1, "%s", argv[1]);
		dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir_fd < 0 || recording_save(&recording, dir_fd, "netlink") < 0)
			errx(1, "%s", argv[1]);
		fixture_write(dir_fd, "text", text);
	}
	free(text);
	ruleset_free(ruleset);
	recorder_fini(&recorder);
	recording_fini(&recording);
	source_close_live(&live);
	return 0;
}
