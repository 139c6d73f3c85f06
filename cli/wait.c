/* SPDX-License-Identifier: MIT */
/*
 * hark wait: return when it answers, or no longer does.
 *
 * It looks a hundred times a second at most, by a glance: a dump of the listeners of the ports that
 * are meant. Only where that shows another picture than before, and now and then where it shows
 * any, is a snapshot taken that tells what answers; holders are looked for where a selector asks
 * for them, and once at the end. Each way of looking has its share of a CPU, and rests so long that
 * it keeps to it, however large the host is.
 */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hark/glance.h>

#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"

#define TIMEOUT_SECONDS  30.0
#define MS_NS            1000000u
#define GLANCE_EACH_NS   (8 * MS_NS)
#define GLANCE_SHARE     50 /* it rests that many times as long as it worked */
#define LOOK_EACH_NS     (250 * MS_NS)
#define LOOK_SHARE       20
#define LOOK_AGAIN_SHARE 100 /* where there is no sign of a change */
#define BOTH             ((1u << HARK_FAMILY_INET) | (1u << HARK_FAMILY_INET6))

/* A socket that answers. */
struct answering {
	uint64_t identity;
	uint32_t families;
};

struct wait {
	const struct options *options;
	struct hark_selection *selection; /* what is watched, without -4 and -6: see `need` */
	struct hark_selection *shown;     /* what is told in the end */
	uint32_t need;                    /* families, 1 << enum hark_family: each of them; or */
	uint32_t any_of;                  /* one of these, if need is 0 */
	uint64_t timeout_ns, stable_ns;
	struct hark_glance seen;         /* when the last snapshot was taken */
	uint64_t rested_ns, look_due_ns; /* when a snapshot may, and shall, be taken again */
	struct hark_snapshot *snapshot;  /* the last; NULL: none was needed yet */
	uint64_t taken_ns;               /* CPU time that snapshots took */
	/* those that have answered since it began to hold; of the rest, families that may */
	struct answering *answering;
	uint32_t n_answering, maybe;
	uint64_t since_ns; /* what is waited for holds since then; 0: it does not */
};

static uint64_t used_cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static bool is_enough(const struct wait *wait, uint32_t families)
{
	return wait->need ? (families & wait->need) == wait->need : families & wait->any_of;
}

static bool is_any(const struct wait *wait, uint32_t families)
{
	return families & (wait->need ? wait->need : wait->any_of);
}

static uint32_t families_of(const struct answering *answering, uint32_t n)
{
	uint32_t families = 0;

	for (uint32_t i = 0; i < n; i++)
		families |= answering[i].families;
	return families;
}

/* Of those that answered before, what is left. */
static uint32_t intersect(struct answering *before, uint32_t n, const struct answering *now,
			  uint32_t n_now)
{
	uint32_t n_left = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t families = 0;

		for (uint32_t k = 0; k < n_now; k++)
			if (now[k].identity == before[i].identity)
				families |= now[k].families;
		before[i].families &= families;
		if (before[i].families)
			before[n_left++] = before[i];
	}
	return n_left;
}

static struct answering read_socket(struct wait *wait, const struct hark_snapshot *snapshot,
				    uint32_t i)
{
	const struct hark_socket *socket = hark_snapshot_socket(snapshot, i);
	const struct hark_listener *listener = hark_snapshot_listener(snapshot, socket->listener);
	struct answering answering = { socket->cookie ? socket->cookie : socket->inode, 0 };

	for (int family = 0; listener && family < HARK_FAMILY_N_; family++) {
		switch ((enum hark_verdict)listener->answers[family].verdict) {
		case HARK_VERDICT_ALL:
		case HARK_VERDICT_SOME:
			answering.families |= 1u << family;
			break;
		case HARK_VERDICT_UNKNOWN:
			wait->maybe |= 1u << family;
			break;
		case HARK_VERDICT_NONE:
		case HARK_VERDICT_N_:
			break;
		}
	}
	return answering;
}

static void hold(struct wait *wait, bool holds, bool is_new)
{
	if (!holds)
		wait->since_ns = 0;
	else if (!wait->since_ns || is_new)
		wait->since_ns = query_clock_ns();
}

/*
 * What the snapshot says (NULL: nothing listens). What answers is stable as long as one and the
 * same socket does, whoever joins it.
 */
static int conclude(struct wait *wait, const struct hark_snapshot *snapshot)
{
	uint32_t n = snapshot ? hark_snapshot_n_sockets(snapshot) : 0, n_now = 0;
	struct answering *now = calloc(n ? n : 1, sizeof(*now));
	bool is_new;

	if (!now)
		return -ENOMEM;
	wait->maybe = snapshot && hark_snapshot_n_undecided(snapshot) ? BOTH : 0;
	for (uint32_t i = 0; i < n; i++) {
		now[n_now] = read_socket(wait, snapshot, i);
		n_now += now[n_now].families != 0;
	}
	wait->n_answering = intersect(wait->answering, wait->n_answering, now, n_now);
	is_new = !is_enough(wait, families_of(wait->answering, wait->n_answering));
	if (wait->options->gone)
		hold(wait, !is_any(wait, families_of(now, n_now) | wait->maybe), false);
	else
		hold(wait, is_enough(wait, families_of(now, n_now)), is_new);
	if (is_new) {
		free(wait->answering);
		wait->answering = now;
		wait->n_answering = n_now;
	} else {
		free(now);
	}
	return 0;
}

static int fail(const char *why)
{
	complain("%s", why);
	return STATUS_FAILED;
}

/* 0 or a status. */
static int take(struct wait *wait, const struct hark_query *query)
{
	struct hark_snapshot *snapshot;
	struct hark_error error;
	uint64_t used_ns = used_cpu_ns(), now;
	int r = hark_snapshot_take(query, &snapshot, &error);

	if (r == 0) {
		hark_snapshot_free(wait->snapshot);
		wait->snapshot = snapshot;
		r = conclude(wait, snapshot);
	}
	if (r < 0)
		return fail(r == -ENOMEM ? strerror(ENOMEM) : error.text);
	used_ns = used_cpu_ns() - used_ns;
	wait->taken_ns += used_ns;
	now = query_clock_ns();
	wait->rested_ns = now + used_ns * LOOK_SHARE;
	used_ns *= LOOK_AGAIN_SHARE;
	wait->look_due_ns = now + (used_ns > LOOK_EACH_NS ? used_ns : LOOK_EACH_NS);
	return 0;
}

/* Some namespaces come to light by the search for holders alone. */
static struct hark_query query_of(const struct wait *wait, const struct hark_selection *selection)
{
	const struct options *options = wait->options;
	bool has_holders = options->all_namespaces && options->holders != HOLDERS_NONE;

	return (struct hark_query){
		.details = HARK_DETAIL_ANSWERS | (has_holders ? HARK_DETAIL_HOLDERS : 0),
		.selection = selection,
		.all_namespaces = options->all_namespaces,
		.holders_way = query_holders_way(options),
	};
}

/*
 * Looks, by as little as will do; `is_last`: there is no other time. 0 or a status. Other network
 * namespaces cannot be glanced at.
 */
static int look(struct wait *wait, bool is_last)
{
	struct hark_query query = query_of(wait, wait->selection);
	struct hark_glance seen = { .n_sockets = 0 };
	struct hark_error error;
	uint64_t now;
	int r = hark_glance(&query, &seen, &error);
	bool is_blind = r == -EOPNOTSUPP, is_other;

	if (r < 0 && !is_blind)
		return fail(error.text);
	now = query_clock_ns();
	is_other = seen.n_sockets != wait->seen.n_sockets || seen.digest != wait->seen.digest;
	if (!is_last && !is_blind && !seen.n_sockets) {
		wait->seen = seen;
		return conclude(wait, NULL) < 0 ? fail(strerror(ENOMEM)) : 0;
	}
	if (!is_last && now < (is_other ? wait->rested_ns : wait->look_due_ns))
		return 0;
	wait->seen = seen;
	return take(wait, &query);
}

static int render(const struct wait *wait, int fd)
{
	struct render_options options = screen_options(fd, wait->options);
	struct out out;
	int r;

	out_init(&out, fd);
	if (wait->options->format == FORMAT_JSON)
		r = render_json(&out, wait->snapshot, &options);
	else
		r = render_table(&out, wait->snapshot, &options);
	out_fini(&out);
	return status_of_writing(r);
}

/* COMMAND takes our place, so that signals go to it, and its exit status is ours. */
static int run_command(char **command)
{
	execvp(command[0], command);
	complain("%s: %s", command[0], strerror(errno));
	return errno == ENOENT ? STATUS_NO_COMMAND : STATUS_NO_PROGRAM;
}

/*
 * Once more, with all that is told: a status where the wait is over, else -1. What is written goes
 * out of the way of what COMMAND writes.
 */
static int finish(struct wait *wait)
{
	const struct options *options = wait->options;
	struct hark_query query = query_of(wait, wait->shown);
	int fd = options->then ? STDERR_FILENO : STDOUT_FILENO, r;

	if (options->format == FORMAT_JSON)
		query.details = HARK_DETAIL_ALL;
	else if (!options->gone)
		query.details |= HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP;
	if (options->holders == HOLDERS_NONE)
		query.details &= HARK_DETAIL_ANSWERS;
	r = take(wait, &query);
	if (r != 0)
		return r;
	if (!wait->since_ns || query_clock_ns() - wait->since_ns < wait->stable_ns)
		return -1;
	r = options->gone && options->format != FORMAT_JSON ? STATUS_MATCHED : render(wait, fd);
	query_tell_notes(wait->snapshot, options);
	if (r == STATUS_MATCHED && options->strict && !hark_snapshot_is_complete(wait->snapshot))
		r = STATUS_FAILED;
	return r == STATUS_MATCHED && options->then ? run_command(options->then) : r;
}

static const char *tell_families(uint32_t families)
{
	if (families == BOTH)
		return " IPv4 and IPv6";
	return families & 1u << HARK_FAMILY_INET ? " IPv4" : families ? " IPv6" : "";
}

static double seconds_of(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* Time ran out: a status. */
static int give_up(const struct wait *wait)
{
	const struct options *options = wait->options;
	const char *families = tell_families(wait->need);
	bool is_unknown = is_any(wait, wait->maybe);

	query_tell_notes(wait->snapshot, options);
	if (wait->since_ns) {
		complain("time ran out: it %s%s, but not yet for %g s without a break",
			 options->gone ? "no longer answers" : "answers", families,
			 seconds_of(wait->stable_ns));
		return STATUS_NOTHING;
	}
	if (options->gone && !is_unknown) {
		complain("time ran out: it still answers%s after %g s", families,
			 seconds_of(wait->timeout_ns));
		return STATUS_NOTHING;
	}
	if (!hark_snapshot_n_sockets(wait->snapshot)) {
		complain("time ran out: nothing answered%s in %g s", families,
			 seconds_of(wait->timeout_ns));
		if (!hark_selection_is_local(wait->selection, wait->snapshot))
			complain("that is no address of this host, and no other is waited for");
		return query_status(wait->snapshot, options, 0);
	}
	if (is_unknown) {
		complain("time ran out: whether what listens there answers%s cannot be told",
			 families);
		return STATUS_FAILED;
	}
	complain("time ran out: something listens there, but does not answer%s (hark explain)",
		 families);
	return STATUS_NOTHING;
}

static void sleep_until(uint64_t ns)
{
	struct timespec until = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long to rest for what was used since, sleep itself included; what snapshots took apart. */
static uint64_t rest_for(const struct wait *wait, uint64_t *counted_ns)
{
	uint64_t used_ns = used_cpu_ns() - wait->taken_ns, rest_ns;

	rest_ns = (used_ns - *counted_ns) * GLANCE_SHARE;
	*counted_ns = used_ns;
	return rest_ns > GLANCE_EACH_NS ? rest_ns : GLANCE_EACH_NS;
}

/* A last look that came late tells nothing of what was before the deadline. */
static bool has_held(const struct wait *wait, uint64_t deadline_ns)
{
	uint64_t until_ns = wait->since_ns + wait->stable_ns;

	return wait->since_ns &&
	       (!wait->stable_ns || until_ns <= earlier(query_clock_ns(), deadline_ns));
}

static int wait_for(struct wait *wait)
{
	uint64_t deadline_ns = query_clock_ns() + wait->timeout_ns;
	uint64_t counted_ns = used_cpu_ns(), next_ns;

	for (;;) {
		bool is_last = query_clock_ns() >= deadline_ns;
		int r = look(wait, is_last);

		if (r != 0)
			return r;
		if (has_held(wait, deadline_ns)) {
			r = finish(wait);
			if (r >= 0)
				return r;
		}
		if (is_last)
			return give_up(wait);
		next_ns = query_clock_ns() + rest_for(wait, &counted_ns);
		if (wait->since_ns)
			next_ns = earlier(next_ns, wait->since_ns + wait->stable_ns);
		sleep_until(earlier(next_ns, deadline_ns));
	}
}

static void leave(int number)
{
	_exit(128 + number);
}

/* The first process of a container gets no signal that it does not handle. */
static void heed_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction action = { .sa_handler = leave }, old;

	for (size_t i = 0; getpid() == 1 && i < sizeof(numbers) / sizeof(*numbers); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(numbers[i], &action, NULL);
}

static int refuse(const struct options *options, const struct wait *wait)
{
	if (!options->n_words && !options->protocols) {
		complain("wait for what? A port, say: hark wait 80");
		return STATUS_USAGE;
	}
	if (options->then && !*options->then) {
		complain("behind -- comes a command to run");
		return STATUS_USAGE;
	}
	if (options->all_states) {
		complain("wait is for listeners: nothing else answers");
		return STATUS_USAGE;
	}
	if (query_names_ports_apart(options)) {
		complain(
			"no socket has all of these ports: for any of them, put commas between; for each, "
			"wait for one after the other");
		return STATUS_USAGE;
	}
	if (wait->need & ~wait->any_of) {
		complain("what answers at these addresses is not%s",
			 tell_families(wait->need & ~wait->any_of));
		return STATUS_USAGE;
	}
	if (wait->stable_ns > wait->timeout_ns) {
		complain("--stable %g s is longer than --timeout %g s", seconds_of(wait->stable_ns),
			 seconds_of(wait->timeout_ns));
		return STATUS_USAGE;
	}
	return 0;
}

int wait_run(const struct options *given)
{
	struct options options = *given, watched = *given;
	double timeout = options.timeout_seconds > 0 ? options.timeout_seconds : TIMEOUT_SECONDS;
	struct wait wait = { .options = &options,
			     .need = options.families,
			     .timeout_ns = (uint64_t)(timeout * 1e9),
			     .stable_ns = (uint64_t)(options.stable_seconds * 1e9) };
	int r = query_select(&options, &wait.shown);

	watched.families = 0;
	if (r == 0)
		r = query_select(&watched, &wait.selection);
	if (r == 0) {
		wait.any_of = hark_selection_families(wait.selection);
		r = refuse(&options, &wait);
	}
	if (r == 0) {
		heed_signals();
		r = wait_for(&wait);
	}
	hark_snapshot_free(wait.snapshot);
	hark_selection_free(wait.selection);
	hark_selection_free(wait.shown);
	free(wait.answering);
	return r;
}
