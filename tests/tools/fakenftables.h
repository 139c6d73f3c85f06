/* SPDX-License-Identifier: MIT */
/* A kernel with nf_tables that says what a test wrote: each dump is a script, by its request. */
#ifndef FAKENFTABLES_H
#define FAKENFTABLES_H

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "ruleset.h"
#include "source.h"

#define FAKENFT_TYPES NFT_MSG_MAX
#define FAKENFT_SIZE  16384

/* What is answered to requests of one type, each in a datagram, and then NLMSG_DONE. */
struct fakenft_script {
	uint8_t bytes[FAKENFT_SIZE];
	size_t length;
	int error; /* -errno in NLMSG_DONE */
};

struct fakenft {
	struct hark_source source;
	struct fakenft_script scripts[FAKENFT_TYPES];
	struct ruleset *ruleset;
	bool interrupted;
	uint32_t generation;
	uint8_t family;            /* of the messages that are made */
	uint32_t changes_at;       /* the generation grows before this request, from 1; 0: never */
	uint32_t changes;          /* so many times */
	uint16_t interrupted_type; /* of the request whose dump is flagged; UINT16_MAX: none */
	int open_error;
	bool is_left_open;
	uint32_t n_requests, n_opened;
	struct nlmsghdr request;
	bool is_answered;
};

struct fakenft_expression {
	struct nlattr *list, *data;
};

struct fakenft_element {
	uint32_t flags;
	uint32_t key;     /* as a number of four bytes */
	uint32_t key_end; /* 0: none */
	int64_t left;     /* expiration; -1: no timeout */
	int32_t verdict;  /* of maps */
	const char *chain;
	const char *expression;
};

/* For cmocka: *state is a struct fakenft. */
int fakenft_setup(void **state);
int fakenft_teardown(void **state);

/* Reads it, in place of what was read before. */
const struct ruleset *fakenft_read(struct fakenft *world);

struct nlmsghdr *fakenft_begin(struct fakenft *world, uint8_t new, uint8_t get);
void fakenft_end(struct fakenft *world, uint8_t get, const struct nlmsghdr *message);
void fakenft_put_be32(struct nlmsghdr *message, uint16_t type, uint32_t number);
void fakenft_add_table(struct fakenft *world, const char *name, uint32_t flags);
void fakenft_add_chain(struct fakenft *world, const char *name);
struct nlmsghdr *fakenft_begin_base(struct fakenft *world, const char *name, uint32_t hook,
				    uint32_t policy, struct nlattr **nest);
void fakenft_add_base(struct fakenft *world, const char *name, uint32_t hook, uint32_t policy);
struct nlmsghdr *fakenft_begin_rule(struct fakenft *world, const char *chain, struct nlattr **nest);
void fakenft_end_rule(struct fakenft *world, struct nlmsghdr *message, struct nlattr *nest);
struct fakenft_expression fakenft_begin_expression(struct nlmsghdr *message, const char *name);
void fakenft_end_expression(struct nlmsghdr *message, struct fakenft_expression expression);
void fakenft_put_value(struct nlmsghdr *message, uint16_t type, const void *bytes, size_t length);
void fakenft_put_verdict(struct nlmsghdr *message, uint16_t type, int32_t code, const char *chain);
void fakenft_put_immediate(struct nlmsghdr *message, int32_t code, const char *chain);
void fakenft_put_lookup(struct nlmsghdr *message, const char *set, bool is_map);
void fakenft_add_lookup(struct fakenft *world, bool is_map);
void fakenft_add_set(struct fakenft *world, uint32_t flags, uint32_t key_length,
		     const uint8_t *fields);
void fakenft_add_elements(struct fakenft *world, const struct fakenft_element *elements, size_t n,
			  bool is_map);

#define FAKENFT_ELEMENTS(world, elements, is_map) \
	fakenft_add_elements(world, elements, sizeof(elements) / sizeof((elements)[0]), is_map)

#endif
