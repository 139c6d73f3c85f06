/* SPDX-License-Identifier: MIT */
/*
 * The readers of a ruleset, of the namespace that the calling thread is in. Each sets its presence
 * in the ruleset: what could not be read is no error. 0, or -ENOMEM.
 */
#ifndef RULES_H
#define RULES_H

#include "ruleset.h"
#include "source.h"

/*
 * nf_tables: tables, chains, rules, sets and their elements, by netlink. Read again where its
 * generation changed meanwhile; *ret_interrupted where it did so again and again.
 */
int nftables_read(struct hark_source *source, struct ruleset *ruleset, bool *ret_interrupted);

/*
 * ip_tables and ip6_tables, by getsockopt: only tables that /proc/net/ip_tables_names has, for the
 * kernel makes what is asked for. After nftables_read().
 */
int xtables_read(struct hark_source *source, struct ruleset *ruleset);

/*
 * Decodes a match or target of x_tables, by name, revision and family (NFPROTO_*), into `ret`,
 * whose name and blob are set by the caller's bytes: 0 or -ENOMEM. What is not understood is
 * XT_UNKNOWN. Of an ipset ret->u.set.set is the kernel's number, to be replaced by ipsets_read().
 */
int xt_decode(struct ruleset *ruleset, const char *name, uint8_t revision, bool is_target,
	      uint8_t family, const void *blob, uint32_t length, struct xt *ret);

/* The ipsets that matches refer to: none is read where none is referred to. */
int ipsets_read(struct hark_source *source, struct ruleset *ruleset);

/* Routes, policy rules, settings of interfaces, local addresses. */
int routing_read(struct hark_source *source, struct ruleset *ruleset);

/* BPF programs that see packets on their way in, but for those of cgroups. After routing_read(). */
int programs_read(struct hark_source *source, struct ruleset *ruleset);

/*
 * Those of cgroups, for the cgroups of listeners: a row for each that has any, its own or of a
 * cgroup above it. 0 stands for a cgroup that is not known, which may have one if any has. Costs
 * nothing where no such program is loaded. After programs_read(): 0 or -ENOMEM.
 */
int programs_read_cgroups(struct hark_source *source, struct ruleset *ruleset, const uint64_t *ids,
			  uint32_t n);

/* Whether /etc/hosts.allow or /etc/hosts.deny have any rule of tcp wrappers. */
bool wrappers_has_rules(struct hark_source *source);

/* Whether a process has the library loaded that asks them (/proc/PID/maps). */
enum hark_tristate wrappers_is_used(struct hark_source *source, uint32_t pid);

#endif
