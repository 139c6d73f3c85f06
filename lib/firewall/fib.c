/* SPDX-License-Identifier: MIT */
/*
 * Rules of policy routing, and the tables that they choose (net/core/fib_rules.c), for all sources
 * at once: each rule takes those that it matches and that its table has a route for; the others go
 * on to the next one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fib.h"
#include "hash.h"

/* By which packets come that this host sends itself (LOOPBACK_IFINDEX). */
#define LOOPBACK 1

/* A question under way. */
struct asking {
	struct fib *fib;
	const struct fib_question *question;
	u128 other;              /* the end that is not the sources */
	struct ranges here;      /* that have come to the rule */
	struct ranges *arrivals; /* by rule: that go on there; NULL: none has gone to any */
	struct fib_result *results;
	uint32_t n_results;
};

static bool is_plain(const struct rule_policy *policy)
{
	return policy->action == RULE_POLICY_TABLE && policy->from.bits == policy->to.bits &&
	       policy->to.bits == (policy->family == HARK_FAMILY_INET ? 96 : 0) && !policy->iif &&
	       !policy->oif && !policy->mask && !policy->tos && !policy->protocol &&
	       !policy->is_inverted && !policy->is_l3mdev && !policy->has_rest &&
	       policy->suppress_prefix < 0;
}

/* Whether IPv4 has the kernel's own rules alone: local, main, and maybe default. */
static bool has_own_rules(const struct ruleset *ruleset)
{
	static const uint32_t tables[] = { RULE_TABLE_LOCAL, RULE_TABLE_MAIN, RULE_TABLE_DEFAULT };
	uint32_t n = 0;

	for (uint32_t i = 0; i < ruleset->policies.n; i++) {
		const struct rule_policy *policy = &ruleset->policies.items[i];

		if (policy->family != HARK_FAMILY_INET)
			continue;
		if (n == 3 || !is_plain(policy) || policy->table != tables[n] ||
		    policy->priority != (n ? 32765 + n : 0))
			return false;
		n++;
	}
	return n >= 2;
}

struct named {
	const char *name;
	uint32_t ifindex;
};

static int compare_named(const void *left, const void *right)
{
	const struct named *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static uint32_t find_named(const struct named *names, uint32_t n, const char *name)
{
	const struct named key = { .name = name }, *found;

	if (!name)
		return 0;
	found = n ? bsearch(&key, names, n, sizeof(*names), compare_named) : NULL;
	return found ? found->ifindex : UINT32_MAX;
}

static int resolve_policies(struct fib *fib)
{
	const struct ruleset *ruleset = fib->ruleset;
	uint32_t n_names = ruleset->interfaces.n, n = ruleset->policies.n;
	struct named *names = calloc(n_names + 1, sizeof(*names));
	struct hash by_priority = { 0 };
	int r = 0;

	fib->policies = calloc(n + 1, sizeof(*fib->policies));
	if (!names || !fib->policies)
		r = -ENOMEM;
	for (uint32_t i = 0; i < n_names && r == 0; i++)
		names[i] = (struct named){ ruleset->interfaces.items[i].name,
					   ruleset->interfaces.items[i].ifindex };
	if (r == 0)
		qsort(names, n_names, sizeof(*names), compare_named);
	/* From the last to the first: of one priority it is the first that is gone to. */
	for (uint32_t i = n; i > 0 && r == 0; i--) {
		const struct rule_policy *policy = &ruleset->policies.items[i - 1];
		uint64_t family = (uint64_t)policy->family << 32;

		fib->policies[i - 1] = (struct fib_policy){
			.iif = find_named(names, n_names, policy->iif),
			.oif = find_named(names, n_names, policy->oif),
			.go_to = hash_get(&by_priority, family | policy->go_to),
		};
		r = hash_put(&by_priority, family | policy->priority, i - 1);
	}
	hash_fini(&by_priority);
	free(names);
	return r;
}

int fib_new(const struct ruleset *ruleset, struct fib **ret)
{
	struct fib *fib = calloc(1, sizeof(*fib));

	if (!fib)
		return -ENOMEM;
	fib->ruleset = ruleset;
	fib->is_merged = has_own_rules(ruleset);
	if (resolve_policies(fib) < 0 || fib_index(fib) < 0) {
		fib_free(fib);
		return -ENOMEM;
	}
	*ret = fib;
	return 0;
}

void fib_free(struct fib *fib)
{
	if (!fib)
		return;
	fib_forget(fib);
	free(fib->policies);
	free(fib);
}

void fib_results_free(struct fib_result *results, uint32_t n)
{
	for (uint32_t i = 0; results && i < n; i++)
		ranges_fini(&results[i].sources);
	free(results);
}

/* These sources have that outcome; taken over: 0 or -ENOMEM. */
static int add_result(struct asking *asking, struct ranges *sources,
		      const struct fib_outcome *outcome)
{
	struct fib_result *results = asking->results;
	uint32_t n = asking->n_results;
	int r = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (results[i].type != outcome->type || results[i].oif != outcome->oif ||
		    results[i].doubts != outcome->doubts ||
		    results[i].has_several != outcome->has_several ||
		    results[i].uses_dev != outcome->uses_dev)
			continue;
		r = ranges_unite(&results[i].sources, sources);
		ranges_fini(sources);
		return r;
	}
	if ((n & (n - 1)) == 0) {
		results = reallocarray(results, n ? 2 * n : 1, sizeof(*results));
		if (!results) {
			ranges_fini(sources);
			return -ENOMEM;
		}
		asking->results = results;
	}
	results[asking->n_results++] = (struct fib_result){ .sources = *sources,
							    .type = outcome->type,
							    .has_several = outcome->has_several,
							    .uses_dev = outcome->uses_dev,
							    .oif = outcome->oif,
							    .doubts = outcome->doubts };
	*sources = (struct ranges){ 0 };
	return 0;
}

static int add_copy(struct asking *asking, const struct ranges *sources,
		    const struct fib_outcome *outcome)
{
	struct ranges copy = { 0 };
	int r = ranges_copy(&copy, sources);

	return r < 0 ? r : add_result(asking, &copy, outcome);
}

static uint8_t own_bits(const struct hark_prefix *prefix, uint8_t family)
{
	return (uint8_t)(prefix->bits - (family == HARK_FAMILY_INET ? 96 : 0));
}

u128 fib_number(const struct hark_addr *addr, uint8_t family)
{
	bool is_ipv6 = family == HARK_FAMILY_INET6;

	return ranges_from_bytes(addr->bytes + (is_ipv6 ? 0 : 12), is_ipv6);
}

struct range fib_range(const struct hark_prefix *prefix, uint8_t family)
{
	uint8_t bits = own_bits(prefix, family), width = family == HARK_FAMILY_INET ? 32 : 128;
	u128 mask = bits >= width ? 0 : RANGES_MAX_IPV6 >> (128 - width + bits);
	u128 first = fib_number(&prefix->addr, family) & ~mask;

	return (struct range){ first, first | mask };
}

/* An end of the packet: the sources, or the other one. */
static int match_end(const struct asking *asking, const struct hark_prefix *prefix, bool is_sources,
		     struct condition *condition)
{
	uint8_t family = asking->question->family;
	struct range range = fib_range(prefix, family);
	struct ranges set = { .items = &range, .n = 1 };

	if (own_bits(prefix, family) == 0)
		return 0;
	if (!is_sources)
		return asking->other >= range.first && asking->other <= range.last ?
			       0 :
			       condition_of_none(condition);
	if (ranges_intersect(&condition->may, &set) < 0)
		return -ENOMEM;
	return ranges_intersect(&condition->must, &set);
}

/* Whether what does not rest on addresses matches. */
enum fit {
	FITS,
	FITS_NOT,
	MAY_FIT
};

static bool is_in_vrf(const struct asking *asking, const struct rule_interface **ret)
{
	const struct fib_question *question = asking->question;

	*ret = question->oif ? fib_vrf(asking->fib->ruleset, question->oif) : NULL;
	if (!*ret && question->iif)
		*ret = fib_vrf(asking->fib->ruleset, question->iif);
	if (!*ret && question->dev)
		*ret = fib_vrf(asking->fib->ruleset, question->dev);
	return *ret;
}

static enum fit fit_flow(const struct asking *asking, uint32_t at, uint32_t *ret_doubts)
{
	const struct rule_policy *policy = &asking->fib->ruleset->policies.items[at];
	const struct fib_policy *resolved = &asking->fib->policies[at];
	const struct fib_question *question = asking->question;
	const struct rule_interface *vrf;
	uint32_t iif = question->iif ? question->iif : LOOPBACK, unknown;

	*ret_doubts = 0;
	if ((policy->iif && resolved->iif != iif) ||
	    (policy->oif && resolved->oif != question->oif))
		return FITS_NOT;
	if (policy->is_l3mdev && !is_in_vrf(asking, &vrf))
		return FITS_NOT;
	if ((policy->mark ^ question->mark.value) & policy->mask & question->mark.known)
		return FITS_NOT;
	if (policy->protocol && policy->protocol != question->protocol)
		return FITS_NOT;
	if (policy->tos && !question->has_any_tos)
		return FITS_NOT;
	unknown = policy->mask & ~question->mark.known;
	*ret_doubts = (unknown ? question->mark.doubts | DOUBT(MARK) : 0) |
		      (policy->tos ? DOUBT(SENDER) : 0) | (policy->has_rest ? DOUBT(ROUTING) : 0);
	/* Which interface such a packet is said to come by changed in Linux 6.0. */
	if ((policy->iif || policy->oif) && is_in_vrf(asking, &vrf))
		*ret_doubts |= DOUBT(ROUTING);
	return *ret_doubts ? MAY_FIT : FITS;
}

/* For which of those here the rule matches. */
static int match_policy(const struct asking *asking, uint32_t at, struct condition *ret)
{
	const struct rule_policy *policy = &asking->fib->ruleset->policies.items[at];
	bool is_to_sources = asking->question->is_to_sources;
	uint32_t doubts;
	int r;

	switch (fit_flow(asking, at, &doubts)) {
	case FITS:
		r = condition_of_all(ret, &asking->here);
		break;
	case MAY_FIT:
		r = condition_of_some(ret, &asking->here, doubts);
		break;
	case FITS_NOT:
	default:
		r = condition_of_none(ret);
		break;
	}
	if (r == 0)
		r = match_end(asking, &policy->from, !is_to_sources, ret);
	if (r == 0)
		r = match_end(asking, &policy->to, is_to_sources, ret);
	if (r == 0 && policy->is_inverted)
		r = condition_not(ret, &asking->here);
	return r;
}

static struct fib_look look_of(const struct asking *asking, const struct rule_policy *policy)
{
	const struct fib_question *question = asking->question;
	struct fib_look look = {
		.dev = question->dev,
		.suppress_prefix = policy->suppress_prefix > 128 ? 128 :
				   policy->suppress_prefix < 0   ? -1 :
								   (int16_t)policy->suppress_prefix,
		.family = question->family,
		.has_any_tos = question->has_any_tos,
		.ignores_linkdown = question->ignores_linkdown,
		.is_strict = question->is_strict,
		.is_lookup = question->is_lookup,
	};

	/* For what comes in, IPv6 prefers routes that lead back there (ip6_pol_route_input()). */
	look.oif = question->oif || question->family == HARK_FAMILY_INET ? question->oif :
									   question->iif;
	if (question->family == HARK_FAMILY_INET6 && question->is_lookup && !look.oif &&
	    question->is_to_sources && hark_addr_is_link_local(&question->addr))
		memcpy(look.from, question->addr.bytes, sizeof(look.from));
	/* The table default comes after a refusal, too: include/net/ip_fib.h, fib_lookup(). */
	look.passes_refusals = asking->fib->is_merged && question->family == HARK_FAMILY_INET &&
			       policy->table != RULE_TABLE_DEFAULT &&
			       fib_find_table(asking->fib, HARK_FAMILY_INET, RULE_TABLE_DEFAULT) !=
				       UINT32_MAX;
	return look;
}

/* The common part of two sets, the smaller copied. */
static int intersect(struct ranges *ret, const struct ranges *a, const struct ranges *b)
{
	int r = ranges_copy(ret, a->n < b->n ? a : b);

	return r < 0 ? r : ranges_intersect(ret, a->n < b->n ? b : a);
}

/* Those that the table has a route for leave `matched`. */
static int look_up_all(struct asking *asking, uint32_t table, const struct fib_look *look,
		       struct ranges *matched)
{
	const struct fib_partition *partition = fib_partition(asking->fib, table, look);
	struct ranges missed = { 0 }, part = { 0 };
	int r = partition ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < partition->n; i++) {
		const struct fib_outcome *outcome = &partition->outcomes[i];

		r = intersect(&part, &partition->destinations[i], matched);
		if (r < 0 || ranges_are_empty(&part))
			continue;
		if (outcome->type != RULE_ROUTE_NONE)
			r = add_result(asking, &part, outcome);
		else if (outcome->doubts)
			r = add_result(asking, &part,
				       &(struct fib_outcome){ .doubts = outcome->doubts });
		else
			r = ranges_unite(&missed, &part);
	}
	ranges_fini(&part);
	ranges_fini(matched);
	*matched = missed;
	return r;
}

static int look_up_one(struct asking *asking, uint32_t table, const struct fib_look *look,
		       struct ranges *matched)
{
	struct fib_outcome outcome = fib_look_up(asking->fib, table, look, asking->other);

	return outcome.type == RULE_ROUTE_NONE && !outcome.doubts ?
		       0 :
		       add_result(asking, matched, &outcome);
}

static int go_to(struct asking *asking, uint32_t at, struct ranges *matched)
{
	uint32_t target = asking->fib->policies[at].go_to;
	int r;

	if (target == UINT32_MAX)
		return 0; /* it leads nowhere, and is passed over */
	if (!asking->arrivals)
		asking->arrivals =
			calloc(asking->fib->ruleset->policies.n, sizeof(*asking->arrivals));
	if (!asking->arrivals)
		return -ENOMEM;
	r = ranges_unite(&asking->arrivals[target], matched);
	matched->n = 0;
	return r;
}

/* What the rule does with those that it matches; those that it is done with leave `matched`. */
static int act(struct asking *asking, uint32_t at, struct ranges *matched)
{
	const struct rule_policy *policy = &asking->fib->ruleset->policies.items[at];
	struct fib_outcome refusal = { .type = RULE_ROUTE_BLACKHOLE };
	struct fib_look look = look_of(asking, policy);
	const struct rule_interface *vrf;
	uint32_t table = policy->table;

	switch (policy->action) {
	case RULE_POLICY_TABLE:
		if (policy->is_l3mdev && is_in_vrf(asking, &vrf))
			table = vrf->vrf_table;
		table = fib_find_table(asking->fib, policy->family, table);
		if (table == UINT32_MAX)
			return 0;
		return asking->question->is_to_sources ?
			       look_up_all(asking, table, &look, matched) :
			       look_up_one(asking, table, &look, matched);
	case RULE_POLICY_GOTO:
		return go_to(asking, at, matched);
	case RULE_POLICY_NOTHING:
		return 0;
	case RULE_POLICY_UNREACHABLE:
		refusal.type = RULE_ROUTE_UNREACHABLE;
		break;
	case RULE_POLICY_PROHIBIT:
		refusal.type = RULE_ROUTE_PROHIBIT;
		break;
	default:
		break;
	}
	return add_result(asking, matched, &refusal);
}

static int pass_rule(struct asking *asking, uint32_t at)
{
	struct condition matched = { 0 };
	int r = asking->arrivals ? ranges_unite(&asking->here, &asking->arrivals[at]) : 0;

	if (r == 0)
		r = match_policy(asking, at, &matched);
	if (r == 0)
		r = ranges_subtract(&asking->here, &matched.may);
	if (r == 0)
		r = ranges_subtract(&matched.may, &matched.must);
	if (r == 0 && !ranges_are_empty(&matched.may))
		r = add_result(asking, &matched.may,
			       &(struct fib_outcome){ .doubts = matched.doubts });
	if (r == 0 && !ranges_are_empty(&matched.must)) {
		r = act(asking, at, &matched.must);
		if (r == 0)
			r = ranges_unite(&asking->here, &matched.must);
	}
	condition_fini(&matched);
	return r;
}

int fib_ask(struct fib *fib, const struct fib_question *question, const struct ranges *sources,
	    struct fib_result **ret, uint32_t *ret_n)
{
	struct asking asking = {
		.fib = fib,
		.question = question,
		.other = fib_number(&question->addr, question->family),
	};
	const struct fib_outcome nothing = {
		.doubts = fib->ruleset->routing == HARK_KNOWN ? 0 : DOUBT(ROUTING),
	};
	int r = ranges_copy(&asking.here, sources);

	for (uint32_t i = 0; i < fib->ruleset->policies.n && r == 0 && !nothing.doubts; i++)
		if (fib->ruleset->policies.items[i].family == question->family)
			r = pass_rule(&asking, i);
	if (r == 0 && !ranges_are_empty(&asking.here))
		r = add_copy(&asking, &asking.here, &nothing);
	for (uint32_t i = 0; asking.arrivals && i < fib->ruleset->policies.n; i++)
		ranges_fini(&asking.arrivals[i]);
	free(asking.arrivals);
	ranges_fini(&asking.here);
	if (r < 0) {
		fib_results_free(asking.results, asking.n_results);
		return r;
	}
	*ret = asking.results;
	*ret_n = asking.n_results;
	return 0;
}
