/* SPDX-License-Identifier: MIT */
/*
 * Where the running kernel has the members of its structs, by its own type information (BTF, Linux
 * 5.4 with CONFIG_DEBUG_INFO_BTF): 130,000 types in 5 MB, gone through once for all names that are
 * wanted.
 */
#ifndef BTF_H
#define BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Structs of one name that are told apart; a kernel has a few names twice. */
#define BTF_NAMESAKES_MAX 4
/* Every so many types there is a mark, from which a type is reached by its number. */
#define BTF_TYPES_A_MARK 256
#define BTF_MARKS_MAX    4096

struct btf {
	const unsigned char *bytes;
	size_t size;
	bool is_mapped;      /* and not allocated */
	const char *strings; /* ends with a NUL */
	uint32_t n_strings;
	uint32_t types_at, types_end; /* offsets in bytes */
	uint32_t n_types;
	uint32_t n_marks;
	uint32_t marks[BTF_MARKS_MAX]; /* offset of type 1 + i * BTF_TYPES_A_MARK */
};

/* A struct or a function to be found. */
struct btf_name {
	const char *name;
	bool is_function;
	uint32_t n;
	uint32_t at[BTF_NAMESAKES_MAX]; /* offsets of those found */
	uint32_t id;                    /* number of the first */
};

/* /sys/kernel/btf/vmlinux below `sys_fd`: 0, -ENOENT without, -EBADMSG, or another errno. */
int btf_open(struct btf *ret, int sys_fd);
/* The same of bytes that stay the caller's, aligned to 4. 0 or -EBADMSG. */
int btf_open_bytes(struct btf *ret, const unsigned char *bytes, size_t size);
void btf_close(struct btf *btf);

/*
 * Finds all of them in one pass, which ends when each was found once, or with the last type where
 * namesakes matter. 0, -ENOENT when one is missing, -EBADMSG.
 */
int btf_find(struct btf *btf, struct btf_name *names, uint32_t n, bool with_namesakes);

/*
 * The offset in bytes of a member of the struct at `at`, in structs and unions without a name
 * within it too. 0, -ENOENT, -EBADMSG, -EOPNOTSUPP for a bit field.
 */
int btf_member(const struct btf *btf, uint32_t at, const char *member, uint32_t *ret);

/* The size in bytes of the struct at `at`. */
uint32_t btf_size(const struct btf *btf, uint32_t at);

#endif
