/* SPDX-License-Identifier: MIT */
/*
 * The way of a packet, and of what answers it, through the hooks of a host.
 *
 * From the wire: programs of the interface, ingress, prerouting, routing, input. From this host
 * itself: output and postrouting first, all by lo. A SYN that nobody answers has not opened
 * anything, so for TCP the answer has to get out: through output and postrouting, by a route.
 */
#include "engine.h"

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
	int error = hook_meet_programs(machine, RULE_PROGRAM_XDP, 0, states);

	if (!error)
		error = hook_meet_programs(machine, RULE_PROGRAM_TC, 0, states);
	if (!error)
		error = hook_run_device(machine, RULE_HOOK_INGRESS, states);
	if (!error && machine->packet.in)
		error = hook_run_bridge(machine, states);
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
	error = hook_run(machine, RULE_HOOK_OUTPUT, states);
	if (!error)
		error = hook_run(machine, RULE_HOOK_POSTROUTING, states);
	if (!error)
		error = hook_run_device(machine, RULE_HOOK_EGRESS, states);
	machine->packet = before;
	return error;
}

int pipeline_run(struct machine *machine)
{
	struct states states = { 0 };
	int error = start(machine, &states);

	if (!error && machine->is_local)
		error = run_from_here(machine, &states);
	if (!error)
		error = run_from_wire(machine, &states);
	if (!error)
		error = hook_run(machine, RULE_HOOK_PREROUTING, &states);
	if (!error)
		error = route_all(machine, &states);
	if (!error)
		error = reply_refuse(machine);
	states_fini(&states);
	return error;
}
