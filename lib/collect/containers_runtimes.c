/* SPDX-License-Identifier: MIT */
/*
 * Where each runtime keeps what its containers are called. The paths are the projects' defaults;
 * docker's, which is often moved, is taken from its configuration.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "containers.h"
#include "statefile.h"

/* A file about all of a store. */
#define LIST_MAX ((size_t)64 << 20)

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

struct container_runtime {
	const char *name;
	/* Opens the directories of a store. 0 or -ENOMEM. */
	int (*open)(struct containers *all, struct container_store *store);
	/* Names the groups that lists in those directories tell of, or NULL. 0 or -ENOMEM. */
	int (*list)(struct containers *all, struct container_store *store);
	/* The file about a container below such a directory; NULL: the lists tell all. */
	const char *file;
	bool (*read)(const char *text, size_t length, struct container_facts *ret);
	const char *denied, *failed, *missing; /* what a note says */
};

/* The greater, the more it says of why there is no name. */
static int worth(int error)
{
	switch (error) {
	case 0:
		return 0;
	case -ENOENT:
	case -ENOTDIR:
		return 1;
	case -EACCES:
	case -EPERM:
		return 3;
	default:
		return 2;
	}
}

static void remember(int *error, int new)
{
	if (new < 0 && worth(new) > worth(*error))
		*error = new;
}

/* Takes over a descriptor, or the reason why there is none. */
static void add_dir(struct container_store *store, int fd)
{
	if (fd < 0)
		remember(&store->error, fd);
	else if (store->n_dirs < CONTAINER_STORE_DIRS)
		store->dirs[store->n_dirs++] = fd;
	else
		close(fd);
}

/* A path that begins with "~/" is below the home of the store's user. */
static int open_path(struct containers *all, const struct container_store *store, const char *path)
{
	bool is_of_home = !strncmp(path, "~/", 2);

	return containers_open_dir(all, is_of_home ? store->user : HARK_NONE,
				   is_of_home ? path + 2 : path);
}

/* What goes with each name of a directory. */
struct listing {
	struct containers *all;
	struct container_store *store;
	const char *path;
};

/* Names the container that a list tells of, if it is the store's user's. */
static int take_listed(void *data, const struct container_facts *facts)
{
	struct listing *listing = data;
	struct container_group *group =
		containers_find(listing->all, facts->id, listing->store->user);

	return group ? containers_name(listing->all, group, facts) : 0;
}

/* moby, daemon/daemon_unix.go: with userns-remap below "UID.GID". */
static int add_remapped(void *data, const char *name)
{
	struct listing *listing = data;
	size_t uid = strspn(name, "0123456789");
	char path[STATEFILE_PATH_SIZE];

	if (!uid || name[uid] != '.' ||
	    strspn(name + uid + 1, "0123456789") != strlen(name + uid + 1))
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s/containers", listing->path, name) <
	    STATEFILE_PATH_SIZE)
		add_dir(listing->store, open_path(listing->all, listing->store, path));
	return 0;
}

/* Where daemon.json below one directory says that docker's state is, else at `root`. */
static int add_docker(struct containers *all, struct container_store *store, const char *config,
		      const char *root)
{
	char told[CONTAINER_TEXT_SIZE] = "", path[STATEFILE_PATH_SIZE], *text = NULL;
	struct listing listing = { .all = all, .store = store };
	int fd = open_path(all, store, config);
	ssize_t length = fd < 0 ? fd : statefile_read(fd, "daemon.json", CONTAINER_FILE_MAX, &text);

	if (fd >= 0)
		close(fd);
	if (length >= 0)
		container_json_docker_root(text, (size_t)length, told);
	free(text);
	listing.path = told[0] ? told : root;
	if (snprintf(path, sizeof(path), "%s/containers", listing.path) >= STATEFILE_PATH_SIZE)
		return 0;
	add_dir(store, open_path(all, store, path));
	fd = open_path(all, store, listing.path);
	if (fd >= 0) {
		statefile_list(fd, add_remapped, &listing);
		close(fd);
	}
	return length == -ENOMEM ? -ENOMEM : 0;
}

/*
 * moby, daemon/config and daemon/command/daemon_unix.go: a user's is below the XDG directories.
 * docker-snap, README.md: that of the snap.
 */
static int open_docker(struct containers *all, struct container_store *store)
{
	int r;

	if (store->user != HARK_NONE)
		return add_docker(all, store, "~/.config/docker", "~/.local/share/docker");
	r = add_docker(all, store, "/etc/docker", "/var/lib/docker");
	return r < 0 ? r :
		       add_docker(all, store, "/var/snap/docker/current/config",
				  "/var/snap/docker/common/var-lib-docker");
}

static bool read_docker(const char *text, size_t length, struct container_facts *ret)
{
	return container_json_docker(text, length, ret, NULL);
}

static int add_namespace(void *data, const char *name)
{
	struct listing *listing = data;
	char path[STATEFILE_PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s/%s", listing->path, name) < STATEFILE_PATH_SIZE)
		add_dir(listing->store, open_path(listing->all, listing->store, path));
	return 0;
}

/*
 * containerd, core/runtime/v2/bundle.go: NAMESPACE/ID below the state directory (defaults), which
 * k3s (pkg/agent/config) and k0s (docs/runtime.md) have elsewhere. A user's is out of sight, in a
 * mount namespace of its own.
 */
static int open_containerd(struct containers *all, struct container_store *store)
{
	static const char *const paths[] = {
		"/run/containerd/io.containerd.runtime.v2.task",
		"/run/k3s/containerd/io.containerd.runtime.v2.task",
		"/run/k0s/containerd/io.containerd.runtime.v2.task",
	};

	for (size_t i = 0; i < N_OF(paths); i++) {
		struct listing listing = { .all = all, .store = store, .path = paths[i] };
		int fd = open_path(all, store, paths[i]);

		remember(&store->error, fd);
		if (fd < 0)
			continue;
		statefile_list(fd, add_namespace, &listing);
		close(fd);
	}
	return 0;
}

/* Where in nerdctl's tree of names: HASH/names/NAMESPACE/NAME, a file that holds the id. */
struct nerdctl {
	struct listing listing;
	int dir_fd;
	int depth;
};

static int take_nerdctl_name(struct nerdctl *at, const char *name)
{
	struct container_facts facts = { .id = "" };
	char *id = NULL;
	ssize_t length = statefile_read(at->dir_fd, name, sizeof(facts.id) - 1, &id);
	int r = length == -ENOMEM ? -ENOMEM : 0;

	if (length > 0 && strlen(name) < sizeof(facts.name)) {
		strcpy(facts.id, id);
		strcpy(facts.name, name);
		r = take_listed(&at->listing, &facts);
	}
	free(id);
	return r;
}

static int take_nerdctl(void *data, const char *name)
{
	struct nerdctl *at = data, below = *at;
	char path[STATEFILE_PATH_SIZE];
	int r;

	if (at->depth == 2)
		return take_nerdctl_name(at, name);
	snprintf(path, sizeof(path), "%s%s", name, at->depth == 0 ? "/names" : "");
	below.depth++;
	below.dir_fd = statefile_open_dir(at->dir_fd, path);
	if (below.dir_fd < 0)
		return 0;
	r = statefile_list(below.dir_fd, take_nerdctl, &below);
	close(below.dir_fd);
	return r == -ENOMEM ? r : 0;
}

/* nerdctl, pkg/namestore and pkg/defaults: a user's containers of containerd. */
static int list_nerdctl(struct containers *all, struct container_store *store)
{
	struct nerdctl root = { .listing = { .all = all, .store = store } };
	int r;

	if (store->user == HARK_NONE)
		return 0;
	root.dir_fd = open_path(all, store, "~/.local/share/nerdctl");
	remember(&store->error, root.dir_fd);
	if (root.dir_fd < 0)
		return 0;
	r = statefile_list(root.dir_fd, take_nerdctl, &root);
	close(root.dir_fd);
	return r == -ENOMEM ? r : 0;
}

/* CRI-O keeps its containers by containers/storage, and writes config.json to the run root. */
static int open_crio(struct containers *all, struct container_store *store)
{
	add_dir(store, open_path(all, store, "/run/containers/storage/overlay-containers"));
	add_dir(store, open_path(all, store, "/var/lib/containers/storage/overlay-containers"));
	return 0;
}

static int read_list(struct listing *listing, int dir_fd, const char *path)
{
	char *text = NULL;
	ssize_t length = statefile_read(dir_fd, path, LIST_MAX, &text);
	int r = length < 0 ? (int)length :
			     container_json_storage(text, (size_t)length, take_listed, listing);

	free(text);
	remember(&listing->store->error, r);
	return r == -ENOMEM ? r : 0;
}

/*
 * containers/storage, types/options.go: where the system's storage.conf says that the graph root
 * is, else the default; the administrator's file hides the distribution's.
 */
static void find_graph_root(struct containers *all, const struct container_store *store,
			    char root[CONTAINER_TEXT_SIZE])
{
	static const char *const dirs[] = { "/etc/containers", "/usr/share/containers" };
	ssize_t length = -ENOENT;

	strcpy(root, "/var/lib/containers/storage");
	for (size_t i = 0; i < N_OF(dirs) && length == -ENOENT; i++) {
		int fd = open_path(all, store, dirs[i]);
		char *text = NULL;

		length = fd < 0 ? fd :
				  statefile_read(fd, "storage.conf", CONTAINER_FILE_MAX, &text);
		if (length >= 0)
			container_toml_graph_root(text, root);
		free(text);
		if (fd >= 0)
			close(fd);
	}
}

/* In the graph root and in the run root there is a directory for each driver. */
static int open_podman(struct containers *all, struct container_store *store)
{
	static const char *const drivers[] = { "overlay", "vfs", "btrfs", "zfs" };
	bool is_users = store->user != HARK_NONE;
	char root[CONTAINER_TEXT_SIZE] = "~/.local/share/containers/storage", run[64], path[64];
	int roots[2];

	snprintf(run, sizeof(run), "/run/user/%u/containers", store->user);
	if (!is_users)
		find_graph_root(all, store, root);
	roots[0] = open_path(all, store, root);
	roots[1] = open_path(all, store, is_users ? run : "/run/containers/storage");
	for (size_t i = 0; i < N_OF(roots); i++) {
		remember(&store->error, roots[i]);
		for (size_t k = 0; roots[i] >= 0 && k < N_OF(drivers); k++) {
			snprintf(path, sizeof(path), "%s-containers", drivers[k]);
			add_dir(store, statefile_open_dir(roots[i], path));
		}
		if (roots[i] >= 0)
			close(roots[i]);
	}
	return 0;
}

/*
 * containers/storage, containers.go. What is to go with its container (podman run --rm) is in a
 * list of its own.
 */
static int list_podman(struct containers *all, struct container_store *store)
{
	struct listing listing = { .all = all, .store = store };
	int r = 0;

	for (uint32_t i = 0; i < store->n_dirs && r >= 0; i++) {
		r = read_list(&listing, store->dirs[i], "containers.json");
		if (r >= 0)
			r = read_list(&listing, store->dirs[i], "volatile-containers.json");
	}
	return r;
}

#define NOTES(whose)                                                                       \
	.denied = whose " state may not be read: containers go by their ids",              \
	.failed = whose " state could not be understood: some containers go by their ids", \
	.missing = whose " state is not where it is looked for, or tells nothing of some " \
			 "containers"

/* Of a container whose runtime is not told, they are tried in this order. */
static const struct container_runtime runtimes[] = {
	{ .name = "docker",
	  .open = open_docker,
	  .file = "config.v2.json",
	  .read = read_docker,
	  NOTES("docker's") },
	{ .name = "containerd",
	  .open = open_containerd,
	  .list = list_nerdctl,
	  .file = "config.json",
	  .read = container_json_oci,
	  NOTES("containerd's") },
	{ .name = "cri-o",
	  .open = open_crio,
	  .file = "userdata/config.json",
	  .read = container_json_oci,
	  NOTES("CRI-O's") },
	{ .name = "podman", .open = open_podman, .list = list_podman, NOTES("podman's") },
};

static const struct container_runtime *find_runtime(const char *name)
{
	for (size_t i = 0; i < N_OF(runtimes); i++)
		if (!strcmp(name, runtimes[i].name))
			return &runtimes[i];
	return NULL;
}

static struct container_store *find_store(struct containers *all,
					  const struct container_runtime *runtime, uint32_t user,
					  int *reterr)
{
	struct container_store *store;
	int r;

	for (uint32_t i = 0; i < all->stores.n; i++) {
		store = &all->stores.items[i];
		if (store->runtime == runtime && store->user == user)
			return store;
	}
	store = array_push(&all->stores);
	if (store) {
		store->runtime = runtime;
		store->user = user;
	}
	r = store ? runtime->open(all, store) : -ENOMEM;
	if (r < 0)
		*reterr = r;
	return r < 0 ? NULL : store;
}

struct container_store *containers_store(struct containers *all, const char *runtime, uint32_t user,
					 int *reterr)
{
	return find_store(all, find_runtime(runtime), user, reterr);
}

/* The file about a container below one directory. -ENOMEM, or 0. */
static int read_file(struct containers *all, struct container_group *group,
		     const struct container_runtime *runtime, int dir_fd, int *error)
{
	struct container_facts facts = { .name = "" };
	char path[STATEFILE_PATH_SIZE], *text = NULL;
	ssize_t length;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", group->id, runtime->file);
	length = statefile_read(dir_fd, path, CONTAINER_FILE_MAX, &text);
	if (length >= 0 && !runtime->read(text, (size_t)length, &facts))
		length = -EBADMSG;
	if (length >= 0)
		r = containers_name(all, group, &facts);
	remember(error, length < 0 ? (int)length : 0);
	free(text);
	return length == -ENOMEM ? -ENOMEM : r;
}

static int ask(struct containers *all, struct container_group *group,
	       const struct container_runtime *runtime, int *error)
{
	int r = 0;
	struct container_store *store = find_store(all, runtime, group->user, &r);

	if (!store)
		return r;
	if (runtime->list && !store->has_named)
		r = runtime->list(all, store);
	store->has_named = true;
	remember(error, store->error);
	for (uint32_t i = 0; runtime->file && i < store->n_dirs && !group->is_named && r >= 0; i++)
		r = read_file(all, group, runtime, store->dirs[i], error);
	return r;
}

static int note(struct containers *all, const struct container_runtime *runtime, int error)
{
	switch (worth(error)) {
	case 3:
		return snapshot_note(all->snapshot, HARK_NOTE_CONTAINERS, HARK_NOTE_PERMISSION,
				     error, runtime->denied);
	case 2:
		return snapshot_note(all->snapshot, HARK_NOTE_CONTAINERS,
				     error == -EFBIG ? HARK_NOTE_LIMIT : HARK_NOTE_FAILED, error,
				     runtime->failed);
	default:
		return snapshot_note_debug(all->snapshot, HARK_NOTE_CONTAINERS,
					   HARK_NOTE_UNSUPPORTED, error, runtime->missing);
	}
}

static int ask_all(struct containers *all, struct container_group *group)
{
	const struct container_runtime *told = group->runtime ? find_runtime(group->runtime) : NULL;
	int error = 0, r = 0;

	/* Others (lxc, systemd-nspawn) have names alone. */
	if (group->runtime && !told) {
		struct container_facts facts = { .name = "" };

		snprintf(facts.name, sizeof(facts.name), "%s", group->id);
		return containers_name(all, group, &facts);
	}
	for (size_t i = 0; i < N_OF(runtimes) && !group->is_named && r >= 0; i++)
		if (told ? told == &runtimes[i] : group->runtime == NULL)
			r = ask(all, group, &runtimes[i], &error);
	if (r < 0 || group->is_named)
		return r;
	return told ? note(all, told, error) : 0;
}

int containers_ask_runtimes(struct containers *all)
{
	int r = 0;

	for (uint32_t i = 0; i < all->groups.n && r >= 0; i++)
		if (!all->groups.items[i].is_named)
			r = ask_all(all, &all->groups.items[i]);
	return r;
}
