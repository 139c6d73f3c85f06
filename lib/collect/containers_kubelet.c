/* SPDX-License-Identifier: MIT */
/*
 * The kubelet names logs after pods and containers, in two directories that anybody may list: one
 * reading each tells of all of them, whatever the runtime.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "containers.h"
#include "statefile.h"

#define HEX_ID_LENGTH 64
#define SUFFIX        ".log"

static void copy(char to[CONTAINER_TEXT_SIZE], const char *from, const char *end)
{
	size_t length = (size_t)(end - from);

	if (length >= CONTAINER_TEXT_SIZE)
		length = 0;
	memcpy(to, from, length);
	to[length] = '\0';
}

/*
 * kubernetes, pkg/kubelet/kuberuntime/legacy.go: POD_NAMESPACE_CONTAINER-ID.log. What would be
 * longer than the name of a file may be is cut, and has no id then.
 */
static int take_container_log(void *data, const char *log)
{
	size_t length = strlen(log), tail = strlen(SUFFIX) + HEX_ID_LENGTH;
	const char *id = log + (length > tail ? length - tail : 0);
	const char *namespace = strchr(log, '_');
	const char *name = namespace ? strchr(namespace + 1, '_') : NULL;
	struct container_facts facts = { .name = "" };
	struct containers *all = data;
	struct container_group *group;

	if (!name || id <= name + 1 || id[-1] != '-' || strcmp(id + HEX_ID_LENGTH, SUFFIX))
		return 0;
	copy(facts.id, id, id + HEX_ID_LENGTH);
	group = containers_find(all, facts.id, HARK_NONE);
	if (!group)
		return 0;
	copy(facts.pod_name, log, namespace);
	copy(facts.pod_namespace, namespace + 1, name);
	copy(facts.name, name + 1, id - 1);
	return containers_name(all, group, &facts);
}

static int compare_with_pod(const void *key, const void *item)
{
	return strcmp(key, (*(struct hark_process *const *)item)->pod);
}

/* The first row of a pod, or the number of rows. */
static uint32_t find_pod(const struct containers *all, const char *pod)
{
	struct hark_process *const *items = all->pod_rows.items;
	struct hark_process *const *found =
		bsearch(pod, items, all->pod_rows.n, sizeof(*items), compare_with_pod);
	uint32_t i = found ? (uint32_t)(found - items) : all->pod_rows.n;

	while (i && i < all->pod_rows.n && !strcmp(items[i - 1]->pod, pod))
		i--;
	return i;
}

/* kubernetes, pkg/kubelet/kuberuntime/helpers.go: NAMESPACE_POD_UID. */
static int take_pod_log(void *data, const char *log)
{
	const char *name = strchr(log, '_');
	const char *uid = name ? strchr(name + 1, '_') : NULL;
	char text[CONTAINER_TEXT_SIZE];
	struct containers *all = data;
	const char *pod_name, *pod_namespace;
	uint32_t i;

	if (!uid)
		return 0;
	i = find_pod(all, uid + 1);
	if (i == all->pod_rows.n)
		return 0;
	copy(text, name + 1, uid);
	pod_name = arena_strdup(&all->snapshot->arena, text);
	copy(text, log, name);
	pod_namespace = arena_strdup(&all->snapshot->arena, text);
	if (!pod_name || !pod_namespace)
		return -ENOMEM;
	for (; i < all->pod_rows.n && !strcmp(all->pod_rows.items[i]->pod, uid + 1); i++) {
		all->pod_rows.items[i]->pod_name = pod_name;
		all->pod_rows.items[i]->pod_namespace = pod_namespace;
	}
	return 0;
}

int containers_ask_kubelet(struct containers *all)
{
	static const struct {
		const char *path;
		int (*take)(void *data, const char *name);
	} lists[] = {
		{ "var/log/pods", take_pod_log },
		{ "var/log/containers", take_container_log },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists) && all->pod_rows.n; i++) {
		int fd = containers_open_dir(all, HARK_NONE, lists[i].path);
		int r = fd < 0 ? fd : statefile_list(fd, lists[i].take, all);

		if (fd >= 0)
			close(fd);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}
