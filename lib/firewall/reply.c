/* SPDX-License-Identifier: MIT */
/*
 * What goes back to the sender: an answer, without which TCP has opened nothing, or a refusal. Both
 * need a route, and pass output and postrouting.
 */
#include "engine.h"
#include "fib.h"

#include <string.h>

#define PROTOCOL_ICMP   1
#define PROTOCOL_ICMPV6 58

bool address_is_own(const struct machine *machine, const struct hark_addr *addr)
{
	for (uint32_t i = 0; i < machine->ruleset->locals.n; i++) {
		if (hark_prefix_contains(&machine->ruleset->locals.items[i].prefix, addr))
			return true;
	}
	return false;
}

/* More prefixes in a row are taken to leave something out. */
#define PREFIXES_MAX 64

/* Whether any of those from one address to another is this host's, and whether all are. */
void addresses_are_own(const struct machine *machine, const struct packet_state *state,
		       bool *ret_any, bool *ret_all)
{
	const struct ruleset *ruleset = machine->ruleset;
	u128 at = ranges_number(&state->to), last = ranges_number(&state->to_last);
	uint8_t family = machine->packet.question->family;

	*ret_any = *ret_all = false;
	for (unsigned int round = 0; round < PREFIXES_MAX && !*ret_all; round++) {
		u128 next = at;

		for (uint32_t i = 0; i < ruleset->locals.n; i++) {
			const struct hark_prefix *prefix = &ruleset->locals.items[i].prefix;
			struct range range;

			if (hark_addr_is_ipv4(&prefix->addr) == machine->is_ipv6)
				continue;
			range = fib_range(prefix, family);
			*ret_any |= range.first <= last && range.last >= at;
			if (range.first > at || range.last < at)
				continue;
			*ret_all |= range.last >= last;
			if (range.last < last && range.last >= next)
				next = range.last + 1;
		}
		if (next == at)
			return;
		at = next;
	}
}

static struct firewall_how delivered_how(const struct machine *machine,
					 const struct packet_state *state)
{
	const struct firewall_question *question = machine->packet.question;
	bool is_same_port = state->is_port_known && state->port == question->port;
	struct firewall_how how = { 0 };
	bool is_any;

	if (state->is_to_known && is_same_port &&
	    !memcmp(state->to.bytes, question->to.bytes, sizeof(state->to.bytes)))
		return how;
	how.kind = FIREWALL_HOW_ADDRESS;
	how.port = state->is_port_known ? state->port : 0;
	how.is_any_address = !state->is_to_known;
	how.first = state->to;
	how.last = state->is_to_known ? state->to : state->to_last;
	if (state->is_to_known)
		how.is_local = address_is_own(machine, &how.first);
	else
		addresses_are_own(machine, state, &is_any, &how.is_local);
	return how;
}

int deliver_all(struct machine *machine, const struct states *states, uint8_t verdict)
{
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		struct firewall_how how = delivered_how(machine, &states->list.items[i]);

		error = machine_outcome(machine, &states->list.items[i].sources, verdict, &how,
					NULL);
	}
	return error;
}

/* What it is, and what becomes of those whom it reaches. */
struct reply {
	const struct packet_state *state;
	const struct refusal *refusal; /* NULL: it answers */
};

static int run_hooks(struct machine *machine, struct states *states)
{
	struct firewall_question ordinary;
	int error = hook_run(machine, RULE_HOOK_OUTPUT, states);

	if (!error)
		error = hook_run(machine, RULE_HOOK_POSTROUTING, states);
	if (!error)
		error = hook_run_device(machine, RULE_HOOK_EGRESS, states);
	if (error || !machine->is_local)
		return error;
	/* What programs of this host choose is no stranger's choice. */
	ordinary = *machine->packet.question;
	ordinary.is_canonical = true;
	machine->packet.question = &ordinary;
	machine->packet.in = machine->packet.out;
	machine->packet.has_in = true;
	machine->packet.out = NULL;
	machine->packet.has_out = false;
	error = hook_run_device(machine, RULE_HOOK_INGRESS, states);
	if (!error)
		error = hook_run(machine, RULE_HOOK_PREROUTING, states);
	return error ? error : hook_run(machine, RULE_HOOK_INPUT, states);
}

static int lose(struct machine *machine, const struct fib_result *result)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_NO_ROUTE, 0);
	int error = 0;

	if (result->doubts)
		error = machine_doubt(machine, &result->sources, result->doubts);
	return error ? error :
		       machine_outcome(machine, &result->sources, HARK_FIREWALL_DROP, NULL,
				       &witness);
}

/* They hear of it: what came back tells what they were told. */
static int end(struct machine *machine, const struct reply *reply, struct states *states)
{
	struct packet_state delivered = state_facts(reply->state);
	struct states all = { 0 };
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++)
		error = ranges_unite(&delivered.sources, &states->list.items[i].sources);
	if (!error && reply->refusal) {
		struct firewall_how how = { .kind = reply->refusal->kind };

		error = machine_outcome(machine, &delivered.sources, HARK_FIREWALL_REJECT, &how,
					&reply->refusal->witness);
	} else if (!error) {
		error = states_add(&all, &delivered);
		if (!error)
			error = deliver_all(machine, &all, HARK_FIREWALL_ACCEPT);
	}
	state_fini(&delivered);
	states_fini(&all);
	return error;
}

static int send(struct machine *machine, const struct reply *reply, const struct fib_result *result)
{
	const struct packet before = machine->packet;
	struct packet_state state = state_facts(reply->state);
	struct states states = { 0 };
	int error = 0;

	if (!fib_is_way(result) || result->doubts)
		error = lose(machine, result);
	if (error || (!fib_is_way(result) && !result->doubts))
		return error;
	/* netfilter/core.c, nf_ct_attach(): a refusal belongs to the connection from the start. */
	state.ct = reply->refusal && state.has_connection && state.ct != PACKET_CT_UNTRACKED ?
			   PACKET_CT_RELATED :
			   PACKET_CT_NONE;
	state.has_connection &= !reply->refusal || state.ct == PACKET_CT_RELATED;
	state.mark = (struct bits){ .known = UINT32_MAX };
	state.is_rewritten = false;
	error = ranges_copy(&state.sources, &result->sources);
	if (!error)
		error = states_add(&states, &state);
	machine->packet.in = NULL;
	machine->packet.has_in = false;
	machine->packet.out = result->doubts ? NULL :
					       ruleset_interface(machine->ruleset, result->oif);
	machine->packet.has_out = true;
	if (!error)
		error = run_hooks(machine, &states);
	machine->packet = before;
	machine->packet.is_reply = false;
	if (!error)
		error = end(machine, reply, &states);
	machine->packet.is_reply = true;
	states_fini(&states);
	state_fini(&state);
	return error;
}

static int send_back(struct machine *machine, const struct reply *reply)
{
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int error;

	machine->packet.is_reply = true;
	machine->packet.hook = RULE_HOOK_OUTPUT;
	error = fib_reply(&machine->packet, reply->state, &reply->state->to,
			  (struct bits){ .known = UINT32_MAX }, &results, &n);
	for (uint32_t i = 0; i < n && !error; i++)
		error = send(machine, reply, &results[i]);
	machine->packet.is_reply = false;
	fib_results_free(results, n);
	return error;
}

int reply_accept(struct machine *machine, const struct states *states)
{
	int error = 0;

	machine->packet.answer = PACKET_SYN_ACK;
	for (uint32_t i = 0; i < states->list.n && !error; i++)
		error = send_back(machine, &(struct reply){ &states->list.items[i], NULL });
	return error;
}

static int refuse(struct machine *machine, const struct refusal *refusal)
{
	const struct firewall_question *question = machine->packet.question;
	struct firewall_question icmp = *question;
	struct firewall_how how = { .kind = refusal->kind };
	bool is_reset = refusal->kind == FIREWALL_TCP_RESET;
	int error;

	/* nft_reject_netdev.c: it leaves by the device as it is. */
	if (refusal->witness.stage == RULE_HOOK_INGRESS)
		return machine_outcome(machine, &refusal->state.sources, HARK_FIREWALL_REJECT, &how,
				       &refusal->witness);
	icmp.protocol = machine->is_ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP;
	machine->packet.answer = is_reset ? PACKET_RESET : PACKET_ICMP;
	if (!is_reset)
		machine->packet.question = &icmp;
	error = send_back(machine, &(struct reply){ &refusal->state, refusal });
	machine->packet.question = question;
	machine->packet.answer = PACKET_SYN_ACK;
	return error;
}

int reply_refuse(struct machine *machine)
{
	int error = 0;

	for (uint32_t i = 0; i < machine->refusals.n && !error; i++)
		error = refuse(machine, &machine->refusals.items[i]);
	return error;
}
