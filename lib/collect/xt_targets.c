/* SPDX-License-Identifier: MIT */
/* The targets: what the kernel's files of net/netfilter/xt_*.c, ipt_*.c and ip6t_*.c register. */
#include "xt_decode.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_AUDIT.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_CLASSIFY.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CONNSECMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_DSCP.h>
#include <linux/netfilter/xt_HMARK.h>
#include <linux/netfilter/xt_IDLETIMER.h>
#include <linux/netfilter/xt_LED.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_RATEEST.h>
#include <linux/netfilter/xt_SECMARK.h>
#include <linux/netfilter/xt_SYNPROXY.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_TCPOPTSTRIP.h>
#include <linux/netfilter/xt_TEE.h>
#include <linux/netfilter/xt_TPROXY.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter_ipv4/ipt_ECN.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv4/ipt_TTL.h>
#include <linux/netfilter_ipv6/ip6t_HL.h>
#include <linux/netfilter_ipv6/ip6t_NPT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

/* A jump is to an offset in the table, which only its reader can turn into a chain. */
static bool decode_verdict(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const int *verdict = blob;

	(void)row;
	ret->u.verdict.chain = RULESET_NONE;
	ret->u.verdict.verdict = *verdict >= 0              ? RULE_JUMP :
				 *verdict == XT_RETURN      ? RULE_RETURN :
				 *verdict == -NF_ACCEPT - 1 ? RULE_ACCEPT :
				 *verdict == -NF_DROP - 1   ? RULE_DROP :
				 *verdict == -NF_QUEUE - 1  ? RULE_QUEUE :
				 *verdict == -NF_STOLEN - 1 ? RULE_STOLEN :
							      RULE_VERDICT_UNKNOWN;
	return true;
}

static bool decode_reject4(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct ipt_reject_info *reject = blob;

	(void)row;
	ret->u.reject.with = (uint8_t)reject->with;
	return reject->with <= IPT_ICMP_ADMIN_PROHIBITED;
}

static bool decode_reject6(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct ip6t_reject_info *reject = blob;

	(void)row;
	ret->u.reject.with = (uint8_t)reject->with;
	return reject->with <= IP6T_ICMP6_REJECT_ROUTE;
}

static bool is_named(const struct xt_row *row, const char *name)
{
	return strcmp(row->name, name) == 0;
}

static void set_nat(const struct xt_row *row, uint32_t flags, uint16_t first, uint16_t last,
		    struct xt *ret)
{
	ret->u.nat.flags = flags;
	ret->u.nat.first_port = ntohs(first);
	ret->u.nat.last_port = ntohs(last);
	ret->u.nat.is_redirect = is_named(row, "REDIRECT");
	ret->u.nat.is_netmap = is_named(row, "NETMAP");
}

/* The oldest form, of IPv4: a list of one range. */
static bool decode_nat4(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct nf_nat_ipv4_multi_range_compat *list = blob;
	const struct nf_nat_ipv4_range *range = &list->range[0];

	set_nat(row, range->flags, range->min.all, range->max.all, ret);
	memcpy(ret->u.nat.first, &range->min_ip, sizeof(range->min_ip));
	memcpy(ret->u.nat.last, &range->max_ip, sizeof(range->max_ip));
	return list->rangesize == 1 && !(range->flags & ~(unsigned int)NF_NAT_RANGE_MASK);
}

static bool decode_nat(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct nf_nat_range *range = blob;

	set_nat(row, range->flags, range->min_proto.all, range->max_proto.all, ret);
	memcpy(ret->u.nat.first, &range->min_addr, sizeof(ret->u.nat.first));
	memcpy(ret->u.nat.last, &range->max_addr, sizeof(ret->u.nat.last));
	return !(range->flags & ~(unsigned int)NF_NAT_RANGE_MASK);
}

static bool decode_nat2(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct nf_nat_range2 *range = blob;

	ret->u.nat.base_port = ntohs(range->base_proto.all);
	/* The other form is its beginning. */
	return decode_nat(row, blob, ret);
}

static bool decode_set_mark(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_mark_tginfo2 *info = blob;

	(void)row;
	ret->u.mark.mark = info->mark;
	ret->u.mark.mask = info->mask;
	return true;
}

static bool set_connmark(struct xt *ret, uint32_t mark, uint32_t ct_mask, uint32_t packet_mask,
			 uint8_t mode)
{
	ret->u.mark.mark = mark;
	ret->u.mark.mask = ret->u.mark.ct_mask = ct_mask;
	ret->u.mark.packet_mask = packet_mask;
	ret->u.mark.mode = mode;
	return mode <= XT_CONNMARK_RESTORE;
}

static bool decode_connmark1(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_connmark_tginfo1 *info = blob;

	(void)row;
	return set_connmark(ret, info->ctmark, info->ctmask, info->nfmask, info->mode);
}

static bool decode_connmark2(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_connmark_tginfo2 *info = blob;

	(void)row;
	if (info->shift_dir == D_SHIFT_RIGHT)
		ret->u.mark.shift_right = info->shift_bits;
	else
		ret->u.mark.shift_left = info->shift_bits;
	/* What a processor makes of 32 bits and more is its own. */
	return set_connmark(ret, info->ctmark, info->ctmask, info->nfmask, info->mode) &&
	       info->shift_bits < 32;
}

/* All revisions begin with the flags. A packet that is not to be tracked needs nobody who does. */
static bool decode_ct(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_ct_target_info *info = blob;

	(void)row;
	ret->u.ct.is_notrack = info->flags & XT_CT_NOTRACK;
	ret->tracks = !ret->u.ct.is_notrack;
	return !(info->flags & ~XT_CT_MASK);
}

static bool decode_notrack(const struct xt_row *row, const void *blob, struct xt *ret)
{
	(void)row;
	(void)blob;
	ret->u.ct.is_notrack = true;
	return true;
}

static bool decode_queue(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_NFQ_info_v3 *info = blob;

	ret->u.queue.queue = info->queuenum;
	/* Of the other revisions the blob is shorter. */
	if (row->first_revision >= 2)
		ret->u.queue.bypass = info->flags & NFQ_FLAG_BYPASS;
	return true;
}

static uint32_t ipset_number(ip_set_id_t number)
{
	return number == IPSET_INVALID_ID ? RULESET_NONE : number;
}

static bool decode_set0(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_set_info_target_v0 *info = blob;

	(void)row;
	ret->u.sets.add = ipset_number(info->add_set.index);
	ret->u.sets.del = ipset_number(info->del_set.index);
	return true;
}

/* All later revisions begin like that. */
static bool decode_set(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_set_info_target_v1 *info = blob;

	(void)row;
	ret->u.sets.add = ipset_number(info->add_set.index);
	ret->u.sets.del = ipset_number(info->del_set.index);
	return true;
}

/* One that gives packets the mark of an element is not followed. */
static bool decode_set3(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_set_info_target_v3 *info = blob;

	return decode_set(row, blob, ret) &&
	       (info->map_set.index == IPSET_INVALID_ID || !(info->flags & IPSET_FLAG_MAP_SKBMARK));
}

#define ROW(n, revision, f, k, type, ...)                                                \
	{                                                                                \
		.name = (n), .first_revision = (revision), .last_revision = (revision),  \
		.families = XT_FOR_##f, .kind = (k), .size = sizeof(type), ##__VA_ARGS__ \
	}
#define OWN(type, member) .own = offsetof(type, member)

const struct xt_row xt_targets[] = {
	ROW(XT_STANDARD_TARGET, 0, BOTH, XT_VERDICT, int, .decode = decode_verdict),
	ROW("AUDIT", 0, ANY, XT_NOTHING, struct xt_audit_info),
	ROW("CHECKSUM", 0, BOTH, XT_NOTHING, struct xt_CHECKSUM_info),
	ROW("CLASSIFY", 0, ANY, XT_NOTHING, struct xt_classify_target_info),
	ROW("CONNMARK", 1, BOTH, XT_SET_CONNMARK, struct xt_connmark_tginfo1,
	    .decode = decode_connmark1, .tracks = true),
	ROW("CONNMARK", 2, BOTH, XT_SET_CONNMARK, struct xt_connmark_tginfo2,
	    .decode = decode_connmark2, .tracks = true),
	ROW("CONNSECMARK", 0, BOTH, XT_NOTHING, struct xt_connsecmark_target_info, .tracks = true),
	ROW("CT", 0, BOTH, XT_CT, struct xt_ct_target_info, OWN(struct xt_ct_target_info, ct),
	    .decode = decode_ct),
	ROW("CT", 1, BOTH, XT_CT, struct xt_ct_target_info_v1, OWN(struct xt_ct_target_info_v1, ct),
	    .decode = decode_ct),
	ROW("CT", 2, BOTH, XT_CT, struct xt_ct_target_info_v1, OWN(struct xt_ct_target_info_v1, ct),
	    .decode = decode_ct),
	ROW("DNAT", 0, IPV4, XT_DNAT, struct nf_nat_ipv4_multi_range_compat, .decode = decode_nat4,
	    .tracks = true),
	ROW("DNAT", 1, ANY, XT_DNAT, struct nf_nat_range, .decode = decode_nat, .tracks = true),
	ROW("DNAT", 2, ANY, XT_DNAT, struct nf_nat_range2, .decode = decode_nat2, .tracks = true),
	ROW("DNPT", 0, IPV6, XT_UNKNOWN, struct ip6t_npt_tginfo,
	    OWN(struct ip6t_npt_tginfo, adjustment)),
	ROW("DSCP", 0, BOTH, XT_CHANGE, struct xt_DSCP_info),
	ROW("ECN", 0, IPV4, XT_CHANGE, struct ipt_ECN_info),
	{ .name = XT_ERROR_TARGET,
	  .families = XT_FOR_BOTH,
	  .kind = XT_ERROR,
	  .size = XT_FUNCTION_MAXNAMELEN },
	ROW("HL", 0, IPV6, XT_CHANGE, struct ip6t_HL_info),
	ROW("HMARK", 0, BOTH, XT_UNKNOWN, struct xt_hmark_info),
	ROW("IDLETIMER", 0, BOTH, XT_NOTHING, struct idletimer_tg_info,
	    OWN(struct idletimer_tg_info, timer)),
	ROW("IDLETIMER", 1, BOTH, XT_NOTHING, struct idletimer_tg_info_v1,
	    OWN(struct idletimer_tg_info_v1, timer)),
	ROW("LED", 0, BOTH, XT_NOTHING, struct xt_led_info, OWN(struct xt_led_info, internal_data)),
	ROW("LOG", 0, BOTH, XT_NOTHING, struct xt_log_info),
	ROW("MARK", 2, ANY, XT_SET_MARK, struct xt_mark_tginfo2, .decode = decode_set_mark),
	ROW("MASQUERADE", 0, IPV4, XT_SNAT, struct nf_nat_ipv4_multi_range_compat,
	    .decode = decode_nat4, .tracks = true),
	ROW("MASQUERADE", 0, IPV6, XT_SNAT, struct nf_nat_range, .decode = decode_nat,
	    .tracks = true),
	ROW("NETMAP", 0, IPV4, XT_DNAT, struct nf_nat_ipv4_multi_range_compat,
	    .decode = decode_nat4, .tracks = true),
	ROW("NETMAP", 0, IPV6, XT_DNAT, struct nf_nat_range, .decode = decode_nat, .tracks = true),
	ROW("NFLOG", 0, BOTH, XT_NOTHING, struct xt_nflog_info),
	ROW("NFQUEUE", 0, ANY, XT_QUEUE, struct xt_NFQ_info, .decode = decode_queue),
	ROW("NFQUEUE", 1, ANY, XT_QUEUE, struct xt_NFQ_info_v1, .decode = decode_queue),
	ROW("NFQUEUE", 2, ANY, XT_QUEUE, struct xt_NFQ_info_v2, .decode = decode_queue),
	ROW("NFQUEUE", 3, ANY, XT_QUEUE, struct xt_NFQ_info_v3, .decode = decode_queue),
	{ .name = "NOTRACK", .families = XT_FOR_BOTH, .kind = XT_CT, .decode = decode_notrack },
	ROW("RATEEST", 0, BOTH, XT_NOTHING, struct xt_rateest_target_info,
	    OWN(struct xt_rateest_target_info, est)),
	ROW("REDIRECT", 0, IPV4, XT_DNAT, struct nf_nat_ipv4_multi_range_compat,
	    .decode = decode_nat4, .tracks = true),
	ROW("REDIRECT", 0, IPV6, XT_DNAT, struct nf_nat_range, .decode = decode_nat,
	    .tracks = true),
	ROW("REJECT", 0, IPV4, XT_REJECT, struct ipt_reject_info, .decode = decode_reject4),
	ROW("REJECT", 0, IPV6, XT_REJECT, struct ip6t_reject_info, .decode = decode_reject6),
	ROW("SECMARK", 0, BOTH, XT_NOTHING, struct xt_secmark_target_info),
	ROW("SECMARK", 1, BOTH, XT_NOTHING, struct xt_secmark_target_info_v1,
	    OWN(struct xt_secmark_target_info_v1, secid)),
	ROW("SET", 0, IPV4, XT_CHANGE_SETS, struct xt_set_info_target_v0, .decode = decode_set0),
	ROW("SET", 1, BOTH, XT_CHANGE_SETS, struct xt_set_info_target_v1, .decode = decode_set),
	ROW("SET", 2, BOTH, XT_CHANGE_SETS, struct xt_set_info_target_v2, .decode = decode_set),
	ROW("SET", 3, BOTH, XT_CHANGE_SETS, struct xt_set_info_target_v3, .decode = decode_set3),
	ROW("SNAT", 0, IPV4, XT_SNAT, struct nf_nat_ipv4_multi_range_compat, .decode = decode_nat4,
	    .tracks = true),
	ROW("SNAT", 1, ANY, XT_SNAT, struct nf_nat_range, .decode = decode_nat, .tracks = true),
	ROW("SNAT", 2, ANY, XT_SNAT, struct nf_nat_range2, .decode = decode_nat2, .tracks = true),
	ROW("SNPT", 0, IPV6, XT_UNKNOWN, struct ip6t_npt_tginfo,
	    OWN(struct ip6t_npt_tginfo, adjustment)),
	ROW("SYNPROXY", 0, BOTH, XT_SYNPROXY, struct xt_synproxy_info, .tracks = true),
	ROW("TCPMSS", 0, BOTH, XT_NOTHING, struct xt_tcpmss_info),
	ROW("TCPOPTSTRIP", 0, BOTH, XT_NOTHING, struct xt_tcpoptstrip_target_info),
	ROW("TEE", 1, BOTH, XT_NOTHING, struct xt_tee_tginfo, OWN(struct xt_tee_tginfo, priv)),
	ROW("TOS", 1, BOTH, XT_CHANGE, struct xt_tos_target_info),
	ROW("TPROXY", 0, IPV4, XT_TPROXY, struct xt_tproxy_target_info),
	ROW("TPROXY", 1, BOTH, XT_TPROXY, struct xt_tproxy_target_info_v1),
	{ .name = "TRACE", .families = XT_FOR_BOTH, .kind = XT_NOTHING },
	ROW("TTL", 0, IPV4, XT_CHANGE, struct ipt_TTL_info),
};

const size_t xt_n_targets = sizeof(xt_targets) / sizeof(*xt_targets);
