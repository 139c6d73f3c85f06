/* SPDX-License-Identifier: MIT */
/* Where packets go after prerouting: to this host, to another one, or nowhere. */
#include "engine.h"

#include <string.h>

static int input(struct machine *machine, struct states *states)
{
	int error = hook_run(machine, RULE_HOOK_INPUT, states);

	if (!error)
		error = hook_meet_programs(machine, RULE_PROGRAM_CGROUP, 0, states);
	if (error)
		return error;
	return machine_is_tcp(machine) ? reply_accept(machine, states) :
					 deliver_all(machine, states, HARK_FIREWALL_ACCEPT);
}

/* From one interface to the other, which packet.out is. */
static int cross(struct machine *machine, struct states *states)
{
	int error;

	machine->packet.has_out = true;
	error = hook_run(machine, RULE_HOOK_FORWARD, states);
	machine->packet.in = NULL;
	machine->packet.has_in = false;
	if (!error)
		error = hook_run(machine, RULE_HOOK_POSTROUTING, states);
	return error ? error : hook_run_device(machine, RULE_HOOK_EGRESS, states);
}

/* What comes back from another host, if it answers. */
static int forward_reply(struct machine *machine, struct states *states)
{
	const struct packet before = machine->packet;
	int error;

	machine->packet.is_reply = true;
	machine->packet.in = before.out;
	machine->packet.out = NULL;
	machine->packet.has_out = false;
	for (uint32_t i = 0; i < states->list.n; i++) {
		states->list.items[i].ct = PACKET_CT_NONE;
		states->list.items[i].mark = (struct bits){ .known = UINT32_MAX };
	}
	error = hook_run(machine, RULE_HOOK_PREROUTING, states);
	machine->packet.out = before.in;
	if (!error)
		error = cross(machine, states);
	machine->packet = before;
	return error;
}

static int forward(struct machine *machine, const struct packet_state *state, struct states *states,
		   uint32_t oif)
{
	const struct packet before = machine->packet;
	struct states delivered = { 0 };
	int error;

	machine->packet.out = ruleset_interface(machine->ruleset, oif);
	error = cross(machine, states);
	machine->packet.in = before.in;
	machine->packet.has_in = before.has_in;
	if (!error && machine_is_tcp(machine))
		error = forward_reply(machine, states);
	machine->packet = before;
	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		struct packet_state end = state_facts(state);

		end.sources = states->list.items[i].sources;
		states->list.items[i].sources = (struct ranges){ 0 };
		error = states_add(&delivered, &end);
	}
	if (!error)
		error = deliver_all(machine, &delivered, HARK_FIREWALL_ACCEPT);
	states_fini(&delivered);
	return error;
}

static int not_routed(struct machine *machine, const struct ranges *sources, uint8_t decider)
{
	struct firewall_witness witness = machine_witness(machine, decider, 0);

	return machine_outcome(machine, sources, HARK_FIREWALL_DROP, NULL, &witness);
}

/* Those that the kernel does not take from this interface go away. */
static int refuse_some(struct machine *machine, struct packet_state *state,
		       const struct condition *refused, uint8_t decider)
{
	struct firewall_witness witness = machine_witness(
		machine, decider,
		machine->packet.in ?
			(uint32_t)(machine->packet.in - machine->ruleset->interfaces.items) :
			0);
	struct ranges unsure = { 0 };
	int error = machine_outcome(machine, &refused->may, HARK_FIREWALL_DROP, NULL, &witness);

	if (!error)
		error = ranges_copy(&unsure, &refused->may);
	if (!error)
		error = ranges_subtract(&unsure, &refused->must);
	if (!error)
		error = machine_doubt(machine, &unsure, refused->doubts);
	if (!error)
		error = ranges_subtract(&state->sources, &refused->must);
	ranges_fini(&unsure);
	return error;
}

static int admit(struct machine *machine, struct packet_state *state, uint32_t oif)
{
	struct condition rp_filter = { 0 }, martian = { 0 };
	int error = 0;

	if (!machine->is_local)
		error = fib_refuses(&machine->packet, state, oif, &rp_filter, &martian);
	if (!error)
		error = refuse_some(machine, state, &martian, FIREWALL_MARTIAN);
	if (!error)
		error = refuse_some(machine, state, &rp_filter, FIREWALL_RP_FILTER);
	condition_fini(&rp_filter);
	condition_fini(&martian);
	return error;
}

static bool forwards(const struct machine *machine)
{
	uint8_t family = machine->packet.question->family;

	return machine->packet.in ? machine->packet.in->forwards[family] :
				    machine->ruleset->forwarding[family] != HARK_NO;
}

/* Takes the state over. */
static int deliver(struct machine *machine, struct packet_state *state, uint8_t type, uint32_t oif,
		   uint32_t doubts)
{
	struct packet_state facts = state_facts(state);
	struct states states = { 0 };
	int error = doubts ? machine_doubt(machine, &state->sources, doubts) : 0;
	bool is_here = type == RULE_ROUTE_LOCAL || type == RULE_ROUTE_BROADCAST ||
		       type == RULE_ROUTE_MULTICAST || type == RULE_ROUTE_ANYCAST;

	if (!error)
		error = admit(machine, state, is_here ? 0 : oif);
	if (!error)
		error = states_add(&states, state);
	state_fini(state);
	if (error || !states.list.n) {
		states_fini(&states);
		return error;
	}
	if (is_here)
		error = input(machine, &states);
	else if (type != RULE_ROUTE_UNICAST)
		error = not_routed(machine, &states.list.items[0].sources, FIREWALL_NO_ROUTE);
	else if (!machine->is_local && !forwards(machine))
		error = not_routed(machine, &states.list.items[0].sources, FIREWALL_NOT_LOCAL);
	else if (machine->packet.question->follows && !machine->is_local)
		error = forward(machine, &facts, &states, oif);
	else
		error = deliver_all(machine, &states, HARK_FIREWALL_DIVERTED);
	states_fini(&states);
	return error;
}

static int deliver_some(struct machine *machine, const struct packet_state *state,
			const struct ranges *sources, uint8_t type, uint32_t oif, uint32_t doubts)
{
	struct packet_state part = state_facts(state);
	int error = ranges_copy(&part.sources, sources);

	if (!error)
		return deliver(machine, &part, type, oif, doubts);
	state_fini(&part);
	return error;
}

/* One of several addresses: of those, this host may have some. */
static int route_unknown(struct machine *machine, const struct packet_state *state)
{
	bool is_any_own, is_all_own;
	int error = 0;

	addresses_are_own(machine, state, &is_any_own, &is_all_own);
	if (is_any_own)
		error = deliver_some(machine, state, &state->sources, RULE_ROUTE_LOCAL, 0, 0);
	if (!error && !is_all_own)
		error = deliver_some(machine, state, &state->sources, RULE_ROUTE_UNICAST, 0, 0);
	return error;
}

int route_all(struct machine *machine, struct states *states)
{
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		const struct packet_state *state = &states->list.items[i];
		struct fib_result *results = NULL;
		uint32_t n = 0;

		if (!state->is_to_known) {
			error = route_unknown(machine, state);
			continue;
		}
		if (machine->is_local) {
			error = deliver_some(machine, state, &state->sources,
					     address_is_own(machine, &state->to) ?
						     RULE_ROUTE_LOCAL :
						     RULE_ROUTE_UNICAST,
					     0, 0);
			continue;
		}
		error = fib_deliver(&machine->packet, state, &results, &n);
		for (uint32_t j = 0; j < n && !error; j++)
			error = deliver_some(machine, state, &results[j].sources, results[j].type,
					     results[j].oif, results[j].doubts);
		fib_results_free(results, n);
	}
	return error;
}
