/* SPDX-License-Identifier: MIT */
/*
 * tcp wrappers: a library by which a program asks /etc/hosts.allow and /etc/hosts.deny about who
 * has connected already. Whether any rule there concerns the program is not followed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "rules.h"

bool wrappers_has_rules(struct hark_source *source)
{
	static const char *const paths[] = { "etc/hosts.allow", "etc/hosts.deny" };
	int root_fd = source->ops->open_root ? source->ops->open_root(source) : -1;
	bool has_rules = false;
	struct lines lines;
	char *line;

	for (int i = 0; i < 2 && root_fd >= 0 && !has_rules; i++) {
		if (lines_open(&lines, root_fd, paths[i]) < 0)
			continue;
		while (!has_rules && lines_next(&lines, &line) > 0) {
			line += strspn(line, " \t\r");
			has_rules = *line && *line != '#';
		}
		lines_close(&lines);
	}
	if (root_fd >= 0)
		close(root_fd);
	return has_rules;
}

enum hark_tristate wrappers_is_used(struct hark_source *source, uint32_t pid)
{
	enum hark_tristate is_used = HARK_NO;
	struct lines lines;
	char path[32], *line;
	int r;

	snprintf(path, sizeof(path), "%u/maps", pid);
	if (lines_open(&lines, source->proc_fd, path) < 0)
		return HARK_UNKNOWN;
	while ((r = lines_next(&lines, &line)) > 0 && is_used == HARK_NO)
		if (strstr(line, "/libwrap.so"))
			is_used = HARK_YES;
	lines_close(&lines);
	return r < 0 ? HARK_UNKNOWN : is_used;
}
