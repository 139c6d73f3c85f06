/* SPDX-License-Identifier: MIT */
/* What getsockopt() tells of a table of ip_tables or ip6_tables. */
#ifndef XTABLES_H
#define XTABLES_H

#include "rules.h"

#define XTABLES_HOOKS 5 /* NF_INET_NUMHOOKS */

/* struct ipt_getinfo, which is struct ip6t_getinfo, too. */
struct xtables_info {
	char name[32];
	uint32_t valid_hooks; /* mask of 1 << enum rule_hook */
	uint32_t hook_entry[XTABLES_HOOKS];
	uint32_t underflow[XTABLES_HOOKS];
	uint32_t num_entries;
	uint32_t size; /* bytes of all entries */
};

/*
 * Adds a table to the ruleset: `entries` are info->size bytes, of RULE_FAMILY_IPV4 or IPV6. 0;
 * -ENOMEM; -EBADMSG: they are laid out in a way that is not understood, and nothing was added.
 */
int xtables_add(struct ruleset *ruleset, uint8_t family, const struct xtables_info *info,
		const void *entries);

#endif
