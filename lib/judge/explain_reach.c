/* SPDX-License-Identifier: MIT */
/* From where a port is reached, and who gets what is sent to addresses that were asked about. */
#include <string.h>

#include "classes.h"
#include "explanation.h"
#include "select.h"

/* The places at which a socket answers a family; of a wildcard all that the namespace has. */
struct answered {
	uint32_t first, n;
	uint32_t device; /* those of this interface alone; 0: all */
};

static struct answered answered_by(const struct hark_explanation *x, uint32_t i, int family)
{
	const struct hark_socket *socket = socket_at(x, i);
	const struct hark_answer *answer = answer_at(x, i, family);
	const struct hark_namespace *namespace = &x->snapshot->namespaces.items[socket->netns];

	if (answer->n_addresses)
		return (struct answered){ answer->first_address, answer->n_addresses, 0 };
	if (answer->verdict != HARK_VERDICT_ALL)
		return (struct answered){ 0, 0, 0 };
	return (struct answered){ namespace->first_place, namespace->n_places, socket->device };
}

static bool is_of(const struct hark_place *place, int family, uint32_t device)
{
	return hark_addr_is_ipv4(&place->prefix.addr) == (family == HARK_FAMILY_INET) &&
	       (!device || place->ifindex == device);
}

/* The place by which senders from farthest away come, or NULL. */
static const struct hark_place *widest_place(const struct hark_explanation *x, uint32_t first,
					     uint32_t n, int family)
{
	const struct hark_place *widest = NULL;

	for (uint32_t i = first; i < first + n; i++) {
		struct answered answered = answered_by(x, i, family);

		for (uint32_t p = answered.first; p < answered.first + answered.n; p++) {
			const struct hark_place *place = &x->snapshot->places.items[p];

			if (is_of(place, family, answered.device) &&
			    (!widest || hark_prefix_reach(&place->prefix) >
						hark_prefix_reach(&widest->prefix)))
				widest = place;
		}
	}
	return widest;
}

void tell_reach(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	static const char *const from[] = {
		[HARK_REACH_HOST] = "this host only",
		[HARK_REACH_LINK] = "the same link only",
		[HARK_REACH_PRIVATE] = "private networks",
		[HARK_REACH_PUBLIC] = "anywhere",
	};
	const char *list = NULL, *evidence = NULL;
	bool is_far = false; /* else the headline has said it */

	if (is_copied_to(socket_at(x, first)))
		return;
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		const struct hark_place *place = widest_place(x, first, n, family);
		enum hark_reach reach;
		const char *interface, *where;

		if (!place)
			continue;
		reach = hark_prefix_reach(&place->prefix);
		is_far |= reach > HARK_REACH_LINK;
		interface = hark_snapshot_interface_name(x->snapshot, place->netns, place->ifindex);
		where = place_text(x, place);
		list = append_text(x, list, "; ",
				   say(x, "%s from %s, by %s", family_text(family), from[reach],
				       where));
		evidence = append_text(x, evidence, "; ",
				       say(x, "%s is local%s%s, and %s by its prefix", where,
					   interface ? " on " : "", interface ? interface : "",
					   hark_reach_name(reach)));
	}
	if (is_far)
		add_finding(x, HARK_FINDING_PART, "reach", first,
			    say(x, "From where, as far as addresses tell: %s.", list),
			    say(x, "rtnetlink: %s", evidence));
}

/* The place that the address is in, the narrowest; NULL: none. */
static const struct hark_place *place_of(const struct hark_explanation *x, struct answered answered,
					 const struct hark_addr *addr)
{
	const struct hark_place *narrowest = NULL;

	for (uint32_t p = answered.first; p < answered.first + answered.n; p++) {
		const struct hark_place *place = &x->snapshot->places.items[p];

		if (hark_prefix_contains(&place->prefix, addr) &&
		    (!answered.device || place->ifindex == answered.device) &&
		    (!narrowest || place->prefix.bits > narrowest->prefix.bits))
			narrowest = place;
	}
	return narrowest;
}

/* Who gets what is sent to an address; an address by itself counts more than a prefix. */
static uint32_t find_taker(const struct hark_explanation *x, uint32_t first, uint32_t n,
			   const struct hark_addr *addr, bool *ret_is_known)
{
	int family = hark_addr_is_ipv4(addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
	uint32_t taker = HARK_NONE, bits = 0;

	*ret_is_known = true;
	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_answer *answer = answer_at(x, i, family);
		const struct hark_place *place = place_of(x, answered_by(x, i, family), addr);

		if (answer->verdict == HARK_VERDICT_UNKNOWN ||
		    (answer->verdict == HARK_VERDICT_SOME && !answer->n_addresses))
			*ret_is_known = false;
		if (!place || place->prefix.bits <= bits)
			continue;
		taker = i;
		bits = place->prefix.bits;
	}
	return taker;
}

/* The look-up for the address, else one that named the same socket. */
static const char *taker_evidence(struct hark_explanation *x, uint32_t first, uint32_t n,
				  const struct hark_addr *addr, uint32_t taker)
{
	const struct hark_lookup *found = NULL;
	const struct hark_socket *socket = socket_at(x, first);
	int family = hark_addr_is_ipv4(addr) ? HARK_FAMILY_INET : HARK_FAMILY_INET6;

	for (uint32_t l = 0; l < x->snapshot->lookups.n; l++) {
		const struct hark_lookup *lookup = &x->snapshot->lookups.items[l];

		if (lookup->netns != socket->netns || lookup->port != socket->local_port ||
		    lookup->family != family || lookup->protocol != asked_protocol(socket))
			continue;
		if (!memcmp(lookup->addr.bytes, addr->bytes, sizeof(addr->bytes)))
			return lookup_text(x, lookup);
		if (!found && taker != HARK_NONE && lookup->socket == taker)
			found = lookup;
	}
	return found ? lookup_text(x, found) : port_evidence(x, first, n);
}

static void tell_address(struct hark_explanation *x, uint32_t first, uint32_t n,
			 const struct hark_addr *addr)
{
	const struct hark_socket *socket = socket_at(x, first);
	bool is_known;
	uint32_t taker = find_taker(x, first, n, addr, &is_known);
	const char *where = endpoint_text(x, socket->netns, addr, socket->local_port), *text;
	const char *command = taker == HARK_NONE ? NULL : command_of(x, taker);

	if (taker != HARK_NONE)
		text = say(x, "What is sent to %s goes to %s%s%s%s.", where,
			   name_of(x, socket_at(x, taker)), command ? " (" : "",
			   command ? command : "", command ? ")" : "");
	else if (is_known)
		text = say(x, "Nobody gets what is sent to %s.", where);
	else
		text = say(x, "Who gets what is sent to %s is not known.", where);
	add_finding(x, HARK_FINDING_PART, taker == HARK_NONE ? "address-none" : "address", first,
		    text, taker_evidence(x, first, n, addr, taker));
}

void tell_addresses(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct hark_socket *socket = socket_at(x, first);

	if (is_copied_to(socket))
		return;
	for (uint32_t t = 0; x->selection && t < x->selection->terms.n; t++) {
		const struct term *term = &x->selection->terms.items[t];

		if (term->kind == TERM_ADDRESS && term->prefix.bits == 128 &&
		    !hark_addr_is_any(&term->prefix.addr) &&
		    (!term->ports.high || (socket->local_port >= term->ports.low &&
					   socket->local_port <= term->ports.high)))
			tell_address(x, first, n, &term->prefix.addr);
	}
}
