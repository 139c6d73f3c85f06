/* SPDX-License-Identifier: MIT */
/* Which network namespace this is, what its IPv6 switches say, and on which machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect.h"
#include "namespaces.h"
#include "text.h"

static uint64_t read_own_inode(int proc_fd)
{
	char target[64];
	uint64_t inode;
	ssize_t length;

	length = proc_fd < 0 ? -1 : readlinkat(proc_fd, "self/ns/net", target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	return netns_parse(target, &inode) ? inode : 0;
}

/* The file below /run/netns that is this namespace (`ip netns` mounts them there), or NULL. */
static int find_name(struct hark_source *source, struct hark_snapshot *snapshot,
		     struct hark_namespace *namespace)
{
	int fd, r = 0;
	struct dirent *entry;
	DIR *dir;

	fd = source->proc_fd < 0 ? -1 :
				   openat(source->proc_fd, "self/root/run/netns",
					  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		struct stat status;

		if (entry->d_name[0] == '.' ||
		    fstatat(fd, entry->d_name, &status, AT_NO_AUTOMOUNT) < 0 ||
		    status.st_ino != namespace->inode)
			continue;
		namespace->name = arena_strdup(&snapshot->arena, entry->d_name);
		r = namespace->name ? 0 : -ENOMEM;
		break;
	}
	closedir(dir);
	return r;
}

static enum hark_tristate read_switch(int proc_fd, const char *path)
{
	char text[16];

	if (source_read_file(proc_fd, path, text, sizeof(text)) < 1)
		return HARK_UNKNOWN;
	return text[0] == '0' ? HARK_NO : HARK_YES;
}

void collect_vrf_settings(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct hark_namespace *namespace = snapshot_namespace(snapshot);
	bool has_vrf = false;

	for (uint32_t i = 0; i < snapshot->interfaces.n; i++)
		has_vrf |= snapshot->interfaces.items[i].vrf != 0 &&
			   snapshot->interfaces.items[i].netns == snapshot_netns(snapshot);
	if (!has_vrf)
		return;
	namespace->tcp_l3mdev_accept =
		read_switch(source->proc_fd, "sys/net/ipv4/tcp_l3mdev_accept");
	namespace->udp_l3mdev_accept =
		read_switch(source->proc_fd, "sys/net/ipv4/udp_l3mdev_accept");
	namespace->raw_l3mdev_accept =
		read_switch(source->proc_fd, "sys/net/ipv4/raw_l3mdev_accept");
}

static bool exists(int proc_fd, const char *path)
{
	return proc_fd >= 0 && faccessat(proc_fd, path, F_OK, 0) == 0;
}

/*
 * A kernel without IPv6 (ipv6.disable=1, or not built in) has neither switches nor addresses; one
 * that hides its switches (gVisor) still has the file of addresses.
 */
static bool lacks_ipv6(const struct hark_source *source)
{
	return exists(source->proc_fd, "sys/net") && !exists(source->proc_fd, "sys/net/ipv6") &&
	       exists(source_net_fd(source), "net") &&
	       !exists(source_net_fd(source), "net/if_inet6");
}

/* One line of a file, or NULL where it cannot be read. */
static int read_line(struct hark_source *source, struct hark_snapshot *snapshot, const char *path,
		     const char **ret)
{
	char text[256];

	*ret = NULL;
	if (source_read_file(source->proc_fd, path, text, sizeof(text)) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	*ret = arena_strdup(&snapshot->arena, text);
	return *ret ? 0 : -ENOMEM;
}

static enum hark_tristate has_sk_lookup(struct hark_source *source)
{
	int n = source->ops->count_sk_lookups ? source->ops->count_sk_lookups(source) : -ENOSYS;

	return n < 0 ? HARK_UNKNOWN : n ? HARK_YES : HARK_NO;
}

void collect_switches(struct hark_source *source, struct hark_namespace *namespace)
{
	enum hark_tristate disabled =
		read_switch(source->proc_fd, "sys/net/ipv6/conf/all/disable_ipv6");

	namespace->bindv6only = read_switch(source->proc_fd, "sys/net/ipv6/bindv6only");
	namespace->ipv6_disabled = disabled == HARK_UNKNOWN && lacks_ipv6(source) ? HARK_YES :
										    disabled;
	namespace->sk_lookup = has_sk_lookup(source);
}

int collect_namespace(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct hark_namespace *namespace = snapshot_begin_namespace(snapshot);
	int r;

	if (!namespace)
		return -ENOMEM;
	snapshot->time = source->ops->time(source);
	snapshot->boot_time = source->ops->boot_time ? source->ops->boot_time(source) : 0;
	namespace->inode = read_own_inode(source->proc_fd);
	collect_switches(source, namespace);
	r = namespace->inode ? find_name(source, snapshot, namespace) : 0;
	if (r == 0)
		r = read_line(source, snapshot, "sys/kernel/hostname", &snapshot->host);
	if (r == 0)
		r = read_line(source, snapshot, "sys/kernel/osrelease", &snapshot->kernel);
	return r;
}
