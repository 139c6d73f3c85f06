/* SPDX-License-Identifier: MIT */
/*
 * Asking the kernel's socket look-up: SOCK_DIAG_BY_FAMILY without NLM_F_DUMP.
 *
 * TCP takes the local end as source (inet_diag_find_one_icsk), UDP as
 * destination (udp_dump_one): each as its receive path would call the look-up.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "collect.h"
#include "nl.h"

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

static void put_addr(__be32 *words, const struct question *question, const struct hark_addr *addr)
{
	if (question->family == HARK_FAMILY_INET)
		memcpy(words, addr->bytes + 12, 4);
	else
		memcpy(words, addr->bytes, 16);
}

static void build_request(struct request *request, const struct question *question)
{
	struct inet_diag_sockid *id = &request->body.id;

	*request = (struct request){
		.header = { .nlmsg_len = sizeof(*request),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		.body = { .sdiag_family = question->family == HARK_FAMILY_INET ? AF_INET : AF_INET6,
			  .idiag_states = UINT32_MAX },
	};
	id->idiag_if = question->ifindex;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	switch ((enum hark_protocol)question->protocol) {
	case HARK_PROTOCOL_UDP:
	case HARK_PROTOCOL_UDPLITE:
		request->body.sdiag_protocol =
			question->protocol == HARK_PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_UDPLITE;
		put_addr(id->idiag_dst, question, &question->addr);
		put_addr(id->idiag_src, question, &question->peer);
		id->idiag_dport = htons(question->port);
		id->idiag_sport = htons(question->peer_port);
		break;
	case HARK_PROTOCOL_TCP:
	case HARK_PROTOCOL_MPTCP:
	case HARK_PROTOCOL_DCCP:
	case HARK_PROTOCOL_RAW:
	case HARK_PROTOCOL_ICMP:
	case HARK_PROTOCOL_SCTP:
	case HARK_PROTOCOL_N_:
		request->body.sdiag_protocol =
			question->protocol == HARK_PROTOCOL_DCCP ? IPPROTO_DCCP : IPPROTO_TCP;
		put_addr(id->idiag_src, question, &question->addr);
		put_addr(id->idiag_dst, question, &question->peer);
		id->idiag_sport = htons(question->port);
		id->idiag_dport = htons(question->peer_port);
		break;
	}
}

static int take_reply(const struct nlmsghdr *header, uint32_t i, void *data)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	size_t length = mnl_nlmsg_get_payload_len(header);
	struct question *question = (struct question *)data + i;

	if (header->nlmsg_type == NLMSG_ERROR && length >= sizeof(int)) {
		int error = *(const int *)mnl_nlmsg_get_payload(header);

		question->error = error < 0 ? error : -EBADMSG;
	} else if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY && length >= sizeof(*message)) {
		question->cookie = (uint64_t)message->id.idiag_cookie[1] << 32 |
				   message->id.idiag_cookie[0];
		question->inode = message->idiag_inode;
		question->is_connected = message->id.idiag_dport != 0;
		question->error = 0;
	} else {
		question->error = -EBADMSG;
	}
	return 0;
}

static int ask(struct nl *nl, struct question *questions, uint32_t n)
{
	struct request requests[NL_QUESTIONS_MAX];

	for (uint32_t i = 0; i < n; i++) {
		questions[i].error = -EINPROGRESS;
		build_request(&requests[i], &questions[i]);
	}
	return nl_ask(nl, requests, sizeof(requests[0]), n, take_reply, questions);
}

int collect_replies(struct hark_source *source, struct question *questions, uint32_t n)
{
	struct nl nl;
	int r = n ? nl_open(&nl, source, NETLINK_SOCK_DIAG) : 0;

	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i += NL_QUESTIONS_MAX) {
		uint32_t size = n - i < NL_QUESTIONS_MAX ? n - i : NL_QUESTIONS_MAX;

		if (r == 0)
			r = ask(&nl, questions + i, size);
		/* What was not answered stays unanswered, and the judge says so. */
		for (uint32_t j = i; j < i + size && r < 0; j++)
			if (questions[j].error == -EINPROGRESS || questions[j].error == 0)
				questions[j].error = questions[j].cookie ? 0 : r;
	}
	nl_close(&nl);
	return r == -ENOMEM ? r : 0;
}
