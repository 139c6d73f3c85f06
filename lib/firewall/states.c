/* SPDX-License-Identifier: MIT */
/* Lists of states, in which no two know the same. */
#include "engine.h"

#include <errno.h>

void state_fini(struct packet_state *state)
{
	ranges_fini(&state->sources);
}

void states_fini(struct states *states)
{
	for (uint32_t i = 0; i < states->list.n; i++)
		state_fini(&states->list.items[i]);
	array_fini(&states->list);
}

struct packet_state state_facts(const struct packet_state *state)
{
	struct packet_state facts = *state;

	facts.sources = (struct ranges){ 0 };
	return facts;
}

static bool bits_equal(const struct bits *a, const struct bits *b)
{
	return a->known == b->known && (a->value & a->known) == (b->value & b->known) &&
	       a->doubts == b->doubts;
}

static bool know_the_same(const struct packet_state *a, const struct packet_state *b)
{
	return bits_equal(&a->mark, &b->mark) && bits_equal(&a->ct_mark, &b->ct_mark) &&
	       a->ct == b->ct && a->is_dnat == b->is_dnat && a->is_dnat_known == b->is_dnat_known &&
	       a->is_translated == b->is_translated && a->port == b->port &&
	       a->is_port_known == b->is_port_known && a->is_to_known == b->is_to_known &&
	       a->is_rewritten == b->is_rewritten && a->has_connection == b->has_connection &&
	       !hark_addr_compare(&a->to, &b->to) &&
	       (a->is_to_known || !hark_addr_compare(&a->to_last, &b->to_last));
}

static void join_bits(struct bits *to, const struct bits *from)
{
	to->known &= from->known & ~(to->value ^ from->value);
	to->value &= to->known;
	to->doubts |= from->doubts | DOUBT(MARK);
}

/* Only marks are joined: what a packet is, and where it goes, is never guessed. */
static bool are_joinable(const struct packet_state *a, const struct packet_state *b)
{
	struct packet_state copy = *a;

	copy.mark = b->mark;
	copy.ct_mark = b->ct_mark;
	return know_the_same(&copy, b);
}

static int join(struct packet_state *to, struct packet_state *from)
{
	int error = ranges_unite(&to->sources, &from->sources);

	join_bits(&to->mark, &from->mark);
	join_bits(&to->ct_mark, &from->ct_mark);
	state_fini(from);
	return error;
}

/* More than these may differ in where they go: that has a limit of its own. */
#define STATES_CAP 4096

int states_add(struct states *states, struct packet_state *state)
{
	struct packet_state *place;
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && state->sources.n; i++) {
		if (!know_the_same(&states->list.items[i], state))
			continue;
		error = ranges_unite(&states->list.items[i].sources, &state->sources);
		state_fini(state);
		return error;
	}
	for (uint32_t i = 0; states->list.n >= STATES_MAX && i < states->list.n; i++) {
		if (are_joinable(&states->list.items[i], state))
			return join(&states->list.items[i], state);
	}
	if (!state->sources.n || states->list.n >= STATES_CAP) {
		error = state->sources.n ? -E2BIG : 0;
		state_fini(state);
		return error;
	}
	place = array_push(&states->list);
	if (!place) {
		state_fini(state);
		return -ENOMEM;
	}
	*place = *state;
	state->sources = (struct ranges){ 0 };
	return 0;
}

int states_absorb(struct states *states, struct states *from)
{
	int error = 0;

	for (uint32_t i = 0; i < from->list.n && !error; i++)
		error = states_add(states, &from->list.items[i]);
	/* What was added has no sources of its own left. */
	states_fini(from);
	return error;
}

int states_copy(struct states *to, const struct states *from)
{
	int error = 0;

	for (uint32_t i = 0; i < from->list.n && !error; i++) {
		struct packet_state copy = state_facts(&from->list.items[i]);

		error = ranges_copy(&copy.sources, &from->list.items[i].sources);
		if (!error)
			error = states_add(to, &copy);
		else
			state_fini(&copy);
	}
	return error;
}

void states_sweep(struct states *states)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < states->list.n; i++) {
		if (states->list.items[i].sources.n)
			states->list.items[n++] = states->list.items[i];
		else
			state_fini(&states->list.items[i]);
	}
	states->list.n = n;
}
