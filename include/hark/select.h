/* SPDX-License-Identifier: MIT */
/* Selectors: which sockets are meant. */
#ifndef HARK_SELECT_H
#define HARK_SELECT_H

#include <hark/error.h>
#include <hark/model.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct hark_snapshot;

/* A set of selectors, all of which must match. */
struct hark_selection;

/* An empty selection, which every socket matches. 0 or -ENOMEM. Freed by hark_selection_free(). */
int hark_selection_new(struct hark_selection **ret);
void hark_selection_free(struct hark_selection *selection); /* NULL is fine */

/*
 * Adds one selector as a person writes it ("80", ":8000-8999", "tcp46", "10.0.0.0/8", "[::1]:80",
 * "listen", "pid=1,42", "unit=ssh*", "sshd"); commas mean "or". -EINVAL: *reterr says what is wrong
 * and what may have been meant. Service names are looked up in the system's database.
 */
int hark_selection_add(struct hark_selection *selection, const char *text,
		       struct hark_error *reterr);

/*
 * Keeps what a family reaches: AF_INET sockets, dual-stack listeners and mapped connections for
 * HARK_FAMILY_INET. Both, or neither, set: everything.
 */
void hark_selection_add_family(struct hark_selection *selection, enum hark_family family);

/* Keeps these protocols: a bit mask of 1 << enum hark_protocol. 0: all. */
void hark_selection_set_protocols(struct hark_selection *selection, uint32_t protocols);

/* True where a selector names a state that is no listener's ("established"): `-a` is meant. */
bool hark_selection_names_connections(const struct hark_selection *selection);

/* True where a selector is about namespaces or containers ("netns=blue"): all of them are meant. */
bool hark_selection_names_namespaces(const struct hark_selection *selection);

/*
 * The families (1 << enum hark_family) of the addresses that it asks for: who answers at 10.0.0.7
 * answers IPv4. Both, where it asks for none, or one of either will do.
 */
uint32_t hark_selection_families(const struct hark_selection *selection);

/*
 * False where it asks for addresses, none of which the namespaces of the snapshot have; those that
 * are not known may have them.
 */
bool hark_selection_is_local(const struct hark_selection *selection,
			     const struct hark_snapshot *snapshot);

/* Whether the socket matches every selector. */
bool hark_selection_matches(const struct hark_selection *selection,
			    const struct hark_snapshot *snapshot, uint32_t socket);

/*
 * Whether the door matches by its protocol, port, address, family and namespace, or the listener
 * that it leads to does. NULL: everything matches.
 */
bool hark_selection_matches_door(const struct hark_selection *selection,
				 const struct hark_snapshot *snapshot, uint32_t door);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
