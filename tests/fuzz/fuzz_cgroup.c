/* SPDX-License-Identifier: MIT */
/* Any bytes as the text of a /proc/PID/cgroup, and as a path of a cgroup. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void parse(const char *path, size_t length)
{
	struct cgroup_names names;

	cgroup_parse(path, length, &names);
	require(strnlen(names.unit, sizeof(names.unit)) < sizeof(names.unit));
	require(strnlen(names.container, sizeof(names.container)) < sizeof(names.container));
	require(!names.runtime || names.container[0]);
	require(!names.unit[0] || strchr(names.unit + 1, '.'));
	require(!strpbrk(names.unit, "/ \n\033"));
	require(strspn(names.pod, "0123456789abcdefABCDEF-") ==
		strnlen(names.pod, sizeof(names.pod)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *path;
	size_t length;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	parse((const char *)data, size);
	if (cgroup_choose(text, &path, &length)) {
		require(length > 0 && path[0] == '/');
		require(path >= text && path + length <= text + size);
		parse(path, length);
	}
	free(text);
	return 0;
}
