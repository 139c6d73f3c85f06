/* SPDX-License-Identifier: MIT */
/* What rules do, besides to match: verdicts of targets, marks, refusals. */
#include "engine.h"

#include <string.h>

enum object_kind {
	OBJECT_COUNTER = 1,
	OBJECT_QUOTA = 2,
	OBJECT_LIMIT = 4,
	OBJECT_CONNLIMIT = 5,
	OBJECT_SYNPROXY = 10,
};

/* --- Refusals --- */

static const uint8_t icmp_kinds[] = {
	[0] = FIREWALL_NET_UNREACHABLE,      [1] = FIREWALL_HOST_UNREACHABLE,
	[2] = FIREWALL_PROTOCOL_UNREACHABLE, [3] = FIREWALL_PORT_UNREACHABLE,
	[9] = FIREWALL_NET_PROHIBITED,       [10] = FIREWALL_HOST_PROHIBITED,
	[13] = FIREWALL_ADMIN_PROHIBITED,
};

static const uint8_t icmp6_kinds[] = {
	[0] = FIREWALL_NET_UNREACHABLE,  [1] = FIREWALL_ADMIN_PROHIBITED,
	[3] = FIREWALL_HOST_UNREACHABLE, [4] = FIREWALL_PORT_UNREACHABLE,
	[5] = FIREWALL_POLICY_FAIL,      [6] = FIREWALL_REJECT_ROUTE,
};

static const uint8_t icmpx_kinds[] = {
	[RULE_ICMPX_NO_ROUTE] = FIREWALL_NET_UNREACHABLE,
	[RULE_ICMPX_PORT_UNREACHABLE] = FIREWALL_PORT_UNREACHABLE,
	[RULE_ICMPX_HOST_UNREACHABLE] = FIREWALL_HOST_UNREACHABLE,
	[RULE_ICMPX_ADMIN_PROHIBITED] = FIREWALL_ADMIN_PROHIBITED,
};

/* enum ipt_reject_with and enum ip6t_reject_with */
static const uint8_t ipt_kinds[] = {
	FIREWALL_NET_UNREACHABLE,  FIREWALL_HOST_UNREACHABLE, FIREWALL_PROTOCOL_UNREACHABLE,
	FIREWALL_PORT_UNREACHABLE, FIREWALL_HOW_NOTHING,      FIREWALL_NET_PROHIBITED,
	FIREWALL_HOST_PROHIBITED,  FIREWALL_TCP_RESET,        FIREWALL_ADMIN_PROHIBITED,
};

static const uint8_t ip6t_kinds[] = {
	FIREWALL_NET_UNREACHABLE,  FIREWALL_ADMIN_PROHIBITED, FIREWALL_HOW_NOTHING,
	FIREWALL_HOST_UNREACHABLE, FIREWALL_PORT_UNREACHABLE, FIREWALL_HOW_NOTHING,
	FIREWALL_TCP_RESET,        FIREWALL_POLICY_FAIL,      FIREWALL_REJECT_ROUTE,
};

#define KIND(kinds, code) ((code) < sizeof(kinds) ? (kinds)[code] : FIREWALL_HOW_NOTHING)

uint8_t reject_kind(const struct machine *machine, const struct rule_expression *e)
{
	if (e->key == RULE_REJECT_TCP_RESET)
		return FIREWALL_TCP_RESET;
	if (e->key == RULE_REJECT_ICMPX)
		return KIND(icmpx_kinds, e->type);
	return machine->is_ipv6 ? KIND(icmp6_kinds, e->type) : KIND(icmp_kinds, e->type);
}

/* A reset answers TCP alone; what is refused without an answer is dropped. */
static int refuse(struct machine *machine, struct rule_run *run, const struct condition *condition,
		  uint8_t kind)
{
	if (kind == FIREWALL_HOW_NOTHING ||
	    (kind == FIREWALL_TCP_RESET && !machine_is_tcp(machine)))
		return rule_decide(machine, run, condition, RULE_DROP, RULESET_NONE);
	return rule_reject(machine, run, condition, kind);
}

/* --- Changes --- */

static struct bits clear_and_xor(struct bits bits, uint32_t clear, uint32_t xor)
{
	bits.known |= clear;
	bits.value = ((bits.value & ~clear) ^ xor) & bits.known;
	if (bits.known == UINT32_MAX)
		bits.doubts = 0;
	return bits;
}

static struct bits unknown_mark(uint32_t doubts)
{
	return (struct bits){ .doubts = doubts };
}

/* (to & ~clear) ^ (from & mask) */
static struct bits move_mark(struct bits to, uint32_t clear, struct bits from, uint32_t mask)
{
	uint32_t unknown = mask & ~from.known;

	to = clear_and_xor(to, clear, from.value & from.known & mask);
	to.known &= ~unknown;
	to.value &= to.known;
	if (to.known != UINT32_MAX)
		to.doubts |= from.doubts;
	return to;
}

static int set_mark(struct machine *machine, struct rule_run *run, uint32_t expression,
		    const struct registers *registers, const struct condition *condition)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	struct packet_state state;
	int error = rule_take(machine, run, condition, RULE_CONTINUE, &state);

	if (error)
		return error;
	if (e->op == RULE_OP_META_SET)
		state.mark = registers_bits(registers, e->sreg);
	else
		state.ct_mark = registers_bits(registers, e->sreg);
	return rule_go_on(machine, run, &state, expression + 1, registers);
}

static int set_untracked(struct machine *machine, struct rule_run *run, uint32_t expression,
			 const struct registers *registers, const struct condition *condition)
{
	struct packet_state state;
	int error = rule_take(machine, run, condition, RULE_CONTINUE, &state);

	if (error)
		return error;
	state.ct = PACKET_CT_UNTRACKED;
	return rule_go_on(machine, run, &state, expression + 1, registers);
}

static int set_rewritten(struct machine *machine, struct rule_run *run, uint32_t expression,
			 const struct registers *registers, const struct condition *condition)
{
	struct packet_state state;
	int error = rule_take(machine, run, condition, RULE_CONTINUE, &state);

	if (error)
		return error;
	state.is_rewritten = true;
	return rule_go_on(machine, run, &state, expression + 1, registers);
}

/* Whatever it is: it may end the rule, decide, or change anything. */
static int open_all(struct machine *machine, struct rule_run *run, uint32_t expression,
		    const struct condition *condition)
{
	struct registers registers;
	struct condition open = { 0 };
	struct packet_state state;
	int error = rule_open(machine, run, condition, DOUBT(UNDECODED));

	if (!error)
		error = condition_of_some(&open, &condition->may, DOUBT(UNDECODED));
	if (!error)
		error = rule_take(machine, run, &open, RULE_CONTINUE, &state);
	condition_fini(&open);
	if (error)
		return error;
	registers_init(&registers, machine->is_ipv6);
	state.mark = state.ct_mark = unknown_mark(DOUBT(UNDECODED));
	state.is_rewritten = true;
	return rule_go_on(machine, run, &state, expression + 1, &registers);
}

static bool is_tracked(const struct packet_state *state)
{
	return state->ct != PACKET_CT_NONE && state->ct != PACKET_CT_UNTRACKED;
}

/* Somewhere else, if there is a socket, or a device, for it. */
static int divert(struct machine *machine, struct rule_run *run, const struct condition *condition,
		  bool is_sure)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_RULE, run->rule);
	struct condition part = { 0 };
	struct packet_state state;
	int error = is_sure ? condition_or(&part, condition) :
			      condition_of_some(&part, &condition->may,
						condition->doubts | DOUBT(SOCKET));

	if (!error)
		error = rule_take(machine, run, &part, RULE_STOLEN, &state);
	condition_fini(&part);
	if (error)
		return error;
	error = machine_outcome(machine, &state.sources, HARK_FIREWALL_DIVERTED, NULL, &witness);
	state_fini(&state);
	return error;
}

/* Addresses and ports are not followed; all else is no longer what was sent. */
static int set_payload(struct machine *machine, struct rule_run *run, uint32_t expression,
		       const struct registers *registers, const struct condition *condition)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	uint32_t first = machine->is_ipv6 ? 8 : 12, end = e->offset + e->length;

	if ((e->base == RULE_PAYLOAD_NETWORK && end > first) ||
	    (e->base == RULE_PAYLOAD_TRANSPORT && e->offset < 4) ||
	    e->base > RULE_PAYLOAD_TRANSPORT)
		return open_all(machine, run, expression, condition);
	return set_rewritten(machine, run, expression, registers, condition);
}

static int update_set(const struct machine *machine, const struct rule_expression *e,
		      struct condition *condition)
{
	const struct ruleset *ruleset = machine->ruleset;

	for (uint32_t i = 0; i < e->n_inner && e->first_inner + i < ruleset->expressions.n; i++) {
		uint8_t op = ruleset->expressions.items[e->first_inner + i].op;

		if (op != RULE_OP_COUNTER && op != RULE_OP_LAST)
			return may_break(machine, condition, DOUBT(RATE));
	}
	/* A set that is full takes no more: the rule ends, or does not if it is inverted. */
	return may_break(machine, condition, DOUBT(SET));
}

static int use_object(struct machine *machine, const struct rule_expression *e,
		      const struct registers *registers, struct condition *condition)
{
	struct lookup lookup = { 0 };
	int error = 0;

	if (e->sreg != RULE_REG_NONE && e->set != RULESET_NONE) {
		error = lookup_ask(machine, registers, e->sreg, e->set, false, &lookup);
		if (!error)
			error = condition_and(condition, &lookup.found);
		lookup_fini(&lookup);
	}
	if (error || e->key == OBJECT_COUNTER)
		return error;
	if (e->key == OBJECT_QUOTA || e->key == OBJECT_LIMIT || e->key == OBJECT_CONNLIMIT)
		return may_break(machine, condition, DOUBT(RATE));
	return e->key ? 0 : may_break(machine, condition, DOUBT(UNDECODED));
}

/* --- Targets of x_tables --- */

static int change_marks(struct machine *machine, struct rule_run *run, uint32_t expression,
			const struct xt *xt, const struct registers *registers,
			const struct condition *condition)
{
	const struct xt_mark *mark = &xt->u.mark;
	bool is_shifted = mark->shift_left || mark->shift_right;
	struct packet_state state;
	int error;

	if (xt->kind == XT_SET_CONNMARK && !is_tracked(run->state))
		return 0;
	error = rule_take(machine, run, condition, RULE_CONTINUE, &state);
	if (error)
		return error;
	if (xt->kind == XT_SET_MARK)
		state.mark = clear_and_xor(state.mark, mark->mask, mark->mark);
	else if (mark->mode == 0)
		state.ct_mark = clear_and_xor(state.ct_mark, mark->mask, mark->mark);
	else if (mark->mode == 1)
		state.ct_mark =
			move_mark(state.ct_mark, mark->ct_mask, state.mark, mark->packet_mask);
	else
		state.mark = move_mark(state.mark, mark->packet_mask, state.ct_mark, mark->ct_mask);
	if (is_shifted && mark->mode == 2)
		state.mark = unknown_mark(DOUBT(MARK));
	else if (is_shifted)
		state.ct_mark = unknown_mark(DOUBT(MARK));
	return rule_go_on(machine, run, &state, expression + 1, registers);
}

static int xt_target(struct machine *machine, struct rule_run *run, uint32_t expression,
		     const struct registers *registers, const struct condition *condition,
		     bool *ret_is_end)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	const struct xt *xt =
		e->xt < machine->ruleset->xts.n ? &machine->ruleset->xts.items[e->xt] : NULL;

	*ret_is_end = true;
	switch (xt ? xt->kind : XT_UNKNOWN) {
	case XT_VERDICT:
		return rule_decide(machine, run, condition, xt->u.verdict.verdict,
				   xt->u.verdict.chain);
	case XT_ERROR:
		return rule_decide(machine, run, condition, RULE_DROP, RULESET_NONE);
	case XT_REJECT:
		return refuse(machine, run, condition,
			      machine->is_ipv6 ? KIND(ip6t_kinds, xt->u.reject.with) :
						 KIND(ipt_kinds, xt->u.reject.with));
	case XT_DNAT:
	case XT_SNAT:
		return nat_xt_target(machine, run, xt, condition);
	case XT_SET_MARK:
		return change_marks(machine, run, expression, xt, registers, condition);
	case XT_SET_CONNMARK:
		*ret_is_end = is_tracked(run->state);
		return change_marks(machine, run, expression, xt, registers, condition);
	case XT_CT:
		if (!xt->u.ct.is_notrack || run->state->ct != PACKET_CT_NONE)
			break;
		return set_untracked(machine, run, expression, registers, condition);
	case XT_TPROXY:
		return divert(machine, run, condition, false);
	case XT_QUEUE:
		return rule_open(machine, run, condition, DOUBT(QUEUE));
	case XT_SYNPROXY:
		return rule_open(machine, run, condition, DOUBT(SOCKET));
	case XT_CHANGE:
		return set_rewritten(machine, run, expression, registers, condition);
	case XT_CHANGE_SETS:
	case XT_NOTHING:
		break;
	default:
		return open_all(machine, run, expression, condition);
	}
	*ret_is_end = false;
	return 0;
}

/* One that ends the rule, or changes a state: then the rest of it has been run. */
static int act(struct machine *machine, struct rule_run *run, uint32_t expression,
	       const struct registers *registers, const struct condition *condition)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];

	switch (e->op) {
	case RULE_OP_META_SET:
	case RULE_OP_CT_SET:
		return set_mark(machine, run, expression, registers, condition);
	case RULE_OP_NOTRACK:
		return set_untracked(machine, run, expression, registers, condition);
	case RULE_OP_PAYLOAD_SET:
		return set_payload(machine, run, expression, registers, condition);
	case RULE_OP_REJECT:
		return refuse(machine, run, condition, reject_kind(machine, e));
	case RULE_OP_NAT:
	case RULE_OP_MASQ:
	case RULE_OP_REDIR:
		return nat_statement(machine, run, e, registers, condition);
	case RULE_OP_TPROXY:
		return divert(machine, run, condition, false);
	case RULE_OP_FWD:
		return divert(machine, run, condition, true);
	case RULE_OP_QUEUE:
		return rule_open(machine, run, condition, DOUBT(QUEUE));
	case RULE_OP_SYNPROXY:
		return rule_open(machine, run, condition, DOUBT(SOCKET));
	default:
		return open_all(machine, run, expression, condition);
	}
}

int statement(struct machine *machine, struct rule_run *run, uint32_t expression,
	      struct registers *registers, struct condition *condition, bool *ret_is_end)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];

	*ret_is_end = false;
	switch (e->op) {
	case RULE_OP_COUNTER:
	case RULE_OP_LAST:
	case RULE_OP_LOG:
	case RULE_OP_DUP:
	case RULE_OP_FLOW_OFFLOAD:
	case RULE_OP_EXTHDR_SET:
		return 0;
	case RULE_OP_DYNSET:
		return update_set(machine, e, condition);
	case RULE_OP_OBJREF:
		if (e->key == OBJECT_SYNPROXY)
			break;
		return use_object(machine, e, registers, condition);
	case RULE_OP_META_SET:
		if (e->key == RULE_META_MARK)
			break;
		if (e->key == RULE_META_PKTTYPE || e->key == RULE_META_BRI_BROUTE) {
			*ret_is_end = true;
			return open_all(machine, run, expression, condition);
		}
		return 0;
	case RULE_OP_CT_SET:
		if (e->key == RULE_CT_MARK && is_tracked(run->state))
			break;
		return 0;
	case RULE_OP_NOTRACK:
		if (run->state->ct == PACKET_CT_NONE)
			break;
		return 0;
	case RULE_OP_XT_TARGET:
		return xt_target(machine, run, expression, registers, condition, ret_is_end);
	default:
		break;
	}
	*ret_is_end = true;
	return act(machine, run, expression, registers, condition);
}
