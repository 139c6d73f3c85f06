/* SPDX-License-Identifier: MIT */
/*
 * Address translation of destinations. That of senders changes nothing for who gets in, and ends a
 * chain like any other. nf_nat_core.c: the first rule that translates is the last that is asked.
 */
#include "engine.h"

#include <string.h>

static bool is_in_range(const struct hark_addr *addr, const struct nat_target *target)
{
	return memcmp(addr->bytes, target->first.bytes, 16) >= 0 &&
	       memcmp(addr->bytes, target->last.bytes, 16) <= 0;
}

/* The part of an address that its new network does not give stays. */
static void map_network(struct packet_state *state, const struct nat_target *target)
{
	for (unsigned int i = 0; i < 16; i++) {
		uint8_t free_bits = target->first.bytes[i] ^ target->last.bytes[i];

		state->to.bytes[i] = (uint8_t)((target->first.bytes[i] & ~free_bits) |
					       (state->to.bytes[i] & free_bits));
	}
}

static void change_address(struct packet_state *state, const struct nat_target *target)
{
	struct hark_addr before = state->to;

	if (!target->is_address_known) {
		state->is_to_known = false;
		state->to = target->first;
		state->to_last = target->last;
		state->is_dnat = state->is_dnat_known = false;
		return;
	}
	if (target->is_netmap && state->is_to_known) {
		map_network(state, target);
	} else if (memcmp(target->first.bytes, target->last.bytes, 16) != 0) {
		if (state->is_to_known && is_in_range(&before, target))
			state->is_dnat_known = false;
		state->is_to_known = false;
		state->to = target->first;
		state->to_last = target->last;
		state->is_dnat = state->is_dnat_known;
		return;
	} else {
		state->to = target->first;
		state->is_to_known = true;
	}
	state->to.scope_id = 0;
	if (memcmp(before.bytes, state->to.bytes, 16) != 0)
		state->is_dnat = true;
}

/* nf_nat_l4proto_unique_tuple(): the distance from the base, within as many as there are. */
static uint16_t shifted_port(const struct nat_target *target, uint16_t before)
{
	bool is_turned = target->last_port < target->first_port;
	uint16_t first = is_turned ? target->last_port : target->first_port;
	uint16_t last = is_turned ? target->first_port : target->last_port;
	uint16_t distance = (uint16_t)(before - target->base_port);

	return (uint16_t)(first + distance % (last - first + 1u));
}

static void change_port(struct packet_state *state, const struct nat_target *target)
{
	uint16_t before = state->port;

	if (!target->is_port_known) {
		state->is_port_known = false;
		if (!state->is_dnat)
			state->is_dnat_known = false;
		return;
	}
	if (!state->is_port_known)
		return;
	if (target->is_shifted)
		state->port = shifted_port(target, before);
	else if (before < target->first_port || before > target->last_port)
		state->port = target->first_port;
	/* Older kernels draw one of them, whatever the flags say. */
	if (state->port != before && !target->is_shifted && target->first_port != target->last_port)
		state->is_port_known = false;
	if (state->port != before) {
		state->is_dnat = true;
		state->is_dnat_known = true;
	}
}

void nat_apply(const struct machine *machine, struct packet_state *state,
	       const struct nat_target *target)
{
	(void)machine;
	if (target->has_address)
		change_address(state, target);
	if (target->has_port)
		change_port(state, target);
	state->is_translated = true;
}

/* nf_nat_redirect.c: the interface's first address, of IPv6 the first of the scope. */
bool nat_redirect_address(const struct machine *machine, const struct packet_state *state,
			  struct nat_target *target)
{
	static const uint8_t loopback4[4] = { 127, 0, 0, 1 };
	static const uint8_t loopback6[16] = { [15] = 1 };
	const struct ruleset *ruleset = machine->ruleset;
	bool is_link = hark_addr_is_link_local(&state->to);

	target->has_address = target->is_address_known = true;
	if (machine->packet.hook == RULE_HOOK_OUTPUT) {
		target->first = machine->is_ipv6 ? hark_addr_from_ipv6(loopback6, 0) :
						   hark_addr_from_ipv4(loopback4);
		target->last = target->first;
		return true;
	}
	for (uint32_t i = 0; i < ruleset->addresses.n; i++) {
		const struct hark_addr *addr = &ruleset->addresses.items[i].addr;

		if (!machine->packet.in ||
		    ruleset->addresses.items[i].ifindex != machine->packet.in->ifindex ||
		    hark_addr_is_ipv4(addr) == machine->is_ipv6 ||
		    (machine->is_ipv6 && !ruleset->addresses.items[i].is_usable) ||
		    (machine->is_ipv6 && is_link && !hark_addr_is_link_local(addr)))
			continue;
		target->first = target->last = *addr;
		return true;
	}
	return false;
}

/* --- Where the rule says it goes --- */

static bool take_address(const struct machine *machine, const struct registers *registers,
			 uint8_t reg, struct hark_addr *ret)
{
	uint8_t bytes[16];

	if (!registers_known(registers, reg, machine->is_ipv6 ? 16 : 4, bytes))
		return false;
	*ret = machine->is_ipv6 ? hark_addr_from_ipv6(bytes, 0) : hark_addr_from_ipv4(bytes);
	return true;
}

static bool take_port(const struct registers *registers, uint8_t reg, uint16_t *ret)
{
	uint8_t bytes[2];

	if (!registers_known(registers, reg, 2, bytes))
		return false;
	*ret = (uint16_t)(bytes[0] << 8 | bytes[1]);
	return true;
}

static void take_target(const struct machine *machine, const struct rule_expression *e,
			const struct registers *registers, struct nat_target *target)
{
	uint8_t port = e->sreg2, last_port = e->sreg4;

	if (e->op == RULE_OP_NAT && e->sreg != RULE_REG_NONE) {
		target->has_address = true;
		target->is_address_known =
			take_address(machine, registers, e->sreg, &target->first);
		target->last = target->first;
		if (e->sreg3 != RULE_REG_NONE)
			target->is_address_known &=
				take_address(machine, registers, e->sreg3, &target->last);
		target->is_netmap = e->flags & RULE_NAT_NETMAP;
		if (!target->is_address_known) {
			target->first = ranges_addr(0, machine->is_ipv6);
			target->last =
				ranges_addr(machine->is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4,
					    machine->is_ipv6);
		}
	}
	if (port == RULE_REG_NONE)
		return;
	target->has_port = true;
	target->is_port_known = take_port(registers, port, &target->first_port);
	target->last_port = target->first_port;
	if (last_port != RULE_REG_NONE)
		target->is_port_known &= take_port(registers, last_port, &target->last_port);
	if (e->flags & (RULE_NAT_PROTO_RANDOM | RULE_NAT_PROTO_RANDOM_FULLY) &&
	    target->first_port != target->last_port)
		target->is_port_known = false;
}

static int translate(struct machine *machine, struct rule_run *run, const struct nat_target *target,
		     const struct condition *condition)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_RULE, run->rule);
	struct packet_state state;
	int error = rule_take(machine, run, condition, RULE_ACCEPT, &state);

	if (error)
		return error;
	nat_apply(machine, &state, target);
	if (target->has_address || target->has_port)
		error = machine_pass(machine, &state.sources, &witness);
	if (!error)
		return states_add(&machine->accepted, &state);
	state_fini(&state);
	return error;
}

static int redirect(struct machine *machine, struct rule_run *run, struct nat_target *target,
		    const struct condition *condition)
{
	if (!nat_redirect_address(machine, run->state, target))
		return rule_decide(machine, run, condition, RULE_DROP, RULESET_NONE);
	return translate(machine, run, target, condition);
}

int nat_statement(struct machine *machine, struct rule_run *run, const struct rule_expression *e,
		  const struct registers *registers, const struct condition *condition)
{
	uint8_t family = machine->is_ipv6 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4;
	struct nat_target target = { 0 };

	if (e->op == RULE_OP_NAT && e->family != family && e->family != RULE_FAMILY_INET)
		return 0;
	if (e->op == RULE_OP_MASQ || (e->op == RULE_OP_NAT && e->key == RULE_NAT_SOURCE))
		return translate(machine, run, &target, condition);
	take_target(machine, e, registers, &target);
	if (e->op == RULE_OP_REDIR)
		return redirect(machine, run, &target, condition);
	return translate(machine, run, &target, condition);
}

int nat_xt_target(struct machine *machine, struct rule_run *run, const struct xt *xt,
		  const struct condition *condition)
{
	const struct xt_nat *nat = &xt->u.nat;
	struct nat_target target = { 0 };

	if (xt->kind == XT_SNAT)
		return translate(machine, run, &target, condition);
	if (nat->flags & RULE_NAT_MAP_IPS || nat->is_netmap) {
		target.has_address = target.is_address_known = true;
		target.first = machine->is_ipv6 ? hark_addr_from_ipv6(nat->first, 0) :
						  hark_addr_from_ipv4(nat->first);
		target.last = machine->is_ipv6 ? hark_addr_from_ipv6(nat->last, 0) :
						 hark_addr_from_ipv4(nat->last);
		target.is_netmap = nat->is_netmap;
	}
	if (nat->flags & RULE_NAT_PROTO_SPECIFIED) {
		target.has_port = target.is_port_known = true;
		target.first_port = nat->first_port;
		target.last_port = nat->last_port;
		target.is_shifted = nat->flags & RULE_NAT_PROTO_OFFSET;
		target.base_port = nat->base_port;
		if (nat->flags & (RULE_NAT_PROTO_RANDOM | RULE_NAT_PROTO_RANDOM_FULLY) &&
		    nat->first_port != nat->last_port)
			target.is_port_known = false;
	}
	if (nat->is_redirect)
		return redirect(machine, run, &target, condition);
	return translate(machine, run, &target, condition);
}
