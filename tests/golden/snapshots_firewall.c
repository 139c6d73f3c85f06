/* SPDX-License-Identifier: MIT */
/*
 * A host with a firewall: each listener is let through to, or not, in another way. What the rules
 * make of packets is written down here as the engine would conclude it.
 */
#include "snapshots.h"

#include <assert.h>
#include <string.h>

#include "ranges.h"
#include "rows.h"

#define V4 HARK_FAMILY_INET
#define V6 HARK_FAMILY_INET6

/* Places of begin(), and one that is public. */
enum {
	LO4,
	ETH4,
	LO6,
	ETH6,
	LINK6,
	PUBLIC4
};

static const uint32_t interfaces[] = { 1, 2, 1, 2, 2, 3 };

/* "10.0.0.0/8", "10.0.0.1-10.0.0.9", or all addresses of the family. */
static struct hark_range range_of(const char *text, int family)
{
	struct hark_range range;
	struct hark_prefix prefix;
	char first[HARK_ADDR_TEXT_SIZE];
	const char *dash = strchr(text, '-');

	if (!strcmp(text, "all"))
		text = family == V4 ? "0.0.0.0/0" : "::/0";
	if (dash) {
		memcpy(first, text, (size_t)(dash - text));
		first[dash - text] = '\0';
		assert(!hark_addr_parse(first, &range.first));
		assert(!hark_addr_parse(dash + 1, &range.last));
		return range;
	}
	assert(!hark_prefix_parse(text, &prefix));
	range.first = range.last = prefix.addr;
	for (uint32_t bit = prefix.bits; bit < 128; bit++)
		range.last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return range;
}

static uint32_t add_rule(struct hark_snapshot *s, const char *where, uint64_t handle,
			 const char *text)
{
	*array_push(&s->firewall_rules) =
		(struct hark_firewall_rule){ .where = where, .handle = handle, .text = text };
	return s->firewall_rules.n - 1;
}

/* What is not in the ranges of that piece. */
static void add_rest(struct hark_snapshot *s, int family, uint32_t of, uint32_t *ret_n)
{
	const struct hark_firewall_piece *piece = &s->firewall_pieces.items[of];
	struct ranges rest = { .n = 0 };

	for (uint32_t i = 0; i < piece->n_ranges; i++) {
		const struct hark_range *range = &s->ranges.items[piece->first_range + i];

		assert(!ranges_add(&rest, ranges_number(&range->first),
				   ranges_number(&range->last)));
	}
	assert(!ranges_invert(&rest, family == V4 ? RANGES_MAX_IPV4 : RANGES_MAX_IPV6));
	for (uint32_t i = 0; i < rest.n; i++)
		*array_push(&s->ranges) =
			(struct hark_range){ ranges_addr(rest.items[i].first, family == V6),
					     ranges_addr(rest.items[i].last, family == V6) };
	*ret_n = rest.n;
	ranges_fini(&rest);
}

/* A part of the partition: ranges with commas between, or what the last part leaves. */
static void piece(struct hark_snapshot *s, int family, enum hark_firewall_verdict verdict,
		  const char *ranges, uint32_t rule)
{
	struct hark_firewall_piece new = { .verdict = (uint8_t)verdict,
					   .first_range = s->ranges.n,
					   .first_rule = rule,
					   .n_rules = rule != HARK_NONE };
	char copy[256], *rest = copy, *word;

	assert(strlen(ranges) < sizeof(copy));
	strcpy(copy, ranges);
	if (!strcmp(ranges, "rest"))
		add_rest(s, family, s->firewall_pieces.n - 1, &new.n_ranges);
	while (!new.n_ranges && (word = strsep(&rest, ",")))
		*array_push(&s->ranges) = range_of(word, family);
	new.n_ranges = s->ranges.n - new.first_range;
	if (verdict == HARK_FIREWALL_REJECT)
		new.how = "port-unreachable";
	if (verdict == HARK_FIREWALL_DEPENDS) {
		new.depends_on = 1u << HARK_DOUBT_RATE;
		new.possible = 1u << HARK_FIREWALL_ACCEPT | 1u << HARK_FIREWALL_DROP;
	}
	*array_push(&s->firewall_pieces) = new;
}

/* The pieces from `first` on are an entry, of the last listener's. */
static struct hark_firewall_entry *entry(struct hark_snapshot *s, uint32_t place, uint32_t first)
{
	struct hark_socket *socket = &s->sockets.items[s->sockets.n - 1];
	struct hark_listener *listener = snapshot_listener(s, socket);
	struct hark_firewall_entry *new = array_push(&s->firewall_entries);

	*new = (struct hark_firewall_entry){
		.family = place == LO4 || place == ETH4 || place == PUBLIC4 ? V4 : V6,
		.ifindex = interfaces[place],
		.first_place = place,
		.n_places = 1,
		.first_piece = first,
		.n_pieces = s->firewall_pieces.n - first,
	};
	if (!listener->n_entries)
		listener->first_entry = s->firewall_entries.n - 1;
	listener->n_entries++;
	listener->firewall = HARK_KNOWN;
	return new;
}

/* One of all senders. */
static uint32_t whole(struct hark_snapshot *s, int family, enum hark_firewall_verdict verdict,
		      uint32_t rule)
{
	piece(s, family, verdict, "all", rule);
	return s->firewall_pieces.n - 1;
}

/* Those let through from the ranges, the rest not; NULL: all are, "": nobody is. */
static uint32_t partition(struct hark_snapshot *s, int family, const char *ranges, uint32_t rule,
			  uint32_t policy)
{
	uint32_t first = s->firewall_pieces.n;

	if (!ranges)
		return whole(s, family, HARK_FIREWALL_ACCEPT, rule);
	if (*ranges)
		piece(s, family, HARK_FIREWALL_ACCEPT, ranges, rule);
	piece(s, family, HARK_FIREWALL_DROP, *ranges ? "rest" : "all", policy);
	return first;
}

static void add_loopback(struct hark_snapshot *s)
{
	entry(s, LO4, whole(s, V4, HARK_FIREWALL_ACCEPT, HARK_NONE));
	entry(s, LO6, whole(s, V6, HARK_FIREWALL_ACCEPT, HARK_NONE));
}

/* A dual-stack listener: who gets through to its addresses of both families. */
static struct hark_socket *listener(struct hark_snapshot *s, uint16_t port, const char *inet,
				    const char *inet6, const char *command)
{
	struct hark_socket *socket = tcp(s, V6, "::", port);
	uint32_t policy4 = add_rule(s, "nft ip filter input", 0, "policy drop");
	uint32_t policy6 = add_rule(s, "nft ip6 filter input", 0, "policy drop");
	uint32_t rule4 = add_rule(s, "nft ip filter input", 10 + s->sockets.n,
				  "ip saddr @offices tcp dport { 5432 } accept");
	uint32_t rule6 = add_rule(s, "nft ip6 filter input", 20 + s->sockets.n,
				  "tcp dport 5432 accept # \033[31m\"evil\"");
	uint32_t first;

	dual_stack(s, socket);
	answer(s, socket, V4, HARK_REACH_PUBLIC);
	hold(s, process(s, 700 + s->sockets.n, 0, command, "some.service"), 3);
	add_loopback(s);
	first = partition(s, V4, inet, rule4, policy4);
	entry(s, ETH4, first);
	entry(s, PUBLIC4, first);
	first = partition(s, V6, inet6, rule6, policy6);
	entry(s, ETH6, first);
	entry(s, LINK6, first);
	return &s->sockets.items[s->sockets.n - 1];
}

static void add_depends(struct hark_snapshot *s)
{
	uint32_t rule = add_rule(s, "iptables filter ufw-user-input", 7,
				 "-p tcp --dport 2222 -m recent --update --seconds 30 -j DROP");
	uint32_t first;

	dual_stack(s, tcp(s, V6, "::", 2222));
	hold(s, process(s, 790, 0, "sshd", "ssh.service"), 3);
	first = s->firewall_pieces.n;
	piece(s, V4, HARK_FIREWALL_ACCEPT, "10.0.0.0/8", HARK_NONE);
	piece(s, V4, HARK_FIREWALL_DEPENDS, "rest", rule);
	entry(s, ETH4, first);
	entry(s, ETH6, whole(s, V6, HARK_FIREWALL_DEPENDS, rule));
}

/* IPv6 is let through to the sender that adds an extension header, or comes from port 53. */
static void add_crafted(struct hark_snapshot *s)
{
	uint32_t rule = add_rule(s, "nft inet filter input", 31, "udp sport 53 accept");
	uint32_t policy = add_rule(s, "nft inet filter input", 0, "policy drop");
	struct hark_firewall_entry *new;

	dual_stack(s, udp(s, V6, "::", 161));
	hold(s, process(s, 791, 0, "snmpd", "snmpd.service"), 3);
	entry(s, ETH4, whole(s, V4, HARK_FIREWALL_DROP, policy));
	new = entry(s, ETH6, whole(s, V6, HARK_FIREWALL_DROP, policy));
	new->first_crafted = whole(s, V6, HARK_FIREWALL_DEPENDS, rule);
	new->n_crafted = 1;
	s->firewall_pieces.items[new->first_crafted].depends_on = 1u << HARK_DOUBT_SENDER;
}

static void add_unread(struct hark_snapshot *s)
{
	dual_stack(s, tcp(s, V6, "::", 7002));
	snapshot_listener(s, &s->sockets.items[s->sockets.n - 1])->firewall = HARK_DENIED;
	dual_stack(s, tcp(s, V6, "::", 7003));
	add_loopback(s);
	entry(s, ETH4, whole(s, V4, HARK_FIREWALL_UNKNOWN, HARK_NONE));
	entry(s, ETH6, whole(s, V6, HARK_FIREWALL_UNKNOWN, HARK_NONE));
	*array_push(&s->notes) = (struct hark_note){
		.what = HARK_NOTE_FIREWALL,
		.why = HARK_NOTE_PERMISSION,
		.count = 1,
		.error = -1,
		.detail = "the firewall's rules may not be read: who gets through takes root",
	};
}

static void add_refused(struct hark_snapshot *s)
{
	uint32_t rule = add_rule(s, "nft inet filter input", 40, "tcp dport 113 reject");

	dual_stack(s, tcp(s, V6, "::", 113));
	hold(s, process(s, 792, 0, "identd", NULL), 3);
	add_loopback(s);
	entry(s, ETH4, whole(s, V4, HARK_FIREWALL_REJECT, rule));
	entry(s, ETH6, whole(s, V6, HARK_FIREWALL_REJECT, rule));
	dual_stack(s, tcp(s, V6, "::", 114));
	hold(s, 0, 4);
	entry(s, LO4, whole(s, V4, HARK_FIREWALL_DROP, rule));
	entry(s, LO6, whole(s, V6, HARK_FIREWALL_DROP, rule));
	entry(s, ETH4, whole(s, V4, HARK_FIREWALL_DROP, rule));
	entry(s, ETH6, whole(s, V6, HARK_FIREWALL_DROP, rule));
}

/* An IPv4 and an IPv6 socket of one program: what is wider is so of the port. */
static void add_pair(struct hark_snapshot *s)
{
	uint32_t policy = add_rule(s, "iptables filter INPUT", 0, "policy DROP");
	uint32_t mysqld = process(s, 810, 0, "mysqld", "mysql.service");

	answer(s, tcp(s, V4, "0.0.0.0", 3306), V4, HARK_REACH_PRIVATE);
	hold(s, mysqld, 20);
	entry(s, LO4, whole(s, V4, HARK_FIREWALL_ACCEPT, HARK_NONE));
	entry(s, ETH4, whole(s, V4, HARK_FIREWALL_DROP, policy));
	answer(s, tcp(s, V6, "::", 3306), V6, HARK_REACH_PUBLIC);
	s->sockets.items[s->sockets.n - 1].v6only = HARK_YES;
	hold(s, mysqld, 21);
	entry(s, LO6, whole(s, V6, HARK_FIREWALL_ACCEPT, HARK_NONE));
	entry(s, ETH6, whole(s, V6, HARK_FIREWALL_ACCEPT, HARK_NONE));
}

static struct hark_door *door(struct hark_snapshot *s, int family, uint16_t port,
			      const char *leads_to, const char *from)
{
	uint32_t place = family == V4 ? ETH4 : ETH6;
	uint32_t rule = add_rule(s, "iptables nat DOCKER", 3,
				 "-p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80");
	uint32_t first = partition(s, family, from, rule, rule);
	struct hark_door *new = array_push(&s->doors);

	*new = (struct hark_door){ .protocol = HARK_PROTOCOL_TCP,
				   .family = (uint8_t)family,
				   .port = port,
				   .leads_to = leads_to,
				   .socket = HARK_NONE,
				   .rule = rule,
				   .first_entry = s->firewall_entries.n,
				   .n_entries = 1,
				   .reach = HARK_REACH_PUBLIC };
	hark_addr_parse(family == V4 ? "0.0.0.0" : "::", &new->to);
	*array_push(&s->firewall_entries) =
		(struct hark_firewall_entry){ .family = (uint8_t)family,
					      .ifindex = 2,
					      .first_place = place,
					      .n_places = 1,
					      .first_piece = first,
					      .n_pieces = s->firewall_pieces.n - first };
	return new;
}

struct hark_snapshot *firewall(void)
{
	struct hark_snapshot *s = begin();
	struct hark_place *place = array_push(&s->places);

	hark_addr_parse("203.0.113.7", &place->prefix.addr);
	place->prefix.bits = 128;
	place->ifindex = 3;
	s->namespaces.items[0].n_places = s->places.n;
	*array_push(&s->interfaces) =
		(struct hark_interface){ .ifindex = 3, .name = "ppp0", .is_up = true };
	listener(s, 22, NULL, NULL, "sshd");
	add_refused(s);
	add_depends(s);
	add_pair(s);
	listener(s, 5432, "10.0.0.0/8", NULL, "postgres");
	listener(s, 5433, "10.0.0.0/8", "", "postgres");
	listener(s, 5434, "10.0.0.0/8,192.0.2.1-192.0.2.9,198.51.100.7", "2001:db8:1::/48", "pg");
	listener(s, 5435,
		 "0.0.0.0-9.255.255.255,11.0.0.0-191.255.255.255,193.0.0.0-255.255.255.255",
		 "::-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "pg");
	listener(s, 6379, "", "", "redis");
	add_unread(s);
	answer(s, tcp(s, V4, "127.0.0.1", 8125), V4, HARK_REACH_HOST);
	entry(s, LO4, whole(s, V4, HARK_FIREWALL_ACCEPT, HARK_NONE));
	add_crafted(s);
	door(s, V4, 2223, "192.168.1.241:2222", "10.0.0.0/8")->socket = 3;
	door(s, V4, 8080, "172.17.0.2:80", NULL);
	door(s, V6, 8080, NULL, "2001:db8:1::/48");
	return s;
}
