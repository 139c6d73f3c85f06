/* SPDX-License-Identifier: MIT */
#include "nftables_kinds.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <stddef.h>

/* Since Linux 6.13 and 6.3; not in the headers of Debian 12. */
#define BITWISE_SREG2   8
#define META_BRI_BROUTE 35

/* One of the two registers: a load, or a statement. */
static bool finish_load_or_set(struct rule_expression *e, enum rule_op op_set)
{
	if (e->sreg != RULE_REG_NONE)
		e->op = (uint8_t)op_set;
	return (e->dreg == RULE_REG_NONE) != (e->sreg == RULE_REG_NONE) && e->length &&
	       nft_fits(e->dreg, e->length) && nft_fits(e->sreg, e->length);
}

static bool finish_load(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return e->length && nft_fits(e->dreg, e->length);
}

static bool finish_payload(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return finish_load_or_set(e, RULE_OP_PAYLOAD_SET);
}

static uint8_t meta_length(uint32_t key)
{
	switch (key) {
	case NFT_META_NFPROTO:
	case NFT_META_L4PROTO:
	case NFT_META_PKTTYPE:
	case NFT_META_SECPATH:
	case NFT_META_NFTRACE:
	case NFT_META_TIME_DAY:
	case META_BRI_BROUTE:
		return 1;
	case NFT_META_PROTOCOL:
	case NFT_META_IIFTYPE:
	case NFT_META_OIFTYPE:
	case NFT_META_BRI_IIFPVID:
	case NFT_META_BRI_IIFVPROTO:
		return 2;
	case NFT_META_TIME_NS:
		return 8;
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
	case NFT_META_BRI_IIFNAME:
	case NFT_META_BRI_OIFNAME:
	case NFT_META_IIFKIND:
	case NFT_META_OIFKIND:
	case NFT_META_SDIFNAME:
		return 16;
	default:
		return key <= NFT_META_SDIFNAME ? 4 : 0;
	}
}

static bool finish_meta(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	e->length = meta_length(e->key);
	return finish_load_or_set(e, RULE_OP_META_SET);
}

static uint8_t ct_length(uint32_t key, uint8_t family)
{
	switch (key) {
	case NFT_CT_DIRECTION:
	case NFT_CT_L3PROTOCOL:
	case NFT_CT_PROTOCOL:
		return 1;
	case NFT_CT_PROTO_SRC:
	case NFT_CT_PROTO_DST:
	case NFT_CT_ZONE:
		return 2;
	case NFT_CT_PKTS:
	case NFT_CT_BYTES:
	case NFT_CT_AVGPKT:
		return 8;
	case NFT_CT_HELPER:
	case NFT_CT_LABELS:
	case NFT_CT_SRC_IP6:
	case NFT_CT_DST_IP6:
		return 16;
	case NFT_CT_SRC:
	case NFT_CT_DST:
		return family == RULE_FAMILY_IPV4 ? 4 : 16;
	default:
		return key <= NFT_CT_ID ? 4 : 0;
	}
}

static bool finish_ct(struct nft_reading *reading, struct rule_expression *e)
{
	const struct ruleset *ruleset = reading->nft->ruleset;

	e->length = ct_length(e->key, ruleset->tables.items[reading->table].family);
	if (reading->attributes[NFTA_CT_DIRECTION]) {
		if (e->size > 1)
			return false;
		e->size++;
	}
	return finish_load_or_set(e, RULE_OP_CT_SET);
}

static bool finish_rt(struct nft_reading *reading, struct rule_expression *e)
{
	static const uint8_t lengths[] = { 4, 4, 16, 2, 1 };

	e->length = e->key < sizeof(lengths) ? lengths[e->key] : 0;
	return finish_load(reading, e);
}

static bool finish_fib(struct nft_reading *reading, struct rule_expression *e)
{
	e->length = e->key == NFT_FIB_RESULT_OIFNAME ? 16 : 4;
	return e->key && e->key <= NFT_FIB_RESULT_ADDRTYPE && e->flags < NFTA_FIB_F_PRESENT << 1 &&
	       finish_load(reading, e);
}

static bool finish_socket(struct nft_reading *reading, struct rule_expression *e)
{
	static const uint8_t lengths[] = { 1, 4, 1, 8 };

	e->length = e->key < sizeof(lengths) ? lengths[e->key] : 0;
	return finish_load(reading, e);
}

/* Neither register: the option is taken out of the packet (Linux 5.18). */
static bool finish_exthdr(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	if (e->dreg == RULE_REG_NONE)
		e->op = RULE_OP_EXTHDR_SET;
	return (e->dreg == RULE_REG_NONE || e->sreg == RULE_REG_NONE) &&
	       nft_fits(e->dreg, e->length) && nft_fits(e->sreg, e->length);
}

static bool finish_word(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return nft_fits(e->dreg, 4) && nft_fits(e->sreg, e->length);
}

static bool finish_log(struct nft_reading *reading, struct rule_expression *e)
{
	e->size = reading->attributes[NFTA_LOG_GROUP] != NULL;
	return true;
}

static bool finish_hash(struct nft_reading *reading, struct rule_expression *e)
{
	e->size = reading->attributes[NFTA_HASH_SEED] != NULL;
	return finish_word(reading, e);
}

static bool finish_osf(struct nft_reading *reading, struct rule_expression *e)
{
	e->length = 16;
	return finish_load(reading, e);
}

static bool finish_tunnel(struct nft_reading *reading, struct rule_expression *e)
{
	e->length = e->key == NFT_TUNNEL_PATH ? 1 : 4;
	return e->key <= NFT_TUNNEL_ID && finish_load(reading, e);
}

static bool finish_xfrm(struct nft_reading *reading, struct rule_expression *e)
{
	e->length = e->key == NFT_XFRM_KEY_DADDR_IP6 || e->key == NFT_XFRM_KEY_SADDR_IP6 ? 16 : 4;
	return e->key <= NFT_XFRM_KEY_SPI && finish_load(reading, e);
}

static bool finish_cmp(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	e->length = (uint8_t)e->data.length;
	return e->compare <= RULE_GTE && nft_fits(e->sreg, e->length);
}

static bool finish_range(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	e->length = (uint8_t)e->data.length;
	return e->compare <= RULE_NEQ && e->data.length == e->data2.length &&
	       nft_fits(e->sreg, e->length);
}

static bool take_set(struct nft_reading *reading, const struct nlattr *attribute,
		     struct rule_expression *e)
{
	struct nftables *nft = reading->nft;
	struct nft_text name;

	if (!nft_text(attribute, &name))
		return false;
	e->set = nft_find(nft, NFT_SET, reading->table, &name);
	return e->set == RULESET_NONE ?
		       nft_take_name(reading, attribute, &e->name) :
		       nft_fits(e->sreg, nft->ruleset->sets.items[e->set].key_length);
}

/* A set's elements are read where a rule looks them up, once. */
static bool want_set(struct nft_reading *reading, const struct nlattr *attribute,
		     struct rule_expression *e)
{
	struct nftables *nft = reading->nft;
	struct rule_set *set;

	if (!take_set(reading, attribute, e))
		return false;
	if (e->set == RULESET_NONE)
		return true;
	set = &nft->ruleset->sets.items[e->set];
	if (set->is_known)
		return true;
	set->is_known = true;
	if (array_reserve(&nft->wanted, 1) < 0)
		reading->error = -ENOMEM;
	else
		nft->wanted.items[nft->wanted.n++] = e->set;
	return true;
}

static bool finish_lookup(struct nft_reading *reading, struct rule_expression *e)
{
	const struct rule_set *set;

	if (!want_set(reading, reading->attributes[NFTA_LOOKUP_SET], e) ||
	    e->flags > NFT_LOOKUP_F_INV)
		return false;
	e->is_inverted = e->flags & NFT_LOOKUP_F_INV;
	e->flags = 0;
	if (e->set == RULESET_NONE)
		return true;
	set = &reading->nft->ruleset->sets.items[e->set];
	e->length = (uint8_t)set->key_length;
	return e->dreg == RULE_REG_NONE ||
	       ((set->flags & RULE_SET_MAP) && set->has_verdicts == (e->dreg == RULE_REG_VERDICT) &&
		nft_fits(e->dreg, set->data_length));
}

static bool finish_bitwise(struct nft_reading *reading, struct rule_expression *e)
{
	bool has_mask = reading->attributes[NFTA_BITWISE_MASK],
	     has_xor = reading->attributes[NFTA_BITWISE_XOR],
	     has_data = reading->attributes[NFTA_BITWISE_DATA];

	if (!nft_fits(e->sreg, e->length) || !nft_fits(e->dreg, e->length) ||
	    !nft_fits(e->sreg2, e->length))
		return false;
	switch (e->arithmetic) {
	case RULE_MASK_XOR:
		return has_mask && has_xor && !has_data && e->sreg2 == RULE_REG_NONE &&
		       e->data.length == e->length && e->data2.length == e->length;
	case RULE_LSHIFT:
	case RULE_RSHIFT:
		return has_data && !has_mask && !has_xor && e->sreg2 == RULE_REG_NONE &&
		       e->data.length == 4;
	case RULE_AND:
	case RULE_OR:
	case RULE_XOR:
		return !has_mask && !has_xor && has_data == (e->sreg2 == RULE_REG_NONE) &&
		       (!has_data || e->data.length == e->length);
	default:
		return false;
	}
}

static bool finish_byteorder(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return nft_fits(e->sreg, e->length) && nft_fits(e->dreg, e->length) &&
	       e->arithmetic <= NFT_BYTEORDER_HTON &&
	       (e->size == 2 || e->size == 4 || e->size == 8);
}

static bool finish_immediate(struct nft_reading *reading, struct rule_expression *e)
{
	const struct nlattr *data = reading->attributes[NFTA_IMMEDIATE_DATA];
	int r;

	if (e->dreg == RULE_REG_VERDICT) {
		r = nft_verdict(reading->nft, reading->table, data, &e->verdict, &e->chain);
		return r == 0;
	}
	if (!nft_take_value(reading, data, &e->data))
		return false;
	e->length = (uint8_t)e->data.length;
	return nft_fits(e->dreg, e->length);
}

static bool finish_limit(struct nft_reading *reading, struct rule_expression *e)
{
	uint32_t type = 0;

	if (reading->attributes[NFTA_LIMIT_TYPE] &&
	    (!nft_be32(reading->attributes[NFTA_LIMIT_TYPE], &type) || type > NFT_LIMIT_PKT_BYTES))
		return false;
	e->is_bytes = type == NFT_LIMIT_PKT_BYTES;
	e->is_inverted = e->flags & NFT_LIMIT_F_INV;
	return true;
}

/* NFT_QUOTA_F_INV and NFT_CONNLIMIT_F_INV are the same bit. */
static bool finish_over(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	e->is_inverted = e->flags & NFT_QUOTA_F_INV;
	return true;
}

static bool finish_dynset(struct nft_reading *reading, struct rule_expression *e)
{
	if (!take_set(reading, reading->attributes[NFTA_DYNSET_SET_NAME], e) ||
	    e->key > NFT_DYNSET_OP_DELETE || e->flags > (NFT_DYNSET_F_INV | NFT_DYNSET_F_EXPR))
		return false;
	e->is_inverted = e->flags & NFT_DYNSET_F_INV;
	return true;
}

/* By name and type, or by register and map. */
static bool finish_objref(struct nft_reading *reading, struct rule_expression *e)
{
	if (!reading->attributes[NFTA_OBJREF_SET_NAME])
		return e->name && e->key;
	if (e->name || e->key || e->sreg == RULE_REG_NONE ||
	    !want_set(reading, reading->attributes[NFTA_OBJREF_SET_NAME], e))
		return false;
	if (e->set != RULESET_NONE) {
		e->key = reading->nft->ruleset->sets.items[e->set].object_type;
		e->length = (uint8_t)reading->nft->ruleset->sets.items[e->set].key_length;
	}
	return true;
}

static bool finish_reject(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return e->key <= NFT_REJECT_ICMPX_UNREACH;
}

static uint32_t address_length(uint8_t family)
{
	return family == RULE_FAMILY_IPV4 ? 4 : 16;
}

static bool finish_nat(struct nft_reading *reading, struct rule_expression *e)
{
	uint32_t length = address_length(e->family);

	(void)reading;
	return e->key <= NFT_NAT_DNAT && nft_fits(e->sreg, length) && nft_fits(e->sreg3, length) &&
	       nft_fits(e->sreg2, 2) && nft_fits(e->sreg4, 2);
}

/* masq, redir and tproxy. */
static bool finish_ports(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return nft_fits(e->sreg, address_length(e->family)) && nft_fits(e->sreg2, 2) &&
	       nft_fits(e->sreg4, 2);
}

static bool finish_queue(struct nft_reading *reading, struct rule_expression *e)
{
	(void)reading;
	return nft_fits(e->sreg, 2);
}

static bool finish_xt(struct nft_reading *reading, struct rule_expression *e)
{
	const struct nlattr *info = reading->attributes[NFTA_MATCH_INFO];
	struct ruleset *ruleset = reading->nft->ruleset;
	struct xt xt = { 0 };
	uint32_t revision;

	if (!e->name || !nft_be32(reading->attributes[NFTA_MATCH_REV], &revision) ||
	    revision > UINT8_MAX)
		return false;
	reading->error = xt_decode(ruleset, e->name, (uint8_t)revision, e->op == RULE_OP_XT_TARGET,
				   ruleset->tables.items[reading->table].family,
				   mnl_attr_get_payload(info), mnl_attr_get_payload_len(info), &xt);
	if (reading->error == 0 && array_reserve(&ruleset->xts, 1) < 0)
		reading->error = -ENOMEM;
	if (reading->error < 0)
		return true;
	xt.name = e->name;
	e->xt = ruleset->xts.n;
	ruleset->xts.items[ruleset->xts.n++] = xt;
	return true;
}

/* clang-format off */
#define NEED(how, member) { HOW_##how, offsetof(struct rule_expression, member), true }
#define TAKE(how, member) { HOW_##how, offsetof(struct rule_expression, member), false }
#define LEAVE             { HOW_NOTHING, 0, false }
#define NEED_IT           { HOW_NOTHING, 0, true }

/* Those that are met most often come first. */
static const struct nft_expression kinds[] = {
	{ "cmp", RULE_OP_CMP,
	  { [NFTA_CMP_SREG] = NEED(REGISTER, sreg), [NFTA_CMP_OP] = NEED(BE32_TO_8, compare),
	    [NFTA_CMP_DATA] = NEED(VALUE, data) }, finish_cmp },
	{ "meta", RULE_OP_META,
	  { [NFTA_META_DREG] = TAKE(REGISTER, dreg), [NFTA_META_KEY] = NEED(BE32_TO_8, key),
	    [NFTA_META_SREG] = TAKE(REGISTER, sreg) }, finish_meta },
	{ "payload", RULE_OP_PAYLOAD,
	  { [NFTA_PAYLOAD_DREG] = TAKE(REGISTER, dreg),
	    [NFTA_PAYLOAD_BASE] = NEED(BE32_TO_8, base),
	    [NFTA_PAYLOAD_OFFSET] = NEED(BE32, offset),
	    [NFTA_PAYLOAD_LEN] = NEED(BE32_TO_8, length),
	    [NFTA_PAYLOAD_SREG] = TAKE(REGISTER, sreg), [NFTA_PAYLOAD_CSUM_TYPE] = LEAVE,
	    [NFTA_PAYLOAD_CSUM_OFFSET] = LEAVE, [NFTA_PAYLOAD_CSUM_FLAGS] = LEAVE },
	  finish_payload },
	{ "immediate", RULE_OP_IMMEDIATE,
	  { [NFTA_IMMEDIATE_DREG] = NEED(TARGET, dreg), [NFTA_IMMEDIATE_DATA] = NEED_IT },
	  finish_immediate },
	{ "counter", RULE_OP_COUNTER,
	  { [NFTA_COUNTER_BYTES] = LEAVE, [NFTA_COUNTER_PACKETS] = LEAVE,
	    [NFTA_COUNTER_PAD] = LEAVE }, NULL },
	{ "match", RULE_OP_XT_MATCH,
	  { [NFTA_MATCH_NAME] = NEED(NAME, name), [NFTA_MATCH_REV] = NEED_IT,
	    [NFTA_MATCH_INFO] = NEED_IT }, finish_xt },
	{ "target", RULE_OP_XT_TARGET,
	  { [NFTA_TARGET_NAME] = NEED(NAME, name), [NFTA_TARGET_REV] = NEED_IT,
	    [NFTA_TARGET_INFO] = NEED_IT }, finish_xt },
	{ "bitwise", RULE_OP_BITWISE,
	  { [NFTA_BITWISE_SREG] = NEED(REGISTER, sreg),
	    [NFTA_BITWISE_DREG] = NEED(REGISTER, dreg),
	    [NFTA_BITWISE_LEN] = NEED(BE32_TO_8, length), [NFTA_BITWISE_MASK] = TAKE(VALUE, data),
	    [NFTA_BITWISE_XOR] = TAKE(VALUE, data2),
	    [NFTA_BITWISE_OP] = TAKE(BE32_TO_8, arithmetic),
	    [NFTA_BITWISE_DATA] = TAKE(VALUE, data), [BITWISE_SREG2] = TAKE(REGISTER, sreg2) },
	  finish_bitwise },
	{ "lookup", RULE_OP_LOOKUP,
	  { [NFTA_LOOKUP_SET] = NEED_IT, [NFTA_LOOKUP_SREG] = NEED(REGISTER, sreg),
	    [NFTA_LOOKUP_DREG] = TAKE(TARGET, dreg), [NFTA_LOOKUP_SET_ID] = LEAVE,
	    [NFTA_LOOKUP_FLAGS] = TAKE(BE32_TO_16, flags) }, finish_lookup },
	{ "ct", RULE_OP_CT,
	  { [NFTA_CT_DREG] = TAKE(REGISTER, dreg), [NFTA_CT_KEY] = NEED(BE32_TO_8, key),
	    [NFTA_CT_DIRECTION] = TAKE(U8, size), [NFTA_CT_SREG] = TAKE(REGISTER, sreg) },
	  finish_ct },
	{ "range", RULE_OP_RANGE,
	  { [NFTA_RANGE_SREG] = NEED(REGISTER, sreg), [NFTA_RANGE_OP] = NEED(BE32_TO_8, compare),
	    [NFTA_RANGE_FROM_DATA] = NEED(VALUE, data),
	    [NFTA_RANGE_TO_DATA] = NEED(VALUE, data2) }, finish_range },
	{ "limit", RULE_OP_LIMIT,
	  { [NFTA_LIMIT_RATE] = NEED(BE64, rate), [NFTA_LIMIT_UNIT] = NEED(BE64, unit),
	    [NFTA_LIMIT_BURST] = TAKE(BE32, burst), [NFTA_LIMIT_TYPE] = LEAVE,
	    [NFTA_LIMIT_FLAGS] = TAKE(BE32_TO_16, flags), [NFTA_LIMIT_PAD] = LEAVE },
	  finish_limit },
	{ "log", RULE_OP_LOG,
	  { [NFTA_LOG_GROUP] = TAKE(BE16_TO_32, modulus), [NFTA_LOG_PREFIX] = TAKE(NAME, name),
	    [NFTA_LOG_SNAPLEN] = TAKE(BE32, offset),
	    [NFTA_LOG_QTHRESHOLD] = TAKE(BE16_TO_32, burst),
	    [NFTA_LOG_LEVEL] = TAKE(BE32_TO_8, key), [NFTA_LOG_FLAGS] = TAKE(BE32_TO_16, flags) },
	  finish_log },
	{ "reject", RULE_OP_REJECT,
	  { [NFTA_REJECT_TYPE] = NEED(BE32_TO_8, key), [NFTA_REJECT_ICMP_CODE] = TAKE(U8, type) },
	  finish_reject },
	{ "fib", RULE_OP_FIB,
	  { [NFTA_FIB_DREG] = NEED(REGISTER, dreg), [NFTA_FIB_RESULT] = NEED(BE32_TO_8, key),
	    [NFTA_FIB_FLAGS] = NEED(BE32_TO_16, flags) }, finish_fib },
	{ "nat", RULE_OP_NAT,
	  { [NFTA_NAT_TYPE] = NEED(BE32_TO_8, key), [NFTA_NAT_FAMILY] = NEED(BE32_TO_8, family),
	    [NFTA_NAT_REG_ADDR_MIN] = TAKE(REGISTER, sreg),
	    [NFTA_NAT_REG_ADDR_MAX] = TAKE(REGISTER, sreg3),
	    [NFTA_NAT_REG_PROTO_MIN] = TAKE(REGISTER, sreg2),
	    [NFTA_NAT_REG_PROTO_MAX] = TAKE(REGISTER, sreg4),
	    [NFTA_NAT_FLAGS] = TAKE(BE32_TO_16, flags) }, finish_nat },
	{ "masq", RULE_OP_MASQ,
	  { [NFTA_MASQ_FLAGS] = TAKE(BE32_TO_16, flags),
	    [NFTA_MASQ_REG_PROTO_MIN] = TAKE(REGISTER, sreg2),
	    [NFTA_MASQ_REG_PROTO_MAX] = TAKE(REGISTER, sreg4) }, finish_ports },
	{ "redir", RULE_OP_REDIR,
	  { [NFTA_REDIR_REG_PROTO_MIN] = TAKE(REGISTER, sreg2),
	    [NFTA_REDIR_REG_PROTO_MAX] = TAKE(REGISTER, sreg4),
	    [NFTA_REDIR_FLAGS] = TAKE(BE32_TO_16, flags) }, finish_ports },
	{ "byteorder", RULE_OP_BYTEORDER,
	  { [NFTA_BYTEORDER_SREG] = NEED(REGISTER, sreg),
	    [NFTA_BYTEORDER_DREG] = NEED(REGISTER, dreg),
	    [NFTA_BYTEORDER_OP] = NEED(BE32_TO_8, arithmetic),
	    [NFTA_BYTEORDER_LEN] = NEED(BE32_TO_8, length),
	    [NFTA_BYTEORDER_SIZE] = NEED(BE32_TO_8, size) }, finish_byteorder },
	{ "dynset", RULE_OP_DYNSET,
	  { [NFTA_DYNSET_SET_NAME] = NEED_IT, [NFTA_DYNSET_SET_ID] = LEAVE,
	    [NFTA_DYNSET_OP] = NEED(BE32_TO_8, key),
	    [NFTA_DYNSET_SREG_KEY] = NEED(REGISTER, sreg),
	    [NFTA_DYNSET_SREG_DATA] = TAKE(REGISTER, sreg2),
	    [NFTA_DYNSET_TIMEOUT] = TAKE(BE64, unit), [NFTA_DYNSET_EXPR] = LEAVE,
	    [NFTA_DYNSET_PAD] = LEAVE, [NFTA_DYNSET_FLAGS] = TAKE(BE32_TO_16, flags),
	    [NFTA_DYNSET_EXPRESSIONS] = LEAVE }, finish_dynset },
	{ "objref", RULE_OP_OBJREF,
	  { [NFTA_OBJREF_IMM_TYPE] = TAKE(BE32_TO_8, key),
	    [NFTA_OBJREF_IMM_NAME] = TAKE(NAME, name),
	    [NFTA_OBJREF_SET_SREG] = TAKE(REGISTER, sreg), [NFTA_OBJREF_SET_NAME] = LEAVE,
	    [NFTA_OBJREF_SET_ID] = LEAVE }, finish_objref },
	{ "quota", RULE_OP_QUOTA,
	  { [NFTA_QUOTA_BYTES] = NEED(BE64, unit), [NFTA_QUOTA_FLAGS] = TAKE(BE32_TO_16, flags),
	    [NFTA_QUOTA_PAD] = LEAVE, [NFTA_QUOTA_CONSUMED] = LEAVE }, finish_over },
	{ "connlimit", RULE_OP_CONNLIMIT,
	  { [NFTA_CONNLIMIT_COUNT] = NEED(BE32_TO_64, unit),
	    [NFTA_CONNLIMIT_FLAGS] = TAKE(BE32_TO_16, flags) }, finish_over },
	{ "exthdr", RULE_OP_EXTHDR,
	  { [NFTA_EXTHDR_DREG] = TAKE(REGISTER, dreg), [NFTA_EXTHDR_TYPE] = NEED(U8, type),
	    [NFTA_EXTHDR_OFFSET] = TAKE(BE32, offset),
	    [NFTA_EXTHDR_LEN] = TAKE(BE32_TO_8, length),
	    [NFTA_EXTHDR_FLAGS] = TAKE(BE32_TO_16, flags),
	    [NFTA_EXTHDR_OP] = TAKE(BE32_TO_8, base), [NFTA_EXTHDR_SREG] = TAKE(REGISTER, sreg) },
	  finish_exthdr },
	{ "numgen", RULE_OP_NUMGEN,
	  { [NFTA_NG_DREG] = NEED(REGISTER, dreg), [NFTA_NG_MODULUS] = NEED(BE32, modulus),
	    [NFTA_NG_TYPE] = NEED(BE32_TO_8, arithmetic), [NFTA_NG_OFFSET] = TAKE(BE32, offset) },
	  finish_word },
	{ "hash", RULE_OP_HASH,
	  { [NFTA_HASH_SREG] = TAKE(REGISTER, sreg), [NFTA_HASH_DREG] = NEED(REGISTER, dreg),
	    [NFTA_HASH_LEN] = TAKE(BE32_TO_8, length), [NFTA_HASH_MODULUS] = NEED(BE32, modulus),
	    [NFTA_HASH_SEED] = TAKE(BE32, burst), [NFTA_HASH_OFFSET] = TAKE(BE32, offset),
	    [NFTA_HASH_TYPE] = TAKE(BE32_TO_8, key) }, finish_hash },
	{ "rt", RULE_OP_RT,
	  { [NFTA_RT_DREG] = NEED(REGISTER, dreg), [NFTA_RT_KEY] = NEED(BE32_TO_8, key) },
	  finish_rt },
	{ "socket", RULE_OP_SOCKET,
	  { [NFTA_SOCKET_KEY] = NEED(BE32_TO_8, key), [NFTA_SOCKET_DREG] = NEED(REGISTER, dreg),
	    [NFTA_SOCKET_LEVEL] = TAKE(BE32, offset) }, finish_socket },
	{ "osf", RULE_OP_OSF,
	  { [NFTA_OSF_DREG] = NEED(REGISTER, dreg), [NFTA_OSF_TTL] = TAKE(U8, type),
	    [NFTA_OSF_FLAGS] = TAKE(BE32_TO_16, flags) }, finish_osf },
	{ "tunnel", RULE_OP_TUNNEL,
	  { [NFTA_TUNNEL_KEY] = NEED(BE32_TO_8, key), [NFTA_TUNNEL_DREG] = NEED(REGISTER, dreg),
	    [NFTA_TUNNEL_MODE] = LEAVE }, finish_tunnel },
	{ "xfrm", RULE_OP_XFRM,
	  { [NFTA_XFRM_DREG] = NEED(REGISTER, dreg), [NFTA_XFRM_KEY] = NEED(BE32_TO_8, key),
	    [NFTA_XFRM_DIR] = TAKE(U8, base), [NFTA_XFRM_SPNUM] = TAKE(BE32, offset) },
	  finish_xfrm },
	{ "last", RULE_OP_LAST,
	  { [NFTA_LAST_SET] = LEAVE, [NFTA_LAST_MSECS] = LEAVE, [NFTA_LAST_PAD] = LEAVE }, NULL },
	{ "notrack", RULE_OP_NOTRACK, { { 0 } }, NULL },
	{ "tproxy", RULE_OP_TPROXY,
	  { [NFTA_TPROXY_FAMILY] = NEED(BE32_TO_8, family),
	    [NFTA_TPROXY_REG_ADDR] = TAKE(REGISTER, sreg),
	    [NFTA_TPROXY_REG_PORT] = TAKE(REGISTER, sreg2) }, finish_ports },
	{ "synproxy", RULE_OP_SYNPROXY,
	  { [NFTA_SYNPROXY_MSS] = TAKE(BE16_TO_32, modulus),
	    [NFTA_SYNPROXY_WSCALE] = TAKE(U8, size),
	    [NFTA_SYNPROXY_FLAGS] = TAKE(BE32_TO_16, flags) }, NULL },
	{ "queue", RULE_OP_QUEUE,
	  { [NFTA_QUEUE_NUM] = TAKE(BE16_TO_32, modulus),
	    [NFTA_QUEUE_TOTAL] = TAKE(BE16_TO_32, burst), [NFTA_QUEUE_FLAGS] = TAKE(BE16, flags),
	    [NFTA_QUEUE_SREG_QNUM] = TAKE(REGISTER, sreg) }, finish_queue },
	{ "dup", RULE_OP_DUP,
	  { [NFTA_DUP_SREG_ADDR] = TAKE(REGISTER, sreg),
	    [NFTA_DUP_SREG_DEV] = TAKE(REGISTER, sreg2) }, NULL },
	{ "fwd", RULE_OP_FWD,
	  { [NFTA_FWD_SREG_DEV] = TAKE(REGISTER, sreg2),
	    [NFTA_FWD_SREG_ADDR] = TAKE(REGISTER, sreg),
	    [NFTA_FWD_NFPROTO] = TAKE(BE32_TO_8, family) }, NULL },
	{ "flow_offload", RULE_OP_FLOW_OFFLOAD,
	  { [NFTA_FLOW_TABLE_NAME] = TAKE(NAME, name) }, NULL },
};
/* clang-format on */

const struct nft_expression *nft_find_expression(const struct nft_text *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(kinds[i].name, name->at, name->length) == 0 &&
		    !kinds[i].name[name->length])
			return &kinds[i];
	}
	return NULL;
}
