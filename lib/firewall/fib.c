/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <errno.h>
#include <stdlib.h>

struct fib {
	const struct ruleset *ruleset;
};

int fib_new(const struct ruleset *ruleset, struct fib **ret)
{
	struct fib *fib = calloc(1, sizeof(*fib));

	if (!fib)
		return -ENOMEM;
	fib->ruleset = ruleset;
	*ret = fib;
	return 0;
}

void fib_free(struct fib *fib)
{
	free(fib);
}

int fib_ask(struct fib *fib, const struct fib_question *question, const struct ranges *sources,
	    struct fib_result **ret, uint32_t *ret_n)
{
	struct fib_result *results = calloc(1, sizeof(*results));

	(void)fib;
	(void)question;
	if (!results)
		return -ENOMEM;
	if (ranges_copy(&results->sources, sources) < 0) {
		free(results);
		return -ENOMEM;
	}
	results->type = RULE_ROUTE_UNICAST;
	results->doubts = DOUBT(ROUTING);
	*ret = results;
	*ret_n = 1;
	return 0;
}

void fib_results_free(struct fib_result *results, uint32_t n)
{
	for (uint32_t i = 0; results && i < n; i++)
		ranges_fini(&results[i].sources);
	free(results);
}
