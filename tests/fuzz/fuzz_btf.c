/* SPDX-License-Identifier: MIT */
/* Any bytes as the kernel's type information. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "btf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const members[] = { "files", "level", "numbers", "fd", "h", "nothing" };
	struct btf_name names[] = { { .name = "task_struct" },
				    { .name = "pid" },
				    { .name = "fdtable" },
				    { .name = "tables", .is_function = true } };
	struct btf *btf = malloc(sizeof(*btf));
	/* A copy of its own is aligned, and its end is watched. */
	unsigned char *bytes = malloc(size + !size);

	if (!btf || !bytes)
		abort();
	memcpy(bytes, data, size);
	if (btf_open_bytes(btf, bytes, size) == 0) {
		(void)btf_find(btf, names, sizeof(names) / sizeof(*names), size % 2);
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			for (uint32_t k = 0; k < names[i].n; k++)
				for (size_t m = 0; m < sizeof(members) / sizeof(*members); m++) {
					uint32_t offset;

					(void)btf_member(btf, names[i].at[k], members[m], &offset);
					(void)btf_size(btf, names[i].at[k]);
				}
	}
	free(bytes);
	free(btf);
	return 0;
}
