/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's insides. A state (packet.h) says that packets of some sources may be at this
 * point, and what is known of them. A rule that may match some of them, and may not, sends them
 * both ways: a source may be in several states at once, and is in each that is possible. So what is
 * told in the end is exact where a source meets one outcome alone. Why a source went both ways is
 * kept beside, by doubt and source.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "packet.h"
#include "ruleset_names.h"

/* States at one point; more are joined into fewer that know less. */
#define STATES_MAX 16

struct states {
	ARRAY(struct packet_state) list;
};

void states_fini(struct states *states);
void state_fini(struct packet_state *state);
/* Takes the state over, whatever happens; joins it with one that knows the same. */
int states_add(struct states *states, struct packet_state *state);
/* Moves all of them, and leaves `from` empty. */
int states_absorb(struct states *states, struct states *from);
int states_copy(struct states *to, const struct states *from);
/* The facts without the sources. */
struct packet_state state_facts(const struct packet_state *state);
/* Drops those without sources. */
void states_sweep(struct states *states);

/* --- Registers --- */

/* A byte, bit by bit: known, of a byte of the source address, or neither. */
struct cell {
	uint8_t known;   /* mask */
	uint8_t source;  /* mask, apart from `known` */
	uint8_t value;   /* of known bits; of source bits: turned over */
	uint8_t byte;    /* of the source address, from its first */
	uint16_t doubts; /* why the others are neither */
};

struct registers {
	struct cell cells[RULE_REGISTERS];
	bool is_ipv6; /* the source address has 16 bytes, else 4 */
};

void registers_init(struct registers *registers, bool is_ipv6);
bool registers_hold(uint8_t reg, uint32_t length);
/* Known bytes, and zeros up to the next register. */
void registers_store(struct registers *registers, uint8_t reg, const void *bytes, uint32_t length);
void registers_store_unknown(struct registers *registers, uint8_t reg, uint32_t length,
			     uint32_t doubts);
void registers_store_bits(struct registers *registers, uint8_t reg, const struct bits *bits);
struct cell cell_known(uint8_t value);
struct cell cell_unknown(uint32_t doubts);
struct cell cell_of_source(uint8_t byte);
struct bits registers_bits(const struct registers *registers, uint8_t reg);
/* All of them are known: they are in `bytes`. */
bool registers_known(const struct registers *registers, uint8_t reg, uint32_t length,
		     uint8_t *bytes);
/* They are the source address, whole and as it is. */
bool registers_are_source(const struct registers *registers, uint8_t reg, uint32_t length);

/* For which sources it lies between two values, both with it, as memcmp() compares. */
int registers_between(const struct registers *registers, uint8_t reg, uint32_t length,
		      const uint8_t *first, const uint8_t *last, struct condition *ret);
int registers_compare(const struct registers *registers, const struct ruleset *ruleset,
		      const struct rule_expression *expression, struct condition *ret);
void registers_bitwise(struct registers *registers, const struct ruleset *ruleset,
		       const struct rule_expression *expression);
void registers_byteorder(struct registers *registers, const struct rule_expression *expression);

/* All sources of the family. */
int universe(bool is_ipv6, struct ranges *ret);

/* --- The run of one question --- */

/* What became of some sources. */
struct outcome {
	struct ranges sources;
	uint8_t verdict; /* enum hark_firewall_verdict */
	struct firewall_how how;
	struct firewall_witness witness;
	bool has_witness;
	uint32_t order; /* among outcomes and passages */
};

/* A rule that let some through. */
struct passage {
	struct ranges sources;
	struct firewall_witness witness;
	uint32_t order;
};

/* Packets that a rule refused: whether they hear of it is up to the way back. */
struct refusal {
	struct packet_state state;
	uint8_t kind; /* enum firewall_reject */
	struct firewall_witness witness;
};

/* Base chains at one hook of one family, as they are called. */
struct hook_chains {
	ARRAY(uint32_t) chains; /* as they run, see order.c */
	ARRAY(uint32_t) nat;
};

/* What is worked out for a set once. */
struct set_index;

struct rule_guard;

/* What questions have in common: classes.c. */
struct classes;
int classes_new(const struct ruleset *ruleset, struct classes **ret);
void classes_free(struct classes *classes); /* NULL is fine */
/* outgoing.c: by chain, what is reached from output, postrouting and egress. */
void chains_find_outgoing(const struct ruleset *ruleset, bool *is_outgoing);
/* Makes it the one question of those that must fare alike. */
void classes_reduce(const struct classes *classes, struct firewall_question *question);

struct kept_answer {
	struct firewall_question question;
	struct firewall_answer *answer;
	bool is_shared; /* the answer is another one's */
	int error;
	uint32_t next; /* with the same hash, or RULESET_NONE */
};

struct firewall {
	struct classes *classes;
	const struct ruleset *ruleset;
	struct hook_chains hooks[HARK_FAMILY_N_][RULE_HOOK_N_];
	struct rule_guard *guards; /* beside the rules */
	bool *chain_matters;       /* beside the chains: it may decide or change anything */
	struct set_index *sets;    /* beside the sets */
	struct fib *fib;
	struct ipset_cache *ipsets;
	struct hash by_question; /* first of those that have the hash */
	ARRAY(struct kept_answer) answers;
	uint32_t n_ranges; /* of all answers */
	struct firewall_door *doors;
	uint32_t n_doors;
	bool has_doors, has_all_doors;
};

#define CLIENT_PORT 40000 /* of an ordinary client */
#define WORK_MAX    100000000u
#define ITEMS_MAX   1000000u

struct machine {
	struct firewall *firewall;
	const struct ruleset *ruleset;
	struct packet packet;
	struct ranges all; /* every source of the family */
	bool is_ipv6;
	uint32_t table_family; /* enum rule_family of the base chain's table */
	bool is_nat;           /* in a nat chain */
	uint32_t base;         /* the base chain that is run */
	uint32_t depth;
	uint64_t work;
	uint64_t items; /* of lists that are kept */
	uint32_t order;
	bool is_local;          /* sent by this host itself */
	struct states accepted; /* by the base chain */
	ARRAY(struct outcome) outcomes;
	ARRAY(struct passage) passages;
	ARRAY(struct refusal) refusals;
	struct ranges doubtful[HARK_DOUBT_N_];
	firewall_tell tell;
	void *tell_data;
};

static inline bool machine_is_tcp(const struct machine *machine)
{
	return machine->packet.question->protocol == 6;
}

/* Sources for which it is not certain where they go, and why. */
int machine_doubt(struct machine *machine, const struct ranges *sources, uint32_t doubts);
int machine_outcome(struct machine *machine, const struct ranges *sources, uint8_t verdict,
		    const struct firewall_how *how, const struct firewall_witness *witness);
int machine_pass(struct machine *machine, const struct ranges *sources,
		 const struct firewall_witness *witness);
struct firewall_witness machine_witness(const struct machine *machine, uint8_t decider,
					uint32_t index);

/* To who asked for the path: the rule, or RULESET_NONE for the policy of the base chain. */
void machine_tell(const struct machine *machine, uint32_t rule, uint8_t action,
		  const struct ranges *may, const struct ranges *must, uint32_t doubts);

/* machine.c: runs a base chain: the states that go on are those that it accepted. */
int machine_run_base(struct machine *machine, uint32_t chain, struct states *states);

/* order.c: adds a base chain in its place. */
int chains_add(const struct ruleset *ruleset, struct hook_chains *hook, bool is_nat,
	       uint32_t chain);
/* Runs those of a priority below `end`, from *at on. */
int chains_run_before(struct machine *machine, const struct hook_chains *chains, int64_t end,
		      uint32_t *at, struct states *states);
/* Whether any of these does anything. */
bool chains_matter_before(const struct machine *machine, const struct hook_chains *chains,
			  int64_t end, uint32_t at);
int chains_run_nat(struct machine *machine, const struct hook_chains *chains,
		   struct states *states);

/* A rule while it is run on one state. */
struct rule_run {
	uint32_t rule;
	struct packet_state *state;
	struct ranges gone;  /* sources that have left the state for sure */
	struct states *next; /* they go on to the next rule */
	struct states *returned;
};

int rule_take(struct machine *machine, struct rule_run *run, const struct condition *condition,
	      uint8_t action, struct packet_state *ret);
/* What a verdict makes of those of the condition. */
int rule_decide(struct machine *machine, struct rule_run *run, const struct condition *condition,
		uint8_t verdict, uint32_t chain);
int rule_reject(struct machine *machine, struct rule_run *run, const struct condition *condition,
		uint8_t kind);
/* Anything may happen to those. */
int rule_open(struct machine *machine, struct rule_run *run, const struct condition *condition,
	      uint32_t doubts);
int rule_run_from(struct machine *machine, struct rule_run *run, uint32_t expression,
		  const struct registers *registers, const struct condition *condition);
/* Goes on with a state that was changed. Takes it over. */
int rule_go_on(struct machine *machine, struct rule_run *run, struct packet_state *changed,
	       uint32_t expression, const struct registers *registers);

/* load.c: `ret` is narrowed where the load itself may end the rule. */
/* May end the rule, for all that it has been about so far. */
int may_break(const struct machine *machine, struct condition *condition, uint32_t doubts);
int load(const struct machine *machine, const struct packet_state *state,
	 const struct rule_expression *expression, struct registers *registers,
	 struct condition *condition);

/* lookup.c */
#define DYNSET_DELETE 2 /* NFT_DYNSET_OP_DELETE */

struct lookup_group {
	struct condition condition;
	uint32_t element; /* for its data or verdict; RULESET_NONE: unknown, of any */
};

struct lookup {
	struct condition found; /* in any of them */
	ARRAY(struct lookup_group) groups;
};

void lookup_fini(struct lookup *lookup);
/* With groups where `has_groups`. */
int lookup_ask(struct machine *machine, const struct registers *registers, uint8_t reg,
	       uint32_t set, bool has_groups, struct lookup *ret);
int set_indexes_new(const struct ruleset *ruleset, struct set_index **ret);
void set_indexes_free(const struct ruleset *ruleset, struct set_index *indexes);

/* statements.c */
int statement(struct machine *machine, struct rule_run *run, uint32_t expression,
	      struct registers *registers, struct condition *condition, bool *ret_is_end);
uint8_t reject_kind(const struct machine *machine, const struct rule_expression *expression);

/* nat.c */
struct nat_target {
	struct hark_addr first, last; /* IPv4 as such */
	bool has_address, is_address_known;
	uint16_t first_port, last_port;
	bool has_port, is_port_known;
	bool is_shifted; /* the port keeps its distance from the base */
	uint16_t base_port;
	bool is_netmap;
};

void nat_apply(const struct machine *machine, struct packet_state *state,
	       const struct nat_target *target);
/* False: there is no address to redirect to. */
bool nat_redirect_address(const struct machine *machine, const struct packet_state *state,
			  struct nat_target *target);
int nat_statement(struct machine *machine, struct rule_run *run,
		  const struct rule_expression *expression, const struct registers *registers,
		  const struct condition *condition);
int nat_xt_target(struct machine *machine, struct rule_run *run, const struct xt *xt,
		  const struct condition *condition);

/* hooks.c: the states that go on are those that all chains accepted. */
int hook_run(struct machine *machine, uint8_t hook, struct states *states);
/* Of the device by which it comes in, or goes out: RULE_HOOK_INGRESS, RULE_HOOK_EGRESS. */
int hook_run_device(struct machine *machine, uint8_t hook, struct states *states);
int hook_run_bridge(struct machine *machine, struct states *states);
int hook_meet_programs(struct machine *machine, enum rule_program_kind kind, uint8_t hook,
		       const struct states *states);

/* route.c */
int route_all(struct machine *machine, struct states *states);

/* reply.c */
bool address_is_own(const struct machine *machine, const struct hark_addr *addr);
/* The same of what is one of many. */
void addresses_are_own(const struct machine *machine, const struct packet_state *state,
		       bool *ret_any, bool *ret_all);
int deliver_all(struct machine *machine, const struct states *states, uint8_t verdict);
/* Those whose answer gets back to the sender. */
int reply_accept(struct machine *machine, const struct states *states);
/* Whoever is told of what was refused. */
int reply_refuse(struct machine *machine);

/* pipeline.c: from the wire to the answer that goes back. */
int pipeline_run(struct machine *machine);

/* partition.c */
int partition(struct machine *machine, struct firewall_answer *ret);
void answer_fini(struct firewall_answer *answer);
/* firewall.c: without what other questions have in common with it, nor kept: for answer_fini(). */
int firewall_ask_alone(struct firewall *firewall, const struct firewall_question *question,
		       struct firewall_answer *ret);
bool answer_is_same(const struct firewall_answer *a, const struct firewall_answer *b);

/* guard.c */
struct rule_guard {
	uint8_t flags; /* enum guard_flag */
	uint8_t nfproto, l4proto;
	uint16_t first_port, last_port; /* of the destination, as it is now */
	uint32_t ifindex;
	char name[16];
};

int guards_new(const struct ruleset *ruleset, struct firewall *firewall);
/* The rule cannot match in any of the states, and does nothing then. */
bool guard_excludes(const struct machine *machine, const struct rule_guard *guard,
		    const struct packet_state *state);

#endif
