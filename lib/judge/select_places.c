/* SPDX-License-Identifier: MIT */
/* What the addresses of a selection tell of it: families, and whether they are of this host. */
#include "select.h"

#include <hark/snapshot.h>

#include "rows.h"

#define BOTH ((1u << HARK_FAMILY_INET) | (1u << HARK_FAMILY_INET6))

/* The wildcards are no addresses that anybody answers at, and mean what is bound to them. */
static bool is_address(const struct term *term)
{
	return term->kind == TERM_ADDRESS && !hark_addr_is_any(&term->prefix.addr);
}

static uint32_t families_of(const struct term *term)
{
	if (!is_address(term))
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

static bool has_place(const struct hark_snapshot *snapshot, const struct hark_prefix *prefix)
{
	const struct hark_namespace *netns;

	for (uint32_t i = 0; (netns = hark_snapshot_namespace(snapshot, i)); i++) {
		if (netns->places_presence != HARK_KNOWN)
			return true;
		for (uint32_t k = 0; k < netns->n_places; k++) {
			const struct hark_place *place =
				hark_snapshot_place(snapshot, netns->first_place + k);

			if (hark_prefix_contains(prefix, &place->prefix.addr) ||
			    hark_prefix_contains(&place->prefix, &prefix->addr))
				return true;
		}
	}
	return false;
}

bool hark_selection_is_local(const struct hark_selection *selection,
			     const struct hark_snapshot *snapshot)
{
	bool is_local = false;

	for (uint32_t i = 0; i < selection->terms.n; i++) {
		const struct term *term = &selection->terms.items[i];

		is_local |= !is_address(term) || has_place(snapshot, &term->prefix);
		if (term->is_last && !is_local)
			return false;
		if (term->is_last)
			is_local = false;
	}
	return true;
}
