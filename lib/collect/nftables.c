/* SPDX-License-Identifier: MIT */
/*
 * nf_tables, as the kernel has it: tables, chains, sets, rules, and the elements of those sets that
 * rules refer to.
 *
 * It takes several dumps, and someone may change the ruleset between them. Each change gives it
 * another generation, of which each message has the low half (struct nfgenmsg's res_id,
 * net/netfilter/nf_tables_api.c); what is missing is asked for in the end, with NFT_MSG_GETGEN,
 * since a dump of nothing has no message. When the generation is not the same all the way, it is
 * all read again.
 *
 * Most hosts that have no rules pay for one dump, of no tables.
 */
#include "nftables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lines.h"

#define MAX_TRIES 5

/* Since Linux 6.17, NFTA_DEVICE_NAME's neighbour; not in the headers of Debian 12. */
#define DEVICE_PREFIX 2

/* NFTNL_UDATA_RULE_COMMENT of libnftnl: type, length, text with NUL. */
#define USERDATA_COMMENT 0

void nft_request(struct nft_request *request, uint8_t type, uint8_t family)
{
	struct nfgenmsg *body;

	/* libmnl leaves what is between attributes as it is. */
	*request = (struct nft_request){ 0 };
	mnl_nlmsg_put_header(&request->header);
	request->header.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | type;
	request->header.nlmsg_flags = NLM_F_REQUEST;
	body = mnl_nlmsg_put_extra_header(&request->header, sizeof(*body));
	body->nfgen_family = family;
	body->version = NFNETLINK_V0;
}

/*
 * nl_dump() does an interrupted dump again. Here all of it is, from the tables on, and in the last
 * try what came first stands.
 */
static void note_restart(void *data)
{
	struct nftables *nft = data;

	nft->n_starts++;
}

int nft_dump(struct nftables *nft, struct nft_request *request, nl_take take)
{
	bool interrupted = false;
	int r;

	nft->n_starts = 0;
	r = nl_dump(&nft->nl, &request->header, take, note_restart, nft, &interrupted);

	nft->is_changed = nft->is_changed || interrupted;
	return r == 0 && nft->is_changed && !nft->is_last ? -EINTR : r;
}

/* Whether the message is of the generation that the others are of. */
static bool is_current(struct nftables *nft, const struct nlmsghdr *message)
{
	const struct nfgenmsg *body = mnl_nlmsg_get_payload(message);
	uint16_t generation = ntohs(body->res_id);

	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return false;
	if (!nft->has_generation)
		nft->generation = generation;
	nft->has_generation = true;
	return nft->generation == generation;
}

/* Families whose rules see no packet of IP are left out. */
static bool is_wanted(uint8_t family)
{
	return family == RULE_FAMILY_INET || family == RULE_FAMILY_IPV4 ||
	       family == RULE_FAMILY_IPV6 || family == RULE_FAMILY_NETDEV ||
	       family == RULE_FAMILY_BRIDGE;
}

/* A name of the table at hand, mostly that of the message before. */
static uint32_t find_table(struct nftables *nft, uint8_t family, const struct nft_text *name)
{
	const struct ruleset *ruleset = nft->ruleset;

	if (nft->table != RULESET_NONE) {
		const struct rule_table *table = &ruleset->tables.items[nft->table];

		if (table->family == family && strlen(table->name) == name->length &&
		    memcmp(table->name, name->at, name->length) == 0)
			return nft->table;
	}
	nft->table = nft_find(nft, NFT_TABLE, family, name);
	return nft->table;
}

int nft_take(struct nftables *nft, const struct nlmsghdr *message, uint8_t type,
	     const struct nlattr **attributes, uint32_t n, uint32_t *ret_table)
{
	const struct nfgenmsg *body = mnl_nlmsg_get_payload(message);
	struct nft_text name;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body) ||
	    message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type))
		return -EBADMSG;
	if (!is_current(nft, message)) {
		nft->is_changed = true;
		if (!nft->is_last)
			return -EINTR;
	}
	if (nft->n_starts > 1 || !is_wanted(body->nfgen_family))
		return 0;
	if (!nft_attributes(attributes, n, mnl_nlmsg_get_payload_offset(message, sizeof(*body)),
			    mnl_nlmsg_get_payload_len(message) - sizeof(*body)) ||
	    !nft_text(attributes[1], &name))
		return -EBADMSG;
	*ret_table = find_table(nft, body->nfgen_family, &name);
	/* Of a table that came after they were dumped. */
	if (*ret_table == RULESET_NONE && type != NFT_MSG_NEWTABLE)
		nft->is_changed = true;
	return *ret_table != RULESET_NONE || type == NFT_MSG_NEWTABLE ? 1 :
	       nft->is_last                                           ? 0 :
									-EINTR;
}

static int take_table(const struct nlmsghdr *message, void *data)
{
	struct nftables *nft = data;
	struct ruleset *ruleset = nft->ruleset;
	const struct nlattr *attributes[NFTA_TABLE_MAX + 1];
	struct rule_table table = { 0 };
	struct nft_text name;
	uint32_t same;
	int r = nft_take(nft, message, NFT_MSG_NEWTABLE, attributes, NFTA_TABLE_MAX + 1, &same);

	if (r <= 0)
		return r;
	if (same != RULESET_NONE || !nft_text(attributes[NFTA_TABLE_NAME], &name))
		return -EBADMSG;
	if (ruleset->tables.n == NFT_MAX_TABLES)
		return -E2BIG;
	table.family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
	(void)nft_be32(attributes[NFTA_TABLE_FLAGS], &table.flags);
	(void)nft_be64(attributes[NFTA_TABLE_HANDLE], &table.handle);
	table.is_dormant = table.flags & NFT_TABLE_F_DORMANT;
	table.name = nft_keep(nft, &name);
	if (!table.name || array_reserve(&ruleset->tables, 1) < 0)
		return -ENOMEM;
	ruleset->tables.items[ruleset->tables.n] = table;
	return nft_enter(nft, NFT_TABLE, ruleset->tables.n++);
}

/*
 * A prefix ends with '*' here. Linux 6.16 told it as a name without a NUL (nft_nla_put_hook_dev()).
 */
static int take_device(struct nftables *nft, const struct nlattr *attribute)
{
	struct ruleset *ruleset = nft->ruleset;
	struct nft_text name;
	bool is_prefix;
	char *kept;

	if (!nft_text(attribute, &name))
		return -EBADMSG;
	if (ruleset->devices.n == NFT_MAX_DEVICES)
		return -E2BIG;
	is_prefix = mnl_attr_get_type(attribute) == DEVICE_PREFIX ||
		    name.length == mnl_attr_get_payload_len(attribute);
	kept = arena_printf(&ruleset->arena, "%.*s%s", (int)name.length, name.at,
			    is_prefix ? "*" : "");
	if (!kept || array_reserve(&ruleset->devices, 1) < 0)
		return -ENOMEM;
	ruleset->devices.items[ruleset->devices.n++] = kept;
	return 0;
}

/* NFTA_HOOK_DEV is the first of NFTA_HOOK_DEVS, which older kernels do not have. */
static int take_devices(struct nftables *nft, const struct nlattr **hook, struct rule_chain *chain)
{
	const struct nlattr *each;
	int r = 0;

	chain->first_device = nft->ruleset->devices.n;
	if (hook[NFTA_HOOK_DEVS]) {
		mnl_attr_for_each_nested(each, hook[NFTA_HOOK_DEVS]) {
			r = take_device(nft, each);
			if (r < 0)
				return r;
		}
	} else if (hook[NFTA_HOOK_DEV]) {
		r = take_device(nft, hook[NFTA_HOOK_DEV]);
	}
	chain->n_devices = nft->ruleset->devices.n - chain->first_device;
	return r;
}

static bool take_hook_number(uint32_t number, uint8_t family, uint8_t *ret)
{
	if (family == RULE_FAMILY_NETDEV) {
		*ret = number == NF_NETDEV_INGRESS ? RULE_HOOK_INGRESS : RULE_HOOK_EGRESS;
		return number <= NF_NETDEV_EGRESS;
	}
	*ret = (uint8_t)number;
	return number <= RULE_HOOK_POSTROUTING ||
	       (number == NF_INET_INGRESS && family == RULE_FAMILY_INET);
}

static int take_hook(struct nftables *nft, const struct nlattr **attributes,
		     struct rule_chain *chain)
{
	const struct nlattr *hook[NFTA_HOOK_MAX + 1];
	uint32_t number, priority, policy;
	struct nft_text type;

	if (!nft_nested(hook, NFTA_HOOK_MAX + 1, attributes[NFTA_CHAIN_HOOK]) ||
	    !nft_be32(hook[NFTA_HOOK_HOOKNUM], &number) ||
	    !nft_be32(hook[NFTA_HOOK_PRIORITY], &priority) ||
	    !nft_be32(attributes[NFTA_CHAIN_POLICY], &policy) ||
	    !nft_text(attributes[NFTA_CHAIN_TYPE], &type) ||
	    (policy != NF_ACCEPT && policy != NF_DROP) ||
	    !take_hook_number(number, nft->ruleset->tables.items[chain->table].family,
			      &chain->hook))
		return -EBADMSG;
	chain->is_base = true;
	chain->priority = (int32_t)priority;
	chain->policy = policy == NF_ACCEPT ? RULE_ACCEPT : RULE_DROP;
	chain->type = nft_keep(nft, &type);
	return chain->type ? take_devices(nft, hook, chain) : -ENOMEM;
}

static int take_chain(const struct nlmsghdr *message, void *data)
{
	struct nftables *nft = data;
	struct ruleset *ruleset = nft->ruleset;
	const struct nlattr *attributes[NFTA_CHAIN_MAX + 1];
	struct rule_chain chain = { 0 };
	struct nft_text name;
	int r = nft_take(nft, message, NFT_MSG_NEWCHAIN, attributes, NFTA_CHAIN_MAX + 1,
			 &chain.table);

	if (r <= 0)
		return r;
	if (!nft_text(attributes[NFTA_CHAIN_NAME], &name))
		return -EBADMSG;
	if (ruleset->chains.n == NFT_MAX_CHAINS)
		return -E2BIG;
	(void)nft_be64(attributes[NFTA_CHAIN_HANDLE], &chain.handle);
	chain.name = nft_keep(nft, &name);
	if (!chain.name || array_reserve(&ruleset->chains, 1) < 0)
		return -ENOMEM;
	r = attributes[NFTA_CHAIN_HOOK] ? take_hook(nft, attributes, &chain) : 0;
	if (r < 0)
		return r;
	ruleset->chains.items[ruleset->chains.n] = chain;
	return nft_enter(nft, NFT_CHAIN, ruleset->chains.n++);
}

/* The chain of a rule, mostly that of the one before. */
static uint32_t find_chain(struct nftables *nft, uint32_t table, const struct nft_text *name)
{
	if (nft->chain != RULESET_NONE) {
		const struct rule_chain *chain = &nft->ruleset->chains.items[nft->chain];

		if (chain->table == table && strlen(chain->name) == name->length &&
		    memcmp(chain->name, name->at, name->length) == 0)
			return nft->chain;
	}
	nft->chain = nft_find(nft, NFT_CHAIN, table, name);
	return nft->chain;
}

static int take_comment(struct nftables *nft, const struct nlattr *userdata, struct rule *rule)
{
	const uint8_t *bytes = userdata ? mnl_attr_get_payload(userdata) : NULL;
	uint32_t left = userdata ? mnl_attr_get_payload_len(userdata) : 0;

	while (left >= 2 && bytes[1] <= left - 2) {
		if (bytes[0] == USERDATA_COMMENT) {
			const char *text = (const char *)bytes + 2;
			struct nft_text comment = { text, (uint32_t)strnlen(text, bytes[1]) };

			rule->comment = nft_keep(nft, &comment);
			return rule->comment ? 0 : -ENOMEM;
		}
		left -= 2u + bytes[1];
		bytes += 2 + bytes[1];
	}
	return 0;
}

/* They come table by table and chain by chain, as nf_tables_dump_rules() walks them. */
static int take_rule(const struct nlmsghdr *message, void *data)
{
	struct nftables *nft = data;
	struct ruleset *ruleset = nft->ruleset;
	const struct nlattr *attributes[NFTA_RULE_MAX + 1];
	struct rule rule = { 0 };
	struct rule_chain *chain;
	struct nft_text name;
	uint32_t table;
	int r = nft_take(nft, message, NFT_MSG_NEWRULE, attributes, NFTA_RULE_MAX + 1, &table);

	if (r <= 0)
		return r;
	if (!nft_text(attributes[NFTA_RULE_CHAIN], &name))
		return -EBADMSG;
	rule.chain = find_chain(nft, table, &name);
	if (rule.chain == RULESET_NONE) {
		nft->is_changed = true;
		return nft->is_last ? 0 : -EINTR;
	}
	chain = &ruleset->chains.items[rule.chain];
	if (!chain->n_rules)
		chain->first_rule = ruleset->rules.n;
	if (chain->first_rule + chain->n_rules != ruleset->rules.n)
		return -EBADMSG;
	if (ruleset->rules.n == NFT_MAX_RULES)
		return -E2BIG;
	(void)nft_be64(attributes[NFTA_RULE_HANDLE], &rule.handle);
	r = take_comment(nft, attributes[NFTA_RULE_USERDATA], &rule);
	if (r == 0)
		r = nft_take_expressions(nft, table, attributes[NFTA_RULE_EXPRESSIONS], &rule);
	if (r == 0)
		r = array_reserve(&ruleset->rules, 1);
	if (r < 0)
		return r;
	ruleset->rules.items[ruleset->rules.n++] = rule;
	chain->n_rules++;
	return 0;
}

static int take_generation(const struct nlmsghdr *reply, uint32_t i, void *data)
{
	struct nftables *nft = data;
	const struct nlattr *attributes[NFTA_GEN_MAX + 1];

	(void)i;
	if (reply->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
	    mnl_nlmsg_get_payload_len(reply) < sizeof(struct nfgenmsg) ||
	    !nft_attributes(attributes, NFTA_GEN_MAX + 1,
			    mnl_nlmsg_get_payload_offset(reply, sizeof(struct nfgenmsg)),
			    mnl_nlmsg_get_payload_len(reply) - sizeof(struct nfgenmsg)) ||
	    !nft_be32(attributes[NFTA_GEN_ID], &nft->ruleset->generation))
		return -EBADMSG;
	nft->is_changed = nft->is_changed || (uint16_t)nft->ruleset->generation != nft->generation;
	return nft->is_changed && !nft->is_last ? -EINTR : 0;
}

static int dump_all(struct nftables *nft, uint8_t type, nl_take take)
{
	struct nft_request request;

	nft_request(&request, type, NFPROTO_UNSPEC);
	return nft_dump(nft, &request, take);
}

static int read_all(struct nftables *nft)
{
	struct nft_request request;
	int r = dump_all(nft, NFT_MSG_GETTABLE, take_table);

	if (r < 0 || !nft->ruleset->tables.n)
		return r;
	r = dump_all(nft, NFT_MSG_GETCHAIN, take_chain);
	if (r == 0)
		r = dump_all(nft, NFT_MSG_GETSET, nft_take_set);
	if (r == 0)
		r = dump_all(nft, NFT_MSG_GETRULE, take_rule);
	if (r == 0)
		r = nft_read_elements(nft);
	if (r < 0)
		return r;
	nft_request(&request, NFT_MSG_GETGEN, NFPROTO_UNSPEC);
	return nl_ask(&nft->nl, &request, request.header.nlmsg_len, 1, take_generation, nft);
}

/* Of nf_tables nothing, as it was before: it is the first that is read into a ruleset. */
static void forget(struct nftables *nft)
{
	struct ruleset *ruleset = nft->ruleset;

	ruleset->bytes.n = 0;
	ruleset->tables.n = 0;
	ruleset->chains.n = 0;
	ruleset->rules.n = 0;
	ruleset->expressions.n = 0;
	ruleset->sets.n = 0;
	ruleset->elements.n = 0;
	ruleset->xts.n = 0;
	ruleset->devices.n = 0;
	hash_fini(&nft->names);
	nft->names = (struct hash){ 0 };
	nft->wanted.n = 0;
}

/* A socket of its own for each try: what a dump that was given up has left would be in the way. */
static int try_read(struct nftables *nft, struct hark_source *source)
{
	int r;

	forget(nft);
	nft->table = nft->chain = RULESET_NONE;
	nft->has_generation = nft->is_changed = false;
	r = nl_open(&nft->nl, source, NETLINK_NETFILTER);
	if (r == 0)
		r = read_all(nft);
	nl_close(&nft->nl);
	return r;
}

/*
 * Without nf_tables there is no such protocol, or no such subsystem of it
 * (net/netfilter/nfnetlink.c: nfnetlink_rcv_msg(), after CAP_NET_ADMIN was asked for).
 */
static uint8_t presence_of(const struct nftables *nft, int error)
{
	if (error && nft->has_generation)
		return HARK_UNSUPPORTED;
	switch (error) {
	case 0:
		return HARK_KNOWN;
	case -EPERM:
	case -EACCES:
		return HARK_DENIED;
	case -EPROTONOSUPPORT:
	case -EAFNOSUPPORT:
	case -EOPNOTSUPP:
	case -EINVAL:
		return HARK_ABSENT;
	default:
		return HARK_UNSUPPORTED;
	}
}

/*
 * A socket of that protocol has the kernel load nfnetlink, and a request nf_tables, where they are
 * modules; a reader should change nothing. Where nfnetlink is there, it has a socket in each
 * namespace, and without it there are no nf_tables. (Where it is there and nf_tables is not, that
 * is loaded after all: whether it is built in, nobody tells.)
 */
static bool may_be_there(const struct hark_source *source)
{
	struct lines lines;
	unsigned int protocol;
	bool is_found = false;
	char *line;
	int r;

	if (faccessat(source->sys_fd, "module/nf_tables", F_OK, 0) == 0 ||
	    faccessat(source->proc_fd, "modules", F_OK, 0) < 0)
		return true;
	r = lines_open(&lines, source_net_fd(source), "net/netlink");
	if (r < 0)
		return true;
	while (!is_found && (r = lines_next(&lines, &line)) > 0)
		is_found = sscanf(line, "%*s %u", &protocol) == 1 && protocol == NETLINK_NETFILTER;
	lines_close(&lines);
	return is_found || r < 0;
}

int nftables_read(struct hark_source *source, struct ruleset *ruleset, bool *ret_interrupted)
{
	struct nftables nft = { .ruleset = ruleset, .nl = { .handle = -1 } };
	int r = may_be_there(source) ? -EINTR : -EPROTONOSUPPORT;

	for (int i = 1; r == -EINTR && i <= MAX_TRIES; i++) {
		nft.is_last = i == MAX_TRIES;
		r = try_read(&nft, source);
	}
	if (r < 0)
		forget(&nft);
	*ret_interrupted = r == 0 && nft.is_changed;
	ruleset->nftables = presence_of(&nft, r);
	if (r == 0 && !ruleset->tables.n)
		ruleset->nftables = HARK_ABSENT;
	ruleset->nftables_error = ruleset->nftables == HARK_UNSUPPORTED ? -r : 0;
	hash_fini(&nft.names);
	array_fini(&nft.wanted);
	return r == -ENOMEM ? r : 0;
}
