/* SPDX-License-Identifier: MIT */
#include <hark/packet.h>

#include <errno.h>

#include "collect.h"

int hark_packet_taker(const struct hark_packet *packet, struct hark_taker *ret)
{
	struct question question = {
		.addr = packet->to,
		.peer = packet->from,
		.ifindex = packet->ifindex,
		.port = packet->to_port,
		.peer_port = packet->from_port,
		.protocol = packet->protocol,
		.family = packet->family,
		.error = -EINPROGRESS,
	};
	struct hark_source source;
	int r;

	source_open_live(&source);
	r = collect_replies(&source, &question, 1);
	source_close_live(&source);
	if (r == 0)
		r = question.error;
	if (r == 0)
		*ret = (struct hark_taker){ question.cookie, question.inode,
					    question.is_connected };
	return r;
}
