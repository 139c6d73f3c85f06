/* SPDX-License-Identifier: MIT */
/* hark lsof: the sockets of processes, in the words of lsof 4.95. */
#include "lsof.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"

#define STATUS_WRONG 1 /* usage; or something that was asked for was not found */

void lsof_complain(struct lsof *lsof, const char *format, ...)
{
	va_list args;
	char *text;

	lsof->has_failed = true;
	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0) {
		compat_complain(lsof->name, "%s", text);
		free(text);
	}
	va_end(args);
}

void lsof_fini(struct lsof *lsof)
{
	for (uint32_t i = 0; i < lsof->commands.n; i++)
		if (lsof->commands.items[i].is_regex)
			regfree(&lsof->commands.items[i].regex);
	array_fini(&lsof->commands);
	array_fini(&lsof->addresses);
	array_fini(&lsof->fds);
	array_fini(&lsof->pids.list);
	array_fini(&lsof->groups.list);
	array_fini(&lsof->users.list);
	arena_fini(&lsof->arena);
}

/* Only states that listeners of TCP have were asked for. */
static bool wants_listeners_only(const struct lsof *lsof)
{
	for (unsigned int i = 0; i < LSOF_N_STATES; i++)
		if (lsof->states[i] == LSOF_STATE_INCLUDED &&
		    strcmp(lsof_state_name(i), "LISTEN") != 0)
			return false;
	return lsof->n_states_included > 0;
}

/* A mask of those that can match. UDP has two states, which TCP has as well. */
static uint32_t choose_protocols(const struct lsof *lsof)
{
	const uint32_t udp = 1u << HARK_PROTOCOL_UDP | 1u << HARK_PROTOCOL_UDPLITE;
	const uint32_t tcp = 1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_MPTCP;
	uint32_t wanted = 0;

	if (wants_listeners_only(lsof))
		return tcp;
	for (uint32_t i = 0; i < lsof->addresses.n; i++) {
		const char *protocol = lsof->addresses.items[i].protocol;

		if (!protocol)
			wanted |= udp | tcp;
		else
			wanted |= strcmp(protocol, "tcp") == 0 ? tcp : udp;
	}
	if (lsof->has_net || lsof->n_states_included)
		wanted |= udp | tcp;
	return wanted;
}

static bool names_version(const struct lsof *lsof, uint8_t version)
{
	bool is_named = lsof->has_net && lsof->net_version == version;

	for (uint32_t i = 0; i < lsof->addresses.n; i++)
		is_named |= lsof->addresses.items[i].version == version;
	return is_named;
}

/* Those of processes alone. */
static uint32_t choose_process_details(const struct lsof *lsof)
{
	bool needs_stat = lsof->tells_parent || lsof->tells_group || lsof->groups.list.n;

	return needs_stat ? HARK_DETAIL_PROCESS : HARK_DETAIL_OWNER;
}

static uint32_t choose_details(struct lsof *lsof)
{
	uint32_t details = HARK_DETAIL_HOLDERS | choose_process_details(lsof);

	if (lsof->flags != LSOF_FLAGS_NONE)
		details |= HARK_DETAIL_FLAGS;
	if (lsof->criteria & LSOF_TASK)
		details |= HARK_DETAIL_TASKS;
	lsof->tells_left_out = !lsof->is_truth && isatty(STDERR_FILENO) && names_version(lsof, 4);
	if (lsof->is_truth || lsof->tells_left_out)
		details |= HARK_DETAIL_ANSWERS;
	return details;
}

static int take(struct lsof *lsof, const struct hark_query *query, struct hark_snapshot **ret)
{
	struct hark_error error = { .text = "memory ran out" };
	int r = hark_snapshot_take(query, ret, &error);

	if (r < 0)
		lsof_complain(lsof, "%s", error.text);
	return r;
}

static int take_sockets(struct lsof *lsof, struct hark_snapshot **ret)
{
	struct hark_selection *selection;
	struct hark_query query = { .all_states = !wants_listeners_only(lsof),
				    .holders_way = compat_holders_way(),
				    .kernel_order = true };
	int r = hark_selection_new(&selection);

	if (r < 0)
		return r;
	query.details = choose_details(lsof);
	query.selection = selection;
	hark_selection_set_protocols(selection, choose_protocols(lsof));
	if (lsof->criteria & (LSOF_NET | LSOF_ADDRESS) || lsof->n_states_included)
		query.tables |= HARK_TABLE_INTERNET;
	if (lsof->criteria & LSOF_UNIX)
		query.tables |= HARK_TABLE_UNIX;
	r = take(lsof, &query, ret);
	hark_selection_free(selection);
	return r;
}

/*
 * A process is found even when it has no socket: who holds none of them is looked for among all
 * processes, where there is need.
 */
static int seek_processes(struct lsof *lsof)
{
	struct hark_query query = { .tables = HARK_TABLE_PROCESSES, .kernel_order = true };
	struct hark_snapshot *snapshot;
	int r;

	if (!lsof_misses_processes(lsof))
		return 0;
	query.details = choose_process_details(lsof);
	r = take(lsof, &query, &snapshot);
	if (r < 0)
		return r;
	lsof_mark_processes(lsof, snapshot);
	hark_snapshot_free(snapshot);
	return 0;
}

static void put_marker(const struct lsof *lsof, struct out *out)
{
	char text[1024] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (lsof->marker && localtime_r(&now, &tm))
		strftime(text, sizeof(text), lsof->marker, &tm);
	if (lsof->has_fields)
		out_char(out, 'm');
	out_text(out, lsof->marker || lsof->has_fields ? text : "=======");
	if (lsof->has_fields && lsof->terminator == '\0')
		out_char(out, '\0');
	out_char(out, '\n');
}

/* Those that -i4 left out though IPv4 reaches them: one line, for a person. */
static void tell_left_out(const struct lsof *lsof, uint32_t n, int argc, char **argv)
{
	const char *front = strcmp(program_invocation_short_name, "lsof") == 0 ? "" : "hark ";
	struct out words;

	if (!n)
		return;
	out_init(&words, -1);
	for (int i = 1; i < argc; i++) {
		out_char(&words, ' ');
		out_text(&words, argv[i]);
	}
	compat_complain(lsof->name,
			n == 1 ? "%u IPv6 socket not shown also answers IPv4: %slsof --truth%.*s" :
				 "%u IPv6 sockets not shown also answer IPv4: %slsof --truth%.*s",
			n, front, (int)words.n, words.bytes ? words.bytes : "");
	out_fini(&words);
}

/* One listing. 0, or -errno when it could not be had or told; *ret_n is how many files it has. */
static int list(struct lsof *lsof, struct lsof_names *names, struct out *out, uint32_t *ret_n,
		uint32_t *ret_left_out)
{
	struct hark_snapshot *snapshot;
	struct lsof_files files;
	int r = take_sockets(lsof, &snapshot);

	if (r < 0)
		return r;
	r = lsof_select(lsof, snapshot, &files);
	if (r == 0 && lsof->is_terse)
		lsof_print_pids(&files, out);
	else if (r == 0 && lsof->has_fields)
		lsof_print_fields(lsof, &files, names, out);
	else if (r == 0)
		lsof_print_table(lsof, &files, names, out);
	*ret_n = files.list.n;
	*ret_left_out = files.n_left_out;
	lsof_files_fini(&files);
	hark_snapshot_free(snapshot);
	return r < 0 ? r : out->error;
}

static int run(struct lsof *lsof, int argc, char **argv)
{
	struct lsof_names names;
	struct out out;
	uint32_t n = 0, n_left_out = 0, n_rounds = 0;
	bool has_found = false;
	int r;

	lsof_names_init(&names, lsof);
	out_init(&out, STDOUT_FILENO);
	for (;;) {
		r = list(lsof, &names, &out, &n, &n_left_out);
		has_found |= n > 0;
		if (r < 0 || !lsof->repeat_seconds || (lsof->ends_when_empty && !n))
			break;
		put_marker(lsof, &out);
		r = out_flush(&out);
		if (r < 0 || ++n_rounds == lsof->repeat_count)
			break;
		sleep(lsof->repeat_seconds);
	}
	if (r == 0)
		r = seek_processes(lsof);
	if (r == 0)
		r = lsof_report(lsof, &out);
	if (out_flush(&out) < 0)
		lsof_complain(lsof, "cannot write the answer: %s", strerror(-out.error));
	if (r >= 0)
		tell_left_out(lsof, n_left_out, argc, argv);
	if (r == 0 && lsof->ends_when_empty && !has_found)
		r = STATUS_WRONG;
	out_fini(&out);
	lsof_names_fini(&names);
	return r < 0 || lsof->has_failed ? STATUS_WRONG : r;
}

static int help(void)
{
	static const char text[] =
		"usage: lsof [-abKlnOPQRtUvVwX] [-c c] [+c w] [-d s] [+|-f[gG]] [-F [f]] [-g [s]]\n"
		" [-i [i]] [+|-L] [-o [o]] [-p s] [+|-r [t]] [-s [p:s]] [-S [t]] [-T [t]]\n"
		" [-u s] [+|-w] [--truth]\n"
		"Internet and unix sockets alone are listed, with -i and -U. "
		"hark-lsof(1) tells all.\n";

	fputs(text, stderr);
	return 0;
}

int lsof_main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	struct lsof lsof = { .name = slash ? slash + 1 : argv[0] };
	int r = lsof_parse(&lsof, argc, argv);

	if (r < 0) {
		lsof_complain(&lsof, "%s", strerror(-r));
		r = STATUS_WRONG;
	} else if (lsof.has_failed) {
		r = STATUS_WRONG;
	} else if (lsof.wants_help) {
		r = help();
	} else if (lsof.wants_version) {
		fputs("lsof of hark " HARK_VERSION ", after lsof 4.95\n", stderr);
	} else if (lsof.wants_fields_help) {
		lsof_help_fields(stderr);
	} else if (lsof.refused) {
		compat_complain(lsof.name, "this lsof lists internet and unix sockets, not %s",
				lsof.refused);
		r = COMPAT_REFUSED;
	} else {
		r = run(&lsof, argc, argv);
	}
	lsof_fini(&lsof);
	return r;
}
