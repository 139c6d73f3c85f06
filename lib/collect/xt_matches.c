/* SPDX-License-Identifier: MIT */
/* The matches: what the kernel's files of net/netfilter/xt_*.c, ipt_*.c and ip6t_*.c register. */
#include "xt_decode.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>

#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_cgroup.h>
#include <linux/netfilter/xt_cluster.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connbytes.h>
#include <linux/netfilter/xt_connlabel.h>
#include <linux/netfilter/xt_connlimit.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_cpu.h>
#include <linux/netfilter/xt_dccp.h>
#include <linux/netfilter/xt_devgroup.h>
#include <linux/netfilter/xt_dscp.h>
#include <linux/netfilter/xt_ecn.h>
#include <linux/netfilter/xt_esp.h>
#include <linux/netfilter/xt_hashlimit.h>
#include <linux/netfilter/xt_helper.h>
#include <linux/netfilter/xt_ipcomp.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_ipvs.h>
#include <linux/netfilter/xt_l2tp.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_mark.h>
/* The kernel's struct of revision 0 has the name of ours. */
#define xt_multiport xt_multiport_v0
#include <linux/netfilter/xt_multiport.h>
#undef xt_multiport
#include <linux/netfilter/xt_nfacct.h>
#include <linux/netfilter/xt_osf.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_policy.h>
#include <linux/netfilter/xt_quota.h>
#include <linux/netfilter/xt_rateest.h>
#include <linux/netfilter/xt_realm.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_socket.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_string.h>
#include <linux/netfilter/xt_tcpmss.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter/xt_time.h>
#include <linux/netfilter/xt_u32.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_ah.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_ah.h>
#include <linux/netfilter_ipv6/ip6t_frag.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>
#include <linux/netfilter_ipv6/ip6t_ipv6header.h>
#include <linux/netfilter_ipv6/ip6t_mh.h>
#include <linux/netfilter_ipv6/ip6t_opts.h>
#include <linux/netfilter_ipv6/ip6t_rt.h>
#include <linux/netfilter_ipv6/ip6t_srh.h>

static void set_ports(struct xt *ret, const struct xt_row *row, const uint16_t source[2],
		      const uint16_t destination[2])
{
	ret->u.ports = (struct xt_ports){
		.source_first = source[0],
		.source_last = source[1],
		.first = destination[0],
		.last = destination[1],
		.protocol = row->protocol,
	};
}

static bool decode_tcp(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_tcp *tcp = blob;

	set_ports(ret, row, tcp->spts, tcp->dpts);
	ret->u.ports.flag_mask = tcp->flg_mask;
	ret->u.ports.flag_compare = tcp->flg_cmp;
	ret->u.ports.option = tcp->option;
	ret->u.ports.not_source = tcp->invflags & XT_TCP_INV_SRCPT;
	ret->u.ports.not_destination = tcp->invflags & XT_TCP_INV_DSTPT;
	ret->u.ports.not_flags = tcp->invflags & XT_TCP_INV_FLAGS;
	ret->u.ports.not_option = tcp->invflags & XT_TCP_INV_OPTION;
	return !(tcp->invflags & ~XT_TCP_INV_MASK);
}

static bool decode_udp(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_udp *udp = blob;

	set_ports(ret, row, udp->spts, udp->dpts);
	ret->u.ports.not_source = udp->invflags & XT_UDP_INV_SRCPT;
	ret->u.ports.not_destination = udp->invflags & XT_UDP_INV_DSTPT;
	return !(udp->invflags & ~XT_UDP_INV_MASK);
}

/* Of SCTP and DCCP a port counts only where a flag says so. */
static void set_flagged_ports(struct xt *ret, const struct xt_row *row, const uint16_t source[2],
			      const uint16_t destination[2], bool has_source, bool has_destination)
{
	static const uint16_t any[2] = { 0, UINT16_MAX };

	set_ports(ret, row, has_source ? source : any, has_destination ? destination : any);
}

static bool decode_sctp(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_sctp_info *sctp = blob;

	if (sctp->flags & ~(uint32_t)XT_SCTP_VALID_FLAGS || sctp->invflags & ~sctp->flags)
		return false;
	if (sctp->flags & XT_SCTP_CHUNK_TYPES) {
		ret->kind = XT_SENDER;
		return true;
	}
	set_flagged_ports(ret, row, sctp->spts, sctp->dpts, sctp->flags & XT_SCTP_SRC_PORTS,
			  sctp->flags & XT_SCTP_DEST_PORTS);
	ret->u.ports.not_source = sctp->invflags & XT_SCTP_SRC_PORTS;
	ret->u.ports.not_destination = sctp->invflags & XT_SCTP_DEST_PORTS;
	return true;
}

static bool decode_dccp(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_dccp_info *dccp = blob;

	if (dccp->flags & ~XT_DCCP_VALID_FLAGS || dccp->invflags & ~dccp->flags)
		return false;
	if (dccp->flags & (XT_DCCP_TYPE | XT_DCCP_OPTION)) {
		ret->kind = XT_SENDER;
		return true;
	}
	set_flagged_ports(ret, row, dccp->spts, dccp->dpts, dccp->flags & XT_DCCP_SRC_PORTS,
			  dccp->flags & XT_DCCP_DEST_PORTS);
	ret->u.ports.not_source = dccp->invflags & XT_DCCP_SRC_PORTS;
	ret->u.ports.not_destination = dccp->invflags & XT_DCCP_DEST_PORTS;
	return true;
}

static bool decode_multiport0(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_multiport_v0 *multiport = blob;

	(void)row;
	if (multiport->flags > XT_MULTIPORT_EITHER || multiport->count > XT_MULTI_PORTS)
		return false;
	ret->u.multiport.where = multiport->flags;
	ret->u.multiport.n = multiport->count;
	for (uint8_t i = 0; i < multiport->count; i++)
		ret->u.multiport.ports[i].first = ret->u.multiport.ports[i].last =
			multiport->ports[i];
	return true;
}

static bool decode_multiport(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_multiport_v1 *multiport = blob;
	uint8_t n = 0;

	(void)row;
	if (multiport->flags > XT_MULTIPORT_EITHER || multiport->count > XT_MULTI_PORTS)
		return false;
	for (uint8_t i = 0; i < multiport->count; i++) {
		ret->u.multiport.ports[n].first = multiport->ports[i];
		if (multiport->pflags[i] && ++i >= multiport->count)
			return false;
		ret->u.multiport.ports[n++].last = multiport->ports[i];
	}
	ret->u.multiport.where = multiport->flags;
	ret->u.multiport.n = n;
	ret->u.multiport.is_inverted = multiport->invert;
	return true;
}

static void set_addresses(struct xt_addresses *ret, const union nf_inet_addr *addr,
			  const union nf_inet_addr *mask)
{
	memcpy(ret->addr, addr, sizeof(ret->addr));
	memcpy(ret->mask, mask, sizeof(ret->mask));
}

static void set_port_pair(uint16_t ret[2], uint16_t first, uint16_t last)
{
	ret[0] = first;
	ret[1] = last;
}

/* What all revisions have in the same place: all before the masks of states. */
static void set_conntrack(struct xt_conntrack *ret, const struct xt_conntrack_mtinfo2 *info)
{
	static_assert(offsetof(struct xt_conntrack_mtinfo1, state_mask) ==
			      offsetof(struct xt_conntrack_mtinfo2, state_mask),
		      "revisions 1 and 2 differ in more than the masks");
	static_assert(offsetof(struct xt_conntrack_mtinfo3, state_mask) ==
			      offsetof(struct xt_conntrack_mtinfo2, state_mask),
		      "revisions 2 and 3 differ in more than the ports");
	set_addresses(&ret->original_source, &info->origsrc_addr, &info->origsrc_mask);
	set_addresses(&ret->original_destination, &info->origdst_addr, &info->origdst_mask);
	set_addresses(&ret->reply_source, &info->replsrc_addr, &info->replsrc_mask);
	set_addresses(&ret->reply_destination, &info->repldst_addr, &info->repldst_mask);
	ret->expires_first = info->expires_min;
	ret->expires_last = info->expires_max;
	ret->protocol = info->l4proto;
	ret->match = info->match_flags;
	ret->invert = info->invert_flags;
}

/* Revisions 1 and 2: single ports, in network order. */
static void set_single_ports(struct xt_conntrack *ret, const struct xt_conntrack_mtinfo2 *info)
{
	uint16_t source = ntohs(info->origsrc_port), destination = ntohs(info->origdst_port);
	uint16_t reply = ntohs(info->replsrc_port), reply_to = ntohs(info->repldst_port);

	set_port_pair(ret->original_source_port, source, source);
	set_port_pair(ret->original_destination_port, destination, destination);
	set_port_pair(ret->reply_source_port, reply, reply);
	set_port_pair(ret->reply_destination_port, reply_to, reply_to);
}

static bool decode_conntrack1(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_conntrack_mtinfo1 *info = blob;

	(void)row;
	set_conntrack(&ret->u.conntrack, blob);
	set_single_ports(&ret->u.conntrack, blob);
	ret->u.conntrack.states = info->state_mask;
	ret->u.conntrack.status = info->status_mask;
	return true;
}

static bool decode_conntrack2(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_conntrack_mtinfo2 *info = blob;

	(void)row;
	set_conntrack(&ret->u.conntrack, info);
	set_single_ports(&ret->u.conntrack, info);
	ret->u.conntrack.states = info->state_mask;
	ret->u.conntrack.status = info->status_mask;
	return true;
}

static bool decode_conntrack3(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_conntrack_mtinfo3 *info = blob;
	struct xt_conntrack *conntrack = &ret->u.conntrack;

	(void)row;
	set_conntrack(conntrack, blob);
	set_port_pair(conntrack->original_source_port, info->origsrc_port, info->origsrc_port_high);
	set_port_pair(conntrack->original_destination_port, info->origdst_port,
		      info->origdst_port_high);
	set_port_pair(conntrack->reply_source_port, info->replsrc_port, info->replsrc_port_high);
	set_port_pair(conntrack->reply_destination_port, info->repldst_port,
		      info->repldst_port_high);
	conntrack->states = info->state_mask;
	conntrack->status = info->status_mask;
	return true;
}

/* Its own bit for what is untracked is another than that of conntrack, where SNAT has it. */
static bool decode_state(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_state_info *state = blob;

	(void)row;
	ret->u.conntrack.match = XT_CONNTRACK_STATE;
	ret->u.conntrack.states = (uint16_t)(state->statemask & (XT_STATE_UNTRACKED - 1));
	if (state->statemask & XT_STATE_UNTRACKED)
		ret->u.conntrack.states |= XT_CONNTRACK_STATE_UNTRACKED;
	return true;
}

static bool decode_addrtype0(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_addrtype_info *info = blob;

	(void)row;
	ret->u.addrtype.source = info->source;
	ret->u.addrtype.destination = info->dest;
	ret->u.addrtype.flags = (info->invert_source ? XT_ADDRTYPE_INVERT_SOURCE : 0u) |
				(info->invert_dest ? XT_ADDRTYPE_INVERT_DEST : 0u);
	return true;
}

static bool decode_addrtype(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_addrtype_info_v1 *info = blob;

	(void)row;
	ret->u.addrtype.source = info->source;
	ret->u.addrtype.destination = info->dest;
	ret->u.addrtype.flags = info->flags;
	return info->flags <= (XT_ADDRTYPE_LIMIT_IFACE_OUT << 1) - 1;
}

/* Those of mark and connmark are the same. */
static bool decode_mark(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_mark_mtinfo1 *info = blob;

	static_assert(sizeof(struct xt_connmark_mtinfo1) == sizeof(*info), "connmark is not mark");
	(void)row;
	ret->u.mark.mark = info->mark;
	ret->u.mark.mask = info->mask;
	ret->u.mark.is_inverted = info->invert;
	return true;
}

static bool decode_iprange(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_iprange_mtinfo *info = blob;
	struct xt_iprange *range = &ret->u.iprange;

	(void)row;
	memcpy(range->source_first, &info->src_min, sizeof(range->source_first));
	memcpy(range->source_last, &info->src_max, sizeof(range->source_last));
	memcpy(range->first, &info->dst_min, sizeof(range->first));
	memcpy(range->last, &info->dst_max, sizeof(range->last));
	range->flags = info->flags;
	return true;
}

static bool decode_pkttype(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_pkttype_info *info = blob;

	(void)row;
	ret->u.pkttype.type = (uint16_t)info->pkttype;
	ret->u.pkttype.is_inverted = info->invert;
	return info->pkttype >= 0 && info->pkttype <= UINT8_MAX;
}

static bool decode_rpfilter(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_rpfilter_info *info = blob;

	(void)row;
	ret->u.rpfilter.flags = info->flags;
	return info->flags <= (XT_RPFILTER_INVERT << 1) - 1;
}

static bool decode_devgroup(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_devgroup_info *info = blob;

	(void)row;
	ret->u.devgroup.source = info->src_group;
	ret->u.devgroup.source_mask = info->src_mask;
	ret->u.devgroup.destination = info->dst_group;
	ret->u.devgroup.destination_mask = info->dst_mask;
	ret->u.devgroup.flags = (uint8_t)info->flags;
	return info->flags <= (XT_DEVGROUP_INVERT_DST << 1) - 1;
}

/*
 * The kernel writes what it makes of the flags over the last of them (compat_flags() in xt_set.c),
 * which are spoiled by that: the rest is read as it does.
 */
static bool decode_set0(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_set_info_v0 *info = &((const struct xt_set_info_match_v0 *)blob)->match_set;

	(void)row;
	ret->u.set.set = info->index;
	ret->u.set.dimensions = info->u.compat.dim;
	ret->u.set.flags = info->u.compat.flags;
	return info->u.compat.dim <= IPSET_DIM_MAX;
}

static bool set_set(struct xt *ret, const struct xt_set_info *info)
{
	ret->u.set.set = info->index;
	ret->u.set.dimensions = info->dim;
	ret->u.set.flags = info->flags;
	return info->dim <= IPSET_DIM_MAX;
}

static bool decode_set1(const struct xt_row *row, const void *blob, struct xt *ret)
{
	(void)row;
	return set_set(ret, &((const struct xt_set_info_match_v1 *)blob)->match_set);
}

/* --return-nomatch is one of these flags, and was one of the set's before. */
static bool decode_set3(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_set_info_match_v3 *info = blob;

	(void)row;
	ret->u.set.has_counters = info->packets.op != IPSET_COUNTER_NONE ||
				  info->bytes.op != IPSET_COUNTER_NONE;
	if (!set_set(ret, &info->match_set))
		return false;
	ret->u.set.flags |= info->flags & IPSET_FLAG_RETURN_NOMATCH;
	return true;
}

static bool decode_set4(const struct xt_row *row, const void *blob, struct xt *ret)
{
	const struct xt_set_info_match_v4 *info = blob;

	(void)row;
	ret->u.set.has_counters = info->packets.op != IPSET_COUNTER_NONE ||
				  info->bytes.op != IPSET_COUNTER_NONE;
	if (!set_set(ret, &info->match_set))
		return false;
	ret->u.set.flags |= info->flags & IPSET_FLAG_RETURN_NOMATCH;
	return true;
}

#define ROW(n, revision, f, k, type, ...)                                                \
	{                                                                                \
		.name = (n), .first_revision = (revision), .last_revision = (revision),  \
		.families = XT_FOR_##f, .kind = (k), .size = sizeof(type), ##__VA_ARGS__ \
	}
#define OWN(type, member) .own = offsetof(type, member)
#define OF(number)        .protocol = (number)

const struct xt_row xt_matches[] = {
	ROW("addrtype", 0, IPV4, XT_ADDRTYPE, struct xt_addrtype_info, .decode = decode_addrtype0),
	ROW("addrtype", 1, BOTH, XT_ADDRTYPE, struct xt_addrtype_info_v1,
	    .decode = decode_addrtype),
	ROW("ah", 0, IPV4, XT_SENDER, struct ipt_ah),
	ROW("ah", 0, IPV6, XT_SENDER, struct ip6t_ah),
	ROW("bpf", 0, ANY, XT_BPF, struct xt_bpf_info, OWN(struct xt_bpf_info, filter)),
	ROW("bpf", 1, ANY, XT_BPF, struct xt_bpf_info_v1, OWN(struct xt_bpf_info_v1, filter)),
	ROW("cgroup", 0, ANY, XT_OWNER, struct xt_cgroup_info_v0),
	ROW("cgroup", 1, ANY, XT_OWNER, struct xt_cgroup_info_v1,
	    OWN(struct xt_cgroup_info_v1, priv)),
	ROW("cgroup", 2, ANY, XT_OWNER, struct xt_cgroup_info_v2,
	    OWN(struct xt_cgroup_info_v2, priv)),
	ROW("cluster", 0, BOTH, XT_UNKNOWN, struct xt_cluster_match_info, .tracks = true),
	ROW("comment", 0, ANY, XT_ALWAYS, struct xt_comment_info),
	ROW("connbytes", 0, ANY, XT_RATE, struct xt_connbytes_info, .tracks = true),
	ROW("connlabel", 0, ANY, XT_RATE, struct xt_connlabel_mtinfo, .tracks = true),
	ROW("connlimit", 1, BOTH, XT_RATE, struct xt_connlimit_info,
	    OWN(struct xt_connlimit_info, data), .tracks = true),
	ROW("connmark", 1, ANY, XT_CONNMARK, struct xt_connmark_mtinfo1, .decode = decode_mark,
	    .tracks = true),
	ROW("conntrack", 1, ANY, XT_CONNTRACK, struct xt_conntrack_mtinfo1,
	    .decode = decode_conntrack1, .tracks = true),
	ROW("conntrack", 2, ANY, XT_CONNTRACK, struct xt_conntrack_mtinfo2,
	    .decode = decode_conntrack2, .tracks = true),
	ROW("conntrack", 3, ANY, XT_CONNTRACK, struct xt_conntrack_mtinfo3,
	    .decode = decode_conntrack3, .tracks = true),
	ROW("cpu", 0, ANY, XT_RATE, struct xt_cpu_info),
	ROW("dccp", 0, BOTH, XT_PORTS, struct xt_dccp_info, OF(IPPROTO_DCCP),
	    .decode = decode_dccp),
	ROW("devgroup", 0, ANY, XT_DEVGROUP, struct xt_devgroup_info, .decode = decode_devgroup),
	ROW("dscp", 0, BOTH, XT_SENDER, struct xt_dscp_info),
	ROW("dst", 0, IPV6, XT_SENDER, struct ip6t_opts),
	ROW("ecn", 0, BOTH, XT_SENDER, struct xt_ecn_info),
	ROW("esp", 0, BOTH, XT_SENDER, struct xt_esp),
	ROW("eui64", 0, IPV6, XT_MAC, int),
	ROW("frag", 0, IPV6, XT_SENDER, struct ip6t_frag),
	ROW("hashlimit", 1, BOTH, XT_RATE, struct xt_hashlimit_mtinfo1,
	    OWN(struct xt_hashlimit_mtinfo1, hinfo)),
	ROW("hashlimit", 2, BOTH, XT_RATE, struct xt_hashlimit_mtinfo2,
	    OWN(struct xt_hashlimit_mtinfo2, hinfo)),
	ROW("hashlimit", 3, BOTH, XT_RATE, struct xt_hashlimit_mtinfo3,
	    OWN(struct xt_hashlimit_mtinfo3, hinfo)),
	ROW("hbh", 0, IPV6, XT_SENDER, struct ip6t_opts),
	ROW("helper", 0, ANY, XT_RATE, struct xt_helper_info, .tracks = true),
	ROW("hl", 0, IPV6, XT_SENDER, struct ip6t_hl_info),
	ROW("icmp", 0, IPV4, XT_ICMP, struct ipt_icmp),
	ROW("icmp6", 0, IPV6, XT_ICMP, struct ip6t_icmp),
	ROW("ipcomp", 0, BOTH, XT_SENDER, struct xt_ipcomp),
	ROW("iprange", 1, BOTH, XT_IPRANGE, struct xt_iprange_mtinfo, .decode = decode_iprange),
	ROW("ipv6header", 0, IPV6, XT_SENDER, struct ip6t_ipv6header_info),
	ROW("ipvs", 0, ANY, XT_UNKNOWN, struct xt_ipvs_mtinfo),
	ROW("l2tp", 0, BOTH, XT_SENDER, struct xt_l2tp_info),
	ROW("length", 0, BOTH, XT_SENDER, struct xt_length_info),
	ROW("limit", 0, BOTH, XT_RATE, struct xt_rateinfo, OWN(struct xt_rateinfo, prev)),
	ROW("mac", 0, BOTH, XT_MAC, struct xt_mac_info),
	ROW("mark", 1, ANY, XT_MARK, struct xt_mark_mtinfo1, .decode = decode_mark),
	ROW("mh", 0, IPV6, XT_SENDER, struct ip6t_mh),
	ROW("multiport", 0, BOTH, XT_MULTIPORT, struct xt_multiport_v0,
	    .decode = decode_multiport0),
	ROW("multiport", 1, BOTH, XT_MULTIPORT, struct xt_multiport_v1, .decode = decode_multiport),
	ROW("nfacct", 0, ANY, XT_RATE, struct xt_nfacct_match_info,
	    OWN(struct xt_nfacct_match_info, nfacct)),
	ROW("nfacct", 1, ANY, XT_RATE, struct xt_nfacct_match_info_v1,
	    OWN(struct xt_nfacct_match_info_v1, nfacct)),
	ROW("osf", 0, IPV4, XT_SENDER, struct xt_osf_info),
	ROW("owner", 1, BOTH, XT_OWNER, struct xt_owner_match_info),
	ROW("physdev", 0, BOTH, XT_PHYSDEV, struct xt_physdev_info),
	/* Of a bridge it is another struct by the same name. */
	ROW("pkttype", 0, BOTH, XT_PKTTYPE, struct xt_pkttype_info, .decode = decode_pkttype),
	ROW("policy", 0, BOTH, XT_POLICY, struct xt_policy_info),
	ROW("quota", 0, ANY, XT_RATE, struct xt_quota_info, OWN(struct xt_quota_info, master)),
	ROW("rateest", 0, ANY, XT_RATE, struct xt_rateest_match_info,
	    OWN(struct xt_rateest_match_info, est1)),
	ROW("realm", 0, IPV4, XT_UNKNOWN, struct xt_realm_info),
	ROW("recent", 0, BOTH, XT_RATE, struct xt_recent_mtinfo),
	ROW("recent", 1, BOTH, XT_RATE, struct xt_recent_mtinfo_v1),
	ROW("rpfilter", 0, BOTH, XT_RPFILTER, struct xt_rpfilter_info, .decode = decode_rpfilter),
	ROW("rt", 0, IPV6, XT_SENDER, struct ip6t_rt),
	ROW("sctp", 0, BOTH, XT_PORTS, struct xt_sctp_info, OF(IPPROTO_SCTP),
	    .decode = decode_sctp),
	ROW("set", 0, IPV4, XT_SET, struct xt_set_info_match_v0, .decode = decode_set0),
	ROW("set", 1, BOTH, XT_SET, struct xt_set_info_match_v1, .decode = decode_set1),
	ROW("set", 2, BOTH, XT_SET, struct xt_set_info_match_v1, .decode = decode_set1),
	ROW("set", 3, BOTH, XT_SET, struct xt_set_info_match_v3, .decode = decode_set3),
	ROW("set", 4, BOTH, XT_SET, struct xt_set_info_match_v4, .decode = decode_set4),
	{ .name = "socket", .families = XT_FOR_IPV4, .kind = XT_SOCKET },
	ROW("socket", 1, BOTH, XT_SOCKET, struct xt_socket_mtinfo1),
	ROW("socket", 2, BOTH, XT_SOCKET, struct xt_socket_mtinfo2),
	ROW("socket", 3, BOTH, XT_SOCKET, struct xt_socket_mtinfo3),
	ROW("srh", 0, IPV6, XT_SENDER, struct ip6t_srh),
	ROW("srh", 1, IPV6, XT_SENDER, struct ip6t_srh1),
	ROW("state", 0, ANY, XT_CONNTRACK, struct xt_state_info, .decode = decode_state,
	    .tracks = true),
	ROW("statistic", 0, ANY, XT_RATE, struct xt_statistic_info,
	    OWN(struct xt_statistic_info, master)),
	ROW("string", 1, ANY, XT_SENDER, struct xt_string_info, OWN(struct xt_string_info, config)),
	ROW("tcp", 0, BOTH, XT_PORTS, struct xt_tcp, OF(IPPROTO_TCP), .decode = decode_tcp),
	ROW("tcpmss", 0, BOTH, XT_SENDER, struct xt_tcpmss_match_info),
	ROW("time", 0, ANY, XT_TIME, struct xt_time_info),
	ROW("tos", 1, BOTH, XT_SENDER, struct xt_tos_match_info),
	ROW("ttl", 0, IPV4, XT_SENDER, struct ipt_ttl_info),
	ROW("u32", 0, ANY, XT_SENDER, struct xt_u32),
	ROW("udp", 0, BOTH, XT_PORTS, struct xt_udp, OF(IPPROTO_UDP), .decode = decode_udp),
	ROW("udplite", 0, BOTH, XT_PORTS, struct xt_udp, OF(IPPROTO_UDPLITE), .decode = decode_udp),
};

const size_t xt_n_matches = sizeof(xt_matches) / sizeof(*xt_matches);
