/* SPDX-License-Identifier: MIT */
#include "collect.h"

/* It is the TCP socket beneath that drops connections. */
static void keep_drops(struct hark_snapshot *snapshot, uint32_t parent, uint32_t subflow)
{
	const struct hark_listener *from =
		snapshot_listener(snapshot, &snapshot->sockets.items[subflow]);
	struct hark_listener *to = snapshot_listener(snapshot, &snapshot->sockets.items[parent]);

	to->drops = from->drops;
	to->receive_max = from->receive_max;
	to->has_meminfo = from->has_meminfo;
}

/*
 * An MPTCP listener stands twice in the kernel: as itself, and as the TCP socket beneath it that
 * takes the connections and has the same inode (mptcp_subflow_create_socket). One row remains; it
 * keeps the cookie of the TCP socket, which is what a look-up answers with, and what a bind to a
 * specific IPv6 address sets in the TCP socket alone: IPV6_V6ONLY, and the device of a link-local
 * address. The kernel's own listener of an endpoint with a port knows of address and port only
 * there, too (net/mptcp/pm_netlink.c: mptcp_pm_nl_create_listen_socket()).
 *
 * The kernel's dump of MPTCP sockets leaves out listeners that share a bucket of the hash
 * (net/mptcp/mptcp_diag.c in Linux 6.18: of six in a SO_REUSEPORT group it gives three). The TCP
 * socket of such a one becomes its row, where its upper layer was told.
 */
int mptcp_fold(struct hark_snapshot *snapshot)
{
	struct hash mptcp_by_inode = { 0 };
	uint32_t first = snapshot->first_socket, kept = first, n_folded = 0;
	int r = 0;

	for (uint32_t i = first; i < snapshot->sockets.n && r == 0; i++) {
		const struct hark_socket *socket = &snapshot->sockets.items[i];

		if (socket->protocol == HARK_PROTOCOL_MPTCP && socket->is_listener && socket->inode)
			r = hash_put(&mptcp_by_inode, socket->inode, i);
	}
	if (r < 0)
		goto out;
	for (uint32_t i = first; i < snapshot->sockets.n; i++) {
		struct hark_socket *socket = &snapshot->sockets.items[i];

		if (socket->protocol != HARK_PROTOCOL_TCP || !socket->is_listener)
			continue;
		uint32_t parent = hash_get(&mptcp_by_inode, socket->inode);

		if (parent == HARK_NONE) {
			if (!snapshot_listener(snapshot, socket)->subflow_cookie)
				continue;
			socket->protocol = HARK_PROTOCOL_MPTCP;
			socket->cookie = 0; /* the MPTCP socket's own was not told */
			continue;
		}
		snapshot_listener(snapshot, &snapshot->sockets.items[parent])->subflow_cookie =
			socket->cookie;
		keep_drops(snapshot, parent, i);
		snapshot->sockets.items[parent].v6only = socket->v6only;
		snapshot->sockets.items[parent].device = socket->device;
		snapshot->sockets.items[parent].local = socket->local;
		snapshot->sockets.items[parent].local_port = socket->local_port;
		socket->protocol = HARK_PROTOCOL_N_;
		n_folded++;
	}
	if (n_folded == 0)
		goto out;
	for (uint32_t i = first; i < snapshot->sockets.n; i++)
		if (snapshot->sockets.items[i].protocol != HARK_PROTOCOL_N_)
			snapshot->sockets.items[kept++] = snapshot->sockets.items[i];
	snapshot->sockets.n = kept;
out:
	hash_fini(&mptcp_by_inode);
	return r;
}
