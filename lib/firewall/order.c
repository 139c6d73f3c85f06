/* SPDX-License-Identifier: MIT */
/*
 * The order in which base chains of one hook run. Of one priority it is the last one registered
 * that comes first (nf_hook_entries_grow() of Linux), which among chains of one table is the
 * newest. Of several tables nothing tells it: where more than one of them does anything, it may be
 * one order or the other.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct rule_chain *chain_at(const struct machine *machine, uint32_t chain)
{
	return &machine->ruleset->chains.items[chain];
}

/* Of several tables the newest is supposed to come first. */
static bool comes_before(const struct rule_chain *one, const struct rule_chain *other)
{
	if (one->priority != other->priority)
		return one->priority < other->priority;
	if (one->table != other->table)
		return one->table > other->table;
	return one->handle > other->handle;
}

int chains_add(const struct ruleset *ruleset, struct hook_chains *hook, bool is_nat, uint32_t chain)
{
	const struct rule_chain *chains = ruleset->chains.items;
	uint32_t *place = is_nat ? array_push(&hook->nat) : array_push(&hook->chains);
	uint32_t *items = is_nat ? hook->nat.items : hook->chains.items;

	if (!place)
		return -ENOMEM;
	for (; place > items && comes_before(&chains[chain], &chains[place[-1]]); place--)
		*place = place[-1];
	*place = chain;
	return 0;
}

/* Past the chains that have the first one's priority. */
static uint32_t tied(const struct machine *machine, const uint32_t *chains, uint32_t n)
{
	uint32_t end = 1;

	while (end < n &&
	       chain_at(machine, chains[end])->priority == chain_at(machine, chains[0])->priority)
		end++;
	return end;
}

/* Whether their order matters, and is not told: chains of several tables that do anything. */
static bool is_order_open(const struct machine *machine, const uint32_t *chains, uint32_t n)
{
	uint32_t table = RULESET_NONE;

	for (uint32_t i = 0; i < n; i++) {
		const struct rule_chain *chain = chain_at(machine, chains[i]);

		if (!machine->firewall->chain_matters[chains[i]] && chain->policy != RULE_DROP)
			continue;
		if (table != RULESET_NONE && table != chain->table)
			return true;
		table = chain->table;
	}
	return false;
}

/* The tables of each priority the other way round: malloc'd, or NULL when memory ran out. */
static uint32_t *other_order(const struct machine *machine, const uint32_t *chains, uint32_t n)
{
	uint32_t *order = malloc(n * sizeof(*order)), at = 0;

	for (uint32_t begin = 0, end; order && begin < n; begin = end) {
		end = begin + tied(machine, chains + begin, n - begin);
		for (uint32_t last = end, first; last > begin; last = first) {
			first = last - 1;
			while (first > begin && chain_at(machine, chains[first - 1])->table ==
							chain_at(machine, chains[last - 1])->table)
				first--;
			memcpy(order + at, chains + first, (last - first) * sizeof(*order));
			at += last - first;
		}
	}
	return order;
}

typedef int (*runner)(struct machine *machine, const uint32_t *chains, uint32_t n,
		      struct states *states);

static int run_in_order(struct machine *machine, const uint32_t *chains, uint32_t n,
			struct states *states)
{
	int error = 0;

	for (uint32_t i = 0; i < n && !error && states->list.n; i++)
		error = machine_run_base(machine, chains[i], states);
	return error;
}

/* It may be the one order or the other. */
static int run_in_both_orders(struct machine *machine, const uint32_t *chains, uint32_t n,
			      struct states *states, runner run)
{
	firewall_tell tell = machine->tell;
	struct states copy = { 0 };
	uint32_t *order = other_order(machine, chains, n);
	int error = order ? states_copy(&copy, states) : -ENOMEM;

	for (uint32_t i = 0; i < states->list.n && !error; i++)
		error = machine_doubt(machine, &states->list.items[i].sources, DOUBT(ORDER));
	if (!error)
		error = run(machine, chains, n, states);
	machine->tell = NULL;
	if (!error)
		error = run(machine, order, n, &copy);
	machine->tell = tell;
	if (!error)
		error = states_absorb(states, &copy);
	states_fini(&copy);
	free(order);
	return error;
}

int chains_run_before(struct machine *machine, const struct hook_chains *chains, int64_t end,
		      uint32_t *at, struct states *states)
{
	int error = 0;

	while (*at < chains->chains.n && !error) {
		const uint32_t *first = chains->chains.items + *at;
		uint32_t n = tied(machine, first, chains->chains.n - *at);

		if (chain_at(machine, *first)->priority >= end)
			break;
		error = is_order_open(machine, first, n) ?
				run_in_both_orders(machine, first, n, states, run_in_order) :
				run_in_order(machine, first, n, states);
		*at += n;
	}
	return error;
}

bool chains_matter_before(const struct machine *machine, const struct hook_chains *chains,
			  int64_t end, uint32_t at)
{
	for (; at < chains->chains.n; at++) {
		uint32_t index = chains->chains.items[at];

		if (chain_at(machine, index)->priority >= end)
			return false;
		if (machine->firewall->chain_matters[index] ||
		    chain_at(machine, index)->policy == RULE_DROP)
			return true;
	}
	return false;
}

/* Those that the nat chains are still to see, apart from the others. */
static int split_translated(struct states *from, struct states *ret_done, bool is_first)
{
	struct states rest = { 0 };
	int error = 0;

	for (uint32_t i = 0; i < from->list.n && !error; i++) {
		struct packet_state *state = &from->list.items[i];
		bool is_done = state->is_translated || (is_first && state->ct != PACKET_CT_NEW);

		error = states_add(is_done ? ret_done : &rest, state);
	}
	states_fini(from);
	*from = rest;
	return error;
}

/* nf_nat_core.c: only the first packet of a connection, and up to the first that translates. */
static int run_nat_in_order(struct machine *machine, const uint32_t *chains, uint32_t n,
			    struct states *states)
{
	struct states done = { 0 };
	int error = 0;

	machine->is_nat = true;
	for (uint32_t i = 0; i < n && !error; i++) {
		error = split_translated(states, &done, i == 0);
		if (!error && states->list.n)
			error = machine_run_base(machine, chains[i], states);
	}
	machine->is_nat = false;
	if (!error)
		error = states_absorb(&done, states);
	states_fini(states);
	for (uint32_t i = 0; i < done.list.n && !error; i++) {
		done.list.items[i].is_translated = false;
		error = states_add(states, &done.list.items[i]);
	}
	states_fini(&done);
	return error;
}

int chains_run_nat(struct machine *machine, const struct hook_chains *chains, struct states *states)
{
	const uint32_t *items = chains->nat.items;
	bool is_open = false;

	if (!chains->nat.n || machine->packet.is_reply)
		return 0;
	for (uint32_t i = 0, n; i < chains->nat.n; i += n) {
		n = tied(machine, items + i, chains->nat.n - i);
		is_open = is_open || is_order_open(machine, items + i, n);
	}
	return is_open ?
		       run_in_both_orders(machine, items, chains->nat.n, states, run_nat_in_order) :
		       run_nat_in_order(machine, items, chains->nat.n, states);
}
