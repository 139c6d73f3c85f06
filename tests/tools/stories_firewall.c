/* SPDX-License-Identifier: MIT */
/* The part of a situation that is about the firewall, as the engine would conclude it. */
#include "stories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranges.h"
#include "rows.h"

#define V4 HARK_FAMILY_INET
#define V6 HARK_FAMILY_INET6

static void must(bool truth)
{
	if (!truth)
		abort();
}

static uint32_t add_rule(struct hark_snapshot *s, const char *where, uint64_t handle,
			 const char *text)
{
	struct hark_firewall_rule *rule = array_push(&s->firewall_rules);

	must(rule);
	*rule = (struct hark_firewall_rule){ .where = where, .handle = handle, .text = text };
	return s->firewall_rules.n - 1;
}

static uint32_t rule_of(struct hark_snapshot *s, enum hark_firewall_verdict verdict)
{
	switch (verdict) {
	case HARK_FIREWALL_ACCEPT:
		return add_rule(s, "nft inet filter input", 12, "ip saddr @lan accept # \033[31m");
	case HARK_FIREWALL_REJECT:
		return add_rule(s, "iptables filter INPUT", 3, "-j REJECT --reject-with tcp-reset");
	case HARK_FIREWALL_DIVERTED:
		return add_rule(s, "iptables nat PREROUTING", 1, "-j DNAT --to 172.17.0.2:80");
	case HARK_FIREWALL_DEPENDS:
		return add_rule(s, "nft inet filter input", 14, "limit rate 5/minute accept");
	case HARK_FIREWALL_DROP:
	case HARK_FIREWALL_UNKNOWN:
	case HARK_FIREWALL_VERDICT_N_:
		break;
	}
	return add_rule(s, "nft inet filter input", 0, "policy drop");
}

/* All of the family that no piece from `first` on has. */
static void add_rest(struct hark_snapshot *s, uint32_t first, int family)
{
	struct ranges rest = { .n = 0 };

	must(ranges_set(&rest, 0, family == V4 ? RANGES_MAX_IPV4 : RANGES_MAX_IPV6) == 0);
	for (uint32_t p = first; p < s->firewall_pieces.n; p++) {
		const struct hark_firewall_piece *piece = &s->firewall_pieces.items[p];

		for (uint32_t i = 0; i < piece->n_ranges; i++) {
			const struct hark_range *range = &s->ranges.items[piece->first_range + i];

			must(ranges_cut(&rest, ranges_number(&range->first),
					ranges_number(&range->last)) == 0);
		}
	}
	for (uint32_t i = 0; i < rest.n; i++)
		*array_push(&s->ranges) =
			(struct hark_range){ ranges_addr(rest.items[i].first, family == V6),
					     ranges_addr(rest.items[i].last, family == V6) };
	ranges_fini(&rest);
}

static void add_ranges(struct hark_snapshot *s, char *list)
{
	char *word;

	while ((word = strsep(&list, ","))) {
		struct hark_range *range = array_push(&s->ranges);
		struct hark_prefix prefix;

		must(hark_prefix_parse(word, &prefix) == 0);
		range->first = range->last = prefix.addr;
		for (uint32_t bit = prefix.bits; bit < 128; bit++)
			range->last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
}

/* "accept", "drop:10.0.0.0/8" as the next piece of those from `first` on. */
static void add_piece(struct hark_snapshot *s, uint32_t first, int family, const char *word)
{
	const char *colon = strchr(word, ':');
	size_t length = colon ? (size_t)(colon - word) : strlen(word);
	struct hark_firewall_piece piece = { .first_range = s->ranges.n, .n_rules = 1 };
	char list[256];

	while (strncmp(hark_firewall_verdict_name((enum hark_firewall_verdict)piece.verdict), word,
		       length) != 0)
		must(++piece.verdict < HARK_FIREWALL_VERDICT_N_);
	snprintf(list, sizeof(list), "%s", colon ? colon + 1 : "");
	if (colon)
		add_ranges(s, list);
	else
		add_rest(s, first, family);
	piece.n_ranges = s->ranges.n - piece.first_range;
	piece.first_rule = rule_of(s, (enum hark_firewall_verdict)piece.verdict);
	if (piece.verdict == HARK_FIREWALL_REJECT)
		piece.how = "tcp-reset";
	if (piece.verdict == HARK_FIREWALL_DIVERTED)
		piece.how = "172.17.0.2:80";
	if (piece.verdict == HARK_FIREWALL_DEPENDS)
		piece.depends_on = 1u << HARK_DOUBT_RATE | 1u << HARK_DOUBT_SET;
	/* What nobody restricts no rule decides. */
	if (piece.verdict == HARK_FIREWALL_ACCEPT && !colon)
		piece.n_rules = 0;
	*array_push(&s->firewall_pieces) = piece;
}

static void add_steps(struct hark_snapshot *s, struct hark_firewall_entry *entry)
{
	entry->first_step = s->firewall_steps.n;
	entry->n_steps = 2;
	*array_push(&s->firewall_steps) = (struct hark_firewall_step){
		.rule = add_rule(s, "nft inet raw pre", 4, "jump checks"),
		.hook = "prerouting",
		.action = "jump",
		.is_certain = true,
	};
	*array_push(&s->firewall_steps) = (struct hark_firewall_step){
		.rule = add_rule(s, "nft inet filter input", 14, "limit rate 5/minute accept"),
		.hook = "input",
		.action = "accept",
		.first_range = s->firewall_pieces.items[entry->first_piece].first_range,
		.n_ranges = s->firewall_pieces.items[entry->first_piece].n_ranges,
	};
}

static void add_entry(struct hark_snapshot *s, int family, uint32_t ifindex, uint32_t first)
{
	struct hark_firewall_entry *entry = array_push(&s->firewall_entries);

	*entry = (struct hark_firewall_entry){
		.family = (uint8_t)family,
		.ifindex = ifindex,
		.first_place = (family == V4 ? 0 : 2) + (ifindex == 2),
		.n_places = 1,
		.first_piece = first,
		.n_pieces = s->firewall_pieces.n - first,
	};
}

static void add_family(struct hark_snapshot *s, const char *words, int family)
{
	uint32_t first = s->firewall_pieces.n;
	struct hark_firewall_entry *entry;
	char copy[256], *rest = copy, *word;
	bool is_crafted = false;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " "))) {
		if (word[0] != (family == V4 ? '4' : '6'))
			continue;
		is_crafted |= !strcmp(word + 1, "crafted");
		if (strncmp(word + 1, "lo:", 3) != 0 && strcmp(word + 1, "crafted") != 0)
			add_piece(s, first, family, word + 1);
	}
	add_entry(s, family, 2, first);
	if (strstr(words, "path"))
		add_steps(s, &s->firewall_entries.items[s->firewall_entries.n - 1]);
	if (strstr(words, family == V4 ? "4lo:drop" : "6lo:drop")) {
		first = s->firewall_pieces.n;
		add_piece(s, first, family, "drop");
		add_entry(s, family, 1, first);
		return;
	}
	if (!is_crafted)
		return;
	first = s->firewall_pieces.n;
	add_piece(s, first, family, "depends");
	s->firewall_pieces.items[first].depends_on = 1u << HARK_DOUBT_SENDER;
	s->firewall_pieces.items[first].first_rule =
		add_rule(s, "nft inet filter input", 15, "udp sport 53 accept");
	entry = &s->firewall_entries.items[s->firewall_entries.n - 1];
	entry->first_crafted = first;
	entry->n_crafted = 1;
}

void story_add_firewall(struct hark_snapshot *s, const char *words)
{
	struct hark_listener *listener = snapshot_listener(s, &s->sockets.items[s->sockets.n - 1]);

	listener->firewall = strstr(words, "denied") ? HARK_DENIED : HARK_KNOWN;
	if (listener->firewall != HARK_KNOWN)
		return;
	listener->first_entry = s->firewall_entries.n;
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (listener->answers[family].verdict != HARK_VERDICT_NONE)
			add_family(s, words, family);
	listener->n_entries = s->firewall_entries.n - listener->first_entry;
}

static void add_door(struct hark_snapshot *s, uint16_t port, uint32_t socket, const char *leads_to,
		     const char *rule)
{
	struct hark_door *door = array_push(&s->doors);
	uint32_t first = s->firewall_pieces.n;

	*door = (struct hark_door){ .protocol = HARK_PROTOCOL_TCP,
				    .port = port,
				    .leads_to = leads_to,
				    .socket = socket,
				    .rule = add_rule(s, "iptables nat PREROUTING", 2, rule),
				    .first_entry = s->firewall_entries.n,
				    .n_entries = 1,
				    .reach = HARK_REACH_PRIVATE };
	hark_addr_parse("0.0.0.0", &door->to);
	add_piece(s, first, V4, "accept");
	add_entry(s, V4, 2, first);
}

void story_add_doors(struct hark_snapshot *s, const char *settings)
{
	if (settings && strstr(settings, "entry-port"))
		add_door(s, 2222, 0, "192.168.1.241:22",
			 "-p tcp --dport 2222 -j REDIRECT --to-ports 22");
	if (settings && strstr(settings, "published"))
		add_door(s, 8080, HARK_NONE, "172.17.0.2:80",
			 "-p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80");
}
