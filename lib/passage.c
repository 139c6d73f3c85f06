/* SPDX-License-Identifier: MIT */
/*
 * Plans the questions for the firewall: one for each address at which a listener answers, as it
 * arrives by the interface that has the address. Addresses of one interface that got the same
 * answer are one entry.
 */
#include "passage.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "rules.h"
#include "select.h"

int passage_protocol(const struct hark_socket *socket)
{
	static const int numbers[HARK_PROTOCOL_N_] = {
		[HARK_PROTOCOL_TCP] = IPPROTO_TCP,   [HARK_PROTOCOL_MPTCP] = IPPROTO_TCP,
		[HARK_PROTOCOL_UDP] = IPPROTO_UDP,   [HARK_PROTOCOL_UDPLITE] = IPPROTO_UDPLITE,
		[HARK_PROTOCOL_SCTP] = IPPROTO_SCTP, [HARK_PROTOCOL_DCCP] = IPPROTO_DCCP,
	};

	return numbers[socket->protocol];
}

static int ask(struct passage *passage, const struct firewall_question *question, uint32_t *ret)
{
	const struct firewall_answer *answer;
	uint32_t next = passage->answers.n;
	int r = firewall_ask(passage->firewall, question, &answer);

	if (r < 0)
		return r;
	if (hash_add(&passage->number_by_answer, (uintptr_t)answer, next, ret) < 0)
		return -ENOMEM;
	if (*ret == next) {
		if (array_reserve(&passage->answers, 1u) < 0)
			return -ENOMEM;
		passage->answers.items[passage->answers.n++] = answer;
	}
	return 0;
}

/* A prefix that is local as a whole is asked for its first address that a host may have. */
static struct hark_addr sample(const struct hark_prefix *prefix)
{
	struct hark_addr addr = prefix->addr;

	if (prefix->bits < 128 && !(addr.bytes[15] & 1))
		addr.bytes[15]++;
	return addr;
}

/* Whether a packet for that address and port comes to the socket, too. */
bool passage_is_own(const struct hark_snapshot *snapshot, const struct hark_socket *socket,
		    int family, const struct firewall_how *how)
{
	const struct hark_answer *answer = snapshot_answer(snapshot, socket, family);
	const struct hark_place *places = &snapshot->places.items[answer->first_address];

	if (how->port != socket->local_port) /* 0: not known */
		return false;
	if (answer->verdict != HARK_VERDICT_SOME)
		return true;
	for (uint32_t i = 0; i < answer->n_addresses && !how->is_any_address; i++)
		if (is_same_addr(&places[i].prefix.addr, &how->first))
			return true;
	return false;
}

static enum passage_reading read_as(const struct passage *passage, const struct hark_socket *socket,
				    int family, uint32_t number)
{
	const struct firewall_answer *answer = passage->answers.items[number];

	for (uint32_t i = 0; i < answer->n_pieces; i++)
		if (answer->pieces[i].how.kind == FIREWALL_HOW_ADDRESS &&
		    !passage_is_own(passage->snapshot, socket, family, &answer->pieces[i].how))
			return PASSAGE_FOREIGN;
	return PASSAGE_OWN;
}

static int ask_both(struct passage *passage, struct firewall_question *question,
		    struct passage_asked *asked)
{
	int r;

	question->is_canonical = true;
	r = ask(passage, question, &asked->ordinary);
	asked->chosen = HARK_NONE;
	if (r < 0 || !(passage->details & HARK_DETAIL_CRAFTED))
		return r;
	question->is_canonical = false;
	r = ask(passage, question, &asked->chosen);
	question->is_canonical = true;
	return r;
}

int passage_ask_place(struct passage *passage, struct passage_asking *asking, uint32_t place,
		      struct firewall_question *question, const struct hark_socket *socket)
{
	const struct hark_place *at = &passage->snapshot->places.items[place];
	struct passage_asked *asked = array_push(&asking->items);
	int r;

	if (!asked)
		return -ENOMEM;
	question->ifindex = at->ifindex;
	question->to = sample(&at->prefix);
	r = ask_both(passage, question, asked);
	if (r < 0)
		return r;
	asked->place = place;
	asked->ifindex = at->ifindex;
	asked->reading = socket ? read_as(passage, socket, question->family, asked->ordinary) :
				  PASSAGE_DOOR;
	return 0;
}

static bool is_at_device(const struct hark_snapshot *snapshot, const struct hark_place *place,
			 uint32_t device)
{
	const struct hark_interface *interface;

	if (!device || place->ifindex == device)
		return true;
	interface = snapshot_find_interface(snapshot, place->netns, place->ifindex);
	return interface && interface->vrf == device;
}

static bool is_of_family(const struct hark_place *place, int family)
{
	return hark_addr_is_ipv4(&place->prefix.addr) == (family == HARK_FAMILY_INET);
}

int passage_ask_places(struct passage *passage, struct passage_asking *asking,
		       struct firewall_question *question, const struct hark_socket *socket,
		       bool is_for_strangers)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	const struct hark_namespace *namespace = snapshot_namespace(snapshot);
	int r = 0;

	for (uint32_t i = 0; i < namespace->n_places && r == 0; i++) {
		uint32_t place = namespace->first_place + i;
		const struct hark_place *at = &snapshot->places.items[place];

		if (!is_of_family(at, question->family) ||
		    (socket && !is_at_device(snapshot, at, socket->device)) ||
		    (is_for_strangers && hark_addr_is_loopback(&at->prefix.addr)))
			continue;
		r = passage_ask_place(passage, asking, place, question, socket);
	}
	return r;
}

static int compare_asked(const void *left, const void *right)
{
	const struct passage_asked *a = left, *b = right;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (a->ordinary != b->ordinary)
		return a->ordinary < b->ordinary ? -1 : 1;
	if (a->chosen != b->chosen)
		return a->chosen < b->chosen ? -1 : 1;
	if (a->reading != b->reading)
		return a->reading < b->reading ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

static bool is_together(const struct passage_asked *a, const struct passage_asked *b)
{
	return a->ifindex == b->ifindex && a->ordinary == b->ordinary && a->chosen == b->chosen &&
	       a->reading == b->reading;
}

static bool is_run(const struct passage_asked *asked, uint32_t n)
{
	return asked[n - 1].place - asked[0].place == n - 1;
}

static bool is_list(const struct hark_snapshot *snapshot, const struct passage_pieces *list,
		    const struct passage_asked *asked, uint32_t n)
{
	const struct hark_place *kept = &snapshot->places.items[list->first];

	if (list->n != n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const struct hark_place *place = &snapshot->places.items[asked[i].place];

		if (kept[i].ifindex != place->ifindex || kept[i].netns != place->netns ||
		    kept[i].prefix.bits != place->prefix.bits ||
		    !is_same_addr(&kept[i].prefix.addr, &place->prefix.addr))
			return false;
	}
	return true;
}

/* Lists of places are the same for most listeners: one of them is enough. */
static int list_places(struct passage *passage, const struct passage_asked *asked, uint32_t n,
		       uint32_t *ret_first)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	uint64_t sum = 0xcbf29ce484222325u ^ n;
	uint32_t next = passage->place_lists.n, number;
	struct passage_pieces *list;

	*ret_first = asked[0].place;
	if (is_run(asked, n))
		return 0;
	for (uint32_t i = 0; i < n; i++)
		sum = (sum ^ asked[i].place) * 0x100000001b3u;
	if (hash_add(&passage->lists, sum, next, &number) < 0)
		return -ENOMEM;
	if (number < next && is_list(snapshot, &passage->place_lists.items[number], asked, n)) {
		*ret_first = passage->place_lists.items[number].first;
		return 0;
	}
	list = array_push(&passage->place_lists);
	if (!list || array_reserve(&snapshot->places, n) < 0)
		return -ENOMEM;
	*list = (struct passage_pieces){ .first = snapshot->places.n, .n = n };
	*ret_first = list->first;
	for (uint32_t i = 0; i < n; i++)
		snapshot->places.items[snapshot->places.n++] =
			snapshot->places.items[asked[i].place];
	return hash_put(&passage->lists, sum, next);
}

static int add_entry(struct passage *passage, const struct passage_asked *asked, uint32_t n,
		     struct firewall_question *question)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	struct hark_firewall_entry entry = {
		.family = question->family,
		.netns = passage->netns,
		.ifindex = asked->ifindex,
		.n_places = n,
	};
	struct hark_firewall_entry *new;
	struct passage_pieces pieces, crafted = { .n = 0 };
	int r = list_places(passage, asked, n, &entry.first_place);

	if (r == 0)
		r = passage_pieces(passage, asked->ordinary, question->family, asked->reading,
				   &pieces);
	if (r == 0 && asked->chosen != HARK_NONE && asked->chosen != asked->ordinary)
		r = passage_crafted(passage, asked->ordinary, asked->chosen, question->family,
				    &crafted);
	question->ifindex = asked->ifindex;
	question->to = sample(&snapshot->places.items[asked->place].prefix);
	if (r == 0 && passage->details & HARK_DETAIL_PATH)
		r = passage_path(passage, question, &entry.first_step, &entry.n_steps);
	if (r < 0)
		return r;
	entry.first_piece = pieces.first;
	entry.n_pieces = pieces.n;
	entry.first_crafted = crafted.first;
	entry.n_crafted = crafted.n;
	new = array_push(&snapshot->firewall_entries);
	if (!new)
		return -ENOMEM;
	*new = entry;
	return 0;
}

int passage_add_entries(struct passage *passage, struct passage_asking *asking,
			struct firewall_question *question)
{
	struct passage_asked *items = asking->items.items;
	uint32_t n = asking->items.n;
	int r = 0;

	if (n)
		qsort(items, n, sizeof(*items), compare_asked);
	for (uint32_t begin = 0, end; begin < n && r == 0; begin = end) {
		for (end = begin + 1; end < n && is_together(&items[begin], &items[end]);)
			end++;
		r = add_entry(passage, &items[begin], end - begin, question);
	}
	asking->items.n = 0;
	return r;
}

static int judge_family(struct passage *passage, struct passage_asking *asking,
			const struct hark_socket *socket, int family)
{
	const struct hark_answer *answer = snapshot_answer(passage->snapshot, socket, family);
	struct firewall_question question = {
		.family = (uint8_t)family,
		.protocol = (uint8_t)passage_protocol(socket),
		.port = socket->local_port,
		.cgroup_id = socket->cgroup_id,
		.uid = socket->uid,
	};
	int r = 0;

	if (answer->verdict == HARK_VERDICT_NONE)
		return 0;
	if (answer->verdict == HARK_VERDICT_SOME)
		for (uint32_t i = 0; i < answer->n_addresses && r == 0; i++)
			r = passage_ask_place(passage, asking, answer->first_address + i, &question,
					      socket);
	else
		r = passage_ask_places(passage, asking, &question, socket, false);
	return r < 0 ? r : passage_add_entries(passage, asking, &question);
}

static int judge_socket(struct passage *passage, struct passage_asking *asking,
			const struct hark_socket *socket)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	uint32_t first = snapshot->firewall_entries.n;
	struct hark_listener *listener;
	int r = 0;

	for (int family = 0; family < HARK_FAMILY_N_ && r == 0; family++)
		r = judge_family(passage, asking, socket, family);
	asking->items.n = 0;
	listener = snapshot_listener(snapshot, socket);
	if (r < 0) {
		/* More than the caps of the firewall: unknown, as if it could not be read. */
		snapshot->firewall_entries.n = first;
		return r == -E2BIG ?
			       snapshot_note(snapshot, HARK_NOTE_FIREWALL, HARK_NOTE_LIMIT, r,
					     "senders fare in too many ways to be told apart") :
			       r;
	}
	listener->firewall = HARK_KNOWN;
	listener->first_entry = first;
	listener->n_entries = snapshot->firewall_entries.n - first;
	return 0;
}

static int judge_sockets(struct passage *passage, const struct hark_selection *selection)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	struct passage_asking asking = { .items = { 0 } };
	int r = 0;

	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n && r == 0; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];

		if (socket->is_listener && passage_protocol(socket) &&
		    selection_matches_early(selection, snapshot, i))
			r = judge_socket(passage, &asking, socket);
	}
	array_fini(&asking.items);
	return r;
}

/* What is missing is told once, as one thing. */
static int note_missing(struct hark_snapshot *snapshot, const struct ruleset *ruleset,
			bool is_interrupted)
{
	const uint8_t presences[] = { ruleset->nftables, ruleset->xtables[0], ruleset->xtables[1] };
	int r = 0;

	for (size_t i = 0; i < sizeof(presences) && r == 0; i++) {
		if (presences[i] == HARK_DENIED)
			return snapshot_note(snapshot, HARK_NOTE_FIREWALL, HARK_NOTE_PERMISSION,
					     -EPERM, "the firewall's rules may not be read");
		if (presences[i] == HARK_UNSUPPORTED)
			return snapshot_note(snapshot, HARK_NOTE_FIREWALL, HARK_NOTE_FAILED, 0,
					     "the firewall's rules could not be read");
	}
	if (is_interrupted)
		r = snapshot_note(snapshot, HARK_NOTE_FIREWALL, HARK_NOTE_INTERRUPTED, 0,
				  "the firewall's rules changed while they were read");
	return r;
}

static uint8_t rules_presence(const struct ruleset *ruleset)
{
	const uint8_t presences[] = { ruleset->nftables, ruleset->xtables[0], ruleset->xtables[1] };

	for (size_t i = 0; i < sizeof(presences); i++)
		if (presences[i] == HARK_DENIED || presences[i] == HARK_UNSUPPORTED)
			return presences[i];
	return HARK_KNOWN;
}

static void deny_listeners(struct hark_snapshot *snapshot, uint8_t presence)
{
	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n; i++)
		if (snapshot->sockets.items[i].is_listener)
			snapshot_listener(snapshot, &snapshot->sockets.items[i])->firewall =
				presence;
}

/* The programs of the cgroups that listeners are in. */
static int read_cgroups(struct hark_source *source, const struct hark_snapshot *snapshot,
			struct ruleset *ruleset)
{
	struct hash known = { 0 };
	ARRAY(uint64_t) ids = { 0 };
	int r = 0;

	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n && r == 0; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];
		uint64_t *id;

		if (!socket->is_listener || ruleset->cgroup_programs != HARK_YES ||
		    hash_get(&known, socket->cgroup_id) != UINT32_MAX)
			continue;
		id = array_push(&ids);
		if (id)
			*id = socket->cgroup_id;
		r = id ? hash_put(&known, socket->cgroup_id, 0) : -ENOMEM;
	}
	if (r == 0)
		r = programs_read_cgroups(source, ruleset, ids.items, ids.n);
	hash_fini(&known);
	array_fini(&ids);
	return r;
}

static int read_rules(struct hark_source *source, const struct hark_snapshot *snapshot,
		      struct ruleset *ruleset, bool *ret_interrupted)
{
	int r = nftables_read(source, ruleset, ret_interrupted);

	if (r == 0)
		r = xtables_read(source, ruleset);
	if (r == 0 && rules_presence(ruleset) != HARK_KNOWN)
		return 0;
	if (r == 0)
		r = ipsets_read(source, ruleset);
	if (r == 0)
		r = routing_read(source, ruleset);
	if (r == 0)
		r = programs_read(source, ruleset);
	if (r == 0)
		r = read_cgroups(source, snapshot, ruleset);
	ruleset_find_conntrack(ruleset);
	ruleset_find_comments(ruleset);
	return r;
}

static void passage_fini(struct passage *passage)
{
	hash_fini(&passage->number_by_answer);
	hash_fini(&passage->pieces_by_answer);
	hash_fini(&passage->row_by_witness);
	hash_fini(&passage->lists);
	array_fini(&passage->answers);
	array_fini(&passage->pieces);
	array_fini(&passage->place_lists);
	ranges_fini(&passage->rest);
	firewall_free(passage->firewall);
}

static int judge_all(struct hark_snapshot *snapshot, const struct ruleset *ruleset,
		     const struct hark_selection *selection, uint32_t details)
{
	struct passage passage = {
		.snapshot = snapshot,
		.ruleset = ruleset,
		.details = details,
		.netns = snapshot_netns(snapshot),
	};
	int r = firewall_new(ruleset, &passage.firewall);

	if (r == 0)
		r = judge_sockets(&passage, selection);
	if (r == 0 && details & HARK_DETAIL_DOORS)
		r = passage_judge_doors(&passage);
	passage_fini(&passage);
	return r;
}

int passage_take(struct hark_source *source, struct hark_snapshot *snapshot,
		 const struct hark_selection *selection, uint32_t details)
{
	struct ruleset *ruleset = ruleset_new();
	bool is_interrupted = false;
	int r;

	if (!ruleset)
		return -ENOMEM;
	r = read_rules(source, snapshot, ruleset, &is_interrupted);
	if (r == 0)
		r = note_missing(snapshot, ruleset, is_interrupted);
	if (r == 0) {
		if (rules_presence(ruleset) == HARK_KNOWN)
			r = judge_all(snapshot, ruleset, selection, details);
		else
			deny_listeners(snapshot, rules_presence(ruleset));
	}
	ruleset_free(ruleset);
	return r;
}
