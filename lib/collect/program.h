/* SPDX-License-Identifier: MIT */
/*
 * Loading and running a BPF task iterator that bpf/embed.py turned into tables.
 *
 * A light skeleton would do this in the kernel, which looks through all of its types again for
 * each of the 25 structs that the programs read: 14 ms, where `ss -tulnp` on a small host takes 16.
 * Going through them once here takes 0.6 ms, loading 0.4 ms.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "btf.h"
#include "source.h"

/* What a program is loaded for: bits. The names are those of bpf/kernel.h. */
enum program_option {
	PROGRAM_NESTED = 1 << 0,
	PROGRAM_NAMESPACES = 1 << 1,
};

enum program_map {
	PROGRAM_MEMORY, /* one value: the program's variables */
	PROGRAM_FINDS,
	PROGRAM_TASKS,
	PROGRAM_MAP_N_,
};

/* An instruction that refers to a map. */
struct program_use {
	uint32_t instruction;
	enum program_map map;
};

/* What of the running kernel's types is added to an instruction. */
enum program_fact {
	PROGRAM_OFFSET, /* of the member, in bytes; 0 where it may be missing, and is */
	PROGRAM_EXISTS, /* 1 where there is such a member: it may be missing */
	PROGRAM_SIZE,   /* of the struct, in bytes */
};

struct program_relo {
	uint32_t instruction;
	enum program_fact fact;
	const char *type;   /* a struct */
	const char *member; /* or NULL */
};

struct program_image {
	const char *target; /* the kernel's function that describes what is iterated over */
	const uint64_t *code;
	const uint32_t *functions; /* their first instructions, ascending */
	const struct program_use *uses;
	const struct program_relo *relos;
	uint32_t n_code, n_functions, n_uses, n_relos;
};

#define PROGRAM_IMAGE(name, the_target)                                                     \
	{                                                                                   \
		.target = (the_target), .code = name##_code, .functions = name##_functions, \
		.uses = name##_uses, .relos = name##_relos,                                 \
		.n_code = sizeof(name##_code) / sizeof(*name##_code),                       \
		.n_functions = sizeof(name##_functions) / sizeof(*name##_functions),        \
		.n_uses = sizeof(name##_uses) / sizeof(*name##_uses),                       \
		.n_relos = sizeof(name##_relos) / sizeof(*name##_relos),                    \
	}

struct program_size {
	uint32_t value_size, n_values;
};

struct program {
	struct hark_source *source;
	int fd, link_fd;
	int map_fds[PROGRAM_MAP_N_];
	void *maps[PROGRAM_MAP_N_]; /* their values, shared with the program */
	size_t map_lengths[PROGRAM_MAP_N_];
};

/* Why a program could not be loaded: the last step taken. */
struct program_failure {
	const char *step;
	const char *what; /* the name that was looked for, or NULL */
};

/*
 * Loads a program for these options (enum program_option), with maps of these sizes
 * (PROGRAM_MAP_N_ of them). 0 or -errno: -EPERM without CAP_BPF and CAP_PERFMON, -ENOENT where the
 * kernel has no BTF or lacks a struct or member, -EINVAL and -EACCES where the verifier refuses.
 */
int program_load(struct program *ret, struct hark_source *source, const struct program_image *image,
		 uint32_t options, const struct program_size *sizes,
		 struct program_failure *retfail);
void program_unload(struct program *program);

/* Runs it over all tasks once: 0 or -errno. */
int program_run(struct program *program);

#endif
