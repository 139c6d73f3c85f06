/* SPDX-License-Identifier: MIT */
/*
 * The entries of a table of x_tables, a single block of bytes: rule after rule, each as long as it
 * says. To the kernel it is a program of jumps; what makes it chains is how libiptc lays it out:
 * first those of the hooks, each of which ends with its policy, an entry for all packets at the
 * place that the kernel calls its underflow; then those of users, each with a target ERROR at its
 * head that has its name, and a RETURN at its end. Whatever else the kernel would run is told to be
 * not understood, for a rule that is taken for another is worse than none.
 */
#include "xtables.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#define NO_HOOK UINT8_MAX

/* What an entry has at places that differ by family. */
struct form {
	uint8_t family;
	uint8_t go_to;   /* the flag of a goto */
	uint16_t size;   /* of an entry, without matches and target */
	uint16_t flags;  /* where those are */
	uint16_t target; /* where target_offset is, and next_offset behind it */
};

static const struct form forms[] = {
	{ RULE_FAMILY_IPV4, IPT_F_GOTO, sizeof(struct ipt_entry),
	  offsetof(struct ipt_entry, ip.flags), offsetof(struct ipt_entry, target_offset) },
	{ RULE_FAMILY_IPV6, IP6T_F_GOTO, sizeof(struct ip6t_entry),
	  offsetof(struct ip6t_entry, ipv6.flags), offsetof(struct ip6t_entry, target_offset) },
};

static_assert(offsetof(struct ipt_entry, next_offset) ==
		      offsetof(struct ipt_entry, target_offset) + 2,
	      "next_offset is elsewhere");
static_assert(offsetof(struct ip6t_entry, next_offset) ==
		      offsetof(struct ip6t_entry, target_offset) + 2,
	      "next_offset is elsewhere");

/* A match or a target, whose heads are alike. */
struct extension {
	uint16_t size; /* with its head */
	char name[XT_EXTENSION_MAXNAMELEN];
	uint8_t revision;
};

static_assert(sizeof(struct extension) == sizeof(struct xt_entry_match) &&
		      sizeof(struct extension) == sizeof(struct xt_entry_target),
	      "heads differ");

/* One of the chains: rules from `first`, and at `end` the entry that is its policy or RETURN. */
struct part {
	uint32_t first, end;
	uint32_t n_rules;
	const char *name; /* in the bytes; NULL: of a hook */
	uint8_t hook;     /* NO_HOOK: of a user */
	uint8_t policy;
};

struct layout {
	struct ruleset *ruleset;
	const struct form *form;
	const struct xtables_info *info;
	const uint8_t *bytes;
	ARRAY(struct part) parts; /* in order of their places */
	uint32_t first_chain;     /* of the ruleset, that of the first part */
};

static uint16_t get_u16(const uint8_t *bytes)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof(number));
	return number;
}

static uint32_t target_offset(const struct layout *layout, uint32_t at)
{
	return get_u16(layout->bytes + at + layout->form->target);
}

static uint32_t next_offset(const struct layout *layout, uint32_t at)
{
	return get_u16(layout->bytes + at + layout->form->target + 2);
}

static struct extension get_extension(const struct layout *layout, uint32_t at)
{
	struct extension extension;

	memcpy(&extension, layout->bytes + at, sizeof(extension));
	extension.name[sizeof(extension.name) - 1] = '\0';
	return extension;
}

static struct extension get_target(const struct layout *layout, uint32_t at)
{
	return get_extension(layout, at + target_offset(layout, at));
}

static int32_t get_verdict(const struct layout *layout, uint32_t at)
{
	int32_t verdict;

	memcpy(&verdict, layout->bytes + at + target_offset(layout, at) + sizeof(struct extension),
	       sizeof(verdict));
	return verdict;
}

static bool is_standard(const struct extension *target)
{
	return strcmp(target->name, XT_STANDARD_TARGET) == 0 &&
	       target->size >= sizeof(*target) + sizeof(int32_t);
}

/* Whether an entry, its matches and its target are all within it, and it within the table. */
static bool is_sound(const struct layout *layout, uint32_t at)
{
	uint32_t rest = layout->info->size - at, target, next;
	struct extension extension;

	if (rest < layout->form->size)
		return false;
	target = target_offset(layout, at);
	next = next_offset(layout, at);
	if (next > rest || target < layout->form->size || target + sizeof(extension) > next)
		return false;
	for (uint32_t match = layout->form->size; match < target; match += extension.size) {
		if (target - match < sizeof(extension))
			return false;
		extension = get_extension(layout, at + match);
		if (extension.size < sizeof(extension) || extension.size > target - match)
			return false;
	}
	extension = get_target(layout, at);
	if (strcmp(extension.name, XT_STANDARD_TARGET) == 0 && !is_standard(&extension))
		return false;
	return extension.size >= sizeof(extension) && extension.size <= next - target;
}

/* Whether it is for every packet, as unconditional() has it. */
static bool is_for_all(const struct layout *layout, uint32_t at)
{
	static const struct ip6t_ip6 nothing;
	size_t length = layout->form->family == RULE_FAMILY_IPV4 ? sizeof(struct ipt_ip) :
								   sizeof(struct ip6t_ip6);

	return target_offset(layout, at) == layout->form->size &&
	       memcmp(layout->bytes + at, &nothing, length) == 0;
}

static uint8_t hook_at(const struct layout *layout, uint32_t at)
{
	for (uint8_t hook = 0; hook < XTABLES_HOOKS; hook++)
		if (layout->info->valid_hooks & 1u << hook && layout->info->hook_entry[hook] == at)
			return hook;
	return NO_HOOK;
}

/* Its last entry must be what ends a chain: the policy of its hook, or a RETURN. */
static bool close_part(const struct layout *layout, struct part *part)
{
	struct extension target = get_target(layout, part->end);
	int32_t verdict;

	if (part->n_rules == 0 || !is_standard(&target) || !is_for_all(layout, part->end))
		return false;
	part->n_rules--;
	verdict = get_verdict(layout, part->end);
	part->policy = verdict == -NF_DROP - 1 ? RULE_DROP : RULE_ACCEPT;
	if (part->hook == NO_HOOK)
		return verdict == XT_RETURN;
	return part->end == layout->info->underflow[part->hook] &&
	       (verdict == -NF_DROP - 1 || verdict == -NF_ACCEPT - 1);
}

static int open_part(struct layout *layout, uint32_t first, uint8_t hook, const char *name)
{
	struct part *part = array_push(&layout->parts);

	if (!part)
		return -ENOMEM;
	*part = (struct part){ .first = first, .end = first, .hook = hook, .name = name };
	return 0;
}

static struct part *last_part(const struct layout *layout)
{
	return layout->parts.n ? &layout->parts.items[layout->parts.n - 1] : NULL;
}

/* The head of a user's chain, or the last entry of all. */
static int begin_user_chain(struct layout *layout, uint32_t at, bool *ret_is_end)
{
	struct part *part = last_part(layout);
	struct extension target = get_target(layout, at);
	uint32_t next = at + next_offset(layout, at);

	if (target.size < sizeof(target) + XT_FUNCTION_MAXNAMELEN ||
	    (part && !close_part(layout, part)))
		return -EBADMSG;
	*ret_is_end = next == layout->info->size;
	return *ret_is_end ? 0 :
			     open_part(layout, next, NO_HOOK,
				       (const char *)layout->bytes + at +
					       target_offset(layout, at) + sizeof(target));
}

static int begin_hook(struct layout *layout, uint32_t at, uint8_t hook)
{
	struct part *part = last_part(layout);

	return part && !close_part(layout, part) ? -EBADMSG : open_part(layout, at, hook, NULL);
}

static int find_parts(struct layout *layout)
{
	bool is_end = false;
	int r = 0;

	for (uint32_t at = 0; at < layout->info->size; at += next_offset(layout, at)) {
		struct extension target;
		struct part *part;
		uint8_t hook = hook_at(layout, at);

		if (is_end || !is_sound(layout, at))
			return -EBADMSG;
		target = get_target(layout, at);
		if (strcmp(target.name, XT_ERROR_TARGET) == 0) {
			r = begin_user_chain(layout, at, &is_end);
			if (r < 0)
				return r;
			continue;
		}
		if (hook != NO_HOOK)
			r = begin_hook(layout, at, hook);
		if (r < 0)
			return r;
		part = last_part(layout);
		if (!part)
			return -EBADMSG;
		part->end = at;
		part->n_rules++;
	}
	return is_end ? 0 : -EBADMSG;
}

/* Each hook has a chain, and only one. */
static bool has_all_hooks(const struct layout *layout)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < layout->parts.n; i++)
		if (layout->parts.items[i].hook != NO_HOOK)
			seen |= 1u << layout->parts.items[i].hook;
	return seen == layout->info->valid_hooks;
}

/* The user's chain whose first entry is at that place, or RULESET_NONE. */
static uint32_t chain_at(const struct layout *layout, uint32_t at)
{
	uint32_t low = 0, high = layout->parts.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (layout->parts.items[middle].first < at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == layout->parts.n || layout->parts.items[low].first != at ||
	    layout->parts.items[low].hook != NO_HOOK)
		return RULESET_NONE;
	return layout->first_chain + low;
}

/* --- What it is in a ruleset --- */

struct known_table {
	const char *name;
	int16_t priorities[XTABLES_HOOKS];
};

/*
 * NF_IP_PRI_*, which are those of IPv6, too. With the parameter raw_before_defrag, which no file
 * tells, "raw" is at -450: what matters there is only that it is before connections are tracked.
 */
static const struct known_table known_tables[] = {
	{ "raw", { -300, 0, 0, -300, 0 } },     { "mangle", { -150, -150, -150, -150, -150 } },
	{ "nat", { -100, 100, 0, -100, 100 } }, { "filter", { 0, 0, 0, 0, 0 } },
	{ "security", { 50, 50, 50, 50, 50 } },
};

static const struct known_table *find_table(const char *name)
{
	for (size_t i = 0; i < sizeof(known_tables) / sizeof(*known_tables); i++)
		if (strcmp(known_tables[i].name, name) == 0)
			return &known_tables[i];
	return NULL;
}

static int add_chain(const struct layout *layout, const struct part *part,
		     const struct known_table *known)
{
	static const char *const hooks[XTABLES_HOOKS] = { "PREROUTING", "INPUT", "FORWARD",
							  "OUTPUT", "POSTROUTING" };
	struct rule_chain *chain = array_push(&layout->ruleset->chains);

	if (!chain)
		return -ENOMEM;
	*chain = (struct rule_chain){
		.table = layout->ruleset->tables.n - 1,
		.n_rules = part->n_rules,
	};
	if (part->hook == NO_HOOK) {
		chain->name = arena_memdup(&layout->ruleset->arena, part->name,
					   strnlen(part->name, XT_FUNCTION_MAXNAMELEN));
		return chain->name ? 0 : -ENOMEM;
	}
	chain->name = hooks[part->hook];
	chain->is_base = true;
	chain->hook = part->hook;
	chain->policy = part->policy;
	chain->priority = known->priorities[part->hook];
	chain->type = strcmp(known->name, "nat") == 0 ? "nat" :
		      strcmp(known->name, "mangle") == 0 && part->hook == RULE_HOOK_OUTPUT ?
							"route" :
							"filter";
	return 0;
}

static int add_expression(struct ruleset *ruleset, enum rule_op op, const struct xt *xt)
{
	struct rule_expression *expression = array_push(&ruleset->expressions);
	struct xt *kept = array_push(&ruleset->xts);

	if (!expression || !kept)
		return -ENOMEM;
	*kept = *xt;
	*expression = (struct rule_expression){
		.op = (uint8_t)op,
		.dreg = RULE_REG_NONE,
		.sreg = RULE_REG_NONE,
		.chain = RULESET_NONE,
		.set = RULESET_NONE,
		.xt = ruleset->xts.n - 1,
	};
	return 0;
}

/* How many bytes of a name count: a mask may have any bits, but nobody writes other than these. */
static bool set_interface(char name[IFNAMSIZ], uint8_t *length, const char *from,
			  const uint8_t *mask)
{
	uint8_t n = 0;

	memcpy(name, from, IFNAMSIZ);
	name[IFNAMSIZ - 1] = '\0';
	while (n < IFNAMSIZ && mask[n] == UINT8_MAX)
		n++;
	*length = n;
	if (n == 0)
		name[0] = '\0';
	while (n < IFNAMSIZ && mask[n] == 0)
		n++;
	return n == IFNAMSIZ && (*length < IFNAMSIZ || from[IFNAMSIZ - 1] == '\0');
}

static bool set_ip4(struct xt_ip *ret, const struct ipt_ip *ip)
{
	memcpy(ret->source, &ip->src, sizeof(ip->src));
	memcpy(ret->source_mask, &ip->smsk, sizeof(ip->smsk));
	memcpy(ret->destination, &ip->dst, sizeof(ip->dst));
	memcpy(ret->destination_mask, &ip->dmsk, sizeof(ip->dmsk));
	ret->protocol = ip->proto;
	ret->flags = ip->flags;
	ret->inverted = ip->invflags;
	return set_interface(ret->in, &ret->in_length, ip->iniface, ip->iniface_mask) &&
	       set_interface(ret->out, &ret->out_length, ip->outiface, ip->outiface_mask) &&
	       !(ip->flags & ~IPT_F_MASK) && !(ip->invflags & ~IPT_INV_MASK);
}

/* The kernel reads a protocol only where a flag says so, and no TOS (ip6_packet_match()). */
static bool set_ip6(struct xt_ip *ret, const struct ip6t_ip6 *ip)
{
	memcpy(ret->source, &ip->src, sizeof(ip->src));
	memcpy(ret->source_mask, &ip->smsk, sizeof(ip->smsk));
	memcpy(ret->destination, &ip->dst, sizeof(ip->dst));
	memcpy(ret->destination_mask, &ip->dmsk, sizeof(ip->dmsk));
	ret->protocol = ip->flags & IP6T_F_PROTO ? ip->proto : 0;
	ret->flags = ip->flags;
	ret->inverted = ip->invflags;
	ret->tos = ip->tos;
	ret->is_ipv6 = true;
	return set_interface(ret->in, &ret->in_length, ip->iniface, ip->iniface_mask) &&
	       set_interface(ret->out, &ret->out_length, ip->outiface, ip->outiface_mask) &&
	       !(ip->flags & ~IP6T_F_MASK) && !(ip->invflags & ~IP6T_INV_MASK);
}

/* Whether it says anything about a packet; where it goes is none of that. */
static bool is_restricting(const struct xt_ip *ip)
{
	static_assert(sizeof(*ip) == 104, "there is padding to compare");
	struct xt_ip rest = *ip;

	rest.is_ipv6 = false;
	rest.flags &= ip->is_ipv6 ? 0 : IPT_F_FRAG;
	rest.tos = 0;
	if (!ip->protocol)
		rest.inverted &= (uint8_t)~XT_INVERT_PROTOCOL;
	return memcmp(&rest, &(struct xt_ip){ 0 }, sizeof(rest)) != 0;
}

static int add_ip(const struct layout *layout, uint32_t at)
{
	struct xt xt = { .kind = XT_IP, .name = "" };
	bool is_known;

	if (layout->form->family == RULE_FAMILY_IPV4) {
		struct ipt_ip ip;

		memcpy(&ip, layout->bytes + at, sizeof(ip));
		is_known = set_ip4(&xt.u.ip, &ip);
	} else {
		struct ip6t_ip6 ip;

		memcpy(&ip, layout->bytes + at, sizeof(ip));
		is_known = set_ip6(&xt.u.ip, &ip);
	}
	if (!is_known)
		xt.kind = XT_UNKNOWN;
	return xt.kind == XT_IP && !is_restricting(&xt.u.ip) ?
		       0 :
		       add_expression(layout->ruleset, RULE_OP_XT_IP, &xt);
}

static int decode(const struct layout *layout, uint32_t at, bool is_target, struct xt *ret)
{
	struct extension extension = get_extension(layout, at);

	return xt_decode(layout->ruleset, extension.name, extension.revision, is_target,
			 layout->form->family, layout->bytes + at + sizeof(extension),
			 extension.size - (uint32_t)sizeof(extension), ret);
}

static int add_matches(const struct layout *layout, uint32_t at)
{
	uint32_t end = at + target_offset(layout, at);

	for (uint32_t match = at + layout->form->size; match < end;
	     match += get_u16(layout->bytes + match)) {
		struct xt xt;
		int r = decode(layout, match, false, &xt);

		if (r == 0)
			r = add_expression(layout->ruleset, RULE_OP_XT_MATCH, &xt);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A jump to the next entry is what a rule without a target is. */
static int add_target(const struct layout *layout, uint32_t at)
{
	struct xt xt;
	int r = decode(layout, at + target_offset(layout, at), true, &xt);

	if (r < 0)
		return r;
	if (xt.kind == XT_VERDICT && xt.u.verdict.verdict == RULE_JUMP) {
		uint32_t to = (uint32_t)get_verdict(layout, at);

		if (to == at + next_offset(layout, at))
			return 0;
		xt.u.verdict.chain = chain_at(layout, to);
		xt.u.verdict.verdict =
			xt.u.verdict.chain == RULESET_NONE ? RULE_VERDICT_UNKNOWN :
			layout->bytes[at + layout->form->flags] & layout->form->go_to ? RULE_GOTO :
											RULE_JUMP;
	}
	return add_expression(layout->ruleset, RULE_OP_XT_TARGET, &xt);
}

static int add_rule(const struct layout *layout, uint32_t at, uint32_t chain, uint32_t number)
{
	struct ruleset *ruleset = layout->ruleset;
	struct rule *rule = array_push(&ruleset->rules);
	int r;

	if (!rule)
		return -ENOMEM;
	*rule = (struct rule){ .chain = chain,
			       .first_expression = ruleset->expressions.n,
			       .handle = number };
	r = add_ip(layout, at);
	if (r == 0)
		r = add_matches(layout, at);
	if (r == 0)
		r = add_target(layout, at);
	rule->n_expressions = ruleset->expressions.n - rule->first_expression;
	return r;
}

static int add_rules(const struct layout *layout, uint32_t chain, const struct part *part)
{
	uint32_t at = part->first;

	layout->ruleset->chains.items[chain].first_rule = layout->ruleset->rules.n;
	for (uint32_t i = 0; i < part->n_rules; i++) {
		int r = add_rule(layout, at, chain, i + 1);

		if (r < 0)
			return r;
		at += next_offset(layout, at);
	}
	return 0;
}

static int add_table(struct layout *layout, const struct known_table *known)
{
	struct rule_table *table = array_push(&layout->ruleset->tables);
	int r = 0;

	if (!table)
		return -ENOMEM;
	*table = (struct rule_table){ .name = known->name,
				      .family = layout->form->family,
				      .is_xtables = true };
	layout->first_chain = layout->ruleset->chains.n;
	for (uint32_t i = 0; i < layout->parts.n && r == 0; i++)
		r = add_chain(layout, &layout->parts.items[i], known);
	for (uint32_t i = 0; i < layout->parts.n && r == 0; i++)
		r = add_rules(layout, layout->first_chain + i, &layout->parts.items[i]);
	return r;
}

int xtables_add(struct ruleset *ruleset, uint8_t family, const struct xtables_info *info,
		const void *entries)
{
	struct layout layout = {
		.ruleset = ruleset,
		.form = &forms[family == RULE_FAMILY_IPV6],
		.info = info,
		.bytes = entries,
	};
	const struct known_table *known = find_table(info->name);
	int r = known ? find_parts(&layout) : -EBADMSG;

	if (r == 0)
		r = has_all_hooks(&layout) ? add_table(&layout, known) : -EBADMSG;
	array_fini(&layout.parts);
	return r;
}
