/* SPDX-License-Identifier: MIT */
/* The names that scripts see. */
#include <hark/snapshot.h>

#include <assert.h>
#include <string.h>

#define NAME_OF(names, i, n)                                                             \
	({                                                                               \
		static_assert(sizeof(names) / sizeof((names)[0]) == (n), "a name each"); \
		(unsigned int)(i) < (n) ? (names)[i] : NULL;                             \
	})

static const char *const protocol_names[] = {
	[HARK_PROTOCOL_TCP] = "tcp",   [HARK_PROTOCOL_MPTCP] = "mptcp",
	[HARK_PROTOCOL_UDP] = "udp",   [HARK_PROTOCOL_UDPLITE] = "udplite",
	[HARK_PROTOCOL_RAW] = "raw",   [HARK_PROTOCOL_ICMP] = "icmp",
	[HARK_PROTOCOL_SCTP] = "sctp", [HARK_PROTOCOL_DCCP] = "dccp",
};

static const char *const state_names[] = {
	[HARK_STATE_ESTABLISHED] = "established",
	[HARK_STATE_SYN_SENT] = "syn-sent",
	[HARK_STATE_SYN_RECV] = "syn-recv",
	[HARK_STATE_FIN_WAIT_1] = "fin-wait-1",
	[HARK_STATE_FIN_WAIT_2] = "fin-wait-2",
	[HARK_STATE_TIME_WAIT] = "time-wait",
	[HARK_STATE_CLOSE_WAIT] = "close-wait",
	[HARK_STATE_LAST_ACK] = "last-ack",
	[HARK_STATE_CLOSING] = "closing",
	[HARK_STATE_LISTEN] = "listen",
	[HARK_STATE_BOUND] = "bound",
	[HARK_STATE_UNCONNECTED] = "unconnected",
};

static const struct {
	const char *name;
	const char *text;
} whys[] = {
	[HARK_WHY_NOTHING] = { NULL, "" },
	[HARK_WHY_FAMILY] = { "family", "it is a socket of the other family" },
	[HARK_WHY_V6ONLY] = { "v6only", "IPV6_V6ONLY is set on the socket" },
	[HARK_WHY_BOUND] = { "bound", "the socket is bound to other addresses" },
	[HARK_WHY_NO_ADDRESS] = { "no-address", "there is no local address of this family" },
	[HARK_WHY_NOT_LOCAL] = { "not-local",
				 "the socket is bound to an address that is not local" },
	[HARK_WHY_MULTICAST] = { "multicast", "the socket is bound to a multicast group" },
	[HARK_WHY_BROADCAST] = { "broadcast", "the socket is bound to a broadcast address" },
	[HARK_WHY_SHADOWED] = { "shadowed", "another socket gets it" },
	[HARK_WHY_V6ONLY_UNTOLD] = { "v6only-untold",
				     "whether IPV6_V6ONLY is set cannot be read here" },
	[HARK_WHY_RIVALS] = { "rivals",
			      "several sockets fit equally well, and the kernel cannot be asked" },
	[HARK_WHY_ADDRESSES_UNTOLD] = { "addresses-untold",
					"the local addresses could not be read" },
	[HARK_WHY_INET_LISTENER] = { "inet-listener",
				     "an IPv4 listener on this port takes IPv4, whatever IPV6_V6ONLY is" },
	[HARK_WHY_CHANGED] = { "changed", "sockets came or went while the kernel was asked" },
	[HARK_WHY_VRF] = { "vrf", "what comes through a VRF is for sockets that are bound to it" },
};

const char *hark_protocol_name(enum hark_protocol protocol)
{
	return NAME_OF(protocol_names, protocol, HARK_PROTOCOL_N_);
}

const char *hark_family_name(enum hark_family family)
{
	static const char *const names[] = { "inet", "inet6" };

	return NAME_OF(names, family, HARK_FAMILY_N_);
}

const char *hark_state_name(enum hark_state state)
{
	return NAME_OF(state_names, state, HARK_STATE_N_);
}

const char *hark_verdict_name(enum hark_verdict verdict)
{
	static const char *const names[] = { "all", "some", "none", "unknown" };

	return NAME_OF(names, verdict, HARK_VERDICT_N_);
}

const char *hark_via_name(enum hark_via via)
{
	static const char *const names[] = { NULL, "native", "mapped" };

	return NAME_OF(names, via, HARK_VIA_N_);
}

const char *hark_decided_by_name(enum hark_decided_by decided_by)
{
	static const char *const names[] = { "kernel", "flags", "inferred" };

	return NAME_OF(names, decided_by, HARK_DECIDED_BY_N_);
}

const char *hark_why_name(enum hark_why why)
{
	static_assert(sizeof(whys) / sizeof(whys[0]) == HARK_WHY_N_, "a name each");
	return (unsigned int)why < HARK_WHY_N_ ? whys[why].name : NULL;
}

const char *hark_why_text(enum hark_why why)
{
	return (unsigned int)why < HARK_WHY_N_ ? whys[why].text : NULL;
}

const char *hark_note_what_name(enum hark_note_what what)
{
	static const char *const names[] = { "sockets",    "holders",    "addresses",
					     "answers",    "v6only",     "units",
					     "namespaces", "containers", "firewall" };

	return NAME_OF(names, what, HARK_NOTE_WHAT_N_);
}

const char *hark_note_why_name(enum hark_note_why why)
{
	static const char *const names[] = { "permission", "interrupted", "unsupported", "failed",
					     "limit",      "fallback",    "method" };

	return NAME_OF(names, why, HARK_NOTE_WHY_N_);
}

const char *hark_stage_name(enum hark_stage stage)
{
	static const char *const names[] = { "namespaces", "sockets", "addresses", "answers",
					     "firewall",   "holders", "units",     "selection" };

	return NAME_OF(names, stage, HARK_STAGE_N_);
}

static int from_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

int hark_protocol_from_name(const char *name)
{
	return from_name(protocol_names, HARK_PROTOCOL_N_, name);
}

int hark_state_from_name(const char *name)
{
	return from_name(state_names, HARK_STATE_N_, name);
}

const char *hark_firewall_verdict_name(enum hark_firewall_verdict verdict)
{
	static const char *const names[] = { "accept",   "drop",    "reject",
					     "diverted", "depends", "unknown" };

	return NAME_OF(names, verdict, HARK_FIREWALL_VERDICT_N_);
}

const char *hark_firewall_doubt_name(enum hark_firewall_doubt doubt)
{
	static const char *const names[] = { "sender",         "rate",   "time",
					     "chance",         "set",    "routing",
					     "mark",           "bpf",    "queue",
					     "tcp-wrappers",   "socket", "bridge",
					     "source-pattern", "order",  "undecoded" };

	return NAME_OF(names, doubt, HARK_DOUBT_N_);
}
