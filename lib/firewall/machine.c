/* SPDX-License-Identifier: MIT */
/* Rules and chains, run on states. */
#include "engine.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 32 /* the kernel's is 16 */
/* A number that is drawn from so few is followed for each. */
#define DRAWS_MAX 64

/* --- A rule --- */

/*
 * Those of the state that the condition lets in, as a state of their own. The state itself loses
 * those that it is sure of when the rule has ended.
 */
int rule_take(struct machine *machine, struct rule_run *run, const struct condition *condition,
	      uint8_t action, struct packet_state *ret)
{
	struct ranges unsure = { 0 };
	int error;

	*ret = state_facts(run->state);
	error = ranges_copy(&ret->sources, &condition->may);
	if (!error)
		error = ranges_intersect(&ret->sources, &run->state->sources);
	if (!error)
		error = ranges_copy(&unsure, &ret->sources);
	if (!error)
		error = ranges_subtract(&unsure, &condition->must);
	if (!error && unsure.n)
		error = machine_doubt(machine, &unsure, condition->doubts);
	if (!error && machine->tell) {
		struct ranges must = { 0 };

		error = ranges_copy(&must, &ret->sources);
		if (!error)
			error = ranges_subtract(&must, &unsure);
		if (!error)
			machine_tell(machine, run->rule, action, &ret->sources, &must,
				     condition->doubts);
		ranges_fini(&must);
	}
	if (!error)
		error = ranges_unite(&run->gone, &condition->must);
	machine->work += ret->sources.n / 8;
	ranges_fini(&unsure);
	if (error)
		state_fini(ret);
	return error;
}

static int finish(struct rule_run *run)
{
	int error = ranges_subtract(&run->state->sources, &run->gone);

	ranges_fini(&run->gone);
	return error;
}

int rule_go_on(struct machine *machine, struct rule_run *run, struct packet_state *changed,
	       uint32_t expression, const struct registers *registers)
{
	struct rule_run rest = {
		.rule = run->rule, .state = changed, .next = run->next, .returned = run->returned
	};
	struct condition all = { 0 };
	int error = condition_of_all(&all, &machine->all);

	if (!error && changed->sources.n)
		error = rule_run_from(machine, &rest, expression, registers, &all);
	if (!error)
		error = finish(&rest);
	ranges_fini(&rest.gone);
	condition_fini(&all);
	if (!error)
		return states_add(run->next, changed);
	state_fini(changed);
	return error;
}

static int run_chain(struct machine *machine, uint32_t chain, struct states *states);

/* What comes back from the chain goes on after the rule, or returns from its own after goto. */
static int jump(struct machine *machine, struct rule_run *run, uint32_t chain, bool is_goto,
		struct packet_state *state)
{
	struct states inside = { 0 };
	int error = states_add(&inside, state);

	if (!error && machine->depth >= DEPTH_MAX)
		error = -E2BIG;
	machine->depth++;
	if (!error && inside.list.n)
		error = run_chain(machine, chain, &inside);
	machine->depth--;
	if (!error)
		error = states_absorb(is_goto ? run->returned : run->next, &inside);
	states_fini(&inside);
	return error;
}

static int drop(struct machine *machine, struct rule_run *run, struct packet_state *state,
		uint8_t verdict, const struct firewall_how *how)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_RULE, run->rule);
	int error = machine_outcome(machine, &state->sources, verdict, how, &witness);

	state_fini(state);
	return error;
}

static int pass(struct machine *machine, struct rule_run *run, struct packet_state *state)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_RULE, run->rule);
	int error = machine_pass(machine, &state->sources, &witness);

	if (!error)
		return states_add(&machine->accepted, state);
	state_fini(state);
	return error;
}

int rule_open(struct machine *machine, struct rule_run *run, const struct condition *condition,
	      uint32_t doubts)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_RULE, run->rule);
	struct condition open = { 0 };
	struct packet_state state;
	int error = condition_of_some(&open, &condition->may, doubts | condition->doubts);

	if (!error)
		error = rule_take(machine, run, &open, RULE_VERDICT_UNKNOWN, &state);
	condition_fini(&open);
	if (error)
		return error;
	error = machine_outcome(machine, &state.sources, HARK_FIREWALL_DROP, NULL, &witness);
	/* Accepted, too; and it stays in the state that goes on. */
	if (!error)
		return pass(machine, run, &state);
	state_fini(&state);
	return error;
}

int rule_reject(struct machine *machine, struct rule_run *run, const struct condition *condition,
		uint8_t kind)
{
	struct refusal *refusal;
	struct packet_state state;
	int error = rule_take(machine, run, condition, RULE_DROP, &state);

	if (error)
		return error;
	if (machine->packet.is_reply)
		return drop(machine, run, &state, HARK_FIREWALL_DROP, NULL);
	refusal = array_push(&machine->refusals);
	if (!refusal) {
		state_fini(&state);
		return -ENOMEM;
	}
	*refusal =
		(struct refusal){ state, kind, machine_witness(machine, FIREWALL_RULE, run->rule) };
	machine->items += state.sources.n;
	return machine->items > ITEMS_MAX ? -E2BIG : 0;
}

int rule_decide(struct machine *machine, struct rule_run *run, const struct condition *condition,
		uint8_t verdict, uint32_t chain)
{
	struct packet_state state;
	int error;

	if (verdict == RULE_CONTINUE || !condition->may.n)
		return 0;
	if (verdict == RULE_JUMP && chain < machine->ruleset->chains.n &&
	    !machine->firewall->chain_matters[chain])
		return 0;
	if (verdict == RULE_QUEUE)
		return rule_open(machine, run, condition, DOUBT(QUEUE));
	if (verdict > RULE_QUEUE ||
	    ((verdict == RULE_JUMP || verdict == RULE_GOTO) && chain >= machine->ruleset->chains.n))
		return rule_open(machine, run, condition, DOUBT(UNDECODED));
	error = rule_take(machine, run, condition, verdict, &state);
	if (error)
		return error;
	if (verdict == RULE_ACCEPT)
		return pass(machine, run, &state);
	if (verdict == RULE_DROP)
		return drop(machine, run, &state, HARK_FIREWALL_DROP, NULL);
	if (verdict == RULE_RETURN)
		return states_add(run->returned, &state);
	return jump(machine, run, chain, verdict == RULE_GOTO, &state);
}

/* The rest of the rule for some of its sources, who have something of their own in registers. */
static int branch(struct machine *machine, struct rule_run *run, uint32_t expression,
		  const struct registers *registers, const struct condition *condition,
		  const struct condition *part)
{
	struct condition both = { 0 };
	int error = condition_or(&both, condition);

	if (!error)
		error = condition_and(&both, part);
	if (!error && both.may.n)
		error = rule_run_from(machine, run, expression, registers, &both);
	condition_fini(&both);
	return error;
}

/* --- Expressions that give each source something else --- */

static int run_map(struct machine *machine, struct rule_run *run, uint32_t expression,
		   const struct registers *registers, const struct condition *condition)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	const struct rule_set *set =
		e->set < machine->ruleset->sets.n ? &machine->ruleset->sets.items[e->set] : NULL;
	struct registers copy = *registers;
	struct lookup lookup = { 0 };
	int error = lookup_ask(machine, registers, e->sreg, e->set, true, &lookup);

	for (uint32_t i = 0; i < lookup.groups.n && !error; i++) {
		const struct lookup_group *group = &lookup.groups.items[i];
		const struct rule_element *element =
			group->element == RULESET_NONE ?
				NULL :
				&machine->ruleset->elements.items[group->element];
		struct condition both = { 0 };

		/* With "continue" the rest of the rule is run, too. */
		if (e->dreg != RULE_REG_VERDICT || (element && element->verdict == RULE_CONTINUE)) {
			if (element && element->data != RULESET_NONE)
				registers_store(&copy, e->dreg,
						ruleset_bytes(machine->ruleset, element->data),
						set->data_length);
			else
				registers_store_unknown(&copy, e->dreg, 16, DOUBT(SET));
			error = branch(machine, run, expression + 1, &copy, condition,
				       &group->condition);
			continue;
		}
		error = condition_or(&both, condition);
		if (!error)
			error = condition_and(&both, &group->condition);
		if (!error && element)
			error = rule_decide(machine, run, &both, element->verdict, element->chain);
		else if (!error)
			error = rule_open(machine, run, &both, DOUBT(SET));
		condition_fini(&both);
	}
	lookup_fini(&lookup);
	return error;
}

/*
 * A number out of a few: each is followed as one that may be, and who has gone in all of them has
 * gone.
 */
static int run_draw(struct machine *machine, struct rule_run *run, uint32_t expression,
		    const struct registers *registers, const struct condition *condition)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	uint32_t doubts = e->op == RULE_OP_HASH               ? DOUBT(SOURCE) :
			  e->arithmetic == RULE_NUMGEN_RANDOM ? DOUBT(CHANCE) :
								DOUBT(RATE);
	struct registers copy = *registers;
	struct ranges gone = { 0 }, sources = { 0 };
	int error = 0;

	if (!e->modulus || e->modulus > DRAWS_MAX) {
		registers_store_unknown(&copy, e->dreg, 4, doubts);
		return rule_run_from(machine, run, expression + 1, &copy, condition);
	}
	if (e->modulus > 1) {
		error = ranges_copy(&sources, &condition->may);
		if (!error)
			error = ranges_intersect(&sources, &run->state->sources);
		if (!error)
			error = machine_doubt(machine, &sources, doubts);
		ranges_fini(&sources);
	}
	for (uint32_t i = 0; i < e->modulus && !error; i++) {
		struct rule_run draw = { .rule = run->rule,
					 .state = run->state,
					 .next = run->next,
					 .returned = run->returned };
		uint32_t number = i + e->offset;

		registers_store(&copy, e->dreg, &number, 4);
		error = rule_run_from(machine, &draw, expression + 1, &copy, condition);
		if (!error)
			error = i ? ranges_intersect(&gone, &draw.gone) :
				    ranges_copy(&gone, &draw.gone);
		ranges_fini(&draw.gone);
	}
	if (!error)
		error = ranges_unite(&run->gone, &gone);
	ranges_fini(&gone);
	return error;
}

static void store_fib(const struct machine *machine, const struct rule_expression *e,
		      const struct fib_result *result, struct registers *registers)
{
	const struct rule_interface *out = ruleset_interface(machine->ruleset, result->oif);
	uint8_t present = result->oif != 0;
	uint32_t type = result->type;
	char name[16] = { 0 };

	if (result->doubts) {
		registers_store_unknown(registers, e->dreg, 16, result->doubts);
	} else if (e->key == RULE_FIB_ADDRTYPE) {
		registers_store(registers, e->dreg, &type, 4);
	} else if (e->flags & RULE_FIB_PRESENT) {
		registers_store(registers, e->dreg, &present, 1);
	} else if (e->key == RULE_FIB_OIF) {
		registers_store(registers, e->dreg, &result->oif, 4);
	} else if (out || !result->oif) {
		if (out)
			memcpy(name, out->name, strnlen(out->name, sizeof(name) - 1));
		registers_store(registers, e->dreg, name, sizeof(name));
	} else {
		registers_store_unknown(registers, e->dreg, 16, DOUBT(ROUTING));
	}
}

static int run_fib(struct machine *machine, struct rule_run *run, uint32_t expression,
		   const struct registers *registers, const struct condition *condition)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	struct packet_state state = state_facts(run->state);
	struct registers copy = *registers;
	struct fib_result *results = NULL;
	struct condition part = { 0 };
	uint32_t n = 0;
	int error;

	state.sources = machine->all;
	error = fib_expression(&machine->packet, &state, e, &results, &n);
	for (uint32_t i = 0; i < n && !error; i++) {
		store_fib(machine, e, &results[i], &copy);
		error = condition_of_set(&part, &machine->all, &results[i].sources);
		if (!error)
			error = branch(machine, run, expression + 1, &copy, condition, &part);
	}
	condition_fini(&part);
	fib_results_free(results, n);
	return error;
}

/* --- Matches --- */

static int match_xt(struct machine *machine, const struct rule_run *run, uint32_t index,
		    struct condition *ret)
{
	struct packet_state state = state_facts(run->state);

	if (index >= machine->ruleset->xts.n ||
	    (machine->ruleset->xts.items[index].kind == XT_ICMP &&
	     machine->packet.answer == PACKET_ICMP))
		return condition_of_some(ret, &machine->all, DOUBT(UNDECODED));
	/* What holds for everyone is shorter than what holds for those who are left. */
	state.sources = machine->all;
	return xt_match(&machine->packet, &state, &machine->ruleset->xts.items[index], ret);
}

static int match_lookup(struct machine *machine, const struct registers *registers,
			const struct rule_expression *e, struct condition *ret)
{
	struct lookup lookup = { 0 };
	int error = lookup_ask(machine, registers, e->sreg, e->set, false, &lookup);

	if (!error && e->is_inverted)
		error = condition_not(&lookup.found, &machine->all);
	if (!error) {
		condition_fini(ret);
		*ret = lookup.found;
		lookup.found = (struct condition){ 0 };
	}
	lookup_fini(&lookup);
	return error;
}

static int match(struct machine *machine, const struct rule_run *run,
		 const struct rule_expression *e, const struct registers *registers,
		 struct condition *ret)
{
	switch (e->op) {
	case RULE_OP_CMP:
	case RULE_OP_RANGE:
		return registers_compare(registers, machine->ruleset, e, ret);
	case RULE_OP_LOOKUP:
		return match_lookup(machine, registers, e, ret);
	case RULE_OP_LIMIT:
	case RULE_OP_QUOTA:
	case RULE_OP_CONNLIMIT:
		return condition_of_some(ret, &machine->all, DOUBT(RATE));
	case RULE_OP_XT_IP:
	case RULE_OP_XT_MATCH:
		return match_xt(machine, run, e->xt, ret);
	default:
		return condition_of_some(ret, &machine->all, DOUBT(UNDECODED));
	}
}

static bool is_match(const struct rule_expression *e)
{
	return e->op == RULE_OP_CMP || e->op == RULE_OP_RANGE || e->op == RULE_OP_LOOKUP ||
	       e->op == RULE_OP_LIMIT || e->op == RULE_OP_QUOTA || e->op == RULE_OP_CONNLIMIT ||
	       e->op == RULE_OP_XT_IP || e->op == RULE_OP_XT_MATCH;
}

static bool is_load(const struct rule_expression *e)
{
	return e->op >= RULE_OP_PAYLOAD && e->op <= RULE_OP_XFRM;
}

static bool is_draw(const struct rule_expression *e)
{
	return e->op == RULE_OP_NUMGEN || e->op == RULE_OP_HASH;
}

/* One that only fills registers: the kernel's verdict register is not among them. */
static int calculate(const struct machine *machine, const struct rule_expression *e,
		     struct registers *registers)
{
	if (e->op == RULE_OP_BITWISE)
		registers_bitwise(registers, machine->ruleset, e);
	else if (e->op == RULE_OP_BYTEORDER)
		registers_byteorder(registers, e);
	else
		registers_store(registers, e->dreg, ruleset_bytes(machine->ruleset, e->data.at),
				e->data.length);
	return 0;
}

static bool is_calculation(const struct rule_expression *e)
{
	return e->op == RULE_OP_BITWISE || e->op == RULE_OP_BYTEORDER ||
	       (e->op == RULE_OP_IMMEDIATE && e->dreg != RULE_REG_VERDICT);
}

static int step(struct machine *machine, struct rule_run *run, uint32_t expression,
		struct registers *registers, struct condition *condition, bool *ret_is_end)
{
	const struct rule_expression *e = &machine->ruleset->expressions.items[expression];
	struct condition matched = { 0 };
	int error;

	*ret_is_end = true;
	if (e->op == RULE_OP_LOOKUP && e->dreg != RULE_REG_NONE)
		return run_map(machine, run, expression, registers, condition);
	if (is_draw(e))
		return run_draw(machine, run, expression, registers, condition);
	if (e->op == RULE_OP_FIB)
		return run_fib(machine, run, expression, registers, condition);
	*ret_is_end = e->op == RULE_OP_IMMEDIATE && e->dreg == RULE_REG_VERDICT &&
		      e->verdict != RULE_CONTINUE;
	if (e->op == RULE_OP_IMMEDIATE && e->dreg == RULE_REG_VERDICT)
		return rule_decide(machine, run, condition, e->verdict, e->chain);
	if (is_calculation(e))
		return calculate(machine, e, registers);
	if (is_load(e))
		return load(machine, run->state, e, registers, condition);
	if (!is_match(e))
		return statement(machine, run, expression, registers, condition, ret_is_end);
	error = match(machine, run, e, registers, &matched);
	if (!error)
		error = condition_and(condition, &matched);
	condition_fini(&matched);
	return error;
}

int rule_run_from(struct machine *machine, struct rule_run *run, uint32_t expression,
		  const struct registers *registers, const struct condition *condition)
{
	const struct rule *rule = &machine->ruleset->rules.items[run->rule];
	uint32_t end = rule->first_expression + rule->n_expressions;
	struct registers own = *registers;
	struct condition live = { 0 };
	bool is_end = false;
	int error = condition_or(&live, condition);

	for (; expression < end && live.may.n && !is_end && !error; expression++) {
		if (++machine->work > WORK_MAX)
			error = -E2BIG;
		else
			error = step(machine, run, expression, &own, &live, &is_end);
	}
	condition_fini(&live);
	return error;
}

static int run_rule(struct machine *machine, uint32_t index, struct packet_state *state,
		    struct states *next, struct states *returned)
{
	const struct rule *rule = &machine->ruleset->rules.items[index];
	struct rule_run run = { .rule = index, .state = state, .next = next, .returned = returned };
	struct registers registers;
	struct condition all = { 0 };
	int error = condition_of_all(&all, &machine->all);

	registers_init(&registers, machine->is_ipv6);
	if (!error)
		error = rule_run_from(machine, &run, rule->first_expression, &registers, &all);
	if (!error)
		error = finish(&run);
	ranges_fini(&run.gone);
	condition_fini(&all);
	return error;
}

/* --- Chains --- */

static int run_rules(struct machine *machine, const struct rule_chain *chain, struct states *states,
		     struct states *next, struct states *returned)
{
	int error = 0;

	for (uint32_t i = 0; i < chain->n_rules && states->list.n && !error; i++) {
		uint32_t rule = chain->first_rule + i;
		const struct rule_guard *guard = &machine->firewall->guards[rule];
		bool is_any_empty = false;

		for (uint32_t j = 0; j < states->list.n && !error; j++) {
			struct packet_state *state = &states->list.items[j];

			if (++machine->work > WORK_MAX)
				error = -E2BIG;
			else if (!guard_excludes(machine, guard, state))
				error = run_rule(machine, rule, state, next, returned);
			is_any_empty |= !state->sources.n;
		}
		if (is_any_empty)
			states_sweep(states);
		if (!error && next->list.n)
			error = states_absorb(states, next);
	}
	return error;
}

/* Leaves those states that come back: from its end, or by "return". */
static int run_chain(struct machine *machine, uint32_t index, struct states *states)
{
	const struct rule_chain *chain = &machine->ruleset->chains.items[index];
	struct states next = { 0 }, returned = { 0 };
	int error = run_rules(machine, chain, states, &next, &returned);

	if (!error)
		error = states_absorb(states, &returned);
	states_fini(&next);
	states_fini(&returned);
	return error;
}

static int apply_policy(struct machine *machine, uint32_t index, struct states *states)
{
	const struct rule_chain *chain = &machine->ruleset->chains.items[index];
	struct firewall_witness witness = machine_witness(machine, FIREWALL_POLICY, index);
	int error = 0;

	for (uint32_t i = 0; i < states->list.n && !error; i++) {
		const struct ranges *sources = &states->list.items[i].sources;

		machine_tell(machine, RULESET_NONE, chain->policy, sources, sources, 0);
		if (chain->policy == RULE_DROP)
			error = machine_outcome(machine, sources, HARK_FIREWALL_DROP, NULL,
						&witness);
		else if (chain->n_rules)
			error = machine_pass(machine, sources, &witness);
	}
	if (!error && chain->policy != RULE_DROP)
		error = states_absorb(&machine->accepted, states);
	states_fini(states);
	return error;
}

int machine_run_base(struct machine *machine, uint32_t index, struct states *states)
{
	const struct rule_chain *chain = &machine->ruleset->chains.items[index];
	int error;

	machine->base = index;
	machine->table_family = machine->ruleset->tables.items[chain->table].family;
	states_fini(&machine->accepted);
	error = run_chain(machine, index, states);
	if (!error)
		error = apply_policy(machine, index, states);
	states_fini(states);
	if (error)
		return error;
	*states = machine->accepted;
	machine->accepted = (struct states){ 0 };
	return 0;
}
