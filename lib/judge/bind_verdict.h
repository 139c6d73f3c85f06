/* SPDX-License-Identifier: MIT */
/* The parts of a verdict about a bind. */
#ifndef BIND_VERDICT_H
#define BIND_VERDICT_H

#include "bind_rules.h"
#include "explanation.h"

struct hark_bind_verdict {
	struct hark_explanation words; /* where texts live; it has no findings */
	ARRAY(struct hark_obstacle) obstacles;
	struct bind_want want;
	const struct hark_bind_flags *flags; /* by socket; NULL: nothing is known */
	const struct hark_bind_trial *trial; /* NULL: there was none */
	uint8_t reasoned;                    /* enum hark_tristate */
	uint8_t can;
	bool disagrees;
	int reasoned_error, error;
	const char *help;
};

/* At the end of the list. */
void bind_add(struct hark_bind_verdict *verdict, struct hark_obstacle obstacle);

/*
 * What is in the way before any other socket is looked at, in the order in which the kernel comes
 * upon it; and what is no obstacle today.
 */
void bind_find_obstacles(struct hark_bind_verdict *verdict);
void bind_find_warnings(struct hark_bind_verdict *verdict);

/* The sockets in the way: whether there are any. */
enum hark_tristate bind_find_sockets(struct hark_bind_verdict *verdict);

/* TCP did look at all of them, as the try showed: those that cannot share are in the way. */
void bind_settle_sockets(struct hark_bind_verdict *verdict);

/* "TCP 0.0.0.0:80" of the wish without its protocol. */
const char *bind_place_text(struct hark_bind_verdict *verdict);

#endif
