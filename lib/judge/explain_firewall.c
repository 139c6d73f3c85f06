/* SPDX-License-Identifier: MIT */
/* What the firewall makes of packets to a port: from whom, to which address, by which rule. */
#include <string.h>

#include "explanation.h"
#include "exposure.h"

#define MAX_STEPS 16u

/* "10.0.0.0/8, 192.0.2.1-192.0.2.9 and 3 more" */
static const char *ranges_text(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const char *list = NULL;
	char text[HARK_RANGE_TEXT_SIZE];

	for (uint32_t i = first; i < first + n && i < first + MAX_LISTED; i++) {
		const struct hark_range *range = hark_snapshot_range(x->snapshot, i);

		if (range)
			list = append_text(x, list, ", ",
					   say(x, "%s", hark_range_format(range, text)));
	}
	return n > MAX_LISTED ? say(x, "%s and %u more", list, n - MAX_LISTED) : list;
}

/* Who it is about: the last part of several is what the others leave. */
static const char *who_text(struct hark_explanation *x, const struct hark_firewall_entry *entry,
			    uint32_t i, const struct hark_firewall_piece *piece)
{
	if (entry->n_pieces == 1)
		return "everybody";
	if (i + 1 == entry->n_pieces && piece->n_ranges > 1)
		return "all others";
	return ranges_text(x, piece->first_range, piece->n_ranges);
}

static const char *rule_text(struct hark_explanation *x, const struct hark_firewall_rule *rule)
{
	const char *where = rule->where ? rule->where : "a rule";

	if (!rule->handle)
		return say(x, "%s%s%s", where, rule->text ? ": " : "",
			   rule->text ? rule->text : "");
	return say(x, "%s %llu%s%s", where, (unsigned long long)rule->handle,
		   rule->text ? ": " : "", rule->text ? rule->text : "");
}

static const char *rules_text(struct hark_explanation *x, uint32_t first, uint32_t n, uint32_t more)
{
	const char *list = NULL;
	uint32_t shown = n < MAX_LISTED ? n : MAX_LISTED;

	/* What decided comes last: of many, the first are left out. */
	for (uint32_t i = first + n - shown; i < first + n; i++) {
		const struct hark_firewall_rule *rule = hark_snapshot_firewall_rule(x->snapshot, i);

		if (rule)
			list = append_text(x, list, "; ",
					   say(x, "%s%s", rule_text(x, rule),
					       rule->is_reply ? " (met by the answer)" : ""));
	}
	if (!list)
		return "no rule of nftables or iptables concerns such packets";
	more += n - shown;
	return more ? say(x, "%s; and %u before", list, more) : list;
}

static const char *doubt_text(enum hark_firewall_doubt doubt)
{
	static const char *const texts[HARK_DOUBT_N_] = {
		[HARK_DOUBT_SENDER] = "what the sender chooses (its port, options, headers)",
		[HARK_DOUBT_RATE] = "how much came before (a limit)",
		[HARK_DOUBT_TIME] = "the time",
		[HARK_DOUBT_CHANCE] = "chance",
		[HARK_DOUBT_SET] = "a set whose elements come and go, or could not be read",
		[HARK_DOUBT_ROUTING] = "routes",
		[HARK_DOUBT_MARK] = "a mark that is not known",
		[HARK_DOUBT_BPF] = "a BPF program",
		[HARK_DOUBT_QUEUE] = "a program that is asked (NFQUEUE)",
		[HARK_DOUBT_WRAPPERS] = "tcp wrappers (hosts.allow, hosts.deny)",
		[HARK_DOUBT_SOCKET] = "the state of sockets",
		[HARK_DOUBT_BRIDGE] = "the port of the bridge that it comes by",
		[HARK_DOUBT_SOURCE] = "a pattern of source addresses",
		[HARK_DOUBT_ORDER] = "which of two tables comes first",
		[HARK_DOUBT_UNDECODED] = "a rule that hark does not understand",
	};

	return texts[doubt];
}

static const char *doubts_text(struct hark_explanation *x, uint32_t doubts)
{
	const char *list = NULL;

	for (int doubt = 0; doubt < HARK_DOUBT_N_; doubt++)
		if (doubts & (1u << doubt))
			list = append_text(x, list, ", and on ",
					   doubt_text((enum hark_firewall_doubt)doubt));
	return list ? list : "what is not known";
}

struct said {
	const char *code, *text;
};

/* Where no rule did it: why packets, or what comes back, end there all the same; else NULL. */
static const char *kernel_text(struct hark_explanation *x, const struct hark_firewall_piece *piece)
{
	const struct hark_firewall_rule *rule =
		hark_snapshot_firewall_rule(x->snapshot, piece->first_rule);

	return piece->n_rules == 1 && rule && rule->where && !strcmp(rule->where, "kernel") ?
		       rule->text :
		       NULL;
}

static struct said say_piece(struct hark_explanation *x, const struct hark_firewall_piece *piece,
			     const char *who, const char *where)
{
	const char *how = piece->how ? piece->how : "an error";
	bool is_all = !strcmp(who, "everybody");

	switch ((enum hark_firewall_verdict)piece->verdict) {
	case HARK_FIREWALL_ACCEPT:
		return (struct said){ is_all ? "firewall-open" : "firewall-lets",
				      say(x, "%s: the firewall lets %s through%s.", where, who,
					  is_all && !piece->n_rules ? ", as no rule is in the way" :
								      "") };
	case HARK_FIREWALL_DROP:
		if (kernel_text(x, piece))
			return (struct said){ "firewall-drops",
					      say(x, "%s: %s get%s no answer: %s.", where, who,
						  is_all ? "s" : "", kernel_text(x, piece)) };
		return (struct said){ "firewall-drops",
				      say(x,
					  "%s: what %s send%s is dropped, and nothing comes back.",
					  where, who, is_all ? "s" : "") };
	case HARK_FIREWALL_REJECT:
		return (struct said){ "firewall-rejects",
				      say(x, "%s: the firewall refuses %s (%s).", where, who,
					  how) };
	case HARK_FIREWALL_DIVERTED:
		return (struct said){ "firewall-diverts",
				      say(x, "%s: what %s send%s goes %s%s.", where, who,
					  is_all ? "s" : "", piece->how ? "to " : "elsewhere",
					  piece->how ? piece->how : "") };
	case HARK_FIREWALL_DEPENDS:
		return (struct said){ "firewall-depends",
				      say(x,
					  "%s: whether the firewall lets %s through depends on %s.",
					  where, who, doubts_text(x, piece->depends_on)) };
	case HARK_FIREWALL_UNKNOWN:
	case HARK_FIREWALL_VERDICT_N_:
		break;
	}
	return (struct said){ "firewall-unknown",
			      say(x,
				  "%s: whether the firewall lets %s through is not known, as not "
				  "all of its rules could be read.",
				  where, who) };
}

/* Whether one sentence will do for both: not for what this host sends itself. */
static bool is_alike(const struct hark_explanation *x, const struct hark_firewall_entry *a,
		     const struct hark_firewall_entry *b)
{
	if (a->family != b->family || a->n_pieces != b->n_pieces || a->n_crafted != b->n_crafted ||
	    (a->ifindex == LOOPBACK_IFINDEX) != (b->ifindex == LOOPBACK_IFINDEX))
		return false;
	for (uint32_t p = 0; p < a->n_pieces; p++)
		if (!hark_firewall_pieces_alike(x->snapshot, a->first_piece + p,
						b->first_piece + p))
			return false;
	for (uint32_t p = 0; p < a->n_crafted; p++)
		if (!hark_firewall_pieces_alike(x->snapshot, a->first_crafted + p,
						b->first_crafted + p))
			return false;
	return true;
}

/* "IPv4 to 192.168.1.241", with those of other entries that fare alike. */
static const char *where_text(struct hark_explanation *x, const struct hark_listener *listener,
			      uint32_t i)
{
	const struct hark_firewall_entry *entry = hark_snapshot_firewall_entry(x->snapshot, i);
	const char *list = NULL;
	uint32_t n = 0;

	for (uint32_t e = i; e < listener->first_entry + listener->n_entries; e++) {
		const struct hark_firewall_entry *other =
			hark_snapshot_firewall_entry(x->snapshot, e);

		if (!is_alike(x, entry, other))
			continue;
		for (uint32_t p = 0; p < other->n_places; p++, n++)
			if (n < MAX_LISTED)
				list = append_text(
					x, list, ", ",
					place_text(x, hark_snapshot_place(x->snapshot,
									  other->first_place + p)));
	}
	if (n > MAX_LISTED)
		list = say(x, "%s and %u more", list, n - MAX_LISTED);
	return say(x, "%s to %s", family_text(entry->family), list ? list : "its addresses");
}

/* Whether an entry before it was of the same family and had the same pieces. */
static bool is_told(const struct hark_explanation *x, const struct hark_listener *listener,
		    uint32_t i)
{
	const struct hark_firewall_entry *entry = hark_snapshot_firewall_entry(x->snapshot, i);

	for (uint32_t e = listener->first_entry; e < i; e++) {
		const struct hark_firewall_entry *other =
			hark_snapshot_firewall_entry(x->snapshot, e);

		if (is_alike(x, entry, other))
			return true;
	}
	return false;
}

/* "input: nft inet filter input 12: tcp dport 22 accept (10.0.0.0/8)" */
static const char *step_text(struct hark_explanation *x, const struct hark_firewall_step *step)
{
	const struct hark_firewall_rule *rule =
		hark_snapshot_firewall_rule(x->snapshot, step->rule);
	const char *who = step->n_ranges ? ranges_text(x, step->first_range, step->n_ranges) : NULL;

	return say(x, "%s: %s -> %s%s%s%s%s", step->hook ? step->hook : "?",
		   rule ? rule_text(x, rule) : "a rule", step->action ? step->action : "?",
		   step->is_certain ? "" : ", perhaps", who ? " (" : "", who ? who : "",
		   who ? ")" : "");
}

static void tell_path(struct hark_explanation *x, const struct alike *alike,
		      const struct hark_firewall_entry *entry, const char *where)
{
	const char *list = NULL;
	uint32_t n = entry->n_steps < MAX_STEPS ? entry->n_steps : MAX_STEPS;

	for (uint32_t i = 0; i < n; i++) {
		const struct hark_firewall_step *step =
			hark_snapshot_firewall_step(x->snapshot, entry->first_step + i);

		if (step)
			list = append_text(x, list, "; ", step_text(x, step));
	}
	if (!list)
		return;
	if (entry->n_steps > n)
		list = say(x, "%s; and %u more", list, entry->n_steps - n);
	add_finding(x, HARK_FINDING_DETAIL, "firewall-path", alike->first,
		    say(x, "%s: %u rule%s concern%s such packets on their way.", where,
			entry->n_steps, entry->n_steps == 1 ? "" : "s",
			entry->n_steps == 1 ? "s" : ""),
		    list);
}

static void tell_crafted(struct hark_explanation *x, const struct alike *alike,
			 const struct hark_firewall_entry *entry, const char *where)
{
	const char *from = NULL, *rules = NULL;
	bool is_certain = true;

	for (uint32_t i = 0; i < entry->n_crafted; i++) {
		const struct hark_firewall_piece *piece =
			hark_snapshot_firewall_piece(x->snapshot, entry->first_crafted + i);

		from = append_text(x, from, ", ",
				   ranges_text(x, piece->first_range, piece->n_ranges));
		rules = append_text(x, rules, "; ",
				    rules_text(x, piece->first_rule, piece->n_rules,
					       piece->n_more_rules));
		is_certain &= piece->verdict == HARK_FIREWALL_ACCEPT;
	}
	if (from)
		add_finding(x, HARK_FINDING_DETAIL, "firewall-crafted-sender", alike->first,
			    say(x,
				"%s: who chooses what an ordinary client does not (a source port, "
				"options, extension headers, fragments) %s through from %s.",
				where, is_certain ? "gets" : "may get", from),
			    rules);
}

static void tell_entry(struct hark_explanation *x, const struct alike *alike, uint32_t i)
{
	const struct hark_listener *listener = listener_at(x, alike->first);
	const struct hark_firewall_entry *entry = hark_snapshot_firewall_entry(x->snapshot, i);
	const char *where = where_text(x, listener, i);

	for (uint32_t p = 0; p < entry->n_pieces; p++) {
		const struct hark_firewall_piece *piece =
			hark_snapshot_firewall_piece(x->snapshot, entry->first_piece + p);
		struct said said = say_piece(x, piece, who_text(x, entry, p, piece), where);

		add_finding(x, HARK_FINDING_DETAIL, said.code, alike->first, said.text,
			    rules_text(x, piece->first_rule, piece->n_rules, piece->n_more_rules));
	}
	tell_crafted(x, alike, entry, where);
	tell_path(x, alike, entry, where);
}

/* What this host sends itself is nobody's worry, unless it is kept from itself. */
static bool is_worth_telling(const struct hark_explanation *x,
			     const struct hark_firewall_entry *entry)
{
	for (uint32_t p = 0; p < entry->n_pieces && entry->ifindex == LOOPBACK_IFINDEX; p++)
		if (hark_snapshot_firewall_piece(x->snapshot, entry->first_piece + p)->verdict ==
		    HARK_FIREWALL_ACCEPT)
			return false;
	return true;
}

void tell_firewall(struct hark_explanation *x, const struct alike *alike)
{
	const struct hark_listener *listener = listener_at(x, alike->first);

	if (!listener || listener->firewall != HARK_KNOWN)
		return;
	for (uint32_t i = listener->first_entry; i < listener->first_entry + listener->n_entries;
	     i++) {
		const struct hark_firewall_entry *entry =
			hark_snapshot_firewall_entry(x->snapshot, i);

		if (is_worth_telling(x, entry) && !is_told(x, listener, i))
			tell_entry(x, alike, i);
	}
}

/* Of the port's listeners the one that is wider, and what it is held against. */
void tell_wider(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct hark_exposure *both[HARK_FAMILY_N_] = { NULL, NULL };
	char text[HARK_EXPOSED_TEXT_SIZE];

	for (uint32_t i = first; x->exposures && i < first + n; i++) {
		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			const struct hark_exposure *e = hark_exposures_listener(
				x->exposures, socket_at(x, i)->listener, (enum hark_family)family);

			if (e && e->who != HARK_WHO_UNSERVED &&
			    (!both[family] || e->is_wider > both[family]->is_wider))
				both[family] = e;
		}
	}
	if (!both[0] || !both[1] || (!both[0]->is_wider && !both[1]->is_wider))
		return;
	add_finding(x, HARK_FINDING_PART, "firewall-wider-family", first,
		    say(x,
			"Through the firewall, %s. Rules that are written for one family leave the "
			"other as it is.",
			hark_exposed_format(x->exposures, both[0], both[1], text)),
		    "the rules that are told of below, for each family");
}

/* "10.0.0.0/8", "everyone" */
static const char *open_text(struct hark_explanation *x, const struct hark_exposure *e)
{
	char text[HARK_EXPOSURE_TEXT_SIZE];

	return e ? say(x, "%s", hark_exposure_format(x->exposures, e, text)) : "unknown";
}

static const char *door_name(struct hark_explanation *x, const struct hark_door *door)
{
	char address[HARK_ADDR_TEXT_SIZE];

	if (hark_addr_is_any(&door->to))
		return say(x, "%s port %u over %s",
			   door->protocol == HARK_PROTOCOL_TCP ? "TCP" : "UDP", door->port,
			   family_text(door->family));
	return say(x, "%s port %u of %s", door->protocol == HARK_PROTOCOL_TCP ? "TCP" : "UDP",
		   door->port, hark_addr_format(&door->to, address));
}

static const char *door_evidence(struct hark_explanation *x, const struct hark_door *door)
{
	return rules_text(x, door->rule,
			  hark_snapshot_firewall_rule(x->snapshot, door->rule) != NULL, 0);
}

void tell_entry_ports(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct hark_door *door;

	for (uint32_t i = 0; (door = hark_snapshot_door(x->snapshot, i)); i++) {
		const struct hark_exposure *own, *e;

		if (!x->exposures || door->socket < first || door->socket >= first + n)
			continue;
		own = hark_exposures_listener(x->exposures, socket_at(x, door->socket)->listener,
					      (enum hark_family)door->family);
		e = hark_exposures_door(x->exposures, i);
		add_finding(
			x, HARK_FINDING_PART, "firewall-entry-port", first,
			say(x,
			    "%s leads here, too: the firewall rewrites its packets. By it this is "
			    "open to: %s; by its own port: %s.",
			    door_name(x, door), open_text(x, e), open_text(x, own)),
			door_evidence(x, door));
	}
}

bool tell_published(struct hark_explanation *x)
{
	bool is_any = false;

	for (uint32_t i = 0; i < hark_snapshot_n_doors(x->snapshot); i++) {
		const struct hark_door *door = hark_snapshot_door(x->snapshot, i);

		if (!x->exposures || !x->selection ||
		    !hark_selection_matches_door(x->selection, x->snapshot, i))
			continue;
		is_any = true;
		add_finding(
			x, HARK_FINDING_PART, "firewall-published", HARK_NONE,
			say(x,
			    "%s is published all the same: the firewall passes its packets on to "
			    "%s. It is open to: %s.",
			    door_name(x, door), door->leads_to ? door->leads_to : "several targets",
			    open_text(x, hark_exposures_door(x->exposures, i))),
			door_evidence(x, door));
	}
	return is_any;
}

/* What was not looked at, and where the view ends. */
void tell_firewall_view(struct hark_explanation *x)
{
	bool is_read = false, is_denied = false, is_missing = false;

	for (uint32_t i = 0; i < x->sockets.n; i++) {
		const struct hark_socket *socket = socket_at(x, x->sockets.items[i]);
		const struct hark_listener *listener =
			hark_snapshot_listener(x->snapshot, socket->listener);

		if (!listener || is_copied_to(socket))
			continue;
		is_read |= listener->firewall == HARK_KNOWN;
		is_denied |= listener->firewall == HARK_DENIED;
		is_missing |= listener->firewall != HARK_KNOWN;
	}
	if (is_missing)
		add_finding(
			x, HARK_FINDING_HEADLINE, "firewall-unread", HARK_NONE,
			is_denied ?
				"This tells who gets a packet that arrives here. Whether the "
				"firewall lets it arrive is not known: its rules may be read "
				"by root alone." :
				"This tells who gets a packet that arrives here. Whether a firewall "
				"lets it arrive was not looked at.",
			is_denied ? "the kernel refused to tell its rules (EPERM)" :
				    "no rule of nftables, iptables or BPF was read");
	if (is_read)
		add_finding(x, HARK_FINDING_HEADLINE, "firewall-own-view", HARK_NONE,
			    "That is this host's own firewall: what routers and cloud rules let "
			    "through before it is not seen from here.",
			    "the rules of this host's kernel");
}
