/* SPDX-License-Identifier: MIT */
/*
 * Which protocols have sockets at all: /proc/net/protocols counts them for the network namespace,
 * and one read of it spares a dozen dumps of what few hosts use (and the loading of a diag module
 * for it). MPTCP is left out, whose sockets the kernel does not count before Linux 6.3.
 */
#include <errno.h>
#include <string.h>

#include "collect.h"
#include "lines.h"
#include "text.h"

static const struct {
	const char *name; /* in the file */
	enum hark_protocol protocol;
} rare[] = {
	{ "UDP-Lite", HARK_PROTOCOL_UDPLITE }, { "UDPLITEv6", HARK_PROTOCOL_UDPLITE },
	{ "RAW", HARK_PROTOCOL_RAW },          { "RAWv6", HARK_PROTOCOL_RAW },
	{ "PING", HARK_PROTOCOL_ICMP },        { "PINGv6", HARK_PROTOCOL_ICMP },
	{ "SCTP", HARK_PROTOCOL_SCTP },        { "SCTPv6", HARK_PROTOCOL_SCTP },
	{ "DCCP", HARK_PROTOCOL_DCCP },        { "DCCPv6", HARK_PROTOCOL_DCCP },
};

#define N_RARE (sizeof(rare) / sizeof(rare[0]))

/* "RAWv6 1224 3 -1 NI 0 yes kernel ...": the protocol and how many sockets of it there are. */
static uint32_t take_line(char *line)
{
	char *save = NULL, *name = strtok_r(line, " ", &save), *size = strtok_r(NULL, " ", &save);
	char *sockets = strtok_r(NULL, " ", &save);
	uint64_t n;

	for (size_t i = 0; name && size && sockets && i < N_RARE; i++)
		if (!strcmp(rare[i].name, name) && (!text_to_u64(sockets, UINT64_MAX, &n) || n > 0))
			return 1u << rare[i].protocol;
	return 0;
}

uint32_t protocols_in_use(struct hark_source *source, uint32_t protocols)
{
	uint32_t counted = 0, in_use = 0;
	struct lines lines;
	char *line;
	int r;

	for (size_t i = 0; i < N_RARE; i++)
		counted |= 1u << rare[i].protocol;
	if (!(protocols & counted) ||
	    lines_open(&lines, source_net_fd(source), "net/protocols") < 0)
		return protocols;
	/* A file without its head line is none that we know. */
	r = lines_next(&lines, &line);
	if (r == 1 && strncmp(line, "protocol ", strlen("protocol ")))
		r = -EBADMSG;
	while (r == 1) {
		r = lines_next(&lines, &line);
		if (r == 1)
			in_use |= take_line(line);
	}
	lines_close(&lines);
	return r < 0 ? protocols : protocols & (~counted | in_use);
}
