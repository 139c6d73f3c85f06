/* SPDX-License-Identifier: MIT */
/* Which families a selection is about, by the addresses in it. */
#include "select.h"

#define BOTH ((1u << HARK_FAMILY_INET) | (1u << HARK_FAMILY_INET6))

/* The wildcards are no addresses that anybody answers at, and mean what is bound to them. */
static uint32_t families_of(const struct term *term)
{
	if (term->kind != TERM_ADDRESS || hark_addr_is_any(&term->prefix.addr))
		return BOTH;
	return 1u << (hark_addr_is_ipv4(&term->prefix.addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6);
}

uint32_t hark_selection_families(const struct hark_selection *selection)
{
	uint32_t families = 0, selector = 0;

	for (uint32_t i = 0; i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		selector |= families_of(term);
		if (!term->is_last)
			continue;
		if (selector != BOTH)
			families |= selector;
		selector = 0;
	}
	return families ? families : BOTH;
}
