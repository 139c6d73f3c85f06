/* SPDX-License-Identifier: MIT */
/*
 * The story of a port, as findings: which sockets there are, what each family gets, who holds
 * them, why other tools show or hide them, which settings are behind it. Pure: everything is in
 * the snapshot.
 */
#include <errno.h>
#include <stdlib.h>

#include "explanation.h"

struct hark_finding *add_finding(struct hark_explanation *x, enum hark_finding_depth depth,
				 const char *code, uint32_t socket, const char *text,
				 const char *evidence)
{
	struct hark_finding *finding = array_push(&x->findings);

	x->has_failed |= !finding || !text || !evidence;
	if (finding)
		*finding = (struct hark_finding){
			.code = code,
			.text = text,
			.evidence = evidence,
			.socket = socket,
			.depth = (uint8_t)depth,
			.n_sockets = socket != HARK_NONE,
			.netns = socket == HARK_NONE ? x->netns : socket_at(x, socket)->netns,
			.first_tool = x->tools.n,
		};
	return finding;
}

static bool are_alike(const struct hark_explanation *x, uint32_t i, uint32_t j)
{
	const struct hark_socket *a = socket_at(x, i), *b = socket_at(x, j);

	return a->family == b->family && a->v6only == b->v6only && a->device == b->device &&
	       a->uid == b->uid && a->is_kernel == b->is_kernel &&
	       !hark_addr_compare(&a->local, &b->local) &&
	       answer_at(x, i, 0)->verdict == answer_at(x, j, 0)->verdict &&
	       answer_at(x, i, 1)->verdict == answer_at(x, j, 1)->verdict &&
	       activation_at(x, i) == activation_at(x, j);
}

static bool is_same_port(const struct hark_socket *a, const struct hark_socket *b)
{
	return a->netns == b->netns && a->protocol == b->protocol &&
	       a->local_port == b->local_port && a->is_listener == b->is_listener;
}

void tell_of(struct hark_explanation *x, uint32_t i)
{
	uint32_t *told = array_push(&x->sockets);

	x->has_failed |= !told;
	if (told)
		*told = i;
}

/* Remembers what the settings are told for. */
static void note_socket(struct hark_explanation *x, uint32_t i)
{
	const struct hark_socket *socket = socket_at(x, i);
	uint8_t bindv6only = x->snapshot->namespaces.items[socket->netns].bindv6only;

	x->has_listener |= !is_copied_to(socket);
	x->has_backlog |= socket->state == HARK_STATE_LISTEN;
	if (socket->family != HARK_FAMILY_INET6 || is_copied_to(socket))
		return;
	x->has_ipv6 = true;
	if (!hark_addr_is_any(&socket->local) || hark_addr_is_ipv4(&socket->local))
		return;
	x->has_wildcard = true;
	if (x->exception == HARK_NONE && socket->v6only != HARK_UNKNOWN &&
	    bindv6only != HARK_UNKNOWN && socket->v6only != bindv6only)
		x->exception = i;
}

uint32_t count_port(const struct hark_explanation *x, uint32_t first)
{
	uint32_t n = 1;

	while (first + n < x->snapshot->sockets.n &&
	       is_same_port(socket_at(x, first), socket_at(x, first + n)))
		n++;
	return n;
}

static void tell_alike(struct hark_explanation *x, const struct alike *alike)
{
	uint32_t first_finding = x->findings.n;

	note_socket(x, alike->first);
	tell_kind(x, alike);
	tell_answer(x, alike, HARK_FAMILY_INET);
	tell_answer(x, alike, HARK_FAMILY_INET6);
	tell_firewall(x, alike);
	tell_load(x, alike);
	tell_holders(x, alike);
	tell_tools(x, alike);
	for (uint32_t f = first_finding; f < x->findings.n; f++)
		x->findings.items[f].n_sockets = alike->n;
}

void tell_port(struct hark_explanation *x, uint32_t first, uint32_t n)
{
	struct alike alike;
	uint32_t headline = x->findings.n;

	tell_headline(x, first, n);
	tell_reach(x, first, n);
	tell_wider(x, first, n);
	tell_entry_ports(x, first, n);
	tell_addresses(x, first, n);
	tell_pair(x, first, n);
	for (uint32_t f = headline; f < x->findings.n; f++)
		x->findings.items[f].n_sockets = n;
	for (uint32_t i = first; i < first + n; i += alike.n) {
		for (alike = (struct alike){ i, 1 }; i + alike.n < first + n; alike.n++)
			if (!are_alike(x, i, i + alike.n))
				break;
		tell_alike(x, &alike);
	}
	tell_hints(x, first, n);
	for (uint32_t i = first; i < first + n; i++)
		tell_of(x, i);
}

/* The ports of one namespace, and what is behind all of them. */
static void explain_ports(struct hark_explanation *x)
{
	uint32_t n_sockets = x->snapshot->sockets.n;

	for (uint32_t i = 0, n; i < n_sockets; i += n) {
		bool is_port_meant = false;

		n = count_port(x, i);
		for (uint32_t k = i; k < i + n && !is_port_meant; k++)
			is_port_meant = is_meant(x, k) || (x->is_near && is_near(x, k));
		x->netns = socket_at(x, i)->netns;
		if (is_port_meant && socket_at(x, i)->is_listener)
			tell_port(x, i, n);
		else if (is_port_meant)
			tell_others(x, i, n);
		if (i + n == n_sockets || socket_at(x, i + n)->netns != x->netns)
			tell_settings(x, x->netns);
	}
}

int hark_explain(const struct hark_snapshot *snapshot, const struct hark_selection *selection,
		 struct hark_explanation **ret)
{
	struct hark_explanation *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->snapshot = snapshot;
	x->selection = selection;
	x->exception = HARK_NONE;
	x->has_failed = hark_exposures_new(snapshot, &x->exposures) < 0;
	tell_overview(x);
	tell_nothing(x);
	explain_ports(x);
	tell_unread(x);
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
	array_fini(&explanation->tools);
	array_fini(&explanation->sockets);
	array_fini(&explanation->hints);
	arena_fini(&explanation->arena);
	hark_exposures_free(explanation->exposures);
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

const struct hark_tool *hark_explanation_tool(const struct hark_explanation *explanation,
					      uint32_t i)
{
	return i < explanation->tools.n ? &explanation->tools.items[i] : NULL;
}

uint32_t hark_explanation_socket(const struct hark_explanation *explanation, uint32_t i)
{
	return i < explanation->sockets.n ? explanation->sockets.items[i] : HARK_NONE;
}
