/* SPDX-License-Identifier: MIT */
/* JSON, schema 1: what the firewall makes of packets to a listener, and doors. */
#include "json.h"

#include "cells.h"

static const char *const families[] = { "ipv4", "ipv6" };

static void write_range(struct out *out, const struct hark_range *range)
{
	char text[HARK_RANGE_TEXT_SIZE];

	out_char(out, '"');
	out_text(out, hark_range_format(range, text));
	out_char(out, '"');
}

void json_write_ranges(struct out *out, const struct hark_range *(*at)(const void *, uint32_t),
		       const void *of, uint32_t first, uint32_t n)
{
	out_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			out_char(out, ',');
		write_range(out, at(of, first + i));
	}
	out_char(out, ']');
}

static const struct hark_range *range_at(const void *snapshot, uint32_t i)
{
	return hark_snapshot_range(snapshot, i);
}

static void write_rule(struct out *out, const struct hark_firewall_rule *rule)
{
	if (!rule) {
		LITERAL(out, "null");
		return;
	}
	LITERAL(out, "{\"where\":");
	write_string(out, rule->where);
	LITERAL(out, ",\"handle\":");
	write_number(out, rule->handle, rule->handle);
	LITERAL(out, ",\"text\":");
	write_string(out, rule->text);
	if (rule->is_reply)
		LITERAL(out, ",\"reply\":true");
	out_char(out, '}');
}

void json_write_rules(struct out *out, const struct hark_snapshot *snapshot, uint32_t first,
		      uint32_t n)
{
	out_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			out_char(out, ',');
		write_rule(out, hark_snapshot_firewall_rule(snapshot, first + i));
	}
	out_char(out, ']');
}

/* The names of what is in a mask. */
void json_write_doubts(struct out *out, uint32_t doubts)
{
	bool is_first = true;

	out_char(out, '[');
	for (int doubt = 0; doubt < HARK_DOUBT_N_; doubt++) {
		if (!(doubts & (1u << doubt)))
			continue;
		if (!is_first)
			out_char(out, ',');
		is_first = false;
		write_string(out, hark_firewall_doubt_name((enum hark_firewall_doubt)doubt));
	}
	out_char(out, ']');
}

/* Order decides: the last of several may take all that the others leave. */
static void write_from(struct out *out, const struct hark_snapshot *snapshot,
		       const struct hark_firewall_piece *piece, int family, bool is_rest)
{
	if (is_rest && piece->n_ranges > 1)
		out_text(out, family == HARK_FAMILY_INET ? "[\"0.0.0.0/0\"]" : "[\"::/0\"]");
	else
		json_write_ranges(out, range_at, snapshot, piece->first_range, piece->n_ranges);
}

static void write_pieces(struct out *out, const struct hark_snapshot *snapshot, int family,
			 uint32_t first, uint32_t n, bool is_partition)
{
	out_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct hark_firewall_piece *piece =
			hark_snapshot_firewall_piece(snapshot, first + i);

		out_text(out, i ? ",{\"from\":" : "{\"from\":");
		write_from(out, snapshot, piece, family, is_partition && i + 1 == n);
		LITERAL(out, ",\"verdict\":");
		write_string(out, hark_firewall_verdict_name(
					  (enum hark_firewall_verdict)piece->verdict));
		LITERAL(out, ",\"how\":");
		write_string(out, piece->how);
		LITERAL(out, ",\"depends_on\":");
		json_write_doubts(out, piece->depends_on);
		LITERAL(out, ",\"rules\":");
		json_write_rules(out, snapshot, piece->first_rule, piece->n_rules);
		if (piece->n_more_rules) {
			LITERAL(out, ",\"more_rules\":");
			out_u64(out, piece->n_more_rules);
		}
		out_char(out, '}');
	}
	out_char(out, ']');
}

/* Family, interface and addresses: what an entry is about. */
static void write_at(struct out *out, const struct hark_snapshot *snapshot,
		     const struct hark_firewall_entry *entry)
{
	LITERAL(out, "\"family\":");
	write_string(out, families[entry->family]);
	LITERAL(out, ",\"interface\":");
	write_string(out, hark_snapshot_interface_name(snapshot, entry->netns, entry->ifindex));
	LITERAL(out, ",\"addresses\":[");
	for (uint32_t i = 0; i < entry->n_places; i++) {
		if (i)
			out_char(out, ',');
		json_write_place(out, snapshot,
				 hark_snapshot_place(snapshot, entry->first_place + i));
	}
	LITERAL(out, "],");
}

static void write_entries(struct out *out, const struct hark_snapshot *snapshot, uint32_t first,
			  uint32_t n)
{
	out_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct hark_firewall_entry *entry =
			hark_snapshot_firewall_entry(snapshot, first + i);

		out_text(out, i ? ",{" : "{");
		write_at(out, snapshot, entry);
		LITERAL(out, "\"sources\":");
		write_pieces(out, snapshot, entry->family, entry->first_piece, entry->n_pieces,
			     true);
		out_char(out, '}');
	}
	out_char(out, ']');
}

/* Who a family is open to, in a few words; null where it is not served. */
static void write_words(struct view *view, struct out *out, const struct hark_exposure *e)
{
	char text[HARK_EXPOSURE_TEXT_SIZE];

	if (e && e->who != HARK_WHO_UNSERVED)
		write_string(out, hark_exposure_format(view_exposures(view), e, text));
	else
		LITERAL(out, "null");
}

void json_write_who(struct view *view, struct out *out, const struct hark_exposure *inet,
		    const struct hark_exposure *inet6)
{
	LITERAL(out, "{\"ipv4\":");
	write_words(view, out, inet);
	LITERAL(out, ",\"ipv6\":");
	write_words(view, out, inet6);
	out_char(out, '}');
}

static void write_wider(struct view *view, struct out *out, const struct hark_exposure *inet,
			const struct hark_exposure *inet6, bool *is_first)
{
	char text[HARK_EXPOSED_TEXT_SIZE];

	if (!inet->is_wider && !inet6->is_wider)
		return;
	out_text(out, *is_first ? "" : ",");
	*is_first = false;
	LITERAL(out, "{\"code\":\"firewall-wider-family\",\"family\":");
	write_string(out, families[inet6->is_wider]);
	LITERAL(out, ",\"text\":");
	write_string(out, hark_exposed_format(view_exposures(view), inet, inet6, text));
	out_char(out, '}');
}

static void write_crafted(struct out *out, const struct hark_snapshot *snapshot, uint32_t first,
			  uint32_t n, bool *is_first)
{
	for (uint32_t i = first; i < first + n; i++) {
		const struct hark_firewall_entry *entry = hark_snapshot_firewall_entry(snapshot, i);

		if (!entry->n_crafted)
			continue;
		out_text(out, *is_first ? "" : ",");
		*is_first = false;
		LITERAL(out, "{\"code\":\"firewall-crafted-sender\",");
		write_at(out, snapshot, entry);
		LITERAL(out, "\"sources\":");
		write_pieces(out, snapshot, entry->family, entry->first_crafted, entry->n_crafted,
			     false);
		out_char(out, '}');
	}
}

void json_write_firewall(struct view *view, struct out *out, const struct hark_socket *socket)
{
	const struct hark_listener *listener = view_listener(view, socket);
	const struct hark_exposures *exposures = view_exposures(view);
	const struct hark_exposure *inet, *inet6;
	bool is_first = true;

	if (!listener || !exposures || listener->firewall != HARK_KNOWN) {
		LITERAL(out, ",\"firewall\":null,\"from\":null,\"findings\":null");
		return;
	}
	inet = hark_exposures_listener(exposures, socket->listener, HARK_FAMILY_INET);
	inet6 = hark_exposures_listener(exposures, socket->listener, HARK_FAMILY_INET6);
	LITERAL(out, ",\"firewall\":");
	write_entries(out, view->snapshot, listener->first_entry, listener->n_entries);
	LITERAL(out, ",\"from\":");
	json_write_who(view, out, inet, inet6);
	LITERAL(out, ",\"findings\":[");
	write_wider(view, out, inet, inet6, &is_first);
	write_crafted(out, view->snapshot, listener->first_entry, listener->n_entries, &is_first);
	out_char(out, ']');
}

/* The listener that it leads to, as the list knows it. */
static void write_target(struct view *view, struct out *out, const struct hark_door *door)
{
	const struct hark_socket *socket = view_socket(view, door->socket);

	LITERAL(out, ",\"leads_to\":");
	write_string(out, door->leads_to);
	LITERAL(out, ",\"listener\":");
	if (!socket) {
		LITERAL(out, "null");
		return;
	}
	LITERAL(out, "{\"cookie\":");
	json_write_cookie(out, socket->cookie);
	LITERAL(out, ",\"inode\":");
	out_u64(out, socket->inode);
	LITERAL(out, ",\"port\":");
	out_u64(out, socket->local_port);
	out_char(out, '}');
}

void json_write_door(struct view *view, struct out *out, uint32_t i)
{
	const struct hark_door *door = hark_snapshot_door(view->snapshot, i);
	const struct hark_namespace *namespace =
		hark_snapshot_namespace(view->snapshot, door->netns);
	const struct hark_exposures *exposures = view_exposures(view);
	char text[HARK_ADDR_TEXT_SIZE];

	LITERAL(out, "{\"netns\":");
	write_number(out, namespace && namespace->inode, namespace ? namespace->inode : 0);
	LITERAL(out, ",\"protocol\":");
	write_string(out, hark_protocol_name((enum hark_protocol)door->protocol));
	LITERAL(out, ",\"family\":");
	write_string(out, families[door->family]);
	LITERAL(out, ",\"port\":");
	out_u64(out, door->port);
	LITERAL(out, ",\"address\":");
	write_string(out, hark_addr_is_any(&door->to) ? NULL : hark_addr_format(&door->to, text));
	write_target(view, out, door);
	LITERAL(out, ",\"rule\":");
	write_rule(out, hark_snapshot_firewall_rule(view->snapshot, door->rule));
	LITERAL(out, ",\"firewall\":");
	write_entries(out, view->snapshot, door->first_entry, door->n_entries);
	LITERAL(out, ",\"from\":");
	write_words(view, out, exposures ? hark_exposures_door(exposures, i) : NULL);
	out_char(out, '}');
}

static bool is_denied(const struct hark_snapshot *snapshot)
{
	const struct hark_note *note;

	for (uint32_t i = 0; (note = hark_snapshot_note(snapshot, i)); i++)
		if (note->what == HARK_NOTE_FIREWALL && !note->is_debug &&
		    (note->why == HARK_NOTE_PERMISSION || note->why == HARK_NOTE_FAILED))
			return true;
	return false;
}

void json_write_published(struct out *out, const struct hark_snapshot *snapshot,
			  const struct render_options *options)
{
	struct view view;

	LITERAL(out, ",\n\"published\":");
	if (!options->published || (is_denied(snapshot) && !hark_snapshot_n_doors(snapshot))) {
		LITERAL(out, "null");
		return;
	}
	view_init(&view, snapshot, ESCAPE_JSON);
	out_char(out, '[');
	for (uint32_t i = 0; i < hark_snapshot_n_doors(snapshot) && !out->error; i++) {
		out_text(out, i ? ",\n" : "\n");
		json_write_door(&view, out, i);
	}
	out_char(out, ']');
	if (!out->error)
		out->error = view_error(&view);
	view_fini(&view);
}
