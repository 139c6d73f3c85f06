/* SPDX-License-Identifier: MIT */
/*
 * Who answers what: plans the questions, takes the replies, concludes verdicts. Pure; the caller
 * carries the questions to the kernel.
 *
 *	judge_begin(&judge, snapshot, netns);
 *	while (judge_ask(judge, &questions, &n) == 0 && n > 0)
 *		... fill in each question's error and cookie ...
 *	judge_conclude(judge, false);
 *	judge_free(judge);
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "question.h"
#include "rows.h"

struct judge;

/*
 * Prepares the listeners of the namespace that is read now, whose sockets are sorted, for
 * questions. 0 or -ENOMEM.
 */
int judge_begin(struct judge **ret, struct hark_snapshot *snapshot, uint32_t netns);
void judge_free(struct judge *judge);

/* The next round of questions, which belong to the judge; *ret_n is 0 when there are none left. */
int judge_ask(struct judge *judge, struct question **ret, uint32_t *ret_n);

/*
 * Fills in the answers of all listeners of the namespace, and where `keep_lookups` the snapshot's
 * lookups. 0 or -ENOMEM.
 */
int judge_conclude(struct judge *judge, bool keep_lookups);

#endif
