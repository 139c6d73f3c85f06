/* SPDX-License-Identifier: MIT */
/* How well-known servers are told which families to serve. */
#ifndef HINTS_H
#define HINTS_H

#include <hark/model.h>

struct server_hint {
	const char *code;    /* of the finding: "hint-apache" */
	const char *command; /* glob of /proc/PID/comm */
	const char *line;    /* glob of the command line, or NULL: any */
	const char *server;  /* its name, for a person */
	const char *text;    /* a sentence or two: "To change it for SERVER: TEXT" */
};

/* The hint for a process, or NULL. */
const struct server_hint *server_hint_for(const struct hark_process *process);

#endif
