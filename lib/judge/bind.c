/* SPDX-License-Identifier: MIT */
/*
 * Whether a socket could be bound, and what is in the way: reasoned from the snapshot by the
 * kernel's rules, and held against a real try. Two things the snapshot cannot tell are left to the
 * try: the SO_REUSEADDR and SO_REUSEPORT of other sockets, which no interface of the kernel tells,
 * and what security modules and BPF programs make of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bind_verdict.h"

void bind_add(struct hark_bind_verdict *verdict, struct hark_obstacle obstacle)
{
	struct hark_obstacle *added = array_push(&verdict->obstacles);

	verdict->words.has_failed |= !added;
	if (added)
		*added = obstacle;
}

const char *bind_place_text(struct hark_bind_verdict *verdict)
{
	const struct hark_bind_wish *wish = &verdict->want.wish;
	struct hark_addr addr = wish->addr;

	addr.scope_id = hark_addr_is_link_local(&addr) ? verdict->want.device : 0;
	return endpoint_text(&verdict->words, 0, &addr, wish->port);
}

/* What the obstacles make of it, the first of which is the one that bind(2) meets. */
static void reason(struct hark_bind_verdict *verdict)
{
	enum hark_tristate is_taken;
	uint32_t n;

	bind_find_obstacles(verdict);
	n = verdict->obstacles.n;
	/* On an interface that is not there nobody is in the way. */
	is_taken = verdict->want.has_device ? bind_find_sockets(verdict) : HARK_NO;
	verdict->reasoned = is_taken == HARK_NO  ? HARK_YES :
			    is_taken == HARK_YES ? HARK_NO :
						   HARK_UNKNOWN;
	if (is_taken == HARK_YES)
		verdict->reasoned_error = -EADDRINUSE;
	for (uint32_t i = n; i-- > 0;) {
		const struct hark_obstacle *obstacle = &verdict->obstacles.items[i];

		if (obstacle->certainty == HARK_YES) {
			verdict->reasoned = HARK_NO;
			verdict->reasoned_error = obstacle->error;
		} else if (verdict->reasoned == HARK_YES) {
			verdict->reasoned = HARK_UNKNOWN;
		}
	}
}

/* Keeps those obstacles that are sure. */
static void drop_unsure(struct hark_bind_verdict *verdict)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < verdict->obstacles.n; i++)
		if (verdict->obstacles.items[i].certainty == HARK_YES)
			verdict->obstacles.items[kept++] = verdict->obstacles.items[i];
	verdict->obstacles.n = kept;
}

/* Whether an obstacle explains the error; one that perhaps does, if it is the only one, does. */
static bool explains(struct hark_bind_verdict *verdict, int error)
{
	struct hark_obstacle *only = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < verdict->obstacles.n; i++) {
		struct hark_obstacle *obstacle = &verdict->obstacles.items[i];

		if (obstacle->error != error)
			continue;
		if (obstacle->certainty == HARK_YES)
			return true;
		only = obstacle;
		n++;
	}
	if (n == 1)
		only->certainty = HARK_YES;
	return n > 0;
}

static const struct hark_obstacle unexplained_denial = {
	.code = "lsm-or-bpf",
	.text = "Nothing that can be read explains the refusal: a security module (SELinux, "
		"AppArmor, Landlock), a BPF program of the control group, or a seccomp filter denies "
		"it to this program.",
	.help = "look for the denial (ausearch -m avc, dmesg), at the BPF programs of the control "
		"group (bpftool cgroup tree), at systemd's SocketBindDeny=, RestrictAddressFamilies= "
		"and IPAddressDeny=",
};

static const struct hark_obstacle unexplained_use = {
	.code = "unseen-socket",
	.text = "A socket has the port that is on no list: one that is bound and neither listens nor "
		"is connected is told of by Linux 6.8 and later alone.",
	.help = "find the program by its descriptors (hark cannot see it), or take another port",
};

static void add_unexplained(struct hark_bind_verdict *verdict)
{
	const struct hark_bind_trial *trial = verdict->trial;
	const char *step = hark_bind_step_name((enum hark_bind_step)trial->step);
	struct hark_obstacle obstacle = {
		.code = "unexplained",
		.text = say(&verdict->words,
			    "The step \"%s\" failed, and nothing that was read explains it.", step),
	};

	if (trial->error == -EADDRINUSE)
		obstacle = unexplained_use;
	else if (trial->step == HARK_BIND_USER)
		obstacle = (struct hark_obstacle){
			.code = "user-denied",
			.text = "To try as another user takes root.",
			.help = "run hark as root, or as that user",
		};
	else if (trial->step == HARK_BIND_OPTIONS && trial->error == -EPERM)
		obstacle = (struct hark_obstacle){
			.code = "device-denied",
			.text = "SO_BINDTODEVICE is denied: before Linux 5.7 it takes CAP_NET_RAW.",
			.help = "CAP_NET_RAW",
		};
	else if (trial->error == -EPERM || trial->error == -EACCES)
		obstacle = unexplained_denial;
	obstacle.socket = HARK_NONE;
	obstacle.error = trial->error;
	obstacle.certainty = HARK_YES;
	obstacle.evidence = say(&verdict->words, "%s: %s", step, strerror(-trial->error));
	bind_add(verdict, obstacle);
}

static void add_moved(struct hark_bind_verdict *verdict)
{
	const struct hark_bind_trial *trial = verdict->trial;
	const char *to = endpoint_text(&verdict->words, 0, &trial->to, trial->to_port);

	bind_add(verdict,
		 (struct hark_obstacle){
			 .code = "rewritten",
			 .text = say(
				 &verdict->words,
				 "It was bound to %s instead: a BPF program of the control group "
				 "rewrites addresses.",
				 to),
			 .evidence = say(&verdict->words, "getsockname: %s", to),
			 .help = "see which program does: bpftool cgroup tree",
			 .socket = HARK_NONE,
			 .certainty = HARK_YES,
		 });
}

static void hold_against_trial(struct hark_bind_verdict *verdict)
{
	const struct hark_bind_trial *trial = verdict->trial;

	verdict->can = verdict->reasoned;
	verdict->error = verdict->reasoned_error;
	if (!trial || trial->step == HARK_BIND_NOT_TRIED)
		return;
	if (trial->step == HARK_BIND_USER) {
		/* It was not tried, so the reasoning stands. */
		add_unexplained(verdict);
		return;
	}
	verdict->can = trial->step == HARK_BIND_DONE ? HARK_YES : HARK_NO;
	verdict->error = trial->error;
	verdict->disagrees =
		verdict->reasoned != HARK_UNKNOWN &&
		(verdict->reasoned != verdict->can || verdict->reasoned_error != trial->error);
	if (trial->error == -EADDRINUSE && verdict->want.wish.protocol == HARK_PROTOCOL_TCP)
		bind_settle_sockets(verdict);
	if (verdict->can == HARK_YES)
		drop_unsure(verdict);
	else if (!explains(verdict, trial->error))
		add_unexplained(verdict);
}

static const char *option_help(struct hark_bind_verdict *verdict)
{
	static const struct {
		enum hark_bind_option option;
		const char *text;
	} options[] = {
		{ HARK_BIND_V6ONLY, "set IPV6_V6ONLY (tried: then it can, for IPv6 alone)" },
		{ HARK_BIND_REUSEADDR, "set SO_REUSEADDR (tried: then it can)" },
		{ HARK_BIND_REUSEPORT,
		  "set SO_REUSEPORT (tried: then it can, and shares what arrives)" },
	};
	const char *list = NULL;

	for (size_t i = 0; verdict->trial && i < sizeof(options) / sizeof(*options); i++)
		if (verdict->trial->helps & options[i].option)
			list = append_text(&verdict->words, list, "; or ", options[i].text);
	return list;
}

/* What has to go, all of it; or an option. */
static const char *find_help(struct hark_bind_verdict *verdict)
{
	const char *list = NULL, *options = option_help(verdict);
	uint32_t n = 0;

	for (uint32_t i = 0; i < verdict->obstacles.n; i++) {
		const char *help = verdict->obstacles.items[i].help;
		bool is_told = !help;

		for (uint32_t j = 0; j < i && !is_told; j++)
			is_told = verdict->obstacles.items[j].help &&
				  !strcmp(verdict->obstacles.items[j].help, help);
		if (is_told)
			continue;
		if (n++ < MAX_LISTED)
			list = append_text(&verdict->words, list, ", and ", help);
	}
	if (n > MAX_LISTED)
		list = say(&verdict->words, "%s, and %u more", list, n - MAX_LISTED);
	return options && list ? say(&verdict->words, "%s; or %s", options, list) :
	       options         ? options :
				 list;
}

int hark_bind_judge(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
		    const struct hark_bind_flags *flags, const struct hark_bind_trial *trial,
		    struct hark_bind_verdict **ret)
{
	struct hark_bind_verdict *verdict;

	if (!snapshot->ports || !snapshot->namespaces.n)
		return -EINVAL;
	verdict = calloc(1, sizeof(*verdict));
	if (!verdict)
		return -ENOMEM;
	verdict->words.snapshot = snapshot;
	verdict->want = bind_resolve(snapshot, wish);
	verdict->flags = flags;
	verdict->trial = trial;
	reason(verdict);
	hold_against_trial(verdict);
	verdict->help = find_help(verdict);
	if (trial && trial->is_moved)
		add_moved(verdict);
	bind_find_warnings(verdict);
	if (verdict->words.has_failed) {
		hark_bind_verdict_free(verdict);
		return -ENOMEM;
	}
	*ret = verdict;
	return 0;
}

void hark_bind_verdict_free(struct hark_bind_verdict *verdict)
{
	if (!verdict)
		return;
	array_fini(&verdict->obstacles);
	arena_fini(&verdict->words.arena);
	free(verdict);
}

enum hark_tristate hark_bind_reasoned(const struct hark_bind_verdict *verdict, int *ret_error)
{
	*ret_error = verdict->reasoned_error;
	return (enum hark_tristate)verdict->reasoned;
}

enum hark_tristate hark_bind_can(const struct hark_bind_verdict *verdict, int *ret_error)
{
	*ret_error = verdict->error;
	return (enum hark_tristate)verdict->can;
}

bool hark_bind_disagrees(const struct hark_bind_verdict *verdict)
{
	return verdict->disagrees;
}

const struct hark_obstacle *hark_bind_obstacle(const struct hark_bind_verdict *verdict, uint32_t i)
{
	return i < verdict->obstacles.n ? &verdict->obstacles.items[i] : NULL;
}

const char *hark_bind_help(const struct hark_bind_verdict *verdict)
{
	return verdict->help;
}

const char *hark_bind_step_name(enum hark_bind_step step)
{
	static const char *const names[] = {
		[HARK_BIND_NOT_TRIED] = "not-tried", [HARK_BIND_USER] = "user",
		[HARK_BIND_SOCKET] = "socket",       [HARK_BIND_OPTIONS] = "options",
		[HARK_BIND_BIND] = "bind",           [HARK_BIND_LISTEN] = "listen",
		[HARK_BIND_DONE] = "done",
	};

	return (unsigned int)step < HARK_BIND_STEP_N_ ? names[step] : NULL;
}
