/* SPDX-License-Identifier: MIT */
/*
 * The way of a packet, and of what answers it, through the hooks of a host.
 *
 * From the wire: programs of the interface, ingress, prerouting, routing, input. From this host
 * itself: output and postrouting first, all by lo. A SYN that nobody answers has not opened
 * anything, so for TCP the answer has to get out: through output and postrouting, by a route.
 */
#include "engine.h"

#include <errno.h>
#include <string.h>

static int run_hook(struct machine *machine, uint8_t hook, struct states *states);

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

static int meet_programs(struct machine *machine, enum rule_program_kind kind, uint8_t hook,
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
	if (!machine->ruleset->has_conntrack[machine->packet.question->family])
		return;
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

static int run_hook(struct machine *machine, uint8_t hook, struct states *states)
{
	const struct hook_chains *chains =
		&machine->firewall->hooks[machine->packet.question->family][hook];
	bool is_early = hook == RULE_HOOK_PREROUTING || hook == RULE_HOOK_OUTPUT;
	bool is_late = hook == RULE_HOOK_INPUT || hook == RULE_HOOK_POSTROUTING;
	uint32_t at = 0;
	int error;

	machine->packet.hook = hook;
	machine->packet.is_first = is_early;
	error = meet_programs(machine, RULE_PROGRAM_NETFILTER, hook, states);
	if (!error && is_early) {
		error = chains_run_before(machine, chains, RULE_PRIORITY_CONNTRACK, &at, states);
		track(machine, states);
		machine->packet.is_first = false;
		if (!error)
			error = chains_run_before(machine, chains, RULE_PRIORITY_NAT_DESTINATION,
						  &at, states);
		if (!error && !(machine->is_local && hook == RULE_HOOK_PREROUTING))
			error = chains_run_nat(machine, chains, states);
	}
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

static bool is_ingress_of(const struct machine *machine, const struct rule_chain *chain)
{
	const struct rule_table *table = &machine->ruleset->tables.items[chain->table];

	if (!chain->is_base || chain->hook != RULE_HOOK_INGRESS || table->is_dormant ||
	    (table->family != RULE_FAMILY_NETDEV && table->family != RULE_FAMILY_INET))
		return false;
	for (uint32_t i = 0; i < chain->n_devices; i++) {
		if (is_device(machine->ruleset->devices.items[chain->first_device + i],
			      machine->packet.in->name))
			return true;
	}
	return false;
}

static int run_ingress(struct machine *machine, struct states *states)
{
	struct hook_chains chains = { 0 };
	uint32_t at = 0;
	int error = 0;

	machine->packet.hook = RULE_HOOK_INGRESS;
	for (uint32_t i = 0; i < machine->ruleset->chains.n && !error; i++) {
		if (is_ingress_of(machine, &machine->ruleset->chains.items[i]))
			error = chains_add(machine->ruleset, &chains, false, i);
	}
	if (!error)
		error = chains_run_before(machine, &chains, INT64_MAX, &at, states);
	array_fini(&chains.chains);
	return error;
}

/* Frames of a bridge's ports meet its rules: by which port is not asked. */
static int run_bridge(struct machine *machine, struct states *states)
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

/* --- The end --- */

static bool is_own(const struct machine *machine, const struct hark_addr *addr)
{
	for (uint32_t i = 0; i < machine->ruleset->locals.n; i++) {
		if (hark_prefix_contains(&machine->ruleset->locals.items[i].prefix, addr))
			return true;
	}
	return false;
}

static struct firewall_how how_delivered(const struct machine *machine,
					 const struct packet_state *state)
{
	const struct firewall_question *question = machine->packet.question;
	bool is_same_port = state->is_port_known && state->port == question->port;
	struct firewall_how how = { 0 };

	if (state->is_to_known && is_same_port &&
	    !memcmp(state->to.bytes, question->to.bytes, sizeof(state->to.bytes)))
		return how;
	how.kind = FIREWALL_HOW_ADDRESS;
	how.port = state->is_port_known ? state->port : 0;
	how.is_any_address = !state->is_to_known;
	how.first = state->to;
	how.last = state->is_to_known ? state->to : state->to_last;
	how.is_local = is_own(machine, &how.first) && is_own(machine, &how.last);
	return how;
}

static int end_with(struct machine *machine, const struct states *states, uint8_t verdict)
{
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		struct firewall_how how = how_delivered(machine, &states->list.items[i]);

		error = machine_outcome(machine, &states->list.items[i].sources, verdict, &how,
					NULL);
	}
	return error;
}

/* --- The answer --- */

static int run_reply_hooks(struct machine *machine, struct states *states)
{
	int error = run_hook(machine, RULE_HOOK_OUTPUT, states);

	if (!error)
		error = run_hook(machine, RULE_HOOK_POSTROUTING, states);
	if (error || !machine->is_local)
		return error;
	machine->packet.in = machine->packet.out;
	machine->packet.has_in = true;
	machine->packet.out = NULL;
	machine->packet.has_out = false;
	error = run_hook(machine, RULE_HOOK_PREROUTING, states);
	return error ? error : run_hook(machine, RULE_HOOK_INPUT, states);
}

static int refuse_reply(struct machine *machine, const struct fib_result *result)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_NO_ROUTE, 0);
	int error = 0;

	if (result->doubts)
		error = machine_doubt(machine, &result->sources, result->doubts);
	return error ? error :
		       machine_outcome(machine, &result->sources, HARK_FIREWALL_DROP, NULL,
				       &witness);
}

static int send_reply(struct machine *machine, const struct packet_state *state,
		      const struct fib_result *result)
{
	const struct packet before = machine->packet;
	struct packet_state reply = state_facts(state);
	struct states states = { 0 }, delivered = { 0 };
	int error = 0;

	if (!fib_is_way(result) || result->doubts)
		error = refuse_reply(machine, result);
	if (error || (!fib_is_way(result) && !result->doubts))
		return error;
	reply.ct = PACKET_CT_NONE;
	reply.mark = (struct bits){ .known = UINT32_MAX };
	error = ranges_copy(&reply.sources, &result->sources);
	if (!error)
		error = states_add(&states, &reply);
	machine->packet.in = NULL;
	machine->packet.has_in = false;
	machine->packet.out = result->doubts ? NULL :
					       ruleset_interface(machine->ruleset, result->oif);
	machine->packet.has_out = true;
	if (!error)
		error = run_reply_hooks(machine, &states);
	machine->packet = before;
	/* It is delivered where it was, whatever its answer carries now. */
	for (uint32_t i = 0; i < states.list.n && !error; i++) {
		struct packet_state end = state_facts(state);

		end.sources = states.list.items[i].sources;
		states.list.items[i].sources = (struct ranges){ 0 };
		error = states_add(&delivered, &end);
	}
	machine->packet.is_reply = false;
	if (!error)
		error = end_with(machine, &delivered, HARK_FIREWALL_ACCEPT);
	states_fini(&states);
	states_fini(&delivered);
	ranges_fini(&reply.sources);
	return error;
}

static int answer(struct machine *machine, const struct states *states)
{
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		const struct packet_state *state = &states->list.items[i];
		struct fib_result *results = NULL;
		uint32_t n = 0;

		machine->packet.is_reply = true;
		machine->packet.hook = RULE_HOOK_OUTPUT;
		error = fib_reply(&machine->packet, state, &state->to,
				  (struct bits){ .known = UINT32_MAX }, &results, &n);
		for (uint32_t j = 0; j < n && !error; j++) {
			machine->packet.is_reply = true;
			error = send_reply(machine, state, &results[j]);
		}
		fib_results_free(results, n);
	}
	machine->packet.is_reply = false;
	return error;
}

/* --- Routing --- */

static int input(struct machine *machine, struct states *states)
{
	int error = run_hook(machine, RULE_HOOK_INPUT, states);

	if (!error)
		error = meet_programs(machine, RULE_PROGRAM_CGROUP, 0, states);
	if (error)
		return error;
	return machine_is_tcp(machine) ? answer(machine, states) :
					 end_with(machine, states, HARK_FIREWALL_ACCEPT);
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
	error = run_hook(machine, RULE_HOOK_PREROUTING, states);
	machine->packet.out = before.in;
	machine->packet.has_out = true;
	if (!error)
		error = run_hook(machine, RULE_HOOK_FORWARD, states);
	machine->packet.in = NULL;
	machine->packet.has_in = false;
	if (!error)
		error = run_hook(machine, RULE_HOOK_POSTROUTING, states);
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
	machine->packet.has_out = true;
	error = run_hook(machine, RULE_HOOK_FORWARD, states);
	machine->packet.in = NULL;
	machine->packet.has_in = false;
	if (!error)
		error = run_hook(machine, RULE_HOOK_POSTROUTING, states);
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
		error = end_with(machine, &delivered, HARK_FIREWALL_ACCEPT);
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
		error = end_with(machine, &states, HARK_FIREWALL_DIVERTED);
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
	bool is_first_own = is_own(machine, &state->to);
	bool is_last_own = is_own(machine, &state->to_last);
	int error = 0;

	if (is_first_own || is_last_own)
		error = deliver_some(machine, state, &state->sources, RULE_ROUTE_LOCAL, 0, 0);
	if (!error && !(is_first_own && is_last_own))
		error = deliver_some(machine, state, &state->sources, RULE_ROUTE_UNICAST, 0, 0);
	return error;
}

static int route(struct machine *machine, struct states *states)
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
					     is_own(machine, &state->to) ? RULE_ROUTE_LOCAL :
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

/* --- All of it --- */

static int add_own_sources(struct machine *machine, struct ranges *ret)
{
	int error = 0;

	for (uint32_t i = 0; i < machine->ruleset->locals.n && !error; i++) {
		const struct hark_prefix *prefix = &machine->ruleset->locals.items[i].prefix;
		bool is_ipv4 = hark_addr_is_ipv4(&prefix->addr) && prefix->bits >= 96;
		unsigned int bits = is_ipv4 ? prefix->bits - 96u : prefix->bits;
		unsigned int width = is_ipv4 ? 32 : 128;
		u128 first = ranges_number(&prefix->addr), size;

		if (is_ipv4 == machine->is_ipv6)
			continue;
		size = bits             ? ((u128)1 << (width - bits)) - 1 :
		       machine->is_ipv6 ? RANGES_MAX_IPV6 :
					  RANGES_MAX_IPV4;
		error = ranges_add(ret, first & ~size, first | size);
	}
	return error;
}

static int start(struct machine *machine, struct states *states)
{
	const struct firewall_question *question = machine->packet.question;
	struct packet_state state = {
		.mark.known = UINT32_MAX,
		.ct_mark.known = UINT32_MAX,
		.is_dnat_known = true,
		.to = question->to,
		.port = question->port,
		.is_to_known = true,
		.is_port_known = true,
	};
	int error = 0;

	machine->packet.in = ruleset_interface(machine->ruleset, question->ifindex);
	machine->packet.has_in = true;
	machine->is_local = machine->packet.in && machine->packet.in->is_loopback;
	if (machine->is_local)
		error = add_own_sources(machine, &state.sources);
	if (!error && !state.sources.n)
		error = ranges_copy(&state.sources, &machine->all);
	if (!error)
		return states_add(states, &state);
	state_fini(&state);
	return error;
}

static int run_from_wire(struct machine *machine, struct states *states)
{
	int error = meet_programs(machine, RULE_PROGRAM_XDP, 0, states);

	if (!error)
		error = meet_programs(machine, RULE_PROGRAM_TC, 0, states);
	if (!error && machine->packet.in)
		error = run_ingress(machine, states);
	if (!error && machine->packet.in)
		error = run_bridge(machine, states);
	return error;
}

static int run_from_here(struct machine *machine, struct states *states)
{
	const struct packet before = machine->packet;
	int error;

	machine->packet.out = machine->packet.in;
	machine->packet.has_out = true;
	machine->packet.in = NULL;
	machine->packet.has_in = false;
	error = run_hook(machine, RULE_HOOK_OUTPUT, states);
	if (!error)
		error = run_hook(machine, RULE_HOOK_POSTROUTING, states);
	machine->packet = before;
	return error;
}

int pipeline_run(struct machine *machine)
{
	struct states states = { 0 };
	int error = start(machine, &states);

	if (!error)
		error = machine->is_local ? run_from_here(machine, &states) :
					    run_from_wire(machine, &states);
	if (!error)
		error = run_hook(machine, RULE_HOOK_PREROUTING, &states);
	if (!error)
		error = route(machine, &states);
	states_fini(&states);
	return error;
}
