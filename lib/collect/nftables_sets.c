/* SPDX-License-Identifier: MIT */
/*
 * Sets, and their elements as closed ranges.
 *
 * Sets of intervals come as the kernel keeps them (net/netfilter/nft_set_rbtree.c): where one
 * begins, and, flagged, the first key behind it; the last may have no end, and where one begins at
 * once behind another, that one's end may be left out. Up to Linux 6.18 at least from the highest
 * key down. A look-up finds the last of these marks at or below the key: so here they are brought
 * into ascending order, and each beginning reaches until the next mark. An element that has timed
 * out hides what is below it, too, as it does in the kernel.
 *
 * Keys are compared as bytes, so that intervals are in network order even where the type is not.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#include "nftables.h"

/* rule_element.last of an element that has no range yet: where an interval begins, and ends. */
#define MARK_BEGIN RULESET_NONE
#define MARK_END   (RULESET_NONE - 1)

/* Each field takes whole registers; together they are the key. */
static bool take_fields(const struct nlattr *concat, struct rule_set *set)
{
	const struct nlattr *each, *attributes[NFTA_SET_FIELD_MAX + 1];
	uint32_t length, sum = 0;

	mnl_attr_for_each_nested(each, concat) {
		if (set->n_fields == RULE_FIELDS_MAX ||
		    !nft_nested(attributes, NFTA_SET_FIELD_MAX + 1, each) ||
		    !nft_be32(attributes[NFTA_SET_FIELD_LEN], &length) || !length ||
		    length > NFT_VALUE_MAX)
			return false;
		set->fields[set->n_fields++] = (uint8_t)length;
		sum += (length + 3) & ~3u;
	}
	return sum == set->key_length;
}

static bool take_description(const struct nlattr *description, struct rule_set *set)
{
	const struct nlattr *attributes[NFTA_SET_DESC_MAX + 1];

	if (!description)
		return true;
	if (!nft_nested(attributes, NFTA_SET_DESC_MAX + 1, description))
		return false;
	return !attributes[NFTA_SET_DESC_CONCAT] ||
	       take_fields(attributes[NFTA_SET_DESC_CONCAT], set);
}

static bool take_lengths(const struct nlattr **attributes, struct rule_set *set)
{
	uint32_t key, data = 0;

	if (!nft_be32(attributes[NFTA_SET_KEY_LEN], &key) || !key || key > NFT_VALUE_MAX)
		return false;
	(void)nft_be32(attributes[NFTA_SET_DATA_LEN], &data);
	set->key_length = (uint16_t)key;
	set->has_verdicts = set->data_type == NFT_DATA_VERDICT;
	set->data_length = set->has_verdicts ? 0 : (uint16_t)data;
	return data <= NFT_VALUE_MAX && take_description(attributes[NFTA_SET_DESC], set);
}

int nft_take_set(const struct nlmsghdr *message, void *data)
{
	struct nftables *nft = data;
	struct ruleset *ruleset = nft->ruleset;
	const struct nlattr *attributes[NFTA_SET_MAX + 1];
	struct rule_set set = { 0 };
	struct nft_text name;
	uint32_t object = 0;
	int r = nft_take(nft, message, NFT_MSG_NEWSET, attributes, NFTA_SET_MAX + 1, &set.table);

	if (r <= 0)
		return r;
	(void)nft_be32(attributes[NFTA_SET_FLAGS], &set.flags);
	(void)nft_be32(attributes[NFTA_SET_ID], &set.id);
	(void)nft_be32(attributes[NFTA_SET_KEY_TYPE], &set.key_type);
	(void)nft_be32(attributes[NFTA_SET_DATA_TYPE], &set.data_type);
	(void)nft_be32(attributes[NFTA_SET_OBJ_TYPE], &object);
	if (!nft_text(attributes[NFTA_SET_NAME], &name) || !take_lengths(attributes, &set) ||
	    object > UINT8_MAX)
		return -EBADMSG;
	if (ruleset->sets.n == NFT_MAX_SETS)
		return -E2BIG;
	set.object_type = (uint8_t)object;
	set.name = nft_keep(nft, &name);
	if (!set.name || array_reserve(&ruleset->sets, 1) < 0)
		return -ENOMEM;
	ruleset->sets.items[ruleset->sets.n] = set;
	return nft_enter(nft, NFT_SET, ruleset->sets.n++);
}

/* The key's place: false where it is not as long as the set's keys are. */
static bool keep_key(struct nftables *nft, const struct nlattr *attribute, uint32_t wanted,
		     uint32_t *ret)
{
	const void *bytes;
	uint32_t length;

	if (!nft_value(attribute, &bytes, &length) || length != wanted)
		return false;
	*ret = ruleset_keep(nft->ruleset, bytes, length);
	return true;
}

static int take_data(struct nftables *nft, const struct rule_set *set, const struct nlattr *data,
		     struct rule_element *element)
{
	if (!(set->flags & RULE_SET_MAP))
		return 0;
	if (set->has_verdicts)
		return nft_verdict(nft, set->table, data, &element->verdict, &element->chain);
	if (!keep_key(nft, data, set->data_length, &element->data))
		return -EBADMSG;
	return element->data == RULESET_NONE ? -ENOMEM : 0;
}

/* A time that is over is told as 0 (net/netfilter/nf_tables_api.c: nf_tables_fill_setelem()). */
static bool is_expired(const struct nlattr **attributes)
{
	uint64_t left;

	return nft_be64(attributes[NFTA_SET_ELEM_EXPIRATION], &left) && left == 0;
}

static bool has_marks(const struct rule_set *set)
{
	return set->flags & RULE_SET_INTERVAL && set->n_fields < 2;
}

static int take_keys(struct nftables *nft, const struct rule_set *set,
		     const struct nlattr **attributes, bool is_end, struct rule_element *element)
{
	if (!keep_key(nft, attributes[NFTA_SET_ELEM_KEY], set->key_length, &element->first))
		return -EBADMSG;
	element->last = element->first;
	if (attributes[NFTA_SET_ELEM_KEY_END]) {
		if (is_end || !keep_key(nft, attributes[NFTA_SET_ELEM_KEY_END], set->key_length,
					&element->last))
			return -EBADMSG;
	} else if (has_marks(set)) {
		element->last = is_end ? MARK_END : MARK_BEGIN;
	}
	return element->first == RULESET_NONE ? -ENOMEM : 0;
}

static int take_element(struct nftables *nft, const struct rule_set *set, const struct nlattr *nest)
{
	const struct nlattr *attributes[NFTA_SET_ELEM_MAX + 1];
	struct rule_element element = { .first = RULESET_NONE,
					.last = RULESET_NONE,
					.data = RULESET_NONE,
					.chain = RULESET_NONE };
	struct ruleset *ruleset = nft->ruleset;
	bool is_end, is_gone;
	uint32_t flags = 0;
	uint64_t timeout;
	int r = 0;

	if (!nft_nested(attributes, NFTA_SET_ELEM_MAX + 1, nest))
		return -EBADMSG;
	(void)nft_be32(attributes[NFTA_SET_ELEM_FLAGS], &flags);
	if (flags & ~(uint32_t)(NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL))
		return -EBADMSG;
	is_gone = is_expired(attributes);
	element.is_catchall = flags & NFT_SET_ELEM_CATCHALL;
	is_end = flags & NFT_SET_ELEM_INTERVAL_END;
	if (is_gone && (element.is_catchall || !has_marks(set)))
		return 0;
	if (!element.is_catchall)
		r = take_keys(nft, set, attributes, is_end || is_gone, &element);
	if (r == 0 && !is_end && !is_gone)
		r = take_data(nft, set, attributes[NFTA_SET_ELEM_DATA], &element);
	if (r < 0)
		return r;
	element.has_timeout = attributes[NFTA_SET_ELEM_EXPIRATION] ||
			      (nft_be64(attributes[NFTA_SET_ELEM_TIMEOUT], &timeout) && timeout);
	element.has_stateful = nft_is_stateful(attributes[NFTA_SET_ELEM_EXPR],
					       attributes[NFTA_SET_ELEM_EXPRESSIONS]);
	if (ruleset->elements.n >= NFT_MAX_ELEMENTS || ruleset->bytes.n >= NFT_MAX_BYTES)
		return -E2BIG;
	if (array_reserve(&ruleset->elements, 1) < 0)
		return -ENOMEM;
	ruleset->elements.items[ruleset->elements.n++] = element;
	return 0;
}

/*
 * What cannot be made out, or is too much, spoils this set alone. The rest of the dump is waited
 * for all the same, since a socket has room for one.
 */
static int take_elements(const struct nlmsghdr *message, void *data)
{
	struct nftables *nft = data;
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_MAX + 1], *each;
	const struct rule_set *set = &nft->ruleset->sets.items[nft->set];
	uint32_t table;
	int r = nft_take(nft, message, NFT_MSG_NEWSETELEM, attributes, NFTA_SET_ELEM_LIST_MAX + 1,
			 &table);

	if (r <= 0)
		return r;
	if (!attributes[NFTA_SET_ELEM_LIST_ELEMENTS] || nft->is_broken)
		return 0;
	mnl_attr_for_each_nested(each, attributes[NFTA_SET_ELEM_LIST_ELEMENTS]) {
		r = take_element(nft, set, each);
		if (r == -ENOMEM)
			return r;
		nft->is_broken = nft->is_broken || r < 0;
	}
	return 0;
}

struct order {
	const uint8_t *bytes;
	uint32_t length;
};

/* At the same key an end comes first, for there the next interval may begin. */
static int compare_marks(const void *left, const void *right, void *data)
{
	const struct rule_element *a = left, *b = right;
	const struct order *order = data;
	int r;

	if (a->is_catchall || b->is_catchall)
		return a->is_catchall - b->is_catchall;
	r = memcmp(order->bytes + a->first, order->bytes + b->first, order->length);
	return r ? r : (b->last == MARK_END) - (a->last == MARK_END);
}

/* The kernel's order is the other one, mostly, which is turned round faster than sorted. */
static void sort_marks(struct order *order, struct rule_element *elements, uint32_t n)
{
	bool ascends = true, descends = true;

	for (uint32_t i = 1; i < n; i++) {
		int r = compare_marks(&elements[i - 1], &elements[i], order);

		ascends = ascends && r <= 0;
		descends = descends && r >= 0;
	}
	if (ascends)
		return;
	if (!descends)
		return qsort_r(elements, n, sizeof(*elements), compare_marks, order);
	for (uint32_t i = 0; i < n / 2; i++) {
		struct rule_element element = elements[i];

		elements[i] = elements[n - 1 - i];
		elements[n - 1 - i] = element;
	}
}

/* The key before: what was an end's own place becomes the last key of the interval. */
static bool step_back(uint8_t *key, uint32_t length)
{
	for (uint32_t i = length; i-- > 0;) {
		if (key[i]--)
			return true;
	}
	return false;
}

/* Until the next mark, or for ever: 0, -EBADMSG, -ENOMEM. */
static int finish_range(struct nftables *nft, struct rule_element *element,
			const struct rule_element *next, uint32_t length)
{
	static const uint8_t highest[NFT_VALUE_MAX] = { [0 ... NFT_VALUE_MAX - 1] = 0xff };
	struct ruleset *ruleset = nft->ruleset;
	uint8_t key[NFT_VALUE_MAX];

	if (!next || next->is_catchall) {
		element->last = ruleset_keep(ruleset, highest, length);
	} else {
		memcpy(key, ruleset_bytes(ruleset, next->first), length);
		if (!step_back(key, length) ||
		    memcmp(key, ruleset_bytes(ruleset, element->first), length) < 0)
			return -EBADMSG;
		if (memcmp(key, ruleset_bytes(ruleset, element->first), length) == 0) {
			element->last = element->first;
		} else if (next->last == MARK_END) {
			memcpy(ruleset->bytes.items + next->first, key, length);
			element->last = next->first;
		} else {
			element->last = ruleset_keep(ruleset, key, length);
		}
	}
	return element->last == RULESET_NONE ? -ENOMEM : 0;
}

/* Marks become ranges; ends are left out. */
static int join_marks(struct nftables *nft, const struct rule_set *set)
{
	struct ruleset *ruleset = nft->ruleset;
	struct rule_element *elements = ruleset->elements.items + set->first_element;
	struct order order = { ruleset->bytes.items, set->key_length };
	uint32_t n = ruleset->elements.n - set->first_element, kept = 0;
	int r = 0;

	sort_marks(&order, elements, n);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		if (elements[i].last == MARK_END)
			continue;
		if (elements[i].last == MARK_BEGIN && !elements[i].is_catchall)
			r = finish_range(nft, &elements[i], i + 1 < n ? &elements[i + 1] : NULL,
					 set->key_length);
		elements[kept++] = elements[i];
	}
	ruleset->elements.n = set->first_element + kept;
	return r;
}

static int read_set(struct nftables *nft, uint32_t index)
{
	struct ruleset *ruleset = nft->ruleset;
	struct rule_set *set = &ruleset->sets.items[index];
	const struct rule_table *table = &ruleset->tables.items[set->table];
	struct nft_request request;
	uint32_t n_bytes = ruleset->bytes.n;
	int r;

	nft_request(&request, NFT_MSG_GETSETELEM, table->family);
	mnl_attr_put_strz(&request.header, NFTA_SET_ELEM_LIST_TABLE, table->name);
	mnl_attr_put_strz(&request.header, NFTA_SET_ELEM_LIST_SET, set->name);
	set->first_element = ruleset->elements.n;
	nft->set = index;
	nft->is_broken = false;
	r = nft_dump(nft, &request, take_elements);
	if (r == -ENOENT) { /* it went just now */
		nft->is_changed = nft->is_broken = true;
		r = nft->is_last ? 0 : -EINTR;
	}
	if (r < 0)
		return r;
	if (!nft->is_broken && has_marks(set))
		r = join_marks(nft, set);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || nft->is_broken) {
		set->is_known = false;
		ruleset->elements.n = set->first_element;
		ruleset->bytes.n = n_bytes;
	}
	set->n_elements = ruleset->elements.n - set->first_element;
	return 0;
}

int nft_read_elements(struct nftables *nft)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < nft->wanted.n; i++)
		r = read_set(nft, nft->wanted.items[i]);
	return r;
}
