/* SPDX-License-Identifier: MIT */
/* Any bytes as a frame off the wire. */
#include <stdint.h>
#include <stdlib.h>

#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame frame;

	if (!frame_parse(data, size, &frame))
		return 0;
	require(frame.family < HARK_FAMILY_N_ && frame.kind <= FRAME_ICMP);
	require(frame.n_bytes <= UINT16_MAX && frame.flags < 1 << 5);
	require(frame.kind == FRAME_ICMP || !frame_icmp_name(&frame) || frame.icmp_type == 0);
	return 0;
}
