/* SPDX-License-Identifier: MIT */
/* The pieces that messages of nf_tables are made of. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nftables.h"

bool nft_attributes(const struct nlattr **attributes, uint32_t n, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	memset(attributes, 0, n * sizeof(*attributes));
	while (length >= sizeof(struct nlattr)) {
		const struct nlattr *attribute = (const struct nlattr *)at;
		size_t size = attribute->nla_len;
		uint32_t type = attribute->nla_type & NLA_TYPE_MASK;

		if (size < sizeof(*attribute) || size > length)
			return false;
		if (type < n)
			attributes[type] = attribute;
		size = NLA_ALIGN(size);
		if (size >= length)
			return true;
		at += size;
		length -= size;
	}
	return length == 0;
}

bool nft_nested(const struct nlattr **attributes, uint32_t n, const struct nlattr *nest)
{
	return nft_attributes(attributes, n, nest ? mnl_attr_get_payload(nest) : NULL,
			      nest ? mnl_attr_get_payload_len(nest) : 0);
}

static bool take_bytes(const struct nlattr *attribute, void *ret, size_t size)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) < size)
		return false;
	memcpy(ret, mnl_attr_get_payload(attribute), size);
	return true;
}

bool nft_u8(const struct nlattr *attribute, uint8_t *ret)
{
	return take_bytes(attribute, ret, sizeof(*ret));
}

bool nft_be16(const struct nlattr *attribute, uint16_t *ret)
{
	uint16_t number;

	if (!take_bytes(attribute, &number, sizeof(number)))
		return false;
	*ret = ntohs(number);
	return true;
}

bool nft_be32(const struct nlattr *attribute, uint32_t *ret)
{
	uint32_t number;

	if (!take_bytes(attribute, &number, sizeof(number)))
		return false;
	*ret = ntohl(number);
	return true;
}

bool nft_be64(const struct nlattr *attribute, uint64_t *ret)
{
	uint64_t number;

	if (!take_bytes(attribute, &number, sizeof(number)))
		return false;
	*ret = be64toh(number);
	return true;
}

bool nft_text(const struct nlattr *attribute, struct nft_text *ret)
{
	if (!attribute)
		return false;
	ret->at = mnl_attr_get_payload(attribute);
	ret->length = (uint32_t)strnlen(ret->at, mnl_attr_get_payload_len(attribute));
	return ret->length != 0;
}

bool nft_value(const struct nlattr *data, const void **ret, uint32_t *ret_length)
{
	const struct nlattr *attributes[NFTA_DATA_MAX + 1];

	if (!data || !nft_nested(attributes, NFTA_DATA_MAX + 1, data) ||
	    !attributes[NFTA_DATA_VALUE])
		return false;
	*ret = mnl_attr_get_payload(attributes[NFTA_DATA_VALUE]);
	*ret_length = mnl_attr_get_payload_len(attributes[NFTA_DATA_VALUE]);
	return *ret_length > 0 && *ret_length <= NFT_VALUE_MAX;
}

/*
 * NFT_BREAK is none of those that rules have: it ends the rule alone, and no program writes it.
 */
static uint8_t verdict_of(uint32_t code)
{
	switch ((int32_t)code) {
	case NF_DROP:
		return RULE_DROP;
	case NF_ACCEPT:
		return RULE_ACCEPT;
	case NF_STOLEN:
		return RULE_STOLEN;
	case NFT_CONTINUE:
		return RULE_CONTINUE;
	case NFT_RETURN:
		return RULE_RETURN;
	case NFT_JUMP:
		return RULE_JUMP;
	case NFT_GOTO:
		return RULE_GOTO;
	default:
		break;
	}
	/* The number of the queue is in the upper half. */
	return (int32_t)code > 0 && (code & NF_VERDICT_MASK) == NF_QUEUE ? RULE_QUEUE :
									   RULE_VERDICT_UNKNOWN;
}

int nft_verdict(struct nftables *nft, uint32_t table, const struct nlattr *data, uint8_t *verdict,
		uint32_t *chain)
{
	const struct nlattr *nest[NFTA_DATA_MAX + 1], *attributes[NFTA_VERDICT_MAX + 1];
	struct nft_text name;
	uint32_t code;

	if (!data || !nft_nested(nest, NFTA_DATA_MAX + 1, data) || !nest[NFTA_DATA_VERDICT] ||
	    !nft_nested(attributes, NFTA_VERDICT_MAX + 1, nest[NFTA_DATA_VERDICT]) ||
	    !nft_be32(attributes[NFTA_VERDICT_CODE], &code))
		return -EBADMSG;
	*verdict = verdict_of(code);
	*chain = RULESET_NONE;
	if (*verdict != RULE_JUMP && *verdict != RULE_GOTO)
		return 0;
	if (nft_text(attributes[NFTA_VERDICT_CHAIN], &name))
		*chain = nft_find(nft, NFT_CHAIN, table, &name);
	/* It went, or came, while all this was read. */
	if (*chain == RULESET_NONE)
		*verdict = RULE_VERDICT_UNKNOWN;
	return 0;
}

char *nft_keep(struct nftables *nft, const struct nft_text *text)
{
	return arena_memdup(&nft->ruleset->arena, text->at, text->length);
}

/* FNV-1a. */
static uint64_t hash_name(enum nft_kind kind, uint32_t owner, const char *name, uint32_t length)
{
	uint64_t hash = (0xcbf29ce484222325u ^ kind ^ (uint64_t)owner << 2) * 0x100000001b3u;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
	return hash;
}

static const char *name_of(const struct nftables *nft, enum nft_kind kind, uint32_t index,
			   uint32_t *ret_owner)
{
	const struct ruleset *ruleset = nft->ruleset;

	if (kind == NFT_TABLE) {
		*ret_owner = ruleset->tables.items[index].family;
		return ruleset->tables.items[index].name;
	}
	*ret_owner = kind == NFT_CHAIN ? ruleset->chains.items[index].table :
					 ruleset->sets.items[index].table;
	return kind == NFT_CHAIN ? ruleset->chains.items[index].name :
				   ruleset->sets.items[index].name;
}

/* Whatever shares a key stands under the numbers that follow it. */
uint32_t nft_find(const struct nftables *nft, enum nft_kind kind, uint32_t owner,
		  const struct nft_text *name)
{
	uint64_t key = hash_name(kind, owner, name->at, name->length);

	for (;; key++) {
		uint32_t entry = hash_get(&nft->names, key), its_owner;
		const char *its_name;

		if (entry == UINT32_MAX)
			return RULESET_NONE;
		if (entry % 4 != kind)
			continue;
		its_name = name_of(nft, kind, entry / 4, &its_owner);
		if (its_owner == owner && strlen(its_name) == name->length &&
		    memcmp(its_name, name->at, name->length) == 0)
			return entry / 4;
	}
}

int nft_enter(struct nftables *nft, enum nft_kind kind, uint32_t index)
{
	uint32_t owner, entry = index * 4 + kind, found = UINT32_MAX;
	const char *name = name_of(nft, kind, index, &owner);
	uint64_t key = hash_name(kind, owner, name, (uint32_t)strlen(name));
	int r = 0;

	for (; r == 0 && found != entry; key++)
		r = hash_add(&nft->names, key, entry, &found);
	return r;
}

static bool may_say_no(const struct nlattr *expression)
{
	const struct nlattr *attributes[NFTA_EXPR_MAX + 1];
	struct nft_text name;

	if (!nft_nested(attributes, NFTA_EXPR_MAX + 1, expression) ||
	    !nft_text(attributes[NFTA_EXPR_NAME], &name))
		return true;
	return !(name.length == 7 && memcmp(name.at, "counter", 7) == 0) &&
	       !(name.length == 4 && memcmp(name.at, "last", 4) == 0);
}

bool nft_is_stateful(const struct nlattr *expression, const struct nlattr *list)
{
	const struct nlattr *each;

	if (expression && may_say_no(expression))
		return true;
	if (!list)
		return false;
	mnl_attr_for_each_nested(each, list) {
		if (may_say_no(each))
			return true;
	}
	return false;
}
