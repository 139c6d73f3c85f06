/* SPDX-License-Identifier: MIT */
#include "ruleset.h"

#include <stdlib.h>

struct ruleset *ruleset_new(void)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));

	if (!ruleset)
		return NULL;
	ruleset->nftables = HARK_UNSUPPORTED;
	ruleset->xtables[HARK_FAMILY_INET] = HARK_UNSUPPORTED;
	ruleset->xtables[HARK_FAMILY_INET6] = HARK_UNSUPPORTED;
	ruleset->ipset_presence = HARK_ABSENT;
	ruleset->routing = HARK_UNSUPPORTED;
	ruleset->program_presence = HARK_UNSUPPORTED;
	return ruleset;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	arena_fini(&ruleset->arena);
	array_fini(&ruleset->bytes);
	array_fini(&ruleset->tables);
	array_fini(&ruleset->chains);
	array_fini(&ruleset->rules);
	array_fini(&ruleset->expressions);
	array_fini(&ruleset->sets);
	array_fini(&ruleset->elements);
	array_fini(&ruleset->xts);
	array_fini(&ruleset->devices);
	array_fini(&ruleset->ipsets);
	array_fini(&ruleset->ipset_elements);
	array_fini(&ruleset->routes);
	array_fini(&ruleset->hops);
	array_fini(&ruleset->policies);
	array_fini(&ruleset->interfaces);
	array_fini(&ruleset->addresses);
	array_fini(&ruleset->programs);
	array_fini(&ruleset->locals);
	array_fini(&ruleset->broadcasts);
	free(ruleset);
}

uint32_t ruleset_keep(struct ruleset *ruleset, const void *bytes, uint32_t length)
{
	uint32_t at = ruleset->bytes.n;

	if (length > RULESET_NONE - 1 - at || array_reserve(&ruleset->bytes, length) < 0)
		return RULESET_NONE;
	if (length)
		memcpy(ruleset->bytes.items + at, bytes, length);
	ruleset->bytes.n += length;
	return at;
}

const struct rule_interface *ruleset_interface(const struct ruleset *ruleset, uint32_t ifindex)
{
	uint32_t low = 0, high = ruleset->interfaces.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct rule_interface *interface = &ruleset->interfaces.items[middle];

		if (interface->ifindex == ifindex)
			return interface;
		if (interface->ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool ruleset_is_empty(const struct ruleset *ruleset)
{
	return ruleset->chains.n == 0 && ruleset->programs.n == 0;
}
