/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include <err.h>
#include <stdio.h>

static void describe_answer(FILE *out, const char *family, const struct hark_answer *answer)
{
	const char *via = hark_via_name((enum hark_via)answer->via);
	const char *why = hark_why_name((enum hark_why)answer->why);

	fprintf(out, " %s=%s/%s/%s", family, hark_verdict_name((enum hark_verdict)answer->verdict),
		via ? via : "-", hark_decided_by_name((enum hark_decided_by)answer->decided_by));
	if (why)
		fprintf(out, "(%s)", why);
}

static void describe_socket(FILE *out, const struct hark_snapshot *snapshot,
			    const struct hark_socket *socket)
{
	const struct hark_listener *listener = hark_snapshot_listener(snapshot, socket->listener);
	static const char *const tristate[] = { "?", "no", "yes" };
	char label[HARK_LABEL_SIZE], addr[HARK_ADDR_TEXT_SIZE];

	fprintf(out, "%s %s [%s]:%u", hark_socket_label(snapshot, socket, label),
		hark_state_name((enum hark_state)socket->state),
		hark_addr_format(&socket->local, addr), socket->local_port);
	if (socket->remote_port)
		fprintf(out, " to [%s]:%u", hark_addr_format(&socket->remote, addr),
			socket->remote_port);
	fprintf(out, " v6only=%s", tristate[socket->v6only]);
	if (listener) {
		describe_answer(out, "ipv4", &listener->answers[HARK_FAMILY_INET]);
		describe_answer(out, "ipv6", &listener->answers[HARK_FAMILY_INET6]);
	}
	fputc('\n', out);
}

static void describe_unix(FILE *out, const struct hark_unix_socket *socket)
{
	fprintf(out, "unix type=%u state=%u flags=%x references=%u", socket->type, socket->state,
		socket->flags, socket->references);
	if (socket->path)
		fputc(' ', out);
	for (const char *c = socket->path; c && *c; c++)
		fputc(*c == '\n' ? '~' : *c, out);
	fputc('\n', out);
}

char *describe(const struct hark_snapshot *snapshot)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		err(1, "open_memstream");
	for (uint32_t i = 0; i < hark_snapshot_n_sockets(snapshot); i++)
		describe_socket(out, snapshot, hark_snapshot_socket(snapshot, i));
	for (uint32_t i = 0; i < hark_snapshot_n_unix_sockets(snapshot); i++)
		describe_unix(out, hark_snapshot_unix_socket(snapshot, i));
	for (uint32_t i = 0; i < hark_snapshot_n_notes(snapshot); i++) {
		const struct hark_note *note = hark_snapshot_note(snapshot, i);

		if (!note->is_debug)
			fprintf(out, "note %s %s x%u\n",
				hark_note_what_name((enum hark_note_what)note->what),
				hark_note_why_name((enum hark_note_why)note->why), note->count);
	}
	fclose(out);
	return text;
}
