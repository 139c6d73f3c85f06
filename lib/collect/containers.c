/* SPDX-License-Identifier: MIT */
/*
 * Containers go by names, and cgroups tell ids. The names are in files that the runtimes keep for
 * themselves; no daemon is asked, for that takes its time, its socket and its good will. All rows
 * of one container are named at once, and each file is read once.
 */
#include "containers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "statefile.h"
#include "text.h"

#define PASSWD_MAX ((size_t)4 << 20)

static int compare_ids(const char *a, uint32_t user_a, const char *b, uint32_t user_b)
{
	int order = strcmp(a, b);

	return order ? order : (user_a > user_b) - (user_a < user_b);
}

static int compare_rows(const void *left, const void *right)
{
	const struct container_row *a = left, *b = right;

	return compare_ids(a->process->container, a->user, b->process->container, b->user);
}

static int compare_groups(const void *left, const void *right)
{
	const struct container_group *a = left, *b = right;

	return compare_ids(a->id, a->user, b->id, b->user);
}

static int compare_pods(const void *left, const void *right)
{
	const struct hark_process *a = *(struct hark_process *const *)left,
				  *b = *(struct hark_process *const *)right;

	return strcmp(a->pod, b->pod);
}

/*
 * The rows do not move any more by now, so they may be pointed to. Whose they are is told by
 * `users`, or by their cgroups.
 */
static int list_rows(struct containers *all, struct hark_process *processes, uint32_t n,
		     const uint32_t *users)
{
	for (uint32_t i = 0; i < n; i++) {
		struct hark_process *process = &processes[i];
		uint32_t user = users ? users[i] : HARK_NONE;

		if (!users && process->cgroup)
			user = cgroup_user(process->cgroup);
		if (process->container) {
			if (array_reserve(&all->rows, 1u) < 0)
				return -ENOMEM;
			all->rows.items[all->rows.n++] = (struct container_row){ process, user };
		}
		if (process->pod) {
			if (array_reserve(&all->pod_rows, 1u) < 0)
				return -ENOMEM;
			all->pod_rows.items[all->pod_rows.n++] = process;
		}
	}
	return 0;
}

static int group_rows(struct containers *all)
{
	struct container_group *group = NULL;

	if (all->rows.n)
		qsort(all->rows.items, all->rows.n, sizeof(*all->rows.items), compare_rows);
	if (all->pod_rows.n)
		qsort(all->pod_rows.items, all->pod_rows.n, sizeof(*all->pod_rows.items),
		      compare_pods);
	for (uint32_t i = 0; i < all->rows.n; i++) {
		const struct container_row *row = &all->rows.items[i];

		if (!group || compare_rows(row - 1, row)) {
			group = array_push(&all->groups);
			if (!group)
				return -ENOMEM;
			group->id = row->process->container;
			group->user = row->user;
			group->first = i;
		}
		/* The cgroups of two processes may tell more or less. */
		if (!group->runtime)
			group->runtime = row->process->runtime;
		group->n++;
	}
	return 0;
}

/* What one row of a group is called, all are. */
static void share_names(struct containers *all)
{
	for (uint32_t i = 0; i < all->groups.n; i++) {
		struct container_group *group = &all->groups.items[i];
		const struct container_row *rows = &all->rows.items[group->first];
		const struct hark_process *named = NULL;

		for (uint32_t k = 0; k < group->n && !named; k++)
			named = rows[k].process->container_name ? rows[k].process : NULL;
		for (uint32_t k = 0; k < group->n && named; k++) {
			rows[k].process->container_name = named->container_name;
			rows[k].process->image = named->image;
		}
		group->is_named = named;
	}
}

struct container_group *containers_find(const struct containers *all, const char *id, uint32_t user)
{
	const struct container_group key = { .id = id, .user = user };

	return all->groups.n ? bsearch(&key, all->groups.items, all->groups.n,
				       sizeof(*all->groups.items), compare_groups) :
			       NULL;
}

static int keep_text(struct containers *all, const char *text, const char **ret)
{
	*ret = NULL;
	if (!text[0])
		return 0;
	*ret = arena_strdup(&all->snapshot->arena, text);
	return *ret ? 0 : -ENOMEM;
}

static void set_once(const char **member, const char *text)
{
	if (!*member)
		*member = text;
}

int containers_name(struct containers *all, struct container_group *group,
		    const struct container_facts *facts)
{
	const char *name, *image, *pod_name, *pod_namespace;

	if (keep_text(all, facts->name, &name) < 0 || keep_text(all, facts->image, &image) < 0 ||
	    keep_text(all, facts->pod_name, &pod_name) < 0 ||
	    keep_text(all, facts->pod_namespace, &pod_namespace) < 0)
		return -ENOMEM;
	for (uint32_t i = group->first; i < group->first + group->n; i++) {
		struct hark_process *row = all->rows.items[i].process;

		set_once(&row->container_name, name);
		set_once(&row->image, image);
		set_once(&row->pod_name, pod_name);
		set_once(&row->pod_namespace, pod_namespace);
	}
	group->is_named |= name != NULL;
	return 0;
}

int containers_add_fronted(struct containers *all, const char *id, const char *runtime,
			   uint32_t user, uint32_t *ret)
{
	struct hark_process *row = array_push(&all->snapshot->fronted);

	if (!row || array_reserve(&all->fronted_users, 1u) < 0)
		return -ENOMEM;
	all->fronted_users.items[all->fronted_users.n++] = user;
	row->uid = HARK_NONE;
	row->container = id;
	row->runtime = runtime;
	*ret = all->snapshot->fronted.n - 1;
	return 0;
}

/* "name:x:1000:1000:...:/home/name:/bin/sh": the home of a uid, "" where there is none. */
static void find_home(const char *passwd, uint32_t user, char home[STATEFILE_PATH_SIZE])
{
	home[0] = '\0';
	for (const char *line = passwd, *end; *line; line = *end ? end + 1 : end) {
		const char *fields[6], *at = line;
		uint64_t uid;
		int n = 0;

		end = strchrnul(line, '\n');
		while (n < 6 && at < end) {
			fields[n++] = at;
			at += strcspn(at, ":\n");
			at += *at == ':';
		}
		if (n < 6 || !text_take_u64(&fields[2], 10, UINT32_MAX, &uid) || uid != user ||
		    *fields[2] != ':' || at - fields[5] >= STATEFILE_PATH_SIZE)
			continue;
		n = (int)strcspn(fields[5], ":\n");
		memcpy(home, fields[5], (size_t)n);
		home[n] = '\0';
		return;
	}
}

static int find_user(struct containers *all, uint32_t user, char home[STATEFILE_PATH_SIZE])
{
	ssize_t length;
	int fd;

	if (!all->passwd) {
		fd = statefile_open_dir(all->root_fd, "etc");
		length = fd < 0 ? fd : statefile_read(fd, "passwd", PASSWD_MAX, &all->passwd);
		if (fd >= 0)
			close(fd);
		if (length < 0 && length != -ENOMEM)
			all->passwd = strdup("");
	}
	if (!all->passwd)
		return -ENOMEM;
	find_home(all->passwd, user, home);
	return home[0] ? 0 : -ENOENT;
}

int containers_open_dir(struct containers *all, uint32_t user, const char *path)
{
	char whole[2 * STATEFILE_PATH_SIZE], home[STATEFILE_PATH_SIZE] = "";
	int r = 0;

	if (all->root_fd < 0)
		all->root_fd = all->source->ops->open_root ?
				       all->source->ops->open_root(all->source) :
				       -ENOENT;
	if (all->root_fd < 0)
		return all->root_fd;
	if (user != HARK_NONE)
		r = find_user(all, user, home);
	if (r >= 0)
		r = snprintf(whole, sizeof(whole), "%s/%s", home, path) < STATEFILE_PATH_SIZE ?
			    statefile_open_dir(all->root_fd, whole) :
			    -ENAMETOOLONG;
	return r;
}

static void fini(struct containers *all)
{
	for (uint32_t i = 0; i < all->stores.n; i++)
		for (uint32_t k = 0; k < all->stores.items[i].n_dirs; k++)
			close(all->stores.items[i].dirs[k]);
	if (all->root_fd >= 0)
		close(all->root_fd);
	array_fini(&all->stores);
	array_fini(&all->fronted_users);
	array_fini(&all->rows);
	array_fini(&all->pod_rows);
	array_fini(&all->groups);
	free(all->passwd);
}

int collect_containers(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct containers all = { .source = source, .snapshot = snapshot, .root_fd = -1 };
	int r = containers_find_fronts(&all);

	if (r >= 0)
		r = list_rows(&all, snapshot->processes.items, snapshot->processes.n, NULL);
	if (r >= 0)
		r = list_rows(&all, snapshot->fronted.items, snapshot->fronted.n,
			      all.fronted_users.items);
	if (r >= 0)
		r = list_rows(&all, snapshot->origins.items, snapshot->origins.n, NULL);
	if (r >= 0 && (all.rows.n || all.pod_rows.n)) {
		r = group_rows(&all);
		if (r >= 0)
			share_names(&all);
		if (r >= 0)
			r = containers_ask_kubelet(&all);
		if (r >= 0)
			r = containers_ask_runtimes(&all);
	}
	fini(&all);
	return r;
}
