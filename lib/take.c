/* SPDX-License-Identifier: MIT */
/* collect, judge, keep what was asked for: how a snapshot, or a glance, comes to be. */
#include "take.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "connections.h"
#include "judge.h"
#include "namespaces.h"
#include "passage.h"
#include "rows.h"
#include "select.h"

#define MAX_PORTS 16

static uint64_t clock_ns(struct hark_source *source)
{
	return source->ops->clock_ns ? source->ops->clock_ns(source) : 0;
}

static bool wants_connections(const struct hark_query *query)
{
	return query->all_states ||
	       (query->selection && hark_selection_names_connections(query->selection));
}

static bool wants_all_namespaces(const struct hark_query *query)
{
	return query->all_namespaces || hark_selection_names_namespaces(query->selection);
}

static bool reads(const struct hark_query *query, enum hark_table table)
{
	return query->tables ? query->tables & table : table == HARK_TABLE_INTERNET;
}

/* Without those of AF_UNIX there is an answer all the same, unless nothing else was asked for. */
static int read_unix(struct hark_source *source, const struct hark_query *query,
		     struct hark_snapshot *snapshot, struct hark_error *reterr)
{
	int r = procunix_read(source, snapshot);

	if (r == 0 || r == -ENOMEM || reads(query, HARK_TABLE_INTERNET))
		return r == -ENOMEM ? r : 0;
	reterr->error = r;
	snprintf(reterr->text, sizeof(reterr->text), "/proc/net/unix cannot be read: %s",
		 strerror(-r));
	return r;
}

static int judge_listeners(struct hark_source *source, struct hark_snapshot *snapshot,
			   uint32_t details)
{
	struct question *questions;
	struct judge *judge;
	uint32_t n;
	int r = judge_begin(&judge, snapshot, snapshot_netns(snapshot));

	if (r < 0)
		return r;
	while ((r = judge_ask(judge, &questions, &n)) == 0 && n > 0) {
		r = collect_replies(source, questions, n);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = judge_conclude(judge, details & HARK_DETAIL_LOOKUPS);
	judge_free(judge);
	return r;
}

static bool is_same_port(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol && a->local_port == b->local_port;
}

/*
 * Marks the listeners of one port, the sockets from `begin` to `end`, that stay with what those
 * that go answer.
 */
static void mark_port(struct hark_snapshot *snapshot, const uint32_t *index, uint32_t begin,
		      uint32_t end)
{
	const struct hark_socket *sockets = snapshot->sockets.items;

	for (int family = 0; family < HARK_FAMILY_N_; family++) {
		bool is_answered = false;

		for (uint32_t i = begin; i < end && !is_answered; i++)
			is_answered = index[i] == HARK_NONE && sockets[i].is_listener &&
				      snapshot_answer(snapshot, &sockets[i], family)->verdict !=
					      HARK_VERDICT_NONE;
		for (uint32_t i = begin; i < end && is_answered; i++)
			if (sockets[i].is_listener)
				snapshot_listener(snapshot, &sockets[i])
					->is_answered_elsewhere[family] = true;
	}
}

/* Sockets of one protocol and port stand together. */
static void mark_answered_elsewhere(struct hark_snapshot *snapshot, const uint32_t *index)
{
	const struct hark_socket *sockets = snapshot->sockets.items;
	uint32_t n = snapshot->sockets.n;

	for (uint32_t begin = 0, end; begin < n; begin = end) {
		for (end = begin + 1; end < n && is_same_port(&sockets[begin], &sockets[end]);)
			end++;
		if (end - begin > 1)
			mark_port(snapshot, index, begin, end);
	}
}

static int keep_matching(struct hark_snapshot *snapshot, const struct hark_selection *selection,
			 bool (*matches)(const struct hark_selection *,
					 const struct hark_snapshot *, uint32_t))
{
	uint32_t n = snapshot->sockets.n, first = 0, *index;

	if (selection_takes_all(selection, snapshot->protocols))
		return 0;
	while (first < n && matches(selection, snapshot, first))
		first++;
	if (first == n)
		return 0;
	index = malloc(n * sizeof(*index));
	if (!index)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		index[i] = i != first && (i < first || matches(selection, snapshot, i)) ? i :
											  HARK_NONE;
	mark_answered_elsewhere(snapshot, index);
	snapshot_keep_sockets(snapshot, index);
	free(index);
	return 0;
}

/* A door that leads to what is kept is kept with it. */
static void keep_doors(struct hark_snapshot *snapshot, const struct hark_selection *selection)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < snapshot->doors.n; i++)
		if (hark_selection_matches_door(selection, snapshot, i))
			snapshot->doors.items[n++] = snapshot->doors.items[i];
	snapshot->doors.n = n;
}

/* Nothing that is found out of a socket behind the early match makes a difference. */
static bool is_settled_early(const struct hark_selection *selection)
{
	return selection_details(selection) == 0 && !hark_selection_names_namespaces(selection);
}

/* Whether what containers are called may not be read, and the selection wants to know. */
static bool is_kept_nameless(const struct hark_snapshot *snapshot,
			     const struct hark_selection *selection)
{
	for (uint32_t i = 0; i < snapshot->notes.n; i++)
		if (snapshot->notes.items[i].what == HARK_NOTE_CONTAINERS &&
		    snapshot->notes.items[i].why == HARK_NOTE_PERMISSION)
			return selection_names_containers(selection);
	return false;
}

static bool is_nameless(const struct hark_process *process)
{
	return process && ((process->container && !process->container_name) ||
			   (process->pod && !process->pod_name));
}

static bool may_be_named(const struct hark_snapshot *snapshot, uint32_t i)
{
	const struct hark_socket *socket = &snapshot->sockets.items[i];

	for (uint32_t k = 0; k < socket->n_holders; k++) {
		const struct hark_holder *holder =
			&snapshot->holders.items[socket->first_holder + k];

		if (is_nameless(&snapshot->processes.items[holder->process]) ||
		    is_nameless(hark_snapshot_fronted(snapshot, holder)))
			return true;
	}
	return is_nameless(hark_snapshot_socket_origin(snapshot, i));
}

/* Sockets that only their holders could tell whether they match, where those may not be seen. */
static void count_undecided(struct hark_snapshot *snapshot, const struct hark_selection *selection)
{
	bool has_nameless = is_kept_nameless(snapshot, selection);

	if (!(selection_details(selection) & HARK_DETAIL_HOLDERS))
		return;
	for (uint32_t i = 0; i < snapshot->sockets.n; i++)
		snapshot->n_undecided += (snapshot->sockets.items[i].holders == HARK_DENIED ||
					  (has_nameless && may_be_named(snapshot, i))) &&
					 !hark_selection_matches(selection, snapshot, i);
}

/* What the reading of a namespace needs to know. */
struct taking {
	struct hark_source *source;
	struct hark_snapshot *snapshot;
	const struct hark_query *query;
	uint32_t details;
	struct hark_error *reterr;
	struct walk *walk;               /* for holders; NULL: none is under way */
	struct connections *connections; /* of the other namespaces; NULL: not known */
	uint64_t began;                  /* the stage that is under way */
};

static void end_stage(struct taking *taking, enum hark_stage stage)
{
	uint64_t now = clock_ns(taking->source);

	taking->snapshot->stage_ns[stage] += now - taking->began;
	taking->began = now;
}

/* The kernel's order is of no use to those who judge. */
static bool keeps_order(const struct taking *taking)
{
	return taking->query->kernel_order && !(taking->details & HARK_DETAIL_ANSWERS);
}

static int read_sockets(struct taking *taking)
{
	const uint32_t tcp = 1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_MPTCP;
	const struct hark_query *query = taking->query;
	struct port_range ports[MAX_PORTS];
	struct collect_filter filter = {
		.protocols = selection_protocols(query->selection),
		.all_states = wants_connections(query),
		.is_plain = keeps_order(taking),
		.ports = ports,
		.n_ports = selection_ports(query->selection, ports, MAX_PORTS),
		.connections = taking->connections,
		.drops = taking->details & HARK_DETAIL_DROPS,
	};

	if (filter.protocols == 0)
		filter.protocols = (1u << HARK_PROTOCOL_N_) - 1;
	/* An MPTCP listener is two sockets in the kernel, and both compete for the port. */
	if (filter.protocols & tcp)
		filter.protocols |= tcp;
	if (filter.is_plain)
		filter.protocols &= ~(1u << HARK_PROTOCOL_MPTCP);
	return collect_sockets(taking->source, taking->snapshot, &filter, taking->reterr);
}

/* Sockets, addresses and answers of the namespace that snapshot_namespace() is. */
static int read_namespace(struct taking *taking)
{
	struct hark_source *source = taking->source;
	struct hark_snapshot *snapshot = taking->snapshot;
	int r = 0;

	end_stage(taking, HARK_STAGE_NAMESPACES);
	if (reads(taking->query, HARK_TABLE_INTERNET))
		r = read_sockets(taking);
	if (taking->details & HARK_DETAIL_DROPS)
		collect_drops(source, snapshot_namespace(snapshot));
	if (r == 0 && !keeps_order(taking))
		r = snapshot_sort_sockets(snapshot);
	if (r == 0 && reads(taking->query, HARK_TABLE_UNIX))
		r = read_unix(source, taking->query, snapshot, taking->reterr);
	end_stage(taking, HARK_STAGE_SOCKETS);
	if (r == 0 && !keeps_order(taking))
		r = collect_places(source, snapshot);
	end_stage(taking, HARK_STAGE_ADDRESSES);
	if (r == 0 && taking->details & HARK_DETAIL_ANSWERS)
		r = judge_listeners(source, snapshot, taking->details);
	end_stage(taking, HARK_STAGE_ANSWERS);
	if (r == 0 && taking->details & HARK_DETAIL_FIREWALL)
		r = passage_take(source, snapshot, taking->query->selection, taking->details);
	end_stage(taking, HARK_STAGE_FIREWALL);
	return r;
}

static bool wants_namespace(void *data, const struct hark_namespace *namespace)
{
	const struct taking *taking = data;

	return selection_wants_namespace(taking->query->selection, namespace);
}

/* Without a table of one of the others there is an answer all the same. */
static int read_other(void *data)
{
	struct taking *taking = data;
	struct hark_error *kept = taking->reterr, ignored = { .error = 0 };
	int r;

	taking->reterr = &ignored;
	r = read_namespace(taking);
	taking->reterr = kept;
	return r;
}

static int read_others(struct taking *taking)
{
	const struct namespaces_question question = {
		.details = taking->details,
		.walk = taking->walk,
		.is_wanted = wants_namespace,
		.read = read_other,
		.data = taking,
	};
	int r = 0;

	if (!wants_all_namespaces(taking->query))
		return 0;
	if (wants_connections(taking->query) && taking->query->holders_way != HARK_HOLDERS_PROC)
		r = connections_begin(taking->source, taking->snapshot, &taking->connections);
	if (r == 0)
		r = namespaces_collect(taking->source, taking->snapshot, &question);
	connections_end(taking->connections);
	taking->connections = NULL;
	end_stage(taking, HARK_STAGE_NAMESPACES);
	return r;
}

static struct walk *begin_walk(struct taking *taking)
{
	const struct hark_query *query = taking->query;
	struct port_range ports[MAX_PORTS];
	struct holders_prospect prospect = {
		.has_connections = reads(query, HARK_TABLE_INTERNET) && wants_connections(query),
		.has_unix = reads(query, HARK_TABLE_UNIX),
		.is_narrow = !reads(query, HARK_TABLE_UNIX) &&
			     selection_ports(query->selection, ports, MAX_PORTS) > 0,
		.has_namespaces = wants_all_namespaces(query),
	};

	return holders_begin(taking->source, query->holders_way, &prospect);
}

static int take_stages(struct taking *taking)
{
	struct hark_source *source = taking->source;
	struct hark_snapshot *snapshot = taking->snapshot;
	const struct hark_selection *selection = taking->query->selection;
	int r;

	taking->began = clock_ns(source);
	if (taking->details & HARK_DETAIL_HOLDERS)
		taking->walk = begin_walk(taking);
	end_stage(taking, HARK_STAGE_HOLDERS);
	r = collect_namespace(source, snapshot);
	if (r == 0 && taking->details & HARK_DETAIL_PORTS)
		r = collect_ports(source, snapshot);
	if (r == 0 && wants_namespace(taking, snapshot_namespace(snapshot)))
		r = read_namespace(taking);
	else if (r == 0)
		snapshot_namespace(snapshot)->presence = HARK_UNSUPPORTED;
	if (r == 0)
		r = read_others(taking);
	if (r == 0)
		r = passage_join(snapshot);
	if (r == 0)
		r = keep_matching(snapshot, selection, selection_matches_early);
	end_stage(taking, HARK_STAGE_SELECTION);
	snapshot->wants_elsewhere = selection_is_wide(selection) &&
				    !wants_all_namespaces(taking->query) && !keeps_order(taking);
	if (r == 0 && taking->details & HARK_DETAIL_HOLDERS)
		r = holders_collect(source, snapshot, taking->details, taking->query->holders_way,
				    taking->walk);
	if (r == 0 && reads(taking->query, HARK_TABLE_PROCESSES))
		r = processes_collect(source, snapshot, taking->details);
	if (r == 0)
		r = holdings_collect(source, snapshot, taking->details);
	if (r == 0)
		r = passage_wrap(source, snapshot);
	end_stage(taking, HARK_STAGE_HOLDERS);
	if (r == 0 && taking->walk && snapshot->wants_elsewhere)
		r = namespaces_count(source, snapshot, taking->walk);
	end_stage(taking, HARK_STAGE_NAMESPACES);
	if (r == 0 && taking->details & HARK_DETAIL_CGROUP)
		r = collect_origins(source, snapshot);
	if (r == 0 && taking->details & HARK_DETAIL_CGROUP)
		r = collect_containers(source, snapshot);
	if (r == 0 && taking->details & HARK_DETAIL_CGROUP)
		r = collect_activations(source, snapshot);
	end_stage(taking, HARK_STAGE_UNITS);
	if (r == 0)
		count_undecided(snapshot, selection);
	if (r == 0 && !is_settled_early(selection))
		r = keep_matching(snapshot, selection, hark_selection_matches);
	if (r == 0)
		keep_doors(snapshot, selection);
	end_stage(taking, HARK_STAGE_SELECTION);
	return r;
}

/* A sentence for a person, where nobody has said one yet. Returns the error. */
static int tell(int error, struct hark_error *reterr)
{
	if (reterr->error == 0)
		snprintf(reterr->text, sizeof(reterr->text), "%s", strerror(-error));
	reterr->error = error;
	return error;
}

int snapshot_take_from(struct hark_source *source, const struct hark_query *query,
		       struct hark_snapshot **ret, struct hark_error *reterr)
{
	struct hark_snapshot *snapshot = snapshot_new();
	struct taking taking = {
		.source = source,
		.snapshot = snapshot,
		.query = query,
		.details = query->details | selection_details(query->selection),
		.reterr = reterr,
	};
	int r;

	reterr->error = 0;
	r = snapshot ? take_stages(&taking) : -ENOMEM;
	holders_end(taking.walk);
	if (r < 0) {
		hark_snapshot_free(snapshot);
		return tell(r, reterr);
	}
	*ret = snapshot;
	return 0;
}

int hark_snapshot_take(const struct hark_query *query, struct hark_snapshot **ret,
		       struct hark_error *reterr)
{
	struct hark_source source;
	int r;

	source_open_live(&source);
	r = snapshot_take_from(&source, query, ret, reterr);
	source_close_live(&source);
	return r;
}

/* FNV-1a */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
	return hash;
}

/* A cookie is one socket's for ever, but /proc/net tells none, and inodes are used again. */
static uint64_t digest(const struct hark_socket *socket)
{
	const uint32_t rest[] = { socket->inode, socket->device, socket->local_port,
				  socket->protocol, socket->state };
	uint64_t hash = mix(0xcbf29ce484222325u, &socket->cookie, sizeof(socket->cookie));

	hash = mix(hash, socket->local.bytes, sizeof(socket->local.bytes));
	return mix(hash, rest, sizeof(rest));
}

/* A sum, for the order of a dump is that of hash tables. */
static int take_glance(struct taking *taking, struct hark_glance *ret)
{
	struct hark_snapshot *snapshot = taking->snapshot;
	struct hark_glance glance = { .n_sockets = 0 };
	int r;

	if (!snapshot || !snapshot_begin_namespace(snapshot))
		return -ENOMEM;
	r = read_sockets(taking);
	for (uint32_t i = 0; i < snapshot->sockets.n && r == 0; i++) {
		if (!selection_matches_early(taking->query->selection, snapshot, i))
			continue;
		glance.n_sockets++;
		glance.digest += digest(&snapshot->sockets.items[i]);
	}
	if (r == 0)
		*ret = glance;
	return r;
}

int glance_from(struct hark_source *source, const struct hark_query *query, struct hark_glance *ret,
		struct hark_error *reterr)
{
	struct taking taking = { .source = source, .query = query, .reterr = reterr };
	int r;

	reterr->error = 0;
	if (wants_all_namespaces(query))
		return tell(-EOPNOTSUPP, reterr);
	taking.snapshot = snapshot_new();
	r = take_glance(&taking, ret);
	hark_snapshot_free(taking.snapshot);
	return r < 0 ? tell(r, reterr) : 0;
}

int hark_glance(const struct hark_query *query, struct hark_glance *ret, struct hark_error *reterr)
{
	struct hark_source source;
	int r;

	source_open_live(&source);
	r = glance_from(&source, query, ret, reterr);
	source_close_live(&source);
	return r;
}
