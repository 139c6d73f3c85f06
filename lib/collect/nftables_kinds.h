/* SPDX-License-Identifier: MIT */
/* Kinds of expressions of nf_tables: which attributes each has, and where they go. */
#ifndef NFTABLES_KINDS_H
#define NFTABLES_KINDS_H

#include "nftables.h"

#define NFT_ATTRIBUTES 12

/* What an attribute is, and where it goes. */
enum nft_how {
	HOW_UNKNOWN, /* this kind has no such attribute */
	HOW_NOTHING, /* of no account, or for finish() */
	HOW_REGISTER,
	HOW_TARGET, /* a register, or the verdict */
	HOW_U8,
	HOW_BE16,
	HOW_BE16_TO_32,
	HOW_BE32, /* and what is shorter in struct rule_expression */
	HOW_BE32_TO_8,
	HOW_BE32_TO_16,
	HOW_BE32_TO_64,
	HOW_BE64,
	HOW_VALUE,
	HOW_NAME,
};

struct nft_field {
	uint8_t how;
	uint8_t at; /* in struct rule_expression */
	bool is_needed;
};

struct nft_reading {
	struct nftables *nft;
	uint32_t table;
	const struct nlattr *attributes[NFT_ATTRIBUTES];
	int error; /* -ENOMEM */
};

struct nft_expression {
	const char *name;
	uint8_t op;
	struct nft_field fields[NFT_ATTRIBUTES];
	/* What the table cannot say: whether it is as expected. */
	bool (*finish)(struct nft_reading *reading, struct rule_expression *e);
};

/* NULL: nobody here knows it. */
const struct nft_expression *nft_find_expression(const struct nft_text *name);

/* For finish(): false where it is no value; a name that is empty is none. */
bool nft_take_value(struct nft_reading *reading, const struct nlattr *data, struct rule_bytes *ret);
bool nft_take_name(struct nft_reading *reading, const struct nlattr *attribute, const char **ret);

static inline bool nft_fits(uint8_t at, uint32_t length)
{
	return at >= RULE_REGISTERS || at + length <= RULE_REGISTERS;
}

#endif
