/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Structs that a program may read, and the function that it attaches to. */
#define NAMES_MAX 64
/* The struct whose members are options. */
#define OPTIONS "hark_options"
/* After a million tasks without output the kernel pauses with EAGAIN (bpf_seq_read()). */
#define PAUSES_MAX (1u << 16)

/*
 * The types that the verifier wants for functions that bpf_loop() calls: all are `int f(void)`
 * here, for it looks at no more than that they are there, and static.
 */
static const struct {
	struct btf_header header;
	struct btf_type integer;
	uint32_t integer_bits;
	struct btf_type prototype;
	struct btf_type function;
	char strings[8];
} types = {
	.header = { .magic = BTF_MAGIC,
		    .version = BTF_VERSION,
		    .hdr_len = sizeof(struct btf_header),
		    .type_len = 3 * sizeof(struct btf_type) + sizeof(uint32_t),
		    .str_off = 3 * sizeof(struct btf_type) + sizeof(uint32_t),
		    .str_len = sizeof(types.strings) },
	.integer = { .name_off = 1, .info = BTF_KIND_INT << 24, .size = sizeof(int) },
	.integer_bits = BTF_INT_SIGNED << 24 | 32,
	.prototype = { .info = BTF_KIND_FUNC_PROTO << 24, .type = 1 },
	.function = { .name_off = 5, .info = BTF_KIND_FUNC << 24, .type = 2 },
	.strings = "\0int\0fn",
};
#define TYPE_OF_FUNCTIONS 3

static int call(struct hark_source *source, int command, union bpf_attr *attr)
{
	return source->ops->bpf(source, command, attr, sizeof(*attr));
}

#define WORDS_OF_A_NAME 3

/*
 * The number of a function of the kernel, by a program that asks for it (Linux 5.14): 0.3 ms. The
 * kernel has an index of its types; without, all types before the functions are to be gone through.
 * 0 where that cannot be had.
 */
static uint32_t ask_for_function(struct hark_source *source, const char *name)
{
	const struct bpf_insn end[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .imm = -8 * WORDS_OF_A_NAME },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = (int)strlen(name) + 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = BTF_KIND_FUNC },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_btf_find_by_name_kind },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_insn code[3 * WORDS_OF_A_NAME + sizeof(end) / sizeof(*end)];
	uint64_t words[WORDS_OF_A_NAME] = { 0 };
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_SYSCALL,
				.insns = (uintptr_t)code,
				.insn_cnt = sizeof(code) / sizeof(*code),
				.license = (uintptr_t) "Dual MIT/GPL",
				.prog_flags = BPF_F_SLEEPABLE };
	union bpf_attr run = { .test = { .retval = 0 } };
	int fd, r;

	if (strlen(name) >= sizeof(words))
		return 0;
	memcpy(words, name, strlen(name));
	/* The name is put on the stack, a word at a time. */
	for (int i = 0; i < WORDS_OF_A_NAME; i++) {
		code[3 * i] = (struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM,
						 .dst_reg = 1,
						 .imm = (int32_t)words[i] };
		code[3 * i + 1] = (struct bpf_insn){ .imm = (int32_t)(words[i] >> 32) };
		code[3 * i + 2] = (struct bpf_insn){ .code = BPF_STX | BPF_MEM | BPF_DW,
						     .dst_reg = 10,
						     .src_reg = 1,
						     .off = (int16_t)(8 * (i - WORDS_OF_A_NAME)) };
	}
	memcpy(code + 3 * WORDS_OF_A_NAME, end, sizeof(end));
	fd = call(source, BPF_PROG_LOAD, &load);
	if (fd < 0)
		return 0;
	run.test.prog_fd = (uint32_t)fd;
	r = call(source, BPF_PROG_RUN, &run);
	close(fd);
	return r < 0 || (int32_t)run.test.retval < 0 ? 0 : run.test.retval;
}

/* The names that the relocations speak of, each once; the function comes last. */
static uint32_t list_names(const struct program_image *image, struct btf_name *names)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < image->n_relos; i++) {
		uint32_t k = 0;

		if (!strcmp(image->relos[i].type, OPTIONS))
			continue;
		while (k < n && strcmp(names[k].name, image->relos[i].type) != 0)
			k++;
		if (k == n && n < NAMES_MAX - 1)
			names[n++] = (struct btf_name){ .name = image->relos[i].type };
	}
	names[n++] = (struct btf_name){ .name = image->target, .is_function = true };
	return n;
}

static void add_to_instruction(struct bpf_insn *instruction, uint32_t number)
{
	uint8_t class = BPF_CLASS(instruction->code);

	if (class == BPF_LDX || class == BPF_ST || class == BPF_STX)
		instruction->off = (int16_t)(instruction->off + (int32_t)number);
	else
		instruction->imm += (int32_t)number;
}

/* Whether the program asks if there is such a member. */
static bool may_be_missing(const struct program_image *image, const struct program_relo *wanted)
{
	for (uint32_t i = 0; i < image->n_relos; i++) {
		const struct program_relo *relo = &image->relos[i];

		if (relo->fact == PROGRAM_EXISTS && !strcmp(relo->type, wanted->type) &&
		    !strcmp(relo->member, wanted->member))
			return true;
	}
	return false;
}

static int find_fact(const struct program_image *image, const struct btf *btf, uint32_t at,
		     const struct program_relo *relo, uint32_t *ret)
{
	int r;

	*ret = btf_size(btf, at);
	if (relo->fact == PROGRAM_SIZE)
		return 0;
	r = btf_member(btf, at, relo->member, ret);
	if (relo->fact == PROGRAM_EXISTS)
		*ret = r == 0;
	return r == -ENOENT && may_be_missing(image, relo) ? 0 : r;
}

/* Applies all relocations to one struct, the kernel's at `at`; without code it only tries. */
static int relocate(const struct program_image *image, const struct btf *btf, const char *name,
		    uint32_t at, struct bpf_insn *code, struct program_failure *retfail)
{
	for (uint32_t i = 0; i < image->n_relos; i++) {
		const struct program_relo *relo = &image->relos[i];
		uint32_t number;
		int r;

		if (strcmp(relo->type, name) != 0)
			continue;
		r = find_fact(image, btf, at, relo, &number);
		if (r < 0) {
			retfail->what = relo->member;
			return r;
		}
		if (code)
			add_to_instruction(&code[relo->instruction], number);
	}
	return 0;
}

static void set_options(const struct program_image *image, uint32_t options, struct bpf_insn *code)
{
	for (uint32_t i = 0; i < image->n_relos; i++) {
		const struct program_relo *relo = &image->relos[i];
		uint32_t option = relo->member && !strcmp(relo->member, "nested") ?
					  PROGRAM_NESTED :
					  PROGRAM_NAMESPACES;

		if (!strcmp(relo->type, OPTIONS))
			add_to_instruction(&code[relo->instruction], !!(options & option));
	}
}

/* Makes the first of each name's structs one that has all members. */
static int check(const struct program_image *image, const struct btf *btf, struct btf_name *names,
		 uint32_t n, struct program_failure *retfail)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = -ENOENT;

		for (uint32_t k = 0; k < names[i].n && r < 0; k++) {
			r = relocate(image, btf, names[i].name, names[i].at[k], NULL, retfail);
			names[i].at[0] = names[i].at[k];
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * The number of the target; the instructions fit this kernel then.
 */
static int fit(const struct program_image *image, struct hark_source *source, struct bpf_insn *code,
	       struct program_failure *retfail)
{
	struct btf_name names[NAMES_MAX];
	struct btf *btf = malloc(sizeof(*btf));
	uint32_t n = list_names(image, names), asked = 0, n_sought;
	int r = btf ? btf_open(btf, source->sys_fd) : -ENOMEM;

	retfail->step = "reading the kernel's types";
	if (r < 0) {
		free(btf);
		return r;
	}
	asked = ask_for_function(source, image->target);
	n_sought = asked ? n - 1 : n;
	r = btf_find(btf, names, n_sought, false);
	for (uint32_t i = 0; i < n_sought && r == -ENOENT && !retfail->what; i++)
		if (!names[i].n)
			retfail->what = names[i].name;
	if (r == 0)
		r = check(image, btf, names, n - 1, retfail);
	/* The first struct of a name was another: the right one comes later. */
	if (r == -ENOENT && btf_find(btf, names, n_sought, true) == 0)
		r = check(image, btf, names, n - 1, retfail);
	for (uint32_t i = 0; i + 1 < n && r == 0; i++)
		r = relocate(image, btf, names[i].name, names[i].at[0], code, retfail);
	btf_close(btf);
	free(btf);
	return r < 0 ? r : (int)(asked ? asked : names[n - 1].id);
}

static int create_map(struct program *program, enum program_map map,
		      const struct program_size *size)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = sizeof(uint32_t),
				.value_size = size->value_size,
				.max_entries = size->n_values,
				.map_flags = BPF_F_MMAPABLE };
	/* The kernel rounds a value up to eight bytes. */
	size_t length = (size_t)((size->value_size + 7) & ~7u) * size->n_values;
	void *values;

	program->map_fds[map] = call(program->source, BPF_MAP_CREATE, &attr);
	if (program->map_fds[map] < 0)
		return program->map_fds[map];
	values = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, program->map_fds[map], 0);
	if (values == MAP_FAILED)
		return -errno;
	program->maps[map] = values;
	program->map_lengths[map] = length;
	return 0;
}

static int load_types(struct hark_source *source)
{
	union bpf_attr attr = { .btf = (uintptr_t)&types, .btf_size = sizeof(types) };

	return call(source, BPF_BTF_LOAD, &attr);
}

static int load_code(struct program *program, const struct program_image *image,
		     const struct bpf_insn *code, int target)
{
	struct bpf_func_info functions[16];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_TRACING,
				.expected_attach_type = BPF_TRACE_ITER,
				.attach_btf_id = (uint32_t)target,
				.insns = (uintptr_t)code,
				.insn_cnt = image->n_code,
				.license = (uintptr_t) "Dual MIT/GPL",
				.prog_name = "hark",
				.func_info = (uintptr_t)functions,
				.func_info_cnt = image->n_functions,
				.func_info_rec_size = sizeof(*functions) };
	int types_fd = load_types(program->source), r;

	if (types_fd < 0)
		return types_fd;
	for (uint32_t i = 0; i < image->n_functions && i < 16; i++)
		functions[i] = (struct bpf_func_info){ .insn_off = image->functions[i],
						       .type_id = TYPE_OF_FUNCTIONS };
	attr.prog_btf_fd = (uint32_t)types_fd;
	r = call(program->source, BPF_PROG_LOAD, &attr);
	close(types_fd);
	return r;
}

static int attach(struct program *program)
{
	union bpf_attr attr = { .link_create = { .prog_fd = (uint32_t)program->fd,
						 .attach_type = BPF_TRACE_ITER } };

	return call(program->source, BPF_LINK_CREATE, &attr);
}

static int load(struct program *program, const struct program_image *image, uint32_t options,
		struct bpf_insn *code, const struct program_size *sizes,
		struct program_failure *retfail)
{
	int target, r = 0;

	retfail->step = "making the maps";
	for (int i = 0; i < PROGRAM_MAP_N_ && r == 0; i++)
		r = create_map(program, (enum program_map)i, &sizes[i]);
	if (r < 0)
		return r;
	target = fit(image, program->source, code, retfail);
	if (target < 0)
		return target;
	set_options(image, options, code);
	for (uint32_t i = 0; i < image->n_uses; i++)
		code[image->uses[i].instruction].imm = program->map_fds[image->uses[i].map];
	retfail->step = "loading the program";
	program->fd = load_code(program, image, code, target);
	if (program->fd < 0)
		return program->fd;
	retfail->step = "attaching the program";
	program->link_fd = attach(program);
	return program->link_fd < 0 ? program->link_fd : 0;
}

int program_load(struct program *ret, struct hark_source *source, const struct program_image *image,
		 uint32_t options, const struct program_size *sizes,
		 struct program_failure *retfail)
{
	struct bpf_insn *code = malloc(image->n_code * sizeof(*code));
	int r = code ? 0 : -ENOMEM;

	*ret = (struct program){ .source = source, .fd = -1, .link_fd = -1 };
	*retfail = (struct program_failure){ .step = "starting" };
	for (int i = 0; i < PROGRAM_MAP_N_; i++)
		ret->map_fds[i] = -1;
	if (r == 0) {
		memcpy(code, image->code, image->n_code * sizeof(*code));
		r = load(ret, image, options, code, sizes, retfail);
	}
	free(code);
	if (r < 0)
		program_unload(ret);
	return r;
}

void program_unload(struct program *program)
{
	for (int i = 0; i < PROGRAM_MAP_N_; i++) {
		if (program->maps[i])
			munmap(program->maps[i], program->map_lengths[i]);
		if (program->map_fds[i] >= 0)
			close(program->map_fds[i]);
		program->maps[i] = NULL;
		program->map_fds[i] = -1;
	}
	if (program->link_fd >= 0)
		close(program->link_fd);
	if (program->fd >= 0)
		close(program->fd);
	program->link_fd = program->fd = -1;
}

int program_run(struct program *program)
{
	union bpf_attr attr = { .iter_create = { .link_fd = (uint32_t)program->link_fd } };
	int fd = call(program->source, BPF_ITER_CREATE, &attr);
	char output[8];
	ssize_t got = 0;

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < PAUSES_MAX; i++) {
		got = read(fd, output, sizeof(output));
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			break;
	}
	got = got < 0 ? -errno : got;
	close(fd);
	return (int)got;
}
