/* SPDX-License-Identifier: MIT */
/* Pieces that say the same. */
#include <string.h>

#include <hark/exposure.h>

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_rule(const struct hark_firewall_rule *a, const struct hark_firewall_rule *b)
{
	return a == b || (a && b && a->handle == b->handle && a->is_reply == b->is_reply &&
			  is_same_text(a->where, b->where) && is_same_text(a->text, b->text));
}

static bool is_same_range(const struct hark_range *a, const struct hark_range *b)
{
	return a == b || (a && b && !hark_addr_compare(&a->first, &b->first) &&
			  !hark_addr_compare(&a->last, &b->last));
}

bool hark_firewall_pieces_alike(const struct hark_snapshot *snapshot, uint32_t a, uint32_t b)
{
	const struct hark_firewall_piece *pa = hark_snapshot_firewall_piece(snapshot, a);
	const struct hark_firewall_piece *pb = hark_snapshot_firewall_piece(snapshot, b);

	if (pa == pb || !pa || !pb)
		return pa == pb;
	if (pa->verdict != pb->verdict || pa->depends_on != pb->depends_on ||
	    pa->n_ranges != pb->n_ranges || pa->n_rules != pb->n_rules ||
	    pa->n_more_rules != pb->n_more_rules || !is_same_text(pa->how, pb->how))
		return false;
	for (uint32_t i = 0; i < pa->n_rules; i++)
		if (!is_same_rule(hark_snapshot_firewall_rule(snapshot, pa->first_rule + i),
				  hark_snapshot_firewall_rule(snapshot, pb->first_rule + i)))
			return false;
	for (uint32_t i = 0; i < pa->n_ranges; i++)
		if (!is_same_range(hark_snapshot_range(snapshot, pa->first_range + i),
				   hark_snapshot_range(snapshot, pb->first_range + i)))
			return false;
	return true;
}
