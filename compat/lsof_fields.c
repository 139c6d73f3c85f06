/* SPDX-License-Identifier: MIT */
/* -F: a line for each field, a letter and what it says. */
#include "lsof.h"

#include <string.h>

struct fields {
	struct lsof *lsof;
	struct lsof_names *names;
	struct out *out;
	uint32_t n; /* of the file that is told */
};

static bool begin(struct fields *fields, char letter)
{
	if (!fields->lsof->fields[(unsigned char)letter] && letter != 'p')
		return false;
	out_char(fields->out, letter);
	fields->n++;
	return true;
}

static void end(struct fields *fields)
{
	out_char(fields->out, fields->lsof->terminator);
}

static void put_number(struct fields *fields, char letter, uint32_t value)
{
	if (!begin(fields, letter))
		return;
	out_u64(fields->out, value);
	end(fields);
}

static void put_text(struct fields *fields, char letter, const char *text)
{
	if (!begin(fields, letter))
		return;
	lsof_text_put(fields->out, text);
	end(fields);
}

/* Those of a set are one line where they end in NUL. */
static void end_set(struct fields *fields)
{
	if (fields->n && fields->lsof->terminator == '\0')
		out_char(fields->out, '\n');
	fields->n = 0;
}

static void put_process(struct fields *fields, const struct lsof_row *row)
{
	const char *login;

	put_number(fields, 'p', row->file->pid);
	if (row->file->tid)
		put_number(fields, 'K', row->file->tid);
	if (row->task)
		put_text(fields, 'M', row->task);
	put_number(fields, 'g', row->process->group);
	put_number(fields, 'R', row->process->parent);
	put_text(fields, 'c', row->command);
	put_number(fields, 'u', row->process->owner);
	login = fields->lsof->fields['L'] ? lsof_login(fields->names, row->process->owner) : NULL;
	if (login)
		put_text(fields, 'L', login);
	end_set(fields);
}

static void put_state(struct fields *fields, const struct lsof_row *row)
{
	const char *state = fields->lsof->tell & LSOF_TELL_STATE ? lsof_row_state(row) : NULL;
	uint64_t receive, send;

	if (state) {
		out_text(fields->out, "TST=");
		out_text(fields->out, state);
		end(fields);
	}
	if (fields->lsof->tell & LSOF_TELL_QUEUES && lsof_row_queues(row, &receive, &send)) {
		out_text(fields->out, "TQR=");
		out_u64(fields->out, receive);
		end(fields);
		out_text(fields->out, "TQS=");
		out_u64(fields->out, send);
		end(fields);
	}
	fields->n++;
}

static void put_file(struct fields *fields, const struct lsof_row *row)
{
	struct lsof *lsof = fields->lsof;
	char flags[128];

	put_text(fields, 'f', row->fd + strspn(row->fd, " "));
	put_text(fields, 'a', "u");
	if (begin(fields, 'l')) {
		out_char(fields->out, ' ');
		end(fields);
	}
	put_text(fields, 't', row->type);
	if (lsof->flags != LSOF_FLAGS_NONE && *lsof_row_flags(lsof, row, flags, sizeof(flags)))
		put_text(fields, 'G', flags);
	put_text(fields, 'd', row->device);
	if (!lsof->tells_size)
		put_text(fields, 'o', "0t0");
	if (row->unix_socket)
		put_text(fields, 'i', row->node);
	else
		put_text(fields, 'P', row->node);
	if (begin(fields, 'n')) {
		lsof_put_file_name(fields->names, fields->out, row);
		end(fields);
	}
	if (lsof->fields['T'])
		put_state(fields, row);
	end_set(fields);
}

void lsof_print_fields(struct lsof *lsof, const struct lsof_files *files, struct lsof_names *names,
		       struct out *out)
{
	struct fields fields = { .lsof = lsof, .names = names, .out = out };
	const struct lsof_file *last = NULL;
	struct lsof_row row;

	for (uint32_t i = 0; i < files->list.n; i++) {
		lsof_row_fill(lsof, files, i, &row);
		if (!last || last->pid != row.file->pid || last->tid != row.file->tid)
			put_process(&fields, &row);
		put_file(&fields, &row);
		last = row.file;
	}
}

void lsof_help_fields(FILE *file)
{
	fputs("Fields of a process:\n"
	      " p  process ID (always)\n"
	      " K  task ID\n"
	      " M  the task's command\n"
	      " g  process group ID\n"
	      " R  parent process ID\n"
	      " c  command\n"
	      " u  user ID\n"
	      " L  login name\n"
	      "Fields of a file:\n"
	      " f  file descriptor\n"
	      " a  access: u, for reading and writing\n"
	      " l  lock: a blank, for there is none\n"
	      " t  type: IPv4, IPv6 or unix\n"
	      " G  flags, as 0x<hex>;0x0\n"
	      " d  device: inode, or of a unix socket its address\n"
	      " o  offset, as 0t<decimal>\n"
	      " i  inode of a unix socket\n"
	      " P  protocol\n"
	      " n  name: addresses, or path and type\n"
	      " T  ST=<state>, QR=<bytes to read>, QS=<bytes to send>\n"
	      "Others are accepted, and sockets have none of them: C D F k N r s S z Z.\n"
	      " m  marks the end of a round (-r)\n"
	      " 0  ends fields with NUL instead of newline\n",
	      file);
}
