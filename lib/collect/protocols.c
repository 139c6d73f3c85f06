/* SPDX-License-Identifier: MIT */
/*
 * Which tables have sockets at all: /proc/net/protocols counts them for the network namespace, and
 * one read of it spares a dozen dumps of what few hosts use (and the loading of a diag module for
 * it), and where a namespace has no UDP sockets of a family the walk through all of the host's.
 * MPTCP is left out, whose sockets the kernel does not count before Linux 6.3; and TCP, whose
 * families are dumped at once.
 */
#include <errno.h>
#include <string.h>

#include "collect.h"
#include "lines.h"
#include "text.h"

#define BOTH(protocol) \
	(TABLE_OF(protocol, HARK_FAMILY_INET) | TABLE_OF(protocol, HARK_FAMILY_INET6))

static const struct {
	const char *name; /* in the file */
	uint32_t table;
	bool is_everywhere; /* where no line says that there is none, there may be some */
} counted[] = {
#define COUNTED(name, protocol, family)                                               \
	{                                                                             \
		name, TABLE_OF(HARK_PROTOCOL_##protocol, HARK_FAMILY_##family), false \
	}
	{ "UDP", TABLE_OF(HARK_PROTOCOL_UDP, HARK_FAMILY_INET), true },
	{ "UDPv6", TABLE_OF(HARK_PROTOCOL_UDP, HARK_FAMILY_INET6), true },
	COUNTED("UDP-Lite", UDPLITE, INET),
	COUNTED("UDPLITEv6", UDPLITE, INET6),
	COUNTED("RAW", RAW, INET),
	COUNTED("RAWv6", RAW, INET6),
	COUNTED("PING", ICMP, INET),
	COUNTED("PINGv6", ICMP, INET6),
	{ "SCTP", BOTH(HARK_PROTOCOL_SCTP), false },
	{ "SCTPv6", BOTH(HARK_PROTOCOL_SCTP), false }, /* /proc/net/sctp/eps goes by the address */
	COUNTED("DCCP", DCCP, INET),
	COUNTED("DCCPv6", DCCP, INET6),
#undef COUNTED
};

#define N_COUNTED (sizeof(counted) / sizeof(counted[0]))

/* "RAWv6 1224 3 -1 NI 0 yes kernel ...": the table, and whether there are sockets in it. */
static void take_line(char *line, uint32_t *in_use, uint32_t *present)
{
	char *save = NULL, *name = strtok_r(line, " ", &save), *size = strtok_r(NULL, " ", &save);
	char *sockets = strtok_r(NULL, " ", &save);
	uint64_t n;

	for (size_t i = 0; name && size && sockets && i < N_COUNTED; i++) {
		if (strcmp(counted[i].name, name))
			continue;
		*present |= counted[i].table;
		if (!text_to_u64(sockets, UINT64_MAX, &n) || n > 0)
			*in_use |= counted[i].table;
		else if (counted[i].is_everywhere)
			*in_use &= ~counted[i].table;
	}
}

static uint32_t protocols_without(uint32_t present)
{
	uint32_t absent = 0;

	for (size_t i = 0; i < N_COUNTED; i++)
		for (unsigned int protocol = 0; protocol < HARK_PROTOCOL_N_; protocol++)
			if (counted[i].table & BOTH(protocol) && !(present & BOTH(protocol)))
				absent |= 1u << protocol;
	return absent;
}

uint32_t tables_in_use(struct hark_source *source, uint32_t *ret_absent)
{
	uint32_t in_use = UINT32_MAX, present = 0;
	struct lines lines;
	char *line;
	int r;

	*ret_absent = 0;
	if (lines_open(&lines, source_net_fd(source), "net/protocols") < 0)
		return in_use;
	/* A file without its head line is none that we know. */
	r = lines_next(&lines, &line);
	if (r < 1 || strncmp(line, "protocol ", strlen("protocol ")))
		r = -EBADMSG;
	for (size_t i = 0; i < N_COUNTED; i++)
		if (!counted[i].is_everywhere)
			in_use &= ~counted[i].table;
	while (r == 1) {
		r = lines_next(&lines, &line);
		if (r == 1)
			take_line(line, &in_use, &present);
	}
	lines_close(&lines);
	*ret_absent = r < 0 ? 0 : protocols_without(present);
	return r < 0 ? UINT32_MAX : in_use;
}
