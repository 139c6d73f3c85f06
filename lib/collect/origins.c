/* SPDX-License-Identifier: MIT */
/*
 * What the cgroup of a socket is called. The kernel tells its id, which is the inode number of its
 * directory in the cgroup2 file system. With privilege the id opens that directory at once;
 * without, all directories are looked through: names may be seen by anybody.
 */
#include "collect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "process.h"

/* FILEID_KERNFS of the kernel's exportfs.h (Linux 5.5): a handle that is the 64-bit id. */
#define HANDLE_OF_ID 0xfe

#define DIRECTORIES_MAX 100000
/* Links of a directory without any below it. */
#define LINKS_OF_A_LEAF 2

struct search {
	struct hark_snapshot *snapshot;
	struct hash wanted; /* cgroup id to its index of `ids` */
	ARRAY(uint64_t) ids;
	uint32_t n_left;
	int root_fd;
	struct arena paths; /* of directories still to be read */
	ARRAY(const char *) pending;
};

static bool is_on(int fd, long type)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (long)fs.f_type == type;
}

/*
 * The root of cgroup2: of a tree that is not sysfs (a fixture) no more is asked than to be there.
 */
int cgroup_open_root(const struct hark_source *source)
{
	static const char *const paths[] = { "fs/cgroup", "fs/cgroup/unified" };
	bool is_fixture = source->sys_fd >= 0 && !is_on(source->sys_fd, SYSFS_MAGIC);

	for (int i = 0; i < 2 && source->sys_fd >= 0; i++) {
		const char *path = paths[is_fixture ? 1 - i : i];
		int fd = openat(source->sys_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && (is_fixture || is_on(fd, CGROUP2_SUPER_MAGIC)))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* The ids of sockets of which no holder tells more than that it keeps them. */
static int list_ids(struct search *search)
{
	const struct hark_snapshot *snapshot = search->snapshot;

	for (uint32_t i = 0; i < snapshot->sockets.n; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];
		bool is_told = socket->n_holders &&
			       activation_manager(snapshot, socket) == HARK_NONE;

		if (!socket->cgroup_id || is_told ||
		    hash_get(&search->wanted, socket->cgroup_id) != UINT32_MAX)
			continue;
		if (array_reserve(&search->ids, 1u) < 0 ||
		    hash_put(&search->wanted, socket->cgroup_id, search->ids.n) < 0)
			return -ENOMEM;
		search->ids.items[search->ids.n++] = socket->cgroup_id;
	}
	search->n_left = search->ids.n;
	return 0;
}

/* Remembers what an id is called, if that was asked. */
static int take_origin(struct search *search, uint64_t id, const char *path)
{
	struct hark_snapshot *snapshot = search->snapshot;
	struct hark_process *origin;
	int r;

	if (hash_get(&search->wanted, id) == UINT32_MAX ||
	    hash_get(&snapshot->origin_by_cgroup, id) != UINT32_MAX)
		return 0;
	origin = array_push(&snapshot->origins);
	if (!origin)
		return -ENOMEM;
	origin->uid = HARK_NONE;
	r = process_set_cgroup(origin, &snapshot->arena, path, strlen(path));
	if (r < 0)
		return r;
	search->n_left--;
	return hash_put(&snapshot->origin_by_cgroup, id, snapshot->origins.n - 1);
}

/* Where a descriptor of ours leads: the length, or -errno. */
static ssize_t path_of(const struct hark_source *source, int fd, char *path, size_t size)
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "self/fd/%d", fd);
	length = readlinkat(source->proc_fd, link, path, size - 1);
	if (length < 0)
		return -errno;
	path[length] = '\0';
	return length;
}

int cgroup_open(int root_fd, uint64_t id)
{
	_Alignas(struct file_handle) char space[sizeof(struct file_handle) + sizeof(uint64_t)];
	struct file_handle *handle = (void *)space;
	int fd;

	handle->handle_bytes = sizeof(uint64_t);
	handle->handle_type = HANDLE_OF_ID;
	memcpy(handle->f_handle, &id, sizeof(id));
	fd = open_by_handle_at(root_fd, handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Opens each id as a file handle. -EPERM or the like: it cannot be done like that. */
static int open_ids(struct search *search, const struct hark_source *source)
{
	char root[PATH_MAX], path[PATH_MAX];
	ssize_t root_length = path_of(source, search->root_fd, root, sizeof(root));
	int r = root_length < 0 ? (int)root_length : 0;

	for (uint32_t i = 0; i < search->ids.n && r >= 0; i++) {
		int fd = cgroup_open(search->root_fd, search->ids.items[i]);

		if (fd == -ESTALE)
			continue;
		if (fd < 0)
			return fd;
		r = (int)path_of(source, fd, path, sizeof(path));
		close(fd);
		if (r < 0)
			break;
		/*
		 * Outside of our mount or cgroup namespace it has no path that begins like the
		 * root's.
		 */
		if (strncmp(path, root, (size_t)root_length))
			return -EXDEV;
		r = take_origin(search, search->ids.items[i],
				path[root_length] ? path + root_length : "/");
	}
	return r;
}

static int read_directory(struct search *search, const char *path)
{
	_Alignas(struct dirent64) char entries[32768];
	int fd = openat(search->root_fd, path[1] ? path + 1 : ".",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length;
	int r = 0;

	if (fd < 0)
		return 0;
	while (r >= 0 && (length = getdents64(fd, entries, sizeof(entries))) > 0) {
		const struct dirent64 *entry;

		for (ssize_t at = 0; at < length && r >= 0; at += entry->d_reclen) {
			const char *below;

			entry = (const void *)(entries + at);
			if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
			    !strcmp(entry->d_name, ".."))
				continue;
			below = arena_printf(&search->paths, "%s/%s", path[1] ? path : "",
					     entry->d_name);
			if (!below || array_reserve(&search->pending, 1u) < 0) {
				r = -ENOMEM;
				break;
			}
			search->pending.items[search->pending.n++] = below;
			r = take_origin(search, entry->d_ino, below);
		}
	}
	close(fd);
	return r;
}

/* Looks through all directories until every id is found. */
static int walk(struct search *search)
{
	uint32_t n_read = 0;
	struct stat stat;
	int r = fstat(search->root_fd, &stat) < 0 ? -errno : take_origin(search, stat.st_ino, "/");

	if (r >= 0)
		r = read_directory(search, "/");
	while (r >= 0 && search->n_left && search->pending.n) {
		const char *path = search->pending.items[--search->pending.n];

		if (fstatat(search->root_fd, path + 1, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
		    stat.st_nlink == LINKS_OF_A_LEAF)
			continue;
		if (++n_read > DIRECTORIES_MAX)
			return snapshot_note_debug(
				search->snapshot, HARK_NOTE_UNITS, HARK_NOTE_LIMIT, 0,
				"there are more cgroups than are looked through");
		r = read_directory(search, path);
	}
	return r;
}

int collect_origins(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct search search = { .snapshot = snapshot, .root_fd = -1 };
	int r = list_ids(&search);

	if (r < 0 || !search.ids.n)
		goto out;
	search.root_fd = cgroup_open_root(source);
	if (search.root_fd < 0) {
		r = snapshot_note_debug(snapshot, HARK_NOTE_UNITS, HARK_NOTE_UNSUPPORTED, -ENOENT,
					"no cgroup2 file system is mounted below /sys: "
					"the cgroups of sockets have no names");
		goto out;
	}
	r = -EOPNOTSUPP;
	if (is_on(search.root_fd, CGROUP2_SUPER_MAGIC))
		r = open_ids(&search, source);
	if (r < 0 && r != -ENOMEM)
		r = walk(&search);
	if (r >= 0 && search.n_left)
		r = snapshot_note_debug(snapshot, HARK_NOTE_UNITS, HARK_NOTE_FAILED, -ENOENT,
					"the cgroups of some sockets are gone or out of sight");
out:
	if (search.root_fd >= 0)
		close(search.root_fd);
	array_fini(&search.pending);
	array_fini(&search.ids);
	arena_fini(&search.paths);
	hash_fini(&search.wanted);
	return r;
}
