/* SPDX-License-Identifier: MIT */
/*
 * Options of matches of x_tables that nothing but the text needs: out of their blobs. Offsets are
 * those of the structs in <linux/netfilter/xt_*.h>, whose size the decoder has seen to.
 */
#include "printer.h"

/* Numbers of the blob, 0 beyond its end. */
uint32_t xt_u32(const struct ruleset *ruleset, const struct xt *xt, uint32_t at)
{
	uint32_t number = 0;

	if (at + sizeof(number) <= xt->blob.length)
		memcpy(&number, ruleset_bytes(ruleset, xt->blob.at + at), sizeof(number));
	return number;
}

uint16_t xt_u16(const struct ruleset *ruleset, const struct xt *xt, uint32_t at)
{
	uint16_t number = 0;

	if (at + sizeof(number) <= xt->blob.length)
		memcpy(&number, ruleset_bytes(ruleset, xt->blob.at + at), sizeof(number));
	return number;
}

uint8_t xt_u8(const struct ruleset *ruleset, const struct xt *xt, uint32_t at)
{
	return at < xt->blob.length ? *ruleset_bytes(ruleset, xt->blob.at + at) : 0;
}

/* A name of at most `length` bytes, with or without a NUL. */
const char *xt_text(const struct ruleset *ruleset, const struct xt *xt, uint32_t at,
		    uint32_t length, char *text)
{
	uint32_t room = at < xt->blob.length ? xt->blob.length - at : 0;

	if (length > room)
		length = room;
	if (length)
		memcpy(text, ruleset_bytes(ruleset, xt->blob.at + at), length);
	text[length] = '\0';
	return text;
}

void put_xt_option(struct sink *sink, bool is_not, const char *option)
{
	PUT(sink, is_not ? " ! " : " ", option);
}

void put_xt_option_number(struct sink *sink, bool is_not, const char *option, uint64_t number)
{
	put_xt_option(sink, is_not, option);
	put(sink, " ");
	put_number(sink, number);
}

void put_xt_option_span(struct sink *sink, bool is_not, const char *option, uint64_t first,
			uint64_t last, const char *delimiter)
{
	put_xt_option_number(sink, is_not, option, first);
	if (first == last)
		return;
	put(sink, delimiter);
	put_number(sink, last);
}

static void put_icmp(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint8_t type = xt_u8(ruleset, xt, 0), code = xt_u8(ruleset, xt, 1);
	bool is_icmpv6 = strcmp(xt->name, "icmp6") == 0;

	put_xt_option(sink, xt_u8(ruleset, xt, 3) & 1,
		      is_icmpv6 ? "--icmpv6-type " : "--icmp-type ");
	if (type == 0xff && !is_icmpv6) {
		put(sink, "any");
		return;
	}
	put_number(sink, type);
	if (code != 0 || xt_u8(ruleset, xt, 2) != 0xff) {
		put(sink, "/");
		put_number(sink, code);
	}
}

#define LIMIT_SCALE 10000u /* XT_LIMIT_SCALE */

/* Time from one to the next, in parts of a second, as a rate. */
static void put_period(struct sink *sink, uint64_t period, uint64_t scale)
{
	const struct {
		uint64_t period;
		const char *name;
	} units[] = {
		{ scale * 86400, "/day" },
		{ scale * 3600, "/hour" },
		{ scale * 60, "/min" },
		{ scale, "/sec" },
	};
	int unit = 1;

	put(sink, " ");
	if (period == 0) {
		put(sink, "inf");
		return;
	}
	while (unit < 4 && period <= units[unit].period &&
	       units[unit].period / period >= units[unit].period % period)
		unit++;
	put_number(sink, units[unit - 1].period / period);
	put(sink, units[unit - 1].name);
}

static void put_limit(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint32_t burst = xt_u32(ruleset, xt, 4);

	put(sink, " --limit");
	put_period(sink, xt_u32(ruleset, xt, 0), LIMIT_SCALE);
	if (burst != 5)
		put_xt_option_number(sink, false, "--limit-burst", burst);
}

static void put_recent(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
		       bool is_ipv6)
{
	uint32_t seconds = xt_u32(ruleset, xt, 0), hits = xt_u32(ruleset, xt, 4);
	uint8_t what = xt_u8(ruleset, xt, 8), mask[16];
	char name[201];

	put(sink, xt_u8(ruleset, xt, 9) ? " !" : "");
	put(sink, what & 2 ? " --set" : "");
	put(sink, what & 1 ? " --rcheck" : "");
	put(sink, what & 4 ? " --update" : "");
	put(sink, what & 8 ? " --remove" : "");
	if (seconds)
		put_xt_option_number(sink, false, "--seconds", seconds);
	put(sink, what & 32 ? " --reap" : "");
	if (hits)
		put_xt_option_number(sink, false, "--hitcount", hits);
	put(sink, what & 16 ? " --rttl" : "");
	PUT(sink, " --name ", xt_text(ruleset, xt, 10, 200, name));
	memset(mask, 0xff, sizeof(mask));
	if (xt->revision > 0 && xt->blob.length >= 228)
		memcpy(mask, ruleset_bytes(ruleset, xt->blob.at + 212), sizeof(mask));
	put(sink, " --mask ");
	if (is_ipv6)
		put_ipv6(sink, mask);
	else
		put_ipv4(sink, mask);
	put(sink, xt_u8(ruleset, xt, 210) ? " --rdest" : " --rsource");
}

static void put_hops(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	static const char *const ttl[] = { " --ttl-eq ", " ! --ttl-eq ", " --ttl-lt ",
					   " --ttl-gt " };
	static const char *const hl[] = { " --hl-eq ", " ! --hl-eq ", " --hl-lt ", " --hl-gt " };
	uint8_t mode = xt_u8(ruleset, xt, 0) & 3;

	put(sink, strcmp(xt->name, "hl") == 0 ? hl[mode] : ttl[mode]);
	put_number(sink, xt_u8(ruleset, xt, 1));
}

static void put_length(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	put_xt_option_span(sink, xt_u8(ruleset, xt, 4), "--length", xt_u16(ruleset, xt, 0),
			   xt_u16(ruleset, xt, 2), ":");
}

static void put_mac(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	put_xt_option(sink, xt_u32(ruleset, xt, 8), "--mac-source");
	for (uint32_t i = 0; i < 6; i++) {
		put(sink, i ? ":" : " ");
		put_hex(sink, xt_u8(ruleset, xt, i), 2);
	}
}

static void put_owner(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint8_t match = xt_u8(ruleset, xt, 16), invert = xt_u8(ruleset, xt, 17);

	if (match & 4)
		put_xt_option(sink, invert & 4, "--socket-exists");
	if (match & 1)
		put_xt_option_span(sink, invert & 1, "--uid-owner", xt_u32(ruleset, xt, 0),
				   xt_u32(ruleset, xt, 4), "-");
	if (match & 2)
		put_xt_option_span(sink, invert & 2, "--gid-owner", xt_u32(ruleset, xt, 8),
				   xt_u32(ruleset, xt, 12), "-");
	if (match & 8)
		put_xt_option(sink, invert & 8, "--suppl-groups");
}

/* A number of 2^31 as a fraction of eleven digits. */
static void put_probability(struct sink *sink, uint32_t number)
{
	uint64_t scaled = (uint64_t)(((u128)number * 100000000000 + 0x40000000) >> 31);
	char digits[12];

	for (int i = 10; i >= 0; i--, scaled /= 10)
		digits[i] = (char)('0' + scaled % 10);
	put_number(sink, scaled);
	put(sink, ".");
	put_bytes(sink, digits, 11);
}

static void put_statistic(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	bool is_nth = xt_u16(ruleset, xt, 0) == 1, is_not = xt_u16(ruleset, xt, 2) & 1;

	PUT(sink, is_nth ? " --mode nth" : " --mode random", is_not ? " !" : "");
	if (is_nth) {
		put_xt_option_number(sink, false, "--every", xt_u32(ruleset, xt, 4) + 1ULL);
		put_xt_option_number(sink, false, "--packet", xt_u32(ruleset, xt, 8));
	} else {
		put(sink, " --probability ");
		put_probability(sink, xt_u32(ruleset, xt, 4));
	}
}

static void put_physdev(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint8_t invert = xt_u8(ruleset, xt, 64), match = xt_u8(ruleset, xt, 65);
	char in[17], out[17];

	if (match & 8)
		put_xt_option(sink, invert & 8, "--physdev-is-in");
	if (match & 1) {
		put_xt_option(sink, invert & 1, "--physdev-in ");
		put(sink, xt_text(ruleset, xt, 0, 16, in));
	}
	if (match & 16)
		put_xt_option(sink, invert & 16, "--physdev-is-out");
	if (match & 2) {
		put_xt_option(sink, invert & 2, "--physdev-out ");
		put(sink, xt_text(ruleset, xt, 32, 16, out));
	}
	if (match & 4)
		put_xt_option(sink, invert & 4, "--physdev-is-bridged");
}

static void put_connlimit(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
			  bool is_ipv6)
{
	uint32_t flags = xt_u32(ruleset, xt, 20);
	int bits = 0;

	for (uint32_t i = 0; i < (is_ipv6 ? 16 : 4); i++)
		bits += __builtin_popcount(xt_u8(ruleset, xt, i));
	put_xt_option_number(sink, false, flags & 1 ? "--connlimit-upto" : "--connlimit-above",
			     xt_u32(ruleset, xt, 16));
	put_xt_option_number(sink, false, "--connlimit-mask", (uint64_t)bits);
	put(sink, flags & 2 ? " --connlimit-daddr" : " --connlimit-saddr");
}

static void put_rt_header(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint32_t first = xt_u32(ruleset, xt, 4), last = xt_u32(ruleset, xt, 8);
	uint8_t flags = xt_u8(ruleset, xt, 16), invert = xt_u8(ruleset, xt, 17);

	if (flags & 1)
		put_xt_option_number(sink, invert & 1, "--rt-type", xt_u32(ruleset, xt, 0));
	if (first != 0 || last != UINT32_MAX)
		put_xt_option_span(sink, invert & 2, "--rt-segsleft", first, last, ":");
	if (flags & 4)
		put_xt_option_number(sink, invert & 4, "--rt-len", xt_u32(ruleset, xt, 12));
	put(sink, flags & ~7 ? " [not decoded]" : "");
}

static void put_dscp(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	put_xt_option(sink, xt_u8(ruleset, xt, 1), "--dscp 0x");
	put_hex(sink, xt_u8(ruleset, xt, 0), 2);
}

static void put_socket(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint8_t flags = xt_u8(ruleset, xt, 0);

	put(sink, flags & 1 ? " --transparent" : "");
	put(sink, flags & 2 ? " --nowildcard" : "");
	put(sink, flags & 4 ? " --restore-skmark" : "");
}

static void put_quota(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	uint64_t quota = xt_u32(ruleset, xt, 8) | (uint64_t)xt_u32(ruleset, xt, 12) << 32;

	put_xt_option_number(sink, xt_u32(ruleset, xt, 0) & 1, "--quota", quota);
}

#define HASHLIMIT_SCALE 1000000u /* XT_HASHLIMIT_SCALE_v2 */
#define HASHLIMIT_CFG   256      /* where struct hashlimit_cfg3 is */

/* The sizes of its table, which change nothing that matters here, are left out. */
static void put_hashlimit(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} modes[] = { { 4, "srcip" }, { 8, "srcport" }, { 1, "dstip" }, { 2, "dstport" } };
	uint32_t mode = xt_u32(ruleset, xt, HASHLIMIT_CFG + 16);
	const char *before = " --hashlimit-mode ";
	char name[256];

	put(sink, mode & 16 ? " --hashlimit-above" : " --hashlimit-upto");
	if (xt->revision != 3 || mode & (32 | 64)) {
		put(sink, " [not decoded]");
		return;
	}
	put_period(sink, xt_u32(ruleset, xt, HASHLIMIT_CFG), HASHLIMIT_SCALE);
	put_xt_option_number(sink, false, "--hashlimit-burst",
			     xt_u32(ruleset, xt, HASHLIMIT_CFG + 8));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (mode & modes[i].bit) {
			PUT(sink, before, modes[i].name);
			before = ",";
		}
	}
	PUT(sink, " --hashlimit-name ", xt_text(ruleset, xt, 0, 255, name));
}

static void put_nothing(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt)
{
	(void)sink;
	(void)ruleset;
	(void)xt;
}

static const struct {
	const char *name;
	void (*put)(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt);
} by_blob[] = {
	{ "eui64", put_nothing },       { "icmp", put_icmp },       { "icmp6", put_icmp },
	{ "limit", put_limit },         { "ttl", put_hops },        { "hl", put_hops },
	{ "length", put_length },       { "mac", put_mac },         { "owner", put_owner },
	{ "statistic", put_statistic }, { "physdev", put_physdev }, { "dscp", put_dscp },
	{ "socket", put_socket },       { "quota", put_quota },     { "hashlimit", put_hashlimit },
	{ "rt", put_rt_header },
};

/* Whether the blob alone tells. */
bool put_xt_blob_match(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
		       bool is_ipv6)
{
	if (xt->kind == XT_UNKNOWN)
		return false;
	for (size_t i = 0; i < sizeof(by_blob) / sizeof(by_blob[0]); i++) {
		if (strcmp(xt->name, by_blob[i].name) == 0) {
			by_blob[i].put(sink, ruleset, xt);
			return true;
		}
	}
	if (strcmp(xt->name, "recent") == 0)
		put_recent(sink, ruleset, xt, is_ipv6);
	else if (strcmp(xt->name, "connlimit") == 0)
		put_connlimit(sink, ruleset, xt, is_ipv6);
	else
		return false;
	return true;
}
