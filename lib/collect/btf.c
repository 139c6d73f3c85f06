/* SPDX-License-Identifier: MIT */
#include "btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_ACCEPTED (64u << 20)
#define DEPTH_MAX         8 /* of structs without a name within one another */

static int check_header(struct btf *btf)
{
	const struct btf_header *header = (const void *)btf->bytes;
	uint64_t types_end, strings_end;

	if (btf->size < sizeof(*header) || header->magic != BTF_MAGIC ||
	    header->hdr_len < sizeof(*header) || header->hdr_len > btf->size)
		return -EBADMSG;
	types_end = (uint64_t)header->hdr_len + header->type_off + header->type_len;
	strings_end = (uint64_t)header->hdr_len + header->str_off + header->str_len;
	if (types_end > btf->size || strings_end > btf->size || !header->str_len ||
	    (header->hdr_len + header->type_off) % 4)
		return -EBADMSG;
	btf->types_at = header->hdr_len + header->type_off;
	btf->types_end = (uint32_t)types_end;
	btf->strings = (const char *)btf->bytes + header->hdr_len + header->str_off;
	btf->n_strings = header->str_len;
	return btf->strings[btf->n_strings - 1] ? -EBADMSG : 0;
}

int btf_open_bytes(struct btf *ret, const unsigned char *bytes, size_t size)
{
	*ret = (struct btf){ .bytes = bytes, .size = size };
	return size > SIZE_MAX_ACCEPTED ? -EBADMSG : check_header(ret);
}

/* Before Linux 6.16 the file cannot be mapped. */
static int read_whole(struct btf *btf, int fd)
{
	unsigned char *bytes = malloc(btf->size);
	size_t length = 0;
	ssize_t got = 1;

	if (!bytes)
		return -ENOMEM;
	while (length < btf->size && got > 0) {
		got = read(fd, bytes + length, btf->size - length);
		if (got > 0)
			length += (size_t)got;
	}
	btf->bytes = bytes;
	return got < 0 ? -errno : length < btf->size ? -EBADMSG : 0;
}

int btf_open(struct btf *ret, int sys_fd)
{
	int fd = sys_fd < 0 ? -1 : openat(sys_fd, "kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *bytes;
	int r = 0;

	memset(ret, 0, offsetof(struct btf, marks));
	if (fd < 0)
		return sys_fd < 0 ? -ENOENT : -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else if (status.st_size < 1 || status.st_size > SIZE_MAX_ACCEPTED)
		r = -EBADMSG;
	if (r == 0) {
		ret->size = (size_t)status.st_size;
		bytes = mmap(NULL, ret->size, PROT_READ, MAP_PRIVATE, fd, 0);
		ret->is_mapped = bytes != MAP_FAILED;
		ret->bytes = ret->is_mapped ? bytes : NULL;
		if (!ret->is_mapped)
			r = read_whole(ret, fd);
	}
	close(fd);
	if (r == 0)
		r = check_header(ret);
	if (r < 0)
		btf_close(ret);
	return r;
}

void btf_close(struct btf *btf)
{
	if (btf->is_mapped)
		munmap((void *)btf->bytes, btf->size);
	else
		free((void *)btf->bytes);
	btf->bytes = NULL;
}

/* What follows a type, by its kind: so many bytes, and so many for each of its members. */
struct kind {
	uint8_t is_known, fixed, each;
};

static const struct kind kinds[32] = {
	[BTF_KIND_INT] = { 1, sizeof(uint32_t), 0 },
	[BTF_KIND_PTR] = { 1, 0, 0 },
	[BTF_KIND_ARRAY] = { 1, sizeof(struct btf_array), 0 },
	[BTF_KIND_STRUCT] = { 1, 0, sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { 1, 0, sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { 1, 0, sizeof(struct btf_enum) },
	[BTF_KIND_FWD] = { 1, 0, 0 },
	[BTF_KIND_TYPEDEF] = { 1, 0, 0 },
	[BTF_KIND_VOLATILE] = { 1, 0, 0 },
	[BTF_KIND_CONST] = { 1, 0, 0 },
	[BTF_KIND_RESTRICT] = { 1, 0, 0 },
	[BTF_KIND_FUNC] = { 1, 0, 0 },
	[BTF_KIND_FUNC_PROTO] = { 1, 0, sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { 1, sizeof(struct btf_var), 0 },
	[BTF_KIND_DATASEC] = { 1, 0, sizeof(struct btf_var_secinfo) },
	[BTF_KIND_FLOAT] = { 1, 0, 0 },
	[BTF_KIND_DECL_TAG] = { 1, sizeof(struct btf_decl_tag), 0 },
	[BTF_KIND_TYPE_TAG] = { 1, 0, 0 },
	[BTF_KIND_ENUM64] = { 1, 0, sizeof(struct btf_enum64) },
};

/* The type at an offset, or NULL where it would not end before the others do. */
static inline const struct btf_type *type_at(const struct btf *btf, uint32_t at, uint32_t *ret_next)
{
	const struct btf_type *type = (const void *)(btf->bytes + at);
	const struct kind *kind;
	uint32_t length;

	if (btf->types_end - at < sizeof(*type))
		return NULL;
	kind = &kinds[BTF_INFO_KIND(type->info)];
	length = sizeof(*type) + kind->fixed + kind->each * BTF_INFO_VLEN(type->info);
	if (!kind->is_known || length > btf->types_end - at)
		return NULL;
	*ret_next = at + length;
	return type;
}

static const char *string_at(const struct btf *btf, uint32_t at)
{
	return at < btf->n_strings ? btf->strings + at : "";
}

/* Sets of names by their first two letters: most types are told from all by that. */
static unsigned int letters_of(const char *name)
{
	return name[0] ? ((unsigned char)name[0] * 32u + (unsigned char)name[1]) & 1023 : 0;
}

/* How many of the names were found for the first time. */
static uint32_t take_type(struct btf_name *names, uint32_t n, const char *name, bool is_function,
			  uint32_t at, uint32_t id)
{
	uint32_t n_new = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (names[i].is_function != is_function || strcmp(names[i].name, name) != 0)
			continue;
		if (!names[i].n) {
			names[i].id = id;
			n_new++;
		}
		if (names[i].n < BTF_NAMESAKES_MAX)
			names[i].at[names[i].n++] = at;
	}
	return n_new;
}

int btf_find(struct btf *btf, struct btf_name *names, uint32_t n, bool with_namesakes)
{
	uint64_t letters[1024 / 64] = { 0 };
	uint32_t at = btf->types_at, next, n_types = 0, n_missing[2] = { 0, 0 };

	for (uint32_t i = 0; i < n; i++) {
		letters[letters_of(names[i].name) / 64] |= 1ull << letters_of(names[i].name) % 64;
		names[i].n = 0;
		n_missing[names[i].is_function]++;
	}
	btf->n_marks = 0;
	for (const struct btf_type *type; (type = type_at(btf, at, &next)); at = next) {
		uint32_t kind = BTF_INFO_KIND(type->info);
		bool is_function = kind == BTF_KIND_FUNC;

		if (n_types++ % BTF_TYPES_A_MARK == 0 && btf->n_marks < BTF_MARKS_MAX)
			btf->marks[btf->n_marks++] = at;
		if ((kind != BTF_KIND_STRUCT && !is_function) ||
		    (!n_missing[is_function] && !with_namesakes))
			continue;
		const char *name = string_at(btf, type->name_off);
		unsigned int l = letters_of(name);

		if (!(letters[l / 64] >> l % 64 & 1))
			continue;
		n_missing[is_function] -= take_type(names, n, name, is_function, at, n_types);
		if (!n_missing[0] && !n_missing[1] && !with_namesakes)
			break;
	}
	btf->n_types = n_types;
	if (n_missing[0] || n_missing[1] || with_namesakes)
		return at != btf->types_end ? -EBADMSG : n_missing[0] + n_missing[1] ? -ENOENT : 0;
	return 0;
}

/* The offset of a type by its number, 0 where there is none. */
static uint32_t find_type(const struct btf *btf, uint32_t id)
{
	uint32_t mark = (id - 1) / BTF_TYPES_A_MARK, at, next;

	if (!id || id > btf->n_types || mark >= btf->n_marks)
		return 0;
	at = btf->marks[mark];
	for (uint32_t i = mark * BTF_TYPES_A_MARK + 1; i < id; i++) {
		if (!type_at(btf, at, &next))
			return 0;
		at = next;
	}
	return at;
}

static int find_member(const struct btf *btf, uint32_t at, const char *name, uint32_t *offset,
		       int depth)
{
	const struct btf_type *type = (const void *)(btf->bytes + at);
	const struct btf_member *members = (const void *)(type + 1);
	uint32_t kind = BTF_INFO_KIND(type->info), next;
	bool has_bit_fields = BTF_INFO_KFLAG(type->info);

	if ((kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION) || depth > DEPTH_MAX)
		return -ENOENT;
	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		uint32_t bits = has_bit_fields ? BTF_MEMBER_BIT_OFFSET(members[i].offset) :
						 members[i].offset;
		const char *member = string_at(btf, members[i].name_off);
		uint32_t inner;
		int r;

		if (*member) {
			if (strcmp(member, name) != 0)
				continue;
			if (bits % 8 ||
			    (has_bit_fields && BTF_MEMBER_BITFIELD_SIZE(members[i].offset)))
				return -EOPNOTSUPP;
			*offset += bits / 8;
			return 0;
		}
		inner = find_type(btf, members[i].type);
		if (!inner || !type_at(btf, inner, &next))
			continue;
		r = find_member(btf, inner, name, offset, depth + 1);
		if (r != -ENOENT) {
			*offset += bits / 8;
			return r;
		}
	}
	return -ENOENT;
}

int btf_member(const struct btf *btf, uint32_t at, const char *member, uint32_t *ret)
{
	*ret = 0;
	return find_member(btf, at, member, ret, 0);
}

uint32_t btf_size(const struct btf *btf, uint32_t at)
{
	return ((const struct btf_type *)(btf->bytes + at))->size;
}
