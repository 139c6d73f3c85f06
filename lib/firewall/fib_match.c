/* SPDX-License-Identifier: MIT */
/* What asks routes: the kernel itself, on a packet's way in and that of its reply, and rules. */
#include "packet.h"

int fib_refuses(const struct packet *packet, const struct packet_state *state, uint32_t oif,
		struct condition *ret_rp_filter, struct condition *ret_martian)
{
	int r = condition_of_none(ret_rp_filter);

	(void)packet;
	(void)state;
	(void)oif;
	return r < 0 ? r : condition_of_none(ret_martian);
}

int fib_deliver(const struct packet *packet, const struct packet_state *state,
		struct fib_result **ret, uint32_t *ret_n)
{
	const struct fib_question question = {
		.family = packet->question->family,
		.addr = state->to,
		.iif = packet->in ? packet->in->ifindex : 0,
		.mark = state->mark,
	};

	return fib_ask(packet->fib, &question, &state->sources, ret, ret_n);
}

int fib_reply(const struct packet *packet, const struct packet_state *state,
	      const struct hark_addr *from, struct bits mark, struct fib_result **ret,
	      uint32_t *ret_n)
{
	const struct fib_question question = {
		.family = packet->question->family,
		.is_to_sources = true,
		.addr = *from,
		.mark = mark,
	};

	return fib_ask(packet->fib, &question, &state->sources, ret, ret_n);
}

int fib_expression(const struct packet *packet, const struct packet_state *state,
		   const struct rule_expression *expression, struct fib_result **ret,
		   uint32_t *ret_n)
{
	(void)expression;
	return fib_deliver(packet, state, ret, ret_n);
}

int fib_rpfilter(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
		 struct condition *ret)
{
	(void)packet;
	(void)xt;
	return condition_of_some(ret, &state->sources, DOUBT(ROUTING));
}

int fib_addrtype(const struct packet *packet, const struct packet_state *state, const struct xt *xt,
		 struct condition *ret)
{
	(void)packet;
	(void)xt;
	return condition_of_some(ret, &state->sources, DOUBT(ROUTING));
}

int fib_nobody(const struct ruleset *ruleset, enum hark_family family, struct ranges *ret)
{
	(void)ruleset;
	(void)family;
	(void)ret;
	return 0;
}
