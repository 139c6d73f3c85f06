/* SPDX-License-Identifier: MIT */
/*
 * ruletext: writes each rule of the current network namespace as hark does, a line each: the place,
 * a tab, the handle, a tab, the text.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "firewall.h"

int main(void)
{
	struct ruleset *ruleset = ruleset_new();
	struct hark_source live;
	bool interrupted;
	int r;

	source_open_live(&live);
	r = ruleset ? nftables_read(&live, ruleset, &interrupted) : -ENOMEM;
	if (r == 0)
		r = xtables_read(&live, ruleset);
	if (r == 0)
		r = ipsets_read(&live, ruleset);
	if (r == 0)
		r = routing_read(&live, ruleset);
	if (r < 0)
		errx(1, "%s", strerror(-r));
	ruleset_find_comments(ruleset);
	if (ruleset->nftables != HARK_KNOWN && ruleset->nftables != HARK_ABSENT)
		errx(1, "nf_tables: %s", strerror(ruleset->nftables_error));
	for (uint32_t i = 0; i < ruleset->rules.n; i++) {
		char *where = firewall_chain_text(ruleset, ruleset->rules.items[i].chain);
		char *text = firewall_rule_text(ruleset, i);

		if (!where || !text)
			errx(1, "%s", strerror(ENOMEM));
		printf("%s\t%llu\t%s\n", where, (unsigned long long)ruleset->rules.items[i].handle,
		       text);
		free(where);
		free(text);
	}
	ruleset_free(ruleset);
	source_close_live(&live);
	return 0;
}
