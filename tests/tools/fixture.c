/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fixture_open(void)
{
	const char *parent = getenv("TMPDIR");
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/hark-fixture-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(path))
		err(1, "%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void make_folders(int fixture, const char *path)
{
	char folder[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (mkdirat(fixture, folder, 0777) < 0 && errno != EEXIST)
			err(1, "%s", folder);
	}
}

void fixture_write_bytes(int fixture, const char *path, const void *bytes, size_t length)
{
	int fd;

	make_folders(fixture, path);
	fd = openat(fixture, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length || close(fd) < 0)
		err(1, "%s", path);
}

void fixture_write(int fixture, const char *path, const char *text)
{
	fixture_write_bytes(fixture, path, text, strlen(text));
}

void fixture_link(int fixture, const char *path, const char *target)
{
	make_folders(fixture, path);
	if (symlinkat(target, fixture, path) < 0)
		err(1, "%s", path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void fixture_close(int fixture)
{
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fixture);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		err(1, "%s", link);
	path[length] = '\0';
	close(fixture);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		err(1, "%s", path);
}
