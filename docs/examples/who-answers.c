/* SPDX-License-Identifier: MIT */
/*
 * Tells which processes would get a connection to an address and port of this host: a dual-stack
 * socket counts for IPv4 too. Takes any selectors of hark(1).
 *
 *	who-answers 192.168.1.241:80
 *	who-answers tcp '[::1]:22'
 */
#include <hark/hark.h>

#include <inttypes.h>
#include <stdio.h>

static void print_holders(const struct hark_snapshot *snapshot, const struct hark_socket *socket)
{
	/* Holders of a socket follow one another. Names are whatever a process chose: %s is for
	 * an example; a real program escapes them before they reach a terminal. */
	for (uint32_t i = 0; i < socket->n_holders; i++) {
		const struct hark_holder *holder =
			hark_snapshot_holder(snapshot, socket->first_holder + i);
		const struct hark_process *process =
			hark_snapshot_process(snapshot, holder->process);

		printf("pid %" PRIu32 " (%s), descriptor %" PRIu32 "\n", process->pid,
		       process->command ? process->command : "?", holder->fd);
	}
	if (!socket->n_holders)
		printf("%s\n", socket->holders == HARK_DENIED ? "a process that may not be seen" :
								"no process");
}

int main(int argc, char **argv)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS | HARK_DETAIL_HOLDERS };
	struct hark_selection *selection;
	struct hark_snapshot *snapshot;
	struct hark_error error;
	uint32_t n;

	if (hark_selection_new(&selection) < 0)
		return 3;
	for (int i = 1; i < argc; i++) {
		if (hark_selection_add(selection, argv[i], &error) < 0) {
			fprintf(stderr, "who-answers: %s\n", error.text);
			hark_selection_free(selection);
			return 2;
		}
	}
	/* The selection goes into the query: what does not match is not searched for holders. */
	query.selection = selection;
	if (hark_snapshot_take(&query, &snapshot, &error) < 0) {
		fprintf(stderr, "who-answers: %s\n", error.text);
		hark_selection_free(selection);
		return 3;
	}
	n = hark_snapshot_n_sockets(snapshot);
	for (uint32_t i = 0; i < n; i++)
		print_holders(snapshot, hark_snapshot_socket(snapshot, i));
	hark_snapshot_free(snapshot);
	hark_selection_free(selection);
	return n ? 0 : 1;
}
