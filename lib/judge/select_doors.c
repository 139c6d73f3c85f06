/* SPDX-License-Identifier: MIT */
/* Whether a selection means a door: what is no socket has a port and an address all the same. */
#include <string.h>

#include <hark/snapshot.h>

#include "select.h"

static bool holds_port(const struct term *term, const struct hark_door *door)
{
	return !term->ports.high ||
	       (door->port >= term->ports.low && door->port <= term->ports.high);
}

static bool is_of_family(const struct hark_prefix *prefix, enum hark_family family)
{
	bool is_ipv4 = prefix->bits >= 96 && hark_addr_is_ipv4(&prefix->addr);

	return is_ipv4 == (family == HARK_FAMILY_INET);
}

static bool matches_address(const struct term *term, const struct hark_door *door)
{
	return holds_port(term, door) &&
	       is_of_family(&term->prefix, (enum hark_family)door->family) &&
	       (hark_addr_is_any(&door->to) || hark_prefix_contains(&term->prefix, &door->to));
}

static bool matches_term(const struct hark_snapshot *snapshot, const struct term *term,
			 const struct hark_door *door)
{
	const struct hark_namespace *namespace;

	if (term->protocols && !(term->protocols & (1u << door->protocol)))
		return false;
	switch (term->kind) {
	case TERM_PROTOCOL:
		return true;
	case TERM_LABEL:
		return strchr(term->text, door->family == HARK_FAMILY_INET ? '4' : '6');
	case TERM_PORT:
		return holds_port(term, door);
	case TERM_ADDRESS:
		return matches_address(term, door);
	case TERM_NETNS:
		namespace
		= hark_snapshot_namespace(snapshot, door->netns);
		return namespace && term_is_namespace(term, namespace);
	case TERM_STATE:
	case TERM_COMMAND:
	case TERM_PID:
	case TERM_USER:
	case TERM_UNIT:
	case TERM_CONTAINER:
	case TERM_POD:
	case TERM_DEVICE:
	case TERM_INODE:
	case TERM_COOKIE:
	case TERM_KERNEL:
		break;
	}
	return false;
}

bool hark_selection_matches_door(const struct hark_selection *selection,
				 const struct hark_snapshot *snapshot, uint32_t i)
{
	const struct hark_door *door = hark_snapshot_door(snapshot, i);
	bool is_matched = false;

	if (!door || !selection)
		return door;
	if (hark_snapshot_socket(snapshot, door->socket) &&
	    hark_selection_matches(selection, snapshot, door->socket))
		return true;
	if ((selection->protocols && !(selection->protocols & (1u << door->protocol))) ||
	    (selection->families && !(selection->families & (1u << door->family))))
		return false;
	for (uint32_t t = 0; t < selection->terms.n; t++) {
		const struct term *term = &selection->terms.items[t];

		is_matched = is_matched || matches_term(snapshot, term, door);
		if (term->is_last && !is_matched)
			return false;
		if (term->is_last)
			is_matched = false;
	}
	return true;
}
