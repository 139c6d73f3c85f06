/* SPDX-License-Identifier: MIT */
/* Outcomes that overlap, as a partition of all sources. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Outcomes that differ; what is more goes with others of its verdict. */
#define CLASSES_MAX 60

struct class
{
	uint8_t verdict;
	struct firewall_how how;
	struct ranges sources;
};

/* Sources that may meet the same outcomes for the same reasons. */
struct part {
	struct ranges sources;
	uint64_t classes; /* mask */
	uint32_t doubts;
};

struct partition {
	struct machine *machine;
	ARRAY(struct class) classes;
	ARRAY(struct part) parts;
	ARRAY(uint8_t) class_of; /* beside the outcomes */
};

static bool is_same_how(const struct firewall_how *a, const struct firewall_how *b)
{
	return a->kind == b->kind && a->port == b->port && a->is_any_address == b->is_any_address &&
	       !hark_addr_compare(&a->first, &b->first) && !hark_addr_compare(&a->last, &b->last);
}

static int find_class(struct partition *partition, const struct outcome *outcome, uint8_t *ret)
{
	struct class *class = NULL;

	for (uint32_t i = 0; i < partition->classes.n; i++) {
		class = &partition->classes.items[i];
		if (class->verdict == outcome->verdict && is_same_how(&class->how, &outcome->how)) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	if (partition->classes.n >= CLASSES_MAX) {
		for (uint32_t i = 0; i < partition->classes.n; i++) {
			if (partition->classes.items[i].verdict != outcome->verdict)
				continue;
			partition->classes.items[i].how = (struct firewall_how){ 0 };
			*ret = (uint8_t)i;
			return 0;
		}
		return -E2BIG;
	}
	class = array_push(&partition->classes);
	if (!class)
		return -ENOMEM;
	class->verdict = outcome->verdict;
	class->how = outcome->how;
	*ret = (uint8_t)(partition->classes.n - 1);
	return 0;
}

static int collect_classes(struct partition *partition)
{
	const struct machine *machine = partition->machine;
	int error = array_reserve(&partition->class_of, machine->outcomes.n);

	for (uint32_t i = 0; i < machine->outcomes.n && !error; i++) {
		uint8_t class = 0;

		error = find_class(partition, &machine->outcomes.items[i], &class);
		partition->class_of.items[i] = class;
		if (!error)
			error = ranges_unite(&partition->classes.items[class].sources,
					     &machine->outcomes.items[i].sources);
	}
	return error;
}

/* Cuts each part in two: those in the set, and the others. Marks the first. */
static int split(struct partition *partition, const struct ranges *set, uint64_t class,
		 uint32_t doubt, bool only_open)
{
	uint32_t n = partition->parts.n;
	int error = 0;

	for (uint32_t i = 0; i < n && !error; i++) {
		struct part *part = &partition->parts.items[i], *rest;
		struct ranges outside = { 0 };

		if (only_open && !(part->classes & (part->classes - 1)))
			continue;
		error = ranges_copy(&outside, &part->sources);
		if (!error)
			error = ranges_subtract(&outside, set);
		if (!error)
			error = ranges_intersect(&part->sources, set);
		if (!error && outside.n && !part->sources.n) {
			ranges_fini(&part->sources);
			part->sources = outside;
			continue;
		}
		part->classes |= class;
		part->doubts |= doubt;
		rest = !error && outside.n ? array_push(&partition->parts) : NULL;
		if (rest) {
			part = &partition->parts.items[i];
			*rest = (struct part){ outside, part->classes & ~class,
					       part->doubts & ~doubt };
		} else {
			if (outside.n && !error)
				error = -ENOMEM;
			ranges_fini(&outside);
		}
	}
	return error;
}

static int make_parts(struct partition *partition)
{
	struct part *part = array_push(&partition->parts);
	int error = part ? ranges_copy(&part->sources, &partition->machine->all) : -ENOMEM;

	for (uint32_t i = 0; i < partition->classes.n && !error; i++)
		error = split(partition, &partition->classes.items[i].sources, (uint64_t)1 << i, 0,
			      false);
	for (uint32_t i = 0; i < HARK_DOUBT_N_ && !error; i++)
		error = split(partition, &partition->machine->doubtful[i], 0, 1u << i, true);
	return error;
}

/* --- Pieces --- */

/* How all of them are told at once, if their verdict is one. */
static void join_how(struct firewall_how *how, const struct firewall_how *other)
{
	if (is_same_how(how, other))
		return;
	if (how->kind != FIREWALL_HOW_ADDRESS || other->kind != FIREWALL_HOW_ADDRESS) {
		*how = (struct firewall_how){ 0 };
		return;
	}
	how->is_any_address = true;
	how->is_local &= other->is_local;
	if (how->port != other->port)
		how->port = 0;
	if (hark_addr_compare(&other->first, &how->first) < 0)
		how->first = other->first;
	if (hark_addr_compare(&other->last, &how->last) > 0)
		how->last = other->last;
}

/* Where those go who get through after all. */
static struct firewall_how how_passed(const struct partition *partition, const struct part *part)
{
	struct firewall_how how = { 0 };

	for (uint32_t i = 0; i < partition->classes.n; i++) {
		const struct class *class = &partition->classes.items[i];

		if (!(part->classes & (uint64_t)1 << i) ||
		    (class->verdict != HARK_FIREWALL_ACCEPT &&
		     class->verdict != HARK_FIREWALL_DIVERTED))
			continue;
		if (class->how.kind != FIREWALL_HOW_ADDRESS)
			return (struct firewall_how){ 0 };
		if (how.kind)
			join_how(&how, &class->how);
		else
			how = class->how;
	}
	return how;
}

static bool is_here_and_elsewhere(const struct partition *partition, const struct part *part)
{
	bool is_here = false, is_elsewhere = false, has_port = false;
	uint16_t first_port = 0;

	for (uint32_t i = 0; i < partition->classes.n; i++) {
		const struct class *class = &partition->classes.items[i];
		bool is_translated = class->how.kind == FIREWALL_HOW_ADDRESS;
		uint16_t port = is_translated ? class->how.port :
						partition->machine->packet.question->port;

		if (!(part->classes & (uint64_t)1 << i) || class->verdict != HARK_FIREWALL_ACCEPT)
			continue;
		is_here = is_here || !is_translated;
		is_elsewhere = is_elsewhere || is_translated;
		if (is_translated && !class->how.is_local)
			continue;
		/* Another port of this host is another listener. */
		if (has_port && port != first_port)
			return true;
		first_port = port;
		has_port = true;
	}
	return is_here && is_elsewhere;
}

static void describe(const struct partition *partition, const struct part *part,
		     struct firewall_piece *piece)
{
	bool is_first = true;

	for (uint32_t i = 0; i < partition->classes.n; i++) {
		const struct class *class = &partition->classes.items[i];

		if (!(part->classes & (uint64_t)1 << i))
			continue;
		piece->outcomes |= 1u << class->verdict;
		piece->verdict = class->verdict;
		if (is_first)
			piece->how = class->how;
		else
			join_how(&piece->how, &class->how);
		is_first = false;
	}
	/* Here or somewhere else is no single end, though both are called the same. */
	if (!(piece->outcomes & (piece->outcomes - 1)) && !is_here_and_elsewhere(partition, part)) {
		piece->outcomes = 0;
		return;
	}
	piece->verdict = HARK_FIREWALL_DEPENDS;
	piece->how = how_passed(partition, part);
	piece->doubts = part->doubts ? part->doubts : DOUBT(UNDECODED);
}

static bool is_same_piece(const struct firewall_piece *a, const struct firewall_piece *b)
{
	return a->verdict == b->verdict && a->doubts == b->doubts && a->outcomes == b->outcomes &&
	       is_same_how(&a->how, &b->how);
}

/* Takes the sources. */
static int add_piece(struct firewall_answer *answer, struct firewall_piece *new,
		     struct ranges *sources)
{
	struct firewall_piece *pieces;

	for (uint32_t i = 0; i < answer->n_pieces; i++) {
		if (is_same_piece(&answer->pieces[i], new))
			return ranges_unite(&answer->pieces[i].sources, sources);
	}
	pieces = reallocarray(answer->pieces, answer->n_pieces + 1u, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	answer->pieces = pieces;
	pieces[answer->n_pieces] = *new;
	pieces[answer->n_pieces++].sources = *sources;
	*sources = (struct ranges){ 0 };
	return 0;
}

/* --- Who cannot send --- */

static u128 size_of(const struct ranges *set)
{
	u128 size = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		u128 more = set->items[i].last - set->items[i].first;

		/* All of IPv6 is one more than fits. */
		size = size > RANGES_MAX_IPV6 - more - 1 ? RANGES_MAX_IPV6 : size + more + 1;
	}
	return size;
}

static bool is_prefix(u128 first, u128 last)
{
	u128 size = last - first + 1; /* 0: all of IPv6 */

	return !(size & (size - 1)) && (!size || !(first & (size - 1)));
}

/* The piece that a number belongs to, and its range there; NULL: none. */
static struct firewall_piece *find_piece(const struct firewall_answer *answer, u128 number,
					 struct range *ret)
{
	for (uint32_t i = 0; i < answer->n_pieces; i++) {
		const struct ranges *set = &answer->pieces[i].sources;
		uint32_t at = 0, end = set->n;

		while (at < end) {
			uint32_t middle = at + (end - at) / 2;

			if (set->items[middle].last < number)
				at = middle + 1;
			else
				end = middle;
		}
		if (at < set->n && set->items[at].first <= number) {
			*ret = set->items[at];
			return &answer->pieces[i];
		}
	}
	return NULL;
}

/* Who is to have a gap: who has a prefix with it, else the wider neighbour. NULL: nobody can. */
static struct firewall_piece *pick_piece(const struct firewall_answer *answer, const u128 *sizes,
					 const struct range *gap, u128 max)
{
	struct range below = { 0 }, above = { 0 };
	struct firewall_piece *before = gap->first ? find_piece(answer, gap->first - 1, &below) :
						     NULL;
	struct firewall_piece *after = gap->last < max ? find_piece(answer, gap->last + 1, &above) :
							 NULL;

	if (!before || !after || before == after)
		return after ? after : before;
	if (is_prefix(below.first, gap->last))
		return before;
	if (is_prefix(gap->first, above.last))
		return after;
	return sizes[before - answer->pieces] > sizes[after - answer->pieces] ? before : after;
}

static int fold(const struct machine *machine, const struct ranges *nobody,
		struct firewall_answer *answer)
{
	u128 max = machine->is_ipv6 ? RANGES_MAX_IPV6 : RANGES_MAX_IPV4;
	u128 *sizes = calloc(answer->n_pieces + 1, sizeof(*sizes));
	int error = sizes ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < answer->n_pieces && !error; i++)
		sizes[i] = size_of(&answer->pieces[i].sources);
	for (uint32_t i = 0; i < nobody->n && !error; i++) {
		const struct range *gap = &nobody->items[i];
		struct firewall_piece *piece = pick_piece(answer, sizes, gap, max);

		if (piece)
			error = ranges_add(&piece->sources, gap->first, gap->last);
	}
	free(sizes);
	return error;
}

/* --- Who decided --- */

static bool is_same_witness(const struct firewall_witness *a, const struct firewall_witness *b)
{
	return a->decider == b->decider && a->stage == b->stage && a->index == b->index &&
	       a->is_reply == b->is_reply;
}

static void add_witness(struct firewall_piece *piece, const struct firewall_witness *witness)
{
	for (uint32_t i = 0; i < piece->n_witnesses; i++) {
		if (is_same_witness(&piece->witnesses[i], witness))
			return;
	}
	if (piece->n_witnesses < FIREWALL_WITNESSES_MAX)
		piece->witnesses[piece->n_witnesses++] = *witness;
	else
		piece->n_more++;
}

static bool may_be_accepted(const struct firewall_piece *piece)
{
	return piece->verdict == HARK_FIREWALL_ACCEPT || piece->verdict == HARK_FIREWALL_DIVERTED ||
	       (piece->verdict == HARK_FIREWALL_DEPENDS &&
		piece->outcomes & (1u << HARK_FIREWALL_ACCEPT | 1u << HARK_FIREWALL_DIVERTED));
}

/* Rules that let it in, or changed where it goes; where there are none, the policy that did. */
static bool is_telling(const struct firewall_witness *witness, bool has_rule)
{
	if (witness->is_reply)
		return false;
	if (witness->decider != FIREWALL_POLICY)
		return true;
	return !has_rule &&
	       (witness->stage == RULE_HOOK_INPUT || witness->stage == RULE_HOOK_FORWARD);
}

static bool has_rule_among(const struct machine *machine, const struct ranges *sources)
{
	for (uint32_t i = 0; i < machine->passages.n; i++) {
		const struct passage *passage = &machine->passages.items[i];

		if (passage->witness.decider == FIREWALL_RULE && !passage->witness.is_reply &&
		    ranges_meet(&passage->sources, sources))
			return true;
	}
	return false;
}

static int find_witnesses(const struct partition *partition, struct firewall_piece *piece)
{
	const struct machine *machine = partition->machine;
	bool takes_passages = may_be_accepted(piece);
	bool has_rule = takes_passages && has_rule_among(machine, &piece->sources);
	uint32_t i = 0, j = 0;

	piece->witnesses = calloc(FIREWALL_WITNESSES_MAX, sizeof(*piece->witnesses));
	if (!piece->witnesses)
		return -ENOMEM;
	while (i < machine->outcomes.n || j < machine->passages.n) {
		const struct outcome *outcome =
			i < machine->outcomes.n ? &machine->outcomes.items[i] : NULL;
		const struct passage *passage =
			j < machine->passages.n ? &machine->passages.items[j] : NULL;

		if (!passage || (outcome && outcome->order < passage->order)) {
			i++;
			if (outcome->has_witness && ranges_meet(&outcome->sources, &piece->sources))
				add_witness(piece, &outcome->witness);
		} else {
			j++;
			if (takes_passages && is_telling(&passage->witness, has_rule) &&
			    ranges_meet(&passage->sources, &piece->sources))
				add_witness(piece, &passage->witness);
		}
	}
	return 0;
}

static int compare_pieces(const void *a, const void *b)
{
	u128 size_a = size_of(&((const struct firewall_piece *)a)->sources);
	u128 size_b = size_of(&((const struct firewall_piece *)b)->sources);

	return (size_a > size_b) - (size_a < size_b);
}

bool answer_is_same(const struct firewall_answer *a, const struct firewall_answer *b)
{
	if (a->n_pieces != b->n_pieces || a->is_translated != b->is_translated)
		return false;
	for (uint32_t i = 0; i < a->n_pieces; i++) {
		const struct firewall_piece *one = &a->pieces[i], *other = &b->pieces[i];

		if (!is_same_piece(one, other) || one->n_witnesses != other->n_witnesses ||
		    one->n_more != other->n_more || !ranges_equal(&one->sources, &other->sources))
			return false;
		for (uint32_t k = 0; k < one->n_witnesses; k++)
			if (!is_same_witness(&one->witnesses[k], &other->witnesses[k]))
				return false;
	}
	return true;
}

void answer_fini(struct firewall_answer *answer)
{
	for (uint32_t i = 0; i < answer->n_pieces; i++) {
		ranges_fini(&answer->pieces[i].sources);
		free(answer->pieces[i].witnesses);
	}
	free(answer->pieces);
	*answer = (struct firewall_answer){ 0 };
}

/* --- All of it --- */

static int make_pieces(struct partition *partition, const struct ranges *nobody,
		       struct firewall_answer *answer)
{
	int error = 0;

	for (uint32_t i = 0; i < partition->parts.n && !error; i++) {
		struct part *part = &partition->parts.items[i];
		struct firewall_piece piece = { 0 };

		error = ranges_subtract(&part->sources, nobody);
		if (error || !part->classes || !part->sources.n)
			continue;
		describe(partition, part, &piece);
		error = add_piece(answer, &piece, &part->sources);
	}
	for (uint32_t i = 0; i < answer->n_pieces && !error; i++) {
		error = find_witnesses(partition, &answer->pieces[i]);
		answer->is_translated |= answer->pieces[i].how.kind == FIREWALL_HOW_ADDRESS &&
					 answer->pieces[i].verdict == HARK_FIREWALL_ACCEPT;
	}
	if (!error)
		error = fold(partition->machine, nobody, answer);
	for (uint32_t i = 0; i < answer->n_pieces; i++)
		ranges_trim(&answer->pieces[i].sources);
	if (!error && answer->n_pieces)
		qsort(answer->pieces, answer->n_pieces, sizeof(*answer->pieces), compare_pieces);
	return error;
}

int partition(struct machine *machine, struct firewall_answer *ret)
{
	struct partition partition = { .machine = machine };
	struct ranges nobody = { 0 };
	int error = collect_classes(&partition);

	if (!error)
		error = make_parts(&partition);
	if (!error && !machine->is_local)
		error = fib_nobody(machine->ruleset, machine->packet.question->family, &nobody);
	if (!error)
		error = make_pieces(&partition, &nobody, ret);
	if (error)
		answer_fini(ret);
	ranges_fini(&nobody);
	for (uint32_t i = 0; i < partition.classes.n; i++)
		ranges_fini(&partition.classes.items[i].sources);
	for (uint32_t i = 0; i < partition.parts.n; i++)
		ranges_fini(&partition.parts.items[i].sources);
	array_fini(&partition.classes);
	array_fini(&partition.parts);
	array_fini(&partition.class_of);
	return error;
}
