/* SPDX-License-Identifier: MIT */
/* steer: a BPF sk_lookup program, assembled by hand, so that no compiler for BPF is needed. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "steer.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(__NR_bpf, command, attr, sizeof(*attr));
}

/* A map of the one socket, which the program below picks from. */
static int make_socket_map(int fd)
{
	uint32_t key = 0;
	uint64_t value = (uint64_t)fd;
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_SOCKMAP };
	int map;

	attr.key_size = sizeof(key);
	attr.value_size = sizeof(value);
	attr.max_entries = 1;
	map = bpf(BPF_MAP_CREATE, &attr);
	if (map < 0)
		return -1;
	attr = (union bpf_attr){ .map_fd = (uint32_t)map };
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	return bpf(BPF_MAP_UPDATE_ELEM, &attr) ? -1 : map;
}

int steer_port(int fd, int protocol, int port)
{
	int map = make_socket_map(fd);
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 2,
		  .src_reg = 6,
		  .off = offsetof(struct bpf_sk_lookup, local_port) },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 16, .imm = port },
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 2,
		  .src_reg = 6,
		  .off = offsetof(struct bpf_sk_lookup, protocol) },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 14, .imm = protocol },
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 7 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 7, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 7 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_assign },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 7 },
		/* skipped where no socket was found: there is none to release */
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_release },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = SK_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SK_LOOKUP };
	int loaded;

	if (map < 0 || netns < 0)
		return -1;
	attr.expected_attach_type = BPF_SK_LOOKUP;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = N_ELEMENTS(program);
	attr.license = (uintptr_t) "Dual MIT/GPL";
	loaded = bpf(BPF_PROG_LOAD, &attr);
	if (loaded < 0)
		return -1;
	attr = (union bpf_attr){ 0 };
	attr.link_create.prog_fd = (uint32_t)loaded;
	attr.link_create.target_fd = (uint32_t)netns;
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	return bpf(BPF_LINK_CREATE, &attr) < 0 ? -1 : 0;
}
