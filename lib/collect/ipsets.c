/* SPDX-License-Identifier: MIT */
/*
 * ipsets that matches of x_tables refer to, by netlink (net/netfilter/ipset/ip_set_core.c).
 *
 * A match has the kernel's number of its set. A list of all sets tells the numbers and names, and
 * then the elements are asked for by name, of those sets alone that are referred to, and of those
 * that are members of a list that is. To swap two sets swaps their names, too, so that a name and
 * its number stay together while a rule refers to it.
 */
#include "nftables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "ipsets.h"

/* Since Linux 4.20 the list has the sets' numbers; older kernels do not know that protocol. */
#define PROTOCOL_WITH_INDEX 7

#define MAX_SETS 65536
/* Of all sets together. */
#define MAX_ELEMENTS (1u << 20)

struct request {
	struct nlmsghdr header;
	uint8_t room[128];
};

/* What the list tells of each set. */
struct listed {
	const char *name;
	uint16_t number;
	uint32_t set; /* index of `ipsets`, RULESET_NONE: not referred to as yet */
};

struct reader {
	struct ruleset *ruleset;
	struct nl nl;
	ARRAY(struct listed) listed; /* in the end by name */
	struct hash numbers;         /* to indexes of `listed` */
	/* The set whose elements are under way. */
	uint32_t set;
	struct ipset_header header;
};

static void make_request(struct request *request, uint8_t command)
{
	struct nfgenmsg *body;

	/* libmnl leaves what is between attributes as it is. */
	*request = (struct request){ 0 };
	mnl_nlmsg_put_header(&request->header);
	request->header.nlmsg_type = NFNL_SUBSYS_IPSET << 8 | command;
	request->header.nlmsg_flags = NLM_F_REQUEST;
	body = mnl_nlmsg_put_extra_header(&request->header, sizeof(*body));
	body->nfgen_family = AF_INET;
	body->version = NFNETLINK_V0;
	mnl_attr_put_u8(&request->header, IPSET_ATTR_PROTOCOL, PROTOCOL_WITH_INDEX);
}

static bool take_attributes(const struct nlmsghdr *message,
			    const struct nlattr *attributes[IPSET_ATTR_CMD_MAX + 1])
{
	size_t length = mnl_nlmsg_get_payload_len(message);

	return length >= sizeof(struct nfgenmsg) &&
	       message->nlmsg_type == (NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST) &&
	       nft_attributes(attributes, IPSET_ATTR_CMD_MAX + 1,
			      mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg)),
			      length - sizeof(struct nfgenmsg));
}

static int take_listed(const struct nlmsghdr *message, void *data)
{
	struct reader *reader = data;
	const struct nlattr *attributes[IPSET_ATTR_CMD_MAX + 1];
	struct nft_text name;
	struct listed *listed;
	uint16_t number;

	if (!take_attributes(message, attributes) ||
	    !nft_text(attributes[IPSET_ATTR_SETNAME], &name) ||
	    !nft_be16(attributes[IPSET_ATTR_INDEX], &number))
		return -EBADMSG;
	if (reader->listed.n == MAX_SETS)
		return -E2BIG;
	listed = array_push(&reader->listed);
	if (!listed)
		return -ENOMEM;
	listed->name = arena_memdup(&reader->ruleset->arena, name.at, name.length);
	listed->number = number;
	listed->set = RULESET_NONE;
	return listed->name ? 0 : -ENOMEM;
}

static void restart_list(void *data)
{
	((struct reader *)data)->listed.n = 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

static int read_list(struct reader *reader)
{
	struct request request;
	bool interrupted = false;
	int r;

	make_request(&request, IPSET_CMD_LIST);
	mnl_attr_put_u32(&request.header, IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER,
			 htonl(IPSET_FLAG_LIST_HEADER));
	r = nl_dump(&reader->nl, &request.header, take_listed, restart_list, reader, &interrupted);
	if (r < 0 || !reader->listed.n)
		return r;
	qsort(reader->listed.items, reader->listed.n, sizeof(*reader->listed.items), compare_names);
	for (uint32_t i = 0; r == 0 && i < reader->listed.n; i++)
		r = hash_put(&reader->numbers, reader->listed.items[i].number, i);
	return r;
}

/* A set that is referred to, its elements to be read; RULESET_NONE where memory ran out. */
static uint32_t want(struct reader *reader, struct listed *listed)
{
	struct ipset *set;

	if (listed->set != RULESET_NONE)
		return listed->set;
	set = array_push(&reader->ruleset->ipsets);
	if (!set)
		return RULESET_NONE;
	set->name = listed->name;
	set->type = "";
	listed->set = reader->ruleset->ipsets.n - 1;
	return listed->set;
}

/* Of the kernel's number the index of `ipsets`; RULESET_NONE where there is no such set. */
static int resolve(struct reader *reader, uint32_t *number)
{
	uint32_t i = hash_get(&reader->numbers, *number);

	if (i == UINT32_MAX) {
		*number = RULESET_NONE;
		return 0;
	}
	*number = want(reader, &reader->listed.items[i]);
	return *number == RULESET_NONE ? -ENOMEM : 0;
}

/* A member of a list; not to be found is a set that came meanwhile, or went. */
static int resolve_name(struct reader *reader, const struct nft_text *name, uint32_t *ret)
{
	char text[IPSET_MAXNAMELEN];
	const struct listed key = { .name = text };
	struct listed *found = NULL;

	*ret = RULESET_NONE;
	if (name->length >= sizeof(text) || !reader->listed.n)
		return 0;
	memcpy(text, name->at, name->length);
	text[name->length] = '\0';
	found = bsearch(&key, reader->listed.items, reader->listed.n, sizeof(key), compare_names);
	if (!found)
		return 0;
	*ret = want(reader, found);
	return *ret == RULESET_NONE ? -ENOMEM : 0;
}

/* One element: 0, -ENOMEM, or another errno where it is not understood. */
static int take_element(struct reader *reader, const struct nlattr *nest)
{
	struct ruleset *ruleset = reader->ruleset;
	struct ipset_element *element;
	struct nft_text member;
	int r;

	if (ruleset->ipset_elements.n == MAX_ELEMENTS)
		return -E2BIG;
	element = array_push(&ruleset->ipset_elements);
	if (!element)
		return -ENOMEM;
	element->set = RULESET_NONE;
	r = ipset_take_element(&ruleset->arena, &reader->header, nest, element, &member);
	if (r < 0 || !member.length)
		return r;
	/* To resolve it may move nothing but `ipsets`. */
	return resolve_name(reader, &member, &element->set);
}

/* A part of the set: its head is in the first message alone. */
static int take_set(const struct nlmsghdr *message, void *data)
{
	struct reader *reader = data;
	const struct nlattr *attributes[IPSET_ATTR_CMD_MAX + 1], *element;
	struct ipset *set = &reader->ruleset->ipsets.items[reader->set];
	int r;

	if (!take_attributes(message, attributes))
		return -EBADMSG;
	if (attributes[IPSET_ATTR_TYPENAME]) {
		r = ipset_take_header(&reader->ruleset->arena, attributes, &reader->header, set);
		if (r < 0)
			return r;
	}
	if (!reader->header.has_type)
		return -EBADMSG;
	if (!attributes[IPSET_ATTR_ADT])
		return 0;
	mnl_attr_for_each_nested(element, attributes[IPSET_ATTR_ADT]) {
		if (mnl_attr_get_type(element) != IPSET_ATTR_DATA)
			return -EBADMSG;
		r = take_element(reader, element);
		if (r < 0)
			return r;
	}
	return 0;
}

static void restart_set(void *data)
{
	struct reader *reader = data;

	reader->ruleset->ipset_elements.n =
		reader->ruleset->ipsets.items[reader->set].first_element;
	reader->header = (struct ipset_header){ 0 };
}

static int read_set(struct reader *reader, uint32_t index)
{
	struct ruleset *ruleset = reader->ruleset;
	struct request request;
	bool interrupted = false;
	struct ipset *set;
	int r;

	reader->set = index;
	ruleset->ipsets.items[index].first_element = ruleset->ipset_elements.n;
	restart_set(reader);
	make_request(&request, IPSET_CMD_LIST);
	mnl_attr_put_strz(&request.header, IPSET_ATTR_SETNAME, ruleset->ipsets.items[index].name);
	r = nl_dump(&reader->nl, &request.header, take_set, restart_set, reader, &interrupted);
	/* Members of a list may have made the array of sets move. */
	set = &ruleset->ipsets.items[index];
	set->is_known = r == 0 && !interrupted && reader->header.has_type;
	if (!set->is_known)
		ruleset->ipset_elements.n = set->first_element;
	set->n_elements = ruleset->ipset_elements.n - set->first_element;
	return r == -ENOMEM ? r : 0;
}

/* What rules add to a list, or take from it, they add to or take from its members. */
static void spread_changes(struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->ipsets.n; i++) {
		const struct ipset *set = &ruleset->ipsets.items[i];

		for (uint32_t k = 0; k < set->n_elements; k++) {
			uint32_t member = ruleset->ipset_elements.items[set->first_element + k].set;

			if (member == RULESET_NONE)
				continue;
			ruleset->ipsets.items[member].is_added_to |= set->is_added_to;
			ruleset->ipsets.items[member].is_taken_from |= set->is_taken_from;
		}
	}
}

static bool has_sets(const struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->xts.n; i++)
		if (ruleset->xts.items[i].kind == XT_SET)
			return true;
	return false;
}

/* The kernel's numbers of sets in matches and targets become indexes of `ipsets`. */
static int resolve_all(struct reader *reader)
{
	struct ruleset *ruleset = reader->ruleset;
	int r = 0;

	for (uint32_t i = 0; !r && i < ruleset->xts.n; i++)
		if (ruleset->xts.items[i].kind == XT_SET)
			r = resolve(reader, &ruleset->xts.items[i].u.set.set);
	for (uint32_t i = 0; !r && i < ruleset->xts.n; i++) {
		struct xt *xt = &ruleset->xts.items[i];

		if (xt->kind != XT_CHANGE_SETS)
			continue;
		r = resolve(reader, &xt->u.sets.add);
		if (!r)
			r = resolve(reader, &xt->u.sets.del);
		if (!r && xt->u.sets.add != RULESET_NONE)
			ruleset->ipsets.items[xt->u.sets.add].is_added_to = true;
		if (!r && xt->u.sets.del != RULESET_NONE)
			ruleset->ipsets.items[xt->u.sets.del].is_taken_from = true;
	}
	return r;
}

static uint8_t presence_of(int error)
{
	switch (error) {
	case 0:
		return HARK_KNOWN;
	case -EPERM:
	case -EACCES:
		return HARK_DENIED;
	default:
		return HARK_UNSUPPORTED;
	}
}

int ipsets_read(struct hark_source *source, struct ruleset *ruleset)
{
	struct reader reader = { .ruleset = ruleset, .nl = { .handle = -1 } };
	int r;

	ruleset->ipset_presence = HARK_ABSENT;
	if (!has_sets(ruleset))
		return 0;
	r = nl_open(&reader.nl, source, NETLINK_NETFILTER);
	if (!r)
		r = read_list(&reader);
	ruleset->ipset_presence = presence_of(r);
	/* What was not listed is not to be found: nothing is known of it. */
	if (r < 0) {
		reader.listed.n = 0;
		hash_fini(&reader.numbers);
	}
	if (r != -ENOMEM)
		r = resolve_all(&reader);
	for (uint32_t i = 0; !r && i < ruleset->ipsets.n; i++)
		r = read_set(&reader, i);
	spread_changes(ruleset);
	nl_close(&reader.nl);
	array_fini(&reader.listed);
	hash_fini(&reader.numbers);
	return r;
}
