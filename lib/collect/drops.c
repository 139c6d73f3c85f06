/* SPDX-License-Identifier: MIT */
/*
 * How often connections found a backlog full, by /proc/net/netstat: pairs of lines, names and then
 * values, in the order of the kernel that runs (net/ipv4/proc.c: netstat_seq_show()).
 */
#include <string.h>

#include "collect.h"
#include "lines.h"
#include "text.h"

#define PREFIX   "TcpExt: "
#define MAX_LINE 8192 /* of names; Linux 6.18 has 2,600 bytes */

/* The value that stands where `name` does among the names. */
static bool find_value(const char *names, const char *values, const char *name, uint64_t *ret)
{
	size_t length = strlen(name);

	for (;;) {
		size_t n = strcspn(names, " ");

		if (n == length && !strncmp(names, name, n))
			return text_take_u64(&values, 10, UINT64_MAX, ret);
		values += strcspn(values, " ");
		if (!names[n] || !*values)
			return false;
		names += n + 1;
		values++;
	}
}

static void take_lines(struct lines *lines, struct hark_namespace *namespace)
{
	char names[MAX_LINE] = "", *line;

	while (lines_next(lines, &line) == 1) {
		if (strncmp(line, PREFIX, strlen(PREFIX)))
			continue;
		line += strlen(PREFIX);
		if (!*names) {
			strncpy(names, line, sizeof(names) - 1);
			continue;
		}
		if (find_value(names, line, "ListenOverflows", &namespace->listen_overflows) &&
		    find_value(names, line, "ListenDrops", &namespace->listen_drops))
		namespace->has_counters = true;
		return;
	}
}

void collect_drops(struct hark_source *source, struct hark_namespace *namespace)
{
	struct lines lines;

	if (lines_open(&lines, source_net_fd(source), "net/netstat") < 0)
		return;
	take_lines(&lines, namespace);
	lines_close(&lines);
}
