/* SPDX-License-Identifier: MIT */
/* Runs every file of a corpus through one fuzz target, without a fuzzer: replay NAME CORPUS. */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *bytes;

	if (fd < 0 || fstat(fd, &status) < 0)
		err(1, "%s", name);
	/* Exactly as large as the file, so that a sanitizer sees what reads beyond. */
	bytes = malloc((size_t)status.st_size);
	if (status.st_size && (!bytes || read(fd, bytes, (size_t)status.st_size) != status.st_size))
		err(1, "%s", name);
	close(fd);
	/* Known if the next line is the last one. */
	printf("# %s\n", name);
	fflush(stdout);
	LLVMFuzzerTestOneInput(bytes, (size_t)status.st_size);
	free(bytes);
}

int main(int argc, char **argv)
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *dir;

	if (argc != 3)
		errx(2, "usage: replay NAME CORPUS");
	dir = opendir(argv[2]);
	if (!dir)
		err(1, "%s", argv[2]);
	printf("1..1\n");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		run_file(dirfd(dir), entry->d_name);
		n++;
	}
	closedir(dir);
	printf("%sok 1 - %s: %u inputs\n", n ? "" : "not ", argv[1], n);
	return n ? 0 : 1;
}
