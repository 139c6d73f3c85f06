/* SPDX-License-Identifier: MIT */
/* How open something is, in a few words and as a grade. */
#include "exposure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hark_exposed_name(enum hark_exposed exposed)
{
	static const char *const names[] = { "not",     "link",    "private",  "ranges",
					     "unknown", "depends", "everyone", "wider" };

	_Static_assert(sizeof(names) / sizeof(*names) == HARK_EXPOSED_N_, "a name for each");
	return (unsigned int)exposed < HARK_EXPOSED_N_ ? names[exposed] : NULL;
}

/* Puts more behind what is there, as far as it fits. */
static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char *text, const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, HARK_EXPOSURE_TEXT_SIZE - n, format, args);
	va_end(args);
}

static const char *open_text(int reach)
{
	return reach == HARK_REACH_PUBLIC ? "everyone" :
	       reach < 0                  ? "" :
					    hark_reach_name((enum hark_reach)reach);
}

/* "10.0.0.0/8", "3 ranges"; "all but 10.0.0.0/8" where that says more. */
static void append_ranges(const struct hark_exposures *exposures, const struct hark_exposure *e,
			  char *text)
{
	bool is_rest = !e->n_maybe && e->n_others && e->n_others < e->n_ranges;
	uint32_t n = is_rest ? e->n_others : e->n_ranges;
	const struct hark_range *range =
		hark_exposures_range(exposures, is_rest ? e->first_other : e->first_range);
	char one[HARK_RANGE_TEXT_SIZE];

	if (is_rest)
		append(text, "all but ");
	if (n == 1 && range)
		append(text, "%s", hark_range_format(range, one));
	else
		append(text, "%u ranges", n);
}

/* What the doubt is, where it is one. */
static void append_doubt(uint32_t depends_on, char *text)
{
	append(text, "depends");
	for (int doubt = 0; doubt < HARK_DOUBT_N_; doubt++)
		if (depends_on == 1u << doubt)
			append(text, " (%s)",
			       hark_firewall_doubt_name((enum hark_firewall_doubt)doubt));
}

static void append_known(const struct hark_exposures *exposures, const struct hark_exposure *e,
			 char *text)
{
	append(text, "%s", open_text(e->open));
	if (e->n_ranges) {
		if (*text)
			append(text, " + ");
		append_ranges(exposures, e, text);
	}
	if (e->who == HARK_WHO_SOME || e->who == HARK_WHO_OPEN)
		return;
	if (*text)
		append(text, " + ");
	if (e->who == HARK_WHO_DEPENDS)
		append_doubt(e->depends_on, text);
	else
		append(text, "unknown");
}

char *hark_exposure_format(const struct hark_exposures *exposures,
			   const struct hark_exposure *exposure, char *text)
{
	*text = '\0';
	switch ((enum hark_who)exposure->who) {
	case HARK_WHO_UNSERVED:
	case HARK_WHO_N_:
		break;
	case HARK_WHO_NOBODY:
		append(text, "nobody");
		break;
	case HARK_WHO_HOST:
		append(text, "this host");
		break;
	case HARK_WHO_SOME:
	case HARK_WHO_OPEN:
	case HARK_WHO_DEPENDS:
		append_known(exposures, exposure, text);
		break;
	case HARK_WHO_UNKNOWN:
		if (exposure->firewall == HARK_KNOWN && exposure->reach >= 0)
			append_known(exposures, exposure, text);
		else if (exposure->reach >= 0)
			append(text, "%s?", hark_reach_name((enum hark_reach)exposure->reach));
		else
			append(text, "?");
		break;
	}
	if (exposure->has_crafted)
		append(text, " + crafted");
	return text;
}

static enum hark_exposed exposed_open(const struct hark_exposure *e)
{
	return e->open == HARK_REACH_PUBLIC  ? HARK_EXPOSED_EVERYONE :
	       e->open == HARK_REACH_PRIVATE ? HARK_EXPOSED_PRIVATE :
	       e->open == HARK_REACH_LINK    ? HARK_EXPOSED_LINK :
					       HARK_EXPOSED_NOT;
}

/* What an ordinary client finds. */
static enum hark_exposed exposed_ordinary(const struct hark_exposure *e)
{
	switch ((enum hark_who)e->who) {
	case HARK_WHO_OPEN:
		return exposed_open(e);
	case HARK_WHO_SOME:
		return HARK_EXPOSED_SOME;
	case HARK_WHO_DEPENDS:
		return HARK_EXPOSED_DEPENDS;
	case HARK_WHO_UNKNOWN:
		return HARK_EXPOSED_UNKNOWN;
	case HARK_WHO_UNSERVED:
	case HARK_WHO_NOBODY:
	case HARK_WHO_HOST:
	case HARK_WHO_N_:
		break;
	}
	return HARK_EXPOSED_NOT;
}

static enum hark_exposed exposed_one(const struct hark_exposure *e)
{
	enum hark_exposed exposed = e ? exposed_ordinary(e) : HARK_EXPOSED_NOT;

	if (e && e->is_wider)
		return HARK_EXPOSED_WIDER;
	/* Whoever may choose what to send may get through. */
	return e && e->has_crafted && exposed < HARK_EXPOSED_DEPENDS ? HARK_EXPOSED_DEPENDS :
								       exposed;
}

enum hark_exposed hark_exposed_of(const struct hark_exposure *inet,
				  const struct hark_exposure *inet6)
{
	enum hark_exposed a = exposed_one(inet), b = exposed_one(inet6);

	return a > b ? a : b;
}

static bool is_told(const struct hark_exposure *e)
{
	return e && e->who != HARK_WHO_UNSERVED;
}

/* "open to everyone", "open to 10.0.0.0/8", "kept to this host", "not known" */
static void describe(const struct hark_exposures *exposures, const struct hark_exposure *e,
		     char *text)
{
	char words[HARK_EXPOSURE_TEXT_SIZE];
	struct hark_exposure ordinary = *e;

	ordinary.has_crafted = false;
	hark_exposure_format(exposures, &ordinary, words);
	*text = '\0';
	if (e->who == HARK_WHO_NOBODY)
		append(text, "closed");
	else if (e->who == HARK_WHO_HOST)
		append(text, "kept to this host");
	else if (e->who == HARK_WHO_UNKNOWN && e->firewall != HARK_KNOWN)
		append(text, "addressed from %s, and the rules were not read",
		       e->reach < 0 ?
			       "nobody knows where" :
			       (const char *const[]){ "this host", "the same link",
						      "private networks", "anywhere" }[e->reach]);
	else if (e->who == HARK_WHO_DEPENDS && !e->n_ranges && e->open < 0)
		append(text, "open to some%s", words + strlen("depends"));
	else if (e->open == HARK_REACH_PRIVATE && !e->n_ranges && !e->n_maybe)
		append(text, "open to all who can address its private addresses");
	else if (e->open == HARK_REACH_LINK && !e->n_ranges && !e->n_maybe)
		append(text, "open to the same link");
	else
		append(text, "open to %s", words);
}

char *hark_exposed_format(const struct hark_exposures *exposures, const struct hark_exposure *inet,
			  const struct hark_exposure *inet6, char *text)
{
	char first[HARK_EXPOSURE_TEXT_SIZE], second[HARK_EXPOSURE_TEXT_SIZE];
	bool is_swapped = is_told(inet6) && inet6->is_wider;
	const struct hark_exposure *a = is_swapped ? inet6 : inet, *b = is_swapped ? inet : inet6;
	const char *name_a = is_swapped ? "IPv6" : "IPv4", *name_b = is_swapped ? "IPv4" : "IPv6";

	*text = '\0';
	if (!is_told(a)) {
		a = b;
		name_a = name_b;
		b = NULL;
	}
	if (!is_told(a))
		return text;
	describe(exposures, a, first);
	if (!is_told(b)) {
		snprintf(text, HARK_EXPOSED_TEXT_SIZE, "%s is %s", name_a, first);
		return text;
	}
	describe(exposures, b, second);
	if (!strcmp(first, second))
		snprintf(text, HARK_EXPOSED_TEXT_SIZE, "IPv4 and IPv6 are %s", first);
	else if (a->is_wider && b->who == HARK_WHO_SOME && b->open < 0)
		snprintf(text, HARK_EXPOSED_TEXT_SIZE, "%s is %s, %s only to %s", name_a, first,
			 name_b, second + strlen("open to "));
	else
		snprintf(text, HARK_EXPOSED_TEXT_SIZE, "%s is %s, %s is %s", name_a, first, name_b,
			 second);
	return text;
}
