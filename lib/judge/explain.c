/* SPDX-License-Identifier: MIT */
/*
 * The story of a port, as findings: which sockets there are, what each family gets, who holds them,
 * why other tools show or hide them, which settings are behind it. Pure: everything is in the
 * snapshot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explanation.h"

void add_finding(struct hark_explanation *x, const char *code, uint32_t socket, const char *text,
		 const char *evidence)
{
	struct hark_finding *finding = array_push(&x->findings);

	if (!finding || !text) {
		x->has_failed = true;
		x->findings.n -= finding ? 1 : 0;
		return;
	}
	*finding = (struct hark_finding){
		.code = code, .text = text, .evidence = evidence, .socket = socket
	};
}

const char *endpoint_text(struct hark_explanation *x, const struct hark_addr *addr, uint16_t port,
			  uint8_t family)
{
	const char *scope = addr->scope_id ?
				    hark_snapshot_interface_name(x->snapshot, 0, addr->scope_id) :
				    NULL;
	char text[HARK_ADDR_TEXT_SIZE];

	hark_addr_format(addr, text);
	if (family == HARK_FAMILY_INET)
		return arena_printf(&x->arena, "%s:%u", text, port);
	return arena_printf(&x->arena, "[%s%s%s%s]:%u", hark_addr_is_ipv4(addr) ? "::ffff:" : "",
			    text, scope ? "%" : "", scope ? scope : "", port);
}

const char *append_text(struct hark_explanation *x, const char *list, const char *separator,
			const char *item)
{
	if (!list || !item)
		return item;
	return arena_printf(&x->arena, "%s%s%s", list, separator, item);
}

static const char *v6only_text(const struct hark_socket *socket)
{
	switch ((enum hark_tristate)socket->v6only) {
	case HARK_YES:
		return "INET_DIAG_SKV6ONLY 1";
	case HARK_NO:
		return "INET_DIAG_SKV6ONLY 0";
	case HARK_UNKNOWN:
		break;
	}
	return "INET_DIAG_SKV6ONLY not told";
}

const char *socket_evidence(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *where = endpoint_text(x, &socket->local, socket->local_port, socket->family);

	if (!socket->cookie)
		return arena_printf(&x->arena, "/proc/net/%s%s: %s, inode %u",
				    hark_protocol_name((enum hark_protocol)socket->protocol),
				    socket->family == HARK_FAMILY_INET6 ? "6" : "", where,
				    socket->inode);
	return arena_printf(&x->arena, "sock_diag: %s %s%s%s, inode %u, cookie %016llx",
			    socket->family == HARK_FAMILY_INET ? "AF_INET" : "AF_INET6", where,
			    socket->family == HARK_FAMILY_INET ? "" : ", ",
			    socket->family == HARK_FAMILY_INET ? "" : v6only_text(socket),
			    socket->inode, (unsigned long long)socket->cookie);
}

static const char *name_of_port(struct hark_explanation *x, const struct hark_socket *socket)
{
	const char *protocol = hark_protocol_name((enum hark_protocol)socket->protocol);
	char upper[16] = "";

	for (size_t i = 0; protocol[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(protocol[i] >= 'a' && protocol[i] <= 'z' ?
					  protocol[i] - 'a' + 'A' :
					  protocol[i]);
	if (socket->protocol == HARK_PROTOCOL_RAW)
		return arena_printf(&x->arena, "raw sockets of IP protocol %u", socket->local_port);
	return arena_printf(&x->arena, "%s port %u", upper, socket->local_port);
}

static bool are_alike(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol &&
	       a->local_port == b->local_port && a->family == b->family && a->v6only == b->v6only &&
	       a->device == b->device && a->uid == b->uid &&
	       !hark_addr_compare(&a->local, &b->local) &&
	       a->answers[0].verdict == b->answers[0].verdict &&
	       a->answers[1].verdict == b->answers[1].verdict;
}

static bool is_same_port(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol &&
	       a->local_port == b->local_port && a->is_listener == b->is_listener;
}

static void tell_headline(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	const struct hark_socket *socket = socket_at(x, first);
	bool serves[HARK_FAMILY_N_] = { false, false }, is_unknown = false, is_mapped = false;
	const char *families;

	for (uint32_t i = first; i < first + n; i++) {
		for (int family = 0; family < HARK_FAMILY_N_; family++) {
			const struct hark_answer *answer = &socket_at(x, i)->answers[family];

			serves[family] |= answer->verdict == HARK_VERDICT_ALL ||
					  answer->verdict == HARK_VERDICT_SOME;
			is_unknown |= answer->verdict == HARK_VERDICT_UNKNOWN;
			is_mapped |= answer->via == HARK_VIA_MAPPED;
		}
	}
	families = serves[0] && serves[1] && is_mapped ?
			   "answers IPv4 and IPv6, IPv4 through an IPv6 socket" :
		   serves[0] && serves[1] ? "answers IPv4 and IPv6" :
		   serves[0] && is_mapped ? "answers IPv4, through an IPv6 socket" :
		   serves[0]              ? "answers IPv4" :
		   serves[1]              ? "answers IPv6" :
		   is_unknown             ? "may answer" :
					    "answers nothing";
	add_finding(x, "port", first,
		    arena_printf(&x->arena, "%s %s%s.", name_of_port(x, socket), families,
				 is_unknown && (serves[0] || serves[1]) ?
					 "; the rest is not known" :
				 serves[0] && serves[1] ? "" :
				 is_unknown             ? "; it is not known" :
				 serves[0]              ? ", not IPv6" :
				 serves[1]              ? ", not IPv4" :
							  ""),
		    NULL);
}

static void tell_connection(struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);

	add_finding(
		x, socket->is_mapped ? "mapped-connection" : "connection", i,
		arena_printf(&x->arena, "%s to %s is %s.%s",
			     endpoint_text(x, &socket->local, socket->local_port, socket->family),
			     endpoint_text(x, &socket->remote, socket->remote_port, socket->family),
			     hark_state_name((enum hark_state)socket->state),
			     socket->is_mapped ?
				     " It is IPv4 on the wire: an IPv6 socket carries it." :
				     ""),
		socket_evidence(x, socket));
}

static void explain_port(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	struct alike alike;

	if (!socket_at(x, first)->is_listener) {
		for (uint32_t i = first; i < first + n; i++)
			tell_connection(x, i);
		return;
	}
	tell_headline(x, first, n);
	for (uint32_t i = first; i < first + n; i += alike.n) {
		const struct hark_socket *socket = socket_at(x, i);

		for (alike = (struct alike){ i, 1 }; i + alike.n < first + n; alike.n++)
			if (!are_alike(socket, socket_at(x, i + alike.n)))
				break;
		tell_socket(x, &alike, i == first);
		tell_answer(x, &alike, HARK_FAMILY_INET);
		tell_answer(x, &alike, HARK_FAMILY_INET6);
		tell_holders(x, &alike);
		tell_tools(x, &alike);
		x->has_ipv6 |= socket->family == HARK_FAMILY_INET6;
		x->has_wildcard |= socket->family == HARK_FAMILY_INET6 &&
				   hark_addr_is_any(&socket->local);
		tell_hints(x, &alike);
	}
}

int hark_explain(const struct hark_snapshot *snapshot, const struct hark_selection *selection,
		 struct hark_explanation **ret)
{
	struct hark_explanation *x = calloc(1, sizeof(*x));
	uint32_t n;

	if (!x)
		return -ENOMEM;
	x->snapshot = snapshot;
	for (uint32_t i = 0; i < snapshot->sockets.n; i += n) {
		bool is_meant = false;

		for (n = 0; i + n < snapshot->sockets.n; n++) {
			if (!is_same_port(socket_at(x, i), socket_at(x, i + n)))
				break;
			is_meant |= !selection ||
				    hark_selection_matches(selection, snapshot, i + n);
		}
		if (is_meant)
			explain_port(x, i, n);
	}
	if (x->has_ipv6)
		tell_settings(x, 0);
	if (x->has_failed) {
		hark_explanation_free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

void hark_explanation_free(struct hark_explanation *explanation)
{
	if (!explanation)
		return;
	array_fini(&explanation->findings);
	arena_fini(&explanation->arena);
	free(explanation);
}

uint32_t hark_explanation_n_findings(const struct hark_explanation *explanation)
{
	return explanation->findings.n;
}

const struct hark_finding *hark_explanation_finding(const struct hark_explanation *explanation,
						    uint32_t i)
{
	return i < explanation->findings.n ? &explanation->findings.items[i] : NULL;
}
