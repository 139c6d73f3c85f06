/* SPDX-License-Identifier: MIT */
/* Ports that lead somewhere else: what address translation names is asked about like a listener. */
#include <errno.h>
#include <netinet/in.h>

#include "passage.h"

/* Where what gets through is brought to: whether it is brought anywhere at all. */
static bool find_target(const struct passage *passage, const struct passage_asking *asking,
			struct firewall_how *ret)
{
	bool is_found = false;

	*ret = (struct firewall_how){ .kind = FIREWALL_HOW_NOTHING };
	for (uint32_t i = 0; i < asking->items.n; i++) {
		const struct firewall_answer *answer =
			passage->answers.items[asking->items.items[i].ordinary];

		for (uint32_t k = 0; k < answer->n_pieces; k++) {
			const struct firewall_how *how = &answer->pieces[k].how;

			if (how->kind != FIREWALL_HOW_ADDRESS)
				continue;
			if (!is_found)
				*ret = *how;
			else if (ret->port != how->port ||
				 !is_same_addr(&ret->first, &how->first) ||
				 !is_same_addr(&ret->last, &how->last))
				ret->kind = FIREWALL_HOW_NOTHING;
			is_found = true;
		}
	}
	if (ret->is_any_address || !is_same_addr(&ret->first, &ret->last))
		ret->kind = FIREWALL_HOW_NOTHING;
	return is_found;
}

/* The listener of this namespace that takes what is brought to that local address and port. */
static uint32_t find_listener(const struct passage *passage, const struct firewall_door *door,
			      const struct firewall_how *how)
{
	const struct hark_snapshot *snapshot = passage->snapshot;

	for (uint32_t i = snapshot->first_socket; i < snapshot->sockets.n; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];

		if (socket->is_listener && passage_protocol(socket) == door->protocol &&
		    socket->local_port == how->port &&
		    snapshot_answer(snapshot, socket, door->family)->verdict != HARK_VERDICT_NONE &&
		    passage_is_own(snapshot, socket, door->family, how))
			return i;
	}
	return HARK_NONE;
}

/* An address that is nobody's here, such as that of a service: it may come in by any interface. */
static int ask_interfaces(struct passage *passage, struct passage_asking *asking,
			  const struct firewall_door *door, struct firewall_question *question)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	int r = 0;

	for (uint32_t i = 0; i < snapshot->interfaces.n && r == 0; i++) {
		const struct hark_interface *interface = &snapshot->interfaces.items[i];
		struct hark_place *place;

		if (interface->netns != passage->netns || !interface->is_up ||
		    (interface->name && strcmp(interface->name, "lo") == 0))
			continue;
		place = array_push(&snapshot->places);
		if (!place)
			return -ENOMEM;
		*place = (struct hark_place){ .prefix = { .addr = door->to, .bits = 128 },
					      .netns = passage->netns,
					      .ifindex = interface->ifindex };
		r = passage_ask_place(passage, asking, snapshot->places.n - 1, question, NULL);
	}
	return r;
}

static int ask_door(struct passage *passage, struct passage_asking *asking,
		    const struct firewall_door *door, struct firewall_question *question)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	const struct hark_namespace *namespace = snapshot_namespace(snapshot);

	if (door->is_any_address)
		return passage_ask_places(passage, asking, question, NULL, true);
	for (uint32_t i = 0; i < namespace->n_places; i++) {
		const struct hark_place *place =
			&snapshot->places.items[namespace->first_place + i];

		if (place->prefix.bits == 128 && is_same_addr(&place->prefix.addr, &door->to))
			return passage_ask_place(passage, asking, namespace->first_place + i,
						 question, NULL);
	}
	return ask_interfaces(passage, asking, door, question);
}

static uint8_t widest_reach(const struct passage *passage, const struct passage_asking *asking)
{
	enum hark_reach widest = HARK_REACH_HOST;

	for (uint32_t i = 0; i < asking->items.n; i++) {
		const struct hark_place *place =
			&passage->snapshot->places.items[asking->items.items[i].place];
		enum hark_reach reach = hark_prefix_reach(&place->prefix);

		if (reach > widest)
			widest = reach;
	}
	return (uint8_t)widest;
}

static int judge_door(struct passage *passage, struct passage_asking *asking,
		      const struct firewall_door *from)
{
	struct hark_snapshot *snapshot = passage->snapshot;
	const struct firewall_witness witness = { .decider = FIREWALL_RULE, .index = from->rule };
	struct firewall_question question = {
		.family = from->family,
		.protocol = from->protocol,
		.port = from->port,
		.follows = true,
		.uid = HARK_NONE,
	};
	struct hark_door door = {
		.netns = passage->netns,
		.protocol = from->protocol == IPPROTO_TCP ? HARK_PROTOCOL_TCP : HARK_PROTOCOL_UDP,
		.family = from->family,
		.port = from->port,
		.to = from->to,
		.first_entry = snapshot->firewall_entries.n,
	};
	char text[FIREWALL_HOW_SIZE];
	struct firewall_how how;
	struct hark_door *new;
	int r;

	if (from->protocol == IPPROTO_SCTP)
		door.protocol = HARK_PROTOCOL_SCTP;
	r = ask_door(passage, asking, from, &question);
	if (r < 0 || !find_target(passage, asking, &how))
		return r;
	door.reach = widest_reach(passage, asking);
	door.socket = HARK_NONE;
	if (how.kind == FIREWALL_HOW_ADDRESS) {
		door.target = how.first;
		door.target_port = how.port ? how.port : from->port;
		how.port = door.target_port;
		door.leads_to =
			arena_strdup(&snapshot->arena, firewall_how_text(&how, from->family, text));
		if (!door.leads_to)
			return -ENOMEM;
		if (how.is_local)
			door.socket = find_listener(passage, from, &how);
	}
	r = passage_add_entries(passage, asking, &question);
	if (r < 0)
		return r;
	door.n_entries = snapshot->firewall_entries.n - door.first_entry;
	door.rule = passage_rule(passage, &witness);
	new = door.rule == HARK_NONE ? NULL : array_push(&snapshot->doors);
	if (!new)
		return -ENOMEM;
	*new = door;
	return 0;
}

int passage_judge_doors(struct passage *passage)
{
	const struct firewall_door *doors;
	struct passage_asking asking = { .items = { 0 } };
	uint32_t n;
	bool is_all;
	int r = firewall_doors(passage->firewall, &doors, &n, &is_all);

	for (uint32_t i = 0; i < n && r == 0; i++) {
		r = judge_door(passage, &asking, &doors[i]);
		asking.items.n = 0;
	}
	if (r == 0 && !is_all)
		r = snapshot_note(passage->snapshot, HARK_NOTE_FIREWALL, HARK_NOTE_LIMIT, 0,
				  "not all ports that lead elsewhere were looked at");
	array_fini(&asking.items);
	return r == -E2BIG ? 0 : r;
}
