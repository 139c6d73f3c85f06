/* SPDX-License-Identifier: MIT */
#ifndef DESCRIBE_RULESET_H
#define DESCRIBE_RULESET_H

#include "ruleset.h"

/* Its rules of nf_tables, a line for each thing; malloc'd. */
char *describe_ruleset(const struct ruleset *ruleset);

/* Writes each rule and chain as hark does; what comes of it is dropped. */
void write_all_rules(const struct ruleset *ruleset);

/* Whether all that refers to something refers to what is there. */
bool is_sound_ruleset(const struct ruleset *ruleset);

#endif
