/* SPDX-License-Identifier: MIT */
/*
 * The rounds of questions.
 *
 * A look-up names one member of a SO_REUSEPORT group, picked by a hash of the packet's ends.
 * Listening TCP sockets that agree in address, port, interface, V6ONLY and owner can only be such a
 * group. UDP sockets may also share an address by SO_REUSEADDR, where one of them gets everything;
 * which of the two it is, nothing tells but the look-up itself, asked from many ports: a group
 * shows its members, a single winner itself.
 */
#include <errno.h>

#include "classes.h"

#define FIRST_PEER_PORT 1024
#define MAX_DRAWS       60000 /* below the number of ports there are */

/* The look-up of these protocols answers as their receive path would; it needs sock_diag. */
static bool can_ask(const struct judge *judge, const struct group *group, enum hark_family family)
{
	const uint8_t *origin;

	switch ((enum hark_protocol)group->protocol) {
	case HARK_PROTOCOL_TCP:
	case HARK_PROTOCOL_UDP:
	case HARK_PROTOCOL_UDPLITE:
	case HARK_PROTOCOL_DCCP:
		/* IPv4 may go to an AF_INET6 socket, whose cookie must be known as well. */
		origin = judge->snapshot->origin[group->protocol];
		return origin[family] == ROWS_BY_SOCK_DIAG &&
		       origin[HARK_FAMILY_INET6] != ROWS_BY_PROC_NET;
	case HARK_PROTOCOL_MPTCP: /* asked as TCP */
	case HARK_PROTOCOL_RAW:   /* each that fits gets a copy */
	case HARK_PROTOCOL_ICMP:
	case HARK_PROTOCOL_SCTP: /* looks up associations, no endpoints */
	case HARK_PROTOCOL_N_:
		break;
	}
	return false;
}

static int add_question(struct judge *judge, uint32_t i, uint16_t peer_port)
{
	const struct class *class = &judge->classes.items[i];
	const struct group *group = &judge->groups.items[class->group];
	struct question *question = array_push(&judge->questions);
	uint32_t *question_class = question ? array_push(&judge->question_class) : NULL;

	if (!question_class)
		return -ENOMEM;
	*question_class = i;
	*question = (struct question){
		.addr = class->addr,
		.ifindex = class->ifindex,
		.port = group->port,
		.peer_port = peer_port,
		.protocol = group->protocol,
		.family = class->family,
		.error = -EINPROGRESS,
	};
	return 0;
}

/* The position that a reply names, or HARK_NONE: a socket that came after the dump. */
static uint32_t winner_of(const struct judge *judge, const struct question *question)
{
	return question->error == 0 ? hash_get(&judge->by_cookie, question->cookie) : HARK_NONE;
}

static void take_first_replies(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->questions.n; i++) {
		struct class *class = &judge->classes.items[judge->question_class.items[i]];
		const struct question *question = &judge->questions.items[i];
		uint32_t winner = winner_of(judge, question);

		class->error = question->error;
		class->winner = winner;
		if (winner != HARK_NONE)
			judge->runs[judge->order.items[winner].run].class =
				judge->question_class.items[i];
	}
	for (uint32_t i = 0; i < judge->classes.n; i++) {
		uint32_t winner = judge->classes.items[i].winner;

		if (winner != HARK_NONE && !judge->order.items[winner].is_seen) {
			struct run *run = &judge->runs[judge->order.items[winner].run];

			judge->order.items[winner].is_seen = true;
			run->n_seen++;
		}
	}
}

static void take_draws(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->questions.n; i++) {
		const struct class *class = &judge->classes.items[judge->question_class.items[i]];
		uint32_t winner = winner_of(judge, &judge->questions.items[i]);

		if (winner == HARK_NONE || judge->order.items[winner].is_seen ||
		    judge->order.items[winner].run != judge->order.items[class->winner].run)
			continue;
		judge->order.items[winner].is_seen = true;
		judge->runs[judge->order.items[winner].run].n_seen++;
	}
}

/*
 * Draws again for each set of look-alikes of which one has won: 32 times at first, which a group of
 * two survives unseen once in 2^31; then until all have shown themselves or 24 draws a member were
 * made, which hides a member of a group once in e^24.
 */
static int plan_draws(struct judge *judge)
{
	int r = 0;

	for (uint32_t i = 0; i < judge->order.n; i += judge->runs[i].n) {
		struct run *run = &judge->runs[i];
		uint32_t n_more = 2 * run->n + 30, limit = 24 * run->n + 32;

		if (asked_protocol(judge_socket(judge, i)) == HARK_PROTOCOL_TCP)
			continue;
		if (run->n == 1 || run->n_seen == 0 || run->n_seen == run->n)
			continue;
		run->is_undecided = run->n_draws >= MAX_DRAWS && run->n_draws < limit;
		if ((run->n_draws && run->n_seen == 1) || run->n_draws >= limit ||
		    run->is_undecided)
			continue;
		if (run->n_draws + n_more > MAX_DRAWS)
			n_more = MAX_DRAWS - run->n_draws;
		for (uint32_t j = 0; j < n_more && r == 0; j++)
			r = add_question(judge, run->class,
					 (uint16_t)(FIRST_PEER_PORT + run->n_draws++));
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Those of a UDP run that showed themselves are one group, whose tally is that of the first of
 * them.
 */
static void settle_runs(struct judge *judge)
{
	for (uint32_t i = 0; i < judge->order.n; i += judge->runs[i].n) {
		uint32_t representative = HARK_NONE;

		if (asked_protocol(judge_socket(judge, i)) == HARK_PROTOCOL_TCP)
			continue;
		for (uint32_t j = i; j < i + judge->runs[i].n; j++) {
			if (!judge->order.items[j].is_seen)
				continue;
			if (representative == HARK_NONE)
				representative = j;
			judge->order.items[j].representative = representative;
		}
	}
}

static int plan_first_round(struct judge *judge)
{
	int r = 0;

	for (uint32_t i = 0; i < judge->classes.n && r == 0; i++) {
		struct class *class = &judge->classes.items[i];

		class->is_asked = !class->is_void && !class->vrf &&
				  can_ask(judge, &judge->groups.items[class->group],
					  (enum hark_family) class->family);
		if (class->is_asked)
			r = add_question(judge, i, FIRST_PEER_PORT - 1);
	}
	return r;
}

int judge_ask(struct judge *judge, struct question **ret, uint32_t *ret_n)
{
	int r;

	if (judge->stage == JUDGE_NOT_ASKED) {
		r = plan_first_round(judge);
		judge->stage = JUDGE_FIRST_ROUND;
	} else {
		if (judge->stage == JUDGE_FIRST_ROUND)
			take_first_replies(judge);
		else
			take_draws(judge);
		judge->questions.n = judge->question_class.n = 0;
		judge->stage = JUDGE_DRAWING;
		r = plan_draws(judge);
	}
	if (r < 0)
		return r;
	if (judge->questions.n == 0)
		settle_runs(judge);
	*ret = judge->questions.items;
	*ret_n = judge->questions.n;
	return 0;
}
