/* SPDX-License-Identifier: MIT */
/*
 * Questions that must fare alike: ports between which no rule tells, addresses of one interface
 * where none looks at them. Whatever is not known to tell nothing is taken to tell all.
 *
 * In the answer of a listener its port and address are the source's.
 */
#include "engine.h"
#include "fib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 65536u

struct classes {
	const struct ruleset *ruleset;
	bool tells_ports, tells_addresses, tells_sources, tells_users, has_cgroups;
	/* the least port of the class that the port is in; NULL: no rule tells any apart */
	uint16_t *class_of_port;
	struct hash by_address; /* to index of the ruleset's addresses */
	uint32_t *first_like;   /* beside these: the first of the interface that is like it */
};

struct survey {
	struct classes *classes;
	const struct ruleset *ruleset;
	bool *begins;      /* by port: it may fare otherwise than the one before it */
	bool *is_outgoing; /* by chain: the answers of this host pass it */
	/* By byte of a register: 1 the first byte of a port, 2 the second, 0 anything else. */
	uint8_t registers[RULE_REGISTERS];
	/* What was stored last from there on, where that is a constant. */
	const struct rule_expression *constants[RULE_REGISTERS];
	bool is_ipv6_alone; /* the rule is for no packets of IPv4 */
};

static void add_ports(struct survey *survey, uint32_t first, uint32_t last)
{
	if (first < PORTS)
		survey->begins[first] = true;
	if (last + 1 < PORTS)
		survey->begins[last + 1] = true;
}

static uint32_t port_at(const struct ruleset *ruleset, uint32_t at)
{
	const uint8_t *bytes = ruleset_bytes(ruleset, at);

	return (uint32_t)bytes[0] << 8 | bytes[1];
}

/* --- Expressions of nf_tables --- */

static void forget(struct survey *survey, uint32_t reg, uint32_t length)
{
	for (uint32_t i = reg; i < reg + length && i < RULE_REGISTERS; i++)
		survey->registers[i] = 0;
	/* Some loads do not tell how much they store. */
	for (uint32_t i = reg; i < reg + (length < 16 ? 16 : length) && i < RULE_REGISTERS; i++)
		survey->constants[i] = NULL;
}

static bool holds_port(const struct survey *survey, uint32_t reg, uint32_t length)
{
	for (uint32_t i = reg; i < reg + length && i < RULE_REGISTERS; i++)
		if (survey->registers[i])
			return true;
	return false;
}

/* Both bytes of it, from there on. */
static bool is_port(const struct survey *survey, uint32_t reg)
{
	return reg + 1 < RULE_REGISTERS && survey->registers[reg] == 1 &&
	       survey->registers[reg + 1] == 2;
}

/* Bytes of a port that are looked at by themselves. */
static bool has_halves(const struct survey *survey, uint32_t reg, uint32_t length)
{
	for (uint32_t i = 0; i < length && reg + i < RULE_REGISTERS; i++) {
		uint8_t part = survey->registers[reg + i];

		if ((part == 1 && (i + 1 == length || !is_port(survey, reg + i))) ||
		    (part == 2 && (i == 0 || survey->registers[reg + i - 1] != 1)))
			return true;
	}
	return false;
}

static void load_payload(struct survey *survey, const struct rule_expression *e, bool is_outgoing)
{
	uint64_t end = (uint64_t)e->offset + e->length;
	bool is_source;

	if (e->base == RULE_PAYLOAD_TRANSPORT) {
		/* The first four bytes are the two ports. */
		for (uint32_t i = 0; i < e->length && e->dreg + i < RULE_REGISTERS; i++)
			if (e->offset + i < 4)
				survey->registers[e->dreg + i] = 1 + (e->offset + i) % 2;
		return;
	}
	if (e->base == RULE_PAYLOAD_LINK)
		return;
	if (end > 8)
		survey->classes->tells_sources = true;
	if (e->base != RULE_PAYLOAD_NETWORK || end > 40) {
		survey->classes->tells_ports = survey->classes->tells_addresses = true;
		return;
	}
	is_source = e->offset >= 8 && end <= (survey->is_ipv6_alone ? 24 : 16);
	/* IPv4: source at 12, destination at 16; IPv6: 8 and 24. */
	if (end > 20 && !is_source && e->offset < 24)
		survey->classes->tells_ports = true; /* behind the header of IPv4 */
	if (end <= 8 || (is_source && !is_outgoing))
		return;
	survey->classes->tells_addresses = true;
}

static void load_ct(struct survey *survey, const struct rule_expression *e)
{
	switch (e->key) {
	case RULE_CT_PROTO_SRC:
	case RULE_CT_PROTO_DST:
		if (e->dreg + 1 < RULE_REGISTERS) {
			survey->registers[e->dreg] = 1;
			survey->registers[e->dreg + 1] = 2;
		}
		break;
	case RULE_CT_SRC:
	case RULE_CT_DST:
	case RULE_CT_SRC_IP:
	case RULE_CT_DST_IP:
	case RULE_CT_SRC_IP6:
	case RULE_CT_DST_IP6:
		survey->classes->tells_addresses = true;
		break;
	default:
		break;
	}
}

static void take_compare(struct survey *survey, const struct rule_expression *e)
{
	bool is_whole = e->length == 2 && is_port(survey, e->sreg);
	bool is_equal = e->op == RULE_OP_CMP && (e->compare == RULE_EQ || e->compare == RULE_NEQ);

	if (!holds_port(survey, e->sreg, e->length))
		return;
	if (has_halves(survey, e->sreg, e->length) || (!is_whole && !is_equal) ||
	    e->data.length < e->length || (e->op == RULE_OP_RANGE && e->data2.length < e->length)) {
		survey->classes->tells_ports = true;
		return;
	}
	for (uint32_t i = 0; i + 1 < e->length; i++) {
		uint32_t first, last;

		if (!is_port(survey, e->sreg + i))
			continue;
		first = last = port_at(survey->ruleset, e->data.at + i);
		if (e->op == RULE_OP_RANGE)
			last = port_at(survey->ruleset, e->data2.at);
		add_ports(survey, first, last);
	}
}

static void take_lookup(struct survey *survey, const struct rule_expression *e)
{
	const struct rule_set *set;
	uint32_t length;

	if (e->set == RULESET_NONE)
		return;
	set = &survey->ruleset->sets.items[e->set];
	length = set->key_length;
	if (!holds_port(survey, e->sreg, length))
		return;
	if (has_halves(survey, e->sreg, length) ||
	    (length > 2 && set->n_fields < 2 && set->flags & RULE_SET_INTERVAL)) {
		survey->classes->tells_ports = true;
		return;
	}
	for (uint32_t k = 0; k + 1 < length; k++) {
		if (!is_port(survey, e->sreg + k))
			continue;
		for (uint32_t i = 0; i < set->n_elements; i++) {
			const struct rule_element *element =
				&survey->ruleset->elements.items[set->first_element + i];

			if (!element->is_catchall)
				add_ports(survey, port_at(survey->ruleset, element->first + k),
					  port_at(survey->ruleset, element->last + k));
		}
	}
}

static void take_nat(struct survey *survey, const struct rule_expression *e)
{
	const struct rule_expression *first, *last;

	/* Where it is sent is told with the port or the address that it came for. */
	survey->classes->tells_addresses = true;
	first = e->sreg2 < RULE_REGISTERS ? survey->constants[e->sreg2] : NULL;
	last = e->sreg4 < RULE_REGISTERS ? survey->constants[e->sreg4] : first;
	if (!first || !last || first->data.length < 2 || last->data.length < 2 ||
	    port_at(survey->ruleset, first->data.at) > port_at(survey->ruleset, last->data.at)) {
		survey->classes->tells_ports = true;
		return;
	}
	/* Those that are among the new ones stay as they are, each by itself. */
	for (uint32_t port = port_at(survey->ruleset, first->data.at);
	     port <= port_at(survey->ruleset, last->data.at); port++)
		add_ports(survey, port, port);
}

static void take_expression(struct survey *survey, const struct rule_expression *e,
			    bool is_outgoing)
{
	const uint8_t sources[] = { e->sreg, e->sreg2, e->sreg3, e->sreg4 };
	struct classes *classes = survey->classes;

	switch (e->op) {
	case RULE_OP_CMP:
	case RULE_OP_RANGE:
		take_compare(survey, e);
		return;
	case RULE_OP_LOOKUP:
		take_lookup(survey, e);
		if (e->dreg < RULE_REGISTERS && e->set != RULESET_NONE)
			forget(survey, e->dreg, survey->ruleset->sets.items[e->set].data_length);
		return;
	case RULE_OP_DYNSET: /* goes on, whatever it notes down */
		return;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(sources); i++)
		if (sources[i] < RULE_REGISTERS && holds_port(survey, sources[i], 16))
			classes->tells_ports = true;
	if (e->dreg < RULE_REGISTERS)
		forget(survey, e->dreg, e->length ? e->length : 4);
	if (e->op == RULE_OP_IMMEDIATE && e->dreg < RULE_REGISTERS)
		survey->constants[e->dreg] = e;
	else if (e->op == RULE_OP_PAYLOAD && e->dreg < RULE_REGISTERS)
		load_payload(survey, e, is_outgoing);
	else if (e->op == RULE_OP_CT && e->dreg < RULE_REGISTERS)
		load_ct(survey, e);
	else if (e->op == RULE_OP_META && e->key >= RULE_META_SKUID &&
		 e->key <= RULE_META_SKUID + 1)
		classes->tells_users = true;
	else if (e->op == RULE_OP_FIB)
		classes->tells_sources = true;
	else if (e->op == RULE_OP_NAT || e->op == RULE_OP_REDIR)
		take_nat(survey, e);
	else if (e->op == RULE_OP_SOCKET || e->op == RULE_OP_TPROXY || e->op == RULE_OP_FWD ||
		 e->op == RULE_OP_PAYLOAD_SET || e->op == RULE_OP_HASH)
		classes->tells_ports = classes->tells_addresses = true;
}

/* --- x_tables --- */

static bool is_masked(const uint8_t mask[16])
{
	for (int i = 0; i < 16; i++)
		if (mask[i])
			return true;
	return false;
}

static void take_conntrack(struct survey *survey, const struct xt_conntrack *conntrack)
{
	const uint16_t *const ports[] = { conntrack->original_source_port,
					  conntrack->original_destination_port,
					  conntrack->reply_source_port,
					  conntrack->reply_destination_port };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		add_ports(survey, ports[i][0], ports[i][1]);
	if (is_masked(conntrack->original_source.mask) ||
	    is_masked(conntrack->original_destination.mask) ||
	    is_masked(conntrack->reply_source.mask) || is_masked(conntrack->reply_destination.mask))
		survey->classes->tells_addresses = true;
}

static void take_xt(struct survey *survey, const struct xt *xt, bool is_outgoing)
{
	struct classes *classes = survey->classes;

	switch (xt->kind) {
	case XT_IP:
		classes->tells_sources |= is_masked(xt->u.ip.source_mask);
		if (is_masked(xt->u.ip.destination_mask) ||
		    (is_outgoing && is_masked(xt->u.ip.source_mask)))
			classes->tells_addresses = true;
		break;
	case XT_PORTS:
		add_ports(survey, xt->u.ports.source_first, xt->u.ports.source_last);
		add_ports(survey, xt->u.ports.first, xt->u.ports.last);
		break;
	case XT_MULTIPORT:
		for (int i = 0; i < xt->u.multiport.n && i < 15; i++)
			add_ports(survey, xt->u.multiport.ports[i].first,
				  xt->u.multiport.ports[i].last);
		break;
	case XT_CONNTRACK:
		take_conntrack(survey, &xt->u.conntrack);
		break;
	case XT_IPRANGE:
		classes->tells_sources = true;
		if (is_outgoing || xt->u.iprange.flags & XT_IPRANGE_DESTINATION)
			classes->tells_addresses = true;
		break;
	case XT_OWNER:
		classes->tells_users = true;
		break;
	case XT_MARK:
	case XT_CONNMARK:
	case XT_PKTTYPE:
	case XT_ICMP:
	case XT_ALWAYS:
	case XT_SENDER:
	case XT_RATE:
	case XT_TIME:
	case XT_DEVGROUP:
	case XT_VERDICT:
	case XT_ERROR:
	case XT_REJECT:
	case XT_SET_MARK:
	case XT_SET_CONNMARK:
	case XT_CT:
	case XT_QUEUE:
	case XT_NOTHING:
	case XT_MAC:
	case XT_PHYSDEV:
	case XT_SNAT:
		break;
	case XT_RPFILTER:
		classes->tells_sources = true;
		break;
	case XT_ADDRTYPE: /* all that are asked about are local, on their own interface */
	default:
		classes->tells_sources = true;
		if (xt->kind != XT_ADDRTYPE || xt->u.addrtype.flags & ~3u)
			classes->tells_ports = classes->tells_addresses = true;
		break;
	}
}

/* --- Chains --- */

static bool is_for_any(const struct hark_prefix *prefix)
{
	return prefix->bits <= (hark_addr_is_ipv4(&prefix->addr) ? 96 : 0);
}

/* As nft begins rules about IPv6 where a table is for more than that. */
static bool is_for_ipv6(const struct ruleset *ruleset, const struct rule *rule)
{
	const struct rule_chain *chain = &ruleset->chains.items[rule->chain];
	const struct rule_expression *e = ruleset->expressions.items + rule->first_expression;

	if (ruleset->tables.items[chain->table].family == RULE_FAMILY_IPV6)
		return true;
	return rule->n_expressions > 1 && e[0].op == RULE_OP_META &&
	       e[0].key == RULE_META_NFPROTO && e[1].op == RULE_OP_CMP && e[1].compare == RULE_EQ &&
	       e[1].sreg == e[0].dreg && e[1].length == 1 && e[1].data.length > 0 &&
	       *ruleset_bytes(ruleset, e[1].data.at) == RULE_FAMILY_IPV6;
}

static void take_rules(struct survey *survey)
{
	const struct ruleset *ruleset = survey->ruleset;

	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		const struct rule *rule = &ruleset->rules.items[i];
		bool is_outgoing = survey->is_outgoing[rule->chain];

		forget(survey, 0, RULE_REGISTERS);
		survey->is_ipv6_alone = is_for_ipv6(ruleset, rule);
		for (uint32_t k = 0; k < rule->n_expressions; k++) {
			const struct rule_expression *e =
				&ruleset->expressions.items[rule->first_expression + k];

			if (e->op == RULE_OP_XT_IP || e->op == RULE_OP_XT_MATCH ||
			    e->op == RULE_OP_XT_TARGET)
				take_xt(survey, &ruleset->xts.items[e->xt], is_outgoing);
			else
				take_expression(survey, e, is_outgoing);
		}
	}
	for (uint32_t i = 0; i < ruleset->policies.n; i++) {
		const struct rule_policy *policy = &ruleset->policies.items[i];

		if (!is_for_any(&policy->from) || !is_for_any(&policy->to) || policy->has_rest)
			survey->classes->tells_addresses = true;
		if (policy->has_rest)
			survey->classes->tells_ports = true;
	}
	for (uint32_t i = 0; i < ruleset->programs.n; i++)
		if (ruleset->programs.items[i].kind == RULE_PROGRAM_CGROUP)
			survey->classes->has_cgroups = true;
}

static void number_ports(struct survey *survey)
{
	uint16_t class = 0;

	for (uint32_t port = 0; port < PORTS; port++) {
		if (survey->begins[port] || port == 1)
			class = (uint16_t)port;
		survey->classes->class_of_port[port] = class;
	}
}

/* The kernel gives each address a route of its own, that may have been removed. */
static bool is_routed_here(const struct ranges *routed, const struct hark_addr *addr)
{
	return ranges_contain(&routed[hark_addr_is_ipv4(addr)], ranges_number(addr));
}

static int find_routed(const struct ruleset *ruleset, struct ranges routed[2])
{
	int error = 0;

	for (uint32_t i = 0; i < ruleset->locals.n && !error; i++) {
		const struct hark_prefix *prefix = &ruleset->locals.items[i].prefix;
		bool is_ipv4 = hark_addr_is_ipv4(&prefix->addr);
		struct range range =
			fib_range(prefix, is_ipv4 ? HARK_FAMILY_INET : HARK_FAMILY_INET6);

		error = ranges_push(&routed[is_ipv4], range.first, range.last);
	}
	ranges_normalize(&routed[0]);
	ranges_normalize(&routed[1]);
	return error;
}

static bool is_like(const struct ranges *routed, const struct hark_addr *a,
		    const struct hark_addr *b)
{
	return hark_addr_is_ipv4(a) == hark_addr_is_ipv4(b) &&
	       is_routed_here(routed, a) == is_routed_here(routed, b) &&
	       hark_addr_is_loopback(a) == hark_addr_is_loopback(b) &&
	       hark_addr_is_link_local(a) == hark_addr_is_link_local(b);
}

static uint64_t address_key(const struct hark_addr *addr, uint32_t ifindex)
{
	uint64_t parts[2];

	memcpy(parts, addr->bytes, sizeof(parts));
	return (parts[0] * 0x9e3779b97f4a7c15u ^ parts[1]) + ifindex * 0xff51afd7ed558ccdu;
}

/* Interfaces have few kinds of addresses, so that few have to be gone through. */
static int find_alike(struct classes *classes)
{
	const struct rule_address *addresses = classes->ruleset->addresses.items;
	ARRAY(uint32_t) firsts = { 0 };
	struct ranges routed[2] = { { 0 }, { 0 } };
	int error = find_routed(classes->ruleset, routed);

	for (uint32_t i = 0; i < classes->ruleset->addresses.n && !error; i++) {
		uint32_t k = 0;

		while (k < firsts.n &&
		       !(addresses[firsts.items[k]].ifindex == addresses[i].ifindex &&
			 is_like(routed, &addresses[firsts.items[k]].addr, &addresses[i].addr)))
			k++;
		if (k == firsts.n) {
			error = array_reserve(&firsts, 1u);
			if (!error)
				firsts.items[firsts.n++] = i;
		}
		if (!error) {
			classes->first_like[i] = firsts.items[k];
			error = hash_put(&classes->by_address,
					 address_key(&addresses[i].addr, addresses[i].ifindex), i);
		}
	}
	array_fini(&firsts);
	ranges_fini(&routed[0]);
	ranges_fini(&routed[1]);
	return error;
}

static int survey_all(struct survey *survey)
{
	struct classes *classes = survey->classes;
	const struct ruleset *ruleset = survey->ruleset;

	classes->first_like = calloc(ruleset->addresses.n + 1, sizeof(*classes->first_like));
	survey->is_outgoing = calloc(ruleset->chains.n + 1, sizeof(*survey->is_outgoing));
	if (!classes->first_like || !survey->is_outgoing)
		return -ENOMEM;
	if (ruleset->rules.n) {
		classes->class_of_port = calloc(PORTS, sizeof(*classes->class_of_port));
		survey->begins = calloc(PORTS, sizeof(*survey->begins));
		if (!classes->class_of_port || !survey->begins)
			return -ENOMEM;
	}
	chains_find_outgoing(ruleset, survey->is_outgoing);
	take_rules(survey);
	if (classes->class_of_port)
		number_ports(survey);
	return classes->tells_addresses ? 0 : find_alike(classes);
}

int classes_new(const struct ruleset *ruleset, struct classes **ret)
{
	struct classes *classes = calloc(1, sizeof(*classes));
	struct survey survey = { .classes = classes, .ruleset = ruleset };
	int error;

	if (!classes)
		return -ENOMEM;
	classes->ruleset = ruleset;
	error = survey_all(&survey);
	free(survey.begins);
	free(survey.is_outgoing);
	if (error)
		classes_free(classes);
	else
		*ret = classes;
	return error;
}

void classes_free(struct classes *classes)
{
	if (!classes)
		return;
	free(classes->class_of_port);
	free(classes->first_like);
	hash_fini(&classes->by_address);
	free(classes);
}

/* The first address of the interface that is like this one, where this one is the interface's. */
static void reduce_address(const struct classes *classes, struct firewall_question *question)
{
	const struct rule_address *addresses = classes->ruleset->addresses.items;
	uint32_t i = hash_get(&classes->by_address, address_key(&question->to, question->ifindex));
	const struct rule_interface *interface;

	/* On lo answers come in as well: there all chains see them, with this address as source. */
	interface = ruleset_interface(classes->ruleset, question->ifindex);
	if (i != UINT32_MAX && addresses[i].ifindex == question->ifindex &&
	    memcmp(addresses[i].addr.bytes, question->to.bytes, sizeof(question->to.bytes)) == 0 &&
	    interface && (!interface->is_loopback || !classes->tells_sources))
		question->to = addresses[classes->first_like[i]].addr;
}

void classes_reduce(const struct classes *classes, struct firewall_question *question)
{
	if (!classes->tells_ports)
		question->port = classes->class_of_port ? classes->class_of_port[question->port] :
							  question->port > 0;
	if (!classes->tells_addresses)
		reduce_address(classes, question);
	if (!classes->tells_users)
		question->uid = HARK_NONE;
	if (!classes->has_cgroups)
		question->cgroup_id = 0;
}
