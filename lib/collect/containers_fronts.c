/* SPDX-License-Identifier: MIT */
/*
 * Some programs hold a socket for a container: what comes in, they or the kernel's rules pass on.
 * Which container that is, the command line of some tells, and of others what the runtime keeps of
 * the ports that it has published. A name of a process proves nothing, so what these say is held
 * against the runtime's state of the same user.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "containers.h"
#include "containers_published.h"
#include "lines.h"
#include "statefile.h"
#include "text.h"

#define HEX_ID_LENGTH    64
#define COMMAND_LINE_MAX 16384

/* In place of the row of a process: it stands for none, or for another with each socket. */
#define OF_NONE HARK_NONE
#define OF_EACH (HARK_NONE - 1)

/* A podman container's network namespace. */
struct podman_netns {
	uint32_t user;
	const char *id, *path;
};

struct fronts {
	struct containers *all;
	struct published published;
	ARRAY(uint32_t) podman_users; /* whose podman's namespaces are known */
	ARRAY(struct podman_netns) netns;
};

/* A process that may hold sockets for a container. */
struct front {
	int dir_fd; /* its /proc/PID */
	uint32_t user;
	size_t length;
	char command_line[COMMAND_LINE_MAX]; /* arguments, each with a NUL behind it */
};

/* What stands behind an option on the command line, or NULL. */
static const char *argument(const struct front *front, const char *option)
{
	const char *at = front->command_line, *end = at + front->length;

	while (at < end) {
		bool is_it = !strcmp(at, option);

		at += strlen(at) + 1;
		if (is_it)
			return at < end ? at : NULL;
	}
	return NULL;
}

static bool port_argument(const struct front *front, const char *option, uint16_t *ret)
{
	const char *text = argument(front, option);
	uint64_t number;

	if (!text || !text_to_u64(text, UINT16_MAX, &number))
		return false;
	*ret = (uint16_t)number;
	return true;
}

/* moby, daemon/libnetwork/portmapper/proxy_linux.go. */
static int find_docker_proxy(struct fronts *fronts, const struct front *front, uint32_t *ret)
{
	const char *name = argument(front, "-proto"), *ip = argument(front, "-container-ip");
	int protocol = name ? hark_protocol_from_name(name) : -1;
	struct hark_addr address;
	struct published_key key = { .user = front->user, .inner = &address };

	if (protocol < 0 || !ip || hark_addr_parse(ip, &address) < 0 ||
	    !port_argument(front, "-host-port", &key.host_port) ||
	    !port_argument(front, "-container-port", &key.port))
		return 0;
	key.protocol = (uint8_t)protocol;
	return published_find(fronts->all, &fronts->published, &key, ret);
}

static bool is_hex_id(const char *text, size_t length)
{
	return length == HEX_ID_LENGTH && strspn(text, "0123456789abcdef") >= length;
}

/* The id is copied. */
static int add_podman(struct fronts *fronts, const struct front *front, const char *id,
		      uint32_t *ret)
{
	id = arena_memdup(&fronts->all->snapshot->arena, id, HEX_ID_LENGTH);
	return id ? containers_add_fronted(fronts->all, id, "podman", front->user, ret) : -ENOMEM;
}

/* podman has it keep the ports that the kernel's rules pass on: libpod/oci_conmon_common.go. */
static int find_conmon(struct fronts *fronts, const struct front *front, uint32_t *ret)
{
	const char *id = argument(front, "-c");

	return id && is_hex_id(id, strlen(id)) ? add_podman(fronts, front, id, ret) : 0;
}

/* What of one kind ("socket:[", "pipe:[") a process has open. */
struct open_files {
	int dir_fd;
	const char *kind;
	struct hash inodes;
	const struct hash *wanted; /* not NULL: does it have one of these? */
	bool has_wanted;
};

static int take_open_file(void *data, const char *name)
{
	struct open_files *files = data;
	size_t length = strlen(files->kind);
	char target[64];
	ssize_t got = readlinkat(files->dir_fd, name, target, sizeof(target) - 1);
	const char *at = target + length;
	uint64_t inode;

	if (got < (ssize_t)length || strncmp(target, files->kind, length))
		return 0;
	target[got] = '\0';
	if (!text_take_u64(&at, 10, UINT64_MAX, &inode))
		return 0;
	if (!files->wanted)
		return hash_put(&files->inodes, inode, 1);
	files->has_wanted |= hash_get(files->wanted, inode) != UINT32_MAX;
	return files->has_wanted;
}

/* 0 or -ENOMEM; files->inodes are the caller's to free. */
static int list_open_files(int process_fd, struct open_files *files)
{
	int r = 0;

	files->dir_fd = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->dir_fd >= 0) {
		r = statefile_list(files->dir_fd, take_open_file, files);
		close(files->dir_fd);
	}
	return r == -ENOMEM ? r : 0;
}

/* A line of /proc/PID/net/unix: seven fields, of which the last is the inode, then the path. */
static const char *id_in_line(const struct hash *inodes, const char *line)
{
	const char *id = strrchr(line, '/');
	uint64_t inode;

	for (int field = 0; field < 6; field++) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	if (!id || !is_hex_id(id + 1, strlen(id + 1)) ||
	    !text_take_u64(&line, 10, UINT64_MAX, &inode) || hash_get(inodes, inode) == UINT32_MAX)
		return NULL;
	return id + 1;
}

/*
 * Where it serves a bridge, it listens to podman at a socket that is called like the container:
 * podman, cmd/rootlessport/main.go.
 */
static int find_by_socket(struct fronts *fronts, const struct front *front, uint32_t *ret)
{
	struct open_files sockets = { .kind = "socket:[" };
	struct lines lines;
	const char *id = NULL;
	char *line;
	int r = list_open_files(front->dir_fd, &sockets);

	if (r == 0 && lines_open(&lines, front->dir_fd, "net/unix") == 0) {
		while (!id && lines_next(&lines, &line) > 0)
			id = id_in_line(&sockets.inodes, line);
		if (id)
			r = add_podman(fronts, front, id, ret);
		lines_close(&lines);
	}
	hash_fini(&sockets.inodes);
	return r;
}

/* The containers of one store of podman's. */
struct store_list {
	struct fronts *fronts;
	uint32_t user;
	int dir_fd;
	const struct hash *pipes;   /* of the process */
	char id[HEX_ID_LENGTH + 1]; /* of the container whose conmon has one of them, or "" */
};

static int read_store(struct store_list *list, int (*take)(void *data, const char *name))
{
	struct container_store *store;
	int r = 0;

	store = containers_store(list->fronts->all, "podman", list->user, &r);
	for (uint32_t i = 0; store && i < store->n_dirs && r >= 0; i++) {
		list->dir_fd = store->dirs[i];
		r = statefile_list(list->dir_fd, take, list) == -ENOMEM ? -ENOMEM : 0;
	}
	return r;
}

static bool is_called(int process_fd, const char *command)
{
	char comm[32];
	ssize_t length = source_read_file(process_fd, "comm", comm, sizeof(comm));

	return length > 0 && strcspn(comm, "\n") == strlen(command) &&
	       !strncmp(comm, command, strlen(command));
}

/* 1 and list->id where the container's conmon has the other end of a pipe. */
static int take_conmon(void *data, const char *id)
{
	struct store_list *list = data;
	struct open_files pipes = { .kind = "pipe:[", .wanted = list->pipes };
	char path[STATEFILE_PATH_SIZE], *pid = NULL;
	ssize_t length = -EINVAL;
	int fd = -1, r = 0;

	if (is_hex_id(id, strlen(id))) {
		snprintf(path, sizeof(path), "%s/userdata/conmon.pid", id);
		length = statefile_read(list->dir_fd, path, 16, &pid);
	}
	if (length > 0 && pid[strspn(pid, "0123456789")] == '\0')
		fd = openat(list->fronts->all->source->proc_fd, pid,
			    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && is_called(fd, "conmon"))
		r = list_open_files(fd, &pipes);
	if (fd >= 0)
		close(fd);
	free(pid);
	if (pipes.has_wanted)
		memcpy(list->id, id, sizeof(list->id));
	return length == -ENOMEM ? -ENOMEM : r < 0 ? r : pipes.has_wanted;
}

/*
 * conmon has the other end of a pipe by which it learns that its container has ended: podman,
 * libpod/oci_conmon_common.go, which has conmon's pid written beside the container.
 */
static int find_by_pipe(struct fronts *fronts, const struct front *front, uint32_t *ret)
{
	struct open_files pipes = { .kind = "pipe:[" };
	struct store_list list = { .fronts = fronts, .user = front->user, .pipes = &pipes.inodes };
	int r = list_open_files(front->dir_fd, &pipes);

	if (r >= 0 && pipes.inodes.n)
		r = read_store(&list, take_conmon);
	hash_fini(&pipes.inodes);
	return r >= 0 && list.id[0] ? add_podman(fronts, front, list.id, ret) : r;
}

/* podman's helper for networks of a user: all that it is told comes by a pipe, and is gone. */
static int find_rootlessport(struct fronts *fronts, const struct front *front, uint32_t *ret)
{
	int r = find_by_socket(fronts, front, ret);

	return r < 0 || *ret != OF_NONE ? r : find_by_pipe(fronts, front, ret);
}

static int take_podman(void *data, const char *id)
{
	struct store_list *list = data;
	struct arena *arena = &list->fronts->all->snapshot->arena;
	char path[STATEFILE_PATH_SIZE], netns[CONTAINER_TEXT_SIZE], *text = NULL;
	struct podman_netns *added;
	ssize_t length = -EINVAL;
	int r = 0;

	if (is_hex_id(id, strlen(id))) {
		snprintf(path, sizeof(path), "%s/userdata/config.json", id);
		length = statefile_read(list->dir_fd, path, CONTAINER_FILE_MAX, &text);
	}
	if (length >= 0 && container_json_netns(text, (size_t)length, netns) && netns[0]) {
		added = array_push(&list->fronts->netns);
		if (added) {
			added->user = list->user;
			added->id = arena_strdup(arena, id);
			added->path = arena_strdup(arena, netns);
		}
		r = added && added->id && added->path ? 0 : -ENOMEM;
	}
	free(text);
	return length == -ENOMEM ? -ENOMEM : r;
}

static int read_podman(struct fronts *fronts, uint32_t user)
{
	struct store_list list = { .fronts = fronts, .user = user };

	for (uint32_t i = 0; i < fronts->podman_users.n; i++)
		if (fronts->podman_users.items[i] == user)
			return 0;
	if (array_reserve(&fronts->podman_users, 1u) < 0)
		return -ENOMEM;
	fronts->podman_users.items[fronts->podman_users.n++] = user;
	return read_store(&list, take_podman);
}

/* podman's other helper is told which network namespace it serves: libnetwork/pasta. */
static int find_pasta(struct fronts *fronts, const struct front *front, uint32_t *ret)
{
	const char *path = argument(front, "--netns");
	int r = path ? read_podman(fronts, front->user) : 0;

	for (uint32_t i = 0; path && i < fronts->netns.n && r >= 0; i++)
		if (fronts->netns.items[i].user == front->user &&
		    !strcmp(fronts->netns.items[i].path, path))
			return add_podman(fronts, front, fronts->netns.items[i].id, ret);
	return r;
}

static const struct front_kind {
	const char *command;
	/* NULL: each socket is of another container. */
	int (*find)(struct fronts *fronts, const struct front *front, uint32_t *ret);
} kinds[] = {
	{ "docker-proxy", find_docker_proxy },
	{ "conmon", find_conmon },
	{ "rootlessport", find_rootlessport },
	{ "pasta", find_pasta },
	{ "pasta.avx2", find_pasta },
	{ "passt.avx2", find_pasta },
	{ "rootlesskit", NULL },
};

static const struct front_kind *kind_of(const struct hark_process *process)
{
	for (size_t i = 0; process->command && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(process->command, kinds[i].command))
			return &kinds[i];
	return NULL;
}

/*
 * Whose containers it may stand for: whose slice it is in; without slices, the user's who it runs
 * as, unless that is root.
 */
static uint32_t user_of(const struct fronts *fronts, const struct hark_process *process)
{
	uint32_t user = process->cgroup ? cgroup_user(process->cgroup) : HARK_NONE;
	struct stat stat;
	char path[16];

	snprintf(path, sizeof(path), "%u", process->pid);
	if (user == HARK_NONE && fstatat(fronts->all->source->proc_fd, path, &stat, 0) == 0 &&
	    stat.st_uid)
		user = stat.st_uid;
	return user;
}

/* The row of what a whole process stands for. */
static int find_of_process(struct fronts *fronts, const struct hark_process *process,
			   const struct front_kind *kind, uint32_t *ret)
{
	struct front front = { .user = user_of(fronts, process) };
	char path[16];
	ssize_t length;
	int r = 0;

	snprintf(path, sizeof(path), "%u", process->pid);
	front.dir_fd = openat(fronts->all->source->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (front.dir_fd < 0)
		return 0;
	length = source_read_file(front.dir_fd, "cmdline", front.command_line,
				  sizeof(front.command_line));
	front.length = length < 0 ? 0 : (size_t)length;
	/* The pid may be another's by now. */
	if (is_called(front.dir_fd, kind->command))
		r = kind->find(fronts, &front, ret);
	close(front.dir_fd);
	return r;
}

/* rootlesskit: docker without root tells it which ports of the host to open. */
static int find_of_socket(struct fronts *fronts, const struct hark_process *process,
			  const struct hark_socket *socket, uint32_t *ret)
{
	bool is_tcp = socket->protocol == HARK_PROTOCOL_MPTCP;
	const struct published_key key = {
		.user = user_of(fronts, process),
		.protocol = is_tcp ? HARK_PROTOCOL_TCP : socket->protocol,
		.host_port = socket->local_port,
		.outer = &socket->local,
	};

	return published_find(fronts->all, &fronts->published, &key, ret);
}

static int join(struct fronts *fronts, const uint32_t *of_process)
{
	struct hark_snapshot *snapshot = fronts->all->snapshot;
	int r = 0;

	for (uint32_t i = 0; i < snapshot->holders.n && r >= 0; i++) {
		const struct hark_holder *holder = &snapshot->holders.items[i];
		const struct hark_socket *socket;
		struct hark_process *process = &snapshot->processes.items[holder->process];
		uint32_t row = of_process[holder->process];

		if (row == OF_NONE || holder->socket == HARK_NONE)
			continue;
		socket = &snapshot->sockets.items[holder->socket];
		if (row == OF_EACH) {
			row = HARK_NONE;
			r = find_of_socket(fronts, process, socket, &row);
		}
		if (r < 0 || row == HARK_NONE)
			continue;
		process->fronts = true;
		r = hash_put(&snapshot->fronted_by_holder, rows_holder_key(socket, process), row);
	}
	return r;
}

static void fini(struct fronts *fronts)
{
	published_fini(&fronts->published);
	array_fini(&fronts->podman_users);
	array_fini(&fronts->netns);
}

static bool has_fronts(const struct hark_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->processes.n; i++)
		if (kind_of(&snapshot->processes.items[i]))
			return true;
	return false;
}

int containers_find_fronts(struct containers *all)
{
	struct hark_snapshot *snapshot = all->snapshot;
	struct fronts fronts = { .all = all };
	uint32_t *of_process;
	int r = 0;

	if (!has_fronts(snapshot))
		return 0;
	of_process = calloc(snapshot->processes.n, sizeof(*of_process));
	for (uint32_t i = 0; of_process && i < snapshot->processes.n && r >= 0; i++) {
		const struct hark_process *process = &snapshot->processes.items[i];
		const struct front_kind *kind = kind_of(process);

		of_process[i] = kind && !kind->find ? OF_EACH : OF_NONE;
		if (kind && kind->find)
			r = find_of_process(&fronts, process, kind, &of_process[i]);
	}
	if (!of_process)
		r = -ENOMEM;
	else if (r >= 0)
		r = join(&fronts, of_process);
	fini(&fronts);
	free(of_process);
	return r;
}
