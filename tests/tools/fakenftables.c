/* SPDX-License-Identifier: MIT */
#include "fakenftables.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

static int fake_open(struct hark_source *source, int protocol)
{
	struct fakenft *world = (struct fakenft *)source;

	assert(protocol == NETLINK_NETFILTER);
	assert(!world->is_left_open);
	if (world->open_error)
		return world->open_error;
	world->is_left_open = true;
	return (int)world->n_opened++;
}

static int fake_send(struct hark_source *source, int handle, const void *bytes, size_t length)
{
	struct fakenft *world = (struct fakenft *)source;

	assert(handle == (int)world->n_opened - 1);
	assert(length >= sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg));
	memcpy(&world->request, bytes, sizeof(world->request));
	assert(world->request.nlmsg_len == length);
	assert(world->request.nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES);
	world->n_requests++;
	if (world->changes && world->n_requests == world->changes_at) {
		world->changes--;
		world->generation++;
		world->changes_at += 2;
	}
	world->is_answered = false;
	return 0;
}

static size_t put_done(const struct fakenft *world, void *buffer, int error)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = NLMSG_DONE;
	message->nlmsg_seq = world->request.nlmsg_seq;
	*(int *)mnl_nlmsg_put_extra_header(message, sizeof(int)) = error;
	return message->nlmsg_len;
}

static size_t put_generation(const struct fakenft *world, void *buffer)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN;
	message->nlmsg_seq = world->request.nlmsg_seq;
	body->res_id = htons((uint16_t)world->generation);
	mnl_attr_put_u32(message, NFTA_GEN_ID, htonl(world->generation));
	return message->nlmsg_len;
}

static ssize_t fake_receive(struct hark_source *source, int handle, void *buffer, size_t size)
{
	struct fakenft *world = (struct fakenft *)source;
	uint16_t type = world->request.nlmsg_type & 0xff;
	const struct fakenft_script *script = &world->scripts[type];

	assert(handle == (int)world->n_opened - 1);
	if (type == NFT_MSG_GETGEN)
		return (ssize_t)put_generation(world, buffer);
	if (world->is_answered || !script->length)
		return (ssize_t)put_done(world, buffer, script->error);
	assert(script->length <= size);
	memcpy(buffer, script->bytes, script->length);
	for (size_t at = 0; at < script->length;) {
		struct nlmsghdr *message = (struct nlmsghdr *)((uint8_t *)buffer + at);
		struct nfgenmsg *body = mnl_nlmsg_get_payload(message);

		message->nlmsg_seq = world->request.nlmsg_seq;
		if (type == world->interrupted_type)
			message->nlmsg_flags |= NLM_F_DUMP_INTR;
		body->res_id = htons((uint16_t)world->generation);
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
	world->is_answered = true;
	return (ssize_t)script->length;
}

static void fake_close(struct hark_source *source, int handle)
{
	struct fakenft *world = (struct fakenft *)source;

	assert(handle == (int)world->n_opened - 1);
	world->is_left_open = false;
}

static const struct source_ops fake_ops = {
	.nl_open = fake_open,
	.nl_send = fake_send,
	.nl_receive = fake_receive,
	.nl_close = fake_close,
};

static void fakenft_init(struct fakenft *world)
{
	*world = (struct fakenft){ .source = { .ops = &fake_ops, .proc_fd = -1, .sys_fd = -1 },
				   .generation = 70000,
				   .family = NFPROTO_INET,
				   .interrupted_type = UINT16_MAX };
}

struct nlmsghdr *fakenft_begin(struct fakenft *world, uint8_t new, uint8_t get)
{
	struct fakenft_script *script = &world->scripts[get];
	struct nlmsghdr *message = mnl_nlmsg_put_header(script->bytes + script->length);
	struct nfgenmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | new;
	body->nfgen_family = world->family;
	return message;
}

void fakenft_end(struct fakenft *world, uint8_t get, const struct nlmsghdr *message)
{
	world->scripts[get].length += NLMSG_ALIGN(message->nlmsg_len);
	assert(world->scripts[get].length < FAKENFT_SIZE - 512);
}

void fakenft_put_be32(struct nlmsghdr *message, uint16_t type, uint32_t number)
{
	mnl_attr_put_u32(message, type, htonl(number));
}

void fakenft_add_table(struct fakenft *world, const char *name, uint32_t flags)
{
	struct nlmsghdr *message = fakenft_begin(world, NFT_MSG_NEWTABLE, NFT_MSG_GETTABLE);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, name);
	fakenft_put_be32(message, NFTA_TABLE_FLAGS, flags);
	fakenft_end(world, NFT_MSG_GETTABLE, message);
}

void fakenft_add_chain(struct fakenft *world, const char *name)
{
	struct nlmsghdr *message = fakenft_begin(world, NFT_MSG_NEWCHAIN, NFT_MSG_GETCHAIN);

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, "t");
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, name);
	mnl_attr_put_u64(message, NFTA_CHAIN_HANDLE, htobe64(9));
	fakenft_end(world, NFT_MSG_GETCHAIN, message);
}

struct nlmsghdr *fakenft_begin_base(struct fakenft *world, const char *name, uint32_t hook,
				    uint32_t policy, struct nlattr **nest)
{
	struct nlmsghdr *message = fakenft_begin(world, NFT_MSG_NEWCHAIN, NFT_MSG_GETCHAIN);

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, "t");
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, name);
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
	fakenft_put_be32(message, NFTA_CHAIN_POLICY, policy);
	*nest = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
	fakenft_put_be32(message, NFTA_HOOK_HOOKNUM, hook);
	fakenft_put_be32(message, NFTA_HOOK_PRIORITY, (uint32_t)-300);
	return message;
}

void fakenft_add_base(struct fakenft *world, const char *name, uint32_t hook, uint32_t policy)
{
	struct nlattr *nest;
	struct nlmsghdr *message = fakenft_begin_base(world, name, hook, policy, &nest);

	mnl_attr_nest_end(message, nest);
	fakenft_end(world, NFT_MSG_GETCHAIN, message);
}

struct nlmsghdr *fakenft_begin_rule(struct fakenft *world, const char *chain, struct nlattr **nest)
{
	struct nlmsghdr *message = fakenft_begin(world, NFT_MSG_NEWRULE, NFT_MSG_GETRULE);

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, "t");
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
	mnl_attr_put_u64(message, NFTA_RULE_HANDLE, htobe64(77));
	*nest = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	return message;
}

void fakenft_end_rule(struct fakenft *world, struct nlmsghdr *message, struct nlattr *nest)
{
	mnl_attr_nest_end(message, nest);
	fakenft_end(world, NFT_MSG_GETRULE, message);
}

struct fakenft_expression fakenft_begin_expression(struct nlmsghdr *message, const char *name)
{
	struct fakenft_expression expression = { .list = mnl_attr_nest_start(message,
									     NFTA_LIST_ELEM) };

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	expression.data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return expression;
}

void fakenft_end_expression(struct nlmsghdr *message, struct fakenft_expression expression)
{
	mnl_attr_nest_end(message, expression.data);
	mnl_attr_nest_end(message, expression.list);
}

void fakenft_put_value(struct nlmsghdr *message, uint16_t type, const void *bytes, size_t length)
{
	struct nlattr *nest = mnl_attr_nest_start(message, type);

	mnl_attr_put(message, NFTA_DATA_VALUE, length, bytes);
	mnl_attr_nest_end(message, nest);
}

void fakenft_put_verdict(struct nlmsghdr *message, uint16_t type, int32_t code, const char *chain)
{
	struct nlattr *nest = mnl_attr_nest_start(message, type),
		      *verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

	fakenft_put_be32(message, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(message, verdict);
	mnl_attr_nest_end(message, nest);
}

void fakenft_put_immediate(struct nlmsghdr *message, int32_t code, const char *chain)
{
	struct fakenft_expression expression = fakenft_begin_expression(message, "immediate");

	fakenft_put_be32(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	fakenft_put_verdict(message, NFTA_IMMEDIATE_DATA, code, chain);
	fakenft_end_expression(message, expression);
}

void fakenft_put_lookup(struct nlmsghdr *message, const char *set, bool is_map)
{
	struct fakenft_expression expression = fakenft_begin_expression(message, "lookup");

	mnl_attr_put_strz(message, NFTA_LOOKUP_SET, set);
	fakenft_put_be32(message, NFTA_LOOKUP_SREG, NFT_REG_1);
	if (is_map)
		fakenft_put_be32(message, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	fakenft_end_expression(message, expression);
}

/* A table, a chain and a rule that looks up "s". */
void fakenft_add_lookup(struct fakenft *world, bool is_map)
{
	struct nlmsghdr *message;
	struct nlattr *nest;

	fakenft_add_table(world, "t", 0);
	fakenft_add_base(world, "c", NF_INET_LOCAL_IN, NF_ACCEPT);
	fakenft_add_chain(world, "other");
	message = fakenft_begin_rule(world, "c", &nest);
	fakenft_put_lookup(message, "s", is_map);
	fakenft_end_rule(world, message, nest);
}

void fakenft_add_set(struct fakenft *world, uint32_t flags, uint32_t key_length,
		     const uint8_t *fields)
{
	struct nlmsghdr *message = fakenft_begin(world, NFT_MSG_NEWSET, NFT_MSG_GETSET);
	struct nlattr *desc, *concat, *field;

	mnl_attr_put_strz(message, NFTA_SET_TABLE, "t");
	mnl_attr_put_strz(message, NFTA_SET_NAME, "s");
	fakenft_put_be32(message, NFTA_SET_FLAGS, flags);
	fakenft_put_be32(message, NFTA_SET_KEY_TYPE, 7);
	fakenft_put_be32(message, NFTA_SET_KEY_LEN, key_length);
	if (flags & NFT_SET_MAP)
		fakenft_put_be32(message, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	desc = mnl_attr_nest_start(message, NFTA_SET_DESC);
	if (!fields) {
		mnl_attr_nest_end(message, desc);
		return fakenft_end(world, NFT_MSG_GETSET, message);
	}
	concat = mnl_attr_nest_start(message, NFTA_SET_DESC_CONCAT);
	for (; *fields; fields++) {
		field = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
		fakenft_put_be32(message, NFTA_SET_FIELD_LEN, *fields);
		mnl_attr_nest_end(message, field);
	}
	mnl_attr_nest_end(message, concat);
	mnl_attr_nest_end(message, desc);
	fakenft_end(world, NFT_MSG_GETSET, message);
}

static void put_element(struct nlmsghdr *message, const struct fakenft_element *element,
			bool is_map)
{
	struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM), *inner;
	uint32_t key = htonl(element->key), key_end = htonl(element->key_end);

	if (element->flags)
		fakenft_put_be32(message, NFTA_SET_ELEM_FLAGS, element->flags);
	if (!(element->flags & NFT_SET_ELEM_CATCHALL))
		fakenft_put_value(message, NFTA_SET_ELEM_KEY, &key, sizeof(key));
	if (element->key_end)
		fakenft_put_value(message, NFTA_SET_ELEM_KEY_END, &key_end, sizeof(key_end));
	if (is_map && !(element->flags & NFT_SET_ELEM_INTERVAL_END))
		fakenft_put_verdict(message, NFTA_SET_ELEM_DATA, element->verdict, element->chain);
	if (element->left >= 0)
		mnl_attr_put_u64(message, NFTA_SET_ELEM_EXPIRATION,
				 htobe64((uint64_t)element->left));
	if (element->expression) {
		inner = mnl_attr_nest_start(message, NFTA_SET_ELEM_EXPR);
		mnl_attr_put_strz(message, NFTA_EXPR_NAME, element->expression);
		mnl_attr_nest_end(message, inner);
	}
	mnl_attr_nest_end(message, nest);
}

void fakenft_add_elements(struct fakenft *world, const struct fakenft_element *elements, size_t n,
			  bool is_map)
{
	struct nlmsghdr *message = fakenft_begin(world, NFT_MSG_NEWSETELEM, NFT_MSG_GETSETELEM);
	struct nlattr *nest;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, "t");
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, "s");
	nest = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < n; i++)
		put_element(message, &elements[i], is_map);
	mnl_attr_nest_end(message, nest);
	fakenft_end(world, NFT_MSG_GETSETELEM, message);
}

int fakenft_setup(void **state)
{
	struct fakenft *world = calloc(1, sizeof(*world));

	fakenft_init(world);
	*state = world;
	return 0;
}

int fakenft_teardown(void **state)
{
	struct fakenft *world = *state;

	ruleset_free(world->ruleset);
	free(world);
	return 0;
}

const struct ruleset *fakenft_read(struct fakenft *world)
{
	int r;

	ruleset_free(world->ruleset);
	world->ruleset = ruleset_new();
	r = nftables_read(&world->source, world->ruleset, &world->interrupted);
	assert(r == 0);
	assert(!world->is_left_open);
	return world->ruleset;
}
