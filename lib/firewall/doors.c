/* SPDX-License-Identifier: MIT */
/*
 * Doors: destinations that address translation changes. Rules that translate are read for the ports
 * and addresses that they, and those on the way to them, compare with: each that is named is asked
 * for, and is a door if anybody is translated there.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_OF_RANGE_MAX 1024

enum {
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_SCTP = 132,
};

enum operand {
	OPERAND_OTHER,
	OPERAND_PORT,
	OPERAND_ADDRESS,
	OPERAND_PROTOCOL,
};

/* What one rule, or one element of a set, asks of a packet. */
struct named {
	uint8_t protocol; /* 0: any */
	bool has_port, has_address;
	uint16_t first_port, last_port;
	struct hark_addr to;
};

struct search {
	struct firewall *firewall;
	enum hark_family family;
	uint8_t *visited; /* of chains: bit 0 without a port on the way, bit 1 with one */
	ARRAY(struct firewall_door) doors;
	struct hash seen;
	bool is_all;
};

/* --- Those that are named --- */

static uint64_t hash_door(const struct firewall_door *door)
{
	uint64_t parts[2], hash;

	memcpy(parts, door->to.bytes, sizeof(parts));
	hash = parts[0] * 0x9e3779b97f4a7c15u ^ parts[1];
	hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
	return hash ^ ((uint64_t)door->port << 16 | (uint64_t)door->protocol << 8 |
		       (uint64_t)door->family << 1 | door->is_any_address);
}

static int add_door(struct search *search, const struct named *named, uint8_t protocol,
		    uint16_t port, uint32_t rule)
{
	struct firewall_door door = {
		.family = (uint8_t)search->family,
		.protocol = protocol,
		.is_any_address = !named->has_address,
		.to = named->to,
		.port = port,
		.rule = rule,
	};
	struct firewall_door *place;
	uint32_t number;

	if (search->doors.n == FIREWALL_DOORS_MAX) {
		search->is_all = false;
		return 0;
	}
	if (hash_add(&search->seen, hash_door(&door), search->doors.n, &number) < 0)
		return -ENOMEM;
	if (number < search->doors.n)
		return 0;
	place = array_push(&search->doors);
	if (!place)
		return -ENOMEM;
	*place = door;
	return 0;
}

static int add_named(struct search *search, const struct named *named, uint32_t rule)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP };
	uint32_t last = named->last_port;
	int error = 0;

	if (!named->has_port)
		return 0;
	if (last - named->first_port >= PORTS_OF_RANGE_MAX) {
		search->is_all = false;
		last = named->first_port + PORTS_OF_RANGE_MAX - 1u;
	}
	for (uint32_t port = named->first_port; port <= last && !error; port++) {
		for (unsigned int i = 0; i < sizeof(protocols) && !error; i++) {
			if (!named->protocol || named->protocol == protocols[i])
				error = add_door(search, named, protocols[i], (uint16_t)port, rule);
		}
		if (!error && named->protocol == PROTOCOL_SCTP)
			error = add_door(search, named, PROTOCOL_SCTP, (uint16_t)port, rule);
	}
	return error;
}

/* --- Rules of nf_tables --- */

static enum operand operand_of(const struct search *search, const struct rule_expression *e)
{
	bool is_ipv6 = search->family == HARK_FAMILY_INET6;

	if (e->op == RULE_OP_META && e->key == RULE_META_L4PROTO)
		return OPERAND_PROTOCOL;
	if (e->op != RULE_OP_PAYLOAD)
		return OPERAND_OTHER;
	if (e->base == RULE_PAYLOAD_TRANSPORT && e->offset == 2 && e->length == 2)
		return OPERAND_PORT;
	if (e->base == RULE_PAYLOAD_NETWORK && e->offset == (is_ipv6 ? 24 : 16) &&
	    e->length == (is_ipv6 ? 16 : 4))
		return OPERAND_ADDRESS;
	if (e->base == RULE_PAYLOAD_NETWORK && e->offset == (is_ipv6 ? 6 : 9) && e->length == 1)
		return OPERAND_PROTOCOL;
	return OPERAND_OTHER;
}

static void take_named(const struct search *search, enum operand operand, const uint8_t *first,
		       const uint8_t *last, uint32_t length, struct named *named)
{
	uint32_t width = search->family == HARK_FAMILY_INET6 ? 16 : 4;

	if (operand == OPERAND_PORT && length >= 2) {
		named->has_port = true;
		named->first_port = (uint16_t)(first[0] << 8 | first[1]);
		named->last_port = (uint16_t)(last[0] << 8 | last[1]);
		if (named->last_port < named->first_port)
			named->has_port = false;
	} else if (operand == OPERAND_PROTOCOL && length >= 1) {
		named->protocol = first[0];
	} else if (operand == OPERAND_ADDRESS && length >= width && !memcmp(first, last, width)) {
		named->has_address = true;
		named->to = width == 16 ? hark_addr_from_ipv6(first, 0) :
					  hark_addr_from_ipv4(first);
	}
}

struct reading {
	struct search *search;
	uint32_t rule;
	uint8_t operands[RULE_REGISTERS]; /* enum operand, by register */
	struct named named;
	bool has_port; /* somewhere, in an element perhaps */
};

static int read_elements(struct reading *reading, const struct rule_expression *e)
{
	const struct ruleset *ruleset = reading->search->firewall->ruleset;
	const struct rule_set *set;
	int error = 0;

	if (e->set >= ruleset->sets.n || !registers_hold(e->sreg, 1))
		return 0;
	set = &ruleset->sets.items[e->set];
	for (uint32_t i = 0; i < set->n_elements && !error; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];
		struct named named = reading->named;

		if (element->is_catchall)
			continue;
		/* Each field begins where a load has put it. */
		for (uint32_t at = 0; at < set->key_length && e->sreg + at < RULE_REGISTERS;
		     at += 4)
			take_named(reading->search, reading->operands[e->sreg + at],
				   ruleset_bytes(ruleset, element->first) + at,
				   ruleset_bytes(ruleset, element->last) + at, set->key_length - at,
				   &named);
		if (named.has_port && !reading->named.has_port) {
			reading->has_port = true;
			error = add_named(reading->search, &named, reading->rule);
		}
	}
	return error;
}

/* --- Matches of x_tables --- */

static bool is_whole(const uint8_t *mask, unsigned int length)
{
	for (unsigned int i = 0; i < length; i++) {
		if (mask[i] != 0xff)
			return false;
	}
	return true;
}

static int read_xt(struct reading *reading, const struct xt *xt)
{
	unsigned int width = reading->search->family == HARK_FAMILY_INET6 ? 16 : 4;
	struct named *named = &reading->named;
	int error = 0;

	if (xt->kind == XT_IP) {
		if (!(xt->u.ip.inverted & XT_INVERT_PROTOCOL))
			named->protocol = (uint8_t)xt->u.ip.protocol;
		if (!(xt->u.ip.inverted & XT_INVERT_DESTINATION) &&
		    is_whole(xt->u.ip.destination_mask, width))
			take_named(reading->search, OPERAND_ADDRESS, xt->u.ip.destination,
				   xt->u.ip.destination, width, named);
	} else if (xt->kind == XT_PORTS && !xt->u.ports.not_destination &&
		   (xt->u.ports.first || xt->u.ports.last != UINT16_MAX)) {
		named->has_port = true;
		named->first_port = xt->u.ports.first;
		named->last_port = xt->u.ports.last;
	} else if (xt->kind == XT_MULTIPORT && !xt->u.multiport.is_inverted &&
		   xt->u.multiport.where) {
		for (unsigned int i = 0; i < xt->u.multiport.n && !error; i++) {
			struct named one = *named;

			one.has_port = reading->has_port = true;
			one.first_port = xt->u.multiport.ports[i].first;
			one.last_port = xt->u.multiport.ports[i].last;
			error = add_named(reading->search, &one, reading->rule);
		}
	}
	return error;
}

/* --- Chains --- */

static int visit(struct search *search, uint32_t chain, bool has_port, unsigned int depth);

static bool translates(const struct ruleset *ruleset, const struct rule_expression *e)
{
	if (e->op == RULE_OP_XT_TARGET)
		return e->xt < ruleset->xts.n && ruleset->xts.items[e->xt].kind == XT_DNAT;
	return e->op == RULE_OP_REDIR || (e->op == RULE_OP_NAT && e->key == RULE_NAT_DESTINATION);
}

static int visit_target(struct search *search, uint8_t verdict, uint32_t chain, bool has_port,
			unsigned int depth)
{
	if (verdict != RULE_JUMP && verdict != RULE_GOTO)
		return 0;
	return visit(search, chain, has_port, depth + 1);
}

static int visit_map(struct search *search, const struct rule_expression *e, bool has_port,
		     unsigned int depth)
{
	const struct ruleset *ruleset = search->firewall->ruleset;
	const struct rule_set *set = e->set < ruleset->sets.n ? &ruleset->sets.items[e->set] : NULL;
	int error = 0;

	for (uint32_t i = 0; set && i < set->n_elements && !error; i++) {
		const struct rule_element *element =
			&ruleset->elements.items[set->first_element + i];

		error = visit_target(search, element->verdict, element->chain, has_port, depth);
	}
	return error;
}

static int read_expression(struct reading *reading, const struct rule_expression *e)
{
	const struct ruleset *ruleset = reading->search->firewall->ruleset;
	bool is_match = e->op == RULE_OP_CMP || e->op == RULE_OP_RANGE;

	if (is_match && e->compare == RULE_EQ && registers_hold(e->sreg, e->length) &&
	    e->data.length >= e->length && (e->op == RULE_OP_CMP || e->data2.length >= e->length)) {
		const uint8_t *first = ruleset_bytes(ruleset, e->data.at);

		take_named(reading->search, reading->operands[e->sreg], first,
			   e->op == RULE_OP_CMP ? first : ruleset_bytes(ruleset, e->data2.at),
			   e->length, &reading->named);
	} else if (e->op == RULE_OP_LOOKUP && !e->is_inverted) {
		return read_elements(reading, e);
	} else if ((e->op == RULE_OP_XT_IP || e->op == RULE_OP_XT_MATCH) &&
		   e->xt < ruleset->xts.n) {
		return read_xt(reading, &ruleset->xts.items[e->xt]);
	} else if (!is_match && registers_hold(e->dreg, 1)) {
		reading->operands[e->dreg] = (uint8_t)operand_of(reading->search, e);
	}
	return 0;
}

static int read_rule(struct search *search, uint32_t rule, bool has_port, unsigned int depth)
{
	const struct ruleset *ruleset = search->firewall->ruleset;
	const struct rule_expression *e =
		ruleset->expressions.items + ruleset->rules.items[rule].first_expression;
	uint32_t n = ruleset->rules.items[rule].n_expressions;
	struct reading reading = { .search = search, .rule = rule };
	int error = 0;

	for (uint32_t i = 0; i < n && !error; i++)
		error = read_expression(&reading, &e[i]);
	if (!error)
		error = add_named(search, &reading.named, rule);
	has_port = has_port || reading.has_port || reading.named.has_port;
	for (uint32_t i = 0; i < n && !error; i++) {
		if (translates(ruleset, &e[i]) && !has_port)
			search->is_all = false;
		else if (e[i].op == RULE_OP_IMMEDIATE && e[i].dreg == RULE_REG_VERDICT)
			error = visit_target(search, e[i].verdict, e[i].chain, has_port, depth);
		else if (e[i].op == RULE_OP_LOOKUP && e[i].dreg == RULE_REG_VERDICT)
			error = visit_map(search, &e[i], has_port, depth);
		else if (e[i].op == RULE_OP_XT_TARGET && e[i].xt < ruleset->xts.n &&
			 ruleset->xts.items[e[i].xt].kind == XT_VERDICT)
			error = visit_target(search, ruleset->xts.items[e[i].xt].u.verdict.verdict,
					     ruleset->xts.items[e[i].xt].u.verdict.chain, has_port,
					     depth);
	}
	return error;
}

static int visit(struct search *search, uint32_t chain, bool has_port, unsigned int depth)
{
	const struct ruleset *ruleset = search->firewall->ruleset;
	uint8_t bit = has_port ? 2 : 1;
	int error = 0;

	if (chain >= ruleset->chains.n || search->visited[chain] & bit || depth > 64)
		return 0;
	search->visited[chain] |= bit;
	for (uint32_t i = 0; i < ruleset->chains.items[chain].n_rules && !error; i++)
		error = read_rule(search, ruleset->chains.items[chain].first_rule + i, has_port,
				  depth);
	return error;
}

/* --- Confirmation --- */

static uint32_t translating_rule(const struct ruleset *ruleset, const struct firewall_piece *piece,
				 uint32_t otherwise)
{
	for (uint32_t i = 0; i < piece->n_witnesses; i++) {
		const struct rule *rule;

		if (piece->witnesses[i].decider != FIREWALL_RULE)
			continue;
		rule = &ruleset->rules.items[piece->witnesses[i].index];
		for (uint32_t j = 0; j < rule->n_expressions; j++) {
			if (translates(ruleset,
				       &ruleset->expressions.items[rule->first_expression + j]))
				return piece->witnesses[i].index;
		}
	}
	return otherwise;
}

/*
 * More than the engine does for one question is not known to be no door: it is none that is told.
 */
static int is_translated(struct search *search, struct firewall_door *door,
			 const struct hark_addr *to, uint32_t ifindex, bool *ret)
{
	struct firewall_question question = { .family = door->family,
					      .protocol = door->protocol,
					      .ifindex = ifindex,
					      .to = *to,
					      .port = door->port,
					      .is_canonical = true,
					      .follows = true,
					      .uid = HARK_NONE };
	const struct firewall_answer *answer;
	int error = firewall_ask(search->firewall, &question, &answer);

	if (error == -E2BIG)
		search->is_all = false;
	if (error)
		return error == -E2BIG ? 0 : error;
	for (uint32_t i = 0; i < answer->n_pieces && !*ret; i++) {
		if (answer->pieces[i].how.kind != FIREWALL_HOW_ADDRESS)
			continue;
		*ret = true;
		door->rule =
			translating_rule(search->firewall->ruleset, &answer->pieces[i], door->rule);
	}
	return 0;
}

static int confirm(struct search *search, struct firewall_door *door, bool *ret)
{
	const struct ruleset *ruleset = search->firewall->ruleset;
	int error = 0;

	*ret = false;
	for (uint32_t i = 0; i < ruleset->addresses.n && !*ret && !error; i++) {
		const struct rule_address *address = &ruleset->addresses.items[i];
		const struct rule_interface *interface =
			ruleset_interface(ruleset, address->ifindex);

		if (!interface || interface->is_loopback)
			continue;
		if (!door->is_any_address)
			error = is_translated(search, door, &door->to, address->ifindex, ret);
		else if (hark_addr_is_ipv4(&address->addr) == (door->family == HARK_FAMILY_INET))
			error = is_translated(search, door, &address->addr, address->ifindex, ret);
	}
	return error;
}

static int find_doors(struct search *search)
{
	const struct firewall *firewall = search->firewall;
	uint32_t n = 0, first = search->doors.n;
	int error = 0;

	const struct hook_chains *chains = &firewall->hooks[search->family][RULE_HOOK_PREROUTING];

	memset(search->visited, 0, firewall->ruleset->chains.n);
	for (uint32_t i = 0; i < chains->nat.n && !error; i++)
		error = visit(search, chains->nat.items[i], false, 0);
	for (uint32_t i = first; i < search->doors.n && !error; i++) {
		bool is_door;

		error = confirm(search, &search->doors.items[i], &is_door);
		if (!error && is_door)
			search->doors.items[first + n++] = search->doors.items[i];
	}
	search->doors.n = first + n;
	return error;
}

int firewall_doors(struct firewall *firewall, const struct firewall_door **ret, uint32_t *ret_n,
		   bool *ret_is_all)
{
	struct search search = { .firewall = firewall, .is_all = true };
	int error = 0;

	if (!firewall->has_doors) {
		search.visited = calloc(firewall->ruleset->chains.n + 1u, 1);
		if (!search.visited)
			error = -ENOMEM;
		for (int family = HARK_FAMILY_INET; family < HARK_FAMILY_N_ && !error; family++) {
			search.family = (enum hark_family)family;
			hash_fini(&search.seen);
			error = find_doors(&search);
		}
		hash_fini(&search.seen);
		free(search.visited);
		if (error) {
			array_fini(&search.doors);
			return error;
		}
		firewall->doors = search.doors.items;
		firewall->n_doors = search.doors.n;
		firewall->has_all_doors = search.is_all;
		firewall->has_doors = true;
	}
	*ret = firewall->doors;
	*ret_n = firewall->n_doors;
	*ret_is_all = firewall->has_all_doors;
	return 0;
}
