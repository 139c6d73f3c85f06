/* SPDX-License-Identifier: MIT */
/*
 * What a network namespace lets be bound: the switches of ports and addresses, the IPv6 addresses
 * with their flags (a tentative one is listed and may not be bound), and whether this process may
 * bind privileged ports.
 *
 * For that CAP_NET_BIND_SERVICE must be held over the user namespace that owns the network
 * namespace (net/ipv4/af_inet.c, __inet_bind()): root in a container's own user namespace has it in
 * vain where the network is the host's. NS_GET_USERNS tells the owner to those alone who stand in
 * it, or above it, which is when the capability counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "addressbook.h"
#include "collect.h"
#include "lines.h"
#include "text.h"

/* Reads one or two numbers; what cannot be read stays as it is. */
static void read_numbers(struct hark_source *source, const char *path, uint32_t *first,
			 uint32_t *second)
{
	uint32_t *const to[] = { first, second };
	char text[64];
	const char *next = text;
	uint64_t value;

	if (source_read_file(source->proc_fd, path, text, sizeof(text)) < 0)
		return;
	for (size_t i = 0; i < 2 && to[i]; i++) {
		next += strspn(next, " \t");
		if (!text_take_u64(&next, 10, UINT16_MAX + 1u, &value))
			return;
		*to[i] = (uint32_t)value;
	}
}

static enum hark_tristate read_switch(struct hark_source *source, const char *path)
{
	uint32_t value = HARK_NONE;

	read_numbers(source, path, &value, NULL);
	return value == HARK_NONE ? HARK_UNKNOWN : value ? HARK_YES : HARK_NO;
}

/* A line of any length: a bitmap of 65,536 ports written as a list may take some. */
static int read_reserved(struct hark_source *source, struct hark_snapshot *snapshot)
{
	const char *path = "sys/net/ipv4/ip_local_reserved_ports";
	struct lines lines;
	char *line;
	int r = lines_open(&lines, source->proc_fd, path);

	if (r < 0)
		return 0;
	r = lines_next(&lines, &line);
	if (r >= 0)
		snapshot->ports->reserved = arena_strdup(&snapshot->arena, r ? line : "");
	r = r >= 0 && !snapshot->ports->reserved ? -ENOMEM : 0;
	lines_close(&lines);
	return r;
}

/* 1: it is in the effective set. */
static enum hark_tristate has_capability(struct hark_source *source, unsigned int capability)
{
	enum hark_tristate answer = HARK_UNKNOWN;
	struct lines lines;
	uint64_t set;
	char *line;

	if (lines_open(&lines, source->proc_fd, "self/status") < 0)
		return HARK_UNKNOWN;
	while (lines_next(&lines, &line) > 0) {
		const char *digits = line + strlen("CapEff:\t");

		if (strncmp(line, "CapEff:\t", strlen("CapEff:\t")) != 0)
			continue;
		if (text_take_u64(&digits, 16, UINT64_MAX, &set))
			answer = set & UINT64_C(1) << capability ? HARK_YES : HARK_NO;
		break;
	}
	lines_close(&lines);
	return answer;
}

/* Whether our capabilities count for the network namespace; unknown where nobody tells. */
static enum hark_tristate is_owner(struct hark_source *source)
{
	int fd = source->proc_fd < 0 ?
			 -1 :
			 openat(source->proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int owner, error;

	if (fd < 0)
		return HARK_UNKNOWN;
	owner = ioctl(fd, NS_GET_USERNS);
	error = owner < 0 ? errno : 0;
	close(fd);
	if (owner >= 0)
		close(owner);
	return error == 0 ? HARK_YES : error == EPERM ? HARK_NO : HARK_UNKNOWN;
}

static enum hark_tristate has_net_bind(struct hark_source *source)
{
	enum hark_tristate held = has_capability(source, CAP_NET_BIND_SERVICE);

	return held == HARK_YES ? is_owner(source) : held;
}

static int read_ipv6_addresses(struct hark_source *source, struct hark_snapshot *snapshot)
{
	ARRAY(struct hark_ipv6_address) found = { 0 };
	struct hark_ipv6_address address, *kept;
	struct lines lines;
	const char *name;
	char *line;
	int r = lines_open(&lines, source_net_fd(source), "net/if_inet6");

	if (r < 0) {
		snapshot->ports->ipv6_presence = r == -ENOENT ? HARK_ABSENT : HARK_DENIED;
		return 0;
	}
	while ((r = lines_next(&lines, &line)) > 0) {
		if (!if_inet6_parse(line, &address, &name) || found.n >= ROWS_MAX)
			continue;
		kept = array_push(&found);
		r = kept ? 0 : -ENOMEM;
		if (r < 0)
			break;
		*kept = address;
	}
	lines_close(&lines);
	snapshot->ports->ipv6_presence = r == 0 ? HARK_KNOWN : HARK_UNSUPPORTED;
	snapshot->ports->ipv6 = arena_alloc(&snapshot->arena, (found.n + 1) * sizeof(address));
	if (snapshot->ports->ipv6 && found.n)
		memcpy((void *)snapshot->ports->ipv6, found.items, found.n * sizeof(address));
	snapshot->ports->n_ipv6 = snapshot->ports->ipv6 ? found.n : 0;
	array_fini(&found);
	return r == -ENOMEM || !snapshot->ports->ipv6 ? -ENOMEM : 0;
}

int collect_ports(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct hark_port_settings *ports = arena_alloc(&snapshot->arena, sizeof(*ports));
	int r;

	if (!ports)
		return -ENOMEM;
	snapshot->ports = ports;
	ports->unprivileged_start = ports->ephemeral_first = ports->ephemeral_last = HARK_NONE;
	read_numbers(source, "sys/net/ipv4/ip_unprivileged_port_start", &ports->unprivileged_start,
		     NULL);
	read_numbers(source, "sys/net/ipv4/ip_local_port_range", &ports->ephemeral_first,
		     &ports->ephemeral_last);
	ports->nonlocal[HARK_FAMILY_INET] = read_switch(source, "sys/net/ipv4/ip_nonlocal_bind");
	ports->nonlocal[HARK_FAMILY_INET6] = read_switch(source, "sys/net/ipv6/ip_nonlocal_bind");
	ports->has_net_bind = has_net_bind(source);
	r = read_reserved(source, snapshot);
	return r < 0 ? r : read_ipv6_addresses(source, snapshot);
}
