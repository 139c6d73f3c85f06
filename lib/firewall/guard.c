/* SPDX-License-Identifier: MIT */
/*
 * What a rule asks of protocol, interface and port before all else, and which chains have any say:
 * so that most of ten thousand rules cost a look each.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum guard_flag {
	GUARD_NFPROTO = 0x01,
	GUARD_L4PROTO = 0x02,
	GUARD_PORT = 0x04,
	GUARD_IIF = 0x08,
	GUARD_IIFNAME = 0x10,
	GUARD_NOTHING = 0x20, /* the rule does nothing that matters */
};

static bool is_load_of_port(const struct rule_expression *e)
{
	return e->op == RULE_OP_PAYLOAD && e->base == RULE_PAYLOAD_TRANSPORT && e->offset == 2 &&
	       e->length == 2;
}

static uint16_t port_of(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void guard_port(struct rule_guard *guard, const struct rule_expression *e,
		       const uint8_t *data, const uint8_t *data2)
{
	bool is_range = e->op == RULE_OP_RANGE;

	if (e->length != 2 || e->data.length < 2 || (is_range && e->data2.length < 2) ||
	    guard->flags & GUARD_PORT || e->compare != RULE_EQ)
		return;
	guard->flags |= GUARD_PORT;
	guard->first_port = port_of(data);
	guard->last_port = is_range ? port_of(data2) : guard->first_port;
}

static void guard_meta(struct rule_guard *guard, const struct rule_expression *load,
		       const struct rule_expression *e, const uint8_t *data)
{
	if (e->op != RULE_OP_CMP || e->compare != RULE_EQ || e->data.length < e->length)
		return;
	if (load->key == RULE_META_NFPROTO && e->length == 1) {
		guard->flags |= GUARD_NFPROTO;
		guard->nfproto = data[0];
	} else if (load->key == RULE_META_L4PROTO && e->length == 1) {
		guard->flags |= GUARD_L4PROTO;
		guard->l4proto = data[0];
	} else if (load->key == RULE_META_IIF && e->length == 4) {
		guard->flags |= GUARD_IIF;
		memcpy(&guard->ifindex, data, 4);
	} else if (load->key == RULE_META_IIFNAME && e->length == sizeof(guard->name)) {
		guard->flags |= GUARD_IIFNAME;
		memcpy(guard->name, data, sizeof(guard->name));
	}
}

/*
 * Pairs of a load and a comparison at the rule's beginning. None of them does anything, so a rule
 * that fails in one of them has done nothing.
 */
static void guard_rule(const struct ruleset *ruleset, const struct rule *rule,
		       struct rule_guard *guard)
{
	const struct rule_expression *e = ruleset->expressions.items + rule->first_expression;

	for (uint32_t i = 0; i + 1 < rule->n_expressions; i++) {
		const struct rule_expression *load = &e[i], *compare = &e[i + 1];
		const uint8_t *data = ruleset_bytes(ruleset, compare->data.at);

		if (load->op == RULE_OP_COUNTER)
			continue;
		if ((load->op != RULE_OP_META && load->op != RULE_OP_PAYLOAD &&
		     load->op != RULE_OP_CT) ||
		    (compare->op != RULE_OP_CMP && compare->op != RULE_OP_RANGE))
			return;
		if (compare->sreg == load->dreg && is_load_of_port(load))
			guard_port(guard, compare, data, ruleset_bytes(ruleset, compare->data2.at));
		else if (compare->sreg == load->dreg && load->op == RULE_OP_META)
			guard_meta(guard, load, compare, data);
		i++;
	}
}

bool guard_excludes(const struct machine *machine, const struct rule_guard *guard,
		    const struct packet_state *state)
{
	const struct packet *packet = &machine->packet;
	uint8_t flags = guard->flags;

	if (!flags)
		return false;
	if (flags & GUARD_NOTHING)
		return !machine->tell;
	if (flags & GUARD_PORT && !packet->is_reply && state->is_port_known &&
	    (state->port < guard->first_port || state->port > guard->last_port))
		return true;
	/* What comes back goes to the port of the client. */
	if (flags & GUARD_PORT && packet->is_reply && packet->question->is_canonical &&
	    (CLIENT_PORT < guard->first_port || CLIENT_PORT > guard->last_port))
		return true;
	if (flags & GUARD_L4PROTO && guard->l4proto != packet->question->protocol)
		return true;
	if (flags & GUARD_NFPROTO && machine->table_family != RULE_FAMILY_NETDEV &&
	    guard->nfproto != (machine->is_ipv6 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4))
		return true;
	if (packet->is_reply || !packet->in || packet->in->master)
		return false;
	if (flags & GUARD_IIF && guard->ifindex != packet->in->ifindex)
		return true;
	return flags & GUARD_IIFNAME && strncmp(guard->name, packet->in->name, 16) != 0;
}

/* --- Which rules and chains have a say --- */

static bool chain_decides(const struct firewall *firewall, uint8_t verdict, uint32_t chain)
{
	if (verdict == RULE_CONTINUE)
		return false;
	/* What a chain without any say gives back is what it got. */
	return verdict != RULE_JUMP || chain >= firewall->ruleset->chains.n ||
	       firewall->chain_matters[chain];
}

static bool map_decides(const struct firewall *firewall, const struct rule_expression *e)
{
	const struct ruleset *ruleset = firewall->ruleset;
	const struct rule_set *set;

	if (e->dreg != RULE_REG_VERDICT || e->set >= ruleset->sets.n)
		return e->dreg == RULE_REG_VERDICT;
	set = &ruleset->sets.items[e->set];
	for (uint32_t i = 0; i < set->n_elements; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];

		if (chain_decides(firewall, element->verdict, element->chain))
			return true;
	}
	return !set->is_known;
}

static bool target_decides(const struct firewall *firewall, uint32_t index)
{
	const struct xt *xt =
		index < firewall->ruleset->xts.n ? &firewall->ruleset->xts.items[index] : NULL;

	if (xt && xt->kind == XT_VERDICT)
		return chain_decides(firewall, xt->u.verdict.verdict, xt->u.verdict.chain);
	return !xt || xt->kind != XT_NOTHING;
}

static bool decides(const struct firewall *firewall, const struct rule_expression *e)
{
	switch (e->op) {
	case RULE_OP_COUNTER:
	case RULE_OP_LAST:
	case RULE_OP_LOG:
	case RULE_OP_DUP:
	case RULE_OP_FLOW_OFFLOAD:
	case RULE_OP_EXTHDR_SET:
	case RULE_OP_DYNSET:
	case RULE_OP_XT_IP:
	case RULE_OP_XT_MATCH:
		return false;
	case RULE_OP_OBJREF:
		return e->key == 0 || e->key > 7;
	case RULE_OP_META_SET:
		return e->key == RULE_META_MARK || e->key == RULE_META_PKTTYPE;
	case RULE_OP_CT_SET:
		return e->key == RULE_CT_MARK;
	case RULE_OP_IMMEDIATE:
		return e->dreg == RULE_REG_VERDICT && chain_decides(firewall, e->verdict, e->chain);
	case RULE_OP_LOOKUP:
		return map_decides(firewall, e);
	case RULE_OP_XT_TARGET:
		return target_decides(firewall, e->xt);
	default:
		return e->op == RULE_OP_UNKNOWN || e->op > RULE_OP_OBJREF;
	}
}

static bool rule_decides(const struct firewall *firewall, const struct rule *rule)
{
	const struct ruleset *ruleset = firewall->ruleset;

	for (uint32_t i = 0; i < rule->n_expressions; i++) {
		if (decides(firewall, &ruleset->expressions.items[rule->first_expression + i]))
			return true;
	}
	return false;
}

static bool is_return(const struct ruleset *ruleset, const struct rule_expression *e)
{
	if (e->op == RULE_OP_IMMEDIATE)
		return e->dreg == RULE_REG_VERDICT && e->verdict == RULE_RETURN;
	return e->op == RULE_OP_XT_TARGET && e->xt < ruleset->xts.n &&
	       ruleset->xts.items[e->xt].kind == XT_VERDICT &&
	       ruleset->xts.items[e->xt].u.verdict.verdict == RULE_RETURN;
}

/* A chain that only returns has no say, whichever rule it returns by. */
static bool chain_has_say(const struct firewall *firewall, const struct rule_chain *chain)
{
	const struct ruleset *ruleset = firewall->ruleset;

	for (uint32_t i = 0; i < chain->n_rules; i++) {
		const struct rule *rule = &ruleset->rules.items[chain->first_rule + i];
		const struct rule_expression *e =
			ruleset->expressions.items + rule->first_expression;

		for (uint32_t j = 0; j < rule->n_expressions; j++) {
			if (decides(firewall, &e[j]) && !is_return(ruleset, &e[j]))
				return true;
		}
	}
	return false;
}

/* More chains in a row are taken to matter. */
#define ROUNDS_MAX 32

/* From "all do" on, as long as that finds one that does not: chains that call one another do. */
static void find_chains_that_matter(struct firewall *firewall)
{
	const struct ruleset *ruleset = firewall->ruleset;
	bool has_changed = true;

	for (uint32_t i = 0; i < ruleset->chains.n; i++)
		firewall->chain_matters[i] = true;
	for (unsigned int round = 0; round < ROUNDS_MAX && has_changed; round++) {
		has_changed = false;
		for (uint32_t i = 0; i < ruleset->chains.n; i++) {
			if (!firewall->chain_matters[i] ||
			    chain_has_say(firewall, &ruleset->chains.items[i]))
				continue;
			firewall->chain_matters[i] = false;
			has_changed = true;
		}
	}
}

int guards_new(const struct ruleset *ruleset, struct firewall *firewall)
{
	firewall->guards = calloc(ruleset->rules.n + 1u, sizeof(*firewall->guards));
	firewall->chain_matters = calloc(ruleset->chains.n + 1u, sizeof(*firewall->chain_matters));
	if (!firewall->guards || !firewall->chain_matters)
		return -ENOMEM;
	find_chains_that_matter(firewall);
	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		struct rule_guard *guard = &firewall->guards[i];

		guard_rule(ruleset, &ruleset->rules.items[i], guard);
		if (!rule_decides(firewall, &ruleset->rules.items[i]))
			guard->flags |= GUARD_NOTHING;
	}
	return 0;
}
