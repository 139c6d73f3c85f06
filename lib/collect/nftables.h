/* SPDX-License-Identifier: MIT */
/* What the files of the reader of nf_tables share. */
#ifndef NFTABLES_H
#define NFTABLES_H

#include <libmnl/libmnl.h>

#include "rules.h"
#include "nl.h"

/* No kernel of today lets a rule get near to these; a ruleset beyond them counts as not read. */
#define NFT_MAX_TABLES      (1u << 16)
#define NFT_MAX_CHAINS      (1u << 18)
#define NFT_MAX_RULES       (1u << 19)
#define NFT_MAX_SETS        (1u << 18)
#define NFT_MAX_EXPRESSIONS (1u << 21)
#define NFT_MAX_DEVICES     (1u << 16)
/* Of all sets together; one that does not fit is not known. */
#define NFT_MAX_ELEMENTS (1u << 21)
#define NFT_MAX_BYTES    (1u << 28)

/* The widest value there is: NFT_DATA_VALUE_MAXLEN. */
#define NFT_VALUE_MAX 64

struct nftables {
	struct ruleset *ruleset;
	struct nl nl;
	struct hash names;      /* of tables, chains and sets, by kind, owner and name */
	ARRAY(uint32_t) wanted; /* sets that rules refer to */
	uint32_t table, chain;  /* of the last message, RULESET_NONE: none yet */
	uint32_t set;           /* whose elements are under way */
	uint32_t n_starts;      /* of the dump under way */
	uint16_t generation;    /* its low 16 bits, as each message has them */
	bool has_generation;
	bool is_changed; /* while it was read: some is of before, some of after that */
	bool is_last;    /* try: what was changed is taken as it is */
	bool is_broken;  /* the set's elements cannot be made out */
};

/* Bytes of a message that are a name, without the NUL. */
struct nft_text {
	const char *at;
	uint32_t length;
};

/*
 * The attributes of one level by type: whether all of it is attributes. Those of `n` and above are
 * left out.
 */
bool nft_attributes(const struct nlattr **attributes, uint32_t n, const void *bytes, size_t length);
bool nft_nested(const struct nlattr **attributes, uint32_t n, const struct nlattr *nest);

/* False where there is no such attribute, or not one that is as long as that. */
bool nft_u8(const struct nlattr *attribute, uint8_t *ret);
bool nft_be16(const struct nlattr *attribute, uint16_t *ret);
bool nft_be32(const struct nlattr *attribute, uint32_t *ret);
bool nft_be64(const struct nlattr *attribute, uint64_t *ret);
bool nft_text(const struct nlattr *attribute, struct nft_text *ret);

/* The value of NFTA_..._DATA and the like: 1 to NFT_VALUE_MAX bytes. */
bool nft_value(const struct nlattr *data, const void **ret, uint32_t *ret_length);

/* A verdict in its place: 0, -EBADMSG where there is none, -ENOMEM. */
int nft_verdict(struct nftables *nft, uint32_t table, const struct nlattr *data, uint8_t *verdict,
		uint32_t *chain);

/* A copy that stays, or NULL when memory ran out. */
char *nft_keep(struct nftables *nft, const struct nft_text *text);

/* RULESET_NONE: there is none of that name. */
enum nft_kind {
	NFT_TABLE, /* owner: its family */
	NFT_CHAIN, /* owner: its table */
	NFT_SET,   /* likewise */
};

uint32_t nft_find(const struct nftables *nft, enum nft_kind kind, uint32_t owner,
		  const struct nft_text *name);

/* Whether an expression in an element or a dynset may say no: all but counter and last. */
bool nft_is_stateful(const struct nlattr *expression, const struct nlattr *list);

/* nftables_expressions.c: appends what NFTA_RULE_EXPRESSIONS has: 0, -ENOMEM, -E2BIG. */
int nft_take_expressions(struct nftables *nft, uint32_t table, const struct nlattr *list,
			 struct rule *rule);

/* nftables_sets.c */
int nft_take_set(const struct nlmsghdr *message, void *data);
/* The elements of the sets that are wanted: 0, or an errno that ends it all. */
int nft_read_elements(struct nftables *nft);

/*
 * nftables.c: takes a message of a dump apart: 1; 0 where it is of a family that is left out;
 * -EINTR where the ruleset is another one by now; -EBADMSG. *ret_table is the message's, by the
 * attribute of type 1.
 */
int nft_take(struct nftables *nft, const struct nlmsghdr *message, uint8_t type,
	     const struct nlattr **attributes, uint32_t n, uint32_t *ret_table);

struct nft_request {
	struct nlmsghdr header;
	uint8_t rest[640]; /* struct nfgenmsg and two names of 256 bytes */
};

int nft_dump(struct nftables *nft, struct nft_request *request, nl_take take);
void nft_request(struct nft_request *request, uint8_t type, uint8_t family);

/* Enters the name of what was added to tables, chains or sets: 0 or -ENOMEM. */
int nft_enter(struct nftables *nft, enum nft_kind kind, uint32_t index);

#endif
