/* SPDX-License-Identifier: MIT */
/* What a systemd manager tells over D-Bus of its .socket units. */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include "socket_unit.h"
#include "source.h"

/* No more units are looked through, and no more addresses of one. */
#define SYSTEMD_UNITS_MAX   1024
#define SYSTEMD_LISTENS_MAX 1024

/* A listener that the manager holds. */
struct systemd_listener {
	const struct hark_socket *socket;
	uint32_t unit;     /* index of the unit that opened it, or HARK_NONE: to be found out */
	bool may_be_found; /* by where it listens */
};

struct systemd_question {
	struct hark_source *source;
	const char *path;    /* of the socket of a bus, or of the manager's own */
	bool is_private;     /* the manager's own */
	int64_t deadline_ms; /* of systemd_now_ms() */
	struct systemd_listener *listeners;
	uint32_t n;
};

/* Milliseconds of a clock that only runs forward. */
int64_t systemd_now_ms(void);

/*
 * Finds each listener's unit, and the services of those units; texts go to the arena. 0; -ENOMEM;
 * -EOPNOTSUPP without sd-bus; or the errno of what kept some of it away (-ETIMEDOUT; -EBADMSG: not
 * of the right type; -E2BIG: more than is looked through): what is known all the same is filled in.
 */
int systemd_ask(const struct systemd_question *question, struct socket_units *units,
		struct arena *arena);

#endif
