/* SPDX-License-Identifier: MIT */
/*
 * Which elements of a set the registers may meet, for which sources.
 *
 * Whole addresses and known keys are what rules look up most: a set of a hundred thousand addresses
 * becomes one list of intervals, made once, and a known key is searched for by halves. All else
 * compares each element by its fields.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Results that a map may have at once: chains to go to, marks, addresses. */
#define GROUPS_MAX 1024

struct set_index {
	bool has_sources, has_order;
	bool has_stateful;          /* some element may say no: `must` is another list than `may` */
	bool is_filled, is_drained; /* by rules: anybody may come into it, or leave it */
	/* Keys as addresses: all, and those that are not up to an expression of their own */
	struct ranges may, must;
	uint32_t *order; /* elements by their first key, without the catch-all */
	uint32_t n;
};

void lookup_fini(struct lookup *lookup)
{
	for (uint32_t i = 0; i < lookup->groups.n; i++)
		condition_fini(&lookup->groups.items[i].condition);
	array_fini(&lookup->groups);
	condition_fini(&lookup->found);
}

int set_indexes_new(const struct ruleset *ruleset, struct set_index **ret)
{
	struct set_index *indexes = calloc(ruleset->sets.n + 1u, sizeof(**ret));

	if (!indexes)
		return -ENOMEM;
	for (uint32_t i = 0; i < ruleset->expressions.n; i++) {
		const struct rule_expression *e = &ruleset->expressions.items[i];

		if (e->op != RULE_OP_DYNSET || e->set >= ruleset->sets.n)
			continue;
		if (e->key == DYNSET_DELETE)
			indexes[e->set].is_drained = true;
		else
			indexes[e->set].is_filled = true;
	}
	*ret = indexes;
	return 0;
}

void set_indexes_free(const struct ruleset *ruleset, struct set_index *indexes)
{
	for (uint32_t i = 0; indexes && i < ruleset->sets.n; i++) {
		ranges_fini(&indexes[i].may);
		ranges_fini(&indexes[i].must);
		free(indexes[i].order);
	}
	free(indexes);
}

static const struct rule_element *element_at(const struct ruleset *ruleset,
					     const struct rule_set *set, uint32_t i)
{
	return &ruleset->elements.items[set->first_element + i];
}

static bool is_plain(const struct rule_set *set)
{
	return set->n_fields <= 1;
}

/* --- Indexes --- */

static int push(struct ranges *list, u128 first, u128 last)
{
	struct range *items = list->items;

	if (list->n == list->capacity) {
		uint32_t capacity = list->capacity ? list->capacity * 2 : 16;

		items = reallocarray(list->items, capacity, sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->capacity = capacity;
	}
	items[list->n++] = (struct range){ first, last };
	return 0;
}

static int index_sources(const struct ruleset *ruleset, const struct rule_set *set,
			 struct set_index *index)
{
	bool is_ipv6 = set->key_length == 16;
	int error = 0;

	/* Where no element may say no, one list is enough. */
	for (uint32_t i = 0; i < set->n_elements && !index->has_stateful; i++)
		index->has_stateful = element_at(ruleset, set, i)->has_stateful;
	for (uint32_t i = 0; i < set->n_elements && !error; i++) {
		const struct rule_element *element = element_at(ruleset, set, i);
		u128 first, last;

		if (element->is_catchall)
			continue;
		first = ranges_from_bytes(ruleset_bytes(ruleset, element->first), is_ipv6);
		last = ranges_from_bytes(ruleset_bytes(ruleset, element->last), is_ipv6);
		error = first <= last ? push(&index->may, first, last) : 0;
		if (!error && first <= last && index->has_stateful && !element->has_stateful)
			error = push(&index->must, first, last);
	}
	ranges_normalize(&index->may);
	ranges_normalize(&index->must);
	ranges_trim(&index->may);
	index->has_sources = !error;
	return error;
}

struct order_context {
	const struct ruleset *ruleset;
	const struct rule_set *set;
};

static int compare_first(const void *a, const void *b, void *data)
{
	const struct order_context *context = data;
	const struct rule_element *x, *y;

	x = element_at(context->ruleset, context->set, *(const uint32_t *)a);
	y = element_at(context->ruleset, context->set, *(const uint32_t *)b);
	return memcmp(ruleset_bytes(context->ruleset, x->first),
		      ruleset_bytes(context->ruleset, y->first), context->set->key_length);
}

static int index_order(const struct ruleset *ruleset, const struct rule_set *set,
		       struct set_index *index)
{
	struct order_context context = { ruleset, set };
	bool is_sorted = true;

	index->order = calloc(set->n_elements + 1u, sizeof(*index->order));
	if (!index->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n_elements; i++) {
		if (element_at(ruleset, set, i)->is_catchall)
			continue;
		index->order[index->n++] = i;
		if (index->n > 1 && compare_first(&index->order[index->n - 2],
						  &index->order[index->n - 1], &context) > 0)
			is_sorted = false;
	}
	if (!is_sorted)
		qsort_r(index->order, index->n, sizeof(*index->order), compare_first, &context);
	index->has_order = true;
	return 0;
}

/* The element that a known key meets: of those that begin at or before it, the last. */
static const struct rule_element *find_key(const struct ruleset *ruleset,
					   const struct rule_set *set,
					   const struct set_index *index, const uint8_t *key)
{
	uint32_t low = 0, high = index->n;
	const struct rule_element *element;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		element = element_at(ruleset, set, index->order[middle]);
		if (memcmp(ruleset_bytes(ruleset, element->first), key, set->key_length) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	element = element_at(ruleset, set, index->order[low - 1]);
	return memcmp(ruleset_bytes(ruleset, element->last), key, set->key_length) >= 0 ? element :
											  NULL;
}

/* --- Elements one by one --- */

/* Field by field, where all of it is known: false, it is another one's. */
static bool known_fields_match(const struct ruleset *ruleset, const struct rule_set *set,
			       const struct rule_element *element,
			       const struct registers *registers, uint8_t reg, bool *ret_is_all)
{
	const uint8_t *first = ruleset_bytes(ruleset, element->first);
	const uint8_t *last = ruleset_bytes(ruleset, element->last);
	uint8_t bytes[RULE_REGISTERS];
	uint32_t at = 0;

	*ret_is_all = true;
	for (uint32_t i = 0; i < set->n_fields && at < set->key_length; i++) {
		uint32_t length = set->fields[i];

		if (length > set->key_length - at)
			return true;
		if (!registers_known(registers, (uint8_t)(reg + at), length, bytes))
			*ret_is_all = false;
		else if (memcmp(bytes, first + at, length) < 0 ||
			 memcmp(bytes, last + at, length) > 0)
			return false;
		at += (length + 3) / 4 * 4;
	}
	return true;
}

static int match_fields(const struct ruleset *ruleset, const struct rule_set *set,
			const struct rule_element *element, const struct registers *registers,
			uint8_t reg, struct condition *ret)
{
	const uint8_t *first = ruleset_bytes(ruleset, element->first);
	const uint8_t *last = ruleset_bytes(ruleset, element->last);
	struct condition field = { 0 };
	uint32_t at = 0;
	int error = 0;

	if (is_plain(set))
		return registers_between(registers, reg, set->key_length, first, last, ret);
	for (uint32_t i = 0; i < set->n_fields && at < set->key_length && !error; i++) {
		uint32_t length = set->fields[i];

		if (length > set->key_length - at)
			length = set->key_length - at;
		error = registers_between(registers, (uint8_t)(reg + at), length, first + at,
					  last + at, i ? &field : ret);
		if (!error && i)
			error = condition_and(ret, &field);
		at += (length + 3) / 4 * 4;
	}
	condition_fini(&field);
	return error;
}

static int match_element(const struct machine *machine, const struct rule_set *set,
			 const struct rule_element *element, const struct registers *registers,
			 uint8_t reg, struct condition *ret)
{
	bool is_all = false;
	int error;

	if (!is_plain(set) &&
	    !known_fields_match(machine->ruleset, set, element, registers, reg, &is_all))
		return condition_of_none(ret);
	if (is_all)
		error = condition_of_all(ret, &machine->all);
	else
		error = match_fields(machine->ruleset, set, element, registers, reg, ret);
	if (!error && element->has_stateful && ret->may.n) {
		ret->must.n = 0;
		ret->doubts |= DOUBT(RATE);
	}
	return error;
}

/* --- Groups --- */

static bool give_the_same(const struct ruleset *ruleset, const struct rule_set *set, uint32_t a,
			  uint32_t b)
{
	const struct rule_element *x, *y;

	if (a == RULESET_NONE || b == RULESET_NONE)
		return a == b;
	x = &ruleset->elements.items[a];
	y = &ruleset->elements.items[b];
	if (set->has_verdicts)
		return x->verdict == y->verdict && x->chain == y->chain;
	if (x->data == RULESET_NONE || y->data == RULESET_NONE)
		return x->data == y->data;
	return !memcmp(ruleset_bytes(ruleset, x->data), ruleset_bytes(ruleset, y->data),
		       set->data_length);
}

static int add_group(struct machine *machine, const struct rule_set *set, struct lookup *lookup,
		     const struct condition *condition, uint32_t element)
{
	struct lookup_group *group;
	int error;

	if (!condition->may.n)
		return 0;
	machine->work += 1 + lookup->groups.n / 16;
	for (uint32_t i = lookup->groups.n; i-- > 0;) {
		if (give_the_same(machine->ruleset, set, lookup->groups.items[i].element, element))
			return condition_or(&lookup->groups.items[i].condition, condition);
	}
	if (lookup->groups.n == GROUPS_MAX)
		return -E2BIG;
	group = array_push(&lookup->groups);
	if (!group)
		return -ENOMEM;
	group->element = element;
	error = ranges_copy(&group->condition.may, &condition->may);
	if (!error)
		error = ranges_copy(&group->condition.must, &condition->must);
	group->condition.doubts = condition->doubts;
	return error;
}

static int add_found(struct machine *machine, const struct rule_set *set, struct lookup *lookup,
		     const struct condition *condition, uint32_t element, bool has_groups)
{
	int error = condition_or(&lookup->found, condition);

	return error || !has_groups ? error : add_group(machine, set, lookup, condition, element);
}

static int look_up_known(struct machine *machine, const struct rule_set *set, uint32_t index,
			 const uint8_t *key, bool has_groups, struct lookup *ret)
{
	struct set_index *indexes = &machine->firewall->sets[index];
	const struct rule_element *element;
	struct condition condition = { 0 };
	int error = 0;

	if (!indexes->has_order)
		error = index_order(machine->ruleset, set, indexes);
	if (error)
		return error;
	element = find_key(machine->ruleset, set, indexes, key);
	if (!element)
		return 0;
	if (element->has_stateful)
		error = condition_of_some(&condition, &machine->all, DOUBT(RATE));
	else
		error = condition_of_all(&condition, &machine->all);
	if (!error)
		error = add_found(machine, set, ret, &condition,
				  (uint32_t)(element - machine->ruleset->elements.items),
				  has_groups);
	condition_fini(&condition);
	return error;
}

static int look_up_source(struct machine *machine, const struct rule_set *set, uint32_t index,
			  struct lookup *ret)
{
	struct set_index *indexes = &machine->firewall->sets[index];
	int error = 0;

	if (!indexes->has_sources)
		error = index_sources(machine->ruleset, set, indexes);
	if (!error)
		error = ranges_copy(&ret->found.may, &indexes->may);
	if (!error)
		error = ranges_copy(&ret->found.must,
				    indexes->has_stateful ? &indexes->must : &indexes->may);
	machine->work += indexes->may.n / 8;
	ret->found.doubts = 0;
	if (indexes->has_stateful && !ranges_equal(&indexes->may, &indexes->must))
		ret->found.doubts = DOUBT(RATE);
	return error;
}

static int look_up_all(struct machine *machine, const struct registers *registers, uint8_t reg,
		       const struct rule_set *set, bool has_groups, struct lookup *ret)
{
	struct condition condition = { 0 };
	int error = 0;

	for (uint32_t i = 0; i < set->n_elements && !error; i++) {
		const struct rule_element *element = element_at(machine->ruleset, set, i);

		machine->work++;
		if (machine->work > WORK_MAX)
			error = -E2BIG;
		if (error || element->is_catchall)
			continue;
		error = match_element(machine, set, element, registers, reg, &condition);
		if (!error && condition.may.n)
			error = add_found(machine, set, ret, &condition, set->first_element + i,
					  has_groups);
	}
	condition_fini(&condition);
	return error;
}

static int add_catchall(struct machine *machine, const struct rule_set *set, bool has_groups,
			struct lookup *ret)
{
	struct condition rest = { 0 };
	int error = 0;

	for (uint32_t i = 0; i < set->n_elements && !error; i++) {
		if (!element_at(machine->ruleset, set, i)->is_catchall)
			continue;
		error = condition_or(&rest, &ret->found);
		if (!error)
			error = condition_not(&rest, &machine->all);
		if (!error && element_at(machine->ruleset, set, i)->has_stateful && rest.may.n) {
			rest.must.n = 0;
			rest.doubts |= DOUBT(RATE);
			error = condition_or(&ret->found, &rest);
		} else if (!error) {
			error = condition_of_all(&ret->found, &machine->all);
		}
		if (!error && has_groups)
			error = add_group(machine, set, ret, &rest, set->first_element + i);
		break;
	}
	condition_fini(&rest);
	return error;
}

/* What earlier packets had rules do to the set. */
static int add_changes(struct machine *machine, const struct rule_set *set, uint32_t index,
		       bool has_groups, struct lookup *ret)
{
	const struct set_index *indexes = &machine->firewall->sets[index];
	struct condition some = { 0 };
	int error = 0;

	if (indexes->is_drained) {
		ret->found.must.n = 0;
		ret->found.doubts |= DOUBT(SET);
		for (uint32_t i = 0; i < ret->groups.n; i++) {
			ret->groups.items[i].condition.must.n = 0;
			ret->groups.items[i].condition.doubts |= DOUBT(SET);
		}
	}
	if (indexes->is_filled) {
		error = condition_of_some(&some, &machine->all, DOUBT(SET));
		if (!error)
			error = add_found(machine, set, ret, &some, RULESET_NONE, has_groups);
	}
	condition_fini(&some);
	return error;
}

int lookup_ask(struct machine *machine, const struct registers *registers, uint8_t reg,
	       uint32_t index, bool has_groups, struct lookup *ret)
{
	const struct ruleset *ruleset = machine->ruleset;
	const struct rule_set *set = index < ruleset->sets.n ? &ruleset->sets.items[index] : NULL;
	struct condition some = { 0 };
	uint8_t key[RULE_REGISTERS];
	int error;

	/* NFT_SET_EVAL: rules add to it, perhaps for this very packet. */
	if (!set || !set->is_known || set->flags & RULE_SET_EVAL ||
	    !registers_hold(reg, set->key_length)) {
		error = condition_of_some(&some, &machine->all, DOUBT(SET));
		if (!error)
			error = condition_or(&ret->found, &some);
		if (!error && has_groups)
			error = add_group(machine, set, ret, &some, RULESET_NONE);
		condition_fini(&some);
		return error;
	}
	if (is_plain(set) && registers_known(registers, reg, set->key_length, key))
		error = look_up_known(machine, set, index, key, has_groups, ret);
	else if (is_plain(set) && !has_groups &&
		 registers_are_source(registers, reg, set->key_length))
		error = look_up_source(machine, set, index, ret);
	else
		error = look_up_all(machine, registers, reg, set, has_groups, ret);
	if (!error)
		error = add_catchall(machine, set, has_groups, ret);
	return error ? error : add_changes(machine, set, index, has_groups, ret);
}
