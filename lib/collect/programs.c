/* SPDX-License-Identifier: MIT */
/*
 * BPF programs, and filters of tc, that see packets on their way in. What they do is not followed:
 * it is enough to know where they are.
 *
 * A host that has no program at all says so to the first question. Else each tells its type, and
 * places are looked through only if there is a program that could be attached there. Filters of tc
 * need no program; the dump of qdiscs tells where any can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include "collect.h"
#include "routing.h"
#include "rules.h"

/* Of Linux 6.4 and later, whose header may be newer than the one that this is built with. */
#define PROGRAM_NETFILTER  32 /* BPF_PROG_TYPE_NETFILTER */
#define LINK_NETFILTER     10 /* BPF_LINK_TYPE_NETFILTER */
#define ATTACH_TCX_INGRESS 46 /* BPF_TCX_INGRESS */
#define ATTACH_NETKIT      54 /* BPF_NETKIT_PRIMARY, and BPF_NETKIT_PEER after it */

#define OBJECTS_MAX 65536u /* programs, or links, that are asked */
#define TYPES_MAX   64

/* struct bpf_link_info as far as that of netfilter */
struct link_info {
	uint32_t type, id, program;
	uint32_t padding;
	uint32_t family, hook;
	int32_t priority;
	uint32_t flags;
};

static int call(struct hark_source *source, int command, union bpf_attr *attr)
{
	return source->ops->bpf(source, command, attr, sizeof(*attr));
}

/* The next id after *id: 1, 0 at the end, or -errno. */
static int next_id(struct hark_source *source, int command, uint32_t *id)
{
	union bpf_attr attr = { .start_id = *id };
	int r = call(source, command, &attr);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (attr.next_id <= *id)
		return 0;
	*id = attr.next_id;
	return 1;
}

/* What the object of an id says of itself: 0, -ENOENT where it is gone, or another -errno. */
static int read_info(struct hark_source *source, int open_command, uint32_t id, void *info,
		     uint32_t size)
{
	union bpf_attr attr = { .prog_id = id };
	int fd = call(source, open_command, &attr), r;

	if (fd < 0)
		return fd;
	attr = (union bpf_attr){
		.info = { .bpf_fd = (uint32_t)fd, .info_len = size, .info = (uintptr_t)info }
	};
	r = call(source, BPF_OBJ_GET_INFO_BY_FD, &attr);
	close(fd);
	return r < 0 ? r : 0;
}

static struct rule_program *push(struct ruleset *ruleset, enum rule_program_kind kind)
{
	struct rule_program *program = array_push(&ruleset->programs);

	if (program)
		program->kind = (uint8_t)kind;
	return program;
}

/* Which types of programs there are: 0 or -errno. */
static int list_types(struct hark_source *source, bool *types)
{
	uint32_t id = 0;
	int r = 0;

	for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
		struct bpf_prog_info info = { 0 };

		r = next_id(source, BPF_PROG_GET_NEXT_ID, &id);
		if (r <= 0)
			return r;
		r = read_info(source, BPF_PROG_GET_FD_BY_ID, id, &info, sizeof(info));
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && info.type < TYPES_MAX)
			types[info.type] = true;
	}
	return -E2BIG;
}

/* In whose namespace a link of netfilter is it does not tell: they concern all. */
static int read_links(struct hark_source *source, struct ruleset *ruleset)
{
	uint32_t id = 0;
	int r = 0;

	for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
		struct link_info info = { 0 };
		struct rule_program *program;

		r = next_id(source, BPF_LINK_GET_NEXT_ID, &id);
		if (r <= 0)
			return r;
		r = read_info(source, BPF_LINK_GET_FD_BY_ID, id, &info, sizeof(info));
		if (r < 0 && r != -ENOENT)
			return r;
		if (r < 0 || info.type != LINK_NETFILTER)
			continue;
		program = push(ruleset, RULE_PROGRAM_NETFILTER);
		if (!program)
			return -ENOMEM;
		program->family = (uint8_t)info.family;
		program->hook = (uint8_t)info.hook;
		program->priority = info.priority;
		program->id = info.program;
	}
	return -E2BIG;
}

/* How many programs are attached to an object, or -errno; *ret_id is that of the first. */
static int query(struct hark_source *source, uint32_t target, uint32_t type, uint32_t flags,
		 uint32_t *ret_id)
{
	uint32_t ids[64] = { 0 };
	union bpf_attr attr = { .query = { .target_fd = target,
					   .attach_type = type,
					   .query_flags = flags,
					   .prog_ids = (uintptr_t)ids,
					   .prog_cnt = sizeof(ids) / sizeof(*ids) } };
	int r = call(source, BPF_PROG_QUERY, &attr);

	/* There are more than fit. */
	if (r < 0 && r != -ENOSPC)
		return r;
	*ret_id = ids[0];
	return r < 0 ? 1 : (int)attr.query.prog_cnt;
}

/* Programs that are attached to an interface without any qdisc. Kernels before 6.6 have no such. */
static int read_attached(struct hark_source *source, struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->interfaces.n; i++) {
		struct rule_interface *interface = &ruleset->interfaces.items[i];
		bool is_netkit = interface->kind && !strcmp(interface->kind, "netkit");
		uint32_t id;
		int n = query(source, interface->ifindex, ATTACH_TCX_INGRESS, 0, &id);

		for (uint32_t k = 0; k < 2 && is_netkit && n <= 0; k++)
			n = query(source, interface->ifindex, ATTACH_NETKIT + k, 0, &id);
		if (n == -EPERM || n == -EACCES)
			return n;
		if (n > 0)
			interface->has_tc = HARK_YES;
	}
	return 0;
}

/* --- tc --- */

static void nothing(void *data)
{
	(void)data;
}

static struct rule_interface *find_interface(struct ruleset *ruleset, int ifindex)
{
	const struct rule_interface *found = ruleset_interface(ruleset, (uint32_t)ifindex);

	return found ? &ruleset->interfaces.items[found - ruleset->interfaces.items] : NULL;
}

static int take_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct rule_interface *interface;

	if (message->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(message) < sizeof(*tc))
		return 0;
	/* "ingress" and "clsact" alike; which filters it has is asked for next. */
	interface = find_interface(data, tc->tcm_ifindex);
	if (interface && tc->tcm_parent == TC_H_INGRESS)
		interface->has_tc = HARK_UNKNOWN;
	return 0;
}

static int take_filter(const struct nlmsghdr *message, void *data)
{
	struct rule_interface *interface = data;

	if (message->nlmsg_type == RTM_NEWTFILTER)
		interface->has_tc = HARK_YES;
	return 0;
}

static int dump_tc(struct nl *nl, uint16_t type, int ifindex, uint32_t parent, nl_take take,
		   void *data)
{
	union {
		struct nlmsghdr header;
		unsigned char bytes[sizeof(struct nlmsghdr) + sizeof(struct tcmsg)];
	} request;
	struct nlmsghdr *header = mnl_nlmsg_put_header(&request);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(header, sizeof(*tc));
	bool interrupted;

	header->nlmsg_type = type;
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = parent;
	return nl_dump(nl, header, take, nothing, data, &interrupted);
}

static int read_filters(struct nl *nl, struct ruleset *ruleset)
{
	int r;

	for (uint32_t i = 0; i < ruleset->interfaces.n; i++)
		ruleset->interfaces.items[i].has_tc = HARK_NO;
	r = dump_tc(nl, RTM_GETQDISC, 0, 0, take_qdisc, ruleset);
	for (uint32_t i = 0; i < ruleset->interfaces.n && r == 0; i++) {
		struct rule_interface *interface = &ruleset->interfaces.items[i];

		if (interface->has_tc != HARK_UNKNOWN)
			continue;
		interface->has_tc = HARK_NO;
		r = dump_tc(nl, RTM_GETTFILTER, (int)interface->ifindex,
			    TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), take_filter, interface);
	}
	/* A kernel without any qdisc. */
	return r == -EOPNOTSUPP ? 0 : r;
}

static int read_tc(struct hark_source *source, struct ruleset *ruleset)
{
	struct nl nl;
	int r = nl_open(&nl, source, NETLINK_ROUTE);

	if (r == 0)
		r = read_filters(&nl, ruleset);
	nl_close(&nl);
	return r;
}

/* --- All of it --- */

static int read_programs(struct hark_source *source, struct ruleset *ruleset)
{
	bool types[TYPES_MAX] = { false };
	int r;

	if (!source->ops->bpf)
		return -ENOSYS;
	r = list_types(source, types);
	ruleset->cgroup_programs = r < 0                           ? HARK_UNKNOWN :
				   types[BPF_PROG_TYPE_CGROUP_SKB] ? HARK_YES :
								     HARK_NO;
	if (r == 0 && types[PROGRAM_NETFILTER])
		r = read_links(source, ruleset);
	if (r == 0 && types[BPF_PROG_TYPE_SCHED_CLS])
		r = read_attached(source, ruleset);
	return r;
}

/* What interfaces have, as rows. */
static int push_interfaces(struct ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->interfaces.n; i++) {
		const struct rule_interface *interface = &ruleset->interfaces.items[i];
		const bool has[] = { interface->has_xdp, interface->has_tc == HARK_YES };

		for (int k = 0; k < 2; k++) {
			struct rule_program *program;

			if (!has[k])
				continue;
			program = push(ruleset, k ? RULE_PROGRAM_TC : RULE_PROGRAM_XDP);
			if (!program)
				return -ENOMEM;
			program->ifindex = interface->ifindex;
			program->id = k ? 0 : interface->xdp;
		}
	}
	return 0;
}

int programs_read(struct hark_source *source, struct ruleset *ruleset)
{
	int tc = read_tc(source, ruleset), r;

	r = tc == -ENOMEM ? tc : read_programs(source, ruleset);
	if (r == 0)
		r = tc;
	if (r == -ENOMEM)
		return r;
	ruleset->program_presence = r == 0                      ? HARK_KNOWN :
				    r == -EPERM || r == -EACCES ? HARK_DENIED :
								  HARK_UNSUPPORTED;
	return push_interfaces(ruleset);
}

/* The effective programs of a cgroup, those of the ones above it included: how many, or -errno. */
static int query_cgroup(struct hark_source *source, int root_fd, uint64_t id, uint32_t *ret_program)
{
	int fd = root_fd < 0 ? root_fd : cgroup_open(root_fd, id), n;

	if (fd < 0)
		return fd;
	n = query(source, (uint32_t)fd, BPF_CGROUP_INET_INGRESS, BPF_F_QUERY_EFFECTIVE,
		  ret_program);
	close(fd);
	return n;
}

int programs_read_cgroups(struct hark_source *source, struct ruleset *ruleset, const uint64_t *ids,
			  uint32_t n)
{
	int root_fd, r = 0;

	if (ruleset->cgroup_programs != HARK_YES || n == 0)
		return 0;
	root_fd = cgroup_open_root(source);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		uint32_t id = 0;
		int count = ids[i] ? query_cgroup(source, root_fd, ids[i], &id) : -ENOENT;
		struct rule_program *program;

		if (count == 0)
			continue;
		program = push(ruleset, RULE_PROGRAM_CGROUP);
		if (!program)
			r = -ENOMEM;
		else
			*program = (struct rule_program){ .kind = RULE_PROGRAM_CGROUP,
							  .id = id,
							  .cgroup_id = ids[i] };
	}
	if (root_fd >= 0)
		close(root_fd);
	return r;
}
