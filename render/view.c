/* SPDX-License-Identifier: MIT */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void view_init(struct view *view, const struct hark_snapshot *snapshot, enum escape escape)
{
	*view = (struct view){
		.snapshot = snapshot,
		.escape = escape,
		.n_rows = hark_snapshot_n_sockets(snapshot),
		.processes_of = HARK_NONE,
	};
}

void view_fini(struct view *view)
{
	users_fini(&view->users);
	free(view->next);
	free(view->rows);
	free(view->processes);
	hark_exposures_free(view->exposures);
}

const struct hark_exposures *view_exposures(struct view *view)
{
	if (!view->exposures && !view->error)
		view->error = hark_exposures_new(view->snapshot, &view->exposures);
	return view->exposures;
}

struct row view_row(const struct view *view, uint32_t i)
{
	if (view->rows)
		return view->rows[i];
	return (struct row){ .first = i, .by_family = { i, i }, .n = { 1, 1 } };
}

static void add_process(struct view *view, const struct hark_holder *holder)
{
	const struct hark_process *process = hark_snapshot_process(view->snapshot, holder->process);

	if (view->n_processes == view->max_processes) {
		uint32_t max = view->max_processes ? view->max_processes * 2 : 16;
		uint64_t *processes = realloc(view->processes, max * sizeof(*processes));

		if (!processes) {
			view->error = -ENOMEM;
			return;
		}
		view->processes = processes;
		view->max_processes = max;
	}
	view->processes[view->n_processes++] = (uint64_t)process->pid << 32 | holder->process;
}

static int compare_processes(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

void view_find_processes(struct view *view, const struct row *row)
{
	uint32_t n = 0;

	if (view->processes_of == row->first)
		return;
	view->processes_of = row->first;
	view->n_processes = 0;
	for (uint32_t i = row->first; i != HARK_NONE; i = view_next(view, i)) {
		const struct hark_socket *socket = view_socket(view, i);

		for (uint32_t j = 0; j < socket->n_holders; j++)
			add_process(view,
				    hark_snapshot_holder(view->snapshot, socket->first_holder + j));
	}
	if (view->n_processes < 2)
		return;
	qsort(view->processes, view->n_processes, sizeof(uint64_t), compare_processes);
	for (uint32_t i = 0; i < view->n_processes; i++)
		if (!i || view->processes[i] != view->processes[n - 1])
			view->processes[n++] = view->processes[i];
	view->n_processes = n;
}

const struct hark_process *view_process(const struct view *view, uint32_t i)
{
	return hark_snapshot_process(view->snapshot, (uint32_t)view->processes[i]);
}

const struct hark_process *view_fronted(const struct view *view, const struct row *row,
					const struct hark_process *process)
{
	const struct hark_process *fronted = NULL;

	if (!process->fronts)
		return NULL;
	for (uint32_t i = row->first; i != HARK_NONE && !fronted; i = view_next(view, i)) {
		const struct hark_socket *socket = view_socket(view, i);

		for (uint32_t k = 0; k < socket->n_holders && !fronted; k++) {
			const struct hark_holder *holder =
				hark_snapshot_holder(view->snapshot, socket->first_holder + k);

			if (hark_snapshot_process(view->snapshot, holder->process) == process)
				fronted = hark_snapshot_fronted(view->snapshot, holder);
		}
	}
	return fronted;
}

bool socket_is_bound_in(const struct hark_socket *socket, enum hark_family family)
{
	bool is_ipv4 = socket->family == HARK_FAMILY_INET || hark_addr_is_ipv4(&socket->local);

	return is_ipv4 == (family == HARK_FAMILY_INET);
}

bool socket_has_backlog_max(const struct hark_socket *socket)
{
	return socket->has_queues && socket->state == HARK_STATE_LISTEN && socket->cookie;
}

int64_t view_time_of_ticks(const struct view *view, uint64_t ticks)
{
	int64_t boot_time = hark_snapshot_boot_time(view->snapshot);

	if (!ticks || !boot_time)
		return 0;
	return boot_time + (int64_t)(ticks / (uint64_t)sysconf(_SC_CLK_TCK));
}
