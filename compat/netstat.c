/* SPDX-License-Identifier: MIT */
/* What netstat lists, by its options and in its words, from a snapshot. */
#include "netstat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "escape.h"
#include "text.h"

/* Exit statuses of the reference. */
enum {
	STATUS_FINE = 0,
	STATUS_MISSING = 1,
};

#define STATUS_UNREAD 3 /* ours: there is no answer */

/* "PID/name" is cut so that it fits; the reference reads that many bytes of the command line. */
#define PROGRAM_WIDTH    20
#define COMMAND_LINE_MAX 511

/* What the reference says of tables that the kernel does not have. */
static const char *const missing_names[NETSTAT_N_] = {
	[NETSTAT_TCP] = "AF INET (tcp)", [NETSTAT_SCTP] = "AF INET (sctp)",
	[NETSTAT_UDP] = "AF INET (udp)", [NETSTAT_UDPLITE] = "AF INET (udplite)",
	[NETSTAT_RAW] = "AF INET (raw)", [NETSTAT_UNIX] = "AF UNIX",
	[NETSTAT_IPX] = "AF IPX",        [NETSTAT_AX25] = "AF AX25",
	[NETSTAT_X25] = "AF X25",        [NETSTAT_NETROM] = "AF NETROM",
	[NETSTAT_ROSE] = "AF ROSE",      [NETSTAT_BLUETOOTH] = "AF BLUETOOTH",
};

static const uint8_t protocols[] = {
	[NETSTAT_TCP] = HARK_PROTOCOL_TCP, [NETSTAT_SCTP] = HARK_PROTOCOL_SCTP,
	[NETSTAT_UDP] = HARK_PROTOCOL_UDP, [NETSTAT_UDPLITE] = HARK_PROTOCOL_UDPLITE,
	[NETSTAT_RAW] = HARK_PROTOCOL_RAW,
};

void netstat_print_text(struct out *out, const char *text, size_t length, size_t width)
{
	escape_bytes(out, ESCAPE_UTF8, text, length);
	if (length < width)
		out_pad(out, width - length);
}

void netstat_print_right(struct out *out, uint64_t number, unsigned int width)
{
	char digits[TEXT_U64_SIZE];
	size_t length = (size_t)(text_put_u64(digits, number) - digits);

	if (length < width)
		out_pad(out, width - length);
	out_bytes(out, digits, length);
}

void netstat_print_left(struct out *out, int64_t number, unsigned int width)
{
	char text[TEXT_U64_SIZE + 1] = "-";
	uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	size_t length = (size_t)(text_put_u64(text + (number < 0), size) - text);

	netstat_print_text(out, text, length, width);
}

/* The name is the first argument, of a path what is behind the last slash. */
static size_t take_program(const struct hark_process *process, bool is_cut, const char **ret)
{
	const char *name = process->command_line ? process->command_line : "", *slash;
	size_t length = process->argument0_length;

	if (is_cut && length > COMMAND_LINE_MAX)
		length = COMMAND_LINE_MAX;
	if (length && name[0] == '/') {
		slash = memrchr(name, '/', length);
		length -= (size_t)(slash + 1 - name);
		name = slash + 1;
	}
	*ret = name;
	return length;
}

/* All holders, the truth; otherwise the first one, as the reference finds no other. */
void netstat_print_programs(struct netstat *netstat, uint32_t first_holder, uint32_t n_holders)
{
	bool is_cut = !netstat->options->truth;
	uint32_t n = n_holders && is_cut ? 1 : n_holders;
	const struct hark_process *process = NULL, *last;
	size_t width = 0;

	out_char(&netstat->out, ' ');
	for (uint32_t i = 0; i < n; i++) {
		char pid[TEXT_U64_SIZE];
		const char *name;
		size_t name_length, pid_length;

		last = process;
		process = hark_snapshot_process(
			netstat->snapshot,
			hark_snapshot_holder(netstat->snapshot, first_holder + i)->process);
		if (process == last)
			continue;
		if (last)
			out_char(&netstat->out, ',');
		pid_length = (size_t)(text_put_u64(pid, process->pid) - pid);
		name_length = take_program(process, is_cut, &name);
		if (is_cut && pid_length + 1 + name_length > PROGRAM_WIDTH - 1)
			name_length = PROGRAM_WIDTH - 1 - pid_length - 1;
		out_bytes(&netstat->out, pid, pid_length);
		out_char(&netstat->out, '/');
		netstat_print_text(&netstat->out, name, name_length, 0);
		width += (last != NULL) + pid_length + 1 + name_length;
	}
	if (!process) {
		out_char(&netstat->out, '-');
		width = 1;
	}
	if (width < PROGRAM_WIDTH)
		out_pad(&netstat->out, PROGRAM_WIDTH - width);
}

/*
 * What the reference says where a table is not there. True where it ends with that: nothing of what
 * would follow is listed then.
 */
static bool tell_missing(struct netstat *netstat, enum netstat_table table)
{
	const struct netstat_options *options = netstat->options;
	bool is_internet = NETSTAT_INTERNET & 1u << table;

	if (is_internet && options->is_implied)
		return false;
	if (options->tables || options->verbose) {
		out_flush(&netstat->out);
		compat_complain("netstat", "no support for `%s' on this system.",
				missing_names[table]);
	}
	return options->tables;
}

/* A table of IPv4's files, without which that of IPv6 is as good as empty. */
static bool is_missing(const struct netstat *netstat, enum netstat_table table)
{
	const struct hark_namespace *namespace = hark_snapshot_namespace(netstat->snapshot, 0);

	return netstat->options->families & 1u << HARK_FAMILY_INET && namespace &&
	       namespace->absent_protocols & 1u << protocols[table];
}

/* Returns the exit status. */
static int print_tables(struct netstat *netstat)
{
	const struct netstat_options *options = netstat->options;

	if (!options->tables || options->tables & NETSTAT_INTERNET)
		netstat_print_heading(netstat);
	for (int table = 0; table < NETSTAT_N_; table++) {
		bool is_internet = NETSTAT_INTERNET & 1u << table;

		if (!netstat_wants(options, table))
			continue;
		if (table == NETSTAT_BLUETOOTH) {
			compat_complain("netstat", "feature `%s' not supported.",
					missing_names[table]);
			return STATUS_MISSING;
		}
		if (table == NETSTAT_UNIX) {
			netstat_print_unix(netstat);
		} else if (is_internet && !is_missing(netstat, table)) {
			netstat_print_internet(netstat, table);
		} else {
			/* What listens and what is connected are two files of SCTP. */
			if (table == NETSTAT_SCTP && options->all && !options->tables)
				tell_missing(netstat, table);
			if (tell_missing(netstat, table))
				return STATUS_MISSING;
		}
	}
	return STATUS_FINE;
}

/* The protocols to read, as hark_selection_set_protocols() wants them. */
static uint32_t mask_of(const struct netstat_options *options)
{
	uint32_t mask = 0;

	for (int table = 0; table <= NETSTAT_RAW; table++)
		if (netstat_wants(options, table))
			mask |= 1u << protocols[table];
	if (mask & 1u << HARK_PROTOCOL_TCP)
		mask |= 1u << HARK_PROTOCOL_MPTCP;
	return mask;
}

/* Reads what the options are about of the internet, and what else the query wants. */
static int take(const struct netstat_options *options, struct hark_query *query,
		struct hark_snapshot **ret, struct hark_error *reterr)
{
	struct hark_selection *selection;
	uint32_t mask = mask_of(options);
	int r = hark_selection_new(&selection);

	if (r < 0)
		return r;
	hark_selection_set_protocols(selection, mask);
	query->selection = selection;
	query->all_states = options->all || !options->listening;
	if (mask)
		query->tables |= HARK_TABLE_INTERNET;
	r = hark_snapshot_take(query, ret, reterr);
	hark_selection_free(selection);
	return r;
}

static int take_wanted(const struct netstat_options *options, struct hark_snapshot **ret,
		       struct hark_error *reterr)
{
	struct hark_query query = { .kernel_order = !options->truth,
				    .holders_way = compat_holders_way() };

	/* The reference looks into processes before it knows of any socket. */
	if (options->programs)
		query.details |= HARK_DETAIL_HOLDERS | HARK_DETAIL_COMMAND_LINE |
				 HARK_DETAIL_DENIALS;
	if (options->truth)
		query.details |= HARK_DETAIL_ANSWERS;
	if (netstat_wants(options, NETSTAT_UNIX))
		query.tables |= HARK_TABLE_UNIX;
	return take(options, &query, ret, reterr);
}

/* Sockets that are left out for their family, though IPv4, which was asked for, reaches them. */
static uint32_t count_hidden(const struct netstat_options *options)
{
	struct hark_query query = { .details = HARK_DETAIL_ANSWERS };
	const struct hark_socket *socket;
	struct hark_snapshot *snapshot;
	struct hark_error ignored;
	uint32_t n = 0;

	if (take(options, &query, &snapshot, &ignored) < 0)
		return 0;
	for (uint32_t i = 0; (socket = hark_snapshot_socket(snapshot, i)); i++)
		n += socket->family == HARK_FAMILY_INET6 && netstat_shows_state(options, socket) &&
		     hark_socket_serves(snapshot, socket, HARK_FAMILY_INET);
	hark_snapshot_free(snapshot);
	return n;
}

/* The trap of this program, told to people, and to no script. */
static void tell_hidden(const struct netstat *netstat, char **argv)
{
	const struct netstat_options *options = netstat->options;
	bool is_called_so = !strcmp(program_invocation_short_name, "netstat");
	struct out out;
	uint32_t n;

	if (options->truth || options->families != 1u << HARK_FAMILY_INET || !isatty(STDERR_FILENO))
		return;
	n = count_hidden(options);
	if (!n)
		return;
	out_init(&out, STDERR_FILENO);
	out_u64(&out, n);
	out_text(&out, n == 1 ? " IPv6 socket not shown also answers IPv4: " :
				" IPv6 sockets not shown also answer IPv4: ");
	out_text(&out, is_called_so ? "netstat --truth" : "hark netstat --truth");
	for (char **word = argv + 1; *word; word++) {
		out_char(&out, ' ');
		escape_text(&out, ESCAPE_UTF8, *word);
	}
	out_char(&out, '\n');
	out_flush(&out);
	out_fini(&out);
}

/* Whether lists of descriptors were denied. Of links that were, the reference says nothing. */
static bool was_denied(const struct hark_snapshot *snapshot)
{
	const struct hark_note *note;

	for (uint32_t i = 0; (note = hark_snapshot_note(snapshot, i)); i++)
		if (note->what == HARK_NOTE_HOLDERS && note->error == -EACCES)
			return true;
	return false;
}

/* Said as the reference says it, for scripts that look for it. */
static void tell_denied(const struct hark_snapshot *snapshot)
{
	if (was_denied(snapshot) && hark_snapshot_saw_socket(snapshot))
		dprintf(STDERR_FILENO,
			"(Not all processes could be identified, non-owned process info\n"
			" will not be shown, you would have to be root to see it all.)\n");
	else if (was_denied(snapshot))
		dprintf(STDERR_FILENO,
			"(No info could be read for \"-p\": geteuid()=%d but you should be "
			"root.)\n",
			(int)geteuid());
}

/* Lists once. Returns the exit status. */
static int list(struct netstat *netstat)
{
	struct hark_snapshot *snapshot;
	struct hark_error error;
	int status, r = take_wanted(netstat->options, &snapshot, &error);

	if (r < 0) {
		compat_complain(netstat->name, "%s", r == -ENOMEM ? strerror(ENOMEM) : error.text);
		return STATUS_UNREAD;
	}
	netstat->snapshot = snapshot;
	if (netstat->options->programs)
		tell_denied(snapshot);
	status = print_tables(netstat);
	r = out_flush(&netstat->out);
	if (r < 0) {
		compat_complain(netstat->name, "cannot write the answer: %s", strerror(-r));
		status = STATUS_UNREAD;
	}
	hark_snapshot_free(snapshot);
	return status;
}

int netstat_main(int argc, char **argv)
{
	const struct timespec second = { .tv_sec = 1 };
	struct netstat_options options;
	struct netstat netstat = { .options = &options, .name = argv[0] };
	int status;

	if (netstat_parse(argc, argv, &options, &status))
		return status;
	out_init(&netstat.out, STDOUT_FILENO);
	status = list(&netstat);
	if (status == STATUS_FINE)
		tell_hidden(&netstat, argv);
	while (status == STATUS_FINE && options.continuous) {
		nanosleep(&second, NULL);
		status = list(&netstat);
	}
	out_fini(&netstat.out);
	users_fini(&netstat.users);
	netstat_names_fini(&netstat.names);
	return status;
}
