/* SPDX-License-Identifier: MIT */
/* Snapshots made by hand, for the renderers. */
#ifndef SNAPSHOTS_H
#define SNAPSHOTS_H

#include <hark/snapshot.h>

/*
 * The snapshot of that name ("founding", "rich", "connections", "hidden", "empty", "many",
 * "firewall"), or NULL.
 */
struct hark_snapshot *snapshot_by_name(const char *name);

/* Listeners whose firewall lets through what there is to be shown. */
struct hark_snapshot *firewall(void);

/* What they are made of: a host, its listeners (the last one's holders), what they answer. */
struct hark_snapshot *begin(void);
struct hark_socket *tcp(struct hark_snapshot *snapshot, enum hark_family family, const char *addr,
			uint16_t port);
struct hark_socket *udp(struct hark_snapshot *snapshot, enum hark_family family, const char *addr,
			uint16_t port);
struct hark_answer *answer(struct hark_snapshot *s, struct hark_socket *socket,
			   enum hark_family family, int reach);
void dual_stack(struct hark_snapshot *s, struct hark_socket *socket);
uint32_t process(struct hark_snapshot *snapshot, uint32_t pid, uint32_t uid, const char *command,
		 const char *unit);
void hold(struct hark_snapshot *snapshot, uint32_t process_index, uint32_t fd);

#endif
