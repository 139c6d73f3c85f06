/* SPDX-License-Identifier: MIT */
/*
 * Which descriptors are listed. Processes are judged first: who is excluded has no files at all,
 * and with -a all that was asked of processes must hold. Then each socket; what was asked for is
 * marked as found even where -a keeps the file from being listed in the end, as lsof does it.
 */
#include "lsof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNCONNECTED 7 /* TCP_CLOSE, which UDP without a peer has */

struct selection {
	struct lsof *lsof;
	const struct hark_snapshot *snapshot;
	struct lsof_files *files;
	uint32_t *of_process; /* criteria that hold; EXCLUDED: none of its files */
	bool *is_left_out;    /* by index of socket */
};

#define EXCLUDED UINT32_MAX

void lsof_files_fini(struct lsof_files *files)
{
	array_fini(&files->list);
}

/* Whether an id is among those that exclude. */
static bool excludes(const struct lsof_ids *ids, uint32_t id)
{
	for (uint32_t i = 0; i < ids->list.n && ids->n_excluded; i++)
		if (ids->list.items[i].is_excluded && ids->list.items[i].id == id)
			return true;
	return false;
}

/* Whether it is among those that include; marks it as found. */
static bool includes(struct lsof_ids *ids, uint32_t id)
{
	for (uint32_t i = 0; i < ids->list.n; i++) {
		if (ids->list.items[i].is_excluded || ids->list.items[i].id != id)
			continue;
		ids->list.items[i].is_found = true;
		return true;
	}
	return false;
}

static bool command_matches(const struct lsof_command *wanted, const char *command)
{
	if (wanted->is_regex)
		return regexec(&wanted->regex, command, 0, NULL, 0) == 0;
	return strncmp(wanted->text, command, wanted->length) == 0;
}

/* Of names the last that was given comes first, expressions follow in order. */
static struct lsof_command *find_command(struct lsof *lsof, const char *command, bool is_excluded)
{
	struct lsof_command *wanted;

	for (uint32_t i = lsof->commands.n; i-- > 0;) {
		wanted = &lsof->commands.items[i];
		if (!wanted->is_regex && wanted->is_excluded == is_excluded &&
		    command_matches(wanted, command))
			return wanted;
	}
	for (uint32_t i = 0; i < lsof->commands.n && !is_excluded; i++) {
		wanted = &lsof->commands.items[i];
		if (wanted->is_regex && command_matches(wanted, command))
			return wanted;
	}
	return NULL;
}

/* The criteria that a process fulfils, or EXCLUDED. */
static uint32_t judge_process(struct lsof *lsof, const struct hark_process *process)
{
	const char *command = process->command ? process->command : "";
	const uint32_t ids = LSOF_GROUP | LSOF_PID | LSOF_USER;
	struct lsof_command *wanted;
	uint32_t found = 0;

	if (process->owner == HARK_NONE || excludes(&lsof->users, process->owner) ||
	    excludes(&lsof->groups, process->group) || excludes(&lsof->pids, process->pid))
		return EXCLUDED;
	if (lsof->groups.n_included && includes(&lsof->groups, process->group))
		found |= LSOF_GROUP;
	if (lsof->pids.n_included && includes(&lsof->pids, process->pid))
		found |= LSOF_PID;
	if (lsof->users.n_included && includes(&lsof->users, process->owner))
		found |= LSOF_USER;
	if (lsof->is_and && lsof->criteria & ids & ~found)
		return EXCLUDED;
	if (lsof->commands.n && find_command(lsof, command, true))
		return EXCLUDED;
	if (!(lsof->criteria & LSOF_COMMAND))
		return found;
	wanted = find_command(lsof, command, false);
	if (!wanted)
		return lsof->is_and ? EXCLUDED : found;
	wanted->is_found = true;
	return found | LSOF_COMMAND;
}

void lsof_mark_processes(struct lsof *lsof, const struct hark_snapshot *snapshot)
{
	for (uint32_t i = 0; i < hark_snapshot_n_processes(snapshot); i++)
		(void)judge_process(lsof, hark_snapshot_process(snapshot, i));
}

static int judge_processes(struct selection *selection)
{
	const struct hark_snapshot *snapshot = selection->snapshot;
	uint32_t n = hark_snapshot_n_processes(snapshot);

	selection->of_process = calloc(n + 1, sizeof(*selection->of_process));
	if (!selection->of_process)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct hark_process *process = hark_snapshot_process(snapshot, i);
		selection->of_process[i] = judge_process(selection->lsof, process);
	}
	return 0;
}

const char *lsof_socket_protocol(const struct hark_socket *socket)
{
	if (socket->state == HARK_STATE_BOUND)
		return NULL;
	switch ((enum hark_protocol)socket->protocol) {
	case HARK_PROTOCOL_TCP:
	case HARK_PROTOCOL_MPTCP:
		return "TCP";
	case HARK_PROTOCOL_UDP:
		return "UDP";
	case HARK_PROTOCOL_UDPLITE:
		return "UDPLITE";
	case HARK_PROTOCOL_RAW:
	case HARK_PROTOCOL_ICMP:
	case HARK_PROTOCOL_SCTP:
	case HARK_PROTOCOL_DCCP:
	case HARK_PROTOCOL_N_:
		break;
	}
	return NULL;
}

/* As the kernel numbers them. */
unsigned int lsof_socket_state(const struct hark_socket *socket)
{
	switch ((enum hark_state)socket->state) {
	case HARK_STATE_ESTABLISHED:
		return 1;
	case HARK_STATE_SYN_SENT:
		return 2;
	case HARK_STATE_SYN_RECV:
		return 3;
	case HARK_STATE_FIN_WAIT_1:
		return 4;
	case HARK_STATE_FIN_WAIT_2:
		return 5;
	case HARK_STATE_TIME_WAIT:
		return 6;
	case HARK_STATE_CLOSE_WAIT:
		return 8;
	case HARK_STATE_LAST_ACK:
		return 9;
	case HARK_STATE_LISTEN:
		return 10;
	case HARK_STATE_CLOSING:
		return 11;
	case HARK_STATE_BOUND:
	case HARK_STATE_UNCONNECTED:
	case HARK_STATE_N_:
		break;
	}
	return UNCONNECTED;
}

bool lsof_socket_end(const struct hark_socket *socket, bool is_remote, struct lsof_end *ret)
{
	const struct hark_addr *addr = is_remote ? &socket->remote : &socket->local;
	bool is_mapped = hark_addr_is_ipv4(&socket->local) || hark_addr_is_ipv4(&socket->remote);

	*ret = (struct lsof_end){
		.bytes = is_mapped ? addr->bytes + 12 : addr->bytes,
		.family = is_mapped ? AF_INET : AF_INET6,
		.port = is_remote ? socket->remote_port : socket->local_port,
		.protocol = lsof_socket_protocol(socket),
	};
	return ret->port || !hark_addr_is_any(addr);
}

/* Which of -i4 and -i6 mean the socket. */
static void set_serves(const struct selection *selection, const struct hark_socket *socket,
		       bool is_truth, bool serves[HARK_FAMILY_N_])
{
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		serves[family] = is_truth ? hark_socket_serves(selection->snapshot, socket,
							       (enum hark_family)family) :
					    socket->family == family;
}

/* What of -i a socket fulfils, with the family taken at its word or as the truth is. */
static uint32_t judge_ends(struct selection *selection, const struct hark_socket *socket,
			   bool is_truth, bool marks)
{
	struct lsof *lsof = selection->lsof;
	bool serves[HARK_FAMILY_N_], is_wanted = false;
	uint8_t version = lsof->net_version;
	uint32_t found = 0;

	set_serves(selection, socket, is_truth, serves);
	if (lsof->has_net &&
	    (!version || serves[version == 4 ? HARK_FAMILY_INET : HARK_FAMILY_INET6]))
		found |= LSOF_NET;
	/* Both ends are looked at, for what each finds. */
	for (int i = 1; i >= 0 && lsof->addresses.n; i--) {
		struct lsof_end end;

		if (!lsof_socket_end(socket, i, &end))
			continue;
		memcpy(end.serves, serves, sizeof(serves));
		is_wanted |= lsof_address_matches(lsof, &end, marks);
	}
	return is_wanted ? found | LSOF_ADDRESS : found;
}

/* Whether -s lets a socket pass. */
static bool passes_states(struct lsof *lsof, const struct hark_socket *socket)
{
	uint8_t *wish = &lsof->states[lsof_socket_state(socket)];

	if (*wish == LSOF_STATE_EXCLUDED)
		return false;
	if (!lsof->n_states_included)
		return true;
	if (*wish == LSOF_STATE_UNNAMED)
		return false;
	*wish = LSOF_STATE_FOUND;
	return true;
}

static bool fd_is_meant(const struct lsof *lsof, uint32_t fd)
{
	bool is_listed = false;

	for (uint32_t i = 0; i < lsof->fds.n && !is_listed; i++)
		is_listed = fd >= lsof->fds.items[i].low && fd <= lsof->fds.items[i].high;
	return lsof->fds.n && is_listed != lsof->are_fds_excluded;
}

static bool is_selected(const struct lsof *lsof, uint32_t found)
{
	return lsof->is_and ? (found & lsof->criteria) == lsof->criteria : found != 0;
}

/* Counts a socket that the family alone leaves out, and wrongly. */
static void look_at_left_out(struct selection *selection, const struct hark_holder *holder,
			     const struct hark_socket *socket, uint32_t found)
{
	if (!selection->is_left_out || selection->is_left_out[holder->socket] ||
	    socket->family != HARK_FAMILY_INET6)
		return;
	found |= judge_ends(selection, socket, true, false);
	if (!is_selected(selection->lsof, found))
		return;
	selection->is_left_out[holder->socket] = true;
	selection->files->n_left_out++;
}

/* Whether a descriptor is listed. */
static bool judge_holder(struct selection *selection, const struct hark_holder *holder)
{
	struct lsof *lsof = selection->lsof;
	const struct hark_socket *socket =
		hark_snapshot_socket(selection->snapshot, holder->socket);
	uint32_t found = selection->of_process[holder->process], of_process;

	if (found == EXCLUDED)
		return false;
	if (fd_is_meant(lsof, holder->fd))
		found |= LSOF_FD;
	if (hark_snapshot_process(selection->snapshot, holder->process)->n_tasks)
		found |= lsof->criteria & LSOF_TASK;
	of_process = found;
	if (holder->unix_socket != HARK_NONE) {
		found |= lsof->criteria & LSOF_UNIX;
	} else {
		if (!socket || !lsof_socket_protocol(socket) || !passes_states(lsof, socket))
			return false;
		found |= judge_ends(selection, socket, lsof->is_truth, true);
	}
	lsof->is_net_found |= (found & LSOF_NET) != 0;
	lsof->are_tasks_found |= (found & LSOF_TASK) != 0;
	if (is_selected(lsof, found))
		return true;
	if (socket)
		look_at_left_out(selection, holder, socket, of_process);
	return false;
}

static int compare_files(const void *a, const void *b)
{
	const struct lsof_file *one = a, *other = b;

	if (one->pid != other->pid)
		return one->pid < other->pid ? -1 : 1;
	if (one->tid != other->tid)
		return one->tid < other->tid ? -1 : 1;
	if (one->fd != other->fd)
		return one->fd < other->fd ? -1 : 1;
	return one->holder < other->holder ? -1 : one->holder > other->holder;
}

/* Sockets of MPTCP come with those beneath them, which have the same inode: a file is one. */
static void drop_doubles(struct lsof_files *files)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < files->list.n; i++) {
		const struct lsof_file *file = &files->list.items[i];
		const struct lsof_file *last = n ? &files->list.items[n - 1] : NULL;

		if (!last || last->pid != file->pid || last->tid != file->tid ||
		    last->fd != file->fd)
			files->list.items[n++] = *file;
	}
	files->list.n = n;
}

static int add_file(struct lsof_files *files, uint32_t pid, uint32_t tid, uint32_t fd,
		    uint32_t holder)
{
	if (array_reserve(&files->list, 1u) < 0)
		return -ENOMEM;
	files->list.items[files->list.n++] = (struct lsof_file){ pid, tid, fd, holder };
	return 0;
}

/* The file of the process, and of each of its tasks, which share its descriptors. */
static int add_files(struct selection *selection, uint32_t i)
{
	const struct hark_holder *holder = hark_snapshot_holder(selection->snapshot, i);
	const struct hark_process *process =
		hark_snapshot_process(selection->snapshot, holder->process);
	int r = add_file(selection->files, process->pid, 0, holder->fd, i);

	for (uint32_t k = 0; r == 0 && k < process->n_tasks; k++) {
		const struct hark_task *task =
			hark_snapshot_task(selection->snapshot, process->first_task + k);

		r = add_file(selection->files, process->pid, task->tid, holder->fd, i);
	}
	return r;
}

static int select_holders(struct selection *selection)
{
	struct lsof_files *files = selection->files;
	const struct hark_holder *holder;
	int r = 0;

	for (uint32_t i = 0; (holder = hark_snapshot_holder(selection->snapshot, i)); i++) {
		if (judge_holder(selection, holder))
			r = add_files(selection, i);
		if (r < 0)
			return r;
	}
	if (files->list.n)
		qsort(files->list.items, files->list.n, sizeof(*files->list.items), compare_files);
	drop_doubles(files);
	return 0;
}

int lsof_select(struct lsof *lsof, const struct hark_snapshot *snapshot, struct lsof_files *ret)
{
	struct selection selection = { .lsof = lsof, .snapshot = snapshot, .files = ret };
	int r;

	*ret = (struct lsof_files){ .snapshot = snapshot };
	if (lsof->tells_left_out)
		selection.is_left_out = calloc(hark_snapshot_n_sockets(snapshot) + 1,
					       sizeof(*selection.is_left_out));
	r = judge_processes(&selection);
	if (r == 0)
		r = select_holders(&selection);
	free(selection.of_process);
	free(selection.is_left_out);
	return r;
}
