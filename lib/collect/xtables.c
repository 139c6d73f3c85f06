/* SPDX-License-Identifier: MIT */
/*
 * ip_tables and ip6_tables: which tables there are, and the entries of each by getsockopt(), which
 * wants CAP_NET_ADMIN. (What nf_tables has by the same names is none of these.)
 */
#include "xtables.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

/* A table that is larger, of some hundred thousands of rules, is not read. */
#define SIZE_MAX_READ (64u << 20)
/* So often a table may change while it is read. */
#define ATTEMPTS 16

static_assert(sizeof(struct xtables_info) == sizeof(struct ipt_getinfo) &&
		      sizeof(struct xtables_info) == sizeof(struct ip6t_getinfo) &&
		      offsetof(struct xtables_info, size) == offsetof(struct ip6t_getinfo, size),
	      "getinfo differs");
static_assert((int)IPT_SO_GET_INFO == (int)IP6T_SO_GET_INFO &&
		      (int)IPT_SO_GET_ENTRIES == (int)IP6T_SO_GET_ENTRIES,
	      "options differ by family");

/* struct ipt_get_entries, which is struct ip6t_get_entries, too. */
struct entries {
	char name[XT_TABLE_MAXNAMELEN];
	uint32_t size;
	_Alignas(8) uint8_t bytes[];
};

static_assert(offsetof(struct entries, bytes) == sizeof(struct ipt_get_entries) &&
		      sizeof(struct entries) == sizeof(struct ip6t_get_entries),
	      "get_entries differs");

static int get_info(struct hark_source *source, int family, const char *name,
		    struct xtables_info *ret)
{
	uint32_t size = sizeof(*ret);
	int r;

	*ret = (struct xtables_info){ 0 };
	memcpy(ret->name, name, strnlen(name, sizeof(ret->name) - 1));
	r = source->ops->get_option(source, family, IPT_SO_GET_INFO, ret, &size);
	ret->name[sizeof(ret->name) - 1] = '\0';
	return r < 0 ? r : size == sizeof(*ret) ? 0 : -EBADMSG;
}

/*
 * The entries of a table as it was then, malloc'd. It may be replaced at any time: if by one of
 * another size, that is -EAGAIN; if by one as large, what was told of it before may not be true.
 */
static int get_entries(struct hark_source *source, int family, const struct xtables_info *info,
		       struct entries **ret)
{
	uint32_t wanted = (uint32_t)sizeof(struct entries) + info->size, size = wanted;
	struct entries *entries = calloc(1, wanted);
	struct xtables_info now;
	int r;

	if (!entries)
		return -ENOMEM;
	memcpy(entries->name, info->name, sizeof(entries->name));
	entries->size = info->size;
	r = source->ops->get_option(source, family, IPT_SO_GET_ENTRIES, entries, &size);
	if (r == 0 && size != wanted)
		r = -EBADMSG;
	if (r == 0)
		r = get_info(source, family, info->name, &now);
	if (r == 0 && memcmp(&now, info, sizeof(now)) != 0)
		r = -EAGAIN;
	if (r == 0)
		*ret = entries;
	else
		free(entries);
	return r;
}

static int read_table(struct hark_source *source, struct ruleset *ruleset, int family,
		      const char *name)
{
	struct entries *entries = NULL;
	struct xtables_info info;
	int r = -EAGAIN;

	for (unsigned int i = 0; i < ATTEMPTS && r == -EAGAIN; i++) {
		r = get_info(source, family, name, &info);
		if (r == 0 && info.size > SIZE_MAX_READ)
			r = -EFBIG;
		if (r == 0)
			r = get_entries(source, family, &info, &entries);
	}
	if (r == 0)
		r = xtables_add(ruleset, family == AF_INET ? RULE_FAMILY_IPV4 : RULE_FAMILY_IPV6,
				&info, entries->bytes);
	free(entries);
	return r;
}

/* Names, a line each; the kernel makes what is asked for, so only these are. */
static int read_tables(struct hark_source *source, struct ruleset *ruleset, int family, char *names)
{
	char *rest = names, *name;
	int r = 0;

	while (r == 0 && (name = strsep(&rest, "\n")))
		if (*name)
			r = read_table(source, ruleset, family, name);
	return r;
}

/* Without "net", as where /proc is not mounted or shows processes alone, nobody can tell. */
static uint8_t presence_without_names(const struct hark_source *source, int error)
{
	int fd = error == -ENOENT ? source_open_directory(source_net_fd(source), "net") : -1;

	if (fd < 0)
		return error == -EACCES || error == -EPERM ? HARK_DENIED : HARK_UNSUPPORTED;
	close(fd);
	return HARK_ABSENT;
}

static uint8_t presence_after(int error)
{
	return error == 0                          ? HARK_KNOWN :
	       error == -EPERM || error == -EACCES ? HARK_DENIED :
						     HARK_UNSUPPORTED;
}

static int read_family(struct hark_source *source, struct ruleset *ruleset, int family,
		       uint8_t *ret_presence)
{
	const char *path = family == AF_INET ? "net/ip_tables_names" : "net/ip6_tables_names";
	char names[4096];
	ssize_t length = source_read_file(source_net_fd(source), path, names, sizeof(names));
	int r;

	if (length < 0)
		*ret_presence = presence_without_names(source, (int)length);
	else if (length == 0)
		*ret_presence = HARK_ABSENT;
	if (length <= 0)
		return 0;
	r = !source->ops->get_option || (size_t)length == sizeof(names) - 1 ?
		    -EOPNOTSUPP :
		    read_tables(source, ruleset, family, names);
	*ret_presence = presence_after(r);
	return r == -ENOMEM ? r : 0;
}

int xtables_read(struct hark_source *source, struct ruleset *ruleset)
{
	int r = read_family(source, ruleset, AF_INET, &ruleset->xtables[HARK_FAMILY_INET]);

	if (r == 0)
		r = read_family(source, ruleset, AF_INET6, &ruleset->xtables[HARK_FAMILY_INET6]);
	return r;
}
