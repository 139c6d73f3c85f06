/* SPDX-License-Identifier: MIT */
/*
 * Matches of x_tables that have no form of their own in struct xt: what their blobs say as far as
 * it decides, by the structs of include/uapi/linux/netfilter/.
 */
#include "xt.h"

#include <string.h>

/* Reads from the blob; false where it is shorter. */
static bool take(const struct packet *packet, const struct xt *xt, uint32_t offset, void *to,
		 uint32_t size)
{
	if (xt->blob.length < size || offset > xt->blob.length - size)
		return false;
	memcpy(to, ruleset_bytes(packet->ruleset, xt->blob.at) + offset, size);
	return true;
}

static bool is_called(const struct xt *xt, const char *name)
{
	return xt->name && !strcmp(xt->name, name);
}

/* struct xt_physdev_info: two names and their masks, then what is inverted and what is asked. */
static struct fact fact_physdev(const struct packet *packet, const struct xt *xt)
{
	const struct rule_interface *in = packet->in;
	uint8_t invert, asked;

	if (!take(packet, xt, 64, &invert, 1) || !take(packet, xt, 65, &asked, 1))
		return fact_unknown(DOUBT(UNDECODED));
	if (!packet->is_reply && !in)
		return fact_unknown(DOUBT(BRIDGE));
	if (!packet->is_reply && in->kind && !strcmp(in->kind, "bridge") &&
	    packet->ruleset->bridge_calls_ip[packet->question->family])
		return fact_unknown(DOUBT(BRIDGE));
	/* No bridge has seen it: all that is asked has to be inverted. */
	return fact_of(!(asked & ~invert &
			 (XT_PHYSDEV_IN | XT_PHYSDEV_OUT | XT_PHYSDEV_IS_BRIDGED |
			  XT_PHYSDEV_IS_IN | XT_PHYSDEV_IS_OUT)));
}

/* The owner's part of struct xt_owner_match_info: first and last user, asked, inverted. */
static struct fact fact_owned(const struct packet *packet, const uint32_t uids[2], uint8_t asked,
			      uint8_t inverted)
{
	uint32_t uid = packet->question->uid;
	struct fact fact = fact_of(true);

	if (asked & inverted & XT_OWNER_BY_SOCKET)
		return fact_of(false);
	/* One that nobody holds any more has no owner either. */
	if (asked & (XT_OWNER_BY_UID | XT_OWNER_BY_GID) && uid == HARK_NONE)
		return fact_unknown(DOUBT(SOCKET));
	if (asked & XT_OWNER_BY_UID)
		fact = fact_turn(fact_of(uid >= uids[0] && uid <= uids[1]),
				 inverted & XT_OWNER_BY_UID);
	if (asked & XT_OWNER_BY_GID)
		fact = fact_and(fact, fact_unknown(DOUBT(SOCKET)));
	return fact;
}

/* struct xt_owner_match_info: users, groups, what is asked, what is inverted. */
static struct fact fact_owner(const struct packet *packet, const struct xt *xt)
{
	struct fact owned, nobodys;
	uint32_t uids[2];
	uint8_t flags[2];

	if (!is_called(xt, "owner") || xt->revision != 1 || !take(packet, xt, 0, uids, 8) ||
	    !take(packet, xt, 16, flags, 2))
		return fact_unknown(DOUBT(SOCKET));
	nobodys = fact_of(flags[0] == flags[1]);
	/* What comes in has no socket yet. */
	if (!packet->is_reply)
		return nobodys;
	owned = fact_owned(packet, uids, flags[0], flags[1]);
	/* The answer to a SYN has none where it is a cookie (tcp_make_synack()). */
	if (packet->question->protocol == RULE_PROTOCOL_TCP &&
	    (owned.may != nobodys.may || owned.must != nobodys.must))
		return fact_unknown(DOUBT(SOCKET));
	return owned;
}

/* struct xt_policy_info: four elements of 76 bytes, then flags. Who has no IPsec matches none. */
static struct fact fact_policy(const struct packet *packet, const struct xt *xt)
{
	uint16_t flags;

	if (take(packet, xt, 304, &flags, sizeof(flags)) && flags & XT_POLICY_NONE)
		return fact_of(true);
	return fact_unknown(DOUBT(UNDECODED));
}

/* struct xt_recent_mtinfo: seconds, hits, what is done, inverted. */
static struct fact fact_rate(const struct packet *packet, const struct xt *xt)
{
	enum {
		RECENT_SET = 0x02
	};
	uint8_t does[2];

	if (is_called(xt, "statistic"))
		return fact_unknown(DOUBT(CHANCE));
	/* To remember a sender always matches. */
	if (is_called(xt, "recent") && take(packet, xt, 8, does, 2) && does[0] & RECENT_SET)
		return fact_of(!does[1]);
	return fact_unknown(DOUBT(RATE));
}

/* Matches on headers between those of IPv6 and of the protocol: without one, they never match. */
static bool is_about_extension(const struct xt *xt)
{
	static const char *const names[] = { "ah", "dst", "frag", "hbh", "rt" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_called(xt, names[i]))
			return true;
	return false;
}

/* An ordinary sender's type of service is 0. Of the reply it is what the socket was given. */
static bool find_tos(const struct packet *packet, const struct xt *xt, struct fact *ret)
{
	uint8_t bytes[3];

	if (is_called(xt, "dscp") && xt->revision == 0 && take(packet, xt, 0, bytes, 2))
		*ret = fact_turn(fact_of(bytes[0] == 0), bytes[1]);
	else if (is_called(xt, "tos") && xt->revision == 1 && take(packet, xt, 0, bytes, 3))
		*ret = fact_turn(fact_of(bytes[1] == 0), bytes[2]);
	else
		return false;
	if (packet->is_reply)
		*ret = fact_unknown(DOUBT(SOCKET));
	return true;
}

static struct fact fact_sender(const struct packet *packet, const struct xt *xt)
{
	bool is_ordinary = packet->question->is_canonical || packet->is_reply;
	struct fact fact;

	if (is_ordinary && is_about_extension(xt))
		return fact_of(false);
	if (is_ordinary && find_tos(packet, xt, &fact))
		return fact;
	return fact_unknown(DOUBT(SENDER));
}

struct fact fact_blob(const struct packet *packet, const struct xt *xt)
{
	switch (xt->kind) {
	case XT_PHYSDEV:
		return fact_physdev(packet, xt);
	case XT_OWNER:
		return fact_owner(packet, xt);
	case XT_POLICY:
		return fact_policy(packet, xt);
	case XT_RATE:
		return fact_rate(packet, xt);
	case XT_SENDER:
		return fact_sender(packet, xt);
	default:
		return fact_unknown(DOUBT(UNDECODED));
	}
}
