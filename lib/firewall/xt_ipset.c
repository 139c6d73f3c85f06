/* SPDX-License-Identifier: MIT */
#include "packet.h"

int ipset_match(const struct packet *packet, const struct packet_state *state, uint32_t set,
		uint8_t dimensions, uint8_t flags, struct condition *ret)
{
	(void)packet;
	(void)set;
	(void)dimensions;
	(void)flags;
	return condition_of_some(ret, &state->sources, DOUBT(SET));
}
