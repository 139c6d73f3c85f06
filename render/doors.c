/* SPDX-License-Identifier: MIT */
#include "doors.h"

#include "cells.h"

static const struct hark_door *door_at(const struct view *view, uint32_t i)
{
	return hark_snapshot_door(view->snapshot, i);
}

enum style door_write_protocol(struct view *view, uint32_t door, struct out *out)
{
	out_text(out, hark_protocol_name((enum hark_protocol)door_at(view, door)->protocol));
	return STYLE_PLAIN;
}

enum style door_write_label(struct view *view, uint32_t door, struct out *out)
{
	door_write_protocol(view, door, out);
	out_char(out, door_at(view, door)->family == HARK_FAMILY_INET ? '4' : '6');
	return STYLE_PLAIN;
}

enum style door_write_state(struct view *view, uint32_t door, struct out *out)
{
	(void)view;
	(void)door;
	out_text(out, "published");
	return STYLE_NOTICE;
}

enum style door_write_port(struct view *view, uint32_t door, struct out *out)
{
	out_u64(out, door_at(view, door)->port);
	return STYLE_STRONG;
}

enum style door_write_address(struct view *view, uint32_t door, struct out *out)
{
	const struct hark_door *at = door_at(view, door);
	char text[HARK_ADDR_TEXT_SIZE];

	if (hark_addr_is_any(&at->to))
		out_text(out, at->family == HARK_FAMILY_INET ? "0.0.0.0" : "::");
	else
		out_text(out, hark_addr_format(&at->to, text));
	return STYLE_PLAIN;
}

enum style door_write_local(struct view *view, uint32_t door, struct out *out)
{
	bool is_ipv6 = door_at(view, door)->family == HARK_FAMILY_INET6;

	out_text(out, is_ipv6 ? "[" : "");
	door_write_address(view, door, out);
	out_text(out, is_ipv6 ? "]:" : ":");
	return door_write_port(view, door, out);
}

static enum style write_family(struct view *view, uint32_t door, struct out *out,
			       enum hark_family family)
{
	if (door_at(view, door)->family == family)
		return door_write_address(view, door, out);
	out_char(out, '-');
	return STYLE_WEAK;
}

enum style door_write_ipv4(struct view *view, uint32_t door, struct out *out)
{
	return write_family(view, door, out, HARK_FAMILY_INET);
}

enum style door_write_ipv6(struct view *view, uint32_t door, struct out *out)
{
	return write_family(view, door, out, HARK_FAMILY_INET6);
}

enum style door_write_reach(struct view *view, uint32_t door, struct out *out)
{
	const struct hark_exposures *exposures = view_exposures(view);
	const struct hark_exposure *e = exposures ? hark_exposures_door(exposures, door) : NULL;

	if (!e)
		return STYLE_PLAIN;
	exposure_write(view, out, e);
	return exposed_style(hark_exposed_of(e, NULL));
}

enum style door_write_target(struct view *view, uint32_t door, struct out *out)
{
	const struct hark_door *at = door_at(view, door);

	out_text(out, "published");
	cell_write_arrow(view, out);
	if (at->leads_to)
		escape_text(out, view->escape, at->leads_to);
	else
		out_text(out, "several");
	return STYLE_NOTICE;
}

enum style door_write_namespace(struct view *view, uint32_t door, struct out *out)
{
	return cell_write_netns(view, out, door_at(view, door)->netns);
}
