/* SPDX-License-Identifier: MIT */
/*
 * A check for monitoring: finds listeners that reach further over one family than over the other,
 * which is what a firewall written for one family overlooks. Exits with 1 when there are any, 3
 * when it cannot tell.
 */
#include <hark/hark.h>

#include <stdio.h>

static const char *reach_text(int8_t reach)
{
	return reach < 0 ? "nobody" : hark_reach_name((enum hark_reach)reach);
}

int main(void)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	struct hark_snapshot *snapshot;
	struct hark_error error;
	int status = 0;

	if (hark_snapshot_take(&query, &snapshot, &error) < 0) {
		fprintf(stderr, "families-differ: %s\n", error.text);
		return 3;
	}
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++) {
		const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
		/* Without all_states every socket is a listener. */
		const struct hark_answer *answers =
			hark_snapshot_listener(snapshot, socket->listener)->answers;
		const struct hark_answer *ipv4 = &answers[HARK_FAMILY_INET];
		const struct hark_answer *ipv6 = &answers[HARK_FAMILY_INET6];

		/* Unknown is neither yes nor no: a check that passes must not rest on it. */
		if (ipv4->verdict == HARK_VERDICT_UNKNOWN || ipv6->verdict == HARK_VERDICT_UNKNOWN)
			status = 3;
		/* Reaches are ordered: host, link, private, public; -1 where it answers nothing. */
		if (ipv4->reach < 0 || ipv6->reach < 0 || ipv4->reach == ipv6->reach)
			continue;
		printf("%s port %u: IPv4 %s, IPv6 %s\n",
		       hark_protocol_name((enum hark_protocol)socket->protocol), socket->local_port,
		       reach_text(ipv4->reach), reach_text(ipv6->reach));
		if (status == 0)
			status = 1;
	}
	hark_snapshot_free(snapshot);
	return status;
}
