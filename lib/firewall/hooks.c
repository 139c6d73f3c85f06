/* SPDX-License-Identifier: MIT */
/* Base chains of one hook, in the order in which the kernel calls them. */
#include "engine.h"

#include <errno.h>
#include <string.h>

/* --- Programs --- */

/* A program may drop it, or not. */
static int meet_program(struct machine *machine, uint32_t program, const struct states *states)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_PROGRAM, program);
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		const struct ranges *sources = &states->list.items[i].sources;

		error = machine_doubt(machine, sources, DOUBT(BPF));
		if (!error)
			error = machine_outcome(machine, sources, HARK_FIREWALL_DROP, NULL,
						&witness);
	}
	return error;
}

int hook_meet_programs(struct machine *machine, enum rule_program_kind kind, uint8_t hook,
		       const struct states *states)
{
	const struct firewall_question *question = machine->packet.question;
	uint8_t family = machine->is_ipv6 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4;
	int error = 0;

	for (uint32_t i = 0; i < machine->ruleset->programs.n && !error; i++) {
		const struct rule_program *program = &machine->ruleset->programs.items[i];
		bool is_met = program->kind == kind;

		if (kind == RULE_PROGRAM_NETFILTER)
			is_met &= program->hook == hook && program->family == family;
		else if (kind == RULE_PROGRAM_CGROUP)
			is_met &= program->cgroup_id == question->cgroup_id;
		else
			is_met &= program->ifindex == question->ifindex;
		if (is_met)
			error = meet_program(machine, i, states);
	}
	return error;
}

/* --- Hooks --- */

static void track(struct machine *machine, struct states *states)
{
	for (uint32_t i = 0; i < states->list.n; i++) {
		struct packet_state *state = &states->list.items[i];

		if (state->ct != PACKET_CT_NONE)
			continue;
		if (!machine->packet.is_reply) {
			state->ct = PACKET_CT_NEW;
			state->has_connection = true;
		} else if (state->has_connection) {
			state->ct = PACKET_CT_ESTABLISHED;
		}
	}
}

/* The answer carries the address again that the sender knows. */
static void restore(struct machine *machine, struct states *states)
{
	for (uint32_t i = 0; i < states->list.n; i++) {
		struct packet_state *state = &states->list.items[i];

		state->to = machine->packet.question->to;
		state->port = machine->packet.question->port;
		state->is_to_known = state->is_port_known = true;
	}
}

typedef int (*own_step)(struct machine *machine, const struct hook_chains *chains,
			struct states *states);

static int track_all(struct machine *machine, const struct hook_chains *chains,
		     struct states *states)
{
	(void)chains;
	track(machine, states);
	return 0;
}

/*
 * What the kernel does at a priority of its own: whether it is before or after chains of the same
 * one is up to which was registered first.
 */
static int run_beside(struct machine *machine, const struct hook_chains *chains, int64_t priority,
		      uint32_t *at, struct states *states, own_step step)
{
	firewall_tell tell = machine->tell;
	struct states copy = { 0 };
	uint32_t begin = *at;
	int error;

	if (!chains_matter_before(machine, chains, priority + 1, *at))
		return step(machine, chains, states);
	error = states_copy(&copy, states);
	for (uint32_t i = 0; i < states->list.n && !error; i++)
		error = machine_doubt(machine, &states->list.items[i].sources, DOUBT(ORDER));
	if (!error)
		error = step(machine, chains, states);
	if (!error)
		error = chains_run_before(machine, chains, priority + 1, at, states);
	machine->tell = NULL;
	if (!error)
		error = chains_run_before(machine, chains, priority + 1, &begin, &copy);
	if (!error)
		error = step(machine, chains, &copy);
	machine->tell = tell;
	if (!error)
		error = states_absorb(states, &copy);
	states_fini(&copy);
	return error;
}

static int run_early(struct machine *machine, const struct hook_chains *chains, uint8_t hook,
		     uint32_t *at, struct states *states)
{
	bool has_nat = chains->nat.n && !machine->packet.is_reply &&
		       !(machine->is_local && hook == RULE_HOOK_PREROUTING);
	int error = chains_run_before(machine, chains, RULE_PRIORITY_CONNTRACK, at, states);

	if (!error && machine->ruleset->has_conntrack[machine->packet.question->family])
		error = run_beside(machine, chains, RULE_PRIORITY_CONNTRACK, at, states, track_all);
	if (!error)
		error = chains_run_before(machine, chains, RULE_PRIORITY_NAT_DESTINATION, at,
					  states);
	if (!error && has_nat)
		error = run_beside(machine, chains, RULE_PRIORITY_NAT_DESTINATION, at, states,
				   chains_run_nat);
	return error;
}

int hook_run(struct machine *machine, uint8_t hook, struct states *states)
{
	const struct hook_chains *chains =
		&machine->firewall->hooks[machine->packet.question->family][hook];
	bool is_early = hook == RULE_HOOK_PREROUTING || hook == RULE_HOOK_OUTPUT;
	bool is_late = hook == RULE_HOOK_INPUT || hook == RULE_HOOK_POSTROUTING;
	uint32_t at = 0;
	int error;

	machine->packet.hook = hook;
	error = hook_meet_programs(machine, RULE_PROGRAM_NETFILTER, hook, states);
	if (!error && is_early)
		error = run_early(machine, chains, hook, &at, states);
	if (!error && is_late) {
		error = chains_run_before(machine, chains, RULE_PRIORITY_NAT_SOURCE, &at, states);
		if (!error)
			error = chains_run_nat(machine, chains, states);
		if (machine->packet.is_reply && hook == RULE_HOOK_POSTROUTING)
			restore(machine, states);
	}
	if (!error)
		error = chains_run_before(machine, chains, INT64_MAX, &at, states);
	return error;
}

/* --- Before IP --- */

static bool is_device(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (length && pattern[length - 1] == '*')
		return !strncmp(pattern, name, length - 1);
	return !strcmp(pattern, name);
}

static bool has_device(const struct machine *machine, const struct rule_chain *chain,
		       const struct rule_interface *interface)
{
	for (uint32_t i = 0; i < chain->n_devices && interface; i++) {
		if (is_device(machine->ruleset->devices.items[chain->first_device + i],
			      interface->name))
			return true;
	}
	return !interface;
}

static bool hangs_at(const struct machine *machine, const struct rule_chain *chain, uint8_t hook)
{
	const struct rule_table *table = &machine->ruleset->tables.items[chain->table];

	return chain->is_base && chain->hook == hook && !table->is_dormant &&
	       (table->family == RULE_FAMILY_NETDEV || table->family == RULE_FAMILY_INET);
}

/* Of a device that is not known: its chains may be met, and drop it. */
static int meet_some(struct machine *machine, uint32_t chain, const struct states *states)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_POLICY, chain);
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		const struct ranges *sources = &states->list.items[i].sources;

		error = machine_doubt(machine, sources, DOUBT(ROUTING));
		if (!error)
			error = machine_outcome(machine, sources, HARK_FIREWALL_DROP, NULL,
						&witness);
	}
	return error;
}

int hook_run_device(struct machine *machine, uint8_t hook, struct states *states)
{
	const struct rule_interface *interface = hook == RULE_HOOK_INGRESS ? machine->packet.in :
									     machine->packet.out;
	struct hook_chains chains = { 0 };
	uint32_t at = 0;
	int error = 0;

	machine->packet.hook = hook;
	for (uint32_t i = 0; i < machine->ruleset->chains.n && !error; i++) {
		const struct rule_chain *chain = &machine->ruleset->chains.items[i];

		if (!hangs_at(machine, chain, hook) || !has_device(machine, chain, interface))
			continue;
		error = interface ? chains_add(machine->ruleset, &chains, false, i) :
				    meet_some(machine, i, states);
	}
	if (!error)
		error = chains_run_before(machine, &chains, INT64_MAX, &at, states);
	array_fini(&chains.chains);
	return error;
}

/* Frames of a bridge's ports meet its rules: by which port is not asked. */
int hook_run_bridge(struct machine *machine, struct states *states)
{
	const struct ruleset *ruleset = machine->ruleset;
	int error = 0;

	if (!machine->packet.in->kind || strcmp(machine->packet.in->kind, "bridge") != 0)
		return 0;
	for (uint32_t i = 0; i < ruleset->chains.n && !error; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];
		const struct rule_table *table = &ruleset->tables.items[chain->table];
		struct firewall_witness witness = machine_witness(machine, FIREWALL_POLICY, i);

		if (table->family != RULE_FAMILY_BRIDGE || table->is_dormant || !chain->is_base ||
		    (chain->hook != RULE_HOOK_PREROUTING && chain->hook != RULE_HOOK_INPUT) ||
		    (!machine->firewall->chain_matters[i] && chain->policy != RULE_DROP))
			continue;
		for (uint32_t j = 0; j < states->list.n && !error; j++) {
			const struct ranges *sources = &states->list.items[j].sources;

			error = machine_doubt(machine, sources, DOUBT(BRIDGE));
			if (!error)
				error = machine_outcome(machine, sources, HARK_FIREWALL_DROP, NULL,
							&witness);
		}
	}
	return error;
}
