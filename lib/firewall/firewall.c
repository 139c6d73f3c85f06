/* SPDX-License-Identifier: MIT */
/* Questions, and answers that are kept. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- What is worked out once --- */

static bool is_for_family(const struct rule_table *table, enum hark_family family)
{
	return table->family == RULE_FAMILY_INET ||
	       table->family == (family == HARK_FAMILY_INET6 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4);
}

static int find_hooks(struct firewall *firewall)
{
	const struct ruleset *ruleset = firewall->ruleset;
	int error = 0;

	for (uint32_t i = 0; i < ruleset->chains.n; i++) {
		const struct rule_chain *chain = &ruleset->chains.items[i];
		const struct rule_table *table = &ruleset->tables.items[chain->table];
		bool is_nat = chain->type && !strcmp(chain->type, "nat");

		if (!chain->is_base || table->is_dormant || chain->hook > RULE_HOOK_POSTROUTING)
			continue;
		for (int family = HARK_FAMILY_INET; family < HARK_FAMILY_N_ && !error; family++) {
			if (is_for_family(table, family))
				error = chains_add(ruleset, &firewall->hooks[family][chain->hook],
						   is_nat, i);
		}
	}
	return error;
}

int firewall_new(const struct ruleset *ruleset, struct firewall **ret)
{
	struct firewall *firewall = calloc(1, sizeof(*firewall));
	int error;

	if (!firewall)
		return -ENOMEM;
	firewall->ruleset = ruleset;
	error = fib_new(ruleset, &firewall->fib);
	if (!error)
		error = ipset_cache_new(ruleset, &firewall->ipsets);
	if (!error)
		error = set_indexes_new(ruleset, &firewall->sets);
	if (!error)
		error = guards_new(ruleset, firewall);
	if (!error)
		error = find_hooks(firewall);
	if (!error)
		error = classes_new(ruleset, &firewall->classes);
	if (error) {
		firewall_free(firewall);
		return error;
	}
	*ret = firewall;
	return 0;
}

void firewall_free(struct firewall *firewall)
{
	if (!firewall)
		return;
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		for (int hook = 0; hook < RULE_HOOK_N_; hook++) {
			array_fini(&firewall->hooks[family][hook].chains);
			array_fini(&firewall->hooks[family][hook].nat);
		}
	}
	for (uint32_t i = 0; i < firewall->answers.n; i++) {
		if (firewall->answers.items[i].is_shared)
			continue;
		if (firewall->answers.items[i].answer)
			answer_fini(firewall->answers.items[i].answer);
		free(firewall->answers.items[i].answer);
	}
	array_fini(&firewall->answers);
	hash_fini(&firewall->by_question);
	set_indexes_free(firewall->ruleset, firewall->sets);
	ipset_cache_free(firewall->ipsets);
	fib_free(firewall->fib);
	classes_free(firewall->classes);
	free(firewall->guards);
	free(firewall->chain_matters);
	free(firewall->doors);
	free(firewall);
}

/* --- A run --- */

static void machine_fini(struct machine *machine)
{
	for (uint32_t i = 0; i < machine->outcomes.n; i++)
		ranges_fini(&machine->outcomes.items[i].sources);
	for (uint32_t i = 0; i < machine->passages.n; i++)
		ranges_fini(&machine->passages.items[i].sources);
	for (unsigned int i = 0; i < HARK_DOUBT_N_; i++)
		ranges_fini(&machine->doubtful[i]);
	array_fini(&machine->outcomes);
	for (uint32_t i = 0; i < machine->refusals.n; i++)
		state_fini(&machine->refusals.items[i].state);
	array_fini(&machine->refusals);
	array_fini(&machine->passages);
	states_fini(&machine->accepted);
	ranges_fini(&machine->all);
}

static int machine_init(struct machine *machine, struct firewall *firewall,
			const struct firewall_question *question)
{
	machine->firewall = firewall;
	machine->ruleset = firewall->ruleset;
	machine->packet.question = question;
	machine->packet.ruleset = firewall->ruleset;
	machine->packet.fib = firewall->fib;
	machine->packet.ipsets = firewall->ipsets;
	machine->is_ipv6 = question->family == HARK_FAMILY_INET6;
	return universe(machine->is_ipv6, &machine->all);
}

static bool is_hidden(uint8_t presence)
{
	return presence == HARK_DENIED || presence == HARK_UNSUPPORTED;
}

/* Whatever is there: the rules that were not read may say otherwise. */
static int answer_unknown(struct machine *machine, struct firewall_answer *ret)
{
	struct firewall_witness witness = machine_witness(machine, FIREWALL_NOT_READ, 0);
	int error = machine_outcome(machine, &machine->all, HARK_FIREWALL_UNKNOWN, NULL, &witness);

	machine->is_local = true; /* nobody is left out */
	return error ? error : partition(machine, ret);
}

static int evaluate(struct firewall *firewall, const struct firewall_question *question,
		    struct firewall_answer *ret)
{
	struct machine machine = { 0 };
	int error = machine_init(&machine, firewall, question);

	if (!error && (is_hidden(firewall->ruleset->nftables) ||
		       is_hidden(firewall->ruleset->xtables[question->family]))) {
		error = answer_unknown(&machine, ret);
	} else {
		if (!error)
			error = pipeline_run(&machine);
		if (!error)
			error = partition(&machine, ret);
	}
	machine_fini(&machine);
	return error;
}

int firewall_trace(struct firewall *firewall, const struct firewall_question *question,
		   firewall_tell tell, void *data)
{
	struct machine machine = { .tell = tell, .tell_data = data };
	int error = machine_init(&machine, firewall, question);

	if (!error)
		error = pipeline_run(&machine);
	machine_fini(&machine);
	return error;
}

int firewall_ask_alone(struct firewall *firewall, const struct firewall_question *question,
		       struct firewall_answer *ret)
{
	return evaluate(firewall, question, ret);
}

/* --- Answers that are kept --- */

/* All answers together: 22 MiB, and a little more where they become rows. */
#define RANGES_KEPT_MAX 700000u

static uint64_t mix(uint64_t hash, uint64_t number)
{
	hash ^= number + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
	return hash * 0xff51afd7ed558ccdu;
}

static uint64_t hash_question(const struct firewall_question *question)
{
	uint64_t parts[2], hash;

	memcpy(parts, question->to.bytes, sizeof(parts));
	hash = mix(parts[0], parts[1]);
	hash = mix(hash, (uint64_t)question->ifindex << 32 | (uint64_t)question->port << 16 |
				 (uint64_t)question->protocol << 8 | question->family << 2 |
				 (question->is_canonical ? 2 : 0) | (question->follows ? 1 : 0));
	return mix(mix(hash, question->cgroup_id), question->uid);
}

static bool is_same_question(const struct firewall_question *a, const struct firewall_question *b)
{
	return a->family == b->family && a->protocol == b->protocol && a->ifindex == b->ifindex &&
	       a->port == b->port && a->is_canonical == b->is_canonical &&
	       a->follows == b->follows && a->cgroup_id == b->cgroup_id && a->uid == b->uid &&
	       !hark_addr_compare(&a->to, &b->to);
}

/* Ranges that an answer may have without being looked for among the others. */
#define SMALL_ANSWER 1000

/* Large answers are kept once, however many questions have them. */
static void share_answer(struct firewall *firewall, struct kept_answer *kept)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < kept->answer->n_pieces; i++)
		n += kept->answer->pieces[i].sources.n;
	for (uint32_t i = 0; n > SMALL_ANSWER && i < firewall->answers.n; i++) {
		const struct kept_answer *other = &firewall->answers.items[i];

		if (other == kept || other->error || other->is_shared ||
		    !answer_is_same(other->answer, kept->answer))
			continue;
		answer_fini(kept->answer);
		free(kept->answer);
		kept->answer = other->answer;
		kept->is_shared = true;
		return;
	}
}

/* 0, or -E2BIG and an answer without pieces. */
static int bound_answer(struct firewall *firewall, struct firewall_answer *answer)
{
	uint64_t n = firewall->n_ranges;

	for (uint32_t i = 0; i < answer->n_pieces; i++)
		n += answer->pieces[i].sources.n;
	if (n > RANGES_KEPT_MAX) {
		answer_fini(answer);
		return -E2BIG;
	}
	firewall->n_ranges = (uint32_t)n;
	return 0;
}

static int keep_answer(struct firewall *firewall, const struct firewall_question *question,
		       uint64_t hash, uint32_t next, const struct firewall_answer **ret)
{
	struct firewall_answer *answer = calloc(1, sizeof(*answer));
	struct kept_answer *kept = answer ? array_push(&firewall->answers) : NULL;

	if (!kept) {
		free(answer);
		return -ENOMEM;
	}
	*kept = (struct kept_answer){ .question = *question, .answer = answer, .next = next };
	kept->error = hash_put(&firewall->by_question, hash, firewall->answers.n - 1);
	if (!kept->error)
		kept->error = evaluate(firewall, question, answer);
	if (!kept->error)
		share_answer(firewall, kept);
	if (!kept->error && !kept->is_shared)
		kept->error = bound_answer(firewall, kept->answer);
	*ret = kept->answer;
	return kept->error;
}

int firewall_ask(struct firewall *firewall, const struct firewall_question *wanted,
		 const struct firewall_answer **ret)
{
	struct firewall_question reduced = *wanted, *question = &reduced;
	uint64_t hash;
	uint32_t first;

	classes_reduce(firewall->classes, question);
	hash = hash_question(question);
	first = hash_get(&firewall->by_question, hash);

	for (uint32_t i = first; i != RULESET_NONE; i = firewall->answers.items[i].next) {
		const struct kept_answer *kept = &firewall->answers.items[i];

		if (!is_same_question(&kept->question, question))
			continue;
		*ret = kept->answer;
		return kept->error;
	}
	return keep_answer(firewall, question, hash, first, ret);
}
