/* SPDX-License-Identifier: MIT */
/*
 * A client of systemd's by sd-bus. Linked, libsystemd with its libraries of compression and
 * cryptography would cost every run 70 page faults and more time than a short run takes in all; so
 * it is loaded when systemd is to be asked.
 *
 * All calls go out at once, and their replies are taken as they come; one poll() alone waits. But
 * sd-bus (252) reads on while there is anything to be read, for one message up to 128 MiB, and
 * would keep neither a deadline nor our bounds. So it is not given the connection but a pair of
 * sockets, whose other end we hold and hand on the bytes at: a few at a time, and not too many in
 * all.
 */
#include "systemd.h"

#include <errno.h>
#include <time.h>

int64_t systemd_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#if HAVE_SD_BUS

#include <ctype.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define LIBRARY "libsystemd.so.0"
#define MANAGER "org.freedesktop.systemd1"

/* No more is read in all. A unit's listing and its replies take half a kilobyte. */
#define RECEIVED_MAX (4u << 20)

/* Longer ones are no units (UNIT_NAME_MAX of systemd's). */
#define UNIT_NAME_MAX 255

#define SYMBOLS(X)                        \
	X(sd_bus_new)                     \
	X(sd_bus_set_fd)                  \
	X(sd_bus_set_bus_client)          \
	X(sd_bus_start)                   \
	X(sd_bus_close)                   \
	X(sd_bus_unref)                   \
	X(sd_bus_process)                 \
	X(sd_bus_call_method_async)       \
	X(sd_bus_message_get_errno)       \
	X(sd_bus_message_enter_container) \
	X(sd_bus_message_read)

struct systemd {
#define MEMBER(name) __typeof__(name) *name;
	SYMBOLS(MEMBER)
#undef MEMBER
	void *library;
	sd_bus *bus;
	int near;         /* our end of the pair; sd-bus's own closes the other */
	int far;          /* the connection */
	char sent[16384]; /* by sd-bus, from sent_begin to sent_end still to be handed on */
	size_t sent_begin, sent_end;
	size_t n_received;
	int64_t deadline_ms;
	uint32_t n_pending; /* calls without a reply */
	int error;          /* of the first reply that was none */
};

/* One call, and where its reply goes. */
struct call {
	struct systemd *systemd;
	struct arena *arena;
	struct socket_units *units;
	struct socket_unit *unit;
	int (*take)(struct call *call, sd_bus_message *message); /* a reply that is no error */
};

static int load(struct systemd *systemd)
{
	/* What was loaded once stays: a program that looks every second needs it again. */
	systemd->library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
	if (!systemd->library)
		return -EOPNOTSUPP;
#define LOAD(name)                                      \
	systemd->name = dlsym(systemd->library, #name); \
	if (!systemd->name)                             \
		return -EOPNOTSUPP;
	SYMBOLS(LOAD)
#undef LOAD
	return 0;
}

static int start(struct systemd *systemd, bool is_private)
{
	int pair[2], r = systemd->sd_bus_new(&systemd->bus);

	if (r >= 0)
		r = systemd->sd_bus_set_bus_client(systemd->bus, !is_private);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	systemd->near = pair[0];
	r = systemd->sd_bus_set_fd(systemd->bus, pair[1], pair[1]);
	if (r < 0)
		close(pair[1]);
	return r < 0 ? r : systemd->sd_bus_start(systemd->bus);
}

static void hang_up(struct systemd *systemd)
{
	if (systemd->bus) {
		systemd->sd_bus_close(systemd->bus);
		systemd->sd_bus_unref(systemd->bus);
	}
	systemd->bus = NULL;
	systemd->n_pending = 0;
}

/* The bytes moved, 0 where there is nothing to be done now, or -errno. */
static ssize_t try(ssize_t moved)
{
	if (moved >= 0)
		return moved;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* Hands on what sd-bus sent, as far as the other side takes it. */
static int hand_out(struct systemd *systemd)
{
	ssize_t n;

	if (systemd->sent_begin == systemd->sent_end) {
		n = try(recv(systemd->near, systemd->sent, sizeof(systemd->sent), 0));
		if (n < 0)
			return (int)n;
		systemd->sent_begin = 0;
		systemd->sent_end = (size_t)n;
	}
	n = try(send(systemd->far, systemd->sent + systemd->sent_begin,
		     systemd->sent_end - systemd->sent_begin, MSG_NOSIGNAL));
	if (n > 0)
		systemd->sent_begin += (size_t)n;
	return n < 0 ? (int)n : 0;
}

/* Hands on what came. sd-bus has read all that it had, so there is room for it. */
static int hand_in(struct systemd *systemd)
{
	char bytes[16384];
	ssize_t n = recv(systemd->far, bytes, sizeof(bytes), 0);

	if (n == 0)
		return -ECONNRESET;
	n = try(n);
	if (n <= 0)
		return (int)n;
	systemd->n_received += (size_t)n;
	if (systemd->n_received > RECEIVED_MAX)
		return -E2BIG;
	return send(systemd->near, bytes, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EIO;
}

/* Takes replies until there is one for each call. */
static int take_replies(struct systemd *systemd)
{
	struct pollfd pollfds[] = { { .fd = systemd->far }, { .fd = systemd->near } };

	while (systemd->n_pending) {
		int64_t left = systemd->deadline_ms - systemd_now_ms();
		bool has_more;
		int r;

		if (left <= 0)
			return -ETIMEDOUT;
		r = systemd->sd_bus_process(systemd->bus, NULL);
		if (r > 0)
			continue;
		if (r == 0)
			r = hand_out(systemd);
		if (r < 0)
			return r;
		has_more = systemd->sent_begin < systemd->sent_end;
		pollfds[0].events = has_more ? POLLIN | POLLOUT : POLLIN;
		pollfds[1].events = has_more ? 0 : POLLIN;
		if (poll(pollfds, 2, (int)left) > 0 && pollfds[0].revents)
			r = hand_in(systemd);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Ends what began with systemd->error = 0 and calls, of which the last returned `r`. A reply that
 * is still to come would find its call gone, so there is no more to be had of this connection.
 */
static int settle(struct systemd *systemd, int r)
{
	if (r >= 0)
		r = take_replies(systemd);
	if (systemd->n_pending)
		hang_up(systemd);
	return r < 0 ? r : systemd->error;
}

static int take_reply(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
	struct call *call = data;
	struct systemd *systemd = call->systemd;
	int r = -systemd->sd_bus_message_get_errno(message);

	(void)reterr;
	systemd->n_pending--;
	if (r == 0)
		r = call->take(call, message);
	if (r < 0 && systemd->error == 0)
		systemd->error = r == -ENXIO ? -EBADMSG : r; /* the types are others */
	return 1;
}

/* Names of units may hold what paths of objects may not: bus_label_escape() of systemd's. */
static void path_of_unit(const char *unit, char path[])
{
	char *to = stpcpy(path, "/org/freedesktop/systemd1/unit/");

	for (const char *c = unit; *c; c++) {
		if (isalpha((unsigned char)*c) || (isdigit((unsigned char)*c) && c > unit))
			*to++ = *c;
		else
			to += sprintf(to, "_%02x", (unsigned char)*c);
	}
	*to = '\0';
}

static int ask(struct call *call, const char *interface, const char *property)
{
	struct systemd *systemd = call->systemd;
	char path[64 + 3 * UNIT_NAME_MAX];
	int r;

	if (!systemd->bus)
		return -ENOTCONN;
	if (strlen(call->unit->name) > UNIT_NAME_MAX)
		return 0;
	path_of_unit(call->unit->name, path);
	r = systemd->sd_bus_call_method_async(systemd->bus, NULL, MANAGER, path,
					      "org.freedesktop.DBus.Properties", "Get", take_reply,
					      call, "ss", interface, property);
	systemd->n_pending += r >= 0;
	return r < 0 ? r : 0;
}

static int take_list(struct call *call, sd_bus_message *message)
{
	const struct systemd *systemd = call->systemd;
	const char *name;
	int r = systemd->sd_bus_message_enter_container(message, 'a', "(ssssssouso)");

	while (r >= 0) {
		if (call->units->units.n >= SYSTEMD_UNITS_MAX)
			return -E2BIG;
		r = systemd->sd_bus_message_read(message, "(ssssssouso)", &name, NULL, NULL, NULL,
						 NULL, NULL, NULL, NULL, NULL, NULL);
		if (r == 0)
			break;
		if (r > 0 && socket_units_add(call->units, call->arena, name) == HARK_NONE)
			return -ENOMEM;
	}
	return r < 0 ? r : 0;
}

static int list_units(struct systemd *systemd, struct socket_units *units, struct arena *arena)
{
	struct call call = { systemd, .units = units, .arena = arena, .take = take_list };
	int r;

	if (!systemd->bus)
		return -ENOTCONN;
	systemd->error = 0;
	r = systemd->sd_bus_call_method_async(systemd->bus, NULL, MANAGER,
					      "/org/freedesktop/systemd1", MANAGER ".Manager",
					      "ListUnitsByPatterns", take_reply, &call, "asas", 1,
					      "active", 1, "*.socket");
	systemd->n_pending += r >= 0;
	return settle(systemd, r);
}

static int take_listen(struct call *call, sd_bus_message *message)
{
	const struct systemd *systemd = call->systemd;
	const char *type, *address;
	struct unit_listen listen;
	int r = systemd->sd_bus_message_enter_container(message, 'v', "a(ss)");

	if (r >= 0)
		r = systemd->sd_bus_message_enter_container(message, 'a', "(ss)");
	while (r >= 0) {
		if (call->unit->listens.n >= SYSTEMD_LISTENS_MAX)
			return -E2BIG;
		r = systemd->sd_bus_message_read(message, "(ss)", &type, &address);
		if (r == 0)
			break;
		if (r < 0 || !unit_listen_parse(type, address, &listen))
			continue;
		if (array_reserve(&call->unit->listens, 1u) < 0)
			return -ENOMEM;
		call->unit->listens.items[call->unit->listens.n++] = listen;
	}
	return r < 0 ? r : 0;
}

static int ask_listens(struct systemd *systemd, struct socket_units *units)
{
	struct call *calls = reallocarray(NULL, units->units.n + 1, sizeof(*calls));
	int r = calls ? 0 : -ENOMEM;

	systemd->error = 0;
	for (uint32_t i = 0; i < units->units.n && r >= 0; i++) {
		calls[i] = (struct call){ .systemd = systemd,
					  .unit = &units->units.items[i],
					  .take = take_listen };
		r = ask(&calls[i], MANAGER ".Socket", "Listen");
	}
	r = settle(systemd, r);
	free(calls);
	return r;
}

/* The first service among what it starts. */
static int take_triggers(struct call *call, sd_bus_message *message)
{
	const struct systemd *systemd = call->systemd;
	const char *name, *dot;
	int r = systemd->sd_bus_message_enter_container(message, 'v', "as");

	if (r >= 0)
		r = systemd->sd_bus_message_enter_container(message, 'a', "s");
	while (r >= 0) {
		r = systemd->sd_bus_message_read(message, "s", &name);
		if (r == 0)
			break;
		dot = r < 0 ? NULL : strrchr(name, '.');
		if (!dot || strcmp(dot, ".service"))
			continue;
		call->unit->service = arena_strdup(call->arena, name);
		return call->unit->service ? 0 : -ENOMEM;
	}
	return r < 0 ? r : 0;
}

static int take_accept(struct call *call, sd_bus_message *message)
{
	int is_on, r = call->systemd->sd_bus_message_read(message, "v", "b", &is_on);

	if (r < 0)
		return r;
	call->unit->accept = is_on ? HARK_YES : HARK_NO;
	return 0;
}

static int ask_services(struct systemd *systemd, struct socket_units *units, struct arena *arena)
{
	struct call *calls = reallocarray(NULL, units->units.n + 1, 2 * sizeof(*calls)), *call;
	int r = calls ? 0 : -ENOMEM;

	systemd->error = 0;
	for (uint32_t i = 0; i < units->units.n && r >= 0; i++) {
		if (!units->units.items[i].is_wanted)
			continue;
		call = &calls[2 * i];
		call[0] = (struct call){ .systemd = systemd,
					 .arena = arena,
					 .unit = &units->units.items[i],
					 .take = take_triggers };
		call[1] = call[0];
		call[1].take = take_accept;
		r = ask(&call[0], MANAGER ".Unit", "Triggers");
		if (r >= 0)
			r = ask(&call[1], MANAGER ".Socket", "Accept");
	}
	r = settle(systemd, r);
	free(calls);
	return r;
}

/* What is known already may be all that is to be known; the first error is what is told. */
static int ask_all(struct systemd *systemd, const struct systemd_question *question,
		   struct socket_units *units, struct arena *arena)
{
	bool is_unit_missing = false;
	int r = 0, error = 0;

	for (uint32_t i = 0; i < question->n; i++)
		is_unit_missing |= question->listeners[i].unit == HARK_NONE &&
				   question->listeners[i].may_be_found;
	if (is_unit_missing) {
		error = list_units(systemd, units, arena);
		r = ask_listens(systemd, units);
	}
	for (uint32_t i = 0; i < question->n; i++) {
		struct systemd_listener *listener = &question->listeners[i];

		if (listener->unit == HARK_NONE && listener->may_be_found)
			listener->unit = socket_units_match(units, listener->socket);
		if (listener->unit != HARK_NONE)
			units->units.items[listener->unit].is_wanted = true;
	}
	error = error ? error : r;
	r = ask_services(systemd, units, arena);
	return error ? error : r;
}

int systemd_ask(const struct systemd_question *question, struct socket_units *units,
		struct arena *arena)
{
	struct hark_source *source = question->source;
	struct systemd systemd = { .near = -1, .deadline_ms = question->deadline_ms };
	int r;

	systemd.far = source->ops->connect ? source->ops->connect(source, question->path) : -ENOENT;
	r = systemd.far < 0 ? systemd.far : load(&systemd);
	if (r >= 0)
		r = start(&systemd, question->is_private);
	if (r >= 0)
		r = ask_all(&systemd, question, units, arena);
	hang_up(&systemd);
	if (systemd.near >= 0)
		close(systemd.near);
	if (systemd.far >= 0)
		close(systemd.far);
	if (systemd.library)
		dlclose(systemd.library);
	return r;
}

#else

int systemd_ask(const struct systemd_question *question, struct socket_units *units,
		struct arena *arena)
{
	(void)question;
	(void)units;
	(void)arena;
	return -EOPNOTSUPP;
}

#endif
