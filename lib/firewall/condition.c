/* SPDX-License-Identifier: MIT */
/* For which sources something holds: three-valued logic over sets. */
#include "packet.h"

void condition_fini(struct condition *condition)
{
	ranges_fini(&condition->may);
	ranges_fini(&condition->must);
	condition->doubts = 0;
}

/* What is sure for all has no doubts, whoever contributed. */
static int settle(struct condition *condition, uint32_t doubts)
{
	condition->doubts = ranges_equal(&condition->may, &condition->must) ? 0 : doubts;
	return 0;
}

int condition_of_all(struct condition *condition, const struct ranges *sources)
{
	int error = ranges_copy(&condition->may, sources);

	if (!error)
		error = ranges_copy(&condition->must, sources);
	condition->doubts = 0;
	return error;
}

int condition_of_none(struct condition *condition)
{
	condition->may.n = condition->must.n = 0;
	condition->doubts = 0;
	return 0;
}

int condition_of_some(struct condition *condition, const struct ranges *sources, uint32_t doubts)
{
	condition->must.n = 0;
	condition->doubts = sources->n ? doubts : 0;
	return ranges_copy(&condition->may, sources);
}

int condition_of_set(struct condition *condition, const struct ranges *sources,
		     const struct ranges *set)
{
	/* The smaller one is copied: ten thousand rules with an address each cut up the sources. */
	bool is_smaller = set->n < sources->n;
	int error = ranges_copy(&condition->may, is_smaller ? set : sources);

	if (!error)
		error = ranges_intersect(&condition->may, is_smaller ? sources : set);
	if (!error)
		error = ranges_copy(&condition->must, &condition->may);
	condition->doubts = 0;
	return error;
}

int condition_and(struct condition *condition, const struct condition *other)
{
	int error = ranges_intersect(&condition->may, &other->may);

	if (!error)
		error = ranges_intersect(&condition->must, &other->must);
	return error ? error : settle(condition, condition->doubts | other->doubts);
}

int condition_or(struct condition *condition, const struct condition *other)
{
	int error = ranges_unite(&condition->may, &other->may);

	if (!error)
		error = ranges_unite(&condition->must, &other->must);
	return error ? error : settle(condition, condition->doubts | other->doubts);
}

int condition_not(struct condition *condition, const struct ranges *sources)
{
	struct ranges may = { 0 }, must = { 0 };
	int error = ranges_copy(&may, sources);

	if (!error)
		error = ranges_subtract(&may, &condition->must);
	if (!error)
		error = ranges_copy(&must, sources);
	if (!error)
		error = ranges_subtract(&must, &condition->may);
	if (error) {
		ranges_fini(&may);
		ranges_fini(&must);
		return error;
	}
	ranges_fini(&condition->may);
	ranges_fini(&condition->must);
	condition->may = may;
	condition->must = must;
	return settle(condition, condition->doubts);
}
