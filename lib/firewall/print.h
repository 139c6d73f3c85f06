/* SPDX-License-Identifier: MIT */
/*
 * Names of what rules are made of, as nft and iptables have them. Each is NULL outside of its
 * enumeration.
 */
#ifndef PRINT_H
#define PRINT_H

#include "ruleset.h"
#include "ruleset_names.h"

const char *rule_family_name(uint8_t family);      /* "ip", "ip6", "inet", ... */
const char *rule_hook_name(enum rule_hook hook);   /* "prerouting", ... */
const char *rule_verdict_name(uint8_t verdict);    /* "accept", "jump", ... */
const char *rule_route_type_name(uint8_t type);    /* RTN_*: "unicast", "local", ... */
const char *rule_ct_state_name(uint32_t bit);      /* enum rule_ct_state: "new", ... */
const char *rule_protocol_name(uint8_t protocol);  /* IPPROTO_*: "tcp", ... */
const char *rule_reject_icmp_name(uint8_t code);   /* of ICMP, "port-unreachable", ... */
const char *rule_reject_icmpv6_name(uint8_t code); /* of ICMPv6, "admin-prohibited", ... */
const char *rule_reject_icmpx_name(uint8_t code);  /* enum rule_icmpx */

/* Whether the iptables of nf_tables made this table: it shows as iptables' own. */
bool rule_table_is_of_iptables(const struct ruleset *ruleset, uint32_t table);

#endif
