/* SPDX-License-Identifier: MIT */
#include "printer.h"

bool print_xt_rule(const struct ruleset *ruleset, const struct rule *rule, struct sink *sink)
{
	(void)ruleset;
	(void)rule;
	(void)sink;
	return false;
}

void put_xt(struct sink *sink, const struct ruleset *ruleset, const struct rule *rule,
	    const struct xt *xt, bool is_target)
{
	(void)ruleset;
	(void)rule;
	PUT(sink, is_target ? "-j " : "-m ", xt->name);
}
