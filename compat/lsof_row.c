/* SPDX-License-Identifier: MIT */
/* One file as lsof tells it: what its columns and its fields have in common. */
#include "lsof.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

/* From here on a descriptor is told by its last three digits. */
#define FD_TOO_LONG 10000
/* __SO_ACCEPTCON of the kernel's <net/sock.h>, as /proc/net/unix has it. */
#define UNIX_LISTENS 0x10000u

static void fill_internet(const struct lsof *lsof, const struct lsof_files *files,
			  struct lsof_row *row)
{
	const struct hark_socket *socket = row->socket;
	char label[HARK_LABEL_SIZE];
	const char *protocol = lsof_socket_protocol(socket);

	row->type = socket->family == HARK_FAMILY_INET ? "IPv4" : "IPv6";
	if (lsof->is_truth && socket->is_mapped)
		row->type = "IPv4";
	if (lsof->is_truth && socket->is_listener)
		protocol = hark_socket_label(files->snapshot, socket, label);
	if (socket->state == HARK_STATE_LISTEN)
		row->backlog = hark_snapshot_listener(files->snapshot, socket->listener)->backlog;
	*stpncpy(row->node, protocol, sizeof(row->node) - 1) = '\0';
	*text_put_u64(row->device, socket->inode) = '\0';
}

static void fill_unix(struct lsof_row *row)
{
	row->type = "unix";
	*text_put_u64(row->node, row->unix_socket->inode) = '\0';
	snprintf(row->device, sizeof(row->device), "0x%0*" PRIx64, (int)sizeof(long) * 2,
		 row->unix_socket->address);
}

static const char *find_task(const struct hark_snapshot *snapshot,
			     const struct hark_process *process, uint32_t tid)
{
	for (uint32_t i = 0; tid && i < process->n_tasks; i++) {
		const struct hark_task *task =
			hark_snapshot_task(snapshot, process->first_task + i);

		if (task->tid == tid)
			return task->command ? task->command : "";
	}
	return NULL;
}

/* Four columns wide, at least. */
static void fill_fd(const struct lsof *lsof, uint32_t fd, char text[16])
{
	bool is_long = fd >= FD_TOO_LONG && !lsof->is_truth;

	if (is_long) {
		*text++ = '*';
		fd %= 1000;
	}
	for (uint32_t limit = is_long ? 100 : 1000; fd < limit && limit > 1; limit /= 10)
		*text++ = is_long ? '0' : ' ';
	*text_put_u64(text, fd) = '\0';
}

void lsof_row_fill(const struct lsof *lsof, const struct lsof_files *files, uint32_t i,
		   struct lsof_row *ret)
{
	const struct lsof_file *file = &files->list.items[i];
	const struct hark_holder *holder = hark_snapshot_holder(files->snapshot, file->holder);

	ret->file = file;
	ret->holder = holder;
	ret->process = hark_snapshot_process(files->snapshot, holder->process);
	ret->command = ret->process->command;
	if (!ret->command || !*ret->command)
		ret->command = "(unknown)";
	ret->task = find_task(files->snapshot, ret->process, file->tid);
	ret->socket = hark_snapshot_socket(files->snapshot, holder->socket);
	ret->unix_socket = hark_snapshot_unix_socket(files->snapshot, holder->unix_socket);
	ret->is_whole = lsof->is_truth;
	fill_fd(lsof, holder->fd, ret->fd);
	if (ret->unix_socket)
		fill_unix(ret);
	else
		fill_internet(lsof, files, ret);
}

static const char *unix_type_name(uint16_t type)
{
	switch (type) {
	case SOCK_STREAM:
		return "STREAM";
	case SOCK_DGRAM:
		return "DGRAM";
	case SOCK_RAW:
		return "RAW";
	case SOCK_RDM:
		return "RDM";
	case SOCK_SEQPACKET:
		return "SEQPACKET";
	default:
		return "unknown";
	}
}

/* lsof takes a line of /proc/net/unix apart at blanks and colons, and names as well. */
static void put_unix_path(struct out *out, const struct lsof_row *row)
{
	const char *path = row->unix_socket->path ? row->unix_socket->path : "";
	char text[128];
	size_t length;

	if (row->is_whole) {
		lsof_text_put(out, path);
		if (*path)
			out_char(out, ' ');
		return;
	}
	path += strspn(path, " \t");
	length = strcspn(path, " \t\n:");
	if (length >= sizeof(text))
		length = sizeof(text) - 1;
	memcpy(text, path, length);
	text[length] = '\0';
	lsof_text_put(out, text);
	if (length)
		out_char(out, ' ');
}

void lsof_put_file_name(struct lsof_names *names, struct out *out, const struct lsof_row *row)
{
	if (!row->unix_socket) {
		lsof_put_name(names, out, row->socket);
		return;
	}
	put_unix_path(out, row);
	out_text(out, "type=");
	out_text(out, unix_type_name(row->unix_socket->type));
}

static const char *unix_state(const struct hark_unix_socket *socket)
{
	static const char *const states[] = { NULL, "UNCONNECTED", "CONNECTING", "CONNECTED",
					      "DISCONNECTING" };

	if (socket->flags == UNIX_LISTENS)
		return "LISTEN";
	if (socket->state > 0 && socket->state < sizeof(states) / sizeof(*states))
		return states[socket->state];
	return "UNKNOWN";
}

const char *lsof_row_state(const struct lsof_row *row)
{
	if (row->unix_socket)
		return unix_state(row->unix_socket);
	if (strcmp(lsof_socket_protocol(row->socket), "TCP") != 0)
		return NULL;
	return lsof_state_name(lsof_socket_state(row->socket));
}

bool lsof_row_queues(const struct lsof_row *row, uint64_t *ret_receive, uint64_t *ret_send)
{
	if (row->unix_socket || !row->socket->has_queues)
		return false;
	*ret_receive = row->socket->receive_bytes;
	*ret_send = row->socket->send_bytes;
	if (row->socket->state == HARK_STATE_LISTEN) {
		*ret_receive = row->backlog;
		*ret_send = 0;
	}
	return true;
}

/* What a socket's flags can be, in lsof's order. */
static const struct {
	uint32_t bit;
	const char *name;
} flag_names[] = {
	{ O_RDWR, "RW" },    { O_APPEND, "AP" },    { O_NONBLOCK, "ND" },
	{ O_ASYNC, "ASYN" }, { O_NOATIME, "NATM" }, { O_CLOEXEC, "CX" },
};

const char *lsof_row_flags(const struct lsof *lsof, const struct lsof_row *row, char *text,
			   size_t size)
{
	uint32_t flags = row->holder->flags;
	size_t n = 0;

	*text = '\0';
	if (flags == HARK_NONE)
		return text;
	if (lsof->flags == LSOF_FLAGS_HEX) {
		snprintf(text, size, "0x%" PRIx32 ";0x0", flags);
		return text;
	}
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names) && n < size; i++) {
		if (!(flags & flag_names[i].bit))
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "," : "", flag_names[i].name);
		flags &= ~flag_names[i].bit;
	}
	if (flags && n < size)
		snprintf(text + n, size - n, "%s0x%" PRIx32, n ? "," : "", flags);
	return text;
}
