/* SPDX-License-Identifier: MIT */
/* What a run keeps: outcomes, rules that let packets through, and why it is not certain. */
#include "engine.h"

#include <errno.h>

static int keep(struct machine *machine, struct ranges *to, const struct ranges *sources)
{
	machine->items += sources->n;
	return machine->items > ITEMS_MAX ? -E2BIG : ranges_copy(to, sources);
}

int machine_doubt(struct machine *machine, const struct ranges *sources, uint32_t doubts)
{
	int error = 0;

	if (!sources->n)
		return 0;
	if (!doubts)
		doubts = DOUBT(UNDECODED);
	for (unsigned int i = 0; i < HARK_DOUBT_N_ && !error; i++) {
		if (doubts & 1u << i)
			error = ranges_unite(&machine->doubtful[i], sources);
	}
	return error;
}

int machine_outcome(struct machine *machine, const struct ranges *sources, uint8_t verdict,
		    const struct firewall_how *how, const struct firewall_witness *witness)
{
	struct outcome *outcome;

	if (!sources->n)
		return 0;
	outcome = array_push(&machine->outcomes);
	if (!outcome)
		return -ENOMEM;
	/* Who sent something sees nothing of what happens to the answer. */
	outcome->verdict = machine->packet.is_reply && verdict != HARK_FIREWALL_ACCEPT ?
				   HARK_FIREWALL_DROP :
				   verdict;
	if (how && outcome->verdict == verdict)
		outcome->how = *how;
	if (witness)
		outcome->witness = *witness;
	outcome->has_witness = witness != NULL;
	outcome->order = machine->order++;
	return keep(machine, &outcome->sources, sources);
}

static bool is_same_witness(const struct firewall_witness *a, const struct firewall_witness *b)
{
	return a->decider == b->decider && a->stage == b->stage && a->index == b->index;
}

int machine_pass(struct machine *machine, const struct ranges *sources,
		 const struct firewall_witness *witness)
{
	struct passage *passage = NULL;

	if (!sources->n)
		return 0;
	if (machine->passages.n)
		passage = &machine->passages.items[machine->passages.n - 1];
	if (passage && is_same_witness(&passage->witness, witness))
		return ranges_unite(&passage->sources, sources);
	passage = array_push(&machine->passages);
	if (!passage)
		return -ENOMEM;
	passage->witness = *witness;
	passage->order = machine->order++;
	return keep(machine, &passage->sources, sources);
}

struct firewall_witness machine_witness(const struct machine *machine, uint8_t decider,
					uint32_t index)
{
	return (struct firewall_witness){ .decider = decider,
					  .stage = machine->packet.hook,
					  .index = index,
					  .is_reply = machine->packet.is_reply };
}

void machine_tell(const struct machine *machine, uint32_t rule, uint8_t action,
		  const struct ranges *may, const struct ranges *must, uint32_t doubts)
{
	struct firewall_step step = { .hook = machine->packet.hook,
				      .is_reply = machine->packet.is_reply,
				      .chain = machine->base,
				      .rule = rule,
				      .action = action,
				      .may = may,
				      .must = must,
				      .doubts = doubts };

	if (rule != RULESET_NONE)
		step.chain = machine->ruleset->rules.items[rule].chain;
	if (machine->tell && may->n)
		machine->tell(machine->tell_data, &step);
}
