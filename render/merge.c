/* SPDX-License-Identifier: MIT */
/*
 * Which sockets a reader wants to see as one row.
 *
 * First the members of a SO_REUSEPORT group, or of any other set of listeners that have the
 * address in common and fare alike. Then the halves of a split pair: a listener for IPv4 and one
 * for IPv6, of the same port and the same holders, which is how most programs that are not
 * dual-stack serve both. Addresses make a pair when both are wildcards, or both reach equally far.
 */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Only so many rows of a port may find a partner: a host can have an address a customer. */
#define MAX_TRIES 1024u

static bool is_same_port(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol &&
	       a->local_port == b->local_port && a->is_listener && b->is_listener;
}

static bool fares_alike(const struct hark_answer *a, const struct hark_answer *b)
{
	return a->verdict == b->verdict && a->via == b->via && a->why == b->why &&
	       a->reach == b->reach && a->n_addresses == b->n_addresses;
}

static bool answers_alike(const struct hark_listener *a, const struct hark_listener *b)
{
	if (!a || !b)
		return a == b;
	return fares_alike(&a->answers[HARK_FAMILY_INET], &b->answers[HARK_FAMILY_INET]) &&
	       fares_alike(&a->answers[HARK_FAMILY_INET6], &b->answers[HARK_FAMILY_INET6]);
}

static bool is_same_exposure(const struct hark_exposure *a, const struct hark_exposure *b)
{
	return a->who == b->who && a->open == b->open && a->is_wider == b->is_wider &&
	       a->has_crafted == b->has_crafted && a->firewall == b->firewall &&
	       a->depends_on == b->depends_on && a->n_ranges == b->n_ranges &&
	       a->n_maybe == b->n_maybe && (!a->n_ranges || a->first_range == b->first_range) &&
	       (!a->n_maybe || a->first_maybe == b->first_maybe);
}

/* Those of one port have the same rows, unless the firewall tells them apart. */
static bool is_exposed_alike(struct view *view, const struct hark_socket *a,
			     const struct hark_socket *b)
{
	const struct hark_exposures *exposures = view_exposures(view);

	for (int family = 0; exposures && family < HARK_FAMILY_N_; family++) {
		const struct hark_exposure *ea =
			hark_exposures_listener(exposures, a->listener, (enum hark_family)family);
		const struct hark_exposure *eb =
			hark_exposures_listener(exposures, b->listener, (enum hark_family)family);

		if (ea && eb && !is_same_exposure(ea, eb))
			return false;
	}
	return true;
}

static bool is_group(struct view *view, const struct hark_socket *a, const struct hark_socket *b)
{
	return a->family == b->family && !hark_addr_compare(&a->local, &b->local) &&
	       a->device == b->device && a->v6only == b->v6only &&
	       (a == b || (answers_alike(view_listener(view, a), view_listener(view, b)) &&
			   is_exposed_alike(view, a, b) &&
			   view_activation(view, a) == view_activation(view, b)));
}

/* Appends the sockets of a row to those of another. */
static void chain(struct view *view, uint32_t to, uint32_t socket)
{
	while (view->next[to] != HARK_NONE)
		to = view->next[to];
	view->next[to] = socket;
}

/* Makes rows of the sockets from `begin` to `end`, which have the port in common. */
static void group_port(struct view *view, uint32_t begin, uint32_t end, uint32_t *tails)
{
	uint32_t first_row = view->n_rows;

	for (uint32_t i = begin; i < end; i++) {
		const struct hark_socket *socket = view_socket(view, i);
		uint32_t r = view->n_rows;

		view->next[i] = HARK_NONE;
		/* Rows come in the order of addresses: those of this address are the last. */
		while (r > first_row) {
			const struct hark_socket *other = view_first(view, &view->rows[r - 1]);

			if (is_group(view, other, socket))
				break;
			if (hark_addr_compare(&other->local, &socket->local) ||
			    other->family != socket->family)
				r = first_row;
			else
				r--;
		}
		if (r > first_row) {
			view->next[tails[r - 1]] = i;
			view->rows[r - 1].n[HARK_FAMILY_INET]++;
			view->rows[r - 1].n[HARK_FAMILY_INET6]++;
		} else {
			r = ++view->n_rows;
			view->rows[r - 1] =
				(struct row){ .first = i, .by_family = { i, i }, .n = { 1, 1 } };
		}
		tails[r - 1] = i;
	}
}

/* Whether a listener that does not answer would be lost on a reader when told with another. */
static bool is_telling(const struct hark_answer *answer)
{
	return answer->why == HARK_WHY_SHADOWED || answer->why == HARK_WHY_NOT_LOCAL ||
	       answer->why == HARK_WHY_MULTICAST || answer->why == HARK_WHY_BROADCAST;
}

/* The row is about that family alone. */
static bool is_half(const struct view *view, const struct hark_socket *socket,
		    enum hark_family family)
{
	const struct hark_listener *listener = view_listener(view, socket);

	return listener && socket_is_bound_in(socket, family) &&
	       listener->answers[!family].verdict == HARK_VERDICT_NONE &&
	       !is_telling(&listener->answers[family]);
}

static bool is_text_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* As far as is known: where the holders are hidden, the owner and the unit have to do. */
static bool is_of_same_owner(const struct view *view, uint32_t a, uint32_t b)
{
	const struct hark_process *oa = hark_snapshot_socket_origin(view->snapshot, a);
	const struct hark_process *ob = hark_snapshot_socket_origin(view->snapshot, b);

	return view_socket(view, a)->uid == view_socket(view, b)->uid &&
	       is_text_same(oa ? oa->unit : NULL, ob ? ob->unit : NULL) &&
	       is_text_same(oa ? oa->container : NULL, ob ? ob->container : NULL);
}

/* Two of docker-proxy, one for each family. */
static bool is_of_same_container(const struct view *view, const struct row *a, uint64_t holder_a,
				 const struct row *b, uint64_t holder_b)
{
	const struct hark_process *pa = hark_snapshot_process(view->snapshot, (uint32_t)holder_a);
	const struct hark_process *pb = hark_snapshot_process(view->snapshot, (uint32_t)holder_b);
	const struct hark_process *fa = view_fronted(view, a, pa), *fb = view_fronted(view, b, pb);

	return fa && fb && is_text_same(pa->command, pb->command) &&
	       is_text_same(fa->container, fb->container);
}

static bool has_same_holders(struct view *view, const struct row *a, const struct row *b)
{
	uint32_t n;
	uint64_t *processes;
	bool is_same;

	if (view_first(view, a)->holders != view_first(view, b)->holders ||
	    view_first(view, a)->is_kernel != view_first(view, b)->is_kernel)
		return false;
	view_find_processes(view, b);
	n = view->n_processes;
	processes = malloc((n + 1) * sizeof(*processes));
	if (!processes) {
		view->error = -ENOMEM;
		return false;
	}
	if (n)
		memcpy(processes, view->processes, n * sizeof(*processes));
	view_find_processes(view, a);
	is_same = n == view->n_processes &&
		  (n ? !memcmp(processes, view->processes, n * sizeof(*processes)) :
		       is_of_same_owner(view, a->first, b->first));
	if (!is_same && n == 1 && view->n_processes == 1)
		is_same = is_of_same_container(view, b, processes[0], a, view->processes[0]);
	free(processes);
	return is_same;
}

/* Whether the row can take the half of that family too. */
static bool is_pair(struct view *view, const struct row *row, const struct row *half,
		    enum hark_family family)
{
	const struct hark_socket *a = view_first(view, row), *b = view_first(view, half);

	if (row->by_family[family] != row->first || !is_half(view, a, !family)) /* it has one */
		return false;
	if (a->device != b->device || hark_addr_is_any(&a->local) != hark_addr_is_any(&b->local))
		return false;
	if (!hark_addr_is_any(&a->local) &&
	    hark_addr_reach(&a->local) != hark_addr_reach(&b->local))
		return false;
	return view_activation(view, a) == view_activation(view, b) &&
	       has_same_holders(view, row, half);
}

/* Pairs the rows from `begin` on; those that went into another one are dropped. */
static void pair_port(struct view *view, uint32_t begin)
{
	struct row *rows = view->rows;
	uint32_t n = begin;

	for (uint32_t i = begin; i < view->n_rows; i++) {
		struct row row = rows[i];
		const struct hark_socket *socket = view_first(view, &row);
		enum hark_family family = socket_is_bound_in(socket, HARK_FAMILY_INET) ?
						  HARK_FAMILY_INET :
						  HARK_FAMILY_INET6;
		uint32_t end = n - begin < MAX_TRIES ? n : begin + MAX_TRIES, j = end;

		if (is_half(view, socket, family))
			for (j = begin; j < end && !is_pair(view, &rows[j], &row, family);)
				j++;
		if (j < end) {
			rows[j].by_family[family] = row.first;
			rows[j].n[family] = row.n[family];
			chain(view, rows[j].first, row.first);
		} else {
			rows[n++] = row;
		}
	}
	view->n_rows = n;
}

int view_merge(struct view *view)
{
	uint32_t n = hark_snapshot_n_sockets(view->snapshot);
	uint32_t *tails = malloc((n + 1) * sizeof(*tails)); /* the last socket of each row */

	view->next = malloc((n + 1) * sizeof(*view->next));
	view->rows = malloc((n + 1) * sizeof(*view->rows));
	if (!tails || !view->next || !view->rows) {
		free(tails);
		return -ENOMEM;
	}
	view->n_rows = 0;
	for (uint32_t begin = 0, end; begin < n; begin = end) {
		uint32_t first_row = view->n_rows;

		for (end = begin + 1; end < n; end++)
			if (!is_same_port(view_socket(view, begin), view_socket(view, end)))
				break;
		group_port(view, begin, end, tails);
		pair_port(view, first_row);
	}
	free(tails);
	return view->error;
}
