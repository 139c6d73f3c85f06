/* SPDX-License-Identifier: MIT */
/* Who can reach a listener, as cells say it: addresses and firewall together. */
#include "cells.h"

const struct hark_exposure *row_exposure(struct view *view, const struct row *row, int family)
{
	const struct hark_socket *socket = view_socket(view, row->by_family[family]);
	const struct hark_exposures *exposures = view_exposures(view);

	return exposures ? hark_exposures_listener(exposures, socket->listener,
						   (enum hark_family)family) :
			   NULL;
}

static bool is_served(const struct hark_exposure *e)
{
	return e && e->who != HARK_WHO_UNSERVED;
}

enum style exposed_style(enum hark_exposed exposed)
{
	switch (exposed) {
	case HARK_EXPOSED_NOT:
		return STYLE_GOOD;
	case HARK_EXPOSED_LINK:
	case HARK_EXPOSED_PRIVATE:
	case HARK_EXPOSED_SOME:
	case HARK_EXPOSED_UNKNOWN:
	case HARK_EXPOSED_DEPENDS:
		return STYLE_WARNING;
	case HARK_EXPOSED_EVERYONE:
	case HARK_EXPOSED_WIDER:
		return STYLE_ALARM;
	case HARK_EXPOSED_N_:
		break;
	}
	return STYLE_PLAIN;
}

void exposure_write(struct view *view, struct out *out, const struct hark_exposure *e)
{
	char text[HARK_EXPOSURE_TEXT_SIZE];

	out_text(out, hark_exposure_format(view_exposures(view), e, text));
	if (e->is_wider)
		out_char(out, '!');
}

/* Where they differ, both: the one that is wider by its name, for nobody may overlook it. */
void exposures_write(struct view *view, struct out *out, const struct hark_exposure *inet,
		     const struct hark_exposure *inet6)
{
	const struct hark_exposure *both[] = { inet, inet6 };
	char texts[HARK_FAMILY_N_][HARK_EXPOSURE_TEXT_SIZE];

	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (is_served(both[family]))
			hark_exposure_format(view_exposures(view), both[family], texts[family]);
	if (!is_served(inet) || !is_served(inet6) ||
	    (!strcmp(texts[0], texts[1]) && !inet->is_wider && !inet6->is_wider)) {
		exposure_write(view, out, is_served(inet) ? inet : inet6);
		return;
	}
	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		if (family)
			out_text(out, " | ");
		if (both[family]->is_wider && !view->is_short)
			out_text(out, family == HARK_FAMILY_INET ? "IPv4: " : "IPv6: ");
		exposure_write(view, out, both[family]);
	}
}

enum style cell_write_reach(struct view *view, const struct row *row, struct out *out)
{
	const struct hark_socket *first = view_first(view, row);
	const struct hark_listener *listener = view_listener(view, first);
	const struct hark_exposure *inet, *inet6;
	int own = socket_is_bound_in(first, HARK_FAMILY_INET) ? HARK_FAMILY_INET :
								HARK_FAMILY_INET6;
	const char *why;

	if (!listener)
		return STYLE_PLAIN;
	inet = row_exposure(view, row, HARK_FAMILY_INET);
	inet6 = row_exposure(view, row, HARK_FAMILY_INET6);
	if (!is_served(inet) && !is_served(inet6)) {
		/* It answers nobody: the reason is worth more than a dash. */
		why = hark_why_name((enum hark_why)listener->answers[own].why);
		out_text(out, why ? why : "-");
		return STYLE_WEAK;
	}
	exposures_write(view, out, inet, inet6);
	return exposed_style(hark_exposed_of(inet, inet6));
}

enum style cell_write_from(struct view *view, const struct row *row, struct out *out,
			   enum hark_family family)
{
	const struct hark_exposure *e = row_exposure(view, row, family);

	if (!is_served(e))
		return STYLE_PLAIN;
	exposure_write(view, out, e);
	return exposed_style(hark_exposed_of(e, NULL));
}
