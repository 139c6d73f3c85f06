/* SPDX-License-Identifier: MIT */
/*
 * Lists the listeners of this host with what each answers, over IPv4 and IPv6.
 *
 *	cc listeners.c $(pkg-config --cflags --libs libhark) -o listeners
 */
#include <hark/hark.h>

#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	/* Ask for no more than is shown: the search for holders is what takes time. */
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	struct hark_snapshot *snapshot;
	struct hark_error error;

	if (hark_snapshot_take(&query, &snapshot, &error) < 0) {
		fprintf(stderr, "listeners: %s\n", error.text);
		return 1;
	}
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
		/* Without all_states every socket is a listener. */
		const struct hark_answer *answers =
			hark_snapshot_listener(snapshot, socket->listener)->answers;
		char label[HARK_LABEL_SIZE], address[HARK_ADDR_TEXT_SIZE];

		printf("%-10s %5u  bound to %-16s IPv4: %-8s IPv6: %s\n",
		       hark_socket_label(snapshot, socket, label), socket->local_port,
		       hark_addr_format(&socket->local, address),
		       hark_verdict_name((enum hark_verdict)answers[HARK_FAMILY_INET].verdict),
		       hark_verdict_name((enum hark_verdict)answers[HARK_FAMILY_INET6].verdict));
	}
	/* A snapshot may be incomplete and useful all the same: its notes say what is missing. */
	for (uint32_t i = 0; i < hark_snapshot_n_notes(snapshot); i++) {
		const struct hark_note *note = hark_snapshot_note(snapshot, i);

		if (!note->is_debug)
			fprintf(stderr, "listeners: %s (%" PRIu32 ")\n", note->detail, note->count);
	}
	hark_snapshot_free(snapshot);
	return 0;
}
