/* SPDX-License-Identifier: MIT */
/*
 * What tcp wrappers may refuse: who gets through to a listener whose process asks hosts.allow and
 * hosts.deny is let in or not by what stands there.
 */
#include <errno.h>
#include <stdlib.h>

#include "passage.h"
#include "rules.h"

struct wrapping {
	struct hark_source *source;
	struct hark_snapshot *snapshot;
	uint8_t *is_used;      /* enum hark_tristate + 1 of each process; 0: not looked at yet */
	struct hash new_first; /* of pieces: the first of some to that of their copies */
};

/* A process that may not be looked into may ask them, too. */
static bool is_wrapped(struct wrapping *wrapping, const struct hark_socket *socket)
{
	const struct hark_snapshot *snapshot = wrapping->snapshot;

	for (uint32_t i = 0; i < socket->n_holders; i++) {
		uint32_t process = snapshot->holders.items[socket->first_holder + i].process;
		uint8_t *is_used = &wrapping->is_used[process];

		if (!*is_used)
			*is_used = 1 + wrappers_is_used(wrapping->source,
							snapshot->processes.items[process].pid);
		if (*is_used != 1 + HARK_NO)
			return true;
	}
	return false;
}

static int wrap_pieces(struct wrapping *wrapping, struct hark_firewall_entry *entry)
{
	struct hark_snapshot *snapshot = wrapping->snapshot;
	uint32_t next = snapshot->firewall_pieces.n, first;

	if (hash_add(&wrapping->new_first, entry->first_piece, next, &first) < 0 ||
	    array_reserve(&snapshot->firewall_pieces, entry->n_pieces) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < entry->n_pieces && first == next; i++) {
		struct hark_firewall_piece *piece =
			&snapshot->firewall_pieces.items[snapshot->firewall_pieces.n++];

		*piece = snapshot->firewall_pieces.items[entry->first_piece + i];
		if (piece->verdict == HARK_FIREWALL_ACCEPT) {
			piece->verdict = HARK_FIREWALL_DEPENDS;
			piece->possible = 1u << HARK_FIREWALL_ACCEPT | 1u << HARK_FIREWALL_DROP;
		}
		if (piece->verdict == HARK_FIREWALL_DEPENDS)
			piece->depends_on |= 1u << HARK_DOUBT_WRAPPERS;
	}
	entry->first_piece = first;
	return 0;
}

static bool is_concerned(struct hark_snapshot *snapshot, const struct hark_socket *socket)
{
	return socket->is_listener &&
	       (socket->protocol == HARK_PROTOCOL_TCP || socket->protocol == HARK_PROTOCOL_MPTCP) &&
	       snapshot_listener(snapshot, socket)->n_entries > 0;
}

int passage_wrap(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct wrapping wrapping = { .source = source, .snapshot = snapshot };
	int r = 0;

	if (!snapshot->firewall_entries.n || source->proc_fd < 0 || !wrappers_has_rules(source))
		return 0;
	wrapping.is_used = calloc(snapshot->processes.n + 1, sizeof(*wrapping.is_used));
	if (!wrapping.is_used)
		return -ENOMEM;
	for (uint32_t i = 0; i < snapshot->sockets.n && r == 0; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];
		const struct hark_listener *listener;

		if (!is_concerned(snapshot, socket) || !is_wrapped(&wrapping, socket))
			continue;
		listener = snapshot_listener(snapshot, socket);
		for (uint32_t k = 0; k < listener->n_entries && r == 0; k++)
			r = wrap_pieces(
				&wrapping,
				&snapshot->firewall_entries.items[listener->first_entry + k]);
	}
	free(wrapping.is_used);
	hash_fini(&wrapping.new_first);
	return r;
}
