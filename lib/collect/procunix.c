/* SPDX-License-Identifier: MIT */
/*
 * Sockets of AF_UNIX from the text of /proc/net/unix, which tells more of each than sock_diag does.
 * The lines are those of net/unix/af_unix.c (unix_seq_show):
 *
 *     address: references protocol flags type state inode[ path]
 *
 * A name may hold anything, newlines too, which the kernel writes as they are. What is no line of
 * its own goes on the name before it, if together they are no longer than a name may be. Nothing
 * keeps a name from looking like further lines; those stand for sockets that do not exist.
 */
#include "collect.h"
#include "fields.h"
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME_MAX_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

/* The row that is not complete before the next one begins. */
struct reading {
	struct hark_snapshot *snapshot;
	struct hark_unix_socket row;
	bool has_row;
	bool has_name;
	size_t length;
	char name[NAME_MAX_BYTES];
};

/* In brackets it is not told: "(____ptrval____)". */
static bool take_address(const char **at, uint64_t *ret)
{
	*ret = 0;
	if (**at == '(')
		*at += strcspn(*at, ":");
	else if (!text_take_u64(at, 16, UINT64_MAX, ret))
		return false;
	return take_char(at, ':');
}

/* False where it is not a line of the kernel's. *ret_name is NULL where it has none. */
static bool parse_line(const char *line, struct hark_unix_socket *row, const char **ret_name)
{
	uint64_t address, references, protocol, flags, type, state, inode;

	if (!take_address(&line, &address) || !take_number(&line, 16, UINT32_MAX, &references) ||
	    !take_number(&line, 16, UINT32_MAX, &protocol) ||
	    !take_number(&line, 16, UINT32_MAX, &flags) ||
	    !take_number(&line, 16, UINT16_MAX, &type) ||
	    !take_number(&line, 16, UINT8_MAX, &state) ||
	    !take_number(&line, 10, UINT32_MAX, &inode))
		return false;
	*ret_name = take_char(&line, ' ') ? line : NULL;
	if (*line && !*ret_name)
		return false;
	*row = (struct hark_unix_socket){
		.address = address,
		.references = (uint32_t)references,
		.protocol = (uint32_t)protocol,
		.flags = (uint32_t)flags,
		.inode = (uint32_t)inode,
		.type = (uint16_t)type,
		.state = (uint8_t)state,
		.holders = HARK_UNSUPPORTED, /* until somebody looks for them */
	};
	return true;
}

static bool add_to_name(struct reading *reading, const char *bytes, size_t length)
{
	if (length > sizeof(reading->name) - reading->length)
		return false;
	memcpy(reading->name + reading->length, bytes, length);
	reading->length += length;
	return true;
}

/* Keeps the row whose name is complete. -E2BIG: no more rows are kept. */
static int end_row(struct reading *reading)
{
	struct hark_snapshot *snapshot = reading->snapshot;

	if (!reading->has_row)
		return 0;
	if (snapshot->unix_sockets.n >= ROWS_MAX)
		return -E2BIG;
	if (array_reserve(&snapshot->unix_sockets, 1u) < 0)
		return -ENOMEM;
	if (reading->has_name) {
		reading->row.path = arena_memdup(&snapshot->arena, reading->name, reading->length);
		if (!reading->row.path)
			return -ENOMEM;
	}
	reading->row.netns = snapshot_netns(snapshot);
	snapshot->unix_sockets.items[snapshot->unix_sockets.n++] = reading->row;
	reading->has_row = false;
	return 0;
}

static int note_odd_line(struct hark_snapshot *snapshot)
{
	return snapshot_note(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_FAILED, 0,
			     "lines of /proc/net/unix that could not be understood");
}

/* A line that is none of the kernel's goes on the name before it, if it may. */
static int take_rest(struct reading *reading, const char *line)
{
	size_t length = strlen(line);
	int r;

	if (reading->has_row && reading->has_name &&
	    length < sizeof(reading->name) - reading->length) {
		(void)add_to_name(reading, "\n", 1);
		(void)add_to_name(reading, line, length);
		return 0;
	}
	r = end_row(reading);
	return r < 0 ? r : note_odd_line(reading->snapshot);
}

static int take_line(struct reading *reading, const char *line)
{
	struct hark_unix_socket row;
	const char *name;
	int r;

	if (!parse_line(line, &row, &name))
		return take_rest(reading, line);
	r = end_row(reading);
	if (r < 0)
		return r;
	reading->row = row;
	reading->has_row = true;
	reading->has_name = name != NULL;
	reading->length = 0;
	if (!name || add_to_name(reading, name, strlen(name)))
		return 0;
	reading->has_row = false;
	return note_odd_line(reading->snapshot);
}

static int read_lines(struct hark_source *source, struct hark_snapshot *snapshot)
{
	struct reading reading = { .snapshot = snapshot };
	struct lines lines;
	char *line;
	int r = lines_open(&lines, source_net_fd(source), "net/unix"), taken = 0;

	if (r < 0)
		return r;
	r = lines_next(&lines, &line); /* the names of the columns */
	while (r > 0 && taken == 0) {
		r = lines_next(&lines, &line);
		if (r > 0)
			taken = take_line(&reading, line);
	}
	lines_close(&lines);
	if (taken == 0)
		taken = end_row(&reading);
	if (taken == -E2BIG)
		taken = snapshot_note(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_LIMIT, 0,
				      "more lines in /proc/net/unix than are kept");
	return taken < 0 ? taken : r;
}

int procunix_read(struct hark_source *source, struct hark_snapshot *snapshot)
{
	int net_fd = source_net_fd(source), r = read_lines(source, snapshot);
	int noted;

	if (r == 0 || r == -ENOMEM)
		return r;
	if (r == -ENOENT && net_fd >= 0 && faccessat(net_fd, "net", F_OK, 0) == 0)
		return snapshot_note_debug(snapshot, HARK_NOTE_SOCKETS, HARK_NOTE_UNSUPPORTED, r,
					   "this kernel has no sockets of AF_UNIX");
	noted = snapshot_note(snapshot, HARK_NOTE_SOCKETS,
			      r == -EACCES || r == -EPERM ? HARK_NOTE_PERMISSION : HARK_NOTE_FAILED,
			      r, "sockets of AF_UNIX could not be read");
	return noted < 0 ? noted : r;
}
