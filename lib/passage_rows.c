/* SPDX-License-Identifier: MIT */
/* What the firewall answered, as rows of the snapshot. */
#include <errno.h>
#include <stdlib.h>

#include "passage.h"
#include "print.h"

static const char *keep_text(struct hark_snapshot *snapshot, char *text)
{
	const char *kept = text ? arena_strdup(&snapshot->arena, text) : NULL;

	free(text);
	return kept;
}

static const char *interface_name(const struct passage *passage, uint32_t index)
{
	return index < passage->ruleset->interfaces.n ?
		       passage->ruleset->interfaces.items[index].name :
		       "its interface";
}

static const char *program_text(struct passage *passage, uint32_t index)
{
	static const char *const kinds[] = { "XDP", "tc", "netfilter", "cgroup" };
	const struct rule_program *program = &passage->ruleset->programs.items[index];

	return arena_printf(&passage->snapshot->arena, "%s program %s (id %u)",
			    kinds[program->kind], program->name ? program->name : "without a name",
			    program->id);
}

static const char *told_by_kernel(struct passage *passage, const struct firewall_witness *witness)
{
	struct arena *arena = &passage->snapshot->arena;

	switch (witness->decider) {
	case FIREWALL_NO_ROUTE:
		return "no route back to the sender";
	case FIREWALL_RP_FILTER:
		return arena_printf(arena, "reverse path filter (rp_filter) of %s",
				    interface_name(passage, witness->index));
	case FIREWALL_MARTIAN:
		return "no source address for packets that come in there";
	case FIREWALL_PROGRAM:
		return program_text(passage, witness->index);
	case FIREWALL_NOT_LOCAL:
		return "not an address of this host, which does not forward";
	default:
		return "rules that could not be read";
	}
}

static int fill_rule(struct passage *passage, const struct firewall_witness *witness,
		     struct hark_firewall_rule *row)
{
	const struct ruleset *ruleset = passage->ruleset;
	uint32_t chain = witness->index;

	if (witness->decider == FIREWALL_RULE)
		chain = ruleset->rules.items[witness->index].chain;
	if (witness->decider != FIREWALL_RULE && witness->decider != FIREWALL_POLICY) {
		row->where = "kernel";
		row->text = told_by_kernel(passage, witness);
		return row->text ? 0 : -ENOMEM;
	}
	if (!(passage->details & HARK_DETAIL_RULES))
		return 0;
	row->where = keep_text(passage->snapshot, firewall_chain_text(ruleset, chain));
	if (witness->decider == FIREWALL_POLICY) {
		row->text = ruleset->chains.items[chain].policy == RULE_DROP ? "policy drop" :
									       "policy accept";
	} else {
		row->handle = ruleset->rules.items[witness->index].handle;
		row->text =
			keep_text(passage->snapshot, firewall_rule_text(ruleset, witness->index));
	}
	return row->where && row->text ? 0 : -ENOMEM;
}

uint32_t passage_rule(struct passage *passage, const struct firewall_witness *witness)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	uint64_t key = (uint64_t)witness->decider << 40 | (uint64_t)witness->is_reply << 32 |
		       witness->index;
	struct hark_firewall_rule *row;
	uint32_t number;

	if (hash_add(&passage->row_by_witness, key, snapshot->firewall_rules.n, &number) < 0)
		return HARK_NONE;
	if (number < snapshot->firewall_rules.n)
		return number;
	row = array_push(&snapshot->firewall_rules);
	if (!row)
		return HARK_NONE;
	row->is_reply = witness->is_reply;
	return fill_rule(passage, witness, row) < 0 ? HARK_NONE : number;
}

static int add_ranges(struct hark_snapshot *snapshot, const struct ranges *set,
		      enum hark_family family, uint32_t *ret_first, uint32_t *ret_n)
{
	*ret_first = snapshot->ranges.n;
	*ret_n = set->n;
	if (array_reserve(&snapshot->ranges, set->n) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n; i++)
		snapshot->ranges.items[snapshot->ranges.n++] = (struct hark_range){
			.first = ranges_addr(set->items[i].first, family == HARK_FAMILY_INET6),
			.last = ranges_addr(set->items[i].last, family == HARK_FAMILY_INET6),
		};
	return 0;
}

/*
 * Each decider's own row, and no row twice. Rows of rules are made once each, so those of one piece
 * need not stand together: they are copied behind one another.
 */
static int add_rules(struct passage *passage, const struct firewall_piece *piece,
		     struct hark_firewall_piece *row)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	uint32_t numbers[FIREWALL_WITNESSES_MAX];

	for (uint32_t i = 0; i < piece->n_witnesses; i++) {
		numbers[i] = passage_rule(passage, &piece->witnesses[i]);
		if (numbers[i] == HARK_NONE)
			return -ENOMEM;
	}
	row->first_rule = piece->n_witnesses == 1 ? numbers[0] : snapshot->firewall_rules.n;
	row->n_rules = piece->n_witnesses;
	row->n_more_rules = piece->n_more;
	if (piece->n_witnesses == 1)
		return 0;
	if (array_reserve(&snapshot->firewall_rules, piece->n_witnesses) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < piece->n_witnesses; i++)
		snapshot->firewall_rules.items[snapshot->firewall_rules.n++] =
			snapshot->firewall_rules.items[numbers[i]];
	return 0;
}

static uint8_t read_verdict(const struct firewall_piece *piece, enum passage_reading reading)
{
	bool is_translated = piece->how.kind == FIREWALL_HOW_ADDRESS;

	if (piece->verdict != HARK_FIREWALL_ACCEPT)
		return piece->verdict;
	if (is_translated)
		return reading == PASSAGE_FOREIGN ? HARK_FIREWALL_DIVERTED : HARK_FIREWALL_ACCEPT;
	return reading == PASSAGE_DOOR ? HARK_FIREWALL_DIVERTED : HARK_FIREWALL_ACCEPT;
}

static int add_piece(struct passage *passage, const struct firewall_piece *piece,
		     const struct ranges *sources, enum hark_family family,
		     enum passage_reading reading)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	struct hark_firewall_piece row = {
		.verdict = read_verdict(piece, reading),
		.depends_on = piece->doubts,
		.possible = piece->outcomes,
	};
	char text[FIREWALL_HOW_SIZE];
	struct hark_firewall_piece *new;

	/* Where it was not moved it needs no telling that it is there. */
	if (piece->how.kind != FIREWALL_HOW_NOTHING &&
	    !(reading == PASSAGE_OWN && piece->verdict == HARK_FIREWALL_ACCEPT)) {
		row.how = arena_strdup(&snapshot->arena,
				       firewall_how_text(&piece->how, family, text));
		if (!row.how)
			return -ENOMEM;
	}
	if (add_ranges(snapshot, sources, family, &row.first_range, &row.n_ranges) < 0 ||
	    add_rules(passage, piece, &row) < 0)
		return -ENOMEM;
	new = array_push(&snapshot->firewall_pieces);
	if (!new)
		return -ENOMEM;
	*new = row;
	return 0;
}

/* What was made of this before, or a new item: whether it is new, or -ENOMEM. */
static int find_pieces(struct passage *passage, uint64_t key, struct passage_pieces **ret)
{
	uint32_t next = passage->pieces.n, number;

	if (hash_add(&passage->pieces_by_answer, key, next, &number) < 0)
		return -ENOMEM;
	if (number == next && !array_push(&passage->pieces))
		return -ENOMEM;
	*ret = &passage->pieces.items[number];
	return number == next;
}

int passage_pieces(struct passage *passage, uint32_t answer, enum hark_family family,
		   enum passage_reading reading, struct passage_pieces *ret)
{
	const struct firewall_answer *from = passage->answers.items[answer];
	struct passage_pieces *pieces;
	int r;

	r = find_pieces(passage, (uint64_t)answer << 2 | reading, &pieces);
	if (r < 0)
		return r;
	if (r > 0) {
		pieces->first = passage->snapshot->firewall_pieces.n;
		pieces->n = from->n_pieces;
		for (uint32_t i = 0; i < from->n_pieces; i++)
			if (add_piece(passage, &from->pieces[i], &from->pieces[i].sources, family,
				      reading) < 0)
				return -ENOMEM;
	}
	*ret = *pieces;
	return 0;
}

/* An ordinary client gets through from there, or may. */
static bool is_open(const struct firewall_piece *piece)
{
	return piece->verdict == HARK_FIREWALL_ACCEPT || piece->verdict == HARK_FIREWALL_DEPENDS ||
	       piece->verdict == HARK_FIREWALL_UNKNOWN;
}

static bool is_crafted(const struct firewall_piece *piece)
{
	return piece->verdict == HARK_FIREWALL_ACCEPT ||
	       (piece->verdict == HARK_FIREWALL_DEPENDS && piece->doubts & DOUBT(SENDER) &&
		piece->outcomes & 1u << HARK_FIREWALL_ACCEPT);
}

static int add_crafted(struct passage *passage, const struct firewall_piece *piece,
		       const struct firewall_answer *ordinary, enum hark_family family)
{
	struct ranges *rest = &passage->rest;

	if (ranges_copy(rest, &piece->sources) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < ordinary->n_pieces; i++)
		if (is_open(&ordinary->pieces[i]) &&
		    ranges_subtract(rest, &ordinary->pieces[i].sources) < 0)
			return -ENOMEM;
	return ranges_are_empty(rest) ? 0 : add_piece(passage, piece, rest, family, PASSAGE_OWN);
}

int passage_crafted(struct passage *passage, uint32_t ordinary, uint32_t chosen,
		    enum hark_family family, struct passage_pieces *ret)
{
	const struct firewall_answer *from = passage->answers.items[chosen];
	struct passage_pieces *pieces;
	int r = find_pieces(passage, UINT64_MAX / 2 ^ ((uint64_t)ordinary << 32 | chosen), &pieces);

	if (r < 0)
		return r;
	if (r > 0) {
		pieces->first = passage->snapshot->firewall_pieces.n;
		for (uint32_t i = 0; i < from->n_pieces; i++)
			if (is_crafted(&from->pieces[i]) &&
			    add_crafted(passage, &from->pieces[i], passage->answers.items[ordinary],
					family) < 0)
				return -ENOMEM;
		pieces->n = passage->snapshot->firewall_pieces.n - pieces->first;
	}
	*ret = *pieces;
	return 0;
}

struct walker {
	struct passage *passage;
	enum hark_family family;
	int error;
};

static void take_step(void *data, const struct firewall_step *step)
{
	static const char *const actions[] = { "goes on", "accept", "drop", "return",
					       "jump",    "goto",   "queue" };
	struct walker *walker = data;
	struct passage *passage = walker->passage;
	struct hark_firewall_step *row;
	const struct firewall_witness witness = {
		.decider = step->rule != RULESET_NONE ? FIREWALL_RULE : FIREWALL_POLICY,
		.stage = step->hook,
		.is_reply = step->is_reply,
		.index = step->rule != RULESET_NONE ? step->rule : step->chain,
	};
	struct hark_firewall_step new = {
		.hook = rule_hook_name((enum rule_hook)step->hook),
		.action = step->action < sizeof(actions) / sizeof(actions[0]) ?
				  actions[step->action] :
				  "unknown",
		.is_certain = ranges_equal(step->may, step->must),
		.depends_on = step->doubts,
	};

	if (walker->error || step->chain == RULESET_NONE)
		return;
	new.rule = passage_rule(passage, &witness);
	if (new.rule == HARK_NONE ||
	    add_ranges(passage->snapshot, step->may, walker->family, &new.first_range,
		       &new.n_ranges) < 0 ||
	    !(row = array_push(&passage->snapshot->firewall_steps))) {
		walker->error = -ENOMEM;
		return;
	}
	*row = new;
}

int passage_path(struct passage *passage, const struct firewall_question *question,
		 uint32_t *ret_first, uint32_t *ret_n)
{
	struct walker walker = { .passage = passage, .family = question->family };
	int r;

	*ret_first = passage->snapshot->firewall_steps.n;
	r = firewall_trace(passage->firewall, question, take_step, &walker);
	*ret_n = passage->snapshot->firewall_steps.n - *ret_first;
	if (walker.error)
		return walker.error;
	return r == -E2BIG ? 0 : r;
}
